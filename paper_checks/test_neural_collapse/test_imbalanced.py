"""Imbalanced classes without bias: general orthogonal frames, and which classes die.

How weight decay is shared among the layers: the Schatten quasi-norm of the logits, and balanced
factors.
"""

import itertools
from typing import Annotated, Literal

import numpy as np

from paper_checks.test_neural_collapse import (
    MARGIN,
    SPLIT,
    THRESHOLDS,
    UNEQUAL,
    Depth,
    Ratio,
    Sizes,
    Starts,
    Strength,
    Width,
)
from paper_checks.test_neural_collapse.problems import (
    apart,
    found_optimum,
    gram_error,
    grams,
    lowest,
    predicted_grams,
    problem_of,
    require_classes,
    require_frame,
    schatten_bound,
    shared_decays,
    stacked,
    trained,
)
from sims.neural_collapse import optimise
from theory.neural_collapse import mean_square
from theory_on_trial import claim, known, tried
from theory_on_trial.contract import Interval

DeepDepth = Annotated[int, Interval(2, 4, why="at depth one see imb_M1")]
UNEVEN = [((6, 4, 2, 1), 2), ((6, 4, 2, 1), 3), ((5, 3, 2), 2)]
"""Class sizes and depth."""
LENGTHS = tried(
    UNEQUAL,
    "the lengths in closed form, as the released `synthetic_experiment_imbalanced.py` has them",
)


def decide_frames(trial, problem, end, diagonals, rivals):
    """Decide that the four matrices of `grams` are diagonal, with the stated `diagonals` of K
    numbers each; `rivals` are wrong diagonals by name, and the frame with a bias is not diagonal.

    They also say that rows of the head and class means are parallel: the product of their lengths
    is the logit of the class.
    """
    bias_optimum = mean_square.mse_optimum(
        problem.class_sizes, problem.weight_decays, problem.feature_decay, bias=True
    )
    controls = {name: np.stack([*map(np.diag, wrong)]) for name, wrong in rivals.items()}
    controls["the frame with a bias"] = predicted_grams(bias_optimum)
    exact = np.stack([*map(np.diag, diagonals)])
    trial.value(
        stacked(grams(problem, end.head)),
        exact,
        error=gram_error(problem, end),
        margin=MARGIN,
        controls=apart(trial, exact, MARGIN, controls),
        instances="search",
    )


@claim(LENGTHS, kind="optimality", cases=[0.34, 0.03])
def test_imb_M1(trial, strength: Strength, ratio: Ratio = 0.5, class_sizes: Sizes = (6, 4, 2, 1)):
    """At depth one with a width of at least $K$, class sizes $n_k$ and $N$ samples, the global
    minimum of the square loss is a general orthogonal frame: the Gram matrix of the classifiers is
    diagonal with the entries $s_k^2 = (sqrt(n_k λ_H / λ_W) - N λ_H)_+$, that of the class means
    with $s_k^2 / (s_k^2 + N λ_H)^2$, and the logits with $s_k^2 / (s_k^2 + N λ_H)$. $λ_W$ and $λ_H$
    are the decays of weights and features.
    """
    problem, end, _ = trained(trial, class_sizes, 1, strength, ratio)
    sizes = np.array(class_sizes, float)
    n_samples = sum(class_sizes)
    (weight_decay,) = problem.weight_decays
    feature_decay = problem.feature_decay

    def diagonals(squares, feature_decay=feature_decay):
        """Of `grams`, in their order; at depth one the product is the last layer."""
        denominator = squares + n_samples * feature_decay
        # A dead class has zeros, also if N λ_H is left out.
        denominator = np.where(squares > 0, denominator, 1)
        return squares, squares, squares / denominator**2, squares / denominator

    squares = np.maximum(
        np.sqrt(sizes * feature_decay / weight_decay) - n_samples * feature_decay, 0
    )
    proportional = np.sqrt(sizes) * squares.sum() / np.sqrt(sizes).sum()
    rivals = {
        "$s_k^2$ proportional to $sqrt(n_k)$": diagonals(proportional),
        "without $N λ_H$": diagonals(squares, 0.0),
    }
    if abs(np.log(ratio)) > 0.01:
        exchanged = np.maximum(
            np.sqrt(sizes * weight_decay / feature_decay) - n_samples * weight_decay, 0
        )
        rivals["$λ_W$ and $λ_H$ exchanged"] = diagonals(exchanged, weight_decay)
    decide_frames(trial, problem, end, diagonals(squares), rivals)


@claim(LENGTHS, kind="optimality", cases=UNEVEN)
def test_imb_deep(
    trial, class_sizes: Sizes, depth: DeepDepth, strength: Strength = 0.25, ratio: Ratio = 0.7
):
    """At depths $M >= 2$ with widths of at least $K$ the global minimum of the square loss is a
    general orthogonal frame. With the singular values $s_k$ of the first layer,
    $c = λ_1^(M-1) / (λ_2 … λ_M)$ and $p_k = c s_k^(2M)$, the squared lengths are $p_k$ for the
    product of weights, $(λ_1 / λ_M) s_k^2$ for the last layer and $p_k / (p_k + N λ_H)^2$ for the
    class means; the logits are $p_k / (p_k + N λ_H)$. $λ_m$ are the layers' decays, $λ_H$ is that
    of the features, and $N$ the number of samples.
    """
    problem, end, optimum = trained(trial, class_sizes, depth, strength, ratio)
    weight_decays = problem.weight_decays
    ridge = problem.n_samples * problem.feature_decay
    squares = optimum.layer_singular_values[0] ** 2
    c = weight_decays[0] ** (depth - 1) / np.prod(weight_decays[1:])

    def diagonals(constant, exponent, ridge=ridge):
        """Of `grams`, in their order; `exponent` is that of s_k^2."""
        product = constant * squares**exponent
        last = weight_decays[0] / weight_decays[-1] * squares
        # A dead class has zeros, also if N λ_H is left out.
        denominator = np.where(product > 0, product + ridge, 1)
        return product, last, product / denominator**2, product / denominator

    rivals = {
        "exponent $M$ for $2 M$": diagonals(c, depth / 2),
        "without $N λ_H$": diagonals(c, depth, ridge=0.0),
    }
    if abs(c - 1) > 0.01:
        rivals["$c = 1$"] = diagonals(1.0, depth)
    decide_frames(trial, problem, end, diagonals(c, depth), rivals)


@claim(THRESHOLDS, kind="optimality", cases=[(2, -0.03), (2, 0.03), (3, -0.03), (3, 0.03)])
def test_imb_deep_minority(
    trial,
    depth: DeepDepth,
    off: Annotated[float, Interval(-0.2, 0.2, why="about the threshold; the ends are caps")],
    class_sizes: Sizes = (6, 4, 2),
    starts: Starts = 1,
):
    """At depths $M >= 2$ under the square loss, with widths of at least $K$, the global minimum
    maps class $k$ to zero if and only if its size is $n_k < M N (N Λ)^(1/M) / β_gl$, but for a tie
    at equality, for $N$ samples and the product $Λ$ of all decays;
    $β_gl = (M - 1)^((M - 1)/M) / M$.
    """
    require_classes(trial, class_sizes)
    n_samples = sum(class_sizes)
    smallest = min(class_sizes)
    threshold = mean_square.global_threshold(depth)
    beta = (1 + off) * threshold
    trial.require(class_sizes.count(smallest) == 1, "class_sizes must have one smallest class")
    decays = shared_decays(class_sizes, depth, (1 + off) * smallest / max(class_sizes))
    widths = (len(class_sizes) + 4,) * depth
    optimum = mean_square.mse_optimum(class_sizes, *decays)
    require_frame(trial, optimum)
    problem = problem_of(class_sizes, *decays)
    # Alive where it should be dead, or dead where it should be alive.
    gain = 1 - float(
        mean_square.scalar_objective(mean_square.largest_root(beta, depth), beta, depth)
    )
    other_fate = optimum.value + abs(gain) * smallest / (2 * n_samples)
    trial.gap(
        lowest(problem, trial.key("starts"), starts, widths).value,
        schatten_bound(problem, widths),
        optimum.value,
        margin=1e-8,
        scale=1.0,
        # Three classes at depth 3 have sums of 49 squares and products of four matrices of order 7.
        ops=100,
        controls={"the class alive if it is dead, or dead if alive": other_fate},
        generic="only starts of descents are drawn, and the dual bound certifies their ends",
    )


@claim(SPLIT, kind="optimality", cases=[1, 2])
def test_imb_bottleneck(
    trial,
    depth: Depth,
    width: Width = 2,
    class_sizes: Sizes = (1, 6, 2, 4),
    strength: Strength = 0.1,
):
    """If some layer has a width $R$ below the number of classes, and no two classes tie at rank
    $R$, only the $R$ largest classes can survive at the global minimum of the square loss, in any
    order of the classes. Their logits are the same as without the bottleneck.
    """
    require_classes(trial, class_sizes)
    n_classes = len(class_sizes)
    widths = (len(class_sizes) + 4,) * (depth - 1) + (width,)
    trial.require(width < n_classes, "width must be a bottleneck: below the number of classes")
    decays = shared_decays(class_sizes, depth, strength)
    optimum = mean_square.mse_optimum(class_sizes, *decays, widths=widths)
    bias_optimum = mean_square.mse_optimum(class_sizes, *decays, widths=widths, bias=True)
    require_frame(trial, optimum)
    trial.require(
        np.sum(np.diag(optimum.logits) > 0) > 1,
        "width and strength must leave two classes at least",
    )
    problem = problem_of(class_sizes, *decays)
    end = found_optimum(trial, problem, widths)
    wide = np.diag(mean_square.mse_optimum(class_sizes, *decays).logits)  # without the bottleneck
    first = np.arange(n_classes) < width
    smallest = np.isin(np.arange(n_classes), np.argsort(class_sizes, kind="stable")[:width])
    rivals = {
        "the first $R$ classes": np.diag(wide * first),
        "the $R$ smallest classes": np.diag(wide * smallest),
        "with a bias": bias_optimum.logits,
    }
    trial.value(
        grams(problem, end.head)["logits"],
        optimum.logits,
        error=gram_error(problem, end),
        margin=MARGIN,
        controls=apart(trial, optimum.logits, MARGIN, rivals),
        instances="search",
    )


@claim(LENGTHS, kind="optimality", cases=[(1, 0.01), (2, 0.15), (1, 0.25)])
def test_feature_lengths(trial, depth: Depth, strength: Strength, class_sizes: Sizes = (6, 4, 2)):
    """At the global minimum of the square loss, with widths of at least $K$, the feature $h_k$ of
    class $k$ has $|h_k|^2 = x^M / (N λ_H (1 + x^M)^2)$, where $x >= 0$ minimises
    $1/(1 + x^M) + β x$ with $β = M N (N Λ)^(1/M) / n_k$. $M$ is the depth, $N$ the number of
    samples, $n_k$ that of the class, $Λ$ the product of all decays, and $λ_H$ the features' decay.
    """
    trial.require(
        all(np.diff(class_sizes) < 0), "class_sizes must fall: lengths of equal classes are equal"
    )
    problem, end, optimum = trained(trial, class_sizes, depth, strength)
    powers = optimum.roots[optimum.alive] ** depth
    trial.require(
        len(powers) > 1, "decays must leave two classes alive, whose lengths can be compared"
    )
    squares = powers / (sum(class_sizes) * problem.feature_decay * (1 + powers) ** 2)
    root_sizes = np.sqrt(np.array(class_sizes)[optimum.alive])
    trial.value(
        np.diag(grams(problem, end.head)["features"])[optimum.alive],
        squares,
        error=gram_error(problem, end),
        margin=MARGIN,
        controls={
            "proportional to $sqrt(n_k)$": root_sizes * np.mean(squares / root_sizes),
            "proportional to $1 / sqrt(n_k)$": np.mean(squares * root_sizes) / root_sizes,
        },
        instances="search",
    )


Size = Annotated[int, Interval(2, 100, why="each draw is decomposed")]
"""Rows or columns of a matrix."""


@claim(
    known(
        "Shang et al. 2020, A unified scalable equivalent formulation for Schatten quasi-norms: "
        "the least decay of factors"
    ),
    kind="optimality",
    cases=[1, 2, 3],
)
def test_mse_reduction(
    trial,
    depth: Annotated[int, Interval(1, 6)],
    rows: Size = 4,
    columns: Size = 7,
    n_draws: Annotated[
        int, Interval(2, 1000, why="each is decomposed; the low end is a cap")
    ] = 230,
):
    """Let $Z$ be a product of $L = M + 1$ factors $F_l$ with the decays $λ_l$, whose product is
    $Λ$. The sum of $λ_l |F_l|^2 / 2$ is at least $(L/2) Λ^(1/L) sum_i σ_i^(2/L)$ over the singular
    values $σ_i$ of $Z$.
    """
    rng = trial.generator("factors")
    least = []
    costs = []
    for draw in range(n_draws):
        product = rng.standard_normal((rows, columns))
        *decays, feature_decay = rng.uniform(0.01, 0.2, depth + 1)
        weights, features = mean_square.balanced_factorisation(product, decays, feature_decay)
        product = np.linalg.multi_dot([*weights[::-1], features])  # a wrong balance has another one
        least.append(mean_square.schatten_penalty(product, decays, feature_decay))
        size = len(features)
        # A change of basis between two neighbouring factors leaves their product as it is.
        change = rng.standard_normal((size, size))
        if draw % 2:  # only half of them, close to the balanced factors, come near the bound
            change = np.eye(size) + 0.02 * change
        factors = [features, *weights]
        layer = rng.integers(depth)
        factors[layer] = np.linalg.solve(change, factors[layer])
        factors[layer + 1] = factors[layer + 1] @ change
        norms = [np.sum(factor**2) for factor in factors]
        costs.append(np.dot([feature_decay, *decays], norms) / 2)
    trial.bound(
        least,
        costs,
        instances="draws",
        independent=n_draws,
        ops=3 * (rows + columns) * (depth + 1),
        control_processes={"prefactor $L$ for $L/2$": 2 * np.array(least)},
    )


@claim(
    known(
        "Garrod & Keating 2025, The persistence of neural collapse despite low-rank bias, Lemma 1, "
        "which calls it well known",
        within="cross-entropy, equal decays",
    ),
    kind="identity",
    cases=[("mse", False), ("mse", True), ("ce", False)],
)
def test_layer_balance(
    trial,
    loss: Literal["mse", "ce"],
    bias: bool,
    depth: Depth = 3,
    width: Width = 6,
    class_sizes: Sizes = (4, 3, 2),
    strength: Strength = 0.1,
    ratio: Ratio = 0.7,
):
    """At critical points $λ_(m+1) W_(m+1)^T W_(m+1) = λ_m W_m W_m^T$ for neighbouring layers with
    the decays $λ_m$, under the square loss and the cross-entropy; layer 0 are the features.
    """
    require_classes(trial, class_sizes)
    trial.require(abs(np.log(ratio)) > 0.1, "ratio must be 10 % off one: equal decays cancel")
    weight_decays, feature_decay = shared_decays(class_sizes, depth, strength, ratio)
    decays = np.array([feature_decay, *weight_decays])
    widths = (width,) * depth
    problem = problem_of(class_sizes, weight_decays, feature_decay, loss=loss, bias=bias)
    end = optimise.best_of(problem, trial.key("starts"), 3, widths=widths)
    factors = [np.asarray(factor) for factor in (end.head.features, *end.head.weights)]
    norm = max(np.linalg.norm(factor) for factor in factors)
    trial.require(norm > 1e-3, "decays must leave a direction alive")

    def residual(scales):
        """The entries of λ_(m+1) W_(m+1)^T W_(m+1) - λ_m W_m W_m^T, were the decays `scales`."""
        entries = []
        for m, (own, later) in enumerate(itertools.pairwise(factors)):
            difference = scales[m + 1] * later.T @ later - scales[m] * own @ own.T
            entries.append(difference.ravel())
        return np.concatenate(entries)

    measured = residual(decays)
    trial.value(
        measured,
        np.zeros(len(measured)),
        # The residual is W^T G - G W^T exactly, with G the gradients of the two layers.
        error=2 * norm * end.gradient_norm + 100 * 2.0**-53 * norm**2,
        margin=1e-5,
        scale=decays.max() * norm**2,
        control_processes={"equal decays": residual(np.full(len(decays), decays.mean()))},
        instances="search",
    )


@claim(LENGTHS, kind="optimality", cases=UNEVEN[:2])
def test_sv_formula(
    trial, class_sizes: Sizes, depth: Depth, strength: Strength = 0.25, ratio: Ratio = 0.7
):
    """At the global minimum of the square loss, with widths of at least $K$, the $k$-th singular
    values of each layer $m$ and of the features satisfy
    $λ_m σ_k(W_m)^2 = λ_H σ_k(H)^2 = (N Λ)^(1/M) x_k$. Here $λ_m$ and $λ_H$ are the decays, $Λ$ is
    their product, $N$ the number of samples, $M$ the depth, and $x_k >= 0$ the minimiser of
    $1/(1 + x^M) + β x$ for the $k$-th largest class, of size $n_k$, with
    $β = M N (N Λ)^(1/M) / n_k$.
    """
    problem, end, optimum = trained(trial, class_sizes, depth, strength, ratio)
    trial.require(
        2 * np.mean(optimum.roots > 0) >= 1, "strength must leave half of the classes alive"
    )
    n_samples = problem.n_samples
    decays = np.array([problem.feature_decay, *problem.weight_decays])
    measured = []  # a row for each factor, of K numbers
    for decay, factor in zip(decays, [end.head.features, *end.head.weights], strict=True):
        singular_values = np.linalg.svd(np.asarray(factor), compute_uv=False)[: len(class_sizes)]
        measured.append(decay * singular_values**2)
    balance = (n_samples * np.prod(decays)) ** (1 / depth) * np.sort(optimum.roots)[::-1]
    exact = np.tile(balance, (depth + 1, 1))
    trial.value(
        measured,
        exact,
        error=gram_error(problem, end),
        margin=MARGIN,
        controls={"$Λ$ for $N Λ$": exact / n_samples ** (1 / depth)},
        instances="search",
    )
