"""What Mixup does to one data set at large separability: a modified LDA, and a problem in class
moments alone.

Both are for λ averaged within each pair and derived here. Class 0 comes first wherever both classes
appear.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory.mixup.mixing import MixingLaw
from theory.mixup.scale import limit_curvatures
from theory_on_trial.contract import COVARIANCE, Fraction, Interval, guarded, require


@guarded
def modified_lda_direction(
    features: Float[np.ndarray, "points dim"],
    labels: Annotated[Int[np.ndarray, " points"], Interval(0, 1)],
    law: MixingLaw,
) -> Float[np.ndarray, " dim"]:
    """(h S_w + h_1 c c')^-1 (mean_1 - mean_0), the direction of Mixup as κ grows at fixed balanced
    data.

    S_w is the within-class scatter over n, c the mean of the class means. `ValueError` unless both
    labels occur equally often, the scatter is regular (n >= d + 2 in general position) and
    u_infinity is finite.
    """
    classes = [features[labels == label] for label in (0, 1)]
    zeros, ones = map(len, classes)
    require(zeros == ones, f"labels must be balanced, got {zeros} zeros and {ones} ones")
    low, high = (members.mean(axis=0) for members in classes)
    residuals = np.concatenate([classes[0] - low, classes[1] - high])
    regular = np.linalg.matrix_rank(residuals) == features.shape[1]
    require(
        regular,
        "features must scatter within their classes in every direction, got a singular scatter",
    )
    curvature = limit_curvatures(law)
    centre = (low + high) / 2
    hessian = curvature.noise * residuals.T @ residuals / len(
        features
    ) + curvature.centroid * np.outer(centre, centre)
    return np.linalg.solve(hessian, high - low)


@guarded
def reduced_problem(
    class_means: Float[np.ndarray, "2 dim"],
    class_covariances: Annotated[Float[np.ndarray, "2 dim dim"], COVARIANCE],
    class_fraction: Fraction,
    law: MixingLaw,
) -> Float[np.ndarray, " dim"]:
    """The minimiser of Mixup expanded to second order in the scores about the class means; its cost
    is free of n.

    With p = `class_fraction` of class 1, a_c = w . mean_c and q_c = w' S_c w (covariances divided
    by the class count), the objective is p^2 [sp(-a_1) + s'(a_1) E[c_g] q_1 / 2] + (1 - p)^2
    [sp(a_0) + s'(a_0) E[c_g] q_0 / 2] + 2 p (1 - p) E[sp(v) - λ v + s'(v) (g^2 q_1 + (1 - g)^2 q_0)
    / 2], v = g a_1 + (1 - g) a_0. Neglected is the fourth order in the scores, which does not
    vanish as κ grows unless p = 1/2. `ValueError` unless covariances and means together span all
    dimensions; `RuntimeError` if the solver stops before a stationary point.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    p = class_fraction
    q = 1 - class_fraction
    share = law.input_weights[:, None]
    means = np.concatenate(
        [class_means[1:], class_means[:1], share * class_means[1] + (1 - share) * class_means[0]]
    )
    noise = np.array([[0.0, law.second_moment], [law.second_moment, 0.0]])
    noise = np.concatenate(
        [noise, np.stack([(1 - law.input_weights) ** 2, law.input_weights**2], axis=1)]
    )
    covariances = np.tensordot(noise, class_covariances, 1)
    labels = np.concatenate([[1.0, 0.0], law.nodes])
    masses = np.concatenate([[p**2, q**2], 2 * p * q * law.weights])
    moments = np.tensordot(masses, covariances + means[:, :, None] * means[:, None, :], 1)
    regular = np.linalg.matrix_rank(moments, hermitian=True) == len(moments)
    require(regular, "class_covariances must be positive definite together with the class means")
    basis = np.linalg.inv(np.linalg.cholesky(moments)).T
    means = means @ basis
    covariances = basis.T @ covariances @ basis

    def derivatives(weights: Float[np.ndarray, " dim"]) -> tuple[float, np.ndarray, np.ndarray]:
        score = means @ weights
        pulls = covariances @ weights
        half = pulls @ weights / 2
        upper = expit(score)
        lower = expit(-score)
        first = upper * lower
        second = first * (lower - upper)
        third = first * (1 - 6 * first)
        value = masses @ (np.logaddexp(0, score) - labels * score + first * half)
        gradient = (masses * (upper - labels + second * half)) @ means + (masses * first) @ pulls
        cross = (masses * second)[:, None] * means
        hessian = (masses * (first + third * half))[:, None] * means
        hessian = (
            hessian.T @ means
            + cross.T @ pulls
            + pulls.T @ cross
            + np.tensordot(masses * first, covariances, 1)
        )
        return float(value), gradient, hessian

    solution = minimize(
        lambda weights: derivatives(weights)[:2],
        np.zeros(len(basis)),
        jac=True,
        hess=lambda weights: derivatives(weights)[2],
        method="trust-exact",
        options={"gtol": 1e-9},
    )
    minimiser = solution.x - np.linalg.solve(derivatives(solution.x)[2], derivatives(solution.x)[1])
    if not np.linalg.norm(minimiser - solution.x) <= 1e-4 * np.linalg.norm(minimiser):
        raise RuntimeError(
            "the reduced problem has no stationary point that the solver could reach"
        )
    return basis @ minimiser
