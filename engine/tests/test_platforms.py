"""The ledgers of several platforms: named after them, condensed to what is compared, recorded again
when stale.
"""

import json

import pytest

from theory_on_trial.audits import platforms
from theory_on_trial.audits.platforms import COLUMNS, condensed, ledger_name
from theory_on_trial.ledger import Row, platform_facts, write_json
from theory_on_trial.page.compare import compare
from theory_on_trial.repository import records

FACTS = {"jax": "0.10.2", "python": "3.11.7", "device": "NVIDIA H200", "devices": 4}
SOURCE = {"of": ["test_coins.py"], "digest": "of old"}
CLAIMS = """
import jax
from theory_on_trial import claim, paper

@claim(paper("Section 1"), kind="identity")
def test_devices(trial):
    '''There are two devices.'''
    trial.identity(jax.device_count(), 2, ops=0, controls={"three": 3})
"""


def row(name, verdict="VERIFIED", **fields):
    about = {
        "paper": "coins",
        "source": "x",
        "statement": "y",
        "tier": "fast",
        "expected": "VERIFIED",
    }
    shown = {
        "predicted": 0.5,
        "measured": 0.51,
        "interval": [0.4, 0.6],
        "margin": 0.1,
        "error_probability": 1e-7,
    }
    shown |= {"resolution": 0.2}
    controls = {"controls": [{"name": "c", "predicted": 0.3, "verdict": "REFUTED"}]}
    return Row(
        id=f"coins.{name}",
        kind="distribution",
        **{"verdict": verdict, **about, **shown, **controls, **fields},
    )


ROWS = [
    row("fair"),
    row("long", note="sampled; coordinate [3] of 12, the worst", predicted=[0.5, 1.0]),
    row("fair-as-published", "REFUTED", expected="REFUTED"),
]


def written(path, rows):
    write_json(path, rows, [], [], 0, "fast")
    return path


def kept(path, rows):
    full = json.loads(written(path.with_name("full.json"), rows).read_text())
    records.write_json(path, condensed(full) | {"commit": None, "source": SOURCE}, ("claims",))
    path.with_name("full.json").unlink()
    return path


@pytest.fixture
def root(repository):
    return repository({"test_coins.py": CLAIMS})


def test_a_name_says_the_platform():
    assert ledger_name(FACTS) == "jax-0.10.2_python-3.11_nvidia-h200-x4.json"


@pytest.mark.parametrize(
    ("fields", "differs"),
    [
        ({}, None),
        ({"seconds": 9.0, "note": "other words", "command": "x", "samples": 3}, None),
        ({"verdict": "INCONCLUSIVE"}, "verdicts"),
        ({"predicted": 0.6}, "predicted"),
        ({"interval": [0.7, 0.8]}, "apart"),
        ({"resolution": 0.5}, "weaker"),
    ],
)
def test_a_condensed_ledger_compares_as_the_whole_one(tmp_path, fields, differs):
    other = written(tmp_path / "changed.json", [row("fair", **fields), *ROWS[1:]])
    whole = written(tmp_path / "whole.json", ROWS)
    small = kept(tmp_path / "small.json", ROWS)
    assert small.stat().st_size < 0.6 * whole.stat().st_size
    assert compare(whole, small).identical
    assert compare(small, other) == compare(whole, other)
    found = compare(small, other)
    sorts = [sort for sort in ("verdicts", "predicted", "apart", "weaker") if getattr(found, sort)]
    assert sorts == [differs] * (differs is not None)


def test_a_ledger_with_another_verdict_is_counted(tmp_path):
    kept(tmp_path / "a.json", ROWS)
    survivor = [{"name": "c", "predicted": 0.3, "verdict": "VERIFIED"}]
    kept(tmp_path / "b.json", [row("fair", "INCONCLUSIVE", controls=survivor), ROWS[1]])
    (first, source), (second, _) = (line for (line,) in platforms.lines(tmp_path).values())
    first, second = (dict(zip(COLUMNS, line, strict=True)) for line in (first, second))
    assert [first[name] for name in COLUMNS[3:]] == [0, 0, 0, 0, 0, 0]
    assert [second[name] for name in COLUMNS[4:]] == [1, 0, 0, 0, 1]
    assert second["rows"] - second["as expected"] == 1
    assert second["controls not refuted"] == 1
    assert source == SOURCE


def test_only_ledgers_of_this_platform_are_recorded_again(root):
    folder = root / "ledgers"
    assert platforms.to_renew(folder) == [1]
    here = platform_facts() | {"devices": 2}
    for facts, digest in (
        (here, "of old"),
        (here | {"devices": 3}, None),
        (here | {"jax": "0.0.1"}, "of old"),
    ):
        source = (
            {**SOURCE, "digest": digest} if digest else records.source(root, root / "test_coins.py")
        )
        records.write_json(folder / ledger_name(facts), {"platform": facts, "source": source}, ())
    assert platforms.to_renew(folder) == [2]


def test_the_command_records_and_compares(root, warm_children, capsys):
    assert platforms.main(["--devices", "2"]) == 0
    (path,) = (root / "records" / "ledgers").iterdir()
    assert path.name == ledger_name(platform_facts() | {"devices": 2})
    table = records.read(root / "records" / "platforms.json")
    assert [line[1:4] for line in table["rows"]] == [[1, 1, 0]]
    assert not any(records.stale(table, root))
    before = path.read_text()
    assert platforms.main([]) == 0  # it is of the present source
    assert path.read_text() == before
    with pytest.raises(
        RuntimeError, match="a claim fails on this platform: its ledger is not kept"
    ):
        platforms.main(["--devices", "1"])
    with pytest.raises(SystemExit):
        platforms.main(["--devices", "0"])
