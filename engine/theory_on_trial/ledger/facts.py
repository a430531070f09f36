"""Facts that identify a run: its platform, its repository, its date."""

import platform
import sys
import tomllib
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any


def platform_facts() -> dict[str, Any]:
    """Return the facts on which numbers depend: versions, precision, processor, and backend and
    devices if JAX was used.
    """
    facts: dict[str, Any] = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "jax", "jaxlib"):  # the last two are an extra
        with suppress(metadata.PackageNotFoundError):
            facts[name] = metadata.version(name)
    facts |= {"x64": True, "processor": _processor()}  # x64: as every trial runs
    if sys.modules.get("jax") is None:
        return facts | {"backend": None, "device": "none", "devices": 0}
    import jax

    device = jax.devices()[0].device_kind
    return facts | {
        "backend": jax.default_backend(),
        "device": device,
        "devices": jax.device_count(),
    }


def engine_version() -> str:
    """Return the version of the engine."""
    return metadata.version("theory-on-trial")


def now() -> str:
    """Return date and time in UTC, to the second, in the form of ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def repository_name(folder: Path) -> str:
    """Return the name of a repository in its pyproject.toml, or else the name of its folder."""
    with suppress(OSError, tomllib.TOMLDecodeError, KeyError, TypeError):
        contents = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        return str(contents["project"]["name"])
    return folder.absolute().name


def _processor() -> str:
    """The name of the processor, or of its architecture if the system does not tell."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
