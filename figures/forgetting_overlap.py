"""The figures of forgetting by overlap: F1 against the angle of the tasks, F2 against the size of a
memory.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from sims import forgetting_overlap as observed
from theory import forgetting_overlap as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import points_with_intervals


@figure(
    "F1", quick={"runs": 300}, claims=("inverted_u", "inverted_u-independent", "inverted_u-exact")
)
def angles(
    degrees: Sequence[float] = (0, 15, 30, 45, 60, 75, 90),
    rank: int = 3,
    dim: int = 10,
    runs: int = 4000,
) -> Figure:
    """Forgetting per dimension against the angle between two tasks whose features are orthonormal,
    without ridge.

    Blue: the second task's residual is random whatever the angle, and the line is $cos² θ$. Orange:
    one random teacher labels both tasks, so that aligned tasks agree, and the line is
    $cos² θ sin² θ$. Points: means over `runs` pairs of fits, one after the other, with 99 % Student
    intervals. New; the first is the abstract's "increases as two tasks increasingly align" (arXiv
    2010.04003).
    """
    fig, axes = plt.subplots(figsize=(4.8, 3.6))
    fine = np.linspace(0, np.pi / 2, 91)
    generator = np.random.default_rng(0)
    laws = {
        "independent residual": predicted.independent_forgetting,
        "one teacher": predicted.teacher_forgetting,
    }
    for (name, law), colour in zip(laws.items(), COLOURS, strict=False):
        axes.plot(
            np.degrees(fine),
            [law(float(angle)) for angle in fine],
            color=colour,
            label=f"{name}, law",
        )
        columns = []
        for angle in np.radians(degrees):
            first, second = observed.tilted_subspaces(generator, rank, dim, float(angle))
            teachers = generator.standard_normal((runs, dim))
            noise = generator.standard_normal((runs, rank))
            before = observed.refit(first, teachers @ first.T, 0 * teachers, 0.0)
            labels = teachers @ second.T if name == "one teacher" else before @ second.T + noise
            columns.append(
                observed.drift(first, before, observed.refit(second, labels, before, 0.0)) / rank
            )
        points_with_intervals(axes, degrees, np.array(columns).T, colour, label=f"{name}, fits")
    axes.set(
        xlabel="angle between the tasks θ  (degrees)",
        ylabel="E Δ / r  (label units²)",
        xticks=degrees,
    )
    axes.legend()
    return fig


@figure("F2", quick={"runs": 100}, claims=("pca_ogd", "pca_ogd-identity", "pca_ogd-centred"))
def memory(
    n_s: int = 20, n_t: int = 6, dim: int = 12, ridge: float = 0.5, runs: int = 2000
) -> Figure:
    """Forgetting against the number $k$ of directions that a projection memory keeps, for features
    with a large mean.

    The features of the first task are $6 μ$ plus noise of falling variances, with standard normal
    $μ$. The features and the residuals of the second task are standard normal. Line: the mean of
    $Δ$ from the overlap with the features outside the memory. Dashed: the mean of the bound
    $σ²_{k+1} |Δw|²$. Points: means over `runs` refits with 99 % Student intervals. The memory holds
    the right singular vectors of the features (blue), or the principal directions of the centred
    features (orange), as the released code takes them. The latter keep the mean only by chance and
    lie above the bound. New; after PCA-OGD (arXiv 2010.04003).
    """
    fig, axes = plt.subplots(figsize=(4.8, 3.6))
    generator = np.random.default_rng(0)
    noise = np.exp(-0.3 * np.arange(dim)) * generator.standard_normal((n_s, dim))
    first = 6 * generator.standard_normal(dim) + noise
    second = generator.standard_normal((n_t, dim))
    residuals = generator.standard_normal((runs, n_t))
    start = np.zeros((runs, dim))
    sizes = np.arange(min(n_s, dim))
    bounds = []
    for centred, name, colour in (
        (False, "singular vectors", COLOURS[0]),
        (True, "centred directions", COLOURS[1]),
    ):
        columns = []
        ranks = sizes[1:] if centred else sizes
        for k in ranks:
            directions = observed.principal_directions(first, max(int(k), 1), centred=centred)[:k]
            after = observed.refit(
                second - second @ directions.T @ directions, residuals, start, ridge
            )
            columns.append(observed.drift(first, start, after))
            if not centred:
                bounds.append(
                    predicted.memory_bound(first, int(k)) * float(np.sum(after**2, axis=1).mean())
                )
        points_with_intervals(
            axes, ranks, np.array(columns).T, colour, label=name, fmt="s" if centred else "o"
        )
    means = [predicted.random_forgetting(first, second, ridge, int(k)).mean for k in sizes]
    axes.plot(sizes, means, color=COLOURS[0], label="overlap")
    axes.plot(sizes, bounds, "--", color=COLOURS[6], label="σ²$_{k+1}$ |Δw|²")
    axes.set(xlabel="directions kept k", ylabel="E Δ  (label units²)", yscale="log", xticks=sizes)
    axes.legend()
    return fig
