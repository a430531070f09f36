"""The audits: measured tables that say how far the verdicts of a repository are to be trusted.

`theory-on-trial audit NAME` runs one for the repository around the present folder and keeps its
table in the folder `records` there; `theory-on-trial audit` runs them all, and `--stale` only says
which lines of the tables are of an earlier source. These serve any repository; one may have others
of its own, in a package `audits` at its root. The core of the engine imports none of them.
"""

import importlib
import sys
from collections.abc import Sequence

AUDITS = {
    "calibration": "how often is a verdict wrong, over many seeds?",
    "falsify": "how near does anything come to breaking a bound?",
    "full_tier": "does the full tier say what it promises, at any seed?",
    "platforms": "do other platforms and versions say the same?",
    "resolution": "does a verdict notice the error that it says it would?",
    "settings": "does a claim hold at every setting that its domain admits?",
}
"""Name and question of every audit, each a module of this package with a function
`main(arguments)`.
"""

_USAGE = """usage: theory-on-trial audit [NAME [OPTION …]] | --stale

Without a name all of them, one after the other; with --stale none, and it says what must be
measured again."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the audit that is named first with the arguments that follow, or all of them; return the
    exit status.
    """
    argv = list(sys.argv[1:] if arguments is None else arguments)
    if argv == ["--stale"]:
        return _stale()
    name = argv[0].replace("-", "_") if argv else ""
    questions = AUDITS | own_audits()
    if name in questions:
        return _run(name, argv[1:])
    if argv:
        print(_USAGE)
        for audit in sorted(questions):
            print(f"  {audit.replace('_', '-'):14} {questions[audit]}")
        return 0 if argv[0] in ("-h", "--help") else 2
    return max(_run(audit, []) for audit in sorted(questions))


def own_audits() -> dict[str, str]:
    """Return name and question of the audits that the present repository has itself: `AUDITS` of
    its `audits`.
    """
    from theory_on_trial.repository import root

    if not (root() / "audits" / "__init__.py").exists():
        return {}
    make_root_importable()
    questions: dict[str, str] = importlib.import_module("audits").AUDITS
    return questions


def make_root_importable() -> None:
    """Let Python import what lies at the root of the present repository, such as `tests` and
    `benchmarks`.
    """
    from theory_on_trial.repository import root

    if str(root()) not in sys.path:
        sys.path.insert(0, str(root()))


def _run(name: str, arguments: list[str]) -> int:
    package = __name__ if name in AUDITS else "audits"
    status: int = importlib.import_module(f"{package}.{name}").main(arguments)
    return status


def _stale() -> int:
    """Print the stale tables, each with what has changed under it; 1 if there are any."""
    from theory_on_trial import repository
    from theory_on_trial.repository import records

    root = repository.root()
    status = 0
    known = records.Known()
    for file, table in records.tables_by_file(repository.records_folder()).items():
        if sentence := records.staleness(table, root, known):
            status = 1
            print(f"{file}: {sentence}")
            lines = zip(table["sources"], records.stale(table, root, known), strict=True)
            for names in dict.fromkeys(", ".join(entry["of"]) for entry, stale in lines if stale):
                print(f"  {names}")
    return status
