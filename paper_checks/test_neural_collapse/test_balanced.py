"""Balanced classes: the value of the optimum and its frames, without bias, with bias, and behind a
bottleneck.

The scalar problem of each direction of the labels: its thresholds, and its limit of small
decays.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from paper_checks.test_neural_collapse import (
    DEEP,
    MARGIN,
    SPLIT,
    Depth,
    NClasses,
    PerClass,
    Sizes,
    Starts,
    Strength,
    Width,
)
from paper_checks.test_neural_collapse.problems import (
    apart,
    data_values,
    found_optimum,
    grams,
    lowest,
    normalised_error,
    problem_of,
    require_classes,
    schatten_bound,
    searched_minimum,
    shared_decays,
)
from theory.neural_collapse import collapse_geometry, landscape, mean_square
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval


@claim(
    SPLIT,
    kind="optimality",
    cases=[
        (1, 8, False),
        (2, 8, False),
        (3, 8, False),
        (1, 8, True),
        (2, 8, True),
        (2, 2, False),
        (2, 2, True),
    ],
)
def test_bal_nobias_value(
    trial,
    depth: Depth,
    width: Width,
    bias: bool,
    strength: Strength = 0.15,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
    starts: Starts = 1,
):
    """For K balanced classes at any depth M and least width R, the least objective is R [1/(1 +
    x^M) + β x] / (2 K) + (K - b - R) / (2 K), where x minimises 1/(1 + x^M) + β x over x >= 0, β =
    M K (N Λ)^(1/M) for N samples and the product Λ of all decays, and b is 1 with a bias, else 0.
    """
    sizes = (per_class,) * n_classes
    widths = (n_classes + 4,) * (depth - 1) + (width,)
    problem = problem_of(sizes, *shared_decays(sizes, depth, strength), bias=bias)
    beta = strength * mean_square.global_threshold(depth)
    directions = n_classes - bias
    survivors = min(directions, *widths)

    def total(x):
        alive = float(mean_square.scalar_objective(x, beta, depth))
        return (survivors * alive + directions - survivors) / (2 * n_classes)

    root = mean_square.global_root(beta, depth)
    value = total(root)
    rivals = {
        "n for N": total(mean_square.largest_root(beta * n_classes ** -(1 + 1 / depth), depth))
    }
    if width < directions:
        rivals["no bottleneck"] = (
            directions * float(mean_square.scalar_objective(root, beta, depth)) / (2 * n_classes)
        )
    if depth > 1:
        peak = ((depth - 1) / (depth + 1)) ** (1 / depth)  # of the scalar equation
        smallest = brentq(
            lambda x: depth * x ** (depth - 1) / (1 + x**depth) ** 2 - beta, 0, peak, xtol=1e-15
        )
        rivals["the smallest root"] = total(smallest)
    primal = lowest(problem, trial.key("starts"), starts, widths).value
    controls = apart(trial, value, 1e-8, rivals)
    trial.gap(
        primal,
        schatten_bound(problem, widths),
        value,
        margin=1e-8,
        scale=1.0,
        # Four classes at depth 3 have sums of 64 squares and products of four matrices of order 8.
        ops=100,
        controls=controls,
    )


def _metrics(problem, head, frame):
    """All collapse metrics of a head with one column per sample, against one frame everywhere."""
    labels = np.repeat(np.arange(problem.n_classes), problem.class_sizes)
    nc = collapse_geometry.nc_metrics(
        [np.asarray(layer) for layer in head.weights],
        np.asarray(head.features),
        labels,
        collapse_geometry.frame_targets(frame, problem.depth),
        centred=problem.bias,
    )
    return np.array(
        [nc.within_class, *nc.suffix_frames, nc.feature_frame, nc.logit_frame, nc.duality]
    )


def _found_wide(trial, depth, strength, spare, n_classes, per_class, bias):
    """The problem and its lowest end with a column per sample, for widths of K and more."""
    sizes = (per_class,) * n_classes
    widths = (n_classes + spare,) * depth
    trial.require(
        n_classes * per_class <= 60,
        "n_classes * per_class must be at most 60: each sample has a column",
    )
    problem = problem_of(sizes, *shared_decays(sizes, depth, strength), bias=bias)
    return problem, found_optimum(trial, problem, widths, reduced=False)


def _decide_metrics(trial, problem, end, frame, wrong):
    """Decide that all metrics of collapse to a frame are zero, and not to wrong ones."""
    metrics = _metrics(problem, end.head, frame(problem.n_classes))
    trial.value(
        metrics,
        np.zeros(len(metrics)),
        error=normalised_error(problem, end),
        margin=MARGIN,
        scale=1.0,
        control_processes={
            name: _metrics(problem, end.head, of(problem.n_classes)) for name, of in wrong.items()
        },
    )


Spare = Annotated[int, Interval(0, 8)]


@claim(DEEP, kind="optimality", cases=[1, 2, 3])
def test_bal_nobias_NC(
    trial,
    depth: Depth,
    strength: Strength = 0.15,
    spare: Spare = 4,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """For balanced classes without a bias, all features of a class are equal at the global minimum,
    and features, layers and logits form one orthogonal frame, at any depth.
    """
    problem, end = _found_wide(trial, depth, strength, spare, n_classes, per_class, bias=False)
    wrong = {"simplex frame": collapse_geometry.simplex_etf}
    _decide_metrics(trial, problem, end, collapse_geometry.orthogonal_frame, wrong)


@claim(DEEP, kind="optimality", cases=[1, 2])
def test_bal_bias_NC(
    trial,
    depth: Depth,
    strength: Strength = 0.15,
    spare: Spare = 4,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """For K balanced classes with a bias, the frame of the global minimum is a simplex, the bias is
    1/K, and the mean of all features is zero, at any depth.
    """
    problem, end = _found_wide(trial, depth, strength, spare, n_classes, per_class, bias=True)
    wrong = {"orthogonal frame": collapse_geometry.orthogonal_frame}
    _decide_metrics(trial, problem, end, collapse_geometry.simplex_etf, wrong)
    gram = mean_square.mse_optimum(
        problem.class_sizes, problem.weight_decays, problem.feature_decay
    ).feature_gram
    mean = np.linalg.norm(np.asarray(end.head.features).mean(axis=1)) / np.sqrt(gram[0, 0])
    without = np.sqrt(gram.sum() / gram[0, 0]) / n_classes
    even = np.full(n_classes, 1 / n_classes)
    trial.value(
        [*np.asarray(end.head.bias), mean],
        [*even, 0.0],
        error=normalised_error(problem, end) / min(1.0, np.sqrt(gram[0, 0])),
        margin=MARGIN,
        controls={"no bias": [*(0 * even), 0.0], "a mean as without bias": [*even, without]},
    )


def bottleneck(trial, bias, width, depth, strength, n_classes, per_class):
    """A balanced problem with a last width below the number of classes, its widths, the lowest end
    of descents, and the Gram matrices there with trace one.
    """
    sizes = (per_class,) * n_classes
    widths = (n_classes + 4,) * (depth - 1) + (width,)
    trial.require(
        width < n_classes - bias,
        "width must be a bottleneck: below the number of directions of the labels",
    )
    problem = problem_of(sizes, *shared_decays(sizes, depth, strength), bias=bias)
    end = found_optimum(trial, problem, widths)
    matrices = np.stack([matrix / np.trace(matrix) for matrix in grams(problem, end.head).values()])
    return problem, widths, end, matrices


@claim(DEEP, kind="optimality", cases=[False, True])
def test_bal_nobias_NC__bottleneck(
    trial,
    bias: bool,
    width: Width = 2,
    depth: Depth = 2,
    strength: Strength = 0.15,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """If some layer has a width R below the number of classes, the frame of the global minimum of
    balanced classes is a projection of rank R; with a bias, a projection in the simplex's space.
    """
    problem, _, end, matrices = bottleneck(
        trial, bias, width, depth, strength, n_classes, per_class
    )
    directions = n_classes - bias
    on_ones = np.sum(matrices, axis=(1, 2)) if bias else np.zeros(0)  # a simplex has no mean

    def projection(dimension):
        spectrum = np.repeat([0, 1 / dimension], [n_classes - dimension, dimension])
        return np.concatenate([np.tile(spectrum, len(matrices)), np.zeros(len(on_ones))])

    spectra = np.linalg.eigvalsh((matrices + matrices.transpose(0, 2, 1)) / 2)
    measured = np.concatenate([spectra.ravel(), on_ones])
    controls = {"the whole frame": projection(directions)}
    error = normalised_error(problem, end)
    trial.value(measured, projection(width), error=error, margin=MARGIN, controls=controls)


@claim(
    derived("equal classes may change places, and a frame that this changes is one of many"),
    kind="optimality",
    cases=[False, True],
)
def test_bal_nobias_NC__tied(
    trial,
    bias: bool,
    width: Width = 2,
    depth: Depth = 2,
    strength: Strength = 0.15,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """If some layer has a width below the number of classes, balanced classes have many global
    minima with different frames.
    """
    problem, widths, _, matrices = bottleneck(
        trial, bias, width, depth, strength, n_classes, per_class
    )
    is_moved = np.abs(np.roll(matrices, 1, axis=(1, 2)) - matrices).max() > MARGIN
    decays = problem.weight_decays, problem.feature_decay
    is_tied = mean_square.mse_optimum(
        problem.class_sizes, *decays, widths=widths, bias=bias
    ).cut_is_tied
    trial.identity(
        np.array([int(is_moved)]),
        np.array([int(is_tied)]),
        ops=0,
        controls={"one frame": np.array([0])},
    )


ShallowDepth = Annotated[int, Interval(1, 4)]
AnyDepth = Annotated[int, Interval(1, 30)]
Off = Annotated[
    float,
    Interval(1e-3, 0.02, why="nearer the objectives tie, further the thresholds of others are met"),
]


def best_share(beta, depth, n_samples_per_class=3, n_classes=4):
    """The best σ / sqrt(n) for balanced classes by brute force in σ, and the objective."""
    n_samples = n_samples_per_class * n_classes
    lambda_product = (beta / (depth * n_classes)) ** depth / n_samples
    factors = depth + 1

    def cost(share):
        fit = (1 - share) ** 2 * n_samples_per_class / (2 * n_samples)
        return fit + factors / 2 * (lambda_product * n_samples_per_class * share**2) ** (
            1 / factors
        )

    grid = np.linspace(0, 1, 20001)
    best = int(np.argmin(cost(grid)))
    if best == 0:
        return 0.0, cost
    bounds = grid[best - 1], grid[min(best + 1, 20000)]
    return float(
        minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    ), cost


def root_share(beta, depth, threshold):
    """The share σ / sqrt(n) at the largest root below a threshold, 0 from there on or where no root
    exists.
    """
    alive = beta < min(threshold, mean_square.existence_threshold(depth))
    return (
        float(mean_square.shrinkage(mean_square.largest_root(beta, depth), depth)) if alive else 0.0
    )


@claim(SPLIT, kind="limit", cases=[1, 2, 3, 6])
def test_bal_threshold(
    trial, depth: AnyDepth, n_classes: NClasses = 4, per_class: PerClass = 3, off: Off = 1e-3
):
    """For K balanced classes at depth M >= 2, a class is not mapped to zero at the global minimum
    if and only if K (N Λ)^(1/M) < (M - 1)^((M - 1)/M) / M^2, for N samples and the product Λ of all
    decays.
    """
    threshold = mean_square.global_threshold(depth)
    existence = mean_square.existence_threshold(depth)
    betas = [(1 - off) * threshold, (1 + off) * threshold]
    rules = {"K + 1 for K": threshold * n_classes / (n_classes + 1)}
    if depth > 1:  # at depth one there is one threshold
        betas.append((threshold + existence) / 2)
        rules |= {
            "where a root exists": existence,
            "threshold M^((M-1)/M) / M": depth ** (-1 / depth),
        }

    def shares(rule):
        return np.array([root_share(beta, depth, rule) for beta in betas])

    controls = {name: shares(rule) for name, rule in rules.items()}
    controls["without the fit"] = np.where(shares(threshold) > 0, 1.0, 0.0)
    trial.value(
        [best_share(beta, depth, per_class, n_classes)[0] for beta in betas],
        shares(threshold),
        # Rounding u of a cost of curvature c hides the place of its minimum by sqrt(u / c), and c >
        # 1e-2 here.
        error=1e-6,
        margin=4e-6,
        controls=apart(trial, shares(threshold), 4e-6, controls),
    )


@claim(SPLIT, kind="identity", cases=[2, 3, 6])
def test_bal_threshold__jump(
    trial,
    depth: Annotated[int, Interval(2, 12, why="at depth one nothing jumps; the top is a cap")],
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """At the threshold K (N Λ)^(1/M) = (M - 1)^((M - 1)/M) / M^2 of K balanced classes at depth
    M >= 2, mapping all classes to zero costs the same as keeping the share (M - 1)/M of the labels.
    N is the number of samples and Λ the product of all decays.
    """
    threshold = mean_square.global_threshold(depth)
    _, cost = best_share(threshold, depth, per_class, n_classes)
    jump = (depth - 1) / depth
    existence = mean_square.existence_threshold(depth)
    _, cost_at_existence = best_share(existence, depth, per_class, n_classes)
    trial.identity(
        cost(jump),
        cost(0.0),
        ops=20 * depth,
        control_processes={"where a root exists": cost_at_existence(jump)},
    )


@claim(
    SPLIT,
    kind="optimality",
    cases=[
        (depth, off, bias)
        for depth in (1, 2, 3)
        for off, bias in ((-0.03, False), (0.03, False), (0.03, True))
    ],
)
def test_bal_threshold__descent(
    trial,
    depth: ShallowDepth,
    off: Annotated[float, Interval(-0.2, 0.2, why="about the threshold; the ends are caps")],
    bias: bool,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
    starts: Starts = 1,
):
    """Descents on K balanced classes end at the objective 1/2 just above the threshold of the
    decays, (K - 1)/(2 K) with a bias, and at the collapsed frame just below it.
    """
    trial.require(
        abs(off) >= 1e-3, "off must be 0.001 or more: nearer to the threshold both minima tie"
    )
    beta = (1 + off) * mean_square.global_threshold(depth)
    rank = n_classes - bias
    trial.require(
        beta < mean_square.existence_threshold(depth) or depth == 1,
        "off must leave the equation a root",
    )
    sizes = (per_class,) * n_classes
    widths = (n_classes + 4,) * depth
    decays = shared_decays(sizes, depth, 1 + off)
    problem = problem_of(sizes, *decays, bias=bias)
    dead = rank / (2 * n_classes)
    value = dead if off > 0 else mean_square.mse_optimum(sizes, *decays, bias=bias).value
    # Thresholds of K - 1 classes: these directions would still be alive.
    shrunk = mean_square.global_root(beta * (n_classes - 1) / n_classes, depth)
    rivals = {"K - 1 for K": dead * float(mean_square.scalar_objective(shrunk, beta, depth))}
    if off < 0:
        rivals["nothing alive"] = dead
    elif depth > 1:
        root = mean_square.largest_root(beta, depth)
        rivals["where a root exists"] = dead * float(
            mean_square.scalar_objective(root, beta, depth)
        )
    # Four classes at depth 3 have sums of 64 squares and products of four matrices of order 8.
    options = {"margin": 1e-8, "scale": 1.0, "ops": 100}
    primal = lowest(problem, trial.key("starts"), starts, widths).value
    dual = schatten_bound(problem, widths)
    trial.gap(primal, dual, value, controls=apart(trial, value, 1e-8, rivals), **options)


@claim(
    SPLIT, kind="optimality", cases=[1, 2, 3], route="a grid in one singular value, in the check"
)
def test_largest_decay(trial, depth: AnyDepth, class_sizes: Sizes = (6, 4, 2), off: Off = 1e-3):
    """If all factors have the same decay at depth M, every class survives if and only if it is
    below ((n_min β_gl / (M N))^M / N)^(1/(M+1)), for N samples, of which the smallest class has
    n_min, and β_gl = (M - 1)^((M - 1)/M) / M.
    """
    trial.require(
        len(set(class_sizes)) > 1, "class_sizes must differ: equal ones have one threshold"
    )
    largest = landscape.largest_common_decay(class_sizes, depth)
    smallest = min(class_sizes)
    grid = np.linspace(0, 1, 100_001)
    alive = []
    for decay in ((1 - off) * largest, (1 + off) * largest):
        norms = (depth + 1) / 2 * decay * (smallest * grid**2) ** (1 / (depth + 1))
        cost = (1 - grid) ** 2 * smallest / (2 * sum(class_sizes)) + norms
        alive.append(int(np.argmin(cost) > 0))
    by_largest = largest * (max(class_sizes) / smallest) ** (depth / (depth + 1))
    trial.require(by_largest > (1 + off) * largest, "class_sizes must differ by more than off")
    controls = {"the largest class for the smallest": np.array([1, 1])}
    trial.identity(np.array(alive), np.array([1, 0]), ops=0, controls=controls)


def shrinkage_of(trial, class_sizes, depth, decay):
    """The slope of the penalty in each singular value of the logits, and the largest relative
    decrease of one by it, to first order; required to be below 1e-4.
    """
    require_classes(trial, class_sizes)
    sizes = np.array(class_sizes, float)
    slopes = decay * sizes ** (1 / (depth + 1) - 0.5)
    shrunk = sum(class_sizes) * np.max(slopes / np.sqrt(sizes))
    trial.require(
        shrunk < 1e-4, "decay must be so small that W Hbar is I up to 1e-4: times N, below 1e-4"
    )
    return slopes, shrunk


@claim(SPLIT, kind="limit", cases=[1, 2, 3])
def test_small_decay__logits(
    trial,
    depth: ShallowDepth,
    class_sizes: Sizes = (6, 4, 2, 1),
    decay: Annotated[
        float, Interval(1e-9, 1e-6, why="small, and its effect above rounding")
    ] = 1e-7,
):
    """As the decays vanish, the logits W Hbar of the class means at the global minimum tend to the
    identity, whatever the class sizes and the depth.
    """
    _, shrunk = shrinkage_of(trial, class_sizes, depth, decay)
    problem = problem_of(class_sizes, [decay] * depth, decay)
    end = lowest(problem, trial.key("starts"), 1, (len(class_sizes) + 4,) * depth)
    frequencies = np.array(class_sizes) / max(class_sizes)
    trial.value(
        np.diag(grams(problem, end.head)["logits"]),
        np.ones(len(class_sizes)),
        error=0.0,
        slack=1.01 * shrunk,
        margin=2e-4,
        controls=apart(trial, 1.0, 2e-4, {"as the frequency of the class": frequencies}),
    )


@claim(SPLIT, kind="limit", cases=[1, 2, 3])
def test_small_decay(
    trial,
    depth: ShallowDepth,
    class_sizes: Sizes = (6, 4, 2, 1),
    decay: Annotated[
        float, Interval(1e-9, 1e-6, why="small, and its effect above rounding")
    ] = 1e-7,
):
    """As the decays vanish, the least objective tends to (L/2) Λ^(1/L) sum_k n_k^(1/L) for L = M +
    1 factors, the product Λ of their decays, and class sizes n_k.
    """
    sizes = np.array(class_sizes, float)
    factors = depth + 1
    decays = [decay] * depth
    n_samples = sum(class_sizes)
    slopes, _ = shrinkage_of(trial, class_sizes, depth, decay)
    values = data_values(class_sizes, bias=False)
    least = searched_minimum(values, n_samples, decays, decay, len(class_sizes))
    strength = factors / 2 * decay * np.sum(sizes ** (1 / factors))
    # Each singular value moves down by N slope, which gains N slope^2 / 2; 1 % for the next terms.
    nuclear = np.sum(sizes**0.5) if depth > 1 else np.sum(sizes)
    slack = n_samples * np.sum(slopes**2) / 2 / strength * 1.01
    norm_controls = {"L for L / 2": 2.0}
    if max(class_sizes) > 1:  # of single samples all norms are one
        norm_controls["another norm"] = nuclear / np.sum(sizes ** (1 / factors))
    trial.value(
        least / strength,
        1.0,
        error=1e-12 / strength,
        slack=slack,
        margin=1e-3,
        controls=norm_controls,
    )
