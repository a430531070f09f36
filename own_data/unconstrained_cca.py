"""How far are two views' embeddings from the best with the same features, and what does the batch
size cost them?
"""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from theory import unconstrained_cca as predicted
from theory_on_trial.contract import (
    LONGEST,
    Interval,
    guarded,
    require,
)
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.arrays import require_memory
from theory_on_trial.own_data.copies import copied_rows
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.features import groups_of
from theory_on_trial.own_data.jackknife import GROUPS, at_least, covariances, jackknife
from theory_on_trial.own_data.neighbours import beside, near
from theory_on_trial.own_data.table import Handed, table

Embedding = Float[np.ndarray, "rows columns"]
"""The embeddings Z of one view, one row for each pair."""

_CONFIDENCE = 0.95
# ratio of standard deviations of the scaled columns, below which their covariance has few digits
_SINGULAR = 1e-6
_RELATED = 0.01  # level of the test that says which directions are related at all
_FLIPS = 499
_BLOCKS = 1000  # changes of sign that a test draws, for at most so many blocks of groups
_MISSING = 0.5
_SCALED = (
    0.2  # share of its strength below which a component is missing; deviation called mis-scaled
)
_FEWEST = 20  # batches from which a variance over batches is measured
_DOUBT = 4.0  # standard errors
_SHOWN = 6  # components in the summary
# share of a jackknife's variance that no single twentieth of rows has where the interval can be
# trusted
_HEAVY = 0.6


class BatchEffect(NamedTuple):
    """The effect of the batch size in training with a penalty tr(V^2) of which one batch estimates
    both factors V.

    V is the sum of the covariances of the two views. Such a penalty is too large on average, and
    makes the trained embeddings too weak.
    """

    size: int
    """The number of rows in a batch."""
    smallest: int | None
    """The smallest batch size that keeps every related component; None if no component is related.
    """
    shrinkage: Float[np.ndarray, " related"]
    """The strength that each related component keeps after training, as a share of its best
    strength, for normal embeddings.
    """
    bias: Estimate | None
    """The mean amount by which the penalty is too large, measured on batches of the rows; None if
    there are too few batches.
    """
    normal_bias: float
    """The mean amount by which the penalty would be too large for normal embeddings."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Certificate(Answer):
    """The answer of `ey_certificate`.

    Intervals contain the value for the population with 95 % confidence. C11, C22 and C12 are the
    covariances of the embeddings of the two views.

    Attributes:
        loss: L of the embeddings as they are, -2 tr(C12 + C21) + tr((C11 + C22)^2).
        best: the least L that any linear last layers on both views can give, which is minus the sum
            of the squared canonical correlations.
        gap: `loss` - `best`.
        correlations: the canonical correlations of the sample, the largest first.
        strengths: the variance of each canonical component in the embeddings of both views
            together; it is best if it equals the canonical correlation.
        related: the number of leading components that exceed chance, by a test of Pillai's trace of
            the remaining ones at the level 0.01. If groups are given, chance is what random signs
            of whole groups show.
        missing_components: the related components with less than half of their best strength,
            numbered from 0.
        scaled: the other related components whose strength is more than a fifth off the best.
        squared_correlations: the sum of the squared canonical correlations of the sample.
        null_level: the mean of that sum for unrelated embeddings.
        batch: the effect of the batch size; None if no batch size was given.
    """

    asked = "how far are these embeddings from the best with the same features?"
    rests_on = "independent rows, a pair each, or independent groups of them where they are given"
    unseen = (
        "relations that are not linear in the embeddings, and rows that depend on each other "
        "beyond their groups"
    )
    level: float | None = _CONFIDENCE
    loss: Estimate
    best: Estimate
    gap: Estimate
    correlations: Float[np.ndarray, " columns"]
    strengths: Float[np.ndarray, " columns"]
    related: int
    missing_components: tuple[int, ...]
    scaled: tuple[int, ...]
    squared_correlations: float
    null_level: float
    batch: BatchEffect | None

    @property
    def of_one_variance(self) -> bool:
        """Whether no related component is missing, and all have about one strength, as scores of
        CCA scaled to unit variance have: then only lengths differ from the best.
        """
        strengths = self.strengths[: self.related]
        alike = self.related > 0 and np.ptp(strengths) <= _SCALED * strengths.mean()
        return bool(alike and self.scaled and not self.missing_components)

    def lines(self) -> list[str]:
        """Return the lines on the loss and its gap, the squared correlations, the related and the
        missing components, and the effect of the batch size if one was given.
        """
        pairs = list(zip(self.strengths, self.correlations, strict=True))
        shares = ", ".join(f"{s:.3g} of {r:.3g}" for s, r in pairs[:_SHOWN]) + ", ..." * (
            len(pairs) > _SHOWN
        )
        lines = [
            f"loss {self.loss}, best with the same features {self.best}, gap {self.gap}",
            f"squared correlations sum to {self.squared_correlations:.4g}, unrelated views to "
            f"{self.null_level:.4g}",
            f"related components: {self.related} of {len(self.correlations)}; strengths {shares}",
            f"missing: {_listed(self.missing_components)}; "
            f"{'of one variance' if self.of_one_variance else 'mis-scaled'}: "
            f"{_listed(self.scaled)}",
        ]
        if self.batch is not None:
            ratios = ", ".join(f"{ratio:.3g}" for ratio in self.batch.shrinkage[:_SHOWN])
            bias = f"{self.batch.bias} measured" if self.batch.bias else "not measured"
            lines += [
                f"one batch of {self.batch.size} in both factors would leave, of each strength: "
                f"{ratios or 'nothing'}",
                "smallest batch that keeps every related component: "
                f"{self.batch.smallest or 'none'}",
                f"bias of the penalty: {bias}, {self.batch.normal_bias:.4g} if normal",
            ]
        return lines

    def to_do(self) -> str:
        """Return what would bring the embeddings nearer to the best; "" if nothing is off."""
        if self.batch is not None and self.batch.smallest and self.batch.size < self.batch.smallest:
            return (
                f"take batches of at least {self.batch.smallest}, or another batch for each factor"
            )
        if self.of_one_variance:
            return (
                "nothing for a linear layer on top, to which lengths do not matter; for the least "
                "loss multiply each component by the root of its correlation over its strength"
            )
        off = self.missing_components + self.scaled
        return "fit a linear last layer again, by CCA on these embeddings" if off else ""

    def to_frame(self) -> Any:
        """Return a data frame with a row for each canonical component: its correlation, its
        strength and a verdict, which is "right", "chance", "missing", "mis-scaled" or "of one
        variance".
        """
        import pandas

        index = np.arange(len(self.correlations))
        said = np.where(index < self.related, "right", "chance").astype(object)
        said[list(self.missing_components)] = "missing"
        said[list(self.scaled)] = "of one variance" if self.of_one_variance else "mis-scaled"
        return pandas.DataFrame(
            {"correlation": self.correlations, "strength": self.strengths, "verdict": said},
            index=pandas.Index(index, name="component"),
        )

    def plot(self, axes: Any = None) -> Any:
        """Draw the strength of each component beside its correlation, which is the best strength,
        and return the axes.
        """
        axes = axes_for(axes)
        index = np.arange(len(self.correlations))
        axes.plot(index, self.correlations, "_", color="0.3", markersize=12, label="correlation")
        axes.plot(index, self.strengths, "o", label="strength")
        axes.axvspan(-0.5, self.related - 0.5, color="0.93", zorder=0, label="related")
        axes.set(xlabel="canonical component", ylabel="variance in both views")
        axes.legend()
        return axes


@guarded
def ey_certificate(
    Z1: Handed,
    Z2: Handed,
    batch_size: Annotated[int, Interval(2, LONGEST)] | None = None,
    groups: Handed = None,
    *,
    held_out: bool,
) -> Certificate:
    """Compare the embeddings of two views, trained by any loss like that of CCA, with the best
    embeddings that the same features allow.

    Args:
        Z1: the embeddings of the first view, one row for each pair.
        Z2: those of the second view, with the same number K of columns.
        batch_size: a batch size, at least 2, whose effect to state for a penalty of which one batch
            estimates both factors.
        groups: a label for each row if some rows belong together, such as those of one patient.
        held_out: True if the encoders were not fitted on these rows. If they were (False), even
            views of pure noise seem related, which the rows do not show, so that there is no
            answer.

    Intervals are those of a jackknife over twenty groups of rows, and hold from 200 normal rows on.
    Raises ValueError for fewer than 40 rows or groups, or not more than 2 K + 1 rows, and for a
    covariance that is singular. Source: `theory.unconstrained_cca.least_loss`.

    >>> rng = np.random.default_rng(0)
    >>> Z = rng.normal(size=(500, 2))
    >>> ey_certificate(Z, Z + rng.normal(size=(500, 2)), held_out=True).related
    2
    """
    read = table("Z1", Z1)
    Z1 = read.values
    Z2 = table("Z2", Z2, rows=len(Z1)).values
    require(
        Z1.shape == Z2.shape and Z1.size > 0,
        f"Z2 must have the shape of Z1, which is {Z1.shape}, got {Z2.shape}",
    )
    rows, columns = Z1.shape
    of_row, parts_of = groups_of(groups, rows)
    fewest = int(min(rows - np.bincount(parts_of, minlength=GROUPS)))
    require(
        rows >= 2 * GROUPS and fewest > 2 * columns + 1,
        f"Z1 must have at least {2 * GROUPS} rows, and more than 2 K + 1 = {2 * columns + 1} rows "
        f"after any twentieth of them is left out, got {rows}",
    )
    require_memory(
        "Z1 and Z2", 6 * rows * columns + (2 * _BLOCKS * columns**2 if groups is not None else 0)
    )
    (W1, back1), (W2, back2) = (_white(name, Z) for name, Z in (("Z1", Z1), ("Z2", Z2)))
    parts = covariances(parts_of, W1, W2)
    for name, own in (("Z1", slice(columns)), ("Z2", slice(columns, None))):
        ranks = np.sum(np.linalg.eigvalsh(parts[:, own, own]) > _SINGULAR, axis=1)
        require(ranks == columns, _singular(name, int(ranks.min()), columns))
    losses, least = np.array([_losses(part, back1, back2) for part in parts]).T
    loss, best, gap = (jackknife(column, _CONFIDENCE) for column in (losses, least, losses - least))
    correlations, strengths = _components(parts[0], back1, back2)
    chance = None if groups is None else _by_groups(W1, W2, parts[0], of_row)
    n_related = _related(correlations, rows, chance)
    share = strengths[:n_related] / correlations[:n_related]
    mask = (share >= _MISSING) & (np.abs(share - 1) > _SCALED)
    batch = (
        None
        if batch_size is None
        else _batch_effect(Z1, Z2, correlations[:n_related], batch_size, of_row)
    )
    alone = groups is None
    dependent = _dependent(W1, W2, parts[0, :columns, columns:]) if alone and n_related else ""
    return Certificate(
        loss=loss,
        best=Estimate(*(min(end, 0.0) for end in best)),
        gap=at_least(gap, 0.0),
        correlations=correlations,
        strengths=strengths,
        related=n_related,
        missing_components=tuple(np.flatnonzero(share < _MISSING).tolist()),
        scaled=tuple(np.flatnonzero(mask).tolist()),
        squared_correlations=float(np.sum(correlations**2)),
        null_level=predicted.null_level(rows, columns, columns)
        if chance is None
        else float(chance[:, 0].mean()),
        batch=batch,
        missing=""
        if held_out
        else "the encoders were fitted on these rows, on which even views of noise seem related: "
        "embed rows that were held out",
        doubts=_doubts(
            losses[1:], n_related, batch, copied_rows(Z1, Z2) if alone else 0, dependent
        ),
    )


def _singular(name: str, rank: int, columns: int) -> str:
    return (
        f"{name} must have a covariance of full rank, also after any twentieth of its rows is left "
        f"out, got rank {rank} of {columns} columns: drop columns, or add a ridge"
    )


def _white(name: str, Z: Embedding) -> tuple[Embedding, Float[np.ndarray, "columns columns"]]:
    """Return white rows W, and the matrix B with Z - mean = W B.

    The covariances of W keep digits that those of Z lose.
    """
    centred = Z - Z.mean(axis=0)
    scales = np.sqrt(np.einsum("ij,ij->j", centred, centred) / len(Z))
    rank = int(np.sum(scales > _SINGULAR * np.maximum(Z.max(axis=0), -Z.min(axis=0))))
    require(rank == Z.shape[1], _singular(name, rank, Z.shape[1]))
    centred /= scales
    variances, axes = np.linalg.eigh(centred.T @ centred / len(Z))
    rank = int(np.sum(variances > _SINGULAR**2 * variances[-1]))
    require(rank == Z.shape[1], _singular(name, rank, Z.shape[1]))
    deviations = np.sqrt(variances)
    return centred @ (axes / deviations), (axes * deviations).T * scales


def _losses(
    part: Float[np.ndarray, "both both"], *backs: Float[np.ndarray, "columns columns"]
) -> tuple[float, float]:
    """Return L of the embeddings and the least L, from the covariance of their white rows."""
    K = len(backs[0])
    own = part[:K, :K]
    other = part[K:, K:]
    cross = part[:K, K:]
    total = backs[0].T @ own @ backs[0] + backs[1].T @ other @ backs[1]
    loss = -4 * np.sum((backs[0].T @ cross) * backs[1].T) + np.sum(total**2)
    correlations = np.linalg.svd(_between(part, K)[0], compute_uv=False)
    return float(loss), predicted.least_loss(np.minimum(correlations, 1), K)


def _between(part: Float[np.ndarray, "both both"], K: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the correlation matrix of rows that Cholesky factors have made white, and these
    factors.
    """
    roots = [np.linalg.cholesky(part[own, own]) for own in (slice(K), slice(K, None))]
    return np.linalg.solve(roots[1], np.linalg.solve(roots[0], part[:K, K:]).T).T, roots


def _components(
    part: Float[np.ndarray, "both both"], *backs: Float[np.ndarray, "columns columns"]
) -> tuple[Float[np.ndarray, " columns"], Float[np.ndarray, " columns"]]:
    """Return the canonical correlations, and the strength of each canonical component in the
    embeddings.
    """
    between, roots = _between(part, len(backs[0]))
    left, correlations, right = np.linalg.svd(between)
    loads = (backs[0].T @ roots[0] @ left + backs[1].T @ roots[1] @ right.T) / np.sqrt(2)
    return np.minimum(correlations, 1), np.sum(loads**2, axis=0)


def _dependent(W1: Embedding, W2: Embedding, cross: Float[np.ndarray, "columns columns"]) -> str:
    """Return why dependent rows may make unrelated views seem related; "" if nothing shows it."""
    correlation = beside(W1, W2)
    if correlation:
        return (
            f"neighbouring rows are alike in both views (correlation {correlation:.2f}), unless "
            "they were sorted"
        )
    return (
        "rows that are alike in one view are alike in the other, as rows of one group are"
        if near(W1, W2, cross)
        else ""
    )


def _related(
    correlations: Float[np.ndarray, " columns"],
    rows: int,
    chance: Float[np.ndarray, "flips columns"] | None,
) -> int:
    """Return how many leading components to take off before unrelated views could have the rest."""
    from scipy.stats import chi2

    remaining = np.cumsum(correlations[::-1] ** 2)[::-1]
    if chance is None:
        by_chance = (rows - 1) * remaining < chi2.isf(
            _RELATED, np.arange(len(correlations), 0, -1) ** 2
        )
    else:
        by_chance = (1 + np.sum(chance >= remaining, axis=0)) / (1 + len(chance)) > _RELATED
    return int(np.argmax(by_chance)) if by_chance.any() else len(correlations)


def _by_groups(
    W1: Embedding,
    W2: Embedding,
    part: Float[np.ndarray, "both both"],
    of_row: Int[np.ndarray, " rows"],
) -> Float[np.ndarray, "flips columns"]:
    """Return, for every k, draws of the sum of squared correlations beyond the first k that
    unrelated views would have.

    Each draw gives whole groups random signs; if there are more than a thousand groups, some share
    a sign.
    """
    K = W1.shape[1]
    rng = np.random.default_rng(0)
    between, roots = _between(part, K)
    left, _, right = np.linalg.svd(between)
    first = W1 @ np.linalg.solve(roots[0].T, left)
    second = W2 @ np.linalg.solve(roots[1].T, right.T)
    blocks = rng.permutation(int(of_row.max()) + 1)[of_row] % _BLOCKS
    order = np.argsort(blocks, kind="stable")
    n_blocks = int(blocks.max()) + 1
    ends = np.cumsum(np.bincount(blocks))[:-1]
    products = [
        a.T @ b
        for a, b in zip(np.split(first[order], ends), np.split(second[order], ends), strict=True)
    ]
    flips = rng.choice([-1.0, 1.0], (_FLIPS, n_blocks))
    totals = (flips @ np.reshape(products, (n_blocks, K * K))).reshape(_FLIPS, K, K)
    squares = (totals / (len(W1) - 1)) ** 2
    sums: np.ndarray = squares[:, ::-1, ::-1].cumsum(axis=1).cumsum(axis=2)
    return np.diagonal(sums, axis1=1, axis2=2)[:, ::-1]


def _batch_effect(
    Z1: Embedding,
    Z2: Embedding,
    related: Float[np.ndarray, " related"],
    size: int,
    of_row: Int[np.ndarray, " rows"],
) -> BatchEffect:
    """Return the effect of batches of this size, in which the rows of a group follow each other."""
    from scipy.special import stdtrit

    n_batches = len(Z1) // size
    bias = None
    if n_batches >= _FEWEST:
        shuffle = np.argsort(np.random.default_rng(0).permutation(of_row.max() + 1))
        order = np.argsort(shuffle[of_row], kind="stable")[: n_batches * size].reshape(
            n_batches, size
        )
        V = np.array([sum(np.atleast_2d(np.cov(Z[rows].T)) for Z in (Z1, Z2)) for rows in order])
        squares = np.sum((V - V.mean(axis=0)) ** 2, axis=(1, 2)) * n_batches / (n_batches - 1)
        half = (
            float(stdtrit(n_batches - 1, (1 + _CONFIDENCE) / 2))
            * squares.std(ddof=1)
            / np.sqrt(n_batches)
        )
        bias = Estimate(
            float(squares.mean()),
            float(max(squares.mean() - half, 0)),
            float(squares.mean() + half),
        )
    return BatchEffect(
        size,
        predicted.batch_that_keeps(related) if len(related) else None,
        predicted.shrunk_strengths(related, size) / related if len(related) else np.zeros(0),
        bias,
        predicted.single_batch_bias(np.cov(np.hstack([Z1, Z2]).T), size),
    )


def _doubts(
    without: Float[np.ndarray, " groups"],
    related: int,
    batch: BatchEffect | None,
    copies: int,
    dependent: str,
) -> tuple[Doubt, ...]:
    reasons = [
        f"{copies} rows are copies of others: chance is larger than stated, and intervals should "
        "be wider"
    ] * (copies > 0)
    if dependent:
        remedy = "unless groups= says which rows belong together"
        reasons.append(
            f"{dependent}: unrelated views may seem related, and intervals are too narrow, {remedy}"
        )
    influence = (without - without.mean()) ** 2
    if influence.max() > _HEAVY * influence.sum():
        reasons.append(
            "one twentieth of the rows decides the width of the intervals: the tails are too heavy "
            "for them"
        )
    if related == 0:
        reasons.append(
            "no component is beyond what unrelated views show: there is nothing to certify"
        )
    if batch is not None and batch.bias is None:
        reasons.append(
            f"fewer than {_FEWEST} batches of {batch.size} rows: their bias is not measured"
        )
    elif batch is not None and batch.bias is not None:
        error = (batch.bias.high - batch.bias.value) / 2
        ratio = batch.bias.value / batch.normal_bias
        if abs(batch.bias.value - batch.normal_bias) > _DOUBT * error and abs(
            np.log(ratio)
        ) > np.log(1 + _SCALED):
            reasons.append(
                f"the bias of batches is {ratio:.2g} times that of normal embeddings: the loss of "
                "strength differs from the prediction by roughly the same factor"
            )
    return tuple(Doubt(reason, np.inf, "of the loss") for reason in reasons)


def _listed(components: tuple[int, ...]) -> str:
    return ", ".join(map(str, components)) or "none"
