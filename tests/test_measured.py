"""The audits that measure seconds: of benchmarks, of the fast tier, of figures on many workers."""

import subprocess
import sys
from pathlib import Path

import pytest

from audits import benchmarks, scaling
from theory_on_trial.repository import records

pytestmark = pytest.mark.usefixtures("warm_children")

BENCHMARK = """
import os

from audits.side_by_side import command, compare, timed

def run(quick):
    compare(__name__, "sums", {"ours": ("by 1", 3), "a loop": ("by 1", 4)}, 1, ours=["ours"], figure="sum",
            figure_of=lambda name, answers: str(answers[0]["sum"]))

def contender(way, size):
    os.write(1, b"a solver says its name")  # to the descriptor, as one written in C does

    def answer(seed):
        seconds, total = timed(sum, range(size + 10**5))
        os.write(1, b"a solver says where it is")
        return {"seconds": seconds + 1e-6, "sum": total, "way": way[:2]}
    return answer

if __name__ == "__main__":
    command("Sums.", run, contender)
"""
CLAIMS = '''
"""Coins."""

import jax
from theory_on_trial import claim, paper
from theory_on_trial.laws import Bounded

@claim(paper("Section 1"), kind="distribution", low_power="few samples")
def test_mean(trial):
    """The mean is a half."""
    trial.mean(lambda key: jax.random.uniform(key), 0.5, law=Bounded(0, 1), margin=0.1, controls={"a third": 1 / 3},
               first=64, vectorised=True)
'''


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "test_coins.py").write_text(CLAIMS)
    (tmp_path / "audits").symlink_to(Path(__file__).parent.parent / "audits")
    (tmp_path / "benchmarks").mkdir()
    for name in ("coins", "dice", "__main__"):
        (tmp_path / "benchmarks" / f"{name}.py").write_text(BENCHMARK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audit(root, *arguments):
    command = [sys.executable, "-m", "theory_on_trial.command", "audit", *arguments]
    done = subprocess.run(
        command, cwd=root / "benchmarks", capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_benchmarks_are_recorded_and_those_that_did_not_run_keep_their_lines(root):
    path = root / "records" / "benchmarks.json"
    status, text = audit(root, "benchmarks", "--quick")
    assert status == 0, text
    assert not path.exists()
    status, text = audit(root, "benchmarks")
    assert status == 0, text
    table = records.read(path)
    assert [row[:3] for row in table["rows"]] == [
        [paper, "sums", contender]
        for paper in ("coins", "dice")
        for contender in ("ours", "a loop")
    ]
    assert table["rows"][1][7] == "sum 5000350006"
    (root / "benchmarks" / "dice.py").write_text(BENCHMARK + "edited = 1\n")
    assert records.stale(table, root) == [False, False, True, True]
    status, text = audit(root, "benchmarks", "coins")
    assert status == 0, text
    assert records.stale(records.read(path), root) == [False, False, True, True]
    status, text = audit(root, "benchmarks", "cards")
    assert status == 2
    assert "nothing of 'cards' is measured; there are coins, dice" in text


def test_a_contender_that_cannot_run_here_keeps_its_line(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    rows = [
        ["coins", workload, contender]
        for workload in ("sums", "gone")
        for contender in ("a loop", "PyTorch")
    ]
    earlier = [(row, {"of": [row[2]]}) for row in rows]
    record = dict.fromkeys(("unit", "time", "first_run", "figure", "megabytes"), "")
    record |= {"benchmark": "coins", "contender": "a loop", "faster_by": {}}
    lines = benchmarks.lines_of(
        "coins", [record | {"workload": name} for name in ("sums", "products")], earlier
    )
    assert [row[1:3] for row, _ in lines] == [
        ["sums", "a loop"],
        ["sums", "PyTorch"],
        ["products", "a loop"],
    ]
    assert [source["of"][0] for _, source in lines] == [
        "benchmarks/coins.py",
        "PyTorch",
        "benchmarks/coins.py",
    ]


def test_the_fast_tier_is_measured_with_a_warm_and_with_a_cold_cache(root, tmp_path, monkeypatch):
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path / "cache"))
    assert audit(root, "fast-tier", "coins")[0] == 0  # now the cache is warm
    status, text = audit(root, "fast-tier")
    assert status == 0, text
    table = records.read(root / "records" / "fast_tier.json")
    assert not any(records.stale(table, root))
    warm, cold = (dict(zip(table["columns"], row, strict=True)) for row in table["rows"])
    assert (warm["paper"], warm["cache"], cold["cache"]) == ("coins", "warm", "cold")
    assert min(warm["seconds"], cold["seconds"], warm["programs"]) > 0
    assert (warm["compiled"], cold["compiled"]) == (0, cold["programs"])
    (root / "test_coins.py").write_text(CLAIMS.replace("0.5,", "0.75,"))
    status, text = audit(root, "fast-tier")
    assert status == 1
    assert "RuntimeError: a claim of coins fails" in text


def test_the_figures_that_are_scaled_are_named_by_the_repository(root, capsys):
    assert scaling.samples() == {}
    assert scaling.main([]) == 0
    assert not (root / "records").exists()
    with (root / "pyproject.toml").open("a") as file:
        file.write(
            '[tool.theory-on-trial.scaling]\n"coins.F1" = { share = 0.5, settings = { runs = 2 } '
            "}\n"
        )
    assert scaling.samples() == {"coins.F1": {"share": 0.5, "settings": {"runs": 2}}}
    with pytest.raises(SystemExit):
        scaling.main(["coins.F2"])
    assert "nothing of 'coins.F2' is measured" in capsys.readouterr().err
