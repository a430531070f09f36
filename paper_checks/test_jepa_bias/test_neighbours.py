"""Neighbouring papers: deep linear nets, of which MAE is one, stepwise self-supervision, VICReg."""

from itertools import pairwise
from typing import Annotated

import jax
import numpy as np
from scipy.integrate import solve_ivp

from paper_checks.test_jepa_bias import random_rotations
from sims.jepa_bias import neighbour_flows
from theory.jepa_bias import data_models, learning_times, neighbours
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
    return neighbours.saxe_singular_value(TIMES[:, None], init, layers, COVARIANCE, VARIANCE)


@claim(
    paper("Saxe et al. 2013, deep linear networks: aligned, balanced modes"),
    kind="identity",
    cases=(2, 3, 5),
)
def test_sec_saxe__network(
    trial,
    layers: Annotated[int, Interval(2, 6, why="deeper, more takes minutes")],
    init: Init = 0.05,
):
    """Aligned and balanced, every mode of a deep linear net follows da/dt = D a^(2-2/D) (λ - a
    σ^2), as MAE of depth L = D - 1 with a = w^D.
    """
    rotations = random_rotations(trial.generator("bases"), 2, layers)
    chain = [*rotations, rotations[0]]
    factors = np.stack(
        [init ** (1 / layers) * after @ before.T for before, after in pairwise(chain)]
    )
    jepa = learning_times.strength_at(
        TIMES[:, None],
        init ** (1 - 1 / layers),
        layers - 1,
        COVARIANCE,
        COVARIANCE / VARIANCE,
        objective="jepa",
    ) ** (layers / (layers - 1))
    views = data_models.covariances_of_features(COVARIANCE, COVARIANCE / VARIANCE, rotations[0])
    product = np.asarray(neighbour_flows.deep_linear_flow(factors, *views, TIMES))
    trial.value(
        rotations[0].T @ product @ rotations[0],
        matrices(saxe(init, layers)),
        error=SOLVER_ERROR,
        margin=1e-8,
        controls={
            "a layer more": matrices(saxe(init, layers + 1)),
            "JEPA's exponents": matrices(jepa),
        },
        control_processes={"seen in the coordinates": product},
    )


def aligned_embedding(trial, outputs, dim=6, n_pairs=40):
    """A symmetric moment of random views, its spectrum decreasing, and an aligned start with its
    singular values.
    """
    rng = trial.generator("views")
    signal = rng.standard_normal((n_pairs, dim)) * np.linspace(1.3, 0.5, dim)
    X, Y = (signal + 0.3 * rng.standard_normal((n_pairs, dim)) for _ in range(2))
    moment = np.asarray(neighbour_flows.views_moment(X, Y))
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
    times = np.array([0.5, 0.75, 1.0, 2.0]) * neighbours.stepwise_critical_time(init, top).max()

    def run(basis):
        embedding = np.asarray(neighbour_flows.stepwise_flow(turn * init @ basis.T, moment, times))
        return turn.T @ embedding @ vectors[:, :outputs]

    exact, slower = (
        neighbours.stepwise_singular_value(times[:, None] / slow, init, top) for slow in (1, 2)
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
    tau = neighbours.stepwise_critical_time(init, top)
    order = np.argsort(tau)
    times = np.append(tau[order], 4 * tau.max())
    embeddings = neighbour_flows.stepwise_flow(turn * init @ vectors[:, :outputs].T, moment, times)
    strengths = np.diagonal(
        turn.T @ np.asarray(embeddings) @ vectors[:, :outputs], axis1=1, axis2=2
    )
    shares = (top * strengths**2)[np.arange(outputs), order]
    late = top * neighbours.stepwise_singular_value(2 * tau, init, top) ** 2
    half = (1 / (2 - init**2 * top))[order]
    controls = {"τ with 4 γ": late[order], "one": np.ones(outputs)}
    trial.value(shares, half, error=2 * SOLVER_ERROR, margin=1e-8, controls=controls)
    loss = np.array([neighbour_flows.stepwise_loss(W, moment) for W in embeddings])
    staircase = [neighbours.stepwise_loss(time, init, top) for time in times]
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
    drawn = np.array([jax.random.normal(key, (outputs, len(gamma))) for key in keys])
    minors = [np.abs(np.linalg.det(drawn[:, :, [0, 1, mode]])) for mode in (2, 3)]
    direction = np.ravel(drawn[np.argmax(np.minimum(*minors))])
    for scale in scales:
        start = scale * direction
        end = 5 * neighbours.stepwise_critical_time(scale, gamma[outputs - 1])
        path = solve_ivp(slope, (0, end), start, "DOP853", rtol=1e-9, atol=1e-20)
        rows = np.linalg.svd(path.y[:, -1].reshape(outputs, -1), full_matrices=False)[2]
        misses.append(np.sum((last - rows.T @ (rows @ last)) ** 2))
    slopes = np.diff(np.log(misses)) / np.diff(np.log(scales))
    exponent = float(neighbours.subspace_overlap_exponent(gamma[outputs - 1], following))
    # Two things bend the line, and fall by such shares from scale to scale: what is missed of the
    # mode after the next, and what the d-th mode still lacks; the slack is the solver's error,
    # relative to what is missed.
    share = 1e-4 ** (min(following - gamma[4], gamma[2] - following) / gamma[2])
    error = np.abs(slopes[1] - slopes[0]) * share / (1 - share)
    controls = {"half of it": exponent / 2, "any subspace": 0.0}
    trial.value(
        slopes[-1], exponent, error=error, slack=1e-3, margin=0.009 * exponent, controls=controls
    )


@claim(paper("Bardes et al. 2022 (VICReg), published weights"))
def test_sec_vicreg_collapse(
    trial,
    n_samples: Annotated[int, Interval(2, 20_000, why="one does not vary")] = 256,
    dim: Annotated[int, Interval(2, 50, why="a cap, which nothing requires")] = 8,
):
    """Collapsed embeddings have the loss 2 μ (γ - sqrt(ε)) = 49.5, half that where branches are
    averaged.
    """
    point = np.tile(trial.generator("point").standard_normal(dim), (n_samples, 1))
    spread = [
        trial.generator(name).standard_normal((n_samples, dim)) for name in ("first", "second")
    ]

    def losses(views):
        return [
            float(neighbour_flows.vicreg_loss(*views, mean_of_branches=halve))
            for halve in (False, True)
        ]

    # The variance is that of a constant: the square of a rounding of the mean, whose root the hinge
    # sees.
    trial.identity(
        losses([point, point]),
        [neighbours.vicreg_collapse_value(halve_variance=halve) for halve in (False, True)],
        ops=n_samples,
        scale=100.0,
        controls={"γ - ε": 50 * (1 - 1e-4) * np.array([1, 0.5])},
        control_processes={"embeddings that are spread": losses(spread)},
    )
