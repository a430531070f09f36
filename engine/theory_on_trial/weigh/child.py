"""The process in which a test is weighed: pytest runs one test many times.

`python -m theory_on_trial.weigh.child TASK.json` reads what to do and writes `answer.json` beside
it. Every run sets up all fixtures again, those of the module and of the session too. The test's
file is compiled from memory, with the recorder in the place of its assertions: nothing is written
where the user's files are.
"""

import ast
import importlib.abc
import importlib.machinery
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from theory_on_trial.laws import exact_ends
from theory_on_trial.weigh.moved import facts_of, moved, watched_tests
from theory_on_trial.weigh.reading import RECORDER, Reading, read
from theory_on_trial.weigh.recorder import Recorder
from theory_on_trial.weigh.seeds import Seeds

BEGUN = "begun"
"""The file, beside the task, that says that pytest has started and the test begins."""
LOOKS = (200, 500, 1000, 2000, 5000, 10_000)
"""After so many runs it is asked whether the share of failures is known."""
ERROR = 1e-3
"""The chance that the interval of the share misses it; each look has an equal part of it."""
FEWEST = 40
"""Of fewer runs nothing is said."""
_KNOWN_RATIO = 1.5
_RARE = 1e-3
"""A share is known if the ends of its interval differ by this factor, or if both are that small."""
_VALUES = 1000
"""The values of so many runs are handed back."""


@dataclass
class Task:
    """What the process has to do: which test, in which file, how long.

    Attributes:
        node: the test as pytest names it, its file absolute.
        file: that file.
        folder: the root of the repository.
        seconds: how long runs may be started; 0 for one run of a new form.
        seed: of the drawn seeds.
        text: the source that is compiled in the file's place; None for the file with the recorder.
        ledger: where the row of a new form is written.
    """

    node: str
    file: str
    folder: str
    seconds: float = 0.0
    seed: int = 0
    text: str | None = None
    ledger: str = ""


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles another text in the place of a file's, and neither reads nor writes bytecode."""

    def __init__(self, name: str, path: str, tree: ast.Module, recorder: Any):
        super().__init__(name, path)
        self._tree = tree
        self._recorder = recorder

    def get_code(self, fullname: str) -> Any:
        return compile(self._tree, self.path, "exec")

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, RECORDER, self._recorder)
        super().exec_module(module)


class Instead(importlib.abc.MetaPathFinder):
    """Finds the module of a file, to be compiled from a tree instead."""

    def __init__(self, file: Path, tree: ast.Module, recorder: Any = None):
        self._file = file
        self._tree = tree
        self._recorder = recorder

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.rpartition(".")[2] not in (self._file.stem, self._file.parent.name):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.origin is None or Path(spec.origin).resolve() != self._file:
            return None
        spec.loader = _Loader(name, spec.origin, self._tree, self._recorder)
        spec.cached = None
        return spec


class _Begin:
    """Says by a file that the test begins."""

    def __init__(self, task: str):
        self._file = Path(task).parent / BEGUN

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Write it; pytest's own loop follows."""
        self._file.touch()


class Weigher:
    """The plugin that runs the one collected test again and again.

    Attributes:
        answer: what is written at the end; `refusal` says in one sentence why there is nothing.
    """

    def __init__(self, task: Task, seeds: Seeds, recorder: Recorder, reading: Reading):
        self.answer: dict[str, Any] = {"refusal": None}
        self._task = task
        self._seeds = seeds
        self._recorder = recorder
        self._reading = reading
        self._failures: list[bool] = []
        self._raised: Counter[str] = Counter()
        self._fixtures: dict[str, str] = {}
        self._last = ""
        self._drew = False
        self._globals: set[str] = set()
        self._unittest = False

    def refuse(self, sentence: str) -> None:
        """Say in one sentence why the test cannot be weighed."""
        self.answer["refusal"] = sentence

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse what is not one test, and what is no test of this kind."""
        items = session.items
        if session.testsfailed:  # what pytest says of it is shown
            return
        if not items:
            self.refuse("pytest leaves it out, by the options of its configuration")
        elif len(items) > 1:
            names = ", ".join(item.nodeid.rpartition("::")[2] for item in items[:4])
            more = ", …" * (len(items) > 4)
            self.refuse(f"{len(items)} tests have this name, weigh one of them: {names}{more}")
        elif "trial" in getattr(items[0], "fixturenames", ()):
            self.refuse("it is decided by a trial already, whose row bounds P(error)")
        elif hasattr(getattr(items[0], "obj", None), "hypothesis"):
            self.refuse("its examples are drawn by Hypothesis, whose seeds are not replaced")
        if self.answer["refusal"]:
            session.items.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Any:
        """Note what kind of value each argument of the test is."""
        for name in pyfuncitem._fixtureinfo.argnames:
            self._fixtures[name] = _sort_of(pyfuncitem.funcargs[name])
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: Any) -> bool:
        """Run the test as it stands, then with drawn seeds until the share of failures is known."""
        own = [self._run(item, 0, active=False) for _ in range(2)]
        if self.answer["refusal"]:
            return True
        values = [self._values(run) for run in range(2)]
        self.answer["own"] = {
            "seeded": bool(self._seeds.replaced),
            "fixed": _same(values[0], values[1]) and own[0] == own[1],
            "fails": own[0],
        }
        self._failures.clear()
        self._raised.clear()
        start = time.perf_counter()
        look = 0
        while look < len(LOOKS):
            self._run(item, len(self._failures) + 1, active=True)
            if self.answer["refusal"]:
                return True
            count = len(self._failures)
            seconds = time.perf_counter() - start
            late = seconds > self._task.seconds
            if count == FEWEST and not self._may_go_on():
                return True
            if late and count < FEWEST:
                per_run = seconds / count
                self.refuse(
                    f"a run takes {per_run:.2g} s: in {self._task.seconds:g} s it ran {count} "
                    f"times, and {FEWEST} are needed: --seconds {math.ceil(per_run * FEWEST * 1.1)}"
                )
                return True
            if late or (count == LOOKS[look] and self._known()):
                break
            look += count == LOOKS[look]
        self._finish(time.perf_counter() - start)
        return True

    def _run(self, item: pytest.Item, number: int, active: bool) -> bool:
        """Run the test once, all fixtures again; return whether it failed."""
        from _pytest.runner import runtestprotocol
        from _pytest.unittest import TestCaseFunction

        self._seeds.begin(number, active)
        self._recorder.begin()
        before = self._seeds.states() if len(self._failures) < FEWEST else None
        reports = {r.when: r for r in runtestprotocol(item, log=False, nextitem=None)}
        item._report_sections.clear()
        if before is not None:
            self._unittest = isinstance(item, TestCaseFunction)
            changed = {
                name for name, state in self._seeds.states().items() if state != before[name]
            }
            self._drew = self._drew or bool(changed)
            self._globals |= changed - {"met"}
        compared = self._recorder.end()
        called = reports.get("call")
        broken = next(
            (r for w in ("setup", "teardown") if (r := reports.get(w)) and r.failed), None
        )
        again = len(self._failures) > 0 or self._recorder._run > 0
        if broken is not None:
            when = "set up" if broken.when == "setup" else "torn down"
            first = f"cannot be {when}" if not again else f"cannot be repeated, {when} again"
            self.refuse(f"its fixtures {first}: {_last_line(broken)}")
        elif called is None or called.skipped:
            self.refuse(f"it is skipped: {_last_line(called or reports['setup'])}")
        failed = compared or bool(called and called.failed)
        if called is not None and called.failed:
            self._last = _last_line(called)
            if "NotComparable" in self._last:
                self.refuse(self._last.partition("NotComparable: ")[2])
            self._raised[self._last.partition(":")[0]] += 1
        elif compared:
            self._last = self._recorder.failed[0]
        self._failures.append(failed)
        return failed

    def _values(self, run: int) -> list[np.ndarray]:
        notes = self._recorder.notes.values()
        return [part for n in notes for part in (n.value[run], n.other[run])]

    def _may_go_on(self) -> bool:
        """Refuse a test whose outcome does not vary, or which always fails."""
        runs = [self._values(run) for run in range(2, 2 + FEWEST)]
        same = all(_same(runs[0], other) for other in runs) and len(set(self._failures)) == 1
        if same and (any(part.size for part in runs[0]) or not self._drew):
            self.refuse(
                f"its outcome is the same in {FEWEST} runs with other seeds: nothing in it is "
                "random"
            )
        elif all(self._failures):
            passes = self.answer["own"]["seeded"] and not self.answer["own"]["fails"]
            beside = ", and passes with its own seed only" if passes else ""
            self.refuse(f"it fails in all of {FEWEST} runs with other seeds{beside}: {self._last}")
        return self.answer["refusal"] is None

    def _known(self) -> bool:
        low, high = ends_of(sum(self._failures), len(self._failures))
        return high <= _RARE or (low > 0 and high <= _KNOWN_RATIO * low)

    def _finish(self, seconds: float) -> None:
        count = len(self._failures)
        replaced = [[*key, number] for key, number in self._seeds.replaced.items()]
        self.answer |= {
            "runs": count,
            "failures": sum(self._failures),
            "seconds": seconds,
            "raised": dict(self._raised),
            "replaced": replaced,
            "fixtures": self._fixtures,
            "global": sorted(self._globals),
            "unittest": self._unittest,
            "unknown": self._reading.unknown,
            "forms": {},
        }
        for number, notes in self._recorder.notes.items():
            if not any(part.size for part in notes.value[2:]):
                continue
            own = moved({run: call for run, call in notes.calls.items() if run == 0})
            ends = moved({run: call for run, call in notes.calls.items() if run > 1})
            self.answer["forms"][number] = {
                "own": [*own[0], *own[1]] if own else [notes.up[0], notes.down[0]],
                "runs": [run - 2 for run in notes.calls if run > 1][: len(ends[0])]
                if ends
                else None,
                "up": ends[0] if ends else notes.up[2:],
                "down": ends[1] if ends else notes.down[2:],
                "value": [part.tolist() for part in [notes.value[0], *notes.value[2:_VALUES]]],
                "other": [part.tolist() for part in [notes.other[0], *notes.other[2:_VALUES]]],
                "tolerance": notes.tolerance.ravel()[:64].tolist(),
                "shape": notes.shape,
                **facts_of(notes.calls),
            }
        self.answer["failed"] = self._failures


def ends_of(failures: int, runs: int) -> tuple[float, float]:
    """Return Clopper and Pearson's interval of a share, at an equal part of `ERROR` a look."""
    low, high = exact_ends(failures, runs, ERROR / len(LOOKS))
    return float(low), float(high)


def _same(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(some, others, strict=True))


def _last_line(report: Any) -> str:
    """Return what pytest says in the last place of a report, such as "ValueError: no file"."""
    longrepr = report.longrepr
    if isinstance(longrepr, tuple):
        return str(longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(longrepr, "reprcrash", None)
    if crash is None:
        return (str(longrepr or getattr(report, "wasxfail", "")).splitlines() or [""])[-1]
    return str(crash.message).partition("\n")[0]


def _sort_of(value: Any) -> str:
    """Return which kind of generator an argument of a test is; "" for anything else."""
    if isinstance(value, np.random.Generator):
        return "generator"
    if isinstance(value, np.random.RandomState):
        return "state"
    module = type(value).__module__.partition(".")[0]
    if module == "torch" and "Generator" in type(value).__name__:
        return "torch"
    if module == "random":
        return "python"
    dtype = str(getattr(value, "dtype", ""))
    if module.startswith("jax") and (dtype.startswith("key") or dtype == "uint32"):
        return "key"
    return ""


def main(path: str) -> int:
    """Do what a task file says, and write `answer.json` beside it."""
    task = Task(**json.loads(Path(path).read_text(encoding="utf-8")))
    file = Path(task.file)
    sys.dont_write_bytecode = True
    options = ["-q", "-p", "no:cacheprovider", "--assert=plain", "--basetemp"]
    options += [str(Path(path).parent / "tmp")]
    options += ["-n0"] if _installed("xdist") else []
    options += ["--no-cov"] if _installed("pytest_cov") else []
    if task.text is not None:
        sys.meta_path.insert(0, Instead(file, ast.parse(task.text)))
        arguments = [*options, "--trial-ledger", task.ledger, task.node]
        return int(pytest.main(arguments, plugins=[_Begin(path)]))
    tree, reading = read(file.read_text(encoding="utf-8"))
    seeds = Seeds(Path(task.folder), task.seed)
    recorder = Recorder(reading.forms)
    seeds.install()
    watched_tests(recorder)
    sys.meta_path.insert(0, Instead(file, tree, recorder))
    weigher = Weigher(task, seeds, recorder, reading)
    status = int(pytest.main([*options, task.node], plugins=[weigher, _Begin(path)]))
    if "own" in weigher.answer or weigher.answer["refusal"]:
        answer = json.dumps(weigher.answer)
        (Path(path).parent / "answer.json").write_text(answer, encoding="utf-8")
    return status


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


__all__ = ["Task", "asdict", "ends_of", "main"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
