"""Huang, Zelikman, Chen, Wu, Valiant & Liang 2023, "Lexinvariant Language Models", NeurIPS, arXiv
2305.16349.

For whoever drops fixed embeddings of tokens and asks how many nats their names were worth in total.

Setting: a source $P$ makes words of $T$ tokens out of $V$ symbols. $M(x) = (1/V!) ∑_π P(πx)$ over
all renamings $π$ is the best model that does not know the names. $Aut$ is the group of the
renamings that do not change $P$. A model $Q$ is lexinvariant if $Q(πx) = Q(x)$. $KL(P‖M)$ is the
divergence of $P$ from $M$ on words of $T$ tokens, in nats.

Take away: names cost at most $log(V!/|Aut|)$ nats in total, whatever the length (price_at_most):
for 26 letters $log 26! = 61$ nats. No lexinvariant model pays less than $M$ (price_is_due). The
likeliest naming of the symbols is wrong with a chance that falls as the part of the price that is
not yet paid (deciphered, deciphered-rate).

Edges: the part of the price that is not yet paid at length $T$ falls at a rate that the pair of
probabilities with the closest square roots sets, and not the pair with the smallest difference. For
$V = 2$ the mean error of the first $T$ next tokens is of the order $1/√T$ uniformly over sources;
for each single source it is of the order $1/T$. The sums have $V!$ terms, which limits the sizes
that can be enumerated.

Paper: it trains models with random embeddings for each sequence, and shows that they can approach
the true next-token law. This page computes the price and its rates for small sources.

Abstract:

- Sentence 1: embeddings of tokens are at the heart of language models. No statement.
- Sentences 3 to 5: can a model do without fixed embeddings? No statement.
- Sentence 6, first half: a model without fixed embeddings converges to the true next-token law, at
  a uniform rate that is polynomial in the length. Holds: price_at_most, uniform_rate. By Pinsker's
  inequality the mean error is at most $√(2 log V!/T)$; with the constant for two symbols.
- Sentence 6, second half: the constant of this rate is sublinear in the number of symbols. Holds:
  price_at_most. $√(log V!)$ is.
- Sentence 7: a model encodes tokens by random vectors in each sequence. No statement.
- Sentence 8: its perplexity is near the usual one, if the context is long. Not on trial. It is a
  measurement of trained models.
- Sentence 9: it deciphers substitution codes. In part: deciphered, deciphered-rate. For two and
  three independent symbols and the likeliest naming; the paper reads it off a trained model.
- Sentences 10 and 11: it does better than usual models on synthetic reasoning. Not on trial. These
  are measurements of trained models.

Read: the abstract, in a copy ("uniform rate that is polynomial in terms of the context length").
Derived here: all claims and constants. Not claimed: anything on trained models. Topic: sequence
models and attention.
"""

from itertools import permutations
from math import factorial
from typing import Annotated, Literal

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, logsumexp
from scipy.stats import binom

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Source = Literal["independent", "tie", "turning", "clock"]
Symbols = Annotated[int, Interval(3, 4, why="all V^T words are listed; two have one renaming")]
Length = Annotated[int, Interval(3, 6, why="all V^T words are listed")]
Gap = Annotated[float, Interval(0.35, 0.45, why="of √p: nearer ones are told apart later")]
Ratio = Annotated[
    float, Interval(0.95, 1.05, why="of both gaps: of unlike ones the smaller decides")
]
MOST = 8
PLACES = np.polynomial.hermite_e.hermegauss(80)


def source(generator, kind, symbols):
    """Chances of the first token (V,) and of steps (V, V): independent tokens, all unlike or with a
    tie, a chain that is the same for all turns of the alphabet, and a clock that starts at 0.
    """
    start = np.full(symbols, 1 / symbols)
    if kind == "clock":
        return np.eye(symbols)[0], np.roll(np.eye(symbols), 1, axis=1)
    # Unlike by a factor, so that words tell them apart.
    chances = generator.uniform(0.8, 1.2, size=symbols) * 4.0 ** -np.arange(symbols)
    if kind == "tie":
        chances[1] = chances[0]
    chances /= chances.sum()
    if kind == "turning":
        return start, np.array([np.roll(chances, row + 1) for row in range(symbols)])
    return chances, np.tile(chances, (symbols, 1))


def all_words(symbols, length):
    """All words (V^T, T)."""
    return np.indices((symbols,) * length).reshape(length, -1).T


def chances_of_words(start, steps, words):
    """P of words (count, T)."""
    return start[words[:, 0]] * np.prod(steps[words[:, :-1], words[:, 1:]], axis=1)


def divergence(first, second):
    """KL of laws on the same words, in nats."""
    seen = first > 0
    return np.sum(first[seen] * np.log(first[seen] / second[seen]))


@observed
def pattern_of(words):
    """An index (count,) of which places of a word have equal tokens."""
    first_places = np.argmax(words[:, :, None] == words[:, None, :], axis=2)
    return np.unique(first_places, axis=0, return_inverse=True)[1].ravel()


@observed
def without_names(chances, words):
    """M: the mean of P over all words of one pattern of equalities (count,)."""
    pattern = pattern_of(words)
    return (np.bincount(pattern, chances) / np.bincount(pattern))[pattern]


@observed
def lexinvariant(generator, words):
    """A drawn lexinvariant law: drawn chances of patterns, alike within each."""
    pattern = pattern_of(words)
    counts = np.bincount(pattern)
    return (generator.dirichlet(np.ones(len(counts))) / counts)[pattern]


@observed
def law_of_fair_walk(length):
    """Places within 10 √T and the law of a fair walk of T steps there, which loses e^-50."""
    reach = int(np.ceil(10 * np.sqrt(length)))
    law = np.zeros(2 * reach + 1)
    law[reach] = 1
    for _ in range(length):
        law = (np.roll(law, 1) + np.roll(law, -1)) / 2
    return np.arange(-reach, reach + 1), law


@observed
def scaled_price_of_walk(chance, length):
    """E log(1 + e^(-h S)) times h √(T/2π)/ρ^T, on a walk S. Its law is that of a fair walk times
    ρ^T e^(h s/2), so that no chance underflows.
    """
    odds = np.log(chance / (1 - chance))
    leads, law = law_of_fair_walk(length)
    near = np.abs(odds * leads) < 600  # the rest is below e^-300
    price = np.logaddexp(0, -odds * leads[near]) * np.exp(odds * leads[near] / 2)
    return odds * np.sqrt(length / (2 * np.pi)) * (law[near] @ price)


@observed
def price_left_of_three(chances, length):
    """Log V! - KL(P‖M) of three independent tokens by all counts of tokens, with the sum over all
    renamings but the identity, so that no digits cancel.
    """
    first, second = np.meshgrid(*2 * [np.arange(length + 1)], indexing="ij")
    kept = first + second <= length
    counts = np.stack([first[kept], second[kept], (length - first - second)[kept]], axis=1)
    logs = counts @ np.log(chances)
    orders = list(permutations(range(3)))[1:]
    others = logsumexp([counts @ np.log(chances)[list(order)] for order in orders], axis=0)
    ways = gammaln(length + 1) - gammaln(counts + 1).sum(axis=1)
    return np.exp(ways + logs) @ np.logaddexp(0, others - logs)


@observed
def wrong_namings(generator, n, chances, length):
    """Whether the likeliest of all namings of the symbols (V,) is wrong, for n drawn words; of
    equally likely ones one is taken at random.
    """
    counts = generator.multinomial(length, chances, size=n)
    orders = np.array(list(permutations(range(len(chances)))))
    likelihoods = np.array([counts @ np.log(chances)[order] for order in orders])
    near = likelihoods.max(axis=0) - likelihoods < 1e-9 * length
    return np.argmax(near * generator.uniform(0.5, 1, near.shape), axis=0) > 0


@observed
def chance_of_wrong_naming(chances, length):
    """The chance that the likeliest naming of three symbols, of falling chances, is wrong, over all
    counts of tokens; of equal counts each order is as likely.
    """
    first, second = np.meshgrid(*2 * [np.arange(length + 1)], indexing="ij")
    third = length - first - second
    kept = third >= 0
    counts = np.stack([first[kept], second[kept], third[kept]], axis=1)
    ways = gammaln(length + 1) - gammaln(counts + 1).sum(axis=1)
    law = np.exp(ways + counts @ np.log(chances))
    first, second, third = counts.T
    falling = (first >= second) & (second >= third)
    equal = (first == second).astype(int) + (second == third)
    return law @ (1 - falling / np.array([1, 2, 6])[equal])


@observed
def next_token_errors(offset, length):
    """Σ over t < T of E‖P(·|x) - M(·|x)‖₁ for p = ½ + δ of two symbols, on a walk of n_1 - n_2 and
    Bayes' rule for which name is which.
    """
    chances = np.array([0.5 + offset, 0.5 - offset])
    reach = min(length, int(np.ceil(40 / np.log(chances[0] / chances[1]))))
    leads = np.arange(-reach, reach + 1)
    renamed = 1 / (1 + (chances[0] / chances[1]) ** np.clip(leads, -200, 200))
    guess = (1 - renamed) * chances[0] + renamed * chances[1]
    errors = np.abs(chances[0] - guess) + np.abs(chances[1] - (1 - guess))
    law = np.zeros(2 * reach + 1)
    law[reach] = 1
    total = 0.0
    for _ in range(length):
        total += law @ errors
        # Beyond the reach the names are known to e^-40, and on the other side no walk comes.
        stepped = np.zeros_like(law)
        stepped[1:] += chances[0] * law[:-1]
        stepped[:-1] += chances[1] * law[1:]
        stepped[-1] += chances[0] * law[-1]
        law = stepped
    return total


@observed
def worst_mean_error(length):
    """The largest mean of these errors over all δ."""
    search = minimize_scalar(
        lambda scaled: -next_token_errors(scaled / np.sqrt(length), length) / length,
        bounds=(0.3, 1.5),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return -search.fun


def renamings(symbols):
    """All orders of the symbols. Raises ValueError for more than 8, which have too many."""
    if symbols > MOST:
        raise ValueError(f"symbols must be at most {MOST}: all V! renamings are tried")
    return permutations(range(symbols))


@predicted
def most_of_price(start, steps):
    """Log(V!/|Aut|), by trying all renamings; V up to 8."""

    def alike(first, second):
        # Entries that a symmetry exchanges differ by rounding, some 1e-16 of them, or not at all.
        return np.all(np.abs(first - second) <= 1e-9 * np.abs(second))

    same = sum(
        alike(start[list(order)], start) and alike(steps[np.ix_(order, order)], steps)
        for order in renamings(len(start))
    )
    return np.log(factorial(len(start)) / same)


@predicted
def mean_over_renamings(start, steps, words):
    """M: the mean of P(πx) over all π (count,); V up to 8."""
    orders = list(renamings(len(start)))
    return sum(chances_of_words(start, steps, np.array(o)[words]) for o in orders) / len(orders)


@predicted
def chance_of_swap(chance, length):
    """P(S < 0) + ½ P(S = 0), S = n_1 - n_2, by binomial chances; p_1 in (½, 1)."""
    if not 0.5 < chance < 1:
        raise ValueError("chance must lie in (1/2, 1): p is that of the likelier symbol")
    below = binom.cdf((length - 1) // 2, length, chance)
    return below + binom.pmf(length // 2, length, chance) / 2 * (length % 2 == 0)


@predicted
def closest_pair(chances):
    """The largest 1 - (√p - √q)² over pairs of chances (V,)."""
    roots = np.sort(np.sqrt(chances))
    return 1 - np.min(np.diff(roots)) ** 2


@predicted
def price_left(chance, length):
    """E log(1 + e^(-h S)), S = n_1 - n_2, h = log(p_1/p_2), by binomial chances; p_1 in (0, 1)."""
    if not 0 < chance < 1:
        raise ValueError("chance must lie in (0, 1): h is infinite at the ends")
    counts = np.arange(length + 1)
    odds = np.log(chance / (1 - chance))
    return binom.pmf(counts, length, chance) @ np.logaddexp(0, -odds * (2 * counts - length))


@predicted
def price_left_of_pairs(chances, length, pairs):
    """Σ over pairs i, j of E log(1 + e^(-h S)), S = n_i - n_j, h = log(p_i/p_j)."""
    total = 0.0
    for i, j in pairs:
        both = chances[i] + chances[j]
        share = chances[i] / both
        for tokens in range(length + 1):
            here = price_left(share, tokens)
            total += binom.pmf(tokens, length, both) * here
    return total


@predicted
def lattice_sum(odds, leads, step):
    """Λ = (h Δ/2π) Σ e^(h s/2) log(1 + e^(-h s)) over places s, Δ apart; log-odds h > 0."""
    return odds * step / (2 * np.pi) * np.sum(np.exp(odds * leads / 2) * softplus(-odds * leads))


def softplus(x):
    """Log(1 + e^x)."""
    return np.logaddexp(0, x)


def check_long(scaled):
    """Raises ValueError for a length whose h² σ² T is below 50."""
    if scaled < 50:
        raise ValueError("length must be 50/(h² σ²) at least: earlier, the law does not hold")


@predicted
def scaled_price_left(chance, length):
    """Λ (1 - ((8 + π²)/h² + ½)/(2 T)), Λ of all s that are even or odd as T is: for p in (½, 1)
    and T of 50/h² and more.
    """
    if not 0.5 < chance < 1:
        raise ValueError("chance must lie in (1/2, 1): p is that of the likelier symbol")
    odds = np.log(chance / (1 - chance))
    check_long(odds**2 * length)
    reach = np.ceil(80 / odds)
    leads = 2 * np.arange(-reach, reach + 1) + length % 2
    return lattice_sum(odds, leads, 2) * (1 - ((8 + np.pi**2) / odds**2 + 0.5) / (2 * length))


@predicted
def leading_price_of_pair(first, second, length):
    """(Λ - (8 + π²)/(2 h² σ² T)) ρ^T/(h σ √(T/2π)) of a pair of chances p > q, with h = log(p/q),
    ρ = 1 - (√p - √q)², σ² = 2 √(pq)/ρ, and Λ of all integers s; for h² σ² T of 50 and more.
    """
    if not 0 < second < first:
        raise ValueError("first must exceed second, both positive: alike ones have no price")
    odds = np.log(first / second)
    mass = 1 - (np.sqrt(first) - np.sqrt(second)) ** 2
    spread = 2 * np.sqrt(first * second) / mass
    check_long(odds**2 * spread * length)
    reach = np.ceil(160 / odds)
    limit = lattice_sum(odds, np.arange(-reach, reach + 1), 1)
    later = (8 + np.pi**2) / (2 * odds**2 * spread * length)
    return (limit - later) * mass**length / (odds * np.sqrt(spread * length / (2 * np.pi)))


@predicted
def uniform_constant():
    """K = max over c of 4 Φ(c²)/c, Φ(y) = ∫₀^y E (1 + e^(8τ + 4√τ Z))^(-1) dτ, Z normal."""
    places, weights = np.polynomial.legendre.leggauss(60)

    def value(c):
        roots = c * (places + 1) / 2  # of τ, so that the integrand is smooth at 0
        exponents = 8 * roots[:, None] ** 2 + 4 * roots[:, None] * PLACES[0]
        means = (1 / (1 + np.exp(exponents))) @ PLACES[1] / PLACES[1].sum()
        return 4 * np.sum(weights * c / 2 * 2 * roots * means) / c

    search = minimize_scalar(lambda c: -value(c), bounds=(0.2, 2.0), method="bounded")
    return -search.fun


@claim(
    tried("abstract, sentence 6: convergence at a uniform rate", "the total price in nats"),
    cases=[("independent", 3, 5), ("tie", 4, 3), ("turning", 3, 4), ("clock", 4, 4)],
    not_tight="words of a few tokens do not tell all names, except of the clock",
)
def test_price_at_most(trial, kind: Source, symbols: Symbols, length: Length):
    """A source $P$ makes words out of $V$ symbols, $M$ is the mean of $P$ over all $V!$ renamings
    of the symbols, and $Aut$ are the renamings that do not change $P$. For every word $x$ with
    $P(x) > 0$, $log(P(x)/M(x)) <= log(V!/|Aut|)$.
    """
    generator = trial.generator("source")
    words = all_words(symbols, length)
    count = 1 if kind == "clock" else 230
    prices = []
    law = []
    for start, steps in [source(generator, kind, symbols) for _ in range(count)]:
        chances = chances_of_words(start, steps, words)
        seen = chances > 0
        prices.append(np.max(np.log(chances[seen] / without_names(chances, words)[seen])))
        law.append(most_of_price(start, steps))
    alone = {"each symbol alone, log V": np.full(count, np.log(symbols))}
    if law[0] < np.log(symbols):  # it is a bound, too, where turns leave less to learn
        alone = {}
    trial.bound(
        np.array(prices),
        np.array(law),
        # The clock has no number that is drawn.
        **({"instances": "all"} if count == 1 else {"instances": "draws", "independent": count}),
        # Products of 6 chances, means over at most 24 words: some 40 roundings; the rest is room.
        ops=100,
        scale=1.0,
        controls={"names cost nothing": np.zeros(count), **alone},
    )


@claim(
    derived("$log(M/Q)$ is a mean over patterns"),
    kind="identity",
    cases=[("independent", 3, 6), ("tie", 4, 5), ("turning", 3, 3)],
)
def test_price_is_due(trial, kind: Source, symbols: Symbols, length: Length):
    """A source $P$ makes words out of $V$ symbols, and $M$ is the mean of $P$ over all renamings of
    the symbols. Every $Q > 0$ that no renaming changes has $KL(P‖Q) = KL(P‖M) + KL(M‖Q)$.
    """
    start, steps = source(trial.generator("source"), kind, symbols)
    words = all_words(symbols, length)
    chances = chances_of_words(start, steps, words)
    other = lexinvariant(trial.generator("Q"), words)
    mean = mean_over_renamings(start, steps, words)
    trial.identity(
        divergence(chances, other),
        divergence(chances, mean) + divergence(mean, other),
        ops=len(words),
        scale=10.0,
        generic="divergences are analytic in positive chances",
        controls={
            "names are free": divergence(mean, other),
            "all pay the price of $M$": divergence(chances, mean),
        },
    )


@claim(
    derived("$S$ is all that tells the names apart"),
    kind="identity",
    cases=[(0.6, 12), (0.9, 5), (0.55, 1)],
)
def test_last_nats(
    trial,
    chance: Annotated[float, Interval(0.55, 0.95, why="p of the likelier of two; at 1/2 none is")],
    length: Annotated[int, Interval(1, 12, why="all 2^T words are listed")],
):
    """$P$ makes words of independent tokens of two symbols, $p_1 > p_2$, and $M$ is the mean of $P$
    over both namings. Then $log 2 - KL(P‖M) = E log(1 + e^(-h S))$, where $S$ is the number of the
    first symbol minus that of the second, and $h = log(p_1/p_2)$.
    """
    chances = np.array([chance, 1 - chance])
    words = all_words(2, length)
    law_of_words = chances_of_words(chances, np.tile(chances, (2, 1)), words)
    lead = length * (2 * chance - 1)
    trial.identity(
        np.log(2) - divergence(law_of_words, without_names(law_of_words, words)),
        price_left(chance, length),
        ops=2**length,
        scale=1.0,
        controls={
            "at the mean of $S$": np.log1p(np.exp(-np.log(chance / (1 - chance)) * lead)),
            "nothing is learned": np.log(2),
        },
    )


@claim(
    derived("two names that are mixed up, by computation"),
    kind="limit",
    cases=[(0.4, 1.0, 100), (0.35, 0.95, 120), (0.45, 1.05, 80)],
)
def test_last_nats__pairs(
    trial,
    gap: Gap,
    ratio: Ratio,
    length: Annotated[int, Interval(60, 120, why="later the price left is lost in rounding")],
):
    """$P$ makes words of $T$ independent tokens of three symbols, and $M$ is the mean of $P$ over
    all namings. For $T$ from 60 to 120 and $√p_i$ in proportion to $1 + g, 1$ and $1 - g r$, with
    $g$ from .35 to .45 and $r$ from .95 to 1.05, $log 6 - KL(P‖M)$ equals within .3 % the sum over
    the pairs $(1, 2)$ and $(2, 3)$ of $E log(1 + e^(-h S))$, with $S = n_a - n_b$ and
    $h = log(p_a/p_b)$ for the pair $(a, b)$, whose symbols occur $n_a$ and $n_b$ times.
    """
    chances = np.array([1 + gap, 1, 1 - gap * ratio]) ** 2
    chances /= chances.sum()
    law = price_left_of_pairs(chances, length, [(0, 1), (1, 2)])
    trial.value(
        price_left_of_three(chances, length),
        law,
        error=1e-11,
        margin=0.003 * law,
        controls={
            "only the pair of the largest chances": price_left_of_pairs(chances, length, [(0, 1)]),
            "only the pair of the smallest": price_left_of_pairs(chances, length, [(1, 2)]),
        },
    )


@claim(
    derived("tilting: the walk near 0 decides"),
    kind="rate",
    cases=[(0.9, 4000), (0.9, 4001), (0.6, 8000), (0.75, 6001)],
)
def test_last_nats__rate(
    trial,
    chance: Annotated[float, Interval(0.6, 0.9, why="the law is for h² T of 500 and more")],
    length: Annotated[int, Interval(4000, 8000, why="a law for long words")],
):
    """$P$ makes words of $T$ independent tokens of two symbols, $M$ is the mean of $P$ over both
    namings, $h = log(p_1/p_2) > 0$ and $ρ = 2 √(p_1 p_2)$. For $T$ from 4000 to 8000 and $p_1$ from
    .6 to .9, $log 2 - KL(P‖M)$ equals within .4 %
    $Λ (1 - ((8 + π²)/h² + ½)/(2 T)) ρ^T/(h √(T/2π))$, with
    $Λ = (h/π) ∑_s e^(h s/2) log(1 + e^(-h s))$ over all integers $s$ that are even or odd as $T$
    is.
    """
    law = scaled_price_left(chance, length)
    trial.value(
        scaled_price_of_walk(chance, length),
        law,
        error=1e-9,
        margin=0.004 * law,
        controls={
            "as a Chernoff bound, without $√(T/2π)$": law * np.sqrt(length / (2 * np.pi)),
            "with $√(T/π)$": law / np.sqrt(2),
        },
    )


@claim(
    derived("tilting, for each pair of neighbours"),
    kind="rate",
    cases=[(0.4, 1.0, 800), (0.35, 0.95, 1000), (0.45, 1.05, 701)],
)
def test_last_nats__rate_of_three(
    trial,
    gap: Gap,
    ratio: Ratio,
    length: Annotated[int, Interval(700, 1000, why="a law for long words; all counts are summed")],
):
    """$P$ makes words of $T$ independent tokens of three symbols, and $M$ is the mean of $P$ over
    all namings. For $T$ from 700 to 1000 and $√p_i$ in proportion to $1 + g, 1$ and $1 - g r$, with
    $g$ from .35 to .45 and $r$ from .95 to 1.05, $log 6 - KL(P‖M)$ equals within .5 % the sum over
    the pairs $p > q$ of neighbours of $(Λ - (8 + π²)/(2 h² σ² T)) ρ^T/(h σ √(T/2π))$, with
    $h = log(p/q)$, $ρ = 1 - (√p - √q)²$, $σ² = 2 √(p q)/ρ$ and
    $Λ = (h/2π) ∑_s e^(h s/2) log(1 + e^(-h s))$ over all integers $s$.
    """
    chances = np.array([1 + gap, 1, 1 - gap * ratio]) ** 2
    chances /= chances.sum()
    first, second, third = chances
    of_first = leading_price_of_pair(first, second, length)
    law = of_first + leading_price_of_pair(second, third, length)
    trial.value(
        price_left_of_three(chances, length),
        law,
        error=1e-8 * law,
        margin=0.005 * law,
        controls={
            "as a Chernoff bound, without $√(T/2π)$": law * np.sqrt(length / (2 * np.pi)),
            "with $√(T/π)$": law / np.sqrt(2),
            "the pair $(p_1, p_3)$, of the most unlike": leading_price_of_pair(
                first, third, length
            ),
        },
    )


@claim(
    tried("abstract, sentence 9: deciphering substitution codes", "the likeliest naming errs"),
    cases=[(0.6, 25), (0.7, 12), (0.55, 100)],
)
def test_deciphered(
    trial,
    chance: Annotated[float, Interval(0.52, 0.8, why="p of the likelier of two; at 1/2 none is")],
    length: Annotated[int, Interval(1, 1000, why="T; later no word errs")],
):
    """$P$ makes words of $T$ independent tokens of two symbols, $p_1 > p_2$, under hidden names.
    The naming of larger likelihood, or a fair one of two equal ones, is wrong with the chance
    $P(S < 0) + ½ P(S = 0)$, where $S$ is the number of the first symbol minus that of the second.
    """
    law = chance_of_swap(chance, length)
    trial.require(law > 0.04, "words must be shorter: else none errs")
    chances = np.array([chance, 1 - chance])
    trial.probability(
        lambda rng, n: wrong_namings(rng, n, chances, length),
        law,
        margin=0.04 * law,
        controls={
            "Chernoff's ρ^T": (2 * np.sqrt(chance * (1 - chance))) ** length,
            "as a guess": 0.5,
        },
        first=16_384,
    )


@claim(
    derived("the pair whose $√p$ are closest is mixed up first"),
    kind="rate",
    cases=[(0.4, 1.2), (0.3, 1.3), (0.45, 1.15)],
)
def test_deciphered__rate(
    trial,
    gap: Annotated[float, Interval(0.3, 0.45, why="of √p: nearer ones are told apart later")],
    ratio: Annotated[float, Interval(1.1, 1.3, why="of both gaps: of like ones both decide")],
):
    """$P$ makes words of $T$ independent tokens of three symbols, with $√p_i$ in proportion to
    $1 + g, 1$ and $1 - g r$, $r > 1$, under hidden names. The likeliest naming is wrong with a
    chance that falls as $ρ^T/√T$, $ρ = 1 - (√p_1 - √p_2)²$, of the pair of closest $√p$.
    """
    chances = np.array([1 + gap, 1, 1 - gap * ratio]) ** 2
    chances /= chances.sum()
    sizes = np.array([50, 100, 200, 400, 800])
    # The factor 1/√T of the chance would make the slopes settle slowly.
    found = np.array([np.sqrt(size) * chance_of_wrong_naming(chances, size) for size in sizes])
    rate = np.log(closest_pair(chances))
    roots = np.sqrt(chances)
    trial.order(
        found,
        sizes,
        rate,
        exponential=True,
        rounding=1e-9 * found,
        margin=0.05 * abs(rate),
        controls={
            "the pair of least difference": np.log1p(-((roots[1] - roots[2]) ** 2)),
            "twice the rate": 2 * rate,
        },
    )


@claim(
    tried(
        "abstract, sentence 6: a uniform rate that is polynomial in the length",
        "its constant for two symbols",
    ),
    kind="limit",
)
def test_uniform_rate(trial):
    """$P$ makes words of independent tokens of two symbols, $p = ½ + δ$, and $M$ is the mean of $P$
    over both namings. Let $A_T$ be the mean over $t < T$ of $E‖P(·|x) - M(·|x)‖₁$ for the next
    token after $t$ tokens. $√T$ times the largest $A_T$ over $δ$ tends to
    $max_{c>0} 4 Φ(c²)/c = .7087$, $Φ(y) = ∫₀^y E (1 + e^(8τ + 4√τ Z))^(-1) dτ$ with $Z ~ N(0, 1)$.
    """
    sizes = 25 * 2 ** np.arange(6)
    law = uniform_constant()
    trial.limit(
        np.array([np.sqrt(size) * worst_mean_error(size) for size in sizes]),
        sizes,
        law,
        order=1,
        margin=0.005 * law,
        controls={"$√(2 log 2)$, by Pinsker's inequality": np.sqrt(2 * np.log(2))},
    )


@claim(derived("a sum over all times becomes an integral"), kind="limit")
def test_uniform_rate__fixed(trial):
    """$P$ makes words of independent tokens of two symbols, $p = ½ + δ$, and $M$ is the mean of $P$
    over both namings. The errors $E‖P(·|x) - M(·|x)‖₁$ of the next tokens add up to a finite $s(δ)$
    over all lengths, and $δ s(δ)$ tends to $log 2$ for $δ → 0$.
    """
    sizes = np.array([5, 10, 20, 40])
    sums = [next_token_errors(1 / size, 16 * size**2) for size in sizes]
    trial.limit(
        np.array(sums) / sizes,
        sizes,
        np.log(2),
        order=2,
        margin=0.005,
        controls={"with the uniform constant": uniform_constant()},
    )


@figure("F1", claims=("price_at_most",))
def price_against_length():
    """Names cost at most $log(V!/|Aut|)$ nats in total, whatever the length of the text.

    Divergence of $P$ from the best model that does not know the names, three symbols. Marks: lines:
    $log(V!/|Aut|)$; points: all words of each length.
    """
    generator = np.random.default_rng(0)
    lengths = np.arange(1, 9)
    names = {
        "independent, two alike": "tie",
        "chain, same for all turns": "turning",
        "clock": "clock",
    }
    lines = {}
    points = {}
    for name, kind in names.items():
        start, steps = source(generator, kind, 3)
        prices = []
        for length in lengths:
            words = all_words(3, length)
            chances = chances_of_words(start, steps, words)
            prices.append(divergence(chances, without_names(chances, words)))
        lines[name] = lengths, np.full(len(lengths), most_of_price(start, steps))
        points[name] = lengths, prices
    return chart(lines, points, ylim=0, legend="beside", x="length T  (tokens)", y="price  (nats)")
