"""Estimates from two views and some labels how many labels a pretext task saves."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Float

from own_data.conditional_independence_ssl.result import LabelsSaved, Risks
from theory import conditional_independence_ssl as predicted
from theory_on_trial.contract import LONGEST, Count, Interval, guarded, require
from theory_on_trial.own_data.answer import Doubt
from theory_on_trial.own_data.arrays import require_memory
from theory_on_trial.own_data.copies import copied_rows
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.features import groups_of
from theory_on_trial.own_data.jackknife import GROUPS, at_least, covariances, jackknife
from theory_on_trial.own_data.neighbours import beside, near
from theory_on_trial.own_data.rank import own_columns
from theory_on_trial.own_data.table import Handed, outputs, table

LabelSizes = Sequence[Annotated[int, Interval(2, LONGEST)]]

_CONFIDENCE = 0.95
_FEWEST = 40  # labels, two in each group of the jackknife
_SPARE = 20  # labels beyond the coefficients, for the variance of what they leave
_FOLDS = 5
_COLLINEAR = 1e-8
_ROUNDING = 1e-12  # share of a variance that its covariances tell from zero
_COPIED = 1e-6  # share of its standard deviation by which a copy may be off
_DOUBT = 4.0  # standard errors
_UNEVEN = 0.001  # level of the test that the residuals of y on X1 do not change with X1
_DRAWS = 50
_HEAVY = 0.2  # relative error of a risk that is worth a word


@guarded
def labels_saved(
    X1: Handed,
    X2: Handed,
    y: Handed,
    labels: LabelSizes = (20, 50, 100, 200, 500),
    rank: Count | None = None,
    groups: Handed = None,
) -> LabelsSaved:
    """Estimate how much it helps to predict X2 from X1 before labels are used, and from how many
    labels on it does not pay.

    All predictions are by least squares. The pretext, the prediction of X2 from X1, is learned on
    the rows without a label; the labelled rows give the risks.

    Args:
        X1: the view from which to predict, one row for each pair; columns that are constant or
            follow from others are left out.
        X2: the other view, with columns scaled so that their errors count equally.
        y: the labels of the first len(y) rows: numbers, or classes as strings or categories.
        labels: the numbers of labels to answer for, each at least 2.
        rank: the number of directions of the pretext to keep; the default is the number that
            predicts X2 best.
        groups: a name for each label, if labels of one name (a patient) share noise.

    Raises TypeError or ValueError, with a sentence that names the argument; ValueError also for too
    few rows or labels. Source: Lee et al. 2020, arXiv 2008.01064; the estimates were derived here.

    >>> rng = np.random.default_rng(0)
    >>> signal, noise = rng.normal(size=(2000, 1)), rng.normal(size=(2000, 12))
    >>> y = signal[:300, 0] + rng.normal(size=300)
    >>> labels_saved(signal + noise, signal + rng.normal(size=(2000, 1)), y).effective_rank
    1
    """
    require(len(labels) > 0, "labels must name at least one number of labels")
    read = table("X1", X1)
    X1 = read.values
    require(X1.size, f"X1 must have rows and columns, got shape {X1.shape}")
    X2 = table("X2", X2, rows=len(X1)).values
    require(X2.size, f"X2 must have rows and columns, got shape {X2.shape}")
    outcomes = _outcomes(y)
    n_labelled = len(outcomes)
    require_memory("X1 and X2", 4 * X1.size + 2 * X2.size)
    own = np.ones(X1.shape[1], bool)
    if min(n_labelled, len(X1) - n_labelled) > 1:
        own = own_columns(X1[n_labelled:])
        own[own] = own_columns(X1[:n_labelled, own], groups_of(groups, n_labelled)[1])
    require(own.any(), "X1 must have a column that varies, got constant ones only")
    X1 = X1[:, own]
    dim = X1.shape[1]
    n_pairs = len(X1) - n_labelled
    require(
        n_pairs > dim + 2,
        f"X1 must have more than {dim} + 2 rows without a label, from which to learn the pretext, "
        f"got {max(n_pairs, 0)}",
    )
    fewest = max(_FEWEST, -(-GROUPS * (dim + _SPARE) // (GROUPS - 1)))
    require(
        n_labelled >= fewest,
        f"y must label at least {fewest} rows for {dim} features, got {n_labelled}",
    )
    first = X1[n_labelled:]
    second = X2[n_labelled:] - X2[n_labelled:].mean(axis=0)
    centre, white = _white(first)
    pretext = (first - centre) @ white
    require(np.ptp(second, axis=0).any(), "X2 must vary, got constant columns only")
    _, singular, directions = np.linalg.svd(second.T @ pretext / n_pairs, full_matrices=False)
    require(
        singular[0] > _COLLINEAR * second.std(axis=0).max(),
        "X2 must vary with X1, got no covariance at all",
    )
    # Columns of X2 that depend on each other, as of classes one-hot, leave directions in which the
    # pretext is zero.
    most = int(np.sum(singular > _COLLINEAR * singular[0]))
    singular = singular[:most]
    directions = directions[:most]
    require(
        rank is None or rank <= most,
        f"rank must be at most {most}, the rank of the learned pretext, got {rank}",
    )
    best = min(_effective_rank(pretext, second), most)
    width = best if rank is None else rank
    inputs = (X1[:n_labelled] - centre) @ white
    spread = outcomes.std(axis=0)
    parts_of = groups_of(groups, n_labelled)[1]
    parts = covariances(parts_of, inputs, (outcomes - outcomes.mean(axis=0)) / spread)
    # Rows: all labels and those without each group; columns: what the raw input, the pretext and
    # its part leave.
    counts = [n_labelled, *(n_labelled - np.bincount(parts_of)).tolist()]
    heads = [np.eye(dim), directions.T, directions[:width].T]
    left = np.array(
        [
            [_left(part, count, head, spread) for head in heads]
            for part, count in zip(parts, counts, strict=True)
        ]
    )
    least = _ROUNDING * np.sum(spread**2)
    require(
        left[0, 0] > least,
        "y must not be a linear function of X1, because no noise is left to compare with",
    )
    noise = at_least(jackknife(left[:, 0], _CONFIDENCE), 0.0)
    ratio = jackknife(left[:, 2] / left[:, 0] - 1, _CONFIDENCE)

    def crossing(share: float) -> float:
        return predicted.break_even(dim, width, 1.0, max(share, 0.0), intercept=True)

    widths = dim, most, width
    return LabelsSaved(
        table=tuple(_risks(n_labels, widths, left) for n_labels in labels),
        break_even=Estimate(crossing(ratio.value), crossing(ratio.high), crossing(ratio.low)),
        rank=width,
        effective_rank=best,
        singular_values=singular,
        noise=noise,
        approximation_error=jackknife(left[:, 2] - left[:, 0], _CONFIDENCE),
        error_of_pretext=jackknife(left[:, 1] - left[:, 0], _CONFIDENCE),
        n_pairs=n_pairs,
        n_labelled=n_labelled,
        n_features=dim,
        left_out=tuple(name for name, stays in zip(read.columns, own, strict=True) if not stays),
        doubts=_doubts(X1, X2, outcomes, pretext, inputs, labels, width, groups is None),
    )


def _outcomes(y: Handed) -> Float[np.ndarray, "labelled outputs"]:
    values = outputs("y", y).values
    require(values.size, f"y must have rows, got shape {values.shape}")
    spread = np.ptp(values, axis=0)
    require(
        np.all(spread > 1e-12 * np.abs(values).max(axis=0)),
        "y must vary in every column, got a constant one",
    )
    return values


def _white(
    first: Float[np.ndarray, "pairs dim"],
) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, "dim dim"]]:
    """Return the mean of the rows, and a matrix that makes centred rows white."""
    centre = first.mean(axis=0)
    spread = first.std(axis=0)
    scaled = (first - centre) / spread
    variances, axes = np.linalg.eigh(scaled.T @ scaled / len(first))
    require(
        variances[0] > _ROUNDING * variances[-1],
        "X1 must have columns that float64 can tell from functions of the others: leave one out",
    )
    return centre, axes / np.sqrt(variances) / spread[:, None]


def _effective_rank(
    pretext: Float[np.ndarray, "pairs dim"], second: Float[np.ndarray, "pairs second"]
) -> int:
    """Return the number of leading directions of the pretext that predicts held-out rows best, from
    white rows of X1 and centred rows of X2.
    """
    fold = np.random.default_rng(0).permutation(len(pretext)) % _FOLDS
    parts = [(pretext[fold == k], second[fold == k]) for k in np.unique(fold)]
    own = pretext.T @ pretext
    cross = pretext.T @ second
    sums = pretext.sum(axis=0), second.sum(axis=0)
    errors = np.zeros(min(cross.shape))
    for first, other in parts:
        count = len(pretext) - len(first)
        mean, target = (
            total - part.sum(axis=0) for total, part in zip(sums, (first, other), strict=True)
        )
        mean = mean / count
        target = target / count
        own_out = first.T @ first
        cross_out = first.T @ other
        scatter = own - own_out - count * np.outer(mean, mean)
        # Few rows may not determine all directions: least norm does not use the others.
        variances, axes = np.linalg.eigh(scatter)
        root = axes * np.where(
            variances > _COLLINEAR * variances[-1], variances.clip(1e-300) ** -0.5, 0.0
        )
        left, singular, right = np.linalg.svd(
            root.T @ (cross - cross_out - count * np.outer(mean, target)), full_matrices=False
        )
        # Squared errors on the rows left out, but for those of their mean, from their moments about
        # the kept means.
        shift = first.mean(axis=0)
        offset = other.mean(axis=0)
        own_out += len(first) * (
            np.outer(mean, mean) - np.outer(shift, mean) - np.outer(mean, shift)
        )
        cross_out += len(first) * (
            np.outer(mean, target) - np.outer(shift, target) - np.outer(mean, offset)
        )
        scores = root @ left
        squares = np.sum(scores * (own_out @ scores), axis=0) * singular**2
        errors += np.cumsum(squares - 2 * singular * np.sum(scores * (cross_out @ right.T), axis=0))
    return int(np.argmin(errors)) + 1


def _left(
    part: Float[np.ndarray, "both both"],
    count: int,
    head: Float[np.ndarray, "dim width"],
    spread: Float[np.ndarray, " outputs"],
) -> float:
    """Return the residual variance of the labels given the features of a head and an intercept,
    which is unbiased if the linear model holds.
    """
    dim, width = head.shape
    own = head.T @ part[:dim, :dim] @ head
    cross = head.T @ part[:dim, dim:]
    left = np.diag(part)[dim:] - np.sum(cross * np.linalg.solve(own, cross), axis=0)
    return float(left @ spread**2) * (count - 1) / (count - width - 1)


def _risks(
    n_labels: int, widths: tuple[int, int, int], left: Float[np.ndarray, "subsets heads"]
) -> Risks:
    """Return all risks at n labels.

    A risk is the residual variance of a head times the factor that fitting adds, minus σ^2.
    """
    factors = np.array(
        [1 + predicted.excess_risk(n_labels, width, 1.0, intercept=True) for width in widths]
    )
    noise = left[0, 0]
    raw, pretext, truncated = (
        float(max(r, noise) * f - noise) for r, f in zip(left[0], factors, strict=True)
    )
    if np.isfinite(factors[[0, 2]]).all():
        saved = jackknife(left[:, 0] * factors[0] - left[:, 2] * factors[2], _CONFIDENCE)
    else:
        saved = Estimate(*[np.inf if np.isfinite(factors[2]) else np.nan] * 3)
    return Risks(n_labels, raw, pretext, truncated, saved)


def _uneven(
    basis: Float[np.ndarray, "rows width"],
    leverages: Float[np.ndarray, " rows"],
    squares: Float[np.ndarray, " rows"],
) -> float:
    """Return the p-value of squared residuals that depend so much on the leverages, or on the
    leverages and the basis, by Koenker's test (1981).
    """
    from scipy.stats import chi2

    deviations = squares - squares.mean()
    own = leverages - leverages.mean()
    own /= max(float(np.linalg.norm(own)), 1e-300)
    beyond = own - basis @ (basis.T @ own)
    length = float(np.linalg.norm(beyond))
    variance = float(deviations.var())
    if not variance:
        return 1.0
    # Leverages may be a sum of the inputs
    new = float(beyond @ deviations) / length if length > _COLLINEAR else 0.0
    every = (np.sum((basis.T @ deviations) ** 2) + new**2) / variance
    return float(
        2 * min(chi2.sf((own @ deviations) ** 2 / variance, 1), chi2.sf(every, basis.shape[1]))
    )


def _beside_normal(pretext: Float[np.ndarray, "pairs dim"], labels: int) -> float:
    """Return the mean raw risk with so many of these white rows, over that with as many normal
    rows.
    """
    rng = np.random.default_rng(0)
    dim = pretext.shape[1]
    count = min(labels, len(pretext))
    traces = np.empty((2, _DRAWS))
    for draw in range(_DRAWS):
        chosen = pretext[rng.choice(len(pretext), count, replace=False)]
        for kind, rows in enumerate((chosen, rng.standard_normal((count, dim)))):
            centred = rows - rows.mean(axis=0)
            values = np.linalg.eigvalsh(centred.T @ centred)
            traces[kind, draw] = np.sum(1 / np.maximum(values, _ROUNDING * values[-1]))
    of_rows, of_normal = traces.mean(axis=1)
    return float(of_rows / of_normal)


def _doubts(
    X1: Float[np.ndarray, "pairs dim"],
    X2: Float[np.ndarray, "pairs second"],
    outcomes: Float[np.ndarray, "labelled outputs"],
    pretext: Float[np.ndarray, "unlabelled dim"],
    inputs: Float[np.ndarray, "labelled dim"],
    labels: LabelSizes,
    kept: int,
    alone: bool,
) -> tuple[Doubt, ...]:
    n_labelled, dim = inputs.shape
    smallest = min(labels)
    second = X2[n_labelled:] - X2[n_labelled:].mean(axis=0)
    unexplained = second - pretext @ (pretext.T @ second) / len(pretext)
    linear = int(np.sum(unexplained.std(axis=0) < _COPIED * second.std(axis=0)))
    least = max(smallest, dim + _SPARE)
    factor = _beside_normal(pretext, least)
    basis = np.linalg.qr(np.column_stack([np.ones(n_labelled), inputs]))[0]
    residuals = outcomes - basis @ (basis.T @ outcomes)
    leverages = np.sum(basis**2, axis=1)
    squares = np.sum(residuals**2, axis=1) / (1 - leverages)
    uneven = _uneven(basis, leverages, squares)
    left = residuals / residuals.std(axis=0)
    alike = alone and (beside(left) or near(inputs, left))
    shift = float(n_labelled * np.sum(inputs.mean(axis=0) ** 2) - dim) / np.sqrt(2 * dim)
    classes = len(np.unique(outcomes))
    matches = copied_rows(X1[:n_labelled], np.column_stack([X2[:n_labelled], outcomes]))
    copies = matches + copied_rows(X1[n_labelled:], X2[n_labelled:])
    doubts = (
        (
            linear > 0,
            f"{linear} columns of X2 are linear in X1, so that the pretext copies what it should "
            "learn",
        ),
        (
            copies > 0,
            f"{copies} rows are duplicated, {matches} of them with their label: copies with labels "
            "make intervals too narrow, and copies without keep too many directions",
        ),
        (
            smallest <= dim + 2,
            f"raw least squares is undefined up to {dim + 2} labels: use ridge there",
        ),
        (
            kept == dim,
            "every direction of X1 is kept: the pretext is a change of coordinates and saves no "
            "label",
        ),
        (
            abs(factor - 1) > _HEAVY,
            f"X1 is not normal: the raw risk at {least} labels is about {factor:.2g} times that of "
            "normal rows",
        ),
        (
            uneven < _UNEVEN,
            "the residuals of y on X1 change with X1: y is not linear in X1 or its noise is "
            "uneven, so that risks are rough",
        ),
        (
            bool(alike),
            "the residuals of y on X1 are similar in rows beside or near each other: either y is "
            "not linear in X1, or intervals are too narrow unless groups are named",
        ),
        (
            abs(shift) > _DOUBT,
            "labelled rows of X1 have another mean than the others: another pretext may fit them",
        ),
        (
            outcomes.shape[1] == 1
            and 2 < classes <= 20
            and bool(np.all(outcomes == np.round(outcomes))),
            f"y has {classes} different whole numbers: if these are classes, give a column for "
            "each (one-hot)",
        ),
    )
    return tuple(
        Doubt(sentence, np.inf, "of each risk") for doubtful, sentence in doubts if doubtful
    )
