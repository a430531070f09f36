"""Khezeli, Blaas, Soboczenski, Chia & Kalantari 2021, "On Invariance Penalties for Risk
Minimization", arXiv 2106.09777.

For whoever tunes an invariance penalty and wonders whether a small one means invariance: rescaling
a feature can make the squared gradient small, and its noise level differs between representations;
the gap of the risk has neither fault.

Paper: the usual penalty of invariant risk minimisation, a squared gradient, may be small for
representations that are not invariant; weighting it by the Gram matrix of the features corrects
that. This page says what the weighted penalty equals and how both penalties behave under rescaling
and noise.

Take away: a spurious feature that is shrunk by $c$ hides from the squared gradient as $c²$, while
the gap of the risk does not change. With $p$ features and $n$ samples the gap of an invariant
predictor is about $p σ²/n$, so that one threshold serves all representations of $p$ features.

In one environment $G = E ΦΦᵀ$ is positive definite, $b = E Φ y$, $R(w) = E (wᵀΦ - y)²$ and
$g = ∇R(w) = 2 (G w - b)$. IRMv1 is $|g|²$, the gap is $R(w) - min R$. With $n$ samples the
expectations are averages; $p$ is the number of features. Log-loss has $R(w) = -E log σ(y wᵀΦ)$ with
labels $y = ±1$.

Edges: with $p >= n$ the least risk is 0 and the gap is the risk itself, so that it measures no
invariance. If a hyperplane separates the labels, log-loss has no finite minimiser.

Abstract:

- Statement 1: the usual penalty may be arbitrarily small for representations that are not
  invariant. Holds: scaling.
- Statement 2: weighing it by the Gram matrix of features mends this. Holds: gap, logistic.
- Statement 3: the eigenvalues of this matrix relate the risk to the penalty, which is
  ill-conditioned for such examples. In part: gap, scaling. The relation; how the condition grows is
  not tried.
- Statement 4: the new penalty recovers invariant representations of linear models. Not on trial.
  That a small gap means invariance is not claimed.
- Statement 5: it does better on benchmarks of domain generalisation. Not on trial. It needs
  benchmarks.

Read: the abstract. Derived here: all four statements. Not claimed: that a small gap makes a
predictor invariant. Topic: representations.
"""

from fractions import Fraction
from functools import partial
from itertools import product
from typing import Annotated

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit
from scipy.stats import chi2

from theory_on_trial import balls, claim, derived, known, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Samples = Annotated[
    int, Interval(3, 2000, why="fewer than three fix two weights; a refit by least squares")
]
Features = Annotated[
    int, Interval(2, 64, why="with one feature G is a number; a refit by least squares")
]
SignedSamples = Annotated[
    int, Interval(3, 12, why="fewer than three fix two weights; all 2^n sign vectors are tried")
]
FewFeatures = Annotated[
    int, Interval(2, 11, why="with one feature G is a number; fewer than the samples")
]
Spread = Annotated[
    float, Interval(0.1, 10, why="variance of the spurious feature's noise, beside a signal of 2")
]


def regression(generator, samples, features):
    """A design (n, p) whose features are correlated and of unlike size, targets, and weights w."""
    design = generator.normal(size=(samples, features)) * np.geomspace(1, 3, features)
    design[:, 1:] += design[:, :1]
    return (
        design,
        design.sum(axis=1) + generator.normal(size=samples),
        generator.normal(size=features),
    )


def log_slopes(design, labels, weights):
    """The gradient of log-loss at each row of weights."""
    return -(labels * expit(-labels * (weights @ design.T))) @ design / len(design)


@predicted
def quadratic_form(gram, slope):
    """The gap ¼ gᵀ G⁻¹ g of squared loss."""
    return slope @ np.linalg.solve(gram, slope) / 4


@observed
def refitted_gap(design, targets, weights):
    """R(w) - min R, where the least risk is that of a refit by least squares; one for each column
    of targets.
    """
    refit = np.linalg.lstsq(design, targets)[0]
    error = targets.T - design @ weights
    return np.mean(error**2, axis=-1) - np.mean((targets - design @ refit).T ** 2, axis=-1)


@predicted
def penalties_of_pair(spreads, shrink):
    """IRMv1 and gap of the common fit, both summed: the slopes are 2 c w₂ (t - t̄), G⁻¹ has 1/(c²
    (1 + t)) there.
    """
    slopes = 2 * (spreads - spreads.mean()) / (1 + spreads.mean())
    return shrink**2 * np.sum(slopes**2), np.sum(slopes**2 / (1 + spreads)) / 4


@observed
def penalties_of_model(spreads, shrink):
    """IRMv1 and gap of the common fit from the covariance of the structural model, by solving for
    the common and for each own fit.
    """
    causes = np.linalg.inv(np.eye(3) - np.eye(3, k=-1))
    scale = np.array([1, shrink])  # of x₁, y, x₂
    second = np.array([causes @ np.diag([1, 1, spread]) @ causes.T for spread in spreads])
    gram = scale[:, None] * second[:, ::2, ::2] * scale
    cross = scale * second[:, ::2, 1]
    common = np.linalg.solve(gram.sum(axis=0), cross.sum(axis=0))
    own = np.linalg.solve(gram, cross[..., None])[..., 0]

    def risk(w):
        return np.sum(w * ((gram @ w[..., None])[..., 0] - 2 * cross))

    return np.sum((2 * (gram @ common - cross)) ** 2), risk(common) - risk(own)


@predicted
def noise_floor(gram, samples, noise):
    """Means at the true weights: p σ²/n of the gap, 4 σ² tr G/n of IRMv1."""
    return np.array([len(gram), 4 * np.trace(gram)]) * noise**2 / samples


@predicted
def law_of_gap(features):
    """The law χ²_p of n times the gap at the true weights, for noise of variance 1."""
    return chi2(features)


@observed
def scaled_gaps(generator, count, design):
    """The number n times the gap at the true weights, for `count` draws of normal noise."""
    errors = generator.normal(size=(len(design), count))
    return len(design) * refitted_gap(design, errors, np.zeros(design.shape[1]))


@observed
def floor_by_signs(design, noise):
    """Means of gap and IRMv1 at the true weights over all 2^n sign vectors as noise."""
    errors = noise * np.array(list(product([-1.0, 1.0], repeat=len(design)))).T
    slopes = 2 * design.T @ errors / len(design)
    gaps = refitted_gap(design, errors, np.zeros(design.shape[1]))
    return np.array([gaps.mean(), np.sum(slopes**2, axis=0).mean()])


@predicted
def logistic_floor(gram, slopes):
    """2 gᵀ G⁻¹ g for each row of slopes: the Hessian of log-loss is G/4 at most."""
    return 2 * np.sum(slopes * np.linalg.solve(gram, slopes.T).T, axis=-1)


@observed
def logistic_gaps(design, labels, weights):
    """R(w) - min R of log-loss for each row of weights; a descent finds the least risk."""

    def risk(w):
        return -np.mean(log_expit(labels * (w @ design.T)), axis=-1)

    begin = np.zeros(design.shape[1])
    options = {"gtol": 1e-9}
    least = minimize(
        risk, begin, jac=lambda w: log_slopes(design, labels, w), method="BFGS", options=options
    )
    return risk(weights) - least.fun


@claim(
    derived("the risk is quadratic with Hessian $2 G$"),
    kind="identity",
    cases=[(50, 4), (3, 2), (2000, 64)],
)
def test_gap(trial, samples: Samples, features: Features):
    """Let $R(w)$ be the squared loss, $G$ the second moments of the features and $g = ∇R(w)$. Then
    $R(w) - min R = ¼ gᵀ G⁻¹ g$ for all weights $w$.
    """
    trial.require(
        samples > features,
        "as many features as samples fit everything: samples must exceed features",
    )
    design, targets, w = regression(trial.generator(), samples, features)
    gram = design.T @ design / samples
    slope = 2 * design.T @ (design @ w - targets) / samples
    predict = quadratic_form(gram, slope)
    controls = {
        "$¼ |g|²$": slope @ slope / 4,
        "$½ gᵀ G⁻¹ g$, as if the Hessian were $G$": 2 * predict,
    }
    ops = samples + 20 * np.linalg.cond(gram)
    scale = np.mean((np.abs(design) @ np.abs(w) + np.abs(targets)) ** 2)
    trial.identity(
        refitted_gap(design, targets, w),
        predict,
        ops=ops,
        scale=scale,
        generic="both sides are rational in design, targets and weights",
        controls=controls,
    )


@claim(
    tried(
        "abstract, sentence 4: arbitrarily small for non-invariant data representations",
        "one linear model, and the rate $c²$",
    ),
    kind="identity",
    cases=[(0.2, 2.0, 0.1), (0.1, 10.0, 1e-5), (10.0, 0.5, 0.9)],
)
def test_scaling(
    trial,
    spread: Spread,
    other: Spread,
    shrink: Annotated[
        float,
        Interval(
            1e-5, 0.9, why="at 1 nothing changes; below, G has no inverse in double precision"
        ),
    ],
):
    """Let $x₁ → y → x₂$ be linear with noise of variance 1, 1 and $t$, and let two environments
    differ in $t$. For the features $(x₁, c x₂)$ the squared gradient of the risk at the common fit
    (IRMv1) is proportional to $c²$, while the gap of its risk to the least risk of each environment
    does not depend on $c$.
    """
    trial.require(
        abs(spread - other) >= 0.01,
        "the environments must differ: spread and other by 0.01 at least",
    )
    spreads = np.array([spread, other])
    unit = np.array([shrink**-2, 1])
    predict = np.array(penalties_of_pair(spreads, shrink))
    controls = {
        "IRMv1 as at $c = 1$": unit * predict / [shrink**2, 1],
        "gap times $c²$": unit * predict * [1, shrink**2],
    }
    trial.identity(
        unit * penalties_of_model(spreads, shrink),
        unit * predict,
        # Fewer than 40 roundings, of 3 x 3 products and 2 x 2 solves. The rest is room for the
        # condition of the solves, which is below 6 once the factor c is taken out.
        ops=64,
        scale=20.0,
        controls=controls,
    )


@claim(
    derived("the gap is a projection of the noise, whose signs are independent"),
    kind="identity",
    cases=[(8, 3, 0.5), (3, 2, 1.0), (12, 11, 1e3)],
)
def test_noise_floor(
    trial,
    samples: SignedSamples,
    features: FewFeatures,
    noise: Annotated[
        float, Interval(1e-3, 1e3, why="a unit, within what squares leave of the digits")
    ],
):
    """With $n$ samples, $p < n$ features of positive definite second moments $G$ and noise of
    variance $σ²$, the true weights have a squared loss that exceeds the least one by $p σ²/n$ on
    average, whatever $G > 0$ is, and a squared gradient (IRMv1) of mean $4 σ² tr G/n$.
    """
    trial.require(
        samples > features,
        "as many features as samples fit everything: samples must exceed features",
    )
    design, _, _ = regression(trial.generator(), samples, features)
    gap, irm = noise_floor(design.T @ design / samples, samples, noise)
    repeated = design[:, np.arange(features) % (features - 1)]
    trial.identity(
        floor_by_signs(design, noise),
        [gap, irm],
        ops=2**samples,
        generic="both sides are rational in the design",
        controls={
            "$σ²$ for the gap, without $p/n$": [noise**2, irm],
            "$4 σ² p/n$ for IRMv1, as if $G$ were $I$": [gap, 4 * gap],
        },
        control_processes={"a feature that repeats another": floor_by_signs(repeated, noise)},
    )


@claim(
    known("Cochran 1934, for least squares"),
    kind="distribution",
    cases=[(8, 3), (3, 2), (12, 11)],
)
def test_noise_floor__law(trial, samples: SignedSamples, features: FewFeatures):
    """With $n$ samples, $p < n$ features of positive definite second moments and normal noise of
    variance $σ²$, the squared loss at the true weights exceeds the least one by an amount of the
    law $(σ²/n) χ²_p$, whatever these moments are.
    """
    trial.require(
        samples > features,
        "as many features as samples fit everything: samples must exceed features",
    )
    design, _, _ = regression(trial.generator(), samples, features)
    trial.distribution(
        sampler=partial(scaled_gaps, design=design),
        cdf=law_of_gap(features).cdf,
        margin=0.02,
        controls={
            "$χ²_n$": chi2(samples).cdf,
            "$χ²_(p-1)$, as of a variance": chi2(features - 1).cdf,
        },
        first=2**13,
    )


@claim(
    derived("the Hessian of log-loss is $G/4$ at most"),
    kind="bound",
    cases=[(50, 4), (3, 2), (2000, 64)],
)
def test_logistic(trial, samples: Samples, features: Features):
    """Let $R(w)$ be the log-loss of labels that no hyperplane separates, $G$ the second moments of
    the features and $g = ∇R(w)$. Then $R(w) - min R >= 2 gᵀ G⁻¹ g$ for all weights $w$.
    """
    trial.require(
        samples > features,
        "as many features as samples fit everything: samples must exceed features",
    )
    design, targets, w = regression(trial.generator(), samples, features)
    weights = w * np.geomspace(0.03, 3, 12)[:, None] / np.sqrt(np.mean((design @ w) ** 2))

    def floors_and_gaps(repeated):
        """For each row of weights, if so many samples come with both labels: no line separates."""
        rows = np.vstack([design, design[:repeated]])
        labels = np.sign(np.append(targets, -targets[:repeated]))
        floors = logistic_floor(rows.T @ rows / len(rows), log_slopes(rows, labels, weights))
        return floors, logistic_gaps(rows, labels, weights)

    # If all samples come with both labels, the bound is tight near the minimum.
    floors, gaps = np.swapaxes([floors_and_gaps(features), floors_and_gaps(samples)], 0, 1)
    trial.bound(
        floors,
        gaps,
        instances="search",
        ops=2 * samples,
        scale=1.0,
        control_processes={"as if the Hessian were $G/8$ at most": 2 * floors},
    )


@claim(derived("boxes of the predicted chance, each enclosed"), kind="bound")
def test_logistic__everywhere(trial):
    """For one feature that is 1 and labels of which a share $q$ is positive, $R - min R = q
    log(q/p) + (1 - q) log((1 - q)/(1 - p)) >= 2 (p - q)²$, for all $p$ in $[.001, .999]$ and
    $q = .1, .2, …, .9$, to $1e-12$. Here $p$ is the predicted chance, $g = p - q$ and $G = 1$.
    """

    def gap(chance, tenths):
        q = Fraction(tenths, 10)
        return q * balls.log(q / chance) + (1 - q) * balls.log((1 - q) / (1 - chance))

    trial.prove(
        lambda chance, tenths: 2 * (chance - Fraction(tenths, 10)) ** 2,
        gap,
        {"chance": (0.001, 0.999), "tenths": range(1, 10)},
        tolerance=1e-12,
        controls={
            "as if the Hessian were $G/8$ at most": lambda chance, tenths: gap(chance, tenths) / 2
        },
        same_as=(
            lambda chance, tenths: logistic_floor(np.eye(1), np.array([[chance - tenths / 10]]))[0],
            None,
        ),
    )


@figure("F1", claims=("scaling",))
def shrinking(spread=0.2, other=2.0):
    """A shrunken feature hides from IRMv1.

    Sum over two environments, at their common fit, of the squared gradient and of the gap of the
    risk, which stays the same. Marks: lines: closed form; points: solved from the model's
    covariance.
    """
    spreads = np.array([spread, other])
    shrinks = np.geomspace(1e-3, 1, 13)
    names = ("IRMv1", "gap")
    lines, points = (
        np.array([of(spreads, c) for c in shrinks]).T
        for of in (penalties_of_pair, penalties_of_model)
    )
    curves = [
        {name: (shrinks, y) for name, y in zip(names, rows, strict=True)}
        for rows in (lines, points)
    ]
    y = "penalty  (squared unit of the target)"
    return chart(*curves, legend="lower right", log="xy", x="factor c of the spurious feature", y=y)
