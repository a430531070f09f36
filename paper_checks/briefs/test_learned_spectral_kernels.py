"""Chowdhury, Solomou, Dubey & Sachan 2022, "Learning the Transformer Kernel", Transactions on
Machine Learning Research, arXiv 2110.08323.

For whoever learns a spectral density for attention: how noisy its features are, when weights become
negative, and what positive features learn.

Setting: a query $q$ and a key $k$ have the offset $δ = q - k$. Frequencies $ω$ have the law
$½ N(μ, Σ) + ½ N(-μ, Σ)$ if nothing else is said; $K(δ) = E cos ω·δ = κ(δ) cos μ·δ$ is the kernel,
with $κ(δ) = e^(-δᵀΣδ/2)$. Features $cos ω·x$ and $sin ω·x$ estimate it by the mean of $cos ω·δ$
over drawn $ω$.

Take away: the code uses each draw $g$ of $N(0, Σ)$ twice, at $g + μ$ and $g - μ$. This lowers the
noise if and only if $cos²(μ·δ) < (1 + κ²)/2$: it raises the noise near the extremes of the cosine,
once $κ$ is well below 1. With positive features, one Gaussian learns no new kernel: attention is
softmax attention with a matrix $Σ$ between queries and keys and a bias for each key.

Edges: the exact kernel is negative too: in one dimension its minimum is $-0.95$ for $σ = μ/10$ and
$-0.06$ for $σ = μ$. If the law of $ω$ is a point mass, the series of the chance of a negative
cosine converges like $1/j$. The released code gives each head one Gaussian, and gives all heads the
same draws.

Paper: it learns means and spreads of frequencies in attention of linear cost, and compares kernels
on long sequences. This page studies the estimates that its features make, without training.

Abstract:

- Sentence 1: a framework to learn the kernel of attention is introduced. No statement.
- Sentence 2: the kernel is approximated by a product of spectral features, whose law is learned. In
  part: mirrored_pairs, one_frequency_negative, row_denominator, row_denominator-chance. The product
  has the mean $K$, but the sum of a row may be negative; no law is learned here.
- Sentence 3, first half: a generic kernel is learned. In part: positive_is_softmax. Not with
  positive features and one Gaussian.
- Sentence 3, second half: time and memory are linear in the length. Not on trial. It is a count
  that all attention by features shares.
- Sentence 4: accuracy and speed are like those of other efficient transformers. Not on trial. These
  are measurements.
- Sentence 5: the choice of kernel matters, and learned ones compete with fixed ones. Not on trial.
  These are measurements too.

Read: the abstract, in a copy ("learns the kernel by learning the spectral distribution"), and the
authors' code (`feature_maps/fourier_features.py`). Derived here: all claims. Not claimed: anything
on trained models. Topic: sequence models and attention.
"""

from typing import Annotated, Any, Literal

import numpy as np
from scipy import stats
from scipy.optimize import brentq, minimize_scalar
from scipy.special import softmax

from paper_checks.briefs.common import normal_nodes
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Flat = Annotated[int, Interval(1, 2, why="the rule has 100 nodes along each; more are as good")]
Turn = Annotated[float, Interval(0, 8, why="μ·δ, of which only the cosine matters")]
Keys = Annotated[int, Interval(2, 12, why="one key has no cross terms; more are as good")]
Mean = Annotated[float, Interval(0, 1.5, why="the length of μ; more are as good")]
Shape = Literal["normal", "logistic", "hyperbolic secant"]

SHAPES: dict[str, tuple[Any, Any]] = {
    "normal": (stats.norm, lambda t: np.exp(-(t**2) / 2)),
    "logistic": (stats.logistic, lambda t: np.pi * t / np.sinh(np.pi * t)),
    "hyperbolic secant": (stats.hypsecant, lambda t: 1 / np.cosh(np.pi * t / 2)),
}
"""Symmetric laws of unit scale and their characteristic functions."""


def gaussian_rule(root, nodes):
    """Points (N, dim) and weights (N,) that integrate against N(0, Σ), Σ = root rootᵀ (dim, dim),
    from `nodes` along each axis.
    """
    places, weights = normal_nodes(nodes, len(root))
    return places @ root.T, weights


def pair_of_tokens(generator, dim, turn, spread):
    """A query and a key (dim,), the mean μ (dim,), and a root (dim, dim) of Σ, drawn with
    μ·δ = turn and √(δᵀΣδ) = spread.
    """
    query, offset, mean = generator.normal(size=(3, dim))
    root = np.eye(dim) + 0.3 * generator.normal(size=(dim, dim))
    mean += (turn - mean @ offset) / (offset @ offset) * offset
    return query, query - offset, mean, root * spread / np.linalg.norm(root.T @ offset)


def tokens_of_row(generator, count, dim, length):
    """A query (dim,) of half this length, and `count` keys (count, dim) of this length."""
    drawn = generator.normal(size=(count + 1, dim))
    drawn *= length / np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn[0] / 2, drawn[1:]


def law_of_frequencies(generator, dim, length):
    """A mean (dim,) of this length and a root (dim, dim) of Σ of norm 1."""
    mean = generator.normal(size=dim)
    root = np.eye(dim) + 0.3 * generator.normal(size=(dim, dim))
    return mean * length / np.linalg.norm(mean), root / np.linalg.norm(root, 2)


def ring(count, radius):
    """So many keys (count, 2), evenly on a circle."""
    angles = 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


@observed
def trigonometric(tokens, frequencies):
    """Features cos ω·x and sin ω·x (2, …, number of frequencies); tokens (…, dim)."""
    turns = tokens @ frequencies.T
    return np.stack([np.cos(turns), np.sin(turns)])


@observed
def estimates(query, keys, frequencies):
    """What each frequency alone gives for the sum of a row (number of frequencies,): the product of
    the features of the query (dim,) with the sum of those of the keys (n, dim).
    """
    return np.sum(
        trigonometric(query, frequencies) * trigonometric(keys, frequencies).sum(axis=1), axis=0
    )


@observed
def moments(values, weights):
    """Mean and variance under a rule."""
    mean = np.sum(weights * values)
    return np.array([mean, np.sum(weights * (values - mean) ** 2)])


@observed
def variances(query, key, mean, root, nodes=64):
    """Variances (2,) of the estimate of K(δ) with two frequencies: g + μ and g - μ of one draw, and
    two independent ones.
    """
    draws, weights = gaussian_rule(root, nodes)
    mirrored = [estimates(query, key[None], draws + sign * mean) for sign in (1, -1)]
    pair = moments(np.mean(mirrored, axis=0), weights)[1]
    one = moments(np.concatenate(mirrored), np.tile(weights / 2, 2))[1]
    return np.array([pair, one / 2])


@observed
def row_moments(query, keys, mean, root, nodes=100):
    """Mean and variance (2,) of the sum of a row with one drawn frequency."""
    draws, weights = gaussian_rule(root, nodes)
    both = np.concatenate([draws + mean, draws - mean])
    return moments(estimates(query, keys, both), np.tile(weights / 2, 2))


@observed
def share_negative(shape, turn, spread):
    """The chance that cos x < 0, x of an even mixture of a law at ±turn, of this scale: the sum
    over all intervals.
    """
    whole = np.ceil((turn + 40 * spread) / (2 * np.pi)) + 1
    middles = np.pi + 2 * np.pi * np.arange(-whole - 1, whole + 1)
    cdf = SHAPES[shape][0].cdf
    inside = [
        cdf((middles + np.pi / 2 - place) / spread) - cdf((middles - np.pi / 2 - place) / spread)
        for place in (turn, -turn)
    ]
    return np.mean(np.sum(inside, axis=1))


@observed
def least_estimate(ratio):
    """The least mean estimate of the kernel over all offsets in one dimension, μ = 1, σ = ratio."""

    def height(offset):
        query = np.array([offset])
        return row_moments(query, np.zeros((1, 1)), np.ones(1), np.array([[ratio]]))[0]

    exact = {"xatol": 1e-9}
    return minimize_scalar(height, bounds=(1.5, 3.2), method="bounded", options=exact).fun


@observed
def negative_rows(generator, count, keys, draws):
    """Which of `count` rows of a query 0 have a sum <= 0, (count,), each with `draws` frequencies
    of N(0, I).
    """
    sums = []
    # All at once would not fit into memory.
    for part in np.array_split(np.arange(count), 1 + count // 1024):
        frequencies = generator.normal(size=(len(part) * draws, keys.shape[1]))
        singles = estimates(np.zeros(keys.shape[1]), keys, frequencies)
        sums.append(singles.reshape(-1, draws).mean(axis=1))
    return np.concatenate(sums) <= 0


@observed
def positive_rows(queries, keys, mean, root, nodes=100):
    """Rows (n, n) of attention with features e^(ω·x - |x|²) of all frequencies of N(μ, Σ)."""
    draws, weights = gaussian_rule(root, nodes)

    def positive(tokens):
        return np.exp(tokens @ (draws + mean).T - np.sum(tokens**2, axis=1, keepdims=True))

    scores = np.sum((positive(queries) * weights)[:, None] * positive(keys), axis=-1)
    return scores / scores.sum(axis=1, keepdims=True)


@predicted
def damping(spread):
    """κ = e^(-s²/2)."""
    return np.exp(-(spread**2) / 2)


@predicted
def kernel(offsets, mean, covariance):
    """K(δ) = e^(-δᵀΣδ/2) cos μ·δ; offsets (…, dim)."""
    squares = np.einsum("...i,ij,...j", offsets, covariance, offsets)
    return np.exp(-squares / 2) * np.cos(offsets @ mean)


@predicted
def of_pair(turn, spread):
    """cos²(t) (1 - κ²)²/2."""
    return np.cos(turn) ** 2 * (1 - damping(spread) ** 2) ** 2 / 2


@predicted
def of_one(turn, spread):
    """½ (1 + κ⁴ cos 2t) - κ² cos² t."""
    height = damping(spread) * np.cos(turn)
    return (1 + damping(2 * spread) * np.cos(2 * turn)) / 2 - height**2


@predicted
def mirrors_help(turn, spread):
    """cos² t < (1 + κ²)/2."""
    return np.cos(turn) ** 2 < (1 + damping(spread) ** 2) / 2


@predicted
def chance_negative(shape, turn, spread):
    """½ - (2/π) Σ (-1)^j K((2j + 1) δ)/(2j + 1), until K < 1e-17."""
    if spread < 1e-3:
        raise ValueError("spread must be at least 1e-3: for a point mass the series is too long")
    odd = 1 + 2 * np.arange(np.ceil(14 / spread) + 1)
    signs = np.where(odd % 4 == 1, 1, -1)
    heights = SHAPES[shape][1](odd * spread) * np.cos(odd * turn)
    return 1 / 2 - 2 / np.pi * np.sum(signs * heights / odd)


@predicted
def least_of_kernel(ratio):
    """e^(-s²x²/2) cos x at the root of tan x = -s² x between π/2 and π."""
    if ratio < 1e-6:
        raise ValueError("ratio must be at least 1e-6: below, the root is π in all digits")
    root = brentq(
        lambda x: np.sin(x) + ratio**2 * x * np.cos(x), np.pi / 2, np.pi, xtol=1e-15, rtol=1e-15
    )
    return np.exp(-((ratio * root) ** 2) / 2) * np.cos(root)


@predicted
def sum_of_row(offsets, mean, covariance):
    """Σ K(δ_j), and ½ Σ [K(δ_j - δ_l) + K(δ_j + δ_l)] - (Σ K)² over all j and l (2,)."""
    total = kernel(offsets, mean, covariance).sum()
    differences = kernel(offsets[:, None] - offsets, mean, covariance)
    sums = kernel(offsets[:, None] + offsets, mean, covariance)
    return np.array([total, np.sum(differences + sums) / 2 - total**2])


@predicted
def alone(offsets, mean, covariance):
    """The sum of the variances of each key (a theory without cross terms)."""
    return sum(sum_of_row(offset[None], mean, covariance)[1] for offset in offsets)


@predicted
def draws_needed(mean, variance, chance):
    """z² m Var D/(E D)², rounded up, z the normal quantile of the chance."""
    if not (mean > 0 and 0 < chance < 0.5):
        raise ValueError("mean must be positive and chance below 1/2: else one draw is enough")
    return int(np.ceil(stats.norm.isf(chance) ** 2 * variance / mean**2))


@predicted
def chance_of_negative_row(mean, variance, draws):
    """Φ(-E D/√Var D)."""
    return stats.norm.sf(mean * np.sqrt(draws / variance))


@predicted
def biased_softmax(queries, keys, mean, covariance):
    """Softmax of qᵀΣk + μ·k + ½ kᵀΣk - |k|² (n, n)."""
    bias = keys @ mean + np.sum((keys @ covariance / 2 - keys) * keys, axis=1)
    return softmax(queries @ covariance @ keys.T + bias, axis=1)


def differing(law, **wrong):
    """The controls that differ from the law."""
    return {
        name.replace("_", " "): value
        for name, value in wrong.items()
        if np.max(np.abs(value - law)) > 1e-9
    }


@claim(
    derived("products of cosines"),
    cases=[(1, 0.6, 0.15), (1, 3.0, 0.75), (2, 0.7, 0.7), (3, 1.5, 3.0), (2, 8.0, 0.1)],
)
def test_mirrored_pairs(
    trial,
    dim: Annotated[int, Interval(1, 3, why="the rule has 64 nodes along each; more are as good")],
    turn: Turn,
    spread: Annotated[float, Interval(0.1, 3, why="√(δᵀΣδ): below, no noise; beyond, no kernel")],
):
    """Frequencies $ω$ from $½ N(μ, Σ) + ½ N(-μ, Σ)$ estimate $K(δ) = E cos ω·δ = κ cos μ·δ$,
    $κ = e^(-δᵀΣδ/2)$, by the mean of $cos ω·δ$. With $2 m$ frequencies it has the variance $V/m$:
    $V$ is $cos²(μ·δ) (1 - κ²)²/2$ if each of $m$ draws $g$ from $N(0, Σ)$ is used at $g + μ$ and at
    $g - μ$, and $[½ (1 + K(2δ)) - K(δ)²]/2$ if they are independent.
    """
    tokens = pair_of_tokens(trial.generator("tokens"), dim, turn, spread)
    law = np.array([of_pair(turn, spread), of_one(turn, spread) / 2])
    trial.identity(
        variances(*tokens),
        law,
        # NumPy adds 2 · 64³ terms by halves, down to 128 in eight sums: 31 roundings. The turns of
        # the tokens, of some ten units, carry theirs into each cosine; the rest is room.
        ops=2000,
        scale=1.0,
        generic="cosines are analytic in the tokens",
        controls=differing(
            law,
            mirrored_frequencies_are_as_independent=law[[1, 1]],
            a_pair_is_worth_one_frequency=law[[1, 1]] * [2, 1],
            pairs_cancel_all_noise=law * [0, 1],
        ),
    )


@claim(derived("$cos 2t = 2 cos² t - 1$"), kind="identity", cases=[(1, 0.15), (1, 0.75), (2, 1.5)])
def test_mirrored_pairs__switch(
    trial,
    dim: Flat,
    spread: Annotated[float, Interval(0.1, 1.5, why="beyond, the threshold is nearly ½")],
):
    """Frequencies $ω$ from $½ N(μ, Σ) + ½ N(-μ, Σ)$ estimate $E cos ω·δ$ by a mean, with
    $δᵀΣδ > 0$. Draws $g$ from $N(0, Σ)$, used at $g + μ$ and $g - μ$, give a smaller variance than
    as many independent frequencies if and only if $cos²(μ·δ) < (1 + κ²)/2$, $κ = e^(-δᵀΣδ/2)$.
    """
    generator = trial.generator("tokens")
    turns = generator.uniform(0, 2 * np.pi, size=230)
    found = np.array([variances(*pair_of_tokens(generator, dim, turn, spread)) for turn in turns])
    law = mirrors_help(turns, spread).astype(int)
    trial.identity(
        (found[:, 0] < found[:, 1]).astype(int),
        law,
        ops=0,
        independent=len(turns),
        controls=differing(
            law,
            if_it_is_below_a_half=(np.cos(turns) ** 2 < 1 / 2).astype(int),
            always=np.ones(len(turns), dtype=int),
            never=np.zeros(len(turns), dtype=int),
        ),
    )


@claim(
    derived("Fourier series of the sign"),
    kind="identity",
    cases=[
        ("normal", 1.6, 0.4),
        ("normal", 6.0, 1.5),
        ("normal", 0.0, 1.0),
        ("logistic", 3.0, 0.5),
        ("hyperbolic secant", 1.6, 0.4),
    ],
)
def test_one_frequency_negative(
    trial,
    shape: Shape,
    turn: Turn,
    spread: Annotated[float, Interval(0.4, 1.5, why="below, a sign is rare; beyond, nearly ½")],
):
    """Let $ω·δ$ have an even mixture of laws around $±μ·δ$, symmetric and of the scale $s$, with
    the characteristic function $f$ at scale 1. The kernel is $K(t δ) = f(t s) cos(t μ·δ)$. One
    frequency gives a negative weight with the chance
    $P(cos ω·δ < 0) = ½ - (2/π) sum_j (-1)^j K((2j + 1) δ)/(2j + 1)$, summed over $j = 0, 1, …$.
    """
    trial.require(abs(np.cos(turn)) > 0.02, "cos μ·δ must not be 0: else all chances are ½")
    law = chance_negative(shape, turn, spread)
    trial.require(0.02 < law < 0.98, "neither sign must be rare: else no control is near")
    height = SHAPES[shape][1](spread) * np.cos(turn)
    trial.identity(
        share_negative(shape, turn, spread),
        law,
        # At most 36 terms on one side, 26 differences of chances on the other, and fewer than ten
        # roundings in each.
        ops=500,
        scale=1.0,
        controls=differing(
            law,
            half_whatever_the_offset=1 / 2,
            as_the_angle_of_normal_vectors=np.arccos(height) / np.pi,
            weights_are_signs_with_the_mean_K=(1 - height) / 2,
            the_first_term_alone=1 / 2 - 2 / np.pi * height,
        ),
    )


@claim(derived("the derivative is 0"), kind="optimality", cases=[0.1, 0.5, 1.0])
def test_one_frequency_negative__kernel(
    trial,
    ratio: Annotated[float, Interval(0.05, 1, why="σ/μ; beyond, the kernel is hardly negative")],
):
    """In one dimension frequencies from $½ N(μ, σ²) + ½ N(-μ, σ²)$ have the kernel
    $e^(-σ²δ²/2) cos(μδ)$. With $s = σ/μ$ its least value is $e^(-s²x²/2) cos x < 0$ at the root of
    $tan x = -s² x$ between $π/2$ and $π$.
    """
    trial.value(
        least_estimate(ratio),
        least_of_kernel(ratio),
        error=1e-12,
        margin=1e-11,
        controls={
            "positive as softmax": 0.0,
            "at half a turn": damping(ratio * np.pi) * np.cos(np.pi),
        },
    )


@claim(
    derived("second moments of a sum of cosines"),
    kind="identity",
    cases=[(8, 2, 2.0, 0.0), (5, 1, 1.0, 1.5), (12, 2, 2.5, 0.7), (2, 1, 0.5, 0.3)],
)
def test_row_denominator(
    trial,
    keys: Keys,
    dim: Flat,
    length: Annotated[float, Interval(0.5, 2.5, why="lengths of keys in standard deviations of ω")],
    mean: Mean,
):
    """Let $m$ independent frequencies estimate the kernel $K$ at the offsets $δ_j$ of a query from
    all keys. The sum $D$ of the estimates has $E D = ∑_j K(δ_j)$ and $m Var D = ½ ∑_{j l} [K(δ_j -
    δ_l) + K(δ_j + δ_l)] - (∑_j K(δ_j))²$.
    """
    generator = trial.generator("tokens")
    query, others = tokens_of_row(generator, keys, dim, length)
    centre, root = law_of_frequencies(generator, dim, mean)
    offsets = query - others
    law = sum_of_row(offsets, centre, root @ root.T)
    trial.identity(
        row_moments(query, others, centre, root),
        law,
        # NumPy adds 20,000 terms by halves, down to 128 in eight sums: 27 roundings. The turns of
        # the tokens, of some ten units, carry theirs into each cosine; the rest is room.
        ops=2000,
        scale=keys**2,
        generic="cosines are analytic in tokens and frequencies",
        controls=differing(
            law,
            noise_of_keys_is_independent=np.array([law[0], alone(offsets, centre, root @ root.T)]),
            variance_of_free_phases=np.array([law[0], keys / 2]),
            noise_of_keys_is_the_same=np.array(
                [law[0], keys * alone(offsets, centre, root @ root.T)]
            ),
        ),
    )


@claim(
    derived("central limit theorem"),
    kind="distribution",
    cases=[(8, 2.0, 0.1), (5, 1.9, 0.05), (12, 2.1, 0.1)],
    low_power="the normal law is off by some per cent of the chance at so few frequencies",
)
def test_row_denominator__chance(
    trial,
    keys: Annotated[int, Interval(5, 12, why="few keys have sums far from a normal law")],
    radius: Annotated[
        float, Interval(1.9, 2.1, why="nearer, sums are positive; beyond, draws take long")
    ],
    chance: Annotated[
        float, Interval(0.03, 0.1, why="rarer needs many rows; beyond, few draws do")
    ],
):
    """For a query 0, keys evenly on a circle and frequencies from $N(0, I)$, let $D$ be the sum of
    the estimated kernel over the keys. If $Φ(-E D/√Var D)$ is .03 to .1, the chance of $D <= 0$
    differs from it by less than 0.01.
    """
    row = ring(keys, radius)
    mean, variance = sum_of_row(row, np.zeros(2), np.eye(2))
    draws = draws_needed(mean, variance, chance)
    law = chance_of_negative_row(mean, variance, draws)
    independent = alone(row, np.zeros(2), np.eye(2))
    trial.probability(
        sampler=lambda generator, count: negative_rows(generator, count, row, draws),
        predict=law,
        margin=0.01,
        controls={
            "never, as the mean is positive": 0.0,
            "noise of keys is independent": chance_of_negative_row(mean, independent, draws),
        },
    )


@claim(
    derived("the moments of a normal law"),
    kind="identity",
    cases=[(5, 1, 0.7, 1.3), (2, 1, 0.0, 0.3), (8, 2, 1.5, 1.0), (3, 2, 0.4, 1.5)],
)
def test_positive_is_softmax(
    trial,
    keys: Keys,
    dim: Flat,
    mean: Mean,
    scale: Annotated[float, Interval(0.3, 1.5, why="spread of ω; more nodes would be needed")],
):
    """With positive features $e^(ω·x - |x|²)$ of all frequencies of one Gaussian $N(μ, Σ)$, the
    rows of attention are the softmax over keys $k$ of $qᵀΣk + μ·k + ½ kᵀΣk - |k|²$.
    """
    generator = trial.generator("tokens")
    queries, others = generator.uniform(-1.5, 1.5, size=(2, keys, dim))
    centre, root = law_of_frequencies(generator, dim, mean)
    root = root * scale
    products = queries @ root @ root.T @ others.T
    law = biased_softmax(queries, others, centre, root @ root.T)
    trial.identity(
        positive_rows(queries, others, centre, root),
        law,
        # NumPy adds 10,000 positive terms by halves, down to 128 in eight sums: 26 roundings. An
        # exponent of about 20 carries 20 to a term; the rest is room.
        ops=5000,
        scale=1.0,
        generic="exponentials are analytic in tokens and frequencies",
        controls={
            "softmax of $q·k$": softmax(queries @ others.T, axis=1),
            "no bias of keys": softmax(products, axis=1),
            "the bias is $μ·k$": softmax(products + others @ centre, axis=1),
            "the bias cancels, as for $Σ = I$": softmax(
                products + others @ centre - np.sum(others**2, axis=1) / 2, axis=1
            ),
        },
    )


def drawn_variances(generator, offset, mean, spread, pairs=500):
    """The variances (2,) of mirrored and of independent pairs over `pairs` estimates by drawn
    features in one dimension.
    """
    draws, others = spread * generator.normal(size=(2, pairs, 1))
    signs = generator.choice([-1, 1], size=(2, pairs, 1))
    query = np.array([offset])
    keys = np.zeros((1, 1))
    of_pairs = [estimates(query, keys, draws + sign * mean) for sign in (1, -1)]
    independent = [
        estimates(query, keys, some + sign * mean)
        for some, sign in zip((draws, others), signs, strict=True)
    ]
    return np.var(np.mean([of_pairs, independent], axis=1), axis=1, ddof=1)


@figure("F1", claims=("mirrored_pairs", "mirrored_pairs-switch"))
def noise_of_both_samplings(mean: float = 2.0, spread: float = 0.5, repeats: int = 20):
    """Mirrored draws of frequencies have less noise near the zeros of the kernel, and more near its
    later extremes.

    The variance of the estimate of $K(δ)$ with two frequencies, in one dimension, $μ = 2$,
    $σ = 0.5$. Marks: lines: both laws; points: means over 20 times 500 drawn estimates, with bars
    from the 5 % to the 95 % quantile; vertical lines: where $cos²(μδ) = (1 + κ²)/2$.
    """
    generator = np.random.default_rng(0)
    fine = np.linspace(0.01, 3, 300)
    places = np.repeat(np.linspace(0.2, 3, 15), repeats)
    drawn = np.array([drawn_variances(generator, place, mean, spread) for place in places])
    pair = "g + μ and g - μ of one draw"
    independent = "two independent frequencies"
    lines = {
        pair: (fine, of_pair(mean * fine, spread * fine)),
        independent: (fine, of_one(mean * fine, spread * fine) / 2),
    }
    points = {pair: (places, drawn[:, 0]), independent: (places, drawn[:, 1])}
    helps = mirrors_help(mean * fine, spread * fine)
    switches = fine[1:][helps[1:] != helps[:-1]]
    return chart(
        lines,
        points,
        thresholds={f"switch at {place:.2f}": place for place in switches},
        x="offset δ  (1/ω)",
        y="variance of the estimate",
        legend="beside",
    )
