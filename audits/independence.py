"""Does the measured side of a claim share code with the predicted side? For every claim: what keeps
them apart.

It is read off the code. `theory` and `sims` never import each other, so a claim that reaches both
has a side in each; on one page marks keep the sides apart (`trial.sides`). Of the others the check
itself makes one side: a simulator's outcome is compared with what the claim states; a formula with
what the check computes by draws, by quadrature or the like (`MEANS`), or as `@claim(route=...)`
says. Functions that a route names in backticks do not reach each other. `second=` is a unit test
that confirms the prediction by another route. `theory-on-trial audit independence` writes the table
`independence.json` of the records.
"""

import re
from argparse import ArgumentParser
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

from theory_on_trial import repository
from theory_on_trial.audits.driver import Line, Row, Table
from theory_on_trial.repository import outline, records
from theory_on_trial.repository.outline import Stated
from theory_on_trial.repository.reach import home, is_defined, reached
from theory_on_trial.trial.sides import SIDES, crossings, marked

ROOMS = ("theory", "sims")
PACKAGES = " and ".join(ROOMS)
MARKS = "marks"
CHECK = "the check"
"""What keeps the sides apart."""
_DECOMPOSED = ("eig", "solve", "lstsq", "svd", "qr", "inv")
MEANS = {
    "random numbers": ("jax.random.", "numpy.random."),
    "convex or integer programs": ("cvxpy.",),
    "differential equations": ("scipy.integrate.solve_ivp", "scipy.integrate.odeint", "diffrax."),
    "quadrature": ("scipy.integrate.", "scipy.special.roots_", "numpy.polynomial."),
    "searches": ("scipy.optimize.",),
    "fractions": ("fractions.Fraction",),
    "many digits": ("mpmath", "flint."),
    "linear algebra": (
        "numpy.roots",
        *(f"{lib}.linalg.{of}" for lib in ("numpy", "scipy") for of in _DECOMPOSED),
    ),
    "enumeration": ("itertools.",),
}
"""What the measured side may be computed with, each with the beginnings of the names that it then
reaches.
"""


def apart_by(claim: Stated) -> str:
    """Return what keeps the two sides of a claim apart: `PACKAGES`, `MARKS` or `CHECK`."""
    return MARKS if marked(claim.file) else PACKAGES if packages(claim) == PACKAGES else CHECK


def packages(claim: Stated) -> str:
    """Return which of `theory` and `sims` a claim reaches: where it is one alone, the check makes
    the other side.
    """
    names = reached(check_of(claim))
    return (
        " and ".join(p for p in ROOMS if any(name.startswith(f"{p}.") for name in names))
        or "neither"
    )


def sides(claim: Stated) -> str:
    """Return how either side comes about: in the claim's words, or else the functions that make
    it.
    """
    check = check_of(claim)
    if claim.route or marked(claim.file):
        return claim.route or _of_marks(claim, check)
    formulas = _formulas(check)
    inner = {met for name in formulas for met in reached(name) if met != name}
    parts = {
        p: sorted(n.removeprefix(f"{p}.") for n in formulas - inner if n.startswith(f"{p}."))
        for p in ROOMS
    }
    return "; ".join(f"{package}: {', '.join(names)}" for package, names in parts.items() if names)


def _of_marks(claim: Stated, check: str) -> str:
    """Which marked functions a claim on one page reaches, and what both sides share."""
    marks = marked(claim.file)
    module = check.rpartition(".")[0]
    met = {
        side: [n for n in marks if marks[n] == side and f"{module}.{n}" in reached(check)]
        for side in SIDES
    }
    beneath = [{n for name in names for n in reached(f"{module}.{name}")} for names in met.values()]
    common = sorted(
        n.rpartition(".")[2] for n in set.intersection(*beneath) if n.startswith(f"{module}.")
    )
    return "; ".join(
        [
            *(f"{side}: {', '.join(names)}" for side, names in met.items()),
            f"both: {', '.join(common) or 'nothing'}",
        ]
    )


def missing(paper: str) -> list[str]:
    """Return a sentence for each claim of a paper whose sides nothing keeps apart."""
    crossed = [sentence for file in outline.files(paper) for sentence in crossings(file)]
    claims = outline.stated(repository.root(), paper)
    return crossed + [
        f"{one.id}: {fault}" for one in claims if not marked(one.file) for fault in faults(one)
    ]


def faults(claim: Stated) -> list[str]:
    """Return what is wrong with the routes of a claim, as far as it can be read off the code."""
    check = check_of(claim)
    complaints = []
    module = check.rpartition(".")[0]
    names = re.findall(r"`([\w.]+)`", claim.route)
    named = [
        home(name if name.startswith(("theory.", "sims.")) else f"{module}.{name}")
        for name in names
    ]
    if packages(claim) not in ("sims", PACKAGES) and not claim.route and not means(claim):
        complaints.append(
            "what makes its measured side cannot be seen: @claim(route=...) says how it comes about"
        )
    if apart_by(claim) == PACKAGES and claim.route and not named:
        complaints.append("theory and sims stand apart anyway: no route need be said")
    complaints += [
        f"the check does not reach {side}" for side in named if side not in reached(check)
    ]
    complaints += [
        f"{other} reaches {side}"
        for side, other in permutations(named, 2)
        if side in reached(other)
    ]
    if claim.second:
        test = second_test(claim)
        if not is_defined(test):
            complaints.append(f"there is no test {claim.second}")
        elif not _formulas(test) & _formulas(check):
            complaints.append(f"the test meets no formula that the claim uses: {claim.second}")
    return complaints


def _formulas(name: str) -> set[str]:
    """The public functions of theory and of simulators that a function reaches, without those that
    check input.
    """
    names = (met for met in reached(name) if met.startswith(("theory.", "sims.")))
    return {
        met
        for met in names
        if not any(part.startswith("_") or part in ("domain", "domains") for part in met.split("."))
    }


def second_test(claim: Stated) -> str:
    """Return the dotted name of the test in `tests/<paper>` or `tests` that "<file>::<test>"
    names.
    """
    file, _, test = claim.second.partition("::")
    folder = Path("tests", claim.paper)
    if not (repository.root() / folder / file).exists():
        folder = folder.parent
    return ".".join([*folder.parts, file.removesuffix(".py"), test])


def check_of(claim: Stated) -> str:
    """Return the dotted name of the function that is the claim: its file's path from the root, and
    its own name.
    """
    return ".".join(
        [*claim.file.relative_to(repository.root()).with_suffix("").parts, claim.function]
    )


def means(claim: Stated) -> str:
    """Return what the measured side may be computed with, as far as the code shows it: see
    `MEANS`.
    """
    met = reached(check_of(claim), outside="theory.")
    return ", ".join(
        word for word, names in MEANS.items() if any(name.startswith(names) for name in met)
    )


def _note(rows: list[Row]) -> str:
    counts = [
        sum(row["sides kept apart by"] == by for row in rows) for by in (PACKAGES, MARKS, CHECK)
    ]
    return (
        f"{len(rows)} claims: {counts[0]} reach theory and sims, which never import each other; "
        f"{counts[1]} are on one "
        f"page, where neither of two marked sides reaches the other; of {counts[2]} the check "
        "makes one side itself."
    )


TABLE = Table(
    name="independence",
    title="How independent the two sides of a claim are",
    columns=(
        "claim",
        "sides kept apart by",
        "how",
        "second route, in the unit tests",
        "measured with",
    ),
    parts=lambda: [one.id for one in outline.stated(repository.root())],
    note=_note,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table and print what keeps the sides apart; 1 if nothing does of some claim."""
    ArgumentParser(prog=TABLE.typed, description=TABLE.title).parse_args(arguments)
    root = repository.root()
    lines: dict[str, list[Line]] = {}
    for claim in outline.stated(root):
        row = [
            claim.id,
            apart_by(claim),
            sides(claim),
            claim.second.replace("::", ", "),
            means(claim),
        ]
        lines[claim.id] = [(row, records.source(root, claim.file))]
    rows = TABLE.write(lines)
    complaints = [sentence for paper in outline.papers() for sentence in missing(paper)]
    print(TABLE.note(rows), *complaints, sep="\n")
    return int(bool(complaints))
