"""Whether the unpenalised logistic likelihood has a maximum, and the maximum where it has one."""

import numpy as np
from jaxtyping import Float, Int

from sims.naive_bayes_vs_logistic.logistic import LogisticFit, require_problem, ridge_logistic
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray


@validated(unbounded=("features",))  # they have a sentence of their own
def linearly_separable(
    features: Float[AnyArray, "rows features"], labels: Int[AnyArray, "rows"], n_classes: int
) -> bool:
    """Whether no maximum likelihood estimate of logistic regression with intercepts exists.

    This is weak separation: some linear scores never prefer a wrong class to the right one, and prefer the right one
    strictly for at least one row and class. It includes complete separation (strictly for all) and quasi-separation
    (ties, such as equal points of two classes on the boundary). Features that depend linearly on each other make the
    estimate ambiguous, but do not count. Decided by a linear program, on standardised features, whose optimum is 0
    without separation and at least 1 with it; data within 1e-7 of separation (in standard deviations, relative to the
    scores) cannot be told from separated data. The program has K - 1 inequalities per row.

    Raises as `ridge_logistic` for features and labels; RuntimeError if the linear program cannot be solved.
    Source: Albert & Anderson 1984 (the condition); the linear program derived here.
    """
    from scipy.optimize import linprog

    require_problem(features, labels, n_classes)
    margins = _margins(np.asarray(features, float), np.asarray(labels), n_classes)
    n_margins, n_parameters = margins.shape
    # Maximise the sum of slacks s in [0, 1] under margins·θ >= s: a separating θ can be scaled until one slack is 1.
    program = linprog(
        np.concatenate([np.zeros(n_parameters), -np.ones(n_margins)]),
        A_ub=np.hstack([-margins, np.eye(n_margins)]),
        b_ub=np.zeros(n_margins),
        bounds=[(None, None)] * n_parameters + [(0, 1)] * n_margins,
        method="highs",
    )
    if program.status != 0:
        raise RuntimeError(f"the linear program of separability was not solved: {program.message}")
    return bool(-program.fun > 0.5)


@validated(unbounded=("features", "return"))  # features have a sentence of their own
def maximum_likelihood(
    features: Float[AnyArray, "rows features"],
    labels: Int[AnyArray, "rows"],
    n_classes: int,
    *,
    tolerance: float = 1e-9,
) -> LogisticFit:
    """Fit logistic regression without a penalty, where that has an answer. Not to be traced.

    `tolerance` as in `ridge_logistic`. Weights are unique unless features depend linearly on each other; the fitted
    probabilities always are.
    Raises ValueError for separable data, which have no maximum likelihood estimate; otherwise as `ridge_logistic`.
    """
    if linearly_separable(features, labels, n_classes):
        raise ValueError("labels must not be linearly separable by the features: no maximum likelihood estimate exists")
    return ridge_logistic(features, labels, n_classes, inverse_ridge=np.inf, tolerance=tolerance)


def _margins(features, labels, n_classes):
    """Coefficients of score(right) - score(wrong) in (W, b), class 0 at zero: one row per sample and wrong class."""
    is_constant = np.ptp(features, axis=0) == 0
    standard = (features - features.mean(axis=0)) / np.where(is_constant, 1, features.std(axis=0))
    points = np.column_stack([standard, np.ones(len(features))])
    one_hot = np.eye(n_classes)
    wrong = np.array([[k for k in range(n_classes) if k != label] for label in labels])
    differences = (one_hot[labels][:, None] - one_hot[wrong])[:, :, 1:]
    return np.einsum("jwk,jp->jwkp", differences, points).reshape(len(features) * (n_classes - 1), -1)
