"""The figures of the ridge ensembles. A docstring is a caption, the defaults are the published
settings.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from sims import ridge_ensembles as observed
from theory import ridge_ensembles as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals

_LAW = predicted.Population(
    np.array([0.5, 4.0]), np.array([0.5, 0.5]), np.array([0.2, 0.8]), signal=1.0, noise=0.25
)
_ASPECT = 0.5


@partial(jax.jit, static_argnames=("subsample", "dim", "runs", "sizes"))
def _bags(penalty, *, subsample, dim, runs, sizes):
    """Risk, cross-validation, its form over the union and its repair, of bags of these sizes, for
    each data set.
    """
    variances = np.repeat([0.5, 4.0], dim // 2)
    signal = np.repeat([0.4, 1.6], dim // 2) / dim
    options = {"points": round(dim / _ASPECT), "subsample": subsample, "members": max(4, *sizes)}

    def one(key):
        form = observed.trace_form(key, variances, signal, 0.25, penalty, **options)
        judges = (observed.gcv, observed.union_gcv, observed.corrected_gcv)
        rows = [[judge(form, members) for members in sizes] for judge in judges]
        return jnp.array([[observed.bag_mean(form.risks, members) for members in sizes], *rows])

    return jax.lax.map(one, jax.random.split(jax.random.key(subsample), runs))


@figure(
    "F1",
    quick={"grid": 12, "runs": 8, "dim": 40, "along": (0.5,)},
    claims=("risk_law", "path_equivalence", "optimum"),
    marks="(a) grey: contours of the risk",
)
def paths(ends=(1.25, 2.0), along=(0.5, 0.75, 1.0, 1.5), runs=40, dim=100, grid=60):
    """Subsampling is a penalty: the full ensemble's risk is constant along curves of penalty and
    subsample size.

    (a) Contours of the risk $C$ of infinitely many ridge fits, each on $k$ of $n$ points, against
    the penalty and $p/k$, at $p/n = 0.5$. Coloured: two curves of one level $μ$ each, which end
    where the penalty is 0. (b) $C$ along these two: theory (lines) and the mean product of two
    members' errors on data sets with $p =$ `dim`, with 99 % intervals (dots). The remaining
    difference is of the order $1/p$. Half the eigenvalues are 0.5 and half 4; a fifth of the signal
    is in the former; the noise variance is 0.25.
    """
    import matplotlib.pyplot as plt

    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2))
    penalties = np.linspace(0, 1.2, grid)
    aspects = np.linspace(_ASPECT, 3.2, grid)
    risks = [
        [predicted.full_ensemble_risk(_LAW, lam, _ASPECT, phi) for lam in penalties]
        for phi in aspects
    ]
    contours = left.contour(
        aspects, penalties, np.transpose(risks), levels=12, colors="0.7", linewidths=0.7
    )
    left.clabel(contours, contours.levels[::2], fontsize=6)
    for end, colour in zip(ends, COLOURS, strict=False):
        path = np.linspace(_ASPECT, end, grid)
        left.plot(
            path, [predicted.equivalent_penalty(_LAW, 0, phi, end) for phi in path], color=colour
        )
        risk = predicted.full_ensemble_risk(_LAW, 0, _ASPECT, end)
        text = f"$\\mu$ = {predicted.level(_LAW, 0, end):.2f}"
        right.plot([_ASPECT, end], [risk, risk], color=colour, label=f"{text}, theory")
        places = [*(phi for phi in along if phi < end), end]
        columns = []
        for phi in places:
            penalty = predicted.equivalent_penalty(_LAW, 0, phi, end)
            single, pair = _bags(
                penalty, subsample=round(dim / phi), dim=dim, runs=runs, sizes=(1, 2)
            )[:, 0].T
            columns.append(np.asarray(2 * pair - single))
            left.plot(phi, penalty, "o", color=colour)
        points_with_intervals(
            right, places, np.array(columns).T, colour, label=f"{text}, data sets"
        )
    left.set(xlabel="p / k", ylabel="penalty $\\lambda$", ylim=(0, 1.2))
    right.set(xlabel="p / k", ylabel="risk of the full ensemble")
    fig.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    letters((left, right))
    return fig


@figure(
    "F2",
    quick={"runs": 6, "dim": 40, "sizes": (1, 2, 4)},
    claims=("risk_law", "gcv_bias_finite_M", "corrected_gcv", "union_consistent_M1"),
    marks="lines: theory; points: means over data sets",
)
def validation(
    penalty=0.1, subsample_aspect=1.25, sizes=(1, 2, 4, 8, 16, 32, 64), runs=40, dim=100
):
    """Cross-validation of a finite bag overestimates its risk, by a share of one member's risk
    divided by $M$.

    Risk of a bag of $M$ ridge fits, and its estimate by three forms of cross-validation, against
    $M$: over all $n$ points, over the points that any member has seen, and corrected. Lines:
    theory. Dots: means over data sets with $p =$ `dim`, with 99 % intervals. Population and $p/n$
    are those of F1.
    """
    import matplotlib.pyplot as plt

    setting = (penalty, _ASPECT, subsample_aspect)
    grid = np.unique(np.geomspace(1, max(sizes), 40).round().astype(int))
    risk = np.array([predicted.ensemble_risk(_LAW, *setting, size) for size in grid])
    bias = np.array([predicted.gcv_bias(_LAW, *setting, size) for size in grid])
    union = np.array([predicted.union_gcv(_LAW, *setting, size) for size in grid])
    lines = {
        "risk": risk,
        "GCV, all points": risk + bias,
        "GCV, points seen": union,
        "corrected GCV": risk,
    }
    measured = np.asarray(
        _bags(penalty, subsample=round(dim / subsample_aspect), dim=dim, runs=runs, sizes=sizes)
    )
    fig, axes = plt.subplots(figsize=(4.2, 2.9))
    for row, ((name, line), colour) in enumerate(zip(lines.items(), COLOURS, strict=False)):
        if name != "corrected GCV":
            axes.plot(grid, line, color=colour)
        places = np.array(sizes) * 1.03 ** (row - 1.5)  # side by side where they agree
        points_with_intervals(axes, places, measured[:, row], colour, label=name)
    axes.set(xscale="log", xlabel="members M", ylabel="squared error of a prediction")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.legend()
    return fig
