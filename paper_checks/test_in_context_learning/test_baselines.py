"""The textbook rules: which of them is the Bayes predictor, what separates it from the others, and their limits."""

from typing import Annotated

import numpy as np

from paper_checks.test_in_context_learning import UNIT, Std, draw_prompts, gauss_hermite, query_risks
from sims.in_context_learning import baselines, metrics
from sims.in_context_learning.prompts import Prompts
from theory import in_context_learning as predicted
from theory_on_trial import claim, ours, paper
from theory_on_trial.contract import Interval

GRID = (0.0, 1 / 16, 1 / 9, 1 / 4, 4 / 9)
"""The regularisers of figure 2, least squares first; its columns have these noise-to-weight ratios."""
COUNT, EXAMPLES, DIMENSION = 16, 13, 4
"""Prompts on which the risks of all rules are compared."""
MATCHED = len(GRID)
"""The place of the ridge with lambda = sigma^2 / tau^2 among the rules; the one of twice that follows."""


def drawn_rules(trial, matched):
    """Inputs of some prompts, and the label weights of ridges (those of figure 2 and the matched) and other rules."""
    inputs = trial.generator("inputs").standard_normal((COUNT, EXAMPLES, DIMENSION))
    rules = [baselines.ridge(parameter) for parameter in (*GRID, matched, 2 * matched)]
    rules += [baselines.gradient_step(0.02), baselines.sgd(0.03), baselines.nearest_neighbours()]
    return inputs, np.asarray(baselines.label_weights(inputs, [*rules, baselines.nearest_neighbours(weighted=True)]))


def condition(inputs, penalty, prefixes=range(EXAMPLES)):
    """The largest condition of a rule at each prefix, [count, prefixes]: least squares', or the matched ridge's."""
    spectra = [[np.linalg.svd(X[:k], compute_uv=False) for k in prefixes] for X in inputs]
    return np.array([[s[0] / min(s[-1], penalty**0.5) if len(s) else 1.0 for s in spectrum] for spectrum in spectra])


def posterior_mean(X, Y, weight_std, noise_std):
    """The mean of w given the labels, by the trapezoidal rule along the singular directions of X, and its points.

    The rule is exact to exp(-40): a spacing is .7 standard deviations of each direction, and the density has fallen by
    as much where the grid ends.
    """
    _, singular, directions = np.linalg.svd(X)
    widths = np.zeros(2)
    widths[: len(singular)] = (singular / noise_std) ** 2
    reach = weight_std * np.sqrt(Y @ Y / noise_std**2 + 80)
    axes = [np.arange(-reach, reach, 0.7 / np.sqrt(width + weight_std**-2)) for width in widths]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2) @ directions
    misfit = sum((label - grid @ row) ** 2 for row, label in zip(X, Y, strict=True))
    log_density = -misfit / (2 * noise_std**2) - np.sum(grid**2, axis=1) / (2 * weight_std**2)
    density = np.exp(log_density - log_density.max())
    return density @ grid / density.sum(), len(grid), reach


@claim(paper("equation 19"), kind="optimality", cases=[1, 3, 5])
def test_mbr__ridge(
    trial, examples: Annotated[int, Interval(1, 6, why="a grid must hold the posterior")],
    weight_std: Std = 1.5, noise_std: Std = 0.5,
):  # fmt: skip
    """The posterior mean is the ridge with lambda = sigma^2 / tau^2; given any inputs no rule has a smaller risk."""
    trial.require(weight_std <= 4 * noise_std, "weight_std must be at most 4 noise_std: a grid must hold the posterior")
    X, Y, _ = (array[0] for array in draw_prompts(trial.generator("prompt"), 1, examples, 2))
    Y, stds = weight_std * Y, {"weight_std": weight_std, "noise_std": noise_std}
    mean, points, reach = posterior_mean(X, Y, **stds)
    ratio = noise_std**2 / weight_std**2
    others = {"1/2 before one of the squares": 2 * ratio}
    if abs(weight_std - 1) > 0.05:
        others |= {"lambda = sigma^2": noise_std**2, "lambda = sigma^2 / tau": noise_std**2 / weight_std}
    wrong = {name: predicted.ridge_weights(X, Y, parameter) for name, parameter in others.items()}
    law = predicted.bayes_weights(X, Y, **stds)
    trial.identity(mean, law, ops=points, scale=reach, controls=wrong)
    inputs, weights = drawn_rules(trial, ratio)
    risks = query_risks(weights, inputs, weight_std, noise_std)[:, :, examples]
    least = np.array([predicted.bayes_prediction_risk(X[:examples], X[examples], **stds) for X in inputs])
    unequal = 40 * DIMENSION * condition(inputs, ratio, [examples])[:, 0]
    options = {"found_by": "draws", "independent": COUNT, "ops": 1, "scale": risks * unequal}
    everywhere, noisy = (np.broadcast_to(side, risks.shape) for side in (least, least + noise_std**2))
    trial.bound(everywhere, risks, **options, wrong_processes={"the error of a noisy label": noisy})
    twice = {"twice lambda": risks[MATCHED + 1]}
    trial.identity(risks[MATCHED], least, ops=1, scale=least * unequal, wrong_processes=twice)


@claim(ours("by orthogonality: given the examples the Bayes predictor is the conditional mean"), kind="identity")
def test_pythagoras(trial, weight_std: Std = 1.5, noise_std: Std = 0.5):
    """For every rule the risk is the Bayes risk plus the squared prediction difference to the Bayes predictor."""
    ratio, stds = noise_std**2 / weight_std**2, {"weight_std": weight_std, "noise_std": noise_std}
    inputs, weights = drawn_rules(trial, ratio)

    def distances(c, k):
        """Of each rule from the Bayes predictor, and from the ridge of twice its penalty."""
        shown, asked = inputs[c, :k], inputs[c, k]
        others = predicted.bayes_rule(shown, **stds).T @ asked, predicted.ridge_rule(shown, 2 * ratio).T @ asked
        return [[predicted.prediction_spd(a[c, k, :k], b, shown, **stds) for b in others] for a in weights]

    every = np.array([[distances(c, k) for k in range(EXAMPLES)] for c in range(COUNT)])
    distance, to_other = np.moveaxis(every, (3, 2), (0, 1))
    least = [[predicted.bayes_prediction_risk(X[:k], X[k], **stds) for k in range(EXAMPLES)] for X in inputs]
    risks = query_risks(weights, inputs, weight_std, noise_std)
    wrong = {"distance to the ridge of 2 lambda": to_other, "no excess": 0 * distance}
    trial.identity(risks - least, distance, ops=40 * DIMENSION, scale=risks * condition(inputs, ratio), controls=wrong)


@claim(
    ours("by the singular values: lambda / (s^2 + lambda) of each component is lost"), kind="limit",
    cases=[(5, 8), (30, 8)],
)  # fmt: skip
def test_ols__limit(
    trial, examples: Annotated[int, Interval(1, 200)], dimension: Annotated[int, Interval(1, 50)],
    count: Annotated[int, Interval(1, 100)] = 4,
):  # fmt: skip
    """As sigma falls to zero the Bayes predictor tends to least squares of minimum norm, its error of order lambda."""
    X, Y, _ = draw_prompts(trial.generator("prompts"), count, examples + 1, dimension)
    prompts, fractions = Prompts(X, Y, X[:, 0]), 2.0 ** -np.arange(8, 15)
    shown, labels = X[:, :-1], Y[:, :-1]
    _, singular, directions = np.linalg.svd(shown)
    least = np.array([predicted.ols_weights(*prompt) for prompt in zip(shown, labels, strict=True)])
    penalties = fractions * np.min(singular) ** 2
    found = np.asarray(baselines.weights_all(prompts, [baselines.ridge(float(one)) for one in penalties]))[:, :, -1]
    lengths, unseen = np.linalg.norm(least, axis=1), directions[:, -1]
    ahead = np.sign(np.sum(unseen * least, axis=1)) * lengths  # backwards, first-order terms may cancel
    total, shifted = (np.linalg.norm(found - end, axis=(1, 2)) for end in (least, least + ahead[:, None] * unseen))
    rounding = 40 * dimension * UNIT * np.linalg.norm(singular[:, 0] / singular[:, -1] * lengths)
    wrong = {"controls": {"as lambda^2": -2.0, "as sigma": -0.5}, "wrong_processes": {"another solution": shifted}}
    trial.order(total, 1 / fractions, -1.0, rounding=rounding, margin=0.005, same_instance=True, **wrong)


@claim(ours("by E x x^T = I in equations 15-17"), kind="identity")
def test_ilwd__linear(
    trial, prefix: Annotated[int, Interval(1, 100)] = 6, count: Annotated[int, Interval(1, 100)] = 4,
    dimension: Annotated[int, Interval(2, 6, why="three nodes for each normal number")] = 4,
):  # fmt: skip
    """A fit to d answers of a linear rule returns its weights; for x ~ N(0, I) the ILWD of two rules is their SPD."""
    nodes, probabilities = gauss_hermite(3, dimension)
    rules = [baselines.ridge(0.1), baselines.gradient_step(0.02)]
    X, Y, _ = draw_prompts(trial.generator("prompts"), count, prefix, dimension)
    prompts = Prompts(X, Y, X[:, 0])

    def act(rule):
        return lambda asked: baselines.predict_all(asked, rules)[rules.index(rule)]

    fits = np.array([metrics.implicit_fit(act(rule), prompts, prefix, nodes).weights for rule in rules])
    answers = np.array([metrics.answer_queries(act(rule), prompts, prefix, nodes) for rule in rules])
    laws = (
        lambda X, Y: predicted.ridge_weights(X, Y, 0.1),
        lambda X, Y: predicted.gradient_step_weights(X, Y, 0.02),
    )
    law = np.array([[weights(*shown) for shown in zip(X, Y, strict=True)] for weights in laws])
    size = np.max(np.sum(np.abs(X * Y[:, :, None]), axis=(1, 2)))
    few = trial.generator("directions").standard_normal((dimension - 1, dimension))
    wrong = {
        "controls": {"ridge for both": law[[0, 0]]},
        "wrong_processes": {"d - 1 test inputs": law @ np.linalg.pinv(few) @ few},
    }
    trial.identity(fits, law, ops=40 * dimension + len(nodes), scale=size, **wrong)
    spd, ilwd = ((answers[0] - answers[1]) ** 2) @ probabilities, np.sum((law[0] - law[1]) ** 2, axis=1)
    options = {"ops": 40 * dimension + len(nodes), "scale": size**2}
    trial.identity(spd, ilwd, **options, controls={"divided by d": ilwd / dimension})


@claim(
    ours("by the sign of the risk's slope in lambda: figure 2 of the paper, for exact predictors"), kind="optimality",
    cases=[(0.0, 1.0), (0.25, 1.0), (0.5, 1.5), (0.5, 1.0), (0.5, 0.75)],
)  # fmt: skip
def test_fig2__diagonal(trial, noise_std: Annotated[float, Interval(0, 10)], weight_std: Std):
    """Of figure 2's ridges the one with lambda = sigma^2 / tau^2, put among them, has the least risk for any inputs."""
    matched = noise_std**2 / weight_std**2
    parameters = np.unique(np.round([*GRID, matched, 2 * matched], 12))
    place = int(np.argmin(np.abs(parameters - matched)))
    gaps = np.diff(parameters)[max(place - 1, 0) : place + 1]
    trial.require(gaps.min() > 1e-3 * matched, "noise_std / weight_std must not nearly tie with a ridge of figure 2")
    inputs, weights = drawn_rules(trial, matched)
    rows = [int(np.argmin(np.abs(np.array([*GRID, matched, 2 * matched]) - parameter))) for parameter in parameters]
    risks = query_risks(weights[rows], inputs, weight_std, noise_std)[:, :, 1:]
    best, next_one = np.argmin(risks, axis=0), place + 1 if place + 1 < len(rows) else place - 1
    wrong = {"the next penalty": next_one, "lambda = sigma^2": int(np.argmin(np.abs(parameters - noise_std**2)))}
    controls = {name: np.full(best.shape, row) for name, row in wrong.items() if row != place}
    trial.identity(best, np.full(best.shape, place), ops=0, controls=controls)
