"""What training adds to a walk: drift, decaying noise, and trained networks themselves."""

import jax
import numpy as np

from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial import claim, ours
from theory_on_trial.laws import Asymptotic
from theory_on_trial.mapping import map_cells


@claim(ours("comparison with training: drift; secular equation derived"), kind="identity")
def test_drift_mixing(trial, n_points=60, drift_ratio=0.05, dim=2000):
    """Drift leaves even components alone; odd ones solve 1 = (|mu|^2 / s2) sum_k r_k^2 / (lambda - lambda_k)."""
    exact = np.asarray(observed.population_spectrum(n_points, drift=np.sqrt(drift_ratio)))
    by_mode = predicted.drift_eigenvalues(n_points, drift_ratio)
    shifted = by_mode.copy()
    shifted[1::2] += np.mean(by_mode[::2] - predicted.eigenvalues(n_points)[::2])
    trial.identity(
        exact,
        np.sort(by_mode)[::-1],
        ops=3 * n_points,
        scale=exact[0],
        controls={
            "no drift": predicted.eigenvalues(n_points),
            "even components shifted too": np.sort(shifted)[::-1],
        },
    )
    ratios = np.sort(predicted.drift_explained_variance_ratio(n_points, drift_ratio))[::-1][:3]
    trial.mean(
        lambda key: observed.explained_variance_ratio(key, n_points, dim, drift=np.sqrt(drift_ratio))[:3],
        ratios,
        law=Asymptotic(),
        # The cross term of drift and noise shifts the ratios by a multiple of 1 / d.
        slack=ratios / dim,
        margin=0.02 * ratios,
        controls={"no drift": predicted.explained_variance_ratio(n_points)[:3]},
        first=128,
    )


@claim(ours("comparison with training: decaying noise; Bessel law derived"), kind="limit")
def test_decay_bessel(trial, n_points=32_000, exponents=(0.0, 0.5, 1.0, -1.0), count=3):
    """With noise variance t^-p, p < 2, rho_k tends to 4 (nu + 1) / j_{nu,k}^2 with nu = 1 / (2 - p)."""
    spectra = [observed.leading_population_spectrum(n_points, count, decay=exponent) for exponent in exponents]

    def law(order):
        return [4 * (order(p) + 1) / predicted.bessel_zeros(order(p), count) ** 2 for p in exponents]

    trial.value(
        [spectrum.eigenvalues / spectrum.total_variance for spectrum in spectra],
        [predicted.decaying_noise_explained_variance_ratio(exponent, count) for exponent in exponents],
        error=4 * n_points * 2.0**-53,
        slack=np.log(n_points) / n_points,  # the order of the correction at p = 1, the slowest of these
        margin=2e-3,
        controls={"order 1 / (2 + p)": law(lambda p: 1 / (2 + p))},
    )


@claim(
    ours("comparison with neural network training (substitute: scikit-learn's digits)"), kind="empirical", tier="full"
)
def test_nn_walk_with_drift(trial, n_runs=15, n_steps=2000, window=500):
    """Training is a walk with drift: rho_1 above the walk's, cosine first component, and early on no straight drift."""
    inputs, targets = observed.digits()
    starts = {"first": 0, "middle": (n_steps - window) // 2, "last": n_steps - window}
    settings = {
        "linear": {"learning_rate": 0.02, "batch": 32},
        "one hidden layer": {"hidden": (64,), "loss": "cross_entropy", "learning_rate": 0.1, "batch": 64},
        "noisy momentum": {
            "hidden": (64,),
            "loss": "cross_entropy",
            "learning_rate": 0.02,
            "momentum": 0.9,
            "batch": 8,
        },
    }

    def observe(key, options):
        train, points, steps = jax.random.split(key, 3)
        gram = observed.training_gram(observed.train(train, inputs, targets, n_steps=n_steps, **options)).gram
        whole, shuffled = gram[::4, ::4], observed.shuffle_steps(steps, gram)[::4, ::4]
        blocks = {name: gram[start : start + window, start : start + window] for name, start in starts.items()}
        blocks |= {"whole": whole, "steps shuffled": shuffled[: len(whole), : len(whole)]}
        blocks["points shuffled"] = observed.shuffle_points(points, blocks["last"])
        return {name: _first_components(block) for name, block in blocks.items()}

    runs = {
        name: jax.jit(lambda keys, options=options: map_cells(lambda key: observe(key, options), keys))(
            jax.random.split(trial.key(name), n_runs)
        )
        for name, options in settings.items()
    }
    alpha = 2.0 ** (1 - n_runs)
    content = {name: {part: seen[1] for part, seen in parts.items()} for name, parts in runs.items()}
    ratio = {name: {part: seen[0] for part, seen in parts.items()} for name, parts in runs.items()}

    def least(index, parts):
        return np.min([content[name][part][:, index] for name in settings for part in parts], axis=0)

    trial.runs(
        least(0, (*starts, "whole")) - 0.6,
        alpha=alpha,
        controls={"points in random order": least(0, ("points shuffled",)) - 0.6},
    )
    trial.runs(
        np.median([content[name][part][:, 1] for name in settings for part in ("middle", "last")], axis=0) - 0.6,
        alpha=alpha,
        controls={"early on": np.median([content[name]["whole"][:, 1] for name in settings], axis=0) - 0.6},
    )
    trial.runs(
        np.min([ratio[name]["whole"] for name in settings], axis=0) - 0.8,
        alpha=alpha,
        controls={"the plain walk": np.full(n_runs, predicted.explained_variance_ratio(window)[0] - 0.8)},
    )
    trial.runs(
        0.15 - np.abs(np.asarray(ratio["noisy momentum"]["last"]) - 0.6),
        alpha=alpha,
        controls={"the whole run": 0.15 - np.abs(np.asarray(ratio["noisy momentum"]["whole"]) - 0.6)},
    )
    trial.runs(
        np.median([content[name]["steps shuffled"][:, 1] - content[name]["whole"][:, 1] for name in settings], axis=0),
        alpha=0.05,
        controls={"compared with itself": np.zeros(n_runs)},
    )


def _first_components(gram):
    components = observed.principal_components_of_gram(gram, 3)
    cosines = predicted.cosine_modes(gram.shape[0], 3)
    overlaps = observed.squared_overlaps(components.time_courses, cosines)
    return components.variances[0] / components.total_variance, overlaps
