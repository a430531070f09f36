"""A paper: `new-paper NAME` lays one down that passes, `check-paper NAME` names what one lacks or
fails.

The example is the mean of powers of a uniform number: on one page, or with `--in-full` as a file in
every folder. The `templates` are at the same time the list of what a paper consists of. Each step
of a check starts processes, as a maintainer would by hand: whatever is wrong with a paper, the
check goes on.
"""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from keyword import iskeyword
from pathlib import Path

from theory_on_trial import repository
from theory_on_trial.papers.row import BRIEF, Paper, last_line, templates
from theory_on_trial.papers.steps import ON_ONE_PAGE, ROW, Found, Step
from theory_on_trial.repository import outline
from theory_on_trial.trial.sides import marked

WORKERS = min(4, os.cpu_count() or 1)
"""How many steps run at a time."""


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


def check(name: str, folder: Path) -> int:
    """Print a sentence for each thing that a paper lacks or fails; return 0 without any, else 1,
    130 after Ctrl-C.
    """
    paper = Paper(name, folder)
    count = 0
    start = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            plan = ON_ONE_PAGE if any(map(marked, outline.files(name, folder))) else ROW
            steps = {pool.submit(_timed, step, paper): title for title, step in plan.items()}
            for number, future in enumerate(as_completed(steps), start=1):
                found, remark, seconds = future.result()
                sentences = found or []
                count += len(sentences)
                word = (
                    "not asked of this repository"
                    if found is None
                    else "FAILED"
                    if sentences
                    else "passed"
                )
                print(
                    f"[{number}/{len(steps)}] {steps[future]}: {word}, {seconds:.0f} s"
                    f"{'; ' * bool(remark)}{remark}",
                    flush=True,
                )
                print("".join(f"  - {sentence}\n" for sentence in sentences), end="", flush=True)
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
    print(f"{name}: {verdict} ({time.perf_counter() - start:.0f} s)")
    return int(count > 0)


def _timed(step: Step, paper: Paper) -> tuple[list[str] | None, str, float]:
    """What a step finds, each thing once, its remark, and the seconds it took."""
    start = time.perf_counter()
    remark = ""
    try:
        sentences = step(paper)
        remark = sentences.remark if isinstance(sentences, Found) else ""
        complaints = None if sentences is None else list(dict.fromkeys(sentences))
    except subprocess.TimeoutExpired as late:
        complaints = [f"did not end within {late.timeout:.0f} s"]
    return complaints, remark, time.perf_counter() - start
