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
from theory_on_trial import claim, derived, paper, tried
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
    """Lemma 4's product of x and y at every scale, (scales, points)."""
    return jax.vmap(partial(network.gelu_product, x, y, form=form, richardson=richardson))(scales)


def factors_and_rounding(trial, count, largest, scales):
    """Factors x (count,) and y (count,), uniform on [-`largest`, `largest`], and a bound on the
    rounding of their products at each scale (scales,).
    """
    x, y = trial.generator("factors").uniform(-largest, largest, (2, count))
    # Twice the theory's bound: it counts two roundings in a GeLU, and the library's erf has up to
    # four.
    rounding = [2 * constructions.rounding_of_product(s, largest, 2 * UNIT) for s in scales]
    return x, y, np.array(rounding)


@claim(
    tried(
        "Lemma 4: the GeLU nonlinearity can perform multiplication", "the error and its constant"
    ),
    kind="limit",
    cases=["erf", "tanh"],
)
def test_gelu__mul(trial, form: Form, n_points: Points = 200):
    """For $x$ and $y$ in $[-2, 2]$ Lemma 4's product
    $√(π/2) s⁻² [GeLU(s (x + y)) - GeLU(s x) - GeLU(s y)]$ is $x y + κ s² [(x + y)⁴ - x⁴ - y⁴]$, up
    to a remainder of fourth order in $s$. $κ$ is $-1/12$ where $GeLU(u) = u Φ(u)$, and
    $(.044715 - 2/(3π)) / 2$ in its form with tanh.
    """
    scales = np.array([1e-2, 1e-3])
    x, y, rounding = factors_and_rounding(trial, n_points, 2, scales)
    law = np.array([x * y + constructions.gelu_product_error(x, y, s, form) for s in scales])
    # The remainder is its first term, and 1 % for all others: each is below the one before it by
    # a factor s^2 (x + y)^2 < .002.
    unseen = 1.01 * np.abs([constructions.gelu_product_next_term(x, y, s, form) for s in scales])
    # ReLU(s x) = s ReLU(x), so that one of the two powers of 1 / s is left.
    ramps = (np.maximum(x + y, 0) - np.maximum(x, 0) - np.maximum(y, 0)) / scales[:, None]
    trial.value(
        np.asarray(products(x, y, scales, form)),
        law,
        error=rounding[:, None],
        slack=unseen,
        margin=unseen + 3 * rounding[:, None],
        controls={
            "$sqrt(2/π)$ for $sqrt(π/2)$": law * 2 / np.pi,
            "a product without error": np.broadcast_to(x * y, law.shape),
        },
        control_processes={"ReLU for GeLU": np.sqrt(np.pi / 2) * ramps},
        generic="products and their errors are analytic in both factors",
    )


@claim(
    tried("Lemma 4: the GeLU nonlinearity can perform multiplication", "the order of the error"),
    kind="limit",
    cases=[("erf", 200), ("tanh", 200), ("erf", 300), ("tanh", 300)],
)
def test_gelu__mul__order(trial, form: Form, n_points: Points = 200):
    """The root mean square over $x$ and $y$ in $[-2, 2]$ of the error of Lemma 4's product
    $√(π/2) s⁻² [GeLU(s (x + y)) - GeLU(s x) - GeLU(s y)]$ of $x$ and $y$ falls as $s²$.
    """
    scales = 2.0 ** -np.arange(4, 11)
    x, y, rounding = factors_and_rounding(trial, n_points, 2, scales)
    errors = np.asarray(products(x, y, scales, form)) - x * y
    trial.order(
        np.sqrt(np.mean(errors**2, axis=1)),
        1 / scales,
        -2.0,
        rounding=rounding,
        margin=0.02,
        same_instance=True,
        # The product divides by s^2: a remainder of order p in s leaves an error of order p - 2.
        controls={"remainder of third order, as printed": -1.0, "remainder of fifth order": -3.0},
        generic="products and their errors are analytic in both factors",
    )


@claim(
    derived("by Richardson's extrapolation of Lemma 4's product in $s^2$"),
    kind="limit",
    cases=[2**-6, 2**-5],
)
def test_richardson__mul(
    trial,
    scale: Annotated[
        float, Interval(2**-7, 2**-5, why="rounding below, higher orders above hide the term")
    ],
    n_points: Points = 350,
):
    """Let $m_s$ be Lemma 4's product of $x$ and $y$ in $[-1, 1]$ at the scale $s$. The error of
    $(4 m_s - m_{2s}) / 3$ is $-s⁴ [(x + y)⁶ - x⁶ - y⁶] / 20$, up to higher orders in $s$.
    """
    scales = np.array([scale])
    x, y, rounding = factors_and_rounding(trial, n_points, 1, scales)
    error_of_one = products(x, y, scales)[0] - x * y
    error_of_two = products(x, y, scales, richardson=True)[0] - x * y
    leading = constructions.richardson_product_error(x, y, scale)
    # The series of erf goes on with z^8 / 672; the combination multiplies it by (4 - 2^6) / 3 =
    # -20.
    eighth = 20 / 672 * scale**6 * ((np.abs(x) + np.abs(y)) ** 8)
    trial.value(
        np.asarray(error_of_two),
        leading,
        # 4/3 of the rounding at s, and 1/3 of the one at 2 s, which is half as large.
        error=1.5 * rounding[0],
        slack=eighth,
        margin=eighth + 4.5 * rounding[0],
        controls={"the other sign": -leading},
        control_processes={"$m_s$ alone": np.asarray(error_of_one)},
        independent=n_points,
    )


@claim(
    tried("Appendix G: a square from three GeLUs, plotted in figure 7a", "the closed form"),
    kind="identity",
    cases=["erf", "tanh"],
)
def test_squares(trial, form: Form, n_points: Points = 200):
    """Write $GeLU(u) = u (1 + g(u)) / 2$, where $g(u)$ is $2 Φ(u) - 1$, or
    $tanh(√(2/π) (u + .044715 u³))$ in its form with tanh. Lemma 4's product of $x$ with itself at
    the scale $s$, from three GeLUs, is $√(π/2) x [g(2 s x) - g(s x)] / s$.
    """
    x = trial.generator("entries").uniform(-2, 2, n_points)
    scales = 2.0 ** np.arange(-6, 3)
    rival = "tanh" if form == "erf" else "erf"

    def curves(name):
        """The law at every scale, (scales, points)."""
        return np.array([constructions.product_of_gelus(x, s, name) for s in scales])

    trial.identity(
        products(x, x, scales, form),
        curves(form),
        # Two roundings lead to an argument, up to ten to its GeLU, and four to the product: of
        # three GeLUs of arguments up to 4 s, over s^2.
        ops=16,
        scale=4 / scales[:, None],
        controls={
            "a square without error": np.broadcast_to(x**2, (len(scales), n_points)),
            f"the {rival} form": curves(rival),
        },
        generic="squares and their errors are analytic in x",
    )


@claim(
    tried("Appendix G: a square from tanh units, plotted in figure 7b", "the closed form"),
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
    """For $f(u) = tanh(u + b) - tanh(u - b)$ and $h = cosh² b$, the square of $x$ by six tanh units
    is $[f(2x) - 2 f(x) + f(0)] / f''(0) = (h/2) [D(2x) - 2 D(x)]$ with
    $D(u) = sinh² u / (sinh² u + h)$.
    """
    x = trial.generator("entries").uniform(-2, 2, n_points)

    def f(u):
        return np.tanh(u + shift) - np.tanh(u - shift)

    curvature = -4 * np.tanh(shift) * (1 - np.tanh(shift) ** 2)
    six_units = (f(2 * x) - 2 * f(x) + f(0 * x)) / curvature
    law = constructions.square_by_tanh(x, shift)
    h = np.cosh(shift) ** 2
    # Rounding of the differences, and of 1 - tanh^2 in the closed form
    size = max(h / np.tanh(shift), h**2 / 8)
    trial.identity(
        six_units,
        law,
        ops=16,
        scale=size,
        controls={
            "$cosh b$ for $h$ in front": law / np.cosh(shift),
            "a square without error": x**2,
        },
        generic="squares and their errors are analytic in x",
    )


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
    """Lemma 4's product of $B$ and $B$ has an error in exact arithmetic, and a rounding of at most
    $4 √(π/2) ε B / s$, where $ε$ is the spacing of numbers at one. To leading order in $s B$ the
    sum of both is least at $s = ((12/7) √(π/2) ε)^(1/3) / B$. For Richardson's
    $(4 m_s - m_{2s}) / 3$, whose rounding is half as much again, it is least at
    $s = ((15/31) √(π/2) ε)^(1/5) / B$.
    """
    # With many digits, as a product is a small difference over s^2.
    with mpmath.workdps(60):
        B = mpmath.mpf(magnitude)
        # The rounding of one product at s = 1
        unit = 4 * mpmath.sqrt(mpmath.pi / 2) * eps * B

        def product(s):
            of_sum = 2 * s * B * mpmath.ncdf(2 * s * B)
            of_one = s * B * mpmath.ncdf(s * B)
            return mpmath.sqrt(mpmath.pi / 2) / s**2 * (of_sum - 2 * of_one)

        def total(log_s):
            s = mpmath.exp(log_s)
            if richardson:
                combined = (4 * product(s) - product(2 * s)) / 3
                return abs(combined - B**2) + unit / s * (4 / 3 + 1 / 6)
            return abs(product(s) - B**2) + unit / s

        about = mpmath.log(eps) / (5 if richardson else 3) - mpmath.log(B)
        slope = partial(mpmath.diff, total)
        optimum = mpmath.exp(mpmath.findroot(slope, (about - 2, about + 2), solver="anderson"))
    law = constructions.best_product_scale(magnitude, eps, richardson)
    # What the next term of the series has of the leading one; in the optimum it has less.
    unseen = (law * magnitude) ** 2
    trial.value(
        float(optimum),
        law,
        error=1e-12 * law,
        slack=unseen * law,
        margin=max(1e-8, 2 * unseen) * law,
        controls={
            "half of the rounding": constructions.best_product_scale(magnitude, eps / 2, richardson)
        },
    )


@claim(
    tried("Lemma 5: the GeLU nonlinearity can be bypassed", "the error, in closed form"),
    kind="identity",
    cases=[("erf", 4.0), ("erf", 7.0), ("tanh", 4.0), ("tanh", 7.0)],
)
def test_gelu__bypass(
    trial,
    form: Form,
    shift: Annotated[float, Interval(3, 7, why="beyond, rounding hides what is lost")],
    n_points: Points = 200,
):
    """$x - (GeLU(N + x) - N) = (N + x)(1 - Φ(N + x))$, where $Φ$ is the normal distribution
    function, and $Φ(u) = (1 + tanh(√(2/π) (u + .044715 u³))) / 2$ in the form with tanh.
    """
    x = np.append(trial.generator("entries").uniform(-2, 2, n_points), -2.0)
    loss = shift + x - np.asarray(passed_by_gelu(shift + x, form))
    law = constructions.gelu_bypass_error(x, shift, form)
    trial.identity(
        loss,
        law,
        ops=8,
        scale=shift + 2,
        controls={
            "nothing is lost": 0 * law,
            "$1 - Φ(N + x)$, without the factor $N + x$": law / (shift + x),
        },
        generic="GeLU and its error are analytic in x",
    )


@jax.jit
def layer_norms(columns, gains):
    """The layer norm of each column times its gain."""
    return gains * network.layer_norm(columns)


def through_layer_norm(rows, upper, lower, pads):
    """The rows (not the two pads on top of them) after sqrt(2/L) N LayerNorm(upper, lower, rows),
    where L counts the pads: a column (rows, pads) for each N of `pads`, which has an upper and a
    lower pad of its own.
    """
    columns = np.concatenate(
        [[upper, lower], np.broadcast_to(rows[:, None], (len(rows), len(pads)))]
    )
    return np.asarray(layer_norms(columns, np.sqrt(2 / len(columns)) * pads))[2:]


def layer_norm_ops(rows):
    """How many roundings, each of the size of the pad, a layer norm makes: those of sums over all
    rows in the mean and the variance, and of the last step.
    """
    return len(rows) + 10


@claim(
    tried("Lemma 6: layer norm is bypassed by large pads", "the error, and the balanced pads"),
    kind="identity",
    cases=["paper", "balanced"],
)
def test_ln__bypass(trial, pads: Literal["paper", "balanced"], n_rows: Rows = 30):
    """Let a column of $L$ rows have two pads and other entries $x$, whose sum is $S$. With the pads
    $N$ and $-N - S$ ("paper") layer norm and a gain of $√(2/L) N$ multiply $x$ by
    $(1 + S/N + (S² + |x|²) / (2N²))^(-1/2)$: $x$ loses a share of about $S/(2N)$. With the pads
    $N - S/2$ and $-N - S/2$ ("balanced") they multiply $x$ by $(1 + (S²/2 + |x|²) / (2N²))^(-1/2)$:
    the share is of second order in $1/N$.
    """
    # Of one sign, so that S is not small
    rows = np.abs(trial.generator("rows").standard_normal(n_rows))
    total = rows.sum()
    if pads == "paper":
        sizes = 100 * total * 4.0 ** np.arange(4)
        outputs = through_layer_norm(rows, sizes, -sizes - total, sizes)
        other_pads = {"pads $N$ and $-N$": through_layer_norm(rows, sizes, -sizes, sizes)}
    else:
        sizes = 10 * total * 2.0 ** np.arange(5)
        outputs = through_layer_norm(rows, sizes - total / 2, -sizes - total / 2, sizes)
        other_pads = {
            "pads $N$ and $-N - S$": through_layer_norm(rows, sizes, -sizes - total, sizes)
        }
    factors = [constructions.layer_norm_factor(size, total, rows @ rows, pads) for size in sizes]
    law = rows[:, None] * factors
    trial.identity(
        outputs,
        law,
        ops=layer_norm_ops(rows),
        scale=sizes,
        controls={"$sqrt(1/L)$ for $sqrt(2/L)$": law / np.sqrt(2)},
        control_processes=other_pads,
        generic="layer norm is analytic in rows that are not all equal",
    )


@claim(
    tried(
        "Lemma 8, for div of section 3.1: layer norm divides, by an absolute value",
        "the error, and pads that sum to $-S$",
    ),
    kind="identity",
    cases=[0.4, 2.5, 1.0],
)
def test_ln__div(trial, divisor: Annotated[float, Interval(0.1, 10.0)], n_rows: Rows = 30):
    """Let a column of $L$ rows have two pads and other entries $y$, whose sum is $S$, and let $c$
    be a divisor. With the pads $N c - S/2$ and $-N c - S/2$ layer norm and a gain of $√(2/L) N$
    turn $y$ into $y / |c|$ times $(1 + (S²/2 + |y|²) / (2 (N c)²))^(-1/2)$, which tends to 1 as $N$
    grows: the sign of $c$ is lost.
    """
    rows = trial.generator("rows").standard_normal(n_rows)
    total = rows.sum()
    divisors = np.array([divisor, -divisor])
    pad = 1e3 * np.sqrt(rows @ rows) / divisor
    ideal = rows[:, None] / np.abs(divisors)

    def divide(upper_share, lower_share):
        """The rows after layer norm with the pads N c and -N c, less shares of the rows' sum: a
        column for each sign of c.
        """
        upper = pad * divisors - upper_share * total
        lower = -pad * divisors - lower_share * total
        return through_layer_norm(rows, upper, lower, np.full(2, pad))

    trial.identity(
        divide(0.5, 0.5),
        # The pads have the size N |c|, so that its factor is that of Lemma 6.
        ideal * constructions.layer_norm_factor(pad * divisor, total, rows @ rows),
        ops=layer_norm_ops(rows),
        scale=pad,
        controls={"$y / c$": rows[:, None] / divisors, "no error": ideal},
        control_processes={
            # The mean of the column is then S / L, which layer norm subtracts.
            "pads $N c$ and $-N c$": divide(0, 0),
            "pads $N c$ and $-N c - S$": divide(0, 1),
        },
        generic="layer norm is analytic in rows that are not all equal",
    )


class Primitive(NamedTuple):
    """An instruction on trial, the range of rows that it writes, and what they then hold (count,
    rows, 3). By name, a wrong theory of what they hold, and a wrong instruction.
    """

    instruction: Instruction
    rows: tuple[int, int]
    written: np.ndarray
    wrong_theory: dict[str, np.ndarray]
    wrong_instruction: dict[str, Instruction]


FIRST = (0, 6)
SECOND = (6, 12)
TARGET = (12, 16)
NUMBERS = (16, 20)
QUOTIENTS = (20, 24)
"""Ranges of registers: a matrix of 2 x 3, one of 3 x 2, room for their product or an affine map,
numbers to be copied or divided, and room for the quotients.
"""


def primitives(states, left, right, bias):
    """The primitives by name, for states (count, 24 registers, 3 columns) and the affine map of
    `aff`.
    """
    first = states[:, slice(*FIRST)]
    second = states[:, slice(*SECOND)]
    numbers = states[:, slice(*NUMBERS)]
    divisor = states[:, [0]]
    affine = left @ first + right @ second
    # mov writes what stands in column 0 into column 2, and leaves the other two columns alone.
    copied = np.concatenate([numbers[:, :, :2], numbers[:, :, :1]], axis=2)
    at_target = np.concatenate([states[:, 12:16, :2], numbers[:, :, :1]], axis=2)
    mov_to_target = mov(0, 2, NUMBERS, TARGET)

    def product(first_matrices):
        """The product (count, 4, 3) of (count, 2, 3, column) and the second matrix of each column,
        row by row.
        """
        second_matrices = second.reshape(-1, 3, 2, 3)
        return np.einsum("nrct,ncst->nrst", first_matrices, second_matrices).reshape(-1, 4, 3)

    by_rows = product(first.reshape(-1, 2, 3, 3))
    by_columns = product(first.reshape(-1, 3, 2, 3).swapaxes(1, 2))
    return {
        "mov": Primitive(
            mov(0, 2, NUMBERS),
            rows=NUMBERS,
            written=copied,
            wrong_theory={"nothing moved": numbers},
            wrong_instruction={"from the next column": mov(1, 2, NUMBERS)},
        ),
        "mov to other rows": Primitive(
            mov_to_target,
            rows=TARGET,
            written=at_target,
            wrong_theory={"all columns copied": numbers},
            wrong_instruction={"without a gate": replace(mov_to_target, only_at=None)},
        ),
        "mul": Primitive(
            mul(2, 3, 2, FIRST, SECOND, TARGET),
            rows=TARGET,
            written=by_rows,
            wrong_theory={"the first matrix by columns": by_columns},
            wrong_instruction={"3 x 2 by 2 x 3": mul(3, 2, 3, FIRST, SECOND, (12, 21))},
        ),
        "aff": Primitive(
            aff(FIRST, SECOND, TARGET, left, right, bias),
            rows=TARGET,
            written=affine + bias[:, None],
            wrong_theory={"no bias": affine},
            wrong_instruction={
                "$W_1$ and $W_2$ exchanged": aff(FIRST, SECOND, TARGET, right, left, bias)
            },
        ),
        "div": Primitive(
            div(NUMBERS, 0, QUOTIENTS),
            rows=QUOTIENTS,
            written=numbers / np.abs(divisor),
            wrong_theory={"$y / c$ for $y / |c|$": numbers / divisor},
            wrong_instruction={"by the next row": div(NUMBERS, 1, QUOTIENTS)},
        ),
    }


def after_one_layer(instruction, states):
    """The registers and, below them, the scratch rows after the layer that an instruction becomes,
    (count, 24 + scratch, 3).
    """
    built = compiler.compile_program(
        [instruction], registers=24, positions=3, scales=network.Scales()
    )
    hidden = jax.vmap(lambda state: network.run(built, network.embed(built, state)).hidden)(states)
    return np.asarray(hidden)[:, : built.layout.pad_rows.start]


@claim(
    paper("section 3.1 and Lemma 1"),
    kind="identity",
    cases=["mov", "mov to other rows", "mul", "aff", "div"],
)
def test_primitives(
    trial,
    primitive: Literal["mov", "mov to other rows", "mul", "aff", "div"],
    count: Annotated[int, Interval(1, 1000)] = 140,
):
    """One decoder layer does each of the primitives mov (a copy of rows from one column to
    another), mul (a product of matrices), aff (an affine map) and div (a division by an absolute
    value), up to 1e-8 for entries of at most 2 and divisors of at least .1. It does not change any
    other row, and leaves the scratch rows at zero.
    """
    rng = trial.generator("states")
    left, right = rng.uniform(-1, 1, (2, 4, 6))
    bias = rng.uniform(-1, 1, 4)
    states = rng.uniform(-2, 2, (count, 24, 3))
    # Divisors are not near zero.
    states[:, :2] = np.where(states[:, :2] < 0, -1, 1) * np.maximum(np.abs(states[:, :2]), 0.1)
    # A quotient starts at zero, and one divisor is negative.
    states[:, 20:] = 0
    states[0, 0] = -np.abs(states[0, 0])
    tried = primitives(states, left, right, bias)[primitive]
    result = after_one_layer(tried.instruction, states)
    before = np.zeros_like(result)
    before[:, :24] = states

    def with_rows(written):
        """All rows if only those of the primitive change."""
        after = before.copy()
        after[:, slice(*tried.rows)] = written
        return after

    def after_wrong(instruction):
        """As `result`, without what a larger scratch has more."""
        return after_one_layer(instruction, states)[:, : result.shape[1]]

    trial.value(
        result,
        with_rows(tried.written),
        independent=count,
        # All but the product pass the bypass of 1000 a few times; the product's scale of 1e-6
        # leaves 1e-9.
        error=8 * 12 * UNIT * 10,
        margin=1e-8 if primitive == "mul" else 1e-11,
        controls={name: with_rows(written) for name, written in tried.wrong_theory.items()},
        control_processes={
            **{name: after_wrong(wrong) for name, wrong in tried.wrong_instruction.items()},
            "a layer that replaces its input": result - before,
        },
    )
