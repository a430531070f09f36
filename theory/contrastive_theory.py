"""What a contrastive loss certifies, the least loss of any encoder, and the distance of InfoNCE
from mutual information.

Arora, Khandeparkar, Khodak, Plevrakis & Saunshi 2019, "A Theoretical Analysis of Contrastive
Unsupervised Representation Learning", ICML 2019, arXiv 1902.09229; Tschannen, Djolonga, Rubenstein,
Gelly & Lucic 2020, "On Mutual Information Maximization for Representation Learning", ICLR 2020,
arXiv 1907.13625. Their abstracts were read, and no theorem of theirs: what stands here was derived
for this collection, in the shapes that are commonly quoted.
"""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    MOST,
    PROBABILITIES,
    USABLE_SCALE,
    Holds,
    Interval,
    NonNegative,
    guarded,
    require,
)


def _several(weights: np.ndarray) -> bool:
    return float(weights @ weights) < 1 - 1e-9


def _joint(p: np.ndarray) -> bool:
    return bool((p > 0).all()) and abs(float(p.sum()) - 1) <= 1e-9


SEVERAL = Holds(
    "several",
    "give weight to at least two classes: one alone has no other to be told from",
    _several,
)
JOINT = Holds("joint", "be positive (log r is infinite at zero) and sum to one", _joint)

Loss = Literal["hinge", "logistic"]
"""max(0, 1 - v), or log2(1 + e^-v): both are 1 at v = 0."""
Classes = Annotated[Float[np.ndarray, " classes"], PROBABILITIES, SEVERAL]
"""ρ, the weights of the latent classes."""
Conditionals = Annotated[Float[np.ndarray, "classes points"], PROBABILITIES]
"""P_c, the law of a point given its class, a row per class."""
Features = Annotated[Float[np.ndarray, "points dim"], USABLE_SCALE]
"""f, a row per point, dimensionless."""
Negatives = Annotated[int, Interval(1, 2**20, why="the collisions are summed one by one")]
"""k, with how many negatives a positive is compared."""
Several = Annotated[int, Interval(2, MOST, why="one point has none to differ from")]
"""How many points there are, not all of them equal."""
Views = Annotated[int, Interval(1, 2**20, why="as many as negatives")]
"""How many of the negatives come from one and the same object."""
Base = Annotated[
    float, Interval(1, closed="()", why="no logarithm has base 1, those of smaller ones fall")
]
"""Of the logarithm in the logistic loss: 2 for bits, e for nats."""
Joint = Annotated[Float[np.ndarray, "rows columns"], JOINT]
"""p(x, y), a row per x."""
Critic = Annotated[Float[np.ndarray, "rows columns"], USABLE_SCALE]
"""f(x, y), in nats."""
Candidates = Annotated[int, Interval(2, MOST, why="the positive and at least one other")]
"""K, among how many candidates the positive is to be found."""


@guarded
def collision_floor(
    weights: Classes, negatives: Negatives, base: Base = 2.0, views: Views = 1
) -> float:
    """The infimum of the logistic loss over all encoders: E log(1 + m B), with c ~ ρ, B ~ Bin(k /
    m, ρ_c) and m views.

    By Jensen's inequality a colliding negative, whose v has mean 0, costs at least what v = 0
    costs; collapsed classes that are far apart come as near as one likes. In bits for base 2, in
    nats for base e. Raises ValueError unless the views divide the negatives. Source: derived here;
    views = 2 is what two augmentations per picture give.

    >>> round(collision_floor([0.5, 0.3, 0.2], 4), 4)
    1.1866
    """
    counts, chances = _collisions(weights, negatives, views)
    return float(weights @ chances @ np.log1p(counts) / np.log(base))


@guarded
def supervised_weight(weights: Classes, negatives: Negatives, views: Views) -> float:
    """The weight w with which k negatives certify (1 - τ) L_sup: min_c E min(1, (k - N) / (1 + N))
    / (1 - ρ_c), with N = m B.

    Over the classes that occur, B as in `collision_floor`. Given N collisions, the n = k - N other
    negatives, of terms t_i, add log(1 + sum of t_i / (1 + N)), which by concavity is at least the
    mean of log(1 + n t_i / (1 + N)), and so of min(1, n / (1 + N)) log(1 + t_i). Raises as
    `collision_floor`. Source: derived here.
    """
    counts, chances = _collisions(weights, negatives, views)
    share = chances @ np.minimum(1, (negatives - counts) / (1 + counts))
    return float((share / (1 - weights))[weights > 0].min())


def _collisions(
    weights: Classes, negatives: int, views: int
) -> tuple[Float[np.ndarray, " counts"], Float[np.ndarray, "classes counts"]]:
    """How many negatives may collide, and with what chance they do in each class."""
    from scipy.special import betaln, xlog1py, xlogy

    require(negatives % views == 0, f"views must divide negatives, got {views} and {negatives}")
    objects = negatives // views
    colliding = np.linspace(0, objects, objects + 1)
    log_ways = -betaln(1 + colliding, 1 + objects - colliding) - np.log(1 + objects)
    rho = weights[:, None]
    chances = np.exp(log_ways + xlogy(colliding, rho) + xlog1py(objects - colliding, -rho))
    return views * colliding, chances


@guarded
def collision_probability(weights: Classes) -> float:
    """The probability τ = P(c- = c) that a negative has the class of the positive: the sum of
    ρ_c^2. Source: definition.
    """
    return float(weights @ weights)


@guarded
def supervised_loss(
    weights: Classes, conditionals: Conditionals, features: Features, loss: Loss
) -> float:
    """L_sup = E[l(f(x) . (μ_c - μ_c-)) given c- != c], c and c- ~ ρ; logistic in bits. Source:
    Arora et al. 2019.
    """
    scores = features @ (conditionals @ features).T
    margins = scores[:, :, None] - scores[:, None, :]
    losses = (
        np.maximum(0, 1 - margins) if loss == "hinge" else np.logaddexp(0, -margins) / np.log(2)
    )
    pairs = weights[:, None] * weights * (1 - np.eye(len(weights)))
    return float(np.einsum("cx,cd,xcd->", conditionals, pairs, losses) / pairs.sum())


@guarded
def certificate(
    weights: Classes,
    supervised: NonNegative,
    negatives: Negatives = 1,
    base: Base = 2.0,
    views: Views = 1,
) -> float:
    """The least L_un that is compatible with an L_sup: floor + (1 - τ) w L_sup, with w of
    `supervised_weight`.

    With one negative it is τ + (1 - τ) L_sup, for the hinge and for the logistic loss in bits;
    L_sup has the unit of the base. Source: Jensen; Arora et al. 2019 for one negative, derived here
    for more. Raises as `collision_floor`.

    >>> round(certificate([0.5, 0.3, 0.2], 0.5), 4)
    0.69
    """
    share = (1 - collision_probability(weights)) * supervised_weight(weights, negatives, views)
    return collision_floor(weights, negatives, base, views) + share * float(supervised)


@guarded
def independent_block_limit(
    weights: Classes, conditionals: Conditionals, features: Features
) -> float:
    """The logistic loss E log2(1 + e^-v) with v = f(x) . (μ_c - mean of all μ), to which the loss
    on means of many independent negatives tends.

    It may fall below the certificate, which averages over negatives of one class obey. Source: law
    of large numbers.
    """
    means = conditionals @ features
    margins = features @ (means - weights @ means).T
    losses = np.logaddexp(0, -margins) / np.log(2)
    return float(np.einsum("c,cx,xc->", weights, conditionals, losses))


@guarded
def spread(weights: Classes, conditionals: Conditionals, features: Features) -> float:
    """The spread s(f) = sum_c ρ_c^2 / τ sqrt(|Cov(f | c)|_2) E[|f| | c] of features within the
    classes that collide; the shape is recalled of Arora et al. 2019.
    """
    lengths = np.linalg.norm(features, axis=1)
    of_class = []
    for chances in conditionals:
        deviations = np.sqrt(chances)[:, None] * (features - chances @ features)
        of_class.append(np.linalg.norm(deviations, 2) * (chances @ lengths))
    return float(weights**2 @ np.array(of_class) / collision_probability(weights))


@guarded
def collision_constant(loss: Loss) -> float:
    """The smallest constant c' in L_same - 1 <= c' s(f): 1 / sqrt(3) for the hinge loss, and 1 /
    (sqrt(3) ln 2) for the logistic loss.

    L_same - 1 <= E|v| / 2, and E|Z - Z'| <= 2 sd / sqrt(3), attained by uniform numbers. Source:
    derived here.
    """
    return float(1 / np.sqrt(3) / (1 if loss == "hinge" else np.log(2)))


@guarded
def grid_sharpness(points: Several) -> float:
    """The ratio (L_same - 1) / (c' s) = sqrt(1 - 1 / points^2) for one class whose values are
    evenly spaced and equally likely (Gini).
    """
    return float(np.sqrt(1 - 1 / points**2))


@guarded
def spread_loss(variance: NonNegative) -> float:
    """The L_un of f = (y, +-sqrt(s^2)) with the hinge loss, where y = +-1 is the class and the sign
    is independent of it: (1/2 + s^2) / 2 from s^2 = 1/2 on.

    Below it is 1/2. L_sup is 0, yet beyond s^2 = 3/2 the constant encoder has the smaller L_un, 1.
    Source: enumeration.
    """
    return float(max(0.5, (0.5 + variance) / 2))


Correlation = Annotated[float, Interval(-1, 1, "()")]


@guarded
def mutual_information(joint: Joint) -> float:
    """The mutual information I = E log r, in nats. Source: definition."""
    return float(np.sum(joint * np.log(joint / _product(joint))))


@guarded
def chi_squared(joint: Joint) -> float:
    """The χ^2 divergence E r - 1 of p(x, y) from p(x) p(y), with E over p(x, y). With f = log r, K
    (I - I_K) tends to half of it. Source: derived here.
    """
    return float(np.sum(joint * joint / _product(joint)) - 1)


@guarded
def gaussian_chi_squared(correlation: Correlation) -> float:
    """The χ^2 divergence ρ^2 / (1 - ρ^2) of a normal pair with correlation ρ. Source: Gaussian
    integral of r.
    """
    return float(correlation**2 / (1 - correlation**2))


@guarded
def infonce_ceiling(joint: Joint, candidates: Candidates) -> float:
    """The bound min(I, log K), which I_K(f) exceeds for no critic f. Source: recalled; both parts
    follow from Jensen's inequality.
    """
    return min(mutual_information(joint), float(np.log(candidates)))


@guarded
def limit_excess(joint: Joint, critic: Critic) -> float:
    """The limit of I - I_K(f) for large K: E_x KL(p(y | x) | q(y | x)), in nats, where q(y | x) is
    proportional to p(y) e^f(x, y).

    Zero where f is log r up to a function of x. Source: derived here.
    """
    log_tilt = _log_tilt(joint, critic)
    log_ratio = np.log(joint / _product(joint))
    return max(0.0, float(np.sum(joint * (log_ratio - log_tilt))))


@guarded
def gap_coefficient(joint: Joint, critic: Critic) -> float:
    """The coefficient of 1 / K in I_inf(f) - I_K(f): E_p t - 1 - (E t^2 - 1) / 2 with t = q / p(y),
    E_p over p(x, y) and E over p(x) p(y).

    For f = log r it is χ^2 / 2. Source: derived here.
    """
    tilt = np.exp(_log_tilt(joint, critic))
    return float(np.sum(joint * tilt) - 1 - (np.sum(_product(joint) * tilt**2) - 1) / 2)


def _product(joint: Joint) -> Joint:
    return joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)


def _log_tilt(joint: Joint, critic: Critic) -> Critic:
    """Log t, t = e^f over its mean under p(y), for each x."""
    shifted = critic - critic.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted) @ joint.sum(axis=0))[:, None]
