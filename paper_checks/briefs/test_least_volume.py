"""Chen & Fuge 2024, "Compressing Latent Space via Least Volume", ICLR, arXiv 2404.17773.

For whoever lets an autoencoder choose its latent size by a penalty on latent spread: linear latents
become principal components, the product is not what makes them so, and without a bound on the
decoder's slope the penalty is empty.

Data x in R^r have a covariance of eigenvalues λ_1 > … > λ_r > 0. Latents z = E x in R^m, m >= r,
are decoded by D with
|D|_2 <= K and D E x = x for all data; sd_i is the standard deviation of z_i and the volume is Π
(sd_i + η), η > 0.

Read: the abstract. Derived here: all values, the other penalties, the collapse. Not claimed: that
gradient descent on a network finds these minima; local ones exist even here, with dead latents in
other places. Topic: linear algebra for learning.
"""

from typing import Annotated

import numpy as np

from theory_on_trial import abstract, claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Rank = Annotated[
    int, Interval(2, 8, why="one direction has no order; eigenvalues halve from one to the next")
]
Dead = Annotated[int, Interval(0, 4, why="latents beyond the rank, each a factor η of the volume")]
Slope = Annotated[
    float, Interval(1.5, 100, why="at 1 bounds with and without K agree; a unit of the latents")
]
Steep = Annotated[
    float, Interval(1.5, 9, why="a unit, within which wrong powers of K stay near the right one")
]
Offset = Annotated[
    float,
    Interval(0.01, 1, why="η: at 0 one dead latent makes the volume zero; the data have size 1"),
]


def data(generator, rank):
    """Centred points whose covariance has exactly the eigenvalues 1, ½, ¼, … in a random basis:
    points, λ, basis.
    """
    left = generator.normal(size=(8 * rank, rank))
    left = np.linalg.qr(left - left.mean(axis=0))[0]
    basis = np.linalg.qr(generator.normal(size=(rank, rank)))[0]
    values = 0.5 ** np.arange(rank)
    return np.sqrt(8 * rank) * left * np.sqrt(values) @ basis.T, values, basis


def encoders(generator, basis, latents, slope, stretched=True):
    """E with singular values of 1/K or more: the principal ones first, then ones near to them, then
    any.
    """
    rank = len(basis)
    sizes = np.concatenate([[0.0], np.geomspace(1e-3, 10, 60)])[:, None, None]
    principal = np.eye(latents, rank) @ basis.T
    left, _, right = np.linalg.svd(
        principal + sizes * generator.normal(size=(61, latents, rank)), full_matrices=False
    )
    excess = stretched * sizes[..., 0] * generator.uniform(0, 1, size=(61, rank))
    return left * (1 + excess)[:, None] @ right / slope


@observed
def spreads(points, maps):
    """The standard deviation of each latent, for each encoder."""
    return np.std(points @ np.swapaxes(maps, -1, -2), axis=-2)


@observed
def moved(points, maps, decode):
    """E |D(z) - D(z')|² where z' has one latent fixed at its mean, 0, for each latent of one
    encoder.
    """
    latents = points @ maps.T
    averages = latents[:, None] * (1 - np.eye(latents.shape[1]))
    return np.mean(np.sum((decode(latents)[:, None] - decode(averages)) ** 2, axis=2), axis=0)


@predicted
def least_volume(values, latents, slope, offset):
    """η^(m-r) Π (√λ_i/K + η)."""
    return offset ** (latents - len(values)) * np.prod(np.sqrt(values) / slope + offset)


@predicted
def least_spread(values, slope):
    """Σ √λ_i/K."""
    return np.sum(np.sqrt(values)) / slope


@predicted
def most_moved(deviations, slope):
    """K² sd_i²."""
    return slope**2 * deviations**2


@claim(
    abstract("PCA is just a linear special case"),
    kind="optimality",
    cases=[(3, 1, 2.0, 0.1), (2, 0, 1.5, 1.0)],
)
def test_least_volume_is_pca(trial, rank: Rank, dead: Dead, slope: Slope, offset: Offset):
    """Encoders that a decoder with |D|_2 <= K can undo have a volume >= η^(m-r) Π (√λ_i/K + η),
    that of components.
    """
    generator = trial.generator()
    latents = rank + dead
    points, values, basis = data(generator, rank)
    volumes = np.prod(spreads(points, encoders(generator, basis, latents, slope)) + offset, axis=-1)
    least = least_volume(values, latents, slope, offset)
    processes = {
        "latents alike": least_volume(np.full(rank, values.mean()), latents, slope, offset)
    }
    trial.bound(
        least,
        volumes,
        instances="draws",
        independent=60,
        ops=40 * rank,
        control_processes=processes,
    )
    controls = processes | {
        "√det(S/K² + η² I)": offset**dead * np.sqrt(np.prod(values / slope**2 + offset**2))
    }
    trial.identity(volumes[0], least, ops=40 * rank, controls=controls)


@claim(
    derived("derived: √v is concave in the variance v"),
    kind="optimality",
    cases=[(3, 1, 2.0), (2, 0, 1.5)],
)
def test_any_concave_penalty(trial, rank: Rank, dead: Dead, slope: Slope):
    """Principal components have the least sum of deviations, Σ √λ_i/K; of variances all slopes of
    1/K have tr S/K².
    """
    generator = trial.generator()
    points, values, basis = data(generator, rank)
    free, turn = (
        spreads(points, encoders(generator, basis, rank + dead, slope, flag))
        for flag in (True, False)
    )
    sums = free.sum(axis=-1)
    least = least_spread(values, slope)
    equal = np.sqrt(rank * values.sum()) / slope
    rivals = {"√(r tr S)/K": equal}
    trial.bound(
        least, sums, instances="draws", independent=60, ops=40 * rank, control_processes=rivals
    )
    trial.identity(sums[0], least, ops=40 * rank, controls=rivals)
    total = np.full(61, values.sum() / slope**2)
    squares = {"squared sums of deviations": turn.sum(axis=-1) ** 2}
    trial.identity(np.sum(turn**2, axis=-1), total, ops=40 * rank, control_processes=squares)


@claim(derived("derived: latents may shrink by K"), kind="limit", cases=[(3, 1, 0.1), (2, 0, 1.0)])
def test_scale_collapse(trial, rank: Rank, dead: Dead, offset: Offset):
    """As the decoder's slope K grows the least volume falls to η^m, whatever the data: then the
    penalty is empty.
    """
    latents = rank + dead
    slopes = 4.0 ** np.arange(8, 16)
    points, values, basis = data(trial.generator(), rank)
    volumes = [
        np.prod(spreads(points, np.eye(latents, rank) @ basis.T / slope) + offset)
        for slope in slopes
    ]
    predict = least_volume(values, latents, np.inf, offset)
    largest = np.ones(rank)  # no eigenvalue is larger
    options = {
        "remainder": least_volume(largest, latents, slopes[-1], offset) - predict,
        "margin": 1e-4 * predict,
    }
    finite = {"a slope of 1000 is as good": least_volume(values, latents, 1e3, offset)}
    trial.limit(volumes, slopes, predict, controls=finite, same_instance=True, **options)


@claim(
    derived("derived: slope times how far a latent moves"),
    kind="bound",
    cases=[(3, 3.0), (2, 1.5), (8, 9.0)],
)
def test_importance(trial, rank: Rank, slope: Steep):
    """Fixing latent i moves a decoder of slope K by at most K² σ_i² in mean square, the linear
    optimum by that, λ_i.
    """
    generator = trial.generator()
    points, _, basis = data(generator, rank)
    maps = encoders(generator, basis, rank, slope)[[0, 0, 20, 40]]
    inner, outer = np.linalg.qr(generator.normal(size=(2, rank, rank)))[0]
    linear = moved(points, maps[0], lambda z: slope * z @ basis.T)
    bent = [moved(points, m, lambda z: slope * np.tanh(z @ inner) @ outer) for m in maps[1:]]
    bounds = most_moved(spreads(points, maps), slope)
    controls = {"K for K²": bounds / slope, "without K": bounds / slope**2}
    trial.bound(
        np.array([linear, *bent]),
        bounds,
        instances="draws",
        independent=1,
        ops=100 * rank,
        controls=controls,
    )
    trial.identity(linear, bounds[0], ops=100 * rank, controls={"K for K²": bounds[0] / slope})


@figure("F1", claims=("least_volume_is_pca", "any_concave_penalty"))
def turning(offset=0.1):
    """The volume and the sum of deviations find principal components; the sum of variances does
    not.

    Penalties of two latents that are turned by φ from the principal components of variances 1 and
    ½, over the least value of each (K = 1). Marks: points: turned encoders; dotted: predicted
    minimum of each.
    """
    points, values, basis = data(np.random.default_rng(0), 2)
    angles = np.linspace(-np.pi / 2, np.pi / 2, 41)
    turns = np.moveaxis(
        np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]), 2, 0
    )
    deviations = spreads(points, turns @ basis.T)
    penalties = {
        "volume": np.prod(deviations + offset, axis=1) / least_volume(values, 2, 1, offset)
    }
    penalties["sum of deviations"] = deviations.sum(axis=1) / least_spread(values, 1)
    penalties["sum of variances"] = np.sum(deviations**2, axis=1) / values.sum()
    points = {name: (angles, penalty) for name, penalty in penalties.items()}
    minima = {"predicted minima": 1.0}
    return chart(
        {},
        points,
        levels=minima,
        ylim=(0.997, 1.1),
        x="angle φ (radians)",
        y="penalty over its least value",
    )
