"""Minimisers of the expected losses.

Without augmentation, and with any mixing of inputs by scalars, the minimiser points along b at every finite kappa;
masking in general leads elsewhere (Oh & Yun 2023, arXiv 2306.00267, for the alignment and for masking being
suboptimal; the statement for every mixing law is derived here).
"""

import numpy as np
from jaxtyping import Bool, Float

from theory.mixup.expected_losses import (
    ExpectedLoss,
    affine_expected_loss,
    mask_expected_loss,
    mixup_expected_loss,
)
from theory.mixup.gaussian_pair import GaussianPair
from theory.mixup.mixing import MixingLaw
from theory_on_trial.arguments.theory import validated

_TOO_FLAT = "the expected loss is too flat for float64: its Hessian is singular to rounding"
_MOST_STEPS = 200
_QUADRATIC = 2.0**-27  # once a step is this small the next one, of its square, ends at rounding


@validated
def erm_minimiser(pair: GaussianPair) -> Float[np.ndarray, " dim"]:
    """The minimiser 2 kappa b of the expected loss without augmentation, for every kappa. Source: derived here."""
    return 2 * pair.separability * pair.bayes_direction


@validated
def mixup_minimiser(pair: GaussianPair, law: MixingLaw) -> Float[np.ndarray, " dim"]:
    """The minimiser of the expected Mixup loss, by Newton in all d coordinates: it does not presuppose alignment."""
    return newton_minimiser(mixup_expected_loss(pair, law))


@validated
def mask_minimiser(
    pair: GaussianPair,
    masks: Bool[np.ndarray, "masks coordinates"],
    probabilities: Float[np.ndarray, " probabilities"],
    labels: Float[np.ndarray, " labels"],
) -> Float[np.ndarray, " dim"]:
    """The minimiser of the expected loss of masking, unique for every law of masks and labels at finite kappa.

    `ValueError` as in `mask_expected_loss`.
    """
    return newton_minimiser(mask_expected_loss(pair, masks, probabilities, labels))


@validated
def affine_minimiser(
    pair: GaussianPair,
    first_maps: Float[np.ndarray, "first_maps rows columns"],
    second_maps: Float[np.ndarray, "second_maps second_rows second_columns"],
    lambdas: Float[np.ndarray, " lambdas"],
    probabilities: Float[np.ndarray, " probabilities"],
) -> Float[np.ndarray, " dim"]:
    """The minimiser of the expected loss of a pairwise affine augmentation; `ValueError` as in `affine_expected_loss`.

    It is along b whenever all maps are multiples of the identity, extrapolating ones included.
    """
    return newton_minimiser(affine_expected_loss(pair, first_maps, second_maps, lambdas, probabilities))


@validated
def newton_minimiser(loss: ExpectedLoss) -> Float[np.ndarray, " dim"]:
    """Newton's method from zero, in coordinates whitened by the Hessian there.

    At zero every logistic function is at its steepest, so that steps come out short (in one dimension always: the
    gradient is concave beyond zero), and none has to be halved.

    `RuntimeError` if the loss is too flat to be minimised in float64, as without soft labels and at large separability.
    """
    from scipy.linalg import cho_factor, cho_solve, solve_triangular

    position = np.zeros(loss.means.shape[1])
    try:
        basis = solve_triangular(np.linalg.cholesky(loss.hessian(position)), np.eye(position.size), lower=True).T
        whitened = loss.in_basis(basis)
        for _ in range(_MOST_STEPS):
            step = cho_solve(cho_factor(whitened.hessian(position)), whitened.gradient(position))
            if np.linalg.norm(step) <= _QUADRATIC * max(1.0, float(np.linalg.norm(position))):
                return basis @ (position - step)
            position = position - step
    except np.linalg.LinAlgError as error:
        raise RuntimeError(_TOO_FLAT) from error
    raise RuntimeError(_TOO_FLAT)


@validated
def relative_newton_step(loss: ExpectedLoss, weights: Float[np.ndarray, " dim"]) -> float:
    """|H^-1 gradient| / |w| at `weights`, zero only at the minimiser, in the norm of the mean noise covariance.

    Unlike the gradient it tells a minimiser from other weights however flat the loss. `ValueError` if the weights are
    zero. Source: derived here.
    """
    if not np.any(weights):
        raise ValueError("weights must not be zero: the step is relative to them")
    step = np.linalg.solve(loss.hessian(weights), loss.gradient(weights))
    metric = np.tensordot(loss.probabilities, loss.covariances, 1)
    return float(np.sqrt((step @ metric @ step) / (weights @ metric @ weights)))
