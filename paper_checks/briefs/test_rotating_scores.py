"""Chao, Sun, Cheng & Lee 2023, "On Investigating the Conservative Property of Score-Based
Generative Models", ICML, arXiv 2209.12753.

For whoever pays for a conservative score, by an energy model or by the penalty $|J − Jᵀ|²$: what
does a rotation of the score cost?

Take away: a rotation does not change the law of the samples (`law_kept`), and it mixes faster
(`rate`); the symmetric part of a rotated score samples another law, or diverges (`repair`). The
published probe of the penalty is noisiest where the score is almost conservative: for twenty drawn
matrices of size 8 and rotations of a hundredth its relative standard deviation is 15 to 29, that of
$|(J − Jᵀ) v|²$ is .3 to .6 (`probe_noise`, `probe_noise-near_conservative`).

The law is $p = N(0, Σ)$ on $R^d$, $K = Σ⁻¹$ has the eigenvalues $k_1, …, k_d$, and a model's score
is $−(I − S) K x$ with $S$ skew, $Sᵀ = −S$. In the plane $K = diag(k_1, k_2)$ and $S = a J$, where
$J = (0, −1; 1, 0)$. Langevin's equation with the score $s$ is $dx = s(x) dt + √2 dW$.

Edges: for $k_1 = k_2$ a rotation does not mix faster, and the symmetric part needs no repair. Euler
steps of size $h$ have a bias: for $Σ = I$ their variance is $2/(2 − h (1 + a²))$. If the symmetric
part of $J$ is a multiple of $I$, the probe's noise stays bounded.

Paper: it compares energy models with free models of the score, and trains free ones with a penalty
on the rotation. This page treats Gaussian laws, for which everything can be solved, and the
penalty's probe.

Abstract:

- Sentences 1 to 3: score models are energies or free. No statement.
- Sentence 4: energy models may be limited by their architecture. Not on trial. It is about
  networks.
- Sentence 5: a score that is not conservative may sample worse. In part: law_kept, rate, repair. A
  rotation that keeps the density costs nothing; one that does not keep it costs.
- Sentence 6: a model between both is proposed. No statement.
- Sentence 7: Hutchinson's estimator makes its objective efficient to train. In part: probe_noise,
  probe_noise-near_conservative. The estimate is unbiased and noisy.
- Sentence 8: images are sampled better. Not on trial. It needs images and networks.
- Sentence 9: an autoencoder of one layer shows the advantage. Not on trial. It was not read.

Read: the abstract, and the authors' code (chen-hao-chao/qcsbm, `2d_examples/losses.py`). Recalled:
the best rate of Lelièvre, Nier & Pavliotis 2013. Derived here: all other claims. Not claimed: that
trained scores rotate in this way, that mixing faster is worth smaller steps. Topic:
representations.
"""

from itertools import product
from typing import Annotated

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import expm, solve_continuous_lyapunov
from scipy.optimize import brentq

from paper_checks.briefs.common import gradient, orthonormal
from theory_on_trial import (
    claim,
    derived,
    known,
    observed,
    predicted,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Dimension = Annotated[int, Interval(2, 6, why="nothing rotates on a line; d² equations are solved")]
Probed = Annotated[
    int, Interval(3, 9, why="all 2^d signs are listed; of a plane's signs all agree")
]
Stiffness = Annotated[
    float, Interval(0.1, 10, why="an eigenvalue of Σ⁻¹, in units of the noise's rate")
]
Ratio = Annotated[
    float, Interval(1.5, 20, why="k_2 / k_1: at 1 there is nothing to repair or to gain")
]
Rotation = Annotated[float, Interval(0.2, 3, why="a, at 0 nothing rotates")]
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
SOLVER = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-12}
HORIZON = 3.0
SQUARINGS = 40


def skew(generator, dim):
    """A skew matrix (d, d) of normal entries."""
    entries = generator.normal(size=(dim, dim))
    return (entries - entries.T) / 2


def stiffness_matrix(generator, dim):
    """K (d, d) with eigenvalues between ½ and 4 in a random basis."""
    basis = orthonormal(generator, dim)
    return basis * np.geomspace(0.5, 4, dim) @ basis.T


@predicted
def kept(stiffness):
    """Σ = K⁻¹, whatever the rotations."""
    return np.linalg.inv(stiffness)


@predicted
def mean_of_tangents(functions):
    """0 for each of several test functions."""
    return np.zeros(functions)


@predicted
def best_mean_rate(stiffness):
    """Tr K / d, the bound on the rate at which Langevin's equation forgets its start."""
    return np.trace(stiffness) / len(stiffness)


@predicted
def rate_in_the_plane(first, second, turn):
    """(k_1 + k_2)/2 − √(((k_1 − k_2)²/4 − a² k_1 k_2)⁺)."""
    beneath = (first - second) ** 2 / 4 - turn**2 * first * second
    return (first + second) / 2 - np.sqrt(max(beneath, 0.0))


@predicted
def fastest_rotation(stiffness):
    """S (d, d) for which all eigenvalues of (I − S) K have the real part tr K / d.

    In an orthonormal basis ψ with ψ_i·K ψ_i = tr K / d, the skew matrix with the entries (λ_i +
    λ_j)/(λ_i − λ_j) ψ_i·K ψ_j, λ = d, d − 1, .., 1, is −K^½ S K^½ (Lelièvre, Nier & Pavliotis
    2013).
    """
    dim = len(stiffness)
    values, vectors = np.linalg.eigh(stiffness)
    basis = vectors.copy()
    mean = values.mean()
    for done in range(dim - 1):  # one more direction with the mean on its diagonal each time
        rest = basis[:, done:]
        sizes = np.sum(rest * (stiffness @ rest), axis=0)
        low = done + np.argmin(sizes)
        high = done + np.argmax(sizes)
        small = basis[:, low]
        large = basis[:, high]
        cross = small @ stiffness @ large

        def excess(angle, small=small, large=large, cross=cross):
            cosine = np.cos(angle)
            sine = np.sin(angle)
            square = cosine**2 * (small @ stiffness @ small)
            square += sine**2 * (large @ stiffness @ large) + 2 * sine * cosine * cross
            return square - mean

        apart = excess(0) < 0 < excess(np.pi / 2)  # else all are at the mean, but for rounding
        angle = brentq(excess, 0, np.pi / 2, xtol=1e-15) if apart else 0.0
        level = np.cos(angle) * small + np.sin(angle) * large
        other = np.cos(angle) * large - np.sin(angle) * small
        basis[:, high] = other
        basis[:, low] = basis[:, done]
        if done == high:
            basis[:, low] = other
        basis[:, done] = level
    order = np.arange(dim, 0, -1.0)
    sums = order[:, None] + order
    differences = order[:, None] - order + np.eye(dim)
    inner = basis.T @ stiffness @ basis * (1 - np.eye(dim))
    turned = basis @ (sums / differences * inner) @ basis.T
    root = vectors / np.sqrt(values) @ vectors.T
    return -root @ turned @ root


@predicted
def repaired_divergence(first, second, turn):
    """−½ log(1 − a² (k_1 − k_2)²/(4 k_1 k_2))."""
    share = turn**2 * (first - second) ** 2 / (4 * first * second)
    if share >= 1:
        raise ValueError("turn must be below 2 √(k_1 k_2)/|k_1 − k_2|: beyond, there is no law")
    return -0.5 * np.log1p(-share)


@predicted
def largest_repairable(first, second):
    """2 √(k_1 k_2)/|k_1 − k_2|."""
    if first == second:
        raise ValueError("first and second must differ: else a repair changes nothing")
    return 2 * np.sqrt(first * second) / abs(first - second)


@predicted
def probe_variance(jacobian):
    """2 (|A|² − Σ A_ii²) with A = J Jᵀ − (J² + J²ᵀ)/2."""
    square = jacobian @ jacobian
    form = jacobian @ jacobian.T - (square + square.T) / 2
    return 2 * (np.sum(form**2) - np.sum(np.diag(form) ** 2))


@predicted
def noise_constant(symmetric, turn):
    """√(2 (|B|² − Σ B_ii²))/(2 |Ω|²) with B = P Ω − Ω P."""
    form = symmetric @ turn - turn @ symmetric
    size = 2 * (np.sum(form**2) - np.sum(np.diag(form) ** 2))
    return np.sqrt(size) / (2 * np.sum(turn**2))


@observed
def covariance_at_the_end(stiffness, rotation_at, noisy):
    """The covariance (d, d) with which the reverse of dx = −x dt + √2 dW ends, by solving its
    differential equation from p_T, for a score −(I − S(t)) K_t x.
    """
    dim = len(stiffness)
    identity = np.eye(dim)
    sigma = np.linalg.inv(stiffness)

    def noised(time):
        return np.exp(-2 * time) * sigma + (1 - np.exp(-2 * time)) * identity

    def slope(elapsed, entries):
        covariance = entries.reshape(dim, dim)
        time = HORIZON - elapsed
        score = -(identity - rotation_at(time)) @ np.linalg.inv(noised(time))
        drift = identity + (1 + noisy) * score
        moved = drift @ covariance
        return (moved + moved.T + 2 * noisy * identity).ravel()

    path = solve_ivp(slope, (0, HORIZON), noised(HORIZON).ravel(), **SOLVER)
    return path.y[:, -1].reshape(dim, dim)


@observed
def mean_along_tests(centres, waves, matrix):
    """E (M ∇log p)·∇f for the functions f = cos w·x + w·x, (waves,), under the mixture p of unit
    Gaussians about some centres (modes, 2): all gradients by complex steps, the mean by the
    trapezium rule, whose error is far below rounding for smooth densities.
    """
    low = centres.min(axis=0)
    high = centres.max(axis=0)
    first, second = (np.arange(a - 8, b + 8, 0.4) for a, b in zip(low, high, strict=True))
    points = np.array(list(product(first, second)))

    def log_density(x):
        squares = np.sum((x[..., None, :] - centres) ** 2, axis=-1)
        return np.log(np.mean(np.exp(-squares / 2), axis=-1) / (2 * np.pi))

    def tests(x):
        return np.cos(x @ waves.T) + x @ waves.T

    def slopes(function):
        return gradient(lambda step: function(points + step[..., None, :]), np.zeros(2))

    masses = np.exp(log_density(points)) * 0.4**2
    return np.einsum("n,ij,jn,inf->f", masses, matrix, slopes(log_density), slopes(tests))


@observed
def stationary_covariance(drift):
    """The covariance (d, d) that dx = −A x dt + √2 dW tends to, by Lyapunov's equation."""
    return solve_continuous_lyapunov(drift, 2 * np.eye(len(drift)))


@observed
def forgetting_rate(drift):
    """The rate at which dx = −A x dt forgets its start: −log |exp(−A t)| / t at t = 2^40 / |A|, by
    squaring the propagator of a short time.
    """
    step = 1 / np.linalg.norm(drift)
    propagator = expm(-drift * step)
    logarithm = 0.0
    for _ in range(SQUARINGS):
        size = np.linalg.norm(propagator)
        propagator = propagator / size
        propagator = propagator @ propagator
        logarithm = 2 * (logarithm + np.log(size))
    return -(logarithm + np.log(np.linalg.norm(propagator))) / (step * 2**SQUARINGS)


@observed
def end_of_the_penalty(jacobian):
    """Where gradient descent on ½ |J − Jᵀ|² ends, by autodiff of the penalty."""

    def penalty(entries):
        difference = entries - np.swapaxes(entries, -1, -2)
        return np.sum(difference**2, axis=(-2, -1)) / 2

    for _ in range(60):
        jacobian = jacobian - 0.2 * gradient(penalty, jacobian)
    return jacobian


@observed
def divergence_of_samples(covariance, sigma):
    """KL(N(0, Σ) ‖ N(0, C)) as the mean of the difference of the two log densities over the nodes
    of a Gauss-Hermite rule for Σ, which is exact for it.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    grid = np.array(list(product(nodes, repeat=len(sigma))))
    chances = np.prod(list(product(weights / weights.sum(), repeat=len(sigma))), axis=1)
    points = grid @ np.linalg.cholesky(sigma).T

    def log_density(matrix):
        solved = np.linalg.solve(matrix, points.T).T
        return -0.5 * (np.sum(points * solved, axis=1) + np.linalg.slogdet(matrix)[1])

    return chances @ (log_density(sigma) - log_density(covariance))


@observed
def probe_values(jacobian):
    """The released probe |Jᵀ v|² − v·J² v for all signs v, (2^d,)."""
    signs = np.array(list(product([-1.0, 1.0], repeat=len(jacobian))))
    squares = np.sum((signs @ jacobian) ** 2, axis=1)
    return squares - np.sum(signs * (signs @ (jacobian @ jacobian).T), axis=1)


@claim(
    derived("$∇·(p S ∇ log p) = 0$ for every skew $S$"),
    kind="identity",
    cases=[(2, 1), (3, 0), (6, 1), (5, 0)],
)
def test_law_kept(
    trial,
    dim: Dimension,
    noisy: Annotated[int, Interval(0, 1, why="0 for the flow ODE, 1 for the reverse SDE")],
):
    """Let $p_t = N(0, K_t⁻¹)$, $K_t⁻¹ = e^(−2t) Σ + (1 − e^(−2t)) I$, be the laws of
    $dx = −x dt + √2 dW$ from $N(0, Σ)$, and $S(t)$ be skew. The reverse SDE and the flow ODE with
    the score $−(I − S(t)) K_t x$ take $p_T$ to $N(0, Σ)$ as with the true score.
    """
    generator = trial.generator("rotations")
    stiffness = stiffness_matrix(generator, dim)
    still = skew(generator, dim)
    moving = skew(generator, dim)
    stretched = np.abs(still + still.T) + np.diag(np.abs(np.diag(moving @ moving)))

    def rotation(time):
        return still + np.cos(3 * time) * moving

    def stretch(time):
        return rotation(time) + 0.1 * np.linalg.norm(still) * stretched / np.linalg.norm(stretched)

    wrong = covariance_at_the_end(stiffness, stretch, noisy)
    trial.value(
        covariance_at_the_end(stiffness, rotation, noisy),
        kept(stiffness),
        error=1e-8,
        margin=1e-6,
        scale=1.0,
        generic="the end of the flow is analytic in stiffness and rotations, and so is the law",
        control_processes={"an error a tenth as large that stretches": wrong},
    )


@claim(
    derived("$∇·(p J ∇log p) = 0$ for every density $p$ in the plane"),
    kind="identity",
    cases=[(2, 0.5), (3, 2.0)],
)
def test_law_kept__any_law(
    trial,
    modes: Annotated[
        int, Interval(1, 5, why="Gaussians of the mixture; the plane's grid grows with them")
    ],
    turn: Rotation,
):
    """For every smooth density $p > 0$ in the plane that decays fast and $r = a J ∇log p$, $J$ a
    quarter turn, $E r·∇f = 0$ under $p$ for all smooth $f$ that are bounded with their derivatives.
    Langevin's equation with the score $∇log p + r$ therefore keeps $p$.
    """
    generator = trial.generator("mixture")
    centres = generator.normal(size=(modes, 2))
    waves = generator.normal(size=(8, 2)) / 2
    stretched = mean_along_tests(centres, waves, turn * np.abs(TURN))
    trial.value(
        mean_along_tests(centres, waves, turn * TURN),
        mean_of_tangents(len(waves)),
        error=1e-9,
        margin=1e-7,
        scale=turn,
        generic="the integrals are analytic in the centres and the waves",
        control_processes={"a stretch in place of a turn": stretched},
    )


@claim(
    known("Lelièvre, Nier & Pavliotis 2013"),
    kind="bound",
    cases=[2, 3, 6],
)
def test_rate(trial, dim: Dimension):
    """Langevin's equation with the score $−(I − S) K x$ in $d$ dimensions, $K$ the inverse
    covariance and $S$ skew, forgets its start at a rate of at most $tr K/d$, and for some $S$ at
    this rate.
    """
    generator = trial.generator("rotations")
    stiffness = stiffness_matrix(generator, dim)
    drawn = [skew(generator, dim) * size for size in np.geomspace(0.1, 10, 230)]
    rotations = [fastest_rotation(stiffness), *drawn]
    rates = [forgetting_rate((np.eye(dim) - s) @ stiffness) for s in rotations]
    trial.bound(
        np.array(rates),
        np.full(len(rates), best_mean_rate(stiffness)),
        instances="draws",
        independent=230,
        ops=1e5,
        attained=0.999,
        controls={
            "geometric mean of the eigenvalues": np.full(
                len(rates), np.linalg.det(stiffness) ** (1 / dim)
            ),
            "no faster than without rotation": np.full(
                len(rates), np.linalg.eigvalsh(stiffness)[0]
            ),
        },
    )


@claim(
    derived("the eigenvalues of a $2 × 2$ matrix"),
    kind="identity",
    cases=[
        (1.0, 4.0, 0.375),
        (1.0, 4.0, 0.675),
        (1.0, 4.0, 0.75),
        (0.3, 20.0, 3.0),
        (0.3, 20.0, 0.8),
    ],
)
def test_rate__in_the_plane(trial, first: Stiffness, ratio: Ratio, turn: Rotation):
    """Langevin's equation with the score $−(I − a J) K x$ in the plane, $J$ a quarter turn and
    $K = diag(k_1, k_2)$, forgets its start at the rate
    $(k_1 + k_2)/2 − √(((k_1 − k_2)²/4 − a² k_1 k_2)⁺)$.
    """
    second = ratio * first
    drift = (np.eye(2) - turn * TURN) @ np.diag([first, second])
    trial.value(
        forgetting_rate(drift),
        rate_in_the_plane(first, second, turn),
        error=1e-6 * second,  # at the threshold the two eigenvectors agree
        margin=1e-4 * second,
        controls={
            "without rotation": first,
            "sped up by $1 + a²$": first * (1 + turn**2),
        },
    )


@claim(
    derived("the Jacobian's symmetric part is the precision of what is sampled"),
    kind="identity",
    cases=[(1.0, 4.0, 0.225), (1.0, 4.0, 0.9), (3.0, 1.5, 0.95), (0.2, 20.0, 0.5)],
)
def test_repair(
    trial,
    first: Stiffness,
    ratio: Ratio,
    share: Annotated[
        float, Interval(0.2, 0.95, why="of the rotation at which the repaired score has no law")
    ],
):
    """Descent on $½ |M − Mᵀ|²$ turns the Jacobian $M$ of the score $−(I − a J) K x$ of $N(0, K⁻¹)$
    in the plane, $J$ a quarter turn and $K = diag(k_1, k_2)$, into its symmetric part. Langevin's
    equation then samples a law $C$ with
    $KL(N(0, K⁻¹) ‖ C) = −½ log(1 − a² (k_1 − k_2)²/(4 k_1 k_2))$.
    """
    second = ratio * first
    turn = share * largest_repairable(first, second)
    drift = (np.eye(2) - turn * TURN) @ np.diag([first, second])
    sigma = np.diag([1 / first, 1 / second])
    repaired = end_of_the_penalty(drift)
    law = repaired_divergence(first, second, turn)
    trial.value(
        divergence_of_samples(stationary_covariance(repaired), sigma),
        law,
        error=1e-9 * max(law, 1),
        margin=1e-3 * law,
        controls={
            "to second order": turn**2 * (first - second) ** 2 / (8 * first * second),
            "the rotation's own part, $a²/2$": turn**2 / 2,
        },
        control_processes={
            "left as it is": divergence_of_samples(stationary_covariance(drift), sigma)
        },
    )


RELEASED = derived("the moments of the probe of chen-hao-chao/qcsbm's `2d_examples/losses.py`")


@claim(RELEASED, kind="identity", cases=[3, 4, 9])
def test_probe_noise(trial, dim: Probed):
    """The authors' code probes the penalty $½ |J − Jᵀ|²$ by $|Jᵀ v|² − v·J² v$. For random signs
    $v$ this has the mean $½ |J − Jᵀ|²$ and the variance $2 (|A|² − ∑_i A_{i i}²)$,
    $A = J Jᵀ − (J² + J²ᵀ)/2$.
    """
    jacobian = trial.generator("Jacobian").normal(size=(dim, dim))
    values = probe_values(jacobian)
    square = jacobian @ jacobian
    form = jacobian @ jacobian.T - (square + square.T) / 2
    mean = np.sum((jacobian - jacobian.T) ** 2) / 2
    trial.identity(
        np.array([np.mean(values), np.var(values)]),
        np.array([mean, probe_variance(jacobian)]),
        ops=100 * dim**2,
        scale=np.array([np.sum(jacobian**2) * dim, np.sum(form**2) * dim]),
        generic="both sides are polynomials in the entries of the Jacobian",
        controls={
            "normal probes, $2 |A|²$": np.array([mean, 2 * np.sum(form**2)]),
            "the mean without the half, $|J − Jᵀ|²$": np.array(
                [2 * mean, probe_variance(jacobian)]
            ),
            "$2 |J − Jᵀ|⁴/d$": np.array([mean, 8 * mean**2 / dim]),
        },
    )


@claim(RELEASED, kind="limit", cases=[3, 8])
def test_probe_noise__near_conservative(trial, dim: Probed):
    """For $J = P + ε Ω$, $P$ symmetric and $Ω$ skew, and random signs $v$ the relative standard
    deviation of the probe $|Jᵀ v|² − v·J² v$, times $ε$, tends to
    $√(2 (|B|² − ∑_i B_{i i}²))/(2 |Ω|²)$ as $ε → 0$, with $B = P Ω − Ω P$.
    """
    generator = trial.generator("Jacobian")
    symmetric = stiffness_matrix(generator, dim)
    turn = skew(generator, dim)
    sizes = 2.0 ** np.arange(2, 8)
    noise = []
    for size in sizes:
        # Over both signs of ε odd orders cancel. The first may be small, and then hides the second.
        both = [probe_values(symmetric + sign * turn / size) for sign in (1, -1)]
        noise.append(np.sqrt(np.mean(np.var(both, axis=1))) / np.mean(both) / size)
    signs = np.array(list(product([-1.0, 1.0], repeat=dim)))
    plain = np.sum((signs @ turn) ** 2, axis=1)
    limit = noise_constant(symmetric, turn)
    normal = np.linalg.norm(symmetric @ turn - turn @ symmetric) / np.sqrt(2) / np.sum(turn**2)
    trial.require(normal > 1.01 * limit, "dim must be larger: else normal probes are as good")
    trial.limit(
        np.array(noise),
        sizes,
        limit,
        order=2,
        margin=1e-3 * limit,
        generic="the deviations are analytic in P and Ω where they are not 0, and so is the limit",
        controls={
            "as $|(J − Jᵀ) v|²$, free of $ε$": np.std(plain) / np.mean(plain) / sizes[-1],
            "normal probes": normal,
        },
        same_instance=True,
    )


@figure("F1", claims=("repair",))
def cost_of_repair(ratios: tuple[float, ...] = (2.0, 4.0, 16.0)):
    """The more a score is rotated, the worse its symmetric part samples; beyond some rotation it
    has no stationary law.

    KL divergence of the samples after repair, in nats, against the rotation $a$. Marks: lines: law,
    with dotted poles; points: gradient descent on the penalty, then Lyapunov's equation. Without
    repair the divergence is 0.
    """
    lines = {}
    points = {}
    poles = {}
    for ratio in ratios:
        name = f"k₂/k₁ = {ratio:g}"
        pole = largest_repairable(1.0, ratio)
        fine = np.linspace(0.01, 0.9995, 300) * pole
        coarse = np.linspace(0.1, 0.98, 9) * pole
        lines[name] = fine, [repaired_divergence(1.0, ratio, turn) for turn in fine]
        found = []
        for turn in coarse:
            drift = (np.eye(2) - turn * TURN) @ np.diag([1.0, ratio])
            covariance = stationary_covariance(end_of_the_penalty(drift))
            found.append(divergence_of_samples(covariance, np.diag([1.0, 1 / ratio])))
        points[name] = coarse, found
        poles[name] = pole
    return chart(
        lines,
        points,
        thresholds=poles,
        x="rotation a",
        y="KL divergence (nats)",
        xlim=(0, 3),
        ylim=(0, 2.5),
        legend="beside",
    )


@figure("F2", claims=("probe_noise-near_conservative",))
def noise_of_probes(dim: int = 8):
    """The released probe of the penalty drowns in noise near a conservative score; $|(J − Jᵀ) v|²$
    does not.

    Relative standard deviation of one probe against the size $ε$ of the rotation, $d = 8$. Marks:
    line: limit, a constant over $ε$; points: all 256 signs.
    """
    generator = np.random.default_rng(0)
    symmetric = stiffness_matrix(generator, dim)
    turn = skew(generator, dim)
    sizes = np.geomspace(0.003, 10, 15)
    released = []
    plain = []
    signs = np.array(list(product([-1.0, 1.0], repeat=dim)))
    for size in sizes:
        jacobian = symmetric + size * turn
        values = probe_values(jacobian)
        released.append(np.std(values) / np.mean(values))
        values = np.sum((signs @ (jacobian - jacobian.T)) ** 2, axis=1) / 2
        plain.append(np.std(values) / np.mean(values))
    small = np.array([0.003, 1])
    return chart(
        {"|Jᵀv|² − v·J²v": (small, noise_constant(symmetric, turn) / small)},
        {"|Jᵀv|² − v·J²v": (sizes, released), "½ |(J − Jᵀ) v|²": (sizes, plain)},
        log="xy",
        x="size ε of the rotation",
        y="relative standard deviation",
    )
