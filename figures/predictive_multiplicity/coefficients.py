"""Competing models side by side, F3."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.predictive_multiplicity.exact import TOLERANCES, ambiguous_rows, counts, solved_compas
from sims.predictive_multiplicity.domains import Target
from theory import predictive_multiplicity as predicted
from theory_on_trial.figures.drawing import figure


@figure("F3", quick={"target": "arrest", "tolerances": TOLERANCES[:6]}, claims=("compas-table",))
def coefficients(
    target: Target = "violent",
    epsilon: float = 0.01,
    tolerances: Sequence[float] = TOLERANCES,
    features: Sequence[str] | None = None,
) -> Figure:
    """Classifiers of almost the same error weigh the features differently, and one person's
    prediction depends on it.

    Columns: the best linear classifier of COMPAS without race, the competitor at tolerance ε =
    `epsilon` that changes most predictions, and the one with the fewest errors that changes the
    prediction for the largest group of people with equal features among those whom the second
    leaves as they are (among all who can be changed, if none). Rows: coefficients of a weight
    vector of largest margin, scaled to Σ|w| = 100 (intercept counted; columns that the others
    determine are left out). Below each model: errors, predictions changed, the score of such a
    person (positive: will reoffend), and in brackets the fewest and the most predictions that
    classifiers with those errors can change. After the coefficient table of Marx, Calmon & Ustun
    2020, as recalled.
    """
    solution = solved_compas(target, tolerances, features)
    table, baseline, flips, path = solution
    at = list(path.tolerances).index(epsilon)
    discrepant = path.solutions[at]
    changeable = ambiguous_rows(solution, int(path.admitted[at]))
    candidates = changeable & (discrepant.dichotomy == baseline.dichotomy)
    person = int(
        np.argmax(np.where(candidates if candidates.any() else changeable, table.totals, -1))
    )
    models = (baseline, discrepant, flips.solutions[person])
    names = ("best", "most discrepant", "flips one person")
    weights = np.array([100 * model.weights / np.abs(model.weights).sum() for model in models]).T
    fig, axes = plt.subplots(figsize=(7.4, 0.27 * len(weights) + 1.6))
    largest = np.abs(weights).max()
    image = axes.imshow(weights, cmap="PuOr_r", vmin=-largest, vmax=largest, aspect="auto")
    for (row, column), value in np.ndenumerate(weights):
        dark = abs(value) > 0.65 * largest
        axes.text(
            column,
            row,
            f"{value:+.1f}",
            ha="center",
            va="center",
            color="white" if dark else "black",
        )
    design = np.concatenate([[1.0], table.rows[person]])
    below = []
    for name, model, column in zip(names, models, weights.T, strict=True):
        changes = predicted.disagreement(model.dichotomy, baseline.dichotomy, table.totals)
        low, high = predicted.disagreement_range(
            int(model.errors), int(baseline.errors), int(table.n)
        )
        below.append(
            f"{name}\nerrors {model.errors} ({model.errors / table.n:.2%})\n"
            f"changed {changes}\n(of {low} to {high})\nscore {column @ design:+.2f}"
        )
    axes.set_xticks(range(3), below, fontsize=8)
    ticks = [
        f"{name} *" if value == 1 else name
        for name, value in zip(table.columns, table.rows[person], strict=True)
    ]
    axes.set_yticks(range(len(weights)), ["intercept", *ticks])
    axes.tick_params(length=0)
    total = table.totals[person]
    positives = counts(table)[0][person]
    axes.set(ylabel="feature (* = 1 for the person)", xlabel="linear classifier")
    axes.set_title(
        f"{target}, n = {table.n}, ε = {epsilon:.2%}\nperson: one of {total} alike, {positives} "
        "positive"
    )
    fig.colorbar(image, ax=axes, label="coefficient, Σ|w| = 100", fraction=0.04)
    return fig
