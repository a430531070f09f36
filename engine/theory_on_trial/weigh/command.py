"""What `theory-on-trial weigh` does: run the test many times, say what it is worth, write the
better one and run it once.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from theory_on_trial import repository
from theory_on_trial.weigh import better
from theory_on_trial.weigh.child import BEGUN, Task, ends_of
from theory_on_trial.weigh.reading import Form, function_named, read
from theory_on_trial.weigh.worth import HALF, NEARLY, Fault, fault

_START = 120.0
"""How many seconds pytest may take to start and to collect."""
_GRACE = 30.0
"""How many seconds the last run may take after runs are no longer started."""
_LINES = 12
"""So many replaced seeds are named."""


def weigh(options: argparse.Namespace) -> int:
    """Weigh one test and print what it is worth; ValueError says in a sentence why it cannot be."""
    if not 0 < options.seconds < float("inf"):
        raise ValueError(f"--seconds must be a positive number, got {options.seconds:g}")
    if options.out is not None and options.out.exists():
        raise ValueError(f"--out must be a new file, and {options.out} exists")
    if options.out is not None and not options.out.absolute().parent.is_dir():
        raise ValueError(f"--out must be in a folder that exists, got {options.out}")
    file, names = _place(options.test)
    source = file.read_text(encoding="utf-8")
    _, reading = read(source)
    answer = _answer(options, file)
    if answer["refusal"]:
        raise ValueError(f"{options.test}: {answer['refusal']}")
    forms = {int(number): facts for number, facts in answer["forms"].items()}
    print(f"{options.test}: {answer['runs']:,} runs in {answer['seconds']:.1f} s")
    _print_replaced(answer)
    _print_failures(answer)
    compared = []
    for number, facts in forms.items():
        seen = _compared(reading.forms[number], facts)
        if seen is None:
            continue
        compared.append(_print_faults(seen, facts, answer))
    _print_unknown(answer, source, names, bool(compared))
    _print_own(answer)
    if compared:
        _print_better(options, file, source, names, compared, answer)
    return 0


def _place(test: str) -> tuple[Path, list[str]]:
    """Return the file of a test and the names below it; ValueError for what is no test's id."""
    path, _, rest = test.partition("::")
    file = Path(path).absolute()
    if not rest:
        raise ValueError(f"the test must be named as FILE::TEST, got {test!r}")
    if not file.is_file():
        raise ValueError(f"there is no file {path}")
    names = rest.partition("[")[0].split("::")
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no Python: {error}") from None
    if function_named(tree, names) is None:
        raise ValueError(f"there is no test {'::'.join(names)} in {path}")
    return file.resolve(), names


def _answer(options: argparse.Namespace, file: Path) -> dict[str, Any]:
    """Return what the process that runs the test has found."""
    node = f"{file}::{options.test.partition('::')[2]}"
    folder = repository.root(file.parent)
    with tempfile.TemporaryDirectory() as scratch:
        task = Task(node, str(file), str(folder), options.seconds, options.seed)
        process = _run(task, Path(scratch), options.seconds + _GRACE)
        if process is None:
            raise ValueError(
                f"{options.test}: a run did not end within {options.seconds + _GRACE:g} s: give "
                "more --seconds, or weigh a smaller test"
            )
        path = Path(scratch) / "answer.json"
        if not path.exists():
            print(process.stdout, file=sys.stderr)
            raise ValueError(f"pytest cannot run {options.test}; its message is printed above")
        answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return answer


def _run(task: Task, scratch: Path, limit: float) -> subprocess.CompletedProcess[str] | None:
    """Run a task in a process of its own; None if it has been ended, because the test had not ended
    so many seconds after it began.
    """
    path = scratch / "task.json"
    path.write_text(json.dumps(asdict(task)), encoding="utf-8")
    command = [sys.executable, "-m", "theory_on_trial.weigh.child", str(path)]
    storage = {"HYPOTHESIS_STORAGE_DIRECTORY": str(scratch / "hypothesis")}
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **storage}
    begun = scratch / BEGUN
    end = time.monotonic() + _START
    with (scratch / "said").open("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
        try:
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
                if begun.exists():
                    begun.unlink()
                    end = time.monotonic() + limit
            late = process.poll() is None
        finally:
            process.kill()
            process.wait()
        said.seek(0)
        return None if late else subprocess.CompletedProcess(command, 0, said.read())


def _print_replaced(answer: dict[str, Any]) -> None:
    replaced = answer["replaced"]
    if not replaced:
        print("  it sets no seed; global generators were seeded for each run")
        return
    shown = [f"{what} at {place}" for what, place, _ in replaced[:_LINES]]
    more = f" and {len(replaced) - _LINES} more" * (len(replaced) > _LINES)
    print(f"  seeds replaced by drawn ones: {'; '.join(shown)}{more}")


def _print_failures(answer: dict[str, Any]) -> None:
    failures, runs = answer["failures"], answer["runs"]
    low, high = ends_of(failures, runs)
    often = f"in {_percent(failures / runs)} of runs" if failures else "in no run"
    share = f"between {_percent(low)} and {_percent(high)}" if low else f"at most {_percent(high)}"
    print(f"  if the code is right, it fails {often}: the true share is {share} (P(error) <= 1e-3)")
    raised = {name: n for name, n in answer["raised"].items() if not name.startswith("Assert")}
    for name, number in raised.items():
        print(f"  {number} of these failures were no assertion: {name}")


def _compared(form: Form, facts: dict[str, Any]) -> better.Compared | None:
    """Return a form with what its runs have shown; None if it compares what does not vary."""
    value, other = _columns(facts["value"]), _columns(facts["other"])
    varies, moves = _varies(value), _varies(other)
    if not varies and not moves:
        return None
    side = "both" if varies and moves else "a" if varies else "b"
    constant = other if side == "a" else value
    return better.Compared(
        form,
        side,
        value if side != "b" else other,
        constant[-1] if len(constant) else np.zeros(1),
        np.asarray(facts["tolerance"], float),
        facts.get("test", ""),
        facts.get("size", 0),
        facts.get("level", 0.0),
    )


def _columns(rows: list[list[float]]) -> np.ndarray:
    """Return the values of all runs that came to the form, shape (runs, entries)."""
    widths = [len(row) for row in rows if row]
    if not widths:
        return np.zeros((0, 1))
    return np.asarray([row for row in rows if len(row) == widths[0]], float)


def _varies(values: np.ndarray) -> bool:
    return bool(len(values)) and not all(
        np.array_equal(values[0], row, equal_nan=True) for row in values
    )


def _print_faults(
    seen: better.Compared, facts: dict[str, Any], answer: dict[str, Any]
) -> better.Compared:
    """Print which faults a form notices; return the form with the one of half of the runs."""
    form = seen.form
    print(f"  line {form.line}: {form.text}")
    up, down = (_with_infinity(facts[name]) for name in ("up", "down"))
    failed = np.asarray(answer["failed"], bool)
    failed = failed if facts["runs"] is None else failed[facts["runs"]]
    others = failed & (np.minimum(up, down) >= 0)
    if form.kind == "pvalue" and not seen.test:
        print("    which fault it notices cannot be told from this p-value")
        return seen
    if seen.side == "b":
        up, down = down, up
    what = "the value moved by"
    if form.kind == "pvalue":
        what = "every number of the sample moved by"
    if seen.test == "chisquare":
        what = "the first count moved, at the cost of the others, by"
    noticed = float("inf")
    for share, often in ((HALF, "half of the time"), (NEARLY, "99 times in 100")):
        sides = (fault(up, down, others, share), fault(down, up, others, share))
        noticed = min(noticed, *(each.size for each in sides))
        print(f"    it notices {often}: {what} {_signed(sides)}")
    own = answer["own"]
    ends = [f"{s}{end:.3g}" for s, end in zip("+-", facts["own"], strict=True) if np.isfinite(end)]
    if own["seeded"] and own["fixed"] and not own["fails"] and ends:
        beyond = " or ".join(ends)
        print(f"    with its own seed: always a move beyond {beyond}, never a smaller one")
    return replace(seen, noticed=noticed)


def _with_infinity(numbers: list[float]) -> np.ndarray:
    """Return room as an array; a run that did not come to a form has room without end."""
    return np.where(np.isnan(np.asarray(numbers, float)), np.inf, numbers)


def _signed(sides: tuple[Fault, Fault]) -> str:
    texts = []
    for sign, each in zip("+-", sides, strict=True):
        if each.low == np.inf:
            continue
        if each.size == 0:
            return "nothing: it fails so often already"
        ends = f"between {each.low:.3g} and {each.high:.3g}"
        if each.high == np.inf:
            ends = f"at least {each.low:.3g}"
        size = "more than was seen" if each.size == np.inf else f"{sign}{each.size:.3g}"
        texts.append(f"{size} ({ends})")
    return " or ".join(texts) or "no shift that was tried"


def _print_own(answer: dict[str, Any]) -> None:
    own = answer["own"]
    if not own["seeded"] or not own["fixed"]:
        return
    outcome = "fails" if own["fails"] else "passes"
    share = _percent(answer["failures"] / answer["runs"])
    print(f"  with its own seed it always {outcome}, at other seeds it fails in {share} of runs")


def _print_unknown(answer: dict[str, Any], source: str, names: list[str], some: bool) -> None:
    function = function_named(ast.parse(source), names)
    assert function is not None
    for line, text in answer["unknown"]:
        if function.lineno <= line <= (function.end_lineno or 0):
            print(
                f"  line {line} is not understood: {text} compares no two numbers in a known form"
            )
    if not some and not answer["forms"]:
        print("  so it is not told which fault it notices, and no new form is written")


def _print_better(
    options: argparse.Namespace,
    file: Path,
    source: str,
    names: list[str],
    compared: list[better.Compared],
    answer: dict[str, Any],
) -> None:
    seeds = frozenset(
        int(text)
        for what, _, _ in answer["replaced"]
        if (text := what.partition("(")[2][:-1]).isdigit()
    )
    facts = better.Facts(answer["fixtures"], answer["global"], seeds, answer["unittest"])
    try:
        new = better.written(source, names, compared, facts)
    except better.Unwritten as error:
        print(f"no new form is written: {error}")
        return
    print("\nthe same with a trial:\n")
    if new.laws:
        print(f"    from theory_on_trial.laws import {', '.join(new.laws)}\n")
    print(textwrap.indent(new.text, "    "))
    print()
    for remark in dict.fromkeys(new.remarks):
        print(f"  {remark}")
    print(f"  run once: {_tried(options, file, new)}")
    if options.out is not None:
        options.out.write_text(new.source, encoding="utf-8")
        print(f"  written: {options.out}")


def _tried(options: argparse.Namespace, file: Path, new: better.Written) -> str:
    """Run the new form once; return its verdict, samples and seconds, or what it says instead."""
    node = f"{file}::{options.test.partition('::')[2]}"
    with tempfile.TemporaryDirectory() as scratch:
        ledger = Path(scratch) / "ledger.json"
        task = Task(node, str(file), "", text=new.source, ledger=str(ledger))
        process = _run(task, Path(scratch), options.seconds + _GRACE)
        if process is None:
            return f"it was not decided within {options.seconds + _GRACE:g} s"
        rows = json.loads(ledger.read_text(encoding="utf-8"))["claims"] if ledger.exists() else []
    if not rows:
        said = [line[2:] for line in process.stdout.splitlines() if line.startswith("E ")]
        return f"it was not decided: {(said or process.stdout.splitlines() or ['?'])[0].strip()}"
    row = rows[0]
    note = f"; {row['note']}" if row.get("note") else ""
    return (
        f"{row['verdict']}, {row['samples'] or 0:,} samples, {row['seconds']:.2g} s, detects "
        f"{row.get('detects') or 'no known error'}{note}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
