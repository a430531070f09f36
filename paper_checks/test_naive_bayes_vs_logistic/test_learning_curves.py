"""Which learner is ahead at which sample size: two regimes, on drawn and on real data; and linear
discriminant analysis beside them, which is generative without being naive.
"""

import warnings
from typing import Annotated, Literal

import numpy as np
from scipy.special import ndtr, ndtri

from paper_checks.test_naive_bayes_vs_logistic import equicorrelated, half_informative, two_classes
from sims.naive_bayes_vs_logistic import data, learning_curves
from theory.naive_bayes_vs_logistic import expected_error, linear_rules
from theory_on_trial import claim, known, tried
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bounded, RatioOfMeans


def lead_of_naive_bayes(correlation, sizes, n_features=20):
    """Return a simulator of the error of ridge logistic regression less that of naive Bayes, an
    entry for each size. Both learn from the same training set.
    """
    means = half_informative(n_features)
    sigma = equicorrelated(n_features, correlation)

    def measure(key):
        errors = learning_curves.paired_errors(
            key, sizes, means, sigma, max_samples=sizes[-1], tolerance=1e-6
        )
        naive_bayes, logistic = errors.T
        return logistic - naive_bayes

    return measure


SIGN = {"naive Bayes": 1, "logistic regression": -1}
"""The sign of the lead of naive Bayes if this learner has the smaller error."""


def decide_leads(trial, lead, few, many, control_processes=None, **sampling):
    """Decide that learner `few` has the smaller error at the first size, and learner `many` at the
    second. `lead` simulates the lead of naive Bayes at both, and so do the control processes.
    """
    signs = np.array([SIGN[few], SIGN[many]])

    def signed(lead):
        # Now both entries are to be positive.
        return lambda key: signs * lead(key)

    processes = {"the larger size both times": lambda key: signs * lead(key)[1]}
    processes |= {name: signed(rival) for name, rival in (control_processes or {}).items()}
    trial.mean(
        signed(lead),
        np.zeros(2),
        law=Bounded(-1, 1),
        side="at least",
        scale=0.5,  # leads are measured in the error of guessing
        control_processes=processes,
        **sampling,
    )


@claim(
    tried(
        'abstract, sentence 10: we observe the "two regimes" phenomenon',
        "Gaussian features that are almost independent, with 32 and 512 samples",
    ),
    kind="empirical",
    tier="full",
    cases=[0.05, 0.1],
)
def test_two_regimes(
    trial,
    correlation: Annotated[
        float, Interval(0.04, 0.12, why="32 and 512 samples lie on either side of the crossing")
    ],
):
    """Let two equally likely Gaussian classes have 20 features of variance one, every two of which
    have a correlation of .04 to .12 within a class, and let the means of ten of them differ by .8.
    Averaged over training sets of balanced labels, the error of naive Bayes is below that of ridge
    logistic regression ($C = 1$) with 32 samples, and above it with 512.
    """
    sizes = (32, 512)
    decide_leads(
        trial,
        lead_of_naive_bayes(correlation, sizes),
        few="naive Bayes",
        many="logistic regression",
        control_processes={
            "independent features": lead_of_naive_bayes(0.0, sizes),
            "correlation 0.5": lead_of_naive_bayes(0.5, sizes),
        },
        first=128,
        most=40_000,
    )


@claim(
    tried(
        "abstract, sentence 10: naive Bayes shows promise in few-shot cases",
        "independent Gaussian features, with 8 and 64 samples",
    ),
    kind="empirical",
    not_tight="sampling ends once it is known who is ahead",
)
def test_small_samples(
    trial,
    n_features: Annotated[
        int, Interval(16, 40, why="8 and 64 samples lie on either side of the crossing")
    ] = 20,
):
    """Let two equally likely Gaussian classes have 16 to 40 independent features of variance one,
    and let the means of half of them differ by .8. Averaged over training sets of balanced labels,
    the error of naive Bayes is above that of ridge logistic regression ($C = 1$) with 8 samples,
    and below it with 64.

    So even a learner whose model is right can be behind with few samples.
    """
    decide_leads(
        trial,
        lead_of_naive_bayes(0.0, (8, 64), n_features),
        few="logistic regression",
        many="naive Bayes",
        first=256,
        most=20_000,
    )


@claim(
    tried(
        'abstract, sentence 10: we observe the "two regimes" phenomenon',
        "raw features of three data sets that scikit-learn bundles",
    ),
    kind="empirical",
    tier="full",
    cases=[("wine", 10, 100), ("breast_cancer", 10, 200), ("digits", 20, 100)],
    not_tight="sampling ends once it is known who is ahead",
)
def test_real_two_regimes(
    trial,
    data_set: Literal["wine", "breast_cancer", "digits"],
    few: Annotated[int, Interval(10, 20, why="with more, naive Bayes need not lead")],
    many: Annotated[int, Interval(100, 150, why="wine has 178 samples, some of which must be left")]
    | Literal[200],
):
    """Take the wine, breast cancer and digits data sets of scikit-learn, with features scaled to
    [0, 1] in the training set. On the digits, let naive Bayes add .03 to every variance. Its mean
    test error is below that of ridge logistic regression ($C = 1$) with 10 to 20 training samples,
    20 of the digits, and above it with 100 to 150, or with 200 where there are as many.
    """
    from sklearn import datasets

    features, labels = getattr(datasets, f"load_{data_set}")(return_X_y=True)
    n_classes = int(labels.max()) + 1
    # Many pixels of the digits are the same in all images of a small training set.
    floor = 0.03 if data_set == "digits" else 1e-9
    trial.require(
        few >= 2 * n_classes or n_classes < 10, f"few must be at least {2 * n_classes}, got {few}"
    )
    trial.require(
        many < len(labels), f"many must leave some of the {len(labels)} samples, got {many}"
    )

    def lead(key):
        errors = learning_curves.split_errors(
            key,
            features,
            labels,
            n_classes,
            (few, many),
            max_samples=many,
            var_floor=floor,
            tolerance=1e-6,
        )
        naive_bayes, logistic = errors.T
        return logistic - naive_bayes

    decide_leads(trial, lead, few="naive Bayes", many="logistic regression", first=128, most=12_000)


def features_of_unseen_digits(seed):
    """Return 64 features of scikit-learn's images of the digits 5 to 9, and their classes 0 to 4.
    The features are the hidden ReLUs of a network that was trained to tell the digits 0 to 4.
    """
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    images, digits = load_digits(return_X_y=True)
    images = images / 16
    seen = digits < 5
    network = MLPClassifier((64,), max_iter=60, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 60 epochs are what is asked for
        network.fit(images[seen], digits[seen])
    hidden = images[~seen] @ network.coefs_[0] + network.intercepts_[0]
    return np.maximum(hidden, 0), digits[~seen] - 5


@claim(
    tried(
        'abstract, sentence 10: we observe the "two regimes" phenomenon in pre-trained supervised '
        "models",
        "64 features that a small network learned on five digits, for five other digits",
    ),
    kind="empirical",
    tier="full",
    cases=[0, 1, 2],
    not_tight="sampling ends once it is known who is ahead",
)
def test_learned_two_regimes(
    trial,
    start: Annotated[int, Interval(0, 20, why="which network; each is trained from another start")],
):
    """Let a network with one layer of 64 ReLUs be trained on the digits 0 to 4 of scikit-learn, and
    let its units be features of the digits 5 to 9, scaled to [0, 1] in the training set. If naive
    Bayes adds .03 to every variance, its mean test error is below that of ridge logistic regression
    ($C = 1$) with 10 training samples, and above it with 80.
    """
    seed = int(trial.generator("network").integers(2**31)) + start
    features, labels = features_of_unseen_digits(seed)

    def lead(key):
        errors = learning_curves.split_errors(
            key, features, labels, 5, (10, 80), max_samples=80, var_floor=0.03, tolerance=1e-6
        )
        naive_bayes, logistic = errors.T
        return logistic - naive_bayes

    decide_leads(trial, lead, few="naive Bayes", many="logistic regression", first=32, most=4000)


@claim(
    known("Efron 1975"),
    kind="limit",
    tier="full",
    cases=[(2.0, 1), (3.0, 1), (2.0, 4)],
)
def test_efron_are(
    trial,
    distance: Annotated[
        float, Interval(1.7, 3.2, why="nearer, controls are too close; farther, errors too rare")
    ],
    n_features: Annotated[
        int, Interval(1, 6, why="each feature adds a term of the order 1 / m to the ratio")
    ],
    n_samples: Annotated[
        int, Interval(2000, 8000, why="the limit is one of many samples; the high end is a cap")
    ] = 2000,
):
    """Let two equally likely classes of $n$ features be normal with unit covariance and means at
    distance $Δ$, and let labels be drawn at random. For every $n$, as the number of samples grows,
    the mean excess error of linear discriminant analysis, divided by that of maximum-likelihood
    logistic regression, tends to $(1 + Δ²/4) A$, where $A = exp(-Δ²/8) E[1 / cosh(Δ X / 2)]$ for a
    standard normal $X$.
    """
    ratio = expected_error.logistic_relative_efficiency(distance)
    a = ratio / (1 + distance**2 / 4)  # A
    # With one feature both excesses are proportional to the variance of the intercept: (4 + Δ²) / m
    # for the discriminant and 4 / (m A) for regression. Balanced labels take 4 / m off each.
    balanced = distance**2 / (4 / a - 4)
    trial.mean(
        lambda key: learning_curves.efron_pair(key, n_samples, distance, n_features),
        ratio,
        law=RatioOfMeans(),
        # The next term is of the order 1 / m: at m = 200 about half of this was seen.
        slack=ratio * distance**2 / n_samples,
        margin=0.04 * ratio,
        controls={
            "without $1 + Δ² / 4$": a,
            "labels balanced by design": balanced,
        },
        first=1024,
        most=200_000,
    )


@claim(
    known("Raudys 1967 and Deev 1970, for as many features as samples in order"),
    kind="limit",
    tier="full",
    cases=[0.5, 0.4, 0.3],
)
def test_lda_needs_linear(
    trial,
    aspect: Annotated[
        float, Interval(0.3, 0.6, why="with less, sqrt(1 - y) is near 1; the high end is a cap")
    ],
    n_features: Annotated[
        int, Interval(80, 400, why="the law is of large n; every sample holds n by n numbers")
    ] = 100,
    squared_distance: Annotated[
        float, Interval(2, 16, why="nearer, all rules guess; farther, terms of order 1 / n show")
    ] = 9.0,
):
    """Let linear discriminant analysis use the pooled covariance of $m / 2$ samples of each of two
    equally likely Gaussian classes in $n$ dimensions, whose Mahalanobis distance is $Δ$. As $n$ and
    $m$ grow with $y = n / m < 1$ fixed, its mean error tends to
    $Φ(-Δ² sqrt(1 - y) / (2 sqrt(Δ² + 4 y)))$.

    So at a fixed distance the number of samples that it needs is proportional to n.
    """
    n_samples = round(n_features / aspect)
    y = n_features / n_samples
    limit = linear_rules.lda_expected_error(squared_distance, y)
    means = two_classes(n_features, squared_distance)
    counts = data.balanced_counts(n_samples, 2)
    trial.mean(
        lambda key: learning_curves.lda_error(key, counts, means, np.ones(n_features)),
        limit,
        law=Bounded(0, 1),
        slack=limit / n_features,  # the order of the finite-size term
        margin=0.035 * limit,
        controls={"without $sqrt(1 - y)$": ndtr(ndtri(limit) / np.sqrt(1 - y))},
        first=1024,
        most=60_000,
    )
