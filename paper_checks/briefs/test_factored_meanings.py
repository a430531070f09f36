"""Trager, Perera, Zancato, Achille, Bhatia & Soatto 2023, "Linear Spaces of Meanings: Compositional
Structures in Vision-Language Models", ICCV, arXiv 2302.14383.

For whoever builds "ideal words" from embeddings of combined concepts: averages give the best ones
under product weights only, tables without any structure look compositional, and the remainder is
statistical dependence.

Paper: embeddings of phrases such as "blue car" are nearly a sum of a vector for the colour and one
for the object, which can be found by averaging and used for retrieval. This page says what
averaging does, how much of a table such a sum explains by chance, and what the rest means.

Take away: a sum of two factors explains $(q - 1)/(N - 1)$ of the variance of pure noise about the
grand mean, in any dimension: two thirds for a table of two by two, and 29 % for five by seven. Only
what exceeds that is structure.

A table holds a vector $u_{a b …}$ in $ℝ^D$ for each cell of a grid of two or three factors, $N$
cells in all. It is decomposable if $u_{a b …} = u_0 + u_a + u_b + …$. A vector $v$ of the other
modality gives the cells the probabilities $p(a, b | v) ∝ exp(u_{a b}·v)$. With
$q = 1 + ∑_i (n_i - 1)$, $n_i$ values per factor, decomposable scalar tables have dimension $q$.

Edges: a factor with one value changes nothing. Scaling every $u_{a b}$ to length one breaks
decomposability. If all $v$ lie in a hyperplane, they do not show dependence along its normal.

Abstract:

- Statement 1: representations of an encoder are approximated by combinations of a smaller set of
  vectors. Not on trial. No package that is used here ships such representations; `chance_share`
  says how much of such a sum is chance.
- Statement 2: it is explained what such sums entail probabilistically in a model of images and
  texts: independent factors. Holds: independence, marginal_means.
- Statement 3: sums of embeddings classify, debias and retrieve. Not on trial. It needs a model of
  images and texts.

Read: Proposition 4 and Corollary 8. Derived here: the share that chance explains, the failure under
unbalanced weights, the odds ratios, the information. Not claimed: that real embeddings are
Gaussian; none is looked at, as no package here ships any. Topic: representations.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy.linalg import orth
from scipy.special import softmax
from scipy.stats import beta

from theory_on_trial import claim, derived, observed, paper, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Values = Annotated[
    int,
    Interval(2, 12, why="a factor of one value says nothing; a least-squares fit over all cells"),
]
ThirdValues = Annotated[int, Interval(1, 6, why="one value stands for no third factor")]
Width = Annotated[int, Interval(1, 64, why="every column is fitted")]
FewValues = Annotated[
    int, Interval(2, 5, why="a factor of one value says nothing; 10⁵ tables are drawn")
]
TABLES = [(3, 4, 8), (2, 2, 1), (12, 12, 64)]  # two factors and D


def dummies(shape):
    """The design of a decomposable table, one row for each cell and one indicator for every value
    of every factor.
    """
    return np.hstack(
        [
            np.eye(n)[row]
            for n, row in zip(shape, np.indices(shape).reshape(len(shape), -1), strict=True)
        ]
    )


@predicted
def marginal_means(table, weights):
    """The weighted grand mean and, for each factor, how its weighted means differ from it, added up
    in every cell.
    """
    full = np.broadcast_to(weights[..., None], table.shape)
    factors = set(range(weights.ndim))
    grand = np.average(table, tuple(factors), full)
    means = (np.average(table, tuple(factors - {i}), full, keepdims=True) for i in factors)
    return grand + sum(mean - grand for mean in means)


@predicted
def contrasts(table):
    """u_11 + u_ab - u_1b - u_a1 for all a, b beyond the first."""
    return table[:1, :1] + table[1:, 1:] - table[:1, 1:] - table[1:, :1]


@observed
def least_squares(table, weights):
    """The decomposable table with the least weighted squared error."""
    root = np.sqrt(weights).reshape(-1, 1)
    design = dummies(weights.shape)
    targets = table.reshape(weights.size, -1)
    return (design @ np.linalg.lstsq(root * design, root * targets)[0]).reshape(table.shape)


@predicted
def chance_law(shape, width, centred):
    """The law of the explained share: Beta(D q/2, D (N - q)/2), about the grand mean with q - 1 for
    q.
    """
    dimension = sum(shape) - 2
    cells = shape[0] * shape[1] * shape[2]
    return beta(width * (dimension - centred) / 2, width * (cells - dimension) / 2)


@observed
def explained_shares(generator, n, shape, width, centred):
    """|fit|²/|u|² of n tables of normal numbers, by projection on an orthonormal basis of the
    decomposable ones.
    """
    tables = generator.normal(size=(n, np.prod(shape), width))
    tables -= centred * tables.mean(axis=1, keepdims=True)
    fits = np.tensordot(tables, orth(dummies(shape)), (1, 0))
    return np.sum(fits**2, axis=(1, 2)) / np.sum(tables**2, axis=(1, 2))


@predicted
def product_law(first, second, v):
    """p(a | v) p(b | v) with p(a | v) ∝ exp(u_a·v), of the words of both factors."""
    return np.outer(softmax(first @ v), softmax(second @ v))


@observed
def joint_law(table, v):
    """p(a, b | v)."""
    return softmax(table @ v)


@observed
def dependence(table, v):
    """p(a, b | v)/(p(a | v) p(b | v)), log odds p(1, 1) p(a, b)/(p(1, b) p(a, 1)) beyond the first,
    and information.
    """
    p = joint_law(table, v)
    ratios = p / np.outer(p.sum(axis=1), p.sum(axis=0))
    return ratios, np.log(p[0, 0] * p[1:, 1:] / (p[:1, 1:] * p[1:, :1])), np.sum(p * np.log(ratios))


MARGINS = [(3, 4, 1, 8), (2, 2, 5, 3), (2, 2, 1, 1), (12, 12, 6, 2)]


def sum_of_edges(table):
    """The decomposable table with the edges of a given one, (n1, n2, n3, …)."""
    return table[:, :1, :1] + table[:1, :, :1] + table[:1, :1]


@claim(paper("Proposition 4"), kind="identity", cases=MARGINS)
def test_marginal_means(trial, first: Values, second: Values, third: ThirdValues, width: Width):
    """Let weights of the cells of a table $u_{a b …}$ of vectors be products of one weight for each
    value of each factor. Then weighted averages over the other factors give the table
    $u_0 + u_a + u_b + …$ with the least weighted squared distance.
    """
    generator = trial.generator()
    shape = (first, second, third)
    table = generator.normal(size=(*shape, width))
    weights = np.exp(sum_of_edges(generator.uniform(-1, 1, shape)))
    trial.identity(
        least_squares(table, weights),
        marginal_means(table, weights),
        ops=40 * np.prod(shape),
        generic="least squares are rational in the table and the weights",
        controls={"unweighted means": marginal_means(table, np.ones(shape))},
    )


@claim(derived("least squares find a table that fits exactly"), kind="identity", cases=MARGINS)
def test_marginal_means__unbalanced(
    trial, first: Values, second: Values, third: ThirdValues, width: Width
):
    """If the weights of the cells are no product, least squares recovers a decomposable table
    $u_{a b …} = u_0 + u_a + u_b + …$, and averages over each factor miss it.
    """
    generator = trial.generator()
    shape = (first, second, third)
    exact = sum_of_edges(generator.normal(size=(*shape, width)))
    weights = np.exp(generator.uniform(-1, 1, shape))
    trial.identity(
        least_squares(exact, weights),
        exact,
        ops=40 * np.prod(shape),
        scale=np.abs(exact).max(),
        generic="least squares are rational in the table and the weights",
        controls={"means under unbalanced weights": marginal_means(exact, weights)},
    )


FewThirdValues = Annotated[
    int, Interval(1, 2, why="one value stands for no third factor; 10⁵ tables are drawn")
]
FewColumns = Annotated[int, Interval(1, 8, why="10⁵ tables are drawn")]


def judge_shares(trial, shape, width, centred):
    """Compare explained shares of random tables with their law."""
    law = chance_law(shape, width, centred)
    other = "raw table" if centred else "table about its grand mean"
    trial.distribution(
        sampler=partial(explained_shares, shape=shape, width=width, centred=centred),
        cdf=law.cdf,
        margin=0.02,  # takes 70,000 tables: 1 % would take four times as many
        controls={f"as of the {other}": chance_law(shape, width, not centred).cdf},
        first=2**14,
        most=10**5,
    )


@claim(
    derived("normal squares in two spaces"),
    kind="distribution",
    cases=[(2, 2, 1, 4), (3, 3, 1, 2), (2, 3, 2, 1)],
)
def test_chance_share(
    trial, first: FewValues, second: FewValues, third: FewThirdValues, width: FewColumns
):
    """Let a table of $N$ cells hold vectors in $ℝ^D$ with independent normal entries. The sum of
    one vector for each value of each factor that is nearest to it explains a share of its squared
    norm of the law $Beta(D q/2, D (N - q)/2)$, where $q = 1 + ∑_i (n_i - 1)$ for factors of $n_i$
    values.
    """
    judge_shares(trial, (first, second, third), width, centred=False)


@claim(
    derived("normal squares in two spaces, less the grand mean"),
    kind="distribution",
    cases=[(2, 2, 1, 4), (3, 3, 1, 2), (2, 3, 2, 1)],
)
def test_chance_share__centred(
    trial, first: FewValues, second: FewValues, third: FewThirdValues, width: FewColumns
):
    """Let a table of $N$ cells hold vectors in $ℝ^D$ with independent normal entries. The sum of
    one vector for each value of each factor that is nearest to it explains a share of the variance
    about the grand mean of the law $Beta(D (q - 1)/2, D (N - q)/2)$, where $q = 1 + ∑_i (n_i - 1)$
    for factors of $n_i$ values.
    """
    judge_shares(trial, (first, second, third), width, centred=True)


@claim(derived("by the definition of $p(a, b | v)$"), kind="identity", cases=TABLES)
def test_independence__odds(trial, first: Values, second: Values, width: Width):
    """Let cells have the probabilities $p(a, b | v) ∝ exp(u_{a b}·v)$. The logarithms of the odds
    ratios $p_{1 1} p_{a b}/(p_{1 b} p_{a 1})$ are $(u_{1 1} + u_{a b} - u_{1 b} - u_{a 1})·v$.
    """
    table = trial.generator().normal(size=(first, second, width))
    odds = np.stack([dependence(table, basis)[1] for basis in np.eye(width)], axis=-1)
    row = table[1:, 1:] - table[:1, 1:]  # log p(a, b)/p(1, b), up to a constant
    trial.identity(
        odds,
        contrasts(table),
        ops=32,
        scale=8 + np.abs(table).max(),
        generic="logarithms of chances are analytic in the table",
        controls={"without the first column's part": row},
    )


@claim(
    paper("Corollary 8"),
    kind="identity",
    cases=TABLES,
)
def test_independence(trial, first: Values, second: Values, width: Width):
    """Let cells have the probabilities $p(a, b | v) ∝ exp(u_{a b}·v)$. If $u_{a b} = u_a + u_b$,
    the factors are independent given $v$: $p(a, b | v) = p(a | v) p(b | v)$ with
    $p(a | v) ∝ exp(u_a·v)$.
    """
    generator = trial.generator()
    table = generator.normal(size=(first, second, width))
    v = generator.normal(size=width) / np.sqrt(width)
    words = table[:, :1] + table[:1]
    trial.identity(
        joint_law(words, v),
        product_law(table[:, 0], table[0], v),
        # Exponents are sums of 64 products, whose sizes add up to some 8; 144 cells are summed.
        ops=1000,
        scale=1.0,
        generic="chances are analytic in the table and v",
        control_processes={"any table": joint_law(table, v)},
    )


@claim(derived("from the second derivative"), kind="limit", cases=TABLES)
def test_small_information(trial, first: Values, second: Values, width: Width):
    """Let cells have the probabilities $p(a, b | v) ∝ exp(u_{a b}·v)$. The mutual information of
    both factors given $ε v$, over $ε²$, tends to the mean of $(I_{a b}·v)²/2$ as $ε → 0$, where $I$
    is $u$ minus the nearest table $u_a + u_b$.
    """
    generator = trial.generator()
    sizes = 2.0 ** np.arange(8, 15)
    table = generator.normal(size=(first, second, width))
    v = orth(generator.normal(size=(width, 1)))[:, 0]
    # A contrast of one: the table is far from decomposable.
    table[0, 0] = table[0, 1] + table[1, 0] - table[1, 1] + v
    values = [
        size**2 * (dependence(table, v / size)[2] + dependence(table, -v / size)[2]) / 2
        for size in sizes
    ]
    predict = np.mean(((table - marginal_means(table, np.ones((first, second)))) @ v) ** 2) / 2
    controls = {"without ½": 2 * predict}
    # The fourth derivative is at most 14 R⁴, R the range of u·v; the rest is rounding.
    bound = np.ptp(table @ v) ** 4 / sizes[-1] ** 2 + 1e-15 * sizes[-1] ** 2
    trial.limit(
        values,
        sizes,
        predict,
        remainder=bound,
        margin=1e-3 * predict,
        generic="the information is analytic in table and v, and so is its limit",
        controls=controls,
        same_instance=True,
    )


@figure("F1", claims=("chance_share",))
def chance(width=4, tables=60):
    """Random tables look compositional.

    Share of a table of independent normal numbers that the best decomposable table explains, about
    the grand mean, for square grids of two factors. Marks: lines: mean and quantiles of the Beta
    law; points, bars: those of 60 tables.
    """
    generator = np.random.default_rng(0)
    sides = np.arange(2, 11)
    laws = chance_law((sides, sides, 1), width, True)
    shares = [explained_shares(generator, tables, (n, n, 1), width, True) for n in sides]
    lines = {
        "mean": (sides, laws.mean()),
        "5 %": (sides, laws.ppf(0.05)),
        "95 %": (sides, laws.ppf(0.95)),
    }
    points = {"random tables": (np.repeat(sides, tables), np.ravel(shares))}
    zero = {"no structure, no share?": 0.0}
    x = "values n of each of two factors (N = n² cells)"
    return chart(
        lines,
        points,
        levels=zero,
        dashed=["5 %", "95 %"],
        x=x,
        y="explained share  (dimensionless)",
    )
