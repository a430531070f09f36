"""The cache of compiled programs, and of the sweeps of figures."""

import contextlib
import hashlib
import os
import platform
import stat
import warnings
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the folder of the workbench's caches, created for the user alone (mode 0700) if it is
    not there.

    It is the one that the environment variable THEORY_ON_TRIAL_CACHE names, or else the platform's
    place for a user's caches. Compiled programs are code: nobody else may be able to write here.
    Raises `OSError` where it cannot be made, and where it is another user's or all may write to it.
    """
    setting = os.environ.get("THEORY_ON_TRIAL_CACHE")
    folder = (
        Path(setting).expanduser().absolute()
        if setting
        else platformdirs.user_cache_path("theory-on-trial")
    )
    return _private(folder)


def _private(folder: Path) -> Path:
    """Return a folder of the user alone, which is made if it is not there; raise `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.stat()
    if hasattr(os, "getuid") and about.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user, who could put programs into it")
    if os.name == "posix" and about.st_mode & stat.S_IWOTH:
        raise PermissionError(f"all users may write to {folder}, and could put programs into it")
    return folder


def enable_compilation_cache() -> None:
    """Have JAX keep every compiled program in `cache_folder()`, for this process and later ones.

    It does nothing if a folder is set already, by JAX's own configuration or by its environment
    variable. Where `cache_folder()` raises, it warns once, and nothing is kept.
    """
    import jax

    if jax.config.jax_compilation_cache_dir is not None:  # type: ignore[attr-defined]
        return
    try:
        # a program compiled for one kind of processor may hold instructions that another lacks
        folder = _private(cache_folder() / f"compiled-{platform.machine()}-{_features()}")
    except OSError as error:
        warnings.warn(
            f"compiled programs are not kept ({error}): set THEORY_ON_TRIAL_CACHE", stacklevel=2
        )
        jax.config.update("jax_compilation_cache_dir", "")
        return
    use_compilation_cache(str(folder))


def use_compilation_cache(folder: str | None) -> None:
    """Let JAX keep every compiled program in that folder, however small, unless it keeps them
    already.
    """
    import jax

    if folder and jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _features() -> str:
    text = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        text = next((line for line in lines if line.startswith(("flags", "Features"))), text)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
