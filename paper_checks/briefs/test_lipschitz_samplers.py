"""Ghane, Bao, Akhtiamov & Hassibi 2025, "Concentration of Measure for Distributions Generated via
Diffusion Models" (version 3: "Gaussian Universality for Diffusion Models"), arXiv 2501.07741.

For whoever asks what no $L$-Lipschitz generator of Gaussian noise can produce: the least
Wasserstein distance to heavy tails and to two modes, in any number of latent dimensions.

Take away: the best generator of a heavy tail follows the target up to a point, which comes early,
and is linear from there on. For Student's $t$ with three degrees of freedom and $L = 2$ it leaves
at .85 standard deviations of the noise and stays .36 standard deviations of the target away;
$L = 20$ still leaves .14.

$G: ℝ^D → ℝ$ satisfies $|G(z) − G(z')| <= L |z − z'|$ and $Z$ is standard normal. The target has a
symmetric law $F$, $T = F⁻¹∘Φ$ takes $Z$ to it, and $W₂$ is the Wasserstein distance of the laws of
$G(Z)$ and $F$; $q_u$ is the $u$-quantile of $G(Z)$, and $φ$ the normal density.

Edges: up to $L = E|X| √(π/2)$ the best generator of $X$ is $L z$. With two degrees of freedom or
fewer every $W₂$ is infinite. At $L = 1$ the distance to two modes at $±1$ is half a unit.

Paper: projections of samples of diffusion models concentrate as Gaussians do, and so a linear
classifier's error depends on their first two moments only. This page says what concentration alone
makes impossible.

Abstract:

- Sentence 1 of version 1: Lipschitz projections of samples of diffusion models are near their
  means. In part: quantiles. For samplers that are Lipschitz functions of normal noise, in the sharp
  form for quantiles.
- Sentence 2 of version 1: so such models are restrictive, and do not capture heavy tails well. In
  part: heavy_tail, heavy_tail-small_slope. On the same condition, with the least distance to
  Student's laws.
- Sentences 3 and 4 of version 1: test errors of linear models on the samples depend on two moments
  only. In part: ridge. For ridge regression on samples of one random layer of ReLUs.
- Sentence 5 of version 1: this allows to take data for Gaussian. Not on trial. It follows from the
  sentence before.
- Sentence 6 of version 1: the usual proofs of universality do not apply, as the least singular
  values vanish. Not on trial. It needs trained networks.

Read: the abstract. Recalled: Gaussian isoperimetry, which gives the bound on quantiles. Derived
here: all other forms. Not claimed: that a trained sampler attains these distances. Topic:
representations.
"""

from itertools import pairwise
from typing import Annotated

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq, isotonic_regression
from scipy.stats import beta, chi, norm, t

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
from theory_on_trial.laws import Asymptotic

Freedom = Annotated[float, Interval(2.5, 6, why="up to 2 every distance is infinite; the tails' ν")]
Steep = Annotated[float, Interval(0.5, 100, why="L; the isotonic fit resolves 1/L")]
LEVELS = np.array([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999])
CELLS = 20_000


def transport(z, freedom):
    """T(z) = F⁻¹(Φ(z)) of Student's t, without cancelling in the tails."""
    return np.sign(z) * t.isf(norm.sf(np.abs(z)), freedom)


@predicted
def largest_quantile_gap(slope, upper, lower):
    """L (Φ⁻¹(u) − Φ⁻¹(v))."""
    return slope * (norm.ppf(upper) - norm.ppf(lower))


def check_freedom(freedom):
    """Raises ValueError unless the variance of Student's t is finite."""
    if freedom <= 2:
        raise ValueError("freedom must exceed 2: else every distance is infinite")


@predicted
def leaves_at(freedom, slope):
    """z_L, where the mean excesses over z_L of L Z and of T(Z) agree; 0 if L <= E|X| √(π/2)."""
    check_freedom(freedom)

    def difference(z):
        q = transport(z, freedom)
        ratio = t.pdf(q, freedom) / t.sf(q, freedom)
        excess = ratio * (freedom + q**2) / (freedom - 1) - q
        return excess - slope * (norm.pdf(z) / norm.sf(z) - z)

    return 0.0 if difference(0.0) >= 0 else brentq(difference, 0, 15, xtol=1e-13)


@predicted
def distance_to_tail(freedom, slope):
    """W₂ = √(2 ∫ from z_L of (T − T(z_L) − L (z − z_L))² φ)."""
    start = leaves_at(freedom, slope)
    q = transport(start, freedom)

    def excess(z):
        return (transport(z, freedom) - q - slope * (z - start)) ** 2 * norm.pdf(z)

    ends = [start, start + 2, start + 6, start + 20]
    parts = [quad(excess, *pair, epsabs=0, epsrel=1e-9)[0] for pair in pairwise(ends)]
    return np.sqrt(2 * sum(parts))


def steepest_linear(freedom):
    """E|X| √(π/2) of Student's t."""
    return t.expect(np.abs, args=(freedom,)) * np.sqrt(np.pi / 2)


@predicted
def distance_of_linear(freedom, slope):
    """√(Var X + L² − 2 L E Z T(Z)), where E Z T(Z) = E |Z| |T(Z)| by quadrature."""
    check_freedom(freedom)
    parts = [
        quad(lambda z: z * transport(z, freedom) * norm.pdf(z), *pair, epsabs=0, epsrel=1e-10)[0]
        for pair in ((0, 2), (2, 8), (8, 25))
    ]
    return np.sqrt(freedom / (freedom - 2) + slope**2 - 4 * slope * sum(parts))


@predicted
def distance_to_modes(slope):
    """√(2 [(1 + L²)(Φ(1/L) − ½) − 2 L (φ(0) − φ(1/L)) − L φ(1/L)]), or its series in 1/L², where
    the terms cancel.
    """
    if slope <= 0:
        raise ValueError("slope must be positive")
    if slope > 50:
        series = 1 / 3 - 1 / (60 * slope**2) + 1 / (840 * slope**4)
        return np.sqrt(2 * norm.pdf(0) * series / slope)
    end = norm.pdf(1 / slope)
    square = (1 + slope**2) * (norm.cdf(1 / slope) - 0.5)
    return np.sqrt(2 * (square - 2 * slope * (norm.pdf(0) - end) - slope * end))


@predicted
def mass_between(slope):
    """2 Φ(1/L) − 1."""
    if slope <= 0:
        raise ValueError("slope must be positive")
    return 2 * norm.cdf(1 / slope) - 1


@predicted
def slope_of_flow(place, spread):
    """The ratio of the densities at 0, s e^(a²/(2 s²))."""
    return spread * np.exp(place**2 / (2 * spread**2))


@observed
def quantiles_of_order(levels, latents):
    """Quantiles (latents + 2, levels) of functions with L = 1 of D normal numbers: all order
    statistics, their length, and their sum over √D.
    """
    rank = np.arange(1, latents + 1)[:, None]
    ordered = norm.ppf(beta.ppf(levels, rank, latents + 1 - rank))
    return np.vstack([ordered, chi.ppf(levels, latents), norm.ppf(levels)])


@observed
def quantiles_of_network(generator, levels, width, depth=3):
    """Quantiles (levels,) of a network of two normal numbers without biases, with leaky ReLUs and
    layers of spectral norm 1: its value is |z| times a function of the angle, and |z| has a
    Rayleigh law.
    """
    angles = 2 * np.pi * (np.arange(4000) + 0.5) / 4000
    values = np.stack([np.cos(angles), np.sin(angles)])
    for units in [width] * (depth - 1) + [1]:
        layer = generator.normal(size=(units, len(values)))
        values = layer / np.linalg.norm(layer, 2) @ values
        values = np.maximum(values, 0.3 * values) if units > 1 else values
    heights = np.abs(values[0]) + 1e-12
    positive = values[0] > 0

    def distribution(x):
        beyond = np.exp(-((x / heights) ** 2) / 2)
        return np.mean(np.where(positive, 1 - beyond, 1)) if x > 0 else np.mean(beyond * ~positive)

    return np.array([brentq(lambda x, u=u: distribution(x) - u, -8, 8, xtol=1e-12) for u in levels])


@observed
def best_fit(places, targets, slope):
    """The values of slope at most L nearest to some targets in mean square under a normal law, by
    isotonic regression of L z − T: the mean square distance and the values. `places` are the ends
    of cells, `targets` one for each.
    """
    middle = (places[1:] + places[:-1]) / 2
    upper = np.where(middle > 0, norm.sf(places[:-1]), norm.cdf(places[1:]))
    lower = np.where(middle > 0, norm.sf(places[1:]), norm.cdf(places[:-1]))
    masses = np.maximum(upper - lower, 1e-300)
    fit = slope * middle - isotonic_regression(slope * middle - targets, weights=masses).x
    return masses @ (targets - fit) ** 2, fit


@observed
def fitted_tail(freedom, slope, cells=CELLS):
    """The least W₂ to Student's t on cells up to 20 standard deviations."""
    places = np.linspace(-20, 20, cells + 1)
    middle = (places[1:] + places[:-1]) / 2
    return np.sqrt(best_fit(places, transport(middle, freedom), slope)[0])


@observed
def fitted_modes(slope):
    """The least W₂ to ±1, and the mass strictly between, on cells that resolve 1/L."""
    fine = np.linspace(0, 2 / slope, 20_001)
    half = np.concatenate([fine, np.linspace(2 / slope, 2 / slope + 10, 100)[1:]])
    places = np.concatenate([-half[:0:-1], half])
    middle = (places[1:] + places[:-1]) / 2
    square, fit = best_fit(places, np.sign(middle), slope)
    edge = places[1:][np.abs(fit) < 1 - 1e-9].max()
    return np.sqrt(square), 2 * norm.cdf(edge) - 1


@observed
def flow_tangent(place, spread):
    """The slope at 0 of the probability flow of dx = −x dt + √2 dW, from N(0, 1) at t = 12 to two
    modes at t = 0, by a complex step through the solver.
    """

    def velocity(time, x):
        shrink = np.exp(-time)
        variance = spread**2 * shrink**2 + 1 - shrink**2
        mean = place * shrink
        score = (-x + mean * np.tanh(mean * x / variance)) / variance
        return -x - score

    path = solve_ivp(velocity, (12, 0), np.array([1e-30j]), method="DOP853", rtol=1e-11, atol=1e-42)
    return path.y[0, -1].imag / 1e-30


@claim(
    known("Borell 1975 and Sudakov & Tsirelson 1974, Gaussian isoperimetry"),
    kind="bound",
    cases=[(2, 2), (5, 8), (40, 30)],
)
def test_quantiles(
    trial,
    latents: Annotated[int, Interval(2, 40, why="in one dimension the largest is linear")],
    width: Annotated[
        int, Interval(2, 30, why="units of a layer; of one unit the network is a ramp")
    ],
):
    """Let $q_u$ be the $u$-quantile of an $L$-Lipschitz function of standard normal noise. For
    $u > v$, $q_u − q_v <= L (Φ⁻¹(u) − Φ⁻¹(v))$, with equality for linear functions.
    """
    generator = trial.generator("networks")
    networks = [quantiles_of_network(generator, LEVELS, width) for _ in range(8)]
    quantiles = np.vstack([quantiles_of_order(LEVELS, latents), networks])
    fine = (np.arange(400) + 0.5) / 400
    spreads = np.std(quantiles_of_order(fine, latents), axis=1)
    spreads = np.concatenate([spreads, np.full(8, np.inf)])
    upper, lower = np.array([(i, j) for i in range(len(LEVELS)) for j in range(i)]).T
    law = largest_quantile_gap(1.0, LEVELS[upper], LEVELS[lower])
    gaps = quantiles[:, upper] - quantiles[:, lower]
    trial.bound(
        gaps,
        np.broadcast_to(law, gaps.shape),
        instances="search",
        ops=1e8,
        attained=0.999,
        controls={"those of a normal law of its spread": np.minimum(1, spreads)[:, None] * law},
    )


@claim(
    tried(
        "abstract of version 1, sentence 2: heavy tails are not captured",
        "the least distance to Student's laws",
    ),
    kind="optimality",
    cases=[(3.0, 1.447), (4.0, 1.6), (2.5, 1.05), (6.0, 4.0)],
)
def test_heavy_tail(
    trial,
    freedom: Freedom,
    slope: Annotated[
        float,
        Interval(1.02, 4, why="L over E|X| √(π/2); far beyond, the distance is lost in the tail"),
    ],
):
    """Let $X$ have Student's law $F$, $T = F⁻¹∘Φ$ and $L > E|X| √(π/2)$. The least Wasserstein
    distance of an $L$-Lipschitz function of normal noise to $F$ is
    $W₂² = 2 ∫_{z_L}^∞ (T(z) − q − L (z − z_L))² φ(z) dz$, where $q = T(z_L)$ and $z_L$ solves
    $E[X − q | X > q] = L (φ(z_L)/Φ(−z_L) − z_L)$.
    """
    lipschitz = slope * steepest_linear(freedom)
    law = distance_to_tail(freedom, lipschitz)
    grid = np.linspace(1e-4, 20, 20_000)
    exact = transport(grid, freedom)
    masses = 2 * norm.pdf(grid) * (grid[1] - grid[0])
    bends = np.argmax(np.gradient(exact, grid) > lipschitz)
    late = np.where(grid < grid[bends], exact, exact[bends] + lipschitz * (grid - grid[bends]))
    normal = min(masses @ (grid * exact), lipschitz)
    trial.value(
        fitted_tail(freedom, lipschitz),
        law,
        error=1e-5 * law,
        margin=1e-4 * law,
        controls={
            "$T$ until its slope is $L$": np.sqrt(masses @ (exact - late) ** 2),
            "the best normal law": np.sqrt(masses @ (exact - normal * grid) ** 2),
        },
    )


@claim(
    tried(
        "abstract of version 1, sentence 2: heavy tails are not captured",
        "the least distance at small slopes",
    ),
    kind="optimality",
    cases=[(3.0, 0.6), (2.5, 1.0), (6.0, 0.3)],
)
def test_heavy_tail__small_slope(
    trial,
    freedom: Freedom,
    slope: Annotated[float, Interval(0.3, 1, why="L over E|X| √(π/2), up to which L z is best")],
):
    """Let $X$ have Student's law $F$, $T = F⁻¹∘Φ$ and $L <= E|X| √(π/2)$. The least Wasserstein
    distance of an $L$-Lipschitz function of normal noise $Z$ to $F$ is
    $W₂² = Var X + L² − 2 L E[Z T(Z)]$, that of $L Z$.
    """
    lipschitz = slope * steepest_linear(freedom)
    law = distance_of_linear(freedom, lipschitz)
    spread = np.sqrt(freedom / (freedom - 2))
    trial.value(
        fitted_tail(freedom, lipschitz),
        law,
        error=1e-5 * law,
        margin=1e-4 * law,
        controls={"of two normal laws, their spread minus $L$": spread - lipschitz},
    )


@claim(
    derived("$L z$ cut at $±1$ is the isotonic projection"),
    kind="optimality",
    cases=[1.0, 2.0, 5.0, 100.0, 0.5],
)
def test_two_modes(trial, slope: Steep):
    """For a target of $±1$ with chance ½ each the least Wasserstein distance of an $L$-Lipschitz
    function of normal noise is $W₂² = 2 [(1 + L²)(Φ(1/L) − ½) − 2 L (φ(0) − φ(1/L)) − L φ(1/L)]$.
    """
    nodes = np.linspace(0, 12, 200_001)
    smooth = 2 * np.trapezoid((1 - np.tanh(slope * nodes)) ** 2 * norm.pdf(nodes), nodes)
    law = distance_to_modes(slope)
    trial.value(
        fitted_modes(slope)[0],
        law,
        error=1e-6 * law,
        margin=1e-3 * law,
        controls={"$tanh(L z)$ is best": np.sqrt(smooth)},
    )


@claim(
    derived("the best sampler is 1 from $z = 1/L$ on"),
    kind="optimality",
    cases=[1.0, 2.0, 5.0, 100.0, 0.5],
)
def test_two_modes__mass_between(trial, slope: Steep):
    """The $L$-Lipschitz function of Gaussian noise that is nearest to $±1$ with chance ½ each, in
    the Wasserstein distance $W₂$, leaves the mass $2 Φ(1/L) − 1$ strictly between the modes.
    """
    law = mass_between(slope)
    trial.value(
        fitted_modes(slope)[1],
        law,
        error=2e-4 * law,
        margin=2e-3 * law,
        controls={
            "up to half a mode, $z = 1/(2 L)$": 2 * norm.cdf(1 / (2 * slope)) - 1,
        },
    )


@claim(
    derived("the flow is monotone, so that its slope is $φ(0)/f(0)$"),
    kind="identity",
    cases=[(1.0, 0.5), (1.0, 0.3), (2.0, 0.5), (1.5, 0.7), (0.5, 1.0)],
)
def test_flow_slope(
    trial,
    place: Annotated[
        float, Interval(0.5, 2, why="of the modes ±a, whose slope grows as e^(a²/2s²)")
    ],
    spread: Annotated[float, Interval(0.3, 1, why="s of a mode, whose slope grows as e^(a²/2s²)")],
):
    """The probability flow from $N(0, 1)$ to $½ N(−a, s²) + ½ N(a, s²)$ has the slope
    $s e^(a²/(2 s²))$ at 0.
    """
    law = slope_of_flow(place, spread)
    trial.value(
        flow_tangent(place, spread),
        law,
        error=1e-8 * law,
        margin=1e-6 * law,
        controls={
            "the density of one mode alone, $½ N(a, s²)$": 2 * law,
            "a normal law of its variance": np.sqrt(place**2 + spread**2),
        },
    )


def random_layer(generator, outputs):
    """Weights W (p, p/2) of a layer max(W z, 0) of normal noise z."""
    return generator.normal(size=(outputs, outputs // 2)) / np.sqrt(outputs // 2)


@observed
def ridge_risks(generator, n, layer, samples, penalty, tails=np.inf):
    """Of n ridge regressions on samples x of the layer, y = x·β + ε/2 with β ~ N(0, 1/p): the
    excess E (x·(β̂ - β))² of a test error, over 1000 test samples. Noise z is multiplied by a scale
    so that x has tails of Student's t with these degrees of freedom, and the same second moments.
    """
    outputs, latents = layer.shape

    def drawn(count):
        scale = 1.0
        if np.isfinite(tails):
            scale = np.sqrt((tails - 2) / generator.chisquare(tails, size=(count, 1)))
        return np.maximum(scale * generator.normal(size=(count, latents)) @ layer.T, 0)

    found = []
    for _ in range(n):
        beta_star = generator.normal(size=outputs) / np.sqrt(outputs)
        inputs = drawn(samples)
        answers = inputs @ beta_star + generator.normal(size=samples) / 2
        gram = inputs.T @ inputs + samples * penalty * np.eye(outputs)
        error = np.linalg.solve(gram, inputs.T @ answers) - beta_star
        found.append(np.mean((drawn(1000) @ error) ** 2))
    return np.array(found)


@predicted
def second_moments_of_layer(layer):
    """E x xᵀ (p, p) of max(W z, 0), z standard normal: the arc-cosine kernel."""
    lengths = np.linalg.norm(layer, axis=1)
    sizes = np.outer(lengths, lengths)
    cosines = np.clip(layer @ layer.T / sizes, -1, 1)
    angles = np.arccos(cosines)
    return sizes * (np.sqrt(1 - cosines**2) + (np.pi - angles) * cosines) / (2 * np.pi)


@predicted
def risk_of_moments(second, samples, penalty, noise=0.5):
    """The excess of ridge regression on Gaussian samples with this E x xᵀ, by the deterministic
    equivalent: κ (1 - df₁/n) = penalty, then (κ² Σ s/(p (s + κ)²) + σ² df₂/n)/(1 - df₂/n), where
    df_k = Σ (s/(s + κ))^k.
    """
    spectrum = np.maximum(np.linalg.eigvalsh(second), 0)

    def excess(kappa):
        return kappa * (1 - np.sum(spectrum / (spectrum + kappa)) / samples) - penalty

    kappa = brentq(excess, 1e-12, penalty + np.sum(spectrum) / samples + 1)
    share = np.sum((spectrum / (spectrum + kappa)) ** 2) / samples
    bias = kappa**2 * np.mean(spectrum / (spectrum + kappa) ** 2)
    return (bias + noise**2 * share) / (1 - share)


@claim(
    tried(
        "abstract of version 1, sentence 3: test errors depend on the first two moments only",
        "ridge regression on one random layer of ReLUs, by the deterministic equivalent",
    ),
    kind="distribution",
    cases=[(100, 2.0, 0.1), (100, 0.7, 0.1), (120, 1.5, 0.03)],
    tier="full",
)
def test_ridge(
    trial,
    outputs: Annotated[int, Interval(100, 150, why="p; fewer are far from the limit; p³ steps")],
    ratio: Annotated[float, Interval(0.5, 3, why="n/p; beyond, noise alone decides")],
    penalty: Annotated[float, Interval(0.03, 0.3, why="λ; with less the limit comes later")],
):
    """Let $x = max(W z, 0)$ be samples of a random layer of $p$ ReLUs, with normal $z$ in $p/2$
    dimensions. The mean excess test error of ridge regression on $n$ of them is, up to 4 %, that
    for Gaussian samples with the same $M = E[x xᵀ]$, as $p$ and $n$ grow: with the eigenvalues $s$
    of $M$ and $κ$ from $κ (1 - sum_s s/(s + κ)/n) = λ$, it is
    $(κ² sum_s s/(p (s + κ)²) + σ² f)/(1 - f)$, $f = sum_s s²/(n (s + κ)²)$.
    """
    layer = random_layer(trial.generator("layer"), outputs)
    samples = round(ratio * outputs)
    second = second_moments_of_layer(layer)
    law = risk_of_moments(second, samples, penalty)
    variances = np.diag(np.diag(second))

    def risks(tails):
        return lambda generator, n: ridge_risks(generator, n, layer, samples, penalty, tails)

    trial.mean(
        sampler=risks(np.inf),
        predict=law,
        law=Asymptotic(),
        margin=0.04 * law,
        first=64,
        controls={
            "correlations do not matter": risk_of_moments(variances, samples, penalty),
        },
        control_processes={"noise of heavy tails, the same second moments": risks(3.0)},
    )


@figure("F1", claims=("heavy_tail",))
def best_generator(freedom: float = 3.0, slope: float = 2.0):
    """The best generator of slope 2 leaves a heavy tail long before the tail is steeper than 2.

    Student's $t$ with three degrees of freedom. Marks: lines: the target $T$ and the law's
    generator; points: isotonic regression; dotted: $z_L$.
    """
    fine = np.linspace(0, 3.5, 200)
    start = leaves_at(freedom, slope)
    q = transport(start, freedom)
    law = np.where(fine < start, transport(fine, freedom), q + slope * (fine - start))
    places = np.linspace(-20, 20, CELLS + 1)
    middle = (places[1:] + places[:-1]) / 2
    fit = best_fit(places, transport(middle, freedom), slope)[1]
    chosen = np.searchsorted(middle, np.linspace(0.1, 3.4, 12))
    return chart(
        {"target T": (fine, transport(fine, freedom)), "best generator, L = 2": (fine, law)},
        {"best generator, L = 2": (middle[chosen], fit[chosen])},
        thresholds={"leaves T at z_L": start},
        dashed=["target T"],
        x="noise z (standard deviations)",
        y="sample",
        xlim=(0, 3.5),
        ylim=(0, 12),
    )


@figure("F2", claims=("heavy_tail",))
def distance_against_slope(freedoms: tuple[float, ...] = (3.0, 4.0, 5.0)):
    """The heavier the tail, the less a larger slope helps.

    Least $W₂$ over the standard deviation of the target, Student's $t$ with $ν$ degrees of freedom.
    Marks: lines: law; points: isotonic regression.
    """
    fine = np.geomspace(0.5, 20, 40)
    coarse = np.geomspace(0.6, 19, 8)
    lines = {}
    points = {}
    for freedom in freedoms:
        spread = np.sqrt(freedom / (freedom - 2))
        lines[f"ν = {freedom:g}"] = fine, [distance_to_tail(freedom, L) / spread for L in fine]
        points[f"ν = {freedom:g}"] = coarse, [fitted_tail(freedom, L) / spread for L in coarse]
    return chart(
        lines,
        points,
        log="xy",
        x="Lipschitz constant L",
        y="least W₂ (standard deviations)",
    )
