"""Does the fast ledger say the same everywhere? `python -m theory_on_trial.audits.platforms --devices 4` records it here.

The ledger is kept in docs/trust/ledgers, with the platform in the name of its file; on a CPU, `--devices` splits the
machine into so many devices. All ledgers kept are compared with the first of them, and docs/trust/platforms.json says
how they differ, for the report. Without an option only this table is written.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theory_on_trial.compare import compare

ROOT = Path(__file__).parents[1]
TRUST = ROOT / "docs" / "trust"
LEDGERS = TRUST / "ledgers"
COLUMNS = (
    *("ledger", "rows", "as expected", "controls not refuted", "verdicts changed"),
    *("predictions changed", "intervals apart", "rows added or gone"),
)


def ledger_name(facts: Mapping[str, Any]) -> str:
    """The name of a ledger's file, from the `platform` in it: versions of JAX and Python, device, how many of them."""
    version = ".".join(facts["python"].split(".")[:2])
    device = re.sub(r"[^a-z0-9]+", "-", facts["device"].lower())
    return f"jax-{facts['jax']}_python-{version}_{device}-x{facts['devices']}.json"


def record(devices: int, folder: Path = LEDGERS) -> Path:
    """Run the fast tier on this platform, on so many devices, and keep its ledger; return its file.

    Raises RuntimeError if a claim fails: there is nothing to compare then.
    """
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / "ledger.json"
        command = [sys.executable, "-m", "pytest", "-q", str(ROOT / "paper_checks"), "--ledger", str(written)]
        if subprocess.run(command, cwd=ROOT, env=os.environ | {"XLA_FLAGS": flags}, check=False).returncode:
            raise RuntimeError("a claim fails on this platform: its ledger is not kept")
        ledger = json.loads(written.read_text(encoding="utf-8"))
        kept = folder / ledger_name(ledger["platform"])
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(ledger, allow_nan=False) + "\n", encoding="utf-8")
    return kept


def table(folder: Path = LEDGERS) -> dict[str, Any]:
    """Every ledger kept, beside the first in the order of their names; raises ValueError where there is none."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ValueError(f"{folder} must hold a ledger, got none: record one with --devices 1")
    rows = []
    for path in paths:
        found = compare(paths[0], path)
        claims = json.loads(path.read_text(encoding="utf-8"))["claims"]
        # The controls of a printed form are those of the corrected claim, and belong to that.
        controls = [c for row in claims if not row["id"].endswith("-as-printed") for c in row["controls"]]
        rows.append(
            [
                path.stem,
                len(claims),
                sum(row["verdict"] == row["expected"] for row in claims),
                sum(control["verdict"] != "REFUTED" for control in controls),
                *(len(sort) for sort in (found.verdicts, found.predicted, found.apart, [*found.added, *found.gone])),
            ]
        )
    return {
        "title": "The fast ledger on several platforms",
        "command": "python -m theory_on_trial.audits.platforms",
        "columns": list(COLUMNS),
        "rows": rows,
        "note": f"Each ledger beside {paths[0].stem}; `theory-on-trial compare A.json B.json` names the rows.",
    }


def main(arguments: list[str] | None = None) -> int:
    """Record a ledger if devices are given, and write and print the table; 1 if any ledger differs in a verdict."""
    parser = argparse.ArgumentParser(
        prog="python -m theory_on_trial.audits.platforms", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--devices", type=int, help="record the ledger of this platform, split into so many devices")
    options = parser.parse_args(arguments)
    if options.devices is not None:
        if options.devices < 1:
            parser.error(f"--devices must be at least 1, got {options.devices}")
        print(record(options.devices))
    result = table()
    (TRUST / "platforms.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for row in result["rows"]:
        print(", ".join(f"{title} {entry}" for title, entry in zip(COLUMNS, row, strict=True)))
    return int(any(row[1] != row[2] or any(row[3:6]) for row in result["rows"]))


if __name__ == "__main__":
    sys.exit(main())
