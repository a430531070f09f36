"""The scalar problem of each direction of the labels: its thresholds, and its limit of small decays."""

import numpy as np
from scipy.optimize import minimize_scalar

from paper_checks.test_neural_collapse import DERIVED, data_values, lowest, problem_of, searched_minimum
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours


def best_share(beta, depth, n_samples_per_class=3, n_classes=4):
    """The best sigma / sqrt(n) for balanced classes by brute force in sigma, and the two objectives' difference."""
    n_samples = n_samples_per_class * n_classes
    lambda_product = (beta / (depth * n_classes)) ** depth / n_samples
    factors = depth + 1

    def cost(share):
        fit = (1 - share) ** 2 * n_samples_per_class / (2 * n_samples)
        return fit + factors / 2 * (lambda_product * n_samples_per_class * share**2) ** (1 / factors)

    grid = np.linspace(0, 1, 20001)
    best = int(np.argmin(cost(grid)))
    if best == 0:
        return 0.0, cost
    found = minimize_scalar(
        cost, bounds=(grid[best - 1], grid[min(best + 1, 20000)]), method="bounded", options={"xatol": 1e-12}
    )
    return float(found.x), cost


def root_share(beta, depth, threshold):
    """The share sigma / sqrt(n) at the largest root below a threshold, 0 from there on or where no root exists."""
    alive = beta < min(threshold, predicted.existence_threshold(depth))
    return float(predicted.shrinkage(predicted.largest_root(beta, depth), depth)) if alive else 0.0


@claim(ours(DERIVED), kind="limit")
def test_bal_threshold(trial, depths=(1, 2, 3, 6), n_classes=4, per_class=3, off=1e-3):
    """A balanced class is alive at the optimum iff K (N Lambda)^(1/M) < (M - 1)^((M - 1)/M) / M^2."""
    betas, levels = [], []
    for depth in depths:
        threshold = predicted.global_threshold(depth)
        points = [(1 - off) * threshold, (1 + off) * threshold]
        if depth > 1:
            points.append((threshold + predicted.existence_threshold(depth)) / 2)
        betas += points
        levels += [depth] * len(points)

    def shares(rule, ratio=1.0):
        return np.array(
            [root_share(beta * ratio, depth, rule(depth)) for beta, depth in zip(betas, levels, strict=True)]
        )

    trial.value(
        [best_share(beta, depth, per_class, n_classes)[0] for beta, depth in zip(betas, levels, strict=True)],
        shares(predicted.global_threshold),
        # Rounding u of a cost of curvature c hides the place of its minimum by sqrt(u / c), and c > 1e-2 here.
        error=1e-6,
        margin=1e-4,
        controls={
            "where a root exists": shares(predicted.existence_threshold),
            "M^((M - 1)/M) / M": shares(lambda depth: depth ** ((depth - 1) / depth) / depth),
            "n for K": shares(predicted.global_threshold, per_class / n_classes),
        },
    )
    jumps = np.array([(depth - 1) / depth for depth in depths])
    costs = [best_share(predicted.global_threshold(depth), depth)[1] for depth in depths]
    trial.identity(
        np.array([cost(jump) for cost, jump in zip(costs, jumps, strict=True)]),
        np.array([cost(0.0) for cost in costs]),
        ops=20 * max(depths),
        controls={"at the peak": np.array([c((m - 1) / (2 * m)) for c, m in zip(costs, depths, strict=True)])},
    )


@claim(ours(DERIVED), kind="optimality")
def test_bal_threshold__descent(trial, depths=(1, 2, 3), n_classes=4, per_class=3, off=0.03, width=8, starts=2):
    """Descents end at 1/2 just above the threshold, (K - 1)/(2 K) with bias, and at the collapsed frame just below."""
    primal, dual, value, existing, fewer = [], [], [], [], []
    n_samples, sizes = n_classes * per_class, (per_class,) * n_classes
    for depth in depths:
        for factor, bias in ((1 - off, False), (1 + off, False), (1 + off, True)):
            beta = factor * predicted.global_threshold(depth)
            decay = ((beta / (depth * n_classes)) ** depth / n_samples) ** (1 / (depth + 1))
            decays, widths = (decay,) * depth, (width,) * depth
            problem = problem_of(sizes, decays, decay, bias=bias)
            key = trial.key(f"{depth} {factor} {bias}")
            primal.append(lowest(problem, key, starts, widths).value)
            rank = n_classes - bias
            dual.append(searched_minimum(data_values(sizes, bias=bias), n_samples, decays, decay, rank))
            value.append(predicted.mse_optimum(sizes, decays, decay, bias=bias).value)
            root = predicted.largest_root(min(beta, predicted.existence_threshold(depth)), depth)
            existing.append(rank / (2 * n_classes) * float(predicted.scalar_objective(root, beta, depth)))
            # Thresholds of K - 1 classes: with a bias these directions would still be alive.
            shrunk = beta * (n_classes - 1) / n_classes
            root = predicted.global_root(shrunk, depth)
            fewer.append(rank / (2 * n_classes) * float(predicted.scalar_objective(root, beta, depth)))
    trial.gap(
        np.array(primal),
        np.array(dual),
        np.array(value),
        margin=1e-8,
        scale=1.0,
        ops=100,
        controls={"where a root exists": np.array(existing), "K - 1 for K": np.array(fewer)},
    )


@claim(ours(DERIVED), kind="optimality")
def test_largest_decay(trial, class_sizes=(6, 4, 2), depths=(1, 2, 3), off=1e-3):
    """Every class is alive iff the common decay is below ((n_min beta_gl / (M N))^M / N)^(1/(M+1))."""
    alive, without_floor = [], []
    for depth in depths:
        largest = predicted.largest_common_decay(class_sizes, depth)
        for decay in ((1 - off) * largest, (1 + off) * largest):
            smallest, n_samples = min(class_sizes), sum(class_sizes)
            strength = (depth + 1) / 2 * decay

            def cost(share, size=smallest, total=n_samples, strength=strength, depth=depth):
                return (1 - share) ** 2 * size / (2 * total) + strength * (size * share**2) ** (1 / (depth + 1))

            grid = np.linspace(0, 1, 100_001)
            alive.append(int(np.argmin(cost(grid)) > 0))
            without_floor.append(int(decay < predicted.largest_common_decay((6, 6, 6), depth)))
    trial.identity(
        np.array(alive),
        np.tile([1, 0], len(depths)),
        ops=0,
        controls={"the largest class for the smallest": np.array(without_floor)},
    )


@claim(ours(DERIVED), kind="limit")
def test_small_decay(trial, class_sizes=(6, 4, 2, 1), depths=(1, 2, 3), decay=1e-7):
    """As decays vanish W Hbar tends to I, and f* to (L/2) Lambda^(1/L) sum_k n_k^(1/L)."""
    found, leading, slack, others = [], [], [], []
    for depth in depths:
        factors, sizes = depth + 1, np.array(class_sizes, float)
        values = data_values(class_sizes, bias=False)
        decays = [decay] * depth
        least = searched_minimum(values, sum(class_sizes), decays, decay, len(class_sizes))
        exact = predicted.mse_optimum(class_sizes, decays, decay)
        strength = factors / 2 * decay * np.sum(sizes ** (1 / factors))
        found.append(least / strength)
        leading.append(1.0)
        # The first term left out, and 1 % for all others: each sigma moves down by N slope, gaining N slope^2 / 2.
        slopes = decay * sizes ** (1 / factors - 0.5)
        slack.append(sum(class_sizes) * np.sum(slopes**2) / 2 / strength * 1.01)
        others.append(np.sum(sizes**0.5) / np.sum(sizes ** (1 / factors)) if depth > 1 else 1.1)
        trial.value(
            np.diag(exact.logits),
            np.ones(len(class_sizes)),
            error=1e-12,
            slack=1.01 * sum(class_sizes) * np.max(slopes / np.sqrt(sizes)),
            margin=1e-4,
            controls={"shrunk by 1 %": np.full(len(class_sizes), 0.99)},
        )
    trial.value(
        found,
        leading,
        error=1e-12 / strength,
        slack=np.array(slack),
        margin=1e-3,
        controls={"the nuclear norm": np.array(others)},
    )
