"""Bulgakov & Segal 2024, "Dimensionality Reduction in Sentence Transformer Vector Databases with
Fast Fourier Transform", arXiv 2404.06278.

For whoever shrinks embeddings by a Fourier transform: what the low frequencies of unordered
coordinates hold, and what the amplitudes throw away.

Setting: an embedding $x$ has $d$ coordinates and the mean $x̄$ over them. Its discrete Fourier
transform has the coefficients $c_1, …, c_M$ at the $M$ lowest frequencies but 0. A database holds
the amplitudes $|c_k|$ and is searched by their cosine. Pairs of embeddings are jointly normal with
independent coordinates and correlation $ρ$.

Take away: a Fourier transform of an embedding picks dimensions blindly, because the order of the
coordinates means nothing (`order_is_arbitrary`). Its amplitudes have a cosine of .785 for two
unrelated texts and of 1 for opposite ones (`amplitude_similarity`). To separate a related document
from unrelated ones by the same number of standard deviations, amplitudes need 1.7 times as many
numbers as coordinates at $ρ = .9$, and 6.1 times as many at $ρ = .5$ (`numbers_needed-cost`). Among
201 documents the one with $ρ = .6$ is found first with probability .84 by 32 coordinates
(`first_hits`), and less than a third as often by 32 amplitudes (`first_hits-amplitudes`).

Edges: the coefficient at frequency 0 is the mean and is left out. $M$ amplitudes come from $2M$
real dimensions. For even $d$ the coefficient at $d/2$ is real and counts for one dimension. Real
embeddings are not isotropic; only the statement on the order of coordinates holds for every law.

Paper: it compresses sentence embeddings by a fast Fourier transform. This page says what the low
frequencies keep, and what is lost with the phases.

Abstract:

- Statement 1: the Fourier transform is an underexploited way of reducing the dimension of vector
  databases. In part: order_is_arbitrary, amplitude_similarity, numbers_needed, first_hits. Low
  frequencies hold what blindly chosen dimensions hold, and amplitudes lose the sign.
- Statement 2: databases of texts become faster and stay useful. Not on trial. It needs the texts.

Read: the abstract ("previously underexploited"), and a review that names the vector of amplitudes.
Derived here: all formulas. Not claimed: anything about embeddings of texts.

Topic: linear algebra for learning.
"""

from functools import partial
from itertools import permutations
from typing import Annotated

import numpy as np
from scipy.special import hyp2f1
from scipy.stats import beta, chi2, norm

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic, Bounded, RatioOfMeans


def pairs_of_vectors(generator, count, dimension, correlation):
    """Queries and documents (count, d) with independent standard normal coordinates."""
    queries, others = generator.normal(size=(2, count, dimension))
    return queries, correlation * queries + np.sqrt(1 - correlation**2) * others


@observed
def amplitudes(vectors, count):
    """The amplitudes (…, M) at the lowest frequencies but 0."""
    return np.abs(np.fft.rfft(vectors)[..., 1 : count + 1])


@observed
def cosine(first, second):
    """The cosines (…,) of vectors (…, M)."""
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return np.sum(first * second, axis=-1) / lengths


@observed
def low_shares(vectors, frequencies):
    """The shares (…,) of |x - x̄|² that are left if all other frequencies are set to 0."""
    centred = vectors - np.mean(vectors, axis=-1, keepdims=True)
    transformed = np.fft.rfft(centred)
    transformed[..., frequencies + 1 :] = 0
    kept = np.fft.irfft(transformed, n=vectors.shape[-1])
    return np.sum(kept**2, axis=-1) / np.sum(centred**2, axis=-1)


@observed
def similarities(generator, count, numbers, correlation):
    """The cosines (count,) of the amplitudes of pairs, M = `numbers` of each."""
    pair = pairs_of_vectors(generator, count, 2 * numbers + 2, correlation)
    return cosine(*(amplitudes(vectors, numbers) for vectors in pair))


@observed
def crowd_variances(generator, count, numbers, documents=80):
    """M times the variances (count,) of the cosines of a query and unrelated documents."""
    dimension = 2 * numbers + 2
    found = []
    for _ in range(count):
        query = amplitudes(generator.normal(size=dimension), numbers)
        crowd = amplitudes(generator.normal(size=(documents, dimension)), numbers)
        found.append(numbers * np.var(cosine(query, crowd), ddof=1))
    return np.array(found)


@observed
def squared_separations(generator, count, numbers, correlation, documents=6):
    """Pairs (count, 2): their means' ratio is the squared separation of coordinates over that of
    amplitudes, both of M numbers. A separation is the mean cosine with the document that is sought
    less that with others, over their standard deviation.
    """
    dimension = 2 * numbers + 2
    # Independent factors have the product of their means as mean: two queries for gaps, one for
    # the spread of others.
    queries, sought = pairs_of_vectors(generator, 3 * count, dimension, correlation)
    crowd = generator.normal(size=(documents, 3 * count, dimension))
    factors = []
    for shrink in (lambda x: amplitudes(x, numbers), lambda x: x[..., :numbers]):
        query = shrink(queries)
        others = cosine(query, shrink(crowd))
        gaps = cosine(query, shrink(sought)) - np.mean(others, axis=0)
        spreads = np.var(others[:, 2 * count :], axis=0, ddof=1)
        factors.append((gaps[:count] * gaps[count : 2 * count], spreads))
    (gap, spread), (coordinate_gap, coordinate_spread) = factors
    return np.stack([coordinate_gap * spread, gap * coordinate_spread], axis=1)


@observed
def first_hits(generator, count, numbers, correlation, others, shrink=None):
    """Whether (count,) the cosine with the document that is sought exceeds that with all others, of
    M coordinates; or of what `shrink` makes of 2M + 2 coordinates.
    """
    dimension = numbers if shrink is None else 2 * numbers + 2
    shrink = shrink or (lambda vectors: vectors)
    query, sought = pairs_of_vectors(generator, count, dimension, correlation)
    crowd = shrink(generator.normal(size=(others, count, dimension)))
    query = shrink(query)
    return cosine(query, shrink(sought)) > np.max(cosine(query, crowd), axis=0)


@predicted
def chance_of_first_hit(numbers, correlation, others):
    """E F(t)^N: t is the cosine of a query and the document that is sought, F the law of that with
    others, (1 + t)/2 ~ Beta((M - 1)/2, (M - 1)/2); over quantiles of the query's length and of both
    parts of the document, along the query and across. ValueError for fewer than 2 numbers.
    """
    if numbers < 2:
        raise ValueError("numbers must be at least 2: in one dimension a cosine is ±1")
    ranks = (np.arange(40) + 0.5) / 40
    lengths = np.sqrt(chi2(numbers).ppf(ranks))
    own = np.sqrt(1 - correlation**2)
    along = np.add.outer(correlation * lengths, own * norm.ppf(ranks))[..., None]
    cosines = along / np.sqrt(along**2 + own**2 * chi2(numbers - 1).ppf(ranks))
    law = beta((numbers - 1) / 2, (numbers - 1) / 2)
    return np.mean(law.cdf((1 + cosines) / 2) ** others)


@predicted
def blind_share(dimension, frequencies):
    """m/(d - 1), m = 2f, or 2f - 1 at f = d/2; ValueError for frequencies outside [1, d/2]."""
    if not 1 <= frequencies <= dimension / 2:
        raise ValueError("frequencies must lie in [1, d/2]")
    return (2 * frequencies - (2 * frequencies == dimension)) / (dimension - 1)


@predicted
def similarity(correlation):
    """F(ρ) = (π/4) ₂F₁(-1/2, -1/2; 1; ρ²), for ρ in [-1, 1]; ValueError otherwise."""
    if np.any(np.abs(correlation) > 1):
        raise ValueError("correlation must lie in [-1, 1]")
    return np.pi / 4 * hyp2f1(-0.5, -0.5, 1, np.square(correlation))


@predicted
def crowd_variance():
    """1 - π/4 - π²/64, the limit of M times the variance for one query."""
    return 1 - np.pi / 4 - np.pi**2 / 64


@predicted
def cost(correlation):
    """(ρ s/(F(ρ) - π/4))², s² = 1 - π/4 - π²/64: how many amplitudes stand for a coordinate, for ρ
    in (0, 1]; ValueError otherwise.
    """
    if not 0 < correlation <= 1:
        raise ValueError("correlation must lie in (0, 1]: unrelated texts are not told apart")
    return crowd_variance() * (correlation / (similarity(correlation) - np.pi / 4)) ** 2


@predicted
def by_autocorrelation(vector, count):
    """The squared amplitudes (M,) from the circular autocorrelation of the coordinates."""
    dimension = len(vector)
    lags = np.arange(dimension)
    products = np.array([vector @ vector[(lags + lag) % dimension] for lag in lags])
    waves = np.cos(2 * np.pi * np.outer(np.arange(1, count + 1), lags) / dimension)
    return waves @ products


@claim(
    derived("a random order turns the coordinates about their mean at random"),
    kind="identity",
    cases=[(5, 1), (6, 3), (7, 2), (3, 1)],
)
def test_order_is_arbitrary(
    trial,
    dimension: Annotated[
        int, Interval(3, 7, why="of two coordinates there is one frequency; d! orders")
    ],
    frequencies: Annotated[int, Interval(1, 3, why="f; there are d/2 at most")],
):
    """Let $x$ have $d$ coordinates that are not all equal, with the mean $x̄$. Averaged over all
    orders of the coordinates, the Fourier frequencies $1, …, f$ hold $m/(d - 1)$ of $|x - x̄|²$,
    where $m = 2f$, or $2f - 1$ at $f = d/2$, is the number of their dimensions.
    """
    trial.require(2 * frequencies <= dimension, "frequencies must be at most half of dimension")
    walk = np.cumsum(trial.generator("x").normal(size=dimension))
    orders = np.array(list(permutations(walk)))
    law = blind_share(dimension, frequencies)
    rivals = {
        "$2f$ of $d - 1$ at any $f$": 2 * frequencies / (dimension - 1),
        "$m$ of $d$": law * (dimension - 1) / dimension,
        "$f$ of the frequencies": frequencies / (dimension // 2),
    }
    trial.identity(
        np.mean(low_shares(orders, frequencies)),
        law,
        ops=1e4,
        generic="both sides are quadratic in x, over its squared length",
        controls={name: value for name, value in rivals.items() if abs(value - law) > 1e-6},
        control_processes=(
            {"sorted coordinates": low_shares(np.sort(walk), frequencies)}
            if 2 * frequencies < dimension - 1
            else {}
        ),
    )


@claim(
    derived("the product moment of two Rayleigh variables"),
    kind="limit",
    cases=[0.0, 0.6, -0.9],
)
def test_amplitude_similarity(
    trial, correlation: Annotated[float, Interval(-0.99, 0.99, why="ρ; at ±1 both vectors are one")]
):
    """The cosine of the amplitudes of two embeddings with correlation $ρ$ tends to
    $F(ρ) = (π/4) ₂F₁(-1/2, -1/2; 1; ρ²)$ as $M → ∞$: $π/4$ for unrelated texts, 1 for opposite
    ones. Here $M$ is 399.
    """
    law = float(similarity(correlation))
    rivals = {
        "the cosine of the coordinates": correlation,
        "$π/4 + (1 - π/4) ρ²$": np.pi / 4 + (1 - np.pi / 4) * correlation**2,
        "1 only for equal texts, $(1 + ρ)/2$": (1 + correlation) / 2,
    }
    trial.mean(
        sampler=partial(similarities, numbers=399, correlation=correlation),
        predict=law,
        law=Bounded(0, 1),
        margin=0.003,
        slack=0.0005,
        controls={name: value for name, value in rivals.items() if abs(value - law) > 0.0045},
        first=2_048,
        most=50_000,
    )


@claim(
    derived("what the circular autocorrelation does not see"),
    kind="identity",
    cases=[8, 64, 333],
)
def test_amplitude_similarity__blind(
    trial,
    dimension: Annotated[
        int, Interval(8, 400, why="d; of fewer coordinates many orders are one up to a shift")
    ],
):
    """$x$, $-x$, and $x$ with its coordinates shifted in a circle or reflected have the same
    amplitudes, whose squares are the transform of the circular autocorrelation.
    """
    generator = trial.generator("x")
    vector = generator.normal(size=dimension)
    count = (dimension - 1) // 2
    law = by_autocorrelation(vector, count)
    others = [vector, -vector, np.roll(vector, 2), vector[::-1]]
    shuffled = amplitudes(np.sort(vector), count) ** 2
    trial.identity(
        amplitudes(np.array(others), count) ** 2,
        np.tile(law, (4, 1)),
        ops=10 * dimension,
        scale=vector @ vector,
        generic="both sides are quadratic in x",
        controls={"white noise": np.full((4, count), vector @ vector)},
        control_processes={"another order": np.tile(shuffled, (4, 1))},
    )


@claim(
    derived("the delta method, for one query"),
    kind="limit",
    cases=[127, 95],
    low_power="a sample is a crowd of documents",
)
def test_numbers_needed(
    trial, numbers: Annotated[int, Interval(95, 191, why="M; the limit is at infinity")]
):
    """Over documents that are unrelated to one query, $M$ times the variance of the cosine of
    amplitudes tends to $s² = 1 - π/4 - π²/64 = .0604$ as $M → ∞$.
    """
    law = crowd_variance()
    trial.mean(
        sampler=partial(crowd_variances, numbers=numbers),
        predict=law,
        law=Asymptotic(),
        margin=0.06 * law,
        slack=0.02 * law,
        controls={
            "over queries, too, $1 - 3π²/32$": 1 - 3 * np.pi**2 / 32,
            "as for coordinates": 1.0,
            "the variance of an amplitude, $1 - π/4$": 1 - np.pi / 4,
        },
        first=64,
        most=4000,
    )


@claim(
    derived("mean and variance of both cosines"),
    kind="limit",
    cases=[0.9, 0.6],
    low_power="a ratio of products of four factors varies much",
)
def test_numbers_needed__cost(
    trial,
    correlation: Annotated[
        float, Interval(0.5, 0.95, why="ρ; unlike pairs need many draws, like ones agree")
    ],
):
    """For the same distance of a document with correlation $ρ$ from the crowd of unrelated ones, in
    standard deviations, amplitudes need $(ρ s/(F(ρ) - π/4))²$ times as many numbers as coordinates
    as $M → ∞$, where $s² = 1 - π/4 - π²/64$. Here $M$ is 127.
    """
    law = float(cost(correlation))
    rivals = {
        "as many": 1.0,
        "twice as many, as half of the numbers are lost": 2.0,
        "the limit of small $ρ$ at any $ρ$": (16 * np.sqrt(crowd_variance()) / np.pi / correlation)
        ** 2,
    }
    trial.mean(
        sampler=partial(squared_separations, numbers=127, correlation=correlation),
        predict=law,
        law=RatioOfMeans(),
        margin=0.1 * law,
        slack=0.03 * law,
        controls={name: value for name, value in rivals.items() if abs(value / law - 1) > 0.16},
        first=1_024,
        most=100_000,
    )


Related = Annotated[float, Interval(0.5, 0.6, why="ρ; like pairs are found by both")]
Short = Annotated[int, Interval(24, 32, why="M; with more, both find the document")]
Others = Annotated[int, Interval(150, 250, why="N; of few the document is found by both")]


@claim(
    derived("the law of cosines of normal vectors"),
    kind="distribution",
    cases=[(32, 0.6, 200), (24, 0.6, 200), (32, 0.5, 150)],
    low_power="a sample is a crowd of documents",
)
def test_first_hits(trial, numbers: Short, correlation: Related, others: Others):
    """A query has the correlation $ρ$ with one document and none with $N$ others, in $M$ normal
    coordinates. This document has the largest cosine with the query with probability $E F(t)^N$,
    where $t$ is its cosine and $(1 + t)/2$ has the law $F$, $Beta((M - 1)/2, (M - 1)/2)$, for the
    others.
    """
    law = chance_of_first_hit(numbers, correlation, others)
    trial.probability(
        partial(first_hits, numbers=numbers, correlation=correlation, others=others),
        law,
        margin=0.08 * law,
        controls={
            "among as many as coordinates": chance_of_first_hit(numbers, correlation, numbers),
            "as of half as many coordinates": chance_of_first_hit(
                numbers // 2, correlation, others
            ),
        },
        first=512,
    )


@claim(
    derived("a third of the hits by coordinates, seen"),
    kind="bound",
    not_tight="a third is a round number",
    cases=[(32, 0.6, 200), (24, 0.6, 200), (32, 0.5, 150)],
)
def test_first_hits__amplitudes(trial, numbers: Short, correlation: Related, others: Others):
    """A query has the correlation $ρ$ with one document and none with $N$ others. The document is
    found first by the cosine of $M$ amplitudes less than a third as often as by that of $M$
    coordinates. This was seen, and is not proved.
    """
    law = chance_of_first_hit(numbers, correlation, others)
    fewer = max(2, round(numbers / cost(correlation)))
    trial.probability(
        partial(
            first_hits,
            numbers=numbers,
            correlation=correlation,
            others=others,
            shrink=partial(amplitudes, count=numbers),
        ),
        law / 3,
        side="at most",
        controls={
            "no more than by chance": 1 / (others + 1),
            "as so many coordinates as amplitudes are worth, less a half": (
                chance_of_first_hit(fewer, correlation, others) / 2
            ),
        },
        first=256,
    )


@figure("F1", claims=("amplitude_similarity",))
def what_amplitudes_see(numbers: int = 100, pairs: int = 60):
    """Amplitudes make opposite embeddings look equal, and unrelated ones look alike.

    The cosine of two embeddings' amplitudes against the correlation of their coordinates. Marks:
    line: limit $F$; points: means of 60 random pairs, $M = 100$, with quantiles from 5 % to 95 %;
    dashed: coordinates.
    """
    generator = np.random.default_rng(0)
    fine = np.linspace(-1, 1, 201)
    at = np.linspace(-0.96, 0.96, 13)
    drawn = np.concatenate([similarities(generator, pairs, numbers, rho) for rho in at])
    return chart(
        {"amplitudes": (fine, similarity(fine)), "coordinates": (fine, fine)},
        {"amplitudes": (np.repeat(at, pairs), drawn)},
        dashed=["coordinates"],
        x="correlation ρ of the coordinates",
        y="cosine",
        ylim=(-1.05, 1.05),
    )
