"""How far the cosines of embeddings can move while all predictions stay the same.

For embeddings that enter predictions through inner products with another factor (users and items,
words and contexts, queries and keys): an invertible matrix between the two factors changes no
inner product. The range shows what the predictions determine. A regulariser or an initialisation
may have determined more.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int

from theory import cosine_similarity as predicted
from theory.cosine_similarity import chord_range
from theory_on_trial.contract import Interval, guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.arrays import entries
from theory_on_trial.own_data.table import Handed, Table, table

Items = Float[np.ndarray, "items dim"]
Rows = Int[np.ndarray, " pairs"]
Squares = tuple[Float[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]
Family = Literal["any", "diagonal"]
Condition = Annotated[float, Interval(1, 1e12, why="1 is no freedom at all")]

TABLE = (1.5, 4.0, 25.0)
"""Condition numbers that every answer reports."""

_MOST_PAIRS = 2_000_000
_MOST_COORDINATES = 60_000  # of pairs, whose diagonal gauges are sought
_AT_ONCE = 2**17  # numbers that are held at a time, and that stay in the processor's cache
_CLOSE = 0.01  # of 1 - |cos|, below which an inner product leaves too few digits of it
_ALIKE = 1e-3  # relative spread of lengths that only a normalisation leaves, in half precision too
_SHORT = 1e-6  # relative to the median length: its direction is rounding
_PARALLEL = 1e-12  # of 1 - |cos|
_BALANCED = 1.01


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CosineRange(Answer):
    """The answer of `cosine_range`: the cosines that gauges can give each pair of rows.

    A gauge is an invertible matrix R that turns the factors A and B into A R and B R^-T, which
    changes no inner product of their rows.

    Attributes:
        family: "any" if all gauges count, "diagonal" if only those that scale the coordinates do.
        condition: K, the largest condition number of G = (R R^T)^-1, which is the square of the
            condition number of R.
        pairs: the numbers of the two rows of each pair, from 0.
        names: the names of all rows of B if they have names, otherwise their numbers.
        cosine: the cosine of each pair as the embeddings are.
        low: the least cosine that a gauge up to this condition gives each pair, exactly.
        high: the largest such cosine, exactly.
        table: `low` and `high` for K = 1.5, 4 and 25, because there is no natural K.
        imbalance: K of the gauge that balances the factors; None if the other factor is not given.
        notes: sentences on the pairs whose cosines no gauge of this family can change.
    """

    asked: ClassVar[str] = "how far can cosines of these rows move without a prediction changing?"
    rests_on: ClassVar[str] = (
        "rows that enter predictions through inner products with another factor alone"
    )
    unseen: ClassVar[str] = "which of these gauges a regulariser or a start has picked"

    family: Family
    condition: float
    pairs: Int[np.ndarray, "pairs 2"]
    names: tuple[Any, ...]
    cosine: Float[np.ndarray, " pairs"]
    low: Float[np.ndarray, " pairs"]
    high: Float[np.ndarray, " pairs"]
    table: dict[float, predicted.Range]
    imbalance: float | None
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the lines on how many cosines keep their sign, the median width of the ranges for
        each K, the first pair, the imbalance, and the notes.
        """
        count = np.sum((self.low > 0) | (self.high < 0))
        gauges = "any gauge" if self.family == "any" else "a diagonal gauge"
        widths = [
            f"{np.median(ends.high - ends.low):.3g} for K = {k:g}" for k, ends in self.table.items()
        ]
        i, j = (self.names[row] for row in self.pairs[0])
        return [
            f"{gauges} of condition {self.condition:g}: {count} of {len(self.pairs)} cosines keep "
            "their sign",
            f"median width of the range: {', '.join(widths)}",
            f"rows {i} and {j}: cosine {self.cosine[0]:.4f}, from {self.low[0]:.4f} to "
            f"{self.high[0]:.4f}",
            *(
                []
                if self.imbalance is None
                else [f"the factors are balanced by a gauge of K = {self.imbalance:.4g}"]
            ),
            *self.notes,
        ]

    def to_frame(self) -> Any:
        """Return a data frame with a row for each pair, indexed by the names of its two rows: the
        cosine and both ends of its range.
        """
        import pandas

        first, second = ([self.names[row] for row in side] for side in self.pairs.T)
        index = pandas.MultiIndex.from_arrays([first, second], names=["row", "other row"])
        numbers = {"cosine": self.cosine, "low": self.low, "high": self.high}
        return pandas.DataFrame(numbers, index)

    def plot(self, axes: Any = None) -> Any:
        """Draw the ranges (bars) and the present cosines (points) of at most 40 pairs in the order
        of their cosines, and return the axes.
        """
        axes = axes_for(axes)
        indices = np.argsort(self.cosine)[
            np.linspace(0, len(self.cosine) - 1, min(40, len(self.cosine))).astype(int)
        ]
        xs = np.arange(len(indices))
        axes.vlines(
            xs,
            self.low[indices],
            self.high[indices],
            color="C0",
            alpha=0.4,
            linewidth=4,
            label="reachable",
        )
        axes.plot(xs, self.cosine[indices], "o", color="C1", markersize=3, label="present")
        axes.axhline(0, color="0.5", linewidth=0.8)
        axes.set(
            xlabel="pairs, by their cosine", ylabel="cosine (dimensionless)", ylim=(-1.05, 1.05)
        )
        axes.legend()
        return axes


@guarded
def cosine_range(
    B: Handed,
    *,
    pairs: Handed = None,
    family: Family = "any",
    condition: Condition = 4.0,
    A: Handed = None,
) -> CosineRange:
    """Return the range over which the cosines of rows of B can move while all predictions stay the
    same.

    The predictions are inner products of rows of B with rows of another factor A. A gauge is an
    invertible matrix R that turns A and B into A R and B R^-T, which changes no inner product.

    Args:
        B: embeddings, one in each row, as they enter the inner products, that is, not normalised.
        pairs: the pairs to answer for, two rows each, by number from 0 or by name; the default is
            every pair.
        family: "any" for all invertible gauges, "diagonal" for those that only scale coordinates.
        condition: K, the largest condition number of G = (R R^T)^-1, at least 1. There is no
            natural K, so the answer also shows 1.5, 4 and 25. If A is given, compare K with that of
            the gauge that balances the factors.
        A: the other factor, whose rows have as many columns as those of B.

    Raises TypeError or ValueError, with a sentence that names the argument; ValueError also for
    rows of zeros and for more than two million pairs. Source:
    `theory.cosine_similarity.any_gauge_range` and `diagonal_gauge_range`.

    >>> cosine_range([[1.0, 0.0], [0.0, 2.0]]).high.round(3).tolist()
    [0.6]
    """
    items = table("B", B)
    B = items.values
    lengths = _judged(B)
    limit = _MOST_PAIRS if family == "any" else max(1, _MOST_COORDINATES // B.shape[1])
    chosen = _every_pair(len(B), limit) if pairs is None else _pairs_of(pairs, items)
    require(
        len(chosen) <= limit,
        f"pairs must be at most {limit} for family {family!r} of {B.shape[1]} columns, got "
        f"{len(chosen)}",
    )
    first, second = chosen.T
    unit = B / lengths[:, None]
    squares = _squares(unit, first, second, unit @ unit.T if pairs is None else None)

    def ranges(k: float) -> predicted.Range:
        return (
            chord_range(*squares, k)
            if family == "any"
            else predicted.diagonal_gauge_range(B[first], B[second], k)
        )

    by_condition = {k: ranges(k) for k in TABLE}
    result = by_condition[condition] if condition in by_condition else ranges(condition)
    cosine = (squares[1] - squares[0]) / 4
    imbalance = None
    if A is not None:
        A = table("A", A).values
        require(
            A.shape[1] == B.shape[1],
            f"A must have the {B.shape[1]} columns of B, got {A.shape[1]}",
        )
        for name, factor in (("A", A), ("B", B)):
            values = np.linalg.svd(factor, compute_uv=False)
            full = len(values) == B.shape[1] and values[-1] > 1e-6 * values[0]
            sentence = (
                "must have full column rank to six digits, because rounding would decide the gauge"
            )
            require(full, f"{name} {sentence}, got shape {factor.shape}")
        imbalance = float(np.linalg.cond(predicted.balancing_gauge(A, B)))
    width = float(np.max(result.high - result.low))
    notes = []
    if parallel := int(np.sum(1 - np.abs(cosine) < _PARALLEL)):
        notes.append(f"{parallel} pairs are parallel, and stay so in every gauge")
    if family == "diagonal" and (
        count := int(np.sum(~((B[first] != 0) & (B[second] != 0)).any(axis=1)))
    ):
        notes.append(
            f"{count} pairs share no coordinate: their cosine is 0 in every diagonal gauge"
        )
    return CosineRange(
        family=family,
        condition=float(condition),
        pairs=chosen,
        names=tuple(range(len(B))) if items.rows is None else items.rows,
        cosine=cosine,
        low=result.low,
        high=result.high,
        table=by_condition,
        imbalance=imbalance,
        notes=tuple(notes),
        doubts=_doubts(lengths, width) + _doubts_of_balance(imbalance, condition, width),
    )


def _squares(
    unit: Items, first: Rows, second: Rows, gram: Float[np.ndarray, "items items"] | None = None
) -> Squares:
    """Return |u - v|^2 and |u + v|^2 for pairs of unit rows u and v, with all digits near 0.

    They are computed from the inner products `gram` where these are given and have enough digits.
    """
    if gram is None:
        differences = np.zeros(len(first))
        close = np.arange(len(first))
    else:
        differences = 2 - 2 * gram[first, second]
        close = np.flatnonzero(np.minimum(differences, 4 - differences) < 2 * _CLOSE)
    sums = 4 - differences
    for part in np.array_split(close, -(-len(close) * unit.shape[1] // _AT_ONCE) or 1):
        u = unit[first[part]]
        v = unit[second[part]]
        differences[part], sums[part] = (np.einsum("ij,ij->i", x, x) for x in (u - v, u + v))
    return differences, sums


def _pairs_of(pairs: Any, items: Table) -> Int[np.ndarray, "pairs 2"]:
    """Return pairs of rows by their numbers; the user gave them by number or by name."""
    given = entries("pairs", pairs)
    require(
        given.ndim == 2 and given.shape[1] == 2 and len(given) > 0,
        f"pairs must have the shape (pairs, 2), two rows of B in each, got shape {given.shape}",
    )
    if items.rows is not None:
        number_of = {name: row for row, name in enumerate(items.rows)}
        unknown = [one for one in given.ravel().tolist() if one not in number_of]
        require(not unknown, f"pairs must be of rows of B, which has none named {unknown[:1]}")
        chosen = np.reshape([number_of[one] for one in given.ravel().tolist()], given.shape)
    else:
        numbers = table("pairs", pairs).values
        whole = bool(np.all((numbers == np.round(numbers)) & (numbers >= 0)))
        require(whole, "pairs must be whole numbers from 0 on, the numbers of rows of B")
        require(
            numbers.max() < len(items.values),
            f"pairs must be of rows below {len(items.values)}, got {numbers.max():g}",
        )
        chosen = numbers.astype(int)
    require((chosen[:, 0] != chosen[:, 1]).all(), "pairs must be of two different rows each")
    return chosen


def _every_pair(items: int, limit: int) -> Int[np.ndarray, "pairs 2"]:
    count = items * (items - 1) // 2
    require(
        count <= limit,
        f"pairs must be chosen: B has {items} rows and so {count} pairs, more than {limit}",
    )
    return np.column_stack(np.triu_indices(items, 1))


def _judged(rows: Items) -> Float[np.ndarray, " items"]:
    """Return the lengths of the rows; ValueError if one is 0."""
    require(len(rows) >= 2, f"B must have at least two rows, got {len(rows)}")
    require(
        rows.shape[1] >= 2,
        "B must have at least two columns: with one a cosine is 1 or -1 in every gauge",
    )
    largest = np.abs(rows).max(axis=1)
    if len(empty := np.flatnonzero(largest == 0)):
        require(
            False,
            f"B must have no row of zeros: item {empty[0]} has no embedding, its cosine is "
            "undefined",
        )
    return largest * np.linalg.norm(rows / largest[:, None], axis=1)


def _doubts(
    lengths: Float[np.ndarray, " items"], size: float, unit: str = "of a cosine"
) -> tuple[Doubt, ...]:
    middle = float(np.median(lengths))
    doubts = []
    if np.ptp(lengths) <= _ALIKE * middle:
        reason = (
            "all rows have one length: if the model itself compares normalised rows, only "
            "rotations keep its predictions and no cosine can move; if the rows were normalised "
            "later, they no longer show how the factors were balanced"
        )
        doubts.append(Doubt(reason, size, unit))
    if short := int(np.sum(lengths < _SHORT * middle)):
        doubts.append(
            Doubt(
                f"{short} rows are so short that their direction may be rounding",
                2.0,
                "of their cosines",
            )
        )
    return tuple(doubts)


def _doubts_of_balance(
    imbalance: float | None, condition: float, width: float
) -> tuple[Doubt, ...]:
    if imbalance is None:
        return ()
    if imbalance < _BALANCED:
        reason = (
            "the factors are balanced, as weight decay on both leaves them: if it was used, no "
            "other gauge is an optimum, and weight decay has decided the cosines"
        )
        return (Doubt(reason, width, "of a cosine"),)
    if imbalance > condition:
        reason = (
            f"the gauge that balances the factors has K = {imbalance:.4g}, more than the "
            f"{condition:g} asked about"
        )
        return (Doubt(reason, np.inf, "of a cosine"),)
    return ()
