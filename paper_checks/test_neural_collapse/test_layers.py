"""How weight decay is shared among the layers: the Schatten quasi-norm of the logits, and balanced
factors.
"""

from typing import Annotated, Literal

import numpy as np

from paper_checks.test_neural_collapse import MARGIN, SPLIT, Depth, Ratio, Sizes, Strength, Width
from paper_checks.test_neural_collapse.geometry import gram_error
from paper_checks.test_neural_collapse.problems import problem_of, require_classes, shared_decays
from paper_checks.test_neural_collapse.test_imbalanced import UNEVEN, trained
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

SHARED = derived(
    "by Hoelder's inequality for singular values of a product, with equality for balanced factors"
)
Size = Annotated[int, Interval(2, 100, why="each draw is decomposed")]


def decay_of(weights, features, weight_decays, feature_decay):
    """Half of each decay times the squared norm of its factor, summed."""
    return sum(
        decay / 2 * np.sum(np.asarray(factor) ** 2)
        for decay, factor in zip([*weight_decays, feature_decay], [*weights, features], strict=True)
    )


def product_of(weights, features):
    """W_M ... W_1 H."""
    return np.linalg.multi_dot(
        [*(np.asarray(layer) for layer in weights[::-1]), np.asarray(features)]
    )


@claim(SHARED, kind="optimality", cases=[1, 2, 3])
def test_mse_reduction(
    trial,
    depth: Annotated[int, Interval(1, 6, why="a cap, which nothing requires")],
    rows: Size = 4,
    columns: Size = 7,
    n_draws: Annotated[int, Interval(2, 1000, why="each is decomposed; the low end is a cap")] = 60,
):
    """The least decay over factors of Z is (L/2) Λ^(1/L) sum_i σ_i^(2/L), L = M + 1 factors."""
    rng = trial.generator("factors")
    product = rng.standard_normal((rows, columns))
    singular_values = np.linalg.svd(product, compute_uv=False)
    *decays, feature_decay = rng.uniform(0.01, 0.2, depth + 1)
    least = predicted.schatten_penalty(product, decays, feature_decay)
    weights, features = predicted.balanced_factorisation(product, decays, feature_decay)
    ops = 3 * (rows + columns) * (depth + 1)
    even = {"twice the matrix": 2 * product}
    trial.identity(
        product_of(weights, features), product, ops=ops, scale=singular_values[0], controls=even
    )
    strength = (depth + 1) / 2 * (np.prod(decays) * feature_decay) ** (1 / (depth + 1))
    controls = {
        "prefactor L": 2 * least,
        "exponent 1/L": strength * np.sum(singular_values ** (1 / (depth + 1))),
    }
    trial.identity(
        decay_of(weights, features, decays, feature_decay),
        least,
        ops=ops,
        scale=least,
        controls=controls,
    )
    costs = []
    for draw in range(n_draws):
        # Half of them close to the balanced factors: only these come near the bound.
        layer = rng.integers(depth)
        size = features.shape[0]
        change = rng.standard_normal((size, size)) * (1.0 if draw % 2 else 0.02) + (
            0 if draw % 2 else np.eye(size)
        )
        factors = [features, *weights]
        factors[layer] = np.linalg.solve(change, factors[layer])
        factors[layer + 1] = factors[layer + 1] @ change
        costs.append(decay_of(factors[1:], factors[0], decays, feature_decay))
    options = {"instances": "draws", "independent": n_draws, "ops": ops}
    trial.bound(
        np.full(n_draws, least),
        costs,
        control_processes={"prefactor L": np.full(n_draws, 2 * least)},
        **options,
    )


@claim(SHARED, kind="optimality")
def test_mse_reduction__trained(
    trial,
    class_sizes: Sizes = (6, 4, 2, 1),
    depth: Depth = 2,
    strength: Strength = 0.25,
    ratio: Ratio = 1.5,
):
    """Descent ends at factors whose decay is the Schatten quasi-norm of the logits they produce."""
    problem, end, optimum = trained(trial, class_sizes, depth, strength, ratio)
    weight_decays = problem.weight_decays
    feature_decay = problem.feature_decay
    # What weight decay has switched off is not exactly zero, and fractional powers would blow it
    # up.
    left, values, right = np.linalg.svd(
        product_of(end.head.weights, end.head.features), full_matrices=False
    )
    alive = np.arange(len(values)) < optimum.alive.sum()
    product = (left[:, alive] * values[alive]) @ right[alive]
    penalty = predicted.schatten_penalty(product, weight_decays, feature_decay)
    controls = {"prefactor L": 2 * penalty, "M for L": penalty / (1 + 1 / depth)}
    decay = decay_of(end.head.weights, end.head.features, weight_decays, feature_decay)
    error = gram_error(problem, end)
    mean = float(np.mean([*weight_decays, feature_decay]))
    margin = max(MARGIN, 2 * error)
    even = predicted.schatten_penalty(product, [mean] * depth, mean)
    controls |= (
        {"the mean of the decays": even} if abs(even - penalty) > 2 * margin else {}
    )  # decays that hardly differ
    trial.value(decay, penalty, error=error, margin=margin, controls=controls)


@claim(
    derived("the gradient of a layer times that layer is the gradient of the next times the next"),
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
    """At critical points λ_(m+1) W_(m+1)^T W_(m+1) = λ_m W_m W_m^T, the features being layer 0."""
    require_classes(trial, class_sizes)
    trial.require(abs(np.log(ratio)) > 0.1, "ratio must be 10 % off one: equal decays cancel")
    weight_decays, feature_decay = shared_decays(class_sizes, depth, strength, ratio)
    decays = np.array([feature_decay, *weight_decays])
    widths = (width,) * depth
    problem = problem_of(class_sizes, weight_decays, feature_decay, loss=loss, bias=bias)
    end = observed.best_of(problem, trial.key("starts"), 3, widths=widths)
    factors = [np.asarray(factor) for factor in (end.head.features, *end.head.weights)]
    norm = max(np.linalg.norm(factor) for factor in factors)
    trial.require(norm > 1e-3, "decays must leave a direction alive")

    def residual(scales):
        pairs = zip(factors[:-1], factors[1:], scales[:-1], scales[1:], strict=True)
        return np.concatenate(
            [(b * later.T @ later - a * early @ early.T).ravel() for early, later, a, b in pairs]
        )

    trial.value(
        residual(decays),
        np.zeros(len(residual(decays))),
        # The residual is W^T G - G W^T exactly, with G the gradients of the two layers.
        error=2 * norm * end.gradient_norm + 100 * 2.0**-53 * norm**2,
        margin=1e-5,
        scale=decays.max() * norm**2,
        control_processes={"without the decays": residual(np.full(len(decays), decays.mean()))},
    )


@claim(SPLIT, kind="optimality", cases=UNEVEN[:2])
def test_sv_formula(
    trial, class_sizes: Sizes, depth: Depth, strength: Strength = 0.25, ratio: Ratio = 0.7
):
    """λ_m σ_k(W_m)^2 = λ_H σ_k(H)^2 = (N Λ)^(1/M) x_k in every layer m."""
    problem, end, optimum = trained(trial, class_sizes, depth, strength, ratio)
    trial.require(
        2 * np.mean(optimum.roots > 0) >= 1, "strength must leave half of the classes alive"
    )
    n_samples = problem.n_samples
    decays = np.array([problem.feature_decay, *problem.weight_decays])
    gains = [
        decay * np.linalg.svd(np.asarray(factor), compute_uv=False)[: len(class_sizes)] ** 2
        for decay, factor in zip(decays, [end.head.features, *end.head.weights], strict=True)
    ]
    balance = (n_samples * np.prod(decays)) ** (1 / depth) * np.sort(optimum.roots)[::-1]
    laws = {"Λ^(1/M) x_k": np.tile(balance / n_samples ** (1 / depth), (depth + 1, 1))}
    trial.value(
        gains,
        np.tile(balance, (depth + 1, 1)),
        error=gram_error(problem, end),
        margin=MARGIN,
        controls=laws,
    )
