"""Draw figures: `python -m figures [PAPER[.FIGURE] …] [--first] [--out DIR] [--quick] [--small]
[--gallery PAGE]`.

The bar counts the cells of the sweeps behind the figures, and the figures themselves. Its total
grows as sweeps begin.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from threading import RLock, Thread
from typing import Any

# OpenBLAS reads it once, when it is loaded; the eigenproblems here are small, and two threads slow
# each other down.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from theory_on_trial.figures.drawing import figures
from theory_on_trial.formula.marks import plain
from theory_on_trial.repository import root


def main(arguments: list[str] | None = None) -> int:
    """Draw what was asked for; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="theory-on-trial figures", description="Redraw the papers' figures."
    )
    parser.add_argument(
        "selection", nargs="*", metavar="PAPER[.FIGURE]", help="default: all figures of all papers"
    )
    parser.add_argument("--list", action="store_true", help="list the figures and stop")
    parser.add_argument(
        "--first", action="store_true", help="of each paper its first figure only: an overview"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: figures/out")
    parser.add_argument(
        "--quick", action="store_true", help="reduced sizes: a minute instead of many"
    )
    parser.add_argument(
        "--small",
        action="store_true",
        help="small pictures, as in docs/papers",
    )
    parser.add_argument(
        "--gallery", type=Path, metavar="PAGE", help="write the figures drawn as one HTML page, too"
    )
    options = parser.parse_args(arguments)
    if options.gallery and not options.gallery.parent.is_dir():
        parser.error(f"--gallery must name a file in a folder that exists, got {options.gallery}")
    try:
        chosen = [
            figure for selection in options.selection or [None] for figure in figures(selection)
        ]
    except ValueError as error:
        parser.error(str(error))
    if options.first:
        chosen = list({figure.paper: figure for figure in reversed(chosen)}.values())[::-1]
    if options.list:
        for figure in chosen:
            print(f"{figure.paper}.{figure.name}  {plain(figure.title)}")
        return 0
    folder = options.out or root() / "figures" / "out"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out must be a folder that can be written, got {folder} ({error.strerror})")

    import jax
    from tqdm.auto import tqdm

    from theory_on_trial.figures.replicates import report_to

    names = [f"{figure.paper}.{figure.name}" for figure in chosen]
    save = partial(_save, folder=folder, quick=options.quick, small=options.small)
    # A process for each core, as one figure has seldom work for two. Sharing an accelerator, they
    # would compete.
    processes = min(len(names), os.cpu_count() or 1) if jax.default_backend() == "cpu" else 1
    pictures = []
    context = get_context("spawn")
    reports = context.SimpleQueue()
    try:
        with (
            context.Pool(processes, _begin, (reports,)) if processes > 1 else nullcontext() as pool
        ):
            if pool is None:
                _report_to(reports)
            results = pool.imap(save, names) if pool else map(save, names)
            with tqdm(total=len(names), unit="cell", mininterval=0.5) as bar, _read(reports, bar):
                for name, (paths, overlaps) in zip(names, results, strict=True):
                    tqdm.write(", ".join(map(str, paths)))
                    for sentence in overlaps:
                        tqdm.write(f"{name}: {sentence}")
                    pictures.append(paths[0])
                    bar.set_description(f"{len(pictures)} of {len(names)} figures", refresh=False)
                    bar.update()
    except KeyboardInterrupt:
        print(f"stopped: {len(pictures)} of {len(names)} figures are drawn", file=sys.stderr)
        return 130
    finally:
        report_to(None)
    if options.gallery:
        from theory_on_trial.page.report import write_gallery

        write_gallery(options.gallery, pictures)
    return 0


def _save(name: str, folder: Path, quick: bool, small: bool) -> tuple[list[Path], list[str]]:
    """Draw one figure in the present process, whichever that is."""
    import jax

    from theory_on_trial.base.compilation_cache import enable_compilation_cache

    jax.config.update("jax_enable_x64", True)
    enable_compilation_cache()
    (figure,) = figures(name)
    return figure.save(folder, quick, small)


def _begin(reports: Any) -> None:
    """Leave Ctrl-C to the parent, which ends its processes; a bar's lock between processes would be
    left behind.
    """
    from tqdm import tqdm

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tqdm.set_lock(RLock())
    _report_to(reports)


def _report_to(reports: Any) -> None:
    """Send what the sweeps of this process report, with the process."""
    from theory_on_trial.figures.replicates import report_to

    report_to(lambda *about: reports.put((os.getpid(), *about)))


@contextmanager
def _read(reports: Any, bar: Any) -> Iterator[None]:
    """Move the bar by what the sweeps report: the total by the cells of each new one."""

    def read() -> None:
        known: dict[tuple[int, int], int] = {}
        while (report := reports.get()) is not None:
            process, number, done, total = report
            if (process, number) not in known:
                bar.total += total
            bar.update(done - known.get((process, number), 0))
            known[process, number] = done

    reader = Thread(target=read, daemon=True)
    reader.start()
    try:
        yield
    finally:
        reports.put(None)
        reader.join()
