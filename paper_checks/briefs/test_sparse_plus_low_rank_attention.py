"""Chen, Dao, Winsor, Song, Rudra & Ré 2021, "Scatterbrain", NeurIPS, arXiv 2110.15343.

For whoever combines hashing with random features: when is the sum better than its parts, and what does sharing cost?

A query q and a key k have the attention score A = exp(q·k). Of m positive random features exp(w·(q + k) − c), with w
from N(0, I) and c = (‖q‖² + ‖k‖²)/2, the mean F has the expectation A and the variance v = A² (exp(s) − 1)/m, where
s = ‖q + k‖². A hash takes b sign bits, sign(w·q) and sign(w·k); the pair collides if all of them agree, which has the
chance P = p₀^b with p₀ = 1 − θ/π, θ being the angle between q and k. Scatterbrain returns A on a collision and F
otherwise; the sparse part alone returns A or 0. Hash and features draw directions w of their own, unless the first t
bits and features share theirs.

Read: the abstract. Derived here: every constant; under a tilted law, w from N(j (q + k), I), the bits agree with the
chance p_j, a bivariate normal one. Not claimed: anything of softmax rows whose sum is normalised, which are biased.

Topic: sequence models and attention.
"""

import math
from typing import Annotated

import numpy as np
from scipy.special import ndtr, owens_t

from theory_on_trial import claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Length = Annotated[float, Interval(0.2, 1.0, why="shorter, A is 1 whatever happens; longer, features are useless")]
Features = Annotated[int, Interval(1, 2, why="all outcomes of all features are enumerated")]
Bits = Annotated[int, Interval(1, 6, why="all outcomes of all bits are enumerated")]
Shared = Annotated[int, Interval(1, 2, why="no more than there are features")]
PAIRS = 4
ROUNDINGS = 2000
"""Roundings of a sum over some 10⁶ outcomes, taken pairwise, and of the special functions on either side."""


def pairs(generator, length):
    """Queries of this length and shorter keys in the plane, at angles that leave collisions neither sure nor rare."""
    angles, shorter = generator.uniform(0.4, 2.7, PAIRS), generator.uniform(0.3, 1, PAIRS)
    keys = (length * shorter) * np.array([np.cos(angles), np.sin(angles)])
    return [(np.array([length, 0.0]), key) for key in keys.T]


@predicted
def score_and_spread(q, k):
    """The score A and exp(s) − 1, the variance of one positive feature in units of A²."""
    return math.exp(q @ k), math.expm1((q + k) @ (q + k))


@predicted
def agreement(q, k, tilt=0):
    """The chance p_j that one bit of q and k agrees if w is drawn from N(j (q + k), I): Owen's T for j = 0, 1, 2."""
    h, g = ((q + k) @ one / np.linalg.norm(one) for one in (q, k))
    cosine = q @ k / np.linalg.norm(q) / np.linalg.norm(k)
    sine = math.sqrt(1 - cosine**2)
    slopes = (g - cosine * h) / (h * sine), (h - cosine * g) / (g * sine)
    return 1 - 2 * owens_t(tilt * h, slopes[0]) - 2 * owens_t(tilt * g, slopes[1]) - (h * g < 0)


@predicted
def squared_error(q, k, features, bits):
    """(1 − P) v in units of A², for a hash of its own."""
    return (1 - agreement(q, k) ** bits) * score_and_spread(q, k)[1] / features


@predicted
def shared_bias(q, k, features, bits, shared):
    """(t/m) p₀^(b − 1) (p₀ − p₁) in units of A: a feature is tilted, and so is the bit that shares its direction."""
    untilted, tilted = agreement(q, k), agreement(q, k, 1)
    return shared / features * untilted ** (bits - 1) * (untilted - tilted)


@predicted
def shared_error(q, k):
    """The mean squared error in units of A² for one feature and one bit that share a direction."""
    growth = 1 + score_and_spread(q, k)[1]
    return growth * (1 - agreement(q, k, 2)) - 2 * (1 - agreement(q, k, 1)) + 1 - agreement(q, k)


@observed
def outcomes(q, k, joint):
    """All outcomes of one direction w: weight, feature, whether the bit agrees; a Gauss rule stands for w·(q + k).

    Given that coordinate x, the bit agrees while the other coordinate lies between two roots. The rule ends at 14
    standard deviations, 8 beyond the farthest peak.
    """
    along = np.linalg.norm(q + k)
    across = abs(q[0] * k[1] - q[1] * k[0]) / along
    nodes, weights = np.polynomial.legendre.leggauss(96)
    x = np.concatenate([-7 * (nodes + 1), 7 * (nodes + 1)])
    mass = np.tile(7 * weights, 2) * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    feature = np.exp(along * x - (q @ q + k @ k) / 2)
    roots = [x * ((q + k) @ one) / (along * across) for one in (q, k)]
    agrees = np.abs(ndtr(roots[0]) - ndtr(-roots[1]))
    if joint == "feature":
        return mass, feature, np.ones_like(x)
    if joint == "bit":
        return np.array([mass @ agrees, mass @ (1 - agrees)]), np.zeros(2), np.array([1.0, 0.0])
    return np.concatenate([mass * agrees, mass * (1 - agrees)]), np.tile(feature, 2), np.repeat([1.0, 0.0], x.size)


@observed
def enumerated(q, k, features, bits, shared=0):
    """Bias, mean squared error of Scatterbrain, that of the sparse part alone, in units of A, over all outcomes."""
    kinds = ["both"] * shared + ["feature"] * (features - shared) + ["bit"] * (bits - shared)
    weight, total, collides = np.ones(1), np.zeros(1), np.ones(1)
    for mass, feature, agrees in (outcomes(q, k, kind) for kind in kinds):
        weight = np.outer(weight, mass).ravel()
        total = np.add.outer(total, feature).ravel()
        collides = np.outer(collides, agrees).ravel()
    error = np.where(collides, 1, total / features / math.exp(q @ k)) - 1
    return np.array([np.sum(weight * error), np.sum(weight * error**2), np.sum(weight * (1 - collides))])


@claim(ours("hash and features are independent"), kind="identity", cases=[(1, 1, 0.7), (2, 3, 1.0), (1, 6, 0.2)])
def test_unbiased_and_smaller(trial, features: Features, bits: Bits, length: Length):
    """Scatterbrain with a hash of its own is unbiased, and its variance is 1 − P times that of the features alone."""
    instances = pairs(trial.generator(), length)
    found = np.array([enumerated(q, k, features, bits)[:2] for q, k in instances])
    spread = np.array([score_and_spread(q, k)[1] for q, k in instances]) / features
    collision = np.array([agreement(q, k) for q, k in instances]) ** bits
    law = np.array([[0, squared_error(q, k, features, bits)] for q, k in instances])
    wrong = {"(1 − P)² v": (1 - collision) ** 2 * spread, "P v": collision * spread, "v": spread}
    wrong = {name: np.stack([0 * one, one], axis=1) for name, one in wrong.items()}
    trial.identity(found, law, ops=ROUNDINGS, scale=1 + spread[:, None], controls=wrong)


@claim(ours("without a collision the sparse part errs by A"), kind="identity", cases=[(1, 1, 0.7), (2, 3, 1.0)])
def test_beats_sparse_iff(trial, features: Features, bits: Bits, length: Length):
    """Scatterbrain has a smaller error than the sparse part alone iff m > exp(s) − 1, whatever the hash."""
    instances = pairs(trial.generator(), length)
    found = np.array([enumerated(q, k, features, bits)[1:] for q, k in instances])
    threshold = np.array([score_and_spread(q, k)[1] for q, k in instances])
    missed = 1 - np.array([agreement(q, k) for q, k in instances]) ** bits
    wrong = {"exp(s/2)": np.sqrt(1 + threshold), "counts misses twice": missed * threshold, "exp(s)": 1 + threshold}
    trial.identity(features * found[:, 0] / found[:, 1], threshold, ops=ROUNDINGS, scale=1 / missed, controls=wrong)


@claim(
    ours("a positive feature tilts the law of its w by q + k; all other bits are independent of it"),
    kind="identity",
    cases=[(1, 1, 1, 0.7), (2, 2, 2, 1.0), (2, 3, 1, 0.2)],
)
def test_shared_hash_bias(trial, features: Features, bits: Bits, shared: Shared, length: Length):
    """If t bits use the directions of t features, the bias is (t/m) A p₀^(b − 1) (p₀ − p₁)."""
    trial.require(shared <= min(features, bits), "shared must be at most the number of features and that of bits")
    instances = pairs(trial.generator(), length)
    found = np.array([enumerated(q, k, features, bits, shared)[0] for q, k in instances])
    law = np.array([shared_bias(q, k, features, bits, shared) for q, k in instances])
    untilted = np.array([agreement(q, k) for q, k in instances])
    wrong = {"unbiased": 0 * law, "p₀^b for p₀^(b − 1)": untilted * law, "p₁ − p₀": -law}
    trial.identity(found, law, ops=ROUNDINGS, scale=1.0, controls=wrong)


@claim(ours("a squared feature tilts the law of its w by 2 (q + k)"), kind="identity", cases=[0.7, 1.0, 0.2])
def test_shared_hash_error(trial, length: Length):
    """One feature and one bit on a shared direction err by A² [exp(s) (1 − p₂) − 2 (1 − p₁) + 1 − p₀] in the square."""
    instances = pairs(trial.generator(), length)
    found = np.array([enumerated(q, k, 1, 1, 1)[1] for q, k in instances])
    law = np.array([shared_error(q, k) for q, k in instances])
    once = [score_and_spread(q, k)[1] * (1 - agreement(q, k, 1)) for q, k in instances]
    wrong = {"as if independent": np.array([squared_error(q, k, 1, 1) for q, k in instances]), "tilted once": once}
    trial.identity(found, law, ops=ROUNDINGS, scale=2 + law, controls=wrong)


@figure("F1", claims=("unbiased_and_smaller", "beats_sparse_iff"))
def errors(angle: float = 1.2, bits: int = 2, features: int = 2):
    """Scatterbrain is the better part in one: mean squared error of an attention score against the temperature.

    Query and key of one length, at a fixed angle, are stretched together. Lines: laws of the sparse part, of m = 2
    features alone, and of both. Points: both, over all outcomes of hash and features. Beyond the vertical line,
    where exp(s) − 1 = m, the features harm more than they help.
    """
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(figsize=(5.4, 3.2))
    q, k = np.array([1.0, 0.0]), np.array([math.cos(angle), math.sin(angle)])
    scales = np.linspace(0.15, 1.2, 60)
    spread = np.array([score_and_spread(c * q, c * k)[1] for c in scales])
    missed = 1 - agreement(q, k) ** bits
    axes.semilogy(scales, np.full(scales.size, missed), color=COLOURS[0], label="sparse alone")
    axes.semilogy(scales, spread / features, color=COLOURS[2], label="features alone")
    axes.semilogy(scales, missed * spread / features, color=COLOURS[1], label="both")
    chosen = scales[::6]
    found = [enumerated(c * q, c * k, features, bits)[1] for c in chosen]
    axes.semilogy(chosen, found, "o", color=COLOURS[1], label="both, enumerated")
    crossing = math.sqrt(math.log1p(features)) / float(np.linalg.norm(q + k))
    axes.axvline(crossing, color=COLOURS[6], linestyle=":", label="exp(s) − 1 = m")
    axes.set(xlabel="length of query and key (dimensionless)", ylabel="mean squared error / A²")
    axes.legend(loc="upper left")
    return drawn
