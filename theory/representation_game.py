"""The r numbers to keep of the features if an adversary chooses the task among the plausible ones.

Uzan & Weinberger 2024, "A representation-learning game for classes of prediction tasks", ICLR 2024,
arXiv 2403.06971. Its abstract was read. Its setting, and its solution for one representation, were
read in public reviews and notes. The formula of the mixed solution was recalled and derived again
here.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from theory_on_trial.contract import (
    COVARIANCE,
    DEFINITE,
    LONGEST,
    MOST,
    NON_NEGATIVE,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Interval,
    guarded,
    require,
)

Covariance = Annotated[Float[np.ndarray, "dim dim"], DEFINITE, USABLE_SCALE]
"""Σ, of the features x."""
Prior = Annotated[Float[np.ndarray, "dim dim"], COVARIANCE, USABLE_SCALE]
"""S: plausible tasks have f' S^-1 f <= 1."""
Representation = Annotated[Float[np.ndarray, "dim kept"], USABLE_SCALE]
"""R, of full column rank: what is kept of x is R'x."""
Task = Annotated[Float[np.ndarray, " dim"], USABLE_SCALE]
"""f, of y = f'x + noise."""
Spectrum = Annotated[Float[np.ndarray, " dim"], NON_NEGATIVE, USABLE_SCALE]
"""λ, the eigenvalues of Σ S in any order, in units of y^2."""
Kept = Annotated[int, Interval(1, LONGEST)]
"""r, how many numbers are kept of x; below the dimension."""
Inclusion = Annotated[Float[np.ndarray, " dim"], UNIT_INTERVAL]
"""m_i, the chance that direction i is kept; they sum to r."""


@guarded
def regret(covariance: Covariance, representation: Representation, task: Task) -> float:
    """Return the regret f'(Σ - Σ R (R' Σ R)^-1 R' Σ) f of a representation: the least loss with R'x
    less the least loss with x.

    Raises ValueError for columns that are dependent. Source: definition, as public reviews of the
    paper give it.
    """
    cross = covariance @ representation
    gain = task @ cross @ np.linalg.solve(representation.T @ cross, cross.T @ task)
    return float(task @ covariance @ task - gain)


@guarded
def task_spectrum(covariance: Covariance, prior: Prior) -> Float[np.ndarray, " dim"]:
    """Return the eigenvalues λ_1 >= ... >= λ_d >= 0 of S^(1/2) Σ S^(1/2). Source: definition."""
    return _solved(covariance, prior)[0]


@guarded
def task_directions(covariance: Covariance, prior: Prior) -> Float[np.ndarray, "dim tasks"]:
    """Return the tasks f_i, the columns of S^(1/2) Q, where Q are the eigenvectors of S^(1/2) Σ
    S^(1/2).

    They have f_i' S^-1 f_i = 1, are uncorrelated, and have the variances f_i' Σ f_i = λ_i. Source:
    derived here.
    """
    return _solved(covariance, prior)[1]


@guarded
def pure_representation(
    covariance: Covariance, prior: Prior, kept: Kept
) -> Float[np.ndarray, "dim kept"]:
    """Return the representation R = S^(1/2) Q_(1:r) of least worst regret, whose columns are the
    first r tasks of `task_directions`. Raises ValueError for r >= d. Source: theorem 2; its form is
    derived here.
    """
    _check_kept(len(covariance), kept)
    return _solved(covariance, prior)[1][:, :kept]


@guarded
def worst_task(covariance: Covariance, prior: Prior, kept: Kept) -> Float[np.ndarray, " dim"]:
    """Return the task f* = S^(1/2) q_(r+1) at which the best representation has its worst regret.
    Raises ValueError for r >= d. Source: derived here.
    """
    _check_kept(len(covariance), kept)
    return _solved(covariance, prior)[1][:, kept]


@guarded
def pure_value(spectrum: Spectrum, kept: Kept) -> float:
    """Return the least worst regret λ_(r+1) of one representation. Raises ValueError for r >= d.
    Source: theorem 2.
    """
    return float(_falling(spectrum, kept)[kept])


@guarded
def small_logit_regret(regret: Annotated[float, Interval(0, 1e100)]) -> float:
    """Return the regret in log loss, in nats, for small logits f'x: an eighth of the given regret.
    Source: the variance 1/4 of a label, halved.
    """
    return regret / 8


@guarded
def pure_average(spectrum: Spectrum, kept: Kept) -> float:
    """Return the mean regret of the best representation over tasks with E f f' = S, which is the
    least of any R: the sum of λ_i over i > r.

    Raises ValueError for r >= d. Source: Ky Fan's theorem; derived here.
    """
    return float(_falling(spectrum, kept)[kept:].sum())


@guarded
def estimation_excess(spectrum: Spectrum, kept: Kept) -> float:
    """Return the limit, as N grows, of N times the mean excess of the worst regret over λ_(r+1), if
    R comes from the covariance of N normal samples of known mean.

    It is λ_(r+1)^2 times the sum of 1 / (λ_j - λ_(r+1)) over j <= r; for r = 1 it is that times the
    multiplicity of λ_(r+1). Raises ValueError for λ_r = λ_(r+1), for a positive λ_(r+1) that is
    multiple where r > 1, and for r >= d. Source: derived here, by first-order perturbation.

    >>> estimation_excess([3.0, 1.0], 1), estimation_excess([3.0, 1.0, 1.0], 1)
    (0.5, 1.0)
    """
    lambdas = _falling(spectrum, kept)
    value = lambdas[kept]
    gaps = lambdas[:kept] - lambdas[kept]
    require(
        gaps.min() > 0,
        "spectrum must have lambda_r > lambda_(r+1): otherwise no subspace of dimension r leads",
    )
    multiple = np.sum(lambdas == value)
    simple = multiple == 1 or kept == 1 or value == 0
    require(
        simple,
        "spectrum must have a simple lambda_(r+1) for r > 1: otherwise no closed form is known",
    )
    return float(multiple * value * np.sum(value / gaps))


def _falling(spectrum: Spectrum, kept: Kept) -> Spectrum:
    """Return the eigenvalues, the largest first. Raises ValueError for r >= d."""
    _check_kept(len(spectrum), kept)
    return np.sort(spectrum)[::-1]


def _check_kept(dim: int, kept: int) -> None:
    require(
        kept < dim,
        f"kept must be below the dimension {dim}: nothing is compressed otherwise, got {kept}",
    )


def _solved(
    covariance: Covariance, prior: Prior
) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, "dim tasks"]]:
    """Return the eigenvalues of S^(1/2) Σ S^(1/2), the largest first, and S^(1/2) times its
    eigenvectors.
    """
    variances, axes = np.linalg.eigh(prior)
    root = axes * np.sqrt(variances.clip(min=0)) @ axes.T
    spectrum, vectors = np.linalg.eigh(root @ covariance @ root)
    return spectrum[::-1].clip(min=0), root @ vectors[:, ::-1]


_APART = (
    1e-13  # of running sums: nearer ones are meant to be one, and would leave a set of no chance
)

Horizon = Annotated[int, Interval(1, MOST)]


class Mixture(NamedTuple):
    """A law of sets of directions: set k, which row k of `members` marks, has the probability
    `chances[k]`.
    """

    chances: Float[np.ndarray, " atoms"]
    members: Bool[np.ndarray, "atoms dim"]


@guarded
def mixed_value(spectrum: Spectrum, kept: Kept) -> float:
    """Return the value of the game with hidden draws, the least worst expected regret: the maximum
    over l > r of (l - r) / (1 / λ_1 + ... + 1 / λ_l), with λ_1 >= λ_2 >= ...

    It is zero where at most r eigenvalues are positive. Raises ValueError for r >= d. Source:
    recalled from the paper; derived here by averaging over signs and Lagrange multipliers.

    >>> round(mixed_value([3.0, 2.0, 1.0, 0.5, 0.1], 2), 6)
    0.545455
    """
    return _solution(spectrum, kept)[0]


@guarded
def hedged(spectrum: Spectrum, kept: Kept) -> int:
    """Return the number l* of directions that the best mixture keeps with a positive chance: λ_l* >
    value >= λ_(l*+1). Raises ValueError for r >= d.
    """
    return _solution(spectrum, kept)[1]


@guarded
def inclusion(spectrum: Spectrum, kept: Kept) -> Float[np.ndarray, " dim"]:
    """Return the chance m_i = max(0, 1 - value / λ_i) with which the best mixture keeps each
    direction, in the order of the spectrum. The chances sum to r.

    Where the value is 0 the r largest are kept for sure. Raises ValueError for r >= d.
    """
    value = _solution(spectrum, kept)[0]
    if value == 0:
        chances = np.zeros(len(spectrum))
        chances[np.argsort(-spectrum, kind="stable")[:kept]] = 1.0
        return chances
    return 1 - value / np.maximum(spectrum, value)


@guarded
def systematic_mixture(inclusion: Inclusion) -> Mixture:
    """Return a law of sets of r directions that keeps each direction with the given chance m_i. It
    has no more sets than there are positive chances.

    One uniform number u chooses the set: direction i belongs to it if an integer plus u falls
    between the sums of the chances before it and up to it. Raises ValueError for chances that do
    not sum to a whole number. Source: systematic sampling, Madow 1949.

    >>> systematic_mixture([0.5, 0.75, 0.75]).chances.tolist()
    [0.25, 0.25, 0.5]
    """
    count = round(float(inclusion.sum()))
    require(
        count >= 1 and abs(float(inclusion.sum()) - count) <= 1e-9,
        f"inclusion must sum to a whole number of directions, got {inclusion.sum():g}",
    )
    ends = np.concatenate([[0.0], np.cumsum(inclusion)])
    ends *= count / ends[-1]
    cuts = np.sort(np.concatenate([[0.0], ends % 1, [1.0]]))
    cuts = cuts[np.append(True, np.diff(cuts) > _APART)]
    cuts[-1] = 1.0
    within = (cuts[1:] + cuts[:-1]) / 2
    passages = np.ceil(ends - within[:, None])
    return Mixture(np.diff(cuts), np.diff(passages, axis=1) > 0)


@guarded
def equalised_regret(spectrum: Spectrum, kept: Kept) -> Float[np.ndarray, " dim"]:
    """Return the expected regret min(value, λ_i) of every task f_i under the best mixture. Raises
    ValueError for r >= d.
    """
    return np.minimum(_solution(spectrum, kept)[0], spectrum)


@guarded
def mixed_average(spectrum: Spectrum, kept: Kept) -> float:
    """Return the mean regret of the best mixture over tasks with E f f' = S: the sum of min(value,
    λ_i). Raises ValueError for r >= d.
    """
    return float(equalised_regret(spectrum, kept).sum())


@guarded
def adversary_chances(spectrum: Spectrum, kept: Kept) -> Float[np.ndarray, " dim"]:
    """Return the chance with which the best adversary plays each f_i, in falling order of λ_i:
    proportional to 1 / λ_i for the l* largest, and zero for the others.

    Where the value is 0 it plays f_(r+1). Raises ValueError for r >= d.
    """
    lambdas = _falling(spectrum, kept)
    value, count = _solution(spectrum, kept)
    chances = np.zeros(len(lambdas))
    if value == 0:
        chances[kept] = 1.0
        return chances
    shares = lambdas[count - 1] / lambdas[:count]
    chances[:count] = shares / shares.sum()
    return chances


@guarded
def adversary_covariance(
    covariance: Covariance, prior: Prior, kept: Kept
) -> Float[np.ndarray, "dim dim"]:
    """Return the second moment F = E f f' of the best adversary's task, with tr S^-1 F = 1. No R
    has an expected regret below the value of the game against it.

    Raises ValueError for r >= d. Source: derived here.
    """
    spectrum, tasks = _solved(covariance, prior)
    return tasks * adversary_chances(spectrum, kept) @ tasks.T


@guarded
def hedge_excess(spectrum: Spectrum, horizon: Horizon) -> float:
    """Return the most by which the mean of T = `horizon` best responses to Hedge exceeds the value
    of the game: λ_1 (log d / 2T)^(1/2).

    Source: the standard regret of Hedge with the rate η = (8 log d / T)^(1/2) / λ_1; this use is
    derived here.
    """
    return float(spectrum.max() * np.sqrt(np.log(len(spectrum)) / 2 / horizon))


@guarded
def pair_excess(spectrum: Spectrum, horizon: Horizon) -> float:
    """Return the exact excess over the value of the mean of T = `horizon` best responses to Hedge,
    for two tasks and r = 1. Source: derived here.

    Let D be the loss of f_2 less that of f_1, and η the rate of Hedge in `hedge_excess`. While D is
    below the threshold log(λ_1 / λ_2) / η, f_1 is kept and D grows by λ_2; otherwise D falls by
    λ_1. So D ends at T λ_2 if that is more than λ_1 below the threshold. Otherwise it ends at the
    number that equals T λ_2 modulo λ_1 + λ_2 and lies between λ_1 below the threshold and λ_2
    above. The excess is D λ_2 / ((λ_1 + λ_2) T) for D > 0, and -D λ_1 over the same otherwise.
    Raises ValueError unless there are two tasks of positive eigenvalues.
    """
    require(
        len(spectrum) == 2 and spectrum.min() > 0,
        f"spectrum must hold two positive eigenvalues, got {spectrum}",
    )
    large, small = _falling(spectrum, 1)
    slowness = horizon * hedge_excess(spectrum, horizon) / (2 * np.log(2))  # 1 / eta
    lowest = np.log(large / small) * slowness - large
    stretch = large + small
    lead = min(horizon * small, lowest + (horizon * small - lowest) % stretch)
    return float(max(lead * small, -lead * large) / stretch / horizon)


def _solution(spectrum: Spectrum, kept: Kept) -> tuple[float, int]:
    """Return the value of the game and l*, the least one where several share the maximum; (0, r)
    where nothing is lost.
    """
    lambdas = _falling(spectrum, kept)
    lambdas = lambdas[lambdas > 0]
    counts = range(kept + 1, len(lambdas) + 1)
    # Shares of the least eigenvalue, so that no reciprocal overflows.
    values = [
        (count - kept) * lambdas[count - 1] / np.sum(lambdas[count - 1] / lambdas[:count])
        for count in counts
    ]
    if not values:
        return 0.0, min(kept, len(lambdas))
    best = int(np.argmax(values))
    return float(values[best]), kept + 1 + best
