"""The repository of the claims: its root, its check files, and the name of each paper.

Claims are looked for where pytest would look: in the `testpaths` of the repository's pytest
configuration, or else in all of it, in files named by `python_files`.
"""

import configparser
import importlib
import os
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from glob import glob
from pathlib import Path
from types import ModuleType
from typing import Any

# Folders whose name says nothing about a claim
_GENERIC = {
    "tests",
    "test",
    "checks",
    "paper_checks",
    "src",
}
_SKIPPED = {"build", "dist", "node_modules", "venv", "__pycache__"}


def root(start: Path | None = None) -> Path:
    """Return the repository around a folder (default: the current one).

    That is the nearest folder above with a pytest configuration, or else with a `.git`, a
    `pyproject.toml` or a `setup.py`; where there is none, the current folder if it lies above, or
    else the folder itself.
    """
    folder = (Path.cwd() if start is None else Path(start)).absolute()
    around = [folder, *folder.parents]
    homes = (place for place in around if _pytest_options(place) is not None)
    roots = (
        place
        for place in around
        if any((place / m).exists() for m in (".git", "pyproject.toml", "setup.py"))
    )
    return next(homes, None) or next(roots, Path.cwd() if Path.cwd() in around else folder)


def check_files(folder: Path) -> list[Path]:
    """Return the files of a repository in which pytest would look for tests, and so for claims, in
    their order; none where the folder is the root of the file system, which is no repository.
    """
    if folder == folder.parent:
        return []
    options = _pytest_options(folder) or {}
    patterns = _words(options.get("python_files")) or ["test_*.py", "*_test.py"]
    globs = (
        sorted(glob(path, root_dir=folder, recursive=True))
        for path in _words(options.get("testpaths"))
    )
    bases = [folder / path for paths in globs for path in paths]
    files = (file for base in bases or [folder] for file in _files(base))
    return list(
        dict.fromkeys(
            file for file in files if any(fnmatch(file.name, pattern) for pattern in patterns)
        )
    )


def check_folder(folder: Path) -> Path:
    """Return the folder in which a new check of a repository belongs: the first where pytest looks
    for tests.
    """
    options = _pytest_options(folder) or {}
    folders = [folder / path for path in _words(options.get("testpaths"))]
    return next((place for place in [*folders, folder / "tests", folder] if place.is_dir()), folder)


def paper_of(file: Path) -> str:
    """Return the paper of a check file: its path from the root, without the parts that say nothing.

    `tests/test_he.py` is `he`; `a/test_x.py` is `a.x`; all files of a package
    `paper_checks/test_mixup` are `mixup`.
    """
    parts = list(file.absolute().relative_to(root(file.absolute().parent)).with_suffix("").parts)
    index = next((i for i, part in enumerate(parts) if part.startswith("test_")), len(parts) - 1)
    folders = [part for part in parts[:index] if part not in _GENERIC]
    return ".".join([*folders, parts[index].removeprefix("test_").removesuffix("_test")])


def import_file(file: Path) -> ModuleType:
    """Import a check file under the name that pytest gives it.

    Its package's folder comes first on the path, then those of pytest's `pythonpath`, and the root
    is on it, as with `python -m pytest`. Raises `ValueError` where another module of that name is
    loaded already.
    """
    name = dotted_name(file)
    for folder in reversed(import_path(import_base(name, file))):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    module = importlib.import_module(name)
    if module.__file__ is None or not os.path.samefile(module.__file__, file):
        raise ValueError(f"{file} and {module.__file__} are both called {name}: rename one of them")
    return module


def dotted_name(file: Path) -> str:
    """Return the name by which a file is imported: the packages around it are part of it."""
    names = [] if file.stem == "__init__" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").exists():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names)


def import_base(name: str, file: Path) -> Path:
    """Return the folder that must be on the path for a file to be imported by a dotted name."""
    return file.parents[name.count(".") + (file.stem == "__init__")]


def import_path(base: Path) -> list[Path]:
    """Return where a check finds modules of its repository: in its `import_base`, pytest's
    `pythonpath`, the root.
    """
    top = root(base)
    folders = [
        (top / path).resolve() for path in _words((_pytest_options(top) or {}).get("pythonpath"))
    ]
    return [base, *folders, top]


@cache
def _pytest_options(folder: Path) -> dict[str, Any] | None:
    """Return the pytest settings that a folder holds, None if it holds none."""
    for name in ("pytest.ini", ".pytest.ini"):
        if (folder / name).is_file():
            return _section(folder / name, "pytest") or {}
    pyproject = folder / "pyproject.toml"
    if pyproject.is_file():
        settings = (
            tomllib.loads(pyproject.read_text(encoding="utf-8")).get("tool", {}).get("pytest")
        )
        if settings is not None:
            return dict(settings.get("ini_options", settings))
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        if (options := _section(folder / name, section)) is not None:
            return options
    return None


def _section(path: Path, section: str) -> dict[str, Any] | None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(path, encoding="utf-8")
    return dict(parser[section]) if parser.has_section(section) else None


def _words(value: Any) -> list[str]:
    return str(value).split() if isinstance(value, str) else [str(word) for word in value or []]


def _files(base: Path) -> Iterator[Path]:
    if base.is_file():
        yield base
        return
    for folder, inner, files in os.walk(base):
        here = Path(folder)
        inner[:] = sorted(
            name
            for name in inner
            if not name.startswith(".")
            and name not in _SKIPPED
            and not (here / name / "pyvenv.cfg").exists()
        )
        yield from (here / name for name in sorted(files) if name.endswith(".py"))
