"""Titsias, Galashov, Rannen-Triki, Pascanu, Teh & Bornschein 2024, "Kalman Filter for Online
Classification of Non-Stationary Data", ICLR, arXiv 2306.08448.

For someone who tracks a drifting linear head and picks one forgetting coefficient $γ$: what the
filter computes, how long it remembers, and what a wrong $γ$ costs.

Take away: the filter remembers $1/(1 - γ (1 - K))$ steps, not $1/(1 - γ)$: 2.1 for 10 at $γ = .9$,
$c = 1$, $σ² = 1/2$. A $γ$ that is too large costs more than one that is too small: for a true $γ$
of .9 the error .859 becomes 1.18 at $γ = .999$ and only 1.02 at $γ = .5$.

The head drifts as $w_t = γ w_{t-1} + √(1-γ²) N(0, c I)$ from $w_0 ~ N(0, c I)$, and
$y_t = φ_t·w_t + N(0, σ²)$ for features $φ_t$ in $R^d$. The Kalman filter predicts each $y_t$ from
those before. In steady state with $d = 1$ and $φ = 1$, $v$ is the variance of its prediction of
$w_t$, $K = v/(v + σ²)$ its gain, and $q = (1-γ²)c$ the variance of a drift.

Edges: at $γ = 1$ the head stands still and the filter is ridge regression with penalty $σ²/c$,
whose $v$ falls to 0 as $1/t$, so that it has neither a steady state nor a constant error. At
$γ = 0$ the past is ignored: $v = c$, and the memory is one step. The memory comes near $1/(1 - γ)$
only if the noise is much larger than the drift, that is, if $v$ is small compared with $(1-γ)σ²$.

Paper: online classification with a drifting head whose forgetting is learned online. This page
studies its filter for regression, with $γ$ held fixed.

Abstract:

- Sentences 1 and 2: online learning must adapt to a stream that changes, and know its uncertainty.
  No statement.
- Sentence 3: a Bayesian model has a state space over the weights of a linear head. No statement.
- Sentence 4: the head drifts with a coefficient that quantifies forgetting. No statement.
- Sentence 5, first half: recursions of a Kalman filter track the posterior efficiently. Holds:
  likelihood, steady_state, steady_state-memory.
- Sentence 5, second half: updates of the coefficient adapt to the change that is seen. In part:
  least_at_the_truth, wrong_forgetting. The true one is the best, and wrong ones have their price;
  learning it is not tried.
- Sentence 6: the model is extended to classes and to fine-tuning. Not on trial. The filter
  approximates for classes.
- Sentence 7: it classifies streams of images well. Not on trial. It needs the images.

Read: the abstract ("a parameter drift transition density, parametrized by a coefficient that
quantifies forgetting"). The factor $√(1-γ²)$ is recalled. Derived here: all laws but that of the
settled variance. Not claimed: anything on classes, where the filter approximates. Topic: learning.
"""

from typing import Annotated

import numpy as np
from scipy import linalg, signal, stats

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

Forgetting = Annotated[
    float, Interval(0.1, 0.995, why="near 1 the steady state takes long; at 0 there is no past")
]
Scale = Annotated[
    float, Interval(0.1, 10, why="beyond, the drift or the noise drowns in the other")
]
STEPS = 6000  # past that the settled filters look back on: at γ = .998 its weight is below 1e-15
GAMMAS = (0.3, 0.6, 0.8, 0.97, 0.998)  # of filters


def outcomes_of_drift(generator, features, gamma, c, noise=1.0):
    """The outcomes of features (steps, d) whose head drifts as the model says."""
    drifts = np.sqrt(c * (1 - gamma**2)) * generator.standard_normal(features.shape)
    drifts[0] /= np.sqrt(1 - gamma**2)
    heads = signal.lfilter([1], [1, -gamma], drifts, axis=0)
    return np.sum(features * heads, axis=1) + np.sqrt(noise) * generator.standard_normal(
        len(features)
    )


@predicted
def one_gaussian(features, outcomes, gamma, c):
    """The density log N(y; 0, cγ^{|s-t|} φ_s·φ_t + I) and the mean of the last head given y, from
    an n × n matrix.
    """
    decay = linalg.toeplitz(gamma ** np.arange(len(outcomes)))
    covariance = c * decay * (features @ features.T) + np.eye(len(outcomes))
    mean = c * features.T @ (decay[-1] * linalg.solve(covariance, outcomes, assume_a="pos"))
    return np.append(stats.multivariate_normal.logpdf(outcomes, cov=covariance), mean)


@observed
def filtered(features, outcomes, c, gamma, drift):
    """Run the filter, a rank-one update in each step: the sum of log p(y_t | past), and the mean of
    the last head.
    """
    mean = np.zeros(features.shape[1])
    covariance = c * np.eye(features.shape[1])
    total = 0.0
    for step, (phi, y) in enumerate(zip(features, outcomes, strict=True)):
        if step:
            mean = gamma * mean
            covariance = gamma**2 * covariance + drift * np.eye(len(mean))
        variance = phi @ covariance @ phi + 1
        residual = y - phi @ mean
        total -= (residual**2 / variance + np.log(2 * np.pi * variance)) / 2
        gain = covariance @ phi / variance
        mean = mean + gain * residual
        covariance = covariance - np.outer(gain, phi @ covariance)
    return np.append(total, mean)


@claim(
    tried(
        "abstract, sentence 5: recursions track the posterior",
        "likelihood and last head against one dense law",
    ),
    kind="identity",
    cases=[(40, 4, 0.95, 5.0), (3, 2, 0.5, 1.0)],
)
def test_likelihood(
    trial,
    steps: Annotated[
        int,
        Interval(
            2, 128, why="one step forgets nothing; beyond, the dense solve is ill-conditioned"
        ),
    ],
    dim: Annotated[int, Interval(1, 16, why="larger heads lose digits in the dense solve")],
    gamma: Annotated[
        float,
        Interval(
            0.1, 0.99, why="nearer to 0 and 1, which are tried too, other drifts look like this"
        ),
    ],
    c: Scale,
):
    """A head drifts as $w_t = γ w_{t-1} + √(1-γ²) N(0, c I)$ from $w_0 ~ N(0, c I)$, and is seen as
    $y_t = φ_t·w_t + N(0, 1)$. The predictive log densities of the $y_t$ by the Kalman filter add up
    to the log density of all $y$ under one Gaussian of mean 0 and covariance
    $c γ^(|s-t|) φ_s·φ_t + δ_{s t}$, and its last head is the mean of $w_t$ given all $y$.
    """
    generator = trial.generator("data")
    gammas = np.array([0.0, gamma, 1.0])
    features = generator.standard_normal((steps, dim))
    outcomes = outcomes_of_drift(generator, features, gamma, c)
    dense = np.array([one_gaussian(features, outcomes, g, c) for g in gammas])

    def filters(drifts):
        pairs = zip(gammas, drifts, strict=True)
        return np.array([filtered(features, outcomes, c, *pair) for pair in pairs])

    trial.identity(
        filters(c * (1 - gammas**2)),
        dense,
        # Each step loses what the condition number of the covariance asks for, up to the squared
        # outcomes in all.
        ops=10 * steps * dim * (1 + c * dim * steps),
        generic="both sides are analytic in features and outcomes",
        control_processes={
            "drift of variance $c$": filters(np.full(3, c)),
            "drift of variance $(1-γ)c$": filters(c * (1 - gammas)),
        },
    )


@predicted
def steady_variance(gamma, c, noise):
    """The variance v = ½[-β + √(β² + 4qσ²)], β = (1-γ²)σ² - q, the positive root of v =
    γ²vσ²/(v+σ²) + q.
    """
    q = (1 - gamma**2) * c
    beta = (1 - gamma**2) * noise - q
    root = np.sqrt(beta**2 + 4 * q * noise)
    # The first form cancels where the noise is large.
    return 2 * q * noise / (root + beta) if beta > 0 else (root - beta) / 2


@predicted
def memory(gamma, gain):
    """1/(1 - γ (1 - K)), the number of steps that the settled filter remembers."""
    return 1 / (1 - gamma * (1 - gain))


@observed
def settled_filter(gamma, c, noise, steps):
    """Iterate the scalar filter until it is settled: its variance, and the weights of the past in a
    prediction.
    """
    variance = c
    for _ in range(steps):
        variance = gamma**2 * variance * noise / (variance + noise) + (1 - gamma**2) * c
    gain = variance / (variance + noise)
    return variance, signal.lfilter([gamma * gain], [1, gamma * (gain - 1)], np.eye(1, steps)[0])


SETTLED = [(0.9, 1.0, 0.5), (0.99, 1.0, 0.5), (0.5, 10.0, 0.1)]


@claim(known("Kalman 1960, the Riccati equation"), kind="identity", cases=SETTLED)
def test_steady_state(trial, gamma: Forgetting, c: Scale, noise: Scale):
    """A head of variance $c$ drifts as $w_t = γ w_{t-1} + N(0, q)$, $q = (1-γ²)c$, and is seen as
    $y_t = w_t + N(0, σ²)$. In the long run the Kalman filter predicts $w_t$ with the variance
    $v = ½[-β + √(β² + 4qσ²)]$, $β = (1-γ²)σ² - q$.
    """
    trial.identity(
        settled_filter(gamma, c, noise, STEPS)[0],
        steady_variance(gamma, c, noise),
        # An error lasts for 45 steps at γ = .995, c = .1, σ² = 10; each step makes some ten.
        ops=1000,
        controls={
            "drift of variance $c$": steady_variance(gamma, c / (1 - gamma**2), noise),
            "drift of variance $(1-γ)c$": steady_variance(gamma, c / (1 + gamma), noise),
        },
    )


@claim(derived("a prediction decays by $γ (1 - K)$ a step"), kind="identity", cases=SETTLED)
def test_steady_state__memory(trial, gamma: Forgetting, c: Scale, noise: Scale):
    """A head drifts as $w_t = γ w_{t-1} + N(0, q)$ and is seen as $y_t = w_t + N(0, σ²)$. In the
    long run the Kalman filter has the gain $K = v/(v + σ²)$, where $v$ is the variance of its
    prediction of $w_t$. Its weights on the past add up to $1/(1 - γ (1 - K))$ times the latest one.
    """
    weights = settled_filter(gamma, c, noise, STEPS)[1]
    variance = steady_variance(gamma, c, noise)
    trial.identity(
        np.sum(weights) / weights[0],
        memory(gamma, variance / (variance + noise)),
        # The memory is at most 90 steps; each step adds up to some ten roundings.
        ops=1000,
        controls={"$1/(1 - γ)$, decay by $γ$": 1 / (1 - gamma)},
    )


@predicted
def one_step_error(truth, gamma, c, noise):
    """MSE = X_11 - 2X_12 + X_22 + σ², X = AXA' + Q the covariance of the head and of what the
    filter takes it for.
    """
    gain = 1 - noise / (steady_variance(gamma, c, noise) + noise)
    step = np.array([[truth, 0], [gamma * gain, gamma * (1 - gain)]])
    covariance = linalg.solve_discrete_lyapunov(
        step, np.diag([(1 - truth**2) * c, (gamma * gain) ** 2 * noise])
    )
    return covariance[0, 0] - 2 * covariance[0, 1] + covariance[1, 1] + noise


@observed
def error_of_weights(truth, gamma, c, noise):
    """The mean squared error of the settled filter's weights on y, whose covariances are cγ_0^|h|,
    plus σ² at 0.
    """
    weights = np.concatenate([[-1.0], settled_filter(gamma, c, noise, STEPS)[1]])
    covariances = c * truth ** np.arange(len(weights))
    covariances[0] += noise
    return weights @ linalg.matmul_toeplitz(covariances, weights)


@claim(
    derived("a linear recursion of both states"),
    kind="identity",
    cases=[(0.9, 1.0, 0.5), (0.5, 10.0, 0.1)],
)
def test_wrong_forgetting(trial, truth: Forgetting, c: Scale, noise: Scale):
    """A head $w_t = γ_0 w_{t-1} + N(0, (1-γ_0²)c)$ is seen as $y_t = w_t + N(0, σ²)$. The settled
    Kalman filter with $γ$ and gain $K$ predicts $y_t$ with the mean squared error
    $X_{1 1} - 2 X_{1 2} + X_{2 2} + σ²$, where $X = A X Aᵀ + Q$, $A = (γ_0, 0; γ K, γ(1-K))$ and
    $Q = diag((1-γ_0²)c, (γ K)²σ²)$.
    """
    law = np.array([one_step_error(truth, gamma, c, noise) for gamma in GAMMAS])
    measured = np.array([error_of_weights(truth, gamma, c, noise) for gamma in GAMMAS])
    belief = np.array([steady_variance(gamma, c, noise) + noise for gamma in GAMMAS])
    # The filter of γ = .998 remembers at most 152 steps; each adds up to some six roundings.
    trial.identity(measured, law, ops=1000, controls={"what the filter believes": belief})


@claim(
    derived("the filter with $γ = γ_0$ is the conditional mean"),
    kind="bound",
    cases=[(0.9, 1.0, 0.5), (0.5, 10.0, 0.1)],
)
def test_least_at_the_truth(trial, truth: Forgetting, c: Scale, noise: Scale):
    """A head $w_t = γ_0 w_{t-1} + N(0, (1-γ_0²)c)$ is seen as $y_t = w_t + N(0, σ²)$. Of the
    settled Kalman filters with any $γ$ the one with $γ = γ_0$ has the least mean squared error of
    the next $y$, $v + σ²$, where $v$ is its variance of $w$.
    """
    gammas = np.array([*GAMMAS, truth])
    measured = np.array([error_of_weights(truth, gamma, c, noise) for gamma in gammas])
    belief = np.array([steady_variance(gamma, c, noise) + noise for gamma in gammas])
    trial.bound(
        np.full(len(gammas), steady_variance(truth, c, noise) + noise),
        measured,
        instances="grid",
        # The filter of γ = .998 remembers at most 152 steps; each adds up to some six roundings.
        ops=1000,
        controls={"filters err as they believe": belief},
    )


@figure("F1", claims=("wrong_forgetting", "steady_state"))
def cost_of_wrong_forgetting(
    truth: float = 0.9, c: float = 1.0, noise: float = 0.5, steps: int = 40_000
):
    """A wrong $γ$ is cheap near the true one and dear far from it: the one-step error of a filter
    on a drifting head.

    Marks: line: Lyapunov equation; points: one head, 99 % from batches; $γ$: filter's, $γ₀$: true.
    """
    outcomes = outcomes_of_drift(np.random.default_rng(0), np.ones((steps, 1)), truth, c, noise)
    fine = np.geomspace(1e-3, 1, 60)
    coarse = np.geomspace(1e-3, 1, 10)
    predictions = [
        signal.fftconvolve(outcomes, settled_filter(1 - x, c, noise, 2000)[1])[: steps - 1]
        for x in coarse
    ]
    errors = np.mean(
        (np.subtract(outcomes[1:], predictions)[:, 1999:] ** 2).reshape(10, -1, 2000), axis=2
    )
    # Student's
    points = (
        coarse,
        errors.mean(axis=1),
        2.88 * errors.std(axis=1, ddof=1) / np.sqrt(errors.shape[1]),
    )
    theory = {"theory": (fine, [one_step_error(truth, 1 - x, c, noise) for x in fine])}
    x = "forgetting 1 - γ of the filter"
    y = "mean squared error  (units of y²)"
    return chart(theory, {"simulated": points}, log="x", thresholds={"γ = γ₀": 1 - truth}, x=x, y=y)
