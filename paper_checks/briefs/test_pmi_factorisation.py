"""Shazeer, Doherty, Evans & Waterson 2016, "Swivel: Improving Embeddings by Noticing What's
Missing", arXiv 1602.02215; Rozemberczki, Allen & Sarkar 2021, "Multi-scale Attributed Node
Embedding", arXiv 1909.13021.

For whoever replaces skip-gram or DeepWalk by the factors of a matrix: which matrix it is, which
weights its entries have, and what walks of finite length and features of nodes change.

Take away: rank-$r$ SGNS is a weighted fit of the shifted PMI, and a truncated singular value
decomposition is not, because it weights all entries equally. A pair that never occurs pulls its
score down with the force $k m σ(x)$ in SGNS and $m e^x/(1 + m e^x)$ in Swivel, $m$ being how often
chance would produce it: both are proportional to $m$ for rare words, and Swivel's is at most 1 for
frequent ones.

$P$ holds the probabilities of pairs (word, context), all positive, with margins $p_w$ and $p_c$;
noise contexts have the law $q ∝ p_c^α$, $k$ of them for each pair, and $Q = p_w qᵀ$. The loss of
scores $X$ is $L(X) = -∑ [P log σ(X) + k Q log σ(-X)]$. A graph has weights $A = Aᵀ$, degrees $d$
that add up to $V$, and $T = D⁻¹A$; walks have $ℓ$ nodes, start at stationarity, and the window
$b < ℓ$ pairs each node with those up to $b$ steps later, or with their features, of which node $j$
has $F_{j f}$.

Edges: a pair that never occurs has no best score: both losses decrease as $x → -∞$, and only the
rank of the factors keeps the score finite. With one negative sample there is no shift. On a regular
graph uniform starts are stationary. For $ℓ → ∞$ the walk's weights become $1/b$.

Paper: Swivel factorises a matrix of PMI and treats the pairs that never occur by a loss of their
own; the second paper factorises PMI of nodes and features. This page says which score the losses
ask for in each pair, and what walks count.

Abstract:

- Sentence 1: a method makes embeddings from a matrix of co-occurrences. No statement.
- Sentence 2: it factorises the pointwise mutual information approximately, by gradient descent. No
  statement.
- Sentence 3: pairs that never occur have a loss of their own, so that the whole matrix is used. No
  statement.
- Sentences 4 and 5: shards and vectorised products make it fast. Not on trial. Nothing is timed
  here.
- Sentence 6: embeddings are more accurate than those of pairs that occur alone, and larger corpora
  can be used. Not on trial. Nothing is trained here.
- Second paper, sentences 1 to 3: embeddings capture the attributes around a node at several scales.
  No statement.
- Second paper, sentence 4: they implicitly factorise matrices of mutual information of nodes and
  features. In part: shifted_pmi, finite_walk, node_feature. Scores that are free of any rank have
  this matrix as optimum, with the weights of finite walks.
- Second paper, sentence 5: they do well in practice. Not on trial. Nothing is trained here.

Read: the abstracts. Recalled: the minimiser (Levy & Goldberg 2014), and Swivel's loss of a pair
that never occurs, $log(1 + exp(x - x_0))$ with $x_0$ the PMI of one occurrence. Derived here: the
rest. Not claimed: which embedding is better. Topic: representations.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, rel_entr

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

Words = Annotated[
    int,
    Interval(2, 64, why="with one word or context nothing is learned; each score has its own root"),
]
FewWords = Annotated[
    int, Interval(5, 8, why="with fewer, rank three leaves one direction; each search takes long")
]
Negatives = Annotated[
    int, Interval(2, 50, why="with one the shift is zero; with thousands no sample is made")
]
Power = Annotated[float, Interval(0, 0.9, why="at 1 the noise has the contexts' own law")]
Nodes = Annotated[
    int, Interval(3, 6, why="two nodes make a regular graph; all walks are listed, nodes^length")
]
Length = Annotated[
    int, Interval(3, 7, why="so that a window of two fits; all walks are listed, nodes^length")
]
Window = Annotated[
    int, Interval(2, 6, why="with a window of one there is one weight; it is shorter than a walk")
]
TABLES = [(6, 5, 5, 0.75), (2, 2, 2, 0.0), (64, 40, 50, 0.9)]  # words, contexts, k, α


def pairs(generator, words, contexts, power):
    """P, and Q for the noise law p_c^α."""
    p = generator.dirichlet(np.full(words * contexts, 2.0)).reshape(words, contexts) + 1e-3 / (
        words * contexts
    )
    p /= p.sum()
    noise = p.sum(axis=0) ** power
    return p, np.outer(p.sum(axis=1), noise / noise.sum())


def graph(generator, nodes):
    """Symmetric positive weights with unlike degrees."""
    weights = generator.exponential(size=(nodes, nodes)) + np.diag(np.arange(nodes))
    return weights + weights.T


@observed
def sgns_loss(x, p, q, negatives):
    """The loss L(X) of scores X, -Σ [P log σ(X) + k Q log σ(-X)]."""
    return -np.sum(p * log_expit(x) + negatives * q * log_expit(-x))


@observed
def best_scores(p, q, negatives):
    """The root of each entry's derivative, by bisection."""
    low = np.full(p.shape, -60.0)
    high = np.full(p.shape, 60.0)
    for _ in range(64):
        x = (low + high) / 2
        rising = negatives * q * expit(x) > p * expit(-x)
        low = np.where(rising, low, x)
        high = np.where(rising, x, high)
    return x


@predicted
def shifted_pmi(p, q, negatives):
    """X* = log(P/Q) - log k."""
    return np.log(p / q) - np.log(negatives)


@predicted
def excess(x, p, q, negatives):
    """Σ (P + k Q) KL(σ(X*) ‖ σ(X)), what L(X) exceeds its minimum by."""
    share = p / (p + negatives * q)
    return np.sum(
        (p + negatives * q) * (rel_entr(share, expit(x)) + rel_entr(1 - share, expit(-x)))
    )


@observed
def measured_forces(scores, expected, negatives):
    """The slopes of both losses of a pair that never occurs, by complex steps."""
    bent = scores + 1e-30j
    sgns = negatives * expected * np.log(1 + np.exp(bent))
    swivel = np.log(1 + np.exp(bent - np.log(1 / expected)))
    return np.array([sgns.imag, swivel.imag]) / 1e-30


@predicted
def unobserved_forces(scores, expected, negatives):
    """The forces k m σ(x) and m e^x/(1 + m e^x)."""
    return np.array([negatives * expected * expit(scores), expit(scores + np.log(expected))])


@predicted
def weights(p, q, negatives):
    """P k Q/(P + k Q), half the harmonic mean of P and k Q."""
    return p * negatives * q / (p + negatives * q)


@predicted
def weighted_misfit(direction, scores, rank, weight):
    """The least Σ w (Δ - T)² over the tangents T of the tables of this rank at the scores: T = U Nᵀ
    + M Vᵀ, where U and V are singular vectors of the scores and M and N are free.
    """
    left, _, right = np.linalg.svd(scores)
    n, m = scores.shape
    columns = np.einsum("ia,jb->abij", left[:, :rank], np.eye(m)).reshape(-1, n * m)
    rows = np.einsum("ia,jb->abij", np.eye(n), right[:rank].T).reshape(-1, n * m)
    tangents = np.concatenate([columns, rows]).T
    root = np.sqrt(weight).ravel()
    fit = np.linalg.lstsq(root[:, None] * tangents, root * direction.ravel(), rcond=1e-10)[0]
    return np.sum(weight * (direction - (tangents @ fit).reshape(n, m)) ** 2)


@observed
def least_of_rank(p, q, negatives, rank):
    """By how much the least L(X) over the tables of this rank exceeds L at the best scores, by a
    search over factors from those of the best scores.
    """
    best = best_scores(p, q, negatives)
    left, sizes, right = np.linalg.svd(best)
    root = np.sqrt(sizes[:rank])
    start = np.concatenate([(left[:, :rank] * root).ravel(), (right[:rank].T * root).ravel()])
    unit = np.sum(p * (best - (left[:, :rank] * sizes[:rank]) @ right[:rank]) ** 2)

    def excess_and_slope(entries):
        u, v = (part.reshape(-1, rank) for part in np.split(entries, [len(p) * rank]))
        x = u @ v.T
        off = x - best
        # log σ(x) - log σ(best), and the same of -x, without cancellation.
        losses = p * np.log1p(expit(-best) * np.expm1(-off))
        losses += negatives * q * np.log1p(expit(best) * np.expm1(off))
        slope = negatives * q * expit(x) - p * expit(-x)
        slopes = np.concatenate([(slope @ v).ravel(), (slope.T @ u).ravel()])
        return losses.sum() / unit, slopes / unit

    options = {"ftol": 0, "gtol": 1e-9, "maxiter": 5000, "maxfun": 10**5}
    search = minimize(excess_and_slope, start, jac=True, method="L-BFGS-B", options=options)
    return search.fun * unit


@observed
def walk_counts(a, length, window, start):
    """The expected numbers of pairs (node, node up to b steps later), over all walks with their
    probabilities.
    """
    transition = a / a.sum(axis=1, keepdims=True)
    walks = np.indices((len(a),) * length).reshape(length, -1)
    chance = start[walks[0]] * np.prod(transition[walks[:-1], walks[1:]], axis=0)
    counts = np.zeros(a.shape)
    for gap in range(1, window + 1):
        np.add.at(counts, (walks[:-gap], walks[gap:]), chance)
    return counts


@observed
def dependence(counts):
    """#(i, j) # / (#i #j), the exponential of the pointwise mutual information."""
    return counts * counts.sum() / np.outer(counts.sum(axis=1), counts.sum(axis=0))


@predicted
def walk_shares(length, window):
    """ω_r ∝ ℓ - r for r = 1, …, b: so many pairs of a walk are r steps apart."""
    return length - np.arange(1, window + 1)


@predicted
def feature_dependence(a, shares, features, margin=None):
    """(Σ ω_r T^r F)_if Σ dᵀF / (s_i (dᵀF)_f), s the row sums of Σ ω_r T^r F; F = I gives vol (Σ ω_r
    T^r)_ij / d_j.
    """
    degrees = a.sum(axis=1)
    powers = sum(
        share * np.linalg.matrix_power(a / degrees[:, None], r) for r, share in enumerate(shares, 1)
    )
    sums = powers @ features
    columns = degrees @ features
    return sums * columns.sum() / np.outer(sums.sum(axis=1) if margin is None else margin, columns)


@claim(
    known("Levy & Goldberg 2014, the optimum of negative sampling"),
    kind="optimality",
    cases=TABLES,
)
def test_shifted_pmi(trial, words: Words, contexts: Words, negatives: Negatives, power: Power):
    """Let $P$ hold the probabilities of pairs of words and contexts and $Q$ those of pairs with a
    noise context. The loss of $k$ negative samples, $-∑ [P log σ(X) + k Q log σ(-X)]$, is least at
    the scores $X = log(P/Q) - log k$ alone.
    """
    p, q = pairs(trial.generator(), words, contexts, power)
    own = np.outer(p.sum(axis=1), p.sum(axis=0))
    controls = {
        "no $-log k$": shifted_pmi(p, q, 1),
        "noise of the contexts' own law, $α = 1$": shifted_pmi(p, own, negatives),
    }
    trial.identity(
        best_scores(p, q, negatives),
        shifted_pmi(p, q, negatives),
        # 64 halvings of an interval up to ±60, with a rounding of a middle in each.
        ops=64,
        scale=60.0,
        generic="logarithms are analytic in positive chances",
        controls=controls,
    )


@claim(derived("a Bernoulli law for each pair"), kind="identity", cases=TABLES)
def test_excess(trial, words: Words, contexts: Words, negatives: Negatives, power: Power):
    """Let $P$ and $Q$ hold the probabilities of pairs and of noise pairs, and
    $X* = log(P/Q) - log k$. The loss $-∑ [P log σ(X) + k Q log σ(-X)]$ of scores $X$ exceeds its
    minimum by $∑ (P + k Q) KL(σ(X*) ‖ σ(X))$, with the divergence of two Bernoulli laws.
    """
    generator = trial.generator()
    p, q = pairs(generator, words, contexts, power)
    best = best_scores(p, q, negatives)
    x = generator.normal(size=p.shape)
    squares = np.sum(weights(p, q, negatives) * (x - shifted_pmi(p, q, negatives)) ** 2) / 2
    trial.identity(
        sgns_loss(x, p, q, negatives) - sgns_loss(best, p, q, negatives),
        excess(x, p, q, negatives),
        ops=p.size,
        scale=4.0 * negatives,
        generic="divergences are analytic in positive chances",
        controls={"weighted least squares": squares},
    )


@claim(derived("from the second derivative"), kind="limit", cases=TABLES)
def test_weights(trial, words: Words, contexts: Words, negatives: Negatives, power: Power):
    """Let $P$ and $Q$ hold the probabilities of pairs and of noise pairs. The loss
    $-∑ [P log σ(X) + k Q log σ(-X)]$ exceeds its minimum by $(ε²/2) ∑ w Δ²$ at a distance $ε Δ$
    from the best scores, as $ε → 0$, with $w = P k Q/(P + k Q)$.
    """
    generator = trial.generator()
    sizes = 2.0 ** np.arange(3, 9)
    p, q = pairs(generator, words, contexts, power)
    best = best_scores(p, q, negatives)
    step = generator.uniform(-1, 1, p.shape)
    least = sgns_loss(best, p, q, negatives)
    growth = [
        [sgns_loss(best + sign * step / size, p, q, negatives) - least for sign in (1, -1)]
        for size in sizes
    ]
    predict = np.sum(weights(p, q, negatives) * step**2)
    controls = {
        "weights $P$": np.sum(p * step**2),
        "all entries alike": np.mean(weights(p, q, negatives)) * np.sum(step**2),
    }
    values = sizes**2 * np.sum(growth, axis=1)
    # The fourth derivative is at most 1/8
    bound = np.sum((p + negatives * q) * step**4) / 96 / sizes[-1] ** 2
    trial.limit(
        values,
        sizes,
        predict,
        remainder=bound,
        margin=1e-4 * predict,
        generic="both sides are analytic in positive chances",
        controls=controls,
        same_instance=True,
    )


def tables_near_rank_three(generator, words, contexts):
    """A function of ε that gives P and Q whose PMI lies ε Δ from a table of rank 3, but for what
    the margins of P add, which are tangents of this rank; and Δ (words, contexts).
    """
    # A product of a word's and a context's number has a PMI of rank 3, with that of both margins.
    ends = (np.linspace(-2, 2, n) + generator.normal(size=n) / 5 for n in (words, contexts))
    base = np.outer(*ends)
    frequencies = (generator.normal(size=n) / 2 for n in (words, contexts))
    margins = np.exp(np.add.outer(*frequencies))
    direction = generator.uniform(-1, 1, base.shape)

    def table(step):
        p = margins * np.exp(base + step * direction)
        p /= p.sum()
        return p, np.outer(p.sum(axis=1), p.sum(axis=0))

    return table, direction


@claim(
    derived("from the second derivative along the tables of one rank"),
    kind="limit",
    cases=[(6, 5, 5), (5, 5, 2), (8, 6, 15)],
)
def test_weights__low_rank(
    trial,
    words: FewWords,
    contexts: FewWords,
    negatives: Annotated[int, Interval(2, 15, why="one has no shift; with many the weights are P")],
):
    """Let $P$ and $Q$ hold the probabilities of pairs and of noise pairs, and let
    $log(P/Q) - log k$ lie at $ε Δ$ from a table of rank 3. The least loss
    $-∑ [P log σ(X) + k Q log σ(-X)]$ of scores $X$ of rank 3 exceeds the least of all scores by
    $(ε²/2) min_T ∑ w (Δ - T)²$ as $ε → 0$, with $w = P k Q/(P + k Q)$ and $T$ over the tangents of
    the tables of rank 3.
    """
    sizes = 2.0 ** np.arange(4, 9)
    table, direction = tables_near_rank_three(trial.generator(), words, contexts)

    def excess_of_rank(step):
        p, q = table(step)
        return least_of_rank(p, q, negatives, 3)

    p, q = table(0.0)
    scores = shifted_pmi(p, q, negatives)
    weight = weights(p, q, negatives)
    predict = weighted_misfit(direction, scores, 3, weight)
    alike = weighted_misfit(direction, scores, 3, np.ones(p.shape))
    trial.limit(
        [size**2 * (excess_of_rank(1 / size) + excess_of_rank(-1 / size)) for size in sizes],
        sizes,
        predict,
        order=2,
        margin=0.004 * predict,
        generic="the least loss of a rank is analytic in the table near it, and so is its limit",
        controls={
            "all entries alike": np.mean(weight) * alike,
            "weights $P$": weighted_misfit(direction, scores, 3, p),
        },
        same_instance=True,
    )


@claim(
    tried("its loss of pairs that never occur, as recalled", "its force beside that of SGNS"),
    kind="identity",
    cases=[(0.01, 5), (0.5, 2), (100.0, 15)],
)
def test_pair_that_never_occurs(
    trial,
    expected: Annotated[
        float,
        Interval(
            1e-3, 1e3, why="occurrences by chance: of fewer or more one of the forces is lost"
        ),
    ],
    negatives: Negatives,
):
    """A pair never occurs, and chance would produce $m$ of it. The $k$ negative samples of SGNS
    pull its score $x$ down with the force $k m σ(x)$, and Swivel's loss $log(1 + exp(x + log m))$
    pulls it down with the force $m e^x/(1 + m e^x)$.
    """
    scores = np.linspace(-4, 4, 17)
    law = unobserved_forces(scores, expected, negatives)
    squares = scores - np.log(1 / expected)  # towards pmi*, as of a pair that occurs
    trial.identity(
        measured_forces(scores, expected, negatives),
        law,
        ops=64,
        scale=1.0 + negatives * expected,
        controls={
            "one negative sample, without $k$": np.array([law[0] / negatives, law[1]]),
            "Swivel's is SGNS's": np.array([law[0], law[0]]),
            "squares about pmi*": np.array([law[0], squares]),
        },
    )


@claim(
    derived("$ℓ - r$ pairs are $r$ steps apart"),
    kind="identity",
    cases=[(5, 6, 2), (3, 7, 6), (6, 4, 3)],
)
def test_finite_walk(trial, nodes: Nodes, length: Length, window: Window):
    """A graph with the weights $A$ has degrees $d$ that add up to $V$, and $T = diag(d)⁻¹ A$. Walks
    of $ℓ$ nodes from stationarity pair each node with those up to $b$ steps later. The pair
    $(i, j)$ is $V (∑_{r<=b} ω_r T^r)_{i j}/d_j$ times as frequent as chance, where the
    $ω_r ∝ ℓ - r$ add up to 1.
    """
    trial.require(length > window, "a window fits into a walk: length must exceed window")
    a = graph(trial.generator(), nodes)
    stationary = a.sum(axis=1) / a.sum()
    uniform = np.full(nodes, 1 / nodes)
    trial.identity(
        dependence(walk_counts(a, length, window, stationary)),
        feature_dependence(a, walk_shares(length, window), np.eye(nodes)),
        ops=nodes**length,
        generic="both sides are rational in the weights of the graph",
        controls={"$ω_r = 1/b$": feature_dependence(a, np.ones(window), np.eye(nodes))},
        control_processes={
            "uniform starts": dependence(walk_counts(a, length, window, uniform)),
        },
    )


@claim(
    tried(
        "abstract of the second paper: embeddings factorise PMI of nodes and features",
        "walks of finite length",
    ),
    kind="identity",
    cases=[(5, 6, 2, 3), (3, 7, 6, 2)],
)
def test_node_feature(
    trial,
    nodes: Nodes,
    length: Length,
    window: Window,
    number: Annotated[
        int,
        Interval(2, 16, why="a single feature depends on nothing; a weight for each and each node"),
    ],
):
    """A graph with the weights $A$ has degrees $d$, and $T = diag(d)⁻¹ A$. Walks of $ℓ$ nodes from
    stationarity pair each node with the features $F_j$ of the nodes $j$ up to $b$ steps later. The
    pairs have the pointwise mutual information of the table $diag(d) (∑_{r<=b} ω_r T^r) F$, with
    $ω_r ∝ ℓ - r$ and the margins of this table.
    """
    trial.require(length > window, "a window fits into a walk: length must exceed window")
    generator = trial.generator()
    a = graph(generator, nodes)
    features = generator.exponential(size=(nodes, number))
    start = a.sum(axis=1) / a.sum()
    shares = walk_shares(length, window)
    by_degrees = shares.sum() * start @ features.sum(axis=1)
    trial.identity(
        dependence(walk_counts(a, length, window, start) @ features),
        feature_dependence(a, shares, features),
        ops=nodes**length,
        generic="both sides are rational in the weights of the graph and the features",
        controls={
            "degrees for row sums": feature_dependence(a, shares, features, by_degrees),
            "$ω_r = 1/b$": feature_dependence(a, np.ones(window), features),
        },
    )


@figure("F1", claims=("pair_that_never_occurs", "weights"))
def forces():
    """What never occurs pulls without bound in SGNS, and with at most one in Swivel.

    Force on the score $x = 0$ of a pair that never occurs, against the number $m$ of its
    occurrences that chance would produce. Marks: lines: law; points: slopes of the losses, by
    complex steps.
    """
    expected = np.geomspace(1e-3, 1e3, 60)
    some = expected[::6]
    zero = np.zeros(1)
    lines = {}
    points = {}
    for negatives in (1, 5, 15):
        name = f"SGNS, k = {negatives}"
        lines[name] = expected, [unobserved_forces(zero, m, negatives)[0, 0] for m in expected]
        points[name] = some, [measured_forces(zero, m, negatives)[0, 0] for m in some]
    lines["Swivel"] = expected, [unobserved_forces(zero, m, 1)[1, 0] for m in expected]
    points["Swivel"] = some, [measured_forces(zero, m, 1)[1, 0] for m in some]
    x = "occurrences m that chance would produce"
    return chart(lines, points, log="xy", x=x, y="force on the score  (dimensionless)")
