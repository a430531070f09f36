"""Measured tables of a repository, in its folder `records`: written by the audits, read by the
report.

A table is a JSON object with `title`, `columns`, `rows` and perhaps `note`, the `command` that
makes it, the `commit` at which it was made (`+` where the files differed from it, null without
git), and `sources`: for each row null, or what the row was measured on,
`{"of": [paths from the root], "digest": …, "rules": …}`: the digest of that source and of what it
reaches of this engine. A row is stale where one of them has changed (`repository.digest`). Tables
are renewed by `theory-on-trial audit`, not with every edit.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from theory_on_trial import repository
from theory_on_trial.repository.digest import digest

Known = dict[
    tuple[str, ...], dict[str, Any]
]  # present sources by their files, empty where one is gone


def tables(folder: Path) -> list[dict[str, Any]]:
    """Return the tables in a folder's JSON files, by file name; their notes say how many rows are
    up to date.
    """
    listing = list(tables_by_file(folder).values())
    known = Known()
    for table in listing:
        if sentence := staleness(table, folder.parent, known) or freshness(
            table, folder.parent, known
        ):
            table["note"] = " ".join(filter(None, [table.get("note"), sentence]))
    return listing


def tables_by_file(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the tables in a folder's JSON files as they are written, by the names of the files."""
    contents = {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }
    keys = {"title", "columns", "rows"}
    return {
        name: table
        for name, table in contents.items()
        if isinstance(table, dict) and keys <= set(table)
    }


def read(path: Path) -> dict[str, Any]:
    """Return the table in a file, an empty one where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, table: dict[str, Any]) -> None:
    """Write a table with the present commit, whole or not at all; SystemExit, with a sentence,
    where that fails.
    """
    write_json(path, {**table, "commit": commit(repository.root(path.parent))}, ("rows", "sources"))


def write_json(path: Path, content: dict[str, Any], lists: tuple[str, ...]) -> None:
    """Write a JSON object with a line for each entry of the named lists, so that little changes
    with one of them.
    """
    parts = []
    for name, value in content.items():
        lines = ",\n  ".join(map(_json, value)) if name in lists else ""
        parts.append(f" {_json(name)}: " + (f"[\n  {lines}\n ]" if lines else _json(value)))
    write_text(path, "{\n" + ",\n".join(parts) + "\n}\n")


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all; raises SystemExit, with a sentence, where it cannot be
    written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.unfinished")  # of this process alone
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise SystemExit(
            f"what was found cannot be kept in {path} ({error.strerror}): what it holds already "
            "counts"
        ) from None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def commit(folder: Path) -> str | None:
    """Return the commit of a repository, with `+` where files other than its records differ; None
    without any.
    """
    head = _git(folder, "rev-parse", "HEAD")
    # A record that was renewed a moment ago must not mark the next one.
    differs = head and _git(folder, "status", "--porcelain", "--", ".", ":(exclude)records")
    return f"{head}{'+' * bool(differs)}" if head else None


def _git(folder: Path, *command: str) -> str:
    try:
        process = subprocess.run(
            ["git", "-C", str(folder), *command], capture_output=True, text=True, check=False
        )
    except OSError:  # there is no git
        return ""
    return process.stdout.strip() if process.returncode == 0 else ""


def source(folder: Path, *places: Path) -> dict[str, Any]:
    """Return what a row is measured on: files, or all Python files of folders, and the digest with
    their imports.
    """
    names = sorted(
        {Path(os.path.relpath(place.resolve(), folder.resolve())).as_posix() for place in places}
    )
    own, rules = digest(*(folder / name for name in names))
    return {"of": names, "digest": own[:16], "rules": rules[:16]}


def stale(table: dict[str, Any], folder: Path, known: Known | None = None) -> list[bool]:
    """Return, for each row of a table, whether what it was measured on has changed since in the
    repository `folder`.
    """
    return [bool(names) for names in _changed(table, folder, known)]


def staleness(table: dict[str, Any], folder: Path, known: Known | None = None) -> str:
    """Return the sentence that says how much of a table is stale and by what, "" if nothing is."""
    changes = [parts for parts in _changed(table, folder, known) if parts]
    again = f"; `{table['command']}` measures again" if "command" in table else ""
    by_rules = sum(parts == {"rules"} for parts in changes)
    of_them = (
        f" ({'all' if by_rules == len(changes) else by_rules} by the engine's rules alone)"
        if by_rules
        else ""
    )
    return (
        f"Stale: {len(changes)} of {len(table['rows'])} lines are of an earlier "
        f"source{of_them}{again}." * bool(changes)
    )


def freshness(table: dict[str, Any], folder: Path, known: Known | None = None) -> str:
    """Return how many lines of a table are of the present source, "" for a table that names no
    source.
    """
    if not any(table.get("sources", [])):
        return ""
    number = sum(not parts for parts in _changed(table, folder, known))
    lines = len(table["rows"])
    return f"{number} of {lines} lines are of the present source."


def _changed(table: dict[str, Any], folder: Path, known: Known | None = None) -> list[set[str]]:
    """Return for each row which of its source's entries are others now; `of` where a file is
    gone.
    """
    present = Known() if known is None else known
    changes = list[set[str]]()
    for entry in table.get("sources", [None] * len(table["rows"])):
        of = tuple(entry["of"]) if entry else ()
        if of not in present:
            try:
                present[of] = source(folder, *(folder / name for name in of)) if entry else {}
            except FileNotFoundError:
                present[of] = {}
        now = present[of]
        changes.append(
            {name for name in now if now[name] != entry.get(name)} if now or not entry else {"of"}
        )
    return changes
