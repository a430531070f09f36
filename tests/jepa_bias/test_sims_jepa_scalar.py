"""The scalar equation: stepped through time against SciPy, integrated over strengths against adaptive quadrature."""

import itertools
import math

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

import sims.jepa_bias as observed
from paper_checks.test_jepa_bias import QUADRATURE_ERROR, exact_time, rise_times

ULP = 2.0**-53
objectives = st.sampled_from(["jepa", "mae"])
clocks = st.sampled_from(["paper", "flow"])
depths = st.integers(1, 8)
strengths = st.floats(0.3, 3)
gaps = st.floats(0.1, 9)  # decades of w̄ from the start to the asymptote


def rate(log_strength, depth, lambda_, rho, objective, clock):
    """ds/dt of s = ln w̄: λ (w̄^a - w̄² / ρ), with the difference taken by expm1."""
    exponent = {"jepa": 2, "mae": 1}[objective] - 1 / depth
    missing = -math.expm1((2 - exponent) * log_strength - math.log(rho))
    return (depth if clock == "flow" else 1) * lambda_ * math.exp(exponent * log_strength) * missing


def asymptote(depth, rho, objective):
    return rho ** (depth if objective == "jepa" else depth / (depth + 1))


def elapsed(start, end, *problem):
    """∫ ds / (ds/dt) from w̄ = start to end, over pieces of about one e-fold of the time."""
    ends = np.linspace(math.log(start), math.log(end), 64)
    pieces = itertools.pairwise(ends)
    return sum(quad(lambda s: 1 / rate(s, *problem), a, b, epsabs=0, epsrel=1e-12)[0] for a, b in pieces)


@settings(max_examples=15, deadline=None)
@given(depths, st.floats(0.1, 5), strengths, strengths, objectives, clocks)
def test_quadrature_reaches_every_strength_when_it_should(depth, gap, lambda_, rho, objective, clock):
    top = asymptote(depth, rho, objective)
    init = top * 10.0**-gap
    problem = (depth, lambda_, rho, objective, clock)
    keywords = {"objective": objective, "clock": clock}
    levels = init ** (1 - np.array([0.02, 0.3, 0.6, 0.9])) * (0.99 * top) ** np.array([0.02, 0.3, 0.6, 0.9])
    levels = np.array([*levels, 0.99 * top, (1 - 1e-6) * top])
    times = np.array([elapsed(init, level, *problem) for level in levels])
    found = np.asarray(observed.trajectory_by_quadrature(depth, init, lambda_, rho, times, **keywords))
    # Five decades of w̄ are up to ten of time, in which a rise is still resolved. As documented: 1e-11, and 64 roundings
    # of the time, each of which moves ln w̄ by t ds/dt times that. The logarithm of the start and b (s - ln asymptote)
    # carry a rounding per unit of their size, and enter the time by its powers.
    sensitivity = np.array([t * rate(math.log(level), *problem) for t, level in zip(times, levels, strict=True)])
    roundings = 64 + 8 * depth * (abs(math.log(init)) + abs(math.log(top)))
    assert np.all(np.abs(np.log(found / levels)) <= 1e-11 + roundings * ULP * (1 + sensitivity))
    for level, time, slope in zip(levels[:-1], times[:-1], sensitivity[:-1], strict=True):
        hit = observed.hitting_time_by_quadrature(level / top, depth, init, lambda_, rho, **keywords)
        # The fraction is rounded too, which counts most where w̄ stands almost still.
        assert abs(hit / time - 1) <= roundings * ULP * (1 + 1 / slope)


def test_quadrature_is_as_good_as_the_claims_say():
    """The relative error that the claims budget for it, against 25 digits on the edges of their domains and inside."""
    rng = np.random.default_rng(0)
    for objective in ("jepa", "mae"):
        for fraction in (0.01, 0.5, 0.99):
            for share in (0.99, 1e-3, 1e-9):
                depth, rho = int(rng.integers(1, 9)), float(10 ** rng.uniform(-1, 1))
                init = share * fraction * rho ** (depth if objective == "jepa" else depth / (depth + 1))
                if init > 1e-13:
                    measured = rise_times(fraction, depth, init, 1.3, rho, objective)
                    exact = float(exact_time(fraction, init, depth, 1.3, rho, objective, digits=25))
                    assert abs(measured / exact - 1) <= QUADRATURE_ERROR


@pytest.mark.parametrize(
    ("depth", "init", "lambda_", "rho", "objective", "clock"),
    [
        (2, 0.005, 1.6, 0.5, "jepa", "flow"),
        (1, 0.01, 1.0, 1.0, "mae", "paper"),
        (3, 1e-3, 1.2, 0.7, "jepa", "paper"),
        (5, 1e-4, 0.8, 1.3, "mae", "flow"),
        (4, 1e-3, 1.0, 0.2, "jepa", "flow"),
        (5, 1e-3, 1.0, 0.2, "jepa", "flow"),
    ],
)
def test_stepping_agrees_with_radau(depth, init, lambda_, rho, objective, clock):
    """The last two start below and above the asymptote 0.2^L: one rises, one falls."""
    problem = (depth, lambda_, rho, objective, clock)
    keywords = {"objective": objective, "clock": clock}
    top = asymptote(depth, rho, objective)
    rises = init < 0.8 * top
    horizon = 1.5 * elapsed(init, 0.8 * top, *problem) if rises else 1e4
    times = horizon * np.array([0.1, 0.5, 0.65, 0.7, 1.0])
    reference = [math.log(init)]
    for start, end in zip([0.0, *times], times, strict=False):
        leg = solve_ivp(
            lambda _, s: [rate(s[0], *problem)], (start, end), reference[-1:], method="Radau", rtol=1e-10, atol=1e-10
        )
        reference.append(leg.y[0, -1])
    reference = np.array(reference[1:])
    found = np.log(observed.simulate_flow(depth, init, lambda_, rho, times, **keywords))
    # Radau keeps s to 1e-10 per step, a few hundred steps of it to 1e-8: of the time, and t ds/dt times that in s.
    sensitivity = np.array([t * abs(rate(s, *problem)) for t, s in zip(times, reference, strict=True)])
    assert np.all(np.abs(found - reference) <= 1e-8 * (1 + sensitivity))
    # Once at the asymptote it moves by rounding only.
    assert np.all(np.diff(found) * (1 if init < top else -1) >= -8 * ULP * abs(math.log(top)))
    assert (found[0] > math.log(init)) == (init < top)
    if rises:
        hit = float(observed.hitting_time(0.8, depth, init, lambda_, rho, **keywords))
        assert abs(hit / elapsed(init, 0.8 * top, *problem) - 1) <= 1e-8
        quadrature = observed.hitting_time_by_quadrature(0.8, depth, init, lambda_, rho, **keywords)
        assert abs(hit / quadrature - 1) <= 1e-8


@settings(max_examples=15, deadline=None)
@given(depths, gaps, strengths, strengths, st.floats(0.05, 0.9), st.floats(0.1, 10), objectives)
def test_times_scale_and_add_up(depth, gap, lambda_, rho, fraction, factor, objective):
    def time(fraction, init, lambda_=lambda_, rho=rho, clock="paper"):
        return float(
            observed.hitting_time_by_quadrature(fraction, depth, init, lambda_, rho, objective=objective, clock=clock)
        )

    top = asymptote(depth, rho, objective)
    init = 0.9 * fraction * top * 10.0**-gap
    whole = time(fraction, init)
    # Powers of ε up to 2L - 1, each carrying the roundings of depth * ln ε and of ln ρ.
    bound = 64 * ULP * (2 + 2 * depth * (1 + abs(math.log(init)) + depth * abs(math.log(rho))))
    assert abs(time(fraction, init, clock="flow") * depth / whole - 1) <= bound
    assert abs(time(fraction, init, lambda_=factor * lambda_) * factor / whole - 1) <= bound
    unit = time(fraction, init / top, rho=1.0)
    exponent = -(2 * depth - 1) if objective == "jepa" else -(depth - 1) / (depth + 1)
    assert abs(rho**exponent * unit / whole - 1) <= bound
    middle = math.sqrt(init * fraction * top)
    assert abs((time(middle / top, init) + time(fraction, middle)) / whole - 1) <= bound
    # The way from one fraction to a larger one may be below the rounding of the plateau before.
    assert time(0.5 + fraction / 2, init) > whole * (1 - bound)
    assert time(0.5 + fraction / 2, middle) > time(fraction, middle) * (1 - bound)
    assert time(0.95, 0.9 * top) > time(0.94, 0.9 * top)
    assert time(fraction, init / 2) > whole


def test_twenty_decades_of_time_and_thousands_of_problems_in_one_program():
    size = 64
    rng = np.random.default_rng(0)
    depth = rng.integers(1, 9, size).astype(float)
    lambda_, rho = rng.uniform(0.5, 2, (2, size))
    init = rho**depth * 10.0 ** -rng.uniform(1, 12, size)

    def reach(*problem):
        return observed.hitting_time_by_quadrature(0.5, *problem, objective="jepa", clock="paper")

    def follow(*problem):
        return observed.trajectory_by_quadrature(*problem, objective="jepa", clock="paper")

    hits = np.asarray(jax.vmap(reach)(depth, init, lambda_, rho))
    assert np.max(hits) / np.min(hits) > 1e18
    times = hits[:, None] * np.array([0.25, 0.5, 0.75, 0.9, 2.0, 4.0])
    paths = np.asarray(jax.vmap(follow)(depth, init, lambda_, rho, times))
    # Mapped starts cannot be refused one by one: those above the target, or the asymptote, are NaN.
    above = np.where(np.arange(size) < 9, 0.6, 1e-3) * rho**depth
    assert np.array_equal(np.isnan(jax.vmap(reach)(depth, above, lambda_, rho)), np.arange(size) < 9)
    beyond = np.asarray(jax.vmap(follow)(depth, 2 * above, lambda_, rho, times))
    assert np.array_equal(np.isnan(beyond).all(axis=1), np.arange(size) < 9)
    assert not np.isnan(beyond[9:]).any()
    assert np.all(np.diff(paths, axis=1) >= 0)
    assert np.all(paths[:, :4] < 0.5 * (rho**depth)[:, None])
    assert np.all(paths[:, 4:] > 0.5 * (rho**depth)[:, None])
    assert np.all(paths <= (rho**depth)[:, None] * (1 + 64 * ULP * (1 + depth * np.abs(np.log(rho))))[:, None])


SCALAR = {"objective": "jepa", "clock": "paper"}


def test_targets_that_are_never_reached_are_refused():
    for hit in (observed.hitting_time, observed.hitting_time_by_quadrature):
        # 0.5 * 0.2^4 = 0.0008: too deep for this start.
        with pytest.raises(ValueError, match=r"init must be below the target .* 0.0008, got 0.001"):
            hit(0.5, 4, 1e-3, 1.0, 0.2, **SCALAR)
    with pytest.raises(ValueError, match="init must be below"):
        observed.trajectory_by_quadrature(5, 1e-3, 1.0, 0.2, np.array([1.0]), **SCALAR)
    with jax.enable_x64(False), pytest.raises(TypeError, match="float64"):
        observed.hitting_time_by_quadrature(0.5, 2, 0.01, 1.0, 1.0, **SCALAR)


class TestFactors:
    TIMES = np.array([1.0, 1e2, 1e4, 1e6, 1e8])

    def factors(self, depth, layer, predictor, lambda_, rho, **options):
        return observed.simulate_factors(depth, layer, predictor, lambda_, rho, self.TIMES, **options)

    @pytest.mark.parametrize(("layer", "predictor"), [(0.2, 0.05), (0.05, 0.2), (0.3, -0.2)])
    def test_imbalance_is_conserved_and_the_predictor_ends_at_rho(self, layer, predictor):
        for depth in (1, 2):
            found = self.factors(depth, layer, predictor, 1.3, 0.5)
            # A thousand steps, each within 1e-11 of numbers below 1.
            assert np.all(np.abs(found.layer**2 - found.predictor**2 - (layer**2 - predictor**2)) <= 2e-8)
            assert abs(found.predictor[-1] - 0.5) <= 1e-8

    def test_without_the_stop_gradient_the_encoder_collapses(self):
        """σ_x² = 2, σ_y² = 1.5, λ = 1.2, so that even the best predictor leaves an error."""
        lambda_, rho, start = 1.2, 0.6, 0.9
        for depth in (1, 2, 3):
            kept = self.factors(depth, start, start, lambda_, rho)
            assert abs(kept.layer[-1] - rho) <= 1e-8
            lost = self.factors(depth, start, start, lambda_, rho, target_variance=1.5)
            assert np.all(np.diff(lost.layer) <= 0)
            v = float(lost.predictor[-1])
            excess = v**2 * lambda_ / rho - 2 * v * lambda_ + 1.5
            if depth == 1:
                # dw/dt = -m w in the end: nothing is left of it, in a logarithm or out.
                assert lost.layer[2] == 0
                continue
            slope = np.log(lost.layer[-1] / lost.layer[-2]) / np.log(100)
            # w^-(2L-2) = (2L - 2) m t + constant: the constant is below 10 of 10^6 and more.
            assert abs(slope + 1 / (2 * depth - 2)) <= 1e-5
            assert abs(lost.layer[-1] * ((2 * depth - 2) * excess * 1e8) ** (1 / (2 * depth - 2)) - 1) <= 1e-5

    def test_against_radau(self):
        def velocity(_, state):
            w, v = state
            return -(w**3) * (v**2 * 2 - 2 * v * 1.2 + 1.5), -(w**4) * (v * 2 - 1.2)

        times = self.TIMES[:3]
        reference = solve_ivp(velocity, (0, 1e4), [0.9, 0.3], t_eval=times, method="Radau", rtol=1e-11, atol=1e-13).y
        found = observed.simulate_factors(2, 0.9, 0.3, 1.2, 0.6, self.TIMES, target_variance=1.5)
        assert np.all(np.abs(np.stack(found)[:, :3] - reference) <= 1e-8)

    def test_a_target_that_varies_less_than_it_is_explained_is_refused(self):
        with pytest.raises(ValueError, match=r"target_variance must be at least lambda_ rho = 1, got 0.5"):
            self.factors(2, 0.1, 0.1, 1.0, 1.0, target_variance=0.5)
