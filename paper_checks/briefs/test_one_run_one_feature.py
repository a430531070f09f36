"""Zhang & Bottou 2023, "Learning useful representations for shifting tasks and distributions",
ICML, arXiv 2212.07346.

For whoever chooses between one wide run and an ensemble as a source of features: depth decides what
one run keeps.

Setting: $F$ copies of a signal $z ~ N(0, 1)$ have strengths $s_i > 0$, and $f = sum_i s_i u_i^L z$,
with $L$ layers. The weights start at $u_i = α |ξ_i|$, with $ξ_i$ independent $N(0, 1)$, and follow
the gradient flow of any loss of $f$ until $f = z$. The share of a copy is $w_i = s_i u_i^L/f$. A
copy breaks if an independent $N(0, 1)$ takes its place.

Take away: from small starts a run with three or more layers keeps one of several equal copies of a
signal (`broken-copies_kept`). Of two copies, one half as strong, the weaker one wins .30 of the
runs with three layers, and .47 with ten (`luck-of_small_starts`). With that many layers more units
in one run do not replace more runs (`broken-of_one_deep_run`); with two layers they almost do
(`broken-of_one_wide_run`).

Edges: all $u_i$ stay positive. $α = 0$ is a saddle for $L >= 2$. In ordinary time the flow is stiff
for $L >= 3$, because nothing moves until a time of $α^(2-L)$; this page measures time by $log f$.

Paper: it argues that one training run keeps too few features and that the concatenation of several
runs transfers better, with experiments on images. This page solves a model with one signal in
several copies.

Abstract:

- Sentence 1: does the usual way to learn representations suit several distributions? No statement.
- Sentence 2: such scenarios are better served by richer representations than one run gives. Not on
  trial. It is a thesis on networks; the sentences below are parts of it.
- Sentence 4: runs that differ in their seed perform alike. In part: conserved, shares. In the model
  every run fits the signal.
- Sentence 5: their concatenation does better on new distributions than one network of that size. In
  part: broken, broken-of_one_wide_run, broken-of_one_deep_run, shares-of_one_layer. With three or
  more layers it holds, with two there is little difference, with one all runs are alike.
- Sentence 6: so the representations of several runs differ. In part: shares, shares-of_one_layer,
  luck. With two or more layers they do, with one they do not.
- Sentence 7: their concatenation tells little more on the training distribution, and much more if
  that changes. In part: broken. Copies are equally good until one of them breaks.
- Sentence 8: one run has no reason to gather features that do not improve training. In part:
  conserved, shares, broken-copies_kept. With three or more layers one copy is kept; with one and
  two all copies grow.

Read: the abstract ("the optimization process has no reason to accumulate features that do not
incrementally improve the training performance"). Derived here: the model and all laws. Not claimed:
anything on features that differ, noise of gradients, or heads that are trained again. Topic:
learning.
"""

from functools import reduce
from itertools import product
from typing import Annotated

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import beta

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Bounded

Deep = Annotated[int, Interval(2, 12, why="one layer has no saddle; more are as these")]
Three = Annotated[int, Interval(3, 5, why="with fewer no copy is kept alone; more are as three")]
Copies = Annotated[int, Interval(2, 6, why="one copy has all of the signal; more are slow to draw")]
Runs = Annotated[int, Interval(2, 5, why="of one run there is nothing to average; more are slow")]
Strength = Annotated[
    float, Interval(0.3, 0.9, why="s_2: near 1 nothing is weaker, near 0 it has no chance")
]
Start = Annotated[
    float, Interval(0.001, 0.1, why="α: smaller is a limit; larger may be above f = z")
]
SMALL = 1e-4
"""An α for limits."""


@observed
def flow(start, strengths, layers, loss):
    """Weights (F,) along the gradient flow in time from `start` until f = 0.9 z, of the square loss
    or of the logistic loss.
    """

    def slope(_, u):
        f = np.sum(strengths * u**layers)
        pull = 1 - f if loss == "square" else 1 / (1 + np.exp(f))
        return pull * strengths * layers * u ** (layers - 1)

    def grown(_, u):
        return np.sum(strengths * u**layers) - 0.9

    grown.terminal = True
    options = {"rtol": 1e-11, "atol": 1e-13, "method": "DOP853"}
    return solve_ivp(slope, (0, 1e7), start, events=grown, **options).y[:, -1]


@observed
def trained(start, strengths, layers, steps=8):
    """Shares (F, n) that the gradient flow from `start` (F, n) has at f = z: Runge-Kutta steps of
    fourth order in the clock log f, du/d log f = f ∇f/|∇f|². They end within some 5 % of f = z.
    """
    strengths = np.reshape(strengths, (-1, 1))

    def slope_of_output(u):
        return reduce(np.multiply, [u] * (layers - 1), strengths)

    def output(u):
        return np.sum(slope_of_output(u) * u, axis=0)

    def velocity(u):
        slope = slope_of_output(u)
        along = np.einsum("fn,fn->n", slope, u)
        length = np.einsum("fn,fn->n", slope, slope)
        return slope * (along / (layers * length))

    u = np.array(start, float)
    size = -np.log(output(u)) / steps
    for _ in range(steps):
        first = velocity(u)
        second = velocity(u + size / 2 * first)
        third = velocity(u + size / 2 * second)
        u = u + size / 6 * (first + 2 * second + 2 * third + velocity(u + size * third))
    return slope_of_output(u) * u / output(u)


@observed
def shares(generator, n, copies, layers, alpha, units=1):
    """The share of each of equal copies in n runs, (F, n), with some units a copy."""
    start = alpha * np.abs(generator.normal(size=(copies * units, n)))
    parts = trained(start, np.ones(copies * units), layers)
    return parts.reshape(copies, units, n).sum(axis=1)


@observed
def angle_of_wins(strength, layers, alpha, nodes=100, steps=32):
    """In how many of all runs the weaker of two copies ends with more than half of the signal: for
    each of some lengths of the start the angle at which the winner changes, bisected by training,
    as a share of all angles, and the mean of these.
    """
    ranks = (np.arange(nodes) + 0.5) / nodes
    lengths = alpha * np.sqrt(-2 * np.log(ranks))
    low = np.zeros(nodes)
    high = np.full(nodes, np.pi / 2)
    for _ in range(26):
        angle = (low + high) / 2  # 0 if only the weaker copy starts
        start = lengths * np.stack([np.sin(angle), np.cos(angle)])
        wins = trained(start, [1, strength], layers, steps)[1] > 0.5
        low = np.where(wins, angle, low)
        high = np.where(wins, high, angle)
    return np.mean(low + high) / np.pi


@observed
def errors_of_broken(each):
    """Mean squared errors (n,) of the mean of M runs, with shares (F, M, n), over the copy that
    breaks. The signal is 1 and the broken copy is ±1, with the second moments of N(0, 1).
    """
    copies = len(each)
    found = []
    for broken, other in product(range(copies), (-1, 1)):
        inputs = np.ones(copies)
        inputs[broken] = other
        outputs = np.tensordot(inputs, each, axes=1)
        found.append((outputs.mean(axis=0) - 1) ** 2)
    return np.mean(found, axis=0)


def at_output(weights_of, strengths, layers, most, output=0.9):
    """The weights (F,) where Σ s_i u_i^L = `output`, on a curve of weights from 0 to `most`."""

    def excess(place):
        return np.sum(strengths * weights_of(place) ** layers) - output

    return weights_of(brentq(excess, 0, most, xtol=1e-15, rtol=1e-14))


@predicted
def conserved_weights(start, strengths, layers):
    """Weights (F,) at f = 0.9 z: all u_i/s_i (L = 1), (log u_i)/s_i (L = 2) or -u_i^(2-L)/s_i
    (L >= 3) grow by the same amount from `start`.
    """
    if layers == 2:
        most = np.max(-np.log(start * np.sqrt(strengths)) / strengths)
        return at_output(lambda gain: start * np.exp(strengths * gain), strengths, layers, most)
    power = 2.0 - layers
    first = start**power
    most = 2 / strengths.max() ** 2 if layers == 1 else np.min(first / strengths) * (1 - 1e-12)
    sign = np.sign(power)
    return at_output(
        lambda gain: (first + sign * strengths * gain) ** (1 / power), strengths, layers, most
    )


@claim(
    derived("$du_i/s_i = u_i^(L-1) dτ$ in one clock $τ$"),
    kind="identity",
    cases=[(2, 2), (3, 1), (4, 3), (2, 5), (6, 8)],
)
def test_conserved(
    trial,
    copies: Copies,
    layers: Annotated[int, Interval(1, 8, why="a network has a layer; more are stiff in time")],
):
    """The gradient flow of any loss of $f = ∑_i s_i u_i^L z$, with $L$ layers, conserves
    $u_i/s_i - u_j/s_j$ for $L = 1$, $(log u_i)/s_i - (log u_j)/s_j$ for $L = 2$, and
    $u_i^(2-L)/s_i - u_j^(2-L)/s_j$ for $L >= 3$.
    """
    generator = trial.generator("copies")
    strengths = generator.uniform(0.5, 1, copies)
    start = generator.uniform(0.2, 0.4, copies) / copies ** (1 / layers)
    law = conserved_weights(start, strengths, layers)
    as_layers = at_output(lambda gain: np.sqrt(start**2 + gain), strengths, layers, 10)
    by_factor = at_output(lambda gain: start * (1 + gain), strengths, layers, 100)
    trial.value(
        [flow(start, strengths, layers, loss) for loss in ("square", "logistic")],
        [law, law],
        error=1e-8,
        margin=1e-4,
        generic="the flow is analytic in strengths and starts",
        controls={
            "$u_i² - u_j²$, as between layers": [as_layers] * 2,
            "all copies grow by one factor": [by_factor] * 2,
        },
    )


@predicted
def share_law(copies):
    """The cdf of a share: of Beta(½, (F - 1)/2), a margin of Dirichlet(½, …, ½)."""
    return beta(0.5, (copies - 1) / 2).cdf


@claim(
    derived("for $L = 2$ all copies grow by one factor"),
    kind="distribution",
    cases=[(2, 0.1), (3, 0.02), (5, 0.05)],
    low_power="1 % of distance between laws would take nine times the draws",
)
def test_shares(trial, copies: Copies, alpha: Start):
    """$F$ copies of equal strength are weighted by $u_i²$, two layers, and start at $u_i = α |ξ_i|$
    with independent $ξ_i ~ N(0, 1)$. After training a copy's share of the output has the law
    $Beta(½, (F - 1)/2)$, for every $α$.
    """
    trial.distribution(
        lambda rng, n: shares(rng, n, copies, 2, alpha)[0],
        share_law(copies),
        margin=0.03,
        controls={
            "all divisions are equally likely": beta(1, copies - 1).cdf,
            "all shares are $1/F$, as with one layer": lambda x: (x >= 1 / copies).astype(float),
        },
        first=8_192,
    )


@predicted
def shares_of_one_layer(strengths):
    """s_i²/Σ s_j², (F,)."""
    return strengths**2 / np.sum(strengths**2)


@claim(derived("$u_i$ grows in proportion to $s_i$"), kind="limit", cases=[2, 3, 6])
def test_shares__of_one_layer(trial, copies: Copies):
    """$F$ copies of strengths $s_i$ are weighted by $u_i$, one layer, and start at $u_i = α |ξ_i|$.
    For $α → 0$ the share of copy $i$ in the trained output tends to $s_i²/∑_j s_j²$, whatever the
    $ξ_j$ are.
    """
    generator = trial.generator("copies")
    strengths = generator.uniform(0.5, 1, copies)
    start = SMALL * np.abs(generator.normal(size=(copies, 1)))
    law = shares_of_one_layer(strengths)
    luck = start[:, 0] * strengths
    rivals = {
        "in proportion to $s_i$": strengths / np.sum(strengths),
        "as at the start": luck / np.sum(luck),
    }
    trial.value(
        trained(start, strengths, 1)[:, 0],
        law,
        error=1e-6,
        slack=10 * SMALL * law,
        margin=0.005 * law,
        generic="both sides are analytic in the strengths and the sizes of the starts",
        controls=rivals,
    )


@predicted
def chance_of_weaker(strength, layers, alpha):
    """P(weaker copy ends with more than half), by one integral over the start of the weaker one.
    Raises ValueError for fewer than two layers, a strength s_2 outside (0, 1), or no start.
    """
    if layers < 2 or not 0 < strength < 1 or alpha <= 0:
        raise ValueError("layers must be 2 or more, strength lie in (0, 1), and alpha be positive")
    if layers == 2:
        offset = np.log(2 * strength) / (2 * strength) - np.log(2) / 2

        def largest_rival(second):
            return np.exp(np.log(alpha * second) / strength + offset) / alpha

    else:
        power = (layers - 2) / layers
        offset = 2**power - (2 * strength) ** power / strength

        def largest_rival(second):
            log = (2 - layers) * np.log(alpha * second) - np.log(strength)
            if log < 500:  # beyond, the offset is nothing beside it
                bound = offset + np.exp(log)
                log = np.log(bound) if bound > 0 else -np.inf
            return np.exp(-log / (layers - 2)) / alpha

    def integrand(second):
        density = np.exp(-(second**2) / 2) * np.sqrt(2 / np.pi)
        return density * (2 * ndtr(largest_rival(second)) - 1)

    return quad(integrand, 0, 10, epsabs=1e-10, limit=200)[0]


@predicted
def chance_of_weaker_at_zero(strength, layers):
    """The limit α → 0: (2/π) arctan(s_2^(1/(L-2))), and 0 for L = 2; ValueError for L < 2."""
    if layers < 2:
        raise ValueError("layers must be at least 2: with one, shares are not a matter of luck")
    return 2 / np.pi * np.arctan(strength ** (1 / (layers - 2))) if layers > 2 else 0.0


@claim(
    derived("the conserved quantity where both have one half"),
    kind="distribution",
    cases=[(3, 0.5, 0.01), (4, 0.5, 0.05), (10, 0.5, 0.05), (2, 0.8, 0.01), (3, 0.3, 0.1)],
)
def test_luck(trial, layers: Deep, strength: Strength, alpha: Start):
    """Two copies of strengths $1 > s$ are weighted by $u_i^L$, $L$ layers, and start at
    $u_i = α |ξ_i|$, $ξ_i ~ N(0, 1)$. The weaker one ends with more than half of the output with the
    chance of $(α|ξ_1|)^(2-L) - (α|ξ_2|)^(2-L)/s > 2^((L-2)/L) - (2 s)^((L-2)/L)/s$ for $L >= 3$,
    and of $log(α|ξ_1|) - log(α|ξ_2|)/s < log(2 s)/(2 s) - ½ log 2$ for $L = 2$.
    """
    trial.require(
        layers > 2 or strength > 0.6, "with two layers a much weaker copy has no chance to measure"
    )
    law = chance_of_weaker(strength, layers, alpha)
    wrong = {
        "a coin is tossed": 0.5,
        "as the squares of the strengths": strength**2 / (1 + strength**2),
        "$L$ for $L - 2$": 2 / np.pi * np.arctan(strength ** (1 / layers)),
    }
    if layers > 2:
        wrong["the right side is 0"] = chance_of_weaker_at_zero(strength, layers)
    trial.value(
        angle_of_wins(strength, layers, alpha),
        law,
        error=1e-3 * law + 1e-5,
        margin=0.006 * law,
        controls={name: value for name, value in wrong.items() if abs(value / law - 1) > 0.02},
    )


@claim(
    derived("the larger start of $u^(2-L)/s$ wins"),
    kind="limit",
    cases=[(3, 0.5), (4, 0.5), (10, 0.5)],
)
def test_luck__of_small_starts(trial, layers: Deep, strength: Strength):
    """Two copies of strengths $1 > s$ are weighted by $u_i^L$, $L >= 3$ layers, and start at
    $u_i = α |ξ_i|$ with independent $ξ_i ~ N(0, 1)$. For $α → 0$ the weaker copy ends with more
    than half of the output with the chance $(2/π) arctan(s^(1/(L-2)))$.
    """
    trial.require(layers > 2, "with two layers the chance falls to 0")
    law = chance_of_weaker_at_zero(strength, layers)
    distance = abs(chance_of_weaker(strength, layers, 1e-3) - law)
    wrong = {
        "a coin is tossed": 0.5,
        "strength wins": 0.0,
        "$L$ for $L - 2$": 2 / np.pi * np.arctan(strength ** (1 / layers)),
    }
    trial.limit(
        [angle_of_wins(strength, layers, 1e-3)],
        [1e3],
        law,
        remainder=distance + 1e-3 * law,
        margin=0.009 * law,
        controls={name: value for name, value in wrong.items() if abs(value / law - 1) > 0.02},
    )


@predicted
def power_of_start(strength):
    """1/s_2 - 1: the power of α as which the chance of the weaker copy falls, L = 2."""
    return 1 / strength - 1


@claim(derived("$log u_i/s_i$ in the plane of the starts"), kind="rate", cases=[0.55, 0.6, 0.7])
def test_luck__of_two_layers(
    trial,
    strength: Annotated[
        float,
        Interval(0.55, 0.7, why="s_2: below, chances are too small; above, they fall too slowly"),
    ],
):
    """Two copies of strengths $1 > s$ are weighted by $u_i²$, two layers, and start at
    $u_i = α |ξ_i|$ with independent $ξ_i ~ N(0, 1)$. The chance that the weaker copy ends with more
    than half of the output falls as $α^(1/s - 1)$ for $α → 0$.
    """
    sizes = 2.0 ** np.arange(6, 15, 2)
    power = power_of_start(strength)
    chances = np.array([angle_of_wins(strength, 2, 1 / size) for size in sizes])
    trial.order(
        chances,
        sizes,
        -power,
        rounding=3e-4 * chances,
        margin=0.05 * power,
        next_term=2 * power,
        controls={"luck decides, as for $L >= 3$": -0.0, "as $α$": -1.0},
    )


@predicted
def error_of_broken(copies, layers, runs, wide):
    """2 (1/F² + V/M): V = 0 for L = 1, 2(F - 1)/(F²(F + 2)) for L = 2, (F - 1)/F² for L >= 3; for
    one wide run V/M becomes 2(F - 1)/(F²(FM + 2)) for L = 2 and V for L >= 3. Raises ValueError
    if one of the numbers is below 1.
    """
    if min(copies, layers, runs) < 1:
        raise ValueError("copies, layers and runs must be at least 1")
    if layers == 1:
        spread = 0.0
    elif layers == 2 and wide:
        spread = 2 * (copies - 1) / (copies**2 * (copies * runs + 2))
    elif layers == 2:
        spread = 2 * (copies - 1) / (copies**2 * (copies + 2)) / runs
    else:
        spread = (copies - 1) / copies**2 / (1 if wide else runs)
    return 2 * (1 / copies**2 + spread)


@predicted
def copies_kept(copies, runs):
    """F (1 - (1 - 1/F)^M)."""
    return copies * (1 - (1 - 1 / copies) ** runs)


BROKEN = [(2, 4, 3), (3, 3, 3), (5, 3, 2)]


@claim(
    derived("moments of shares; of $L >= 3$ one copy has all"), kind="distribution", cases=BROKEN
)
def test_broken(
    trial,
    layers: Annotated[int, Interval(2, 5, why="one layer is another claim; more are as three")],
    copies: Copies,
    runs: Runs,
):
    """$M$ runs with $L$ layers start from random weights of scale $α → 0$, and one of $F$ equal
    copies is replaced by noise of variance 1 afterwards. The mean of the runs has the mean squared
    error $2 (1/F² + V/M)$, with $V = 2 (F - 1)/(F² (F + 2))$ for $L = 2$ and $(F - 1)/F²$ for
    $L >= 3$.
    """
    law = error_of_broken(copies, layers, runs, wide=False)

    def errors(generator, n):
        each = shares(generator, n * runs, copies, layers, SMALL)
        return errors_of_broken(each.reshape(copies, runs, n))

    trial.mean(
        errors,
        law,
        law=Bounded(2 / copies**2 * (1 - 1e-9), 2 / copies * (1 + 1e-9)),
        margin=0.009 * law,
        most=400_000,
        controls={
            "one run is as good": error_of_broken(copies, layers, 1, wide=False),
            "all copies are kept": error_of_broken(copies, 1, runs, wide=False),
        },
        first=16_384,
    )


@claim(derived("moments of sums of shares"), kind="distribution", cases=[(4, 3), (2, 2), (6, 4)])
def test_broken__of_one_wide_run(trial, copies: Copies, units: Runs):
    """A run with two layers and $M$ units for each of $F$ equal copies starts from random weights
    of scale $α → 0$, and one copy is replaced by noise of variance 1 afterwards. The mean squared
    error is $2 (1/F² + 2 (F - 1)/(F² (F M + 2)))$.
    """
    law = error_of_broken(copies, 2, units, wide=True)

    def errors(generator, n):
        each = shares(generator, n, copies, 2, SMALL, units)
        return errors_of_broken(each.reshape(copies, 1, n))

    wrong = {
        "as good as $M$ runs": error_of_broken(copies, 2, units, wide=False),
        "all copies are kept": error_of_broken(copies, 1, units, wide=True),
        "$M$ units are as good as one": error_of_broken(copies, 2, 1, wide=True),
    }
    trial.mean(
        errors,
        law,
        law=Bounded(2 / copies**2 * (1 - 1e-9), 2 / copies * (1 + 1e-9)),
        margin=0.009 * law,
        controls={name: value for name, value in wrong.items() if abs(value / law - 1) > 0.02},
        first=8_192,
    )


@claim(
    derived("one unit has all"), kind="limit", cases=[(3, 4, 3), (5, 3, 2), (4, 2, 5), (3, 6, 5)]
)
def test_broken__of_one_deep_run(trial, layers: Three, copies: Copies, units: Runs):
    """A run with three or more layers and any number of units for each of $F$ equal copies starts
    from random weights of scale $α → 0$, and one copy is replaced by noise of variance 1
    afterwards. The mean squared error is $2/F$, as with one unit a copy.
    """
    law = error_of_broken(copies, layers, units, wide=True)

    def errors(generator, n):
        return errors_of_broken(shares(generator, n, copies, layers, SMALL, units)[:, None])

    trial.mean(
        errors,
        law,
        law=Bounded(2 / copies**2 * (1 - 1e-9), 2 / copies * (1 + 1e-9)),
        slack=20 * SMALL * law,
        margin=0.009 * law,
        controls={
            "as good as $M$ runs": error_of_broken(copies, layers, units, wide=False),
            "as with two layers": error_of_broken(copies, 2, units, wide=True),
        },
    )


@claim(
    derived("$M$ balls in $F$ boxes"), kind="distribution", cases=[(3, 3, 3), (5, 3, 2), (4, 2, 5)]
)
def test_broken__copies_kept(trial, layers: Three, copies: Copies, runs: Runs):
    """$M$ runs with three or more layers start from random weights of scale $α → 0$ on $F$ equal
    copies. On average $F (1 - (1 - 1/F)^M)$ different copies have more than half of the output of
    some run.
    """
    law = copies_kept(copies, runs)

    def distinct(generator, n):
        each = shares(generator, n * runs, copies, layers, SMALL).reshape(copies, runs, n)
        return np.sum(np.any(each > 0.5, axis=1), axis=0)

    trial.mean(
        distinct,
        law,
        law=Bounded(0, min(copies, runs)),
        margin=0.009 * law,
        controls={"a new copy each run": min(copies, runs), "the same in every run": 1.0},
        first=16_384,
    )


@figure("F1", claims=("shares", "shares-of_one_layer", "broken-copies_kept"))
def what_one_run_keeps(runs: int = 2000, alpha: float = 0.001):
    """A run divides a signal between two copies evenly with one layer, by chance with two layers,
    and keeps one copy with three.

    Share of one of two equal copies, over random starts. Marks: lines: law; points:
    2000 runs, with two standard errors.
    """
    generator = np.random.default_rng(0)
    fine = np.linspace(0, 1, 201)
    coarse = np.linspace(0.025, 0.975, 20)
    lines = {
        "one layer": (fine, (fine >= 0.5).astype(float)),
        "two layers": (fine, share_law(2)(fine)),
        "three layers": (fine, np.where(fine < 1, 0.5, 1.0)),
    }
    points = {}
    for layers, name in enumerate(lines, 1):
        found = shares(generator, runs, 2, layers, alpha)[0]
        below = np.mean(found[:, None] <= coarse, axis=0)
        points[name] = coarse, below, 2 * np.sqrt(below * (1 - below) / runs)
    return chart(
        lines,
        points,
        x="share x of the signal",
        y="chance of a share up to x",
        legend="upper left",
        xlim=(0, 1),
    )
