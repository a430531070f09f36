"""Which of two features comes first: JEPA overturns lambda at finite epsilon, and no longer as epsilon -> 0."""

import numpy as np

from paper_checks.test_jepa_bias import DERIVED, QUADRATURE_ERROR, random_rotations, rise_times
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, ours

RHO = (0.5, 1.0)  # feature 1 has the larger covariance, feature 2 the larger regression coefficient
CAPTION = "caption of figure 2; criterion derived here"


def leads(kappa, fraction, depth, init, objective="jepa"):
    """+1 where feature 2 is learned first, -1 where feature 1 is, by quadrature; arguments broadcast."""
    first = rise_times(fraction, depth, init, kappa, RHO[0], objective)
    second = rise_times(fraction, depth, init, 1.0, RHO[1], objective)
    return np.sign(first - second).astype(int)


@claim(ours(CAPTION), kind="identity")
def test_order_inversion(trial):
    """JEPA learns feature 2 first iff lambda_1 / lambda_2 < Phi_L(epsilon, p; rho_1, rho_2), a ratio of exact times."""
    p, depth, init = (
        cell.ravel()
        for cell in np.meshgrid([0.5, 0.9], [1, 2, 3, 5, 8], [1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8], indexing="ij")
    )
    starts_below = init < p * RHO[0] ** depth
    p, depth, init = p[starts_below], depth[starts_below], init[starts_below]
    for objective in ("jepa", "mae"):
        first, second = (rise_times(p, depth, init, 1.0, rho, objective) for rho in RHO)
        boundary = predicted.order_boundary(depth, init, p, *RHO, objective=objective)
        trial.value(
            first / second,
            boundary,
            error=3 * QUADRATURE_ERROR * boundary,
            margin=1e-9 * boundary,
            controls={"rho_1 and rho_2 exchanged": 1 / boundary},
        )
    trial.identity(
        np.isnan(predicted.order_boundary([3, 5, 8], [0.1, 0.1, 0.01], 0.5, *RHO)).astype(int),
        np.ones(3, int),
        ops=0,
        controls={"a boundary for every start": np.zeros(3, int)},
    )


@claim(ours(CAPTION), kind="identity")
def test_order_inversion__sides(trial, cells=((3, 1e-2, 0.5), (5, 1e-3, 0.9), (2, 1e-2, 0.9)), off=0.02):
    """An event-finding solver sees JEPA's order flip at Phi, two per cent to either side; MAE learns lambda's first."""
    settings = [(*cell, side) for cell in cells for side in (-off, off)]

    def order(objective, rho):
        found = []
        for depth, init, p, side in settings:
            kappa = predicted.order_boundary(depth, init, p, *RHO) * (1 + side)
            first, second = (
                float(observed.hitting_time(p, depth, init, strength, ratio, objective=objective, clock="flow"))
                for strength, ratio in zip((kappa, 1.0), rho, strict=True)
            )
            found.append(int(np.sign(first - second)))
        return found

    flips = np.tile([1, -1], len(cells))
    trial.identity(
        order("jepa", RHO),
        flips,
        ops=0,
        controls={"by lambda": -np.ones(len(settings), int), "by rho": np.ones(len(settings), int)},
        wrong_processes={"rho_1 and rho_2 exchanged": order("jepa", RHO[::-1])},
    )
    trial.identity(order("mae", RHO), -np.ones(len(settings), int), ops=0, controls={"like JEPA": flips})


@claim(ours(DERIVED), kind="bound")
def test_order_inversion__window(trial, off=0.005):
    """JEPA overturns a given ratio only in a window of epsilon, and none above the largest Phi."""
    p, kappa, depth = (cell.ravel() for cell in np.meshgrid([0.5, 0.9], [1.1, 1.5], [1, 2, 3, 5, 8], indexing="ij"))
    low, high = predicted.inversion_window(kappa, depth, p, *RHO)
    exists = ~np.isnan(low)
    p, kappa, depth, low, high = p[exists], kappa[exists], depth[exists], low[exists], high[exists]
    inits = np.stack([low * (1 - off), low * (1 + off), high * (1 - off), high * (1 + off)])
    expected = np.repeat([[-1], [1], [1], [-1]], len(low), axis=1)
    trial.identity(
        leads(kappa, p, depth, inits),
        expected,
        ops=0,
        controls={
            "whatever epsilon is small enough": np.where(inits < high, 1, -1),
            "JEPA by rho": np.ones_like(expected),
        },
        wrong_processes={"MAE": leads(kappa, p, depth, inits, "mae")},
    )
    depth = np.array([1, 2, 3, 5])
    _, largest = predicted.boundary_maximiser(depth, 0.5, *RHO)
    grid = np.exp(np.linspace(-25, 0, 400))[:, None] * 0.499 * RHO[0] ** depth
    ratios = rise_times(0.5, depth, grid, 1.0, RHO[0], "jepa") / rise_times(0.5, depth, grid, 1.0, RHO[1], "jepa")
    trial.bound(
        ratios,
        np.broadcast_to(largest, ratios.shape),
        found_by="search",
        ops=QUADRATURE_ERROR * 2.0**53,
        controls={"a hundredth of the excess less": np.broadcast_to(1 + 0.99 * (largest - 1), ratios.shape)},
    )


@claim(ours(DERIVED), kind="limit")
def test_lambda_dominates(trial, kappa=1.1, depth=3, fraction=0.5):
    """At fixed lambda_1 > lambda_2 JEPA is rho-first at moderate epsilon and lambda-first, like MAE, at a small one."""
    init = np.array([1e-2, 1e-8])
    trial.identity(
        leads(kappa, fraction, depth, init),
        [1, -1],
        ops=0,
        controls={"JEPA always orders by rho": [1, 1], "JEPA always orders by lambda": [-1, -1]},
        wrong_processes={"MAE": leads(kappa, fraction, depth, init, "mae")},
    )
    for objective in ("jepa", "mae"):
        limit = predicted.limit_order(np.array([1.0, kappa]), np.array(RHO[::-1]), depth, fraction, objective=objective)
        last = leads(kappa, fraction, depth, np.array([1e-12]), objective)
        trial.identity([1 if last[0] > 0 else 0], [1 - limit[0]], ops=0, controls={"rho's order": [1]})


@claim(ours(DERIVED), kind="limit")
def test_lambda_dominates__limit(trial, kappa=1.1, fraction=0.5, halvings=(9, 10, 11, 12, 13)):
    """As epsilon -> 0 the ratio t*_2 / t*_1 of JEPA tends to lambda_1 / lambda_2 at every depth, whatever the rho."""
    depth, root = np.array([2, 3, 5, 8]), 2.0 ** -np.array(halvings)[:, None]
    ratios = rise_times(fraction, depth, root**depth, 1.0, RHO[1], "jepa") / rise_times(
        fraction, depth, root**depth, kappa, RHO[0], "jepa"
    )
    trial.limit(
        ratios,
        2.0 ** np.array(halvings),
        np.full(4, kappa),
        order=1,
        margin=1e-3,
        controls={"rho decides": np.full(4, kappa * RHO[0] / RHO[1]), "a tie": np.ones(4)},
    )


@claim(ours(DERIVED), kind="limit")
def test_lambda_dominates__threshold(
    trial, fraction=0.5, depths=(2, 3, 5), excesses=(0.02, 0.01, 0.005, 0.0025, 0.00125)
):
    """The epsilon below which lambda wins tends to [(kappa-1)(2L-2) / ((2L-1)(1/rho_1 - 1/rho_2))]^L as kappa -> 1."""
    excess, depth = np.array(excesses)[:, None], np.array(depths)
    formula = predicted.init_threshold(1 + excess, depth, *RHO)

    # Where the ratio of exact times crosses kappa, by bisection on the quadrature.
    low, high = np.log(formula) - 2.0, np.log(formula) + 1.0
    for _ in range(36):
        middle = (low + high) / 2
        overturned = leads(1 + excess, fraction, depth, np.exp(middle)) > 0
        low, high = np.where(overturned, low, middle), np.where(overturned, middle, high)
    roots = np.exp((low + high) / 2 / depth) / excess
    trial.limit(
        roots,
        0.02 / np.array(excesses),
        formula[-1] ** (1 / depth) / excess[-1],
        order=1,
        margin=0.02,
        controls={"without (2L-2) / (2L-1)": np.ones(3) / (1 / RHO[0] - 1 / RHO[1])},
    )


@claim(ours(DERIVED), kind="empirical", tier="full")
def test_lambda_dominates__descent(trial, kappa=1.1, depth=2, fraction=0.5, inits=(1e-2, 1e-3), steps_of=0.1):
    """Flow and descent of the whole network on JEPA's loss flip the same way as epsilon falls; on MAE's they do not."""
    basis = random_rotations(trial.generator("basis"), 2, 1)[0]
    covariance, regression = np.array([kappa, 1.0]), np.array(RHO)
    views = predicted.covariances_of_features(covariance, regression, basis)

    def order(objective, method, init):
        start = observed.aligned_init(trial.key(objective), 2, depth, init, objective, basis=basis)
        due = predicted.critical_time(fraction, init, depth, covariance, regression, objective=objective, clock="flow")
        records = 4000
        every = int(np.ceil(1.1 * due.max() / steps_of / records))
        run = method(start, *views, steps_of, every * records, every, objective, basis=basis)
        levels = fraction * predicted.asymptote(depth, regression, objective=objective)
        first = np.asarray(observed.up_crossings(run.times, run.strengths, levels).first)
        return int(np.sign(first[0] - first[1]))

    for method in (observed.gradient_flow, observed.gradient_descent):
        trial.identity(
            [order("jepa", method, init) for init in inits],
            [int(np.sign(predicted.order_boundary(depth, init, fraction, *RHO) - kappa)) for init in inits],
            ops=0,
            controls={"by rho": [1, 1], "by lambda": [-1, -1]},
            wrong_processes={"MAE": [order("mae", method, init) for init in inits]},
        )
