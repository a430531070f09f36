"""How features, outputs and departures from kernels scale with the width: exponents, measured and
counted.
"""

from typing import Annotated, Literal

import numpy as np

from paper_checks.test_infinite_width import Wide, pieces
from sims import infinite_width as observed
from theory import infinite_width as predicted
from theory.infinite_width import Name
from theory_on_trial import claim, derived, recalled, tried
from theory_on_trial.contract import Interval, UnitInterval
from theory_on_trial.laws import Asymptotic

SMALL = 1e-7
"""By about how much features move where the first order of it is measured."""
POINTS = np.random.default_rng(0).standard_normal((4, 3))
VALUES = 0.5 + np.sin(POINTS[:, :1])
Rate = Annotated[float, Interval(-2, 2, why="twice as far as c of the named scalings")]
Power = Annotated[
    float, Interval(-20, 20, why="squares of powers of 4096 units stay in the range of floats")
]
Start = Annotated[
    float,
    Interval(0.5, 1.5, why="below, no readout is stable, above, movement is lost in rounding"),
]
Learned = Annotated[
    float, Interval(1, 2, why="below, no readout is stable, above, it learns nothing by far")
]
Hidden = Annotated[float, Interval(-0.5, 0.5)]
SomeWidth = Annotated[int, Interval(2, 2**10, why="as many weights are drawn, eight times")]
EXPONENT = 0.002
"""To how much an exponent is stated that is measured without sampling, whatever its size."""


def slopes(generator, samples, widths, measure, power):
    """Slopes of the logarithm of `measure`, of networks of n^power weights, in that of n.
    Of such that grow there are so many at smaller widths that all root mean squares are over as
    many units. Networks of one hidden layer are drawn with the same numbers at all widths: the
    units of a large one are those of several.
    """
    logs = []
    seed = generator.integers(2**63)
    for width in widths:
        rng = np.random.default_rng([seed, (power > 1) * width])
        several = widths[-1] // width
        values = [
            measure(rng, count * several, width) for count in pieces(samples, widths[-1] ** power)
        ]
        squares = np.concatenate(values).reshape(samples, several) ** 2
        logs.append(np.log(squares.mean(axis=1)) / 2)
    return slope(logs, widths)


def slope(logs, widths):
    """The least-squares slope of logarithms, widths along the first axis, in that of n."""
    deviations = np.log(widths) - np.mean(np.log(widths))
    return np.tensordot(deviations / (deviations @ deviations), logs, 1)


def one_step(scaling, error=0.25):
    """How much the last hidden activations move in one step from a given error of the output."""

    def measure(generator, nets, width):
        network = observed.draw_network(generator, nets, width, *scaling, inputs=3)
        return movement(network, stepped(network, POINTS[:1], error), POINTS[:1])

    return measure


def stepped(network, x, error):
    """One step from that error of each output."""
    return observed.sgd_step(network, x, np.full((1, 1), error))


def movement(network, trained, x):
    """Root mean square over inputs and units."""
    change = observed.features(trained, x) - observed.features(network, x)
    return np.sqrt(np.mean(change**2, axis=(1, 2)))


def judged(trial, measure, widths, predict, wrong, margin=0.05, power=1, slack=0.0, most=400):
    """The decision on an exponent, with the margin in units of the exponent."""
    trial.mean(
        sampler=lambda generator, samples: slopes(generator, samples, widths, measure, power),
        predict=predict,
        law=Asymptotic(),
        slack=slack,
        margin=margin,
        scale=1.0,
        controls=others(wrong, predict, margin),
        first=40,
        most=most,
    )


def others(wrong, predict, margin):
    """Wrong exponents that are not the true one at this setting."""
    return {name: value for name, value in wrong.items() if abs(value - predict) >= 2 * margin}


def power_law(trial, of_width, widths, predict, wrong, rounding, **options):
    """The decision on the exponent of a measure that is known at each width, to a relative rounding
    there.
    """
    sizes = np.array([of_width(int(width)) for width in widths])
    options = {
        "margin": EXPONENT,
        "controls": others(wrong, predict, EXPONENT),
        "generic": "sums over units are analytic in the drawn weights",
    } | options
    trial.order(sizes, widths, predict, rounding=rounding * sizes, **options)


@claim(
    recalled("Theorem 3.3 and its exponent $r$, as notes on the paper quote it"),
    kind="rate",
    cases=[(0.5, 1.0, 0.0), (1.0, 1.0, -1.0), (0.75, 1.0, -0.5), (0.5, 1.0, 1.0), (1.0, 2.0, 0.0)],
)
def test_width_exponent(trial, start: Start, learned: Learned, c: Rate, width: SomeWidth = 128):
    """In networks with one hidden layer of $n$ units, one step from a given error of the output
    moves the features by the order $n^(-r)$ with $r = min(a + b, 2 a + c) + c$, if $a + b <= 2 a +
    c$: $a$, $b$ and $c$ are the exponents of the readout's multiplier and start and of the rate.
    This is 1/2 in NTK, 0 in mean field, and 3/2 in the standard parametrisation with the rate
    $1/n$.

    a + b of the readout is `start`, 2 a + c is `learned`; a and b of the first layer are 0. The
    same units are put together to networks of all widths, and the step is small.
    """
    scaling = by_readout(trial, np.zeros(1), start, learned, c)
    r = float(predicted.feature_exponent(*scaling))
    rivals = {
        "without $[l = 1]$": 1 - r,
        "$2 a + c$ only": -learned - c,
        "1/2 for every $r > 0$": -0.5,
    }
    of_one_layer(trial, scaling, r, width, rivals)


def of_one_layer(trial, scaling, r, width, wrong):
    """The decision on the movement by n^(-r) in a small step of the same units, put together to
    four widths.
    """

    def moved(n):
        network = observed.draw_network(
            trial.generator("units"), 8 * width // n, n, *scaling, inputs=3
        )
        step = stepped(network, POINTS[:1], SMALL * width**r)
        return np.sqrt(np.mean(movement(network, step, POINTS[:1]) ** 2))

    power_law(
        trial, moved, width * 2 ** np.arange(4), -r, wrong, 1e-14 / SMALL * 8**r, same_instance=True
    )


def by_readout(trial, hidden, start, learned, c):
    """Exponents with these a of hidden layers, if stable, with a first step like later ones and
    beyond rounding.
    """
    a = np.append(hidden, (learned - c) / 2)
    b = np.where(np.arange(len(a)) > 0, 0.5 - a, -a)
    b[-1] = start - a[-1]
    trial.require(predicted.stability(a, b, c), "all exponents together must be stable")
    trial.require(
        start <= learned,
        "start must be at most learned, or later steps move features more than the first",
    )
    trial.require(
        predicted.feature_exponent(a, b, c) <= 2,
        "r must be at most 2: smaller steps are lost in rounding",
    )
    return a, b, c


def of_two_layers(trial, first, second, start, learned, c):
    """Exponents of two hidden layers, r, and others that one might take for it."""
    scaling = by_readout(trial, np.array([first, second]), start, learned, c)
    gap = abs(2 * first + 1 - 2 * second)
    trial.require(
        gap == 0 or gap >= 1, "2 first + 1 and 2 second must be equal or 1 apart, or layers mix"
    )
    r = float(predicted.feature_exponent(*scaling))
    last = start + c - 1 + 2 * second
    return (
        scaling,
        r,
        {
            "the last hidden layer for the least": -last,
            "without - 1": -r - 1,
            "1/2 for every $r > 0$": -0.5,
        },
    )


@claim(
    recalled("Theorem 3.3 and its exponent $r$, as notes on the paper quote it"),
    kind="rate",
    cases=[
        (0.0, 0.5, 0.5, 1.0, 0.0),
        (-0.5, 0.5, 1.0, 2.0, 0.0),
        (-0.5, 0.0, 1.0, 1.0, 0.0),
        (0.0, 0.0, 0.5, 1.0, 1.0),
    ],
)
def test_width_exponent__deep(
    trial,
    first: Hidden,
    second: Hidden,
    start: Start,
    learned: Learned,
    c: UnitInterval,
    width: Wide = 1024,
):
    """In linear networks with two hidden layers of $n$ units, one step moves the features by the
    order $n^(-r)$ with $r = min(a + b, 2 a + c) + c - 1 + min(2 a_1 + 1, 2 a_2)$, if
    $a + b <= 2 a + c$: $a_1$ and $a_2$ are the exponents of the multipliers of the hidden layers,
    $a$ and $b$ those of the readout's multiplier and start, and $c$ that of the rate. The layer
    that moves the features most decides.
    """
    scaling, r, rivals = of_two_layers(trial, first, second, start, learned, c)

    def moved(n):
        network, chances = observed.deep_nodes(n, *scaling)
        x = np.ones((1, 1))
        step = stepped(network, x, 1e-4 * width**r)
        change = observed.features(step, x) - observed.features(network, x)
        return np.sqrt(chances @ np.sum(change**2, axis=(1, 2)) / n)

    # Nothing is drawn: the nodes of a quadrature stand for the units.
    power_law(trial, moved, width * 4 ** np.arange(4), -r, rivals, 1e-10 * 64**r, generic="")


@claim(
    recalled("Theorem 3.3 and its exponent $r$, as notes on the paper quote it"),
    kind="rate",
    tier="full",
    cases=[
        (0.0, 0.5, 0.5, 1.0, 0.0, 64),
        (-0.5, 0.5, 1.0, 2.0, 0.0, 64),
        (-0.5, 0.0, 1.0, 1.0, 0.0, 128),
        (0.0, 0.0, 0.5, 1.0, 1.0, 128),
        (-0.25, 0.25, 0.75, 1.0, 0.0, 128),
    ],
    low_power="an exponent is stated to 0.05, whatever its size",
)
def test_width_exponent__named(
    trial,
    first: Hidden,
    second: Hidden,
    start: Start,
    learned: Learned,
    c: UnitInterval,
    width: Annotated[
        int,
        Interval(64, 256, why="smaller ones are not yet in the power law, larger take ten minutes"),
    ],
):
    """In tanh networks with two hidden layers of $n$ units, one step moves the features by the
    order $n^(-r)$: $r = 0$ in muP, 1/2 in NTK and in the standard parametrisation with rate $1/n$,
    and 1/4 half-way between muP and NTK.
    """
    scaling, r, rivals = of_two_layers(trial, first, second, start, learned, c)
    judged(trial, one_step(scaling), [width, 2 * width, 4 * width], -r, rivals, power=2)


@claim(
    recalled("the condition $a + b + r >= 1$ of Theorem 3.3, as notes on the paper quote it"),
    kind="rate",
    cases=[(0.625, -0.125, -0.25), (0.5, 0.0, 0.0), (1.0, 0.0, -1.0), (0.5, 0.0, -0.5)],
)
def test_one_step__features(
    trial,
    a: UnitInterval,
    b: Annotated[float, Interval(-1, 1, why="as far as a")],
    c: Rate,
    width: SomeWidth = 128,
):
    """Features that the first step moves by $n^(-r)$ change the output by $n^(1 - (a + b) - r)$,
    where $n^(-a)$ and $n^(-b)$ are the readout's multiplier and start: it explodes if the exponent
    is above 0.

    So with a = (0, .625), b = (0, -.125), c = -.25, though r = 1/4 and learning the readout changes
    it finitely.
    """
    scaling = np.array([0, a]), np.array([0, b]), c
    r = float(predicted.first_step_exponent(*scaling))
    trial.require(-1 <= r <= 2, "a + b + c must lie in [-1, 2]: other steps are lost in rounding")
    grows = float(1 - a - b - r)

    def changed(n):
        network = observed.draw_network(
            trial.generator("units"), 8 * width // n, n, *scaling, inputs=3
        )
        step = stepped(network, POINTS[:1], SMALL * width**r)
        half_step = network._replace(weights=(step.weights[0], network.weights[1]))
        return abs(
            np.mean(observed.outputs(half_step, POINTS[:1]) - observed.outputs(network, POINTS[:1]))
        )

    rivals = {
        "what learning the readout does": 1 - 2 * a - c,
        "$- r$, as features": -r,
        "$1/2 - r$, as of random signs": 0.5 - a - b - r,
    }
    power_law(
        trial,
        changed,
        width * 2 ** np.arange(4),
        grows,
        rivals,
        1e-14 / SMALL * 8 ** (abs(r) + 1),
        same_instance=True,
    )


@claim(
    recalled("the condition $r >= 0$ of Theorem 3.3, as notes on the paper quote it"),
    kind="rate",
    cases=[(0.5, 1.0, -0.75), (1.0, 1.0, -1.25), (0.5, 1.5, -1.5)],
)
def test_width_exponent__unstable(
    trial, start: Start, learned: Learned, c: Rate, width: SomeWidth = 128
):
    """Let $a$, $b$ and $c$ be the exponents of the readout's multiplier and start and of the rate,
    with $a + b <= 2 a + c$, in networks with one hidden layer of $n$ units. If $r = a + b + c$ is
    negative, against the condition of stability $r >= 0$, the first order of a step moves the
    features by $n^(-r)$, which grows without bound.
    """
    a = (learned - c) / 2
    scaling = np.array([0, a]), np.array([0, start - a]), c
    r = float(predicted.feature_exponent(*scaling))
    broken = not predicted.stability(*scaling)[3]
    trial.require(
        start <= learned and broken, "start must be at most learned, and start + c below 0"
    )
    of_one_layer(
        trial,
        scaling,
        r,
        width,
        {"features learned": 0.0, "$2 a + c$ only": -learned - c, "without $c$": -start},
    )


NAMED = recalled("section 1 and Theorem 3.8, as notes on the paper quote it")


@claim(NAMED, kind="rate", cases=["NTK", "mean field", "muP", "standard"])
def test_named_scalings__moved(trial, name: Name, width: SomeWidth = 128):
    """With one hidden layer, the features of NTK and standard networks freeze as the width grows,
    and those of mean field and muP do not.
    """
    scaling = predicted.named_scaling(name)
    r = float(predicted.feature_exponent(*scaling))
    of_one_layer(trial, scaling, r, width, {"features learned": 0.0, "as in NTK": -0.5})


@claim(
    tried(
        "Theorem 4.1, as notes on the paper quote it: standard networks need a rate of order "
        "$1 / n$",
        "the exponent for other multipliers and rates",
    ),
    kind="rate",
    cases=[(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.0, 0.5)],
)
def test_one_step(trial, c: Rate, a: UnitInterval, width: Wide = 1024):
    """One step moves the output of a network with one hidden layer of $n$ units by
    $n^(1 - 2 a - c)$, where $n^(-a)$ is
    the readout's multiplier, $n^(-1/2)$ its start and $n^(-c)$ the rate: standard networks,
    $a = 0$, explode unless $c >= 1$.

    In the mean over networks of the same units, from an error so small that the step is of the
    first order.
    """
    scaling = (np.array([0, a]), np.array([0, 0.5]), c)
    grows = 1 - 2 * a - c

    def changed(n):
        network = observed.draw_network(
            trial.generator("units"), 8 * width // n, n, *scaling, inputs=3
        )
        step = stepped(network, POINTS[:1], SMALL / width**grows)
        return abs(
            np.mean(observed.outputs(step, POINTS[:1]) - observed.outputs(network, POINTS[:1]))
        )

    rivals = {
        "no growth": 0.0,
        "1/2, as of a sum of random terms": grows - 0.5,
        "without $2 a$": 1 - c,
    }
    power_law(
        trial,
        changed,
        width * 2 ** np.arange(4),
        grows,
        rivals,
        1e-14 / SMALL * 8**2,
        same_instance=True,
    )


@claim(
    NAMED,
    kind="identity",
    cases=[
        ("NTK", 1),
        ("NTK", 3),
        ("mean field", 1),
        ("muP", 1),
        ("muP", 4),
        ("standard", 1),
        ("standard", 2),
    ],
    route="exponents by formula against the table of the four names in the check",
)
def test_named_scalings(
    trial, name: Name, hidden: Annotated[int, Interval(1, 2**10, why="more take seconds")]
):
    """All named parametrisations are stable and learn. Features move by $n^(-r)$: $r = 1/2$ in NTK,
    3/2 in the standard one with rate $1/n$ (1/2 if deep), and 0 in muP and mean field.

    With another start of any hidden layer none is stable.
    """
    trial.require(name != "mean field" or hidden == 1, "hidden must be 1 for mean field")
    a, b, c = predicted.named_scaling(name, *[hidden][: hidden - 1])  # one is the default
    r = {"NTK": 0.5, "standard": 1.5 if hidden == 1 else 0.5}.get(name, 0.0)
    start = 0.5 if name in ("NTK", "standard") else 1.0
    rate = {"standard": 1.0, "mean field": -1.0}.get(name, 0.0)
    stable = predicted.stability(a, b, c).all() and predicted.is_nontrivial(a, b, c)
    holds = [
        predicted.stability(a, b + 0.25 * (np.arange(hidden + 1) == layer), c).all()
        for layer in range(hidden)
    ]
    law = np.array([r, r, 0.5 - start, rate, 1.0, 0.0])
    exponents = predicted.feature_exponent(a, b, c), predicted.first_step_exponent(a, b, c)
    measured = np.array([*exponents, predicted.output_exponent(a, b), c, stable, np.sum(holds)])
    shift = np.array([1.0, 1, 0, 0, 0, 0])
    other = np.array([0, 0, 0, 1 - 2 * rate, 0, 0])
    controls = {"without $-1$ in $r$": law + shift, "another rate": law + other}
    trial.identity(measured, law, ops=8, scale=1.0, controls=controls)


@claim(
    recalled("equation 5, as notes on the paper quote it"),
    kind="identity",
    cases=[("NTK", 2, 0.3), ("muP", 3, -1.0)],
)
def test_abc_symmetry(
    trial,
    name: Name,
    hidden: Annotated[int, Interval(1, 6, why="rounding grows from layer to layer")],
    theta: Annotated[
        float, Interval(-4, 4, why="beyond, powers of the width leave the range of floats")
    ],
    width: Annotated[
        int, Interval(2, 2**10, why="powers of one unit are one, more take memory")
    ] = 32,
    steps: Annotated[int, Interval(1, 8, why="rounding grows from step to step")] = 5,
):
    """If $θ$ is added to the exponents $a$ of all multipliers, subtracted from the exponents $b$ of
    all starts, and $2 θ$ subtracted from the rate's exponent $c$, the output $f$ stays the same at
    every step.
    """
    trial.require(name != "mean field" or hidden == 1, "hidden must be 1 for mean field")
    trial.require(
        abs(theta) >= 0.1 and steps >= 2, "theta must be .1 off zero, and steps 2, or any c does"
    )
    scaling = predicted.named_scaling(name, hidden)

    def trained(a, b, c):
        network = observed.draw_network(trial.generator(), 1, width, a, b, c, inputs=3)
        return observed.train(
            network, *(np.broadcast_to(x, (steps, *x.shape)) for x in (POINTS, VALUES))
        )[1]

    a, b, c = predicted.shifted(scaling, theta)
    processes = {"$c - θ$": trained(a, b, c + theta), "$c$ a little larger": trained(a, b, c + 0.1)}
    ops = 10 * width * hidden * steps
    trial.identity(
        trained(a, b, c),
        trained(*scaling),
        ops=ops,
        scale=1.0,
        control_processes=processes,
        generic="training of tanh networks is analytic in the drawn weights",
    )


@claim(
    tried(
        "Corollary 3.10, as notes on the paper quote it: the output starts at 0 in the limit",
        "its order at a width $n$",
    ),
    kind="rate",
    cases=[(1.0, 0.0), (0.5, 0.0), (0.25, 0.5)],
)
def test_silent_start(
    trial,
    a: Power,
    b: Power,
    width: Annotated[int, Interval(1, 2**9, why="eight times as many readouts are held")] = 64,
):
    """At initialisation the output of a network with one hidden layer of $n$ units is of the order
    $n^(1/2 - a - b)$, where $n^(-a)$ and $n^(-b)$ are the readout's multiplier and start:
    $n^(-1/2)$ in mean field and 1 in NTK.

    Over the readout f^2 has the mean of its sum over a basis of readouts; units are the same at all
    widths.
    """
    scaling = np.array([0.0, a]), np.array([0.0, b]), 0.0
    exponent = float(predicted.output_exponent(*scaling[:2]))

    def size(n):
        network = observed.draw_network(
            trial.generator("units"), 8 * width // n, n, *scaling, inputs=3
        )
        basis = np.broadcast_to(float(n) ** -b * np.eye(n), (8 * width // n, n, n))
        outputs = observed.outputs(
            network._replace(weights=(network.weights[0], basis)), POINTS[:1]
        )
        return np.sqrt(np.mean(np.sum(outputs**2, axis=2)))

    rivals = {"$- a - b$": -a - b, "of order one": 0.0}
    power_law(trial, size, width * 2 ** np.arange(4), exponent, rivals, 1e-13, same_instance=True)


Parts = Annotated[int, Interval(4, 6, why="all of a grid are listed")]


def stable_on_grid(hidden, parts, conditions):
    """The exponents a and b of a grid, and which parametrisations learn and obey so many of the
    conditions of stability, and which of these learn features.
    """
    a, b, c = grid(hidden, parts)
    holds = predicted.stability(a, b, c)[:, :conditions].all(axis=1)
    stable = holds & predicted.is_nontrivial(a, b, c)
    return a, b, stable, stable & (abs(predicted.feature_exponent(a, b, c)) < 1e-9)


@claim(
    tried(
        "Corollary 3.10, as notes on the paper quote it: if features are learned, the output "
        "starts at 0",
        "a grid of exponents, and the order of the start",
    ),
    kind="bound",
    cases=[(1, 4), (2, 4)],
    route="exponents of all parametrisations of a grid against one number",
)
def test_conditions(trial, hidden: Literal[1, 2], parts: Parts):
    """For one and for two hidden layers, on a grid of exponents from −1 to 3/2, every
    parametrisation that is stable and learns
    features has $a + b >= 1$ for the readout's multiplier $n^(-a)$ and start $n^(-b)$, so that the
    output starts at the order $n^(-1/2)$.
    """
    a, b, _, moving = stable_on_grid(hidden, parts, 6)
    *_, moving_without = stable_on_grid(hidden, parts, 5)
    start = predicted.output_exponent(a, b)
    processes = {"without the last condition": start[moving_without].max()}
    trial.bound(start[moving].max(), -0.5, instances="all", ops=8, control_processes=processes)


def grid(hidden, parts):
    """All a and c, b of the readout, the other layers' b as stability asks."""
    axis = np.arange(-parts, 3 * parts // 2 + 1) / parts
    *a, b, c = (values.ravel() for values in np.meshgrid(*[axis] * (hidden + 3), indexing="ij"))
    inner = [-a[0], *(0.5 - exponent for exponent in a[1:-1])]
    return np.stack(a, axis=1), np.stack([*inner, b], axis=1), c


@claim(derived("coefficients of polynomials of degree 1"), kind="identity")
def test_abc_symmetry__everywhere(trial):
    """Let $a$ and $b$ be the readout's exponents, $a_l$ those of a layer's multiplier, and $c$ the
    rate's. Both arguments of the minimum in $r$, $(a + b) + c - 1 + 2 a_l$ and
    $(2 a + c) + c - 1 + 2 a_l$, are the same at $(a + θ, a_l + θ, b - θ, c - 2 θ)$ for all $a$,
    $a_l$, $b$, $c$ and $θ$, and so is $r$.
    """

    def arguments(a, first, b, c, z):
        return a + b + c - 1 + 2 * first + z * (2 * a + c + c - 1 + 2 * first)

    trial.prove_identity(
        lambda a, first, b, c, theta, z: arguments(
            a + theta, first + theta, b - theta, c - 2 * theta, z
        ),
        lambda a, first, b, c, theta, z: arguments(a, first, b, c, z),
        {"a": 1, "first": 1, "b": 1, "c": 1, "theta": 1, "z": 1},
        controls={"$c - θ$": lambda a, first, b, c, theta, z: arguments(a, first, b, c + theta, z)},
    )
