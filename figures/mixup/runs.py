"""What the figures simulate, and the pairs of classes that they draw. Apart from the drawing, so
that a change to a drawing does not throw its data away.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, ScalarLike

from sims.mixup import angles, fits, margins
from theory.mixup import population
from theory.mixup.classes import GaussianPair, MixingLaw
from theory_on_trial.figures.replicates import replicates

AUGMENTATIONS = ("no augmentation", "Mixup", "masks")
LabelLaw = Literal["balanced", "random"]
_NODES = 8  # of the quadrature over λ, 4 after folding: the weights are right to 1e-6
_PIXELS = 2  # side of the squares that boxes of the images are made of
_POOL = 2000  # points of the two moons, nearly all of them to test on


def learnt_weights(
    key: Key[Array, ""],
    learner: str,
    n: int,
    mean: tuple[float, ...],
    covariance: tuple[tuple[float, ...], ...],
    alpha: float,
    label_law: LabelLaw,
    separability: ScalarLike,
) -> Float[Array, " dim"]:
    """Weights of one fit to one sample of n points; λ ~ Beta(α, α), masks uniform. NaN where it did
    not converge.

    `learner` is "erm", "mixup" (λ averaged), "sampled" (one λ per pair), "masks" or "lda".
    """
    _, learner_key = jax.random.split(key)
    sample = training_sample(key, n, mean, covariance, label_law, separability)
    if learner == "erm":
        return angles.erm_weights(learner_key, *sample)
    if learner == "mixup":
        return angles.mixup_weights(learner_key, *sample, *MixingLaw.beta(alpha, _NODES).lower_half)
    if learner == "sampled":
        return angles.sampled_mixup_weights(learner_key, *sample, alpha)
    if learner == "masks":
        masks, equal, shares = population.equally_likely(population.all_masks(len(mean)))
        return angles.mask_weights(learner_key, *sample, masks.astype(float), equal, shares)
    if learner == "lda":
        return _lda_weights(*sample)
    raise ValueError(
        f'learner must be "erm", "mixup", "sampled", "masks" or "lda", got {learner!r}'
    )


def training_sample(
    key: Key[Array, ""],
    n: int,
    mean: tuple[float, ...],
    covariance: tuple[tuple[float, ...], ...],
    label_law: LabelLaw,
    separability: ScalarLike,
) -> fits.PairSample:
    """The sample that `learnt_weights` of this key is fitted to."""
    data_key, _ = jax.random.split(key)
    factor = fits.covariance_factor(np.array(covariance))
    return fits.pair_sample(data_key, n, jnp.array(mean), factor, separability, labels=label_law)


def _lda_weights(
    features: Float[Array, "n dim"], labels: Float[Array, " n"]
) -> Float[Array, " dim"]:
    """Fisher's linear discriminant: the inverse pooled covariance times the difference of the class
    means.
    """
    ones = labels / labels.sum()
    zeros = (1 - labels) / (1 - labels).sum()
    means = zeros @ features, ones @ features
    residuals = features - jnp.where(labels[:, None] == 1, means[1], means[0])
    return jnp.linalg.solve(residuals.T @ residuals, means[1] - means[0])


def tail_direction(
    key: Key[Array, ""],
    mean: tuple[float, ...],
    covariance: tuple[tuple[float, ...], ...],
    n_kept: int,
    separability: ScalarLike,
    log_n: ScalarLike,
) -> margins.TailDirection:
    """Direction found without augmentation on n = round(e^log_n) points, from the farthest `n_kept`
    of them.
    """
    factor = fits.covariance_factor(np.array(covariance))
    return margins.tail_direction(key, log_n, jnp.array(mean), factor, separability, n_kept)


def digit_accuracies(key: Key[Array, ""], n: int, ridge: ScalarLike) -> angles.Accuracies:
    """Accuracies on held-out handwritten 3 and 8 after training on n of them without and with
    augmentation.

    Mixup with λ uniform; masks that cut out one of all boxes of 2 x 2 pixels, with equal
    probabilities.
    """
    digits = angles.digit_pair(3, 8)
    masks, equal, shares = population.equally_likely(box_masks())
    law = MixingLaw.beta(1.0, _NODES).lower_half
    accuracies = angles.augmentation_accuracies(
        key[None],
        jnp.array(digits.features),
        jnp.array(digits.labels),
        n,
        ridge,
        *law[:2],
        masks.astype(float),
        equal,
        shares,
    )
    return angles.Accuracies(*(values[0] for values in accuracies))


def box_masks() -> Bool[np.ndarray, "boxes pixels"]:
    """All boxes of an 8 x 8 image that are made of whole squares of 2 x 2 pixels."""
    side = 8 // _PIXELS
    coarse = population.box_masks(side, side).reshape(-1, side, side)
    return np.kron(coarse, np.ones((1, _PIXELS, _PIXELS), bool)).reshape(len(coarse), 64)


def moons() -> tuple[Float[np.ndarray, "points 2"], Float[np.ndarray, " points"]]:
    """scikit-learn's two moons: two interleaved half circles, noise .2, and their labels."""
    from sklearn.datasets import make_moons

    points, labels = make_moons(_POOL, noise=0.2, random_state=0)
    return points - points.mean(axis=0), labels.astype(float)


def moon_network(
    key: Key[Array, ""],
    n: int,
    hidden: int,
    n_steps: int,
    window: tuple[float, float, float, float],
    resolution: int,
    learning_rate: ScalarLike,
    augmentation: ScalarLike,
) -> dict[str, Float[Array, "..."]]:
    """A network with one hidden layer trained on n points of the two moons: test accuracy and its
    scores on a grid.

    Gradient descent with momentum .9 on all points. `augmentation` is a position in
    `AUGMENTATIONS`: from the second on every point is mixed with a random one in each step, by λ
    uniform or by one of the four masks. `window` is that of the grid: left, right, low, high.
    """
    split_key, start_key, step_key = jax.random.split(key, 3)
    points, targets = (jnp.array(values) for values in moons())
    order = jax.random.permutation(split_key, len(points))
    train = order[:n]
    test = order[n:]

    def score(parameters, features):
        inner, offset, outer, bias = parameters
        return jnp.tanh(features @ inner + offset) @ outer + bias

    def loss(parameters, features, labels):
        scores = score(parameters, features)
        return jnp.mean(jax.nn.softplus(scores) - labels * scores)

    def mixed(mixing_key):
        features = points[train]
        labels = targets[train]
        partner_key, share_key = jax.random.split(mixing_key)
        partners = jax.random.permutation(partner_key, n)
        uniform = jnp.broadcast_to(jax.random.uniform(share_key, (n, 1)), (n, 2))
        mask = jax.random.bernoulli(share_key, 0.5, (n, 2)).astype(float)
        shares = jnp.stack([jnp.ones((n, 2)), uniform, mask])[jnp.asarray(augmentation, int)]
        own = shares.mean(axis=1)
        return shares * features + (1 - shares) * features[partners], own * labels + (
            1 - own
        ) * labels[partners]

    def step(state, number):
        parameters, velocity = state
        slopes = jax.grad(loss)(parameters, *mixed(jax.random.fold_in(step_key, number)))
        velocity = jax.tree.map(
            lambda speed, slope: 0.9 * speed - learning_rate * slope, velocity, slopes
        )
        return (jax.tree.map(jnp.add, parameters, velocity), velocity), None

    keys = jax.random.split(start_key, 3)
    start = (
        2 * jax.random.normal(keys[0], (2, hidden)),
        jax.random.normal(keys[1], (hidden,)),
        jax.random.normal(keys[2], (hidden,)) / jnp.sqrt(hidden),
        jnp.zeros(()),
    )
    (network, _), _ = jax.lax.scan(
        step, (start, jax.tree.map(jnp.zeros_like, start)), jnp.arange(n_steps)
    )
    left, right, low, high = window
    grid = jnp.stack(
        jnp.meshgrid(jnp.linspace(left, right, resolution), jnp.linspace(low, high, resolution)),
        axis=-1,
    )
    correct = (score(network, points[test]) > 0) == (targets[test] == 1)
    return {"accuracy": correct.mean(), "score": score(network, grid), "train": train}


class Shape(NamedTuple):
    """Mean μ and noise shape Σ of a pair of classes, as hashable tuples."""

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]

    def pair(self, separability: float | int) -> GaussianPair:
        """The pair at separability κ."""
        return GaussianPair(np.array(self.mean), np.array(self.covariance), separability)


REFERENCE = Shape((1.0, 1.0), ((0.2, 0.0), (0.0, 1.8)))
"""Two classes in the plane whose mean is far from an eigenvector of Σ: cos(μ, b) = .78, m² = 5.56.
"""


def uniform_masks(
    dim: int,
) -> tuple[Bool[np.ndarray, "masks dim"], Float[np.ndarray, " masks"], Float[np.ndarray, " masks"]]:
    """The law of all masks of `dim` coordinates, equally likely."""
    return population.equally_likely(population.all_masks(dim))


def fitted(
    learner: str,
    n: int,
    separabilities: Sequence[float] | Float[np.ndarray, " kappas"],
    runs: int,
    shape: Shape = REFERENCE,
    alpha: float = 1.0,
    labels: LabelLaw = "balanced",
) -> Float[np.ndarray, "kappas runs dim"]:
    """Weights found on `runs` samples of n points for every κ, the same samples for all learners.

    Raises `RuntimeError` if a fit did not converge.
    """
    static = {"learner": learner, "n": n, **shape._asdict(), "alpha": alpha, "label_law": labels}
    grid = {"separability": [float(value) for value in separabilities]}
    data = replicates(learnt_weights, runs, static, grid, common=["learner", "alpha"])
    weights = data["learnt_weights"].transpose("separability", "seed", ...).values
    if not np.isfinite(weights).all():
        failures = int((~np.isfinite(weights)).any(axis=-1).sum())
        raise RuntimeError(
            f"{failures} of {weights.shape[0] * runs} fits of {learner} at n = {n} did not converge"
        )
    return weights


def deficits(
    weights: Float[np.ndarray, "*cells dim"], target: Float[np.ndarray, " dim"]
) -> Float[np.ndarray, "*cells"]:
    """1 - cos between weights and a target direction, without cancellation."""
    chord = weights / np.linalg.norm(weights, axis=-1, keepdims=True) - target / np.linalg.norm(
        target
    )
    return (chord**2).sum(axis=-1) / 2
