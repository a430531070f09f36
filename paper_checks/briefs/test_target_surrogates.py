"""Lavington et al. 2023, "Target-based Surrogates for Stochastic Optimization", ICML, arXiv
2302.02607.

For whoever has expensive gradients in the outputs and cheap model updates: how many inner steps to
take, and which η.

Targets z = f(θ) in R^n have an L-smooth loss l(z). At z_t the surrogate is g(θ) = l(z_t) + <grad
l(z_t), f(θ) - z_t> + |f(θ) - z_t|^2 / (2 η), minimised by inner steps before the next gradient is
asked for. In the linear case f = X θ, X = U diag(s) V' (thin), P = UU'. The logistic loss is the
sum of log(1 + exp(-y z)).

Read: the abstract ("our surrogate is a global upper-bound on the loss", "projected stochastic
gradient descent in the target space"). Derived here: all laws. Not claimed: that descent needs a
surrogate above the loss, for it does not. Topic: learning.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy.optimize import minimize_scalar

from theory_on_trial import abstract, claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Targets = Annotated[
    int, Interval(2, 30, why="one target has no direction to lose; more are more of the same")
]
Weights = Annotated[
    int, Interval(1, 40, why="a model has a weight; it may have more of them than targets")
]
Several = Annotated[
    int, Interval(2, 40, why="the basis of one weight is a scale, which a step size undoes")
]
Inner = Annotated[int, Interval(1, 1000, why="inner steps are taken one by one")]
Share = Annotated[
    float, Interval(0.05, 0.95, why="of the largest stable inner step, 2 η / s_max^2")
]
Eta = Annotated[
    float, Interval(0.1, 1.9, why="in units of 1 / L; from 2 on the outer iteration diverges")
]
Distance = Annotated[
    float,
    Interval(0.2, 12, why="least |z_i|; near 0 the law is the limit 4, far off losses vanish"),
]
Outer = Annotated[int, Interval(1, 40, why="an iteration has a step; later ones change nothing")]
Decades = Annotated[
    float, Interval(0.3, 4, why="log10 of the condition of A; beyond, rounding shows")
]


def features(generator, targets, weights):
    """X = U diag(s) V' with s from 1/2 to 2."""
    rank = min(targets, weights)
    left, right = (np.linalg.qr(generator.normal(size=(n, rank)))[0] for n in (targets, weights))
    return left * np.geomspace(2, 0.5, rank) @ right.T


def logistic(labels, z):
    """The loss, whose L is 1/4, and its gradient."""
    return np.sum(np.logaddexp(0, -labels * z), axis=-1), -labels / (1 + np.exp(labels * z))


def squares(labels, z, smoothness=1.0):
    """Least squares, whose L is the smoothness, and its gradient."""
    return smoothness * np.sum((z - labels) ** 2, axis=-1) / 2, smoothness * (z - labels)


@observed
def inner_loop(x, z, gradient, eta, step, most):
    """Targets after gradient steps on the surrogate of the linear model."""
    change = np.zeros(x.shape[1])
    for _ in range(most):
        change -= step * x.T @ (gradient + x @ change / eta)
    return z + x @ change


@observed
def inner_optimum(x, z, gradient, eta):
    """Targets at the minimum of the surrogate, by least squares in θ."""
    return z + x @ np.linalg.lstsq(x, -eta * gradient)[0]


@observed
def outer_losses(loss, x, labels, eta, steps, update=inner_optimum):
    """Losses from targets 0 on, and the squares of the moves divided by η."""
    z = np.zeros(len(labels))
    losses = []
    moves = []
    for _ in range(steps):
        value, gradient = loss(labels, z)
        before = z
        z = update(x, z, gradient, eta)
        losses = [*losses, value]
        moves = [*moves, np.sum((z - before) ** 2) / eta**2]
    return np.array([*losses, loss(labels, z)[0]]), moves


@observed
def largest_curvature(z):
    """The supremum over u of 2 (l(u) - l(z) - l'(z) (u - z)) / (u - z)^2 for one logistic target,
    by search.
    """

    def negative(u):
        value, slope = logistic(1.0, np.array([z]))
        return -2 * (logistic(1.0, np.array([u]))[0] - value - slope[0] * (u - z)) / (u - z) ** 2

    best = min(np.linspace(-2 * z - 2, z - 0.1, 400), key=negative)
    return -minimize_scalar(
        negative, bounds=(best - 0.1, best + 0.1), method="bounded", options={"xatol": 1e-9}
    ).fun


@predicted
def least_curvature(z):
    """tanh(|z| / 2) / (2 |z|), the reciprocal of the largest η that majorises, at most 1/4."""
    return np.tanh(np.abs(z) / 2) / (2 * np.abs(z))


@predicted
def after_inner_steps(x, z, gradient, eta, step, most):
    """Targets z - η U [1 - (1 - α s^2 / η)^m] U' grad l; for m infinite, the projection P alone."""
    left, s, _ = np.linalg.svd(x, full_matrices=False)
    return z - eta * left @ ((1 - (1 - step * s**2 / eta) ** most) * (left.T @ gradient))


@predicted
def projected_gains(x, labels, eta, steps):
    """What least squares from 0 have gained after t steps, |P y|^2 (1 - (1 - η)^(2 t)) / 2,
    whatever basis X has.
    """
    left = np.linalg.svd(x, full_matrices=False)[0]
    return (1 - (1 - eta) ** (2 * np.arange(1, steps + 1))) * np.sum((left.T @ labels) ** 2) / 2


@predicted
def descent_budget(smoothness, losses):
    """2 L (l_0 - l_T)."""
    return 2 * smoothness * (losses[0] - losses[1:])


@claim(
    abstract("our surrogate is a global upper-bound on the loss"),
    kind="bound",
    cases=[(5, 2.0), (2, 0.2), (30, 12.0)],
)
def test_majorises(trial, targets: Targets, distance: Distance):
    """For η <= 1/L the surrogate is above the loss; for logistic losses up to η = min 2|z_i| /
    tanh(|z_i| / 2).
    """
    generator = trial.generator("targets")
    z = (
        distance
        * np.append(1, generator.uniform(1, 1.5, targets - 1))
        * generator.choice([-1, 1], targets)
    )
    labels = np.sign(z)
    curvature = least_curvature(distance)
    controls = {"1 / 4 everywhere": 0.25, "l'' at z": 0.25 / np.cosh(distance / 2) ** 2}
    trial.value(
        largest_curvature(distance),
        curvature,
        error=1e-9,
        margin=1e-6 * curvature,
        controls=controls,
    )
    points = z + generator.normal(size=(2000, targets)) * distance * generator.uniform(
        0, 3, (2000, 1)
    )
    points[0] = np.append(-z[0], z[1:])  # where loss and surrogate meet again
    value, gradient = logistic(labels, z)
    excess = logistic(labels, points)[0] - value - (points - z) @ gradient
    above = curvature * np.sum((points - z) ** 2, axis=1) / 2
    options = {
        "instances": "draws",
        "independent": 1999,
        "ops": 10 * targets**2,
        "scale": 1 + np.max(np.abs(points)),
    }
    trial.bound(excess, above, controls={"η a tenth larger": above / 1.1}, **options)


@claim(
    derived("derived: a linear recursion"),
    kind="identity",
    cases=[(12, 5, 3, 0.7, 0.3), (4, 9, 40, 1.5, 0.1)],
)
def test_inner_steps(
    trial, targets: Targets, weights: Weights, inner: Inner, eta: Eta, share: Share
):
    """After m inner steps z moves by -η U [1 - (1 - α s^2 / η)^m] U' grad l; m = 1 is gradient
    descent.
    """
    generator = trial.generator("instance")
    x, (z, labels) = features(generator, targets, weights), generator.normal(size=(2, targets))
    gradient = squares(labels, z)[1]
    step = share * 2 * eta / np.linalg.norm(x, 2) ** 2
    measured = np.array(
        [inner_loop(x, z, gradient, eta, step, inner), inner_optimum(x, z, gradient, eta)]
    )
    *before, last, limit = (
        after_inner_steps(x, z, gradient, eta, step, m) for m in (inner - 1, inner, np.inf)
    )
    law = np.stack([last, limit])
    moving = np.abs(before - last).max() > 1e-6
    controls = {"half the η": (law + z) / 2} | (
        {"m - 1": np.stack([*before, limit])} if moving else {}
    )
    trial.identity(measured, law, ops=100 * targets, scale=10.0, controls=controls)


@claim(
    derived("derived: P is that of X A"),
    kind="identity",
    cases=[(12, 5, 0.7, 2.0, 8), (4, 9, 1.0, 4.0, 3)],
)
def test_invariance(
    trial, targets: Targets, weights: Several, eta: Eta, decades: Decades, outer: Outer
):
    """At the inner optimum the losses of X A are those of X; least squares with η = 1/L ends in one
    step.
    """
    generator = trial.generator("instance")
    x = features(generator, targets, weights)
    labels = generator.normal(size=targets)
    x_a = x @ (
        np.linalg.qr(generator.normal(size=(weights, weights)))[0]
        * np.logspace(0, decades, weights)
    )
    step = eta / (2 * np.linalg.norm(x_a, 2) ** 2)
    updates = inner_optimum, partial(inner_loop, step=step, most=1)
    losses, steps = (
        outer_losses(squares, x_a, labels, eta, outer, update)[0] for update in updates
    )
    law = projected_gains(x, labels, eta, outer)
    scale = 10.0**decades * (1 + labels @ labels)
    rivals = {"gradient descent": steps[0] - steps[1:]}
    trial.identity(
        losses[0] - losses[1:], law, ops=10 * targets, scale=scale, control_processes=rivals
    )


@claim(
    derived("derived: the surrogate falls by η |P grad l|^2 / 2"),
    kind="bound",
    cases=[(12, 5, 20), (2, 1, 1)],
)
def test_rate(trial, targets: Targets, weights: Weights, outer: Outer):
    """With η = 1/L and f linear, the sum of |P grad l(z_t)|^2, t < T, is at most 2 L (l_0 - l_T): l
    never rises.
    """
    generator = trial.generator("instance")
    x = features(generator, targets, weights)
    labels = generator.normal(size=targets)
    cases = (logistic, 0.25, np.sign(labels)), (partial(squares, smoothness=0.5), 0.5, labels)
    runs = [
        (smoothness, *outer_losses(loss, x, y, 1 / smoothness, outer))
        for loss, smoothness, y in cases
    ]
    sums = np.concatenate([np.cumsum(moves) for _, _, moves in runs])
    budgets = np.concatenate([descent_budget(smoothness, losses) for smoothness, losses, _ in runs])
    options = {"ops": 10 * targets, "scale": 1.0 + labels @ labels + targets}
    trial.bound(sums, budgets, instances="grid", controls={"L (l_0 - l_T)": budgets / 2}, **options)


@figure("F1", claims=("inner_steps", "rate"))
def inner_steps_pay(targets: int = 12, weights: int = 5, outer: int = 25):
    """More inner steps for one gradient lower the loss faster, up to a projection that no basis can
    spoil.

    Logistic loss of a linear model, twelve targets, singular values 2 to 1/2, η = 1/L = 4. Marks:
    m: inner steps a gradient; lines: recursion of the theory; points: runs.
    """
    import matplotlib.pyplot as plt

    generator = np.random.default_rng(0)
    x = features(generator, targets, weights)
    labels = np.sign(generator.normal(size=targets))
    step = 0.125
    fig, axes = plt.subplots(figsize=(6.2, 3.2))
    for inner, colour in zip((1, 3, 20, 1000), COLOURS, strict=False):
        runs = outer_losses(
            logistic, x, labels, 4.0, outer, partial(inner_loop, step=step, most=inner)
        )[0]
        z = np.zeros(targets)
        line = []
        for _ in range(outer + 1):
            line.append(logistic(labels, z)[0])
            z = after_inner_steps(x, z, logistic(labels, z)[1], 4.0, step, inner)
        axes.plot(line, color=colour, label=f"m = {inner}, theory")
        axes.plot(runs, "o", color=colour, mfc="none", label=f"m = {inner}, run")
    axes.set(xlabel="gradients asked for", ylabel="loss")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig
