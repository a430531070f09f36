"""The inequalities of forgetting by overlap, for the falsifier: both sides at any admissible instance."""

import numpy as np

from sims import forgetting_overlap as observed
from theory import forgetting_overlap as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "forgetting_overlap"


def _features(draw: Draw, name: str, dim: int) -> np.ndarray:
    """Up to four rows, some of them nearly one another's copies."""
    rows = draw.normal(name, draw.integer(f"rows of {name}", 1, 4), dim)
    rows[1:] += draw.scale(f"mean of {name}", 1e-2, 1e2) * rows[0]
    return np.asarray(rows)


@inequality(
    f"{PAPER}.principal_angle_bound", "Delta <= sigma^2 cos^2 theta |dw|^2, up to 4 + 4 rows", draws=300, steps=500
)
def principal_angle(draw: Draw) -> Sides | None:
    """Any features, any residual, with and without a ridge."""
    dim = draw.integer("dim", 2, 9)
    first, second = _features(draw, "S", dim), _features(draw, "T", dim)
    residual, ridge = draw.normal("residual", len(second)), draw.choice("ridge", [0.0, 0.1, 1.0])
    if np.linalg.cond(second @ second.T) > 1e8:
        return None
    update = observed.refit(second, residual, np.zeros(dim), ridge)
    bound = predicted.angle_bound(first, second) * float(update @ update)
    size = float(np.linalg.norm(first, 2) ** 2 * (update @ update))
    return Sides(float(observed.drift(first, 0 * update, update)), bound, ops=1000, scale=size)


def _off_a_memory(draw: Draw, *, centred: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, int] | None:
    """S, what a memory of it keeps, and an update off that."""
    dim = draw.integer("dim", 2, 9)
    first, second = _features(draw, "S", dim), _features(draw, "T", dim)
    memory = draw.integer("k", 1, 4)
    if memory > len(first) or memory >= dim:  # a memory of all there is leaves rounding
        return None
    kept = observed.principal_directions(first, memory, centred=centred)
    allowed = second - second @ kept.T @ kept
    update = observed.refit(allowed, draw.normal("residual", len(second)), np.zeros(dim), 0.5)
    return first, kept, update - update @ kept.T @ kept, memory


@inequality(f"{PAPER}.pca_ogd", "Delta <= sigma_{k+1}^2 |dw|^2 off k singular vectors", draws=300, steps=500)
def memory_of_singular_vectors(draw: Draw) -> Sides | None:
    """Any features, up to four kept."""
    if (found := _off_a_memory(draw, centred=False)) is None:
        return None
    first, _, update, memory = found
    square = float(update @ update)
    bound = predicted.memory_bound(first, memory) * square
    size = float(np.linalg.norm(first, 2) ** 2) * square
    return Sides(float(observed.drift(first, 0 * update, update)), bound, ops=1000, scale=size)


@inequality(f"{PAPER}.pca_ogd-centred", "Delta <= |phi_S P|^2 |dw|^2 off centred directions", draws=300, steps=500)
def memory_of_centred_directions(draw: Draw) -> Sides | None:
    """Any features, up to four kept."""
    if (found := _off_a_memory(draw, centred=True)) is None:
        return None
    first, kept, update, _ = found
    square = float(update @ update)
    size = float(np.linalg.norm(first, 2) ** 2) * square
    bound = predicted.kept_bound(first, kept) * square
    return Sides(float(observed.drift(first, 0 * update, update)), bound, ops=1000, scale=size)


@inequality(
    f"{PAPER}.pca_ogd-centred-as-printed", "Delta <= sigma_{k+1}^2 |dw|^2 off centred directions", draws=300, steps=500
)
def memory_of_centred_directions_as_printed(draw: Draw) -> Sides | None:
    """Any features, up to four kept."""
    if (found := _off_a_memory(draw, centred=True)) is None:
        return None
    first, _, update, memory = found
    square = float(update @ update)
    size = float(np.linalg.norm(first, 2) ** 2) * square
    bound = predicted.memory_bound(first, memory) * square
    return Sides(float(observed.drift(first, 0 * update, update)), bound, ops=1000, scale=size)
