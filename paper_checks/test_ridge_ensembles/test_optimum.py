"""Where ensembles are best, and the most negative penalty."""

from dataclasses import replace
from fractions import Fraction
from typing import Annotated

import numpy as np
from scipy.optimize import minimize_scalar

from paper_checks.test_ridge_ensembles import LOOKS, POPULATION, AnyAspect, Many, Noise
from sims import ridge_ensembles as observed
from theory import ridge_ensembles as predicted
from theory_on_trial import claim, derived, known, tried
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic


@claim(
    known(
        "Silverstein & Choi 1995, edges of the limiting spectrum as extrema of such a function; "
        "Marchenko & Pastur 1967 at $Σ = I$"
    ),
    kind="optimality",
    cases=[(0.25, 8.0), (3.0, 8.0)],
)
def test_least_penalty(
    trial,
    aspect: Annotated[float, Interval(0.01, 100)],
    ratio: Annotated[
        float, Interval(2, 1e4, why="at 1 the spectrum is isotropic; the high end is a cap")
    ],
):
    """The most negative penalty that a level $μ$ can have is the least of $μ - φ ∑ h r μ / (μ + r)$
    over $μ > -min r$, where $φ = p/n$ and $r$ are the eigenvalues of $Σ$ with shares $h$. For
    $Σ = I$ it is $-(1 - sqrt(φ))^2$.
    """
    trial.require(abs(aspect - 1) >= 0.1, "aspect must be .1 off 1: there no penalty is below 0")
    eigenvalues = np.array([1.0, ratio])
    half = np.array([0.5, 0.5])
    isotropic = -((1 - np.sqrt(aspect)) ** 2)

    def penalty(place):
        mu = np.exp(place) - 1
        return mu * (1 - aspect * np.mean(eigenvalues / (mu + eigenvalues)))

    minimum = minimize_scalar(penalty, bounds=(-20, 20), method="bounded", options={"xatol": 1e-8})
    populations = (
        predicted.Population(spectrum, half, half, 1.0, 0.25)
        for spectrum in (eigenvalues, np.ones(2))
    )
    least = np.array([predicted.least_penalty(population, aspect) for population in populations])
    trial.value(
        [minimum.fun, isotropic],
        least,
        error=1e-12 * ratio,
        margin=1e-10 * ratio,
        controls={
            "of the mean eigenvalue": [(1 + ratio) / 2 * isotropic, isotropic],
            "no penalty is negative": [0.0, 0.0],
        },
    )


def least_of(function, low):
    """The least value of a function from `low` to 9, and its place."""
    minimum = minimize_scalar(function, bounds=(low, 9), method="bounded", options={"xatol": 1e-9})
    return min((minimum.fun, minimum.x), (function(low), low))  # the search tries no end


@claim(
    tried(
        "abstract, sentence 3: the risk of the optimal full ridgeless ensemble matches that of the "
        "optimal ridge predictor",
        "where both are attained, for a covariance with two eigenvalues",
    ),
    kind="optimality",
    cases=[(0.5, 0.25), (0.5, 0.02), (0.8, 0.25), (1.5, 0.25)],
)
def test_optimum(trial, aspect: AnyAspect, noise: Noise):
    """The least risk of infinitely many fits without penalty, over all subsample sizes $k$, is the
    least risk of ridge over all penalties from 0 on. One level $μ$ attains both: at
    $p/k = 1 / (∑ h r / (μ + r))$, if this exceeds $φ = p/n$, and at the penalty
    $μ - φ ∑ h r μ / (μ + r)$, with the eigenvalues $r$ of $Σ$ and their shares $h$.
    """
    population = replace(POPULATION, noise=noise)
    ridge = predicted.optimal_ridge(population, aspect)
    bags = predicted.optimal_ridgeless(population, aspect)

    def risk(penalty, subsample_aspect):
        return predicted.full_ensemble_risk(population, penalty, aspect, subsample_aspect)

    over_sizes = least_of(lambda phi: risk(0.0, phi), max(1.0, aspect))
    over_penalties = least_of(lambda penalty: risk(penalty, aspect), 0.0)
    optima = [over_sizes[0], over_penalties[0], over_sizes[1], over_penalties[1]]
    places = [bags.place, ridge.place]
    level = noise / population.signal
    rivals = {
        name: [predicted.isotropic_optimal_subsample_aspect(aspect, penalty / aspect), penalty]
        for name, penalty in (("as if $Σ = I$", aspect * level), ("$σ^2 / |β|^2$", level))
    }
    trial.value(
        optima,
        [ridge.risk, ridge.risk, *places],
        error=np.array([1e-12, 1e-12, 1e-7, 1e-7]),
        margin=np.array([1e-10, 1e-10, 1e-6, 1e-6]),
        controls={
            name: [risk(0.0, max(places[0], aspect)), risk(places[1], aspect), *places]
            for name, places in rivals.items()
        },
    )


def isotropic(aspect, noise):
    """A population with Σ = I and |β| = 1, and the least risk of ridge on it."""
    population = predicted.Population(np.ones(1), np.ones(1), np.ones(1), 1.0, noise)
    half = (1 - aspect * (1 + noise)) / 2
    root = np.sqrt(half**2 + aspect * noise)
    # Without a difference of near numbers
    least = noise / (root + half) if half > 0 else (root - half) / aspect
    return population, least


@claim(
    derived(
        "the least of a ratio of quadratics, from the discriminant of its difference to a constant"
    ),
    kind="bound",
)
def test_optimum__isotropic(trial, aspect: AnyAspect = 0.5, noise: Noise = 0.25):
    """For $Σ = I$ and $|β| = 1$, no ensemble of infinitely many ridge fits with a penalty $λ >= 0$,
    each on $k <= n$ rows, has a risk below the positive root $c$ of
    $φ c^2 + (1 - φ (1 + s)) c = s$, where $s > 0$ is the variance of the noise and $φ = p/n$.
    """
    population, least = isotropic(aspect, noise)
    best = predicted.isotropic_optimal_subsample_aspect(aspect, noise)
    grid = [
        (0.0, best),
        *(
            (ridge, phi)
            for ridge in (0.0, 0.1, 1.0)
            for phi in np.linspace(max(aspect, 1.01), 6, 12)
        ),
    ]
    risks = np.array(
        [predicted.full_ensemble_risk(population, ridge, aspect, phi) for ridge, phi in grid]
    )
    levels = np.array([predicted.level(population, *setting) for setting in grid])
    trial.bound(
        np.full(len(grid), least),
        risks,
        instances="grid",
        # Some 40 roundings, of two formulas and of a level at which the risk is flat. The rest is
        # room.
        ops=100,
        controls={"without the inflation by variance": noise + (levels / (1 + levels)) ** 2},
    )


@claim(derived("fits on fewer rows act as fits with a penalty do"), kind="identity")
def test_optimum__isotropic_attained(trial, aspect: AnyAspect = 0.5, noise: Noise = 0.25):
    """For $Σ = I$ and $|β| = 1$, infinitely many fits without penalty on $p / x$ rows each have the
    least risk of ridge, the positive root $c$ of $φ c^2 + (1 - φ (1 + s)) c = s$, where $x$ is the
    larger root of $x^2 - (1 + φ + φ s) x + φ = 0$, $s$ the variance of the noise and $φ = p/n$.
    """
    population, least = isotropic(aspect, noise)
    best = predicted.isotropic_optimal_subsample_aspect(aspect, noise)
    risk = predicted.full_ensemble_risk(population, 0.0, aspect, best)
    many = predicted.ensemble_risk(population, 0.0, aspect, best, 10_000)
    trial.identity(risk, least, ops=1e4, scale=least, controls={"of ten thousand members": many})


@claim(derived("the derivative of the risk in the aspect of the fits"), kind="optimality")
def test_optimum__isotropic_place(trial, aspect: AnyAspect = 0.5, noise: Noise = 0.25):
    """For $Σ = I$ and $|β| = 1$, infinitely many fits without penalty on $k$ rows each have the
    least risk where $p/k$ is the larger root of $x^2 - (1 + φ + φ s) x + φ = 0$; $s$ is the
    variance of the noise and $φ = p/n$.
    """
    population, _ = isotropic(aspect, noise)
    best = predicted.isotropic_optimal_subsample_aspect(aspect, noise)
    _, place = least_of(
        lambda phi: predicted.full_ensemble_risk(population, 0.0, aspect, phi), max(1.0, aspect)
    )
    roots = {"$φ_s* = φ$": aspect, "the smaller root": aspect / best}
    trial.value(place, best, error=3e-7, margin=1e-6, controls=roots)


@claim(
    derived("the law of the risk, at levels of penalties below 0"),
    kind="limit",
    tier="full",
)
def test_negative_ridge(trial, dim: Many = 480):
    """Let $p = 3 n$, let four fifths of the eigenvalues of $Σ$ be .1 and the others 3, let the
    signal $|β| = 1$ lie along the latter, and let the noise have the variance .01. The best penalty
    of ridge is negative, −.0588, and lowers the risk by .0253 below that without penalty, up to 2
    %.

    The sentence of the abstract on the best ridge is about penalties from 0 on.
    """
    small = dim * 4 // 5
    large = dim - dim * 4 // 5
    masses = np.array([small, large]) / dim
    aspect = dim / (dim // 3)
    population = predicted.Population(np.array([0.1, 3]), masses, np.array([0.0, 1]), 1.0, 0.01)
    variances = np.repeat([0.1, 3.0], [small, large])
    signal = np.repeat([0.0, 1 / large], [small, large])
    size = {"points": dim // 3, "subsample": dim // 3, "members": 1}
    best = predicted.optimal_ridge(population, aspect, negative=True)
    gain = predicted.optimal_ridge(population, aspect).risk - best.risk

    def gains(key):
        forms = [
            observed.trace_form(key, variances, signal, 0.01, penalty, **size)
            for penalty in (0.0, best.place)
        ]
        return forms[0].risks[0, 0] - forms[1].risks[0, 0]

    positive = predicted.full_ensemble_risk(population, 0.0, aspect, aspect)
    positive -= predicted.full_ensemble_risk(population, -best.place, aspect, aspect)
    controls = {"penalties from 0 on suffice": 0.0, "the same penalty, positive": positive}
    trial.mean(gains, gain, law=Asymptotic(), margin=0.02 * gain, controls=controls, **LOOKS)


@claim(derived("boxes of $μ$, each enclosed"), kind="bound")
def test_least_penalty__everywhere(trial):
    """For $Σ = I$, $μ - φ μ / (μ + 1) >= -(1 - sqrt(φ))²$ for all $μ$ in $[-.95, 20]$ and
    $sqrt(φ) = 1/4, 2/4, 3/4, 5/4, …, 3$, to $1e-12$.
    """

    def law(level, quarters):
        return (1 - Fraction(quarters, 4)) ** 2

    def on_floats(level, quarters):
        population = predicted.Population(np.ones(1), np.ones(1), np.ones(1), 1.0, 0.25)
        return -predicted.least_penalty(population, (quarters / 4) ** 2)

    trial.prove(
        lambda level, quarters: Fraction(quarters, 4) ** 2 * (1 - 1 / (level + 1)) - level,
        law,
        {"level": (-0.95, 20), "quarters": [1, 2, 3, *range(5, 13)]},
        tolerance=1e-12,
        controls={"no penalty below 0": lambda level, quarters: 0 * law(level, quarters)},
        same_as=(None, on_floats),
    )
