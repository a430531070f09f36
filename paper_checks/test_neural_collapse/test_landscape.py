"""Where descent may end, and the curvature there: local minima, saddles, flat orbits and the
slowest mode.
"""

from typing import Annotated

import numpy as np

from paper_checks.test_neural_collapse import HESSIAN, Depth, NClasses, Sizes, Starts, Strength
from paper_checks.test_neural_collapse.critical import decide_critical, subset_head, subsets
from paper_checks.test_neural_collapse.problems import (
    apart,
    optimal_head,
    problem_of,
    reduced_head,
    require_classes,
    require_frame,
    shared_decays,
    value_and_slope,
)
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim
from theory_on_trial.contract import Interval

DeepDepth = Annotated[int, Interval(2, 4, why="at depth one the landscape is benign, see cert_M1")]


@claim(HESSIAN, kind="distribution", cases=[(2, 60), (1, 10)])
def test_gd_basin(
    trial,
    depth: Depth,
    starts: Starts,
    class_sizes: Sizes = (6, 4, 2, 1),
    strength: Strength = 0.25,
):
    """M >= 2: descents end at the r largest classes, r = 0, 1, ..., whatever the start; at M = 1 at
    one value only.
    """
    require_classes(trial, class_sizes)
    decays = shared_decays(class_sizes, depth, strength)
    widths = (2 * len(class_sizes),) * depth
    problem = problem_of(class_sizes, *decays)
    levels = predicted.local_minimum_values(class_sizes, *decays)
    living = predicted.mse_optimum(
        class_sizes, *decays
    ).betas < 0.99 * predicted.existence_threshold(depth)
    largest = np.array(class_sizes) == max(class_sizes)
    trial.require(
        sum(largest) == 1 and sum(living) > 1,
        "class_sizes must have one largest class, and two with a root",
    )
    ends = observed.optima(
        problem, trial.key("starts"), starts, widths=widths, weight_std=0.3, feature_std=0.3
    )
    # A shorter gradient puts the value within 1e-10 of its minimum, of curvature 0.01 and more.
    lows = np.array([end.value for end in ends if end.gradient_norm < 1e-6])

    def distance(values):
        return np.abs(np.asarray(values)[:, None] - levels).min(axis=1).max()

    # The critical point without the largest class is none of these.
    saddle = value_and_slope(problem, subset_head(problem, living & ~largest, widths))[0]
    gain = np.abs(levels - 0.5).max()  # over zero
    processes = apart(trial, 0.0, 0.005 * gain, {"a saddle": distance([*lows, saddle])})
    trial.value(
        distance(lows), 0.0, error=1e-10, margin=1e-6, scale=gain, control_processes=processes
    )


@claim(HESSIAN, kind="optimality", cases=[2, 3])
def test_gd_basin__subsets(
    trial, depth: DeepDepth, class_sizes: Sizes = (6, 4, 3, 2), strength: Strength = 0.25
):
    """M >= 2: a set of surviving classes is a local minimum iff no dead class is larger; others are
    strict saddles.
    """
    require_classes(trial, class_sizes)
    trial.require(
        len(set(class_sizes)) > 1, "class_sizes must differ: otherwise every set is a local minimum"
    )
    sizes = np.array(class_sizes)
    widths = (len(class_sizes) + 1,) * depth
    problem = problem_of(class_sizes, *shared_decays(class_sizes, depth, strength))
    alive = subsets(trial, problem)
    heads = decide_critical(trial, problem, alive, widths)
    spectra = [observed.hessian_spectrum(problem, head) for head in heads]
    # 1 for a minimum, -1 for a strict saddle, and 0 for a curvature that is neither zero nor
    # clearly negative.
    relative = np.array([spectrum[0] / spectrum[-1] for spectrum in spectra])
    signs = np.where(relative > -1e-9, 1, np.where(relative < -1e-6, -1, 0))
    top = [sizes[~live].max(initial=0) <= sizes[live].min(initial=sizes.max()) for live in alive]
    rivals = {
        "every set": np.ones(len(top), int),
        "the global one": np.where([live.all() for live in alive], 1, -1),
    }
    trial.identity(signs, np.where(top, 1, -1), ops=0, controls=rivals)
    levels = predicted.local_minimum_values(
        class_sizes, problem.weight_decays, problem.feature_decay
    )
    least = [
        (value_and_slope(problem, head)[0], live.sum())
        for head, live in zip(heads, alive, strict=True)
    ]
    values, counts = np.array([entry for entry, is_top in zip(least, top, strict=True) if is_top]).T
    exact, fewer = (entry[counts.astype(int)] for entry in (levels, np.append(0.5, levels)))
    trial.identity(values, exact, ops=200, scale=1.0, controls={"one class fewer": fewer})


@claim(HESSIAN, kind="optimality")
def test_gd_basin__origin(
    trial,
    class_sizes: Sizes = (5, 3),
    depth: DeepDepth = 2,
    strength: Strength = 0.01,
    first_width: NClasses = 3,
):
    """Zero has the decays as curvatures at M >= 2; at M = 1 some are negative while n_k > N^2 λ_W
    λ_H.
    """
    require_classes(trial, class_sizes)
    weight_decays, feature_decay = shared_decays(class_sizes, depth, strength)
    sizes = np.array(class_sizes, float)
    widths = tuple(range(first_width, first_width + depth))

    def spectrum(depth):
        shapes = [
            *zip((*widths[1:depth], len(sizes)), widths[:depth], strict=True),
            (widths[0], len(sizes)),
        ]
        head = reduced_head(
            [np.zeros(shape) for shape in shapes[:-1]], np.zeros(shapes[-1]), None, class_sizes
        )
        problem = problem_of(class_sizes, weight_decays[:depth], feature_decay)
        return observed.hessian_spectrum(problem, head), [
            rows * columns for rows, columns in shapes
        ]

    deep, counts = spectrum(depth)
    exact = np.sort(np.repeat([*weight_decays, feature_decay], counts))
    options = {"ops": 3 * len(deep), "scale": 1.0}
    trial.identity(deep, exact, controls={"without the half": 2 * exact}, **options)
    shallow, counts = spectrum(1)
    mean = (weight_decays[0] + feature_decay) / 2
    half = (weight_decays[0] - feature_decay) / 2
    split = np.sqrt(half**2 + sizes / sizes.sum() ** 2)
    exact = np.sort(np.repeat([mean + split, mean - split], widths[0]))
    as_deep = np.sort(np.repeat([weight_decays[0], feature_decay], counts))
    trial.identity(shallow, exact, controls={"as at depth two": as_deep}, **options)


@claim(HESSIAN, kind="identity", cases=[(1, 3), (1, 5), (2, 3), (2, 5), (3, 4)])
def test_hessian_kernel(
    trial, depth: Depth, width: NClasses, class_sizes: Sizes = (5, 3, 2), strength: Strength = 0.1
):
    """At the global minimum the Hessian's kernel is the orbit of rotations, sum_m [d(d-1) -
    (d-K)(d-K-1)] / 2.
    """
    problem, optimum = _living(trial, class_sizes, depth, strength, width)
    spectrum = observed.hessian_spectrum(problem, optimal_head(optimum))
    decay = problem.feature_decay
    exact = predicted.hessian_kernel_dimension([width] * depth, len(class_sizes))
    full = depth * width * (width - 1) // 2
    controls = {"none": np.array([0])} | (
        {"all rotations": np.array([full])} if full > exact else {}
    )
    flat = np.sum(
        np.abs(spectrum) < 1e-6 * decay
    )  # rounding is some 1e-15, and the slowest mode above 1e-3 of it
    trial.identity(np.array([flat]), np.array([exact]), ops=0, controls=controls)


def _living(trial, class_sizes, depth, strength, width):
    """The problem of equal decays and its optimum; require that each class lives."""
    require_classes(trial, class_sizes)
    trial.require(width >= len(class_sizes), "width must be at least the number of classes")
    decays = shared_decays(class_sizes, depth, strength, ratio=1.0)
    optimum = predicted.mse_optimum(class_sizes, *decays, widths=[width] * depth)
    require_frame(trial, optimum)
    trial.require(np.all(optimum.alive), "strength must leave every class alive")
    return problem_of(class_sizes, *decays), optimum


@claim(HESSIAN, kind="identity", cases=[(1, 0.01), (1, 0.29), (2, 0.1)])
def test_hessian_kernel__slowest(
    trial, depth: Depth, strength: Strength, class_sizes: Sizes = (5, 3, 2)
):
    """With equal decays the slowest mode beside the orbit is 2 λ min(1, x_K), and 2 λ at M >= 2."""
    width = len(class_sizes)
    problem, optimum = _living(trial, class_sizes, depth, strength, width)
    spectrum = observed.hessian_spectrum(problem, optimal_head(optimum))
    decay = problem.feature_decay
    kernel = predicted.hessian_kernel_dimension([width] * depth, width)
    roots = optimum.roots
    options = {"ops": 3 * len(spectrum), "scale": spectrum[-1]}
    exact = 2 * decay * np.minimum(1, roots.min(keepdims=True))
    controls = {"lambda": exact / 2} | (
        {"2 λ": np.array([2 * decay])} if roots.min() < 0.99 else {}
    )
    skew_head = optimal_head(
        predicted.mse_optimum(class_sizes, [1.5 * decay] * depth, decay / 1.5**depth)
    )
    unequal = observed.hessian_spectrum(
        problem_of(class_sizes, (1.5 * decay,) * depth, decay / 1.5**depth), skew_head
    )
    processes = {"unequal decays": unequal[kernel : kernel + 1]}
    trial.identity(
        spectrum[kernel : kernel + 1],
        exact,
        controls=controls,
        control_processes=processes,
        **options,
    )
    radial = predicted.radial_eigenvalues(roots, decay, depth)
    nearest = spectrum[np.abs(spectrum[:, None] - radial).argmin(axis=0)]
    controls = {"M for M + 1": decay * (2 + depth * (roots**depth - 1)), "half of it": radial / 2}
    trial.identity(nearest, radial, controls=controls, **options)
    if depth == 1:
        exact_spectrum = predicted.shallow_spectrum(roots, decay)
        root_spectrum = predicted.shallow_spectrum(roots + 1, decay)  # x = beta^(-1/2) - 1
        controls = {
            "no kernel": np.maximum(exact_spectrum, 2 * decay),
            "roots β^(-1/2)": root_spectrum,
        }
        trial.identity(spectrum, exact_spectrum, controls=controls, **options)
