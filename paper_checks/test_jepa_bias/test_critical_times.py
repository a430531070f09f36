"""Critical times as epsilon -> 0, and the depths at which nothing is learned."""

import mpmath
import numpy as np

from paper_checks.test_jepa_bias import DERIVED, FORMALISATION, exact_time, rise_times
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, ours

THEOREM = "theorem 4.5, " + FORMALISATION
PAPER = {"clock": "paper"}


@claim(ours(THEOREM + "; remainder derived here"), kind="limit")
def test_critical_jepa(trial, depths=(1, 2, 3, 5), inits=(1e-2, 1e-4, 1e-6), fraction=0.5, rho=0.7, lambda_=1.3):
    """JEPA's critical time is the power sum plus log(1/epsilon) / (lambda rho^(2L-1)) plus O(1), to the last digit."""
    depth, init = (cell.ravel() for cell in np.meshgrid(depths, inits))
    left = []
    for layers, start in zip(depth.tolist(), init.tolist(), strict=True):
        with mpmath.workdps(45):  # the sum takes up to thirteen digits away
            ratio, root = mpmath.mpf(rho), mpmath.mpf(start) ** (mpmath.mpf(1) / layers)
            powers = mpmath.fsum(layers / (n * ratio ** (2 * layers - n - 1) * root**n) for n in range(1, 2 * layers))
            time = exact_time(fraction, start, layers, lambda_, rho, "jepa", digits=40)
            left.append(float(time - powers / mpmath.mpf(lambda_)))
    unit = 1 / (lambda_ * rho ** (2 * depth - 1))
    remainder = predicted.jepa_remainder(fraction, init, depth, lambda_, rho, **PAPER)
    trial.identity(
        left,
        remainder,
        # Its 2L + 3 terms, the largest of them s^(-n) / n with s^L = p or the logarithms, all relative to `unit` L.
        ops=20 * max(depths),
        scale=unit * depth * (np.abs(np.log(init)) + 2 * depth / fraction**2),
        controls={
            "twice the logarithm": remainder - unit * np.log(init),
            "on the flow's clock": remainder / depth,
            "nothing left": np.zeros(len(left)),
        },
    )


@claim(ours(THEOREM), kind="limit")
def test_critical_jepa__leading(trial, halvings=(9, 10, 11, 12, 13), fraction=0.5, lambda_=1.3):
    """As epsilon -> 0 JEPA's time tends to L epsilon^(-(2L-1)/L) / ((2L-1) lambda), whatever rho is."""
    depth, rho = np.array([2, 2, 3, 3]), np.array([0.5, 1.5, 0.5, 1.5])
    root = 2.0 ** -np.array(halvings)[:, None]
    times = rise_times(fraction, depth, root**depth, lambda_, rho, "jepa")
    trial.limit(
        times * lambda_ * root ** (2 * depth - 1),
        2.0 ** np.array(halvings),
        depth / (2 * depth - 1),
        order=1,
        margin=0.01,
        controls={"proportional to 1 / rho": depth / (2 * depth - 1) / rho, "the power n = 1": np.zeros(4)},
    )


@claim(ours(THEOREM + "; constant and next term derived here"), kind="limit")
def test_critical_mae(trial, depths=(2, 3, 5), init=1e-4, fraction=0.5, rho=0.7, lambda_=1.3):
    """MAE's time is L epsilon^(-(L-1)/L) / ((L-1) lambda), a constant with rho, -L epsilon^(2/L) / (2 lambda rho)."""
    depth = np.array(depths)
    lead = predicted.mae_leading_time(init, depth, lambda_, **PAPER)
    constant = depth / lambda_ * rho ** (-(depth - 1) / (depth + 1)) * predicted.mae_constant(fraction, depth)
    next_term = predicted.mae_next_term(init, depth, lambda_, rho, **PAPER)
    exact = []
    for layers, power in zip(depths, constant, strict=True):
        with mpmath.workdps(40):
            exponent = mpmath.mpf(layers - 1) / layers
            first = mpmath.mpf(init) ** -exponent / (exponent * mpmath.mpf(lambda_))
            exact.append(float(exact_time(fraction, init, layers, lambda_, rho, "mae") - first - mpmath.mpf(power)))
    neglected = 2 / (depth + 3) * init ** ((depth + 1) / depth) / rho
    trial.value(
        exact / next_term,
        np.ones(len(depths)),
        # The constant is known to a few roundings; the next term is what they are compared with.
        error=np.abs(50 * 2.0**-53 * constant / next_term),
        slack=1.1 * neglected,
        margin=0.01,
        controls={
            "lead epsilon^(1/(2L) - 1)": 1 + lead * (1 - init ** (-1 / (2 * depth))) / next_term,
            "lead without L / (L-1)": 1 + lead / depth / next_term,
            "the end of the expansion": np.zeros(len(depths)),
        },
    )


@claim(ours(THEOREM + "; constant derived here"), kind="limit")
def test_critical_mae__shallow(trial, init=1e-6, fraction=0.5, lambda_=1.3):
    """At L = 1 MAE's time is [log(1/epsilon) + log(rho) / 2 + log p - log(1 - p^2) / 2] / lambda."""
    rho = np.array([0.5, 1.5])
    exact = [float(exact_time(fraction, init, 1, lambda_, ratio, "mae")) for ratio in rho]
    lead = predicted.mae_leading_time(init, 1, lambda_, **PAPER)
    constant = predicted.mae_constant(fraction, 1) / lambda_
    trial.value(
        exact,
        lead + constant + np.log(rho) / (2 * lambda_),
        error=1e-14,
        slack=-1.1 * predicted.mae_next_term(init, 1, lambda_, rho, **PAPER) + 1e-14,
        margin=1e-9,
        controls={"without rho": np.full(2, lead + constant), "lead alone": np.full(2, lead)},
    )


@claim(ours(DERIVED), kind="identity")
def test_depth_cap(trial, rho=0.2, fraction=0.5):
    """Features start below p w-bar(infinity) up to depth ln(p/epsilon) / ln(1/rho), and decay beyond that of p = 1."""
    cells = [("jepa", 1e-3, depth) for depth in (2, 3, 4, 5)] + [("mae", 0.25, depth) for depth in (5, 6, 7)]
    cells += [("mae", 0.15, depth) for depth in (2, 3)]
    grows, below = [], []
    for objective, init, depth in cells:
        times = np.array([1e2, 1e4, 1e9, 1e11])
        strength = np.asarray(observed.simulate_flow(depth, init, 1.0, rho, times, objective=objective, clock="paper"))
        grows.append(int(np.sign(strength[1] - init)))
        below.append(int(init < fraction * strength[-1]))

    def within(p):
        return np.array([depth <= predicted.depth_cap(init, p, rho, objective=o) for o, init, depth in cells])

    trial.identity(
        grows,
        np.where(within(1.0), 1, -1),
        ops=0,
        controls={"decays as soon as the target is below the start": np.where(within(fraction), 1, -1)},
    )
    trial.identity(
        below,
        within(fraction).astype(int),
        ops=0,
        controls={"as long as it grows": within(1.0).astype(int)},
    )
