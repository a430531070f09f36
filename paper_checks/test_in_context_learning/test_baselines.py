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
from theory_on_trial import claim, known, paper, tried
from theory_on_trial.contract import Interval

GRID = (0.0, 1 / 16, 1 / 9, 1 / 4, 4 / 9)
"""The regularisers of figure 2, least squares first; its columns have these noise-to-weight ratios.
"""
COUNT = 16
EXAMPLES = 13
DIMENSION = 4
"""How many prompts the risks of all rules are compared on, their examples and their dimension."""
MANY = 344
"""Prompts where what holds on them says something of all."""
MATCHED = len(GRID)
"""The place of the ridge with λ = σ^2 / τ^2 among the drawn rules; the one of twice that follows.
"""
Penalty = Annotated[
    float, Interval(0.05, 1000, why="with less, rounding leaves few digits of the normal equations")
]
"""λ of a ridge."""


def query_risks(label_weights, inputs, weight_std, noise_std):
    """The risks E (a.Y - w.x)^2 given the inputs, (rules, count, prefixes), of the label weights a
    (rules, count, prefixes, examples) that `drawn_rules` gives; x is the next input.
    """
    # a.Y - w.x is w.(X^T a - x) and the noise times a. All examples have a weight, zero from x on.
    errors = np.einsum("rcke,ced->rckd", label_weights, inputs) - inputs
    return weight_std**2 * np.sum(errors**2, axis=-1) + noise_std**2 * np.sum(
        label_weights**2, axis=-1
    )


def drawn_rules(trial, matched, repeated=False, count=COUNT):
    """Inputs of some prompts (count, examples, dimension), and the weights with which eleven rules
    take labels to predictions after each prefix (rules, count, prefixes, examples).

    The rules are the ridges of figure 2, those with λ = `matched` and twice that, a gradient step,
    SGD, three nearest neighbours, and the same weighted. If `repeated`, the last query of a prompt
    is the fourth of its examples.
    """
    inputs = trial.generator("inputs").standard_normal((count, EXAMPLES, DIMENSION))
    if repeated:
        inputs[:, -1] = inputs[:, 3]
    rules = [baselines.ridge(parameter) for parameter in (*GRID, matched, 2 * matched)]
    rules += [
        baselines.gradient_step(0.02),
        baselines.sgd(0.03),
        baselines.nearest_neighbours(),
        baselines.nearest_neighbours(weighted=True),
    ]
    return inputs, np.asarray(baselines.label_weights(inputs, rules))


def condition(inputs, penalty, prefixes=range(EXAMPLES)):
    """How much least squares or the ridge of this penalty, whichever is worse, enlarges rounding at
    each prefix, (count, prefixes): the quotient of singular values of X; 1 without examples.
    """
    conditions = np.ones((len(inputs), len(prefixes)))
    for prompt, X in enumerate(inputs):
        for place, prefix in enumerate(prefixes):
            if prefix > 0:
                singular = np.linalg.svd(X[:prefix], compute_uv=False)
                conditions[prompt, place] = singular[0] / min(singular[-1], penalty**0.5)
    return conditions


def posterior_mean(X, Y, weight_std, noise_std):
    """The mean of w (2,) given the labels, by the trapezoidal rule along the singular directions of
    X; the number of its points; and half the width of its grid.

    The rule is exact to exp(-40): a spacing is .7 standard deviations of each direction, and the
    density has fallen by as much where the grid ends.
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


FewExamples = Annotated[
    int, Interval(1, 6, why="with more, the grid for the posterior needs too many points")
]
WEIGHTS_IN_GRID = (
    "weight_std must be at most 4 noise_std: the grid for the posterior needs too many points"
)


@claim(paper("equation 19"), kind="identity", cases=[1, 3, 5])
def test_mbr__ridge(trial, examples: FewExamples, weight_std: Std = 1.5, noise_std: Std = 0.5):
    """The posterior mean of two weights given the examples is ridge regression with $λ = σ² / τ²$,
    for normal noise of variance $σ²$ and normal weights of variance $τ²$.
    """
    trial.require(weight_std <= 4 * noise_std, WEIGHTS_IN_GRID)
    X, Y, _ = (array[0] for array in draw_prompts(trial.generator("prompt"), 1, examples, 2))
    Y = weight_std * Y
    stds = {"weight_std": weight_std, "noise_std": noise_std}
    mean, points, reach = posterior_mean(X, Y, **stds)
    penalties = {"$λ = 2 σ^2 / τ^2$ (1/2 before one square)": 2 * noise_std**2 / weight_std**2}
    if abs(weight_std - 1) > 0.05:
        penalties["$λ = σ^2$"] = noise_std**2
        penalties["$λ = σ^2 / τ$"] = noise_std**2 / weight_std
    controls = {
        name: regression.ridge_weights(X, Y, penalty) for name, penalty in penalties.items()
    }
    law = regression.bayes_weights(X, Y, **stds)
    trial.identity(
        mean,
        law,
        ops=points,
        scale=reach,
        controls=controls,
        generic="the posterior mean is rational in the prompt",
    )


def risks_of_rules(trial, examples, weight_std, noise_std, count=COUNT):
    """The risks of the drawn rules after so many examples (rules, count), the least risk that
    theory gives (count,), and relative roundings in units of one (count,).
    """
    trial.require(weight_std <= 4 * noise_std, WEIGHTS_IN_GRID)
    stds = {"weight_std": weight_std, "noise_std": noise_std}
    ratio = noise_std**2 / weight_std**2
    inputs, weights = drawn_rules(trial, ratio, count=count)
    risks = query_risks(weights, inputs, weight_std, noise_std)[:, :, examples]
    least = np.array(
        [regression.bayes_prediction_risk(X[:examples], X[examples], **stds) for X in inputs]
    )
    return risks, least, 40 * DIMENSION * condition(inputs, ratio, [examples])[:, 0]


@claim(paper("equations 18 and 19"), kind="optimality", cases=[1, 3, 5])
def test_mbr__least(trial, examples: FewExamples, weight_std: Std = 1.5, noise_std: Std = 0.5):
    """Whatever the inputs, other ridges, a gradient step, SGD and nearest neighbours have no
    smaller risk $E (prediction - w.x)²$ than ridge regression with $λ = σ² / τ²$, for noise of
    variance $σ²$ and weights $w$ of variance $τ²$; $x$ is the next input.
    """
    of_rules, least, rounding = risks_of_rules(trial, examples, weight_std, noise_std, MANY)
    risks = of_rules.T
    bounds = np.broadcast_to(least[:, None], risks.shape)
    trial.bound(
        bounds,
        risks,
        instances="draws",
        independent=MANY,
        ops=1,
        scale=risks * rounding[:, None],
        control_processes={"the error of a noisy label": bounds + noise_std**2},
    )


@claim(known("Rasmussen & Williams 2006, equation 2.9"), kind="identity", cases=[1, 3, 5])
def test_mbr__least__risk(
    trial, examples: FewExamples, weight_std: Std = 1.5, noise_std: Std = 0.5
):
    """Whatever the inputs, the risk $E (prediction - w.x)²$ of ridge regression with $λ = σ² / τ²$
    at a query $x$ after the inputs $X$ is $σ² x^T (X^T X + λ I)^-1 x$, for noise of variance
    $σ² > 0$ and weights $w$ of variance $τ²$.
    """
    risks, least, rounding = risks_of_rules(trial, examples, weight_std, noise_std)
    trial.identity(
        risks[MATCHED],
        least,
        ops=1,
        scale=least * rounding,
        control_processes={"$2 λ$ for $λ$": risks[MATCHED + 1]},
        generic="risks are rational in the inputs",
    )


@claim(
    known("Kailath, Sayed & Hassibi 2000, Linear estimation, chapter 3: orthogonality"),
    kind="identity",
    route="risks by a quadratic form less `regression.bayes_prediction_risk`, against "
    "`regression.linear_rule_spd`",
)
def test_pythagoras(trial, weight_std: Std = 1.5, noise_std: Std = 0.5):
    """For every rule that is linear in the labels the risk $E (prediction - w.x)²$ is that of the
    Bayes predictor plus the mean squared difference of both predictions.
    """
    ratio = noise_std**2 / weight_std**2
    stds = {"weight_std": weight_std, "noise_std": noise_std}
    inputs, weights = drawn_rules(trial, ratio)

    def distances(rule_of):
        """Of each rule from that with the matrix `rule_of(X)`, (rules, count, prefixes)."""
        table = np.zeros(weights.shape[:3])
        for prompt, k in np.ndindex(COUNT, EXAMPLES):
            X = inputs[prompt, :k]
            query = inputs[prompt, k]
            other = rule_of(X).T @ query
            for rule, of_rule in enumerate(weights[:, prompt, k, :k]):
                table[rule, prompt, k] = regression.linear_rule_spd(
                    of_rule[None], other[None], X, **stds
                )
        return table

    distance = distances(lambda X: regression.bayes_rule(X, **stds))
    least = [
        [regression.bayes_prediction_risk(X[:k], X[k], **stds) for k in range(EXAMPLES)]
        for X in inputs
    ]
    risks = query_risks(weights, inputs, weight_std, noise_std)
    trial.identity(
        risks - least,
        distance,
        # Rotations of 12 examples, three roundings in each of 4 columns, and sums of 4 terms.
        ops=40 * DIMENSION,
        scale=risks * condition(inputs, ratio),
        controls={
            "difference to the ridge of $2 λ$": distances(
                lambda X: regression.ridge_rule(X, 2 * ratio)
            ),
            "no excess": 0 * distance,
        },
        generic="risks and distances are rational in the inputs",
    )


LINEAR_RULES = {
    baselines.ridge(0.1): partial(regression.ridge_weights, regulariser=0.1),
    baselines.gradient_step(0.02): partial(regression.gradient_step_weights, step=0.02),
    baselines.sgd(0.02): partial(regression.sgd_weights, step=0.02),
}
"""Rules that are linear in the query, each with its weights in closed form."""


@claim(paper("section 4.1, after equation 17"), kind="identity")
def test_ilwd__linear(
    trial,
    prefix: Annotated[int, Interval(1, 100, why="each example costs")] = 6,
    count: PromptCount = 4,
    dimension: Annotated[int, Interval(2, 6, why="three queries for each axis")] = 4,
):
    """A linear fit to the answers of a rule that is linear in the query (ridge regression, a
    gradient step or SGD) has the weights of the rule, if it is asked at queries that span $R^d$.
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
    # With too few queries the fit is the projection of the weights on their span.
    few = trial.generator("directions").standard_normal((dimension - 1, dimension))
    trial.identity(
        np.array([fitted(rule) for rule in LINEAR_RULES]),
        law,
        ops=40 * dimension + len(queries),
        scale=np.max(np.sum(np.abs(X * Y[:, :, None]), axis=(1, 2))),
        controls={"the weights of the ridge for all rules": law[[0, 0, 0]]},
        control_processes={"$d - 1$ queries": law @ np.linalg.pinv(few) @ few},
        generic="the rules and their fits are rational in the prompts",
    )


@claim(
    tried(
        "figure 2: the learner follows the ridge regression of minimum Bayes risk",
        "exact ridges in place of a trained model",
    ),
    kind="optimality",
    cases=[(0.0, 1.0), (0.25, 1.0), (0.5, 1.5), (0.5, 1.0), (0.5, 0.75)],
)
def test_fig2__diagonal(trial, noise_std: Noise, weight_std: Std):
    """If the next input $x$ is not orthogonal to all inputs before it, ridge regression with
    $λ = σ² / τ²$ has a smaller risk $E (prediction - w.x)²$ than the others of figure 2, which have
    $λ = 0, 1/16, 1/9, 1/4$ and $4/9$, and, if $σ > 0$, that of twice its penalty; $σ²$ and $τ²$ are
    the variances of noise and weights $w$.
    """
    ratio = noise_std**2 / weight_std**2
    trial.require(
        not 0 < ratio < 1e-4,
        "noise_std must be 0 or a hundredth of weight_std: risks nearly tie with less",
    )
    # In order, and each once: the matched penalty may be one of figure 2.
    penalties, rows = np.unique(np.round([*GRID, ratio, 2 * ratio], 12), return_index=True)
    place = int(np.argmin(np.abs(penalties - ratio)))
    gaps = np.diff(penalties)[max(place - 1, 0) : place + 1]
    trial.require(
        gaps.min() > 1e-3 * ratio,
        "noise_std / weight_std must not nearly tie with a ridge of figure 2",
    )
    inputs, weights = drawn_rules(trial, ratio, count=MANY)
    # Without an example all rules answer zero.
    risks = query_risks(weights[rows], inputs, weight_std, noise_std)[:, :, 1:]
    best = np.argmin(risks, axis=0)
    rivals = {
        "the next penalty": place + 1 if place + 1 < len(rows) else place - 1,
        "the penalty nearest to $σ^2$": int(np.argmin(np.abs(penalties - noise_std**2))),
    }
    controls = {
        name: np.full(best.shape, rival) for name, rival in rivals.items() if rival != place
    }
    trial.identity(
        best,
        np.full(best.shape, place),
        ops=0,
        controls=controls,
        instances="draws",
        independent=MANY,
    )


def unit_prompts(X, weight_std, noise_std):
    """Weights (d + k, d) and labels (d + k, k) of prompts with the inputs X: each has one standard
    deviation of one entry of w or of the noise. For what is linear in both, the mean square over w
    and the noise is the sum of squares over these prompts.
    """
    weights = weight_std * np.eye(X.shape[1])
    labels = np.vstack([weights @ X.T, noise_std * np.eye(len(X))])
    return np.pad(weights, ((0, len(X)), (0, 0))), labels


def by_elimination(X, Y, penalty):
    """The weights of ridge regression for every row of labels, (rows, d), by normal equations; the
    penalty may be complex.
    """
    return np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ Y.T).T


@claim(
    known("Hoerl & Kennard 1970, section 4", within="for weights that are fixed, not drawn"),
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
    """Given the inputs $X$, ridge regression has the risk
    $E |ŵ - w|² = ∑_s (τ² λ² + σ² s) / (s + λ)²$ over the $d$ eigenvalues $s$ of $X^T X$, with the
    slope $∑_s 2 s (λ τ² - σ²) / (s + λ)³$ in $λ$; $τ²$ and $σ²$ are the variances of weights and
    noise.
    """
    X = trial.generator("inputs").standard_normal((examples, dimension))
    spectrum = np.linalg.svd(X, compute_uv=False) ** 2
    weights, labels = unit_prompts(X, weight_std, noise_std)
    # A complex step in λ: the imaginary part is the slope, and no difference is taken.
    step = 1e-30
    errors = by_elimination(X, labels, regulariser + 1j * step) - weights
    risk = np.sum(errors.real**2)
    slope = 2 * np.sum(errors.real * errors.imag) / step

    def laws(penalty):
        """The risk by the spectrum, the same by the matrix of the rule, and its slope."""
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
        controls={"$2 λ$ for $λ$": laws(2 * regulariser)},
        generic="risk and slope are rational in the inputs",
    )


@claim(
    paper(
        "section 4.3, the $k$-nearest neighbours",
        within="for three examples or more; with fewer, all are averaged here",
    ),
    kind="identity",
    cases=[False, True],
)
def test_nearest__neighbours(trial, weighted: bool):
    """The baselines average the labels of the three nearest examples with equal weights, or with
    the weights $1 / |x_i - x|²$; if there are fewer than three, they take all. If an example is the
    query $x$, the weighted one answers with its label.
    """
    inputs, weights = drawn_rules(trial, 1.0, repeated=True, count=MANY)
    labels = trial.generator("labels").standard_normal((MANY, EXAMPLES))
    prefixes = np.arange(MANY) % EXAMPLES  # how many examples of each prompt come first

    def answers(neighbours, spread=lambda shares: shares):
        """The answers of theory (count,), with its weights of the labels in another spread."""
        predictions = np.zeros(MANY)
        for c, k in enumerate(prefixes):
            shares = regression.nearest_neighbour_weights(
                inputs[c, :k], inputs[c, k], neighbours, weighted
            )
            predictions[c] = spread(shares) @ labels[c, :k]
        return predictions

    thirds = np.minimum(prefixes, 3) / 3
    controls = {"four neighbours": answers(4), "divided by 3, as printed": answers(3) * thirds}
    if weighted:
        controls["$1 / |x_i - x|$"] = answers(
            3, lambda shares: np.sqrt(shares) / max(np.sqrt(shares).sum(), UNIT)
        )
    # The last two of the drawn rules
    label_weights = weights[-1] if weighted else weights[-2]
    predictions = np.einsum("cn,cn->c", label_weights[np.arange(MANY), prefixes], labels)
    # Distances from 4 squares, their quotients, and sums over three: some 30 roundings.
    trial.identity(
        predictions,
        answers(3),
        ops=8 * DIMENSION,
        scale=np.abs(labels).max(),
        controls=controls,
        instances="draws",
        independent=MANY,
    )
