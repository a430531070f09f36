"""Discrepancy and ambiguity of COMPAS, F2."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.predictive_multiplicity.exact import TOLERANCES, counts, solved_compas
from sims import predictive_multiplicity as observed
from sims.predictive_multiplicity.domains import Target
from theory import predictive_multiplicity as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters


@figure(
    "F2",
    quick={"targets": ("arrest",), "tolerances": TOLERANCES[:6]},
    claims=("compas-table", "compas-violent", "discrepancy-bound", "knapsack", "adhoc-lower-bound"),
)
def paths(
    targets: Sequence[Target] = ("arrest", "violent"),
    tolerances: Sequence[float] = TOLERANCES,
    features: Sequence[str] | None = None,
) -> Figure:
    """Models almost as good as the best change many predictions, most of which a pool of fitted
    models does not show.

    COMPAS, 6172 people, features without race (all, or those named): a target in each row, with the
    error R of the best linear classifier. Left: discrepancy, the largest share of predictions that
    one classifier with at most R + ε changes. Right: ambiguity, the share that some such classifier
    changes. Circles: exact, by integer programs, every answer recounted (bars up to the proved
    bound where time ran out). Squares: the best of an ad-hoc pool of 1100 elastic nets around the
    same baseline: a lower bound. Lines: upper bounds from the counts of labels alone, the
    fractional knapsack for discrepancy and the flip bound for ambiguity. Proposition 1 (2R + ε, in
    the title) lies above the panels. After Marx, Calmon & Ustun 2020; their over-sampling of the
    rarer label is left out.
    """
    fig, panels = plt.subplots(
        len(targets), 2, figsize=(8, 3.1 * len(targets)), squeeze=False, sharex=True
    )
    for target, (left, right) in zip(targets, panels, strict=True):
        table, baseline, flips, path = solved_compas(target, tolerances, features)
        ambiguity = observed.ambiguity_path(table, baseline, flips, tolerances)
        pool = observed.elastic_net_pool(table.rows, *counts(table))
        labellings = np.unique(observed.pool_dichotomies(table.rows, pool), axis=0)
        multiplicity = observed.pool_multiplicity(
            labellings, *counts(table), baseline.dichotomy, path.admitted
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
                [bound(baseline.dichotomy, *counts(table), e) for e in excesses.tolist()]
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
