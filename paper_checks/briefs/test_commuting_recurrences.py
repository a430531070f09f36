"""Walker, Yang, Muca Cirone, Salvi & Lyons 2025, "Structured Linear CDEs: Maximally Expressive and
Parallel-in-Time Sequence Models", NeurIPS, arXiv 2505.17761.

For whoever chooses the transition structure of a recurrent layer for state tracking: commuting
(diagonal) transitions can use letter counts only, blocks that permute track every group, and for
$A_5$ blocks of size two are enough.

Paper: it builds recurrent layers whose transition matrices are block-diagonal, sparse or permuting;
they are as expressive as dense ones and still run in parallel. This page says what each structure
can track at best, for any trained weights.

Take away: of words over two generators of $A_5$ a diagonal recurrence gets 38 % right at length 4,
9 % at 12 and 2 % at 32. An additive input, as S4D and Mamba have, removes this limit in exact
arithmetic, as long as the state has enough digits: with 8 bits after the point 7 % remain at length
12, and all words are right with 20.

Words $x_1 … x_n$ are uniform over two generators of a permutation group $G$ of $m$ points; the
state is $M(x_n) … M(x_1) h_0$, without additive input unless said, the target the product
$g = x_n … x_1$, and the read-out the best lookup. $G'$ is the commutator subgroup.

Edges: if $G$ is commutative, the counts determine the product. A state of $b$ bits that follows
$h ← h/3 + x$ holds about $b/log_2(3)$ letters.

Abstract:

- Statement 1: one framework holds known and new structures of transition matrices. No statement.
- Statement 2: diagonal transition matrices, as of S4D and Mamba, are less expressive than dense
  ones. In part: parikh_ceiling, ceiling_limit, additive_input. Without an additive input, which S4D
  and Mamba have; with it there is no ceiling in exact arithmetic.
- Statement 3: block-diagonal and other structures are as expressive as dense ones. In part:
  small_blocks_suffice. For one group, by constructed weights.
- Statement 4: one layer solves the benchmark of $A_5$, and benchmarks of languages and time series
  run well and fast. Not on trial. Nothing is trained here.

Read: the abstract ("unlike the diagonal state-transition matrices of S4D and Mamba", "SLiCEs solve
the $A_5$ state-tracking benchmark with a single layer"). Derived here: all claims. Not claimed:
what is learned by gradient descent. Topic: sequence models and attention.
"""

from collections import Counter
from itertools import accumulate, product
from math import factorial
from typing import Annotated, Literal

import numpy as np

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Group = Literal["S3", "S4", "S5", "A5"]

GENERATORS = {f"S{m}": [(1, 0, *range(2, m)), (*range(1, m), 0)] for m in (3, 4, 5)}
GENERATORS["A5"] = [(1, 2, 0, 3, 4), (1, 2, 3, 4, 0)]
"""A transposition and a full cycle; of A5 a cycle of three and one of five. (p_0, p_1, …) takes i
to p_i.
"""
PHI = (1 + np.sqrt(5)) / 2
QUATERNIONS = np.array([[0.5, 0, 0.5 / PHI, -PHI / 2], [PHI / 2, 0, -0.5, -0.5 / PHI]])
"""Lifts of A5's generators to unit quaternions: the binary icosahedral group of 120 elements."""


def compose(left, right):
    """First right, then left."""
    return tuple(left[i] for i in right)


def elements(group):
    """All elements, the identity first."""
    members = [tuple(range(len(GENERATORS[group][0])))]
    for g in members:
        members += [h for a in GENERATORS[group] if (h := compose(a, g)) not in members]
    return members


def action(group):
    """Where each generator takes each element, by their numbers (2, |G|)."""
    numbers = {g: i for i, g in enumerate(elements(group))}
    return np.array([[numbers[compose(a, g)] for g in numbers] for a in GENERATORS[group]])


@observed
def lookup_successes(group, length):
    """Over all 2^n words: how often the best lookup of a diagonal state with entries 2 and 3 is
    right.
    """
    words = np.arange(2**length)
    after = action(group)
    state = np.ones(2**length, int)
    element = np.zeros(2**length, int)
    for t in range(length):
        letter = words >> t & 1
        state = state * (2 + letter)
        element = after[letter, element]
    pairs, numbers = np.unique(np.stack([state, element]), axis=1, return_counts=True)
    return sum(numbers[pairs[0] == h].max() for h in np.unique(state))


@observed
def stored_successes(group, length, bits=None):
    """Over all 2^n words: how often the best lookup of the state h ← h/3 + letter is right, exact
    or rounded to so many bits after each letter.
    """
    words = np.arange(2**length)
    after = action(group)
    state = np.zeros(2**length)
    element = np.zeros(2**length, int)
    for t in range(length):
        letter = words >> t & 1
        state = state / 3 + letter
        if bits is not None:
            state = np.round(state * 2**bits) / 2**bits
        element = after[letter, element]
    pairs, numbers = np.unique(np.stack([state, element]), axis=1, return_counts=True)
    starts = np.flatnonzero(np.diff(pairs[0], prepend=-1))  # each state's first pair
    return np.maximum.reduceat(numbers, starts).sum()


@observed
def accuracy(group, length):
    """The best lookup's accuracy, from P(element, how often the first letter came) after one letter
    more each time.
    """
    # From where each generator leads to each element.
    first, second = np.argsort(action(group), axis=1)
    chances = np.zeros((len(first), length + 1))
    chances[0, 0] = 1.0
    for _ in range(length):
        chances = (np.roll(chances[first], 1, axis=1) + chances[second]) / 2
    return chances.max(axis=0).sum()


@observed
def read_from_blocks(word):
    """After each letter the element of A5 whose lift, up to sign, is nearest to a state in C², a
    unit quaternion.
    """
    w, x, y, z = QUATERNIONS.T
    blocks = np.array([[w + 1j * x, y + 1j * z], [-y + 1j * z, w - 1j * x]]).transpose(2, 0, 1)
    members = elements("A5")
    start = np.array([1.0 + 0j, 0])
    lifts = {members[0]: start}
    for g in members:
        for a, block in zip(GENERATORS["A5"], blocks, strict=True):
            lifts.setdefault(compose(a, g), block @ lifts[g])
    states = np.array(
        [*accumulate(word, lambda state, letter: blocks[letter] @ state, initial=start)]
    )[1:]
    nearness = np.abs((states @ np.array([lifts[g] for g in members]).conj().T).real)
    return np.array(members)[nearness.argmax(axis=1)]


@observed
def closure_rank(group):
    """The dimension of what products of the generators' permutation matrices span."""
    return np.linalg.matrix_rank([np.eye(len(g))[list(g)].ravel() for g in elements(group)])


@predicted
def ceiling(group, length):
    """Σ_c max_g of how many words have counts c and product g: those of c letters from those of c -
    1.
    """
    first, second = GENERATORS[group]
    words = Counter({(0, tuple(range(len(first)))): 1})
    for _ in range(length):
        longer = Counter()
        for (count, g), number in words.items():
            longer[count + 1, compose(first, g)] += number
            longer[count, compose(second, g)] += number
        words = longer
    return sum(
        max(number for (c, _), number in words.items() if c == count) for count in range(length + 1)
    )


@predicted
def products(group, word, first_on_the_left=False):
    """x_n … x_1 after each letter, or x_1 … x_n."""

    def longer(g, letter):
        return compose(g, letter) if first_on_the_left else compose(letter, g)

    return np.array(list(accumulate((GENERATORS[group][letter] for letter in word), longer)))


@predicted
def commutator_order(size):
    """|G'| = m!/2: the commutators of the symmetric groups, and of A5, generate the alternating
    one.
    """
    return factorial(size) // 2


@predicted
def closure_dimension(size):
    """1 + (m - 1)²: a line and all matrices on its complement, as the group moves any pair to any
    other.
    """
    return 1 + (size - 1) ** 2


@claim(derived("by counting"), kind="identity", cases=[("A5", 8), ("S5", 12), ("S3", 3)])
def test_parikh_ceiling(
    trial,
    group: Group,
    length: Annotated[int, Interval(2, 12, why="one letter is known; all 2^n words are tried")],
):
    """A recurrence with diagonal transitions and no additive input only counts letters. Of all
    $2^n$ words over two generators of a group it gets the product of at best $∑_c max_g n_{c g}$
    right, where $n_{c g}$ words have the counts $c$ and the product $g$.
    """
    best = ceiling(group, length)
    controls = {
        "the limit at every length": 2**length / commutator_order(int(group[1])),
        "one element for all words": 2**length / len(elements(group)),
    }
    trial.identity(lookup_successes(group, length), best, ops=0, controls=controls)


@claim(derived("uniform in a coset of $G'$"), kind="limit", cases=[("A5", 256), ("S3", 256)])
def test_ceiling_limit(
    trial,
    group: Group,
    length: Annotated[
        int,
        Interval(
            256, 512, why="of shorter words the limit is not reached to .1 %, longer take seconds"
        ),
    ],
):
    """On long words over two generators of a permutation group $G$ the best accuracy of a diagonal
    recurrence without an additive input on their product tends to $1/|G'|$, $G'$ being the
    commutator subgroup: 1/60 for $A_5$ and $S_5$, 1/12 for $S_4$, 1/3 for $S_3$.
    """
    order = commutator_order(int(group[1]))
    rivals = {
        "$1/|G|$, counts tell nothing": len(elements(group)),
        "$1/m$, one of $m$ points": int(group[1]),
    }
    trial.value(
        accuracy(group, length),
        1 / order,
        error=1e-10,
        margin=1e-3 / order,
        controls={name: 1 / choices for name, choices in rivals.items() if choices != order},
    )


@claim(
    derived("the digits of $h$ in base three are the letters"),
    kind="identity",
    cases=[("A5", 12), ("S3", 4)],
)
def test_additive_input(
    trial,
    group: Group,
    length: Annotated[
        int, Interval(4, 12, why="short words fit into two bits; all 2^n words are tried")
    ],
):
    """The recurrence $h ← h/3 + x$, with the letter $x$, of one exact number, with letters 0 and 1
    for two generators of a group, gets the products of all $2^n$ words right: with an additive
    input transitions that commute have no ceiling.
    """
    trial.identity(
        stored_successes(group, length),
        2**length,
        ops=0,
        controls={"the ceiling of counts": ceiling(group, length)},
        control_processes={"a state of 2 bits": stored_successes(group, length, bits=2)},
    )


@claim(
    derived("$A_5$ lifts to 120 unit quaternions"),
    kind="identity",
    cases=[8, 4],
)
def test_small_blocks_suffice(
    trial,
    letters: Annotated[
        int, Interval(4, 9, why="of shorter words one product may be all, more take seconds")
    ],
):
    """A recurrence with complex blocks of size two tracks every product in the group $A_5$: its
    state is a unit quaternion, which is read up to its sign.

    The word is that of all words of so many letters, one after the other.
    """
    word = np.ravel(list(product((0, 1), repeat=letters)))
    along = products("A5", word)
    trial.identity(
        read_from_blocks(word),
        along,
        ops=0,
        controls={"$x_1 … x_n$": products("A5", word, first_on_the_left=True)},
    )


@claim(
    derived("these groups are doubly transitive"),
    kind="identity",
    cases=["S3", "S4", "S5", "A5"],
)
def test_closure_dimension(trial, group: Group):
    """The algebra that the permutation matrices $(m, m)$ of $S_3$, $S_4$, $S_5$ or $A_5$ generate
    has the dimension $1 + (m - 1)²$, where $m$ is the number of points.
    """
    m = int(group[1])
    trial.identity(
        closure_rank(group),
        closure_dimension(m),
        ops=0,
        controls={"$m²$": m**2, "$(m - 1)²$": (m - 1) ** 2},
    )


@figure("F1", claims=("parikh_ceiling", "ceiling_limit"))
def best_accuracy(groups=("S3", "S4", "S5", "A5")):
    """No diagonal recurrence tracks a group that does not commute.

    The best accuracy against the length of the words. Marks: lines: counts; points: lookups over
    all words; dotted: limits $1/|G'|$, for $S_5$ as for $A_5$.
    """
    names = {group: f"${group[0]}_{group[1]}$" for group in groups}
    short = range(1, 13)
    lengths = [*range(1, 12), *np.geomspace(12, 64, 10).astype(int).tolist()]
    return chart(
        {
            name: (lengths, [ceiling(group, n) / 2**n for n in lengths])
            for group, name in names.items()
        },
        {
            name: (short, [lookup_successes(group, n) / 2**n for n in short])
            for group, name in names.items()
        },
        levels={name: 1 / commutator_order(int(group[1])) for group, name in names.items()},
        x="length of the words  (letters)",
        y="best accuracy  (dimensionless)",
        log="xy",
    )
