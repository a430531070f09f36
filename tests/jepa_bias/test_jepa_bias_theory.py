"""JEPA's theory where no claim asks: bounds of its times against mpmath, limits, ties, what is
never reached.
"""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.jepa_bias import data_models, learning_times, partial_states, variants

UNIT_ROUNDOFF = 2.0**-53


def exact_time(strength, init, depth, covariance, regression, objective):
    """Theorem 4.4 and its counterpart for MAE as they print, in mpmath: a sum and a 2F1."""
    rho = mpmath.mpf(regression)
    covariance = mpmath.mpf(covariance)
    w, w0 = (mpmath.mpf(value) ** (mpmath.mpf(1) / depth) for value in (strength, init))
    if objective == "jepa":
        terms = [(w0**-n - w**-n) / (n * rho ** (2 * depth - 1 - n)) for n in range(1, 2 * depth)]
        logs = mpmath.log(w / w0) + mpmath.log((1 - w0 / rho) / (1 - w / rho))
        return 1 / covariance * (mpmath.fsum(terms) + rho ** -(2 * depth - 1) * logs)

    def primitive(u):
        if depth == 1:
            return mpmath.log(u) - mpmath.log(1 - u**2) / 2
        power = mpmath.mpf(2) / (depth + 1)
        rise = u**2 / 2 * mpmath.hyp2f1(1, power, 1 + power, u ** (depth + 1))
        return -(u ** (1 - depth)) / (depth - 1) + rise

    scale = rho ** (mpmath.mpf(-1) / (depth + 1))
    prefactor = rho ** (mpmath.mpf(1 - depth) / (depth + 1))
    return 1 / covariance * prefactor * (primitive(w * scale) - primitive(w0 * scale))


def test_a_feature_that_starts_above_its_target_is_learned_at_once():
    events = partial_states.itinerary(
        np.array([1.0, 0.5]),
        np.array([0.3, 1.0]),
        2,
        0.08,
        0.8,
        1e-9,
        objective="jepa",
    )
    assert events[0] == partial_states.Event(0.0, 0, "learned")


def test_a_feature_that_is_relearned_takes_its_time():
    """It starts from where its new unit stands, however late that started: above zero, sooner than
    at first.
    """
    lam = np.array([1.992, 2.889, 1.297])
    rho = np.array([0.963, 1.013, 1.318])
    events = partial_states.itinerary(lam, rho, 4, 2.7e-4, 0.564, 0.26, objective="jepa")
    same = partial_states.itinerary(
        lam, rho, 4, 2.7e-4, 0.564, 0.26 * np.e, objective="jepa", offset=1.0
    )
    np.testing.assert_allclose([event.time for event in same], [event.time for event in events])
    last = [(0, "unlearned"), (1, "relearned"), (0, "relearned")]
    assert [(event.feature, event.kind) for event in events[-3:]] == last
    alone = learning_times.critical_time(0.564, 2.7e-4, 4, lam[0], rho[0], objective="jepa")
    assert 0.01 * alone < events[-1].time - events[-3].time < alone


def test_what_does_not_commute_is_reported():
    angle = 0.4
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    Sigma_xx = np.diag([1 / 0.6, 0.8])
    Sigma_yx = rotation @ np.diag([1.0, 0.8]) @ rotation.T
    # sqrt(2) |Σ_yx[0, 1]| (1 / 0.6 - 0.8) is 0.0879.
    with pytest.raises(
        ValueError,
        match=r"must commute .* a commutator of norm 0\.0879.* eigenvalues of R are 1\.046, "
        r"0\.5735",
    ):
        data_models.joint_spectrum(Sigma_xx, Sigma_yx)
    turning = np.array([[1.0, -0.5], [0.5, 1.0]])
    with pytest.raises(
        ValueError,
        match=r"must be symmetric .* = 1\.41; the eigenvalues of R are 1\+0\.5j, 1-0\.5j",
    ):
        data_models.joint_spectrum(np.eye(2), turning)
    np.testing.assert_allclose(
        data_models.predictor_eigenvalues(np.eye(2), turning), [1 + 0.5j, 1 - 0.5j], rtol=1e-15
    )


@pytest.mark.parametrize("unit", [1e-20, 1e20])
def test_features_have_no_unit(unit):
    spectrum = data_models.joint_spectrum(unit * np.diag([1.0, 1e-3]), unit * np.diag([0.5, 2e-3]))
    np.testing.assert_allclose(spectrum.regression, [0.5, 2.0], rtol=1e-12)
    with pytest.raises(ValueError, match="got rank 1 of 2"):
        data_models.joint_spectrum(unit * np.diag([1.0, 1e-12]), unit * np.diag([0.5, 2e-12]))


@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    objective=st.sampled_from(["jepa", "mae"]),
    depth=st.sampled_from([*range(1, 9), 16, 64]),
    covariance=st.floats(0.3, 3),
    regression=st.floats(0.3, 2),
    fraction=st.floats(0.05, 0.99),
    share=st.floats(1e-17, 0.9),  # of the target at which a feature starts
)
def test_times_are_as_exact_as_their_arguments(
    objective, depth, covariance, regression, fraction, share
):
    strength = fraction * float(learning_times.asymptote(depth, regression, objective=objective))
    init = share * strength
    problem = (depth, covariance, regression)
    time = learning_times.time_to_reach(strength, init, *problem, objective=objective)
    with mpmath.workdps(40):
        error = abs(mpmath.mpf(float(time)) - exact_time(strength, init, *problem, objective))
    # What a rounding of the strengths and of a power of each makes of the time.
    rates = learning_times.velocity(np.array([strength, init]), *problem, objective=objective)
    conditioning = strength / rates[0] + init / rates[1]
    roundings = time * (1 + abs(np.log(init))) + conditioning
    assert error <= 20 * depth * UNIT_ROUNDOFF * roundings


@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    objective=st.sampled_from(["jepa", "mae"]),
    depth=st.integers(1, 8),
    covariance=st.floats(0.3, 3),
    regression=st.floats(0.3, 2),
    log_ends=st.lists(st.floats(0.01, 3), min_size=2, max_size=2),
    grows=st.booleans(),
)
def test_strengths_are_those_of_their_times(
    objective, depth, covariance, regression, log_ends, grows
):
    """On both sides of the asymptote."""
    limit = learning_times.asymptote(depth, regression, objective=objective)
    end, start = limit * np.exp(np.sort(log_ends) * (-1 if grows else 1))
    problem = (depth, covariance, regression)
    time = learning_times.time_to_reach(end, start, *problem, objective=objective)
    found = learning_times.strength_at(time, start, *problem, objective=objective)
    rate = abs(learning_times.velocity(end, *problem, objective=objective))
    assert abs(found - end) <= 1e-12 * rate * time + 2.0**-48 * end


@pytest.mark.parametrize(("objective", "rise"), [("jepa", 4), ("mae", 2)])
def test_descent_is_late_by_its_shift(objective, rise):
    """Of one feature with λ = 1 and ρ = 0.6 in two layers, up to the last step below 0.8 of its
    asymptote.
    """
    step = 1e-3
    limit = float(learning_times.asymptote(2, 0.6, objective=objective))
    layer = 0.05**0.5
    steps = 0
    while (after := layer + step * (layer**rise - layer**5 / 0.6)) ** 2 < 0.8 * limit:
        layer = after
        steps += 1
    problem = (layer**2 / limit, 0.05, 2, 1.0, 0.6)
    late = steps * step - learning_times.critical_time(*problem, objective=objective)
    shift = variants.discrete_time_shift(step, *problem, objective=objective)
    assert late == pytest.approx(shift, rel=0.01)


def test_features_with_one_variance_are_told_apart_by_their_covariance():
    covariance = np.array([1.0, 0.5, 0.25, 0.75])
    regression = covariance / [2.0, 2.0, 1.0, 1.0]
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    moments = data_models.covariances_of_features(covariance, regression, basis)
    found = data_models.joint_spectrum(*moments)
    order = [0, 3, 1, 2]
    np.testing.assert_allclose(found.covariance, covariance[order], rtol=1e-13)
    np.testing.assert_allclose(found.regression, regression[order], rtol=1e-13)
    np.testing.assert_allclose(abs(found.basis.T @ basis[:, order]), np.eye(4), atol=1e-13)


@pytest.mark.parametrize("depth", [2, 3, 8])
@pytest.mark.parametrize("rest", [2.0**-53, 1e-12, 5e-5, 2e-4, 0.5])
def test_the_constant_of_mae_keeps_its_digits_beside_the_end(depth, rest):
    with mpmath.workdps(40):
        p = mpmath.mpf(1 - rest)
        u = p ** (mpmath.mpf(1) / depth)
        power = mpmath.mpf(2) / (depth + 1)
        rise = u**2 / 2 * mpmath.hyp2f1(1, power, 1 + power, u ** (depth + 1))
        exact = float(rise - u ** (1 - depth) / (depth - 1))
    assert learning_times.mae_constant(1 - rest, depth) == pytest.approx(exact, rel=1e-11)


def test_what_is_never_reached_takes_for_ever():
    settings = dict(objective="jepa")
    limit = float(learning_times.asymptote(3, 0.7, objective="jepa"))
    reach = learning_times.time_to_reach(
        np.array([0.01, 0.005, limit, 2 * limit, 0.1]), 0.01, 3, 1.0, 0.7, **settings
    )
    np.testing.assert_array_equal(reach, [0, np.inf, np.inf, np.inf, reach[4]])
    assert 0 < reach[4] < np.inf
    from_above = learning_times.time_to_reach(
        np.array([2 * limit, 3.0, 1.5 * limit, limit, 0.1]), 2 * limit, 3, 1.0, 0.7, **settings
    )
    np.testing.assert_array_equal(from_above, [0, np.inf, from_above[2], np.inf, np.inf])
    assert 0 < from_above[2] < np.inf
    assert learning_times.time_to_reach(0.2, limit, 3, 1.0, 0.7, **settings) == np.inf
    # Beyond float64
    assert learning_times.time_to_reach(1e-3, 1e-200, 3, 1.0, 0.7, **settings) == np.inf
    # Already there, or never.
    times = learning_times.critical_time(
        np.array([0.5, 0.9, 1.0, 1.5]), 0.6 * limit, 3, 1.0, 0.7, **settings
    )
    np.testing.assert_array_equal(times, [0, times[1], np.inf, np.inf])
    assert learning_times.critical_time(0.5, 2 * limit, 3, 1.0, 0.7, **settings) == 0


def test_a_feature_that_is_not_preferred_displaces_nothing():
    times = partial_states.displacement_time(2.5, [0.3, 0.0, -0.3], 1e-3, 0.7)
    np.testing.assert_allclose(times, [2.5 + (np.log(1e3) + 0.7) / 0.3, np.inf, np.inf], rtol=1e-14)
    assert partial_states.displacement_time(2.5, 0.3, 1e-3, -8.0) == 2.5  # at one from the start
