"""He, Zhang, Ren & Sun 2015, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on
ImageNet Classification", ICCV, arXiv 1502.01852.

For whoever picks scale, width and depth of an unnormalised network: the mean of its activations
says "stable", while their law says how often they are not.

Take away: fifty ReLU layers of width 100 with He's scale keep the mean square of activations on
average, but the typical network shrinks it to .28. A layer of two units is dead for one input in
four.

The layers are $h_0 = x$, $h_l = φ(W_l h_(l-1))$ without biases, $φ(t) = t$ above 0 and $a t$ below;
$W_l$ is $n_l × n_(l-1)$ with independent entries of mean 0 and variance $s_l$. He's choice is
$s_l = 2 / ((1 + a^2) n_(l-1))$, Xavier's $1 / n_(l-1)$. $|x|$ is the length of $x$, and
$c = 6 (1 + a^4) / (1 + a^2)^2$, so that $c = 6$ for ReLU and 3 without a kink.

Edges: at $a = 1$ and $a = -1$ there is no kink, $c = 3$, and nothing is ever dead. The fourth
moments are heavy-tailed: if the sum of $(c - 1)/n_l$ exceeds 2, samples of usual size do not show
them. A smooth activation is not homogeneous: $E gelu(z)^2$ is .4252 for a standard normal $z$, not
1/2.

Paper: it derives the scale for rectifiers, learns the slope $a$, and trains deep networks on
ImageNet. This page says what the scale does to the first forward and backward pass.

Abstract:

- Sentence 3: a rectifier with a slope is proposed. No statement.
- Sentence 4: a slope that is learned improves the fit at next to no cost. Not on trial. Slopes are
  fixed here.
- Sentence 5: a robust initialisation is derived that considers the rectifier. No statement.
- Sentence 6: it allows to train extremely deep networks from scratch. In part: second_moment,
  backward, typical_size, dead. The mean squares of signals and gradients are kept at any depth;
  typical sizes still shrink, and nothing is trained.
- Sentences 7 and 8: the error on ImageNet is below that of people. Not on trial. It needs ImageNet.

Read: the abstract; the paper's argument about variances is recalled. Derived here: all laws, exact
at any widths. The first needs weights of a symmetric law only, the second besides that their
kurtosis is 3, so that both can be enumerated over weights of three values; the others need Gaussian
weights. Not claimed: smooth activations. Topic: learning.
"""

import itertools
from functools import partial
from typing import Annotated

import numpy as np
from scipy.special import digamma
from scipy.stats import binom

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    recalled,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

FewUnits = Annotated[
    int, Interval(1, 3, why="a layer has a unit; all weights of three values are listed")
]
Width = Annotated[
    int, Interval(2, 6, why="a single ReLU unit is dead half the time; wider layers take longer")
]
Slope = Annotated[
    float, Interval(-0.9, 0.9, why="without a kink, at -1 and 1, all choices of the scale agree")
]
WideUnits = Annotated[
    int, Interval(3, 6, why="fewer units hardly add up to more than random signs do")
]
Kinked = Annotated[
    float, Interval(-0.9, 0.25, why="with a smaller kink the readout hardly matters")
]
LISTED = [(2, 2, 2, 0.0), (1, 3, 2, -0.4), (2, 1, 1, -0.4), (1, 2, 1, 0.0)]
MOST_WEIGHTS = (
    "inputs * first + first * second must be at most 10: all 3^weights networks are listed"
)


def rectified(t, a):
    """The activation φ."""
    return np.where(t > 0, t, a * t)


def he_variances(widths, a):
    """s_l = 2 / ((1 + a^2) n_(l-1))."""
    return 2 / ((1 + a**2) * np.array(widths[:-1]))


@observed
def preactivations(weights, x, a):
    """W_l h_(l-1) of many networks at one input, layer by layer."""
    before = []
    layer = np.broadcast_to(x, (len(weights[0]), len(x)))
    for w in weights:
        before.append(np.einsum("nij,nj->ni", w, layer))
        layer = rectified(before[-1], a)
    return before


@observed
def gaussian_weights(generator, n, widths, variances):
    """Weights of n networks."""
    shapes = zip(widths[1:], widths[:-1], variances, strict=True)
    return [np.sqrt(s) * generator.normal(size=(n, rows, columns)) for rows, columns, s in shapes]


@observed
def enumerated_powers(widths, variances, x, a):
    """E|h_L|^2 and E|h_L|^4 over all weights of values 0 and +-sqrt(3 s), whose kurtosis is 3."""
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    values = np.array(
        list(itertools.product([-1, 0, 1], repeat=sum(rows * columns for rows, columns in shapes)))
    )
    parts = np.split(values, np.cumsum([rows * columns for rows, columns in shapes])[:-1], axis=1)
    weights = [
        np.sqrt(3 * s) * part.reshape(-1, *shape)
        for s, part, shape in zip(variances, parts, shapes, strict=True)
    ]
    squares = np.sum(rectified(preactivations(weights, x, a)[-1], a) ** 2, axis=1)
    chances = np.prod(np.where(values == 0, 2 / 3, 1 / 6), axis=1)
    return np.sum(chances * squares), np.sum(chances * squares**2)


@observed
def gradient_squares(generator, n, widths, variances, x, a, readout=None):
    """|gradient in x of v h_L|^2 of n networks, by a backward pass; v holds random signs unless it
    is given.
    """
    weights = gaussian_weights(generator, n, widths, variances)
    back = generator.choice([-1.0, 1.0], (n, widths[-1])) if readout is None else readout
    for w, before in zip(weights[::-1], preactivations(weights, x, a)[::-1], strict=True):
        back = np.einsum("nij,ni->nj", w, back * np.where(before > 0, 1.0, a))
    return np.sum(back**2, axis=1)


def drawn_inputs(trial, widths):
    """Inputs (k, n_0), most of them of small networks: 690 in all cases of `LISTED` together."""
    few = widths[0] * widths[1] + widths[1] * widths[2] <= 4
    return trial.generator("input").normal(size=(300 if few else 45, widths[0]))


@predicted
def mean_square(widths, variances, x, a):
    """|x|^2 times the product of s_l n_l (1 + a^2) / 2."""
    return np.sum(x**2) * np.prod(np.array(variances) * widths[1:] * (1 + a**2) / 2)


@predicted
def fluctuation(widths, a, c=None):
    """E|h_L|^4 / (E|h_L|^2)^2, the product of 1 + (c - 1) / n_l."""
    c = 6 * (1 + a**4) / (1 + a**2) ** 2 if c is None else c
    return np.prod(1 + (c - 1) / np.array(widths[1:]))


@predicted
def alive(widths):
    """The chance that a ReLU layer is never dead as a whole, the product of 1 - 2^-n_l."""
    return np.prod(1 - 2.0 ** -np.array(widths[1:]))


@predicted
def typical_logarithm(n):
    """e(n): the mean of log |h_l|^2 / E|h_l|^2 for one ReLU layer that is alive, the sum over k of
    P(k units are on) [ψ(k/2) + log 2], plus log(2/n).
    """
    k = np.arange(1, n + 1)
    chances = binom.pmf(k, n, 0.5) / -np.expm1(-n * np.log(2))
    return chances @ (digamma(k / 2) + np.log(2)) + np.log(2 / n)


@predicted
def mean_gradient(widths, variances, a):
    """n_0 times the product of s_l n_l (1 + a^2) / 2, for a random readout."""
    return widths[0] * np.prod(np.array(variances) * widths[1:] * (1 + a**2) / 2)


@predicted
def gradient_of_sum(widths, variances, a):
    """One layer, v = (1, .., 1): besides, s (1 - a)^2 n_1 (n_1 - 1) / (2 π)."""
    return mean_gradient(widths, variances, a) + variances[0] * (1 - a) ** 2 * widths[1] * (
        widths[1] - 1
    ) / (2 * np.pi)


@claim(
    recalled("section 2.2, the variance of a forward pass"),
    kind="identity",
    cases=LISTED,
)
def test_second_moment(trial, inputs: FewUnits, first: FewUnits, second: FewUnits, slope: Slope):
    """A network has layers $h_l = φ(W_l h_(l-1))$ of widths $n_l$, $h_0 = x$, with $φ(t) = t$ above
    0 and $a t$ below, and independent weights of variance $s_l$. For every symmetric law of the
    weights $E|h_L|² = |x|² ∏_l s_l n_l (1 + a²)/2$.
    """
    trial.require(inputs * first + first * second <= 10, MOST_WEIGHTS)
    widths = (inputs, first, second)
    points = drawn_inputs(trial, widths)
    variances = he_variances(widths, slope)
    measured = np.array([enumerated_powers(widths, variances, x, slope)[0] for x in points])
    law = np.array([mean_square(widths, variances, x, slope) for x in points])
    controls = {"Xavier's scale keeps it": law * ((1 + slope**2) / 2) ** 2}
    # NumPy adds 3^10 positive terms by halves, down to 128 in eight sums: 28 roundings. A network
    # and its chance have some 30, and the rest is room.
    trial.identity(measured, law, ops=1000, independent=len(points), controls=controls)


@claim(
    derived("$E φ(z)^4 = 3 (1 + a^4) / 2$"),
    kind="identity",
    cases=LISTED,
)
def test_fluctuations(trial, inputs: FewUnits, first: FewUnits, second: FewUnits, slope: Slope):
    """A network has layers $h_l = φ(W_l h_(l-1))$ of widths $n_l$, $h_0 = x$, with $φ(t) = t$ above
    0 and $a t$ below, and independent weights of variance $s_l$. For symmetric weights of kurtosis
    3, $E|h_L|⁴/(E|h_L|²)²$ is the product of $1 + (c - 1)/n_l$ with $c = 6 (1 + a⁴)/(1 + a²)²$.
    """
    trial.require(inputs * first + first * second <= 10, MOST_WEIGHTS)
    widths = (inputs, first, second)
    points = drawn_inputs(trial, widths)
    variances = he_variances(widths, slope)
    powers = np.array([enumerated_powers(widths, variances, x, slope) for x in points])
    square, fourth = powers.T
    controls = {"$c = 3$, as of a normal law": fluctuation(widths, slope, 3)}
    # NumPy adds 3^10 positive terms by halves, down to 128 in eight sums: 28 roundings. A network
    # and its chance have some 30, and powers and the rest are room.
    trial.identity(
        fourth / square**2,
        fluctuation(widths, slope),
        ops=1000,
        independent=len(points),
        controls=controls,
    )


@observed
def alive_and_logarithm(generator, n, widths):
    """Whether n ReLU networks with He's scale are alive, and log |h_L|^2 / E|h_L|^2 where they are,
    else 0, shape (n, 2).
    """
    weights = gaussian_weights(generator, n, widths, he_variances(widths, 0))
    last = rectified(preactivations(weights, np.ones(1), 0)[-1], 0)
    squares = np.sum(last**2, axis=1) / widths[-1]
    return np.stack([squares > 0, np.log(np.where(squares > 0, squares, 1))], axis=1)


@claim(
    derived("a layer of $n_l$ units is dead with chance $2^{-n_l}$"),
    kind="distribution",
    cases=[(2, 3), (5, 4)],
)
def test_dead(trial, first: Width, second: Width):
    """A ReLU network with layers of $n_l$ units and symmetric continuous weights has the output 0
    for a given input $x ≠ 0$ with the chance $1 - ∏_l (1 - 2^{-n_l})$.
    """
    widths = (1, first, second)
    dead = 1 - alive(widths)
    trial.probability(
        sampler=lambda generator, n: 1 - alive_and_logarithm(generator, n, widths)[:, 0],
        predict=dead,
        margin=0.04 * dead,
        controls={"the last layer alone": 2.0**-second},
        first=4096,
        most=10**6,
    )


@claim(
    derived("$|h_l|^2 / |h_(l-1)|^2$ are independent"),
    kind="distribution",
    cases=[(2, 3), (6, 4)],
)
def test_typical_size(trial, first: Width, second: Width):
    """A ReLU network with Gaussian weights has layers of $n_l$ units and the output $h$. Given
    $h ≠ 0$, $log(|h|²/E|h|²)$ has the mean $∑_l e(n_l)$, where $e(n)$ is $log(2/n)$ plus the mean
    of $ψ(k/2) + log 2$ over the number $k$ of units that are on, given $k > 0$, and $ψ$ is the
    digamma function.
    """
    widths = (1, first, second)
    # The chance of being alive is a factor of both sides; to 3 %: 1 % takes nine times the draws.
    law = alive(widths) * (typical_logarithm(first) + typical_logarithm(second))
    lognormal = -np.log(fluctuation(widths, 0)) / 2
    trial.mean(
        sampler=lambda generator, n: alive_and_logarithm(generator, n, widths)[:, 1],
        predict=law,
        law=Asymptotic(),
        margin=0.03 * abs(law),
        controls={"log-normal with these moments": alive(widths) * lognormal},
        first=4096,
        most=10**6,
    )


def backward_setting(trial, inputs, first, second, slope):
    """Widths, an input and He's variances."""
    widths = (inputs, first, second)
    return widths, trial.generator("input").normal(size=inputs), he_variances(widths, slope)


@claim(
    tried(
        "section 2.2, the variance of a backward pass, as recalled",
        "exact at any widths, without independence",
    ),
    kind="identity",
    cases=[(3, 6, 5, 0.25), (1, 3, 3, 0.0)],
)
def test_backward(trial, inputs: FewUnits, first: WideUnits, second: WideUnits, slope: Kinked):
    """A network has layers $h_l = φ(W_l h_(l-1))$ of widths $n_l$, $h_0 = x$, with $φ(t) = t$ above
    0 and $a t$ below, and independent weights of variance $s_l$. The gradient $g$ of $v·h_L$ in $x$
    has $E|g|² = n_0 ∏_l s_l n_l (1 + a²)/2$ at every $x$, for a readout $v$ of independent random
    signs and Gaussian weights.
    """
    widths, x, variances = backward_setting(trial, inputs, first, second, slope)
    law = mean_gradient(widths, variances, slope)
    # Products of squares: for 1 % ten million networks would be drawn.
    trial.mean(
        sampler=partial(gradient_squares, widths=widths, variances=variances, x=x, a=slope),
        predict=law,
        law=Asymptotic(),
        margin=0.04 * law,
        controls={"Xavier's scale keeps it": law * ((1 + slope**2) / 2) ** 2},
        first=4096,
        most=10**6,
    )


@claim(
    derived("$E φ'(z) z$ of a unit and of another one do not cancel"),
    kind="identity",
    cases=[(3, 6, 0.25), (1, 3, 0.0)],
)
def test_sum_of_units(trial, inputs: FewUnits, first: WideUnits, slope: Kinked):
    """A layer $φ(W x)$ has $φ(t) = t$ above 0 and $a t$ below, and independent $N(0, s)$ entries in
    $W$ $(n_1, n_0)$. The gradient of the sum of its units in $x$ has the mean square length
    $s n_1 [n_0 (1 + a²)/2 + (1 - a)² (n_1 - 1)/(2π)]$.
    """
    widths, x, variances = backward_setting(trial, inputs, first, first, slope)
    options = {"widths": widths[:2], "variances": variances[:1], "x": x, "a": slope}
    law = gradient_of_sum(widths[:2], variances[:1], slope)
    trial.mean(
        sampler=partial(gradient_squares, readout=np.ones(first), **options),
        predict=law,
        law=Asymptotic(),
        margin=0.03 * law,
        controls={"as for random signs": mean_gradient(widths[:2], variances[:1], slope)},
        first=4096,
        most=10**6,
    )


@claim(derived("boxes of $a$, each enclosed"), kind="bound")
def test_fluctuations__everywhere(trial):
    """A layer $h$ of $n$ units with the slope $a$ below 0 has $E|h|⁴/(E|h|²)² = 1 + (c - 1)/n$ with
    $c = 6 (1 + a⁴)/(1 + a²)²$. For all $a$ in $[-10, 10]$, $c$ is at least 3, its value without a
    kink, to $1e-9$.
    """

    def law(a):
        return 6 * (1 + a**4) / (1 + a**2) ** 2

    trial.prove(
        lambda a: 3,
        law,
        {"a": (-10, 10)},
        tolerance=1e-9,
        controls={"$c$ without its factor 6": lambda a: law(a) / 6},
        same_as=(None, lambda a: fluctuation([1, 1], a)),
    )


@claim(derived("boxes of $a$, each enclosed"), kind="bound")
def test_relu_fluctuates_most__everywhere(trial):
    """A layer $h$ of $n$ units with the slope $a$ below 0 has $E|h|⁴/(E|h|²)² = 1 + (c - 1)/n$ with
    $c = 6 (1 + a⁴)/(1 + a²)²$. For all $a$ in $[-1, 1]$, $c$ is at most 6, its value for ReLU.
    """
    trial.prove(
        lambda a: 6 * (1 + a**4) / (1 + a**2) ** 2,
        lambda a: 6,
        {"a": (-1, 1)},
        controls={"$c = 3$, as of a normal law": lambda a: 3},
        same_as=(lambda a: fluctuation([1, 1], a), None),
    )


@figure("F1", claims=("second_moment", "typical_size"))
def size_against_depth(depth: int = 30, networks: int = 200):
    """He's scale keeps the mean square of activations and lets the typical square fall by a factor
    each layer.

    ReLU networks of width 10 and 40. Marks: points: exp of the mean logarithm of the mean square of
    those of 200 networks that are alive, bars: 10 % to 90 %; lines: exp of the sum of $e(n)$;
    dotted: the mean.
    """
    lines = {}
    points = {}
    layers = np.arange(1, depth + 1)
    for width in (10, 40):
        widths = (width,) * (depth + 1)
        generator = np.random.default_rng(0)
        weights = gaussian_weights(generator, networks, widths, he_variances(widths, 0))
        before = np.array(preactivations(weights, np.ones(width), 0))
        squares = np.mean(rectified(before, 0) ** 2, axis=2)
        squares = squares[:, squares[-1] > 0]
        typical = np.exp(np.mean(np.log(squares), axis=1))
        reach = np.abs(np.quantile(squares, [0.1, 0.9], axis=1) - typical)
        name = f"width {width}"
        lines[name] = layers, np.exp(layers * typical_logarithm(width))
        points[name] = layers[::2], typical[::2], reach[:, ::2]
    return chart(
        lines,
        points,
        log="y",
        levels={"mean": 1.0},
        legend="lower left",
        x="layer l",
        y="mean square of activations / input",
    )
