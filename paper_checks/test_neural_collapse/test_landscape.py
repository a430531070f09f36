"""Where descent may end, and the curvature there: local minima, saddles, flat orbits and the
slowest mode.

Proofs of optimality: dual bounds and convex programs at depth one, two-sided enclosures at any
depth.
"""

from typing import Annotated

import numpy as np

from paper_checks.test_neural_collapse import (
    HESSIAN,
    SPLIT,
    Depth,
    NClasses,
    Sizes,
    Starts,
    Strength,
)
from paper_checks.test_neural_collapse.problems import (
    apart,
    lowest,
    optimal_head,
    problem_of,
    reduced_head,
    require_classes,
    require_frame,
    schatten_bound,
    shared_decays,
    subset_head,
    subsets,
    value_and_slope,
)
from sims.neural_collapse import certificates, optimise
from theory.neural_collapse import landscape, mean_square
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval, Natural

DeepDepth = Annotated[int, Interval(2, 4, why="at depth one the landscape is benign, see cert_M1")]


@claim(HESSIAN, kind="distribution", cases=[(2, 60), (1, 10)])
def test_gd_basin(
    trial,
    depth: Depth,
    starts: Starts,
    class_sizes: Sizes = (6, 4, 2, 1),
    strength: Strength = 0.25,
):
    """At depths from two on, descents end at the r largest classes, r = 0, 1, ..., depending on the
    start; at depth one all end at one value.
    """
    require_classes(trial, class_sizes)
    decays = shared_decays(class_sizes, depth, strength)
    widths = (2 * len(class_sizes),) * depth
    problem = problem_of(class_sizes, *decays)
    levels = landscape.local_minimum_values(class_sizes, *decays)
    living = mean_square.mse_optimum(
        class_sizes, *decays
    ).betas < 0.99 * mean_square.existence_threshold(depth)
    largest = np.array(class_sizes) == max(class_sizes)
    trial.require(
        sum(largest) == 1 and sum(living) > 1,
        "class_sizes must have one largest class, and two with a root",
    )
    ends = optimise.optima(
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


@claim(HESSIAN, kind="optimality", cases=[1, 2, 3])
def test_gd_basin__critical(
    trial, depth: Depth, class_sizes: Sizes = (6, 4, 3, 2), strength: Strength = 0.06
):
    """For every set of classes the gradient of the objective vanishes where the classes of the set
    are at their roots and the others at zero.
    """
    require_classes(trial, class_sizes)
    problem = problem_of(class_sizes, *shared_decays(class_sizes, depth, strength))
    alive = subsets(trial, problem)
    widths = (len(class_sizes) + 1,) * depth
    decays = [*problem.weight_decays, problem.feature_decay]
    heads = [subset_head(problem, live, widths) for live in alive]
    factors = [factor for head in heads for factor in (*head.weights, head.features)]
    size = max(np.linalg.norm(factor, 2) for factor in factors)
    rounding = 1000 * 2.0**-53 * max(1.0, *decays) * max(1.0, size)

    def slopes(stretch):
        stretched = [subset_head(problem, live, widths, stretch) for live in alive]
        return [value_and_slope(problem, head)[1] for head in stretched]

    trial.value(
        slopes(1.0),
        np.zeros(len(alive)),
        error=rounding,
        margin=2 * rounding,
        scale=min(decays) * size,  # what the decay of a factor pulls
        control_processes={"twice as long": slopes(2.0)},
    )


@claim(HESSIAN, kind="optimality", cases=[2, 3])
def test_gd_basin__subsets(
    trial, depth: DeepDepth, class_sizes: Sizes = (6, 4, 3, 2), strength: Strength = 0.25
):
    """At depths from two on, a state in which some classes survive is a local minimum if and only
    if no class at zero is larger than a surviving one; otherwise it is a strict saddle.
    """
    require_classes(trial, class_sizes)
    trial.require(
        len(set(class_sizes)) > 1, "class_sizes must differ: otherwise every set is a local minimum"
    )
    sizes = np.array(class_sizes)
    widths = (len(class_sizes) + 1,) * depth
    problem = problem_of(class_sizes, *shared_decays(class_sizes, depth, strength))
    alive = subsets(trial, problem)
    heads = [subset_head(problem, live, widths) for live in alive]
    spectra = [optimise.hessian_spectrum(problem, head) for head in heads]
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


@claim(HESSIAN, kind="optimality", cases=[2, 3])
def test_gd_basin__levels(
    trial, depth: DeepDepth, class_sizes: Sizes = (6, 4, 3, 2), strength: Strength = 0.25
):
    """At depths from two on, the objective where the r largest of the classes are at their roots
    and the others at zero is 1/2 - sum_k n_k (1 - f_k) / (2 N) over these r classes. N is the
    number of samples, n_k that of class k, and f_k its scalar objective at its root.
    """
    require_classes(trial, class_sizes)
    problem = problem_of(class_sizes, *shared_decays(class_sizes, depth, strength))
    subsets(trial, problem)  # every class has a root
    largest_first = np.argsort(class_sizes)[::-1]
    levels = landscape.local_minimum_values(
        class_sizes, problem.weight_decays, problem.feature_decay
    )
    values = []
    for n_survivors in range(len(levels)):
        alive = np.isin(np.arange(len(class_sizes)), largest_first[:n_survivors])
        head = subset_head(problem, alive, (len(class_sizes) + 1,) * depth)
        values.append(value_and_slope(problem, head)[0])
    fewer = np.append(0.5, levels[:-1])
    # Products of at most 5 factors of order up to 7 and sums of up to 49 squares take some 100
    # roundings; the rest is room for the roots.
    trial.identity(
        np.array(values), levels, ops=200, scale=1.0, controls={"one class fewer": fewer}
    )


def spectrum_at_zero(class_sizes, weight_decays, feature_decay, widths):
    """Return the Hessian spectrum where all factors are zero, and the number of entries of each."""
    n_classes = len(class_sizes)
    shapes = [
        *zip((*widths[1:], n_classes), widths, strict=True),
        (widths[0], n_classes),
    ]
    *weights, features = [np.zeros(shape) for shape in shapes]
    head = reduced_head(weights, features, None, class_sizes)
    problem = problem_of(class_sizes, weight_decays, feature_decay)
    counts = [rows * columns for rows, columns in shapes]
    return optimise.hessian_spectrum(problem, head), counts


@claim(HESSIAN, kind="optimality")
def test_gd_basin__origin(
    trial,
    class_sizes: Sizes = (5, 3),
    depth: DeepDepth = 2,
    strength: Strength = 0.01,
    first_width: NClasses = 3,
):
    """At depths from two on the Hessian where all factors are zero has the decay of each factor as
    its eigenvalue, once for each entry of the factor: zero is a local minimum.
    """
    require_classes(trial, class_sizes)
    weight_decays, feature_decay = shared_decays(class_sizes, depth, strength)
    widths = tuple(range(first_width, first_width + depth))
    spectrum, counts = spectrum_at_zero(class_sizes, weight_decays, feature_decay, widths)
    exact = np.sort(np.repeat([*weight_decays, feature_decay], counts))
    trial.identity(
        spectrum,
        exact,
        ops=3 * len(spectrum),
        scale=1.0,
        controls={"without the half": 2 * exact},
    )


@claim(HESSIAN, kind="optimality")
def test_gd_basin__shallow(
    trial, class_sizes: Sizes = (5, 3), strength: Strength = 0.01, width: NClasses = 3
):
    """At depth one the Hessian where all factors are zero has, for each class size n_k, the
    eigenvalues (λ_W + λ_H) / 2 ± sqrt((λ_W - λ_H)^2 / 4 + n_k / N^2) for N samples and the decays
    λ_W and λ_H; zero is a saddle if some n_k exceeds N^2 λ_W λ_H.
    """
    require_classes(trial, class_sizes)
    (weight_decay,), feature_decay = shared_decays(class_sizes, 1, strength)
    spectrum, counts = spectrum_at_zero(class_sizes, [weight_decay], feature_decay, (width,))
    sizes = np.array(class_sizes, float)
    mean = (weight_decay + feature_decay) / 2
    half = (weight_decay - feature_decay) / 2
    split = np.sqrt(half**2 + sizes / sizes.sum() ** 2)
    exact = np.sort(np.repeat([mean + split, mean - split], width))
    as_deep = np.sort(np.repeat([weight_decay, feature_decay], counts))
    trial.identity(
        spectrum,
        exact,
        ops=3 * len(spectrum),
        scale=1.0,
        controls={"as at depth two": as_deep},
    )


@claim(HESSIAN, kind="identity", cases=[(1, 3), (1, 5), (2, 3), (2, 5), (3, 4)])
def test_hessian_kernel(
    trial, depth: Depth, width: NClasses, class_sizes: Sizes = (5, 3, 2), strength: Strength = 0.1
):
    """At the global minimum of K classes with layers of width d, the kernel of the Hessian is the
    orbit of rotations, of dimension sum_m [d(d-1) - (d-K)(d-K-1)] / 2 over the layers m.
    """
    problem, optimum = _living(trial, class_sizes, depth, strength, width)
    spectrum = optimise.hessian_spectrum(problem, optimal_head(optimum))
    decay = problem.feature_decay
    exact = landscape.hessian_kernel_dimension([width] * depth, len(class_sizes))
    full = depth * width * (width - 1) // 2
    controls = {"none": np.array([0])} | (
        {"all rotations": np.array([full])} if full > exact else {}
    )
    # Rounding is some 1e-15, and the slowest mode above 1e-3 of it
    flat = np.sum(np.abs(spectrum) < 1e-6 * decay)
    trial.identity(np.array([flat]), np.array([exact]), ops=0, controls=controls)


def _living(trial, class_sizes, depth, strength, width):
    """The problem of equal decays and its optimum; require that each class lives."""
    require_classes(trial, class_sizes)
    trial.require(width >= len(class_sizes), "width must be at least the number of classes")
    decays = shared_decays(class_sizes, depth, strength, ratio=1.0)
    optimum = mean_square.mse_optimum(class_sizes, *decays, widths=[width] * depth)
    require_frame(trial, optimum)
    trial.require(np.all(optimum.alive), "strength must leave every class alive")
    return problem_of(class_sizes, *decays), optimum


@claim(HESSIAN, kind="identity", cases=[(1, 0.01), (1, 0.29), (2, 0.1)])
def test_hessian_kernel__slowest(
    trial, depth: Depth, strength: Strength, class_sizes: Sizes = (5, 3, 2)
):
    """If all factors have one decay λ, the smallest Hessian eigenvalue beside the kernel at the
    global minimum is 2 λ min(1, x), where x is the root of the smallest class: the largest
    solution of β = M x^(M-1) / (1 + x^M)^2 at depth M. At M ≥ 2 it is 2 λ.
    """
    width = len(class_sizes)
    problem, optimum = _living(trial, class_sizes, depth, strength, width)
    spectrum = optimise.hessian_spectrum(problem, optimal_head(optimum))
    decay = problem.feature_decay
    kernel = landscape.hessian_kernel_dimension([width] * depth, width)
    least_root = optimum.roots.min(keepdims=True)
    exact = 2 * decay * np.minimum(1, least_root)
    controls = {"λ": exact / 2}
    if least_root < 0.99:
        controls["2 λ"] = np.array([2 * decay])
    skew_decays = [1.5 * decay] * depth, decay / 1.5**depth
    skew_head = optimal_head(mean_square.mse_optimum(class_sizes, *skew_decays))
    skew_spectrum = optimise.hessian_spectrum(problem_of(class_sizes, *skew_decays), skew_head)
    trial.identity(
        spectrum[kernel : kernel + 1],
        exact,
        ops=3 * len(spectrum),
        scale=spectrum[-1],
        controls=controls,
        control_processes={"unequal decays": skew_spectrum[kernel : kernel + 1]},
    )


@claim(HESSIAN, kind="identity", cases=[(1, 0.01), (1, 0.29), (2, 0.1)])
def test_hessian_kernel__radial(
    trial, depth: Depth, strength: Strength, class_sizes: Sizes = (5, 3, 2)
):
    """If all M + 1 factors have one decay λ, the Hessian at the global minimum has for each class
    the eigenvalue λ (2 + (M + 1) (x^M - 1)), where x is the root of the class: the largest solution
    of β = M x^(M-1) / (1 + x^M)^2.
    """
    problem, optimum = _living(trial, class_sizes, depth, strength, len(class_sizes))
    spectrum = optimise.hessian_spectrum(problem, optimal_head(optimum))
    decay = problem.feature_decay
    exact = landscape.radial_eigenvalues(optimum.roots, decay, depth)
    nearest = spectrum[np.abs(spectrum[:, None] - exact).argmin(axis=0)]
    trial.identity(
        nearest,
        exact,
        ops=3 * len(spectrum),
        scale=spectrum[-1],
        controls={
            "M for M + 1": decay * (2 + depth * (optimum.roots**depth - 1)),
            "without the factor 2 of squares": exact / 2,
        },
    )


@claim(HESSIAN, kind="identity", cases=[0.01, 0.1, 0.29])
def test_hessian_kernel__shallow(trial, strength: Strength, class_sizes: Sizes = (5, 3, 2)):
    """At depth one, width K and one decay λ of weights and features, the Hessian at the global
    minimum has the eigenvalues λ times 0 and 2 + x_k + x_l for k < l, and x_k + x_l and 2 for
    k ≤ l, where x_k = β_k^(-1/2) - 1 belongs to class k of K.
    """
    problem, optimum = _living(trial, class_sizes, 1, strength, len(class_sizes))
    spectrum = optimise.hessian_spectrum(problem, optimal_head(optimum))
    decay = problem.feature_decay
    exact = landscape.shallow_spectrum(optimum.roots, decay)
    trial.identity(
        spectrum,
        exact,
        ops=3 * len(spectrum),
        scale=spectrum[-1],
        controls={
            "no kernel": np.maximum(exact, 2 * decay),
            "roots β^(-1/2)": landscape.shallow_spectrum(optimum.roots + 1, decay),
        },
    )


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
    """At depth one a critical point is a global minimum if and only if the gradient of the loss in
    the logits has a spectral norm of at most sqrt(λ_W λ_H); λ_W and λ_H are the decays of weights
    and features.
    """
    require_classes(trial, class_sizes)
    (weight_decay,), feature_decay = shared_decays(class_sizes, 1, strength)
    problem = problem_of(class_sizes, [weight_decay], feature_decay)
    widths = (len(class_sizes) + 1,)
    heads = [subset_head(problem, alive, widths) for alive in subsets(trial, problem)]
    spectra = [optimise.hessian_spectrum(problem, head) for head in heads]
    is_minimum = [int(spectrum[0] > -1e-9 * spectrum[-1]) for spectrum in spectra]
    gradients = [shallow_loss_gradient(head, class_sizes) for head in heads]
    passes = np.array(
        [
            int(landscape.is_global_shallow(gradient, weight_decay, feature_decay))
            for gradient in gradients
        ]
    )
    norms = np.array([np.linalg.norm(gradient, 2) for gradient in gradients])
    rivals = {
        "all critical points": np.ones(len(passes), int),
        "the limit λ_W λ_H": (norms <= weight_decay * feature_decay).astype(int),
    }
    trial.identity(np.array(is_minimum), passes, ops=0, controls=apart(trial, passes, 0.1, rivals))


@claim(CONVEX, kind="optimality")
def test_cert_M1__gap(trial, class_sizes: Sizes = (6, 4, 3, 2), strength: Strength = 0.06):
    """At depth one the negative gradient of the loss in the logits, at the critical point where all
    classes survive, is a feasible point of the dual problem, and its dual value is the global
    minimum of the objective.
    """
    require_classes(trial, class_sizes)
    (weight_decay,), feature_decay = shared_decays(class_sizes, 1, strength)
    problem = problem_of(class_sizes, [weight_decay], feature_decay)
    every_class = subsets(trial, problem)[-1]
    head = subset_head(problem, every_class, (len(class_sizes) + 1,))
    gradient = shallow_loss_gradient(head, class_sizes)
    samples = np.repeat(-gradient / np.sqrt(np.array(class_sizes, float)), class_sizes, axis=1)
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    value = mean_square.mse_optimum(class_sizes, [weight_decay], feature_decay).value
    product = weight_decay * feature_decay
    without_root = mean_square.mse_optimum(class_sizes, [product], product).value
    trial.gap(
        value_and_slope(problem, head)[0],
        landscape.dual_bound(samples, labels, weight_decay, feature_decay),
        value,
        margin=1e-9,
        scale=1.0,
        # Sums over up to 6 classes and 6,000 samples, which NumPy adds in pairs; all are at most 1.
        ops=100,
        controls={"λ_W λ_H without its root": without_root},
    )


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
    """At depth one the least objective is that of the convex program min loss(X D^(-1/2)) +
    sqrt(λ_W λ_H) |X|_* over K x K matrices X. D holds the class sizes, |X|_* is the nuclear norm,
    and λ_W and λ_H are the decays.
    """
    require_classes(trial, class_sizes)
    (weight_decay,), feature_decay = shared_decays(class_sizes, 1, strength)
    trial.require(
        sum(class_sizes) <= 1000,
        "class_sizes must add up to 1000 at most: the dual has a column for each",
    )
    program = certificates.nuclear_norm_optimum(class_sizes, weight_decay, feature_decay, bias=bias)
    sizes = np.array(class_sizes, float)
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    residual = np.repeat(program.dual * sizes.sum() / np.sqrt(sizes), class_sizes, axis=1)
    feasible = landscape.rescaled_dual(residual, weight_decay, feature_decay, bias=bias)
    value = mean_square.mse_optimum(class_sizes, [weight_decay], feature_decay, bias=bias).value
    product = weight_decay * feature_decay
    ones = (1,) * len(class_sizes)
    rivals = {
        "no root": mean_square.mse_optimum(class_sizes, [product], product, bias=bias).value,
        "without D": mean_square.mse_optimum(ones, [weight_decay], feature_decay, bias=bias).value,
    }
    primal = convex_value(program, class_sizes, weight_decay, feature_decay)
    dual = landscape.dual_bound(feasible, labels, weight_decay, feature_decay, bias=bias)
    trial.gap(
        primal,
        dual,
        value,
        margin=1e-7,
        scale=1.0,
        # Sums over up to 12 classes and 1,000 samples, which NumPy adds in pairs, and a nuclear
        # norm of order up to 12; all parts are at most 1.
        ops=100,
        controls=apart(trial, value, 1e-7, rivals),
    )


@claim(SPLIT, kind="bound")
def test_cert_deep_mse(
    trial,
    n_instances: Annotated[
        int, Interval(10, 100, why="some must end at the optimum, and each takes descents")
    ] = 20,
    per_instance: Annotated[int, Interval(1, 20)] = 4,
):
    """For any depth and widths, with a bias or without, no parameters have an objective below the
    theory's least value f*.
    """
    rng = trial.generator("instances")
    value = []
    least = []
    for index in range(n_instances):
        sizes, weight_decays, feature_decay, depth = _instance(rng)
        bias = bool(index % 2)
        widths = tuple(int(w) for w in rng.integers(1, 7, depth))
        problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
        ends = optimise.optima(problem, trial.key(f"{index}"), per_instance, widths=widths)
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
        optimum = mean_square.mse_optimum(
            sizes, weight_decays, feature_decay, widths=widths, bias=bias
        )
        least += [optimum.value] * (2 * per_instance)
    trial.bound(
        np.array(least),
        np.array(value),
        instances="draws",
        independent=n_instances,  # the heads of one instance share its data and start from one end
        # Products of at most 4 factors of order up to 6 and sums of up to 36 squares take some 100
        # roundings; the rest is room.
        ops=200,
        control_processes={"1.01 f*": 1.01 * np.array(least)},
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
            mean_square.mse_optimum(sizes, weight_decays, feature_decay, bias=bias)
            for bias in (False, True)
        ]
        betas = np.concatenate([optimum.betas for optimum in optima])
        away = np.all(np.abs(betas / mean_square.global_threshold(depth) - 1) > 0.03)
        if away and all(np.any(optimum.alive) for optimum in optima):
            return sizes, tuple(weight_decays), feature_decay, depth


@claim(CONVEX, kind="optimality", cases=range(10))
def test_two_sided__shallow(trial, instance: Natural):
    """At depth one, on random instances, a descent from above and the dual bound from below meet at
    the theory's least objective.
    """
    # The instance is the same for every seed; the descent differs.
    sizes, weight_decays, feature_decay, _ = _instance(
        np.random.default_rng([1, instance]), depths=(1,)
    )
    bias = bool(instance % 2)
    counts = np.array(sizes, float)
    problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
    end = optimise.best_of(problem, trial.key("start"), 1, widths=(len(sizes) + 1,))
    outputs = np.asarray(end.head.weights[0]) @ np.asarray(end.head.features)
    residual = (
        np.diag(np.sqrt(counts))
        - outputs
        - np.outer(np.asarray(end.head.bias) * bias, np.sqrt(counts))
    )
    dual = certificates.dual_value(
        residual / counts.sum(), sizes, weight_decays[0], feature_decay, bias=bias
    )
    value = mean_square.mse_optimum(sizes, weight_decays, feature_decay, bias=bias).value
    heavier = mean_square.mse_optimum(
        sizes, [1.01 * weight_decays[0]], feature_decay, bias=bias
    ).value
    trial.gap(
        end.value,
        dual,
        value,
        margin=1e-9,
        scale=1.0,
        # Sums of up to 30 squares and a spectral norm of order up to 5; all parts are at most 1.
        ops=100,
        controls={"decays 1 % larger": heavier},
    )


@claim(SPLIT, kind="optimality", cases=range(10))
def test_two_sided__deep(trial, instance: Natural):
    """At depths two and three, on random instances, descents from above and a search over Schatten
    quasi-norms from below meet at the theory's least objective.
    """
    # The instance is the same for every seed; the descents differ.
    sizes, weight_decays, feature_decay, depth = _instance(
        np.random.default_rng([2, instance]), depths=(2, 3)
    )
    bias = instance % 4 == 1
    narrow = instance % 4 == 3
    widths = (*[8] * (depth - 1), 2 if narrow else 8)
    problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
    optimum = mean_square.mse_optimum(sizes, weight_decays, feature_decay, widths=widths, bias=bias)
    more = [1.01 * decay for decay in weight_decays]
    heavier = mean_square.mse_optimum(sizes, more, feature_decay, widths=widths, bias=bias).value
    dual = schatten_bound(problem, widths)
    trial.gap(
        lowest(problem, trial.key("starts"), 2, widths).value,
        dual,
        optimum.value,
        margin=1e-8,
        scale=1.0,
        # Products of at most 4 factors of order up to 8 and sums of up to 64 squares take some 100
        # roundings.
        ops=100,
        controls={"decays 1 % larger": heavier},
    )
