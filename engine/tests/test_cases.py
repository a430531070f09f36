"""A claim of several cases, within its domain, and who states it."""

import inspect
from contextlib import suppress
from typing import Annotated

import numpy as np
import pytest

from theory_on_trial import Trial, claim, code, derived, known, paper, recalled, tried
from theory_on_trial.contract import Count, Interval, NonNegative, Positive, guarded
from theory_on_trial.decide.decision import ControlTooClose
from theory_on_trial.laws import Normal
from theory_on_trial.ledger import verdict as rules
from theory_on_trial.trial.cases import BY_CASE, over_cases
from theory_on_trial.trial.domain import OutsideDomain


@pytest.fixture(autouse=True)
def any_number_of_draws(monkeypatch):
    """These tests are about what a row says of its draws; how many it needs has its own test."""
    monkeypatch.setattr(rules, "LEAST_DRAWN", 1)


@claim(paper("Section 1"), kind="identity", cases=[(2, 3), (4, 5)])
def test_product(trial, a: Count, b: Annotated[int, Interval(2)], factor=1):
    """a b = b a."""
    trial.require(a < 100, "a must be below 100")
    trial.identity(a * b * factor, b * a * factor, ops=0, controls={"a - b": (a - b) * factor})


@claim(derived("counted"), kind="identity", cases=[10, 20])
def test_sum(trial, n: Count):
    """1 + … + n = n (n + 1) / 2, unless n is 13."""
    total = sum(range(n + 1)) + (n == 13)
    trial.identity(total, n * (n + 1) // 2, ops=0, controls={"n^2 / 2": n * n / 2})


@claim(derived("rounded"), kind="limit", cases=[{"size": 1.0}, {"size": -3.0}])
def test_size(trial, size, share=0.01):
    """A size is its size to within a share."""
    trial.value(
        [size, 2 * size],
        [size, 2 * size],
        error=0,
        margin=share * abs(size),
        controls={"more": [1.5 * size, 3 * size]},
    )


def test_every_case_is_judged_with_its_own_controls_and_streams():
    trial = Trial("cases.product")
    test_product(trial)
    assert [finding.case for finding in trial.findings] == ["a=2, b=3", "a=4, b=5"]
    assert [finding.prediction.value for finding in trial.findings] == [6, 20]
    assert [finding.controls[0].predicted for finding in trial.findings] == [-1, -1]
    with trial.case("a=2"):
        there = trial.generator("x").random()
    assert there != trial.generator("x").random()


@pytest.mark.parametrize("case", [0.5, np.float64(0.5)])
def test_a_case_is_called_by_its_number_whatever_holds_it(case):
    def check(trial, share: Positive, sizes=()):
        trial.identity(share + sum(sizes), 0.5 + sum(sizes), ops=0, controls={"one": 1.0})

    for cases, name in (
        ([case], "share=0.5"),
        ([(case, (np.int64(3), 4))], "share=0.5, sizes=(3, 4)"),
    ):
        trial = Trial("cases.called")
        over_cases(check, cases)(trial)
        assert [finding.case for finding in trial.findings] == [name]


def test_what_is_given_takes_the_place_of_the_cases():
    assert claim("cases.product").settings == {"a": BY_CASE, "b": BY_CASE, "factor": 1}
    assert repr(BY_CASE) == "by case"
    assert len(claim("cases.product").run(b=7).parts) == 2
    assert claim("cases.product").run(a=3, b=7).predicted == 21
    assert list(inspect.signature(test_product).parameters) == ["trial", "factor", "a", "b"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"a": 0}, "a must be"),
        ({"b": 1}, "b must be"),
        ({"a": "x"}, "a must be"),
        ({"a": 100}, "a must be below 100"),
    ],
)
def test_outside_its_domain_a_claim_says_so_and_nothing_else(given, sentence):
    with pytest.raises(OutsideDomain, match=sentence):
        claim("cases.product").run(**given)


def test_a_setting_without_an_annotation_has_no_domain():
    sizes = []

    def test_any(trial, size):
        """A statement."""
        sizes.append(size)
        trial.identity(len(sizes), len(sizes), ops=0, controls={"none": 0})

    check = over_cases(test_any, [float("inf"), None, "x"])
    check(Trial("cases.any"))
    assert sizes == [float("inf"), None, "x"]


@pytest.mark.parametrize(
    ("cases", "sentence"),
    [
        ([], "must be at least one"),
        (3, "must be a list of settings, got 3"),
        ([(1, 2, 3)], "a case of test_of gives 3 values, its settings are a, b"),
        ([{"c": 1}], "test_of has no setting 'c'; its settings are a, b"),
        ([(1,), (1, 2)], "give the same settings each"),
    ],
)
def test_cases_that_do_not_fit_are_refused_at_once(cases, sentence):
    def test_of(trial, a, b=1):
        """A statement."""

    with pytest.raises(ValueError, match=sentence):
        claim(derived("made up"), kind="identity", cases=cases)(test_of)


def test_a_source_says_who_and_where():
    assert str(paper("Theorem 3.1")) == "Theorem 3.1"
    assert str(code("owner/name", "loss.py", "1a2b3c4")) == "code: owner/name, loss.py, at 1a2b3c4"
    assert str(derived("by parts")) == "derived: by parts"
    with pytest.raises(ValueError, match="prints that word itself"):
        derived("derived by parts")
    assert str(recalled("Theorem 3", within="for n = 2")) == "recalled: Theorem 3 (for n = 2)"
    assert str(known("Hoeffding 1963, Theorem 2")) == "known: Hoeffding 1963, Theorem 2"
    assert str(tried("sentence 5", "the constant")) == "tried: sentence 5; ours: the constant"
    assert claim("cases.sum").run().provenance == "derived"


def test_cases_that_print_alike_are_all_tried():
    largest = []
    many = np.linspace(0, 1, 2001)
    other = np.where(many == many[1000], 7.0, many)

    def check(trial, x):
        largest.append(x.max())
        trial.identity(x.min(), 0.0, ops=0, controls={"one": 1.0})

    over_cases(check, [other, many])(Trial("cases.alike", 0))
    assert largest == [7.0, 1.0]


@pytest.mark.parametrize(
    ("cases", "sentence"),
    [
        ([(2, 3), (4, 5), (2, 3.0)], "the cases 1 and 3 of check are equal: leave one out"),
        ([{"a": np.ones(2)}, {"a": np.ones(2)}], "the cases 1 and 2 of check are equal"),
        ([(1, np.float64(0.5)), (True, 0.5)], "the cases 1 and 2 of check are equal"),
    ],
)
def test_equal_cases_are_refused(cases, sentence):
    def check(trial, a, b=1):
        trial.identity(a + b, b + a, ops=0, controls={"none": 0})

    with pytest.raises(ValueError, match=sentence):
        over_cases(check, cases)


def test_a_setting_that_nothing_reads_is_refused():
    def by_case(trial, n, size):
        trial.identity(size, size + 0, ops=0, controls={"none": 0})

    def by_domain(trial, n: Count, size=1):
        trial.identity(size, size + 0, ops=0, controls={"none": 0})

    def by_default(trial, n=3):
        n = 4  # noqa: F841 -- the fault
        trial.identity(4, 2 + 2, ops=0, controls={"none": 0})

    for check, cases in ((by_case, [(1, 2)]), (by_domain, None), (by_default, None)):
        sentence = f"^{check.__name__} does not use its setting 'n': use it, or leave it out$"
        with pytest.raises(ValueError, match=sentence):
            over_cases(check, cases)

    def within(trial, n: Count, *, prepared, fixture: None):
        """What a function within it uses is used; a fixture may do all its work before."""
        values = [k * n for k in range(3)]
        trial.identity(sum(values), (lambda: 3 * n)(), ops=0, controls={"none": 0})

    over_cases(within, [1, 2])


def test_a_setting_that_changes_nothing_is_told():
    def claim_of(value):
        @claim(derived("an example"), kind="identity", cases=[2, 3])
        def test_of_nothing(trial, n: Count):
            """A number is itself."""
            trial.identity(value(n) / 3, value(n) / 3 + 0, ops=0, controls={"none": 0})

        return test_of_nothing.claim

    assert claim_of(lambda n: 7).run().note == "the same numbers in all 2 cases"
    assert claim_of(lambda n: 7).run(n=2).note == ""
    assert claim_of(lambda n: n).run().note == ""


def test_a_method_is_no_claim():
    class TestSums:
        def test_of(self, trial):
            """A statement."""

    with pytest.raises(
        ValueError, match=r"TestSums\.test_of is a method: a claim is a function of its module"
    ):
        claim(derived("made up"), kind="identity")(TestSums.test_of)


def test_a_case_within_a_case_keeps_both():
    trial = Trial("toy.case")
    numbers = {}
    for outer in "ab":
        with trial.case(outer):
            with trial.case("inner"):
                numbers[outer, "inner"] = trial.generator().random()
            numbers[outer, ""] = trial.generator().random()
    assert len(set(numbers.values())) == 4


def test_a_refusal_names_its_case_and_leaves_the_domain():
    @guarded
    def root(x: NonNegative):
        return np.sqrt(x)

    @claim(derived("an example"), kind="identity", cases=[(1.0, 2.0), (4.0, 3.0)])
    def test_root(trial, x, y):
        """Roots are roots."""
        trial.identity(root(x - 0.5) ** 2, x - 0.5, ops=3, controls={"w": 9.0 + y})

    with pytest.raises(OutsideDomain, match=r"x=0.25, y=2.0: x must be non-negative, got -0.25"):
        test_root.claim.run(x=0.25)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_drawn_is_drawn_again_where_it_is_not_as_required(seed):
    """The first die shows four or more in half of the runs; a sum of two dice is never 13."""
    shown = []

    @claim(derived("an example"), kind="identity", cases=[4, 13])
    def test_die(trial, least):
        """A die that shows at least four shows as much."""
        die = trial.generator().integers(1, 7)
        shown.append(die)
        trial.require(die >= least, "the die must show enough")
        trial.identity(die, die + 0, ops=0, controls={"w": 0})

    trial = Trial("toy.die", seed)
    with pytest.raises(OutsideDomain, match="least=13: the die must show enough"):
        test_die.claim.function(trial)
    of_four = shown[:-5]  # of 13 five were drawn
    assert (len(trial.findings), of_four[-1] >= 4) == (1, True)
    assert all(die < 4 for die in of_four[:-1])


def test_what_is_drawn_is_drawn_again_where_a_control_is_none():
    @claim(derived("an example"), kind="identity", cases=[False, True])
    def test_dice(trial, same):
        """A die shows what it shows, and not what another one does."""
        die, another = trial.generator("dice").integers(1, 7, 2)
        trial.identity(die, die + 0, ops=0, controls={"another": die if same else another})

    rows = [test_dice.claim.run(seed=seed, same=False) for seed in range(60)]
    assert {row.verdict for row in rows} == {"VERIFIED"}
    with pytest.raises(ControlTooClose):
        test_dice.claim.run(same=True)


def test_what_is_required_of_settings_alone_is_asked_once_and_a_refutation_is_kept():
    calls = []

    @claim(derived("an example"), kind="identity", cases=[1, 2])
    def test_asked(trial, n):
        """A number is 0."""
        calls.append(n)
        trial.require(n > 1, "n must exceed 1")
        value = trial.generator().integers(1, 7)
        trial.identity(value, 0, ops=0, controls={"w": 9})
        trial.require(False, "and something that no draw meets")

    trial = Trial("toy.asked")
    with pytest.raises(OutsideDomain, match="n must exceed 1"):
        test_asked.claim.function(trial)
    assert calls == [1, 2]
    assert [finding.outcome for finding in trial.findings] == ["REFUTED"]


def test_a_requirement_that_the_check_catches_has_failed_all_the_same():
    dice = []

    @claim(derived("an example"), kind="identity", cases=[1, 2])
    def test_caught(trial, n):
        """A number is itself."""
        with suppress(ValueError):
            trial.require(n > 1, "n must exceed 1")
        trial.identity(n, n + 0, ops=0, controls={"none": 0})

    with pytest.raises(OutsideDomain, match="n=1: n must exceed 1"):
        test_caught.claim.run()
    assert test_caught.claim.run(n=2).verdict == "VERIFIED"

    @claim(derived("an example"), kind="identity", cases=[2])
    def test_drawn(trial, least):
        """A die shows what it shows, if it shows at least two."""
        dice.append(trial.generator().integers(1, 7))
        with suppress(ValueError):
            trial.require(dice[-1] >= least, "the die must show enough")
        trial.identity(dice[-1], dice[-1] + 0, ops=0, controls={"none": 0})

    rows = [test_drawn.claim.run(seed=seed) for seed in range(12)]
    assert min(row.predicted for row in rows) >= 2
    assert min(dice) == 1


def test_a_case_that_decides_nothing_is_none():
    @claim(derived("an example"), kind="identity", cases=[1, 2, 3])
    def test_of_some(trial, n):
        """A number is itself."""
        if n == 2:
            return
        trial.identity(n, n + 0, ops=0, controls={"none": 0})

    with pytest.raises(ValueError, match=r"^n=2: the check makes no decision$"):
        test_of_some.claim.run()


def test_draws_that_are_forgotten_have_spent_their_error():
    """The j-th decision has 1 / (j (j + 1)) of it, of all draws together."""

    @claim(derived("an example"), kind="identity")
    def test_spent(trial):
        """A mean is 0."""
        trial.mean(
            sampler=lambda generator, n: generator.normal(size=n),
            predict=0.0,
            law=Normal(),
            margin=0.3,
            controls={"w": 1.0},
        )
        trial.require(trial.generator("die").integers(1, 7) > 5, "the die must show six")

    errors = []
    for seed in range(5):
        trial = Trial("toy.spent", seed)
        with suppress(OutsideDomain):
            test_spent.claim.function(trial)
        errors += [finding.interval.error for finding in trial.findings]
    shares = [1e-6 / (j * (j + 1)) for j in range(1, 6)]
    assert set(errors) <= set(shares)
    assert min(errors) < shares[0]
