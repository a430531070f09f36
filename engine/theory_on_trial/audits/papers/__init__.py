"""The row of a paper: `new-paper NAME` lays one down that passes, `check-paper NAME` names what one lacks or fails.

What is laid down is a toy, the mean of powers of a uniform number. Its files are the `templates`, which are at the same
time the list of what a paper consists of. Each step of a check starts processes, as a maintainer would by hand:
whatever is wrong with a paper, the check goes on.
"""

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from keyword import iskeyword
from pathlib import Path

from theory_on_trial.audits.papers.row import Paper, last_line, templates
from theory_on_trial.audits.papers.steps import STEPS

WORKERS = min(4, os.cpu_count() or 1)
"""How many steps run at a time."""


def lay_down(name: str, folder: Path) -> list[Path]:
    """Write the files of a new paper, a toy that passes `check`, and draw its figures; return the paths.

    Raises ValueError, before anything is written, for a name that is no lower-case identifier, and where a file or a
    package of that name exists; and where the figures cannot be drawn.
    """
    if not (name.isidentifier() and name.islower()) or iskeyword(name):
        raise ValueError(f"NAME must be a lower-case identifier such as ridge_ensembles, got {name!r}")
    paper = Paper(name, folder)
    gallery = folder / "docs" / "papers"
    wanted = [place for template in templates() for place in paper.places(template)]
    taken = [place for place in [*wanted, gallery / name] if place.exists()]
    if taken:
        raise ValueError(f"NAME must be new, and {taken[0].relative_to(folder)} exists")
    laid = []
    for template, text in templates().items():
        laid.append(paper.places(template)[0])
        laid[-1].parent.mkdir(parents=True, exist_ok=True)
        laid[-1].write_text(text.replace("NAME", name), encoding="utf-8")
    drawn = paper.run("-m", "theory_on_trial.command", "figures", name, "--small", "--out", str(gallery))
    if drawn.returncode:
        raise ValueError(f"the files are laid down, but the figures cannot be drawn: {last_line(drawn)}")
    return laid + sorted((gallery / name).iterdir())


def check(name: str, folder: Path) -> int:
    """Run all that the repository asks of a paper, and print a sentence for each thing that is missing or fails.

    Returns 0 where there is none, 1 where there is one, 130 after Ctrl-C.
    """
    paper, found, started = Paper(name, folder), 0, time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            steps = {pool.submit(_timed, step, paper): title for title, step in STEPS.items()}
            for number, done in enumerate(as_completed(steps), start=1):
                sentences, seconds = done.result()
                found += len(sentences)
                word = "FAILED" if sentences else "passed"
                print(f"[{number}/{len(steps)}] {steps[done]}: {word}, {seconds:.0f} s", flush=True)
                print("".join(f"  - {sentence}\n" for sentence in sentences), end="", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            paper.stop()
            print(f"stopped: {name} was not checked to the end")
            return 130
    verdict = f"{found} missing or failing, as named above" if found else "nothing is missing, nothing fails"
    print(f"{name}: {verdict} ({time.perf_counter() - started:.0f} s)")
    return int(found > 0)


def _timed(step: Callable[[Paper], list[str]], paper: Paper) -> tuple[list[str], float]:
    """What a step finds, each thing once, and the seconds it took."""
    begun = time.perf_counter()
    try:
        found = list(dict.fromkeys(step(paper)))
    except subprocess.TimeoutExpired as late:
        found = [f"no end within {late.timeout:.0f} s"]
    return found, time.perf_counter() - begun
