"""What `theory-on-trial search` and `theory-on-trial map` do with their options."""

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from theory_on_trial.explore.runs import Runs
from theory_on_trial.explore.search import SECONDS
from theory_on_trial.explore.search import search as search_one
from theory_on_trial.trial.registry import claim


def search(ids: Sequence[str], folder: Path, options: argparse.Namespace) -> int:
    """Search claims of a repository one after the other and print what came of it; 1 if any of them fails."""
    from tqdm.auto import tqdm

    for name, least in (("seconds", 0), ("runs", 1), ("workers", 1)):
        given = getattr(options, name)
        if given is not None and not given >= least:
            raise ValueError(f"--{name} must be at least {least}, got {given}")
    # Where only the number is given, time is no limit, and the other way about.
    seconds = options.seconds or (SECONDS if options.runs is None else float("inf"))
    budget = {"seconds": seconds, **({} if options.runs is None else {"most": options.runs})}
    results = []
    with contextlib.chdir(folder):
        for one in ids:
            subject = claim(one)
            with (
                Runs(subject, workers=options.workers) as runs,
                Runs(subject, workers=options.workers, beyond=True) as beyond,
                tqdm(desc=subject.id, unit="trial", file=sys.stderr, leave=False, disable=None) as bar,
            ):
                result = search_one(
                    subject,
                    runs,
                    seed=options.seed,
                    inconclusive=options.inconclusive,
                    outside=beyond if options.outside else None,
                    advance=bar.update,
                    **budget,
                )
            results.append(result)
            if not options.json:
                print(result, flush=True)
            if result.interrupted:
                break
    if options.json:
        print(json.dumps([one.json() for one in results], indent=1))
    return int(any(one.failure for one in results))
