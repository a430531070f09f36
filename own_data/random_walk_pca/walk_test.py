"""Is this trajectory a random walk?

A test by symmetry gives the answer, and the exact theory of the PCA of random walks gives scores of
the components.
"""

import warnings
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from jaxtyping import Float

from own_data.random_walk_pca.estimators import (
    estimate_drift_ratio,
    estimate_momentum,
    estimate_noise_decay,
    estimate_reversion,
)
from own_data.random_walk_pca.randomisation import OF_VARIANCE, Departure, departures, factor
from own_data.random_walk_pca.recording import (
    Recorded,
    StepGram,
    checked_step_gram,
    effective_dimension,
    points_of,
    recorded,
)
from theory.random_walk_pca import finite_dimension, plain_walk
from theory_on_trial.contract import LONGEST, Interval, guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.table import Handed

_LEAST_CHANCE = 1e-13
"""Scores end at 7.3 standard deviations, where the law of the cosine content is no longer known to
a digit.
"""
_FEWEST_DIMENSIONS = 30
_FEW_COLUMNS = 4
_MOST_OF_THE_PATH = 0.5  # squared
_LEVEL = 0.01
"""The level of the verdict in words."""
_BEFORE = 10  # steps, of which a linear dependence is taken out
_RIDGE = 1e-6
_SURELY = 2.33  # standard deviations, of a level of 1 % on one side


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class WalkTest(Answer):
    """The answer of `random_walk_test`.

    Arrays have one entry for each principal component k = 1, ..., K.

    Attributes:
        n_points: T, the number of recorded points.
        effective_dimension: the effective dimension of the noise in the steps, estimated from their
            inner products.
        variance_ratios: the share of component k in the variance, as PCA reports it.
        walk_ratios: the mean of this share for a random walk of this length and effective
            dimension.
        ratio_z: the standard normal score of the share, positive if the share is larger than that
            of a walk.
        cosine_contents: the squared overlap, from 0 to 1, of the time course of component k with
            the cosine of k half-periods.
        walk_contents: the mean of this overlap for a random walk, given the observed variances.
        content_z: the standard normal score of the overlap, negative if the component is no cosine.
        departures: the statistics that decide, each with its deviation and p-value among signed
            permutations of the steps; see `own_data.random_walk_pca.randomisation`.
        p_value: the probability that some statistic of a random walk is as far off, exact for every
            T, d and noise.
        changes: which of "variance", "clustering" and "covariance" show that the steps are not of
            one law: those that are significant at 1 %, and still so once a linear dependence of
            each step on the ten before it is taken out. Steps of one law that depend on each
            other, as those between points of white noise do, have lengths that cluster, too.
        causes: for each significant departure the parameter that would explain it alone, with an
            interval. If the law changes, only departures count that stay significant when the
            steps keep their order and change their signs only.

    The scores z are standard normal for Gaussian steps to first order in 1 / effective dimension:
    the mean is within .2 of 0 and the variance .75 to 1.2, from an effective dimension of 40 on for
    isotropic noise and of several hundred for anisotropic noise. They end at +-7.3. The verdict
    does not rest on them, but doubts may be about them. The power of the test grows with T and with
    the effective dimension: for GARCH(.15, .8) in 20 dimensions it rejects 92 of 100 walks of 300
    steps, and all of 600.
    """

    asked: ClassVar[str] = (
        "is this a random walk: are the steps independent, of one law, symmetric about zero?"
    )
    rests_on: ClassVar[str] = "signed permutations of the steps; the level is exact for any noise"
    unseen: ClassVar[str] = (
        "one long step (as of heavy tails), departures too weak for these points, or such as move "
        "no statistic"
    )

    n_points: int
    effective_dimension: float
    variance_ratios: Float[np.ndarray, " components"]
    walk_ratios: Float[np.ndarray, " components"]
    ratio_z: Float[np.ndarray, " components"]
    cosine_contents: Float[np.ndarray, " components"]
    walk_contents: Float[np.ndarray, " components"]
    content_z: Float[np.ndarray, " components"]
    departures: dict[str, Departure]
    p_value: float
    causes: dict[str, Estimate]
    changes: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return a line on the verdict, and a table of the first four components."""
        of_ratios = (self.variance_ratios, self.walk_ratios, self.ratio_z)
        of_contents = (self.cosine_contents, self.walk_contents, self.content_z)
        rows = zip(*(column.tolist() for column in of_ratios + of_contents), strict=True)
        table = [
            f"{k:3d}   {ratio:14.4f}   {walk_ratio:9.4f}   {ratio_z:+5.1f}   ".replace(
                "+nan", "   -"
            )
            + f"{content:14.4f}   {walk_content:9.4f}   {content_z:+5.1f}"
            for k, (ratio, walk_ratio, ratio_z, content, walk_content, content_z) in enumerate(
                rows, start=1
            )
        ]
        head = " PC   variance ratio   of a walk       z   cosine content   of a walk       z"
        unknown = np.flatnonzero(np.isnan(self.ratio_z[:4])) + 1
        said = [
            f"cannot judge: the ratio of PC {k}, which has no known law in so few dimensions"
            for k in unknown[:1]
        ]
        return [self._headline(), *([head] if table else []), *table[:4], *said]

    def to_frame(self) -> Any:
        """Return a data frame with a row for each statistic: by how many standard deviations it is
        off, and its p-value.
        """
        import pandas

        return pandas.DataFrame(
            [(one.deviations, one.p_value) for one in self.departures.values()],
            index=pandas.Index(list(self.departures), name="departure"),
            columns=["deviations", "p-value"],
        )

    def plot(self, axes: Any = None) -> Any:
        """Draw the variance ratios (points) and those of a random walk (line), and return the
        axes.
        """
        axes = axes_for(axes)
        components = np.arange(1, len(self.variance_ratios) + 1)
        axes.plot(components, self.walk_ratios, "-", color="#0072B2", label="of a random walk")
        axes.plot(
            components, self.variance_ratios, "o", color="#D55E00", label="of this trajectory"
        )
        axes.set(
            xlabel="principal component k",
            ylabel="share of the variance",
            yscale="log",
            xticks=components,
        )
        axes.legend(frameon=False)
        return axes

    def _headline(self) -> str:
        about = f"{self.n_points} points, effective dimension {self.effective_dimension:.4g}"
        if self.p_value > _LEVEL:
            return (
                f"{about}: consistent with a random walk at the 1 % level (p = {self.p_value:.2g})"
            )
        causes = "; ".join(f"{name} {estimate}" for name, estimate in self.causes.items())
        clause = f"; if one cause alone: {causes}" * bool(causes)
        changes = f"; not of one law throughout: {', '.join(self.changes)}" * bool(self.changes)
        return (
            f"{about}: not a random walk at the 1 % level (p = {self.p_value:.2g}){changes}{clause}"
        )


@guarded(double=False)
def random_walk_test(
    trajectory: Handed = None,
    *,
    step_gram: StepGram | None = None,
    n_components: Annotated[int, Interval(1, LONGEST)] = 3,
    draws: Annotated[int, Interval(99, 10**6)] = 999,
    seed: int = 0,
) -> WalkTest:
    """Test whether a trajectory is a random walk, that is, whether its steps are independent, of
    one law, and symmetric about zero.

    The test compares the steps with their signed permutations, all of which a random walk takes
    with equal probability. So its level is exact for any noise in any dimension.

    Args:
        trajectory: T recorded points, one in each row of any array or table; T may exceed the
            number of columns.
        step_gram: instead of the trajectory, the inner products of the T - 1 steps, from
            `step_gram` or a `StepGramRecorder`.
        n_components: K, the number of leading components to judge, at most T - 2.
        draws: B, the number of signed permutations; `p_value` is at least 1 / (B + 1).
        seed: the seed of the signed permutations.

    Raises TypeError or ValueError, with a sentence that names the argument; ValueError also for
    fewer than ten points.

    Source: the spectrum of Antognini & Sohl-Dickstein 2018, arXiv 1806.08805; the cosine content of
    Hess 2000, Phys. Rev. E 62, 8438; the null distribution by symmetry of Fisher 1935. The laws at
    finite dimension were derived here.

    >>> steps = np.random.default_rng(0).standard_normal((300, 500))
    >>> print(random_walk_test(np.cumsum(steps, axis=0)).lines()[0])
    300 points, effective dimension 498.6: consistent with a random walk at the 1 % level (p = 0.93)
    """
    read = None
    if trajectory is not None and step_gram is None:
        trajectory, names = points_of(trajectory)
    gram = checked_step_gram(trajectory, step_gram)
    if trajectory is not None:
        read = recorded(trajectory, names)
    most = len(gram) - 1
    require(
        n_components <= most,
        f"n_components must be at most {most} for {len(gram) + 1} points, got {n_components}",
    )
    dimension = effective_dimension(gram)
    variances, contents = _components(gram, n_components)
    ratios = variances[: len(contents)] / variances.sum()
    walk_ratios, ratio_z = _judge_ratios(ratios, len(gram) + 1, dimension)
    walk_contents, content_z = _judge_contents(contents, variances, dimension)
    statistics, p_value = departures(gram, n_components, draws, seed)
    changes = _changes(gram, statistics, draws, seed) if p_value <= _LEVEL else ()
    by_sign = statistics
    if changes:
        by_sign = _of_directions(gram, statistics, n_components, draws, seed)
    causes = _causes(gram, by_sign)
    return WalkTest(
        level=0.95 if causes else None,
        n_points=len(gram) + 1,
        effective_dimension=dimension,
        variance_ratios=ratios,
        walk_ratios=walk_ratios,
        ratio_z=ratio_z,
        cosine_contents=contents,
        walk_contents=walk_contents,
        content_z=content_z,
        departures=statistics,
        p_value=p_value,
        causes=causes,
        changes=changes,
        doubts=(
            *_one_column(read),
            *(_unknown_digits(gram) if read is None and p_value <= _LEVEL else ()),
            *_doubts(dimension, len(contents)),
            *(_jump(gram) if p_value > _LEVEL else ()),
        ),
        missing=_standing_still(gram)
        or (_rounded(read, len(gram) * dimension) if p_value <= _LEVEL else ""),
    )


def _components(
    gram: Float[np.ndarray, "steps steps"], n_components: int
) -> tuple[Float[np.ndarray, " rank"], Float[np.ndarray, " components"]]:
    """Return all variances of the trajectory, the largest first, and the cosine contents of its
    leading components, from the coordinates of the steps in the basis of the half-cosines.
    """
    from scipy.fft import dst

    scale = np.sqrt(plain_walk.eigenvalues(len(gram) + 1))
    points = scale[:, None] * dst(factor(gram), type=1, norm="ortho", axis=0)
    variances, vectors = np.linalg.eigh(points.T @ points)
    variances = variances[::-1].clip(min=0)
    vectors = vectors[:, ::-1]
    directions = int(np.sum(variances > len(gram) * np.finfo(float).eps * variances[0]))
    leading = range(min(n_components, directions - 1))
    return variances, np.array([(points[k] @ vectors[:, k]) ** 2 / variances[k] for k in leading])


def _judge_ratios(
    ratios: Float[np.ndarray, " components"], n_points: int, dimension: float
) -> tuple[Float[np.ndarray, " components"], Float[np.ndarray, " components"]]:
    """Return the mean ratios of a walk, and the scores of the observed ratios.

    The odds of a ratio are taken to follow an F law, which has their skewness.
    """
    from scipy.special import fdtr, fdtrc

    spectrum = plain_walk.eigenvalues(n_points)
    count = ratios.size
    if not count:
        return ratios, ratios
    shares = spectrum / spectrum.sum()
    own = shares[:count]
    rest = np.sum(shares**2) - shares[:count] ** 2
    bias = finite_dimension.eigenvalue_bias(spectrum, dimension, count)
    bias = bias + finite_dimension.eigenvalue_bias_second_order(spectrum, dimension, count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the small dimension has been announced in our own words
        mean = finite_dimension.mean_explained_variance_ratio(spectrum, dimension, count)
    odds = own / (1 - own) * (1 + bias / (1 - own))
    relative_odds = ratios / (1 - ratios) / odds
    freedom = (
        2 / finite_dimension.eigenvalue_variance(spectrum, dimension, count),
        dimension * (1 - own) ** 2 / rest,
    )
    return mean, _normal_score(fdtr(*freedom, relative_odds), fdtrc(*freedom, relative_odds))


def _judge_contents(
    contents: Float[np.ndarray, " components"],
    variances: Float[np.ndarray, " rank"],
    dimension: float,
) -> tuple[Float[np.ndarray, " components"], Float[np.ndarray, " components"]]:
    """Return the mean cosine contents of a walk, and the scores of the observed contents.

    What component k loses to another component j is a squared normal variable of the weight
    l_j l_k / (l_j - l_k)^2 / d, with the observed variances l and the effective dimension d.
    """
    means = np.empty(contents.size)
    scores = np.empty(contents.size)
    for k, content in enumerate(contents):
        others = np.delete(variances, k)
        gaps = np.maximum((others - variances[k]) ** 2, np.finfo(float).tiny)
        weights = others * variances[k] / gaps / dimension
        chance = finite_dimension.trace_cdf(np.array([1 - content]), weights, 1.0)
        means[k] = max(0.0, 1 - weights.sum())
        scores[k] = _normal_score(1 - chance, chance)[0]
    return means, scores


def _normal_score(
    below: Float[np.ndarray, " components"], above: Float[np.ndarray, " components"]
) -> Float[np.ndarray, " components"]:
    """Return the standard normal value with these probabilities below and above it; each tail comes
    from its own probability.
    """
    from scipy.special import ndtri

    return np.where(
        below < above,
        ndtri(np.maximum(below, _LEAST_CHANCE)),
        -ndtri(np.maximum(above, _LEAST_CHANCE)),
    )


def _changes(
    gram: Float[np.ndarray, "steps steps"], found: dict[str, Departure], draws: int, seed: int
) -> tuple[str, ...]:
    """Return the statistics of the variance that are significant for the steps, and for what a
    regression of each step on the ones before it leaves.

    The coefficients are those of Yule and Walker, of the mean products of steps so far apart.
    """
    out = [name for name in OF_VARIANCE if found[name].p_value <= _LEVEL]
    order = min(_BEFORE, len(gram) // 10)
    if not out or not order:
        return tuple(out)
    from scipy.linalg import solve_toeplitz

    steps = len(gram)
    products = np.array([np.trace(gram, lag) / steps for lag in range(order + 1)])
    products[0] *= 1 + _RIDGE  # drift alone makes all of them equal
    weights = np.zeros((steps - order, steps))
    for lag, weight in enumerate([1.0, *-solve_toeplitz(products[:-1], products[1:])]):
        np.fill_diagonal(weights[:, order - lag :], weight)
    left, _ = departures(weights @ gram @ weights.T, 1, draws, seed)
    return tuple(name for name in out if left[name].p_value <= _LEVEL)


def _of_directions(
    gram: Float[np.ndarray, "steps steps"],
    found: dict[str, Departure],
    n_components: int,
    draws: int,
    seed: int,
) -> dict[str, Departure]:
    """Return the departures, each with the larger of its p-values under signed permutations and
    under changes of sign alone.
    """
    by_sign, _ = departures(gram, n_components, draws, seed, ordered=True)
    weaker = {
        name: max(d, by_sign[name], key=lambda either: either.p_value) for name, d in found.items()
    }
    return weaker | {"noise": found["noise"]}


def _causes(
    gram: Float[np.ndarray, "steps steps"], found: dict[str, Departure]
) -> dict[str, Estimate]:
    """Return the parameter that would explain each significant departure alone, the largest
    departure first.
    """
    lengths = np.diagonal(gram)
    noise = found["noise"]
    decays = noise.p_value <= _LEVEL and bool(np.all(lengths > 0)) and _decays(np.log(lengths))
    steps = found["momentum"]
    # Reversion takes steps back, and holds the walk together.
    back = min(steps, found["PC 1"], key=lambda one: (one.deviations > 0, one.p_value))
    candidates = {
        "drift over noise": (found["drift"], found["drift"].deviations > 0, estimate_drift_ratio),
        "momentum": (steps, steps.deviations > 0, estimate_momentum),
        "reversion": (back, back.deviations < 0, estimate_reversion),
        "decay of the noise": (noise, decays, estimate_noise_decay),
    }
    hits = [
        (name, *rest) for name, rest in candidates.items() if rest[0].p_value <= _LEVEL and rest[1]
    ]
    hits.sort(key=lambda one: -abs(one[1].deviations))
    return {name: estimator(step_gram=gram) for name, _, _, estimator in hits}


def _decays(logs: Float[np.ndarray, " steps"]) -> bool:
    """Tell whether a power of time explains the variance, so that the ranks of the remaining
    squared lengths are not correlated with those of the next five steps.
    """
    from scipy.stats import linregress, rankdata

    times = np.log(np.arange(2, len(logs) + 2))
    line = linregress(times, logs)
    ranks = rankdata(logs - line.intercept - line.slope * times) - (len(logs) + 1) / 2
    lags = range(1, 6)
    products = sum(float(ranks[:-lag] @ ranks[lag:]) for lag in lags)
    return bool(products <= _SURELY * np.sqrt(len(lags) * len(logs)) * ranks.var())


def _jump(gram: Float[np.ndarray, "steps steps"]) -> tuple[Doubt, ...]:
    """Return a doubt if one step is longer than the longest of normal steps of this dimension."""
    from scipy.special import chdtrc

    lengths = np.diagonal(gram)
    at = int(lengths.argmax())
    others = np.delete(gram, at, axis=0)
    dimension = effective_dimension(np.delete(others, at, axis=1))
    usual = float(np.diagonal(np.delete(others, at, axis=1)).mean())
    chance = len(lengths) * float(chdtrc(dimension, dimension * lengths[at] / usual))
    if chance > _LEVEL:
        return ()
    share = float(lengths[at] / lengths.sum())
    reason = (
        f"step {at + 1} has {np.sqrt(lengths[at] / usual):.2g} times the usual length: one jump, "
        "or heavy tails, "
        "which the test takes for a walk"
    )
    return (Doubt(reason, share, "of the squared lengths"),)


def _standing_still(gram: Float[np.ndarray, "steps steps"]) -> str:
    """Return a sentence if many points repeat, which signed permutations do not show; else ""."""
    still = int(np.sum(np.diagonal(gram) == 0))
    return f"{still} of {len(gram)} steps are zero; leave out points that are recorded twice" * (
        5 * still > len(gram)
    )


def _rounded(read: Recorded | None, products: float) -> str:
    """Return a sentence if rounding alone may look like reversion; else "".

    Rounding correlates neighbouring steps by minus half of its share in their squares, which shows
    if there are many products.
    """
    if read is None or read.rounding / 2 * np.sqrt(products) < 1:
        return ""
    return (
        f"the points have the digits of {read.precision}, whose rounding makes up "
        f"{read.rounding:.1%} of the squared steps and takes steps back as reversion does; record "
        "them with more digits"
    )


def _unknown_digits(gram: Float[np.ndarray, "steps steps"]) -> tuple[Doubt, ...]:
    """Return a doubt if steps are taken back, because rounding may be the reason."""
    back = -float(np.mean(np.diagonal(gram, 1)) / np.mean(np.diagonal(gram)))
    if back <= 0:
        return ()
    reason = (
        "a step_gram does not show in how many digits the points were recorded: rounding to half "
        "precision takes steps back as reversion does; hand in the trajectory"
    )
    return (Doubt(reason, back, "of the squared steps"),)


def _one_column(read: Recorded | None) -> tuple[Doubt, ...]:
    """Return a doubt if one of many columns makes up most of the path, as a counter does."""
    if read is None or read.columns < _FEW_COLUMNS or read.share < _MOST_OF_THE_PATH:
        return ()
    reason = (
        f"column {read.column} makes up {read.share:.1%} of the squared steps: if it is no weight, "
        "but a counter of batches, leave it out"
    )
    return (Doubt(reason, read.share, "of the squared lengths"),)


def _doubts(dimension: float, components: int) -> tuple[Doubt, ...]:
    """Return the doubts about the scores z."""
    if not components:
        return ()
    if dimension < _FEWEST_DIMENSIONS:
        scatter = (
            "a walk's own first variance ratio scatters by more than 7 %, and the scores z "
            "are not calibrated"
        )
        reason = f"the effective dimension {dimension:.3g} is below {_FEWEST_DIMENSIONS}: {scatter}"
    elif components > np.sqrt(dimension):
        no_cosine = f"PC {components} of a walk is not expected to be a cosine"
        reason = (
            f"{no_cosine}: it lies beyond the square root of the effective dimension "
            f"{dimension:.3g}"
        )
    else:
        return ()
    return (Doubt(reason, np.inf, "of the scores z"),)
