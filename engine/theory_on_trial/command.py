"""The command `theory-on-trial`: list, show and run claims, write the report, compare ledgers,
compare a document's numbers with a ledger, audit, weigh a test, add a paper, serve these to a
program.

It works in any repository. It finds claims where pytest would find them, and starts from the root
of the repository around the current folder or from `--root`. A subcommand imports what it needs
when it runs, so help and completion are fast.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import argcomplete

from theory_on_trial import repository
from theory_on_trial.formula.marks import plain
from theory_on_trial.plugin import KINDS, TIERS, settings_of
from theory_on_trial.repository import outline

_NO_TESTS = 5  # pytest's exit status where nothing was collected
_EXTRA_OF = {
    **dict.fromkeys(("hypothesis", "joblib", "matplotlib", "xarray"), "audit,figures"),
    "mcp": "mcp",
}
_INTERRUPTED = 130  # what shells say of a process that Ctrl-C ended


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; return its exit status: 0, 1 for a claim that fails or ledgers that
    differ, 2 for usage.
    """
    # OpenBLAS reads this when it is loaded. The eigenproblems here are small, and two threads slow
    # each other down.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        return _called(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        print("theory-on-trial: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _called(given: list[str]) -> int:
    parser = _parser()
    argcomplete.autocomplete(parser)
    if given[:1] == ["figures"]:  # it has a parser of its own
        from theory_on_trial.figures.command import main as draw

        return draw(given[1:])
    options = parser.parse_args(given)
    try:
        status: int = options.call(options)
    except ValueError as error:
        parser.error(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA_OF:
            raise
        extra = _EXTRA_OF[package]
        parser.error(f"this needs {package}: pip install 'theory-on-trial[{extra}]'")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="theory-on-trial",
        description="Tests mathematical statements against simulations, in any repository.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, call: Any, about: str) -> Any:
        child = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        child.set_defaults(call=call)
        return child

    listing = command("list", _list, "list the claims of a paper, or of all papers")
    _paper(listing, nargs="?", help="default: all papers")
    listing.add_argument(
        "--tier",
        choices=TIERS,
        default="paper",
        help="only claims that a run of this tier includes (default: all)",
    )
    listing.add_argument("--kind", choices=KINDS, help="only claims of this kind")

    showing = command(
        "show",
        _show,
        "show a claim: its statement, its source, its settings and their defaults; or a paper: the "
        "statements of its abstract and their answers",
    )
    _claim(showing)

    seeking = command(
        "where",
        _where,
        "list the files of a paper, or the lines of a claim and of the functions that it compares",
    )
    _claim(seeking)

    running = command("run", _run, "run one claim and print its row of the ledger")
    _claim(running)
    setting = running.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="values for settings, such as --set dim=500 sizes='(10, 20)'",
    )
    setting.completer = _complete_setting
    running.add_argument(
        "--seed", type=int, default=0, help="seed of all random numbers (default 0)"
    )
    running.add_argument("--json", action="store_true", help="print the rows as JSON")

    searching = command(
        "search", _search, "look for a setting at which a claim fails, and reduce it"
    )
    _claim(searching, several=True)
    searching.add_argument(
        "--seconds", type=float, metavar="S", help="draw settings for S seconds (default 60)"
    )
    searching.add_argument(
        "--runs", type=int, metavar="N", help="draw at most N settings (default 4000)"
    )
    searching.add_argument(
        "--seed", type=int, default=0, help="seed of the drawn settings (default 0)"
    )
    searching.add_argument(
        "--inconclusive", action="store_true", help="count INCONCLUSIVE as a failure"
    )
    searching.add_argument(
        "--outside",
        action="store_true",
        help="go beyond the domain, and report which of its ends are necessary",
    )
    searching.add_argument(
        "--workers", type=int, help="number of processes (default: one for each core)"
    )
    searching.add_argument("--json", action="store_true", help="print the answer as JSON")

    mapping = command(
        "map", _map, "run a claim over a grid of its settings and draw where it holds"
    )
    _claim(mapping)
    for axis, required in (("--x", True), ("--y", False), ("--z", False)):
        about = "a setting and its values: NAME=LOW..HIGH or NAME=a,b,c"
        mapping.add_argument(
            axis, required=required, metavar="NAME=VALUES", help=about
        ).completer = _complete_setting
    mapping.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="the file to write: .png, .pdf, .svg, .webp or .html",
    )
    mapping.add_argument(
        "--cells", type=int, default=30, help="number of values of a range (default 30)"
    )
    mapping.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="values for settings",
    )
    mapping.add_argument(
        "--seed", type=int, default=0, help="seed of all random numbers (default 0)"
    )
    mapping.add_argument(
        "--outside", action="store_true", help="go beyond the domain, and shade that part"
    )
    mapping.add_argument(
        "--limit",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds that a cell may take (default 60)",
    )
    mapping.add_argument(
        "--workers", type=int, help="number of processes (default: one for each core)"
    )

    auditing = command(
        "audit",
        _audit,
        "try verdicts with fresh seeds, settings and mutants, and count the wrong ones",
    )
    auditing.add_argument(
        "names", nargs="*", metavar="CLAIM or PAPER", help="default: all claims"
    ).completer = _complete_claim
    auditing.add_argument(
        "--minutes",
        default="10",
        metavar="M",
        help="draw runs for M minutes; runs that have started may end (default 10)",
    )
    auditing.add_argument("--seed", type=int, default=0, help="seed of the drawn runs (default 0)")
    auditing.add_argument(
        "--tier", choices=TIERS, default="fast", help="claims up to this cost (default: fast)"
    )
    auditing.add_argument(
        "--check",
        default="seeds,settings,detection,bounds,mutants",
        metavar="CHECK,…",
        help="the checks to draw from (default: %(default)s)",
    )
    auditing.add_argument(
        "--out",
        type=Path,
        default=Path("build/audit"),
        metavar="DIR",
        help="the folder of audit.html and audit.json (default build/audit)",
    )
    auditing.add_argument("--workers", type=int, help="processes (default: one for each core)")
    auditing.add_argument("--runs", type=int, metavar="N", help="draw at most N runs")
    auditing.add_argument(
        "--limit",
        type=float,
        metavar="S",
        help="seconds that a trial may take (default 60; full tier 600, paper tier 3600)",
    )

    command("figures", None, "redraw figures; `figures --help` names its options")

    reporting = command(
        "report",
        _report,
        "run all claims, or those of some papers, and write the ledger as a page or a table",
    )
    reporting.add_argument(
        "path",
        type=Path,
        metavar="FILE",
        help="the file to write: .html is a page, .tex, .md and .csv are tables",
    )
    reporting.add_argument(
        "--ledger",
        type=Path,
        metavar="LEDGER.json",
        help="write what this ledger holds, and run nothing",
    )
    _paper(reporting, nargs="*", default=[], help="default: all papers")
    reporting.add_argument(
        "--tier", choices=TIERS, default="fast", help="run claims up to this cost (default: fast)"
    )
    reporting.add_argument(
        "--seed", type=int, default=0, help="seed of all random numbers (default 0)"
    )

    badging = command(
        "badge", _badge, "draw an SVG that says how many claims had the expected verdict"
    )
    badging.add_argument("ledger", type=Path, metavar="LEDGER.json")
    badging.add_argument("path", type=Path, metavar="BADGE.svg")

    comparing = command(
        "compare", _compare, "list what differs between two ledgers of `pytest --trial-ledger`"
    )
    comparing.add_argument("a", type=Path, metavar="A.json")
    comparing.add_argument("b", type=Path, metavar="B.json")
    for subparser in (listing, showing, comparing):
        subparser.add_argument("--json", action="store_true", help="print the answer as JSON")

    numbering = command(
        "numbers",
        _numbers,
        "compare the marked numbers of documents with a ledger; no document is changed",
    )
    numbering.add_argument("files", nargs="+", type=Path, metavar="FILE")
    numbering.add_argument(
        "--ledger",
        type=Path,
        metavar="LEDGER.json",
        help="take the values from this ledger (default: run the claims that are named)",
    )

    weighing = command(
        "weigh",
        _weigh,
        "say how often a stochastic test fails although the code is right and which fault it "
        "notices, and write the better one",
    )
    weighing.add_argument("test", metavar="FILE::TEST", help="as pytest names it")
    weighing.add_argument(
        "--seconds",
        type=float,
        default=30.0,
        metavar="S",
        help="start runs of the test for S seconds (default 30)",
    )
    weighing.add_argument("--seed", type=int, default=0, help="seed of the drawn seeds (default 0)")
    weighing.add_argument(
        "--out", type=Path, metavar="FILE", help="write the module with the new test to a new file"
    )

    serving = command(
        "mcp",
        _mcp,
        "serve list, show, run, search and ledger to a program by the Model Context Protocol; it "
        "executes code of the folder",
    )

    laying = command(
        "new-paper", _new_paper, "write the page of a new paper, an example that passes"
    )
    laying.add_argument("name", metavar="NAME", help="the paper's name, such as uniform_mean")
    laying.add_argument(
        "--in-full",
        action="store_true",
        help="write a file in every folder, for a paper with a tool of its own",
    )
    laying.add_argument("--row", dest="in_full", action="store_true", help=argparse.SUPPRESS)

    checking = command(
        "check-paper",
        _check_paper,
        "check everything that a paper needs, and name what is missing",
    )
    _paper(checking, help="its name")
    checking.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="name what has not ended after M minutes (default: 1 for a page, 5 in full)",
    )
    for subparser in (
        listing,
        showing,
        seeking,
        running,
        searching,
        mapping,
        auditing,
        reporting,
        numbering,
        serving,
        laying,
        checking,
    ):
        subparser.add_argument(
            "--root",
            type=Path,
            metavar="PATH",
            help="a folder of the repository (default: the current folder)",
        )
    return parser


class _Version(argparse.Action):
    """Look up the version on request only; this takes time at each start of a command."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"{parser.prog} {version('theory-on-trial')}")
        parser.exit()


def _paper(parser: argparse.ArgumentParser, **options: Any) -> None:
    parser.add_argument("paper", metavar="PAPER", **options).completer = (  # type: ignore[attr-defined]
        lambda **_: outline.papers()
    )


def _claim(parser: argparse.ArgumentParser, several: bool = False) -> None:
    many: dict[str, Any] = {"nargs": "+"} if several else {}
    argument = parser.add_argument(
        "claim", metavar="CLAIM", help="id of the claim, such as random_walk_pca.sim_evr", **many
    )
    argument.completer = _complete_claim  # type: ignore[attr-defined]


def _complete_claim(prefix: str, **_: Any) -> list[str]:
    """Complete a paper's name first, then the names of its claims."""
    if "." not in prefix:
        return [f"{paper}." for paper in outline.papers()]
    return list(outline.settings(_paper_in(prefix)))


def _complete_setting(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    claim = parsed_args.claim.partition("[")[0]
    return [f"{name}=" for name in outline.settings(_paper_in(claim)).get(claim, [])]


def _paper_in(claim_id: str) -> str:
    return claim_id.partition("[")[0].rpartition(".")[0]


def _collected(files: Sequence[Path], folder: Path) -> list[dict[str, Any]]:
    """Return the facts of all claims that pytest collects in some files; raise ValueError if it
    cannot, after printing what it said.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "claims.json"
        process = _pytest(
            ["--collect-only", "-q", "--trial-list", str(path), *map(str, files)],
            folder,
            quiet=True,
        )
        if not path.exists() or process.returncode not in (0, _NO_TESTS):
            print(process.stdout, file=sys.stderr)
            raise ValueError("pytest cannot collect the claims; its message is printed above")
        facts: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def _pytest(
    arguments: list[str], folder: Path, quiet: bool = False
) -> subprocess.CompletedProcess[str]:
    # A separate process: pytest rewrites the modules of its plugins, so they must not be loaded
    # yet. Its progress is printed in any case.
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE if quiet else None, text=True, check=False
    )


def _folder(options: argparse.Namespace) -> Path:
    if options.root is not None and not options.root.is_dir():
        raise ValueError(f"--root must be a folder, got {options.root}")
    return repository.root(options.root)


def _known_paper(paper: str, folder: Path) -> str:
    papers = outline.papers(folder)
    if (match := _match(paper, papers)) is not None:
        return match
    if not papers:
        raise ValueError(
            f"there is no paper {paper!r}, because no test in {folder} is a claim. Run the command "
            "in the repository that has the paper, or give --root PATH"
        )
    near = outline.nearest(paper, papers) or papers
    known = outline.among(near, "theory-on-trial list")
    raise ValueError(f"there is no paper {paper!r}; known papers: {known}")


def _match(paper: str, papers: list[str]) -> str | None:
    """Return the paper of this name, or the first whose name ends so; None if there is none."""
    exact = [other for other in papers if outline.normal(other) == outline.normal(paper)]
    return next(iter(exact or [other for other in papers if outline.is_called(paper, other)]), None)


def _known_claim(claim_id: str, folder: Path) -> tuple[str, outline.Stated]:
    """Return the id of a claim, or of its published form, with its parameters in brackets, and
    where the claim is stated.
    """
    claims = outline.stated(folder)
    name = outline.normal(
        claim_id.partition("[")[0].removesuffix("-as-published").removesuffix("_as_published")
    )
    for claim in claims:
        if outline.normal(claim.id) == name:
            if (
                outline.normal(claim_id).endswith("_as_published")
                and not claim.printed
                and claim_id != claim.id
            ):
                raise ValueError(f"{claim.id} corrects no published statement")
            return claim.id + claim_id[len(claim.id) :], claim
    # A name without its paper is enough if only one claim has it.
    matches = [claim for claim in claims if outline.is_called(name, claim.id)]
    if len(matches) == 1:
        return _known_claim(matches[0].id + claim_id[len(name) :], folder)
    if matches:
        raise ValueError(
            f"several claims have the name {claim_id!r}: {', '.join(claim.id for claim in matches)}"
        )
    if ids := [
        claim.id for claim in claims if outline.is_called(name, claim.id.rpartition(".")[0])
    ]:
        raise ValueError(f"{claim_id} is a paper; name one of its claims: {', '.join(ids)}")
    from theory_on_trial.trial.registry import unknown_claim

    raise ValueError(unknown_claim(claim_id, [claim.id for claim in claims]))


def _list(options: argparse.Namespace) -> int:
    folder = _folder(options)
    paper = None if options.paper is None else _known_paper(options.paper, folder)
    claims = [
        claim
        for claim in _collected(outline.files(paper, folder), folder)
        if TIERS.index(claim["tier"]) <= TIERS.index(options.tier)
        and options.kind in (None, claim["kind"])
    ]
    if not outline.files(paper, folder):
        print(f"no test in {folder} is a claim", file=sys.stderr)
    elif not claims:
        of_kind = f" of kind {options.kind}" * (options.kind is not None)
        of_paper = f" of {paper}" * (paper is not None)
        wanted = f"{of_kind}{of_paper} that a run of tier {options.tier} includes"
        print(f"there is no claim{wanted}", file=sys.stderr)
    if options.json:
        print(json.dumps(claims, indent=1))
        return 0
    for name in dict.fromkeys(claim["paper"] for claim in claims):
        print(": ".join(filter(None, [name, outline.title(name, folder)])))
        for claim in (claim for claim in claims if claim["paper"] == name):
            print(
                f"  {claim['id']} [{claim['kind']}, {claim['tier']}] "
                + plain(f"{claim['statement']} ({claim['source']})")
            )
    return 0


def _show(options: argparse.Namespace) -> int:
    from theory_on_trial.papers.where import controls_of

    folder = _folder(options)
    if (paper := _match(options.claim, outline.papers(folder))) is not None:
        return _show_paper(paper, folder, options.json)
    claim_id, place = _known_claim(options.claim, folder)
    facts = _collected([place.file], folder)
    matches = [claim for claim in facts if claim_id in (claim["id"], claim["id"].partition("[")[0])]
    if not matches:
        ids = ", ".join(claim["id"] for claim in facts if claim["id"].startswith(place.id))
        raise ValueError(f"there is no claim {claim_id!r}; known claims: {ids}")
    if options.json:
        print(json.dumps(matches, indent=1))
        return 0
    for claim in matches:
        settings = (_setting(name, value) for name, value in claim["settings"].items())
        fields = {
            "claim": claim["id"],
            "paper": outline.title(claim["paper"], folder) or claim["paper"],
            **{
                name: claim[name] and plain(claim[name])
                for name in ("source", "statement", "as published")
            },
            **{name: claim[name] for name in ("kind", "tier", "expected")},
            **{name: claim[name] for name in ("route", "second route")},
            "settings": ", ".join(settings) or "none",
            "domain": "; ".join(f"{name}: {words}" for name, words in claim["domain"].items())
            or None,
            "controls": "; ".join(controls_of(place))
            or f"run the claim to see them: theory-on-trial run {claim['id']}",
            "place": f"{place.file.relative_to(folder)}:{_line(place)}",
            "functions": f"theory-on-trial where {claim['id']}",
        }
        for name, value in fields.items():
            if value is not None:
                print(f"{name:>18}  {value}")
    return 0


def _where(options: argparse.Namespace) -> int:
    from theory_on_trial.papers.where import files_of, functions_of

    folder = _folder(options)
    if (paper := _match(options.claim, outline.papers(folder))) is not None:
        files = files_of(paper, folder)
        room = max(len(str(file)) for file in files)
        for file, about in files.items():
            print(f"{file!s:{room}}  {about}".rstrip())
        return 0
    _, claim = _known_claim(options.claim, folder)
    for place in functions_of(claim, folder):
        print(place)
    return 0


def _line(claim: outline.Stated) -> int:
    """The line of a claim's function in its file."""
    lines = claim.file.read_text(encoding="utf-8").splitlines()
    return 1 + next(i for i, line in enumerate(lines) if line.startswith(f"def {claim.function}("))


def _show_paper(paper: str, folder: Path, as_json: bool) -> int:
    from dataclasses import asdict

    from theory_on_trial.repository import abstract

    listed = abstract.sentences(paper, folder)
    told = [abstract.without_gone(each, folder) for each in listed]
    if as_json:
        about = {"paper": paper, "title": outline.title(paper, folder)}
        print(json.dumps(about | {"abstract": [asdict(each) for each in told]}, indent=1))
        return 0
    print(outline.title(paper, folder) or paper)
    if told:
        print(f"The abstract. {abstract.summed([paper], folder)}".rstrip())
    if lost := sum(each.answer == abstract.UNDECIDED for each in told):
        print(f"  but {lost} of these answers rest{'s' * (lost == 1)} on a claim that is gone")
    for each in told:
        print(f"  {plain(str(each))}")
    print(f"claims: theory-on-trial list {paper}")
    return 0


def _setting(name: str, value: str | None) -> str:
    if value is not None and value.startswith("by case "):
        return f"{name} in {{{value.removeprefix('by case ')}}} by case"
    return f"{name} (from pytest)" if value is None else f"{name}={value}"


def _run(options: argparse.Namespace) -> int:
    folder = _folder(options)
    claim_id, place = _known_claim(options.claim, folder)
    _check_settings(options.set, place)
    _, _, parameters = claim_id.removesuffix("-as-published").partition("[")
    node = f"{place.file}::{place.function}{'[' * bool(parameters)}{parameters}"
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "ledger.json"
        flags = [
            "-q",
            "--trial-tier",
            "paper",
            "--trial-seed",
            str(options.seed),
            "--trial-ledger",
            str(path),
            node,
        ]
        flags += [part for text in options.set for part in ("--trial-set", text)]
        process = _pytest(flags, folder, quiet=True)
        ledger = (
            json.loads(path.read_text(encoding="utf-8"))
            if path.exists()
            else {"claims": [], "not_run": []}
        )
        claims = ledger["claims"]
    matches = [
        row
        for row in claims
        if row["id"].endswith("-as-published") == claim_id.endswith("-as-published")
    ]
    if not matches and ledger["not_run"]:
        raise ValueError(f"{claim_id}: {ledger['not_run'][0]['reason']}")
    if not matches:
        print(process.stdout, file=sys.stderr)
        raise ValueError(f"{claim_id} has no row; the message of pytest is printed above")
    from theory_on_trial.ledger import Row

    rows = [Row(**row) for row in matches]
    print(json.dumps(matches, indent=1) if options.json else "\n\n".join(map(str, rows)))
    return int(not all(row.as_expected for row in rows))


def _check_settings(given: list[str], stated: outline.Stated) -> None:
    """Raise ValueError unless every `NAME=VALUE` names a setting of the claim and holds a
    literal.
    """
    for name in settings_of(given, "--set"):
        if name not in stated.settings:
            names = ", ".join(stated.settings) or "none"
            raise ValueError(f"{stated.id} has no setting {name!r}; its settings are {names}")


def _search(options: argparse.Namespace) -> int:
    from theory_on_trial.explore.command import search

    folder = _folder(options)
    return search(
        [_known_claim(claim_id, folder)[0] for claim_id in options.claim], folder, options
    )


def _audit(options: argparse.Namespace) -> int:
    from theory_on_trial.audit.command import audit, checks, minutes
    from theory_on_trial.trial.registry import claim, claims

    folder = _folder(options)
    options.minutes = minutes(options.minutes)
    options.check = checks(options.check)
    if not outline.files(None, folder):
        raise ValueError(f"no test in {folder} is a claim, so there is nothing to audit")
    ids = []
    papers = []
    for name in options.names:
        try:
            papers.append(_known_paper(name, folder))
        except ValueError as unknown:
            if "." not in name:
                raise ValueError(f"{name!r} is neither a claim nor a paper: {unknown}") from None
            ids.append(_known_claim(name, folder)[0])
    out = options.out if options.out.is_absolute() else Path.cwd() / options.out
    options.out = out
    with contextlib.chdir(folder):
        subjects = [claim(claim_id) for claim_id in ids]
        subjects += [one for paper in papers for one in claims(paper)]
        return audit(subjects if options.names else claims(), folder, options)


def _map(options: argparse.Namespace) -> int:
    from theory_on_trial.explore.command import draw_map

    folder = _folder(options)
    claim_id, place = _known_claim(options.claim, folder)
    _check_settings(options.set, place)
    return draw_map(claim_id, folder, options)


def _report(options: argparse.Namespace) -> int:
    from theory_on_trial.page.written import checked_suffix

    folder = _folder(options)
    try:
        checked_suffix(options.path)
    except ValueError as error:
        raise ValueError(f"the report {error}") from None
    path = _in_a_folder(options.path)
    if options.ledger is not None:
        _write_from(options.ledger, path, options.paper, folder)
        return 0
    papers = [_known_paper(paper, folder) for paper in options.paper] or outline.papers(folder)
    files = [str(file) for paper in papers for file in outline.files(paper, folder)]
    if not files:
        raise ValueError(f"no test in {folder} is a claim, so there is nothing to report")
    flags = ["--trial-tier", options.tier, "--trial-seed", str(options.seed)]
    return _pytest([*flags, "--trial-report", str(path), *files], folder).returncode


def _in_a_folder(path: Path) -> Path:
    """Return the absolute path of a file to write; raise ValueError where its folder is missing."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"the file to write must be in a folder that exists, got {path}")
    return path.absolute()


def _write_from(source: Path, path: Path, papers: list[str], folder: Path) -> None:
    """Write what a ledger holds of some papers, or of all."""
    from dataclasses import replace

    from theory_on_trial.ledger import paper_in, read
    from theory_on_trial.page.written import write_report

    ledger = read(source, unfinished=True)
    asked = tuple(f".{outline.normal(name)}" for name in papers) or ""

    def wanted(paper: str) -> bool:
        return f".{outline.normal(paper)}".endswith(asked)

    rows = [row for row in ledger.claims if wanted(row.paper)]
    if not rows:
        of_papers = f" of {', '.join(papers)}" * bool(papers)
        raise ValueError(f"{source} has no row{of_papers}, so there is nothing to write")
    left_out = [entry for entry in ledger.not_run if wanted(paper_in(entry["id"]))]
    write_report(path, replace(ledger, claims=rows, not_run=left_out), folder)


def _badge(options: argparse.Namespace) -> int:
    from theory_on_trial.ledger import read
    from theory_on_trial.page import formats

    path = _in_a_folder(options.path)
    formats.write(path, {"svg": formats.badge(read(options.ledger).claims)})
    return 0


def _compare(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from theory_on_trial.page.compare import compare

    comparison = compare(options.a, options.b)
    facts = asdict(comparison)
    facts |= {"agree": comparison.agree, "identical": comparison.identical}
    print(json.dumps(facts, indent=1) if options.json else comparison)
    return 0 if comparison.agree else 1


def _weigh(options: argparse.Namespace) -> int:
    from theory_on_trial.weigh.command import weigh

    return weigh(options)


def _numbers(options: argparse.Namespace) -> int:
    from theory_on_trial.ledger.files import read_json
    from theory_on_trial.page.numbers import differences, marked

    numbers = [number for file in options.files for number in marked(file)]
    if options.ledger is not None:
        rows = read_json(options.ledger)["claims"]
    else:
        folder = _folder(options)
        places = {_known_claim(number.claim, folder)[1].file for number in numbers}
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "ledger.json"
            process = _pytest(["-q", "--trial-ledger", str(path), *map(str, places)], folder, True)
            if not path.exists():
                print(process.stdout, file=sys.stderr)
                raise ValueError("the claims have no ledger; the message of pytest is above")
            rows = read_json(path)["claims"]
    found = list(differences(numbers, rows))
    for sentence in found:
        print(sentence)
    print(f"{len(numbers) - len(found)} of {len(numbers)} marked numbers agree with the ledger")
    return int(bool(found))


def _mcp(options: argparse.Namespace) -> int:
    from theory_on_trial.server import server

    folder = _folder(options)
    print(f"theory-on-trial mcp: the tools execute code of {folder}", file=sys.stderr)
    server(folder).run("stdio")
    return 0


def _new_paper(options: argparse.Namespace) -> int:
    from theory_on_trial.papers import lay_down

    for path in lay_down(options.name, _folder(options), in_full=options.in_full):
        print(path)
    return 0


def _check_paper(options: argparse.Namespace) -> int:
    from theory_on_trial.papers import check

    folder = _folder(options)
    return check(_known_paper(options.paper, folder), folder, options.minutes)


if __name__ == "__main__":
    sys.exit(main())
