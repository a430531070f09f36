"""What the released code takes for granted: its criterion, its length ratio, and its normalisation
of the loss.
"""

from typing import Annotated, Literal

import numpy as np
from scipy.optimize import minimize

from paper_checks.test_neural_collapse import (
    NClasses,
    PerClass,
    Ratio,
    Sizes,
    Starts,
    Strength,
    released,
)
from paper_checks.test_neural_collapse.problems import (
    apart,
    gram_error,
    lowest,
    problem_of,
    require_classes,
    schatten_bound,
    shared_decays,
    trained,
    truncations,
)
from sims.neural_collapse.optimise import flatten, value_and_gradient
from theory.neural_collapse import landscape, mean_square
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval


@claim(
    derived("the value at the root is compared with that at zero, which the code leaves out"),
    kind="optimality",
    cases=[0.52, 0.55, 0.6],
    as_published=released(
        "synthetic_experiment_imbalanced.py (compute_x)",
        says="The x of class k is the largest real root of b / n_k = M x^(M-1) / (x^M + 1)^2, or "
        "0 below zero.",
    ),
)
def test_code_criterion(
    trial,
    beta: Annotated[
        float, Interval(0.501, 0.649, why="the thresholds of depth two are 0.5 and 0.6495")
    ],
    n_classes: NClasses = 3,
    per_class: PerClass = 3,
    starts: Starts = 1,
):
    """At depth two and for β between the thresholds 1/2 and .6495, the global minimum is zero, with
    the objective 1/2, although the scalar equation has a root; β = 2 K sqrt(N Λ) for K balanced
    classes, N samples and the product Λ of the decays.
    """
    sizes = (per_class,) * n_classes
    widths = (n_classes + 3,) * 2
    problem = problem_of(sizes, *shared_decays(sizes, 2, beta / 0.5))
    value = float(mean_square.scalar_objective(mean_square.largest_root(beta, 2), beta, 2)) / 2
    primal = lowest(problem, trial.key("starts"), starts, widths).value
    dual = schatten_bound(problem, widths)
    one_alive = {"one class alive": 0.5 + (value - 0.5) / n_classes}
    # The bound squares singular values of order 12 (36 roundings) and adds up 12 of them.
    options = {"margin": 1e-8, "scale": 1.0, "ops": 100, "controls": one_alive}
    trial.gap(primal, dual, 0.5, as_published=value, **options)


@claim(
    derived("layers are balanced up to their decays, so a length ratio takes the decays' ratio"),
    kind="optimality",
    as_published=released(
        "validate_NC_unbalanced.py (compute_NC3_W_div_H)",
        says="At depth one diag(W W^T) / diag(H^T H) = n_k, whatever the decays.",
    ),
)
def test_code_length_ratio(
    trial, class_sizes: Sizes = (6, 4, 2, 1), strength: Strength = 0.03, ratio: Ratio = 0.4
):
    """At depth one every class that survives has |w_k|^2 / |h_k|^2 = n_k λ_H / λ_W, the squared
    length of its classifier over that of its class mean; n_k is its size, and λ_W and λ_H are the
    decays.
    """
    trial.require(
        abs(np.log(ratio)) > 0.01, "ratio must not be one: for equal decays the code is right"
    )
    problem, end, optimum = trained(trial, class_sizes, 1, strength, ratio)
    sizes = np.array(class_sizes, float)
    alive = optimum.alive
    ratios = sizes / ratio
    lengths = np.sum(np.asarray(end.head.weights[0]) ** 2, axis=1)
    means = np.sum(np.asarray(end.head.features) ** 2, axis=0) / sizes
    trial.value(
        lengths[alive] / means[alive],
        ratios[alive],
        error=np.max((1 + ratios[alive]) / means[alive]) * gram_error(problem, end),
        margin=1e-4 * ratios[alive],
        controls={"the root of the ratio of decays": (sizes / ratio**0.5)[alive]},
        as_published=sizes[alive],
    )


@claim(
    derived(
        "both terms are divided by a; train_1st_order_unbalanced.py of the released code takes "
        "means of all entries"
    ),
    kind="optimality",
    cases=["half_mean_over_entries", "mean_over_entries", "mean_over_samples"],
)
def test_rescale_loss(
    trial,
    name: Literal["half_mean_over_entries", "mean_over_entries", "mean_over_samples"],
    class_sizes: Sizes = (6, 4, 2),
    decay: Annotated[
        float, Interval(1e-3, 0.02, why="of descents with more, few end lowest")
    ] = 0.01,
    starts: Starts = 4,
):
    """Minimising a times the loss with the decays λ is the problem of the theory with the decays λ
    / a, and its values are a times as large.
    """
    require_classes(trial, class_sizes)
    n_classes = len(class_sizes)
    width = 2 * len(class_sizes)
    factor = {"half_mean_over_entries": 1 / n_classes, "mean_over_entries": 2 / n_classes}.get(
        name, 2.0
    )
    problem = problem_of(class_sizes, (decay, decay), decay)
    slope = value_and_gradient(problem, (width, width), n_classes)

    def scaled(flat):
        full, gradient = slope(flat)
        norm = decay / 2 * np.sum(flat**2)
        return factor * (full - norm) + norm, factor * (gradient - decay * flat) + decay * flat

    rng = trial.generator("starts")
    count = 2 * width * n_classes + width**2
    options = {"gtol": 1e-10, "maxiter": 5000}
    heads = [
        flatten(head, problem)
        for head in truncations(problem, trial.key("truncations"), (width, width))
    ]
    points = [*(rng.standard_normal(count) for _ in range(starts)), *heads]
    ends = [minimize(scaled, point, jac=True, options=options) for point in points]
    best = min(ends, key=lambda end: end.fun)
    theory_decay = landscape.decay_in_half_mean_square(decay, n_classes, name)
    value = factor * mean_square.mse_optimum(class_sizes, [theory_decay] * 2, theory_decay).value
    plain = factor * mean_square.mse_optimum(class_sizes, [decay] * 2, decay).value
    # A minimum of curvature mu >= 2 decay (balanced layers) lies at most |gradient|^2 / (2 mu)
    # below.
    error = np.sum(best.jac**2) / (4 * decay) + 1e-13
    controls = apart(trial, value, 1e-8, {"decays left as they are": plain})
    trial.value(best.fun, value, error=error, margin=1e-8, controls=controls)
