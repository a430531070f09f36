"""Expected training losses on a Gaussian pair, without Monte Carlo, with exact gradients and
Hessians.

Every loss here averages the soft-label logistic loss sp(z) - y z, sp(z) = log(1 + e^z), over atoms
in which the score z is Gaussian: z ~ N(w . m, w' V w) with soft label y. Two of the four label
combinations of a mixed pair suffice, because x -> -x with y -> 1 - y leaves the law of the data as
it is. With q = w' V w the derivatives of E f(z) are d/dc = E f' and d/dq = E f'' / 2. Source:
derived here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.mixup.domains import Lambdas, Masks, Masses
from theory.mixup.gaussian_pair import GaussianPair
from theory.mixup.mixing import MixingLaw
from theory_on_trial.contract import COVARIANCE, guarded, require

_RANGE = 14.0  # standard deviations on each side: the density beyond is below e^-98
# in units of the score where that is wider than its law: poles at i pi then cost e^(-2 pi^2 / 0.4)
_STEP = 0.4
_LARGEST_SCALE = 1e5  # seven million nodes
_ATOMS_AT_A_TIME = 2048


def gaussian_rule(
    largest_scale: float,
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Trapezoidal nodes and weights of N(0, 1), fine enough for logistic functions of scores of
    this scale.
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
    """E f(centre + scale Z), Z ~ N(0, 1), elementwise over the batch, by the trapezoidal rule.

    Exact to rounding at any scale, unlike Gauss-Hermite, for f analytic in |Im z| < π; `function`
    is vectorised and may stack several functions along leading axes.
    """
    centre = np.asarray(centre, dtype=float)
    scale = np.asarray(scale, dtype=float)
    nodes, weights = gaussian_rule(float(scale.max()))
    return np.asarray(function(centre[..., None] + scale[..., None] * nodes) @ weights)


def logistic_derivatives(score: np.ndarray) -> np.ndarray:
    """The logistic function's first three derivatives at `score`, stacked along a new first
    axis.
    """
    from scipy.special import expit

    upper = expit(score)
    lower = expit(-score)
    first = upper * lower
    return np.stack([first, first * (lower - upper), first * (1 - 6 * first)])


@guarded
@dataclass(frozen=True, eq=False)
class ExpectedLoss:
    """Convex average of E[sp(z) - y z], z ~ N(w . m, w' V w); `ValueError` where a score's
    deviation exceeds 1e5.
    """

    means: Float[np.ndarray, "atoms dim"]
    covariances: Annotated[Float[np.ndarray, "atoms dim dim"], COVARIANCE]
    labels: Lambdas
    probabilities: Masses

    @guarded
    def value(self, weights: Float[np.ndarray, " dim"]) -> float:
        """The loss at `weights`, in nats."""
        from scipy.special import log_expit

        total = 0.0
        for block, centre, scale in self._blocks(weights):
            losses = gaussian_expectation(
                lambda z: np.stack([-log_expit(-z), -log_expit(z)]), centre, scale
            )
            labels = self.labels[block]
            total += self.probabilities[block] @ ((1 - labels) * losses[0] + labels * losses[1])
        return float(total)

    @guarded
    def gradient(self, weights: Float[np.ndarray, " dim"]) -> Float[np.ndarray, " dim"]:
        """Gradient at `weights`, accurate relative to its terms: residuals are summed without
        cancellation.
        """
        from scipy.special import expit

        total = np.zeros(weights.size)
        for block, centre, scale in self._blocks(weights):
            upper, lower, slope = gaussian_expectation(
                lambda z: np.stack([expit(z), expit(-z), expit(z) * expit(-z)]), centre, scale
            )
            labels = self.labels[block]
            probabilities = self.probabilities[block]
            residual = (1 - labels) * upper - labels * lower
            total += (probabilities * residual) @ self.means[block]
            total += (probabilities * slope) @ (self.covariances[block] @ weights)
        return total

    @guarded
    def hessian(self, weights: Float[np.ndarray, " dim"]) -> Float[np.ndarray, "dim dim"]:
        """Hessian at `weights`, symmetric and positive semidefinite up to rounding."""
        total = np.zeros((weights.size, weights.size))
        for block, centre, scale in self._blocks(weights):
            first, second, third = self.probabilities[block] * gaussian_expectation(
                logistic_derivatives, centre, scale
            )
            means = self.means[block]
            pulls = self.covariances[block] @ weights
            cross = (second[:, None] * means).T @ pulls
            total += (first[:, None] * means).T @ means + np.tensordot(
                first, self.covariances[block], 1
            )
            total += cross + cross.T + (third[:, None] * pulls).T @ pulls
        return total

    @guarded
    def in_basis(self, basis: Float[np.ndarray, "dim dim"]) -> "ExpectedLoss":
        """The loss as a function of θ, w = basis θ."""
        dim = self.means.shape[1]
        require(len(basis) == dim, f"basis must have {dim} coordinates, got {len(basis)}")
        covariances = basis.T @ self.covariances @ basis
        return ExpectedLoss(self.means @ basis, covariances, self.labels, self.probabilities)

    def _blocks(self, weights: Float[np.ndarray, " dim"]):  # type: ignore[no-untyped-def]
        dim = self.means.shape[1]
        require(weights.size == dim, f"weights must have {dim} coordinates, got {weights.size}")
        for start in range(0, len(self.labels), _ATOMS_AT_A_TIME):
            block = slice(start, start + _ATOMS_AT_A_TIME)
            variance = np.einsum("i,aij,j->a", weights, self.covariances[block], weights)
            narrow = variance <= _LARGEST_SCALE**2
            require(
                narrow,
                f"weights must give scores of a standard deviation of at most {_LARGEST_SCALE:.0f}",
            )
            yield block, self.means[block] @ weights, np.sqrt(np.maximum(variance, 0))


@guarded
def erm_expected_loss(pair: GaussianPair) -> ExpectedLoss:
    """The expected loss without augmentation, E log(1 + e^(-w . S)), S ~ N(μ, Σ / κ): labels drop
    out.
    """
    covariance = pair.covariance / pair.separability
    return ExpectedLoss(pair.mean[None], covariance[None], np.ones(1), np.ones(1))


@guarded
def mixup_expected_loss(pair: GaussianPair, law: MixingLaw) -> ExpectedLoss:
    """The expected Mixup loss: half the pairs are of one class, half of two, and λ follows `law`.
    Derived here.

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
    """The expected loss of masking: x = M * x_i + (1 - M) * x_j, the label of x_i weighted by
    `labels`.

    CutMix weights it by `masks.mean(axis=1)`. `ValueError` unless the masks have the dimension of
    the pair.
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
    return ExpectedLoss(
        np.concatenate([same, different]),
        np.concatenate([covariances, covariances]),
        np.concatenate([np.ones_like(labels), labels]),
        np.concatenate([probabilities, probabilities]) / 2,
    )
