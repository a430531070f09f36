"""Finished chunks on disk, in a folder per simulation: the file of a chunk is complete or does not
exist.
"""

import contextlib
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

Rows = Shaped[np.ndarray, "..."]


class ChunkStore:
    """The chunks of one simulation, in a folder named after it and its digest; ValueError if that
    is not writable.

    A file is the SHA-256 of its other bytes and an npz archive, which is read without pickles: a
    folder from elsewhere can hold wrong numbers, and no code.
    """

    def __init__(self, cache: str | os.PathLike[str], name: str, identity: Mapping[str, Any]):
        text = json.dumps(identity, indent=1, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.folder = Path(cache).expanduser() / f"{name}-{digest}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / "identity.json").exists():
                _write_atomically(self.folder / "identity.json", text.encode())
        except OSError as error:
            reason = f"got {self.folder.parent} ({error.strerror or error})"
            raise ValueError(f"cache must be a folder that can be written to, {reason}") from error

    def save(self, labels: Mapping[str, Rows], outputs: Mapping[str, Rows]) -> None:
        """Keep a chunk: the labels of its cells and their outputs, arrays of one length; all or
        nothing.
        """
        content = b"".join(column.tobytes() for column in labels.values())
        name = hashlib.sha256(content).hexdigest()[:32]
        arrays: dict[str, Any] = {f"label/{name}": column for name, column in labels.items()}
        payload = io.BytesIO()
        np.savez(payload, **arrays | {f"output/{name}": rows for name, rows in outputs.items()})
        digest = hashlib.sha256(payload.getbuffer()).digest()
        _write_atomically(self.folder / f"{name}.chunk", digest + payload.getbuffer())

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
                    kinds: dict[str, dict[str, Rows]] = {"label": {}, "output": {}}
                    for name in arrays:
                        kind, _, rest = name.partition("/")
                        kinds[kind][rest] = arrays[name]
                    yield kinds["label"], kinds["output"]


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
