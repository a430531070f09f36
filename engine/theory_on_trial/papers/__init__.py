"""A paper: `new-paper NAME` lays one down that passes, `check-paper NAME` names what one lacks or
fails.

The example is the mean of powers of a uniform number: on one page, or with `--in-full` as a file in
every folder. The `templates` are at the same time the list of what a paper consists of. Each step
of a check starts processes, as a maintainer would by hand: whatever is wrong with a paper, the
check goes on.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from keyword import iskeyword
from pathlib import Path

from theory_on_trial import repository
from theory_on_trial.papers.row import BRIEF, Paper, last_line, templates
from theory_on_trial.papers.steps import ON_ONE_PAGE, ROW, Found, Step
from theory_on_trial.repository import outline
from theory_on_trial.trial.sides import marked

WORKERS = max(2, min(4, os.cpu_count() or 1))
"""How many steps run at a time: the claims, and beside them all others."""
PAGE = 1.0
IN_FULL = 5.0
"""How many minutes the check of a page and that of a paper in full may take."""


def lay_down(name: str, folder: Path, *, in_full: bool = False) -> list[Path]:
    """Write a new paper, a toy that pytest passes, and draw its figures for the gallery; return the
    paths.

    They are one page where pytest finds tests, or the files of a paper in full. Raises ValueError
    where the figures cannot be drawn and, before anything is written, for a name that is no
    lower-case identifier or that a file or a package has already, and for a paper in full outside a
    checkout of the workbench.
    """
    if not (name.isidentifier() and name.islower()) or iskeyword(name):
        raise ValueError(
            f"NAME must be a lower-case identifier such as ridge_ensembles, got {name!r}"
        )
    texts = _texts(name, folder, in_full)
    own = next(place for place in texts if place.name.startswith("test_"))
    paper = Paper(name if in_full else repository.paper_of(own), folder)
    gallery = folder.joinpath("docs", "papers", *paper.name.split("."))
    places = (
        [place for template in templates() for place in paper.places(template)] if in_full else []
    )
    clashes = [place for place in [*texts, *places, gallery] if place.exists()]
    clashes += [
        file
        for old in outline.papers(folder)
        if old.split(".")[-1] == name
        for file in outline.files(old, folder)
    ]
    if clashes:
        raise ValueError(f"NAME must be new, and {clashes[0].relative_to(folder)} exists")
    if in_full and not (folder / "tests" / "promises.py").exists():
        raise ValueError(
            "--in-full is for a checkout of the workbench, whose tests and benchmarks its files use"
        )
    for place, text in texts.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.replace("NAME", name), encoding="utf-8")
    outline.by_paper.cache_clear()
    if not (folder / "docs" / "papers").is_dir():
        return list(texts)
    process = paper.run(
        "-m", "theory_on_trial.command", "figures", paper.name, "--small", "--out", "docs/papers"
    )
    if process.returncode:
        raise ValueError(
            f"the files are laid down, but the figures cannot be drawn: {last_line(process)}"
        )
    return [*texts, *sorted(gallery.iterdir())]


def _texts(name: str, folder: Path, in_full: bool) -> dict[Path, str]:
    if in_full:
        paper = Paper(name, folder)
        return {paper.places(template)[0]: text for template, text in templates().items()}
    home = repository.check_folder(folder)
    home = home / "briefs" if (home / "briefs").is_dir() else home
    text = BRIEF.read_text(encoding="utf-8")
    if not (
        folder / "engine"
    ).is_dir():  # there the engine is a library like NumPy, and sorted with it
        text = text.replace("\n\nfrom theory_on_trial import", "\nfrom theory_on_trial import")
    return {home / f"test_{name}.py": text}


def check(name: str, folder: Path, minutes: float | None = None) -> int:
    """Print a sentence for each thing that a paper lacks or fails; return 0 without any, else 1,
    130 after Ctrl-C.

    What does not end within some minutes (default: `PAGE` for a page, `IN_FULL` for a paper in
    full) is named with its command, and is no fault. Raises ValueError unless `minutes` is
    positive.
    """
    if minutes is not None and not minutes > 0:
        raise ValueError(f"--minutes must be positive, got {minutes:g}")
    page = any(map(marked, outline.files(name, folder)))
    plan = ON_ONE_PAGE if page else ROW
    allowed = 60 * (minutes or (PAGE if page else IN_FULL))
    start = time.monotonic()
    paper = Paper(name, folder, start + allowed)
    count = left = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            steps = {pool.submit(_timed, step, paper): title for title, step in plan.items()}
            for number, future in enumerate(as_completed(steps), start=1):
                found, seconds = future.result()
                title = f"[{number}/{len(steps)}] {steps[future]}"
                if found is None:
                    print(f"{title}: not asked of this repository, {seconds:.0f} s", flush=True)
                    continue
                count += len(found)
                left += len(found.left)
                outcome = "FAILED" if found else "not to the end" if found.left else "passed"
                remark = f"; {found.remark}" * bool(found.remark)
                print(f"{title}: {outcome}, {seconds:.0f} s{remark}")
                for sentence in found:
                    print(f"  - {sentence}")
                for command in found.left:
                    print(f"  not to the end in this time: {command}")
                sys.stdout.flush()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            paper.stop()
            print(f"stopped: {name} was not checked to the end")
            return 130
    verdict = (
        f"{count} missing or failing, as named above"
        if count
        else "nothing is missing, nothing fails"
    )
    rest = f"; {left} command{'s' * (left > 1)} above did not end" * bool(left)
    print(f"{name}: {verdict}{rest} ({time.monotonic() - start:.0f} s)")
    return int(count > 0)


def _timed(step: Step, paper: Paper) -> tuple[Found | None, float]:
    """What a step finds, each thing once, and the seconds it took."""
    start = time.monotonic()
    try:
        sentences = step(paper)
    except subprocess.TimeoutExpired as late:
        sentences = Found([], left=[str(late.cmd)])
    if sentences is None:
        return None, time.monotonic() - start
    told = sentences if isinstance(sentences, Found) else Found(sentences)
    found = Found(dict.fromkeys(told), told.remark, told.left)
    return found, time.monotonic() - start
