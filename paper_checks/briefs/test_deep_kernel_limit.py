"""Yang, Robeyns, Milsom, Schoots & Aitchison 2023, "A theory of representation learning gives a
deep generalisation of kernel methods", ICML, arXiv 2108.13097.

For whoever asks what a network of infinite width learns if the number of outputs grows with the
width, and how far a finite network is from that limit.

Paper: an infinitely wide Bayesian network has a fixed kernel and learns no representation. If the
outputs grow with the width, the kernels of the layers maximise a likelihood less a divergence per
layer. This page computes that maximum where one number describes each kernel, and its distance from
a finite network's posterior.

Take away: with $k = 1$, $σ² = 0.3$, $λ = 4$ and $ν = 2$ units per output the kernel grows from 1 to
1.506 and reads 1.520 at $P = 10$ outputs. In depth it grows by one factor per layer. From two
layers on there may be three stationary points: with $k = 0.01$, $σ² = 1$, $λ = 10$, $ν = 2$ the
kernel stays near 0.014 in 6 layers and jumps to 1.57 in 8, so that one descent may miss the best.

Linear kernels and one eigenvector: input kernel $k = g_0$, $P$ outputs of mean square $λ$, noise
variance $σ²$. Given the layer before, a layer of width $ν_l P$ has the Gram value
$g_l ~ g_{l-1} χ²/(ν_l P)$ with $ν_l P$ degrees of freedom, and the outputs are $N(0, g_L + σ²)$. As
$P$ grows the posterior of $g_1, …, g_L$ concentrates where the objective $-½log(g_L+σ²) -
½λ/(g_L+σ²) - ∑_l ½ν_l(g_l/g_{l-1} - 1 - log(g_l/g_{l-1}))$ is largest. With one layer $g*$ is that
place.

Edges: $ν → ∞$ gives the fixed kernel $k$; $ν → 0$ gives maximum likelihood, $λ - σ²$, or 0 if
$λ < σ²$. If $λ = k + σ²$, the kernel stays at $k$.

Abstract:

- Statement 1: a limit of Bayesian networks exists in which representations are learned as in finite
  ones. Holds at a smaller scale: stationary, finite_width. For one layer and one number.
- Statement 2: deep Gaussian processes have exactly Gaussian posteriors in it. Not on trial. Kernels
  are linear here, and their Gram values are tried.
- Statement 3: its objective is a log-likelihood and one divergence for each layer. Holds at a
  smaller scale: stationary, depth. Where one number describes each kernel.
- Statement 4: wide finite processes agree. Holds at a smaller scale: finite_width. For one layer
  and one number.
- Statement 5: kernel machines of this kind can be used in practice, and a sparse form costs as much
  as there are points. Not on trial. Only linear kernels of one number are tried.

Read: the abstract ("combining a log-likelihood … with a series of KL-divergences"). Derived here:
all solutions. Not claimed: kernels that are not linear.
Topic: learning.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy import optimize

from paper_checks.briefs.common import derivative, gradient
from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Kernel = Annotated[
    float,
    Interval(0.1, 10, why="outside, the posterior asks for more outputs before it concentrates"),
]
Noise = Annotated[
    float,
    Interval(0.05, 2, why="without noise the likelihood has a pole at 0; more drowns the outputs"),
]
Power = Annotated[
    float,
    Interval(0.2, 10, why="outside, the posterior asks for more outputs before it concentrates"),
]
Width = Annotated[
    float, Interval(0.1, 20, why="outside, the limits of `ends` are nearer than the margin")
]


def objective(grams, k, noise, power, widths):
    """The log posterior per output, for one Gram value in each layer along the last axis."""
    ratios = grams / np.concatenate([np.full_like(grams[..., :1], k), grams[..., :-1]], axis=-1)
    scale = grams[..., -1] + noise
    return (
        -(np.log(scale) + power / scale + np.sum(widths * (ratios - 1 - np.log(ratios)), axis=-1))
        / 2
    )


def learning(trial, k, noise, power):
    """Ask for outputs that the prior kernel does not explain already."""
    trial.require(
        abs(power - k - noise) >= 0.1 * power,
        "power must be 10 % off k + noise: else nothing is learned",
    )


@predicted
def learned_gram(k, noise, power, width):
    """The positive root of (ν/k)g³ + (2σ²ν/k-ν+1)g² + (σ⁴ν/k-2νσ²+σ²-λ)g - νσ⁴; a Descartes count
    leaves one.
    """
    w = width / k
    coefficients = [
        w,
        2 * noise * w - width + 1,
        noise**2 * w - 2 * width * noise + noise - power,
        -width * noise**2,
    ]
    roots = np.roots(coefficients)
    return np.max(roots[np.abs(roots.imag) < 1e-9 * np.abs(roots)].real)


@predicted
def corrections(k, noise, power, width):
    """Shift b and v of posterior mean g*+b/P and variance v/P: b = -v/g*+½p3v², v = -1/p2, p2, p3
    derivatives at g*.
    """
    g = learned_gram(k, noise, power, width)
    scale = g + noise
    p2 = 1 / (2 * scale**2) - power / scale**3 - width / (2 * g**2)
    p3 = -1 / scale**3 + 3 * power / scale**4 + width / g**3
    return np.array([1 / (p2 * g) + p3 / (2 * p2**2), -1 / p2])


@observed
def posterior(k, noise, power, width, outputs):
    """Mean and variance of g at this number of outputs, by quadrature in log g about its peak."""

    def density(t):
        return objective(np.exp(t)[..., None], k, noise, power, np.array([width]))

    peak = optimize.minimize_scalar(lambda t: -density(t), bounds=(-14, 10), method="bounded").x
    bend = 2 * density(peak) - density(peak + 1e-3) - density(peak - 1e-3)
    grid = peak + np.linspace(-12, 12, 2001) * 1e-3 / np.sqrt(outputs * bend)
    weights = np.exp(outputs * (density(grid) - density(peak)))
    values = np.exp(grid) - np.exp(peak)
    mean = weights @ values / np.sum(weights)
    return np.exp(peak) + mean, weights @ (values - mean) ** 2 / np.sum(weights)


@observed
def sampled_networks(generator, count, k, noise, power, width, outputs):
    """Gram values of networks from the posterior: hidden units are drawn from the prior, and a
    network is kept with a chance proportional to the likelihood of its outputs.
    """
    kept = []
    best = max(power - noise, 0.0) + noise

    def logarithm(scale):
        return -outputs / 2 * (np.log(scale) + power / scale)

    while sum(map(len, kept)) < count:
        units = width * outputs
        grams = k * generator.chisquare(units, size=4 * count) / units  # mean squares of the units
        chances = np.exp(logarithm(grams + noise) - logarithm(best))
        kept.append(grams[generator.uniform(size=len(grams)) < chances])
    return np.concatenate(kept)[:count]


@claim(
    derived("the derivative of the objective, and Laplace's method"),
    kind="limit",
    cases=[(1.0, 0.3, 4.0, 2, 10), (0.7, 0.3, 2.5, 1, 16)],
)
def test_stationary(
    trial,
    k: Annotated[float, Interval(0.7, 1.3)],
    noise: Annotated[float, Interval(0.2, 1)],
    power: Annotated[float, Interval(2.5, 4)],
    width: Annotated[int, Interval(1, 2, why="hidden units per output; networks are drawn")],
    outputs: Annotated[int, Interval(10, 16)],
):
    """Let a linear layer of $ν P$ units with prior kernel $k$ learn $P$ outputs of mean square $λ$,
    with noise variance $σ²$. Networks from its posterior have the mean Gram value $g* + b/P$ up to
    terms of order $1/P²$, where $g*$ is the one positive root $g$ of $(ν/k) g³ + (2σ²ν/k - ν + 1)
    g² + (σ⁴ν/k - 2νσ² + σ² - λ) g - νσ⁴$, $b = p_3/(2 p_2²) + 1/(p_2 g*)$,
    $p_2 = ½/s² - λ/s³ - ν/(2g*²)$, $p_3 = -1/s³ + 3λ/s⁴ + ν/g*³$ and $s = g* + σ²$.
    """
    learning(trial, k, noise, power)
    g = learned_gram(k, noise, power, width)
    shift, variance = corrections(k, noise, power, width)
    trial.require(
        abs(g - k) >= 0.15 * g, "too little is learned: g* must be 15 % off k to be told from it"
    )
    slack = (abs(shift) + variance) / outputs**2  # of second order
    setting = {"k": k, "noise": noise, "power": power, "width": width, "outputs": outputs}
    trial.mean(
        sampler=partial(sampled_networks, **setting),
        predict=g + shift / outputs,
        law=Asymptotic(),
        slack=slack,
        margin=slack + 0.012 * g,
        controls={
            "the infinite network's kernel": k,
            "maximum likelihood": max(power - noise, 0.0),
        },
        first=1000,
        most=10**5,
    )


@claim(
    derived("Laplace's method to second order"),
    kind="rate",
    cases=[(1.0, 0.3, 4.0, 2.0, 10**6), (0.5, 0.3, 4.0, 0.1, 10**5)],
)
def test_finite_width(
    trial,
    k: Kernel,
    noise: Noise,
    power: Power,
    width: Width,
    outputs: Annotated[
        int,
        Interval(10**4, 10**6, why="fewer add a second order, more change no digit that is seen"),
    ],
):
    """Let a linear layer of $ν P$ units with prior kernel $k$ learn $P$ outputs of mean square $λ$,
    with noise variance $σ²$. Its posterior Gram value has the mean $g* + b/P$ and the variance
    $v/P$ up to terms of order $1/P²$, where $g*$ is the limit as $P → ∞$, $v = -1/p_2$,
    $b = -v/g* + ½ p_3 v²$, $p_2 = ½/s² - λ/s³ - ν/(2g*²)$, $p_3 = -1/s³ + 3λ/s⁴ + ν/g*³$ and
    $s = g* + σ²$.
    """
    g = learned_gram(k, noise, power, width)
    law = corrections(k, noise, power, width)
    mean, spread = posterior(k, noise, power, width, outputs)
    unit = law[1] / np.array([g, 1])
    trial.value(
        outputs * np.array([mean - g, spread]),
        law,
        error=1e-3 * unit,
        slack=100 / outputs * unit,
        margin=(0.01 + 100 / outputs) * unit,
        scale=unit,
        controls={"a density of $g$, not of $log g$": law + np.array([unit[0], 0])},
    )


@predicted
def learned_when_wide(k, noise, power):
    """ν(g-k) for ν → ∞: k²(λ-k-σ²)/(k+σ²)²."""
    return k**2 * (power - k - noise) / (k + noise) ** 2


@predicted
def most_likely_gram(noise, power):
    """The kernel g for ν → 0: the maximum likelihood value λ-σ²."""
    return power - noise


@observed
def slope(grams, *setting):
    """The objective's derivatives, exact to rounding."""
    return gradient(lambda bent: objective(bent, *setting), grams)


@observed
def stationary_point(k, noise, power, width, low, high):
    """Where the derivative of the objective changes sign."""
    setting = k, noise, power, np.array([width])
    return optimize.brentq(
        lambda place: derivative(lambda g: objective(np.array([g]), *setting), place),
        low,
        high,
        xtol=1e-15,
    )


EXTREME = 1e7
"""Units per output, or outputs per unit, of the limits."""

ENDS = [(1.0, 0.3, 4.0), (0.5, 0.05, 0.2), (2.0, 1.0, 8.0)]


@claim(derived("first order in $1/ν$"), kind="limit", cases=ENDS)
def test_ends(trial, k: Kernel, noise: Noise, power: Power):
    """Let a linear layer of $ν$ units per output learn outputs of mean square $λ$, with prior
    kernel $k$ and noise variance $σ²$. Its kernel $g*$ has $ν (g* - k) → k² (λ - k - σ²)/(k + σ²)²$
    for $ν → ∞$.
    """
    learning(trial, k, noise, power)
    law = learned_when_wide(k, noise, power)
    trial.value(
        EXTREME * (stationary_point(k, noise, power, EXTREME, k / 2, 2 * k) - k),
        law,
        error=1e-7,
        margin=1e-3 * abs(law),
        controls={"without noise, $λ - k$": learned_when_wide(k, 0.0, power)},
    )


@claim(derived("zeroth order in $ν$"), kind="limit", cases=ENDS)
def test_ends__narrow(trial, k: Kernel, noise: Noise, power: Power):
    """Let a linear layer of $ν$ units per output learn outputs of mean square $λ$, with prior
    kernel $k$ and noise variance $σ² < λ$. Its kernel $g*$ tends to $λ - σ²$, the maximum
    likelihood value, for $ν → 0$.
    """
    learning(trial, k, noise, power)
    trial.require(
        power >= 1.2 * noise, "power must exceed noise by 20 %: else narrow networks tend to 0"
    )
    law = most_likely_gram(noise, power)
    trial.value(
        stationary_point(k, noise, power, 1 / EXTREME, law / 2, 2 * law),
        law,
        error=1e-7,
        margin=1e-3 * law,
        controls={"without noise, $λ$": power},
    )


@predicted
def stationary_layers(k, noise, power, widths):
    """All g_l = g_{l-1}(1+c/ν_l) with one c for all layers and c = g(λ-g-σ²)/(g+σ²)² at g = g_L,
    the smallest g_L first.
    """
    narrow = np.min(widths)

    def layers(t):
        return k * np.cumprod(1 + np.expm1(t) * narrow / widths)

    def residual(t):
        g = layers(t)[-1]
        return np.expm1(t) * narrow - g * (power - g - noise) / (g + noise) ** 2

    grid = np.linspace(-15, np.log1p((1 + power / noise) / narrow), 4001)
    signs = np.sign([residual(t) for t in grid])
    return [
        layers(optimize.brentq(residual, *grid[i : i + 2], xtol=1e-14))
        for i in np.flatnonzero(np.diff(signs))
    ]


@predicted
def layer_grams(k, noise, power, widths):
    """The best of the stationary points."""
    found = stationary_layers(k, noise, power, widths)
    return max(found, key=lambda grams: objective(grams, k, noise, power, widths))


@observed
def best_grams(k, noise, power, widths):
    """The best of several descents in log g_1, …, log g_L, from kernels that stay, grow or shrink
    evenly.
    """
    setting = (k, noise, power, widths)
    share = np.arange(1, len(widths) + 1) / len(widths)

    def descent(last):
        return optimize.minimize(
            lambda logs: -objective(np.exp(logs), *setting),
            np.log(k) + share * np.log(last / k),
            jac=lambda logs: -slope(np.exp(logs), *setting) * np.exp(logs),
            options={"gtol": 1e-11},
        )

    return np.exp(
        min((descent(last) for last in (k, 0.1, 1.0, 10.0)), key=lambda found: found.fun).x
    )


@claim(
    derived("the chain of derivatives"),
    kind="optimality",
    cases=[
        (1.0, 0.3, 4.0, 2.0, 3),
        (0.5, 1.0, 10.0, 1.0, 6),
        (0.01, 1.0, 10.0, 2.0, 6),
        (0.01, 1.0, 10.0, 2.0, 8),
    ],
)
def test_depth(
    trial,
    k: Annotated[
        float, Interval(0.01, 10, why="outside, the posterior asks for more outputs to concentrate")
    ],
    noise: Noise,
    power: Power,
    width: Width,
    depth: Annotated[
        int,
        Interval(
            2, 8, why="with one layer there is nothing to compare; beyond, searches take seconds"
        ),
    ],
):
    """Let linear layers of $ν_l$ units per output have the kernels $g_l$, $l = 1, …, L$, after the
    kernel $g_0$ of the inputs, and learn outputs of mean square $λ$, with noise variance $σ²$. At
    the largest posterior density $ν_l (g_l/g_{l-1} - 1)$ is one number $c$ for all layers,
    $c = g_L (λ - g_L - σ²)/(g_L + σ²)²$; of the up to three kernels with this property it is the
    one of highest density.
    """
    learning(trial, k, noise, power)
    widths = np.full(depth, width)
    if k >= 0.1:  # of smaller kernels unequal widths decide which point is best
        widths = width * trial.generator("widths").uniform(0.5, 2, depth)
    law = layer_grams(k, noise, power, widths)
    measured = best_grams(k, noise, power, widths)
    steps = np.arange(1, depth + 1) / depth
    controls = {
        "the infinite network's kernel": np.full(depth, k),
        "each layer adds the same amount": k + (law[-1] - k) * steps,
    }
    others = stationary_layers(k, noise, power, widths)
    controls |= {
        f"stationary point {number}": grams
        for number, grams in enumerate(others)
        if abs(grams[-1] - law[-1]) > 1e-3 * law[-1]
    }
    # Descents end at a gradient of 1e-11, where the curvature exceeds 1e-4.
    trial.value(
        measured, law, error=1e-6 * law, margin=1e-5 * law, instances="search", controls=controls
    )


@figure("F1", claims=("depth", "finite_width"))
def grams_by_layer(k: float = 1.0, noise: float = 0.3, power: float = 40.0, depth: int = 6):
    """A kernel that learns grows geometrically: the Gram value in each layer for three widths per
    output.

    Narrow networks overfit. Marks: $ν$: width per output; lines: one equation; points: descents on
    the objective.
    """
    layers = np.arange(depth + 1)
    lines = {}
    points = {}
    for width in (0.3, 3.0, 30.0):
        setting = k, noise, power, np.full(depth, width)
        lines[f"ν = {width:g}"] = layers, [k, *layer_grams(*setting)]
        points[f"ν = {width:g}"] = layers, [k, *best_grams(*setting)]
    levels = {"infinite width": k, "maximum likelihood": power - noise}
    return chart(
        lines,
        points,
        levels=levels,
        legend="beside",
        log="y",
        x="layer",
        y="Gram value  (units of y²)",
    )
