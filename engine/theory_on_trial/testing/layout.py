"""Small repositories to try the engine on."""

from collections.abc import Mapping
from pathlib import Path


def lay_out(folder: Path, files: Mapping[str, str]) -> None:
    """Write the text of files by their paths from a folder, with the folders on the way."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
