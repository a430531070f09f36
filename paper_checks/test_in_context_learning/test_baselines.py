"""The textbook rules: which of them is the Bayes predictor, what separates it from the others, and their limits."""

import numpy as np

from paper_checks.test_in_context_learning import DERIVED, PAPER, UNIT, draw_prompts, gauss_hermite, query_risks
from sims.in_context_learning import baselines, metrics
from sims.in_context_learning.prompts import Prompts
from theory import in_context_learning as predicted
from theory_on_trial import claim, ours, paper

GRID = (0.0, 1 / 16, 1 / 9, 1 / 4, 4 / 9)
"""The regularisers of figure 2, least squares first; its columns have these noise-to-weight ratios."""
COLUMNS = ((0.0, 1.0), (0.25, 1.0), (0.5, 1.5), (0.5, 1.0), (0.5, 0.75))
"""Their (sigma, tau)."""
RULES = [baselines.ridge(parameter) for parameter in (*GRID, 2 / 9)]
RULES += [baselines.gradient_step(0.02), baselines.sgd(0.03), baselines.nearest_neighbours()]
RULES += [baselines.nearest_neighbours(weighted=True)]
COUNT, EXAMPLES, DIMENSION = 8, 13, 4


def drawn_rules(trial):
    """Inputs of some prompts, and every rule's label weights at all their prefixes."""
    inputs = trial.generator("inputs").standard_normal((COUNT, EXAMPLES, DIMENSION))
    return inputs, np.asarray(baselines.label_weights(inputs, RULES))


def condition(inputs):
    """How much the nonzero singular values of each prefix differ, [count, prefixes]; 1 for no example."""
    spectra = [[np.linalg.svd(X[:k], compute_uv=False) for k in range(1, len(X))] for X in inputs]
    return np.array([[1.0, *(s[0] / s[-1] for s in spectrum)] for spectrum in spectra])


@claim(paper(f"{PAPER}, equation 19"), kind="optimality")
def test_mbr__ridge(trial, weight_std=1.5, noise_std=0.5, examples=(1, 3, 5), spacing=0.06):
    """The posterior mean is the ridge with lambda = sigma^2 / tau^2; given any inputs no rule has a smaller risk."""
    axis = np.arange(-9 * weight_std, 9 * weight_std, spacing)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    means, law, wrong = [], [], []
    for k in examples:
        X, Y, _ = (array[0] for array in draw_prompts(trial.generator(f"prompt {k}"), 1, k, 2))
        log_density = -np.sum((Y - grid @ X.T) ** 2, axis=1) / (2 * noise_std**2)
        log_density -= np.sum(grid**2, axis=1) / (2 * weight_std**2)
        density = np.exp(log_density - log_density.max())
        means.append(density @ grid / density.sum())
        law.append(predicted.bayes_weights(X, Y, noise_std=noise_std, weight_std=weight_std))
        wrong.append([predicted.ridge_weights(X, Y, ratio) for ratio in (noise_std**2, noise_std**2 / weight_std)])
    # The trapezoidal rule is exact here: the density is two spacings wide and ends 9 deviations out.
    trial.identity(
        np.array(means),
        np.array(law),
        ops=len(axis),
        scale=9 * weight_std,
        controls={"lambda = sigma^2": np.array(wrong)[:, 0], "lambda = sigma^2 / tau": np.array(wrong)[:, 1]},
    )
    inputs, weights = drawn_rules(trial)
    risks = query_risks(weights, inputs, weight_std, noise_std)
    least = np.array(
        [
            [
                predicted.bayes_prediction_risk(X[:k], X[k], weight_std=weight_std, noise_std=noise_std)
                for k in range(EXAMPLES)
            ]
            for X in inputs
        ]
    )
    trial.bound(
        np.broadcast_to(least, risks.shape),
        risks,
        found_by="draws",
        independent=len(inputs),  # each with every number of examples and every penalty
        ops=40 * DIMENSION,
        scale=risks * condition(inputs),
        wrong_processes={"twice that": np.broadcast_to(2 * least, risks.shape)},
    )
    trial.identity(
        risks[GRID.index(1 / 9)],
        least,
        ops=40 * DIMENSION,
        scale=least * condition(inputs),
        wrong_processes={"lambda = sigma^2": risks[GRID.index(1 / 4)]},
    )


@claim(ours(DERIVED), kind="identity")
def test_pythagoras(trial, weight_std=1.5, noise_std=0.5):
    """For every rule the risk is the Bayes risk plus the squared prediction difference to the Bayes predictor."""
    inputs, weights = drawn_rules(trial)
    stds = {"weight_std": weight_std, "noise_std": noise_std}
    least, distance, to_other = np.empty((COUNT, EXAMPLES)), np.empty(weights.shape[:3]), np.empty(weights.shape[:3])
    for c, X in enumerate(inputs):
        for k in range(EXAMPLES):
            least[c, k] = predicted.bayes_prediction_risk(X[:k], X[k], **stds)
            bayes = predicted.bayes_rule(X[:k], **stds).T @ X[k]
            other = predicted.ridge_rule(X[:k], 2 * noise_std**2 / weight_std**2).T @ X[k]
            for r in range(len(RULES)):
                distance[r, c, k] = predicted.prediction_spd(weights[r, c, k, :k], bayes, X[:k], **stds)
                to_other[r, c, k] = predicted.prediction_spd(weights[r, c, k, :k], other, X[:k], **stds)
    risks = query_risks(weights, inputs, weight_std, noise_std)
    trial.identity(
        risks - least,
        distance,
        ops=40 * DIMENSION,
        scale=risks * condition(inputs),
        controls={"distance to the ridge of 2 lambda": to_other, "no excess": 0 * distance},
    )


@claim(ours(f"{PAPER}, section 3: lambda = 0 is least squares; rate derived"), kind="limit")
def test_ols__limit(trial, examples=(5, 30), dimension=8, count=4, powers=(8, 9, 10, 11, 12, 13, 14)):
    """As sigma falls to zero the Bayes predictor tends to least squares of minimum norm, its error of order lambda."""
    X, Y, _ = draw_prompts(trial.generator("prompts"), count, 31, dimension)
    prompts = Prompts(X, Y, X[:, 0])
    fractions = 2.0 ** -np.array(powers)
    for k in examples:
        errors, others, rounding = [], [], []
        for c in range(count):
            singular = np.linalg.svd(X[c, :k], compute_uv=False)
            rules = [baselines.ridge(float(f * singular[-1] ** 2)) for f in fractions]
            found = np.asarray(baselines.weights_all(prompts, rules))[:, c, k]
            least = predicted.ols_weights(X[c, :k], Y[c, :k])
            unseen = np.linalg.svd(X[c, :k])[2][-1]
            unseen = unseen if unseen @ least > 0 else -unseen  # or the prompts' first-order terms may cancel by chance
            errors.append(np.sum((found - least) ** 2, axis=1))
            others.append(np.sum((found - least - unseen) ** 2, axis=1))
            rounding.append(40 * dimension * UNIT * singular[0] / singular[-1] * np.linalg.norm(least))
        trial.order(
            np.sqrt(np.sum(errors, axis=0)),
            1 / fractions,
            -1.0,
            rounding=np.linalg.norm(rounding),
            margin=0.02,
            controls={"as lambda^2": -2.0, "as sigma": -0.5},
            wrong_processes={"another solution": np.sqrt(np.sum(others, axis=0))},
            same_instance=True,
        )


@claim(ours(f"{PAPER}, equations 15-17; identity derived"), kind="identity")
def test_ilwd__linear(trial, prefix=6, count=4, dimension=4):
    """A fit to d answers of a linear rule returns its weights; for x ~ N(0, I) the ILWD of two rules is their SPD."""
    nodes, probabilities = gauss_hermite(3, dimension)
    rules = [baselines.ridge(0.1), baselines.gradient_step(0.02)]
    X, Y, _ = draw_prompts(trial.generator("prompts"), count, prefix, dimension)
    prompts = Prompts(X, Y, X[:, 0])

    def act(rule):
        return lambda asked: baselines.predict_all(asked, rules)[rules.index(rule)]

    fits = np.array([metrics.implicit_fit(act(rule), prompts, prefix, nodes).weights for rule in rules])
    answers = np.array([metrics.answer_queries(act(rule), prompts, prefix, nodes) for rule in rules])
    law = np.array(
        [
            [predicted.ridge_weights(*prompt, 0.1) for prompt in zip(X, Y, strict=True)],
            [predicted.gradient_step_weights(*prompt, 0.02) for prompt in zip(X, Y, strict=True)],
        ]
    )
    size = np.max(np.sum(np.abs(X * Y[:, :, None]), axis=(1, 2)))
    few = trial.generator("directions").standard_normal((dimension - 1, dimension))
    trial.identity(
        fits,
        law,
        ops=len(nodes),
        scale=size,
        controls={"ridge for both": law[[0, 0]]},
        wrong_processes={"d - 1 test inputs": law @ np.linalg.pinv(few) @ few},
    )
    spd = ((answers[0] - answers[1]) ** 2) @ probabilities
    ilwd = np.sum((law[0] - law[1]) ** 2, axis=1)
    trial.identity(spd, ilwd, ops=len(nodes), scale=size**2, controls={"divided by d": ilwd / dimension})


@claim(paper(f"{PAPER}, figure 2, for exact predictors"), kind="optimality")
def test_fig2__diagonal(trial):
    """In every column of figure 2 the ridge with lambda = sigma^2 / tau^2 has the least risk, for any inputs."""
    inputs, weights = drawn_rules(trial)
    risks = [query_risks(weights[: len(GRID)], inputs, tau, sigma)[:, :, 1:] for sigma, tau in COLUMNS]
    best = np.argmin(risks, axis=1)
    law = np.array([GRID.index((sigma / tau) ** 2) for sigma, tau in COLUMNS])
    without_tau = np.array([np.argmin(np.abs(np.array(GRID) - sigma**2)) for sigma, _ in COLUMNS])

    def everywhere(rows):
        return np.broadcast_to(rows[:, None, None], best.shape)

    trial.identity(
        best,
        everywhere(law),
        ops=0,
        controls={"columns shuffled": everywhere(np.roll(law, 1)), "lambda = sigma^2": everywhere(without_tau)},
    )
