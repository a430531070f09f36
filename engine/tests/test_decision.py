"""The one rule: its three zones, the lemma on controls, termination, and the sentences for what
cannot be decided.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from theory_on_trial.decide.decision import (
    Prediction,
    check_controls,
    decide,
    deviation,
    judge,
)
from theory_on_trial.laws import Enclosure

# Sixteenths below 2^16 add and subtract without rounding, so that the borders of the rule can be
# hit exactly.
numbers = st.integers(-4000, 4000).map(lambda k: k / 16)
widths = st.integers(0, 4000).map(lambda k: k / 16)
positive = st.integers(1, 4000).map(lambda k: k / 16)


def interval(low, high):
    low = np.asarray(low, float)
    high = np.asarray(high, float)
    return Enclosure(low, low, high, 0.0, "exact", 1)


@given(low=numbers, width=positive, p=numbers, slack=widths, extra=positive)
def test_each_verdict_states_what_the_interval_proves(low, width, p, slack, extra):
    """Each point of the interval is within the margin, or each is beyond it."""
    margin = slack + extra
    verdict = decide(interval(low, low + width), Prediction(p, margin, slack))
    farthest = max(abs(low - p), abs(low + width - p))
    nearest = max(low - p, p - low - width, 0.0)
    if farthest < margin:
        assert verdict == "VERIFIED"
    elif nearest > margin:
        assert verdict == "REFUTED"
    else:
        assert verdict == "INCONCLUSIVE"


@given(
    data=st.data(),
    k=st.integers(1, 5),
    slack=widths,
    extra=positive,
    sign=st.sampled_from([-1, 1]),
    beyond=widths,
)
def test_a_verified_prediction_refutes_every_admissible_control(
    data, k, slack, extra, sign, beyond
):
    """Lemma: |c - p| >= margin + slack in one coordinate and VERIFIED for p imply REFUTED for c, on
    one interval.
    """
    p, low = (np.array(data.draw(st.lists(numbers, min_size=k, max_size=k))) for _ in range(2))
    prediction = Prediction(p, slack + extra, slack)
    control = p.copy()
    control[data.draw(st.integers(0, k - 1))] += sign * (2 * slack + extra + beyond)
    check_controls(prediction, {"wrong": control})
    for offset in (low, p):
        finding = judge(interval(offset, offset + extra / 2), prediction, {"wrong": control})
        if finding.outcome == "VERIFIED":
            assert finding.controls[0].outcome == "REFUTED"
    assert finding.outcome == "VERIFIED"


@given(low=numbers, width=widths, p=numbers, slack=widths, extra=widths)
def test_one_sided_verdicts_mirror_each_other(low, width, p, slack, extra):
    assume(width > 0 or slack + extra > 0)  # width 0 and margin 0 is exact arithmetic, tested below
    at_most = decide(interval(low, low + width), Prediction(p, slack + extra, slack, "at most"))
    at_least = decide(
        interval(-low - width, -low), Prediction(-p, slack + extra, slack, "at least")
    )
    assert at_most == at_least
    if at_most == "VERIFIED":
        assert low + width < p + slack + extra
    elif at_most == "REFUTED":
        assert low > p + slack + extra


def test_within_the_margin_a_claim_is_verified_and_a_control_beyond_its_slack_refuted():
    """[1, 2] lies within the margin of both 0 and 3, and the truth is neither: it is further than
    0.5 from both.
    """
    finding = judge(interval(1.0, 2.0), Prediction(0.0, 2.5, 0.5), {"wrong": 3.0}, printed=3.0)
    assert (finding.outcome, finding.controls[0].outcome, finding.printed) == (
        "VERIFIED",
        "REFUTED",
        "VERIFIED",
    )


def test_a_vector_is_verified_by_all_and_refuted_by_any():
    prediction = Prediction(np.zeros(3), 1.0, 0.25)
    inside = (-0.5, 0.5)
    beyond = (2.0, 3.0)
    wide = (-9.0, 9.0)
    between = (0.3, 0.9)  # beyond the slack and within the margin
    for ends, outcome in (
        ((inside, inside, between), "VERIFIED"),
        ((inside, wide, beyond), "REFUTED"),
        ((inside, between, wide), "INCONCLUSIVE"),
    ):
        assert decide(interval(*np.transpose(ends)), prediction) == outcome


@pytest.mark.parametrize("side", ["two", "at most", "at least"])
def test_exact_arithmetic_needs_no_margin(side):
    def exact(value):
        return Enclosure(value, value, value, 0.0, "exact", 1)

    third = np.asarray(Fraction(1, 3))
    more = np.asarray(Fraction(1, 3) + Fraction(1, 10**30))
    assert decide(exact(third), Prediction(third, side=side)) == "VERIFIED"
    assert decide(exact(more), Prediction(third, side=side)) == (
        "VERIFIED" if side == "at least" else "REFUTED"
    )
    assert decide(exact(third), Prediction(more, side=side)) == (
        "VERIFIED" if side == "at most" else "REFUTED"
    )


def test_an_unbounded_interval_decides_nothing_and_a_half_line_one_side():
    assert decide(interval(-np.inf, np.inf), Prediction(0.0, 1.0)) == "INCONCLUSIVE"
    assert decide(interval(2.0, np.inf), Prediction(0.0, 1.0)) == "REFUTED"
    assert decide(interval(2.0, np.inf), Prediction(1.0, 0.0, 0.0, "at least")) == "VERIFIED"


@given(low=numbers, width=positive, p=numbers, margin=positive)
def test_the_slack_names_a_part_of_the_margin_and_moves_no_verdict(low, width, p, margin):
    box = interval(low, low + width)
    assert decide(box, Prediction(p, margin)) == decide(box, Prediction(p, margin, margin))


def test_a_row_says_by_how_much_the_prediction_is_off():
    def said(low, high, slack=0.0):
        return deviation(interval(low, high), Prediction(np.zeros(np.shape(low)), 1.0, slack))

    assert said(0.25, 0.5) == "the truth lies 0.25 to 0.5 above the prediction"
    assert said(-0.5, -0.25) == "the truth lies 0.25 to 0.5 below the prediction"
    assert said([-0.1, 0.2, 0.3], [0.1, 0.4, 0.5]).endswith("prediction at coordinate [2]")
    assert said(-0.1, 0.5) == ""
    assert said(0.25, 0.5, slack=0.3) == ""  # the theory admits as much
