"""Zhai et al. 2024, "Spectrally Transformed Kernel Regression", ICLR, arXiv 2402.00645.

For one who brings unlabelled data into a kernel: how to compute the transformed kernel without
eigenvectors, and how far off it is on average when the law of the data is known from a sample only.

Take away: a polynomial of the kernel needs products with $K$ and the law of the data, but no
eigenvectors. If that law is estimated from $N$ draws, the square is right on average, as it is
linear in the law, and the cube has a bias of the order $1/N$.

The domain is finite, with the law $μ > 0$ ($M$ its diagonal matrix) and the kernel matrix $K$.
$λ_i$, $ψ_i$ are the eigenpairs of $K M$, with $ψ' M ψ = I$, and the transformed kernel is
$K_s = ∑_i s(λ_i) ψ_i ψ_i'$. $K_p$ stands for $s(x) = x^p$, so that $K_1 = K$.

Edges: as $η λ_1 → 1$ the inverse becomes ill-conditioned. Powers cannot give an $s$ with
$s(0) ≠ 0$. If eigenvalues are equal, a cut between them is ambiguous.

Paper: it studies kernel regression with an unknown or known transform of the spectrum, for
semi-supervised learning, with bounds and experiments. This page treats its algebra on a finite
domain.

Abstract:

- Sentence 2: unlabelled data impose smoothness, by the similarities that a kernel encodes. No
  statement.
- Sentences 3 and 4: spectral transforms of a kernel exploit the law of the data. No statement.
- Sentence 5: a universal kind of smoothness is characterised, and every sufficiently smooth
  function can be learned so. Not on trial. Nothing is learned here.
- Sentence 6: there are scalable implementations for new points and general transforms. In part:
  no_eigenvectors, inverse_laplacian, truncation, representer. The algebra on a finite domain: a
  polynomial needs no eigenvectors.
- Sentence 7: there are guarantees for a known polynomial, and for kernel PCA if the transform is
  unknown. In part: sample_bias, truncated_ridge. The bias from a sample, and which ridge regression
  kernel PCA leads to; errors of prediction are not on trial.

Read: the abstract ("STKR with a known polynomial transformation"). Recalled: the representer
theorem. Derived here: all other identities. Not claimed: how well any of the fits predicts. Topic:
linear algebra for learning.
"""

import itertools
from typing import Annotated

import numpy as np

from theory_on_trial import (
    claim,
    derived,
    known,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Points = Annotated[
    int, Interval(2, 30, why="one point leaves nothing to transform; beyond, nothing new happens")
]
Share = Annotated[float, Interval(0.1, 0.99, why="η λ_1: towards 1 the inverse is ill-conditioned")]
Labels = Annotated[
    int, Interval(1, 30, why="a fit needs a label; points may be labelled repeatedly")
]
Ridge = Annotated[
    float, Interval(0.05, 10, why="below, the system is ill-conditioned; above, the fit is 0")
]
FewPoints = Annotated[int, Interval(2, 4, why="all points^draws samples are listed")]
Draws = Annotated[int, Interval(1, 6, why="all points^draws samples are listed")]


def domain(generator, points, share=0.5):
    """A kernel matrix of points of the plane, a law that is not uniform, and η, a share of
    1/λ_1.
    """
    places = generator.normal(size=(points, 2))
    sizes, chances = generator.uniform(0.3, 1.7, (2, points))
    kernel = np.outer(sizes, sizes) * np.exp(-np.sum((places[:, None] - places) ** 2, axis=-1) / 2)
    chances = chances / chances.sum()
    return kernel, chances, share / np.abs(np.linalg.eigvals(kernel * chances)).max()


@observed
def features(kernel, chances, coefficients=(1.0,), eta=0.0):
    """Columns sqrt(s(λ_i)) ψ_i, s(x) = sum of π_p x^p / (1 - η x), by eigenvectors of M^(1/2) K
    M^(1/2).
    """
    root = np.sqrt(chances)
    values, vectors = np.linalg.eigh(root[:, None] * kernel * root)
    x = np.maximum(values, 0)
    return (
        vectors / root[:, None] * np.sqrt(np.polyval([*coefficients[::-1], 0], x) / (1 - eta * x))
    )


@observed
def mean_over_samples(kernel, chances, draws, exponent):
    """K_p with μ replaced by the frequencies of a sample, averaged over all samples."""
    samples = np.array(list(itertools.product(range(len(chances)), repeat=draws)))
    frequencies = np.mean(samples[:, :, None] == np.arange(len(chances)), axis=1)
    powers = kernel @ np.linalg.matrix_power(frequencies[:, :, None] * kernel, exponent - 1)
    return np.tensordot(np.prod(chances[samples], axis=1), powers, 1)


@predicted
def transform(kernel, chances, coefficients=(1.0,), eta=0.0):
    """K_s of the same s: (I - η K M)^(-1) times the sum of π_p K (M K)^(p - 1)."""
    powers = sum(
        pi * np.linalg.matrix_power(chances[:, None] * kernel, p)
        for p, pi in enumerate(coefficients)
    )
    return np.linalg.solve(np.eye(len(kernel)) - eta * kernel * chances, kernel @ powers)


@predicted
def fit(kernel_s, labelled, labels, ridge):
    """K_s(., X) (K_s(X, X) + n β I)^(-1) y."""
    gram = kernel_s[np.ix_(labelled, labelled)] + len(labels) * ridge * np.eye(len(labels))
    return kernel_s[:, labelled] @ np.linalg.solve(gram, labels)


@observed
def leading_features(kernel, chances, kept):
    """The columns ψ_1 … ψ_d, by eigenvectors of M^(1/2) K M^(1/2)."""
    root = np.sqrt(chances)
    vectors = np.linalg.eigh(root[:, None] * kernel * root)[1]
    return vectors[:, ::-1][:, :kept] / root[:, None]


@predicted
def kernel_values(kernel, chances, kept):
    """Σ_{i<=d} ψ_i ψ_i', as the projection of K M on its leading right and left eigenvectors."""
    values, right = np.linalg.eig(kernel * chances)
    left = np.linalg.inv(right)
    order = np.argsort(-values.real)[:kept]
    return (right[:, order] @ left[order]).real / chances


@predicted
def mean_of_cubes(kernel, chances, draws):
    """The mean of the empirical K_3: (1 - 1/N) K_3 + (1/N) K M diag(K) K."""
    coinciding = kernel * chances * np.diag(kernel) @ kernel
    return (1 - 1 / draws) * transform(kernel, chances, [0, 0, 1]) + coinciding / draws


@claim(
    tried(
        "abstract, sentence 6: scalable implementations for a general transformation",
        "polynomials on a finite domain",
    ),
    kind="identity",
    cases=[(12, 3), (2, 2)],
)
def test_no_eigenvectors(
    trial,
    points: Points,
    degree: Annotated[
        int, Interval(2, 8, why="of degree 1 nothing is transformed; higher ones see λ_1 only")
    ],
):
    """On a finite domain with the law $M = diag(μ)$ and the kernel matrix $K$, $K M$ has eigenpairs
    $λ_i$, $ψ_i$ with $ψᵀ M ψ = 1$. For $s(x) = ∑_p π_p x^p$, $p >= 1$,
    $∑_i s(λ_i) ψ_i ψ_iᵀ = ∑_p π_p K (M K)^(p-1)$.
    """
    generator = trial.generator("domain")
    kernel, chances, _ = domain(generator, points)
    coefficients = generator.uniform(0.2, 1, degree)
    uniform = np.full(points, 1 / points)
    root = features(kernel, chances, coefficients)
    trial.identity(
        root @ root.T,
        transform(kernel, chances, coefficients),
        ops=10 * points * degree,
        scale=degree / np.sqrt(np.outer(chances, chances)),
        generic="both sides are polynomials in the kernel's entries and the chances",
        controls={
            "uniform $μ$": transform(kernel, uniform, coefficients),
            "powers of entries": sum(pi * kernel**p for p, pi in enumerate(coefficients, 1)),
        },
    )


@claim(
    derived("a geometric series of $K M$"),
    kind="identity",
    cases=[(12, 0.9), (2, 0.1)],
)
def test_inverse_laplacian(trial, points: Points, share: Share):
    """On a finite domain with the law $M = diag(μ)$ and the kernel matrix $K$, $K M$ has eigenpairs
    $λ_i$, $ψ_i$ with $ψᵀ M ψ = 1$. For $s(x) = x/(1 - η x)$, $0 < η < 1/λ_1$,
    $∑_i s(λ_i) ψ_i ψ_iᵀ = (I - η K M)⁻¹ K$.
    """
    kernel, chances, eta = domain(trial.generator("domain"), points, share)
    root = features(kernel, chances, eta=eta)
    trial.identity(
        root @ root.T,
        transform(kernel, chances, eta=eta),
        ops=10 * points,
        # the derivative of s at the largest eigenvalue
        scale=1 / np.sqrt(np.outer(chances, chances)) / (1 - share) ** 2,
        generic="both sides are rational in the kernel's entries and the chances",
        controls={
            "uniform $μ$": transform(kernel, np.full(points, 1 / points), eta=eta),
            "$K$ itself": kernel,
        },
    )


@claim(
    derived("a geometric tail"),
    kind="identity",
    cases=[(12, 0.9, 5), (9, 0.5, 19), (2, 0.1, 1)],
)
def test_truncation(
    trial,
    points: Points,
    share: Share,
    terms: Annotated[
        int, Interval(1, 40, why="a series has a term; beyond, the remainder is below rounding")
    ],
):
    """On a finite domain with the law $M = diag(μ)$ and the kernel matrix $K$, $K M$ has eigenpairs
    $λ_i$, $ψ_i$ with $ψᵀ M ψ = 1$. The kernel $∑_i s(λ_i) ψ_i ψ_iᵀ$ of $s(x) = x/(1 - η x)$, cut
    after $q$ terms of its series $x + η x² + …$, has the operator error $λ_1 (η λ_1)^q/(1 - η λ_1)$
    in $L²(μ)$.
    """
    trial.require(
        share**terms >= 1e-6,
        "share^terms must be at least 1e-6: rounding hides a smaller remainder",
    )
    kernel, chances, eta = domain(trial.generator("domain"), points, share)
    root = features(kernel, chances, eta=eta)
    largest = share / eta
    difference = root @ root.T - transform(kernel, chances, eta ** np.arange(terms))
    # The norm of the difference as an operator on L²(μ).
    error = np.linalg.norm(np.sqrt(np.outer(chances, chances)) * difference, 2)
    law = largest * share**terms / (1 - share)
    controls = {
        "the first omitted term alone": law * (1 - share),
        "all terms after the first omitted one": law * share,
    }
    trial.identity(
        error,
        law,
        ops=10 * points,
        scale=points * largest / (1 - share) ** 2,
        generic="the norm and the law are analytic where the largest eigenvalue is simple",
        controls=controls,
    )


@claim(
    known("Kimeldorf & Wahba 1971, the representer theorem"),
    kind="identity",
    cases=[(12, 6, 0.9, 0.05), (2, 1, 0.1, 10.0)],
)
def test_representer(trial, points: Points, labelled: Labels, share: Share, ridge: Ridge):
    """Let $K_s$ be a spectrally transformed kernel and $X$ the points of $n$ labels $y$. The $f$
    with the least mean of $(f(x_i) - y_i)²$ plus $β |f|²$, in the norm of $K_s$, is
    $K_s(·, X) (K_s(X, X) + n β I)⁻¹ y$.
    """
    generator = trial.generator("domain")
    kernel, chances, eta = domain(generator, points, share)
    chosen = np.arange(labelled) ** 2 % points  # some points more than once
    labels = generator.normal(size=labelled)
    kernel_s = transform(kernel, chances, eta=eta)
    root = features(kernel, chances, eta=eta)
    design = np.vstack([root[chosen], np.sqrt(ridge * labelled) * np.eye(points)])
    measured = root @ np.linalg.lstsq(design, np.append(labels, np.zeros(points)))[0]
    controls = {"$K$ itself, without a transform": fit(kernel, chosen, labels, ridge)}
    if labelled > 1:
        controls["$β$ without $n$"] = fit(kernel_s, chosen, labels, ridge / labelled)
    scale = (1 + np.trace(kernel_s) / ridge) / (1 - share) * np.abs(labels).max()
    trial.identity(
        measured,
        fit(kernel_s, chosen, labels, ridge),
        ops=10 * points,
        scale=scale,
        generic="both sides are rational in the kernel's entries, the chances and the labels",
        controls=controls,
    )


@claim(
    derived("$s = 1$ on the first $d$ eigenvalues"),
    kind="identity",
    cases=[(12, 3, 20, 0.05), (6, 2, 8, 10.0)],
)
def test_truncated_ridge(
    trial,
    points: Points,
    kept: Annotated[int, Interval(1, 6, why="small eigenvalues are nearly tied")],
    labelled: Labels,
    ridge: Ridge,
):
    """On a finite domain with the law $M = diag(μ)$ and the kernel matrix $K$, $K M$ has eigenpairs
    $λ_i$, $ψ_i$ with $ψᵀ M ψ = 1$. Kernel ridge regression with $sum_{i<=d} ψ_i ψ_iᵀ$ is ridge
    regression on $ψ_1, …, ψ_d$ with the same penalty.
    """
    trial.require(kept < points, "kept must be below points: else nothing is cut")
    generator = trial.generator("domain")
    kernel, chances, _ = domain(generator, points)
    chosen = np.arange(labelled) ** 2 % points  # some points more than once
    labels = generator.normal(size=labelled)
    psi = leading_features(kernel, chances, kept)
    design = np.vstack([psi[chosen], np.sqrt(ridge * labelled) * np.eye(kept)])
    measured = psi @ np.linalg.lstsq(design, np.append(labels, np.zeros(kept)))[0]
    values = [kernel_values(kernel, chances, count) for count in (kept, kept + 1)]
    trial.identity(
        measured,
        fit(values[0], chosen, labels, ridge),
        ops=100 * points,
        scale=(1 + points / chances.min() / ridge) * np.abs(labels).max(),
        generic="both sides are analytic in the kernel where its eigenvalues are distinct",
        controls={
            "$K$ itself": fit(kernel, chosen, labels, ridge),
            "cut after $d + 1$ eigenvectors": fit(values[1], chosen, labels, ridge),
        },
    )


@claim(derived("which of the draws coincide"), kind="identity", cases=[(4, 3), (2, 1), (3, 6)])
def test_sample_bias(trial, points: FewPoints, draws: Draws):
    """On a finite domain with the law $M = diag(μ)$ and the kernel matrix $K$, let $M̂$ hold the
    frequencies of $N$ draws. Then $K M̂ K M̂ K$ has the mean
    $(1 - 1/N) K M K M K + (1/N) K M diag(K_{1 1}, K_{2 2}, …) K$.
    """
    kernel, chances, _ = domain(trial.generator("domain"), points)
    third = transform(kernel, chances, [0, 0, 1])
    trial.identity(
        mean_over_samples(kernel, chances, draws, 3),
        mean_of_cubes(kernel, chances, draws),
        ops=points**draws,
        generic="both sides are polynomials in the kernel's entries and the chances",
        controls={"unbiased": third},
    )


@figure("F1", claims=("sample_bias",))
def bias_of_powers(points: int = 4, most: int = 6):
    """A transformed kernel from a sample is biased upwards from the cube on, by a share that falls
    like $1/N$.

    Means of the empirical $K_2$ and $K_3$, traces over the population's. Marks: lines: theory;
    points: all samples.
    """
    kernel, chances, _ = domain(np.random.default_rng(0), points)
    sizes = np.arange(1, most + 1)
    means = {}
    for p, coefficients in ((2, [0, 1]), (3, [0, 0, 1])):
        trace = np.trace(transform(kernel, chances, coefficients))
        means[f"K_{p}"] = (
            sizes,
            [np.trace(mean_over_samples(kernel, chances, n, p)) / trace for n in sizes],
        )
    fine = np.linspace(1, most, 60)
    cubes = [np.trace(mean_of_cubes(kernel, chances, n)) / trace for n in fine]
    lines = {"K_2": (fine, 1.0), "K_3": (fine, cubes)}
    return chart(lines, means, x="draws N", y="mean trace / trace of the population")
