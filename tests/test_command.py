"""The command `theory-on-trial`: what it prints, its exit status, and one sentence for bad input."""

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import get_args

import pytest

from theory_on_trial import claim, claims, outline
from theory_on_trial.command import KINDS, main
from theory_on_trial.registry import Kind


@claim("Section 1", kind="identity", as_printed="1 + 1 = 3.")
def test_sum(trial, terms=(1, 1), shift=0):
    """1 + 1 = 2."""
    trial.identity(sum(terms) + shift, 2, ops=0, controls={"one": 1}, as_printed=3)


def test_list_prints_one_line_per_claim(capsys):
    assert main(["list", "random-walk-pca", "--kind", "rate", "--tier", "fast"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.startswith("random_walk_pca: Antognini & Sohl-Dickstein 2018")
    listed = [line.split()[0] for line in lines]
    wanted = [c.id for c in claims("random_walk_pca") if (c.kind, c.tier) == ("rate", "fast")]
    assert listed == wanted != []
    assert main(["list", "random_walk_pca", "--kind", "rate", "--tier", "full"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(lines) + 1


def test_show_prints_statement_and_settings(capsys):
    assert main(["show", "command.sum"]) == 0
    shown = dict(line.strip().split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert shown["statement"] == "1 + 1 = 2."
    assert shown["as printed"] == "1 + 1 = 3."
    assert shown["settings"] == "terms=(1, 1), shift=0"
    assert main(["show", "command.sum-as-printed"]) == 0
    assert "REFUTED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "verdict", "status"),
    [
        (["command.sum"], "VERIFIED", 0),
        (["command.sum-as-printed"], "REFUTED", 0),
        (["command.sum", "--set", "shift=1"], "REFUTED", 1),
        (["command.sum", "--set", "shift=-1", "terms=(1, 2)", "--seed", "7"], "VERIFIED", 0),
    ],
)
def test_run_prints_the_row_and_tells_whether_it_is_as_expected(capsys, arguments, verdict, status):
    assert main(["run", *arguments]) == status
    row = dict(line.strip().split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert (row["id"], row["verdict"]) == (arguments[0], verdict)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "command.summ"], "no claim 'command.summ'; nearest: command.sum"),
        (["run", "mixupp.bayes_direction"], "no claim 'mixupp.bayes_direction'; nearest: mixup"),
        (["list", "nobody"], "no claims of a paper 'nobody'; known: "),
        (["run", "command.sum", "--set", "shift"], "--set takes NAME=VALUE, got 'shift'"),
        (["run", "command.sum", "--set", "size=3"], "command.sum has no setting 'size'; its settings are terms, shift"),
        (["run", "command.sum", "--set", "shift=one"], "--set shift must be a literal such as 3, 0.5, (1, 2) or 'a'"),
        (["report", "page.html", "mixupp"], "no paper 'mixupp'; there are mixup"),
        (["compare", "no.json", "no.json"], "no.json must be a ledger that can be read"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"theory-on-trial: error: {sentence}")


def test_figures_are_handed_over(capsys):
    assert main(["figures", "random_walk_pca.F3", "--list"]) == 0
    assert capsys.readouterr().out.startswith("random_walk_pca.F3  ")


def test_compare_prints_what_differs(capsys, tmp_path):
    row = claim("command.sum").run()
    ledger = {"schema": "theory-on-trial/ledger/1", "seed": 0, "tier": "fast", "platform": {}, "not_run": []}
    for name, verdict in (("a", "VERIFIED"), ("b", "REFUTED")):
        rows = [{**vars(row), "verdict": verdict}]
        (tmp_path / f"{name}.json").write_text(json.dumps({**ledger, "claims": rows}))
    a, b = str(tmp_path / "a.json"), str(tmp_path / "b.json")
    assert main(["compare", a, a]) == 0
    assert main(["compare", a, b]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "  command.sum: VERIFIED → REFUTED"


def test_the_outline_is_what_registration_finds():
    assert set(KINDS) == set(get_args(Kind))
    assert {"mixup", "random_walk_pca"} <= set(outline.papers())
    assert all(outline.title(paper) for paper in outline.papers())
    for paper in ("random_walk_pca", "predictive_multiplicity"):
        assert set(outline.settings(paper)) == {c.id for c in claims(paper)}, paper
    assert outline.settings("random_walk_pca")["random_walk_pca.total_variance"] == ["sizes"]
    assert outline.title("nobody") == ""


def completed(line):
    """What the shell would offer behind `line`, as argcomplete answers it."""
    script = (
        "from theory_on_trial.command import main; import sys; main(); assert not {'jax', 'numpy'} & set(sys.modules)"
    )
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    done = subprocess.run(
        ["bash", "-c", f'exec 8>&1 9>/dev/null; exec "$0" -c "{script}"', sys.executable],
        env={**os.environ, **asked}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.replace("\v", "\n").splitlines()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("theory-on-trial list mix", ["mixup "]),
        ("theory-on-trial show random_walk_pca.ou_e", ["random_walk_pca.ou_exact "]),
        ("theory-on-trial run random_walk_pca.total_variance --set s", ["sizes="]),
    ],
)
def test_claims_papers_and_settings_are_completed(line, offered):
    assert completed(line) == offered


def test_the_installed_command_runs_a_claim():
    (installed,) = entry_points(group="console_scripts", name="theory-on-trial")
    assert installed.load() is main
    script = Path(sys.executable).with_name("theory-on-trial")
    command = [str(script), "run", "random_walk_pca.total_variance", "--set", "sizes=(3, 4)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "VERIFIED" in done.stdout


def test_report_puts_a_paper_on_trial_and_writes_the_page(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k total_variance")  # one claim will do here
    assert main(["report", str(tmp_path / "page.html"), "random-walk-pca", "--seed", "3"]) == 0
    assert "ledger (seed 3, tier fast)" in capfd.readouterr().out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'id="random_walk_pca.total_variance"' in page
    assert "1 of 1 verdicts as expected" in page
    assert main(["report", str(tmp_path / "no" / "page.html"), "mixup"]) != 0
    assert "--report must name a file in a folder that exists, got " in capfd.readouterr().err
