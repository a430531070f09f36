"""The ledger as a file: all rows as JSON, with the platform that they were made on."""

import json
import math
import platform
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from theory_on_trial.base.files import write_text
from theory_on_trial.ledger.journal import SCHEMA
from theory_on_trial.ledger.rows import Row


def platform_facts() -> dict[str, Any]:
    """Return what the numbers depend on: versions, precision, and backend and devices if JAX was
    needed.
    """
    facts = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "x64": True,
    }  # as every trial runs
    for name in ("jax", "jaxlib"):  # an extra
        with suppress(metadata.PackageNotFoundError):
            facts[name] = metadata.version(name)
    if sys.modules.get("jax") is None:
        return facts | {"backend": None, "device": "none", "devices": 0}
    import jax

    device = jax.devices()[0].device_kind
    return facts | {
        "backend": jax.default_backend(),
        "device": device,
        "devices": jax.device_count(),
    }


def write_json(
    path: Path,
    rows: Iterable[Row],
    not_run: Sequence[dict[str, str]],
    deselected: Sequence[str],
    seed: int,
    tier: str,
    *,
    commit: str | None = None,
    settings: Sequence[str] = (),
    interrupted: bool = False,
) -> None:
    """Write the whole ledger as one JSON object, without NaN.

    `deselected` are the ids that -k or -m left out, `commit` that of the repository (`+` where
    files differ from it), `settings` what `--trial-set` gave. Raises `NotWritten`, with a sentence,
    where the file cannot be written; what it held before stands.
    """
    ledger = {
        "schema": SCHEMA,
        "seed": seed,
        "tier": tier,
        "commit": commit,
        **({"settings": list(settings)} if settings else {}),
        **({"interrupted": True} if interrupted else {}),
        "platform": platform_facts(),
        "claims": [strict(asdict(row)) for row in rows],
        "not_run": list(not_run),
        "deselected": list(deselected),
    }
    write_text(path, json.dumps(ledger, indent=1, allow_nan=False) + "\n")


def strict(value: Any) -> Any:
    """What JSON can say: a number that is not finite, as the distance of a control beyond all
    sizes, becomes None.
    """
    if isinstance(value, dict):
        return {name: strict(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [strict(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
