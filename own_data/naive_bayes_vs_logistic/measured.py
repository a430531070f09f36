"""Measures on a user's data whether classes look Gaussian with one covariance, and the errors of
both classifiers.

Tests at one level for all of them name what is not Gaussian. The classifiers are those that one
would use, trained on parts of the data of several sizes and tested on the rest.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from theory_on_trial.laws import exact_ends
from theory_on_trial.own_data.estimate import Estimate

LEVEL = 0.01
BETWEEN = "in one class than in another"
"""The end of a sentence on what tells the classes apart although their means do not."""
_FEWEST = 20  # of a class, from where its own tests are worth their part of the level


def departures(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    columns: tuple[str, ...],
    directions: Float[np.ndarray, "features directions"],
) -> tuple[str, ...]:
    """Return sentences on what is surely not Gaussian, or not of one covariance; empty if nothing
    is found.

    The columns, the principal components of the noise, and the given `directions`, on which a rule
    rests, are tested for their skewness (D'Agostino 1970), their kurtosis (Anscombe & Glynn 1983),
    their farthest point, and equal variances in all classes (Brown & Forsythe 1974). Pairs of
    columns are tested for equal correlations (Fisher's z). All tests share a level of 1 %
    (Bonferroni). With few samples the tests easily miss a departure.
    """
    from scipy.stats import chi2, kurtosistest, levene, norm, skewtest

    n_samples = len(labels)
    n_classes = int(labels.max()) + 1
    counts = np.bincount(labels)
    means = np.array([features[labels == k].mean(axis=0) for k in range(n_classes)])
    noise = (features - means[labels]) / np.sqrt(1 - 1 / counts)[labels, None]
    noise /= noise.std(axis=0)
    vectors = np.linalg.eigh(noise.T @ noise)[1]
    projections = (features - means[labels]) @ directions / np.sqrt(1 - 1 / counts)[labels, None]
    views = np.column_stack([noise, noise @ vectors, projections])
    views /= views.std(axis=0)
    names = [
        *(f"column {name!r}" for name in columns),
        *["a combination of the columns"] * len(columns),
        *["the score of a rule"] * directions.shape[1],
    ]
    farthest = np.abs(views).max(axis=0)
    log_below = n_samples * np.log1p(-2 * norm.sf(farthest))
    shape = {
        "is skewed within the classes": np.atleast_1d(skewtest(views).pvalue),
        "has tails that are not Gaussian": np.atleast_1d(kurtosistest(views).pvalue),
        "has a farthest point that is not Gaussian": 2
        * np.minimum(np.exp(log_below), -np.expm1(log_below)),
        f"varies more {BETWEEN}": np.atleast_1d(
            levene(*(views[labels == k] for k in range(n_classes)), center="median", axis=0).pvalue
        ),
    }
    large = np.flatnonzero(counts >= _FEWEST)
    first, second = np.triu_indices(len(columns), 1)
    tests = len(shape) * len(names) + (len(first) if len(large) > 1 else 0)
    sentences = []
    for what, chances in shape.items():
        chances = np.where(np.isfinite(chances), chances, 1.0)
        if chances.min() * tests < LEVEL:
            sentences.append(f"{names[int(chances.argmin())]} {what} (p = {chances.min():.1g})")
    if len(large) > 1:
        with np.errstate(
            invalid="ignore", divide="ignore"
        ):  # a column may be constant in one class
            correlations = [np.corrcoef(noise[labels == k].T)[first, second] for k in large]
        z = np.arctanh(np.nan_to_num(correlations) * (1 - 1e-12))
        weights = (counts[large] - 3)[:, None]
        spread = np.sum(weights * (z - np.sum(weights * z, axis=0) / weights.sum()) ** 2, axis=0)
        least = chi2.sf(spread, len(large) - 1)
        at = int(least.argmin())
        if least[at] * tests < LEVEL:
            pair = f"columns {columns[first[at]]!r} and {columns[second[at]]!r}"
            sentences.append(f"{pair} are correlated otherwise {BETWEEN} (p = {least[at]:.1g})")
    return tuple(sentences)


def alone_sufficient(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    columns: tuple[str, ...],
) -> tuple[str, ...]:
    """Return the names of the columns each of which alone tells the classes: the nearest class mean
    errs on at most 1 % of the rows.
    """
    hits = []
    for name, column in zip(columns, features.T, strict=True):
        means = np.array([column[labels == k].mean() for k in range(int(labels.max()) + 1)])
        nearest = np.argmin(np.abs(column[:, None] - means), axis=1)
        if np.mean(nearest != labels) <= 0.01:
            hits.append(name)
    return tuple(hits)


def signal_chance(
    features: Float[np.ndarray, "samples features"], labels: Int[np.ndarray, " samples"]
) -> float:
    """Return the p-value of class means that are so far apart if all were equal, by Wilks' test in
    Bartlett's approximation (1938).
    """
    from scipy.stats import chi2

    n_samples, n_features = features.shape
    n_classes = int(labels.max()) + 1
    means = np.array([features[labels == k].mean(axis=0) for k in range(n_classes)])
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    within = (features - means[labels]) / features.std(axis=0)
    log_ratio = (
        np.linalg.slogdet(standard.T @ standard)[1] - np.linalg.slogdet(within.T @ within)[1]
    )
    statistic = (n_samples - 1 - (n_features + n_classes) / 2) * log_ratio
    return float(chi2.sf(statistic, n_features * (n_classes - 1)))


SPLITS = 16
_STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)  # C
_STEPS = 5  # sizes
_LARGEST = 0.5  # share of the rows that train at most
_COSTLY = 120  # coefficients, beyond which fewer splits are affordable
_CLUSTERED = 2000  # rows of which clusters are sought
_CLUSTERS = 40
_FOLDS = 10
_APART = 0.1  # of the error rate: boundaries that are not linear leave less
_SURELY = 2.0  # standard errors over clusters
_TESTED = 4000  # rows that test a training set at most
_MOST = 500  # rows that train at most: there the difference has shown itself or hardly matters


class Measured(NamedTuple):
    """The mean error rates of both classifiers on held-out rows, for training sets of one size.

    Attributes:
        size: m, the number of training rows.
        naive_bayes: the error of naive Bayes with a variance for each class and feature
            (scikit-learn's `GaussianNB`).
        logistic: the error of ridge logistic regression on standardised features, with C tuned on
            the training rows.
        lead: the error of logistic regression minus that of naive Bayes; negative if logistic
            regression is ahead.
        constant: the error of the rule that always predicts the most frequent class of all rows.
        gain: the error of this rule minus that of the classifier with the smaller error.
    """

    size: int
    naive_bayes: Estimate
    logistic: Estimate
    lead: Estimate
    constant: Estimate
    gain: Estimate


def measure(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    confidence: float,
    groups: Int[np.ndarray, " samples"] | None = None,
) -> tuple[Measured, ...]:
    """Return the errors of both classifiers at up to five sizes of the training set.

    The intervals of all sizes hold together with the given confidence. Each of up to 16 random
    divisions of the rows draws the classes in proportion, with smaller training sets inside larger
    ones. If `groups` are given, a division draws whole groups, and no group is on both sides.

    The divisions share rows. The variance of a mean over B of them is at most
    S^2 (1 / B + m / M) + s^2 / M for m training rows of M, with the variance S^2 between training
    sets and s^2 between test rows (Hoeffding 1948, for each of the two). Both are estimated, over
    groups if there are some. The interval is Student's with B - 1 degrees of freedom; that of an
    error is no narrower than the exact interval of as many errors in the rows, or groups, that are
    held out.
    """
    from scipy.stats import t

    n_samples = len(labels)
    n_classes = int(labels.max()) + 1
    least = max(10, 3 * n_classes)
    sizes = np.unique(
        np.geomspace(least, max(least, min(_LARGEST * n_samples, _MOST)), _STEPS).astype(int)
    ).tolist()
    splits = int(np.clip(SPLITS * _COSTLY / (features.shape[1] * (n_classes - 1)), 6, SPLITS))
    errors = np.full((len(sizes), splits, 3, n_samples), np.nan, np.float32)
    always = labels != np.bincount(labels).argmax()
    rng = np.random.default_rng(0)
    for split in range(splits):
        order = (
            _proportional_order(labels, rng)
            if groups is None
            else _order_of_groups(groups, labels, max(sizes[0], 3 * n_classes), rng)
        )
        for at, size in enumerate(sizes):
            train = order[:size]
            test = order[size:]
            if groups is not None:
                test = test[~np.isin(groups[test], groups[train])]
            test = test[:_TESTED]
            errors[at, split][:2, test] = _both_wrong(features, labels, train, test)
            errors[at, split][2, test] = always[test]
    quantile = float(t.ppf(1 - (1 - confidence) / (2 * len(sizes)), splits - 1))
    units = np.arange(n_samples) if groups is None else groups

    def mean(losses: Float[np.ndarray, "splits samples"], size: int) -> Estimate:
        tested = ~np.isnan(losses)
        between = np.nanmean(losses, axis=1, dtype=np.float64)
        mask = tested.any(axis=0)
        rows = np.asarray(np.nanmean(losses[:, mask], axis=0, dtype=np.float64))
        # Sums over units about the mean: of single rows their deviations.
        sums = np.bincount(units[mask], rows - rows.mean())
        of_rows = float(sums @ sums) / len(rows) ** 2
        of_tests = of_rows * len(rows) / tested.sum(axis=1).mean()
        if groups is None:
            of_tests = np.nanvar(losses, axis=1).mean() / tested.sum(axis=1).mean()
        of_training = max(between.var(ddof=1) - of_tests, 0.0)
        variance = of_training * (1 / splits + size / n_samples) + of_rows
        value = float(between.mean())
        half = quantile * float(np.sqrt(variance))
        return Estimate(value, value - half, value + half)

    def share(losses: Float[np.ndarray, "splits samples"], size: int) -> Estimate:
        value, low, high = np.clip(mean(losses, size), 0, 1).tolist()
        # Few errors show little of their own scatter: no narrower than so many errors in all rows
        # held out.
        count = len(np.unique(units[~np.all(np.isnan(losses), axis=0)]))
        least, most = exact_ends(value * count, count, (1 - confidence) / len(sizes))
        return Estimate(value, min(low, least), max(high, most))

    def one_size(losses: Float[np.ndarray, "splits 3 samples"], size: int) -> Measured:
        naive_bayes, logistic, constant = (share(losses[:, rule], size) for rule in range(3))
        better = int(logistic.value < naive_bayes.value)
        return Measured(
            size,
            naive_bayes,
            logistic,
            mean(losses[:, 1] - losses[:, 0], size),
            constant,
            mean(losses[:, 2] - losses[:, better], size),
        )

    return tuple(one_size(losses, size) for size, losses in zip(sizes, errors, strict=True))


def clusters_apart(
    features: Float[np.ndarray, "samples features"], labels: Int[np.ndarray, " samples"]
) -> float:
    """Return how much more the better of two quick classifiers errs on clusters that it has not
    seen than on rows held out at random; 0 where that is little or may be chance.
    """
    from sklearn.cluster import KMeans
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.naive_bayes import GaussianNB

    rows = np.random.default_rng(0).permutation(len(labels))[:_CLUSTERED]
    inputs = features[rows] / features[rows].std(axis=0)
    targets = labels[rows]
    count = min(_CLUSTERS, len(rows) // 10)
    clusters = KMeans(count, n_init=1, random_state=0).fit_predict(inputs)
    fold = np.random.default_rng(1).permutation(count)[clusters] % _FOLDS
    random = np.random.default_rng(2).permutation(len(rows)) % _FOLDS
    wrong = np.zeros((2, 2, len(rows)))
    for which, folds in enumerate((fold, random)):
        for held in range(_FOLDS):
            test = np.flatnonzero(folds == held)
            train = np.flatnonzero(folds != held)
            if len(test) and len(np.unique(targets[train])) == int(labels.max()) + 1:
                for rule, quick in enumerate((GaussianNB(), LinearDiscriminantAnalysis("lsqr"))):
                    with np.errstate(all="ignore"):
                        quick.fit(inputs[train], targets[train])
                        wrong[which, rule, test] = quick.predict(inputs[test]) != targets[test]
    errors = wrong.mean(axis=2).min(axis=1)
    means = np.bincount(clusters, wrong[0, wrong[0].mean(axis=1).argmin()]) / len(rows)
    spread = float(np.sqrt(count * means.var()))
    apart = float(errors[0] - errors[1])
    return apart if apart > max(_APART, _SURELY * spread) else 0.0


def crossing(measured: tuple[Measured, ...]) -> Estimate:
    """Return the training size from which on logistic regression is ahead, up to the largest size
    measured; infinite if it is not.

    The interval starts at the largest size at which naive Bayes is surely ahead (0 if there is
    none) and ends at the size from which on logistic regression is surely ahead (infinite if there
    is none). The value is where the mean leads change sign for the last time, or an end of the
    interval.
    """
    sizes = np.array([row.size for row in measured], float)
    leads = np.array([row.lead for row in measured])
    behind = np.flatnonzero(leads[:, 1] > 0)
    low = float(sizes[behind[-1]]) if behind.size else 0.0
    positive = np.flatnonzero(leads[:, 0] > 0)
    last = int(positive[-1]) + 1 if positive.size else 0
    not_ahead = np.flatnonzero(leads[:, 2] >= 0)
    following = int(not_ahead[-1]) + 1 if not_ahead.size else 0
    high = float(sizes[following]) if following < len(sizes) else np.inf
    value = np.inf if last == len(sizes) else float(sizes[0])
    if 0 < last < len(sizes):
        before, after = leads[last - 1 : last + 1, 0]
        value = float(
            sizes[last - 1] * (sizes[last] / sizes[last - 1]) ** (before / (before - after))
        )
    return Estimate(min(max(value, low), high), low, high)


def _proportional_order(
    labels: Int[np.ndarray, " samples"], rng: np.random.Generator
) -> Int[np.ndarray, " samples"]:
    """Return a random order of the rows in which every beginning has the classes in proportion,
    from two of each class on.
    """
    position = np.empty(len(labels))
    for k in range(int(labels.max()) + 1):
        members = rng.permutation(np.flatnonzero(labels == k))
        position[members] = (np.arange(len(members)) + rng.random()) / len(members)
        position[members[:2]] = -rng.random(2)
    return np.argsort(position)


def _order_of_groups(
    groups: Int[np.ndarray, " samples"],
    labels: Int[np.ndarray, " samples"],
    first: int,
    rng: np.random.Generator,
) -> Int[np.ndarray, " samples"]:
    """Return a random order of whole groups in which the `first` rows hold two of each class, if
    one of a hundred orders does.
    """
    n_classes = int(labels.max()) + 1
    for _ in range(100):
        order = np.argsort(rng.permutation(int(groups.max()) + 1)[groups], kind="stable")
        if np.bincount(labels[order[:first]], minlength=n_classes).min() >= 2:
            break
    return order


def _both_wrong(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    train: Int[np.ndarray, " train"],
    test: Int[np.ndarray, " test"],
) -> Bool[np.ndarray, "2 test"]:
    from sklearn import config_context
    from sklearn.naive_bayes import GaussianNB

    centre = features[train].mean(axis=0)
    scale = features[train].std(axis=0)
    inputs = (features - centre) / np.where(scale > 0, scale, 1)
    # A feature may be constant in all of the rows that train; these have been checked.
    with (
        np.errstate(all="ignore"),
        config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        naive_bayes = GaussianNB().fit(inputs[train], labels[train]).predict(inputs[test])
    weights = tuned_logistic(inputs[train], labels[train], int(labels.max()) + 1)
    logistic = np.argmax(np.column_stack([inputs[test], np.ones(len(test))]) @ weights, axis=1)
    return np.stack([naive_bayes, logistic]) != labels[test]


def tuned_logistic(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    n_classes: int,
) -> Float[np.ndarray, "parameters classes"]:
    """Return the weights and intercepts (last row) of multinomial ridge logistic regression.

    C is the one with the least leave-one-out log loss, which one Newton step from the fit to all
    rows approximates (Rad & Maleki 2020).
    """
    from scipy.special import log_softmax, softmax

    design = np.column_stack([features, np.ones(len(features))])
    basis = np.linalg.qr(np.column_stack([np.ones(n_classes), np.eye(n_classes)[:, 1:]]))[0][:, 1:]
    targets = np.eye(n_classes)[labels]
    inner = n_classes - 1
    width = design.shape[1]
    best = np.inf
    weights = np.zeros((width, n_classes))
    parameters = np.zeros((inner, width))
    for strength in _STRENGTHS:
        penalty = np.append(np.full(width - 1, 1 / strength), 1e-6)
        parameters, inverse = _newton(design, targets, basis, penalty, parameters)
        scores = design @ parameters.T
        chances = softmax(scores @ basis.T, axis=1)
        spread = _spread(chances, basis)
        blocks = np.einsum(
            "ip,kplq,iq->ikl",
            design,
            inverse.reshape(inner, width, inner, width),
            design,
            optimize=True,
        )
        pull = ((chances - targets) @ basis)[:, :, None]
        left_out = (
            scores + (blocks @ np.linalg.solve(np.eye(inner) - spread @ blocks, pull))[:, :, 0]
        )
        loss = -np.sum(targets * log_softmax(left_out @ basis.T, axis=1)) / len(labels)
        if loss < best:
            best = loss
            weights = (basis @ parameters).T
    return weights


def _newton(design: Any, targets: Any, basis: Any, penalty: Any, start: Any) -> tuple[Any, Any]:
    """Return the minimiser of the log loss plus the penalty, as coefficients of `basis`, and the
    inverse Hessian there.
    """
    from scipy.special import log_softmax, softmax

    size = start.size

    def objective(parameters: Any) -> float:
        losses = -targets * log_softmax(design @ parameters.T @ basis.T, axis=1)
        return float(losses.sum() + (penalty * parameters**2).sum() / 2)

    parameters = start
    value = objective(start)
    hessian = np.eye(size)
    for _ in range(50):
        chances = softmax(design @ parameters.T @ basis.T, axis=1)
        spread = _spread(chances, basis)
        hessian = np.einsum("ikl,ip,iq->kplq", spread, design, design, optimize=True)
        hessian = hessian.reshape(size, size) + np.diag(np.tile(penalty, len(start)))
        gradient = ((chances - targets) @ basis).T @ design + penalty * parameters
        step = np.linalg.solve(hessian, gradient.ravel()).reshape(start.shape)
        decrement = float(gradient.ravel() @ step.ravel())
        if decrement < 1e-5 * len(design):
            break
        factor = 1.0
        new = objective(parameters - step)
        while new > value - factor * decrement / 10 and factor > 1e-4:
            factor /= 2
            new = objective(parameters - factor * step)
        parameters = parameters - factor * step
        value = new
    return parameters, np.linalg.inv(hessian)


def _spread(chances: Any, basis: Any) -> Any:
    """Return U^T (diag p - p p^T) U for the class probabilities p of every row and the basis U."""
    inside = chances @ basis
    return np.einsum("jk,ij,jl->ikl", basis, chances, basis) - inside[:, :, None] * inside[:, None]
