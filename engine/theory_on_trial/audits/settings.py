"""Does a claim hold wherever it says so? `theory-on-trial audit settings [PAPER | CLAIM …]` tries other settings.

For every claim of the fast tier settings are drawn from the annotations of its check (`spread`): each setting alone at
either end of its domain, then ends, logarithmic middles, ties and neighbours of several together, under another seed
each time. 40 of them lie inside the joint conditions where a run takes under a second; otherwise the ends and 4 more.
None may be REFUTED, raise anything but the sentence of the claim's domain, or take more than a minute, and no printed
form may be VERIFIED; what is INCONCLUSIVE is counted. The table is `settings.json` of the records.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from multiprocessing import get_context
from typing import Any

# OpenBLAS reads it once, when it is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jax

from theory_on_trial import repository
from theory_on_trial.audits.calibration import source_of, subjects_in
from theory_on_trial.explore.attempt import attempt, begin
from theory_on_trial.explore.draw import domains, ends, spread
from theory_on_trial.repository import records
from theory_on_trial.trial.registry import Claim, claim, selected

CHEAP, MANY, FEW = 1.0, 40, 4
_TRIES = 20  # for each setting that is wanted: those outside a joint condition show nothing
COLUMNS = ("claim", "settings with a domain", "drawn", "outside", "as expected", "INCONCLUSIVE", "wrong")


def run_at(subject: Claim, chosen: dict[str, Any], seed: int = 0) -> tuple[str, str]:
    """Put a claim on trial at some settings: "outside", "as expected", "INCONCLUSIVE" or "wrong", and why."""
    done = attempt(subject, chosen, seed)
    return ("wrong" if done.outcome == "late" else done.outcome), done.why * (done.outcome != "outside")


def tried(claim_id: str, most: int) -> tuple[list[Any], list[str]]:
    """Return the line of the table for one claim (see `COLUMNS`), and a sentence for all that is not as expected."""
    subject = claim(claim_id)
    known, corners = domains(subject), len(ends(subject))
    counts = dict.fromkeys(("outside", "as expected", "INCONCLUSIVE", "wrong"), 0)
    sentences: list[str] = []
    spent = 0.0
    for seed, chosen in enumerate(islice(spread(subject), _TRIES * most)):
        inside = sum(counts.values()) - counts["outside"]
        if inside >= most or (seed >= corners and inside >= min(most, FEW + corners) and spent > CHEAP * inside):
            break
        started = time.process_time()
        outcome, why = run_at(subject, chosen, seed)
        spent += time.process_time() - started
        counts[outcome] += 1
        if why:
            shown = ", ".join(f"{name}={value!r}" for name, value in {**chosen, "seed": seed}.items())
            sentences.append(f"{subject.id} at {shown}: {outcome}: {why}"[:400])
    jax.clear_caches()  # each setting has programs of its own, and memory maps are few
    return [subject.id, len(known), sum(counts.values()), *counts.values()], sentences


def main(arguments: Sequence[str] | None = None) -> int:
    """Try what was asked for and write the table; 1 if a claim is wrong at a setting that its domain admits."""
    from tqdm.auto import tqdm

    parser = argparse.ArgumentParser(
        prog="theory-on-trial audit settings", description="Does a claim hold at every setting that its domain admits?"
    )
    parser.add_argument("selection", nargs="*", metavar="PAPER | CLAIM", help="default: all papers")
    parser.add_argument(
        "--most", type=int, default=MANY, help=f"settings per claim (default {MANY}, of slow ones the ends and {FEW})"
    )
    options = parser.parse_args(arguments)
    try:
        every = subjects_in()
        ids = {one.id for name in options.selection for one in selected(name)}
    except ValueError as error:
        parser.error(str(error))
    path = repository.records_folder() / "settings.json"
    earlier = records.read(path)
    rows = {row[0]: row for row in earlier.get("rows", [])}
    sources = dict(zip(rows, earlier.get("sources", []), strict=True))
    order = [one.id for one in every]
    table = _table(order, rows, sources)
    chosen = [one for one in every if one.id in ids or not ids]
    workers = min(os.cpu_count() or 1, len(chosen))
    with ProcessPoolExecutor(max(workers, 1), mp_context=get_context("spawn"), initializer=begin) as pool:
        try:
            running = {pool.submit(tried, subject.id, options.most): subject for subject in chosen}
            for done in tqdm(as_completed(running), total=len(running), unit="claim", file=sys.stderr):
                subject = running[done]
                rows[subject.id], sentences = done.result()
                sources[subject.id] = source_of(subject)
                for sentence in sentences:
                    tqdm.write(sentence)
                table = _table(order, rows, sources)
                records.write(path, table)  # with every claim: an hour's work is not lost with the last one
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            print("stopped: the other claims keep the lines they had", file=sys.stderr)
    print(table["note"])
    return int(bool(sum(row[6] for row in table["rows"])))


def _table(order: Sequence[str], rows: dict[str, list[Any]], sources: dict[str, Any]) -> dict[str, Any]:
    shown = [rows[name] for name in order if name in rows]
    drawn, outside, undecided, wrong = (sum(row[column] for row in shown) for column in (2, 3, 5, 6))
    bare = sum(not row[1] for row in shown)
    return {
        "title": "Settings drawn from the claims' domains",
        "command": "theory-on-trial audit settings",
        "columns": list(COLUMNS),
        "rows": shown,
        "sources": [sources[row[0]] for row in shown],
        "note": (
            f"{drawn} settings of {len(shown)} claims: {wrong} wrong (REFUTED, or ended by anything but a sentence "
            f"about the domain), {undecided} INCONCLUSIVE, {outside} outside a joint condition. {bare} claims have no "
            "setting with a domain."
        ),
    }
