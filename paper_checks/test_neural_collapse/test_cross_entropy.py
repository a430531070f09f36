"""Cross-entropy with balanced classes at depth one, where the simplex frame is optimal."""

from typing import Annotated

import numpy as np

from paper_checks.test_neural_collapse import DEEP, Classes, Ratio, Samples
from paper_checks.test_neural_collapse.problems import (
    apart,
    class_outputs,
    dual_from_outputs,
    gram_error,
    problem_of,
)
from sims.neural_collapse import optimise
from theory.neural_collapse import cross_entropy
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

SHALLOW = [
    (*row, bias)
    for row in ((3, 4, 0.03), (4, 3, 0.03), (6, 2, 0.05), (4, 3, 0.162))
    for bias in (False, True)
]
"""Classes, samples of each, a decay below or above the threshold, and whether there is a bias."""
ShallowDecay = Annotated[
    float, Interval(1e-3, 10.0, why="descents with cross-entropy slow down with the logits")
]


def shallow(trial, n_classes, per_class, decay, bias, ratio):
    """Return the problem at depth one, the theory's optimum, the end of descents and its logits."""
    of = (float(decay / ratio**0.5), float(decay * ratio**0.5))
    trial.require(
        n_classes * per_class <= 1000,
        "n_classes * per_class must be 1000 at most, the columns of the dual",
    )
    strength = per_class**0.5 * decay  # 1 / K at the threshold
    trial.require(
        abs(strength * n_classes - 1) > 0.01,
        "decay must keep 1 % off the threshold, where minima are flat",
    )
    trial.require(
        strength < 0.99 / (n_classes - 1),
        "decay must not exceed what K - 1 classes would survive",
    )
    optimum = cross_entropy.ce_optimum_shallow(n_classes, per_class, *of)
    problem = problem_of((per_class,) * n_classes, of[:1], of[1], bias=bias, loss="ce")
    end = optimise.best_of(problem, trial.key("starts"), 3, widths=(n_classes - 1,))
    return problem, optimum, end, class_outputs(problem, end.head)


@claim(DEEP, kind="optimality", cases=SHALLOW)
def test_ce_M1(
    trial,
    n_classes: Classes,
    per_class: Samples,
    decay: ShallowDecay,
    bias: bool,
    ratio: Ratio = 4.0,
):
    """With cross-entropy, depth one and K classes of n samples, the logits of the global minimum
    are σ* (I - 1 1^T / K) with σ* = log(1 / sqrt(n λ_W λ_H) - (K - 1)), and zero where this is
    negative; λ_W and λ_H are the decays of weights and features.
    """
    problem, optimum, end, logits = shallow(trial, n_classes, per_class, decay, bias, ratio)
    formula = np.log(1 / (per_class**0.5 * decay) - (n_classes - 1))
    frame = np.eye(n_classes) - 1 / n_classes
    if optimum.trivial:
        controls = {"threshold 1/(K - 1)": formula * frame}
    else:
        controls = {"an orthogonal frame": optimum.scale * np.eye(n_classes)}
    # Above the threshold the logits are zero, and the slope of the penalty keeps them there.
    error = 1e-6 if optimum.trivial else gram_error(problem, end)
    trial.value(
        logits - logits.mean(axis=0),
        optimum.scale * frame,
        error=error,
        margin=1e-4,
        scale=1.0,
        controls=controls,
    )


@claim(DEEP, kind="optimality", cases=SHALLOW)
def test_ce_M1__value(
    trial,
    n_classes: Classes,
    per_class: Samples,
    decay: ShallowDecay,
    bias: bool,
    ratio: Ratio = 4.0,
):
    """With cross-entropy, depth one and K classes of n samples, the least objective is that of the
    logits σ* (I - 1 1^T / K) with σ* = log(1 / sqrt(n λ_W λ_H) - (K - 1)), or of zero logits where
    σ* is negative; λ_W and λ_H are the decays of weights and features.
    """
    problem, optimum, end, logits = shallow(trial, n_classes, per_class, decay, bias, ratio)
    trial.gap(
        end.value,
        dual_from_outputs(problem, logits),
        optimum.value,
        margin=1e-8,
        scale=1.0,
        # In the cases sums over 12 samples and 6 classes and singular values of 6 x 12 matrices
        # take below 200 roundings; the margin is 1e5 times as wide.
        ops=200,
        controls=shallow_rivals(
            optimum, n_classes, per_class, (problem.weight_decays[0], problem.feature_decay)
        ),
    )


def shallow_rivals(optimum, n_classes, per_class, decays):
    """The least objective if N stood for n, or above the threshold if the formula of the scale held
    there too, with a negative scale.
    """
    if not optimum.trivial:
        rival = cross_entropy.ce_optimum_shallow(n_classes, per_class * n_classes, *decays)
        return {"N for n": rival.value}
    strength = np.sqrt(per_class * np.prod(decays))
    scale = np.log(1 / strength - (n_classes - 1))
    loss = np.log1p((n_classes - 1) * np.exp(-scale))
    return {"threshold 1/(K - 1)": loss + (n_classes - 1) * strength * abs(scale)}


@claim(
    derived("by the convex program: equal classes share a direction until the loss pays for two"),
    kind="optimality",
    cases=[(0.02, False), (0.02, True), (0.01, False)],
)
def test_ce_merging(
    trial,
    decay: Annotated[float, Interval(0.008, 0.03, why="both sides of the threshold are tried")],
    bias: bool,
    majority: Annotated[int, Interval(60, 200, why="the larger two classes, which stay")] = 100,
):
    """With cross-entropy and unequal classes of N samples in all at depth one, two small classes of
    n_B samples share their vectors if and only if sqrt(n_B) / N <= sqrt(λ_W λ_H), the rule by which
    the square loss maps a class to zero; λ_W and λ_H are the decays.
    """
    sizes = np.arange(1, majority)
    strengths = np.sqrt(sizes) / (2 * majority + 2 * sizes)
    last = int(sizes[strengths <= decay][-1]) if strengths[0] <= decay else 0
    trial.require(
        1 <= last <= majority // 2 and strengths[last:].min() > decay,
        "decay must be one at which classes of some size merge, and all larger ones do not",
    )
    tried = np.unique(
        [max(1, last // 2), max(1, int(0.9 * last)), int(1.3 * last) + 1, 2 * last + 1]
    )
    distances = []
    for size in tried.tolist():
        of = (majority, majority, size, size)
        logits = optimise.nuclear_norm_optimum(of, decay, decay, loss="ce", bias=bias).logits
        distances.append(np.abs(logits[:, 2] - logits[:, 3]).max())
    apart_at = [
        int(not cross_entropy.classes_merge((majority, majority, size, size), decay, decay)[-1])
        for size in tried.tolist()
    ]
    shares = tried / (2 * majority + 2 * tried)
    controls = {
        "n_B / N in place of sqrt(n_B) / N": (shares > decay).astype(int),
        "the threshold 1 / K of balanced classes": (np.sqrt(tried) * decay < 1 / 4).astype(int),
    }
    trial.identity(
        (np.array(distances) > 0.01).astype(int),  # the program is good to 1e-4
        apart_at,
        ops=0,
        controls=apart(trial, apart_at, 0, controls),
    )
