"""The calibration: what is counted, how many seeds a claim gets, and what its table says."""

import errno
import json

import numpy as np
import pytest

from theory_on_trial import claim
from theory_on_trial.audits import calibration
from theory_on_trial.audits.calibration import (
    COLUMNS,
    kept_runs,
    margin_left,
    run_once,
    table_row,
    wanted_seeds,
)
from theory_on_trial.audits.driver import subjects_in
from theory_on_trial.decide.decision import Finding, Prediction
from theory_on_trial.laws import Enclosure
from theory_on_trial.repository import records

CLAIMS = '''
"""Tosses."""

import jax
import pytest
from theory_on_trial import claim, paper
from theory_on_trial.laws import Bounded

HALF = 0.5


def toss(trial, half):
    trial.mean(lambda key: jax.random.uniform(key), half, law=Bounded(0, 1), margin=0.05,
               controls={"a third": 1 / 3}, first=256, vectorised=True)


@claim(paper("Section 1"), kind="distribution", low_power="few samples")
def test_mean(trial):
    """The mean is a half."""
    toss(trial, HALF)


@claim(paper("Section 2"), kind="distribution", low_power="few samples")
def test_wrong(trial):
    """The mean is two thirds."""
    toss(trial, 2 / 3)


@claim(paper("Section 3"), kind="identity")
def test_sum(trial):
    """1 + 1 = 2."""
    trial.identity(1 + 1, 2, ops=0, controls={"three": 3})


@claim(paper("Section 4"), kind="identity", tier="full")
def test_slow(trial):
    """2 + 2 = 4."""
    trial.identity(2 + 2, 4, ops=0, controls={"three": 3})


@pytest.mark.parametrize("number", [1, 2])
@claim(paper("Section 5"), kind="identity")
def test_given(trial, number):
    """n + n = 2 n."""
    trial.identity(number + number, 2 * number, ops=0, controls={"three": 3})
'''
CLAIM = "tosses.mean"
RUN = {
    "seed": 0,
    "verdicts": ["VERIFIED"],
    "as_expected": True,
    "controls": 3,
    "survivors": [],
    "samples": 10,
    "budget": 0.5,
    "room": 0.25,
    "seconds": 0.5,
    "error": "",
    "measured": "a",
    "drawn": True,
}


@pytest.fixture(autouse=True)
def root(repository):
    return repository({"test_tosses.py": CLAIMS})


def runs(count, **changes):
    return [RUN | {"seed": seed, "measured": str(seed)} | changes for seed in range(count)]


def test_a_run_counts_rows_controls_and_samples():
    run = run_once(claim(CLAIM), 0)
    row = claim(CLAIM).run(seed=0)
    assert run["verdicts"] == ["VERIFIED"]
    assert run["as_expected"]
    assert run["controls"] == len(row.controls)
    assert run["survivors"] == []
    assert run["samples"] == row.samples
    assert 0 < run["room"] <= 1
    assert run_once(claim(CLAIM), 0)["measured"] == run["measured"]
    assert run_once(claim(CLAIM), 1)["measured"] != run["measured"]


@pytest.mark.parametrize(
    ("found", "most", "wanted"),
    [
        ([], 200, 3),
        ([], 1, 1),
        (runs(2), 200, 3),
        (runs(2, measured="same", drawn=False), 200, 2),  # the same under every seed
        (runs(2, measured="same"), 200, 3),  # sampled, and by chance the same
        (runs(3), 200, 200),
        (runs(3, seconds=1.01), 200, 50),
        (runs(3, seconds=1.01), 20, 20),
    ],
)
def test_cheap_claims_get_more_seeds(found, most, wanted):
    assert wanted_seeds(found, most) == wanted
    assert wanted_seeds(found, most, "full") == min(wanted, 20)
    assert wanted_seeds(runs(3, seconds=61), most, "full") == min(5, most)


def test_room_is_the_distance_from_the_limit():
    def finding(estimate, **fields):
        estimate = np.asarray(estimate, float)
        interval = Enclosure(estimate, estimate, estimate, 0.0, "exact", 1)
        return Finding(
            "VERIFIED", Prediction(np.ones_like(estimate), **{"margin": 0.5} | fields), interval
        )

    assert margin_left(finding([1.0])) == 1
    assert margin_left(finding([1.0, 1.25])) == 0.5
    assert margin_left(finding([2.0])) == -1
    assert margin_left(finding([1.0], margin=0.0)) is None
    assert margin_left(finding([1.0], side="at most")) is None


def test_a_wrong_verdict_and_a_surviving_control_are_counted():
    found = runs(4)
    found[1] |= {"verdicts": ["REFUTED"], "as_expected": False, "room": -0.5}
    found[2] |= {"survivors": ["c"], "verdicts": ["INCONCLUSIVE"], "as_expected": False}
    row = dict(zip(COLUMNS, table_row(CLAIM, found), strict=True))
    assert row["seeds"] - row["as expected"] == 2
    assert (row["REFUTED"], row["INCONCLUSIVE"]) == (1, 1)
    assert (row["controls"], row["controls not refuted"]) == (12, 1)
    assert row["room, least"] == -0.5


def test_only_missing_seeds_run(tmp_path, monkeypatch):
    seeds = []
    monkeypatch.setattr(
        calibration, "run_once", lambda subject, seed: seeds.append(seed) or RUN | {"seed": seed}
    )
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps(RUN | {"seed": 1}) + '\n{"seed": 2, "ver')
    calibration.calibrate(CLAIM, path, 4)
    assert seeds == [0, 2, 3]
    assert [run["seed"] for run in kept_runs(path)] == [0, 1, 2, 3]


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "runs.jsonl"
    _ = claim(CLAIM)
    monkeypatch.setattr(calibration, "run_once", lambda subject, seed: RUN | {"seed": seed})
    monkeypatch.setattr(type(path), "open", full)
    with pytest.raises(
        SystemExit, match=r"^the runs cannot be kept in .*runs\.jsonl \(No space left on device\): "
    ):
        calibration.calibrate(CLAIM, path, 4)


def test_what_needs_pytest_and_what_is_not_fast_is_left_out():
    assert [one.id for one in subjects_in("tosses")] == [
        "tosses.mean",
        "tosses.wrong",
        "tosses.sum",
    ]


def test_the_command_runs_keeps_and_records(root, capsys):
    assert calibration.main(["tosses.sum", "--seeds", "2"]) == 0
    assert capsys.readouterr().out.startswith("2 runs of 1 claims: 0 with another")
    table = records.read(root / "records" / "calibration.json")
    assert [row[:3] for row in table["rows"]] == [["tosses.sum", 2, 2]]
    assert not any(records.stale(table, root))
    assert len(list((root / "cache" / "calibration").iterdir())) == 1
    assert calibration.main(["tosses.wrong", "--seeds", "1"]) == 1
    assert "tosses.wrong: 1 other verdicts" in capsys.readouterr().out
    rows = records.read(root / "records" / "calibration.json")["rows"]
    assert [row[0] for row in rows] == ["tosses.wrong", "tosses.sum"]
    with pytest.raises(SystemExit):
        calibration.main(["nothing"])
