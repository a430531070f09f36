"""The textbook rules: which of them is the Bayes predictor, what separates it from the others, and
their limits.
"""

from functools import partial
from typing import Annotated

import numpy as np

from paper_checks.briefs.common import normal_nodes
from paper_checks.test_in_context_learning import (
    UNIT,
    Noise,
    PromptCount,
    Std,
    draw_prompts,
)
from sims.in_context_learning import baselines
from sims.in_context_learning.prompts import Prompts
from theory.in_context_learning import regression
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval

GRID = (0.0, 1 / 16, 1 / 9, 1 / 4, 4 / 9)
"""The regularisers of figure 2, least squares first; its columns have these noise-to-weight ratios.
"""
COUNT = 16
EXAMPLES = 13
DIMENSION = 4
"""Prompts on which the risks of all rules are compared."""
MATCHED = len(GRID)
"""The place of the ridge with λ = σ^2 / τ^2 among the rules; the one of twice that follows."""
Penalty = Annotated[
    float, Interval(0.05, 1000, why="with less, conditions take the digits of a penalty")
]
"""λ of a ridge."""


def query_risks(weights, inputs, weight_std, noise_std):
    """E (a.Y - w.x)^2 given the inputs, for label weights a [..., count, prefixes, examples]; x is
    the next input.
    """
    errors = np.einsum("...cke,ced->...ckd", weights, inputs) - inputs
    return weight_std**2 * np.sum(errors**2, axis=-1) + noise_std**2 * np.sum(weights**2, axis=-1)


def drawn_rules(trial, matched, repeated=False):
    """Inputs of some prompts, and the label weights of ridges (those of figure 2 and the matched)
    and other rules.
    """
    inputs = trial.generator("inputs").standard_normal((COUNT, EXAMPLES, DIMENSION))
    if repeated:
        inputs[:, -1] = inputs[:, 3]
    rules = [baselines.ridge(parameter) for parameter in (*GRID, matched, 2 * matched)]
    rules += [baselines.gradient_step(0.02), baselines.sgd(0.03), baselines.nearest_neighbours()]
    return inputs, np.asarray(
        baselines.label_weights(inputs, [*rules, baselines.nearest_neighbours(weighted=True)])
    )


def condition(inputs, penalty, prefixes=range(EXAMPLES)):
    """The largest condition of a rule at each prefix, [count, prefixes]: least squares', or the
    matched ridge's.
    """
    spectra = [[np.linalg.svd(X[:k], compute_uv=False) for k in prefixes] for X in inputs]
    return np.array(
        [
            [s[0] / min(s[-1], penalty**0.5) if len(s) else 1.0 for s in spectrum]
            for spectrum in spectra
        ]
    )


def posterior_mean(X, Y, weight_std, noise_std):
    """The mean of w given the labels, by the trapezoidal rule along the singular directions of X,
    and its points. The rule is exact to exp(-40): a spacing is .7 standard deviations of each
    direction, and the density has fallen by as much where the grid ends.
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


FewInGrid = Annotated[int, Interval(1, 6, why="a grid must hold the posterior")]
WEIGHTS_IN_GRID = "weight_std must be at most 4 noise_std: a grid must hold the posterior"


@claim(paper("equation 19"), kind="identity", cases=[1, 3, 5])
def test_mbr__ridge(trial, examples: FewInGrid, weight_std: Std = 1.5, noise_std: Std = 0.5):
    """The posterior mean of the weights is ridge regression with λ = σ^2 / τ^2, for noise of
    variance σ^2 and weights of variance τ^2.
    """
    trial.require(weight_std <= 4 * noise_std, WEIGHTS_IN_GRID)
    X, Y, _ = (array[0] for array in draw_prompts(trial.generator("prompt"), 1, examples, 2))
    Y = weight_std * Y
    stds = {"weight_std": weight_std, "noise_std": noise_std}
    mean, points, reach = posterior_mean(X, Y, **stds)
    ratio = noise_std**2 / weight_std**2
    parameters = {"1/2 before one of the squares": 2 * ratio}
    if abs(weight_std - 1) > 0.05:
        parameters |= {"λ = σ^2": noise_std**2, "λ = σ^2 / τ": noise_std**2 / weight_std}
    controls = {
        name: regression.ridge_weights(X, Y, parameter) for name, parameter in parameters.items()
    }
    law = regression.bayes_weights(X, Y, **stds)
    trial.identity(mean, law, ops=points, scale=reach, controls=controls)


def risks_of_rules(trial, examples, weight_std, noise_std):
    """The risks of drawn rules, the least risk that theory gives, and the scale of roundings."""
    trial.require(weight_std <= 4 * noise_std, WEIGHTS_IN_GRID)
    stds = {"weight_std": weight_std, "noise_std": noise_std}
    ratio = noise_std**2 / weight_std**2
    inputs, weights = drawn_rules(trial, ratio)
    risks = query_risks(weights, inputs, weight_std, noise_std)[:, :, examples]
    least = np.array(
        [regression.bayes_prediction_risk(X[:examples], X[examples], **stds) for X in inputs]
    )
    return risks, least, 40 * DIMENSION * condition(inputs, ratio, [examples])[:, 0]


@claim(paper("equation 19"), kind="optimality", cases=[1, 3, 5])
def test_mbr__least(trial, examples: FewInGrid, weight_std: Std = 1.5, noise_std: Std = 0.5):
    """Whatever the inputs, no rule has a smaller risk than ridge regression with λ = σ^2 / τ^2, for
    noise of variance σ^2 and weights of variance τ^2.
    """
    risks, least, unequal = risks_of_rules(trial, examples, weight_std, noise_std)
    trial.bound(
        np.broadcast_to(least, risks.shape),
        risks,
        instances="draws",
        independent=COUNT,
        ops=1,
        scale=risks * unequal,
        control_processes={
            "the error of a noisy label": np.broadcast_to(least + noise_std**2, risks.shape)
        },
    )


@claim(derived("the risk of the posterior mean is its variance"), kind="identity", cases=[1, 3, 5])
def test_mbr__least__risk(trial, examples: FewInGrid, weight_std: Std = 1.5, noise_std: Std = 0.5):
    """Whatever the inputs, the risk of ridge regression with λ = σ^2 / τ^2 at a query x after the
    inputs X is σ^2 x^T (X^T X + λ I)^-1 x, for noise of variance σ^2 and weights of variance τ^2.
    """
    risks, least, unequal = risks_of_rules(trial, examples, weight_std, noise_std)
    trial.identity(
        risks[MATCHED],
        least,
        ops=1,
        scale=least * unequal,
        control_processes={"twice λ": risks[MATCHED + 1]},
    )


@claim(
    derived("by orthogonality: given the examples the Bayes predictor is the conditional mean"),
    kind="identity",
    route="risks by a quadratic form less `regression.bayes_prediction_risk`, against "
    "`regression.linear_rule_spd`",
)
def test_pythagoras(trial, weight_std: Std = 1.5, noise_std: Std = 0.5):
    """For every rule the risk is the Bayes risk plus the squared prediction difference to the Bayes
    predictor.
    """
    ratio = noise_std**2 / weight_std**2
    stds = {"weight_std": weight_std, "noise_std": noise_std}
    inputs, weights = drawn_rules(trial, ratio)

    def distances(c, k):
        """Of each rule from the Bayes predictor, and from the ridge of twice its penalty."""
        X = inputs[c, :k]
        query = inputs[c, k]
        rules = (
            regression.bayes_rule(X, **stds).T @ query,
            regression.ridge_rule(X, 2 * ratio).T @ query,
        )
        return [
            [regression.linear_rule_spd(a[None, c, k, :k], b[None], X, **stds) for b in rules]
            for a in weights
        ]

    table = np.array([[distances(c, k) for k in range(EXAMPLES)] for c in range(COUNT)])
    distance, to_other = np.moveaxis(table, (3, 2), (0, 1))
    least = [
        [regression.bayes_prediction_risk(X[:k], X[k], **stds) for k in range(EXAMPLES)]
        for X in inputs
    ]
    risks = query_risks(weights, inputs, weight_std, noise_std)
    rivals = {"distance to the ridge of 2 λ": to_other, "no excess": 0 * distance}
    trial.identity(
        risks - least,
        distance,
        # Rotations of 12 examples, three roundings in each of 4 columns, and sums of 4 terms.
        ops=40 * DIMENSION,
        scale=risks * condition(inputs, ratio),
        controls=rivals,
    )


LINEAR_RULES = {
    baselines.ridge(0.1): partial(regression.ridge_weights, regulariser=0.1),
    baselines.gradient_step(0.02): partial(regression.gradient_step_weights, step=0.02),
    baselines.sgd(0.02): partial(regression.sgd_weights, step=0.02),
}
"""Rules that are linear in the query, each with its weights in closed form."""


@claim(paper("equations 15 and 16"), kind="identity")
def test_ilwd__linear(
    trial,
    prefix: Annotated[int, Interval(1, 100, why="each example costs")] = 6,
    count: PromptCount = 4,
    dimension: Annotated[int, Interval(2, 6, why="three queries for each axis")] = 4,
):
    """A linear fit to the answers of a rule that is linear in the query has the weights of the
    rule, if it is asked at d queries or more that span R^d.
    """
    queries, _ = normal_nodes(3, dimension)
    X, Y, _ = draw_prompts(trial.generator("prompts"), count, prefix, dimension)
    prompts = Prompts(X, Y, X[:, 0])

    def fitted(rule):
        def answer(asked):
            return baselines.predict_all(asked, [rule])[0]

        return baselines.implicit_fit(answer, prompts, prefix, queries).weights

    law = np.array(
        [
            [weights(*prompt) for prompt in zip(X, Y, strict=True)]
            for weights in LINEAR_RULES.values()
        ]
    )
    few = trial.generator("directions").standard_normal((dimension - 1, dimension))
    trial.identity(
        np.array([fitted(rule) for rule in LINEAR_RULES]),
        law,
        ops=40 * dimension + len(queries),
        scale=np.max(np.sum(np.abs(X * Y[:, :, None]), axis=(1, 2))),
        controls={"ridge for all": law[[0, 0, 0]]},
        control_processes={"d - 1 test inputs": law @ np.linalg.pinv(few) @ few},
    )


@claim(
    paper("Figure 2; for exact predictors derived here, by the sign of the risk's slope"),
    kind="optimality",
    cases=[(0.0, 1.0), (0.25, 1.0), (0.5, 1.5), (0.5, 1.0), (0.5, 0.75)],
)
def test_fig2__diagonal(trial, noise_std: Noise, weight_std: Std):
    """For any inputs, if ridge regression with λ = σ^2 / τ^2 is put among the ridges of figure 2,
    it has the least risk; σ^2 and τ^2 are the variances of noise and weights.
    """
    ratio = noise_std**2 / weight_std**2
    trial.require(
        not 0 < ratio < 1e-4,
        "noise_std must be 0 or a hundredth of weight_std: risks nearly tie with less",
    )
    parameters = np.unique(np.round([*GRID, ratio, 2 * ratio], 12))
    place = int(np.argmin(np.abs(parameters - ratio)))
    gaps = np.diff(parameters)[max(place - 1, 0) : place + 1]
    trial.require(
        gaps.min() > 1e-3 * ratio,
        "noise_std / weight_std must not nearly tie with a ridge of figure 2",
    )
    inputs, weights = drawn_rules(trial, ratio)
    rows = [
        int(np.argmin(np.abs(np.array([*GRID, ratio, 2 * ratio]) - parameter)))
        for parameter in parameters
    ]
    risks = query_risks(weights[rows], inputs, weight_std, noise_std)[:, :, 1:]
    best = np.argmin(risks, axis=0)
    next_one = place + 1 if place + 1 < len(rows) else place - 1
    rivals = {
        "the next penalty": next_one,
        "λ = σ^2": int(np.argmin(np.abs(parameters - noise_std**2))),
    }
    controls = {name: np.full(best.shape, row) for name, row in rivals.items() if row != place}
    trial.identity(best, np.full(best.shape, place), ops=0, controls=controls)


def unit_prompts(X, weight_std, noise_std):
    """The weights and labels of d + k prompts over which a sum is the mean over w and the noise, of
    any square.
    """
    weights = weight_std * np.eye(X.shape[1])
    labels = np.vstack([weights @ X.T, noise_std * np.eye(len(X))])
    return np.pad(weights, ((0, len(X)), (0, 0))), labels


def by_elimination(X, Y, penalty):
    """The ridge of every row of labels, by its normal equations."""
    return np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ Y.T).T


@claim(
    derived(
        "by the normal equations for each unit vector of w and of the noise: the mean of a "
        "square is a sum of them"
    ),
    kind="identity",
    cases=[(0.3, 5, 0.5), (2.0, 2, 0.5), (0.3, 5, 0.0)],
)
def test_ridge__spectrum(
    trial,
    regulariser: Penalty,
    examples: Annotated[int, Interval(1, 30, why="each prompt is solved exactly")],
    noise_std: Noise,
    dimension: Annotated[int, Interval(1, 10, why="each prompt is solved exactly")] = 3,
    weight_std: Std = 1.5,
):
    """Given X, ridge regression has the risk sum (τ^2 λ^2 + σ^2 s) / (s + λ)^2 over the eigenvalues
    s of X^T X, with τ^2 for each s = 0; τ^2 and σ^2 are the variances of weights and noise.

    Its slope in λ is the sum of 2 s (λ τ^2 - σ^2) / (s + λ)^3.
    """
    X = trial.generator("inputs").standard_normal((examples, dimension))
    spectrum = np.linalg.svd(X, compute_uv=False) ** 2
    weights, labels = unit_prompts(X, weight_std, noise_std)
    step = 1e-30  # a complex one: no difference is taken
    errors = by_elimination(X, labels, regulariser + 1j * step) - weights
    risk = np.sum(errors.real**2)
    slope = 2 * np.sum(errors.real * errors.imag) / step

    def laws(penalty):
        stds = weight_std, noise_std
        return np.array(
            [
                regression.ridge_risk(penalty, spectrum, dimension, *stds),
                regression.linear_rule_risk(regression.ridge_rule(X, penalty), X, *stds),
                regression.ridge_risk_slope(penalty, spectrum, *stds),
            ]
        )

    size = np.sum(errors.real**2 + 2 * weights**2) * (1 + spectrum[0] / regulariser)
    trial.identity(
        np.array([risk, risk, slope]),
        laws(regulariser),
        ops=40 * dimension,
        scale=size * np.array([1, 1, 2 / regulariser]),
        controls={"1/2 before one of the squares": laws(2 * regulariser)},
    )


@claim(
    paper("section 4.3, the two baselines of three nearest neighbours"),
    kind="identity",
    cases=[False, True],
)
def test_nearest__neighbours(trial, weighted: bool):
    """The baselines average the labels of the three nearest examples with equal weights, or with
    the weights 1 / |x_i - x|^2; if there are fewer than three, they take all.
    """
    inputs, weights = drawn_rules(trial, 1.0, repeated=True)
    labels = trial.generator("labels").standard_normal((COUNT, EXAMPLES))

    def answers(neighbours, spread=lambda shares: shares):
        predictions = np.zeros((COUNT, EXAMPLES))
        for c, k in np.ndindex(predictions.shape):
            shares = regression.nearest_neighbour_weights(
                inputs[c, :k], inputs[c, k], neighbours, weighted
            )
            predictions[c, k] = spread(shares) @ labels[c, :k]
        return predictions

    thirds = np.minimum(np.arange(EXAMPLES), 3) / 3
    controls = {"four neighbours": answers(4), "always divided by 3": answers(3) * thirds}
    if weighted:
        controls["1 / |x_i - x|"] = answers(
            3, lambda shares: np.sqrt(shares) / max(np.sqrt(shares).sum(), UNIT)
        )
    predictions = np.einsum("ckn,cn->ck", weights[-1 if weighted else -2], labels)
    # Distances from 4 squares, their quotients, and sums over three: some 30 roundings.
    trial.identity(
        predictions, answers(3), ops=8 * DIMENSION, scale=np.abs(labels).max(), controls=controls
    )
