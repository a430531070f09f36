"""The table of README.md on why a verdict is to be trusted: what each record says, and how much of
it is up to date.

`python docs/trust.py` writes it, after the audits; the numbers are sums over the lines of the
tables in `records`.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from theory_on_trial.repository import records
from theory_on_trial.repository.records import read

ROOT = Path(__file__).parent.parent
BEGIN = "<!-- trust -->"
END = "<!-- end of trust -->"
Line = dict[str, Any]


def _plain(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def _total(lines: list[Line], column: str) -> str:
    return _plain(sum(line[column] or 0 for line in lines))


def _calibration(lines: list[Line], tier: str = "fast") -> str:
    other = sum(line["seeds"] - line["as expected"] for line in lines)
    return (
        f"{_total(lines, 'seeds')} runs of {len(lines)} claims in the {tier} tier: {other} with "
        "another verdict; "
        f"{_total(lines, 'controls')} controls: {_total(lines, 'controls not refuted')} not refuted"
    )


def _mutants(lines: list[Line]) -> str:
    open_ones = sum(line["mutants"] - line["noticed"] - line["explained"] for line in lines)
    papers = len({line["paper"] for line in lines if line["package"] != "theory_on_trial"})
    return (
        f"{_total(lines, 'mutants')} mutants of the code of {papers} papers and of the engine: "
        f"{_total(lines, 'noticed')} noticed, {_total(lines, 'by a claim')} of them by a claim; "
        f"{_total(lines, 'explained')} equivalent or a matter of accuracy, {open_ones} open"
    )


def _falsifier(lines: list[Line]) -> str:
    hits = [line for line in lines if line["attained"] == "yes"]
    broken = sum(line["made 1 % tighter"] == "broken" for line in hits)
    violated = sum(line["attained"] == "VIOLATED" for line in lines)
    return (
        f"{len(lines)} bounds searched: {violated} violated, {len(hits)} attained, and {broken} "
        "of these, made 1 % "
        "tighter, are broken"
    )


def _independence(lines: list[Line]) -> str:
    by = Counter(line["sides kept apart by"] for line in lines)
    return (
        f"of {len(lines)} claims {by['theory and sims']} have a side in each of two packages that "
        "never import each "
        f"other, {by['marks']} under either of two marks; of {by['the check']} the check makes "
        "one itself"
    )


def _platforms(lines: list[Line]) -> str:
    differences = sum(sum(line[name] for name in list(line)[4:8]) for line in lines)
    return (
        f"{len(lines)} ledgers ({', '.join(line['ledger'] for line in lines)}): "
        f"{min(line['rows'] for line in lines)} "
        f"rows, {differences} verdicts, predictions or intervals apart"
    )


def _settings(lines: list[Line]) -> str:
    settings = sum(line["drawn"] - line["outside"] for line in lines)
    return (
        f"{_plain(settings)} settings of {len(lines)} claims, ends and corners among them: "
        f"{_total(lines, 'wrong')} wrong, {_total(lines, 'INCONCLUSIVE')} INCONCLUSIVE"
    )


def _resolution(lines: list[Line]) -> str:
    survivors = sum(bool(line["not noticed"]) for line in lines)
    return (
        f"{_total(lines, 'tried')} decisions of {len(lines)} claims tried with predictions that "
        "far off, up and down: "
        f"{survivors or 'none'} stayed VERIFIED"
    )


def _tools(lines: list[Line]) -> str:
    fitting = {
        fits: [line for line in lines if (line["fits"] == "yes") == fits] for fits in (True, False)
    }
    sentences = []
    for fits, part in fitting.items():
        sums = Counter(
            {
                name: sum(line[name] for line in part)
                for name in ("right", "doubted", "none", "wrong")
            }
        )
        wrong = f"{_plain(sums['wrong'])} wrong" + " at levels of 90 and 95 %" * fits
        sentences.append(
            f"where the assumptions {'fit' if fits else 'do not'} {_plain(sums['right'])} right, "
            f"{_plain(sums['doubted'] + sums['none'])} doubted or none, {wrong}"
        )
    return f"{_total(lines, 'draws')} answers to {len(lines)} kinds of data; {'; '.join(sentences)}"


RECORDS: dict[str, tuple[str, Callable[[list[Line]], str], str]] = {
    "calibration": ("how often is a verdict wrong, over many seeds?", _calibration, "calibration"),
    "full_tier": ("and in the full tier?", partial(_calibration, tier="full"), "full-tier"),
    "mutants": ("does anything notice when the code is wrong?", _mutants, "mutants"),
    "falsifier": ("how near does anything come to breaking a bound?", _falsifier, "falsify"),
    "independence": (
        "does the measured side share code with the predicted side?",
        _independence,
        "independence",
    ),
    "platforms": (
        "do other platforms and versions say the same?",
        _platforms,
        "platforms --devices 4",
    ),
    "settings": ("does a claim hold wherever its domain says?", _settings, "settings"),
    "resolution": (
        "does a verdict notice the error that it says it would?",
        _resolution,
        "resolution",
    ),
    "tools": ("what do the tools say of data that nobody prepared?", _tools, "tools"),
}


def answers() -> list[tuple[str, str, str, str]]:
    """Return question, answer, how many lines are of the present source, and command, for each
    record.
    """
    rows = []
    known = records.Known()
    for name, (question, sentence, command) in RECORDS.items():
        table = read(ROOT / "records" / f"{name}.json")
        lines = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
        fresh = records.freshness(table, ROOT, known).partition(" lines")[0]
        rows.append((question, sentence(lines), fresh, f"`theory-on-trial audit {command}`"))
    return rows


def table() -> str:
    """Return the whole table as Markdown."""
    faults = read(ROOT / "records" / "faults.json")
    rows = [
        *answers(),
        ("do two ledgers agree?", "", "", "`theory-on-trial compare`"),
        (
            "what do kills, full disks and broken files leave?",
            f"{len(faults['rows'])} faults: nothing lost, nothing wrong read",
            "",
            "`pytest engine/tests/test_faults.py`",
        ),
        (
            "what does a function say to hostile input?",
            "every public function: a documented answer or one sentence",
            "",
            "`pytest tests -k promises`",
        ),
    ]
    head = ["| question | answer | lines of the present source | command |", "|---|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def written(readme: str) -> str:
    """Return README.md with the table of the present records in its place."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
