"""What deterministic decisions say: the verdict before objections, of draws what they tell of
others.
"""

import random
import re
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from theory_on_trial import claim, derived, paper, published
from theory_on_trial.decide import evidence
from theory_on_trial.decide.decision import ControlTooClose, Prediction, judge
from theory_on_trial.decide.evidence import failing_share
from theory_on_trial.laws import Bounded, Enclosure
from theory_on_trial.ledger import rows_of
from theory_on_trial.ledger import verdict as rules
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.domain import OutsideDomain

PRINTED = published(
    place=paper("Theorem 1"),
    quoted="it is another number",
    within="no condition stands there",
    reach="theorem",
    effect="nothing published",
    ran="the formula",
)


@pytest.fixture(autouse=True)
def any_number_of_draws(monkeypatch):
    """These tests are about what a row says of its draws; how many it needs has its own test."""
    monkeypatch.setattr(rules, "LEAST_DRAWN", 1)


def claim_of(check, **options):
    """A claim of a check under a name of its own, which no file states."""
    check.__name__ = "test_" + re.sub(r"\W+", "_", check.__qualname__)
    check.__doc__ = "A statement."
    return claim(derived("so it is"), **options)(check).claim


def rows(check, *, seed=0, **options):
    """The rows of a claim at its own cases; what it raises is in them."""
    subject = claim_of(check, **options)
    trial = Trial(subject.id, seed)
    error = None
    try:
        subject.function(trial)
    except Exception as raised:
        error = raised
    return rows_of(subject, trial.findings, 0.0, "", trial.refusal or error)


# ------------------------------------------------------------------------------- drawn instances


def test_an_identity_of_drawn_instances_says_how_many_and_what_share_could_fail():
    def check(trial, n):
        x = trial.generator().normal(size=n)
        total = np.sum(x[::-1])
        trial.identity(np.sum(x), total, ops=n, scale=np.sum(abs(x)), controls={"twice": 2 * total})

    row = rows(check, cases=[3, 4, 5])[0]
    assert row.verdict == "VERIFIED"
    assert row.guarantee == "drawn, 3 instances"
    assert row.error_probability == 0.001
    assert "fewer than 90 % of all can fail (99.9 % confidence)" in row.note


def test_an_identity_counts_the_instances_that_it_is_told_of():
    def check(trial):
        x = trial.generator().normal(size=(100, 2))
        trial.identity(
            x[:, 0] + x[:, 1], x.sum(axis=1), ops=1, scale=5.0, independent=100, controls={"w": 9.0}
        )

    row = rows(check)[0]
    assert row.guarantee == "drawn, 100 instances"
    assert "fewer than 6.7 % of all can fail" in row.note


def test_an_identity_without_draws_is_exact_as_ever():
    row = rows(lambda trial: trial.identity(0.1 + 0.2, 0.3, ops=1, controls={"w": 0.4}))[0]
    assert (row.verdict, row.guarantee, row.error_probability) == ("VERIFIED", "exact", 0.0)
    assert "drawn" not in row.note


def test_the_share_that_could_fail_is_exceeded_no_more_often_than_said():
    """A statement that fails for a share p of all instances passes ten draws with chance (1 -
    p)^10; where the share that is said is below p, this is at most 5 %.
    """
    share = failing_share(10, 0.05)
    rng = np.random.default_rng(81)
    for p in (share * 1.001, 0.4, 0.7):
        passed = (rng.random((20_000, 10)) >= p).all(axis=1)
        assert np.sum(passed) <= stats.binom.isf(1e-6, 20_000, 0.05)
    assert (1 - share) ** 10 == pytest.approx(0.05)


def test_a_false_class_is_verified_on_one_draw_with_what_that_is_worth():
    """The larger of two numbers is the first one: true of half of all draws."""

    def check(trial):
        x = trial.generator().normal(size=2)
        trial.identity(np.max(x), x[0] + 0.0, ops=1, scale=5.0, controls={"twice": 2 * x[0]})

    verdicts = [rows(check, seed=seed)[0] for seed in range(20)]
    verified = [row for row in verdicts if row.verdict == "VERIFIED"]
    assert 0 < len(verified) < 20
    for row in verified:
        assert row.guarantee == "drawn, 1 instance"
        assert row.error_probability == 0.001
        assert "fewer than 1e+02 % of all can fail" in row.note
    refuted = next(row for row in verdicts if row.verdict == "REFUTED")
    assert refuted.error_probability == 0.0  # one counterexample is enough


@pytest.mark.parametrize("decision", ["gap", "value", "bound"])
def test_other_exact_decisions_on_draws_say_so_too(decision):
    def check(trial):
        x = float(trial.generator().normal())
        if decision == "gap":
            trial.gap(x, x, x, margin=1e-3, scale=1.0, ops=1, controls={"w": x + 1})
        elif decision == "value":
            trial.value(x, x, margin=1e-3 * abs(x), error=0.0, controls={"w": 2 * x})
        else:
            trial.bound(abs(x), abs(x), instances="all", ops=1, controls={"w": abs(x) / 2})

    kind = {"gap": "optimality", "value": "identity", "bound": "bound"}[decision]
    row = rows(check, kind=kind)[0]
    assert row.verdict == "VERIFIED"
    assert row.guarantee == "drawn, 1 instance"


# ------------------------------------------------------------------------------ generic instances

POLYNOMIALS = "both sides are polynomials in the entries of x"


def test_one_draw_of_two_analytic_sides_shows_it_almost_surely():
    def check(trial):
        x = trial.generator().normal(size=2)
        trial.identity(
            (x[0] + x[1]) ** 2,
            x[0] ** 2 + 2 * x[0] * x[1] + x[1] ** 2,
            ops=6,
            scale=np.sum(x**2),
            generic=POLYNOMIALS,
            controls={"no product": np.sum(x**2)},
        )

    row = rows(check)[0]
    assert (row.verdict, row.guarantee) == ("VERIFIED", "generic, 1 drawn instance")
    assert row.error_probability is None
    assert f"almost surely, to the precision of the row, since {POLYNOMIALS}" in row.note


def test_false_polynomial_identities_are_refuted_whatever_is_drawn():
    """x³ + c x² is x³ only where x is 0, which no density sees."""

    def check(trial):
        x = float(trial.generator().normal())
        trial.identity(x**3 + 0.01 * x**2, x**3, ops=4, generic=POLYNOMIALS, controls={"2": 2 * x})

    assert {rows(check, seed=seed)[0].verdict for seed in range(50)} == {"REFUTED"}


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.integers(100, size=2) + rng.normal(size=2),
        lambda rng: rng.permutation(rng.normal(size=2)),
        lambda rng: rng.normal(size=2) * rng.choice([-1, 1], size=2),
        lambda rng: rng.spawn(1)[0].binomial(9, 0.5, size=2) + 0.5,
    ],
    ids=["integers", "permutation", "choice", "binomial"],
)
def test_numbers_without_a_density_are_not_generic(draw):
    def check(trial):
        x = draw(trial.generator())
        total = x[0] + x[1]
        trial.identity(x[1] + x[0], total, ops=2, generic=POLYNOMIALS, controls={"w": total + 1})

    row = rows(check)[0]
    assert row.verdict == "INCONCLUSIVE"
    assert "takes few values" in row.note


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"generic": "yes"}, "says in words why both sides are analytic"),
        ({"generic": POLYNOMIALS, "instances": "grid"}, "not for a search, a grid or all"),
    ],
)
def test_a_generic_identity_says_why(options, sentence):
    def check(trial):
        x = float(trial.generator().normal())
        trial.identity(x + x, 2 * x, ops=2, controls={"w": x}, **options)

    assert sentence in rows(check)[0].note


def test_nothing_is_generic_without_draws():
    def check(trial):
        trial.identity(2.5, 2.5, ops=2, controls={"w": 3.0}, generic=POLYNOMIALS)

    assert "that the check has drawn from a density" in rows(check)[0].note


@pytest.mark.parametrize(("count", "verdict"), [(1, "INCONCLUSIVE"), (3, "VERIFIED")])
def test_a_wide_margin_needs_several_generic_draws(count, verdict):
    """Sides that differ agree to 1 % by chance about once in a hundred draws."""

    def check(trial, number):
        x = float(trial.generator(f"draw {number}").normal())
        trial.value(
            x, x, margin=0.005 * abs(x), error=0.0, generic=POLYNOMIALS, controls={"w": 2 * x}
        )

    row = rows(check, kind="identity", cases=list(range(count)))[0]
    assert row.verdict == verdict
    assert ("may agree by chance" in row.note) == (count == 1)


def test_one_decision_that_is_not_generic_keeps_the_others_from_counting():
    def check(trial):
        x = float(trial.generator().normal())
        trial.identity(x + x, 2 * x, ops=2, generic=POLYNOMIALS, controls={"w": x})
        trial.identity(x + x + x, 3 * x, ops=2, controls={"w": x})

    assert rows(check)[0].guarantee == "drawn, 1 instance"


def test_draws_that_come_from_no_stream_of_the_trial_are_refused():
    def check(trial):
        x = np.random.default_rng(0).normal(size=20)
        trial.bound(x, abs(x), instances="draws", independent=20, ops=0, controls={"w": abs(x) - 9})

    row = rows(check)[0]
    assert row.verdict == "INCONCLUSIVE"
    assert "has drawn nothing from the streams of the trial" in row.note


def test_a_grid_says_that_it_sees_nothing_between_its_points():
    x = np.linspace(0, 1, 11)
    row = rows(
        lambda trial: trial.bound(x, x, instances="grid", ops=1, controls={"w": x - 0.1}),
    )[0]
    assert "at 11 points of a grid: what happens between them is not seen" in row.note
    row = rows(
        lambda trial: trial.identity(
            [1, 1], [1, 1], instances="grid", ops=0, controls={"w": [2, 2]}
        )
    )[0]
    assert row.guarantee == "on a grid"
    assert "what happens between its points is not seen" in row.note


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"instances": "draws"}, "says how many are independent"),
        ({"independent": 3}, "along the first axis of the value: got 3 where that has 2"),
        ({"instances": "somewhere"}, "instances must be one of"),
        ({"instances": "all", "independent": 2}, "independent= is the number"),
    ],
)
def test_instances_that_do_not_fit_get_one_sentence(options, sentence):
    trial = Trial("a.claim")
    trial.generator()
    with pytest.raises(ValueError, match=sentence):
        trial.identity([1.0, 2.0], [1.0, 2.0], ops=1, controls={"w": 9.0}, **options)


def test_a_stream_that_is_drawn_again_counts_once():
    trial = Trial("a.claim")
    x = [trial.generator("same").normal(size=2) for _ in range(3)]
    with pytest.raises(ValueError, match="has drawn only 2 numbers"):
        trial.identity(x, x, ops=1, controls={"w": 9.0}, instances="draws", independent=3)


def test_a_stream_that_is_drawn_again_may_not_hide_integers():
    trial = Trial("a.claim")
    x = trial.generator("same").normal()
    trial.generator("same").integers(9)
    with pytest.raises(ValueError, match="integers"):
        trial.identity(x, x, ops=1, controls={"w": 9.0}, generic="both sides are the same number")


CHECKED = 500


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda rng: np.full(CHECKED, rng.normal()), "has drawn only 1 numbers"),
        (lambda rng: np.full(CHECKED, rng.normal(size=CHECKED)[0]), "are equal"),
        (lambda rng: np.tile(rng.normal(size=2), CHECKED // 2), "has drawn only 2 numbers"),
        (lambda rng: np.tile(rng.normal(size=CHECKED)[:2], CHECKED // 2), "are 2 and copies"),
        (lambda rng: np.cumsum(rng.normal(size=CHECKED)), "correlated at a lag"),
        (lambda rng: np.sort(rng.normal(size=5000))[:CHECKED], "in the order of their size"),
        (lambda rng: -np.sort(-rng.normal(size=5000))[:CHECKED], "in the order of their size"),
    ],
    ids=["one number", "one of many", "two tiled", "two of many", "a walk", "least", "largest"],
)
@pytest.mark.parametrize("decision", ["identity", "value", "gap", "bound"])
def test_instances_that_are_no_independent_draws_are_refused_by_each_decision(
    draw, sentence, decision
):
    def check(trial):
        x = draw(trial.generator())
        many = {"independent": CHECKED}
        if decision == "identity":
            trial.identity(x + x, 2 * x, ops=2, controls={"w": 3 * x + 1}, **many)
        elif decision == "value":
            trial.value(x, x, error=0.0, margin=1e-9, controls={"w": x + 1}, **many)
        elif decision == "gap":
            trial.gap(x, x, x, margin=1e-9, scale=9.0, ops=1, controls={"w": x + 1}, **many)
        else:
            lhs = abs(x) - 1
            trial.bound(lhs, abs(x), ops=1, instances="draws", controls={"w": lhs - 1}, **many)

    kind = {"gap": "optimality", "bound": "bound"}.get(decision, "identity")
    row = rows(check, kind=kind, low_power="a test", not_tight="a test")[0]
    assert row.verdict == "INCONCLUSIVE"
    assert sentence in row.note


def test_independent_vectors_and_counts_are_not_refused():
    def check(trial):
        rng = trial.generator()
        x = rng.standard_cauchy(size=(CHECKED, 3))
        trial.identity(x[:, ::-1], x[:, [2, 1, 0]], ops=1, controls={"w": x}, independent=CHECKED)
        n = rng.integers(3, size=CHECKED)
        trial.identity(n + n, 2 * n, ops=0, controls={"w": n + 1}, independent=CHECKED)
        ones = np.ones(CHECKED)  # such as a rank, the same of each
        trial.identity(ones, ones + 0, ops=0, controls={"w": ones + 1}, independent=CHECKED)

    for seed in range(40):
        assert rows(check, seed=seed, kind="identity")[0].verdict == "VERIFIED"


@pytest.mark.parametrize("instances", ["all", "grid"])
def test_a_drawn_instance_is_neither_all_nor_a_grid(instances):
    def check(trial):
        x = float(trial.generator().normal())
        trial.identity(x + x, 2 * x, ops=2, instances=instances, controls={"w": x})

    assert re.search(r"\b1 (drawn )?instance$", rows(check)[0].guarantee)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: float(np.random.default_rng().normal()),
        lambda: float(np.random.Generator(np.random.PCG64()).normal()),
        lambda: float(np.random.normal()),  # noqa: NPY002 - which is refused
        lambda: float(stats.norm.rvs()),
        lambda: random.gauss(0, 1),
    ],
    ids=["default_rng", "PCG64", "numpy", "scipy", "random"],
)
def test_numbers_that_no_seed_decides_are_refused(draw):
    def check(trial):
        x = draw()
        trial.identity(x + x, 2 * x, ops=2, controls={"w": x})

    row = rows(check)[0]
    assert row.verdict == "INCONCLUSIVE"
    assert "differ from run to run" in row.note


def test_numbers_of_a_library_that_is_given_a_seed_are_not_refused():
    def check(trial):
        x = float(np.random.RandomState(3).normal() + stats.norm.rvs(random_state=4))
        x += float(np.random.default_rng(5).normal())
        trial.identity(x + x, 2 * x, ops=2, controls={"w": x})

    assert rows(check)[0].verdict == "VERIFIED"


def test_what_a_library_draws_while_it_is_imported_is_no_number_of_the_check():
    program = """
import numpy as np
from theory_on_trial import Trial
trial = Trial("a.claim")
import scipy.stats, sklearn.linear_model
trial.identity(0.1 + 0.2, 0.3, ops=1, controls={"w": 0.4})
print(trial.findings[0].outcome)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "VERIFIED\n", done.stderr


# ------------------------------------------------------------------------------------- roundings


def test_a_true_identity_whose_scale_forgot_a_cancellation_is_not_refuted():
    """(1 + x)² - 1 - 2 x = x², of numbers near 1 that cancel; ops and scale are those of x²."""
    x = 1.3e-3
    value = (1 + x) ** 2 - 1 - 2 * x
    found = evidence.identity(value, x**2, {"another": 2 * x**2}, ops=10)
    assert found.outcome == "INCONCLUSIVE"
    assert found.note.startswith("the sides agree to ")
    assert "is scale= the size of what cancels on the way?" in found.note
    right = evidence.identity(value, x**2, {"another": 2 * x**2}, ops=10, scale=1.0)
    assert right.outcome == "VERIFIED"


def test_digits_beyond_rounding_may_be_claimed_and_are_refuted_then():
    wrong = 1.0 + 3e-12
    assert evidence.identity(wrong, 1.0, {"far": 2.0}, ops=1).outcome == "INCONCLUSIVE"
    assert evidence.identity(wrong, 1.0, {"near": 1 + 1e-11}, ops=1).outcome == "REFUTED"
    assert evidence.identity(1 + 3e-10, 1.0, {"far": 2.0}, ops=1).outcome == "REFUTED"
    assert evidence.identity(Fraction(1, 3), Fraction(1, 3) + 1, {}, ops=0).outcome == "REFUTED"


def test_one_array_on_both_sides_is_no_identity():
    y = np.arange(3.0)
    with pytest.raises(ValueError, match="one and the same array"):
        evidence.identity(y, y, {"w": y + 1}, ops=1)
    assert evidence.identity(y.copy(), y, {"w": y + 1}, ops=1).outcome == "VERIFIED"


def test_the_rounding_of_a_gap_is_capped():
    with pytest.raises(ValueError, match="is no rounding"):
        evidence.gap(0.985, 1.0, Prediction(1.0, 0.05), {"w": 2.0}, scale=1e13, ops=10)


def test_a_scale_hides_no_error_beside_the_predictions():
    trial = Trial("a.claim")
    with pytest.raises(ValueError, match="more than ten times the largest prediction beside it"):
        trial.value([1.0, 1e6], [1.0, 0.0], margin=[0.01, 2e6], error=0.0, scale=1e9)
    trial.value([0.0, 0.0], 0.0, margin=1.0, error=0.0, scale=1e9, controls={"w": 1e8})
    assert trial.findings[0].outcome == "VERIFIED"


# ---------------------------------------------------------------------------- order of judgement


def test_a_control_that_is_none_never_hides_a_refutation():
    violated = evidence.bound([0.49], [0.35], {"another": [0.42]}, ops=1, instances="all")
    assert violated.outcome == "REFUTED"
    assert violated.note == ""
    with pytest.raises(ControlTooClose):
        evidence.bound([0.29], [0.35], {"another": [0.42]}, ops=1, instances="all")
    box = Enclosure(np.asarray(2.0), np.asarray(1.9), np.asarray(2.1), 1e-6, "finite-n", 9)
    assert judge(box, Prediction(1.0, 0.1), {"near": 1.05}).outcome == "REFUTED"
    with pytest.raises(ControlTooClose):
        judge(box, Prediction(2.0, 0.2), {"near": 2.05})
    for decision in (
        lambda: evidence.identity(1.0, 2.0, {"same": 2.0}, ops=1),
        lambda: evidence.gap(1.0, 1.0, Prediction(2.0, 0.1), {"same": 2.0}, scale=1.0, ops=1),
        lambda: evidence.enclosed(1.0, 0.0, Prediction(2.0, 0.1), {"same": 2.0}),
    ):
        assert decision().outcome == "REFUTED"


@pytest.mark.parametrize("error", [ValueError("no"), OutsideDomain("not there"), TypeError("odd")])
def test_a_case_that_refutes_is_kept_whatever_another_raises(error):
    def check(trial, n):
        if n == 2:
            raise error
        trial.identity(float(n), 1.0, ops=1, controls={"w": 99.0})

    row = rows(check, cases=[1, 2, 3])[0]
    assert row.verdict == "REFUTED"
    assert "refuted at n=3" in row.note
    assert (row.predicted, row.measured) == (1.0, 3.0)


def test_a_refused_case_does_not_hide_the_ones_behind_it():
    def check(trial, n):
        if n == 1:
            raise ValueError("no such thing")
        trial.identity(float(n), float(n), ops=1, controls={"w": 99.0})

    subject = claim_of(check, cases=[1, 2, 3])
    trial = Trial(subject.id)
    with pytest.raises(ValueError, match="n=1: no such thing"):
        subject.function(trial)
    assert [finding.case for finding in trial.findings] == ["n=2", "n=3"]


def test_a_refuted_vector_shows_its_worst_coordinate_and_its_case():
    def check(trial, n):
        measured = np.ones(3)
        measured[1] = n
        trial.identity(measured, np.ones(3), ops=1, controls={"w": np.full(3, 9.0)})

    row = rows(check, cases=[1, 5])[0]
    assert (row.verdict, row.predicted, row.measured) == ("REFUTED", 1.0, 5.0)
    assert row.note == "refuted at n=5; coordinate [1] of 3, the worst"


def test_a_published_vector_shows_the_coordinate_that_refutes_it():
    def check(trial):
        trial.value(
            [1.0, 2.0],
            [1.0, 2.0],
            margin=1e-3,
            error=0.0,
            controls={"w": [9.0, 9.0]},
            as_published=[1.0, 4.0],
        )

    row = rows(check, kind="identity", as_published=PRINTED)[1]
    assert (row.verdict, row.predicted, row.measured) == ("REFUTED", 4.0, 2.0)


def test_the_note_of_a_decision_does_not_take_the_place_of_its_reason():
    def check(trial):
        trial.generator()
        trial.value(1.0, 1.0, margin=0.1, error=0.5, controls={"w": 9.0})

    row = rows(check, kind="identity")[0]
    assert row.verdict == "INCONCLUSIVE"
    assert "the interval lies neither within the margin nor outside it" in row.note


def test_power_is_that_of_the_margin_and_not_of_what_the_samples_gave():
    def check(margin):
        return lambda trial: trial.value(1.0, 1.0, margin=margin, error=0.0, controls={"half": 0.5})

    assert rows(check(0.049), kind="identity")[0].verdict == "VERIFIED"
    low = rows(check(0.06), kind="identity")[0]
    assert "an error below 6 % would not be detected" in low.note


# ------------------------------------------------------------------------------- published forms


def test_what_is_published_takes_a_side_of_its_own():
    """The truth is .536, at most .6; printed is that it is at least .9."""

    def check(trial):
        trial.value(
            0.536,
            0.6,
            side="at most",
            error=0.0,
            controls={"w": 0.5},
            as_published=("at least", 0.9),
        )

    row, printed = rows(check, kind="bound", as_published=PRINTED, not_tight="no need")
    assert (row.verdict, printed.verdict) == ("VERIFIED", "REFUTED")
    assert (printed.predicted, printed.measured) == (0.9, 0.536)


@pytest.mark.parametrize(
    ("published", "outcome"),
    [
        (("two", 0.5), "VERIFIED"),
        (("two", 0.6), "REFUTED"),
        (("at most", 0.4), "REFUTED"),
        (("at least", 0.4), "VERIFIED"),
        (0.7, "VERIFIED"),
    ],
)
def test_the_sides_of_what_is_published(published, outcome):
    found = evidence.enclosed(
        0.5, 1e-14, Prediction(0.55, 0.0, 0.0, "at most"), {"w": 0.4}, published
    )
    assert found.printed == outcome


def test_a_side_that_is_none_gets_one_sentence():
    with pytest.raises(ValueError, match="the side of as_published= must be one of"):
        evidence.enclosed(0.5, 0.0, Prediction(0.5, 0.1), {"w": 1.0}, ("below", 0.6))


def test_published_digits_count_as_they_are_printed():
    """.1004 rounds to the 0.100 that is printed; 0.13 does not, though it rounds to .1."""
    with pytest.raises(ValueError, match=r"0.100, is the prediction, rounded to these digits"):
        evidence.enclosed(0.1004, 0.0, Prediction(0.1004, 1e-5), {"w": 1.0}, "0.100")
    found = evidence.enclosed(0.13, 0.0, Prediction(0.13, 1e-5), {"w": 1.0}, "0.100")
    assert (found.printed, found.printed_value) == ("REFUTED", 0.1)
    with pytest.raises(ValueError, match=r"a number as it is printed, .* got 'three'"):
        evidence.enclosed(0.13, 0.0, Prediction(0.13, 1e-5), {"w": 1.0}, "three")


@pytest.mark.parametrize("printed", [[0.12, 0.99], ["0.1235", "0.9877"], np.array([0.1, 1.0])])
def test_a_vector_that_is_printed_rounded_is_no_other_statement(printed):
    value = np.array([0.123456, 0.98766])
    prediction = Prediction(value, 1e-6)
    with pytest.raises(ValueError, match="is the prediction, rounded"):
        evidence.enclosed(value, 0.0, prediction, {"w": value + 1}, printed)
    wrong = [printed[0], "0.55"]
    found = evidence.enclosed(value, 0.0, prediction, {"w": value + 1}, wrong)
    assert (found.printed, found.printed_value[1]) == ("REFUTED", 0.55)


@pytest.mark.parametrize(
    ("truth", "printed", "outcome"),
    [(1251.0, "about 1200", "REFUTED"), (0.0334, "about .03", None), (1249.0, "about 1200", None)],
)
def test_about_a_number_is_half_a_unit_of_its_last_digit(truth, printed, outcome):
    arguments = truth, 0.0, Prediction(truth, 1e-6), {"w": 2 * truth}, printed
    if outcome is None:
        with pytest.raises(ValueError, match="is the prediction, rounded"):
            evidence.enclosed(*arguments)
        return
    found = evidence.enclosed(*arguments)
    assert (found.printed, found.printed_value) == (outcome, 1200.0)
    # Of a prediction that is not the truth the published number may be nearer to it.
    found = evidence.enclosed(1220.0, 0.0, Prediction(truth, 1e-6), {"w": 2 * truth}, printed)
    assert (found.outcome, found.printed) == ("REFUTED", "VERIFIED")


# ---------------------------------------------------------------------------- one P for a claim


def test_the_chances_of_error_of_all_decisions_are_held_to_the_cap():
    def check(trial, n):
        runs = trial.generator().random(20) + 1
        control = {"reversed": -trial.generator("w").random(20)}
        trial.runs(runs, alpha=0.1 if n else 0.001, controls=control)

    options = {"kind": "empirical", "low_power": "few runs"}
    many = rows(check, cases=list(range(1, 21)), **options)[0]
    assert many.verdict == "INCONCLUSIVE"
    assert "20 decisions add up to 2, which decides nothing: at most 0.1" in many.note
    assert "9 runs each that agree would do, at alpha=0.0039" in many.note
    assert rows(check, cases=[0], **options)[0].verdict == "VERIFIED"


# ----------------------------------------------------------- attained bounds, known falsehoods


@pytest.mark.parametrize(
    ("largest", "instances", "verdict"),
    [
        (1.0, "search", "VERIFIED"),
        (0.9995, "search", "VERIFIED"),
        (0.98, "search", "INCONCLUSIVE"),
        (0.98, "all", "REFUTED"),
        (1.1, "search", "REFUTED"),
    ],
)
def test_a_bound_that_is_attained_is_not_two_percent_too_large(largest, instances, verdict):
    lhs = largest * np.array([0.2, 1.0, 0.7])

    def check(trial):
        trial.bound(
            lhs,
            np.ones(3),
            instances=instances,
            ops=2,
            attained=0.999,
            controls={"nine tenths": np.full(3, 0.9)},
        )

    row = rows(check)[0]
    assert row.verdict == verdict
    if largest == 0.98:
        assert "the largest lhs / rhs is 0.98, and 0.999 of the bound is said to be" in row.note


def test_a_statement_that_is_known_to_be_false_is_expected_to_be_refuted():
    def check(trial):
        trial.identity(1.0, 2.0, ops=1)

    (row,) = rows(check, expected="REFUTED")
    assert (row.verdict, row.expected, row.as_expected) == ("REFUTED", "REFUTED", True)

    def holds(trial):
        trial.identity(1.0, 1.0, ops=1, controls={"w": 2.0})

    (row,) = rows(holds, expected="REFUTED")
    assert (row.verdict, row.as_expected) == ("VERIFIED", False)
    with pytest.raises(ValueError, match="leave out expected="):
        rows(check, expected="REFUTED", as_published=PRINTED)
    with pytest.raises(ValueError, match="expected must be"):
        rows(check, expected="INCONCLUSIVE")


@pytest.mark.parametrize(("side", "predict"), [("at most", 1.5), ("at most", 1.0), ("at least", 0)])
def test_a_bound_that_every_probability_keeps_is_refused(side, predict):
    trial = Trial("a.claim")
    with pytest.raises(ValueError, match="could not fail"):
        trial.probability(sampler=lambda rng, n: rng.random(n) < 0.5, predict=predict, side=side)


@pytest.mark.parametrize("is_drawn", [True, False])
def test_a_mean_over_a_design_that_was_drawn_once_says_so(is_drawn):
    trial = Trial("t.design")
    design = trial.generator().random(9) if is_drawn else np.arange(9) / 9
    centre = design.mean()
    trial.mean(
        sampler=lambda generator, n: generator.random((n, 9)).mean(axis=1) / 2 + centre / 2,
        predict=0.25 + centre / 2,
        law=Bounded(0, 1),
        margin=0.01,
        controls={"of another design": 0.3 + centre / 2},
    )
    assert ("what the check drew once" in trial.findings[0].note) == is_drawn


@pytest.mark.parametrize(("count", "outcome"), [(29, "INCONCLUSIVE"), (30, "VERIFIED")])
def test_a_lucky_draw_verifies_nothing(monkeypatch, count, outcome):
    monkeypatch.setattr(rules, "LEAST_DRAWN", 30)
    subject = claim(derived("made up"), kind="identity")

    def test_of_lucky(trial):
        """The square of a sum is the sum of squares and products."""
        x = trial.generator().normal(size=(count, 2))
        square = x.sum(axis=1) ** 2
        wrong = {"no products": (x**2).sum(axis=1)}
        parts = (x**2).sum(axis=1) + 2 * x.prod(axis=1)
        trial.identity(square, parts, ops=9, scale=9.0, independent=count, controls=wrong)

    test_of_lucky.__name__ = f"test_of_lucky_{count}"
    assert subject(test_of_lucky).claim.run().verdict == outcome
