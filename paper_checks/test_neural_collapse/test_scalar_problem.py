"""The scalar problem of each direction of the labels: its thresholds, and its limit of small
decays.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import minimize_scalar

from paper_checks.test_neural_collapse import SPLIT, NClasses, PerClass, Sizes, Starts
from paper_checks.test_neural_collapse.minima import (
    data_values,
    lowest,
    schatten_bound,
    searched_minimum,
)
from paper_checks.test_neural_collapse.problems import (
    apart,
    problem_of,
    require_classes,
    shared_decays,
)
from theory import neural_collapse as predicted
from theory_on_trial import claim
from theory_on_trial.contract import Interval

ShallowDepth = Annotated[int, Interval(1, 4, why="a cap, which nothing requires")]
Depth = Annotated[int, Interval(1, 30, why="a cap, which nothing requires")]
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
    alive = beta < min(threshold, predicted.existence_threshold(depth))
    return float(predicted.shrinkage(predicted.largest_root(beta, depth), depth)) if alive else 0.0


@claim(SPLIT, kind="limit", cases=[1, 2, 3, 6])
def test_bal_threshold(
    trial, depth: Depth, n_classes: NClasses = 4, per_class: PerClass = 3, off: Off = 1e-3
):
    """A balanced class is alive at the optimum iff K (N Λ)^(1/M) < (M - 1)^((M - 1)/M) / M^2."""
    threshold = predicted.global_threshold(depth)
    existence = predicted.existence_threshold(depth)
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
    _, cost = best_share(threshold, depth, per_class, n_classes)
    jump = (depth - 1) / depth
    peak = {"half of the jump": cost(jump / 2)} if depth > 1 else {"at the middle": cost(0.5)}
    trial.identity(cost(jump), cost(0.0), ops=20 * depth, controls=peak)


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
    """Descents end at 1/2 just above the threshold, (K - 1)/(2 K) with bias, and at the collapsed
    frame just below.
    """
    trial.require(
        abs(off) >= 1e-3, "off must be 0.001 or more: nearer to the threshold both minima tie"
    )
    beta = (1 + off) * predicted.global_threshold(depth)
    rank = n_classes - bias
    trial.require(
        beta < predicted.existence_threshold(depth) or depth == 1,
        "off must leave the equation a root",
    )
    sizes = (per_class,) * n_classes
    widths = (n_classes + 4,) * depth
    decays = shared_decays(sizes, depth, 1 + off)
    problem = problem_of(sizes, *decays, bias=bias)
    dead = rank / (2 * n_classes)
    value = dead if off > 0 else predicted.mse_optimum(sizes, *decays, bias=bias).value
    # Thresholds of K - 1 classes: these directions would still be alive.
    shrunk = predicted.global_root(beta * (n_classes - 1) / n_classes, depth)
    rivals = {"K - 1 for K": dead * float(predicted.scalar_objective(shrunk, beta, depth))}
    if off < 0:
        rivals["nothing alive"] = dead
    elif depth > 1:
        root = predicted.largest_root(beta, depth)
        rivals["where a root exists"] = dead * float(predicted.scalar_objective(root, beta, depth))
    options = {"margin": 1e-8, "scale": 1.0, "ops": 100}
    primal = lowest(problem, trial.key("starts"), starts, widths).value
    dual = schatten_bound(problem, widths)
    trial.gap(primal, dual, value, controls=apart(trial, value, 1e-8, rivals), **options)


@claim(
    SPLIT, kind="optimality", cases=[1, 2, 3], route="a grid in one singular value, in the check"
)
def test_largest_decay(trial, depth: Depth, class_sizes: Sizes = (6, 4, 2), off: Off = 1e-3):
    """Every class is alive iff the common decay is below ((n_min β_gl / (M N))^M / N)^(1/(M+1))."""
    trial.require(
        len(set(class_sizes)) > 1, "class_sizes must differ: equal ones have one threshold"
    )
    largest = predicted.largest_common_decay(class_sizes, depth)
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


@claim(SPLIT, kind="limit", cases=[1, 2, 3])
def test_small_decay(
    trial,
    depth: ShallowDepth,
    class_sizes: Sizes = (6, 4, 2, 1),
    decay: Annotated[
        float, Interval(1e-9, 1e-6, why="small, and its effect above rounding")
    ] = 1e-7,
):
    """As decays vanish W Hbar tends to I, and f* to (L/2) Λ^(1/L) sum_k n_k^(1/L)."""
    factors = depth + 1
    sizes = np.array(class_sizes, float)
    decays = [decay] * depth
    require_classes(trial, class_sizes)
    n_samples = sum(class_sizes)
    values = data_values(class_sizes, bias=False)
    least = searched_minimum(values, n_samples, decays, decay, len(class_sizes))
    strength = factors / 2 * decay * np.sum(sizes ** (1 / factors))
    # The first term left out, and 1 % for all others: each sigma moves down by N slope, gaining N
    # slope^2 / 2.
    slopes = decay * sizes ** (1 / factors - 0.5)
    shrunk = n_samples * np.max(slopes / np.sqrt(sizes))
    trial.require(
        shrunk < 1e-4, "decay must be so small that W Hbar is I up to 1e-4: times N, below 1e-4"
    )
    shares = np.diag(predicted.mse_optimum(class_sizes, decays, decay).logits)
    controls = {"shrunk by 1 %": np.full(len(class_sizes), 0.99)}
    trial.value(
        shares,
        np.ones(len(class_sizes)),
        error=1e-12,
        slack=1.01 * shrunk,
        margin=2e-4,
        controls=controls,
    )
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
