"""Files that are never half-written: a draft beside the name is moved into place."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotWritten(ValueError):
    """A file could not be written; its old contents are unchanged. The message is one sentence."""


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yield the name of a draft with the suffix of `path`, which becomes `path` at the end.

    Nothing changes if the body raises. Raises `NotWritten` for a disk that is full, a folder that
    is gone or closed, and whatever else the system refuses.
    """
    draft = path.with_name(f".{path.stem}.{os.getpid()}.unfinished{path.suffix}")
    try:
        try:
            yield draft
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise NotWritten(f"{path} cannot be written: {reason}") from error


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all; raises `NotWritten`, with a sentence."""
    with beside(path) as draft:
        draft.write_text(text, encoding="utf-8")
