"""Horváth, Laskaridis, Rajput & Wang 2024, "Maestro: Uncovering Low-Rank Structures via Trainable
Decomposition", ICML, arXiv 2308.14929.

For whoever trains a nested low-rank layer once and cuts it to any rank later: nothing is lost at
any cut, while dropping components independently forbids the very order that the cuts need.

Take away: after nested training a cut at any rank loses nothing; the cuts are those of $A S^(1/2)$,
not of $A$. Independent dropout makes all components equally long, so that they have no order to cut
by.

A linear map $A$ $(m, n)$ meets inputs with $E x xᵀ = S$, positive definite. $U$ $(m, r)$ and $V$
$(n, r)$ are trained with the first $b$ columns kept, $b$ of probability $p_b > 0$; $σ_1 > σ_2 > …$
are the singular values of $A S^(1/2)$, with the symmetric root. Plain dropout keeps each of the $r$
components by itself with probability $q$ and does not rescale.

Edges: a block with $p_b = 0$ has no order inside, and equal singular values do not determine the
cut between them. With one component there is no order; at $q = 1$ plain dropout drops nothing.

Paper: it trains networks whose layers are decomposed, with ranks that are found on the way. This
page studies one linear layer at its optimum.

Abstract:

- Statement 1: large networks are costly, and pruning or quantising them has its price. Not on
  trial. It is about former work.
- Statement 3: layers are decomposed in training, with an order of importance by sampling. No
  statement.
- Statement 4: in special cases the decomposition that is trained recovers the singular value
  decomposition and PCA; version 1 names a linear map on uniformly distributed data, and linear
  autoencoders. Holds: nested_minimum, every_prefix.
- Statement 5: networks become smaller at the same accuracy, and can be cut without training them
  again. Not on trial. One linear layer is tried.

Read: the abstract, also that of version 1. Recalled: Mianjy, Arora & Vidal 2018, for plain dropout.
Derived here: the values for every $S$, and each prefix. Not claimed: that training of deep networks
reaches these minima; flat valleys slow it down even here. Topic: linear algebra for learning.
"""

from itertools import product
from typing import Annotated

import numpy as np
from scipy.optimize import brentq, minimize

from paper_checks.briefs.common import orthonormal
from theory_on_trial import (
    claim,
    known,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Size = Annotated[
    int, Interval(3, 10, why="fewer hold no order of two; smaller singular values learn slowly")
]
Rank = Annotated[
    int,
    Interval(
        2, 4, why="with one component there is no order; a search over all entries, many times"
    ),
]


def instance(generator, size):
    """A (size, size + 1), S and its root, with singular values σ of A S^(1/2) each .7 of the one
    before.
    """
    left = np.linalg.qr(generator.normal(size=(size, size)))[0]
    right = np.linalg.qr(generator.normal(size=(size + 1, size)))[0]
    turn = orthonormal(generator, size + 1)
    spread = np.linspace(0.5, 2, size + 1)
    root = (turn * spread) @ turn.T
    inverse = (turn / spread) @ turn.T
    return (left * 0.7 ** np.arange(size)) @ right.T @ inverse, root


@observed
def trained(generator, target, root, masks, chances, starts=3):
    """U and V of the least mean of |(A - U diag(mask) Vᵀ) S^(1/2)|² over masks, that mean, and the
    slope left there.
    """

    def fit(entries):
        v = entries.reshape(-1, masks.shape[1])
        images = root @ root @ v
        together = (masks.T * chances) @ masks
        u = np.linalg.solve((v.T @ images) * together, (target @ images * (chances @ masks)).T).T
        errors = ((u * masks[:, None]) @ v.T - target) @ root
        slopes = np.einsum("b,bmn,mr,br->nr", 2 * chances, errors @ root, u, masks)
        return chances @ np.sum(errors**2, axis=(1, 2)), slopes.ravel(), u, v

    options = {"maxiter": 2000, "ftol": 0, "gtol": 1e-9}
    guesses = np.linalg.qr(generator.normal(size=(starts, target.shape[1], masks.shape[1])))[
        0
    ].reshape(starts, -1)
    ends = [
        minimize(lambda x: fit(x)[:2], guess, jac=True, method="L-BFGS-B", options=options)
        for guess in guesses
    ]
    best = min(ends, key=lambda end: end.fun)
    return *fit(best.x)[2:], best.fun, np.linalg.norm(best.jac)


@predicted
def truncated(target, root, rank):
    """The best map of this rank, trunc_b(A S^(1/2)) S^(-1/2)."""
    left, values, right = np.linalg.svd(target @ root, full_matrices=False)
    return (left[:, :rank] * values[:rank]) @ right[:rank] @ np.linalg.inv(root)


@predicted
def nested_loss(target, root, chances):
    """Σ_b p_b Σ_{i>b} σ_i²."""
    squares = np.linalg.svd(target @ root, compute_uv=False) ** 2
    return sum(chance * squares[b:].sum() for b, chance in enumerate(chances, 1))


@predicted
def dropout_optimum(values, rank, kept):
    """The least Σ (a_i - q s_i)² + c T², |u_i| |v_i| = T/r, with c = q (1 - q)/r and s_i = (a_i - c
    T/q)_+ / q. T is Σ s_i = Σ_{i<=k} a_i/(q + k c/q), where k <= r singular values are above the
    threshold c T/q.
    """
    c = kept * (1 - kept) / rank
    total = brentq(
        lambda t: np.maximum(values[:rank] - c * t / kept, 0).sum() / kept - t,
        0,
        values.sum() / kept,
    )
    shrunk = np.maximum(values - c * total / kept, 0) / kept
    shrunk[rank:] = 0
    return np.sum((values - kept * shrunk) ** 2) + c * total**2, total / rank


def nested(trial, size, rank):
    """A and the root of S, the masks that keep the first b components, probabilities p_b, and what
    is trained.
    """
    trial.require(
        size >= rank, "no map of size by size + 1 has a larger rank: size must be at least rank"
    )
    generator = trial.generator()
    target, root = instance(generator, size)
    masks = np.tril(np.ones((rank, rank)))
    chances = generator.dirichlet(np.full(rank, 5.0)) * 0.7 + 0.3 / rank
    return target, root, masks, chances, trained(generator, target, root, masks, chances)


@claim(
    tried(
        "abstract: in special cases the SVD and PCA are recovered",
        "the least loss for any covariance of inputs",
    ),
    kind="optimality",
    cases=[(5, 3), (3, 2)],
)
def test_nested_minimum(trial, size: Size, rank: Rank):
    """A linear map $A$ meets inputs with $E x xᵀ = S$, positive definite, and $U_b$, $V_b$ are the
    first $b$ columns of $U$, $V$. For probabilities $p_b$ the least $∑_b p_b E |A x - U_b V_bᵀ x|²$
    over $U$ and $V$ is $∑_b p_b sum_{i>b} σ_i²$, where $σ_i$ are the singular values of
    $A S^(1/2)$.
    """
    target, root, _, chances, (_, _, loss, slope) = nested(trial, size, rank)
    equal = nested_loss(target, root, np.full(rank, 1 / rank))
    rivals = {
        "singular values of $A$": nested_loss(target, np.eye(size + 1), chances),
        "all cuts equally likely": equal,
    }
    trial.value(
        loss,
        nested_loss(target, root, chances),
        error=slope,
        margin=1e-5,
        instances="search",
        controls=rivals,
    )


@claim(
    tried(
        "abstract: in special cases the SVD and PCA are recovered",
        "each cut, for any covariance of inputs",
    ),
    kind="identity",
    cases=[(4, 3), (6, 2)],
)
def test_every_prefix(trial, size: Size, rank: Rank):
    """A linear map $A$ meets inputs with $E x xᵀ = S$, positive definite, and $U_b$, $V_b$ are the
    first $b$ columns of $U$, $V$. The singular values of $A S^(1/2)$ differ. Where
    $∑_b p_b E |A x - U_b V_bᵀ x|²$ is least, all $p_b > 0$, every $U_b V_bᵀ$ is $B_b S^(-1/2)$,
    where $B_b$ is the best approximation of $A S^(1/2)$ of rank $b$.
    """
    target, root, masks, _, (u, v, _, slope) = nested(trial, size, rank)

    def cuts(u, v):
        return np.array([(u * mask) @ v.T for mask in masks])

    def best(factor):
        return np.array([truncated(target, factor, b) for b in range(1, rank + 1)])

    turn = orthonormal(trial.generator("turn"), rank)
    # Along the flattest direction the slope is some hundredths of the distance.
    trial.value(
        cuts(u, v),
        best(root),
        error=1000 * slope,
        margin=1e-4,
        instances="search",
        controls={"SVD of $A$": best(np.eye(size + 1))},
        control_processes={"components turned": cuts(u @ turn, v @ turn)},
    )


@claim(
    known("Mianjy, Arora & Vidal 2018, here without rescaling"),
    kind="optimality",
    cases=[(5, 3, 0.5), (3, 3, 0.2), (6, 2, 0.9)],
)
def test_plain_dropout(
    trial,
    size: Size,
    rank: Rank,
    kept: Annotated[
        float,
        Interval(0.2, 0.9, why="at 1 nothing is dropped; below .2 hardly anything is learned"),
    ],
):
    """For white inputs, $E x xᵀ = I$, let each of $r$ components $u_i v_iᵀ$ be kept, $κ_i = 1$ and
    not 0, with the chance $q$. The least $E |A x - ∑_i κ_i u_i v_iᵀ x|²$ is
    $∑_i (a_i - q s_i)² + c T²$, and has all $|u_i| |v_i|$ equal to $T/r$. Here $a_i$ are the
    singular values of $A$, $c = q (1 - q)/r$, $T = ∑_i s_i$, and $s_i = (a_i - c T/q)_+/q$ for
    $i <= r$, else 0.
    """
    trial.require(
        size >= rank, "no map of size by size + 1 has a larger rank: size must be at least rank"
    )
    target, _ = instance(trial.generator(), size)
    masks = np.array(list(product([0.0, 1.0], repeat=rank)))
    chances = np.prod(np.where(masks == 1, kept, 1 - kept), axis=1)
    u, v, loss, slope = trained(trial.generator("starts"), target, np.eye(size + 1), masks, chances)
    values = np.linalg.svd(target, compute_uv=False)
    first, rest = np.split(values, [rank])
    least, length = dropout_optimum(values, rank, kept)
    ridge = (1 - kept) * np.sum(first**2) + np.sum(rest**2)

    def described(loss, lengths):
        """A loss, and |u_i| |v_i| of each component."""
        return np.append(loss, np.broadcast_to(lengths, rank))

    trial.value(
        described(loss, np.linalg.norm(u, axis=0) * np.linalg.norm(v, axis=0)),
        described(least, length),
        error=described(slope, 1000 * slope),
        margin=1e-4,
        instances="search",
        controls={
            "a penalty of its own each, $s_i = a_i$": described(ridge, first),
            "rescaled and free": described(np.sum(rest**2), first / kept),
        },
    )


@figure("F1", claims=("nested_minimum", "plain_dropout"))
def cuts(size=6, rank=5):
    """Only nested training leaves every cut at its optimum.

    Squared error of a map cut to its first $b$ components. Marks: line: singular values beyond $b$;
    points: trainings.
    """
    generator = np.random.default_rng(0)
    target, root = instance(generator, size)
    prefixes = np.tril(np.ones((rank, rank)))
    subsets = np.array(list(product([0.0, 1.0], repeat=rank)))
    schemes = {
        "nested": (prefixes, np.full(rank, 1 / rank)),
        "full rank alone": (prefixes[-1:], np.ones(1)),
    }
    schemes["independent dropout, q = 0.8"] = (
        subsets,
        np.prod(np.where(subsets == 1, 0.8, 0.2), axis=1),
    )
    points = {}
    b = np.arange(1, rank + 1)
    for name, scheme in schemes.items():
        u, v, _, _ = trained(generator, target, root, *scheme, starts=1)
        points[name] = b, [np.sum(((u[:, :j] @ v[:, :j].T - target) @ root) ** 2) for j in b]
    line = {"Σ σ_i² beyond b": (b, [nested_loss(target, root, np.eye(rank)[j - 1]) for j in b])}
    labels = {"x": "components b kept", "y": "squared error  (squared unit of the outputs)"}
    return chart(line, points, log="y", xticks=b, **labels)
