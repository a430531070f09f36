"""Where a claim holds: a search finds the failure that is there and none elsewhere, a map draws it
where it is.
"""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time

import distributed
import joblib
import pytest
import xarray as xr
from matplotlib.colors import to_rgba

from theory_on_trial import claim
from theory_on_trial.command import main
from theory_on_trial.explore import processes
from theory_on_trial.explore.attempt import attempt
from theory_on_trial.explore.map import map_of
from theory_on_trial.explore.picture import draw
from theory_on_trial.explore.search import search
from theory_on_trial.explore.trials import Trials
from theory_on_trial.figures.drawing import COLOURS

CHECKS = '''
"""Toys (Nobody & Somebody 2024, "What 100 % of _toys_ do & don't", arXiv 2401.00001)."""

import os
import signal
import time
from typing import Annotated, Literal

from theory_on_trial import claim, derived, paper, published
from theory_on_trial.contract import Count, Interval, Natural
from theory_on_trial.laws import Normal

WRONG = {"a tenth more": 1.1}
SHORT = Annotated[tuple[Annotated[int, Interval(1, 9)], ...], Interval(1, 9)]


@claim(derived("made up"), kind="identity")
def test_from_seven(trial, n: Annotated[int, Interval(1, 5000)] = 100, way: Literal["a", "b"] = "a"):
    """1 = 1 from n = 7 on."""
    trial.identity(1.0 + 0.1 * (n < 7 and way in "ab"), 1.0, ops=2, controls=WRONG)


@claim(derived("made up"), kind="identity", cases=[(1, 5), (2, 9)])
def test_less(trial, x: Natural, y: Count):
    """1 = 1 where x < y."""
    trial.identity(1.0 + 0.1 * (x >= y), 1.0, ops=2, controls=WRONG)


@claim(derived("made up"), kind="identity")
def test_limits(
    trial,
    dim: Annotated[int, Interval(1, 6)] = 4,
    penalty: Annotated[float, Interval(1.0, 1e3)] = 2.0,
    even: Annotated[int, Interval(2, 8)] = 2,
):
    """1 = 1 to dim = 40 and penalty = 3e8, and for even numbers."""
    trial.require(even >= 2, "even numbers begin at 2")
    trial.identity(1.0 / min(dim, 1) + 0.1 * (dim > 40 or penalty > 3e8), 1.0, ops=2, controls=WRONG)


@claim(derived("made up"), kind="bound", not_tight="attained at ends alone")
def test_share(trial, share: Annotated[float, Interval(0.1, 0.75)] = 0.2, of: SHORT = (3, 4)):
    """A share is at most 1."""
    trial.bound(share, 1.0 * min(1, *of), instances="grid", ops=1, controls={"half of it": share / 2})


@claim(derived("made up"), kind="identity")
def test_mortal(trial, n: Annotated[int, Interval(1, 9)] = 1, way: Literal["end", "stop", "hang", "eat"] = "end"):
    """1 = 1, where it ends."""
    if n >= 3 and way == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    if n >= 3 and way in ("stop", "hang"):
        time.sleep(2)
    if n >= 3 and way == "end":
        os.kill(os.getpid(), signal.SIGKILL)
    if n >= 3 and way == "eat":
        bytearray(13 * 2**30)
    trial.identity(1.0, 1.0, ops=2, controls=WRONG)


@claim(derived("made up"), kind="bound", not_tight="false near 1")
def test_square(trial, x: Annotated[float, Interval(0.0, 1.0)] = 0.0):
    """x^2 is at most .9 x, which is false beyond .9, and where the control is none at 0."""
    trial.bound(x * x, 0.9 * x, instances="grid", ops=2, controls={"half": 0.45 * x})


@claim(
    derived("made up"),
    kind="identity",
    as_published=published(place=paper("Theorem 1"), quoted="the number is 2", within="no condition stands there", reach="theorem", effect="nothing published", ran="the formula"),
)
def test_printed(trial, x: Annotated[float, Interval(1.0, 3.0)] = 2.0):
    """The number is x up to 2.9."""
    trial.identity(min(x, 2.9), x, ops=2, controls=dict(less=x / 2), as_published=2.0)


SEEN = []


@claim(derived("made up"))
def test_constant(trial, spread: Annotated[float, Interval(0.0, 1.0)] = 0.5):
    """The mean is 1, false from .8 on."""
    trial.mean(
        sampler=lambda rng, n: 1.0 + (spread >= 0.8) + spread * rng.standard_normal(n),
        predict=1.0,
        law=Normal(),
        margin=0.05,
        controls={"a fifth more": 1.2},
    )


@claim(derived("made up"), kind="identity")
def test_remembering(trial, n: Annotated[int, Interval(1, 100)] = 1):
    """1 = 1 but for the third trial of a process."""
    SEEN.append(n)
    trial.identity(1.0 + 0.1 * (len(SEEN) >= 3), 1.0, ops=2, controls=WRONG)


@claim(derived("made up"), kind="identity")
def test_slow(trial, n: Annotated[int, Interval(1, 10**6)] = 1):
    """1 = 1, in its own time."""
    time.sleep(0.05)
    trial.identity(n / n, 1.0, ops=2, controls=WRONG)
'''


@pytest.fixture
def here(repository):
    repository({"tests/test_toys.py": CHECKS})
    return "toys"


def searched(subject, seed=0, most=300, outside=False):
    with Trials(subject) as trials, Trials(subject, beyond=True) as beyond:
        return search(
            subject,
            trials,
            seed=seed,
            most=most,
            seconds=math.inf,
            outside=beyond if outside else None,
        )


@pytest.mark.parametrize("seed", range(2))
def test_a_failure_is_found_and_made_as_small_as_it_goes(here, seed):
    found = searched(claim(f"{here}.from_seven"), seed)
    assert found.failure.line == f'claim("{here}.from_seven").run(n=1, seed=0)'
    assert found.failure.nearby == {"n": "= 7 holds (6 fails)"}
    assert found.failure.confirmed == [0, 1, 2]
    found = searched(claim(f"{here}.less"), seed)
    # One setting off its cases, x in (1, 2) and y in (5, 9), is enough; moved back across the line
    # it holds.
    ends = {"x=5": ("x", "= 4 holds (5 fails)"), "y=1": ("y", "= 3 holds (2 fails)")}
    setting = found.failure.line.partition("run(")[2].partition(",")[0]
    assert found.failure.nearby == dict([ends[setting]])
    assert eval(found.failure.line, {"claim": claim}).verdict == "REFUTED"


@pytest.mark.parametrize("name", ["limits", "share"])
def test_a_claim_that_holds_everywhere_has_no_false_finding(here, name):
    result = searched(claim(f"{here}.{name}"))
    assert result.failure is None
    assert result.counts == {"as expected": 300}
    # Of a bound the setting that comes nearest is told.
    assert (result.tightest or (0.75,))[0] == 0.75


def test_a_search_goes_on_where_a_control_is_none_and_finds_where_the_claim_fails(here):
    found = searched(claim(f"{here}.square"))
    assert found.counts["no control"] >= 1
    assert found.failure is not None
    assert "square is REFUTED" in found.failure.why
    assert found.remarks["a control is none here"].startswith('claim("toys.square").run(seed=0)')
    assert "a control is none here: claim(" in str(found)


def test_a_search_goes_on_where_all_samples_are_equal(here):
    """At spread = 0 nothing is random; the claim fails from .8 on."""
    subject = claim("toys.constant")
    with Trials(subject) as trials:
        result = search(subject, trials, seconds=30, most=60)
    assert "all samples are equal here" in result.remarks
    assert result.failure is not None
    assert float(re.search(r"spread=([\d.]+)", result.failure.line)[1]) >= 0.8


def test_a_search_goes_on_where_what_is_published_holds(here):
    found = searched(claim(f"{here}.printed"))
    assert found.counts["published holds"] >= 1
    assert "toys.printed-as-published is VERIFIED" in found.remarks["what is published holds here"]
    assert found.failure is not None
    assert "toys.printed is REFUTED" in found.failure.why


def test_a_setting_that_does_not_fail_alone_is_no_failure(here):
    found = searched(claim(f"{here}.remembering"), most=8)
    assert found.failure is None
    assert "fails after other trials and not alone" in found.remarks
    assert found.counts["wrong"] >= 1


def test_a_setting_that_ends_its_process_is_a_failure(here):
    subject = claim(f"{here}.mortal")
    with Trials(subject) as trials:
        failure = search(subject, trials, most=40, seconds=math.inf, workers=2).failure
    assert failure.line == f'claim("{here}.mortal").run(n=3, seed=0)'
    assert failure.why == "ended its process (SIGKILL)"
    assert failure.confirmed == [0, 1, 2]
    assert failure.nearby == {"n": "= 2 holds (3 fails)"}


def test_limits_that_a_claim_needs_are_told_from_narrow_ones(here):
    limits = searched(claim(f"{here}.limits"), most=20, outside=True).limits
    assert limits == {
        "dim declared from 1": "necessary, first fails at 0 (ZeroDivisionError: float division by "
        "zero)",
        "dim declared to 6": f"narrow: holds to 40, first fails at 41 ({here}.limits is REFUTED)",
        "penalty declared from 1": "narrow: holds to -1, as far as was tried",
        "penalty declared to 1000": "narrow: holds to 3e+08, first fails at 3.2e+08 "
        f"({here}.limits is REFUTED)",
        "even declared from 2": "necessary, first fails at 1 (outside: even numbers begin at 2)",
        "even declared to 8": "narrow: holds to 1032, as far as was tried",
    }
    # Afterwards the limits are as they were
    assert attempt(claim(f"{here}.limits"), {"dim": 7}).outcome == "outside"
    assert attempt(claim(f"{here}.limits"), {"dim": 7.5}, beyond=True).outcome == "outside"


def test_the_command_says_it_in_lines_and_in_json(here, capsys):
    assert (
        main(["search", f"{here}.share", f"{here}.from_seven", "--runs", "40", "--workers", "1"])
        == 1
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{here}.share: no failure"
    assert lines[1].startswith("  nearest to the bound: lhs / rhs = 0.75 at share = 0.75")
    assert f'  claim("{here}.from_seven").run(n=1, seed=0)' in lines
    assert main(["search", f"{here}.share", "--runs", "40", "--workers", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["counts"] == {"as expected": 40}
    for arguments in (["search", f"{here}.nothing"], ["search", f"{here}.share", "--runs", "0"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)


def test_an_interrupted_search_tells_what_is_known_and_resumes(here, tmp_path):
    command = [
        sys.executable,
        "-m",
        "theory_on_trial.command",
        "search",
        f"{here}.slow",
        "--runs",
        "2000",
        "--workers",
    ]
    environment = {
        **os.environ,
        "THEORY_ON_TRIAL_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    with subprocess.Popen(
        [*command, "2"], env=environment, stdout=subprocess.PIPE, text=True
    ) as running:
        folder = tmp_path / "cache" / "explored"
        start = time.monotonic()
        # the second worker's trials may be kept before the first worker's first
        while (
            not any("([], 0, False)" in path.read_text() for path in folder.glob("*"))
            and time.monotonic() < start + 100
        ):
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        output = running.communicate(timeout=60)[0]
    assert output.startswith(f"{here}.slow: no failure (interrupted)")
    assert running.returncode == 0
    counts = [path.read_text().count("\n") + 1 for path in folder.glob("*")]
    with Trials(claim(f"{here}.slow")) as trials:
        assert search(claim(f"{here}.slow"), trials, most=1).counts == {"as expected": 1}
        assert trials.new == 0  # it was on file
    assert sum(counts) >= 1


@pytest.mark.parametrize("seed", range(3))
def test_a_map_draws_a_boundary_where_it_is(here, seed):
    dataset = claim(f"{here}.from_seven").map(n="1..5000", way="b", cells=20, seed=seed)
    # A logarithmic axis of integers, each once
    assert dataset["n"].values[[0, -1]].tolist() == [
        1,
        5000,
    ]
    assert dataset["n"].values[10] < 300
    assert ((dataset["outcome"] == "VERIFIED") == (dataset["n"] >= 7)).all()
    assert ((abs(dataset["error"] - 0.1) < 1e-12) == (dataset["n"] < 7)).all()
    assert ((dataset["low"] <= dataset["error"]) & (dataset["error"] <= dataset["high"])).all()
    two = claim(f"{here}.less").map(x=list(range(8)), y=range(1, 9), seed=seed)
    assert ((two["outcome"] == "VERIFIED") == (two["x"] < two["y"])).all()
    three = claim(f"{here}.limits").map(
        dim=[1, 40, 41], penalty=[1.0, 1e9], even=[0, 2], outside=True, seed=seed
    )
    # A joint condition is no limit
    assert three["outcome"].values[:, :, 0].tolist() == [["outside"] * 2] * 3
    assert three["outcome"].values[:, 0, 1].tolist() == ["VERIFIED", "VERIFIED", "REFUTED"]
    assert three["outcome"].values[:, 1, 1].tolist() == ["REFUTED"] * 3
    inside = claim(f"{here}.limits").map(dim=[0, 1, 7], seed=seed)
    assert inside["outcome"].values.tolist() == ["outside", "VERIFIED", "outside"]


def test_a_map_is_a_picture_or_a_page_whose_cells_tell_their_rows(here, tmp_path, capsys):
    asked = [
        "map",
        f"{here}.less",
        "--x",
        "x=0..3",
        "--y",
        "y=1,2,3",
        "--workers",
        "2",
        "--cells",
        "4",
    ]
    for name in ("map.png", "map.pdf", "map.html"):
        assert main([*asked, "--out", name]) == 0
        assert capsys.readouterr().out == f"{here}.less: 6 VERIFIED, 6 REFUTED; seed 0.\n"
    assert (tmp_path / "map.png").read_bytes()[:4] == b"\x89PNG"
    page = (tmp_path / "map.html").read_text()
    assert page.count("<title>x = ") == 12
    assert re.search(
        rf"x = 3, y = 2; REFUTED; predicted 1, measured 1\.1 in ± \S+; {here}\.less is REFUTED<",
        page,
    )
    assert not re.search(r"<script|(src|href)=.https?:", page)
    curve = [
        "map",
        f"{here}.limits",
        "--x",
        "dim=1..60",
        "--outside",
        "--workers",
        "1",
        "--out",
        "curve.html",
    ]
    assert main([*curve, "--set", "penalty=3.0"]) == 0
    assert "penalty = 3.0" in (tmp_path / "curve.html").read_text()
    third = [
        "map",
        f"{here}.from_seven",
        "--x",
        "n=2..20",
        "--y",
        "way=a,b",
        "--cells",
        "3",
        "--workers",
        "1",
    ]
    assert main([*third, "--out", "ways.svg"]) == 0


def test_the_declared_domain_is_shaded_and_named(here):
    subject = claim(f"{here}.limits")
    colours = (to_rgba(COLOURS[3]), to_rgba("0.9"))  # of a map, and of a curve
    plane = draw(subject.map(dim=[0, 1, 6, 7], penalty=[1.0, 1e3, 1e4], outside=True))
    line = draw(subject.map(dim=[-8, 0, 2, 8], outside=True))
    extents = [[[0.5, -0.5], [2.5, 1.5]], [[1, 0], [6, 1]]]  # around cells; from 1 to 6
    for figure, colour, extent in zip((plane, line), colours, extents, strict=True):
        (shade,) = [patch for patch in figure.axes[0].patches if patch.get_facecolor() == colour]
        assert shade.get_bbox().get_points().tolist() == extent
        assert "declared domain" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_cell_that_is_late_or_dies_is_named_and_costs_no_other(here, monkeypatch):
    monkeypatch.setattr(processes, "_GRACE", 0.5)  # for those that let no alarm through
    grid = {"n": [1, 3, 2], "way": ["end", "stop", "hang", "eat"]}
    dataset = map_of(claim(f"{here}.mortal"), grid, limit=1.0, workers=2)
    assert dataset["outcome"].sel(n=[1, 2]).values.tolist() == [["VERIFIED"] * 4] * 2
    assert dataset["outcome"].sel(n=3).values.tolist() == ["died", "late", "late", "exception"]
    late = "did not end within 1 s"
    whys = ["ended its process (SIGKILL)", late, late, "MemoryError: "]
    assert dataset["why"].sel(n=3).values.tolist() == whys
    # What was late is tried again where it has longer, the rest is on file.
    ended = []
    report = {"progress": lambda *done: ended.append(done[0])}
    again = map_of(claim(f"{here}.mortal"), grid, limit=30.0, workers=2, **report)
    outcomes = ["died", "VERIFIED", "VERIFIED", "exception"]
    assert again["outcome"].sel(n=3).values.tolist() == outcomes
    assert ended == [10, 11, 12]


def test_a_map_on_a_dask_cluster_survives_the_death_of_a_worker(here, repository):
    """Two worker processes of this machine, one of which is killed midway."""
    subject = claim(f"{here}.slow")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as two,
        distributed.Client(two) as client,
    ):
        workers = client.run(os.getpid)
        counts = []

        def kill_one_midway(done, total, seconds):
            counts.append(done)
            if len(counts) == 5:
                os.kill(next(iter(workers.values())), signal.SIGKILL)

        with joblib.parallel_config("dask"):
            dataset = map_of(subject, {"n": range(1, 61)}, progress=kill_one_midway)
        assert set(client.run(os.getpid).values()) != set(workers.values())
    assert counts == list(range(61))
    same = ["outcome", "error", "low", "high", "why", "shown", "detects"]
    for file in (repository({}) / "cache" / "explored").iterdir():
        file.unlink()
    here = map_of(subject, {"n": range(1, 61)}, workers=1)
    xr.testing.assert_identical(dataset[same], here[same])


def test_an_interrupted_map_resumes(here, tmp_path):
    words = f"-m theory_on_trial.command map {here}.slow --x n=1..128 --cells 300 --out map.png"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, *words.split()], env=environment, stderr=subprocess.PIPE, text=True
    ) as running:
        folder = tmp_path / "cache" / "explored"
        start = time.monotonic()
        while not list(folder.glob("*")) and time.monotonic() < start + 100:
            time.sleep(0.05)
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
    assert not (tmp_path / "map.png").exists()
    (file,) = folder.iterdir()
    kept = len(file.read_text().splitlines())
    assert 0 < kept < 128
    ended = []
    axis = {"n": range(1, 129)}
    options = {"workers": 2}
    options["progress"] = lambda *done: ended.append(done[0])
    dataset = map_of(claim(f"{here}.slow"), axis, **options)
    assert ended[0] == kept
    assert (dataset["outcome"] == "VERIFIED").all()


def test_trials_on_file_are_not_run_again(here):
    subject = claim(f"{here}.slow")
    cells = [({"n": n}, 0) for n in range(1, 8)]
    with Trials(subject) as trials:
        trials.all(cells[:5], 1, lambda count: None)
        assert trials.new == 5
    with Trials(subject) as trials:
        attempts = trials.all(cells, 1, lambda count: None)
        assert trials.new == 2
    assert [run.settings["n"] for run in attempts] == list(range(1, 8))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["--x", "m=1..3"], "has no setting 'm'"),
        (["--x", "x"], "an axis is NAME=LOW..HIGH"),
        (["--x", "x=3..1"], "x must be a range of two numbers"),
        (["--x", "x=1..a"], "x must be a range such as"),
        (["--x", "x=1..3", "--y", "x=1..3"], "the axes must be different settings"),
        (["--x", "x=1..3", "--cells", "1"], "--cells must be at least 2, got 1"),
        (["--x", "x=1..3", "--out", "map.doc"], "--out must end in .png"),
    ],
)
def test_a_map_that_cannot_be_gets_one_sentence(here, capsys, asked, sentence):
    with pytest.raises(SystemExit, match="2"):
        main(["map", f"{here}.less", "--out", "map.png", *asked])
    assert sentence in capsys.readouterr().err
