"""Saxe, McClelland & Ganguli 2014, "Exact solutions to the nonlinear dynamics of learning in deep
linear neural networks", ICLR, arXiv 1312.6120.

For whoever picks depth, initial weights and learning rate: what one more layer costs, and from
which starts it costs almost nothing.

Take away: in steps of the best learning rate any depth adds at most $s/u_0$ to the learning time of
two layers, if all depths start with the same product $u_0$. If all depths start with the same
layers $a < 1$, the time grows as $a^(-D)$.

The network is $W = W_D ... W_1$ without biases, the loss is $E|y - W x|²/2$, and weights follow its
gradient flow. Inputs are white, $E x xᵀ = 1$, unless a variance $σ²$ is given. The singular values
of $E y xᵀ$ are called $s$, or $λ$ if inputs are not white, and $u$ is the strength of $W$ on one of
these modes, with $u(0) = u_0$. A start is aligned if the layers pass each mode from one to the
next, and balanced if $W_(l+1)ᵀ W_(l+1) = W_l W_lᵀ$.

Edges: at $u_0 = 0$ nothing is learned. A mode that starts above $s$ decreases by the same law. From
random starts the modes are separate only in the limit of small weights, and only if their $s$
differ.

Paper: it solves the flow for decoupled modes, compares starts, and trains deep networks on MNIST.
An autoencoder with $L$ layers before a linear decoder is a network of $D = L + 1$ layers.

Abstract:

- Statement 1: the map is linear, but learning is not, and changes with each hidden layer. Holds:
  two_layers, deeper, conserved.
- Statement 2: there are long plateaus and then rapid transitions. Holds: plateau, transition.
- Statement 3: greedy unsupervised pretraining makes learning faster than random starts. In part:
  pretraining, finite_delay, exponential_wait. It makes layers orthogonal, and their product does
  not shrink with the depth.
- Statement 4: new exact solutions describe this. Holds: two_layers, deeper, infinite_depth.
- Statement 5: very deep networks are only a finite time behind shallow ones, from special starts.
  Holds: finite_delay, infinite_depth, curvature. The time is counted in steps of a learning rate
  that falls as $1/D$.
- Statement 6: pretraining finds such starts under conditions on the data, and scaled Gaussian
  weights are none. Holds at a smaller scale: pretraining, gaussian_typically. For one layer at a
  time and for square layers.
- Statement 7: random orthogonal weights learn in a time that does not depend on the depth. Holds:
  orthogonal_learning.
- Statement 8: they pass gradients faithfully through deep nonlinear networks at the edge of chaos.
  In part: edge_of_chaos. Backward, at the start: how the spread of squared singular values grows
  with the depth, against that of Gaussian weights.

Read: the abstract. Recalled: the laws of both depths and of infinite depth, the conserved
quantity, the best learning rate. Derived here: the bound of the delay, the law of orthogonal
starts, the random starts, and what is said of pretraining and of Gaussian weights. Not claimed:
discrete steps, MNIST.

Topic: learning.
"""

from functools import reduce
from itertools import pairwise
from typing import Annotated

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import digamma, expit

from paper_checks.briefs.common import apart, gradient, normal_nodes, orthonormal
from theory_on_trial import claim, derived, observed, predicted, recalled, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

WIDTH = 128
MODES = np.array([1.3, 0.7])
VARIANCES = np.array([0.7, 1.1])
TIMES = np.array([1.0, 2.0, 4.0, 8.0])
SOLVER_ERROR = 2e-9
"""Steps are accurate to 1e-11, take less than a hundred, and all that follows at most doubles what
they leave.
"""

Init = Annotated[
    float, Interval(0.01, 0.5, why="u_0; smaller ones have not left their plateau by the last time")
]
Layers = Annotated[
    int, Interval(2, 6, why="D; one layer has no plateau, more layers take longer to train")
]
Share = Annotated[
    float, Interval(0.005, 0.5, why="u_0/s; less has its limit at a greater depth, more is learned")
]
Ratio = Annotated[
    float, Interval(0.3, 0.7, why="s_2/s_1; nearer modes part only from far smaller starts")
]
Wide = Annotated[int, Interval(4, 20, why="n; products of narrower layers have heavy tails")]
Depth = Annotated[int, Interval(1, 6, why="D; products of more have heavy tails")]


def product(layers):
    """W_D ... W_1 of layers (…, D, n, n)."""
    return reduce(lambda so_far, layer: layer @ so_far, np.moveaxis(layers, -3, 0))


@observed
def slopes(layers, inputs, cross):
    """The gradient of the loss in all layers (…, D, n, n), by a backward pass."""
    ahead = [np.eye(layers.shape[-1])]
    for layer in np.moveaxis(layers, -3, 0):
        ahead.append(layer @ ahead[-1])
    back = ahead[-1] @ inputs - cross
    found = []
    for layer, before in zip(np.moveaxis(layers, -3, 0)[::-1], ahead[-2::-1], strict=True):
        found.append(back @ np.swapaxes(before, -1, -2))
        back = np.swapaxes(layer, -1, -2) @ back
    return np.stack(found[::-1], axis=-3)


@observed
def trained(layers, inputs, cross, times, decay=0.0):
    """The layers (times, D, n, n) under gradient flow, by Runge-Kutta steps of order 8; with weight
    decay, if any.
    """
    path = [layers]
    for start, end in pairwise([0.0, *times]):
        run = solve_ivp(
            lambda _, at: -(slopes(at.reshape(layers.shape), inputs, cross).ravel() + decay * at),
            (start, end),
            path[-1].ravel(),
            "DOP853",
            rtol=1e-11,
            atol=1e-13,
        )
        path.append(run.y[:, -1].reshape(layers.shape))
    return np.array(path[1:])


@observed
def crossings(generator, scale, modes, shares):
    """When the modes (k,) of two layers of k + 1 units reach shares (m,) of their strengths, from
    normal weights of a small size: times (k, m).
    """
    size = len(modes) + 1
    left, right = (orthonormal(generator, size) for _ in range(2))
    cross = (left[:, :-1] * modes) @ right[:, :-1].T
    start = scale * generator.normal(size=(2, size, size))
    end = 3 * np.log(1 / scale) / modes.min()

    def event(mode, share):
        def passes(_, at):
            strength = left[:, mode] @ product(at.reshape(start.shape)) @ right[:, mode]
            return strength - share * modes[mode]

        return passes

    path = solve_ivp(
        lambda _, at: -slopes(at.reshape(start.shape), np.eye(size), cross).ravel(),
        (0, end),
        start.ravel(),
        "DOP853",
        events=[event(mode, share) for mode in range(len(modes)) for share in shares],
        rtol=1e-10,
        atol=1e-10 * scale,
    )
    return np.array([found[0] for found in path.t_events]).reshape(len(modes), len(shares))


@observed
def chain_slopes(weights, strength):
    """The gradient of (s - w_1 ... w_D)²/2 in weights (…, D)."""
    end = np.prod(weights, axis=-1, keepdims=True)
    return -(strength - end) * end / weights


@observed
def chain_time(depth, first, strength, share=0.9):
    """When D weights with the product u_0 at first, all alike, have the product `share` times s."""

    def reached(_, weights):
        return np.prod(weights) - share * strength

    reached.terminal = True
    start = np.full(depth, first ** (1 / depth))
    path = solve_ivp(
        lambda _, weights: -chain_slopes(weights, strength),
        (0, 1e300),
        start,
        "DOP853",
        events=reached,
        rtol=1e-11,
        atol=1e-13,
    )
    return path.t[-1]


@observed
def chain_curvature(depth, strength):
    """The largest eigenvalue of the Hessian where D weights, all alike, have the product s."""
    at = np.full(depth, strength ** (1 / depth))
    return np.linalg.eigvalsh(gradient(lambda weights: chain_slopes(weights, strength), at))[-1]


@observed
def sharpest(layers, inputs, cross):
    """The largest eigenvalue of the Hessian of the loss in all layers, by complex steps."""
    size = layers.size
    hessian = gradient(lambda stack: slopes(stack, inputs, cross), layers).reshape(size, size)
    return np.linalg.eigvalsh(hessian)[-1]


@observed
def gaussian_layers(generator, count, depth, width):
    """Layers (count, D, n, n) of independent normal entries of variance 1/n."""
    return generator.normal(size=(count, depth, width, width)) / np.sqrt(width)


@observed
def log_strengths(generator, count, depth, width):
    """The mean logarithm of the singular values of products of D Gaussian layers."""
    maps = product(gaussian_layers(generator, count, depth, width))
    return np.mean(np.log(np.linalg.svd(maps, compute_uv=False)), axis=1)


@predicted
def sigmoid(times, first, strengths):
    """u(t) = s e^(2 s t) / (e^(2 s t) - 1 + s/u_0)."""
    grown = np.exp(2 * strengths * times)
    return strengths * grown / (grown - 1 + strengths / first)


@predicted
def time_to(strength, first, layers, covariance, variance):
    """The integral of da / (D a^(2 - 2/D) (λ - a σ²)) from a(0) to a, by partial fractions in
    (a σ²/λ)^(1/D), whose poles are the roots of unity.
    """
    roots = np.exp(2j * np.pi * np.arange(1, layers) / layers)

    def primitive(x):
        y = x ** (1 / layers)
        poles = np.log1p(-y) + np.sum(roots**2 * np.log(1 - y / roots)).real
        return (layers * y ** (2 - layers) / (2 - layers) if layers > 2 else np.log(x)) - poles

    end = covariance / variance
    rise = primitive(strength / end) - primitive(first / end)
    return end ** (2 / layers - 1) * rise / (layers * covariance)


@predicted
def strength_at(time, first, layers, covariance, variance):
    """a(t), the root of `time_to` in the logit of a σ²/λ; λ/σ² from where no digit differs on."""
    end = covariance / variance
    low = np.log(first / end) - np.log1p(-first / end)
    high = 33.0

    def early(logit):
        return time_to(end * expit(logit), first, layers, covariance, variance) - time

    if early(high) < 0:
        return end
    return end * expit(brentq(early, low, high, xtol=1e-13, rtol=1e-14))


@predicted
def time_of_infinite_depth(first, last, strength):
    """D t → [ln(u (s - u_0)/(u_0 (s - u))) + s/u_0 - s/u] / s²."""
    logs = np.log(last * (strength - first) / (first * (strength - last)))
    return (logs + strength / first - strength / last) / strength**2


@predicted
def time_of_two_layers(first, last, strength):
    """ln(u (s - u_0)/(u_0 (s - u))) / 2s."""
    return np.log(last * (strength - first) / (first * (strength - last))) / (2 * strength)


@predicted
def initial_differences(layers):
    """W_(l+1)ᵀ W_(l+1) - W_l W_lᵀ (D - 1, n, n) of the layers at the start."""
    return np.einsum("lij,lik->ljk", layers[1:], layers[1:]) - np.einsum(
        "lij,lkj->lik", layers[:-1], layers[:-1]
    )


@predicted
def wait_per_factor(strengths):
    """1/s for each factor e by which weights are smaller."""
    return 1 / strengths


@predicted
def rise_time(strengths, low=0.1, high=0.9):
    """The sigmoid's time between two shares of s, ln(high (1 - low)/(low (1 - high)))/2s."""
    return np.log(high * (1 - low) / (low * (1 - high))) / (2 * strengths)


@predicted
def largest_delay(share, last_share):
    """s/u_0 - s/u."""
    return 1 / share - 1 / last_share


@predicted
def rate_of_wait(layer):
    """ln(1/a)."""
    return -np.log(layer)


@predicted
def orthogonal_map(width):
    """A matrix with singular values 1: its Gram matrix."""
    return np.eye(width)


@predicted
def largest_curvature(layers, strength):
    """D s^(2 - 2/D)."""
    return layers * strength ** (2 - 2 / layers)


@predicted
def infinitely_deep(start, cross, time, mean="logarithmic"):
    """W at the time T = D t of infinitely many layers whose start has the product `start`:
    dW/dT = -P (M ∘ Pᵀ(W - E y xᵀ)Q) Qᵀ for W = P diag(σ) Qᵀ, with M_ij the logarithmic mean of σ_i²
    and σ_j².
    """

    def slope(_, at):
        now = at.reshape(start.shape)
        left, sizes, right = np.linalg.svd(now)
        squares = sizes**2
        gaps = np.subtract.outer(np.log(squares), np.log(squares))
        ratios = np.divide(np.expm1(gaps), gaps, out=np.ones_like(gaps), where=gaps != 0)
        means = squares * ratios
        if mean == "arithmetic":
            means = np.add.outer(squares, squares) / 2
        return -(left @ (means * (left.T @ (now - cross) @ right.T)) @ right).ravel()

    path = solve_ivp(slope, (0, time), start.ravel(), "DOP853", rtol=1e-11, atol=1e-13)
    return path.y[:, -1].reshape(start.shape)


@predicted
def mean_log_strength(depth, width):
    """D/2 times the mean of ψ(i/2) + log(2/n) over i = 1, …, n."""
    return depth / 2 * np.mean(digamma(np.arange(1, width + 1) / 2) + np.log(2 / width))


def aligned(generator, strengths, layers):
    """Aligned and balanced layers (D, n, n) of given strengths (n,), with the left and right
    vectors of the modes.
    """
    turns = [orthonormal(generator, len(strengths)) for _ in range(layers + 1)]
    values = strengths ** (1 / layers)
    built = np.stack([after * values @ before.T for before, after in pairwise(turns)])
    return built, turns[-1], turns[0]


def diagonals(rows):
    """Diagonal matrices, one for each row."""
    return np.stack([np.diag(row) for row in rows])


@claim(recalled("the strength of a mode of two layers"), kind="identity", cases=[0.05, 0.01, 0.5])
def test_two_layers(trial, init: Init):
    """From an aligned and balanced start, under gradient flow on white inputs, the strength $u$ of
    every mode of a two-layer linear network follows $u(t) = s e^(2 s t) / (e^(2 s t) - 1 + s/u_0)$,
    where $s$ is the mode's singular value and $u_0 = u(0)$.
    """
    generator = trial.generator("network")
    layers, left, right = aligned(generator, np.full(2, init), 2)
    cross = left * MODES @ right.T
    turned = layers.copy()
    turned[0] = orthonormal(generator, 2) @ turned[0]

    def strengths(start):
        return left.T @ product(trained(start, np.eye(2), cross, TIMES)) @ right

    exact = sigmoid(TIMES[:, None], init, MODES)
    one_layer = MODES + (init - MODES) * np.exp(-MODES * TIMES[:, None])
    trial.value(
        strengths(layers),
        diagonals(exact),
        error=SOLVER_ERROR,
        margin=1e-8,
        generic="the flow is analytic in its start",
        controls={
            "$e^(s t)$, half as fast": diagonals(sigmoid(TIMES[:, None] / 2, init, MODES)),
            "one layer": diagonals(one_layer),
        },
        control_processes={"not aligned": strengths(turned)},
    )


@claim(
    recalled("the strength of a mode of deeper networks"),
    kind="identity",
    cases=[(2, 0.05), (3, 0.05), (6, 0.2)],
)
def test_deeper(trial, layers: Layers, init: Init):
    """From an aligned and balanced start the strength $a$ of every mode of a linear network of $D$
    layers follows $da/dt = D a^(2 - 2/D) (λ - a σ²)$ under gradient flow, where $λ$ is the mode's
    covariance and $σ²$ the variance of its input.
    """
    start, left, right = aligned(trial.generator("network"), np.full(2, init), layers)
    inputs = right * VARIANCES @ right.T
    cross = left * MODES @ right.T
    measured = left.T @ product(trained(start, inputs, cross, TIMES)) @ right

    def law(depth, speed=1.0):
        return diagonals(
            [
                [
                    strength_at(speed * time, init, depth, mode, variance)
                    for mode, variance in zip(MODES, VARIANCES, strict=True)
                ]
                for time in TIMES
            ]
        )

    trial.value(
        measured,
        law(layers),
        error=SOLVER_ERROR,
        margin=1e-8,
        generic="the flow is analytic in its start",
        controls={
            "$D$ hidden layers, $D + 1$ in all": law(layers + 1),
            "without the factor $D$": law(layers, 1 / layers),
        },
    )


@claim(
    recalled("the differences of layers that the flow keeps"),
    kind="identity",
    cases=[(2, 0.5), (4, 0.3), (6, 0.7)],
)
def test_conserved(
    trial,
    layers: Layers,
    size: Annotated[
        float, Interval(0.3, 0.8, why="of the weights; smaller ones hardly move, larger are stiff")
    ],
):
    """Gradient flow on a linear network with layers $W_l$ keeps $W_(l+1)ᵀ W_(l+1) - W_l W_lᵀ$ as it
    was at the start, whatever inputs, outputs and weights are.
    """
    generator = trial.generator("network")
    start = size * generator.normal(size=(layers, 3, 3))
    root = generator.normal(size=(3, 3))
    inputs = root @ root.T / 3 + 0.1 * np.eye(3)
    cross = generator.normal(size=(3, 3))

    def differences(weights):
        after = weights[1:]
        before = weights[:-1]
        return np.swapaxes(after, 1, 2) @ after - before @ np.swapaxes(before, 1, 2)

    trial.value(
        differences(trained(start, inputs, cross, [2.0])[0]),
        initial_differences(start),
        error=1e-8,
        margin=1e-6,
        generic="the flow is analytic in starts, inputs and outputs",
        controls={"balanced in the end": np.zeros((layers - 1, 3, 3))},
        control_processes={
            "with weight decay": differences(trained(start, inputs, cross, [2.0], decay=0.1)[0])
        },
    )


SCALES = (1e-3, 1e-4, 1e-5, 1e-6)


def from_random_starts(trial, ratio, shares):
    """The modes, and when they reach shares from four sizes of one random start, (4, 2, m)."""
    modes = np.array([1.0, ratio])
    times = [crossings(trial.generator("start"), scale, modes, shares) for scale in SCALES]
    return modes, np.array(times)


@claim(
    derived("both layers grow as $e^(s t)$ from small random weights"),
    kind="limit",
    cases=[0.5, 0.3, 0.7, 0.4],
)
def test_plateau(trial, ratio: Ratio):
    """From small random weights of size $ε$, a mode of singular value $s$ of a two-layer linear
    network under gradient flow reaches half of its strength at a time that grows, as $ε → 0$, by
    $1/s$ for each factor $e$ by which $ε$ falls.
    """
    modes, times = from_random_starts(trial, ratio, [0.5])
    waits = np.diff(times[..., 0], axis=0) / np.log(10)
    law = wait_per_factor(modes)
    trial.value(
        waits[-1],
        law,
        error=np.abs(waits[-1] - waits[-2]) + 1e-6,
        margin=0.01 * law,
        generic="the times of the flow are analytic in its start, and so is their limit",
        controls={
            "$e^(2 s t)$, as their product": law / 2,
            "a wait that does not depend on $ε$": 0 * law,
        },
    )


@claim(
    derived("the sigmoid of decoupled modes"),
    kind="limit",
    cases=[0.5, 0.3, 0.7, 0.4],
)
def test_transition(trial, ratio: Ratio):
    """From small random weights of size $ε$, a mode of singular value $s$ of a two-layer linear
    network under gradient flow rises from 10 to 90 % of its strength in a time that tends to
    $ln(9)/s$ as $ε → 0$.
    """
    modes, times = from_random_starts(trial, ratio, [0.1, 0.9])
    rises = times[..., 1] - times[..., 0]
    law = rise_time(modes)
    trial.value(
        rises[-1],
        law,
        error=np.abs(rises[-1] - rises[-2]) + 1e-6,
        margin=0.01 * law,
        generic="the times of the flow are analytic in its start, and so is their limit",
        controls={"$e^(s t)$, half as fast": 2 * law, "one time for all modes": np.full(2, law[0])},
    )


@claim(
    recalled("the largest curvature, which bounds the learning rate"),
    kind="identity",
    cases=[(2, 1.3), (3, 0.4), (6, 3.0)],
)
def test_curvature(
    trial,
    layers: Layers,
    strength: Annotated[float, Interval(0.3, 3, why="s_1, in units of the second mode's")],
):
    """Where $D$ aligned and balanced layers of a linear network have learned all modes on white
    inputs, the largest eigenvalue of the Hessian of the loss is $D s^(2 - 2/D)$ of the strongest
    mode $s$.
    """
    modes = np.array([strength, 1.0])
    start, left, right = aligned(trial.generator("network"), modes, layers)
    law = largest_curvature(layers, modes.max())
    trial.identity(
        sharpest(start, np.eye(2), left * modes @ right.T),
        law,
        ops=1000 * layers,
        generic="the largest eigenvalue is analytic in the basis where it is single",
        controls={"as one layer": 1.0},
    )


@claim(
    recalled("the time of the infinitely deep limit"),
    kind="limit",
    cases=[(0.05, 1.0), (0.005, 0.6), (0.5, 2.0)],
)
def test_infinite_depth(
    trial,
    share: Share,
    strength: Annotated[float, Interval(0.5, 2, why="s; it scales time alone")],
):
    """If linear networks of $D$ layers start with the same strength $u_0$ of a mode of singular
    value $s$ at all depths, $D$ times their time to the strength $u$ tends to
    $[ln(u (s - u_0)/(u_0 (s - u))) + s/u_0 - s/u] / s²$.
    """
    depths = 2 ** np.arange(6, 12)
    first = share * strength
    last = 0.9 * strength
    law = time_of_infinite_depth(first, last, strength)
    trial.limit(
        np.array([depth * chain_time(depth, first, strength) for depth in depths]),
        depths,
        law,
        order=1,
        margin=0.005 * law,
        controls={
            "as two layers": 2 * time_of_two_layers(first, last, strength),
            "the start alone, $s/u_0$": 1 / (share * strength**2),
        },
    )


@claim(
    tried(
        "abstract: very deep networks incur only a finite delay",
        "the bound, in the unit of the curvature",
    ),
    kind="bound",
    cases=[(0.05, 1.0), (0.005, 0.6), (0.5, 2.0)],
)
def test_finite_delay(
    trial,
    share: Share,
    strength: Annotated[float, Interval(0.5, 2, why="s; the bound does not depend on it")],
):
    """In units of the inverse of the largest curvature a linear network of $D$ layers takes at most
    $s/u_0 - s/u$ longer than one of two to rise from the strength $u_0$ of a mode of singular value
    $s$ to $u$, for every $D$; this is attained as $D → ∞$.
    """
    depths = [2, 3, 4, 8, 32, 128, 512]
    first = share * strength
    times = [
        chain_time(depth, first, strength) * chain_curvature(depth, strength) for depth in depths
    ]
    delays = np.subtract(times, times[0])
    bound = largest_delay(share, 0.9)
    trial.bound(
        delays,
        np.full(len(depths), bound),
        instances="grid",
        ops=1e6,
        controls={"no delay": np.zeros(len(depths)), "$ln(s/u_0)$": np.log(1 / share)},
    )


@claim(derived("$1/a^(D - 2)$ is the slowness of the start"), kind="rate", cases=[0.5, 0.3, 0.8])
def test_exponential_wait(
    trial,
    layer: Annotated[
        float, Interval(0.3, 0.8, why="a; nearer to 1 the growth shows at greater depths only")
    ],
):
    """If each of $D$ layers of a linear network starts at $a < 1$, under gradient flow $D$ times
    the time to learn a mode of singular value 1 grows as $a^(-D)$.
    """
    depths = np.array([20, 30, 45, 68, 102])
    times = np.array([depth * chain_time(depth, layer**depth, 1.0) for depth in depths])
    law = rate_of_wait(layer)
    trial.order(
        times,
        depths,
        law,
        exponential=True,
        rounding=1e-6 * times,
        margin=0.01 * law,
        controls={"finite": 0.0},
    )


@claim(
    tried(
        "abstract: pretraining can find such initial conditions",
        "a linear autoencoder with tied starts",
    ),
    kind="identity",
    cases=[(3, 0.1), (2, 0.02), (6, 0.3)],
)
def test_pretraining(
    trial,
    width: Annotated[int, Interval(2, 6, why="one unit is ±1; more take longer")],
    size: Annotated[float, Interval(0.02, 0.5, why="of the weights; smaller ones take longer")],
):
    """A linear autoencoder $W_2 W_1$ with as many units as inputs, which gradient flow trains from
    small $W_2 = W_1ᵀ$ of full rank, ends with an orthogonal $W_1$ whatever the covariance of its
    inputs is, if it is positive definite.
    """
    generator = trial.generator("inputs")
    basis = orthonormal(generator, width)
    inputs = basis * np.linspace(0.5, 2, width) @ basis.T
    first = size * orthonormal(generator, width) * np.linspace(0.5, 1, width)

    def gram(second, covariance=inputs):
        learned = trained(np.stack([first, second]), covariance, covariance, [40.0])[0, 0]
        return learned.T @ learned

    flat = inputs - 0.5 * np.outer(basis[:, 0], basis[:, 0])

    trial.value(
        gram(first.T),
        orthogonal_map(width),
        error=1e-9,
        margin=1e-7,
        generic="the end of the flow is analytic in basis and start",
        controls={
            "it whitens the inputs": np.linalg.inv(inputs),
            "it has their covariance": inputs,
        },
        control_processes={
            "$W_2 = 2 W_1ᵀ$, not balanced": gram(2 * first.T),
            "inputs that lack a direction": gram(first.T, flat),
        },
    )


@claim(
    tried(
        "abstract: random orthogonal starts have depth independent learning times",
        "the flow in the limit of depth",
    ),
    kind="limit",
    cases=[(2, 0.5), (3, 1.0), (4, 2.0)],
)
def test_orthogonal_learning(
    trial,
    width: Annotated[int, Interval(2, 4, why="n; one unit is the chain; more take longer")],
    time: Annotated[float, Interval(0.2, 2, why="T; at 0 nothing has moved, later all is learned")],
):
    """If $D$ linear layers start random and orthogonal, the loss at the time $T/D$ of gradient flow
    tends, as $D → ∞$, to that of $W(T)$, which starts at their product and has
    $dW/dT = -P (M ∘ Pᵀ(W - E y xᵀ)Q) Qᵀ$, where $W = P diag(σ) Qᵀ$ and $M_{i j}$ is the logarithmic
    mean of $σ_i²$ and $σ_j²$.
    """
    generator = trial.generator("layers")
    depths = 2 ** np.arange(2, 8)
    start = orthonormal(generator, width)
    left, right = (orthonormal(generator, width) for _ in range(2))
    cross = left * np.linspace(1.4, 0.5, width) @ right

    def loss(maps):
        return np.sum((maps - cross) ** 2, axis=(-2, -1)) / 2

    maps = []
    for depth in depths:
        turns = np.stack([orthonormal(generator, width) for _ in range(depth - 1)])
        layers = np.concatenate([turns, [start @ product(turns).T]])
        maps.append(product(trained(layers, np.eye(width), cross, [time / depth])[0]))
    law = loss(infinitely_deep(start, cross, time))
    theories = {
        "one layer": loss(cross + (start - cross) * np.exp(-time)),
        "arithmetic means": loss(infinitely_deep(start, cross, time, mean="arithmetic")),
    }
    trial.limit(
        loss(np.array(maps)),
        depths,
        law,
        order=1,
        margin=0.002 * law,
        generic="the flow is analytic in its start, and so is its limit",
        controls=apart(theories, law, 0.006 * law),
        same_instance=True,
    )


GAUSSIAN = [(4, 6), (1, 4), (6, 20)]


@claim(
    tried(
        "abstract: scaled random Gaussian initializations cannot find such starts",
        "the mean logarithm of a singular value",
    ),
    kind="distribution",
    cases=GAUSSIAN,
)
def test_gaussian_typically(trial, layers: Depth, width: Wide):
    """The logarithm of a singular value of a product of $D$ layers $(n, n)$ of independent normal
    entries of variance $1/n$ is $D/2$ times the mean of $ψ(i/2) + log(2/n)$ over $i = 1, …, n$, on
    average, where $ψ$ is the digamma function.
    """
    law = mean_log_strength(layers, width)
    trial.mean(
        sampler=lambda generator, count: log_strengths(generator, count, layers, width),
        predict=law,
        law=Asymptotic(),
        margin=0.009 * abs(law),
        first=4096,
        most=10**6,
        controls={"1, as on average": 0.0, "$e^(-D/2)$, as for $n → ∞$": -layers / 2},
    )


@observed
def spread_through_layers(generator, count, gain, depth):
    """m_2/m_1² - 1 of the squared singular values of the Jacobian of D layers h = tanh(g W h) of
    width 128 with random orthogonal W, at an input of length √128: (count,).
    """
    found = []
    for _ in range(count):
        state = generator.normal(size=WIDTH)
        state *= np.sqrt(WIDTH) / np.linalg.norm(state)
        jacobian = np.eye(WIDTH)
        for _ in range(depth):
            weights = gain * orthonormal(generator, WIDTH)
            state = np.tanh(weights @ state)
            jacobian = (1 - state**2)[:, None] * (weights @ jacobian)
        squares = jacobian @ jacobian.T
        found.append(WIDTH * np.sum(squares**2) / np.trace(squares) ** 2 - 1)
    return np.array(found)


@predicted
def spreads_of_layers(gain, depth):
    """E tanh'(√q z)⁴/(E tanh'(√q z)²)² - 1 of each layer (D,), where q starts as g² and becomes
    g² E tanh²(√q z).
    """
    nodes, weights = normal_nodes(60, 1)
    variance = gain**2
    found = []
    for _ in range(depth):
        values = np.tanh(np.sqrt(variance) * nodes[:, 0])
        slopes_squared = (1 - values**2) ** 2
        found.append(weights @ slopes_squared**2 / (weights @ slopes_squared) ** 2 - 1)
        variance = gain**2 * (weights @ values**2)
    return np.array(found)


@claim(
    tried(
        "abstract: faithful propagation of gradients at the edge of chaos",
        "the spread of squared singular values in wide layers, by free products",
    ),
    kind="distribution",
    cases=[(1.0, 5), (1.05, 10), (0.9, 3)],
    tier="full",
)
def test_edge_of_chaos(
    trial,
    gain: Annotated[float, Interval(0.8, 1.2, why="g; the edge of chaos of tanh is 1")],
    depth: Annotated[int, Interval(1, 10, why="D; in more layers a width of 128 is not wide")],
):
    """Let $s$ be the singular values of the Jacobian of $D$ layers $tanh(g W h)$ of width 128 with
    random orthogonal $W$, at an input of length $√128$. With the mean $E$ over all of them,
    $E s⁴/(E s²)² - 1$ is, up to 3 %, the sum of $E f_l⁴/(E f_l²)² - 1$ over the layers, where
    $f_l = tanh'(√q_l z)$, $z$ is standard normal, $q_1 = g²$ and $q_(l+1) = g² E tanh²(√q_l z)$.
    """
    per_layer = spreads_of_layers(gain, depth)
    law = np.sum(per_layer)
    trial.mean(
        sampler=lambda generator, count: spread_through_layers(generator, count, gain, depth),
        predict=law,
        law=Asymptotic(),
        margin=0.05 * law,
        slack=0.03 * law,
        first=32,
        controls=apart(
            {
                "as for Gaussian weights, 1 more a layer": law + depth,
                "as if all layers had the first one's law": depth * per_layer[0],
            },
            law,
            0.06 * law,
        ),
    )


@figure("F1", claims=("finite_delay", "infinite_depth", "exponential_wait"))
def learning_times(share=0.05, layer=0.7):
    """Depth costs a finite time if the product at the start is kept, and an exponential one if the
    layers are.

    Time from $u_0$ to $.9 s$, in units of the inverse of the largest curvature, $s = 1$. Marks:
    lines: theory; points: all $D$ weights by Runge-Kutta.
    """
    fine = np.arange(2, 25)
    depths = np.array([2, 3, 4, 6, 8, 12, 16, 24])

    def theory(first):
        pairs = zip(fine, first, strict=True)
        return [depth * time_to(0.9, start, depth, 1.0, 1.0) for depth, start in pairs]

    def simulated(first):
        pairs = zip(depths, first, strict=True)
        return [chain_time(*pair, 1.0) * chain_curvature(pair[0], 1.0) for pair in pairs]

    kept = f"product u$_0$ = {share:g}"
    shrinking = f"each layer {layer:g}"
    return chart(
        {
            kept: (fine, theory(np.full(len(fine), share))),
            shrinking: (fine, theory(layer**fine)),
        },
        {
            kept: (depths, simulated(np.full(len(depths), share))),
            shrinking: (depths, simulated(layer**depths)),
        },
        levels={"infinite depth": time_of_infinite_depth(share, 0.9, 1.0)},
        x="layers D",
        y="time · largest curvature  (dimensionless)",
        log="y",
    )
