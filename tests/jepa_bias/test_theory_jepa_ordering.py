"""The order of two features: published table of the boundary, windows, thresholds and caps."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jepa_flow_by_hand import UNIT_ROUNDOFF, depths, fractions, general, objectives, regressions

from theory import jepa_bias as predicted

INITS = np.array([1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8])
NONE = np.nan
# Largest covariance ratio that JEPA overturns at rho = (1/2, 1), by quadrature of the equation of motion.
BOUNDARY = {
    (0.5, 1): [0.8603, 1.0116, 1.0035, 1.0006, 1.0000, 1.0000],
    (0.5, 2): [0.5320, 1.1821, 1.0538, 1.0157, 1.0015, 1.0002],
    (0.5, 3): [NONE, 1.4827, 1.1730, 1.0667, 1.0129, 1.0027],
    (0.5, 5): [NONE, 1.7781, 1.6714, 1.2839, 1.0831, 1.0300],
    (0.5, 8): [NONE, NONE, 3.1423, 2.0929, 1.3104, 1.1367],
    (0.9, 1): [1.1251, 1.0404, 1.0066, 1.0009, 1.0000, 1.0000],
    (0.9, 2): [1.7745, 1.2404, 1.0559, 1.0158, 1.0015, 1.0002],
    (0.9, 3): [1.3660, 1.6614, 1.1777, 1.0669, 1.0129, 1.0027],
    (0.9, 5): [NONE, 4.0261, 1.7183, 1.2847, 1.0831, 1.0300],
    (0.9, 8): [NONE, NONE, 5.4576, 2.1302, 1.3104, 1.1367],
}
WINDOW_DEPTHS = np.array([1, 2, 3, 4, 5, 8])
# Epsilons between which the ratio is overturned, three digits; both NaN where it never is.
WINDOWS = {
    (0.5, 1.1): (
        [NONE, 3.09e-3, 2.78e-4, 2.51e-5, 2.17e-6, 1.32e-9],
        [NONE, 5.69e-2, 4.09e-2, 2.36e-2, 1.27e-2, 1.74e-3],
    ),
    (0.5, 1.5): ([NONE, NONE, 1.12e-2, 2.01e-3, 4.90e-4, 8.20e-6], [NONE, NONE, 2.42e-2, 1.94e-2, 1.13e-2, 1.65e-3]),
    (0.5, 2.0): ([NONE] * 4 + [2.58e-3, 7.90e-5], [NONE] * 4 + [8.64e-3, 1.52e-3]),
    (0.9, 1.1): (
        [4.42e-2, 2.61e-3, 2.74e-4, 2.50e-5, 2.17e-6, 1.32e-9],
        [1.66e-1, 1.86e-1, 1.03e-1, 5.35e-2, 2.72e-2, 3.45e-3],
    ),
    (0.9, 2.0): ([NONE, NONE, 1.88e-2, 5.52e-3, 1.82e-3, 7.44e-5], [NONE, NONE, 8.92e-2, 5.01e-2, 2.61e-2, 3.39e-3]),
}


@pytest.mark.parametrize(("fraction", "depth"), BOUNDARY)
def test_boundary_is_the_table(fraction, depth):
    computed = predicted.order_boundary(depth, INITS, fraction, 0.5, 1.0)
    np.testing.assert_allclose(computed, BOUNDARY[fraction, depth], atol=6e-5)  # half a unit of the last digit


def test_windows_are_the_table():
    fraction, kappa = np.array(list(WINDOWS)).T[..., None]
    computed = predicted.inversion_window(kappa, WINDOW_DEPTHS, fraction, 0.5, 1.0)
    for edge, expected in zip(computed, np.swapaxes(list(WINDOWS.values()), 0, 1), strict=True):
        np.testing.assert_array_equal(np.isnan(edge), np.isnan(expected))
        unit_of_third_digit = 10 ** (np.floor(np.log10(expected)) - 2)
        assert np.nanmax(np.abs(edge - expected) / unit_of_third_digit) <= 0.51


@general
@given(depths, st.floats(-9, -1), fractions, regressions, regressions, objectives)
def test_boundary_is_the_ratio_of_times(depth, log_init, fraction, rho_1, rho_2, objective):
    init = 10**log_init
    boundary = predicted.order_boundary(depth, init, fraction, rho_1, rho_2, objective)
    limits = predicted.asymptote(depth, np.array([rho_1, rho_2]), objective=objective)
    if init >= fraction * limits.min():
        assert np.isnan(boundary)
        return
    arguments = (fraction, init, depth, 1.0, np.array([rho_1, rho_2]))
    times = predicted.critical_time(*arguments, objective=objective, clock="paper")
    errors = predicted.critical_time_error_bound(*arguments, objective=objective, clock="paper") / times
    assert boundary == pytest.approx(times[0] / times[1], rel=2 * errors.sum() + 8 * UNIT_ROUNDOFF)
    swapped = predicted.order_boundary(depth, init, fraction, rho_2, rho_1, objective)
    assert swapped * boundary == pytest.approx(1, rel=4 * UNIT_ROUNDOFF)


@pytest.mark.parametrize(
    ("depth", "fraction", "rho_1", "contrast"),
    [(1, 0.9, 0.4, 3.0), (2, 0.5, 1.2, 1.2), (4, 0.97, 0.7, 1.6), (8, 0.2, 0.9, 2.1)],
)
def test_maximiser_is_the_peak_and_windows_end_where_the_order_turns(depth, fraction, rho_1, contrast):
    rho_2 = rho_1 * contrast
    init, largest = predicted.boundary_maximiser(depth, fraction, rho_1, rho_2)
    highest = fraction * rho_1**depth
    # Everywhere below the target on a grid that is finest about the peak: no larger value, and one rise and fall.
    grid = np.exp(np.linspace(np.log(highest) - 12 * depth, np.log(highest) - 1e-6, 400))
    values = predicted.order_boundary(depth, grid, fraction, rho_1, rho_2)
    noise = 1e-11  # of each value, far above rounding
    assert values.max() <= largest * (1 + noise)
    rises = grid[1:] <= init
    falls = grid[:-1] >= init
    assert np.all(np.diff(values)[rises] > -noise)
    assert np.all(np.diff(values)[falls] < noise)
    kappa = 1 + 0.6 * (float(largest) - 1)
    low, high = predicted.inversion_window(kappa, depth, fraction, rho_1, rho_2)
    assert low < init < high < highest
    edges = predicted.order_boundary(
        depth, np.array([low * 0.999, low * 1.001, high * 0.999, high * 1.001]), fraction, rho_1, rho_2
    )
    assert edges[0] < kappa < edges[1]
    assert edges[2] > kappa > edges[3]
    never = predicted.inversion_window(float(largest) * 1.001, depth, fraction, rho_1, rho_2)
    assert np.isnan(never[0])
    assert np.isnan(never[1])


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_boundary_to_first_order(depth):
    for init in (1e-9, 1e-12):
        exact = predicted.order_boundary(depth, init, 0.5, 0.5, 1.0) - 1
        first = predicted.greedy_excess(depth, init, 1.0, 0.5, objective="jepa", fraction=0.5)
        assert exact == pytest.approx(first, rel=5 * init ** (1 / depth), abs=8 * UNIT_ROUNDOFF)


def test_threshold_is_the_edge_to_first_order():
    depths = np.array([2, 3, 5])
    threshold = predicted.init_threshold(1.01, depths, 0.5, 1.0)
    for depth, init in zip(depths.tolist(), threshold, strict=True):
        excess = predicted.greedy_excess(depth, init, 1.0, 0.5, objective="jepa", fraction=0.5)
        assert excess == pytest.approx(0.01, rel=1e-12)
    edges = predicted.inversion_window(np.array([[1.01], [1.1]]), depths, 0.5, 0.5, 1.0)[0]
    ratios = edges / predicted.init_threshold(np.array([[1.01], [1.1]]), depths, 0.5, 1.0)
    np.testing.assert_allclose(ratios, [[0.94, 0.94, 0.90], [0.70, 0.54, 0.39]], atol=6e-3)


def test_covariance_dominates_in_the_limit():
    # kappa = 1.1 between rho = 1/2 and 1 at L = 3: overturned at 1e-2, not at 1e-8.
    assert predicted.order_boundary(3, 1e-2, 0.5, 0.5, 1.0) > 1.1 > predicted.order_boundary(3, 1e-8, 0.5, 0.5, 1.0)
    lam, rho = np.array([1.0, 1.3, 1.0, 0.7]), np.array([0.6, 0.5, 0.9, 2.0])
    for objective in ("jepa", "mae"):
        order = predicted.limit_order(lam, rho, 3, 0.9, objective=objective)
        init = 1e-15 if objective == "jepa" else 1e-12
        times = predicted.critical_time(0.9, init, 3, lam, rho, objective=objective, clock="paper")
        np.testing.assert_array_equal(order, np.argsort(times))
    np.testing.assert_array_equal(predicted.limit_order(lam, rho, 3, 0.9, objective="jepa"), [1, 2, 0, 3])
    # MAE prefers the smaller rho below the sign threshold, and always at one layer.
    for depth, fraction, preferred in ((3, 0.9, 2), (3, 0.6, 0), (1, 0.9, 0)):
        order = predicted.limit_order(lam, rho, depth, fraction, objective="mae")
        assert order[1] == preferred
        times = predicted.critical_time(fraction, 1e-9, depth, lam, rho, objective="mae", clock="paper")
        assert order[1] == np.argsort(times)[1]
    assert predicted.limit_order(lam, rho, 1, 0.9, objective="jepa")[1] == 2


def test_depth_cap_example():
    # epsilon = 1e-3, rho = 0.2, p = 1/2: below target to L = 3, growing to L = 4, decaying from L = 5 on.
    assert predicted.depth_cap(1e-3, 0.5, 0.2, objective="jepa") == 3
    assert predicted.depth_cap(1e-3, 1.0, 0.2, objective="jepa") == 4
    later = predicted.strength_at(1e4, 1e-3, np.array([3, 4, 5]), 1.0, 0.2, objective="jepa", clock="paper")
    np.testing.assert_allclose(later, [0.001053, 0.001006, 0.000990], atol=6e-7)
    np.testing.assert_array_equal(
        predicted.depth_cap(0.25, 0.5, np.array([0.2, 1.0, 3.0]), objective="mae"), [0, np.inf, np.inf]
    )
    # Exactly at a boundary, where the inequality is strict: p rho^4 = 2^-5.
    assert predicted.depth_cap(2.0**-5, 0.5, 0.5, objective="jepa") == 3
    assert predicted.depth_cap(2.0**-5, 1.0, 0.5, objective="jepa") == 4


@general
@given(objectives, st.floats(-9, -0.3), st.floats(0.05, 1), st.floats(0.05, 0.95))
def test_depth_cap_is_the_last_depth_below_target(objective, log_init, fraction, regression):
    init = 10**log_init
    cap = float(predicted.depth_cap(init, fraction, regression, objective=objective))

    def fits(depth):
        return init < fraction * predicted.asymptote(depth, regression, objective=objective)

    if np.isinf(cap):
        assert objective == "mae"
        assert fits(10**6)
    else:
        assert not fits(int(cap) + 1)
        assert cap == 0 or fits(int(cap))


@general
@given(st.integers(2, 8), st.floats(1.0001, 3), st.floats(0.3, 1), st.floats(1.1, 3))
def test_threshold_falls_with_what_it_has_to_overcome(depth, kappa, rho_1, contrast):
    threshold = predicted.init_threshold(kappa, depth, rho_1, rho_1 * contrast)
    assume(threshold < 1e300)
    assert predicted.init_threshold(kappa * 1.01, depth, rho_1, rho_1 * contrast) > threshold
    assert predicted.init_threshold(kappa, depth, rho_1, rho_1 * contrast * 1.01) < threshold


@pytest.mark.parametrize("objective", ["jepa", "mae"])
def test_a_depth_that_is_reached_by_a_rounding_counts(objective):
    """One float64 below p times the asymptote at depth L the cap is L, and at it less: whatever logarithms round to."""
    rng = np.random.default_rng(0)
    depth, rho = rng.integers(1, 9, 500), rng.uniform(0.05, 0.99, 500)
    end = np.asarray(predicted.asymptote(depth, rho, objective=objective))
    caps = predicted.depth_cap(np.nextafter(end, 0), np.ones(500), rho, objective=objective)
    deeper = predicted.asymptote(depth + 1, rho, objective=objective)
    assert np.all(caps[deeper <= np.nextafter(end, 0)] == depth[deeper <= np.nextafter(end, 0)])
    assert np.all(predicted.depth_cap(end, np.ones(500), rho, objective=objective) < depth)
