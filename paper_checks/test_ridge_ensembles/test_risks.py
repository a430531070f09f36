"""Risks of members and of infinitely many of them, and the ridge on all points that is as good."""

from dataclasses import replace
from itertools import combinations
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import toeplitz

from paper_checks.test_ridge_ensembles import (
    LOOKS,
    POPULATION,
    WITH,
    Apart,
    Aspect,
    AspectOfAll,
    Correlation,
    Few,
    Forty,
    Medium,
    Noise,
    Penalty,
    Some,
    directions,
    populated,
    world,
)
from sims import ridge_ensembles as observed
from theory import ridge_ensembles as predicted
from theory.ridge_ensembles import shrinkage_bias, shrunk, threshold_distance
from theory_on_trial import claim, code, derived, known, published, tried
from theory_on_trial.contract import Interval, UnitInterval
from theory_on_trial.laws import Asymptotic

REPOSITORY = "jaydu1/overparameterized-ensembling"
COMMIT = "1f50507"
LAWS = code(REPOSITORY, "paper/gcv/compute_risk.py", COMMIT)
LEVEL = code(REPOSITORY, "paper/gcv/fixed_point_sol.py, v_general", COMMIT)
SCALED = published(
    place=code(REPOSITORY, "paper/gcv/run_gcv_opt.py, line 27", COMMIT),
    quoted="lam = (phi_s-phi) * np.trace(np.linalg.solve(np.identity(p) + v * Sigma, v * Sigma)) "
    "/ p",
    within="`v = v_general(phi_s, 0., Sigma)`: no penalty before",
    reach="released command",
    effect="the rows of the type 'ridge' in that script's table; its README takes the ridge curve "
    "of Figure 3 from another script",
    ran="its lines, rewritten",
)

DATA_SETS = 48


def released_level(spectrum, aspect, penalty):
    """The iteration of `v_general`, on eigenvalues: v where it stops, and its last step."""
    isotropic = predicted.Population(np.ones(1), np.ones(1), np.ones(1), 1.0, 1.0)
    v = float(1 / predicted.level(isotropic, penalty, aspect))
    while True:
        before = v
        v = float(1 / (penalty + aspect * np.mean(spectrum / (1 + v * spectrum))))
        if abs(v - before) / (abs(before) + 1e-3) <= 1e-3:
            return v, v - before


def released_penalty(spectrum, aspect, subsample_aspect):
    """Lines 26 and 27 of `run_gcv_opt.py`, on eigenvalues."""
    v, _ = released_level(spectrum, subsample_aspect, 0.0)
    return (subsample_aspect - aspect) * np.mean(v * spectrum / (1 + v * spectrum))


def drawing(dim, aspect, subsample_aspect, penalty, ridges=(), correlation=None):
    """A function of seeds: risks of two members, of all, and of ridge on all rows, with numbers of
    mean zero.
    """
    variances, signal, halves = directions(dim, correlation)
    _, _, size = populated(dim, aspect, subsample_aspect)
    points = size["points"]

    def of_seed(seed):
        x, chosen = observed.data_set(jax.random.key(seed), variances, points, size["subsample"], 3)
        single, pair = (observed.bag_mean(risks_of(x, chosen, penalty), m) for m in (1, 2))
        all_rows = jnp.arange(points)[None]
        beside = jax.lax.map(
            lambda ridge: risks_of(x, all_rows, ridge)[0, 0], jnp.array(ridges, float)
        )
        return jnp.append(jnp.stack([pair, 2 * pair - single]), beside), x, chosen

    def risks_of(x, chosen, ridge):
        return observed.traces(x, chosen, variances, signal, POPULATION.noise, ridge).risks

    program = jax.jit(lambda seeds: jax.lax.map(of_seed, seeds))

    def draw(seeds):
        risks, x, chosen = map(np.asarray, program(seeds))
        all_rows = np.tile(np.arange(points), (len(x), 1, 1))
        # Those of one ridge serve for all
        fits = [
            (chosen, penalty),
            *((all_rows, ridge) for ridge in ridges[:1]),
        ]
        numbers = [
            observed.zero_means(x, rows, variances, halves, max(ridge, 0.01))
            for rows, ridge in fits
        ]
        return risks, np.concatenate(numbers, axis=1)

    return draw


def extrapolated(trial, draws, combined, truth, controls, as_published=None):
    """The decision on 2 f(p) - f(p / 2), from which the terms of order 1 / p are gone, f the mean
    of combined risks. Of the numbers of mean zero so much is taken off each risk as fits best on
    data sets drawn for that: the mean stays as it is, and a tenth of the scatter. All predictions
    are f at p and at p / 2.
    """

    def drawn(draw, generator, n):
        # One program draws two at a time: a sampler is asked for few at first.
        rounds = [draw(generator.integers(2**63, size=2)) for _ in range(-(-n // 2))]
        return (np.concatenate(part)[:n] for part in zip(*rounds, strict=True))

    shares = []
    for draw in draws:
        risks, numbers = (
            part - part.mean(axis=0)
            for part in drawn(draw, trial.generator("shares"), 2 * DATA_SETS)
        )
        unit = numbers.std(axis=0) + 1e-9
        shares.append(np.linalg.lstsq(numbers / unit, risks, rcond=1e-5)[0] / unit[:, None])

    def sampler(generator, n):
        estimates = []
        for draw, share in zip(draws, shares, strict=True):
            risks, numbers = drawn(draw, generator, n)
            estimates.append(combined(risks - numbers @ share))
        return 2 * estimates[0] - estimates[1]

    def at_both(values):
        return 2 * values[0] - values[1]

    trial.mean(
        sampler=sampler,
        predict=at_both(truth),
        law=Asymptotic(),
        margin=0.01 * at_both(truth),
        controls={name: at_both(control) for name, control in controls.items()},
        as_published=None if as_published is None else at_both(as_published),
        first=DATA_SETS,
        most=24 * DATA_SETS,
    )


def risks_meet_the_law(trial, aspect, subsample_aspect, penalty, dim, apart=20, correlation=None):
    """The decision on the risks of two members and of infinitely many."""
    world(trial, dim, aspect, subsample_aspect, penalty, apart)

    def law(noise=POPULATION.noise, members=2, correlation=correlation):
        pairs = []
        for p in (dim, dim // 2):
            population, aspects, _ = populated(p, aspect, subsample_aspect, correlation)
            setting = (replace(population, noise=noise), penalty, *aspects)
            pairs.append(
                [predicted.ensemble_risk(*setting, members), predicted.full_ensemble_risk(*setting)]
            )
        return np.array(pairs)

    def otherwise(solved_at, left):
        pairs = []
        for p in (dim, dim // 2):
            population, aspects, _ = populated(p, aspect, subsample_aspect, correlation)
            mu = predicted.level(population, penalty, aspects[solved_at])
            bias = POPULATION.noise + shrinkage_bias(population, mu)
            full, single = (bias / left(population, mu, phi) for phi in aspects)
            pairs.append([(single + full) / 2, full])
        return np.array(pairs)

    truth = law()
    controls = {
        "without the new point's noise": truth - POPULATION.noise,
        "each for the other": truth[:, ::-1],
    }
    controls |= {"half the noise": law(noise=POPULATION.noise / 2), "$1 / M^2$": law(members=4)}
    rivals = {}
    if penalty >= 0.1:  # without one t is t squared where p <= k, and 1 elsewhere
        linear = otherwise(1, lambda population, mu, phi: 1 - phi * shrunk(population, mu))
        rivals = {
            "$μ$ of all points": otherwise(0, threshold_distance),
            "$r / (μ + r)$ unsquared": linear,
        }
    if correlation is not None:
        rivals |= {
            "equal eigenvalues": law(correlation=0.0),
            "two eigenvalues": law(correlation=None),
        }
    controls |= {
        name: risks for name, risks in rivals.items() if np.abs(risks / truth - 1).max() > 0.05
    }
    draws = [
        drawing(p, aspect, subsample_aspect, penalty, correlation=correlation)
        for p in (dim, dim // 2)
    ]
    extrapolated(trial, draws, lambda risks: risks, truth, controls)


@claim(LAWS, kind="limit", cases=[WITH])
def test_risk_law(
    trial, aspect: AspectOfAll, subsample_aspect: Aspect, penalty: Penalty, dim: Medium = 40
):
    """As $n$, $p$ and $k$ grow, infinitely many ridge fits on $k$ of $n$ rows have the risk
    $C = (σ^2 + c) / (1 - t(φ))$, and two have $(C + R_1) / 2$, up to 1 %. $R_1$ is $C$ with
    $φ_s = p/k$ in place of $φ = p/n$, $c$ the squared bias, and $t$ the share of degrees of
    freedom.

    The file computes these limits, with its `tv` = t / (1 - t) and `tc` = c.
    """
    risks_meet_the_law(trial, aspect, subsample_aspect, penalty, dim)


@claim(
    derived("the law at the limit of the eigenvalues, which is that of Szegő 1915"),
    kind="limit",
    tier="full",
    cases=[(0.6, *WITH), (-0.8, *WITH)],
)
def test_risk_law__autoregressive(
    trial,
    correlation: Correlation,
    aspect: AspectOfAll,
    subsample_aspect: Aspect,
    penalty: Penalty,
    dim: Medium = 40,
):
    """For rows with the covariance $Σ_{i j} = ρ^(|i - j|)$, infinitely many ridge fits and two of
    them have the risks $C$ and $(C + R_1) / 2$ of the law for its eigenvalues.

    These are (1 - ρ^2) / |1 - ρ e^(i t)|^2, t uniform, with coefficients equal along all
    directions.
    """
    risks_meet_the_law(trial, aspect, subsample_aspect, penalty, dim, correlation=correlation)


@claim(LAWS, kind="limit", tier="full", cases=[(0.5, 2.0, 160), (0.4, 0.8, 160), (0.4, 0.625, 80)])
def test_risk_law__ridgeless(
    trial, aspect: AspectOfAll, subsample_aspect: Aspect, dim: Forty = 160
):
    """Without penalty, infinitely many fits on $k$ of $n$ rows have the risk
    $C = (σ^2 + c) / (1 - t(φ))$, and two have $(C + R_1) / 2$. $R_1$ is $C$ with $φ_s = p/k$ in
    place of $φ = p/n$, $c$ the squared bias, and $t$ the share of degrees of freedom.

    The file computes these limits.
    """
    risks_meet_the_law(trial, aspect, subsample_aspect, 0.0, dim, apart=40)


@claim(
    LAWS,
    kind="identity",
    cases=[(0.4, 0.625), (0.5, 1.0)],
    route="what least squares is known to risk, written in the check",
    second="test_ridge_ensembles.py::test_the_exact_risk_tends_to_the_limit",
)
def test_risk_law__least_squares(
    trial,
    aspect: Annotated[float, Interval(0.01, 0.5, why="k is at most n")],
    subsample_aspect: Annotated[float, Interval(0.5, 1, why="beyond, fits interpolate")],
):
    """Without penalty and for $p <= k$, infinitely many fits have the risk $C = σ^2 / (1 - φ)$ and
    one has $R_1 = σ^2 / (1 - φ_s)$, which is infinite at $p = k$; $φ = p/n$ and $φ_s = p/k$.

    The file has these two as its branch for no penalty.
    """
    exact = (1 - np.array([aspect, subsample_aspect])) / POPULATION.noise

    def inverse(penalty):
        full = predicted.full_ensemble_risk(POPULATION, penalty, aspect, subsample_aspect)
        return 1 / np.array([full, predicted.member_risk(POPULATION, penalty, subsample_aspect)])

    controls = {"of a small penalty": inverse(0.01)}
    if subsample_aspect - aspect > 1e-6:  # at k = n both are one
        controls["each for the other"] = exact[::-1]
    trial.identity(exact, inverse(0.0), ops=20, scale=1 / POPULATION.noise, controls=controls)


@claim(
    known("Belkin, Hsu & Xu 2020, Two models of double descent for weak features, Theorem 1"),
    kind="distribution",
    cases=[(20, 16, True), (20, 20, False)],
)
def test_finite_size_exact(
    trial, smaller: Some, apart: Apart, wide: bool, signal: UnitInterval = 1.0, noise: Noise = 0.25
):
    """Least squares, of least norm where $k < p$, on $k$ normal points with covariance $I$ in $p$
    dimensions has the risk $σ^2 (1 + min(k, p) / (|p - k| - 1)) + |β|^2 (1 - k / p)_+$ for
    $|p - k| > 1$.
    """
    points, dim = (smaller, smaller + apart) if wide else (smaller + apart, smaller)
    size = {"points": points, "subsample": points, "members": 1}
    exact = predicted.ridgeless_member_risk(points, dim, signal, noise)
    limit = noise * (1 + smaller / apart) + signal * max(0, 1 - points / dim)
    trial.require(
        exact - limit >= 0.01 * exact,
        "p - k for p - k - 1 must miss 1 % of the risk: margins are .9 %",
    )
    trial.mean(
        lambda key: observed.trace_form(
            key, np.ones(dim), np.full(dim, signal / dim), noise, 0.0, **size
        ).risks[0, 0],
        exact,
        law=Asymptotic(),
        margin=0.009 * exact,
        controls={"$p - k$ for $p - k - 1$": limit, "without noise": exact - noise},
        **LOOKS | {"most": 16_000},
    )


@claim(
    known(
        "Patil, Du & Kuchibhotla 2023, Bagging in overparameterized learning: the risk of $M$ "
        "members from those of one and two"
    ),
    kind="identity",
)
def test_affine_in_1_over_M(trial, there: Few = 8, dim: Some = 20):
    """For given members, the mean risk of all bags of $M$ of them is affine in $1 / M$:
    $R_1 / M + (1 - 1 / M) C$, where $R_1$ is that of one member and $C$ that of infinitely many.
    """
    factor = trial.generator().standard_normal((there, dim))
    products = factor @ factor.T / dim
    bags = [
        [products[np.ix_(bag, bag)].mean() for bag in combinations(range(there), m)]
        for m in range(1, there + 1)
    ]
    single = np.trace(products) / there
    pair = (products.sum() - np.trace(products)) / (there * (there - 1))

    def law(share):
        return np.array([single * share(m) + (1 - share(m)) * pair for m in range(1, there + 1)])

    trial.identity(
        [np.mean(of_size) for of_size in bags],
        [float(observed.bag_mean(products, m)) for m in range(1, there + 1)],
        ops=2**there,
        scale=single + abs(pair),
        controls={"$1 / M^2$": law(lambda m: 1 / m**2), "$1 / sqrt(M)$": law(lambda m: m**-0.5)},
        generic="means of products are polynomials in the factor",
    )


def ridge_is_as_good(trial, aspect, subsample_aspect, penalty, dim, released=None):
    """The decision on ridge with the equivalent penalty beside the full ensemble, on the same rows;
    `released` is a function of eigenvalues and aspects, a penalty published as equivalent.
    """
    population, aspects, _ = world(trial, dim, aspect, subsample_aspect, penalty, apart=20)
    trial.require(
        penalty > 0 or abs(aspect - 1) > 0.1,
        "aspect must be off 1 without penalty: the risk is infinite",
    )
    mu = predicted.level(population, penalty, aspects[1])
    trial.require(
        mu > 0,
        "subsample_aspect must exceed 1 without penalty: below, mu is 0, and no fit is regularised",
    )
    if released is not None:
        right = "mu must be 20 % off 1: the published form is right there"
        trial.require(abs(np.log(mu)) > 0.2, right)

    def at(p):
        population, aspects, _ = populated(p, aspect, subsample_aspect)
        ridges = [predicted.equivalent_penalty(population, penalty, *aspects)]
        if released is not None:
            ridges.append(released(directions(p)[0], *aspects))
        risks = [
            predicted.full_ensemble_risk(population, lam, aspects[0], aspects[0])
            for lam in (*ridges, penalty)
        ]
        return drawing(p, aspect, subsample_aspect, penalty, ridges), risks

    draws, risks = zip(at(dim), at(dim // 2), strict=True)
    truth, same = np.split(np.array(risks), [-1], axis=1)
    distinct = np.abs(truth[:, :1] - same).min() > 0.02 * truth.max()
    trial.require(distinct, "the penalty itself must not be as good, to 2 %, as the equivalent one")
    full = 2 * truth[0, 0] - truth[1, 0]
    extrapolated(
        trial,
        draws,
        # The ensemble's own scatter is subtracted
        lambda risks: risks[:, 2:] - risks[:, 1:2] + full,
        truth,
        controls={"the penalty itself": truth + truth[:, :1] - same},
        # Ridge with the released penalty has the risk of the ensemble
        as_published=None if released is None else np.repeat(truth[:, :1], 2, axis=1),
    )


SAME = tried(
    "abstract, sentence 2: contours in the $(λ, φ_s)$-plane at any achievable risk",
    "the penalty in closed form, its derivation from the level $μ$, and the margin",
)


@claim(SAME, kind="limit", cases=[WITH])
def test_path_equivalence(
    trial, aspect: AspectOfAll, subsample_aspect: Aspect, penalty: Penalty, dim: Medium = 40
):
    """Infinitely many ridge fits on $k$ of $n$ rows are as good as ridge on all rows with the
    penalty $μ - φ sum_i h_i r_i μ / (μ + r_i)$, up to 1 %: $μ$ is the level of penalty and
    subsample size, $φ = p/n$, and $r_i$ are the eigenvalues of the rows' covariance with shares
    $h_i$.
    """
    ridge_is_as_good(trial, aspect, subsample_aspect, penalty, dim)


@claim(SAME, kind="limit", tier="full", cases=[(0.5, 2.0)], as_published=SCALED)
def test_path_equivalence__ridgeless(
    trial, aspect: AspectOfAll, subsample_aspect: Aspect, dim: Forty = 40
):
    """Infinitely many fits without penalty on $k$ of $n$ rows are as good as ridge on all rows with
    the penalty $μ - φ ∑ h r μ / (μ + r)$: $μ$ is the level of the subsample size, $φ = p/n$, and
    $r$ are the eigenvalues of the rows' covariance with shares $h$.
    """
    ridge_is_as_good(trial, aspect, subsample_aspect, 0.0, dim, released_penalty)


LevelAspect = Annotated[float, Interval(1, 30, why="below, v has no limit without penalty")]
AUTOREGRESSIVE = np.linalg.eigvalsh(toeplitz(0.25 ** np.arange(100.0)))
"""Eigenvalues of the design of the release's scripts."""


def solvable(trial, aspect, penalty):
    """Refuse where the iteration takes thousands of steps."""
    trial.require(
        aspect >= 1.1 or penalty >= 0.01,
        "aspect must be 1.1 or penalty .01: v grows without end at 1 and 0",
    )


def level_of(spectrum, penalty, aspect):
    """The level μ for equally frequent eigenvalues."""
    equal = np.full(len(spectrum), 1 / len(spectrum))
    return predicted.level(predicted.Population(spectrum, equal, equal, 1.0, 1.0), penalty, aspect)


@claim(
    LEVEL,
    kind="identity",
    cases=[(1.1, 0.0), (1.0, 0.01), (2.0, 0.1)],
    route="the authors' iteration in the check against a bracketed root",
    second="test_ridge_ensembles.py::test_levels_and_risks_to_thirty_digits",
)
def test_fixed_point(trial, aspect: LevelAspect, penalty: Annotated[float, Interval(0, 10)]):
    """For a penalty $λ$ and $φ_s = p/k$, the level is $μ = 1 / v$ with
    $v = 1 / (λ + φ_s ∑ h r / (1 + v r))$, the limit for large $k$; $r$ are the eigenvalues of the
    rows' covariance with shares $h$, here of an autoregression with .25.

    The function iterates this from the v of equal eigenvalues; here it goes on for 3000 steps.
    """
    solvable(trial, aspect, penalty)
    start = level_of(np.ones(1), penalty, aspect)
    v = float(1 / start)
    for _ in range(3000):
        v = float(1 / (penalty + aspect * np.mean(AUTOREGRESSIVE / (1 + v * AUTOREGRESSIVE))))
    trial.identity(
        1 / v,
        level_of(AUTOREGRESSIVE, penalty, aspect),
        ops=1e4,  # an error grows by 1 / (1 - the rate of the iteration), and sums have 100 terms
        scale=1.0,
        controls={"equal eigenvalues": start},
    )


@claim(
    derived("an iteration that converges at the rate $t$, stopped"),
    kind="limit",
    cases=[(1.1, 0.0), (1.5, 0.0), (2.0, 0.0), (1.0, 0.01)],
    route="the released iteration, rewritten, against a bracketed root and its derivative",
)
def test_fixed_point__tolerance(
    trial, aspect: LevelAspect, penalty: Annotated[float, Interval(0, 0.1)]
):
    """The released iteration for $v$ stops at a relative step of at most $1e-3$. There $v$ is too
    low by $t / (1 - t)$ times its last step, up to 1 % of this, where
    $t = φ_s ∑ h r² v² / (1 + v r)²$ is the rate of the iteration: by .93, .16 and .06 % at
    $φ_s = p/k = 1.1, 1.5$ and $2$ without penalty, and by .35 % at $φ_s = 1$ and the penalty .01.

    The function is `v_general` of `fixed_point_sol.py` (jaydu1/overparameterized-ensembling at
    1f50507); the rows have the covariance .25^|i - j| of its scripts. A tolerance is no error.
    """
    solvable(trial, aspect, penalty)
    stopped, step = released_level(AUTOREGRESSIVE, aspect, penalty)
    root = 1 / level_of(AUTOREGRESSIVE, penalty, aspect)
    rate = aspect * np.mean((AUTOREGRESSIVE / (1 / root + AUTOREGRESSIVE)) ** 2)
    shortfall = step * rate / (1 - rate) / root
    trial.value(
        1 - stopped / root,
        shortfall,
        error=0.002 * shortfall,  # the curvature of the iteration
        margin=0.01 * shortfall,
        controls={"of one more step": step * rate / root},
    )
