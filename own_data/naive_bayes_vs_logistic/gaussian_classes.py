"""Do classes look Gaussian with one covariance? Tests that name what does not, at one level for all
of them.
"""

import numpy as np
from jaxtyping import Float, Int

LEVEL = 0.01
BETWEEN = "in one class than in another"
"""How the sentences end on what tells the classes apart though their means do not."""
_FEWEST = 20  # of a class, from where its own tests are worth their part of the level


def departures(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    columns: tuple[str, ...],
    directions: Float[np.ndarray, "features directions"],
) -> tuple[str, ...]:
    """Sentences on what is surely not Gaussian, or not of one covariance; empty where nothing is
    found.

    Columns, principal components of the noise and the `directions` given (what a rule sees) are
    tested for their skewness (D'Agostino 1970), kurtosis (Anscombe & Glynn 1983), their farthest
    point, and equal variances of all classes (Brown & Forsythe 1974), pairs of columns for equal
    correlations (Fisher's z). Bonferroni shares a level of 1 % among all of these; with few samples
    a departure is easily missed.
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
    """Names of the columns that tell the classes by themselves: at most 1 % errors between the
    means of the classes.
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
    """Chance of class means this far apart if all were equal: Wilks' test in Bartlett's
    approximation (1938).
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
