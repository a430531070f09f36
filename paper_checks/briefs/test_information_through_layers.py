"""He, Yu & Goldfeld 2024, "Information-Theoretic Generalization Bounds for Deep Neural Networks", arXiv 2404.03176.

For readers of information bounds: a linear network on which every divergence that such a bound adds up, and the true
gap between training and test error, is known in closed form.

A label y = ±1 and a point x give u = yx ~ N(μ, s²I) in d dimensions. A classifier takes the mean w of n samples u_i and
predicts the sign of w·x. Linear layers that do not depend on the data map u to B_l u, with B_l of full rank r_l and
B_0 = I. The information at layer l is KL_l, the divergence of the law of B_l u_i given w from that of B_l u, u fresh.

Read: the abstract (the example, the decrease over layers). Derived here: all formulas; a training point is not
N(w, s²I), as w takes the share 1/n of its variance. Not claimed: layers that learn.
Topic: learning.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy import stats

from theory_on_trial import claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Dims = Annotated[int, Interval(2, 32, why="one dimension has one rank only; beyond, rounding adds up over layers")]
Depths = Annotated[int, Interval(2, 4, why="with one layer no rank falls; each layer doubles the condition number")]
Samples = Annotated[int, Interval(2, 1000, why="one sample is its own mean; terms of order 1 leave one of order 1/n")]
Noise = Annotated[float, Interval(0.01, 100, why="the logarithms of variances cancel, and take digits with them")]
Added = Annotated[float, Interval(0.1, 10, why="less leaves nearly all of a divergence, more nearly nothing")]
FewDims = Annotated[int, Interval(1, 6, why="with more dimensions than samples, training errors are too rare to count")]
FewSamples = Annotated[int, Interval(2, 12, why="with more, independence of w and the sample is too nearly true")]
Signal = Annotated[float, Interval(0, 1, why="training errors of well separated classes are too rare to count")]
Inputs = Annotated[int, Interval(2, 10, why="all 2^d masks are tried; one input has one number of differences")]
Rate = Annotated[float, Interval(0.02, 0.98, why="outside, the factors differ from 0 or 1 by too little to be told")]


def linear_layers(generator, dim, depth):
    """Return B_0 = I, …, B_depth: the widths fall from dim to 1, and no factor has a condition number above 2."""
    maps = [np.eye(dim)]
    for width in np.rint(np.linspace(dim, 1, depth)).astype(int):
        rows = np.linalg.qr(generator.standard_normal((len(maps[-1]), width)))[0].T
        maps.append(generator.uniform(1, 2, (width, 1)) * rows @ maps[-1])
    return maps


@predicted
def layer_information(maps, offset, samples, noise):
    """KL_l = ½[r_l(-1/n - log(1-1/n)) + |P_l(w-μ)|²/s²], P_l the projection on the row space of B_l, and its mean."""
    bases, loss = [np.linalg.qr(matrix.T)[0] for matrix in maps], np.log1p(-1 / samples)
    ranks, explained = np.transpose([(len(basis.T), np.sum((offset @ basis) ** 2)) for basis in bases])
    return np.array([(ranks * (-1 / samples - loss) + explained / noise**2) / 2, -ranks / 2 * loss])


@predicted
def kept_share(rate, dim=1):
    """The share 1-δ^d of a divergence that dropout leaves at most; for noise, δ is its share of the variance."""
    return 1 - rate**dim


@observed
def training_variance(samples):
    """The variance, in s², of a sample given the sum of all, by a Schur complement; its mean is w by symmetry."""
    rows = np.vstack([np.eye(1, samples), np.ones(samples)])
    (own, shared), (_, total) = rows @ rows.T
    return own - shared**2 / total


@observed
def mapped_divergence(maps, shift, variance, noise, added=0.0):
    """KL of N(μ+shift, variance·s²I) from N(μ, s²I) under each map, with noise of variance `added` on the image."""
    divergences = []
    for matrix in maps:
        gram, image, extra = noise**2 * matrix @ matrix.T, matrix @ shift, added * np.eye(len(matrix))
        seen, fresh = variance * gram + extra, gram + extra
        quadratic = np.trace(np.linalg.solve(fresh, seen + np.outer(image, image))) - len(matrix)
        divergences.append((quadratic + np.linalg.slogdet(fresh)[1] - np.linalg.slogdet(seen)[1]) / 2)
    return np.array(divergences)


@claim(ours("the law of a sample given the mean of all"), kind="identity", cases=[(6, 3, 8, 1.5), (2, 2, 2, 100.0)])
def test_layer_kl(trial, dim: Dims, depth: Depths, samples: Samples, noise: Noise):
    """Given w, the information of a layer counts its rank and the part of w-μ in its row space; it never rises."""
    generator, error = trial.generator("layers"), noise / np.sqrt(samples)
    maps, offset = linear_layers(generator, dim, depth), error * generator.standard_normal(dim)
    # Condition 2 per layer, squared in the Gram matrix; logarithms of variances up to 10 cancel.
    rounding, law = {"ops": 50 * dim * 4**depth, "scale": 10 * dim}, layer_information(maps, offset, samples, noise)
    fresh = layer_information(maps, offset, np.inf, noise)[0]
    wrong = np.array([fresh, [len(matrix) / (2 * samples) for matrix in maps]])
    # The divergence is quadratic in w: 2d points with the mean and covariance of w give its mean exactly.
    offsets = np.vstack([offset, error * np.sqrt(dim) * np.eye(dim), -error * np.sqrt(dim) * np.eye(dim)])
    given, *runs = [mapped_divergence(maps, one, training_variance(samples), noise) for one in offsets]
    trial.identity([given, np.mean(runs, axis=0)], law, **rounding, controls={"w is independent of the sample": wrong})
    trial.bound(given[1:], law[0, :-1], found_by="all", **rounding, controls={"a tenth is lost": 0.9 * given[:-1]})


@predicted
def mean_training_error(dim, samples, signal):
    """E Φ(-|w|/(s√(1-1/n))) = ½P(F < (n-1)/d), F noncentral F(d, 1) with n|μ|²/s²; Student's t_d where μ = 0."""
    return stats.ncf.cdf((samples - 1) / dim, dim, 1, samples * signal**2) / 2


@observed
def training_errors(generator, count, dim, samples, signal):
    """Whether the first of n samples, s = 1, is misclassified by the mean of all of them."""
    points = generator.normal(signal * np.eye(1, dim), size=(count, samples, dim))
    return np.sum(points[:, 0] * points.mean(axis=1), axis=1) < 0


@observed
def generalisation_gap(weights, mean, samples):
    """Test error less training error: how likely the score w·u of a fresh and of a seen point is negative, given w."""
    length = np.linalg.norm(weights, axis=1)
    seen = stats.norm.cdf(0, length, np.sqrt(training_variance(samples)))
    return stats.norm.cdf(0, weights @ mean / length) - seen


@claim(ours("Pinsker"), kind="bound", cases=[(3, 4, 0.5), (2, 3, 0.0)], loose="Pinsker's is attained to 80 %")
def test_gap(trial, dim: FewDims, samples: FewSamples, signal: Signal):
    """The mean training error is half a noncentral F probability; the gap obeys √(KL/2) with the score's KL."""
    trial.require(dim <= samples, "dim must be at most samples: else training errors are too rare to count")
    error, mean = mean_training_error(dim, samples, signal), signal * np.eye(dim)[0]
    wrong = {"as on fresh points": stats.norm.cdf(-(signal**2) / np.hypot(signal, np.sqrt(dim / samples)))}
    draws = partial(training_errors, dim=dim, samples=samples, signal=signal)
    trial.probability(sampler=draws, predict=error, margin=0.03 * error, controls=wrong, first=2**13, most=2**21)
    weights = mean + trial.generator("w").standard_normal((1000, dim)) / np.sqrt(samples)
    gap = np.abs(generalisation_gap(weights, mean, samples))
    most = np.sqrt([layer_information([w[None]], w - mean, samples, 1.0)[0, 0] / 2 for w in weights])
    trial.bound(gap, most, found_by="draws", independent=1000, ops=100, controls={"half of it": most / 2})


@observed
def dropped_divergence(inputs, laws, rate):
    """KL after dropout between two laws on the same inputs, every mask applied to every input."""
    masks = np.transpose(list(map(np.ravel, np.indices([2] * inputs.shape[1]))))
    chance = np.prod(np.where(masks == 1, 1 - rate, rate), axis=1)
    outputs = np.concatenate(inputs[:, None] * masks)
    which = np.unique(outputs, axis=0, return_inverse=True)[1].ravel()
    return stats.entropy(*(np.bincount(which, np.outer(law, chance).ravel()) for law in laws))


@claim(ours("two inputs are confused when all differences are dropped"), kind="bound", cases=[(3, 0.5), (6, 0.2)])
def test_dropout(trial, dim: Inputs, rate: Rate):
    """Dropout leaves at most 1-δ^d of a divergence, 1-δ^h between two inputs that differ in h coordinates, none 0."""
    generator = trial.generator("laws")
    inputs, laws = generator.integers(-1, 3, (20, 4, dim)), generator.dirichlet(np.ones(4), (20, 2))
    inputs[:dim, 0], inputs[:dim, 1], laws[:dim, :, 2:] = 1, 1 + np.tri(dim), 0  # they differ in 1, …, d coordinates
    after = np.array([dropped_divergence(*pair, rate) for pair in zip(inputs, laws, strict=True)])
    before, rounding = stats.entropy(*laws.transpose(1, 2, 0)), {"ops": 2**dim + 100, "scale": 1.0}
    share = kept_share(rate, 1 + np.arange(dim))
    most, wrong = share[-1] * before, {"1-δ": share[0] * before}
    trial.identity(after[:dim], share * before[:dim], **rounding, controls={"1-δ^d": most[:dim]})
    trial.bound(after, most, found_by="draws", independent=10, **rounding, controls=wrong)


@claim(ours("Gaussian noise contracts by a squared correlation"), kind="bound", cases=[(4, 2, 0.7), (2, 4, 10.0)])
def test_gaussian_noise(trial, dim: Dims, depth: Depths, added: Added):
    """Normal noise of variance τ leaves at most v/(v+τ) of a divergence from a normal law of largest variance v."""
    generator = trial.generator("laws")
    maps, variances = linear_layers(generator, dim, depth), np.append(1.0, generator.uniform(0.3, 3, 19))
    laws = list(zip(generator.standard_normal((20, dim)), variances, strict=True))
    # The first law is shifted only: of that a layer of one unit keeps the whole share.
    before, after = (np.array([mapped_divergence(maps, *law, 1, noise) for law in laws]) for noise in (0, added))
    share = kept_share(added / (added + np.array([np.linalg.norm(matrix, 2) ** 2 for matrix in maps])))
    draws = {"found_by": "draws", "independent": 19, "ops": 50 * dim * 4**depth, "scale": 10 * dim}
    trial.bound(after, share * before, **draws, controls={"correlation to the fourth": share**2 * before})


@figure("F1", claims=("layer_kl",))
def information_per_layer(dim: int = 24, samples: int = 12, depth: int = 4, draws: int = 40):
    """A layer counts by its rank: the information of linear layers falls along the network, for every training set.

    Points: KL between a seen and a fresh point given w, for `draws` training sets; line: its mean -(r/2) log(1-1/n).
    """
    generator = np.random.default_rng(0)
    maps, offsets = linear_layers(generator, dim, depth), generator.standard_normal((draws, dim)) / np.sqrt(samples)
    curves = [mapped_divergence(maps, offset, training_variance(samples), 1) for offset in offsets]
    mean = layer_information(maps, offsets[0], samples, 1)[1]
    layers, ranks = np.arange(depth + 1), [len(matrix) for matrix in maps]
    lines = {"mean over training sets": (layers, mean)}
    points, x = {"each training set": (np.tile(layers, draws), np.ravel(curves))}, "rank of layers 0, 1, …"
    return chart(lines, points, x=x, y="information  (nats)", ylim=(0, None), xticks=layers, xticklabels=ranks)
