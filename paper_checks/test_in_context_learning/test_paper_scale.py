"""The paper's own sizes: models of up to 16 layers and 512 units, for an accelerator; all runs
resume.
"""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_in_context_learning import (
    SIGNS,
    Runs,
    fresh_prompts,
    level,
    trained,
    untrained,
)
from sims.in_context_learning import baselines, metrics, probes, training
from sims.in_context_learning.baselines import gradient_step, nearest_neighbours, ols, ridge, sgd
from theory_on_trial import claim, paper
from theory_on_trial.contract import Interval

Width = Annotated[int, Interval(8, 1024, why="the paper's largest; H = 4 is the control")]
Prefix = Annotated[int, Interval(1, 39, why="prompts have 40 examples")]

Probed = Annotated[
    int, Interval(256, 100_000, why="probes learn from half of them; states of more take gigabytes")
]
Fitted = Annotated[int, Interval(16, 10_000, why="a mean over few scatters, and each is fitted")]
COUNT = 1024
RULES = {
    "least squares": ols(),
    "ridge .1": ridge(0.1),
    "ridge .5": ridge(0.5),
    "one step .01": gradient_step(0.01),
    "one step .02": gradient_step(0.02),
    "SGD .01": sgd(0.01),
    "SGD .03": sgd(0.03),
    "neighbours": nearest_neighbours(),
    "weighted neighbours": nearest_neighbours(weighted=True),
}
"""The rules of figures 1 and 3, by what the model is compared with there."""


def paper_settings(dimension, layers=16, width=512, heads=4, **others):
    """The training of the paper's table 1: 40 examples, 500 000 steps of 64 prompts, 1e-4, warm-up
    of a fifth.
    """
    sizes = {
        "layers": layers,
        "width": width,
        "heads": heads,
        "steps": 500_000,
        "learning_rate": 1e-4,
    }
    return training.TrainingSettings(dimension, 40, warm_up=0.2, **sizes, **others)


def distances_of(trial, settings, run, prefixes):
    """SPD / d between a trained model and each rule, [rules, prefixes]."""
    prompts = fresh_prompts(jax.random.fold_in(trial.key("prompts"), run), settings, COUNT)
    evaluation = training.evaluate(
        trained(trial.seed, run, settings), prompts, list(RULES.values())
    )
    return np.asarray(evaluation.differences.mean(axis=1))[:, prefixes] / settings.dimension


@claim(paper("figure 1"), kind="empirical", tier="paper", low_power=SIGNS)
def test_icl__ols__noiseless(trial, n_runs: Runs = 5):
    """At d = 8 without noise SPD/d to least squares is below .01 at almost every k, and larger for
    all other rules.
    """
    prefixes = np.arange(1, 15)
    deep, one_layer = (
        np.array(
            [
                distances_of(trial, paper_settings(8, layers=layers), run, prefixes)
                for run in range(n_runs)
            ]
        )
        for layers in (16, 1)
    )

    def agrees(distances):
        """At all prefixes but two the distance is below .01, and on average least squares is the
        nearest rule.
        """
        near = np.sort(distances[:, 0], axis=1)[:, -3]
        means = distances.mean(axis=2)
        return np.minimum(0.01 - near, means[:, 1:].min(axis=1) - means[:, 0])

    trial.runs(agrees(deep), alpha=level(n_runs), controls={"one layer": agrees(one_layer)})


@claim(paper("figure 3"), kind="empirical", tier="paper", low_power=SIGNS)
def test_phase__depth__paper(trial, dimension: Literal[8, 16] = 8, n_runs: Runs = 5):
    """On the under-determined prefixes one layer is nearest to a gradient step, two to ridge, eight
    and more to OLS.
    """
    prefixes = np.arange(1, dimension)
    depths = (1, 2, 8, 16)

    def mean_distances(layers):
        settings = paper_settings(dimension, layers=layers)
        return np.array(
            [distances_of(trial, settings, run, prefixes).mean(axis=1) for run in range(n_runs)]
        )

    means = {layers: mean_distances(layers) for layers in depths}
    groups = {1: ("one step .01", "one step .02"), 2: ("ridge .1", "ridge .5")}

    def advantage(order):
        """By how much the expected group of rules is nearer than all others, at the worst of the
        depths.
        """
        of_depth = []
        for layers, depth in zip(depths, order, strict=True):
            members = np.isin(list(RULES), groups.get(layers, ("least squares",)))
            of_depth.append(
                means[depth][:, ~members].min(axis=1) - means[depth][:, members].min(axis=1)
            )
        return np.min(of_depth, axis=0)

    trial.runs(
        advantage(depths),
        alpha=level(n_runs),
        controls={"depths in reverse": advantage(depths[::-1])},
    )


@claim(
    paper("figures 3 and 8"),
    kind="empirical",
    tier="paper",
    cases=[(8, 16), (16, 32)],
    low_power=SIGNS,
)
def test_min__width(trial, dimension: Literal[8, 16], width: Width, n_runs: Runs = 5):
    """H >= 16 at d = 8 and H >= 32 at d = 16, with one head, are nearer to least squares than
    Ridge(.1) is.
    """
    trial.require(
        width >= 2 * dimension,
        "width must be at least twice the dimension: 16 at d = 8, 32 at d = 16",
    )

    def lead(width):
        """SPD(OLS, Ridge(.1)) less SPD(OLS, model), the criterion of figure 8."""
        settings = paper_settings(dimension, width=width, heads=1)
        prefixes = np.arange(1, dimension)
        leads = []
        for run in range(n_runs):
            prompts = fresh_prompts(jax.random.fold_in(trial.key("prompts"), run), settings, COUNT)
            exact = baselines.predict_all(prompts, [ols(), ridge(0.1)])
            answers = training.in_context_predictions(trained(trial.seed, run, settings), prompts)
            leads.append(
                jnp.mean(((exact[1] - exact[0]) ** 2 - (answers - exact[0]) ** 2)[:, prefixes])
            )
        return np.array(leads)

    trial.runs(lead(width), alpha=level(n_runs), controls={"H = 4": lead(4)})


@claim(paper("figure 4"), kind="empirical", tier="paper", low_power=SIGNS)
def test_probes(trial, prefix: Prefix = 8, count: Probed = 4096, n_runs: Runs = 5):
    """X^T Y and the least-squares weights are decodable from middle layers, by two-layer probes
    best.
    """
    settings = paper_settings(4)
    constant = paper_settings(4, weight_std=0.0, weight_mean=1.0)
    prompts = fresh_prompts(trial.key("prompts"), settings, count)
    moments = probes.moment_targets(prompts, prefix)
    targets = [moments / moments.std(axis=0), probes.ols_targets(prompts, prefix)]
    half = count // 2

    def least_errors(model, kind):
        """The error of each target's probe at its best layer, on the half of the prompts kept
        apart.
        """
        states = probes.hidden_states(model, prompts)[:, :, : 2 * prefix]

        def error(hidden, target):
            options = {"kind": kind, "probe_width": 512, "steps": 2000}
            probe = probes.train_probe(
                trial.key("probes"), hidden[:half], target[:half], **options
            ).probe
            return float(jnp.mean(probes.probe_errors(probe, hidden[half:], target[half:])))

        return np.array([min(error(hidden, target) for hidden in states) for target in targets])

    models = [trained(trial.seed, run, settings) for run in range(n_runs)]
    two_layers = np.array([least_errors(model, "mlp") for model in models])
    linear = np.array([least_errors(model, "linear") for model in models])
    rivals = {
        "before training": [untrained(trial, run, settings) for run in range(n_runs)],
        "trained on w = 1": [trained(trial.seed, run, constant) for run in range(n_runs)],
    }

    def better(errors):
        return np.min(linear / 2 - errors, axis=1)

    controls = {
        name: better(np.array([least_errors(m, "mlp") for m in group]))
        for name, group in rivals.items()
    }
    trial.runs(better(two_layers), alpha=level(n_runs), controls=controls)


@claim(paper("figure 6"), kind="empirical", tier="paper", low_power=SIGNS)
def test_nonlinear__hypothesis(trial, count: Fitted = 64, n_runs: Runs = 5):
    """At d = 8 the best linear fit to a trained model has R^2 < 1 while k < d, and nearly 1 at k =
    12.
    """
    settings = paper_settings(8)
    asked = fresh_prompts(trial.key("prompts"), settings, count)
    queries = jax.random.normal(trial.key("queries"), (64, 8))

    def rise(predict):
        shares = [
            float(jnp.mean(metrics.implicit_fit(predict, asked, k, queries).r_squared))
            for k in (1, 2, 3, 12)
        ]
        return min(shares[-1] - max(shares[:-1]) - 0.01, shares[-1] - 0.95)

    models = [trained(trial.seed, run, settings) for run in range(n_runs)]
    exact = rise(lambda asked: baselines.predict_all(asked, [ols()])[0])
    rises = np.array(
        [rise(lambda asked, m=model: training.in_context_predictions(m, asked)) for model in models]
    )
    trial.runs(
        rises, alpha=level(n_runs), controls={"least squares itself": np.full(n_runs, exact)}
    )
