"""Finished chunks on disk: each one a file that is there completely or not at all, in a folder per
simulation.
"""

import contextlib
import hashlib
import inspect
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from theory_on_trial.contract import require
from theory_on_trial.repository.source import digest_of

Rows = Shaped[np.ndarray, "..."]
_DAY = 24 * 3600.0


def source_digest(simulator: Callable[..., Any]) -> str:
    """Return the digest of all source that a simulator may run, installed libraries apart.

    That is its own module and whatever this imports, directly or not, from its repository and from
    this package (see `repository.source`). An edit in any of these files that may compute something
    else gives another digest, and finished chunks no longer count.

    Raises ValueError for a function whose source does not say what it computes: one without a file
    (typed into an interpreter or a notebook) and one with values bound to it (a closure, a
    partial).
    """
    function = inspect.unwrap(simulator)
    module = sys.modules.get(getattr(function, "__module__", ""))
    if (
        module is None
        or getattr(module, "__file__", None) is None
        or not inspect.isfunction(function)
    ):
        raise ValueError(f"cache needs a simulator that is a function in a file, got {simulator!r}")
    bound = function.__closure__
    require(
        not bound,
        f"cache needs a simulator without bound values (static= takes them), got {simulator!r}",
    )
    file = Path(str(module.__file__)).absolute()
    # `python -m name` calls it __main__, and so does `python name.py`, which knows no other name.
    name = file.stem if module.__name__ == "__main__" else module.__name__
    return digest_of([(name if module.__spec__ is None else module.__spec__.name, file)])


class ChunkStore:
    """The chunks of one simulation, in a folder named after it and its digest; ValueError if that
    is not writable.
    """

    def __init__(self, cache: str | os.PathLike[str], name: str, identity: Mapping[str, Any]):
        text = json.dumps(identity, indent=1, sort_keys=True)
        self.folder = (
            Path(cache).expanduser() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / "identity.json").exists():
                _write_atomically(self.folder / "identity.json", text.encode())
        except OSError as error:
            reason = f"got {self.folder.parent} ({error.strerror or error})"
            raise ValueError(f"cache must be a folder that can be written to, {reason}") from error
        for orphan in self.folder.glob(
            "*.tmp"
        ):  # of a writer that was killed; a living one needs seconds
            with contextlib.suppress(OSError):
                if orphan.stat().st_mtime < time.time() - _DAY:
                    orphan.unlink()

    def save(self, labels: Mapping[str, Rows], outputs: Mapping[str, Rows]) -> None:
        """Keep a chunk: the labels of its cells and their outputs, arrays of one length; all or
        nothing.
        """
        cells = hashlib.sha256(
            b"".join(column.tobytes() for column in labels.values())
        ).hexdigest()[:32]
        arrays: dict[str, Any] = {f"label/{name}": column for name, column in labels.items()}
        payload = io.BytesIO()
        np.savez(payload, **arrays | {f"output/{name}": rows for name, rows in outputs.items()})
        digest = hashlib.sha256(payload.getbuffer()).digest()
        _write_atomically(self.folder / f"{cells}.chunk", digest + payload.getbuffer())

    def chunks(self) -> Iterator[tuple[dict[str, Rows], dict[str, Rows]]]:
        """Yield the labels and the outputs of every chunk that is neither damaged nor
        unreadable.
        """
        for path in sorted(self.folder.glob("*.chunk")):
            content = b""
            with contextlib.suppress(OSError):
                content = path.read_bytes()
            if hashlib.sha256(content[32:]).digest() == content[:32]:
                with np.load(io.BytesIO(content[32:]), allow_pickle=False) as arrays:
                    labels = {
                        name[6:]: arrays[name] for name in arrays if name.startswith("label/")
                    }
                    yield (
                        labels,
                        {name[7:]: arrays[name] for name in arrays if name.startswith("output/")},
                    )


def _write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a kill, or the loss of power, leaves the old one or the new one and
    never a part.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
