"""Kazemnejad, Padhi, Natesan Ramamurthy, Das & Reddy 2023, "The Impact of Positional Encoding on Length Generalization
in Transformers", NeurIPS, arXiv 2305.19466.

For whoever drops positional encodings and asks what a causal mask alone can know: the position as 1/t, from it t and
relative distances, given a first token of its own, and up to a length that the number format sets.

Tokens t = 1 … T, of which t = 1 is BOS; causal softmax attention, then a feed-forward layer of ReLU units.

Read: Theorems 1 and 2 (absolute and relative positions can be had) and the abstract. Derived here: the weights that do
it, what is necessary, and the first collision. Not claimed: that training finds any of it.
Topic: sequence models and attention.
"""

from fractions import Fraction
from math import isqrt
from typing import Annotated

import numpy as np

from theory_on_trial import claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Length = Annotated[int, Interval(2, 512, why="one token has one position; beyond, dense attention takes long")]
Short = Annotated[
    int, Interval(3, 128, why="two positions need no ReLU unit; slopes T (T - 1) amplify rounding beyond")
]
Logit = Annotated[float, Interval(-6, 6, why="beyond, BOS has all of the attention, or none")]
Slope = Annotated[float, Interval(0.05, 4, why="m: beyond, one token has all of the attention, or all alike")]
Units = Annotated[int, Interval(2, 32, why="one unit has no directions; more take long")]
Digits = Annotated[
    int, Interval(6, 14, why="bits of the significand: with fewer √t is no small share of t, more take long")
]


@observed
def attend(queries, keys, values, causal=True):
    """Dense softmax attention, every row by itself."""
    logits = queries @ keys.T
    if causal:
        logits = np.where(np.tri(len(logits), dtype=bool), logits, -np.inf)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True) @ values


@observed
def transformer(tokens, weights, causal):
    """Layers of attention and ReLU units with residuals; `weights` (layers, 5, units, units)."""
    for q, k, v, inner, outer in weights:
        tokens = tokens + attend(tokens @ q, tokens @ k, tokens @ v, causal)
        tokens = tokens + np.maximum(tokens @ inner, 0) @ outer
    return tokens


@observed
def read_out(states, knots, slopes):
    """A ReLU layer that is piecewise linear: from T on, with the slopes between the knots 1/T < … < 1."""
    bends = np.diff(slopes, prepend=0.0)
    return len(slopes) + 1 + np.maximum(states[:, None] - knots[:-1], 0) @ bends


@observed
def rounded_inverse(t, bits):
    """1/t rounded to so many bits, half to even, exactly."""
    scale = 2 ** (bits - 1 + (t - 1).bit_length())
    return Fraction(round(Fraction(scale, t)), scale)


@observed
def collisions(last, bits):
    """All t up to the last at which 1/t and 1/(t + 1) round to the same number."""
    values = [rounded_inverse(t, bits) for t in range(1, last + 2)]
    return [t for t in range(1, last + 1) if values[t - 1] == values[t]]


@predicted
def share_of_first(positions, logit):
    """e^l/(e^l + t - 1): what BOS gets of position t."""
    return np.exp(logit) / (np.exp(logit) + (positions - 1))


@predicted
def slopes_between(length):
    """Of the line from (1/(t+1), t+1) to (1/t, t): -t (t + 1), from t = T - 1 down to 1."""
    t = np.arange(length - 1, 0, -1)
    return -t * (t + 1.0)


@predicted
def relative_weights(content, slope):
    """Weights of logits q_c · k_c - m (t - i), i <= t."""
    length = len(content)
    distances = np.subtract.outer(np.arange(length), np.arange(length))
    weights = np.where(distances >= 0, np.exp(content - slope * distances), 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


@predicted
def equivariant(outputs, order):
    """The outputs of permuted tokens without a mask."""
    return outputs[order]


@predicted
def all_alike(outputs):
    """The outputs of equal tokens: those of the first."""
    return np.broadcast_to(outputs[0], outputs.shape)


@predicted
def told_apart(bits):
    """The largest t with t (t + 1) <= 2^{2p - 1}, where the gap of 1/t still is a spacing of the numbers."""
    return (isqrt(2 ** (2 * bits + 1) + 1) - 1) // 2


@claim(ours("derived; Theorem 1 says it can be had"), kind="identity", cases=[(512, 0.0), (2, 5.0), (64, -6.0)])
def test_one_over_t(trial, length: Length, logit: Logit):
    """Keys 0 and a value of 1 on BOS alone make the output 1/t; with a logit l of BOS, e^l/(e^l + t - 1)."""
    keys = np.where(np.arange(length) == 0, logit, 0.0)[:, None]
    queries, values = np.ones((length, 1)), np.eye(length)[:, :1]
    predict = share_of_first(np.arange(1, length + 1), logit)
    wrong = {"e^l/(e^l + t)": share_of_first(np.arange(2, length + 2), logit)}
    free = {"without a mask": attend(queries, keys, values, causal=False)[:, 0]}
    measured = attend(queries, keys, values)[:, 0]
    trial.identity(measured, predict, ops=length, controls=wrong, wrong_processes=free)


@claim(ours("derived; that both can be had is Theorem 2"), kind="identity", cases=[(64, 1.0), (3, 0.05)])
def test_absolute_then_relative(trial, length: Short, slope: Slope):
    """T - 2 ReLU units and a line take 1/t to t; with t in the state, keys (k_c, m i) and queries (q_c, 1) attend as
    with logits q_c · k_c - m (t - i).
    """
    generator, positions = trial.generator(), np.arange(1, length + 1)
    first = attend(np.ones((length, 1)), np.zeros((length, 1)), np.eye(length)[:, :1])[:, 0]
    found = read_out(first, 1 / positions[::-1], slopes_between(length))
    wrong = {"1/t for t": first, "one more": positions + 1.0}
    trial.identity(found, positions.astype(float), ops=length**2, controls=wrong)
    q, k = generator.normal(size=(2, length, 4)) / 2
    queries = np.column_stack([q, np.ones(length)])
    places = {"t": found, "1/t for t": first, "no position": 0 * first}
    weights = {name: attend(queries, np.column_stack([k, slope * p]), np.eye(length)) for name, p in places.items()}
    predict, ops = relative_weights(q @ k.T, slope), length**2 * (1 + slope) + 32
    trial.identity(weights.pop("t"), predict, ops=ops, scale=1.0, wrong_processes=weights)


@claim(ours("derived: every layer commutes with permutations"), kind="identity", cases=[(12, 8), (2, 2)])
def test_needs_mask_and_bos(trial, length: Length, units: Units):
    """Without a mask permuted tokens have permuted outputs, whatever the weights; with it equal tokens have equal ones,
    so that a first token of its own is necessary.
    """
    generator = trial.generator()
    weights = generator.normal(size=(4, 5, units, units)) / (2 * np.sqrt(units))
    tokens, order = generator.normal(size=(length, units)), np.roll(np.arange(length), 1)
    outputs, masked = (transformer(tokens, weights, causal) for causal in (False, True))
    permuted, wrong = (transformer(tokens[order], weights, causal) for causal in (False, True))
    ops = 64 * (length + units)
    off = {"with a mask": outputs[order] + wrong - masked[order]}
    trial.identity(permuted, equivariant(outputs, order), ops=ops, wrong_processes=off)
    alike = np.tile(tokens[:1], (length, 1))
    marked = np.concatenate([tokens[1:2], alike[1:]])
    measured, begun = (transformer(given, weights, True) for given in (alike, marked))
    trial.identity(measured, all_alike(measured), ops=ops, wrong_processes={"a first token of its own": begun})


@claim(ours("derived from the gap 1/(t (t + 1)) and the spacing of the numbers"), kind="identity", cases=[8, 11])
def test_first_collision(trial, bits: Digits):
    """Rounded to p bits, 1/t and 1/(t + 1) differ while t (t + 1) <= 2^{2p-1}, and some pair collides within about √t
    further steps: at t = 190 in bf16, 1464 in fp16.
    """
    last = told_apart(bits)
    pairs, latest = collisions(2**bits, bits), last + isqrt(last) + 2
    within = sum(t <= last for t in pairs)
    trial.identity(within, 0, ops=0, wrong_processes={"up to 2^p": len(pairs)})
    trial.bound(pairs[0], latest, found_by="all", ops=0, controls={"at once": last})


@figure("F1", claims=("first_collision",))
def positions_told_apart(last=4096):
    """In bf16 a causal mask alone tells some 180 positions apart, in fp16 some 1450.

    How many different numbers 1/1 … 1/t are once rounded to p bits (points), and t (line); up to the dashed lines no
    two neighbours collide.
    """
    import matplotlib.pyplot as plt

    positions, (drawn, axes) = np.unique(np.geomspace(32, last, 40).astype(int)), plt.subplots(figsize=(5.4, 3.4))
    axes.plot(positions, positions, color=COLOURS[6], linewidth=0.8, label="t")
    for bits, name, colour in zip((8, 11), ("bf16", "fp16"), COLOURS, strict=False):
        lost = np.searchsorted(collisions(last, bits), positions)
        axes.plot(positions, positions - lost, "o", color=colour, label=f"{name}, p = {bits}")
        axes.axvline(told_apart(bits), linestyle="--", color=colour, linewidth=0.8, label=f"bound, p = {bits}")
    axes.set(xlabel="positions t  (tokens)", ylabel="told apart  (tokens)", xscale="log", yscale="log")
    axes.legend()
    return drawn
