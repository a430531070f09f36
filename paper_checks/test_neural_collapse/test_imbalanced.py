"""Imbalanced classes without bias: general orthogonal frames, and which classes die."""

from typing import Annotated

import numpy as np

from paper_checks.test_neural_collapse import (
    GRAM_MARGIN,
    SPLIT,
    UNEQUAL,
    Decay,
    Decays,
    Sizes,
    Starts,
    Widths,
    apart,
    found_optimum,
    gram_error,
    grams,
    lowest,
    predicted_grams,
    problem_of,
    require_frame,
    require_layers,
    schatten_bound,
    stacked,
)
from theory import neural_collapse as predicted
from theory_on_trial import claim
from theory_on_trial.contract import Interval

DEEP_SETTINGS = (
    ((6, 4, 2, 1), (0.05, 0.03), 0.04),
    ((6, 4, 2, 1), (0.05, 0.03, 0.02), 0.04),
    ((5, 3, 2), (0.01, 0.03), 0.02),
)


def trained(trial, class_sizes, weight_decays, feature_decay, spare=3):
    """Return the problem of these classes without a bottleneck, its lowest end and the predicted optimum."""
    widths = (len(class_sizes) + spare,) * len(weight_decays)
    require_layers(trial, class_sizes, weight_decays, widths)
    optimum = predicted.mse_optimum(class_sizes, weight_decays, feature_decay)
    require_frame(trial, optimum)
    problem = problem_of(class_sizes, weight_decays, feature_decay)
    return problem, found_optimum(trial, problem, widths), optimum


def decide_frames(trial, problem, end, frames, controls):
    """Decide the four matrices of `grams`, diag(a) each; a frame with a bias is wrong beside the diagonal."""
    biased = predicted.mse_optimum(problem.class_sizes, problem.weight_decays, problem.feature_decay, bias=True)
    wrong = {name: np.stack([np.diag(a) for a in matrices]) for name, matrices in controls.items()}
    exact = np.stack([np.diag(a) for a in frames])
    trial.value(
        stacked(grams(problem, end.head)),
        exact,
        error=gram_error(problem, end),
        margin=GRAM_MARGIN,
        controls=apart(trial, exact, GRAM_MARGIN, {**wrong, "with a bias": predicted_grams(biased)}),
    )


def decide_duality(trial, problem, end, ratios, wrong):
    """Decide that row k of W_M .. W_1 is `ratios[k]` times the class mean h_k, for the classes that live."""
    whole = np.linalg.multi_dot([*(np.asarray(w) for w in end.head.weights[::-1]), np.eye(end.head.features.shape[0])])
    means = np.asarray(end.head.features) / np.sqrt(np.array(problem.class_sizes, float))
    alive = ratios > 0

    def residual(factors):
        return (whole - (factors * means).T)[alive]

    trial.value(
        residual(ratios),
        np.zeros(residual(ratios).shape),
        error=(1 + ratios.max()) * gram_error(problem, end),
        margin=GRAM_MARGIN,
        scale=np.abs(whole).max(),
        wrong_processes={name: residual(factors) for name, factors in wrong.items()},
    )


@claim(UNEQUAL, kind="optimality", cases=[(0.1, 0.12), (0.02, 0.05)])
def test_imb_M1(trial, weight_decay: Decay, feature_decay: Decay, class_sizes: Sizes = (6, 4, 2, 1)):
    """M = 1: a general orthogonal frame with s_k^2 = (sqrt(n_k lambda_H / lambda_W) - N lambda_H)_+."""
    problem, end, _ = trained(trial, class_sizes, [weight_decay], feature_decay)
    sizes, n_samples = np.array(class_sizes, float), sum(class_sizes)

    def frames(squares, feature_decay=feature_decay):
        shifted = squares + n_samples * feature_decay
        return squares, squares, squares / shifted**2, squares / shifted

    squares = np.maximum(np.sqrt(sizes * feature_decay / weight_decay) - n_samples * feature_decay, 0)
    wrong = {"lengths by sqrt(n_k)": frames(np.sqrt(sizes) * squares.sum() / np.sqrt(sizes).sum())}
    if abs(weight_decay - feature_decay) > 0.01 * feature_decay:
        swapped = np.maximum(np.sqrt(sizes * weight_decay / feature_decay) - n_samples * weight_decay, 0)
        wrong["decays exchanged"] = frames(swapped, weight_decay)
    decide_frames(trial, problem, end, frames(squares), wrong)
    ratios = np.sqrt(sizes * feature_decay / weight_decay) * (squares > 0)
    decide_duality(trial, problem, end, ratios, {"without N lambda_H": squares})


@claim(SPLIT, kind="optimality")
def test_imb_M1_minority(
    trial, class_sizes: Sizes = (6, 4, 2), decays: Decays = (0.06, 0.1, 0.13, 0.17, 0.21, 0.25), ratio: Decay = 2.25
):
    """M = 1: class k is mapped to zero iff n_k <= N^2 lambda_W lambda_H."""
    sizes, n_samples, alive = np.array(class_sizes), sum(class_sizes), []
    pairs = [(decay / ratio**0.5, decay * ratio**0.5) for decay in decays]
    strength = np.array([weight_decay * feature_decay for weight_decay, feature_decay in pairs])[:, None]
    away = np.abs(n_samples**2 * strength / sizes - 1)
    trial.require(np.all(away > 1e-3), "decays must keep every class off its threshold by 0.001")
    for index, (weight_decay, feature_decay) in enumerate(pairs):
        require_layers(trial, class_sizes, [weight_decay], (len(sizes) + 2,))
        problem = problem_of(class_sizes, [weight_decay], feature_decay)
        end = lowest(problem, trial.key(str(index)), 2, (len(sizes) + 2,))
        alive.append(np.diag(grams(problem, end.head)["logits"]) > 1e-4)  # 0.001 off the threshold it is 5e-4
    critical = np.array([predicted.critical_class_size(n_samples, [w], h) for w, h in pairs])[:, None]
    living = (sizes > critical).astype(int)
    wrong = {
        "N lambda_W lambda_H": (sizes > n_samples * strength).astype(int),
        "n_k^2": (sizes**2 > n_samples**2 * strength).astype(int),
        "twice the size": (sizes > 2 * critical).astype(int),
    }
    trial.identity(np.array(alive).astype(int), living, ops=0, controls=apart(trial, living, 0.1, wrong))
    smallest = n_samples**2 * strength
    trial.identity(critical, smallest, ops=60, scale=smallest, controls={"N for N^2": smallest / n_samples})


@claim(UNEQUAL, kind="optimality", cases=DEEP_SETTINGS)
def test_imb_deep(trial, class_sizes: Sizes, weight_decays: Decays, feature_decay: Decay):
    """M >= 2: general orthogonal frames, c s_k^(2M) for W, c s_k^(2M) / (c s_k^(2M) + N lambda_H)^2 for features."""
    depth, ridge = len(weight_decays), sum(class_sizes) * feature_decay
    trial.require(depth >= 2, "weight_decays must be two or more: at depth one see imb_M1")
    problem, end, optimum = trained(trial, class_sizes, weight_decays, feature_decay)
    squares = optimum.layer_singular_values[0] ** 2
    c = weight_decays[0] ** (depth - 1) / np.prod(weight_decays[1:])

    def frames(constant, exponent):
        whole, last = constant * squares**exponent, weight_decays[0] / weight_decays[-1] * squares
        return whole, last, whole / (whole + ridge) ** 2, whole / (whole + ridge)

    unequal = {"c = 1": frames(1.0, depth)} if abs(c - 1) > 0.01 else {}
    decide_frames(trial, problem, end, frames(c, depth), {"exponent M for 2 M": frames(c, depth / 2), **unequal})
    whole = c * squares**depth
    decide_duality(trial, problem, end, (whole + ridge) * (whole > 0), {"without N lambda_H": whole})


@claim(SPLIT, kind="optimality", cases=[(2, -0.03), (2, 0.03), (3, -0.03), (3, 0.03)])
def test_imb_deep_minority(
    trial,
    depth: Annotated[int, Interval(2, 4)],
    off: Annotated[float, Interval(-0.2, 0.2)],
    class_sizes: Sizes = (6, 4, 2),
    starts: Starts = 2,
):
    """M >= 2: class k is mapped to zero iff n_k < M N (N Lambda)^(1/M) / beta_gl(M)."""
    n_samples, smallest, threshold = sum(class_sizes), min(class_sizes), predicted.global_threshold(depth)
    beta = (1 + off) * threshold
    decay = float(((beta * smallest / (depth * n_samples)) ** depth / n_samples) ** (1 / (depth + 1)))
    decays, widths = (decay,) * depth, (len(class_sizes) + 4,) * depth
    require_layers(trial, class_sizes, decays, widths)
    trial.require(class_sizes.count(smallest) == 1, "class_sizes must have one smallest class")
    optimum = predicted.mse_optimum(class_sizes, decays, decay)
    require_frame(trial, optimum)
    critical = predicted.critical_class_size(n_samples, decays, decay)
    by_root = {"where a root exists": critical * threshold / predicted.existence_threshold(depth)}
    trial.identity((1 + off) * smallest, critical, ops=60, scale=critical, controls=by_root)
    problem = problem_of(class_sizes, decays, decay)
    primal = lowest(problem, trial.key("starts"), starts, widths).value
    # Alive where it should be dead, or dead where it should be alive.
    gained = 1 - float(predicted.scalar_objective(predicted.largest_root(beta, depth), beta, depth))
    other = optimum.value + abs(gained) * smallest / (2 * n_samples)
    options = {"margin": 1e-8, "scale": 1.0, "ops": 100, "controls": {"the other fate of the class": other}}
    trial.gap(primal, schatten_bound(problem, widths), optimum.value, **options)


@claim(SPLIT, kind="optimality", cases=[((0.02,), (2,)), ((0.02, 0.02), (8, 2))])
def test_imb_bottleneck(
    trial, weight_decays: Decays, widths: Widths, class_sizes: Sizes = (1, 6, 2, 4), feature_decay: Decay = 0.02
):
    """Behind a bottleneck of R the R largest classes survive, in whatever order they come."""
    require_layers(trial, class_sizes, weight_decays, widths)
    rank, n_classes = min(widths), len(class_sizes)
    trial.require(rank < n_classes, "widths must hold a bottleneck: fewer than the classes")
    optimum = predicted.mse_optimum(class_sizes, weight_decays, feature_decay, widths=widths)
    require_frame(trial, optimum)
    problem = problem_of(class_sizes, weight_decays, feature_decay)
    end = found_optimum(trial, problem, widths)
    shares = np.diag(predicted.mse_optimum(class_sizes, weight_decays, feature_decay).logits)
    from_small = np.argsort(np.argsort(class_sizes, kind="stable"), kind="stable")
    biased = predicted.mse_optimum(class_sizes, weight_decays, feature_decay, widths=widths, bias=True)
    wrong = {
        "the first R classes": np.diag(shares * (np.arange(n_classes) < rank)),
        "the R smallest classes": np.diag(shares * (from_small < rank)),
        "with a bias": biased.logits,
    }
    trial.value(
        grams(problem, end.head)["logits"],
        optimum.logits,
        error=gram_error(problem, end),
        margin=GRAM_MARGIN,
        controls=apart(trial, optimum.logits, GRAM_MARGIN, wrong),
    )


@claim(SPLIT, kind="optimality", cases=[((0.02,), 0.02), ((0.03, 0.03), 0.03), ((0.1,), 0.1)])
def test_feature_lengths(trial, weight_decays: Decays, feature_decay: Decay, class_sizes: Sizes = (6, 4, 2)):
    """|h_k|^2 = x^M / (N lambda_H (1 + x^M)^2): minority features are longer, unless near collapse at M = 1."""
    trial.require(all(np.diff(class_sizes) < 0), "class_sizes must fall: lengths of equal classes are equal")
    problem, end, optimum = trained(trial, class_sizes, weight_decays, feature_decay)
    powers = optimum.roots[optimum.alive] ** len(weight_decays)
    trial.require(len(powers) > 1, "decays must leave two classes alive, whose lengths can be compared")
    products = powers[1:] * powers[:-1]  # near collapse they are below one
    trial.require(np.all(np.abs(products - 1) > 1e-3), "no two features may be of one length, up to 0.001")
    squares = powers / (sum(class_sizes) * feature_decay * (1 + powers) ** 2)
    lengths = np.diag(grams(problem, end.head)["features"])[optimum.alive]
    relative = np.sqrt(np.array(class_sizes)[optimum.alive])
    wrong = {
        "as sqrt(n_k)": relative * np.mean(squares / relative),
        "as 1 / sqrt(n_k)": np.mean(squares * relative) / relative,
    }
    trial.value(lengths, squares, error=gram_error(problem, end), margin=GRAM_MARGIN, controls=wrong)
    rises = np.sign(products - 1).astype(int)
    trial.identity(np.sign(np.diff(lengths)).astype(int), rises, ops=0, controls={"the other order": -rises})
