"""The ledgers of several platforms: named after them, and without a difference."""

import json

import pytest

from theory_on_trial import platforms
from theory_on_trial.audits.platforms import COLUMNS, LEDGERS, TRUST, ledger_name
from theory_on_trial.compare import compare

KEPT = sorted(LEDGERS.glob("*.json"))
FACTS = {"jax": "0.10.2", "python": "3.11.7", "device": "NVIDIA H200", "devices": 4}


def test_a_name_says_the_platform():
    assert ledger_name(FACTS) == "jax-0.10.2_python-3.11_nvidia-h200-x4.json"


def test_there_are_several_platforms():
    facts = [json.loads(path.read_text())["platform"] for path in KEPT]
    assert len({one["jax"] for one in facts}) > 1
    assert {one["devices"] for one in facts} >= {1, 4}


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_ledger_is_that_of_its_platform_and_says_what_the_first_says(path):
    ledger = json.loads(path.read_text())
    assert ledger_name(ledger["platform"]) == path.name
    assert all(row["verdict"] == row["expected"] for row in ledger["claims"])
    assert compare(KEPT[0], path).identical


def test_the_table_is_that_of_the_ledgers():
    assert json.loads((TRUST / "platforms.json").read_text()) == json.loads(json.dumps(platforms.table()))


def test_a_ledger_with_another_verdict_is_counted(tmp_path):
    ledger = json.loads(KEPT[0].read_text())
    (tmp_path / "a.json").write_text(json.dumps(ledger))
    ledger["claims"][0] |= {"verdict": "INCONCLUSIVE", "controls": [{"name": "c", "verdict": "VERIFIED"}]}
    (tmp_path / "b.json").write_text(json.dumps({**ledger, "claims": ledger["claims"][:-1]}))
    first, second = (dict(zip(COLUMNS, row, strict=True)) for row in platforms.table(tmp_path)["rows"])
    assert [first[name] for name in COLUMNS[4:]] == [0, 0, 0, 0]
    assert [second[name] for name in COLUMNS[4:]] == [1, 0, 0, 1]
    assert second["rows"] - second["as expected"] == 1
    assert second["controls not refuted"] == 1


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"must hold a ledger, got none: record one with --devices 1$"):
        platforms.table(tmp_path)
