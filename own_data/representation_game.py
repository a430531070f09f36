"""Which r numbers to keep of features whose prediction task is not known yet, only which tasks are
plausible?

`optimal_representation` weighs the directions of unlabelled features by the tasks, where PCA weighs
them by variance. From Uzan & Weinberger 2024 (arXiv 2403.06971); what follows from its game for
estimated covariances is derived here.
"""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from theory import representation_game as predicted
from theory_on_trial.contract import LONGEST, USABLE_SCALE, Interval, guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.arrays import require_memory
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.jackknife import GROUPS, jackknife, stratified_groups
from theory_on_trial.own_data.neighbours import beside

Features = Annotated[Float[np.ndarray, "n dim"], USABLE_SCALE]
"""X, a row per sample; its mean is subtracted."""
Tasks = Annotated[Float[np.ndarray, "rows dim"], USABLE_SCALE]
"""S, or a row of coefficients for each past task."""
Square = Float[np.ndarray, "dim dim"]
Part = Float[np.ndarray, "_ dim"]

_HALVES = 10  # pairs of halves
_TIE = 6.1  # standard errors that the nearer of two equal eigenvalues stay within, 99 times of 100
_HEAVY = 0.2  # share of a direction's variance that one row may have
_OFF = 2.0  # between two routes to the price of estimation
_LARGE = 0.03  # price of estimation, as a share of the worst regret
_FEW = 0.1  # squared error of a second moment of tasks, relative, beyond which they do not tell it
_SHARE = "of lambda_1"


class Atom(NamedTuple):
    """One representation of a mixture: how often it is drawn, which directions it keeps (from 0
    on), its columns.
    """

    chance: float
    directions: Int[np.ndarray, " kept"]
    representation: Float[np.ndarray, "dim kept"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OptimalRepresentation(Answer):
    """What to keep; regrets are shares of λ_1, the worst regret of keeping nothing.

    Attributes:
        representation: R, d x r with R' Σ R = I; None where no subspace of dimension r leads. Keep
            (x - mean) R.
        worst_regret: of R over the plausible tasks, λ_(r+1) / λ_1 of the population, with a 95 %
            interval.
        pca_regret: the same for the r leading principal components, of the rows; nowhere below that
            of R.
        spectrum: λ_1 >= ... >= λ_d, in squared units of y.
        worst_task: f*, coefficients of the plausible task that R serves worst.
        excess: what R, estimated from these rows, is worse than the best, for normal rows; None
            where there is no R.
        excess_of_halves: the same, from how different R is for halves of the rows.
        atoms: the mixture, if asked for.
        mixed_regret: worst expected regret of the mixture for tasks chosen before the draw, with a
            95 % interval.
        regret_after_draw: worst regret of a set once it is drawn and seen.
        average_price: how many times the mixture's regret on the average plausible task is that of
            R.
        note: what is known of the tasks.
    """

    asked = "which r numbers to keep of these features, before the task is known?"
    rests_on = (
        "independent rows, and tasks that are linear in the features and as plausible as S says"
    )
    unseen = "what tasks need of the features that is not linear"
    level: float | None = 0.95
    representation: Float[np.ndarray, "dim kept"] | None
    worst_regret: Estimate
    pca_regret: float
    spectrum: Float[np.ndarray, " dim"]
    worst_task: Float[np.ndarray, " dim"]
    excess: float | None
    excess_of_halves: float | None
    atoms: tuple[Atom, ...] = ()
    mixed_regret: Estimate | None = None
    regret_after_draw: float | None = None
    average_price: float | None = None
    note: str = ""

    def lines(self) -> list[str]:
        """Return the worst regrets of both choices and of PCA, and what they cost."""
        rank = 0 if self.representation is None else self.representation.shape[1]
        lines = [
            f"keep {rank} of {len(self.spectrum)} directions: worst regret {self.worst_regret} "
            f"{_SHARE}; "
            f"with PCA {self.pca_regret:.4g}"
        ]
        if self.excess is not None:
            halves = f"{self.excess_of_halves:.2g} from halves of the rows"
            lines.append(f"estimating them costs about {self.excess:.2g} more ({halves})")
        if self.mixed_regret is not None:
            chances = ", ".join(f"{atom.chance:.3f}" for atom in self.atoms)
            lines += [
                f"drawn among {len(self.atoms)} representations (chances {chances}): "
                f"{self.mixed_regret}",
                "this holds before the draw: who sees it finds a regret of "
                f"{self.regret_after_draw:.4g}",
                f"on the average task the mixture costs {self.average_price:.3g} times as much",
            ]
        return lines + [self.note] * bool(self.note)

    def plot(self, axes: Any = None) -> Any:
        """Draw the regret of each uncorrelated task under R (squares) and under the mixture (dots);
        return the axes.
        """
        axes = axes_for(axes)
        shares = self.spectrum / self.spectrum[0]
        index = np.arange(1, len(self.spectrum) + 1)
        axes.plot(index, shares, ":", color="0.5", label="nothing kept")
        if self.representation is not None:
            pure = np.where(index <= self.representation.shape[1], 0.0, shares)
            axes.plot(index, pure, "s", color="#0072B2", label="one representation")
        if self.mixed_regret is not None:
            masks = [np.isin(index - 1, atom.directions) for atom in self.atoms]
            missing = 1 - np.array([atom.chance for atom in self.atoms]) @ np.array(masks)
            axes.plot(index, missing * shares, "o", color="#D55E00", label="drawn among several")
        axes.set(xlabel="task i", ylabel="expected regret / λ₁", xticks=index)
        axes.legend(frameon=False)
        return axes


@guarded
def optimal_representation(
    X: Features,
    r: Annotated[int, Interval(1, LONGEST)],
    tasks: Tasks | None = None,
    *,
    mixed: bool = False,
    seed: Annotated[int, Interval(0, 2**63 - 1)] = 0,
) -> OptimalRepresentation:
    """Choose r linear features of unlabelled data that serve the worst plausible linear task best.

    Args:
        X: unlabelled features, n x d, independent rows; centred inside.
        r: how many numbers to keep, below d.
        tasks: S, d x d, where f' S^-1 f <= 1 are the plausible tasks; or k x d coefficients of past
            tasks, k != d, whose second moment S is shrunk where the rows are white, so that units
            of columns do not matter, and scaled to hold them all; None for S = I. Intervals are
            those of drawing rows and past tasks again.
        mixed: whether to hedge by drawing the representation at random.
        seed: of the halves of the rows.

    If the data do not distinguish λ_r and λ_(r+1), the tool gives no R, only its regret and, if
    asked for, the mixture. Doubts name few rows, heavy tails, rows that resemble their neighbours
    or are copied, and few past tasks. Raises ValueError for r >= d, for fewer than 40 rows or d +
    1, for features that are dependent (their rank is said), and for an S that is not symmetric and
    positive semidefinite or is zero.
    Source: `theory.representation_game`; intervals by the grouped jackknife.

    >>> rows = np.random.default_rng(0).standard_normal((2000, 4)) * np.sqrt([10, 3, 1, 0.5])
    >>> answer = optimal_representation(rows, 1, np.diag([0.01, 0.1, 1, 1]))
    >>> np.abs(answer.representation[:, 0]).round(1).tolist(), round(answer.pca_regret, 2)
    ([0.0, 0.0, 1.0, 0.0], 1.0)
    """
    rows, size = _checked(X, r)
    covariance = rows.T @ rows / len(rows)
    past = tasks if tasks is not None and len(tasks) != X.shape[1] else None
    prior, note, few, shrinkage = _prior(tasks, covariance)
    scale = float(np.abs(prior).max())
    prior = prior / scale
    spectrum = predicted.task_spectrum(covariance, prior)
    directions = predicted.task_directions(covariance, prior)
    spectrum = np.where(spectrum < 1e-13 * spectrum[0], 0.0, spectrum)
    useful = min(r, int(np.sum(spectrum > 0)))
    if useful < r:
        few_values = (
            f"only {useful} eigenvalues of Sigma S exceed rounding, so that more columns "
            "would bring nothing"
        )
        note = "; ".join(filter(None, [note, few_values]))
    scores = rows @ directions
    loadings = (
        None if past is None else past @ covariance @ directions / np.sqrt(spectrum.clip(1e-300))
    )
    is_tied = bool(useful == r and _spread(scores, loadings, spectrum, r - 1) > 0)
    best = directions[:, :useful] / np.sqrt(spectrum[:useful])
    excess = halves = 0.0
    if not is_tied and spectrum[r] > 0:
        excess = predicted.estimation_excess(spectrum, r) / len(rows)
        halves = _excess_of_halves(rows, past, prior, r, seed)
    parts = _without_groups(rows, past, prior)
    without = [_spectrum(*part) for part in parts]
    pca = _share(np.array([_of_pca(*part, r) for part in parts])).value
    extra: dict[str, Any] = {}
    if mixed:
        chosen = predicted.systematic_mixture(predicted.inclusion(spectrum, r))
        sets = [np.flatnonzero(members & (spectrum > 0)) for members in chosen.members]
        values = np.array([predicted.mixed_value(row, r) / row[0] for row in without])
        average = predicted.pure_average(spectrum, r)
        extra = {
            "atoms": tuple(
                Atom(
                    float(chance), subset, directions[:, subset] / np.sqrt(spectrum[subset]) / size
                )
                for chance, subset in zip(chosen.chances, sets, strict=True)
            ),
            "mixed_regret": _share(values),
            "regret_after_draw": max(float(np.delete(spectrum, subset).max()) for subset in sets)
            / float(spectrum[0]),
            "average_price": float(predicted.mixed_average(spectrum, r) / average)
            if average > 0
            else 1.0,
        }
    value = _share(np.array([row[r] / row[0] for row in without]))
    added = shrinkage * float(
        spectrum.mean() / spectrum[0]
    )  # where rows are white, to all eigenvalues alike
    if added > (value.high - value.low) / 4:
        few.append(
            Doubt(
                f"much of lambda_{r + 1} is what shrinking adds: the tasks' own may be less",
                added,
                _SHARE,
            )
        )
    doubts = [*few, *_doubts(scores, loadings, spectrum, r, excess, halves), *_doubt_of_copies(X)]
    return OptimalRepresentation(
        representation=None if is_tied else best / size,
        worst_regret=value,
        pca_regret=max(value.value, pca),
        spectrum=spectrum * size**2 * scale,
        worst_task=directions[:, r] * np.sqrt(scale),
        excess=None if is_tied else float(excess / spectrum[0]),
        excess_of_halves=None if is_tied else float(halves / spectrum[0]),
        note=note,
        missing=_untold(value, extra.get("mixed_regret"), r) * is_tied,
        doubts=tuple(doubts),
        **extra,
    )


def _checked(features: Features, kept: int) -> tuple[Features, float]:
    """The centred rows and their largest entry, or the reason why nothing can be said of them."""
    count, dim = features.shape
    require(
        kept < dim,
        f"r must be below the {dim} columns of X: there is nothing to compress otherwise, got "
        f"{kept}",
    )
    require_memory("X", 5 * count * dim + 3 * GROUPS * dim**2)
    unseen = "directions never seen may carry regret"
    require(
        count > dim, f"X must have more rows than its {dim} columns: {unseen}, got {count} rows"
    )
    require(count >= 2 * GROUPS, f"X must have at least {2 * GROUPS} rows, got {count}")
    unit = float(np.abs(features).max()) or 1.0
    rows = features / unit - (features / unit).mean(axis=0)
    deviations = rows.std(axis=0)
    varying = deviations > 1e-13 * np.abs(features / unit).max(axis=0)
    rank = (
        int(np.linalg.matrix_rank(rows[:, varying] / deviations[varying])) if varying.any() else 0
    )
    require(
        rank == dim, f"X must vary in all its {dim} directions: {unseen}, and it has rank {rank}"
    )
    largest = float(np.abs(rows).max())
    return rows / largest, largest * unit


def _prior(tasks: Tasks | None, covariance: Square) -> tuple[Square, str, list[Doubt], float]:
    """S, what is known of it in words, the doubts about it, and by how much it is shrunk."""
    dim = len(covariance)
    if tasks is None:
        return np.eye(dim), "no tasks are given: with S = I the answer is PCA", [], 0.0
    largest = float(np.abs(tasks).max())
    require(largest > 0, "tasks must not all be zero: nothing can be lost then")
    if len(tasks) == dim:
        symmetric = np.abs(tasks - tasks.T).max() <= 1e-9 * largest
        definite = symmetric and np.linalg.eigvalsh(tasks)[0] >= -1e-9 * largest
        require(
            definite,
            "tasks with as many rows as columns are read as S and must be symmetric and positive "
            "semidefinite; "
            "of d past tasks F give F.T @ F / d",
        )
        return tasks / 2 + tasks.T / 2, "", [], 0.0
    shrunk, shrinkage, error = _shrunk(tasks, covariance)
    reach = float(np.max(np.sum(tasks * np.linalg.solve(shrunk, tasks.T).T, axis=1)))
    note = (
        f"S: second moment of {len(tasks)} past tasks, shrunk by {shrinkage:.2f}, times "
        f"{reach:.3g} to hold them all"
    )
    few = Doubt(
        f"{len(tasks)} past tasks do not tell a second moment in {dim} dimensions", np.inf, _SHARE
    )
    return shrunk * reach, note, [few] if error > _FEW else [], shrinkage


def _shrunk(tasks: Tasks, covariance: Square) -> tuple[Square, float, float]:
    """Second moment of past tasks, shrunk where rows are white (Ledoit & Wolf 2004); by how much;
    its squared error.
    """
    root = np.linalg.cholesky(covariance)
    white = tasks @ root
    white /= np.abs(white).max()
    count, dim = white.shape
    moment = white.T @ white / count
    target = np.trace(moment) / dim * np.eye(dim)
    square = float(np.sum(moment**2))
    spread = max(0.0, float(np.mean(np.sum(white**2, axis=1) ** 2)) - square) / max(count - 1, 1)
    distance = float(np.sum((moment - target) ** 2))
    shrinkage = min(1.0, max(spread / distance if distance > 0 else 1.0, 1 / count))
    back = np.linalg.solve(
        root.T, np.linalg.solve(root.T, (1 - shrinkage) * moment + shrinkage * target).T
    )
    of_normal = (
        square + float(np.trace(moment)) ** 2
    ) / count  # few tasks alike by chance hide their own scatter
    return (back + back.T) / 2, shrinkage, max(spread, of_normal) / square


def _without_groups(rows: Features, past: Tasks | None, prior: Square) -> list[tuple[Part, Square]]:
    """The rows with their S; all of them, and without each twentieth of the rows and of the past
    tasks.
    """
    groups = stratified_groups(np.zeros(len(rows), int))
    parts = [rows[groups != group] for group in range(-1, GROUPS)]
    if past is None:
        return [(part, prior) for part in parts]
    of_tasks = (
        stratified_groups(np.zeros(len(past), int)) if len(past) > 1 else np.full(1, GROUPS)
    )  # one stays
    return [
        (part, _shrunk(past[of_tasks != group], np.cov(part.T, bias=True))[0])
        for group, part in zip(range(-1, GROUPS), parts, strict=True)
    ]


def _spectrum(rows: Features, prior: Square) -> Float[np.ndarray, " dim"]:
    deviations = rows - rows.mean(axis=0)
    spectrum = predicted.task_spectrum(deviations.T @ deviations / len(rows), prior)
    return np.where(spectrum < 1e-13 * spectrum[0], 0.0, spectrum)


def _worst_regret(
    rows: Features, prior: Square, representation: Float[np.ndarray, "dim kept"]
) -> float:
    """The largest mean square that regression on the representation leaves of a plausible task, on
    these rows.
    """
    variances, axes = np.linalg.eigh(prior)
    outcomes = rows @ (axes * np.sqrt(variances.clip(min=0)))
    basis = np.linalg.qr(rows @ representation)[0]
    return float(np.linalg.norm(outcomes - basis @ (basis.T @ outcomes), 2) ** 2 / len(rows))


def _of_pca(rows: Features, prior: Square, kept: int) -> float:
    """The worst regret of the leading principal components of these rows, as a share of λ_1."""
    deviations = rows - rows.mean(axis=0)
    regret = _worst_regret(
        deviations, prior, np.linalg.svd(deviations, full_matrices=False)[2][:kept].T
    )
    share = regret / float(_spectrum(rows, prior)[0])
    return share if share > 1e-13 else 0.0


def _spread(
    scores: Float[np.ndarray, "n dim"],
    loadings: Float[np.ndarray, "k dim"] | None,
    spectrum: Float[np.ndarray, " dim"],
    first: int,
) -> float:
    """How far two equal eigenvalues may lie apart in a sample, where these two do not lie further;
    0 where they do.
    """
    if first + 1 == len(spectrum) or spectrum[first + 1] == 0:
        return 0.0
    variance = float(np.var(scores[:, first] * scores[:, first + 1])) / len(scores)
    if loadings is not None:  # of both directions alike, in the units of the spectrum
        pair = loadings[:, [first, first + 1]]
        unit = np.sum(spectrum[[first, first + 1]]) / np.mean(np.sum(pair**2, axis=1))
        variance += float(np.var(pair[:, 0] * pair[:, 1])) * unit**2 / len(pair)
    width = _TIE * float(np.sqrt(variance))
    return width if spectrum[first] - spectrum[first + 1] <= width else 0.0


def _excess_of_halves(
    rows: Features, past: Tasks | None, prior: Square, kept: int, seed: int
) -> float:
    """What R of one half is worse than R of the other, for the other; four times what all rows and
    tasks cost.
    """
    generator = np.random.default_rng(seed)
    gaps = []
    for _ in range(_HALVES):
        halves = np.array_split(rows[generator.permutation(len(rows))], 2)
        halves = [half - half.mean(axis=0) for half in halves]
        covariances = [half.T @ half / len(half) for half in halves]
        priors = [prior, prior]
        if past is not None and len(past) > 1:
            split = np.array_split(past[generator.permutation(len(past))], 2)
            priors = [
                _shrunk(task, of_rows)[0] for task, of_rows in zip(split, covariances, strict=True)
            ]
            # Scales of S are free: that of all, so that regrets add up.
            priors = [
                p * np.trace(prior @ cov) / np.trace(p @ cov)
                for p, cov in zip(priors, covariances, strict=True)
            ]
        best = [
            predicted.pure_representation(cov, p, kept)
            for cov, p in zip(covariances, priors, strict=True)
        ]
        for half, of_half, own, other in zip(halves, priors, best, best[::-1], strict=True):
            gaps.append(_worst_regret(half, of_half, other) - _worst_regret(half, of_half, own))
    return max(0.0, float(np.mean(gaps)) / 4)


def _share(values: Float[np.ndarray, " fits"]) -> Estimate:
    """A share with its 95 % interval; 0 without one where nothing is lost."""
    if values.min() <= 0:
        return Estimate(float(values[0]), 0.0, float(values.max()))
    value, low, high = jackknife(values, 0.95, "log")
    return Estimate(min(value, 1.0), low, min(high, 1.0))


def _untold(pure: Estimate, mixture: Estimate | None, kept: int) -> str:
    clause = (
        "" if mixture is None else f", drawn at random {mixture} by the mixture, which is given"
    )
    return (
        f"lambda_{kept} and lambda_{kept + 1} cannot be distinguished, so that no {kept} "
        "directions lead: take another r; "
        f"the worst regret is {pure} {_SHARE} whichever is taken{clause}"
    )


def _doubt_of_copies(rows: Features) -> list[Doubt]:
    """Of rows that come again, where a column has so many values that they do not meet by
    chance.
    """
    different = len(np.unique(rows, axis=0))
    if different == len(rows) or max(len(np.unique(column)) for column in rows.T) < different:
        return []
    reason = f"{len(rows) - different} rows are copies of others: there are fewer independent ones"
    return [Doubt(reason, np.inf, _SHARE)]


def _doubts(
    scores: Float[np.ndarray, "n dim"],
    loadings: Float[np.ndarray, "k dim"] | None,
    spectrum: Float[np.ndarray, " dim"],
    kept: int,
    excess: float,
    halves: float,
) -> list[Doubt]:
    """What speaks against independent rows with moderate tails, against their number, and for
    eigenvalues that tie.
    """
    doubts = []
    largest = float(spectrum[0])
    widths = {first: _spread(scores, loadings, spectrum, first) for first in (0, kept - 1, kept)}
    if max(widths.values()) > 0:
        near = " and ".join(
            f"lambda_{first + 1} and lambda_{first + 2}" for first, width in widths.items() if width
        )
        reason = f"{near} lie so close that they may be one, and a sample drives them apart"
        doubts.append(Doubt(reason, max(widths.values()) / largest, _SHARE))
    scores = scores[:, : kept + 1]
    live = scores[:, spectrum[: kept + 1] > 0]
    squares = live**2
    heaviest = float(np.max(squares.max(axis=0) / squares.sum(axis=0)))
    if heaviest > _HEAVY:
        doubts.append(
            Doubt(
                f"heavy tails: one row makes up {heaviest:.0%} of a direction's variance",
                np.inf,
                _SHARE,
            )
        )
    if excess > 0:
        weights = spectrum[:kept] * (spectrum[:kept] - spectrum[kept])
        products = np.mean(squares[:, :-1] * squares[:, -1:], axis=0)
        by_data = float(spectrum[kept] * np.sum(products / weights)) / len(scores)
        if loadings is not None and halves > _LARGE * spectrum[kept]:
            reason = "few rows or past tasks: the directions depend on which ones there were"
            doubts.append(Doubt(reason, halves / largest, _SHARE))
        elif by_data > _OFF * excess or halves > 2 * _OFF * excess:
            reason = (
                "the rows are not normal: estimating the directions costs more than it would "
                "for normal ones"
            )
            doubts.append(Doubt(reason, (max(by_data, halves) - excess) / largest, _SHARE))
        if excess > _LARGE * spectrum[kept]:
            doubts.append(
                Doubt("few rows: the directions themselves are uncertain", excess / largest, _SHARE)
            )
    correlation = beside(live)
    if correlation:
        reason = (
            f"neighbouring rows are alike (correlation {correlation:.2f}): unless sorted, "
            "fewer are independent"
        )
        doubts.append(Doubt(reason, np.inf, _SHARE))
    return doubts
