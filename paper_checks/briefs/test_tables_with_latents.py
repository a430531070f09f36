"""Montanari & Weiner 2023, "Compressing Tabular Data via Latent Variable Estimation", ICML, arXiv
2302.09780.

For whoever zips a table: what a coder that reads it row by row loses, when it pays to store latent
classes of the columns, and why the width of the file decides what zlib finds.

Setting: a table $X$ $(m, n)$ has classes $U_i$ of rows and $V_j$ of columns, which are independent
with the chances $r$ and $c$. Given them, its cells are independent, $X_{i j}$ with the law
$Q(· | U_i, V_j)$, and no two classes have the same law. $H$ is the entropy and $I$ the mutual
information, in bits. An automorphism is a pair of permutations of the classes that keeps $r$, $c$
and $Q$; $|Aut|$ is their number.

Take away: a coder that reads rows and adapts to the cells before never learns the columns' classes,
and loses $I(X; V | U)$ bits a cell however long its context is (row_reader). zlib's window causes a
jump: for tables with 40 rows of four kinds it writes 6.1 bits a cell at 32506 columns, and 8.0 at
32507 (window). Storing the columns' classes pays from $H(V)/I(X; V | U)$ rows on (break_even), and
a mixture of the classes always pays (break_even-mixture). In tables of two classes a side that row
and column means tell apart, estimated classes reach the entropy rate (break_even-estimated).

Edges: the last term of the first claim falls as $n e^(-c m)$, so that weak classes need many rows.
The matches of zlib cost up to .15 bits a cell in rows of 500 columns or more. The windows of bz2
and lzma are longer.

Paper: it estimates the classes, sorts the table into blocks, and codes each block by itself. This
page computes the entropy of the table, what coders reach without classes, and the price of the
classes.

Abstract:

- Sentence 1: data are often tables with categories. No statement.
- Sentence 2: algorithms estimate latent classes, sort the table into blocks, and code each. No
  statement.
- Sentence 3, first half: tables from practice are compressed. Not on trial. It needs the tables.
- Sentence 3, second half: optimal compression is studied in a model with independent latent
  classes. No statement.
- Sentence 4, first half: the model has a well-defined entropy rate. In part: latents_almost_free,
  latents_almost_free-sampled, latents_almost_free-never_less. With the terms below the rate, in
  small worlds.
- Sentence 4, second half: single tables are near this rate. Not on trial. Means over tables are.
- Sentence 5: Lempel–Ziv and finite-state encoders do not achieve this rate. In part: row_reader,
  window. An adaptive coder and zlib are on trial, not every encoder.
- Sentence 6: estimating the classes achieves it. Holds at a smaller scale: break_even-estimated,
  latents_almost_free. For two classes a side, which the means of rows and columns tell apart.

Read: the abstract, in a stored copy ("well defined entropy rate", "finite-state encoders do not
achieve this rate"). Derived here: the last term of the entropy, the law of a row reader, the law of
the window, and the price of the classes. Not claimed: that the classes of every table can be
estimated.

Topic: linear algebra for learning.
"""

import zlib
from functools import partial
from itertools import combinations, permutations, product
from math import comb
from typing import Annotated, Literal

import numpy as np
from scipy.special import entr, gammaln, logsumexp, rel_entr
from scipy.stats import binom

from paper_checks.briefs.common import apart
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

World = Literal["symmetric", "without symmetry"]
Flip = Annotated[float, Interval(0.02, 0.08, why="at 0 there is no noise; more hides the classes")]
RowEffect = Annotated[float, Interval(0.2, 0.55, why="at 0 rows are alike; a chance is below 1")]
ColumnEffect = Annotated[float, Interval(0.15, 0.35, why="at 0 columns are alike; chances below 1")]
Height = Annotated[int, Interval(1, 16, why="m; codes of all columns with up to m cells are drawn")]
Few = Annotated[int, Interval(1, 3, why="m; all types of a column are listed")]
TABLE = (60, 500)
"""Rows and columns of a table that the adaptive coder reads."""
ROWS = 40
"""Rows of a table that zlib gets."""
WINDOW = 32506
"""How far back zlib finds a match: 2¹⁵ less the 262 bytes that it looks ahead."""


def channel(world, flip):
    """Q(1 | u, v), (2, 2): exclusive or with flips, or such that the classes cannot change their
    names.
    """
    if world == "symmetric":
        return np.array([[flip, 1 - flip], [1 - flip, flip]])
    return np.array([[flip, 0.2], [0.6, 1 - flip]])


def additive_channel(rows, columns):
    """Q(1 | u, v) = 1/2 ± rows/2 ± columns/2, (2, 2)."""
    signs = np.array([0.5, -0.5])
    return 0.5 + rows * signs[:, None] + columns * signs


def drawn_table(generator, chances, rows, columns):
    """X (m, n) with two classes a side, each of half of the rows and columns in random order."""
    u = generator.permutation(np.arange(rows) % 2)
    v = generator.permutation(np.arange(columns) % 2)
    return (generator.random((rows, columns)) < chances[np.ix_(u, v)]).astype(int)


def binary_entropy(chance):
    """The entropy of an event, in bits."""
    chance = np.asarray(chance, float)
    return (entr(chance) + entr(1 - chance)) / np.log(2)


@observed
def entropy_of_tables(chances, rows, columns):
    """H(X), from the chances of all tables: these depend only on how many columns are of each of
    the 2^m types, as columns are independent given the rows' classes, which are summed over.
    """
    patterns = np.array(list(product((0, 1), repeat=rows)))
    types = len(patterns)
    bars = np.array(list(combinations(range(columns + types - 1), types - 1)))
    ends = np.full((len(bars), 1), columns + types - 1)
    numbers = np.diff(np.hstack([np.full_like(ends, -1), bars, ends])) - 1
    by_class = []
    for v in (0, 1):
        cells = chances[patterns, v][:, None]
        by_class.append(np.prod(np.where(patterns == 1, cells, 1 - cells), axis=2))
    logs = logsumexp(numbers @ np.log(np.mean(by_class, axis=0)).T, axis=1) - rows * np.log(2)
    ways = gammaln(columns + 1) - gammaln(numbers + 1).sum(axis=1)
    return -np.sum(np.exp(ways + logs) * logs) / np.log(2)


@observed
def left_open(generator, count, chances, rows, columns):
    """The entropies (count,) of U and V given a drawn table X, in bits: that of all 2^m ways to
    give rows a class, and for each way those of the columns' classes, independent then.
    """
    ways = np.array(list(product((0, 1), repeat=rows)))
    logs = np.log(np.stack([1 - chances, chances]))
    found = []
    for _ in range(count):
        u = generator.integers(0, 2, rows)
        v = generator.integers(0, 2, columns)
        cells = (generator.random((rows, columns)) < chances[np.ix_(u, v)]).astype(int)
        by_class = logs[cells]  # (m, n, class of the row, class of the column)
        if_one = np.tensordot(ways, by_class[:, :, 1] - by_class[:, :, 0], 1)
        by_way = by_class[:, :, 0].sum(axis=0) + if_one
        either = np.logaddexp(by_way[..., 0], by_way[..., 1])
        way = np.exp(either.sum(axis=1) - logsumexp(either.sum(axis=1)))
        second = np.exp(by_way[..., 1] - either)
        of_columns = np.sum(entr(second) + entr(1 - second), axis=1)
        found.append(np.sum(entr(way) + way * of_columns) / np.log(2))
    return np.array(found)


@observed
def adaptive_bits(generator, count, chances, context):
    """Bits a cell (count,) of Krichevsky and Trofimov's adaptive coder, whose context are the k
    cells before in a row; the first k cells of a row are not counted.
    """
    rows, columns = TABLE
    found = []
    for _ in range(count):
        table = drawn_table(generator, chances, rows, columns)
        state = np.zeros((rows, columns - context), int)
        for back in range(context):
            state = 2 * state + table[:, back : columns - context + back]
        cells = np.bincount((2 * state + table[:, context:]).ravel(), minlength=2 ** (context + 1))
        zeros, ones = cells.reshape(-1, 2).T
        logs = gammaln(zeros + 0.5) + gammaln(ones + 0.5) - gammaln(zeros + ones + 1)
        found.append(-np.sum(logs - np.log(np.pi)) / np.log(2) / state.size)
    return np.array(found)


@observed
def zipped_bits(generator, kinds, columns):
    """Bits a cell that zlib writes for a table of bytes (37u + v) mod 256, v uniform."""
    column_classes = generator.integers(0, 256, columns)
    table = (37 * kinds[:, None] + column_classes) % 256
    return 8 * len(zlib.compress(table.astype(np.uint8).tobytes(), 6)) / table.size


@observed
def estimated_bits(generator, count, chances, rows, columns):
    """Bits a cell (count,) of Krichevsky and Trofimov's coder for the classes of rows and columns,
    estimated by whether their means exceed that of the table, and for each of the four blocks.
    """

    def coded(ones, cells):
        logs = gammaln(ones + 0.5) + gammaln(cells - ones + 0.5) - gammaln(cells + 1)
        return -np.sum(logs - np.log(np.pi)) / np.log(2)

    found = []
    for _ in range(count):
        table = drawn_table(generator, chances, rows, columns)
        sides = [table.mean(axis=axis) > table.mean() for axis in (1, 0)]
        u, v = (np.stack([1 - side, side]) for side in sides)
        bits = coded(u @ table @ v.T, np.outer(u.sum(axis=1), v.sum(axis=1)))
        bits += sum(coded(side.sum(), side.size) for side in sides)
        found.append(bits / table.size)
    return np.array(found)


@observed
def saved_bits(generator, count, chances, rows, mixed=False):
    """By how many bits (count,) a column's code is shorter than one that knows the rows' classes
    only, if the column's class is written in front, or if its chance is `mixed` over the classes.
    """
    u = generator.integers(0, 2, (count, rows))
    v = generator.integers(0, 2, count)
    column = generator.random((count, rows)) < chances[u, v[:, None]]
    logs = [np.log2(np.where(column, cell, 1 - cell)) for cell in (chances[u, 0], chances[u, 1])]
    alone = np.sum(np.log2((2 ** logs[0] + 2 ** logs[1]) / 2), axis=1)
    by_class = np.sum(logs, axis=2)
    if mixed:
        return np.logaddexp2(*by_class) - 1 - alone
    return by_class[v, np.arange(count)] - 1 - alone


@predicted
def automorphisms(chances):
    """|Aut|: the pairs of permutations of equally likely classes that keep Q (K, K)."""
    size = range(len(chances))
    # Entries that a symmetry exchanges are equal but for rounding, some 1e-16.
    return sum(
        np.all(np.abs(chances[np.ix_(rows, columns)] - chances) <= 1e-9)
        for rows in permutations(size)
        for columns in permutations(size)
    )


@predicted
def column_told(chances, rows):
    """I(X_1 … X_m; V | U) in bits: what a column of m cells tells of its class if the rows' classes
    are known, by sums over the number of rows in each class and of ones.
    """
    told = 0.0
    for many in range(rows + 1):
        a, b = np.meshgrid(np.arange(rows - many + 1), np.arange(many + 1), indexing="ij")
        given = [
            binom.pmf(a, rows - many, chances[0, v]) * binom.pmf(b, many, chances[1, v])
            for v in (0, 1)
        ]
        told += binom.pmf(many, rows, 0.5) * np.sum(rel_entr(given, np.mean(given, axis=0))) / 2
    return told / np.log(2)


@predicted
def bits_of_names(chances, rows, columns):
    """log2|Aut| + n H(V | U, X_1 … X_m): the classes' names, and what columns leave open."""
    return np.log2(automorphisms(chances)) + columns * (1 - column_told(chances, rows))


@predicted
def entropy_with_classes(chances, rows, columns):
    """The sum m n H(X | U, V) + m H(U) + n H(V) of equally likely classes."""
    return rows * columns * np.mean(binary_entropy(chances)) + rows + columns


@predicted
def row_entropy(chances, context):
    """h_k = H(X_(k+1) | X_1 … X_k) of one row, by the number of ones in it (two classes)."""
    ones = np.mean(chances, axis=1)

    def block(length):
        count = np.arange(length + 1)
        by_class = binom.logpmf(count[:, None], length, ones)
        chance = np.mean(np.exp(by_class), axis=1)
        ways = binom.logpmf(count, length, 0.5) + length * np.log(2)
        return -np.sum(chance * (np.log(chance) - ways)) / np.log(2)

    return block(context + 1) - block(context)


@predicted
def adaptation(context, cells=TABLE[0] * TABLE[1]):
    """2^k (½ log2 N + 1)/N bits a cell: what an adaptive coder of 2^k contexts pays at most for N
    cells, after Krichevsky and Trofimov.
    """
    return 2**context * (np.log2(cells) / 2 + 1) / cells


@predicted
def literal_share(kinds, columns):
    """The share of rows whose kind is not among the last ⌊32506/n⌋ rows, given all kinds (m,)."""
    reach = WINDOW // columns
    kinds = list(kinds)
    new = [kind not in kinds[max(0, row - reach) : row] for row, kind in enumerate(kinds)]
    return np.mean(new)


@predicted
def mean_literal_share(kinds, columns):
    """The mean of this share over K equally likely kinds: row i has min(i, ⌊32506/n⌋) rows before
    it in reach.
    """
    reach = np.minimum(np.arange(ROWS), WINDOW // columns)
    return np.mean((1 - 1 / kinds) ** reach)


@predicted
def column_information(chances):
    """I(X; V | U) in bits a cell, of equally likely classes."""
    return np.mean(binary_entropy(np.mean(chances, axis=1))) - np.mean(binary_entropy(chances))


@predicted
def rate_with_classes(chances, rows, columns):
    """H(X | U, V) + H(U)/n + H(V)/m in bits a cell of equally likely classes."""
    return entropy_with_classes(chances, rows, columns) / (rows * columns)


@predicted
def price_of_chances(rows, columns):
    """What unknown chances cost at most, in bits a cell: ½ log2 N + 1 for each of four blocks and
    for the classes of each side, N being the length of each.
    """
    lengths = np.array(4 * [rows * columns] + [rows, columns])
    return np.sum(np.log2(lengths) / 2 + 1) / (rows * columns)


@predicted
def saving_of_mixture(chances, rows):
    """The saving m I(X; V | U) - I(X_1 … X_m; V | U)."""
    return rows * column_information(chances) - column_told(chances, rows)


@predicted
def saving_of_classes(chances, rows):
    """The saving m I(X; V | U) - H(V), with H(V) = 1."""
    return rows * column_information(chances) - 1


@claim(
    tried("abstract: a well-defined entropy rate", "the terms below the rate"),
    kind="limit",
    cases=[
        ("symmetric", 0.05, 2, 40),
        ("without symmetry", 0.02, 2, 40),
        ("symmetric", 0.08, 3, 14),
    ],
)
def test_latents_almost_free(
    trial,
    world: World,
    flip: Flip,
    rows: Few,
    columns: Annotated[
        int, Interval(14, 60, why="n; fewer leave rows open; all tables are listed")
    ],
):
    """A table of $m$ rows and $n$ columns has classes $U$ of rows and $V$ of columns and
    independent cells given them. For 14 columns and more $H(X) = m n H(X_{1 1} | U, V) + m H(U) + n
    H(V) - log_2|Aut| - n H(V | U, X_1, …, X_m)$ within .05 bits, the most that $n$ columns leave
    open of the rows' classes here, where $Aut$ are the renamings of classes that keep the law, and
    $X_1, …, X_m$ is one column.
    """
    chances = channel(world, flip)
    trial.require(
        comb(columns + 2**rows - 1, columns) <= 130_000, "there are too many tables: all are listed"
    )
    whole = entropy_with_classes(chances, rows, columns)
    names = bits_of_names(chances, rows, columns)
    aut = np.log2(automorphisms(chances))
    trial.value(
        entropy_of_tables(chances, rows, columns),
        whole - names,
        error=1e-9,
        margin=0.05,
        controls={
            "no names can change": whole - names + aut,
            "all names can change, on each side": whole - names + aut - 2,
            "the classes are not free": whole,
        }
        if aut
        else {"names can always change": whole - names - 1, "the classes are not free": whole},
    )


@claim(
    derived("what is left open of the classes, if not their names alone"),
    kind="limit",
    cases=[(0.08, 7, 40), (0.05, 5, 40), (0.06, 6, 80)],
    low_power="what is left open varies as much as its mean",
)
def test_latents_almost_free__sampled(
    trial,
    flip: Annotated[
        float, Interval(0.05, 0.08, why="with less what is open is rare; more hides all")
    ],
    rows: Annotated[int, Interval(5, 7, why="m; fewer leave much open, more next to nothing")],
    columns: Annotated[int, Interval(40, 80, why="n; fewer leave rows open; more take longer")],
):
    """The cells of a table of $m$ rows and $n$ columns are the exclusive or of their row's and
    column's fair bits $U$ and $V$, with flips. Then $H(U, V | X) = 1 + n H(V | U, X_1, …, X_m)$
    bits within 6 %, where $X_1, …, X_m$ is one column: 40 columns leave less open of rows' bits.
    """
    chances = channel("symmetric", flip)
    law = bits_of_names(chances, rows, columns)
    aut = np.log2(automorphisms(chances))
    rivals = {
        "no names can change": law - aut,
        "all names can change, on each side": law - aut + 2,
        "nothing is left open of columns": aut,
        "everything is left open": rows + columns,
    }
    margin = 0.06 * law
    trial.mean(
        sampler=partial(left_open, chances=chances, rows=rows, columns=columns),
        predict=law,
        law=Asymptotic(),
        margin=margin,
        controls={name: v for name, v in rivals.items() if abs(v - law) > 2 * margin},
        first=512,
        most=20_000,
    )


@claim(
    derived("with two classes a side the automorphism moves every pair of classes"),
    cases=[(0.02, 3, 3), (0.08, 2, 14), (0.02, 1, 2)],
    not_tight="one row tells little of the classes of columns",
)
def test_latents_almost_free__never_less(
    trial,
    flip: Flip,
    rows: Few,
    columns: Annotated[int, Interval(1, 14, why="n; all tables are listed")],
):
    """The cells $X$ of a table of $m$ rows and $n$ columns are the exclusive or of their row's and
    column's fair bits $U$ and $V$, with flips. Then
    $H(X) <= m n H(X_{1 1} | U, V) + m H(U) + n H(V) - 1$ bits for all $m$ and $n$.
    """
    chances = channel("symmetric", flip)
    law = entropy_with_classes(chances, rows, columns) - np.log2(automorphisms(chances))
    trial.bound(
        entropy_of_tables(chances, rows, columns),
        law,
        instances="all",
        ops=1e4,
        scale=law,
        controls={
            "the classes of columns cost nothing": law - columns,
            "no classes cost anything": law - rows - columns + 1,
        },
    )


@claim(
    tried(
        "abstract: finite-state encoders miss this rate",
        "the rate of a coder with $k$ cells of context",
    ),
    kind="limit",
    cases=[(2, 0.55, 0.35), (4, 0.55, 0.35), (1, 0.5, 0.2)],
    route="code lengths of an adaptive coder on drawn tables",
)
def test_row_reader(
    trial,
    context: Annotated[
        int,
        Interval(
            1, 4, why="k cells; of one cell the entropy is 1; 2^k contexts are learned from a table"
        ),
    ],
    row_effect: RowEffect,
    column_effect: ColumnEffect,
):
    """A table has independent classes of rows and columns. An adaptive coder that reads it row by
    row, with the $k$ cells before as context, needs $H(X_(k+1) | X_1, …, X_k)$ bits a cell, the
    entropy of one row, as the numbers of rows and columns grow.
    """
    chances = additive_channel(row_effect, column_effect)
    law = row_entropy(chances, context)
    rivals = {
        "the entropy rate of the table": np.mean(binary_entropy(chances)),
        "the class of the row is known": np.mean(binary_entropy(np.mean(chances, axis=1))),
        "the class of the column is known": np.mean(binary_entropy(np.mean(chances, axis=0))),
        "a cell alone": binary_entropy(np.mean(chances)),
    }
    slack = adaptation(context)
    margin = slack + 0.005
    trial.mean(
        sampler=partial(adaptive_bits, chances=chances, context=context),
        predict=law,
        law=Asymptotic(),
        margin=margin,
        slack=slack,
        controls={name: value for name, value in rivals.items() if abs(value - law) > 2 * margin},
        first=32,
        most=2000,
    )


@claim(
    tried("abstract: Lempel–Ziv misses this rate", "what zlib writes, by its window"),
    kind="limit",
    cases=[(4, 32507), (4, 32506), (4, 10_836), (1, 32506), (2, 500)],
    low_power="the matches of equal rows cost up to .15 bits a cell",
)
def test_window(
    trial,
    kinds: Annotated[int, Interval(1, 8, why="K kinds of rows; without any there is no row")],
    columns: Annotated[int, Interval(500, 40_000, why="of narrow rows matches cost more")],
):
    """Row $i$, column $j$ of a table is the byte $37 U_i + V_j mod 256$ with uniform $V_j$ and
    $n >= 500$ columns. zlib writes 8 bits a cell times the share of rows whose class $U_i$ is not
    among the last $⌊32506/n⌋$ rows, and at most .15 more.
    """
    generator = trial.generator("table")
    sequence = generator.integers(0, kinds, ROWS)
    law = 8 * literal_share(sequence, columns)
    rivals = {
        "no row is found, $H(X | U)$": 8.0,
        "all rows before are found": 8 * kinds / ROWS,
        "without the first rows": 8 * (1 - 1 / kinds) ** (WINDOW // columns),
    }
    trial.value(
        zipped_bits(generator, sequence, columns),
        law + 0.075,
        error=1e-12,
        margin=0.075,
        instances="search",
        controls={n: v + 0.075 for n, v in rivals.items() if abs(v - law) > 0.16},
    )


@claim(
    derived("the chain rule"),
    kind="identity",
    cases=[(8, 0.55, 0.35), (2, 0.3, 0.3), (16, 0.5, 0.2)],
    low_power="lengths of codes vary by a bit or two",
)
def test_break_even(trial, rows: Height, row_effect: RowEffect, column_effect: ColumnEffect):
    """A table of $m$ rows has equally likely classes $V$ of columns, and its rows' classes $U$ are
    known. A column's code that begins with its class $V$ takes $m I(X; V | U) - H(V)$ bits less on
    average than a code of every cell $X$ by its row's class alone.
    """
    chances = additive_channel(row_effect, column_effect)
    law = saving_of_classes(chances, rows)
    gain = law + 1
    marginal = binary_entropy(np.mean(chances)) - np.mean(binary_entropy(np.mean(chances, axis=0)))
    margin = 0.025 * (1 + gain)
    rivals = {
        "by $I(X; V)$": rows * marginal - 1,
        "the classes cost nothing": gain,
        "every row tells a bit": rows - 1.0,
    }
    trial.mean(
        sampler=partial(saved_bits, chances=chances, rows=rows),
        predict=law,
        law=Asymptotic(),
        margin=margin,
        scale=1 + gain,
        controls={name: value for name, value in rivals.items() if abs(value - law) > 2 * margin},
        first=2000,
        most=1_000_000,
    )


@claim(
    derived("the chain rule"),
    kind="identity",
    cases=[(8, 0.55, 0.35), (3, 0.5, 0.35), (16, 0.5, 0.2)],
    low_power="lengths of codes vary by a bit or two",
)
def test_break_even__mixture(
    trial, rows: Height, row_effect: RowEffect, column_effect: ColumnEffect
):
    """A table of $m$ rows has equally likely classes $V$ of columns, and its rows' classes $U$ are
    known. A column's code by the mean over $V$ of its chances takes
    $m I(X; V | U) - I(X_1, …, X_m; V | U) >= 0$ bits less on average than a code of every cell $X$
    by its row's class alone, where $X_1, …, X_m$ is the column.
    """
    chances = additive_channel(row_effect, column_effect)
    law = saving_of_mixture(chances, rows)
    written = saving_of_classes(chances, rows)
    margin = 0.025 * (2 + written)
    trial.mean(
        sampler=partial(saved_bits, chances=chances, rows=rows, mixed=True),
        predict=law,
        law=Asymptotic(),
        margin=margin,
        scale=2 + written,
        controls=apart(
            {"as if the class were written": written, "the class is free": written + 1},
            law,
            2 * margin,
        ),
        first=2000,
        most=1_000_000,
    )


@claim(
    tried(
        "abstract, sentence 6: estimating the classes achieves the rate",
        "classes by the means of rows and columns",
    ),
    kind="limit",
    cases=[(300, 400, 0.5, 0.3), (400, 300, 0.4, 0.35), (300, 300, 0.55, 0.25)],
)
def test_break_even__estimated(
    trial,
    rows: Annotated[int, Interval(300, 600, why="m; of fewer the columns' means err")],
    columns: Annotated[int, Interval(300, 600, why="n; of fewer the rows' means err")],
    row_effect: Annotated[float, Interval(0.3, 0.55, why="means must tell the rows apart")],
    column_effect: Annotated[float, Interval(0.25, 0.35, why="means must tell the columns apart")],
):
    """A table has two equally likely classes of rows and of columns. They are estimated by whether
    the mean of a row or column exceeds that of the table, and written, and each of the four blocks
    is coded adaptively. This takes $H(X | U, V) + H(U)/n + H(V)/m$ bits a cell, up to the price of
    unknown chances, $½ log_2 N + 1$ bits for each code of length $N$.
    """
    chances = additive_channel(row_effect, column_effect)
    law = rate_with_classes(chances, rows, columns)
    slack = price_of_chances(rows, columns)
    margin = slack + 0.002 * law
    trial.mean(
        sampler=partial(estimated_bits, chances=chances, rows=rows, columns=columns),
        predict=law,
        law=Asymptotic(),
        margin=margin,
        slack=slack,
        controls={
            "the row reader's H(X | U)": np.mean(binary_entropy(np.mean(chances, axis=1))),
            "the classes are free": law - 1 / rows - 1 / columns,
        },
        first=64,
    )


@figure("F1", claims=("window",))
def cliff_of_the_window(kinds: int = 4, tables: int = 5):
    """Zlib no longer finds equal rows as soon as a row is wider than its window of 32506 bytes.

    Bits a cell of a table with 40 rows of four kinds. Marks: lines: literal bytes on average (zlib)
    and the classes of rows and columns, which are all of the table; points: five random tables, the
    mean with two standard errors.
    """
    generator = np.random.default_rng(0)
    fine = np.unique(np.geomspace(2000, 40_000, 400).astype(int))
    at = np.array([2500, 4000, 6000, 9000, 12_000, 15_000, 20_000, 28_000, 36_000])
    bits = np.array(
        [
            [
                zipped_bits(generator, generator.integers(0, kinds, ROWS), columns)
                for _ in range(tables)
            ]
            for columns in at
        ]
    )
    drawn = {"zlib": (at, bits.mean(axis=1), 2 * bits.std(axis=1, ddof=1) / np.sqrt(tables))}
    lines = {
        "zlib": (fine, [8 * mean_literal_share(kinds, n) for n in fine]),
        "classes": (fine, 8 / ROWS + np.log2(kinds) / fine),
    }
    ticks = [2000, 4000, 8000, 16_000, 32_000]
    chart_of_widths = chart(
        lines,
        drawn,
        log="x",
        x="columns n",
        y="bits a cell",
        ylim=(0, 8.6),
        xticks=ticks,
        xticklabels=[str(tick) for tick in ticks],
    )
    chart_of_widths.axes[0].minorticks_off()
    return chart_of_widths
