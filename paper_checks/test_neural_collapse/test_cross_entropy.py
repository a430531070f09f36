"""Cross-entropy with balanced classes at depth one, where the simplex frame is optimal."""

from typing import Annotated

import numpy as np

from paper_checks.test_neural_collapse import Classes, Ratio, Samples
from paper_checks.test_neural_collapse.problems import (
    apart,
    class_outputs,
    dual_from_outputs,
    gram_error,
    problem_of,
)
from sims.neural_collapse import optimise
from theory.neural_collapse import cross_entropy
from theory_on_trial import claim, known, tried
from theory_on_trial.contract import Interval

SIMPLEX = tried(
    "abstract, sentence 5: collapse emerges in the global minimisers of the model with free "
    "features",
    "the scale of the logits under cross entropy, and the least objective",
)
SHALLOW = [
    (*row, bias)
    for row in ((3, 4, 0.03), (4, 3, 0.03), (6, 2, 0.05), (4, 3, 0.162))
    for bias in (False, True)
]
"""Classes, samples of each, a decay below or above the threshold, and whether there is a bias."""
ShallowDecay = Annotated[
    float, Interval(1e-3, 10.0, why="with less, logits are so long that descents slow down")
]
"""sqrt(λ_W λ_H)."""
DecayRatio = Ratio
"""λ_H / λ_W."""


def shallow(trial, n_classes, per_class, decay, bias, ratio):
    """Return, at depth one, the tuple (problem, predicted optimum, lowest end of descents, its
    outputs of each class).
    """
    weight_decay = float(decay / ratio**0.5)
    feature_decay = float(decay * ratio**0.5)
    trial.require(
        n_classes * per_class <= 1000,
        "n_classes * per_class must be 1000 at most, the columns of the dual",
    )
    strength = per_class**0.5 * decay  # sqrt(n λ_W λ_H), 1 / K at the threshold
    trial.require(
        abs(strength * n_classes - 1) > 0.01,
        "decay must keep 1 % off the threshold, where minima are flat",
    )
    trial.require(
        strength < 0.99 / (n_classes - 1),
        "decay must not exceed what K - 1 classes would survive",
    )
    optimum = cross_entropy.ce_optimum_shallow(n_classes, per_class, weight_decay, feature_decay)
    sizes = (per_class,) * n_classes
    problem = problem_of(sizes, [weight_decay], feature_decay, bias=bias, loss="ce")
    end = optimise.best_of(problem, trial.key("starts"), 3, widths=(n_classes - 1,))
    return problem, optimum, end, class_outputs(problem, end.head)


@claim(SIMPLEX, kind="optimality", cases=SHALLOW)
def test_ce_M1(
    trial,
    n_classes: Classes,
    per_class: Samples,
    decay: ShallowDecay,
    bias: bool,
    ratio: DecayRatio = 4.0,
):
    """With cross-entropy, depth one, a width of at least $K - 1$ and $K$ classes of $n$ samples,
    the logits of the global minimum are $σ* (I - 1 1^T / K)$ with
    $σ* = log(1 / sqrt(n λ_W λ_H) - (K - 1))$, and zero where $sqrt(n λ_W λ_H) >= 1 / K$; $λ_W$ and
    $λ_H$ are the decays of weights and features.
    """
    problem, optimum, end, outputs = shallow(trial, n_classes, per_class, decay, bias, ratio)
    formula = np.log(1 / (per_class**0.5 * decay) - (n_classes - 1))
    simplex = np.eye(n_classes) - 1 / n_classes
    if optimum.trivial:
        controls = {"a negative $σ*$": formula * simplex}
        error = 1e-6  # the slope of the penalty keeps the logits at zero
    else:
        controls = {"an orthogonal frame": optimum.scale * np.eye(n_classes)}
        error = gram_error(problem, end)
    trial.value(
        outputs - outputs.mean(axis=0),  # the softmax does not see a constant
        optimum.scale * simplex,
        error=error,
        margin=1e-4,
        scale=1.0,
        controls=controls,
        instances="search",
    )


@claim(SIMPLEX, kind="optimality", cases=SHALLOW)
def test_ce_M1__value(
    trial,
    n_classes: Classes,
    per_class: Samples,
    decay: ShallowDecay,
    bias: bool,
    ratio: DecayRatio = 4.0,
):
    """With cross-entropy, depth one, a width of at least $K - 1$ and $K$ classes of $n$ samples,
    the least objective is that of the logits $σ* (I - 1 1^T / K)$ with
    $σ* = log(1 / sqrt(n λ_W λ_H) - (K - 1))$, or of zero logits where $sqrt(n λ_W λ_H) >= 1 / K$;
    $λ_W$ and $λ_H$ are the decays of weights and features.
    """
    problem, optimum, end, outputs = shallow(trial, n_classes, per_class, decay, bias, ratio)
    trial.gap(
        end.value,
        dual_from_outputs(problem, outputs),
        optimum.value,
        margin=1e-8,
        scale=1.0,
        # In the cases sums over 12 samples and 6 classes and singular values of 6 x 12 matrices
        # take below 200 roundings; the margin is 1e5 times as wide.
        ops=200,
        controls=shallow_rivals(problem, optimum, per_class),
        generic="only starts of descents are drawn, and the dual bound certifies their ends",
    )


def shallow_rivals(problem, optimum, per_class):
    """Below the threshold the least objective if N stood for n; above it the objective of the
    negative scale that the formula would give there.
    """
    n_classes = problem.n_classes
    decays = problem.weight_decays[0], problem.feature_decay
    if not optimum.trivial:
        rival = cross_entropy.ce_optimum_shallow(n_classes, problem.n_samples, *decays)
        return {"$N$ for $n$": rival.value}
    strength = np.sqrt(per_class * np.prod(decays))
    scale = np.log(1 / strength - (n_classes - 1))
    loss = np.log1p((n_classes - 1) * np.exp(-scale))
    return {"a negative $σ*$": loss + (n_classes - 1) * strength * abs(scale)}


@claim(
    known(
        "Hong & Ling 2023, Neural collapse for unconstrained feature model under cross-entropy "
        "loss with imbalanced data, abstract: the sharp threshold of minority collapse",
        within="two sizes of classes; its formula was not seen and is derived here",
    ),
    kind="optimality",
    cases=[(0.02, False), (0.02, True), (0.01, False)],
)
def test_ce_merging(
    trial,
    decay: Annotated[
        float, Interval(0.008, 0.03, why="sizes on both sides of the threshold are tried")
    ],
    bias: bool,
    majority: Annotated[
        int, Interval(60, 200, why="the sizes that are tried must lie below it")
    ] = 100,
):
    """With cross-entropy and two large and two small classes of $N$ samples in all at depth one,
    the small classes, of $n_B$ samples each and no larger than the large ones, have equal logits if
    and only if $sqrt(n_B) / N <= sqrt(λ_W λ_H)$, the rule by which the square loss maps a class to
    zero; $λ_W$ and $λ_H$ are the decays of weights and features.
    """
    sizes = np.arange(1, majority)
    strengths = np.sqrt(sizes) / (2 * majority + 2 * sizes)  # sqrt(n_B) / N
    last = int(sizes[strengths <= decay][-1]) if strengths[0] <= decay else 0
    trial.require(
        1 <= last <= majority // 2 and strengths[last:].min() > decay,
        "decay must be one at which classes of some size merge, and all larger ones do not",
    )
    tried = np.unique(
        [max(1, last // 2), max(1, int(0.9 * last)), int(1.3 * last) + 1, 2 * last + 1]
    )
    distances = []
    predicted = []  # 1 where the small classes differ
    for size in tried.tolist():
        class_sizes = (majority, majority, size, size)
        end = optimise.nuclear_norm_optimum(class_sizes, decay, decay, loss="ce", bias=bias)
        distances.append(np.abs(end.logits[:, 2] - end.logits[:, 3]).max())
        merge = cross_entropy.classes_merge(class_sizes, decay, decay)
        predicted.append(int(not merge[-1]))
    shares = tried / (2 * majority + 2 * tried)  # n_B / N
    controls = {
        "$n_B / N$ in place of $sqrt(n_B) / N$": (shares > decay).astype(int),
        "the threshold $1 / K$ of balanced classes": (np.sqrt(tried) * decay < 1 / 4).astype(int),
    }
    trial.identity(
        (np.array(distances) > 0.01).astype(int),  # the program is good to 1e-4
        predicted,
        ops=0,
        controls=apart(trial, predicted, 0, controls),
    )
