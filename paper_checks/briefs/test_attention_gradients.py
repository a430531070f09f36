"""Qin, Han, Sun, Li, Kong, Barnes & Zhong 2022, "The Devil in Linear Transformer", EMNLP, arXiv 2210.10340.

For whoever debugs exploding gradients in linear attention and asks whether the denominator or the scale is to blame:
softmax's derivatives are at most 1/4, linear attention's at most 1/(4 s_k), normalised ones are bounded by ε alone.

s are the n scores of one row. Softmax has p = e^s/Σ e^s, linear attention p = s/Σ s with s > 0. The paper drops the
denominator and normalises the output: o = sᵀV/√(|sᵀV|²/d + ε) with rows v_k of V (n, d).

Read: the abstract ("unbounded gradients in the attention computation", "replaces the scaling operation with a
normalization to stabilize gradients"). Recalled: the constants 1/4. Derived here: the rest. Not claimed: training.
Topic: sequence models and attention.
"""

from typing import Annotated

import numpy as np

from theory_on_trial import claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Scores = Annotated[int, Interval(2, 64, why="one weight is constant; beyond, Jacobians of many rows take long")]
Width = Annotated[int, Interval(2, 64, why="one dimension has a sign and no direction; beyond, Jacobians take long")]
Floor = Annotated[float, Interval(1e-8, 100, why="ε: below, digits are lost in 1/√ε; above, nothing is normalised")]
Scale = Annotated[float, Interval(1e-6, 100, why="beyond, the wrong powers of the scale are no theory")]


@observed
def jacobian(function, scores):
    """∂f_j/∂s_k of each row of scores (rows, n) by the complex step, which cancels nothing: (rows, n, outputs)."""
    steps = 1e-100j * np.eye(scores.shape[1])
    return function(scores[:, None, :] + steps).imag / 1e-100


def softmax(scores):
    """The weights e^s/Σ e^s."""
    powers = np.exp(scores - scores.real.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def linear(scores):
    """The weights s/Σ s."""
    return scores / scores.sum(axis=-1, keepdims=True)


def normalised(values, floor):
    """The output sᵀV/√(|sᵀV|²/d + ε), as a function of the scores."""

    def output(scores):
        mixed = scores @ values
        return mixed / np.sqrt((mixed * mixed).mean(axis=-1, keepdims=True) + floor)

    return output


@predicted
def softmax_bounds():
    """1/4 of each entry, 1/2 of the spectral norm."""
    return 0.25, 0.5


@predicted
def linear_bounds(scores):
    """1/(4 s_k) of ∂p_j/∂s_k, and 1/s_j of those with j ≠ k."""
    return 1 / (4 * scores)[:, :, None], 1 / scores[:, None, :]


@predicted
def normalised_bound(values, floor):
    """|v_k|/√ε."""
    return np.linalg.norm(values, axis=1) / np.sqrt(floor)


@predicted
def normalised_jacobian(values, floor, scores):
    """(v_k - o (o · v_k)/d)/√(|sᵀV|²/d + ε) for one row of scores."""
    mixed = scores @ values
    size = np.sqrt(mixed @ mixed / len(mixed) + floor)
    return (values - np.outer(values @ mixed, mixed) / (len(mixed) * size**2)) / size


@predicted
def linear_jacobian(scores):
    """(δ_jk - p_j)/Σ s for one row of scores."""
    return (np.eye(len(scores)) - scores / scores.sum()) / scores.sum()


@claim(ours("1/4 recalled; p_j (1 - p_j) and p_j p_k are largest at 1/2"), kind="bound", cases=[2, 8, 64])
def test_softmax_quarter(trial, n: Scores):
    """Softmax has |∂p_j/∂s_k| <= 1/4 and a Jacobian of spectral norm <= 1/2, reached where two weights are 1/2."""
    generator = trial.generator()
    scores = generator.normal(size=(100, n)) * 10 ** generator.uniform(-2, 2, (100, 1))
    scores[0] = np.where(np.arange(n) < 2, 0.0, -800.0)
    measured = jacobian(softmax, scores)
    entry, norm = softmax_bounds()
    trial.bound(np.abs(measured), entry, found_by="search", ops=n + 8, controls={"1/5": 0.2})
    norms = np.linalg.norm(measured, 2, axis=(1, 2))
    trial.bound(norms, norm, found_by="search", ops=16 * n, controls={"2/5": 0.4})


@claim(ours("1/(4 s_k) recalled; derived from (δ_jk - p_j)/Σ s"), kind="bound", cases=[2, 8, 64])
def test_linear_unbounded(trial, n: Scores):
    """Linear attention has |∂p_j/∂s_k| <= 1/(4 s_k), reached at p_k = 1/2; in terms of the output's own score s_j, with
    j ≠ k, nothing below 1/s_j holds.
    """
    generator = trial.generator()
    scores = 10 ** generator.uniform(-4, 1, (100, n))
    scores[0], scores[1] = np.where(np.arange(n) > 0, 1 / (n - 1), 1.0), np.where(np.arange(n) > 0, 1e-3 / n, 1.0)
    measured = np.abs(jacobian(linear, scores))
    by_input, by_output = linear_bounds(scores)
    wrong = {"1/(8 s_k)": by_input / 2 + 0 * measured, "1/4, as softmax": np.minimum(by_input, 0.25) + 0 * measured}
    trial.bound(measured, by_input + 0 * measured, found_by="search", ops=n + 8, controls=wrong)
    others = ~np.eye(n, dtype=bool)
    lhs, rhs = measured[:, others], (by_output + 0 * measured)[:, others]
    trial.bound(lhs, rhs, found_by="search", ops=n + 8, controls={"1/(4 s_j)": rhs / 4})


@claim(
    ours("derived: the column is (v_k - o (o · v_k)/d)/√(|sᵀV|²/d + ε)"),
    kind="bound",
    cases=[(6, 4, 0.01), (2, 2, 1.0)],
)
def test_normalised(trial, n: Scores, width: Width, floor: Floor):
    """With the output normalised |∂o/∂s_k| <= |v_k|/√ε, reached exactly where sᵀV = 0."""
    generator = trial.generator()
    values = generator.normal(size=(n, width))
    scores = generator.normal(size=(100, n)) * 10 ** generator.uniform(-4, 1, (100, 1)) * np.sqrt(floor)
    scores[0] = 0.0
    measured, bound = jacobian(normalised(values, floor), scores), normalised_bound(values, floor)
    norms, rhs = np.linalg.norm(measured, axis=2), np.broadcast_to(bound, (100, n))
    trial.bound(norms, rhs, found_by="search", ops=n + width + 8, controls={"half of it": rhs / 2})
    predict = np.array([normalised_jacobian(values, floor, row) for row in scores])
    wrong = {
        "o not projected out": np.array([values / np.sqrt(np.mean((row @ values) ** 2) + floor) for row in scores])
    }
    trial.identity(measured, predict, ops=8 * (n + width + 8), controls=wrong)


@claim(
    ours("derived: both are homogeneous of degree 0 in the scores"), kind="identity", cases=[(6, 4, 0.01), (2, 2, 50.0)]
)
def test_epsilon_is_all(trial, n: Scores, width: Width, scale: Scale):
    """Without ε, scores times c give Jacobians over c, of the normalised output exactly as of linear attention."""
    trial.require(scale < 0.9 or scale > 1.1, "scale must be 10 % off 1, where nothing is scaled")
    generator = trial.generator()
    values, scores = generator.normal(size=(n, width)), generator.uniform(0.5, 1.5, n)
    cancelled = np.linalg.norm(values) * np.linalg.norm(scores) * np.sqrt(width) / np.linalg.norm(scores @ values)
    jacobians = (normalised_jacobian(values, 0.0, scores), linear_jacobian(scores))
    for function, predict in zip((normalised(values, 0.0), linear), jacobians, strict=True):
        measured = jacobian(function, scale * scores[None])[0]
        wrong, size = {"over √c": predict / np.sqrt(scale)}, cancelled**2 / scale
        trial.identity(measured, predict / scale, ops=8 * (n + width + 8), scale=size, controls=wrong)


@figure("F1", claims=("softmax_quarter", "linear_unbounded", "normalised"))
def derivatives_by_scale(floor=1e-4):
    """Small scores explode the gradients of linear attention, and ε caps those of the normalised one.

    Two equal scores of size s, rows of V of length 1, ε = 0.0001. Largest derivative by complex steps (points); 1/4,
    1/(4 s) and the bound 1/√ε (lines).
    """
    import matplotlib.pyplot as plt

    scales = np.geomspace(1e-5, 10, 19)
    rows, values = scales[:, None] * np.ones((1, 2)), np.array([[1.0, 0.0], [0.6, 0.8]])
    entry, norm = softmax_bounds()[0], normalised_bound(values, floor).max()
    lines = {"softmax": np.full(19, entry), "linear": linear_bounds(rows)[0][:, 0, 0], "normalised": np.full(19, norm)}
    functions = (softmax, linear, normalised(values, floor))
    drawn, axes = plt.subplots(figsize=(5.4, 3.4))
    for (name, bound), function, colour in zip(lines.items(), functions, COLOURS, strict=False):
        measured = jacobian(function, rows)
        sizes = np.linalg.norm(measured, axis=2) if name == "normalised" else np.abs(measured).max(axis=2)
        axes.plot(scales, bound, color=colour, label=f"{name}, bound")
        axes.plot(scales, sizes.max(axis=1), "o", color=colour, label=f"{name}, measured")
    axes.set(xlabel="scale of the scores  (dimensionless)", ylabel="largest derivative  (dimensionless)")
    axes.set(xscale="log", yscale="log")
    axes.legend()
    return drawn
