"""Horváth, Laskaridis, Rajput & Wang 2024, "Maestro: Uncovering Low-Rank Structures via Trainable Decomposition", ICML,
arXiv 2308.14929.

For whoever trains a nested low-rank layer once and cuts it to any rank later: nothing is lost at any cut, while
dropping components independently forbids the very order that the cuts need.

A linear map A (m, n) meets inputs with E x xᵀ = S, positive definite. U (m, r) and V (n, r) are trained with the first
b columns kept, b of probability p_b > 0; σ_1 > σ_2 > … are the singular values of A S^(1/2), with the symmetric
root. Plain dropout keeps each of the r components by itself with probability q and does not rescale.

Read: the abstract, which names the case of white inputs. Derived here: the values for every S, each prefix, plain
dropout. Not claimed: that training of deep networks reaches these minima; flat valleys slow it down even here.
Topic: linear algebra for learning.
"""

from itertools import product
from typing import Annotated

import numpy as np
from scipy.optimize import minimize

from theory_on_trial import claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Size = Annotated[
    int, Interval(3, 10, why="fewer hold no order of two; smaller singular values, each .7 of the last, learn slowly")
]
Rank = Annotated[int, Interval(2, 4, why="of one component there is no order; a search over all entries, many times")]
Kept = Annotated[float, Interval(0.2, 0.9, why="at 1 nothing is dropped; below .2 hardly anything is learned")]


def instance(generator, size):
    """A (size, size + 1), S and its root, with singular values σ of A S^(1/2) each .7 of the one before."""
    left, right = (np.linalg.qr(generator.normal(size=(n, size)))[0] for n in (size, size + 1))
    turn = np.linalg.qr(generator.normal(size=(size + 1, size + 1)))[0]
    spread = np.linspace(0.5, 2, size + 1)
    root, inverse = (turn * spread) @ turn.T, (turn / spread) @ turn.T
    return (left * 0.7 ** np.arange(size)) @ right.T @ inverse, root


def prefixes(rank, generator):
    """The masks that keep the first b components, and probabilities p_b."""
    return np.tril(np.ones((rank, rank))), generator.dirichlet(np.full(rank, 5.0)) * 0.7 + 0.3 / rank


@observed
def trained(generator, target, root, masks, chances, starts=3):
    """The least mean of |(A - U diag(mask) Vᵀ) S^(1/2)|² over masks, its U and V, and the slope that a search leaves.

    L-BFGS over V from random starts; for each V the best U solves a linear system.
    """
    shape, together = (target.shape[1], masks.shape[1]), (masks.T * chances) @ masks

    def fitted(flat):
        v = flat.reshape(shape)
        images = root @ root @ v
        u = np.linalg.solve((v.T @ images) * together, (target @ images * (chances @ masks)).T).T
        return u, v, (u * masks[:, None]) @ v.T - target

    def loss_and_slope(flat):
        u, _, errors = fitted(flat)
        slopes = np.einsum("b,bmn,mr,br->nr", 2 * chances, errors @ root @ root, u, masks)
        return chances @ np.sum((errors @ root) ** 2, axis=(1, 2)), slopes.ravel()

    options = {"maxiter": 2000, "ftol": 0, "gtol": 1e-9}
    begun = np.linalg.qr(generator.normal(size=(starts, *shape)))[0].reshape(starts, -1)
    ends = [minimize(loss_and_slope, x, jac=True, method="L-BFGS-B", options=options) for x in begun]
    best = min(ends, key=lambda end: end.fun)
    return best.fun, *fitted(best.x)[:2], np.linalg.norm(best.jac)


@predicted
def nested_loss(target, root, masks, chances):
    """Σ_b p_b Σ_{i>b} σ_i², where mask b keeps as many columns as it has ones."""
    tail = np.append(np.cumsum(np.linalg.svd(target @ root, compute_uv=False)[::-1] ** 2)[::-1], 0)
    return chances @ tail[masks.sum(axis=1).astype(int)]


@predicted
def truncated(target, root, rank):
    """The best map of this rank, trunc_b(A S^(1/2)) S^(-1/2)."""
    left, values, right = np.linalg.svd(target @ root, full_matrices=False)
    return (left[:, :rank] * values[:rank]) @ right[:rank] @ np.linalg.inv(root)


@predicted
def dropout_optimum(values, rank, kept):
    """The least Σ (a_i - q s_i)² + c T² and |u_i| |v_i| = T/r, with c = q (1 - q)/r and s_i = (a_i - c T/q)_+ / q.

    T = Σ s_i = Σ_{i<=k} a_i/(q + k c/q), where k <= r singular values are above the threshold c T/q.
    """
    c = kept * (1 - kept) / rank
    totals = [values[:k].sum() / (kept + k * c / kept) for k in range(1, rank + 1)]
    total = max(total for k, total in enumerate(totals) if values[k] > c * total / kept)
    shrunk = np.maximum(values - c * total / kept, 0) / kept
    shrunk[rank:] = 0
    return np.sum((values - kept * shrunk) ** 2) + c * total**2, total / rank


@claim(ours("derived by Eckart and Young's theorem for each b"), kind="optimality", cases=[(5, 3), (3, 2)])
def test_nested_minimum(trial, size: Size, rank: Rank):
    """The least Σ_b p_b E |A x - U_b V_bᵀ x|² over nested factors is Σ_b p_b Σ_{i>b} σ_i², all cuts at their own
    optimum, where σ_i are the singular values of A S^(1/2).
    """
    trial.require(size >= rank, "no map of size by size + 1 has a larger rank: size must be at least rank")
    generator = trial.generator()
    (target, root), (masks, chances) = instance(generator, size), prefixes(rank, generator)
    loss, _, _, slope = trained(generator, target, root, masks, chances)
    predict = nested_loss(target, root, masks, chances)
    wrong = {
        "singular values of A": nested_loss(target, np.eye(size + 1), masks, chances),
        "all cuts equally likely": nested_loss(target, root, masks, np.full(rank, 1 / rank)),
    }
    trial.value(loss, predict, error=slope, margin=1e-5, controls=wrong)


@claim(ours("derived by Eckart and Young's theorem for each b"), kind="identity", cases=[(4, 3), (6, 2)])
def test_every_prefix(trial, size: Size, rank: Rank):
    """At the nested optimum every prefix U_b V_bᵀ is the best map of its rank, the truncated A S^(1/2) times S^(-1/2):
    for A = I the inputs' principal components, and the singular vectors of A only where S is a multiple of I.
    """
    trial.require(size >= rank, "no map of size by size + 1 has a larger rank: size must be at least rank")
    generator = trial.generator()
    (target, root), (masks, chances) = instance(generator, size), prefixes(rank, generator)
    _, u, v, slope = trained(generator, target, root, masks, chances)
    cut = np.array([(u * mask) @ v.T for mask in masks])
    predict = np.array([truncated(target, root, b) for b in range(1, rank + 1)])
    turn = np.linalg.qr(generator.normal(size=(rank, rank)))[0]
    turned = np.array([(u @ turn * mask) @ (v @ turn).T for mask in masks])
    wrong = {"SVD of A": np.array([truncated(target, np.eye(size + 1), b) for b in range(1, rank + 1)])}
    # Along the flattest direction the slope is some hundredths of the distance.
    trial.value(
        cut, predict, error=1000 * slope, margin=1e-4, controls=wrong, wrong_processes={"components turned": turned}
    )


@claim(
    ours("derived: Cauchy and Schwarz on |A - q M|² + q (1 - q) Σ |u_i|² |v_i|²"),
    kind="optimality",
    cases=[(5, 3, 0.5), (3, 3, 0.2), (6, 2, 0.9)],
)
def test_plain_dropout(trial, size: Size, rank: Rank, kept: Kept):
    """For S = I and components kept independently with probability q the least loss is Σ (a_i - q s_i)² + c T², where
    every component has |u_i| |v_i| = T/r: an order of the components is not unlearned, it is forbidden.
    """
    trial.require(size >= rank, "no map of size by size + 1 has a larger rank: size must be at least rank")
    generator = trial.generator()
    target, _ = instance(generator, size)
    masks = np.array(list(product([0.0, 1.0], repeat=rank)))
    chances = np.prod(np.where(masks == 1, kept, 1 - kept), axis=1)
    loss, u, v, slope = trained(generator, target, np.eye(size + 1), masks, chances)
    measured = np.append(loss, np.linalg.norm(u, axis=0) * np.linalg.norm(v, axis=0))
    values = np.linalg.svd(target, compute_uv=False)
    least, each = dropout_optimum(values, rank, kept)
    ridge = (1 - kept) * np.sum(values[:rank] ** 2) + np.sum(values[rank:] ** 2)
    free = np.append(np.sum(values[rank:] ** 2), values[:rank] / kept)
    wrong = {"a penalty of its own each, s_i = a_i": np.append(ridge, values[:rank]), "rescaled and free": free}
    error = np.append(slope, np.full(rank, 1000 * slope))
    trial.value(measured, np.append(least, np.full(rank, each)), error=error, margin=1e-4, controls=wrong)


@figure("F1", claims=("nested_minimum", "plain_dropout"))
def cuts(size=6, rank=5):
    """Only nested training leaves every cut at its optimum.

    Squared error of a map that is cut to its first b components: the singular values beyond b, components that were
    trained as prefixes, at the full rank alone (in any rotation of them), and with independent dropout.
    """
    import matplotlib.pyplot as plt

    generator = np.random.default_rng(0)
    target, root = instance(generator, size)
    nested, chances = np.tril(np.ones((rank, rank))), np.full(rank, 1 / rank)
    dropped = np.array(list(product([0.0, 1.0], repeat=rank)))
    schemes = {
        "nested": (nested, chances),
        "full rank alone": (nested[-1:], np.ones(1)),
        "independent dropout, q = 0.8": (dropped, np.prod(np.where(dropped == 1, 0.8, 0.2), axis=1)),
    }
    drawn, axes = plt.subplots(figsize=(5.4, 3.4))
    b = np.arange(1, rank + 1)
    axes.semilogy(
        b,
        [nested_loss(target, root, nested[k - 1 : k], np.ones(1)) for k in b],
        color=COLOURS[0],
        label="Σ σ_i² beyond b",
    )
    for k, (name, (masks, weights)) in enumerate(schemes.items()):
        _, u, v, _ = trained(generator, target, root, masks, weights, starts=1)
        losses = [np.sum(((u[:, :j] @ v[:, :j].T - target) @ root) ** 2) for j in b]
        axes.semilogy(b, losses, "os^"[k], color=COLOURS[k + 1], label=name)
    axes.set(xlabel="components b kept", ylabel="squared error  (squared unit of the outputs)", xticks=b)
    axes.legend()
    return drawn
