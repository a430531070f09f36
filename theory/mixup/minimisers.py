"""Minimisers of the expected losses.

Without augmentation, and with any mixing of inputs by scalars, the minimiser points along b at
every finite κ; masking in general leads elsewhere (Oh & Yun 2023, arXiv 2306.00267, for the
alignment and for masking being suboptimal; the statement for every mixing law is derived here).
"""

import numpy as np
from jaxtyping import Float

from theory.mixup.domains import Direction, Lambdas, Masks, Masses
from theory.mixup.expected_losses import ExpectedLoss, mask_expected_loss, mixup_expected_loss
from theory.mixup.gaussian_pair import GaussianPair
from theory.mixup.mixing import MixingLaw
from theory_on_trial.contract import guarded

_TOO_FLAT = "the expected loss is too flat for float64 at zero or at its minimiser"
_MOST_CONDITION = 2.0**50  # of the Hessian at zero, in units of its diagonal
_LEAST_CURVATURE = (
    2.0**-128
)  # 2^13 times e^-98, what the quadrature leaves out, where the curvature at zero is 1
_MOST_STEPS = 200
_QUADRATIC = 2.0**-27  # once a step is this small the next one, of its square, ends at rounding


@guarded
def erm_minimiser(pair: GaussianPair) -> Float[np.ndarray, " dim"]:
    """The minimiser 2 κ b of the expected loss without augmentation, for every κ. Source: derived
    here.
    """
    return 2 * pair.separability * pair.bayes_direction


@guarded
def mixup_minimiser(pair: GaussianPair, law: MixingLaw) -> Float[np.ndarray, " dim"]:
    """The minimiser of the expected Mixup loss, by Newton in all d coordinates. Raises as
    `newton_minimiser`.
    """
    return newton_minimiser(mixup_expected_loss(pair, law))


@guarded
def mask_minimiser(
    pair: GaussianPair, masks: Masks, probabilities: Masses, labels: Lambdas
) -> Float[np.ndarray, " dim"]:
    """The unique minimiser of the expected loss of masking. Raises as `mask_expected_loss` and
    `newton_minimiser`.
    """
    return newton_minimiser(mask_expected_loss(pair, masks, probabilities, labels))


@guarded
def newton_minimiser(loss: ExpectedLoss) -> Float[np.ndarray, " dim"]:
    """Newton's method from zero, in coordinates whitened by the Hessian there, where every logistic
    function is steepest: steps come out short.

    `RuntimeError` if the loss is too flat to be minimised in float64: its curvature at zero spans
    more than 2^50 (the separability some 1e15), or at the minimiser is below 2^-128 of that (no
    soft labels, a separability of some 30).
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


@guarded
def relative_newton_step(loss: ExpectedLoss, weights: Direction) -> float:
    """|H^-1 gradient| / |w| in the norm of the mean noise covariance: zero only at the minimiser,
    however flat.
    """
    step = np.linalg.solve(loss.hessian(weights), loss.gradient(weights))
    metric = np.tensordot(loss.probabilities, loss.covariances, 1)
    return float(np.sqrt((step @ metric @ step) / (weights @ metric @ weights)))
