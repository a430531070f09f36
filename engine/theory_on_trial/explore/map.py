"""A map of a claim: a grid over some of its settings, each cell a trial of its own.

`claim("…").map(n="10..10000", dim=[2, 5, 10])` returns it as an xarray Dataset,
`theory-on-trial map` draws it. Each cell is kept as it ends (`explore.trials`), so that an
interrupted map resumes and a finer one keeps what it shares.
"""

import ast
import itertools
import json
import math
import sys
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from theory_on_trial.base.progress import ProgressSetting, progress_bar
from theory_on_trial.contract import LONGEST, Alternative
from theory_on_trial.explore.attempt import LIMIT, Attempt
from theory_on_trial.explore.draw import domains, extent
from theory_on_trial.explore.trials import Trials, count_of
from theory_on_trial.formula.marks import plain
from theory_on_trial.trial.registry import Claim

CELLS = 30
"""How many cells a range has by default."""
DECADES = 30.0
"""A range whose ends are this far apart is divided logarithmically."""
OUTCOMES = ("VERIFIED", "INCONCLUSIVE", "REFUTED", "exception", "late", "died", "outside")


def values_of(name: str, given: Any, kind: Alternative | None, cells: int = CELLS) -> list[Any]:
    """Return the values that an axis stands for: a list, a range "low..high", or "a,b,c" (of a
    choice also its names).

    Raises `ValueError` for anything else.
    """
    if not isinstance(given, str):
        return [value.item() if isinstance(value, np.generic) else value for value in given]
    low, dots, high = given.partition("..")
    if not dots:
        choices = get_args(kind.type) if kind is not None else ()
        return [text if text in choices else _literal(name, text) for text in given.split(",")]
    start = _literal(name, low)
    end = _literal(name, high)
    if (
        not all(type(value) in (int, float) and math.isfinite(value) for value in (start, end))
        or not start < end
    ):
        raise ValueError(f"{name} must be a range of two numbers such as 10..1000, got {given}")
    whole = (
        kind.type is int if kind is not None else isinstance(start, int) and isinstance(end, int)
    )
    spacing = np.geomspace if start > 0 and end / start >= DECADES else np.linspace
    numbers = spacing(start, end, cells)
    if whole:
        return sorted({round(float(value)) for value in numbers})
    # Three digits more than distinguish two cells: a setting is to be pasted.
    return [float(f"{value:.4g}") for value in numbers]


def _literal(name: str, text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        raise ValueError(
            f"{name} must be a range such as 10..1000 or a list such as 1,2,3, got {text!r}"
        ) from None


def is_axis(value: Any) -> bool:
    """Whether a setting of a map is an axis: a list, an array, a range; tuples and other strings
    are settings.
    """
    return isinstance(value, list | range | np.ndarray) or (
        isinstance(value, str) and ".." in value
    )


def map_of(
    subject: Claim,
    axes: dict[str, Any],
    settings: dict[str, Any] | None = None,
    *,
    cells: int = CELLS,
    seed: int = 0,
    outside: bool = False,
    limit: float = LIMIT,
    workers: int | None = None,
    progress: ProgressSetting = "auto",
) -> Any:
    """Put a claim on trial at every cell of a grid; return an xarray Dataset whose dimensions are
    the axes.

    Its variables are `outcome` (one of `OUTCOMES`), `error` with `low` and `high` (see
    `Attempt.error`), `why`, `shown`, `detects` and `seconds`.

    `axes` are one to three settings, each with its values (see `values_of`), of which a range has
    `cells`; the other `settings` are, if not given, their defaults or those of the first case.
    `seed` decides every random number, of all cells. Cells beyond the declared domain are
    `outside`, or are tried if that is True. Cells run in `workers` processes, one for each core if
    not given, or where `joblib.parallel_config` sends them, such as to Dask; here, and not kept, if
    no file states the claim. A cell is `late` after `limit` seconds, and tried again by a
    map with a longer one. `progress` is as that of `sweep`.

    Raises `ValueError` for a setting that the claim lacks, and for values that are none.
    """
    import xarray as xr

    if unknown := [name for name in (*axes, *(settings or {})) if name not in subject.settings]:
        names = ", ".join(subject.settings) or "none"
        raise ValueError(f"{subject.id} has no setting {unknown[0]!r}; its settings are {names}")
    if not 1 <= len(axes) <= 3:
        raise ValueError(f"a map has one to three axes, got {len(axes)}")
    kinds = domains(subject)
    grid = {name: values_of(name, given, kinds.get(name), cells) for name, given in axes.items()}
    first: dict[str, Any] = getattr(subject.function, "first_case", {})
    constants = {
        name: value for name, value in {**first, **(settings or {})}.items() if name not in grid
    }
    points = itertools.product(*grid.values())
    tried = [({**constants, **dict(zip(grid, point, strict=True))}, seed) for point in points]
    with (
        Trials(subject, beyond=outside, limit=limit) as trials,
        progress_bar(progress, subject.id, "cell", len(tried), 0) as advance,
    ):
        results = trials.all(tried, count_of(workers), advance)
    shape = [len(values) for values in grid.values()]
    nowhere = (math.nan,) * 3
    columns: dict[str, Sequence[Any]] = {
        "outcome": [outcome_of(run) for run in results],
        **{
            name: [(run.error or nowhere)[k] for run in results]
            for k, name in enumerate(("error", "low", "high"))
        },
        **{
            name: [getattr(run, name) for run in results]
            for name in ("why", "shown", "detects", "seconds")
        },
    }
    arrays = {
        name: (
            list(grid),
            np.array(column, float if isinstance(column[0], float) else object).reshape(shape),
        )
        for name, column in columns.items()
    }
    labels = {
        name: values if _plain(values) else [repr(value) for value in values]
        for name, values in grid.items()
    }
    limits = {
        name: _limits(kinds[name])
        for name in grid
        if name in kinds and kinds[name].type in (int, float)
    }
    attrs = {
        "claim": subject.id,
        "statement": plain(subject.statement),
        "settings": ", ".join(f"{name} = {value!r}" for name, value in constants.items()),
        "seed": seed,
        "outside": int(outside),
        "domain": json.dumps(limits),
    }
    return xr.Dataset(arrays, labels, attrs)


def outcome_of(done: Attempt) -> str:
    """Return which of `OUTCOMES` an attempt came to."""
    if done.outcome in ("late", "died", "outside"):
        return done.outcome
    return (
        "exception"
        if done.outcome == "wrong" and done.verdict in ("", "INCONCLUSIVE")
        else done.verdict
    )


def _plain(values: list[Any]) -> bool:
    return all(isinstance(value, int | float | str) for value in values)


def _limits(kind: Alternative) -> list[float | None]:
    return [end if math.isfinite(end) and abs(end) < LONGEST else None for end in extent(kind)]


def show_in_notebook(dataset: Any) -> None:
    """Draw a map where a notebook displays it; nothing happens elsewhere."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if getattr(shell, "kernel", None) is not None:
        from theory_on_trial.explore.picture import draw

        sys.modules["IPython"].display.display(draw(dataset))
