"""Littwin, Saremi, Advani, Thilak, Nakkiran, Huang & Susskind 2024, "How JEPA Avoids Noisy
Features: The Implicit Bias of Deep Linear Self Distillation Networks", arXiv 2407.03475.

Its body could not be read: equation and theorem numbers are those that a public formalisation
quotes, and no constant is attributed to it. Closed forms meet solvers, quadrature in 30 digits and
networks trained on both objectives. L is the encoder's depth, ε the start and w-bar the strength of
a feature, λ the covariance of its two views, ρ its regression coefficient, p the fraction of the
asymptote that counts as learned.

Abstract:

- Sentence 2: similar inputs are encoded so that one predicts the other. Holds at a smaller scale:
  gen_static, gen_masking, gen_temporal. In three models of pairs whose covariances are known.
- Sentence 3: in self-distillation an online encoder predicts the output of a target encoder, with a
  light predictor. Holds: ode_jepa, no_sg_collapse, unbalanced_init, moving_target,
  moving_target-frozen, moving_target-displacement, deep_predictor. Of linear layers: a target
  behind a stop-gradient or a moving average, a predictor of one layer or several.
- Sentence 4: a masked autoencoder reconstructs the data instead. Holds: ode_mae, exact_time_mae,
  critical_mae.
- Sentence 5: the latent objective prefers abstract features to unpredictable detail. In part:
  gen_static, gen_temporal-order. Noise lowers the regression coefficient; nothing like pixels is
  tried.
- Sentence 6: the dynamics of deep linear models show the mechanism. Holds: ode_jepa, ode_mae,
  exact_time_mae, gd_matches_ode, balance_conserved.
- Sentence 7, first half: in a simplified linear setting both objectives learn similar
  representations. Holds: fixed_points, nondiag_spectrum-solved.
- Sentence 7, second half: JEPA prefers features of a high regression coefficient. Holds:
  greedy_rho, greedy_rho-slopes, order_inversion, lambda_dominates, permanent_order, narrow. With
  fewer latents than features it ends with them alone. Not for arbitrarily small starts, where the
  covariance decides what comes first, and less with a deeper predictor
  (`deep_predictor-preference`).
- Sentence 8: the bias may explain the success in practice. In part: relu. In a ReLU encoder with
  two latents and stochastic gradients, at the end of training; nothing like images is tried.
"""

from itertools import pairwise
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from sims import jepa_bias as observed
from theory_on_trial import abstract, paper
from theory_on_trial.contract import Interval

HIGH_INFLUENCE = abstract(
    "in a simplified linear setting where both approaches learn similar representations, JEPAs "
    "are biased to learn "
    "high-influence features, i.e., features characterized by having high regression coefficients"
)
THEOREM = paper("Theorem 4.5, as a public formalisation quotes it")

Objective = Literal["jepa", "mae"]
"""What is predicted: the latent of the target, or the target itself."""
OBJECTIVES: tuple[Objective, Objective] = ("jepa", "mae")
_GOOD_TO = "the simulator's quadrature is good to eleven digits up to there"
Depth = Annotated[int, Interval(1, 8, why=_GOOD_TO)]
DeepDepth = Annotated[int, Interval(2, 8, why="expansions of two layers or more; " + _GOOD_TO)]
Start = Annotated[
    float, Interval(1e-12, 1, why="times are as 1 / ε^2, the digits of a start in them")
]
Covariance = Annotated[float, Interval(1e-6, 1e6, why="it scales time alone")]
Regression = Annotated[float, Interval(0.1, 10, why="times are as its power 2L - 1")]
Fraction = Annotated[
    float, Interval(0.01, 0.99, why="digits cancel where it is hardly above 0 or below 1")
]
Ratio = Annotated[float, Interval(1.001, 10, why="of covariances that differ")]
"""κ = λ_1 / λ_2."""
Problems = Annotated[int, Interval(1, 500, why="minutes")]


def random_rotations(rng, dim, count):
    """Return orthogonal matrices."""
    return np.linalg.qr(rng.standard_normal((count, dim, dim)))[0]


def rotation(angle):
    """Return the rotation of two features by an angle."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def aligned_network(rng, weights, depth, objective):
    """Return a network whose factors are all `weights` on random features, and the features as
    columns. The predictor undoes the encoder's rotation, for MAE in the input space.
    """
    rotations = random_rotations(rng, len(weights), depth + 1)
    layers = np.stack([after * weights @ before.T for before, after in pairwise(rotations)])
    readout = rotations[-1] if objective == "jepa" else rotations[0]
    predictor = readout * weights @ rotations[-1].T
    return observed.Parameters(layers, predictor), rotations[0]


def two_layers(objective, second, cross):
    """Return the flow of two layers and a predictor of two features, written by hand, for SciPy's
    solvers.
    """

    def slope(_, at):
        first, last, predictor = at.reshape(3, 2, 2)
        encoder = last @ first
        residual = (
            encoder @ cross if objective == "jepa" else cross
        ) - predictor @ encoder @ second
        back = predictor.T @ residual
        return np.ravel([last.T @ back, back @ first.T, residual @ encoder.T])

    return slope
