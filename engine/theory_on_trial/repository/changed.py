"""What a change touches: the definitions that differ from git's main branch, and what reaches them.

Docstrings, comments and layout are no difference.
"""

import ast
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

from theory_on_trial.repository import outline, reach


def base(folder: Path) -> str | None:
    """Return the commit that a change starts from: the last one shared with `main` or
    `origin/main`, or else the last commit; None without a git repository.
    """
    for branch in ("main", "origin/main"):
        if shared := _git(folder, "merge-base", "HEAD", branch).strip():
            return shared
    return _git(folder, "rev-parse", "HEAD").strip() or None


def files(folder: Path) -> list[Path]:
    """Return the files that differ from the base of a change, or are new and not ignored, from the
    root of the repository; [] without a git repository.
    """
    start = base(folder)
    if start is None:
        return []
    texts = (
        _git(folder, "diff", "--name-only", "-z", "--relative", start),
        _git(folder, "ls-files", "--others", "--exclude-standard", "-z"),
    )
    return sorted({Path(name) for text in texts for name in text.split("\0") if name})


def definitions(folder: Path) -> frozenset[str]:
    """Return the dotted names of functions, classes and constants that a change adds or alters."""
    start = base(folder)
    names = set()
    for file in files(folder):
        if file.suffix != ".py" or not (folder / file).exists():
            continue
        parts = file.with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        before = _defined(_git(folder, "show", f"{start}:./{file.as_posix()}"))
        now = _defined((folder / file).read_text(encoding="utf-8"))
        names |= {f"{module}.{name}" for name, dump in now.items() if before.get(name) != dump}
    return frozenset(names)


def touched(name: str, changes: Collection[str], folder: Path) -> bool:
    """Tell whether a definition of this dotted name is among the changes or may reach one, by its
    code, its decorators or its annotations.
    """
    known = frozenset(changes)
    starts = [name, *_around(name, folder)]
    return any(known & reach.reached(start, root=folder) for start in starts)


def claims(paper: str, folder: Path) -> list[str]:
    """Return the ids of the claims of a paper that a change touches, in their order."""
    changes = definitions(folder)
    return [
        claim.id
        for claim in outline.stated(folder, paper)
        if changes and touched(_dotted(claim, folder), changes, folder)
    ]


def _dotted(claim: outline.Stated, folder: Path) -> str:
    file = claim.file.relative_to(folder).with_suffix("")
    return ".".join([*file.parts, claim.function])


def _around(name: str, folder: Path) -> Iterator[str]:
    """The names of a function's decorators and annotations, which it does not compute with."""
    found = reach.definition(name, folder)
    if found is None or not isinstance(found[1], ast.FunctionDef):
        return
    function = found[1]
    module = name.rpartition(".")[0]
    annotations = [argument.annotation for argument in function.args.args if argument.annotation]
    for part in (*function.decorator_list, *annotations):
        for node in ast.walk(part):
            if isinstance(node, ast.Name):
                yield f"{module}.{node.id}"


def _defined(source: str) -> dict[str, str]:
    """The top-level names of a module, each with its code without docstrings."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # pytest will say so
        return {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    names = {}
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names[statement.name] = ast.dump(statement)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for node in (inner for target in targets for inner in ast.walk(target)):
                if isinstance(node, ast.Name):
                    names[node.id] = ast.dump(statement)
    return names


def _git(folder: Path, *command: str) -> str:
    """What git prints; "" where it fails or is missing."""
    try:
        process = subprocess.run(
            ["git", "-C", str(folder), *command], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return process.stdout if process.returncode == 0 else ""
