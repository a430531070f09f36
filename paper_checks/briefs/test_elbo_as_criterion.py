"""Chérief-Abdellatif 2019, "Consistency of ELBO maximization for model selection", AABI (PMLR 96),
arXiv 1810.11859.

For whoever compares models by a mean-field ELBO: which models it favours, and by how many nats.

Take away: the ELBO charges each feature as if it were orthogonal to all others (`threshold`), so it
lacks half the logarithm of the product of variance inflation factors, each beside the features
before it alone, and more data do not change that. With two features of correlation .9 this tends to
.83 nats as $n$ grows (`gap`): a feature that adds nothing is included .04 of the time in place of
.10, and one that matters .55 in place of .72 ($n = 50$, $b = (1, .6)$; `selection`). As $n$ grows,
its false inclusions tend to $√(1 - r²)$ of the evidence's, .44 here, but only as $1/log n$ does
(`consistent`).

Setting: $y = Xθ + N(0, σ² I_n)$, $θ ~ N(0, τ² I_k)$, $X$ $(n, k)$; $Λ = X'X/σ² + I/τ²$,
$h = X'y/σ²$. The mean field is a product of $N(m_j, v_j)$, and the best ELBO is that of the best
such product.

Edges: with one feature, or if $X'X$ is diagonal, there is no gap; a rotation of $θ$ therefore
closes it. $τ²Λ_{j j}$ is always at least 1. Coordinate ascent converges slowly for correlations
near 1.

Paper: it proves that a model chosen by the ELBO is nearly as good as the best one, also if none is
right, and applies this to the number of principal components. This page treats the choice of
features in a linear model, with all constants.

Abstract:

- Statement 1: choice by the ELBO has strong guarantees. In part: gap, selection, consistent. It
  finds the right features in the end, and still keeps a gap of a constant number of nats.
- Statement 2: it is robust if no model is right. Not on trial. Here a model is right.
- Statement 3: it finds the number of principal components. Not on trial. Here features are chosen.

Read: the abstract ("has strong theoretical guarantees"). Derived here: all claims. Not claimed: the
case of the paper, the number of principal components. Topic: learning.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import ncx2

from paper_checks.briefs.common import orthonormal
from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Samples = Annotated[int, Interval(4, 60, why="n; all of an n by n Gaussian law")]
Features = Annotated[
    int, Interval(3, 10, why="k; of two features both theories of the gap are one")
]
Correlation = Annotated[float, Interval(0.5, 0.97, why="at 0 there is no gap; at 1 one feature")]
Prior = Annotated[float, Interval(0.5, 2, why="τ in units of the noise")]


def correlated_features(generator, samples, features):
    """X (n, k) with a common part in all columns."""
    return generator.normal(size=(samples, features)) + generator.normal(size=(samples, 1))


def pair_of_features(samples, correlation):
    """X (n, 2) with columns of squared length n and a correlation."""
    basis = orthonormal(np.random.default_rng(0), samples, 2) * np.sqrt(samples)
    second = correlation * basis[:, 0] + np.sqrt(1 - correlation**2) * basis[:, 1]
    return np.stack([basis[:, 0], second], axis=1)


def precision(design, prior):
    """Λ (k, k), with σ = 1."""
    return design.T @ design + np.eye(design.shape[1]) / prior**2


@observed
def ascended_means(design, outcome, prior):
    """The m (k,) of coordinate ascent of the ELBO, σ = 1."""
    means = np.zeros(design.shape[1])
    variances = 1 / (np.sum(design**2, axis=0) + prior**-2)
    for _ in range(20000):
        before = means.copy()
        for j in range(len(means)):
            rest = outcome - design @ means + design[:, j] * means[j]
            means[j] = variances[j] * (design[:, j] @ rest)
        if np.max(np.abs(means - before)) < 1e-14:
            break
    return means


@observed
def elbo(design, outcomes, means, prior):
    """The ELBO of N outcomes (N, n) at means (N, k) and the best variances, by its expectations; σ
    = 1.
    """
    lengths = np.sum(design**2, axis=0)
    variances = 1 / (lengths + prior**-2)
    misfit = np.sum((outcomes - means @ design.T) ** 2, axis=1) + lengths @ variances
    fit = -len(design) / 2 * np.log(2 * np.pi) - misfit / 2
    squares = np.sum(means**2, axis=1) + variances.sum()
    of_prior = -len(variances) / 2 * np.log(2 * np.pi * prior**2) - squares / (2 * prior**2)
    return fit + of_prior + np.sum(1 + np.log(2 * np.pi * variances)) / 2


@observed
def log_evidence(design, outcomes, prior):
    """The log density of N outcomes (N, n) under N(0, I + τ² XX'): (N,)."""
    factor = np.linalg.cholesky(np.eye(len(design)) + prior**2 * design @ design.T)
    whitened = np.linalg.solve(factor, outcomes.T)
    logs = len(design) * np.log(2 * np.pi) / 2 + np.sum(np.log(np.diag(factor)))
    return -np.sum(whitened**2, axis=0) / 2 - logs


@observed
def gains(design, outcomes, prior):
    """What the last feature adds to ELBO and log evidence of N outcomes (N, n): (N, 2)."""
    found = []
    for used in (design, design[:, :-1]):
        means = np.linalg.lstsq(
            np.vstack([used, np.eye(used.shape[1]) / prior]),
            np.vstack([outcomes.T, np.zeros((used.shape[1], len(outcomes)))]),
            rcond=None,
        )[0].T
        both = [elbo(used, outcomes, means, prior), log_evidence(used, outcomes, prior)]
        found.append(np.stack(both, axis=1))
    return found[0] - found[1]


@observed
def chances_of_joining(correlation, samples, effects, prior):
    """The chances (2,) that ELBO and evidence take the second of two features with columns of
    squared length n and a correlation. Of an outcome X'y matters alone, so two rows with the same
    X'X stand for n. The noise of one row is averaged over, that of the other bisected.
    """
    across = np.sqrt(1 - correlation**2)
    design = np.sqrt(samples) * np.array([[1, correlation], [0, across]])
    nodes, weights = np.polynomial.hermite_e.hermegauss(7)
    shift = design @ effects
    signs = np.array([-1, 1])[:, None, None]
    criteria = np.array([0, 1])
    low = np.zeros((2, len(nodes), 2))  # side, node, criterion
    high = np.full(low.shape, 4 * np.sqrt(np.log(samples)) + 10)
    for _ in range(45):
        middle = (low + high) / 2
        outcomes = np.empty((*middle.shape, 2))
        outcomes[..., 0] = shift[0] + nodes[:, None]
        outcomes[..., 1] = signs * middle
        gained = gains(design, outcomes.reshape(-1, 2), prior).reshape(*middle.shape, 2)
        joins = gained[..., criteria, criteria] > 0
        low = np.where(joins, low, middle)
        high = np.where(joins, middle, high)
    beyond = ndtr(signs * shift[1] - high).sum(axis=0)
    return weights @ beyond / weights.sum()


@observed
def effects_found_half_of_the_time(correlation, samples, prior):
    """The squares, n (1 - r²) b_2², (2,) of the effects that ELBO and evidence find with chance
    one half, b_1 = 1.
    """
    unit = np.sqrt(samples * (1 - correlation**2))

    def excess(strength, criterion):
        effects = np.array([1.0, strength / unit])
        return chances_of_joining(correlation, samples, effects, prior)[criterion] - 0.5

    most = 2 * np.sqrt(np.log(samples)) + 2
    found = [brentq(excess, 0.5, most, args=(k,), xtol=1e-6) for k in (0, 1)]
    return np.square(found)


@predicted
def gap_of_elbo(matrix):
    """½ (Σ log Λ_jj - log det Λ), in nats. Raises ValueError if Λ is not positive definite."""
    if np.min(np.linalg.eigvalsh(matrix)) <= 0:
        raise ValueError("matrix must be positive definite, as a precision is")
    return (np.sum(np.log(np.diag(matrix))) - np.linalg.slogdet(matrix)[1]) / 2


@predicted
def total_correlation(matrix):
    """½ (Σ log (Λ^-1)_jj + log det Λ): the divergence from the product of the true marginals."""
    inverse = np.linalg.inv(matrix)
    return (np.sum(np.log(np.diag(inverse))) + np.linalg.slogdet(matrix)[1]) / 2


@predicted
def conditional_precision(matrix):
    """Λ_(j|S) of the last feature given all others."""
    others = matrix[:-1, :-1]
    return matrix[-1, -1] - matrix[-1, :-1] @ np.linalg.solve(others, matrix[:-1, -1])


@predicted
def gains_of_last(matrix, scores, prior):
    """½ (u²/Λ_(j|S) - log(τ²Λ_jj)) and ½ (u²/Λ_(j|S) - log(τ²Λ_(j|S))), u = h_j - Λ_jS Λ_S^-1 h_S,
    of the last feature: (2,).
    """
    given = conditional_precision(matrix)
    u = scores[-1] - matrix[-1, :-1] @ np.linalg.solve(matrix[:-1, :-1], scores[:-1])
    charges = np.log(prior**2 * np.array([matrix[-1, -1], given]))
    return (u**2 / given - charges) / 2


@predicted
def chances_of_second(design, effects, prior):
    """P(χ²_1((wGb)²/wGw') > c Λ_(2|1)/wGw') for c of ELBO and of evidence: (2,); w = (-Λ_21/Λ_11,
    1), G = X'X.
    """
    gram = design.T @ design
    matrix = precision(design, prior)
    given = conditional_precision(matrix)
    w = np.array([-matrix[1, 0] / matrix[0, 0], 1])
    variance = w @ gram @ w
    charges = np.log(prior**2 * np.array([matrix[1, 1], given]))
    return ncx2.sf(charges * given / variance, 1, max((w @ gram @ effects) ** 2 / variance, 1e-12))


@predicted
def chance_by_bic(design, effects):
    """The chance that χ²_1(b_2² |x_2 off x_1|²) exceeds log n, as of BIC."""
    gram = design.T @ design
    off = gram[1, 1] - gram[0, 1] ** 2 / gram[0, 0]
    return ncx2.sf(np.log(len(design)), 1, max(effects[1] ** 2 * off, 1e-12))


@claim(
    derived("the best variances are $1/Λ_{j j}$, the best means exact"),
    kind="identity",
    cases=[(30, 3, 1.0), (50, 5, 2.0), (8, 10, 0.5)],
)
def test_gap(trial, samples: Samples, features: Features, prior: Prior):
    """In linear regression with Gaussian weights of posterior precision $Λ$ and known noise, the
    log evidence exceeds the best mean-field ELBO by $½ (∑_j log Λ_{j j} - log det Λ)$ nats,
    whatever the outcomes are.
    """
    generator = trial.generator("data")
    design = correlated_features(generator, samples, features)
    outcome = design[:, 0] + generator.normal(size=samples)
    means = ascended_means(design, outcome, prior)
    matrix = precision(design, prior)
    law = gap_of_elbo(matrix)
    best = elbo(design, outcome[None], means[None], prior)
    trial.value(
        (log_evidence(design, outcome[None], prior) - best)[0],
        law,
        error=1e-8,
        margin=1e-4 * law,
        generic="determinants are analytic in design and outcome",
        controls={
            "as of the true marginals": total_correlation(matrix),
            "none, the means being exact": 0.0,
        },
    )


@claim(
    derived("determinants of a matrix with one more row"),
    kind="identity",
    cases=[(30, 3, 1.0), (50, 5, 2.0), (8, 10, 0.5)],
)
def test_threshold(trial, samples: Samples, features: Features, prior: Prior):
    """Let outcomes be $y = Xθ + N(0, σ²)$, $θ ~ N(0, τ²)$, $Λ = X'X/σ² + 1/τ²$, $h = X'y/σ²$,
    $u = h_j - Λ_{j S} Λ_S^-1 h_S$ and $Λ_(j|S) = Λ_{j j} - Λ_{j S} Λ_S^-1 Λ_{S j}$. If feature $j$
    joins the set $S$, the criterion grows by $½ (u²/Λ_(j|S) - log(τ²v))$, where $v = Λ_{j j}$ for
    the best mean-field ELBO and $v = Λ_(j|S)$ for the log evidence.
    """
    generator = trial.generator("data")
    design = correlated_features(generator, samples, features)
    outcome = design[:, 0] + generator.normal(size=samples)
    law = gains_of_last(precision(design, prior), design.T @ outcome, prior)
    trial.require(np.max(np.abs(law)) > 0.2, "both criteria must tell the feature from none")
    trial.value(
        gains(design, outcome[None], prior)[0],
        law,
        error=1e-9,
        margin=1e-6,
        scale=1.0,
        generic="determinants are analytic in design and outcome",
        controls={
            "the ELBO chooses as the evidence": law[[1, 1]],
            "each feature is charged alike by both": law[[0, 0]],
        },
    )


@claim(
    derived("$u$ is a normal number"),
    kind="distribution",
    cases=[(50, 0.9, 0.0, 1.0), (50, 0.9, 0.6, 1.0), (20, 0.7, 0.6, 2.0)],
    low_power="chances of a few per cent are met to one per cent of all outcomes",
)
def test_selection(
    trial,
    samples: Annotated[int, Interval(20, 50, why="n; with fewer all features are in doubt")],
    correlation: Correlation,
    effect: Annotated[float, Interval(0, 1, why="b_2 in units of the noise; larger ones are sure")],
    prior: Prior,
):
    """Let outcomes be $y = X b + N(0, 1)$, $b = (1, b_2)$, with the prior $N(0, τ²)$ of weights,
    $G = X'X$, $Λ = G + 1/τ²$, $w = (-Λ_21/Λ_11, 1)$ and $Λ_(2|1) = Λ_22 - Λ_21²/Λ_11$. The second
    feature joins the first with the chance $P(χ²_1((w G b)²/w G w') > c Λ_(2|1)/w G w')$, where
    $c = log(τ²Λ_22)$ by the mean-field ELBO and $log(τ²Λ_(2|1))$ by the evidence.
    """
    design = pair_of_features(samples, correlation)
    effects = np.array([1.0, effect])
    law = chances_of_second(design, effects, prior)
    trial.require(law[1] - law[0] > 0.03, "both criteria must differ: take other settings")
    by_bic = chance_by_bic(design, effects)

    def joins(generator, n):
        outcomes = design @ effects + generator.normal(size=(n, samples))
        return gains(design, outcomes, prior) > 0

    controls = {"the ELBO chooses as the evidence": law[[1, 1]]}
    if np.max(np.abs(law - by_bic)) > 0.03:
        controls["both as BIC"] = np.array([by_bic, by_bic])
    trial.probability(joins, law, margin=0.01, controls=controls, first=32_768)


@predicted
def ratio_of_false_inclusions(correlation):
    """√(1 - r²), for r in (-1, 1); ValueError otherwise."""
    if not -1 < correlation < 1:
        raise ValueError("correlation must lie in (-1, 1): at the ends there is one feature")
    return np.sqrt(1 - correlation**2)


@predicted
def charges_of_second(correlation, samples, prior):
    """log(τ²n) and log(τ²n (1 - r²)): (2,). Raises ValueError unless -1 < r < 1."""
    if not -1 < correlation < 1:
        raise ValueError("correlation must lie in (-1, 1): at the ends there is one feature")
    return np.log(prior**2 * samples * np.array([1, 1 - correlation**2]))


@claim(
    derived("tails of a normal law beyond both thresholds"),
    kind="limit",
    cases=[(0.9, 1.0), (0.5, 2.0), (0.97, 0.5)],
)
def test_consistent(trial, correlation: Correlation, prior: Prior):
    """Let outcomes be $N(0, 1)$, two features have columns of squared length $n$ and correlation
    $r$, and weights have the prior $N(0, τ²)$. The chance that the mean-field ELBO takes the second
    feature beside the first, over the chance that the evidence does, tends to $√(1 - r²)$ as
    $n → ∞$, with an error of order $1/log n$.
    """
    logs = 2.0 ** np.arange(4, 9)
    ratios = []
    for log in logs:
        elbo_joins, evidence_joins = chances_of_joining(
            correlation, np.exp(log), np.zeros(2), prior
        )
        ratios.append(elbo_joins / evidence_joins)
    law = ratio_of_false_inclusions(correlation)
    trial.limit(
        ratios,
        logs,
        law,
        order=1,
        margin=0.005 * law,
        controls={"the gap is forgotten in the end": 1.0, "the variance, $1 - r²$": law**2},
    )


@claim(
    derived("where $u²$ meets the charge"),
    kind="limit",
    cases=[(0.9, 1.0), (0.5, 2.0), (0.97, 0.5)],
)
def test_consistent__half_power(trial, correlation: Correlation, prior: Prior):
    """Let two features have columns of squared length $n$ and correlation $r$, the first one the
    weight 1, the noise variance 1 and the weights the prior $N(0, τ²)$. The weight $b_2 > 0$ of the
    second that is found half of the time has $b_2² n (1 - r²) = log(τ²n) + o(1)$ by the mean-field
    ELBO and $log(τ²n (1 - r²)) + o(1)$ by the evidence, as $n → ∞$.

    Here n = 10¹⁰.
    """
    samples = 1e10
    law = charges_of_second(correlation, samples, prior)
    # The prior pulls b_1 towards 0, which the second feature makes up for.
    pull = correlation / (prior**2 * np.sqrt(samples * (1 - correlation**2)))
    trial.value(
        effects_found_half_of_the_time(correlation, samples, prior),
        law,
        error=1e-5,
        slack=3 * pull * np.sqrt(law),
        margin=0.01,
        controls={
            "the ELBO charges as the evidence": law[[1, 1]],
            "both charge as if features were orthogonal": law[[0, 0]],
        },
    )


@figure("F1", claims=("selection",))
def chance_of_inclusion(samples: int = 50, runs: int = 2000):
    """The ELBO includes a correlated feature less often than the evidence does.

    Chance that the second feature joins the first, $n = 50$, $σ = τ = 1$, $b_1 = 1$. Marks: lines:
    law; points: simulated outcomes, with two standard errors.
    """
    generator = np.random.default_rng(0)
    fine = np.linspace(0, 1.5, 76)
    coarse = np.array([0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5])
    lines = {}
    points = {}
    for correlation in (0.5, 0.95):
        design = pair_of_features(samples, correlation)
        laws = np.array([chances_of_second(design, np.array([1, b]), 1.0) for b in fine])
        shares = []
        for b in coarse:
            noise = generator.normal(size=(runs, samples))
            outcomes = design @ np.array([1, b]) + noise
            shares.append(np.mean(gains(design, outcomes, 1.0) > 0, axis=0))
        for k, name in enumerate(("ELBO", "evidence")):
            share = np.array(shares)[:, k]
            width = 2 * np.sqrt(share * (1 - share) / runs)
            lines[f"{name}, r = {correlation}"] = fine, laws[:, k]
            points[f"{name}, r = {correlation}"] = coarse, share, width
    return chart(
        lines,
        points,
        x="effect b_2 of the second feature, in units of the noise",
        y="chance of inclusion",
        legend="lower right",
        ylim=(0, 1.02),
    )
