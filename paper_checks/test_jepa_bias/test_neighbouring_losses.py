"""Neighbouring papers' losses: pretext tasks, the contrastive bound, VICReg."""

import jax
import jax.numpy as jnp
import numpy as np

from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, paper


@claim(paper("Lee et al. 2021, linear-Gaussian case"), kind="identity")
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
        scale=np.linalg.norm(other_readout)
        * np.linalg.norm(mislearned.pretext)
        * np.linalg.cond(dependent.first_first),
        controls={"no error": np.zeros(error.shape)},
    )


@claim(paper("Arora et al. 2019, one negative sample"), kind="bound")
def test_sec_arora_bound(trial, n_classes=4, n_points=12, dim=2, n_maps=200):
    """The mean classifier's loss is at most (L_un - tau) / (1 - tau), for every f; equal if f knows only the class."""

    @jax.jit
    def losses(features, priors, likelihoods):
        args = (features, priors, likelihoods)
        supervised = [observed.mean_classifier_loss(*args, loss) for loss in ("hinge", "logistic")]
        return jnp.array([supervised, [observed.unsupervised_loss(*args, loss) for loss in ("hinge", "logistic")]])

    owner = np.arange(n_points) % n_classes

    def measured(known):
        rng = trial.generator(f"known: {known}")
        pairs, collision, priors_of = [], [], []
        for _ in range(n_maps):
            priors, likelihoods = rng.dirichlet(np.ones(n_classes)), rng.dirichlet(np.ones(n_points), n_classes)
            features = 2 * rng.standard_normal((n_points, dim))
            if known:  # every point belongs to one class, and f is a function of the class
                likelihoods = np.where(owner == np.arange(n_classes)[:, None], likelihoods, 0)
                likelihoods, features = likelihoods / likelihoods.sum(axis=1, keepdims=True), features[owner]
            pairs.append(np.asarray(losses(features, priors, likelihoods)))
            collision.append([predicted.collision_probability(priors)])
            priors_of.append(priors)
        supervised, unsupervised = np.moveaxis(np.array(pairs), 1, 0)
        bounds = [
            [predicted.supervised_bound(float(loss), p) for loss in row]
            for row, p in zip(unsupervised, priors_of, strict=True)
        ]
        return supervised, unsupervised, np.array(bounds), np.array(collision)

    ops = 4 * n_points**2
    supervised, unsupervised, bounds, collision = (
        np.concatenate([np.broadcast_to(a, (n_maps, 2)), np.broadcast_to(b, (n_maps, 2))])
        for a, b in zip(measured(False), measured(True), strict=True)
    )
    trial.bound(
        supervised,
        bounds,
        found_by="draws",
        independent=2 * n_maps,  # each with two losses
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


@claim(paper("Bardes et al. 2022 (VICReg), published weights"), kind="identity")
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
