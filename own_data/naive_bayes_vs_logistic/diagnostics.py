"""How far the assumptions behind naive Bayes hold on a user's features, and what follows from them."""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int

from own_data.naive_bayes_vs_logistic.fits import Fit, fit, limits
from own_data.naive_bayes_vs_logistic.result import AssumptionDiagnostics, Regime
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Fraction, Interval, guarded
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.features import checked_features
from theory_on_trial.own_data.jackknife import GROUPS, Scale, at_least, jackknife, share, stratified_groups

_SIZES = np.geomspace(4, 1e7, 60)
_FEWEST_PER_FEATURE = 8
_FARTHEST = 3.0  # Delta

Handed = Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]
"""What a user has: `checked_features` says of it where it is wrong."""


@guarded
def assumption_diagnostics(
    X: Handed, y: Handed, *, excess: Annotated[float, Interval(0, 0.5, "()")] = 0.01, confidence: Fraction = 0.95
) -> AssumptionDiagnostics:
    """Put the assumptions of the two-regimes theory to the data (X, y), and predict what follows from them.

    l_k is the score log p_k - sum_i (x_i - mu_ki)^2 / (2 sigma_i^2) of naive Bayes with pooled variances. Divisions by
    n use the number of features; the released code of the paper divides beta and alpha by the number of classes, which
    makes them larger by n / K. The errors are those of Gaussian classes with a common covariance; the curves are
    `learning_curves`, and the crossing is the last size at which they meet.

    Intervals are those of the grouped jackknife (20 random groups, stratified, fixed seed) with Student's quantile:
    asymptotic in m for fixed n, conditional on the ranges of the features, each at `confidence` on its own. Where
    several classes or eigenvalues tie for the least or largest they are approximate even then. The interval of the
    crossing holds the sizes at which the sign of the predicted difference is not decided; the measured errors have
    Wilson's. Measured coverage at 95 %, Gaussian classes, seven designs of 12 to 50 features with m / n from 10 to 80,
    60 data sets each: 92 to 100 % for the errors, the gap, the eigenvalue, the samples, the growth and the crossing.
    No regime was taken for another in these 420.

    The regime is "never" where the gap surely exceeds `excess`, else how `samples` grows while features of the same
    kind are added: "O(1)" for an exponent surely at most zero, "O(log n)" for one surely at most that of log n on
    n / 2 .. n (and at most 1/2), "O(n)" for one surely above. It is "undecided" where an interval does not decide.
    One data set cannot tell how other features would behave.

    How good the crossing is, given the true means and covariance (two Gaussian classes, n = 20, equicorrelation .02 to
    .1, ridge C = 1, 24 <= m <= 1500): where it is at least 8 n, within 7 % of the simulated one for Delta <= 2.5 and
    12 % at Delta = 3, but too large by 25 %, 53 % and 700 % at Delta = 3.5, 4 and 5. Below 8 n it may be too large by
    30 % and more, and logistic regression may even be ahead from the start. `doubts` names both cases.

    Args:
        X: m rows of n >= 2 numbers, a matrix or a data frame.
        y: m labels: integers, booleans, strings or categories; not floats.
        excess: error above the limit that counts as having arrived.
        confidence: of each interval.

    Raises TypeError for X without numbers and for float labels; ValueError for X that is not finite (the first place is
    named), fewer than two classes, a class without or with fewer than 3 samples, features that do not vary within the
    classes (listed) or depend linearly on each other, and m below 40 or too small for n.

    Source: sigma^2, beta and alpha are those of the released code of Zheng et al. 2023, arXiv 2302.02334; all else
    derived here.

    >>> labels, rng = np.arange(400) % 2, np.random.default_rng(0)
    >>> result = assumption_diagnostics(rng.normal(size=(400, 10)) + 0.8 * labels[:, None], labels)
    >>> result.regime, result.bayes_error.low < 0.103 < result.bayes_error.high
    ('O(log n)', True)
    """
    features, labels, classes = checked_features(X, y)
    groups = stratified_groups(labels)
    kept = [np.ones(len(labels), bool), *(groups != group for group in range(GROUPS))]
    fits = [fit(features[rows], labels[rows], len(classes)) for rows in kept]
    naive_bayes, bayes = limits(fits)

    def estimate(statistic: Callable[[Fit], float], scale: Scale = "linear") -> Estimate:
        return jackknife(np.array([statistic(one) for one in fits]), confidence, scale)

    percentiles = np.array([np.percentile(one.variances, range(0, 101, 10)) for one in fits])
    samples = np.array([one.naive_bayes.samples(excess) for one in fits])
    with_half = np.array([one.naive_bayes.with_features(0.5).samples(excess) for one in fits])
    naive_bayes_error, bayes_error = (jackknife(errors, confidence, "probit") for errors in (naive_bayes, bayes))
    gap = at_least(jackknife(naive_bayes - bayes, confidence), 0.0)
    growth = jackknife(np.log2(samples / with_half), confidence)
    crossing = _crossing(fits, bayes - naive_bayes, confidence)
    measured = [share(wrong, len(labels), confidence) for wrong in _wrong_predictions(features, labels, groups, fits)]
    n_features = features.shape[1]
    excesses = fits[0].naive_bayes.excess(len(labels)), fits[0].logistic.excess(len(labels))
    guessing = naive_bayes_error.high >= 1 - fits[0].priors.max() - excess
    return AssumptionDiagnostics(
        n_samples=len(labels),
        n_features=n_features,
        classes=classes,
        beta=fits[0].beta,
        alpha=fits[0].alpha,
        least_beta=estimate(lambda one: one.least_beta),
        greatest_alpha=estimate(lambda one: one.greatest_alpha, "log"),
        variance_percentiles=tuple(jackknife(column, confidence) for column in percentiles.T),
        rho_0=estimate(lambda one: float(min(one.variances.min(), one.priors.min())), "log"),
        largest_eigenvalue=_largest_eigenvalue(
            fits[0].largest_eigenvalue,
            at_least(estimate(lambda one: one.largest_eigenvalue, "log"), 1.0),
            n_features,
            len(labels) - len(classes),
        ),
        naive_bayes_error=naive_bayes_error,
        bayes_error=bayes_error,
        gap=gap,
        samples=at_least(jackknife(samples, confidence, "log"), 2.0),
        growth=growth,
        regime="undecided" if guessing else _regime(gap, growth, excess, n_features),
        crossing=crossing,
        measured_naive_bayes=measured[0],
        measured_discriminant=measured[1],
        doubts=tuple(
            sentence
            for doubtful, sentence in (
                (guessing, "naive Bayes may be no better than guessing the most frequent class"),
                (
                    _apart(naive_bayes_error, measured[0], excesses[0]),
                    "the measured error of naive Bayes is not that of Gaussian classes: distrust its limit, the regime "
                    "and the crossing",
                ),
                (
                    _apart(bayes_error, measured[1], excesses[1]),
                    "the measured error of discriminant analysis is not that of Gaussian classes of one covariance: "
                    "distrust the Bayes error, the gap and the crossing",
                ),
                (
                    crossing.value * fits[0].logistic.sizes.min() < _FEWEST_PER_FEATURE * n_features,
                    f"the crossing lies below {_FEWEST_PER_FEATURE} samples per feature, where a ridge penalty puts "
                    "logistic regression ahead earlier than predicted",
                ),
                (
                    fits[0].logistic.distances.min() > _FARTHEST**2,
                    f"even the closest classes are more than Delta = {_FARTHEST:g} apart, where a penalised logistic "
                    "regression is much better than predicted, and ahead earlier",
                ),
            )
            if doubtful
        ),
    )


def _largest_eigenvalue(observed: float, estimate: Estimate, n_features: int, freedom: int) -> Estimate:
    """The estimate, but one with nothing above 1 in it where uncorrelated features show as large an eigenvalue.

    Their largest eigenvalue has the Tracy-Widom law (Johnstone 2001), of which this is the upper 1 % point. A factor
    below 1 + sqrt(n / freedom) does not show at all (Baik, Ben Arous & Peche 2005).
    """
    wide, tall = np.sqrt(n_features), np.sqrt(freedom)
    edge = (wide + tall) ** 2 + 2.02 * (wide + tall) * (1 / wide + 1 / tall) ** (1 / 3)
    if observed * freedom > edge:
        return estimate
    return Estimate(1.0, 1.0, max(estimate.high, 1 + wide / tall))


def _regime(gap: Estimate, growth: Estimate, excess: float, n_features: int) -> Regime:
    if gap.low > excess:
        return "never"
    if gap.high > excess:
        return "undecided"
    log_growth = np.log2(np.log(n_features) / np.log(n_features / 2)) if n_features > 2 else 0.5
    if growth.high <= 0:
        return "O(1)"
    if growth.high <= min(log_growth, 0.5):
        return "O(log n)"
    return "O(n)" if growth.low > min(log_growth, 0.5) else "undecided"


def _crossing(fits: list[Fit], leads: Float[np.ndarray, " fits"], confidence: float) -> Estimate:
    """Where error(logistic) - error(naive Bayes) falls to zero for the last time; `leads` are its limits."""
    differences = [
        jackknife(
            np.array(
                [
                    lead + one.logistic.excess(m) - one.naive_bayes.excess(m)
                    for lead, one in zip(leads, fits, strict=True)
                ]
            ),
            confidence,
        )
        for m in _SIZES.tolist()
    ]
    ends = np.append(_SIZES, np.inf)

    def first_after(end: str) -> int:
        positive = np.flatnonzero([getattr(difference, end) > 0 for difference in differences])
        return int(positive[-1]) + 1 if positive.size else 0

    low, last, high = (first_after(end) for end in ("low", "value", "high"))
    value = ends[last]
    if 0 < last < len(_SIZES):
        before, after = differences[last - 1].value, differences[last].value
        value = ends[last - 1] * (ends[last] / ends[last - 1]) ** (before / (before - after))
    return Estimate(float(value), float(ends[low - 1]) if low else 0.0, float(ends[high]))


def _wrong_predictions(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    groups: Int[np.ndarray, " samples"],
    fits: list[Fit],
) -> tuple[int, int]:
    """Errors of naive Bayes and of discriminant analysis on each group, trained on the others."""
    wrong = np.zeros(2, int)
    for group, one in enumerate(fits[1:]):
        left_out = groups == group
        rules = (
            predicted.naive_bayes_rule(one.means, np.diag(one.covariance), one.priors),
            predicted.lda_rule(one.means, one.covariance, one.priors),
        )
        for learner, (weights, intercepts) in enumerate(rules):
            scores = features[left_out] @ weights.T + intercepts
            wrong[learner] += np.sum(scores.argmax(axis=1) != labels[left_out])
    return int(wrong[0]), int(wrong[1])


def _apart(limit: Estimate, measured: Estimate, excess: float) -> bool:
    return measured.high < limit.low or measured.low > limit.high + excess
