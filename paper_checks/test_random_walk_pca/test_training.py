"""What training adds to a walk: drift, decaying noise, and trained networks themselves."""

from functools import partial
from typing import Annotated

import jax
import numpy as np

from paper_checks.test_random_walk_pca import WITH_DRIFT
from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial import claim, derived
from theory_on_trial.base.mapping import quick_map
from theory_on_trial.contract import LONGEST, Interval
from theory_on_trial.laws import Asymptotic

MODELS = {
    "linear": {"learning_rate": 0.02, "batch": 32},
    "one hidden layer": {
        "hidden": (64,),
        "loss": "cross_entropy",
        "learning_rate": 0.1,
        "batch": 64,
    },
    "noisy momentum": {
        "hidden": (64,),
        "loss": "cross_entropy",
        "learning_rate": 0.02,
        "momentum": 0.9,
        "batch": 8,
    },
}
"""Networks for scikit-learn's digits, in place of CIFAR-10 and ImageNet, and how they are trained.
"""


Exponent = Annotated[float, Interval(-1, 1, why="slower limits beyond")]
"""p of the noise variance t^-p."""
LongRun = Annotated[
    int, Interval(16_000, 64_000, why="fewer are far from the limit; with more each run is long")
]
FewComponents = Annotated[int, Interval(1, 5, why="later components need more points")]
DriftedPoints = Annotated[int, Interval(4, 200, why="hundreds of walks are diagonalised")]
DriftRatio = Annotated[float, Interval(0.001, 2, why="beyond, the drift is all there is")]
"""|μ|^2 / s2."""
AtRightAngles = Annotated[
    int, Interval(1000, LONGEST, why="only in many drift and noise are at right angles")
]


@claim(
    derived(
        "drift adds a rank-one term that is odd under time reversal, so that even cosines stay "
        "eigenvectors"
    ),
    kind="identity",
    cases=[(60, 0.05), (7, 0.5)],
)
def test_drift_mixing(trial, n_points: DriftedPoints, drift_ratio: DriftRatio):
    """Drift leaves even components alone; odd ones solve 1 = (|μ|^2 / s2) sum_k r_k^2 / (λ -
    λ_k).
    """
    trial.require(
        0.3 <= n_points * drift_ratio <= 10,
        "n_points drift_ratio must lie in [.3, 10]: both are seen",
    )
    walk = predicted.eigenvalues(n_points)
    by_mode = predicted.drift_eigenvalues(n_points, drift_ratio)
    control_eigenvalues = by_mode.copy()
    control_eigenvalues[1::2] += np.mean(by_mode[::2] - walk[::2])
    exact = np.sort(by_mode)[::-1]
    spectrum = observed.population_spectrum(n_points, drift=np.sqrt(drift_ratio))
    controls = {"no drift": walk, "even components shifted too": np.sort(control_eigenvalues)[::-1]}
    trial.identity(spectrum, exact, ops=3 * n_points, scale=exact[0], controls=controls)


@claim(
    derived(
        "in many dimensions drift and noise are at right angles, and their spectra as in "
        "infinitely many"
    ),
    kind="distribution",
    cases=[(60, 0.05, 40_000), (7, 0.5, 50_000)],
)
def test_drift_mixing__sampled(
    trial, n_points: DriftedPoints, drift_ratio: DriftRatio, dim: AtRightAngles
):
    """Sampled walks with drift have the ratios of the population, up to the order 1 / d."""
    trial.require(
        0.3 <= n_points * drift_ratio <= 10,
        "n_points drift_ratio must lie in [.3, 10]: both are seen",
    )
    ratios = np.sort(predicted.drift_explained_variance_ratio(n_points, drift_ratio))[::-1][:3]
    trial.mean(
        lambda key: observed.explained_variance_ratio(
            key, n_points, dim, drift=np.sqrt(drift_ratio)
        )[:3],
        ratios,
        law=Asymptotic(),
        # The cross term of drift and noise shifts the ratios by a multiple of 1 / d.
        slack=2 * ratios / dim,
        margin=ratios * (0.008 + 2 / dim),
        controls={"no drift": predicted.explained_variance_ratio(n_points)[:3]},
        first=128,
    )


@claim(
    derived("a Sturm-Liouville problem that Bessel functions solve"),
    kind="limit",
    cases=[0.5, 1.0, -0.5, -1.0],
)
def test_decay_bessel(
    trial, exponent: Exponent, n_points: LongRun = 32_000, count: FewComponents = 3
):
    """With noise variance t^-p, p < 2, ρ_k tends to 4 (ν + 1) / j_{ν,k}^2 with ν = 1 / (2 - p)."""
    trial.require(
        abs(exponent) >= 0.25,
        "exponent must be at least 0.25 in size: nearer to 0 both orders are alike",
    )
    spectrum = observed.leading_population_spectrum(n_points, count, decay=exponent)
    order = 1 / (2 + exponent)
    slack = (
        np.log(n_points) / n_points
    )  # the order of the correction at p = 1, the slowest of these
    measured = spectrum.eigenvalues / spectrum.total_variance
    ratios = predicted.decaying_noise_explained_variance_ratio(exponent, count)
    controls = {
        "order 1 / (2 + p)": 4 * (order + 1) / predicted.bessel_zeros(order, count) ** 2,
        "no decay": predicted.explained_variance_ratio_limit(count),
    }
    trial.value(
        measured,
        ratios,
        error=4 * n_points * 2.0**-53,
        slack=slack,
        margin=5e-4 + slack,
        controls=controls,
    )
    times = (np.arange(n_points) + 0.5) / n_points

    def overlaps(modes):
        return np.sum(spectrum.time_courses * modes, axis=0) ** 2 / np.sum(modes**2, axis=0)

    measured = overlaps(predicted.decaying_noise_modes(times, exponent, count))
    error = 4 * n_points * 2.0**-53
    processes = {"cosines": overlaps(np.cos(np.pi * np.outer(times, np.arange(1, count + 1))))}
    trial.value(
        measured,
        np.ones(count),
        error=error,
        slack=slack,
        margin=5e-4 + slack,
        control_processes=processes,
    )


def _windows(n_steps, window):
    """Return where windows of a run start: at its beginning, in the middle, and at its end."""
    return {"first": 0, "middle": (n_steps - window) // 2, "last": n_steps - window}


def _runs(trial, n_runs, n_steps, window):
    """Train every model; return the first ratio and the first cosine contents by model and part of
    the run.
    """
    inputs, targets = observed.digits()
    starts = _windows(n_steps, window)

    def observe(key, options):
        train, points, steps = jax.random.split(key, 3)
        gram = observed.training_gram(
            observed.train(train, inputs, targets, n_steps=n_steps, **options)
        ).gram
        whole = gram[::4, ::4]
        shuffled = observed.shuffle_steps(steps, gram)[::4, ::4]
        blocks = {
            name: gram[start : start + window, start : start + window]
            for name, start in starts.items()
        }
        blocks |= {"whole": whole, "steps shuffled": shuffled[: len(whole), : len(whole)]}
        blocks["points shuffled"] = observed.shuffle_points(points, blocks["last"])
        return {name: _first_components(block) for name, block in blocks.items()}

    runs = {
        name: quick_map(partial(observe, options=options))(
            jax.random.split(trial.key(name), n_runs)
        )
        for name, options in MODELS.items()
    }
    parts = next(iter(runs.values()))
    return tuple(
        {part: np.array([runs[name][part][index] for name in MODELS]) for part in parts}
        for index in (0, 1)
    )


def _first_components(gram):
    components = observed.principal_components_of_gram(gram, 3)
    cosines = predicted.cosine_modes(gram.shape[0], 3)
    overlaps = observed.squared_overlaps(components.time_courses, cosines)
    return components.variances[0] / components.total_variance, overlaps


@claim(WITH_DRIFT, kind="empirical", tier="full", low_power="each run carries a sign only")
def test_nn_walk_with_drift(
    trial,
    n_runs: Annotated[
        int, Interval(15, 100, why="a level of 1e-4 takes so many, and each is trained")
    ] = 15,
    n_steps: Annotated[
        int, Interval(2000, 3000, why="shorter runs do not settle, longer ones are large")
    ] = 2000,
    window: Annotated[int, Interval(400, 600, why="a quarter of a run")] = 500,
):
    """Training is a walk with drift: ρ_1 above the walk's, cosine first component, and early on no
    straight drift.
    """
    ratio, content = _runs(trial, n_runs, n_steps, window)
    alpha = 2.0 ** (1 - n_runs)

    def least(parts, index=0):
        return np.min([content[part][..., index] for part in parts], axis=(0, 1))

    def median(parts, index=1):
        return np.median(np.concatenate([content[part][..., index] for part in parts]), axis=0)

    order_control = {"points in random order": least(["points shuffled"]) - 0.6}
    trial.runs(
        least([*_windows(n_steps, window), "whole"]) - 0.6, alpha=alpha, controls=order_control
    )
    trial.runs(
        median(["middle", "last"]) - 0.6,
        alpha=alpha,
        controls={"early on": median(["whole"]) - 0.6},
    )
    walk = predicted.explained_variance_ratio(window)[0]
    simulate = quick_map(lambda key: observed.explained_variance_ratio(key, window, 1000)[0])
    walks = np.asarray(simulate(jax.random.split(trial.key("plain walks"), n_runs)))
    trial.runs(
        np.min(ratio["whole"], axis=0) - 0.8, alpha=alpha, controls={"plain walks": walks - 0.8}
    )
    noisy = list(MODELS).index("noisy momentum")
    near_walk = {part: 0.15 - np.abs(ratio[part][noisy] - walk) for part in ("last", "whole")}
    trial.runs(near_walk["last"], alpha=alpha, controls={"the whole run": near_walk["whole"]})

    def straighter(part):
        """By how much the second component of a run, shuffled in some way, is more of a cosine than
        the run's own.
        """
        return np.median(content[part][..., 1] - content["whole"][..., 1], axis=0)

    controls = {"points shuffled, not steps": straighter("points shuffled")}
    trial.runs(straighter("steps shuffled"), alpha=0.05, controls=controls)
