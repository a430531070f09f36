"""A ledger written for readers: a page or a table, by the suffix of the file's name."""

from dataclasses import replace
from pathlib import Path

from theory_on_trial.formula.marks import plain
from theory_on_trial.ledger import Ledger
from theory_on_trial.repository import outline

SUFFIXES = (".html", ".tex", ".md", ".csv")


def checked_suffix(path: Path) -> str:
    """Return the suffix of a report's name; raise `ValueError` for one that no report has."""
    if path.suffix not in SUFFIXES:
        raise ValueError(f"must end in {', '.join(SUFFIXES)}, got {path}")
    return path.suffix


def write_report(path: Path, ledger: Ledger, folder: Path) -> None:
    """Write a ledger as one HTML page, or as a table in LaTeX (with its `.bib` beside it), Markdown
    or CSV.

    The claims live in the repository at `folder`. A statement that the ledger holds without marks
    gets those of its source, if it has the same words there. Raises `ValueError` for another
    suffix, and `NotWritten` where a file cannot be written.
    """
    suffix = checked_suffix(path)
    ledger = _marked(ledger, folder)
    if suffix == ".html":
        from theory_on_trial.page.report import write_html

        write_html(path, ledger, folder)
        return
    from theory_on_trial.page import formats

    papers = dict.fromkeys(row.paper for row in ledger.claims)
    titles = {paper: outline.title(paper, folder) for paper in papers}
    formats.write(path, formats.table_of(ledger, suffix.removeprefix("."), titles))


def _marked(ledger: Ledger, folder: Path) -> Ledger:
    """Return a ledger whose statements have the marks of the sources that say the same words."""
    sources = {claim.id: claim.statement for claim in outline.stated(folder)}
    stated = (sources.get(row.id.partition("[")[0], "") for row in ledger.claims)
    claims = [
        replace(row, statement=source) if plain(source) == row.statement else row
        for row, source in zip(ledger.claims, stated, strict=True)
    ]
    return replace(ledger, claims=claims)
