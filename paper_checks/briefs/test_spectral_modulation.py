"""Weng, Ni, Song et al. 2024, "Modulate Your Spectrum in Self-Supervised Learning" (INTL), ICLR,
arXiv 2305.16789.

For whoever whitens by Newton's iteration and chooses the steps T for a width d: what is the
spectrum after T steps?

Σ is a d×d covariance and S = Σ/tr Σ. The iteration starts from P = I, replaces P by (3 P − P³ S)/2
T times, and whitens by Φ = P/√(tr Σ). The trace loss is TL = Σ_i ((Φ Σ Φ)_ii − 1)². Write H(h) = h
(3 − h)²/4 and φ_T for H applied T times.

Read: the abstract, and the authors' code (winci-ai/INTL, methods/whitening.py). Derived here: the
map of eigenvalues, where it whitens, and the floor of the trace loss. Not claimed: trained
encoders; and more steps than converge, as the iteration then multiplies the rounding errors of an
ill-conditioned Σ at every step. Topic: representations.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import minimize

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Dim = Annotated[
    int, Interval(2, 64, why="one eigenvalue is whitened at once; beyond, the iteration takes long")
]
Small = Annotated[int, Interval(2, 6, why="all d² entries of an embedding are searched")]
Steps = Annotated[
    int,
    Interval(1, 7, why="once it has converged the iteration multiplies rounding errors each step"),
]
FewSteps = Annotated[int, Interval(1, 4, why="more steps leave a floor of the order of rounding")]
Thresholds = Annotated[int, Interval(2, 6, why="later ones lie within 1e-4 of 5")]
Slow = Annotated[int, Interval(1, 30, why="beyond, (9/4)^T λ stays small only for λ below 1e-12")]


def amplification(shares, steps):
    """How much the iteration may multiply a rounding error: its derivative at P along all pairs of
    eigenvectors.
    """
    p = np.ones(len(shares))
    growth = 1.0
    for _ in range(steps):
        pairs = p[:, None] ** 2 + p[:, None] * p + p**2
        growth *= max(1.0, np.max(np.abs(3 - pairs * shares)) / 2)
        p = (3 * p - p**3 * shares) / 2
    return growth


@observed
def whitened(sigma, steps):
    """Φ Σ Φ by the matrix iteration, of one or many covariances, complex ones too."""
    share = sigma / np.trace(sigma, axis1=-2, axis2=-1)[..., None, None]
    p = np.broadcast_to(np.eye(sigma.shape[-1]), sigma.shape)
    for _ in range(steps):
        p = (3 * p - p @ p @ p @ share) / 2
    return p @ share @ p


@observed
def trace_loss(factor, steps):
    """TL of Σ = L Lᵀ, of one or many factors L."""
    return np.sum(
        (np.diagonal(whitened(factor @ np.swapaxes(factor, -1, -2), steps), 0, -2, -1) - 1) ** 2,
        axis=-1,
    )


@observed
def least_trace_loss(generator, dim, steps):
    """The least TL and its shares of eigenvalues, by BFGS on log TL from a random embedding, with
    its last decrement. Gradients are complex steps, which cancel no digits.
    """

    def objective(entries):
        factor = entries.reshape(dim, dim)
        bent = trace_loss(factor + 1e-30j * np.eye(dim * dim).reshape(-1, dim, dim), steps)
        return np.log(trace_loss(factor, steps)), bent.imag / 1e-30 / bent.real

    start = (np.eye(dim) + 0.3 * generator.normal(size=(dim, dim)) / dim).ravel()
    search = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-10})
    factor = search.x.reshape(dim, dim)
    return (
        np.exp(search.fun),
        search.jac @ search.hess_inv @ search.jac,
        np.linalg.eigvalsh(factor @ factor.T),
    )


@observed
def root_whitened(value, steps=80):
    """P √λ for a 1×1 matrix that is not normalised: 1 or −1 if the iteration whitens it with either
    sign.
    """
    p = np.ones_like(value)
    for _ in range(steps):
        p = (3 * p - p**3 * value) / 2
    return p * np.sqrt(value)


@observed
def sign_changes(count):
    """The first λ > 0 at which the sign of the whitened root changes, by bisection between points
    of a grid.
    """
    grid = 5 - np.geomspace(5, 1e-6, 400)[1:]
    signs = np.sign(root_whitened(grid))
    at = np.flatnonzero(signs[1:] != signs[:-1])[:count]
    low = grid[at]
    high = grid[at + 1]
    left = signs[at]
    for _ in range(60):
        middle = (low + high) / 2
        same = np.sign(root_whitened(middle)) == left
        low = np.where(same, middle, low)
        high = np.where(same, high, middle)
    return (low + high) / 2


@predicted
def modulated(share, steps, squared=False):
    """φ_T by its deficits e = 1 − h, which go to e² (3 + e)/4 (or to e², as Newton's method would
    have it).
    """
    deficit = 1 - np.asarray(share, float)
    for _ in range(steps):
        deficit = deficit**2 if squared else deficit**2 * (3 + deficit) / 4
    return 1 - deficit


@predicted
def unwhitenable(count):
    """λ_1 = 3 and H(λ_{m+1}) = λ_m above 3, which is 4 cosh²(arccosh(√λ_m)/3)."""
    roots = [3.0]
    while len(roots) < count:
        roots.append(4 * np.cosh(np.arccosh(np.sqrt(roots[-1])) / 3) ** 2)
    return np.array(roots)


@predicted
def floor(dim, steps):
    """The floor d (1 − φ_T(1/d))²: φ_T is concave and increasing on [0, 1]."""
    return dim * (1 - modulated(1 / dim, steps)) ** 2


@claim(
    derived("P is a polynomial of S, and p² λ goes to H of itself"),
    kind="identity",
    cases=[(5, 4), (16, 7), (2, 1)],
)
def test_spectral_map(trial, dim: Dim, steps: Steps):
    """Φ Σ Φ has the eigenvectors of Σ and the eigenvalues φ_T(λ_i/tr Σ), whose deficits obey e' =
    e² (3 + e)/4.
    """
    generator = trial.generator()
    shares = np.geomspace(1, 1e-2, dim)
    basis = np.linalg.qr(generator.normal(size=(dim, dim)))[0]
    shares /= shares.sum()
    laws = {
        "φ": modulated(shares, steps),
        "fully whitened": np.ones(dim),
        "T − 1 steps": modulated(shares, steps - 1),
    }
    laws["deficits squared"] = modulated(shares, steps, squared=True)
    controls = {name: (basis * law) @ basis.T for name, law in laws.items()}
    law = controls.pop("φ")
    image = whitened(generator.gamma(2) * (basis * shares) @ basis.T, steps)
    trial.identity(image, law, ops=10 * dim * amplification(shares, steps), controls=controls)


@claim(
    derived("p goes to (3 p − p³)/2 in p √λ, whose 2-cycle ±√5 bounds what converges"),
    kind="identity",
    cases=[4, 2, 6],
)
def test_domain(trial, thresholds: Thresholds):
    """Fed λ unnormalised, φ_T(λ) → 1 for 0 < λ < 5 but λ_1 = 3 and H(λ_{m+1}) = λ_m, where the sign
    of P changes.
    """
    law = unwhitenable(thresholds)
    controls = {
        "‖I − S‖ < 1": law - 1.0,
        "a geometric approach of 5": 5 - 2 / 6.0 ** np.arange(thresholds),
    }
    trial.identity(sign_changes(thresholds), law, ops=40.0, controls=controls)
    between = np.append(law[1:] + law[:-1], 3) / 2
    signs = (-1.0) ** np.append(np.arange(1, thresholds), 0)
    trial.identity(
        root_whitened(between),
        signs,
        ops=40.0,
        controls={"never turned round": np.ones(thresholds)},
    )


@claim(
    derived("φ_T is concave and increasing; Cauchy's inequality"),
    kind="optimality",
    cases=[(4, 4), (2, 1), (6, 2)],
)
def test_floor(trial, dim: Small, steps: FewSteps):
    """Over all Σ ≠ 0 the trace loss is at least d (1 − φ_T(1/d))² > 0, and that only if Σ is a
    multiple of I.
    """
    least, decrement, spectrum = least_trace_loss(trial.generator(), dim, steps)
    law = floor(dim, steps)
    error = least * (10 * decrement + 1e-6)  # its deficits of 1e-6 or more carry ten digits
    controls = {
        "zero iff flat": 0.0,
        "T + 1 steps": floor(dim, steps + 1),
        "d − 1 for d": law * (dim - 1) / dim,
    }
    trial.value(least, law, error=error, margin=1e-3 * law, controls=controls)
    flat = np.full(dim, 1 / dim)
    shares = spectrum / spectrum.sum()
    spread = np.linspace(0.8, 1.2, dim) / dim
    trial.value(shares, flat, error=1e-3 / dim, margin=0.01 / dim, controls={"40 % apart": spread})


@claim(
    derived("H(h) ≤ 9h/4 on [0, 1], with equality in the limit h → 0"),
    kind="bound",
    cases=[1, 4, 30],
)
def test_slow_start(trial, steps: Slow):
    """φ_T(λ) ≤ (9/4)^T λ for 0 < λ ≤ 1, so that h ≥ .99 takes more than log(.99/λ)/log 2.25
    steps.
    """
    shares = np.geomspace(1e-13, 1, 400)
    values = root_whitened(shares, steps) ** 2
    controls = {"doubles": 2.0**steps * shares, "1 % slower": 0.99 * initial_growth(steps) * shares}
    trial.bound(
        values, initial_growth(steps) * shares, ops=8 * steps, instances="grid", controls=controls
    )


@predicted
def initial_growth(steps):
    """H'(0)^T."""
    return 2.25**steps


@figure("F1", claims=("spectral_map", "slow_start"))
def modulation(most: int = 8):
    """Small eigenvalues take their time: whitened eigenvalue after T = 1, 2, 4, 8 steps against its
    share of the trace.

    Marks: lines: law φ_T; points: matrix iteration on one covariance with twelve eigenvalues;
    dashed: first-order growth (9/4)^T λ, which no eigenvalue exceeds.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(figsize=(5.4, 3.4))
    x = np.geomspace(1e-6, 1, 200)
    shares = np.geomspace(1, 2e-6, 12)
    shares /= shares.sum()
    for colour, steps in zip(COLOURS, [t for t in (1, 2, 4, 8) if t <= most], strict=False):
        axes.loglog(x, modulated(x, steps), color=colour, label=f"φ_T, T = {steps}")
        axes.loglog(x, initial_growth(steps) * x, "--", color=colour, linewidth=0.7)
        axes.loglog(
            shares, np.diag(whitened(np.diag(shares), steps)), "o", color=colour, mfc="none"
        )
    axes.plot([], [], "o", color=COLOURS[6], mfc="none", label="matrix iteration")
    axes.plot([], [], "--", color=COLOURS[6], linewidth=0.7, label="(9/4)^T λ")
    axes.set(
        xlabel="share λ of the trace (dimensionless)", ylabel="eigenvalue of Φ Σ Φ", ylim=(1e-6, 3)
    )
    axes.legend(loc="lower right", ncols=2)
    return fig
