"""How weight decay is shared among the layers: the Schatten quasi-norm of the logits, and balanced factors."""

import numpy as np

from paper_checks.test_neural_collapse import DERIVED, GRAM_MARGIN, gram_error, problem_of
from paper_checks.test_neural_collapse.test_imbalanced import DEEP, found_optimum
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours


def decay_of(weights, features, weight_decays, feature_decay):
    """Half of each decay times the squared norm of its factor, summed."""
    return sum(
        decay / 2 * np.sum(np.asarray(factor) ** 2)
        for decay, factor in zip([*weight_decays, feature_decay], [*weights, features], strict=True)
    )


def product_of(weights, features):
    """W_M ... W_1 H."""
    return np.linalg.multi_dot([*(np.asarray(layer) for layer in weights[::-1]), np.asarray(features)])


@claim(ours(DERIVED), kind="optimality")
def test_mse_reduction(trial, depths=(1, 2, 3), shape=(4, 7), n_draws=60):
    """The least decay over factors of Z is (L/2) Lambda^(1/L) sum_i sigma_i^(2/L), L = M + 1 factors."""
    rng = trial.generator("factors")
    for depth in depths:
        product = rng.standard_normal(shape)
        singular_values = np.linalg.svd(product, compute_uv=False)
        *weight_decays, feature_decay = rng.uniform(0.01, 0.2, depth + 1)
        least = predicted.schatten_penalty(product, weight_decays, feature_decay)
        weights, features = predicted.balanced_factorisation(product, weight_decays, feature_decay)
        trial.identity(
            product_of(weights, features),
            product,
            ops=shape[1] * 3 * (depth + 1),
            scale=singular_values[0],
            controls={"twice the matrix": 2 * product},
        )
        wrong = {"prefactor L": 2 * least}
        if depth > 1:
            strength = (np.prod(weight_decays) * feature_decay) ** (1 / (depth + 1))
            wrong["exponent 2/M"] = (depth + 1) / 2 * strength * np.sum(singular_values ** (2 / depth))
        attained = decay_of(weights, features, weight_decays, feature_decay)
        trial.identity(attained, least, ops=3 * shape[1] * (depth + 1), scale=least, controls=wrong)
        found = []
        for draw in range(n_draws):
            size = shape[0]
            # Half of them close to the balanced factors: only these come near the bound.
            change = rng.standard_normal((size, size)) * (1.0 if draw % 2 else 0.02) + (0 if draw % 2 else np.eye(size))
            layer = rng.integers(depth)
            factors = [features, *weights]
            factors[layer] = np.linalg.solve(change, factors[layer])
            factors[layer + 1] = factors[layer + 1] @ change
            found.append(decay_of(factors[1:], factors[0], weight_decays, feature_decay))
        trial.bound(
            np.full(n_draws, least),
            np.array(found),
            found_by="draws",
            ops=3 * shape[1] * (depth + 1),
            wrong_processes={"prefactor L": np.full(n_draws, 2 * least)},
        )


@claim(ours(DERIVED), kind="optimality")
def test_mse_reduction__trained(trial, class_sizes=(6, 4, 2, 1), weight_decays=(0.05, 0.03), feature_decay=0.04):
    """Descent ends at factors whose decay is the Schatten quasi-norm of the logits they produce."""
    problem = problem_of(class_sizes, weight_decays, feature_decay)
    end = observed.best_of(problem, trial.key("starts"), 6, widths=(8, 8))
    product = product_of(end.head.weights, end.head.features)
    # What weight decay has switched off is not exactly zero, and fractional powers would blow it up.
    left, singular_values, right = np.linalg.svd(product, full_matrices=False)
    alive = singular_values > 1e-6
    penalty = predicted.schatten_penalty((left[:, alive] * singular_values[alive]) @ right[alive], weight_decays, 0.04)
    trial.value(
        decay_of(end.head.weights, end.head.features, weight_decays, feature_decay),
        penalty,
        error=gram_error(problem, end),
        margin=1e-8,
        controls={"prefactor L": 2 * penalty, "equal decays": predicted.schatten_penalty(product, [0.04, 0.04], 0.04)},
    )


@claim(ours(DERIVED), kind="identity")
def test_layer_balance(trial, class_sizes=(4, 3, 2), weight_decays=(0.02, 0.05, 0.03), feature_decay=0.01):
    """At critical points lambda_(m+1) W_(m+1)^T W_(m+1) = lambda_m W_m W_m^T, the features being layer 0."""
    settings: tuple = (((8, 8, 8), {}), ((8, 8, 8), {"bias": True}), ((5, 3, 6), {"loss": "ce"}))
    for index, (widths, options) in enumerate(settings):
        problem = problem_of(class_sizes, weight_decays, feature_decay, **options)
        for end in observed.optima(problem, trial.key(str(index)), 3, widths=widths):
            factors = [np.asarray(factor) for factor in (end.head.features, *end.head.weights)]
            decays = np.array([feature_decay, *weight_decays])

            def residual(scales, factors=factors):
                return np.concatenate(
                    [
                        (outer * later.T @ later - inner * earlier @ earlier.T).ravel()
                        for earlier, later, inner, outer in zip(
                            factors[:-1], factors[1:], scales[:-1], scales[1:], strict=True
                        )
                    ]
                )

            norm = max(np.linalg.norm(factor) for factor in factors)
            trial.value(
                residual(decays),
                np.zeros(len(residual(decays))),
                # The residual is W^T G - G W^T exactly, with G the gradients of the two layers.
                error=2 * norm * end.gradient_norm + 100 * 2.0**-53 * norm**2,
                margin=1e-5,
                wrong_processes={"without the decays": residual(np.full(len(decays), decays.mean()))},
            )


@claim(ours(DERIVED), kind="optimality")
def test_sv_formula(trial, settings=DEEP[:2]):
    """lambda_m sigma_k(W_m)^2 = lambda_H sigma_k(H)^2 = (N Lambda)^(1/M) x_k in every layer m."""
    for index, (class_sizes, weight_decays, feature_decay) in enumerate(settings):
        depth, n_samples = len(weight_decays), sum(class_sizes)
        problem, end = found_optimum(trial, str(index), class_sizes, weight_decays, feature_decay, (8,) * depth)
        decays = np.array([*weight_decays, feature_decay])
        measured = [
            decay * np.linalg.svd(np.asarray(factor), compute_uv=False)[: len(class_sizes)] ** 2
            for decay, factor in zip(decays, [*end.head.weights, end.head.features], strict=True)
        ]
        optimum = predicted.mse_optimum(class_sizes, weight_decays, feature_decay)
        balance = (n_samples * np.prod(decays)) ** (1 / depth) * optimum.roots
        trial.value(
            measured,
            np.tile(balance, (depth + 1, 1)),
            error=gram_error(problem, end),
            margin=GRAM_MARGIN,
            controls={"Lambda^(1/M) x_k": np.tile(balance / n_samples ** (1 / depth), (depth + 1, 1))},
        )
