"""The figures of pretext tasks under conditional independence (Lee et al. 2021, arXiv
2008.01064).
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from sims import conditional_independence_ssl as observed
from theory import conditional_independence_ssl as predicted
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals

_DIM = 10


def _world(violation: float) -> tuple[observed.Conditionals, predicted.SharedCause]:
    world = observed.gaussian_world(violation)
    return observed.conditionals(world.covariance, _DIM, 2), predicted.shared_cause(*world)


def _risks(n_labels: int, sets: int, n_pairs: int) -> Float[np.ndarray, "sets heads"]:
    """Drawn risks of five heads: raw, exact pretexts without and with violation, learned ones cut
    and uncut.
    """
    free, _ = _world(0.0)
    dependent, _ = _world(0.3)
    root = np.linalg.cholesky(free.residual)
    exact = [
        np.eye(_DIM),
        np.linalg.svd(free.pretext)[2][:2],
        np.linalg.svd(dependent.pretext)[2][:6],
    ]

    def drawn(key: jax.Array) -> jax.Array:
        pairs, labels = jax.random.split(key)
        directions = observed.leading_directions(
            observed.learned_pretext(pairs, n_pairs, free.pretext, root), 6
        )
        heads = [jnp.asarray(head) for head in (*exact, directions[:2], directions)]
        return jnp.stack(
            [
                observed.excess_risk(labels, n_labels, free.target, head, free.noise)
                for head in heads
            ]
        )

    many = jax.jit(lambda keys: map_cells(drawn, keys))
    return np.asarray(many(jax.random.split(jax.random.key(n_labels), sets)))


@figure(
    "F1",
    quick={"sets": 100, "sizes": (25, 100)},
    claims=("labels_needed", "break_even", "learned_pretext-labels"),
    marks="lines: closed forms; points: means over label sets; dotted: where raw input is as good",
)
def risk_against_labels(
    sizes: Sequence[int] = (14, 20, 30, 50, 100, 200), sets: int = 1000, n_pairs: int = 2000
) -> Figure:
    """A pretext saves labels by its rank if it is exact, and by the part of it that is kept if it
    is learned.

    Excess risk of least squares against the number of labels, for $d1 = 10$ features of $X1$ and
    $d2 = 6$ of $X2$: closed forms (lines), and means over drawn label sets with 99 % Student
    intervals (points). (a) Exact pretexts. Under conditional independence the rank is 2 and there
    is no error. At a violation $c = 0.3$ the rank is 6 and the error is $a = 0.026$, so that raw
    features are as good from 62 labels on (dotted). (b) A pretext that was learned from `n_pairs`
    unlabelled pairs under conditional independence, used as it is or cut to its two leading
    directions. New.
    """
    risks = np.array([_risks(n_labels, sets, n_pairs) for n_labels in sizes])
    _, free = _world(0.0)
    _, dependent = _world(0.3)
    tau = predicted.pretext_noise(free.target, free.pretext, free.residual)
    left = {k: predicted.learned_pretext_error(n_pairs, _DIM, k, tau) for k in (2, 6)}
    grid = np.unique(np.geomspace(min(sizes), max(sizes), 60).round().astype(int)).tolist()
    error = dependent.approximation_error
    raw = (0, "raw input", _DIM, 0.0, COLOURS[6])
    panels = [
        [
            raw,
            (1, "exact, independent", 2, 0.0, COLOURS[0]),
            (2, "exact, violated", 6, error, COLOURS[1]),
        ],
        [
            raw,
            (4, "learned, uncut", 6, left[6], COLOURS[3]),
            (3, "learned, two directions", 2, left[2], COLOURS[2]),
        ],
    ]
    figure_, row = plt.subplots(1, 2, figsize=(7.6, 3.2), sharey=True)
    for axes, heads, letter in zip(row, panels, "ab", strict=True):
        for column, name, rank, excess, colour in heads:
            axes.loglog(
                grid,
                [predicted.excess_risk(n, rank, free.noise, excess) for n in grid],
                color=colour,
            )
            points_with_intervals(axes, sizes, risks[:, :, column].T, colour, label=name)
        axes.set(xlabel="labels  n")
        axes.set_xticks([20, 50, 100, 200], ["20", "50", "100", "200"])
        axes.minorticks_off()
        axes.legend(loc="upper right")
        label(axes, letter)
    crossing = predicted.break_even(_DIM, dependent.rank, dependent.noise, error)
    row[0].axvline(crossing, color="0.5", linestyle=":", linewidth=0.8)
    row[0].annotate(
        f"n* = {crossing:.1f}",
        (crossing, 0.004),
        xytext=(3, 0),
        textcoords="offset points",
        fontsize=8,
    )
    row[0].set(ylabel="excess risk  (units of the label, squared)")
    return figure_


@figure(
    "F2",
    quick={"cells": 6},
    claims=("violated_ci_bound", "violated_ci_bound-sharper", "violation_is_quadratic"),
)
def error_against_violation(cells: int = 13) -> Figure:
    """The error grows as the square of the violation, and in a world of many features it stays far
    below the bounds.

    Approximation error $a$ against the violation $c$ of the fixed normal world ($d1 = 10$,
    $d2 = 6$, two causes): the closed form (line) and least squares on the conditioned covariance
    (points, exact). Above it lie two bounds: the norm of $A^+$ times the violation (dashed), and
    the norm of the violation over the smallest singular value of $A$ (dotted). New.
    """
    grid = np.geomspace(0.01, 1, 60)
    exact = []
    inner = []
    outer = []
    for violation in grid:
        world = observed.gaussian_world(float(violation))
        theory = predicted.shared_cause(*world)
        delta = theory.pretext - world.second @ theory.target
        bounds = predicted.violation_bounds(world.second, delta @ delta.T)
        exact.append(theory.approximation_error)
        inner.append(float(bounds[0]))
        outer.append(float(bounds[1]))
    points = np.geomspace(0.01, 1, cells)
    laws = [_world(float(violation))[0] for violation in points]
    errors = [
        observed.approximation_error(law.target.T[None], law.pretext.T[None], np.ones((1, _DIM)))[0]
        for law in laws
    ]
    figure_, axes = plt.subplots(figsize=(4, 3.2))
    axes.loglog(grid, outer, ":", color=COLOURS[1], label=r"$E|\delta|^2 / \sigma_{min}^2(A)$")
    axes.loglog(grid, inner, "--", color=COLOURS[4], label=r"$E|A^+\delta|^2$")
    axes.loglog(grid, exact, color=COLOURS[0], label="a, closed form")
    axes.loglog(points, errors, "o", color=COLOURS[0], label="a, least squares")
    axes.set(
        xlabel="violation  c  (dimensionless)", ylabel="error  a  (units of the label, squared)"
    )
    axes.legend()
    return figure_
