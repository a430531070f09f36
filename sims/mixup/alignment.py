"""Does a pairwise affine augmentation learn the Bayes direction? A test with a stated error, from
random operators.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Key

from sims.mixup.fits import Covariance, Mean, Separability, covariance_factor
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import Interval, guarded, require

OperatorSampler = Callable[[Array], tuple[Array, Array, Array]]
NORMALS = np.linspace(-9.5, 9.5, 401)
NORMAL_WEIGHTS = np.exp(-(NORMALS**2) / 2) / np.exp(-(NORMALS**2) / 2).sum()
# Up to this standard deviation of the scores these nodes are exact to rounding.
LARGEST_SPREAD = 12.0


class Alignment(NamedTuple):
    """The verdict of a test of the hypothesis that the expected loss of an augmentation has its
    minimiser along the Bayes direction b.
    """

    refuted: bool
    """Whether the hypothesis is rejected. If it is true, that happens with probability `error`, as
    `check_alignment` explains.
    """
    p_value: float
    """The p-value of the test."""
    scale: float
    """The t for which t b has the least loss among the multiples of b."""
    displacement: float
    """Estimated distance of the minimiser from the ray of b, relative to |t b|: one Newton step
    from t b, which is about the tangent of a small angle.
    """
    displacement_limit: float
    """The test excludes displacements above this one, at confidence 1 - `error`."""


@guarded(double=False)
def check_alignment(
    sample_operators: OperatorSampler,
    mean: Mean,
    covariance: Covariance,
    separability: Separability,
    key: Key[Array, ""],
    *,
    draws: Annotated[int, Interval(100, 2**24, why="all operators are held at once")] = 4096,
    error: Annotated[float, Interval(1e-15, 1, "[)", why="SciPy has no smaller quantiles")] = 1e-6,
) -> Alignment:
    """Test whether mixtures x~ = A x_i + B x_j with labels y~ = λ y_i + (1-λ) y_j leave the Bayes
    direction b = Σ⁻¹μ optimal.

    `sample_operators` maps a random key to A, B (both dim x dim) and λ, and is called `draws`
    times. `error` is the probability that a true hypothesis is refuted.

    The test averages the gradient of the expected loss at t b, the multiple of b with the least
    loss. Quadrature integrates over the points, so that only A, B and λ are random. If b is
    optimal, the components of the mean gradient across b vanish. Hotelling's test judges this in
    whitened coordinates, with the error of t propagated. It is exact where these components are
    zero in every draw (scalar A and B) or equal in all draws. Otherwise it rests on the central
    limit theorem, and `error` is asymptotic.

    A verdict that is not refuted excludes displacements above `displacement_limit` only; that limit
    holds to first order. Raises ValueError for one dimension, for fewer than 10 d draws, for
    operators that are not finite or have other shapes, and for λ outside [0, 1]. Raises ValueError,
    too, where the loss along b has no minimum at a positive multiple of b, or only where the scores
    of the points have a standard deviation above 12. Source: derived here.
    """
    require_float64("the alignment test")
    factor = np.asarray(covariance_factor(covariance))
    dim = len(factor)
    require(
        dim >= 2,
        "mean must have at least 2 coordinates: every direction is aligned in one dimension",
    )
    require(
        draws >= 10 * dim, f"draws must be at least {10 * dim} in {dim} dimensions, got {draws}"
    )
    operators = _sampled_operators(sample_operators, jax.random.split(key, draws))
    first, second, mixing = _require_operators(operators, dim)
    return _test(first, second, mixing, mean, factor, separability, error)


@guarded(double=False)  # what calls back is not, and overflow is to get its sentence
def _test(first, second, mixing, mean, factor, separability, error):
    from scipy.optimize import brentq
    from scipy.stats import f as f_law

    draws = len(mixing)
    dim = len(factor)
    # Whitened: w = F⁻ᵀθ turns Σ into the identity, and both μ and b into the same direction.
    first, second = (np.linalg.solve(factor, values @ factor) for values in (first, second))
    whitened_mean = np.linalg.solve(factor, np.asarray(mean))
    signal = np.linalg.norm(whitened_mean)
    direction = whitened_mean / signal
    beside = np.linalg.svd(direction[None])[2][1:]
    law = (first, second, mixing, whitened_mean, separability)

    gains = (direction @ first) ** 2 + (direction @ second) ** 2
    longest = LARGEST_SPREAD * np.sqrt(
        float(np.asarray(separability)) / max(gains.sum(axis=1).max(), np.finfo(float).tiny)
    )
    ends = [float(_mean_slope(law, direction, end)) for end in (0.0, longest)]
    noise = len(NORMALS) * 2.0**-53 * abs(ends[0])  # of a flat tail, where its sign says nothing
    require(
        ends[0] < 0 and ends[1] > noise,
        "sample_operators must have a loss with a minimum at a positive multiple of the Bayes "
        "direction (scores of "
        f"standard deviation up to {LARGEST_SPREAD:g}), got slopes of {ends[0]:g} and {ends[1]:g} "
        "at both ends",
    )
    length = brentq(
        lambda value: float(_mean_slope(law, direction, value)),
        0.0,
        longest,
        xtol=1e-15,
        rtol=1e-14,
    )
    gradients, hessian = (np.asarray(value) for value in _gradients(law, length * direction))
    # The best length is estimated too: what an error of it does beside b is taken off every draw.
    leakage = beside @ hessian @ direction / (direction @ hessian @ direction)
    scores = gradients @ beside.T - np.outer(gradients @ direction, leakage)
    average = scores.mean(axis=0)
    # A gradient may be what is left of terms as large as the slope at 0: of one A and B it is that
    # at the best length.
    largest = max(np.sqrt((gradients**2).sum(axis=1).mean()), abs(ends[0]))
    rounding = 64 * len(NORMALS) * 2.0**-53 * largest
    variance = np.cov(scores.T).reshape(dim - 1, dim - 1) / draws + rounding**2 * np.eye(dim - 1)
    freedom = dim - 1
    statistic = (
        float(average @ np.linalg.solve(variance, average))
        * (draws - freedom)
        / ((draws - 1) * freedom)
    )
    p_value = float(f_law.sf(statistic, freedom, draws - freedom))

    # One Newton step away from b, and the same for the confidence ellipsoid, in the coordinates of
    # w.
    to_weights = np.linalg.solve(factor.T, np.eye(dim))
    bayes = to_weights @ direction
    across = np.eye(dim) - np.outer(bayes, bayes) / (bayes @ bayes)
    response = (
        across @ to_weights @ np.linalg.solve(hessian, beside.T) / (length * np.linalg.norm(bayes))
    )
    displacement = float(np.linalg.norm(response @ average))
    quantile = (
        f_law.isf(error, freedom, draws - freedom) * (draws - 1) * freedom / (draws - freedom)
    )
    widest = float(np.linalg.norm(response @ np.linalg.cholesky(variance), 2) * np.sqrt(quantile))
    return Alignment(
        p_value < error, p_value, float(length / signal), displacement, displacement + widest
    )


def _require_operators(operators, dim):
    first, second, mixing = (np.asarray(values, float) for values in operators)
    shapes = [values.shape[1:] for values in (first, second, mixing)]
    sentence = (
        f"sample_operators must return two {dim} x {dim} matrices and a number, got shapes {shapes}"
    )
    require(shapes == [(dim, dim), (dim, dim), ()], sentence)
    finite = np.isfinite(first).all() and np.isfinite(second).all()
    require(finite, "sample_operators must return finite matrices, got one that is not")
    low = mixing.min()
    high = mixing.max()
    require(
        low >= 0 and high <= 1,
        f"sample_operators must return λ in [0, 1], got from {low} to {high}",
    )
    return first, second, mixing


def _loss(theta, first, second, mixing, mean, separability):
    """The expected loss of one (A, B, λ): half the pairs have equal labels, half different ones."""
    variance = (jnp.sum((first.T @ theta) ** 2) + jnp.sum((second.T @ theta) ** 2)) / separability
    spread = jnp.sqrt(jnp.maximum(variance, jnp.finfo(float).tiny)) * NORMALS
    same = theta @ (first + second) @ mean
    different = theta @ (first - second) @ mean
    equal = NORMAL_WEIGHTS @ jax.nn.softplus(-same - spread)
    unequal = NORMAL_WEIGHTS @ jax.nn.softplus(different + spread) - mixing * different
    return (equal + unequal) / 2


@partial(jax.jit, static_argnums=0)
def _sampled_operators(sample_operators, keys):
    return map_cells(sample_operators, keys)


@jax.jit
def _mean_slope(law, direction, length):
    *operators, mean, separability = law

    def slope(first, second, mixing):
        return jax.grad(
            lambda value: _loss(value * direction, first, second, mixing, mean, separability)
        )(length)

    return map_cells(slope, *operators).mean()


@jax.jit
def _gradients(law, theta):
    """The gradient of every draw and the mean Hessian."""
    *operators, mean, separability = law
    gradients = map_cells(
        lambda *draw: jax.grad(_loss)(theta, *draw, mean, separability), *operators
    )
    hessians = map_cells(
        lambda *draw: jax.hessian(_loss)(theta, *draw, mean, separability), *operators
    )
    return gradients, hessians.mean(axis=0)
