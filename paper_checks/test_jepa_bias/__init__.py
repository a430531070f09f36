"""Littwin, Saremi, Advani, Thilak, Nakkiran, Huang & Susskind 2024, "How JEPA Avoids Noisy
Features: The Implicit Bias of Deep Linear Self Distillation Networks", arXiv 2407.03475.

Its body could not be read: equation and theorem numbers are those that a public formalisation
quotes, and no constant is attributed to it. Closed forms meet solvers, quadrature in 30 digits and
networks trained on both objectives. W_1, …, W_L are the encoder's layers and V is the predictor of
JEPA or the decoder of a masked autoencoder (MAE). Of a feature, λ is the covariance of its two
views, σ² its variance, ρ = λ / σ² its regression coefficient, w-bar the strength of the encoder on
it, ε the strength at the start, w = w-bar^(1/L) the strength of one layer, and p the fraction of
the asymptote that counts as learned. Times t are those of the gradient flow; the paper's are L t.

Abstract:

- Sentence 2: in JEPA similar inputs are encoded so that one predicts the other. No statement.
- Sentence 3: in self-distillation an online encoder predicts the output of a target encoder, with a
  light predictor. No statement.
- Sentence 4: a masked autoencoder reconstructs the data instead. No statement.
- Sentence 5: a common motivation is that the latent objective prefers abstract features to
  unpredictable detail. In part: gen_static, gen_temporal-order. Noise lowers the regression
  coefficient; nothing like pixels is tried.
- Sentence 6: the paper analyses the training dynamics of deep linear models. No statement.
- Sentence 7, first half: in a simplified linear setting both objectives learn similar
  representations. Holds: fixed_points, exact_time_jepa, exact_time_mae. Both learn every feature,
  in the end with the strengths $ρ^L$ and $ρ^(L/(L+1))$. Where covariances do not commute, JEPA ends
  with eigenvalues and the autoencoder with singular values (`nondiag_spectrum`).
- Sentence 7, second half: there JEPA is biased to learn features of a high regression coefficient
  $ρ$. In part: greedy_rho, order_inversion, lambda_dominates, displacement_law, narrow. At one
  covariance $λ$ the larger $ρ$ comes first. Where $λ$ and $ρ$ disagree, from small starts $λ$
  decides what is learned first, and $ρ$ replaces it later; that $ρ$ decides what is learned for
  good is a conjecture (`permanent_order`). With fewer latents than features JEPA ends with those of
  large $ρ$.
- Sentence 8: the bias may explain the success in practice. In part: relu. In a ReLU encoder with
  two latents and stochastic gradients, at the end of training; nothing like images is tried.
"""

from functools import partial
from typing import Annotated

import jax
import mpmath
import numpy as np
from scipy.linalg import eig

from sims.jepa_bias import scalar_flow
from theory.jepa_bias import learning_times
from theory.jepa_bias.domains import Objective
from theory_on_trial.contract import Interval

OBJECTIVES: tuple[Objective, Objective] = ("jepa", "mae")
_GOOD_TO = "the simulator's quadrature is good to eleven digits up to there"
Depth = Annotated[int, Interval(1, 8, why=_GOOD_TO)]
DepthFromTwo = Annotated[int, Interval(2, 8, why="the law differs with one layer, and " + _GOOD_TO)]
Regression = Annotated[float, Interval(0.1, 10, why="times vary like its power 1 - 2L")]
Fraction = Annotated[
    float, Interval(0.01, 0.99, why="digits cancel where it is hardly above 0 or below 1")
]


def random_rotations(rng, dim, count):
    """Return orthogonal matrices, of shape (count, dim, dim)."""
    return np.linalg.qr(rng.standard_normal((count, dim, dim)))[0]


def rotation(angle):
    """Return the rotation of two features by an angle."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


DOUBLINGS = 2.0 ** np.arange(9, 14)
"""Values of a power of 1 / ε at which times are taken where a law is extrapolated to ε -> 0."""
QUADRATURE_ERROR = 1e-11
"""Relative error of the simulator's quadrature of the scalar equation: at most 6e-13 in 300
problems, by 25 digits.
"""


@partial(jax.jit, static_argnames="objective")
def _rise_time(*problem, objective):
    return scalar_flow.hitting_time_by_quadrature(*problem, objective=objective)


def rise_times(fraction, init, depth, covariance, regression, objective):
    """Return by quadrature the times at which features that start at w-bar = `init` reach a
    fraction of their asymptotes; arguments broadcast.
    """
    time = np.vectorize(partial(_rise_time, objective=objective), otypes=[float])
    return time(*np.broadcast_arrays(fraction, 1.0 * depth, init, covariance, regression))


def exact_time(fraction, init, depth, covariance, regression, objective, digits=30):
    """Return the time from w-bar = `init` to a fraction of the asymptote by equation (7) or (8), an
    mpmath number good to `digits` digits.
    """
    a, b = (2 * depth, 1) if objective == "jepa" else (depth, depth + 1)
    return exact_passage_time(fraction, init, depth, a, b, covariance, regression, digits)


def exact_passage_time(fraction, init, depth, a, b, covariance, regression, digits=30):
    """Return the time, as `exact_time`, of the flow w' = w^a (λ - w^b σ²) of every layer.

    With u = w^b / ρ and its logit z = log(u / (1 - u)) the flow reads dt/dz = w^(1 - a) / (b λ),
    where w^(1 - a) = (ρ u)^((1 - a) / b) and 1 / u = 1 + e^(-z). Nothing is singular within π of
    the real axis.
    """
    with mpmath.workdps(digits + 5):
        lambda_ = mpmath.mpf(covariance)
        rho = mpmath.mpf(regression)
        power = mpmath.mpf(a - 1) / b
        # w^b is this power of w-bar.
        per_layer = mpmath.mpf(b) / depth

        def logit(u):
            return mpmath.log(u) - mpmath.log1p(-u)

        first = logit(mpmath.mpf(init) ** per_layer / rho)
        last = logit(mpmath.mpf(fraction) ** per_layer)
        panels = mpmath.linspace(first, last, 2 + int((last - first) / 3))
        largest = (1 + mpmath.exp(-first)) ** power  # quad's tolerance is absolute
        integral = mpmath.quad(
            lambda z: (1 + mpmath.exp(-z)) ** power / largest, panels, method="gauss-legendre"
        )
        return 1 / (b * lambda_) * rho**-power * largest * integral


def levels_of(regression, depth, objective, fraction=0.8):
    """Return the strengths w-bar at which features count as learned."""
    return fraction * learning_times.asymptote(depth, regression, objective=objective)


def require_below(trial, init, fraction, depth, regression, objective):
    """Require that a feature starts below the fraction of its asymptote, by a per cent at least."""
    trial.require(
        init < 0.99 * levels_of(regression, depth, objective, fraction),
        "init must be below fraction * asymptote: else nothing is learned",
    )


def eigenvalues(jacobian):
    """Return the eigenvalues by decreasing real part, and a bound on the error of each, two arrays.
    To first order a simple eigenvalue is off by the rounding of the matrix over the cosine between
    its left and its right eigenvector.
    """
    values, left, right = eig(np.asarray(jacobian), left=True, right=True)
    cosines = np.abs(np.sum(left.conj() * right, axis=0))
    with np.errstate(divide="ignore"):
        errors = 3 * len(values) * 2.0**-53 * np.linalg.norm(jacobian) / cosines
    order = np.argsort(-values.real)
    return values[order], errors[order]


def require_apart(trial, value, margin, controls):
    """Return the controls, and require settings at which each of them differs from the value by
    more than twice the margin.
    """
    for name, rival in controls.items():
        differs = np.any(np.abs(np.asarray(rival) - value) > 2 * np.asarray(margin))
        trial.require(
            differs, f"settings must tell the claim from {name!r}: at these both predict the same"
        )
    return controls
