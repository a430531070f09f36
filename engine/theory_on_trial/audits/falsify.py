"""How near does anything come to breaking a bound?
`theory-on-trial audit falsify [PAPER | CLAIM …]` searches them all.

Every bound is put on trial at settings drawn from its annotations, as `theory-on-trial search` does
it, for the one that breaks it or comes nearest to it. Where the two sides meet, the same bound made
1 % tighter is put on trial there, and must be REFUTED. The table is `falsifier.json` of the
records; the ledger shows its ratio as a claim's tightness where the claim's own instances are
further from the bound.
"""

from argparse import Namespace
from typing import Any

import numpy as np

from theory_on_trial import claims
from theory_on_trial.audits.driver import Audit, Measured, Row, source_of
from theory_on_trial.explore.attempt import attempt
from theory_on_trial.explore.runs import Runs
from theory_on_trial.explore.search import search
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.registry import claim

ATTAINED = 1e-6
"""A bound whose ratio comes this close to one is called attained: a search does not tell a maximum
from a supremum.
"""
TIGHTER = 0.01
RUNS = 60
SECONDS = 60.0
"""How many trials a search takes, and for how many seconds it begins one, whichever is less."""
COLUMNS = ("claim", "tightest lhs / rhs", "attained", "made 1 % tighter", "where", "trials")


class Tightened(Trial):
    """A trial whose bounds are tighter than they are stated, by `TIGHTER` of their size."""

    def bound(self, lhs: Any, rhs: Any, *, ops: float | None = None, **options: Any) -> None:
        """Decide the tighter bound, without controls."""
        right = np.asarray(rhs, float)
        tighter = right - TIGHTER * np.abs(
            right
        )  # no whole number any more, so that some rounding is admitted
        super().bound(
            lhs, tighter, ops=ops or 1, **options | {"controls": {}, "as_published": None}
        )


def searched(claim_id: str, options: Namespace | None = None) -> Measured:
    """Return the line of one bound, see `COLUMNS`, and what came of it in a sentence."""
    subject = claim(claim_id)
    with Runs(subject, workers=1) as runs:
        result = search(subject, runs, most=RUNS, seconds=SECONDS)
    trials = sum(number for outcome, number in result.counts.items() if outcome != "outside")
    if result.failure:
        row: list[Any] = [
            claim_id,
            None,
            "VIOLATED",
            "",
            f"{result.failure.line}: {result.failure.why}",
            trials,
        ]
        return [row], [f"VIOLATED {claim_id}: {row[4]}"]
    if result.tightest is None or result.nearest is None:
        return [[claim_id, None, "no", "", "", trials]], [
            f"         {claim_id}: no ratio of positive sides"
        ]
    ratio, where = result.tightest
    attained = ratio >= 1 - ATTAINED
    broken = ""
    if attained:
        tighter = attempt(subject, result.nearest.settings, result.nearest.seed, trial=Tightened)
        broken = "broken" if tighter.verdict == "REFUTED" else "not broken"
    row = [claim_id, ratio, "yes" if attained else "no", broken, where, trials]
    return [row], [f"{ratio:8.4f} {claim_id} at {where}"]


def bounds(paper: str | None = None) -> list[str]:
    """Return the ids of the bounds of a paper, or of all."""
    return [
        subject.id
        for subject in claims(paper)
        if subject.kind == "bound" and not subject.published_form
    ]


def complaint(row: Row) -> str:
    """What is against a bound in a line of the table, "" if nothing."""
    if row["attained"] == "VIOLATED":
        return f"{row['claim']} is violated: {row['where']}"
    if row["made 1 % tighter"] == "not broken":
        return (
            f"{row['claim']} is attained at {row['where']}, and made 1 % tighter it is not "
            "broken there"
        )
    return ""


def unexpected(paper: str) -> list[str]:
    """Return a sentence for each bound of a paper that is violated, or attained and not broken
    where it is tighter.

    What is on record for the present source is not searched again; nothing is recorded. Raises
    `ValueError` for an unknown paper.
    """
    lines = AUDIT.on_record()
    complaints = []
    for name in bounds(paper):
        row, source = lines.get(name, [([], None)])[0]
        if source != source_of(name):
            row = searched(name)[0][0]
        complaints.append(complaint(dict(zip(COLUMNS, row, strict=True))))
    return list(filter(None, complaints))


def _note(rows: list[Row]) -> str:
    attained = [row for row in rows if row["attained"] == "yes"]
    broken = sum(row["made 1 % tighter"] == "broken" for row in attained)
    violated = sum(row["attained"] == "VIOLATED" for row in rows)
    return (
        f"{len(rows)} bounds on trial at settings drawn from their domains, corners included: "
        f"{violated} violated, "
        f"{len(attained)} attained (within {ATTAINED:g}; a supremum and a maximum look alike), "
        f"and {broken} of these "
        "broken once they are made 1 % tighter. A number below one is the largest ratio found: "
        "the true one is no "
        "smaller."
    )


AUDIT = Audit(
    name="falsifier",
    command="falsify",
    title="How tight the bounds are",
    columns=COLUMNS,
    parts=bounds,
    measure=searched,
    note=_note,
    complaint=complaint,
)
main = AUDIT.main
