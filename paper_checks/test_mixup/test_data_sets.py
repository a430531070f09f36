"""Mixup on one data set: a certified minimiser exists, and at large separability it is a modified
LDA.
"""

import warnings
from typing import Annotated

import numpy as np
from scipy.special import entr

from paper_checks.test_mixup import mixture_pair
from sims.mixup import fits, margins
from theory.mixup import rates
from theory.mixup.classes import MixingLaw, one_minus_cosine
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

LAW = MixingLaw.beta(1.0, 12)


def samples(trial, count, sizes, separabilities):
    """Features [separabilities, points, dim] of `count` data sets with (n_0, n_1) = `sizes`, and
    their labels. A data set has the same standardised noise at every κ.
    """
    pair = mixture_pair()
    rng = trial.generator("noise")
    factor = np.asarray(fits.covariance_factor(pair.covariance))
    labels = np.repeat([0, 1], sizes)
    means = (2 * labels[:, None] - 1) * pair.mean
    for _ in range(count):
        noise = rng.standard_normal((len(labels), pair.dim)) @ factor.T
        yield np.stack([means + noise / np.sqrt(kappa) for kappa in separabilities]), labels


def mixup_weights(features, labels):
    """Mixup's minimiser on one data set."""
    fit = fits.fit_mixup(features, labels.astype(float), LAW.nodes, LAW.weights, LAW.input_weights)
    return np.asarray(fit.weights)


def lda_errors(points, labels):
    """1 - cos of Mixup's minimiser to the modified LDA, to plain LDA, and to the one with h in
    place of h_1.
    """
    low, high = (points[labels == label].mean(axis=0) for label in (0, 1))
    residuals = points - np.where(labels[:, None] == 1, high, low)
    scatter = residuals.T @ residuals / len(points)
    centre = np.outer(low + high, low + high) / 4
    candidates = (
        rates.modified_lda_direction(points, labels, LAW),
        np.linalg.solve(scatter, high - low),
        np.linalg.solve(scatter + centre, high - low),
    )
    return [one_minus_cosine(mixup_weights(points, labels), candidate) for candidate in candidates]


def mean_errors(trial, separabilities, n, count):
    """`lda_errors` at each κ, three lists: geometric means over data sets, because a median changes
    from one data set to another as κ grows.
    """
    errors = [
        [lda_errors(points, labels) for points in features]
        for features, labels in samples(trial, count, (n, n), separabilities)
    ]
    return np.exp(np.mean(np.log(errors), axis=0)).T


SECOND_ORDER = derived(
    "the loss is expanded to second order in the noise, about the scores of the class means"
)


@claim(SECOND_ORDER, kind="limit")
def test_modified_lda_limit(
    trial,
    least: Annotated[
        float, Interval(1e4, 1e5, why="a limit; with more, the fits' tolerance shows")
    ] = 1e4,
    n: Annotated[int, Interval(8, 40, why="smaller classes may be separable")] = 8,
    count: Annotated[int, Interval(6, 100, why="fewer may miss a failure, each is fitted")] = 9,
):
    """On a data set of two classes N(±μ, Σ / κ) with equal counts, let z_0 and z_1 be the class
    means, S the scatter within the classes, c_0 = (z_0 + z_1) / 2, and v = (h S + h_1 c_0 c_0^T)^-1
    (z_1 - z_0), with h = E[f (s'(u) + s'(c u))] / 2 and h_1 = E[s'(u) + s'(c u)] / 2, where f = λ²
    + (1 - λ)², c = 2 λ - 1, s is the logistic function, and u is the limiting score of the class
    means. As κ grows, 1 - cos(w, v) of Mixup's minimiser w falls like 1 / κ.

    v is the direction of a modified discriminant analysis.
    """
    separabilities = least * 4.0 ** np.arange(5)
    mean, _, _ = mean_errors(trial, separabilities, n, count)
    trial.order(
        mean,
        separabilities,
        -1.0,
        rounding=1e-8 * np.sqrt(mean),  # the fits' tolerance of 1e-9, times the chord's slope
        margin=0.01,
        controls={"κ^(-1/2)": -0.5, "κ^-2": -2.0},
        same_instance=True,
    )


@claim(SECOND_ORDER, kind="bound")
def test_modified_lda_limit__size(
    trial,
    separability: Annotated[
        float, Interval(1e5, 3e7, why="a limit; with more, the fits' tolerance shows")
    ] = 2.56e6,
    n: Annotated[int, Interval(8, 40, why="smaller classes may be separable")] = 8,
    count: Annotated[int, Interval(6, 100, why="fewer may miss a failure, each is fitted")] = 9,
):
    """On a data set of two classes N(±μ, Σ / κ) with equal counts, let z_0 and z_1 be the class
    means, S the scatter within the classes, c_0 = (z_0 + z_1) / 2, and v = (h S + h_1 c_0 c_0^T)^-1
    (z_1 - z_0), with h = E[f (s'(u) + s'(c u))] / 2 and h_1 = E[s'(u) + s'(c u)] / 2, where f = λ²
    + (1 - λ)², c = 2 λ - 1, s is the logistic function, and u is the limiting score of the class
    means. At large κ, 1 - cos(w, v) of Mixup's minimiser w is at most 1 / κ, as a geometric mean
    over data sets.
    """
    (mean,), (plain,), (one_curvature,) = mean_errors(trial, (separability,), n, count)
    trial.value(
        mean,
        0.0,
        side="at most",
        slack=1 / separability,
        scale=plain,
        error=1e-8 * np.sqrt(mean),
        control_processes={"plain LDA": plain, "h in place of h_1": one_curvature},
    )


@claim(
    derived("the loss is expanded to second order in the scores about the class means"),
    kind="limit",
    cases=[(10, 14), (16, 32)],
)
def test_reduced_problem(
    trial,
    n_zeros: Annotated[int, Interval(8, 40, why="smaller classes may be separable")],
    n_ones: Annotated[int, Interval(8, 40, why="smaller classes may be separable")],
    separability: Annotated[
        float,
        Interval(
            3e3, 3e4, why="with less, higher orders show; with more, the fits' tolerance shows"
        ),
    ] = 1e4,
    count: Annotated[int, Interval(6, 100, why="fewer may miss a failure, each is fitted")] = 9,
):
    """On one data set, let class c in {0, 1} have the share p_c, the mean z_c and the covariance
    S_c, and let a_c = w·z_c and q_c = w^T S_c w. At large κ, Mixup's minimiser has the direction of
    the w that minimises sum_c p_c² (L(-(2 c - 1) a_c) + s'(a_c) E[λ² + (1 - λ)²] q_c / 2) + 2 p_0
    p_1 E[L(v) - λ v + s'(v) (λ² q_1 + (1 - λ)² q_0) / 2] with v = λ a_1 + (1 - λ) a_0, L(v) = log(1
    + e^v) and s = L', up to fourth powers of the scores about the class means.
    """
    apart = abs(n_zeros - n_ones) >= 0.1 * (n_zeros + n_ones)
    trial.require(
        apart,
        "n_zeros and n_ones must differ by a tenth of their sum: else Mixup is nearly a modified "
        "LDA",
    )
    trial.require(
        0.5 <= n_zeros / n_ones <= 2, "n_zeros / n_ones must lie in [1/2, 2]: else scores are large"
    )
    deficits = []
    remainders = []
    for (points,), labels in samples(trial, count, (n_zeros, n_ones), (separability,)):
        weights = mixup_weights(points, labels)
        members = [points[labels == label] for label in (0, 1)]
        means = np.stack([one.mean(axis=0) for one in members])
        covariances = np.stack([np.cov(one.T, bias=True) for one in members])
        directions = [
            rates.reduced_problem(means, scale * covariances, n_ones / len(labels), LAW)
            for scale in (1, 0.5, 2)
        ]
        deficits.append([one_minus_cosine(weights, direction) for direction in directions])
        fourth = np.mean(((points - means[labels]) @ directions[0]) ** 4)
        flattest = np.linalg.eigvalsh(covariances.mean(axis=0))[0]
        remainders.append(fourth**1.5 / (flattest * np.sum(np.square(directions[0]))))
    half, quarter, full = np.transpose(deficits)
    trial.value(
        half,
        np.zeros(count),
        margin=150 * np.array(remainders)
        + 1e-8,  # the gradient's third powers of scores over the weakest curvature
        scale=1.0,  # one minus a cosine
        error=1e-9,
        control_processes={"q_c / 4 in place of q_c / 2": quarter, "q_c in place of q_c / 2": full},
    )


def minima(points, labels):
    """Mixup's minimum by Newton, a lower bound on it, that of a program, the labels' entropy, and
    the loss of zero. None where, by its own account, the interior-point solver stalls: on one data
    set in a hundred.
    """
    arguments = (points, labels, LAW.nodes, LAW.weights, LAW.input_weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = fits.mixup_program(*arguments)
        except ValueError:
            return None
    mixtures = fits.mixed_rows(*arguments)
    weights = mixup_weights(points, labels)
    certificate = rates.entropy_certificate(*mixtures, weights)
    # Any other w' loses at most |w' - w| times the gradient: twice |w| is room for every candidate.
    dual = certificate.dual - 2 * np.linalg.norm(weights) * certificate.infeasibility
    optimum = rates.entropy_certificate(*mixtures, program).primal
    entropy = mixtures.weights @ (entr(mixtures.labels) + entr(1 - mixtures.labels))
    return certificate.primal, dual, optimum, entropy, np.log(2)


def uniqueness(points, labels):
    """Whether five mixtures of one data set have one minimiser, and whether they should.

    Without mixing none has one that a hyperplane through the origin separates; few points of two
    classes that overlap may be such, or not.
    """
    apart = bool(margins.hard_margin((2 * labels - 1)[:, None] * points).separable)
    soft = (np.array([0.3]), np.ones(1), np.array([0.3]))
    hard = (np.ones(1), np.ones(1), np.ones(1))
    one_class = np.ones(len(labels))
    settings = [
        (points, labels, soft, 1),
        (points, labels, hard, int(not apart)),
        (points[1:4], labels[1:4], soft, 1),
    ]
    settings += [(points[:2], labels[[0, -1]], soft, 0), (np.abs(points), one_class, soft, 0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one class alone is what is on trial
        mixes = [fits.mixed_rows(rows, ones, *law) for rows, ones, law, _ in settings]
    return [
        (int(fits.has_one_minimiser(mix.rows, mix.labels)), *s[3:])
        for mix, s in zip(mixes, settings, strict=True)
    ]


def fitted_sets(trial, count, separability):
    """Drawn data sets and what `minima` says of each."""
    sets = [
        (points, labels.astype(float))
        for (points,), labels in samples(trial, 2 * count, (3, 3), (separability,))
    ]
    fitted = [(data_set, minima(*data_set)) for data_set in sets]
    return [(data_set, values) for data_set, values in fitted if values is not None][:count]


@claim(
    derived("the convexity of the loss and its dual problem, in which an entropy is maximised"),
    kind="optimality",
)
def test_coercive(
    trial,
    count: Annotated[int, Interval(6, 100, why="fewer may miss a failure, each is fitted")] = 6,
    separability: Annotated[float, Interval(1, 1000)] = 50.0,
):
    """If λ takes a value other than 0, 1/2 and 1 with positive probability, both classes occur and
    the points span the space, Mixup's loss on a data set attains its minimum.

    A feasible point of the dual problem certifies the minimum of a fit.
    """
    results = fitted_sets(trial, count, separability)
    primals, duals, optima, floors, starts = np.transpose([values for _, values in results])
    controls = {"the entropy of the labels": floors, "the loss of w = 0": starts}
    trial.gap(
        primals, duals, optima, margin=1e-7, scale=1.0, ops=len(LAW.nodes) * 36, controls=controls
    )


@claim(
    derived("the convexity of the loss, which is strict where soft labels occur"), kind="identity"
)
def test_coercive__unique(
    trial,
    count: Annotated[int, Interval(6, 100, why="fewer may miss a failure, each is fitted")] = 6,
    separability: Annotated[float, Interval(1, 1000)] = 50.0,
):
    """If λ takes a value other than 0, 1/2 and 1 with positive probability, both classes occur and
    the points span the space, Mixup's loss on a data set has exactly one minimiser.

    Data sets without one of these conditions are tried, too, which may have none or many.
    """
    results = fitted_sets(trial, count, separability)
    unique, truths = np.concatenate([uniqueness(*data_set) for data_set, _ in results]).T
    none = np.zeros(len(unique), int)
    full = np.ones(len(unique), int)
    trial.identity(
        unique, truths, ops=0, controls={"one minimiser never": none, "one minimiser always": full}
    )
