"""Boopathy, Yue, Hwang, Iyer & Fiete 2024, "Towards Exact Computation of Inductive Bias", IJCAI,
arXiv 2406.15941.

For whoever quotes bits of inductive bias: the exact figure for linear and kernel hypotheses, and
what an extrapolation from random losses reports.

Take away: all $d$ directions count, however small their share of the loss: bits are
$(d/2) log_2(1/ε)$ plus a constant (`small_ball-all_directions`). A $χ²$ that is fitted to random
losses has an effective dimension in place of $d$: for $λ_i = 1/i²$, $d = 12$ and $ε = .001$ it
reports 16 of 46 bits (`fitted_tail`, `small_ball`). Where the released tail underflows, a harder
target may be reported as less bias (`released_tail-stops`).

Setting: a random hypothesis is $z ~ N(0, I_d)$, its loss $Q = ∑_i λ_i (z_i + b_i)²$, all $λ_i > 0$,
and $bits(ε) = -log_2 P(Q <= ε)$. $V = e^(-|b|²/2) (ε/2)^(d/2)/(Γ(d/2 + 1) ∏_i √λ_i)$.

Edges: if every hypothesis has a loss above some floor, $ε$ is measured from that floor. A training
example that is a linear combination of the earlier ones saves no bits.

Paper: it estimates how many bits single out the hypotheses that generalise, from the law of the
losses of random ones, with bounds on its error. On this page the law is known.

Abstract:

- Statement 1: inductive bias is the information that singles out hypotheses that generalise, and is
  computed directly, without bounds. In part: small_ball, fitted_tail, released_tail. Direct
  computing is exact here; the extrapolation is not.
- Statement 2: the error of the estimate has bounds in the number of sampled hypotheses. Not on
  trial. Its error here is that of the model of the tail.
- Statement 3: tasks of more dimensions need more bias. Holds at a smaller scale:
  small_ball-all_directions. For quadratic losses of normal hypotheses.
- Statement 4: neural networks bring much bias, and architectures differ. Not on trial. It needs
  networks.

Read: the abstract, and `utils.py` of the released code, in a copy. Derived here: all claims; the
series for the observed side is Ruben's. Not claimed: that losses of networks are of this kind.
Topic: learning.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import digamma, gammaln, log_ndtr
from scipy.stats import chi2, gamma, ncx2

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Dims = Annotated[int, Interval(2, 24, why="in one dimension nothing is small; a series of terms")]
Decay = Annotated[float, Interval(0.3, 2, why="λ_i = i^-decay; at 0 all count alike")]
Width = Annotated[int, Interval(2, 8, why="d; in one dimension an example says all")]
Examples = Annotated[int, Interval(0, 6, why="m; d of them say all")]
TARGETS = 172
MANY = 10**7


def drawn_losses(generator, dims, decay, number):
    """Sets of λ, each with a product of its own, and b: two arrays (number, d)."""
    values = np.arange(1, dims + 1) ** -decay * generator.uniform(0.5, 2, (number, dims))
    return values, generator.normal(size=(number, dims)) / 2


@observed
def bits_by_series(values, shifts, loss):
    """The bits(ε) by Ruben's mixture of χ² with d, d + 2, … degrees, to rounding."""
    least = values.min()
    gammas = 1 - least / values
    terms = 60 + int(2 * loss / least)
    logs = np.log(least / values).sum() / 2 - shifts @ shifts / 2
    powers = np.arange(1, terms)[:, None]
    rates = np.sum(gammas**powers, axis=1) / 2
    rates += powers[:, 0] / 2 * ((1 - gammas) * gammas ** (powers - 1) @ shifts**2)
    weights = np.ones(terms)
    for k in range(1, terms):
        weights[k] = rates[:k][::-1] @ weights[:k] / k
    tails = chi2.logcdf(loss / least, len(values) + 2 * np.arange(terms))
    largest = tails[0]
    return -(logs + largest + np.log(weights @ np.exp(tails - largest))) / np.log(2)


@observed
def fitted_bits(generator, count, values, loss, losses=4000):
    """The bits(ε) (count,) of χ² times a factor, each fitted by likelihood to drawn losses."""
    found = []
    for _ in range(count):
        drawn = generator.normal(size=(losses, len(values))) ** 2 @ values
        shape, _, scale = gamma.fit(drawn, floc=0)
        found.append(-gamma.logcdf(loss, shape, scale=scale) / np.log(2))
    return np.array(found)


@observed
def fitting_losses(generator, n, target, examples, loss):
    """Whether |w - w*|² <= ε, for N normal hypotheses w that are moved, by least squares, to fit m
    examples each: (N,).
    """
    hypotheses = generator.normal(size=(n, len(target)))
    gap = hypotheses - target
    if examples:
        inputs = generator.normal(size=(n, examples, len(target)))
        across = np.swapaxes(inputs, 1, 2)
        gap = gap - (across @ np.linalg.solve(inputs @ across, inputs @ gap[..., None]))[..., 0]
    return np.sum(gap**2, axis=1) <= loss


@observed
def saved_bits(generator, n, target, examples, loss):
    """The bits that example m + 1 saves, for n sets of m + 1 examples: (n,)."""
    inputs = generator.normal(size=(n, len(target), examples + 1))
    basis = np.linalg.qr(inputs)[0]
    seen = np.einsum("d,ndm->nm", target, basis) ** 2
    left = target @ target - np.cumsum(np.insert(seen, 0, 0, axis=1), axis=1)[:, -2:]
    degrees = len(target) - examples - np.arange(2)
    nats = ncx2.logcdf(loss, degrees, np.maximum(left, 1e-12))
    return (nats[:, 1] - nats[:, 0]) / np.log(2)


@observed
def true_nats(degrees, ratio):
    """-log P(χ²_k <= kx), x < 1, by the series of the incomplete gamma function."""
    half = degrees / 2
    place = half * ratio
    factors = place / (half + np.arange(1, 4000))
    total = np.log1p(np.sum(np.cumprod(factors)))
    return place - half * np.log(place) + gammaln(half + 1) - total


@observed
def released_nats(degrees, ratio, noncentrality=0.001):
    """What utils.py reports: -log P of a noncentral χ² at the ratio x of its mean by SciPy, and
    z²/2, with Sankaran's z, where that is infinite.
    """
    loss = ratio * (degrees + noncentrality)
    with np.errstate(divide="ignore"):
        nats = -ncx2.logcdf(loss, degrees, noncentrality)
    if np.isfinite(nats):
        return nats
    return sankaran(degrees, ratio, noncentrality) ** 2 / 2


@observed
def sankaran(degrees, ratio, noncentrality):
    """Sankaran's z of a noncentral χ² at the ratio x of its mean."""
    mean = degrees + noncentrality
    half_variance = degrees + 2 * noncentrality
    h = 1 - 2 / 3 * mean * (degrees + 3 * noncentrality) / half_variance**2
    p = half_variance / mean**2
    m = (h - 1) * (1 - 3 * h)
    centre = 1 + h * p * (h - 1 - (2 - h) * m * p / 2)
    return (ratio**h - centre) / (h * np.sqrt(2 * p) * (1 + m * p / 2))


@predicted
def log_ball(values, shifts, loss):
    """The log of V, in nats."""
    half = len(values) / 2
    return (
        half * np.log(loss / 2)
        - gammaln(half + 1)
        - np.sum(np.log(values)) / 2
        - shifts @ shifts / 2
    )


@predicted
def order_of_chance(dims):
    """The power d/2 of ε."""
    return dims / 2


@predicted
def effective_order(values):
    """(Σλ)²/Σλ², half of it: the power of a χ² with the mean and variance of Q, for b = 0."""
    return np.sum(values) ** 2 / np.sum(values**2) / 2


@predicted
def least_bits(values, shifts, loss):
    """-log2 V - (ε/2) Σ b_i²/λ_i log2 e."""
    return -(log_ball(values, shifts, loss) + loss / 2 * np.sum(shifts**2 / values)) / np.log(2)


@predicted
def most_bits(values, shifts, loss):
    """-log2 V + ε/(2 min λ) log2 e."""
    return -(log_ball(values, shifts, loss) - loss / (2 * values.min())) / np.log(2)


@predicted
def bits_of_matched(values, shifts, loss):
    """The bits of a χ², times a factor, with the mean and variance of Q."""
    mean = np.sum(values * (1 + shifts**2))
    variance = 2 * np.sum(values**2 * (1 + 2 * shifts**2))
    degrees = 2 * mean**2 / variance
    return -chi2.logcdf(loss * degrees / mean, degrees) / np.log(2)


@predicted
def bits_of_likeliest(values, loss):
    """The bits of the χ² with k degrees, times a factor, of largest mean log likelihood for b = 0:
    log(k/2) - ψ(k/2) = log E Q - E log Q, and E log Q = ∫ (e^-t - E e^(-tQ))/t dt.
    """

    def difference(log):
        t = np.exp(log)
        return np.exp(-t) - np.exp(-np.sum(np.log1p(2 * values * t)) / 2)

    mean_log = quad(difference, -40, 0)[0] + quad(difference, 0, 80, limit=200)[0]
    gap = np.log(np.sum(values)) - mean_log
    half = brentq(lambda half: np.log(half) - digamma(half) - gap, 1e-3, 1e3)
    return -chi2.logcdf(2 * half * loss / np.sum(values), 2 * half) / np.log(2)


@predicted
def bits_of_normal(values, shifts, loss):
    """The bits of a normal law with the mean and variance of Q."""
    mean = np.sum(values * (1 + shifts**2))
    variance = 2 * np.sum(values**2 * (1 + 2 * shifts**2))
    return -log_ndtr((loss - mean) / np.sqrt(variance)) / np.log(2)


@predicted
def chance_given_examples(dims, examples, squared, loss):
    """The mean over examples of P(χ²_(d-m)(|w*_N|²) <= ε), by quadrature over |w*_N|²/|w*|², which
    is Beta((d - m)/2, m/2).
    """
    if examples == 0:
        return float(ncx2.cdf(loss, dims, squared))
    nodes, weights = np.polynomial.legendre.leggauss(80)
    angles = (nodes + 1) * np.pi / 4
    left = dims - examples
    density = np.cos(angles) ** (left - 1) * np.sin(angles) ** (examples - 1) * weights
    chances = ncx2.cdf(loss, left, np.maximum(squared * np.cos(angles) ** 2, 1e-12))
    return float(density @ chances / density.sum())


@predicted
def bits_saved(dims, examples, squared, loss):
    """½ log2(1/ε) + |w*|² log2(e)/(2d) + log2(√2 Γ(k/2 + 1)/Γ((k + 1)/2)), k = d - m."""
    left = dims - examples
    constant = np.log(2) / 2 + gammaln(left / 2 + 1) - gammaln((left + 1) / 2)
    return (-np.log(loss) / 2 + squared / (2 * dims) + constant) / np.log(2)


@predicted
def reported_share(ratio):
    """(9/2) (1 - x^(1/3))²/(x - 1 - log x)."""
    return 4.5 * (1 - np.cbrt(ratio)) ** 2 / (ratio - 1 - np.log(ratio))


@predicted
def most_reported(degrees):
    """(9k/4) (1 - 2/(9k))²."""
    return 9 * degrees / 4 * (1 - 2 / (9 * degrees)) ** 2


LOSSES = [(4, 1.0), (2, 0.3), (8, 1.0), (24, 2.0)]


@claim(derived("the least of a normal density on an ellipsoid"), kind="bound", cases=LOSSES)
def test_small_ball(trial, dims: Dims, decay: Decay):
    """A hypothesis $z ~ N(0, I_d)$ has the loss $∑_i λ_i (z_i + b_i)²$, all $λ_i > 0$. With
    $V = e^(-|b|²/2) (ε/2)^(d/2)/(Γ(d/2 + 1) ∏_i √λ_i)$ a loss up to $ε$ takes
    $-log_2 P <= -log_2 V + (ε/(2 min_i λ_i)) log_2 e$ bits, for every $ε > 0$.
    """
    generator = trial.generator("losses")
    values, shifts = drawn_losses(generator, dims, decay, TARGETS)
    losses = generator.choice([1e-5, 0.1, 1, 3], TARGETS)
    cases = [(v, b, loss * v.min()) for v, b, loss in zip(values, shifts, losses, strict=True)]
    trial.bound(
        [bits_by_series(*case) for case in cases],
        [most_bits(*case) for case in cases],
        instances="draws",
        independent=TARGETS,
        ops=1e4,
        attained=0.999,
        controls={
            "a $χ²$ of like mean and variance": [bits_of_matched(*case) for case in cases],
            "a normal law of like mean and variance": [bits_of_normal(*case) for case in cases],
        },
    )


@claim(
    derived("$cosh x <= e^(x²/2)$, and Cauchy's inequality on an ellipsoid"),
    kind="bound",
    cases=LOSSES,
)
def test_small_ball__at_least(trial, dims: Dims, decay: Decay):
    """A hypothesis $z ~ N(0, I_d)$ has the loss $∑_i λ_i (z_i + b_i)²$, all $λ_i > 0$. With
    $V = e^(-|b|²/2) (ε/2)^(d/2)/(Γ(d/2 + 1) ∏_i √λ_i)$ a loss up to $ε$ takes
    $-log_2 P >= -log_2 V - (ε/2) ∑_i b_i²/λ_i log_2 e$ bits, for every $ε > 0$.
    """
    generator = trial.generator("losses")
    values, shifts = drawn_losses(generator, dims, decay, TARGETS)
    losses = generator.choice([1e-5, 0.1, 1, 3], TARGETS)
    cases = [(v, b, loss * v.min()) for v, b, loss in zip(values, shifts, losses, strict=True)]
    trial.bound(
        [2 ** -bits_by_series(*case) for case in cases],
        [2 ** -least_bits(*case) for case in cases],
        instances="draws",
        independent=TARGETS,
        ops=1e4,
        attained=0.999,
        controls={
            "all directions as the largest": [
                2 ** -least_bits(np.full(dims, v.max()), b, loss) for v, b, loss in cases
            ],
            "$|b|²$ for $|b|²/2$ in $V$": [
                2 ** -(least_bits(v, b, loss) + b @ b / np.log(4)) for v, b, loss in cases
            ],
        },
    )


@claim(
    tried("abstract: tasks of more dimensions need more bias", "the order for quadratic losses"),
    kind="rate",
    cases=[(4, 1.0), (2, 0.7), (8, 1.0), (24, 2.0)],
)
def test_small_ball__all_directions(
    trial,
    dims: Dims,
    decay: Annotated[
        float, Interval(0.7, 2, why="λ_i = i^-decay; at 0 all directions are effective")
    ],
):
    """A hypothesis $z ~ N(0, I_d)$ has the loss $∑_i λ_i (z_i + b_i)²$, all $λ_i > 0$. The chance
    of a loss up to $ε$ falls as $ε^(d/2)$ for $ε → 0$, however small some $λ_i$ are.
    """
    values = np.arange(1, dims + 1) ** -decay
    shifts = trial.generator("target").normal(size=dims) / 2
    sizes = 2.0 ** np.arange(4, 11)
    chances = np.array(
        [2 ** -bits_by_series(values, shifts, values.min() / size) for size in sizes]
    )
    trial.order(
        chances,
        sizes,
        -order_of_chance(dims),
        rounding=1e-10 * chances,
        margin=0.005 * dims,
        same_instance=True,
        generic="the chance is analytic in the shifts, and so is its order",
        controls={"an effective dimension, $(∑_i λ_i)²/∑_i λ_i²$": -effective_order(values)},
    )


@claim(
    derived("the limit of many losses of a fit by likelihood"),
    kind="limit",
    cases=[(12, 2.0, 0.001), (8, 1.0, 0.01), (24, 1.5, 0.003)],
)
def test_fitted_tail(
    trial,
    dims: Annotated[int, Interval(8, 24, why="of few directions all are effective")],
    decay: Annotated[
        float, Interval(1, 2, why="λ_i = i^-decay; at 0 all directions are effective")
    ],
    loss: Annotated[float, Interval(1e-3, 1e-2, why="ε; larger ones are met at random")],
):
    """A hypothesis $z ~ N(0, I_d)$ has the loss $Q = ∑_i λ_i z_i²$. A $χ²$ with $k$ degrees, times
    a factor, that is fitted by likelihood to many random losses reports
    $-log_2 P(χ²_k <= k ε/E Q)$ bits for a loss up to $ε$, where
    $log(k/2) - ψ(k/2) = log E Q - E log Q$ and $ψ$ is the digamma function.
    """
    values = np.arange(1, dims + 1) ** -decay
    law = bits_of_likeliest(values, loss)
    trial.mean(
        sampler=partial(fitted_bits, values=values, loss=loss),
        predict=law,
        law=Asymptotic(),
        margin=0.02 * law,
        slack=0.003 * law,
        controls={
            "what all directions take": most_bits(values, np.zeros(dims), loss),
            "by mean and variance": bits_of_matched(values, np.zeros(dims), loss),
        },
    )


@claim(
    derived("a normal law on the null space of the examples"),
    kind="distribution",
    cases=[(6, 2, 0.8), (4, 0, 1.0), (7, 6, 0.7)],
)
def test_price_of_example(
    trial,
    dims: Width,
    examples: Examples,
    nearness: Annotated[
        float, Interval(0.7, 1, why="ε over the mean of the loss; a smaller one is rarely met")
    ],
):
    """A hypothesis $w ~ N(0, I_d)$ is moved by least squares until it fits $m < d$ noiseless
    examples $x·w*$ with normal $x$. Then $|w - w*|² <= ε$ has the chance
    $E P(χ²_(d-m)(|w*_N|²) <= ε)$ over the examples, where $w*_N$ is the part of $w*$ at right
    angles to them.
    """
    trial.require(examples < dims, "examples must be fewer than dimensions")
    target = trial.generator("target").normal(size=dims)
    squared = target @ target
    loss = nearness * (dims - examples + squared * (1 - examples / dims))
    law = chance_given_examples(dims, examples, squared, loss)
    controls = {"as if $w*$ were 0": chance_given_examples(dims, examples, 0.0, loss)}
    if examples:
        controls["examples do not matter"] = chance_given_examples(dims, 0, squared, loss)
    trial.probability(
        lambda rng, n: fitting_losses(rng, n, target, examples, loss),
        law,
        margin=0.04 * law,
        controls=controls,
    )


@claim(
    derived("the mean of $log V$ over examples"),
    kind="limit",
    cases=[(6, 0, 1e-4), (6, 3, 1e-4), (8, 5, 1e-8), (3, 1, 1e-6)],
)
def test_price_of_example__saved(
    trial,
    dims: Width,
    examples: Examples,
    loss: Annotated[float, Interval(1e-8, 1e-3, why="ε in a limit")],
):
    """A hypothesis $w ~ N(0, I_d)$ fits $m$ noiseless normal examples of $w*$, and $k = d - m$. To
    fit one more saves, on average and for $ε → 0$, $½ log_2(1/ε) + |w*|² log_2(e)/(2d) + log_2(√2
    Γ(k/2 + 1)/Γ((k + 1)/2))$ of the bits that $|w - w*|² <= ε$ takes.
    """
    trial.require(examples < dims - 1, "one direction must be left: m + 1 below d")
    target = trial.generator("target").normal(size=dims)
    squared = target @ target
    law = bits_saved(dims, examples, squared, loss)
    trial.mean(
        lambda rng, n: saved_bits(rng, n, target, examples, loss),
        law,
        law=Asymptotic(),
        margin=0.01 * law,
        controls={
            "the leading order alone, $½ log_2(1/ε)$": -np.log2(loss) / 2,
            "the target is got for nothing": bits_saved(dims, examples, 0.0, loss),
        },
    )


@claim(
    derived("a large deviation of $χ²$, and Sankaran's $z$, which the released `utils.py` takes"),
    kind="limit",
    cases=[0.5, 0.1, 0.02],
)
def test_released_tail(
    trial,
    ratio: Annotated[
        float, Interval(0.02, 0.5, why="ε over the mean of the loss; near 1 nothing is rare")
    ],
):
    """Let $z = 3 √(k/2) (x^(1/3) - 1 + 2/(9k))$ be Sankaran's normal score of a $χ²$ with $k$
    degrees at $x < 1$ times its mean. The $z²/2$ that the authors' code reports, over the true
    $-log P$, tends to $(9/2)(1 - x^(1/3))²/(x - 1 - log x) < 1$ as $k → ∞$.
    """
    law = reported_share(ratio)
    nats = true_nats(MANY, ratio)
    trial.value(
        sankaran(MANY, ratio, 0.0) ** 2 / 2 / nats,
        law,
        error=1e-8,
        slack=2 * np.log(MANY) / nats,
        margin=2e-3 * law,
        controls={"the fallback is exact": 1.0},
    )


@claim(
    derived("$x → 0$ in Sankaran's $z$, which the released `utils.py` takes"),
    kind="limit",
    cases=[30, 60, 100],
)
def test_released_tail__stops(
    trial,
    degrees: Annotated[
        int, Interval(30, 100, why="k; of others the tail of 1200 nats is not near x = 0, or is")
    ],
):
    """The authors' code reports $-log P(χ² <= x k)$, $k$ degrees, as $z²/2$ with Sankaran's normal
    score $z$ where the chance underflows. As $x → 0$ the report tends to $(9k/4)(1 - 2/(9k))²$
    nats, while the truth grows without bound.
    """
    law = most_reported(degrees)
    ratio = np.exp(-1 - 2400 / degrees)  # where the truth is about 1200 nats
    trial.value(
        released_nats(degrees, ratio),
        law,
        error=1e-9 * law,
        slack=2 * np.cbrt(ratio) * law,
        margin=2e-3 * law,
        controls={
            "what is true": float(true_nats(degrees, ratio)),
            "a cube root of mean 1": 9 * degrees / 4,
        },
    )


@figure("F1", claims=("small_ball", "small_ball-all_directions"))
def bits_of_a_fit(dims: int = 12, losses: int = 200000, fitted: int = 4000):
    """A law that is fitted to random losses misses most of the bits of rare hypotheses.

    Bits of inductive bias at the loss $ε$, $λ_i = 1/i²$, 12 directions. Marks: lines: exact, and of
    a $χ²$ that is fitted to 4000 losses; points: share of random hypotheses, with two standard
    errors.
    """
    values = np.arange(1, dims + 1) ** -2.0
    drawn = np.random.default_rng(0).normal(size=(losses, dims)) ** 2 @ values
    degrees, _, scale = chi2.fit(drawn[:fitted], floc=0)
    logs = np.linspace(-1, 12, 60)
    few = np.array([0, 0.5, 1, 1.5, 2, 2.5])
    shares = np.array([np.mean(drawn <= 2**-log) for log in few])
    width = 2 * np.sqrt((1 - shares) / (shares * losses)) / np.log(2)
    return chart(
        {
            "exact": (logs, [bits_by_series(values, np.zeros(dims), 2**-log) for log in logs]),
            "fitted χ²": (logs, -chi2.logcdf(2**-logs / scale, degrees) / np.log(2)),
        },
        {"exact": (few, -np.log2(shares), width)},
        x="-log2 of the loss ε",
        y="bits",
        legend="upper left",
    )
