"""Renew what a change made old: `python docs/renew.py [--check] [PAPER …]`.

It looks at all papers, or at those named, in this order:

- pictures: one that is missing is drawn, one of no figure goes;
- pictures whose code a change touches are drawn again;
- captions beside the pictures;
- pages, their blocks, the counts in README and mkdocs.yml, as `docs/write_pages.py` writes them;
- notebooks that are kept with outputs, of papers that a change touches: their outputs.

A change is what differs from git's `main`, or on it from the last commit. Each line says what was
old, and what was done. With `--check` nothing is written, the lines say what to renew, and the exit
status is 1 if there are any; what a change touches is left out, as only a drawing shows whether it
looks otherwise, and the tests run all notebooks. The status is 1 in both cases where something is
left to do by hand, such as the name of a claim that is gone.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent))
from catalogue import ROOT
from figure_pages import picture

from theory_on_trial.base.files import write_text
from theory_on_trial.figures.drawing import Figure, figures
from theory_on_trial.papers.where import files_of
from theory_on_trial.repository import abstract, changed, outline

Old = tuple[str, Callable[[], object]]
"""What is old, in words, and what renews it."""


def main(arguments: list[str] | None = None) -> int:
    """Renew what is old, or with `--check` name it; return the exit status."""
    parser = argparse.ArgumentParser(description="Renew what a change made old.")
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="default: all papers")
    parser.add_argument("--check", action="store_true", help="write nothing, name what is old")
    options = parser.parse_args(arguments)
    known = outline.papers(ROOT)
    if unknown := [paper for paper in options.papers if paper not in known]:
        near = ", ".join(outline.nearest(unknown[0], known)) or "none is similar"
        parser.error(f"PAPER must be the name of a paper, got {unknown[0]!r} (similar: {near})")
    count = 0
    lasting = (pictures, captions, pages)
    for stage in lasting if options.check else (pictures, redrawn, captions, pages, notebooks):
        for words, renew in stage(options.papers or known):
            count += 1
            if not options.check:
                renew()
            print(f"{'old' if options.check else 'renewed'}: {words}", flush=True)
    left = by_hand(options.papers or known)
    for sentence in left:
        print(f"by hand: {sentence}")
    if not count and not left:
        print("nothing is old")
    elif count and options.check:
        print("`python docs/renew.py` renews what is old")
    return int(bool(left) or (options.check and count > 0))


def pictures(papers: list[str]) -> Iterator[Old]:
    """Pictures that are missing, or that belong to no figure."""
    own = [figure for figure in figures() if figure.paper in papers]
    for figure in own:
        path = picture(figure)
        if not path.exists():
            yield f"{_shown(path)}, which is missing", partial(_draw, figure)
    kept = {picture(figure).with_suffix("") for figure in own}
    for paper in papers:
        folder = (ROOT / "docs" / "papers").joinpath(*paper.split("."))
        for path in sorted(folder.glob("*")):
            if path.suffix in (".webp", ".txt") and path.with_suffix("") not in kept:
                yield f"{_shown(path)}, which belongs to no figure", path.unlink


def redrawn(papers: list[str]) -> Iterator[Old]:
    """Pictures whose code a change touches."""
    changes = changed.definitions(ROOT)
    for figure in figures():
        if figure.paper in papers and changes and changed.touched(_dotted(figure), changes, ROOT):
            yield f"{_shown(picture(figure))}, whose code has changed", partial(_draw, figure)


def captions(papers: list[str]) -> Iterator[Old]:
    """Captions that say something else than the figure's docstring, settings and claims."""
    for figure in figures():
        path = picture(figure).with_suffix(".txt")
        text = figure.caption(quick=False)
        if figure.paper in papers and (
            not path.exists() or path.read_text(encoding="utf-8") != text
        ):
            yield f"{_shown(path)}, whose text has changed", partial(write_text, path, text)


def pages(papers: list[str]) -> Iterator[Old]:
    """Files of the repository that `docs/write_pages.py` would write otherwise; of all papers, as
    most of them count all.
    """
    import write_pages

    if not all(picture(figure).exists() for figure in figures()):
        yield "the pages, which lack a picture", write_pages.main
        return
    for path, text in write_pages.kept().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            renew = partial(write_pages.write, {path: text})
            yield f"{_shown(path)}, whose text has changed", renew


def notebooks(papers: list[str]) -> Iterator[Old]:
    """Notebooks whose kept outputs are not those of a fresh run; only of papers that a change
    touches, as each is run.
    """
    import nbformat
    import outputs

    touched = set(changed.files(ROOT))
    for paper in papers:
        path = ROOT / "notebooks" / f"{paper}.ipynb"
        if not path.exists() or not touched & {
            file for file in files_of(paper, ROOT) if file.suffix in (".py", ".ipynb")
        }:
            continue
        written = nbformat.read(path, as_version=4)
        if not any(cell.get("outputs") for cell in written.cells):
            continue
        fresh = outputs.execute(path)
        if outputs.stale(written, fresh):
            yield (
                f"{_shown(path)}, whose outputs have changed",
                partial(outputs.write, fresh, path),
            )


def by_hand(papers: list[str]) -> list[str]:
    """Return a sentence for each name of a claim, in an abstract or a figure, that is gone."""
    known = {claim.id for claim in outline.stated(ROOT)}
    sentences = [sentence for paper in papers for sentence in abstract.faults(paper, ROOT)]
    return sentences + [
        f"figure {figure.paper}.{figure.name}: there is no claim {figure.paper}.{name}"
        for figure in figures()
        if figure.paper in papers
        for name in figure.claims
        if f"{figure.paper}.{name}" not in known
    ]


def _draw(figure: Figure) -> None:
    command = ("-m", "figures", f"{figure.paper}.{figure.name}", "--small", "--out")
    subprocess.run([sys.executable, *command, "docs/papers"], cwd=ROOT, check=True)


def _dotted(figure: Figure) -> str:
    """The dotted name of a figure's function, from the root of the repository."""
    file = Path(figure.draw.__code__.co_filename).relative_to(ROOT).with_suffix("")
    parts = file.parts[:-1] if file.name == "__init__" else file.parts
    return ".".join([*parts, figure.draw.__name__])


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    sys.exit(main())
