"""The audit: what is wrong is found, what hangs or dies is named, and the others go on."""

import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

from theory_on_trial import Trial, claim
from theory_on_trial.audit.checks import CHECKS, Run
from theory_on_trial.audit.mistaken import Mistaken, mistaken
from theory_on_trial.audit.report import counts, pooled, upper_bound
from theory_on_trial.command import main
from theory_on_trial.testing.layout import lay_out

TRUE = '''
"""Sums of numbers."""

from typing import Annotated

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval

Few = Annotated[int, Interval(1, 50)]


@predicted
def closed_form(n):
    return n * (n + 1) // 2


@observed
def summed(n):
    return sum(range(1, n + 1))


@claim(derived("counted"), cases=[10, 20])
def test_sum(trial, n: Few):
    """1 + … + n = n (n + 1) / 2."""
    trial.identity(summed(n), closed_form(n), ops=0, controls={"n²": n * n + 1})
'''
FAULTY = '''
"""Claims with one fault each."""

import os
import time
from dataclasses import replace
from typing import Annotated

from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.decide.resolution import Resolution

N = Annotated[int, Interval(1, 9)]
Corner = Annotated[float, Interval(0.0, 1.0)]


@claim(derived("counted"), kind="identity")
def test_lucky(trial):
    """Holds under the seed 0 alone."""
    trial.identity(int(trial.seed == 0), 1, ops=0, controls={"two": 2})


@claim(derived("counted"), kind="identity")
def test_end(trial, n: N = 5):
    """Twice n is n + n, but for 9."""
    trial.identity(2 * n + (n == 9), n + n, ops=0, controls={"n": n})


@claim(derived("measured"), kind="limit")
def test_boast(trial):
    """One is one, and the claim says that it detects a thousandth of what it does."""
    trial.value(1.0, 1.0, error=0, margin=0.1, controls={"two": 2.0})
    finding = trial.findings[-1]
    small = finding.resolution.size / 1000
    trial.findings[-1] = replace(finding, resolution=Resolution(small, small))


@claim(derived("counted"), kind="bound", not_tight="far from the corner")
def test_corner(trial, x: Corner = 0.5, y: Corner = 0.5):
    """X + y <= 1.9, but for the corner."""
    trial.bound(x + y, 1.9, instances="grid", ops=1, controls={"less": x + y - 0.1})


def closed_form(n):
    return 3 * n + 4


def blind(n):
    return closed_form(n) * 0


@claim(derived("counted"), kind="identity")
def test_blind(trial, n: N = 5):
    """Zero is zero, whatever the closed form says."""
    trial.identity(0, blind(n), ops=0, controls={"one": 1})


@claim(derived("counted"), kind="identity")
def test_hangs(trial, n: N = 5):
    """Does not end for 1."""
    while n == 1:
        time.sleep(0.1)
    trial.identity(n, n, ops=0, controls={"more": n + 1})


@claim(derived("counted"), kind="identity")
def test_dies(trial, n: N = 5):
    """Ends its process for 9."""
    if n == 9:
        os.kill(os.getpid(), 9)
    trial.identity(n, n, ops=0, controls={"more": n + 1})


@claim(derived("counted"), kind="identity")
def test_raises(trial, n: N = 5):
    """Raises for 1."""
    trial.identity(1 / (n - 1), 1 / (n - 1), ops=0, controls={"1 / n": 1 / n})


@claim(derived("counted"), kind="limit")
def test_control(trial, n: N = 5):
    """A control is none for 1."""
    trial.value(1.0, 1.0, error=0, margin=0.01, controls={"n": float(n)})
'''
FILES = {
    "pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['checks']\n",
    "checks/test_sums.py": TRUE,
    "checks/test_faulty.py": FAULTY,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("audited")
    lay_out(place, FILES)
    return place


def command(*words):
    return [sys.executable, "-m", "theory_on_trial.command", *words]


def environment(folder):
    return {**os.environ, "THEORY_ON_TRIAL_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}


def audit(folder, *words, out="out"):
    """Run an audit there; its exit status, what it prints, and its report."""
    place = folder / out
    done = subprocess.run(
        command("audit", *words, "--workers", "2", "--out", str(place)),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=300,
    )
    report = place / "audit.json"
    assert report.exists(), done.stdout + done.stderr
    assert (place / "audit.html").exists()
    return done.returncode, done.stdout, json.loads(report.read_text(encoding="utf-8"))


def test_nothing_is_wrong_with_a_true_claim_and_every_mutant_is_noticed(folder):
    status, printed, found = audit(folder, "sums", "--runs", "12", out="true")
    assert status == 0, printed
    assert found["failures"] == found["open"] == found["not_noticed"] == []
    assert {run["outcome"] for run in found["runs"]} == {"held"}
    assert {run["check"] for run in found["runs"]} == set(CHECKS) - {"bounds"}
    assert len(found["runs"]) == 12
    page = (folder / "true" / "audit.html").read_text(encoding="utf-8")
    assert "0 of 12 runs were wrong" in page
    assert "checks/test_sums.py" in next(r["why"] for r in found["runs"] if r["check"] == "mutants")


@pytest.fixture(scope="module")
def found_in_all(folder):
    """One audit of all claims, without mutants: what it prints, and its report."""
    words = ("--check", "seeds,settings,detection,bounds", "--runs", "260", "--limit", "1")
    status, printed, found = audit(folder, *words, out="all")
    assert status == 1
    assert len(found["runs"]) == 260, "what hangs or dies does not stop the others"
    return printed, found


FAULTS = [
    ("lucky", "seeds", "faulty.lucky is REFUTED"),
    ("end", "settings", "faulty.end is REFUTED"),
    ("boast", "detection", "VERIFIED with a prediction that is too"),
    ("corner", "bounds", "faulty.corner is REFUTED"),
    ("raises", "settings", "ZeroDivisionError: "),
    ("dies", "settings", "ended its process (SIGKILL)"),
]


@pytest.mark.parametrize(("name", "check", "why"), FAULTS)
def test_a_fault_is_found_with_a_line_that_shows_it(found_in_all, name, check, why):
    printed, found = found_in_all
    first = next(
        run
        for run in found["failures"]
        if (run["claim"], run["check"]) == (f"faulty.{name}", check)
    )
    assert why in first["why"]
    assert first["again"] in printed


def test_nothing_else_is_wrong(found_in_all):
    wrong = {run["claim"] for run in found_in_all[1]["failures"]}
    assert wrong == {f"faulty.{name}" for name, _, _ in FAULTS}


@pytest.mark.parametrize(
    ("name", "check", "told"),
    [
        ("end", "settings", "REFUTED"),
        ("boast", "detection", "too"),
        ("dies", "settings", "SIGKILL"),
    ],
)
def test_the_line_shows_it_again(folder, found_in_all, name, check, told):
    first = next(
        run
        for run in found_in_all[1]["failures"]
        if (run["claim"], run["check"]) == (f"faulty.{name}", check)
    )
    again = shlex.split(first["again"])
    assert again[0] == "theory-on-trial"
    done = subprocess.run(
        command(*again[1:]),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert told in done.stdout


def test_a_control_that_is_none_at_a_setting_is_not_the_claims_fault(found_in_all):
    runs = [run for run in found_in_all[1]["runs"] if run["claim"] == "faulty.control"]
    assert {run["outcome"] for run in runs} == {"held", "no control"}
    assert found_in_all[1]["elsewhere"][0]["why"].startswith("control ")


def test_a_claim_that_hangs_is_named_with_its_number(found_in_all):
    printed, found = found_in_all
    late = [run for run in found["runs"] if run["outcome"] == "late"]
    assert late
    assert {run["claim"] for run in late} == {"faulty.hangs"}
    assert all(f"--seed {run['number']}" in run["again"] for run in late)
    assert late[0]["again"] in printed


def test_mutants_that_a_claim_cannot_notice_are_counted_apart(folder):
    status, printed, found = audit(
        folder, "faulty.blind", "--check", "mutants", "--runs", "10", out="blind"
    )
    assert status == 0
    assert "nothing wrong" in printed
    (line,) = found["checks"]
    assert line["failures"] == len(found["not_noticed"]) >= 5
    assert all("test_faulty.py" in run["why"] for run in found["not_noticed"])


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_an_audit_that_is_ended_says_what_is_known(folder, way):
    out = folder / f"ended-{way}"
    words = command("audit", "sums", "faulty.lucky", "--check", "seeds", "--out", str(out))
    with subprocess.Popen(
        words, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True
    ) as running:
        line = ""
        while not line.startswith("wrong: faulty.lucky, seeds"):
            line = running.stdout.readline()
            assert line, "it ended before it found anything"
        running.send_signal(way)
        begun = time.monotonic()
        printed = running.communicate(timeout=60)[0]
    assert time.monotonic() - begun < 30
    assert running.returncode == 1
    assert "interrupted" in printed
    found = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    assert found["interrupted"]
    assert found["failures"]


def test_the_same_seed_draws_the_same(folder):
    runs = []
    for out in ("one", "two"):
        found = audit(folder, "sums", "--seed", "7", "--runs", "4", out=out)[2]
        runs.append(sorted((r["claim"], r["check"], r["number"], r["why"]) for r in found["runs"]))
    assert runs[0] == runs[1]


def test_several_audits_are_counted_as_one(folder):
    words = ("sums", "faulty.lucky", "--check", "seeds", "--runs", "5")
    audits = [audit(folder, *words, "--seed", seed, out=f"pool-{seed}")[2] for seed in "34"]
    both = pooled(audits)
    runs = audits[0]["runs"] + audits[1]["runs"]
    wrong = [run for run in runs if run["outcome"] == "wrong"]
    assert wrong
    assert both["runs"] == runs
    assert both["failures"] == wrong
    (line,) = both["checks"]
    assert (line["runs"], line["failures"]) == (10, len(wrong))
    assert line["bound"] == upper_bound(len(wrong), 10)
    assert [one["seed"] for one in both["audits"]] == [3, 4]
    assert [one["workers"] for one in both["audits"]] == [2, 2]
    assert [one["drawn"] for one in both["audits"]] == [5, 5]
    for change, sentence in (
        ({}, "differ in their seeds"),
        ({"seed": 5, "tier": "full"}, "must have one tier, got fast, full"),
        ({"seed": 5, "commit": "abc"}, "must have one commit, got "),
    ):
        with pytest.raises(ValueError, match=sentence):
            pooled([audits[0], audits[0] | change])
    with pytest.raises(ValueError, match="got none"):
        pooled([])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing"], "'nothing' is neither a claim nor a paper"),
        (["sums.nothing"], "no claim 'sums.nothing'"),
        (["--minutes", "0"], "--minutes must be a positive number, got '0'"),
        (["--minutes", "ten"], "--minutes must be a positive number, got 'ten'"),
        (["--check", "luck"], "--check must be of seeds, settings, detection, bounds, mutants"),
        (["--workers", "0"], "--workers must be at least 1, got 0"),
        (["--out", "pyproject.toml"], "--out must be a folder that can be written to, got"),
    ],
)
def test_bad_input_gets_one_sentence(repository, capsys, words, sentence):
    repository({"checks/test_sums.py": TRUE}, "testpaths = ['checks']\n")
    with pytest.raises(SystemExit, match="2"):
        main(["audit", *words])
    assert sentence in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("failures", "runs"), [(0, 1), (0, 59), (1, 20), (3, 50), (19, 20)])
def test_the_bound_is_that_of_clopper_and_pearson(failures, runs):
    """Found by halving, from exact binomial sums: so few failures have a chance of 5 % there."""

    def chance(share):
        return sum(
            math.comb(runs, k) * share**k * (1 - share) ** (runs - k) for k in range(failures + 1)
        )

    low = Fraction(0)
    high = Fraction(1)
    for _ in range(40):
        middle = (low + high) / 2
        middle = middle.limit_denominator(2**50)
        low, high = (middle, high) if chance(middle) > Fraction(1, 20) else (low, middle)
    assert upper_bound(failures, runs) == pytest.approx(float(low), rel=1e-9)


def test_the_bound_without_runs_or_successes_is_one():
    assert upper_bound(0, 0) == 1
    assert upper_bound(5, 5) == 1


def test_runs_without_an_answer_do_not_count():
    outcomes = ["held", "held", "wrong", "died", "undecided", "outside", "late", "no control"]
    (line,) = counts([Run("a.b", "settings", 0, outcome) for outcome in outcomes])
    assert (line.runs, line.failures) == (5, 2)
    assert line.others == {"undecided": 1, "outside": 1, "late": 1, "no control": 1}
    assert line.bound == upper_bound(2, 5)


def test_a_prediction_that_is_off_by_less_than_is_said_is_not_detected(repository):
    repository({"checks/test_faulty.py": FAULTY}, "testpaths = ['checks']\n")
    for name, sign in (("boast", 1), ("boast", -1), ("end", 1)):
        subject = claim(f"faulty.{name}")
        stated = Trial(subject.id, 0)
        subject.function(stated)
        trial = mistaken(subject, 0, sign, stated.findings)
        assert isinstance(trial, Mistaken)
        assert len(trial.tried) == 1
        assert trial.unnoticed == (["value"] if name == "boast" else [])


def test_the_report_lies_in_a_folder_that_git_ignores():
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "build/" in ignored
