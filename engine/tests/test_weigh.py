# ruff: noqa: NPY002 -- the tests that are weighed seed NumPy's global generator
"""`theory-on-trial weigh`: the intervals hold what is known of a test, the new form decides it, and what
cannot be weighed gets one sentence.
"""

import ast
import math
import pickle
import random
import re
import sys
import textwrap
import unittest
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from theory_on_trial.command import main
from theory_on_trial.trial.plain import NotVerified, PlainTrial
from theory_on_trial.weigh import better, command
from theory_on_trial.weigh.child import ERROR, LOOKS, ends_of
from theory_on_trial.weigh.reading import RECORDER, read
from theory_on_trial.weigh.recorder import NotComparable, Recorder
from theory_on_trial.weigh.seeds import Seeds
from theory_on_trial.weigh.worth import fault

# ---------------------------------------------------------------------------------- what is read

FORMS = {
    "assert abs(a - b) < 0.1": ("near", "a", "b", "0.1"),
    "assert 0.1 >= np.abs(a - b)": ("near", "a", "b", "0.1"),
    "assert abs(a) <= 4 * s": ("near", "a", "0.0", "4 * s"),
    "assert np.max(np.abs(a - b)) < t": ("near", "a", "b", "t"),
    "assert np.all(np.abs(a - b) < t)": ("near", "a", "b", "t"),
    "assert (np.abs(a - b) < t).all()": ("near", "a", "b", "t"),
    "assert abs(a - b) / b < 0.1": ("near", "a", "b", "0.1 * abs(b)"),
    "assert (a - b).abs().max() < t, 'far'": ("near", "a", "b", "t"),
    "assert a == pytest.approx(b, abs=0.1)": ("near", "a", "b", "0.1"),
    "assert approx(b, abs=0.1) == a": ("near", "a", "b", "0.1"),
    "assert math.isclose(a, b, abs_tol=0.1)": ("near", "a", "b", "0.1"),
    "assert np.allclose(a, b, 0, 0.1)": ("near", "a", "b", "0.1"),
    "np.testing.assert_allclose(actual=a, desired=b, atol=0.1)": ("near", "a", "b", "0.1"),
    "torch.testing.assert_close(a, b, rtol=0, atol=0.1)": ("near", "a", "b", "0.1"),
    "np.testing.assert_almost_equal(a, b, decimal=1)": ("near", "a", "b", "0.15"),
    "self.assertAlmostEqual(a, b, places=2)": ("near", "a", "b", "0.005"),
    "self.assertAlmostEqual(a, b, delta=t)": ("near", "a", "b", "t"),
    "self.assertTrue(abs(a - b) < t)": ("near", "a", "b", "t"),
    "self.assertLess(abs(a - b), t)": ("near", "a", "b", "t"),
    "assert 400 < a < 600": ("between", "a", "400", "600"),
    "assert 600 >= a >= 400": ("between", "a", "400", "600"),
    "assert a in range(400, 601)": ("between", "a", "400", "601 - 1"),
    "assert a > 400": ("between", "a", "400", None),
    "assert a < limit": ("between", "a", None, "limit"),
    "assert stats.kstest(x, 'norm').pvalue > 0.01": (
        "pvalue",
        "stats.kstest(x, 'norm').pvalue",
        "0.01",
        None,
    ),
    "assert p_value >= alpha": ("pvalue", "p_value", "alpha", None),
    "assert kstest(x, 'norm')[1] > 0.01": ("pvalue", "kstest(x, 'norm')[1]", "0.01", None),
}


@pytest.mark.parametrize("text", FORMS)
def test_value_and_tolerance_of_the_usual_forms(text):
    _, reading = read(text)
    assert reading.unknown == []
    (form,) = reading.forms
    ends = (form.low, form.high) if form.kind != "near" else (form.b, form.atol)
    parts = [part if part is None else ast.unparse(part) for part in (form.a, *ends)]
    assert (form.kind, *parts) == FORMS[text]


def test_each_part_of_a_conjunction_is_a_form():
    _, reading = read("assert abs(a) < 1 and b > 2")
    assert [form.kind for form in reading.forms] == ["near", "between"]


@pytest.mark.parametrize("text", ["assert ok", "assert a != b", "assert a < 1 or b < 1"])
def test_other_assertions_stay_as_they_are(text):
    tree, reading = read(text)
    assert (reading.forms, reading.unknown) == ([], [(1, text)])
    assert ast.unparse(tree) == text


@pytest.mark.parametrize(
    "around", ["try:\n    {}\nfinally:\n    pass", "with pytest.raises(E):\n    {}"]
)
def test_an_assertion_that_may_fail_is_part_of_the_test(around):
    _, reading = read(around.format("assert abs(a) < 1"))
    assert (reading.forms, reading.unknown) == ([], [])


def instrumented(text):
    """Return a function of numbers that says whether the recorder lets an assertion hold, and one
    that runs the assertion itself.
    """
    head = "def check(a, b, self=None):\n" + textwrap.indent(text, "    ")
    tree, reading = read(head)
    names = {"np": np, "math": math, "pytest": pytest}
    plain: dict = dict(names)
    exec(head, plain)

    def holds(a, b):
        recorder = Recorder(reading.forms)
        recorded = {**names, RECORDER: recorder}
        exec(compile(tree, "check", "exec"), recorded)
        recorder.begin()
        recorded["check"](a, b, unittest.TestCase())
        return not recorder.end()

    def itself(a, b):
        try:
            plain["check"](a, b, unittest.TestCase())
        except AssertionError:
            return False
        return True

    return holds, itself


@pytest.mark.parametrize(
    "text",
    [
        "assert abs(a - b) < 0.25",
        "assert abs(a - b) / 2 <= 0.25",
        "assert a == pytest.approx(b, rel=0.25)",
        "assert a == pytest.approx(b)",
        "assert a == pytest.approx(b, rel=0.25, abs=0.5)",
        "assert math.isclose(a, b, rel_tol=0.25, abs_tol=0.125)",
        "assert np.allclose(a, b, rtol=0.25)",
        "np.testing.assert_allclose(a, b, rtol=0.25, atol=0.25)",
        "np.testing.assert_almost_equal(a, b, decimal=0)",
        "self.assertAlmostEqual(a, b, delta=0.25)",
        "self.assertGreaterEqual(a, b)",
        "assert -1 < a <= b",
        "err = abs(a - b)\nassert err < 0.25",
        "for k in range(3):\n    assert abs(a - k * b) < 1",
    ],
)
@settings(max_examples=80, deadline=None)
@given(a=st.integers(-12, 12), b=st.integers(-12, 12), unit=st.sampled_from([0.25, 1.0, 1e6]))
def test_a_recorded_assertion_holds_where_it_passes(text, a, b, unit):
    holds, itself = instrumented(text)  # integers times 1 / 4: the ends are met exactly
    assert holds(a * unit, b * unit) == itself(a * unit, b * unit)


@given(
    value=st.floats(-10, 10), expected=st.floats(-10, 10), t=st.floats(0.01, 10), s=st.floats(-9, 9)
)
def test_room_is_how_far_the_value_may_move(value, expected, t, s):
    _, reading = read("assert abs(a - b) < t")
    recorder = Recorder(reading.forms)
    recorder.begin()
    recorder(0, a=value, b=expected, atol=t)
    recorder.end()
    up, down = recorder.notes[0].up[0], recorder.notes[0].down[0]
    distance = abs(value + s - expected)
    if abs(distance - t) > 1e-9:
        assert (-down < s < up) == (distance < t)


def test_of_an_array_the_least_room_counts_and_a_nan_has_none():
    _, reading = read("assert np.allclose(a, b, rtol=0, atol=1)\nassert abs(c) < 1")
    recorder = Recorder(reading.forms)
    recorder.begin()
    recorder(0, a=np.array([0.0, 0.5]), b=np.zeros(2), rtol=0, atol=1)
    recorder(1, a=math.nan, b=0.0, atol=1)
    assert recorder.end()
    assert (recorder.notes[0].up, recorder.notes[0].down) == ([0.5], [1.0])
    assert recorder.notes[1].up == [-math.inf]


def test_what_is_no_number_gets_a_sentence():
    _, reading = read("assert abs(a) < 1")
    recorder = Recorder(reading.forms)
    recorder.begin()
    with pytest.raises(NotComparable, match=r"line 1, assert abs\(a\) < 1: it compares a str"):
        recorder(0, a="one", b=0.0, atol=1)


# ----------------------------------------------------------------------------- what it is worth


def normal_power(shift, tolerance, spread):
    """The chance that a normal value leaves a band, its mean moved."""
    return stats.norm.sf((tolerance - shift) / spread) + stats.norm.cdf(
        (-tolerance - shift) / spread
    )


def normal_fault(share, tolerance, spread):
    return optimize.brentq(lambda s: normal_power(s, tolerance, spread) - share, 0, 20 * tolerance)


@pytest.mark.parametrize("share", [0.5, 0.99])
@pytest.mark.parametrize("ratio", [1.5, 2.0, 4.0])
def test_the_fault_of_a_band_is_that_of_the_normal_power_function(share, ratio):
    spread = 0.1
    tolerance = ratio * spread
    truth = normal_fault(share, tolerance, spread)
    outside = 0
    for seed in range(60):
        values = np.random.default_rng(seed).normal(0, spread, size=1000)
        up, down = tolerance - values, tolerance + values
        for some, others in ((up, down), (down, up)):
            found = fault(some, others, np.zeros(1000, bool), share)
            assert found.low <= found.size <= found.high
            outside += not found.low <= truth <= found.high
    assert outside <= 3  # of 120 intervals at 1e-3, four or more come with a chance below 1e-5
    assert abs(found.size - truth) < 0.35 * spread


def test_runs_that_fail_for_another_reason_notice_every_fault():
    up = np.full(100, 1.0)
    others = np.arange(100) < 60
    assert fault(up, up, others, 0.5).size == 0
    assert fault(up, up, others, 0.99).size == 1
    assert fault(up, up, np.zeros(100, bool), 0.5).size == 1
    nothing = np.where(others, -np.inf, 1.0)  # the room of a NaN
    assert fault(nothing, nothing, np.zeros(100, bool), 0.5).size == 0
    assert fault(nothing, nothing, np.zeros(100, bool), 0.99).size == 1


def test_what_has_no_end_on_a_side_notices_nothing_there():
    down = np.random.default_rng(0).uniform(1, 2, size=500)
    endless = np.full(500, np.inf)
    found = fault(endless, down, np.zeros(500, bool), 0.5)
    assert found.size == found.low == found.high == np.inf
    assert 1.4 < fault(down, endless, np.zeros(500, bool), 0.5).size < 1.6


@pytest.mark.parametrize(("failures", "runs"), [(0, 200), (3, 40), (100, 1000), (40, 40)])
def test_the_share_of_failures_has_clopper_and_pearsons_interval(failures, runs):
    exact = stats.binomtest(failures, runs).proportion_ci(1 - ERROR / len(LOOKS), "exact")
    assert ends_of(failures, runs) == pytest.approx((exact.low, exact.high), rel=1e-9, abs=1e-12)


# ---------------------------------------------------------------------------------------- seeds


@pytest.fixture
def seeds(monkeypatch):
    """The wrapped generators of this process, which are put back."""
    kept = {module: dict(vars(module)) for module in (random, np.random)}
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    states = random.getstate(), np.random.get_state()
    wrapped = Seeds(Path(__file__).parent, 0)
    # A module that another test has loaded keeps its functions.
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "jax")
    wrapped.install()
    yield wrapped
    for module, names in kept.items():
        vars(module).update(names)
    random.setstate(states[0])
    np.random.set_state(states[1])


MAKERS = {
    "np.random.default_rng(3)": lambda: np.random.default_rng(3).random(),
    "np.random.seed(3)": lambda: (np.random.seed(3), np.random.rand())[1],
    "np.random.RandomState(3)": lambda: np.random.RandomState(3).rand(),
    "np.random.PCG64(3)": lambda: np.random.Generator(np.random.PCG64(3)).random(),
    "np.random.MT19937(3)": lambda: np.random.Generator(np.random.MT19937(seed=3)).random(),
    "np.random.SeedSequence(3)": lambda: float(
        np.random.default_rng(np.random.SeedSequence(3).spawn(2)[1]).random()
    ),
    "np.random.default_rng([1, 2])": lambda: np.random.default_rng([1, 2]).random(),
    "random.seed(3)": lambda: (random.seed(3), random.random())[1],
    "random.Random(3)": lambda: random.Random(3).random(),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_seed_is_replaced_and_equal_seeds_stay_equal(seeds, name):
    own = MAKERS[name]()
    assert own == MAKERS[name]()  # as it stands
    drawn = []
    for run in (1, 2):
        seeds.begin(run, active=True)
        drawn.append(MAKERS[name]())
        assert drawn[-1] == MAKERS[name]()
    assert len({own, *drawn}) == 3
    seeds.begin(1, active=True)
    assert MAKERS[name]() == drawn[0]  # the whole command repeats
    (what, place), *_ = seeds.replaced
    assert what == name
    assert re.fullmatch(r"test_weigh\.py:\d+", place)


def test_a_generator_goes_through_and_classes_stay_classes(seeds):
    seeds.begin(1, active=True)
    rng = np.random.default_rng(1)
    assert np.random.default_rng(rng) is rng
    state = np.random.RandomState(1)
    assert isinstance(state, np.random.RandomState)
    assert isinstance(np.random.mtrand._rand, np.random.RandomState)
    assert not isinstance(rng, np.random.RandomState)
    assert isinstance(random.Random(1), random.Random)
    assert pickle.loads(pickle.dumps(rng)).random() == rng.random()
    assert np.random.SeedSequence(1).spawn(1)[0].spawn_key == (0,)
    children = np.random.default_rng(1).spawn(2)
    assert children[0].random() != children[1].random()


def test_two_generators_without_a_seed_differ_and_are_not_listed(seeds):
    seeds.begin(1, active=True)
    assert np.random.default_rng().random() != np.random.default_rng().random()
    assert not seeds.replaced
    assert seeds.met == 2


# ------------------------------------------------------------------------------- the new form

HEAD = "import numpy as np\nfrom scipy import stats\n\n\n"


def new_form(body, values, *, fixtures=None, side="a", other=(0.0,), tolerance=(0.2,), **named):
    arguments = ", ".join(fixtures or {})
    source = f"{HEAD}def test_it({arguments}):\n{textwrap.indent(body, '    ')}\n"
    _, reading = read(source)
    facts = {name: named.pop(name) for name in ("global_", "seeds", "unittest") if name in named}
    compared = [
        better.Compared(
            form, side, np.asarray(values), np.array(other), np.array(tolerance), **named
        )
        for form in reading.forms
    ]
    return better.written(source, ["test_it"], compared, better.Facts(fixtures or {}, **facts))


NORMAL = np.random.default_rng(0).normal(size=(100, 1))
SIMPLE = [
    (
        "x = rng.normal(size=16)\nassert stats.ttest_1samp(x, 0.5).pvalue > 0.05",
        {
            "fixtures": {"rng": "generator"},
            "test": "ttest_1samp",
            "size": 16,
            "level": 0.05,
            "noticed": 0.51,
        },
        "trial.mean(lambda rng, n: rng.normal(size=n), 0.5, law=Asymptotic(), margin=0.1)",
    ),
    (
        "counts = np.random.multinomial(600, [1 / 6] * 6)\n"
        "assert stats.chisquare(counts).pvalue > 0.05",
        {"test": "chisquare", "size": 6, "level": 0.05, "noticed": 33.0, "other": (100.0,)},
        "trial.mean(lambda rng: rng.multinomial(600, [1 / 6] * 6), 100.0, law=Asymptotic(), margin=8)",
    ),
    (
        "_, p = stats.ks_2samp(library.draw(rng, 300), np.random.normal(size=300))\n"
        "assert p >= 0.001",
        {"fixtures": {"rng": "generator"}, "test": "ks_2samp", "size": 300, "level": 0.001},
        "trial.distribution(lambda rng, n: np.stack([library.draw(rng, n), rng.normal(size=n)], "
        "axis=1), margin=0.03)",
    ),
    (
        "rng = np.random.default_rng(0)\nx = rng.normal(size=9)\nassert abs(x.mean() - 0.5) < 0.2",
        {},
        "trial.mean(lambda rng: rng.normal(size=9).mean(), 0.5, law=Asymptotic(), margin=0.2)",
    ),
    (
        "np.random.seed(1)\nassert abs(np.mean(np.random.rand(9, 2) < 0.5) - 0.5) < 0.2",
        {"values": np.full((9, 1), 0.4)},
        "trial.mean(lambda rng: np.mean(rng.random((9, 2)) < 0.5), 0.5, law=Bounded(0, 1), margin=0.2)",
    ),
    (
        "assert abs((gen.normal() < 0) - 0.5) < 0.6",
        {"values": np.array([[0.0], [1.0]]), "fixtures": {"gen": "generator"}, "tolerance": (0.6,)},
        "trial.probability(lambda rng: rng.normal() < 0, 0.5, margin=0.6)",
    ),
    (
        "hits = np.random.binomial(100, 0.5)\nassert 40 <= hits <= 60",
        {"other": (40.0, 60.0)},
        "trial.mean(lambda rng: rng.binomial(100, 0.5), 50, law=Asymptotic(), margin=10)",
    ),
    (
        "hits = np.random.binomial(100, 0.9)\nassert hits > 80",
        {"other": (80.0,)},
        'trial.mean(lambda rng: rng.binomial(100, 0.9), 80, law=Asymptotic(), side="at least")',
    ),
    (
        "x = np.random.normal(size=500)\nassert stats.kstest(x, 'norm').pvalue > 0.01",
        {"test": "kstest", "size": 500, "level": 0.01},
        "trial.distribution(lambda rng, n: rng.normal(size=n), stats.norm.cdf, margin=0.02)",
    ),
    (
        "np.testing.assert_allclose(0.5, np.random.rand(), rtol=0.4)",
        {"side": "b", "other": (0.5,)},
        "trial.mean(lambda rng: rng.random(), 0.5, law=Asymptotic(), margin=0.2)",
    ),
]


@pytest.mark.parametrize(("body", "facts", "call"), SIMPLE, ids=range(len(SIMPLE)))
def test_a_simple_test_becomes_one_line(body, facts, call):
    new = new_form(body, **{"values": NORMAL, **facts})
    assert new.text.splitlines() == ["def test_it(trial):", f"    {call}"]
    compile(new.source, "test_it", "exec")


def test_lines_that_draw_become_a_function_and_constants_stay_outside():
    body = """
    vector = np.ones(3)
    count = 0
    for _ in range(20):
        count += rng.normal() < 0
    assert abs(count / 20 - 0.5) < 0.2"""
    new = new_form(textwrap.dedent(body), NORMAL, fixtures={"rng": "generator", "library": ""})
    assert new.text == textwrap.dedent("""\
    def test_it(trial, library):
        def statistic(rng):
            count = 0
            for _ in range(20):
                count += rng.normal() < 0
            return count / 20

        trial.mean(statistic, 0.5, law=Asymptotic(), margin=0.2)""")


def test_a_drawn_name_is_not_drawn_twice():
    new = new_form("x = np.random.normal(size=9)\nassert abs(x.max() - x.min()) < 0.2", NORMAL)
    assert new.text.count("rng.normal") == 1
    assert (
        "return x.max() - x.min()"
        in new_form(
            "x = np.random.normal(size=9)\nassert abs(x.max() - x.min()) < 0.2", NORMAL, side="both"
        ).text
    )


def test_a_seed_that_a_library_is_given_is_drawn():
    new = new_form(
        "x = library.draw(9, 12)\nassert abs(x.mean()) < 0.2", NORMAL, seeds=frozenset([12])
    )
    assert "library.draw(9, int(rng.integers(2**31)))" in new.text
    new = new_form("x = library.draw(9, seed=12)\nassert abs(x.mean()) < 0.2", NORMAL)
    assert "library.draw(9, seed=int(rng.integers(2**31)))" in new.text


def test_a_library_that_draws_globally_is_seeded_from_the_generator():
    new = new_form("assert abs(library.draw(9)) < 0.2", NORMAL, global_=["np.random"])
    assert "        np.random.seed(int(rng.integers(2**31)))\n" in new.text


@pytest.mark.parametrize(
    ("body", "facts", "why"),
    [
        ("assert abs(library.draw(9)) < 0.2", {}, "what it draws with is not seen"),
        (
            "assert abs(state.rand()) < 0.2",
            {"fixtures": {"state": "state"}},
            "state is a generator",
        ),
        ("assert abs(np.random.rand()) < 0.2", {"unittest": True}, "takes no fixture"),
        (
            "x = np.random.rand()\nfor k in (1, 2):\n    assert abs(x) < 0.2",
            {},
            "line 6 draws outside of the block",
        ),
        (
            "counts = np.random.multinomial(9, [0.5, 0.5])\nassert stats.shapiro(counts).pvalue > 0.01",
            {"test": "shapiro"},
            "what it tests with trial.mean or trial.distribution",
        ),
    ],
)
def test_what_cannot_be_turned_gets_a_sentence(body, facts, why):
    with pytest.raises(better.Unwritten, match=why):
        new_form(body, NORMAL, **facts)


THREADS = {  # a test of the usual kind, its margin, and the law in words of NumPy that it is about
    "mean": (
        "x = np.random.default_rng(1).normal(3 + FAULT, 10, size=9600)\nassert abs(x.mean() - 3) < 0.4",
        0.4,
    ),
    "count": (
        "kept = np.random.binomial(2000, 0.5 + FAULT / 2000)\nassert 955 <= kept <= 1045",
        45,
    ),
    "share": ("x = np.random.rand(1000)\nassert abs(np.mean(x < 0.5 + FAULT) - 0.5) < 0.06", 0.06),
    "law": (
        "x = np.random.rand(400) ** (1 + FAULT)\nassert stats.kstest(x, 'uniform').pvalue > 0.01",
        0.09,
    ),
}


@pytest.mark.parametrize("name", THREADS)
def test_the_new_form_is_verified_at_every_seed_and_refutes_a_fault_of_a_margin_and_a_half(name):
    body, margin = THREADS[name]
    facts = {"test": "kstest", "size": 400, "level": 0.01} if name == "law" else {}
    values = np.full((9, 1), 0.4) if name == "share" else NORMAL * margin / 3
    other = (955.0, 1045.0) if name == "count" else (0.5,)
    new = new_form(body, values, tolerance=(margin,), other=other, **facts)
    for wrong in (0.0, 1.5 * margin):
        module: dict = {}
        exec(new.source.replace("def test_it", f"FAULT = {wrong}\n\n\ndef test_it"), module)
        for seed in range(5):
            trial = PlainTrial("test_it", seed)
            if wrong:
                with pytest.raises(NotVerified, match="REFUTED"):
                    module["test_it"](trial)
            else:
                module["test_it"](trial)
                assert trial.findings[0].outcome == "VERIFIED"


# --------------------------------------------------------------------------- the whole command

CONFTEST = """
import numpy as np
import pytest

STARTED = []

@pytest.fixture(scope="session")
def sample():
    return np.random.default_rng(5).normal(size=25)

@pytest.fixture
def port():
    STARTED.append(1)
    if len(STARTED) > 1:
        raise RuntimeError("the port is in use")
"""
SUITE = """
import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats


def test_band():
    np.random.seed(0)
    x = np.random.normal(size=25)
    assert abs(x.mean()) < 0.4


def test_session(sample):
    assert abs(sample.mean()) < 0.4


def test_p():
    assert stats.ttest_1samp(np.random.normal(size=16), 0).pvalue > 0.2


def test_unknown():
    ok = random.random() < 0.9
    assert ok


def test_constant():
    assert abs(np.sum(np.random.default_rng(0).permutation(5)) - 10) < 0.5


def test_never():
    assert abs(np.random.normal(10)) < 0.1


def test_lucky():
    assert abs(np.random.default_rng(0).normal() - 0.12573) < 1e-4


def test_port(port):
    assert abs(np.random.normal()) < 2


def test_slow():
    time.sleep(0.3)
    assert abs(np.random.normal()) < 2


def test_hangs():
    time.sleep(600)


def test_skipped():
    pytest.skip("not today")


@pytest.mark.parametrize("n", [1, 2, 3])
def test_many(n):
    assert abs(np.random.normal()) < 2


@given(st.integers())
def test_property(n):
    assert n < 1


def test_trial(trial):
    pass
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_theirs.py").write_text(SUITE)
    return folder


def weighed(suite, monkeypatch, capsys, name, *options, seconds="5"):
    """Weigh a test of the suite; return the exit status and what was printed. No file changes."""

    def files():
        places = sorted(suite.rglob("*"))
        return [(str(p), p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in places]

    monkeypatch.chdir(suite)
    before = files()
    try:
        status = main(["weigh", f"test_theirs.py::{name}", "--seconds", seconds, *options])
    except SystemExit as error:
        status = error.code
    assert files() == before
    said = capsys.readouterr()
    return status, said.out, said.err


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]


def test_a_seeded_band_is_weighed(suite, monkeypatch, capsys, tmp_path):
    out = tmp_path / "test_new.py"
    status, said, _ = weighed(suite, monkeypatch, capsys, "test_band", "--out", str(out))
    assert status == 0
    assert "np.random.seed(0) at test_theirs.py:13" in said
    share = re.search(r"true share is between (\S+) % and (\S+) %", said)
    low, high = (float(number) / 100 for number in share.groups())
    assert low <= 2 * stats.norm.sf(2) <= high  # the band is two standard errors wide
    for words, level in (("half of the time", 0.5), ("99 times in 100", 0.99)):
        line = next(line for line in said.splitlines() if words in line).partition("moved by")[2]
        truth = normal_fault(level, 0.4, 0.2)
        for text in line.split(" or "):
            _, least, *most = numbers(text)
            assert least <= truth <= (most or [math.inf])[0]
    own = np.random.RandomState(0).normal(size=25).mean()
    assert f"always a move beyond +{0.4 - own:.3g}" in said or own > 0.4
    assert ("it always fails" in said) == (abs(own) >= 0.4)
    call = "trial.mean(lambda rng: rng.normal(size=25).mean(), 0.0, law=Asymptotic(), margin=0.4)"
    assert call in said
    assert "is a guess" in said
    assert re.search(r"run once: VERIFIED, \d+ samples", said)
    assert call in out.read_text()
    assert out.read_text().count("def test_") == SUITE.count("def test_")


def test_fixtures_of_the_session_are_drawn_for_each_run(suite, monkeypatch, capsys):
    status, said, _ = weighed(suite, monkeypatch, capsys, "test_session")
    assert status == 0
    assert "np.random.default_rng(5) at conftest.py:9" in said
    low, high = numbers(re.search(r"true share is (.*) \(P", said)[1])
    assert low <= 100 * 2 * stats.norm.sf(2) <= high
    assert "no new form is written: what it draws with is not seen" in said


def test_a_p_value_is_weighed_by_moving_its_sample(suite, monkeypatch, capsys):
    status, said, _ = weighed(suite, monkeypatch, capsys, "test_p")
    assert status == 0
    low, high = numbers(re.search(r"true share is (.*) \(P", said)[1])
    assert low <= 20 <= high
    line = next(line for line in said.splitlines() if "half of the time" in line)

    def power(shift):  # of Student's test, by the noncentral law
        end = stats.t.isf(0.1, 15)
        return stats.nct.sf(end, 15, 4 * shift) + stats.nct.cdf(-end, 15, 4 * shift) - 0.5

    truth = optimize.brentq(power, 0, 2)
    for text in line.partition("moved by")[2].split(" or "):
        _, least, most = numbers(text)
        assert least <= truth * 1.01
        assert truth <= most * 1.01


def test_an_unknown_assertion_has_its_share_and_a_sentence(suite, monkeypatch, capsys):
    status, said, _ = weighed(suite, monkeypatch, capsys, "test_unknown", "--seed", "3")
    assert status == 0
    low, high = numbers(re.search(r"true share is (.*) \(P", said)[1])
    assert low <= 10 <= high
    assert "is not understood: assert ok compares no two numbers in a known form" in said
    assert "no new form is written" in said


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "test_constant",
            "its outcome is the same in 40 runs with other seeds: nothing in it is random",
        ),
        ("test_never", r"it fails in all of 40 runs with other seeds: assert abs\("),
        (
            "test_lucky",
            "it fails in all of 40 runs with other seeds, and passes with its own seed only",
        ),
        (
            "test_port",
            "its fixtures cannot be repeated, set up again: RuntimeError: the port is in use",
        ),
        (
            "test_slow",
            r"a run takes 0\.\d+ s: in 1 s it ran \d times, and 40 are needed: --seconds \d\d",
        ),
        ("test_hangs", r"a run did not end within 1\.5 s: give more --seconds"),
        ("test_skipped", "it is skipped: not today"),
        ("test_many", r"3 tests have this name, weigh one of them: test_many\[1\]"),
        ("test_property", "its examples are drawn by Hypothesis"),
        ("test_trial", "it is decided by a trial already"),
        ("test_absent", "there is no test test_absent in test_theirs.py"),
    ],
)
def test_what_cannot_be_weighed_gets_one_sentence(suite, monkeypatch, capsys, name, why):
    monkeypatch.setattr(command, "_GRACE", 0.5 if name == "test_hangs" else 60)
    seconds = "1" if name in ("test_hangs", "test_slow") else "60"  # they end after 40 runs
    status, said, error = weighed(suite, monkeypatch, capsys, name, seconds=seconds)
    assert (status, said) == (2, "")
    assert re.search(why, error.splitlines()[-1])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["test_theirs.py"], "must be named as FILE::TEST"),
        (["test_absent.py::test_x"], "there is no file test_absent.py"),
        (["test_theirs.py::test_band", "--seconds", "0"], "--seconds must be a positive number"),
        (["test_theirs.py::test_band", "--out", "conftest.py"], "--out must be a new file"),
        (["test_theirs.py::test_band", "--out", "no/x.py"], "in a folder that exists"),
    ],
)
def test_bad_options_get_one_sentence(suite, monkeypatch, capsys, words, why):
    monkeypatch.chdir(suite)
    with pytest.raises(SystemExit) as stopped:
        main(["weigh", *words])
    assert stopped.value.code == 2
    assert why in capsys.readouterr().err


def test_a_file_that_cannot_be_collected_shows_what_pytest_says(suite, monkeypatch, capsys):
    monkeypatch.chdir(suite)
    place = suite / "test_broken.py"
    place.write_text("import no_such_module\n\n\ndef test_x():\n    assert abs(1) < 2\n")
    with pytest.raises(SystemExit):
        main(["weigh", "test_broken.py::test_x"])
    place.unlink()
    said = capsys.readouterr().err
    assert "no_such_module" in said
    assert "pytest cannot run test_broken.py::test_x" in said
