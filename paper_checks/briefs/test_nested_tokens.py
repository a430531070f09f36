"""Wen, Zhao, Elezi, Deng & Qi 2025, ""Principal Components" Enable A New Language of Images", ICCV,
arXiv 2503.08685.

For whoever expects the first token of an ordered tokenizer to explain most.

Take away: this is true of real-valued tokens with linear decoders, and not of discrete tokens. With
$V^b$ equally likely classes at equal distances every optimal token of $V$ values explains $V$ times
as much as its predecessor, until $b$ tokens are used: for 16 classes bits explain 1/15, 2/15, 4/15
and 8/15 of the variance.

The data are centred, and $ℓ_1 >= ℓ_2 >= …$ are the eigenvalues of their covariance; the share of a
direction is $ℓ_i/∑_l ℓ_l$. Tokens take $V$ values, and the first $j$ of them are a code of at most
$V^j$ words. A decoder sees the first $j$ tokens; the best one answers with the mean of the data of
each word, and explains a share of the variance, that of the means. Token $j$ explains what prefix
$j$ explains beyond prefix $j − 1$. The simplex has $n$ equally likely points at equal distances. An
optimal nested code has the largest $sum_j w_j e_j$ for weights $w_j > 0$, where prefix $j$ explains
$e_j$.

Edges: a greedy tree on the exact simplex may split off one point at a time, and then every token
explains $1/(n − 1)$. For continuous data the shares fall: bits of a uniform number explain 3/4,
3/16, 3/64. One real-valued token with an arbitrary decoder may encode everything, so that there is
no order.

Paper: an image tokenizer orders its tokens, as principal components are, by dropping the later ones
in training. This page says which order optimal codes and linear decoders have.

Abstract:

- Statement 1: successive tokens explain less and less variance, as principal components do, which
  is guaranteed. In part: linear_decreases, doubling, half_rule, words. It holds for decoders that
  are linear in real tokens, and not for words; the paper's conditions were not read.
- Statement 2: each token adds what the others do not tell. In part: linear_decreases, doubling.
  Explained shares add up by definition.
- Statement 3: a diffusion decoder separates semantic content from spectral detail. Not on trial. It
  needs images and networks.
- Statement 4: reconstruction and generation match the best with fewer tokens. Not on trial. It
  needs large models.

Read: the abstract. Derived here: all claims. Not claimed: that the paper's proof has these
conditions. Topic: representations.
"""

from functools import cache
from itertools import product
from typing import Annotated

import numpy as np
from scipy.optimize import minimize

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Points = Annotated[int, Interval(4, 60, why="n; of three all codes are known")]
Words = Annotated[int, Interval(2, 40, why="m; one word explains nothing")]
Side = Annotated[float, Interval(0.3, 3, why="half a side of the box, of any unit")]
STARTS = 6


def simplex(count):
    """Points (n, n) at equal distances, centred."""
    return np.eye(count) - 1 / count


def box(first, second, third):
    """The four points (a s_1, b s_2, c s_1 s_2) for signs s, (4, 3)."""
    signs = np.array(list(product([-1, 1], repeat=2)))
    return np.column_stack([signs, signs.prod(axis=1)]) * [first, second, third]


def classes(generator, words, count):
    """The words (n,) of a random code of n points, none of them empty."""
    return generator.permutation(np.append(np.arange(words), generator.integers(0, words, count)))


@predicted
def largest_shares(points, words):
    """The sum of the m − 1 largest shares of the variance."""
    return np.sum(shares(points)[: words - 1])


@predicted
def simplex_share(words, count):
    """Return (m − 1)/(n − 1)."""
    if not 1 <= words <= count or count < 2:
        raise ValueError("words must lie in [1, count], and count must be at least 2")
    return (words - 1) / (count - 1)


@predicted
def growing(values, tokens):
    """V^(j − 1) (V − 1)/(n − 1) for j = 1 .. b, n = V^b."""
    powers = float(values) ** np.arange(tokens)
    return powers * (values - 1) / (float(values) ** tokens - 1)


@predicted
def halves(first, second, third):
    """The largest of a², b², c² over their sum, and the rest."""
    squares = np.array([first, second, third]) ** 2
    best = squares.max() / squares.sum()
    return np.array([best, 1 - best])


@predicted
def shares(points):
    """ℓ_j/Σ ℓ, in falling order."""
    squares = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) ** 2
    return squares / np.sum(squares)


@observed
def explained(points, code):
    """The share of the variance in the means of the points of each word."""
    total = 0.0
    for word in np.unique(code):
        inside = points[code == word]
        total += len(inside) * np.sum(inside.mean(axis=0) ** 2)
    return total / np.sum(points**2)


@observed
def trained_code(generator, points, words, steps=30):
    """The words (n,) of a code by Lloyd's steps from random points."""
    centres = points[generator.permutation(len(points))[:words]]
    for _ in range(steps):
        code = np.argmin(((points[:, None] - centres) ** 2).sum(axis=2), axis=1)
        centres = np.array(
            [
                points[code == w].mean(axis=0) if np.any(code == w) else centres[w]
                for w in range(words)
            ]
        )
    return code


@observed
def best_nested_code(points, values, weights):
    """What each token explains under the nested code of tokens of V values with the largest
    Σ w_j explained_j, by a search over all ways to split every set of points (b,).
    """
    count = len(points)
    members = np.array(list(product([0, 1], repeat=count)))  # of the set with a number's bits
    energies = np.sum((members @ points) ** 2, axis=1) / np.maximum(members.sum(axis=1), 1)
    later = np.cumsum(weights[::-1])[::-1]  # what token j explains counts for all later prefixes

    def splits(inside, parts):
        """All ways to put a set, a number of bits, into at most `parts` parts."""
        if parts == 1 or inside == 0:
            yield (inside,)
            return
        first = inside & -inside
        rest = inside ^ first
        chosen = rest
        while True:  # over all subsets of the rest
            for others in splits(rest ^ chosen, parts - 1):
                yield (first | chosen, *others)
            if chosen == 0:
                return
            chosen = (chosen - 1) & rest

    @cache
    def best(inside, token):
        """The largest weighted gain below a set, and the energies that the tokens add to it."""
        if token == len(weights):
            return 0.0, ()
        found = (-1.0, ())
        for parts in splits(inside, values):
            below = [best(part, token + 1) for part in parts]
            gain = sum(energies[part] for part in parts) - energies[inside]
            value = later[token] * gain + sum(b[0] for b in below)
            if value > found[0]:
                added = np.sum([b[1] for b in below], axis=0) if below[0][1] else ()
                found = value, (gain, *added)
        return found

    return np.array(best(2**count - 1, 0)[1]) / np.sum(points**2)


@observed
def trained_linear(generator, points, weights):
    """What each real token explains after training: a decoder (b, d) of which a prefix uses the
    first rows, by BFGS on Σ w_j times the squared error of prefix j from several starts. Tokens
    (n, b) are the best for each decoder, as no encoder can do better.
    """
    later = np.cumsum(weights[::-1])[::-1]  # a token is in all later prefixes
    both = np.minimum.outer(later, later)

    def best_tokens(decoder):
        return np.linalg.solve(both * (decoder @ decoder.T), later[:, None] * (decoder @ points.T))

    def rests(tokens, decoder):
        """What each prefix leaves of the points (b, n, d)."""
        return points - np.cumsum(tokens[:, :, None] * decoder[:, None], axis=0)

    def loss(entries):
        decoder = entries.reshape(len(weights), -1)
        tokens = best_tokens(decoder)
        left = rests(tokens, decoder)
        weighted = weights[:, None, None] * left
        slopes = np.cumsum(weighted[::-1], axis=0)[::-1]
        return np.sum(weighted * left), -2 * np.einsum("jnd,jn->jd", slopes, tokens).ravel()

    starts = generator.normal(size=(STARTS, len(weights) * points.shape[1]))  # some end at a saddle
    ends = [minimize(loss, start, jac=True, method="BFGS", tol=1e-9) for start in starts]
    decoder = min(ends, key=lambda end: end.fun).x.reshape(len(weights), -1)
    errors = np.sum(rests(best_tokens(decoder), decoder) ** 2, axis=(1, 2))
    return -np.diff([np.sum(points**2), *errors]) / np.sum(points**2)


def drawn_cloud(generator, count, dim):
    """Centred points (count, dim) with heavy tails, whose sizes fall from coordinate to coordinate
    by a factor of three in all.
    """
    cloud = generator.standard_t(4, size=(count, dim)) * np.geomspace(3, 1, dim)
    return cloud - cloud.mean(axis=0)


@claim(
    derived("$m$ centred means span $m − 1$ directions"),
    kind="bound",
    cases=[(20, 4, 3), (60, 8, 5), (12, 3, 2)],
)
def test_words(
    trial,
    count: Points,
    dim: Annotated[int, Interval(3, 8, why="d; in two all codes of three words explain all")],
    words: Words,
):
    """A code of $m$ words, decoded by the mean of the data of each word, explains at most the sum
    of the $m − 1$ largest shares $ℓ_i/∑_l ℓ_l$ of the variance, where $ℓ_i$ are the eigenvalues of
    the data's covariance.
    """
    trial.require(words <= dim, "words must be at most dim: more may explain all")
    trial.require(words < count, "words must be fewer than count: else they explain all")
    generator = trial.generator("data")
    clouds = [simplex(words + 1)]  # attains the bound
    clouds += [drawn_cloud(generator, count, dim) for _ in range(230)]
    codes = [np.append(np.arange(words), 0)]
    codes += [trained_code(generator, cloud, words) for cloud in clouds[1:]]
    if words > 2:
        bits = int(np.log2(words))
        rival = {"$log₂ m$ directions": np.array([largest_shares(c, 1 + bits) for c in clouds])}
    else:
        rival = {"the mean share": np.array([1 / cloud.shape[1] for cloud in clouds])}
    trial.bound(
        np.array([explained(cloud, code) for cloud, code in zip(clouds, codes, strict=True)]),
        np.array([largest_shares(cloud, words) for cloud in clouds]),
        instances="draws",
        independent=230,
        ops=1e3,
        attained=0.999,
        controls=rival,
    )


@claim(
    derived("the mean of $s$ points has the squared length $(n − s)/(s (n − 1))$"),
    kind="identity",
    cases=[(5, 2), (60, 33), (16, 4), (9, 8)],
)
def test_words__simplex(trial, count: Points, words: Words):
    """On $n$ equally likely points at equal distances every code of $m$ words, none of them empty,
    explains exactly $(m − 1)/(n − 1)$ of the variance if each word is decoded by the mean of its
    points.
    """
    trial.require(words < count, "words must be fewer than count: there are no more")
    generator = trial.generator("codes")
    codes = [classes(generator, words, count - words) for _ in range(172)]
    trial.identity(
        (count - 1) * np.array([explained(simplex(count), code) for code in codes]),
        np.full(172, (count - 1) * simplex_share(words, count)),
        ops=100 * count,
        independent=172,
        controls={
            "$m/n$": np.full(172, (count - 1) * words / count),
            "1 minus the sum of the squared shares of the words": (count - 1)
            * np.array([1 - np.sum((np.bincount(code) / count) ** 2) for code in codes]),
        },
    )


@claim(
    tried(
        "abstract: mathematically guaranteed decreasing explained variance",
        "words of a simplex, with shares that grow",
    ),
    kind="identity",
    cases=[(2, 3), (2, 2), (3, 2)],
)
def test_doubling(
    trial,
    values: Annotated[int, Interval(2, 3, why="V; all codes of V^b points are searched")],
    tokens: Annotated[
        int, Interval(2, 3, why="b; one token has no predecessor; 2³ points at most")
    ],
):
    """Tokens of $V$ values encode $n = V^b$ equally likely points at equal distances, and a decoder
    answers each prefix with the mean of its points. In every optimal nested code token $j <= b$
    explains $V^(j − 1) (V − 1)/(n − 1)$ of the variance, $V$ times as much as the token before.
    """
    trial.require(values**tokens <= 9, "values to the power tokens must be 9 at most: all codes")
    weights = trial.generator("weights").uniform(0.2, 2, tokens)
    law = growing(values, tokens)
    trial.identity(
        best_nested_code(simplex(values**tokens), values, weights),
        law,
        ops=1e3,
        instances="search",
        controls={
            "decreasing, as of principal components": law[::-1],
            "all tokens explain the same": np.full(tokens, 1 / tokens),
        },
    )


@claim(
    derived("2–2 splits give $a²$, $b²$ or $c²$, and 1–3 splits a third"),
    kind="optimality",
    cases=[(3.0, 2.0, 1.0), (1.0, 1.1, 1.2), (2.0, 1.5, 0.3), (0.3, 3.0, 0.4)],
)
def test_half_rule(trial, first: Side, second: Side, third: Side):
    """Two bits encode the four points $(a s_1, b s_2, c s_1 s_2)$, $s_1$, $s_2 = ±1$, and a decoder
    answers each prefix with the mean of its points. The first bit of the optimal nested code
    explains $max(a², b², c²)/(a² + b² + c²)$ of the variance, and the second all the rest.
    """
    drawn = trial.generator("weights").uniform(0.2, 2, (172, 2))
    law = halves(first, second, third)
    squares = np.sort(np.array([first, second, third]) ** 2)[::-1]
    trial.require(squares[0] > 1.001 * squares[1], "the sides must differ: a tie has many optima")
    trial.identity(
        [w * best_nested_code(box(first, second, third), 2, w) for w in drawn],
        drawn * law,
        ops=1e3,
        independent=172,
        controls={
            "a third first, as for the simplex": drawn * [1 / 3, 2 / 3],
            "two principal components": drawn * [law[0], squares[1] / squares.sum()],
        },
    )


@claim(
    tried(
        "abstract: mathematically guaranteed decreasing explained variance",
        "real tokens with linear decoders",
    ),
    kind="optimality",
    cases=[3, 5, 6],
)
def test_linear_decreases(
    trial, dim: Annotated[int, Interval(3, 6, why="d, and tokens; they are trained")]
):
    """Let any encoder make $d$ real tokens, and let linear maps decode the first $j$ of them, for
    all $j$. At the optimum of all prefixes token $j$ explains the share $ℓ_j/∑_l ℓ_l$ of the
    variance, where $ℓ_1 >= ℓ_2 >= …$ are the eigenvalues of the data's covariance: the shares fall.
    """
    generator = trial.generator("data")
    drawn = generator.normal(size=(3 * dim, dim))
    left, _, right = np.linalg.svd(drawn - drawn.mean(axis=0), full_matrices=False)
    # The components are apart, so that no share is near another.
    points = left * np.geomspace(2, 1, dim) @ right
    law = shares(points)
    trial.value(
        trained_linear(generator, points, np.full(dim, 1 / dim)),
        law,
        error=1e-6,
        margin=1e-4,
        scale=float(law[-1]),
        generic="the least loss and the shares are analytic where eigenvalues are distinct",
        controls={
            "all tokens explain the same": np.full(dim, 1 / dim),
            "rising, as of words": law[::-1],
        },
    )


@figure("F1", claims=("doubling", "linear_decreases", "words-simplex"))
def explained_by_token(count: int = 16):
    """Optimal bits for equidistant classes explain twice as much from one token to the next.

    Share of the variance that a token explains. Marks: lines: law; points: 16 classes, random
    nested codes that use all words; linear tokens, trained; bits of a uniform number, by halving.
    """
    generator = np.random.default_rng(0)
    places = np.arange(1, 5)
    order = generator.permutation(count)
    inside = np.empty(count, dtype=int)
    inside[order] = np.arange(count)
    prefixes = [explained(simplex(count), inside >> (4 - j)) for j in places]
    numbers = (np.arange(4096) + 0.5)[:, None] / 4096 - 0.5
    halvings = [explained(numbers, np.arange(4096) >> (12 - j)) for j in places]
    trained = trained_linear(generator, simplex(count), np.full(4, 0.25))
    names = ("bits, 16 classes", "linear tokens, 16 classes", "bits, uniform number")
    return chart(
        {
            names[0]: (places, growing(2, 4)),
            names[1]: (places, shares(simplex(count))[:4]),
            names[2]: (places, 0.75 * 4.0 ** (1 - places)),
        },
        {
            names[0]: (places, np.diff([0, *prefixes])),
            names[1]: (places, trained),
            names[2]: (places, np.diff([0, *halvings])),
        },
        x="token",
        y="share of the variance explained",
        xticks=places,
        ylim=(0, 0.82),
        legend="upper center",
    )
