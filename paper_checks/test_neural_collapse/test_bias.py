"""The bias: imbalanced classes with a free one, and what a decayed one does to the frame."""

import numpy as np

from paper_checks.test_neural_collapse import (
    DERIVED,
    GRAM_MARGIN,
    data_values,
    gram_error,
    grams,
    predicted_grams,
    problem_of,
    searched_minimum,
    stacked,
)
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours

IMBALANCED = (  # class sizes, weight decays, feature decay, widths
    ((6, 4, 2, 1), (0.03,), 0.05, (8,)),
    ((6, 4, 2, 1), (0.03, 0.05), 0.02, (8, 8)),
    ((5, 3, 2), (0.01, 0.02, 0.03), 0.02, (8, 8, 8)),
    ((8, 4, 2, 1), (0.01, 0.02), 0.01, (8, 2)),
)


@claim(ours(DERIVED), kind="optimality")
def test_imb_bias(trial, settings=IMBALANCED, starts=6):
    """With a bias b* = n / N, and the singular directions of diag(sqrt n)(I - u u^T) follow the scalar problem."""
    primal, dual, value, by_class = [], [], [], []
    for index, (class_sizes, weight_decays, feature_decay, widths) in enumerate(settings):
        sizes, depth, n_samples = np.array(class_sizes, float), len(widths), sum(class_sizes)
        problem = problem_of(class_sizes, weight_decays, feature_decay, bias=True)
        end = observed.best_of(problem, trial.key(str(index)), starts, widths=widths)
        optimum = predicted.mse_optimum(class_sizes, weight_decays, feature_decay, widths=widths, bias=True)
        error = gram_error(problem, end)
        trial.value(
            np.asarray(end.head.bias),
            sizes / n_samples,
            error=error,
            margin=GRAM_MARGIN,
            controls={"1 / K": np.full(len(sizes), 1 / len(sizes))},
        )
        diagonal = predicted.mse_optimum(class_sizes, weight_decays, feature_decay, widths=widths)
        trial.value(
            stacked(grams(problem, end.head)),
            stacked(predicted_grams(optimum)),
            error=error,
            margin=GRAM_MARGIN,
            controls={"the frame without bias": stacked(predicted_grams(diagonal))},
        )
        primal.append(end.value)
        values = data_values(class_sizes, bias=True)
        rank = min(len(values), *widths)
        dual.append(searched_minimum(values, n_samples, weight_decays, feature_decay, rank))
        value.append(optimum.value)
        # n_k for the squared singular values: the largest K - 1 classes.
        strongest = np.sort(sizes)[::-1][: len(values)]
        betas = optimum.betas[0] * data_values(class_sizes, bias=True)[0] ** 2 / strongest
        costs = predicted.scalar_objective(predicted.global_root(betas[:rank], depth), betas[:rank], depth)
        by_class.append((strongest[:rank] @ costs + strongest[rank:].sum()) / (2 * n_samples))
    trial.gap(
        np.array(primal),
        np.array(dual),
        np.array(value),
        margin=1e-8,
        scale=1.0,
        ops=100,
        controls={"n_k for the squared singular values": np.array(by_class)},
    )


@claim(ours(DERIVED), kind="optimality")
def test_imb_bias__trivial(trial, class_sizes=(6, 4, 2, 1), decay=0.6):
    """Where every direction has collapsed the bias alone is left: f* = 1/2 - sum n_k^2 / (2 N^2)."""
    sizes, n_samples = np.array(class_sizes, float), sum(class_sizes)
    problem = problem_of(class_sizes, (decay,), decay, bias=True)
    end = observed.best_of(problem, trial.key("starts"), 3, widths=(5,))
    optimum = predicted.mse_optimum(class_sizes, (decay,), decay, bias=True)
    trivial = 0.5 - np.sum(sizes**2) / (2 * n_samples**2)
    trial.identity(optimum.value, trivial, ops=60, controls={"without bias": 0.5})
    dual = observed.dual_value(np.asarray(np.diag(np.sqrt(sizes)) / n_samples), class_sizes, decay, decay, bias=True)
    trial.gap(end.value, dual, trivial, margin=1e-8, scale=1.0, ops=100, controls={"without bias": 0.5})


@claim(ours(DERIVED), kind="optimality")
def test_bias_decay(trial, n_classes=4, per_class=3, shallow=(0.1, 0.3, 1.0, 10.0), deep=(0.5, 1.0, 5.0), starts=6):
    """A decayed bias: the mean direction obeys beta kappa^(-(M+1)/M), kappa = lambda_b / (1 + lambda_b)."""
    sizes, n_samples = (per_class,) * n_classes, n_classes * per_class
    settings = [((0.02,), 0.01, decay) for decay in shallow] + [((0.02, 0.01), 0.01, decay) for decay in deep]
    found, value, errors, no_exponent, decay_itself = [], [], [], [], []
    for index, (weight_decays, feature_decay, bias_decay) in enumerate(settings):
        depth = len(weight_decays)
        problem = problem_of(sizes, weight_decays, feature_decay, bias=True, bias_decay=bias_decay)
        end = observed.best_of(problem, trial.key(str(index)), 1 if depth == 1 else starts, widths=(8,) * depth)
        optimum = predicted.mse_optimum(sizes, weight_decays, feature_decay, bias=True, bias_decay=bias_decay)
        error = gram_error(problem, end)
        simplex = predicted.mse_optimum(sizes, weight_decays, feature_decay, bias=True)
        free = np.concatenate([simplex.logits.ravel(), simplex.bias])
        exact = np.concatenate([optimum.logits.ravel(), optimum.bias])
        trial.value(
            np.concatenate([grams(problem, end.head)["logits"].ravel(), np.asarray(end.head.bias)]),
            exact,
            error=error,
            margin=GRAM_MARGIN,
            controls={"a bias without decay": free},
        )
        found.append(end.value)
        value.append(optimum.value)
        errors.append(error)
        beta, kappa = optimum.betas[0], bias_decay / (1 + bias_decay)

        def total(weight, exponent, beta=beta, depth=depth):
            contrasts = (n_classes - 1) * predicted.scalar_objective(predicted.global_root(beta, depth), beta, depth)
            mean_beta = beta * weight**-exponent
            mean = weight * predicted.scalar_objective(predicted.global_root(mean_beta, depth), mean_beta, depth)
            return float(contrasts + mean) * per_class / (2 * n_samples)

        no_exponent.append(total(kappa, 1.0))
        decay_itself.append(total(bias_decay, 1 + 1 / depth))
    trial.value(
        found,
        value,
        error=np.array(errors),
        margin=1e-8,
        controls={"exponent 1": np.array(no_exponent), "lambda_b for kappa": np.array(decay_itself)},
    )


@claim(ours(DERIVED), kind="optimality")
def test_bias_decay__frame(trial, n_classes=4, per_class=3, weight_decay=0.02, feature_decay=0.01, off=0.03):
    """At depth one the frame is a simplex iff beta kappa^(-2) > 1, and orthogonal as lambda_b grows."""
    sizes = (per_class,) * n_classes
    beta = predicted.mse_optimum(sizes, [weight_decay], feature_decay).betas[0]
    critical = 1 / (beta**-0.5 - 1)  # kappa = sqrt(beta)
    decays = np.array([critical * (1 - off), critical * (1 + off), 1e6])
    orthogonal = predicted.orthogonal_frame(n_classes)
    to_simplex, to_orthogonal = [], []
    for decay in decays:
        problem = problem_of(sizes, (weight_decay,), feature_decay, bias=True, bias_decay=float(decay))
        end = observed.best_of(problem, trial.key(f"{decay}"), 1, widths=(6,))
        logits = grams(problem, end.head)["logits"]
        to_simplex.append(float(observed.gram_distance(logits, predicted.simplex_etf(n_classes))) > 1e-5)
        to_orthogonal.append(float(observed.gram_distance(logits, orthogonal)) > 1e-5)
    trial.identity(
        np.array([*to_simplex, *to_orthogonal]).astype(int),
        np.array([0, 1, 1, 1, 1, 0]),
        ops=0,
        controls={"never a simplex": np.array([1, 1, 1, 1, 1, 0]), "always": np.array([0, 0, 0, 1, 1, 1])},
    )
