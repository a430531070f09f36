"""Where a paper lies: its files, and the lines of a claim and of the functions that it compares."""

import ast
import json
import os
from dataclasses import dataclass
from pathlib import Path

from theory_on_trial import repository
from theory_on_trial.formula.marks import plain
from theory_on_trial.repository import outline, reach
from theory_on_trial.trial.sides import marked

_SKIPPED = {"build", "dist", "out", "node_modules", "venv", "__pycache__"}
_ROLES = {"theory": "predicted", "sims": "observed"}
"""The packages of papers in full, and the side that each holds."""


@dataclass(frozen=True)
class Place:
    """A line of the repository.

    Attributes:
        role: "claim", "predicted" or "observed".
        name: of the function.
        file: from the root of the repository; `line` is the first line of the function.
        about: the first sentence of its docstring.
    """

    role: str
    name: str
    file: Path
    line: int
    about: str

    def __str__(self) -> str:
        return f"{self.role:>9}  {self.file}:{self.line}  {self.name}: {self.about}"


def files_of(paper: str, folder: Path) -> dict[Path, str]:
    """Return the files of a paper, from the root of its repository, each with its first sentence.

    They are its checks, and all Python files, notebooks and pages that bear its name or lie in a
    folder of its name.
    """
    name = paper.rpartition(".")[2]
    found = {file.relative_to(folder) for file in outline.files(paper, folder)}
    for here, inner, names in os.walk(folder):
        inner[:] = sorted(
            each for each in inner if each not in _SKIPPED and not each.startswith(".")
        )
        place = Path(here).relative_to(folder)
        for each in names:
            file = place / each
            parts = [part.removeprefix("test_") for part in (*place.parts, file.stem)]
            if name in parts and file.suffix in (".py", ".md", ".ipynb"):
                found.add(file)
    return {file: _about(folder / file) for file in sorted(found)}


def functions_of(claim: outline.Stated, folder: Path) -> list[Place]:
    """Return the lines of a claim and of the predicted and observed functions that it calls, itself
    or through helpers of its checks.
    """
    module = repository.dotted_name(claim.file)
    base = repository.import_base(module, claim.file)
    prefix = ".".join(base.relative_to(folder).parts)
    start = ".".join(filter(None, [prefix, module, claim.function]))
    sides = {
        f"{start.rpartition('.')[0]}.{name}": side for name, side in marked(claim.file).items()
    }
    places = []
    queue = [start]
    seen = set(queue)
    while queue:
        current = queue.pop(0)
        found = reach.definition(current, folder)
        if current == start:
            role = "claim"
        else:
            role = sides.get(current) or _ROLES.get(current.partition(".")[0], "")
        if role and found is not None:
            places += _place(role, current, *found, folder)
        if role in ("predicted", "observed"):
            continue  # what it calls in turn is its own affair
        new = sorted(reach.mentioned(current, folder) - seen)
        queue += [name for name in new if reach.definition(name, folder) is not None]
        seen |= set(new)
    return sorted(places, key=lambda place: ("claim", "predicted", "observed").index(place.role))


def controls_of(claim: outline.Stated) -> list[str]:
    """Return the names of a claim's controls that its code spells out: the keys, or the entries, of
    what it gives as `controls=` and `control_processes=`.
    """
    tree = ast.parse(claim.file.read_text(encoding="utf-8"))
    body = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    function = next(node for node in body if node.name == claim.function)
    given = [
        keyword.value
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in ("controls", "control_processes")
    ]
    nodes = [
        entry
        for value in given
        for entry in (value.keys if isinstance(value, ast.Dict) else getattr(value, "elts", []))
    ]
    names = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return [str(name) for name in dict.fromkeys(names)]


def _place(role: str, name: str, file: Path, statement: ast.stmt, folder: Path) -> list[Place]:
    """The place of a function or a class; [] of a constant."""
    if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return []
    about = _sentence(ast.get_docstring(statement) or "")
    own = name.rpartition(".")[2]
    return [Place(role, own, file.relative_to(folder), statement.lineno, about)]


def _about(path: Path) -> str:
    """The first sentence of a module's docstring, or the first heading of a page or notebook."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".py":
        try:
            return _sentence(ast.get_docstring(ast.parse(text)) or "")
        except SyntaxError:
            return ""
    if path.suffix == ".ipynb":
        try:
            cells = json.loads(text).get("cells", [])
        except ValueError:
            return ""
        text = "\n".join("".join(cell.get("source", "")) for cell in cells[:3])
    heads = [line.lstrip("# ") for line in text.splitlines() if line.startswith("# ")]
    return heads[0] if heads else ""


def _sentence(docstring: str) -> str:
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    first, stop, _ = plain(paragraph).partition(". ")
    return f"{first}{stop.rstrip()}"
