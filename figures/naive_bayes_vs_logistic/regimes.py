"""Which learner is ahead at which sample size, under more and more correlation: F6."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures.naive_bayes_vs_logistic.panels import plain_log_ticks
from figures.naive_bayes_vs_logistic.simulations import equicorrelated_pair, half_informative
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals
from theory_on_trial.figures.replicates import replicates


@figure(
    "F6",
    quick={"sizes": (8, 32, 128, 512), "runs": 25},
    claims=("two_regimes", "small_samples", "asym_nb_error", "nb_correlated_floor", "nb_exact_law"),
    marks="solid: naive Bayes, infinite data; dashed: Bayes error; (a) dotted: exact law with "
    "known variances",
)
def regimes(
    correlations: Sequence[float] = (0.0, 0.05, 0.1, 0.2, 0.5, 0.8),
    sizes: Sequence[int] = (8, 16, 32, 64, 128, 256, 512, 1024),
    n_features: int = 20,
    gap: float = 0.8,
    runs: int = 200,
) -> Figure:
    """Naive Bayes ignores correlation and so ends at a floor; logistic regression is better with
    enough data.

    Two Gaussian classes whose means differ by `gap` in half of the features, unit variances, all
    correlations ρ. Exact errors of naive Bayes (discs) and of ridge logistic regression (C = 1,
    squares) on prefixes of the same balanced data sets: means over `runs` of them with 99 % Student
    intervals. Solid lines: the error of naive Bayes with infinite data. Dashed: the Bayes error,
    where logistic regression ends. Dotted in (a): the exact law of naive Bayes with known
    variances. (a) Without correlation naive Bayes ends at the Bayes error, and is behind at the
    smallest m only, where it has yet to learn the variances. (b, c) Under weak correlation it is
    ahead at intermediate m. (d-f) Under strong correlation it is not, and its mean error can lie
    below its own limit on the way. Zheng et al. 2023 and Ng & Jordan 2001 for the two regimes;
    design and lines are new.
    """
    columns = -(-len(correlations) // 2)
    fig, axes = plt.subplots(
        2, columns, figsize=(3 * columns, 5.2), sharex=True, sharey="row", squeeze=False
    )
    static = {"n_features": n_features, "gap": gap, "sizes": tuple(sizes)}
    data = replicates(equicorrelated_pair, runs, static, {"correlation": list(correlations)})[
        "equicorrelated_pair"
    ]
    means = half_informative(n_features, gap)
    for correlation, panel, letter in zip(correlations, axes.flat, "abcdefgh", strict=False):
        covariance = (1 - correlation) * np.eye(n_features) + correlation
        errors = data.sel(correlation=correlation).values
        points_with_intervals(panel, sizes, errors[..., 0], COLOURS[0], label="naive Bayes")
        points_with_intervals(
            panel, sizes, errors[..., 1], COLOURS[1], fmt="s", label="logistic regression"
        )
        panel.axhline(predicted.naive_bayes_asymptotic_error(means, covariance), color=COLOURS[0])
        panel.axhline(predicted.bayes_error(means, covariance), color=COLOURS[1], linestyle="--")
        if correlation == 0:
            distance = predicted.mahalanobis_squared(means[1] - means[0], covariance)
            grid = np.geomspace(sizes[0], sizes[-1], 40)
            law = [predicted.naive_bayes_expected_error(n_features, m, distance) for m in grid]
            panel.plot(grid, law, ":", color=COLOURS[0])
        panel.set(xscale="log", yscale="log", title=f"ρ = {correlation:g}")
        panel.set_xticks(sizes, [str(m) for m in sizes], fontsize=7)
        panel.xaxis.set_minor_locator(NullLocator())
        label(panel, letter)
    for panel in axes[-1]:
        panel.set_xlabel("training samples  m")
    for panel in axes[:, 0]:
        panel.set_ylabel("error probability")
        plain_log_ticks(panel, "y")
    axes[0, 0].legend()
    return fig
