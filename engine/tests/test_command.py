"""The command `theory-on-trial` in somebody's repository: what it prints, its exit status, a
sentence for bad input.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import get_args

import pytest

from theory_on_trial import command
from theory_on_trial.base.frames import imported_pandas
from theory_on_trial.command import main
from theory_on_trial.plugin import KINDS, TIERS
from theory_on_trial.repository import outline
from theory_on_trial.trial import registry
from theory_on_trial.trial.registry import Kind, Tier

pytest_plugins = ["pytester"]

CHECKS = '''
"""Sums: a toy."""

import pytest
from theory_on_trial import claim, paper, published
from theory_on_trial.contract import Count


@claim(paper("Section 1"), kind="identity", as_published=published(place=paper("Section 1"), quoted="1 + 1 = 3.", within="no condition stands there", reach="theorem", effect="nothing published", ran="the formula"))
def test_sum(trial, terms=(1, 1), *, shift=0):
    """1 + 1 = 2."""
    trial.identity(sum(terms) + shift, 2, ops=0, controls={"one": 1}, as_published=3)


@claim(paper("Section 2"), kind="bound", tier="full", not_tight="one pair")
def test_triangle(trial, a=-1.0, b=2.0):
    """|a + b| <= |a| + |b|."""
    wrong = {"half of the smaller": min(abs(a), abs(b)) / 2}
    trial.bound(abs(a + b), abs(a) + abs(b), instances="grid", ops=3, controls=wrong)


@pytest.mark.parametrize("n", [2, 3])
@claim(paper("Section 3"), kind="identity")
def test_double(trial, n, factor: Count = 2):
    """Doubled, and as a claim of each size."""
    trial.identity(factor * n, n + n, ops=0, controls={"one more": n + n + 1})
'''


SUMS = "verification.sums"


@pytest.fixture(autouse=True)
def in_process(pytester, monkeypatch):
    """What the command has pytest do in a process of its own is done here."""

    def run(flags, folder, *, quiet=False):
        monkeypatch.setattr(registry, "_REGISTERED", {})
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(io.StringIO() if quiet else sys.stdout),
        ):
            done = pytester.runpytest_inprocess(*flags)
        return subprocess.CompletedProcess(flags, done.ret, str(done.stdout))

    monkeypatch.setattr(command, "_pytest", run)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outside")
    (folder / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\ntestpaths = ['verification']\n"
    )
    (folder / "verification").mkdir()
    (folder / "verification" / "test_sums.py").write_text(CHECKS)
    (folder / "elsewhere").mkdir()
    return folder


@pytest.fixture
def here(repository, monkeypatch):
    monkeypatch.chdir(repository / "elsewhere")  # anywhere below the root
    return repository


def test_list_prints_one_line_per_claim(here, capsys):
    assert main(["list"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading == "verification.sums: Sums: a toy."
    names = ("sum", "sum-as-published", "triangle", "double[2]", "double[3]")
    assert [line.split()[0] for line in lines] == [f"verification.sums.{name}" for name in names]
    assert main(["list", "verification.Sums", "--kind", "bound", "--tier", "fast"]) == 0
    assert capsys.readouterr().out == ""


def test_show_prints_the_values_of_the_cases(tmp_path, capsys):
    case = CHECKS.replace(
        '"identity")\ndef test_double(trial, n, factor: Count = 2)',
        '"identity", cases=[{"factor": 2}, {"factor": 5}])\ndef test_double(trial, n, factor: '
        "Count)",
    )
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "test_sums.py").write_text(case)
    assert main(["show", "sums.double[3]", "--root", str(tmp_path)]) == 0
    assert shown(capsys.readouterr().out)["settings"] == "n=3, factor in {2, 5} by case"


def test_show_prints_domain_controls_and_place(tmp_path, capsys):
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "test_sums.py").write_text(DOMAIN)
    assert main(["show", "sums.half", "--root", str(tmp_path)]) == 0
    facts = shown(capsys.readouterr().out)
    assert facts["domain"] == "size: an integer in [1, 9]; share: a real number in (0, 1)"
    assert facts["controls"] == "a third; a quarter; no half at all"
    assert facts["place"] == "test_sums.py:8"


DOMAIN = """from typing import Annotated

from theory_on_trial import claim, paper
from theory_on_trial.contract import Interval


@claim(paper("Section 1"), kind="identity")
def test_half(trial, size: Annotated[int, Interval(1, 9)] = 2, share: Annotated[float, Interval(0, 1, "()")] = 0.5):
    '''One half.'''
    trial.identity(share * size, size / 2, controls={"a third": 0, "a quarter": 1}, control_processes={"no half at all": 2})
"""


def test_without_pandas_a_frame_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'theory-on-trial\[sweep\]'"):
        imported_pandas()


def shown(text):
    return dict(line.strip().split("  ", 1) for line in text.splitlines() if line.strip())


def test_show_prints_statement_and_settings(here, capsys):
    assert main(["show", "verification.sums.sum"]) == 0
    facts = shown(capsys.readouterr().out)
    assert (facts["statement"], facts["as published"]) == (
        "1 + 1 = 2.",
        ("“1 + 1 = 3.”; reach: theorem; changes: nothing published; run: the formula"),
    )
    assert (facts["settings"], facts["paper"]) == ("terms=(1, 1), shift=0", "Sums: a toy.")
    assert main(["show", "verification.sums.sum-as-published"]) == 0
    assert "REFUTED" in capsys.readouterr().out
    assert main(["show", "verification.sums.double[3]"]) == 0
    assert shown(capsys.readouterr().out)["settings"] == "n=3, factor=2"


def test_a_name_that_one_claim_bears_is_enough(here, capsys):
    assert main(["show", "triangle"]) == 0
    assert shown(capsys.readouterr().out)["claim"] == "verification.sums.triangle"
    assert main(["run", "double[2]"]) == 0
    assert shown(capsys.readouterr().out)["id"] == "verification.sums.double[2]"


def test_the_folder_of_a_paper_may_be_left_out(here, capsys):
    assert main(["show", "sums.triangle"]) == 0
    assert shown(capsys.readouterr().out)["claim"] == "verification.sums.triangle"
    assert main(["show", "sums"]) == 0
    assert capsys.readouterr().out.startswith("Sums: a toy.")


def test_a_row_comes_as_json_with_its_controls(here, capsys):
    assert main(["run", "sum", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["id"], row["verdict"]) == ("verification.sums.sum", "VERIFIED")
    assert [control["verdict"] for control in row["controls"]] == ["REFUTED"]
    assert main(["run", "sum"]) == 0
    assert "control  one: REFUTED (predicts 1)" in capsys.readouterr().out


def test_an_interrupt_ends_in_one_line(here, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_pytest", interrupted)
    assert main(["run", "sum"]) == 130
    assert capsys.readouterr().err == "theory-on-trial: interrupted\n"


def test_an_extra_that_is_missing_is_named(here, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("theory_on_trial.explore.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(SystemExit, match="2"):
        main(["search", "triangle"])
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("this needs hypothesis: pip install 'theory-on-trial[audit,figures]'")


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"theory-on-trial {version('theory-on-trial')}\n"


@pytest.mark.parametrize(
    ("arguments", "verdict", "status"),
    [
        (["sum"], "VERIFIED", 0),
        (["sum-as-published"], "REFUTED", 0),
        (["sum", "--set", "shift=1"], "REFUTED", 1),
        (["sum", "--set", "shift=-1", "terms=(1, 2)", "--seed", "7"], "VERIFIED", 0),
        (["triangle"], "VERIFIED", 0),
        (["double[3]", "--set", "factor=3"], "REFUTED", 1),
    ],
)
def test_run_prints_the_row_and_tells_whether_it_is_as_expected(
    here, capsys, arguments, verdict, status
):
    name, *others = arguments
    assert main(["run", f"verification.sums.{name}", *others]) == status
    row = shown(capsys.readouterr().out)
    assert (row["id"], row["verdict"]) == (f"verification.sums.{name}", verdict)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", f"{SUMS}.summ"], f"no claim '{SUMS}.summ'; nearest: {SUMS}.sum"),
        (["run", "verification.sumz.sum"], f"no claim 'verification.sumz.sum'; nearest: {SUMS}"),
        (["show", "sumz"], f"no claim 'sumz'; nearest: {SUMS}"),
        (
            ["show", f"{SUMS}.double[4]"],
            f"there is no claim '{SUMS}.double[4]'; known claims: {SUMS}.do",
        ),
        (
            ["run", SUMS],
            f"{SUMS} is a paper; name one of its claims: {SUMS}.sum, "
            f"{SUMS}.triangle, {SUMS}.double",
        ),
        (["run", f"{SUMS}.double-as-published"], f"{SUMS}.double corrects no published statement"),
        (["list", "nobody"], f"there is no paper 'nobody'; known papers: {SUMS}"),
        (["run", f"{SUMS}.sum", "--set", "shift"], "--set takes NAME=VALUE, got 'shift'"),
        (
            ["run", f"{SUMS}.sum", "--set", "size=3"],
            f"{SUMS}.sum has no setting 'size'; its settings are terms, shift",
        ),
        (
            ["run", f"{SUMS}.sum", "--set", "shift=one"],
            "--set shift must be a literal such as 3, (1, 2) or 'a'",
        ),
        (
            ["run", f"{SUMS}.double[2]", "--set", "factor=0"],
            f"{SUMS}.double[2]: outside the claim's domain: factor must be",
        ),
        (["report", "page.html", "sumz"], f"there is no paper 'sumz'; known papers: {SUMS}"),
        (["list", "--root", "no/folder"], "--root must be a folder, got no/folder"),
        (["compare", "no.json", "no.json"], "no.json must be a ledger that can be read"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(here, capsys, arguments, sentence):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert (
        capsys.readouterr().err.splitlines()[-1].startswith(f"theory-on-trial: error: {sentence}")
    )


def test_checks_that_cannot_be_collected_say_why(tmp_path, capfd):
    (tmp_path / "test_broken.py").write_text(CHECKS + "\nimport no_such_module\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    with pytest.raises(SystemExit) as stopped:
        main(["list", "--root", str(tmp_path)])
    assert stopped.value.code == 2
    assert "No module named 'no_such_module'" in capfd.readouterr().err


def test_compare_prints_what_differs(here, capsys, tmp_path):
    ledger = tmp_path / "a.json"
    asked = ["-q", str(here / "verification"), "--trial-ledger", str(ledger)]
    assert command._pytest(asked, here, quiet=True).returncode == 0
    other = json.loads(ledger.read_text())
    other["claims"][-1]["verdict"] = "REFUTED"  # of a row with parameters
    (tmp_path / "b.json").write_text(json.dumps(other))
    assert main(["compare", str(ledger), str(ledger)]) == 0
    assert main(["compare", str(ledger), str(tmp_path / "b.json")]) == 1
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "  verification.sums.double[3]: VERIFIED → REFUTED"
    )


def test_the_outline_is_what_pytest_collects(here):
    assert (set(KINDS), set(TIERS)) == (set(get_args(Kind)), set(get_args(Tier)))
    assert outline.papers() == ["verification.sums"]
    assert outline.title("verification.sums") == "Sums: a toy."
    assert outline.settings("verification.sums") == {
        "verification.sums.sum": ["terms", "shift"],
        "verification.sums.sum-as-published": ["terms", "shift"],
        "verification.sums.triangle": ["a", "b"],
        "verification.sums.double": ["n", "factor"],
    }
    assert outline.title("nobody") == ""


def completed(line):
    """What the shell would offer behind `line`, as argcomplete answers it."""
    script = (
        "from theory_on_trial.command import main; import sys; main(); assert not {'jax', "
        "'numpy'} & set(sys.modules)"
    )
    asked = {
        "_ARGCOMPLETE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_IFS": "\n",
    }
    process = subprocess.run(
        ["bash", "-c", f'exec 8>&1 9>/dev/null; exec "$0" -c "{script}"', sys.executable],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    return process.stdout.replace("\v", "\n").splitlines()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("theory-on-trial list v", ["verification.sums "]),
        ("theory-on-trial show verification.sums.t", ["verification.sums.triangle "]),
        ("theory-on-trial run verification.sums.sum --set s", ["shift="]),
    ],
)
def test_claims_papers_and_settings_are_completed(here, line, offered):
    assert completed(line) == offered


def test_the_installed_command_is_this_one():
    (installed,) = entry_points(group="console_scripts", name="theory-on-trial")
    assert installed.load() is main


def test_report_puts_a_paper_on_trial_and_writes_the_page(here, tmp_path, capfd):
    assert main(["report", str(tmp_path / "page.html"), "verification.sums", "--seed", "3"]) == 0
    assert "ledger (seed 3, tier fast)" in capfd.readouterr().out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'id="verification.sums.double[2]"' in page
    assert "4 of 4 verdicts as expected" in page
    for name in ("no/page.html", "no/table.csv"):
        with pytest.raises(SystemExit, match="2"):
            main(["report", str(tmp_path / name)])
        said = capfd.readouterr()
        assert "the file to write must be in a folder that exists, got " in said.err
        assert "ledger (seed" not in said.out  # nothing was computed
    with pytest.raises(SystemExit, match="2"):
        main(["report", str(tmp_path / "page.pdf")])
    assert "the report must end in .html, .tex, .md, .csv, got " in capfd.readouterr().err


@pytest.mark.parametrize("command", ["list", "audit --help"])
def test_a_reader_that_has_seen_enough_ends_nothing(repository, command):
    asked = f"{sys.executable} -u -m theory_on_trial.command {command} | true"
    done = subprocess.run(
        ["bash", "-c", asked], cwd=repository, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_list_show_and_compare_answer_in_json(here, capsys, tmp_path):
    assert main(["list", "--json", "--kind", "bound"]) == 0
    assert [claim["id"] for claim in json.loads(capsys.readouterr().out)] == [f"{SUMS}.triangle"]
    assert main(["show", "double", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [claim["id"] for claim in shown] == [f"{SUMS}.double[2]", f"{SUMS}.double[3]"]
    assert main(["show", SUMS, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "paper": SUMS,
        "title": "Sums: a toy.",
        "abstract": [],
    }
    (published,) = (Path(__file__).parents[2] / "records" / "ledgers").glob("*.json")
    assert main(["compare", str(published), str(published), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["identical"], found["verdicts"]) == (True, [])


def test_a_filter_that_fits_nothing_says_so(here, capsys):
    assert main(["list", "--kind", "rate", "--tier", "fast"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "there is no claim of kind rate that a run of tier fast includes\n"
