"""Inequalities of "Neural collapse in deep linear networks": nothing below f*, Welch's angle, the least decay."""

from functools import lru_cache
from itertools import pairwise

import numpy as np

from theory import neural_collapse as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "neural_collapse"


_DECAYS = np.geomspace(1e-3, 0.3, 12)


def _decays(draw: Draw, depth: int) -> list[float]:
    """Decays of all weights and of the features, from a grid: the least value is then computed once per setting."""
    return _DECAYS[draw.integers("decays", 0, len(_DECAYS) - 1, depth + 1)].tolist()


@lru_cache(maxsize=10_000)
def _least(sizes: tuple[int, ...], decays: tuple[float, ...], widths: tuple[int, ...], bias: bool) -> float:
    return predicted.mse_optimum(sizes, decays[:-1], decays[-1], widths=widths, bias=bias).value


@inequality(f"{PAPER}.cert_deep_mse", "f* <= f at any parameters of any depth and widths", steps=18_000)
def deep_mse(draw: Draw) -> Sides:
    """One to three classes of one to three samples, one or two layers, with and without a bias; random parameters."""
    n_classes, depth = draw.integer("K", 2, 3), draw.integer("M", 1, 2)
    sizes, widths = draw.integers("n_k", 1, 3, n_classes), draw.integers("widths", 1, 3, depth)
    bias = bool(draw.choice("bias", (False, True)))
    *weight_decays, feature_decay = decays = _decays(draw, depth)
    shapes = [*zip([*widths[1:].tolist(), n_classes], widths.tolist(), strict=True)]
    weights = [draw.normal(f"W_{m + 1}", *shape) for m, shape in enumerate(shapes)]
    features = draw.normal("H", int(widths[0]), int(sizes.sum()))
    offset = draw.normal("b", n_classes) if bias else None
    labels = np.repeat(np.arange(n_classes), sizes)
    value = predicted.mse_objective(weights, features, labels, weight_decays, feature_decay, offset)
    least = _least(tuple(sizes.tolist()), tuple(decays), tuple(widths.tolist()), bias)
    return Sides(least, value, ops=200)


@inequality(f"{PAPER}.ebv_welch", "sqrt((N - d) / (d (N - 1))) <= largest |cosine| of N > d unit vectors", steps=12_000)
def welch(draw: Draw) -> Sides:
    """Two to four dimensions, up to seven vectors."""
    dim = draw.integer("d", 2, 4)
    n_vectors = dim + draw.integer("N - d", 1, 3)
    vectors = draw.normal("vectors", dim, n_vectors)
    vectors = vectors / np.linalg.norm(vectors, axis=0)
    largest = np.abs(vectors.T @ vectors - np.eye(n_vectors)).max()
    return Sides(predicted.welch_bound(n_vectors, dim), float(largest), ops=100)


@inequality(f"{PAPER}.mse_reduction", "(L / 2) Lambda^(1/L) sum_i sigma_i^(2/L) <= decay of any factors", steps=12_000)
def least_decay(draw: Draw) -> Sides | None:
    """Random factors of two or three matrices, of any decays and inner widths."""
    depth = draw.integer("M", 1, 2)
    sides = draw.integers("sides", 1, 3, depth + 2).tolist()
    *weight_decays, feature_decay = _decays(draw, depth)
    factors = [draw.normal(f"factor {m}", rows, columns) for m, (columns, rows) in enumerate(pairwise(sides))]
    product = factors[0]
    for factor in factors[1:]:
        product = factor @ product
    if not np.any(product):
        return None
    decays = [feature_decay, *weight_decays]
    decay = sum(strength / 2 * float(np.sum(factor**2)) for strength, factor in zip(decays, factors, strict=True))
    return Sides(predicted.schatten_penalty(product, weight_decays, feature_decay), decay, ops=100)
