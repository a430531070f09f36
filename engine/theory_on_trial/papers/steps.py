"""The checks of a paper: each step returns a sentence for each thing that is missing or fails. A
step that needs what a repository may lack, such as a linter or an audit, returns None without it.
"""

import ast
import json
import math
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from theory_on_trial.formula.marks import plain
from theory_on_trial.ledger import Row
from theory_on_trial.ledger.files import read_json
from theory_on_trial.papers.refusals import narrow, padding
from theory_on_trial.papers.row import BRIEF, Paper, last_line, templates
from theory_on_trial.repository import abstract, changed, outline
from theory_on_trial.trial.likeness import repeated
from theory_on_trial.trial.sides import marked


class Found(list[str]):
    """The findings of a step, a sentence each, with a remark that is no complaint, and the commands
    that did not end before the paper's time was up.
    """

    def __init__(self, sentences: Iterable[str], remark: str = "", left: Iterable[str] = ()):
        super().__init__(sentences)
        self.remark = remark
        self.left = list(left)


Step = Callable[[Paper], list[str] | None]
SEEDS = 3
RUNS = 30
"""How many runs the audit of a paper has."""
SEARCH = 60.0
"""For how many seconds the changed claims of a paper are searched."""
_TOOL = "own_data/NAME.py"
_CLAIMS = "paper_checks/test_NAME/test_claims.py"
_BENCHMARK = "benchmarks/NAME.py"
_NO_TESTS = 5  # pytest's exit status where nothing was collected


def files(paper: Paper) -> list[str]:
    """The files of the templates that the paper lacks.

    A tool is one only if it has a user, claims may stand in files of any name, and the page may
    name a benchmark that several papers share.
    """
    lacking = [
        paper.places(name)[0]
        for name in templates()
        if name != _TOOL and not any(map(Path.exists, paper.places(name)))
    ]
    claims_file, benchmark_file = (paper.places(name)[0] for name in (_CLAIMS, _BENCHMARK))
    told: dict[Path, list[Any]] = {
        claims_file: list(claims_file.parent.glob("test_*.py")),
        benchmark_file: _benchmarks(paper),
    }
    return [
        f"there is no {path.relative_to(paper.folder)}" for path in lacking if not told.get(path)
    ]


def _benchmarks(paper: Paper) -> list[str]:
    """The benchmarks of a paper: of its name, or else those that its page names."""
    if any(map(Path.exists, paper.places(_BENCHMARK))):
        return [paper.name]
    path = paper.folder / "docs" / "papers" / f"{paper.name}.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    names = dict.fromkeys(re.findall(r"`python -m benchmarks\.(\w+)", text))
    return [name for name in names if (paper.folder / "benchmarks" / f"{name}.py").exists()]


def page(paper: Paper) -> list[str]:
    """What the template of the page has and the paper's page lacks."""
    path = paper.folder / "docs" / "papers" / f"{paper.name}.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    template = templates()["docs/papers/NAME.md"]
    marks = re.findall(r"^(?:## .*|<!-- \w+ -->)$", template, re.MULTILINE)
    has_tool = any(map(Path.exists, paper.places(_TOOL)))
    complaints = [
        f"the page has no line {line!r}"
        for line in marks
        if line not in text.splitlines() and (has_tool or line != "## On your own data")
    ]
    if has_tool and f"from own_data.{paper.name} import" not in text:
        complaints.append(f"the page has no example that imports from own_data.{paper.name}")
    return complaints


def toy(paper: Paper) -> list[str]:
    """What is left of the example: its sentences in a page, benchmark, figure or tour."""
    if on_one_page(paper):
        return _left_of_toy(BRIEF.read_text(encoding="utf-8"), _own_checks(paper), paper)
    return [
        sentence
        for template, text in templates().items()
        for sentence in _left_of_toy(
            text, [place for place in paper.places(template) if place.is_file()], paper
        )
    ]


def _left_of_toy(template: str, places: list[Path], paper: Paper) -> list[str]:
    """A sentence for each file in which a line stands that is about powers of uniform numbers, or
    says it is a toy.
    """
    # Shorter lines may be anybody's.
    long = [line.strip() for line in template.splitlines() if len(line.strip()) > 20]
    toy_lines = [line for line in long if re.search("toy|uniform|power", line, re.IGNORECASE)]
    lines = {
        place: {line.strip() for line in place.read_text(encoding="utf-8").splitlines()}
        for place in places
    }
    rest = {
        place: [line for line in toy_lines if line.replace("NAME", paper.name) in lines[place]]
        for place in places
    }
    return [
        f"{place.relative_to(paper.folder)} still holds the toy: {own[0]!r}"
        for place, own in rest.items()
        if own
    ]


def form(paper: Paper) -> list[str]:
    """The parts that a paper on one page lacks, and what its code repeats or leaves open."""
    (file,) = _own_checks(paper)
    text = file.read_text(encoding="utf-8")
    docstring = " ".join((ast.get_docstring(ast.parse(text)) or "").split())
    count = {
        "claim": (text.count("\n@claim("), 2, math.inf),
        "figure": (text.count("\n@figure("), 1, 2),
    }
    complaints = [
        f"{file.name} has {number} {name}{'s' * (number != 1)}, a page has {least} "
        f"{'at least' if most == math.inf else f'to {most}'}"
        for name, (number, least, most) in count.items()
        if not least <= number <= most
    ]
    parts = (
        "Take away:",
        "Edges:",
        "Paper:",
        "Abstract:",
        "Read:",
        "Derived here:",
        "Not claimed:",
        "Topic:",
    )
    complaints += [
        f"the docstring of {file.name} has no {part!r}" for part in parts if part not in docstring
    ]
    complaints += abstract.faults(paper.name, paper.folder)
    return [
        *complaints,
        *repeated(file, marked(file)),
        *narrow(file),
        *padding(file),
    ]


def linters(paper: Paper) -> list[str] | None:
    """What ruff, mypy and import-linter say about the paper's files, as far as the repository uses
    them.
    """
    paths = paper.modules(*(template.split("/")[0] for template in templates()))
    typed_paths = paper.modules("theory", "sims", "own_data", "paper_checks", "figures")
    if on_one_page(paper):
        paths = typed_paths = [str(file.relative_to(paper.folder)) for file in _own_checks(paper)]
        settings = paper.folder / "pyproject.toml"
        text = settings.read_text(encoding="utf-8") if settings.exists() else ""
        paths = paths if "[tool.ruff" in text else []
        typed_paths = typed_paths if "[tool.mypy" in text else []
        if not (paths or typed_paths or "[tool.importlinter]" in text):
            return None
    settings = paper.folder / "pyproject.toml"
    layered = settings.exists() and "[tool.importlinter]" in settings.read_text(encoding="utf-8")
    used = {"ruff": paths, "mypy": typed_paths, "importlinter": layered}
    if absent := [module for module, files in used.items() if files and not find_spec(module)]:
        names = ", ".join(absent).replace("importlinter", "import-linter")
        return [f"the linters of the repository are not installed: {names}"]
    errors: list[str] = []
    if paths:
        errors += _lines(
            paper.run("-m", "ruff", "check", "--output-format", "concise", *paths),
            r".*:\d+:\d+: .*",
        )
        laid_out = _lines(
            paper.run("-m", "ruff", "format", "--check", *paths), r"(?:Would reformat:|-->) .*"
        )
        errors += [
            re.sub(r"^(?:Would reformat:|-->) ", "not as ruff formats it: ", line)
            for line in laid_out
        ]
    if typed_paths:
        errors += _lines(paper.run("-m", "mypy", *typed_paths), r".*: error: .*")
    if layered:
        process = paper.run(
            "-c", "from importlinter.cli import lint_imports_command as lint; lint()"
        )
        # Its contracts are about all papers: what counts is an import by this one, or of it.
        imports = [line.removeprefix("- ") for line in _lines(process, r"- \S+ -> \S+ \(.*\)")]
        own = re.compile(rf"\b{paper.name}\b")
        errors += [
            f"import-linter forbids {line}"
            for line in imports
            if own.search(line) or "->" not in line
        ]
    return errors


def claims(paper: Paper) -> Found:
    """The claims of the fast and the full tier with an unexpected verdict."""
    targets = [str(file.relative_to(paper.folder)) for file in _own_checks(paper)]
    complaints: dict[str, str] = {}
    left = []
    for tier, seed in [*(("fast", seed) for seed in range(SEEDS)), ("full", 0)]:
        chosen = ("-m", tier, "--trial-tier", tier, "--trial-seed", str(seed), *targets)
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "ledger.json"
            command = shlex.join(["pytest", *chosen])
            done = _tested(paper, *chosen, "--trial-ledger", str(path), command=command)
            rows = read_json(path, unfinished=True)["claims"] if path.exists() else []
        failing = [row for row in (Row(**row) for row in rows) if not row.as_expected]
        for row in failing:
            complaints.setdefault(row.id, f"{row.failure()} (seed {seed})")
        if not failing:  # then whatever fails is something else
            complaints |= {sentence: sentence for sentence in done}
        left += done.left
    return Found(complaints.values(), left=left)


def claims_then_audit(paper: Paper) -> Found:
    """The claims with an unexpected verdict; if there is none, the errors that an audit finds."""
    found = claims(paper)
    if found:
        return Found(found, "not audited, for claims fail", found.left)
    audit = audited(paper)
    return Found(audit, audit.remark, [*found.left, *audit.left])


def audited(paper: Paper) -> Found:
    """What an audit of the paper's claims finds wrong, and which mutants nothing noticed."""
    with tempfile.TemporaryDirectory() as scratch:
        command = ("audit", paper.name, "--runs", str(RUNS))
        try:
            process = paper.run("-m", "theory_on_trial.command", *command, "--out", scratch)
        except subprocess.TimeoutExpired:
            return Found([], left=[f"theory-on-trial {shlex.join(command)}"])
        report = Path(scratch) / "audit.json"
        if not report.exists():
            return Found([f"the audit: {last_line(process)}"])
        content = json.loads(report.read_text(encoding="utf-8"))
    wrong = [f"{one['claim']}: {one['why']}; {one['again']}" for one in content["failures"]]
    return Found(wrong, _mutants(content))


def _mutants(content: dict[str, Any]) -> str:
    """How many mutants of an audit were noticed, and the others."""
    runs = next((one["runs"] for one in content["checks"] if one["check"] == "mutants"), 0)
    left = content["not_noticed"]
    texts = [f"{one['claim']}: {one['why']}" for one in left]
    return "; not noticed: ".join([f"{runs - len(left)} of {runs} mutants noticed", *texts])


def tests(paper: Paper) -> Found:
    """The paper's own tests."""
    own = paper.modules("tests")
    return _tested(paper, *own, command=shlex.join(["pytest", *own])) if own else Found([])


def shared_tests(paper: Paper) -> Found | None:
    """The tests of all papers that bear this one's name, such as those of its page and notebook,
    and those with the mark `every_paper`, such as a count of all.
    """
    own = {
        place
        for name in outline.papers(paper.folder)
        for place in Paper(name, paper.folder).modules("tests")
    }
    paths = sorted(
        f"tests/{file.name}"
        for file in (paper.folder / "tests").glob("test_*.py")
        if f"tests/{file.name}" not in own
    )
    if not paths:
        return None
    chosen = f"{paper.name} or every_paper"
    return _tested(paper, "-k", chosen, *paths, command=f"pytest -k '{chosen}' tests/test_*.py")


def figures(paper: Paper) -> list[str]:
    """Figures that cannot be drawn in their reduced form, texts that overlap, and what the gallery
    lacks.
    """
    with tempfile.TemporaryDirectory() as scratch:
        process = paper.run(
            "-m", "theory_on_trial.command", "figures", paper.name, "--quick", "--out", scratch
        )
        drawn = {
            path.stem: _first_line(path)
            for path in Path(scratch, *paper.name.split(".")).glob("*.txt")
        }
        names = set(drawn)
    if process.returncode:
        return [f"the figures cannot be drawn: {last_line(process)}"]
    own = paper.name.split(".")
    gallery = paper.folder.joinpath("docs", "papers", *own)
    faults = re.findall(rf"^{paper.name}\.\w+: .*", process.stdout, flags=re.MULTILINE)
    if not gallery.parents[len(own) - 1].is_dir():
        return faults
    renew = f"`theory-on-trial figures {paper.name} --small --out docs/papers` puts it there"
    for suffix in ("webp", "txt"):
        stems = {path.stem for path in gallery.glob(f"*.{suffix}")}
        faults += [f"the gallery lacks {name}.{suffix}: {renew}" for name in sorted(names - stems)]
        faults += [
            f"the gallery holds {name}.{suffix}, and no figure: delete it"
            for name in sorted(stems - names)
        ]
    faults += [
        f"the gallery's {name} is another figure: {renew.replace('puts it', 'draws yours')}"
        for name, line in drawn.items()
        if (gallery / f"{name}.txt").exists() and _first_line(gallery / f"{name}.txt") != line
    ]
    return faults


def _first_line(caption: Path) -> str:
    """The caption of a figure without its marks, which change no picture."""
    return plain(caption.read_text(encoding="utf-8").partition("\n")[0])


def benchmark(paper: Paper) -> list[str]:
    """Whether the benchmark runs at its reduced size."""
    return [
        line
        for name in _benchmarks(paper)
        for line in _lines(
            paper.run("-m", "benchmarks", name, "--quick"), r"\w*Error: .*|.*: error: .*"
        )
    ]


def searched(paper: Paper) -> Found:
    """The claims that a change touches and that fail at some setting of their domain.

    They share `SEARCH` seconds, which are not of the paper's time; reducing a failure may take
    twice as long again.
    """
    ids = changed.claims(paper.name, paper.folder)
    if not ids:
        return Found([], "no claim has changed")
    paper = replace(paper, until=time.monotonic() + 3 * SEARCH)
    seconds = SEARCH / len(ids)
    command = ("search", *ids, "--seconds", f"{seconds:.3g}")
    typed = f"theory-on-trial {shlex.join(command)}"
    try:
        process = paper.run("-m", "theory_on_trial.command", *command, "--json")
    except subprocess.TimeoutExpired:
        return Found([], left=[typed])
    try:
        entries = json.loads(process.stdout)
    except ValueError:
        return Found([f"the search: {last_line(process)}"])
    failures = [(entry["claim"], entry["failure"]) for entry in entries if entry["failure"]]
    number = f"{len(ids)} changed claim{'s' * (len(ids) > 1)}, {seconds:.0f} s each"
    return Found(
        [f"{claim} fails at {one['line']}: {one['why']}" for claim, one in failures], number
    )


ROW: dict[str, Step] = {
    f"claims under {SEEDS} seeds, and an audit": claims_then_audit,
    "files": files,
    "no toy": toy,
    "page": page,
    "figures": figures,
    "benchmark": benchmark,
    "linters and types": linters,
    "what the repository tests of every paper": shared_tests,
    "its tests": tests,
    "search of changed claims": searched,
}
"""The steps for a paper with a file in every folder: beside the claims, which take longest, short
steps before long ones, so that those are done in any case.
"""
ON_ONE_PAGE: dict[str, Step] = {
    f"claims under {SEEDS} seeds, and an audit": claims_then_audit,
    "form": form,
    "no toy": toy,
    "figure": figures,
    "linters and types": linters,
    "what the repository tests of every paper": shared_tests,
    "search of changed claims": searched,
}
"""The steps for a paper on one page; that its sides are separate is checked when it is collected.
"""


def on_one_page(paper: Paper) -> bool:
    """Tell whether the checks of a paper mark their sides."""
    return any(map(marked, _own_checks(paper)))


def _own_checks(paper: Paper) -> list[Path]:
    return outline.files(paper.name, paper.folder)


def _tested(paper: Paper, *arguments: str, command: str) -> Found:
    """A sentence for each test that did not pass; the command to type if pytest did not end."""
    options = ("-q", "--tb=short", "-rfE", "-p", "no:cacheprovider")
    try:
        return Found(_unpassed(paper.run("-m", "pytest", *options, *arguments)))
    except subprocess.TimeoutExpired as late:
        lines = str(late.output or "").splitlines()
        failed = [line for line in lines if line.startswith(("ERROR ", "FAILED "))]
        return Found(failed, left=[command])


def _unpassed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """A sentence for each test that did not pass; a file that cannot be collected has its reason
    elsewhere.
    """
    failures = _lines(done, r"(?:ERROR|FAILED) .*", allowed=(0, _NO_TESTS))
    reasons = [line[1:].strip() for line in done.stdout.splitlines() if line.startswith("E  ")]
    return [
        line if " - " in line or not reasons else f"{line} - {reasons[-1]}" for line in failures
    ]


def _lines(
    done: subprocess.CompletedProcess[str], pattern: str, allowed: tuple[int, ...] = (0,)
) -> list[str]:
    """The lines in which a command says what is wrong; its last one where it fails and has no such
    line.
    """
    if done.returncode in allowed:
        return []
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    return [line for line in lines if re.fullmatch(pattern, line)] or [last_line(done)]
