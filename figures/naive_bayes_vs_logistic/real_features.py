"""Learning curves on given features: F2."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures.naive_bayes_vs_logistic.features import data_set, title
from figures.naive_bayes_vs_logistic.panels import plain_log_ticks
from figures.naive_bayes_vs_logistic.simulations import split_curves
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals
from theory_on_trial.figures.replicates import replicates


@figure(
    "F2",
    quick={
        "names": ("digits", "wine", "iris"),
        "sizes": (20, 50, 100),
        "n_random": (128,),
        "runs": 20,
    },
    claims=("real_two_regimes",),
)
def learning_curves(
    names: Sequence[str] = ("digits", "breast_cancer", "wine", "iris"),
    sizes: Sequence[int] = (10, 20, 50, 100, 200, 500),
    n_random: Sequence[int] = (128, 1024),
    floors: Sequence[float] = (1e-9, 0.03),
    runs: int = 40,
    random_runs: int = 8,
) -> Figure:
    """Few samples favour naive Bayes, if any learner; with many, logistic regression is ahead on
    all but four features.

    Test error against the number of training samples m, drawn at random from the data set until
    every class is among them (all other samples test), features scaled to [0, 1] by their range in
    the training set: means over `runs` splits (discs: naive Bayes, one colour for each floor added
    to the variances; squares: ridge logistic regression, C = 1) with 99 % Student intervals for the
    data set as it is, joined to guide the eye. Sizes that leave fewer than a quarter of the samples
    to test are left out. (a-d) Scikit-learn's bundled data sets. (e, f) Random ReLU features of the
    digits, over `random_runs` splits, as a stand-in for the deep features of the paper. Zheng et
    al. 2023.
    """
    chosen = [(name, None, runs) for name in names] + [
        ("digits", count, random_runs) for count in n_random
    ]
    columns = -(-len(chosen) // 2)
    fig, axes = plt.subplots(2, columns, figsize=(2.9 * columns, 5.2), squeeze=False)
    for (name, count, splits), panel, letter in zip(chosen, axes.flat, "abcdefgh", strict=False):
        features, labels = data_set(name, count)
        n_classes = int(labels.max()) + 1
        fitting = tuple(m for m in sizes if 2 * n_classes <= m <= 0.75 * len(labels))
        static = {"name": name, "n_random": count, "sizes": fitting, "floors": tuple(floors)}
        data = replicates(split_curves, splits, static, {})
        for number, floor in enumerate(floors):
            points_with_intervals(
                panel,
                fitting,
                data["naive_bayes"].values[:, number],
                (COLOURS[0], COLOURS[5], COLOURS[4])[number],
                fmt="o-",
                linewidth=0.6,
                label=f"naive Bayes, floor {floor:g}",
            )
        logistic = {"fmt": "s-", "linewidth": 0.6, "label": "logistic regression"}
        points_with_intervals(panel, fitting, data["logistic"].values, COLOURS[1], **logistic)
        panel.set(
            xscale="log", yscale="log", title=title(name, count, features.shape[1], n_classes)
        )
        panel.set_xticks(fitting, [str(m) for m in fitting])
        panel.xaxis.set_minor_locator(NullLocator())
        plain_log_ticks(panel, "y")
        label(panel, letter, x=-0.1)
    for panel in axes.flat[len(chosen) :]:
        panel.set_axis_off()
    for panel in axes[:, 0]:
        panel.set_ylabel("test error (share of samples)")
    for panel in axes[-1]:
        panel.set_xlabel("training samples  m")
    axes[0, 0].legend(fontsize=6.5)
    return fig
