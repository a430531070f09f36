"""Neighbouring papers' losses: pretext tasks, the contrastive bound, VICReg."""

from functools import partial
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval

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
    supervised = [observed.mean_classifier_loss(*args, loss) for loss in SURROGATES]
    return jnp.array([supervised, [observed.unsupervised_loss(*args, loss) for loss in SURROGATES]])


@partial(jax.jit, static_argnames="dims")
def _pretext(key, dims, direct):
    triplet = observed.random_triplet(key, *dims, direct=direct)
    return triplet, observed.learn_pretext(triplet)


def pretext(trial, dims, direct):
    """Return random Gaussian covariances, what a pretext task learns on them, and the readout of
    the label from it.
    """
    triplet, task = jax.tree.map(np.asarray, _pretext(trial.key(), dims, direct))
    return triplet, task, predicted.pretext_to_label(triplet.target_target, triplet.target_second.T)


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
    error = predicted.pretext_label_error(
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
        bounds.append([predicted.supervised_bound(float(loss), priors) for loss in pairs[-1][1]])
        collisions.append([predicted.collision_probability(priors)])
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
        losses = predicted.mean_classifier_loss, predicted.contrastive_unsupervised_loss
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
        float(observed.vicreg_loss(point, point, mean_of_branches=halve)) for halve in (False, True)
    ]
    spread = [
        trial.generator(name).standard_normal((n_samples, dim)) for name in ("first", "second")
    ]
    loss = float(observed.vicreg_loss(*spread))
    right, mean = (predicted.vicreg_loss(*spread, halve_variance=halve) for halve in (False, True))
    exact = [predicted.vicreg_collapse_value(halve_variance=halve) for halve in (False, True)]
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
