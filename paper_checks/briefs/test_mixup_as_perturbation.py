"""Carratino, Cissé, Jenatton & Vert 2022, "On Mixup Regularization", Journal of Machine Learning
Research 23(325), arXiv 2006.06049.

For whoever trains with Mixup: what becomes of one point of the training set.

Take away: Mixup moves every point, with its label, towards the mean of all points and adds noise of
mean zero. For uniform $λ$ a point keeps three quarters of its distance to the mean. As $α$ grows it
keeps half of it.

Mixup replaces two points by $λ z_i + (1 - λ) z_j$, $z$ a point with its label as a further
coordinate. Its loss is the mean over all ordered pairs, $i = j$ included, and over
$λ ~ Beta(α, α)$. $θ$ is the larger of $λ$ and $1 - λ$, $θ̄$ its mean and $σ²$ its variance, and
$γ² = σ² + (1 - θ̄)²$.

Edges: as $α → 0$, $θ$ tends to 1 and no point moves. A single point has no partner, so that there
is no noise.

Paper: it reads Mixup as training on shrunk data with random perturbations, and derives its
regularising and calibrating effects. This page computes the shrunk points and the noise.

Abstract:

- Sentence 1: Mixup makes new examples as convex combinations. No statement.
- Sentence 2: it improves accuracy, for reasons that are poorly understood. Not on trial. No model
  is trained here.
- Sentence 4: Mixup is empirical risk minimisation on transformed data with random perturbations.
  Holds: same_loss, shrunk_points, noise_covariance, moments.
- Sentence 6: a model should see transformed data when it is used, which improves accuracy and
  calibration. Not on trial. No model is trained here.
- Sentence 7: the perturbation smooths labels and lowers the Lipschitz constant. Not on trial. Only
  its covariance is.
- Sentence 8: both effects together prevent overfitting and overconfidence. Not on trial. No model
  is trained here.

Read: the abstract. Recalled, and derived again here: that the loss is one of the larger share, the
shrunk points, the covariance of the noise. Derived here: closed forms of the moments of $θ$. Not
claimed: calibration.

Topic: learning.
"""

from typing import Annotated

import numpy as np
from scipy.special import poch, roots_jacobi

from paper_checks.briefs.common import beta_rule, mixed_pairs
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    recalled,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

NODES = 30

Alpha = Annotated[float, Interval(0.01, 100, why="beyond, the rule of Gauss and Jacobi is inexact")]
FewPoints = Annotated[int, Interval(2, 12)]
FewDimensions = Annotated[int, Interval(1, 6)]


def data_set(trial, n, dim):
    """Random points with a label, 0 or 1, as their last coordinate."""
    points = trial.generator("data").standard_normal((n, dim))
    return np.column_stack([points, np.resize([0.0, 1.0], n)])


def mean_loss(joint, weights):
    """Weighted mean of log(1 + e^f) - y f over points with a label, for a curved score f."""
    x = joint[..., :-1]
    scores = np.sin(x[..., 0]) + 0.7 * x[..., 0] * x[..., -1] - 0.3
    return np.sum(weights * (np.logaddexp(0, scores) - joint[..., -1] * scores))


def twice(route, scale=1.0):
    """What a route gives with NODES nodes, and how far it is off: what twice as many change, and
    rounding.
    """
    value = np.asarray(route(NODES))
    return value, np.abs(value - route(2 * NODES)) + 1000 * 2.0**-53 * scale


def larger_shares(alpha, n_nodes):
    """Nodes and weights of θ on [1/2, 1]: a rule of Jacobi for the singularity at one."""
    nodes, weights = roots_jacobi(n_nodes, alpha - 1, 0)
    theta = 0.75 + nodes / 4
    weights = weights * theta ** (alpha - 1)
    return theta, weights / weights.sum()


@observed
def larger_mixtures(joint, alpha, n_nodes):
    """Mixtures (nodes, own point, partner, …) with the larger share θ of the own point, and the
    chance of each.
    """
    theta, weights = larger_shares(alpha, n_nodes)
    mixtures, _ = mixed_pairs(joint, joint[:, -1], theta)
    return mixtures, weights[:, None, None] / len(joint) ** 2


@observed
def mean_of_mixtures(joint, alpha, n_nodes):
    """What each point becomes on average over shares and partners."""
    mixtures, chances = larger_mixtures(joint, alpha, n_nodes)
    return len(joint) * np.sum(chances[..., None] * mixtures, axis=(0, 2))


@observed
def covariance_of_mixtures(joint, alpha, n_nodes):
    """The covariance of what each point becomes, (points, dim + 1, dim + 1)."""
    mixtures, chances = larger_mixtures(joint, alpha, n_nodes)
    noise = mixtures - mean_of_mixtures(joint, alpha, n_nodes)[:, None]
    weighted = len(joint) * chances[..., None] * noise
    return np.einsum("kijc,kije->ice", weighted, noise)


@observed
def folded_moments(alpha, n_nodes):
    """θ̄, σ² and γ², by nodes of θ."""
    theta, weights = larger_shares(alpha, n_nodes)
    excess = weights @ (theta - 0.5)
    variance = weights @ (theta - 0.5) ** 2 - excess**2
    return np.array([weights @ theta, variance, weights @ (1 - theta) ** 2])


@predicted
def moments(alpha):
    """θ̄ = 1/2 + Γ(α + 1/2)/(2 √π Γ(α + 1)), σ² = 1/(4 (2α + 1)) - (θ̄ - 1/2)², and γ²."""
    excess = poch(alpha + 1, -0.5) / (2 * np.sqrt(np.pi))
    variance = 1 / (4 * (2 * alpha + 1)) - excess**2
    return np.array([0.5 + excess, variance, variance + (0.5 - excess) ** 2])


@predicted
def shrunk(joint, factor):
    """Points at `factor` times their distance from their mean."""
    centre = joint.mean(axis=0)
    return centre + factor * (joint - centre)


@predicted
def noise_covariance(joint, alpha, own=None):
    """σ² r_i r_iᵀ + γ² mean_j r_j r_jᵀ with r_i = z_i - z̄, or with `own` in place of γ²."""
    _, variance, partner = moments(alpha)
    deviations = joint - joint.mean(axis=0)
    outer = deviations[:, :, None] * deviations[:, None, :]
    return variance * outer + (partner if own is None else own) * outer.mean(axis=0)


@predicted
def noise_free_loss(joint, alpha):
    """The loss at the shrunk points."""
    return mean_loss(shrunk(joint, moments(alpha)[0]), 1 / len(joint))


@observed
def mixup_loss(joint, alpha, n_nodes):
    """Mixup's loss, by λ ~ Beta(α, α)."""
    nodes, weights = beta_rule(alpha, alpha, n_nodes)
    mixtures, _ = mixed_pairs(joint, joint[:, -1], nodes)
    return mean_loss(mixtures, weights[:, None, None] / len(joint) ** 2)


@claim(
    tried(
        "Theorem 1, as notes quote it: points $x̄ + θ̄ (x_i - x̄)$",
        "the closed form of the mean share $θ̄$",
    ),
    kind="identity",
    cases=[(0.6, 7, 2), (0.05, 4, 3), (0.50001, 3, 1)],
)
def test_shrunk_points(trial, alpha: Alpha, n: FewPoints, dim: FewDimensions):
    """Mixup replaces a point $z_i$, its label included, by $λ z_i + (1 - λ) z_j$ with
    $λ ~ Beta(α, α)$ and a uniform partner $j$; $θ$ is the larger of $λ$ and $1 - λ$. The mean of
    $θ z_i + (1 - θ) z_j$ is $z̄ + θ̄ (z_i - z̄)$, with the mean $z̄$ of all points and
    $θ̄ = 1/2 + Γ(α + 1/2)/(2 √π Γ(α + 1))$.
    """
    joint = data_set(trial, n, dim)
    scale = np.abs(joint).max()
    measured, error = twice(lambda n_nodes: mean_of_mixtures(joint, alpha, n_nodes), scale)
    trial.value(
        measured,
        shrunk(joint, moments(alpha)[0]),
        margin=1e-9,
        error=error,
        generic="both sides are linear in the points",
        controls={"$θ̄ = 1/2$, the mean of $λ$": shrunk(joint, 0.5), "no shrinking": joint},
    )


@claim(
    recalled("Theorem 1, as notes quote it: the loss with the larger share $θ$"),
    kind="identity",
    cases=[(0.6, 7, 2), (0.05, 4, 3), (0.50001, 3, 1)],
    route="all pairs with the larger share θ against all pairs with λ",
)
def test_same_loss(trial, alpha: Alpha, n: FewPoints, dim: FewDimensions):
    """Mixup's loss is the mean loss at $λ z_i + (1 - λ) z_j$ over all ordered pairs of points,
    labels included, and $λ ~ Beta(α, α)$. For every score it equals the mean loss at
    $θ z_i + (1 - θ) z_j$, where $θ$ is the larger of $λ$ and $1 - λ$.
    """
    joint = data_set(trial, n, dim)
    measured, error = twice(lambda n_nodes: mixup_loss(joint, alpha, n_nodes))
    perturbed, further = twice(lambda k: mean_loss(*larger_mixtures(joint, alpha, k)))
    trial.value(
        measured,
        perturbed,
        margin=1e-9,
        error=error + further,
        generic="the loss is analytic in the points",
        controls={"without noise": noise_free_loss(joint, alpha)},
    )


@claim(
    recalled("the covariance of the perturbation"),
    kind="identity",
    cases=[(0.6, 7, 2), (0.05, 4, 3)],
)
def test_noise_covariance(trial, alpha: Alpha, n: FewPoints, dim: FewDimensions):
    """Let $θ$ be the larger of $λ$ and $1 - λ$ for $λ ~ Beta(α, α)$, with variance $σ²$, and
    $γ² = E (1 - θ)²$. The noise that Mixup adds to a point, $θ z_i + (1 - θ) z_j$ with a uniform
    partner $j$ minus its mean, has the covariance $σ² r_i r_iᵀ + γ² E_j r_j r_jᵀ$ with
    $r_i = z_i - z̄$ and the mean $E_j$ over all points, labels included.
    """
    joint = data_set(trial, n, dim)
    scale = np.abs(joint).max() ** 2
    measured, error = twice(lambda n_nodes: covariance_of_mixtures(joint, alpha, n_nodes), scale)
    trial.value(
        measured,
        noise_covariance(joint, alpha),
        margin=1e-9,
        error=error,
        generic="both sides are quadratic in the points",
        controls={"$γ² = σ²$": noise_covariance(joint, alpha, own=moments(alpha)[1])},
    )


@claim(
    derived("the mean distance of a beta variable from 1/2"),
    kind="identity",
    cases=[0.05, 0.6, 5.0],
)
def test_moments(trial, alpha: Alpha):
    """For $λ ~ Beta(α, α)$ the larger of $λ$ and $1 - λ$, $θ$, has the mean
    $θ̄ = 1/2 + Γ(α + 1/2)/(2 √π Γ(α + 1))$ and the variance $σ² = 1/(4 (2α + 1)) - (θ̄ - 1/2)²$,
    and $E (1 - θ)² = σ² + (1 - θ̄)²$.
    """
    measured, error = twice(lambda n_nodes: folded_moments(alpha, n_nodes))
    of_lambda = np.array([0.5, 1 / (8 * alpha + 4), (alpha + 1) / (4 * alpha + 2)])
    trial.value(
        measured, moments(alpha), margin=1e-9, error=error, controls={"$λ$ itself": of_lambda}
    )


@figure("F1", claims=("moments", "shrunk_points"))
def shrinking():
    """Mixup shrinks the data towards their mean by a factor between one half and one.

    The factor $θ̄$ and the standard deviation $σ$ of $θ$ against $α$ of $λ ~ Beta(α, α)$. Marks:
    lines: closed forms; points: nodes of $θ$.
    """
    grid = np.geomspace(0.02, 50, 80)
    some = np.geomspace(0.02, 50, 13)
    lines = np.array([moments(alpha) for alpha in grid]).T
    points = np.array([folded_moments(alpha, NODES) for alpha in some]).T
    names = ("mean θ̄", "standard deviation σ")
    return chart(
        {names[0]: (grid, lines[0]), names[1]: (grid, np.sqrt(lines[1]))},
        {names[0]: (some, points[0]), names[1]: (some, np.sqrt(points[1]))},
        x="α of λ ~ Beta(α, α)  (dimensionless)",
        y="larger share θ  (dimensionless)",
        log="x",
    )
