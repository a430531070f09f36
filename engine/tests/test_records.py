"""Records: written whole, with commit and source, and stale once the source has changed."""

import subprocess

import pytest

from theory_on_trial import audits
from theory_on_trial.audits.falsify import COLUMNS
from theory_on_trial.ledger import Row
from theory_on_trial.page.report import write_html
from theory_on_trial.page.searched import beside_search, tightest
from theory_on_trial.repository import records

TABLE = {
    "title": "Heads",
    "command": "theory-on-trial audit heads",
    "columns": ["coin", "share"],
    "note": "Of 10.",
}


@pytest.fixture
def folder(repository):
    return repository({"penny.py": "import metal\n", "metal.py": "", "dime.py": ""})


def write(folder):
    sources = [
        records.source(folder, folder / "penny.py"),
        records.source(folder, folder / "dime.py"),
        None,
    ]
    table = {**TABLE, "rows": [["penny", 0.5], ["dime", 0.25], ["none", None]], "sources": sources}
    records.write(folder / "records" / "heads.json", table)
    return records.read(folder / "records" / "heads.json")


def git(folder, *command):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *identity, "-C", folder, *command], check=True, capture_output=True)


def test_a_table_holds_what_was_written_a_line_for_each_row(folder):
    written = write(folder)
    assert {name: written[name] for name in TABLE} == TABLE
    assert written["rows"] == [["penny", 0.5], ["dime", 0.25], ["none", None]]
    assert written["sources"][0]["of"] == ["penny.py"]
    assert '  ["dime", 0.25],' in (folder / "records" / "heads.json").read_text().splitlines()
    assert records.read(folder / "records" / "nothing.json") == {}


def test_a_table_carries_the_commit(folder):
    assert write(folder)["commit"] is None
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "x")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert write(folder)["commit"] == head
    assert write(folder)["commit"] == head  # a table that was just renewed does not count
    (folder / "metal.py").write_text("silver = 1\n")
    assert write(folder)["commit"] == f"{head}+"


def test_a_table_that_json_cannot_hold_leaves_the_last_one(folder):
    write(folder)
    before = (folder / "records" / "heads.json").read_text()
    with pytest.raises(ValueError, match="Out of range float"):
        records.write(
            folder / "records" / "heads.json", {**TABLE, "rows": [["penny", float("nan")]]}
        )
    assert (folder / "records" / "heads.json").read_text() == before
    assert [path.name for path in (folder / "records").iterdir()] == ["heads.json"]


def test_a_row_is_stale_once_its_source_or_an_import_of_it_has_changed(folder):
    table = write(folder)
    assert records.stale(table, folder) == [False, False, False]
    (folder / "metal.py").write_text("silver = 1\n")
    assert records.stale(table, folder) == [True, False, False]
    (folder / "dime.py").unlink()
    assert records.stale(table, folder) == [True, True, False]
    sentence = (
        "Stale: 2 of 3 lines are of an earlier source; `theory-on-trial audit heads` "
        "measures again."
    )
    assert records.staleness(table, folder) == sentence
    (shown,) = records.tables(folder / "records")
    assert shown["note"] == f"Of 10. {sentence}"
    assert records.stale({"rows": [[1]]}, folder) == [
        False
    ]  # it does not say what it was measured on


def test_the_command_lists_what_is_stale(folder, capsys):
    (folder / "records").mkdir()
    (folder / "records" / "unrelated.json").write_text('{"rows": 3}')
    write(folder)
    assert audits.main(["--stale"]) == 0
    assert capsys.readouterr().out == ""
    (folder / "metal.py").write_text("silver = 1\n")
    assert audits.main(["--stale"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "heads.json: Stale: 1 of 3 lines are of an earlier source; `theory-on-trial audit heads` "
        "measures again.",
        "  penny.py",
    ]


def test_the_report_says_so_from_any_folder(folder, tmp_path_factory, monkeypatch):
    write(folder)
    (folder / "metal.py").write_text("silver = 1\n")
    pages = []
    for place in (folder, tmp_path_factory.mktemp("elsewhere")):
        monkeypatch.chdir(place)
        write_html(place / "report.html", [], [], 0, "fast", folder)
        pages.append((place / "report-trust.html").read_text())
    assert "Stale: 1 of 3 lines are of an earlier source" in pages[0]
    assert pages[0] == pages[1]


def test_an_audit_that_is_not_there_is_refused(capsys):
    assert audits.main(["nothing"]) == 2
    assert "calibration" in capsys.readouterr().out
    assert audits.main(["--help"]) == 0


@pytest.mark.parametrize(("digest", "most"), [({}, (0.75, "x = 2")), ({"digest": "of old"}, None)])
def test_only_a_search_on_the_present_source_stands_in_a_row(folder, digest, most):
    rows = [["coins.fair", 0.75, "no", "", "x = 2", 9], ["coins.bent", None, "no", "", "", 9]]
    source = records.source(folder, folder / "penny.py") | digest
    table = {**TABLE, "columns": COLUMNS, "rows": rows, "sources": [source, source]}
    records.write(folder / "records" / "falsifier.json", table)
    assert tightest("coins.fair", folder / "records") == most
    assert tightest("coins.bent", folder / "records") is None
    row = Row("coins.fair", "coins", "x", "x", "bound", "fast", "VERIFIED", "VERIFIED")
    shown = beside_search(row, folder / "records")
    assert shown.tightness == (most and most[0])
    assert shown.note == (f"lhs / rhs up to {most[0]} by search, at {most[1]}" if most else "")
    assert tightest("coins.fair", folder / "nowhere") is None
