"""Fan, Huang & He 2025, "Breaking the Low-Rank Dilemma of Linear Attention", CVPR, arXiv
2411.07635; and Han et al. 2024, "Agent Attention: On the Integration of Softmax and Linear
Attention", ECCV, arXiv 2312.08874.

For whoever repairs linear attention by raising ranks: what reweighting, gates and agents can do,
and what a low rank forbids.

Setting: $N$ tokens have keys $K$ after the feature map $(N, d_k)$, values $V$ $(N, d_v)$ and
weights $α_j > 0$. Linear attention reads the buffer $B = ∑_j α_j k_j v_jᵀ$. The effective number of
tokens is $N_eff = (∑_j α_j²)²/∑_j α_j⁴ <= N$. Attention is a matrix $A$ $(N, N)$ with rows that sum
to 1.

Take away: for generic tokens no weights raise the rank of the buffer (`weights_leave_rank`), and
some may lower it; for normal tokens unequal weights make its singular values less even
(`weights_lower_spread`). A low rank prevents the look-up of single tokens: attention of rank $r$
finds each of $N$ tokens with a mean weight of at most $r/N$ (`look_up_cap`), while softmax needs
two dimensions for all of them (`look_up_cap-softmax`). A generic gate multiplies the rank of
outputs, as far as their size allows (`gate_multiplies`), so that a rank of outputs says little:
softmax itself has outputs of rank $d_v$ at most (`look_up_cap-output_ranks`).

Edges: the statements on generic tokens do not hold for duplicates. With keys (1, 0), (1, 0), (0, 1)
and values (1, 0), (-1, 0), (0, 1) the buffer has rank 1, and the weights 2, 1, 1 make it 2.
Down-weighting 30 equal tokens among 40 makes the spectrum more even. The law of the spread is a
ratio of two means; it assumes tokens of mean zero. The first paper's code turns queries and keys by
rotary embedding but not the denominators: rows then have entries of both signs and no bound.

Paper: the first reweights the buffer and gates the output, and measures ranks; the second puts $n$
agents between queries and keys. This page studies ranks, spectra, and what trained features can
look up.

Abstract:

- Sentences 1 and 2: softmax attention is expensive, and linear attention is cheap. Not on trial. It
  is a count.
- Sentence 3: linear attention is less accurate. Not on trial. It is a measurement.
- Sentence 4: it falls short of softmax because the rank of its features is low, and so cannot model
  what is complex in space. In part: look_up_cap, look_up_cap-attained, look_up_cap-softmax,
  look_up_cap-output_ranks. The rank of its attention matrix forbids to look up; the rank of its
  outputs is not lower than that of softmax if $d_k >= d_v$.
- Sentence 5: ranks are examined in two places, the buffer of keys and values and the outputs. No
  statement.
- Sentence 6: an attention with raised ranks rivals softmax at linear cost. In part:
  weights_leave_rank, weights_lower_spread, gate_multiplies. A gate raises the rank of generic
  outputs, weights leave that of a generic buffer; rivalry is not on trial.
- Second paper: agent attention is equivalent to a generalised linear attention. Holds:
  look_up_cap-agents. It has the same cap, with the number of agents for the rank.
- All further sentences: both do well on images, and are fast. Not on trial. These are measurements
  of large models.

Read: the abstracts, in copies ("rank analysis from two perspectives: the KV buffer and the output
features"; "equivalent to a generalized form of linear attention") and the first paper's code
(`classfication/RALA.py`). Derived here: all claims. Not claimed: anything on images. Topic:
sequence models and attention.
"""

from itertools import combinations
from typing import Annotated

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import RatioOfMeans

Size = Annotated[int, Interval(1, 32, why="wider heads are as good")]
Wide = Annotated[int, Interval(3, 5, why="the law of narrow heads has heavier tails")]
Rows = Annotated[int, Interval(2, 40, why="one row has rank 1; more are as good")]
Rank = Annotated[int, Interval(1, 8, why="64 columns exceed all sizes here")]
Looked = Annotated[int, Interval(4, 12, why="the search has 2 N r unknowns")]
Kept = Annotated[
    int, Interval(2, 5, why="one feature gives all queries one row; of many, a search stops early")
]
Head = Annotated[int, Interval(2, 12, why="one agent has one output; more are as good")]
Circle = Annotated[int, Interval(3, 64, why="two keys are opposite; keys of more come close")]


def tokens_of(generator, count, keys, values):
    """Keys (count, keys) and values (count, values) of normal law."""
    return generator.normal(size=(count, keys)), generator.normal(size=(count, values))


@observed
def buffer(keys, values, weights):
    """Σ α_j k_j v_jᵀ, one token after the other (d_k, d_v); weights (N,)."""
    total = np.zeros((keys.shape[1], values.shape[1]))
    for key, value, weight in zip(keys, values, weights, strict=True):
        total += weight * np.outer(key, value)
    return total


@observed
def weights_of_context(queries, keys):
    """N softmax of the products of keys with the mean query (N,): the first paper's weights."""
    return len(keys) * softmax(keys @ queries.mean(axis=0))


@observed
def rank(matrix, size=None):
    """How many singular values exceed 1e-9 of the largest, or of a size that is given."""
    return np.linalg.matrix_rank(matrix, tol=1e-9 * (size or np.linalg.norm(matrix, 2)))


@observed
def lowest_rank(keys, values):
    """The least rank of the buffer (d, d) of d + 1 tokens that is met on paths between weights that
    leave out one token: where the determinant changes sign, bisection finds weights of lower rank.
    """
    ends = np.log(np.where(np.eye(len(keys)) == 1, 1e-9, 1.0))
    signs = [np.sign(np.linalg.det(buffer(keys, values, np.exp(end)))) for end in ends]
    for (low, low_sign), (high, high_sign) in combinations(zip(ends, signs, strict=True), 2):
        if low_sign == high_sign:
            continue
        for _ in range(80):
            middle = (low + high) / 2
            if np.sign(np.linalg.det(buffer(keys, values, np.exp(middle)))) == low_sign:
                low = middle
            else:
                high = middle
        lengths = np.linalg.norm(keys, axis=1) * np.linalg.norm(values, axis=1)
        return rank(buffer(keys, values, np.exp(low)), np.max(np.exp(low) * lengths))
    return rank(buffer(keys, values, np.ones(len(keys))))


@observed
def traces_of_buffers(generator, count, sizes, weights, group=8):
    """Of so many groups of drawn buffers B: the mean product of tr B Bᵀ of two of them, and the
    mean of tr (B Bᵀ)² (count, 2). Sizes are d_k and d_v; weights (N,).
    """
    keys, values = (generator.normal(size=(count, group, len(weights), size)) for size in sizes)
    buffers = np.swapaxes(keys * weights[:, None], -1, -2) @ values
    squares = buffers @ np.swapaxes(buffers, -1, -2)
    traces = np.trace(squares, axis1=-2, axis2=-1)
    of_squares = np.sum(squares**2, axis=(-2, -1))
    both = (traces.sum(axis=1) ** 2 - np.sum(traces**2, axis=1)) / (group * (group - 1))
    return np.stack([both, of_squares.mean(axis=1)], axis=1)


@observed
def best_features(generator, tokens, features, starts=16):
    """The largest mean weights (starts,) that linear attention with positive features of N queries
    and N keys gives to a drawn permutation, by L-BFGS over the logarithms of all features, from
    starts that are drawn anywhere.
    """
    order = generator.permutation(tokens)

    def loss(entries):
        queries, keys = np.exp(entries.reshape(2, tokens, features))
        total = keys.sum(axis=0)
        own = keys[order]
        norms = queries @ total
        hits = np.sum(queries * own, axis=1)
        to_queries = own / norms[:, None] - np.outer(hits / norms**2, total)
        to_keys = np.zeros_like(keys) - (hits / norms**2) @ queries
        to_keys[order] += queries / norms[:, None]
        slopes = np.array([to_queries * queries, to_keys * keys])
        return -np.mean(hits / norms), -slopes.ravel() / tokens

    first = generator.normal(size=(starts, 2 * tokens * features))
    # Beyond e^±15 weights no longer change.
    limits = [(-15, 15)] * first.shape[1]
    return np.array(
        [-minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).fun for start in first]
    )


@observed
def best_agents(generator, tokens, agents, starts=8):
    """The same of agent attention softmax(Q Aᵀ) softmax(A Kᵀ) with n agents and heads of width n,
    by L-BFGS over Q, A and K.
    """
    order = generator.permutation(tokens)
    ends = np.cumsum([tokens, agents]) * agents

    def loss(entries):
        queries, middle, keys = (part.reshape(-1, agents) for part in np.split(entries, ends))
        to_agents = softmax(queries @ middle.T, axis=1)
        to_tokens = softmax(middle @ keys.T, axis=1)
        found = to_tokens[:, order].T
        first_slope = to_agents * (found - np.sum(to_agents * found, axis=1, keepdims=True))
        sent = np.zeros_like(to_tokens)
        sent[:, order] = to_agents.T
        second_slope = to_tokens * (sent - np.sum(to_tokens * sent, axis=1, keepdims=True))
        slopes = [
            first_slope @ middle,
            first_slope.T @ queries + second_slope @ keys,
            second_slope.T @ middle,
        ]
        gradient = np.concatenate([slope.ravel() for slope in slopes])
        return -np.mean(np.sum(to_agents * found, axis=1)), -gradient / tokens

    first = generator.normal(size=(starts, (2 * tokens + agents) * agents))
    return np.array(
        [
            -minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000}).fun
            for start in first
        ]
    )


@observed
def mean_look_ups(queries, keys):
    """The mean weight that each of N queries gives to the key of its own number, (count,), in
    linear attention with given features (count, N, r).
    """
    scores = queries @ np.swapaxes(keys, -1, -2)
    return np.mean(np.diagonal(scores, axis1=1, axis2=2) / scores.sum(axis=2), axis=1)


@observed
def softmax_on_circle(tokens, sharpness):
    """The mean weight that softmax attention of width 2 gives to the own key of each query, if both
    are evenly on a circle and logits are at most `sharpness`.
    """
    angles = 2 * np.pi * np.arange(tokens) / tokens
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.mean(np.diag(softmax(sharpness * points @ points.T, axis=1)))


@observed
def output_ranks(generator, tokens, keys, values, agents):
    """The ranks of the outputs of softmax, linear attention with features ELU + 1, and agents."""
    queries = generator.normal(size=(tokens, keys))
    drawn_keys, drawn_values = tokens_of(generator, tokens, keys, values)
    middle = generator.normal(size=(agents, keys))
    features = [np.where(x > 0, x + 1, np.exp(np.minimum(x, 0))) for x in (queries, drawn_keys)]
    scores = features[0] @ features[1].T
    attentions = [
        softmax(queries @ drawn_keys.T, axis=1),
        scores / scores.sum(axis=1, keepdims=True),
        softmax(queries @ middle.T, axis=1) @ softmax(middle @ drawn_keys.T, axis=1),
    ]
    return np.array([rank(attention @ drawn_values) for attention in attentions])


@predicted
def rank_of_buffer(count, keys, values):
    """The least of N, d_k and d_v."""
    return min(count, keys, values)


@predicted
def can_lose_rank(keys, values):
    """Whether the products of both minors that leave out one of d + 1 tokens of d dimensions have
    both signs.
    """
    signs = set()
    for left_out in range(len(keys)):
        minors = [np.linalg.slogdet(np.delete(x, left_out, axis=0))[0] for x in (keys, values)]
        signs.add(minors[0] * minors[1])
    return len(signs) == 2


@predicted
def spread(keys, values, effective):
    """d_k d_v/(d_k + d_v + 1 + (d_k d_v + d_k + d_v + 3)/N_eff)."""
    both = keys + values
    return keys * values / (both + 1 + (keys * values + both + 3) / effective)


@predicted
def effective_number(weights):
    """(Σ α²)²/Σ α⁴."""
    return np.sum(weights**2) ** 2 / np.sum(weights**4)


@predicted
def rank_of_gated(rows, columns, first, second):
    """The least of N, D and r₁ r₂."""
    return min(rows, columns, first * second)


@predicted
def rank_of_squared(rows, columns, of_factor):
    """The least of N, D and r (r + 1)/2."""
    return min(rows, columns, of_factor * (of_factor + 1) // 2)


@predicted
def cap(tokens, of_attention):
    """The cap r/N, and 1 from N features on."""
    return np.minimum(of_attention / tokens, 1.0)


@predicted
def weight_of_others(tokens, sharpness):
    """(N - 1) e^(-β (1 - cos(2π/N))): no other key has more than the next one."""
    return (tokens - 1) * np.exp(-sharpness * (1 - np.cos(2 * np.pi / tokens)))


def differing(law, **wrong):
    """The controls that differ from the law."""
    return {name.replace("_", " "): value for name, value in wrong.items() if np.any(value != law)}


@claim(
    derived("$B$ is $K^T$ times a diagonal matrix times $V$"),
    cases=[(50, 8, 8), (5, 8, 8), (50, 4, 9), (7, 7, 7), (1, 1, 1)],
)
def test_weights_leave_rank(
    trial,
    count: Annotated[int, Interval(1, 64, why="more tokens are as good")],
    keys: Size,
    values: Size,
):
    """Linear attention reads the buffer $∑_j α_j k_j v_jᵀ$ over $N$ tokens. For generic keys $k_j$
    of width $d_k$ and values $v_j$ of width $d_v$ it has the rank $min(N, d_k, d_v)$, both with
    $α_j = 1$ and with $α_j = N softmax(k_j·q)$, where $q$ is the mean query.
    """
    generator = trial.generator("tokens")
    drawn_keys, drawn_values = tokens_of(generator, count, keys, values)
    weights = weights_of_context(generator.normal(size=(count, keys)), drawn_keys)
    law = rank_of_buffer(count, keys, values)
    of_both = min(count, keys) + min(count, values)
    trial.identity(
        np.array(
            [rank(buffer(drawn_keys, drawn_values, some)) for some in (np.ones(count), weights)]
        ),
        np.array([law, law]),
        ops=0,
        generic="a rank is that of almost all draws, because minors are analytic in them",
        controls=differing(
            law,
            weights_make_it_full=np.array([law, max(keys, values)]),
            weights_raise_it_by_one=np.array([law, law + 1]),
            one_for_each_token=np.array([count, count]),
            that_of_the_keys=np.array([keys, keys]),
            ranks_of_keys_and_values_add_up=np.array([of_both, of_both]),
        ),
    )


@claim(derived("Cauchy and Binet"), kind="identity", cases=[1, 2, 3])
def test_weights_leave_rank__lowered(
    trial,
    size: Annotated[int, Interval(1, 3, why="of four and more dimensions few draws can lose rank")],
):
    """The buffer $∑_j α_j k_j v_jᵀ$ of $d + 1$ generic tokens with keys and values of width $d$ has
    the rank $d$ or, for some weights $α_j > 0$, $d - 1$. Such weights exist if and only if the
    products $det K_i det V_i$ have both signs, with the keys $K_i$ and the values $V_i$ without
    token $i$.
    """
    generator = trial.generator("tokens")
    drawn = [tokens_of(generator, size + 1, size, size) for _ in range(230)]
    law = np.array([size - can_lose_rank(*pair) for pair in drawn])
    trial.identity(
        np.array([lowest_rank(*pair) for pair in drawn]),
        law,
        ops=0,
        independent=len(drawn),
        controls={
            "no positive weights change a rank": np.full(len(drawn), size),
            "some always do": np.full(len(drawn), size - 1),
        },
    )


@claim(
    derived("Wick's theorem"),
    cases=[(12, 4, 4, 1.0), (10, 3, 5, 1.0), (8, 5, 3, 2.0)],
    low_power="an error of 1 % takes half a million buffers, whose fourth powers have heavy tails",
)
def test_weights_lower_spread(
    trial,
    count: Annotated[int, Interval(6, 12, why="the law for fewer tokens has heavier tails")],
    keys: Wide,
    values: Wide,
    power: Annotated[float, Interval(1, 2, why="α_j = j^s; for s near 0 weights are equal")],
):
    """The buffer $B = ∑_j α_j k_j v_jᵀ$ has standard normal keys of width $d_k$ and values of width
    $d_v$. Then $(E tr B Bᵀ)²/E tr (B Bᵀ)² = d_k d_v/(d_k + d_v + 1 + (d_k d_v + d_k + d_v + 3)/n)$
    with $n = (∑_j α_j²)²/∑_j α_j⁴$.
    """
    weights = np.arange(1.0, count + 1) ** power
    law = spread(keys, values, effective_number(weights))
    trial.mean(
        sampler=lambda generator, some: traces_of_buffers(generator, some, (keys, values), weights),
        predict=law,
        law=RatioOfMeans(),
        margin=0.03 * law,
        controls={
            "as with equal weights": spread(keys, values, count),
            "as with many tokens": spread(keys, values, np.inf),
            "$N_eff = (∑_i α_i)²/∑_i α_i²$": spread(
                keys, values, effective_number(np.sqrt(weights))
            ),
        },
    )


@claim(
    derived("products of the factors' columns are generic"),
    cases=[(40, 30, 4, 3), (40, 30, 4, 8), (9, 40, 1, 7), (2, 2, 1, 1)],
)
def test_gate_multiplies(trial, rows: Rows, columns: Rows, first: Rank, second: Rank):
    """The product entry by entry of two generic $(N, D)$ matrices of ranks $r₁$ and $r₂$, such as
    outputs and their gate, has the rank $min(N, D, r₁ r₂)$.
    """
    generator = trial.generator("factors")
    outputs, gate = (
        generator.normal(size=(rows, some)) @ generator.normal(size=(some, columns))
        for some in (first, second)
    )
    law = rank_of_gated(rows, columns, first, second)
    trial.identity(
        rank(outputs * gate),
        law,
        ops=0,
        generic="a rank is that of almost all draws, because minors are polynomials in them",
        controls=differing(
            law,
            ranks_add_up=first + second,
            the_larger_of_both=max(first, second),
            a_gate_makes_it_full=min(rows, columns),
        ),
    )


@claim(
    derived("squares of a sum of $r$ terms"),
    cases=[(40, 30, 4), (40, 30, 8), (9, 40, 3), (2, 2, 1)],
)
def test_gate_multiplies__by_itself(trial, rows: Rows, columns: Rows, factor: Rank):
    """The product entry by entry of a generic $(N, D)$ matrix of rank $r$ with itself has the rank
    $min(N, D, r (r + 1)/2)$.
    """
    generator = trial.generator("factors")
    outputs = generator.normal(size=(rows, factor)) @ generator.normal(size=(factor, columns))
    law = rank_of_squared(rows, columns, factor)
    trial.identity(
        rank(outputs * outputs),
        law,
        ops=0,
        generic="a rank is that of almost all draws, because minors are polynomials in them",
        controls=differing(
            law,
            as_with_another_gate=factor**2,
            ranks_add_up=2 * factor,
            a_gate_makes_it_full=min(rows, columns),
            it_stays=factor,
        ),
    )


LOOKED = [(8, 2), (12, 3), (12, 5), (9, 4)]


@claim(derived("a trace is at most the rank times the largest eigenvalue"), cases=LOOKED)
def test_look_up_cap(trial, tokens: Looked, features: Kept):
    """Attention $A >= 0$ of $N$ tokens has rows that add up to 1, and rank $r$. It gives the
    targets $π(i)$ of a permutation at most the mean weight $(1/N) ∑_i A_{i,π(i)} <= r/N$.
    """
    trial.require(2 * features <= tokens, "features must be at most half of the tokens")
    generator = trial.generator("starts")
    law = cap(tokens, features)
    drawn = np.exp(2 * generator.normal(size=(2, 172, tokens, features)))
    found = np.append(best_features(generator, tokens, features), mean_look_ups(*drawn))
    trial.bound(
        found,
        np.full_like(found, law),
        instances="draws",
        independent=172,
        ops=10 * tokens,
        attained=0.99,
        controls={
            "one feature is lost on normalising": np.full_like(found, cap(tokens, features - 1)),
        },
        control_processes={
            "features of both signs": mean_look_ups(
                *generator.normal(size=(2, len(found), tokens, features))
            )
        },
    )


@claim(
    derived("$r$ blocks of tokens, each looked up as one"),
    kind="optimality",
    cases=[(8, 2), (12, 5), (7, 3)],
)
def test_look_up_cap__attained(trial, tokens: Looked, features: Kept):
    """Linear attention of $N$ tokens with $r$ positive features can give every token its own target
    with a mean weight as near $r/N$ as one likes, and no larger one.
    """
    trial.require(2 * features <= tokens, "features must be at most half of the tokens")
    law = cap(tokens, features)
    trial.value(
        best_features(trial.generator("starts"), tokens, features).max(),
        law,
        error=1e-12,
        margin=0.008 * law,
        instances="search",
        controls={
            "the normaliser adds a feature": cap(tokens, features + 1),
            "$√(r/N)$": np.sqrt(law),
            "as softmax": 1.0,
        },
    )


@claim(
    tried("abstract of Agent Attention: a generalised linear attention", "its cap on look-ups"),
    kind="optimality",
    cases=[(8, 2), (12, 5), (7, 3)],
)
def test_look_up_cap__agents(trial, tokens: Looked, agents: Kept):
    """Agent attention $softmax(Q Aᵀ) softmax(A Kᵀ)$ of $N$ tokens with $n$ agents $A$ can give
    every token its own target with a mean weight as near $n/N$ as one likes, and no larger one.
    """
    trial.require(2 * agents <= tokens, "agents must be at most half of the tokens")
    law = cap(tokens, agents)
    trial.value(
        best_agents(trial.generator("starts"), tokens, agents).max(),
        law,
        error=1e-12,
        margin=0.008 * law,
        instances="search",
        controls={
            "$√(n/N)$": np.sqrt(law),
            "as softmax": 1.0,
            "one agent is lost on normalising": cap(tokens, agents - 1),
        },
    )


@claim(derived("the next key is second"), kind="limit", cases=[3, 12, 64])
def test_look_up_cap__softmax(trial, tokens: Circle):
    """$N$ queries and $N$ keys of width 2 are equally spaced on one circle. The mean weight that
    softmax attention gives to the key in the direction of each query tends to 1 as the largest
    logit grows.
    """
    sharpness = 2.0 ** np.arange(4, 9) / (1 - np.cos(2 * np.pi / tokens))
    trial.limit(
        np.array([softmax_on_circle(tokens, some) for some in sharpness]),
        sharpness,
        1.0,
        remainder=weight_of_others(tokens, sharpness),
        margin=0.001,
        controls={"capped by its width": cap(tokens, 2), "$√(2/N)$": np.sqrt(cap(tokens, 2))},
    )


@claim(
    derived("A $V$ has at most the columns of $V$"),
    kind="identity",
    cases=[(40, 6, 6, 5), (30, 4, 8, 3), (12, 8, 2, 3)],
)
def test_look_up_cap__output_ranks(trial, tokens: Circle, keys: Head, values: Head, agents: Head):
    """For $N$ generic tokens with keys of width $d_k$ and values of width $d_v$ the outputs of
    attention have the rank $min(N, d_v)$ with softmax, $min(N, d_k, d_v)$ with linear attention,
    and $min(N, n, d_v)$ with $n$ agents.
    """
    law = np.array(
        [
            rank_of_buffer(tokens, values, values),
            rank_of_buffer(tokens, keys, values),
            rank_of_buffer(tokens, agents, values),
        ]
    )
    trial.identity(
        output_ranks(trial.generator("tokens"), tokens, keys, values, agents),
        law,
        ops=0,
        generic="a rank is that of almost all draws, because minors are analytic in them",
        controls=differing(
            law,
            softmax_has_full_rank=np.array([tokens, *law[1:]]),
            all_ranks_are_those_of_the_attention=np.array([tokens, keys, agents]),
            normalising_costs_each_a_rank=law - 1,
        ),
    )


@figure("F1", claims=("look_up_cap-attained", "look_up_cap-agents"))
def look_up_against_rank(tokens: int = 12):
    """Linear attention and agents look up $r$ of $N$ tokens, as many as their rank; softmax looks
    up all of them with two dimensions.

    The largest mean weight on the one key that each of 12 queries asks for. Marks: line: $r/N$;
    points: searches from drawn starts, up to rank 5, over all positive features (odd ranks), and
    over queries, agents and keys (even ranks); softmax on a circle.
    """
    generator = np.random.default_rng(0)
    ranks = np.arange(1, tokens + 1)
    law = "cap r/N"
    odd = ranks[:5:2]
    even = ranks[1:5:2]
    points = {
        "linear attention": (odd, [best_features(generator, tokens, r).max() for r in odd]),
        "agents": (even, [best_agents(generator, tokens, n).max() for n in even]),
        "softmax of width 2": (np.array([2]), np.array([softmax_on_circle(tokens, 100.0)])),
    }
    return chart(
        {law: (ranks, cap(tokens, ranks))},
        points,
        ylim=(0, 1.05),
        x="rank: features or agents; width of softmax",
        y="largest mean weight",
    )
