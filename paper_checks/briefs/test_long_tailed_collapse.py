"""Liu, Zhang, Hu, Cao, Yao & Pan 2023, "Inducing Neural Collapse in Deep Long-tailed Learning",
AISTATS, arXiv 2302.12453.

For whoever trains on classes of very different sizes: which features do two regularisers ask for,
one of the spread within classes and one of the angles between their means?

Paper: it adds two terms to a classification loss, so that collapse, which balanced classes show,
comes with unequal ones, too. This page finds what the two terms ask for by themselves.

Take away: their joint optimum is the simplex of equal lengths, whatever the sizes of the classes.
This needs the centre to be the plain average of the class means. About the average of all samples
the mean of a class of $n_k$ samples has a length proportional to $1/n_k$: of 16 and of 2 samples,
one of the lengths is eight times the other. And the first term pulls a sample of a class of 16
eight times more slowly than one of a class of 2.

There are $K ≥ 3$ classes, $n_k$ samples in class $k$, $N$ in all, and $d$ dimensions. $h_i$ is the
feature of sample $i$, $μ_k$ the mean of class $k$, and $m_k = μ_k − c$. The centre $c$ is the
average of the class means, unless a claim says otherwise. The terms are
$W = sum_k (1/n_k) ∑_(i ∈ k) |h_i − μ_k|²$ and $A$, the average over the classes $k$ of the least
angle between $m_k$ and another $m_j$. Features are best if $W − A$ is least.

Edges: for $K = 2$ the angle is $π$ for any features. In $d < K − 1$ dimensions we know the best
average angle in the plane alone. How long the best features are is open: $A$ does not change with
their scale.

Abstract:

- Sentence 1: networks generalise worse from long-tailed data. Not on trial. It needs test data.
- Sentence 2: one reason are features that are less effective. Not on trial. It needs test data.
- Sentence 3: features of balanced classes show neural collapse. Not on trial. The claims of
  `neural_collapse` say so.
- Sentence 4: there, features of one class are close and those of different classes as distant as
  possible. No statement.
- Sentence 5: with unequal classes the pattern is another one, which costs accuracy. Not on trial.
  Claims of `neural_collapse` and of `contrast_in_batches` show the first half for other losses.
- Sentence 6: two terms regularise features of unequal classes. No statement.
- Sentence 7: with them collapse appears with unequal classes, and generalisation improves. In part:
  angle, lengths, within. As their joint optimum, without a classification loss and without test
  data; the first term acts more slowly on large classes.
- Sentence 8: the method can be added to most others. Not on trial. It is about use.
- Sentence 9: experiments show its effect. Not on trial. It needs large data.

Read: the abstract. Recalled: the form of the two terms. Derived here: all claims. Not claimed: what
the terms do beside a classification loss.
Topic: representations.
"""

from typing import Annotated, Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.preprocessing import normalize

from paper_checks.briefs.common import apart, gradient
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Sizes = tuple[Annotated[int, Interval(1, 40)], ...]
Dim = Annotated[int, Interval(2, 10)]
Centre = Literal["of class means", "of samples"]


def averaging(sizes):
    """The matrix (classes, samples) that takes the mean of each class."""
    return np.repeat(np.diag(1 / np.array(sizes)), sizes, axis=1)


@observed
def weights_of_centre(sizes, centre):
    """The share of each class mean in the centre."""
    shares = np.ones(len(sizes)) if centre == "of class means" else np.array(sizes, float)
    return shares / shares.sum()


@observed
def regularisers(features, sizes, shares, sharpness):
    """W − A and its slope in the features (samples, dim), with soft maxima of cosines, which are
    below the maxima by log(K − 1)/sharpness at most.
    """
    average = averaging(sizes)
    means = average @ features
    spread = features - np.repeat(means, sizes, axis=0)
    weights = np.repeat(1 / np.array(sizes), sizes)[:, None]
    rows, lengths = normalize(means - shares @ means, return_norm=True)
    cosines = rows @ rows.T
    levels = sharpness * cosines - np.diag(np.full(len(sizes), np.inf))
    nearest = (logsumexp(levels, axis=1) - np.log(len(sizes) - 1)) / sharpness
    pull = softmax(levels, axis=1) / np.sqrt(1 - nearest[:, None] ** 2) / len(sizes)
    turn = (pull + pull.T) @ rows
    turn = (turn - np.sum(turn * rows, axis=1, keepdims=True) * rows) / lengths[:, None]
    turn -= np.outer(shares, turn.sum(axis=0))
    value = np.sum(weights * spread**2) - np.mean(np.arccos(nearest))
    return value, 2 * weights * spread + average.T @ turn


@observed
def best_features(generator, sizes, dim, centre="of class means", starts=4):
    """The features (samples, dim) of least W − A by L-BFGS with ever sharper maxima."""
    shares = weights_of_centre(sizes, centre)
    shape = (sum(sizes), dim)

    def loss(entries, sharpness):
        value, slope = regularisers(entries.reshape(shape), sizes, shares, sharpness)
        return value, slope.ravel()

    options = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9}
    ends = generator.normal(size=(starts, sum(sizes) * dim))
    for sharpness in np.geomspace(10, 1e5, 5):
        found = [
            minimize(loss, end, args=(sharpness,), jac=True, method="L-BFGS-B", options=options)
            for end in ends
        ]
        ends = [one.x for one in found]
    return min(found, key=lambda one: one.fun).x.reshape(shape)


@observed
def terms(features, sizes, shares):
    """W and A, with exact maxima."""
    means = averaging(sizes) @ features
    spread = features - np.repeat(means, sizes, axis=0)
    rows = normalize(means - shares @ means)
    cosines = rows @ rows.T - 3 * np.eye(len(sizes))
    within = np.sum(np.repeat(1 / np.array(sizes), sizes) * np.sum(spread**2, axis=1))
    return within, np.mean(np.arccos(np.clip(cosines.max(axis=1), -1, 1)))


@predicted
def best_angle(classes, dim):
    """arccos(−1/(K − 1)) for K ≤ d + 1, 2π/K in the plane."""
    if classes > dim + 1 and dim > 2:
        raise ValueError("dim must be 2 or at least classes - 1: beyond, no closed form is known")
    return np.arccos(-1 / (classes - 1)) if classes <= dim + 1 else 2 * np.pi / classes


@predicted
def relative_lengths(sizes, centre):
    """Lengths of the centred means over their average: equal, or proportional to 1/n_k."""
    lengths = np.ones(len(sizes)) if centre == "of class means" else 1 / np.array(sizes)
    return lengths / lengths.mean()


@claim(
    tried(
        "abstract, sentence 7: collapse appears with unequal classes",
        "the optimum of the two terms alone, as recalled",
    ),
    kind="optimality",
    cases=[((9, 3, 1), 4), ((12, 4, 2, 1), 3), ((5, 5, 5, 5, 5), 6), ((9, 3, 2, 1, 1), 2)],
)
def test_angle(trial, sizes: Sizes, dim: Dim):
    """Let features of $K ≥ 3$ classes have $W = sum_k (1/n_k) ∑_(i ∈ k) |h_i − μ_k|²$ and the
    average $A$ over classes of the least angle between a centred class mean and another. The least
    $W − A$ is $−arccos(−1/(K − 1))$ in $d ≥ K − 1$ dimensions and $−2π/K$ in the plane, whatever
    the sizes $n_k$ of the classes.
    """
    classes = len(sizes)
    trial.require(3 <= classes <= 8, "sizes must be three to eight: more are searched slowly")
    trial.require(
        classes <= dim + 1 or dim == 2,
        "dim must be 2 or the number of classes less 1 at least: else no closed form is known",
    )
    features = best_features(trial.generator("starts"), sizes, dim)
    within, angle = terms(features, sizes, weights_of_centre(sizes, "of class means"))
    law = -best_angle(classes, dim)
    rivals = {
        "right angles": -np.pi / 2,
        "$arccos(−1/K)$": -np.arccos(-1 / classes),
        "$2π/K$ in any dimension": -2 * np.pi / classes,
        "$arccos(−1/(K − 1))$ in any dimension": -np.arccos(-1 / (classes - 1)),
    }
    trial.value(
        within - angle,
        law,
        error=2e-5 * np.log(classes),
        margin=1e-4,
        scale=1.0,
        instances="search",
        controls=apart(rivals, law, 0.01),
    )


@claim(
    derived("a simplex has one linear relation; the centre says which lengths obey it"),
    kind="optimality",
    cases=[
        ((9, 3, 1), "of class means"),
        ((9, 3, 1), "of samples"),
        ((16, 8, 4, 2), "of class means"),
        ((16, 8, 4, 2), "of samples"),
    ],
)
def test_lengths(trial, sizes: Sizes, centre: Centre):
    """Let features of $K ≥ 3$ classes of $n_k$ samples have the least $W − A$ in $K − 1$ dimensions
    or more, where $W = sum_k (1/n_k) ∑_(i ∈ k) |h_i − μ_k|²$ and $A$ averages over classes the
    least angle between a centred class mean and another. The centred class means have equal lengths
    if the centre is the average of the class means, and lengths proportional to $1/n_k$ if it is
    the average of the samples.
    """
    trial.require(3 <= len(sizes) <= 6, "sizes must be three to six: more are searched slowly")
    trial.require(
        1.5 <= max(sizes) / min(sizes) <= 16,
        "sizes must differ by a factor of 1.5 to 16: equal ones tell no centres apart",
    )
    features = best_features(trial.generator("starts"), sizes, len(sizes), centre)
    means = averaging(sizes) @ features
    lengths = np.linalg.norm(means - weights_of_centre(sizes, centre) @ means, axis=1)
    other = "of samples" if centre == "of class means" else "of class means"
    roots = np.array(sizes) ** -0.5
    trial.value(
        lengths / lengths.mean(),
        relative_lengths(sizes, centre),
        error=1e-5,
        margin=1e-4,
        instances="search",
        controls={
            f"as with the centre {other}": relative_lengths(sizes, other),
            "proportional to $1/√n_k$": roots / roots.mean(),
        },
    )


@observed
def descended_collapse(features, sizes, rate, steps):
    """NC1 = tr(Σ_W Σ_B⁺)/K after steps of gradient descent on W, as a sum over pairs of samples."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    same = np.equal.outer(labels, labels) / np.repeat(sizes, sizes).astype(float) ** 2

    def within(points):
        gaps = points[..., :, None, :] - points[..., None, :, :]
        return np.sum(same * np.sum(gaps**2, axis=-1), axis=(-2, -1)) / 2

    for _ in range(steps):
        features = features - rate * gradient(within, features)
    means = np.array([features[labels == k].mean(axis=0) for k in range(len(sizes))])
    spread = features - means[labels]
    between = np.cov(means.T, bias=True)
    return (
        np.trace(spread.T @ spread @ np.linalg.pinv(between, rcond=1e-10))
        / len(features)
        / len(sizes)
    )


@predicted
def shares_of_collapse(features, sizes):
    """What each class adds to NC1, by distances of Mahalanobis in the span of the class means."""
    ends = np.cumsum(sizes)[:-1]
    blocks = np.split(features, ends)
    means = np.array([block.mean(axis=0) for block in blocks])
    values, axes = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)[1:]
    axes = axes[: len(sizes) - 1] / values[: len(sizes) - 1, None]
    spreads = [
        np.sum(((block - mean) @ axes.T) ** 2) for block, mean in zip(blocks, means, strict=True)
    ]
    return np.array(spreads) / len(features)


@claim(
    derived("the slope of $W$ at $h_i$ is $2 (h_i − μ_k)/n_k$, and no class mean moves"),
    kind="identity",
    cases=[((5, 2, 1), 0), ((6, 3, 2), 4), ((3, 3, 3), 8), ((8, 2), 20)],
)
def test_within(
    trial,
    sizes: tuple[Annotated[int, Interval(1, 10, why="derivatives along all entries")], ...],
    steps: Annotated[int, Interval(0, 50, why="derivatives are taken at each")],
    rate: Annotated[float, Interval(0.01, 0.9, why="from 1 on, a pair of samples swaps")] = 0.1,
):
    """Let features of $K$ classes of $n_k$ samples take $t$ steps of rate $η$ down the slope of
    $sum_k (1/n_k) ∑_(i ∈ k) |h_i − μ_k|²$. Then each class $k$ adds $(1 − 2η/n_k)^(2t)$ times what
    it adds at the start to the collapse $tr(Σ_W Σ_B⁺)/K$, where $Σ_W$ is the covariance within
    classes and $Σ_B$ that of the class means.
    """
    trial.require(2 <= len(sizes) <= 4, "sizes must be two to four: derivatives of all entries")
    trial.require(max(sizes) > 1, "sizes must have one above 1: else nothing spreads")
    features = trial.generator("features").normal(size=(sum(sizes), 4))
    shares = shares_of_collapse(features, sizes)
    law = np.sum(shares * (1 - 2 * rate / np.array(sizes)) ** (2 * steps))
    rivals = {
        "exponent $t$, as of the spread itself": np.sum(
            shares * (1 - 2 * rate / np.array(sizes)) ** steps
        ),
        "all classes at the rate of an average one": shares.sum()
        * (1 - 2 * rate * len(sizes) / sum(sizes)) ** (2 * steps),
        "covariance of means over $K − 1$": law * (len(sizes) - 1) / len(sizes),
    }
    trial.identity(
        descended_collapse(features, sizes, rate, steps),
        law,
        ops=1e4 * (1 + steps),  # Σ_B may have a condition of some thousands
        scale=max(1.0, shares.sum()),
        generic="both sides are rational in the features",
        controls=apart(rivals, law, 1e-6 * max(1.0, shares.sum())),
    )


@figure("F1", claims=("lengths",))
def lengths_of_means():
    """Which centre the angles are measured about decides whether small classes get long means:
    centred class means of five classes at the optimum of both terms.

    Marks: lines: equal lengths, and lengths proportional to $1/n_k$; points: best of four searches.
    """
    sizes = np.array([16, 8, 4, 2, 1])
    grid = np.geomspace(1, 16, 50)
    of_samples = relative_lengths(sizes, "of samples")[-1] / grid
    points = {}
    for centre in ("of class means", "of samples"):
        features = best_features(np.random.default_rng(0), sizes, 5, centre)
        means = averaging(sizes) @ features
        lengths = np.linalg.norm(means - weights_of_centre(sizes, centre) @ means, axis=1)
        points[f"average {centre}"] = (sizes, lengths / lengths.mean())
    lines = {
        "average of class means": (grid, np.ones(grid.size)),
        "average of samples": (grid, of_samples),
    }
    return chart(
        lines,
        points,
        legend="upper right",
        x="samples of the class n_k",
        y="length over its average",
    )
