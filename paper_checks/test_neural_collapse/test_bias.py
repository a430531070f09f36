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
    found_optimum,
    gram_error,
    grams,
    predicted_grams,
    problem_of,
    require_classes,
    require_frame,
    shared_decays,
    stacked,
)
from theory.neural_collapse import mean_square
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval


@claim(
    derived(
        "minimising over the bias centres the labels, whose singular directions then follow the "
        "scalar problem"
    ),
    kind="optimality",
    cases=[((6, 4, 2, 1), 1, 8), ((6, 4, 2, 1), 2, 8), ((5, 3, 2), 3, 8), ((8, 4, 2, 1), 2, 2)],
)
def test_imb_bias(trial, class_sizes: Sizes, depth: Depth, width: Width, strength: Strength = 0.2):
    """With a bias and class sizes n_k of N, the best bias is n / N, and the singular directions of
    diag(sqrt n)(I - u u^T), u = sqrt(n / N), follow the scalar problem. They give the Gram matrices
    of the head, the last layer and the class means, and the logits.
    """
    require_classes(trial, class_sizes)
    n_classes = len(class_sizes)
    decays = shared_decays(class_sizes, depth, strength)
    widths = (n_classes + 4,) * (depth - 1) + (width,)
    optimum, unbiased = (
        mean_square.mse_optimum(class_sizes, *decays, widths=widths, bias=bias)
        for bias in (True, False)
    )
    require_frame(trial, optimum)
    problem = problem_of(class_sizes, *decays, bias=True)
    end = found_optimum(trial, problem, widths)
    shares = np.array(class_sizes) / sum(class_sizes)
    frames = predicted_grams(optimum)
    traces = np.trace(frames, axis1=1, axis2=2)[:, None, None]
    simplex = (np.eye(n_classes) - 1 / n_classes) / (n_classes - 1)

    def whole(bias, matrices):
        return np.concatenate([bias, np.ravel(matrices)])

    rivals = {
        "a bias of 1 / K": whole(np.full(n_classes, 1 / n_classes), frames),
        "the frame without bias": whole(shares, predicted_grams(unbiased)),
        "a simplex": whole(shares, traces * simplex),
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
    derived("the decayed bias is minimised out: the mean direction keeps a share κ of its loss"),
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
