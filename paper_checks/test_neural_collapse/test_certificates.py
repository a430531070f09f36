"""Proofs of optimality: dual bounds and convex programs at depth one, two-sided enclosures at any
depth.
"""

from typing import Annotated

import numpy as np

from paper_checks.test_neural_collapse import SPLIT, Sizes, Strength
from paper_checks.test_neural_collapse.critical import decide_critical, subsets
from paper_checks.test_neural_collapse.minima import lowest, schatten_bound
from paper_checks.test_neural_collapse.problems import (
    apart,
    optimal_head,
    problem_of,
    reduced_head,
    require_classes,
    shared_decays,
    value_and_slope,
)
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval, Natural

CONVEX = derived(
    "at depth one the decays are a nuclear norm of the logits, and the problem in them is convex"
)


def shallow_loss_gradient(head, class_sizes):
    """The gradient of the mean square loss in the logits of all samples, in class coordinates (same
    norms).
    """
    sizes = np.array(class_sizes, float)
    outputs = np.asarray(head.weights[0]) @ np.asarray(head.features)
    return (outputs - np.diag(np.sqrt(sizes))) / sizes.sum()


@claim(CONVEX, kind="optimality")
def test_cert_M1(trial, class_sizes: Sizes = (6, 4, 3, 2), strength: Strength = 0.06):
    """At depth one a critical point is global iff the loss gradient has |.|_op <= sqrt(λ_W λ_H)."""
    require_classes(trial, class_sizes)
    (weight_decay,), feature_decay = shared_decays(class_sizes, 1, strength)
    problem = problem_of(class_sizes, [weight_decay], feature_decay)
    widths = (len(class_sizes) + 1,)
    alive = subsets(trial, problem)
    heads = decide_critical(trial, problem, alive, widths)
    spectra = [observed.hessian_spectrum(problem, head) for head in heads]
    gradients = [shallow_loss_gradient(head, class_sizes) for head in heads]
    passes = [
        int(predicted.is_global_shallow(gradient, weight_decay, feature_decay))
        for gradient in gradients
    ]
    by_product = [
        int(np.linalg.norm(gradient, 2) <= weight_decay * feature_decay) for gradient in gradients
    ]
    rivals = {
        "all critical points": np.ones(len(passes), int),
        "the limit λ_W λ_H": np.array(by_product),
    }
    is_minimum = np.array([int(spectrum[0] > -1e-9 * spectrum[-1]) for spectrum in spectra])
    trial.identity(
        is_minimum, np.array(passes), ops=0, controls=apart(trial, np.array(passes), 0.1, rivals)
    )
    optimum = predicted.mse_optimum(class_sizes, [weight_decay], feature_decay)
    values = np.array([value_and_slope(problem, head)[0] for head in heads])
    levels = predicted.local_minimum_values(class_sizes, [weight_decay], feature_decay)
    trial.identity(
        values[is_minimum == 1], levels, ops=200, scale=1.0, controls={"1 % more": 1.01 * levels}
    )
    samples = np.repeat(-gradients[-1] / np.sqrt(np.array(class_sizes, float)), class_sizes, axis=1)
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    primal = values[-1]  # of all classes: each has a root, and at depth one so each lives
    dual = predicted.dual_bound(samples, labels, weight_decay, feature_decay)
    more = {"1 % more": 1.01 * optimum.value}
    trial.gap(primal, dual, optimum.value, margin=1e-9, scale=1.0, ops=100, controls=more)


def convex_value(found, class_sizes, weight_decay, feature_decay, loss="mse"):
    """The convex objective at the solver's logits, computed again."""
    sizes = np.array(class_sizes, float)
    outputs = found.logits + found.bias[:, None]
    if loss == "mse":
        losses = np.sum((outputs - np.eye(len(sizes))) ** 2, axis=0) / 2
    else:
        losses = np.logaddexp.reduce(outputs, axis=0) - np.diag(outputs)
    nuclear = np.linalg.norm(found.logits * np.sqrt(sizes), "nuc")
    return losses @ sizes / sizes.sum() + np.sqrt(weight_decay * feature_decay) * nuclear


@claim(
    CONVEX,
    kind="optimality",
    cases=[((6, 4, 2, 1), False), ((6, 4, 2, 1), True), ((5, 5, 5), True)],
)
def test_cert_cvx(trial, class_sizes: Sizes, bias: bool, strength: Strength = 0.04):
    """At depth one f* is the convex program min loss(X D^(-1/2)) + sqrt(λ_W λ_H) |X|_*, X being K x
    K.
    """
    require_classes(trial, class_sizes)
    (weight_decay,), feature_decay = shared_decays(class_sizes, 1, strength)
    trial.require(
        sum(class_sizes) <= 1000,
        "class_sizes must add up to 1000 at most: the dual has a column for each",
    )
    program = observed.nuclear_norm_optimum(class_sizes, weight_decay, feature_decay, bias=bias)
    sizes = np.array(class_sizes, float)
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    residual = np.repeat(program.dual * sizes.sum() / np.sqrt(sizes), class_sizes, axis=1)
    feasible = predicted.rescaled_dual(residual, weight_decay, feature_decay, bias=bias)
    value = predicted.mse_optimum(class_sizes, [weight_decay], feature_decay, bias=bias).value
    product = weight_decay * feature_decay
    ones = (1,) * len(class_sizes)
    rivals = {
        "no root": predicted.mse_optimum(class_sizes, [product], product, bias=bias).value,
        "without D": predicted.mse_optimum(ones, [weight_decay], feature_decay, bias=bias).value,
    }
    primal = convex_value(program, class_sizes, weight_decay, feature_decay)
    dual = predicted.dual_bound(feasible, labels, weight_decay, feature_decay, bias=bias)
    trial.gap(
        primal,
        dual,
        value,
        margin=1e-7,
        scale=1.0,
        ops=100,
        controls=apart(trial, value, 1e-7, rivals),
    )


@claim(SPLIT, kind="bound")
def test_cert_deep_mse(
    trial,
    n_instances: Annotated[
        int, Interval(10, 100, why="some must end at the optimum, and each takes descents")
    ] = 20,
    per_instance: Annotated[int, Interval(1, 20, why="each is drawn")] = 4,
):
    """Parameters of any depth and widths, with a bias or without, have f of at least f*. Here f is
    computed by the theory's formula.
    """
    rng = trial.generator("instances")
    value = []
    least = []
    formula: dict[float, list[float]] = {1.0: [], 1.01: []}
    for index in range(n_instances):
        sizes, weight_decays, feature_decay, depth = _instance(rng)
        bias = bool(index % 2)
        widths = tuple(int(w) for w in rng.integers(1, 7, depth))
        problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
        ends = observed.optima(problem, trial.key(f"{index}"), per_instance, widths=widths)
        value += [end.value for end in ends]
        for _ in range(per_instance):
            head = ends[0].head
            scale = rng.uniform(0.001, 1)
            factors = [
                np.asarray(f) + scale * rng.standard_normal(f.shape)
                for f in (*head.weights, head.features)
            ]
            probe = reduced_head(
                factors[:-1], factors[-1] / np.sqrt(np.array(sizes, float)), head.bias, sizes
            )
            value.append(value_and_slope(problem, probe)[0])
            labels = np.repeat(np.arange(len(sizes)), sizes)
            means = factors[-1] / np.sqrt(np.array(sizes, float))
            offset = np.asarray(head.bias) if bias else None
            for times, objectives in formula.items():
                decays = times * np.array(weight_decays), times * feature_decay
                objectives.append(
                    predicted.mse_objective(factors[:-1], means[:, labels], labels, *decays, offset)
                )
        optimum = predicted.mse_optimum(
            sizes, weight_decays, feature_decay, widths=widths, bias=bias
        )
        least += [optimum.value] * (2 * per_instance)
    trial.bound(
        np.array(least),
        np.array(value),
        instances="draws",
        independent=n_instances,  # the heads of one instance share its data and start from one end
        ops=200,
        control_processes={"1.01 f*": 1.01 * np.array(least)},
    )
    probe = np.reshape(value, (n_instances, 2, per_instance))[:, 1].ravel()
    trial.identity(
        probe, formula[1.0], ops=200, scale=probe, controls={"decays 1 % larger": formula[1.01]}
    )


def _instance(rng, depths=(1, 2, 3)):
    """Class sizes, decays and depth, some class alive, each at least 3 % away from the threshold of
    its depth.
    """
    while True:
        depth = int(rng.choice(depths))
        sizes = tuple(int(n) for n in rng.integers(1, 9, rng.integers(2, 6)))
        *weight_decays, feature_decay = (10.0 ** rng.uniform(-3, -0.7, depth + 1)).tolist()
        optima = [
            predicted.mse_optimum(sizes, weight_decays, feature_decay, bias=bias)
            for bias in (False, True)
        ]
        betas = np.concatenate([optimum.betas for optimum in optima])
        away = np.all(np.abs(betas / predicted.global_threshold(depth) - 1) > 0.03)
        if away and all(np.any(optimum.alive) for optimum in optima):
            return sizes, tuple(weight_decays), feature_decay, depth


@claim(CONVEX, kind="optimality", cases=range(10))
def test_two_sided__shallow(trial, instance: Natural):
    """Depth one: a descent from above and the dual bound from below meet at f* on random
    instances.
    """
    # The instance is the same for every seed; the descent differs.
    sizes, weight_decays, feature_decay, _ = _instance(
        np.random.default_rng([1, instance]), depths=(1,)
    )
    bias = bool(instance % 2)
    counts = np.array(sizes, float)
    problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
    end = observed.best_of(problem, trial.key("start"), 1, widths=(len(sizes) + 1,))
    outputs = np.asarray(end.head.weights[0]) @ np.asarray(end.head.features)
    residual = (
        np.diag(np.sqrt(counts))
        - outputs
        - np.outer(np.asarray(end.head.bias) * bias, np.sqrt(counts))
    )
    dual = observed.dual_value(
        residual / counts.sum(), sizes, weight_decays[0], feature_decay, bias=bias
    )
    value = predicted.mse_optimum(sizes, weight_decays, feature_decay, bias=bias).value
    heavier = predicted.mse_optimum(
        sizes, [1.01 * weight_decays[0]], feature_decay, bias=bias
    ).value
    options = {"scale": 1.0, "ops": 100, "controls": {"decays 1 % larger": heavier}}
    trial.gap(end.value, dual, value, margin=1e-9, **options)
    program = observed.nuclear_norm_optimum(sizes, weight_decays[0], feature_decay, bias=bias)
    trial.gap(
        convex_value(program, sizes, weight_decays[0], feature_decay),
        dual,
        value,
        margin=1e-7,
        **options,
    )


@claim(SPLIT, kind="optimality", cases=range(10))
def test_two_sided__deep(trial, instance: Natural):
    """Depth two and three: descents from above and the brute-force Schatten reduction from below
    meet at f*.
    """
    # The instance is the same for every seed; the descents differ.
    sizes, weight_decays, feature_decay, depth = _instance(
        np.random.default_rng([2, instance]), depths=(2, 3)
    )
    bias = instance % 4 == 1
    narrow = instance % 4 == 3
    widths = (*[8] * (depth - 1), 2 if narrow else 8)
    problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
    optimum = predicted.mse_optimum(sizes, weight_decays, feature_decay, widths=widths, bias=bias)
    more = [1.01 * decay for decay in weight_decays]
    heavier = predicted.mse_optimum(sizes, more, feature_decay, widths=widths, bias=bias).value
    options = {"margin": 1e-8, "scale": 1.0, "ops": 100, "controls": {"decays 1 % larger": heavier}}
    dual = schatten_bound(problem, widths)
    trial.gap(value_and_slope(problem, optimal_head(optimum))[0], dual, optimum.value, **options)
    trial.gap(lowest(problem, trial.key("starts"), 2, widths).value, dual, optimum.value, **options)
