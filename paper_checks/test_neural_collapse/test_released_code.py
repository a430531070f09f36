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
from theory_on_trial import claim, derived, published
from theory_on_trial.contract import Interval


@claim(
    derived("the value at the root is compared with that at zero, which the code leaves out"),
    kind="optimality",
    cases=[0.52, 0.55, 0.6],
    as_published=published(
        place=released("synthetic_experiment_imbalanced.py, compute_x"),
        read="the $x$ of class $k$ is the largest real root of "
        "$b / n_k = M x^(M-1) / (x^M + 1)^2$, or 0 if that is negative",
        within="no condition stands there; in the released runs (classes of 200, 100, 50 and "
        "50, decays $5e-4$, depths 3 and 6) $b / n_k$ is at most .02, and the thresholds "
        "are .53 and .64",
        reach="unreached branch",
        effect="nothing published",
        ran="its lines, rewritten",
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
    """At depth two and for $β$ between the thresholds 1/2 and .6495, the global minimum of the
    square loss is zero, with the objective 1/2, although the equation $β = 2 x / (1 + x^2)^2$ has a
    root. $β = 2 K sqrt(N Λ)$ for $K$ balanced classes, $N$ samples and the product $Λ$ of the
    decays.
    """
    sizes = (per_class,) * n_classes
    widths = (n_classes + 3,) * 2
    problem = problem_of(sizes, *shared_decays(sizes, 2, beta / 0.5))
    roots = np.roots([beta, 0, 2 * beta, -2, beta])  # of β (1 + x²)² = 2 x
    root = roots[np.abs(roots.imag) < 1e-9].real.max()
    value_at_root = float(mean_square.scalar_objective(root, beta, 2)) / 2
    trial.gap(
        lowest(problem, trial.key("starts"), starts, widths).value,
        schatten_bound(problem, widths),
        0.5,
        margin=1e-8,
        scale=1.0,
        # The bound squares singular values of order 12 (36 roundings) and adds up 12 of them.
        ops=100,
        controls={"one class at its root": 0.5 + (value_at_root - 0.5) / n_classes},
        as_published=value_at_root,
        generic="only starts of descents are drawn, and the dual bound certifies their ends",
    )


@claim(
    derived("layers are balanced up to their decays, so a length ratio takes the decays' ratio"),
    kind="optimality",
    as_published=published(
        place=released("validate_NC_unbalanced.py, compute_NC3_W_div_H"),
        read="at depth one $diag(W W^T) / diag(H^T H) = n_k$",
        within="no condition stands there; both defaults and the README's only command have "
        "equal decays of $1e-5$, with which it is right",
        reach="unreached branch",
        effect="nothing published",
        ran="its lines, rewritten",
    ),
)
def test_code_length_ratio(
    trial, class_sizes: Sizes = (6, 4, 2, 1), strength: Strength = 0.03, ratio: Ratio = 0.4
):
    """At the global minimum of the square loss at depth one, with a width of at least $K$, each
    class that survives has $|w_k|^2 / |h_k|^2 = n_k λ_H / λ_W$, the squared length of its
    classifier over that of its class mean; $n_k$ is its size, and $λ_W$ and $λ_H$ are the decays of
    weights and features.
    """
    trial.require(
        abs(np.log(ratio)) > 0.01, "ratio must not be one: for equal decays the code is right"
    )
    problem, end, optimum = trained(trial, class_sizes, 1, strength, ratio)
    sizes = np.array(class_sizes, float)
    alive = optimum.alive
    ratios = sizes / ratio  # which is λ_W / λ_H
    lengths = np.sum(np.asarray(end.head.weights[0]) ** 2, axis=1)
    means = np.sum(np.asarray(end.head.features) ** 2, axis=0) / sizes
    trial.value(
        lengths[alive] / means[alive],
        ratios[alive],
        error=np.max((1 + ratios[alive]) / means[alive]) * gram_error(problem, end),
        margin=1e-4 * ratios[alive],
        controls={"the root of the ratio of decays": (sizes / ratio**0.5)[alive]},
        as_published=sizes[alive],
        instances="search",
    )


@claim(
    derived(
        "both terms are divided by $a$; `train_1st_order_unbalanced.py` of the released code "
        "takes means of all entries"
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
    """Minimising $a$ times the square loss with the decay $λ$ of all factors is the problem of the
    theory with the decay $λ / a$, and its values are $a$ times as large. Here $a$ is $1/K$, $2/K$
    or 2: half the mean over entries, the mean over entries or the mean over samples, for $K$
    classes.
    """
    require_classes(trial, class_sizes)
    n_classes = len(class_sizes)
    width = 2 * len(class_sizes)
    factor = {
        "half_mean_over_entries": 1 / n_classes,
        "mean_over_entries": 2 / n_classes,
        "mean_over_samples": 2.0,
    }[name]
    problem = problem_of(class_sizes, (decay, decay), decay)
    slope = value_and_gradient(problem, (width, width), n_classes)

    def scaled(flat):
        """The objective and its gradient, with `factor` times the loss and the same decay."""
        full, gradient = slope(flat)
        penalty = decay / 2 * np.sum(flat**2)
        value = factor * (full - penalty) + penalty
        return value, factor * (gradient - decay * flat) + decay * flat

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
    same_decay = factor * mean_square.mse_optimum(class_sizes, [decay] * 2, decay).value
    # A minimum of curvature mu >= 2 decay (balanced layers) lies at most |gradient|^2 / (2 mu)
    # below.
    error = np.sum(best.jac**2) / (4 * decay) + 1e-13
    controls = apart(trial, value, 1e-8, {"$λ$ for $λ / a$": same_decay})
    trial.value(
        best.fun,
        value,
        error=error,
        margin=1e-8,
        controls=controls,
        instances="search",
    )
