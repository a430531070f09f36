"""Fan, Huang, Ai & He 2025, "Rectifying Magnitude Neglect in Linear Attention", ICCV, arXiv
2507.00698.

For whoever wants linear attention that sharpens when the query grows: the rectified weights are
affine in the query's magnitude, and the least turns negative at a magnitude that a formula gives.

Paper: softmax attention sharpens as a query grows, linear attention does not notice. The paper
(MALA) adds a term that restores the dependence. This page says where that term makes weights
negative, as the paper writes it and as its code computes it.

Take away: with scores 1.5, 1, .75 and .5 the least weight is negative from a magnitude of .305 on,
and from .076 on if the context is repeated four times. The code divides the scores by the number of
tokens, and there the context's length does not matter.

Scores $s_i = φ(q) · φ(k_i) > 0$ of $N$ tokens, $S = ∑ s_i$, $s̄ = S/N$, $s_n$ the least. Linear
attention has the weights $p_i = s_i/S$, the paper's $w_i = (1 + 1/S) s_i - S/N$, that is
$p_i + (s_i - s̄)$, softmax those of $e^{q · k_i}$. The query is scaled, $q → a q$ with $a > 0$. The
code divides the scores by $N √d$ first and then has the same weights, $(1 + 1/S) s_i - S/N$.

Edges: if all scores are equal, no weight is ever negative, and `negative_from` returns infinity. If
$S = 0$, the weights are not defined.

Abstract:

- Sentence 6: linear attention disregards the magnitude of the query, unlike softmax. In part:
  linear_is_blind. For features that scale with the query, as relu; not for 1 + elu, which the
  released code takes.
- Sentence 7: so its scores do not adapt as the query grows. In part: linear_is_blind. On the same
  condition.
- Sentence 8: its scores are distributed otherwise than those of softmax. Not on trial. It needs
  queries of a model.
- Sentence 9: a modified weight incorporates the magnitude of the query. In part: negative_from,
  released_code. It depends on the magnitude, and from a known magnitude on weights are negative.
- Sentence 10: its scores are distributed nearly as those of softmax, and more balanced. Not on
  trial. It needs queries of a model.
- Sentence 11: models with it do well on many tasks. Not on trial. It needs large models.

Read: the abstract and the authors' code, which also takes $S$ before a rotary embedding and $s$
after it: rows sum to $(1 + 1/S) S_r - S$, with the sum $S_r$ of $s$, and not to 1 (−3 to 0.2 for
normal queries and keys on 14 × 14 positions with $d = 32$), and 72 % of the weights are negative,
22 % without the embedding. Derived here: all claims, for the rectifier $φ$. Not claimed: anything
about trained models. Which tokens softmax prefers depends on $q · k$, not on $s$. Topic: sequence
models and attention.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

from theory_on_trial import (
    claim,
    code,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Tokens = Annotated[
    int, Interval(2, 256, why="one token has all weight; beyond, the least score is near the next")
]


def tokens_of(generator, tokens, width=4):
    """A query and keys with positive entries, which φ = relu leaves alone and all scores of which
    are positive.
    """
    return generator.uniform(0.2, 1.0, width), generator.uniform(0.2, 1.0, (tokens, width))


def rectified(scores):
    """The weights (1 + 1/S) s - S/N of the rectified linear attention."""
    return (1 + 1 / scores.sum()) * scores - scores.mean()


@observed
def linear(query, keys):
    """The weights of linear attention, for features that are positive already."""
    scores = keys @ query
    return scores / scores.sum()


@observed
def layer(query, keys):
    """The weights as the paper writes them."""
    return rectified(keys @ query)


@observed
def released_layer(query, keys):
    """The weights as the code computes them, from scores divided by N √d."""
    return rectified(keys @ query / len(keys) / np.sqrt(len(query)))


@observed
def zero_of_least(weights, query, keys):
    """The factor of the query at which the least weight changes its sign, by bisection in its
    logarithm.
    """

    def least(logarithm):
        return weights(np.exp(logarithm) * query, keys).min()

    return np.exp(brentq(least, np.log(1e-9), np.log(1e9), xtol=1e-15))


@predicted
def softmax_shares(query, keys, factor):
    """The weights of softmax attention for a query that is scaled."""
    return softmax(keys @ (factor * query))


@predicted
def linear_shares(scores):
    """s/S, whatever the scale of the query."""
    return scores / scores.sum()


@predicted
def affine(scores, factor):
    """w_i(a) = p_i + a (s_i - s̄)."""
    return scores / scores.sum() + factor * (scores - scores.mean())


@predicted
def negative_from(scores, copies=1):
    """a* = s_n/(S (s̄ - s_n)), over the number of copies of the context; infinite for equal
    scores.
    """
    excess = scores.sum() * (scores.mean() - scores.min()) * copies
    return scores.min() / excess if excess > 0 else np.inf


@predicted
def released_from(scores, width):
    """a* = √d s_n/(s̄ (s̄ - s_n)) of the code, whatever the number of copies."""
    return np.sqrt(width) * len(scores) * negative_from(scores)


@claim(
    tried(
        "abstract, sentence 6: linear attention disregards the magnitude of the query",
        "features that scale with the query, as relu",
    ),
    kind="identity",
    cases=[(8, 3.0), (2, 0.05)],
)
def test_linear_is_blind(
    trial,
    tokens: Tokens,
    factor: Annotated[float, Interval(0.05, 5, why="beyond, softmax has next to one weight only")],
):
    """Linear attention gives token $i$ the weight $φ(q)·φ(k_i)/sum_j φ(q)·φ(k_j)$ for a query $q$
    and keys $k_i$. If $φ(a q) = a φ(q)$ for $a > 0$, as for relu and not for 1 + elu, the weights
    of the queries $q$ and $a q$ are equal.
    """
    trial.require(
        factor < 0.95 or factor > 1.05, "factor must be 5 % off 1, where nothing is scaled"
    )
    query, keys = tokens_of(trial.generator(), tokens)
    trial.identity(
        linear(factor * query, keys),
        linear_shares(keys @ query),
        # Each score has 4 terms. NumPy adds up to 256 of them in pairs, in some 20 roundings.
        ops=32,
        generic="of positive queries and keys both sides are rational",
        controls={"as softmax": softmax_shares(query, keys, factor)},
        control_processes={"1 + elu for relu": linear(1 + factor * query, 1 + keys)},
    )


@claim(
    derived("the weights are $p + a (s - s̄)$"), kind="identity", cases=[(4, 1), (4, 16), (64, 3)]
)
def test_negative_from(
    trial,
    tokens: Tokens,
    copies: Annotated[
        int, Interval(1, 64, why="beyond, the zero is at so small a factor that digits are lost")
    ],
):
    """Rectified linear attention gives token $i$ of $N$ the weight $(1 + 1/S) s_i - S/N$, where
    $s_i > 0$ are its scores, $S$ their sum, $s̄$ their mean and $s_n$ the least. If the query is
    multiplied by $a$ and the context repeated $c$ times, the least weight is 0 at
    $a = s_n/(c S (s̄ - s_n))$ and negative for larger $a$.
    """
    generator = trial.generator()
    drawn = [tokens_of(generator, tokens) for _ in range(230)]
    scores = np.array([keys @ query for query, keys in drawn])
    mean = scores.mean(axis=1)
    least = scores.min(axis=1)
    rivals = {"weights start even, at $1/N$": mean / least}
    if copies > 1:
        rivals["the length of the context does not matter"] = copies
    law = np.array([negative_from(row, copies) for row in scores])
    zeros = [zero_of_least(layer, q, np.tile(keys, (copies, 1))) for q, keys in drawn]
    trial.identity(
        np.array(zeros),
        law,
        ops=256,
        scale=law * mean / (mean - least),
        independent=230,
        controls={name: ratio * law for name, ratio in rivals.items()},
    )


@claim(
    code(
        "qhfan/MALA",
        "classfication_release/model.py",
        "1b62d46",
    ),
    kind="identity",
    cases=[(4, 4), (64, 16)],
)
def test_released_code(
    trial,
    tokens: Tokens,
    copies: Annotated[int, Interval(2, 64, why="a context that is not copied is as in the paper")],
):
    """The authors' code divides the scores $s_i$ of $N$ tokens by $N √d$, $d$ the width, before it
    takes the weights $(1 + 1/S) s_i - S/N$ with $S = ∑ s_i$. If the query is multiplied by $a$, the
    least weight is then 0 at $a = √d s_n/(s̄ (s̄ - s_n))$, with the least score $s_n$ and the mean
    $s̄$, however often the context is repeated.
    """
    generator = trial.generator()
    drawn = [tokens_of(generator, tokens) for _ in range(344)]
    scores = np.array([keys @ query for query, keys in drawn])
    mean = scores.mean(axis=1)
    law = np.array([released_from(row, len(drawn[0][0])) for row in scores])
    zeros = [zero_of_least(released_layer, q, np.tile(keys, (copies, 1))) for q, keys in drawn]
    trial.identity(
        np.array(zeros),
        law,
        ops=256,
        scale=law * mean / (mean - scores.min(axis=1)),
        independent=344,
        controls={
            "as in the paper": np.array([negative_from(row, copies) for row in scores]),
            "the code's zero falls with copies, too": law / copies,
        },
    )


@figure("F1", claims=("negative_from",))
def weights_by_magnitude(copies=4):
    """Rectified linear weights are straight lines in the query's magnitude, and cross zero.

    Weights of four tokens with scores $s$ at $a = 1$, and of the last in the same context four
    times. Marks: lines: closed form; points: layer on scaled features; dotted: zeros; $s$: score at
    $a = 1$.
    """
    scores = np.array([1.5, 1.0, 0.75, 0.5])
    factors = np.linspace(0.01, 0.6, 13)
    several = np.tile(scores, copies)
    lines = np.array([[*affine(scores, a), affine(several, a)[-1]] for a in factors]).T
    points = np.array(
        [[*layer([a], scores[:, None]), layer([a], several[:, None])[-1]] for a in factors]
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
