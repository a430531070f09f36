"""Panels of this paper: quantities that fall over many decades.

What the figures simulate. Apart from the drawing, so that a change to a drawing does not throw
its data away.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, ScalarLike
from matplotlib.axes import Axes

from sims.neural_collapse import collapse_metrics, gradient_training, model
from theory.neural_collapse import mean_square
from theory_on_trial.figures.panels import student_interval

ROUNDING = 1e-10
"""A line through the last metric ignores metrics below this: some are square roots of rounded
numbers.
"""

_FLOOR = 1e-18
"""Smaller values are drawn at this value, below all axes: rounding may give an exact zero, which
has no logarithm.
"""

_OFF_AXES = 100.0
"""The longest interval, in natural logarithms: longer ones leave the axes and might overflow."""


def falling_points(
    axes: Axes,
    steps: Int[np.ndarray, "records"],
    runs: Float[np.ndarray, "runs records"],
    colour: str,
    rate: float | None = None,
    shown: slice = slice(None),
    **style: Any,
) -> None:
    """Draw geometric means over the runs as points, with 99 % Student intervals of the mean
    logarithm.

    A line falls at the predicted `rate` per step through the last mean above `ROUNDING`; rounding
    has the sign that it has, so absolute values are drawn. Of the
    points those at `shown` are drawn.
    """
    mean, half_width = student_interval(np.log(np.maximum(np.abs(runs), _FLOOR)))
    half_width = np.minimum(half_width, _OFF_AXES)
    middle = np.exp(mean)
    bounds = middle - np.exp(mean - half_width), np.exp(mean + half_width) - middle
    axes.errorbar(
        steps[shown],
        middle[shown],
        np.array(bounds)[:, shown],
        **{"fmt": "o", "color": colour, "elinewidth": 0.8, "markersize": 2.5, **style},
    )
    above = np.flatnonzero(middle > ROUNDING)
    if rate is not None and above.size:
        axes.plot(
            steps, middle[above[-1]] * np.exp(-rate * (steps - steps[above[-1]])), color=colour
        )


LEARNING_RATE = 0.1
MOMENTUM = 0.9
START = 0.1
"""Settings of the released code; START is the standard deviation of all weights and features before
training.
"""

_NOISE = 1e-4
"""The perturbation of every parameter at each new decay: it leaves a point that is no longer
stable, but not the basin of zero.
"""


def direct_experiment(
    key: Key[Array, ""],
    class_sizes: tuple[int, ...],
    depth: int,
    width: int,
    decay: float,
    bias: bool,
    steps: int,
    every: int,
    reduced: bool,
    learning_rate: ScalarLike,
    start_std: ScalarLike,
) -> dict[str, Float[Array, "..."]]:
    """Gap to the optimum and collapse metrics of one descent every `every` steps, and the geometry
    at its end.

    The metrics are distances to the predicted optimum, as in the released code; "weights" is the
    largest over m of those of W_M..W_m. All decays are equal.
    """
    optimum = mean_square.mse_optimum(class_sizes, [decay] * depth, decay, bias=bias)
    run = gradient_training.train(
        key,
        model.Problem(class_sizes, (decay,) * depth, decay, bias=bias),
        (width,) * depth,
        learning_rate=learning_rate,
        momentum=MOMENTUM,
        steps=steps,
        every=every,
        weight_std=start_std,
        feature_std=start_std,
        reduced=reduced,
        targets=collapse_metrics.Targets(*mean_square.optimum_targets(optimum)),
    )
    matrix = model.product(run.head.weights)
    if reduced:
        means = run.head.features / np.sqrt(np.array(class_sizes, float))
    else:
        means = collapse_metrics.class_means(run.head.features, class_sizes)
    return {
        "gap": run.objective - optimum.value,
        "within_class": run.collapse.within_class,
        "weights": run.collapse.weights.max(axis=1),
        "features": run.collapse.features,
        "logits": run.collapse.logits,
        "alignment": run.collapse.alignment,
        "feature_lengths": jnp.sum(means**2, axis=0),
        "weight_lengths": jnp.sum(matrix**2, axis=1),
        "own_logits": jnp.diagonal(matrix @ means),
    }


def final_objective(
    key: Key[Array, ""],
    class_sizes: tuple[int, ...],
    depth: int,
    width: int,
    steps: int,
    start_std: ScalarLike,
    decay: ScalarLike,
) -> Float[Array, ""]:
    """Objective in the class-mean reduction after `steps` steps, all decays equal."""
    return gradient_training.train(
        key,
        model.Problem(class_sizes, (decay,) * depth, decay),
        (width,) * depth,
        learning_rate=LEARNING_RATE,
        momentum=MOMENTUM,
        steps=steps,
        every=steps,
        weight_std=start_std,
        feature_std=start_std,
        reduced=True,
    ).objective[-1]


def decay_loop(
    key: Key[Array, ""],
    class_sizes: tuple[int, ...],
    decays: tuple[float, ...],
    depth: int,
    width: int,
    steps: int,
    start_std: ScalarLike,
) -> Float[Array, "levels classes"]:
    """Shares σ_k / √n of the K largest singular values of W_M..W_1 H at the end of each decay,
    visited in order.

    The classes are equal; each decay starts where the last one ended, the first one from a random
    head.
    """
    start_key, ramp_key = jax.random.split(key)
    n_classes = len(class_sizes)
    start = model.initial_head(
        start_key,
        (width,) * depth,
        n_classes,
        n_classes,
        weight_std=start_std,
        feature_std=start_std,
    )
    path = gradient_training.ramp(
        ramp_key,
        start,
        model.Problem(class_sizes, (1.0,) * depth, 1.0),
        np.array(decays),
        steps=steps,
        learning_rate=LEARNING_RATE,
        momentum=MOMENTUM,
        noise=_NOISE,
    )
    return path[:, :n_classes] / np.sqrt(class_sizes[0])
