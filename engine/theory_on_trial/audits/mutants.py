"""Break a paper's code at random and see whether anything notices: `python tests/mutants.py random_walk_pca`.

A mutant changes one number, one arithmetic operator, one sign or one comparison in `theory/<paper>` (or, with
`--package sims`, in `sims/<paper>`; `foundation` stands for the files that all papers share) in a copy of the
workbench. Its judges are the paper's tests of that package and its claims: those that run the changed line, quickest
first, and, where this cannot be told (the line runs on import, or in another process), all of them. Each result is
kept in docs/trust/mutants as it comes: an interrupted run goes on where it stopped. It goes by its function, the text
of its line and the change, and counts as long as that line stands there. One that all let pass is a hole in the checks,
or an equivalent program: docs/trust/survivors.json says which, and why. `--open` judges those again of which it does
not. `--table` collects all results for the report.
"""

import argparse
import ast
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
TRUST = ROOT / "docs" / "trust"
PACKAGES = ("arguments", "theory", "sims", "paper_checks", "figures", "tools")
FOUNDATION = "foundation"
# Imported once for all mutants; nothing of the workbench is, and no plugin of pytest, which wants to be the first.
PRELOADED = ["jax", "pytest", "mpmath", "beartype", "scipy.optimize", "scipy.stats", "scipy.special"]
PATIENCE = 30  # seconds, beside five times those that the tests take with sound code; a mutant may loop for ever
QUICK = 8  # tests that are tried first: most mutants are noticed by any

OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}


def copy_workbench(folder: Path) -> None:
    """Copy the packages, the tests, the tables in the documentation and the settings to `folder`."""
    for package in (*PACKAGES, "tests", "docs/trust"):
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


def functions(source: str) -> list[str]:
    """The qualified name of the innermost function or class around each line of a module; empty outside of all."""
    names = [""] * len(source.splitlines())

    def visit(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{name}.{child.name}" if name else child.name
                lines = slice(child.lineno - 1, child.end_lineno)
                names[lines] = [inner] * len(names[lines])
                visit(child, inner)
            else:
                visit(child, name)

    visit(ast.parse(source), "")
    return names


def places(file: str) -> list[str]:
    """What each line of a file of the workbench goes by: file, function and text, whatever its number."""
    source = (ROOT / file).read_text(encoding="utf-8")
    return [
        f"{file}{'::' * bool(name)}{name}: {line.strip()}"
        for name, line in zip(functions(source), source.splitlines(), strict=True)
    ]


def variants(site: ast.expr) -> list[ast.expr]:
    """What a site may be changed into."""
    if isinstance(site, ast.BinOp):
        return [ast.BinOp(site.left, OPERATORS[type(site.op)](), site.right)]
    if isinstance(site, ast.UnaryOp):
        return [ast.UnaryOp(ast.UAdd(), site.operand)]
    if isinstance(site, ast.Compare):
        return [ast.Compare(site.left, [COMPARISONS[type(site.ops[0])](), *site.ops[1:]], site.comparators)]
    assert isinstance(site, ast.Constant)
    if isinstance(site.value, int):
        return [ast.Constant(site.value - 1), ast.Constant(site.value + 1)]
    assert isinstance(site.value, float)
    return [ast.Constant(site.value * factor or 0.1) for factor in (0.9, 1.1)]


class Mutant(NamedTuple):
    """A module's source with one change, and its name: the place and the change.

    `file` is relative to the root; `lines` are those of the changed statement.
    """

    file: str
    code: str
    name: tuple[str, str]
    lines: range


def mutant_of(file: str, number: int, variant: int) -> Mutant:
    """The mutant that has that variant of that site of a file of the workbench."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    site = sites(tree)[number]
    changed = variants(site)[variant]
    change, lines = f"{ast.unparse(site)} -> {ast.unparse(changed)}", range(site.lineno, (site.end_lineno or 0) + 1)
    for node in ast.walk(tree):
        is_simple = isinstance(node, ast.stmt) and not hasattr(node, "body")
        if is_simple and node.lineno <= site.lineno <= (node.end_lineno or 0):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    vars(site).update({field: getattr(changed, field) for field in changed._fields})
    return Mutant(file, ast.unparse(tree), (places(file)[site.lineno - 1], change), lines)


def drawn(package: str, paper: str, rng: random.Random) -> tuple[str, str]:
    """The name of a random mutant; a file's chance is its share of the sites."""
    files = sources(package, paper)
    found = [sites(ast.parse((ROOT / file).read_text(encoding="utf-8"))) for file in files]
    chosen = rng.choices(range(len(files)), list(map(len, found)))[0]
    number = rng.choice(range(len(found[chosen])))
    return mutant_of(str(files[chosen]), number, rng.choice(range(len(variants(found[chosen][number]))))).name


def draw(package: str, paper: str, count: int, seed: int) -> list[tuple[str, str]]:
    """The names of that many different mutants, fewer only where ten times as many draws give no more."""
    names: dict[tuple[str, str], None] = {}
    for number in range(10 * count):
        names[drawn(package, paper, random.Random(f"{seed}/{number}"))] = None
        if len(names) == count:
            break
    return list(names)


def named(name: tuple[str, str]) -> list[Mutant]:
    """All mutants of that name: a number may stand twice in a line."""
    file = re.split(r"::|: ", name[0])[0]
    found, where = sites(ast.parse((ROOT / file).read_text(encoding="utf-8"))), places(file)
    there = [number for number, site in enumerate(found) if where[site.lineno - 1] == name[0]]
    every = [mutant_of(file, number, variant) for number in there for variant in range(len(variants(found[number])))]
    return [mutant for mutant in every if mutant.name == name]


def sources(package: str, paper: str) -> list[Path]:
    """The files of a paper (or of the foundation) in a package that hold something to mutate, relative to the root."""
    folder = ROOT / package
    if paper == FOUNDATION:
        files = sorted(folder.glob("*.py"))
    else:
        files = sorted((folder / paper).rglob("*.py")) or [folder / f"{paper}.py"]
    return [path.relative_to(ROOT) for path in files if sites(ast.parse(path.read_text(encoding="utf-8")))]


def judges(package: str, paper: str) -> list[str]:
    """The files of tests and those of claims that judge a mutant, relative to the root."""
    tests, checks = ROOT / "tests", ROOT / "paper_checks"
    if paper == FOUNDATION:
        shared = re.compile("|".join(rf"\b{package}\.{path.stem}\b" for path in sources(package, paper)))
        found = [path for path in sorted(tests.rglob("test_*.py")) if shared.search(path.read_text(encoding="utf-8"))]
    else:
        hostile = f"test_hostile_{'sims_' if package == 'sims' else ''}{paper}.py"
        found = sorted((tests / paper).glob(f"test_{package}*.py")) or [tests / f"test_{paper}.py"]
        found += (tests / "hostile").glob(hostile)
        found += sorted((checks / f"test_{paper}").glob("test_*.py")) or [checks / f"test_{paper}.py"]
    return [str(path.relative_to(ROOT)) for path in found]


def _judge(folder: Path, targets: list[str], path: Path, recorded: Path | None, patience: int) -> None:
    """Run pytest in a copy of the workbench; what is found is written to `path`."""
    # Of the processor, not of the clock: a busy machine must not pass for a mutant that loops.
    resource.setrlimit(resource.RLIMIT_CPU, (patience, patience))
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)  # of the processes that tests start
    sys.path[:0] = [str(folder), str(ROOT / "tests")]
    sys.dont_write_bytecode = True
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    import pytest

    from theory_on_trial.audits.covering import Recorder

    first = [] if recorded else ["-x"]
    os._exit(pytest.main([*first, "-q", "-p", "no:cacheprovider", *targets], plugins=[Recorder(path, recorded)]))


def run_judges(folder: Path, targets: list[str], patience: int, recorded: Path | None = None) -> dict[str, Any]:
    """What `covering.Recorder` found in a run of these tests in the copy.

    "failed" names the first test that failed, or what ended the run otherwise; it is empty if all passed. The run may
    take `patience` seconds of the processor, and ten times as many of the clock.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    path = folder / "found.json"
    path.unlink(missing_ok=True)
    process = context.Process(target=_judge, args=(folder, targets, path, recorded, patience))
    process.start()
    process.join(10 * patience)
    if process.is_alive() or process.exitcode == -signal.SIGKILL:
        process.kill()
        process.join()
        return {"failed": f"no end within {patience} s of the processor"}
    if not path.exists():
        return {"failed": "the process died"}
    found = json.loads(path.read_text(encoding="utf-8"))
    ended = f"exit status {process.exitcode}" if process.exitcode else ""
    return found | {"failed": found["failed"] or ended}


def judged(folder: Path, package: str, paper: str, name: tuple[str, str], sound: dict[str, Any]) -> str:
    """Make all mutants of a name in the copy, one by one; who noticed the last, or "nobody" if one was not noticed.

    `sound` is what was recorded of the judges before.
    """
    noticed = ""
    for mutant in named(name):
        who, seconds = sound["lines"].get(mutant.file, {}), sound["seconds"]
        covering = {one for line in mutant.lines for one in who.get(str(line), [])}
        quickest = sorted(covering, key=lambda one: seconds.get(one, 0.0))
        stages = [quickest[:QUICK], quickest[QUICK:]] if covering else [judges(package, paper)]
        noticed = ""
        (folder / mutant.file).write_text(mutant.code, encoding="utf-8")
        for targets in filter(None, stages):
            expected = sum(seconds.get(one, 0.0) for one in (targets if targets[0] in seconds else seconds))
            noticed = noticed or run_judges(folder, targets, PATIENCE + int(5 * expected))["failed"]
        shutil.copy(ROOT / mutant.file, folder / mutant.file)
        if not noticed:
            return "nobody"
    return noticed


def results_on_file(package: str, paper: str) -> dict[tuple[str, str], str]:
    """Who noticed each mutant that was judged, by its place and its change, as long as its line stands."""
    path = TRUST / "mutants" / f"{package}.{paper}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    results = {(result["place"], result["change"]): result["noticed_by"] for result in map(json.loads, lines)}
    standing = {place for file in sources(package, paper) for place in places(str(file))}
    return {mutant: noticed for mutant, noticed in results.items() if mutant[0] in standing}


def reason(mutant: tuple[str, str]) -> str:
    """Why nothing notices a mutant, as docs/trust/survivors.json says; empty if it does not."""
    reasons = json.loads((TRUST / "survivors.json").read_text(encoding="utf-8"))
    return reasons.get(": ".join(mutant), "")


def table() -> dict:
    """All results on file as a table for the report; every survivor with the reason that was found for it."""
    rows = []
    for path in sorted((TRUST / "mutants").glob("*.jsonl")):
        package, _, paper = path.stem.partition(".")
        results = results_on_file(package, paper)
        survivors = [mutant for mutant, noticed in results.items() if noticed == "nobody"]
        explained = [f"{': '.join(mutant)} ({reason(mutant)})" for mutant in survivors if reason(mutant)]
        unexplained = [": ".join(mutant) for mutant in survivors if not reason(mutant)]
        killed = len(results) - len(survivors)
        share = f"{100 * killed / (len(results) - len(explained)):.0f} %"
        counts = [len(results), killed, share, len(explained), "; ".join(unexplained)]
        rows.append([package, paper, *counts, "; ".join(explained)])
    return {
        "title": "Mutation score: does anything notice when the code is wrong?",
        "command": "python tests/mutants.py PAPER --package theory --count 100",
        "columns": [
            "package",
            "paper",
            "mutants",
            "noticed",
            "score",
            "explained",
            "not explained",
            "the explained ones",
        ],
        "rows": rows,
        "note": (
            "A mutant changes one number, operator, sign or comparison. Noticed: a test or a claim fails. Score: the "
            "share noticed of those not explained; an explained one is an equivalent program or an accuracy setting."
        ),
    }


def papers(package: str) -> list[str]:
    """All papers with a part in a package, and the foundation if it holds something to mutate."""
    found = {path.stem for path in (ROOT / package).iterdir() if (ROOT / "paper_checks" / f"test_{path.stem}").exists()}
    return [*sorted(found), *([FOUNDATION] if sources(package, FOUNDATION) else [])]


def run_mutants(
    package: str, paper: str, chosen: list[tuple[str, str]], known: dict[tuple[str, str], str]
) -> list[tuple[str, str]]:
    """Judge the mutants of these names, `known` ones not again; print and keep results, return what nobody noticed."""
    known = dict(known)
    kept = TRUST / "mutants" / f"{package}.{paper}.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        copy_workbench(folder)

        @cache
        def sound() -> dict[str, Any]:
            found = run_judges(folder, judges(package, paper), 3600, recorded=folder / package)
            if found["failed"]:
                raise RuntimeError(f"{found['failed']} fails in a sound copy: nothing can be learned from mutants")
            return found | {"lines": {f"{package}/{file}": lines for file, lines in found["lines"].items()}}

        for number, name in enumerate(chosen):
            if name not in known:
                known[name] = judged(folder, package, paper, name, sound())
                line = {"place": name[0], "change": name[1], "noticed_by": known[name]}
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
            word = f"noticed by {known[name]}" if known[name] != "nobody" else "SURVIVED"
            print(f"{number:3d} {word}: {': '.join(name)}", flush=True)
    survivors = [name for name in chosen if known[name] == "nobody"]
    print(f"{paper}: {len(chosen) - len(survivors)} of {len(chosen)} mutants of {package} noticed", flush=True)
    return survivors


def main() -> int:
    """Run the mutants; return 1 if one survived without a known reason."""
    parser = argparse.ArgumentParser(prog="python tests/mutants.py", description=__doc__.split("\n")[0])
    parser.add_argument("papers", nargs="*", metavar="PAPER", help=f"default: all; {FOUNDATION} stands beside them")
    parser.add_argument(
        "--package", choices=("theory", "sims"), default="theory", help="what to break (default theory)"
    )
    parser.add_argument("--count", type=int, default=100, help="mutants of each paper (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="decides which (default 0)")
    parser.add_argument("--again", action="store_true", help="judge known mutants again")
    parser.add_argument("--open", action="store_true", help="judge those on file again that survived without a reason")
    parser.add_argument("--table", action="store_true", help="write docs/trust/mutants.json from all results and stop")
    options = parser.parse_args()
    if options.table:
        (TRUST / "mutants.json").write_text(json.dumps(table(), indent=1) + "\n", encoding="utf-8")
        return 0
    known = papers(options.package)
    if unknown := [paper for paper in options.papers if paper not in known]:
        parser.error(f"no {', '.join(unknown)} in {options.package}; there are {', '.join(known)}")
    survivors = []
    for paper in options.papers or [paper for paper in known if paper != FOUNDATION]:
        results = results_on_file(options.package, paper)
        if options.open:
            chosen = [name for name, noticed in results.items() if noticed == "nobody" and not reason(name)]
        else:
            chosen = draw(options.package, paper, options.count, options.seed)
        survivors += run_mutants(options.package, paper, chosen, {} if options.again or options.open else results)
    return int(not all(map(reason, survivors)))


if __name__ == "__main__":
    sys.exit(main())
