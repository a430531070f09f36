"""The inequalities of the representation game, for the falsifier: both sides at any admissible instance."""

import numpy as np

from sims import representation_game as observed
from theory import representation_game as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "representation_game"


def _world(draw: Draw) -> tuple[np.ndarray, np.ndarray, int]:
    """Sigma and S of any orientation, their eigenvalues within a factor 1e4, and r."""
    dim = draw.integer("d", 2, 6)
    made = []
    for name in ("Sigma", "S"):
        root = draw.normal(name, dim, dim)
        made.append(root @ root.T + draw.scale(f"{name} at least", 1e-3, 1.0) * np.eye(dim))
    kept = draw.integer("r", 1, dim - 1)
    return made[0], made[1], kept


def _usable(*matrices: np.ndarray) -> bool:
    return all(np.isfinite(one).all() and np.linalg.cond(one) < 1e6 for one in matrices)


@inequality(f"{PAPER}.pure_value-any_representation", "lambda_(r+1) <= the worst regret of R", draws=300, steps=500)
def any_representation(draw: Draw) -> Sides | None:
    """Any world, any R of independent columns."""
    sigma, prior, kept = _world(draw)
    seen = draw.normal("R", len(sigma), kept)
    if not _usable(sigma, prior, seen):
        return None
    spectrum = predicted.task_spectrum(sigma, prior)
    worst = float(observed.worst_regret(sigma, prior, seen))
    return Sides(predicted.pure_value(spectrum, kept), worst, ops=10**5, scale=spectrum[0])


@inequality(f"{PAPER}.worst_task-any", "the regret of f at the best R <= lambda_(r+1)", draws=300, steps=500)
def any_task(draw: Draw) -> Sides | None:
    """Any world, any task on the boundary of the prior."""
    sigma, prior, kept = _world(draw)
    if not _usable(sigma, prior):
        return None
    task = draw.normal("f", len(sigma))
    size = task @ np.linalg.solve(prior, task)
    if not 1e-12 < size < 1e12:
        return None
    spectrum = predicted.task_spectrum(sigma, prior)
    best = predicted.pure_representation(sigma, prior, kept)
    (regret,) = observed.projected_regret(sigma, best, (task / np.sqrt(size))[:, None])
    return Sides(float(regret), predicted.pure_value(spectrum, kept), ops=10**5, scale=spectrum[0])


@inequality(f"{PAPER}.no_representation_beats", "the value <= the regret of R against F", draws=300, steps=500)
def no_representation(draw: Draw) -> Sides | None:
    """Any world, any R of independent columns."""
    sigma, prior, kept = _world(draw)
    seen = draw.normal("R", len(sigma), kept)
    if not _usable(sigma, prior, seen):
        return None
    spectrum = predicted.task_spectrum(sigma, prior)
    regret = float(observed.mean_regret(sigma, seen, predicted.adversary_covariance(sigma, prior, kept)))
    return Sides(predicted.mixed_value(spectrum, kept), regret, ops=10**5, scale=spectrum[0])


@inequality(f"{PAPER}.inclusion", "sets of the mixture <= l*", draws=300, steps=500)
def sets(draw: Draw) -> Sides:
    """Any spectrum of two to nine eigenvalues, ties among them."""
    dim = draw.integer("d", 2, 9)
    spectrum = np.array([draw.choice(f"tie {i}", [1.0, 2.0, draw.scale(f"lambda {i}", 1e-6, 1e6)]) for i in range(dim)])
    kept = draw.integer("r", 1, dim - 1)
    found = predicted.systematic_mixture(predicted.inclusion(spectrum, kept))
    return Sides(len(found.chances), predicted.hedged(spectrum, kept), ops=1)


@inequality(
    f"{PAPER}.hedge_rate-bound", "the excess of Hedge's mean <= lambda_1 (log d / 2T)^(1/2)", draws=100, steps=60
)
def hedge(draw: Draw) -> Sides:
    """Any spectrum of two to six eigenvalues, horizons up to 300."""
    dim = draw.integer("d", 2, 6)
    spectrum = np.array([draw.scale(f"lambda {i}", 1e-3, 1e3) for i in range(dim)])
    kept, horizon = draw.integer("r", 1, dim - 1), draw.integer("T", 1, 300)
    played = float(observed.hedge(spectrum[None], kept, [horizon])[0])
    most = predicted.hedge_excess(spectrum, horizon)
    return Sides(played - predicted.mixed_value(spectrum, kept), most, ops=horizon, scale=spectrum.max())
