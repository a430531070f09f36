"""The bias: imbalanced classes with a free one, and what a decayed one does to the frame."""

from typing import Annotated

import numpy as np

from paper_checks.test_neural_collapse import (
    GRAM_MARGIN,
    Decay,
    Decays,
    NClasses,
    PerClass,
    Sizes,
    Widths,
    apart,
    data_values,
    found_optimum,
    gram_error,
    grams,
    predicted_grams,
    problem_of,
    require_frame,
    require_layers,
    schatten_bound,
    stacked,
)
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours
from theory_on_trial.contract import Interval, Positive

DECAYED = ours("the decayed bias is minimised out: the mean direction keeps a share kappa of its loss")


@claim(
    ours("minimising over the bias centres the labels, whose singular directions then follow the scalar problem"),
    kind="optimality",
    cases=[
        ((6, 4, 2, 1), (0.03,), 0.05, (8,)),
        ((6, 4, 2, 1), (0.03, 0.05), 0.02, (8, 8)),
        ((5, 3, 2), (0.01, 0.02, 0.03), 0.02, (8, 8, 8)),
        ((8, 4, 2, 1), (0.01, 0.02), 0.01, (8, 2)),
    ],
)
def test_imb_bias(trial, class_sizes: Sizes, weight_decays: Decays, feature_decay: Decay, widths: Widths):
    """With a bias b* = n / N, and the singular directions of diag(sqrt n)(I - u u^T) follow the scalar problem."""
    require_layers(trial, class_sizes, weight_decays, widths)
    optimum = predicted.mse_optimum(class_sizes, weight_decays, feature_decay, widths=widths, bias=True)
    require_frame(trial, optimum)
    problem = problem_of(class_sizes, weight_decays, feature_decay, bias=True)
    end = found_optimum(trial, problem, widths)
    options = {"error": gram_error(problem, end), "margin": GRAM_MARGIN}
    sizes = np.array(class_sizes, float)
    even = apart(trial, sizes / sizes.sum(), GRAM_MARGIN, {"1 / K": np.full(len(sizes), 1 / len(sizes))})
    trial.value(np.asarray(end.head.bias), sizes / sizes.sum(), controls=even, **options)
    diagonal = predicted_grams(predicted.mse_optimum(class_sizes, weight_decays, feature_decay, widths=widths))
    trial.value(
        stacked(grams(problem, end.head)),
        predicted_grams(optimum),
        controls={"the frame without bias": diagonal},
        **options,
    )
    trial.gap(
        end.value,
        schatten_bound(problem, widths),
        optimum.value,
        margin=1e-8,
        scale=1.0,
        ops=100,
        controls={"n_k for the squared singular values": _by_class(optimum, sizes, widths)},
    )


def _by_class(optimum, sizes, widths):
    """The value if the largest K - 1 classes took the places of the squared singular values."""
    strongest, values = np.sort(sizes)[::-1][:-1], data_values(sizes, bias=True)
    rank, depth = min(len(values), *widths), len(widths)
    betas = optimum.betas[0] * values[0] ** 2 / strongest[:rank]
    costs = predicted.scalar_objective(predicted.global_root(betas, depth), betas, depth)
    return (strongest[:rank] @ costs + strongest[rank:].sum()) / (2 * sizes.sum())


@claim(ours("the bias alone fits the class frequencies, which leaves the variance of a label"), kind="optimality")
def test_imb_bias__trivial(trial, class_sizes: Sizes = (6, 4, 2, 1), decay: Decay = 0.6):
    """Where every direction has collapsed the bias alone is left: f* = 1/2 - sum n_k^2 / (2 N^2)."""
    require_layers(trial, class_sizes, [decay], (5,))
    optimum = predicted.mse_optimum(class_sizes, (decay,), decay, bias=True)
    trial.require(not np.any(optimum.alive), "decay must be so strong that every direction collapses")
    sizes, n_samples = np.array(class_sizes, float), sum(class_sizes)
    problem = problem_of(class_sizes, (decay,), decay, bias=True)
    end = observed.best_of(problem, trial.key("starts"), 3, widths=(len(sizes) + 1,))
    trivial = 0.5 - np.sum(sizes**2) / (2 * n_samples**2)
    trial.identity(optimum.value, trivial, ops=60, controls={"without bias": 0.5})
    dual = observed.dual_value(np.asarray(np.diag(np.sqrt(sizes)) / n_samples), class_sizes, decay, decay, bias=True)
    trial.gap(end.value, dual, trivial, margin=1e-8, scale=1.0, ops=100, controls={"without bias": 0.5})


@claim(
    DECAYED,
    kind="optimality",
    cases=[((0.02,), 0.01, decay) for decay in (0.1, 0.3, 1.0, 10.0)]
    + [((0.02, 0.01), 0.01, decay) for decay in (0.5, 1.0, 5.0)],
)
def test_bias_decay(
    trial,
    weight_decays: Decays,
    feature_decay: Decay,
    bias_decay: Positive,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """A decayed bias: the mean direction obeys beta kappa^(-(M+1)/M), kappa = lambda_b / (1 + lambda_b)."""
    sizes, depth, kappa = (per_class,) * n_classes, len(weight_decays), bias_decay / (1 + bias_decay)
    widths = (n_classes + 4,) * depth
    require_layers(trial, sizes, weight_decays, widths)
    optimum = predicted.mse_optimum(sizes, weight_decays, feature_decay, bias=True, bias_decay=bias_decay)
    require_frame(trial, optimum)
    problem = problem_of(sizes, weight_decays, feature_decay, bias=True, bias_decay=bias_decay)
    end = found_optimum(trial, problem, widths)
    beta, error = optimum.betas[0], gram_error(problem, end)

    def under(weight, exponent):
        """Geometry and value, were beta of the mean direction beta weight^-exponent and its loss times `weight`."""
        betas = beta * np.array([1.0, weight**-exponent])
        roots = predicted.global_root(betas, depth)
        contrasts, mean = predicted.shrinkage(roots, depth)
        logits = contrasts * np.eye(n_classes) + (mean - contrasts) / n_classes
        bias = np.full(n_classes, (1 - mean) / n_classes / (1 + bias_decay))
        value = np.array([n_classes - 1, weight]) @ predicted.scalar_objective(roots, betas, depth) / (2 * n_classes)
        return np.concatenate([logits.ravel(), bias, [value]])

    exact = np.concatenate([optimum.logits.ravel(), optimum.bias, [optimum.value]])
    wrong = {"exponent 1": under(kappa, 1.0), "lambda_b for kappa": under(bias_decay, 1 + 1 / depth)}
    trial.value(
        np.concatenate([grams(problem, end.head)["logits"].ravel(), np.asarray(end.head.bias), [end.value]]),
        exact,
        error=error,
        margin=GRAM_MARGIN,
        controls=apart(trial, exact, GRAM_MARGIN, wrong),
    )


@claim(DECAYED, kind="optimality", cases=[0.97, 1.03, 1e6])
def test_bias_decay__frame(
    trial,
    times: Annotated[float, Interval(0.1, 1e9)],
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
    weight_decay: Decay = 0.02,
    feature_decay: Decay = 0.01,
):
    """At depth one the mean keeps a share of max(0, 1 - sqrt(beta) / kappa): a simplex iff beta kappa^(-2) > 1."""
    sizes, width = (per_class,) * n_classes, n_classes + 2
    root = predicted.mse_optimum(sizes, [weight_decay], feature_decay).betas[0] ** 0.5
    trial.require(root < 0.99, "decays must leave the contrasts alive")
    trial.require(abs(times - 1) >= 1e-3, "times must keep off the critical decay of the bias, 1, by 0.001")
    bias_decay = float(times * root / (1 - root))  # at times = 1, kappa = sqrt(beta)
    kappa = bias_decay / (1 + bias_decay)
    problem = problem_of(sizes, (weight_decay,), feature_decay, bias=True, bias_decay=bias_decay)
    end = found_optimum(trial, problem, (width,))
    logits = grams(problem, end.head)["logits"]
    mean = logits.sum() / n_classes

    def shares(of_mean):
        return np.array([1 - root, max(0.0, 1 - of_mean)])

    wrong = {"lambda_b for kappa": shares(root / bias_decay)}
    trial.value(
        [(np.trace(logits) - mean) / (n_classes - 1), mean],
        shares(root / kappa),
        error=n_classes * gram_error(problem, end),
        margin=GRAM_MARGIN,
        controls=apart(trial, shares(root / kappa), GRAM_MARGIN, wrong),
    )
