"""The sentence from end to end: a subsample size that cross-validation chooses on drawn data."""

from typing import Annotated

import numpy as np

from theory_on_trial import claim, tried
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic

TUNED = tried(
    "abstract, sentence 5: tuning by GCV yields a predictor whose risk matches that of the optimal "
    "ridge predictor",
    "the design, its size, the number of members and the margins",
)
MEMBERS = 30
NOISE = 2.0
SHARES = np.array([0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.65, 0.75, 0.85, 0.95])
"""k / n that are tried; near p / n = 1/2 risks explode."""
RIDGES = np.geomspace(1e-3, 1e2, 60)


def pair_means(one):
    """The mean of products of two different members, and of all, columns being members."""
    count = one.shape[1]
    gram = one.T @ one
    return (gram.sum() - np.trace(gram)) / (count * (count - 1)), gram.mean()


def excess_risks(rng, points):
    """Excess risks on one data set of p = n / 2 features, half of variance 1, half of 8: of the
    ridgeless ensemble of infinitely many members, of that of MEMBERS and of one member, each with
    the subsample that its own GCV chooses, and of the best ridge regression.
    """
    dim = points // 2
    deviations = np.sqrt(np.repeat([1.0, 8.0], [dim // 2, dim - dim // 2]))
    beta = rng.normal(size=dim)
    beta /= np.linalg.norm(beta)
    x = rng.normal(size=(points, dim)) * deviations
    y = x @ beta + np.sqrt(NOISE) * rng.normal(size=points)
    scores = []
    risks = []
    for share in SHARES:
        size = round(share * points)
        rows = np.argsort(rng.random((MEMBERS, points)), axis=1)[:, :size]
        chosen = x[rows]
        labels = y[rows][:, :, None]
        turned = chosen.swapaxes(1, 2)
        if size < dim:
            members = turned @ np.linalg.solve(chosen @ turned, labels)
        else:
            members = np.linalg.solve(turned @ chosen, turned @ labels)
        members = members[:, :, 0].T
        residuals = (y[:, None] - x @ members) / np.sqrt(points)
        errors = (members - beta[:, None]) * deviations[:, None]
        freedom = (1 - min(size, dim) / points) ** 2
        scores.append([*(one / freedom for one in pair_means(residuals)), 0])
        scores[-1][2] = np.sum(residuals[:, 0] ** 2) / freedom
        risks.append([*pair_means(errors), np.sum(errors[:, 0] ** 2)])
    tuned = np.array(risks)[np.argmin(scores, axis=0), [0, 1, 2]]
    left, values, right = np.linalg.svd(x, full_matrices=False)
    shrunk = values[:, None] / (values[:, None] ** 2 + RIDGES * points) * (left.T @ y)[:, None]
    ridge = np.sum(((right.T @ shrunk - beta[:, None]) * deviations[:, None]) ** 2, axis=0)
    return np.append(tuned, ridge.min())


@claim(
    TUNED,
    kind="empirical",
    tier="full",
    low_power="risks of data sets scatter: thirty members and one are refuted, a twentieth is not",
)
def test_tuned(
    trial,
    points: Annotated[
        int, Interval(100, 400, why="sizes of which a data set takes a second")
    ] = 200,
):
    """Choose the subsample size of an ensemble without penalty by generalised cross-validation on
    the data. With infinitely many members its excess risk is that of the best ridge regression on
    the same data, which knows its own risk, up to a tenth; with 30
    members, or with one, it is more than that. The claim takes half a minute.
    """

    def differences(which):
        def draw(generator, n):
            found = np.array([excess_risks(generator, points) for _ in range(n)])
            return found[:, which] - found[:, 3]

        return draw

    trial.mean(
        sampler=differences(0),
        predict=0.0,
        law=Asymptotic(),
        scale=0.9,
        slack=6 / points,
        margin=0.06 + 6 / points,
        control_processes={"30 members": differences(1), "one member": differences(2)},
        first=32,
        most=2000,
    )
