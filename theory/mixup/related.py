"""Identities about Mixup from neighbouring papers.

Zhang, Deng, Kawaguchi, Ghorbani & Zou 2021 (arXiv 2010.04819): Mixup as data-dependent
regularisation. Carratino, Cisse, Jenatton & Vert 2022 (arXiv 2006.06049): Mixup as random
perturbation of shrunk data. Guo, Mao & Zhang 2019 (arXiv 1809.02499): manifold intrusion. Entropies
and losses are in nats.
"""

from collections import defaultdict
from fractions import Fraction
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory.mixup.domains import Lambdas, Shape, SoftLabels
from theory.mixup.mixing import MixingLaw
from theory_on_trial.contract import PROBABILITIES, Positive, Size, UnitInterval, guarded


class ExpansionTerms(NamedTuple):
    """Mixup's loss to second order in the spread of the data: the sum of the three terms, in
    nats.
    """

    standard: float
    """The loss without augmentation."""
    first: float
    """R_1 = E[1 - λ] mean_i (s(f_i) - y_i)(mean f - f_i)."""
    second: float
    """R_2 = E[(1 - λ)^2] / 2 mean_i s'(f_i) mean_j (f_j - f_i)^2."""


class FoldedMoments(NamedTuple):
    """Moments of θ = max(λ, 1 - λ), which keeps the larger share of the first point."""

    mean: float
    """θ_bar = E θ, in (1/2, 1)."""
    variance: float
    """σ^2 = Var θ."""
    partner: float
    """γ^2 = σ^2 + (1 - θ_bar)^2 = E (1 - θ)^2, the weight of the other points."""


@guarded
def soft_label_cross_entropy(
    logits: Float[np.ndarray, "*points classes"],
    labels: Annotated[Float[np.ndarray, "*points classes"], PROBABILITIES],
) -> Float[np.ndarray, " *points"] | float:
    """Cross-entropy log sum exp(f) - y . f of each point, in nats: affine in the label y. Source:
    arXiv 1809.02499.
    """
    from scipy.special import logsumexp

    return logsumexp(logits, axis=-1) - np.sum(labels * logits, axis=-1)


@guarded
def squared_loss_mixing_gap(
    mixing_weight: UnitInterval, first_label: float, second_label: float
) -> float:
    """λ (1 - λ)(y_i - y_j)^2: mixture of squared losses less the loss at the mixed label, anywhere;
    derived here.
    """
    return mixing_weight * (1 - mixing_weight) * (first_label - second_label) ** 2


@guarded
def zhang_mixing_law(alpha: Shape, beta: Shape, n_nodes: Size = 32) -> MixingLaw:
    """The law of λ under which Mixup's loss over Beta(α, β) keeps the label of the first point
    unmixed.

    (α Beta(α + 1, β) + β Beta(β + 1, α)) / (α + β), for inputs λ x_i + (1 - λ) x_j; exact for
    polynomials in λ up to degree 2 n_nodes - 1. Source: arXiv 2010.04819; checked here for every f.
    Raises as `MixingLaw.beta`.
    """
    first = MixingLaw.beta(alpha + 1, n_nodes, beta=beta)
    second = MixingLaw.beta(beta + 1, n_nodes, beta=alpha)
    weights = np.concatenate([alpha * first.weights, beta * second.weights]) / (alpha + beta)
    return MixingLaw.atoms(np.concatenate([first.nodes, second.nodes]), weights)


@guarded
def zhang_expansion_terms(
    weights: Float[np.ndarray, " dim"],
    features: Float[np.ndarray, "points dim"],
    labels: SoftLabels,
    alpha: Positive,
) -> ExpansionTerms:
    """Expansion of Mixup's logistic loss, λ ~ Beta(α, α), scores w . x, all ordered pairs, but for
    the fourth order.

    Source: arXiv 2010.04819; that the third order cancels between (i, j) and (j, i) is derived
    here.
    """
    from scipy.special import expit

    scores = features @ weights
    upper = expit(scores)
    lower = expit(-scores)
    squared_distances = (scores - scores.mean()) ** 2 + scores.var()
    return ExpansionTerms(
        standard=float(np.mean(np.logaddexp(0, scores) - labels * scores)),
        first=float(alpha / (2 * alpha + 1) * np.mean((upper - labels) * (scores.mean() - scores))),
        second=float(alpha / (4 * (2 * alpha + 1)) * np.mean(upper * lower * squared_distances)),
    )


@guarded
def carratino_moments(alpha: Positive) -> FoldedMoments:
    """Moments of θ = max(λ, 1 - λ), λ ~ Beta(α, α), to about 1e-14. Source: arXiv 2006.06049;
    closed forms here.

    θ_bar = 1/2 + Gamma(α + 1/2) / (2 sqrt(π) Gamma(α + 1)) and E (θ - 1/2)^2 = 1 / (4 (2 α + 1)).
    """
    from scipy.special import poch

    excess = min(0.5, float(poch(alpha + 1, -0.5) / (2 * np.sqrt(np.pi))))
    variance = max(0.0, float(1 / (4 * (2 * alpha + 1)) - excess**2))
    return FoldedMoments(1 / 2 + excess, variance, variance + (1 / 2 - excess) ** 2)


@guarded
def carratino_points(
    points: Float[np.ndarray, "points dim"], alpha: Positive
) -> Float[np.ndarray, "points dim"]:
    """x_bar + θ_bar (x_i - x_bar), about which Mixup perturbs with mean zero. Source: arXiv
    2006.06049.
    """
    centre = points.mean(axis=0)
    return centre + carratino_moments(alpha).mean * (points - centre)


@guarded
def carratino_covariance(
    points: Float[np.ndarray, "points dim"], alpha: Positive
) -> Float[np.ndarray, "points dim dim"]:
    """Covariance of Mixup's perturbation of each shrunk point, over θ and the uniform partner.

    With deviations r_i of the shrunk points from their mean it is (σ^2 r_i r_i' + γ^2 mean_j r_j
    r_j') / θ_bar^2. Labels obey the same law: append them to the points as coordinates for
    cross-covariances. Source: arXiv 2006.06049.
    """
    moments = carratino_moments(alpha)
    shrunk = carratino_points(points, alpha)
    deviations = shrunk - shrunk.mean(axis=0)
    outer = deviations[:, :, None] * deviations[:, None, :]
    return (moments.variance * outer + moments.partner * outer.mean(axis=0)) / moments.mean**2


@guarded
def label_entropy_floor(labels: SoftLabels, lambdas: Lambdas) -> float:
    """E[H(y)] of the mixed labels over all pairs and equally likely `lambdas`: no loss is lower;
    derived here.
    """
    from scipy.special import entr

    mixtures = lambdas[:, None, None] * labels[:, None] + (1 - lambdas[:, None, None]) * labels
    return float(np.mean(entr(mixtures) + entr(1 - mixtures)))


@guarded
def intrusion_gap(
    points: Float[np.ndarray, "points dim"], labels: SoftLabels, lambdas: Lambdas
) -> float:
    """Least Mixup cross-entropy over all functions, minus `label_entropy_floor`: E KL(y | mean of y
    at that input).

    Mixtures run over all ordered pairs and equally likely `lambdas`. It is positive exactly if two
    mixtures coincide with different soft labels; whether they coincide is decided in rational
    arithmetic on the given floats. Source: arXiv 1809.02499 for the phenomenon; the gap is derived
    here.
    """
    from scipy.special import rel_entr

    exact_points = [[Fraction(float(coordinate)) for coordinate in point] for point in points]
    exact_labels = [Fraction(float(label)) for label in labels]
    at_input: dict[tuple[Fraction, ...], list[Fraction]] = defaultdict(list)
    for share in (Fraction(float(weight)) for weight in lambdas):
        for first, first_label in zip(exact_points, exact_labels, strict=True):
            for second, second_label in zip(exact_points, exact_labels, strict=True):
                mixture = tuple(
                    share * x + (1 - share) * y for x, y in zip(first, second, strict=True)
                )
                at_input[mixture].append(share * first_label + (1 - share) * second_label)
    divergence = 0.0
    for mixed_labels in at_input.values():
        centre = float(sum(mixed_labels) / len(mixed_labels))
        for label in map(float, mixed_labels):
            divergence += float(rel_entr(label, centre) + rel_entr(1 - label, 1 - centre))
    return divergence / (len(lambdas) * len(labels) ** 2)
