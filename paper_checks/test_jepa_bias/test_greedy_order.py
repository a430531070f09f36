"""Two features that differ in lambda alone, or in rho alone: which is learned first, and by how much."""

import mpmath
import numpy as np

from paper_checks.test_jepa_bias import DERIVED, FORMALISATION, QUADRATURE_ERROR, exact_time, rise_times
from theory import jepa_bias as predicted
from theory_on_trial import claim, ours

THEOREM = "theorem 4.5, " + FORMALISATION
PAPER = {"clock": "paper"}


@claim(ours(THEOREM + ", corollary; exact form derived here"), kind="identity")
def test_greedy_lambda(trial, n_problems=64):
    """At equal rho the times of both objectives are as 1 / lambda, exactly, at every epsilon, p and L."""
    rng = trial.generator("problems")
    depth = rng.integers(1, 7, n_problems)
    rho, p = rng.uniform(0.5, 1.5, n_problems), rng.uniform(0.1, 0.9, n_problems)
    lambda_, other = rng.uniform(0.3, 1, n_problems), rng.uniform(1.1, 3, n_problems)
    init = p * rho**depth * 10.0 ** -rng.uniform(1, 3, n_problems) * np.minimum(1, 1 / rho) ** depth
    for objective in ("jepa", "mae"):
        times = rise_times(p, depth, init, np.stack([lambda_, other]), rho, objective)
        exact = predicted.critical_time(p, init, depth, lambda_, rho, objective=objective, **PAPER) / times[1]
        trial.identity(
            times[0] / times[1],
            other / lambda_,
            ops=2000,  # 168 panels of five nodes each, all positive
            scale=other / lambda_,
            controls={"as lambda^(-1/2)": np.sqrt(other / lambda_)},
        )
        trial.value(
            exact,
            other / lambda_,
            error=2 * QUADRATURE_ERROR * exact,
            margin=1e-9 * exact,
            controls={"as 1 / lambda^2": (other / lambda_) ** 2},
        )


@claim(ours(THEOREM + ", corollary; explicit form derived here"), kind="rate")
def test_greedy_rho(trial, rho_low=0.5, rho_high=1.0, fraction=0.5, halvings=(7, 8, 9, 10, 11)):
    """At equal lambda t*(rho') / t*(rho) of JEPA exceeds one by (2L-1)/(2L-2) (1/rho' - 1/rho) epsilon^(1/L).

    MAE's differs from one by (L-1) K_L(p) (rho'^(-q) - rho^(-q)) epsilon^((L-1)/L), q = (L-1)/(L+1), of either sign.
    """
    sizes, rhos = 2.0 ** np.array(halvings), np.array([rho_low, rho_high])[:, None]
    for objective, depth in (("jepa", np.array([2, 3, 5])), ("mae", np.array([2, 3]))):
        power = (1 if objective == "jepa" else depth - 1) / depth
        init = sizes[:, None] ** (-1 / power)
        times = rise_times(fraction, depth, init[:, None], 1.0, rhos, objective)
        expansion = [
            predicted.greedy_ratio_expansion(
                int(layers), start, rho_high, rho_low, objective=objective, fraction=fraction
            )
            for layers, start in zip(depth, init[0], strict=True)
        ]
        prefactor = (np.array(expansion) - 1) * sizes[0]
        contrast = 1 / rho_low - 1 / rho_high
        trial.limit(
            (times[:, 0] / times[:, 1] - 1) * sizes[:, None],
            sizes,
            prefactor,
            order=1,
            margin=0.02 * np.abs(prefactor),
            controls={"1 / rho' - 1 / rho": np.full(len(depth), contrast), "blind to rho": np.zeros(len(depth))},
        )


@claim(ours(THEOREM + ", corollary; explicit form derived here"), kind="rate")
def test_greedy_rho__slopes(trial, rho_low=0.5, rho_high=1.0, fraction=0.5):
    """The preference for rho falls as epsilon^(1/L) with JEPA, which depth slows, as epsilon^((L-1)/L) with MAE."""
    init = np.array([1e-6, 1e-8, 1e-10, 1e-12])
    for objective in ("jepa", "mae"):
        for depth in (2, 3):
            times = rise_times(fraction, depth, init[:, None], 1.0, np.array([rho_low, rho_high]), objective)
            jepa, mae = 1 / depth, (depth - 1) / depth
            right, wrong = (jepa, mae) if objective == "jepa" else (mae, jepa)
            # At L = 2 both slopes are one half.
            controls = {"the other objective's": -wrong} if depth == 3 else {"epsilon": -1.0}
            trial.order(
                np.abs(times[:, 0] / times[:, 1] - 1),
                1 / init,
                -right,
                rounding=3 * QUADRATURE_ERROR,
                margin=0.01,
                controls=controls,
            )


@claim(ours("only deep encoders prefer rho (abstract); explicit form derived here"), kind="rate")
def test_greedy_rho__shallow(trial, rho_low=0.5, rho_high=1.0, fraction=0.5, init=1e-120):
    """At L = 1 JEPA's preference is (1/rho' - 1/rho) epsilon log(1/epsilon), and MAE learns the larger rho later."""
    digits = 15 - int(np.log10(init))  # JEPA's preference is of the size of the start
    with mpmath.workdps(digits + 15):
        excess = {}
        for objective in ("jepa", "mae"):
            slow, fast = (
                exact_time(fraction, init, 1, 1.0, rho, objective, digits=digits) for rho in (rho_low, rho_high)
            )
            excess[objective] = slow / fast - 1
        contrast = mpmath.mpf(1) / rho_low - mpmath.mpf(1) / rho_high
        jepa = float(excess["jepa"] / (contrast * mpmath.mpf(init) * -mpmath.log(init)))
        mae = float(excess["mae"])
    log_start = -np.log(init)
    # Both expansions are in 1 / log(1/epsilon); the constants that multiply it are the exact remainders.
    left = [
        float(predicted.jepa_remainder(fraction, init, 1, 1.0, rho, **PAPER)) - log_start / rho
        for rho in (rho_low, rho_high)
    ]
    neglected = abs(left[0] - left[1]) / (float(contrast) * log_start)
    trial.value(
        jepa,
        1.0,
        error=1e-12,
        slack=1.01 * neglected,
        margin=0.03,
        controls={"without the logarithm": 1 / log_start, "prefactor (2L-1)/(2L-2) of L = 2": 1.5},
    )
    shift = np.log(rho_high / rho_low) / (2 * log_start)
    late = abs(float(predicted.mae_constant(fraction, 1))) + abs(np.log(rho_low))
    expansion = predicted.greedy_ratio_expansion(1, init, rho_high, rho_low, objective="mae", fraction=fraction)
    trial.value(
        mae,
        expansion - 1,
        error=1e-15,
        slack=shift * late / (log_start - late),
        margin=0.03 * shift,
        controls={"JEPA's sign": shift, "blind to rho": 0.0},
    )


@claim(ours(DERIVED), kind="identity")
def test_mae_sign(trial, depths=(2, 3, 4), rho_low=0.5, rho_high=1.0, off=0.02, init=1e-10):
    """MAE reaches p earlier for the larger rho iff p exceeds the zero p*_L of K_L, which is not 1/2 in general."""
    depth = np.array(depths)
    threshold = np.array([predicted.sign_threshold(layers) for layers in depths])
    p = threshold + np.array([[-off], [off]])
    times = rise_times(p, depth, init, 1.0, np.array([rho_low, rho_high])[:, None, None], "mae")
    sign = np.where(p > threshold, 1, -1)
    trial.identity(
        np.sign(times[0] - times[1]).astype(int),
        sign,
        ops=0,
        controls={"p* = 1/2": np.where(p > 0.5, 1, -1), "the smaller rho is always first": -np.ones((2, 3), int)},
    )
    # With epsilon this small what follows the constant moves the zero by less than epsilon^(2/L) = 1e-15.
    tiny, near = mpmath.mpf(10) ** -30, 1e-9
    measured = []
    for layers, zero in zip(depths, threshold, strict=True):
        for side in (-near, near):
            slow, fast = (
                exact_time(zero + side, tiny, layers, 1, rho, "mae", digits=50) for rho in (rho_low, rho_high)
            )
            measured.append(int(mpmath.sign(slow - fast)))
    trial.identity(
        measured,
        np.tile([-1, 1], len(depths)),
        ops=0,
        controls={"p* = 1/2": np.repeat(np.where(threshold > 0.5, 1, -1), 2)},
    )
