"""Reads check files without running them: papers, their titles, the ids of their claims and the
settings. Importing the checks of a paper loads JAX; completion on the command line and headings
need not wait for that.
"""

import ast
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from theory_on_trial.repository import check_files, paper_of, root


@dataclass(frozen=True)
class Stated:
    """A claim as its file states it: id, paper, file, function, settings, whether it has a printed
    form, its routes, and its statement in one line.
    """

    id: str
    paper: str
    file: Path
    function: str
    settings: tuple[str, ...]
    printed: bool
    route: str
    second: str
    statement: str


@cache
def by_paper(folder: Path) -> dict[str, list[Callable[[], list[Stated]]]]:
    """Return the claims of each check file, read when they are first asked for, by their paper as
    `normal` has it.
    """
    found: dict[str, list[Callable[[], list[Stated]]]] = {}
    for file in check_files(folder):
        found.setdefault(normal(paper_of(file)), []).append(
            cache(lambda file=file: list(_claims(file)))
        )
    return found


def stated(folder: Path, paper: str | None = None) -> list[Stated]:
    """Return every claim that the check files of a repository, or those of one paper alone,
    state.
    """
    known = by_paper(folder)
    chosen = known.values() if paper is None else [known.get(normal(paper), [])]
    return [claim for files in chosen for claims in files for claim in claims()]


def papers(folder: Path | None = None) -> list[str]:
    """Return the names of the papers of the repository around a folder, in alphabetical order."""
    first = (
        next((one for claims in files for one in claims()), None)
        for files in by_paper(root(folder)).values()
    )
    return sorted(claim.paper for claim in first if claim)


def files(paper: str | None = None, folder: Path | None = None) -> list[Path]:
    """Return the check files of a paper (or of all papers) of the repository around a folder."""
    return list(dict.fromkeys(claim.file for claim in stated(root(folder), paper)))


def places(paper: str, folder: Path | None = None) -> list[Path]:
    """Return the package of a paper's checks (`test_he/`), or their files where they have no
    package of their own.
    """
    paths = files(paper, folder)
    return list(
        dict.fromkeys(
            file.parent if file.parent.name.startswith("test_") else file for file in paths
        )
    )


def title(paper: str, folder: Path | None = None) -> str:
    """Return the first paragraph of the docstring of a paper's checks; "" for a paper without
    checks or docstring.
    """
    return " ".join(docstring(paper, folder).split("\n\n")[0].split())


def docstring(paper: str, folder: Path | None = None) -> str:
    """Return the docstring of a paper's checks, or of their package; "" for a paper without checks
    or docstring.
    """
    paths = files(paper, folder)
    packages = [
        file.parent / "__init__.py" for file in paths if file.parent.name.startswith("test_")
    ]
    for path in [*filter(Path.exists, packages), *paths][:1]:
        return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return ""


def settings(paper: str, folder: Path | None = None) -> dict[str, list[str]]:
    """Return the ids of a paper's claims, published forms included, each with the names of its
    settings.
    """
    names = {}
    for claim in stated(root(folder), paper):
        names[claim.id] = list(claim.settings)
        if claim.printed:
            names[f"{claim.id}-as-published"] = list(claim.settings)
    return names


def normal(name: str) -> str:
    """Return the form of a name in which names are compared: hyphens are underscores, letters are
    small.
    """
    return name.replace("-", "_").lower()


def is_called(name: str, full_name: str) -> bool:
    """Whether a name is this full name, or its end after a dot: a folder may be left out."""
    return f".{normal(full_name)}".endswith(f".{normal(name)}")


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """Return at most three of these names that are similar to this one; folders before a dot are
    not compared.
    """
    whole = {other.rpartition(".")[2]: other for other in names}
    return [whole[near] for near in get_close_matches(name.rpartition(".")[2], whole)]


def among(names: Collection[str], command: str) -> str:
    """Return up to twelve names, or how many there are and the command that lists them."""
    if len(names) > 12:
        return f"`{command}` lists {len(names)}"
    return ", ".join(names) or "none"


def _claims(file: Path) -> Iterator[Stated]:
    text = file.read_text(encoding="utf-8", errors="replace")
    if "claim(" not in text:
        return
    try:
        tree = ast.parse(text)
    except SyntaxError:  # pytest will say so
        return
    paper = paper_of(file)
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        calls = (d for d in function.decorator_list if isinstance(d, ast.Call))
        call = next((d for d in calls if ast.unparse(d.func).split(".")[-1] == "claim"), None)
        if call is not None:
            given = {keyword.arg: getattr(keyword.value, "value", "") for keyword in call.keywords}
            yield Stated(
                f"{paper}.{claim_name(function.name)}",
                paper,
                file,
                function.name,
                tuple(
                    argument.arg
                    for argument in (*function.args.args[1:], *function.args.kwonlyargs)
                ),
                "as_published" in given,
                str(given.get("route", "")).strip(),
                str(given.get("second", "")).strip(),
                " ".join((ast.get_docstring(function) or "").split("\n\n")[0].split()),
            )


def claim_name(function: str) -> str:
    """Return the name of a check function's claim: without `test_`, and with a hyphen for a double
    underscore.
    """
    return function.removeprefix("test_").replace("__", "-")
