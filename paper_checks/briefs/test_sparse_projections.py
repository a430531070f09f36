"""Chen, Sultan, Tian, Chen & Skiena 2019, "Fast and Accurate Network Embeddings via Very Sparse
Random Projection" (FastRP), CIKM, arXiv 1908.11512.

For whoever projects with matrices that are mostly zero: which sparsity costs nothing, and for which
vectors it does cost.

Take away: two thirds of zeros ($s = 3$) are free for every vector. More zeros cost nothing for
vectors without large entries, and much for one-hot vectors: at $s = 30$ and 64 rows a one-hot
vector is mapped to zero in one case of nine.

$R$ $(k, d)$ has independent entries $±√s$ with probability $1/(2s)$ each and zeros else, $s >= 1$;
$s = 1$ are signs, $s = 3$ has two thirds zeros. Squared norms are estimated by $f = |R x|²/k$ and
inner products by $g = <R x, R y>/k$, means over $k$ independent rows. FastRP takes
$N = ∑_r α_r A^r L Rᵀ/√k$, where $A$ is a row-normalised adjacency and $L = D^β$.

Edges: $s$ must be at least 1, because $1/s$ is a probability. At $s = 1$ the norm of a one-hot
vector is exact. If two vectors have disjoint supports, $s$ does not change the variance of their
inner product.

Paper: it embeds the nodes of large graphs by very sparse projections of powers of the adjacency.
This page gives the laws of such projections.

Abstract:

- Statement 1: an algorithm embeds the nodes of a graph. No statement.
- Statement 2: it is thousands of times faster than walks and as accurate. Not on trial. Nothing is
  timed here.
- Statement 3: most methods make a similarity matrix and reduce its dimension, and succeed by the
  former. Not on trial. No embeddings are compared.
- Statement 4: the similarity matrix takes up powers of the adjacency, normalised by degrees. No
  statement.
- Statement 5: very sparse random projection reduces the dimension without optimisation. In part:
  inner_variance, tail, one_hot_law. It keeps inner products of vectors without large entries, and
  not those of one-hot vectors.
- Statement 6: embeddings are computed iteratively, so that the similarity matrix need not be
  constructed. Holds: fastrp_similarity.
- Statement 7: it is easy to implement, to run in parallel and to tune. Not on trial. It is about
  use.

Read: the abstract. Recalled: the tail (Achlioptas 2003), and the variances of very sparse
projections (Li, Hastie & Church 2006), which are computed again here. Derived here: the law of a
one-hot vector, FastRP's law. Not claimed: the tail for $s$ above 3, where vectors with one large
entry break it. Topic: linear algebra for learning.
"""

from itertools import product
from typing import Annotated

import numpy as np
from scipy.stats import binom, norm

from theory_on_trial import (
    balls,
    claim,
    derived,
    known,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Dim = Annotated[
    int, Interval(2, 8, why="a single entry has no inner products; all 3^d rows are listed")
]
Sparsity = Annotated[
    float, Interval(1, 1e4, why="a probability 1/s; above, sums of so rare rows lose their digits")
]
Rows = Annotated[
    int,
    Interval(
        64, 2048, why="with few rows hardly any entry is seen; a law on a lattice is convolved"
    ),
]


def rows(dim, sparsity):
    """All 3^d rows of R, and their probabilities."""
    signs = np.array(list(product([-1.0, 0.0, 1.0], repeat=dim)))
    zero = 1 - 1 / sparsity
    return np.sqrt(sparsity) * signs, np.prod(
        np.where(signs == 0, zero, 1 / (2 * sparsity)), axis=1
    )


def graph(generator, nodes, power):
    """The row-normalised adjacency of a random weighted graph, and its degrees to a power."""
    weights = generator.exponential(size=(nodes, nodes))
    weights += weights.T
    return weights / weights.sum(axis=1, keepdims=True), weights.sum(axis=1) ** power


@observed
def moments(x, y, sparsity):
    """Mean and variance of (r·x)(r·y) over all rows r of R, of every pair of rows of x and y."""
    patterns, chance = rows(x.shape[-1], sparsity)
    values = (patterns @ x.T) * (patterns @ y.T)
    mean = chance @ values
    return np.array([mean, chance @ (values - mean) ** 2])


@predicted
def law(x, y, sparsity):
    """<x, y> and |x|² |y|² + <x, y>² + (s - 3) Σ x_i² y_i², the mean and k times the variance."""
    inner = np.sum(x * y, axis=-1)
    squares = np.sum(x**2, axis=-1) * np.sum(y**2, axis=-1)
    return np.array([inner, squares + inner**2 + (sparsity - 3) * np.sum(x**2 * y**2, axis=-1)])


@observed
def tails(x, count, sparsity, widths):
    """P(| |R x|²/k - |x|² | >= ε |x|²) for a whole x, by convolving the law of (r·x)² with itself k
    times.
    """
    patterns, chance = rows(len(x), sparsity)
    squares = np.rint((patterns @ x) ** 2 / sparsity).astype(int)
    length = count * squares.max() + 1
    transform = np.fft.rfft(np.bincount(squares, chance), length)
    pmf = np.fft.irfft(transform**count, length)
    off = np.abs(sparsity * np.arange(length) / count - x @ x) / (x @ x)
    return np.array([pmf[off >= width].sum() for width in widths])


@predicted
def one_hot_tails(count, sparsity, widths):
    """P(|s c/k - 1| >= ε) of a binomial c with k trials at 1/s."""
    c = np.arange(count + 1)
    return [
        binom.pmf(c, count, 1 / sparsity)[np.abs(sparsity * c / count - 1) >= width].sum()
        for width in widths
    ]


@predicted
def tail_bound(count, widths):
    """2 exp(-(k/2)(ε²/2 - ε³/3))."""
    return 2 * np.exp(-count / 2 * (widths**2 / 2 - widths**3 / 3))


@observed
def similarities(adjacency, degrees, alphas, sparsity):
    """Mean and variance of k <N_i, N_j> per column, by repeated products on every possible column
    of R.
    """
    patterns, chance = rows(len(adjacency), sparsity)
    embedding = 0.0
    step = patterns.T * degrees[:, None]
    for alpha in alphas:
        step = adjacency @ step
        embedding = embedding + alpha * step
    values = embedding[:, None] * embedding[None]
    mean = values @ chance
    return np.array([mean, (values - mean[..., None]) ** 2 @ chance])


@predicted
def similarity_law(adjacency, degrees, alphas, sparsity):
    """The law of inner products for the rows of M = Σ α_r A^r L."""
    powers = [np.linalg.matrix_power(adjacency, r) for r in range(1, len(alphas) + 1)]
    matrix = np.tensordot(alphas, powers, 1) * degrees
    return law(matrix[:, None], matrix[None], sparsity)


@claim(
    known("Li, Hastie & Church 2006, very sparse random projections"),
    kind="identity",
    cases=[(8, 3.0), (8, 30.0), (2, 1.0), (5, 1e4)],
)
def test_inner_variance(trial, dim: Dim, sparsity: Sparsity):
    """Rows of $R$ have independent entries $±√s$ with the chance $1/(2s)$ each, else 0. The
    estimate $g = <R x, R y>/k$ from $k$ rows has the mean $<x, y>$ and $k$ times the variance
    $|x|² |y|² + <x, y>² + (s - 3) ∑_i x_i² y_i²$.
    """
    x, y = trial.generator().normal(size=(2, 5, dim))
    x[3, : dim // 2] = 0  # disjoint supports
    y[3, dim // 2 :] = 0
    y[4] = x[4]
    predict = law(x, y, sparsity)
    gaussian = law(x, y, 3.0)
    sizes = np.sum(x**2, axis=-1) * np.sum(y**2, axis=-1)
    controls = {"no $<x, y>²$": [predict[0], predict[1] - predict[0] ** 2]}
    if abs(sparsity - 3) > 0.01:
        controls["as of Gaussian entries"] = gaussian
    trial.identity(
        moments(x, y, sparsity),
        predict,
        ops=3**dim + 10,
        scale=(sparsity + 3) * np.max(sizes),  # of the terms: they may cancel
        generic="both sides are polynomials in the entries of x and y",
        controls=controls,
    )


@claim(
    derived("each row sees the entry or does not"),
    kind="distribution",
    cases=[(64, 3.0), (256, 30.0), (64, 30.0)],
)
def test_one_hot_law(
    trial,
    count: Rows,
    sparsity: Annotated[
        float,
        Interval(
            1.5, 1e4, why="at 1 a one-hot vector keeps its norm; above, rare rows lose digits"
        ),
    ],
):
    """A matrix $R$ of $k$ rows has independent entries $±√s$ with the chance $1/(2s)$ each, else 0.
    For a one-hot vector $x$ the estimate $|R x|²/k$ is $s/k$ times a binomial number of $k$ trials
    with the chance $1/s$: for $k = 64$ and $s = 30$ it is 0 in 11 % of the cases.
    """
    widths = np.sqrt((sparsity - 1) / count) * trial.generator().uniform(0.25, 3, 240)
    controls = {"normal": 2 * norm.sf(widths * np.sqrt(count / (sparsity - 1)))}
    measured = tails(np.array([1, 0]), count, sparsity, widths)
    predict = one_hot_tails(count, sparsity, widths)
    # Each of some k probabilities is off by a rounding of the transform.
    trial.value(
        measured,
        predict,
        error=16 * count * 2.0**-53,
        margin=1e-10,
        independent=240,
        controls=controls,
    )


@claim(
    known("Achlioptas 2003, signs and two thirds of zeros"),
    kind="bound",
    cases=[(64, 30.0), (1024, 4.0)],
    not_tight="a Chernoff bound for both sides, of which about half is reached at small $ε$",
)
def test_tail(
    trial,
    count: Rows,
    sparsity: Annotated[
        float,
        Interval(4, 100, why="nearer to 3 more than 2048 rows would show that the tail fails"),
    ],
):
    """A matrix $R$ of $k$ rows has independent entries $±√s$ with the chance $1/(2s)$ each, else 0.
    For $s = 1$ and $s = 3$, $P(||R x|²/k - |x|²| >= ε |x|²) <= 2 exp(-(k/2)(ε²/2 - ε³/3))$ for
    every $x$ and $0 < ε < 1$.
    """
    trial.require(
        sparsity >= 30 or count >= 1024, "count must be at least 1024 where sparsity is below 30"
    )
    widths = np.geomspace(0.01, 0.95, 20)
    vectors = np.array([[1, 0, 0], [1, 1, 1], [3, 1, 0]])
    measured = [tails(x, count, s, widths) for x in vectors for s in (1.0, 3.0)]
    large = {"one entry, large $s$": np.tile(tails(vectors[0], count, sparsity, widths), (6, 1))}
    bound = np.tile(tail_bound(count, widths), (6, 1))
    # Each of some 16 k probabilities of a tail is off by a rounding of the transform.
    trial.bound(
        measured, bound, instances="grid", ops=16 * count, scale=1.0, control_processes=large
    )


@claim(
    tried(
        "abstract: embeddings are computed without the similarity matrix", "their mean and variance"
    ),
    kind="identity",
    cases=[(6, 3.0, -0.5), (2, 1.0, -1.0), (8, 100.0, -0.1)],
)
def test_fastrp_similarity(
    trial,
    nodes: Dim,
    sparsity: Sparsity,
    power: Annotated[
        float, Interval(-1, -0.1, why="FastRP divides by degrees; at 0 it leaves them out")
    ],
):
    """FastRP maps the nodes of a graph to $N = ∑_r α_r A^r L Rᵀ/√k$ with $k$ rows of $R$ of
    sparsity $s$. With $M = ∑_r α_r A^r L$, $<N_i, N_j>$ has the mean $(M Mᵀ)_{i j}$ and $k$ times
    the variance $|M_i|² |M_j|² + <M_i, M_j>² + (s - 3) sum_l M_{i l}² M_{j l}²$.
    """
    generator = trial.generator()
    adjacency, degrees = graph(generator, nodes, power)
    alphas = generator.uniform(0.5, 2, 3)
    predict = similarity_law(adjacency, degrees, alphas, sparsity)
    controls = {"without $L$": similarity_law(adjacency, np.ones(nodes), alphas, sparsity)}
    controls |= {"first power only": similarity_law(adjacency, degrees, alphas[:1], sparsity)}
    measured = similarities(adjacency, degrees, alphas, sparsity)
    scale = sparsity * predict.max()
    # Each of 3^nodes outcomes takes some ten roundings, of three powers of A.
    trial.identity(
        measured,
        predict,
        ops=10 * 3**nodes,
        scale=scale,
        generic="both sides are polynomials in the weights of the graph and the alphas",
        controls=controls,
    )


@claim(derived("boxes of $ε$, each enclosed"), kind="bound")
def test_tail__everywhere(trial):
    """The exponent per row of Achlioptas' bound, $ε²/4 - ε³/6$, is at most that of Chernoff's bound
    for Gaussian rows, $(ε - log(1 + ε))/2$, for all $ε$ in $[0, 1]$, to $1e-15$.
    """
    trial.prove(
        lambda width: width**2 / 4 - width**3 / 6,
        lambda width: (width - balls.log1p(width)) / 2,
        {"width": (0, 1)},
        tolerance=1e-15,
        controls={
            "$ε³/4$ for $ε³/6$ in the expansion of log": lambda width: width**2 / 4 - width**3 / 4,
        },
        same_as=(lambda width: -np.log(tail_bound(1, width) / 2), None),
    )


@figure("F1", claims=("inner_variance",))
def variances(dim=8):
    """Two thirds of zeros cost nothing; more cost most where one entry is large.

    Variance of the squared norm, $k Var f/|x|⁴$, against the sparsity $s$ of the projection, for
    vectors in eight dimensions. Marks: lines: law; points: all $3⁸$ rows listed; vertical: $s = 3$,
    where all have the Gaussian value 2.
    """
    x = np.array([np.ones(dim), np.random.default_rng(1).normal(size=dim), np.eye(dim)[0]])
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    grid = np.linspace(1, 12, 100)
    some = np.arange(1, 13)
    names = ("flat x", "Gaussian x", "one-hot x")
    laws = np.array([law(x, x, s)[1] for s in grid]).T
    exact = np.array([moments(x, x, s)[1] for s in some]).T
    return chart(
        {name: (grid, row) for name, row in zip(names, laws, strict=True)},
        {name: (some, row) for name, row in zip(names, exact, strict=True)},
        thresholds={"s = 3": 3.0},
        x="sparsity s  (1/s of the entries are not zero)",
        y="k Var f / |x|⁴  (dimensionless)",
    )
