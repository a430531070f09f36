"""The falsifier: for every bound of every paper, a search of its whole domain for a violation.

`theory-on-trial audit falsify [PAPER|CLAIM]` prints how tight each bound is and where, and keeps what it found in the
table `falsifier.json` of the records: what is recorded on the present source is not searched again, so that an
interrupted run resumes. The ledger shows the recorded ratio as a claim's tightness where its own instances are further
from the bound.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

from theory_on_trial import claims, repository
from theory_on_trial.audits.falsifier import INEQUALITIES, NOT_SEARCHED, Found, Inequality, record, search
from theory_on_trial.audits.falsifier.by_claim import STATEMENT, by_claim, search_claim
from theory_on_trial.ledger import paper_in
from theory_on_trial.repository import outline
from theory_on_trial.trial.registry import claim as claim_of
from theory_on_trial.trial.sides import marked


def load(paper: str | None = None) -> None:
    """Load the searches of a paper of the present repository, or of all: fills `INEQUALITIES` and `NOT_SEARCHED`."""
    for name in outline.papers() if paper is None else [paper]:
        searches = outline.beside(name, "searches.py")
        if searches.exists():
            repository.import_file(searches)


def inequalities(name: str | None = None) -> list[Inequality]:
    """Return the inequalities of a paper or of a claim, all of them without a name.

    Raises `ValueError` for a name under which none is stated, with the reason if there is one.
    """
    load()
    wanted = None if name is None else outline.normal(name)
    papers = [one for one in outline.papers() if name is None or f"{wanted}.".startswith(f"{outline.normal(one)}.")]
    every = [*INEQUALITIES, *(one for paper in papers for one in on_one_page(paper))]
    found = [one for one in every if name is None or outline.normal(one.claim) == wanted or _is_of(one.claim, name)]
    if not found and name is not None:
        reason = next((why for claim, why in NOT_SEARCHED.items() if outline.normal(claim) == wanted), None)
        known = ", ".join(dict.fromkeys(one.claim for one in INEQUALITIES)) or "none"
        raise ValueError(
            f"{name} is not searched: {reason}" if reason else f"no inequality of {name!r}; known: {known}"
        )
    return found


def falsify(claim: str, *, seed: int = 0) -> list[Found]:
    """Search the inequalities of a claim, or of a paper, for violations and for their tightest instances.

    Raises `ValueError` for a claim that states no inequality or is not searched.
    """
    return [_searched(inequality, seed) for inequality in inequalities(claim)]


def on_one_page(paper: str) -> list[Inequality]:
    """Return the bounds of a paper on one page, whose searches are drawn from the claims' own domains."""
    if not any(map(marked, outline.files(paper))):
        return []
    return [by_claim(one) for one in claims(paper) if one.kind == "bound" and not one.printed_form]


def _searched(inequality: Inequality, seed: int = 0) -> Found:
    if inequality.statement == STATEMENT:
        return search_claim(claim_of(inequality.claim), inequality, seed)
    return search(inequality, seed)


def unsearched(paper: str) -> list[str]:
    """Return a sentence for each bound of a paper that is not searched, and for each search of no claim.

    Raises `ValueError` for an unknown paper.
    """
    own, known = _own(paper), {one.id: one for one in claims(paper)}
    searches = outline.beside(paper, "searches.py").relative_to(repository.root())
    stated = {one.claim for one in own} | {claim for claim in NOT_SEARCHED if _is_of(claim, paper)}
    return [
        f"{one.id} states a bound: {searches} must search it, or say in NOT_SEARCHED why not"
        for one in known.values()
        if one.kind == "bound" and one.id not in stated
    ] + [f"{searches} speaks of {claim}, and there is no such claim" for claim in sorted(stated - set(known))]


def unexpected(paper: str) -> list[str]:
    """Return a sentence for each search of a paper that ends otherwise than it should.

    What is on record for the present source is not searched again; nothing is recorded. Raises `ValueError` for an
    unknown paper.
    """
    known, found = record.read(repository.records_folder()), []
    for inequality in _own(paper):
        row, source = known.get((inequality.claim, inequality.statement), ([], None))
        if source != record.source_of(inequality, repository.root()):
            row = record.row_of(_searched(inequality))
        if record.is_unexpected(row):
            found.append(f"{inequality.claim}: {inequality.statement} is {_said(row)}, at {row[4]}")
    return found


def _said(row: list[Any]) -> str:
    return "violated" if row[3] == "VIOLATED" else "not violated as it should be"


def _own(paper: str) -> list[Inequality]:
    load(paper)
    return [one for one in INEQUALITIES if _is_of(one.claim, paper)] or on_one_page(paper)


def _is_of(claim: str, paper: str) -> bool:
    return outline.normal(paper_in(claim)) == outline.normal(paper)


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, record, and print the table; the exit status is 1 if a violation is not the expected one."""
    parser = argparse.ArgumentParser(prog="theory-on-trial audit falsify", description="How tight are the bounds?")
    parser.add_argument("name", nargs="?", metavar="PAPER|CLAIM", help="all papers by default")
    parser.add_argument("--again", action="store_true", help="search what is recorded too")
    options = parser.parse_args(arguments)
    try:
        chosen = inequalities(options.name)
    except ValueError as error:
        parser.error(str(error))
    root, folder = repository.root(), repository.records_folder()
    known = record.read(folder)
    for position, inequality in enumerate(chosen, start=1):
        key = inequality.claim, inequality.statement
        source = record.source_of(inequality, root)
        start = time.process_time()
        if options.again or key not in known or known[key][1] != source:
            known[key] = record.row_of(_searched(inequality)), source
            record.write(_in_order(known), folder)
        _, _, ratio, attained, where, instances = known[key][0]
        shown = "  none" if ratio is None else f"{ratio:.4f}"
        print(f"[{position}/{len(chosen)}] {shown} {attained:8} {inequality.claim}: {inequality.statement}")
        print(f"{'':9}at {where} ({instances} instances, {time.process_time() - start:.1f} s of CPU)", flush=True)
    rows = [known[one.claim, one.statement][0] for one in chosen]
    unexpected = [row[0] for row in rows if record.is_unexpected(row)]
    print(f"{len(rows)} inequalities; unexpected: {', '.join(unexpected) or 'none'}")
    return 1 if unexpected else 0


def _in_order(known: dict[tuple[str, str], record.Line]) -> list[record.Line]:
    """The lines of all inequalities that are still stated, in their order, then what is not searched."""
    every = dict.fromkeys((one.claim, one.statement) for one in inequalities())
    lines = [known[key] for key in every if key in known]
    return lines + [(record.not_searched(claim), None) for claim in NOT_SEARCHED]
