"""Zhu, Moraes, Karakulak, Sobol, Canziani & LeCun 2022, "TiCo: Transformation Invariance and
Covariance Contrast for Self-Supervised Visual Representation Learning", arXiv 2206.10698.

For whoever trains with small batches: how many negatives is a moving average of covariances worth?

Take away: with a frozen encoder a moving average with $β = .9$ errs as little as a queue of 19
batches. With an encoder that rotates there is a best $β$: for batches of 8 it is .94 at a tenth of
a degree per step, and .75 at one degree.

A batch at time $t$ has $n$ unit rows $Z_t$ in $d$ dimensions, and $B_t = Z_tᵀZ_t/n$. The moving
average starts from $C_0 = 0$: $C_t = β C_{t−1} + (1 − β) B_t$ with $0 ≤ β < 1$; the loss is
$L = ρ tr(B_t C_t)$. With a frozen encoder rows are independent draws from one law on the sphere,
and $Σ = E z zᵀ$.

Edges: at $β = 0$ the bank is the batch. With $C_0 = 0$ the weights of the average add up to
$1 - β^t$, which is 63 % at $β = .99$ and $t = 100$.

Paper: its self-supervised loss pulls views together and pushes a moving covariance towards the
identity. This page studies that covariance, with draws in place of images.

Abstract:

- Sentences 1 and 2: a loss of agreement makes representations invariant. No statement.
- Sentence 3: penalising covariances of low rank avoids constant vectors. Not on trial. No encoder
  is trained here.
- Sentence 4: both terms together give useful representations. Not on trial. It needs images.
- Sentence 5: the method is a variant of contrast with a memory bank of unlimited size, at no extra
  memory. In part: bank_gradient, bank_size, moving_encoder. The gradient sums over all rows of the
  past; in the error of the covariance the bank is worth a finite queue.
- Sentence 6: this makes it better than others with small batches. In part: self_term, bank_size. By
  the size of the implicit bank and its bias; draws take the place of images.
- Sentence 7: it is also a modification of Barlow Twins. Not on trial. No other loss is computed
  here.

Read: the abstract, and an implementation (lightly-ai/lightly, `lightly/loss/tico_loss.py`). Derived
here: the weights of the implicit memory bank, its size, the bias of the loss, and the price of a
moving encoder. Not claimed: batches whose rows are centred before they are normalised, as in that
code; such rows depend on each other. Topic: representations.
"""

from functools import reduce
from itertools import product
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

Batch = Annotated[int, Interval(1, 4, why="all histories are enumerated: 2 to the power n t")]
Steps = Annotated[int, Interval(1, 12, why="all histories are enumerated: 2 to the power n t")]
Decay = Annotated[
    float, Interval(0, 0.99, why="nearer to 1 the average has hardly begun after so few steps")
]
Spread = Annotated[
    float,
    Interval(0.6, 1.5, why="angle between the two rows that are drawn; near 0 they are one row"),
]
HISTORIES = [(2, 6, 0.9, 1.0), (4, 3, 0.5, 0.6), (1, 12, 0.5, 1.5), (3, 1, 0.0, 0.7)]


def unit_rows(generator, *shape):
    """Rows of length one."""
    rows = generator.normal(size=shape)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def moving_average(covariances, decay):
    """C_t from B_1 … B_t along the first axis, as it is trained."""
    return reduce(lambda average, b: decay * average + (1 - decay) * b, covariances, 0.0)


@observed
def gradients(rows, decay):
    """The derivative of L/ρ along every entry of Z_t, with C_t held constant and with B_t in it, by
    complex steps.
    """
    past = np.swapaxes(rows, -1, -2) @ rows / rows.shape[1]
    now = rows[-1]
    bent = now + 1e-30j * np.eye(now.size).reshape(-1, *now.shape)
    b = np.swapaxes(bent, -1, -2) @ bent / len(now)
    bank = moving_average(past, decay)
    through = bank + (1 - decay) * (b - past[-1])
    return np.array([np.trace(b @ c, axis1=-2, axis2=-1).imag / 1e-30 for c in (bank, through)])


@predicted
def bank_gradients(rows, decay, doubled=2.0, uniform=False):
    """(2/n²) Σ_s w_s Σ_j (z_i·z_j^s) z_j^s, w_s = (1 − β) β^(t − s); not detached, the present
    batch weighs double.
    """
    weights = (1 - decay) * decay ** np.arange(len(rows))[::-1]
    weights = (
        np.array([weights, weights]) if not uniform else np.full((2, len(rows)), weights.mean())
    )
    weights[1, -1] *= doubled
    pull = np.einsum("ms,id,sjd,sje->mie", weights, rows[-1], rows, rows)
    return 2 / rows.shape[1] ** 2 * pull.reshape(2, -1)


@claim(
    tried(
        "abstract, sentence 5: an implicit memory bank of unlimited size",
        "its weights, by the gradient",
    ),
    kind="identity",
    cases=[(6, 4, 9, 0.9), (1, 2, 1, 0.0)],
)
def test_bank_gradient(
    trial,
    rows: Annotated[int, Interval(1, 16, why="the gradient is taken entry by entry")],
    dim: Annotated[int, Interval(2, 16, why="the gradient is taken entry by entry")],
    times: Annotated[int, Interval(1, 60, why="the bank of pairs is summed")],
    decay: Decay,
):
    """Batches of $n$ unit rows $z_j^s$ have the second moments $B_s$, and
    $C_t = β C_{t−1} + (1 − β) B_t$. If $C_t$ is held constant, the gradient of $tr(B_t C_t)$ in row
    $z_i$ of batch $t$ is $(2/n²) ∑_{s≤t} w_s sum_j (z_i·z_j^s) z_j^s$ with
    $w_s = (1 − β) β^(t − s)$. If not, $w_t$ is twice as large.
    """
    z = unit_rows(trial.generator(), times, rows, dim)
    law = bank_gradients(z, decay)
    controls = {"the present batch weighs once": bank_gradients(z, decay, 1.0)}
    if decay**times > 1e-3:
        controls["weights that sum to 1"] = law / (1 - decay**times)
    if times > 1:
        controls["a uniform queue"] = bank_gradients(z, decay, uniform=True)
    trial.identity(
        gradients(z, decay),
        law,
        ops=10 * (dim + rows * times),
        scale=4.0 / rows,
        generic="both sides are polynomials in the rows",
        controls=controls,
    )


def two_rows(spread):
    """Two unit rows at an angle, the first drawn with chance .3, their chances, and Σ."""
    rows = np.array([[1.0, 0.0], [np.cos(spread), np.sin(spread)]])
    chances = np.array([0.3, 0.7])
    return rows, chances, (rows.T * chances) @ rows


@observed
def histories(batch, steps, decay, spread, turn=0.0):
    """E ‖C_t − E C_t‖², E tr(B_t C_t) and E ‖C_t − Σ_t‖², over all histories of t batches of n
    rows, which turn by an angle from each step to the next and are at home in the last.
    """
    rows, chances, sigma = two_rows(spread)
    codes = np.array(list(product([0, 1], repeat=batch * steps)))
    weights = np.prod(chances[codes], axis=1)
    z = rows[codes].reshape(-1, steps, batch, 2)
    angles = turn * np.arange(1 - steps, 1)
    turns = np.array([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]])
    z = np.einsum("hsnd,des->hsne", z, turns)
    b = np.swapaxes(z, -1, -2) @ z / batch
    c = moving_average(np.swapaxes(b, 0, 1), decay)
    errors = c - np.tensordot(weights, c, 1)
    return (
        weights @ np.sum(errors**2, axis=(1, 2)),
        weights @ np.trace(b[:, -1] @ c, axis1=1, axis2=2),
        weights @ np.sum((c - sigma) ** 2, axis=(1, 2)),
    )


@predicted
def bank_error(sigma, batch, steps, decay):
    """(1 − tr Σ²)(1 − β^(2t)), divided by n (1 + β)/(1 − β): by the number of rows of a plain queue
    that errs as much for large t.
    """
    return (1 - np.sum(sigma**2)) * (1 - decay ** (2 * steps)) * (1 - decay) / (batch * (1 + decay))


@predicted
def moving_error(sigma, batch, steps, decay, turn):
    """The bank's error, plus β^(2t)/2 for its trace, plus (tr Σ² − 1/2) |1 − (1 − β)(1 − z^t)/(1 −
    z)|² with z = β exp(2 i φ) for what lags behind.
    """
    z = decay * np.exp(2j * turn)
    lag = np.abs(1 - (1 - decay) * (1 - z**steps) / (1 - z)) ** 2
    variance = bank_error(sigma, batch, steps, decay)
    return variance + decay ** (2 * steps) / 2 + (np.sum(sigma**2) - 0.5) * lag


@predicted
def mean_loss(sigma, batch, steps, decay):
    """(1 − β^t) tr Σ² + (1 − β)(1 − tr Σ²)/n, in units of ρ: each row meets itself in the present
    batch.
    """
    return (1 - decay**steps) * np.sum(sigma**2) + (1 - decay) * (1 - np.sum(sigma**2)) / batch


@claim(
    derived("variance of a weighted sum of independent batches"), kind="identity", cases=HISTORIES
)
def test_bank_size(trial, batch: Batch, steps: Steps, decay: Decay, spread: Spread):
    """Batches of $n$ independent unit rows with $Σ = E z zᵀ$ have the second moments $B_t$. Their
    moving average $C_t = β C_{t−1} + (1 − β) B_t$ from $C_0 = 0$ has
    $E ‖C_t − E C_t‖² = (1 − tr Σ²)(1 − β)(1 − β^(2t))/(n (1 + β))$. For $t → ∞$ this is the error
    of the mean of $n (1 + β)/(1 − β)$ rows.
    """
    trial.require(
        batch * steps <= 12, "batch * steps must be at most 12: all histories are enumerated"
    )
    sigma = two_rows(spread)[2]
    law = bank_error(sigma, batch, steps, decay)
    controls = {"isotropic rows": bank_error(np.eye(2) / 2, batch, steps, decay)}
    if decay > 0.02:
        controls["$n/(1 − β)$ rows"] = law * (1 + decay)
    if decay**steps > 1e-4:  # else both are 1
        controls["$1 − β^t$ for its square"] = law / (1 + decay**steps)
    # At most 4096 terms are summed. Their roundings mostly cancel: the sum is off by some three.
    trial.identity(
        histories(batch, steps, decay, spread)[0], law, ops=1000.0, scale=1.0, controls=controls
    )


@claim(derived("$E tr(B_t B_s)$ is $tr Σ²$ for $s < t$"), kind="identity", cases=HISTORIES)
def test_self_term(trial, batch: Batch, steps: Steps, decay: Decay, spread: Spread):
    """Batches of $n$ independent unit rows with $Σ = E z zᵀ$ have the second moments $B_t$, and
    $C_t = β C_{t−1} + (1 − β) B_t$ with $C_0 = 0$. The loss $ρ tr(B_t C_t)$ has the mean
    $ρ (1 − β^t) tr Σ² + ρ (1 − β)(1 − tr Σ²)/n$, whose second term comes from rows of the present
    batch that meet themselves.
    """
    trial.require(
        batch * steps <= 12, "batch * steps must be at most 12: all histories are enumerated"
    )
    sigma = two_rows(spread)[2]
    law = mean_loss(sigma, batch, steps, decay)
    no_self_term = (1 - decay**steps) * np.sum(sigma**2)
    controls = {
        "no self term": no_self_term,
        "a self term of $1/n$": no_self_term + (1 - decay) / batch,
    }
    # At most 4096 terms are summed. Their roundings mostly cancel: the sum is off by some ten.
    trial.identity(
        histories(batch, steps, decay, spread)[1], law, ops=1000.0, scale=1.0, controls=controls
    )


@claim(
    derived("the part of $Σ$ without its trace turns by twice the angle"),
    kind="identity",
    cases=[(2, 6, 0.9, 1.0, 0.1), (1, 12, 0.5, 1.5, 0.5)],
)
def test_moving_encoder(
    trial,
    batch: Batch,
    steps: Annotated[int, Interval(2, 12, why="in one step nothing has turned")],
    decay: Annotated[float, Interval(0.1, 0.99, why="at 0 nothing is remembered that could lag")],
    spread: Spread,
    turn: Annotated[
        float, Interval(0.01, 0.7, why="radians a step: less is not seen in so few steps")
    ],
):
    """Batches of $n$ independent unit rows in the plane have the second moments $B_t$, and the
    encoder turns all rows by $φ$ a step; $Σ_t$ is $E z zᵀ$ at step $t$. Then
    $C_t = β C_{t−1} + (1 − β) B_t$ from $C_0 = 0$ has $E ‖C_t − Σ_t‖² = (1 − tr Σ²)(1 − β)(1 −
    β^(2t))/(n (1 + β)) + β^(2t)/2 + (tr Σ² − 1/2) |1 − (1 − β)(1 − z^t)/(1 − z)|²$,
    $z = β exp(2 i φ)$.
    """
    trial.require(
        batch * steps <= 12, "batch * steps must be at most 12: all histories are enumerated"
    )
    sigma = two_rows(spread)[2]
    frozen = moving_error(sigma, batch, steps, decay, 0.0)
    trial.identity(
        histories(batch, steps, decay, spread, turn)[2],
        moving_error(sigma, batch, steps, decay, turn),
        # At most 4096 terms are summed. Their roundings mostly cancel: the sum is off by some four.
        ops=1000.0,
        scale=1.0,
        controls={
            "as of a frozen encoder": frozen,
            "$Σ$ turns by $φ$, not by $2 φ$": moving_error(sigma, batch, steps, decay, turn / 2),
        },
    )


@figure("F1", claims=("bank_size", "moving_encoder"))
def error_of_the_average(batch: int = 8, runs: int = 400, times: int = 1200):
    """A moving average is worth $n (1 + β)/(1 − β)$ rows while the encoder stands still; if it
    turns, there is a best $β$.

    Squared error of $C_t$ after 1200 batches of $n = 8$ rows in the plane, at 0 and 1 radian with
    chances .3 and .7, that turn by an angle each step. Marks: lines: law; points: 400 runs, two
    standard errors.
    """
    generator = np.random.default_rng(0)
    memory = np.geomspace(2, 150, 60)
    some = np.geomspace(2, 150, 7)
    rows, chances, sigma = two_rows(1.0)
    z = rows[(generator.random((times, runs, batch)) > chances[0]).astype(int)]
    lines = {}
    points = {}
    for name, turn in {"frozen": 0.0, "0.1° a step": 0.1, "1° a step": 1.0}.items():
        angle = np.radians(turn)
        lines[name] = memory, [moving_error(sigma, batch, times, 1 - 1 / m, angle) for m in memory]
        angles = angle * np.arange(1 - times, 1)
        turns = np.array([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]])
        turned = np.einsum("trnd,det->trne", z, turns)
        b = np.swapaxes(turned, -1, -2) @ turned / batch
        averages = np.array([moving_average(b, 1 - 1 / m) for m in some])
        errors = np.sum((averages - sigma) ** 2, axis=(2, 3))
        points[name] = some, errors.mean(axis=1), 2 * errors.std(axis=1) / np.sqrt(runs)
    return chart(
        lines,
        points,
        log="xy",
        x="memory 1/(1 − β)  (batches)",
        y="E ‖C_t − Σ_t‖² (dimensionless)",
    )
