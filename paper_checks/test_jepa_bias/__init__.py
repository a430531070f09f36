"""Littwin, Saremi, Advani, Thilak, Nakkiran, Huang & Susskind 2024, "How JEPA Avoids Noisy Features: The Implicit Bias
of Deep Linear Self Distillation Networks", arXiv 2407.03475.

Its body could not be read: equation and theorem numbers are those that a public formalisation quotes, and no constant
is attributed to it. Closed forms meet solvers, quadrature in 30 digits and networks trained on both objectives. L is
the encoder's depth, epsilon the start and w-bar the strength of a feature, lambda the covariance of its two views, rho
its regression coefficient, p the fraction of the asymptote that counts as learned.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from sims import jepa_bias as observed

MOST_PROGRAMS = 160
"""Ceiling of the programs that the fast tier may ask XLA for in one process: more are seconds for nothing."""
MOST_SECONDS = 15
"""Ceiling of the seconds of the fast tier with its programs in the cache, half above what it takes."""

FORMALISATION = "as quoted by a public formalisation"
DERIVED = "derived here"

QUADRATURE_ERROR = 1e-11
"""Relative error of the simulator's quadrature of the scalar equation."""

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


def random_rotations(rng, dim, count):
    """Return orthogonal matrices."""
    return np.linalg.qr(rng.standard_normal((count, dim, dim)))[0]


def aligned_network(rng, weights, depth, objective):
    """Return a network whose factors are all `weights` on random features, and the features as columns.

    The predictor undoes the encoder's rotation, for MAE in the input space.
    """
    rotations = random_rotations(rng, len(weights), depth + 1)
    layers = np.stack([after * weights @ before.T for before, after in pairwise(rotations)])
    readout = rotations[-1] if objective == "jepa" else rotations[0]
    predictor = readout * weights @ rotations[-1].T
    return observed.Parameters(jnp.asarray(layers), jnp.asarray(predictor)), rotations[0]
