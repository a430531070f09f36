"""COMPAS: discrepancy and ambiguity (F2), coefficients of competing models (F3), who is affected
(F4), and held-out people (F6).
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Int
from matplotlib.figure import Figure

from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.solver import Solution
from sims.linear_dichotomies.table import Table, aggregate
from sims.predictive_multiplicity.samples import Target
from theory import predictive_multiplicity as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters, points_with_intervals

TOLERANCES = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
SECONDS = 60
"""Limit of each program; where it was too short the figures draw bars up to the proved bound."""
_NAMES = {
    "african_american": "African-American",
    "causasian": "Caucasian",
    "hispanic": "Hispanic",
    "other": "other",
}


class Solved(NamedTuple):
    """A table, the optimal baseline of largest margin, the flips of all rows, and the discrepancy
    path.
    """

    table: Table
    baseline: Solution
    flips: observed.FlipErrors
    path: observed.DiscrepancyPath


def solve(table: Table, tolerances: Sequence[float]) -> Solved:
    """Solve every program of a table."""
    baseline = observed.co_optimal(table).solutions[0]
    flips = observed.flip_errors(table, baseline, time_limit=SECONDS)
    path = observed.discrepancy_path(table, baseline, tolerances, time_limit=SECONDS)
    return Solved(table, baseline, flips, path)


@cache
def solved_compas(target: Target, tolerances: tuple[float, ...]) -> Solved:
    """Everything about COMPAS without race; its samples are in the order of `compas_samples`."""
    return solve(observed.compas(target), tolerances)


def ambiguous_rows(solved: Solved, admitted: int) -> Bool[np.ndarray, "rows"]:
    """The rows that a competitor with at most `admitted` errors more than the baseline predicts
    otherwise.
    """
    return solved.flips.errors <= solved.baseline.errors + admitted


@figure(
    "F2",
    quick={"targets": ("arrest",), "tolerances": TOLERANCES[:6]},
    claims=("compas-table", "compas-violent", "discrepancy-bound", "knapsack", "adhoc-lower-bound"),
)
def paths(
    targets: Sequence[Target] = ("arrest", "violent"),
    tolerances: Sequence[float] = TOLERANCES,
) -> Figure:
    """Models almost as good as the best change many predictions, most of which a pool of fitted
    models does not show.

    COMPAS, 6172 people, features without race: a target in each row, with the error $R$ of the best
    linear classifier. Left: discrepancy, the largest share of predictions that one classifier with
    at most $R + ε$ changes. Right: ambiguity, the share that some such classifier changes. Circles:
    exact, by integer programs, every answer recounted (bars up to the proved bound where time ran
    out). Squares: the best of an ad-hoc pool of 1100 elastic nets around the same baseline: a lower
    bound. Lines: upper bounds from the counts of labels alone, the fractional knapsack for
    discrepancy and the flip bound for ambiguity. Proposition 1 ($2R + ε$, in the title) lies above
    the panels. After Marx, Calmon & Ustun 2020; their over-sampling of the rarer label is left out.
    """
    fig, panels = plt.subplots(
        len(targets), 2, figsize=(8, 3.1 * len(targets)), squeeze=False, sharex=True
    )
    for target, (left, right) in zip(targets, panels, strict=True):
        table, baseline, flips, path = solved_compas(target, tuple(tolerances))
        ambiguity = observed.ambiguity_path(table, baseline, flips, tolerances)
        pool = observed.elastic_net_pool(table.rows, *table.by_label)
        labellings = np.unique(observed.pool_dichotomies(table.rows, pool), axis=0)
        multiplicity = observed.pool_multiplicity(
            labellings, *table.by_label, baseline.dichotomy, path.admitted
        )
        excesses = np.arange(path.admitted.max() + 1)
        sides = (
            (
                left,
                path.disagreement,
                path.bounds,
                multiplicity.discrepancy,
                predicted.knapsack_bound,
            ),
            (
                right,
                ambiguity.ambiguous,
                ambiguity.bounds,
                multiplicity.ambiguity,
                predicted.ambiguity_bound,
            ),
        )
        for axes, exact, ceiling, points, bound in sides:
            limits = np.array(
                [bound(baseline.dichotomy, *table.by_label, e) for e in excesses.tolist()]
            )
            percent = 100 / table.n
            axes.step(
                excesses * percent,
                limits * percent,
                where="post",
                color=COLOURS[6],
                label="upper bound",
            )
            gap = [np.zeros(len(exact)), (ceiling - exact) * percent]
            at = 100 * path.tolerances
            axes.errorbar(
                at, exact * percent, gap, fmt="o", color=COLOURS[0], label="all linear classifiers"
            )
            axes.plot(at, points * percent, "s", color=COLOURS[1], label="pool of elastic nets")
            axes.set(ylim=(0, None), xlabel="error tolerance ε (% of people)")
        error = baseline.errors / table.n
        farthest = predicted.discrepancy_bound(error, max(tolerances))
        nearest = predicted.discrepancy_bound(error, min(tolerances))
        left.set_title(f"{target}: R = {error:.2%}, 2R + ε = {nearest:.0%} to {farthest:.0%}")
        right.set_title(
            f"{target}: {len(table.rows)} distinct rows, {len(labellings)} labellings in the pool"
        )
        left.set_ylabel("discrepancy δ (% of people)")
        right.set_ylabel("ambiguity α (% of people)")
    fig.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    letters(panels.flat, x=-0.08)
    return fig


@figure("F3", quick={"target": "arrest", "tolerances": TOLERANCES[:6]}, claims=("compas-table",))
def coefficients(
    target: Target = "violent",
    epsilon: float = 0.01,
    tolerances: Sequence[float] = TOLERANCES,
) -> Figure:
    """Classifiers of almost the same error weigh the features differently, and one person's
    prediction depends on it.

    Columns: the best linear classifier of COMPAS without race, the competitor at tolerance $ε =$
    `epsilon` that changes most predictions, and the one with the fewest errors that changes the
    prediction for the largest group of people with equal features among those whom the second
    leaves as they are (among all who can be changed, if none). Rows: coefficients of a weight
    vector of largest margin, scaled to $∑|w| = 100$ (intercept counted; columns that the others
    determine are left out). Below each model: errors, predictions changed, the score of such a
    person (positive: will reoffend), and in brackets the fewest and the most predictions that
    classifiers with those errors can change. After the coefficient table of Marx, Calmon & Ustun
    2020, as recalled.
    """
    solution = solved_compas(target, tuple(tolerances))
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
    positives = table.positives[person]
    axes.set(ylabel="feature (* = 1 for the person)", xlabel="linear classifier")
    axes.set_title(
        f"{target}, n = {table.n}, ε = {epsilon:.2%}\nperson: one of {total} alike, {positives} "
        "positive"
    )
    fig.colorbar(image, ax=axes, label="coefficient, Σ|w| = 100", fraction=0.04)
    return fig


@figure(
    "F4",
    quick={"tolerances": TOLERANCES[:6]},
    claims=("compas-table",),
    marks="(b) points: exact ambiguity; lines: flip bounds",
)
def groups(
    target: Target = "arrest",
    epsilon: float = 0.01,
    tolerances: Sequence[float] = TOLERANCES,
) -> Figure:
    """Groups by race share the burden of an arbitrary choice unequally, although no classifier sees
    race.

    COMPAS, features without race. (a) For everybody and by group, at tolerance $ε =$ `epsilon`:
    share whose prediction some competitor changes (ambiguity, squares), share that the most
    discrepant competitor changes (circles; where several competitors change equally many people in
    all, their split between groups is that of the one found), and errors of the baseline
    (triangles); short lines: the flip bound, which the ambiguity of a group cannot exceed. (b)
    Ambiguity of each group against the tolerance: points by integer programs, thin lines the
    bounds. All shares are exact counts of the people in the data. After the subgroup table of Marx,
    Calmon & Ustun 2020, as recalled.
    """
    solution = solved_compas(target, tuple(tolerances))
    table, baseline, _, path = solution
    samples = observed.compas_samples(target)
    members = {
        "all": np.full(len(samples.race), True),
        **{_NAMES[key]: samples.race == key for key in _NAMES},
    }
    errors = baseline.dichotomy[table.row_of_sample] != (samples.labels == 1)
    at = list(path.tolerances).index(epsilon)
    changes = (path.solutions[at].dichotomy != baseline.dichotomy)[table.row_of_sample]
    ambiguous = [ambiguous_rows(solution, int(e))[table.row_of_sample] for e in path.admitted]
    least = predicted.flip_error_bounds(baseline.dichotomy, *table.by_label)
    excesses = np.arange(path.admitted.max() + 1)

    def share(of: np.ndarray, group: np.ndarray) -> float:
        """Percent of the people of a group, samples being weighted by how many people they are."""
        return float(100 * samples.counts[of & group].sum() / samples.counts[group].sum())

    def bound(tolerance: int, group: np.ndarray) -> float:
        return share((least <= baseline.errors + tolerance)[table.row_of_sample], group)

    fig, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.4), width_ratios=(1.15, 1))
    for place, (name, group) in enumerate(members.items()):
        colour = (COLOURS[6], *COLOURS[:4])[place]
        limit = bound(int(path.admitted[at]), group)
        left.plot([limit, limit], [place - 0.3, place + 0.3], color=colour)
        for values, marker in ((ambiguous[at], "s"), (changes, "o"), (errors, "^")):
            left.plot(share(values, group), place, marker, color=colour, markersize=5)
        limits = [bound(e, group) for e in excesses.tolist()]
        right.step(100 * excesses / table.n, limits, where="post", color=colour, linewidth=0.6)
        right.plot(
            100 * path.tolerances,
            [share(flags, group) for flags in ambiguous],
            "s",
            color=colour,
            label=name,
        )
    sizes = [int(samples.counts[group].sum()) for group in members.values()]
    left.set_yticks(
        range(len(members)),
        [f"{name}\nn = {size}" for name, size in zip(members, sizes, strict=True)],
    )
    left.invert_yaxis()
    for marker, name in (("s", "ambiguity"), ("o", "discrepancy"), ("^", "baseline errors")):
        left.plot([], [], marker, color="0.4", label=name)
    left.plot([], [], color="0.4", label="flip bound")
    left.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.06),
        ncols=4,
        columnspacing=0.9,
        handletextpad=0.3,
    )
    left.set(
        xlabel=f"share of the group (%), {target}, ε = {epsilon:.2%}",
        ylabel="group",
        xlim=(0, None),
    )
    right.set(
        xlabel="error tolerance ε (% of people)",
        ylabel="ambiguity α (% of the group)",
        ylim=(0, 104),
    )
    right.legend(loc="lower right")
    label(left, "a", x=-0.2)
    label(right, "b", x=-0.08)
    return fig


@figure("F6", quick={"splits": 4, "tolerances": (0.0, 0.0025, 0.01)})
def held_out(
    target: Target = "arrest",
    splits: int = 6,
    training_share: float = 0.8,
    tolerances: Sequence[float] = (0.0, 0.0025, 0.005, 0.01, 0.02),
) -> Figure:
    """Competing classifiers conflict on new people about as often as on those they were found with.

    COMPAS without race, split at random into `training_share` and the rest, `splits` times. Blue
    circles (to the left of their tolerance): exact discrepancy (a) and ambiguity (b) on the
    training people. Orange squares (to the right): the same classifiers (for ambiguity, those of
    the flips and the most discrepant one) applied to the held-out people; these are not optima
    there, and a score of 0 counts as negative. (c) Errors of the baseline (dotted, mean over
    splits) and of the most discrepant competitor: on training people it stays within $R + ε$ by
    definition, the line. Lines in (a, b): knapsack and flip bounds on the training people. Means
    over splits with 99 % Student intervals, which show the chance of the split, not of the people.
    After Marx, Calmon & Ustun 2020, who show one split.
    """
    samples = observed.compas_samples(target)
    generator = np.random.default_rng(0)
    size = round(training_share * samples.counts.sum())
    shares = []
    for _ in range(splits):
        training = generator.multivariate_hypergeometric(samples.counts, size)
        shares.append(_measured(samples, training, tolerances))
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
    training: Int[np.ndarray, "samples"],
    tolerances: Sequence[float],
) -> dict[str, list[float]]:
    """Shares of people, by tolerance, for one split."""
    mask = training > 0
    seen = [column for column, name in enumerate(samples.columns) if not name.startswith("race")]
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
            predicted.knapsack_bound(baseline.dichotomy, *table.by_label, e) / table.n
            for e in excesses
        ],
        "ambiguity, training": list(ambiguity.ambiguous / table.n),
        "ambiguity, held out": [
            share(changes[ambiguous_rows(solution, e)].any(axis=0) | (competitor != first))
            for e, competitor in zip(excesses, competitors, strict=True)
        ],
        "ambiguity, bound": [
            predicted.ambiguity_bound(baseline.dichotomy, *table.by_label, e) / table.n
            for e in excesses
        ],
        "errors, training": [model.errors / table.n for model in path.solutions],
        "errors, held out": [share(rule != labels) for rule in competitors],
        "errors, bound": [(baseline.errors + e) / table.n for e in excesses],
        "baseline, training": [baseline.errors / table.n],
        "baseline, held out": [share(first != labels)],
    }
