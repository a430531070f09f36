"""The game over mixtures of representations."""

from typing import Annotated

import numpy as np

from paper_checks.test_representation_game.games import (
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

Horizon = Annotated[int, Interval(2000, 10**5, why="below, 1 / T is not yet far from its root")]


@claim(
    recalled("Theorem 3, the regret in mixed strategies; its formula is from memory"),
    kind="optimality",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep"), (1, 9, 3, "steep")],
)
def test_mixed_value(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """If the representation is drawn at random and hidden from the adversary, the least worst
    expected regret over tasks with $f' S^-1 f <= 1$ is
    $max_(l > r) (l - r) / sum_(i <= l) 1 / λ_i$, for $r$ columns and the eigenvalues
    $λ_1 >= λ_2 >= … > 0$ of $Σ S$.
    """
    sigma, prior, spectrum, _, _ = setting = game(trial, world, dim, kept, shape)
    value = predicted.mixed_value(spectrum, kept)
    count = predicted.hedged(spectrum, kept)
    mixture = predicted.systematic_mixture(predicted.inclusion(spectrum, kept))
    moment = predicted.adversary_covariance(sigma, prior, kept)

    def level(number):
        return (number - kept) / np.sum(1 / spectrum[:number])

    counts = {"$l = r + 1$": kept + 1, "$l* + 1$": min(count + 1, dim), "$l = d$": dim}
    trial.gap(
        observed.worst_expected_regret(
            sigma, prior, sets_of(setting, mixture.members), mixture.chances
        ),
        observed.guaranteed_regret(sigma, moment / np.trace(np.linalg.solve(prior, moment)), kept),
        value,
        margin=1e-12 * value + 1e-14 * dim * spectrum[0],  # of which the rounding is half
        scale=spectrum[0],
        ops=10 * dim,
        controls={name: level(number) for name, number in counts.items() if number != count}
        | {
            "$λ_(r+1)$": predicted.pure_value(spectrum, kept),
            "arithmetic mean for harmonic": (1 - kept / count) * spectrum[:count].mean(),
        },
    )


@claim(
    derived("all tasks that matter are kept"),
    kind="identity",
    cases=[(6, 3, 3), (5, 3, 1), (4, 1, 1)],
    route="what the sets leave of each eigenvalue, counted in the check",
)
def test_mixed_value__low_rank(trial, dim: Dim, kept: Count, rank: Count):
    """If at most $r$ eigenvalues of $Σ S$ are positive, the value of the game with $r$ columns is
    0, as they keep all directions of these eigenvalues.
    """
    trial.require(rank <= kept < dim, "rank must be at most kept, and kept below dim")
    spectrum = np.append(np.zeros(dim - rank), np.exp(trial.generator().standard_normal(rank)))
    mixture = predicted.systematic_mixture(predicted.inclusion(spectrum, kept))
    worst = np.max(spectrum * (1 - mixture.chances @ mixture.members))
    largest = spectrum.max()
    controls = {"the least that matters": np.min(spectrum, where=spectrum > 0, initial=largest)}
    trial.identity(
        worst,
        predicted.mixed_value(spectrum, kept),
        ops=dim,
        scale=largest,
        controls=controls,
        generic="both sides vanish where all eigenvalues differ, as almost all do",
    )


Spectra = Annotated[int, Interval(20, 10**4)]
SIZES = [(4, 2), (6, 2), (8, 5), (11, 3)]


def mixtures_of(trial, dim, kept, spectra):
    """Random spectra, the best mixture of each, and the chances m_i that bisection finds."""
    trial.require(kept < dim, f"kept must be below dim = {dim}, got {kept}")
    eigenvalues = np.sort(np.exp(1.5 * trial.generator().standard_normal((spectra, dim))))[:, ::-1]
    mixtures = [
        predicted.systematic_mixture(predicted.inclusion(spectrum, kept))
        for spectrum in eigenvalues
    ]
    _, inclusion = observed.balanced(eigenvalues, kept)
    return eigenvalues, mixtures, inclusion


@claim(
    recalled("Theorem 3, the law of the best representation; from memory"),
    kind="identity",
    cases=SIZES,
)
def test_inclusion(trial, dim: Dim, kept: Count, spectra: Spectra = 200):
    """The best mixture of sets of $r$ directions has direction $i$ in the set with the chance
    $m_i = max(0, 1 - v / λ_i)$, where $v$ is the value of the game and $λ_i$ the eigenvalue of the
    direction.
    """
    eigenvalues, mixtures, inclusion = mixtures_of(trial, dim, kept, spectra)
    marginals = np.array([mixture.chances @ mixture.members for mixture in mixtures])
    controls = {"$r / d$": np.full_like(eigenvalues, kept / dim)}
    if dim > 2:  # of two directions it is so
        controls["$m_i ~ λ_i$"] = kept * eigenvalues / eigenvalues.sum(axis=1, keepdims=True)
    trial.identity(
        inclusion, marginals, ops=100 * dim, scale=1.0, controls=controls, independent=spectra
    )


@claim(
    known("Madow 1949, On the theory of systematic sampling, II: chances and size"),
    kind="identity",
    cases=SIZES,
)
def test_inclusion__size(trial, dim: Dim, kept: Count, spectra: Spectra = 200):
    """Systematic sampling draws sets that have direction $i$ with the chance $m_i$ of the best
    mixture of representations of $r$ columns, and all of these sets have $r$ directions: the mean
    of their squared sizes is $r^2$.
    """
    _, mixtures, inclusion = mixtures_of(trial, dim, kept, spectra)
    squares = np.array([mixture.chances @ mixture.members.sum(axis=1) ** 2 for mixture in mixtures])
    independent = {
        "independent draws, of no fixed size": kept**2 + np.sum(inclusion * (1 - inclusion), axis=1)
    }
    trial.identity(
        squares, np.full(spectra, kept**2), ops=100 * dim, controls=independent, independent=spectra
    )


@claim(
    recalled("Theorem 3, the number $l*$ of directions; from memory"), kind="identity", cases=SIZES
)
def test_inclusion__positive(trial, dim: Dim, kept: Count, spectra: Spectra = 200):
    """The best mixture of representations of $r$ columns keeps $l*$ directions with a positive
    chance, where $l*$ is the least number that maximises $(l - r) / (1 / λ_1 + … + 1 / λ_l)$ over
    the numbers $l$ of eigenvalues $λ_1 >= λ_2 >= …$ of $Σ S$.
    """
    eigenvalues, _, inclusion = mixtures_of(trial, dim, kept, spectra)
    count = np.array([predicted.hedged(spectrum, kept) for spectrum in eigenvalues])
    controls = {"$r$": np.full(spectra, kept), "all of them": np.full(spectra, dim)}
    trial.identity(
        np.sum(inclusion > 1e-13, axis=1), count, ops=0, controls=controls, independent=spectra
    )


@claim(
    derived("each chance that is not whole cuts the uniform number of systematic sampling once"),
    kind="bound",
    cases=SIZES,
)
def test_inclusion__sets(trial, dim: Dim, kept: Count, spectra: Spectra = 200):
    """Let $l*$ directions have a positive chance to be kept by the best mixture of representations
    of $r$ columns. Some mixture of at most $l*$ sets of $r$ directions has the same chances.
    """
    _, mixtures, inclusion = mixtures_of(trial, dim, kept, spectra)
    count = np.sum(inclusion > 1e-13, axis=1)
    atoms = np.array([len(mixture.chances) for mixture in mixtures])
    bound = {"instances": "draws", "independent": spectra, "ops": 0}
    trial.bound(atoms, count, controls={"$r$ sets": np.full(spectra, kept)}, **bound)


@claim(
    derived("$λ_i (1 - m_i)$"),
    kind="identity",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep"), (1, 9, 3, "steep")],
)
def test_equalised_regret(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """Under the best mixture the task along eigenvector $i$ has the expected regret $min(v, λ_i)$,
    where $v$ is the value of the game and $λ_i$ is its eigenvalue of $Σ S$.
    """
    sigma, _, spectrum, tasks, ops = setting = game(trial, world, dim, kept, shape)
    mixture = predicted.systematic_mixture(predicted.inclusion(spectrum, kept))
    regrets = observed.projected_regret(sigma, sets_of(setting, mixture.members), tasks)
    controls = {
        "uniform draws": spectrum * (1 - kept / dim),
        "no draw": np.where(np.arange(dim) < kept, 0, spectrum),
    }
    law = predicted.equalised_regret(spectrum, kept)
    trial.identity(mixture.chances @ regrets, law, ops=ops, scale=spectrum[0], controls=controls)


@claim(
    known("Madow 1949, On the theory of systematic sampling, II: chances"),
    kind="identity",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep")],
)
def test_equalised_regret__drawn(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """Lay intervals of the lengths $max(0, 1 - v / λ_i)$ end to end, where $v$ is the value of the
    game. If the $r$ directions are those whose intervals contain the points $u, u + 1, …$ for a
    uniform $u$ in $[0, 1]$, direction $i$, of regret $λ_i$, is missing with the chance
    $min(1, v / λ_i)$.
    """
    spectrum = game(trial, world, dim, kept, shape).spectrum
    missing = predicted.equalised_regret(spectrum, kept) / spectrum
    trial.require(
        missing[0] > 0.05,
        "world must have a value above lambda_1 / 20, or direction 1 is hardly missing",
    )
    trial.require(dim <= 64, "dim must be at most 64: each direction is drawn millions of times")

    def draw(stream, n):
        return np.concatenate(
            [observed.dropped(stream, spectrum, kept, m) for m in (n // 2, n - n // 2)]
        )

    trial.probability(
        sampler=draw,
        predict=missing,
        margin=0.01 * np.maximum(missing, 0.2),
        controls={
            "uniform draws": np.full(dim, 1 - kept / dim),
            "no draw": np.where(np.arange(dim) < kept, 0.0, 1.0),
        },
        first=50_000,
        most=3_500_000,
    )


@claim(
    recalled("Theorem 3, the law of the tasks; from memory"),
    kind="bound",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep"), (1, 9, 3, "steep")],
)
def test_no_representation_beats(
    trial, world: Seed, dim: Dim, kept: Count, shape: Shape, draws: Worlds = 1000
):
    """There is a law of tasks with $f' S^-1 f <= 1$, of covariance $F$, against which every
    representation of $r$ columns has an expected regret of at least the value of the game.
    """
    sigma, prior, spectrum, tasks, ops = game(trial, world, dim, kept, shape)
    trial.require(
        draws * dim**2 * kept <= 1e9,
        "draws dim^2 kept must be at most 1e9: each draw is decomposed",
    )
    moment = predicted.adversary_covariance(sigma, prior, kept)
    near = around(trial.generator(), predicted.pure_representation(sigma, prior, kept), draws)
    encoders = np.concatenate([near, tasks[None, :, 1 : kept + 1]])
    pure = predicted.worst_task(sigma, prior, kept)
    most = min(dim, 2 * predicted.hedged(spectrum, kept))
    flat = tasks[:, :most] / spectrum[:most] @ tasks[:, :most].T / np.sum(1 / spectrum[:most])
    controls = {"the task $f*$ alone": np.outer(pure, pure)}
    if most > predicted.hedged(spectrum, kept):
        controls["$F$ spread over twice as many directions"] = flat
    least = predicted.mixed_value(spectrum, kept)
    bound = {"instances": "draws", "independent": draws, "ops": ops}
    regrets = observed.mean_regret(sigma, encoders, moment)
    controls = {
        name: observed.mean_regret(sigma, encoders, covariance)
        for name, covariance in controls.items()
    }
    trial.bound(np.full(draws + 1, least), regrets, scale=spectrum[0], controls=controls, **bound)


@claim(
    derived(
        "no-regret play against best responses, of which one or the other raises the losses' "
        "difference or lowers it"
    ),
    kind="rate",
    cases=[(3.0, 4000), (1.01, 2000), (8.0, 4000)],
)
def test_hedge_rate(
    trial, ratio: Annotated[float, Interval(1.01, 20, why="at 1 tasks are alike")], longest: Horizon
):
    """Against Hedge of rate $η$ with two tasks and $r = 1$, the mean of $T$ best responses has a
    worst regret above the value by $max(D λ_2, -D λ_1) / (T (λ_1 + λ_2))$: $D$ is $T λ_2$, or from
    $h - λ_1$ on the number in $[h - λ_1, h + λ_2)$ that equals it modulo $λ_1 + λ_2$, with
    $h = log(λ_1 / λ_2) / η ~ T^(1/2)$.

    Once h is beyond the sum the excess falls like T^(-1/2), before, as at λ_1 = 1.01 λ_2, like 1 /
    T.
    """
    spectrum = 0.3 * np.array([ratio, 1.0])
    horizons = np.geomspace(longest / 100, longest, 9).round().astype(int)
    excess = np.array([predicted.pair_excess(spectrum, horizon) for horizon in horizons])
    gaps = observed.hedge(np.tile(spectrum, (9, 1)), 1, horizons.tolist()) - predicted.mixed_value(
        spectrum, 1
    )
    smooth = np.log(ratio) * spectrum[0] / (1 + ratio) / np.sqrt(8 * np.log(2) * horizons)
    controls = {
        "$D$ at the threshold itself": smooth,
        "$1 / T$": excess[-1] * horizons[-1] / horizons,
    }
    controls["no decrease"] = np.full(9, excess[-1])
    trial.identity(gaps, excess, ops=longest, scale=spectrum[0], controls=controls)


@claim(
    derived(
        "Hedge evens out $p_i λ_i$ of hedged tasks, whose losses are then $log(λ_i / λ_j) / η$ "
        "apart"
    ),
    kind="rate",
    cases=[200],
    low_power="the excess oscillates, which at horizons that can be played hides finer exponents",
)
def test_hedge_rate__order(
    trial, horizon: Annotated[int, Interval(200, 400, why="128 times as many moves are played")]
):
    """For the eigenvalues $λ = (3, 2, 1, .5, .1)$ and $r = 2$, the excess of Hedge over the value,
    averaged over $T$ to $2 T$ steps, falls like $T^(-1/2)$.
    """
    spectrum = np.array([3, 2, 1, 0.5, 0.1])
    starts = horizon * 4 ** np.arange(4)
    means = []
    spreads = []
    for start in starts:
        horizons = np.linspace(start, 2 * start, 200, dtype=int)
        gaps = observed.hedge(
            np.tile(spectrum, (200, 1)), 2, horizons.tolist()
        ) - predicted.mixed_value(spectrum, 2)
        means.append(gaps.mean())
        # What the mean leaves of oscillations
        spreads.append(np.std(gaps * np.sqrt(horizons / start)) / np.sqrt(200))
    controls = {"$1 / T$": -1.0, "no decrease": 0.0}
    trial.order(
        np.array(means), starts, -0.5, rounding=np.array(spreads), margin=0.03, controls=controls
    )


@claim(
    known(
        "Freund & Schapire 1999, Adaptive game playing using multiplicative weights",
        within="for games of matrices, with another constant; carried over to this game here",
    ),
    kind="bound",
    tier="full",
    cases=[(5, 2), (6, 3)],
    not_tight="best responses end at $p ~ 1 / λ$, so that $(H(p) + log max p) / (2 log d)$ of "
    "the bound is lost: less than 1/2",
)
def test_hedge_rate__bound(trial, dim: Dim, kept: Count, horizon: Horizon = 4000):
    """The mean of $T$ best responses to Hedge of rate $(8 log d / T)^(1/2) / λ_1$ on the $d$ tasks
    along eigenvectors has a worst regret on them of at most the value plus
    $λ_1 (log d / (2T))^(1/2)$.
    """
    trial.require(kept < dim, f"kept must be below dim = {dim}, got {kept}")
    trial.require(
        horizon >= 125 * dim,
        "horizon must be at least 125 dim: before, 1 / T may still be above its root",
    )
    games = 30
    spectra = np.sort(np.exp(trial.generator().standard_normal((games, dim))))[:, ::-1]
    gaps = observed.hedge(spectra, kept, [horizon] * games) - [
        predicted.mixed_value(row, kept) for row in spectra
    ]
    most = np.array([predicted.hedge_excess(row, horizon) for row in spectra])
    faster = spectra[:, 0] * np.log(dim) / horizon
    bound = {"instances": "search", "ops": horizon, "scale": spectra[:, 0]}
    trial.bound(gaps, most, controls={"$log d / T$": faster}, **bound)
