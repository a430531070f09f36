"""Kazemnejad, Padhi, Natesan Ramamurthy, Das & Reddy 2023, "The Impact of Positional Encoding on
Length Generalization in Transformers", NeurIPS, arXiv 2305.19466.

For whoever drops positional encodings and asks what a causal mask alone can know: the position as
1/t, from it t and relative distances, given a first token of its own, and up to a length that the
number format sets.

Tokens t = 1 … T, of which t = 1 is BOS; causal softmax attention, then a feed-forward layer of ReLU
units.

Read: Theorems 1 and 2 (absolute and relative positions can be had) and the abstract. Derived here:
the weights that do it, what is necessary, and the first collision. Not claimed: that training finds
any of it. Topic: sequence models and attention.
"""

from math import isqrt
from typing import Annotated

import numpy as np
from scipy.special import softmax

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Length = Annotated[
    int, Interval(2, 512, why="one token has one position; beyond, dense attention takes long")
]
Short = Annotated[
    int,
    Interval(3, 128, why="two positions need no ReLU; slopes T (T - 1) amplify rounding beyond"),
]
Logit = Annotated[float, Interval(-6, 6, why="beyond, BOS has all of the attention, or none")]
Slope = Annotated[
    float, Interval(0.05, 4, why="m: beyond, one token has all of the attention, or all alike")
]
Units = Annotated[int, Interval(2, 32, why="one unit has no directions; more take long")]
Digits = Annotated[
    int,
    Interval(6, 14, why="of the significand: with few √t is no small share of t, more take long"),
]


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
    mantissa, exponent = np.frexp(
        1 / t
    )  # 1/t is never so near to a tie that its rounding to 53 bits matters
    values = np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent)
    return t[:-1][values[:-1] == values[1:]]


@predicted
def share_of_first(positions, logit):
    """e^l/(e^l + t - 1): what BOS gets of position t."""
    return np.exp(logit) / (np.exp(logit) + (positions - 1))


@predicted
def relative_weights(content, slope):
    """Weights of logits q_c · k_c - m (t - i), i <= t."""
    distances = np.subtract.outer(np.arange(len(content)), np.arange(len(content)))
    return softmax(np.where(distances >= 0, content - slope * distances, -np.inf), axis=1)


@predicted
def as_inputs(outputs, order):
    """The outputs of tokens in another order, or of copies of one token."""
    return outputs[order]


@predicted
def told_apart(bits):
    """The largest t with t (t + 1) <= 2^{2p - 1}: until then the gap of 1/t is a spacing of the
    numbers, or more.
    """
    return (isqrt(2 ** (2 * bits + 1) + 1) - 1) // 2


@claim(
    derived("derived; Theorem 1 says it can be had"),
    kind="identity",
    cases=[(512, 0.0), (2, 5.0), (64, -6.0)],
)
def test_one_over_t(trial, length: Length, logit: Logit):
    """Keys 0 and a value of 1 on BOS alone make the output 1/t; with a logit l of BOS, e^l/(e^l + t
    - 1).
    """
    keys = np.where(np.arange(length) == 0, logit, 0.0)[:, None]
    queries = np.ones((length, 1))
    values = np.eye(length)[:, :1]
    predict = share_of_first(np.arange(1, length + 1), logit)
    controls = {"e^l/(e^l + t)": share_of_first(np.arange(2, length + 2), logit)}
    free = {"without a mask": attend(queries, keys, values, causal=False)[:, 0]}
    trial.identity(
        attend(queries, keys, values)[:, 0],
        predict,
        ops=length,
        controls=controls,
        control_processes=free,
    )


@claim(
    derived("derived; that both can be had is Theorem 2"),
    kind="identity",
    cases=[(64, 1.0), (3, 0.05)],
)
def test_absolute_then_relative(trial, length: Short, slope: Slope):
    """T - 2 ReLU units and a line take 1/t to t; then queries (q_c, 1), keys (k_c, m i) act as
    q_c·k_c - m (t - i).
    """
    generator = trial.generator()
    positions = np.arange(1, length + 1)
    first = attend(np.ones((length, 1)), np.zeros((length, 1)), np.eye(length)[:, :1])[:, 0]
    times = read_out(first, length)
    controls = {"1/t for t": first, "one more": positions + 1.0}
    trial.identity(times, positions.astype(float), ops=length**2, controls=controls)
    q, k = generator.normal(size=(2, length, 4)) / 2
    queries = np.column_stack([q, np.ones(length)])
    places = {"t": times, "1/t for t": first, "no position": 0 * first}
    weights = {
        name: attend(queries, np.column_stack([k, slope * p]), np.eye(length))
        for name, p in places.items()
    }
    predict = relative_weights(q @ k.T, slope)
    ops = length**2 * (1 + slope) + 32
    trial.identity(weights.pop("t"), predict, ops=ops, scale=1.0, control_processes=weights)


@claim(
    derived("derived: every layer commutes with permutations"),
    kind="identity",
    cases=[(12, 8), (2, 2)],
)
def test_needs_mask_and_bos(trial, length: Length, units: Units):
    """Outputs are permuted as tokens, without a mask, and alike for like tokens with it: BOS is
    needed.
    """
    generator = trial.generator()
    weights = generator.normal(size=(4, 5, units, units)) / (2 * np.sqrt(units))
    tokens = generator.normal(size=(length, units))
    order = np.roll(np.arange(length), 1)
    outputs, causal_outputs = (transformer(tokens, weights, causal) for causal in (False, True))
    images, causal_images = (
        transformer(tokens[order], weights, causal) for causal in (False, True)
    )
    ops = 64 * (length + units)
    off = {"with a mask": outputs[order] + causal_images - causal_outputs[order]}
    trial.identity(images, as_inputs(outputs, order), ops=ops, control_processes=off)
    equal = 0 * order
    first = np.eye(1, length, dtype=int)[0]
    measured, other = (transformer(tokens[x], weights, True) for x in (equal, first))
    trial.identity(
        measured,
        as_inputs(measured, equal),
        ops=ops,
        control_processes={"a first one of its own": other},
    )


@claim(
    derived("derived from the gap 1/(t (t + 1)) and the spacing of the numbers"),
    kind="identity",
    cases=[8, 11],
)
def test_first_collision(trial, bits: Digits):
    """In p bits 1/t and 1/(t + 1) differ while t (t + 1) <= 2^{2p-1}; within √t steps a pair
    collides: bf16 at 190.
    """
    last = told_apart(bits)
    pairs = collisions(2**bits, bits)
    trial.identity(np.sum(pairs <= last), 0, ops=0, control_processes={"up to 2^p": len(pairs)})
    trial.bound(
        pairs[0], last + isqrt(last) + 2, instances="all", ops=0, controls={"at once": last}
    )


@figure("F1", claims=("first_collision",))
def positions_told_apart(last=4096):
    """In bf16 a causal mask alone tells some 180 positions apart, in fp16 some 1450.

    Marks: points: how many of 1/1 … 1/t differ in p bits; line: all t; dotted: to here no two
    neighbours collide.
    """
    t = np.unique(np.geomspace(32, last, 40).astype(int))
    formats = {"bf16, p = 8": 8, "fp16, p = 11": 11}
    points = {
        name: (t, t - np.searchsorted(collisions(last, bits), t)) for name, bits in formats.items()
    }
    bounds = {name: told_apart(bits) for name, bits in formats.items()}
    return chart(
        {"t": (t, t)},
        points,
        log="xy",
        thresholds=bounds,
        x="positions t  (tokens)",
        y="told apart  (tokens)",
    )
