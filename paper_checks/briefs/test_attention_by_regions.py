"""Ren, Dai, Dai, Yang, Leskovec, Schuurmans & Dai 2021, "Combiner: Full Attention Transformer with
Sparse Computation Cost", NeurIPS, arXiv 2107.05768.

For whoever lets tokens see a region only through its summary: which regions to take, which summary,
and what is lost.

Setting: query $i$ of $Q$, all equally likely, attends to key $j$ of $T$ with the chance $p(j|i)$,
the softmax of the scores $s_{i j}$. Keys lie in regions $r(j)$. The layer has $a(r(j)|i) b(j|r(j))$
for $p(j|i)$, with $b$ common to all queries. The loss is the mean over $i$ of $KL(p‖a b)$, in nats.
$I(i; j)$ and $I(i; r)$ are the mutual informations of the query with the key and with its region,
$p̄$ is the mean of $p$ over $i$.

Take away: the released layer gives a region of $n$ keys one logit, and so the weight of one key. If
all keys are equal, a token of $T = n²$ gives its own region half of its attention, or a little
more, at every length, and not $1/n$ (`missing_log_n`). With $log n$ added to the logit the layer
gives equal keys equal weights (`missing_log_n-added`).

Edges: all queries share one $b$, even if two queries want different keys of one region. If the keys
are normal, the logit $q·k̄ + log n$ is still too small, by half of the variance of the scores. The
non-causal branch of the released code counts a token's own region twice.

Paper: it factors attention through regions at less than quadratic cost, and trains on text and
images. This page says which $p$ the factors can express, and what the layer does for equal keys.

Abstract:

- Statement 1: sparse and low-rank attention gives up expressiveness. Not on trial. It is about
  other methods.
- Statement 2: it gives full attention in each head at low cost. In part: least_loss,
  least_loss-separate. Each token has a weight, but only some weights can be had.
- Statement 3: tokens see others directly or through abstractions, which are expectations over a
  region. In part: missing_log_n, summary_query. A region has one logit; what a released layer makes
  of it is tried for equal keys.
- Statement 4: patterns of sparse attention give factors with the same cost. Not on trial. It is a
  count of operations.
- Statement 5: it has the best results on text and images. Not on trial. These are measurements of
  large models.

Read: the abstract, in a copy ("conditional expectations of embeddings from corresponding local
regions"), and `combiner/tf/approx_attention.py`. Derived here: all laws. Not claimed: anything on
trained models. Topic: sequence models and attention.
"""

from typing import Annotated, Any

import numpy as np
from scipy.optimize import minimize, root
from scipy.special import entr, log_softmax, rel_entr, softmax

from theory_on_trial import claim, code, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Queries = Annotated[int, Interval(2, 9, why="one query loses nothing; more take longer to fit")]
Tokens = Annotated[int, Interval(5, 18, why="two keys in a region; more take longer to fit")]
Regions = Annotated[int, Interval(2, 5, why="one region has no a; more need more tokens")]
Strength = Annotated[
    float, Interval(0.5, 3, why="of scores: below, little is lost; beyond, one key has it all")
]
Size = Annotated[int, Interval(2, 64, why="n: a region of one key is that key; more are as good")]
Earlier = Annotated[int, Interval(1, 64, why="R: the first region has no summary to look at")]


def drawn_scores(generator, queries, tokens, strength):
    """Independent normal scores (Q, T) with a given standard deviation."""
    return strength * generator.normal(size=(queries, tokens))


def regions_of_keys(regions, tokens):
    """The region (T,) of each key: each of them has one key, and the others lie unevenly."""
    return np.append(np.arange(regions), np.arange(tokens - regions) ** 2 % regions)


def masses_of(chances, regions):
    """p(r|i), (Q, R)."""
    return chances @ np.eye(regions.max() + 1)[regions]


def loss_at(chances, regions, within):
    """The loss in nats with a = p(r|i) and given b(j|r(j)), (T,)."""
    model = masses_of(chances, regions)[:, regions] * within
    return np.mean(np.sum(rel_entr(chances, model), axis=1))


def evenly(regions):
    """b(j|r(j)), (T,), alike for all keys of a region."""
    return 1 / np.bincount(regions)[regions]


def of_first_query(chances, regions):
    """b(j|r(j)), (T,), of the first query."""
    return chances[0] / masses_of(chances, regions)[0, regions]


@observed
def fitted_loss(chances, regions):
    """The least loss in nats over all a and b: descent on the logits of a (Q, R) and b (T,). The
    loss is convex in these.
    """
    queries, tokens = chances.shape
    inside = np.eye(regions.max() + 1)[regions].T.astype(bool)
    members = [np.flatnonzero(row) for row in inside]
    targets = np.stack([chances[:, keys].sum(axis=1) for keys in members], axis=1)
    pooled = chances.mean(axis=0)

    def loss(logits):
        for_a = logits[: targets.size].reshape(targets.shape)
        for_b = logits[targets.size :]
        log_a = log_softmax(for_a, axis=1)
        log_b = np.empty(tokens)
        slope_b = np.empty(tokens)
        for keys in members:
            log_b[keys] = log_softmax(for_b[keys])
            slope_b[keys] = pooled[keys].sum() * np.exp(log_b[keys]) - pooled[keys]
        slope_a = (np.exp(log_a) - targets) / queries
        value = np.sum(rel_entr(chances, np.exp(log_a[:, regions] + log_b))) / queries
        return value, np.append(slope_a, slope_b)

    start = np.zeros(targets.size + tokens)
    options = {"gtol": 1e-9, "ftol": 1e-16, "maxiter": 5000, "maxfun": 20_000, "maxcor": 40}
    return minimize(loss, start, jac=True, method="L-BFGS-B", options=options).fun


@observed
def fitted_summary(chances, keys):
    """The least mean KL(p‖softmax(z·k_j)) in nats over z, for keys (T, d) of one region: descent
    from z = 0.
    """

    def loss(z):
        log_b = log_softmax(keys @ z)
        value = np.mean(np.sum(rel_entr(chances, np.exp(log_b)), axis=1))
        return value, keys.T @ (np.exp(log_b) - chances.mean(axis=0))

    start = np.zeros(keys.shape[1])
    return minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-9}).fun


@observed
def weights_of_last(queries, keys, size, pool, bonus=0.0):
    """The weights (T,) that the last token of a layer gives, with queries and keys (T, d): the keys
    of its own region one by one, each earlier region of `size` keys by one logit of its pooled key,
    plus a bonus, divided within by the pooled query of the region.
    """
    blocks = keys.reshape(-1, size, keys.shape[1])
    asked = queries.reshape(blocks.shape)[:-1]
    within = softmax(np.einsum("rd,rnd->rn", pool(asked, axis=1), blocks[:-1]), axis=1)
    direct = blocks[-1] @ queries[-1]
    summaries = pool(blocks[:-1], axis=1) @ queries[-1] + bonus
    weights = softmax(np.append(direct, summaries))
    return np.append(weights[size:, None] * within, weights[:size])


@observed
def losses_of_random_scores(generator, n, queries, rows, size, variance):
    """Draws (n,) of the loss over v with the a of each query and the b of all, for independent
    scores N(0, v).
    """
    scores = np.sqrt(variance) * generator.normal(size=(n, queries, rows, size))
    weights = np.exp(scores)
    p = weights / np.sum(weights, axis=(2, 3), keepdims=True)
    a = np.sum(p, axis=3, keepdims=True)
    pooled = np.sum(p, axis=1, keepdims=True)
    b = pooled / np.sum(pooled, axis=3, keepdims=True)
    losses = np.sum(p * np.log(p / (a * b)), axis=(1, 2, 3))
    return losses / (queries * variance)


@predicted
def information(chances):
    """The mutual information, in nats, of a uniform row i and the column given it, (rows, columns):
    the entropy of the mean row less the mean entropy of rows.
    """

    def entropy(law):
        return np.sum(entr(law), axis=-1)

    return entropy(chances.mean(axis=0)) - np.mean(entropy(chances))


@predicted
def least_loss(chances, regions):
    """I(i; j) - I(i; r), in nats."""
    return information(chances) - information(masses_of(chances, regions))


@predicted
def price_of_merging(masses, first, second, weights=None):
    """(π_r + π_s) JS, in nats, of p(i|r) and p(i|s), with weights in proportion to π_r and π_s; or
    with other weights (2,), which add up to 1.
    """
    both = masses[:, [first, second]].T
    pi = both.mean(axis=1)
    if np.min(pi) == 0:
        return 0.0
    given = both / both.sum(axis=1, keepdims=True)
    weights = pi / pi.sum() if weights is None else np.asarray(weights)
    return pi.sum() * np.sum(weights[:, None] * rel_entr(given, weights @ given))


@predicted
def loss_of_summary(chances, keys):
    """I(i; j) + KL(p̄‖b*) in nats, b* = softmax(z·k_j) with the mean key of p̄. Raises ValueError if
    no z is found.
    """
    pooled = chances.mean(axis=0)

    def excess_of_mean(z):
        return softmax(keys @ z) @ keys - pooled @ keys

    found = root(excess_of_mean, np.zeros(keys.shape[1]), method="lm", options={"xtol": 1e-14})
    if np.max(np.abs(found.fun)) > 1e-8:
        raise ValueError("no summary has the mean key of p̄: the keys must not be so far apart")
    return information(chances) + np.sum(rel_entr(pooled, softmax(keys @ found.x)))


@predicted
def local_mass(size, earlier):
    """n/(n + R)."""
    return size / (size + earlier)


@predicted
def loss_of_one_logit(size, earlier):
    """log((n + R)/T) + (R n/T) log n in nats, T = n (R + 1)."""
    tokens = size * (earlier + 1)
    return np.log((size + earlier) / tokens) + earlier * size / tokens * np.log(size)


@predicted
def weight_of_each(size, earlier):
    """1/T, T = n (R + 1)."""
    return 1 / (size * (earlier + 1))


@predicted
def loss_of_random_regions(queries, size):
    """½ (1 - 1/Q) (1 - 1/n), over v."""
    return (1 - 1 / queries) * (1 - 1 / size) / 2


@claim(
    derived("the chain rule of information"),
    kind="optimality",
    cases=[(6, 12, 3, 2.0), (2, 5, 2, 0.5), (9, 18, 5, 3.0), (5, 7, 4, 1.0)],
)
def test_least_loss(trial, queries: Queries, tokens: Tokens, regions: Regions, strength: Strength):
    """Let query $i$ attend to key $j$ with the chance $p(j|i)$, which $a(r(j)|i) b(j|r(j))$
    replaces for regions $r(j)$ of keys. Over all a and $b$ the least mean $KL(p‖a b)$ is
    $I(i; j|r) = I(i; j) - I(i; r)$, $I$ being mutual information under $p$.
    """
    trial.require(regions < tokens, "some region must have two keys")
    generator = trial.generator("scores")
    chances = softmax(drawn_scores(generator, queries, tokens, strength), axis=1)
    lie = regions_of_keys(regions, tokens)
    law = least_loss(chances, lie)
    trial.value(
        fitted_loss(chances, lie),
        law,
        error=1e-7 * law,
        margin=1e-4 * law,
        generic="the least loss and informations are analytic in the scores",
        controls={
            "all that the query tells is lost": information(chances),
            "$b$ is uniform": loss_at(chances, lie, evenly(lie)),
            "$b$ is that of one query": loss_at(chances, lie, of_first_query(chances, lie)),
        },
    )


@claim(
    derived("$p(j|i, r)$ is then the same for all $i$"),
    kind="optimality",
    cases=[(6, 12, 3, 2.0), (2, 5, 2, 0.5), (9, 18, 5, 3.0)],
)
def test_least_loss__separate(
    trial, queries: Queries, tokens: Tokens, regions: Regions, strength: Strength
):
    """Let query $i$ attend to keys $j$ with the softmax $p$ of the scores $s_{i j}$. If these
    separate over regions $r(j)$ of keys, $s_{i j} = α_{i,r(j)} + β_j$, then some product
    $a(r(j)|i) b(j|r(j))$ of two laws equals $p$.
    """
    trial.require(regions < tokens, "some region must have two keys")
    generator = trial.generator("scores")
    lie = regions_of_keys(regions, tokens)
    alpha = drawn_scores(generator, queries, regions, strength)
    beta = drawn_scores(generator, 1, tokens, strength)
    chances = softmax(alpha[:, lie] + beta, axis=1)
    whole = information(chances)
    trial.value(
        fitted_loss(chances, lie),
        0.0,
        error=1e-7 * whole,
        margin=1e-4 * whole,
        scale=whole,
        generic="the least loss is analytic in the scores",
        controls={
            "all that the query tells is lost": whole,
            "what $b$ says is lost": loss_at(chances, lie, evenly(lie)),
        },
    )


@claim(
    derived("the chain rule of information, for two regions"),
    kind="optimality",
    cases=[(6, 12, 3, 2.0), (2, 5, 4, 0.7), (9, 18, 5, 3.0)],
)
def test_least_loss__merge(
    trial,
    queries: Queries,
    tokens: Tokens,
    regions: Annotated[
        int, Interval(3, 5, why="two are merged beside a third; more need more tokens")
    ],
    strength: Strength,
):
    """If the regions $r$ and $s$ of keys become one, the least loss of a factored attention
    $a(r(j)|i) b(j|r(j))$ grows by $(π_r + π_s) JS$, where $π_r = mean_i p(r|i)$ and $JS$ is the
    Jensen-Shannon divergence of $p(i|r)$ and $p(i|s)$ with weights in proportion to $π_r$ and
    $π_s$.
    """
    trial.require(regions <= tokens, "each region must have a key")
    generator = trial.generator("scores")
    chances = softmax(drawn_scores(generator, queries, tokens, strength), axis=1)
    lie = regions_of_keys(regions, tokens)
    merged = np.maximum(lie, 1) - 1
    masses = masses_of(chances, lie)
    law = price_of_merging(masses, 0, 1)
    apart = fitted_loss(chances, lie)
    jensen_shannon = law / masses[:, :2].mean(axis=0).sum()
    wrong = {
        "with equal weights": price_of_merging(masses, 0, 1, weights=[0.5, 0.5]),
        "in the share that one query gives": masses[0, :2].sum() * jensen_shannon,
        "whatever their share": jensen_shannon,
    }
    trial.value(
        fitted_loss(chances, merged) - apart,
        law,
        error=1e-10 * (law + apart),
        margin=1e-3 * law,
        generic="the least loss and divergences are analytic in the scores",
        controls={name: value for name, value in wrong.items() if abs(value / law - 1) > 0.01},
    )


@claim(
    derived("the theorem of Pythagoras for exponential families"),
    kind="optimality",
    cases=[(5, 8, 2, 3.0), (2, 6, 1, 0.5), (9, 18, 4, 2.0), (3, 7, 4, 1.0)],
)
def test_summary_query(
    trial,
    queries: Queries,
    tokens: Tokens,
    dims: Annotated[int, Interval(1, 4, why="of keys: with as many as tokens any b can be had")],
    strength: Strength,
):
    """For one region of keys $k_j$ and weights $b = softmax(z·k_j)$ that all queries $i$ share, the
    least mean $KL(p(·|i)‖b)$ over all $z$ is $I(i; j) + KL(p̄‖b*)$, where $I$ is the mutual
    information of query and key, $p̄$ is the mean of $p$ over queries and $b* = softmax(z·k_j)$ has
    the mean key of $p̄$.
    """
    trial.require(tokens > dims + 1, "there must be more tokens than any b needs")
    generator = trial.generator("queries and keys")
    asked = generator.normal(size=(queries, dims)) * strength
    keys = generator.normal(size=(tokens, dims)) / np.sqrt(dims)
    chances = softmax(asked @ keys.T, axis=1)
    one_region = np.zeros(tokens, int)
    law = loss_of_summary(chances, keys)
    trial.value(
        fitted_summary(chances, keys),
        law,
        error=1e-8 * law,
        margin=1e-5 * law,
        generic="the minimum of a strictly convex analytic loss is analytic in queries and keys",
        controls={
            "$z$ is the mean query": loss_at(
                chances, one_region, softmax(keys @ asked.mean(axis=0))
            ),
            "no summary query, $b$ uniform": loss_at(chances, one_region, evenly(one_region)),
            "any $b$ can be had": information(chances),
        },
    )


RELEASED = code(
    "google-research/google-research",
    "combiner/combiner/tf/approx_attention.py",
    "bc66d082481ed4d3fdad63ce6b555513340b5a75",
)
POOLS = (np.mean, np.max)


def equal_keys(generator, size, earlier):
    """Drawn queries and one key T times, both (T, 3)."""
    tokens = size * (earlier + 1)
    return generator.normal(size=(tokens, 3)), np.tile(generator.normal(size=3), (tokens, 1))


@claim(RELEASED, kind="identity", cases=[(32, 31), (16, 63), (2, 1), (64, 64)])
def test_missing_log_n(trial, size: Size, earlier: Earlier):
    """The released layer takes one softmax over the logits of the keys of a token's own region and
    one pooled logit for each earlier region. If all keys are equal, the $n$ keys of its own region
    together get the weight $n/(n + R)$ beside $R$ earlier regions: at $n = R + 1 = √T$ this is
    $½/(1 - 1/(2 √T))$ at every length $T$. Full attention gives them $1/(R + 1)$.
    """
    queries, keys = equal_keys(trial.generator("tokens"), size, earlier)
    weights = [weights_of_last(queries, keys, size, pool) for pool in POOLS]
    trial.identity(
        np.sum(np.array(weights)[:, -size:], axis=1),
        np.full(2, local_mass(size, earlier)),
        ops=200 * size,
        generic="analytic in keys and queries where one is largest, and these are interchangeable",
        controls={"as full attention": np.full(2, 1 / (earlier + 1))},
    )


@claim(
    derived("the weights of equal keys in `approx_attention.py` of google-research's combiner"),
    kind="identity",
    cases=[(32, 31), (16, 63), (2, 1), (64, 64)],
)
def test_missing_log_n__loss(trial, size: Size, earlier: Earlier):
    """If a token sees the $n$ equal keys of its own region one by one, and each of $R$ regions of
    $n$ such keys by one logit, its attention has
    $KL(uniform‖layer) = log((n + R)/T) + (R n/T) log n$ from uniform attention to the
    $T = n (R + 1)$ keys.
    """
    queries, keys = equal_keys(trial.generator("tokens"), size, earlier)
    law = loss_of_one_logit(size, earlier)
    tokens = len(keys)
    losses = [
        -np.mean(np.log(tokens * weights_of_last(queries, keys, size, pool))) for pool in POOLS
    ]
    mass = local_mass(size, earlier)
    reverse = np.log(tokens / (size + earlier)) - (1 - mass) * np.log(size)
    trial.identity(
        losses,
        np.full(2, law),
        ops=200 * size,
        scale=np.log(tokens),
        generic="analytic in keys and queries where one is largest, and these are interchangeable",
        controls={
            "a layer of full attention": np.zeros(2),
            "KL(layer‖uniform)": np.full(2, reverse),
        },
    )


@claim(
    derived("a region of $n$ equal keys has $n$ times the weight of one"),
    kind="identity",
    cases=[(32, 31), (16, 63), (2, 1), (64, 64)],
)
def test_missing_log_n__added(trial, size: Size, earlier: Earlier):
    """If a token sees the $n$ equal keys of its own region one by one, and each of $R$ regions of
    $n$ such keys by one logit to which $log n$ is added, it gives all keys of all $R + 1$ regions
    the same weight.
    """
    queries, keys = equal_keys(trial.generator("tokens"), size, earlier)
    tokens = len(keys)
    weights = [weights_of_last(queries, keys, size, pool, np.log(size)) for pool in POOLS]
    direct = np.full(size, 1 / (size + earlier))
    through = np.full(tokens - size, 1 / (size * (size + earlier)))
    trial.identity(
        weights,
        np.full((2, tokens), weight_of_each(size, earlier)),
        ops=200 * size,
        generic="analytic in keys and queries where one is largest, and these are interchangeable",
        controls={"without $log n$, as released": np.tile(np.append(through, direct), (2, 1))},
    )


@claim(
    derived("second order in the scores"),
    kind="distribution",
    cases=[(8, 3, 4, 1e-3), (5, 1, 12, 1e-4), (16, 4, 3, 1e-5), (7, 2, 9, 1e-3)],
)
def test_random_regions(
    trial,
    queries: Annotated[
        int, Interval(5, 16, why="Q: fewer vary too much from draw to draw; many are drawn")
    ],
    rows: Annotated[int, Interval(1, 4, why="one region is a case; thousands of more take long")],
    size: Annotated[
        int, Interval(3, 32, why="n: fewer vary too much from draw to draw; many are drawn")
    ],
    variance: Annotated[
        float, Interval(1e-5, 1e-3, why="v: the law is for v → 0; below, digits go")
    ],
):
    """For attention of $Q$ queries to keys with independent scores $N(0, v)$, and regions $r$ of
    $n$ keys, the mean of $I(i; j|r)/v$ over the scores, where $I$ is the mutual information of
    query $i$ and key $j$, tends to $½ (1 - 1/Q) (1 - 1/n)$ as $v → 0$, however many regions there
    are.
    """
    law = loss_of_random_regions(queries, size)
    tokens = rows * size
    whole = loss_of_random_regions(queries, tokens)
    wrong = {
        "all is lost": whole,
        "a share $1 - 1/n$ of all": whole * (1 - 1 / size),
        "each query by itself": (1 - 1 / size) / 2,
    }
    trial.mean(
        lambda rng, n: losses_of_random_scores(rng, n, queries, rows, size, variance),
        law,
        law=Asymptotic(),
        margin=0.008 * law,
        most=600_000,
        controls={name: value for name, value in wrong.items() if abs(value / law - 1) > 0.01},
    )


@figure("F1", claims=("least_loss", "random_regions"))
def loss_against_size(queries: int = 12, tokens: int = 32, strength: float = 2.0):
    """Regions of keys that one query scores alike lose less than regions of any keys, but only
    regions of few keys lose little.

    What 12 queries lose on 32 keys in the plane, of the information in their scores. Marks: lines:
    law; points: fitted layers, and the mean over drawn scores with two standard errors.
    """
    generator = np.random.default_rng(0)
    asked = strength * generator.normal(size=(queries, 2))
    keys = generator.normal(size=(tokens, 2))
    scores = asked @ keys.T
    chances = softmax(scores, axis=1)
    places = {"any keys": np.arange(tokens), "keys sorted by one query": np.argsort(scores[0])}
    sizes = np.array([1, 2, 4, 8, 16, 32])
    lines: dict[str, tuple[Any, ...]] = {}
    points: dict[str, tuple[Any, ...]] = {}
    for name, order in places.items():
        lies = []
        for size in sizes:
            regions = np.empty(tokens, int)
            regions[order] = np.arange(tokens) // size
            lies.append(regions)
        whole = information(chances)
        lines[name] = sizes, [least_loss(chances, lie) / whole for lie in lies]
        points[name] = sizes, [fitted_loss(chances, lie) / whole for lie in lies]
    name = "independent small scores"
    whole = loss_of_random_regions(queries, tokens)
    fine = np.linspace(1, tokens, 200)
    lines[name] = fine, loss_of_random_regions(queries, fine) / whole
    drawn = [
        losses_of_random_scores(generator, 400, queries, tokens // size, size, 1e-4) / whole
        for size in sizes
    ]
    points[name] = sizes, np.mean(drawn, axis=1), 2 * np.std(drawn, axis=1) / 20
    return chart(
        lines,
        points,
        x="keys in a region",
        y="share of the information that is lost",
        log="x",
        legend="lower right",
        xticks=sizes,
        xticklabels=[str(size) for size in sizes],
        ylim=(-0.03, 1.05),
    )
