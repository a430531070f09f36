"""Squares from nonlinearities: F7."""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from sims.in_context_learning import activations
from theory import in_context_learning as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters


@figure("F7", quick={"points": 9}, claims=("gelu-mul",))
def squares(half_width: float = 0.1, shift: float = 0.5, points: int = 21) -> Figure:
    """Three GeLUs square a small number with a third of the error of six tanh units; ReLUs do not
    square at all.

    Approximations of x² on [-0.1, 0.1]. (a) Lemma 4's product of x with itself at scale 1 (three
    GeLUs), six tanh units whose third-order term is turned into a square by a finite difference
    with the constant δ = `shift`, and two ReLU units, right at the ends of the interval. (b) Their
    errors: GeLU's is of fourth order, dotted: -(7/6) x⁴. Lines: exact curves. Points: the units
    evaluated in float64. After figure 7 of Akyürek et al. 2023; δ is chosen here.
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
        ("GeLU", predicted.product_of_gelus(grid), activations.gelu_product(chosen, chosen, 1.0)),
        ("tanh", predicted.square_by_tanh(grid, shift), six_tanh),
        ("ReLU", predicted.square_by_relu(grid, half_width), two_relu),
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
    leading = np.abs(predicted.gelu_product_error(grid, grid, 1.0))
    errors.plot(grid, leading, ":", color=COLOURS[6], label="leading term of GeLU's")
    curves.set(xlabel="x", ylabel="approximation of $x^2$")
    errors.set(xlabel="x", ylabel="absolute error", yscale="log", ylim=(1e-9, 1))
    curves.legend()
    errors.legend(ncols=2, loc="upper center")
    letters((curves, errors))
    return fig
