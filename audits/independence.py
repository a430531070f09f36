"""Does the measured side of a claim share code with the predicted side? For every claim: which other route it is.

What people wrote lies beside a paper's claims, in `test_<paper>/routes.json`, or in `routes_<paper>.json` where the
claims are one module: for every claim the route and, in half a sentence, how each side comes about. A paper on one page
has marks instead (`trial.sides`): its entries are read off them, with what both sides share. What can be read
off the code is read off it here: the functions that a claim reaches. `theory-on-trial audit independence` joins both in
the table `independence.json` of the records.
"""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import TypedDict

from theory_on_trial import repository
from theory_on_trial.audits.driver import Line, Row, Table
from theory_on_trial.ledger import paper_in
from theory_on_trial.repository import outline, records
from theory_on_trial.repository.reach import home, is_defined, reached
from theory_on_trial.trial.sides import SIDES, crossings, marked

ROUTES = {
    "simulation": ("sims.", "jax.random.", "numpy.random."),
    "training": ("sims.",),
    "data": ("sims.",),
    "ODE integration": ("sims.", "scipy.integrate."),
    "enumeration": (),
    "exact rational arithmetic": ("fractions.Fraction",),
    "ball arithmetic": ("flint.",),
    "mpmath": ("mpmath",),
    "quadrature": ("scipy.integrate.", "scipy.special.roots_", "numpy.polynomial.", "sims.", "theory."),
    "optimiser with certificate": ("cvxpy", "sims.", "scipy.optimize."),
    "optimiser": ("sims.", "scipy.optimize.", "numpy.argmin"),
    "another formula": (),
    "marked sides": (),
    "none": (),
}
"""The vocabulary, each word with the beginnings of names, of which the measured side must reach one to deserve it."""

_SHORTEST, _LONGEST = 20, 240  # half a sentence, in letters


class Entry(TypedDict, total=False):
    """What is written of a claim.

    route : a word of `ROUTES`: how its measured side comes about, "none" if no code but the prediction's makes it.
    how : the two sides, in half a sentence.
    second : "<route>: <file>::<test>", a unit test that confirms the prediction by a route of its own.
    apart : functions that make both sides where both come from one package; none may reach another.
    """

    route: str
    how: str
    second: str
    apart: list[str]


def read(paper: str | None = None) -> dict[str, Entry]:
    """Return the entries of a paper of the present repository, or of all, by the claims' ids."""
    entries: dict[str, Entry] = {}
    for name in outline.papers() if paper is None else [paper]:
        path = outline.beside(name, "routes.json")
        written = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        entries |= {f"{name}.{claim}": entry for claim, entry in written.items()} or _of_marks(name)
    return entries


def _of_marks(paper: str) -> dict[str, Entry]:
    """The entries of a paper on one page: which marked functions each claim reaches, and what both sides share."""
    entries: dict[str, Entry] = {}
    for claim in (row for row in outline.stated(repository.root()) if paper_in(row.id) == paper):
        sides, check = marked(claim.file), stated_by(claim.id)
        module = check.rpartition(".")[0]
        met = {side: [n for n in sides if sides[n] == side and f"{module}.{n}" in reached(check)] for side in SIDES}
        beneath = [{n for name in names for n in reached(f"{module}.{name}")} for names in met.values()]
        common = sorted(n.rpartition(".")[2] for n in set.intersection(*beneath) if n.startswith(f"{module}."))
        how = [f"{side}: {', '.join(names)}" for side, names in met.items()] + [
            f"both: {', '.join(common) or 'nothing'}"
        ]
        if sides:
            entries[claim.id] = {"route": "marked sides", "how": "; ".join(how)}
    return entries


def missing(paper: str) -> list[str]:
    """Return a sentence for each claim without an entry and each wrong entry; ValueError for an unknown paper."""
    path = outline.beside(paper, "routes.json").relative_to(repository.root())
    if any(map(marked, outline.files(paper))):
        return [sentence for file in outline.files(paper) for sentence in crossings(file)]
    entries = read(paper)
    claims = [row.id for row in outline.stated(repository.root()) if paper_in(row.id) == paper]
    complaints = [f"{claim} has no entry in {path}: which route makes its measured side?" for claim in claims]
    complaints = [sentence for claim, sentence in zip(claims, complaints, strict=True) if claim not in entries]
    complaints += [
        f"{path} has an entry for {claim}, and there is no such claim" for claim in entries if claim not in claims
    ]
    return complaints + [
        f"{claim}: {fault}" for claim, entry in entries.items() if claim in claims for fault in faults(claim, entry)
    ]


def faults(claim: str, entry: Entry) -> list[str]:
    """Return what is wrong with the entry of a claim, as far as it can be read off the code."""
    if not {"route", "how"} <= set(entry) <= set(Entry.__annotations__):
        return [f"an entry has route and how, and perhaps second and apart, got {', '.join(entry)}"]
    complaints = []
    if not _SHORTEST < len(entry["how"]) < _LONGEST:
        complaints.append(f"how must say in half a sentence how each side comes about, got {entry['how']!r}")
    if not _deserves(entry["route"], stated_by(claim), entry.get("apart", [])):
        complaints.append(f"nothing in the check deserves the route {entry['route']!r}")
    if entry["route"] == "none" and "second" not in entry:
        complaints.append("a claim without a route of its own needs a second one, in a unit test")
    if "second" in entry:
        route, test = second_test(claim, entry["second"])
        if not is_defined(test):
            complaints.append(f"there is no test {entry['second']}")
        elif not _formulas(test) & _formulas(stated_by(claim)):
            complaints.append(f"the test meets no formula that the claim uses: {entry['second']}")
        elif not _deserves(route, test):
            complaints.append(f"nothing in the test deserves the route {route!r}")
    sides = [home(side) for side in entry.get("apart", [])]
    complaints += [f"the check does not reach {side}" for side in sides if side not in reached(stated_by(claim))]
    complaints += [f"{other} reaches {side}" for side, other in permutations(sides, 2) if side in reached(other)]
    if {side.split(".")[0] for side in sides} == {"theory", "sims"}:
        complaints.append("theory and sims stand apart anyway: nothing need be said")
    return complaints


def _deserves(route: str, name: str, sides: Sequence[str] = ()) -> bool:
    """Whether a function reaches what its route is named for: outside the theory, or in the sides that stand apart."""
    met = reached(name, outside="theory.").union(*map(reached, sides))
    return route in ROUTES and (not ROUTES[route] or any(function.startswith(ROUTES[route]) for function in met))


def _formulas(name: str) -> set[str]:
    """The public functions of theory and of simulators that a function reaches, without those that check input."""
    names = (met for met in reached(name) if met.startswith(("theory.", "sims.")))
    return {
        met
        for met in names
        if not any(part.startswith("_") or part in ("domain", "domains") for part in met.split("."))
    }


def second_test(claim: str, second: str) -> tuple[str, str]:
    """Route and dotted name of the test in `tests/<paper>` or `tests` that "<route>: <file>::<test>" names."""
    route, _, place = second.partition(": ")
    file, _, test = place.partition("::")
    folder = Path("tests", paper_in(claim))
    if not (repository.root() / folder / file).exists():
        folder = folder.parent
    return route, ".".join([*folder.parts, file.removesuffix(".py"), test])


def stated_by(claim: str) -> str:
    """Return the dotted name of the function that is the claim: its file's path from the root, and its own name."""
    root = repository.root()
    match = next(row for row in outline.stated(root) if row.id == claim)
    return ".".join([*match.file.relative_to(root).with_suffix("").parts, match.function])


def packages(claim: str) -> str:
    """Return which of `theory` and `sims` a claim reaches: where it is one alone, the two sides need a second look."""
    names = reached(stated_by(claim))
    return " and ".join(p for p in ("theory", "sims") if any(name.startswith(f"{p}.") for name in names)) or "neither"


def _note(rows: list[Row]) -> str:
    routes = [row["route of the measured side"] for row in rows]
    counts = ", ".join(f"{route} {routes.count(route)}" for route in ROUTES if route in routes)
    return (
        f"{len(rows)} claims: {counts}. theory and sims never import each other; where a claim reaches one of them "
        "alone, the other side is computed in the check itself or by functions that do not reach each other."
    )


TABLE = Table(
    name="independence",
    title="How independent the two sides of a claim are",
    columns=("claim", "route of the measured side", "how", "second route, in the unit tests", "code reached"),
    parts=lambda: [one.id for one in outline.stated(repository.root())],
    note=_note,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table and print what each route is counted for; 1 if an entry is missing or wrong."""
    ArgumentParser(prog=TABLE.typed, description=TABLE.title).parse_args(arguments)
    root, entries = repository.root(), read()
    files = {claim.id: claim.file for claim in outline.stated(root)}
    lines: dict[str, list[Line]] = {}
    for claim, entry in entries.items():
        if claim in files:
            second = entry.get("second", "").replace("::", ", ")
            row = [claim, entry["route"], entry["how"], second, packages(claim)]
            lines[claim] = [(row, records.source(root, files[claim]))]
    rows = TABLE.write(lines)
    complaints = [sentence for paper in outline.papers() for sentence in missing(paper)]
    print(TABLE.note(rows), *complaints, sep="\n")
    return int(bool(complaints))
