"""Weng, Ni, Song et al. 2024, "Modulate Your Spectrum in Self-Supervised Learning" (INTL), ICLR,
arXiv 2305.16789.

For whoever whitens by Newton's iteration and chooses the steps $T$ for a width $d$: what is the
spectrum after $T$ steps?

Take away: the loss cannot vanish. At the code's four steps and $d = 2048$ a perfectly flat spectrum
still costs 97.5 % of $d$; $d$ is the side of the matrix that is whitened, which in the code's
default is the gathered batch (256: 82 %). An eigenvalue with the share $λ$ of the trace needs more
than $log(.99/λ)/log 2.25$ steps to come within 1 %: more than 8.5 for $λ = 1e-3$, which takes 11.

$Σ$ is a $d × d$ covariance and $S = Σ/tr Σ$. The iteration starts from $P = I$, replaces $P$ by
$(3 P − P³ S)/2$ in each of $T$ steps, and whitens by $Φ = P/√(tr Σ)$. The trace loss is
$TL = sum_i ((Φ Σ Φ)_{i i} − 1)²$. Write $H(h) = h (3 − h)²/4$ and $φ_T$ for $H$ applied $T$ times.

Edges: at $d = 1$ the floor is 0. Without the division by the trace the iteration whitens every
$λ < 5$ except a countable set, cycles at 5 and diverges above. $TL$ depends on the diagonal only:
if $ΦΣΦ$ has an equal diagonal, a $Σ$ that is not flat costs $(d − ∑_i h_i)²/d$.

Paper: it shapes the spectrum of embeddings by functions of it, and trains encoders with Newton's
iteration and the trace loss (INTL). This page studies that iteration and the floor of that loss.

Abstract:

- Sentences 1 and 2: a loss on whitened embeddings avoids collapse. Not on trial. Nothing is trained
  here.
- Sentence 3: transforms of the spectrum beyond whitening are sought that avoid collapse. No
  statement.
- Sentence 4: whitening is one of them by definition, and others prevent collapse, too. In part:
  spectral_map, encoder, domain. Newton's iteration is such a transform, which whitens in the limit;
  collapse is not on trial.
- Sentences 5 and 6: Newton's iteration with the trace loss prevents collapse and moves the spectrum
  towards equal eigenvalues. In part: floor, flat_only, slow_start. The loss is least there and its
  floor is not zero; few steps do not whiten a small eigenvalue, and nothing is trained.
- Sentence 7: encoders so trained are better. Not on trial. It needs large data.

Read: the abstract, and the authors' code (winci-ai/INTL, `methods/whitening.py`). Derived here: the
map of eigenvalues, where it whitens, and the floor of the trace loss. Not claimed: what training
with the loss attains; and more steps than converge, as the iteration then multiplies the rounding
errors of an ill-conditioned $Σ$ at every step. Topic: representations.
"""

import warnings
from fractions import Fraction
from functools import cache
from typing import Annotated

import numpy as np
from scipy.optimize import minimize

from paper_checks.briefs.common import orthonormal
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

SmallDimension = Annotated[int, Interval(2, 6, why="all d² entries of an embedding are searched")]
FewSteps = Annotated[int, Interval(1, 4, why="more steps leave a floor of the order of rounding")]
Thresholds = Annotated[int, Interval(2, 6, why="later ones lie within 1e-4 of 5")]


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


@cache
def encoder_covariance(units):
    """The covariance of what a hidden layer makes of scikit-learn's digits, trained to tell them
    apart, (units, units).
    """
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    digits, labels = load_digits(return_X_y=True)
    network = MLPClassifier((units,), solver="lbfgs", max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # nothing here asks for convergence
        network.fit(digits / 16, labels)
    hidden = np.maximum(digits / 16 @ network.coefs_[0] + network.intercepts_[0], 0)
    return np.cov(hidden.T)


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
def flat_shares(dim):
    """1/d each."""
    return np.full(dim, 1 / dim)


@predicted
def floor(dim, steps):
    """The floor d (1 − φ_T(1/d))²: φ_T is concave and increasing on [0, 1]."""
    return dim * (1 - modulated(1 / dim, steps)) ** 2


@claim(
    derived("$P$ is a polynomial of $S$, and $p² λ$ goes to $H$ of itself"),
    kind="identity",
    cases=[(5, 4), (16, 7), (2, 1)],
)
def test_spectral_map(
    trial,
    dim: Annotated[
        int,
        Interval(2, 64, why="one eigenvalue is whitened at once; beyond, the iteration takes long"),
    ],
    steps: Annotated[
        int,
        Interval(
            1, 7, why="once it has converged the iteration multiplies rounding errors each step"
        ),
    ],
):
    """Newton's iteration from $P = I$ replaces $P$ by $(3P − P³ S)/2$, $S = Σ/tr Σ$, $T$ times.
    $Φ = P/√(tr Σ)$ makes $Φ Σ Φ$ with the eigenvectors of $Σ$ and the eigenvalues that $T$ steps of
    $h → h (3 − h)²/4$ make of $λ_i/tr Σ$.
    """
    generator = trial.generator()
    shares = np.geomspace(1, 1e-2, dim)
    basis = orthonormal(generator, dim)
    shares /= shares.sum()
    laws = {
        "φ": modulated(shares, steps),
        "fully whitened": np.ones(dim),
        "$T − 1$ steps": modulated(shares, steps - 1),
    }
    laws["deficits squared"] = modulated(shares, steps, squared=True)
    controls = {name: (basis * law) @ basis.T for name, law in laws.items()}
    law = controls.pop("φ")
    image = whitened(generator.gamma(2) * (basis * shares) @ basis.T, steps)
    trial.identity(
        image,
        law,
        ops=10 * dim * amplification(shares, steps),
        generic="both sides are polynomials in the entries of the basis, over the scale",
        controls=controls,
    )


@claim(derived("the map, at the covariance of a trained encoder"), kind="identity", cases=[(32, 4)])
def test_encoder(
    trial,
    units: Annotated[int, Interval(8, 64, why="units of an encoder; more take seconds to train")],
    steps: FewSteps,
):
    """Newton's iteration from $P = I$ replaces $P$ by $(3P − P³ S)/2$, $S = Σ/tr Σ$, $T$ times. For
    the covariance $Σ$ of an encoder of scikit-learn's digits $Φ Σ Φ$, $Φ = P/√(tr Σ)$, has the
    eigenvalues that $T$ steps of $h → h (3 − h)²/4$ make of $λ_i/tr Σ$.
    """
    sigma = encoder_covariance(units)
    shares = np.maximum(np.linalg.eigvalsh(sigma / np.trace(sigma)), 0)
    trial.identity(
        np.linalg.eigvalsh(whitened(sigma, steps)),
        modulated(shares, steps),
        ops=10 * units * amplification(shares, steps),
        scale=1.0,
        controls={"fully whitened": np.ones(units), "$T − 1$ steps": modulated(shares, steps - 1)},
    )


@claim(
    derived("$p$ goes to $(3 p − p³)/2$ in $p √λ$, whose 2-cycle $±√5$ bounds what converges"),
    kind="identity",
    cases=[4, 2, 6],
)
def test_domain(trial, thresholds: Thresholds):
    """Newton's iteration $P → (3P − P³ λ)/2$ from $P = 1$ brings $P √λ$ to a limit whose sign
    changes, as $λ$ rises from 0 to 5, at $λ_1 < λ_2 < …$, where $λ_1 = 3$ and
    $λ_(m+1) (3 − λ_(m+1))²/4 = λ_m$ with $λ_m > 3$ for $m > 1$.
    """
    controls = {
        "$‖I − S‖ < 1$, no further": np.full(thresholds, 2.0),
        "$λ < 3$, no further": np.full(thresholds, 3.0),
    }
    # At most six steps of six roundings each set a sign, or nest hyperbolic functions.
    trial.identity(sign_changes(thresholds), unwhitenable(thresholds), ops=40.0, controls=controls)


@claim(derived("$p √λ > √3$ turns round"), kind="identity", cases=[4, 2, 6])
def test_signs(trial, thresholds: Thresholds):
    """Newton's iteration $P → (3P − P³ λ)/2$ from $P = 1$ brings $P √λ$ to 1 for $0 < λ < λ_1$, and
    to $(−1)^m$ for all $λ$ between $λ_m$ and $λ_(m+1)$, where $λ_1 = 3$ and
    $λ_(m+1) (3 − λ_(m+1))²/4 = λ_m$ with $λ_m > 3$ for $m > 1$.
    """
    law = unwhitenable(thresholds)
    between = np.append(law[1:] + law[:-1], 3) / 2
    trial.identity(
        root_whitened(between),
        (-1.0) ** np.append(np.arange(1, thresholds), 0),
        # At ±1 the map has slope 0: only roundings of the last steps are left, and a root's.
        ops=40.0,
        controls={"never turned round": np.ones(thresholds)},
    )


FLOORS = [(4, 4), (2, 1), (6, 2)]


@claim(
    tried("abstract: the spectrum is modulated towards equal eigenvalues", "the least trace loss"),
    kind="optimality",
    cases=FLOORS,
)
def test_floor(trial, dim: SmallDimension, steps: FewSteps):
    """Newton's iteration from $P = I$ replaces $P$ by $(3P − P³ S)/2$, $S = Σ/tr Σ$, $T$ times. The
    trace loss $∑_i ((Φ Σ Φ)_{i i} − 1)²$, $Φ = P/√(tr Σ)$, of $d × d$ covariances $Σ ≠ 0$ has the
    least value $d (1 − φ_T(1/d))²$, where $φ_T$ is $T$ steps of $h → h (3 − h)²/4$.
    """
    least, decrement, _ = least_trace_loss(trial.generator(), dim, steps)
    law = floor(dim, steps)
    # Its deficits of 1e-6 or more carry ten digits.
    trial.value(
        least,
        law,
        error=least * (10 * decrement + 1e-6),
        margin=1e-3 * law,
        instances="search",
        controls={"zero iff flat": 0.0, "one more step": floor(dim, steps + 1)},
    )


@claim(
    tried(
        "abstract: the spectrum is modulated towards equal eigenvalues",
        "that equal ones alone are best",
    ),
    kind="optimality",
    cases=FLOORS,
)
def test_flat_only(trial, dim: SmallDimension, steps: FewSteps):
    """Newton's iteration from $P = I$ replaces $P$ by $(3P − P³ S)/2$, $S = Σ/tr Σ$, $T ≥ 1$ times.
    Of all $d × d$ covariances, $d ≥ 2$, the trace loss $∑_i ((Φ Σ Φ)_{i i} − 1)²$, $Φ = P/√(tr Σ)$,
    is least only for multiples of $I$.
    """
    spectrum = least_trace_loss(trial.generator(), dim, steps)[2]
    correlated = np.append(np.full(dim - 1, 0.9), 1 + 0.1 * (dim - 1)) / dim
    trial.value(
        spectrum / spectrum.sum(),
        flat_shares(dim),
        error=1e-3 / dim,
        margin=0.01 / dim,
        instances="search",
        controls={"an equal diagonal is enough, correlations of .1": correlated},
    )


@claim(derived("the floor is attained"), kind="identity", cases=[(256, 4), (64, 4), (512, 1)])
def test_flat_spectrum(
    trial,
    width: Annotated[int, Interval(8, 512, why="a small one is searched; more take seconds")],
    steps: FewSteps,
):
    """Newton's iteration from $P = I$ replaces $P$ by $(3P − P³ S)/2$, $S = Σ/tr Σ$, $T$ times. For
    $d$ equal eigenvalues the trace loss $∑_i ((Φ Σ Φ)_{i i} − 1)²$, $Φ = P/√(tr Σ)$, is
    $d (1 − φ_T(1/d))²$ with $φ_T$ for $T$ steps of $h → h (3 − h)²/4$: 82 % of $d$ for $d = 256$
    and $T = 4$.
    """
    trial.identity(
        trace_loss(np.eye(width), steps),
        floor(width, steps),
        ops=10 * width,
        scale=width,
        controls={
            "small shares grow by 9/4 a step": width * (1 - initial_growth(steps) / width) ** 2,
            "nothing is whitened": width * (1 - 1 / width) ** 2,
        },
    )


@claim(
    derived("$H(h) ≤ 9h/4$ on $[0, 1]$, with equality in the limit $h → 0$"),
    kind="bound",
    cases=[1, 4, 30],
)
def test_slow_start(
    trial,
    steps: Annotated[
        int, Interval(1, 30, why="beyond, (9/4)^T λ stays small only for λ below 1e-12")
    ],
):
    """$T$ steps of Newton's whitening, $h → h (3 − h)²/4$, make an eigenvalue of at most
    $(9/4)^T λ$ from one with the share $λ$ of the trace, $0 < λ <= 1$.
    """
    shares = np.geomspace(1e-13, 1, 400)
    trial.bound(
        root_whitened(shares, steps) ** 2,
        initial_growth(steps) * shares,
        ops=8 * steps,
        instances="grid",
        controls={"doubles each step": 2.0**steps * shares},
    )


@predicted
def initial_growth(steps):
    """H'(0)^T."""
    return 2.25**steps


@claim(derived("boxes of $λ$, each enclosed"), kind="bound")
def test_slow_start__everywhere(trial):
    """$T$ steps of Newton's whitening, $h → h (3 − h)²/4$, make an eigenvalue of at most
    $(9/4)^T λ$ from one with the share $λ$ of the trace, for all $λ$ in $[0, 1]$ and $T$ from 1 to
    5.
    """

    def growth(share, steps):
        return Fraction(9, 4) ** steps * share

    def modulation_map(share, steps):
        for _ in range(steps):
            share = share * (3 - share) ** 2 / 4
        return share

    trial.prove(
        modulation_map,
        growth,
        {"share": (0, 1), "steps": range(1, 6)},
        controls={
            "doubles each step": lambda share, steps: 2**steps * share,
        },
        same_as=(
            lambda share, steps: root_whitened(share, steps) ** 2,
            lambda share, steps: initial_growth(steps) * share,
        ),
    )


@figure("F1", claims=("spectral_map", "slow_start"))
def modulation(most: int = 8):
    """Small eigenvalues need more steps: the whitened eigenvalue after $T = 1$, 2, 4, 8 steps
    against its share of the trace.

    Marks: lines: law $φ_T$; points: matrix iteration on one covariance with twelve eigenvalues;
    dashed: first-order growth $(9/4)^T λ$, which no eigenvalue exceeds.
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
