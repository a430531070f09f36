"""Run the benchmark of every paper: `python -m benchmarks [PAPER …] [--quick]`.

A benchmark is a module `benchmarks/<paper>.py` with a function `run(quick)` that calls
`side_by_side.compare`. Each table is printed as soon as it is complete.
"""

import importlib
import pkgutil
import sys
from argparse import ArgumentParser
from pathlib import Path

_SHARED = {"__main__", "rivals", "rivals_in_pytest", "side_by_side"}


def papers() -> list[str]:
    """Return the names of all benchmarks."""
    modules = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted({module.name for module in modules} - _SHARED)


def main() -> int:
    """Run the chosen benchmarks, and return the exit status."""
    parser = ArgumentParser(prog="python -m benchmarks", description="Run benchmarks.")
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="default: all")
    parser.add_argument(
        "--quick", action="store_true", help="the smallest workloads, half a minute a paper"
    )
    options = parser.parse_args()
    if unknown := set(options.papers) - set(papers()):
        parser.error(f"no benchmark {min(unknown)!r}; there are {', '.join(papers())}")
    for paper in options.papers or papers():
        print(f"\n## {paper}", flush=True)
        importlib.import_module(f"benchmarks.{paper}").run(options.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
