"""The falsifier: for every bound of every paper, a search of its whole domain for a violation.

`python -m theory_on_trial.audits.falsify [PAPER|CLAIM]` prints how tight each bound is and where, and keeps what it found in
`docs/trust/falsifier.json`: what is recorded is not searched again, so that an interrupted run resumes.
The ledger shows the recorded ratio as a claim's tightness where its own instances are further from the bound.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from theory_on_trial.audits.falsifier import INEQUALITIES, NOT_SEARCHED, Found, Inequality, load, record, search


def inequalities(name: str | None = None) -> list[Inequality]:
    """Return the inequalities of a paper or of a claim, all of them without a name.

    Raises `ValueError` for a name under which none is stated, with the reason if there is one.
    """
    load()
    wanted = None if name is None else name.replace("_", "-").lower()
    ids = [(inequality.claim.replace("_", "-").lower(), inequality) for inequality in INEQUALITIES]
    found = [one for claim, one in ids if wanted in (None, claim, claim.split(".")[0])]
    if not found:
        reason = next((why for claim, why in NOT_SEARCHED.items() if claim.replace("_", "-").lower() == wanted), None)
        known = ", ".join(dict.fromkeys(one.claim for one in INEQUALITIES))
        raise ValueError(
            f"{name} is not searched: {reason}" if reason else f"no inequality of {name!r}; known: {known}"
        )
    return found


def falsify(claim: str, *, seed: int = 0) -> list[Found]:
    """Search the inequalities of a claim, or of a paper, for violations and for their tightest instances.

    Raises `ValueError` for a claim that states no inequality or is not searched.
    """
    return [search(inequality, seed) for inequality in inequalities(claim)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, record, and print the table; the exit status is 1 if a violation is not the expected one."""
    parser = argparse.ArgumentParser(
        prog="python -m theory_on_trial.audits.falsify", description="How tight are the bounds?"
    )
    parser.add_argument("name", nargs="?", metavar="PAPER|CLAIM", help="all papers by default")
    parser.add_argument("--again", action="store_true", help="search what is recorded too")
    parser.add_argument(
        "--out", type=Path, default=record.PATH, metavar="PATH", help="the record (default %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        chosen = inequalities(options.name)
    except ValueError as error:
        parser.error(str(error))
    known = {(row[0], row[1]): row for row in record.read(options.out)}
    if options.again:
        known = {key: row for key, row in known.items() if key not in {(one.claim, one.statement) for one in chosen}}
    for position, inequality in enumerate(chosen, start=1):
        key = inequality.claim, inequality.statement
        start = time.process_time()
        if key not in known:
            known[key] = record.row_of(search(inequality))
            record.write(_in_order(known), options.out)
        _, _, ratio, attained, where, instances = known[key]
        shown = "  none" if ratio is None else f"{ratio:.4f}"
        print(f"[{position}/{len(chosen)}] {shown} {attained:8} {inequality.claim}: {inequality.statement}")
        print(f"{'':9}at {where} ({instances} instances, {time.process_time() - start:.1f} s of CPU)", flush=True)
    rows = [known[one.claim, one.statement] for one in chosen]
    unexpected = [row[0] for row in rows if (row[3] == "VIOLATED") != row[0].endswith("-as-printed")]
    print(f"{len(rows)} inequalities; unexpected: {', '.join(unexpected) or 'none'}")
    return 1 if unexpected else 0


def _in_order(known: dict[tuple[str, str], list]) -> list[list]:
    """The rows of all inequalities that are still stated, in their order, then what is not searched."""
    rows = [known[one.claim, one.statement] for one in INEQUALITIES if (one.claim, one.statement) in known]
    return rows + [record.not_searched(claim) for claim in NOT_SEARCHED]


if __name__ == "__main__":
    sys.exit(main())
