"""What the released code takes for granted: its criterion, its length ratio, and its normalisation of the loss."""

import numpy as np

from paper_checks.test_neural_collapse import CODE, data_values, gram_error, lowest, problem_of, searched_minimum
from paper_checks.test_neural_collapse.test_imbalanced import found_optimum
from theory import neural_collapse as predicted
from theory_on_trial import claim, paper


@claim(
    paper(CODE),
    kind="optimality",
    as_printed=paper(
        "released code", says="A class is alive wherever beta = M x^(M-1) / (1 + x^M)^2 has a positive root."
    ),
)
def test_code_criterion(trial, class_sizes=(3, 3, 3), betas=(0.52, 0.55, 0.6), width=6, starts=4):
    """Between the thresholds zero is the global minimum, f = 1/2, although the scalar equation has a root."""
    depth, n_samples, n_classes = 2, sum(class_sizes), len(class_sizes)
    primal, dual, value, printed = [], [], [], []
    for beta in betas:
        decay = ((beta / (depth * n_classes)) ** depth / n_samples) ** (1 / (depth + 1))
        problem = problem_of(class_sizes, (decay, decay), decay)
        primal.append(lowest(problem, trial.key(str(beta)), starts, (width, width)).value)
        dual.append(searched_minimum(data_values(class_sizes, bias=False), n_samples, [decay] * 2, decay, n_classes))
        value.append(predicted.mse_optimum(class_sizes, [decay] * 2, decay).value)
        printed.append(float(predicted.scalar_objective(predicted.largest_root(beta, depth), beta, depth)) / 2)
    trial.gap(
        np.array(primal),
        np.array(dual),
        np.array(value),
        margin=1e-8,
        scale=1.0,
        ops=100,
        controls={"one class alive": np.array(value) + (np.array(printed) - np.array(value)) / n_classes},
        as_printed=np.array(printed),
    )


@claim(
    paper(CODE),
    kind="optimality",
    as_printed=paper("released code", says="At depth one |w_k|^2 / |h_k|^2 = n_k, whatever the decays."),
)
def test_code_length_ratio(trial, class_sizes=(6, 4, 2, 1), weight_decay=0.02, feature_decay=0.05):
    """At depth one |w_k|^2 / |h_k|^2 = n_k lambda_H / lambda_W for every class that is alive."""
    problem, end = found_optimum(trial, "", class_sizes, [weight_decay], feature_decay, (6,), 4)
    sizes = np.array(class_sizes, float)
    predicted_ratio = sizes * feature_decay / weight_decay
    lengths = np.sum(np.asarray(end.head.weights[0]) ** 2, axis=1)
    means = np.sum(np.asarray(end.head.features) ** 2, axis=0) / sizes
    alive = predicted.mse_optimum(class_sizes, [weight_decay], feature_decay).alive
    trial.value(
        lengths[alive] / means[alive],
        predicted_ratio[alive],
        error=np.max((1 + predicted_ratio[alive]) / means[alive]) * gram_error(problem, end),
        margin=1e-4,
        controls={"the inverse ratio of decays": (sizes * weight_decay / feature_decay)[alive]},
        as_printed=sizes[alive],
    )


@claim(paper("released code of the image experiments: mean over entries"), kind="optimality")
def test_rescale_loss(trial, class_sizes=(6, 4, 2), decay=0.01, width=6, starts=8):
    """Minimising a times the loss with decays lambda is the theory's problem with decays lambda / a, values times a."""
    from scipy.optimize import minimize

    from sims.neural_collapse.gradients import value_and_gradient

    n_classes, depth = len(class_sizes), 2
    problem = problem_of(class_sizes, (decay,) * depth, decay)
    slope = value_and_gradient(problem, (width,) * depth, n_classes)
    rng = trial.generator("starts")
    names = {"half_mean_over_entries": 1 / n_classes, "mean_over_entries": 2 / n_classes, "mean_over_samples": 2.0}
    found, value, plain, error = [], [], [], []
    for name, factor in names.items():

        def scaled(flat, factor=factor):
            full, gradient = slope(flat)
            norm = decay / 2 * np.sum(flat**2)
            return factor * (full - norm) + norm, factor * (gradient - decay * flat) + decay * flat

        n_parameters = 2 * width * n_classes + width**2
        ends = [
            minimize(scaled, rng.standard_normal(n_parameters), jac=True, options={"gtol": 1e-10, "maxiter": 5000})
            for _ in range(starts)
        ]
        best = min(ends, key=lambda end: end.fun)
        found.append(best.fun)
        # A minimum of curvature mu >= 2 decay (balanced layers) lies at most |gradient|^2 / (2 mu) below.
        error.append(np.sum(best.jac**2) / (4 * decay) + 1e-13)
        converted = predicted.decay_in_half_mean_square(decay, n_classes, name)
        value.append(factor * predicted.mse_optimum(class_sizes, [converted] * depth, converted).value)
        plain.append(factor * predicted.mse_optimum(class_sizes, [decay] * depth, decay).value)
    trial.value(found, value, error=np.array(error), margin=1e-8, controls={"decays left as they are": plain})
