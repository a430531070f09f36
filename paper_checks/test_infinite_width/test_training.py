"""How long a small readout stays behind, and how far training leaves the descent of the initial
kernel.
"""

from typing import Annotated

import numpy as np

from paper_checks.test_infinite_width import SERIES, Small, Wide, X
from paper_checks.test_infinite_width.test_exponents import (
    POINTS,
    VALUES,
    judged,
    movement,
    power_law,
    slope,
)
from sims import infinite_width as observed
from theory import infinite_width as predicted
from theory_on_trial import claim, derived, tried
from theory_on_trial.contract import Interval

UNITS = np.array([[0.7], [-1.3]])
FEW = np.array([[1], [0.6]]), np.array([[1.5], [-1.2]])
Steps = Annotated[int, Interval(1, 32, why="longer runs take minutes")]
Readout = Annotated[
    float, Interval(1, 2, why="below, the start is not small, above, rounding hides the first step")
]
From128 = Annotated[
    int, Interval(128, 2**13, why="with smaller networks the order 1 / n^2 is seen")
]
DICHOTOMY = (
    "Theorem 3.6 and Corollary 3.9, as notes on the paper quote them: a limit learns features or "
    "is descent in a kernel"
)
LATE = tried(
    "the exponent $r$ of Theorem 3.3, as notes on the paper quote it: the least of $a + b$ "
    "and $2 a + c$",
    "a readout that starts small and learns first",
)


def late_readout(trial, steps, readout, width):
    """The decision on the exponent of the movement in so many steps, with what widths of this size
    add to it.
    """
    trial.require(
        steps * width <= 2**13, "steps times width must be at most 2^13: more take minutes"
    )
    scaling = (np.array([0.0, 0.5]), np.array([0.0, readout]), 0.0)
    widths = width * 2 ** np.arange(3)

    def measure(generator, nets, units):
        network = observed.draw_network(generator, nets, units, *scaling, inputs=3)
        batches = (np.broadcast_to(array, (steps, *array.shape)) for array in (POINTS, VALUES))
        return movement(network, observed.train(network, *batches)[0], POINTS)

    first, later = (
        float(exponent(*scaling))
        for exponent in (predicted.first_step_exponent, predicted.feature_exponent)
    )
    rivals = {"that of the first step": -first, "that of later steps, of infinite width": -later}
    tilt, coarser = (
        added(trial, steps, readout, widths, nodes) if steps > 1 else 0.0 for nodes in (20, 16)
    )
    predict = tilt - (later if steps > 1 else first)
    judged(
        trial,
        measure,
        widths.tolist(),
        predict,
        rivals,
        margin=0.005,
        slack=abs(tilt - coarser),
        most=4000,
    )


def added(trial, steps, readout, widths, nodes):
    """What the start of the readout and the order 1 / n add to the slope, by so many nodes for each
    weight.
    """
    late = predicted.late_movement(*predicted.normal_units(3, nodes), POINTS, VALUES[:, 0], steps)
    order = (late.fed_back + late.drawn) / late.limit / widths
    trial.require(
        abs(order[0]) <= 0.1,
        "width must keep the order 1 / n below a tenth: its square is neglected",
    )
    return float(
        slope((np.log(late.limit + late.start * widths ** (1 - 2 * readout)) + order) / 2, widths)
    )


@claim(LATE, kind="rate", cases=[1, 2, 16])
def test_late_readout(trial, steps: Steps, readout: Readout = 1.0, width: From128 = 128):
    """If the readout starts small and learns first, $a = (0, 1/2)$ and $b = (0, 1)$, the first step
    moves the features by the order $n^(-3/2)$, and later steps move them by $n^(-1)$.

    The prediction has the next order, 1 / n, which grows with the steps: kernels change as features
    move, and are those of finitely many units.
    """
    late_readout(trial, steps, readout, width)


@claim(LATE, kind="rate", tier="full", cases=[(8, 128), (32, 256)])
def test_late_readout__long(trial, steps: Steps, width: From128, readout: Readout = 1.0):
    """If the readout starts small, $a = (0, 1/2)$ and $b = (0, 1)$, many steps move the features by
    the order $n^(-1)$ as the width $n$ grows.

    At these widths the order 1 / n, which grows with the steps, makes the exponent seem nearer to
    zero.
    """
    late_readout(trial, steps, readout, width)


@claim(
    derived(
        "first order in moved features, second order of the delta method in the share of each "
        "kind of unit"
    ),
    kind="limit",
    cases=[2, 5, 12],
)
def test_late_readout__order(
    trial,
    steps: Annotated[int, Interval(2, 13, why="later, the next orders are as large")],
    share: Annotated[
        float, Interval(0.02, 0.95, why="the next order is seen of rarer kinds")
    ] = 0.3,
):
    """Let $n$ units of two kinds be drawn at random, the readout start from zero, and both layers
    learn. The mean square movement of the features, times $n^2$, is $L + (F + D) / n$ to first
    order: $L$ is its limit, $F$ what the moved features change in the steps, and $D$ what the drawn
    shares of the two kinds change.
    """
    from scipy.stats import binom

    x, y = FEW
    law = predicted.late_movement(UNITS, np.array([share, 1 - share]), x, y[:, 0], steps)

    def excess(n):
        count = np.arange(n + 1)  # of units of the first kind, which is all that networks differ in
        into = np.where(np.arange(n) < count[:, None], *UNITS)[:, :, None]
        network = observed.Network((into, np.zeros((n + 1, 1, n))), (1.0, n**-0.5), 1.0, "tanh")
        movements = n * movement(
            network, observed.train(network, np.stack([x] * steps), np.stack([y] * steps))[0], x
        )
        return n * (binom.pmf(count, n, share) @ movements**2 - law.limit)

    sizes = 16 * 2 ** np.arange(6)
    truth = law.fed_back + law.drawn
    controls = {
        "kernels of infinitely many units": law.fed_back,
        "features that stand still": law.drawn,
    }
    both = abs(law.fed_back) + abs(law.drawn)
    margin = 0.002 * both
    alike = "share must be such that the two orders do not cancel to a tenth"
    trial.require(abs(truth) >= 0.1 * both, alike)
    controls = {name: value for name, value in controls.items() if abs(value - truth) >= 3 * margin}
    trial.limit(
        [excess(int(n)) for n in sizes],
        sizes,
        truth,
        order=(1, 2),
        margin=margin,
        controls=controls,
    )


@claim(
    tried(DICHOTOMY, "linear networks, and the exponent $2 s$"),
    kind="rate",
    cases=[(0.5, 0.15), (0.25, 0.15), (0.0, 0.15), (0.5, 0.1)],
)
def test_dichotomy(
    trial,
    s: Annotated[float, Interval(0, 0.5, why="from feature learning to the kernel regime")],
    rate: Annotated[
        float, Interval(0.05, 0.16, why="below, powers of n mix, above, steps overshoot")
    ],
    width: Annotated[
        int, Interval(4096, 8192, why="below, powers of n mix, and the largest is 2^40 times it")
    ] = 4096,
):
    """The linear networks $F_s$, with $f = n^(s - 1) v'w x$ and rate $n^(1 - 2 s)$, depart from
    descent with their own initial kernel by the order $n^(-2 s)$.

    Their features move by n^(-s), as r of `width_exponent` says.
    """
    trial.require(
        s in (0, 0.5) or 0.1 <= s <= 0.25, "s must be 0, 1/2 or in [0.1, 0.25], or powers of n mix"
    )
    ratio = 2 ** int(np.ceil(1 / s)) if s else 16  # the next order is n^-2s smaller
    rivals = {"$s$ for $2 s$": -s, "$-1$ for every $s$": -1.0, "none": 0.0}
    widths = [width * ratio**k for k in range(5)]
    # Of f, of which the departure is n^-2s; steps are seen through n^s
    rounding = 1e-15 * widths[-1] ** (3 * s)
    power_law(
        trial,
        lambda n: departure(n, s, rate),
        widths,
        -predicted.departure_exponent(s),
        rivals,
        rounding,
        generic="",  # nothing is drawn
    )


def departure(width, s, rate):
    """Root mean square, over steps and networks, of the trained output less that of kernel descent
    from the start.
    """
    network, chances = observed.reduced_nodes(width, s, rate)
    gap = observed.train(network, *SERIES)[1][:, :, 0, 0] - observed.kernel_descent(
        network, *SERIES
    )
    return float(np.sqrt(np.mean(gap**2 @ chances)))


@claim(
    tried(DICHOTOMY, "linear networks, and what they differ by"),
    kind="limit",
    cases=[0.15, 0.05],
)
def test_dichotomy__feature_learning(trial, rate: Small, width: Wide = 4096):
    """At $s = 0$ the departure of the linear networks $F_s$ from descent with their initial kernel
    tends to a constant: the recursion of the limit minus descent with the kernel $2 x x'$.
    """
    full = predicted.limit_outputs(X, 1.5 * X, rate)
    kernel = predicted.kernel_limit_outputs(X, 1.5 * X, rate)
    half = predicted.kernel_limit_outputs(X, 1.5 * X, rate / 2)
    constant, control = (float(np.sqrt(np.mean((full - path) ** 2))) for path in (kernel, half))
    sizes = width * 2 ** np.arange(5)
    values = [departure(int(n), 0.0, rate) for n in sizes]
    controls = {"the kernel $x x'$": control, "0, as in the kernel regime": 0.0}
    trial.limit(values, sizes, constant, order=1, margin=1e-3 * constant, controls=controls)
