"""Ge, Tang, Fan & Jin 2024, "On the Provable Advantage of Unsupervised Pretraining", ICLR,
arXiv 2303.01566.

For whoever must decide whether $m$ unlabeled samples beat labels.

Take away: with $k$ features from $m$ unlabeled samples and $n$ labels the excess error is about
$(c/m)(1 + k/(n − k − 1)) + σ² k/(n − k − 1)$, a fast rate with its constant (`subspace`,
`given_features`). From this follows the $m*$ at which pretraining breaks even (`break_even`).
Principal components are not the maximum of the likelihood: if the noise is unequal, they may lose
all that the factors explain (`floors-principal_components`), while maximum likelihood loses nothing
in the limit (`floors-likelihood`).

The inputs $x$ in $R^d$ are $N(0, Σ)$, $Σ = U diag(λ) Uᵀ + τ² (I − U Uᵀ)$ with $U$ of $k$
orthonormal columns and $λ_i > τ²$; $y = θᵀx + ε$ with $Var ε = σ²$. $Û$ are the top $k$ principal
components of $m$ unlabeled $x$, and least squares without intercept regresses $y$ on $Ûᵀx$ with $n$
labels. The excess of a prediction $ŷ$ is $E (ŷ − θᵀx)²$, and $δ$ is that of the best linear
function of the features. In a factor model $x = Λ z + e$ with $z ~ N(0, 1)$ and $e ~ N(0, diag ψ)$,
and $y = a z + ε$.

Edges: with $n <= k + 1$ labels the mean excess is infinite, and with $n <= k + 3$ the variance is.
The first order is 5 to 7 % too low at $m = 100$. For $k + 1 < n <= d + 1$ plain supervised least
squares has an infinite mean or no unique solution; the solution of least norm is not covered. With
two loadings a factor model is not identified.

Paper: latent variable models are fitted by likelihood to unlabeled data, and a predictor to labels;
the excess risk is bounded by $√(C_Φ/m) + √(C_Ψ/n)$. This page computes the excess itself, for
linear factors.

Abstract:

- Sentence 1: unsupervised pretraining is a critical part of modern systems. Not on trial. It is
  about practice.
- Sentences 3 and 4: a framework has likelihood for latent variable models and risk minimisation for
  the task. No statement.
- Sentence 5, first half: this needs an informative condition. In part: floors, floors-crossing,
  floors-principal_components. What the features miss stays as a floor.
- Sentence 5, second half: the excess risk is of the order $√(C_Φ/m) + √(C_Ψ/n)$. In part:
  given_features, subspace. For linear factors with squared loss both rates are fast, without roots.
- Sentence 6: pretraining helps when $m$ is much larger than $n$ and features are fewer than inputs.
  In part: break_even. In one model, with principal components: it helps beyond $m*$, to first
  order.
- Sentence 7: the framework covers factor models, mixtures and contrastive learning. In part:
  floors-likelihood. Factor models alone.

Read: the abstract. Recalled: the mean error for given features (Breiman & Freedman 1983). Derived
here: all other forms. Not claimed: anything on the general theorem. Topic: learning.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq

from paper_checks.briefs.common import orthonormal
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
from theory_on_trial.laws import Asymptotic, RatioOfMeans

Dimension = Annotated[int, Interval(4, 12, why="d; more than the features")]
Features = Annotated[int, Interval(1, 3, why="k; fewer than inputs")]
Loading = Annotated[float, Interval(0.3, 3, why="of the last coordinate; at 0 any estimate does")]
Uneven = Annotated[float, Interval(0.7, 4, why="noise of the last coordinate; at ½ all is equal")]


def spiked(generator, dim, features, gap):
    """U (d, k), λ (k,) and Σ (d, d) with τ² = ½ and λ from 2.2 gap τ² down to gap τ²."""
    basis = orthonormal(generator, dim, features)
    spikes = 0.5 * gap * np.linspace(2.2, 1.0, features) if features > 1 else np.array([0.5 * gap])
    return basis, spikes, basis * (spikes - 0.5) @ basis.T + 0.5 * np.eye(dim)


def one_factor(loading, noise):
    """Λ = (1, 1, 1, last) and ψ = (½, ½, ½, last)."""
    return np.array([1.0, 1.0, 1.0, loading]), np.array([0.5, 0.5, 0.5, noise])


def check_labels(labels, features):
    """Raises ValueError unless the mean excess is finite, n > k + 1."""
    if labels <= features + 1:
        raise ValueError("labels must exceed features + 1: else the mean excess is infinite")


@predicted(about="population_floor")
def excess_of_features(floor, noise, features, labels):
    """δ + (σ² + δ) k/(n − k − 1)."""
    check_labels(labels, features)
    return floor + (noise + floor) * features / (labels - features - 1)


@predicted
def subspace_constant(weights, spikes, rest, dim):
    """The constant c = (d − k) τ⁴ Σ a_i² λ_i/(λ_i − τ²)²."""
    if np.min(spikes) <= rest:
        raise ValueError("spikes must exceed rest: else the subspace cannot be found")
    terms = weights**2 * spikes / (spikes - rest) ** 2
    return (dim - len(spikes)) * rest**2 * np.sum(terms)


@predicted
def supervised_excess(noise, dim, labels):
    """σ² d/(n − d − 1)."""
    check_labels(labels, dim)
    return noise * dim / (labels - dim - 1)


@predicted
def unlabeled_needed(constant, noise, features, dim, labels):
    """m* = c (1 + k/(n − k − 1))/(σ² (d/(n − d − 1) − k/(n − k − 1)))."""
    check_labels(labels, dim)
    if noise <= 0 or features >= dim:
        raise ValueError("noise must be positive, and features fewer than dim")
    part = features / (labels - features - 1)
    return constant * (1 + part) / (noise * (dim / (labels - dim - 1) - part))


@predicted
def excess_over_supervised(times, features, dim, labels):
    """Return q + (1 − q)/t, q = k (n − d − 1)/(d (n − k − 1)): the excess with t m* unlabeled
    samples over that of least squares on all inputs, for t > 0.
    """
    check_labels(labels, dim)
    known = features * (labels - dim - 1) / (dim * (labels - features - 1))
    return known + (1 - known) / times


@predicted
def missed_floor(rest, missed):
    """τ² |v|²."""
    return rest * missed**2


@predicted
def labels_at_crossing(floor, noise, features, dim):
    """The n with f + (σ² + f) k/(n − k − 1) = σ² d/(n − d − 1)."""

    def lead(labels):
        used = floor + (noise + floor) * features / (labels - features - 1)
        return noise * dim / (labels - dim - 1) - used

    if floor <= 0 or noise <= 0:
        raise ValueError("floor and noise must be positive: else there is no crossing")
    return brentq(lead, dim + 1 + 1e-9, dim + 2 + dim * noise / floor)


@predicted
def factor_floor(loadings, noise, direction):
    """s/(1 + s) − (vᵀΛ)²/(vᵀΣv), s = Σ Λ_i²/ψ_i, for a = 1."""
    signal = np.sum(loadings**2 / noise)
    along = (direction @ loadings) ** 2
    return signal / (1 + signal) - along / (along + direction**2 @ noise)


@predicted
def no_floor():
    """0."""
    return 0.0


@observed
def population_floor(covariance, target, features):
    """δ: the mean square of what is left of θᵀx after its regression on features (d, k)."""
    root = np.linalg.cholesky(covariance)
    rest = root.T @ target
    columns = root.T @ features
    rest = rest - columns @ np.linalg.lstsq(columns, rest, rcond=None)[0]
    return rest @ rest


@observed
def excesses(inputs, covariance, target, noise, features):
    """The excess (repeats,) of least squares on features (d, k) or (repeats, d, k) of inputs
    (repeats, n, d), the mean over the labels' noise taken exactly.
    """
    seen = inputs @ features
    inverse = np.linalg.inv(np.swapaxes(seen, 1, 2) @ seen)
    weights = inverse @ (np.swapaxes(seen, 1, 2) @ (inputs @ target)[..., None])
    wrong = (features @ weights)[..., 0] - target
    inner = np.swapaxes(features, -1, -2) @ covariance @ features
    spread = noise * np.sum(inverse * inner, axis=(1, 2))
    return np.sum(wrong @ covariance * wrong, axis=1) + spread


@observed
def drawn_inputs(generator, repeats, covariance, labels):
    """Inputs (repeats, n, d) of a normal law."""
    drawn = generator.normal(size=(repeats, labels, len(covariance)))
    return drawn @ np.linalg.cholesky(covariance).T


@observed
def drawn_components(generator, repeats, covariance, samples, features):
    """The top k principal components (repeats, d, k) of m drawn inputs, whose scatter is drawn by
    Bartlett's factors.
    """
    dim = len(covariance)
    factor = np.zeros((repeats, dim, dim))
    for i in range(dim):
        factor[:, i, i] = np.sqrt(generator.chisquare(samples - i, size=repeats))
        factor[:, i, :i] = generator.normal(size=(repeats, i))
    root = np.linalg.cholesky(covariance) @ factor
    scatter = root @ np.swapaxes(root, 1, 2) / samples
    return np.linalg.eigh(scatter)[1][:, :, -features:]


@observed
def perturbed_floor(covariance, target, features):
    """The limit of m E δ for m → ∞, with δ of principal components, by eigenvectors of bent
    covariances: the scatter's error has independent entries in Σ's eigenbasis, of variance Σ_ii
    Σ_jj/m, and twice that on the diagonal. Along each of them δ is bent to both sides.
    """
    values, vectors = np.linalg.eigh(covariance)
    step = 1e-4
    total = 0.0
    for i in range(len(values)):
        for j in range(i + 1):
            error = np.outer(vectors[:, i], vectors[:, j])
            error = (error + error.T) / (2 if i == j else 1)
            bent = []
            for sign in (-1, 1):
                found = np.linalg.eigh(covariance + sign * step * error)[1][:, -features:]
                bent.append(population_floor(covariance, target, found))
            total += values[i] * values[j] * (2 if i == j else 1) * np.mean(bent) / step**2
    return total


@observed
def likelihood_factor(covariance, steps=4000):
    """Σ⁻¹Λ̂ (d, 1), the feature of the factor model of largest likelihood for a covariance, by EM
    steps from the first variances.
    """
    loadings = np.sqrt(np.diag(covariance)) / 2
    noise = np.diag(covariance) / 2
    for _ in range(steps):
        model = np.outer(loadings, loadings) + np.diag(noise)
        reader = np.linalg.solve(model, loadings)
        second = 1 - reader @ loadings + reader @ covariance @ reader
        loadings = covariance @ reader / second
        noise = np.diag(covariance) - loadings * (covariance @ reader)
    model = np.outer(loadings, loadings) + np.diag(noise)
    return np.linalg.solve(model, loadings)[:, None]


@claim(
    known("Breiman & Freedman 1983, the mean error of regressions on normal inputs"),
    kind="distribution",
    cases=[(6, 3, 20, 0.25), (10, 2, 15, 1.0), (4, 1, 15, 4.0)],
)
def test_given_features(
    trial,
    dim: Dimension,
    features: Features,
    labels: Annotated[
        int, Interval(15, 40, why="n; few leave heavy tails, of many the noise is lost")
    ],
    noise: Annotated[float, Interval(0.1, 4, why="σ², in units of the inputs' variance")],
):
    """Labels $θᵀx + ε$, $Var ε = σ²$, of normal inputs $x$ are regressed on $k$ fixed linear
    features with $n$ labels. The mean excess squared error is $δ + (σ² + δ) k/(n − k − 1)$, where
    $δ$ is that of the best linear function of the features.
    """
    generator = trial.generator("model")
    covariance = spiked(generator, dim, features, 3.0)[2]
    target = generator.normal(size=dim) / np.sqrt(dim)
    chosen = generator.normal(size=(dim, features))
    floor = population_floor(covariance, target, chosen)
    law = excess_of_features(floor, noise, features, labels)
    all_labels = floor + (noise + floor) * features / labels
    trial.require(
        law - all_labels > 0.03 * law, "labels must be fewer: else k + 1 of them hardly matter"
    )

    def sampler(generator, repeats):
        inputs = drawn_inputs(generator, repeats, covariance, labels)
        return excesses(inputs, covariance, target, noise, chosen)

    trial.mean(
        sampler=sampler,
        predict=law,
        law=Asymptotic(),
        margin=0.009 * law,
        first=32768,
        controls={
            "$δ + σ² k/(n − k − 1)$": floor + noise * features / (labels - features - 1),
            "$δ + (σ² + δ) k/n$": all_labels,
        },
    )


@claim(
    derived("the first order of eigenvectors"),
    kind="limit",
    cases=[(10, 2, 5.0), (6, 1, 3.0), (12, 3, 10.0), (4, 1, 1.5)],
)
def test_subspace(
    trial,
    dim: Dimension,
    features: Features,
    gap: Annotated[float, Interval(1.5, 10, why="λ_k/τ²; at 1 the subspace cannot be found")],
):
    """Normal inputs have the covariance $U diag(λ) Uᵀ + τ² (I − U Uᵀ)$ with $k$ orthonormal columns
    in $U$, and labels are $aᵀUᵀx$ plus noise. The best linear function of the first $k$ principal
    components of $m$ inputs has an excess error $δ$ with
    $m E δ → (d − k) τ⁴ ∑_i a_i² λ_i/(λ_i − τ²)²$.
    """
    generator = trial.generator("model")
    basis, spikes, covariance = spiked(generator, dim, features, gap)
    weights = generator.normal(size=features)
    law = subspace_constant(weights, spikes, 0.5, dim)
    plain = (dim - features) * 0.25 * np.sum(weights**2 / spikes)
    trial.value(
        perturbed_floor(covariance, basis @ weights, features),
        law,
        error=1e-4 * law,
        margin=3e-3 * law,
        generic="both sides are analytic in basis, spikes and weights",
        controls={
            "without the gap, $(d − k) τ⁴ ∑_i a_i²/λ_i$": plain,
            "$d$ for $d − k$": law * dim / (dim - features),
        },
    )


def world(noise, labels):
    """Σ (10, 10), θ, and m* of the example with λ = (4.5, 2.5), τ² = ½, a = (1, −1.5)."""
    spikes = np.array([4.5, 2.5])
    weights = np.array([1.0, -1.5])
    covariance = np.diag(np.append(spikes, np.full(8, 0.5)))
    constant = subspace_constant(weights, spikes, 0.5, 10)
    needed = unlabeled_needed(constant, noise, 2, 10, labels)
    return covariance, np.append(weights, np.zeros(8)), needed


@claim(
    tried(
        "abstract, sentence 6: pretraining helps for $m$ much larger than $n$",
        "where it breaks even, for linear factors",
    ),
    kind="limit",
    cases=[(0.005, 20, 1.0), (0.002, 24, 0.5), (0.01, 22, 2.0)],
)
def test_break_even(
    trial,
    noise: Annotated[
        float, Interval(0.001, 0.01, why="σ²; with more noise m* is small, and the limit far")
    ],
    labels: Annotated[
        int, Interval(20, 24, why="n; few leave heavy tails, of many k + 1 hardly matter")
    ],
    times: Annotated[float, Interval(0.5, 2, why="t; beyond, one of both is all but nothing")],
):
    """Labels with noise of variance $σ²$ depend on two of $d = 10$ inputs, whose variances are 4.5
    and 2.5, and the others have the variance ½. To first order $c/m$ is the mean excess error that
    the $k = 2$ principal components of $m$ unlabeled inputs cannot avoid, and
    $m* = c (1 + k/(n − k − 1))/(σ² (d/(n − d − 1) − k/(n − k − 1)))$. The mean excess of least
    squares with $n$ labels on the principal components of $m = t m*$ inputs, over that on all
    inputs, tends to $q + (1 − q)/t$ as $m → ∞$, $q = k (n − d − 1)/(d (n − k − 1))$: to 1 at $m*$.
    """
    covariance, target, needed = world(noise, labels)
    samples = round(times * needed)
    law = excess_over_supervised(samples / needed, 2, 10, labels)

    def both(generator, repeats):
        found = drawn_components(generator, repeats, covariance, samples, 2)
        inputs = drawn_inputs(generator, repeats, covariance, labels)
        used = (found, np.eye(10))
        each = [excesses(inputs, covariance, target, noise, features) for features in used]
        return np.stack(each, axis=1)

    unused = times * (1 + 2 / (labels - 3))
    trial.mean(
        sampler=both,
        predict=law,
        law=RatioOfMeans(),
        margin=0.04 * law,
        slack=6 / samples * law,
        first=4096,
        most=400_000,
        controls={
            "twice $m*$": excess_over_supervised(times / 2, 2, 10, labels),
            "$c/m$ without $(1 + k/(n − k − 1))$": excess_over_supervised(unused, 2, 10, labels),
            "as if the subspace were known": excess_over_supervised(np.inf, 2, 10, labels),
        },
    )


@claim(
    derived("$v$ is seen through the rest of the noise alone"),
    kind="limit",
    cases=[(10, 2, 0.5), (6, 1, 2.0), (12, 3, 0.1)],
)
def test_floors(
    trial,
    dim: Dimension,
    features: Features,
    missed: Annotated[float, Interval(0.1, 2, why="|v|; at 0 the features miss nothing")],
):
    """Inputs have the covariance $U diag(λ) Uᵀ + τ² (I − U Uᵀ)$ with orthonormal columns in $U$ and
    all $λ_i > τ²$, and labels are $θᵀx$ plus noise with $θ = U a + v$, $v$ orthogonal to $U$. The
    best linear function of the principal components of infinitely many inputs, as many as $U$ has
    columns, has the excess error $τ² |v|²$.
    """
    generator = trial.generator("model")
    basis, _, covariance = spiked(generator, dim, features, 3.0)
    rest = generator.normal(size=dim)
    rest -= basis @ (basis.T @ rest)
    target = basis @ generator.normal(size=features) + missed * rest / np.linalg.norm(rest)
    found = np.linalg.eigh(covariance)[1][:, -features:]
    law = missed_floor(0.5, missed)
    trial.identity(
        population_floor(covariance, target, found),
        law,
        ops=1e4,
        scale=float(target @ covariance @ target),
        independent=1,
        generic="both sides are analytic in basis and target",
        controls={
            "unlabeled inputs suffice": 0.0,
            "$|v|²$, as if all variances were one": missed**2,
        },
    )


@claim(
    derived("both mean excesses, with all unlabeled samples that there are"),
    kind="bound",
    not_tight="decided well below and well above the crossing",
    low_power="two signs are decided, far from where they change",
    cases=[(0.25, 0.5), (0.8, 0.6), (0.4, 0.3)],
)
def test_floors__crossing(
    trial,
    noise: Annotated[float, Interval(0.25, 0.8, why="σ²; with less the crossing is near d labels")],
    missed: Annotated[float, Interval(0.3, 0.6, why="|v|; the crossing is near d, or far, beyond")],
):
    """Labels are $θᵀx$ plus noise of variance $σ²$, $θ = U a + v$ with $v$ orthogonal to the $k$
    principal axes $U$, beside which inputs have the variance $τ²$. Least squares on the true
    principal components has a smaller mean excess than on all $d$ inputs up to the number $n$ of
    labels with $f + (σ² + f) k/(n − k − 1) = σ² d/(n − d − 1)$, $f = τ² |v|²$, and a larger one
    beyond.
    """
    covariance, target, _ = world(noise, 40)
    target[2] = missed
    floor = missed_floor(0.5, missed)
    crossing = labels_at_crossing(floor, noise, 2, 10)
    trial.require(crossing > 19, "noise over missed squared must be so large that n exceeds 19")
    few = int((15 + crossing) / 2)
    many = int(2 * crossing)
    components = np.linalg.eigh(covariance)[1][:, -2:]

    def gains(first, second):
        def sampler(generator, repeats):
            found = []
            for labels in (first, second):
                inputs = drawn_inputs(generator, repeats, covariance, labels)
                plain = excesses(inputs, covariance, target, noise, np.eye(10))
                found.append(plain - excesses(inputs, covariance, target, noise, components))
            return np.stack([found[0], -found[1]], axis=1)

        return sampler

    missing_nothing = [
        supervised_excess(noise, 10, labels) - excess_of_features(0.0, noise, 2, labels)
        for labels in (few, many)
    ]
    trial.mean(
        sampler=gains(few, many),
        predict=np.zeros(2),
        side="at least",
        law=Asymptotic(),
        first=256,
        controls={"as if nothing were missed": np.array([missing_nothing[0], 0.0])},
        control_processes={"features win with many labels, not few": gains(many, few)},
    )


@claim(
    derived("the best linear function of $x$ against that of $vᵀx$"),
    kind="identity",
    cases=[(0.5, 3.0), (1.0, 0.8), (3.0, 4.0), (0.3, 4.0)],
)
def test_floors__principal_components(trial, loading: Loading, noise: Uneven):
    """Inputs are $Λ z + e$ with $z ~ N(0, 1)$ and $e ~ N(0, diag ψ)$, have the covariance $Σ$, and
    labels are $a z$ plus noise. The first principal component $v$ alone keeps the excess error
    $a² (s/(1 + s) − (vᵀΛ)²/(vᵀΣv))$, $s = ∑_i Λ_i²/ψ_i$, however many inputs there are.
    """
    loadings, uneven = one_factor(loading, noise)
    covariance = np.outer(loadings, loadings) + np.diag(uneven)
    direction = np.linalg.eigh(covariance)[1][:, -1]
    reader = np.linalg.solve(covariance, loadings)  # the best linear function, whose aim is z
    law = factor_floor(loadings, uneven, direction)
    signal = np.sum(loadings**2 / uneven)
    trial.identity(
        population_floor(covariance, reader, direction[:, None]),
        law,
        ops=1e4,
        scale=1.0,
        controls={
            "as if $vᵀx$ told nothing": signal / (1 + signal),
            "as if $v$ were along $Λ$": factor_floor(
                loadings, uneven, loadings / np.linalg.norm(loadings)
            ),
        },
    )


@claim(
    tried("abstract, sentence 7: factor models are covered", "that likelihood leaves no floor"),
    kind="limit",
    cases=[(0.5, 3.0), (1.0, 0.8), (3.0, 4.0), (0.3, 4.0)],
)
def test_floors__likelihood(trial, loading: Loading, noise: Uneven):
    """Inputs are $Λ z + e$ with $z ~ N(0, 1)$ and $e ~ N(0, diag ψ)$, three or more $Λ_i$ are not
    zero, and labels are $a z$ plus noise. The feature of the factor model of largest likelihood
    keeps no excess error as the number of inputs grows.
    """
    loadings, uneven = one_factor(loading, noise)
    covariance = np.outer(loadings, loadings) + np.diag(uneven)
    reader = np.linalg.solve(covariance, loadings)
    direction = np.linalg.eigh(covariance)[1][:, -1:]
    kept = population_floor(covariance, reader, direction)
    trial.value(
        population_floor(covariance, reader, likelihood_factor(covariance)),
        no_floor(),
        error=1e-6 * kept,
        margin=1e-3 * kept,
        scale=kept,
        control_processes={"principal components": kept},
    )


@figure("F1", claims=("break_even", "subspace"))
def excess_against_samples(noise: float = 0.25, labels: tuple[int, ...] = (20, 40)):
    """Unlabeled samples beat labels from a number on that the theory names.

    Excess error against the number of unlabeled samples, $d = 10$, $k = 2$. Marks: lines: first
    order in $1/m$; points: drawn data with 99 % intervals; dotted: supervised, each meeting its
    line at $m*$.
    """
    generator = np.random.default_rng(0)
    lines = {}
    points = {}
    levels = {}
    fine = np.geomspace(12, 1000, 60)
    coarse = np.geomspace(14, 900, 9).astype(int)
    for count in labels:
        covariance, target, needed = world(noise, count)
        name = f"n = {count}"
        constant = needed * supervised_excess(noise, 10, count)
        constant -= needed * excess_of_features(0.0, noise, 2, count)
        constant /= excess_of_features(1.0, 0.0, 2, count)
        lines[name] = fine, excess_of_features(constant / fine, noise, 2, count)
        means = []
        widths = []
        for samples in coarse:
            found = drawn_components(generator, 1000, covariance, int(samples), 2)
            inputs = drawn_inputs(generator, 1000, covariance, count)
            drawn = excesses(inputs, covariance, target, noise, found)
            means.append(drawn.mean())
            widths.append(2.6 * drawn.std() / np.sqrt(1000))
        points[name] = coarse, means, widths
        levels[name] = supervised_excess(noise, 10, count)
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5]
    drawn = chart(
        lines,
        points,
        levels=levels,
        log="xy",
        x="unlabeled samples m",
        y="excess error",
        yticks=ticks,
        yticklabels=[str(tick) for tick in ticks],
    )
    drawn.axes[0].yaxis.minorticks_off()
    return drawn
