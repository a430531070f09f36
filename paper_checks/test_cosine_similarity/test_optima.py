"""Optima of both objectives, and the gauges that they leave free or fix.

The package says what the letters mean.
"""

from typing import Annotated, Any

import numpy as np

from paper_checks.test_cosine_similarity import extreme_gauges
from sims import cosine_similarity as observed
from theory import cosine_similarity as predicted
from theory_on_trial import claim, derived, known, paper, tried
from theory_on_trial.contract import Interval

Items = Annotated[
    int, Interval(5, 16, why="optima are searched by Newton's method among 2 k items numbers")
]
Rank = Annotated[
    int,
    Interval(
        1, 4, why="the k-th singular value is .72 of the one before, and a search must see it"
    ),
]
SeveralRanks = Annotated[
    int, Interval(2, 4, why="with k = 1 every cosine is 1 or -1; the k-th must be seen by a search")
]
SOFTER = (
    "in squared units of singular values that fall from 19: beyond, wrong shrinkages agree "
    "or leave nothing"
)
Penalty = Annotated[float, Interval(1, 300, why=SOFTER)]
Decay = Annotated[
    float, Interval(0.1, 12, why="above 13.7 one direction is left, and every cosine is 1 or -1")
]
FewFlow = Annotated[
    int,
    Interval(2, 3, why="with k = 1 every cosine is 1 or -1; a flow must reach the k-th direction"),
]


def ratings(generator: np.random.Generator, items: int) -> np.ndarray:
    """X of singular values 19, 13.7, 9.8, 7.1, ... in random directions, 33 more users than
    items.
    """
    left, right = (np.linalg.qr(generator.normal(size=(n, items)))[0] for n in (items + 33, items))
    return (left * singular_values(items)) @ right.T


def singular_values(items: int) -> np.ndarray:
    """From 19 on, each .72 of the one before."""
    return 19 * 0.72 ** np.arange(items)


def fitted(generator, x, rank, penalty, penalised, starts=3):
    """Fits from random starts of unit size; a search that ends in a gauge so stretched that
    rounding shows is left.
    """
    fits = []
    spare = 3 * starts
    while len(fits) < starts:
        fit = observed.fit(x, *generator.normal(size=(2, x.shape[1], rank)), penalty, penalised)
        degenerate = penalised == "product" and np.linalg.cond(fit.a) > 1e3
        fits += [] if degenerate and spare else [fit]
        spare -= degenerate
    return fits


def value_error(x, fits):
    """What the fits may be above the least, and the rounding of a sum of squares."""
    return np.array([fit.decrement for fit in fits]) + 1e-13 * np.sum(x**2)


def product_error(fits):
    """How far the remaining steps may move A B^T, and rounding."""
    return (
        max(2 * fit.moved + 1e-15 * np.linalg.norm(fit.a) * np.linalg.norm(fit.b) for fit in fits)
        + 1e-13
    )


def cosine_error(fits):
    """How far the remaining steps may turn a row, and rounding."""
    return max(4 * fit.step / np.linalg.norm(fit.b, axis=1).min() for fit in fits) + 1e-13


def right_vectors(x, rank):
    """V_k."""
    return predicted.objective1_factors(x, rank, 1.0, 0.0).b


def require_decided(trial, values, penalty):
    """Leave out a λ that makes one of the optimum's columns vanish only just."""
    distinct = np.abs(penalty / values - 1).min() > 0.03
    trial.require(
        distinct,
        f"penalty must be 3 % off each of the first singular values 19 * .72^i, got {penalty}",
    )


@claim(
    tried("section 2.2: the solution of objective 1 in closed form", "its least value"),
    kind="optimality",
    cases=[(7, 3, 30.0), (7, 1, 3.0), (10, 4, 100.0)],
)
def test_objective1_optimum(trial, items: Items, rank: Rank, penalty: Penalty):
    """The least value of objective 1, $|X - X A B^T|^2 + λ |A B^T|^2$ with $k$ columns, is the sum
    of $λ σ_i^2 / (σ_i^2 + λ)$ over $i <= k$ and of $σ_i^2$ over $i > k$, where $σ_i$ are the
    singular values of $X$.
    """
    generator = trial.generator()
    values = singular_values(items)[:rank]
    x = ratings(generator, items)
    fits = fitted(generator, x, rank, penalty, "product")
    vectors = right_vectors(x, rank)
    factors = {
        "$σ$ for its square": 1 / (1 + penalty / values),
        "objective 2's factor": np.maximum(1 - np.sqrt(penalty) / values, 0),
    }
    controls = {
        name: observed.loss(x, vectors * s, vectors, penalty, "product")
        for name, s in factors.items()
    }
    least = predicted.objective1_minimum(x, rank, penalty)
    minima = [fit.value for fit in fits]
    trial.value(
        minima,
        least,
        error=value_error(x, fits),
        margin=1e-9 * least,
        controls=controls,
        instances="search",
    )


@claim(
    paper("section 2.2, the solution of objective 1"),
    kind="optimality",
    cases=[(7, 3, 30.0), (7, 1, 3.0), (10, 4, 100.0)],
)
def test_objective1_optimum__product(trial, items: Items, rank: Rank, penalty: Penalty):
    """If $σ_k > σ_(k+1)$, each optimum of objective 1, $|X - X A B^T|^2 + λ |A B^T|^2$ with $k$
    columns, has $A B^T = V_k diag(s) V_k^T$ with $s_i = 1 / (1 + λ / σ_i^2)$, where $σ_i$ are the
    singular values of $X$ and $V_k$ its leading right singular vectors.
    """
    generator = trial.generator()
    values = singular_values(items)[:rank]
    x = ratings(generator, items)
    fits = fitted(generator, x, rank, penalty, "product", starts=2)
    vectors = right_vectors(x, rank)
    factors = {
        "$σ$ for its square": 1 / (1 + penalty / values),
        "objective 2's factor": np.maximum(1 - np.sqrt(penalty) / values, 0),
        "soft threshold": np.maximum(1 - penalty / values**2, 0),
        "$λ$ 1 % larger": 1 / (1 + 1.01 * penalty / values**2),
    }
    controls = {name: np.array([(vectors * s) @ vectors.T] * 2) for name, s in factors.items()}
    products = np.array([fit.a @ fit.b.T for fit in fits])
    best = predicted.objective1_product(x, rank, penalty)
    trial.value(
        products,
        best,
        error=product_error(fits),
        margin=1e-9,
        controls=controls,
        instances="search",
    )


def lacking(factors, pairs):
    """What the cosine of a pair of rows of each factor lacks to one."""
    return np.array([1 - observed.cosines(b)[pair] for b, pair in zip(factors, pairs, strict=True)])


@claim(
    tried(
        "abstract, sentences 5 and 6: cosine similarities can be arbitrary, and for some linear "
        "models are not even unique",
        "each cosine between -1 and 1 for two given items",
    ),
    kind="identity",
    cases=[(7, 3, 30.0, -0.9), (5, 2, 3.0, 0.9), (6, 3, 10.0, 0.3)],
)
def test_cosines_not_unique(
    trial,
    items: Items,
    rank: SeveralRanks,
    penalty: Penalty,
    wanted: Annotated[
        float, Interval(-0.95, 0.95, why="nearer to one, the gauge is too ill conditioned")
    ],
):
    """For each number $c$ in $(-1, 1)$, objective 1, $|X - X A B^T|^2 + λ |A B^T|^2$ with several
    columns, has an optimum in which two given items have the cosine $c$, if their rows of $B$ are
    not parallel in some optimum.
    """
    generator = trial.generator()
    x = ratings(generator, items)
    fits = fitted(generator, x, rank, penalty, "product")
    ends: list[Any] = []
    beyond: list[Any] = []
    pairs = []
    most = 1.0
    for fit in fits:
        cosines = observed.cosines(fit.b)
        i, j = np.unravel_index(np.abs(cosines).argmin(), cosines.shape)
        # Of tangents of half the angle
        ratio = (1 - wanted) / (1 + wanted) * (1 + cosines[i, j]) / (1 - cosines[i, j])
        condition = max(ratio, 1 / ratio)
        for place, k in ((ends, condition), (beyond, 1.1 * condition)):
            gauge = extreme_gauges(fit.b[i], fit.b[j], k)[0 if ratio > 1 else 1]
            place.append(observed.regauge(fit.a, fit.b, gauge))
        pairs.append((i, j))
        most = max(most, condition)
    least = predicted.objective1_minimum(x, rank, penalty)

    def relative(factors):
        """Of each pair of factors the loss, and what the cosine lacks to one; both are one in an
        optimum with the wanted cosine.
        """
        losses = np.array([observed.loss(x, a, b, penalty, "product") for a, b in factors])
        gaps = lacking([b for _, b in factors], pairs)
        return np.array([losses / least, gaps / (1 - wanted)])

    descents = [observed.fit(x, a, b, penalty**0.5, "factors") for a, b in ends]
    rivals = {
        "where the search ended": [(fit.a, fit.b) for fit in fits],
        "the factors penalised, from there": [(fit.a, fit.b) for fit in descents],
        "a gauge of 10 % more": beyond,
    }
    fewer = predicted.objective1_minimum(x, rank - 1, penalty) / least
    error_of_losses = value_error(x, fits) * most**0.5 / least
    error_of_gaps = np.full(3, 1e-13 * most / (1 - wanted))
    trial.value(
        relative(ends),
        np.ones((2, 3)),
        error=np.array([error_of_losses, error_of_gaps]),
        margin=np.array([1e-9 + 2 * error_of_losses, 10 * error_of_gaps]),
        controls={"the least loss of $k - 1$ columns": np.repeat([[fewer], [1.0]], 3, axis=1)},
        control_processes={name: relative(factors) for name, factors in rivals.items()},
        generic="loss and cosine are analytic in the factors and the gauge",
    )


@claim(
    tried(
        "section 2.1: rotations, and diagonal matrices $D$, leave the optimum",
        "each invertible map, and that there are no other optima",
    ),
    kind="identity",
    cases=[(7, 3, 30.0), (5, 2, 3.0)],
)
def test_cosines_not_unique__gauge(trial, items: Items, rank: SeveralRanks, penalty: Penalty):
    """If $σ_k > σ_(k+1)$ for the singular values $σ_i$ of $X$, each optimum of objective 1 with $k$
    columns is the symmetric one in a gauge $R$; its item cosines are those of the symmetric one
    under $G = (R R^T)^-1$.
    """
    generator = trial.generator()
    x = ratings(generator, items)
    fits = fitted(generator, x, rank, penalty, "product")
    symmetric = predicted.objective1_factors(x, rank, penalty)
    gauges = [np.linalg.lstsq(symmetric.a, fit.a, rcond=None)[0] for fit in fits]
    inverses = [np.linalg.inv(R) for R in gauges]
    metrics = [inverse.T @ inverse for inverse in inverses]
    # Where a fit ends is not the same on all platforms; what is left between both sides is.
    law = np.array([predicted.gauge_cosines(symmetric.b, metric) for metric in metrics])
    controls = {
        "the symmetric gauge": predicted.gauge_cosines(symmetric.b, np.eye(rank)) - law,
        "$R$ for its inverse": np.array(
            [predicted.gauge_cosines(symmetric.b, R @ R.T) for R in gauges]
        )
        - law,
    }
    error = cosine_error(fits) * max(np.linalg.cond(metric) for metric in metrics)
    left = np.array([observed.cosines(fit.b) for fit in fits]) - law
    trial.value(
        left,
        np.zeros_like(left),
        error=error,
        margin=1e-8 + 2 * error,
        scale=1.0,
        controls=controls,
        generic="cosines are analytic in the factors of an optimum",
    )


@claim(
    tried("equation 6: the solution of objective 2 in closed form", "its least value"),
    kind="optimality",
    cases=[(7, 3, 6.0), (10, 4, 1.0), (7, 4, 9.0)],
)
def test_objective2_optimum(trial, items: Items, rank: Rank, penalty: Decay):
    """The least value of objective 2, $|X - X A B^T|^2 + λ (|X A|^2 + |B|^2)$ with $k$ columns, is
    $|X|^2 - sum_{i <= k} (σ_i - λ)_+^2$, where $σ_i$ are the singular values of $X$.
    """
    generator = trial.generator()
    values = singular_values(items)[:rank]
    require_decided(trial, values, penalty)
    x = ratings(generator, items)
    fits = fitted(generator, x, rank, penalty, "factors")
    controls = {
        "penalty $λ/2$, as of the nuclear norm": np.sum(x**2)
        - np.sum(np.maximum(values - penalty / 2, 0) ** 2),
        "of objective 1": predicted.objective1_minimum(x, rank, penalty**2),
    }
    minima = [fit.value for fit in fits]
    least = predicted.objective2_minimum(x, rank, penalty)
    trial.value(
        minima,
        least,
        error=value_error(x, fits),
        margin=1e-9 * least,
        controls=controls,
        instances="search",
    )


@claim(
    paper("equation 6"),
    kind="optimality",
    cases=[(7, 3, 6.0), (10, 4, 1.0), (7, 4, 9.0)],
)
def test_objective2_optimum__product(trial, items: Items, rank: Rank, penalty: Decay):
    """If $X$ has full column rank and $σ_k > σ_(k+1)$, each optimum of objective 2,
    $|X - X A B^T|^2 + λ (|X A|^2 + |B|^2)$ with $k$ columns, has
    $A B^T = V_k diag(1 - λ/σ)_+ V_k^T$, where $σ_i$ are the singular values of $X$ and $V_k$ its
    leading right singular vectors.
    """
    generator = trial.generator()
    require_decided(trial, singular_values(items)[:rank], penalty)
    x = ratings(generator, items)
    fits = fitted(generator, x, rank, penalty, "factors")
    best = predicted.objective2_factors(x, rank, penalty)
    rival = predicted.objective1_product(x, rank, penalty**2)
    products = np.array([fit.a @ fit.b.T for fit in fits])
    controls = {"of objective 1": np.array([rival] * 3)}
    trial.value(
        products,
        best.a @ best.b.T,
        error=product_error(fits),
        margin=1e-9,
        controls=controls,
        instances="search",
    )


@claim(
    paper("section 2.3: unique up to rotations"),
    kind="optimality",
    cases=[(7, 3, 6.0), (10, 4, 1.0), (7, 4, 9.0)],
)
def test_objective2_optimum__cosines(trial, items: Items, rank: SeveralRanks, penalty: Decay):
    """If $σ_k > σ_(k+1)$ for the singular values $σ_i$ of $X$, all optima of objective 2 with $k$
    columns have the same item cosines: those of the rows of $V_k diag(b)$ with
    $b_i^2 = (σ_i - λ)_+$, where $V_k$ are the leading right singular vectors of $X$.
    """
    generator = trial.generator()
    values = singular_values(items)[:rank]
    require_decided(trial, values, penalty)
    x = ratings(generator, items)
    fits = fitted(generator, x, rank, penalty, "factors")
    vectors = right_vectors(x, rank)
    squares = np.maximum(values - penalty, 0)
    weights = {
        "$σ - λ$ for its root": squares,
        "those of $A$": np.sqrt(squares) / values,
        "$λ$ 1 % larger": np.sqrt(np.maximum(values - 1.01 * penalty, 0)),
        "$V$ itself": np.ones(rank),
    }
    controls = {
        name: np.array([observed.cosines(vectors * weight)] * 3) for name, weight in weights.items()
    }
    cosines = np.array([observed.cosines(fit.b) for fit in fits])
    best = predicted.objective2_factors(x, rank, penalty)
    trial.value(
        cosines,
        observed.cosines(best.b),
        error=cosine_error(fits),
        margin=1e-8,
        controls=controls,
        instances="search",
    )


def optima_of_full_rank(x, penalty):
    """Optima of objective 1 with as many columns as items: with B = V, symmetric, and with A =
    V.
    """
    shares = (0.0, 0.5, 1.0)
    return [predicted.objective1_factors(x, x.shape[1], penalty, share) for share in shares]


@claim(
    paper("section 2.2, for $k = p$ and $D$ or its inverse the root of the shrinkage"),
    kind="identity",
    cases=[(7, 30.0), (12, 3.0)],
)
def test_identity_gauge(trial, items: Items, penalty: Penalty):
    """Let objective 1, $|X - X A B^T|^2 + λ |A B^T|^2$, have as many columns as items. In its
    optimum with $B = V$, the right singular vectors of $X$, the cosine of two different items is 0
    for all data.
    """
    x = ratings(trial.generator(), items)
    in_v, symmetric, _ = optima_of_full_rank(x, penalty)
    fewer = predicted.objective1_factors(x, items - 1, penalty, 0.0)
    controls = {
        "the symmetric gauge": observed.cosines(symmetric.b),
        "$k = p - 1$": observed.cosines(fewer.b),
    }
    # Sums of up to 16 terms, and singular vectors of 49 x 16 ratings, which are orthonormal up to
    # rounding whatever the condition.
    trial.identity(
        observed.cosines(in_v.b),
        np.eye(items),
        ops=1000,
        scale=1.0,
        controls=controls,
        generic="singular vectors are analytic where singular values differ",
    )


@claim(
    paper("section 2.2, for $k = p$ and $D$ or its inverse the root of the shrinkage"),
    kind="identity",
    cases=[(7, 30.0), (12, 3.0)],
)
def test_identity_gauge__users(trial, items: Items, penalty: Penalty):
    """Let objective 1, $|X - X A B^T|^2 + λ |A B^T|^2$, have as many columns as items, and a user
    be a row of $X A$. In its optimum with $A = V$, the right singular vectors of $X$, two users
    have the cosine of their rows of $X$.
    """
    x = ratings(trial.generator(), items)
    in_v, symmetric, in_x = optima_of_full_rank(x, penalty)
    controls = {
        "the symmetric gauge": observed.cosines(x @ symmetric.a),
        "$B = V$": observed.cosines(x @ in_v.a),
    }
    # Sums of up to 16 terms in X A, lengths and cosines, and singular vectors of 49 x 16 ratings,
    # which are orthonormal up to rounding whatever the condition.
    trial.identity(
        observed.cosines(x),
        observed.cosines(x @ in_x.a),
        ops=1000,
        controls=controls,
        generic="singular vectors are analytic where singular values differ",
    )


@claim(
    derived("objective 1 is ridge regression of $X$ on itself, with no limit on the rank"),
    kind="identity",
    cases=[(7, 30.0), (12, 3.0)],
)
def test_identity_gauge__ridge(trial, items: Items, penalty: Penalty):
    """Let objective 1, $|X - X A B^T|^2 + λ |A B^T|^2$, have as many columns as items. Its optima
    $A = V diag(s)^q$, $B = V diag(s)^(1 - q)$, with the right singular vectors $V$ of $X$, the
    shrinkages $s$ and $0 <= q <= 1$, have the same product $A B^T$: the coefficients of ridge
    regression of $X$ on itself.
    """
    x = ratings(trial.generator(), items)
    design = np.concatenate([x, np.sqrt(penalty) * np.eye(items)])
    ridge = np.linalg.lstsq(design, np.concatenate([x, np.zeros((items, items))]), rcond=None)[0]
    optima = optima_of_full_rank(x, penalty)
    fewer = predicted.objective1_factors(x, items - 1, penalty, 0.0)
    products = np.array([factors.a @ factors.b.T for factors in optima])
    controls = {
        "$k = p - 1$": np.array([fewer.a @ fewer.b.T] * 3),
        "$s$ squared": np.array([optima[0].a @ optima[-1].b.T] * 3),
    }
    # Products of order up to 16, and least squares on 65 rows and 16 columns at most, of a
    # condition below 20.
    trial.identity(
        np.array([ridge] * 3),
        products,
        ops=1000,
        controls=controls,
        generic="least squares and singular vectors are analytic in the ratings",
    )


def balanced_start(generator, items, rank):
    """A = Q_1 H and B = Q_2 H, with orthonormal columns Q."""
    mixing = generator.normal(size=(rank, rank))
    bases = generator.normal(size=(2, items, rank))
    return [np.linalg.qr(basis)[0] @ mixing for basis in bases]


@claim(
    derived("the conserved $A^T A - B^T B$, at the end of the flow"),
    kind="identity",
    cases=[(5, 2, 3.0), (7, 3, 30.0)],
)
def test_flow_picks_gauge(trial, items: Items, rank: FewFlow, penalty: Penalty):
    """Gradient flow of objective 1, $|X - X A B^T|^2 + λ |A B^T|^2$ with $k$ columns, from almost
    every balanced start, $A^T A = B^T B$, ends in an optimum with the item cosines of the symmetric
    gauge, in which $A = B$, if $σ_k > σ_(k+1)$ for the singular values $σ_i$ of $X$.
    """
    generator = trial.generator()
    x = ratings(generator, items)
    a, b = balanced_start(generator, items, rank)
    ends = {
        scale: observed.flow(x, scale * a, b / scale, penalty, 1e-12) for scale in (1.0, 1.01, 1.2)
    }
    coarse = observed.flow(x, a, b, penalty, 1e-11)

    def described(factors):
        """Cosines and the product."""
        return np.array([observed.cosines(factors.b), factors.a @ factors.b.T])

    balanced = described(ends[1.0])
    error = np.abs(balanced - described(coarse)).max(axis=(1, 2), keepdims=True) + 1e-12
    symmetric = observed.cosines(predicted.objective1_factors(x, rank, penalty).b)
    product = predicted.objective1_product(x, rank, penalty)
    shrunk_once = predicted.objective1_product(x, rank, penalty / 2)
    trial.value(
        balanced,
        np.array([symmetric, product]),
        error=error,
        margin=1e-8,
        controls={
            "$B = V$": np.array([observed.cosines(right_vectors(x, rank)), product]),
            "half of $λ$, without the 2 of the square's derivative": np.array(
                [symmetric, shrunk_once]
            ),
        },
        control_processes={
            f"$A$ times {scale}, $B$ over it": described(ends[scale]) for scale in (1.01, 1.2)
        },
        generic="the flow is analytic in ratings and start",
    )


@claim(
    known("Arora, Cohen & Hazan 2018, On the optimization of deep networks: balanced factors"),
    kind="identity",
    cases=[(5, 2, 3.0), (7, 3, 30.0)],
)
def test_flow_picks_gauge__conserved(trial, items: Items, rank: FewFlow, penalty: Penalty):
    """Gradient flow of objective 1 conserves $A^T A - B^T B$, also from a start that is not
    balanced.
    """
    generator = trial.generator()
    x = ratings(generator, items)
    a, b = balanced_start(generator, items, rank)
    a = 1.2 * a
    b = b / 1.2
    fine, coarse = (observed.flow(x, a, b, penalty, accuracy) for accuracy in (1e-12, 1e-11))
    now, roughly, start = (
        left.T @ left - right.T @ right for left, right in (fine, coarse, (a, b))
    )
    controls = {
        "its trace alone": np.eye(rank) * np.trace(start) / rank,
        "its diagonal alone": np.diag(np.diag(start)),
    }
    size = np.linalg.norm(a.T @ a)
    # An error of 1e-12 in each of some thousand steps, and ten times that in the coarse run, which
    # measures it.
    trial.value(
        now,
        start,
        error=np.abs(now - roughly).max() + 1e-13 * size,
        margin=1e-8 * size,
        controls=controls,
        generic="the flow is analytic in ratings and start",
    )


@claim(
    derived("$P M P = N$ is solved by the geometric mean of $M^-1$ and $N$"),
    kind="identity",
    cases=[(7, 3, 30.0), (6, 2, 3.0)],
)
def test_balancing_gauge(trial, items: Items, rank: SeveralRanks, penalty: Penalty):
    """If $σ_k > σ_(k+1)$ for the singular values $σ_i$ of $X$, and $R R^T$ is the geometric mean of
    $(A^T A)^-1$ and $B^T B$, the gauge $R$ turns an optimum $(A, B)$ of objective 1 with $k$
    columns, of full column rank, into a symmetric one: its item cosines are those of the optimum
    with $A = B$.
    """
    generator = trial.generator()
    x = ratings(generator, items)
    fits = fitted(generator, x, rank, penalty, "product", starts=2)
    symmetric = predicted.objective1_factors(x, rank, penalty).b
    lengths = [np.linalg.norm(fit.b, axis=0) / np.linalg.norm(fit.a, axis=0) for fit in fits]
    gauges = {
        "P": [np.linalg.cholesky(predicted.balancing_gauge(fit.a, fit.b)) for fit in fits],
        "none": [np.eye(rank)] * 2,
        "columns of equal length": [np.diag(np.sqrt(ratio)) for ratio in lengths],
    }
    cosines = {
        name: np.array(
            [
                observed.cosines(observed.regauge(fit.a, fit.b, r)[1])
                for fit, r in zip(fits, group, strict=True)
            ]
        )
        for name, group in gauges.items()
    }
    error = cosine_error(fits) * max(np.linalg.cond(gauge) ** 2 for gauge in gauges["P"])
    measured = cosines.pop("P")
    trial.value(
        measured,
        observed.cosines(symmetric),
        error=error,
        margin=1e-8 + 2 * error,
        control_processes=cosines,
        generic="the geometric mean is analytic in the factors of an optimum",
    )


def regauged_optima(trial, items, rank, penalty):
    """X, the symmetric optimum of objective 1, four random gauges of an optimum that a search
    found, and how far their scores may be from the optimal ones.
    """
    generator = trial.generator()
    x = ratings(generator, items)
    fits = fitted(generator, x, rank, penalty, "product", starts=1)
    best = predicted.objective1_factors(x, rank, penalty)
    gauges = observed.draw_gauges(generator, rank, 100.0, 4)
    pairs = [observed.regauge(fits[0].a, fits[0].b, gauge) for gauge in gauges]
    # The norm of X is 19, the condition number of R 10.
    return x, best, pairs, 19 * 10 * product_error(fits)


@claim(
    paper("section 2.1, for rotations and diagonal matrices $D$"),
    kind="identity",
    cases=[(7, 3, 30.0), (6, 2, 3.0)],
)
def test_scores_are_safe(trial, items: Items, rank: SeveralRanks, penalty: Penalty):
    """If $σ_k > σ_(k+1)$ for the singular values $σ_i$ of $X$, all optima of objective 1,
    $|X - X A B^T|^2 + λ |A B^T|^2$ with $k$ columns, have the same scores $X A B^T$ in each gauge.
    """
    x, best, pairs, error = regauged_optima(trial, items, rank, penalty)
    scores = np.array([x @ a @ b.T for a, b in pairs])
    truth = x @ best.a @ best.b.T
    projection = x @ right_vectors(x, rank) @ right_vectors(x, rank).T
    controls = {"$X$ projected, not shrunk": np.array([projection] * 4)}
    trial.value(
        scores,
        truth,
        error=error,
        margin=1e-8 + 2 * error,
        controls=controls,
        generic="scores are analytic in the factors of an optimum",
    )


@claim(
    derived("$|X A b|^2 = b^T G b$ for each row $b$ of $B$"),
    kind="identity",
    cases=[(7, 3, 30.0), (6, 2, 3.0)],
)
def test_scores_are_safe__cosines(trial, items: Items, rank: SeveralRanks, penalty: Penalty):
    """In every gauge of an optimum $(A, B)$ of objective 1, $|X - X A B^T|^2 + λ |A B^T|^2$ with
    $k$ columns, the cosines of the columns of the scores $X A B^T$ are those of the rows of $B$
    under $G = (X A)^T X A$.
    """
    x, best, pairs, error = regauged_optima(trial, items, rank, penalty)
    truth = x @ best.a @ best.b.T
    users = x @ best.a
    columns = np.array([observed.cosines((x @ a @ b.T).T) for a, b in pairs])
    turn = 4 * np.sqrt(len(x)) * error / np.linalg.norm(truth, axis=0).min() + 1e-13
    controls = {"$B$ itself": np.array([observed.cosines(b) for _, b in pairs])}
    similar = predicted.gauge_cosines(best.b, users.T @ users)
    trial.value(
        columns,
        similar,
        error=turn,
        margin=1e-8 + 2 * turn,
        controls=controls,
        generic="cosines are analytic in the factors of an optimum",
    )
