"""Two features that differ in λ alone, or in ρ alone: which is learned first, and by how much.

Which of two features comes first: JEPA overturns λ at finite ε, and no longer as ε -> 0.
"""

from fractions import Fraction as Exactly
from typing import Annotated, Any, Literal

import mpmath
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
    Problems,
    Ratio,
    Regression,
    apart,
    exact_time,
    random_rotations,
    require_below,
    rise_times,
)
from sims.jepa_bias import matrix_flow, networks, scalar_flow
from theory.jepa_bias import data_models, learning_order, learning_times
from theory_on_trial import balls, claim, derived
from theory_on_trial.contract import Interval

PAPER: dict[str, Any] = {"clock": "paper"}
PAIRS = [("jepa", 2), ("jepa", 3), ("jepa", 5), ("mae", 2), ("mae", 3)]


def preference_power(objective, depth):
    """Return the power of ε that the preference for ρ falls as."""
    return (1 if objective == "jepa" else depth - 1) / depth


def preferences(trial, objective, depth, rho_low, rho_high, fraction):
    """Return numbers that double, starts at which preferences for ρ fall as 1 / them, and t*(ρ') /
    t*(ρ) - 1. At depth two the terms that follow are larger: starts are smaller there.
    """
    trial.require(
        rho_low < 0.9 * rho_high,
        "rho_low must be below 0.9 rho_high: nothing distinguishes equal features",
    )
    if objective == "mae":
        trial.require(
            depth < 4,
            "depth must be 2 or 3 for MAE: deeper, the law drowns in rounding before it is seen",
        )
        trial.require(
            np.abs(learning_times.mae_constant(fraction, depth)) > 0.1,
            "fraction must not be near p*_L for MAE",
        )
    doubles = HALVINGS * (16 if depth == 2 else 1)
    init = doubles ** (-1 / preference_power(objective, depth))
    for rho in (rho_low, rho_high):
        require_below(trial, init.max(), fraction, depth, rho, objective)
    slow, fast = (
        rise_times(fraction, depth, init, 1.0, rho, objective) for rho in (rho_low, rho_high)
    )
    return doubles, init, slow / fast - 1


@claim(
    derived("equations (7) and (8) are linear in λ at a given ρ"), kind="identity", cases=OBJECTIVES
)
def test_greedy_lambda(trial, objective: Objective, n_problems: Problems = 64):
    """At equal ρ the times of both objectives are as 1 / λ, exactly, at every ε, p and L."""
    rng = trial.generator("problems")
    n = n_problems
    depth = rng.integers(1, 7, n)
    rho = rng.uniform(0.5, 1.5, n)
    p = rng.uniform(0.1, 0.9, n)
    strengths = np.stack([rng.uniform(0.3, 1, n), rng.uniform(1.1, 3, n)])
    ratio = strengths[1] / strengths[0]
    init = p * rho**depth * 10.0 ** -rng.uniform(1, 3, n) * np.minimum(1, 1 / rho) ** depth
    times = rise_times(p, depth, init, strengths, rho, objective)
    controls = {"as λ^(-1/2)": np.sqrt(ratio)}
    # 232 panels of five nodes each, all positive.
    trial.identity(times[0] / times[1], ratio, ops=2000, scale=ratio, controls=controls)
    exact = (
        learning_times.critical_time(
            p, init, depth, strengths[0], rho, objective=objective, **PAPER
        )
        / times[1]
    )
    error = 2 * QUADRATURE_ERROR * exact
    controls = {"as 1 / λ^2": ratio**2}
    trial.value(exact, ratio, error=error, margin=1e-9 * exact, controls=controls)


@claim(HIGH_INFLUENCE, kind="rate", cases=PAIRS)
def test_greedy_rho(
    trial,
    objective: Objective,
    depth: DeepDepth,
    rho_low: Regression = 0.5,
    rho_high: Regression = 1.0,
    fraction: Fraction = 0.5,
):
    """At equal λ t*(ρ') / t*(ρ) of JEPA exceeds one by (2L-1)/(2L-2) (1/ρ' - 1/ρ) ε^(1/L).

    MAE's differs from one by (L-1) K_L(p) (ρ'^(-q) - ρ^(-q)) ε^((L-1)/L), q = (L-1)/(L+1), of
    either sign.
    """
    doubles, init, excess = preferences(trial, objective, depth, rho_low, rho_high, fraction)
    args = depth, init[0], rho_high, rho_low
    prefactor = (
        float(learning_order.greedy_excess(*args, objective=objective, fraction=fraction))
        * doubles[0]
    )
    margin = 0.005 * np.abs(prefactor)
    rivals = {"1 / ρ' - 1 / ρ": 1 / rho_low - 1 / rho_high, "blind to ρ": 0.0}
    controls = apart(trial, prefactor, margin, rivals)
    trial.limit(excess * doubles, doubles, prefactor, order=1, margin=margin, controls=controls)


@claim(derived("the first terms of Theorem 4.5 that ρ enters"), kind="rate", cases=PAIRS)
def test_greedy_rho__slopes(
    trial,
    objective: Objective,
    depth: DeepDepth,
    rho_low: Regression = 0.5,
    rho_high: Regression = 1.0,
    fraction: Fraction = 0.5,
):
    """The preference for ρ falls as ε^(1/L) with JEPA, which depth slows, as ε^((L-1)/L) with
    MAE.
    """
    message = (
        "fraction must be at least .05 and rho_low .2: slopes settle at smaller starts than these"
    )
    trial.require(fraction >= 0.05 and rho_low >= 0.2, message)
    _, init, excess = preferences(trial, objective, depth, rho_low, rho_high, fraction)
    jepa, mae = (preference_power(rule, depth) for rule in OBJECTIVES)
    right, rival = (jepa, mae) if objective == "jepa" else (mae, jepa)
    preference = np.abs(excess)
    # At L = 2 both slopes are one half.
    controls = {"epsilon": -1.0} | ({"the other objective's": -rival} if depth > 2 else {})
    trial.order(
        preference,
        1 / init,
        -right,
        rounding=3 * QUADRATURE_ERROR,
        margin=0.006 * right,
        controls=controls,
    )


def lead(init, fraction, rho_low, rho_high, objective):
    """Return by how much a layer learns the larger ρ earlier, at λ = 1."""
    digits = 33 - int(np.log10(init))  # the times are as 1 / epsilon
    slow, fast = (
        exact_time(fraction, init, 1, 1, rho, objective, digits) for rho in (rho_low, rho_high)
    )
    return float(slow - fast)


@claim(derived("by integrating equations (7) and (8) at L = 1"), kind="rate", cases=(0.5, 0.9))
def test_greedy_rho__shallow(
    trial,
    fraction: Fraction,
    rho_low: Regression = 0.5,
    rho_high: Regression = 1.0,
    init: Annotated[
        float, Interval(1e-40, 1e-6, why="of the leads in ε only the first are left")
    ] = 1e-12,
):
    """At L = 1 JEPA's lead grows by (1/ρ' - 1/ρ) log(1/ε) / λ only, its time as 1 / (λ ε).

    MAE learns the larger ρ later, by log(ρ / ρ') / (2 λ), whatever p is.
    """
    trial.require(
        rho_low < 0.9 * rho_high,
        "rho_low must be below 0.9 rho_high: nothing distinguishes equal features",
    )
    jepa, mae = (
        [lead(at, fraction, rho_low, rho_high, rule) for at in (init, init / 1000)]
        for rule in OBJECTIVES
    )
    by_jepa, by_mae = (
        float(
            learning_order.greedy_excess(
                1, init, rho_high, rho_low, objective=rule, fraction=fraction
            )
        )
        for rule in OBJECTIVES
    )
    contrast = -by_jepa / (init * np.log(init))
    remainder = 2 * init / rho_low**2  # of log(1 - epsilon / rho) / rho
    rounding = 1e-14 * (1 + np.abs(np.log(init)) * contrast)
    tolerance = {"error": rounding, "slack": remainder, "margin": 2 * (remainder + rounding)}
    controls = {"without the logarithm": 0.0, "prefactor (2L-1)/(2L-2) of L = 2": 1.5 * contrast}
    trial.value((jepa[1] - jepa[0]) / np.log(1000), contrast, controls=controls, **tolerance)
    late = -np.log(init) * by_mae
    controls = {"JEPA's sign": -late, "log(ρ / ρ')": 2 * late, "blind to ρ": 0.0}
    trial.value(mae[0], late, controls=controls, **tolerance)
    rhos = np.array([rho_low, rho_high])
    first = [
        learning_order.limit_order(np.ones(2), rhos, 1, fraction, objective=rule)[0]
        for rule in OBJECTIVES
    ]
    # A lead that grows is positive in the end.
    trial.identity([jepa[1] > jepa[0], mae[0] > 0], first, ops=0, controls={"both by ρ": [1, 1]})


@claim(
    derived("by the constant term of MAE's time, whose sign is that of K_L(p)"),
    kind="identity",
    cases=(2, 3, 4, 5),
)
def test_mae_sign(
    trial,
    depth: DeepDepth,
    rho_low: Regression = 0.5,
    rho_high: Regression = 1.0,
    off: Annotated[
        float, Interval(1e-13, 0.05, why="what follows the constant is of order 1e-16")
    ] = 1e-9,
):
    """As ε -> 0 MAE reaches p earlier for the larger ρ iff p exceeds the zero p*_L of K_L, which is
    not 1/2.
    """
    trial.require(
        rho_low < 0.9 * rho_high,
        "rho_low must be below 0.9 rho_high: nothing distinguishes equal features",
    )
    threshold = learning_order.sign_threshold(depth)
    # What follows the constant is of order epsilon^(2/L) = 1e-16, what the leading terms cancel of
    # 10^(8 (L - 1)).
    init = mpmath.mpf(10) ** (-8 * depth)
    measured = []
    order = []
    rhos = (rho_low, rho_high)
    for p in (threshold - off, threshold + off):
        slow, fast = (exact_time(p, init, depth, 1, rho, "mae", 8 * depth + 10) for rho in rhos)
        measured.append(int(mpmath.sign(slow - fast)))
        order.append(
            2 * learning_order.limit_order(np.ones(2), np.array(rhos), depth, p, objective="mae")[0]
            - 1
        )
    half = 1 if threshold > 0.5 else -1
    controls = {"p* = 1/2": [[half, half]] * 2, "the smaller ρ is always first": [[-1, -1]] * 2}
    trial.identity([measured, measured], [[-1, 1], order], ops=0, controls=controls)


RATIO = derived(
    "λ t* does not depend on λ: the order turns where its ratio of two features passes κ"
)
Off = Annotated[float, Interval(1e-4, 0.1, why="nearer, a solver does not tell the two sides")]
"""How far from a boundary both of its sides are tried, relative to it."""


def require_order(trial, rho_1, rho_2):
    """Require that feature 2, of the smaller covariance, has the larger regression coefficient."""
    trial.require(
        rho_1 < 0.95 * rho_2,
        "rho_1 must be below 0.95 rho_2: feature 2 is the one that JEPA prefers",
    )


def leads(kappa, fraction, depth, init, rhos, objective="jepa"):
    """+1 where feature 2 is learned first, -1 where feature 1 is, by quadrature; arguments
    broadcast.
    """
    first = rise_times(fraction, depth, init, kappa, rhos[0], objective)
    second = rise_times(fraction, depth, init, 1.0, rhos[1], objective)
    return np.sign(first - second).astype(int)


def window(trial, kappa, depth, fraction, rhos):
    """Return the window of ε in which JEPA overturns κ; require that there is one."""
    require_order(trial, *rhos)
    _, largest = learning_order.boundary_maximiser(depth, fraction, *rhos)
    overturned = kappa - 1 < 0.99 * (largest - 1)
    trial.require(
        overturned,
        "kappa must be below the largest ratio that JEPA overturns at this depth and fraction",
    )
    return np.array(
        [float(edge) for edge in learning_order.inversion_window(kappa, depth, fraction, *rhos)]
    )


@claim(RATIO, kind="identity", cases=OBJECTIVES)
def test_order_inversion(
    trial, objective: Objective, rho_1: Regression = 0.5, rho_2: Regression = 1.0
):
    """JEPA learns feature 2 first iff λ_1 / λ_2 < Φ_L(ε, p; ρ_1, ρ_2), a ratio of exact times."""
    require_order(trial, rho_1, rho_2)
    grid = np.meshgrid(
        [0.5, 0.9], [1, 2, 3, 5, 8], [1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8], indexing="ij"
    )
    p, depth, init = (cell.ravel() for cell in grid)
    lowest = np.minimum(
        *(learning_times.asymptote(depth, rho, objective=objective) for rho in (rho_1, rho_2))
    )
    p, depth, init = (cell[init < 0.99 * p * lowest] for cell in (p, depth, init))
    first, second = (rise_times(p, depth, init, 1.0, rho, objective) for rho in (rho_1, rho_2))
    boundary = learning_order.order_boundary(depth, init, p, rho_1, rho_2, objective=objective)
    controls = {"ρ_1 and ρ_2 exchanged": 1 / boundary}
    trial.value(
        first / second,
        boundary,
        error=3 * QUADRATURE_ERROR * boundary,
        margin=1e-9 * boundary,
        controls=controls,
    )


@claim(RATIO, kind="identity", cases=[(3, 0.16, 0.5), (5, 0.04, 0.9), (2, 0.05, 0.9)])
def test_order_inversion__sides(
    trial,
    depth: DeepDepth,
    share: Annotated[
        float, Interval(1e-3, 0.9, why="at 1 the strength is reached at once; the low end is a cap")
    ],
    fraction: Fraction,
    off: Off = 0.02,
    rho_1: Regression = 0.5,
    rho_2: Regression = 1.0,
):
    """An event-finding solver sees JEPA's order flip at Φ, just to either side; MAE learns λ's
    first.

    `share` is ε over the strength p ρ_1^L that feature 1 has to reach.
    """
    require_order(trial, rho_1, rho_2)
    rhos = (rho_1, rho_2)
    init = share * fraction * rho_1**depth
    plateau = (init / rho_2**depth) ** (1 / depth - 2)  # of the later feature, in units of its rise
    trial.require(
        plateau < 1e6, "epsilon must not be that small: an event drowns in the rounding of its time"
    )
    for rho in rhos:
        require_below(trial, init, fraction, depth, rho, "mae")
    boundary, by_mae = (
        learning_order.order_boundary(depth, init, fraction, *rhos, objective=rule)
        for rule in OBJECTIVES
    )
    sides = boundary * np.array([1 - off, 1 + off])
    trial.require(
        np.all(sides > 1.001 * np.maximum(by_mae, 1)), "lambda must decide MAE's order below Phi"
    )

    def order(objective, rhos):
        times = [
            [
                float(
                    scalar_flow.hitting_time(
                        fraction, depth, init, strength, rho, objective=objective, clock="flow"
                    )
                )
                for strength, rho in zip((kappa, 1.0), rhos, strict=True)
            ]
            for kappa in sides
        ]
        return np.sign(-np.diff(times)[:, 0]).astype(int)

    controls = {"by λ": [-1, -1], "by ρ": [1, 1]}
    processes = {"ρ_1 and ρ_2 exchanged": order("jepa", rhos[::-1])}
    trial.identity(
        order("jepa", rhos), [1, -1], ops=0, controls=controls, control_processes=processes
    )
    trial.identity(order("mae", rhos), [-1, -1], ops=0, controls={"like JEPA": [1, -1]})


@claim(
    RATIO,
    kind="bound",
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
    off: Off = 0.005,
):
    """JEPA overturns a given ratio only in a window of ε, and none above the largest Φ.

    `share` is how far the ratio is from 1 to that Φ.
    """
    require_order(trial, rho_1, rho_2)
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
    grid = np.exp(np.linspace(-25, 0, 384)) * 0.99 * fraction * rho_1**depth
    first, second = (rise_times(fraction, depth, grid, 1.0, rho, "jepa") for rho in rhos)
    less = {"a tenth of the excess less": np.full(grid.shape, 1 + 0.9 * (largest - 1))}
    trial.bound(
        first / second,
        np.full(grid.shape, largest),
        instances="grid",
        ops=QUADRATURE_ERROR * 2.0**53,
        controls=less,
    )


@claim(
    derived("partial fractions of the rise times' integrals, for p = 1/2 and ρ = (1/2, 1)"),
    cases=[2, 3, 5],
)
def test_largest_ratio__everywhere(trial, depth: Annotated[int, Interval(2, 6, why="a cap only")]):
    """JEPA overturns no ratio above the largest Φ, to four digits, at any ε from 1e-8 to nine
    tenths of its largest value.
    """
    _, largest = learning_order.boundary_maximiser(depth, 0.5, 0.5, 1.0)

    def time(start):
        """s^c times the integral of x^(-c-1) / (1 - x) from s to p^(1/L), c = 2 L - 1."""
        power = 2 * depth - 1
        end = balls.exp(balls.log(Exactly(1, 2)) / depth)

        def logarithm(x):
            return balls.log(x / (1 - x))

        rest = sum(start ** (power - k) / k for k in range(1, power + 1))
        ended = logarithm(end) - sum(end**-k / k for k in range(1, power + 1))
        return start**power * (ended - logarithm(start)) + rest

    def ratio(epsilon):
        start = balls.exp(balls.log(epsilon) / depth)
        return time(2 * start) / time(start)

    def theory(epsilon):
        return learning_order.order_boundary(depth, epsilon, 0.5, 0.5, 1.0)

    bound = 1.0001 * float(largest)
    less = 1 + 0.9 * (float(largest) - 1)
    trial.prove(
        ratio,
        lambda epsilon: bound,
        {"epsilon": (1e-8, 0.45 * 0.5**depth)},
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
    """At fixed λ_1 > λ_2 JEPA is ρ-first at moderate ε and λ-first, like MAE, at a small one."""
    rhos = (rho_1, rho_2)
    low, high = window(trial, kappa, depth, fraction, rhos)
    moderate = np.sqrt(low * high)
    small = 0.01 * low
    covariance = np.array([kappa, 1.0])
    regression = np.array(rhos)
    last = [
        learning_order.limit_order(covariance, regression, depth, fraction, objective=rule)[0]
        for rule in OBJECTIVES
    ]
    by_mae = learning_order.order_boundary(depth, small, fraction, *rhos, objective="mae")
    trial.require(by_mae < kappa, "kappa must be above MAE's own ratio at the small epsilon")
    jepa_signs = leads(kappa, fraction, depth, np.array([moderate, small]), rhos)
    signs = [*jepa_signs, *leads(kappa, fraction, depth, np.array([small]), rhos, "mae")]
    controls = {"JEPA always orders by ρ": [1, 1, -1], "JEPA always orders by λ": [-1, -1, -1]}
    trial.identity(signs, [1, *np.where(last, 1, -1)], ops=0, controls=controls)


@claim(derived("the leading term of Theorem 4.5 knows λ only"), kind="limit", cases=(2, 3, 5, 8))
def test_lambda_dominates__limit(
    trial,
    depth: DeepDepth,
    kappa: Ratio = 1.1,
    fraction: Fraction = 0.5,
    rho_1: Regression = 0.5,
    rho_2: Regression = 1.0,
):
    """As ε -> 0 the ratio t*_2 / t*_1 of JEPA tends to λ_1 / λ_2 at every depth, whatever the ρ."""
    require_order(trial, rho_1, rho_2)
    # The ratio is about (1 / ρ_1 - 1 / ρ_2) ε^(1 / L) off κ, and κ itself near one.
    sizes = HALVINGS * max(1.0, 0.2 * (1 / rho_1 - 1 / rho_2) / min(kappa - 1, 1.0))
    init = sizes**-depth
    require_below(trial, init.max(), fraction, depth, rho_1, "jepa")
    first = rise_times(fraction, depth, init, kappa, rho_1, "jepa")
    second = rise_times(fraction, depth, init, 1.0, rho_2, "jepa")
    margin = 0.01 * min(kappa - 1, 1)
    controls = {"ρ decides": kappa * rho_1 / rho_2, "a tie": 1.0}
    trial.limit(
        second / first,
        sizes,
        kappa,
        order=1,
        margin=margin,
        controls=apart(trial, kappa, margin, controls),
    )


def lower_edge(kappa, fraction, depth, rhos, near):
    """Return where the ratio of times crosses κ, a few e-folds about `near`, by bisection on the
    quadrature.
    """
    low = np.log(near) - 2.0
    high = np.log(near) + 1.0
    for _ in range(36):
        middle = (low + high) / 2
        overturned = leads(kappa, fraction, depth, np.exp(middle), rhos) > 0
        low = np.where(overturned, low, middle)
        high = np.where(overturned, middle, high)
    return np.exp((low + high) / 2)


@claim(derived("the first two terms of Theorem 4.5, solved for ε"), kind="limit", cases=(2, 3, 5))
def test_lambda_dominates__threshold(
    trial,
    depth: DeepDepth,
    fraction: Fraction = 0.5,
    rho_1: Regression = 0.5,
    rho_2: Regression = 1.0,
):
    """The ε below which λ wins tends to [(κ-1)(2L-2) / ((2L-1)(1/ρ_1 - 1/ρ_2))]^L as κ -> 1."""
    require_order(trial, rho_1, rho_2)
    contrast = 1 / rho_1 - 1 / rho_2
    sizes = 2.0 ** np.arange(5)
    excess = 0.01 * fraction ** (2 / depth) * rho_1 * contrast / sizes
    formula = learning_order.init_threshold(1 + excess, depth, rho_1, rho_2)
    roots = lower_edge(1 + excess, fraction, depth, (rho_1, rho_2), formula) ** (1 / depth) / excess
    limit = formula[-1] ** (1 / depth) / excess[-1]
    controls = {"without (2L-2) / (2L-1)": 1 / contrast}
    trial.limit(roots, sizes, limit, order=1, margin=0.005 * limit, controls=controls)


@claim(RATIO, kind="empirical", tier="full", cases=["gradient_flow", "gradient_descent"])
def test_lambda_dominates__descent(
    trial,
    method: Literal["gradient_flow", "gradient_descent"],
    kappa: Annotated[float, Interval(1.06, 1.15, why="the order of both starts must differ")] = 1.1,
):
    """Flow and descent of the whole network on JEPA's loss flip the same way as ε falls; on MAE's
    they do not.
    """
    rhos = (0.5, 1.0)
    depth = 2
    fraction = 0.5
    step = 0.1
    inits = (1e-2, 1e-3)
    basis = random_rotations(trial.generator("basis"), 2, 1)[0]
    covariance = np.array([kappa, 1.0])
    regression = np.array(rhos)
    views = data_models.covariances_of_features(covariance, regression, basis)

    def order(objective, init):
        start = networks.aligned_init(trial.key(objective), 2, depth, init, objective, basis=basis)
        due = learning_times.critical_time(
            fraction, init, depth, covariance, regression, objective=objective, clock="flow"
        )
        stride = int(np.ceil(1.1 * due.max() / step / 4000))
        run = getattr(matrix_flow, method)(
            start, *views, step, stride * 4000, stride, objective, basis=basis
        )
        levels = fraction * learning_times.asymptote(depth, regression, objective=objective)
        first = np.asarray(matrix_flow.up_crossings(run.times, run.strengths, levels).first)
        return int(np.sign(first[0] - first[1]))

    exact = [
        int(np.sign(learning_order.order_boundary(depth, init, fraction, *rhos) - kappa))
        for init in inits
    ]
    controls = {"by ρ": [1, 1], "by λ": [-1, -1]}
    processes = {"MAE": [order("mae", init) for init in inits]}
    trial.identity(
        [order("jepa", init) for init in inits],
        exact,
        ops=0,
        controls=controls,
        control_processes=processes,
    )
