"""How far a gauge of bounded condition moves a cosine; the package says what the letters mean."""

from fractions import Fraction
from itertools import product
from typing import Annotated

import numpy as np

from paper_checks.test_cosine_similarity import extreme_gauges
from sims import cosine_similarity as observed
from theory import cosine_similarity as predicted
from theory_on_trial import balls, claim, derived, known
from theory_on_trial.contract import Count, Interval

Condition = Annotated[
    float, Interval(1.5, 1e4, why="nearer to 1 the range has no width, beyond rounding shows")
]
Dim = Annotated[
    int, Interval(2, 6, why="all corners of the gauges are tried, and k = 1 has no angle")
]


@claim(
    known("Wielandt's inequality, Bauer & Householder 1960"),
    kind="bound",
    cases=[(2, 4.0), (3, 10.0), (5, 100.0)],
)
def test_range_any_gauge(
    trial,
    dim: Dim,
    condition: Condition,
    gauges: Annotated[
        int, Interval(10, 2**16, why="of a few fewer none is near an end; all are held at once")
    ] = 2000,
):
    """Let two items have the angle $θ$ and $t = tan(θ/2)$. No gauge $G$ with a condition number of
    at most $K$ moves their cosine outside $[cos(2 atan(t sqrt(K))), cos(2 atan(t / sqrt(K)))]$.
    """
    generator = trial.generator()
    u, v = generator.normal(size=(2, dim))
    sample = observed.gauged_cosines(u, v, observed.draw_gauges(generator, dim, condition, gauges))
    cosines = np.concatenate(
        [sample, observed.gauged_cosines(u, v, extreme_gauges(u, v, condition))]
    )
    limits = {
        k: predicted.any_gauge_range(u[None], v[None], k) for k in (condition, condition / 1.1)
    }
    sides = {k: np.repeat([-ends.low, ends.high], gauges + 2, axis=1) for k, ends in limits.items()}
    controls = {"$K / 1.1$": sides[condition / 1.1]}
    bound = {
        "instances": "draws",
        "independent": gauges,
        "ops": 1000 * condition**0.5,
        "scale": 1.0,
    }
    trial.bound(np.array([-cosines, cosines]), sides[condition], controls=controls, **bound)


@claim(
    known("Wielandt's inequality, Bauer & Householder 1960, its equality"),
    kind="identity",
    cases=[(2, 4.0), (3, 10.0), (5, 100.0)],
)
def test_range_any_gauge__attained(trial, dim: Dim, condition: Condition, pairs: Count = 5):
    """For unit vectors $u != ±v$, the gauge $G = I + (K - 1) m m^T$ gives the least cosine of
    condition $K$ if $m$ is the direction of $u - v$, and the largest if $m$ is that of $u + v$.
    """
    trial.require(
        pairs <= 1000, f"pairs must be at most 1000, which are drawn one by one, got {pairs}"
    )
    us, vs = trial.generator().normal(size=(2, pairs, dim))
    cosines = [
        observed.gauged_cosines(u, v, extreme_gauges(u, v, condition))
        for u, v in zip(us, vs, strict=True)
    ]
    conditions = {
        "$K$ for $sqrt K$": condition**2,
        "$1.01 K$": 1.01 * condition,
        "$K / 1.01$": condition / 1.01,
    }
    controls = {
        name: np.array(predicted.any_gauge_range(us, vs, k)) for name, k in conditions.items()
    }
    controls["diagonal gauges"] = np.array(predicted.diagonal_gauge_range(us, vs, condition))
    ends = np.array(predicted.any_gauge_range(us, vs, condition))
    trial.identity(
        np.array(cosines).T,
        ends,
        ops=100 * condition**0.5,
        scale=1.0,
        controls=controls,
        generic="cosines and their ends are analytic in both vectors",
    )


@claim(
    derived("linear fractional programming, with $sqrt(A B)$ as the least of $(t A + B / t) / 2$"),
    kind="optimality",
    cases=[(2, 100.0), (3, 4.0), (5, 25.0)],
)
def test_range_diagonal_gauge(trial, dim: Dim, condition: Condition):
    """Over diagonal gauges $diag(g)$, $1 <= g <= K$, the largest cosine of two items is $max_t h$,
    or $min_t h$ if no value is positive, with $h(t) = max_g 2 N / (t A + B/t)$: $N$ is the inner
    product of the items under $g$, and $A$ and $B$ their squared lengths.
    """
    generator = trial.generator()
    pairs = generator.normal(size=(2, 7, dim))
    pairs[:, 4:] = np.abs(pairs[:, 4:])  # with cosines of one sign
    # (1, 1), (1, 1.2)
    pairs[:, -1] = np.eye(2, dim).sum(axis=0) * np.array([[1.0], [1.2]]) ** np.arange(dim)
    us, vs = pairs
    extremes = np.array(
        [observed.search_diagonal(generator, u, v, condition) for u, v in zip(us, vs, strict=True)]
    ).T
    corners = np.array(list(product([1.0, condition], repeat=dim)))
    n, a, b = (corners @ array.T for array in (us * vs, us**2, vs**2))
    cosines = n / np.sqrt(a * b)
    controls = {"the best corner": np.array([cosines.min(axis=0), cosines.max(axis=0)])}
    controls |= {
        f"${k:g} K$": np.array(predicted.diagonal_gauge_range(us, vs, k * condition))
        for k in (1.1, 1.01)
    }
    controls["any gauge"] = np.array(predicted.any_gauge_range(us, vs, condition))
    ends = np.array(predicted.diagonal_gauge_range(us, vs, condition))
    trial.value(
        extremes,
        ends,
        error=1e-11,
        margin=1e-8,
        controls=controls,
        instances="search",
    )


@claim(
    known("Wielandt's inequality, Bauer & Householder 1960", within="in the plane, at $K = 4$"),
    kind="bound",
)
def test_range_any_gauge__everywhere(trial):
    """In the plane, with $G$ of eigenvalues 1 and $K = 4$ in any direction $m$ in $[0, 3.2]$, no
    cosine of two vectors that are $2 h$ apart exceeds $cos(2 arctan(tan(h) / 2))$, for
    $h = 1/8, 2/8, …, 11/8$, to $1e-12$.
    """
    condition = 4

    def gauged(turn, eighths):
        half = Fraction(eighths, 8)
        x1 = balls.cos(turn + half)
        x2 = balls.cos(turn - half)
        y1 = balls.sin(turn + half)
        y2 = balls.sin(turn - half)
        lengths = (x1**2 + condition * y1**2) * (x2**2 + condition * y2**2)
        return (x1 * x2 + condition * y1 * y2) / balls.sqrt(lengths)

    def high(turn, eighths):
        half = Fraction(eighths, 8)
        apart = balls.sin(half) ** 2 / condition
        return (balls.cos(half) ** 2 - apart) / (balls.cos(half) ** 2 + apart)

    def vectors(turn, eighths):
        angles = turn + np.array([eighths, -eighths]) / 8
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def observed_cosine(turn, eighths):
        root = np.diag([1.0, 0.5])[None]  # R with G = (R R')^-1
        return observed.gauged_cosines(*vectors(turn, eighths), root)[0]

    def predicted_end(turn, eighths):
        u, v = vectors(turn, eighths)
        return predicted.any_gauge_range(u[None], v[None], float(condition)).high[0]

    trial.prove(
        gauged,
        high,
        {"turn": (0, 3.2), "eighths": range(1, 12)},
        tolerance=1e-12,
        controls={
            "1 % nearer to the angle": lambda turn, eighths: high(turn, eighths) - 0.01,
            "as of $K = 3$": lambda turn, eighths: (
                (balls.cos(Fraction(eighths, 8)) ** 2 * 3 - balls.sin(Fraction(eighths, 8)) ** 2)
                / (balls.cos(Fraction(eighths, 8)) ** 2 * 3 + balls.sin(Fraction(eighths, 8)) ** 2)
            ),
        },
        same_as=(observed_cosine, predicted_end),
    )
