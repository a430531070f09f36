"""The building blocks of the constructions: passing GeLU and layer norm, division, reading."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal, NamedTuple

import jax
import mpmath
import numpy as np

from paper_checks.test_in_context_learning import UNIT
from paper_checks.test_in_context_learning.blocks import Eps, Factor, Form, Points, least
from sims.in_context_learning import compiler, network
from sims.in_context_learning.programs import aff, div, mov, mul
from theory.in_context_learning import constructions
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval

Rows = Annotated[int, Interval(2, 200, why="rounding of longer sums hides the first order")]
"""Entries of x beside the two pads."""
passed_by_gelu = jax.jit(network.gelu, static_argnames="form")


@jax.jit
def layer_norms(columns, gains):
    """The layer norm of each column times its gain."""
    return gains * network.layer_norm(columns)


def through_layer_norm(rows, upper, lower, pads):
    """The rows (not the pads) after sqrt(2/L) N LayerNorm(upper, lower, rows), one column for each
    pad N.
    """
    columns = np.concatenate(
        [[upper, lower], np.broadcast_to(rows[:, None], (len(rows), len(pads)))]
    )
    return np.asarray(layer_norms(columns, np.sqrt(2 / len(columns)) * pads))[2:]


def layer_norm_ops(rows):
    """Roundings, in units of the pad: sums over all rows in the mean and the variance, and those of
    the last step.
    """
    return len(rows) + 10


BYPASSES = [("erf", 4.0), ("erf", 7.0), ("tanh", 4.0), ("tanh", 7.0)]
Shift = Annotated[float, Interval(3, 7, why="beyond, rounding hides what is lost")]


def entries_and_losses(trial, form, shift, count):
    """Entries x of [-2, 2], and what GeLU(N + x) - N loses of them for the `shift` N."""
    x = np.append(trial.generator("entries").uniform(-2, 2, count), -2.0)
    return x, shift + x - np.asarray(passed_by_gelu(shift + x, form))


@claim(
    paper("Lemma 5; its error from GeLU(u) = u Φ(u), derived here"), kind="identity", cases=BYPASSES
)
def test_gelu__bypass(trial, form: Form, shift: Shift, n_points: Points = 200):
    """GeLU(N + x) - N loses (N + x)(1 - Φ(N + x)) of x, where Φ is the normal distribution
    function.
    """
    x, loss = entries_and_losses(trial, form, shift, n_points)
    law = constructions.gelu_bypass_error(x, shift, form)
    controls = {"nothing is lost": 0 * law, "1 - Φ(N + x)": law / (shift + x)}
    trial.identity(loss, law, ops=8, scale=shift + 2, controls=controls)


@claim(derived("since u (1 - Φ(u)) falls for u > 1"), kind="bound", cases=BYPASSES)
def test_gelu__bypass__worst(trial, form: Form, shift: Shift, n_points: Points = 200):
    """Of all x in [-2, 2], GeLU(N + x) - N loses most of x = -2, for N >= 3."""
    _, loss = entries_and_losses(trial, form, shift, n_points)
    edge, inside = (
        np.full(loss.shape, constructions.gelu_bypass_error(np.array(at), shift, form))
        for at in (-2.0, -1.9)
    )
    options = {"instances": "draws", "independent": n_points, "ops": 8, "scale": shift + 2}
    trial.bound(loss, edge, **options, controls={"what x = -1.9 loses": inside})


class PassedRows(NamedTuple):
    """Rows, the sizes N of their pads, and what layer norm makes of them, with S = `total` their
    sum and `squares` the sum of their squares.
    """

    rows: np.ndarray
    sizes: np.ndarray
    outputs: np.ndarray
    with_other_pads: np.ndarray
    total: float
    squares: float

    def losses(self):
        """The share of the rows that is lost at each size, and its rounding."""
        losses = 1 - self.rows @ self.outputs / self.squares
        rounding = 4 * layer_norm_ops(self.rows) * UNIT * self.sizes * self.total / self.squares
        return losses, rounding


def passed_rows(trial, pads, count):
    """Positive rows after layer norm with pads of several sizes."""
    rows = np.abs(trial.generator("rows").standard_normal(count))
    total = rows.sum()
    if pads == "paper":
        sizes = 100 * total * 4.0 ** np.arange(4)
        ends, others = (sizes, -sizes - total), (sizes, -sizes)
    else:
        sizes = 10 * total * 2.0 ** np.arange(5)
        ends, others = (sizes - total / 2, -sizes - total / 2), (sizes, -sizes - total)
    outputs, with_other_pads = (through_layer_norm(rows, *both, sizes) for both in (ends, others))
    return PassedRows(rows, sizes, outputs, with_other_pads, total, rows @ rows)


Pads = Literal["paper", "balanced"]
PADS = ["paper", "balanced"]


@claim(
    paper("Lemma 6; its error, and the balanced pads, derived here"), kind="identity", cases=PADS
)
def test_ln__bypass(trial, pads: Pads, n_rows: Rows = 30):
    """Let S be the sum of the entries x of a column. With the pads N and -N - S layer norm
    multiplies x by (1 + S/N + (S^2 + |x|^2) / 2N^2)^(-1/2); with the pads N - S/2 and -N - S/2, by
    (1 + (S^2/2 + |x|^2) / 2N^2)^(-1/2).
    """
    passed = passed_rows(trial, pads, n_rows)
    factors = [
        constructions.layer_norm_factor(size, passed.total, passed.squares, pads)
        for size in passed.sizes
    ]
    law = passed.rows[:, None] * factors
    trial.identity(
        passed.outputs,
        law,
        ops=layer_norm_ops(passed.rows),
        scale=passed.sizes,
        controls={"sqrt(1/L) for sqrt(2/L)": law / np.sqrt(2)},
        control_processes={"other pads": passed.with_other_pads},
    )


@claim(derived("by the exact factor of Lemma 6"), kind="limit", cases=PADS)
def test_ln__bypass__order(trial, pads: Pads, n_rows: Rows = 30):
    """Let S be the sum of the entries x of a column. The share of x that layer norm loses falls as
    1/N with the pads N and -N - S, and as 1/N^2 with the balanced pads N - S/2 and -N - S/2.
    """
    passed = passed_rows(trial, pads, n_rows)
    losses, rounding = passed.losses()
    order, rival_order, margin = (-1.0, -2.0, 0.005) if pads == "paper" else (-2.0, -1.0, 0.02)
    options = {"rounding": rounding, "margin": margin, "same_instance": True}
    trial.order(losses, passed.sizes, order, **options, controls={"as other pads": rival_order})


@claim(derived("by the exact factor of Lemma 6"), kind="limit", cases=PADS)
def test_ln__bypass__leading(trial, pads: Pads, n_rows: Rows = 30):
    """Let S be the sum of the entries x of a column. The share of x that layer norm loses is about
    S/2N with the pads N and -N - S, and (S^2/4 + |x|^2/2) / 2N^2 with the balanced pads N - S/2 and
    -N - S/2, up to higher orders in 1/N.
    """
    passed = passed_rows(trial, pads, n_rows)
    losses, rounding = passed.losses()
    sums = passed.total, passed.squares, pads
    exact, leading = (
        np.array([error(size, *sums) for size in passed.sizes])
        for error in (constructions.layer_norm_factor, constructions.layer_norm_leading_error)
    )
    unseen = np.abs(exact - 1 - leading)
    if pads == "paper":
        controls = {"S / N": passed.total / passed.sizes}
    else:
        controls = {"without |x|^2": passed.total**2 / 8 / passed.sizes**2}
    trial.value(
        losses,
        -leading,
        error=rounding,
        slack=unseen,
        margin=unseen + 3 * rounding,
        controls=controls,
    )


class Quotients(NamedTuple):
    """Rows, two divisors c of opposite sign, and the ideal quotients by |c|."""

    rows: np.ndarray
    divisors: np.ndarray
    ideal: np.ndarray

    def divide(self, pad, upper_share=0.5, lower_share=0.5):
        """The rows after layer norm with the pads N c and -N c, less shares of the rows' sum."""
        total = self.rows.sum()
        upper = pad * self.divisors - upper_share * total
        lower = -pad * self.divisors - lower_share * total
        return through_layer_norm(self.rows, upper, lower, np.full(2, pad))

    def exact(self, pad):
        """The quotients times their exact factors, in closed form."""
        sums = self.rows.sum(), self.rows @ self.rows
        return self.ideal * [
            constructions.layer_norm_division_factor(pad, c, *sums) for c in self.divisors
        ]

    def signed(self):
        """The quotients y / c, with the sign of c."""
        return self.rows[:, None] / self.divisors


def quotients(trial, divisor, count, length):
    """Rows to divide by ± `divisor`, and a pad of the given length in units of theirs."""
    rows = trial.generator("rows").standard_normal(count)
    divisors = np.array([divisor, -divisor])
    pad = length * np.sqrt(rows @ rows) / divisor
    return Quotients(rows, divisors, rows[:, None] / np.abs(divisors)), pad


@claim(
    paper("Lemma 8; its pads must add up to -S, derived here"),
    kind="limit",
    cases=[0.4, 2.5, 1.0],
)
def test_ln__div(trial, divisor: Factor, n_rows: Rows = 30):
    """Let S be the sum of the L entries of a column. With the large pads N c - S/2 and -N c - S/2
    layer norm divides by |c|: the sign of c is lost. Without -S/2 the mean S/L stays.
    """
    quotient, pad = quotients(trial, divisor, n_rows, 1e5)
    rounding = 4 * layer_norm_ops(quotient.rows) * UNIT * pad
    unseen = np.abs(quotient.ideal - quotient.exact(pad))
    trial.value(
        quotient.divide(pad),
        quotient.ideal,
        error=rounding,
        slack=unseen,
        margin=unseen + 3 * rounding,
        controls={"y / c": quotient.signed()},
        control_processes={"bare pads": quotient.divide(pad, 0, 0)},
    )


@claim(
    derived("by the mean and the variance of a column with pads"),
    kind="identity",
    cases=[0.4, 2.5, 1.0],
)
def test_ln__div__factor(trial, divisor: Factor, n_rows: Rows = 30):
    """Let S be the sum of the entries y of a column. With the pads N c - S/2 and -N c - S/2 layer
    norm turns y into y / |c| times (1 + (S^2/2 + |y|^2) / 2 (N c)^2)^(-1/2).
    """
    quotient, pad = quotients(trial, divisor, n_rows, 1e3)
    trial.identity(
        quotient.divide(pad),
        quotient.exact(pad),
        ops=layer_norm_ops(quotient.rows),
        scale=pad,
        controls={"y / c": quotient.signed(), "no error": quotient.ideal},
        control_processes={
            "bare pads": quotient.divide(pad, 0, 0),
            "pads Nc, -Nc - S": quotient.divide(pad, 0, 1),
        },
    )


@partial(jax.jit, static_argnames="layer_norm")
def one_layer(built, states, layer_norm="ideal"):
    """The hidden states (registers and scratch) after a network of one layer."""
    rows = built.layout.pad_rows.start
    return jax.vmap(
        lambda state: network.run(built, network.embed(built, state), layer_norm=layer_norm).hidden[
            :rows
        ]
    )(states)


FIRST = (0, 6)
SECOND = (6, 12)
TARGET = (12, 16)
NUMBERS = (16, 20)
QUOTIENTS = (20, 24)
"""Registers of the primitives on trial: two matrices of 2 x 3 and 3 x 2, and what is made of them.
"""


def _ran(states, left, right, bias):
    """The states after each primitive, and after a wrong form of each, by name."""
    gated_mov = mov(0, 2, NUMBERS, TARGET)
    instructions = {
        "mov": mov(0, 2, NUMBERS),
        "mov to other rows": gated_mov,
        "mul": mul(2, 3, 2, FIRST, SECOND, TARGET),
        "aff": aff(FIRST, SECOND, TARGET, left, right, bias),
        "div": div(NUMBERS, 0, QUOTIENTS),
        "from the next column": mov(1, 2, NUMBERS),
        "without a gate": replace(gated_mov, only_at=None),
        "a, b, c = 3, 2, 3": mul(3, 2, 3, FIRST, SECOND, (12, 21)),
        "W_1 and W_2 exchanged": aff(FIRST, SECOND, TARGET, right, left, bias),
        "by the next row": div(NUMBERS, 1, QUOTIENTS),
    }
    built = compiler.compile_program(
        list(instructions.values()), registers=24, positions=3, scales=network.Scales()
    )
    weights = jax.tree.map(np.asarray, built.weights)
    layers = [
        replace(built, weights=jax.tree.map(lambda w, i=i: w[i : i + 1], weights))
        for i in range(10)
    ]
    return {
        name: np.asarray(one_layer(layer, states))
        for name, layer in zip(instructions, layers, strict=True)
    }


def _products(states, shape):
    """The product of the two matrices in each column, by rows; the first one read by rows (2, 3) or
    by columns.
    """
    first = states[:, :6].reshape(len(states), *shape, 3)
    first = first if shape == (2, 3) else np.swapaxes(first, 1, 2)
    return np.einsum("nrct,ncst->nrst", first, states[:, 6:12].reshape(-1, 3, 2, 3)).reshape(
        -1, 4, 3
    )


def _of(primitive, states, left, right, bias):
    """The rows that a primitive writes, what, what it would by a wrong theory, and the wrong form
    of it.
    """
    numbers = states[:, 16:20]
    target = states[:, 12:16].copy()
    divisor = states[:, [0]]
    target[:, :, 2] = numbers[:, :, 0]
    copies = np.concatenate([numbers[:, :, :2], target[:, :, 2:]], axis=2)
    affine = left @ states[:, :6] + right @ states[:, 6:12]
    by_rows = _products(states, (2, 3))
    by_columns = _products(states, (3, 2))
    return {
        "mov": (NUMBERS, copies, {"nothing moved": numbers}, "from the next column"),
        "mov to other rows": (TARGET, target, {"all columns copied": numbers}, "without a gate"),
        "mul": (TARGET, by_rows, {"the first matrix by columns": by_columns}, "a, b, c = 3, 2, 3"),
        "aff": (TARGET, affine + bias[:, None], {"no bias": affine}, "W_1 and W_2 exchanged"),
        "div": (
            QUOTIENTS,
            numbers / np.abs(divisor),
            {"y / c": numbers / divisor},
            "by the next row",
        ),
    }[primitive]


@claim(
    paper("Lemma 1 and Definition C.2"),
    kind="identity",
    cases=["mov", "mov to other rows", "mul", "aff", "div"],
)
def test_primitives(
    trial,
    primitive: Literal["mov", "mov to other rows", "mul", "aff", "div"],
    count: Annotated[int, Interval(1, 1000)] = 16,
):
    """Each of the primitives mov, mul, div and aff is one decoder layer, which does not change any
    other row and leaves the scratch rows at zero.
    """
    rng = trial.generator("states")
    left, right = rng.uniform(-1, 1, (2, 4, 6))
    bias = rng.uniform(-1, 1, 4)
    states = rng.uniform(-2, 2, (count, 24, 3))
    states[:, :2] = np.where(states[:, :2] < 0, -1, 1) * np.maximum(np.abs(states[:, :2]), 0.1)
    # A quotient starts at zero, and one divisor is negative.
    states[:, 20:] = 0
    states[0, 0] = -np.abs(states[0, 0])
    results = _ran(states, left, right, bias)
    (start, end), new, rivals, process = _of(primitive, states, left, right, bias)

    def written(rows):
        return np.concatenate([before[:, :start], rows, before[:, end:]], axis=1)

    before = np.pad(states, ((0, 0), (0, results["mov"].shape[1] - 24), (0, 0)))
    # All but the product pass the bypass of 1000 a few times; the product's scale of 1e-6 leaves
    # 1e-9.
    options = {"error": 8 * 12 * UNIT * 10, "margin": 1e-8 if primitive == "mul" else 1e-11}
    processes = {
        process: results[process],
        "a layer that replaces its input": results[primitive] - before,
    }
    controls = {name: written(rows) for name, rows in rivals.items()}
    trial.value(
        results[primitive], written(new), **options, controls=controls, control_processes=processes
    )


@claim(
    derived("from the softmax of one score N_a among zeros"),
    kind="identity",
    cases=[(20, 5.0), (20, 10.0), (3, 2.0)],
)
def test_hard__attention(
    trial,
    positions: Annotated[int, Interval(2, 200, why="codes of positions are dense")],
    sharpness: Annotated[float, Interval(0, 12, "(]", why="beyond, rounding hides what is missed")],
):
    """A softmax over i positions with the score N_a at one of them and 0 at the others puts the
    weight (i - 1) / (exp(N_a) + i - 1) on the others.
    """
    state = np.zeros((1, 1, positions))
    bypass = 30.0
    state[0, 0, 0] = 1.0
    scales = network.Scales(bypass=bypass, sharpness=sharpness)
    program = [mov(0, positions - 1, (0, 1))]
    built = compiler.compile_program(program, registers=1, positions=positions, scales=scales)
    error = 1 - float(np.asarray(one_layer(built, state))[0, 0, -1])
    law = constructions.hard_attention_error(positions, sharpness)
    more = constructions.hard_attention_error(positions + 1, sharpness)
    controls = {
        "(i - 1) exp(-N_a)": (positions - 1) * np.exp(-sharpness),
        "one position more": more,
    }
    trial.identity(error, law, ops=10, scale=bypass, controls=controls)


@claim(
    derived("by the balance of rounding and the leading error"),
    kind="optimality",
    cases=["balanced", "paper"],
)
def test_best__pad(trial, pads: Literal["balanced", "paper"], eps: Eps = 2**-52, n_rows: Rows = 30):
    """In a layer norm with pads of size N the error of the largest entry falls with N and the
    rounding of the pads grows: their sum is least at N of about ε^(-1/3), ε being the unit of
    rounding.

    With the paper's pads, which leave an error of first order, it is at N ~ ε^(-1/2).
    """
    rows = np.abs(trial.generator("rows").standard_normal(n_rows))
    with mpmath.workdps(60):
        S = mpmath.mpf(rows.sum())
        squares = mpmath.mpf(rows @ rows)
        length = n_rows + 2

        def total(N):
            ends = (N - S / 2, -N - S / 2) if pads == "balanced" else (N, -N - S)
            variance = (ends[0] ** 2 + ends[1] ** 2 + squares) / length  # the mean is 0
            factor = mpmath.sqrt(mpmath.mpf(2) / length) * N / mpmath.sqrt(variance)
            return rows.max() * abs(1 - factor) + eps * N / length

        optimum = float(
            least(total, S * mpmath.mpf(eps) ** (-mpmath.mpf(1) / (3 if pads == "balanced" else 2)))
        )
    arguments = (n_rows + 2, float(rows.max()), float(rows.sum()), float(rows @ rows))
    law, rival = (
        constructions.best_pad(*arguments, precision, pads) for precision in (eps, eps / 2)
    )
    # Of the next order in 1 / N, whose share in the slope is smaller
    unseen = float(S + squares / S) / law
    options = {"error": 1e-12 * law, "slack": unseen * law, "margin": max(1e-6, 2 * unseen) * law}
    trial.value(optimum, law, **options, controls={"ε / 2 for ε": rival})
