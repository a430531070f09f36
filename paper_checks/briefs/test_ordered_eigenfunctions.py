"""Deng & Luo 2023, "Learning Neural Eigenfunctions for Unsupervised Semantic Segmentation", ICCV,
arXiv 2304.02841; Deng, Shi & Zhu 2022, "NeuralEF: Deconstructing Kernels by Deep Neural Networks",
ICML, arXiv 2205.00165.

For whoever trains ordered spectral features and chooses the penalty $α$: from which $α$ on are the
features ordered, and by which quantity?

Take away: with the ratio penalty there is nothing to tune. With the plain one $α$ must exceed the
largest $(λ_i − λ_j)/λ_i²$, or a column repeats an earlier one. Without stop-gradient the order is
lost, not the eigenvectors, once $α$ is large enough.

$K$ is a symmetric $N × N$ matrix with eigenvalues $λ_1 > λ_2 > … > 0$ and eigenvectors $v_l$. Unit
columns $ψ_1, …, ψ_k$ are trained, $R = ΨᵀKΨ$. Column $j$ ascends $R_{j j} − α sum_{i<j} R_{i j}²$
(plain) or $R_{j j} − sum_{i<j} R_{i j}²/R_{i i}$ (ratio), the earlier columns held constant by a
stop-gradient. Without it ("joint") all columns ascend $sum_j R_{j j} − α sum_{i<j} R_{i j}²$.

Edges: for equal eigenvalues only the space is determined. $K → s K$ divides both thresholds by $s$.
Just above the joint threshold $v_1, …, v_k$ may not be the best: for eigenvalues 1.3, 1.1, .45, .4,
.05, $k = 3$ and $α = .66$ (threshold .645) they attain 2.85, and another point attains 2.889.

Paper: it trains spectral features for segmentation with an ordered objective. This page studies the
objective on a matrix, with free columns in place of a network.

Abstract:

- Sentences 1 and 2: spectral clustering segments images by embeddings of pixels. No statement.
- Sentence 4: spectral embeddings are made by networks that are eigenfunctions. No statement.
- Sentence 5 and after: they are discrete, efficient to train, and segment well. Not on trial. It
  needs images and pre-trained models.
- Second paper, sentence 5: new objectives train networks to approximate the principal
  eigenfunctions of a kernel, without a costly step of orthogonalisation. In part: deflation,
  threshold, joint_optimum, unordered, joint_threshold. In order above thresholds of the penalty, on
  matrices with free columns in place of networks.

Read: section 3.4 and equation 5 of the first paper. Derived here: what the penalties deflate, and
both thresholds of $α$. Not claimed: that just above the joint threshold the ordered columns are the
global optimum, which is false for some $K$. Topic: representations.
"""

from itertools import permutations
from typing import Annotated

import numpy as np
from scipy.optimize import brentq, minimize

from paper_checks.briefs.common import orthonormal
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Dim = Annotated[int, Interval(5, 20, why="of K; larger ones take long")]
Columns = Annotated[int, Interval(2, 4, why="one column needs no penalty; all orders are tried")]
Strength = Annotated[float, Interval(2, 10, why="α λ_k; beyond, the search creeps along R_ij = 0")]


SPECTRA = 230
"""Drawn spectra a case, of the claims that none decides for all."""


def spectrum(generator, dim, columns):
    """Eigenvalues below 1, the first k + 1 of which are between .02 and .8 apart, random
    eigenvectors, and K.
    """
    gaps = generator.uniform(0.2, 2.2, columns + 1)
    gaps *= 0.9 / gaps.sum()
    tail = (1 - gaps.sum()) * np.linspace(0.9, 0.1, dim - columns - 1)
    values = np.append(1 - np.cumsum(gaps), tail)
    vectors = orthonormal(generator, dim)
    return values, vectors, (vectors * values) @ vectors.T


def spectra(generator, dim, columns):
    """`SPECTRA` of them: (count, n), (count, n, n) and (count, n, n)."""
    drawn = zip(*(spectrum(generator, dim, columns) for _ in range(SPECTRA)), strict=True)
    return tuple(map(np.array, drawn))


@observed
def quadratic_form(k, earlier, alpha):
    """The matrix of what a column ascends, the earlier ones being constant, by polarisation; α =
    None is the ratio.
    """

    def objective(psi):
        r = np.einsum("...i,ij,...j->...", psi, k, psi)
        for other in earlier.T:
            r = r - (1 / (other @ k @ other) if alpha is None else alpha) * (psi @ k @ other) ** 2
        return r

    basis = np.eye(len(k))
    own = objective(basis)
    return (objective(basis[:, None] + basis) - own[:, None] - own) / 2


@observed
def learned(k, columns, alpha):
    """Columns that each maximise their own objective, in order, of one K or of many."""
    psi = []
    form = k
    for _ in range(columns):
        psi.append(np.linalg.eigh(form)[1][..., -1:])
        pull = k @ psi[-1]
        form = form - alpha * pull * np.swapaxes(pull, -1, -2)
    return np.concatenate(psi, axis=-1)


@predicted
def deflated(values, vectors, count, alpha):
    """K less λ_i v_i v_iᵀ (ratio), or less α λ_i² v_i v_iᵀ, for i up to `count`."""
    losses = values.copy() if alpha is None else alpha * values**2
    losses[count:] = 0
    return (vectors * (values - losses)) @ vectors.T


@claim(
    derived("$K v_i = λ_i v_i$"), kind="identity", cases=[(8, 3, 0.7), (5, 2, 10.0), (20, 4, 0.1)]
)
def test_deflation(
    trial,
    dim: Dim,
    columns: Columns,
    penalty: Annotated[
        float, Interval(0.1, 10, why="of the unit in which the eigenvalues are between 0 and 1")
    ],
):
    """Let $K$ have eigenvalues $λ_i$ and eigenvectors $v_i$, and let the earlier columns be
    $v_1, …, v_(j−1)$. The objective of the next column $ψ$ is $ψᵀ(K − ∑_i λ_i v_i v_iᵀ)ψ$ with the
    ratio penalty $∑_i (v_iᵀKψ)²/λ_i$, and $ψᵀ(K − α ∑_i λ_i² v_i v_iᵀ)ψ$ with the plain one
    $α ∑_i (v_iᵀKψ)²$, summed over $i < j$.
    """
    values, vectors, k = spectrum(trial.generator(), dim, columns)
    forms = np.array(
        [quadratic_form(k, vectors[:, : columns - 1], alpha) for alpha in (None, penalty)]
    )
    law = np.array([deflated(values, vectors, columns - 1, alpha) for alpha in (None, penalty)])
    full = deflated(values, vectors, columns - 1, None)
    controls = {"no deflation": np.array([k, k]), "both deflate exactly": np.array([full, full])}
    trial.identity(
        forms,
        law,
        ops=50 * dim * (1 + penalty),
        generic="both sides are polynomials in the entries of the eigenvectors",
        controls=controls,
    )


@predicted
def order_threshold(values, columns):
    """The largest (λ_i − λ_j)/λ_i² over i < j ≤ k: else deflated λ_i still exceeds λ_j."""
    pairs = [(i, j) for j in range(columns) for i in range(j)]
    each = [(values[..., i] - values[..., j]) / values[..., i] ** 2 for i, j in pairs]
    return np.max(each, axis=0)


@observed
def found_threshold(k, vectors, columns):
    """The least α at which the learned columns are v_1 … v_k in order, by bisection to 1e-8; of
    many K one each.
    """
    high = np.full((len(k), 1, 1), 100.0)
    low = np.zeros_like(high)
    for _ in range(34):
        middle = (low + high) / 2
        met = np.abs(np.sum(vectors[..., :columns] * learned(k, columns, middle), axis=-2))
        in_order = np.min(met, axis=-1)[:, None, None] > 0.7
        low, high = np.where(in_order, low, middle), np.where(in_order, middle, high)
    return high[:, 0, 0]


@claim(
    derived("the top eigenvector of what is left"), kind="identity", cases=[(8, 3), (5, 2), (12, 4)]
)
def test_threshold(trial, dim: Dim, columns: Columns):
    """Let $K$ have eigenvalues $λ_1 > λ_2 > … > 0$ and eigenvectors $v_i$. If unit columns $ψ_j$
    maximise $ψ_jᵀKψ_j − α sum_{i<j} (ψ_iᵀKψ_j)²$ one after another, the first $k$ are
    $v_1, …, v_k$, up to signs, if and only if $α > (λ_i − λ_j)/λ_i²$ for all $i < j ≤ k$.
    """
    values, vectors, k = spectra(trial.generator(), dim, columns)
    law = order_threshold(values, columns)
    controls = {
        "$1/λ_1$, which deflates $v_1$ to 0": 1 / values[:, 0],
        "$1/λ_k$, which deflates all to 0 or less": 1 / values[:, columns - 1],
    }
    trial.value(
        found_threshold(k, vectors, columns),
        law,
        error=1e-8,
        margin=1e-5,
        independent=SPECTRA,
        controls=controls,
    )


@observed
def joint(k, x, alpha):
    """The joint objective at normalised columns of X, and its gradient in X; of many X, complex
    ones too.
    """
    norms = np.sqrt(np.sum(x**2, axis=-2, keepdims=True))
    psi = x / norms
    r = np.swapaxes(psi, -1, -2) @ k @ psi
    off = r * (1 - np.eye(r.shape[-1]))
    pull = 2 * k @ (psi - alpha * psi @ off)
    value = np.trace(r, axis1=-2, axis2=-1) - alpha / 2 * np.sum(off**2, axis=(-2, -1))
    return value, (pull - psi * np.sum(psi * pull, axis=-2, keepdims=True)) / norms


@observed
def best_of_joint(k, generator, columns, alpha):
    """The largest joint objective over six BFGS searches from random columns, and its decrement."""

    def descend(x):
        value, slope = joint(k, x.reshape(-1, columns), alpha)
        return -value, -slope.ravel()

    starts = generator.normal(size=(6, len(k) * columns))
    searches = [minimize(descend, start, jac=True, options={"gtol": 1e-9}) for start in starts]
    best = min(searches, key=lambda search: search.fun)
    return -best.fun, best.jac @ best.hess_inv @ best.jac


@predicted
def sum_of_leading(values, columns):
    """Σ λ_l over l ≤ k."""
    return np.sum(values[:columns])


def joint_setting(trial, dim, columns, strength):
    """Eigenvalues, eigenvectors, K and α = strength/λ_k."""
    values, vectors, k = spectrum(trial.generator(), dim, columns)
    return values, vectors, k, strength / values[columns - 1]


@claim(
    derived("Jensen's inequality on the diagonal of $R$"),
    kind="optimality",
    cases=[(8, 3, 2.0), (5, 2, 5.0)],
)
def test_joint_optimum(trial, dim: Dim, columns: Columns, strength: Strength):
    """Let $K$ have eigenvalues $λ_1 > λ_2 > … > 0$ and $R = ΨᵀKΨ$ with $k$ unit columns in $Ψ$. If
    $α >= 2/λ_k$, the largest value of $sum_j R_{j j} − α sum_{i<j} R_{i j}²$ over all $Ψ$ is
    $λ_1 + … + λ_k$.
    """
    values, _, k, alpha = joint_setting(trial, dim, columns, strength)
    law = sum_of_leading(values, columns)
    best, decrement = best_of_joint(k, trial.generator("starts"), columns, alpha)
    trial.value(
        best,
        law,
        error=10 * decrement + 1e-9,
        margin=1e-3 * law,
        instances="search",
        controls={
            "all columns may be $v_1$": columns * values[0],
            "the trace of $K$": values.sum(),
        },
    )


@claim(
    tried(
        "section 3.4: a stop-gradient establishes the asymmetry",
        "that all orders are as good without it",
    ),
    kind="identity",
    cases=[(8, 3, 2.0), (5, 2, 5.0)],
)
def test_unordered(trial, dim: Dim, columns: Columns, strength: Strength):
    """Let $K$ have eigenvalues $λ_1 > λ_2 > … > 0$ and eigenvectors $v_i$, and $R = ΨᵀKΨ$. The
    joint objective $sum_j R_{j j} − α sum_{i<j} R_{i j}²$ is $λ_1 + … + λ_k$ if the columns of $Ψ$
    are $v_1, …, v_k$, in each of their $k!$ orders.
    """
    values, vectors, k, alpha = joint_setting(trial, dim, columns, strength)
    orders = np.array(list(permutations(range(columns))))
    in_place = np.sum(values[orders] * (orders == np.arange(columns)), axis=1)
    trial.identity(
        np.array([joint(k, vectors[:, order], alpha)[0] for order in orders]),
        np.full(len(orders), sum_of_leading(values, columns)),
        ops=50 * dim * (1 + alpha),
        generic="both sides are polynomials in the entries of the eigenvectors",
        controls={"a column counts in its place alone": in_place},
    )


@observed
def local_threshold(k, psi):
    """The α at which the joint Hessian along the spheres becomes negative definite at these columns
    of one K.
    """
    steps = 1e-30j * np.eye(psi.size).reshape(-1, *psi.shape)
    flat = [joint(k, psi + steps, alpha)[1].imag.reshape(psi.size, -1) / 1e-30 for alpha in (0, 1)]
    radial = np.concatenate([np.diag(entry) for entry in psi])
    tangent = np.linalg.svd(radial)[0][:, psi.shape[1] :]
    free = tangent.T @ flat[0] @ tangent
    unit = tangent.T @ flat[1] @ tangent
    return brentq(
        lambda alpha: np.linalg.eigvalsh(free + alpha * (unit - free))[-1], 0, 1e3, xtol=1e-13
    )


@predicted
def joint_threshold(values, columns):
    """1/(λ_{k − 1} + λ_k), from the 2×2 block of the last pair of columns."""
    return 1 / (values[..., columns - 2] + values[..., columns - 1])


@claim(derived("2×2 blocks of the Hessian"), kind="identity", cases=[(8, 3), (5, 2), (12, 4)])
def test_joint_threshold(trial, dim: Dim, columns: Columns):
    """Let $K$ have eigenvalues $λ_1 > λ_2 > … > 0$ and eigenvectors $v_i$, and $R = ΨᵀKΨ$ with
    $k ≥ 2$ unit columns in $Ψ$. Up to signs $Ψ = (v_1, …, v_k)$ is a strict local maximum of
    $sum_j R_{j j} − α sum_{i<j} R_{i j}²$ for $α > 1/(λ_{k − 1} + λ_k)$, and no local maximum for
    smaller $α$.
    """
    values, vectors, k = spectra(trial.generator(), dim, columns)
    law = joint_threshold(values, columns)
    last = values[:, columns - 1]
    trial.value(
        [local_threshold(*each) for each in zip(k, vectors[..., :columns], strict=True)],
        law,
        error=1e-8,
        margin=1e-5,
        independent=SPECTRA,
        controls={"$1/(2 λ_k)$, as of equal ones": 0.5 / last, "$1/λ_k$": 1 / last},
    )


@figure("F1", claims=("threshold",))
def third_column(dim: int = 12):
    """Below a threshold of $α$ a column repeats an earlier one: what the third column attains
    against the penalty.

    $K$ has the eigenvalues .9, .7, .5, .3, … Lines: what is left of the first three under the plain
    penalty. Points: the third column, the first two being learned before it. Dotted: the threshold,
    which is (.9 − .5)/.81 here.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(figsize=(5.4, 3.0))
    values = np.append([0.9, 0.7, 0.5], np.linspace(0.3, 0.05, dim - 3))
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, dim)))[0]
    alphas = np.linspace(0.26, 0.9, 30)
    k = (vectors * values) @ vectors.T
    left = np.array(
        [np.diag(vectors.T @ deflated(values, vectors, 2, alpha) @ vectors)[:3] for alpha in alphas]
    )
    for row in range(3):
        axes.plot(alphas, left[:, row], color=COLOURS[row], label=f"left of λ_{row + 1}")
    peaks = [
        np.linalg.eigvalsh(quadratic_form(k, learned(k, 2, alpha), alpha))[-1] for alpha in alphas
    ]
    axes.plot(alphas, peaks, "o", color=COLOURS[6], label="third column")
    axes.axvline(order_threshold(values, 3), color=COLOURS[6], linestyle=":", label="threshold")
    axes.set(xlabel="penalty α (dimensionless)", ylabel="objective of column 3")
    axes.legend(loc="upper right")
    return fig
