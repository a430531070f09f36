"""Littwin, Saremi, Advani, Thilak, Nakkiran, Huang & Susskind 2024, "How JEPA Avoids Noisy Features: The Implicit Bias
of Deep Linear Self Distillation Networks", arXiv 2407.03475.

Its body could not be read: equation and theorem numbers are those that a public formalisation quotes, and no constant
is attributed to it. Closed forms meet solvers, quadrature in 30 digits and networks trained on both objectives. L is
the encoder's depth, epsilon the start and w-bar the strength of a feature, lambda the covariance of its two views, rho
its regression coefficient, p the fraction of the asymptote that counts as learned.
"""

from itertools import pairwise
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from sims import jepa_bias as observed
from theory_on_trial import abstract, paper
from theory_on_trial.contract import Interval

MOST_PROGRAMS = 80
"""Ceiling of the programs that the fast tier may ask XLA for in one process: more are seconds for nothing."""
MOST_SECONDS = 15
"""Ceiling of the seconds of the fast tier with its programs in the cache, half above what it takes."""

HIGH_INFLUENCE = abstract(
    "in a simplified linear setting where both approaches learn similar representations, JEPAs are biased to learn "
    "high-influence features, i.e., features characterized by having high regression coefficients"
)
THEOREM = paper("Theorem 4.5, as a public formalisation quotes it")

Objective = Literal["jepa", "mae"]
"""What is predicted: the latent of the target, or the target itself."""
OBJECTIVES: tuple[Objective, Objective] = ("jepa", "mae")
_GOOD_TO = "the simulator's quadrature is good to eleven digits up to there"
Depth = Annotated[int, Interval(1, 8, why=_GOOD_TO)]
"""L."""
DeepDepth = Annotated[int, Interval(2, 8, why="expansions of two layers or more; " + _GOOD_TO)]
"""L from 2 on."""
Start = Annotated[float, Interval(1e-12, 1, why="times are as 1 / epsilon^2, the digits of a start in them")]
"""epsilon."""
Covariance = Annotated[float, Interval(1e-6, 1e6, why="it scales time alone")]
"""lambda."""
Regression = Annotated[float, Interval(0.1, 10, why="times are as its power 2L - 1")]
"""rho."""
Fraction = Annotated[float, Interval(0.01, 0.99, why="digits cancel where it is hardly above 0 or below 1")]
"""p."""
Ratio = Annotated[float, Interval(1.001, 10, why="of covariances that differ")]
"""kappa = lambda_1 / lambda_2."""
Problems = Annotated[int, Interval(1, 500, why="minutes")]
"""How many random problems are tried."""

HALVINGS = 2.0 ** np.arange(9, 14)
"""What 1 / epsilon^(1/L) is doubled to where a law in epsilon -> 0 is extrapolated."""
QUADRATURE_ERROR = 1e-11
"""Relative error of the simulator's quadrature of the scalar equation: at most 6e-13 in 300 problems, by 25 digits."""

_CELLS = 64


@jax.jit
def _rise_times(jepa, *cells):
    def time(objective):
        return jax.vmap(lambda *cell: observed.hitting_time_by_quadrature(*cell, objective=objective, clock="paper"))

    return jnp.where(jepa, time("jepa")(*cells), time("mae")(*cells))


def rise_times(fraction, depth, init, covariance, regression, objective):
    """Return by quadrature when features reach a fraction of their asymptotes, paper's clock; arguments broadcast."""
    cells = np.broadcast_arrays(*(np.asarray(cell, float) for cell in (fraction, depth, init, covariance, regression)))
    flat = np.stack([cell.ravel() for cell in cells])
    padding = -flat.shape[1] % _CELLS
    padded = np.pad(flat, ((0, 0), (0, padding)), mode="edge")
    blocks = np.split(padded, padded.shape[1] // _CELLS, axis=1)
    times = np.concatenate([np.asarray(_rise_times(objective == "jepa", *block)) for block in blocks])
    return times[: flat.shape[1]].reshape(cells[0].shape)


def exact_time(fraction, init, depth, covariance, regression, objective, digits=30):
    """Return the time to a fraction of the asymptote on the paper's clock, an mpmath number good to `digits` digits.

    In the logit z of u = (w-bar / asymptote)^(b/L), with b = 1 for JEPA and L + 1 for MAE, equations (7) and (8) read
    dt/dz = L w-bar^(-a) / (b lambda), a = 2 - 1/L or 1 - 1/L: nothing is singular within pi of the real axis.
    """
    import mpmath

    with mpmath.workdps(digits + 5):
        p, start, strength, rho = (mpmath.mpf(value) for value in (fraction, init, covariance, regression))
        b = 1 if objective == "jepa" else depth + 1
        power = mpmath.mpf(2 * depth - 1 if objective == "jepa" else depth - 1) / b  # a L / b
        share = mpmath.mpf(b) / depth
        first, last = (mpmath.log(u) - mpmath.log1p(-u) for u in (start**share / rho, p**share))
        panels = mpmath.linspace(first, last, 2 + int((last - first) / 3))
        largest = (1 + mpmath.exp(-first)) ** power  # quad's tolerance is absolute
        integral = mpmath.quad(lambda z: (1 + mpmath.exp(-z)) ** power / largest, panels, method="gauss-legendre")
        return depth / (b * strength) * rho**-power * largest * integral


def require_below(trial, init, fraction, depth, regression, objective):
    """Require that a feature starts below the fraction of its asymptote, by a per cent at least."""
    top = np.asarray(regression, float) ** (depth if objective == "jepa" else depth / (depth + 1))
    trial.require(init < 0.99 * fraction * top, "init must be below fraction * asymptote: else nothing is learned")


def apart(trial, value, margin, controls):
    """Return the controls; require settings at which each predicts something else, by more than twice the margin."""
    for name, wrong in controls.items():
        differs = np.any(np.abs(np.asarray(wrong) - value) > 2 * np.asarray(margin))
        trial.require(differs, f"settings must tell the claim from {name!r}: at these both predict the same")
    return controls


def random_rotations(rng, dim, count):
    """Return orthogonal matrices."""
    return np.linalg.qr(rng.standard_normal((count, dim, dim)))[0]


def rotation(angle):
    """Return the rotation of two features by an angle."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def aligned_network(rng, weights, depth, objective):
    """Return a network whose factors are all `weights` on random features, and the features as columns.

    The predictor undoes the encoder's rotation, for MAE in the input space.
    """
    rotations = random_rotations(rng, len(weights), depth + 1)
    layers = np.stack([after * weights @ before.T for before, after in pairwise(rotations)])
    readout = rotations[-1] if objective == "jepa" else rotations[0]
    predictor = readout * weights @ rotations[-1].T
    return observed.Parameters(layers, predictor), rotations[0]


def two_layers(objective, second, cross):
    """Return the flow of two layers and a predictor of two features, written by hand, for SciPy's solvers."""

    def slope(_, at):
        first, last, predictor = at.reshape(3, 2, 2)
        encoder = last @ first
        residual = (encoder @ cross if objective == "jepa" else cross) - predictor @ encoder @ second
        back = predictor.T @ residual
        return np.ravel([last.T @ back, back @ first.T, residual @ encoder.T])

    return slope
