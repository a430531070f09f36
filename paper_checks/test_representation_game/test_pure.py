"""The game over single representations, and what the worst case costs on average."""

from typing import Annotated

import numpy as np
from scipy.linalg import sqrtm

from paper_checks.test_representation_game.games import (
    REVIEWS,
    Dim,
    Seed,
    Shape,
    Worlds,
    around,
    game,
    sets_of,
)
from sims import representation_game as observed
from theory import representation_game as predicted
from theory_on_trial import claim, derived, known, recalled
from theory_on_trial.contract import Count, Interval
from theory_on_trial.laws import Asymptotic


def top(matrix, kept):
    """The leading eigenvectors."""
    return np.linalg.eigh(matrix)[1][:, ::-1][:, :kept]


@claim(
    recalled(f"Theorem 2, {REVIEWS}"),
    kind="optimality",
    cases=[(0, 6, 2, "drawn"), (1, 6, 2, "drawn"), (2, 9, 5, "drawn"), (0, 6, 2, "steep")],
)
def test_pure_value(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """Over representations $R$ of $r$ columns the least worst regret, over tasks with
    $f' S^-1 f <= 1$, is $λ_(r+1)$, the next eigenvalue of $Σ S$. It is attained at
    $R = S^(1/2) Q_{1:r}$ with the leading eigenvectors $Q$ of $S^(1/2) Σ S^(1/2)$, and in general
    not by PCA.
    """
    sigma, prior, spectrum, tasks, ops = game(trial, world, dim, kept, shape)
    best = predicted.pure_representation(sigma, prior, kept)
    value = predicted.pure_value(spectrum, kept)
    root = sqrtm(sigma)
    rivals = {
        "PCA": top(sigma, kept),
        "$V$ without whitening": top(root @ prior @ root, kept),
        "the top directions of $S$": top(prior, kept),
    }
    trial.gap(
        observed.worst_regret(sigma, prior, best),
        observed.unavoidable_regret(sigma, prior, tasks[:, : kept + 1]),
        value,
        margin=1e-9 * value + 3e-14 * dim * spectrum[0],  # of which the rounding is a third
        scale=spectrum[0],
        ops=ops,
        controls={name: observed.worst_regret(sigma, prior, R) for name, R in rivals.items()}
        | {"lambda_r": spectrum[kept - 1]},
    )


@claim(
    recalled(f"Theorem 2, {REVIEWS}"),
    kind="bound",
    cases=[(0, 6, 2), (2, 7, 4)],
)
def test_pure_value__any_representation(
    trial, world: Seed, dim: Dim, kept: Count, draws: Worlds = 2000
):
    """For every representation $R$ of $r$ columns, the worst regret over tasks with
    $f' S^-1 f <= 1$ is at least $λ_(r+1)$, the $(r+1)$-th eigenvalue of $Σ S$.
    """
    trial.require(
        draws * dim**2 <= 10**7, "draws dim^2 must be at most 1e7: each draw is decomposed"
    )
    sigma, prior, spectrum, _, ops = game(trial, world, dim, kept)
    encoders = around(trial.generator(), predicted.pure_representation(sigma, prior, kept), draws)
    least, lambda_r = (
        np.full(draws, value)
        for value in (predicted.pure_value(spectrum, kept), spectrum[kept - 1])
    )
    bound = {"instances": "draws", "independent": draws, "ops": ops, "scale": spectrum[0]}
    trial.bound(
        least,
        observed.worst_regret(sigma, prior, encoders),
        control_processes={"lambda_r": lambda_r},
        **bound,
    )


@claim(
    derived("first-order perturbation of the leading subspace"),
    kind="limit",
    cases=[(4, 5, 2), (1, 4, 3)],
)
def test_estimated_covariance(
    trial,
    world: Seed,
    dim: Annotated[
        int, Interval(2, 32, why="two thousand draws must tell the slopes of all pairs")
    ],
    kept: Count,
    samples: Annotated[
        int, Interval(10**5, 2**30, why="λ_(r+1) is told from the others; the high end is a cap")
    ] = 10**6,
):
    """If the best representation of $r$ columns is computed from the covariance of $N$ normal
    samples, and $λ_(r+1)$ is a simple eigenvalue of $Σ S$, the worst regret grows on average by
    $λ_(r+1)^2 / N$ times the sum over $j <= r$ of $1 / (λ_j - λ_(r+1))$ to first order.
    """
    sigma, prior, spectrum, _, _ = game(trial, world, dim, kept)
    value = spectrum[kept]
    leading = spectrum[:kept]
    gaps = np.delete(spectrum, kept) - value
    mixing = np.max(np.delete(spectrum, kept) * value / gaps**2)
    trial.require(
        samples > 20_000 * mixing, "samples must separate lambda_(r+1) from the others 20 000-fold"
    )
    excess = predicted.estimation_excess(spectrum, kept)
    rivals = {"$|X|^2$ alone": value**2 * np.sum(leading / gaps[:kept] ** 2)}
    if kept > 1:
        rivals["$j = r$ alone"] = value**2 / gaps[kept - 1]
    sizes = samples, 4 * samples

    def slopes(size):  # of what the squares explain, once for all draws
        pilot = observed.estimated_excess(trial.generator(), sigma, prior, kept, size, 2000)
        squares = pilot.squares - pilot.squares.mean(axis=0)
        return np.linalg.lstsq(squares, pilot.excess - pilot.excess.mean())[0]

    explained = [(size, slopes(size)) for size in sizes]

    def steadied(stream, n, size, slopes):
        sample = observed.estimated_excess(stream, sigma, prior, kept, size, n)
        return size * (sample.excess - (sample.squares - 1 / size) @ slopes)

    trial.mean(
        sampler=lambda stream, n: np.stack(
            [steadied(stream, n, *each) for each in explained], axis=1
        ),
        predict=np.full(2, excess),
        law=Asymptotic(),
        margin=0.005 * excess,
        controls={
            name: np.full(2, theory)
            for name, theory in rivals.items()
            if abs(theory - excess) > 0.01 * excess
        }
        | {"$N^(-1/2)$": np.array([excess, 2 * excess])},
        first=500,
        most=20_000,
    )


@claim(
    known("Fan 1949, On a theorem of Weyl: the least sum of eigenvalues"),
    kind="optimality",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep"), (1, 9, 3, "drawn")],
)
def test_price_of_worst_case(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """On average over tasks with $E f f' = S$, the best representation of $r$ columns has the
    regret $∑_(i>r) λ_i$, and no representation or mixture has less.
    """
    sigma, prior, spectrum, *_ = game(trial, world, dim, kept, shape)
    value = predicted.pure_average(spectrum, kept)
    trial.gap(
        observed.mean_regret(sigma, predicted.pure_representation(sigma, prior, kept), prior),
        observed.guaranteed_regret(sigma, prior, kept),
        value,
        margin=1e-12 * value + 1e-14 * dim * spectrum[0],  # of which the rounding is half
        scale=spectrum[0],
        ops=10 * dim,
        controls={
            "PCA": observed.mean_regret(sigma, top(sigma, kept), prior),
            "the mixture at least as good": predicted.mixed_average(spectrum, kept),
        },
    )


@claim(
    derived("the regrets of the tasks $f_i$, summed"),
    kind="identity",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep")],
)
def test_price_of_worst_case__mixture(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """On average over tasks with $E f f' = S$, the best mixture has the regret $∑_i min(v, λ_i)$
    with the value $v$ of the game, which is at least that of the best single representation.
    """
    sigma, prior, spectrum, _, ops = setting = game(trial, world, dim, kept, shape)
    mixture = predicted.systematic_mixture(predicted.inclusion(spectrum, kept))
    mean = mixture.chances @ observed.mean_regret(sigma, sets_of(setting, mixture.members), prior)
    total = spectrum.sum()
    laws = {
        "as good as the best $R$": predicted.pure_average(spectrum, kept),
        "uniform draws": (1 - kept / dim) * total,
    }
    trial.identity(
        mean, predicted.mixed_average(spectrum, kept), ops=ops, scale=total, controls=laws
    )
