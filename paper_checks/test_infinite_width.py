"""Yang & Hu 2021, "Feature Learning in Infinite-Width Neural Networks" (Tensor Programs IV), ICML, arXiv 2011.14522.

The abstract and the released code were read, and no theorem: exponents and conditions are recalled, formulas for a
finite width derived here. Layer l is n^(-a_l) w^l, w^l ~ N(0, n^(-2 b_l)), the rate eta n^(-c).
"""

from typing import Annotated

import numpy as np

from sims import infinite_width as observed
from theory import infinite_width as predicted
from theory.infinite_width._domains import Name
from theory_on_trial import abstract, claim, code, ours
from theory_on_trial.contract import Interval, UnitInterval
from theory_on_trial.laws import Asymptotic

MOST_PROGRAMS = 0
"""Ceiling of the programs that the fast tier may ask XLA for in one process."""
MOST_SECONDS = 6.0
"""Ceiling of the seconds that the fast tier may take once its programs are in the cache."""

X = np.array([1, -1, 0.5, 1, -0.5, 1, -1, 0.5])
SERIES = X[:, None, None], 1.5 * X[:, None, None]
"""One sample per step, y = 1.5 x."""
RATE = 0.15
POINTS = np.random.default_rng(0).standard_normal((4, 3))
VALUES = 0.5 + np.sin(POINTS[:, :1])
LINEAR = code("edwardjhu/TP4", "TP4MAML/meta/maml/model.py, MetaInfLin1LP", "b640ba72")

Depth = Annotated[int, Interval(1, 3)]
Start = Annotated[float, Interval(0.5, 1.5, why="below, no readout is stable, above, movement is lost in rounding")]
Learnt = Annotated[float, Interval(1, 2, why="below, no readout is stable, above, it learns nothing by far")]
Hidden = Annotated[float, Interval(-0.5, 0.5)]
From128 = Annotated[int, Interval(128, 2**18, why="smaller networks are not yet in the power law")]
From64 = Annotated[int, Interval(64, 512, why="smaller ones are not yet in the power law, larger ones take minutes")]
STATED = "an exponent is stated to 0.05, whatever its size"


def slopes(generator, samples, widths, measure, power):
    """Slopes of the logarithm of `measure`, of networks of n^power weights, in that of n.

    Of such that grow there are so many at smaller widths that all root mean squares are over as many units.
    """
    logs = []
    for width in widths:
        several = widths[-1] // width if power else 1
        found = [measure(generator, count, width) for count in pieces(samples * several, width**power)]
        squares = np.concatenate(found).reshape(samples, several) ** 2
        logs.append(np.log(squares.mean(axis=1)) / 2)
    centred = np.log(widths) - np.mean(np.log(widths))
    return np.tensordot(centred / (centred @ centred), logs, 1)


def pieces(count, weights):
    """How many networks at a time stay in the caches."""
    size = max(1, 2**16 // weights)
    return [min(size, count - start) for start in range(0, count, size)]


def one_step(scaling, error=0.25):
    """How much the last hidden activations move in one step from a given error of the output."""

    def measure(generator, nets, width):
        network = observed.draw_network(generator, nets, width, *scaling, inputs=3)
        step = observed.sgd_step(network, POINTS[:1], np.full((1, 1), error))
        return movement(network, step, POINTS[:1])

    return measure


def movement(network, trained, x):
    """Root mean square over inputs and units."""
    change = observed.features(trained, x) - observed.features(network, x)
    return np.sqrt(np.mean(change**2, axis=(1, 2)))


def judged(trial, measure, widths, predict, wrong, margin=0.05, power=1, first=40, most=400):
    """The decision on an exponent, with the margin in units of the exponent."""
    trial.mean(
        sampler=lambda generator, samples: slopes(generator, samples, widths, measure, power),
        predict=predict,
        law=Asymptotic(),
        margin=margin,
        scale=1.0,
        controls={name: value for name, value in wrong.items() if abs(value - predict) >= 2 * margin},
        first=first,
        most=most,
    )


# -------------------------------------------------------------------------------------------- the linear limit


def recursion(start=1.0, rate=RATE, sequential=False):
    """f_t of the second moments, as one might get them wrong: in start, rate, or in the order of the updates."""
    moments, found = start * np.eye(2), []
    for x, y in zip(X, 1.5 * X, strict=True):
        found.append(moments[0, 1] * x)
        kappa = -rate * (found[-1] - y) * x
        step = np.array([[1, kappa], [kappa, 1 + sequential * kappa**2]])
        moments = step @ moments @ step.T
    return np.array(found)


@claim(
    abstract("Using the Tensor Programs technique, we derive explicit formulas for such limits."),
    kind="limit",
    cases=[(0.15, 1024)],
)
def test_limit_recursion(
    trial,
    rate: Annotated[float, Interval(0.1, 0.16, why="below, kappa^2 is lost in the margin, above, f_7 nears zero")],
    width: Annotated[int, Interval(256, 2**16, why="the order 1 / n^2 is neglected")],
):
    """For f = (1/n) v'w x, f_t -> b x with a, b, c <- second moments of (w + kappa v, v + kappa w); + beta_t / n."""
    later = slice(2, None)
    theory = predicted.finite_width(X, 1.5 * X, rate)
    limit = predicted.limit_outputs(X, 1.5 * X, rate)
    trial.require(np.all(abs(rate * (limit - 1.5 * X) * X) < 1), "rate must keep |kappa| below 1: steps overshoot")

    def sampler(generator, nets):
        drawn = (observed.shallow_network(generator, count, width, 0.0, rate) for count in pieces(nets, width))
        return np.concatenate([observed.train(network, *SERIES)[1][later, :, 0, 0].T for network in drawn])

    truth = (limit + theory.bias / width)[later]
    wrong = {"v updated with the new w": recursion(rate=rate, sequential=True)[later]}
    wrong |= {"variance 0.9": recursion(0.9, rate)[later], "10 % more rate": recursion(rate=1.1 * rate)[later]}
    looks = {"first": 400, "most": 20_000}
    trial.mean(sampler=sampler, predict=truth, law=Asymptotic(), margin=0.005 * abs(truth), controls=wrong, **looks)


def small_networks(width, of_outputs):
    """A sampler of functions of f_t, of networks that are n units wide in law."""

    def sampler(generator, nets):
        network = observed.reduced_network(generator, nets, width, 0.0, RATE)
        return of_outputs(observed.train(network, *SERIES)[1][:, :, 0, 0].T)

    return sampler


@claim(
    ours("second order of the delta method in the initial moments"),
    kind="distribution",
    cases=[64],
    coarse="it scatters 60 times its size",
)
def test_finite_width_bias(
    trial, width: Annotated[int, Interval(64, 128, why="beyond, the scatter of f hides the bias")]
):
    """E f_t = limit + beta_t / n, beta_t = tr(H diag(2, 1, 2)) / 2, H the Hessian of f_t in the initial a, b, c."""
    at = [5, 6]
    theory = predicted.finite_width(X, 1.5 * X, RATE)
    wrong = {"covariance 1": predicted.finite_width(X, 1.5 * X, RATE, (1.0, 1.0, 1.0)).bias[at]}
    wrong["only b random"] = predicted.finite_width(X, 1.5 * X, RATE, (0.0, 1.0, 0.0)).bias[at]
    trial.mean(
        sampler=small_networks(width, lambda f: width * (f - theory.limit)[:, at]),
        predict=theory.bias[at],
        law=Asymptotic(),
        margin=0.1 * abs(theory.bias[at]),
        controls=wrong,
        first=50_000,
        most=2_000_000,
    )


@claim(ours("delta method in the initial moments"), kind="distribution", cases=[2048, 16384])
def test_limit_fluctuation(trial, width: Annotated[int, Interval(1024, 2**24, why="the next order is 2 % at 1024")]):
    """sqrt(n) (f_t - limit) has variance J diag(2, 1, 2) J', J the gradient of f_t in the initial a, b, c."""
    theory = predicted.finite_width(X, 1.5 * X, RATE)
    some = slice(1, 6)
    wrong = {"covariance 1": predicted.finite_width(X, 1.5 * X, RATE, (1.0, 1.0, 1.0)).variance[some]}
    wrong["only b random"] = predicted.finite_width(X, 1.5 * X, RATE, (0.0, 1.0, 0.0)).variance[some]
    trial.mean(
        sampler=small_networks(width, lambda f: width * (f - theory.limit)[:, some] ** 2),
        predict=theory.variance[some],
        law=Asymptotic(),
        margin=0.05 * theory.variance[some],
        controls=wrong,
        first=20_000,
        most=300_000,
    )


@claim(LINEAR, kind="identity", cases=[(300, 3, 2, 10), (40, 1, 1, 20), (6, 4, 2, 5)])
def test_small_net(
    trial,
    width: Annotated[int, Interval(1, 2**20)],
    inputs: Annotated[int, Interval(1, 16)],
    outputs: Annotated[int, Interval(1, 16)],
    steps: Annotated[int, Interval(1, 30, why="rounding grows from step to step")],
):
    """Units n from Omega, multiplier 1/n, rate eta n, follow at every step d + k units from R, R'R = Omega'Omega/n."""
    ends = inputs + outputs
    generator = trial.generator()
    wide = observed.shallow_network(generator, 1, width, 0.0, 0.2 / ends, inputs, outputs)
    into, out = wide.weights
    omega = np.concatenate([into[0], out[0].T], axis=1)
    x, y = generator.uniform(-1, 1, (steps, 1, inputs)), generator.uniform(-1, 1, (steps, 1, outputs))

    def started(units):
        weights = units[None, :, :inputs], units[None, :, inputs:].swapaxes(1, 2)
        return observed.train(wide._replace(weights=weights, multipliers=(1.0, 1.0), rate=0.2 / ends), x, y)[1]

    R = predicted.small_start(omega)
    wrong = {"R = 1": started(np.eye(ends))} | ({"R' for R": started(R.T)} if width >= ends else {})
    wrong["diagonal of the Gram matrix only"] = started(np.diag(np.linalg.norm(R, axis=0)))
    value = observed.train(wide, x, y)[1]
    trial.identity(value, started(R), ops=steps * (width + 10 * ends**2), scale=1.0, controls=wrong)


# ------------------------------------------------------------------------------------------------- exponents


@claim(
    ours("recalled; measured in one step from a prescribed error"),
    kind="rate",
    cases=[(0.5, 1.0, 0.0, 256), (1.0, 1.0, -1.0, 256), (0.75, 1.0, -0.5, 256), (0.5, 1.0, 1.0, 256)],
    coarse=STATED,
)
def test_width_exponent(trial, start: Start, learnt: Learnt, c: Annotated[float, Interval(-1, 1)], width: From128):
    """With one hidden layer features move by n^(-r), r = min(a + b, 2 a + c) + c: NTK 1/2, mean field 0, standard 3/2.

    a + b of the readout is `start`, 2 a + c is `learnt`; a and b of the first layer are 0.
    """
    scaling = by_readout(trial, np.zeros(1), start, learnt, c)
    r = float(predicted.feature_exponent(*scaling))
    wrong = {"without [l = 1]": 1 - r, "2 a + c only": -learnt - c, "1/2 for every r > 0": -0.5}
    judged(trial, one_step(scaling), [width, 2 * width, 4 * width], -r, wrong)


def by_readout(trial, hidden, start, learnt, c):
    """Exponents with these a of hidden layers, if stable, with a first step like later ones and beyond rounding."""
    a = np.append(hidden, (learnt - c) / 2)
    b = np.where(np.arange(len(a)) > 0, 0.5 - a, -a)
    b[-1] = start - a[-1]
    trial.require(predicted.stability(a, b, c), "all exponents together must be stable")
    trial.require(start <= learnt, "start must be at most learnt, or later steps move features more than the first")
    trial.require(predicted.feature_exponent(a, b, c) <= 2, "r must be at most 2: smaller steps are lost in rounding")
    return a, b, c


def two_layers(trial, first, second, start, learnt, c, width):
    """The decision on two hidden layers."""
    scaling = by_readout(trial, np.array([first, second]), start, learnt, c)
    apart = abs(2 * first + 1 - 2 * second)
    trial.require(apart == 0 or apart >= 1, "2 first + 1 and 2 second must be equal or 1 apart, or layers mix")
    r = float(predicted.feature_exponent(*scaling))
    last = start + c - 1 + 2 * second
    wrong = {"the last hidden layer for the least": -last, "without - 1": -r - 1, "1/2 for every r > 0": -0.5}
    judged(trial, one_step(scaling), [width, 2 * width, 4 * width], -r, wrong, power=2)


@claim(
    ours("recalled; measured in one step from a prescribed error"),
    kind="rate",
    cases=[(0.0, 0.5, 0.5, 1.0, 0.0, 64), (-0.5, 0.5, 1.0, 2.0, 0.0, 64)],
    coarse=STATED,
)
def test_width_exponent__deep(
    trial, first: Hidden, second: Hidden, start: Start, learnt: Learnt, c: UnitInterval, width: From64
):
    """With two hidden layers the one that moves features most decides r: NTK 1/2, and 0 where it is the first."""
    two_layers(trial, first, second, start, learnt, c, width)


@claim(
    ours("recalled; measured in one step from a prescribed error"),
    kind="rate",
    tier="full",
    cases=[(-0.5, 0.0, 1.0, 1.0, 0.0, 128), (0.0, 0.0, 0.5, 1.0, 1.0, 128), (-0.25, 0.25, 0.75, 1.0, 0.0, 128)],
    coarse=STATED,
)
def test_width_exponent__named(
    trial, first: Hidden, second: Hidden, start: Start, learnt: Learnt, c: UnitInterval, width: From64
):
    """With two hidden layers r is 0 in muP, 1/2 in the standard parametrisation with c = 1, and 1/4 half-way to NTK."""
    two_layers(trial, first, second, start, learnt, c, width)


@claim(
    ours("the least of a + b and 2 a + c in r, recalled; the experiment is ours"),
    kind="rate",
    cases=[(False, 1.0), (True, 1.0)],
    coarse=STATED,
)
def test_late_readout(
    trial,
    late: bool,
    readout: Annotated[float, Interval(1, 2, why="below, both orders mix, above, rounding hides the first step")],
    steps: Annotated[int, Interval(8, 64, why="before, both orders mix, later takes minutes")] = 8,
    width: From128 = 256,
):
    """A readout that starts small and learns first: a = (0, 1/2), b = (0, 1) moves features n^(-3/2), then n^(-1)."""
    steps = steps if late else 1
    scaling = np.array([0.0, 0.5]), np.array([0.0, readout]), 0.0

    def measure(generator, nets, units):
        network = observed.draw_network(generator, nets, units, *scaling, inputs=3)
        batches = (np.broadcast_to(one, (steps, *one.shape)) for one in (POINTS, VALUES))
        return movement(network, observed.train(network, *batches)[0], POINTS)

    first, later = (
        float(exponent(*scaling)) for exponent in (predicted.first_step_exponent, predicted.feature_exponent)
    )
    r, other = (later, first) if late else (first, later)
    judged(trial, measure, [width, 2 * width, 4 * width], -r, {"that of the other steps": -other})


@claim(
    abstract(
        "any parametrization in this space either admits feature learning or has an infinite-width training dynamics "
        "given by kernel gradient descent, but not both"
    ),
    kind="rate",
    cases=[(0.5, 4096), (0.25, 4096), (0.0, 4096)],
    coarse="the exponent is stated to 0.03, whatever its size",
)
def test_dichotomy(
    trial,
    s: Annotated[float, Interval(0, 0.5)],
    width: Annotated[int, Interval(4096, 2**20, why="below, powers of n mix, above, rounding hides them")],
):
    """Linear networks F_s leave the descent of their own initial kernel by n^(-2 s), where features move n^(-s)."""

    def measure(generator, nets, units):
        return departure(observed.reduced_network(generator, nets, units, s, RATE))

    exponent = -predicted.departure_exponent(s)
    wrong = {"s for 2 s": -s, "-1 for every s": -1.0, "none": 0.0}
    options = {"margin": 0.03, "power": 0, "first": 500, "most": 20_000}
    judged(trial, measure, [width, 16 * width, 256 * width], exponent, wrong, **options)


def departure(network):
    """Root mean square over the steps of the trained output less that of kernel descent from the same start."""
    apart = observed.train(network, *SERIES)[1][:, :, 0, 0] - observed.kernel_descent(network, *SERIES)
    return np.sqrt(np.mean(apart**2, axis=0))


@claim(ours("the recursion against kernel descent with a + c = 2"), kind="limit")
def test_dichotomy__feature_learning(trial, width: Annotated[int, Interval(4096, 2**24)] = 4096):
    """At s = 0 that departure tends to a constant: the recursion less descent with the kernel 2 x x'."""
    limits = predicted.limit_outputs(X, 1.5 * X, RATE), predicted.kernel_limit_outputs(X, 1.5 * X, RATE)
    constant = float(np.sqrt(np.mean((limits[0] - limits[1]) ** 2)))
    half = np.sqrt(np.mean((limits[0] - predicted.kernel_limit_outputs(X, 1.5 * X, RATE / 2)) ** 2))
    trial.mean(
        sampler=lambda generator, nets: departure(observed.reduced_network(generator, nets, width, 0.0, RATE)),
        predict=constant,
        law=Asymptotic(),
        margin=0.005 * constant,
        controls={"the kernel x x'": half, "0, as in the kernel regime": 0.0},
        first=1000,
        most=40_000,
    )


@claim(
    abstract(
        "we show that the standard and NTK parametrizations of a neural network do not admit infinite-width limits "
        "that can learn features"
    ),
    kind="identity",
    cases=[("NTK", 1), ("NTK", 3), ("mean field", 1), ("muP", 1), ("muP", 4), ("standard", 1), ("standard", 2)],
)
def test_named_scalings(trial, name: Name, hidden: Annotated[int, Interval(1, 2**10)]):
    """All are stable and learn: NTK with r = 1/2, standard with c = 1 with 3/2 or 1/2 if deep, muP and mean field 0."""
    trial.require(name != "mean field" or hidden == 1, "hidden must be 1 for mean field")
    a, b, c = predicted.named_scaling(name, hidden)
    r = {"NTK": 0.5, "standard": 1.5 if hidden == 1 else 0.5}.get(name, 0.0)
    start = 0.5 if name in ("NTK", "standard") else 1.0
    rate = {"standard": 1.0, "mean field": -1.0}.get(name, 0.0)
    stable = predicted.stability(a, b, c).all() and predicted.is_nontrivial(a, b, c)
    said = np.array([r, r, 0.5 - start, rate, 1.0])
    exponents = predicted.feature_exponent(a, b, c), predicted.first_step_exponent(a, b, c)
    found = np.array([*exponents, predicted.output_exponent(a, b), c, stable])
    shift, other = np.array([1.0, 1, 0, 0, 0]), np.array([0, 0, 0, 1 - 2 * rate, 0])
    wrong = {"without - 1 in r": said + shift, "another rate": said + other}
    trial.identity(found, said, ops=8, scale=1.0, controls=wrong)


@claim(
    ours("w^l / n^theta moves by n^(-2 theta) as much; recalled"),
    kind="identity",
    cases=[("NTK", 2, 0.3), ("muP", 3, -1.0)],
)
def test_abc_symmetry(
    trial,
    name: Name,
    hidden: Depth,
    theta: Annotated[float, Interval(-4, 4, why="beyond, powers of the width leave the range of floats")],
    width: Annotated[int, Interval(8, 2**10)] = 32,
    steps: Annotated[int, Interval(1, 8, why="rounding grows from step to step")] = 5,
):
    """(a + theta, b - theta, c - 2 theta) on every layer leaves f unchanged at every step."""
    trial.require(name != "mean field" or hidden == 1, "hidden must be 1 for mean field")
    trial.require(abs(theta) >= 0.1 and steps >= 2, "theta must be .1 off zero, and steps 2, or any c does")
    scaling = predicted.named_scaling(name, hidden)

    def trained(a, b, c):
        network = observed.draw_network(trial.generator(), 1, width, a, b, c, inputs=3)
        return observed.train(network, *(np.broadcast_to(one, (steps, *one.shape)) for one in (POINTS, VALUES)))[1]

    a, b, c = predicted.shifted(scaling, theta)
    wrong = {"c - theta": trained(a, b, c + theta)}
    ops = 10 * width * hidden * steps
    trial.identity(trained(a, b, c), trained(*scaling), ops=ops, scale=1.0, wrong_processes=wrong)


@claim(
    ours("central limit theorem, and the last condition of stability at r = 0"),
    kind="rate",
    cases=[(1.0, 0.0), (0.5, 0.0)],
    coarse=STATED,
)
def test_silent_start(
    trial,
    a: Annotated[float, Interval(-50, 50)],
    b: Annotated[float, Interval(-50, 50)],
    width: From64 = 64,
):
    """The output at initialisation is of the order n^(1/2 - a - b): n^(-1/2) in mean field, 1 in NTK."""
    scaling = np.array([0.0, a]), np.array([0.0, b]), 0.0
    exponent = float(predicted.output_exponent(*scaling[:2]))

    def measure(generator, nets, units):
        network = observed.draw_network(generator, nets, units, *scaling, inputs=3, outputs=16)
        return np.sqrt(np.mean(observed.outputs(network, POINTS[:1]) ** 2, axis=(1, 2)))

    wrong = {"- a - b": -a - b, "of order one": 0.0}
    judged(trial, measure, [width, 2 * width, 4 * width, 8 * width], exponent, wrong)


@claim(ours("enumeration of the recalled conditions"), kind="identity", cases=[(1, 4), (2, 4)])
def test_conditions(trial, hidden: Annotated[int, Interval(1, 2)], parts: Annotated[int, Interval(4, 6)]):
    """On a grid of exponents from -1 to 3/2 what is stable and learns features has a + b >= 1: f starts as n^(-1/2)."""
    a, b, c = grid(hidden, parts)
    holds, r = predicted.stability(a, b, c), predicted.feature_exponent(a, b, c)
    learns = predicted.is_nontrivial(a, b, c)
    moving = abs(r) < 1e-9

    def counted(conditions):
        stable = learns & holds[:, list(conditions)].all(axis=1)
        return stable & moving, np.array([stable.sum(), (stable & moving).sum()])

    (found, counts), (others, more) = counted(range(6)), counted(range(5))
    trial.identity(enumerated(hidden, parts), counts, ops=0, controls={"without the last condition": more})
    start = predicted.output_exponent(a, b)
    wrong = {"without the last condition": start[others].max()}
    trial.bound(start[found].max(), -0.5, found_by="all", ops=8, wrong_processes=wrong)


def grid(hidden, parts):
    """All a and c, b of the readout, the other layers' b as stability asks."""
    axis = np.arange(-parts, 3 * parts // 2 + 1) / parts
    *a, b, c = (one.ravel() for one in np.meshgrid(*[axis] * (hidden + 3), indexing="ij"))
    inner = [-a[0], *(0.5 - one for one in a[1:-1])]
    return np.stack(a, axis=1), np.stack([*inner, b], axis=1), c


def enumerated(hidden, parts):
    """How many are stable and learn, and how many learn features, in integers; the unit is a part of one."""
    axis = range(-parts, 3 * parts // 2 + 1)
    counts = np.zeros(2, int)
    for first in axis:
        for second in axis if hidden == 2 else [None]:
            mover = 2 * first + parts if second is None else min(2 * first + parts, 2 * second)
            for a in axis:
                for c in axis:
                    for b in axis:
                        r = min(a + b, 2 * a + c) + c - parts + mover
                        stable = 2 * (a + b) >= parts and r >= 0 and 2 * a + c >= parts and a + b + r >= parts
                        if stable and (2 * a + c == parts or a + b + r == parts):
                            counts += [1, r == 0]
    return counts
