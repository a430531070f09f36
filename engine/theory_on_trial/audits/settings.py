"""Does a claim hold wherever it says so? `theory-on-trial audit settings [PAPER | CLAIM …]` tries
other settings.

For every claim of the fast and the full tier settings are drawn from the annotations of its check
(`spread`): each setting alone at either end of its domain, then ends, logarithmic middles, ties and
neighbours of several together, under another seed each time. 40 of them lie inside the joint
conditions where a run takes under a second; otherwise the ends and 4 more. None may be REFUTED,
raise anything but the sentence of the claim's domain, or take more than a minute (ten in the full
tier), and no published form may be VERIFIED; what is INCONCLUSIVE is counted. The table is
`settings.json` of the records.
"""

import time
from argparse import ArgumentParser, Namespace
from itertools import islice
from typing import Any

import jax

from theory_on_trial.audits.driver import Audit, Measured, Row, ids
from theory_on_trial.explore.attempt import LIMIT, attempt
from theory_on_trial.explore.draw import domains, ends, spread
from theory_on_trial.trial.registry import Claim, claim

CHEAP = 1.0
MANY = 40
FEW = 4
_TRIES = 20  # for each setting that is wanted: those outside a joint condition show nothing
LIMITS = {"fast": LIMIT, "full": 10 * LIMIT}
"""How many seconds a run may take, by the tier."""
COLUMNS = (
    "claim",
    "settings with a domain",
    "drawn",
    "outside",
    "as expected",
    "INCONCLUSIVE",
    "wrong",
)


def run_at(subject: Claim, chosen: dict[str, Any], seed: int = 0) -> tuple[str, str]:
    """Put a claim on trial at some settings: "outside", "as expected", "INCONCLUSIVE" or "wrong",
    and why.
    """
    result = attempt(subject, chosen, seed, limit=LIMITS[subject.tier])
    outcome = {
        "late": "wrong",
        "no control": "INCONCLUSIVE",  # the claim itself does not fail there
        "published holds": "INCONCLUSIVE",
    }.get(result.outcome, result.outcome)
    return outcome, result.why * (result.outcome != "outside")


def tried(claim_id: str, most: int = MANY) -> tuple[list[Any], list[str]]:
    """Return the line of the table for one claim (see `COLUMNS`), and a sentence for all that is
    not as expected.
    """
    subject = claim(claim_id)
    ranges = domains(subject)
    corners = len(ends(subject))
    counts = dict.fromkeys(("outside", "as expected", "INCONCLUSIVE", "wrong"), 0)
    sentences: list[str] = []
    cost = 0.0
    for seed, chosen in enumerate(islice(spread(subject), _TRIES * most)):
        inside = sum(counts.values()) - counts["outside"]
        if inside >= most or (
            seed >= corners and inside >= min(most, FEW + corners) and cost > CHEAP * inside
        ):
            break
        start = time.process_time()
        outcome, why = run_at(subject, chosen, seed)
        cost += time.process_time() - start
        counts[outcome] += 1
        if why:
            place = ", ".join(
                f"{name}={value!r}" for name, value in {**chosen, "seed": seed}.items()
            )
            sentences.append(f"{subject.id} at {place}: {outcome}: {why}"[:400])
    jax.clear_caches()  # each setting has programs of its own, and memory maps are few
    return [subject.id, len(ranges), sum(counts.values()), *counts.values()], sentences


def measure(claim_id: str, options: Namespace) -> Measured:
    """Try one claim."""
    row, sentences = tried(claim_id, options.most)
    return [row], sentences


def _options(parser: ArgumentParser) -> None:
    text = f"settings per claim (default {MANY}, of slow ones the ends and {FEW})"
    parser.add_argument("--most", type=int, default=MANY, help=text)


def _note(rows: list[Row]) -> str:
    sums = {column: sum(row[column] for row in rows) for column in COLUMNS[2:]}
    bare = sum(not row["settings with a domain"] for row in rows)
    return (
        f"{sums['drawn']} settings of {len(rows)} claims: {sums['wrong']} wrong (REFUTED, or "
        "ended by anything but a "
        f"sentence about the domain), {sums['INCONCLUSIVE']} INCONCLUSIVE, {sums['outside']} "
        "outside a joint "
        f"condition. {bare} claims have no setting with a domain."
    )


def _complaint(row: Row) -> str:
    return f"{row['claim']} is wrong at {row['wrong']} settings" if row["wrong"] else ""


main = Audit(
    name="settings",
    title="Settings drawn from the claims' domains",
    columns=COLUMNS,
    parts=lambda: ids() + ids("full"),
    measure=measure,
    note=_note,
    complaint=_complaint,
    options=_options,
).main
