"""Lavington, Vaswani, Babanezhad, Schmidt & Le Roux 2023, "Target-based Surrogates for Stochastic
Optimization", ICML, arXiv 2302.02607.

For whoever has expensive gradients in the outputs and cheap model updates: how many inner steps to
take, and which $η$.

Take away: one inner step is gradient descent; infinitely many are a projection in the outputs,
which does not depend on the basis of the features. Where losses are flat, the largest $η$ that
still gives an upper bound is above $1/L$: it is 16 instead of 4 at a logistic target 8 units from
its boundary. With it 85 steps lead from 0 to a loss of .001, instead of 248.

Targets $z = f(θ)$ in $ℝ^n$ have an $L$-smooth loss $l(z)$. At $z_t$ the surrogate is
$g(θ) = l(z_t) + ∇l(z_t)·(f(θ) - z_t) + |f(θ) - z_t|^2 / (2 η)$, minimised by inner steps before the
next gradient is asked for. In the linear case $f = X θ$, $X = U diag(s) V'$ (thin), and $P$
projects on the range of $X$. The logistic loss is the sum of $log(1 + exp(-y z))$, whose $L$ is
1/4.

Edges: at $z = 0$ the logistic loss has its largest curvature, 1/4. If $X$ has dependent columns,
$P$ has a lower rank and all laws hold with it. With $η = 1/L$ a least-squares loss is at its
minimum after one outer step, and a ratio of later errors is 0/0.

Paper: it studies stochastic and deterministic surrogates in the outputs, with rates, for learning
and imitation. This page treats full gradients and a linear model.

Abstract:

- Sentences 1 to 4: functions with expensive gradients are minimised by surrogates in a space of
  targets. No statement.
- Sentence 5: with full gradients the surrogate is a global upper bound on the loss. In part:
  majorises, sharp_curvature. For logistic losses, at a larger $η$ than that of all smooth ones.
- Sentence 6: minimising it again and again converges to a stationary point. In part: rate,
  invariance. For linear models, at the surrogate's minimum.
- Sentence 7: the stochastic version is projected gradient descent in the target space. In part:
  inner_steps. With full gradients and linear models.
- Sentences 8 and 9: it has guarantees for convex losses, with any optimiser inside. Not on trial.
  Gradients are full here.
- Sentences 10 and 11: it helps in learning and imitation. Not on trial. Models are linear here.

Read: the abstract ("our surrogate is a global upper-bound on the loss", "projected stochastic
gradient descent in the target space"). Derived here: all laws. Not claimed: that descent needs a
surrogate above the loss, for it does not. Topic: learning.
"""

from fractions import Fraction
from functools import partial
from typing import Annotated

import numpy as np
from scipy.optimize import minimize_scalar

from paper_checks.briefs.common import orthonormal
from theory_on_trial import (
    balls,
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Targets = Annotated[
    int, Interval(2, 30, why="one target has no direction to lose; more are more of the same")
]
Weights = Annotated[
    int, Interval(1, 40, why="a model has a weight; it may have more of them than targets")
]
Eta = Annotated[
    float, Interval(0.1, 1.9, why="in units of 1 / L; from 2 on the outer iteration diverges")
]
Distance = Annotated[
    float,
    Interval(0.2, 12, why="least |z_i|; near 0 the law is the limit 4, far off losses vanish"),
]
OuterSteps = Annotated[
    int, Interval(1, 40, why="an iteration has a step; later ones change nothing")
]


def features(generator, targets, weights, lost=0):
    """X = U diag(s) V' with s from 1/2 to 2, of full rank less what is lost."""
    rank = max(1, min(targets, weights) - lost)
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
def above_tangent(labels, z, points):
    """By how much the logistic loss at each point (n, targets) is above its tangent at z."""
    value, gradient = logistic(labels, z)
    return logistic(labels, points)[0] - value - (points - z) @ gradient


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
    """tanh(|z| / 2) / (2 |z|), the reciprocal of the largest η that majorises; 1/4 at z = 0."""
    distance = np.maximum(np.abs(z), 1e-8)  # below, it is 1/4 to the last digit
    return np.tanh(distance / 2) / (2 * distance)


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
    left, s, _ = np.linalg.svd(x, full_matrices=False)
    left = left[:, s > 1e-10 * s[0]]
    return (1 - (1 - eta) ** (2 * np.arange(1, steps + 1))) * np.sum((left.T @ labels) ** 2) / 2


@predicted(about="outer_losses")
def descent_budget(smoothness, losses):
    """2 L (l_0 - l_T)."""
    return 2 * smoothness * (losses[0] - losses[1:])


@claim(
    derived("log cosh lies below its chord parabola"),
    kind="identity",
    cases=[2.0, 0.2, 12.0],
)
def test_sharp_curvature(trial, distance: Distance):
    """Let $l(u) = log(1 + e^{-u})$. For $z > 0$ the least $c$ with
    $l(u) <= l(z) + l'(z) (u - z) + c (u - z)²/2$ for all $u$ is $tanh(z/2)/(2z)$.
    """
    curvature = least_curvature(distance)
    trial.value(
        largest_curvature(distance),
        curvature,
        error=1e-9,
        margin=1e-6 * curvature,
        controls={"1 / 4 everywhere": 0.25, "$l''$ at $z$": 0.25 / np.cosh(distance / 2) ** 2},
    )


@claim(
    tried(
        "abstract, sentence 5: a global upper bound on the loss",
        "the largest $η$ for logistic losses",
    ),
    kind="bound",
    cases=[(5, 2.0), (2, 0.2), (30, 12.0)],
)
def test_majorises(trial, targets: Targets, distance: Distance):
    """The logistic loss $l$ of labels $±1$, at outputs $z_i ≠ 0$ with the labels' signs, has
    $l(u) <= l(z) + ∇l(z)·(u - z) + |u - z|²/(2 η)$ for all $u$ if
    $η <= min_i 2|z_i|/tanh(|z_i|/2)$, which exceeds $1/L = 4$.
    """
    generator = trial.generator("targets")
    far = distance * np.append(1, generator.uniform(1, 1.5, targets - 1))
    z = far * generator.choice([-1, 1], targets)
    labels = np.sign(z)
    points = z + generator.normal(size=(2000, targets)) * distance * generator.uniform(
        0, 3, (2000, 1)
    )
    points[0] = np.append(-z[0], z[1:])  # where loss and surrogate meet again
    square = np.sum((points - z) ** 2, axis=1) / 2
    trial.bound(
        above_tangent(labels, z, points),
        least_curvature(distance) * square,
        instances="draws",
        independent=1999,
        ops=10 * targets**2,
        scale=1 + np.max(np.abs(points)),
        controls={"by $l''$ at $z$": square / 4 / np.cosh(distance / 2) ** 2},
    )


@claim(
    tried(
        "abstract, sentence 7: projected descent in the target space",
        "$m$ steps, with full gradients",
    ),
    kind="identity",
    cases=[(12, 5, 3, 0.7, 0.3), (4, 9, 40, 1.5, 0.1)],
)
def test_inner_steps(
    trial,
    targets: Targets,
    weights: Weights,
    inner: Annotated[int, Interval(1, 1000, why="inner steps are taken one by one")],
    eta: Eta,
    share: Annotated[
        float, Interval(0.05, 0.95, why="of the largest stable inner step, 2 η / s_max^2")
    ],
):
    """For $z = X θ$ with $X = U diag(s) Vᵀ$, $m$ steps of size $α < 2 η/s_max²$ on the surrogate
    $∇l(z_t)·(z - z_t) + |z - z_t|²/(2 η)$ move $z$ by $-η U [1 - (1 - α s²/η)^m] Uᵀ ∇l(z_t)$, where
    the bracket is 1 for the surrogate's minimum.
    """
    generator = trial.generator("instance")
    x = features(generator, targets, weights)
    z, labels = generator.normal(size=(2, targets))
    gradient = squares(labels, z)[1]
    step = share * 2 * eta / np.linalg.norm(x, 2) ** 2
    measured = np.array(
        [inner_loop(x, z, gradient, eta, step, inner), inner_optimum(x, z, gradient, eta)]
    )
    last, limit = (after_inner_steps(x, z, gradient, eta, step, m) for m in (inner, np.inf))
    controls = {}
    if weights < targets:
        controls["not projected, $-η grad l$"] = np.stack([last, z - eta * gradient])
    else:
        along = x @ (x.T @ gradient)
        searched = z - eta * (gradient @ along) / (along @ along) * along
        controls["a line search along $X X' grad l$ is enough"] = np.stack([last, searched])
    if inner > 1:
        controls["$m$ steps of gradient descent at $z_t$"] = np.stack(
            [z - inner * step * x @ (x.T @ gradient), limit]
        )
    if np.abs(last - limit).max() > 1e-6:
        controls["converged"] = np.stack([limit, limit])
    trial.identity(
        measured,
        np.stack([last, limit]),
        ops=100 * targets,
        scale=10.0,
        generic="both sides are rational in the features, targets and labels",
        controls=controls,
    )


@claim(
    derived("$P$ is that of $X A$"),
    kind="identity",
    cases=[(12, 5, 0, 0.7, 2.0, 8), (4, 9, 0, 1.0, 4.0, 3), (6, 5, 2, 0.5, 1.0, 5)],
)
def test_invariance(
    trial,
    targets: Targets,
    weights: Annotated[
        int, Interval(2, 40, why="the basis of one weight is a scale, which a step size undoes")
    ],
    lost: Annotated[
        int, Interval(0, 3, why="columns that depend on others, of which some must not")
    ],
    eta: Eta,
    decades: Annotated[
        float, Interval(0.3, 4, why="log10 of the condition of A; beyond, rounding shows")
    ],
    outer: OuterSteps,
):
    """Outer steps to the minimum of the surrogate $∇l(z_t)·(z - z_t) + |z - z_t|²/(2 η)$ over
    $z = X θ$, from 0 and with $l = |z - y|²/2$, reduce $l$ by $|P y|² (1 - (1 - η)^(2t))/2$ in $t$
    steps for every basis of the features, with the projection $P$ on the range of $X$.
    """
    generator = trial.generator("instance")
    x = features(generator, targets, weights, lost)
    labels = generator.normal(size=targets)
    x_a = x @ (orthonormal(generator, weights) * np.logspace(0, decades, weights))
    step = eta / (2 * np.linalg.norm(x_a, 2) ** 2)
    updates = inner_optimum, partial(inner_loop, step=step, most=1)
    losses, steps = (
        outer_losses(squares, x_a, labels, eta, outer, update)[0] for update in updates
    )
    law = projected_gains(x, labels, eta, outer)
    scale = 10.0**decades * (1 + labels @ labels)
    rivals = {"gradient descent": steps[0] - steps[1:]}
    trial.identity(
        losses[0] - losses[1:],
        law,
        ops=10 * targets,
        scale=scale,
        generic="both sides are rational in the features, their basis and the labels",
        control_processes=rivals,
    )


@claim(
    tried("abstract, sentence 6: convergence to a stationary point", "the rate for linear models"),
    kind="bound",
    cases=[(12, 5, 6), (2, 1, 1), (6, 9, 3)],
)
def test_rate(trial, targets: Targets, weights: Weights, outer: OuterSteps):
    """Outer steps to the minimum of the surrogate $∇l(z_t)·(z - z_t) + L |z - z_t|²/2$ over
    $z = X θ$ have $sum_{t<T} |P ∇l(z_t)|² <= 2 L (l(z_0) - l(z_T))$ for every $L$-smooth $l$, with
    the projection $P$ on the range of $X$.
    """
    generator = trial.generator("instance")

    def sums_and_budgets():
        """Of one drawn model, the sums of squares of both losses over steps, and their budgets."""
        x = features(generator, targets, weights)
        labels = generator.normal(size=targets)
        cases = (logistic, 0.25, np.sign(labels)), (partial(squares, smoothness=0.5), 0.5, labels)
        runs = [
            (smoothness, *outer_losses(loss, x, y, 1 / smoothness, outer))
            for loss, smoothness, y in cases
        ]
        sums = np.concatenate([np.cumsum(moves) for _, _, moves in runs])
        budgets = [descent_budget(smoothness, losses) for smoothness, losses, _ in runs]
        return sums, np.concatenate(budgets)

    # Of 690 draws in all fewer than 1 % can fail.
    sums, budgets = np.swapaxes([sums_and_budgets() for _ in range(230)], 0, 1)
    trial.bound(
        sums,
        budgets,
        instances="draws",
        independent=230,
        controls={"the first order alone, $L (l_0 - l_T)$": budgets / 2},
        ops=10 * targets,
        scale=1.0 + 3.0 * targets,
    )


@claim(derived("boxes of $u$, each enclosed"), kind="bound")
def test_majorises__everywhere(trial):
    """With $l(u) = log(1 + e^{-u})$ and $c = tanh(z/2)/(2z)$,
    $l(u) <= l(z) + l'(z) (u - z) + c (u - z)²/2$ for all $u$ in $[-12, 12]$ and $z = 1, 2, 4, 8$,
    to $1e-9$.
    """

    def loss(u):
        return balls.log(1 + balls.exp(-u))

    def parabola(u, z, curvature):
        return loss(z) - (u - z) / (1 + balls.exp(z)) + curvature * (u - z) ** 2 / 2

    def law(u, z):
        return parabola(u, z, balls.tanh(Fraction(z, 2)) / (2 * z))

    def on_floats(u, z):
        value, slope = logistic(1.0, np.array([z]))
        return value + slope[0] * (u - z) + least_curvature(z) * (u - z) ** 2 / 2

    trial.prove(
        lambda u, z: loss(u),
        law,
        {"u": (-12, 12), "z": [1, 2, 4, 8]},
        tolerance=1e-9,
        controls={
            "by $l''$ at $z$": lambda u, z: parabola(
                u, z, 1 / (4 * balls.cosh(Fraction(z, 2)) ** 2)
            ),
        },
        same_as=(lambda u, z: logistic(1.0, np.array([u]))[0], on_floats),
    )


@claim(derived("boxes of $z$, each enclosed"), kind="bound")
def test_sharp_curvature__everywhere(trial):
    """The curvature $tanh(z/2)/(2z)$ of the least parabola above the logistic loss that touches it
    at $z$ is at most 1/4, the largest curvature of the loss, for all $z$ in $[.01, 50]$.
    """
    trial.prove(
        lambda z: balls.tanh(z / 2) / (2 * z),
        lambda z: Fraction(1, 4),
        {"z": (0.01, 50)},
        controls={"1/8, with the half of $c (u - z)²/2$ once more": lambda z: Fraction(1, 8)},
        same_as=(least_curvature, None),
    )


@figure("F1", claims=("inner_steps", "rate"))
def inner_steps_pay(targets: int = 12, weights: int = 5, outer: int = 25):
    """More inner steps per gradient lower the loss faster; their limit is a projection, which no
    choice of basis changes.

    Logistic loss of a linear model, twelve targets, singular values 2 to 1/2, $η = 1/L = 4$. Marks:
    $m$: inner steps a gradient; lines: recursion of the theory; points: runs.
    """
    generator = np.random.default_rng(0)
    x = features(generator, targets, weights)
    labels = np.sign(generator.normal(size=targets))
    step = 0.125
    lines = {}
    runs = {}
    for inner in (1, 3, 20, 1000):
        update = partial(inner_loop, step=step, most=inner)
        z = np.zeros(targets)
        line = []
        for _ in range(outer + 1):
            line.append(logistic(labels, z)[0])
            z = after_inner_steps(x, z, logistic(labels, z)[1], 4.0, step, inner)
        lines[f"m = {inner}"] = np.arange(outer + 1), line
        losses = outer_losses(logistic, x, labels, 4.0, outer, update)[0]
        runs[f"m = {inner}"] = np.arange(outer + 1), losses
    return chart(lines, runs, x="gradients asked for", y="loss")
