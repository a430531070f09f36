"""Tonin, Lambert, Patrinos & Suykens 2023, "Extending Kernel PCA through Dualization: Sparsity,
Robustness and Fast Algorithms", ICML, arXiv 2306.05815.

For whoever runs kernel PCA by gradients or asks it to be sparse: which value to expect, what a gap
between the two problems certifies (nothing), from which threshold $ε$ on the component is 0, and
from which $κ$ on clipping changes nothing.

Paper: kernel PCA as a difference of convex functions has a dual that gradient methods can solve,
and in which the square can be replaced by losses that make components sparse or robust. This page
gives the values of these problems and the thresholds at which sparsity and robustness begin.

Take away: a dual gap of 0 is reached at every set of eigenvectors, not only at the first. Sparsity
has removed everything from $ε = r_1$ on, the size of the largest point, and not from $√λ_1$ on;
just below $r_1$ one point is left.

$Φ$ $(n, d)$ holds $n$ points in feature space, $K = Φ Φᵀ$ with eigenvalues $λ_1 >= λ_2 >= …$; $W$
$(d, s)$ has singular values of at most 1. The primal is $P(W) = -F(Φ W)$, the dual
$D(H) = F*(H) - |ΦᵀH|_*$ with the nuclear norm $tr (Hᵀ K H)^(1/2)$. $F$ is half the squared norm,
or, with $s = 1$, such that $F*(h) = |h|²/2 + ε |h|_1$, the $ε$-insensitive loss, or
$F*(h) = |h|²/2$ where all $|h_i| <= κ$ and infinite elsewhere, Huber's. $r_1 >= r_2 >= …$ are the
sizes $√K_{i i}$ of the points, $u_1$ is the first eigenvector of $K$, and $M$ is the largest
$|Φᵀσ|$ over vectors $σ$ of signs.

Edges: below $ε = r_2$ several $h_i$ are not zero and `sparse_law` raises an error. At $r_1 = r_2$
its interval is empty. An iteration that starts at $Φᵀh = 0$ stays there.

Abstract:

- Sentence 1: kernel PCA is dualised as a difference of convex functions. Holds: same_minimum,
  duality_from_above. Both problems have one optimum.
- Sentence 2: this extends to other objectives, and to gradient methods without an SVD of the kernel
  matrix. In part: same_minimum, huber_bracket, sparsity_threshold. The objectives; no method is
  timed.
- Sentence 3: objectives that are Moreau envelopes promote robustness and sparsity. In part:
  sparsity_threshold, huber_bracket, huber_bracket-threshold. When they begin to act is tried, not
  what robustness gains.
- Sentence 4: training is much faster, and robustness and sparsity have benefits. Not on trial.
  Nothing is timed here, and no benchmark is run.

Read: the abstract. Derived here: all values. Not claimed: the minimum for $ε$ below $r_2$, or that
one start finds it. Topic: linear algebra for learning.
"""

from itertools import product
from typing import Annotated

import numpy as np
from scipy.optimize import minimize

from paper_checks.briefs.common import orthonormal
from theory_on_trial import claim, derived, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Points = Annotated[
    int, Interval(4, 64, why="as many as components at least; each is the start of a search")
]
Components = Annotated[
    int,
    Interval(2, 4, why="with one component all norms agree; eigenvalues halve, one to the next"),
]
FewPoints = Annotated[int, Interval(4, 12, why="the rank is four; all vectors of signs are tried")]
RANDOM_STARTS = 300  # with 20, one search of Huber's minimum ended beside it
Share = Annotated[
    float, Interval(0, 0.95, why="ε between r_2 and r_1, where it is r_1 the minimum is 0")
]


def features(generator, points, rank):
    """Φ with singular values 2, 1.4, 1, …, at most as many as points, which have unlike sizes."""
    dim = min(points, rank)
    left = orthonormal(generator, points, dim)
    right = orthonormal(generator, dim)
    return (left * 2 * 2 ** (-np.arange(dim) / 2)) @ right.T


@observed
def dual(h, kernel):
    """D(H) of the square loss, from K alone, and its gradient."""
    values, vectors = np.linalg.eigh(h.T @ kernel @ h)
    return np.sum(h**2) / 2 - np.sum(np.sqrt(values)), h - kernel @ h @ (
        vectors / np.sqrt(values)
    ) @ vectors.T


@observed
def primal(m, phi):
    """P(W) of the square loss at the polar factor W of M, and its gradient in M."""
    inverse = np.linalg.inv(m.T @ m)
    image = phi.T @ phi @ m
    return -np.trace(inverse @ m.T @ image) / 2, (m @ inverse @ m.T @ image - image) @ inverse


@observed
def searched(generator, objective, of, shape):
    """The least value that L-BFGS finds from three starts, and the slope that it leaves."""

    def loss_and_slope(flat):
        loss, slope = objective(flat.reshape(shape), of)
        return loss, slope.ravel()

    search = {
        "jac": True,
        "method": "L-BFGS-B",
        "options": {"ftol": 0, "gtol": 1e-10, "maxiter": 2000},
    }
    ends = [
        minimize(loss_and_slope, x, **search) for x in generator.normal(size=(3, np.prod(shape)))
    ]
    best = min(ends, key=lambda end: end.fun)
    return best.fun, np.linalg.norm(best.jac)


@observed
def iterated(generator, phi, epsilon=0.0, kappa=np.inf):
    """The least |h|²/2 + ε |h|_1 - |Φᵀh| over |h_i| <= κ, and its number of h_i that are not zero.
    By iterating h = sign(Φ w) min((|Φ w| - ε)_+, κ), w = Φᵀh/|Φᵀh|, from the direction of each
    point and random ones.
    """
    starts = np.column_stack([phi.T, generator.normal(size=(phi.shape[1], RANDOM_STARTS))])
    w = starts / np.linalg.norm(starts, axis=0)
    for _ in range(200):
        scores = phi @ w
        h = np.sign(scores) * np.clip(np.abs(scores) - epsilon, 0, kappa)
        size = np.linalg.norm(phi.T @ h, axis=0)
        w = np.where(size > 0, phi.T @ h / np.where(size > 0, size, 1), w)
    values = np.sum(h**2, axis=0) / 2 + epsilon * np.sum(np.abs(h), axis=0) - size
    return values.min(), np.count_nonzero(h[:, values.argmin()])


@predicted
def square_minimum(kernel, components):
    """-(λ_1 + … + λ_s)/2."""
    return -np.sum(np.linalg.eigvalsh(kernel)[::-1][:components]) / 2


@predicted
def stationary_excess(kernel, components, last):
    """The gap 0 between dual and primal at the last of so many eigenvectors, and how far both are
    above the minimum there: half of what the first eigenvalues exceed these by.
    """
    values = np.linalg.eigvalsh(kernel)[::-1][:last]
    return np.array([0.0, np.sum(values[:components] - values[last - components :]) / 2])


@predicted
def sparse_law(kernel, epsilon):
    """The minimum -(r_1 - ε)²/2 with one h_i that is not zero, or 0 with none."""
    second, first = np.sort(np.sqrt(np.diag(kernel)))[-2:]
    if epsilon < second * (1 - 1e-9):
        raise ValueError("epsilon must be at least r_2: below, more than one h_i is not zero")
    return (-((first - epsilon) ** 2) / 2, 1) if epsilon < first else (0.0, 0)


@predicted
def huber_bracket(phi, shares):
    """κ M - n κ²/2 and min(κ M, λ_1/2), around -min D, and κ, as shares of √λ_1 max |u_1i|, where
    both are λ_1/2.
    """
    left, singular, _ = np.linalg.svd(phi)
    kappa = shares * singular[0] * np.abs(left[:, 0]).max()
    most = (
        kappa
        * np.linalg.norm(np.array(list(product([-1, 1], repeat=len(phi)))) @ phi, axis=1).max()
    )
    return most - len(phi) * kappa**2 / 2, np.minimum(most, singular[0] ** 2 / 2), kappa


@claim(
    tried(
        "abstract, sentence 1: dualization of a difference of convex functions",
        "the value of both minima, by Ky Fan",
    ),
    kind="optimality",
    cases=[(12, 3), (6, 4), (64, 2)],
)
def test_same_minimum(trial, points: Points, components: Components):
    """Kernel PCA with $s$ components minimises $P(W) = -|Φ W|²/2$ over $W$ with singular values of
    at most 1; its dual minimises $D(H) = |H|²/2 - |ΦᵀH|_*$ with the nuclear norm. Both have the
    minimum $-(λ_1 + … + λ_s)/2$, where $λ_i$ are the largest eigenvalues of the kernel matrix
    $Φ Φᵀ$.
    """
    generator = trial.generator()
    phi = features(generator, points, components + 2)
    kernel = phi @ phi.T
    problems = ((primal, phi, phi.shape[1]), (dual, kernel, points))
    ends = (
        searched(generator, objective, of, (size, components)) for objective, of, size in problems
    )
    values, slopes = zip(*ends, strict=True)
    predict = square_minimum(kernel, components)
    controls = {"Frobenius for nuclear norm": square_minimum(kernel, 1)}
    trial.value(
        values,
        predict,
        error=np.array(slopes) + 1e-12,
        margin=1e-5,
        generic="the least values are analytic in the features where eigenvalues differ",
        controls=controls,
    )


@claim(
    derived("$D(Φ W) = P(W)$ where the columns of $W$ are eigenvectors"),
    kind="identity",
    cases=[(12, 3), (6, 4), (64, 2)],
)
def test_duality_from_above(trial, points: Points, components: Components):
    """Kernel PCA minimises $P(W) = -|Φ W|²/2$, its dual $D(H) = |H|²/2 - |ΦᵀH|_*$. Where the
    columns of $W$ are any $s$ orthonormal eigenvectors of $ΦᵀΦ$, with eigenvalues $ν_1, …, ν_s$,
    $D(Φ W)$ equals $P(W)$, and both are $(λ_1 + … + λ_s - ν_1 - … - ν_s)/2$ above the minimum, with
    the largest eigenvalues $λ_i$: a gap of 0 certifies nothing.
    """
    trial.require(points >= components + 2, "points must be components + 2 at least: their rank is")
    generator = trial.generator()
    rank = components + 2
    phi = features(generator, points, rank)
    kernel = phi @ phi.T
    w = np.linalg.svd(phi)[2][rank - components : rank].T  # the last eigenvectors, not the first
    upper = dual(phi @ w, kernel)[0]
    value = primal(w, phi)[0]
    best = searched(generator, primal, phi, w.shape)[0]
    law = stationary_excess(kernel, components, rank)
    trial.value(
        np.array([upper - value, value - best]),
        law,
        error=1e-8,
        margin=1e-5,
        scale=law[1],
        generic="the least values are analytic in the features where eigenvalues differ",
        controls={"a gap of 0 is the minimum's": np.zeros(2)},
    )


def features_and_epsilons(generator, points, share):
    """Features whose largest point is apart from the second, and three ε: between r_2 and r_1, at
    r_1, and above it.
    """
    phi = features(generator, points, 4)
    # Without the factor r_1 - ε would be lost in rounding.
    phi[np.argmax(np.linalg.norm(phi, axis=1))] *= 1.1
    sizes = np.sort(np.linalg.norm(phi, axis=1))[::-1]
    between = sizes[1] + share * (sizes[0] - sizes[1])
    return phi, np.array([between, sizes[0] * (1 + 1e-12), 1.2 * sizes[0]])


@claim(
    derived("$|Φᵀh| <= ∑_i r_i |h_i|$"),
    kind="identity",
    cases=[(15, 0.5), (4, 0.0), (64, 0.95)],
)
def test_sparsity_threshold(trial, points: Points, share: Share):
    """Let $r_1 >= r_2 >= …$ be the lengths of the points in feature space, the rows of $Φ$. The
    minimum of $|h|²/2 + ε |h|_1 - |Φᵀh|$, which is $ε$-insensitive kernel PCA with one component,
    is 0 for $ε >= r_1$, and $-(r_1 - ε)²/2$ for $r_2 <= ε < r_1$.
    """
    generator = trial.generator()
    phi, epsilons = features_and_epsilons(generator, points, share)
    kernel = phi @ phi.T
    component = np.sqrt(np.linalg.eigvalsh(kernel)[-1])
    largest = np.sqrt(np.diag(kernel).max())
    trial.identity(
        [iterated(generator, phi, epsilon)[0] for epsilon in epsilons],
        [sparse_law(kernel, epsilon)[0] for epsilon in epsilons],
        # Three sums of up to 64 terms: |h|², |h|_1 and Φᵀh.
        ops=200,
        scale=4.0,
        generic="analytic where one point is the longest, and points are interchangeable",
        controls={
            "$√λ_1$ for $r_1$": -((component - epsilons) ** 2) / 2,
            "without the half": -(np.maximum(largest - epsilons, 0.0) ** 2),
        },
    )


@claim(
    derived("$|Φᵀh| <= ∑_i r_i |h_i|$"),
    kind="identity",
    cases=[(15, 0.5), (4, 0.0), (64, 0.95)],
)
def test_sparsity_threshold__support(trial, points: Points, share: Share):
    """Let $r_1 >= r_2 >= …$ be the lengths of the points in feature space, the rows of $Φ$. The
    minimiser $h$ of $|h|²/2 + ε |h|_1 - |Φᵀh|$, which is $ε$-insensitive kernel PCA with one
    component, has a single entry that is not zero for $r_2 <= ε < r_1$, and none for $ε >= r_1$.
    """
    generator = trial.generator()
    phi, epsilons = features_and_epsilons(generator, points, share)
    kernel = phi @ phi.T
    trial.identity(
        [iterated(generator, phi, epsilon)[1] for epsilon in epsilons],
        [sparse_law(kernel, epsilon)[1] for epsilon in epsilons],
        ops=0,
        instances="search",
        controls={"the two largest points": [2, 0, 0]},
    )


KAPPAS = np.array([0.003, 0.03, 0.3, 0.6, 0.9, 1, 2])
"""Bounds κ on |h_i| in units of the threshold √λ_1 max |u_1i|."""


@claim(derived("$κ|t| - κ²/2 <= F(t)$ for Huber's $F$"), kind="bound", cases=[12, 7, 4])
def test_huber_bracket__below(trial, points: FewPoints):
    """Let $Φ$ hold $n$ points in feature space. The minimum of $|h|²/2 - |Φᵀh|$ over $|h_i| <= κ$,
    which is kernel PCA with Huber's loss, is at most $n κ²/2 - κ M$, where $M$ is the largest
    $|Φᵀσ|$ over vectors $σ$ of signs.
    """
    generator = trial.generator()
    phi = features(generator, points, 4)
    low, _, kappas = huber_bracket(phi, KAPPAS)
    depths = -np.array([iterated(generator, phi, kappa=kappa)[0] for kappa in kappas])
    trial.bound(
        low,
        depths,
        instances="search",
        # Sums of 12 terms and of 4 on both sides take some 40 roundings; the rest is room.
        ops=100,
        scale=4.0,
        control_processes={"$κ²/2$ for $n κ²/2$": low + (points - 1) * kappas**2 / 2},
    )


@claim(derived("$F(t) <= min(κ|t|, t²/2)$ for Huber's $F$"), kind="bound", cases=[12, 7, 4])
def test_huber_bracket(trial, points: FewPoints):
    """Let $Φ$ hold points in feature space. The minimum of $|h|²/2 - |Φᵀh|$ over $|h_i| <= κ$,
    which is kernel PCA with Huber's loss, is at least $-min(κ M, λ_1/2)$, where $M$ is the largest
    $|Φᵀσ|$ over vectors $σ$ of signs and $λ_1$ the largest eigenvalue of $ΦΦᵀ$.
    """
    generator = trial.generator()
    phi = features(generator, points, 4)
    _, high, kappas = huber_bracket(phi, KAPPAS)
    depths = -np.array([iterated(generator, phi, kappa=kappa)[0] for kappa in kappas])
    largest = np.linalg.norm(phi, axis=1).max()
    trial.bound(
        depths,
        high,
        instances="search",
        # A singular value of order 12 (36 roundings), squared, and sums of 12 terms.
        ops=100,
        scale=4.0,
        controls={"$r_1$ for $M$": np.minimum(high, kappas * largest)},
    )


@claim(
    derived("the first eigenvector is then within the box"),
    kind="identity",
    cases=[12, 7, 4],
)
def test_huber_bracket__threshold(trial, points: FewPoints):
    """Let $Φ$ hold points in feature space. The minimum of $|h|²/2 - |Φᵀh|$ over $|h_i| <= κ$,
    which is kernel PCA with Huber's loss, is $-λ_1/2$, as without a bound on $h$, if and only if
    $κ >= √λ_1 max_i |u_{1 i}|$, where $λ_1 > 0$ is the largest eigenvalue of $ΦΦᵀ$, a simple one,
    and $u_1$ its eigenvector.
    """
    generator = trial.generator()
    phi = features(generator, points, 4)
    _, high, kappas = huber_bracket(phi, KAPPAS)
    depths = -np.array([iterated(generator, phi, kappa=kappa)[0] for kappa in kappas])
    trial.identity(
        depths[KAPPAS >= 1],
        high[KAPPAS >= 1],
        # A singular value of order 12 (36 roundings), squared, and sums of 12 terms.
        ops=100,
        scale=4.0,
        generic="the first eigenvector is within the box, and its eigenvalue is analytic",
        control_processes={"below the threshold": depths[3:5]},
    )


@figure("F1", claims=("sparsity_threshold",))
def thresholds(points=15):
    """The component of $ε$-insensitive kernel PCA is zero from the length of the longest point on.

    Depth $√(-2 m)$ of the minimum $m$ with one component against the threshold $ε$. The first
    singular value $√λ_1$ would put the end too late. Marks: points: iteration from many starts;
    $r₁$, $r₂$: lengths of the two longest points; line: law, from $r₂$ on.
    """
    generator = np.random.default_rng(3)
    phi = features(generator, points, 4)
    sizes = np.sort(np.linalg.norm(phi, axis=1))[::-1]
    grid = np.linspace(0, 2.2, 45)
    late = np.linspace(sizes[1], 2.2, 100)
    depths = [-iterated(generator, phi, epsilon)[0] for epsilon in grid]
    law = [-sparse_law(phi @ phi.T, epsilon)[0] for epsilon in late]
    return chart(
        {
            "r₁ - ε, then 0": (late, np.sqrt(np.multiply(2, law))),
            "√λ₁ - ε": (grid, np.maximum(2 - grid, 0)),
        },
        {"iteration": (grid, np.sqrt(np.multiply(2, depths)))},
        dashed=["√λ₁ - ε"],
        x="threshold ε  (unit of the points)",
        y="√(-2 minimum)  (unit of the points)",
        xticks=[0, sizes[1], sizes[0], 2],
        xticklabels=["0", "r₂", "r₁", "√λ₁ = 2"],
    )
