"""Neighbouring papers' dynamics: deep linear nets, of which MAE is one, and stepwise
self-supervision.

Neighbouring papers' losses: pretext tasks, the contrastive bound, VICReg.
"""

from functools import partial
from itertools import pairwise
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

from paper_checks.test_jepa_bias import random_rotations
from sims.jepa_bias import neighbour_flows, scalar_flow
from theory.jepa_bias import data_models, neighbours
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
            scalar_flow.simulate_flow(depth, start, *mode, TIMES, objective=objective, clock="flow")
            for mode in modes
        ]
        return np.stack(runs, axis=1) ** power

    trial.value(
        two_views("mae"),
        neighbours.saxe_two_layers(TIMES[:, None], init, COVARIANCE, VARIANCE)
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
    views = data_models.covariances_of_features(COVARIANCE, COVARIANCE / VARIANCE, rotations[0])
    product = np.asarray(neighbour_flows.deep_linear_flow(factors, *views, TIMES))
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
    drawn = np.array(
        [neighbour_flows.random_embedding(key, outputs, len(gamma), 1.0) for key in keys]
    )
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


Dim = Annotated[int, Interval(1, 20, why="digits are lost to the condition of random covariances")]
NClasses = Annotated[
    int, Interval(2, 10, why="one class has no pair, and every pair of classes is summed")
]
NPoints = Annotated[int, Interval(2, 60, why="all triples of points are summed")]
"""Points that classes are distributions on."""
Maps = Annotated[
    int, Interval(20, 2000, why="few random features attain no bound, many take minutes")
]


SURROGATES: tuple[Literal["hinge", "logistic"], ...] = ("hinge", "logistic")


@jax.jit
def _losses(features, priors, likelihoods):
    args = (features, priors, likelihoods)
    supervised = [neighbour_flows.mean_classifier_loss(*args, loss) for loss in SURROGATES]
    return jnp.array(
        [supervised, [neighbour_flows.unsupervised_loss(*args, loss) for loss in SURROGATES]]
    )


@partial(jax.jit, static_argnames="dims")
def _pretext(key, dims, direct):
    triplet = neighbour_flows.random_triplet(key, *dims, direct=direct)
    return triplet, neighbour_flows.learn_pretext(triplet)


def pretext(trial, dims, direct):
    """Return random Gaussian covariances, what a pretext task learns on them, and the readout of
    the label from it.
    """
    triplet, task = jax.tree.map(np.asarray, _pretext(trial.key(), dims, direct))
    return (
        triplet,
        task,
        neighbours.pretext_to_label(triplet.target_target, triplet.target_second.T),
    )


@claim(paper("Lee et al. 2021, linear-Gaussian case"), kind="identity")
def test_sec_lee_ci(trial, label_dim: Dim = 2, input_dim: Dim = 6, target_dim: Dim = 5):
    """If X_1 and X_2 are independent given Y, then E[Y | X_1] = Σ_YY Σ_2Y^+ E[X_2 | X_1],
    exactly.
    """
    trial.require(
        label_dim <= target_dim,
        "label_dim must be target_dim at most: X_2 has to tell all of the label",
    )
    dims = (label_dim, input_dim, target_dim)
    (views, task, readout), (moments, rival, rival_readout) = (
        pretext(trial, dims, direct) for direct in (0.0, 1.0)
    )
    size = (
        np.linalg.norm(readout) * np.linalg.norm(task.pretext) * np.linalg.cond(views.first_first)
    )
    bias = np.stack([rival_readout @ rival.pretext, rival.downstream]) - rival.direct
    measured = np.stack([readout @ task.pretext, task.downstream])
    exact = np.stack([task.direct] * 2)
    processes = {"X_2 sees X_1 directly": bias + task.direct}
    size *= np.linalg.cond(views.target_second)
    trial.identity(measured, exact, ops=30 * sum(dims), scale=size, control_processes=processes)
    transposes = (moments.first_second.T, moments.target_second.T)
    error = neighbours.pretext_label_error(
        moments.first_first, *transposes, moments.target_target, moments.target_first
    )
    size = (
        np.linalg.norm(rival_readout)
        * np.linalg.norm(rival.pretext)
        * np.linalg.cond(moments.first_first)
    )
    trial.identity(
        bias[0], error, ops=30 * sum(dims), scale=size, controls={"no error": np.zeros(error.shape)}
    )


def random_maps(trial, n_classes, n_points, dim, n_maps, spreads):
    """Yield random features, priors and likelihoods: the features are a class's, and so much of the
    point's own.
    """
    trial.require(
        n_points >= n_classes, "n_points must be n_classes at least: every class has a point"
    )
    rng = trial.generator("maps")
    owner = np.arange(n_points) % n_classes
    for _ in range(n_maps):
        priors = rng.dirichlet(np.ones(n_classes))
        shares = rng.dirichlet(np.ones(n_points), n_classes)
        likelihoods = np.where(owner == np.arange(n_classes)[:, None], shares, 0)
        likelihoods /= likelihoods.sum(axis=1, keepdims=True)
        features = 2 * rng.standard_normal((n_points, dim))[owner]
        features += 10 ** rng.uniform(*spreads) * rng.standard_normal((n_points, dim))
        yield np.sqrt(2 / dim) * features, priors, likelihoods


def contrastive_losses(trial, n_classes, n_points, dim, n_maps, spreads):
    """Return both losses, the bound, τ and wrong bounds of features that are a class's and a
    point's own.
    """
    pairs = []
    bounds = []
    collisions = []
    for features, priors, likelihoods in random_maps(
        trial, n_classes, n_points, dim, n_maps, spreads
    ):
        pairs.append(np.asarray(_losses(features, priors, likelihoods)))
        bounds.append([neighbours.supervised_bound(float(loss), priors) for loss in pairs[-1][1]])
        collisions.append([neighbours.collision_probability(priors)])
    supervised, unsupervised = np.moveaxis(np.array(pairs), 1, 0)
    tau = np.array(collisions)
    logarithm = (unsupervised - tau / np.log(2)) / (1 - tau)
    controls = {
        "τ in the numerator only": unsupervised - tau,
        "natural logarithm with loss 1 at 0": logarithm,
    }
    return supervised, unsupervised, np.array(bounds), tau, controls


ARORA = paper("Arora et al. 2019, one negative sample")


@claim(
    ARORA,
    kind="bound",
    not_tight="of many dimensions random features stay below; a claim of its own attains it",
)
def test_sec_arora_bound(
    trial,
    n_classes: NClasses = 4,
    n_points: NPoints = 12,
    dim: Dim = 2,
    n_maps: Maps = 200,
):
    """The mean classifier's loss is at most (L_un - τ) / (1 - τ), for every f, with hinge and
    logistic loss.
    """
    problem = n_classes, n_points, dim, n_maps, (-3, 0.5)
    supervised, unsupervised, bounds, tau, controls = contrastive_losses(trial, *problem)
    scale = (supervised + unsupervised + 1) / (1 - tau) ** 2  # tau may be close to 1
    options = {"instances": "draws", "independent": n_maps}  # each with two losses
    trial.bound(supervised, bounds, ops=4 * n_points**2, scale=scale, controls=controls, **options)


@claim(ARORA, kind="identity")
def test_sec_arora_bound__losses(
    trial, n_classes: NClasses = 4, n_points: NPoints = 12, dim: Dim = 2, n_maps: Maps = 20
):
    """L_un is E l(f(x) . (f(x+) - f(x-))), and L_sup^μ that of class means over pairs of classes
    that differ.
    """
    measured = []
    formulas = []
    for features, priors, likelihoods in random_maps(
        trial, n_classes, n_points, dim, n_maps, (-3, 0.5)
    ):
        measured.append(np.asarray(_losses(features, priors, likelihoods)))
        losses = neighbours.mean_classifier_loss, neighbours.contrastive_unsupervised_loss
        formulas.append(
            [[loss(features, likelihoods, priors, name) for name in SURROGATES] for loss in losses]
        )
    values = np.array(formulas)
    controls = {"natural logarithm": values * [1, np.log(2)], "hinge at 0": values - [1, 0]}
    trial.identity(
        np.array(measured), values, ops=4 * n_points**2, scale=values + 1, controls=controls
    )


@claim(derived("Jensen's inequality in the proof is an equality there"), kind="identity")
def test_sec_arora_bound__equality(
    trial, n_classes: NClasses = 4, n_points: NPoints = 12, dim: Dim = 2, n_maps: Maps = 200
):
    """The contrastive bound (L_un - τ) / (1 - τ) is the mean classifier's loss if f knows only the
    class.
    """
    problem = n_classes, n_points, dim, n_maps, (-200, -199)
    supervised, unsupervised, bounds, tau, rival_bounds = contrastive_losses(trial, *problem)
    # As losses of pairs, tau of which collide: near tau = 1 a quotient by 1 - tau keeps few digits.
    measured, bound, *rivals = (
        tau + (1 - tau) * loss for loss in (supervised, bounds, *rival_bounds.values())
    )
    controls = dict(zip(rival_bounds, rivals, strict=True))
    trial.identity(
        measured, bound, ops=4 * n_points**2, scale=supervised + unsupervised + 1, controls=controls
    )


@claim(paper("Bardes et al. 2022 (VICReg), published weights"), kind="identity")
def test_sec_vicreg_collapse(
    trial,
    n_samples: Annotated[int, Interval(2, 20_000, why="one does not vary")] = 256,
    dim: Annotated[int, Interval(2, 50, why="a cap, which nothing requires")] = 8,
):
    """Collapsed embeddings have the loss 2 μ (γ - sqrt(ε)) = 49.5, half that where branches are
    averaged.
    """
    point = np.tile(trial.generator("point").standard_normal(dim), (n_samples, 1))
    collapse_losses = [
        float(neighbour_flows.vicreg_loss(point, point, mean_of_branches=halve))
        for halve in (False, True)
    ]
    spread = [
        trial.generator(name).standard_normal((n_samples, dim)) for name in ("first", "second")
    ]
    loss = float(neighbour_flows.vicreg_loss(*spread))
    right, mean = (neighbours.vicreg_loss(*spread, halve_variance=halve) for halve in (False, True))
    exact = [neighbours.vicreg_collapse_value(halve_variance=halve) for halve in (False, True)]
    controls = {"γ - ε": 50 * (1 - 1e-4) * np.array([1, 0.5])}
    processes = {"embeddings that are spread": [loss] * 2}
    # The variance is that of a constant: the square of a rounding of the mean, whose root the hinge
    # sees.
    trial.identity(
        collapse_losses,
        exact,
        ops=n_samples,
        scale=100.0,
        controls=controls,
        control_processes=processes,
    )
    trial.identity(
        loss, right, ops=4 * n_samples, scale=25 * dim * 10.0, controls={"averaged branches": mean}
    )
