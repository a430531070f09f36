"""Compare this project with other libraries that test code which draws at random.

    pip install -e engine -e '.[rivals]'     # in an environment of its own: they are plugins, too
    python benchmarks/rivals.py              # --seeds 100 --out build/rivals.md

All get the same statements. Each statement is true at first; then the samples are moved by 1.2,
1.5 and 3 margins. A test that fails at a seed where the statement is true gives a false alarm. A
test of this project also fails if it is INCONCLUSIVE, so the table says how many are REFUTED, and
how many samples were drawn at each fault. A tool that lets the user choose the number of samples
gets as many as this project drew on average. `rivals_in_pytest.py` has the tests for those tools
that are fixtures or marks of pytest.
"""

import argparse
import datetime
import io
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from theory_on_trial.laws import (
    Asymptotic,
    Bernoulli,
    Bounded,
    BoundedMoment,
    NormalVariance,
    SubGaussian,
    Symmetric,
)
from theory_on_trial.trial.plain import NotVerified, PlainTrial, verdict

MOVED = (0.0, 1.2, 1.5, 3.0)
"""How many margins the truth lies from the prediction, away from where a one-sided claim allows."""
MOST = 1_000_000
"""A tool that asks for more samples is not run; the table says how many it asks for."""

Draw = Callable[[np.random.Generator, int, float], np.ndarray]
"""Returns samples, from a generator, how many, and by how many margins the truth is moved."""


@dataclass(frozen=True)
class Statement:
    """One statement and what each tool may be told of it.

    Attributes:
        draw: samples, shape (n,).
        predicted: the mean of the samples, or of their squares, or a cdf.
        margin: how far the truth may be from the prediction.
        laws: laws of this project to try, by what the table calls them.
        told: what pytest-stochastic may be told, by what the table calls it.
        of: "mean", "rate", "variance" (of normal samples), "at most" or "law".
        sd: the standard deviation of what is averaged.
    """

    name: str
    draw: Draw
    predicted: Any
    margin: float
    laws: Mapping[str, Any]
    told: Mapping[str, Mapping[str, Any]]
    of: str = "mean"
    sd: float = 1.0
    wald: float = field(default=float("nan"))


def _uniform(margin: float) -> Draw:
    """Return a draw of uniform numbers, a share of which is moved to 1; the mean moves by half that
    share.
    """

    def draw(rng: np.random.Generator, n: int, moved: float) -> np.ndarray:
        return np.where(rng.random(n) < 2 * moved * margin, 1.0, rng.random(n))

    return draw


def _events(rng: np.random.Generator, n: int, moved: float) -> np.ndarray:
    return (rng.random(n) < 0.001 + moved * 0.0005) * 1.0


def _normals(rng: np.random.Generator, n: int, moved: float) -> np.ndarray:
    return np.sqrt(1 + 0.05 * moved) * rng.standard_normal(n)


def _shifted(rng: np.random.Generator, n: int, moved: float) -> np.ndarray:
    """Return normal numbers, moved so that the largest difference of the cdfs is `moved` margins of
    .02.
    """
    return rng.standard_normal(n) + 2 * stats.norm.isf(0.5 - 0.01 * moved)


def _students(rng: np.random.Generator, n: int, moved: float) -> np.ndarray:
    return rng.standard_t(3, n) + 0.1 * moved


LARGEST = float(np.sqrt(2 * np.log(100)))


def _largest(rng: np.random.Generator, n: int, moved: float) -> np.ndarray:
    """Return the largest of 100 normal numbers, which is 2.508 on average. If moved, its mean is
    beyond the bound.
    """
    off = 0.0 if moved == 0 else LARGEST + 0.05 * moved - 2.50759
    return rng.standard_normal((n, 100)).max(axis=1) + off


def _lomax(rng: np.random.Generator, n: int, moved: float) -> np.ndarray:
    return rng.pareto(2.5, n) + 0.05 * moved


def _statements() -> list[Statement]:
    range_only = {"range": {"bounds": (0.0, 1.0)}}
    both = range_only | {"range and variance": {"bounds": (0.0, 1.0), "variance": 1 / 12}}
    rare = {"bounds": (0.0, 1.0)}
    bounded = {"Bounded(0, 1)": Bounded(0, 1)}
    return [
        Statement("mean .5 ± .05", _uniform(0.05), 0.5, 0.05, bounded, both, sd=12**-0.5),
        Statement("mean .5 ± .01", _uniform(0.01), 0.5, 0.01, bounded, both, sd=12**-0.5),
        Statement(
            "rare event .001 ± .0005",
            _events,
            0.001,
            0.0005,
            {"events": Bernoulli()},
            {"range": rare, "range and variance": rare | {"variance": 0.001}},
            "rate",
            0.001**0.5,
        ),
        Statement(
            "normal variance 1 ± .05",
            _normals,
            1.0,
            0.05,
            {"NormalVariance()": NormalVariance()},
            {"variance": {"variance": 2.0}},
            "variance",
            2**0.5,
        ),
        Statement("law N(0, 1) ± .02", _shifted, stats.norm.cdf, 0.02, {"": None}, {}, "law"),
        Statement(
            "t(3) mean 0 ± .1",
            _students,
            0.0,
            0.1,
            {
                "Symmetric()": Symmetric(),
                "BoundedMoment(3)": BoundedMoment(3),
                "Asymptotic()": Asymptotic(),
            },
            {"variance": {"variance": 3.0}},
            sd=3**0.5,
        ),
        Statement(
            "E max of 100 normals at most 3.035 + .05",
            _largest,
            LARGEST,
            0.05,
            {"SubGaussian(1)": SubGaussian(1)},
            {"sub-Gaussian": {"sub_gaussian_param": 1.0}},
            "at most",
            0.43,
        ),
        Statement(
            "Lomax(2.5) mean 2/3 ± .05",
            _lomax,
            2 / 3,
            0.05,
            {"BoundedMoment(20/9)": BoundedMoment(20 / 9), "Asymptotic()": Asymptotic()},
            {"variance": {"variance": 20 / 9}},
            sd=(20 / 9) ** 0.5,
        ),
    ]


STATEMENTS = _statements()


# Each tool: "passed", "refuted" or "undecided" at a seed and a move, and the samples that it drew.
Test = Callable[[int, float], tuple[str, int]]


def _here(statement: Statement, law: Any, error: float) -> Test:
    def test(seed: int, moved: float) -> tuple[str, int]:
        def samples(rng: np.random.Generator, n: int) -> np.ndarray:
            return statement.draw(rng, n, moved)

        trial = PlainTrial(f"rivals.py::{statement.name}", seed, error=error)
        try:
            if statement.of == "law":
                trial.distribution(samples, statement.predicted, margin=statement.margin)
            elif statement.of == "at most":
                bound = statement.predicted + statement.margin
                trial.mean(samples, bound, law=law, side="at most")
            else:
                trial.mean(samples, statement.predicted, law=law, margin=statement.margin)
        except NotVerified:
            refuted = verdict(trial.findings[-1]) == "REFUTED"
            return "refuted" if refuted else "undecided", trial.findings[-1].interval.n
        return "passed", trial.findings[-1].interval.n

    return test


def _one_by_one(statement: Statement, moved: float) -> Callable[[np.random.Generator], float]:
    """Return a function of a generator that returns one number at a time, drawn in blocks."""
    block: Iterator[float] = iter(())

    def draw(rng: np.random.Generator) -> float:
        nonlocal block
        for number in block:
            return number
        numbers = statement.draw(rng, 4096, moved)
        block = iter((numbers**2 if statement.of == "variance" else numbers).tolist())
        return next(block)

    return draw


def _pytest_stochastic(statement: Statement, told: Mapping[str, Any]) -> Test:
    from pytest_stochastic import stochastic_test
    from pytest_stochastic.decorator import distributional_test

    def test(seed: int, moved: float) -> tuple[str, int]:
        draw = _one_by_one(statement, moved)

        def measured(rng: np.random.Generator) -> float:
            return draw(rng)

        if statement.of == "law":
            wrapped = distributional_test(reference=stats.norm(0, 1), seed=seed)(measured)
            n = 10_000
        else:
            side = "less" if statement.of == "at most" else "two-sided"
            wrapped = stochastic_test(
                expected=statement.predicted,
                atol=statement.margin,
                seed=seed,
                side=side,
                **told,
            )(measured)
            n = wrapped._stochastic_n
        if n > MOST:
            raise TooMany(n)
        try:
            wrapped()
        except AssertionError:
            return "refuted", n
        return "passed", n

    return test


def _samples(statement: Statement, n: int, seed: int, moved: float) -> np.ndarray:
    x = statement.draw(np.random.default_rng([seed, 7]), n, moved)
    return x**2 if statement.of == "variance" else x


def _stochtest(statement: Statement, n: int) -> Test:
    import stochtest

    def test(seed: int, moved: float) -> tuple[str, int]:
        x = _samples(statement, n, seed, moved)
        said = stochtest.assert_that(x)
        try:
            if statement.of == "rate":
                said.has_acceptance_rate_of(statement.predicted, statement.margin)
            elif statement.of == "at most":
                said.has_expected_value_less_than(statement.predicted + statement.margin)
            else:
                said.has_expected_value_of(statement.predicted, statement.margin)
        except AssertionError:
            return "refuted", n
        return "passed", n

    return test


def _pytest_bootstrap(statement: Statement, n: int) -> Test:
    from pytest_bootstrap import BootstrapTestError, bootstrap_test

    def test(seed: int, moved: float) -> tuple[str, int]:
        np.random.seed(seed)  # noqa: NPY002 (the package draws from the global generator)
        x = _samples(statement, n, seed, moved)
        try:
            bootstrap_test(x, np.mean, statement.predicted, atol=statement.margin)
        except BootstrapTestError:
            return "refuted", n
        return "passed", n

    return test


def _physverify(statement: Statement, n: int) -> Test:
    from physverify.stochastic import stats as physverify

    def test(seed: int, moved: float) -> tuple[str, int]:
        x = _samples(statement, n // 32 * 32, seed, moved).reshape(32, -1)
        compared = physverify.compare_chain_means(
            statement.name, x.mean(axis=1), statement.predicted, statement.margin
        )
        said = {"PASS": "passed", "FAIL": "refuted"}
        return said.get(physverify.verdict([compared]).status, "undecided"), x.size

    return test


class TooMany(Exception):
    """Raised if a tool asks for more samples than `MOST`; the argument is the number that it asks
    for.
    """


def _shares(test: Test, seeds: int) -> dict[str, Any]:
    """Run a tool's test at all seeds and moves. Return for each move the shares that fail and that
    refute and the mean samples, and the seconds a test.
    """
    row: dict[str, Any] = {"failed": {}, "refuted": {}, "samples": {}}
    start = time.process_time()
    runs = 0
    try:
        for moved in MOVED:
            outcomes, drawn = zip(*(test(seed, moved) for seed in range(seeds)), strict=True)
            runs += seeds
            row["failed"][moved] = (seeds - outcomes.count("passed")) / seeds
            row["refuted"][moved] = outcomes.count("refuted") / seeds
            row["samples"][moved] = float(np.mean(drawn))
    except TooMany as error:
        row["asked"] = error.args[0]
    row["seconds"] = (time.process_time() - start) / max(runs, 1)
    return row


def _tools(statement: Statement, n: int) -> Iterator[tuple[str, Callable[[], Test]]]:
    """Yield the tools that can be told a statement, beside this project. Those that take a number
    of samples get `n`.
    """
    if statement.of == "law":
        yield "pytest-stochastic (KS, 1e-6)", lambda: _pytest_stochastic(statement, {})
    for how, told in statement.told.items():
        yield (
            f"pytest-stochastic (1e-8, {how})",
            lambda told=told: _pytest_stochastic(statement, told),
        )
    if statement.of != "law":  # a bootstrap of its distance takes some seconds a test at this n
        yield "stochtest (two one-sided tests, 5 %)", lambda: _stochtest(statement, n)
    if statement.of not in ("law", "at most"):
        yield "pytest-bootstrap (1 %)", lambda: _pytest_bootstrap(statement, n)
        yield "physverify (t-test of 32 means, .1 %)", lambda: _physverify(statement, n)


def _in_pytest(seeds: int, sizes: Mapping[str, int]) -> dict[tuple[str, str], dict[str, Any]]:
    """Run the suite of marks and fixtures, one session of all statements for each seed and move.
    Return the row of each statement and tool.
    """
    import pytest

    class Outcomes:
        def __init__(self) -> None:
            self.failed: list[str] = []
            self.passed: list[str] = []

        @pytest.hookimpl(trylast=True)
        def pytest_terminal_summary(self, terminalreporter: Any) -> None:
            for name in ("failed", "passed"):
                reports = terminalreporter.stats.get(name, [])
                getattr(self, name).extend(report.nodeid for report in reports)

    rows: dict[tuple[str, str], dict[str, Any]] = {}
    suite = Path(__file__).with_name("rivals_in_pytest.py")
    for moved in MOVED:
        for seed in range(seeds):
            os.environ["RIVALS"] = repr((seed, moved, dict(sizes)))
            outcomes = Outcomes()
            start = time.process_time()
            with redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pytest.main(
                    [
                        *("-q", "-p", "no:cacheprovider", "--noconftest", "-c", os.devnull),
                        *("--holm-alpha=0.05", "--power=0.8", f"--rootdir={suite.parent}"),
                        str(suite),
                    ],
                    plugins=[outcomes],
                )
            ran = len({*outcomes.failed, *outcomes.passed})
            if ran != 2 * len(STATEMENTS):
                raise RuntimeError(f"{ran} of {2 * len(STATEMENTS)} tests of {suite.name} ran")
            seconds = time.process_time() - start
            for at, statement in enumerate(STATEMENTS):
                for tool, label in (
                    ("repeated", "pytest-repeated (18 of 20 tests pass)"),
                    ("familywise", "pytest-familywise (Holm, 5 % a suite)"),
                ):
                    row = rows.setdefault(
                        (statement.name, label),
                        {"failed": {}, "samples": {0.0: sizes[statement.name]}, "seconds": 0.0},
                    )
                    failed = any(f"test_{tool}_{at}" in name for name in outcomes.failed)
                    row["failed"][moved] = row["failed"].get(moved, 0.0) + failed / seeds
                    row["seconds"] += seconds / (2 * len(STATEMENTS) * len(MOVED) * seeds)
    return rows


def _line(statement: str, tool: str, row: Mapping[str, Any]) -> str:
    if "asked" in row:
        return f"| {statement} | {tool} | asks for {row['asked']:,} | not run | | | | |"
    samples = f"{row['samples'][0.0]:,.0f}"
    cells = [f"{100 * row['failed'][0.0]:.0f} %"]
    for moved in MOVED[1:]:
        failed, refuted = row["failed"][moved], row.get("refuted", row["failed"])[moved]
        cell = f"{100 * failed:.0f} %"
        if failed != refuted:
            cell += f" ({100 * refuted:.0f} % REFUTED)"
        drawn = row["samples"].get(moved)
        cells.append(cell + f", {drawn:,.0f}" * (drawn is not None))
    return f"| {statement} | {tool} | {samples} | {' | '.join(cells)} | {row['seconds']:.3f} |"


def main() -> int:
    """Print the table, or write it to `--out`; return the exit status."""
    parser = argparse.ArgumentParser(prog="rivals.py", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100, help="seeds a statement (default 100)")
    parser.add_argument("--out", type=Path, help="the file to write (default: print)")
    parser.add_argument("--only", type=int, help="only the statement of that number, from 0")
    options = parser.parse_args()
    chosen = STATEMENTS if options.only is None else [STATEMENTS[options.only]]
    lines = [
        "| statement | tool | samples | false alarms | fails at 1.2, samples | at 1.5 | at 3 "
        "| CPU s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    sizes: dict[str, int] = {}
    for statement in chosen:
        for called, law in statement.laws.items():
            for error in (1e-6, 1e-3):
                label = f"**this project** ({', '.join(filter(None, [called, f'{error:g}']))})"
                row = _shares(_here(statement, law, error), options.seeds)
                rows[statement.name, label] = row
                sizes.setdefault(statement.name, int(row["samples"][0.0]))
        for tool, test in _tools(statement, sizes[statement.name]):
            try:
                rows[statement.name, tool] = _shares(test(), options.seeds)
            except ImportError as error:
                print(f"{tool} is not installed: {error}", file=sys.stderr)
        print(f"done: {statement.name}", file=sys.stderr, flush=True)
    if options.only is None:
        rows |= _in_pytest(options.seeds, sizes)
    for statement in chosen:
        lines += [_line(*name, row) for name, row in rows.items() if name[0] == statement.name]
    text = "\n".join([*_versions(options.seeds), "", *lines, ""])
    if options.out is None:
        print(text)
    else:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")
    return 0


def _versions(seeds: int) -> list[str]:
    """Return lines that say when, where and with which versions the table was made."""
    found = []
    for name in (
        "theory-on-trial",
        "pytest-stochastic",
        "stochtest",
        "pytest-bootstrap",
        "pytest-repeated",
        "pytest-familywise",
        "physverify",
        "numpy",
        "scipy",
    ):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    today = datetime.date.today().isoformat()
    return [
        f"{today}, {seeds} seeds, Python {platform.python_version()}, a core of a shared machine;",
        f"{', '.join(found)}.",
    ]


if __name__ == "__main__":
    sys.exit(main())
