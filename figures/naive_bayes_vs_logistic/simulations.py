"""What the figures simulate. Apart from the drawing, so that a change to a drawing does not throw
its data away.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, ScalarLike

from sims.naive_bayes_vs_logistic.data import equal_priors
from sims.naive_bayes_vs_logistic.learning_curves import (
    logistic_errors,
    naive_bayes_errors,
    official_scan,
    paired_errors,
    split_errors,
)
from sims.naive_bayes_vs_logistic.rules import (
    conditional_error,
    naive_bayes_rule,
    quasi_random_points,
)
from theory.naive_bayes_vs_logistic.linear_rules import official_design

TOLERANCE = 1e-6  # of the logistic fits; looser ones move the sample complexity
Number = float | Float[Array, ""]
# of the integration over more than two classes: an error of 1e-4 at most in errors of about .01
_POINTS = 256


def data_set(
    name: str, n_random: int | None = None
) -> tuple[Float[Array, "samples features"], Int[np.ndarray, " samples"]]:
    """Return features and labels 0..K-1 of scikit-learn's `load_<name>`.

    `n_random` replaces the features by that many random ones, max(0, a·x + b) of the centred
    features x scaled by their common spread: a ~ N(0, 2/n) and b ~ N(0, 1) are fixed. They stand in
    for the deep features of the paper.
    """
    from sklearn import datasets

    features, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    if n_random is None:
        return jnp.asarray(features), labels
    weights_key, offsets_key = jax.random.split(jax.random.key(0))
    standard = (features - features.mean(axis=0)) / features.std(axis=0).max()
    weights = jax.random.normal(weights_key, (features.shape[1], n_random)) * np.sqrt(
        2 / features.shape[1]
    )
    return jax.nn.relu(standard @ weights + jax.random.normal(offsets_key, (n_random,))), labels


def title(name: str, n_random: int | None, n_features: int, n_classes: int) -> str:
    """Return what a panel of this data set is called, e.g. "breast cancer, n = 30, K = 2"."""
    kind = name.replace("_", " ") if n_random is None else f"ReLU of {name}"
    return f"{kind}, n = {n_features}, K = {n_classes}"


def official_problem(
    n_features: int, n_classes: int
) -> tuple[Float[np.ndarray, "classes features"], Float[np.ndarray, " features"]]:
    """Means and variances of the released simulation in the units in which its learners see them.

    From three classes on, features x become (x - u)/u with u = 2^(K - 3), which matters to a ridge
    penalty only.
    """
    means, variances = official_design(n_features, n_classes)
    if n_classes == 2:
        return means, variances
    unit = 2.0 ** (n_classes - 3)
    return (means - unit) / unit, variances / unit**2


def naive_bayes_error(
    key: Key[Array, ""],
    n_classes: int,
    padded_features: int,
    n_features: ScalarLike,
    n_samples: ScalarLike,
) -> Float[Array, ""]:
    """Error of naive Bayes in the released simulation, random labels.

    The features beyond the first n are constant but for a variance of 1e-40, of no weight beside
    the floor.
    """
    points = None if n_classes == 2 else quasi_random_points(_POINTS, n_classes)
    levels, _ = official_design(1, n_classes)
    index = jnp.arange(padded_features)
    n = jnp.asarray(n_features)
    variances = jnp.where(index < n // 2, n.astype(float), jnp.where(index < n, 1.0, 1e-40))
    means = jnp.where(index < n, levels, 0.0)
    sizes = jnp.asarray(n_samples)[None]
    return naive_bayes_errors(key, sizes, means, variances, labels="random", points=points)[0]


def logistic_error(
    key: Key[Array, ""], n_features: int, n_classes: int, max_samples: int, n_samples: ScalarLike
) -> Float[Array, ""]:
    """Error of ridge logistic regression (C = 1) on the first `n_samples` of `max_samples` in the
    same simulation.
    """
    points = None if n_classes == 2 else quasi_random_points(_POINTS, n_classes)
    return logistic_errors(
        key,
        jnp.asarray(n_samples)[None],
        *official_problem(n_features, n_classes),
        max_samples=max_samples,
        tolerance=TOLERANCE,
        labels="random",
        points=points,
    )[0]


def released_scan(
    key: Key[Array, ""],
    n_features: int,
    n_classes: int,
    most: int,
    learner: Literal["naive Bayes", "logistic regression"],
    target: Number,
) -> Int[Array, ""]:
    """What the released scan reports in one run."""
    problem = official_problem(n_features, n_classes)
    return official_scan(key, *problem, target, most=most, learner=learner)


def split_curves(
    key: Key[Array, ""],
    name: str,
    n_random: int | None,
    sizes: tuple[int, ...],
    floors: tuple[float, ...],
) -> dict[str, Float[Array, "..."]]:
    """Test errors on random splits of a data set: naive Bayes for each variance floor, and logistic
    regression.
    """
    features, labels = data_set(name, n_random)

    def errors(floor: Number) -> Float[Array, "sizes 2"]:
        n_classes = int(labels.max()) + 1
        return split_errors(
            key,
            features,
            labels,
            n_classes,
            sizes,
            max_samples=sizes[-1],
            tolerance=TOLERANCE,
            var_floor=floor,
        )

    curves = jax.vmap(errors)(jnp.array(floors))
    return {"naive_bayes": curves[..., 0], "logistic": curves[0, :, 1]}


def known_variance_error(
    key: Key[Array, ""], n_features: int, signal_exponent: ScalarLike, n_samples: ScalarLike
) -> Float[Array, ""]:
    """Error of naive Bayes with known unit variances and m/2 samples per class, Δ² = n^a spread
    over all features.
    """
    half = jnp.sqrt(n_features ** (jnp.asarray(signal_exponent) - 1)) / 2
    means = jnp.stack([jnp.full(n_features, -half), jnp.full(n_features, half)])
    unit = jnp.ones(n_features)
    class_means = means + jax.random.normal(key, means.shape) * jnp.sqrt(2 / jnp.asarray(n_samples))
    rule = naive_bayes_rule(class_means, unit, equal_priors(2))
    return conditional_error(rule, means, unit)


def equicorrelated_pair(
    key: Key[Array, ""],
    n_features: int,
    gap: float,
    sizes: tuple[int, ...],
    correlation: ScalarLike,
) -> Float[Array, "sizes 2"]:
    """Errors of (naive Bayes, ridge logistic regression) on prefixes of one data set of
    equicorrelated features.
    """
    means = half_informative(n_features, gap)
    covariance = (1 - jnp.asarray(correlation)) * jnp.eye(n_features) + correlation
    return paired_errors(key, sizes, means, covariance, max_samples=sizes[-1], tolerance=TOLERANCE)


def half_informative(n_features: int, gap: float) -> Float[np.ndarray, "2 features"]:
    """Means of two classes that differ by `gap` in the first half of the features only."""
    difference = np.where(np.arange(n_features) < n_features // 2, gap, 0.0)
    return np.stack([-difference / 2, difference / 2])


def posterior_and_logits(
    key: Key[Array, ""], n_classes: int, logit_bound: Number
) -> dict[str, Float[Array, " classes"]]:
    """A random posterior and logits for it, clipped to [-Λ, Λ]; half of them are near the log
    posterior.

    The posterior is Dirichlet with a concentration from .05 to 5, the logits' scale is .01 to 10,
    both log-uniform.
    """
    concentration_key, posterior_key, scale_key, noise_key, near_key = jax.random.split(key, 5)
    concentration = jnp.exp(
        jax.random.uniform(concentration_key, minval=jnp.log(0.05), maxval=jnp.log(5.0))
    )
    posterior = jax.random.dirichlet(posterior_key, jnp.full(n_classes, concentration))
    scale = jnp.exp(jax.random.uniform(scale_key, minval=jnp.log(0.01), maxval=jnp.log(10.0)))
    centre = jnp.where(jax.random.bernoulli(near_key), jnp.log(jnp.maximum(posterior, 1e-300)), 0)
    logits = centre + scale * jax.random.normal(noise_key, (n_classes,))
    return {"posterior": posterior, "logits": jnp.clip(logits, -logit_bound, logit_bound)}
