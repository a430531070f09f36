"""Deep linear networks of Saxe et al. 2013 ("Exact solutions to the nonlinear dynamics of learning
in deep linear neural networks"): the scalar dynamics of MAE are theirs, those of JEPA are not.

a is the singular value of the end-to-end map of D balanced layers on one mode, from a(0) = `init`;
`covariance` and `variance` are λ and σ^2 of the mode. da/dt = D a^(2 - 2/D) (λ - a σ^2), on the
flow clock. All arguments broadcast.

Stepwise self-supervised learning of Simon et al. 2023: the linear Barlow Twins flow learns one
mode at a time.

The flow W' = -4 (W Γ W^T - I) W Γ on ||W Γ W^T - I||_F^2, Γ the symmetrised cross-correlation of
the views; from an aligned start the singular value s of every mode follows its `eigenvalue` γ
alone. `init` is s(0). All arguments broadcast. The law of a random start is derived here.

The contrastive bound of Arora et al. 2019 with one negative sample, computed exactly on finite
supports.

`features` f(x) of every point; `conditionals` D_c(x), the law of the points given each class;
`priors` ρ_c of the classes. A positive pair shares its class, the negative is of an independent
one.

Predicting what you already know helps (Lee et al. 2021): a linear map on the pretext predictor
gives the label.

X_1 is the input, X_2 the pretext target, Y the label, jointly Gaussian with mean zero. If X_1 and
X_2 are independent given Y, then E[Y | X_1] is a linear map of E[X_2 | X_1]; the error without
independence is derived here. `ValueError` where a matrix is singular that must be inverted.

The loss of VICReg (Bardes et al. 2022) and its value when all embeddings coincide.

An invariance term (mean squared distance of the two views), a variance term (a hinge on the
standard deviations) and a covariance term (squared off-diagonals), the last two summed over both
views; public implementations average the variance term instead, which `halve_variance` does. The
weights are the published ones, recalled and not re-read.
"""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory.jepa_bias.domains import (
    Covariance,
    DepthsFromTwo,
    NonNegatives,
    Positives,
    Reals,
    Times,
)
from theory.jepa_bias.learning_times import strength_at
from theory_on_trial.contract import POSITIVE, PROBABILITIES, Holds, NonNegative, guarded, require


@guarded
def saxe_two_layers(
    time: Times, init: Positives, covariance: Covariance, variance: Positives
) -> Float[np.ndarray, "..."]:
    """a(t) at D = 2, logistic: r / (1 + (r / a(0) - 1) e^(-2 λ t)), r = λ / σ^2."""
    limit = covariance / variance
    return np.asarray(limit / (1 + (limit / init - 1) * np.exp(-2 * covariance * time)))


@guarded
def saxe_singular_value(
    time: Times,
    init: Positives,
    n_layers: DepthsFromTwo,
    covariance: Covariance,
    variance: Positives,
) -> Float[np.ndarray, "..."]:
    """a(t) for D >= 2 layers: MAE of depth L = D - 1 has a = w^(L+1) = v w-bar, w-bar =
    a^(L/(L+1)).
    """
    share = (n_layers - 1) / n_layers
    encoder = strength_at(
        time,
        init**share,
        n_layers - 1,
        covariance,
        covariance / variance,
        objective="mae",
        clock="flow",
    )
    return np.asarray(encoder ** (1 / share))


@guarded
def stepwise_singular_value(
    time: NonNegatives, init: Positives, eigenvalue: Reals
) -> Float[np.ndarray, "..."]:
    """s(t) = e^(4 γ t) / sqrt(s(0)^(-2) + (e^(8 γ t) - 1) γ): to γ^(-1/2) for γ > 0, constant at 0,
    decaying below.
    """
    times, start, gamma = np.broadcast_arrays(time, init, eigenvalue)
    with np.errstate(over="ignore"):
        inverse_square = start**-2.0 * np.exp(-8 * gamma * times) - gamma * np.expm1(
            -8 * gamma * times
        )
    return np.asarray(inverse_square**-0.5)


@guarded
def stepwise_critical_time(init: Positives, eigenvalue: Positives) -> Float[np.ndarray, "..."]:
    """Time -log(s(0)^2 γ) / (8 γ) at which γ s^2 = 1 / (2 - s(0)^2 γ), nearly 1/2. ValueError
    unless s(0)^2 γ < 1.
    """
    start = np.asarray(init**2 * eigenvalue)
    require(start < 1, f"init must be below eigenvalue^(-1/2), the limit, got {np.max(init)}")
    return np.asarray(-np.log(start) / (8 * eigenvalue))


@guarded
def stepwise_loss(
    time: NonNegative,
    init: Annotated[Float[np.ndarray, " modes"], POSITIVE],
    eigenvalue: Float[np.ndarray, " modes"],
) -> float:
    """sum_j (1 - γ_j s_j(t)^2)^2: from the number of modes it falls by one as each mode is
    learned.
    """
    value = stepwise_singular_value(time, init, eigenvalue)
    return float(np.sum((1 - eigenvalue * value**2) ** 2))


@guarded
def subspace_overlap_exponent(
    last_eigenvalue: Positives, next_eigenvalue: Reals
) -> Float[np.ndarray, "..."]:
    """Power 2 (1 - γ_(d+1) / γ_d) of a small start's scale in 1 - min_j |P q_j|^2, what the row
    space misses.

    Over the d leading eigenvectors q_j. `ValueError` for a `next_eigenvalue` above the last.
    """
    require(
        np.less_equal(next_eigenvalue, last_eigenvalue),
        f"next_eigenvalue must be at most last_eigenvalue, got {np.max(next_eigenvalue)}",
    )
    return np.asarray(2 * (1 - next_eigenvalue / last_eigenvalue))


ContrastiveLoss = Literal["hinge", "logistic"]
PointFeatures = Float[np.ndarray, "points dim"]
Conditionals = Annotated[Float[np.ndarray, "classes points"], PROBABILITIES]
SEVERAL = Holds("several", "be those of at least two classes", lambda priors: priors.size > 1)
Priors = Annotated[Float[np.ndarray, " classes"], POSITIVE, PROBABILITIES, SEVERAL]


@guarded
def contrastive_loss(
    margin: Float[np.ndarray, "..."], loss: ContrastiveLoss
) -> Float[np.ndarray, "..."]:
    """max(0, 1 - v) ("hinge") or log2(1 + e^(-v)) ("logistic") of the margin v; one at v = 0, as
    the bound needs.
    """
    if loss == "hinge":
        return np.asarray(np.maximum(0, 1 - margin))
    return np.asarray(np.logaddexp(0, -margin) / np.log(2))


@guarded
def collision_probability(priors: Priors) -> float:
    """The chance τ = sum_c ρ_c^2 that a negative sample is of the class of the positive pair."""
    return float(np.sum(priors**2))


@guarded
def contrastive_unsupervised_loss(
    features: PointFeatures, conditionals: Conditionals, priors: Priors, loss: ContrastiveLoss
) -> float:
    """L_un = E l(f(x) . (f(x+) - f(x-))): x, x+ of one class, x- of an independent one."""
    similarity = features @ features.T
    losses = contrastive_loss(similarity[:, :, None] - similarity[:, None, :], loss)
    marginal = priors @ conditionals
    pairs = np.einsum("c,cx,cy->xy", priors, conditionals, conditionals)
    return float(np.einsum("xy,z,xyz->", pairs, marginal, losses))


@guarded
def mean_classifier_loss(
    features: PointFeatures, conditionals: Conditionals, priors: Priors, loss: ContrastiveLoss
) -> float:
    """L_sup^μ = E l(f(x) . (μ_c - μ_c')) over x of class c, with c and c' independent given that
    they differ.
    """
    scores = features @ (conditionals @ features).T
    losses = contrastive_loss(
        scores[:, :, None] - scores[:, None, :], loss
    )  # point, own class, other class
    differing = np.outer(priors, priors) * ~np.eye(priors.size, dtype=bool)
    return float(np.einsum("cd,cx,xcd->", differing / differing.sum(), conditionals, losses))


@guarded
def supervised_bound(unsupervised_loss: float, priors: Priors) -> float:
    """(L_un - τ) / (1 - τ) >= L_sup^μ, for every f and both losses; equality if f knows only the
    class.
    """
    collision = collision_probability(priors)
    return float((unsupervised_loss - collision) / (1 - collision))


@guarded
def pretext_to_label(
    Sigma_YY: Float[np.ndarray, "labels labels"], Sigma_2Y: Float[np.ndarray, "targets labels"]
) -> Float[np.ndarray, "labels targets"]:
    """A = Σ_YY Σ_2Y^+ in E[Y | X_1] = A E[X_2 | X_1]; `ValueError` unless Σ_2Y has full column
    rank.
    """
    rank = np.linalg.matrix_rank(Sigma_2Y)
    columns = Sigma_2Y.shape[1]
    require(rank == columns, f"Sigma_2Y must have full column rank {columns}, got rank {rank}")
    return Sigma_YY @ np.linalg.pinv(Sigma_2Y)


@guarded
def pretext_label_error(
    Sigma_11: Float[np.ndarray, "inputs inputs"],
    Sigma_21: Float[np.ndarray, "targets inputs"],
    Sigma_2Y: Float[np.ndarray, "targets labels"],
    Sigma_YY: Float[np.ndarray, "labels labels"],
    Sigma_Y1: Float[np.ndarray, "labels inputs"],
) -> Float[np.ndarray, "labels inputs"]:
    """B with A E[X_2 | X_1] - E[Y | X_1] = B X_1: A Cov(X_2, X_1 | Y) Σ_11^(-1), zero for
    independence given Y.
    """
    dependence = Sigma_21 - Sigma_2Y @ _solved("Sigma_YY", Sigma_YY, Sigma_Y1)
    return _solved("Sigma_11", Sigma_11, (pretext_to_label(Sigma_YY, Sigma_2Y) @ dependence).T).T


def _solved(
    name: str, matrix: Float[np.ndarray, "size size"], right: Float[np.ndarray, "size _"]
) -> np.ndarray:
    rank = np.linalg.matrix_rank(matrix)
    require(rank == len(matrix), f"{name} must be invertible, got rank {rank} of {len(matrix)}")
    return np.linalg.solve(matrix, right)


SAMPLES = Holds("samples", "hold at least two samples", lambda view: len(view) > 1)
_TARGET = 1.0
_EPSILON = 1e-4
Embeddings = Annotated[Float[np.ndarray, "samples dim"], SAMPLES]


@guarded
def vicreg_loss(first: Embeddings, second: Embeddings, *, halve_variance: bool = False) -> float:
    """25 invariance, 25 variance and 1 covariance term: max(0, 1 - sqrt(Var + 1e-4)) averaged over
    dimensions; squared off-diagonal covariances divided by the dimension; moments are unbiased.
    """
    hinge = 0.0
    correlation = 0.0
    for view in (first, second):
        moments = np.atleast_2d(np.cov(view, rowvar=False))
        variances = np.diag(moments)
        hinge += float(np.mean(np.maximum(0, _TARGET - np.sqrt(variances + _EPSILON))))
        correlation += float(np.sum((moments - np.diag(variances)) ** 2)) / view.shape[1]
    distance = float(np.mean(np.sum((first - second) ** 2, axis=1)))
    return float(25 * distance + 25 * hinge / (2 if halve_variance else 1) + correlation)


@guarded
def vicreg_collapse_value(*, halve_variance: bool = False) -> float:
    """50 (1 - sqrt(1e-4)), or half of it: the loss when all embeddings of both views are one
    point.
    """
    return float((1 if halve_variance else 2) * 25 * (_TARGET - np.sqrt(_EPSILON)))
