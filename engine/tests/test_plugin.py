"""The pytest plugin in somebody else's repository: options, ledger, exit status, other plugins."""

import html
import json
import os
import pty
import re
import subprocess
import sys
import textwrap
from itertools import product
from xml.etree import ElementTree

import pytest

from theory_on_trial.ledger import read
from theory_on_trial.trial import registry

pytest_plugins = ["pytester"]

PAPER = """
    import jax
    import pytest
    from theory_on_trial import claim, paper, published
    from theory_on_trial.laws import Bounded

    SAID = published(place=paper("Section 1"), quoted="The mean is 0.6.", within="no condition stands there", reach="theorem", effect="nothing published", ran="the formula")

    @claim(paper("Section 1"), kind="distribution", low_power="few samples", as_published=SAID)
    def test_mean(trial, power=1):
        '''The mean of U^power is 1 / (power + 1).'''
        trial.mean(
            lambda key: jax.random.uniform(key) ** power, 1 / (power + 1), law=Bounded(0, 1), margin=0.05,
            controls={"one third": 1 / 3}, as_published=0.6, first=256, vectorised=True,
        )

    @claim(paper("Section 2"), kind="identity", tier="full")
    def test_sum__of_squares(trial):
        '''Sum of squares.'''
        trial.identity(sum(i * i for i in range(11)), 385, ops=0, controls={"too small": 384})

    def test_unrelated():
        assert True
"""

SCHEMA = {
    "id": str,
    "paper": str,
    "source": str,
    "statement": str,
    "kind": str,
    "tier": str,
    "expected": str,
    "verdict": str,
    "predicted": float,
    "measured": float,
    "interval": list,
    "margin": float,
    "slack": float,
    "error_probability": float,
    "guarantee": str,
    "controls": list,
    "samples": int,
    "looks": int,
    "seconds": float,
    "tightness": (float, type(None)),
    "note": str,
}


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTERED", {})


@pytest.fixture
def paper(pytester):
    pytester.makepyfile(test_dice=PAPER)
    return pytester


def ledger(pytester, *arguments, run="runpytest_inprocess"):
    asked = ("--trial-ledger", "ledger.json", "-p", "no:cacheprovider", "-W", "default", *arguments)
    done = getattr(pytester, run)(*asked)
    path = pytester.path / "ledger.json"
    return done, json.loads(path.read_text()) if path.exists() else None


def test_fast_tier_lists_what_it_leaves_out(paper):
    result, book = ledger(paper, "--trial-seed", "5", "--trial-report", "report.html")
    result.assert_outcomes(passed=2, deselected=1)
    assert (book["schema"], book["seed"], book["tier"]) == ("theory-on-trial/ledger/2", 5, "fast")
    assert {"jax", "jaxlib", "numpy", "backend", "device", "x64"} <= set(book["platform"])
    assert [(c["id"], c["verdict"], c["expected"]) for c in book["claims"]] == [
        ("dice.mean", "VERIFIED", "VERIFIED"),
        ("dice.mean-as-published", "REFUTED", "REFUTED"),
    ]
    for row in book["claims"]:
        for name, kind in SCHEMA.items():
            assert isinstance(row[name], kind), (name, row[name])
    assert book["not_run"] == [
        {
            "id": "dice.sum-of_squares",
            "tier": "full",
            "reason": "tier full is above this run's tier fast",
        }
    ]
    assert "2 of 2 verdicts as expected; 1 of 1 controls REFUTED" in result.stdout.str()
    page = (paper.path / "report.html").read_text()
    assert "pytest test_dice.py::test_mean --trial-tier fast --trial-seed 5" in html.unescape(page)
    assert all(f'<select name="{name}">' in page for name in ("paper", "kind", "verdict"))
    assert "http" not in page.replace("http-equiv", "")  # self-contained


FALSE = """
    @claim(paper("Section 3"), kind="identity")
    def test_wrong(trial):
        '''Two and two make five.'''
        trial.identity(2 + 2, 5, ops=0, controls={"six": 6})
"""


def printed_by(pytester, monkeypatch, *arguments, columns=80):
    monkeypatch.setenv("COLUMNS", str(columns))
    pytester.makepyfile(test_dice=textwrap.dedent(PAPER) + textwrap.dedent(FALSE))
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments).stdout.str()


def decided(printed):
    return [
        line.split()[:3]
        for line in printed.partition("= FAILURES =")[0].splitlines()
        if line[:2] in ("+ ", "! ")
    ]


MEAN = [["+", "dice.mean", "VERIFIED"], ["+", "dice.mean-as-published", "REFUTED"]]
WRONG = [["!", "dice.wrong", "REFUTED"]]


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_every_claim_has_its_line_as_it_is_decided(pytester, monkeypatch, workers):
    printed = printed_by(pytester, monkeypatch, *workers)
    assert decided(printed) == MEAN + WRONG
    assert max(len(line) for line in printed.splitlines() if line[:2] in ("+ ", "! ")) <= 80
    line = next(line for line in printed.splitlines() if line.startswith("+ dice.mean "))
    assert line.split()[3:5] == ["0.5", line.split()[4]]
    assert abs(float(line.split()[4]) - 0.5) < 0.05
    assert "%" in line


@pytest.mark.parametrize(
    ("option", "lines", "dots"), [("-q", [], "..F"), ("-v", MEAN + WRONG, "test_mean PASSED")]
)
def test_quiet_and_verbose_do_what_users_of_pytest_expect(
    pytester, monkeypatch, option, lines, dots
):
    printed = printed_by(pytester, monkeypatch, option)
    assert decided(printed) == lines
    assert dots in printed.replace(".F.", "..F")
    assert ("      control one third: REFUTED" in printed) == (option == "-v")


def test_the_end_says_what_is_false_and_what_went_wrong(pytester, monkeypatch):
    output = printed_by(pytester, monkeypatch)
    end = output[output.index("ledger (seed 0") :]
    head = re.search(r"paper +of paper +tried +derived +other +refuted +unexpected", end)
    assert head is not None
    assert re.search(r"! dice +1 +0 +0 +0 +1 +1  ", end)
    assert "VERIFIED: 1 of the paper; REFUTED as published: 1" in end
    assert "dice.mean: “The mean is 0.6.” (Section 1; reach: theorem) published 0.6" in end
    told = end[end.index("unexpected verdicts:") :]
    assert "! dice.wrong is REFUTED, expected VERIFIED" in told
    assert output.partition("short test summary info")[0].count("Two and two make five") == 1
    assert "not run: 1 above tier fast (see --trial-tier)" in told
    assert "+ mean " not in end


def test_a_refusal_shows_the_line_of_the_check_and_nothing_of_the_engine(pytester):
    close = """
        @claim(paper("Section 3"), kind="identity")
        def test_close(trial):
            '''Two and two make four.'''
            trial.identity(2.0 + 2, 4.0, ops=10, controls={"nearly": 4 + 1e-15})

        @claim(paper("Section 4"), kind="identity")
        def test_measured(trial):
            '''Two and two make four.'''
            trial.mean(sampler=lambda generator, n: 1 / 0, predict=0.5, law=None, margin=0.1)

        @claim(paper("Section 5"), kind="distribution")
        def test_two(trial):
            '''A half.'''
            trial.mean(lambda key, *, n: n, 0.5, law=None, margin=0.1)
    """
    pytester.makepyfile(test_dice=textwrap.dedent(PAPER) + textwrap.dedent(close))
    output = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-k", "close or measured or two"
    ).stdout.str()
    first, _, rest = output.partition("_ test_measured _")
    assert (
        "E       theory_on_trial.decide.decision.ControlTooClose: control 'nearly' lies within"
        in first
    )
    assert "decisions.py" not in first
    assert "give sampler=, a function of (generator, n)" in rest
    assert "sampling.py" not in rest.partition("_ test_two _")[2]
    # Nothing is said twice
    assert output.partition("short test summary")[0].count("lies within") == 1
    assert "ZeroDivisionError" in rest  # in a process that the claim brings along: told from there


@pytest.mark.parametrize("columns", [80, 200])
def test_the_whole_table_is_there_when_asked_for_and_fits(pytester, monkeypatch, columns):
    printed = printed_by(pytester, monkeypatch, "--trial-table", columns=columns)
    table = printed[printed.index("ledger (seed 0") :].splitlines()
    assert [line.split()[:3] for line in table if line[:2] in ("+ ", "! ")] == [
        ["+", "mean", "VERIFIED"],
        ["+", "mean-as-published", "REFUTED"],
        ["!", "wrong", "REFUTED"],
    ]
    assert max(map(len, table[1:-3])) <= min(columns, 120)


@pytest.mark.parametrize("selection", [("-k", "dice.sum-of_squares"), ("-m", "full and identity")])
def test_full_tier_and_selection(paper, selection):
    done, book = ledger(paper, "--trial-tier", "full", *selection)
    done.assert_outcomes(passed=1, deselected=2)
    assert [c["id"] for c in book["claims"]] == ["dice.sum-of_squares"]
    assert book["not_run"] == []


def test_what_was_not_run_comes_back_from_the_workers(paper):
    done, book = ledger(paper, "-n", "2")
    done.assert_outcomes(passed=2)
    assert [entry["id"] for entry in book["not_run"]] == ["dice.sum-of_squares"]


@pytest.mark.parametrize(
    ("body", "verdict", "sentence"),
    [
        ("trial.identity(1, 2, ops=0, controls={'c': 3})", "REFUTED", "REFUTED, expected VERIFIED"),
        (
            "trial.mean(lambda key: jax.random.normal(key), 0.0, law=Asymptotic(), margin=0.01,"
            " scale=1.0, controls={'c': 0.6}, first=64, most=64)",
            "INCONCLUSIVE",
            "INCONCLUSIVE, expected VERIFIED",
        ),
        (
            "trial.identity(1, 1, ops=0, control_processes={'the same': 1})",
            "INCONCLUSIVE",
            "control survived: the same",
        ),
        ("pass", "INCONCLUSIVE", "the check made no decision"),
        (
            "raise RuntimeError('broken simulator')",
            "INCONCLUSIVE",
            "! sums.it: the check raised an exception",
        ),
    ],
)
def test_everything_but_the_expected_verdict_fails_the_run(pytester, body, verdict, sentence):
    done, book = run(pytester, ["import jax", body])
    done.assert_outcomes(failed=1)
    assert sentence in done.stdout.str()
    assert [c["verdict"] for c in book["claims"]] == [verdict]


def test_a_conftest_with_options_of_these_names_is_not_disturbed(paper):
    paper.makeconftest(
        """
        import pytest

        def pytest_addoption(parser):
            for name in ("seed", "tier", "ledger", "report", "set", "list"):
                parser.addoption(f"--{name}", default=f"the {name} of this repository")

        @pytest.fixture
        def trial(request):
            return request.config.getoption("seed")
        """
    )
    paper.makepyfile(test_own="def test_it(trial):\n    assert trial == 'nine'\n")
    done, book = ledger(paper, "--seed", "nine", "--trial-seed", "9")
    done.assert_outcomes(passed=3, deselected=1, warnings=1)
    assert book["seed"] == 9


def test_a_trial_of_the_repository_that_shadows_ours_is_told(paper):
    _, own = ledger(paper, "--trial-seed", "7")
    paper.makeconftest(
        """
        import pytest
        from theory_on_trial import Trial

        @pytest.fixture
        def trial():
            return Trial("another.claim", seed=3)
        """
    )
    done, book = ledger(paper, "--trial-seed", "7")
    assert [r["measured"] for r in book["claims"]] == [r["measured"] for r in own["claims"]]
    assert "conftest.py:4 shadows the engine's" in done.stdout.str()


PARAMETRISED = """
    import jax
    import pytest
    from theory_on_trial import claim, paper, published
    from theory_on_trial.laws import Bounded

    @pytest.fixture
    def half():
        return 0.5

    @pytest.mark.parametrize("shift", [0.0, 0.25, 0.5])
    @claim(paper("Section 1"), kind="distribution", low_power="few samples")
    def test_mean(trial, half, shift, most=1.0):
        'The mean of a uniform number.'
        trial.mean(
            lambda key: jax.random.uniform(key) + shift, half + shift, law=Bounded(0, 2), margin=0.1,
            controls={"too large": 2 * most}, first=256, vectorised=True,
        )
"""


def test_every_row_of_a_parametrised_claim_has_an_id_and_a_stream_of_its_own(pytester):
    pytester.makepyfile(test_shifted=PARAMETRISED)
    result, book = ledger(pytester)
    result.assert_outcomes(passed=3)
    assert [row["id"] for row in book["claims"]] == [
        f"shifted.mean[{shift}]" for shift in ("0.0", "0.25", "0.5")
    ]
    assert {row["paper"] for row in book["claims"]} == {"shifted"}
    draws = {
        round(row["measured"] - shift, 9)
        for row, shift in zip(book["claims"], (0.0, 0.25, 0.5), strict=True)
    }
    assert len(draws) == 3
    result, part = ledger(pytester, "-k", "shifted.mean[0.25]")
    assert part["claims"][0]["measured"] == book["claims"][1]["measured"]
    # Three rows would say the same, under values they lack
    result, part = ledger(pytester, "--trial-set", "shift=0.3")
    result.assert_outcomes(passed=1, deselected=2)
    assert [row["id"] for row in part["claims"]] == ["shifted.mean[shift=0.3]"]


def test_files_of_one_name_in_two_folders_are_two_papers(pytester):
    for folder in ("a", "b"):
        pytester.mkpydir(folder).joinpath("test_dice.py").write_text(textwrap.dedent(PAPER))
    _, book = ledger(pytester)
    rows = {row["id"]: row["measured"] for row in book["claims"]}
    assert list(rows) == [
        "a.dice.mean",
        "a.dice.mean-as-published",
        "b.dice.mean",
        "b.dice.mean-as-published",
    ]
    assert rows["a.dice.mean"] != rows["b.dice.mean"]


AGAIN = """
    @claim(paper("Section 3"), kind="identity")
    def {}(trial):
        'Another mean.'
"""
DRAWN = """
from hypothesis import given, strategies as st
from theory_on_trial import claim, paper, published

{}
{}
def test_it(trial, x):
    'A statement.'
"""
DECORATORS = "@given(x=st.integers())", '@claim(paper("Section 1"), kind="identity")'


@pytest.mark.parametrize(
    ("written", "arguments", "sentence"),
    [
        ("def test_it(trial):\n    pass\n", [], "takes `trial` and makes no decision"),
        *(
            (
                textwrap.dedent(PAPER) + textwrap.dedent(AGAIN.format(name)),
                [],
                "two claims are called dice.",
            )
            for name in ("test_mean", "test_Mean")
        ),
        *(
            (DRAWN.format(*order), [], "cannot be a claim and drawn by @given")
            for order in (DECORATORS, reversed(DECORATORS))
        ),
        (PAPER, ["--trial-ledger", "."], "--trial-ledger must name a file"),
        (
            PAPER,
            ["--trial-set", "power=two"],
            "--trial-set power must be a literal such as 3, (1, 2) or 'a', got two",
        ),
        (
            PAPER,
            ["--trial-set", "pover=2"],
            "--trial-set: no claim has a setting 'pover'; the settings are power",
        ),
        (
            PAPER.replace(", as_published=SAID", ""),
            [],
            "as_published= of a decision needs @claim(…, as_published=published(",
        ),
        (
            PAPER.replace("(trial, power=1)", "(trial, power)"),
            [],
            "(see --trial-tier), 2 not started",
        ),
        (
            PAPER.replace(
                "power=1)", "power: __import__('theory_on_trial').contract.Interval(1, 3) = 1)"
            ),
            [],
            "dice.mean: a domain stands in Annotated, power: Annotated[float, …]",
        ),
        (
            PAPER.replace("law=Bounded(0, 1)", "law='bounded'"),
            [],
            "trial.mean: law= must be a law of",
        ),
    ],
)
def test_what_cannot_be_gets_one_sentence(pytester, written, arguments, sentence):
    pytester.makepyfile(test_dice=written)
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
    assert done.ret != 0
    assert sentence in done.stdout.str() + done.stderr.str()


def test_settings_of_a_claim_are_set_from_the_command_line(paper):
    done, book = ledger(paper, "--trial-set", "power=3", "-k", "dice.mean")
    done.assert_outcomes(passed=1, deselected=2)
    assert [row["predicted"] for row in book["claims"]] == [0.25, 0.6]
    assert "--trial-set=power=3" in book["claims"][0]["command"]


def test_the_command_of_a_row_is_quoted_for_a_shell(pytester):
    pytester.makepyfile(
        test_odd="""
        import pytest
        from theory_on_trial import claim, paper

        @claim(paper("Section 1"))
        @pytest.mark.parametrize("word", ["a", "b c"], ids=["$(touch a)", "it's"])
        def test_it(trial, word, name="x"):
            "A statement."
            trial.identity(len(word) + len(name), len(word) + len(name), ops=0, controls={"0": 0})
        """
    )
    _, book = ledger(pytester, "--trial-set", "name='`b`'")
    commands = [row["command"] for row in book["claims"]]
    for command, label in zip(commands, ["$(touch a)", "it's"], strict=True):
        printed = subprocess.run(
            ["sh", "-c", command.replace("pytest", "printf '%s|'", 1)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert printed.split("|")[0] == f"test_odd.py::test_it[{label}]"
        assert printed.split("|")[-2] == "--trial-set=name='`b`'"
    assert not (pytester.path / "a").exists()


def test_a_claim_that_needs_no_jax_does_not_start_it(pytester):
    pytester.makepyfile(
        test_plain="""
        import sys
        from theory_on_trial import claim, paper, published
        from theory_on_trial.laws import Bounded

        @claim(paper("Section 1"), kind="identity", low_power="few throws")
        def test_sum(trial):
            'One and one are two.'
            trial.identity(1 + 1, 2, ops=0, controls={"one": 1})
            trial.mean(sampler=lambda generator, n: generator.integers(1, 7, size=n), predict=3.5, law=Bounded(1, 6),
                       margin=0.2, controls={"three": 3.0})
            assert "jax" not in sys.modules

        @claim(paper("Section 2"), kind="identity")
        def test_precision(trial):
            'JAX that is imported in a trial computes in float64.'
            import jax.numpy as jnp
            trial.identity(int(jnp.zeros(1).dtype.itemsize), 8, ops=0, controls={"single": 4})

        def test_afterwards():
            import jax.numpy as jnp
            assert jnp.zeros(1).dtype.itemsize == 4
        """
    )
    done, book = ledger(pytester, run="runpytest_subprocess")
    done.assert_outcomes(passed=3)
    assert (book["platform"]["device"], book["platform"]["x64"]) == ("cpu", True)
    _, book = ledger(pytester, "-k", "plain.sum", run="runpytest_subprocess")
    assert (book["platform"]["device"], book["platform"]["devices"]) == ("none", 0)
    assert set(book["platform"]) >= {"jax", "jaxlib", "numpy", "backend"}


@pytest.mark.parametrize(
    "left_out",
    [
        "@pytest.mark.skip(reason='no time')",
        "@pytest.mark.xfail(run=False)",
        "@pytest.mark.usefixtures('absent')",
    ],
)
def test_a_claim_that_never_began_is_listed(pytester, left_out):
    _, book = run(pytester, ["decide(trial, 1)"], left_out)
    assert book["claims"] == []
    (entry,) = book["not_run"]
    assert entry["id"] == "sums.it"
    assert "before it started" in entry["reason"]


def test_numbers_beyond_all_sizes_lose_no_ledger(pytester):
    pytester.makepyfile(
        test_far="""
        import pytest
        from theory_on_trial import claim, paper, published

        @claim(paper("Section 1"), kind="identity")
        def test_it(trial):
            '''A statement.'''
            trial.identity(1e300, 1.0, ops=1, controls={"c": 2.0})

        @pytest.mark.parametrize("n", [2])
        @claim(paper("Section 2"), kind="identity")
        def test_set(trial, n):
            '''Another statement.'''
            trial.identity(n, 5, ops=0, controls={"c": 3})
        """
    )
    done, book = ledger(pytester, "--trial-set", "n=5")
    done.assert_outcomes(passed=1, failed=1)
    assert [row["verdict"] for row in book["claims"]] == ["REFUTED", "VERIFIED"]


def test_what_was_not_heard_of_is_in_the_ledger(pytester):
    pytester.makepyfile(
        test_gone="""
        import os
        from theory_on_trial import claim, paper, published

        @claim(paper("Section 1"), kind="identity")
        def test_dies(trial):
            '''A statement.'''
            os._exit(3)

        @claim(paper("Section 2"), kind="identity", as_published=published(place=paper("Section 2"), quoted="Two is three.", within="no condition stands there", reach="theorem", effect="nothing published", ran="the formula"))
        def test_forgets(trial):
            '''Two is two.'''
            trial.identity(2, 2, ops=0, controls={"c": 3})
        """
    )
    _, book = ledger(pytester, "-n", "1", "--max-worker-restart", "1")
    (entry,) = book["not_run"]
    assert ("test_dies" in entry["id"], entry["reason"]) == (True, "the process that ran it died")
    assert {row["id"]: row["verdict"] for row in book["claims"]} == {
        "gone.forgets": "VERIFIED",
        "gone.forgets-as-published": "INCONCLUSIVE",
    }
    assert "no decision was given as_published=" in book["claims"][1]["note"]


def test_a_run_that_was_stopped_says_so_and_one_without_claims_writes_nothing(pytester):
    pytester.makepyfile(
        test_stop="""
        from theory_on_trial import claim, paper, published

        @claim(paper("Section 1"), kind="identity")
        def test_first(trial):
            '''A statement.'''
            trial.identity(2, 2, ops=0, controls={"c": 3})

        def test_second():
            raise KeyboardInterrupt
        """
    )
    _, book = ledger(pytester, run="runpytest_subprocess")
    assert (book["interrupted"], len(book["claims"])) == (True, 1)
    with pytest.raises(ValueError, match="its run was interrupted"):
        read(pytester.path / "ledger.json")
    done, _ = ledger(pytester, "-k", "nothing")
    assert "no claim was collected, so ledger.json is not written" in done.stdout.str()


def test_a_cache_that_cannot_be_made_costs_no_claim(paper, monkeypatch):
    (paper.path / "file").write_text("")
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(paper.path / "file"))
    done, book = ledger(paper, run="runpytest_subprocess")
    assert [row["verdict"] for row in book["claims"]] == ["VERIFIED", "REFUTED"]
    assert "compiled programs are not kept" in done.stdout.str()


HEAD = """
import pytest
from theory_on_trial import claim, paper, published
from theory_on_trial.laws import Asymptotic, Normal

def constant(key):
    return 1.0

def decide(trial, value):
    trial.identity(value, 2, ops=0, controls={"three": 3})

@pytest.fixture
def absent():
    pytest.skip("no data")

"""

CLAIM = """
@claim(paper("Section 1"), kind="identity")
def test_it(trial):
    "One and one are two."
"""


def run(pytester, body, marker="", *arguments, claim=CLAIM):
    pytester.makepyfile(
        test_sums=f"{HEAD}{marker}{claim}" + "".join(f"    {line}\n" for line in body)
    )
    return ledger(pytester, *arguments)


MARKERS = ["@pytest.mark.xfail", "@pytest.mark.xfail(strict=True, raises=BaseException)"]
FAILING = ["decide(trial, 1)", "raise RuntimeError('broken')"]


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("body", FAILING)
def test_a_claim_marked_xfail_fails_the_run(pytester, body, marker):
    done, book = run(pytester, [body], marker)
    done.assert_outcomes(xfailed=1)
    assert [row["verdict"] for row in book["claims"]] != ["VERIFIED"]
    assert done.ret == 1


def test_claims_marked_xfail_fail_a_run_of_workers(pytester):
    pairs = enumerate(product(MARKERS, FAILING))
    texts = [
        f"{marker}{CLAIM.replace('test_it', f'test_{number}')}    {body}\n"
        for number, (marker, body) in pairs
    ]
    pytester.makepyfile(test_sums=HEAD + "\n".join(texts))
    done, book = ledger(pytester, "-n", "2")
    done.assert_outcomes(xfailed=4)
    assert not any(row["verdict"] == "VERIFIED" for row in book["claims"])
    assert done.ret == 1


@pytest.mark.parametrize("away", ["pytest.skip('no time')", "pytest.xfail('known')"])
@pytest.mark.parametrize("first", ["decide(trial, 1)", "decide(trial, 2)"])
def test_a_claim_that_skips_itself_after_a_decision_fails_the_run(pytester, first, away):
    done, book = run(pytester, [first, away])
    assert [row["verdict"] for row in book["claims"]] == ["INCONCLUSIVE"]
    assert done.ret == 1


@pytest.mark.parametrize("afterwards", ["pass", "decide(trial, 2)", "pytest.skip('no time')"])
def test_a_decision_that_raised_counts_where_the_check_catches_it(pytester, afterwards):
    attempt = (
        "trial.mean(constant, 2.0, law=Normal(), margin=1.0, slack=2.0, controls={'three': 3.0})"
    )
    done, book = run(
        pytester, ["try:", f"    {attempt}", "except ValueError:", "    pass", afterwards]
    )
    assert [row["verdict"] for row in book["claims"]] == ["INCONCLUSIVE"]
    assert "does not depend on its key" in book["claims"][0]["note"]
    assert done.ret == 1


def test_a_decision_that_raised_before_the_published_form_costs_no_row(pytester):
    claim = CLAIM.replace(
        "kind=",
        'as_published=published(place=paper("Section 1"), quoted="One and one are three.", within="no condition stands there", reach="theorem", effect="nothing published", ran="the formula"), kind=',
    )
    done, book = run(pytester, ["decide(trial, 2)", "raise RuntimeError('no memory')"], claim=claim)
    assert [row["verdict"] for row in book["claims"]] == ["INCONCLUSIVE"]
    assert "RuntimeError: no memory" in book["claims"][0]["note"]
    assert done.ret == 1


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_a_claim_that_skips_itself_at_once_was_not_run(pytester, arguments):
    result, book = run(pytester, ["pytest.importorskip('no_such_module')"], "", *arguments)
    assert book["claims"] == []
    assert [entry["id"] for entry in book["not_run"]] == ["sums.it"]
    assert book["not_run"][0]["reason"].startswith("skipped: could not import 'no_such_module'")
    assert "not run: 1 skipped" in result.stdout.str()
    assert result.ret == 0


def test_in_a_pipe_no_id_is_cut(pytester):
    name = (
        "a_name_that_is_longer_than_any_column_could_be_on_a_terminal_of_the_usual_width_and_more"
    )
    pytester.makepyfile(
        test_dice=f"""
        from theory_on_trial import claim, paper, published

        @claim(paper("Section 1"), kind="identity", as_published=published(place=paper("1"), quoted="It is 3.", within="no condition stands there", reach="theorem", effect="nothing published", ran="the formula"))
        def test_{name}(trial):
            \"\"\"Two.\"\"\"
            trial.identity(2, 2, ops=0, controls={{"one": 1}}, as_published=3)
        """
    )
    for flags in ([], ["--trial-table"]):
        flags = [*flags, "--junitxml=junit.xml", "--trial-report=r.csv"]
        printed = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *flags],
            cwd=pytester.path,
            env={key: value for key, value in os.environ.items() if key != "COLUMNS"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "…" not in printed
        assert len(re.findall(rf"{name}\b", printed)) >= 3
    header = (pytester.path / "r.csv").read_text().splitlines()[0]
    assert header.startswith("id,paper,decision,case,coordinate,predicted,measured,low,high")
    junit = ElementTree.parse(pytester.path / "junit.xml")
    values = {one.get("name"): json.loads(one.get("value")) for one in junit.iter("property")}
    assert values["ledger"][0]["id"] == f"dice.{name}"


MANY = """
import pytest
from theory_on_trial import claim, paper

@claim(paper("Section 1"))
@pytest.mark.parametrize("n", range(6))
def test_square(trial, n):
    "A square is a square."
    trial.identity(n * n, n**2 + (n == {wrong}), ops=0, controls={{"one more": n * n + 1 + (n == 5)}})
"""


@pytest.fixture
def many(pytester):
    """Thirteen papers of six claims each, of which one is false."""
    pytester.makepyfile(
        **{f"test_paper{p:02}": MANY.format(wrong=3 if p == 7 else 9) for p in range(13)}
    )
    return pytester


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_of_many_claims_the_progress_is_shown_and_what_is_unexpected(many, monkeypatch, workers):
    monkeypatch.setenv("COLUMNS", "100")
    done = many.runpytest_inprocess("-p", "no:cacheprovider", *workers)
    printed = done.stdout.str()
    assert done.ret == 1
    assert decided(printed) == [["!", "paper07.square[3]", "REFUTED"]]
    running = printed.partition("= FAILURES =")[0].splitlines()
    steps = [line for line in running if " of 13 papers, " in line]
    assert len(steps) == 11
    assert steps[0].startswith("0 of 13 papers, 1 of 78 claims, ")
    assert steps[1].startswith("1 of 13 papers, 8 of 78 claims, ")
    assert steps[1].endswith(" left")
    assert steps[-1] == "13 of 13 papers, 78 of 78 claims, 1 unexpected"
    end = printed.partition("= ledger (")[2].splitlines()
    assert "12 of 13 papers as expected" in end
    assert "77 of 78 verdicts as expected; 78 of 78 controls REFUTED" in end
    assert "every row: --trial-report report.html, or -v" in end
    assert len(end) < 20
    assert not [line for line in end if line.startswith("+ ")]


def test_of_many_claims_verbosity_shows_every_row(many):
    printed = many.runpytest_inprocess("-p", "no:cacheprovider", "-v").stdout.str()
    assert len(decided(printed)) == 78
    assert " of 13 papers, " not in printed


def test_the_progress_fits_a_terminal(many, monkeypatch):
    """A line that the next one replaces, and that is gone where something else is printed."""
    monkeypatch.setenv("COLUMNS", "50")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs) as run:
        os.close(theirs)
        printed = b""
        while part := _read(ours):
            printed += part
    assert run.returncode == 1
    shown = [line for line in re.split("[\r\n]+", printed.decode()) if " of 13 papers, " in line]
    assert len(shown) == 78
    assert {len(line) for line in shown} == {49}
    assert shown[-1].startswith("13 of 13 papers, 78 of 78 claims, 1 unexpected")
    for line in printed.decode().split("\n"):
        last = line.rstrip("\r").split("\r")[-1]
        assert " of 13 papers, " not in last, line


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # how the end of a terminal is told
        return b""
