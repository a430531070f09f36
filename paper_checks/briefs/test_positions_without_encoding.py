"""Kazemnejad, Padhi, Natesan Ramamurthy, Das & Reddy 2023, "The Impact of Positional Encoding on
Length Generalization in Transformers", NeurIPS, arXiv 2305.19466.

For whoever drops positional encodings and asks what a causal mask alone can know: with a first
token that occurs nowhere else it gives the position as $1/t$, and from this $t$ and relative
distances, up to a length that the number format sets.

Take away: a causal mask alone distinguishes the first 190 positions in bf16, and the first 1464 in
fp16; attention that runs in these formats loses the same pairs. Sums must be accumulated in a
longer format: a sum in bf16 stops at 256.

Tokens $t = 1, …, T$, of which $t = 1$ is BOS; causal softmax attention, then a feed-forward layer
of ReLU units.

Edges: in fp16 numbers below $2^-14$ are subnormal, so that the count ends at $t = 16384$. The
read-out of $t$ has slopes up to $T (T - 1)$, which multiply the rounding errors of $1/t$. One
causal layer cannot see the order of the tokens before the last one; four layers can.

Paper: it compares position encodings on length generalisation and finds that none does best. This
page tries what its proofs construct, and how far it works in several number formats.

Abstract:

- Sentences 3 and 4: decoders with five encodings are compared on several tasks. No statement.
- Sentence 5: the usual encodings do not suit length generalisation. Not on trial. Nothing is
  trained here.
- Sentence 6: decoders without any do better. Not on trial. Nothing is trained here;
  `first_collision` says which lengths a number format can distinguish.
- Sentence 7, first half: decoders without position encoding can represent absolute and relative
  positions. Holds: one_over_t, absolute, relative. By constructed weights; a mask and a first token
  are needed (`needs_mask`, `needs_bos`).
- Sentence 7, second half: once trained they resemble the relative encoding of T5. Not on trial.
  Nothing is trained here.
- Sentence 8: a scratchpad does not always help. Not on trial. Nothing is trained here.

Read: Theorems 1 and 2 (absolute and relative positions can be had) and the abstract. Derived here:
the weights that do it, what is necessary, and the first collision. Not claimed: that training finds
any of it. Topic: sequence models and attention.
"""

from fractions import Fraction
from itertools import count
from math import isqrt
from typing import Annotated, Literal

import jax
import numpy as np
from scipy.special import softmax

from theory_on_trial import (
    claim,
    derived,
    known,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Length = Annotated[
    int, Interval(2, 512, why="one token has one position; beyond, dense attention takes long")
]
ShortLength = Annotated[
    int,
    Interval(3, 128, why="two positions need no ReLU; slopes T (T - 1) amplify rounding beyond"),
]
Units = Annotated[int, Interval(2, 32, why="one unit has no directions; more take long")]
Digits = Annotated[
    int,
    Interval(6, 14, why="of the significand: with few √t is no small share of t, more take long"),
]
Format = Literal["bfloat16", "float16"]


@observed
def attend(queries, keys, values, causal=True):
    """Dense softmax attention, every row by itself."""
    return (
        softmax(np.where(np.tri(len(queries)) + (not causal), queries @ keys.T, -np.inf), axis=1)
        @ values
    )


@observed
def transformer(tokens, weights, causal):
    """Layers of attention and ReLU units with residuals; `weights` (layers, 5, units, units)."""
    for q, k, v, inner, outer in weights:
        tokens = tokens + attend(tokens @ q, tokens @ k, tokens @ v, causal)
        tokens = tokens + np.maximum(tokens @ inner, 0) @ outer
    return tokens


@observed
def read_out(states, length):
    """A line and T - 2 ReLU units: piecewise linear through (1/t, t), with slopes -t (t + 1), from
    t = T - 1 down.
    """
    t = np.arange(length - 1, 0, -1)
    return length + np.maximum(states[:, None] - 1 / (t + 1), 0) @ np.diff(
        -t * (t + 1.0), prepend=0.0
    )


@observed
def collisions(last, bits):
    """All t up to the last at which 1/t and 1/(t + 1) round to the same number of so many bits,
    half to even.
    """
    t = np.arange(1, last + 2)
    # 1/t is never so near to a tie that its rounding to 53 bits matters.
    mantissa, exponent = np.frexp(1 / t)
    values = np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent)
    return t[:-1][values[:-1] == values[1:]]


@predicted
def share_of_first(positions, logit):
    """e^l/(e^l + t - 1): what BOS gets of position t."""
    return np.exp(logit) / (np.exp(logit) + (positions - 1))


@predicted
def positions(length):
    """1, 2, …, T."""
    return np.arange(1.0, length + 1)


@predicted
def relative_weights(content, slope):
    """Weights of logits q_c · k_c - m (t - i), i <= t."""
    distances = np.subtract.outer(np.arange(len(content)), np.arange(len(content)))
    return softmax(np.where(distances >= 0, content - slope * distances, -np.inf), axis=1)


@predicted(about="transformer")
def as_inputs(outputs, order):
    """The outputs of tokens in another order, or of copies of one token."""
    return outputs[order]


@predicted
def first_pair(bits):
    """The first t at which 1/t and 1/(t + 1), as fractions, are rounded to one number of p bits."""

    def rounded(t):
        unit = Fraction(1, 2 ** (bits + (t - 1).bit_length() - 1))  # of (1/2^e, 2/2^e], 1/t in it
        return round(Fraction(1, t) / unit) * unit

    return next(t for t in count(told_apart(bits)) if rounded(t) == rounded(t + 1))


@predicted
def told_apart(bits):
    """The largest t with t (t + 1) <= 2^{2p - 1}: until then the gap of 1/t is a spacing of the
    numbers, or more.
    """
    return (isqrt(2 ** (2 * bits + 1) + 1) - 1) // 2


@claim(
    tried(
        "Theorem 1: absolute positions can be represented", "the first step, with a logit of BOS"
    ),
    kind="identity",
    cases=[(512, 0.0), (2, 5.0), (64, -6.0)],
)
def test_one_over_t(
    trial,
    length: Length,
    logit: Annotated[float, Interval(-6, 6, why="beyond, BOS has all of the attention, or none")],
):
    """A causal softmax attention gives the first token the logit $l$ and all others 0, and the
    first token alone has the value 1. The output at position $t$ is $e^l/(e^l + t - 1)$, which is
    $1/t$ for $l = 0$.
    """
    keys = np.where(np.arange(length) == 0, logit, 0.0)[:, None]
    queries = np.ones((length, 1))
    values = np.eye(length)[:, :1]
    predict = share_of_first(np.arange(1, length + 1), logit)
    controls = {"BOS does not count itself": share_of_first(np.arange(2, length + 2), logit)}
    free = {"without a mask": attend(queries, keys, values, causal=False)[:, 0]}
    trial.identity(
        attend(queries, keys, values)[:, 0],
        predict,
        ops=length,
        controls=controls,
        control_processes=free,
    )


def first_attention(length):
    """What attention with keys 0 and the value 1 on BOS alone puts out, 1/t up to rounding."""
    return attend(np.ones((length, 1)), np.zeros((length, 1)), np.eye(length)[:, :1])[:, 0]


@claim(
    tried("Theorem 1: absolute positions can be represented", "$T − 2$ units from $1/t$ to $t$"),
    kind="identity",
    cases=[64, 3],
)
def test_absolute(trial, length: ShortLength):
    """A layer of $T - 2$ ReLU units beside a linear map takes $1/t$ to $t$ at all positions
    $t = 1, …, T$: it is linear between the points $(1/t, t)$.
    """
    first = first_attention(length)
    ends = 1 + length - length * first  # through (1, 1) and (1/T, T)
    trial.identity(
        read_out(first, length),
        positions(length),
        ops=length**2,
        controls={"$1/t$ for $t$": first, "a line alone": ends},
    )


@claim(
    tried("Theorem 2: relative positions can be represented", "weights that give those of ALiBi"),
    kind="identity",
    cases=[(64, 1.0), (3, 0.05)],
)
def test_relative(
    trial,
    length: ShortLength,
    slope: Annotated[
        float, Interval(0.05, 4, why="m: beyond, one token has all of the attention, or all alike")
    ],
):
    """Let the state of a token hold its position $t$. For any vectors $q_t$ and $k_i$ the queries
    $(q_t, 1)$ and the keys $(k_i, m i)$ have the causal attention weights of ALiBi, which adds
    $-m (t - i)$ to the logits $q_t·k_i$.
    """
    generator = trial.generator()
    first = first_attention(length)
    q, k = generator.normal(size=(2, length, 4)) / 2
    queries = np.column_stack([q, np.ones(length)])
    places = {"t": read_out(first, length), "$1/t$ for $t$": first, "no position": 0 * first}
    weights = {
        name: attend(queries, np.column_stack([k, slope * p]), np.eye(length))
        for name, p in places.items()
    }
    predict = relative_weights(q @ k.T, slope)
    ops = length**2 * (1 + slope) + 32
    trial.identity(
        weights.pop("t"),
        predict,
        ops=ops,
        scale=1.0,
        generic="softmax is analytic in queries and keys",
        control_processes=weights,
    )


DRAWS = 344
"""Transformers drawn in each of two cases, so that fewer than 1 % of all can fail."""


def random_transformers(generator, units):
    """Four layers with random weights, (4, 5, units, units)."""
    return generator.normal(size=(DRAWS, 4, 5, units, units)) / (2 * np.sqrt(units))


@claim(
    known("Yun et al. 2020: a transformer block is permutation equivariant"),
    kind="identity",
    cases=[(12, 8), (2, 2)],
)
def test_needs_mask(trial, length: Length, units: Units):
    """Without a causal mask and positional encoding a transformer of any weights permutes its
    outputs as its input tokens are permuted.
    """
    weights = random_transformers(trial.generator(), units)
    tokens = trial.generator("tokens").normal(size=(DRAWS, length, units))
    order = np.roll(np.arange(length), 1)
    outputs, images, causal, causal_images = (
        np.array([transformer(*pair, causal) for pair in zip(some, weights, strict=True)])
        for causal in (False, True)
        for some in (tokens, tokens[:, order])
    )
    law = np.array([as_inputs(each, order) for each in outputs])
    trial.identity(
        images,
        law,
        ops=64 * (length + units),
        independent=DRAWS,
        control_processes={"with a mask": law + causal_images - causal[:, order]},
    )


@claim(derived("means of equal values are equal"), kind="identity", cases=[(12, 8), (2, 2)])
def test_needs_bos(trial, length: Length, units: Units):
    """A transformer of any weights with a causal mask and no positional encoding has $T$ equal
    outputs for $T$ equal tokens.
    """
    weights = random_transformers(trial.generator(), units)
    tokens = trial.generator("tokens").normal(size=(DRAWS, 2, units))
    equal = np.zeros(length, int)
    measured, other = (
        np.array([transformer(t[which], w, True) for t, w in zip(tokens, weights, strict=True)])
        for which in (equal, np.eye(1, length, dtype=int)[0])
    )
    trial.identity(
        measured,
        np.array([as_inputs(each, equal) for each in measured]),
        ops=64 * (length + units),
        independent=DRAWS,
        control_processes={"a first token of its own": other},
    )


@claim(
    derived("from the gap $1/(t (t + 1))$ and the spacing of the numbers"),
    kind="identity",
    cases=[8, 11],
)
def test_no_early_collision(trial, bits: Digits):
    """Rounded to $p$ significant bits, $1/t$ and $1/(t + 1)$ differ for all $t$ with
    $t (t + 1) <= 2^{2p-1}$: up to $t = 180$ in bf16, $p = 8$, and 1447 in fp16, $p = 11$.
    """
    pairs = collisions(2**bits, bits)
    trial.identity(
        np.sum(pairs <= told_apart(bits)), 0, ops=0, control_processes={"up to $2^p$": len(pairs)}
    )


@claim(derived("and tried for all formats"), kind="bound", cases=[8, 11])
def test_first_collision(trial, bits: Digits):
    """Let $s$ be the last $t$ with $t (t + 1) <= 2^{2p-1}$. Some $t <= s + √s + 2$ has $1/t$ and
    $1/(t + 1)$ rounded to one number of $p$ significant bits: $t = 190$ in bf16, $p = 8$, and 1464
    in fp16, $p = 11$.
    """
    last = told_apart(bits)
    trial.bound(
        collisions(2**bits, bits)[0],
        last + isqrt(last) + 2,
        instances="all",
        ops=0,
        controls={"as soon as the gap falls below a spacing": last + 1},
    )


@observed
def collisions_of_attention(name, last):
    """All t up to the last at which causal attention that is run in a format of 16 bits, with keys
    0 and the value 1 on BOS alone, puts out the same number as at t + 1.
    """
    scores = np.where(np.tri(last + 1), 0, -np.inf)
    values = np.eye(last + 1)[:, :1]

    @jax.jit
    def attention(scores, values):
        return (jax.nn.softmax(scores.astype(name), axis=1) @ values.astype(name)).astype(float)

    outputs = np.asarray(attention(scores, values))[:, 0]
    return np.flatnonzero(outputs[1:] == outputs[:-1]) + 1


@claim(derived("compared with attention in JAX"), kind="identity", cases=["bfloat16", "float16"])
def test_attention_in_16_bits(trial, name: Format):
    """Causal attention to the first token has the output $1/t$ at position $t$. Run in bf16 or
    fp16, it has the same output at $t$ and $t + 1$ for the first time where $1/t$ and $1/(t + 1)$
    are first rounded to one number: at $t = 190$ in bf16, and at $t = 1464$ in fp16.
    """
    bits = {"bfloat16": 8, "float16": 11}[name]
    trial.identity(
        collisions_of_attention(name, 2**bits)[0],
        first_pair(bits),
        ops=0,
        controls={
            "exact up to $2^p$": 2**bits,
            "as soon as the gap falls below a spacing": told_apart(bits) + 1,
        },
    )


@figure("F1", claims=("no_early_collision", "first_collision", "attention_in_16_bits"))
def positions_told_apart(last=4096):
    """A causal mask alone distinguishes about 180 positions in bf16, and about 1450 in fp16.

    Marks: points: how many of $1/1, …, 1/t$ are different numbers in $p$ bits, and how many of the
    outputs of attention; line: all of them; dotted: up to here no two neighbours are equal.
    """
    t = np.unique(np.geomspace(32, last, 40).astype(int))
    formats = {"bf16, p = 8": 8, "fp16, p = 11": 11}
    points = {
        name: (t, t - np.searchsorted(collisions(last, bits), t)) for name, bits in formats.items()
    }
    short = t[t <= 2048]
    lost = collisions_of_attention("bfloat16", 2048)
    points["attention in bf16"] = short, short - np.searchsorted(lost, short)
    bounds = {name: told_apart(bits) for name, bits in formats.items()}
    return chart(
        {"t": (t, t)},
        points,
        log="xy",
        thresholds=bounds,
        x="positions t  (tokens)",
        y="distinguished positions  (tokens)",
    )
