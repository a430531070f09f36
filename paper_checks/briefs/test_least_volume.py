"""Chen & Fuge 2024, "Compressing Latent Space via Least Volume", ICLR, arXiv 2404.17773.

For whoever lets an autoencoder choose its latent size by a penalty on latent spread: linear latents
become principal components, other penalties than the product do the same, and without a bound on
the decoder's slope the penalty has no effect.

Paper: an autoencoder is trained with the product of the standard deviations of its latents as a
penalty and a bound on the decoder's slope, so that latents that are not needed die. This page
treats the linear case, where all minima are known.

Take away: any sum of powers $s^p$ of standard deviations with $p < 2$ has the same minimum, at
principal components; the sum of variances, $p = 2$, does not single them out. With eigenvalues 4,
1, ¼, no dead latent and $η = .1$ the least volume is .231 at slope 2, .009 at 10 and .0014 at 100,
on its way to $η³ = .001$, whatever the data.

Data $x$ in $R^r$ have a covariance of eigenvalues $λ_1 > … > λ_r > 0$. Latents $z = E x$ in $R^m$,
$m >= r$, are decoded by $D$ with $|D|_2 <= K$ and $D E x = x$ for all data; $s_i$ is the standard
deviation of $z_i$ and the volume is $∏_i (s_i + η)$, $η > 0$.

Edges: at $η = 0$ one dead latent makes the volume 0, so that the others are not determined. Equal
eigenvalues do not determine their components.

Abstract:

- Sentence 1: a penalty on the volume of the latents reduces how many an autoencoder needs, without
  knowledge of the dimension of the data. In part: least_volume_is_pca,
  least_volume_is_pca-attained. For linear autoencoders, at whose optimum all latents beyond the
  rank of the data are dead.
- Sentence 2, first part: a Lipschitz decoder is the key. Holds at a smaller scale: scale_collapse.
  For linear autoencoders.
- Sentence 2, second part: PCA is a linear special case. Holds: least_volume_is_pca,
  least_volume_is_pca-attained.
- Sentence 2, third part: nonlinear latents are ordered by importance as principal components are.
  In part: importance, importance-linear. A latent of small spread moves the output little; that one
  of large spread moves it much is shown for linear decoders.
- Sentence 3: it is effective on toy problems and on images. Not on trial. Autoencoders are linear
  here.

Read: the abstract. Derived here: all values, the other penalties, the collapse. Not claimed: that
gradient descent on a network finds these minima; local ones exist even here, with dead latents in
other places. Topic: linear algebra for learning.
"""

from typing import Annotated

import numpy as np

from paper_checks.briefs.common import orthonormal
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Rank = Annotated[
    int, Interval(2, 8, why="one direction has no order; eigenvalues halve from one to the next")
]
DeadLatents = Annotated[
    int, Interval(0, 4, why="latents beyond the rank, each a factor η of the volume")
]
Slope = Annotated[
    float, Interval(1.5, 100, why="at 1 bounds with and without K agree; a unit of the latents")
]
SteepSlope = Annotated[
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
    basis = orthonormal(generator, rank)
    values = 0.5 ** np.arange(rank)
    return np.sqrt(8 * rank) * left * np.sqrt(values) @ basis.T, values, basis


def encoders(generator, basis, latents, slope, stretched=True, count=344):
    """E with singular values of 1/K or more: the principal ones first, then ones near to them, then
    any.
    """
    rank = len(basis)
    sizes = np.append(0.0, 10 ** generator.uniform(-3, 1, count))[:, None, None]
    principal = np.eye(latents, rank) @ basis.T
    left, _, right = np.linalg.svd(
        principal + sizes * generator.normal(size=(count + 1, latents, rank)), full_matrices=False
    )
    excess = stretched * sizes[..., 0] * generator.uniform(0, 1, size=(count + 1, rank))
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
def least_spread(values, slope, power):
    """Σ (√λ_i/K)^p."""
    return np.sum(np.sqrt(values) ** power) / slope**power


@predicted
def turned_variances(values, angles):
    """Variances of two latents that are turned by an angle from the principal components."""
    shares = np.stack([np.cos(angles) ** 2, np.sin(angles) ** 2])
    return np.stack([values @ shares, values[::-1] @ shares], axis=1)


@predicted(about="spreads")
def most_moved(deviations, slope):
    """K² times the variance of latent i."""
    return slope**2 * deviations**2


@claim(
    tried(
        "abstract, sentence 2: PCA is a linear special case",
        "the least volume at a slope $K$ and an offset $η$",
    ),
    kind="optimality",
    cases=[(3, 1, 2.0, 0.1), (2, 0, 1.5, 1.0)],
)
def test_least_volume_is_pca(trial, rank: Rank, dead: DeadLatents, slope: Slope, offset: Offset):
    """Let data have a covariance of eigenvalues $λ_1, …, λ_r > 0$. If a decoder with $|D|_2 <= K$
    undoes the encoder, its $m$ latents have standard deviations $s_i$ of volume
    $∏_i (s_i + η) >= η^(m-r) ∏_i (√λ_i/K + η)$.
    """
    generator = trial.generator()
    latents = rank + dead
    points, values, basis = data(generator, rank)
    volumes = np.prod(spreads(points, encoders(generator, basis, latents, slope)) + offset, axis=-1)
    alike = np.full(rank, values.mean())
    trial.bound(
        least_volume(values, latents, slope, offset),
        volumes,
        instances="draws",
        independent=344,
        ops=40 * rank,
        control_processes={"latents alike": least_volume(alike, latents, slope, offset)},
    )


@claim(
    tried(
        "abstract, sentence 2: PCA is a linear special case", "the volume of principal components"
    ),
    kind="identity",
    cases=[(3, 1, 2.0, 0.1), (2, 0, 1.5, 1.0)],
)
def test_least_volume_is_pca__attained(
    trial, rank: Rank, dead: DeadLatents, slope: Slope, offset: Offset
):
    """Let data have a covariance of eigenvalues $λ_1, …, λ_r$. If the $m$ latents are the $r$
    principal components, divided by the slope $K$ of the decoder, and $m - r$ zeros, the volume
    $∏_i (s_i + η)$ of their standard deviations $s_i$ is $η^(m-r) ∏_i (√λ_i/K + η)$.
    """
    generator = trial.generator()
    latents = rank + dead
    points, values, basis = data(generator, rank)
    principal = encoders(generator, basis, latents, slope)[0]
    alike = np.full(rank, values.mean())
    trial.identity(
        np.prod(spreads(points, principal) + offset),
        least_volume(values, latents, slope, offset),
        ops=40 * rank,
        generic="eigenvalues are analytic in the data where they are distinct",
        controls={
            "latents alike": least_volume(alike, latents, slope, offset),
            "$√det(S/K² + η² I)$": offset**dead * np.sqrt(np.prod(values / slope**2 + offset**2)),
        },
    )


@claim(
    derived("$v^(p/2)$ is concave in the variance $v$"),
    kind="optimality",
    cases=[(3, 1, 2.0, 1.0), (2, 0, 1.5, 0.3), (3, 0, 2.0, 1.8)],
)
def test_any_concave_penalty(
    trial,
    rank: Rank,
    dead: DeadLatents,
    slope: Slope,
    power: Annotated[
        float,
        Interval(0.2, 1.8, why="below, every living latent counts alike; at 2 all turns agree"),
    ],
):
    """Let data have a covariance of eigenvalues $λ_1, …, λ_r$, and let a decoder with $|D|_2 <= K$
    undo the encoder. For every $0 < p < 2$ the latents' standard deviations $s_i$ have
    $∑_i s_i^p >= ∑_i (√λ_i/K)^p$, the sum for principal components.
    """
    generator = trial.generator()
    points, values, basis = data(generator, rank)
    deviations = spreads(points, encoders(generator, basis, rank + dead, slope))
    least = least_spread(values, slope, power)
    alike = np.full(rank, values.mean())
    trial.bound(
        least,
        np.sum(deviations**power, axis=-1),
        instances="draws",
        independent=344,
        ops=40 * rank,
        control_processes={"latents alike": least_spread(alike, slope, power)},
    )


@claim(
    tried("abstract, sentence 2: a Lipschitz decoder is the key", "the limit for linear latents"),
    kind="limit",
    cases=[(3, 1, 0.1), (2, 0, 1.0)],
)
def test_scale_collapse(trial, rank: Rank, dead: DeadLatents, offset: Offset):
    """Let $m$ latents be principal components, divided by the decoder's slope $K$, with the volume
    $∏_i (s_i + η)$ of their standard deviations $s_i$. As $K → ∞$ the logarithm of the volume tends
    to $m log η$, whatever the data.
    """
    latents = rank + dead
    slopes = 4.0 ** np.arange(8, 16)
    points, values, basis = data(trial.generator(), rank)
    volumes = [
        np.prod(spreads(points, np.eye(latents, rank) @ basis.T / slope) + offset)
        for slope in slopes
    ]
    law = np.log(least_volume(values, latents, np.inf, offset))
    # No eigenvalue is larger than 1.
    largest = np.log(least_volume(np.ones(rank), latents, slopes[-1], offset))
    trial.limit(
        np.log(volumes),
        slopes,
        law,
        remainder=largest - law,
        margin=1e-4,
        scale=float(latents),
        generic="the volumes are analytic in the data, and so is their limit",
        controls={"the data's own volume": np.log(least_volume(values, latents, 1.0, offset))},
        same_instance=True,
    )


@claim(
    tried(
        "abstract, sentence 2: latents are ordered by importance", "a bound by slope and variance"
    ),
    kind="bound",
    cases=[(3, 3.0), (2, 1.5), (8, 9.0)],
)
def test_importance(trial, rank: Rank, slope: SteepSlope):
    """Let a decoder have the slope $K$. If latent $i$, of variance $v_i$, is fixed at its mean, the
    output moves by at most $K² v_i$ in mean square.
    """
    generator = trial.generator()
    points, _, basis = data(generator, rank)
    maps = encoders(generator, basis, rank, slope, count=230)

    def bent(encoder):
        inner, outer = (orthonormal(generator, rank) for _ in range(2))
        return moved(points, encoder, lambda z: slope * np.tanh(z @ inner) @ outer)

    linear = moved(points, maps[0], lambda z: slope * z @ basis.T)
    bounds = most_moved(spreads(points, maps), slope)
    trial.bound(
        np.array([linear, *map(bent, maps[1:])]),
        bounds,
        instances="draws",
        independent=230,
        ops=100 * rank,
        controls={"$K$ for $K²$": bounds / slope},
    )


@claim(
    tried("abstract, sentence 2: latents are ordered by importance", "the move of linear ones"),
    kind="identity",
    cases=[(3, 3.0), (2, 1.5), (8, 9.0)],
)
def test_importance__linear(trial, rank: Rank, slope: SteepSlope):
    """Let the latents be principal components, divided by the slope $K$ of the linear decoder. If
    latent $i$, of variance $v_i$, is fixed at its mean, the output moves by exactly $K² v_i$ in
    mean square.
    """
    generator = trial.generator()
    points, _, basis = data(generator, rank)
    principal = encoders(generator, basis, rank, slope)[0]
    law = most_moved(spreads(points, principal), slope)
    trial.identity(
        moved(points, principal, lambda z: slope * z @ basis.T),
        law,
        ops=100 * rank,
        generic="both sides are analytic in the data where eigenvalues are distinct",
        controls={"$K$ for $K²$": law / slope},
    )


@figure("F1", claims=("least_volume_is_pca", "any_concave_penalty"))
def turning(offset=0.1):
    """The volume and the sum of deviations find principal components; the sum of variances does
    not.

    Penalties of two latents that are turned by $φ$ from the principal components of variances 1 and
    ½, above the least value of each ($K = 1$); a quarter of a turn exchanges the latents. Marks:
    lines: variances that turn as $cos²$ and $sin²$; points: turned encoders.
    """
    points, values, basis = data(np.random.default_rng(0), 2)
    fine = np.linspace(0, np.pi / 2, 61)
    angles = fine[::6]
    turns = np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]])
    measured = spreads(points, np.moveaxis(turns, 2, 0) @ basis.T)
    law = np.sqrt(turned_variances(values, fine))
    least = {
        "volume": least_volume(values, 2, 1, offset),
        "sum of deviations": least_spread(values, 1, 1),
        "sum of variances": values.sum(),
    }

    def penalties(deviations):
        volume = np.prod(deviations + offset, axis=1)
        found = volume, deviations.sum(axis=1), np.sum(deviations**2, axis=1)
        return {name: 100 * (y / least[name] - 1) for name, y in zip(least, found, strict=True)}

    return chart(
        {name: (fine, y) for name, y in penalties(law).items()},
        {name: (angles, y) for name, y in penalties(measured).items()},
        x="angle φ (radians)",
        y="penalty above its least value (%)",
        xticks=[0, np.pi / 4, np.pi / 2],
        xticklabels=["0", "π/4", "π/2"],
    )
