"""Which of two features is learned first, and by how much: JEPA overturns the order of λ at finite
ε, and no longer as ε -> 0.
"""

from fractions import Fraction as Exactly
from typing import Annotated

import numpy as np

from paper_checks.test_jepa_bias import (
    DOUBLINGS,
    OBJECTIVES,
    QUADRATURE_ERROR,
    Depth,
    DepthFromTwo,
    Fraction,
    Objective,
    Regression,
    require_apart,
    require_below,
    rise_times,
)
from theory.jepa_bias import learning_order, learning_times
from theory_on_trial import balls, claim, derived, tried
from theory_on_trial.contract import Interval

Ratio = Annotated[float, Interval(1.001, 10, why="of covariances that differ")]
"""κ = λ_1 / λ_2."""


@claim(
    tried(
        "abstract, sentence 7: JEPAs are biased to learn features of high regression coefficients",
        "the advantage to leading order, at one covariance",
    ),
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
    depth: DepthFromTwo,
    fraction: Fraction,
    rho_low: Regression = 0.45,
    rho_high: Regression = 1.0,
):
    """Let $w$ be the strength of each of $L$ encoder layers on a feature of covariance $λ$ and
    regression coefficient $ρ$, with $w' = λ w^(2 L) (1 - w / ρ)$ in JEPA and
    $w' = λ w^L (1 - w^(L+1) / ρ)$ in a masked autoencoder (MAE). Let two features have the same $λ$
    and $ρ' < ρ$, and let $R$ be the ratio of the times, that of $ρ'$ over that of $ρ$, at which
    $w^L$ from $ε$ reaches the share $p$ of its asymptote. For $L >= 2$ and small $ε$, to leading
    order, $R - 1$ is $((2 L - 1) / (2 L - 2)) (1 / ρ' - 1 / ρ) ε^(1/L)$ in JEPA and
    $(L - 1) K (ρ'^(-r) - ρ^(-r)) ε^((L-1)/L)$ in MAE, where $r = (L - 1) / (L + 1)$ and $K$ depends
    on $L$ and $p$ alone, is negative for small $p$ and positive for $p$ near 1.

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
    # R - 1 goes like ε^power. At depth two the terms that follow are larger: starts are smaller.
    power = 1 / depth if objective == "jepa" else 1 - 1 / depth
    inverse_powers = DOUBLINGS * (16 if depth == 2 else 1)
    init = inverse_powers ** (-1 / power)
    for rho in (rho_low, rho_high):
        require_below(trial, init.max(), fraction, depth, rho, objective)
    times_low = rise_times(fraction, init, depth, 1.0, rho_low, objective)
    times_high = rise_times(fraction, init, depth, 1.0, rho_high, objective)
    largest_excess = float(
        learning_order.greedy_excess(
            depth, init[0], rho_high, rho_low, objective=objective, fraction=fraction
        )
    )
    prefactor = largest_excess * inverse_powers[0]
    margin = 0.005 * np.abs(prefactor)
    controls = {
        "the prefactor $1 / ρ' - 1 / ρ$": 1 / rho_low - 1 / rho_high,
        "no effect of $ρ$": 0.0,
    }
    if depth > 2:  # at L = 2 both powers are one half
        other_power = 1 - 1 / depth if objective == "jepa" else 1 / depth
        controls["the other objective's power of $ε$"] = largest_excess * init[0] ** -other_power
    trial.limit(
        (times_low / times_high - 1) * inverse_powers,
        inverse_powers,
        prefactor,
        order=1,
        margin=margin,
        controls=require_apart(trial, prefactor, margin, controls),
    )


def require_unequal(trial, rho_low, rho_high):
    """Require that the larger regression coefficient is well above the smaller one."""
    trial.require(
        rho_low < 0.9 * rho_high,
        "rho_low must be below 0.9 rho_high: nothing distinguishes equal features",
    )


RATIO = derived(
    "$λ$ times the learning time does not depend on $λ$, so that the order turns where $λ_1 / "
    "λ_2$ is the ratio of these products"
)


def leads(kappa, fraction, depth, init, rhos, objective="jepa"):
    """Return +1 where feature 2 is learned first and -1 where feature 1 is, by quadrature, for the
    covariances κ and 1. Arguments broadcast.
    """
    first = rise_times(fraction, init, depth, kappa, rhos[0], objective)
    second = rise_times(fraction, init, depth, 1.0, rhos[1], objective)
    return np.sign(first - second).astype(int)


def window(trial, kappa, depth, fraction, rhos):
    """Return the lowest and the highest ε at which JEPA overturns the ratio κ; require that there
    are such.
    """
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
    """Let $λ$ be the covariance of the two views of a feature and $ρ$ its regression coefficient.
    For features 1 and 2 with $λ_1 > λ_2$ and $ρ_1 < ρ_2$, let $T(ρ)$ be the time at $λ = 1$ at
    which a feature reaches the share $p$ of its asymptote from the start $ε$ in JEPA or a masked
    autoencoder of $L$ layers. Feature 2 is learned first if and only if $λ_1 / λ_2 < T(ρ_1) /
    T(ρ_2)$, and a closed form gives this ratio.
    """
    require_unequal(trial, rho_1, rho_2)
    # All of these p, L and ε at which both features start below the share p of their asymptotes
    grid = np.meshgrid(
        [0.5, 0.9], [1, 2, 3, 5, 8], [1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8], indexing="ij"
    )
    p, depth, init = (axis.ravel() for axis in grid)
    lowest = np.minimum(
        *(learning_times.asymptote(depth, rho, objective=objective) for rho in (rho_1, rho_2))
    )
    starts_below = init < 0.99 * p * lowest
    p = p[starts_below]
    depth = depth[starts_below]
    init = init[starts_below]
    first, second = (rise_times(p, init, depth, 1.0, rho, objective) for rho in (rho_1, rho_2))
    boundary = learning_order.order_boundary(depth, init, p, rho_1, rho_2, objective=objective)
    controls = {"$ρ_1$ and $ρ_2$ exchanged": 1 / boundary}
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
    """Let $λ$ be the covariance of the two views of a feature and $ρ$ its regression coefficient.
    For features 1 and 2 with $λ_1 > λ_2$ and $ρ_1 < ρ_2$, let $T(ρ)$ be the time at $λ = 1$ at
    which a feature reaches the share $p$ of its asymptote from the start $ε$ in JEPA of $L$ layers.
    For a given ratio $λ_1 / λ_2$ below the largest value of $T(ρ_1) / T(ρ_2)$ over $ε$, JEPA learns
    feature 2 first only for starts $ε$ in one interval.

    `share` says where the ratio lies between 1 and this largest value. The order is tried inside
    and outside both edges of the interval, at the relative distance `off`.
    """
    require_unequal(trial, rho_1, rho_2)
    rhos = (rho_1, rho_2)
    _, largest = learning_order.boundary_maximiser(depth, fraction, *rhos)
    kappa = 1 + share * (float(largest) - 1)
    trial.require(
        kappa > 1.001,
        "the largest T(rho_1) / T(rho_2) must exceed one by a thousandth: else no ratio is "
        "overturned",
    )
    low, high = window(trial, kappa, depth, fraction, rhos)
    inits = np.array([low * (1 - off), low * (1 + off), high * (1 - off), high * (1 + off)])
    trial.require(
        inits[1] < inits[2] and inits[3] < 0.99 * fraction * rho_1**depth,
        "off must fit into the window",
    )
    controls = {
        "feature 2 first from every small start": [1, 1, 1, -1],
        "feature 2 first from every start": [1, 1, 1, 1],
    }
    trial.identity(
        leads(kappa, fraction, depth, inits, rhos), [-1, 1, 1, -1], ops=0, controls=controls
    )


@claim(
    derived(
        "partial fractions of the integrals for the times, at $ρ = 1/2$ and 1, enclosed by ball "
        "arithmetic"
    ),
    cases=[(2, 0.5), (3, 0.5), (5, 0.5), (5, 0.9)],
)
def test_largest_ratio__everywhere(
    trial,
    depth: Annotated[int, Interval(2, 6)],
    fraction: Annotated[float, Interval(0.1, 0.9)],
):
    """Let $λ$ be the covariance of the two views of a feature and $ρ$ its regression coefficient.
    For two features with $λ_1 > λ_2$, $ρ_1 = 1/2$ and $ρ_2 = 1$, let $T(ρ)$ be the time at $λ = 1$
    at which a feature reaches the share $p$ of its asymptote from the start $ε$ in JEPA of $L$
    layers. For all $ε$ from $1e-8$ to nine tenths of the largest possible start, $T(ρ_1) / T(ρ_2)$
    is at most its largest value, which is given to four digits.

    JEPA reverses no ratio λ_1 / λ_2 above it.
    """
    _, largest = learning_order.boundary_maximiser(depth, fraction, 0.5, 1.0)

    # Times λ ε^(c/L), the time of a feature from s = ε^(1/L) / ρ on is s^c times the integral of
    # x^(-c-1) / (1 - x) from s to p^(1/L), where c = 2 L - 1.
    def scaled_time(start):
        power = 2 * depth - 1
        end = balls.exp(balls.log(Exactly(fraction)) / depth)

        def logarithm(x):
            return balls.log(x / (1 - x))

        rest = sum(start ** (power - k) / k for k in range(1, power + 1))
        ended = logarithm(end) - sum(end**-k / k for k in range(1, power + 1))
        return start**power * (ended - logarithm(start)) + rest

    def ratio(epsilon):
        weight = balls.exp(balls.log(epsilon) / depth)
        # At ρ_1 = 1/2 and ρ_2 = 1
        return scaled_time(2 * weight) / scaled_time(weight)

    def theory(epsilon):
        return learning_order.order_boundary(depth, epsilon, fraction, 0.5, 1.0)

    bound = Exactly(1.0001 * float(largest))
    too_small = Exactly(1 + 0.9 * (float(largest) - 1))
    trial.prove(
        ratio,
        lambda epsilon: bound,
        {"epsilon": (1e-8, 0.9 * fraction * 0.5**depth)},
        same_as=(theory, None),
        controls={"an excess over 1 that is a tenth smaller": lambda epsilon: too_small},
    )


@claim(RATIO, kind="limit", cases=[(1.1, 3), (1.01, 2), (1.3, 5)])
def test_lambda_dominates(
    trial,
    kappa: Ratio,
    depth: DepthFromTwo,
    fraction: Fraction = 0.5,
    rho_1: Regression = 0.5,
    rho_2: Regression = 1.0,
):
    """Let $λ$ be the covariance of the two views of a feature and $ρ$ its regression coefficient.
    For two features with $λ_1 > λ_2$ and $ρ_1 < ρ_2$, let JEPA learn feature 2 first from some
    start. From small enough starts $ε$ it learns feature 1 first, and so does a masked autoencoder.
    """
    rhos = (rho_1, rho_2)
    low, high = window(trial, kappa, depth, fraction, rhos)
    moderate = np.sqrt(low * high)
    small = 0.01 * low
    by_mae = learning_order.order_boundary(depth, small, fraction, *rhos, objective="mae")
    trial.require(by_mae < kappa, "kappa must be above MAE's own ratio at the small epsilon")
    first = [
        leads(kappa, fraction, depth, moderate, rhos, "jepa"),
        leads(kappa, fraction, depth, small, rhos, "jepa"),
        leads(kappa, fraction, depth, small, rhos, "mae"),
    ]
    controls = {"JEPA always orders by $ρ$": [1, 1, -1], "JEPA always orders by $λ$": [-1, -1, -1]}
    trial.identity(first, [1, -1, -1], ops=0, controls=controls)
