"""What multiplicity found on some people means for others, F6."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Int
from matplotlib.figure import Figure

from figures.predictive_multiplicity.exact import (
    ambiguous_rows,
    counts,
    features_without_race,
    solve,
)
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.solver import Solution
from sims.linear_dichotomies.table import aggregate
from sims.predictive_multiplicity.domains import Target
from theory import predictive_multiplicity as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals


@figure("F6", quick={"splits": 4, "tolerances": (0.0, 0.0025, 0.01)})
def held_out(
    target: Target = "arrest",
    splits: int = 6,
    training_share: float = 0.8,
    tolerances: Sequence[float] = (0.0, 0.0025, 0.005, 0.01, 0.02),
    features: Sequence[str] | None = None,
) -> Figure:
    """Competing classifiers conflict on new people about as often as on those they were found with.

    COMPAS without race, split at random into `training_share` and the rest, `splits` times. Blue
    circles (to the left of their tolerance): exact discrepancy (a) and ambiguity (b) on the
    training people. Orange squares (to the right): the same classifiers (for ambiguity, those of
    the flips and the most discrepant one) applied to the held-out people; these are not optima
    there, and a score of 0 counts as negative. (c) Errors of the baseline (dotted, mean over
    splits) and of the most discrepant competitor: on training people it stays within R + ε by
    definition, the line. Lines in (a, b): knapsack and flip bounds on the training people. Means
    over splits with 99 % Student intervals, which show the chance of the split, not of the people.
    After Marx, Calmon & Ustun 2020, who show one split.
    """
    samples = observed.compas_samples(target)
    columns = features_without_race(samples, features)
    generator = np.random.default_rng(0)
    size = round(training_share * samples.counts.sum())
    shares = []
    for _ in range(splits):
        training = generator.multivariate_hypergeometric(samples.counts, size)
        shares.append(_measured(samples, columns, training, tolerances))
    measured = {name: 100 * np.array([share[name] for share in shares]) for name in shares[0]}
    at = 100 * np.asarray(tolerances)
    beside = 0.012 * at.max()
    fig, panels = plt.subplots(1, 3, figsize=(9.6, 3.1), sharex=True)
    for axes, name in zip(panels, ("discrepancy", "ambiguity", "errors"), strict=True):
        limit = measured[f"{name}, bound"].mean(axis=0)
        bound = {"discrepancy": "knapsack bound", "ambiguity": "flip bound", "errors": "R + ε"}[
            name
        ]
        axes.plot(at, limit, color=COLOURS[6], label=bound)
        points_with_intervals(
            axes, at - beside, measured[f"{name}, training"], COLOURS[0], label="training people"
        )
        new = measured[f"{name}, held out"]
        points_with_intervals(axes, at + beside, new, COLOURS[1], fmt="s", label="held-out people")
        axes.set(xlabel="error tolerance ε (% of people)", ylabel=f"{name} (% of people)")
    for part, colour in (("training", COLOURS[0]), ("held out", COLOURS[1])):
        panels[2].axhline(
            measured[f"baseline, {part}"].mean(),
            color=colour,
            linestyle=":",
            label=f"baseline, {part}",
        )
    for axes, lowest, room in zip(
        panels, (0, 0, panels[2].get_ylim()[0]), (0.4, 0.4, 0.7), strict=True
    ):
        # Room for the legend
        axes.set_ylim(lowest, axes.get_ylim()[1] + room * (axes.get_ylim()[1] - lowest))
    panels[2].set_ylabel("errors of the competitor (% of people)")
    panels[0].set_title(f"{target}, {size} of {samples.counts.sum()} people, {splits} splits")
    for axes, letter in zip(panels, "abc", strict=True):
        axes.legend()
        label(axes, letter, x=-0.1)
    return fig


def _measured(
    samples: observed.Compas,
    seen: list[int],
    training: Int[np.ndarray, "samples"],
    tolerances: Sequence[float],
) -> dict[str, list[float]]:
    """Shares of people, by tolerance, for one split."""
    mask = training > 0
    names = [samples.columns[column] for column in seen]
    table = aggregate(samples.features[mask][:, seen], samples.labels[mask], training[mask], names)
    solution = solve(table, tolerances)
    path = solution.path
    baseline = solution.baseline
    ambiguity = observed.ambiguity_path(table, baseline, solution.flips, tolerances)
    others = samples.counts - training

    def predictions(model: Solution) -> Bool[np.ndarray, "samples"]:
        columns = [samples.columns.index(name) for name in table.columns]
        return model.weights[0] + samples.features[:, columns] @ model.weights[1:] > 0

    def share(of: Bool[np.ndarray, "samples"]) -> float:
        return float(others[of].sum() / others.sum())

    first = predictions(baseline)
    labels = samples.labels == 1
    competitors = [predictions(model) for model in path.solutions]
    changes = np.array([predictions(model) for model in solution.flips.solutions]) != first
    excesses = path.admitted.tolist()
    return {
        "discrepancy, training": list(path.disagreement / table.n),
        "discrepancy, held out": [share(rule != first) for rule in competitors],
        "discrepancy, bound": [
            predicted.knapsack_bound(baseline.dichotomy, *counts(table), e) / table.n
            for e in excesses
        ],
        "ambiguity, training": list(ambiguity.ambiguous / table.n),
        "ambiguity, held out": [
            share(changes[ambiguous_rows(solution, e)].any(axis=0) | (competitor != first))
            for e, competitor in zip(excesses, competitors, strict=True)
        ],
        "ambiguity, bound": [
            predicted.ambiguity_bound(baseline.dichotomy, *counts(table), e) / table.n
            for e in excesses
        ],
        "errors, training": [model.errors / table.n for model in path.solutions],
        "errors, held out": [share(rule != labels) for rule in competitors],
        "errors, bound": [(baseline.errors + e) / table.n for e in excesses],
        "baseline, training": [baseline.errors / table.n],
        "baseline, held out": [share(first != labels)],
    }
