"""Chen & Fuge 2024, "Compressing Latent Space via Least Volume", ICLR, arXiv 2404.17773.

For whoever lets an autoencoder choose its latent size by a penalty on latent spread: linear latents become principal
components, the product is not what makes them so, and without a bound on the decoder's slope the penalty is empty.

Data x in R^r have a covariance of eigenvalues λ_1 > … > λ_r > 0. Latents z = E x in R^m, m >= r, are decoded by D with
|D|_2 <= K and D E x = x for all data; sd_i is the standard deviation of z_i and the volume is Π (sd_i + η), η > 0.

Read: the abstract. Derived here: all values, the other penalties, the collapse. Not claimed: that gradient descent on a
network finds these minima; local ones exist even here, with dead latents in other places.
Topic: linear algebra for learning.
"""

from typing import Annotated

import numpy as np

from theory_on_trial import abstract, claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Rank = Annotated[int, Interval(2, 8, why="one direction has no order; eigenvalues halve from one to the next")]
Dead = Annotated[int, Interval(0, 4, why="latents beyond the rank, each a factor η of the volume")]
Slope = Annotated[float, Interval(1.5, 100, why="at 1 bounds with and without K agree; a unit of the latents")]
Steep = Annotated[float, Interval(1.5, 9, why="a unit, within which wrong powers of K stay near the right one")]
Offset = Annotated[
    float, Interval(0.01, 1, why="η > 0, or one dead latent makes the volume zero; the data have size 1")
]


def data(generator, rank):
    """Centred points whose covariance has exactly the eigenvalues 1, ½, ¼, … in a random basis: points, λ, basis."""
    left = generator.normal(size=(8 * rank, rank))
    left, basis = np.linalg.qr(left - left.mean(axis=0))[0], np.linalg.qr(generator.normal(size=(rank, rank)))[0]
    values = 0.5 ** np.arange(rank)
    return np.sqrt(8 * rank) * left * np.sqrt(values) @ basis.T, values, basis


def encoders(generator, basis, latents, slope, stretched=True):
    """E with singular values of 1/K or more: the principal ones first, then ones near to them, then any."""
    rank = len(basis)
    sizes = np.concatenate([[0.0], np.geomspace(1e-3, 10, 60)])[:, None, None]
    principal = np.eye(latents, rank) @ basis.T
    left, _, right = np.linalg.svd(principal + sizes * generator.normal(size=(61, latents, rank)), full_matrices=False)
    excess = stretched * sizes[..., 0] * generator.uniform(0, 1, size=(61, rank))
    return left * (1 + excess)[:, None] @ right / slope


@observed
def spreads(points, maps):
    """The standard deviation of each latent, for each encoder."""
    return np.std(points @ np.swapaxes(maps, -1, -2), axis=-2)


@observed
def moved(points, maps, decode):
    """E |D(z) - D(z')|² where z' has one latent fixed at its mean, for each latent of one encoder."""
    latents = points @ maps.T
    moves = []
    for k in range(latents.shape[1]):
        fixed = latents.copy()
        fixed[:, k] = latents[:, k].mean()
        moves.append(np.mean(np.sum((decode(latents) - decode(fixed)) ** 2, axis=1)))
    return np.array(moves)


@predicted
def least_volume(values, latents, slope, offset):
    """η^(m-r) Π (√λ_i/K + η)."""
    return offset ** (latents - len(values)) * np.prod(np.sqrt(values) / slope + offset)


@predicted
def least_spread(values, slope):
    """Σ √λ_i/K."""
    return np.sum(np.sqrt(values)) / slope


@predicted
def collapsed(latents, offset, rank, slope):
    """The limit η^m of the volume, and how far a finite K may be above it: the largest λ is 1."""
    return offset**latents, offset**latents * np.expm1(rank * np.log1p(1 / (slope * offset)))


@predicted
def most_moved(deviations, slope):
    """K² sd_i²."""
    return slope**2 * deviations**2


@claim(
    abstract("a proof that PCA is just a linear special case"),
    kind="optimality",
    cases=[(3, 1, 2.0, 0.1), (2, 0, 1.5, 1.0)],
)
def test_least_volume_is_pca(trial, rank: Rank, dead: Dead, slope: Slope, offset: Offset):
    """Linear encoders that a decoder with |D|_2 <= K can undo have a volume of at least η^(m-r) Π (√λ_i/K + η), which
    principal components attain, all other latents being dead.
    """
    generator, latents = trial.generator(), rank + dead
    points, values, basis = data(generator, rank)
    volumes = np.prod(spreads(points, encoders(generator, basis, latents, slope)) + offset, axis=-1)
    least = least_volume(values, latents, slope, offset)
    alike = {"as if all latents were alike": least_volume(np.full(rank, values.mean()), latents, slope, offset)}
    trial.bound(least, volumes, found_by="draws", independent=60, ops=40 * rank, wrong_processes=alike)
    root = offset**dead * np.sqrt(np.prod(values / slope**2 + offset**2))
    wrong = {"√det(S/K² + η² I)": root, **alike}
    trial.identity(volumes[0], least, ops=40 * rank, controls=wrong)


@claim(
    ours("derived: log(√v + η) and √v are concave in the variance"), kind="optimality", cases=[(3, 1, 2.0), (2, 0, 1.5)]
)
def test_any_concave_penalty(trial, rank: Rank, dead: Dead, slope: Slope):
    """The sum of the standard deviations has the same minimisers, with the value Σ √λ_i/K; the sum of the variances is
    tr S/K² for every encoder of slope 1/K, however the latents are rotated: the order is lost.
    """
    generator = trial.generator()
    points, values, basis = data(generator, rank)
    sums = spreads(points, encoders(generator, basis, rank + dead, slope)).sum(axis=-1)
    least = least_spread(values, slope)
    alike = {"√(r tr S)/K": np.sqrt(rank * values.sum()) / slope}
    trial.bound(least, sums, found_by="draws", independent=60, ops=40 * rank, wrong_processes=alike)
    trial.identity(sums[0], least, ops=40 * rank, controls=alike)
    rotated = spreads(points, encoders(generator, basis, rank + dead, slope, stretched=False))
    total = np.full(61, values.sum() / slope**2)
    others = {"squared sums of deviations": rotated.sum(axis=-1) ** 2}
    trial.identity(np.sum(rotated**2, axis=-1), total, ops=40 * rank, wrong_processes=others)


@claim(ours("derived: latents may shrink by K"), kind="limit", cases=[(3, 1, 0.1), (2, 0, 1.0)])
def test_scale_collapse(trial, rank: Rank, dead: Dead, offset: Offset):
    """As the bound K on the decoder's slope grows the least volume falls to η^m, whatever the data: without a bound the
    penalty says nothing.
    """
    latents = rank + dead
    points, values, basis = data(trial.generator(), rank)
    slopes = 4.0 ** np.arange(8, 16)
    volumes = [np.prod(spreads(points, np.eye(latents, rank) @ basis.T / slope) + offset) for slope in slopes]
    predict, remainder = collapsed(latents, offset, rank, slopes[-1])
    finite = {"a slope of 1000 is as good": least_volume(values, latents, 1e3, offset)}
    trial.limit(
        volumes, slopes, predict, remainder=remainder, margin=1e-4 * predict, controls=finite, same_instance=True
    )


@claim(
    ours("derived: the decoder's slope times how far the latent moves"),
    kind="bound",
    cases=[(3, 3.0), (2, 1.5), (8, 9.0)],
)
def test_importance(trial, rank: Rank, slope: Steep):
    """Fixing latent i at its mean moves the output of any decoder with slopes up to K by at most K² σ_i² in mean
    square, and of the linear optimum by exactly that, λ_i.
    """
    generator = trial.generator()
    points, _, basis = data(generator, rank)
    maps = encoders(generator, basis, rank, slope)[[0, 20, 40]]
    inner, outer = np.linalg.qr(generator.normal(size=(2, rank, rank)))[0]
    linear = moved(points, maps[0], lambda z: slope * z @ basis.T)
    bent = [moved(points, one, lambda z: slope * np.tanh(z @ inner) @ outer) for one in maps]
    deviations = spreads(points, maps)
    bounds = most_moved(np.concatenate([deviations[:1], deviations]), slope)
    wrong = {"K for K²": bounds / slope, "without K": bounds / slope**2}
    trial.bound(np.array([linear, *bent]), bounds, found_by="draws", independent=1, ops=100 * rank, controls=wrong)
    trial.identity(linear, bounds[0], ops=100 * rank, controls={"K for K²": bounds[0] / slope})


@figure("F1", claims=("least_volume_is_pca", "any_concave_penalty"))
def turning(offset=0.1):
    """The volume and the sum of deviations find principal components; the sum of variances does not.

    Penalties of two latents that are turned by φ from the principal components of variances 1 and ½, over the least
    value of each (K = 1): points for turned encoders, lines for the predicted minima.
    """
    import matplotlib.pyplot as plt

    points, values, basis = data(np.random.default_rng(0), 2)
    angles = np.linspace(-np.pi / 2, np.pi / 2, 41)
    turns = np.moveaxis(np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]), 2, 0)
    deviations = spreads(points, turns @ basis.T)
    penalties = {
        "volume": np.prod(deviations + offset, axis=1) / least_volume(values, 2, 1, offset),
        "sum of deviations": deviations.sum(axis=1) / least_spread(values, 1),
        "sum of variances": np.sum(deviations**2, axis=1) / values.sum(),
    }
    drawn, axes = plt.subplots(figsize=(5.4, 3.4))
    for k, (name, value) in enumerate(penalties.items()):
        axes.plot(angles, value, "os^"[k], color=COLOURS[k], label=name)
    axes.axhline(1, color=COLOURS[6], linewidth=0.8, label="predicted minima")
    axes.set(
        xlabel="angle φ of the latents  (radians)",
        ylabel="penalty over its least value  (dimensionless)",
        ylim=(0.997, 1.072),
    )
    axes.legend(loc="upper center", ncols=2)
    return drawn
