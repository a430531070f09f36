"""Lin, Zeng, Xiao, Kou, Hou, Gao, Zhang & Deng 2024, "MatryoshkaKV: Adaptive KV Compression via
Trainable Orthogonal Projection", ICLR 2025, arXiv 2410.14731.

For whoever caches $r$ of the $d$ key coordinates of a head and must choose which, and whether to
insist on an orthogonal projection.

Setting: the logits are $qᵀk$ over all pairs of queries and keys, and $C_q$ and $C_k$ are the second
moments $(d, d)$ of both. The cache holds $Dᵀk$, and a logit is $(Eᵀq)ᵀ(Dᵀk)$, with $D$ and $E$
$(d, r)$. The error is the mean of $(qᵀ(I - E Dᵀ)k)²$. $σ_1 >= σ_2 >= …$ are the singular values of
$C_q^½ C_k^½$.

Take away: two different matrices $D$ and $E$ cost no more than one orthogonal projection, and they
are far better if queries and keys have different axes: for axes at 45° and an axis ratio of .01 in
the second moments the error is 25 times smaller (price_of_orthogonality,
price_of_orthogonality-free). Tuning an orthogonal projection gains 1 % there
(price_of_orthogonality-pca). Heads that share a budget of coordinates take those of the largest
$σ²$ of all heads (least_error-shared).

Edges: if $C_q$ and $C_k$ have the same eigenvectors, an orthogonal projection is as good as any,
but it must keep the largest products of their eigenvalues, and not the keys' largest eigenvalues.
This is the case with rotary embedding: averaged over many positions, both moments are multiples of
the identity in each plane. Singular moments need a pseudoinverse.

Paper: it tunes orthogonal projections of keys and values with a distillation loss for several ranks
at once, and finds less loss than with principal components. This page gives the least error in the
logits that any projection of keys causes.

Abstract:

- Statement 1: principal components of the keys lose much at low rates. In part:
  price_of_orthogonality-pca. They ignore the queries; how much a model loses is not on trial.
- Statement 2: orthogonal projections should be tuned. In part: price_of_orthogonality. Tuning
  helps, and two unlike projections are better than one orthogonal.
- Statement 3: one nested projection serves all rates. In part: least_error-nested, nested_or_not.
  For two unlike projections; not for orthogonal ones.
- Statement 4: each layer and head gets the best rate for a given budget by a search. In part:
  least_error-shared. For the errors of the logits of several heads; the search of the paper goes by
  the outputs of trained models.
- Statement 5: 90 % of the performance is kept at 60 % compression, with few data to train on. Not
  on trial. These are measurements of large models.

Read: the abstract, in a copy ("directly tune the orthogonal projection matrices"). Derived here:
all claims. Not claimed: anything on values, or on what a model loses. Topic: sequence models and
attention.
"""

from itertools import product
from typing import Annotated

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from paper_checks.briefs.common import apart, orthonormal
from theory_on_trial import claim, derived, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Width = Annotated[int, Interval(2, 8, why="one coordinate cannot be cut; more are slow to train")]
Kept = Annotated[int, Interval(1, 7, why="without a coordinate nothing is left to choose")]
Ratio = Annotated[float, Interval(0.001, 0.9, why="at 1 the moments of queries say nothing")]
Turn = Annotated[float, Interval(0.05, 1.5, why="at 0 and at a right angle the axes are the same")]
TRAINED = {"method": "L-BFGS-B", "options": {"maxiter": 5000, "ftol": 1e-16, "gtol": 1e-11}}


def moments(samples):
    """The second moments (d, d) of samples (n, d)."""
    return samples.T @ samples / len(samples)


def drawn(generator, width):
    """Queries and keys, each (3 d, d), of unlike axes, and keys with a mean."""
    scales = np.geomspace(1, 0.2, width)
    queries, keys = generator.normal(size=(2, 3 * width, width)) * scales
    return queries @ orthonormal(generator, width), keys @ orthonormal(generator, width) + 0.5


@observed
def trained(generator, queries, keys, ranks, centred=False):
    """The least error that L-BFGS finds for D and E, summed over ranks that use their first
    columns. With `centred` the error of a row of logits is its variance.
    """
    width = queries.shape[1]
    most = max(ranks)

    def error(projection):
        logits = queries @ (np.eye(width) - projection) @ keys.T
        if centred:
            logits -= logits.mean(axis=1, keepdims=True)
        return np.mean(logits**2), -2 * queries.T @ logits @ keys / logits.size

    def loss(entries):
        down, up = entries.reshape(2, width, most)
        total = 0.0
        slopes = np.zeros((2, width, most))
        for rank in ranks:
            value, slope = error(up[:, :rank] @ down[:, :rank].T)
            total += value
            slopes[0, :, :rank] += slope.T @ up[:, :rank]
            slopes[1, :, :rank] += slope @ down[:, :rank]
        return total, slopes.ravel()

    starts = generator.normal(size=(2, 2 * width * most)) / np.sqrt(width)
    return min(minimize(loss, start, jac=True, **TRAINED).fun for start in starts)


@observed
def pair_error(query_moments, key_moments, down, up):
    """The mean of (qᵀ(I - E Dᵀ)k)² for one column D and one column E."""
    rest = np.eye(len(down)) - np.outer(up, down)
    roots = [np.linalg.cholesky(both).T for both in (query_moments, key_moments)]
    return np.sum((roots[0] @ rest @ roots[1].T) ** 2)


@observed
def line_error(query_moments, key_moments, angle):
    """The error of D = E, a unit vector with this angle."""
    line = np.array([np.cos(angle), np.sin(angle)])
    return pair_error(query_moments, key_moments, line, line)


@observed
def best_line(query_moments, key_moments):
    """The least error of one line D = E over all its angles, by a grid and Brent's method."""
    grid = np.linspace(0, np.pi, 181)
    errors = [line_error(query_moments, key_moments, angle) for angle in grid]
    near = grid[np.argmin(errors)]
    search = minimize_scalar(
        lambda angle: line_error(query_moments, key_moments, angle),
        bounds=(near - grid[1], near + grid[1]),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return search.fun


@observed
def best_pair(query_moments, key_moments):
    """The least error of unlike D and E, by least squares for each in turn."""
    up = np.ones(len(key_moments))
    for _ in range(300):
        down = query_moments @ up / (up @ query_moments @ up)
        up = key_moments @ down / (down @ key_moments @ down)
    return pair_error(query_moments, key_moments, down, up)


@observed
def error_of_key_axis(query_moments, key_moments):
    """The error of the principal component of the keys, the longest of all directions."""
    grid = np.linspace(0, np.pi, 1801)
    directions = np.stack([np.cos(grid), np.sin(grid)], axis=1)
    near = grid[np.argmax(np.einsum("na,ab,nb->n", directions, key_moments, directions))]

    def shortness(angle):
        direction = np.array([np.cos(angle), np.sin(angle)])
        return -direction @ key_moments @ direction

    step = grid[1]
    options = {"xatol": 1e-12}
    search = minimize_scalar(
        shortness, bounds=(near - step, near + step), method="bounded", options=options
    )
    return line_error(query_moments, key_moments, search.x)


@observed
def best_subspace(query_moments, key_moments, rank, starts):
    """The columns (d, rank) of least error with D = E orthonormal, by BFGS over QR factors."""
    width = len(key_moments)

    def loss(entries):
        basis = np.linalg.qr(entries.reshape(width, rank))[0]
        rest = np.eye(width) - basis @ basis.T
        return np.sum((query_moments @ rest @ key_moments) * rest)

    searches = [
        minimize(loss, start.ravel(), method="BFGS", tol=1e-9) for start in starts[:, :, :rank]
    ]
    best = min(searches, key=lambda search: search.fun)
    return np.linalg.qr(best.x.reshape(width, rank))[0]


@predicted
def squares(query_moments, key_moments):
    """σ_i², falling: the eigenvalues of C_q C_k."""
    return np.sort(np.linalg.eigvals(query_moments @ key_moments).real)[::-1]


@observed
def best_of_all_splits(generator, heads, budget):
    """The least sum of the trained errors of heads, pairs of queries and keys of one width, over
    all ways to split a budget of coordinates between them.
    """
    width = heads[0][0].shape[1]
    errors = [
        [
            np.mean((queries @ keys.T) ** 2),
            *(trained(generator, queries, keys, [rank]) for rank in range(1, width)),
            0.0,
        ]
        for queries, keys in heads
    ]
    splits = product(range(width + 1), repeat=len(heads))
    return min(
        sum(by_rank[rank] for by_rank, rank in zip(errors, split, strict=True))
        for split in splits
        if sum(split) == budget
    )


@predicted
def least_error_of_heads(heads, budget):
    """The sum of all σ² of heads, pairs of second moments, without the largest ones: as many as the
    budget says.
    """
    return np.sort(np.concatenate([squares(*both) for both in heads]))[::-1][budget:].sum()


@predicted
def least_error(query_moments, key_moments, ranks):
    """Σ over i > r of σ_i², summed over ranks."""
    values = squares(query_moments, key_moments)
    return sum(values[rank:].sum() for rank in ranks)


def check_ratio(ratio):
    """Raises ValueError unless e lies in (0, 1]."""
    if not 0 < ratio <= 1:
        raise ValueError("ratio must lie in (0, 1]: the first axis of both moments is the longer")


@predicted
def best_orthogonal(ratio, turn):
    """Return e sin² φ if |cos φ| <= (1 - e)/(1 + e), else ((1 + e)/2 - |cos φ|(1 - e)/2)²."""
    check_ratio(ratio)
    cosine = np.abs(np.cos(turn))
    if cosine <= (1 - ratio) / (1 + ratio):
        return ratio * np.sin(turn) ** 2
    return ((1 + ratio) / 2 - cosine * (1 - ratio) / 2) ** 2


@predicted
def error_of_pca(ratio, turn):
    """Return e (sin² φ + e cos² φ)."""
    check_ratio(ratio)
    return ratio * (np.sin(turn) ** 2 + ratio * np.cos(turn) ** 2)


@predicted
def best_free(ratio, turn):
    """λ_min(C_q C_k): the smaller root of λ² - t λ + e² = 0, t = (1 + e²) cos² φ + 2 e sin² φ."""
    check_ratio(ratio)
    trace = (1 + ratio**2) * np.cos(turn) ** 2 + 2 * ratio * np.sin(turn) ** 2
    return 2 * ratio**2 / (trace + np.sqrt(np.maximum(trace**2 - 4 * ratio**2, 0)))


@predicted
def gain_of_unlike(turn):
    """Return sin²(2 φ)/4, the limit of e times the gain."""
    return np.sin(2 * turn) ** 2 / 4


@predicted
def stationary_line(query_moments, key_moments):
    """The line u of least error, by iteration: the least eigenvector of
    (uᵀC_k u) C_q + (uᵀC_q u) C_k - C_q C_k - C_k C_q.
    """
    product = query_moments @ key_moments
    line = np.linalg.eigh(-product - product.T)[1][:, 0]
    for _ in range(500):
        of_keys = (line @ key_moments @ line) * query_moments
        of_queries = (line @ query_moments @ line) * key_moments
        operator = of_keys + of_queries - product - product.T
        line = np.linalg.eigh(operator)[1][:, 0]
    return line


@predicted
def stationary_normal(query_moments, key_moments):
    """The normal n of the plane of least error in three dimensions, which minimises
    (nᵀC_q n)(nᵀC_k n): the least eigenvector of C_q/(nᵀC_q n) + C_k/(nᵀC_k n), by iteration.
    """
    normal = np.eye(3)[2]
    for _ in range(500):
        operator = sum(both / (normal @ both @ normal) for both in (query_moments, key_moments))
        normal = np.linalg.eigh(operator)[1][:, 0]
    return normal


def two_moments(ratio, turn):
    """diag(1, e) and the same turned by φ."""
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    axes = np.diag([1.0, ratio])
    return axes, turned @ axes @ turned.T


def projected(query_moments, key_moments, axes):
    """The error of an orthogonal projection that leaves out these axes (d, d - r)."""
    rest = axes @ axes.T
    return np.sum((query_moments @ rest @ key_moments) * rest)


def rivals(query_moments, key_moments, ranks):
    """Other theories of the least error: principal components of the keys or of both, and white
    queries.
    """
    components = {
        "principal components of the keys": key_moments,
        "principal components of both": query_moments + key_moments,
    }
    mean_square = np.trace(query_moments) / len(query_moments)
    tails = [np.linalg.eigvalsh(key_moments)[: len(key_moments) - rank].sum() for rank in ranks]
    controls = {"as if queries were white": mean_square * sum(tails)}
    for name, both in components.items():
        axes = np.linalg.eigh(both)[1]
        left_out = [axes[:, : len(axes) - rank] for rank in ranks]
        controls[name] = sum(projected(query_moments, key_moments, some) for some in left_out)
    return controls


@claim(
    derived("Eckart and Young in the axes of $C_k^½$"),
    kind="optimality",
    cases=[(6, 2), (2, 1), (8, 5)],
)
def test_least_error(trial, width: Width, kept: Kept):
    """Let logits $qᵀk$ be replaced by $(Eᵀq)ᵀ(Dᵀk)$ with $r$ columns in $D$ and $E$. The least mean
    squared error is $sum_{i>r} σ_i²$, where $σ_i$ are the singular values of $C_q^½ C_k^½$, and
    $C_q$ and $C_k$ the second moments of queries and keys.
    """
    trial.require(kept < width, "fewer coordinates must be kept than there are")
    generator = trial.generator("queries and keys")
    queries, keys = drawn(generator, width)
    both = moments(queries), moments(keys)
    law = least_error(*both, [kept])
    trial.value(
        trained(generator, queries, keys, [kept]),
        law,
        error=1e-6 * law,
        margin=1e-4 * law,
        generic="the least error is analytic in the moments where singular values differ",
        controls=rivals(*both, [kept]),
    )


@claim(derived("one ordered basis has all tails"), kind="optimality", cases=[4, 3, 5])
def test_least_error__nested(
    trial,
    width: Annotated[int, Interval(3, 5, why="of two only one can be kept; all ranks are trained")],
):
    """Let logits $qᵀk$ of $d$ coordinates be replaced by $(Eᵀq)ᵀ(Dᵀk)$ with the first $r$ columns
    of one $D$ and one $E$. The least sum of the mean squared errors over $r = 1, …, d - 1$ is the
    sum of the least error $sum_{i>r} σ_i²$ of each $r$: one ordered pair serves every rank at once.
    $σ_i$ are the singular values of $C_q^½ C_k^½$, and $C_q$ and $C_k$ the second moments of
    queries and keys.
    """
    generator = trial.generator("queries and keys")
    queries, keys = drawn(generator, width)
    both = moments(queries), moments(keys)
    ranks = range(1, width)
    law = least_error(*both, ranks)
    trial.value(
        trained(generator, queries, keys, ranks),
        law,
        error=1e-6 * law,
        margin=1e-4 * law,
        generic="the least error is analytic in the moments where singular values differ",
        controls=rivals(*both, ranks),
    )


@claim(
    tried("abstract, statement 4: the best rate of each head for a budget", "a rule by all $σ$"),
    kind="optimality",
    cases=[(3, 3, 3), (2, 4, 4), (3, 2, 3)],
)
def test_least_error__shared(
    trial,
    heads: Annotated[int, Interval(2, 3, why="one head shares with none; all splits are tried")],
    width: Annotated[int, Interval(2, 4, why="one coordinate cannot be cut; all are trained")],
    budget: Annotated[int, Interval(2, 8, why="less than all coordinates of all heads")],
):
    """Let the logits $qᵀk$ of each of $h$ heads be replaced by $(Eᵀq)ᵀ(Dᵀk)$, with $D$ and $E$ of
    its own and $r$ columns in the $D$ of all heads together. The least sum of their mean squared
    errors is the sum of all $σ²$ of all heads but the $r$ largest, where the $σ$ of a head are the
    singular values of $C_q^½ C_k^½$, and $C_q$ and $C_k$ the second moments of queries and keys.
    """
    trial.require(budget < heads * width, "budget must be below the coordinates of all heads")
    generator = trial.generator("queries and keys")
    drawn_heads = [drawn(generator, width) for _ in range(heads)]
    drawn_heads = [(queries / 4**place, keys) for place, (queries, keys) in enumerate(drawn_heads)]
    both = [(moments(queries), moments(keys)) for queries, keys in drawn_heads]
    law = least_error_of_heads(both, budget)
    # The first heads get one coordinate more if the budget does not divide.
    equal = [budget // heads + (place < budget % heads) for place in range(heads)]
    scales = [np.trace(of_queries) / width for of_queries, _ in both]
    white = [
        scale * np.linalg.eigvalsh(of_keys)
        for scale, (_, of_keys) in zip(scales, both, strict=True)
    ]
    wrong = {
        "equal ranks": sum(least_error(*some, [r]) for some, r in zip(both, equal, strict=True)),
        "as if queries were white": np.sort(np.concatenate(white))[: heads * width - budget].sum(),
    }
    trial.value(
        best_of_all_splits(generator, drawn_heads, budget),
        law,
        error=1e-6 * law,
        margin=1e-4 * law,
        generic="the least error is analytic in the moments where singular values differ",
        controls=apart(wrong, law, 1e-3 * law),
    )


ASKEW = [(0.01, np.pi / 4), (0.1, 0.1), (0.001, 1.2), (0.5, 1.0)]


@claim(derived("the error in twice the angle is a parabola"), kind="optimality", cases=ASKEW)
def test_price_of_orthogonality(trial, ratio: Ratio, turn: Turn):
    """Let queries have the second moments $diag(1, e)$, $e < 1$, and keys the same turned by $φ$.
    If both are projected on one line, the least mean squared error of the logits is $e sin² φ$ if
    $|cos φ| <= (1 - e)/(1 + e)$, and else $((1 + e)/2 - |cos φ|(1 - e)/2)²$.
    """
    law = best_orthogonal(ratio, turn)
    trial.value(
        best_line(*two_moments(ratio, turn)),
        law,
        error=1e-9 * law,
        margin=1e-7 * law,
        controls={
            "unlike $D$ and $E$ are no better": best_free(ratio, turn),
            "the principal component of the keys": error_of_pca(ratio, turn),
        },
    )


@claim(derived("an eigenvector of $C_k$"), kind="identity", cases=ASKEW)
def test_price_of_orthogonality__pca(trial, ratio: Ratio, turn: Turn):
    """Let queries have the second moments $diag(1, e)$, and keys the same turned by $φ$. If both
    are projected on the principal component of the keys, the logits have the mean squared error
    $e (sin² φ + e cos² φ)$.
    """
    law = error_of_pca(ratio, turn)
    trial.value(
        error_of_key_axis(*two_moments(ratio, turn)),
        law,
        error=3e-7 * law,
        margin=1e-6 * law,
        controls={"it is the best": best_orthogonal(ratio, turn)},
    )


@claim(derived("the smaller eigenvalue of a $2 × 2$ matrix"), kind="optimality", cases=ASKEW)
def test_price_of_orthogonality__free(trial, ratio: Ratio, turn: Turn):
    """If queries and keys in the plane are projected on lines of their own, the least mean squared
    error of the logits is the smaller eigenvalue of $C_q C_k$, the product of their second moments.
    """
    law = best_free(ratio, turn)
    trial.value(
        best_pair(*two_moments(ratio, turn)),
        law,
        error=1e-9 * law,
        margin=1e-7 * law,
        controls={
            "as with the same axes": ratio**2,
            "orthogonal ones are as good": best_orthogonal(ratio, turn),
        },
    )


@claim(
    derived("$λ_min$ is $e²/cos² φ$ and the best line $e sin² φ$"),
    kind="limit",
    cases=[0.8, 0.3, 1.3],
)
def test_price_of_orthogonality__limit(
    trial,
    turn: Annotated[
        float,
        Interval(0.05, 1.3, why="near a right angle e must be far below cos² φ for the limit"),
    ],
):
    """Let queries have the second moments $diag(1, e)$, and keys the same turned by $φ$. The least
    error of the logits with one line for both, over that with a line for each, tends to
    $sin²(2 φ)/(4 e)$ as $e → 0$.
    """
    sizes = 2.0 ** np.arange(10, 17)
    gains = []
    for size in sizes:
        both = two_moments(1 / size, turn)
        gains.append(best_line(*both) / best_pair(*both) / size)
    law = gain_of_unlike(turn)
    rivals = {
        "$sin² φ/(4 e)$, $φ$ for $2 φ$": np.sin(turn) ** 2 / 4,
        "$sin² φ/e$, as if the best pair cost $e²$": np.sin(turn) ** 2,
    }
    trial.limit(
        np.array(gains),
        sizes,
        law,
        order=1,
        margin=0.01 * law,
        controls=apart(rivals, law, 0.03 * law),
    )


@claim(derived("by a counterexample"), kind="identity", cases=[1.0, 0.3, 0.6])
def test_nested_or_not(
    trial, tilt: Annotated[float, Interval(0.3, 1.0, why="near 0 both have the same axes")]
):
    """Let queries have the second moments $C_q = diag(9, 3, 1)$, and keys $C_k = diag(2, 3, 4)$
    with $t$ beside the diagonal. The line $u$ whose orthogonal projection has the least error in
    the logits does not lie in the plane of least error, which has the normal $n$: the sine of their
    angle is $|u·n|$, .1025 for $t = 1$. Here $u$ is the least eigenvector of
    $(uᵀC_k u) C_q + (uᵀC_q u) C_k - C_q C_k - C_k C_q$, and $n$ that of
    $C_q/(nᵀC_q n) + C_k/(nᵀC_k n)$.
    """
    query_moments = np.diag([9.0, 3.0, 1.0])
    key_moments = np.diag([2.0, 3.0, 4.0]) + tilt * (np.eye(3, k=1) + np.eye(3, k=-1))
    starts = trial.generator("starts").normal(size=(4, 3, 2))
    line = best_subspace(query_moments, key_moments, 1, starts)[:, 0]
    plane = best_subspace(query_moments, key_moments, 2, starts)
    sine = np.linalg.norm(line - plane @ (plane.T @ line))
    law = np.abs(
        stationary_line(query_moments, key_moments) @ stationary_normal(query_moments, key_moments)
    )
    trial.value(
        sine,
        law,
        error=1e-6,
        margin=1e-5,
        instances="search",
        controls={"one nested basis serves both": 0.0},
    )


@claim(
    derived("the mean over a row is projected out"),
    kind="optimality",
    cases=[(4, 2), (2, 1), (6, 3)],
)
def test_centre_keys(trial, width: Width, kept: Kept):
    """Let logits $qᵀk$ be replaced by $(Eᵀq)ᵀ(Dᵀk)$ with $r$ columns in $D$ and $E$. The variance
    of the error over the keys, which is all that softmax sees, has a mean over queries of at least
    $sum_{i>r} σ_i²$, and some $D$ and $E$ attain it. $σ_i$ are the singular values of $C_q^½ C^½$,
    $C_q$ the second moments of queries and $C$ the covariance of keys.
    """
    trial.require(kept < width, "fewer coordinates must be kept than there are")
    generator = trial.generator("queries and keys")
    queries, keys = drawn(generator, width)
    centred = keys - keys.mean(axis=0)
    law = least_error(moments(queries), moments(centred), [kept])
    of_centred_queries = queries - queries.mean(axis=0)
    trial.value(
        trained(generator, queries, keys, [kept], centred=True),
        law,
        error=1e-6 * law,
        margin=1e-4 * law,
        generic="the least error is analytic in the moments where singular values differ",
        controls={
            "keys as they are": least_error(moments(queries), moments(keys), [kept]),
            "both are centred": least_error(moments(of_centred_queries), moments(centred), [kept]),
        },
    )


@figure("F1", claims=("price_of_orthogonality",))
def error_against_axis_ratio(turn: float = np.pi / 4):
    """An orthogonal projection has an error that is orders of magnitude larger where queries and
    keys have different axes; tuning it gains little.

    One of two coordinates is kept, axes at 45°. Marks: lines: laws; points: a search over all
    angles of $D = E$, and least squares for unlike $D$ and $E$ in turn.
    """
    fine = np.geomspace(1e-3, 0.9, 60)
    coarse = np.geomspace(1e-3, 0.9, 10)
    both = [two_moments(ratio, turn) for ratio in coarse]
    laws = {
        "principal component of keys": error_of_pca,
        "best orthogonal": best_orthogonal,
        "best unlike D and E": best_free,
    }
    lines = {name: (fine, [law(ratio, turn) for ratio in fine]) for name, law in laws.items()}
    searches = [
        [error_of_key_axis(*pair) for pair in both],
        [best_line(*pair) for pair in both],
        [best_pair(*pair) for pair in both],
    ]
    points = {name: (coarse, found) for name, found in zip(laws, searches, strict=True)}
    return chart(
        lines,
        points,
        log="xy",
        x="axis ratio e of the second moments",
        y="mean squared logit error",
    )
