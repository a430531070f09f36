"""Mixup on one data set: a certified minimiser exists, and at large separability it is a modified LDA."""

import warnings

import numpy as np

from paper_checks.test_mixup import DERIVED, mixture_pair
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, ours

LAW = predicted.MixingLaw.beta(1.0, 12)


def drawn(trial, count, sizes, separabilities):
    """Features [separabilities, points, dim] of `count` data sets with (n_0, n_1) = `sizes`, and their labels.

    A data set has the same standardised noise at every kappa.
    """
    pair, rng = mixture_pair(), trial.generator("noise")
    factor = np.asarray(observed.covariance_factor(pair.covariance))
    labels = np.repeat([0, 1], sizes)
    means = (2 * labels[:, None] - 1) * pair.mean
    for _ in range(count):
        noise = rng.standard_normal((len(labels), pair.dim)) @ factor.T
        yield np.stack([means + noise / np.sqrt(kappa) for kappa in separabilities]), labels


def fitted(features, labels):
    """Mixup's minimiser on one data set."""
    fit = observed.fit_mixup(features, labels.astype(float), LAW.nodes, LAW.weights, LAW.input_weights)
    return np.asarray(fit.weights)


@claim(ours(DERIVED), kind="limit")
def test_modified_lda_limit(trial, separabilities=(1e4, 4e4, 1.6e5, 6.4e5, 2.56e6), count=9):
    """As kappa grows Mixup on a balanced data set has the direction (h S_w + h_1 c c')^-1 (mean_1 - mean_0)."""
    curvature = predicted.limit_curvatures(LAW)
    deficits, plain, one_curvature = [], [], []
    for features, labels in drawn(trial, count, (6, 6), separabilities):
        rows = []
        for points in features:
            weights = fitted(points, labels)
            low, high = (points[labels == label].mean(axis=0) for label in (0, 1))
            residuals = points - np.where(labels[:, None] == 1, high, low)
            scatter = residuals.T @ residuals / len(points)
            centre = np.outer(low + high, low + high) / 4
            candidates = (
                predicted.modified_lda_direction(points, labels, LAW),
                np.linalg.solve(scatter, high - low),
                np.linalg.solve(curvature.noise * (scatter + centre), high - low),
            )
            rows.append([predicted.one_minus_cosine(weights, candidate) for candidate in candidates])
        for errors, column in zip((deficits, plain, one_curvature), np.transpose(rows), strict=True):
            errors.append(column)

    def typical(deficits):
        # The geometric mean, because a median changes from one data set to another as kappa grows.
        return np.exp(np.mean(np.log(deficits), axis=0))

    trial.order(
        typical(deficits),
        separabilities,
        -1.0,
        rounding=1e-8 * np.sqrt(typical(deficits)),  # the fits' tolerance of 1e-9, times the chord's slope
        margin=0.05,
        controls={"kappa^(-1/2)": -0.5, "kappa^-2": -2.0},
        same_instance=True,
    )
    trial.value(
        typical(deficits)[-1],
        0.0,
        side="at most",
        slack=1 / separabilities[-1],
        scale=1.0,  # one minus a cosine
        error=1e-8 * np.sqrt(typical(deficits)[-1]),
        wrong_processes={"plain LDA": typical(plain)[-1], "h in place of h_1": typical(one_curvature)[-1]},
    )


@claim(ours(DERIVED), kind="limit")
def test_reduced_problem(trial, separabilities=(1e4, 1e6), count=9):
    """With unequal class counts Mixup at large kappa minimises a second-order problem in class moments alone."""
    found = {scale: [] for scale in (1.0, 0.5, 2.0)}
    for features, labels in drawn(trial, count, (4, 8), separabilities):
        for points in features:
            weights = fitted(points, labels)
            classes = [points[labels == label] for label in (0, 1)]
            means = np.stack([members.mean(axis=0) for members in classes])
            covariances = np.stack([np.cov(members.T, bias=True) for members in classes])
            for scale, deficits in found.items():
                direction = predicted.reduced_problem(means, scale * covariances, 8 / 12, LAW)
                deficits.append(predicted.one_minus_cosine(weights, direction))
    typical = {scale: np.median(deficits) for scale, deficits in found.items()}
    trial.value(
        typical[1.0],
        0.0,
        margin=4e-5,
        scale=1.0,  # one minus a cosine
        slack=3e-5,  # what the expansion neglects: fourth powers of scores of up to seven hundredths
        error=1e-8,
        wrong_processes={"a quarter of Q": typical[0.5], "all of Q": typical[2.0]},
    )


@claim(ours(DERIVED), kind="optimality")
def test_coercive(trial, count=6):
    """One soft lambda other than 1/2, both classes and points that span: exactly one minimiser, certified by a dual."""
    soft = (np.array([0.3]), np.ones(1), np.array([0.3]))
    hard = (np.ones(1), np.ones(1), np.ones(1))
    primals, duals, optima, floors, starts = [], [], [], [], []
    unique, expected, as_erm = [], [], []
    for (points,), classes in drawn(trial, 2 * count, (3, 3), (50.0,)):
        if len(primals) == count:
            break
        labels = classes.astype(float)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                program = observed.mixup_program(points, labels, LAW.nodes, LAW.weights, LAW.input_weights)
            except ValueError:  # by its own account the interior-point solver stalls on one data set in a hundred
                continue
        expanded = observed.mixed_rows(points, labels, LAW.nodes, LAW.weights, LAW.input_weights)
        weights = fitted(points, classes)
        certificate = predicted.entropy_certificate(*expanded, weights)
        primals.append(certificate.primal)
        # Any other w' loses at most |w' - w| times the gradient: twice |w| is room for every candidate.
        duals.append(certificate.dual - 2 * np.linalg.norm(weights) * certificate.infeasibility)
        optima.append(predicted.entropy_certificate(*expanded, program).primal)
        floors.append(predicted.entropy_lower_bound(expanded.labels, expanded.weights))
        starts.append(np.log(2))
        one_class = np.ones(len(labels))
        settings = [(points, labels, soft, 1), (points, labels, hard, 0), (points[1:4], labels[1:4], soft, 1)]
        settings += [(points[:2], labels[[0, -1]], soft, 0), (np.abs(points), one_class, soft, 0)]
        for rows, ones, law, expects in settings:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # one class alone is what is on trial
                mixed = observed.mixed_rows(rows, ones, *law)
            unique.append(int(observed.has_one_minimiser(mixed.rows, mixed.labels)))
            expected.append(expects)
            as_erm.append(0)
    trial.gap(
        np.array(primals),
        np.array(duals),
        np.array(optima),
        margin=1e-7,
        scale=1.0,
        ops=len(LAW.nodes) * 36,
        controls={"entropy of the labels": np.array(floors), "loss of w = 0": np.array(starts)},
    )
    trial.identity(
        np.array(unique),
        np.array(expected),
        ops=0,
        controls={"as without augmentation": np.array(as_erm), "always": np.ones(len(unique), int)},
    )
