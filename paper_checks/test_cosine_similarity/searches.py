"""The inequalities about cosines of embeddings, for the falsifier: both sides at any admissible instance."""

import numpy as np

from sims import cosine_similarity as observed
from theory import cosine_similarity as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "cosine_similarity"


def _instance(draw: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray, float] | None:
    """Two vectors, a gauge R and the condition number of (R R^T)^-1: in any basis, or diagonal."""
    dim = draw.integer("dim", 2, 4)
    u, v = draw.normal("u", dim), draw.normal("v", dim)
    logs = draw.normal("logs", dim) * draw.scale("spread", 0.01, 3.0)
    basis = np.linalg.qr(draw.normal("basis", dim, dim))[0] if draw.choice("any", [True, False]) else np.eye(dim)
    condition = float(np.exp(np.ptp(logs))) * (1 + 1e-12)
    if condition > 1e4 or min(np.linalg.norm(u), np.linalg.norm(v)) < 1e-6:
        return None
    return u, v, basis * np.exp(-(logs - logs.min()) / 2), condition


@inequality(f"{PAPER}.range_any_gauge", "cos_G <= the upper end, dim <= 4, K <= 10^4", draws=300, steps=500)
def upper(draw: Draw) -> Sides | None:
    """Any two vectors, any gauge or a diagonal one."""
    if (found := _instance(draw)) is None:
        return None
    u, v, gauge, condition = found
    high = predicted.any_gauge_range(u[None], v[None], condition).high[0]
    return Sides(observed.gauged_cosines(u, v, gauge[None])[0], high, ops=1000 * condition**0.5, scale=1.0)


@inequality(f"{PAPER}.range_any_gauge", "the lower end <= cos_G, dim <= 4, K <= 10^4", draws=300, steps=500)
def lower(draw: Draw) -> Sides | None:
    """Any two vectors, any gauge or a diagonal one."""
    if (found := _instance(draw)) is None:
        return None
    u, v, gauge, condition = found
    low = predicted.any_gauge_range(u[None], v[None], condition).low[0]
    return Sides(low, observed.gauged_cosines(u, v, gauge[None])[0], ops=1000 * condition**0.5, scale=1.0)


@inequality(f"{PAPER}.range_diagonal_gauge", "cos_G <= the upper end, diagonal G, dim <= 4", draws=200, steps=300)
def diagonal(draw: Draw) -> Sides | None:
    """Any two vectors, any diagonal gauge."""
    dim = draw.integer("dim", 2, 4)
    u, v, logs = draw.normal("u", dim), draw.normal("v", dim), draw.normal("logs", dim)
    condition = float(np.exp(np.ptp(logs))) * (1 + 1e-12)
    if condition > 1e4 or min(np.linalg.norm(u), np.linalg.norm(v)) < 1e-6:
        return None
    high = predicted.diagonal_gauge_range(u[None], v[None], condition).high[0]
    cosine = observed.gauged_cosines(u, v, np.diag(np.exp(-logs / 2))[None])[0]
    return Sides(cosine, high, ops=1000 * condition**0.5, scale=1.0)
