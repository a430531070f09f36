"""Does the measured side of a claim share code with the predicted side? For every claim: which other route it is.

What people wrote is in `docs/trust/independence/<paper>.json`: for every claim the route and, in half a sentence, how
each side comes about. What can be read off the code is read off it here: the functions that a claim reaches.
`python -m theory_on_trial.audits.independence` joins both in `docs/trust/independence.json`, which the report shows.
"""

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypedDict

from theory_on_trial import claims

ROOT = Path(__file__).parents[1]
TRUST = ROOT / "docs" / "trust"
"""Beside the package in a checkout; an installed package comes without it."""

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
    "none": (),
}
"""The vocabulary, each word with the beginnings of names, of which the measured side must reach one to deserve it."""

_PROJECT = ("theory", "sims", "paper_checks", "tests")


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


def read(folder: Path = TRUST / "independence") -> dict[str, Entry]:
    """Return the entries of all papers by the claims' ids."""
    return {
        f"{path.stem}.{name}": entry
        for path in sorted(folder.glob("*.json"))
        for name, entry in json.loads(path.read_text(encoding="utf-8")).items()
    }


def second_test(claim_id: str, second: str) -> tuple[str, str]:
    """Return the route and the dotted name of the test that a `second` names, "<route>: <file>::<test>"."""
    route, _, place = second.partition(": ")
    file, _, test = place.partition("::")
    return route, f"tests.{claim_id.split('.')[0]}.{file.removesuffix('.py')}.{test}"


@cache
def stated_by(claim_id: str) -> str:
    """Return the dotted name of the function that is the claim."""
    function = next(one.function for one in claims(claim_id.split(".")[0]) if one.id == claim_id)
    return f"{function.__module__}.{function.__name__}"


# ---------------------------------------------------------------------------------------- what a function may call


@cache
def reached(name: str, *, outside: str = " ") -> frozenset[str]:
    """Return what a function may reach: every name that it mentions, and those that these mention, as dotted names.

    Names of other libraries are in it, but not what these mention; nor what is mentioned by a name that begins with
    `outside`. Decorators and annotations compute nothing and are left out. What is called through a variable alone is
    not seen.

    Args:
        name: the dotted name of a function, class or constant of this repository, wherever it may be imported from.
        outside: the beginning of the names that are left out, with all that only they reach.
    """
    found: set[str] = set()
    waiting = {home(name)}
    while waiting:
        current = waiting.pop()
        if not current.startswith(outside):
            found.add(current)
            waiting |= _next(current) - found
    return frozenset(found)


@cache
def _next(name: str) -> frozenset[str]:
    """What a definition of this repository mentions by name: no modules, and no variables of its own."""
    module, _, own = name.rpartition(".")
    statement = _names(module).get(own) if _is_module(module) else None
    if not isinstance(statement, ast.stmt):
        return frozenset()
    known = {home(f"{module}.{met}") for met in _mentioned(statement) if met.split(".")[0] in _names(module)}
    return frozenset(met for met in known if not _is_module(met))


@cache
def home(name: str) -> str:
    """Return the dotted name under which a name of this repository is defined: re-exports and aliases are followed."""
    module, *rest = name.split(".")
    if module not in _PROJECT:
        return name
    # A function may bear the name of the module that it is in: the last part is the function.
    while rest and _is_module(f"{module}.{rest[0]}") and (len(rest) > 1 or rest[0] not in _names(module)):
        module = f"{module}.{rest.pop(0)}"
    target = _names(module).get(rest[0]) if rest else None
    if isinstance(target, str):
        return home(".".join([target, *rest[1:]]))
    return name if target is None else f"{module}.{rest[0]}"


def _mentioned(statement: ast.stmt) -> Iterator[str]:
    """Every name, with its attributes, in what a definition computes."""
    parts: list[ast.AST] = [statement]
    if isinstance(statement, ast.FunctionDef):
        defaults = [default for default in statement.args.kw_defaults if default is not None]
        parts = [*statement.body, *statement.args.defaults, *defaults]
    for node in (inner for part in parts for inner in ast.walk(part)):
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes, node = [node.attr, *attributes], node.value
        if isinstance(node, ast.Name):
            yield ".".join([node.id, *attributes])


@cache
def _names(module: str) -> dict[str, ast.stmt | str]:
    """The names of a module: the statement that defines each, or the dotted name that it is imported from."""
    path = _path(module)
    tree = ast.parse(path.read_text(encoding="utf-8") if path.is_file() else "")
    found: dict[str, ast.stmt | str] = {}
    for node in ast.walk(tree):  # imports inside functions too
        if isinstance(node, ast.ImportFrom):
            beside = f"{module.rpartition('.')[0]}.{node.module}"  # helpers of the tests lie beside them
            source = beside if _path(beside).is_file() else node.module
            found |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {
                a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names
            }
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found[statement.name] = statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            stored = (inner for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name))
            found |= dict.fromkeys((name.id for name in stored), statement)
    return found


def _path(module: str) -> Path:
    place = ROOT.joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@cache
def _is_module(name: str) -> bool:
    """Whether it is a module or a package of this repository; the folders of the tests count, which hold no names."""
    return name.split(".")[0] in _PROJECT and (_path(name).is_file() or _path(name).name == "__init__.py")


# ------------------------------------------------------------------------------------------------------- the table


def packages(claim_id: str) -> str:
    """Return which of `theory` and `sims` a claim reaches: where it is one alone, the two sides need a second look."""
    names = reached(stated_by(claim_id))
    return " and ".join(p for p in ("theory", "sims") if any(name.startswith(f"{p}.") for name in names)) or "neither"


def table() -> dict[str, object]:
    """Return the table of all claims, as the report shows it."""
    entries = read()
    rows = [
        [name, entry["route"], entry["how"], entry.get("second", "").replace("::", ", "), packages(name)]
        for name, entry in entries.items()
    ]
    counts = {route: sum(row[1] == route for row in rows) for route in ROUTES}
    shown = ", ".join(f"{route} {count}" for route, count in counts.items() if count)
    return {
        "title": "How independent the two sides of a claim are",
        "command": "python -m theory_on_trial.audits.independence",
        "columns": ["claim", "route of the measured side", "how", "second route, in the unit tests", "code reached"],
        "rows": rows,
        "note": f"{len(rows)} claims: {shown}. theory and sims never import each other; where a claim reaches one of "
        "them alone, the other side is computed in the check itself or by functions that do not reach each other.",
    }


def main() -> None:
    """Write the table and print what each route is counted for."""
    made = table()
    TRUST.mkdir(parents=True, exist_ok=True)
    (TRUST / "independence.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(made["note"])


if __name__ == "__main__":
    main()
