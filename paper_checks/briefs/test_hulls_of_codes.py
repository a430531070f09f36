"""Bouyuklieva, Bouyukliev & Özbudak 2024, "Enumeration of linear codes with different hulls", arXiv
2402.01255.

For designers of code-based or quantum schemes: how often a random linear code meets its dual in 0
only, or in a hull of a given dimension.

Paper: the hull of a code, what it shares with its dual, decides whether a code suits quantum
correction or masking. The paper counts binary and ternary codes by their hull. This page gives one
formula for all counts, says what it implies for random codes, and checks every small code.

Take away: the hull of a long binary code is 0 with probability .419 and has dimension 1 with
probability .419; the hull of a ternary code is 0 with probability .639. Whoever draws binary codes
until the hull is 0 draws 2.4 on average.

A code $C$ is one of the $[n,k]_q = ∏_(j<k) (q^{n-j}-1)/(q^{j+1}-1)$ subspaces of dimension $k$ of
$F_q^n$, $q = 2$ or an odd prime. Its hull is the intersection with the dual code for the Euclidean
product, of dimension $l = k - rank(G G')$ where the rows of $G$ generate $C$. $A(n,k,l)$ is the
number of codes with that hull, $σ_i$ that of the self-orthogonal codes of dimension $i$: for odd
$q$ and $n = 2m+1$ it is $∏_(j<i) (q^{2(m-j)}-1)/(q^{j+1}-1)$, for $n = 2m$ it is
$∏_(j<i) (q^{m-j}-e)(q^{m-j-1}+e)/(q^{j+1}-1)$, $e = 1$ if $m$ is even or $q = 1 mod 4$, else $-1$;
for $q = 2$ see `self_orthogonal`.

Edges: $[n-2i,k-i]$ is 0 if $n < 2i$. A random $k × n$ matrix has a rank below $k$ with a
probability of about $q^(k-n)$.

Abstract:

- Statement 1: for length $n >= 2k$ the number of linear codes falls as the dimension of the hull
  grows. Holds: decreasing, count.
- Statement 2: binary and ternary codes are classified by their hulls. In part: count,
  mean_of_q_to_hull, limit. They are counted, and small ones enumerated; classes of equivalent codes
  are not distinguished.

Read: the abstract ("for given dimension $k$ and length $n ≥ 2k$ the number of all $[n,k]_q$ linear
codes with hull dimension $l$ decreases as $l$ increases"). The counts and their limit are known.
Derived here: the mean of $q^l$; that $n ≥ 2k$ is not needed, since a code and its dual have one
hull. Not claimed: anything for $q = 4, 8, …$. Topic: learning.
"""

from fractions import Fraction
from functools import partial
from itertools import combinations
from math import comb, prod
from typing import Annotated, Literal

import numpy as np

from theory_on_trial import claim, derived, known, observed, paper, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Field = Literal[2, 3, 5]
Length = Annotated[
    int, Interval(4, 8, why="all codes are written down; below, no two wrong counts differ")
]
Dim = Annotated[
    int, Interval(2, 6, why="hulls of dimension 0 and 1 alone do not distinguish wrong counts")
]


@predicted
def subspaces(n, k, q):
    """The Gaussian binomial [n,k]_q; 0 where k exceeds n."""
    if k > n:
        return 0
    return prod(q ** (n - j) - 1 for j in range(k)) // prod(q ** (j + 1) - 1 for j in range(k))


@predicted
def self_orthogonal(n, i, q):
    """σ_i: totally isotropic subspaces of the Euclidean form; of a binary one within the vectors of
    even weight.
    """
    half, odd = divmod(n, 2)
    if q == 2 and not odd:
        return 2**i * self_orthogonal(n - 1, i, 2) + (self_orthogonal(n - 1, i - 1, 2) if i else 0)
    if odd:
        factors = [q ** (2 * (half - j)) - 1 for j in range(i)]
    else:
        sign = 1 if half % 2 == 0 or q % 4 == 1 else -1
        factors = [(q ** (half - j) - sign) * (q ** (half - j - 1) + sign) for j in range(i)]
    return prod(factors) // prod(q ** (j + 1) - 1 for j in range(i)) if i <= half else 0


@predicted
def codes_by_hull(n, k, q):
    """A(n,k,l) = Σ_{i≥l} (-1)^{i-l} q^{C(i-l,2)} [i,l]_q σ_i [n-2i,k-i]_q for l = 0, …, k."""
    over = [self_orthogonal(n, i, q) * subspaces(n - 2 * i, k - i, q) for i in range(k + 1)]
    return [
        sum(
            (-1) ** (i - l) * q ** comb(i - l, 2) * subspaces(i, l, q) * over[i]
            for i in range(l, k + 1)
        )
        for l in range(k + 1)
    ]


@observed
def rank(matrices, q):
    """Ranks modulo a prime, by Gaussian elimination of all matrices at once."""
    m = matrices % q
    count, rows, columns = matrices.shape
    ranks = np.zeros(count, int)
    places = np.arange(count)
    for column in range(columns):
        free = (m[:, :, column] != 0) & (np.arange(rows) >= ranks[:, None])
        pivot = np.argmax(free, axis=1)
        has = np.any(free, axis=1)
        # By Fermat a^(q-2) is the inverse of a.
        pivots = m[places, pivot] * m[places, pivot, column][:, None] ** (q - 2) % q
        m[places[has], pivot[has]] = m[places[has], ranks[has]]
        m[places[has], ranks[has]] = pivots[has]
        below = (np.arange(rows) > ranks[:, None]) & has[:, None]
        m = np.where(below[..., None], m - m[:, :, column, None] * pivots[:, None], m) % q
        ranks += has
    return ranks


@observed
def hulls(generators, q):
    """The dimension k - rank(GG') of each code's hull."""
    return generators.shape[1] - rank(generators @ generators.transpose(0, 2, 1), q)


@observed
def counted(n, k, q):
    """Write down the reduced echelon matrix of every code, and count the hulls of dimension 0, …,
    k.
    """
    counts = np.zeros(k + 1, int)
    for pivots in combinations(range(n), k):
        free = [(row, j) for row, p in enumerate(pivots) for j in range(p, n) if j not in pivots]
        entries = np.arange(q ** len(free))[:, None] // q ** np.arange(len(free)) % q
        matrices = np.zeros((len(entries), k, n), int)
        matrices[:, np.arange(k), pivots] = 1
        for place, entry in zip(free, entries.T, strict=True):
            matrices[:, *place] = entry
        counts += np.bincount(hulls(matrices, q), minlength=k + 1)
    return [int(count) for count in counts]


def require_few(trial, q, n, k):
    """Ask for sizes at which wrong counts differ, and for no more codes than can be written
    down.
    """
    trial.require(
        k <= n - 2,
        "k must be at most n - 2: else a hull has one dimension, and wrong counts look right",
    )
    trial.require(
        q ** (k * (n - k)) <= 15_000, "q^(k(n-k)) must be at most 15000: all codes are written down"
    )


@claim(
    known("Sendrier 1997, the number of codes with a given hull"),
    kind="identity",
    cases=[(2, 7, 3), (2, 6, 4), (3, 5, 2), (3, 4, 2), (3, 6, 2), (5, 4, 2)],
)
def test_count(trial, q: Field, n: Length, k: Dim):
    """The hull of a code is its intersection with its dual. Let $A(n,k,l)$ be the number of codes
    of length $n$ and dimension $k$ over $F_q$ whose hull has dimension $l$, $σ_i$ that of the
    self-orthogonal codes of length $n$ and dimension $i$, and $[a,b]_q$ the number of subspaces of
    dimension $b$ of $F_q^a$. Then $A(n,k,l) = ∑_{i≥l} (-1)^{i-l} q^{C(i-l,2)} [i,l]_q σ_i
    [n-2i,k-i]_q$.
    """
    require_few(trial, q, n, k)
    exact = codes_by_hull(n, k, q)
    repeated = [self_orthogonal(n, l, q) * subspaces(n - 2 * l, k - l, q) for l in range(k + 1)]
    trial.identity(
        counted(n, k, q), exact, ops=0, controls={"codes of larger hulls counted again": repeated}
    )


LOOSE = "a hull of one dimension more is as frequent in the limit of $q = 2$, $l = 0$ only"


@claim(
    paper("abstract, sentence 3", within="$n >= 2k$; for smaller $n$ by duality"),
    kind="bound",
    cases=[(2, 6, 4), (3, 5, 3)],
    not_tight=LOOSE,
)
def test_decreasing(trial, q: Field, n: Length, k: Dim):
    """The hull of a linear code is its intersection with its dual. The number of codes of length
    $n$ and dimension $k$ falls strictly as the hull's dimension grows from 0 to $min(k, n-k)$. (The
    abstract states this for $n ≥ 2k$; for smaller $n$ it follows by duality.)
    """
    require_few(trial, q, n, k)
    larger = counted(n, k, q)[1 : min(k, n - k) + 1]
    exact = np.array(codes_by_hull(n, n - k, q)[: min(k, n - k)])
    trial.bound(
        larger,
        exact - 1,
        instances="all",
        ops=0,
        controls={"it falls by a factor $q$ each time": exact / q},
    )


@predicted
def mean_power(n, k, q):
    """E q^{dim hull} = 1 + s(q^k-1)(q^{n-k}-1)/((q^n-1)(q^{n-1}-1)), s = σ_1(q-1) self-orthogonal
    vectors.
    """
    vectors = self_orthogonal(n, 1, q) * (q - 1)
    return 1 + Fraction(vectors * (q**k - 1) * (q ** (n - k) - 1), (q**n - 1) * (q ** (n - 1) - 1))


@claim(derived("pairs of vectors"), kind="identity", cases=[(2, 7, 3), (3, 5, 2), (5, 6, 1)])
def test_mean_of_q_to_hull(
    trial, q: Field, n: Length, k: Annotated[int, Interval(1, 6, why="all codes are written down")]
):
    """Over all codes of length $n$ and dimension $k$ the hull, which has dimension $l$, has the
    mean size $E q^l = 1 + s (q^k-1)(q^{n-k}-1)/((q^n-1)(q^{n-1}-1))$, where $s$ is the number of
    self-orthogonal vectors other than 0.
    """
    require_few(trial, q, n, k)
    counts = counted(n, k, q)
    mean = Fraction(sum(count * q**l for l, count in enumerate(counts)), sum(counts))
    trial.identity(mean, mean_power(n, k, q), ops=0, controls={"2, the limit for long codes": 2})


@predicted
def limit_law(q):
    """P(l) = Π_{i≥1} (1+q^-i)^-1 / Π_{i≤l} (q^i-1) for l = 0, 1, 2; 60 factors leave 2^-60."""
    return np.array([1, 1 / (q - 1), 1 / (q - 1) / (q**2 - 1)]) / prod(
        1 + q**-i for i in range(1, 61)
    )


@observed
def random_hulls(generator, count, n, k, q):
    """Which hulls of random k × n generators have dimension 0, 1 and 2; their rank is below k once
    in q^(n-k).
    """
    return hulls(generator.integers(q, size=(count, k, n)), q)[:, None] == [0, 1, 2]


@claim(
    known("Sendrier 1997, the limit of the hull's dimension"), kind="limit", cases=[(2, 8), (3, 7)]
)
def test_limit(
    trial,
    q: Literal[2, 3],
    k: Annotated[
        int, Interval(7, 12, why="below, the limit is too far; beyond, drawing codes takes seconds")
    ],
):
    """As $k$ and $n - k$ grow, a random code of length $n$ and dimension $k$ over $F_q$ has a hull
    of dimension $l$ with a chance that tends to $∏_{i≥1} (1+q^-i)^-1 / ∏_{i≤l} (q^i-1)$.
    """
    law = limit_law(q)
    total = subspaces(3 * k, k, q)
    remainder = np.abs(
        [float(Fraction(count, total)) for count in codes_by_hull(3 * k, k, q)[:3]] - law
    )
    slack = remainder + q ** (-2.0 * k)
    controls = {"a geometric law of ratio $1/q$": (1 - 1 / q) / q ** np.arange(3)}
    # Each code takes an elimination: for a margin of 1 % a million would be drawn.
    draws = partial(random_hulls, n=3 * k, k=k, q=q)
    trial.probability(
        sampler=draws,
        predict=law,
        margin=0.04 * law[0],
        slack=slack,
        controls=controls,
        first=2**12,
    )


@figure("F1", claims=("limit", "count"))
def hull_dimensions(codes: int = 3000):
    """Binary hulls of dimension 0 and 1 become equally likely: shares of the codes of length $3k$
    by hull dimension.

    Marks: lines: exact; points: 3000 random codes, 99.9 % intervals; dotted: limits, for 0 as for
    1.
    """
    generator = np.random.default_rng(0)
    dims = np.arange(2, 11)
    exact = np.array(
        [np.array(codes_by_hull(3 * k, k, 2)[:3]) / subspaces(3 * k, k, 2) for k in dims.tolist()]
    )
    shares = np.array([np.mean(random_hulls(generator, codes, 3 * k, k, 2), axis=0) for k in dims])
    names = [f"hull of dimension {hull}" for hull in range(3)]
    intervals = 3.3 * np.sqrt(shares * (1 - shares) / codes)
    return chart(
        {name: (dims, exact[:, hull]) for hull, name in enumerate(names)},
        {name: (dims, shares[:, hull], intervals[:, hull]) for hull, name in enumerate(names)},
        levels=dict(zip(names, limit_law(2), strict=True)),
        x="dimension k of the code",
        y="share of the binary codes",
        ylim=(0, 0.75),
    )
