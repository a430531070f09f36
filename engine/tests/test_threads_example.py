"""The tests of public threads in examples/threads, and the recipe in examples/posterior: what docs/flaky.md
says of them.
"""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from theory_on_trial.laws import exact_ends
from theory_on_trial.trial.plain import NotVerified, PlainTrial

ROOT = Path(__file__).parents[2]
NAMES = ("sampled", "normal", "mirrored", "accepted", "bootstrap")
PAGE = (ROOT / "docs" / "flaky.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def threads():
    folder = str(ROOT / "examples" / "threads")
    names = ("library", "faulty", "test_before", "test_after")
    sys.path.insert(0, folder)
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(folder)
    for name in names:
        sys.modules.pop(name)


def line_of(name):
    return next(line for line in PAGE.splitlines() if f"| `{name}` |" in line)


def said(name):
    """Return the percentages of a test's line on the page."""
    return [float(share) for share in re.findall(r"([0-9.]+) %", line_of(name))]


def test_the_page_has_the_known_shares_of_false_alarms():
    half = stats.binom(2000, 0.5)
    fifth = stats.binom(500, 0.2)
    shares = {
        "sampled": half.cdf(910) + half.sf(1089),
        "normal": 2 * stats.norm.sf(0.1 * np.sqrt(96_000) / 10),
        "mirrored": fifth.cdf(84) + fifth.sf(115),
        "accepted": 0.05,
    }
    for name, share in shares.items():
        assert said(name)[0] == float(f"{100 * share:.2g}")
    assert round(365 * 6500 * shares["sampled"], -1) == 150


@pytest.mark.parametrize("name", NAMES)
def test_the_test_before_finds_the_fault_as_often_as_the_page_says(threads, name, monkeypatch):
    seeds = range(5000, 5040 if name == "normal" else 5100)
    seed_numpy = np.random.seed
    check = getattr(threads["test_before"], f"test_{name}")
    found = 0
    for seed in seeds:
        monkeypatch.setattr(np.random, "seed", lambda _, seed=seed: seed_numpy(seed))
        rng = () if name == "bootstrap" else (np.random.default_rng(seed),)
        try:
            check(*rng, threads["faulty"])
        except AssertionError:
            found += 1
    low, high = exact_ends(found, len(seeds), 1e-6)
    assert 100 * low <= said(name)[1] <= 100 * high


@pytest.mark.parametrize("name", NAMES)
def test_the_new_form_passes_and_finds_the_fault(threads, name):
    assert line_of(name).endswith("| 0 of 4 | 4 of 4 |")
    check = getattr(threads["test_after"], f"test_{name}")
    for seed in range(100, 104):
        check(PlainTrial(f"test_{name}", seed), threads["library"])
        with pytest.raises(NotVerified, match="REFUTED"):
            check(PlainTrial(f"test_{name}", seed), threads["faulty"])


@pytest.mark.parametrize(
    ("spread", "outcome"), [("1", "2 passed"), ("1.1", "2 failed"), ("0.9", "2 failed")]
)
def test_ten_percent_of_spread_in_a_posterior_is_refuted(spread, outcome):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--spread", spread]
    folder = ROOT / "examples" / "posterior"
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert outcome in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("REFUTED: measured") >= 2 * ("failed" in outcome)
