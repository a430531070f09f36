"""The expected losses of plain training, Mixup and masking on infinitely many samples, the
directions of their minimisers, and their lengths.

Every loss averages the soft-label logistic loss sp(z) - y z, with sp(z) = log(1 + e^z), over atoms
in which the score z is Gaussian: z ~ N(w . m, w' V w) with soft label y. Two of the four label
combinations of a mixed pair suffice, because the map x -> -x with y -> 1 - y leaves the law of the
data unchanged. With c = w . m, q = w' V w and f a function of the score, d/dc E f(z) = E f' and
d/dq E f(z) = E f'' / 2. The logistic function is s.

Without augmentation, and with any mixing of inputs by scalars, the minimiser points along b at
every finite κ. Its score u = w . μ at the class mean stays bounded as κ grows if soft labels of
mixed pairs with g != 1/2 occur. Masking leads elsewhere: for an exchangeable law of masks, w tends
to a multiple of 1 / μ, whatever the noise. The alignment and the suboptimality of masking are due
to Oh & Yun 2023 (arXiv 2306.00267). The statement for every mixing law, the scale, and the limit of
masking are derived here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from theory.mixup.classes import GaussianPair, Lambdas, Masks, Masses, MixingLaw
from theory_on_trial.contract import (
    COVARIANCE,
    Holds,
    Interval,
    Positive,
    Size,
    guarded,
    require,
)

_RANGE = 14.0  # standard deviations on each side: the density beyond is below e^-98
# In units of the score where that is wider than its law: poles at i pi then cost e^(-2 pi^2 / 0.4).
_STEP = 0.4
_LARGEST_SCALE = 1e5  # seven million nodes
_TOO_FLAT = "the expected loss is too flat for float64 at zero or at its minimiser"
_MOST_CONDITION = 2.0**50  # of the Hessian at zero, in units of its diagonal
# 2^13 times e^-98, what the quadrature leaves out, where the curvature at zero is 1.
_LEAST_CURVATURE = 2.0**-128
_MOST_STEPS = 200
_QUADRATIC = 2.0**-27  # once a step is this small the next one, of its square, ends at rounding
# Beyond, e^(-a/2) of the hard-label loss leaves the range of the quadrature.
_LARGEST_HARD_SEPARABILITY = 100
_LARGEST_SCORE = 500.0
_FLAT = "no zero coordinate (it would be flat in the limit of infinite separability)"
_MOST_ENTRIES = 2**36


def gaussian_rule(
    largest_scale: float,
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Return the nodes and weights of a trapezoidal rule for N(0, 1) that is fine enough for
    logistic functions of scores up to this scale.
    """
    steps = int(np.ceil(_RANGE * max(1.0, largest_scale) / _STEP))
    nodes = np.linspace(-_RANGE, _RANGE, 2 * steps + 1)
    density = np.exp(-(nodes**2) / 2)
    return nodes, density / density.sum()


def gaussian_expectation(
    function: Callable[[np.ndarray], np.ndarray],
    centre: Float[np.ndarray, "*batch"] | float,
    scale: Float[np.ndarray, "*batch"] | float,
) -> Float[np.ndarray, "..."]:
    """Return E f(centre + scale Z) for Z ~ N(0, 1), elementwise over the batch, by the trapezoidal
    rule.

    f is `function`, which is vectorised and may stack several functions along leading axes. The
    result is exact to rounding at any scale, unlike that of Gauss-Hermite, if f is analytic in |Im
    z| < π.
    """
    centre = np.asarray(centre, dtype=float)
    scale = np.asarray(scale, dtype=float)
    nodes, weights = gaussian_rule(float(scale.max()))
    return np.asarray(function(centre[..., None] + scale[..., None] * nodes) @ weights)


def logistic_derivatives(score: np.ndarray) -> np.ndarray:
    """Return the first three derivatives of the logistic function at `score`, stacked along a new
    first axis.
    """
    from scipy.special import expit

    upper = expit(score)
    lower = expit(-score)
    first = upper * lower
    return np.stack([first, first * (lower - upper), first * (1 - 6 * first)])


@guarded
@dataclass(frozen=True, eq=False)
class ExpectedLoss:
    """A weighted average of the expected losses E[sp(z) - y z] of Gaussian scores z ~ N(w . m, w' V
    w), with sp(z) = log(1 + e^z).

    Each atom has a mean m, a covariance V, a soft label y and a probability. The methods raise
    ValueError if the standard deviation of a score exceeds 1e5, or if the weights have another
    dimension than m.
    """

    means: Float[np.ndarray, "atoms dim"]
    covariances: Annotated[Float[np.ndarray, "atoms dim dim"], COVARIANCE]
    labels: Lambdas
    probabilities: Masses

    @guarded
    def value(self, weights: Float[np.ndarray, " dim"]) -> float:
        """Return the loss at `weights`, in nats."""
        from scipy.special import log_expit

        of_zero, of_one = gaussian_expectation(
            lambda z: np.stack([-log_expit(-z), -log_expit(z)]), *self._scores(weights)
        )
        return float(self.probabilities @ ((1 - self.labels) * of_zero + self.labels * of_one))

    @guarded
    def gradient(self, weights: Float[np.ndarray, " dim"]) -> Float[np.ndarray, " dim"]:
        """Return the gradient at `weights`. It is accurate relative to its terms, because residuals
        are summed without cancellation.
        """
        from scipy.special import expit

        upper, lower, slope = gaussian_expectation(
            lambda z: np.stack([expit(z), expit(-z), expit(z) * expit(-z)]), *self._scores(weights)
        )
        residual = (1 - self.labels) * upper - self.labels * lower
        of_means = (self.probabilities * residual) @ self.means
        return of_means + (self.probabilities * slope) @ (self.covariances @ weights)

    @guarded
    def hessian(self, weights: Float[np.ndarray, " dim"]) -> Float[np.ndarray, "dim dim"]:
        """Return the Hessian at `weights`, which is symmetric and positive semidefinite up to
        rounding.
        """
        first, second, third = self.probabilities * gaussian_expectation(
            logistic_derivatives, *self._scores(weights)
        )
        pulls = self.covariances @ weights
        cross = (second[:, None] * self.means).T @ pulls
        of_means = (first[:, None] * self.means).T @ self.means
        of_noise = np.tensordot(first, self.covariances, 1) + (third[:, None] * pulls).T @ pulls
        return of_means + of_noise + cross + cross.T

    @guarded
    def in_basis(self, basis: Float[np.ndarray, "dim dim"]) -> "ExpectedLoss":
        """Return the loss as a function of θ, where w = basis θ. Raises ValueError unless the basis
        has d rows.
        """
        dim = self.means.shape[1]
        require(len(basis) == dim, f"basis must have {dim} coordinates, got {len(basis)}")
        covariances = basis.T @ self.covariances @ basis
        return ExpectedLoss(self.means @ basis, covariances, self.labels, self.probabilities)

    def _scores(
        self, weights: Float[np.ndarray, " dim"]
    ) -> tuple[Float[np.ndarray, " atoms"], Float[np.ndarray, " atoms"]]:
        """Return the mean and the standard deviation of the score in each atom."""
        dim = self.means.shape[1]
        require(weights.size == dim, f"weights must have {dim} coordinates, got {weights.size}")
        variance = np.einsum("i,aij,j->a", weights, self.covariances, weights)
        narrow = variance <= _LARGEST_SCALE**2
        require(
            narrow,
            f"weights must give scores of a standard deviation of at most {_LARGEST_SCALE:.0f}",
        )
        return self.means @ weights, np.sqrt(np.maximum(variance, 0))


@guarded
def erm_expected_loss(pair: GaussianPair) -> ExpectedLoss:
    """Return the expected loss without augmentation, E log(1 + e^(-w . S)) for S ~ N(μ, Σ / κ).

    Labels drop out by symmetry, since S = (2y - 1) x has the same law for either label.
    """
    covariance = pair.covariance / pair.separability
    return ExpectedLoss(pair.mean[None], covariance[None], np.ones(1), np.ones(1))


@guarded
def mixup_expected_loss(pair: GaussianPair, law: MixingLaw) -> ExpectedLoss:
    """Return the expected Mixup loss, in which half the pairs are of one class and half of two, and
    λ follows `law`.

    Source: derived here.

    >>> pair = GaussianPair([1.0, 1.0], [[0.2, 0.0], [0.0, 1.8]], separability=1.0)
    >>> loss = mixup_expected_loss(pair, MixingLaw.beta(1.0))
    >>> tried = (np.zeros(2), pair.mean, 2 * pair.bayes_direction)
    >>> [round(loss.value(weights), 4) for weights in tried]
    [0.6931, 0.4147, 0.6454]
    """
    covariances = law.noise_factors[:, None, None] * pair.covariance / pair.separability
    same = np.tile(pair.mean, (len(law.nodes), 1))
    different = law.contrasts[:, None] * pair.mean
    return _of_pairs(same, different, covariances, law.nodes, law.weights)


@guarded
def mask_expected_loss(
    pair: GaussianPair, masks: Masks, probabilities: Masses, labels: Lambdas
) -> ExpectedLoss:
    """Return the expected loss of masking, which replaces coordinates of a point by those of
    another one.

    The input is x = M * x_i + (1 - M) * x_j, where M is the mask and * multiplies entries. The
    label of x_i is weighted by `labels`, and that of x_j by one minus it. CutMix weights it by
    `masks.mean(axis=1)`. Raises ValueError unless the masks have the dimension of the pair.
    """
    require(
        masks.shape[1] == pair.dim, f"masks must have {pair.dim} coordinates, got {masks.shape[1]}"
    )
    signs = np.where(masks, 1.0, -1.0)
    # Coordinates of different points are independent: entries of the covariance survive within each
    # part of the mask.
    together = (1 + signs[:, :, None] * signs[:, None, :]) / 2
    covariances = together * pair.covariance / pair.separability
    return _of_pairs(
        np.tile(pair.mean, (len(masks), 1)), signs * pair.mean, covariances, labels, probabilities
    )


def _of_pairs(
    same: Float[np.ndarray, "atoms dim"],
    different: Float[np.ndarray, "atoms dim"],
    covariances: Float[np.ndarray, "atoms dim dim"],
    labels: Float[np.ndarray, " atoms"],
    probabilities: Float[np.ndarray, " atoms"],
) -> ExpectedLoss:
    """Return the loss of pairs of one class and of two classes, each with half the probability."""
    return ExpectedLoss(
        np.concatenate([same, different]),
        np.concatenate([covariances, covariances]),
        np.concatenate([np.ones_like(labels), labels]),
        np.concatenate([probabilities, probabilities]) / 2,
    )


@guarded
def erm_minimiser(pair: GaussianPair) -> Float[np.ndarray, " dim"]:
    """Return the minimiser 2 κ b of the expected loss without augmentation, which holds for every
    κ.

    Source: derived here.
    """
    return 2 * pair.separability * pair.bayes_direction


@guarded
def mixup_minimiser(pair: GaussianPair, law: MixingLaw) -> Float[np.ndarray, " dim"]:
    """Return the minimiser of the expected Mixup loss, by Newton's method in all d coordinates.

    Raises RuntimeError as `newton_minimiser` does.
    """
    return newton_minimiser(mixup_expected_loss(pair, law))


@guarded
def mask_minimiser(
    pair: GaussianPair, masks: Masks, probabilities: Masses, labels: Lambdas
) -> Float[np.ndarray, " dim"]:
    """Return the unique minimiser of the expected loss of masking.

    Raises ValueError as `mask_expected_loss` and RuntimeError as `newton_minimiser` do.
    """
    return newton_minimiser(mask_expected_loss(pair, masks, probabilities, labels))


@guarded
def newton_minimiser(loss: ExpectedLoss) -> Float[np.ndarray, " dim"]:
    """Return the minimiser of an expected loss, by Newton's method from zero.

    The method works in coordinates in which the Hessian at zero is the identity. Every logistic
    function is steepest at zero, so that steps come out short.

    Raises RuntimeError if the loss is too flat to be minimised in float64. This happens if its
    curvature at zero spans more than 2^50, which takes a separability of some 1e15, or if its
    curvature at the minimiser is below 2^-128 of that at zero, which takes a separability of some
    30 without soft labels.
    """
    from scipy.linalg import cho_factor, cho_solve, eigvalsh, solve_triangular

    position = np.zeros(loss.means.shape[1])
    try:
        hessian = loss.hessian(position)
        scales = np.sqrt(np.diag(hessian))
        if not np.linalg.cond(hessian / np.outer(scales, scales)) <= _MOST_CONDITION:
            raise RuntimeError(_TOO_FLAT)
        basis = solve_triangular(np.linalg.cholesky(hessian), np.eye(position.size), lower=True).T
        problem = loss.in_basis(basis)
        for _ in range(_MOST_STEPS):
            hessian = problem.hessian(position)
            step = cho_solve(cho_factor(hessian), problem.gradient(position))
            if np.linalg.norm(step) <= _QUADRATIC * max(1.0, float(np.linalg.norm(position))):
                if eigvalsh(hessian)[0] < _LEAST_CURVATURE:
                    break
                return basis @ (position - step)
            position = position - step
    except np.linalg.LinAlgError as error:
        raise RuntimeError(_TOO_FLAT) from error
    raise RuntimeError(_TOO_FLAT)


class LimitCurvature(NamedTuple):
    """The second derivatives of the Mixup loss at infinite separability, taken at the score u =
    u_infinity of the class means. They are dimensionless and positive.
    """

    noise: float
    """The cost h = s'(u) E[c_g] / 2 + E[c_g s'((2g - 1) u)] / 2 of the scatter within the classes.
    """
    centroid: float
    """The cost h_1 = s'(u) / 2 + E[s'((2g - 1) u)] / 2 of a common shift of both class means."""
    scale: float
    """The cost L_2 = s'(u) / 2 + E[(2g - 1)^2 s'((2g - 1) u)] / 2 of a change of u."""


@guarded
def scalar_minimiser(effective_separability: Positive, law: MixingLaw) -> float:
    """Return the score u*(a) = w . μ >= 0 of the class mean at the minimiser of the expected Mixup
    loss.

    It depends on (μ, Σ, κ) only through a = `effective_separability`, and is 2a for λ on {0, 1}
    with g = λ. Raises ValueError if a exceeds 100 and there are no soft labels, since the loss is
    then too flat for float64. Source: derived here.

    >>> law = MixingLaw.beta(1.0)
    >>> [round(scalar_minimiser(a, law), 4) for a in (1.0, 10.0, 1000.0)]
    [1.4796, 3.3053, 3.5403]
    >>> round(limit_scale(law), 4)
    3.5423
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    require(
        effective_separability <= _LARGEST_HARD_SEPARABILITY or np.any(law.soft),
        f"effective_separability must be at most {_LARGEST_HARD_SEPARABILITY} without soft labels, "
        f"got {effective_separability}",
    )
    contrasts = np.concatenate([np.ones_like(law.nodes), law.contrasts])
    labels = np.concatenate([np.ones_like(law.nodes), law.nodes])
    factors = np.tile(law.noise_factors, 2)
    probabilities = np.tile(law.weights, 2) / 2

    def slope(score: float) -> float:
        upper, lower, curvature = gaussian_expectation(
            lambda z: np.stack([expit(z), expit(-z), expit(z) * expit(-z)]),
            contrasts * score,
            np.sqrt(factors / effective_separability) * score,
        )
        pull = ((1 - labels) * upper - labels * lower) * contrasts
        return float(probabilities @ (pull + curvature * factors * score / effective_separability))

    if slope(0.0) >= 0:
        return 0.0
    scores = min(1.0, effective_separability) * 2.0 ** np.arange(60)
    highest = next(score for score in scores if slope(score) >= 0)
    return float(brentq(slope, 0, highest, xtol=1e-300, rtol=8.9e-16))


@guarded
def limit_scale(law: MixingLaw) -> float:
    """Return the limit u_infinity of u*(a) as a grows.

    It is the root of s(u) - 1 + E[(s((2g - 1)u) - λ)(2g - 1)] = 0. It is `inf` if every mixture
    with g != 1/2 has the label of the point that it is nearer to, which is decided from the law.
    Raises ValueError if such values of λ are so rare, or g is so close to 1/2, that the root
    exceeds 500.
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    of_farther_point = np.where(law.contrasts > 0, law.nodes < 1, law.nodes > 0)
    if not np.any(of_farther_point & (law.contrasts != 0) & (law.weights > 0)):
        return np.inf

    def slope(score: float) -> float:
        return float(-expit(-score) + law.mean(limit_residual(law, score) * law.contrasts))

    within = slope(_LARGEST_SCORE) >= 0
    require(
        within,
        "law must mix labels with more than vanishing probability: its limit exceeds "
        f"{_LARGEST_SCORE}",
    )
    return float(brentq(slope, 0, _LARGEST_SCORE, xtol=1e-300, rtol=8.9e-16))


@guarded
def limit_curvatures(law: MixingLaw) -> LimitCurvature:
    """Return the second derivatives h, h_1 and L_2 of the Mixup loss at u_infinity.

    Raises ValueError if u_infinity is infinite. Source: derived here.
    """
    score = _finite_limit(law)
    within, _, _ = map(float, logistic_derivatives(np.array(score)))
    between = logistic_derivatives(law.contrasts * score)[0]
    return LimitCurvature(
        noise=(within * law.second_moment + law.mean(law.noise_factors * between)) / 2,
        centroid=(within + law.mean(between)) / 2,
        scale=(within + law.mean(law.contrasts**2 * between)) / 2,
    )


@guarded
def limit_scale_correction(law: MixingLaw) -> float:
    """Return the coefficient of 1/a in u_infinity - u*(a).

    It is (u h + u^2 h'/2) / L_2 with the symbols of `LimitCurvature` at u = u_infinity, where h' is
    the derivative of h in u. Raises ValueError if u_infinity is infinite.
    """
    score = _finite_limit(law)
    curvature = limit_curvatures(law)
    _, within, _ = map(float, logistic_derivatives(np.array(score)))
    between = logistic_derivatives(law.contrasts * score)[1]
    noise_slope = (
        within * law.second_moment + law.mean(law.noise_factors * law.contrasts * between)
    ) / 2
    return float((score * curvature.noise + score**2 * noise_slope / 2) / curvature.scale)


def limit_residual(law: MixingLaw, score: float) -> Float[np.ndarray, " atoms"]:
    """Return the residual s((2g - 1) u) - λ of a mixed pair whose class means have the scores -u
    and u, for each atom of the law.
    """
    from scipy.special import expit

    scores = law.contrasts * score
    return (1 - law.nodes) * expit(scores) - law.nodes * expit(-scores)


def _finite_limit(law: MixingLaw) -> float:
    """Return u_infinity. Raises ValueError if it is infinite."""
    score = limit_scale(law)
    bounded = np.isfinite(score)
    require(
        bounded,
        "law must mix labels with g != 1/2 with positive probability: the scale diverges otherwise",
    )
    return score


@guarded
def all_masks(
    dim: Annotated[
        int, Interval(1, 14, why="all 2^d masks are listed; draw masks or list boxes beyond")
    ],
) -> Bool[np.ndarray, "masks dim"]:
    """Return all 2^d masks of d = `dim` coordinates, one in each row, `True` where the first point
    is kept.
    """
    return (np.arange(2**dim)[:, None] >> np.arange(dim)) % 2 == 1


@guarded
def box_masks(height: Size, width: Size) -> Bool[np.ndarray, "boxes pixels"]:
    """Return one mask for each non-empty box in a picture of `height` by `width` pixels, `False`
    inside the box.

    There are h (h + 1) w (w + 1) / 4 masks. The pixels of a mask follow row by row. Raises
    ValueError if the masks have more than 2^36 entries in total.
    """
    entries = height**2 * (height + 1) * width**2 * (width + 1) // 4
    require(
        entries <= _MOST_ENTRIES,
        f"height and width must ask for at most 2^36 entries, got {entries:.3g}",
    )
    boxes = np.einsum("ay,bx->abyx", _intervals(height), _intervals(width))
    return ~boxes.reshape(-1, height * width)


@guarded
def equally_likely(
    masks: Masks,
) -> tuple[Bool[np.ndarray, "masks dim"], Float[np.ndarray, " masks"], Float[np.ndarray, " masks"]]:
    """Return the masks, equal probabilities, and their shares of coordinates kept as labels."""
    return masks, np.full(len(masks), 1 / len(masks)), masks.mean(axis=1)


@guarded
def mask_limit_direction(
    mean: Annotated[
        Float[np.ndarray, " dim"],
        Holds("no zero", f"have {_FLAT}", lambda mean: bool(np.all(mean))),
    ],
) -> Float[np.ndarray, " dim"]:
    """Return the direction 1 / μ (elementwise, not normalised) to which exchangeable masking tends
    as κ grows.

    The masks must not always keep a share of 0, 1/2 or 1 of the coordinates. Hence d is at least 3,
    or 2 for the direction only.
    """
    return 1 / mean


@guarded
def mask_limit_scores(masks: Masks, probabilities: Masses) -> Float[np.ndarray, " dim"]:
    """Return the scores v = w * μ of the coordinates at which the loss of a law of masks is least
    when κ is infinite.

    Each row of `masks` is `True` for the coordinates that are kept, and its label is the share of
    them. d is at least 3. Pairs of one class have the score s = sum(v), and pairs of two classes
    have s minus twice the sum of the v that are cut. v depends on the law alone, and the minimiser
    is v / μ. Raises RuntimeError if Newton's method does not settle, as it may if the loss has no
    minimiser. Source: derived here.
    """
    cut = 1.0 - masks
    share = 1 - cut.mean(axis=1)
    rows = np.concatenate([np.ones((1, masks.shape[1])), 1 - 2 * cut])
    weights = np.append(0.5, probabilities / 2)
    labels = np.append(1.0, share)
    scores = np.zeros(masks.shape[1])
    for _ in range(100):
        chances = 1 / (1 + np.exp(-rows @ scores))
        slope = rows.T @ (weights * (chances - labels))
        curvature = (rows.T * (weights * chances * (1 - chances))) @ rows
        step = np.linalg.lstsq(curvature, slope, rcond=None)[0]
        scores = scores - step * min(1.0, 1 / np.abs(step).max(initial=1e-300))
        if np.abs(step).max() < 1e-13 * (1 + np.abs(scores).max()):
            return scores
    raise RuntimeError("masks must have a loss with a minimiser: Newton's method did not settle")


@guarded
def mask_limit_error_ratio(pair: GaussianPair) -> float:
    """Return the factor r in (0, 1] for which Φ(-sqrt(a) r) is the test error at the limit of
    masking.

    r = d / (m |Σ^(1/2) (1 / μ)|), where 1 / μ is taken elementwise and Φ is the standard normal
    distribution function. It is one exactly if Σ (1 / μ) is a multiple of μ. Raises ValueError if a
    coordinate of the mean is zero.
    """
    require(np.all(pair.mean), f"the mean of the pair must have {_FLAT}, got {pair.mean.tolist()}")
    direction = mask_limit_direction(pair.mean)
    return float(pair.dim / np.sqrt(pair.signal * (direction @ pair.covariance @ direction)))


def _intervals(length: int) -> Bool[np.ndarray, "intervals length"]:
    """Return the indicator of each non-empty interval of positions, one in each row."""
    first, last = np.triu_indices(length)
    position = np.arange(length)
    return (first[:, None] <= position) & (position <= last[:, None])
