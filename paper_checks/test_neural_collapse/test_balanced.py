"""Balanced classes: the value of the optimum and its frames, without bias, with bias, and behind a
bottleneck.

The scalar problem of each direction of the labels has a threshold, beyond which all is zero.
"""

from typing import Annotated

import numpy as np

from paper_checks.test_neural_collapse import (
    DEEP,
    MARGIN,
    SPLIT,
    THRESHOLDS,
    Depth,
    NClasses,
    PerClass,
    Starts,
    Strength,
    Width,
)
from paper_checks.test_neural_collapse.problems import (
    apart,
    brute_force_minimum,
    found_optimum,
    gram_error,
    grams,
    lowest,
    problem_of,
    schatten_bound,
    shared_decays,
)
from sims.neural_collapse import collapse_metrics
from theory.neural_collapse import mean_square
from theory_on_trial import claim, tried
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
    """Under the square loss, for $K$ balanced classes at any depth $M$, the least objective is
    $R [1/(1 + x^M) + β x] / (2 K) + (K - b - R) / (2 K)$, where $x$ minimises $1/(1 + x^M) + β x$
    over $x >= 0$, $β = M K (N Λ)^(1/M)$ for $N$ samples and the product $Λ$ of all decays, and $b$
    is 1 with a bias, else 0. $R$ is the least width, but at most $K - b$, the number of directions
    of the labels.
    """
    sizes = (per_class,) * n_classes
    widths = (n_classes + 4,) * (depth - 1) + (width,)
    problem = problem_of(sizes, *shared_decays(sizes, depth, strength), bias=bias)
    beta = strength * mean_square.global_threshold(depth)
    directions = n_classes - bias
    rank = min(directions, *widths)

    def total(root, rank):
        alive = float(mean_square.scalar_objective(root, beta, depth))
        return (rank * alive + directions - rank) / (2 * n_classes)

    root = mean_square.global_root(beta, depth)
    least = total(root, rank)
    # β = M N (N Λ)^(1/M) / n with n for both N.
    root_of_n = mean_square.largest_root(beta * n_classes ** -(1 + 1 / depth), depth)
    rivals = {"$n$ for $N$": total(root_of_n, rank)}
    if width < directions:
        rivals["no bottleneck"] = total(root, directions)
    trial.gap(
        lowest(problem, trial.key("starts"), starts, widths).value,
        schatten_bound(problem, widths),
        least,
        margin=1e-8,
        scale=1.0,
        # Four classes at depth 3 have sums of 64 squares and products of four matrices of order 8.
        ops=100,
        controls=apart(trial, least, 1e-8, rivals),
        generic="only starts of descents are drawn, and the dual bound certifies their ends",
    )


def collapsed_to(problem, head, frame):
    """The M + 4 distances of a head from collapse to one frame everywhere: NC1, NC2 of W_M ... W_m
    for each m, NC2 of the class means, NC3 of the logits, and NC3 of W_M ... W_1 with class means.
    """
    layers = np.repeat(frame[None], problem.depth, axis=0)
    parallel = np.eye(len(frame))  # W_M ... W_1 is a multiple of Hbar^T
    targets = collapse_metrics.Targets(layers, frame, frame, parallel)
    return np.hstack(collapse_metrics.collapse(head, problem, targets))


def collapse_error(problem, end):
    """Return by how much a distance of `collapsed_to` may be wrong: `gram_error` of all entries of
    a matrix together, over the norm of the smallest matrix.
    """
    suffix = np.eye(problem.n_classes)  # W_M ... W_m
    norms = [np.linalg.norm(gram) for gram in grams(problem, end.head).values()]
    for layer in end.head.weights[::-1]:
        suffix = suffix @ np.asarray(layer)
        norms.append(np.linalg.norm(suffix @ suffix.T))
    return 2 * problem.n_classes**2 * gram_error(problem, end) / min(norms)


def _found_wide(trial, depth, strength, spare, n_classes, per_class, bias):
    """The pair (problem, lowest end with a column of features per sample), for equal widths of K
    and `spare` more.
    """
    sizes = (per_class,) * n_classes
    widths = (n_classes + spare,) * depth
    trial.require(
        n_classes * per_class <= 60,
        "n_classes * per_class must be at most 60: each sample has a column",
    )
    problem = problem_of(sizes, *shared_decays(sizes, depth, strength), bias=bias)
    return problem, found_optimum(trial, problem, widths, reduced=False)


Spare = Annotated[int, Interval(0, 8)]
"""By how much each width exceeds K."""


@claim(tried(DEEP, "the orthogonal frame"), kind="optimality", cases=[1, 2, 3])
def test_bal_nobias_NC(
    trial,
    depth: Depth,
    strength: Strength = 0.15,
    spare: Spare = 4,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """For $K$ balanced classes without a bias, widths of at least $K$ and decays that leave the
    classes alive, all features of a class are equal at the global minimum of the square loss, and
    features, layers and logits form one orthogonal frame, at depths from one to four.
    """
    problem, end = _found_wide(trial, depth, strength, spare, n_classes, per_class, bias=False)
    orthogonal = mean_square.orthogonal_frame(n_classes)
    simplex = mean_square.simplex_etf(n_classes)
    trial.value(
        collapsed_to(problem, end.head, orthogonal),
        np.zeros(depth + 4),
        error=collapse_error(problem, end),
        margin=MARGIN,
        scale=1.0,
        control_processes={"simplex frame": collapsed_to(problem, end.head, simplex)},
        instances="search",
    )


@claim(
    tried(DEEP, "the bias and the mean of the features"),
    kind="optimality",
    cases=[1, 2],
)
def test_bal_bias_NC(
    trial,
    depth: Depth,
    strength: Strength = 0.15,
    spare: Spare = 4,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """For $K$ balanced classes with a bias, widths of at least $K$ and decays that leave the
    classes alive, the frame of the global minimum of the square loss is a simplex, the bias is
    $1/K$, and the mean of all features is zero, at depths from one to four.
    """
    problem, end = _found_wide(trial, depth, strength, spare, n_classes, per_class, bias=True)
    decays = problem.weight_decays, problem.feature_decay
    unbiased = mean_square.mse_optimum(problem.class_sizes, *decays)
    length = np.sqrt(unbiased.feature_gram[0, 0])  # of a feature without a bias
    mean = np.linalg.norm(np.asarray(end.head.features).mean(axis=1)) / length
    mean_of_orthogonal = np.sqrt(unbiased.feature_gram.sum()) / length / n_classes  # 1 / sqrt(K)

    def measured(frame):
        return [*collapsed_to(problem, end.head, frame), *np.asarray(end.head.bias), mean]

    def stated(bias, mean):
        return [*np.zeros(depth + 4), *np.full(n_classes, bias), mean]

    orthogonal = mean_square.orthogonal_frame(n_classes)
    trial.value(
        measured(mean_square.simplex_etf(n_classes)),
        stated(1 / n_classes, 0.0),
        error=collapse_error(problem, end) / min(1.0, length),
        margin=MARGIN,
        scale=1.0,
        controls={
            "a bias of zero": stated(0.0, 0.0),
            "the mean of orthogonal features": stated(1 / n_classes, mean_of_orthogonal),
        },
        control_processes={"orthogonal frame": measured(orthogonal)},
        instances="search",
    )


@claim(
    tried(DEEP, "a layer that is narrower than the labels"),
    kind="optimality",
    cases=[False, True],
)
def test_bal_nobias_NC__bottleneck(
    trial,
    bias: bool,
    width: Width = 2,
    depth: Depth = 2,
    strength: Strength = 0.15,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """Let some layer have a width $R$ below the number of directions of the labels, $K$ without a
    bias and $K - 1$ with one. Then the Gram matrices and the logits of the global minimum of the
    square loss for $K$ balanced classes are multiples of projections onto $R$ dimensions; with a
    bias, these map the vector of ones to zero, as a simplex does.
    """
    directions = n_classes - bias
    trial.require(
        width < directions,
        "width must be a bottleneck: below the number of directions of the labels",
    )
    sizes = (per_class,) * n_classes
    problem = problem_of(sizes, *shared_decays(sizes, depth, strength), bias=bias)
    end = found_optimum(trial, problem, (n_classes + 4,) * (depth - 1) + (width,))
    matrices = np.stack([matrix / np.trace(matrix) for matrix in grams(problem, end.head).values()])
    spectra = np.linalg.eigvalsh((matrices + matrices.transpose(0, 2, 1)) / 2)
    # 1^T G 1 of each matrix G, zero with a bias only.
    on_ones = np.sum(matrices, axis=(1, 2)) if bias else np.zeros(0)

    def projections(rank):
        """The spectra of projections over their traces, and zeros for `on_ones`."""
        spectrum = np.repeat([0, 1 / rank], [n_classes - rank, rank])
        return np.concatenate([np.tile(spectrum, len(matrices)), np.zeros(len(on_ones))])

    trial.value(
        np.concatenate([spectra.ravel(), on_ones]),
        projections(width),
        error=collapse_error(problem, end),
        margin=MARGIN,
        controls={"the frame without a bottleneck": projections(directions)},
        instances="search",
    )


FewLayers = Annotated[int, Interval(1, 4)]
AnyDepth = Annotated[int, Interval(1, 30)]
Off = Annotated[
    float,
    Interval(1e-3, 0.02, why="nearer both minima tie, farther another rule says the same"),
]
"""How far β is from its threshold, relative to that."""


@claim(THRESHOLDS, kind="limit", cases=[1, 2, 3, 6])
def test_bal_threshold(
    trial, depth: AnyDepth, n_classes: NClasses = 4, per_class: PerClass = 3, off: Off = 1e-3
):
    """For $K$ balanced classes at depth $M$ under the square loss, with widths of at least $K$, a
    class survives at the global minimum (its logits are not zero) if and only if $K (N Λ)^(1/M) <
    (M - 1)^((M - 1)/M) / M^2$, but for a tie at equality, for $N$ samples and the product $Λ$ of
    all decays; at depth one the right side is one. A class that survives keeps the share $x^M / (1
    + x^M)$ of its label, where $x$ is the largest solution of $M x^(M-1) / (1 + x^M)^2 = M K (N
    Λ)^(1/M)$.
    """
    threshold = mean_square.global_threshold(depth)
    existence = mean_square.existence_threshold(depth)
    betas = [(1 - off) * threshold, (1 + off) * threshold]
    rules = {"$K + 1$ for $K$": threshold * n_classes / (n_classes + 1)}
    if depth > 1:  # at depth one there is one threshold
        betas.append((threshold + existence) / 2)
        rules["alive wherever a root exists"] = existence
        rules["$M$ for $M - 1$"] = depth ** (-1 / depth)
    sizes = (per_class,) * n_classes
    label = np.sqrt(per_class)
    measured = []
    for beta in betas:
        decays = shared_decays(sizes, depth, beta / threshold)
        singular_value, _ = brute_force_minimum(label, sum(sizes), *decays)
        measured.append(singular_value / label)

    def shares(rule):
        """The share of the label at each β, were `rule` the threshold."""
        alive = np.array(betas) < min(rule, existence)
        roots = mean_square.largest_root(np.minimum(betas, existence), depth)
        return np.where(alive, mean_square.shrinkage(roots, depth), 0)

    controls = {name: shares(rule) for name, rule in rules.items()}
    controls["survivors keep the whole label"] = np.sign(shares(threshold))
    trial.value(
        measured,
        shares(threshold),
        # Rounding u of a cost of curvature c hides the place of its minimum by sqrt(u / c), and c >
        # 1e-2 here.
        error=1e-6,
        margin=4e-6,
        controls=apart(trial, shares(threshold), 4e-6, controls),
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
    depth: FewLayers,
    off: Annotated[float, Interval(-0.2, 0.2, why="about the threshold; the ends are caps")],
    bias: bool,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
    starts: Starts = 1,
):
    """Let $K$ balanced classes have $β = M K (N Λ)^(1/M)$ under the square loss, for the depth $M$,
    widths of at least $K$, $N$ samples and the product $Λ$ of all decays. Just above
    $β_gl = (M - 1)^((M - 1)/M) / M$, which is 1 at $M = 1$, the least objective is that of zero:
    1/2, or $(K - 1)/(2 K)$ with a bias. Just below $β_gl$ it is that of the collapsed frame. The
    lowest of descents ends there.
    """
    trial.require(
        abs(off) >= 1e-3, "off must be 0.001 or more: nearer to the threshold both minima tie"
    )
    beta = (1 + off) * mean_square.global_threshold(depth)
    trial.require(
        beta < mean_square.existence_threshold(depth) or depth == 1,
        "off must leave the equation a root",
    )
    sizes = (per_class,) * n_classes
    widths = (n_classes + 4,) * depth
    decays = shared_decays(sizes, depth, 1 + off)
    problem = problem_of(sizes, *decays, bias=bias)
    dead = (n_classes - bias) / (2 * n_classes)
    value = dead if off > 0 else mean_square.mse_optimum(sizes, *decays, bias=bias).value

    def value_at(root):
        return dead * float(mean_square.scalar_objective(root, beta, depth))

    root_of_fewer = mean_square.global_root(beta * (n_classes - 1) / n_classes, depth)
    rivals = {"the root of $K - 1$ classes": value_at(root_of_fewer)}
    if off < 0:
        rivals["nothing alive"] = dead
    elif depth > 1:
        rivals["alive wherever a root exists"] = value_at(mean_square.largest_root(beta, depth))
    trial.gap(
        lowest(problem, trial.key("starts"), starts, widths).value,
        schatten_bound(problem, widths),
        value,
        margin=1e-8,
        scale=1.0,
        # Four classes at depth 3 have sums of 64 squares and products of four matrices of order 8.
        ops=100,
        controls=apart(trial, value, 1e-8, rivals),
        generic="only starts of descents are drawn, and the dual bound certifies their ends",
    )
