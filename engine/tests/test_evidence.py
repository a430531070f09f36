"""Identities, bounds, gaps, runs, and the accounts of the sampling driver: no false refutation,
controls that bite.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal, stats

from theory_on_trial.decide import evidence
from theory_on_trial.decide.decision import Prediction
from theory_on_trial.decide.looks import planned_looks
from theory_on_trial.laws import Asymptotic, Enclosure, Normal, SupDistance

U = 2.0**-53


@pytest.mark.parametrize("n", [3, 30, 100])
def test_dots_are_never_refuted_and_a_control_ten_errors_away_always_is(n):
    """4e4 dots of 24-bit numbers over twelve decades: their products are exact, and fsum adds them
    without error.
    """
    rng = np.random.default_rng([50, n])
    x, y = (
        (rng.standard_normal((40_000, n)) * 10.0 ** rng.uniform(-3, 3, (40_000, n)))
        .astype(np.float32)
        .astype(float)
        for _ in range(2)
    )
    exact = np.array([math.fsum(row) for row in x * y])
    scale = np.einsum("ij,ij->i", np.abs(x), np.abs(y))
    control = exact + 10 * 4 * n * U * scale
    for value in (np.einsum("ij,ij->i", x, y), np.cumsum(x * y, axis=1)[:, -1]):
        finding = evidence.identity(value, exact, {"ten errors away": control}, scale=scale, ops=n)
        assert finding.outcome == "VERIFIED"
        assert finding.controls[0].outcome == "REFUTED"
        assert finding.tightness <= 1 / 4  # (n - 1) u scale is a theorem, and E is four times that
        assert finding.interval.error == 0
    for v, c, s in zip(value[:50], control[:50], scale[:50], strict=True):
        near = {"twenty errors away": v + 2 * (c - v)}  # so that such digits are claimed
        assert evidence.identity(v, c, near, scale=s, ops=n).outcome == "REFUTED"


@pytest.mark.parametrize(("n", "matrices"), [(5, 3000), (20, 2000), (60, 200)])
def test_eigenvalues_are_never_refuted(n, matrices):
    """Q diag Q' with a known spectrum: forming it and eigvalsh together take 3 n roundings of the
    size of the norm.
    """
    rng = np.random.default_rng([51, n])
    spectrum = np.sort(
        rng.standard_normal((matrices, n)) * 10.0 ** rng.uniform(-6, 0, (matrices, n)), axis=1
    )
    orthogonal = np.linalg.qr(rng.standard_normal((matrices, n, n)))[0]
    values = np.linalg.eigvalsh((orthogonal * spectrum[:, None, :]) @ np.swapaxes(orthogonal, 1, 2))
    norm = np.max(np.abs(spectrum), axis=1, keepdims=True)
    wrong = spectrum + 10 * 4 * 3 * n * U * norm
    finding = evidence.identity(values, spectrum, {"ten errors away": wrong}, scale=norm, ops=3 * n)
    assert finding.outcome == "VERIFIED"
    assert finding.controls[0].outcome == "REFUTED"


@given(a=st.fractions(), b=st.fractions())
def test_exact_identities_tell_every_difference(a, b):
    """ops=0: (a + b)^2 in rational arithmetic, and a control that differs by 1e-40."""
    finding = evidence.identity(
        (a + b) ** 2,
        a * a + 2 * a * b + b * b,
        {"a hair more": (a + b) ** 2 + Fraction(1, 10**40)},
        ops=0,
        printed=(a + b) ** 2 - Fraction(1, 10**40),
    )
    assert (finding.outcome, finding.controls[0].outcome, finding.printed) == (
        "VERIFIED",
        "REFUTED",
        "REFUTED",
    )


def test_one_wrong_entry_refutes_an_identity():
    value = np.ones(1000)
    value[137] += 1e-9
    assert evidence.identity(value, np.ones(1000), {}, ops=10).outcome == "REFUTED"


@pytest.mark.parametrize(
    ("instances", "guarantee"),
    [("draws", "drawn"), ("search", "searched"), ("grid", "on a grid"), ("all", "exhaustive")],
)
def test_a_bound_says_where_its_instances_came_from(instances, guarantee):
    """Cauchy-Schwarz, attained by half of the instances; 1 % less is violated there."""
    rng = np.random.default_rng(52)
    x = rng.standard_normal((1000, 20))
    y = np.where(rng.random((1000, 1)) < 0.5, -3 * x, rng.standard_normal((1000, 20)))
    lhs = np.abs(np.sum(x * y, axis=1))
    rhs = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    about = {"ops": 50, "instances": instances, "printed": 0.9 * rhs} | (
        {"independent": 1000} if instances == "draws" else {}
    )
    finding = evidence.bound(lhs, rhs, {"1 % less": 0.99 * rhs}, **about)
    assert (finding.outcome, finding.controls[0].outcome, finding.printed) == (
        "VERIFIED",
        "REFUTED",
        "REFUTED",
    )
    assert finding.interval.guarantee == guarantee
    assert finding.resolution.size < 1e-12
    assert finding.tightness == pytest.approx(1, abs=50 * 2 * U)


@pytest.mark.parametrize(
    ("instances", "sentence"),
    [
        (lambda g: signal.lfilter([1], [1, -0.3], g.normal(size=2000)), "correlated at a lag"),
        (lambda g: np.exp(np.repeat(g.normal(size=40), 50)) * g.normal(size=2000), "a lag"),
        (lambda g: np.tile(g.normal(size=100), 20), "are 100 and copies"),
        (lambda g: g.permutation(np.tile(g.normal(size=100), 20)), "are 100 and copies"),
        (lambda g: np.repeat(g.normal(size=1000), 2), "are 1000 and copies"),
    ],
)
def test_instances_that_are_not_independent_are_refused(instances, sentence):
    lhs = instances(np.random.default_rng(79))
    rhs = np.full(2000, 20.0)
    bound = {"ops": 5, "instances": "draws"}
    with pytest.raises(ValueError, match=sentence):
        evidence.bound(lhs, rhs, {"w": np.zeros(2000)}, independent=2000, **bound)
    # Of fewer that are independent nothing is known that could be asked.
    found = evidence.bound(lhs, rhs, {"w": np.zeros(2000)}, independent=40, **bound)
    assert found.outcome == "VERIFIED"


@pytest.mark.parametrize("seed", range(10))
def test_independent_instances_are_not_refused(seed):
    rng = np.random.default_rng([79, seed])
    for lhs in (rng.normal(size=500), rng.integers(3, size=500), rng.standard_cauchy(500)):
        rhs = np.abs(lhs) + rng.random(500)
        options = {"ops": 5, "instances": "draws", "independent": 500}
        assert evidence.bound(lhs, rhs, {"w": -rhs}, **options).outcome == "VERIFIED"


def test_one_violated_instance_refutes_and_rounding_does_not():
    lhs = np.full(1000, 1 / 3)
    assert evidence.bound(lhs + 3 * U, lhs, {}, ops=2, instances="all").outcome == "VERIFIED"
    lhs[500] += 1e-12
    assert (
        evidence.bound(lhs, np.full(1000, 1 / 3), {}, ops=2, instances="all").outcome == "REFUTED"
    )


def test_bounds_attained_exactly_by_integers_and_zeros():
    n = np.arange(20)
    finding = evidence.bound(n * n, n * n, {"one less": n * n - 1}, ops=0, instances="all")
    assert (finding.outcome, finding.controls[0].outcome) == ("VERIFIED", "REFUTED")
    nothing = evidence.bound(np.array([0.0, -1.0]), np.zeros(2), {}, ops=3, instances="all")
    assert (nothing.outcome, nothing.tightness) == ("VERIFIED", None)


def test_a_gap_encloses_the_optimum():
    prediction = Prediction(1.0, 1e-3)
    finding = evidence.gap(
        1.0002, 0.9999, prediction, {"off": 1.01}, scale=1.0, ops=10, printed=1.02
    )
    assert (finding.outcome, finding.controls[0].outcome, finding.printed) == (
        "VERIFIED",
        "REFUTED",
        "REFUTED",
    )
    assert evidence.gap(1.0002, 0.99, prediction, {}, scale=1.0, ops=10).outcome == "INCONCLUSIVE"
    assert evidence.gap(1.1, -np.inf, prediction, {}, scale=1.0, ops=10).outcome == "INCONCLUSIVE"
    assert evidence.gap(0.99, 0.98, prediction, {}, scale=1.0, ops=10).outcome == "REFUTED"
    # Certificates that cross by no more than rounding are one value.
    assert evidence.gap(1.0, 1.0 + 2 * U, prediction, {}, scale=1.0, ops=10).outcome == "VERIFIED"
    with pytest.raises(ValueError, match="one of the two certificates is wrong"):
        evidence.gap(1.0, 1.001, prediction, {}, scale=1.0, ops=10)
    with pytest.raises(ValueError, match="NaN in the interval"):
        evidence.gap(1.0, np.nan, prediction, {}, scale=1.0, ops=10)


@pytest.mark.parametrize(
    ("printed", "verdict"), [(2 / 3, "VERIFIED"), (0.6, "REFUTED"), (2.0, "REFUTED")]
)
def test_what_is_printed_and_not_the_predictions_rounding_is_judged(printed, verdict):
    finding = evidence.enclosed(2 / 3, 1e-9, Prediction(2 / 3, 0.01), {"w": 0.69}, printed=printed)
    assert (finding.outcome, finding.controls[0].outcome, finding.printed) == (
        "VERIFIED",
        "REFUTED",
        verdict,
    )


@pytest.mark.parametrize("count", [5, 12, 20, 21])
def test_runs_on_one_side_carry_two_to_the_one_minus_their_number(count):
    """The sign test by hand: P(all on one side) = 2^(1 - S). That level is carried, any smaller one
    is not.
    """
    level = 2.0 ** (1 - count)
    one_sided = np.arange(1.0, count + 1)
    against = -np.ones(count)
    with pytest.raises(ValueError, match="a multiple of the outcomes"):
        evidence.runs(one_sided, {"upside down": -one_sided}, alpha=level)
    finding = evidence.runs(one_sided, {"no effect": against}, alpha=level)
    assert (finding.outcome, finding.controls[0].outcome) == ("VERIFIED", "REFUTED")
    assert finding.interval.error == pytest.approx(level, rel=1e-11, abs=0)
    assert evidence.runs(one_sided, {}, alpha=level * (1 - 1e-9)).outcome == "INCONCLUSIVE"
    one_tie = np.where(np.arange(count) == 0, 0.0, one_sided)
    assert evidence.runs(one_tie, {}, alpha=level).outcome == "INCONCLUSIVE"
    one_failed = np.where(np.arange(count) == 0, np.nan, one_sided)
    assert evidence.runs(one_failed, {}, alpha=level).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("alpha", [1 / 16, 0.01])
def test_runs_are_as_exact_as_the_binomial_law_says(alpha):
    """Without an effect, the chance of a verdict, summed over all 2^S sign patterns, is at most
    alpha.
    """
    count = 17
    verdicts = [
        evidence.runs(np.arange(count) < k, {}, alpha=alpha).outcome for k in range(count + 1)
    ]
    chances = stats.binom.pmf(np.arange(count + 1), count, 0.5)
    assert 0 < chances[np.array(verdicts) != "INCONCLUSIVE"].sum() <= alpha
    assert (verdicts[0], verdicts[-1]) == ("REFUTED", "VERIFIED")


class Recorder:
    """A law that returns a wide interval and writes down the error it was asked for."""

    def __init__(self, time_uniform):
        self.time_uniform = time_uniform
        self.asked = []

    def interval(self, batches, error, resolution):
        n = sum(map(len, batches))
        self.asked.append((n, error, np.shape(resolution)))
        estimate = np.mean(np.concatenate(batches), axis=0)
        return Enclosure(estimate, estimate - 1, estimate + 1, error, "finite-n", n)


@pytest.mark.parametrize("time_uniform", [True, False])
@pytest.mark.parametrize("coordinates", [1, 6])
@pytest.mark.parametrize(("side", "ends"), [("two", 2), ("at most", 1)])
def test_each_end_has_the_error_to_verify_and_all_ends_share_it_to_refute(
    time_uniform, coordinates, side, ends
):
    """A law is told the chance of both ends of one coordinate together."""
    law = Recorder(time_uniform)
    prediction = Prediction(np.zeros(coordinates), 0.5, 0.1, side)
    options = {"law": law, "looks": (4, 6, 9), "alpha": 0.06}
    finding = evidence.mean(lambda m: np.zeros((m, coordinates)), prediction, {}, **options)
    verify = 2 * 0.06 / (1 if time_uniform else 3)
    asked = [entry for entry in law.asked if entry[1] == pytest.approx(verify)]
    assert {n for n, *_ in asked} >= ({9} if time_uniform and side == "two" else {4, 6, 9})
    assert (finding.outcome, finding.looks) == ("INCONCLUSIVE", 3)
    assert finding.interval.error == pytest.approx(0.06)
    refuted = evidence.mean(lambda m: np.full((m, coordinates), 9.0), prediction, {}, **options)
    assert refuted.outcome == "REFUTED"
    assert law.asked[-1][1] == pytest.approx(verify / (ends * coordinates))


def test_sampling_stops_at_the_first_decision_and_waits_for_the_controls():
    sizes = []
    rng = np.random.default_rng(53)

    def sampler(m):
        sizes.append(m)
        return rng.standard_normal(m)

    far = evidence.mean(sampler, Prediction(50.0, 1.0), {}, law=Normal(), looks=(40, 80, 160))
    assert (far.outcome, far.looks, sizes) == ("REFUTED", 1, [40])
    one_sided = Prediction(3.0, 0.0, 0.0, "at most")
    waiting = evidence.mean(
        sampler, one_sided, {"near": -0.5}, law=Normal(), looks=(40, 80, 160, 320)
    )
    assert waiting.looks > 1
    assert (waiting.outcome, waiting.controls[0].outcome) == ("VERIFIED", "REFUTED")


def test_progress_and_schedule():
    reports = []
    looks = planned_looks(8, 30)
    assert all(n % 8 == 0 for n in looks)
    assert looks[-1] >= 30
    options = {"law": Asymptotic(), "looks": looks, "progress": lambda *told: reports.append(told)}
    evidence.mean(np.zeros, Prediction(0.0, 0.1), {}, **options)
    assert reports == [(n, looks[-1]) for n in looks]


def test_a_law_is_verified_its_neighbour_refuted_and_two_routes_agree():
    rng = np.random.default_rng(54)
    control = stats.expon(scale=2.0).cdf
    looks = planned_looks(128, 4000)
    drawn = rng.standard_exponential
    finding = evidence.distribution(
        drawn, stats.expon.cdf, {"half the rate": control}, margin=0.1, looks=looks
    )
    assert (finding.outcome, finding.controls[0].outcome) == ("VERIFIED", "REFUTED")
    assert (
        evidence.distribution(drawn, control, {}, margin=0.1, looks=(500, 1000)).outcome
        == "REFUTED"
    )

    def routes(m):
        return np.stack([rng.standard_exponential(m), -np.log(rng.random(m))], axis=1)

    assert (
        evidence.distribution(routes, None, {}, margin=0.2, looks=(500, 1000, 2000)).outcome
        == "VERIFIED"
    )


def test_a_verified_law_refutes_every_cdf_beyond_margin_plus_slack():
    """The lemma in the sup metric, by the triangle inequality."""
    x = (np.arange(2000) + 0.5) / 2000
    plain, shifted = (lambda t, by=by: np.clip(t - by, 0, 1) for by in (0, 0.105))
    assert SupDistance(shifted).interval([x], 1e-6, np.asarray(0.0)).low > 0.02
    options = {"margin": 0.1, "slack": 0.005, "looks": (2000,)}
    finding = evidence.distribution(lambda m: x, plain, {"shifted": shifted}, **options)
    assert (finding.outcome, finding.controls[0].outcome) == ("VERIFIED", "REFUTED")


@pytest.mark.parametrize(
    ("instances", "words"), [("grid", "on a grid"), ("search", "searched"), ("draws", "drawn")]
)
def test_a_bound_says_first_which_family_was_tried(instances, words):
    independent = 2 if instances == "draws" else None
    finding = evidence.bound(
        np.array([1.0, 1.5]),
        np.array([2.0, 2.5]),
        {},
        ops=1,
        instances=instances,
        independent=independent,
        family="quadratics",
    )
    assert finding.outcome == "VERIFIED"
    assert finding.note.startswith(f"tried on quadratics alone ({words})")


def test_a_family_is_no_part_of_a_bound_on_all_or_of_a_refutation():
    with pytest.raises(ValueError, match="family="):
        evidence.bound(1.0, 2.0, {}, ops=1, instances="all", family="quadratics")
    with pytest.raises(ValueError, match="family="):
        evidence.bound(1.0, 2.0, {}, ops=1, instances="grid", family=3)
    refuted = evidence.bound(3.0, 2.0, {}, ops=1, instances="grid", family="quadratics")
    assert "tried on" not in refuted.note
