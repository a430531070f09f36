"""What `theory-on-trial search` and `theory-on-trial map` do with their options."""

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from theory_on_trial.explore.search import SECONDS
from theory_on_trial.explore.search import search as search_one
from theory_on_trial.explore.trials import Trials, count_of
from theory_on_trial.plugin import settings_of
from theory_on_trial.trial.registry import claim


def search(ids: Sequence[str], folder: Path, options: argparse.Namespace) -> int:
    """Search claims of a repository one after the other and print what came of it; 1 if any of them
    fails.
    """
    from tqdm.auto import tqdm

    _at_least(options, seconds=0, runs=1, workers=1)
    # Where only the number is given, time is no limit, and the other way about.
    seconds = options.seconds or (SECONDS if options.runs is None else float("inf"))
    budget = {"seconds": seconds, **({} if options.runs is None else {"most": options.runs})}
    results = []
    with contextlib.chdir(folder):
        for claim_id in ids:
            subject = claim(claim_id)
            with (
                Trials(subject) as trials,
                Trials(subject, beyond=True) as beyond,
                tqdm(
                    desc=subject.id, unit="trial", file=sys.stderr, leave=False, disable=None
                ) as bar,
            ):
                passed = {
                    "outside": beyond if options.outside else None,
                    "inconclusive": options.inconclusive,
                    "workers": count_of(options.workers),
                }
                result = search_one(
                    subject, trials, seed=options.seed, advance=bar.update, **passed, **budget
                )
            results.append(result)
            if not options.json:
                print(result, flush=True)
            if result.interrupted:
                break
    if options.json:
        print(json.dumps([entry.json() for entry in results], indent=1))
    return int(any(entry.failure for entry in results))


def draw_map(claim_id: str, folder: Path, options: argparse.Namespace) -> int:
    """Run the cells of a map, write its picture, and print what it shows."""
    from theory_on_trial.explore.map import map_of
    from theory_on_trial.explore.picture import SUFFIXES, caption, save

    _at_least(options, cells=2, workers=1, limit=1)
    if options.out.suffix not in SUFFIXES:
        raise ValueError(f"--out must end in {', '.join(SUFFIXES)}, got {options.out}")
    if not options.out.absolute().parent.is_dir():
        raise ValueError(f"--out must be in a folder that exists, got {options.out}")
    texts = [text for text in (options.x, options.y, options.z) if text is not None]
    if mistakes := [text for text in texts if "=" not in text]:
        raise ValueError(f"an axis is NAME=LOW..HIGH or NAME=a,b,c, got {mistakes[0]!r}")
    axes = {name: values for name, _, values in (text.partition("=") for text in texts)}
    if len(axes) < len(texts):
        raise ValueError(f"the axes must be different settings, got {', '.join(texts)}")
    settings = settings_of(options.set, "--set")
    path = options.out.absolute()
    with contextlib.chdir(folder):
        names = ("cells", "seed", "outside", "limit", "workers")
        dataset = map_of(
            claim(claim_id), axes, settings, **{name: getattr(options, name) for name in names}
        )
        save(dataset, path)
    print(f"{claim_id}: {caption(dataset)}")
    return 0


def _at_least(options: argparse.Namespace, **least: float) -> None:
    for name, bound in least.items():
        value = getattr(options, name)
        if value is not None and not value >= bound:
            raise ValueError(f"--{name} must be at least {bound}, got {value}")
