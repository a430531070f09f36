"""The command `theory-on-trial`: list, show and run claims, draw figures, write the report, compare ledgers.

Every subcommand is one call of the Python API, which is imported when it is needed: help and completion are quick.
"""

import argparse
import ast
import inspect
import os
import subprocess
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import argcomplete

from paper_checks import outline
from paper_checks.plugin import TIERS

KINDS = ("identity", "bound", "rate", "limit", "distribution", "optimality", "empirical")


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; return the exit status: 0, or 1 for a claim that fails or ledgers that differ."""
    # OpenBLAS reads it once, when it is loaded; the eigenproblems here are small, and two threads slow each other down.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parser = _parser()
    argcomplete.autocomplete(parser)
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["figures"]:  # it has a parser of its own
        from figures.__main__ import main as draw

        return draw(given[1:])
    options = parser.parse_args(given)
    try:
        return options.call(options)
    except ValueError as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="theory-on-trial", description="Puts the claims of machine-learning theory papers on trial."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, call: Any, about: str) -> Any:
        added = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        added.set_defaults(call=call)
        return added

    listing = command("list", _list, "list the claims of a paper, or of all papers")
    _paper(listing, nargs="?", help="default: all papers")
    listing.add_argument("--tier", choices=TIERS, default="paper", help="what a run of this tier tries (default: all)")
    listing.add_argument("--kind", choices=KINDS, help="claims of one kind")

    showing = command("show", _show, "show a claim: statement, source, settings with their defaults")
    _claim(showing)

    running = command("run", _run, "put one claim on trial and print its row of the ledger")
    _claim(running)
    setting = running.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="other settings, e.g. --set dim=500 sizes='(10, 20)'",
    )
    setting.completer = _complete_setting  # type: ignore[attr-defined]
    running.add_argument("--seed", type=int, default=0, help="decides every random number (default 0)")

    command("figures", None, "redraw figures; takes the options of `python -m figures`")

    reporting = command("report", _report, "put the papers on trial and write the report, one self-contained HTML page")
    reporting.add_argument("path", type=Path, metavar="PAGE.html")
    _paper(reporting, nargs="*", default=[], help="default: all papers")
    reporting.add_argument("--tier", choices=TIERS, default="fast", help="default: fast")
    reporting.add_argument("--seed", type=int, default=0, help="decides every random number (default 0)")

    comparing = command("compare", _compare, "compare two ledgers that `pytest --ledger` wrote")
    comparing.add_argument("a", type=Path, metavar="A.json")
    comparing.add_argument("b", type=Path, metavar="B.json")
    return parser


def _paper(parser: argparse.ArgumentParser, **options: Any) -> None:
    parser.add_argument("paper", metavar="PAPER", **options).completer = (  # type: ignore[attr-defined]
        lambda **_: outline.papers()
    )


def _claim(parser: argparse.ArgumentParser) -> None:
    argument = parser.add_argument("claim", metavar="CLAIM", help="its id, e.g. random_walk_pca.sim_evr")
    argument.completer = _complete_claim  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------------- completion


def _complete_claim(prefix: str, **_: Any) -> list[str]:
    """Complete a paper's name first, then the names of its claims."""
    if "." not in prefix:
        return [f"{paper}." for paper in outline.papers()]
    return list(outline.settings(prefix.split(".")[0]))


def _complete_setting(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    return [f"{name}=" for name in outline.settings(parsed_args.claim.split(".")[0]).get(parsed_args.claim, [])]


# ------------------------------------------------------------------------------------------------------- subcommands


def _list(options: argparse.Namespace) -> int:
    from paper_checks.registry import claims

    wanted = [
        c
        for c in claims(options.paper)
        if TIERS.index(c.tier) <= TIERS.index(options.tier) and options.kind in (None, c.kind)
    ]
    for paper in dict.fromkeys(c.paper for c in wanted):
        print(f"{paper}: {outline.title(paper)}")
        for c in (c for c in wanted if c.paper == paper):
            print(f"  {c.id} [{c.kind}, {c.tier}] {c.statement}")
    return 0


def _show(options: argparse.Namespace) -> int:
    from paper_checks.registry import claim

    found = claim(options.claim)
    settings = _settings(found)
    facts = {
        "claim": found.id,
        "paper": outline.title(found.paper) or found.paper,
        "source": found.source,
        "statement": found.statement,
        "as printed": None if found.printed_form else found.as_printed,
        "kind": found.kind,
        "tier": found.tier,
        "expected": found.expected,
        "settings": ", ".join(f"{name}={value!r}" for name, value in settings.items()) or "none",
        "controls": f"known after a run: theory-on-trial run {found.id}",
    }
    for name, value in facts.items():
        if value is not None:
            print(f"{name:>18}  {value}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from paper_checks.registry import claim

    found = claim(options.claim)
    row = found.run(seed=options.seed, **_parsed(options.set, _settings(found), found.id))
    print(row)
    return 0 if row.as_expected else 1


def _report(options: argparse.Namespace) -> int:
    unknown = [paper for paper in options.paper if paper.replace("-", "_") not in outline.papers()]
    if unknown:
        near = get_close_matches(unknown[0], outline.papers()) or outline.papers()
        raise ValueError(f"no paper {unknown[0]!r}; there are {', '.join(near)}")
    folder = Path(__file__).parent
    papers = [paper.replace("-", "_") for paper in options.paper] or outline.papers()
    checks = [folder / f"test_{paper}" for paper in papers]
    paths = [str(path if path.exists() else path.with_suffix(".py")) for path in checks]
    asked = ["--tier", options.tier, "--seed", str(options.seed), "--report", str(options.path)]
    # A process of its own: pytest rewrites the modules of its plugins, which must not be loaded yet.
    return subprocess.call([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *paths, *asked])


def _compare(options: argparse.Namespace) -> int:
    from paper_checks.compare import compare

    found = compare(options.a, options.b)
    print(found)
    return 0 if found.identical else 1


def _settings(claim: Any) -> dict[str, Any]:
    """Return the settings of a claim with their defaults."""
    parameters = list(inspect.signature(claim.function).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in parameters}


def _parsed(given: list[str], settings: dict[str, Any], claim_id: str) -> dict[str, Any]:
    """Return the values of `NAME=VALUE` arguments, checked against the settings that there are."""
    values = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, got {text!r}")
        if name not in settings:
            raise ValueError(f"{claim_id} has no setting {name!r}; its settings are {', '.join(settings) or 'none'}")
        try:
            values[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise ValueError(f"--set {name} must be a literal such as 3, 0.5, (1, 2) or 'a', got {value}") from None
    return values


if __name__ == "__main__":
    sys.exit(main())
