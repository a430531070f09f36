"""Functions of the points and subsets whose mean is zero, as control variates: at one size they
explain most of a risk's scatter.

Stein's lemma says E sum_i x_i f(x_i)^T = Σ sum_i E f'(x_i) for normal rows x_i with covariance Σ
and any f of the data. Take f(x) = T x for products T of resolvents. Then both sides are traces,
whose means agree at every size, not only in the limit. So a multiple of their difference may be
subtracted from a risk without changing its mean.
"""

from itertools import combinations_with_replacement
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.contract import Interval, guarded

_BOUND = 1e6
Rows = Annotated[Float[np.ndarray, "sets n dim"], Interval(-_BOUND, _BOUND)]
"""X of each data set."""
SetSubsets = Annotated[Int[np.ndarray, "sets members subsample"], Interval(0, 2**20)]
"""The indices of the rows of each member."""
SetVariances = Annotated[Float[np.ndarray, " dim"], Interval(1 / _BOUND, _BOUND)]
"""The diagonal of Σ."""
Blocks = Annotated[Float[np.ndarray, "blocks dim"], Interval(0, 1)]
"""Which directions are summed over together: 1 in each, 0 in the others."""
Ridge = Annotated[float, Interval(1e-6, _BOUND)]
"""The penalty of the resolvents Q = (X_I' X_I / k + λ)^-1; need not be that of the fits."""


@guarded
def zero_means(
    x: Rows, chosen: SetSubsets, variances: SetVariances, blocks: Blocks, penalty: Ridge
) -> Float[np.ndarray, "sets numbers"]:
    """Return numbers of mean zero for each data set, averaged over its members and over its pairs
    of members.

    Each number is a difference of both sides of Stein's lemma, summed over the directions of a
    block. T is the resolvent Q_a of a member a, or Q_a N Q_b with a block N between two members,
    and the sums are over the rows of a or over those that a and b share. The last number of a pair
    is the share of rows that both members have, less its mean.
    """
    _, members, k = chosen.shape
    masks = np.zeros((*chosen.shape[:2], x.shape[1]))
    np.put_along_axis(masks, chosen, 1.0, axis=2)

    def second_moments(rows):  # type: ignore[no-untyped-def]
        return np.swapaxes(x * rows[:, :, None], 1, 2) @ x / k

    moments = [second_moments(masks[:, a]) for a in range(members)]
    identity = np.eye(x.shape[2])
    resolvents = [np.linalg.inv(item + penalty * identity) for item in moments]

    def of_pair(a, b, between, both, count, products):  # type: ignore[no-untyped-def]
        Q = resolvents[a]
        inverse = resolvents[b]
        numbers = []
        rows = [(moments[a], identity - penalty * Q, k), (both, products[a], count)]
        traces = [(points - np.trace(QS, axis1=1, axis2=2))[:, None] for _, QS, points in rows]
        for T, swap in ((Q, Q), *between):  # T and its transpose
            measured = [_diagonal(S, swap) for S, *_ in rows]
            through = 0.0
            if T is not Q:  # f's derivative through the second resolvent
                through = _diagonal(products[b], swap) + np.sum(
                    measured[1], axis=1, keepdims=True
                ) * _every(inverse)
            for item, left, (_, QS, _) in zip(measured, traces, rows, strict=True):
                means = left * _every(T) - _diagonal(QS, swap) - through
                numbers.append((item - variances * means / k) @ blocks.T)
        overlap = count[:, None] / k - (1 if a == b else k / x.shape[1])
        return np.concatenate([*numbers, overlap], axis=1)

    groups: tuple[list, list] = ([], [])  # type: ignore[type-arg]
    for a, b in combinations_with_replacement(range(members), 2):
        rows = masks[:, a] * masks[:, b]
        both = moments[a] if a == b else second_moments(rows)
        arguments = both, rows.sum(axis=1), {item: resolvents[item] @ both for item in {a, b}}
        between = [(resolvents[a] * block) @ resolvents[b] for block in blocks]
        swap = [np.ascontiguousarray(np.swapaxes(T, 1, 2)) for T in between]
        groups[a != b].append(of_pair(a, b, list(zip(between, swap, strict=True)), *arguments))
        if a != b:
            groups[True].append(of_pair(b, a, list(zip(swap, between, strict=True)), *arguments))
    return np.concatenate([np.mean(group, axis=0) for group in groups if group], axis=1)


def _every(one: Float[np.ndarray, "sets p p"]) -> Float[np.ndarray, "sets p"]:
    return np.diagonal(one, axis1=1, axis2=2)


def _diagonal(
    one: Float[np.ndarray, "sets p p"], other: Float[np.ndarray, "sets p p"]
) -> Float[np.ndarray, "sets p"]:
    """Return the diagonal of the product of each matrix with the transpose of another: sums along
    rows, which lie together in memory.
    """
    return np.einsum("sij,sij->si", one, other)
