"""Times to learn a feature, by quadrature and in 30 digits, and what settings must be to tell
claims on them.
"""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np

from sims import jepa_bias as observed

HALVINGS = 2.0 ** np.arange(9, 14)
"""What 1 / ε^(1/L) is doubled to where a law in ε -> 0 is extrapolated."""
QUADRATURE_ERROR = 1e-11
"""Relative error of the simulator's quadrature of the scalar equation: at most 6e-13 in 300
problems, by 25 digits.
"""
_CELLS = 64


@jax.jit
def _rise_times(jepa, *cells):
    def time(objective):
        return jax.vmap(
            lambda *cell: observed.hitting_time_by_quadrature(
                *cell, objective=objective, clock="paper"
            )
        )

    return jnp.where(jepa, time("jepa")(*cells), time("mae")(*cells))


def rise_times(fraction, depth, init, covariance, regression, objective):
    """Return by quadrature when features reach a fraction of their asymptotes, paper's clock;
    arguments broadcast.
    """
    cells = np.broadcast_arrays(
        *(np.asarray(cell, float) for cell in (fraction, depth, init, covariance, regression))
    )
    flat = np.stack([cell.ravel() for cell in cells])
    padding = -flat.shape[1] % _CELLS
    padded = np.pad(flat, ((0, 0), (0, padding)), mode="edge")
    blocks = np.split(padded, padded.shape[1] // _CELLS, axis=1)
    times = np.concatenate(
        [np.asarray(_rise_times(objective == "jepa", *block)) for block in blocks]
    )
    return times[: flat.shape[1]].reshape(cells[0].shape)


def exact_time(fraction, init, depth, covariance, regression, objective, digits=30):
    """Return the time to a fraction of the asymptote on the paper's clock, an mpmath number good to
    `digits` digits: equations (7) and (8).
    """
    a, b = (2 * depth, 1) if objective == "jepa" else (depth, depth + 1)
    return exact_passage_time(fraction, init, depth, a, b, covariance, regression, digits)


def exact_passage_time(fraction, init, depth, a, b, covariance, regression, digits=30):
    """Return the time, as `exact_time`, of the flow w' = w^a (λ - w^b σ^2) of every layer.

    In the logit z of u = w^b / ρ it reads dt/dz = L w^(1 - a) / (b λ) on the paper's clock: nothing
    is singular within π of the real axis.
    """
    with mpmath.workdps(digits + 5):
        p, start, strength, rho = (
            mpmath.mpf(value) for value in (fraction, init, covariance, regression)
        )
        power = mpmath.mpf(a - 1) / b
        share = mpmath.mpf(b) / depth
        first, last = (mpmath.log(u) - mpmath.log1p(-u) for u in (start**share / rho, p**share))
        panels = mpmath.linspace(first, last, 2 + int((last - first) / 3))
        largest = (1 + mpmath.exp(-first)) ** power  # quad's tolerance is absolute
        integral = mpmath.quad(
            lambda z: (1 + mpmath.exp(-z)) ** power / largest, panels, method="gauss-legendre"
        )
        return depth / (b * strength) * rho**-power * largest * integral


def require_below(trial, init, fraction, depth, regression, objective):
    """Require that a feature starts below the fraction of its asymptote, by a per cent at least."""
    top = np.asarray(regression, float) ** (depth if objective == "jepa" else depth / (depth + 1))
    trial.require(
        init < 0.99 * fraction * top,
        "init must be below fraction * asymptote: else nothing is learned",
    )


def apart(trial, value, margin, controls):
    """Return the controls; require settings at which each predicts something else, by more than
    twice the margin.
    """
    for name, rival in controls.items():
        differs = np.any(np.abs(np.asarray(rival) - value) > 2 * np.asarray(margin))
        trial.require(
            differs, f"settings must tell the claim from {name!r}: at these both predict the same"
        )
    return controls
