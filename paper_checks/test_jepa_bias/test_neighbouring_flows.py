"""Neighbouring papers' dynamics: deep linear nets, of which MAE is one, and stepwise self-supervision."""

from itertools import pairwise

import numpy as np

from paper_checks.test_jepa_bias import random_rotations
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, ours, paper

SAXE = "Saxe et al. 2013"
SIMON = "Simon et al. 2023"
SOLVER_ERROR = 2e-9
"""Steps are accurate to 1e-11, take less than a hundred, and all that follows at most doubles what they leave."""


def matrices(values):
    """Diagonal matrices, one per time."""
    return np.stack([np.diag(row) for row in values])


@claim(ours(SAXE + "; correspondence derived here"), kind="identity")
def test_sec_saxe(trial, init=0.05, times=(1.0, 2.0, 4.0, 8.0)):
    """MAE of depth L is a deep linear net of D = L + 1 layers: da/dt = D a^(2-2/D) (lambda - a sigma^2), a = w^D."""
    covariance, variance, times = np.array([1.3, 0.9]), np.array([0.7, 1.1]), np.array(times)
    modes = list(zip(covariance, covariance / variance, strict=True))

    def closed(layers):
        return predicted.saxe_singular_value(times[:, None], init, layers, covariance, variance)

    rotations = random_rotations(trial.generator("bases"), 2, 3)
    chain = [*rotations, rotations[0]]
    factors = np.stack([init ** (1 / 3) * after @ before.T for before, after in pairwise(chain)])
    views = predicted.covariances_of_features(covariance, covariance / variance, rotations[0])
    whole = np.asarray(observed.deep_linear_flow(factors, *views, times))
    trial.value(
        rotations[0].T @ whole @ rotations[0],
        matrices(closed(3)),
        error=SOLVER_ERROR,
        margin=1e-8,
        controls={"D = L": matrices(closed(2))},
    )

    def two_views(depth, objective):
        start = init ** (depth / (depth + 1))
        runs = [observed.simulate_flow(depth, start, *mode, times, objective=objective, clock="flow") for mode in modes]
        return np.stack(runs, axis=1) ** ((depth + 1) / depth)

    exact = [predicted.saxe_two_layers(times[:, None], init, covariance, variance), closed(3), closed(5)]
    trial.value(
        [two_views(depth, "mae") for depth in (1, 2, 4)],
        exact,
        error=SOLVER_ERROR,
        margin=1e-8,
        controls={"D = L + 2": [closed(layers) for layers in (3, 4, 6)]},
        wrong_processes={"JEPA": [two_views(depth, "jepa") for depth in (1, 2, 4)]},
    )


def embedded(trial, dim=6, outputs=3, n_pairs=40):
    """A symmetric moment of random views, its spectrum decreasing, and an aligned start with its singular values."""
    rng = trial.generator("views")
    shared = rng.standard_normal((n_pairs, dim)) * np.linspace(1.3, 0.5, dim)
    X, Y = (shared + 0.3 * rng.standard_normal((n_pairs, dim)) for _ in range(2))
    moment = np.asarray(observed.views_moment(X, Y))
    eigenvalues, vectors = (part[..., ::-1] for part in np.linalg.eigh(moment))
    init = 1e-3 * np.linspace(1, 2, outputs)
    turn = random_rotations(rng, outputs, 1)[0]
    return moment, eigenvalues, vectors, init, turn


@claim(paper(SIMON), kind="identity")
def test_sec_simon_traj(trial, outputs=3):
    """From an aligned start s_j = e^(4 gamma t) / sqrt(s_j(0)^-2 + (e^(8 gamma t) - 1) gamma) on eigenvector j."""
    moment, eigenvalues, vectors, init, turn = embedded(trial)
    top = eigenvalues[:outputs]
    times = np.array([0.5, 0.75, 1.0, 2.0]) * predicted.stepwise_critical_time(init, top).max()

    def run(basis):
        found = np.asarray(observed.stepwise_flow(turn * init @ basis.T, moment, times))
        return turn.T @ found @ vectors[:, :outputs]

    exact = predicted.stepwise_singular_value(times[:, None], init, top)
    trial.value(
        run(vectors[:, :outputs]),
        matrices(exact),
        error=SOLVER_ERROR,
        margin=1e-8,
        controls={
            "2 for 4 in the exponent": matrices(predicted.stepwise_singular_value(times[:, None] / 2, init, top)),
            "the limit": matrices(np.broadcast_to(top**-0.5, exact.shape)),
        },
        wrong_processes={"the last eigenvectors": run(vectors[:, -outputs:])},
    )


@claim(paper(SIMON), kind="identity")
def test_sec_simon_tau(trial, outputs=3):
    """At tau_j = -log(s_j(0)^2 gamma_j) / (8 gamma_j) mode j is half learned; the loss falls by one per mode."""
    moment, eigenvalues, vectors, init, turn = embedded(trial)
    top = eigenvalues[:outputs]
    tau = predicted.stepwise_critical_time(init, top)
    order = np.argsort(tau)
    times = np.append(tau[order], 4 * tau.max())
    found = observed.stepwise_flow(turn * init @ vectors[:, :outputs].T, moment, times)
    learned = top * np.diagonal(turn.T @ np.asarray(found) @ vectors[:, :outputs], axis1=1, axis2=2) ** 2
    late = top * predicted.stepwise_singular_value(2 * tau, init, top) ** 2
    trial.value(
        learned[np.arange(outputs), order],
        (1 / (2 - init**2 * top))[order],
        error=2 * SOLVER_ERROR,
        margin=1e-8,
        controls={"tau with 4 gamma": late[order], "one": np.ones(outputs)},
    )
    loss = np.array([observed.stepwise_loss(W, moment) for W in found])
    trial.value(
        loss,
        [predicted.stepwise_loss(time, init, top) for time in times],
        error=10 * SOLVER_ERROR,
        margin=1e-7,
        controls={"as many as are learned": outputs - np.array([0.5, 1.5, 2.5, 3.0])},
    )


@claim(ours(SIMON + "; exponent derived here"), kind="rate", tier="full")
def test_sec_simon_random(trial, spectrum=(2.0, 1.4, 0.9, 0.6, 0.12, 0.06), outputs=3, scales=(1e-3, 1e-5, 1e-7)):
    """From a small random start the row space misses scale^(2 (1 - gamma_(d+1) / gamma_d)) of the top modes."""
    gamma = np.array(spectrum)
    basis = random_rotations(trial.generator("basis"), len(gamma), 1)[0]
    moment = basis * gamma @ basis.T
    missed = []
    for scale in scales:
        start = observed.random_embedding(trial.key("start"), outputs, len(gamma), scale)
        end = 5 * predicted.stepwise_critical_time(scale, gamma[outputs - 1])
        final = np.asarray(observed.stepwise_flow(start, moment, end * np.array([0.25, 0.5, 0.75, 1.0])))[-1]
        rows = np.linalg.svd(final, full_matrices=False)[2]
        top = basis[:, :outputs]
        missed.append(np.max(np.sum((top - rows.T @ (rows @ top)) ** 2, axis=0)))
    slopes = np.diff(np.log(missed)) / np.diff(np.log(scales))
    exponent = float(predicted.subspace_overlap_exponent(gamma[outputs - 1], gamma[outputs]))
    trial.value(
        slopes[-1],
        exponent,
        error=np.abs(slopes[1] - slopes[0]) / 10,  # what bends the line falls with the scale
        slack=1e-3,  # the solver's error, relative to what is missed
        margin=0.02,
        controls={"half of it": exponent / 2, "any subspace": 0.0},
    )
