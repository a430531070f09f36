"""Neighbouring papers' dynamics: deep linear nets, of which MAE is one, and stepwise
self-supervision.
"""

from itertools import pairwise
from typing import Annotated

import numpy as np
from scipy.integrate import solve_ivp

from paper_checks.test_jepa_bias import random_rotations
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval

TRAJECTORY = paper("Simon et al. 2023, linear Barlow Twins: the trajectory of an aligned start")
SOLVER_ERROR = 2e-9
"""Steps are accurate to 1e-11, take less than a hundred, and all that follows at most doubles what
they leave.
"""

COVARIANCE = np.array([1.3, 0.9])
VARIANCE = np.array([0.7, 1.1])
TIMES = np.array([1.0, 2.0, 4.0, 8.0])
Init = Annotated[
    float, Interval(0.01, 0.5, why="smaller ones have not left their plateau by the last time")
]
"""a(0), of the whole map."""
Outputs = Annotated[int, Interval(1, 5, why="the views have six dimensions")]
"""d, the length of an embedding."""


def matrices(values):
    """Diagonal matrices, one per time."""
    return np.stack([np.diag(row) for row in values])


def saxe(init, layers):
    """The closed form of both modes at all times."""
    return predicted.saxe_singular_value(TIMES[:, None], init, layers, COVARIANCE, VARIANCE)


@claim(
    derived(
        "with a = w^(L+1) = V w-bar equation (8) is the deep linear net's, of which V is one layer"
    ),
    kind="identity",
    cases=(1, 2, 4),
)
def test_sec_saxe(
    trial,
    depth: Annotated[
        int, Interval(1, 5, why="deeper, the JEPA beside it is too stiff for its solver")
    ],
    init: Init = 0.05,
):
    """MAE of depth L is a deep linear net of D = L + 1 layers: da/dt = D a^(2-2/D) (λ - a σ^2), a =
    w^D.
    """

    def two_views(objective):
        start = init ** (depth / (depth + 1))
        power = (depth + 1) / depth
        modes = zip(COVARIANCE, COVARIANCE / VARIANCE, strict=True)
        runs = [
            observed.simulate_flow(depth, start, *mode, TIMES, objective=objective, clock="flow")
            for mode in modes
        ]
        return np.stack(runs, axis=1) ** power

    trial.value(
        two_views("mae"),
        predicted.saxe_two_layers(TIMES[:, None], init, COVARIANCE, VARIANCE)
        if depth == 1
        else saxe(init, depth + 1),
        error=SOLVER_ERROR,
        margin=1e-8,
        controls={"D = L + 2": saxe(init, depth + 2)},
        control_processes={"JEPA": two_views("jepa")},
    )


@claim(paper("Saxe et al. 2013, deep linear networks: aligned, balanced modes"), kind="identity")
def test_sec_saxe__network(
    trial,
    layers: Annotated[int, Interval(2, 6, why="deeper, more takes minutes")] = 3,
    init: Init = 0.05,
):
    """Aligned and balanced, every mode of a deep linear net follows da/dt = D a^(2-2/D) (λ - a
    σ^2).
    """
    rotations = random_rotations(trial.generator("bases"), 2, layers)
    chain = [*rotations, rotations[0]]
    factors = np.stack(
        [init ** (1 / layers) * after @ before.T for before, after in pairwise(chain)]
    )
    views = predicted.covariances_of_features(COVARIANCE, COVARIANCE / VARIANCE, rotations[0])
    product = np.asarray(observed.deep_linear_flow(factors, *views, TIMES))
    trial.value(
        rotations[0].T @ product @ rotations[0],
        matrices(saxe(init, layers)),
        error=SOLVER_ERROR,
        margin=1e-8,
        controls={"a layer more": matrices(saxe(init, layers + 1))},
        control_processes={"seen in the coordinates": product},
    )


def aligned_embedding(trial, outputs, dim=6, n_pairs=40):
    """A symmetric moment of random views, its spectrum decreasing, and an aligned start with its
    singular values.
    """
    rng = trial.generator("views")
    signal = rng.standard_normal((n_pairs, dim)) * np.linspace(1.3, 0.5, dim)
    X, Y = (signal + 0.3 * rng.standard_normal((n_pairs, dim)) for _ in range(2))
    moment = np.asarray(observed.views_moment(X, Y))
    eigenvalues, vectors = (part[..., ::-1] for part in np.linalg.eigh(moment))
    init = 1e-3 * np.linspace(1, 2, outputs)
    turn = random_rotations(rng, outputs, 1)[0]
    return moment, eigenvalues[:outputs], vectors, init, turn


@claim(TRAJECTORY, kind="identity")
def test_sec_simon_traj(trial, outputs: Outputs = 3):
    """From an aligned start s_j = e^(4 γ t) / sqrt(s_j(0)^-2 + (e^(8 γ t) - 1) γ) on eigenvector
    j.
    """
    moment, top, vectors, init, turn = aligned_embedding(trial, outputs)
    times = np.array([0.5, 0.75, 1.0, 2.0]) * predicted.stepwise_critical_time(init, top).max()

    def run(basis):
        embedding = np.asarray(observed.stepwise_flow(turn * init @ basis.T, moment, times))
        return turn.T @ embedding @ vectors[:, :outputs]

    exact, slower = (
        predicted.stepwise_singular_value(times[:, None] / slow, init, top) for slow in (1, 2)
    )
    late = np.broadcast_to(top**-0.5, exact.shape)
    controls = {"2 for 4 in the exponent": matrices(slower), "the limit": matrices(late)}
    options = {"error": SOLVER_ERROR, "margin": 1e-8, "controls": controls}
    processes = {"the last eigenvectors": run(vectors[:, -outputs:])}
    trial.value(run(vectors[:, :outputs]), matrices(exact), control_processes=processes, **options)


@claim(TRAJECTORY, kind="identity")
def test_sec_simon_tau(trial, outputs: Outputs = 3):
    """At τ_j = -log(s_j(0)^2 γ_j) / (8 γ_j) mode j is half learned; the loss falls by one per
    mode.
    """
    moment, top, vectors, init, turn = aligned_embedding(trial, outputs)
    tau = predicted.stepwise_critical_time(init, top)
    order = np.argsort(tau)
    times = np.append(tau[order], 4 * tau.max())
    embeddings = observed.stepwise_flow(turn * init @ vectors[:, :outputs].T, moment, times)
    strengths = np.diagonal(
        turn.T @ np.asarray(embeddings) @ vectors[:, :outputs], axis1=1, axis2=2
    )
    shares = (top * strengths**2)[np.arange(outputs), order]
    late = top * predicted.stepwise_singular_value(2 * tau, init, top) ** 2
    half = (1 / (2 - init**2 * top))[order]
    controls = {"τ with 4 γ": late[order], "one": np.ones(outputs)}
    trial.value(shares, half, error=2 * SOLVER_ERROR, margin=1e-8, controls=controls)
    loss = np.array([observed.stepwise_loss(W, moment) for W in embeddings])
    staircase = [predicted.stepwise_loss(time, init, top) for time in times]
    controls = {"as many as are learned": outputs - np.append(np.arange(outputs) + 0.5, outputs)}
    trial.value(loss, staircase, error=10 * SOLVER_ERROR, margin=1e-7, controls=controls)


@claim(
    derived("each mode grows as e^(4 γ t) until the modes before it have filled the outputs"),
    kind="rate",
)
def test_sec_simon_random(
    trial, following: Annotated[float, Interval(0.2, 0.75, why="of γ_d = 0.9")] = 0.6
):
    """From a small random start the row space misses scale^(2 (1 - γ_(d+1) / γ_d)) of the d-th
    mode.
    """
    gamma = np.array([2.0, 1.4, 0.9, following, 0.02, 0.01])
    outputs = 3
    scales = (1e-10, 1e-12, 1e-14)
    last = np.eye(len(gamma))[outputs - 1]
    misses = []

    def slope(_, at):
        embedding = at.reshape(outputs, -1)
        forward = embedding * gamma
        return 4 * np.ravel(forward - forward @ embedding.T @ forward)

    # Of twenty starts the one whose row space is farthest from missing the d-th mode or the next:
    # others bend later.
    keys = [trial.key(f"start {index}") for index in range(20)]
    drawn = np.array([observed.random_embedding(key, outputs, len(gamma), 1.0) for key in keys])
    minors = [np.abs(np.linalg.det(drawn[:, :, [0, 1, mode]])) for mode in (2, 3)]
    direction = np.ravel(drawn[np.argmax(np.minimum(*minors))])
    for scale in scales:
        start = scale * direction
        end = 5 * predicted.stepwise_critical_time(scale, gamma[outputs - 1])
        path = solve_ivp(slope, (0, end), start, "DOP853", rtol=1e-9, atol=1e-20)
        rows = np.linalg.svd(path.y[:, -1].reshape(outputs, -1), full_matrices=False)[2]
        misses.append(np.sum((last - rows.T @ (rows @ last)) ** 2))
    slopes = np.diff(np.log(misses)) / np.diff(np.log(scales))
    exponent = float(predicted.subspace_overlap_exponent(gamma[outputs - 1], following))
    # Two things bend the line, and fall by such shares from scale to scale: what is missed of the
    # mode after the next, and what the d-th mode still lacks; the slack is the solver's error,
    # relative to what is missed.
    share = 1e-4 ** (min(following - gamma[4], gamma[2] - following) / gamma[2])
    error = np.abs(slopes[1] - slopes[0]) * share / (1 - share)
    controls = {"half of it": exponent / 2, "any subspace": 0.0}
    trial.value(
        slopes[-1], exponent, error=error, slack=1e-3, margin=0.009 * exponent, controls=controls
    )
