"""Which of two features comes first: JEPA overturns λ at finite ε, and no longer as ε -> 0."""

from fractions import Fraction as Exactly
from typing import Annotated, Literal

import numpy as np

from paper_checks.test_jepa_bias import (
    OBJECTIVES,
    DeepDepth,
    Depth,
    Fraction,
    Objective,
    Ratio,
    Regression,
    random_rotations,
)
from paper_checks.test_jepa_bias.times import (
    HALVINGS,
    QUADRATURE_ERROR,
    apart,
    require_below,
    rise_times,
)
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import balls, claim, derived
from theory_on_trial.contract import Interval

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
    _, largest = predicted.boundary_maximiser(depth, fraction, *rhos)
    overturned = kappa - 1 < 0.99 * (largest - 1)
    trial.require(
        overturned,
        "kappa must be below the largest ratio that JEPA overturns at this depth and fraction",
    )
    return np.array(
        [float(edge) for edge in predicted.inversion_window(kappa, depth, fraction, *rhos)]
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
        *(predicted.asymptote(depth, rho, objective=objective) for rho in (rho_1, rho_2))
    )
    p, depth, init = (cell[init < 0.99 * p * lowest] for cell in (p, depth, init))
    first, second = (rise_times(p, depth, init, 1.0, rho, objective) for rho in (rho_1, rho_2))
    boundary = predicted.order_boundary(depth, init, p, rho_1, rho_2, objective=objective)
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
        predicted.order_boundary(depth, init, fraction, *rhos, objective=rule)
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
                    observed.hitting_time(
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
    _, largest = predicted.boundary_maximiser(depth, fraction, *rhos)
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
    _, largest = predicted.boundary_maximiser(depth, 0.5, 0.5, 1.0)

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
        return predicted.order_boundary(depth, epsilon, 0.5, 0.5, 1.0)

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
        predicted.limit_order(covariance, regression, depth, fraction, objective=rule)[0]
        for rule in OBJECTIVES
    ]
    by_mae = predicted.order_boundary(depth, small, fraction, *rhos, objective="mae")
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
    formula = predicted.init_threshold(1 + excess, depth, rho_1, rho_2)
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
    views = predicted.covariances_of_features(covariance, regression, basis)

    def order(objective, init):
        start = observed.aligned_init(trial.key(objective), 2, depth, init, objective, basis=basis)
        due = predicted.critical_time(
            fraction, init, depth, covariance, regression, objective=objective, clock="flow"
        )
        stride = int(np.ceil(1.1 * due.max() / step / 4000))
        run = getattr(observed, method)(
            start, *views, step, stride * 4000, stride, objective, basis=basis
        )
        levels = fraction * predicted.asymptote(depth, regression, objective=objective)
        first = np.asarray(observed.up_crossings(run.times, run.strengths, levels).first)
        return int(np.sign(first[0] - first[1]))

    exact = [
        int(np.sign(predicted.order_boundary(depth, init, fraction, *rhos) - kappa))
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
