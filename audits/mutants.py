"""Break a paper's code at random and see whether anything notices:
`theory-on-trial audit mutants [PAPER …]`.

A mutant changes one number, one arithmetic operator, one sign or one comparison in `theory/<paper>`
or `sims/<paper>`, or in a marked function of a paper on one page (`--package briefs`), in a copy of
the repository. Its judges are the paper's tests (`tests/<paper>` or `tests/test_<paper>.py`) that
import this, and its claims: those that run the changed line, and, where this cannot be told (the
line runs on import, or in another process), all of them. The claims come first, so that what a test
notices is what no claim did; the quickest of each come before the others. `--package` names another
package: its modules stand for papers, and their judges are the tests beside it that import them.

Each result is kept in the folder `mutants` of the records as it comes: an interrupted run goes on
where it stopped. It goes by its function, the text of its line and the change, and counts as long
as that line stands there; it is judged again once the file that noticed it has changed, or what
this imports; one that nobody noticed, once any of its judges has. A mutant that all let pass is a
hole in the checks, or an equivalent program: `survivors.json` beside the paper's claims
(`survivors_<paper>.json` where these are one module) says which, and why. `--open` judges those
again of which it does not.
"""

import argparse
import ast
import compileall
import gc
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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from theory_on_trial import repository
from theory_on_trial.audits.driver import Line, Table
from theory_on_trial.explore.runs import keep_line
from theory_on_trial.repository import outline, records
from theory_on_trial.repository.digest import imported
from theory_on_trial.testing.warm_python import keep_examples_in

PACKAGES = {"theory": 100, "sims": 30, "briefs": 20}
"""What is broken unless told otherwise, and at least how many mutants of it are judged for each
paper.
"""
# Imported once for all mutants; nothing of the repository is.
PRELOADED = ["theory_on_trial.testing.plugins", "jax", "mpmath", "beartype", "coverage"]
PRELOADED += ["scipy.optimize", "scipy.stats", "scipy.special"]
# seconds, beside five times those that the tests take with sound code; a mutant may loop for ever
PATIENCE = 30
_USAGE = 4
_NO_TESTS = 5  # exit statuses of pytest
QUICK = 8  # tests that are tried first: most mutants are noticed by any

Name = tuple[str, str]
"""What a mutant goes by: the place and the change."""

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
}
COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}


def copy_workbench(folder: Path) -> None:
    """Copy the present repository to `folder`, without what is hidden or made by running it."""

    def left_out(place: str, names: list[str]) -> set[str]:
        folders = {"__pycache__", "node_modules", "build", "dist", "out"}
        return {
            n
            for n in names
            if n.startswith(".") or n in folders or Path(place, n, "pyvenv.cfg").exists()
        }

    shutil.copytree(repository.root(), folder, ignore=left_out, dirs_exist_ok=True)
    for place in import_paths(folder)[1:]:  # every judge imports the engine
        compileall.compile_dir(place, quiet=2)


def import_paths(folder: Path) -> list[str]:
    """Return the folders of a copy that must come first on Python's path, so that it hides what is
    installed.
    """
    engines = folder.glob("*/theory_on_trial")
    return [str(folder), *(str(place.parent) for place in engines if (place / "audits").is_dir())]


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m command` in a copy of the repository, which hides the installed one; stop it
    after 20 minutes.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(import_paths(folder))}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
    )


def sites(tree: ast.Module) -> list[ast.expr]:
    """Return a module's numbers, arithmetic and comparisons, outside annotations and refusals of
    bad input.

    Annotations are also the domains that a module gives a name, refusals also the calls of
    `require`. Of a paper on one page those of its marked functions.
    """
    nodes: list[ast.expr] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Raise | ast.If) and any(
            isinstance(child, ast.Raise) for child in ast.walk(node)
        ):
            return
        head = (
            node.func
            if isinstance(node, ast.Call)
            else node.value
            if isinstance(node, ast.Subscript)
            else None
        )
        if isinstance(head, ast.Name) and head.id in ("require", "Annotated"):
            return
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
        arithmetic = isinstance(node, ast.BinOp) and type(node.op) in OPERATORS
        minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        comparison = isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS
        if number or arithmetic or minus or comparison:
            nodes.append(node)  # type: ignore[arg-type]
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        visit(child)

    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    marks = {"predicted", "observed"}
    chosen = [
        node for node in functions if marks.intersection(map(ast.unparse, node.decorator_list))
    ]
    for part in chosen or tree.body:
        visit(part)
    return nodes


def functions(source: str) -> list[str]:
    """The qualified name of the innermost function or class around each line of a module; empty
    outside of all.
    """
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
    """What each line of a file of the repository goes by: file, function and text, whatever its
    number.
    """
    source = (repository.root() / file).read_text(encoding="utf-8")
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
        return [
            ast.Compare(
                site.left, [COMPARISONS[type(site.ops[0])](), *site.ops[1:]], site.comparators
            )
        ]
    assert isinstance(site, ast.Constant)
    if isinstance(site.value, int):
        return [ast.Constant(site.value - 1), ast.Constant(site.value + 1)]
    assert isinstance(site.value, float)
    return [ast.Constant(site.value * factor or 0.1) for factor in (0.9, 1.1)]


class Mutant(NamedTuple):
    """A module's source with one change; `file` is relative to the root, `lines` are those of the
    changed statement.
    """

    file: str
    code: str
    name: Name
    lines: range


def mutant_of(file: str, number: int, variant: int) -> Mutant:
    """The mutant that has that variant of that site of a file of the repository."""
    tree = _parsed(file)
    site = sites(tree)[number]
    changed = variants(site)[variant]
    change = f"{ast.unparse(site)} -> {ast.unparse(changed)}"
    lines = range(site.lineno, (site.end_lineno or 0) + 1)
    for node in ast.walk(tree):
        is_simple = isinstance(node, ast.stmt) and not hasattr(node, "body")
        if (
            isinstance(node, ast.stmt)
            and is_simple
            and node.lineno <= site.lineno <= (node.end_lineno or 0)
        ):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    vars(site).update({field: getattr(changed, field) for field in changed._fields})
    return Mutant(file, ast.unparse(tree), (places(file)[site.lineno - 1], change), lines)


def drawn(files: list[str], rng: random.Random) -> Name:
    """The name of a random mutant of these; a file's chance is its share of the sites."""
    by_file = [sites(_parsed(file)) for file in files]
    chosen = rng.choices(range(len(files)), list(map(len, by_file)))[0]
    number = rng.choice(range(len(by_file[chosen])))
    return mutant_of(
        files[chosen], number, rng.choice(range(len(variants(by_file[chosen][number]))))
    ).name


def draw(package: str, paper: str, count: int, seed: int) -> list[Name]:
    """The names of that many different mutants, fewer only where ten times as many draws give no
    more.
    """
    names = dict[Name, None]()
    files = sources(package, paper)
    for number in range(10 * count if files else 0):
        names[drawn(files, random.Random(f"{seed}/{number}"))] = None
        if len(names) == count:
            break
    return list(names)


def named(name: Name) -> list[Mutant]:
    """All mutants of that name: a number may stand twice in a line."""
    file = re.split(r"::|: ", name[0])[0]
    nodes = sites(_parsed(file))
    where = places(file)
    hits = [number for number, site in enumerate(nodes) if where[site.lineno - 1] == name[0]]
    mutants = [
        mutant_of(file, number, variant)
        for number in hits
        for variant in range(len(variants(nodes[number])))
    ]
    return [mutant for mutant in mutants if mutant.name == name]


def _parsed(file: str) -> ast.Module:
    return ast.parse((repository.root() / file).read_text(encoding="utf-8"))


def folder_of(package: str) -> Path:
    """Return the folder of a package of the present repository, relative to the root; ValueError if
    it has none.
    """
    root = repository.root()
    folders = [
        place for place in (root / package, *sorted(root.glob(f"*/{package}"))) if place.is_dir()
    ]
    if not folders:
        raise ValueError(f"no package {package!r} in {root}")
    return folders[0].relative_to(root)


def sources(package: str, paper: str) -> list[str]:
    """The files of a paper in a package that hold something to mutate, relative to the root."""
    folder = repository.root() / folder_of(package)
    files = sorted((folder / paper).rglob("*.py")) or [
        path for path in [folder / f"{paper}.py"] if path.exists()
    ]
    if paper.startswith(f"{package}."):  # on one page
        files = outline.files(paper)
    names = [path.relative_to(repository.root()).as_posix() for path in files]
    return [name for name in names if sites(_parsed(name))]


def judges(package: str, paper: str) -> list[str]:
    """The files of tests that judge a mutant, and the files or the package of the claims, relative
    to the root.
    """
    tests, claims = _tests_and_claims(package, paper)
    files = [
        file
        for place in tests
        for file in ([place] if place.is_file() else sorted(place.rglob("test_*.py")))
    ]
    judging = [file for file in files if f"{package}.{paper}" in imported(file)]
    return [path.relative_to(repository.root()).as_posix() for path in [*judging, *claims]]


def source_of(package: str, paper: str, *noticed_by: str) -> dict[str, Any]:
    """Return what results rest on: the files of those who noticed, with all that they import; of a
    mutant that nobody noticed the paper's part of the package, its tests and its claims.
    """
    root = repository.root()
    folder = repository.root() / folder_of(package)
    files = {root / who.partition("::")[0] for who in noticed_by}
    if files and all(map(Path.is_file, files)):
        return records.source(root, *files)
    parts = [place for place in (folder / paper, folder / f"{paper}.py") if place.exists()][:1]
    tests, claims = _tests_and_claims(package, paper)
    return records.source(root, *filter(Path.is_file, files), *parts, *tests, *claims)


def _tests_and_claims(package: str, paper: str) -> tuple[list[Path], list[Path]]:
    tests = repository.root() / "tests"
    if paper in outline.papers():
        return [
            path for path in (tests / paper, tests / f"test_{paper}.py") if path.exists()
        ], outline.places(paper)
    return [repository.root() / folder_of(package).parent / "tests"], []


def _judge(
    folder: Path, targets: list[str], path: Path, recorded: Path | None, patience: int
) -> None:
    """Run pytest in a copy of the repository; what is found is written to `path`."""
    # Of the processor, not of the clock: a busy machine must not pass for a mutant that loops.
    resource.setrlimit(resource.RLIMIT_CPU, (patience, patience))
    os.chdir(folder)
    paths = import_paths(folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # of the processes that tests start
    sys.path[:0] = paths
    # Bytecode goes by a file's size and second: that of sound files serves all, that of a mutant
    # nobody.
    sys.dont_write_bytecode = recorded is None
    keep_examples_in(folder)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    # The engine is imported afresh: from the copy where that has one, and by pytest, which wants to
    # be the first.
    for name in [
        name for name in sys.modules if name.partition(".")[0] in ("theory_on_trial", "audits")
    ]:
        del sys.modules[name]
    gc.freeze()  # pytest collects garbage four times, and would look at all that is imported
    import pytest

    class Recorded:
        """Brings in the recorder once pytest is configured."""

        def pytest_configure(self, config: pytest.Config) -> None:
            from audits.covering import Recorder

            config.pluginmanager.register(Recorder(path, recorded))

    first = [] if recorded else ["-x"]
    # Tests go by their paths in the copy, also where a folder in it has settings of its own.
    options = [*first, "-q", "-p", "no:cacheprovider", f"--rootdir={folder}"]
    os._exit(pytest.main([*options, *targets], plugins=[Recorded()]))


def run_judges(
    folder: Path, targets: list[str], patience: int, recorded: Path | None = None
) -> dict[str, Any]:
    """What `covering.Recorder` found in a run of these tests in the copy.

    "failed" names the first test that failed, or what ended the run otherwise; it is empty if all
    passed. The run may take `patience` seconds of the processor, and ten times as many of the
    clock. Raises RuntimeError where pytest finds no such tests.
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
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if process.exitcode in (_USAGE, _NO_TESTS) and not record["failed"]:
        # A mutant may change the parameters in the names of tests: their files stay.
        files = list(dict.fromkeys(target.partition("::")[0] for target in targets))
        if files == targets:
            raise RuntimeError(f"pytest finds no tests in {', '.join(files)}")
        return run_judges(folder, files, 2 * patience, recorded)
    return record | {
        "failed": record["failed"]
        or (f"exit status {process.exitcode}" if process.exitcode else "")
    }


def judged(folder: Path, package: str, paper: str, name: Name, sound: dict[str, Any]) -> str:
    """Make all mutants of a name in the copy, one by one; who noticed the last, or "nobody" if one
    was not noticed.

    `sound` is what was recorded of the judges before.
    """
    killer = ""
    claims = _claims_folder(paper)
    for mutant in named(name):
        who = sound["lines"].get(mutant.file, {})
        seconds = sound["seconds"]
        covering = {test for line in mutant.lines for test in who.get(str(line), [])}
        quickest = sorted(covering, key=lambda one: float(seconds.get(one, 0.0)))
        stages = []
        for group in _apart(quickest or judges(package, paper), first=claims):
            stages += [group[:QUICK], group[QUICK:]] if covering else [group]
        killer = ""
        (folder / mutant.file).write_text(mutant.code, encoding="utf-8")
        for targets in filter(None, stages):
            cost = sum(
                seconds.get(test, 0.0) for test in (targets if targets[0] in seconds else seconds)
            )
            killer = killer or run_judges(folder, targets, PATIENCE + int(5 * cost))["failed"]
        shutil.copy(repository.root() / mutant.file, folder / mutant.file)
        if not killer:
            return "nobody"
    return killer


def sound_run(folder: Path, package: str, paper: str) -> dict[str, Any]:
    """Seconds of the judges in a sound copy, and who runs which line; raises RuntimeError if one
    fails.
    """
    place = folder_of(package)
    seconds = dict[str, float]()
    lines: dict[str, dict[str, list[str]]] = {}
    for targets in _apart(judges(package, paper)):
        report = run_judges(folder, targets, 3600, recorded=folder / place)
        if report["failed"]:
            raise RuntimeError(
                f"{report['failed']} fails in a sound copy: nothing can be learned from mutants"
            )
        seconds |= report["seconds"]
        for file, who in report["lines"].items():
            of_file = lines.setdefault(f"{place.as_posix()}/{file}", {})
            for line, tests in who.items():
                of_file[line] = of_file.get(line, []) + tests
    return {"seconds": seconds, "lines": lines}


def _apart(targets: Sequence[str], first: str = "") -> list[list[str]]:
    """Targets by the folder that they begin with: a module of tests and one of claims may bear the
    same name.
    """
    folders = dict.fromkeys(Path(target).parts[0] for target in targets)
    return [
        [target for target in targets if Path(target).parts[0] == folder]
        for folder in sorted(folders, key=lambda name: name != first)
    ]


def _claims_folder(paper: str) -> str:
    """The top folder of a paper's claims; empty for the modules of a package that are no papers."""
    claims = outline.places(paper) if paper in outline.papers() else []
    return claims[0].relative_to(repository.root()).parts[0] if claims else ""


def judge_all(
    package: str,
    paper: str,
    chosen: Sequence[Name],
    known: Mapping[Name, str],
    kept: Path | None = None,
) -> list[Name]:
    """Judge the mutants of these names, `known` ones not again; print results, and append them to
    the file `kept`.

    Returns those that nobody noticed. Raises RuntimeError if a judge fails on sound code.
    """
    known = dict(known)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "copy"
        copy_workbench(folder)

        @cache
        def sound() -> dict[str, Any]:
            return sound_run(folder, package, paper)

        for number, name in enumerate(chosen):
            if name not in known:
                known[name] = judged(folder, package, paper, name, sound())
                if kept is not None:
                    source = source_of(package, paper, known[name])["digest"]
                    line = {
                        "place": name[0],
                        "change": name[1],
                        "noticed_by": known[name],
                        "source": source,
                    }
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    keep_line(kept, json.dumps(line))
            word = f"noticed by {known[name]}" if known[name] != "nobody" else "SURVIVED"
            print(f"{number:3d} {word}: {': '.join(name)}", flush=True)
    survivors = [name for name in chosen if known[name] == "nobody"]
    print(
        f"{paper}: {len(chosen) - len(survivors)} of {len(chosen)} mutants of {package} noticed",
        flush=True,
    )
    return survivors


def run(paper: str, count: int, package: str = "theory", seed: int = 0) -> list[str]:
    """Return a sentence for each of `count` mutants of a paper that nothing notices and nobody has
    explained.

    Results on record for the present source are not judged again; nothing is recorded. Raises
    `ValueError` for a package that is not there, `RuntimeError` if a judge fails on sound code.
    """
    chosen = draw(package, paper, count, seed)
    if not chosen:
        return [f"{folder_of(package)} holds nothing of {paper} that could be changed"]
    survivors = judge_all(package, paper, chosen, _of_present_source(package, paper))
    names = [name for name in map(": ".join, survivors) if name not in reasons(package, paper)]
    return [
        f"nothing notices {name}; a claim shall, or a reason stands in the file of survivors"
        for name in names
    ]


def path_of(package: str, paper: str) -> Path:
    """The file of a paper's results."""
    return repository.records_folder() / "mutants" / f"{package}.{paper}.jsonl"


def results_on_file(package: str, paper: str) -> dict[Name, dict[str, Any]]:
    """The last result of each mutant whose line stands, by place and change, without lines cut
    short by a kill.
    """
    path = path_of(package, paper)
    results: dict[Name, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        with suppress(json.JSONDecodeError):
            result = json.loads(line)
            results[result["place"], result["change"]] = result
    standing = {place for file in sources(package, paper) for place in places(file)}
    return {mutant: result for mutant, result in results.items() if mutant[0] in standing}


def _of_present_source(package: str, paper: str) -> dict[Name, str]:
    results = results_on_file(package, paper)
    digest = cache(lambda file: source_of(package, paper, file)["digest"])
    return {
        name: result["noticed_by"]
        for name, result in results.items()
        if result.get("source") == digest(result["noticed_by"].partition("::")[0])
    }


def reasons(package: str, paper: str) -> dict[str, str]:
    """Why nothing notices a mutant, by place and change, as `survivors.json` says beside the claims
    or the tests.
    """
    if paper in outline.papers():
        path = outline.beside(paper, "survivors.json")
    else:
        path = repository.root() / folder_of(package).parent / "tests" / "survivors.json"
    texts: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return texts


TABLE = Table(
    name="mutants",
    title="Mutation score: does anything notice when the code is wrong?",
    columns=(
        *(
            "package",
            "paper",
            "mutants",
            "noticed",
            "by a claim",
            "score",
            "explained",
            "not explained",
        ),
        "the explained ones",
    ),
    parts=lambda: sorted(
        {path.stem.partition(".")[0] for path in path_of("", "").parent.glob("*.jsonl")}
    ),
    note=lambda rows: (
        "A mutant changes one number, operator, sign or comparison. Noticed: a claim fails, or, "
        "where none does, a "
        "test. Score: the share noticed of those not explained; an explained one is an equivalent "
        "program or an "
        "accuracy setting."
    ),
)


def lines() -> dict[str, list[Line]]:
    """All results on file as lines of the table; every survivor with the reason that was found for
    it.
    """
    table: dict[str, list[Line]] = {}
    for path in sorted((repository.records_folder() / "mutants").glob("*.jsonl")):
        package, _, paper = path.stem.partition(".")
        results = results_on_file(package, paper)
        if not results:
            continue
        why = reasons(package, paper)
        survivors = [
            ": ".join(mutant)
            for mutant, result in results.items()
            if result["noticed_by"] == "nobody"
        ]
        explained = [f"{mutant} ({why[mutant]})" for mutant in survivors if mutant in why]
        unexplained = [mutant for mutant in survivors if mutant not in why]
        killed = len(results) - len(survivors)
        claims = _claims_folder(paper)
        by_claims = sum(
            result["noticed_by"].partition("/")[0] == claims for result in results.values()
        )
        share = f"{100 * killed / (len(results) - len(explained)):.0f} %" if killed else "0 %"
        counts = [len(results), killed, by_claims, share, len(explained), "; ".join(unexplained)]
        source = source_of(package, paper, *(result["noticed_by"] for result in results.values()))
        if len(_of_present_source(package, paper)) < len(results):
            source["digest"] = None
        table.setdefault(package, []).append(
            ([package, paper, *counts, "; ".join(explained)], source)
        )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants; return 1 if one survived without a known reason."""
    parser = argparse.ArgumentParser(
        prog="theory-on-trial audit mutants",
        description="Does anything notice when the code is wrong?",
    )
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="default: all")
    parser.add_argument("--package", help=f"what to break (default: {' and '.join(PACKAGES)})")
    least = " or ".join(f"{least} of {package}" for package, least in PACKAGES.items())
    text = (
        "mutants of each paper, those on record first (default: all on record, and at least "
        f"{least})"
    )
    parser.add_argument("--count", type=int, help=text)
    parser.add_argument(
        "--seed", type=int, default=0, help="decides which are added to those on record (default 0)"
    )
    parser.add_argument(
        "--again", action="store_true", help="judge those again that were judged on this source"
    )
    parser.add_argument(
        "--open",
        action="store_true",
        help="judge those on record again that survived without a reason",
    )
    options = parser.parse_args(arguments)
    survivors: list[str] = []
    try:
        root = repository.root()
        here = [
            name for name in PACKAGES if any(root.glob(f"{name}/")) or any(root.glob(f"*/{name}/"))
        ]
        for package in [options.package] if options.package else here:
            for paper in options.papers or [
                name for name in outline.papers() if sources(package, name)
            ]:
                if not sources(package, paper):
                    parser.error(
                        f"{folder_of(package)} holds nothing of {paper!r} that could be changed"
                    )
                survivors += _renew(package, paper, options)
    except ValueError as error:
        parser.error(str(error))
    return int(bool(survivors))


def _renew(package: str, paper: str, options: argparse.Namespace) -> list[str]:
    """Judge the mutants of a paper that were asked for, write the table, and return the survivors
    without a reason.
    """
    results = results_on_file(package, paper)
    known = _of_present_source(package, paper)
    if options.open:
        why = reasons(package, paper)
        nobody = [name for name in results if results[name]["noticed_by"] == "nobody"]
        chosen = [name for name in nobody if ": ".join(name) not in why]
    else:
        count = options.count or max(len(results), PACKAGES.get(package, min(PACKAGES.values())))
        chosen = list(dict.fromkeys([*results, *draw(package, paper, count, options.seed)]))[:count]
    path = path_of(package, paper)
    survivors = judge_all(
        package, paper, chosen, {} if options.again or options.open else known, path
    )
    # Of a mutant that was judged twice the last result counts; what is gone from the code goes from
    # the file.
    records.write_text(
        path, "".join(json.dumps(line) + "\n" for line in results_on_file(package, paper).values())
    )
    TABLE.write(lines())
    return [name for name in map(": ".join, survivors) if name not in reasons(package, paper)]
