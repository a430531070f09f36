"""Which of two features is learned first, and by how much: JEPA overturns the order of λ at finite
ε, and no longer as ε -> 0.
"""

from fractions import Fraction as Exactly
from typing import Annotated

import numpy as np

from paper_checks.test_jepa_bias import (
    HALVINGS,
    HIGH_INFLUENCE,
    OBJECTIVES,
    QUADRATURE_ERROR,
    DeepDepth,
    Depth,
    Fraction,
    Objective,
    Ratio,
    Regression,
    apart,
    require_below,
    rise_times,
)
from theory.jepa_bias import learning_order, learning_times
from theory_on_trial import balls, claim, derived
from theory_on_trial.contract import Interval


@claim(
    HIGH_INFLUENCE,
    kind="rate",
    cases=[
        ("jepa", 2, 0.5),
        ("jepa", 3, 0.5),
        ("jepa", 5, 0.5),
        ("mae", 2, 0.5),
        ("mae", 3, 0.5),
        ("mae", 3, 0.9),  # K is positive
    ],
)
def test_greedy_rho(
    trial,
    objective: Objective,
    depth: DeepDepth,
    fraction: Fraction,
    rho_low: Regression = 0.45,
    rho_high: Regression = 1.0,
):
    """Let w be the strength of each of L encoder layers on a feature of covariance λ and regression
    coefficient ρ, with w' = λ w^(2 L) (1 - w / ρ) in JEPA and w' = λ w^L (1 - w^(L+1) / ρ) in a
    masked autoencoder (MAE). Let two features have the same λ and ρ' < ρ, and let R be the ratio of
    the times, that of ρ' over that of ρ, at which w^L from ε reaches the share p of its asymptote.
    For L >= 2 and small ε, to leading order, R - 1 is (2 L - 1) / (2 L - 2) (1 / ρ' - 1 / ρ)
    ε^(1/L) in JEPA and (L - 1) K (ρ'^(-r) - ρ^(-r)) ε^((L-1)/L) in MAE, where r = (L - 1) / (L + 1)
    and K depends on L and p alone, is negative for small p and positive for p near 1.

    So MAE is late with the larger ρ at small shares, and early at large ones.
    """
    require_unequal(trial, rho_low, rho_high)
    if objective == "mae":
        trial.require(
            depth < 4,
            "depth must be 2 or 3 for MAE: deeper, the law drowns in rounding before it is seen",
        )
        trial.require(
            np.abs(learning_times.mae_constant(fraction, depth)) > 0.1,
            "fraction must not be near the zero of K for MAE",
        )
    # 1 / ε^power doubles; at depth two the terms that follow are larger, starts are smaller there.
    doubles = HALVINGS * (16 if depth == 2 else 1)
    power, rival = (1 / depth, 1 - 1 / depth)[:: 1 if objective == "jepa" else -1]
    init = doubles ** (-1 / power)
    for rho in (rho_low, rho_high):
        require_below(trial, init.max(), fraction, depth, rho, objective)
    slow, fast = (
        rise_times(fraction, init, depth, 1.0, rho, objective) for rho in (rho_low, rho_high)
    )
    law = float(
        learning_order.greedy_excess(
            depth, init[0], rho_high, rho_low, objective=objective, fraction=fraction
        )
    )
    prefactor = law * doubles[0]
    margin = 0.005 * np.abs(prefactor)
    controls = {"1 / ρ' - 1 / ρ": 1 / rho_low - 1 / rho_high, "no effect of ρ": 0.0}
    if depth > 2:  # at L = 2 both powers are one half
        controls["the other objective's power of ε"] = law * init[0] ** -rival
    trial.limit(
        (slow / fast - 1) * doubles,
        doubles,
        prefactor,
        order=1,
        margin=margin,
        controls=apart(trial, prefactor, margin, controls),
    )


def require_unequal(trial, rho_low, rho_high):
    """Require that one regression coefficient is well above the other, which JEPA prefers."""
    trial.require(
        rho_low < 0.9 * rho_high,
        "rho_low must be below 0.9 rho_high: nothing distinguishes equal features",
    )


RATIO = derived(
    "λ times the learning time does not depend on λ, so that the order turns where the "
    "ratio of these products is that of the λ"
)


def leads(kappa, fraction, depth, init, rhos, objective="jepa"):
    """+1 where feature 2 is learned first, -1 where feature 1 is, by quadrature; arguments
    broadcast.
    """
    first = rise_times(fraction, init, depth, kappa, rhos[0], objective)
    second = rise_times(fraction, init, depth, 1.0, rhos[1], objective)
    return np.sign(first - second).astype(int)


def window(trial, kappa, depth, fraction, rhos):
    """Return the window of ε in which JEPA overturns κ; require that there is one."""
    require_unequal(trial, *rhos)
    _, largest = learning_order.boundary_maximiser(depth, fraction, *rhos)
    trial.require(
        kappa - 1 < 0.99 * (largest - 1),
        "kappa must be below the largest ratio that JEPA overturns at this depth and fraction",
    )
    return np.array(learning_order.inversion_window(kappa, depth, fraction, *rhos))


@claim(RATIO, kind="identity", cases=OBJECTIVES)
def test_order_inversion(
    trial, objective: Objective, rho_1: Regression = 0.5, rho_2: Regression = 1.0
):
    """Let λ be the covariance of the two views of a feature and ρ its regression coefficient. For
    features 1 and 2 with λ_1 > λ_2 and ρ_1 < ρ_2, let T(ρ) be the time at λ = 1 at which a feature
    reaches the share p of its asymptote from the start ε in JEPA of L layers. JEPA learns feature 2
    first if and only if λ_1 / λ_2 < T(ρ_1) / T(ρ_2).
    """
    require_unequal(trial, rho_1, rho_2)
    grid = np.meshgrid(
        [0.5, 0.9], [1, 2, 3, 5, 8], [1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8], indexing="ij"
    )
    p, depth, init = (cell.ravel() for cell in grid)
    lowest = np.minimum(
        *(learning_times.asymptote(depth, rho, objective=objective) for rho in (rho_1, rho_2))
    )
    p, depth, init = (cell[init < 0.99 * p * lowest] for cell in (p, depth, init))
    first, second = (rise_times(p, init, depth, 1.0, rho, objective) for rho in (rho_1, rho_2))
    boundary = learning_order.order_boundary(depth, init, p, rho_1, rho_2, objective=objective)
    controls = {"ρ_1 and ρ_2 exchanged": 1 / boundary}
    trial.value(
        first / second,
        boundary,
        error=3 * QUADRATURE_ERROR * boundary,
        margin=1e-9 * boundary,
        controls=controls,
    )


@claim(
    RATIO,
    cases=[
        (0.5, 2, 0.5, 0.5, 1.0),
        (0.1, 5, 0.5, 0.5, 1.0),
        (0.7, 1, 0.9, 0.5, 1.0),
        (0.9, 3, 0.5, 2.0, 4.0),
        (0.2, 5, 0.9, 0.5, 1.0),
        (0.1, 8, 0.9, 0.5, 1.0),
    ],
)
def test_order_inversion__window(
    trial,
    share: Annotated[
        float, Interval(0.01, 0.98, why="where the window is neither below float64 nor closed")
    ],
    depth: Depth,
    fraction: Fraction,
    rho_1: Regression,
    rho_2: Regression,
    off: Annotated[
        float, Interval(1e-4, 0.1, why="nearer, a solver does not tell the two sides")
    ] = 0.005,
):
    """Let λ be the covariance of the two views of a feature and ρ its regression coefficient. For
    features 1 and 2 with λ_1 > λ_2 and ρ_1 < ρ_2, let T(ρ) be the time at λ = 1 at which a feature
    reaches the share p of its asymptote from the start ε in JEPA of L layers. For a given ratio λ_1
    / λ_2 below the largest value of T(ρ_1) / T(ρ_2) over ε, JEPA learns feature 2 first only for
    starts ε in one interval.

    `share` is how far the ratio is from 1 to this largest value, `off` how far from both edges it
    is tried, relative to them.
    """
    require_unequal(trial, rho_1, rho_2)
    rhos = (rho_1, rho_2)
    _, largest = learning_order.boundary_maximiser(depth, fraction, *rhos)
    kappa = 1 + share * (float(largest) - 1)
    trial.require(
        kappa > 1.001,
        "the largest Phi must exceed one by a thousandth: else no ratio is overturned",
    )
    low, high = window(trial, kappa, depth, fraction, rhos)
    inits = np.array([low * (1 - off), low * (1 + off), high * (1 - off), high * (1 + off)])
    trial.require(
        inits[1] < inits[2] and inits[3] < 0.99 * fraction * rho_1**depth,
        "off must fit into the window",
    )
    controls = {"whatever ε is small enough": [1, 1, 1, -1], "JEPA by ρ": [1, 1, 1, 1]}
    trial.identity(
        leads(kappa, fraction, depth, inits, rhos), [-1, 1, 1, -1], ops=0, controls=controls
    )


@claim(
    derived(
        "partial fractions of the integrals for the times, at ρ = 1/2 and 1, enclosed by ball"
        " arithmetic"
    ),
    cases=[(2, 0.5), (3, 0.5), (5, 0.5), (5, 0.9)],
)
def test_largest_ratio__everywhere(
    trial,
    depth: Annotated[int, Interval(2, 6)],
    fraction: Annotated[float, Interval(0.1, 0.9)],
):
    """Let λ be the covariance of the two views of a feature and ρ its regression coefficient. For
    two features with λ_1 > λ_2, ρ_1 = 1/2 and ρ_2 = 1, let T(ρ) be the time at λ = 1 at which a
    feature reaches the share p of its asymptote from the start ε in JEPA of L layers. For all ε
    from 1e-8 to nine tenths of the largest possible start, T(ρ_1) / T(ρ_2) is at most its largest
    value, which is given to four digits.

    JEPA reverses no ratio λ_1 / λ_2 above it.
    """
    _, largest = learning_order.boundary_maximiser(depth, fraction, 0.5, 1.0)

    def time(start):
        """s^c times the integral of x^(-c-1) / (1 - x) from s to p^(1/L), c = 2 L - 1."""
        power = 2 * depth - 1
        end = balls.exp(balls.log(Exactly(fraction)) / depth)

        def logarithm(x):
            return balls.log(x / (1 - x))

        rest = sum(start ** (power - k) / k for k in range(1, power + 1))
        ended = logarithm(end) - sum(end**-k / k for k in range(1, power + 1))
        return start**power * (ended - logarithm(start)) + rest

    def ratio(epsilon):
        start = balls.exp(balls.log(epsilon) / depth)
        return time(2 * start) / time(start)

    def theory(epsilon):
        return learning_order.order_boundary(depth, epsilon, fraction, 0.5, 1.0)

    bound = 1.0001 * float(largest)
    less = 1 + 0.9 * (float(largest) - 1)
    trial.prove(
        ratio,
        lambda epsilon: bound,
        {"epsilon": (1e-8, 0.9 * fraction * 0.5**depth)},
        same_as=(theory, None),
        controls={"a tenth of the excess less": lambda epsilon: less},
    )


@claim(RATIO, kind="limit", cases=[(1.1, 3), (1.01, 2), (1.3, 5)])
def test_lambda_dominates(
    trial,
    kappa: Ratio,
    depth: DeepDepth,
    fraction: Fraction = 0.5,
    rho_1: Regression = 0.5,
    rho_2: Regression = 1.0,
):
    """Let λ be the covariance of the two views of a feature and ρ its regression coefficient. For
    two features with λ_1 > λ_2 and ρ_1 < ρ_2, JEPA learns feature 2 first at moderate starts ε, and
    feature 1 at small ones. From small starts a masked autoencoder learns feature 1 first, too.
    """
    rhos = (rho_1, rho_2)
    low, high = window(trial, kappa, depth, fraction, rhos)
    inits = np.array([np.sqrt(low * high), 0.01 * low])
    by_mae = learning_order.order_boundary(depth, inits[1], fraction, *rhos, objective="mae")
    trial.require(by_mae < kappa, "kappa must be above MAE's own ratio at the small epsilon")
    by_jepa = leads(kappa, fraction, depth, inits, rhos)
    signs = [*by_jepa, *leads(kappa, fraction, depth, inits[1:], rhos, "mae")]
    controls = {"JEPA always orders by ρ": [1, 1, -1], "JEPA always orders by λ": [-1, -1, -1]}
    trial.identity(signs, [1, -1, -1], ops=0, controls=controls)
