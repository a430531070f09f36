"""Checks a user's samples and model, and converts them to a table whose arithmetic is exact."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from sims.linear_dichotomies.certificates import exact_signs
from sims.linear_dichotomies.domains import SampleWeights
from sims.linear_dichotomies.table import Table, aggregate, from_unit
from sims.predictive_multiplicity import baseline_of_scores
from theory_on_trial.contract import require
from theory_on_trial.own_data.table import Handed, class_numbers, table

Scores = Callable[[Any], Float[np.ndarray, " samples"]]
"""From samples, in the user's columns, to scores: positive where the prediction is +1."""

_MOST_DECIMALS = 12
_NEAR = 1e-9  # of a feature's range: rows that are no further apart are beyond the solvers


class Sample(NamedTuple):
    """A user's sample as a table of whole or exact numbers, and the way back to the user's units.

    Attributes:
        table: the sample with equal rows merged; each entry is unit * x - centre.
        columns: the names of all features.
        names: the names of the rows; None if they have none.
        kept: the numbers of the columns that the table has.
        units: the unit by which each of these columns is multiplied.
        centres: the centre that is subtracted from each of these columns.
        positive: the label that counts as +1.
    """

    table: Table
    columns: tuple[str, ...]
    names: tuple[Any, ...] | None
    kept: Int[np.ndarray, " kept"]
    units: Float[np.ndarray, " kept"]
    centres: Float[np.ndarray, " kept"]
    positive: Any

    def coefficients(
        self, weights: Float[np.ndarray, "classifiers dims"]
    ) -> Float[np.ndarray, "classifiers coefficients"]:
        """Return weights of the table's columns as coefficients w of the user's features, with the
        intercept first and Σ |w| = 1.
        """
        spread = np.zeros((len(weights), len(self.columns) + 1))
        spread[:, 0] = weights[:, 0] - weights[:, 1:] @ self.centres
        spread[:, self.kept + 1] = weights[:, 1:] * self.units
        return spread / np.abs(spread).sum(axis=1, keepdims=True)

    @property
    def n_near(self) -> int:
        """The number of rows that floating point hardly distinguishes from another row."""
        unit = self.table.unit_design[:, 1:]
        if len(unit) < 2 or not unit.shape[1]:
            return 0
        # Rows that are near in every feature are near, and neighbours in order, on almost any line.
        order = np.argsort(unit @ np.random.default_rng(0).uniform(0.5, 1, unit.shape[1]))
        near = (np.abs(np.diff(unit[order], axis=0)) < _NEAR).all(axis=1)
        return int((np.append(near, False) | np.append(False, near)).sum())


def sample_of(X: Handed, y: Handed, sample_weight: SampleWeights | None) -> Sample:
    """Return the sample as a table with equal rows merged; raises as `multiplicity`.

    Numbers that are written with decimals are multiplied until they are whole. A feature that is
    large compared with its range, such as a time stamp, is counted from its least value. Neither
    step rounds.
    """
    values, columns, names = table("X", X)
    require(values.size, f"X must have rows and columns, got shape {values.shape}")
    labels, positive = _signs(y, len(values))
    whole = values.copy()
    units = np.ones(values.shape[1])
    centres = np.zeros(values.shape[1])
    for column, entries_ in enumerate(values.T if len(values) else ()):
        whole[:, column], units[column], centres[column] = _exact(entries_)
    merged = aggregate(
        whole, labels, sample_weight, [str(column) for column in range(len(columns))]
    )
    kept = np.array([int(column) for column in merged.columns], int)
    return Sample(merged, columns, names, kept, units[kept], centres[kept], positive)


def _exact(
    column: Float[np.ndarray, " samples"],
) -> tuple[Float[np.ndarray, " samples"], float, float]:
    """Return unit * column - centre without rounding, the unit, and the centre."""
    unit = 1.0
    for decimals in range(_MOST_DECIMALS + 1):
        scaled = np.round(column * 10.0**decimals)
        if np.abs(scaled).max() >= 2.0**53:
            break
        if np.array_equal(scaled / 10.0**decimals, column):
            column = scaled
            unit = 10.0**decimals
            break
    low = column.min()
    high = column.max()
    # Numbers of one sign that differ by less than a factor of two have exact differences
    # (Sterbenz).
    nearest = min(abs(low), abs(high))
    centre = low if np.sign(low) * np.sign(high) > 0 and 0 < high - low <= nearest else 0.0
    return column - centre + 0.0, unit, float(centre)


def _signs(y: Handed, rows: int) -> tuple[Int[np.ndarray, " samples"], Any]:
    """Return the labels as -1 and +1, and the user's label for +1, which is the second of the two
    classes in sorted order, as in scikit-learn.
    """
    numbers, classes = class_numbers("y", y, rows=rows)
    if len(classes) == 1 and classes[0] in (-1, 1):  # True among them
        return np.full(rows, classes[0] * 1), classes[0]
    if classes == (False,) and isinstance(classes[0], bool):
        return np.full(rows, -1), True
    if len(classes) != 2:
        shown = ", ".join(map(repr, classes[:4])) + (", ..." if len(classes) > 4 else "")
        raise ValueError(f"y must hold two classes, got {len(classes)}: {shown}")
    return 2 * numbers - 1, classes[1]


def group_numbers(
    groups: Any, weights: Float[np.ndarray, " samples"]
) -> tuple[Int[np.ndarray, " samples"], pd.Index]:
    """Return the number of each sample's group, and the sorted groups; raises as `multiplicity`."""
    number_of, names = class_numbers("groups", groups, rows=len(weights))
    empty = np.flatnonzero(np.bincount(number_of, weights) == 0)
    if len(empty):
        raise ValueError(
            f"groups must each have a positive weight, got none for {names[empty[0]]!r}"
        )
    return number_of, pd.Index(names)


class Own(NamedTuple):
    """What a user's model predicts on the sample.

    Attributes:
        dichotomy: for each row of the table, 1 if the model predicts the positive class, else 0.
        weights: weights of the table's columns that predict the same; None if the scores show none.
    """

    dichotomy: Int[np.ndarray, " rows"]
    weights: Float[np.ndarray, " dims"] | None


def own_baseline(sample: Sample, X: Any, model: Any) -> Own:
    """Return what the user's model predicts on the sample.

    Raises ValueError for scores that are 0 or not finite, or that no linear classifier gives.
    """
    scores = scores_of(model)(X)
    undecided = np.flatnonzero(~np.isfinite(scores) | (scores == 0))
    if len(undecided):
        first = undecided[0]
        raise ValueError(
            f"baseline must give finite scores other than 0, got {scores[first]} for sample {first}"
        )
    # Scores that are linear in the features show it by a fit, which spares a program.
    table = sample.table
    design = np.column_stack([np.ones(len(scores)), table.unit_design[table.row_of_sample, 1:]])
    fit = np.linalg.lstsq(design, scores, rcond=None)[0]
    weights = from_unit(table, fit)
    norm = np.abs(weights).sum()
    if norm and np.array_equal(
        exact_signs(table, weights / norm)[table.row_of_sample], np.sign(scores)
    ):
        dichotomy = np.zeros(len(table.rows), int)
        dichotomy[table.row_of_sample] = scores > 0
        return Own(dichotomy, weights / norm)
    return Own(baseline_of_scores(table, scores), None)


def scores_of(model: Any) -> Scores:
    """Return the function from samples to scores of a fitted model that has a `decision_function`,
    or of coefficients, the intercept first.

    Raises TypeError for anything else.
    """
    if hasattr(model, "decision_function"):
        return lambda X: _one_each(np.asarray(model.decision_function(X), float), X)
    try:
        coefficients = np.asarray(model, float)
    except (TypeError, ValueError):
        raise TypeError(
            "baseline must be a model with a decision_function or coefficients, got "
            f"{type(model).__name__}"
        ) from None

    def scores(X: Any) -> Float[np.ndarray, " samples"]:
        features = np.asarray(X, float)
        if coefficients.shape != (features.shape[1] + 1,):
            raise ValueError(
                f"baseline must be {features.shape[1] + 1} coefficients with the intercept first, "
                f"got the shape {coefficients.shape}"
            )
        return _one_each(coefficients[0] + features @ coefficients[1:], X)

    return scores


def _one_each(scores: Float[np.ndarray, "..."], X: Any) -> Float[np.ndarray, " samples"]:
    if scores.shape != (len(X),):
        raise ValueError(
            f"baseline must give one score for each of the {len(X)} samples, got the shape "
            f"{scores.shape}"
        )
    return scores
