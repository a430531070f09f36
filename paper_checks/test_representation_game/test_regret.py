"""The regret of a representation: by regression, at the worst task, and under the logistic loss."""

from typing import Annotated

import numpy as np
from scipy.optimize import minimize_scalar

from paper_checks.test_representation_game.games import REVIEWS, Dim, Seed, Worlds, around, game
from sims import representation_game as observed
from theory import representation_game as predicted
from theory_on_trial import claim, derived, recalled
from theory_on_trial.contract import Count, Interval
from theory_on_trial.laws import Asymptotic


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


@claim(
    recalled(f"the definition of regret, {REVIEWS}"),
    kind="identity",
    cases=[(0, 6, 2), (2, 6, 2), (1, 9, 5)],
)
def test_regret_by_regression(trial, world: Seed, dim: Dim, kept: Count):
    """The regret $f'(Σ - Σ R (R' Σ R)^-1 R' Σ) f$ of a representation $R'x$ for the task $f$ is the
    variance of $f'x$ that a projection on $R'x$ leaves; $Σ$ is the covariance of $x$.
    """
    sigma = game(trial, world, dim, kept).covariance
    generator = trial.generator()
    R, task = half_seen(generator, sigma, kept)
    image = sigma @ R
    controls = {"$(R'R)^-1$ for $(R' Σ R)^-1$": task @ sigma @ task - task @ image @ image.T @ task}
    (regret,) = observed.projected_regret(sigma, R, task[:, None])
    trial.identity(
        regret,
        predicted.regret(sigma, R, task),
        ops=50 * dim,
        scale=1.0,
        controls=controls,
        generic="both sides are rational in representation and task",
    )


@claim(
    recalled(f"the definition of regret, {REVIEWS}"), kind="identity", cases=[(0, 6, 2), (2, 6, 2)]
)
def test_regret_by_regression__sampled(
    trial,
    world: Seed,
    dim: Dim,
    kept: Count,
    samples: Annotated[
        int, Interval(1000, 2**40, why="a limit of many samples; the high end is a cap")
    ] = 10**6,
):
    """On sampled rows least squares with $R'x$ has a larger squared error than least squares with
    $x$ by the regret of $R$ for the task; the noise, of standard deviation 1/2, cancels.
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
    derived("the residual form at the best $R$, in its eigenbasis"),
    kind="identity",
    cases=[(0, 6, 2), (1, 9, 5)],
)
def test_worst_task(trial, world: Seed, dim: Dim, kept: Count):
    """The task $f* = S^(1/2) q_(r+1)$, with $f*' S^-1 f* = 1$, has the regret $λ_(r+1)$ at the best
    representation of $r$ columns: $q$ and $λ$ are eigenvectors and eigenvalues of
    $S^(1/2) Σ S^(1/2)$.
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
        control_processes={"$q_r$, counted from one": measured(tasks[:, kept - 1])},
    )


@claim(
    recalled(f"Theorem 2, {REVIEWS}"),
    kind="bound",
    cases=[(0, 6, 2), (1, 9, 5)],
)
def test_worst_task__any(trial, world: Seed, dim: Dim, kept: Count, draws: Worlds = 20_000):
    """No task with $f' S^-1 f = 1$ has a regret above $λ_(r+1)$ at the best representation of $r$
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
    derived("the second order of the log loss in small logits"),
    kind="limit",
    cases=[(0, 6, 2), (1, 5, 1), (2, 8, 4)],
)
def test_logistic_loss(trial, world: Seed, dim: Dim, kept: Count):
    """For normal $x$ and labels of logit $t f'x$, the regret in log loss divided by $t^2$ tends to
    an eighth of the regret in squared error as $t -> 0$, for every representation and task $f$.

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
        "all of $f$": 1 / 8,
    }
    options = {"margin": 0.001 * unseen, "controls": controls, "same_instance": True}
    trial.limit(
        regrets,
        sizes,
        predicted.small_logit_regret(unseen),
        order=2,
        **options,
        generic="regrets are analytic in representation and task",
    )


@claim(
    derived("`pure_value` over eight, for tasks of small logits"),
    kind="optimality",
    cases=[(0, 6, 2), (1, 5, 1)],
)
def test_logistic_loss__value(
    trial,
    world: Seed,
    dim: Annotated[int, Interval(2, 12, why="something is left out; the high end is a cap")],
    kept: Count,
):
    """In log loss with a small logit $t f'x$ of normal $x$, the best representation of squared
    error has the least worst regret, $t^2 λ_(r+1) / 8$.

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
    trial.value(
        best,
        value,
        controls={"a quarter": 2 * value},
        **options,
        instances="search",
    )
