"""The building blocks of the constructions: products by GeLU, what passes GeLU and layer norm,
division, and the four primitives.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal, NamedTuple

import jax
import mpmath
import numpy as np

from paper_checks.test_in_context_learning import UNIT
from sims.in_context_learning import compiler, network
from sims.in_context_learning.programs import Instruction, aff, div, mov, mul
from theory.in_context_learning import constructions
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval

Form = Literal["erf", "tanh"]
"""Of GeLU."""
Points = Annotated[
    int, Interval(10, 100_000, why="fewer points may miss the worst, and each is evaluated")
]
Rows = Annotated[int, Interval(2, 200, why="rounding of longer sums hides the first order")]
"""Entries of x beside the two pads."""
passed_by_gelu = jax.jit(network.gelu, static_argnames="form")


@partial(jax.jit, static_argnames=("form", "richardson"))
def products(x, y, scales, form="erf", richardson=False):
    """The product of x and y at every scale."""
    return jax.vmap(partial(network.gelu_product, x, y, form=form, richardson=richardson))(scales)


def factors_and_scales(trial, count, largest, scales):
    """Factors x and y, uniform on [-`largest`, `largest`], and the roundings of their products at
    the scales. The theory's bound counts two roundings in a GeLU, where the library's erf has up to
    four.
    """
    x, y = trial.generator("factors").uniform(-largest, largest, (2, count))
    rounding = [2 * constructions.rounding_of_product(s, largest, 2 * UNIT) for s in scales]
    return x, y, np.array(rounding)


@claim(
    paper("Lemma 4; its remainder, which is smaller than printed, derived here"),
    kind="limit",
    cases=["erf", "tanh"],
)
def test_gelu__mul(trial, form: Form, n_points: Points = 200):
    """For x and y in [-2, 2] the product √(π/2) s^-2 [GeLU(s(x + y)) - GeLU(s x) - GeLU(s y)] of
    Lemma 4 is below x y by κ s^2 [(x + y)^4 - x^4 - y^4], up to a remainder of fourth order in s: κ
    is 1/12 if GeLU is x Φ(x), and (2/(3π) - .044715) / 2 for its form with tanh.
    """
    scales = np.array([1e-2, 1e-3])
    x, y, rounding = factors_and_scales(trial, n_points, 2, scales)
    law = np.array([x * y + constructions.gelu_product_error(x, y, s, form) for s in scales])
    # Terms after the next one are smaller by s^2 (x + y)^2 < .002.
    unseen = 1.01 * np.abs([constructions.gelu_product_next_term(x, y, s, form) for s in scales])
    ramps = (np.maximum(x + y, 0) - np.maximum(x, 0) - np.maximum(y, 0)) / scales[:, None]
    trial.value(
        np.asarray(products(x, y, scales, form)),
        law,
        error=rounding[:, None],
        slack=unseen,
        margin=unseen + 3 * rounding[:, None],
        controls={
            "sqrt(2/π) for sqrt(π/2)": law * 2 / np.pi,
            "no error": np.broadcast_to(x * y, law.shape),
        },
        control_processes={"ReLU": np.sqrt(np.pi / 2) * ramps},
    )


@claim(paper("Lemma 4"), kind="limit", cases=["erf", "tanh"])
def test_gelu__mul__order(trial, form: Form, n_points: Points = 200):
    """The root mean square over x and y in [-2, 2] of the error of Lemma 4's product √(π/2) s^-2
    [GeLU(s(x + y)) - GeLU(s x) - GeLU(s y)] of x and y falls as s^2.
    """
    scales = 2.0 ** -np.arange(4, 11)
    x, y, rounding = factors_and_scales(trial, n_points, 2, scales)
    errors = np.asarray(products(x, y, scales, form)) - x * y
    trial.order(
        np.sqrt(np.mean(errors**2, axis=1)),
        1 / scales,
        -2.0,
        rounding=rounding,
        margin=0.02,
        same_instance=True,
        controls={"third order": -1.0, "fifth order": -3.0},
    )


@claim(
    derived("by Richardson's extrapolation of Lemma 4's product in s^2"),
    kind="limit",
    cases=[2**-6, 2**-5],
)
def test_richardson__mul(
    trial,
    scale: Annotated[
        float, Interval(2**-7, 2**-5, why="rounding below, higher orders above hide the term")
    ],
    n_points: Points = 200,
):
    """Let m_s be Lemma 4's product of x and y in [-1, 1] at the scale s. The error of (4 m_s -
    m_2s) / 3 is -4 κ_6 s^4 [(x + y)^6 - x^6 - y^6] with κ_6 = 1/80, up to higher orders in s.
    """
    scales = np.array([scale])
    x, y, rounding = factors_and_scales(trial, n_points, 1, scales)
    combined, of_one = (
        products(x, y, scales, richardson=flag)[0] - x * y for flag in (True, False)
    )
    leading = constructions.richardson_product_error(x, y, scale)
    # The series of erf goes on with z^8 / 672; the combination multiplies it by (4 - 2^6) / 3 =
    # -20.
    eighth = 20 / 672 * scale**6 * ((np.abs(x) + np.abs(y)) ** 8)
    trial.value(
        np.asarray(combined),
        leading,
        error=1.5 * rounding[0],
        slack=eighth,
        margin=eighth + 4.5 * rounding[0],
        controls={"of the other sign": -leading},
        control_processes={"one product": np.asarray(of_one)},
    )


@claim(
    paper("Appendix G, squares by three GeLUs; its curve derived here"),
    kind="identity",
    cases=["erf", "tanh"],
)
def test_squares(trial, form: Form, n_points: Points = 200):
    """Three GeLUs at the scale s square x up to an error that an even function of x gives exactly,
    the GeLU being x Φ(x) or its form with tanh.
    """
    x = trial.generator("entries").uniform(-2, 2, n_points)
    scales = 2.0 ** np.arange(-6, 3)
    rival = "tanh" if form == "erf" else "erf"

    def curves(name):
        return np.array([constructions.product_of_gelus(x, s, name) for s in scales])

    trial.identity(
        products(x, x, scales, form),
        curves(form),
        # Two roundings lead to an argument, up to ten to its GeLU, and four to the product: of
        # three GeLUs of arguments up to 4 s, over s^2.
        ops=16,
        scale=4 / scales[:, None],
        controls={
            "x^2": np.broadcast_to(x**2, (len(scales), n_points)),
            f"the {rival} form": curves(rival),
        },
    )


@claim(
    paper("Appendix G, squares by six tanh units; its curve derived here"),
    kind="identity",
    cases=[0.5, 0.05, 3.0],
)
def test_squares__tanh(
    trial,
    shift: Annotated[
        float, Interval(0.05, 3, why="beyond, the closed form rounds more than the differences do")
    ],
    n_points: Points = 200,
):
    """The second difference of tanh(k x + b) - tanh(k x - b) over k = 2, 1, 0, divided by its
    curvature at 0, squares x up to an error that an even function of x gives exactly; b is the
    shift of the six units.
    """
    x = trial.generator("entries").uniform(-2, 2, n_points)
    twice, once, never = (np.tanh(k * x + shift) - np.tanh(k * x - shift) for k in (2, 1, 0))
    six_units = (twice - 2 * once + never) / (-4 * np.tanh(shift) * (1 - np.tanh(shift) ** 2))
    law = constructions.square_by_tanh(x, shift)
    curve = np.cosh(shift) ** 2
    # Of the differences, and of 1 - tanh^2 in the closed form
    size = max(curve / np.tanh(shift), curve**2 / 8)
    controls = {"cosh for its square": law / np.cosh(shift), "x^2": x**2}
    trial.identity(six_units, law, ops=16, scale=size, controls=controls)


@claim(
    derived("by the balance of rounding and the leading error"),
    kind="optimality",
    cases=[(2**-52, False), (2**-52, True), (2**-23, False)],
)
def test_best__scale(
    trial,
    eps: Annotated[float, Interval(1e-16, 1e-6, why="float64 and float32 are within")],
    richardson: bool,
    magnitude: Annotated[float, Interval(0.1, 10.0)] = 2.0,
):
    """Lemma 4's product of two factors of size B has an error that grows with the scale s and a
    rounding that falls with it: their sum is least at s of about ε^(1/3) / B, ε being the unit of
    rounding.

    With Richardson's combination of two products it is about ε^(1/5) / B.
    """
    with mpmath.workdps(60):
        B = mpmath.mpf(magnitude)
        # Over s: what rounding leaves of one product
        unit = 4 * mpmath.sqrt(mpmath.pi / 2) * eps * B

        def product(s):
            gelu = [u * mpmath.ncdf(u) for u in (2 * s * B, s * B)]
            return mpmath.sqrt(mpmath.pi / 2) / s**2 * (gelu[0] - 2 * gelu[1])

        def total(log):
            s = mpmath.exp(log)
            if richardson:
                combined = (4 * product(s) - product(2 * s)) / 3
                return abs(combined - B**2) + unit / s * (4 / 3 + 1 / 6)
            return abs(product(s) - B**2) + unit / s

        about = mpmath.log(eps) / (5 if richardson else 3) - mpmath.log(B)
        slope = partial(mpmath.diff, total)
        optimum = mpmath.exp(mpmath.findroot(slope, (about - 2, about + 2), solver="anderson"))
    law = constructions.best_product_scale(magnitude, eps, richardson)
    # Of the next term of the series, whose share in the slope is smaller
    unseen = (law * magnitude) ** 2
    trial.value(
        float(optimum),
        law,
        error=1e-12 * law,
        slack=unseen * law,
        margin=max(1e-8, 2 * unseen) * law,
        controls={"ε / 2 for ε": constructions.best_product_scale(magnitude, eps / 2, richardson)},
    )


@claim(
    paper("Lemma 5; its error from GeLU(u) = u Φ(u), derived here"),
    kind="identity",
    cases=[("erf", 4.0), ("erf", 7.0), ("tanh", 4.0), ("tanh", 7.0)],
)
def test_gelu__bypass(
    trial,
    form: Form,
    shift: Annotated[float, Interval(3, 7, why="beyond, rounding hides what is lost")],
    n_points: Points = 200,
):
    """GeLU(N + x) - N loses (N + x)(1 - Φ(N + x)) of x, where Φ is the normal distribution
    function, and Φ(u) = (1 + tanh(√(2/π) (u + .044715 u^3))) / 2 in the form with tanh.
    """
    x = np.append(trial.generator("entries").uniform(-2, 2, n_points), -2.0)
    loss = shift + x - np.asarray(passed_by_gelu(shift + x, form))
    law = constructions.gelu_bypass_error(x, shift, form)
    controls = {"nothing is lost": 0 * law, "1 - Φ(N + x)": law / (shift + x)}
    trial.identity(loss, law, ops=8, scale=shift + 2, controls=controls)


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


@claim(
    paper("Lemma 6; its error, and the balanced pads, derived here"),
    kind="identity",
    cases=["paper", "balanced"],
)
def test_ln__bypass(trial, pads: Literal["paper", "balanced"], n_rows: Rows = 30):
    """Let S be the sum of the entries x of a column, which has L rows with its two pads. With the
    pads N and -N - S layer norm and a gain of √(2/L) N multiply x by (1 + S/N + (S^2 + |x|^2) /
    2N^2)^(-1/2), so that a share of about S/2N is lost; with the pads N - S/2 and -N - S/2, by (1 +
    (S^2/2 + |x|^2) / 2N^2)^(-1/2), so that the share is of second order in 1/N.
    """
    rows = np.abs(trial.generator("rows").standard_normal(n_rows))
    total = rows.sum()
    if pads == "paper":
        sizes = 100 * total * 4.0 ** np.arange(4)
        outputs = through_layer_norm(rows, sizes, -sizes - total, sizes)
        unlike = through_layer_norm(rows, sizes, -sizes, sizes)
    else:
        sizes = 10 * total * 2.0 ** np.arange(5)
        outputs = through_layer_norm(rows, sizes - total / 2, -sizes - total / 2, sizes)
        unlike = through_layer_norm(rows, sizes, -sizes - total, sizes)
    factors = [constructions.layer_norm_factor(size, total, rows @ rows, pads) for size in sizes]
    law = rows[:, None] * factors
    trial.identity(
        outputs,
        law,
        ops=layer_norm_ops(rows),
        scale=sizes,
        controls={"sqrt(1/L) for sqrt(2/L)": law / np.sqrt(2)},
        control_processes={"other pads": unlike},
    )


@claim(
    paper("Lemma 8; its pads must add up to -S, and its error, derived here"),
    kind="identity",
    cases=[0.4, 2.5, 1.0],
)
def test_ln__div(trial, divisor: Annotated[float, Interval(0.1, 10.0)], n_rows: Rows = 30):
    """Let S be the sum of the entries y of a column, which has L rows with its two pads, and c a
    divisor. With the pads N c - S/2 and -N c - S/2 layer norm and a gain of √(2/L) N turn y into y
    / |c| times (1 + (S^2/2 + |y|^2) / 2 (N c)^2)^(-1/2), which tends to 1 as N grows: the sign of c
    is lost. With the pads N c and -N c they do not: the mean S/L of the column is taken from y.
    """
    rows = trial.generator("rows").standard_normal(n_rows)
    total = rows.sum()
    divisors = np.array([divisor, -divisor])
    pad = 1e3 * np.sqrt(rows @ rows) / divisor
    ideal = rows[:, None] / np.abs(divisors)

    def divide(upper_share, lower_share):
        """The rows after layer norm with the pads N c and -N c, less shares of the rows' sum."""
        ends = pad * divisors - upper_share * total, -pad * divisors - lower_share * total
        return through_layer_norm(rows, *ends, np.full(2, pad))

    trial.identity(
        divide(0.5, 0.5),
        # The pads have the size N |c|, so that its factor is that of Lemma 6.
        ideal * constructions.layer_norm_factor(pad * divisor, total, rows @ rows),
        ops=layer_norm_ops(rows),
        scale=pad,
        controls={"y / c": rows[:, None] / divisors, "no error": ideal},
        control_processes={"bare pads": divide(0, 0), "pads Nc, -Nc - S": divide(0, 1)},
    )


class Primitive(NamedTuple):
    """An instruction on trial, a wrong form of it, the rows that it writes, and what it writes; the
    last two by theories that are wrong, too.
    """

    instruction: Instruction
    wrong_form: tuple[str, Instruction]
    rows: tuple[int, int]
    written: np.ndarray
    rival: tuple[str, np.ndarray]


FIRST = (0, 6)
SECOND = (6, 12)
TARGET = (12, 16)
NUMBERS = (16, 20)
QUOTIENTS = (20, 24)
"""Registers of the primitives on trial: two matrices of 2 x 3 and 3 x 2, and what is made of them.
"""


def primitives(states, left, right, bias):
    """The primitives by name, for states [count, 24, 3] and the affine map of `aff`."""
    first = states[:, :6]
    second = states[:, 6:12]
    numbers = states[:, 16:20]
    copied = np.concatenate([numbers[:, :, :2], numbers[:, :, :1]], axis=2)
    moved = np.concatenate([states[:, 12:16, :2], numbers[:, :, :1]], axis=2)
    affine = left @ first + right @ second
    divisor = states[:, [0]]
    gate = mov(0, 2, NUMBERS, TARGET)

    def product(first):
        """Of the two matrices in each column, by rows."""
        matrix = second.reshape(-1, 3, 2, 3)
        return np.einsum("nrct,ncst->nrst", first, matrix).reshape(-1, 4, 3)

    by_rows = product(first.reshape(-1, 2, 3, 3))
    by_columns = product(first.reshape(-1, 3, 2, 3).swapaxes(1, 2))
    return {
        "mov": Primitive(
            mov(0, 2, NUMBERS),
            ("from the next column", mov(1, 2, NUMBERS)),
            NUMBERS,
            copied,
            ("nothing moved", numbers),
        ),
        "mov to other rows": Primitive(
            gate,
            ("without a gate", replace(gate, only_at=None)),
            TARGET,
            moved,
            ("all columns copied", numbers),
        ),
        "mul": Primitive(
            mul(2, 3, 2, FIRST, SECOND, TARGET),
            ("a, b, c = 3, 2, 3", mul(3, 2, 3, FIRST, SECOND, (12, 21))),
            TARGET,
            by_rows,
            ("the first matrix by columns", by_columns),
        ),
        "aff": Primitive(
            aff(FIRST, SECOND, TARGET, left, right, bias),
            ("W_1 and W_2 exchanged", aff(FIRST, SECOND, TARGET, right, left, bias)),
            TARGET,
            affine + bias[:, None],
            ("no bias", affine),
        ),
        "div": Primitive(
            div(NUMBERS, 0, QUOTIENTS),
            ("by the next row", div(NUMBERS, 1, QUOTIENTS)),
            QUOTIENTS,
            numbers / np.abs(divisor),
            ("y / c", numbers / divisor),
        ),
    }


def after_one_layer(instruction, states):
    """The hidden states (registers and scratch) after the layer that an instruction becomes."""
    built = compiler.compile_program(
        [instruction], registers=24, positions=3, scales=network.Scales()
    )
    hidden = jax.vmap(lambda state: network.run(built, network.embed(built, state)).hidden)(states)
    return np.asarray(hidden)[:, : built.layout.pad_rows.start]


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
    tried = primitives(states, left, right, bias)[primitive]
    wrong_name, wrong_form = tried.wrong_form
    rival_name, rival = tried.rival
    result = after_one_layer(tried.instruction, states)
    before = np.zeros_like(result)
    before[:, :24] = states

    def with_rows(rows):
        after = before.copy()
        after[:, slice(*tried.rows)] = rows
        return after

    trial.value(
        result,
        with_rows(tried.written),
        # All but the product pass the bypass of 1000 a few times; the product's scale of 1e-6
        # leaves 1e-9.
        error=8 * 12 * UNIT * 10,
        margin=1e-8 if primitive == "mul" else 1e-11,
        controls={rival_name: with_rows(rival)},
        control_processes={
            wrong_name: after_one_layer(wrong_form, states)[:, : result.shape[1]],
            "a layer that replaces its input": result - before,
        },
    )
