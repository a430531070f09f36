"""How precise the constructions are in floating point (F9), and squares by activations (F7)."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sims.in_context_learning import compiler, network, programs
from theory.in_context_learning import constructions, regression
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters

_REGULARISER = 0.3
_STEP = 0.02


@figure(
    "F9",
    quick={"dimension": 2, "points": 7, "factors": 100},
    claims=(
        "gelu-mul",
        "richardson-mul",
        "ln-bypass",
        "thm1-gd-step",
        "thm2-sherman-morrison",
        "finite-precision",
    ),
    marks="points: evaluation; solid: law of the error; dotted: bound on the rounding; dashed: "
    "proportional to s²",
)
def precision_of_constructions(
    dimension: int = 4, points: int = 13, factors: int = 400, rows: int = 30
) -> Figure:
    """Constructions as precise as desired on paper have a best scale in floating point: their
    errors are $U$-shaped.

    (a) Root mean square error of Lemma 4's product against its scale $s$, for factors uniform in
    $[-1, 1]$. Lines: the law of the error, $κ s² [(x+y)⁴ - x⁴ - y⁴]$, and $s⁴$ after Richardson's
    extrapolation. Dotted: a bound on the rounding, which grows as $1/s$. Points: evaluation in
    float64, and one in float32. (b) Largest error of the compiled transformers of Theorem 1 (one
    gradient step, 9 layers) and Theorem 2 (one Sherman-Morrison update, 14 layers) against closed
    forms, over 32 prompts of $d$ dimensions. Dashed: proportional to $s²$. (c) Relative error of
    `rows` numbers passed through layer norm with pads of size $N$: of first order with the pads of
    Lemma 6, of second order with balanced ones. Lines: the exact factor. Dotted: rounding,
    $ε N / L$. Throughout $α = 0.02$, $λ = 0.3$; the layer norm in (b) is ideal.
    """
    fig, (product, theorems, pads) = plt.subplots(1, 3, figsize=(10.5, 3.4))
    _products(product, points, factors)
    _theorems(theorems, dimension, points)
    _pads(pads, rows, points)
    for axis, letter in zip((product, theorems, pads), "abc", strict=True):
        axis.set(xscale="log", yscale="log")
        axis.legend(fontsize=7)
        label(axis, letter)
    return fig


def _products(axis: Axes, points: int, factors: int) -> None:
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, factors))
    series: tuple[tuple[str, Any, bool, np.ndarray], ...] = (
        ("float64", np.float64, False, np.logspace(-7.5, -0.5, points)),
        ("float64, Richardson", np.float64, True, np.logspace(-5, -0.5, points)),
        ("float32", np.float32, False, np.logspace(-3.3, -0.5, points)),
    )
    for (name, dtype, richardson, scales), colour, marker in zip(
        series, COLOURS, "os^", strict=False
    ):
        left = jnp.asarray(x, dtype)
        right = jnp.asarray(y, dtype)
        exact = np.asarray(left, float) * np.asarray(right, float)
        products = [
            network.gelu_product(left, right, dtype(s), richardson=richardson) for s in scales
        ]
        axis.plot(
            scales,
            [_size(np.asarray(f, float) - exact) for f in products],
            marker,
            color=colour,
            label=name,
        )
        law = (
            constructions.richardson_product_error
            if richardson
            else constructions.gelu_product_error
        )
        fine = np.geomspace(scales[0], scales[-1], 60)
        axis.plot(fine, [_size(law(x, y, s)) for s in fine], color=colour)
        eps = float(np.finfo(dtype).eps)
        bounds = [
            constructions.rounding_of_product(s, 1.0, eps) * (1.5 if richardson else 1)
            for s in fine
        ]
        axis.plot(fine, bounds, ":", color=colour)
    axis.set(xlabel="scale s of the product", ylabel="error of the product (rms)", ylim=(1e-14, 1))


def _size(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def _theorems(axis: Axes, dimension: int, points: int) -> None:
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((32, 1, dimension))
    query = rng.standard_normal((32, dimension))
    labels = rng.standard_normal((32, 1)) * np.sqrt(dimension)
    start = rng.standard_normal(dimension)
    step = [
        regression.sgd_weights(X, Y, _STEP, _REGULARISER, start)
        for X, Y in zip(inputs, labels, strict=True)
    ]
    update = [
        regression.one_sample_ridge(X[0], float(Y[0]), _REGULARISER)
        for X, Y in zip(inputs, labels, strict=True)
    ]
    built = (
        ("Theorem 1", programs.gradient_step_program(dimension, _STEP, _REGULARISER, start), step),
        ("Theorem 2", programs.ridge_update_program(dimension, _REGULARISER), update),
    )
    scales = np.logspace(-7, -1, points)
    for (name, program, weights), colour, marker in zip(built, COLOURS, "os", strict=False):
        exact = np.sum(np.array(weights) * query, axis=1)
        errors = []
        for scale in scales:
            compiled = compiler.compile_program(
                program.instructions,
                registers=program.register_rows,
                positions=program.positions,
                scales=network.Scales(product=float(scale)),
                balanced=True,
            )
            answers = network.predict(compiled, inputs, labels, query).value
            errors.append(np.abs(np.asarray(answers) - exact).max())
        axis.plot(scales, errors, marker, color=colour, label=f"{name}, d = {dimension}")
        middle = int(np.argmin(np.abs(scales - 1e-3)))
        axis.plot(
            scales,
            errors[middle] * (scales / scales[middle]) ** 2,
            "--",
            color=colour,
            linewidth=0.8,
        )
    axis.set(
        xlabel="scale s of the products", ylabel="largest error of the answer", ylim=(1e-12, 1e3)
    )


def _pads(axis: Axes, rows: int, points: int) -> None:
    entries = np.abs(np.random.default_rng(2).standard_normal(rows))
    total = float(entries.sum())
    squares = float(entries @ entries)
    length = rows + 2
    sizes = np.logspace(2, 11, points)
    fine = np.geomspace(sizes[0], sizes[-1], 100)
    pass_through = jax.jit(network.layer_norm)
    pads: tuple[tuple[Literal["paper", "balanced"], float], ...] = (
        ("paper", 0.0),
        ("balanced", 0.5),
    )
    for (kind, share), colour, marker in zip(pads, COLOURS, "os", strict=False):
        upper = sizes - share * total
        lower = -sizes - (1 - share) * total
        columns = np.concatenate(
            [[upper, lower], np.broadcast_to(entries[:, None], (rows, points))]
        )
        outputs = np.sqrt(2 / length) * sizes * np.asarray(pass_through(columns))[2:]
        errors = np.linalg.norm(outputs - entries[:, None], axis=0) / np.sqrt(squares)
        axis.plot(sizes, errors, marker, color=colour, label=f"{kind} pads")
        axis.plot(
            fine,
            [1 - constructions.layer_norm_factor(float(pad), total, squares, kind) for pad in fine],
            color=colour,
        )
    axis.plot(
        fine, np.finfo(float).eps * fine / length, ":", color=COLOURS[6], label="rounding, ε N / L"
    )
    axis.set(
        xlabel="pad N of the layer norm",
        ylabel="relative error of what is passed on",
        ylim=(1e-14, 1),
    )


@figure("F7", quick={"points": 9}, claims=("gelu-mul",))
def squares(half_width: float = 0.1, shift: float = 0.5, points: int = 21) -> Figure:
    """Three GeLUs square a small number with a third of the error of six tanh units; ReLUs do not
    square at all.

    Approximations of $x²$ on $[-0.1, 0.1]$. (a) Lemma 4's product of $x$ with itself at scale 1
    (three GeLUs), six tanh units whose third-order term is turned into a square by a finite
    difference with the constant $δ =$ `shift`, and two ReLU units, right at the ends of the
    interval. (b) Their errors: GeLU's is of fourth order, dotted: $-(7/6) x⁴$. Lines: exact curves.
    Points: the units evaluated in float64. After figure 7 of Akyürek et al. 2023; $δ$ is chosen
    here.
    """
    fig, (curves, errors) = plt.subplots(1, 2, figsize=(8, 3.2))
    grid = np.linspace(-half_width, half_width, 401)
    chosen = np.linspace(-half_width, half_width, points)

    def difference(u):
        return jnp.tanh(u + shift) - jnp.tanh(u - shift)

    curvature = -4 * np.tanh(shift) / np.cosh(shift) ** 2
    six_tanh = (difference(2 * chosen) - 2 * difference(chosen) + difference(0.0)) / curvature
    two_relu = half_width * (jnp.maximum(chosen, 0) + jnp.maximum(-chosen, 0))
    kinds = (
        ("GeLU", constructions.product_of_gelus(grid), network.gelu_product(chosen, chosen, 1.0)),
        ("tanh", constructions.square_by_tanh(grid, shift), six_tanh),
        ("ReLU", half_width * np.abs(grid), two_relu),
    )
    curves.plot(grid, grid**2, color=COLOURS[6], linewidth=2.5, alpha=0.25, label="$x^2$")
    for (name, law, values), colour in zip(kinds, COLOURS, strict=False):
        for axis, subtract in ((curves, False), (errors, True)):
            axis.plot(grid, np.abs(law - grid**2) if subtract else law, color=colour, label=name)
            axis.plot(
                chosen,
                np.abs(values - chosen**2) if subtract else values,
                "o",
                color=colour,
                markersize=3,
            )
    leading = np.abs(constructions.gelu_product_error(grid, grid, 1.0))
    errors.plot(grid, leading, ":", color=COLOURS[6], label="leading term of GeLU's")
    curves.set(xlabel="x", ylabel="approximation of $x^2$")
    errors.set(xlabel="x", ylabel="absolute error", yscale="log", ylim=(1e-9, 1))
    curves.legend()
    errors.legend(ncols=2, loc="upper center")
    letters((curves, errors))
    return fig
