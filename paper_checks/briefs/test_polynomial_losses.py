"""Leng et al. 2022, "PolyLoss: A Polynomial Expansion Perspective of Classification Loss
Functions", ICLR, 2204.12511.

For whoever swaps cross entropy for Poly-1 or for a truncated series: what happens to early training
and to the probabilities.

P is the softmax probability of the label, Q = 1 - P. L_J is the sum of Q^j / j, j = 1..J; the focal
loss with exponent γ is -Q^γ log P; Poly-1 is -log P + ε Q. K is the number of classes, and p the
true posterior.

Read: the abstract ("naturally subsuming" cross entropy and focal loss "as special cases"). Derived
here: all else. Poly-1 is convex on the simplex for every ε, so that a stationary point is the
minimiser. Not claimed: the order of the probabilities and the inverse below ε = -1.

Topic: learning.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq, minimize

from theory_on_trial import abstract, claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Terms = Annotated[
    int,
    Interval(1, 60, why="a series has a term; beyond, all but the smallest P have no tail left"),
]
Early = Annotated[
    int,
    Interval(1, 12, why="a series has a term; beyond, it has all of the gradient at these logits"),
]
Focus = Annotated[
    float,
    Interval(0.1, 5, why="towards 0 the focal loss is cross entropy; larger ones leave no loss"),
]
Classes = Annotated[int, Interval(2, 8, why="one class has no loss; more are more of the same")]
Epsilon = Annotated[
    float, Interval(-1, 8, why="below -1 larger posteriors may get smaller probabilities")
]
Below = Annotated[
    float, Interval(-8, -1.05, why="where the least loss is at P below 1, and not just below")
]
Above = Annotated[float, Interval(-1, 8, why="where Poly-1 falls up to P = 1")]
PROBABILITIES = np.array([0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99])


def softmax(logits):
    """Probabilities of logits, along the last axis."""
    powers = np.exp(logits - np.max(logits.real, axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def poly1(probability, epsilon):
    """-log P + ε (1 - P)."""
    return -np.log(probability) + epsilon * (1 - probability)


def truncated(probability, terms):
    """L_J, the sum of Q^j / j."""
    return sum((1 - probability) ** j / j for j in range(1, terms + 1))


@observed
def tail_by_quadrature(terms):
    """What J terms leave of -log P: the integral of t^J / (1 - t) from 0 to Q, by 200 nodes of
    Gauss and Legendre.
    """
    nodes, weights = np.polynomial.legendre.leggauss(200)
    t = (1 - PROBABILITIES[:, None]) * (nodes + 1) / 2
    return (t**terms / (1 - t)) @ weights * (1 - PROBABILITIES) / 2


@observed
def gradient(loss, logits):
    """Gradient in the logits by complex steps."""
    return loss(logits + 1e-30j * np.eye(len(logits))).imag / 1e-30


@observed
def minimiser(posterior, epsilon):
    """The probabilities of least expected Poly-1 by search over logits, and the length of the
    gradient there.
    """

    def expected_loss(logits):
        return poly1(softmax(logits), epsilon) @ posterior

    def slope(logits):
        return gradient(expected_loss, logits)

    search = minimize(
        lambda z: expected_loss(z).real, np.log(posterior), jac=slope, method="BFGS", tol=1e-12
    )
    return softmax(search.x), np.linalg.norm(slope(search.x))


@observed
def best_probability(epsilon):
    """Where the slope of Poly-1, by a complex step, ceases to be negative, or 1."""

    def slope(probability):
        return poly1(probability + 1e-30j, epsilon).imag

    return 1.0 if slope(1.0) <= 0 else brentq(slope, 1e-3, 1, xtol=1e-14)


@predicted
def focal(gamma):
    """-Q^γ log P."""
    return -((1 - PROBABILITIES) ** gamma) * np.log(PROBABILITIES)


@predicted
def tail_bounds(terms):
    """Q^(J+1) / ((J+1) (1 - Q (J+1) / (J+2))), and Q^(J+1) / ((J+1) P)."""
    q = 1 - PROBABILITIES
    first = q ** (terms + 1) / (terms + 1)
    return first / (1 - q * (terms + 1) / (terms + 2)), first / PROBABILITIES


@predicted
def share_of_cross_entropy(probabilities, label, power):
    """(1 - Q^J) (softmax - label)."""
    return (1 - (1 - probabilities[label]) ** power) * (
        probabilities - np.eye(len(probabilities))[label]
    )


@predicted
def sharpened(posterior, epsilon):
    """q_k = p_k / (μ - ε p_k), with μ such that the q_k sum to one."""
    least = np.max(epsilon * posterior)
    mu = brentq(
        lambda m: np.sum(posterior / (m - epsilon * posterior)) - 1,
        least + 1e-9,
        least + 1.01,
        xtol=1e-15,
    )
    return posterior / (mu - epsilon * posterior)


@predicted
def corrected(probabilities, epsilon):
    """The posterior: q_k / (1 + ε q_k), normalised."""
    weights = probabilities / (1 + epsilon * probabilities)
    return weights / weights.sum()


@predicted
def least_of_poly1(epsilon):
    """1 for ε >= -1, else -1 / ε."""
    return 1.0 if epsilon >= -1 else -1 / epsilon


@claim(abstract("naturally subsuming"), kind="identity", cases=[(3, 2.0), (1, 0.1), (60, 5.0)])
def test_series(trial, terms: Terms, focus: Focus):
    """The focal loss is the sum of Q^(j + γ) / j, and the tail of -log P after J terms lies between
    two bounds.
    """
    tail, (lower, upper) = tail_by_quadrature(terms), tail_bounds(terms)
    total = (1 - PROBABILITIES) ** focus * (truncated(PROBABILITIES, terms) + tail)
    controls = {"powers not shifted": focal(0), "exponent 2 γ": focal(2 * focus)}
    trial.identity(total, focal(focus), ops=1000, controls=controls)
    first = upper * PROBABILITIES
    trial.bound(tail, upper, instances="grid", ops=100, controls={"first term": first})
    trial.bound(
        1 / tail, 1 / lower, instances="grid", ops=100, controls={"upper for lower": 1 / upper}
    )
    lower = lower[-1]
    least = first[-1]
    q = 1 - PROBABILITIES[-1]  # near P = 1 the lower bound is exact to order Q
    trial.value(
        tail[-1],
        lower,
        error=0,
        slack=q**2 * lower,
        margin=1.1 * q**2 * lower,
        controls={"first term": least},
    )


@claim(derived("derived: the sum of Q^(j-1) P"), kind="identity", cases=[(5, 2), (2, 1), (8, 12)])
def test_gradient(trial, classes: Classes, terms: Early):
    """The gradient of L_J in the logits is 1 - Q^J times that of cross entropy: at P = 1 / K little
    for small J.
    """
    logits = trial.generator("logits").normal(0, 0.3, classes)
    label = classes - 1
    measured = gradient(lambda z: truncated(softmax(z)[..., label], terms), logits)
    law = share_of_cross_entropy(softmax(logits), label, terms)
    controls = {
        f"J {n:+d}": share_of_cross_entropy(softmax(logits), label, terms + n) for n in (-1, 1)
    }
    trial.identity(measured, law, ops=1000, controls=controls)


@claim(
    derived("derived: the stationary point on the simplex"),
    kind="optimality",
    cases=[(3, 2.0), (2, -1.0), (8, 8.0)],
)
def test_poly1_calibration(trial, classes: Classes, epsilon: Epsilon):
    """Poly-1 is least at q_k = p_k / (μ - ε p_k), from which q_k / (1 + ε q_k), normalised,
    recovers p.
    """
    trial.require(
        abs(epsilon) >= 0.1, "ε must be .1 off 0, where Poly-1 is cross entropy and q = p"
    )
    weights = 1 + np.arange(classes) + trial.generator("posterior").uniform(0, 0.5, classes)
    posterior = weights / weights.sum()
    measured, slope = minimiser(posterior, epsilon)
    error = 100 * slope + 1e-13  # a curvature of .01 or more
    controls = {"q = p": posterior, "sign of ε": sharpened(posterior, -epsilon)}
    trial.value(
        measured, sharpened(posterior, epsilon), error=error, margin=1e-5, controls=controls
    )
    inverse = corrected(measured, epsilon)
    controls = {"no correction": measured}
    trial.value(posterior, inverse, error=10 * error, margin=1e-4, controls=controls)


@claim(
    derived("derived: the slope is -1 / P - ε"),
    kind="identity",
    cases=[(-2.0, -1.0), (-8.0, 8.0), (-1.05, 0.0)],
)
def test_monotone(trial, below: Below, above: Above):
    """Poly-1 falls in P up to 1 if ε >= -1, and is least at -1 / ε otherwise."""
    measured, law = (
        [least(epsilon) for epsilon in (below, above)]
        for least in (best_probability, least_of_poly1)
    )
    trial.identity(
        measured, law, ops=100, controls={"always at 1": [1.0, 1.0], "at half": [law[0] / 2, 0.5]}
    )


@figure("F1", claims=("poly1_calibration",))
def reliability(epsilons: tuple[float, ...] = (-1.0, 1.0, 2.0, 5.0)):
    """A network trained on Poly-1 is overconfident for positive ε and too cautious for negative ε.

    Two classes: fitted probability against the true posterior. Fitted: minimisers by search over
    logits.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(figsize=(5.4, 3.4))
    fine, coarse = (
        np.linspace(0.02, 0.98, points)[:, None] * [1, -1] + [0, 1] for points in (97, 13)
    )
    for epsilon, colour in zip(epsilons, COLOURS, strict=False):
        axes.plot(
            fine[:, 0],
            [sharpened(p, epsilon)[0] for p in fine],
            color=colour,
            label=f"ε = {epsilon:g}, theory",
        )
        fits = [minimiser(p, epsilon)[0][0] for p in coarse]
        axes.plot(
            coarse[:, 0], fits, "o", color=colour, mfc="none", label=f"ε = {epsilon:g}, fitted"
        )
    axes.axline((0, 0), slope=1, color=COLOURS[6], linestyle=":", label="calibrated")
    axes.set(xlabel="true probability of the class", ylabel="fitted probability")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig
