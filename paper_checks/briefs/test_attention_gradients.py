"""Qin, Han, Sun, Li, Kong, Barnes & Zhong 2022, "The Devil in Linear Transformer", EMNLP, arXiv
2210.10340.

For whoever debugs exploding gradients in linear attention and asks whether the denominator or the
scale is to blame: softmax's derivatives are at most 1/4, linear attention's at most $1/(4 s_k)$,
normalised ones are bounded by $ε$ alone.

Paper: linear transformers train badly because gradients through the division by the sum of scores
are unbounded. The paper drops the division and normalises the output. This page gives the exact
bound of each kind of attention, for positive scores and for scores of both signs.

Take away: at scores of .001 a derivative of linear attention reaches 250, while softmax's reach
1/4; with $ε = 10⁻⁴$ the normalised ones reach $100 |v_k|$. The bound of linear attention needs
positive scores: with both signs its derivatives grow as $1/(∑ s)²$ although every $|s_k|$ stays 1.

$s$ are the $n$ scores of one row. Softmax has $p = e^s/∑ e^s$, linear attention $p = s/∑ s$. The
paper drops the denominator and normalises the output: $o = sᵀV/√(|sᵀV|²/d + ε)$ with rows $v_k$ of
$V$ $(n, d)$.

Edges: with a single score $p$ is constant. At $s_k = 0$ the bound $1/(4 s_k)$ is infinite. Where
$∑ s = 0$ linear attention is not defined.

Abstract:

- Statement 1: the division by the sum of scores gives linear attention unbounded gradients. Holds:
  linear_unbounded, linear_unbounded-by_output, signed_scores.
- Statement 2: attention is diluted over long sequences and neglects near tokens. Not on trial. Only
  gradients are tried.
- Statement 3: linear attention does not need this division. Not on trial. What a model loses
  without it needs training.
- Statement 4: a normalisation of the output in its place stabilises gradients. In part: normalised,
  normalised-jacobian. They are bounded, by $ε$ alone; training is not tried.
- Statement 5: trained models are better and faster. Not on trial. It needs large models.

Read: the abstract ("unbounded gradients in the attention computation", "replaces the scaling
operation with a normalization to stabilize gradients"). Recalled: the constants 1/4. Derived here:
the rest. Not claimed: training. Topic: sequence models and attention.
"""

from fractions import Fraction
from functools import partial
from typing import Annotated

import numpy as np
from scipy import special

from paper_checks.briefs.common import gradient
from theory_on_trial import balls, claim, derived, observed, predicted, recalled
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Scores = Annotated[
    int, Interval(3, 64, why="with two, even weights are the worst; beyond, Jacobians take long")
]
Width = Annotated[
    int,
    Interval(2, 64, why="one dimension has a sign and no direction; beyond, Jacobians take long"),
]
Floor = Annotated[
    float,
    Interval(1e-8, 100, why="ε: below, digits are lost in 1/√ε; above, nothing is normalised"),
]


@observed
def jacobian(function, scores):
    """∂f_j/∂s_k of each row of scores (rows, n) by complex steps: (rows, n, outputs)."""
    return np.array([gradient(function, row) for row in scores])


def linear(scores):
    """The weights s/Σ s."""
    return scores / scores.sum(axis=-1, keepdims=True)


def softmax(scores):
    """The weights e^s/Σ e^s."""
    return special.softmax(scores, axis=-1)


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
def floor_bound(values, floor):
    """The bound |v_k|/√ε on |∂o/∂s_k|."""
    return np.linalg.norm(values, axis=-1) / np.sqrt(floor)


@predicted
def normalised_jacobian(scores, values, floor, projected=True):
    """(v_k - o (o · v_k)/d)/√(|sᵀV|²/d + ε) for each row of scores."""
    mean = scores @ values
    size = np.sqrt((mean * mean).mean(axis=1) + floor)[:, None, None]
    along = (values @ mean[:, :, None]) * mean[:, None] / size**2 / values.shape[1]
    return (values - projected * along) / size


@predicted
def even_weights(n):
    """Largest entry (1 - 1/n)/n and norm 1/n of softmax's Jacobian at even weights."""
    return (1 - 1 / n) / n, 1 / n


@predicted
def signed_jacobian(total):
    """The largest |∂p_j/∂s_k| at scores 1, Σ s - 1, 0, …: (1 + |Σ s|)/(Σ s)² for Σ s < 0."""
    return (1 + np.abs(total)) / total**2


def drawn_rows(n):
    """How many rows of n scores are drawn: most of few scores, 690 in three cases together."""
    return 340 if n <= 8 else 10


def wide_scores(generator, n):
    """Drawn scores (rows + 1, n) of many sizes, after a row with two weights of 1/2."""
    rows = drawn_rows(n) + 1
    scores = generator.normal(size=(rows, n)) * 10 ** generator.uniform(-2, 2, (rows, 1))
    scores[0] = np.where(np.arange(n) < 2, 1.0, -800.0)
    return scores


@claim(
    recalled("the bound 1/4 on the derivatives of softmax attention"),
    kind="bound",
    cases=[3, 8, 64],
)
def test_softmax_quarter(trial, n: Scores):
    """The weights $p = e^s/∑ e^s$ of softmax have $|∂p_j/∂s_k| <= 1/4$ for all scores $s$; this is
    reached where two weights are 1/2.
    """
    scores = wide_scores(trial.generator(), n)
    entry, *_ = bounds(scores)
    trial.bound(
        np.abs(jacobian(softmax, scores)),
        entry,
        instances="draws",
        independent=drawn_rows(n),
        ops=n + 8,
        controls={"as at even weights": even_weights(n)[0]},
    )


@claim(derived("the Jacobian is $diag(p) - p pᵀ$"), kind="bound", cases=[3, 8, 64])
def test_softmax_quarter__norm(trial, n: Scores):
    """The Jacobian $∂p/∂s$ of softmax, $p = e^s/∑ e^s$, has a spectral norm of at most 1/2; this is
    reached where two weights are 1/2.
    """
    scores = wide_scores(trial.generator(), n)
    entry, norm, *_ = bounds(scores)
    trial.bound(
        np.linalg.norm(jacobian(softmax, scores), 2, axis=(1, 2)),
        norm,
        instances="draws",
        independent=drawn_rows(n),
        ops=16 * n,
        controls={"as each entry, 1/4": entry, "as at even weights": even_weights(n)[1]},
    )


def small_scores(generator, n):
    """Positive drawn scores (rows + 2, n) of many sizes, after a row in which a weight is 1/2 and
    one whose first score is far above all others.
    """
    scores = 10 ** generator.uniform(-4, 1, (drawn_rows(n) + 2, n))
    others = np.arange(n) > 0
    scores[0] = np.where(others, 1 / (n - 1), 1.0)
    scores[1] = np.where(others, 1e-3 / n, 1.0)
    return scores


@claim(
    recalled("the bound $1/(4 s)$ on the derivatives of linear attention"),
    kind="bound",
    cases=[3, 8, 64],
)
def test_linear_unbounded(trial, n: Scores):
    """For positive scores $s$ the weights $p = s/∑ s$ of linear attention have
    $|∂p_j/∂s_k| <= 1/(4 s_k)$; this is reached at $p_k = 1/2$.
    """
    scores = small_scores(trial.generator(), n)
    measured = np.abs(jacobian(linear, scores))
    by_input = np.broadcast_to(bounds(scores)[2], measured.shape)
    trial.bound(
        measured,
        by_input,
        instances="draws",
        independent=drawn_rows(n),
        ops=n + 8,
        controls={"1/4, as softmax": np.minimum(by_input, 0.25)},
    )


@claim(
    derived("$p_j/∑ s$ is below $1/s_j$, and near it where $p_j$ is near 1"),
    kind="bound",
    cases=[3, 8, 64],
)
def test_linear_unbounded__by_output(trial, n: Scores):
    """For positive scores $s$ and $j ≠ k$ the weights $p = s/∑ s$ of linear attention have
    $|∂p_j/∂s_k| <= 1/s_j$, and no smaller multiple of $1/s_j$ bounds it: the ratio tends to 1 as
    $p_j$ does.
    """
    scores = small_scores(trial.generator(), n)
    measured = np.abs(jacobian(linear, scores))
    by_output = np.broadcast_to(bounds(scores)[3], measured.shape)
    apart = ~np.eye(n, dtype=bool)
    trial.bound(
        measured[:, apart],
        by_output[:, apart],
        instances="draws",
        independent=drawn_rows(n),
        ops=n + 8,
        controls={"$1/(4 s_j)$, as by $s_k$": by_output[:, apart] / 4},
    )


def floored_scores(generator, n, floor):
    """Drawn scores (345, n) of both signs and many sizes in units of √ε, the first row 0."""
    scores = generator.normal(size=(345, n)) * 10 ** generator.uniform(-4, 1, (345, 1))
    scores[0] = 0.0
    return scores * np.sqrt(floor)


@claim(
    derived("the column is $v_k$ less its part along $o$"),
    kind="bound",
    cases=[(6, 4, 0.01), (3, 2, 1.0)],
)
def test_normalised(trial, n: Scores, width: Width, floor: Floor):
    """The normalised output $o = sᵀV/√(|sᵀV|²/d + ε)$ of scores $s$ and values $v_k$, the rows of
    $V$ with $d$ columns, has $|∂o/∂s_k| <= |v_k|/√ε$; this is reached where $sᵀV = 0$.
    """
    generator = trial.generator()
    values = generator.normal(size=(345, n, width))
    scores = floored_scores(generator, n, floor)
    measured = np.array(
        [
            jacobian(partial(normalised, values=rows, floor=floor), each[None])[0]
            for rows, each in zip(values, scores, strict=True)
        ]
    )
    bound = floor_bound(values, floor)
    trial.bound(
        np.linalg.norm(measured, axis=2),
        bound,
        instances="draws",
        independent=344,
        ops=n + width + 8,
        controls={
            "as if the output had unit size": bound * np.sqrt(floor / (1 + floor)),
            "$ε$ is added to each square, $d ε$ in all": bound / np.sqrt(width),
        },
    )


@claim(
    derived("the column is $v_k$ less its part along $o$"),
    kind="identity",
    cases=[(6, 4, 0.01), (3, 2, 1.0)],
)
def test_normalised__jacobian(trial, n: Scores, width: Width, floor: Floor):
    """The normalised output $o = sᵀV/√(|sᵀV|²/d + ε)$ of scores $s$ and values $v_k$, the rows of
    $V$ with $d$ columns, has $∂o/∂s_k = (v_k - o (o · v_k)/d)/√(|sᵀV|²/d + ε)$.
    """
    generator = trial.generator()
    values = generator.normal(size=(n, width))
    scores = floored_scores(generator, n, floor)
    trial.identity(
        jacobian(partial(normalised, values=values, floor=floor), scores),
        normalised_jacobian(scores, values, floor),
        ops=8 * (n + width + 8),
        generic="both sides are analytic in values and scores",
        controls={
            "$o$ not projected out": normalised_jacobian(scores, values, floor, projected=False)
        },
    )


@claim(
    derived("$(δ_{j k} - p_j)/∑ s$ with $p_j$ of order $1/∑ s$"),
    kind="rate",
    cases=[3, 64],
)
def test_signed_scores(trial, n: Scores):
    """For scores $s = (1, -1 - t, 0, …)$ with $t > 0$ the weights $s/∑ s$ of linear attention have
    $(1 + t)/t²$ as their largest $|∂p_j/∂s_k|$: of order $1/(∑ s)²$, although no $|s_k|$ that is
    not 0 is below 1.
    """
    gaps = 2.0 ** -np.arange(6, 14)
    scores = np.zeros((len(gaps), n))
    scores[:, 0] = 1
    scores[:, 1] = -1 - gaps
    largest = np.abs(jacobian(linear, scores)).max(axis=(1, 2))
    law = signed_jacobian(-gaps)
    trial.identity(
        largest,
        law,
        ops=8 * n,
        controls={
            "$1/(4 |s_k|)$, as of positive scores": np.full(len(gaps), 0.25),
            "$1/|∑_i s_i|$": 1 / gaps,
        },
    )


@claim(recalled("the bound 1/4 on the derivatives of softmax attention"), kind="bound")
def test_softmax_quarter__everywhere(trial):
    """The weights $p$ of softmax have $∂p_j/∂s_j = p_j (1 - p_j) <= 1/4$ for all values in [-30,
    30] of the score $s_j$ minus the logarithm of the sum of the other $e^s$.
    """
    trial.prove(
        lambda difference: balls.exp(difference) / (1 + balls.exp(difference)) ** 2,
        lambda difference: Fraction(1, 4),
        {"difference": (-30, 30)},
        controls={"as at three even weights": lambda difference: Fraction(2, 9)},
        same_as=(
            lambda d: np.prod(softmax(np.array([d, 0.0]))),
            lambda d: bounds(np.ones((1, 2)))[0],
        ),
    )


@claim(recalled("the bound $1/(4 s)$ on the derivatives of linear attention"), kind="bound")
def test_linear_unbounded__everywhere(trial):
    """The weights $p = s/∑ s$ of linear attention have $s_k |∂p_k/∂s_k| = r/(1 + r)² <= 1/4$ for
    all $r = sum_{j≠k} s_j/s_k$ in [.001, 1000], to $1e-12$.
    """
    trial.prove(
        lambda ratio: ratio / (1 + ratio) ** 2,
        lambda ratio: Fraction(1, 4),
        {"ratio": (0.001, 1000)},
        tolerance=1e-12,
        controls={"as at three even weights": lambda ratio: Fraction(2, 9)},
        same_as=(
            lambda ratio: np.prod(linear(np.array([1.0, ratio]))),
            lambda ratio: bounds(np.ones((1, 2)))[2][0, 0, 0],
        ),
    )


@figure("F1", claims=("softmax_quarter", "linear_unbounded", "normalised"))
def derivatives_by_scale(floor=1e-4):
    """Small scores explode the gradients of linear attention, and $ε$ caps those of the normalised
    one.

    Two equal scores of size $s$, rows of $V$ of length 1, $ε = 0.0001$. Marks: points: largest
    derivative by complex steps; lines: 1/4 and $1/(4 s)$.
    """
    scales = np.geomspace(1e-5, 10, 19)
    values = np.array([[1.0, 0.0], [0.6, 0.8]])
    rows = scales[:, None] * np.ones((1, 2))
    normal = partial(normalised, values=values, floor=floor)
    quarter, _, by_input, _ = bounds(rows)
    lines = {"softmax": quarter, "linear": by_input.max(axis=(1, 2))}
    functions = {"softmax": softmax, "linear": linear, "normalised": normal}
    return chart(
        {name: (scales, line) for name, line in lines.items()},
        {
            name: (scales, np.abs(jacobian(f, rows)).max(axis=(1, 2)))
            for name, f in functions.items()
        },
        x="scale of the scores  (dimensionless)",
        y="largest derivative  (dimensionless)",
        levels={"bound 1/√ε on the normalised one": floor**-0.5},
        log="xy",
    )
