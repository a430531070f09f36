"""Proofs of optimality: dual bounds and convex programs at depth one, two-sided enclosures at any depth."""

import numpy as np

from paper_checks.test_neural_collapse import (
    DERIVED,
    data_values,
    lowest,
    problem_of,
    reduced_head,
    searched_minimum,
    value_and_slope,
)
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours


def subset_head(class_sizes, alive, weight_decays, feature_decay, widths):
    """The critical point with largest roots on the `alive` classes and zero on the others."""
    sizes, depth = np.array(class_sizes, float), len(weight_decays)
    n_samples = sizes.sum()
    lambda_product = np.prod(weight_decays) * feature_decay
    betas = depth * n_samples * (n_samples * lambda_product) ** (1 / depth) / sizes
    shares = np.array([float(predicted.shrinkage(predicted.largest_root(b, depth), depth)) for b in betas])
    logits = np.diag(np.sqrt(sizes) * np.where(alive, shares, 0))
    weights, features = predicted.balanced_factorisation(logits, weight_decays, feature_decay, widths)
    return reduced_head(weights, features / np.sqrt(sizes), None, class_sizes)


def shallow_loss_gradient(head, class_sizes):
    """The gradient of the mean square loss in the logits of all samples, in class coordinates (same norms)."""
    sizes = np.array(class_sizes, float)
    outputs = np.asarray(head.weights[0]) @ np.asarray(head.features)
    return (outputs - np.diag(np.sqrt(sizes))) / sizes.sum()


@claim(ours(DERIVED), kind="optimality")
def test_cert_M1(trial, class_sizes=(6, 4, 3, 2), weight_decay=0.03, feature_decay=0.05, width=5):
    """At depth one a critical point is global iff the loss gradient has |.|_op <= sqrt(lambda_W lambda_H)."""
    problem = problem_of(class_sizes, (weight_decay,), feature_decay)
    is_minimum, passes, norms, slopes, gaps = [], [], [], [], []
    optimum = predicted.mse_optimum(class_sizes, [weight_decay], feature_decay)
    for subset in range(2 ** len(class_sizes)):
        alive = np.array([subset >> k & 1 for k in range(len(class_sizes))], bool)
        head = subset_head(class_sizes, alive, [weight_decay], feature_decay, [width])
        value, slope = value_and_slope(problem, head)
        slopes.append(slope)
        is_minimum.append(int(observed.hessian_spectrum(problem, head)[0] > -1e-9))
        gradient = shallow_loss_gradient(head, class_sizes)
        norms.append(np.linalg.norm(gradient, 2))
        passes.append(int(predicted.is_global_shallow(gradient, weight_decay, feature_decay)))
        gaps.append(value - observed.dual_value(-gradient, class_sizes, weight_decay, feature_decay))
    trial.identity(
        np.array(is_minimum),
        np.array(passes),
        ops=0,
        controls={
            "all critical points": np.ones(len(passes), int),
            "the limit lambda_W lambda_H": (np.array(norms) <= weight_decay * feature_decay).astype(int),
            "three times the limit": (np.array(norms) <= 3 * np.sqrt(weight_decay * feature_decay)).astype(int),
        },
    )
    trial.identity(
        (np.array(gaps) < 1e-9).astype(int),
        np.array(passes),
        ops=0,
        controls={"all critical points": np.ones(len(passes), int)},
    )
    trial.value(
        slopes,
        np.zeros(len(slopes)),
        error=1e-14,  # a few hundred roundings of numbers below one
        margin=1e-12,
        wrong_processes={"not critical": np.ones(len(slopes))},
    )
    best = subset_head(class_sizes, optimum.alive, [weight_decay], feature_decay, [width])
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    gradient = -shallow_loss_gradient(best, class_sizes)
    samples = np.repeat(gradient / np.sqrt(np.array(class_sizes, float)), class_sizes, axis=1)
    trial.gap(
        value_and_slope(problem, best)[0],
        predicted.dual_bound(samples, labels, weight_decay, feature_decay),
        optimum.value,
        margin=1e-9,
        scale=1.0,
        ops=100,
        controls={"1 % more": 1.01 * optimum.value},
    )


def convex_value(found, class_sizes, weight_decay, feature_decay, loss="mse"):
    """The convex objective at the solver's logits, computed anew."""
    sizes = np.array(class_sizes, float)
    outputs = found.logits + found.bias[:, None]
    if loss == "mse":
        losses = np.sum((outputs - np.eye(len(sizes))) ** 2, axis=0) / 2
    else:
        losses = np.logaddexp.reduce(outputs, axis=0) - np.diag(outputs)
    nuclear = np.linalg.norm(found.logits * np.sqrt(sizes), "nuc")
    return losses @ sizes / sizes.sum() + np.sqrt(weight_decay * feature_decay) * nuclear


@claim(ours(DERIVED), kind="optimality")
def test_cert_cvx(trial, weight_decay=0.03, feature_decay=0.05):
    """At depth one f* is the convex program min loss(X D^(-1/2)) + sqrt(lambda_W lambda_H) |X|_*, X being K x K."""
    settings = (((6, 4, 2, 1), False), ((6, 4, 2, 1), True), ((5, 5, 5), True))
    primal, dual, value, rootless, unweighted = [], [], [], [], []
    for class_sizes, bias in settings:
        found = observed.nuclear_norm_optimum(class_sizes, weight_decay, feature_decay, bias=bias)
        primal.append(convex_value(found, class_sizes, weight_decay, feature_decay))
        sizes, labels = np.array(class_sizes, float), np.repeat(np.arange(len(class_sizes)), class_sizes)
        residual = np.repeat(found.dual * sizes.sum() / np.sqrt(sizes), class_sizes, axis=1)
        feasible = predicted.rescaled_dual(residual, weight_decay, feature_decay, bias=bias)
        dual.append(predicted.dual_bound(feasible, labels, weight_decay, feature_decay, bias=bias))
        value.append(predicted.mse_optimum(class_sizes, [weight_decay], feature_decay, bias=bias).value)
        squared = weight_decay * feature_decay
        rootless.append(predicted.mse_optimum(class_sizes, [squared], squared, bias=bias).value)
        ones = (1,) * len(class_sizes)
        unweighted.append(predicted.mse_optimum(ones, [weight_decay], feature_decay, bias=bias).value)
    trial.gap(
        np.array(primal),
        np.array(dual),
        np.array(value),
        margin=1e-7,
        scale=1.0,
        ops=100,
        controls={"no root": np.array(rootless), "without D": np.array(unweighted)},
    )


@claim(ours(DERIVED), kind="bound")
def test_cert_deep_mse(trial, n_instances=20, per_instance=4):
    """No parameters at all, of any depth and widths, with a bias or without, have f below f*."""
    rng = trial.generator("instances")
    value, least = [], []
    for index in range(n_instances):
        sizes, weight_decays, feature_decay, depth = _instance(rng)
        bias = bool(index % 2)
        widths = tuple(int(w) for w in rng.integers(1, 7, depth))
        problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
        optimum = predicted.mse_optimum(sizes, weight_decays, feature_decay, widths=widths, bias=bias)
        ends = observed.optima(problem, trial.key(f"{index}"), per_instance, widths=widths)
        value += [end.value for end in ends]
        for _ in range(per_instance):
            head = ends[0].head
            scale = rng.uniform(0.001, 1)
            factors = [np.asarray(f) + scale * rng.standard_normal(f.shape) for f in (*head.weights, head.features)]
            moved = reduced_head(factors[:-1], factors[-1] / np.sqrt(np.array(sizes, float)), head.bias, sizes)
            value.append(value_and_slope(problem, moved)[0])
        least += [optimum.value] * (2 * per_instance)
    trial.bound(
        np.array(least),
        np.array(value),
        found_by="draws",
        ops=200,
        wrong_processes={"1.01 f*": 1.01 * np.array(least)},
    )


def _instance(rng, depths=(1, 2, 3)):
    """Class sizes, decays and depth, with every class at least 3 % away from the threshold of its depth."""
    while True:
        depth = int(rng.choice(depths))
        sizes = tuple(int(n) for n in rng.integers(1, 9, rng.integers(2, 6)))
        *weight_decays, feature_decay = (10.0 ** rng.uniform(-3, -0.7, depth + 1)).tolist()
        optimum = predicted.mse_optimum(sizes, weight_decays, feature_decay)
        if np.all(np.abs(optimum.betas / predicted.global_threshold(depth) - 1) > 0.03):
            return sizes, tuple(weight_decays), feature_decay, depth


@claim(ours(DERIVED), kind="optimality")
def test_two_sided__shallow(trial, n_instances=20):
    """Depth one: a descent from above and the dual bound from below meet at f* on random instances."""
    rng = np.random.default_rng(1)  # the same instances for every seed; the descents differ
    primal, dual, convex, value, heavier = [], [], [], [], []
    for index in range(n_instances):
        sizes, weight_decays, feature_decay, _ = _instance(rng, depths=(1,))
        bias = bool(index % 2)
        problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
        end = observed.best_of(problem, trial.key(str(index)), 1, widths=(len(sizes) + 1,))
        primal.append(end.value)
        counts = np.array(sizes, float)
        outputs = np.asarray(end.head.weights[0]) @ np.asarray(end.head.features)
        residual = np.diag(np.sqrt(counts)) - outputs - np.outer(np.asarray(end.head.bias) * bias, np.sqrt(counts))
        dual.append(observed.dual_value(residual / counts.sum(), sizes, weight_decays[0], feature_decay, bias=bias))
        solved = observed.nuclear_norm_optimum(sizes, weight_decays[0], feature_decay, bias=bias)
        convex.append(convex_value(solved, sizes, weight_decays[0], feature_decay))
        value.append(predicted.mse_optimum(sizes, weight_decays, feature_decay, bias=bias).value)
        more = [1.01 * decay for decay in weight_decays]
        heavier.append(predicted.mse_optimum(sizes, more, feature_decay, bias=bias).value)
    options = {"scale": 1.0, "ops": 100, "controls": {"decays 1 % larger": np.array(heavier)}}
    trial.gap(np.array(primal), np.array(dual), np.array(value), margin=1e-9, **options)
    trial.gap(np.array(convex), np.array(dual), np.array(value), margin=1e-7, **options)


@claim(ours(DERIVED), kind="optimality")
def test_two_sided__deep(trial, n_instances=20, starts=2):
    """Depth two and three: descents from above and the brute-force Schatten reduction from below meet at f*."""
    rng = np.random.default_rng(2)  # the same instances for every seed; the descents differ
    primal, built, dual, value, heavier = [], [], [], [], []
    for index in range(n_instances):
        sizes, weight_decays, feature_decay, depth = _instance(rng, depths=(2, 3))
        bias, narrow = index % 4 == 1, index % 4 == 3
        widths = tuple([8] * (depth - 1) + [2 if narrow else 8])
        rank = min(len(sizes) - bias, *widths)
        problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
        optimum = predicted.mse_optimum(sizes, weight_decays, feature_decay, widths=widths, bias=bias)
        primal.append(lowest(problem, trial.key(str(index)), starts, widths).value)
        built.append(value_and_slope(problem, reduced_head(*predicted.optimal_parameters(optimum), sizes))[0])
        values = data_values(sizes, bias=bias)
        dual.append(searched_minimum(values, sum(sizes), weight_decays, feature_decay, rank))
        value.append(optimum.value)
        more = [1.01 * decay for decay in weight_decays]
        heavier.append(predicted.mse_optimum(sizes, more, feature_decay, widths=widths, bias=bias).value)
    options = {"margin": 1e-8, "scale": 1.0, "ops": 100, "controls": {"decays 1 % larger": np.array(heavier)}}
    trial.gap(np.array(built), np.array(dual), np.array(value), **options)
    trial.gap(np.array(primal), np.array(dual), np.array(value), **options)
