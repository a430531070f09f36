"""The figures' framework: registration, settings, captions, files, and the command."""

import os
import re
import signal
import subprocess
import sys
import time

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from theory_on_trial import claims
from theory_on_trial.figures.command import main
from theory_on_trial.figures.drawing import Figure, figure, figures, style
from theory_on_trial.figures.layout import collisions
from theory_on_trial.figures.panels import log_spaced, points_with_intervals, student_interval
from theory_on_trial.figures.replicates import replicates, report_to


def parabola(width: int = 3, height: float = 2.0):
    """A parabola, for the test.

    Its second paragraph.
    """
    drawn, axes = plt.subplots()
    axes.plot(range(width), [height * x**2 for x in range(width)])
    return drawn


@pytest.mark.parametrize(
    ("quick", "width", "command"),
    [(False, 3, "python -m figures paper.F1"), (True, 2, "python -m figures paper.F1 --quick")],
)
def test_a_saved_figure_leaves_an_image_a_vector_file_and_a_caption(
    tmp_path, quick, width, command
):
    others = plt.get_fignums()
    paths, overlaps = Figure("paper", "F1", parabola, {"width": 2}).save(tmp_path, quick)
    assert not overlaps
    assert [path.name for path in paths] == [
        "F1_parabola.png",
        "F1_parabola.pdf",
        "F1_parabola.txt",
    ]
    assert {path.parent for path in paths} == {tmp_path / "paper"}
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert paths[1].read_bytes().startswith(b"%PDF")
    assert paths[2].read_text(encoding="utf-8").splitlines() == [
        "F1. A parabola, for the test. Its second paragraph.",
        f"Settings: width = {width}, height = 2.0.",
        f"Command: {command}",
    ]
    assert plt.get_fignums() == others  # closed again


def two_titles(width: int = 3):
    """Two texts in one place."""
    fig, axes = plt.subplots()
    axes.set_xlim(0, width)
    axes.text(1, 0.5, "one")
    axes.text(1, 0.5, "other")
    axes.set(xlabel="κ_n of 2^n in x_left_right", ylabel="T$_2$ of a_b")
    return fig


def test_texts_that_overlap_are_said(tmp_path):
    (picture, caption), overlaps = Figure("paper", "F1", two_titles, {}).save(
        tmp_path, quick=False, small=True
    )
    assert overlaps == ["'one' and 'other' overlap"]
    assert (picture.suffix, caption.suffix) == (".webp", ".txt")
    assert figures("briefs.taylor_attention")[0].marks.startswith("lines: law; points: search")
    assert figures("briefs.attention_gradients")[0].marks.startswith(
        "points: largest derivative by complex steps; lin"
    )


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda axes: axes.figure.text(0.9, 0.5, "much too long a text"), "leaves the figure"),
        (lambda axes: axes.set_xticks([0, 0.1], ["100000", "1000000"]), "overlap"),
        (lambda axes: axes.text(0, 0.95, "in the legend's place"), "overlap"),
        (lambda axes: axes.text(0.5, 0.2, "on the line"), None),
        (lambda axes: [axes.text(0.5, 0.2, text, visible=False) for text in "ab"], None),
    ],
)
def test_collisions_are_named(spoil, sentence):
    with style():
        fig, axes = plt.subplots(figsize=(4, 3))
        axes.plot([0, 1], [0, 1], label="a line")
        axes.set(xlabel="time", ylabel="distance", title="a title")
        axes.legend(loc="upper left")
        spoil(axes)
        found = collisions(fig)
    plt.close(fig)
    assert found == [] if sentence is None else any(sentence in text for text in found)


@pytest.mark.parametrize(
    "name", ["in_context_learning.F9", "briefs.attention_gradients", "briefs.taylor_attention"]
)
def test_nothing_in_quick_figures_overlaps(name, tmp_path):
    for entry in figures(name):
        assert entry.save(tmp_path, quick=True)[1] == []


def without_caption(width: int = 1):
    return plt.figure()


def without_default(width):
    """A caption."""
    return plt.figure()


@pytest.mark.parametrize(
    ("draw", "quick", "message"),
    [
        (without_caption, {}, "figure F1 needs a docstring"),
        (without_default, {}, "every setting needs a default"),
        (parabola, {"depth": 1}, "quick settings must be among them"),
    ],
)
def test_a_figure_without_caption_or_defaults_is_refused(draw, quick, message):
    with pytest.raises(ValueError, match=message):
        figure("F1", quick=quick)(draw)


def test_figures_come_in_the_order_of_their_numbers():
    names = [entry.name for entry in figures("random_walk_pca")]
    assert names == [f"F{number}" for number in range(1, len(names) + 1)]
    assert len(names) >= 10
    assert [entry.name for entry in figures("random-walk-pca.F3")] == ["F3"]
    assert {entry.paper for entry in figures()} >= {"random_walk_pca"}


def test_list_names_every_figure_with_the_first_sentence_of_its_caption(capsys):
    assert main(["random_walk_pca", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        f"random_walk_pca.F{n}" for n in range(1, len(lines) + 1)
    ]
    assert all(line.endswith(".") and len(line.split("  ")[1]) > 20 for line in lines)


def test_first_is_one_figure_of_each_paper(capsys):
    assert main(["random_walk_pca", "briefs.rotating_scores", "--first", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "random_walk_pca.F1",
        "briefs.rotating_scores.F1",
    ]


def noise(key, scale):
    return scale * jax.random.normal(key)


def test_the_simulations_of_a_figure_report_their_cells(tmp_path, monkeypatch):
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path))
    told = []
    report_to(lambda *about: told.append(about))
    try:
        for runs in (5, 6):
            replicates(noise, runs, {}, {"scale": [1.0, 2.0]})
    finally:
        report_to(None)
    first = told[0][0]
    second = told[-1][0]
    assert first != second
    assert [about[1:] for about in told if about[0] == first][-1] == (10, 10)
    assert told[-1] == (second, 12, 12)


def test_a_folder_of_papers_may_be_left_out():
    (chosen,) = figures("heat_and_distance.F1")
    assert (chosen.paper, chosen.name) == ("briefs.heat_and_distance", "F1")
    assert chosen in figures("Heat-and-Distance")
    assert {one.paper for one in figures("mixup")} == {"mixup"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no_paper"], "no figure 'no_paper'; papers with figures: `python -m figures --list`"),
        (["mixpu"], "no figure 'mixpu'; papers with figures: mixup"),
        (["random_walk_pca.F99"], "no figure 'random_walk_pca.F99'; its figures are F1, F2, "),
        (
            ["random_walk_pca.F1", "--out", __file__],
            "--out must be a folder that can be written, got ",
        ),
    ],
)
def test_a_wrong_argument_gets_one_sentence_and_status_2(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith(f"theory-on-trial figures: error: {sentence}")
    )


def test_ctrl_c_ends_the_drawing_in_one_line_and_leaves_no_process(tmp_path):
    # whoever started it
    hearing = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program = (
        hearing + "from theory_on_trial.figures.command import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "random_walk_pca", "--quick", "--out", str(tmp_path)]
    begun = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    begun.stderr.read(1)  # the bar is there: drawing has begun
    time.sleep(1)
    os.killpg(begun.pid, signal.SIGINT)
    text = begun.communicate(timeout=30)[1]
    assert re.fullmatch(r"stopped: \d+ of \d+ figures are drawn", text.splitlines()[-1]), text
    assert begun.returncode == 130
    assert "leaked" not in text
    assert any(not _lives(begun.pid) for _ in range(100))


def _lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    time.sleep(0.1)
    return True


def test_every_figure_names_claims_that_exist():
    for paper in {entry.paper for entry in figures()}:
        known = {found.id for found in claims(paper)}
        for entry in figures(paper):
            assert {f"{paper}.{name}" for name in entry.claims} <= known, f"{paper}.{entry.name}"
    assert sum(bool(entry.claims) for entry in figures()) > 50


def test_the_command_draws_one_figure_and_keeps_its_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path / "cache"))
    for name, value in {"n_points": 30, "dim": 300, "runs": 3}.items():
        monkeypatch.setitem(figures("random_walk_pca.F2")[0].quick, name, value)
    assert main(["random_walk_pca.F2", "--quick", "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out" / "random_walk_pca"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"F2_spectrum.{kind}" for kind in ("pdf", "png", "txt")
    ]
    assert "Settings: n_points = 30, dim = 300, runs = 3." in (
        folder / "F2_spectrum.txt"
    ).read_text(encoding="utf-8")
    assert str(folder / "F2_spectrum.png") in capsys.readouterr().out
    # So that redrawing is instant
    assert any((tmp_path / "cache" / "figures").glob("linear_process-*/*.chunk"))


@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_means_are_drawn_with_the_students_interval_of_scipy(count, seed):
    runs = np.random.default_rng(seed).normal(size=(count, 3))
    mean, half_width = student_interval(runs)
    low, high = stats.t.interval(0.99, count - 1, runs.mean(axis=0), stats.sem(runs))
    assert np.stack([mean - half_width, mean + half_width]) == pytest.approx(
        np.stack([low, high]), rel=1e-12, abs=1e-12
    )
    fig, axes = plt.subplots()
    points_with_intervals(axes, [1, 2, 3], runs, "black")
    bars = np.array(axes.containers[0].lines[2][0].get_segments())[:, :, 1].T
    plt.close(fig)
    assert np.array_equal(axes.containers[0].lines[0].get_ydata(), mean)
    assert bars == pytest.approx(np.stack([low, high]), rel=1e-12, abs=1e-12)


@given(st.integers(1, 10_000), st.integers(2, 50))
def test_log_spaced_indices_are_different_increasing_and_reach_both_ends(last, count):
    index = log_spaced(last, count)
    assert (index[0], index[-1]) == (1, last)
    assert np.all(np.diff(index) >= 1)
    assert len(index) <= count
