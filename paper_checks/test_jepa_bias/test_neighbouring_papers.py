"""Identities of neighbouring papers: deep linear nets, stepwise self-supervision, pretext tasks, contrast, VICReg."""

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks import claim
from paper_checks.test_jepa_bias import random_rotations
from sims import jepa_bias as observed
from theory import jepa_bias as predicted

SAXE = "Saxe et al. 2013"
SIMON = "Simon et al. 2023"
SOLVER_ERROR = 2e-9
"""Steps are accurate to 1e-11, take less than a hundred, and all that follows at most doubles what they leave."""


@claim(SAXE + "; correspondence derived here", kind="identity")
def test_sec_saxe(trial, layers=(2, 3), init=0.05, times=(1.0, 2.0, 4.0, 8.0)):
    """MAE of depth L is a deep linear net of L + 1 layers: a = w^(L+1) follows da/dt = D a^(2-2/D) (lambda - a sigma^2)."""
    covariance, variance, times = np.array([1.3, 0.9]), np.array([0.7, 1.1]), np.array(times)
    for count in layers:
        rotations = random_rotations(trial.generator(str(count)), 2, count)
        chain = [rotations[0], *rotations[1:], rotations[0]]
        factors = np.stack([init ** (1 / count) * after @ before.T for before, after in zip(chain, chain[1:], strict=False)])
        views = predicted.covariances_of_features(covariance, covariance / variance, rotations[0])
        whole = np.asarray(observed.deep_linear_flow(factors, *views, times))
        modes = np.einsum("ki,tkl,lj->tij", rotations[0], whole, rotations[0])
        exact, one_less = (
            predicted.saxe_singular_value(times[:, None], init, max(each, 2), covariance, variance)
            for each in (count, count - 1 if count > 2 else 3)
        )
        scalar = [
            np.stack(
                [
                    observed.simulate_flow(
                        count - 1, init ** (1 - 1 / count), strength, strength / spread, times, objective=objective, clock="flow"
                    )
                    for strength, spread in zip(covariance, variance, strict=True)
                ],
                axis=1,
            )
            ** (count / (count - 1))
            for objective in ("mae", "jepa")
        ]
        trial.value(
            modes,
            exact[:, None] * np.eye(2)[:, :, None].transpose(2, 0, 1).repeat(len(times), 0)[:, 0:1] * 0
            + np.stack([np.diag(row) for row in exact]),
            error=SOLVER_ERROR,
            margin=1e-8,
            controls={"another number of layers": np.stack([np.diag(row) for row in one_less])},
        )
        trial.value(
            scalar[0],
            exact,
            error=SOLVER_ERROR,
            margin=1e-8,
            controls={"another number of layers": one_less},
            wrong_processes={"JEPA": scalar[1]},
        )
    trial.value(
        [predicted.saxe_two_layers(time, init, covariance, variance) for time in times],
        predicted.saxe_singular_value(times[:, None], init, 2, covariance, variance),
        error=1e-13,
        margin=1e-11,
        controls={"rate lambda for 2 lambda": predicted.saxe_singular_value(times[:, None] / 2, init, 2, covariance, variance)},
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


@claim(SIMON, kind="identity")
def test_sec_simon_traj(trial, outputs=3):
    """From an aligned start s_j = e^(4 gamma t) / sqrt(s_j(0)^-2 + (e^(8 gamma t) - 1) gamma) in the top eigenvectors."""
    moment, eigenvalues, vectors, init, turn = embedded(trial)
    top = eigenvalues[:outputs]
    times = np.array([0.5, 0.75, 1.0, 2.0]) * predicted.stepwise_critical_time(init, top).max()

    def run(basis):
        found = np.asarray(observed.stepwise_flow(turn * init @ basis.T, moment, times))
        return turn.T @ found @ vectors[:, :outputs]

    def matrices(values):
        return np.stack([np.diag(row) for row in values])

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


@claim(SIMON, kind="identity")
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


@claim(SIMON + "; exponent derived here", kind="rate", tier="full")
def test_sec_simon_random(trial, spectrum=(2.0, 1.4, 0.9, 0.6, 0.12, 0.06), outputs=3, scales=(1e-3, 1e-5, 1e-7)):
    """From a random start of a small scale the row space misses scale^(2 (1 - gamma_(d+1) / gamma_d)) of the top modes."""
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


@claim("Lee et al. 2021, linear-Gaussian case", kind="identity")
def test_sec_lee_ci(trial, label_dim=2, input_dim=6, target_dim=5):
    """If X_1 and X_2 are independent given Y, then E[Y | X_1] = Sigma_YY Sigma_2Y^+ E[X_2 | X_1], exactly."""

    @jax.jit
    def drawn(key, direct):
        triplet = observed.random_triplet(key, label_dim, input_dim, target_dim, direct=direct)
        return triplet, observed.learn_pretext(triplet)

    def both(direct):
        triplet, learned = jax.tree.map(np.asarray, drawn(trial.key(), direct))
        return triplet, learned, predicted.pretext_to_label(triplet.target_target, triplet.target_second.T)

    triplet, learned, readout = both(0.0)
    dependent, mislearned, other_readout = both(1.0)
    scale = np.linalg.norm(readout) * np.linalg.norm(learned.pretext) * np.linalg.cond(triplet.first_first)
    trial.identity(
        np.stack([readout @ learned.pretext, learned.downstream]),
        np.stack([learned.direct] * 2),
        ops=30 * (label_dim + input_dim + target_dim),
        scale=scale * np.linalg.cond(triplet.target_second),
        wrong_processes={
            "X_2 sees X_1 directly": np.stack([other_readout @ mislearned.pretext, mislearned.downstream])
            - mislearned.direct
            + learned.direct
        },
    )
    error = predicted.pretext_label_error(
        dependent.first_first,
        dependent.first_second.T,
        dependent.target_second.T,
        dependent.target_target,
        dependent.target_first,
    )
    trial.identity(
        other_readout @ mislearned.pretext - mislearned.direct,
        error,
        ops=30 * (label_dim + input_dim + target_dim),
        scale=np.linalg.norm(other_readout) * np.linalg.norm(mislearned.pretext) * np.linalg.cond(dependent.first_first),
        controls={"no error": np.zeros(error.shape)},
    )


@claim("Arora et al. 2019, one negative sample", kind="bound")
def test_sec_arora_bound(trial, n_classes=4, n_points=12, dim=2, n_maps=200):
    """The mean classifier's loss is at most (L_un - tau) / (1 - tau), for every f; equal where f knows only the class."""

    @jax.jit
    def losses(key, known):
        class_key, feature_key = jax.random.split(key)
        priors, likelihoods = observed.random_classes(class_key, n_classes, n_points)
        owner = jnp.arange(n_points) % n_classes
        own = jnp.where(owner == jnp.arange(n_classes)[:, None], likelihoods, 0)
        likelihoods = jnp.where(known, own / own.sum(axis=1, keepdims=True), likelihoods)
        features = 2 * jax.random.normal(feature_key, (n_points, dim))
        features = jnp.where(known, features[owner], features)
        pairs = [
            (observed.mean_classifier_loss(*args), observed.unsupervised_loss(*args))
            for args in ((features, priors, likelihoods, loss) for loss in ("hinge", "logistic"))
        ]
        return jnp.array(pairs), priors

    def measured(known):
        keys = jax.random.split(trial.key(str(known)), n_maps)
        pairs, priors = (np.asarray(part) for part in jax.vmap(lambda key: losses(key, known))(keys))
        bounds = [[predicted.supervised_bound(float(loss), p) for loss in row] for row, p in zip(pairs[..., 1], priors, strict=True)]
        collision = np.array([predicted.collision_probability(p) for p in priors])[:, None]
        return pairs[..., 0], pairs[..., 1], np.array(bounds), collision

    ops = 4 * n_points**2
    supervised, unsupervised, bounds, collision = (
        np.concatenate([np.broadcast_to(a, (n_maps, 2)), np.broadcast_to(b, (n_maps, 2))])
        for a, b in zip(measured(False), measured(True), strict=True)
    )
    trial.bound(
        supervised,
        bounds,
        found_by="draws",
        ops=ops,
        scale=(supervised + unsupervised) / (1 - collision),
        controls={
            "tau in the numerator only": unsupervised - collision,
            "natural logarithm with loss 1 at 0": (unsupervised - collision / np.log(2)) / (1 - collision),
        },
    )
    equal = slice(n_maps, None)
    trial.identity(
        supervised[equal],
        bounds[equal],
        ops=ops,
        scale=((supervised + unsupervised) / (1 - collision))[equal],
        controls={"a hundredth below": 0.99 * bounds[equal]},
    )


@claim("Bardes et al. 2022 (VICReg), published weights", kind="identity")
def test_sec_vicreg_collapse(trial, n_samples=256, dim=8):
    """Collapsed embeddings have the loss 2 mu (gamma - sqrt(epsilon)) = 49.5, half that where branches are averaged."""
    point = np.tile(trial.generator("point").standard_normal(dim), (n_samples, 1))
    collapsed = [observed.vicreg_loss(point, point, mean_of_branches=halve) for halve in (False, True)]
    spread = [trial.generator(name).standard_normal((n_samples, dim)) for name in ("first", "second")]
    trial.identity(
        np.array(collapsed),
        [predicted.vicreg_collapse_value(halve_variance=halve) for halve in (False, True)],
        ops=n_samples,
        # The variance is that of a constant: the square of a rounding of the mean, whose root the hinge sees.
        scale=100.0,
        controls={"gamma - epsilon": 50 * (1 - 1e-4) * np.array([1, 0.5]), "zero": np.zeros(2)},
        wrong_processes={"embeddings that are spread": [float(observed.vicreg_loss(*spread))] * 2},
    )
    trial.identity(
        float(observed.vicreg_loss(*spread)),
        predicted.vicreg_loss(*spread),
        ops=4 * n_samples,
        scale=25 * dim * 10.0,
        controls={"averaged branches": predicted.vicreg_loss(*spread, halve_variance=True)},
    )
