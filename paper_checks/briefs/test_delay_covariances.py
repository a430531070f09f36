"""Carrara & Papadopoulo 2023, "Classification of BCI-EEG based on augmented covariance matrix",
arXiv 2302.04508.

For whoever stacks delayed copies of a signal and classifies their covariance by Riemannian
distance: how many copies to take, which lag, and what the distance measures.

Setting: $x_t$ is a stationary process of $c$ channels. $Γ_o$ $(o c, o c)$ is the covariance of $o$
copies at the lags $0, ℓ, …, (o - 1) ℓ$; at $o = 1$ it is the plain covariance. The affine-invariant
distance of two such matrices is $δ = (∑_i log² λ_i)^(1/2)$ with the eigenvalues $λ_i$ of $Γ⁻¹ Γ'$.
The partial autocorrelation $κ_j$ of one channel is what $x_t$ and $x_(t-j)$ share beyond the values
between them.

Take away: $p$ copies do not hold an autoregression of order $p$; $p + 1$ do. Two AR(1) signals with
$κ = .6$ and $-.6$ have the same plain covariance, and $δ = 1.96$ at two copies, although the
determinants agree. Each further copy adds the same constant to $δ²$, the squared distance of the
two cepstra: the distance grows, but it tells nothing new. With an even lag, $x_t$ and $(-1)^t x_t$
cannot be told apart by any number of copies.

Edges: the estimate of $Γ_o$ from $T$ samples is invertible only with $o c$ samples or more, so that
$o$ must be below $T/(c + ℓ)$. Near $|κ| = 1$ distances diverge. If a root of the process is near
the unit circle, the increments converge slowly.

Paper: it classifies EEG signals by covariance matrices of delayed copies, with an order and a lag
to be chosen. This page says what the matrices contain and what their distance measures, for
processes whose law is known.

Abstract:

- Statement 1: the delayed copies stand for an autoregressive model, by the equations of Yule and
  Walker. In part: increments, one_copy_short. One copy more than the order is needed.
- Statement 2: delayed copies embed a dynamical system, which gives ways to choose order and lag. In
  part: one_copy_short, even_lags_are_blind. What an order and a lag hold is on trial, not how to
  find them.
- Statement 3: the classification of imagined movements becomes better. In part: nearest_mean. Drawn
  signals of two known laws are classified better; there are no recordings.
- Statement 4: this is because the matrix holds temporal information and nonlinear components of the
  signal. Not on trial. `one_copy_short` shows temporal information; what it gains needs recordings.

Read: the abstract, in a stored copy ("Yule-Walker equations"), and how order and lag stack the
copies in the code of NeuroTechX/moabb, `moabb/pipelines/features.py`, class AugmentedDataset.
Derived here: all formulas. Not claimed: anything about recordings.

Topic: linear algebra for learning.
"""

from typing import Annotated

import numpy as np
from scipy.integrate import quad
from scipy.linalg import eigh, solve_discrete_lyapunov, toeplitz
from scipy.stats import norm

from paper_checks.briefs.common import apart, orthonormal
from theory_on_trial import claim, derived, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Channels = Annotated[int, Interval(1, 4, why="a signal has a channel; o c rows are decomposed")]
Order = Annotated[int, Interval(1, 4, why="p; at 0 the signal is white; o c rows are decomposed")]
Few = Annotated[int, Interval(1, 3, why="p; the others in common bring roots near the circle")]
Mild = Annotated[float, Interval(0.1, 0.6, why="κ; near 1 limits are late")]
Lag = Annotated[int, Interval(1, 6, why="ℓ; at 0 the copies are equal, beyond hardly correlated")]
Copies = Annotated[int, Interval(2, 12, why="one copy has no lag; o rows are decomposed")]
SHARED = (0.5, -0.3, 0.2)
"""Partial autocorrelations before the last one."""


def coefficients(partials):
    """The coefficients (p,) of the autoregression with given partial autocorrelations, by Levinson
    and Durbin's recursion.
    """
    weights = np.zeros(0)
    for kappa in partials:
        weights = np.append(weights - kappa * weights[::-1], kappa)
    return weights


def companion(weights):
    """The matrix (p c, p c) that moves p stacked values of x_t = Σ_j A_j x_(t-j) + noise on by a
    step; weights (p, c, c).
    """
    order, channels, _ = weights.shape
    moves = np.eye(order * channels, k=-channels)
    moves[:channels] = np.hstack(list(weights))
    return moves


def drawn_weights(generator, channels, order):
    """Coefficients (p, c, c) of a stable autoregression: its companion's largest root is .8."""
    weights = generator.normal(size=(order, channels, channels))
    radius = np.max(np.abs(np.linalg.eigvals(companion(weights))))
    return weights * (0.8 / radius) ** np.arange(1, order + 1)[:, None, None]


def drawn_noise(generator, channels):
    """A covariance (c, c) of innovations."""
    factor = np.eye(channels) + 0.5 * generator.normal(size=(channels, channels))
    return factor @ factor.T


@observed
def autocovariances(weights, noise, count):
    """E x_(t+h) x_tᵀ (count, c, c) at the lags h = 0, 1, …, from a discrete Lyapunov equation."""
    channels = noise.shape[0]
    moves = companion(weights)
    driven = np.zeros(moves.shape)
    driven[:channels, :channels] = noise
    state = solve_discrete_lyapunov(moves, driven)
    found = []
    for _ in range(count):
        found.append(state[:channels, :channels])
        state = moves @ state
    return np.array(found)


@observed
def stacked(lags, copies, lag=1):
    """Γ_o (o c, o c) of the copies at the lags 0, ℓ, …, (o - 1) ℓ, from autocovariances."""

    def block(i, j):
        return lags[lag * (i - j)] if i >= j else lags[lag * (j - i)].T

    return np.block([[block(i, j) for j in range(copies)] for i in range(copies)])


@observed
def squared_distance(first, second):
    """δ² of two covariances, from the eigenvalues of the pencil."""
    return np.sum(np.log(eigh(second, first, eigvals_only=True)) ** 2)


@observed
def scalar_lags(partials, count):
    """The autocovariances (count,) of one channel of unit variance with these partial
    autocorrelations.
    """
    weights = coefficients(partials)[:, None, None]
    lags = autocovariances(weights, np.eye(1), count)[:, 0, 0]
    return lags / lags[0]


@observed
def distance_of_copies(partials, others, copies):
    """δ² of o copies of two channels of unit variance, at lag 1."""
    matrices = [toeplitz(scalar_lags(kappas, copies)) for kappas in (partials, others)]
    return squared_distance(*matrices)


@observed
def log_det(matrix):
    """The logarithm of the determinant of a positive matrix."""
    return np.linalg.slogdet(matrix)[1]


@predicted
def prediction_error(weights, noise, steps):
    """The log determinant of the covariance of x_t given the `steps` values before, by Kalman's
    recursion: the state is the last p values, and one value of it more is known after each step.
    """
    channels = noise.shape[0]
    moves = companion(weights)
    size = len(moves)
    # The stationary covariance, as a sum of squares of the impulse response.
    response = np.zeros((size, channels))
    response[:channels] = np.linalg.cholesky(noise)
    covariance = np.zeros((size, size))
    for _ in range(400):
        covariance += response @ response.T
        response = moves @ response
    driven = np.zeros((size, size))
    driven[:channels, :channels] = noise
    for _ in range(steps):
        gain = covariance[:, :channels] @ np.linalg.inv(covariance[:channels, :channels])
        known = covariance - gain @ covariance[:channels]
        covariance = moves @ known @ moves.T + driven
    return np.linalg.slogdet(covariance[:channels, :channels])[1]


@predicted
def distance_of_last(kappa, other):
    """log²((1 + κ')/(1 + κ)) + log²((1 - κ')/(1 - κ)), for κ and κ' in (-1, 1)."""
    if not (abs(kappa) < 1 and abs(other) < 1):
        raise ValueError("kappa and other must lie in (-1, 1)")
    return np.log((1 + other) / (1 + kappa)) ** 2 + np.log((1 - other) / (1 - kappa)) ** 2


@predicted
def cepstrum(partials, terms):
    """c_0, …, c_(terms - 1) of an autoregression of unit variance: c_0 = Σ log(1 - κ²), and c_k =
    Σ r^k/k over the roots r of its polynomial.
    """
    k = np.arange(1, terms)
    roots = np.roots(np.append(1.0, -coefficients(partials)))
    powers = np.sum(roots[:, None] ** k, axis=0).real / k
    return np.append(np.sum(np.log1p(-np.square(partials))), powers)


@predicted
def cepstral_distance(partials, others, terms=2000):
    """Σ_(k ∈ ℤ) (c_k - c'_k)², where c_(-k) = c_k."""
    squares = (cepstrum(partials, terms) - cepstrum(others, terms)) ** 2
    return squares[0] + 2 * np.sum(squares[1:])


@predicted
def folded_covariance(partials, copies, lag, frequencies=4096):
    """Γ_o (o, o) of the folded spectrum (1/ℓ) Σ_j S((ω + 2πj)/ℓ), whose Fourier coefficients are
    sums over a grid of frequencies; S is that of an autoregression of unit variance.
    """
    omega = 2 * np.pi * np.arange(frequencies) / frequencies
    folds = (omega[:, None] + 2 * np.pi * np.arange(lag)) / lag
    response = 1.0 + 0j
    for j, weight in enumerate(coefficients(partials), 1):
        response = response - weight * np.exp(1j * j * folds)
    power = np.prod(1 - np.square(partials)) / np.abs(response) ** 2
    rows = np.arange(copies)
    waves = np.exp(1j * np.outer(rows, omega))
    return (waves * np.mean(power, axis=1) @ waves.conj().T).real / frequencies


@predicted
def alternating_distance(root, channels, lag, copies):
    """δ² of x_t = a Q x_(t-1) + noise and (-1)^t x_t, Q orthogonal (c, c), noise of covariance I: 0
    if ℓ is even, and 8 c artanh²(a^ℓ) for two copies if it is odd.
    """
    if lag % 2 == 0:
        return 0.0
    if copies != 2:
        raise ValueError("copies must be 2 at an odd lag: others have no closed form")
    return 8 * channels * np.arctanh(root**lag) ** 2


@claim(
    derived("a determinant is a product of prediction errors"),
    kind="identity",
    cases=[(2, 2, 0), (1, 3, -1), (3, 1, 4), (4, 4, -3)],
)
def test_increments(
    trial,
    channels: Channels,
    order: Order,
    beyond: Annotated[int, Interval(-3, 4, why="o - p; the largest matrix has 8 copies")],
):
    """Let $Γ_o$ be the covariance of $o$ consecutive values of an autoregression. Then the
    difference $log det Γ_(o+1) - log det Γ_o$ is $log det$ of the error covariance of the best
    linear prediction of a value from the $o$ values before.

    Both sides are compared as variances a channel, exp(· / c) for c channels.
    """
    copies = order + beyond
    trial.require(copies >= 1, "order + beyond must be at least 1: there is one copy")
    generator = trial.generator("process")
    weights = drawn_weights(generator, channels, order)
    noise = drawn_noise(generator, channels)
    lags = autocovariances(weights, noise, copies + 1)
    increment = log_det(stacked(lags, copies + 1)) - log_det(stacked(lags, copies))
    law = prediction_error(weights, noise, copies)
    innovations = np.linalg.slogdet(noise)[1]
    rivals = {
        "of one value less": prediction_error(weights, noise, copies - 1),
        "the plain covariance, as for white noise": log_det(lags[0]),
    }
    if beyond < 0:
        rivals["the innovations at every order"] = innovations
    elif channels > 1:
        rivals["innovations without correlation"] = np.sum(np.log(np.diag(noise)))
    trial.value(
        np.exp(increment / channels),
        np.exp(law / channels),
        error=1e-10,
        margin=1e-7,
        generic="determinants are analytic in weights and noise",
        controls={
            name: np.exp(value / channels)
            for name, value in rivals.items()
            if abs(value - law) > 1e-6
        },
    )


@claim(
    derived("condition on the values between the first and the last copy"),
    kind="identity",
    cases=[(1, 0.6, -0.6), (2, 0.4, -0.4), (3, 0.9, 0.2), (4, 0.7, -0.3)],
)
def test_one_copy_short(
    trial,
    order: Order,
    kappa: Annotated[float, Interval(0.1, 0.9, why="|κ|; at 0 signals agree, at 1 δ diverges")],
    other: Annotated[float, Interval(-0.9, 0.9, why="κ'; at ±1 δ diverges")],
):
    """Let $δ²$ be the sum of squared logarithms of the eigenvalues of $Γ⁻¹ Γ'$, where $Γ$, $Γ'$ are
    the covariances of $p + 1$ consecutive values of two signals of unit variance. If these have the
    lags $0, …, p - 1$ in common and the last partial autocorrelations $κ$ and $κ'$, then
    $δ² = log²((1 + κ')/(1 + κ)) + log²((1 - κ')/(1 - κ))$.
    """
    trial.require(abs(kappa - other) >= 0.05, "kappa and other must differ by .05 or more")
    before = SHARED[: order - 1]
    law = distance_of_last(kappa, other)
    rivals = {
        "$p$ copies hold an autoregression of order $p$": 0.0,
        "by the determinants": np.log((1 - other**2) / (1 - kappa**2)) ** 2,
        "all $κ$ count": law + distance_of_last(SHARED[0], 0.0) * (order - 1),
    }
    trial.value(
        distance_of_copies((*before, kappa), (*before, other), order + 1),
        law,
        error=1e-9,
        margin=1e-6 * law,
        controls={name: value for name, value in rivals.items() if abs(value - law) > 0.01 * law},
    )


@claim(
    derived("Szegő's theorem for $Γ⁻¹Γ'$"),
    kind="limit",
    cases=[(1, 0.6, -0.6), (2, 0.4, -0.4), (1, 0.3, 0.1), (3, 0.5, -0.2)],
)
def test_cepstrum(
    trial,
    order: Few,
    kappa: Mild,
    other: Annotated[float, Interval(-0.6, 0.6, why="κ'; near ±1 limits are late")],
):
    """Let $δ²(o)$ be the sum of squared logarithms of the eigenvalues of $Γ⁻¹ Γ'$, where $Γ$, $Γ'$
    are the covariances of $o$ consecutive values of two channels with smooth positive spectra $S$,
    $S'$. As $o → ∞$, $δ²(o + 1) - δ²(o)$ tends to
    $(1/2π) ∫ (log S - log S')² = ∑_(k ∈ ℤ) (c_k - c'_k)²$, where $c$ is the cepstrum of $S$.

    The copies o are 60 here.
    """
    trial.require(abs(kappa - other) >= 0.1, "kappa and other must differ by .1 or more")
    first = (*SHARED[: order - 1], kappa)
    second = (*SHARED[: order - 1], other)
    law = cepstral_distance(first, second)
    increment = distance_of_copies(first, second, 61) - distance_of_copies(first, second, 60)
    zeroth = (cepstrum(first, 1) - cepstrum(second, 1))[0] ** 2
    rivals = {
        "one side of the cepstrum": (law + zeroth) / 2,
        "the distance at $p + 1$ copies": distance_of_last(kappa, other),
        "by the variances of innovations": zeroth,
    }
    trial.value(
        increment,
        law,
        error=1e-8,
        margin=2e-3 * law,
        controls={name: value for name, value in rivals.items() if abs(value - law) > 0.01 * law},
    )


@observed
def distance_from_alternating(generator, root, channels, lag, copies):
    """δ² of o copies of x_t = a Q x_(t-1) + noise from those of (-1)^t x_t, for a random Q."""
    turn = root * orthonormal(generator, channels)
    count = lag * (copies - 1) + 1
    series = [autocovariances(moves[None], np.eye(channels), count) for moves in (turn, -turn)]
    return squared_distance(*[stacked(lags, copies, lag) for lags in series])


Root = Annotated[float, Interval(0.2, 0.8, why="a; at 0 signals agree, near 1 δ diverges")]


@claim(
    derived("$(-1)^t$ is 1 at even $t$"),
    kind="identity",
    cases=[(0.6, 1, 1, 10), (0.5, 3, 2, 5), (0.6, 2, 1, 2)],
)
def test_even_lags_are_blind(
    trial,
    root: Root,
    channels: Channels,
    half: Annotated[int, Interval(1, 3, why="ℓ/2; at 0 the copies are equal, beyond unlike")],
    copies: Copies,
):
    """At an even lag $ℓ$, any number of copies of $x_t$ and $(-1)^t x_t$ have the same covariance,
    so that their affine-invariant distance is 0.
    """
    generator = trial.generator("Q")
    size = alternating_distance(root, channels, 1, 2)
    trial.value(
        distance_from_alternating(generator, root, channels, 2 * half, copies),
        alternating_distance(root, channels, 2 * half, copies),
        error=1e-12,
        margin=1e-9,
        scale=size,
        generic="both sides are analytic in the turn",
        controls={"the lag does not matter, as of two copies at lag 1": size},
    )


@claim(
    derived("the second copy is joined by $±a^ℓ Q^ℓ$ to the first"),
    kind="identity",
    cases=[(0.4, 2, 2), (0.6, 2, 1), (0.5, 3, 3)],
)
def test_even_lags_are_blind__odd(
    trial,
    root: Root,
    channels: Channels,
    half: Annotated[int, Interval(1, 3, why="(ℓ + 1)/2; beyond, copies are hardly correlated")],
):
    """Let $x_t = a Q x_(t-1) + e_t$, where $Q$ is orthogonal $(c, c)$ and the noise $e_t$ has
    covariance $I$. Two copies of it at an odd lag $ℓ$ have the squared affine-invariant distance
    $8 c artanh²(a^ℓ)$ from those of $(-1)^t x_t$.
    """
    lag = 2 * half - 1
    law = alternating_distance(root, channels, lag, 2)
    rivals = {
        "the lag does not matter": alternating_distance(root, channels, 1, 2),
        "blind at every lag": 0.0,
    }
    trial.value(
        distance_from_alternating(trial.generator("Q"), root, channels, lag, 2),
        law,
        error=1e-12,
        margin=1e-9,
        scale=alternating_distance(root, channels, 1, 2),
        generic="both sides are analytic in the turn",
        controls={name: value for name, value in rivals.items() if value != law},
    )


@claim(
    derived("every $ℓ$-th value of a series"),
    kind="identity",
    cases=[(1, 0.6, 2, 4), (3, 0.5, 3, 2), (2, 0.2, 5, 12), (3, 0.6, 1, 3)],
)
def test_even_lags_are_blind__folded(trial, order: Few, kappa: Mild, lag: Lag, copies: Copies):
    """The covariance of values at the lags $0, ℓ, 2ℓ, …$ of a process of spectrum $S$ is that of
    the folded spectrum $(1/ℓ) sum_j S((ω + 2πj)/ℓ)$, $j = 0, …, ℓ - 1$: its entry $(i, j)$ is the
    Fourier coefficient $i - j$.
    """
    partials = (*SHARED[: order - 1], kappa)
    lags = scalar_lags(partials, lag * (copies - 1) + 1)
    law = folded_covariance(partials, copies, lag)
    rivals = {
        "frequencies beyond $π/ℓ$ are cut off": np.sinc(1 / lag) * law,
        "as at lag 1": folded_covariance(partials, copies, 1),
    }
    controls = {n: v for n, v in rivals.items() if np.max(np.abs(v - law)) > 1e-4}
    if lag == 1:
        controls = {"white noise of this variance": np.eye(copies)}
    trial.identity(
        stacked(lags[:, None, None], copies, lag), law, ops=1e4, scale=1.0, controls=controls
    )


def paired_moments(samples):
    """C (T, T) with x'Cx = Σ_t x_t x_(t+1) over T samples."""
    return (np.eye(samples, k=1) + np.eye(samples, k=-1)) / 2


@observed
def nearest_is_right(generator, n, kappa, samples):
    """Whether the covariance of two copies, as estimated from T samples of a channel of mean 0 with
    autocorrelation κ, is nearer to that of κ than to that of -κ: (n,).
    """
    mixing = np.linalg.cholesky(toeplitz(kappa ** np.arange(samples)))
    signals = generator.normal(size=(n, samples)) @ mixing.T
    windows = np.lib.stride_tricks.sliding_window_view(signals, 2, axis=1)
    found = np.einsum("nti,ntj->nij", windows, windows) / (samples - 1)
    squares = []
    for k in (kappa, -kappa):
        relative = np.linalg.eigvals(np.linalg.solve(toeplitz([1, k]), found)).real
        squares.append(np.sum(np.log(relative) ** 2, axis=1))
    return squares[0] < squares[1]


@predicted
def chance_of_right_sign(kappa, samples):
    """P(Σ_t x_t x_(t+1) > 0) over T samples of a channel with autocorrelation κ, by Imhof's
    integral over the eigenvalues of the form.
    """
    covariance = toeplitz(kappa ** np.arange(samples))
    weights = np.linalg.eigvals(covariance @ paired_moments(samples)).real

    def density(u):
        turn = np.sum(np.arctan(weights * u)) / 2
        return np.sin(turn) / (u * np.exp(np.sum(np.log1p((weights * u) ** 2)) / 4))

    return 0.5 + quad(density, 0, np.inf, limit=500, epsabs=1e-10)[0] / np.pi


@claim(
    tried(
        "abstract, statement 3: classification becomes better",
        "two signals of one channel, and the law of the sign of a quadratic form",
    ),
    kind="distribution",
    cases=[(0.3, 20), (0.15, 40), (0.3, 60)],
)
def test_nearest_mean(
    trial,
    kappa: Annotated[float, Interval(0.1, 0.4, why="κ; with more all are right, with less none")],
    samples: Annotated[int, Interval(10, 80, why="T; with more all are right; T rows are drawn")],
):
    """Signals are AR(1) processes of one channel and of unit variance with the autocorrelation
    $κ > 0$ or $-κ$ at lag 1, and $T$ samples $x_t$ of a signal are classified by the nearer of the
    two covariances of two copies. For a signal with $κ$ this is right with the probability that the
    quadratic form $sum_t x_t x_(t+1)$ is positive.
    """
    law = chance_of_right_sign(kappa, samples)
    trial.probability(
        sampler=lambda generator, n: nearest_is_right(generator, n, kappa, samples),
        predict=law,
        margin=0.01,
        controls=apart(
            {
                "as with one copy": 0.5,
                "the sign of a normal number, as for white signals": norm.cdf(
                    kappa * np.sqrt(samples)
                ),
                "T independent pairs": norm.cdf(kappa / np.sqrt((1 + kappa**2) / (samples - 1))),
            },
            law,
            0.012,
        ),
    )


@figure("F1", claims=("one_copy_short", "cepstrum"))
def what_a_copy_adds(most: int = 9):
    """Copy $p + 1$ is the first that tells two signals apart; later ones soon add a constant each.

    How much one copy more adds to $δ²$, for signals of order $p$ whose last partial
    autocorrelations are .6 and -.6. Marks: lines: 0, the closed form at $p$ copies, then the limit,
    from the cepstra; points: eigenvalues of the covariances.
    """
    copies = np.arange(1, most + 1)
    lines = {}
    points = {}
    for order in (1, 2, 3):
        name = f"p = {order}"
        pair = (*SHARED[: order - 1], 0.6), (*SHARED[: order - 1], -0.6)
        law = np.where(copies < order, 0, cepstral_distance(*pair))
        lines[name] = copies, np.where(copies == order, distance_of_last(0.6, -0.6), law)
        points[name] = copies, np.diff([distance_of_copies(*pair, o) for o in (*copies, most + 1)])
    return chart(lines, points, x="copies o", y="δ² of o + 1 copies less that of o")
