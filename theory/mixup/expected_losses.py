"""Expected training losses on a Gaussian pair, without Monte Carlo, with exact gradients and Hessians.

Every loss here averages the soft-label logistic loss sp(z) - y z, sp(z) = log(1 + e^z), over atoms in which the score z
is Gaussian: z ~ N(w . m, w' V w) with soft label y. Two of the four label combinations of a mixed pair suffice, because
x -> -x with y -> 1 - y leaves the law of the data as it is. With q = w' V w the derivatives of E f(z) are
d/dc = E f' and d/dq = E f'' / 2. Source: derived here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from theory.mixup._validation import check_dimension, check_in_unit_interval, check_probabilities, check_same_length
from theory.mixup.gaussian_pair import GaussianPair
from theory.mixup.mixing import MixingLaw
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_finite

_RANGE = 14.0  # standard deviations on each side: the density beyond is below e^-98
_STEP = 0.4  # in units of the score where that is wider than its law: poles at i pi then cost e^(-2 pi^2 / 0.4)
_LARGEST_SCALE = 1e5  # seven million nodes
_ATOMS_AT_A_TIME = 2048


def gaussian_rule(largest_scale: float) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Trapezoidal nodes and weights of N(0, 1), fine enough for logistic functions of scores of this scale."""
    steps = int(np.ceil(_RANGE * max(1.0, largest_scale) / _STEP))
    nodes = np.linspace(-_RANGE, _RANGE, 2 * steps + 1)
    density = np.exp(-(nodes**2) / 2)
    return nodes, density / density.sum()


@validated
def gaussian_expectation(
    function: Callable[[np.ndarray], np.ndarray],
    centre: Float[np.ndarray, "*batch"] | float | int,
    scale: Float[np.ndarray, "*batch"] | float | int,
) -> Float[np.ndarray, "..."]:
    """E f(centre + scale Z), Z ~ N(0, 1), elementwise over the batch, by the trapezoidal rule.

    `function` is vectorised and may stack several functions along leading axes. The rule is exact to rounding for
    functions analytic in the strip |Im z| < pi, as all functions of the logistic one are, whatever the scale (which
    Gauss-Hermite is not). `ValueError` if a scale is negative or above 100000, or a centre is not finite.
    """
    centre, scale = np.asarray(centre, dtype=float), np.asarray(scale, dtype=float)
    check_finite("centre", centre)
    if not np.all((scale >= 0) & (scale <= _LARGEST_SCALE)):
        raise ValueError(f"scale must be between 0 and {_LARGEST_SCALE:.0f}, got {scale}")
    nodes, weights = gaussian_rule(float(scale.max()))
    return np.asarray(function(centre[..., None] + scale[..., None] * nodes) @ weights)


def logistic_derivatives(score: np.ndarray) -> np.ndarray:
    """The logistic function's first three derivatives at `score`, stacked along a new first axis."""
    from scipy.special import expit

    upper, lower = expit(score), expit(-score)
    first = upper * lower
    return np.stack([first, first * (lower - upper), first * (1 - 6 * first)])


@validated
@dataclass(frozen=True, eq=False)
class ExpectedLoss:
    """Average over atoms of E[sp(z) - y z], z ~ N(w . m, w' V w), as a function of the weights w [dim].

    `means` holds m [atoms, dim], `covariances` V [atoms, dim, dim], `labels` y [atoms] in [0, 1] and `probabilities`
    sum to one [atoms]. It is convex. Other values raise `ValueError`, as do weights that give a score a standard
    deviation above 100000.
    """

    means: Float[np.ndarray, "atoms dim"]
    covariances: Float[np.ndarray, "atoms dim dim"]
    labels: Float[np.ndarray, " atoms"]
    probabilities: Float[np.ndarray, " atoms"]

    def __post_init__(self) -> None:
        check_finite("means", self.means)
        check_finite("covariances", self.covariances)
        check_in_unit_interval("labels", self.labels)
        check_probabilities("probabilities", self.probabilities)

    @validated
    def value(self, weights: Float[np.ndarray, " dim"]) -> float:
        """The loss at `weights`, in nats."""
        from scipy.special import log_expit

        total = 0.0
        for block, centre, scale in self._blocks(weights):
            both = gaussian_expectation(lambda z: np.stack([-log_expit(-z), -log_expit(z)]), centre, scale)
            labels = self.labels[block]
            total += self.probabilities[block] @ ((1 - labels) * both[0] + labels * both[1])
        return float(total)

    @validated
    def gradient(self, weights: Float[np.ndarray, " dim"]) -> Float[np.ndarray, " dim"]:
        """Gradient at `weights`, accurate relative to its terms: residuals are summed without cancellation."""
        from scipy.special import expit

        total = np.zeros(weights.size)
        for block, centre, scale in self._blocks(weights):
            upper, lower, slope = gaussian_expectation(
                lambda z: np.stack([expit(z), expit(-z), expit(z) * expit(-z)]), centre, scale
            )
            labels, probabilities = self.labels[block], self.probabilities[block]
            residual = (1 - labels) * upper - labels * lower
            total += (probabilities * residual) @ self.means[block]
            total += (probabilities * slope) @ (self.covariances[block] @ weights)
        return total

    @validated
    def hessian(self, weights: Float[np.ndarray, " dim"]) -> Float[np.ndarray, "dim dim"]:
        """Hessian at `weights`, symmetric and positive semidefinite up to rounding."""
        total = np.zeros((weights.size, weights.size))
        for block, centre, scale in self._blocks(weights):
            first, second, third = self.probabilities[block] * gaussian_expectation(logistic_derivatives, centre, scale)
            means, pulls = self.means[block], self.covariances[block] @ weights
            cross = (second[:, None] * means).T @ pulls
            total += (first[:, None] * means).T @ means + np.tensordot(first, self.covariances[block], 1)
            total += cross + cross.T + (third[:, None] * pulls).T @ pulls
        return total

    @validated
    def in_basis(self, basis: Float[np.ndarray, "dim dim"]) -> "ExpectedLoss":
        """The loss as a function of theta, w = basis theta."""
        check_finite("basis", basis)
        covariances = basis.T @ self.covariances @ basis
        return ExpectedLoss(self.means @ basis, covariances, self.labels, self.probabilities)

    def _blocks(self, weights: Float[np.ndarray, " dim"]):  # type: ignore[no-untyped-def]
        check_finite("weights", weights)
        check_dimension("weights", weights.size, self.means.shape[1])
        for start in range(0, len(self.labels), _ATOMS_AT_A_TIME):
            block = slice(start, start + _ATOMS_AT_A_TIME)
            variance = np.einsum("i,aij,j->a", weights, self.covariances[block], weights)
            if not np.all(variance <= _LARGEST_SCALE**2):
                raise ValueError(f"weights must give scores of a standard deviation of at most {_LARGEST_SCALE:.0f}")
            yield block, self.means[block] @ weights, np.sqrt(np.maximum(variance, 0))


@validated
def erm_expected_loss(pair: GaussianPair) -> ExpectedLoss:
    """The expected loss without augmentation: E log(1 + e^(-w . S)), S ~ N(mu, Sigma / kappa); labels drop out."""
    covariance = pair.covariance / pair.separability
    return ExpectedLoss(pair.mean[None], covariance[None], np.ones(1), np.ones(1))


@validated
def mixup_expected_loss(pair: GaussianPair, law: MixingLaw) -> ExpectedLoss:
    """The expected Mixup loss: half the pairs are of one class, half of two, and lambda follows `law`."""
    covariances = law.noise_factors[:, None, None] * pair.covariance / pair.separability
    same, different = np.tile(pair.mean, (len(law.nodes), 1)), law.contrasts[:, None] * pair.mean
    return _of_pairs(same, different, covariances, law.nodes, law.weights)


@validated
def mask_expected_loss(
    pair: GaussianPair,
    masks: Bool[np.ndarray, "masks coordinates"],
    probabilities: Float[np.ndarray, " probabilities"],
    labels: Float[np.ndarray, " labels"],
) -> ExpectedLoss:
    """The expected loss of masking: x = M * x_i + (1 - M) * x_j with the label of x_i weighted by `labels`.

    CutMix weights it by the share `masks.mean(axis=1)` of coordinates. `ValueError` if the dimension is not that of the
    pair, lengths differ, labels are outside [0, 1] or probabilities do not sum to one.
    """
    check_dimension("masks", masks.shape[1], pair.dim)
    _check_atoms("masks", masks, "labels", labels, probabilities)
    signs = np.where(masks, 1.0, -1.0)
    # Coordinates of different points are independent: entries of the covariance survive within each part of the mask.
    together = (1 + signs[:, :, None] * signs[:, None, :]) / 2
    covariances = together * pair.covariance / pair.separability
    return _of_pairs(np.tile(pair.mean, (len(masks), 1)), signs * pair.mean, covariances, labels, probabilities)


@validated
def affine_expected_loss(
    pair: GaussianPair,
    first_maps: Float[np.ndarray, "first_maps rows columns"],
    second_maps: Float[np.ndarray, "second_maps second_rows second_columns"],
    lambdas: Float[np.ndarray, " lambdas"],
    probabilities: Float[np.ndarray, " probabilities"],
) -> ExpectedLoss:
    """The expected loss of any pairwise affine augmentation x = A x_i + B x_j, y = lambda y_i + (1 - lambda) y_j.

    Mixup is A = g I, B = (1 - g) I; masking is A = diag(M), B = I - A. `ValueError` as for masks.
    """
    for name, maps in (("first_maps", first_maps), ("second_maps", second_maps)):
        check_dimension(name, maps.shape[1], pair.dim)
        check_dimension(name, maps.shape[2], pair.dim)
        check_finite(name, maps)
    check_same_length("second_maps", second_maps, "first_maps", first_maps)
    _check_atoms("first_maps", first_maps, "lambdas", lambdas, probabilities)
    noise = pair.covariance / pair.separability
    covariances = first_maps @ noise @ np.swapaxes(first_maps, 1, 2)
    covariances = covariances + second_maps @ noise @ np.swapaxes(second_maps, 1, 2)
    same, different = (first_maps + second_maps) @ pair.mean, (first_maps - second_maps) @ pair.mean
    return _of_pairs(same, different, covariances, lambdas, probabilities)


@validated
def erm_loss(pair: GaussianPair, weights: Float[np.ndarray, " dim"]) -> float:
    """`erm_expected_loss` at the weights, in nats."""
    return erm_expected_loss(pair).value(weights)


@validated
def mixup_loss(pair: GaussianPair, law: MixingLaw, weights: Float[np.ndarray, " dim"]) -> float:
    """`mixup_expected_loss` at the weights, in nats."""
    return mixup_expected_loss(pair, law).value(weights)


@validated
def mask_loss(
    pair: GaussianPair,
    masks: Bool[np.ndarray, "masks coordinates"],
    probabilities: Float[np.ndarray, " probabilities"],
    labels: Float[np.ndarray, " labels"],
    weights: Float[np.ndarray, " dim"],
) -> float:
    """`mask_expected_loss` at the weights, in nats."""
    return mask_expected_loss(pair, masks, probabilities, labels).value(weights)


@validated
def affine_loss(
    pair: GaussianPair,
    first_maps: Float[np.ndarray, "first_maps rows columns"],
    second_maps: Float[np.ndarray, "second_maps second_rows second_columns"],
    lambdas: Float[np.ndarray, " lambdas"],
    probabilities: Float[np.ndarray, " probabilities"],
    weights: Float[np.ndarray, " dim"],
) -> float:
    """`affine_expected_loss` at the weights, in nats."""
    return affine_expected_loss(pair, first_maps, second_maps, lambdas, probabilities).value(weights)


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


def _check_atoms(
    name: str, atoms: np.ndarray, name_of_labels: str, labels: np.ndarray, probabilities: np.ndarray
) -> None:
    check_same_length(name_of_labels, labels, name, atoms)
    check_same_length("probabilities", probabilities, name, atoms)
    check_in_unit_interval(name_of_labels, labels)
    check_probabilities("probabilities", probabilities)
