"""The claims of the paper; what its letters mean stands in the package."""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from scipy.linalg import sqrtm
from scipy.optimize import minimize_scalar

from sims import representation_game as observed
from theory import representation_game as predicted
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Count, Interval
from theory_on_trial.laws import Asymptotic

Seed = Annotated[int, Interval(0, 2**53, why="wholes that floats hold")]
Dim = Annotated[
    int, Interval(2, 256, why="hundreds of decompositions of that size take minutes beyond")
]
Shape = Literal["drawn", "steep"]
Horizon = Annotated[int, Interval(2000, 10**5, why="below, 1 / T is not yet far from its root")]
Worlds = Annotated[int, Interval(100, 10**5, why="fewer need not come near the best")]
STEEP = (3.2, 3.0, 2.2, 2.0, 1.0, 0.1)
REVIEWS = "as public reviews state it"


class Game(NamedTuple):
    """A world, its eigenvalues, and the tasks f_i that go with them."""

    covariance: np.ndarray
    prior: np.ndarray
    spectrum: np.ndarray
    tasks: np.ndarray
    ops: int
    """Roundings of a decomposition, for conditions of Σ and S below 50."""


def game(trial, seed, dim, kept, shape="drawn"):
    """A world of this shape."""
    trial.require(
        kept < dim, f"kept must be below dim = {dim}: nothing is compressed otherwise, got {kept}"
    )
    world = observed.drawn_world(seed, dim)
    if shape == "steep":
        spectrum = np.interp(np.linspace(0, 5, dim), np.arange(6), STEEP)
        world = observed.shaped_world(world.covariance, spectrum, seed)
    solution = predicted.task_spectrum(*world), predicted.task_directions(*world)
    return Game(*world, *solution, 50 * dim)


def around(generator, best, count):
    """Matrices near a given one and far from it."""
    far = 10.0 ** generator.uniform(-4, 2, (count, 1, 1))
    return best / np.linalg.norm(best) + far * generator.standard_normal((count, *best.shape))


def half_seen(generator, covariance, kept):
    """An R with orthonormal columns, and a task of variance 1, of which .4 to .6 is explained by
    R'x.
    """
    R = np.linalg.qr(generator.standard_normal((len(covariance), kept)))[0]
    root = np.linalg.cholesky(covariance).T
    basis = np.linalg.qr(root @ R)[0]
    vector = generator.standard_normal(len(covariance))
    inside = basis @ basis.T @ vector
    parts = [part / np.linalg.norm(part) for part in (inside, vector - inside)]
    share = generator.uniform(0.4, 0.6)
    return R, np.linalg.solve(root, np.sqrt(share) * parts[0] + np.sqrt(1 - share) * parts[1])


def top(matrix, kept):
    """The leading eigenvectors."""
    return np.linalg.eigh(matrix)[1][:, ::-1][:, :kept]


def sets_of(game, members):
    """The representation of each set of directions."""
    return np.array([game.tasks[:, chosen] for chosen in members])


@claim(
    paper(f"The definition of regret, {REVIEWS}"),
    kind="identity",
    cases=[(0, 6, 2), (2, 6, 2), (1, 9, 5)],
)
def test_regret_by_regression(trial, world: Seed, dim: Dim, kept: Count):
    """The regret f'(Σ - Σ R (R' Σ R)^-1 R' Σ) f of a representation R'x for the task f is the
    variance of f'x that a projection on R'x leaves; Σ is the covariance of x.
    """
    sigma = game(trial, world, dim, kept).covariance
    generator = trial.generator()
    R, task = half_seen(generator, sigma, kept)
    image = sigma @ R
    controls = {"(R'R)^-1 for (R' Σ R)^-1": task @ sigma @ task - task @ image @ image.T @ task}
    (regret,) = observed.projected_regret(sigma, R, task[:, None])
    trial.identity(
        regret, predicted.regret(sigma, R, task), ops=50 * dim, scale=1.0, controls=controls
    )


@claim(paper(f"The definition of regret, {REVIEWS}"), kind="identity", cases=[(0, 6, 2), (2, 6, 2)])
def test_regret_by_regression__sampled(
    trial,
    world: Seed,
    dim: Dim,
    kept: Count,
    samples: Annotated[
        int, Interval(1000, 2**40, why="a limit of many samples; the high end is a cap")
    ] = 10**6,
):
    """On sampled rows least squares with R'x has a larger squared error than least squares with x
    by the regret of R for the task; the noise, of standard deviation 1/2, cancels.
    """
    sigma = game(trial, world, dim, kept).covariance
    generator = trial.generator()
    R, task = half_seen(generator, sigma, kept)
    value = predicted.regret(sigma, R, task)
    trial.mean(
        sampler=lambda stream, n: observed.least_squares_regret(
            stream, sigma, R, task, 0.5, samples, n
        ),
        predict=value,
        law=Asymptotic(),
        margin=0.01 * value,
        controls={"the noise added": value + 0.25},
        most=4000,
    )


@claim(
    paper(f"Theorem 2, {REVIEWS}; the form S^(1/2) Q of the best R here"),
    kind="optimality",
    cases=[(0, 6, 2, "drawn"), (1, 6, 2, "drawn"), (2, 9, 5, "drawn"), (0, 6, 2, "steep")],
)
def test_pure_value(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """Over representations R of r columns the least worst regret, over tasks with f' S^-1 f <= 1,
    is λ_(r+1), the next eigenvalue of Σ S. It is attained at R = S^(1/2) Q_(1:r) with the leading
    eigenvectors Q of S^(1/2) Σ S^(1/2), and not by PCA.
    """
    sigma, prior, spectrum, tasks, ops = game(trial, world, dim, kept, shape)
    best = predicted.pure_representation(sigma, prior, kept)
    value = predicted.pure_value(spectrum, kept)
    root = sqrtm(sigma)
    rivals = {
        "PCA": top(sigma, kept),
        "V without whitening": top(root @ prior @ root, kept),
        "the top directions of S": top(prior, kept),
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
    paper(f"Theorem 2, {REVIEWS}; by Courant and Fischer here"),
    kind="bound",
    cases=[(0, 6, 2), (2, 7, 4)],
)
def test_pure_value__any_representation(
    trial, world: Seed, dim: Dim, kept: Count, draws: Worlds = 2000
):
    """For every representation R of r columns, the worst regret over tasks with f' S^-1 f <= 1 is
    at least λ_(r+1), the (r+1)-th eigenvalue of Σ S.
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
    derived("the residual form at the best R, in its eigenbasis"),
    kind="identity",
    cases=[(0, 6, 2), (1, 9, 5)],
)
def test_worst_task(trial, world: Seed, dim: Dim, kept: Count):
    """The task f* = S^(1/2) q_(r+1), with f*' S^-1 f* = 1, has the regret λ_(r+1) at the best
    representation of r columns: q and λ are eigenvectors and eigenvalues of S^(1/2) Σ S^(1/2).
    """
    sigma, prior, spectrum, tasks, ops = game(trial, world, dim, kept)
    best = predicted.pure_representation(sigma, prior, kept)

    def measured(task):
        (regret,) = observed.projected_regret(sigma, best, task[:, None])
        return np.array([regret / spectrum[0], task @ np.linalg.solve(prior, task)])

    trial.identity(
        measured(predicted.worst_task(sigma, prior, kept)),
        np.array([predicted.pure_value(spectrum, kept) / spectrum[0], 1.0]),
        ops=ops,
        control_processes={"q_r, counted from one": measured(tasks[:, kept - 1])},
    )


@claim(
    derived("the residual form at the best R, in its eigenbasis"),
    kind="bound",
    cases=[(0, 6, 2), (1, 9, 5)],
)
def test_worst_task__any(trial, world: Seed, dim: Dim, kept: Count, draws: Worlds = 20_000):
    """No task with f' S^-1 f = 1 has a regret above λ_(r+1) at the best representation of r
    columns.
    """
    sigma, prior, spectrum, _, ops = game(trial, world, dim, kept)
    best = predicted.pure_representation(sigma, prior, kept)
    near = np.linalg.solve(np.linalg.cholesky(prior), predicted.worst_task(sigma, prior, kept))
    spheres = around(trial.generator(), near[:, None], draws)[..., 0]
    tasks = np.linalg.cholesky(prior) @ (spheres / np.linalg.norm(spheres, axis=1, keepdims=True)).T
    regrets = observed.projected_regret(sigma, best, tasks)
    value = predicted.pure_value(spectrum, kept)
    controls = {
        "the mean over the ellipsoid": np.full(draws, predicted.pure_average(spectrum, kept) / dim)
    }
    bound = {"instances": "draws", "independent": draws, "ops": ops, "scale": spectrum[0]}
    trial.bound(regrets, np.full(draws, value), controls=controls, **bound)


@claim(
    derived(
        "recalled; averaging over signs leaves chances m_i, and λ_i (1 - m_i) <= v a linear program"
    ),
    kind="optimality",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep"), (1, 9, 3, "steep")],
)
def test_mixed_value(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """If the representation is drawn at random and hidden from the adversary, the least worst
    expected regret is max over l > r of (l - r) / sum over i <= l of 1 / λ_i, for r columns and the
    eigenvalues λ of Σ S.
    """
    sigma, prior, spectrum, _, _ = setting = game(trial, world, dim, kept, shape)
    value = predicted.mixed_value(spectrum, kept)
    count = predicted.hedged(spectrum, kept)
    mixture = predicted.systematic_mixture(predicted.inclusion(spectrum, kept))
    moment = predicted.adversary_covariance(sigma, prior, kept)

    def level(number):
        return (number - kept) / np.sum(1 / spectrum[:number])

    counts = {"l = r + 1": kept + 1, "l* + 1": min(count + 1, dim), "l = d": dim}
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
            "lambda_(r+1)": predicted.pure_value(spectrum, kept),
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
    """If at most r eigenvalues of Σ S are positive, the value of the game is 0: r columns keep
    their directions.
    """
    trial.require(rank <= kept < dim, "rank must be at most kept, and kept below dim")
    spectrum = np.append(np.zeros(dim - rank), np.exp(trial.generator().standard_normal(rank)))
    mixture = predicted.systematic_mixture(predicted.inclusion(spectrum, kept))
    worst = np.max(spectrum * (1 - mixture.chances @ mixture.members))
    largest = spectrum.max()
    controls = {"the least that matters": np.min(spectrum, where=spectrum > 0, initial=largest)}
    trial.identity(
        worst, predicted.mixed_value(spectrum, kept), ops=dim, scale=largest, controls=controls
    )
    # Of tasks that cost nothing the adversary plays the first.
    chances = [
        predicted.inclusion(spectrum, kept).sum(),
        predicted.adversary_chances(spectrum, kept)[kept],
    ]
    trial.identity(
        np.array(chances),
        np.array([kept, 1.0]),
        ops=dim,
        controls={"r + 1": np.array([kept + 1, 1.0])},
    )
    trial.identity(
        np.sum(spectrum > 0),
        predicted.hedged(spectrum, kept),
        ops=0,
        controls={"kept + 1, as of a full spectrum": kept + 1},
    )


@claim(
    derived("Lagrange multipliers of the linear program; systematic sampling"),
    kind="identity",
    cases=[(4, 2), (6, 2), (8, 5), (11, 3)],
)
def test_inclusion(
    trial,
    dim: Dim,
    kept: Count,
    spectra: Annotated[int, Interval(20, 10**4, why="each costs")] = 200,
):
    """The best mixture of r columns keeps direction i with the chance m_i = max(0, 1 - value /
    λ_i); these sum to r, and at most l* sets of r directions have such chances.
    """
    trial.require(kept < dim, f"kept must be below dim = {dim}, got {kept}")
    eigenvalues = np.sort(np.exp(1.5 * trial.generator().standard_normal((spectra, dim))))[:, ::-1]
    mixtures = [
        predicted.systematic_mixture(predicted.inclusion(spectrum, kept))
        for spectrum in eigenvalues
    ]
    marginals = np.array([mixture.chances @ mixture.members for mixture in mixtures])
    _, inclusion = observed.balanced(eigenvalues, kept)
    controls = {"r / d": np.full_like(eigenvalues, kept / dim)}
    if dim > 2:  # of two directions it is so
        controls["m_i ~ λ_i"] = kept * eigenvalues / eigenvalues.sum(axis=1, keepdims=True)
    trial.identity(inclusion, marginals, ops=100 * dim, scale=1.0, controls=controls)
    squares = np.array([mixture.chances @ mixture.members.sum(axis=1) ** 2 for mixture in mixtures])
    independent = {
        "independent draws, of no fixed size": kept**2 + np.sum(marginals * (1 - marginals), axis=1)
    }
    trial.identity(squares, np.full(spectra, kept**2), ops=100 * dim, controls=independent)
    count = np.array([predicted.hedged(spectrum, kept) for spectrum in eigenvalues])
    trial.identity(
        np.sum(inclusion > 1e-13, axis=1), count, ops=0, controls={"r": np.full(spectra, kept)}
    )
    atoms = np.array([len(mixture.chances) for mixture in mixtures])
    bound = {"instances": "draws", "independent": spectra, "ops": 0}
    trial.bound(atoms, count, controls={"r sets": np.full(spectra, kept)}, **bound)


@claim(
    derived("λ_i (1 - m_i)"),
    kind="identity",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep"), (1, 9, 3, "steep")],
)
def test_equalised_regret(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """Under the best mixture the task along eigenvector i has the expected regret min(value, λ_i),
    where λ_i is its eigenvalue of Σ S.
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
    derived("chances of systematic sampling"),
    kind="identity",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep")],
)
def test_equalised_regret__drawn(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """If the r directions are those that contain the points u, u + 1, ... for a uniform u,
    direction i, of regret λ_i, is missing with the chance min(1, v / λ_i), where v is the value of
    the game.
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
    derived("Ky Fan's theorem for the adversary's covariance"),
    kind="bound",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep"), (1, 9, 3, "steep")],
)
def test_no_representation_beats(
    trial, world: Seed, dim: Dim, kept: Count, shape: Shape, draws: Worlds = 1000
):
    """There is a law of tasks, of covariance F, against which every representation has an expected
    regret of at least the value of the game.
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
    controls = {"the task f* alone": np.outer(pure, pure)}
    if most > predicted.hedged(spectrum, kept):
        controls["F spread over twice as many directions"] = flat
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
    """Against Hedge with two tasks and r = 1, the mean of T best responses has a worst regret above
    the value by D λ_2 / (T (λ_1 + λ_2)), where D is T λ_2 modulo λ_1 + λ_2.

    D is T λ_2 modulo the sum, within that around log(λ_1 / λ_2) / η ~ T^(1/2): once that is beyond
    the sum the excess falls like T^(-1/2), before, as at λ_1 = 1.01 λ_2, like 1 / T.
    """
    spectrum = 0.3 * np.array([ratio, 1.0])
    horizons = np.geomspace(longest / 100, longest, 9).round().astype(int)
    excess = np.array([predicted.pair_excess(spectrum, horizon) for horizon in horizons])
    gaps = observed.hedge(np.tile(spectrum, (9, 1)), 1, horizons.tolist()) - predicted.mixed_value(
        spectrum, 1
    )
    smooth = np.log(ratio) * spectrum[0] / (1 + ratio) / np.sqrt(8 * np.log(2) * horizons)
    controls = {"D at the threshold itself": smooth, "1 / T": excess[-1] * horizons[-1] / horizons}
    controls["no decrease"] = np.full(9, excess[-1])
    trial.identity(gaps, excess, ops=longest, scale=spectrum[0], controls=controls)


@claim(
    derived(
        "Hedge evens out p_i λ_i of hedged tasks, whose losses are then log(λ_i / λ_j) / η apart"
    ),
    kind="rate",
    cases=[200],
    low_power="the excess oscillates, which at horizons that can be played hides finer exponents",
)
def test_hedge_rate__order(
    trial, horizon: Annotated[int, Interval(200, 400, why="128 times as many moves are played")]
):
    """For the eigenvalues λ = (3, 2, 1, .5, .1) and r = 2, the excess of Hedge over the value,
    averaged over T to 2 T steps, falls like T^(-1/2).
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
    controls = {"1 / T": -1.0, "no decrease": 0.0}
    trial.order(
        np.array(means), starts, -0.5, rounding=np.array(spreads), margin=0.03, controls=controls
    )


@claim(
    derived("the regret bound of Hedge, and best responses that the value bounds"),
    kind="bound",
    tier="full",
    cases=[(5, 2), (6, 3)],
    not_tight="best responses end at p ~ 1 / λ, so that (H(p) + log max p) / (2 log d) of the "
    "bound "
    "is lost: < 1 / 2",
)
def test_hedge_rate__bound(trial, dim: Dim, kept: Count, horizon: Horizon = 4000):
    """The mean of T best responses to Hedge on d tasks has a worst regret within λ_1 (log d /
    2T)^(1/2) of the value.
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
    bound = {"instances": "draws", "independent": games, "ops": horizon, "scale": spectra[:, 0]}
    trial.bound(gaps, most, controls={"log d / T": faster}, **bound)


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
    """If the best representation of r columns is computed from the covariance of N samples, the
    worst regret grows by λ_(r+1)^2 / N times the sum over j <= r of 1 / (λ_j - λ_(r+1)) to first
    order.
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
    rivals = {"|X|^2 alone": value**2 * np.sum(leading / gaps[:kept] ** 2)}
    if kept > 1:
        rivals["j = r alone"] = value**2 / gaps[kept - 1]
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
        | {"N^(-1/2)": np.array([excess, 2 * excess])},
        first=500,
        most=20_000,
    )


@claim(
    derived("Ky Fan's theorem for E f f' = S"),
    kind="optimality",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep"), (1, 9, 3, "drawn")],
)
def test_price_of_worst_case(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """On average over tasks with E f f' = S, the best representation of r columns has the regret
    sum over i > r of λ_i, and no representation or mixture has less.
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
    derived("the regrets of the tasks f_i, summed"),
    kind="identity",
    cases=[(0, 6, 2, "drawn"), (0, 6, 2, "steep")],
)
def test_price_of_worst_case__mixture(trial, world: Seed, dim: Dim, kept: Count, shape: Shape):
    """On average over tasks with E f f' = S, the best mixture has the regret sum over i of
    min(value, λ_i), which is more than that of the best single representation.
    """
    sigma, prior, spectrum, _, ops = setting = game(trial, world, dim, kept, shape)
    mixture = predicted.systematic_mixture(predicted.inclusion(spectrum, kept))
    mean = mixture.chances @ observed.mean_regret(sigma, sets_of(setting, mixture.members), prior)
    total = spectrum.sum()
    laws = {
        "as good as the best R": predicted.pure_average(spectrum, kept),
        "uniform draws": (1 - kept / dim) * total,
    }
    trial.identity(
        mean, predicted.mixed_average(spectrum, kept), ops=ops, scale=total, controls=laws
    )


def logistic_regret(seen, unseen, nodes=48):
    """Log loss of the best logit linear in a, less that of a + b, for normal a and b and a label of
    logit a + b.
    """
    axis, chances = np.polynomial.hermite_e.hermegauss(nodes)
    weights = np.outer(chances, chances) / chances.sum() ** 2
    a = np.sqrt(seen) * axis[:, None]
    b = np.sqrt(unseen) * axis
    mean = 1 / (1 + np.exp(-(a + b)))

    def loss(logit):
        return np.sum(weights * (np.logaddexp(0, logit) - mean * logit))

    best = minimize_scalar(
        lambda slope: loss(slope * a), bounds=(0, 2), method="bounded", options={"xatol": 1e-9}
    )
    return best.fun - loss(a + b)


@claim(
    derived(
        "second order of the log loss in small logits; the abstract has general losses for an "
        "algorithm only"
    ),
    kind="limit",
    cases=[(0, 6, 2), (1, 5, 1), (2, 8, 4)],
)
def test_logistic_loss(trial, world: Seed, dim: Dim, kept: Count):
    """For labels of logit t f'x, the regret in log loss divided by t^2 tends to an eighth of the
    regret in squared error as t -> 0, for every representation and task f.

    So the game of small logits has the representations of squared error, and an eighth of its
    value.
    """
    covariance, *_ = game(trial, world, dim, kept)
    R, task = half_seen(trial.generator(), covariance, kept)
    unseen = predicted.regret(covariance, R, task)
    sizes = 2.0 ** np.arange(1, 6)
    regrets = [
        size**2 * logistic_regret((1 - unseen) / size**2, unseen / size**2) for size in sizes
    ]
    controls = {
        "as of squared error": unseen,
        "a quarter, the variance of a label": unseen / 4,
        "all of f": 1 / 8,
    }
    options = {"margin": 0.001 * unseen, "controls": controls, "same_instance": True}
    trial.limit(regrets, sizes, predicted.small_logit_regret(unseen), order=2, **options)


@claim(
    derived("pure_value over eight, for tasks of small logits"),
    kind="optimality",
    cases=[(0, 6, 2), (1, 5, 1)],
)
def test_logistic_loss__value(
    trial,
    world: Seed,
    dim: Annotated[int, Interval(2, 12, why="something is left out; the high end is a cap")],
    kept: Count,
):
    """In log loss with a small logit t f'x, the best representation of squared error has the least
    worst regret, t^2 λ_(r+1) / 8.

    To 1 % for logits of standard deviation up to .1: PCA, and most directions drawn at random, have
    a larger one.
    """
    covariance, prior, spectrum, *_ = game(trial, world, dim, kept)
    representations = [predicted.pure_representation(covariance, prior, kept)]
    representations += [
        np.linalg.eigh(covariance)[1][:, -kept:],
        *trial.generator().normal(size=(9, dim, kept)),
    ]
    scale = 0.01 / spectrum[0]

    def worst(seen):
        task = observed.worst_case(covariance, prior, seen)
        unseen = observed.projected_regret(covariance, seen, task[:, None]).item()
        return (
            logistic_regret(scale * max(task @ covariance @ task - unseen, 0.0), scale * unseen)
            / scale
        )

    best, pca, *drawn = map(worst, representations)
    regrets = [pca, max(drawn)]  # one draw of twenty is as good by chance
    trial.require(min(regrets) > 1.02 * best, "world must leave PCA and drawn directions 2 % worse")
    value = predicted.small_logit_regret(predicted.pure_value(spectrum, kept))
    processes = {"PCA": regrets[0], "directions drawn at random": regrets[1]}
    options = {"error": 0.003 * value, "margin": 0.01 * value, "control_processes": processes}
    trial.value(best, value, controls={"a quarter": 2 * value}, **options)
