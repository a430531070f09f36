"""Nauen, Palacio & Dengel 2024, "TaylorShift: Shifting the Complexity of Self-Attention from
Squared to Linear (and Back) using Taylor-Softmax", arXiv 2403.02920.

For whoever replaces the exponential in attention by its Taylor polynomial: from which length on the
linear form is cheaper, which orders have positive weights, and how much focus is lost.

Take away: at $d = 64$ the linear form needs fewer operations from 4161 tokens on and less memory
from 2174 on. No token of 1024 gets more than 3.5 % of the weight at $τ = 5$, where softmax gives it
96 %.

$Q$, $K$, $V$ are $(N, d)$, $T_m(s) = sum_{j<=m} s^j/j!$, the weights of one row are
$T_2(s)/∑ T_2(s)$ with scores $s = q · k$, and $|s| <= τ$ where $q$ and $k$ are normalised with a
temperature $τ$. ⊠ multiplies each row with itself, $d²$ columns wide; the first column of
$V̂ = (1, V)$ makes the denominator.

Edges: polynomials of odd order have a real root, near which row sums vanish and weights blow up.
For $τ$ below 1 the largest weight is attained with the other scores at $-τ$. Memory counts the
entries that exist at the peak, with one ⊠ at a time.

Paper: it computes attention with the second-order polynomial in two forms, and gives their
crossovers and trained models. This page studies counts, signs and focus.

Abstract:

- Sentence 3: Taylor softmax has all interactions of tokens in linear time and space. Holds:
  two_forms, costs, costs-linear.
- Sentence 4: the lengths from which it pays are determined analytically, and agree with
  measurements. In part: crossovers, crossovers-memory. By counts; nothing is measured here.
- Sentence 5: it needs less memory from 800 tokens on and less time from 1700. Not on trial. They
  were measured at one $d$.
- Sentence 6: for shorter sequences it scales as usual attention. In part: costs. Its other form has
  the counts of all scores.
- Sentence 7: accuracy does not suffer on five tasks. Not on trial. No model is trained; `focus_cap`
  says what one weight can be at most.

Read: the abstract. Recalled and derived again by counting: both counts. Derived here: parity and
focus. Not claimed: the lengths in the abstract, which were measured at one $d$. Topic: sequence
models and attention.
"""

from fractions import Fraction
from math import factorial
from typing import Annotated

import numpy as np
from scipy.optimize import brentq, minimize

from theory_on_trial import (
    balls,
    claim,
    derived,
    observed,
    predicted,
    recalled,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Tokens = Annotated[
    int, Interval(2, 256, why="one token has all weight; beyond, dense forms take long")
]
Width = Annotated[int, Interval(1, 24, why="beyond, the d² columns of a product of rows take long")]
Order = Annotated[int, Interval(1, 12, why="the roots of longer polynomials lose digits")]


class Counted(np.ndarray):
    """An array that counts the additions, multiplications and divisions that are done with it."""

    operations = 0

    def __array_ufunc__(self, ufunc, method, *given, **options):
        """Count, and compute as usual."""
        plain = [np.asarray(array) for array in given]
        result = getattr(ufunc, method)(*plain, **options)
        work = 2 * plain[0].shape[-1] * result.size if ufunc is np.matmul else result.size
        Counted.operations += plain[0].size if method == "reduce" else work
        return result.view(Counted)


@observed
def direct(q, k, v):
    """Attention through all N² weights, and the entries alive beside each other at its peak."""
    scores = q @ k.T
    values = scores * scores * 0.5 + scores + 1.0
    return values / values.sum(axis=1, keepdims=True) @ v, v.size + scores.size + values.size


@observed
def linear(q, k, v):
    """Attention by the linear form, and the entries alive beside each other at its peak, (K ⊠ K)ᵀ
    V̂.
    """
    v_one = np.concatenate([np.ones((len(v), 1)), v], axis=1).view(type(v))
    squares = [(x[:, :, None] * x[:, None, :]).reshape(len(x), -1) for x in (q, k)]
    moment = squares[1].T @ v_one
    sums = squares[0] @ moment * 0.5 + q @ (k.T @ v_one) + v_one.sum(axis=0)
    return sums[:, 1:] / sums[:, :1], q.size + k.size + v_one.size + squares[1].size + moment.size


@observed
def horner(order, scores):
    """T_m by Horner's rule, and how many of the eigenvalues of its companion matrix, its roots, are
    real.
    """
    coefficients = [1 / factorial(j) for j in range(order, -1, -1)]
    return np.polyval(coefficients, scores), np.sum(np.abs(np.roots(coefficients).imag) < 1e-6)


@observed
def cost(form, tokens, width):
    """The operations and the entries of a form."""
    Counted.operations = 0
    _, entries = form(*np.ones((3, tokens, width)).view(Counted))
    return np.array([Counted.operations, entries])


@observed
def found_crossovers(width):
    """N at which the operations, and the entries, of both forms are equal, (2,): the difference of
    both costs is a parabola in N, here through three of its points.
    """
    first, second, third = (cost(direct, n, width) - cost(linear, n, width) for n in (10, 20, 30))
    bend = (first - 2 * second + third) / 2
    slope = (third - first) / 2 - 4 * bend
    parabolas = np.transpose([bend, slope, first - bend - slope])
    return [10 * max(np.roots(parabola)) for parabola in parabolas]


@observed
def largest_weight(others, temperature, generator):
    """The largest weight that one of the tokens can get, by search over all scores in [-τ, τ] from
    several starts.
    """

    def log_weight(scores):
        values = 1 + scores + scores**2 / 2
        gradient = (1 + scores) / values.sum()
        gradient[0] -= (1 + scores[0]) / values[0]
        return np.log(values.sum() / values[0]), gradient

    starts = generator.uniform(-temperature, temperature, (4, others + 1))
    # Below -1 the weight rises to the left, to another maximum.
    starts[1:, 0] = np.abs(starts[1:, 0])
    options = {
        "bounds": [(-temperature, temperature)] * (others + 1),
        "options": {"ftol": 1e-15, "gtol": 1e-12},
    }
    return np.exp(-min(minimize(log_weight, start, jac=True, **options).fun for start in starts))


@predicted
def polynomial(order, scores):
    """T_m."""
    return sum(scores**j / factorial(j) for j in range(order + 1))


@predicted
def attention(q, k, v, half=0.5):
    """Each row is the mean of V with weights T_2(q · k) = 1 + s + s²/2."""
    scores = np.einsum("id,jd->ij", q, k)
    weights = 1 + scores + half * scores**2
    return np.einsum("ij,jd->id", weights, v) / weights.sum(axis=1)[:, None]


@predicted
def costs(n, d):
    """Operations and entries of the direct form, then of the linear one."""
    by_linear = [n * (4 * d**3 + 10 * d**2 + 9 * d + 4), d**2 * (d + 1) + n * (d + 1) ** 2 + d * n]
    return [[n**2 * (4 * d + 6), 2 * n**2 + d * n], by_linear]


@predicted
def crossovers(d):
    """N at which the operations, and the entries, of both forms are equal."""
    by_entries = ((d + 1) ** 2 + np.sqrt(d**4 + 12 * d**3 + 14 * d**2 + 4 * d + 1)) / 4
    return d**2 + d + 0.75 - 1 / (2 * (4 * d + 6)), by_entries


@predicted
def real_roots(order):
    """1 if m is odd, else 0."""
    return order % 2


@predicted
def lowest(order):
    """Of even m: T_m is least at the only root r of T_{m-1}, its derivative, and is r^m/m!
    there.
    """
    root = brentq(lambda s: polynomial(order - 1, s), -2.0 * order, 0.0, xtol=1e-15)
    return root, root**order / factorial(order)


@predicted
def focus(others, temperature, order=2):
    """T_2(τ)/(T_2(τ) + (N - 1)/2), all other scores at -1; where τ < 1 they are at -τ. Of an even
    order they are where its polynomial is least.
    """
    most = polynomial(order, temperature)
    return most / (most + others * polynomial(order, max(lowest(order)[0], -temperature)))


@claim(
    recalled("its linear form of the Taylor softmax"),
    kind="identity",
    cases=[(40, 8), (2, 1)],
)
def test_two_forms(trial, tokens: Tokens, width: Width):
    """Attention with weights proportional to $1 + s + s²/2$ of scores $s = q·k$ is
    $½ Q_2 (K_2ᵀ V̂) + Q (Kᵀ V̂) + 1ᵀ V̂$, divided by its first column, where $V̂ = (1, V)$, and
    $Q_2 = Q$ ⊠ $Q$ and $K_2 = K$ ⊠ $K$ multiply each row with itself, $d²$ columns wide.
    """
    q, k, v = trial.generator().normal(size=(3, tokens, width))
    predict = attention(q, k, v)
    rival = attention(q, k, v, half=1.0)
    scale = (
        polynomial(2, np.abs(q) @ np.abs(k).T).sum(axis=1).max() / (tokens / 2) * np.abs(v).max()
    )
    forms = np.array([form(q, k, v)[0] for form in (direct, linear)])
    trial.identity(
        forms,
        np.array([predict, predict]),
        ops=width**2 + tokens,  # the longest sums: over the columns of ⊠, and over all tokens
        scale=scale,
        generic="both sides are rational in the entries of q, k and v",
        controls={"$s²$ for $s²/2$": np.array([rival, rival])},
    )


@claim(recalled("its counts for all scores"), kind="identity", cases=[(8, 5), (16, 100), (1, 2)])
def test_costs(trial, width: Width, tokens: Tokens):
    """Attention of $N$ tokens of width $d$ with the weights $1 + s + s²/2$ of all $N²$ scores $s$
    takes $4 N² d + 6N²$ operations and $d N + 2N²$ entries of memory.
    """
    operations, entries = costs(tokens, width)[0]
    trial.identity(
        cost(direct, tokens, width),
        [operations, entries],
        ops=0,
        controls={
            "the polynomial and the division are free": [operations - 6 * tokens**2, entries],
            "one matrix of weights": [operations, entries - tokens**2],
        },
    )


@claim(
    recalled("its counts for the linear form"), kind="identity", cases=[(8, 5), (16, 100), (1, 2)]
)
def test_costs__linear(trial, width: Width, tokens: Tokens):
    """Attention of $N$ tokens of width $d$ with weights $1 + s + s²/2$ of scores $s$ takes
    $N (4d³ + 10d² + 9d + 4)$ operations and $d²(d + 1) + N(d + 1)² + d N$ entries of memory by its
    linear form.
    """
    operations, entries = costs(tokens, width)[1]
    trial.identity(
        cost(linear, tokens, width),
        [operations, entries],
        ops=0,
        controls={
            "leading order, $4 N d³$": [4 * tokens * width**3, entries],
            "the moments alone, $d² (d + 1)$": [operations, width**2 * (width + 1)],
        },
    )


@claim(recalled("the length from which operations are fewer"), kind="identity", cases=[8, 16, 1])
def test_crossovers(trial, width: Width):
    """Attention of width $d$ with weights $1 + s + s²/2$ needs fewer operations in its linear form
    than by all scores $s$ from $d² + d + 3/4 - 1/(8d + 12)$ tokens on.
    """
    trial.identity(
        found_crossovers(width)[0],
        crossovers(width)[0],
        # The costs are whole numbers, and the parabola through three of them is exact. Its roots
        # are eigenvalues of order 2; the rest is room.
        ops=64,
        scale=10.0 * width**2,
        controls={"leading order, $d²$": width**2},
    )


@claim(recalled("the length from which memory is less"), kind="identity", cases=[8, 16, 1])
def test_crossovers__memory(trial, width: Width):
    """Attention of width $d$ with weights $1 + s + s²/2$ needs fewer entries of memory in its
    linear form than by all scores $s$ from $((d + 1)² + √(d⁴ + 12d³ + 14d² + 4d + 1))/4$ tokens on.
    """
    trial.identity(
        found_crossovers(width)[1],
        crossovers(width)[1],
        # The costs are whole numbers, and the parabola through three of them is exact. Its roots
        # are eigenvalues of order 2; the rest is room.
        ops=64,
        scale=10.0 * width**2,
        controls={"leading order, $d²/2$": width**2 / 2},
    )


@claim(derived("$T_m' = T_{m-1}$"), kind="identity", cases=[1, 2, 3, 6])
def test_parity(trial, order: Order):
    """The Taylor polynomial $sum_{j<=m} s^j/j!$ of $exp$ has one real root if $m$ is odd, and none
    if $m$ is even.
    """
    law = real_roots(order)
    theories = {"none, as exp has": 0, "all $m$ roots are real": order}
    trial.identity(
        horner(order, 0.0)[1],
        law,
        ops=0,
        controls={name: theory for name, theory in theories.items() if theory != law},
    )


@claim(derived("$T_m' = T_{m-1}$"), kind="bound", cases=[2, 6, 3])
def test_least_value(trial, order: Order):
    """The Taylor polynomial $sum_{j<=m} s^j/j!$ of $exp$ with even $m$ is at least $r^m/m!$, where
    $r$ is the only real root of $sum_{j<=m-1} s^j/j!$.
    """
    even = order + order % 2
    place, least = lowest(even)
    scores = np.append(np.linspace(-3.0 * even, even, 2001), place)
    trial.bound(
        -horner(even, scores)[0],
        -least,
        instances="grid",
        ops=2 * even,  # Horner's rule: a product and a sum for each power
        scale=polynomial(even, np.abs(scores)),
        controls={"as of exp for small scores, 1 at 0": -1.0},
    )


@claim(
    derived("every other weight is least at -1"),
    kind="optimality",
    cases=[(15, 5.0), (40, 0.5), (3, 20.0)],
)
def test_focus_cap(
    trial,
    others: Annotated[int, Interval(1, 64, why="among more tokens the search takes long")],
    temperature: Annotated[
        float, Interval(0.1, 40, why="below, all weights are alike; beyond, one token has all")
    ],
):
    """$N$ tokens have scores in $[-τ, τ]$ and weights proportional to $T(s) = 1 + s + s²/2$. The
    largest weight of one token is $T(τ)/(T(τ) + (N - 1) T(-1))$ for $τ >= 1$, and
    $T(τ)/(T(τ) + (N - 1) T(-τ))$ for $τ < 1$.
    """
    most = largest_weight(others, temperature, trial.generator())
    softmax = 1 / (1 + others * np.exp(-2 * temperature))
    controls = {"softmax": softmax, "fourth order": focus(others, temperature, 4)}
    if temperature > 1.1:
        at_end = polynomial(2, temperature) / polynomial(2, -temperature)
        controls["others at $-τ$"] = at_end / (at_end + others)
    trial.value(
        most,
        focus(others, temperature),
        error=1e-9,
        margin=1e-7,
        instances="search",
        controls=controls,
    )


@claim(derived("boxes of $s$, each enclosed"), kind="bound")
def test_parity__everywhere(trial):
    """The Taylor polynomial $sum_{j<=m} s^j/j!$ of $exp$ is at least $r^m/m!$ at the only real root
    $r$ of $sum_{j<=m-1} s^j/j!$, for all $s$ in $[-20, 20]$ and $m = 2, 4, 6, 8$, to $1e-9$.
    """
    least = {order: Fraction(float(lowest(order)[1])) for order in (2, 4, 6, 8)}
    trial.prove(
        lambda score, order: -polynomial(order, score),
        lambda score, order: -least[order],
        {"score": (-20, 20), "order": list(least)},
        tolerance=1e-9,
        controls={
            "1, at 0": lambda score, order: -1.0,
        },
    )


@claim(derived("boxes of $τ$ and $N$, each enclosed"), kind="bound")
def test_focus_cap__everywhere(trial):
    """$N$ tokens have scores in $[-τ, τ]$. The largest weight of one of them with weights
    proportional to $T(s) = 1 + s + s²/2$, $T(τ)/(T(τ) + (N - 1)/2)$, is at most that of softmax,
    $1/(1 + (N - 1) e^{-2τ})$, for all $τ$ in $[1, 20]$ and $N - 1$ in $[1, 1000]$.
    """
    trial.prove(
        lambda others, temperature: 1 / (1 + others / (2 * polynomial(2, temperature))),
        lambda others, temperature: 1 / (1 + others * balls.exp(-2 * temperature)),
        {"others": (1, 1000), "temperature": (1, 20)},
        controls={
            "softmax of scores in $[0, τ]$": lambda others, temperature: (
                1 / (1 + others * balls.exp(-temperature))
            ),
        },
        same_as=(focus, lambda others, tau: 1 / (1 + others * np.exp(-2 * tau))),
    )


@figure("F1", claims=("focus_cap",))
def largest_weights(others=1023):
    """Taylor attention cannot focus as softmax does.

    The largest weight that one of 1024 tokens can get from scores in $[-τ, τ]$. Marks: lines: law;
    points: search over all scores.
    """
    temperatures = np.geomspace(0.3, 40, 100)
    some = temperatures[::12]
    best = [largest_weight(others, t, np.random.default_rng(0)) for t in some]
    lines = {"softmax": (temperatures, 1 / (1 + others * np.exp(-2 * temperatures)))}
    for order in (2, 4):
        lines[f"order {order}"] = temperatures, [focus(others, t, order) for t in temperatures]
    return chart(
        lines,
        {"order 2": (some, best)},
        dashed=["softmax"],
        log="xy",
        x="largest score τ  (dimensionless)",
        y="largest weight  (dimensionless)",
    )
