"""The resolution, as a test: a prediction that is off by more is no longer VERIFIED and could not be
the truth, by less it is or could on some side.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from theory_on_trial import Trial
from theory_on_trial.decide import evidence
from theory_on_trial.decide.decision import Prediction, decide, decide_control, judge
from theory_on_trial.decide.resolution import Resolution, distance
from theory_on_trial.laws import Enclosure, Normal

sizes = st.floats(1e-3, 1e3)
shares = st.floats(0.01, 0.99)


def interval(low, high):
    low = np.asarray(low, float)
    high = np.asarray(high, float)
    return Enclosure((low + high) / 2, low, high, 0.0, "exact", 1)


@given(
    value=st.one_of(sizes, sizes.map(lambda v: -v)),
    margin=sizes,
    slack=shares,
    offset=shares,
    width=shares,
)
def test_an_error_of_the_resolution_is_detected_in_either_direction(
    value, margin, slack, offset, width
):
    half = width * margin / 2
    centre = value + (2 * offset - 1) * (margin - half)
    box = interval(centre - half, centre + half)
    prediction = Prediction(value, margin, slack * margin)
    finding = judge(box, prediction, {})
    assume(finding.outcome == "VERIFIED")
    size = finding.resolution.size
    for sign in (1, -1):
        moved = replace(prediction, value=value * (1 + sign * size * 1.0001))
        assert decide(box, moved) != "VERIFIED"
        assert decide_control(box, moved) == "REFUTED"
    moved = [replace(prediction, value=value * (1 + sign * size * 0.9999)) for sign in (1, -1)]
    assert any(
        decide(box, wrong) == "VERIFIED" or decide_control(box, wrong) != "REFUTED"
        for wrong in moved
    )


@given(
    bound=sizes, share=shares, slack=st.floats(0, 1), side=st.sampled_from(["at most", "at least"])
)
def test_a_bound_that_is_tightened_beyond_it_is_violated(bound, share, slack, side):
    sign = 1 if side == "at most" else -1
    measured = bound * share if side == "at most" else bound / share
    found = interval(measured, measured)
    prediction = Prediction(bound, slack, slack, side)
    size = judge(found, prediction, {}).resolution.size
    assert decide(found, replace(prediction, value=bound * (1 - sign * size * 1.0001))) == "REFUTED"
    assert decide(found, replace(prediction, value=bound * (1 - sign * size * 0.9999))) != "REFUTED"


def test_the_tightest_instance_tells_how_tight_a_bound_is():
    found = judge(
        interval([0.2, 0.97], [0.2, 0.97]), Prediction(np.ones(2), 1e-12, 0.0, "at most"), {}
    ).resolution
    assert found.size == pytest.approx(0.03)


def test_a_common_factor_is_detected_before_one_coordinate_alone():
    prediction = Prediction(np.array([1.0, 100.0]), np.array([0.5, 1.0]))
    found = judge(interval([1, 100], [1, 100]), prediction, {}).resolution
    assert (found.size, found.each) == (pytest.approx(0.01), pytest.approx(0.5))
    assert str(found) == "1 %"


def test_where_all_is_zero_an_error_is_measured_in_the_scale():
    assert judge(interval(0, 0), Prediction(0.0, 0.1), {}).resolution.size == np.inf
    found = judge(interval(0, 0), Prediction(0.0, 0.1, scale=10.0), {}).resolution
    assert (found.size, str(found)) == (pytest.approx(0.01), "0.01 of its scale")
    assert distance(5.0, Prediction(0.0, 0.1, scale=10.0)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0.0, "any error"),
        (2e-5, "2e-5"),
        (0.0123, "1.2 %"),
        (1.2345, "120 %"),
        (10.0, "1000 %"),
        (np.inf, "unknown"),
    ],
)
def test_an_error_is_a_number_with_its_unit_or_a_word(size, words):
    assert str(Resolution(size, size)) == words


def test_exact_arithmetic_detects_everything():
    assert judge(interval(3, 3), Prediction(3), {}).resolution.size == 0


@pytest.mark.parametrize("seed", range(5))
def test_the_resolution_of_samples_is_known_before_the_first_one(seed):
    """It is margin + slack: a coarse margin is told at every seed or at none."""

    def decided(truth):
        rng = np.random.default_rng([70, seed])
        return evidence.mean(
            lambda m: truth + rng.standard_normal(m),
            Prediction(10.0, 0.4, 0.1),
            {},
            law=Normal(),
            looks=(100, 400, 1600),
        )

    assert decided(10.0).resolution.size == pytest.approx(0.05)
    # A theory that is off by so much, its own error included, is refuted.
    assert decided(10.0 + 0.5).outcome in ("REFUTED", "INCONCLUSIVE")
    assert decided(10.0 + 0.65).outcome == "REFUTED"


@pytest.mark.parametrize(
    ("measured", "predicted", "error", "sentence"),
    [
        ([1.0, 2.0], 1.5, [0.0, 0.0], "one prediction for all 2 coordinates"),
        (
            [1.0, 0.0],
            [1.0, 0.0],
            [0.0, 0.2],
            "where 0 is predicted errors are detected from 0.2 of the largest on",
        ),
        (
            [1.0, 1.0],
            [1.0, 1.0],
            [0.0, 0.2],
            "detected from 0.1 % on, an error in one coordinate from 0.2 on",
        ),
    ],
)
def test_what_a_row_does_not_show_is_in_its_note(measured, predicted, error, sentence):
    trial = Trial("toy.note")
    trial.value(
        np.array(measured),
        np.array(predicted),
        margin=np.where(np.array(error) > 0, 0.3, 0.001),
        error=error,
        controls={"w": np.array(predicted) + 9},
    )
    assert sentence in trial.findings[0].note
