"""Who is affected, F4."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.predictive_multiplicity.exact import TOLERANCES, ambiguous_rows, counts, solved_compas
from sims import predictive_multiplicity as observed
from sims.predictive_multiplicity.domains import Target
from theory import predictive_multiplicity as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label

_NAMES = {
    "african_american": "African-American",
    "causasian": "Caucasian",
    "hispanic": "Hispanic",
    "other": "other",
}


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
    features: Sequence[str] | None = None,
) -> Figure:
    """Groups by race share the burden of an arbitrary choice unequally, although no classifier sees
    race.

    COMPAS, features without race. (a) For everybody and by group, at tolerance ε = `epsilon`: share
    whose prediction some competitor changes (ambiguity, squares), share that the most discrepant
    competitor changes (circles; where several competitors change equally many people in all, their
    split between groups is that of the one found), and errors of the baseline (triangles); short
    lines: the flip bound, which the ambiguity of a group cannot exceed. (b) Ambiguity of each group
    against the tolerance: points by integer programs, thin lines the bounds. All shares are exact
    counts of the people in the data. After the subgroup table of Marx, Calmon & Ustun 2020, as
    recalled.
    """
    solution = solved_compas(target, tolerances, features)
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
    least = predicted.flip_error_bounds(baseline.dichotomy, *counts(table))
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
