"""Break a paper's code at random and see whether anything notices: `python tests/mutants.py random_walk_pca`.

A mutant changes one number, one arithmetic operator, one sign or one comparison in `theory/<paper>` (or, with
`--package sims`, in `sims/<paper>`; `foundation` stands for the files that all papers share) in a copy of the
workbench, and runs the paper's tests of that package and then its claims, those first that name the function that was
changed. Each result is kept in docs/trust/mutants as it comes: an interrupted run goes on where it stopped, and a
mutant whose source has changed since runs again. One that all let pass is a hole in the checks, or an equivalent
program: docs/trust/survivors.json says which, and why. `--table` collects all results for the report.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parent.parent
TRUST = ROOT / "docs" / "trust"
PACKAGES = ("theory", "sims", "paper_checks", "figures", "tools")
FOUNDATION = "foundation"
# Imported once for all mutants; nothing of the workbench is, and no plugin of pytest, which wants to be the first.
PRELOADED = ["jax", "pytest", "mpmath", "beartype", "scipy.optimize", "scipy.stats", "scipy.special"]
PATIENCE = 600.0  # seconds, for tests or claims; a mutant may loop for ever

OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}


def copy_workbench(folder: Path) -> None:
    """Copy the packages, the tests and the settings to `folder`."""
    for package in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "out"))
    shutil.copy(ROOT / "pyproject.toml", folder)


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run `python -m command` in a copy of the workbench, which hides the installed one; stop it after 20 minutes."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )


def sites(tree: ast.Module) -> list[ast.expr]:
    """Return a module's numbers, arithmetic and comparisons, outside annotations and refusals of bad input."""
    found: list[ast.expr] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Raise | ast.If) and any(isinstance(child, ast.Raise) for child in ast.walk(node)):
            return
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
        arithmetic = isinstance(node, ast.BinOp) and type(node.op) in OPERATORS
        minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        comparison = isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS
        if number or arithmetic or minus or comparison:
            found.append(node)  # type: ignore[arg-type]
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        visit(child)

    visit(tree)
    return found


def mutate(source: str, rng: random.Random) -> tuple[str, str, int]:
    """Change one site of a module's source; return the new source, the change in words, and its line."""
    tree = ast.parse(source)
    site = rng.choice(sites(tree))
    before = ast.unparse(site)
    if isinstance(site, ast.BinOp):
        site.op = OPERATORS[type(site.op)]()
    elif isinstance(site, ast.UnaryOp):
        site.op = ast.UAdd()
    elif isinstance(site, ast.Compare):
        site.ops[0] = COMPARISONS[type(site.ops[0])]()
    elif isinstance(site, ast.Constant) and isinstance(site.value, int):
        site.value += rng.choice((-1, 1))
    elif isinstance(site, ast.Constant) and isinstance(site.value, float):
        site.value *= rng.choice((0.9, 1.1))
    return ast.unparse(tree), f"{before} -> {ast.unparse(site)}", site.lineno


def sources(package: str, paper: str) -> list[Path]:
    """The files of a paper (or of the foundation) in a package that hold something to mutate, relative to the root."""
    folder = ROOT / package
    if paper == FOUNDATION:
        files = sorted(folder.glob("*.py"))
    else:
        files = sorted((folder / paper).rglob("*.py")) or [folder / f"{paper}.py"]
    return [path.relative_to(ROOT) for path in files if sites(ast.parse(path.read_text(encoding="utf-8")))]


def judges(package: str, paper: str) -> list[list[Path]]:
    """The files of tests and those of claims that judge a mutant, relative to the root."""
    tests, checks = ROOT / "tests", ROOT / "paper_checks"
    if paper == FOUNDATION:
        return [[path.relative_to(ROOT) for path in sorted(tests.glob("test_*.py"))]]
    of_package = sorted((tests / paper).glob(f"test_{package}*.py")) or [tests / f"test_{paper}.py"]
    claims = sorted((checks / f"test_{paper}").glob("test_*.py")) or [checks / f"test_{paper}.py"]
    return [[path.relative_to(ROOT) for path in found] for found in (of_package, claims)]


def by_interest(files: list[Path], source: str, line: int) -> list[str]:
    """Files that name what was changed first: the function around the line, then any other of its module."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    names = [node.name for node in functions]
    around = [node.name for node in functions if node.lineno <= line <= (node.end_lineno or line)]

    def interest(path: Path) -> tuple[int, int]:
        text = (ROOT / path).read_text(encoding="utf-8")
        return sum(map(text.count, around)), sum(map(text.count, names))

    return [str(path) for path in sorted(files, key=interest, reverse=True)]


def _judge(folder: str, targets: list[str]) -> None:
    """Run pytest in a copy of the workbench; the exit status is that of the process."""
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    import pytest

    os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *targets])))


def passes(folder: Path, targets: list[str]) -> bool:
    """Tell whether the tests pass in the copy; one that does not end in time has failed."""
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=_judge, args=(str(folder), targets))
    process.start()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode == 0


def judged(folder: Path, package: str, paper: str, rng: random.Random, known: dict[str, str]) -> tuple[str, str]:
    """Make one mutant in the copy and return what was changed and who noticed; known results are not found again."""
    files = sources(package, paper)
    texts = [(ROOT / path).read_text(encoding="utf-8") for path in files]
    # A file's chance is its share of the sites.
    chosen = rng.choices(range(len(files)), [len(sites(ast.parse(text))) for text in texts])[0]
    mutant, change, line = mutate(texts[chosen], rng)
    change = f"{files[chosen]}:{line}: {change}"
    if change in known:
        return change, known[change]
    (folder / files[chosen]).write_text(mutant, encoding="utf-8")
    noticed = "nobody"
    for name, targets in zip(("tests", "claims"), judges(package, paper), strict=False):
        if not passes(folder, by_interest(targets, texts[chosen], line)):
            noticed = name
            break
    (folder / files[chosen]).write_text(texts[chosen], encoding="utf-8")
    return change, noticed


def reason(change: str) -> str:
    """Why nothing notices a mutant, as docs/trust/survivors.json says; empty if it does not."""
    reasons = json.loads((TRUST / "survivors.json").read_text(encoding="utf-8"))
    return reasons.get(re.sub(r":\d+: ", ": ", change, count=1), "")  # lines move


def table() -> dict:
    """All results on file as a table for the report; every survivor with the reason that was found for it."""
    rows = []
    for path in sorted((TRUST / "mutants").glob("*.jsonl")):
        package, _, paper = path.stem.partition(".")
        results = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        survivors = [result["change"] for result in results if result["noticed_by"] == "nobody"]
        explained = [f"{change} ({reason(change)})" for change in survivors if reason(change)]
        unexplained = [change for change in survivors if not reason(change)]
        killed = len(results) - len(survivors)
        share = f"{100 * killed / len(results):.0f} %"
        rows.append([package, paper, len(results), killed, share, "; ".join(explained), "; ".join(unexplained)])
    return {
        "title": "Mutation score: does anything notice when the code is wrong?",
        "command": "python tests/mutants.py PAPER --package theory --count 100",
        "columns": ["package", "paper", "mutants", "noticed", "share", "survivors explained", "not explained"],
        "rows": rows,
        "note": "A mutant changes one number, operator, sign or comparison. Noticed: a test or a claim fails.",
    }


def papers(package: str) -> list[str]:
    """All papers with a part in a package, and the foundation."""
    found = {path.stem for path in (ROOT / package).iterdir() if (ROOT / "paper_checks" / f"test_{path.stem}").exists()}
    return [*sorted(found), FOUNDATION]


def run_mutants(package: str, paper: str, count: int, seed: int) -> list[str]:
    """Judge that many mutants, print and keep the results, and return the changes that nobody noticed."""
    kept = TRUST / "mutants" / f"{package}.{paper}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    known = {result["change"]: result["noticed_by"] for result in map(json.loads, lines)}
    results: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_workbench(folder)
        for files in judges(package, paper):
            if not passes(folder, [str(files[0])]):
                raise RuntimeError(f"{files[0]} fails in a sound copy: nothing can be learned from mutants")
        for number in range(count):
            change, noticed = judged(folder, package, paper, random.Random(f"{seed}/{number}"), known)
            results[change] = noticed
            word = f"noticed by its {noticed}" if noticed != "nobody" else "SURVIVED"
            print(f"{number:3d} {word}: {change}", flush=True)
            if change not in known:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"change": change, "noticed_by": noticed}) + "\n")
                known[change] = noticed
    survivors = [change for change, noticed in results.items() if noticed == "nobody"]
    print(f"{paper}: {len(results) - len(survivors)} of {len(results)} mutants of {package} noticed", flush=True)
    return survivors


def main() -> int:
    """Run the mutants; return 1 if one survived without a known reason."""
    parser = argparse.ArgumentParser(prog="python tests/mutants.py", description=__doc__.split("\n")[0])
    parser.add_argument("papers", nargs="*", metavar="PAPER", help=f"default: all, and {FOUNDATION}")
    parser.add_argument(
        "--package", choices=("theory", "sims"), default="theory", help="what to break (default theory)"
    )
    parser.add_argument("--count", type=int, default=100, help="mutants of each paper (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="decides which (default 0)")
    parser.add_argument("--table", action="store_true", help="write docs/trust/mutants.json from all results and stop")
    options = parser.parse_args()
    if options.table:
        (TRUST / "mutants.json").write_text(json.dumps(table(), indent=1) + "\n", encoding="utf-8")
        return 0
    known = papers(options.package)
    if unknown := [paper for paper in options.papers if paper not in known]:
        parser.error(f"no {', '.join(unknown)} in {options.package}; there are {', '.join(known)}")
    chosen = options.papers or known
    survivors = [
        change for paper in chosen for change in run_mutants(options.package, paper, options.count, options.seed)
    ]
    return int(not all(map(reason, survivors)))


if __name__ == "__main__":
    sys.exit(main())
