"""Mixup on one data set: a certified minimiser, and a modified LDA at large separability."""

import warnings
from typing import Annotated

import numpy as np
from scipy.special import entr

from paper_checks.test_mixup import mixture_pair
from sims.mixup import fits
from theory.mixup import rates
from theory.mixup.classes import MixingLaw, one_minus_cosine
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

LAW = MixingLaw.beta(1.0, 12)


def samples(trial, count, n, separabilities, mirrored=False):
    """Yield `count` data sets as pairs of features [separabilities, points, dim] and labels, with n
    points in each class; each is followed by one with the opposite noise if `mirrored`. Only the
    scale of the noise differs from one κ to another.
    """
    pair = mixture_pair()
    rng = trial.generator("noise")
    factor = np.asarray(fits.covariance_factor(pair.covariance))
    labels = np.repeat([0, 1], n)
    means = (2 * labels[:, None] - 1) * pair.mean
    for _ in range(count):
        noise = rng.standard_normal((len(labels), pair.dim)) @ factor.T
        for own in (noise, -noise) if mirrored else (noise,):
            yield np.stack([means + own / np.sqrt(kappa) for kappa in separabilities]), labels


def mixup_weights(features, labels):
    """Mixup's minimiser on one data set, by Newton's method."""
    fit = fits.fit_mixup(features, labels.astype(float), LAW.nodes, LAW.weights, LAW.input_weights)
    return np.asarray(fit.weights)


def lda_errors(points, labels):
    """1 - cos of Mixup's minimiser to the direction of the modified LDA, and to that of LDA."""
    low, high = (points[labels == label].mean(axis=0) for label in (0, 1))
    residuals = points - np.where(labels[:, None] == 1, high, low)
    modified = rates.modified_lda_direction(points, labels, LAW)
    plain = np.linalg.solve(residuals.T @ residuals, high - low)
    weights = mixup_weights(points, labels)
    return one_minus_cosine(weights, modified), one_minus_cosine(weights, plain)


@claim(
    derived(
        "the loss is expanded to second order in the noise, about the scores of the class means"
    ),
    kind="limit",
    cases=[{"n": 8}, {"n": 10}, {"n": 12}],
)
def test_modified_lda_limit(
    trial,
    least: Annotated[
        float, Interval(1e4, 1e5, why="a limit; with more, the fits' tolerance shows")
    ] = 1e4,
    n: Annotated[int, Interval(8, 40, why="smaller classes may be separable")] = 8,
    count: Annotated[
        int, Interval(3, 50, why="fewer may miss a failure, each is fitted twice")
    ] = 3,
):
    """On a data set of two classes $N(±μ, Σ / κ)$ with equal counts, let $w$ minimise Mixup's loss
    with a uniform $λ$, averaged. Let $z_0$ and $z_1$ be the means of the points of either class,
    $S$ the mean square $(x - z_y) (x - z_y)^T$ within the classes, $c_0 = (z_0 + z_1) / 2$, and
    $v = (h S + h_1 c_0 c_0^T)^-1 (z_1 - z_0)$, with $h = E[f (s'(u) + s'(c u))] / 2$ and
    $h_1 = E[s'(u) + s'(c u)] / 2$, where $f = λ² + (1 - λ)²$, $c = 2 λ - 1$, $s$ is the logistic
    function, and $u$ is the limit of $w·z_1$ at large $κ$. As $κ$ grows with the same noise,
    $1 - cos(w, v)$ falls like $1 / κ$.

    v is the direction of a modified discriminant analysis.
    """
    separabilities = least * 4.0 ** np.arange(5)
    errors = [
        [lda_errors(points, labels) for points in features]
        for features, labels in samples(trial, count, n, separabilities, mirrored=True)
    ]
    # The mean falls no faster than any data set does. Corrections of odd order in the noise cancel
    # between a data set and its mirror image, and what is left of both errors settles like 1 / κ.
    modified, plain = np.mean(errors, axis=0).T
    trial.order(
        modified,
        separabilities,
        -1.0,
        rounding=1e-8 * np.sqrt(modified),  # the fits' tolerance of 1e-9, times the chord's slope
        margin=0.006,
        controls={"$κ^(-1/2)$": -0.5, "$κ^-2$": -2.0},
        control_processes={"plain LDA": plain},
        same_instance=True,
        generic="both directions are analytic in the points",
    )


def minima(points, labels):
    """Return Mixup's loss at Newton's minimiser, a lower bound on the loss, the loss at the
    minimiser of an interior-point solver, and the mean entropy of the mixed labels. Return None
    where this solver says that it stalls, as on one data set in a hundred.
    """
    arguments = (points, labels.astype(float), LAW.nodes, LAW.weights, LAW.input_weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = fits.mixup_program(*arguments)
        except ValueError:
            return None
    mixtures = fits.mixed_rows(*arguments)
    weights = mixup_weights(points, labels)
    certificate = rates.entropy_certificate(*mixtures, weights)
    # A loss at w' may be less than the dual value by |w'| times the infeasibility: twice |w| is
    # room for every candidate.
    lower_bound = certificate.dual - 2 * np.linalg.norm(weights) * certificate.infeasibility
    optimum = rates.entropy_certificate(*mixtures, program).primal
    entropy = mixtures.weights @ (entr(mixtures.labels) + entr(1 - mixtures.labels))
    return certificate.primal, lower_bound, optimum, entropy


@claim(
    derived("the convexity of the loss and its dual problem, in which an entropy is maximised"),
    kind="optimality",
)
def test_coercive(
    trial,
    count: Annotated[int, Interval(6, 100, why="fewer may miss a failure, each is fitted")] = 6,
    separability: Annotated[float, Interval(1, 1000)] = 50.0,
):
    """If $λ$ takes a value other than 0, 1/2 and 1 with positive probability, both classes occur
    and the points span the space, Mixup's loss on a data set attains its minimum.

    A feasible point of the dual problem certifies the minimum of a fit.
    """
    fitted = [
        minima(points, labels)
        for (points,), labels in samples(trial, 2 * count, 3, (separability,))
    ]
    results = [values for values in fitted if values is not None][:count]
    losses, lower_bounds, optima, entropies = np.transpose(results)
    trial.gap(
        losses,
        lower_bounds,
        optima,
        margin=1e-7,
        scale=1.0,
        ops=len(LAW.nodes) * 36,  # mixed rows: λ for each ordered pair of six points
        controls={
            "the entropy of the labels": entropies,
            "the loss of $w = 0$": np.full(len(results), np.log(2)),
        },
        generic="least losses are analytic in the points, as is the dual bound",
    )
