"""`trial` in tests that are no claims: three lines in anybody's suite, without JAX."""

import json
import os
import re
import subprocess
import sys
import textwrap

import pytest
import scipy.optimize
import scipy.stats  # noqa: F401 -- after a suite in this process pytester forgets what it imported

from theory_on_trial.decide.processes import form_of
from theory_on_trial.decide.suggestion import laws_that_fit
from theory_on_trial.trial import registry
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.plain import NotVerified, PlainTrial

pytest_plugins = ["pytester"]

HEAD = """
import numpy as np
import pytest
from theory_on_trial.laws import *

"""
UNIFORM = "trial.mean(lambda rng: rng.uniform(), {}, law=Bounded(0, 1), margin=0.05{})"


def suite(pytester, text, *arguments, name="test_toy", run="runpytest_inprocess"):
    pytester.makepyfile(**{name: HEAD + textwrap.dedent(text)})
    return getattr(pytester, run)("-p", "no:cacheprovider", *arguments)


def one(pytester, body, *arguments):
    return suite(pytester, f"def test_it(trial):\n    {body}\n", *arguments)


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTERED", {})


def failure_of(done):
    """What pytest prints between the name of the failed test and the summary."""
    text = done.stdout.str()
    lines = text.partition("_ test_it _")[2].partition("\n")[2].partition("\n====")[0]
    return lines.splitlines()


WITHOUT_JAX = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jax", "jaxlib", "jaxtyping"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import pytest
plugin = ["-p", "theory_on_trial.plugin"]
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *plugin, *sys.argv[1:]]))
"""
# The plugins of this environment, as jaxtyping's, import JAX and NumPy themselves.
ALONE = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
EVERY_DECISION = """
    from theory_on_trial import claim, derived

    def test_uniform(trial):
        trial.mean(lambda rng: rng.uniform(), 0.5, law=Bounded(0, 1), margin=0.05)

    def test_decisions(trial):
        u = lambda rng, n: rng.uniform(size=n)
        trial.probability(lambda rng: rng.uniform() < 0.5, 0.5, margin=0.1)
        trial.distribution(u, lambda x: np.clip(x, 0, 1), margin=0.1)
        trial.distribution(lambda rng, n: rng.uniform(size=(n, 2)), margin=0.2)
        trial.mean(samples=np.random.default_rng(1).normal(size=4000), predict=0.0, law=Normal(),
                   margin=0.2, scale=1)
        for law in (Normal(), SubGaussian(1.0), Symmetric(), Asymptotic()):
            trial.mean(lambda rng, n: rng.normal(size=n), 0.0, law=law, margin=0.2, scale=1)
        trial.mean(lambda rng, n: rng.normal(size=n), 1.0, law=NormalVariance(), margin=0.2)
        trial.mean(lambda rng, n: rng.normal(1, 0.2, size=(n, 2)), 1.0, law=RatioOfMeans(), margin=0.2)
        trial.identity(0.1 + 0.2, 0.3, ops=1)
        trial.value(0.5, 0.5, margin=0.1, error=1e-9)
        trial.bound([1.0, 2.0], [2.0, 2.0], ops=1, instances="all")
        trial.limit([1 + 2.0**-k for k in range(4, 12)], [2**k for k in range(4, 12)], 1.0,
                    remainder=2.0**-11, margin=0.01, controls={"zero": 0.0})
        trial.order([2.0**-k for k in range(12)], [2**k for k in range(12)], -1.0, rounding=1e-16,
                    margin=0.1, controls={"second": -2.0})
        trial.runs(range(1, 31), alpha=1e-3, controls={"reversed": [-x * x for x in range(1, 31)]})

    @claim(derived("of a uniform number"), low_power="few samples")
    def test_claim(trial):
        '''The mean of a uniform number is 1/2.'''
        trial.mean(lambda rng: rng.uniform(), 0.5, law=Bounded(0, 1), margin=0.05,
                   controls={"two thirds": 2 / 3})

    def test_modules():
        with pytest.raises(ModuleNotFoundError):
            import jax
"""


def test_every_decision_works_without_jax(pytester):
    pytester.makepyfile(test_toy=HEAD + textwrap.dedent(EVERY_DECISION), run=WITHOUT_JAX)
    arguments = [sys.executable, "run.py", "--trial-ledger", "l.json", "--trial-report", "r.html"]
    done = subprocess.run([*arguments, "test_toy.py"], capture_output=True, text=True, env=ALONE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    book = json.loads((pytester.path / "l.json").read_text())
    assert (book["platform"]["device"], book["platform"]["backend"]) == ("none", None)
    assert {row["id"]: row["verdict"] for row in book["claims"]} == {
        "toy.claim": "VERIFIED",
        "test_toy.py::test_uniform": "VERIFIED",
        "test_toy.py::test_decisions": "VERIFIED",
    }


def test_a_key_without_jax_gets_one_sentence(pytester):
    text = (
        "def test_it(trial):\n    trial.mean(lambda key: key, 0.5, law=Bounded(0, 1), margin=0.1)"
    )
    pytester.makepyfile(test_toy=HEAD + text, run=WITHOUT_JAX)
    arguments = [sys.executable, "run.py", "test_toy.py"]
    done = subprocess.run(arguments, capture_output=True, text=True, env=ALONE)
    assert "a key needs JAX: pip install 'theory-on-trial[jax]'" in done.stdout


def test_a_suite_without_claims_imports_nothing_heavy(pytester):
    pytester.makepyfile(
        test_other="def test_it():\n    pass",
        run="""
        import sys
        import pytest
        status = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "theory_on_trial.plugin"])
        ours = {name for name in sys.modules if name.startswith("theory_on_trial.")}
        print("imported:", sorted(ours), [name for name in ("numpy", "scipy", "jax") if name in sys.modules])
        sys.exit(status)
    """,
    )
    done = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True, env=ALONE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "imported: ['theory_on_trial.plugin'] []" in done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_trial_in_every_sort_of_test(pytester, workers):
    done = suite(
        pytester,
        """
        @pytest.fixture
        def half():
            return 0.5

        def test_function(trial, half):
            trial.mean(lambda rng: rng.uniform(), half, law=Bounded(0, 1), margin=0.1)

        class TestIt:
            @pytest.mark.parametrize("top", [1, 2])
            def test_method(self, top, trial):
                trial.mean(lambda rng: top * rng.uniform(), top / 2, law=Bounded(0, 2), margin=0.2)

        @pytest.fixture
        def checked(trial):
            return lambda: trial.probability(lambda rng: rng.uniform() < 0.3, 0.3, margin=0.1)

        def test_through_a_fixture(checked):
            checked()

        def test_through_a_wrong_fixture(trial):
            with pytest.raises(AssertionError):
                trial.probability(lambda rng: rng.uniform() < 0.3, 0.6, margin=0.1)
        """,
        *workers,
    )
    done.assert_outcomes(passed=4, failed=1)  # what catches a verdict has failed all the same
    assert "ledger" not in done.stdout.str()
    assert "REFUTED: measured" in done.stdout.str()
    assert [path.name for path in pytester.path.glob("*.json")] == []


def test_a_trial_that_is_asked_for_within_the_test_is_judged_too(pytester):
    done = suite(
        pytester,
        f"""
        def test_right(request):
            trial = request.getfixturevalue("trial")
            {UNIFORM.format(0.5, "")}

        def test_wrong(request):
            trial = request.getfixturevalue("trial")
            {UNIFORM.format(0.7, "")}
        """,
    )
    done.assert_outcomes(passed=1, failed=1)
    assert "REFUTED: measured" in done.stdout.str()


def measured(done):
    return re.findall(r"mean ([0-9.]+) in", done.stdout.str())


def test_the_stream_is_named_after_the_test_and_moved_by_the_seed(pytester):
    body = UNIFORM.format(0.5, "")
    text = "\n".join(f"def test_{name}(trial):\n    {body}" for name in "ab")
    first = measured(suite(pytester, text, "-v"))
    assert len(set(first)) == 2
    assert measured(suite(pytester, text, "-v", "-k", "test_b")) == first[1:]
    (pytester.path / "test_toy.py").unlink()
    folder = pytester.mkdir("folder")
    (folder / "test_toy.py").write_text(HEAD + text)
    moved = measured(pytester.runpytest_inprocess("-v", "-p", "no:cacheprovider"))
    assert not set(moved) & set(first)
    # From within the folder, too, the id is the one below the root.
    pytester.makeini("[pytest]")
    within = pytester.runpytest_inprocess("-v", "-p", "no:cacheprovider", "folder/test_toy.py")
    assert measured(within) == moved
    seed = pytester.runpytest_inprocess("-v", "-p", "no:cacheprovider", "--trial-seed", "1")
    assert not set(measured(seed)) & set(moved)


def test_one_short_line_of_a_test_that_passes(pytester):
    lines = one(pytester, UNIFORM.format(0.5, ""), "-v").stdout.str().splitlines()
    (line,) = [line for line in lines if "predicted" in line]
    assert re.fullmatch(
        r"      mean 0\.\d+ in \[0\.\d+, 0\.\d+\], predicted 0\.5 ± 0\.05, [0-9,]+ samples, "
        r"detects [0-9.]+ %",
        line,
    )
    assert not [
        line for line in one(pytester, UNIFORM.format(0.5, "")).outlines if "predicted" in line
    ]


def test_a_failure_is_three_lines(pytester):
    measured, predicted, command = failure_of(one(pytester, UNIFORM.format(0.7, "")))
    assert re.fullmatch(
        r"REFUTED: measured 0\.\d+, interval \[0\.\d+, 0\.\d+\], [0-9,]+ samples, "
        r"P\(error\) <= \S+",
        measured,
    )
    assert predicted == "predicted 0.7, margin 0.05"
    assert command == "pytest test_toy.py::test_it --trial-seed 0"


def test_a_failure_of_one_coordinate_of_many_is_three_lines(pytester):
    body = "trial.probability(lambda rng: rng.uniform() < np.linspace(0.1, 0.9, 9), np.full(9, 0.5), margin=0.05)"
    measured, predicted, _ = failure_of(one(pytester, body))
    assert "measured 0." in measured
    assert re.search(r"refuted at \d of 9 coordinates, most at \[[08]\]", predicted)


def test_an_inconclusive_test_fails_and_says_what_would_do(pytester):
    text = UNIFORM.format(0.5, ", most=64")
    measured, predicted, _ = failure_of(one(pytester, text))
    assert measured.startswith("INCONCLUSIVE: measured")
    assert re.search(r"about \d+ samples would decide \(most= of the decision\)", predicted)
    margin = float(re.search(r"a margin of ([0-9.]+) would hold", predicted)[1])
    done = one(pytester, text.replace("margin=0.05", f"margin={margin}"))
    done.assert_outcomes(passed=1)


def test_the_error_is_chosen_on_the_call_and_in_the_ini_file(pytester):
    wrong = UNIFORM.format(0.7, "")

    def of(done):
        return float(re.search(r"P\(error\) <= (\S+)", failure_of(done)[0])[1])

    assert of(one(pytester, wrong)) <= 1e-6
    assert of(one(pytester, UNIFORM.format(0.7, ", error=1e-3"))) == 1e-3
    pytester.makeini("[pytest]\ntrial_error = 1e-2")
    assert 1e-3 < of(one(pytester, wrong)) <= 1e-2
    pytester.makeini("[pytest]\ntrial_error = 2")
    done = one(pytester, wrong)
    assert "trial_error must be a probability above 0 and at most 0.1, got '2'" in done.stdout.str()


def test_a_larger_error_saves_samples():
    counts = []
    for error in (1e-6, 1e-3):
        trial = PlainTrial("a::b")
        trial.probability(lambda rng: rng.uniform() < 0.5, 0.5, margin=0.05, error=error)
        counts.append(trial.findings[0].interval.n)
    assert counts[1] < 0.7 * counts[0]


def test_a_plain_test_has_a_row_where_a_ledger_is_asked_for(pytester):
    done = suite(
        pytester,
        f"""
        def test_right(trial):
            '''The mean is a half.'''
            {UNIFORM.format(0.5, "")}

        def test_wrong(trial):
            {UNIFORM.format(0.7, "")}

        def test_raises(trial):
            trial.mean(lambda rng: 1 / 0, 0.5, law=Bounded(0, 1), margin=0.1)
        """,
        "--trial-ledger",
        "ledger.json",
    )
    done.assert_outcomes(passed=1, failed=2)
    book = json.loads((pytester.path / "ledger.json").read_text())
    rows = {row["id"].partition("::")[2]: row for row in book["claims"]}
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "test_right": "VERIFIED",
        "test_wrong": "REFUTED",
        "test_raises": "INCONCLUSIVE",
    }
    assert rows["test_right"]["statement"] == "The mean is a half."
    assert [c["name"] for c in rows["test_right"]["controls"]] == [
        "three margins above",
        "three margins below",
    ]
    assert "ZeroDivisionError" in rows["test_raises"]["note"]


def test_controls_that_nobody_names_lie_three_margins_away_and_within_the_law():
    def predicted(decide):
        trial = PlainTrial("a::b")
        decide(trial)
        return [control.predicted for control in trial.findings[0].controls]

    def event(share):
        return lambda rng: rng.uniform() < share

    assert predicted(lambda t: t.probability(event(0.5), 0.5, margin=0.1)) == [
        pytest.approx(0.8),
        pytest.approx(0.2),
    ]
    assert predicted(lambda t: t.probability(event(0.1), 0.1, margin=0.1)) == [pytest.approx(0.4)]
    assert predicted(lambda t: t.probability(event(0.1), 0.3, side="at most")) == []
    own = {"another": 0.9}
    assert predicted(lambda t: t.probability(event(0.5), 0.5, margin=0.1, controls=own)) == [0.9]


def test_no_rule_of_claims_holds():
    trial = PlainTrial("a::b")
    trial.probability(lambda rng: rng.uniform() < 0.5, 0.5, margin=0.4)  # as coarse as can be
    trial.identity(1, 1, ops=0)  # no control
    assert [finding.outcome for finding in trial.findings] == ["VERIFIED", "VERIFIED"]


def test_a_control_that_survives_fails_the_test():
    trial = PlainTrial("a::b")
    with pytest.raises(NotVerified, match="this control survived: the same"):
        trial.identity(1, 1, ops=0, control_processes={"the same": 1})


BAD = {
    "lambda rng: None": "the measurement returned None in its call 1",
    "lambda rng: 'high'": "the measurement must return real numbers, its call 1 returned high",
    "lambda rng: rng.uniform() * np.nan": "not finite, first nan in sample 0 (the measurement)",
    "lambda rng: rng.uniform(size=rng.integers(1, 3))": "the measurement must return one shape, got",
    "raises": "(the measurement raised this in its call 100)",
    "lambda rng: np.random.default_rng(1).uniform()": "does not draw from the generator",
    "lambda rng: np.random.uniform()": "does not draw from the generator",
    "lambda rng, n: np.random.default_rng(1).uniform(size=n)": "does not draw from the generator",
    "lambda rng: (rng.uniform(), np.random.default_rng(2).uniform() / 4 + 0.44)[1]": "a constant is",
    "lambda rng: rng.uniform() + np.random.uniform()": "gives other samples for the same generator",
    "lambda a, b, c: 1": "the measurement must be a function of rng, of (rng, n) or of key, got one",
    "0.5": "the measurement must be a function of rng, of (rng, n) or of key, got float",
    "lambda rng: rng.uniform() * 2.3": "law=Bounded(0, 1) is contradicted by a sample of",
}


@pytest.mark.parametrize("measure", BAD)
def test_a_measurement_that_is_none_gets_one_sentence(pytester, measure):
    raises = """
    def raises(rng):
        raises.calls = getattr(raises, "calls", 0) + 1
        if raises.calls == 100:
            raise KeyError("no more")
        return rng.uniform()
    """
    text = f"{textwrap.dedent(raises)}\ndef test_it(trial):\n    trial.mean({measure}, 0.5, law=Bounded(0, 1), margin=0.1)\n"
    pytester.makepyfile(test_toy=HEAD + text)
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    done.assert_outcomes(failed=1)
    shown = "\n".join(failure_of(done))
    assert BAD[measure] in shown
    assert "theory_on_trial/" not in shown  # no step of the engine is shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("0.5, law=Bounded(0, 1), margin=0", "margin"),
        ("0.5, law=Bounded(0, 1), margin=float('nan')", "the margin must be finite"),
        ("float('nan'), law=Bounded(0, 1), margin=0.1", "the prediction must be finite"),
        ("0.5, law=Bounded(0, 1)", "state the margin"),
        ("0.5, law=Bounded(0, 1), margin=0.1, error=2", "error= is the chance of a wrong verdict"),
        ("0.5, law=Bounded, margin=0.1", "law must be the law of the samples, as Bounded()"),
        ("0.5, law=Bounded(0, 1), margin=0.1, samples=[1, 0]", "samples= are what was measured"),
        ("0.5, margin=0.1", "Bounded(0, 1), if it is proved that no sample leaves that range"),
        ("'high', law=Bounded(0, 1), margin=0.1", "prediction"),
    ],
)
def test_arguments_that_do_not_fit_get_one_sentence(pytester, arguments, sentence):
    done = one(pytester, f"trial.mean(lambda rng: rng.uniform(), {arguments})")
    done.assert_outcomes(failed=1)
    assert sentence in "\n".join(failure_of(done))


def test_swapped_sides_are_told():
    for swapped in ({}, {"sampler": lambda rng, n: rng.uniform(size=n)}):
        trial = PlainTrial("a::b")
        first = (0.5, lambda rng: rng.uniform())
        with pytest.raises(
            TypeError, match="the measurement comes first and the prediction second"
        ):
            trial.mean(*first, margin=0.1, **swapped)


def test_none_at_all_and_a_wider_fixture_get_one_sentence(pytester):
    done = suite(
        pytester,
        """
        def test_nothing(trial):
            pass

        @pytest.fixture(scope="module")
        def data(trial):
            return 1

        def test_wide(data):
            pass
        """,
    )
    done.assert_outcomes(failed=1, errors=1)
    printed = done.stdout.str()
    assert (
        "test_nothing takes `trial` and makes no decision: call one, such as trial.mean(...)"
        in printed
    )
    assert (
        "the fixture 'data' has scope 'module' and asks for `trial`, which is of one test"
        in printed
    )


def test_several_decisions_share_the_error():
    trial = PlainTrial("a::b", error=1e-3)
    for _ in range(5):
        trial.probability(lambda rng: rng.uniform() < 0.5, 0.5, margin=0.2)
    assert sum(finding.interval.error for finding in trial.findings) <= 1e-3
    assert len({float(f.interval.estimate) for f in trial.findings}) > 1


def test_the_form_of_a_measurement_is_read_off_its_signature():
    class Drawn:
        def __call__(self, rng):
            return rng.uniform()

    forms = {
        "one": [lambda rng: 1, lambda generator: 1, lambda rng, scale=2: 1, Drawn()],
        "many": [lambda rng, n: 1, lambda g, size: 1],
        "key": [lambda key: 1, lambda key, dim=3: 1],
    }
    for form, functions in forms.items():
        for function in functions:
            assert form_of(function, "array") == form
    for unclear in (lambda x: 1, lambda *a: 1, min):
        assert form_of(unclear, "key") == "key"
        assert form_of(unclear, "one") == "one"


def test_samples_that_exist_say_so():
    import numpy as np

    draws = np.random.default_rng(0).uniform(size=5000)
    trial = PlainTrial("a::b")
    from theory_on_trial.laws import Bounded

    trial.mean(samples=draws, predict=0.5, law=Bounded(0, 1), margin=0.05)
    interval = trial.findings[0].interval
    assert (interval.n, interval.guarantee) == (
        5000,
        "finite-n, given samples, which nobody saw being drawn",
    )
    walk = np.cumsum(draws - 0.5)
    with pytest.raises(ValueError, match="samples=: its samples are correlated at a lag"):
        trial.mean(
            samples=(walk - walk.min()) / np.ptp(walk), predict=0.5, law=Bounded(0, 1), margin=0.1
        )
    masked = np.ma.masked_array(draws, draws > 0.9)
    with pytest.raises(ValueError, match="samples= must not have masked entries"):
        trial.mean(samples=masked, predict=0.5, law=Bounded(0, 1), margin=0.1)
    for empty in (3.0, []):
        with pytest.raises(ValueError, match="samples= must be an array"):
            trial.mean(samples=empty, predict=0.5, law=Bounded(0, 1), margin=0.1)


def test_the_law_is_suggested_by_what_samples_look_like():
    import numpy as np

    rng = np.random.default_rng(0)

    def fitting(samples):
        return laws_that_fit(samples).partition("they contradict")[0]

    assert fitting(rng.integers(0, 2, 64)).index("Bernoulli()") < fitting(
        rng.integers(0, 2, 64)
    ).index("Bounded(0, 1)")
    assert "Normal()" not in fitting(rng.integers(0, 2, 64))
    assert "Bernoulli()" not in fitting(rng.uniform(size=64))
    assert "Bounded(-3, 4)" in fitting(np.linspace(-2.5, 3.5, 64))
    assert "Normal()" in fitting(rng.normal(size=64))
    assert "Normal()" not in fitting(rng.standard_cauchy(size=640))
    assert "RatioOfMeans" not in fitting(rng.normal(size=64))
    # Distances of laws are no law of a sample.
    for distance in ("SupDistance", "TwoSampleDistance", "TotalVariation", "TailDistance"):
        assert distance not in laws_that_fit(rng.normal(size=64))


def test_wrong_verdicts_are_as_rare_as_the_error_says():
    """With an error of .1 the truth at the margin's edge is found wrong, or a false one right, in
    no more than a tenth of the seeds.
    """

    def verdict(seed, truth):
        trial = Trial(f"rate.{truth}", seed)
        trial.probability(
            lambda rng, n: (rng.uniform(size=n) < truth) * 1, 0.5, margin=0.1, error=0.1, most=4000
        )
        return trial.findings[0].outcome

    seeds = range(100)
    # 10 expected at most: P < 0.002
    assert sum(verdict(seed, 0.5) == "REFUTED" for seed in seeds) <= 20
    assert sum(verdict(seed, 0.6) == "VERIFIED" for seed in seeds) <= 20


def test_a_key_is_drawn_in_the_precision_of_the_suite(pytester):
    text = """
    def test_it(trial):
        import jax

        seen = set()

        def draw(key):
            seen.add(str(jax.random.uniform(key).dtype))
            return jax.random.uniform(key)

        trial.mean(draw, 0.5, law=Bounded(0, 1), margin=0.1, vectorised=True)
        assert seen == {"float32"}
    """
    done = suite(pytester, text, "--trial-ledger", "l.json", run="runpytest_subprocess")
    done.assert_outcomes(passed=1)
    (row,) = json.loads((pytester.path / "l.json").read_text())["claims"]
    assert row["precision"] == "single"


def test_an_asymptotic_interval_has_no_number_for_the_chance_of_error():
    from theory_on_trial.laws import Asymptotic, Normal
    from theory_on_trial.trial.plain import NotVerified, PlainTrial

    for law, said in ((Asymptotic(), "P(error) asymptotic"), (Normal(), "P(error) <= ")):
        with pytest.raises(NotVerified) as failure:
            PlainTrial("plain").mean(lambda rng: rng.normal(), 3.0, law=law, margin=0.1)
        assert said in str(failure.value)
