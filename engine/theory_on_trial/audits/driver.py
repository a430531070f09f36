"""How every audit of a table runs: its parts are chosen, measured, and kept in the records as each
of them ends.

An audit says what its parts are (claims or papers), how the lines of one come about, what they rest
on, and its sentence; `Audit.main` is its command. A part whose lines are on record for the present
source is not measured again, so that an interrupted run goes on where it stopped.
"""

import inspect
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from theory_on_trial import repository
from theory_on_trial.explore.attempt import begin
from theory_on_trial.explore.processes import file_of
from theory_on_trial.repository import outline, records
from theory_on_trial.trial.registry import Claim, claim, claims

# OpenBLAS reads it once, when it is loaded: processes share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

Row = dict[str, Any]
"""A line of a table, by the titles of its columns."""
Line = tuple[list[Any], dict[str, Any] | None]
"""A line of a table, and the source that it was measured on."""
Measured = tuple[list[list[Any]], list[str]]
"""The lines of one part, and sentences for whoever watches."""


def subjects_in(paper: str | None = None, tier: str = "fast") -> list[Claim]:
    """Return the claims of a tier, of a paper or of all, whose settings all have a value: those an
    audit can run.
    """
    subjects = [
        subject for subject in claims(paper) if subject.tier == tier and not subject.published_form
    ]
    return [
        subject for subject in subjects if inspect.Parameter.empty not in subject.settings.values()
    ]


def ids(tier: str = "fast") -> list[str]:
    """Return the ids of the claims of a tier that an audit can run."""
    return [subject.id for subject in subjects_in(tier=tier)]


def source_of(claim_id: str) -> dict[str, Any]:
    """Return what the verdicts of a claim rest on: the module of its check, with all that it
    imports.
    """
    return records.source(repository.root(), file_of(claim(claim_id)))


def _no_complaint(row: Row) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the records.

    Attributes:
        name: of the file, and of the audit's command, with hyphens, unless that is given.
        title: of the table.
        columns: titles; the first one is the part that a line is of.
        note: the sentence under the table.
        parts: what there is to measure in the present repository, in the order of the table.
        command: the audit's name on the command line.
    """

    name: str
    title: str
    columns: Sequence[str]
    note: Callable[[list[Row]], str]
    parts: Callable[[], list[str]] = ids
    command: str = ""

    @property
    def typed(self) -> str:
        """What is typed to run it."""
        return f"theory-on-trial audit {self.command or self.name.replace('_', '-')}"

    @property
    def path(self) -> Path:
        """The file of its record in the present repository."""
        return repository.records_folder() / f"{self.name}.json"

    def on_record(self) -> dict[str, list[Line]]:
        """Return the lines on record, by their parts."""
        table = records.read(self.path)
        lines = dict[str, list[Line]]()
        if table.get("columns") == list(self.columns):
            for row, source in zip(table["rows"], table["sources"], strict=True):
                lines.setdefault(row[0], []).append((row, source))
        return lines

    def write(self, lines: dict[str, list[Line]]) -> list[Row]:
        """Write the table of all parts that there still are; return its lines."""
        pairs = [line for part in self.parts() for line in lines.get(part, [])]
        rows = [dict(zip(self.columns, row, strict=True)) for row, _ in pairs]
        table = {
            "title": self.title,
            "command": self.typed,
            "columns": list(self.columns),
            "rows": [row for row, _ in pairs],
            "sources": [source for _, source in pairs],
            "note": self.note(rows),
        }
        records.write(self.path, table)
        return rows

    def chosen(self, names: Sequence[str]) -> list[str]:
        """Return the parts that are named, or whose paper is; all without a name. ValueError for a
        name of nothing.
        """
        parts = self.parts()
        selection = []
        for name in names:
            prefix = outline.normal(name)
            matches = [
                part for part in parts if f"{outline.normal(part)}.".startswith(f"{prefix}.")
            ]
            if not matches:
                papers = ", ".join(dict.fromkeys(part.partition(".")[0] for part in parts))
                raise ValueError(f"nothing of {name!r} is measured; there are {papers or 'none'}")
            selection += matches
        return [part for part in parts if part in selection or not names]


@dataclass(frozen=True, kw_only=True)
class Audit(Table):
    """A table and how its lines come about.

    Attributes:
        measure: the lines of one part, under the options of the command.
        source: what the lines of a part rest on.
        complaint: what is against a line, "" if nothing; any complaint makes the exit status 1.
        selects: what a user may name, for the help.
        options: adds the audit's own options.
        workers: processes unless told otherwise; 0 for as many as there are cores, None where all
            runs in this one.
        reuse: whether lines of the present source stay.
    """

    measure: Callable[[str, Namespace], Measured]
    source: Callable[[str], dict[str, Any] | None] = source_of
    complaint: Callable[[Row], str] = _no_complaint
    selects: str = "PAPER | CLAIM"
    options: Callable[[ArgumentParser], Any] = lambda parser: None
    workers: int | None = 0
    reuse: bool = True

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Measure what was asked for and is not on record, and write the table; 1 if a line has a
        complaint.
        """
        from tqdm.auto import tqdm

        parser = ArgumentParser(prog=self.typed, description=self.title)
        parser.add_argument("selection", nargs="*", metavar=self.selects, help="default: all")
        if self.reuse:
            parser.add_argument(
                "--again", action="store_true", help="measure what is on record for this source too"
            )
        if self.workers is not None:
            cores = self.workers or os.cpu_count() or 1
            parser.add_argument(
                "--workers", type=int, default=cores, help="processes (default %(default)s)"
            )
        self.options(parser)
        options = parser.parse_args(arguments)
        given = {name: value for name, value in vars(options).items() if type(value) is int}
        if wrong := [
            f"--{name} must be at least 1, got {value}"
            for name, value in given.items()
            if value < 1
        ]:
            parser.error(wrong[0])
        try:
            chosen = self.chosen(options.selection)
        except ValueError as error:
            parser.error(str(error))
        if not chosen:
            print("there is nothing to measure in this repository")
            return 0
        sources = {part: self.source(part) for part in chosen}
        lines = self.on_record()
        fresh = {
            part
            for part in chosen
            if lines.get(part) and all(source == sources[part] for _, source in lines[part])
        }
        missing = [part for part in chosen if not self.reuse or options.again or part not in fresh]
        try:
            with tqdm(total=len(missing), unit="part", file=sys.stderr) as bar:
                for part, (measured, said) in self._measured(missing, options):
                    lines[part] = [(row, sources[part]) for row in measured]
                    self.write(lines)
                    for sentence in said:
                        tqdm.write(sentence)
                    bar.set_postfix_str(part)
                    bar.update()
        except KeyboardInterrupt:
            print("stopped: the other lines stay as they were", file=sys.stderr)
        rows = self.write(lines)
        complaints = [
            sentence
            for row in rows
            if row[self.columns[0]] in chosen and (sentence := self.complaint(row))
        ]
        print(self.note(rows), *complaints, sep="\n")
        return int(bool(complaints))

    def _measured(self, parts: Sequence[str], options: Namespace) -> Iterator[tuple[str, Measured]]:
        """Yield the parts as they end."""
        workers = min(getattr(options, "workers", 1), len(parts))
        if workers <= 1:
            yield from ((part, self.measure(part, options)) for part in parts)
            return
        with ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=begin
        ) as pool:
            try:
                running = {pool.submit(self.measure, part, options): part for part in parts}
                for future in as_completed(running):
                    yield running[future], future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
