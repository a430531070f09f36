"""Ayonrinde, Pearce & Sharkey 2024, "Interpretability as Compression: Reconsidering SAE
Explanations of Neural Activations with MDL-SAEs", arXiv 2410.11179.

For whoever picks the width of a dictionary by description length: what does it cost to send
features one by one?

Take away: features that are sent one by one cost up to 1.4427 bits too much for each active group
(`one_hot_tax`, `one_hot_tax-uniform`). So a dictionary of memorised pairs wins from some number of
items on even if the factors are independent: for 10 × 10 values and rows of 512 bits from 31,929
items on (`break_even`). With a code that says which feature of a group is on, pairs of independent
factors save nothing once all pairs have occurred, and their dictionary costs $(p q − p − q) R$ bits
more (`break_even-group`).

An item is a pair $(A, B)$ of $p$ and $q$ values. The factored dictionary has $p + q$ binary
features, of which two are on; the memorised one has $p q$, of which one is on. Each row of a
dictionary costs $R$ bits. One by one means that each feature has an adaptive binary code of its
own, that of Krichevsky and Trofimov (KT), which predicts 1 with the chance $(m + ½)/(n + 1)$ after
$m$ ones in $n$ items. A group code says which feature is on, predicted by $(m + ½)/(n + c/2)$ for
$c$ features, of which it was on $m$ times in $n$ items. $h$ is the binary entropy, $H$ entropy, $I$
mutual information, all in bits.

Edges: a feature that is never or always on costs no tax. With few items a group code may prefer the
pairs by a bit, which is less than a row costs. If the code is compared with the fitted law instead
of the true one, its regret is .72 bits larger for each feature.

Paper: sparse autoencoders are ranked by the length of their description of the activations, and
this prefers features of medium width. This page computes the lengths of binary codes for known
laws.

Abstract:

- Statement 1: to optimise sparsity prefers wide dictionaries. In part: memorised_wins,
  memorised_wins-by, break_even. So does the length of codes sent one by one, with many items.
- Statement 2: features should be understood separately. No statement.
- Statement 3: description length finds strokes of digits, not whole digits. In part: break_even,
  break_even-group. A law of the number of items decides, not digits.
- Statement 4: description length may avoid the splitting of features. In part: break_even-group,
  one_hot_tax. With a group code it does for independent factors; to send features separately costs
  up to 1.4427 bits a group.
- Statement 5: hierarchical dictionaries are more concise. Holds at a smaller scale: hierarchy. For
  binary codes of drawn items.

Read: the abstract. Derived here: all forms; $R$ is set here, for how the paper counts a dictionary
was not read. Not claimed: anything on activations that are real numbers. Topic: representations.
"""

import math
from functools import partial
from math import lgamma
from typing import Annotated

import numpy as np
from scipy.optimize import brentq
from scipy.special import entr, gammaln
from scipy.stats import binom

from theory_on_trial import claim, derived, known, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Grouped = Annotated[int, Interval(2, 12, why="p; one value is known, each of many is rare")]
Items = Annotated[int, Interval(16_000, 64_000, why="n; the learning cost is exact for n → ∞")]
Values = Annotated[int, Interval(2, 100, why="p; one value is known beforehand")]
First = Annotated[int, Interval(3, 12, why="p; 2 x 2 pairs need no more features than factors")]
Second = Annotated[int, Interval(3, 12, why="q; 2 x 2 pairs need no more features than factors")]
Few = Annotated[int, Interval(2, 5, why="p and q, of which tables are drawn and enumerated")]


@predicted
def tax(law):
    """Σ (1 − P_i) log₂(1/(1 − P_i)), of a law P of any shape."""
    return np.sum(entr(1 - np.ravel(law))) / np.log(2)


@predicted
def uniform_tax(values):
    """Return (p − 1) log₂(p/(p − 1)), and 0 for one value."""
    if values == 1:
        return 0.0
    return (values - 1) * np.log2(values / (values - 1))


@predicted
def bits_of_factors(joint):
    """Σ h(P_i) over the features of both factors of a table (p, q)."""
    chances = np.append(joint.sum(axis=1), joint.sum(axis=0))
    return np.sum(entr(chances) + entr(1 - chances)) / np.log(2)


@predicted
def code_length(counts):
    """−log₂ Γ(c/2) Π Γ(m_i + ½)/(Γ(½)^c Γ(n + c/2)) for counts m_i of c values."""
    inside = sum(lgamma(count + 0.5) - lgamma(0.5) for count in counts)
    half = len(counts) / 2
    return (lgamma(sum(counts) + half) - lgamma(half) - inside) * np.log2(math.e)


@predicted
def information(joint):
    """I(A; B) of a table (p, q) of chances, in bits."""
    product = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    some = joint > 0
    return np.sum(joint[some] * np.log2(joint[some] / product[some]))


@predicted
def extra_bits(joint):
    """I(A; B) + tax(A) + tax(B) − tax(A, B) for each item."""
    return information(joint) + tax(joint.sum(axis=1)) + tax(joint.sum(axis=0)) - tax(joint)


@predicted
def learning_cost(items, values):
    """κ_c(n) = ((c − 1)/2) log₂(n/(2 π e)) + log₂(π^(c/2)/Γ(c/2)), in bits."""
    volume = values / 2 * np.log2(np.pi) - gammaln(values / 2) / np.log(2)
    return (values - 1) / 2 * np.log2(items / (2 * np.pi * math.e)) + volume


@predicted
def excess_one_by_one(items, taxed, values):
    """Return n tax + p κ_2(n) − κ_p(n)."""
    return items * taxed + values * learning_cost(items, 2) - learning_cost(items, values)


@predicted
def more_for_factors(items, more, first, second):
    """Return n more + (p + q − p q) κ_2(n)."""
    return items * more + (first + second - first * second) * learning_cost(items, 2)


@predicted
def break_even(first, second, row):
    """The n with n = (p q − p − q)(R + κ_2(n))/(tax(p) + tax(q) − tax(p q))."""
    more = first * second - first - second
    gain = uniform_tax(first) + uniform_tax(second) - uniform_tax(first * second)

    def excess(items):
        return items * gain - more * (row + learning_cost(items, 2))

    if more <= 0 or excess(10.0) > 0:
        raise ValueError("first times second must exceed their sum, and row must not be so small")
    return brentq(excess, 10.0, 1e18)


@predicted
def group_difference(joint, row, items):
    """Return n I(A; B) − (p q − p − q) R + κ_p + κ_q − κ_pq."""
    first, second = joint.shape
    learned = learning_cost(items, first) + learning_cost(items, second)
    learned -= learning_cost(items, first * second)
    return items * information(joint) - (first * second - first - second) * row + learned


@predicted
def saved_by_hierarchy(chance, children, items):
    """Return n c I(parent; child) + (c/2) log₂(1/r)."""
    off = (1 - chance, 0.0)
    on = (chance * (1 - 1 / children), chance / children)
    each = information(np.array([off, on]))
    return items * children * each - children / 2 * np.log2(chance)


@observed
def one_by_one(law):
    """The mean bits of an item if each of its values has a binary feature and an ideal code: over
    all values, those of the feature that is on and of all that are off.
    """
    chances = np.ravel(law)
    on = -np.log2(chances)
    off = -np.log2(1 - chances)
    return sum(chances[i] * (on[i] + off.sum() - off[i]) for i in range(len(chances)))


@observed
def at_once(law):
    """The mean bits of an item if an ideal code says which value it has."""
    chances = np.ravel(law)
    return -chances @ np.log2(chances)


@observed
def kt_length(ones, items):
    """The bits −log₂ Γ(m + ½) Γ(n − m + ½)/(π n!) of a KT code for m ones in n items."""
    inside = gammaln(ones + 0.5) + gammaln(items - ones + 0.5) - gammaln(items + 1)
    return (np.log(np.pi) - inside) / np.log(2)


@observed
def mean_over_counts(function, items, chance):
    """The mean of a function of a binomial count, over all counts within 14 standard deviations."""
    centre = items * chance
    spread = 14 * np.sqrt(centre * (1 - chance)) + 30
    low = max(0, int(centre - spread))
    high = min(items, int(centre + spread))
    counts = np.arange(low, high + 1)
    return binom.pmf(counts, items, chance) @ function(counts)


@observed
def sent_one_by_one(items, law, row):
    """The mean bits of n items and the dictionary if each value's feature has a KT code."""
    chances, repeated = np.unique(np.ravel(law), return_counts=True)
    length = partial(kt_length, items=items)
    bits = [mean_over_counts(length, items, chance) + row for chance in chances]
    return repeated @ np.array(bits)


@observed
def sent_at_once(items, law, row):
    """The mean bits of n items and the dictionary if a KT code says which of c values it is."""
    chances, repeated = np.unique(np.ravel(law), return_counts=True)
    size = np.size(law)

    def log_gamma(count):
        return gammaln(count + 0.5) - gammaln(0.5)

    inside = repeated @ np.array([mean_over_counts(log_gamma, items, c) for c in chances])
    return size * row + (gammaln(items + size / 2) - gammaln(size / 2) - inside) / np.log(2)


@observed
def factored_less_memorised(sent, items, joint, row):
    """By how many bits the factored dictionary and its codes are longer, on average."""
    factors = sum(sent(items, joint.sum(axis=axis), row) for axis in (0, 1))
    return factors - sent(items, joint, row)


@observed
def coded_sequences(draws, values):
    """The bits (runs,) of a KT code for drawn sequences (runs, n), symbol by symbol: Σ −log₂ of the
    predictions.
    """
    counts = np.full((len(draws), values), 0.5)
    each = np.arange(len(draws))
    bits = np.zeros(len(draws))
    for seen, symbols in enumerate(draws.T):
        bits -= np.log2(counts[each, symbols] / (seen + values / 2))
        counts[each, symbols] += 1
    return bits


@observed
def excess_of_drawn(generator, runs, values, items):
    """How many bits (runs,) KT codes for each of p features take more than one that says which is
    on, for n drawn items with equal chances.
    """
    draws = generator.integers(values, size=(runs, items))
    each = (draws[:, None] == np.arange(values)[:, None]).astype(int).reshape(-1, items)
    by_feature = coded_sequences(each, 2).reshape(runs, values).sum(axis=1)
    return by_feature - coded_sequences(draws, values)


@observed
def saved_on_drawn(generator, runs, chance, children, items):
    """How many bits (runs,) KT codes save if children are sent only where their parent is on, for n
    drawn items.
    """
    parents = generator.binomial(items, chance, size=runs)[:, None]
    counts = generator.multinomial(parents[:, 0], np.full(children, 1 / children))
    return np.sum(kt_length(counts, items) - kt_length(counts, parents), axis=1)


def even_law(generator, values):
    """Drawn chances (p,), half of each of which is the same for all: no value is rare."""
    return (1 / values + generator.dirichlet(np.ones(values))) / 2


def diagonal(values, mixed):
    """A table (p, p): uniform, but with chance `mixed` A and B agree."""
    return (1 - mixed) / values**2 + mixed / values * np.eye(values)


@claim(
    derived("a feature that is off costs $log_2(1/(1 − P_i))$ bits; the redundancy of KT codes"),
    kind="limit",
    cases=[(2, 16_000), (5, 64_000), (12, 32_000)],
)
def test_one_hot_tax(trial, values: Grouped, items: Items):
    """Let one of $p$ features be on in each of $n$ items, feature $i$ with chance $P_i$. KT codes
    for each feature by itself take $n ∑_i (1 − P_i) log_2(1/(1 − P_i)) + p κ_2(n) − κ_p(n)$ bits
    more on average than one that says which feature is on, up to $o(1)$, where
    $κ_c(n) = ((c − 1)/2) log_2(n/(2 π e)) + log_2(π^(c/2)/Γ(c/2))$.
    """
    law = even_law(trial.generator("law"), values)
    taxed = tax(law)
    trial.value(
        sent_one_by_one(items, law, 0.0) - sent_at_once(items, law, 0.0),
        excess_one_by_one(items, taxed, values),
        error=1e-3,
        slack=0.1,
        margin=0.5,
        generic="mean lengths are analytic in positive chances",
        controls={
            "$log₂ e$ for each group": excess_one_by_one(items, np.log2(math.e), values),
            "a collision of two items, $1 − ∑_i P_i²$": excess_one_by_one(
                items, 1 - np.sum(law**2), values
            ),
            "without learning": items * taxed,
        },
    )


@claim(
    derived("uniform chances; the redundancy of KT codes"),
    kind="limit",
    cases=[(2, 400), (3, 400), (10, 600)],
)
def test_one_hot_tax__uniform(
    trial,
    values: Grouped,
    items: Annotated[int, Interval(400, 800, why="n; many are coded one after the other")],
):
    """Let one of $p$ features be on in each of $n$ items, each with the same chance. KT codes for
    each feature by itself take $n (p − 1) log_2(p/(p − 1)) + p κ_2(n) − κ_p(n)$ bits more on
    average than one that says which feature is on, up to $o(1)$, where
    $κ_c(n) = ((c − 1)/2) log_2(n/(2 π e)) + log_2(π^(c/2)/Γ(c/2))$.
    """
    law = excess_one_by_one(items, uniform_tax(values), values)
    trial.mean(
        sampler=partial(excess_of_drawn, values=values, items=items),
        predict=law,
        law=Asymptotic(),
        margin=0.005 * law,
        slack=0.3,
        controls={
            "$log₂ e$, as for many features": excess_one_by_one(items, np.log2(math.e), values),
            "without learning": items * uniform_tax(values),
        },
    )


@claim(
    derived("seen on drawn tables, without a proof"),
    kind="bound",
    cases=[(2, 3), (3, 3), (2, 5)],
)
def test_memorised_wins(trial, first: Few, second: Few):
    """An item is a pair $(A, B)$ of factors. If binary features are sent one by one, a dictionary
    with a feature for each pair costs no more bits for an item than one with a feature for each
    value, whatever the joint law is. This was seen on drawn tables, and is not proved.
    """
    generator = trial.generator("tables")
    size = first * second
    evenness = 0.3 * 10 ** generator.uniform(0, 1, 230)
    tables = [generator.dirichlet(np.full(size, a)) for a in evenness]
    sure = np.full((first, second), 1e-9)  # B says hardly anything
    sure[:, 0] = 1 / first - 1e-9 * (second - 1)
    joints = np.maximum(np.array([sure.ravel(), *tables]), 1e-12).reshape(-1, first, second)
    memorised = [one_by_one(joint) for joint in joints]
    groups = [at_once(j.sum(axis=1)) + at_once(j.sum(axis=0)) for j in joints]
    trial.bound(
        np.array(memorised),
        np.array([bits_of_factors(joint) for joint in joints]),
        instances="draws",
        independent=230,
        ops=1e3,
        controls={"as if the factors had a group code": np.array(groups)},
    )


@claim(
    derived("entropies and taxes add up; the redundancy of KT codes"),
    kind="limit",
    cases=[(2, 3, 16_000), (3, 3, 64_000), (5, 4, 32_000)],
)
def test_memorised_wins__by(trial, first: Few, second: Few, items: Items):
    """If binary features are sent one by one by KT codes, $n$ items $(A, B)$ of $p$ and $q$ values
    take $n (I(A; B) + tax(A) + tax(B) − tax(A, B)) + (p + q − p q) κ_2(n)$ bits more on average
    with a feature for each value than with a feature for each pair, up to $o(1)$, where
    $tax(P) = sum_i (1 − P_i) log_2(1/(1 − P_i))$, $I$ is mutual information and
    $κ_2(n) = ½ log_2(n/(2 π e)) + log_2 π$.
    """
    joint = even_law(trial.generator("table"), first * second).reshape(first, second)
    told = information(joint)
    trial.value(
        factored_less_memorised(sent_one_by_one, items, joint, 0.0),
        more_for_factors(items, extra_bits(joint), first, second),
        error=1e-3,
        slack=0.1,
        margin=0.5,
        generic="mean lengths are analytic in positive chances",
        controls={
            "$I(A; B)$, as for group codes": more_for_factors(items, told, first, second),
            "$I(A; B) + log₂ e$": more_for_factors(items, told + np.log2(math.e), first, second),
            "without learning": items * extra_bits(joint),
        },
    )


@claim(
    derived("the redundancy of KT codes"),
    kind="limit",
    cases=[(10, 10, 512.0), (4, 4, 256.0), (3, 12, 64.0)],
)
def test_break_even(
    trial,
    first: First,
    second: Second,
    row: Annotated[
        float,
        Interval(64, 1024, why="R, of a row; with few n* is small, and the cost not yet exact"),
    ],
):
    """Let $n$ items be pairs of independent uniform factors of $p$ and $q$ values, features be sent
    one by one by KT codes, and each feature cost $R$ bits in the dictionary. Features of values
    take fewer bits in all than features of pairs if and only if $n < n* = (p q − p − q)(R +
    κ_2(n*))/(tax(p) + tax(q) − tax(p q))$, up to $o(1)$, where $tax(p) = (p − 1) log_2(p/(p − 1))$
    and $κ_2(n) = ½ log_2(n/(2 π e)) + log_2 π$.
    """
    joint = np.full((first, second), 1 / (first * second))
    low = 10
    high = 10**6

    def longer(items):
        return factored_less_memorised(sent_one_by_one, items, joint, row)

    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if longer(middle) > 0 else (middle, high)
    crossing = low - longer(low) / (longer(high) - longer(low))
    law = break_even(first, second, row)
    gain = uniform_tax(first) + uniform_tax(second) - uniform_tax(first * second)
    more = first * second - first - second
    fitted = learning_cost(law, 2) + 0.5 * np.log2(math.e)
    trial.value(
        crossing,
        law,
        error=1e-5 * law,
        slack=5e-5 * law + 0.2,
        margin=2e-4 * law + 0.5,
        controls={
            "without learning": more * row / gain,
            "with $log₂ e$ for the taxes": more * (row + learning_cost(law, 2)) / np.log2(math.e),
            "regret against the fitted law": more * (row + fitted) / gain,
        },
    )


@claim(
    derived("the redundancy of KT codes"),
    kind="limit",
    cases=[(4, 0.3, 16_000), (10, 0.0, 64_000), (3, 0.9, 2000)],
)
def test_break_even__group(
    trial,
    values: First,
    mixed: Annotated[
        float, Interval(0, 0.9, why="share of items with A = B; at 1 a factor says all")
    ],
    items: Annotated[int, Interval(2000, 64_000, why="n; the learning cost is exact for n → ∞")],
):
    """Let $n$ items be pairs $(A, B)$ of factors of $p$ and $q$ values, let a KT code say which
    feature of a group is on, and let each feature cost $R$ bits in the dictionary. Features of
    values take $n I(A; B) − (p q − p − q) R + κ_p + κ_q − κ_{p q}$ bits more than features of
    pairs, up to $o(1)$, where $κ_c(n) = ((c − 1)/2) log_2(n/(2 π e)) + log_2(π^(c/2)/Γ(c/2))$.

    Here R = 64, p = q, and A and B are uniform, and equal with some chance.
    """
    trial.require(
        items * (1 - mixed) >= 2 * values**4, "items must fill all pairs: the cost is an asymptote"
    )
    joint = diagonal(values, mixed)
    law = group_difference(joint, 64.0, items)
    known = items * information(joint)
    scale = known + values * values * 64.0
    trial.value(
        factored_less_memorised(sent_at_once, items, joint, 64.0),
        law,
        error=1e-6 * scale,
        slack=0.5,
        margin=1.0,
        scale=scale,
        controls={
            "without learning": known - (values**2 - 2 * values) * 64.0,
            "one by one": law + items * (extra_bits(joint) - information(joint)),
        },
    )


@claim(
    known("Krichevsky & Trofimov 1981, the length of their code"),
    kind="identity",
    cases=[2, 5, 100],
)
def test_break_even__coder(trial, values: Values):
    """A KT code, which predicts value $i$ by $(m + ½)/(n + c/2)$ after $m$ of them in $n$ items,
    has the length $−log_2 [Γ(c/2) ∏_i Γ(m_i + ½)/(Γ(½)^c Γ(n + c/2))]$ for a sequence of $n$ items
    in which the $c$ values occur $m_i$ times.
    """
    generator = trial.generator("items")
    sequences = [
        generator.choice(values, size=100, p=generator.dirichlet(np.ones(values)))
        for _ in range(230)
    ]
    counts = np.array([np.bincount(items, minlength=values) for items in sequences])
    plain = 100 * np.sum(entr(counts / 100), axis=1) / np.log(2)
    trial.identity(
        coded_sequences(np.array(sequences), values),
        np.array([code_length(each) for each in counts]),
        # A sum of 100 terms; the rest is room for logarithms of Γ, which cancel.
        ops=4000,
        independent=230,
        controls={
            "the entropy of the counts": plain,
            "with $½ log₂(n/(2 π e))$ for each parameter": plain
            + (values - 1) / 2 * np.log2(100 / (2 * np.pi * math.e)),
        },
    )


@claim(
    derived("the entropy of a child less that given its parent; the redundancy of KT codes"),
    kind="limit",
    cases=[(0.1, 10), (0.5, 2), (0.9, 5)],
)
def test_hierarchy(
    trial,
    chance: Annotated[float, Interval(0.1, 0.9, why="r, of a parent: few items have a rare one")],
    children: Annotated[int, Interval(2, 20, why="c of a parent; one child is its parent")],
):
    """Of $c$ equally likely children one is on if their parent is, with chance $r$. KT codes that
    send the children only when the parent is on save $n c I(parent; child) + (c/2) log_2(1/r)$ bits
    on average for $n$ items against codes that send all, up to $o(1)$, $I$ being mutual
    information. Here $n$ is 50,000.
    """
    items = 50_000
    law = saved_by_hierarchy(chance, children, items)
    parent = -chance * np.log2(chance) - (1 - chance) * np.log2(1 - chance)
    off = -children * (1 - chance) * np.log2(1 - chance / children)
    trial.mean(
        sampler=partial(saved_on_drawn, chance=chance, children=children, items=items),
        predict=law,
        law=Asymptotic(),
        margin=0.01 * law,
        slack=1.0,
        controls={
            "the entropy of the parent": items * parent,
            "what an off parent says, $c (1 − r) log₂(1/(1 − r/c))$": items * off,
        },
    )


@figure("F1", claims=("break_even", "break_even-group"))
def bits_against_items(values: int = 10, row: float = 512.0):
    """If codes are sent one by one, memorised pairs need fewer bits in the end, although the
    factors are independent; with a group code they never do.

    Bits of the factored dictionary and its codes minus those of the memorised one, 10 × 10 values,
    rows of 512 bits. Marks: lines: law; points: adaptive codes, exact means; dotted: $n*$.
    """
    joint = np.full((values, values), 1 / values**2)
    fine = np.linspace(1500, 64_000, 80)
    coarse = np.linspace(2000, 62_000, 11).astype(int)
    gain = 2 * uniform_tax(values) - uniform_tax(values**2)
    more = values**2 - 2 * values
    names = ("one by one", "group code")
    single = [n * gain - more * (row + learning_cost(n, 2)) for n in fine]
    lines = {
        names[0]: (fine, np.array(single) / 1000),
        names[1]: (fine, np.array([group_difference(joint, row, n) for n in fine]) / 1000),
    }
    points = {
        name: (
            coarse,
            np.array([factored_less_memorised(sent, int(n), joint, row) for n in coarse]) / 1000,
        )
        for name, sent in zip(names, (sent_one_by_one, sent_at_once), strict=True)
    }
    return chart(
        lines,
        points,
        levels={"equal": 0.0},
        thresholds={"n*": break_even(values, values, row)},
        x="items n",
        y="factored less memorised (1000 bits)",
        legend="upper left",
    )
