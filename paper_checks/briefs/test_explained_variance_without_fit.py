"""Kong & Valiant 2018, "Estimating Learnability in the Sublinear Data Regime", NeurIPS, arXiv
1805.01626; Sheth & Fusi 2019, "Feature Gradients: Scalable Feature Selection via Discrete
Relaxation", arXiv 1908.10382.

For one with fewer samples than features who asks whether the features explain anything: a sum over
pairs of samples answers without a fit, and its exact variance says how far to trust it.

Paper: Sheth and Fusi select features by gradients of an estimate of the explained variance that
needs no fit; the estimate is Kong and Valiant's. This page treats that estimate: its mean, its
exact variance and its extension to correlated features. It says nothing about selecting features.

Take away: about $√d$ samples are enough to see whether $d$ features explain anything, since without
a signal the standard deviation is $v √(2d/(n (n - 1)))$. The $R²$ of a fit says nothing: without
any signal it is $d/n$ on average, .95 for 19 features and 20 samples, and 1 from $d = n$ on.

Samples $(x_i, y_i)$, $i = 1, …, n$, are independent with one law on $R^d × R$, no intercept;
$g = E[y x]$, $A = E[y^2 x x']$, $S = E[x x']$, and $X$, $y$ stack the samples.
$T = (|X'y|^2 - ∑_i y_i^2 |x_i|^2) / (n (n - 1))$ costs $n d$ operations. In the Gaussian case $x$
has covariance $I$ and $y = <x, β> + e$ with noise $e$ of variance $v$; $b = |β|^2$ is the explained
variance.

Edges: $T$ needs two samples. It is negative in 20 % of the data sets with 20 samples, 50 features
and $b = v = ½$; replacing negative values by 0 makes it biased.

Abstract:

- Kong & Valiant, statement 1: with isotropic features the share of variance that they explain is
  estimated from about $√d$ samples. Holds: unbiased, exact_variance-gaussian.
- Kong & Valiant, statement 2: for an unknown covariance a consistent estimate also needs fewer
  samples than features. In part: paths. The moments that it combines have no bias; their
  combination is not tried.
- Kong & Valiant, statement 3: the same holds for classification under a logistic model. Not on
  trial. Outcomes are numbers here.
- Sheth & Fusi, statement 1: the estimate is computed in batches, in linear time and space. Not on
  trial. It is a count of operations.
- Sheth & Fusi, statement 2: features are selected by it, also by their correlations of higher
  order. Not on trial. Nothing is selected here.

Read: the abstract ("linear time and space"); Kong & Valiant recalled. Derived here: the Gaussian
variance, the plug-in. Not claimed: that $T$ is positive. Topic: linear algebra for learning.
"""

from functools import partial
from itertools import product
from math import comb
from typing import Annotated

import numpy as np
from scipy.stats import beta, chi2

from theory_on_trial import claim, derived, known, observed, predicted, recalled
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Samples = Annotated[
    int,
    Interval(2, 6, why="T needs a pair; all 4^samples samples of a law on four points are listed"),
]
FewSamples = Annotated[
    int, Interval(2, 4, why="T needs a pair; all (3 * 2^dim)^samples samples are listed")
]
Dim = Annotated[
    int, Interval(1, 6, why="of a law on four points; more columns are combinations of four")
]
Nodes = Annotated[
    int,
    Interval(1, 3, why="as many as samples and more; 3 * 2^dim points stand for a Gaussian law"),
]
Signal = Annotated[float, Interval(0, 4, why="explained variance, in units of the features")]
Noise = Annotated[
    float, Interval(0.1, 4, why="without noise and signal all is 0; in units of the features")
]


def four_points(generator, dim):
    """A law on four random points of R^dim x R: points x, values y, chances."""
    return (
        generator.normal(size=(4, dim)),
        generator.normal(size=4),
        generator.dirichlet(np.full(4, 10)),
    )


def gaussian_nodes(dim, signal, noise):
    """A law on 3 * 2^dim points, β along x_1, with g and A of the Gaussian case, and so its mean
    and variance.
    """
    grid = np.array(list(product([-np.sqrt(3), 0, np.sqrt(3)], *[[-1, 1]] * dim)))
    values = np.sqrt(signal) * grid[:, 0] + np.sqrt(noise) * grid[:, dim]
    return grid[:, :dim], values, np.where(grid[:, 0] == 0, 2 / 3, 1 / 6) / 2**dim


@observed
def enumerated(law, samples, statistic):
    """Mean and variance of a statistic of (X, y) over all samples, each with its chance."""
    points, values, chances = law
    counts = (len(chances),) * samples
    indices = np.indices(counts).reshape(samples, -1).T
    results = statistic(points[indices], values[indices])

    def average(numbers):
        """Over one sample after the other, so that no sum is longer than the law."""
        table = numbers.reshape(*counts, *numbers.shape[1:])
        for _ in range(samples):
            table = np.tensordot(chances, table, 1)
        return table

    mean = average(results)
    return mean, average((results - mean) ** 2)


@observed
def plug_in_statistic(x, y):
    """|X'y|^2 / n^2."""
    return np.sum(np.mean(x * y[..., None], axis=1) ** 2, axis=1)


@observed
def path_statistics(x, y, most=None, diagonal=1):
    """The y'G^k y / C(n, k + 1), k = 1..n-1, with G the triangle of XX' from this diagonal up; T is
    the first.
    """
    gram = np.triu(x @ np.swapaxes(x, 1, 2), diagonal)
    samples = y.shape[1]
    along = y
    results = []
    for steps in range(1, most or samples):
        along = np.einsum("sij,sj->si", gram, along)
        results.append(np.sum(y * along, axis=1) / comb(samples, steps + 1))
    return np.stack(results, axis=1)


@predicted
def path_means(law, samples):
    """The g'S^(k-1) g, k = 1..n-1; the first is |g|^2."""
    points, values, chances = law
    g = (chances * values) @ points
    second = (points.T * chances) @ points
    return np.array([g @ np.linalg.matrix_power(second, k) @ g for k in range(samples - 1)])


@predicted
def pair_variance(law, samples):
    """(4 (n - 2) z1 + 2 z2) / (n (n - 1)) with z1 = g'Ag - |g|^4 and z2 = tr A^2 - |g|^4."""
    points, values, chances = law
    g = (chances * values) @ points
    fourth = (points.T * (chances * values**2)) @ points
    z1 = g @ fourth @ g - (g @ g) ** 2
    z2 = np.sum(fourth**2) - (g @ g) ** 2
    return (4 * (samples - 2) * z1 + 2 * z2) / (samples * (samples - 1))


@predicted
def gaussian_variance(samples, dim, b, v):
    """The variance of T with z1 = 2 b^2 + v b and z2 = d (b + v)^2 + 4 b (b + v) + 3 b^2."""
    z1 = 2 * b**2 + v * b
    z2 = dim * (b + v) ** 2 + 4 * b * (b + v) + 3 * b**2
    return (4 * (samples - 2) * z1 + 2 * z2) / (samples * (samples - 1))


@predicted
def plug_in_mean(samples, dim, b, v):
    """The mean b + ((d + 1) b + d v)/n of the plug-in, where samples meet themselves."""
    return b + ((dim + 1) * b + dim * v) / samples


@claim(
    recalled("Kong & Valiant, the estimate for isotropic covariance"),
    kind="identity",
    cases=[(4, 2), (2, 6), (6, 1)],
)
def test_unbiased(trial, samples: Samples, dim: Dim):
    """Let $T = (|X'y|^2 - ∑_i y_i^2 |x_i|^2) / (n (n - 1))$ for $n$ samples $(x_i, y_i)$ of one
    law. Its mean is $|E[y x]|^2$ for every law with finite second moments and every $n >= 2$, also
    with fewer samples than features.
    """
    law = four_points(trial.generator("law"), dim)
    measured = enumerated(law, samples, path_statistics)[0][0]
    means = path_means(law, samples)[0]
    controls = {"plug-in": enumerated(law, samples, plug_in_statistic)[0]}
    trial.identity(
        measured,
        means,
        ops=4**samples,
        scale=np.max(law[1] ** 2) * np.sum(law[0] ** 2),
        generic="both sides are polynomials in points and chances",
        controls=controls,
    )


def size_of_squares(law):
    """A bound on the squares of T under a law."""
    points, values, _ = law
    return (np.max(values**2) * np.sum(points**2)) ** 2


@claim(
    known("Hoeffding 1948, the variance of a $U$-statistic of pairs"),
    kind="identity",
    cases=[(4, 1), (3, 2), (2, 3)],
)
def test_exact_variance(trial, samples: FewSamples, dim: Dim):
    """For $n$ samples $(x_i, y_i)$ of one law, $T = (|X'y|^2 - ∑_i y_i^2 |x_i|^2) / (n (n - 1))$
    has the variance $(4 (n - 2) z_1 + 2 z_2) / (n (n - 1))$ with $z_1 = g'A g - |g|^4$,
    $z_2 = tr A^2 - |g|^4$, $g = E[y x]$ and $A = E[y^2 x x']$.
    """
    law = four_points(trial.generator("law"), dim)
    variance = pair_variance(law, samples)
    trial.identity(
        enumerated(law, samples, path_statistics)[1][0],
        variance,
        # A mean by up to six sums of four terms, whose roundings a square doubles, and a mean of
        # squares. The rest is room for the statistics.
        ops=1000,
        scale=size_of_squares(law),
        generic="both sides are polynomials in points and chances",
        controls={"the mean is not taken off, $E T²$": variance + path_means(law, samples)[0] ** 2},
    )


@claim(
    derived("fourth moments of a Gaussian"),
    kind="identity",
    cases=[(4, 1, 0.5, 0.7), (3, 2, 0.8, 2), (2, 3, 0, 1)],
)
def test_exact_variance__gaussian(
    trial, samples: FewSamples, dim: Nodes, signal: Signal, noise: Noise
):
    """For $n$ samples of Gaussian $x$, of covariance $I$ in $d$ dimensions, and $y = <x, β> + e$
    with noise $e$ of variance $v$, $T = (|X'y|^2 - ∑_i y_i^2 |x_i|^2) / (n (n - 1))$ has the
    variance $(4 (n - 2) z_1 + 2 z_2) / (n (n - 1))$ with $z_1 = 2 b^2 + v b$,
    $z_2 = d (b+v)^2 + 4 b (b+v) + 3 b^2$ and $b = |β|^2$.
    """
    law = gaussian_nodes(dim, signal, noise)
    trial.identity(
        enumerated(law, samples, path_statistics)[1][0],
        gaussian_variance(samples, dim, signal, noise),
        # The sum of squares is far below the scale: the roundings of all its terms are at most 20
        # of the scale. The rest is room.
        ops=1000,
        scale=size_of_squares(law),
        controls={
            "$x$ and $y$ are independent, $n²$ pairs": 2 * dim * (signal + noise) ** 2 / samples**2
        },
    )


@claim(
    recalled("Kong & Valiant, the estimate by increasing paths"),
    kind="identity",
    cases=[(5, 2), (2, 1), (6, 6)],
)
def test_paths(trial, samples: Samples, dim: Dim):
    """Let $X$ $(n, d)$ and $y$ hold $n$ samples of one law and $G$ be the strictly upper triangle
    of $X X'$. Then $E y'G^k y / C(n, k + 1) = g'S^(k-1) g$ with $g = E[y x]$ and $S = E[x x']$, for
    every law with finite second moments and $k < n$.
    """
    law = four_points(trial.generator("law"), dim)
    measured = enumerated(law, samples, path_statistics)[0]
    means = path_means(law, samples)
    controls = {
        "all of XX'": enumerated(
            law, samples, lambda x, y: path_statistics(x, y, diagonal=-samples)
        )[0]
    }
    sizes = np.max(law[1] ** 2) * np.max(np.sum(law[0] ** 2, axis=1)) ** np.arange(1, samples)
    trial.identity(
        measured,
        means,
        ops=4**samples,
        scale=sizes,
        generic="both sides are polynomials in points and chances",
        controls=controls,
    )


@claim(
    derived("fourth moments of a Gaussian"),
    kind="identity",
    cases=[(3, 2, 0.5, 0.7), (2, 1, 0, 1)],
)
def test_plug_in(trial, samples: FewSamples, dim: Nodes, signal: Signal, noise: Noise):
    """For Gaussian $x$ with covariance $I$ and $y = <x, β> + e$ with noise $e$ of variance $v$, the
    plug-in $|X'y|^2 / n^2$, which keeps the pairs of a sample with itself, has the mean
    $b + ((d + 1) b + d v) / n$ with $b = |β|^2$.
    """
    law = plug_in_mean(samples, dim, signal, noise)
    measured = enumerated(gaussian_nodes(dim, signal, noise), samples, plug_in_statistic)[0]
    # Four sums of at most 24 positive terms one after the other, and some ten roundings in each
    # statistic.
    trial.identity(measured, law, ops=200, controls={"no bias, as of $T$": signal})


@observed
def training_r_squared(generator, count, samples, features):
    """R² of least squares without intercept, of labels that no feature explains."""
    x = generator.normal(size=(count, samples, features))
    y = generator.normal(size=(count, samples, 1))
    basis = np.linalg.qr(x)[0]
    return np.sum((basis.mT @ y) ** 2, axis=(1, 2)) / np.sum(y**2, axis=(1, 2))


@predicted
def null_law(samples, features):
    """Beta(d/2, (n - d)/2), of mean d/n; from d = n on R² is 1."""
    if features >= samples:
        raise ValueError("R² is 1: features must be fewer than samples")
    return beta(features / 2, (samples - features) / 2)


@claim(
    known("Fisher 1928, the law of $R²$ without a signal"),
    kind="distribution",
    cases=[(20, 15), (4, 2)],
)
def test_fit_without_signal(
    trial,
    rows: Annotated[int, Interval(4, 40, why="thousands of data sets are fitted")],
    columns: Annotated[int, Interval(2, 30, why="fewer than the samples; thousands are fitted")],
):
    """If no feature explains anything, the $R²$ of a least-squares fit of $n$ Gaussian samples by
    $d$ features has the law $Beta(d/2, (n - d)/2)$ of mean $d/n$.
    """
    trial.require(columns < rows, "columns must be fewer than rows: else R² is 1")
    law = null_law(rows, columns)
    trial.require(2 * columns >= rows, "columns must be half of the rows at least: a fit matters")
    trial.distribution(
        sampler=partial(training_r_squared, samples=rows, features=columns),
        cdf=law.cdf,
        margin=0.03,
        controls={"labels of fixed length, $χ²/n$": lambda share: chi2(columns).cdf(rows * share)},
        first=2**12,
    )


@figure("F1", claims=("unbiased", "exact_variance", "plug_in", "fit_without_signal"))
def signal_without_fit(
    dim: int = 100, signal: float = 0.5, noise: float = 0.5, repetitions: int = 200
):
    """Explained variance of 100 features is estimated without bias from fewer samples than
    features.

    Gaussian data, explained variance .5; the plug-in is $|X'y|^2 / n^2$. Marks: lines, band: mean,
    two standard deviations by theory; points, bars: of 200 data sets, those of the plug-in are
    drawn at 5 samples less, so that bars do not overlap.
    """
    generator = np.random.default_rng(0)
    sizes = np.arange(25, 226, 40)
    wide = np.arange(20, 241)
    variances = gaussian_variance(wide, dim, signal, noise)
    plug_in = plug_in_mean(wide, dim, signal, noise)
    x = generator.normal(size=(repetitions, sizes[-1], dim))
    y = np.sqrt(signal) * x[..., 0] + np.sqrt(noise) * generator.normal(
        size=(repetitions, sizes[-1])
    )
    runs = {"T": (sizes, [path_statistics(x[:, :n], y[:, :n], most=2)[:, 0] for n in sizes])}
    runs["plug-in"] = sizes - 5, [plug_in_statistic(x[:, :n], y[:, :n]) for n in sizes - 5]
    lines = {"T": (wide, signal, 2 * np.sqrt(variances)), "plug-in": (wide, plug_in)}
    points = {name: (n, np.mean(s, axis=1), 2 * np.std(s, axis=1)) for name, (n, s) in runs.items()}
    return chart(lines, points, x="samples n", y="explained variance  (units of y²)")
