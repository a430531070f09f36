"""Qin, Han, Sun, Li, Kong, Barnes & Zhong 2022, "The Devil in Linear Transformer", EMNLP, arXiv
2210.10340.

For whoever debugs exploding gradients in linear attention and asks whether the denominator or the
scale is to blame: softmax's derivatives are at most 1/4, linear attention's at most 1/(4 s_k),
normalised ones are bounded by ε alone.

s are the n scores of one row. Softmax has p = e^s/Σ e^s, linear attention p = s/Σ s with s > 0. The
paper drops the denominator and normalises the output: o = sᵀV/√(|sᵀV|²/d + ε) with rows v_k of V
(n, d).

Read: the abstract ("unbounded gradients in the attention computation", "replaces the scaling
operation with a normalization to stabilize gradients"). Recalled: the constants 1/4. Derived here:
the rest. Not claimed: training. Topic: sequence models and attention.
"""

from functools import partial
from typing import Annotated

import numpy as np

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Scores = Annotated[
    int, Interval(2, 64, why="one weight is constant; beyond, Jacobians of many rows take long")
]
Width = Annotated[
    int,
    Interval(2, 64, why="one dimension has a sign and no direction; beyond, Jacobians take long"),
]
Floor = Annotated[
    float,
    Interval(1e-8, 100, why="ε: below, digits are lost in 1/√ε; above, nothing is normalised"),
]
Scale = Annotated[
    float, Interval(1e-6, 100, why="beyond, the wrong powers of the scale are no theory")
]


@observed
def jacobian(function, scores):
    """∂f_j/∂s_k of each row of scores (rows, n) by the complex step, which cancels nothing: (rows,
    n, outputs).
    """
    steps = 1e-100j * np.eye(scores.shape[1])
    return function(scores[:, None, :] + steps).imag / 1e-100


def linear(scores):
    """The weights s/Σ s."""
    return scores / scores.sum(axis=-1, keepdims=True)


def softmax(scores):
    """The weights e^s/Σ e^s."""
    return linear(np.exp(scores - scores.real.max(axis=-1, keepdims=True)))


def normalised(scores, values, floor):
    """The output sᵀV/√(|sᵀV|²/d + ε)."""
    mean = scores @ values
    return mean / np.sqrt((mean * mean).mean(axis=-1, keepdims=True) + floor)


@predicted
def bounds(scores):
    """Of softmax 1/4 of each entry and 1/2 of the norm; of linear attention 1/(4 s_k) of ∂p_j/∂s_k,
    1/s_j for j ≠ k.
    """
    return 0.25, 0.5, 1 / (4 * scores)[:, :, None], 1 / scores[:, None, :]


@predicted
def normalised_jacobian(scores, values, floor, projected=True):
    """(v_k - o (o · v_k)/d)/√(|sᵀV|²/d + ε) for each row of scores."""
    mean = scores @ values
    size = np.sqrt((mean * mean).mean(axis=1) + floor)[:, None, None]
    along = (values @ mean[:, :, None]) * mean[:, None] / size**2 / values.shape[1]
    return (values - projected * along) / size


@predicted
def linear_jacobian(scores):
    """(δ_jk - p_j)/Σ s for each row of scores."""
    total = scores.sum(axis=1)[:, None, None]
    return (np.eye(scores.shape[1]) - scores[:, None] / total) / total


@claim(
    derived("1/4 recalled; p_j (1 - p_j) and p_j p_k are largest at 1/2"),
    kind="bound",
    cases=[2, 8, 64],
)
def test_softmax_quarter(trial, n: Scores):
    """Softmax has |∂p_j/∂s_k| <= 1/4 and a Jacobian of spectral norm <= 1/2, reached where two
    weights are 1/2.
    """
    generator = trial.generator()
    scores = generator.normal(size=(100, n)) * 10 ** generator.uniform(-2, 2, (100, 1))
    scores[0] = np.where(np.arange(n) < 2, 1.0, -800.0)
    measured, (entry, norm, *_) = jacobian(softmax, scores), bounds(scores)
    norms = np.linalg.norm(measured, 2, axis=(1, 2))
    largest = np.abs(measured[0]).max()
    trial.bound(np.abs(measured), entry, instances="search", ops=n + 8, controls={"1/5": 0.2})
    trial.bound(norms, norm, instances="search", ops=16 * n, controls={"2/5": 0.4})
    trial.identity(
        [largest, norms[0]], [entry, norm], ops=16 * n, controls={"1/5 and 2/5": [0.2, 0.4]}
    )


@claim(derived("1/(4 s_k) recalled; derived from (δ_jk - p_j)/Σ s"), kind="bound", cases=[2, 8, 64])
def test_linear_unbounded(trial, n: Scores):
    """Linear attention has |∂p_j/∂s_k| <= 1/(4 s_k), reached at p_k = 1/2; by s_j, j ≠ k, nothing
    below 1/s_j holds.
    """
    scores = 10 ** trial.generator().uniform(-4, 1, (100, n))
    scores[0], scores[1] = (
        np.where(np.arange(n) > 0, 1 / (n - 1), 1.0),
        np.where(np.arange(n) > 0, 1e-3 / n, 1.0),
    )
    measured = np.abs(jacobian(linear, scores))
    by_input, by_output = (np.broadcast_to(bound, measured.shape) for bound in bounds(scores)[2:])
    controls = {"1/(8 s_k)": by_input / 2, "1/4, as softmax": np.minimum(by_input, 0.25)}
    trial.bound(measured, by_input, instances="search", ops=n + 8, controls=controls)
    lhs, rhs = (rows[:, ~np.eye(n, dtype=bool)] for rows in (measured, by_output))
    trial.bound(lhs, rhs, instances="search", ops=n + 8, controls={"1/(4 s_j)": rhs / 4})


@claim(
    derived("derived: the column is v_k less its part along o"),
    kind="bound",
    cases=[(6, 4, 0.01), (2, 2, 1.0)],
)
def test_normalised(trial, n: Scores, width: Width, floor: Floor):
    """With the output normalised |∂o/∂s_k| <= |v_k|/√ε, reached exactly where sᵀV = 0."""
    generator = trial.generator()
    values = generator.normal(size=(n, width))
    scores = (
        generator.normal(size=(100, n)) * 10 ** generator.uniform(-4, 1, (100, 1)) * np.sqrt(floor)
    )
    scores[0] = 0.0
    measured = jacobian(partial(normalised, values=values, floor=floor), scores)
    bound = np.tile(np.linalg.norm(values, axis=1) / np.sqrt(floor), (100, 1))
    norms = np.linalg.norm(measured, axis=2)
    controls = {"half of it": bound / 2}
    trial.bound(norms, bound, instances="search", ops=n + width + 8, controls=controls)
    predict = normalised_jacobian(scores, values, floor)
    controls = {"o not projected out": normalised_jacobian(scores, values, floor, projected=False)}
    trial.identity(measured, predict, ops=8 * (n + width + 8), controls=controls)


@claim(
    derived("derived: both are homogeneous of degree 0"),
    kind="identity",
    cases=[(6, 4, 0.01), (2, 2, 50.0)],
)
def test_epsilon_is_all(trial, n: Scores, width: Width, scale: Scale):
    """Without ε, scores times c give Jacobians over c, of the normalised output exactly as of
    linear attention.
    """
    trial.require(scale < 0.9 or scale > 1.1, "scale must be 10 % off 1, where nothing is scaled")
    generator = trial.generator()
    values = generator.normal(size=(n, width))
    scores = generator.uniform(0.5, 1.5, (1, n))
    factor = (
        np.linalg.norm(values)
        * np.linalg.norm(scores)
        * np.sqrt(width)
        / np.linalg.norm(scores @ values)
    )
    bare = partial(normalised, values=values, floor=0.0)
    for function, law in (
        (bare, normalised_jacobian(scores, values, 0.0)),
        (linear, linear_jacobian(scores)),
    ):
        measured = jacobian(function, scale * scores)
        controls = {"over √c": law / np.sqrt(scale)}
        size = factor**2 / scale
        trial.identity(
            measured, law / scale, ops=8 * (n + width + 8), scale=size, controls=controls
        )


@figure("F1", claims=("softmax_quarter", "linear_unbounded", "normalised"))
def derivatives_by_scale(floor=1e-4):
    """Small scores explode the gradients of linear attention, and ε caps those of the normalised
    one.

    Two equal scores of size s, rows of V of length 1, ε = 0.0001. Marks: points: largest derivative
    by complex steps; lines: 1/4, 1/(4 s) and the bound 1/√ε.
    """
    scales = np.geomspace(1e-5, 10, 19)
    values = np.array([[1.0, 0.0], [0.6, 0.8]])
    rows = scales[:, None] * np.ones((1, 2))
    normal = partial(normalised, values=values, floor=floor)
    quarter, _, by_input, _ = bounds(rows)
    lines = {"softmax": quarter, "linear": by_input.max(axis=(1, 2)), "normalised": floor**-0.5}
    functions = {"softmax": softmax, "linear": linear, "normalised": normal}
    return chart(
        {name: (scales, line) for name, line in lines.items()},
        {
            name: (scales, np.abs(jacobian(f, rows)).max(axis=(1, 2)))
            for name, f in functions.items()
        },
        x="scale of the scores  (dimensionless)",
        y="largest derivative  (dimensionless)",
        log="xy",
    )
