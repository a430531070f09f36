"""The ledger's file: its schema, what is read of it, and its lines of numbers."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from theory_on_trial.command import main
from theory_on_trial.ledger import Ledger, Row, read, write_json
from theory_on_trial.ledger import schema as of_ledger

ROOT = Path(__file__).parents[2]
WRITTEN = ROOT / "engine" / "theory_on_trial" / "ledger" / "schema.json"
ONE = Row(
    "toys.mean",
    "toys",
    "Theorem 1",
    "The mean is 1/2.",
    "limit",
    "fast",
    "VERIFIED",
    "VERIFIED",
    predicted=0.5,
    measured=0.49,
    interval=[0.4, "inf"],
    margin=0.2,
    slack=0.0,
    settings=[{"n": 3}],
    note="coordinate [2, 1] of 30 x 4, the worst",
)
PARTS = [
    {
        "predicted": [1.0, 2.0],
        "measured": [1.5, 2.5],
        "interval": [[1.0, 2.0], [2.0, 3.0]],
        "margin": 0.1,
        "slack": [0.0, 0.05],
        "guarantee": "exact",
        "resolution": 0.1,
        "tightness": None,
        "note": "",
        "case": "n=4",
    },
    {
        "predicted": "log n",
        "measured": "log n",
        "interval": [[1.0, "-inf"], [2.0, "inf"]],
        "margin": 0.0,
        "slack": 0.0,
        "guarantee": "sampled",
        "resolution": None,
        "tightness": None,
        "note": "",
        "case": "n=5",
    },
]
SEVERAL = replace(ONE, id="toys.several", note="", parts=PARTS)
EMPTY = replace(ONE, id="toys.stopped", predicted=None, measured=None, interval=None, margin=None)


def test_the_schema_is_made_from_the_code_and_describes_every_field():
    made = of_ledger.made()
    assert json.loads(WRITTEN.read_text("utf-8")) == made
    fields = [*made["properties"].values(), *made["$defs"]["Row"]["properties"].values()]
    assert all(len(field["description"]) > 10 for field in fields)


@pytest.mark.parametrize(
    ("change", "of_row"),
    [
        ({"verdict": "TRUE"}, True),
        ({"interval": {"low": 1}}, True),
        ({"notices": "4 %"}, True),
        ({"samples": "many"}, True),
        ({"schema": "theory-on-trial/ledger/1"}, False),
        ({"commit": 3}, False),
        ({"extra": 1}, False),
    ],
)
def test_a_ledger_fits_its_schema_and_a_changed_one_does_not(tmp_path, change, of_row):
    write_json(tmp_path / "ledger.json", Ledger([ONE, SEVERAL, EMPTY], commit="c0ffee"))
    book = json.loads((tmp_path / "ledger.json").read_text("utf-8"))
    schema = json.loads(WRITTEN.read_text("utf-8"))
    jsonschema.validate(book, schema)
    (book["claims"][1] if of_row else book).update(change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(book, schema)


def test_a_ledger_comes_back_as_it_was_written(tmp_path):
    ledger = Ledger([ONE, SEVERAL], seed=3, tier="full", commit="c0ffee", dirty=True)
    write_json(tmp_path / "ledger.json", ledger)
    assert read(tmp_path / "ledger.json") == ledger
    assert ledger.date.endswith("Z")
    assert {"numpy", "scipy", "processor", "python"} <= ledger.platform.keys()


def test_a_data_frame_has_a_line_for_each_coordinate():
    frame = Ledger([ONE, SEVERAL, EMPTY]).to_frame()
    assert frame["id"].tolist() == ["toys.mean", *["toys.several"] * 4, "toys.stopped"]
    assert frame["coordinate"].tolist()[:4] == ["[2, 1]", "[0]", "[1]", "[0]"]
    assert frame["decision"].tolist() == [1, 1, 1, 2, 2, 1]
    assert frame["case"].tolist() == ["n=3", "n=4", "n=4", "n=5", "n=5", "n=3"]
    assert frame["low"].tolist()[:5] == [0.4, 1.0, 2.0, 1.0, "-inf"]
    assert frame["high"].tolist()[:5] == ["inf", 2.0, 3.0, 2.0, "inf"]
    assert frame["margin"].tolist()[1:3] == [0.1, 0.1]
    assert frame["slack"].tolist()[1:3] == [0.0, 0.05]
    assert frame["guarantee"].tolist()[1:5] == ["exact", "exact", "sampled", "sampled"]
    assert frame["measured"].isna().tolist()[-1]


PUBLISHED = sorted((ROOT / "records" / "ledgers").glob("*.json"))


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda path: path.stem)
@pytest.mark.parametrize("suffix", ["html", "tex", "md", "csv", "svg"])
def test_a_published_ledger_can_be_read_shown_and_drawn(tmp_path, suffix, published):
    out = tmp_path / f"out.{suffix}"
    command = ["badge", str(published), str(out)]
    if suffix != "svg":
        command = ["report", str(out), "--ledger", str(published), "--root", str(tmp_path)]
    assert main(command) == 0
    count = len(json.loads(published.read_text("utf-8"))["claims"])
    words = f"claims: {count} of {count}" if suffix == "svg" else "walk"
    assert words in out.read_text("utf-8")


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_ledger_has_the_verdicts_that_were_expected(published):
    ledger = read(published)
    assert len(ledger.claims) == len(json.loads(published.read_text("utf-8"))["claims"])
    assert all(row.as_expected == (row.verdict == row.expected) for row in ledger.claims)
    assert not ledger.dirty


def test_a_row_is_a_line(tmp_path):
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    write_json(before, Ledger([ONE, SEVERAL, EMPTY], date=""))
    write_json(after, Ledger([ONE, replace(SEVERAL, note="new"), EMPTY], date=""))
    lines = [path.read_text(encoding="utf-8").splitlines() for path in (before, after)]
    (changed,) = [pair for pair in zip(*lines, strict=True) if pair[0] != pair[1]]
    assert json.loads(changed[1].rstrip(","))["id"] == "toys.several"


def test_a_ledger_without_rows_is_read(tmp_path):
    write_json(tmp_path / "none.json", Ledger([]))
    assert read(tmp_path / "none.json").claims == []
