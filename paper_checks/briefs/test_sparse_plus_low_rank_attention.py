"""Chen, Dao, Winsor, Song, Rudra & Ré 2021, "Scatterbrain: Unifying Sparse and Low-rank Attention
Approximation", NeurIPS, arXiv 2110.15343.

For whoever combines hashing with random features: when is the sum better than its parts, and what
does sharing cost?

Take away: with a hash of its own the sum is better than the features alone, and better than the
sparse part iff there are more than $exp(s) − 1$ features for a score of $s = ‖q + k‖²$. If hash and
features share directions, the sum is biased.

A query $q$ and a key $k$ have the attention score $A = exp(q·k)$. Of $m$ positive random features
$exp(w·(q + k) − c)$, with $w$ from $N(0, I)$ and $c = (‖q‖² + ‖k‖²)/2$, the mean $F$ has the
expectation $A$ and the variance $v = A² (exp(s) − 1)/m$. A hash takes $b$ sign bits, $sign(w·q)$
and $sign(w·k)$; the pair collides if all of them agree, which has the chance $P = p₀^b$ with
$p₀ = 1 − θ/π$, $θ$ being the angle between $q$ and $k$. Scatterbrain returns $A$ on a collision and
$F$ otherwise; the sparse part alone returns $A$ or 0. Hash and features draw directions $w$ of
their own, unless the first $t$ bits and features share theirs.

Edges: if $q$ and $k$ have the same direction, $P = 1$ and the estimate is exact; if they have
opposite directions, $P = 0$. At $q = −k$ a feature is exact.

Paper: it combines hashing with random features in attention and measures it on trained networks.
This page treats one pair of query and key, before the softmax.

Abstract:

- Sentence 3, first half: both excel in different regimes, which the temperature of softmax
  determines. In part: beats_sparse_iff. By the number of features against $exp(s) − 1$, where $s$
  grows as the temperature falls.
- Sentence 3, second half: together they can outperform each of them. In part: unbiased_and_smaller,
  beats_sparse_iff. Better than the low-rank part by the factor $1 − P$; better than the sparse part
  from a known number of features on.
- Sentence 4: hashing and kernel features are unified. No statement.
- Sentence 5: the estimate is unbiased with provably low error. In part: unbiased_and_smaller,
  shared_hash_bias. For one entry before the softmax, with a hash of its own; with shared directions
  it is biased.
- Sentences 6 to 8: it works in pre-trained models and from the start of training. Not on trial. It
  needs large models.

Read: the abstract. Derived here: every constant; under a tilted law, $w$ from $N(j (q + k), I)$,
the bits agree with the chance $p_j$, a bivariate normal one. Not claimed: anything of softmax rows
whose sum is normalised, which are biased. Topic: sequence models and attention.
"""

from typing import Annotated

import numpy as np
from scipy.special import ndtr, owens_t
from scipy.stats import norm

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Length = Annotated[
    float, Interval(0.2, 1.0, why="shorter, A is 1 whatever happens; longer, features are useless")
]
Features = Annotated[int, Interval(1, 2, why="all outcomes of all features are enumerated")]
Bits = Annotated[int, Interval(1, 6, why="with more bits hardly any pair has a collision")]
# of a sum over some 10⁵ outcomes, taken pairwise, and of the special functions on either side
ROUNDINGS = 2000


def pairs(generator, length):
    """Four queries of this length and shorter keys, in the plane: at no angle are collisions sure
    or rare.
    """
    angles = generator.uniform(0.4, 2.7, 4)
    shorter = generator.uniform(0.3, 1, 4)
    keys = (length * shorter) * np.array([np.cos(angles), np.sin(angles)])
    return np.tile([length, 0.0], (4, 1)), keys.T


@predicted
def spread(q, k):
    """exp(s) − 1, the variance of one positive feature in units of A²."""
    return np.expm1(np.sum((q + k) ** 2, axis=1))


@predicted
def agreement(q, k, tilt=0):
    """The chance p_j that one bit of q and k agrees if w is drawn from N(j (q + k), I): Owen's T
    for j = 0, 1, 2.
    """
    h, g = (np.sum((q + k) * x, axis=1) / np.linalg.norm(x, axis=1) for x in (q, k))
    cosine = np.sum(q * k, axis=1) / np.linalg.norm(q, axis=1) / np.linalg.norm(k, axis=1)
    line = np.abs(cosine) > 1 - 1e-15  # bits of one direction agree, of opposite ones never
    sine = np.sqrt(np.where(line, 1.0, 1 - cosine**2))
    slopes = (g - cosine * h) / (h * sine), (h - cosine * g) / (g * sine)
    agree = 1 - 2 * owens_t(tilt * h, slopes[0]) - 2 * owens_t(tilt * g, slopes[1]) - (h * g < 0)
    return np.where(line, cosine > 0, agree)


@observed
def enumerated(q, k, features, bits, shared=0):
    """In units of A, over all outcomes: the bias of Scatterbrain, and the mean squared errors of
    Scatterbrain, of the sparse part alone and of the features alone.

    A Gauss rule stands for the coordinate x of each w along q + k, to 14 standard
    deviations, 8 beyond the farthest peak. Given x, the bit agrees while the other coordinate lies
    between two roots.
    """
    along = np.linalg.norm(q + k, axis=1, keepdims=True)
    area = np.abs(q[:, :1] * k[:, 1:] - q[:, 1:] * k[:, :1])
    nodes, weights = np.polynomial.legendre.leggauss(96)
    x = np.concatenate([-7 * (nodes + 1), 7 * (nodes + 1)])
    mass = np.tile(7 * weights, 2) * norm.pdf(x)
    feature = np.exp(along * x - np.sum(q**2 + k**2, axis=1, keepdims=True) / 2)
    roots = [x * np.sum((q + k) * v, axis=1, keepdims=True) / area for v in (q, k)]
    agrees = np.abs(ndtr(roots[0]) - ndtr(-roots[1]))
    weight = np.ones(1)
    total = np.zeros((len(q), 1))
    collides = (agrees @ mass)[:, None] ** (bits - shared)
    for n in range(features):
        weight = np.outer(weight, mass).ravel()
        total = (total[..., None] + feature[:, None]).reshape(len(q), -1)
        collides = (collides[..., None] * agrees[:, None] ** (n < shared)).reshape(len(q), -1)
    error = total / features / np.exp(np.sum(q * k, axis=1, keepdims=True)) - 1
    misses = 1 - collides
    sparse = 1.0  # the error where nothing collides: 0 stands for A
    return np.array(
        [
            (misses * error) @ weight,
            (misses * error**2) @ weight,
            (misses * sparse**2) @ weight,
            error**2 @ weight,
        ]
    )


@claim(
    tried("abstract: unbiased, with provably low error", "the factor $1 − P$ of the variance"),
    kind="identity",
    cases=[(1, 1, 0.7), (2, 3, 1.0), (1, 6, 0.2)],
)
def test_unbiased_and_smaller(trial, features: Features, bits: Bits, length: Length):
    """Scatterbrain returns $exp(q·k)$ if the hashes of $q$ and $k$ collide, with the chance $P$,
    and else a mean of positive random features. If both are independent, it is unbiased with
    $1 − P$ times the variance of the features.
    """
    q, k = pairs(trial.generator(), length)
    misses = 1 - agreement(q, k) ** bits
    alone = spread(q, k) / features
    variances = {
        "the features' $v$, as if nothing collided": alone,
        "$(1 − P)² v$, as of an estimate times $1 − P$": misses**2 * alone,
    }
    trial.identity(
        enumerated(q, k, features, bits)[:2],
        np.stack([0 * alone, misses * alone]),
        ops=ROUNDINGS,
        scale=1 + features * alone,
        generic="exponentials and the angle of q and k are analytic in both",
        controls={name: np.stack([0 * alone, value]) for name, value in variances.items()},
    )


@claim(
    tried(
        "abstract: both together can outperform each", "the number of features from which they do"
    ),
    kind="identity",
    cases=[(1, 1, 0.7), (2, 3, 1.0)],
)
def test_beats_sparse_iff(trial, features: Features, bits: Bits, length: Length):
    """Scatterbrain returns $exp(q·k)$ if the hashes of $q$ and $k$ collide, and else a mean of $m$
    positive random features; its sparse part returns 0 else. The mean squared error of the first is
    $(exp(s) − 1)/m$ times that of the second, $s = ‖q + k‖²$.
    """
    q, k = pairs(trial.generator(), length)
    _, hybrid, sparse, _ = enumerated(q, k, features, bits)
    threshold = spread(q, k)
    misses = 1 - agreement(q, k) ** bits
    controls = {
        "$exp(s/2)$, the root of the second moment": np.sqrt(1 + threshold),
        "$exp(s)$, the second moment": 1 + threshold,
    }
    trial.identity(
        features * hybrid / sparse,
        threshold,
        ops=ROUNDINGS,
        scale=1 / misses,
        generic="exponentials and the angle of q and k are analytic in both",
        controls=controls,
    )


@claim(
    derived(
        "a positive feature tilts the law of its $w$ by $q + k$; all other bits are independent "
        "of it"
    ),
    kind="identity",
    cases=[(1, 1, 1, 0.7), (2, 2, 2, 1.0), (2, 3, 1, 0.2)],
)
def test_shared_hash_bias(
    trial,
    features: Features,
    bits: Bits,
    shared: Annotated[int, Interval(1, 2, why="no more than there are features")],
    length: Length,
):
    """Scatterbrain returns $A = exp(q·k)$ if $b$ sign bits $sign(w·q)$ and $sign(w·k)$ agree, else
    a mean of $m$ positive random features. If $t$ bits and features share their $w$, its bias is
    $(t/m) A p₀^(b − 1) (p₀ − p₁)$, $p_j$ the chance of agreement for $w$ from $N(j (q + k), I)$.
    """
    trial.require(
        shared <= min(features, bits),
        "shared must be at most the number of features and that of bits",
    )
    q, k = pairs(trial.generator(), length)
    p0 = agreement(q, k)
    p1 = agreement(q, k, 1)
    law = shared / features * p0 ** (bits - 1) * (p0 - p1)
    controls = {"unbiased": 0 * law, "$p₀^b$ for $p₀^(b − 1)$": p0 * law}
    bias = enumerated(q, k, features, bits, shared)[0]
    trial.identity(
        bias,
        law,
        ops=ROUNDINGS,
        scale=1.0,
        generic="exponentials and the angle of q and k are analytic in both",
        controls=controls,
    )


@claim(
    derived("a squared feature tilts the law of its $w$ by $2 (q + k)$"),
    kind="identity",
    cases=[0.7, 1.0, 0.2],
)
def test_shared_hash_error(trial, length: Length):
    """Scatterbrain with one positive random feature and one sign bit of the same direction has the
    mean squared error $A² [exp(s) (1 − p₂) − 2 (1 − p₁) + 1 − p₀]$, $A = exp(q·k)$ and
    $s = ‖q + k‖²$, with the chance $p_j$ that $sign(w·q) = sign(w·k)$ for $w$ from
    $N(j (q + k), I)$.
    """
    q, k = pairs(trial.generator(), length)
    zero, once, twice = (1 - agreement(q, k, tilt) for tilt in (0, 1, 2))
    law = (1 + spread(q, k)) * twice - 2 * once + zero
    controls = {"as if independent": spread(q, k) * zero, "tilted once": spread(q, k) * once}
    trial.identity(
        enumerated(q, k, 1, 1, 1)[1],
        law,
        ops=ROUNDINGS,
        scale=2 + law,
        generic="exponentials and the angle of q and k are analytic in both",
        controls=controls,
    )


@figure("F1", claims=("unbiased_and_smaller", "beats_sparse_iff"))
def errors(angle: float = 1.2, bits: int = 2, features: int = 2):
    """Scatterbrain is the better part in one: mean squared error of an attention score against the
    temperature.

    Query and key of one length, at a fixed angle, are stretched together. Beyond the vertical line,
    where $exp(s) − 1 = m$, the features harm more than they help. Marks: lines: laws of $m = 2$
    features; points: all outcomes of hash and features; $A$: score.
    """
    lengths = np.linspace(0.15, 1.2, 60)
    q = lengths[:, None] * [1, 0]
    k = lengths[:, None] * [np.cos(angle), np.sin(angle)]
    misses = 1 - agreement(q, k) ** bits
    alone = spread(q, k) / features
    laws = {"sparse alone": misses, "features alone": alone, "both": misses * alone}
    _, *exact = enumerated(q[::6], k[::6], features, bits)
    names = ("both", "sparse alone", "features alone")
    points = {name: (lengths[::6], error) for name, error in zip(names, exact, strict=True)}
    crossing = {"exp(s) − 1 = m": np.sqrt(np.log1p(features) / (2 + 2 * np.cos(angle)))}
    lines = {name: (lengths, law) for name, law in laws.items()}
    x = "length of query and key (dimensionless)"
    y = "mean squared error / A²"
    return chart(lines, points, log="y", thresholds=crossing, x=x, y=y)
