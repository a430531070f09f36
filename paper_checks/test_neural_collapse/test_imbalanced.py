"""Imbalanced classes without bias: general orthogonal frames, and which classes die."""

import numpy as np

from paper_checks.test_neural_collapse import (
    ABSTRACT,
    DERIVED,
    GRAM_MARGIN,
    data_values,
    gram_error,
    grams,
    lowest,
    predicted_grams,
    problem_of,
    searched_minimum,
    stacked,
)
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours


def found_optimum(trial, name, class_sizes, weight_decays, feature_decay, widths, starts=6):
    """The problem and the lowest end of descents from random starts."""
    problem = problem_of(class_sizes, weight_decays, feature_decay)
    return problem, observed.best_of(problem, trial.key(name), starts, widths=widths)


@claim(ours(ABSTRACT), kind="optimality")
def test_imb_M1(trial, class_sizes=(6, 4, 2, 1), settings=((0.1, 0.12), (0.02, 0.05))):
    """M = 1: a general orthogonal frame with s_k^2 = (sqrt(n_k lambda_H / lambda_W) - N lambda_H)_+."""
    n_samples, sizes = sum(class_sizes), np.array(class_sizes, float)
    for weight_decay, feature_decay in settings:
        problem, end = found_optimum(trial, str(weight_decay), class_sizes, [weight_decay], feature_decay, (6,), 4)
        squares = np.maximum(np.sqrt(sizes * feature_decay / weight_decay) - n_samples * feature_decay, 0)
        shifted = squares + n_samples * feature_decay
        optimum = predicted.mse_optimum(class_sizes, [weight_decay], feature_decay)
        swapped = predicted.mse_optimum(class_sizes, [feature_decay], weight_decay)
        lengths = np.sqrt(sizes) * squares.sum() / np.sqrt(sizes).sum()
        naive = [np.diag(a) for a in (lengths, lengths, lengths / shifted**2, lengths / shifted)]
        trial.identity(
            stacked(predicted_grams(optimum)),
            np.stack([np.diag(a) for a in (squares, squares, squares / shifted**2, squares / shifted)]),
            # Where a class barely lives, n_k against (N lambda)^2 loses a digit.
            ops=200,
            scale=np.max(squares) / np.min(shifted),
            controls={"decays exchanged": stacked(predicted_grams(swapped))},
        )
        trial.value(
            stacked(grams(problem, end.head)),
            stacked(predicted_grams(optimum)),
            error=gram_error(problem, end),
            margin=GRAM_MARGIN,
            controls={"decays exchanged": stacked(predicted_grams(swapped)), "lengths by sqrt(n_k)": np.stack(naive)},
        )
        means = np.asarray(end.head.features) / np.sqrt(sizes)
        rows = np.asarray(end.head.weights[0])
        ratio = np.sqrt(sizes * feature_decay / weight_decay) * (squares > 0)
        trial.value(
            rows - (ratio * means).T,
            np.zeros(rows.shape),
            error=(1 + ratio.max()) * gram_error(problem, end),
            margin=GRAM_MARGIN,
            wrong_processes={"ratio of N lambda_H": rows - (n_samples * feature_decay * means).T},
        )


@claim(ours(DERIVED), kind="optimality")
def test_imb_M1_minority(trial, class_sizes=(6, 4, 2), decays=(0.06, 0.1, 0.13, 0.17, 0.21, 0.25)):
    """M = 1: class k is mapped to zero iff n_k <= N^2 lambda_W lambda_H."""
    sizes, n_samples = np.array(class_sizes), sum(class_sizes)
    alive, strengths = [], []
    for decay in decays:
        weight_decay, feature_decay = decay / 1.5, decay * 1.5
        problem, end = found_optimum(trial, str(decay), class_sizes, [weight_decay], feature_decay, (5,), 3)
        alive.append(np.diag(grams(problem, end.head)["logits"]) > 1e-6)  # an alive class here has above 1e-2
        strengths.append(weight_decay * feature_decay)
    strength = np.array(strengths)[:, None]
    exact = [predicted.mse_optimum(class_sizes, [decay / 1.5], decay * 1.5).alive for decay in decays]
    found = np.array(alive).astype(int)
    trial.identity(
        found,
        np.array(exact).astype(int),
        ops=0,
        controls={
            "N lambda_W lambda_H": (sizes > n_samples * strength).astype(int),
            "n_k^2": (sizes**2 > n_samples**2 * strength).astype(int),
        },
    )
    critical = [predicted.critical_class_size(n_samples, [decay / 1.5], decay * 1.5) for decay in decays]
    trial.identity(
        found,
        (sizes > np.array(critical)[:, None]).astype(int),
        ops=0,
        controls={"twice the size": (sizes > 2 * np.array(critical)[:, None]).astype(int)},
    )


DEEP = (
    ((6, 4, 2, 1), (0.05, 0.03), 0.04),
    ((6, 4, 2, 1), (0.05, 0.03, 0.02), 0.04),
    ((5, 3, 2), (0.01, 0.03), 0.02),
)


@claim(ours(ABSTRACT), kind="optimality")
def test_imb_deep(trial, settings=DEEP):
    """M >= 2: general orthogonal frames, c s_k^(2M) for W, c s_k^(2M) / (c s_k^(2M) + N lambda_H)^2 for features."""
    for index, (class_sizes, weight_decays, feature_decay) in enumerate(settings):
        depth, n_samples = len(weight_decays), sum(class_sizes)
        widths = (8,) * depth
        problem, end = found_optimum(trial, str(index), class_sizes, weight_decays, feature_decay, widths)
        optimum = predicted.mse_optimum(class_sizes, weight_decays, feature_decay)
        squares = optimum.layer_singular_values[0] ** 2
        c = weight_decays[0] ** (depth - 1) / np.prod(weight_decays[1:])

        def frames(constant, exponent, squares=squares, n_samples=n_samples, decays=weight_decays, lam=feature_decay):
            whole = constant * squares**exponent
            shifted = whole + n_samples * lam
            last = decays[0] / decays[-1] * squares
            return np.stack([np.diag(a) for a in (whole, last, whole / shifted**2, whole / shifted)])

        options = {"error": gram_error(problem, end), "margin": GRAM_MARGIN}
        trial.value(
            stacked(grams(problem, end.head)),
            frames(c, depth),
            controls={"c = 1": frames(1.0, depth), "exponent M for 2 M": frames(c, depth / 2)},
            **options,
        )
        whole = np.linalg.multi_dot([np.asarray(layer) for layer in end.head.weights[::-1]])
        means = np.asarray(end.head.features) / np.sqrt(np.array(class_sizes, float))
        shifted = c * squares**depth + n_samples * feature_decay
        trial.value(
            whole - shifted[:, None] * means.T,
            np.zeros(whole.shape),
            wrong_processes={"without N lambda_H": whole - (shifted - n_samples * feature_decay)[:, None] * means.T},
            error=(1 + shifted.max()) * gram_error(problem, end),
            margin=GRAM_MARGIN,
        )


@claim(ours(DERIVED), kind="optimality")
def test_imb_deep_minority(trial, depths=(2, 3), class_sizes=(6, 4, 2), off=0.03, starts=4):
    """M >= 2: class k is mapped to zero iff n_k < M N (N Lambda)^(1/M) / beta_gl(M)."""
    n_samples = sum(class_sizes)
    primal, dual, value, existing = [], [], [], []
    for depth in depths:
        for factor in (1 - off, 1 + off):
            beta = factor * predicted.global_threshold(depth)
            decay = ((beta * class_sizes[-1] / (depth * n_samples)) ** depth / n_samples) ** (1 / (depth + 1))
            decays, key = (decay,) * depth, trial.key(f"{depth} {factor}")
            problem = problem_of(class_sizes, decays, decay)
            primal.append(lowest(problem, key, starts, (8,) * depth).value)
            dual.append(searched_minimum(data_values(class_sizes, bias=False), n_samples, decays, decay, 3))
            optimum = predicted.mse_optimum(class_sizes, decays, decay)
            value.append(optimum.value)
            root = predicted.largest_root(beta, depth)
            with_class = float(predicted.scalar_objective(root, beta, depth)) - 1
            alive = optimum.alive[-1]
            existing.append(optimum.value + (0 if alive else class_sizes[-1] / (2 * n_samples) * with_class))
            critical = predicted.critical_class_size(n_samples, decays, decay)
            gap = predicted.global_threshold(depth) / predicted.existence_threshold(depth)
            trial.identity(
                np.array([class_sizes[-1] * beta / predicted.global_threshold(depth)]),
                np.array([critical]),
                ops=60,
                scale=critical,
                controls={"existence": np.array([critical * gap])},
            )
    trial.gap(
        np.array(primal),
        np.array(dual),
        np.array(value),
        margin=1e-8,
        scale=1.0,
        ops=100,
        controls={"where a root exists": np.array(existing)},
    )


@claim(ours(DERIVED), kind="optimality")
def test_imb_bottleneck(trial, class_sizes=(1, 6, 2, 4), settings=(((0.02,), (2,)), ((0.02, 0.02), (8, 2))), starts=6):
    """Behind a bottleneck of R the R largest classes survive, in whatever order they come."""
    for weight_decays, widths in settings:
        problem, end = found_optimum(trial, str(widths), class_sizes, weight_decays, 0.02, widths, starts)
        optimum = predicted.mse_optimum(class_sizes, weight_decays, 0.02, widths=widths)
        first = predicted.mse_optimum(class_sizes, weight_decays, 0.02).logits * np.diag([1.0, 1, 0, 0])
        trial.value(
            grams(problem, end.head)["logits"],
            optimum.logits,
            error=gram_error(problem, end),
            margin=GRAM_MARGIN,
            controls={"the first R classes": first},
        )


@claim(ours(DERIVED), kind="optimality")
def test_feature_lengths(trial, class_sizes=(6, 4, 2)):
    """|h_k|^2 = x^M / (N lambda_H (1 + x^M)^2): minority features are longer, unless near collapse at M = 1."""
    n_samples = sum(class_sizes)
    settings = {"small decay": ((0.02,), 0.02), "deep": ((0.03, 0.03), 0.03), "near collapse": ((0.1,), 0.1)}
    for name, (weight_decays, feature_decay) in settings.items():
        depth = len(weight_decays)
        problem, end = found_optimum(trial, name, class_sizes, weight_decays, feature_decay, (8,) * depth)
        optimum = predicted.mse_optimum(class_sizes, weight_decays, feature_decay)
        powers = optimum.roots**depth
        trial.value(
            np.diag(grams(problem, end.head)["features"]),
            powers / (n_samples * feature_decay * (1 + powers) ** 2),
            error=gram_error(problem, end),
            margin=GRAM_MARGIN,
            controls={"as the weights": np.sqrt(powers / n_samples / feature_decay)},
        )
        measured = np.diag(grams(problem, end.head)["features"])[optimum.alive]
        falling = name == "near collapse"
        trial.identity(
            np.argsort(measured),
            np.arange(len(measured))[:: -1 if falling else 1],
            ops=0,
            controls={"the other order": np.arange(len(measured))[:: 1 if falling else -1]},
        )
