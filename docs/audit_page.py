"""The page of the site about the audits of a release, from `records/audit.json`.

`python docs/audit_page.py REPORT.json …` puts the reports that `theory-on-trial audit` wrote into
that file. The audits are of one commit and one tier, and differ in their seeds.
"""

import json
import sys
from collections import Counter
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from catalogue import ROOT
from ledger_page import anchors, tiers_up_to

from theory_on_trial import claims
from theory_on_trial.audit.checks import OUTCOMES
from theory_on_trial.audit.drawing import can_be_run
from theory_on_trial.audit.report import pooled

AUDIT = ROOT / "records" / "audit.json"
NONE = "No audit of this version has been published yet.\n"
UNANSWERED = ("late", "no control", "published holds", "constant", "outside", "nothing tried")


@cache
def published(path: Path = AUDIT) -> dict[str, Any] | None:
    """Return the audits of the release as one; None where none is published."""
    if not path.exists():
        return None
    return pooled(json.loads(path.read_text(encoding="utf-8")))


def audited() -> str:
    """Return what the audits of the release found, in Markdown."""
    found = published()
    return NONE if found is None else page(found)


def page(found: dict[str, Any]) -> str:
    """Return what some audits found: a summary, the audits, counts for each check, what was wrong or
    has no answer, what was not tried.
    """
    parts = [
        summary(found),
        "## The audits",
        _table(("seed", "date", "minutes", "runs", "processes", "machine"), _audits(found)),
        _drawn(found),
        "## Runs and failures",
        _table(
            ("check", "what was tried", "runs", "failures", "at most (95 %)"),
            [
                (
                    one["check"],
                    one["what"],
                    str(one["runs"]),
                    str(one["failures"]),
                    f"{100 * one['bound']:.2g} %",
                )
                for one in found["checks"]
            ],
        ),
        "The last column is the exact upper bound (Clopper and Pearson, one-sided) on the share of "
        "failures among runs that are drawn in the same way; it says nothing about other claims or "
        "checks. Of mutants a failure is one that no claim noticed. It may be an equivalent program, "
        "and so it is no wrong verdict. A run that was undecided has an answer, and is no failure.",
        "## Wrong verdicts",
        _listed(found["failures"]) or "No run ended with a wrong verdict.",
    ]
    for head, name in (
        ("Undecided and late runs", "open"),
        ("Settings at which a control is none, or what was published holds", "elsewhere"),
    ):
        if found[name]:
            parts += [f"## {head}", _listed(found[name])]
    if found["not_noticed"]:
        parts += [
            "## Mutants that no claim noticed",
            f"<details><summary>{len(found['not_noticed'])} of them</summary>"
            f"{_listed(found['not_noticed'])}</details>",
        ]
    parts += ["## What was not tried", _untried(found)]
    return "\n\n".join(parts) + "\n"


def summary(found: dict[str, Any]) -> str:
    """Return in one paragraph what some audits found, with date, commit and machine."""
    audits = found["audits"]
    wrong = len(found["failures"])
    answered = [one for one in found["checks"] if one["check"] != "mutants"]
    runs = sum(one["runs"] for one in answered)
    mutants = next((one for one in found["checks"] if one["check"] == "mutants"), None)
    of_mutants = (
        f" Of {mutants['runs']} mutants of the code {mutants['failures']} went unnoticed."
        if mutants
        else ""
    )
    days = sorted({one["date"][:10] for one in audits})
    seeds = ", ".join(str(one["seed"]) for one in audits)
    count = f"{len(audits)} audits" if len(audits) > 1 else "One audit"
    machines = "; ".join(sorted({one["machine"] for one in audits}))
    return (
        f"{count} of tier {audits[0]['tier']} ({' to '.join(dict.fromkeys((days[0], days[-1])))}, "
        f"commit {str(audits[0]['commit'])[:12]}, seed{'s' * (len(audits) > 1)} {seeds}, on "
        f"{machines}) tried verdicts {runs} times with fresh seeds, settings, wrong predictions and "
        f"searches, and found {wrong or 'no'} wrong verdict{'s' * (wrong != 1)}.{of_mutants}"
    )


def _audits(found: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            str(one["seed"]),
            one["date"].replace("T", " ").removesuffix("+00:00") + " UTC",
            f"{one['seconds'] / 60:.1f}{' (interrupted)' * one['interrupted']}",
            str(one["drawn"]),
            str(one.get("workers", "")),
            one["machine"],
        )
        for one in found["audits"]
    ]


def _drawn(found: dict[str, Any]) -> str:
    audits = found["audits"]
    versions = [f"{name} {number}" for name, number in audits[0]["versions"].items() if number]
    return (
        f"Each run draws a claim at random from {max(one['claims'] for one in audits)}, and a check "
        f"at random from those that the claim allows. Versions: {', '.join(versions)}."
    )


def _untried(found: dict[str, Any]) -> str:
    """Return what no run tried, and which runs have no answer, as a list of Markdown."""
    tried = {run["claim"] for run in found["runs"]}
    eligible = max(one["claims"] for one in found["audits"])
    points = [
        f"{max(eligible - len(tried), 0)} of the {eligible} claims were never drawn.",
        *(
            f"*{one['check']}* tried "
            f"{len({run['claim'] for run in found['runs'] if run['check'] == one['check']})} claims."
            for one in found["checks"]
        ),
    ]
    outcomes = Counter(run["outcome"] for run in found["runs"])
    points += [
        f"{outcomes[name]} run{'s' * (outcomes[name] > 1)} without an answer: {OUTCOMES[name]}."
        for name in UNANSWERED
        if outcomes[name]
    ]
    own = [claim for claim in claims() if not claim.published_form]
    included = tiers_up_to(found["audits"][0]["tier"])
    above = [claim.tier for claim in own if claim.tier not in included]
    points += [
        f"Claims of tier {tier}, {number} at present, were not drawn."
        for tier, number in sorted(Counter(above).items())
    ]
    if fixed := sum(not can_be_run(claim) for claim in own):
        points.append(
            f"{fixed} claims take a setting from a fixture of pytest, and were not drawn."
        )
    points.append("No other machine was tried than the one that is named above.")
    return "\n".join(f"- {point}" for point in points)


def _table(heads: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    body = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines]
    return "\n".join(
        f"| {line} |" for line in [" | ".join(heads), "|".join("---" for _ in heads), *body]
    )


def _listed(runs: list[dict[str, Any]]) -> str:
    """Return runs as a table of HTML, each with the command that repeats it; "" without any."""
    if not runs:
        return ""
    heads = "".join(f"<th>{name}</th>" for name in ("claim", "check", "outcome", "why"))
    rows = "".join(
        f"<tr><td>{_link(run['claim'])}</td><td>{run['check']}</td><td>{run['outcome']}</td>"
        f"<td>{escape(run['why'])}<br><code>{escape(run['again'])}</code></td></tr>"
        for run in runs
    )
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="commands" data-search-exclude>{table}</div>'


def _link(claim: str) -> str:
    """Return a claim's id as a link to its row of the ledger, where it has one."""
    anchor = anchors().get(claim)
    name = f"<code>{escape(claim)}</code>"
    return f'<a href="ledger.html#{escape(anchor)}">{name}</a>' if anchor else name


def collect(sources: list[Path], target: Path = AUDIT) -> None:
    """Put the reports of some audits into one file; ValueError where they cannot be pooled."""
    reports = [json.loads(source.read_text(encoding="utf-8")) for source in sources]
    pooled(reports)
    follow = ("failures", "open", "not_noticed", "elsewhere", "checks")  # they do from the runs
    lines = [
        json.dumps({k: v for k, v in report.items() if k not in follow}, ensure_ascii=False)
        for report in reports
    ]
    target.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python docs/audit_page.py REPORT.json …")
    collect([Path(name) for name in sys.argv[1:]])
    print("now run python docs/write_pages.py")
