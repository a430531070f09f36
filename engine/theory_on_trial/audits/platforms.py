"""Does the fast ledger say the same everywhere? `theory-on-trial audit platforms --devices 4`
records it here.

The ledger is kept in the folder `ledgers` of the records, with the platform in the name of its
file; on a CPU, `--devices` splits the machine into so many devices. Without it those of this
platform are recorded again that are of an earlier source. All ledgers kept are compared with the
first of them, and the table `platforms.json` says how they differ.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from theory_on_trial import repository
from theory_on_trial.audits.driver import Line, Table
from theory_on_trial.ledger import platform_facts
from theory_on_trial.page.compare import compare
from theory_on_trial.repository import outline, records

COLUMNS = (
    *("ledger", "rows", "as expected", "controls not refuted", "verdicts changed"),
    *("predictions changed", "intervals apart", "weaker", "rows added or gone"),
)
KEPT = (
    *("id", "kind", "expected", "verdict", "predicted", "measured", "interval", "margin"),
    *("error_probability", "guarantee", "resolution", "detects"),
)
"""The fields of a row that are compared, or that the site shows beside a claim."""


def ledger_name(facts: Mapping[str, Any]) -> str:
    """The name of a ledger's file, from the `platform` in it: versions of JAX and Python, device,
    how many of them.
    """
    version = ".".join(facts["python"].split(".")[:2])
    device = re.sub(r"[^a-z0-9]+", "-", facts["device"].lower())
    return f"jax-{facts['jax']}_python-{version}_{device}-x{facts['devices']}.json"


def condensed(ledger: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a ledger what `theory-on-trial compare` looks at and the site shows: a quarter of
    it.
    """
    facts = {name: ledger[name] for name in ("schema", "seed", "tier", "platform")}
    return facts | {"claims": [_condensed_row(row) for row in ledger["claims"]]}


def _condensed_row(row: Mapping[str, Any]) -> dict[str, Any]:
    # Of a long vector the row shows one coordinate, and which one is in the note.
    notes = [part for part in row["note"].split("; ") if part.startswith("coordinate [")]
    # The controls of a published form are those of the corrected claim, and belong to that.
    controls = [] if row["id"].endswith("-as-published") else row["controls"]
    survivors = [control["name"] for control in controls if control["verdict"] != "REFUTED"]
    return {name: row[name] for name in KEPT} | {"note": "; ".join(notes), "survivors": survivors}


def record(devices: int, folder: Path) -> Path:
    """Keep the fast tier's ledger on so many devices in a folder; return its file. RuntimeError if
    a claim fails.
    """
    root = repository.root()
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    with tempfile.TemporaryDirectory() as scratch:
        ledger_path = Path(scratch) / "ledger.json"
        claims = [place for paper in outline.papers() for place in outline.places(paper)]
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            *map(str, claims),
            "--trial-ledger",
            str(ledger_path),
        ]
        if subprocess.run(
            command, cwd=root, env=os.environ | {"XLA_FLAGS": flags}, check=False
        ).returncode:
            raise RuntimeError("a claim fails on this platform: its ledger is not kept")
        ledger = json.loads(ledger_path.read_text(encoding="utf-8"))
    measured_on = {"commit": records.commit(root), "source": records.source(root, *claims)}
    file = folder / ledger_name(ledger["platform"])
    records.write_json(file, condensed(ledger) | measured_on, ("claims",))
    return file


def to_renew(folder: Path) -> list[int]:
    """The numbers of devices of the ledgers of this platform that are of an earlier source; of one
    if there is none.
    """
    root = repository.root()
    here = platform_facts()
    ledgers = {path: records.read(path) for path in sorted(folder.glob("*.json"))}
    return [
        ledger["platform"]["devices"]
        for path, ledger in ledgers.items()
        if path.name == ledger_name(here | {"devices": ledger["platform"]["devices"]})
        and any(records.stale({"rows": [None], "sources": [ledger["source"]]}, root))
    ] or [1] * (not ledgers)


def lines(folder: Path) -> dict[str, list[Line]]:
    """Every ledger kept, beside the first in the order of their names."""
    paths = sorted(folder.glob("*.json"))
    table = dict[str, list[Line]]()
    for path in paths:
        differing = compare(paths[0], path)
        ledger = records.read(path)
        claims = ledger["claims"]
        row = [
            path.stem,
            len(claims),
            sum(row["verdict"] == row["expected"] for row in claims),
            sum(len(row["survivors"]) for row in claims),
            *(
                len(sort)
                for sort in (
                    differing.verdicts,
                    differing.predicted,
                    differing.apart,
                    differing.weaker,
                )
            ),
            len(differing.added) + len(differing.gone),
        ]
        table[path.stem] = [(row, ledger["source"])]
    return table


def _folder() -> Path:
    return repository.records_folder() / "ledgers"


TABLE = Table(
    name="platforms",
    title="The fast ledger on several platforms",
    columns=COLUMNS,
    parts=lambda: [path.stem for path in sorted(_folder().glob("*.json"))],
    note=lambda rows: (
        f"Each ledger beside {rows[0]['ledger']}; `theory-on-trial compare A.json B.json` names "
        "the rows."
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Record a ledger if devices are given, and write and print the table; 1 if any ledger differs
    in a verdict.
    """
    parser = ArgumentParser(prog=TABLE.typed, description=TABLE.title)
    parser.add_argument(
        "--devices", type=int, help="record the ledger of this platform, split into so many devices"
    )
    options = parser.parse_args(arguments)
    if options.devices is not None and options.devices < 1:
        parser.error(f"--devices must be at least 1, got {options.devices}")
    if not outline.papers():
        parser.error(f"no test of {repository.root()} is a claim")
    for devices in to_renew(_folder()) if options.devices is None else [options.devices]:
        print(record(devices, _folder()), flush=True)
    rows = TABLE.write(lines(_folder()))
    for row in rows:
        print(", ".join(f"{title} {entry}" for title, entry in row.items()))
    return int(
        any(
            row["rows"] != row["as expected"] or any(row[title] for title in COLUMNS[3:7])
            for row in rows
        )
    )
