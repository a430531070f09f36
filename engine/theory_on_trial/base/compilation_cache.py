"""The cache of compiled programs, and of the sweeps of figures."""

import contextlib
import hashlib
import importlib
import os
import platform
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import jax
import platformdirs


def cache_folder() -> Path:
    """Return the folder of the workbench's caches, created for the user alone (mode 0700) if it is
    not there.

    It is the one that the environment variable THEORY_ON_TRIAL_CACHE names, or else the platform's
    place for a user's caches. Compiled programs are code: nobody else may be able to write here.
    Raises `OSError` where it cannot be made.
    """
    setting = os.environ.get("THEORY_ON_TRIAL_CACHE")
    folder = (
        Path(setting).expanduser().absolute()
        if setting
        else platformdirs.user_cache_path("theory-on-trial")
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def enable_compilation_cache() -> None:
    """Keep compiled programs in `cache_folder()`, for this process and the next, and remove the
    broken ones there.

    Call it before the first compilation. It does nothing if a folder is set already, by JAX's own
    configuration or by its environment variable. Where the folder cannot be made or written, it
    warns once, and nothing is kept.
    """
    if compilation_cache_in_use() is not None or _unusable:
        return
    try:
        folder = cache_folder() / f"compiled-{_processor()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        remove_broken_entries(folder)
    except OSError as error:
        _unusable.append(error)
        warnings.warn(
            f"compiled programs are not kept ({error}): set THEORY_ON_TRIAL_CACHE", stacklevel=2
        )
        return
    use_compilation_cache(str(folder))


def compilation_cache_in_use() -> str | None:
    """Return the folder in which JAX keeps compiled programs now, None if it keeps none."""
    folder: str | None = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    return folder


def use_compilation_cache(folder: str) -> None:
    """Keep every compiled program in `folder`, however small and quickly compiled, unless a folder
    is set already.
    """
    if compilation_cache_in_use() is None:
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def programs_asked_for() -> int:
    """Return how many programs this process has asked XLA for since the first call, compiled or
    kept on disk.
    """
    if not _asked:
        _asked.append(0)
        jax.monitoring.register_event_duration_secs_listener(_note)
    return _asked[0]


def _note(event: str, duration_secs: float, **_: Any) -> None:
    if event.endswith("jaxpr_to_mlir_module_duration"):
        _asked[0] += 1


_asked: list[int] = []
_unusable: list[OSError] = []


def remove_broken_entries(folder: str | os.PathLike[str]) -> list[Path]:
    """Remove the entries of a compilation cache that do not decompress, and return their paths.

    JAX writes entries in place: a process killed meanwhile leaves a part, which JAX warns of for
    ever and never replaces. (Removing what another process is just writing costs a compilation, no
    more.) Only entries written since the last call are looked at.
    """
    marker = Path(folder) / "checked"
    last_check = marker.stat().st_mtime_ns if marker.exists() else 0
    marker.touch(mode=0o600)
    broken = []
    for entry in Path(folder).glob("*-cache"):
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            if entry.stat().st_mtime_ns >= last_check and not _decompresses(entry.read_bytes()):
                entry.unlink()
                broken.append(entry)
    return broken


def _decompresses(content: bytes) -> bool:
    """Tell whether this is a whole zlib stream, or a whole zstd frame (what JAX writes where it
    finds that library).
    """
    if not content.startswith(b"\x28\xb5\x2f\xfd"):
        decompress = zlib.decompress
        error = zlib.error
    else:
        try:
            zstd: Any = importlib.import_module(
                "compression.zstd" if sys.version_info >= (3, 14) else "zstandard"
            )
        except ImportError:
            return True  # of another environment, where JAX finds it
        decompress = zstd.decompress
        error = zstd.ZstdError
    try:
        decompress(content)
    except error:
        return False
    return True


def _processor() -> str:
    """Name this kind of processor: a program compiled for one may hold instructions that another
    lacks.
    """
    features = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        features = next(
            (line for line in lines if line.startswith(("flags", "Features"))), features
        )
    return f"{platform.machine()}-{hashlib.sha256(features.encode()).hexdigest()[:8]}"
