"""The bias: imbalanced classes with a free one, and what a decayed one does to the frame."""

from typing import Annotated

import numpy as np

from paper_checks.test_neural_collapse import (
    MARGIN,
    Depth,
    NClasses,
    PerClass,
    Sizes,
    Strength,
    Width,
)
from paper_checks.test_neural_collapse.problems import (
    apart,
    data_values,
    found_optimum,
    gram_error,
    grams,
    normalised_error,
    predicted_grams,
    problem_of,
    require_classes,
    require_frame,
    schatten_bound,
    shared_decays,
    stacked,
)
from sims.neural_collapse import certificates, optimise
from theory.neural_collapse import collapse_geometry, mean_square
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

DECAYED = derived(
    "the decayed bias is minimised out: the mean direction keeps a share κ of its loss"
)
UNEQUAL = [((6, 4, 2, 1), 1, 8), ((6, 4, 2, 1), 2, 8), ((5, 3, 2), 3, 8), ((8, 4, 2, 1), 2, 2)]
"""Class sizes, depth and last width."""


def biased(trial, class_sizes, depth, width, strength):
    """A problem with a bias, its widths, the theory's optimum and the lowest end of descents."""
    require_classes(trial, class_sizes)
    decays = shared_decays(class_sizes, depth, strength)
    widths = (len(class_sizes) + 4,) * (depth - 1) + (width,)
    optimum = mean_square.mse_optimum(class_sizes, *decays, widths=widths, bias=True)
    require_frame(trial, optimum)
    problem = problem_of(class_sizes, *decays, bias=True)
    return problem, widths, optimum, found_optimum(trial, problem, widths)


def without_bias(problem, widths):
    """The theory's optimum of the same problem if it had no bias."""
    decays = problem.weight_decays, problem.feature_decay
    return mean_square.mse_optimum(problem.class_sizes, *decays, widths=widths)


@claim(
    derived(
        "minimising over the bias centres the labels, whose singular directions then follow the "
        "scalar problem"
    ),
    kind="optimality",
    cases=UNEQUAL,
)
def test_imb_bias(trial, class_sizes: Sizes, depth: Depth, width: Width, strength: Strength = 0.2):
    """With a bias and class sizes n_k of N, the best bias is n / N, and the singular directions of
    diag(sqrt n)(I - u u^T), u = sqrt(n / N), follow the scalar problem.
    """
    problem, widths, optimum, end = biased(trial, class_sizes, depth, width, strength)
    sizes = np.array(class_sizes, float)
    shares = sizes / sizes.sum()
    frames = predicted_grams(optimum)
    diagonal = predicted_grams(without_bias(problem, widths))
    simplex = np.trace(frames, axis1=1, axis2=2)[:, None, None] * (
        len(sizes) * np.eye(len(sizes)) - 1
    )
    simplex = simplex / (len(sizes) * (len(sizes) - 1))

    def whole(bias, matrices):
        return np.concatenate([bias, np.ravel(matrices)])

    rivals = {
        "a bias of 1 / K": whole(np.full(len(sizes), 1 / len(sizes)), frames),
        "the frame without bias": whole(shares, diagonal),
        "a simplex": whole(shares, simplex),
    }
    exact = whole(shares, frames)
    trial.value(
        whole(np.asarray(end.head.bias), stacked(grams(problem, end.head))),
        exact,
        error=gram_error(problem, end),
        margin=MARGIN,
        controls=apart(trial, exact, MARGIN, rivals),
    )


@claim(
    derived("the head's rows and the centred class means have one set of singular directions"),
    kind="optimality",
    cases=UNEQUAL,
)
def test_imb_bias__duality(
    trial, class_sizes: Sizes, depth: Depth, width: Width, strength: Strength = 0.2
):
    """With a bias, the rows of the head at the global minimum point along the class means about
    their plain average, whatever the class sizes.
    """
    problem, widths, optimum, end = biased(trial, class_sizes, depth, width, strength)
    sizes = np.array(class_sizes, float)
    error = normalised_error(problem, end)
    trial.require(
        error < MARGIN, "class_sizes, depth and decays must leave the minimum more curvature"
    )
    labels = np.repeat(np.arange(len(sizes)), class_sizes)
    means = np.asarray(end.head.features) / np.sqrt(sizes)
    with_bias, without = (
        collapse_geometry.nc_metrics(
            end.head.weights,
            means[:, labels],
            labels,
            collapse_geometry.optimum_targets(best),
            centred=bias,
        )
        for best, bias in ((optimum, True), (without_bias(problem, widths), False))
    )
    about_zero = apart(trial, 0.0, 0.005, {"means about zero, as without bias": without.duality})
    trial.value(
        with_bias.duality,
        0.0,
        error=error,
        margin=MARGIN,
        scale=1.0,
        control_processes=about_zero,
    )


@claim(
    derived("the least value of the scalar problems, from above by descent, from below by duality"),
    kind="optimality",
    cases=UNEQUAL,
)
def test_imb_bias__value(
    trial, class_sizes: Sizes, depth: Depth, width: Width, strength: Strength = 0.2
):
    """With a bias and class sizes n_k of N, the least objective is the sum of the least values of
    the scalar problems of the singular values of diag(sqrt n)(I - u u^T), u = sqrt(n / N).
    """
    problem, widths, optimum, end = biased(trial, class_sizes, depth, width, strength)
    sizes = np.array(class_sizes, float)
    controls = {"n_k for the squared singular values": _by_class(optimum, sizes, widths)}
    controls["the bias alone"] = 0.5 - sizes @ sizes / (2 * sizes.sum() ** 2)
    trial.gap(
        end.value,
        schatten_bound(problem, widths),
        optimum.value,
        margin=1e-8,
        scale=1.0,
        # The objective, which is at most 1/2, adds up squares, 320 of a factor at most; the bound
        # adds up 24 terms at most.
        ops=100,
        controls=controls,
    )


def _by_class(optimum, sizes, widths):
    """The value if the largest K - 1 classes took the places of the squared singular values."""
    strongest = np.sort(sizes)[::-1][:-1]
    values = data_values(sizes, bias=True)
    rank = min(len(values), *widths)
    depth = len(widths)
    betas = optimum.betas[0] * values[0] ** 2 / strongest[:rank]
    costs = mean_square.scalar_objective(mean_square.global_root(betas, depth), betas, depth)
    return (strongest[:rank] @ costs + strongest[rank:].sum()) / (2 * sizes.sum())


@claim(
    derived("the bias alone fits the class frequencies, which leaves the variance of a label"),
    kind="optimality",
)
def test_imb_bias__trivial(
    trial,
    class_sizes: Sizes = (6, 4, 2, 1),
    strength: Annotated[
        float,
        Interval(1.01, 1000.0, why="above the threshold all has collapsed; the high end is a cap"),
    ] = 10.0,
):
    """If every direction is at zero and only the bias is left, the objective is 1/2 - sum n_k^2 /
    (2 N^2) for class sizes n_k of N samples.
    """
    require_classes(trial, class_sizes)
    weight_decays, feature_decay = shared_decays(class_sizes, 1, strength)
    sizes = np.array(class_sizes, float)
    n_samples = sum(class_sizes)
    problem = problem_of(class_sizes, weight_decays, feature_decay, bias=True)
    end = optimise.best_of(problem, trial.key("starts"), 3, widths=(len(sizes) + 1,))
    trivial = 0.5 - np.sum(sizes**2) / (2 * n_samples**2)
    controls = {"without bias": 0.5, "the unbiased variance": trivial * n_samples / (n_samples - 1)}
    labels = np.asarray(np.diag(np.sqrt(sizes)) / n_samples)
    dual = certificates.dual_value(labels, class_sizes, weight_decays[0], feature_decay, bias=True)
    # Both values add up at most 156 squares of a factor, or 144 of the dual matrix; all parts are
    # at most 1.
    trial.gap(end.value, dual, trivial, margin=1e-8, scale=1.0, ops=100, controls=controls)


@claim(
    DECAYED,
    kind="optimality",
    cases=[(1, 0.1), (1, 0.3), (1, 1.0), (1, 10.0), (2, 0.5), (2, 1.0), (2, 5.0)],
)
def test_bias_decay(
    trial,
    depth: Depth,
    bias_decay: Annotated[float, Interval(1e-3, 1e3, why="beyond, κ is 0 or 1 to a thousandth")],
    strength: Strength = 0.01,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """Let K balanced classes have a bias with the decay λ_b at depth M, and β = M K (N Λ)^(1/M) for
    N samples and the product Λ of the other decays. The direction of the mean follows the scalar
    problem with β κ^(-(M+1)/M) in place of β, where κ = λ_b / (1 + λ_b).
    """
    sizes = (per_class,) * n_classes
    kappa = bias_decay / (1 + bias_decay)
    widths = (n_classes + 4,) * depth
    decays = shared_decays(sizes, depth, strength)
    optimum = mean_square.mse_optimum(sizes, *decays, bias=True, bias_decay=bias_decay)
    require_frame(trial, optimum)
    problem = problem_of(sizes, *decays, bias=True, bias_decay=float(bias_decay))
    end = found_optimum(trial, problem, widths)
    beta = optimum.betas[0]

    def under(weight, exponent):
        """Geometry and value, were β of the mean direction β weight^-exponent and its loss times
        `weight`.
        """
        betas = beta * np.array([1.0, weight**-exponent])
        roots = mean_square.global_root(betas, depth)
        contrasts, mean = mean_square.shrinkage(roots, depth)
        logits = contrasts * np.eye(n_classes) + (mean - contrasts) / n_classes
        bias = np.full(n_classes, (1 - mean) / n_classes / (1 + bias_decay))
        value = (
            np.array([n_classes - 1, weight])
            @ mean_square.scalar_objective(roots, betas, depth)
            / (2 * n_classes)
        )
        return np.concatenate([logits.ravel(), bias, [value]])

    exact = np.concatenate([optimum.logits.ravel(), optimum.bias, [optimum.value]])
    rivals = {"exponent 1": under(kappa, 1.0), "λ_b for κ": under(bias_decay, 1 + 1 / depth)}
    controls = apart(trial, exact, MARGIN, rivals)
    measured = [*grams(problem, end.head)["logits"].ravel(), *np.asarray(end.head.bias), end.value]
    trial.value(measured, exact, error=gram_error(problem, end), margin=MARGIN, controls=controls)


@claim(DECAYED, kind="optimality", cases=[0.97, 1.03, 1e6])
def test_bias_decay__frame(
    trial,
    times: Annotated[float, Interval(0.1, 1e6, why="beyond, the bias is 0 to the margin")],
    strength: Annotated[
        float, Interval(0.005, 0.8, why="nearer to the threshold, 1, minima are flat")
    ] = 0.01,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """Let K balanced classes have a bias with the decay λ_b at depth one, κ = λ_b / (1 + λ_b), and
    β = K N λ_W λ_H for N samples and the decays λ_W and λ_H. The mean direction keeps the share
    max(0, 1 - sqrt(β) / κ): the frame is a simplex if and only if β κ^(-2) > 1.
    """
    trial.require(
        abs(times - 1) >= 1e-3, "times must keep off the critical decay of the bias, 1, by 0.001"
    )
    sizes = (per_class,) * n_classes
    root = strength**0.5  # the threshold of depth one is one
    bias_decay = float(times * root / (1 - root))  # at times = 1, kappa = sqrt(beta)
    kappa = bias_decay / (1 + bias_decay)
    problem = problem_of(
        sizes, *shared_decays(sizes, 1, strength), bias=True, bias_decay=bias_decay
    )
    end = found_optimum(trial, problem, (n_classes + 2,))
    logits = grams(problem, end.head)["logits"]
    mean = logits.sum() / n_classes

    def shares(of_mean):
        return np.array([1 - root, max(0.0, 1 - of_mean)])

    exact = shares(root / kappa)
    measured = [(np.trace(logits) - mean) / (n_classes - 1), mean]
    rootless = np.array([1 - strength, max(0.0, 1 - strength / kappa**2)])
    rivals = {"λ_b for κ": shares(root / bias_decay), "β for its root": rootless}
    controls = apart(trial, exact, MARGIN, rivals)
    error = n_classes * gram_error(problem, end)
    trial.value(measured, exact, error=error, margin=MARGIN, controls=controls)
