"""Lim, Zhu, Selfridge & Kasim 2024, "Parallelizing non-linear sequential models over the sequence
length", ICLR, arXiv 2309.12252.

For whoever evaluates a recurrent network of length $T$ by parallel scans and asks how many sweeps
it takes: each sweep makes at least one more step exact, and the error shrinks quadratically if the
map contracts.

Take away: if small differences shrink, four sweeps suffice for any length; if they grow, the number
of sweeps grows with the length and parallelism gains nothing: 16 tanh units at gain .5 take 4
sweeps for 32 and for 256 steps, at gain 4 they take 29 and 224.

$x_t = f_t(x_{t-1})$, $t = 1, …, T$, with $x_0$ known. A sweep makes
$y_t = f_t(x̂_{t-1}) + J_t (y_{t-1} - x̂_{t-1})$, $y_0 = x_0$, of a guess $x̂$, with
$J_t = f_t'(x̂_{t-1})$ (Newton) or 0 (Picard). It is linear in $y$, hence an associative scan, here
a loop. $e$ is the guess minus the truth, $e⁺$ the same after a sweep; $L$ and $M$ are the largest
$|f'|$ and $|f''|$ between the two.

Edges: $T$ sweeps always suffice. If differences grow, products of $J$ may overflow; if values that
are not finite are reset, the prefix stays exact. The order of operations matters: adding a residual
to $x̂$ rounds, and then the prefix is not exact to the bit.

Paper: it evaluates recurrent networks and differential equations in parallel by Newton's iteration
and trains with it. This page says how many sweeps that takes.

Abstract:

- Sentence 1: sequential models are slow to train, as they are sequential. Not on trial. It needs an
  accelerator.
- Sentence 3: a parallel algorithm is up to three orders of magnitude faster, at the same accuracy
  of the output. In part: prefix. $T$ sweeps give the output of $T$ steps exactly; speed is not on
  trial.
- Sentence 4: it needs no special structure of the model. Holds: prefix, affine, error_recursion.
- Sentence 5: training is more than ten times faster. Not on trial. It needs an accelerator.
- Sentence 6: a gated recurrent unit does well on 17,000 time steps. Not on trial. It needs the
  data.

Read: the abstract ("does not need any special structure"). Derived here: all claims. Not claimed:
how many sweeps a trained network needs (about $T$ where small differences grow). Topic: sequence
models and attention.
"""

from itertools import accumulate
from typing import Annotated

import numpy as np

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Steps = Annotated[int, Interval(2, 200, why="one step is exact after one sweep; more take seconds")]
Units = Annotated[int, Interval(1, 32, why="more units take seconds")]
Slope = Annotated[
    float, Interval(0.05, 0.9, why="near 1 the largest error needs a very long sequence")
]


def truth(step, start, length):
    """x_1 … x_T, one after the other; `step(t, x)` returns f_t(x) and its derivative."""
    states = [start]
    for t in range(length):
        states.append(step(t, states[-1])[0])
    return np.array(states[1:])


def logistic(rate):
    """f(x) = r x (1 - x) and f'(x)."""
    return lambda t, x: (rate * x * (1 - x), rate * (1 - 2 * x))


def recurrent(weights, inputs):
    """f_t(h) = tanh(W h + u_t) and its Jacobian."""

    def step(t, h):
        value = np.tanh(np.dot(weights, h) + inputs[t])
        return value, ((1 - value**2) * np.transpose(weights)).T

    return step


def affine(weights, inputs):
    """f_t(h) = W h + u_t and its Jacobian."""
    return lambda t, h: (np.dot(weights, h) + inputs[t], weights)


@observed
def sweep(step, start, guess, newton=True):
    """One sweep, of Newton's method or of Picard's, in the order of operations that leaves exact
    steps exact to the last bit.
    """
    before = np.concatenate([[start], guess[:-1]])
    states = [start]
    for t, x in enumerate(before):
        value, slope = step(t, x)
        states.append(value + newton * np.dot(slope, states[-1] - x))
    return np.array(states[1:])


@observed
def exact_steps(step, start, guess, newton, sweeps):
    """After each sweep, how many of the first steps equal the loop's bit for bit."""
    states = truth(step, start, len(guess))
    counts = []
    for _ in range(sweeps):
        guess = sweep(step, start, guess, newton)
        unequal = np.any((guess != states).reshape(len(guess), -1), axis=1)
        counts.append(int(np.argmax(unequal)) if unequal.any() else len(guess))
    return np.array(counts)


@predicted
def sequential(step, start, length):
    """What one sweep is predicted to give: x_1 … x_T, one after the other."""
    return truth(step, start, length)


@predicted
def exact_after(sweeps):
    """As many steps as sweeps."""
    return np.arange(1, sweeps + 1)


@predicted
def next_error(rate, guess, errors):
    """e⁺_t = r Σ_{0<q<t} e_q² Π_{q<j<t} f'(x̂_j) for t = 1 … T, as -f''/2 = r and e_0 = 0."""
    slopes = rate * (1 - 2 * guess)
    return np.array(
        [
            rate * sum(errors[q] ** 2 * np.prod(slopes[q + 1 : t]) for q in range(t))
            for t in range(len(guess))
        ]
    )


@predicted
def quadratic_bound(largest, slope, curvature):
    """M |e|²/(2 (1 - L))."""
    return curvature * largest**2 / (2 * (1 - slope))


def random_network(generator, steps, units):
    """Weights of variance 1/units, inputs, a start and a guess of all states."""
    weights = generator.normal(size=(units, units)) / np.sqrt(units)
    inputs = generator.normal(size=(steps, units))
    start = generator.normal(size=units)
    return weights, inputs, start, generator.normal(size=(steps, units))


@claim(
    tried(
        "abstract: no special structure is needed, nor accuracy lost",
        "$k$ exact steps after $k$ sweeps",
    ),
    kind="bound",
    cases=[(4, 2, 1.5), (5, 3, 4.0), (3, 1, 0.5), (40, 8, 1.5), (60, 16, 4.0)],
)
def test_prefix(
    trial,
    steps: Steps,
    units: Units,
    gain: Annotated[
        float,
        Interval(
            0.1, 8, why="smaller ones leave nothing of the state, larger ones saturate all units"
        ),
    ],
):
    """Sweeps $y_t = f_t(x̂_{t-1}) + J_t (y_{t-1} - x̂_{t-1})$ from a guess $x̂$ solve the
    recurrence $x_t = f_t(x_{t-1})$, with $J_t = f_t'(x̂_{t-1})$ (Newton) or 0 (Picard). After $k$
    sweeps at least the first $k$ steps are exact, for all differentiable maps $f_t$ and all
    guesses.
    """
    count = 230 if steps <= 5 else 1  # of some 700 networks in all fewer than 1 % can fail
    sweeps = min(steps, 30)
    generator = trial.generator()
    networks = [random_network(generator, steps, units) for _ in range(count)]
    counts = [
        [
            exact_steps(recurrent(gain * weights, inputs), start, guess, way, sweeps)
            for way in (True, False)
        ]
        for weights, inputs, start, guess in networks
    ]
    prefix = exact_after(sweeps)
    doubled = np.minimum(2.0 ** np.minimum(prefix, 20), steps)
    trial.value(
        np.array(counts),
        np.broadcast_to(prefix, (count, 2, sweeps)),
        error=0.0,
        side="at least",
        independent=count,
        controls={"each sweep doubles it": np.broadcast_to(doubled, (count, 2, sweeps))},
    )


@claim(derived("a sweep of an affine map is the map"), kind="identity", cases=[(40, 8), (2, 1)])
def test_affine(trial, steps: Steps, units: Units):
    """Let $x_t = f_t(x_{t-1})$ be a recurrence of affine maps. One sweep
    $y_t = f_t(x̂_{t-1}) + f_t'(x̂_{t-1}) (y_{t-1} - x̂_{t-1})$ of Newton's method solves it
    exactly, from any guess $x̂$.
    """
    weights, inputs, start, guess = random_network(trial.generator(), steps, units)
    step = affine(0.9 * weights / np.linalg.norm(weights, 2), inputs)
    trial.identity(
        sweep(step, start, guess),
        sequential(step, start, steps),
        ops=10 * (units + 4),
        scale=20 * np.abs(inputs).max(),
        generic="both sides are polynomials in weights, inputs and guess",
        control_processes={"Picard's": sweep(step, start, guess, newton=False)},
    )


@claim(derived("by Taylor's formula"), kind="identity", cases=[(50, 2.5), (200, 3.9), (3, 1.0)])
def test_error_recursion(
    trial,
    steps: Annotated[int, Interval(3, 200, why="in two there is one error to count")],
    rate: Annotated[
        float,
        Interval(0.5, 3.9, why="the logistic map leaves [0, 1] above 4 and dies out below 1/2"),
    ],
):
    """Newton's sweep $y_t = f(x̂_{t-1}) + f'(x̂_{t-1}) (y_{t-1} - x̂_{t-1})$ for
    $x_t = f(x_{t-1})$, $f(x) = r x (1 - x)$, turns the errors $e_t = x̂_t - x_t$, $e_0 = 0$, into
    $y_t - x_t = r ∑_{q<t} e_q² ∏_{q<j<t} f'(x̂_j)$.
    """
    states = truth(logistic(rate), 0.3, steps)
    errors = trial.generator().uniform(0.05, 0.3, steps) * np.resize([-1, 1], steps)
    guess = states + errors
    slopes = np.abs(rate * (1 - 2 * guess[:-1]))
    # A rounding at each step, times the slopes after it.
    growth = accumulate(slopes, lambda before, slope: 1 + slope * before, initial=1.0)
    trial.identity(
        sweep(logistic(rate), 0.3, guess) - states,
        next_error(rate, guess, errors),
        ops=4 * steps,
        scale=np.array(list(growth)),
        generic="both sides are polynomials in the errors",
        controls={"the last step's error alone": rate * np.append(0.0, errors[:-1]) ** 2},
    )


def largest_error(step, start, states):
    """The largest error of scalar states."""
    return np.abs(states - truth(step, start, len(states))).max()


@observed
def error_after_sweep(step, start, guess):
    """The largest error of scalar states after a sweep of Newton's from a guess."""
    return largest_error(step, start, sweep(step, start, guess))


@claim(
    tried(
        "quadratic convergence, as a review quotes it", "the constant for contracting scalar maps"
    ),
    kind="bound",
    cases=[0.3, 0.7],
)
def test_quadratic(trial, slope: Slope):
    """A sweep $y_t = f_t(x̂_{t-1}) + f_t'(x̂_{t-1}) (y_{t-1} - x̂_{t-1})$ of Newton's method for
    scalar $x_t = f_t(x_{t-1})$ leaves $|y - x| <= M |x̂ - x|²/(2 (1 - L))$ if $L < 1$. Here $|x|$
    is the largest entry of $x$, and $L$ and $M$ are the largest $|f_t'|$ and $|f_t''|$ between $x̂$
    and $x$.
    """
    rate = 2 - slope
    point = 1 - 1 / rate  # a fixed point, near which the bound is attained
    runs = [(logistic(rate), point, np.full(600, point + shift)) for shift in (0.1, 0.01, 1e-4)]
    rows = trial.generator().normal(size=(344, 20))
    runs += [(recurrent(slope, row), 0.0, row) for row in rows]
    # The largest |f''|, of the logistic map and of tanh(slope x + u).
    curvatures = np.repeat([2 * rate, slope**2 * 4 / np.sqrt(27)], [3, 344])
    law = quadratic_bound(np.array([largest_error(*run) for run in runs]), slope, curvatures)
    trial.bound(
        [error_after_sweep(*run) for run in runs],
        law,
        instances="draws",
        independent=344,
        # Some six roundings in a step; at the slope 0.9 all steps add up to ten times six.
        ops=64,
        scale=1.0,
        controls={"without $1/(1 - L)$": law * (1 - slope)},
    )


@figure("F1", claims=("prefix",))
def sweeps_needed(gains=(0.5, 1.0, 2.0, 4.0), longest=128):
    """How many sweeps a parallel evaluation takes depends on whether differences grow.

    Sweeps of Newton's until the largest error is below $1e-10$, for $h → tanh(W h + u)$ with 16
    units, $W$ random with a gain. Marks: line: as many as steps, which always do; points: one
    network each.
    """
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(16, 16)) / 4
    lengths = 2 ** np.arange(3, int(np.log2(longest)) + 1)
    inputs = generator.normal(size=(longest, 16))
    points = {}
    for gain in gains:
        needed = []
        for length in lengths:
            step = recurrent(gain * weights, inputs[:length])
            states = truth(step, np.zeros(16), length)
            guess = np.zeros((length, 16))
            count = 0
            while np.abs(guess - states).max() > 1e-10:
                guess = sweep(step, np.zeros(16), guess)
                guess[~np.isfinite(guess)] = 0
                count += 1
            needed.append(count)
        points[f"gain {gain:g}"] = lengths, needed
    line = {"exact, theory": (lengths, exact_after(longest)[lengths - 1])}
    return chart(line, points, log="xy", x="steps T  (dimensionless)", y="sweeps  (dimensionless)")
