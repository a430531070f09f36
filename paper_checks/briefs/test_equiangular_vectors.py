"""Shen, Sun & Wei 2023, "Equiangular Basis Vectors", CVPR, arXiv 2303.11637.

For whoever fixes $N$ class vectors in $d$ dimensions: which worst cosine between two of them is
possible?

Paper: it fixes the class vectors of a classifier in advance: any number of them in a small
dimension, all as orthogonal as possible. This page says how orthogonal they can be.

Take away: in three dimensions a sixth line costs nothing (the worst cosine is .447 for five and for
six), and a seventh costs much (.577). Among 1000 random directions in 64 dimensions 7584 pairs have
a cosine above .3 or below $-.3$, where the best arrangement may have .121.

Rows $v_1, …, v_N$ are unit vectors in $d$ dimensions. As lines, their worst cosine is
$μ = max |v_i·v_j|$ over $i ≠ j$; as directions it is $μ₊ = max v_i·v_j$.

Edges: for up to $N = d$ lines $μ = 0$. For more than $2d$ directions $μ₊$ is above 0 and no closed
form is known (.210 for seven in three dimensions), so that `least_signed` raises an error. The
bound $1/√d$ holds for more than $d (d + 1)/2$ lines only, and `orthoplex` raises an error for
fewer.

Abstract:

- Statement 1: fixed class vectors are to have equal status and to be as orthogonal as possible. No
  statement.
- Statement 2: a classifier with them does better than the usual one on large data and costs little.
  Not on trial. It needs large data.

Read: the abstract ("as orthogonal as possible", "equal status"). Derived here: the plane and random
pairs. Not claimed: what training finds. Topic: representations.
"""

from fractions import Fraction
from functools import partial
from itertools import combinations, product
from typing import Annotated

import numpy as np
from scipy.linalg import hadamard
from scipy.optimize import minimize
from scipy.special import betainc, logsumexp, softmax
from scipy.stats import norm, uniform_direction
from sklearn.preprocessing import normalize

from paper_checks.briefs.common import apart
from theory_on_trial import balls, claim, derived, known, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Dim = Annotated[int, Interval(2, 8)]
Vectors = Annotated[int, Interval(3, 24)]


def named_arrangements(dim):
    """Known arrangements: dimension and unit rows, in as many coordinates as are convenient."""
    sets = {
        "simplex": (dim, np.eye(dim + 1) - 1 / (dim + 1)),
        "icosahedron": (
            3,
            [np.roll([0, 2, sign * (1 + np.sqrt(5))], k) for sign in (1, -1) for k in range(3)],
        ),
        "28 lines": (
            7,
            [4 * np.eye(8)[i] + 4 * np.eye(8)[j] - 1 for i, j in combinations(range(8), 2)],
        ),
        "square": (2, [[np.cos(k * np.pi / 4), np.sin(k * np.pi / 4)] for k in range(4)]),
        "cube": (3, [*np.eye(3), *([1, a, b] for a, b in product((1, -1), repeat=2))]),
        "unbiased": (4, [*np.eye(4), *hadamard(4), *(hadamard(4) * [1, 1, 1, -1])]),
    }
    return {name: (d, normalize(rows)) for name, (d, rows) in sets.items()}


@observed
def worst_cosine(rows, lines=True):
    """μ of lines, μ₊ of directions."""
    gram = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    return np.max(np.abs(gram) if lines else gram)


@observed
def best_arrangement(generator, dim, count, starts, lines=True):
    """Rows of least worst cosine by L-BFGS on ever sharper soft maxima, which exceed maxima by
    log(pairs)/p at most.
    """

    def soft_maximum(entries, p):
        rows, lengths = normalize(entries.reshape(count, dim), return_norm=True)
        gram = rows @ rows.T
        levels = p * (np.abs(gram) if lines else gram) - np.diag(np.full(count, np.inf))
        pull = softmax(levels) * (np.sign(gram) if lines else 1)
        slope = (
            2 * (pull @ rows - np.sum(pull * gram, axis=1, keepdims=True) * rows) / lengths[:, None]
        )
        return logsumexp(levels) / p, slope.ravel()

    ends = generator.normal(size=(starts, count * dim))
    search = {"method": "L-BFGS-B", "options": {"maxiter": 200}}
    for p in np.geomspace(10, 1e4 if lines else 1e6, 6):
        ends = [
            minimize(soft_maximum, entries, args=(p,), jac=True, **search).x for entries in ends
        ]
    return min(
        (normalize(entries.reshape(count, dim)) for entries in ends),
        key=lambda v: worst_cosine(v, lines),
    )


@predicted
def welch(dim, count):
    """√((N − d)/(d (N − 1))), as Σ (v_i·v_j)² ≥ N²/d, and 0 for N ≤ d."""
    return np.sqrt(max(count - dim, 0) / (dim * (count - 1)))


@predicted
def orthoplex(dim, count):
    """1/√d for N > d (d + 1)/2."""
    if 2 * count <= dim * (dim + 1):
        raise ValueError("count must exceed dim (dim + 1)/2: of fewer lines 1/√d is no bound")
    return 1 / np.sqrt(dim)


@predicted
def least_signed(dim, count):
    """−1/(N − 1) for N ≤ d + 1, and 0 for d + 2 ≤ N ≤ 2d."""
    if count > 2 * dim:
        raise ValueError("count must be at most 2 dim: beyond, no closed form is known")
    return -1 / (count - 1) if count <= dim + 1 else 0.0


@claim(known("Welch 1974"), kind="bound", cases=[(3, 5), (5, 10), (8, 9)])
def test_welch(trial, dim: Dim, vectors: Vectors):
    """The largest $|v_i·v_j|$, $i ≠ j$, of $N > d$ unit vectors in $d$ dimensions is at least
    $√((N − d)/(d (N − 1)))$, and equiangular tight sets attain it.
    """
    trial.require(vectors > dim, "vectors must exceed dim: fewer can be orthogonal")
    frames = named_arrangements(dim)
    best = best_arrangement(trial.generator(), dim, vectors, 2)
    sets = [(dim, best), *(frames[name] for name in ("simplex", "icosahedron", "28 lines"))]
    law = np.array([welch(d, len(rows)) for d, rows in sets])
    worst = [worst_cosine(rows) for _, rows in sets]
    rivals = {"$1/√d$ of any number": 1 / np.sqrt([d for d, _ in sets])}
    # Unit rows of up to 9 entries and their products take some 40 roundings; the rest is room.
    trial.bound(law, worst, ops=100.0, instances="search", control_processes=rivals)


@claim(
    known("Rankin 1955; Conway, Hardin & Sloane 1996, for lines"),
    kind="bound",
    cases=[(2, 1), (3, 1), (4, 2)],
)
def test_orthoplex(
    trial,
    dim: Annotated[int, Interval(2, 4)],
    surplus: Annotated[
        int, Interval(1, 8, why="vectors beyond d (d + 1)/2; the best arrangement is searched")
    ],
):
    """The largest $|v_i·v_j|$, $i ≠ j$, of $N > d (d + 1)/2$ unit vectors in $d$ dimensions is at
    least $1/√d$, which is more than Welch's bound, and some sets attain it.
    """
    frames = named_arrangements(dim)
    count = dim * (dim + 1) // 2 + surplus
    sets = [frames["square"], frames["cube"], frames["unbiased"]]
    sets += [(dim, best_arrangement(trial.generator(), dim, count, 2))]
    law = np.array([orthoplex(d, len(rows)) for d, rows in sets])
    worst = [worst_cosine(rows) for _, rows in sets]
    few = [worst[0], worst_cosine(frames["icosahedron"][1]), *worst[2:]]
    trial.bound(
        law,
        worst,
        # Unit rows of up to 4 entries and their products take some 20 roundings; the rest is room.
        ops=100.0,
        instances="search",
        controls={"six lines in space, $d (d + 1)/2$, obey it too": few},
    )


@claim(known("Rankin 1955"), kind="optimality", cases=[(3, 4), (3, 6), (5, 7), (6, 3)])
def test_signed(trial, dim: Dim, vectors: Vectors):
    """The least possible value of the largest $v_i·v_j$, $i ≠ j$, of $N$ unit vectors in $d$
    dimensions is $−1/(N − 1)$ for $N ≤ d + 1$, and exactly 0 for $d + 2 ≤ N ≤ 2d$.
    """
    trial.require(
        vectors <= 2 * dim, "vectors must be at most 2 dim: no closed form is known beyond"
    )
    cosine = worst_cosine(
        best_arrangement(trial.generator(), dim, vectors, 4, lines=False), lines=False
    )
    law = least_signed(dim, vectors)
    pairs = vectors * (vectors - 1) / 2
    controls = {"orthogonal": 0.0} if law else {"always $−1/(N − 1)$": -1 / (vectors - 1)}
    trial.value(
        cosine,
        law,
        error=1e-5 * np.log(pairs),
        margin=2e-3,
        scale=1.0,
        instances="search",
        controls=controls,
    )


@predicted
def in_the_plane(count):
    """cos(π/N): lines in the plane are best at equal angles."""
    return np.cos(np.pi / count)


@claim(
    derived("angles of lines in the plane sum to $π$"), kind="optimality", cases=[(3,), (4,), (7,)]
)
def test_plane(trial, lines: Annotated[int, Interval(3, 10)]):
    """The least possible value of the largest $|v_i·v_j|$, $i ≠ j$, of $N$ unit vectors in the
    plane is $cos(π/N)$.
    """
    cosine = worst_cosine(best_arrangement(trial.generator(), 2, lines, 4))
    law = in_the_plane(lines)
    rivals = {
        "angles of $2π/N$": np.abs(np.cos(2 * np.pi / lines)),
        "Welch's bound": welch(2, lines),
        "$1/√d$": 2**-0.5,
        "as directions": least_signed(2, lines) if lines <= 4 else 0.0,
    }
    trial.value(
        cosine,
        law,
        error=1e-4 * np.log(lines * (lines - 1) / 2),
        margin=2e-3,
        scale=1.0,
        instances="search",
        controls=apart(rivals, law, 0.01),
    )


@predicted
def best_known(dim, count):
    """Welch's bound for (3, 6) and (5, 10), 1/√3 for seven lines in three dimensions."""
    return orthoplex(dim, count) if 2 * count > dim * (dim + 1) else welch(dim, count)


@claim(derived("sets that attain a bound"), kind="optimality", cases=[(3, 6), (5, 10), (3, 7)])
def test_found(trial, dim: Dim, vectors: Vectors):
    """A search by gradients over unit vectors reaches the least possible value of the largest
    $|v_i·v_j|$: Welch's bound for 6 vectors in 3 dimensions and 10 in 5, and $1/√3$ for 7 in 3.
    """
    trial.require(
        (dim, vectors) in ((2, 3), (3, 4), (3, 6), (5, 6), (5, 10), (3, 7)),
        "dim and vectors must be (2, 3), (3, 4), (3, 6), (5, 6), (5, 10) or (3, 7), whose best "
        "lines are known",
    )
    cosine = worst_cosine(best_arrangement(trial.generator(), dim, vectors, 12))
    law = best_known(dim, vectors)
    rivals = {
        "Welch's bound always": welch(dim, vectors),
        "$1/√d$ always": dim**-0.5,
        "as directions": least_signed(dim, vectors) if vectors <= 2 * dim else 0.0,
    }
    trial.value(
        cosine,
        law,
        error=1e-4 * np.log(vectors * (vectors - 1) / 2),
        margin=2e-3,
        scale=1.0,
        instances="search",
        controls=apart(rivals, law, 0.01),
    )


@predicted
def mean_close_pairs(dim, count, cosine):
    """N (N − 1)/2 · I_{1 − t²}((d − 1)/2, ½): the squared cosine has a beta law."""
    return count * (count - 1) / 2 * betainc((dim - 1) / 2, 0.5, 1 - cosine**2)


@observed
def close_pairs(generator, count, vectors, dim, cosine):
    """How many pairs of uniform directions have |cos| > t, in each of several sets."""
    rows = uniform_direction(dim).rvs((count, vectors), random_state=generator)
    return (np.sum(np.abs(rows @ np.swapaxes(rows, 1, 2)) > cosine, axis=(1, 2)) - vectors) / 2


@claim(
    derived("a squared cosine has a beta law"), kind="identity", cases=[(32, 80, 0.3), (3, 50, 0.6)]
)
def test_random_pairs(
    trial,
    dim: Annotated[int, Interval(3, 48, why="thousands of sets are drawn")],
    vectors: Annotated[
        int,
        Interval(50, 150, why="thousands of sets are drawn, of fewer vectors few pairs are close"),
    ],
    cosine: Annotated[
        float,
        Interval(0.2, 0.6, why="closer pairs are too rare to be counted, of others all are close"),
    ],
):
    """Of $N$ uniform directions $N (N − 1)/2 · I_{1 − t²}((d − 1)/2, ½)$ pairs have $|cos| > t$ on
    average.
    """
    law = mean_close_pairs(dim, vectors, cosine)  # to 1.2 %: half as many sets again would give 1 %
    trial.require(law >= 50, "fifty pairs at least must be expected: rarer ones take long to count")
    draw = partial(close_pairs, vectors=vectors, dim=dim, cosine=cosine)
    pairs = vectors * (vectors - 1) / 2
    rivals = {
        "normal tail": 2 * pairs * norm.sf(cosine * np.sqrt(dim)),
        "uniform cosines, as in space": pairs * (1 - cosine),
    }
    laws = apart(rivals, law, 0.03 * law)
    trial.mean(
        sampler=draw,
        predict=law,
        law=Asymptotic(),
        margin=0.012 * law,
        controls=laws,
        first=100,
        most=40_000,
    )


@claim(derived("boxes of the number of lines, each enclosed"), kind="bound")
def test_welch__everywhere(trial):
    """Welch's bound $√((N − d)/(d (N − 1)))$ is at most $1/√(d + 2)$ for all $d$ from 2 to 30 and
    all $N$ from $d + 1$ to $d (d + 1)/2$, to $1e-12$: $N = d + 1 + t (d (d + 1)/2 − d − 1)$, $t$ in
    $[0, 1]$.
    """

    def lines(share, dim):
        return dim + 1 + share * Fraction(dim * (dim + 1) - 2 * (dim + 1), 2)

    def bound(share, dim):
        n = lines(share, dim)
        return balls.sqrt((n - dim) / (dim * (n - 1)))

    trial.prove(
        bound,
        lambda share, dim: 1 / balls.sqrt(dim + 2),
        {"share": (0, 1), "dim": range(2, 31)},
        tolerance=1e-12,
        controls={"as of $2d$ lines": lambda share, dim: 1 / balls.sqrt(2 * dim - 1)},
        same_as=(lambda share, dim: welch(dim, float(lines(share, dim))), None),
    )


@figure("F1", claims=("welch", "orthoplex"))
def best_in_space(most: int = 12):
    """In space a sixth class costs nothing, and a seventh much: least worst $|cos|$ of $N$ lines in
    three dimensions.

    Marks: points: best of four searches; lines: bounds of Welch and $1/√3$, which holds from
    $N = 7$ on.
    """
    counts = np.arange(4, most + 1)
    cosines = [worst_cosine(best_arrangement(np.random.default_rng(0), 3, n, 4)) for n in counts]
    lines = {
        "Welch": (counts, [welch(3, n) for n in counts]),
        "1/√d, from N = 7 on": (counts[3:], [orthoplex(3, n) for n in counts[3:]]),
    }
    return chart(
        lines,
        {"search": (counts, cosines)},
        legend="lower right",
        x="number of lines N",
        y="worst |cos|",
    )
