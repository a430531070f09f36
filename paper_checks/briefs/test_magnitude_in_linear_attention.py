"""Fan, Huang, Ai & He 2025, "Rectifying Magnitude Neglect in Linear Attention", ICCV, arXiv
2507.00698.

For whoever wants linear attention that sharpens when the query grows: the rectified weights are
affine in the query's magnitude, and the least turns negative at a magnitude that can be told in
advance.

Scores s_i = φ(q) · φ(k_i) > 0 of N tokens, S = Σ s_i, s̄ = S/N. Linear attention has the weights
p_i = s_i/S, the paper's (MALA) w_i = (1 + 1/S) s_i - S/N, softmax those of e^{q · k_i}. The query
is scaled, q → a q with a > 0.

Read: the abstract and the authors' code, which differs: it divides the scores by N√d, takes S
before a rotary embedding and s after it, and has φ = 1 + elu, so that its rows do not sum to 1.
Derived here: all claims, for φ = relu. Not claimed: anything about trained models. Which tokens
softmax prefers depends on q · k, not on s. Topic: sequence models and attention.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import newton

from theory_on_trial import abstract, claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Tokens = Annotated[
    int, Interval(2, 256, why="one token has all weight; beyond, the least score is near the next")
]
Factor = Annotated[float, Interval(0.05, 5, why="beyond, softmax has next to one weight only")]
SECANTS = {"x0": 1.0, "tol": 1e-300, "rtol": 1e-14}
Copies = Annotated[
    int, Interval(1, 64, why="beyond, the zero is at so small a factor that digits are lost")
]


def tokens_of(generator, tokens, width=4):
    """A query and keys with positive entries, which φ = relu leaves alone and all scores of which
    are positive.
    """
    return generator.uniform(0.2, 1.0, width), generator.uniform(0.2, 1.0, (tokens, width))


@observed
def softmax(query, keys):
    """The weights of softmax attention."""
    powers = np.exp(keys @ query - np.max(keys @ query))
    return powers / powers.sum()


@observed
def linear(query, keys):
    """The weights of linear attention."""
    scores = keys @ query
    return scores / scores.sum()


@observed
def rectified(query, keys):
    """The weights (1 + 1/S) s - S/N of the rectified linear attention."""
    scores = keys @ query
    return (1 + 1 / scores.sum()) * scores - scores.mean()


@observed
def zero_of_least(query, keys):
    """The factor at which the least weight is zero, by secants."""
    return newton(lambda factor: rectified(factor * query, keys).min(), **SECANTS)


@predicted
def affine(scores, factor):
    """w_i(a) = p_i + a (s_i - s̄)."""
    return scores / scores.sum() + factor * (scores - scores.mean())


@predicted
def negative_from(scores, copies=1):
    """a* = s_n/(S (s̄ - s_n)), over the number of copies of the context."""
    return scores.min() / (scores.sum() * (scores.mean() - scores.min())) / copies


@predicted
def power(ratio, factor):
    """The ratio of two softmax weights to the power a."""
    return ratio**factor


@claim(
    derived("derived: what the abstract contrasts linear attention with"),
    kind="identity",
    cases=[(8, 3.0), (2, 0.05)],
)
def test_softmax_power(trial, tokens: Tokens, factor: Factor):
    """Scaling the query by a takes the ratio of any two softmax weights to its a-th power."""
    trial.require(
        factor < 0.95 or factor > 1.05, "factor must be 5 % off 1, where nothing is scaled"
    )
    query, keys = tokens_of(trial.generator(), tokens)
    before, after = (
        weights / weights[0] for weights in (softmax(query, keys), softmax(factor * query, keys))
    )
    controls = {"not changed": before, "the factor itself": factor * before}
    trial.identity(after, power(before, factor), ops=64 * (1 + factor), controls=controls)


@claim(
    abstract("entirely disregards the magnitude information"),
    kind="identity",
    cases=[(8, 3.0), (2, 0.05)],
)
def test_linear_is_blind(trial, tokens: Tokens, factor: Factor):
    """The weights of linear attention do not depend on the query's magnitude if the features are
    homogeneous.
    """
    trial.require(
        factor < 0.95 or factor > 1.05, "factor must be 5 % off 1, where nothing is scaled"
    )
    query, keys = tokens_of(trial.generator(), tokens)
    scores = keys @ query
    smooth = linear(1 + factor * query, 1 + keys)
    rivals = {"1 + elu for relu": smooth, "softmax": softmax(factor * query, keys)}
    trial.identity(
        linear(factor * query, keys), affine(scores, 0.0), ops=32, control_processes=rivals
    )


@claim(derived("derived from the authors' formula"), kind="identity", cases=[(8, 3.0), (2, 0.05)])
def test_mala_is_affine(trial, tokens: Tokens, factor: Factor):
    """The rectified weights are p + a (s - s̄) in each entry, which sum to 1 for every a."""
    query, keys = tokens_of(trial.generator(), tokens)
    scores = keys @ query
    measured = rectified(factor * query, keys)
    predict = affine(scores, factor)
    size = (1 + factor * tokens) * scores.max()
    controls = {"not centred": predict + factor * scores.mean(), "p alone": affine(scores, 0.0)}
    trial.identity(measured, predict, ops=32, scale=size, controls=controls)
    trial.identity(
        [measured.sum()], [1.0], ops=32 * tokens, scale=size, controls={"1 + a": [factor + 1.0]}
    )


@claim(derived("derived from the affine form"), kind="identity", cases=[(4, 1), (4, 16), (64, 3)])
def test_negative_from(trial, tokens: Tokens, copies: Copies):
    """The least weight is zero at a* = s_n/(S (s̄ - s_n)) and negative beyond; c copies of the
    context divide a* by c; below a* the ratio of the best weight to the least grows without bound.
    """
    query, keys = tokens_of(trial.generator(), tokens)
    scores = keys @ query
    several = np.tile(keys, (copies, 1))
    end = negative_from(scores)
    spread = scores.mean() / (scores.mean() - scores.min())
    root = zero_of_least(query, several)
    controls = {
        "the best weight's": scores.max() / (scores.sum() * scores.mean()) / copies,
        "twice": 2 * end / copies,
    }
    trial.identity([root], [negative_from(scores, copies)], ops=256 * spread, controls=controls)
    shares = np.array([0.25, 0.5, 0.9, 0.99])
    weights = np.array([rectified(a * query, keys) for a in shares * end])
    laws = np.array([affine(scores, a) for a in shares * end])
    measured, predict = (w.max(axis=1) / w.min(axis=1) for w in (weights, laws))
    controls = {"that of linear attention": np.full(4, scores.max() / scores.min())}
    trial.identity(measured, predict, ops=256 * spread, scale=100 * predict, controls=controls)


@figure("F1", claims=("mala_is_affine", "negative_from"))
def weights_by_magnitude(copies=4):
    """Rectified linear weights are straight lines in the query's magnitude, and cross zero.

    Weights of four tokens with scores s at a = 1, and of the last in the same context four times.
    Marks: lines: closed form; points: layer on scaled features; dotted: zeros; s: score at a = 1.
    """
    scores = np.array([1.5, 1.0, 0.75, 0.5])
    factors = np.linspace(0.01, 0.6, 13)
    several = np.tile(scores, copies)
    lines = np.array([[*affine(scores, a), affine(several, a)[-1]] for a in factors]).T
    points = np.array(
        [[*rectified([a], scores[:, None]), rectified([a], several[:, None])[-1]] for a in factors]
    ).T
    names = [*(f"s = {s:g}" for s in scores), f"s = 0.5, context × {copies}"]
    return chart(
        {name: (factors, line) for name, line in zip(names, lines, strict=True)},
        {name: (factors, values) for name, values in zip(names, points, strict=True)},
        thresholds={names[3]: negative_from(scores), names[4]: negative_from(scores, copies)},
        legend="beside",
        x="magnitude a  (dimensionless)",
        y="weight  (dimensionless)",
    )
