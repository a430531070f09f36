"""Linderman, Rachh, Hoskins, Steinerberger & Kluger 2019, "Efficient Algorithms for t-distributed
Stochastic Neighborhood Embedding", arXiv 1712.09005.

For whoever sets nodes per box and the width of boxes in FIt-SNE: what more nodes gain, and why an
odd number of them gives larger jumps.

Setting: a box $[0, w]$ has $p$ nodes $t_i = w (2i - 1)/(2p)$, half a spacing from its ends. The
kernel is $f(x) = 1/(1 + x²)$, its interpolant the polynomial of degree $p - 1$ through the nodes,
and $ω(x) = ∏_i (x - t_i)$. $W = w/2$, $c_p = (2p - 1)!!/(2p)^p$. For forces the kernel $(1 + r²)⁻²$
is interpolated in both points, and Fourier transforms sum over the grid of nodes.

Take away: with the defaults, three nodes in boxes of width 1, the kernel of the forces errs by .91
where two points meet in a corner of a box, of 1 at most (`worst_error`). In a box wider than 3.8057
the error at its end grows with the number of nodes in the end, at $w = 5$ by a factor of 1.15 a
node, and it is $w/2$ times as large for odd numbers as for even ones (`runge_width`). Potentials
jump where boxes meet, for an odd number of nodes by order $w^p$ and for an even one by order
$w^(p + 1)$: 2 nodes jump as 3 do (`jump_at_edges-order`). The net force is 0 nevertheless, because
the interpolated kernel is symmetric (`no_net_force`).

Edges: with more than 40 nodes double precision loses all digits, so that this page computes with
fractions. The orders are accurate for $w <= .2$. In the plane the nearest pole is the same if the
two other coordinates are equal. The code takes boxes of width 1 at most, and narrower ones while
an embedding is less than 50 wide.

Paper: it computes the repulsion in $t$-SNE by interpolation on a grid and fast Fourier transforms.
This page gives the error of the interpolation at the released code's nodes.

Abstract:

- Statement 1: the slowest step, a convolution, becomes fast by interpolation on a grid and Fourier
  transforms. In part: error_of_a_box, worst_error, runge_width, jump_at_edges, no_net_force. The
  error of the interpolation is on trial; times are not.
- Statement 2: approximate neighbours, a late exaggeration and components of data that do not fit
  into memory help, too. Not on trial. They need the data and a clock.

Read: the abstract, in a stored copy, and the nodes and boxes in the code, KlugerLab/FIt-SNE,
src/nbodyfft.cpp. Derived here: all formulas; the critical width is Runge's. Not claimed: that
embeddings suffer.

Topic: linear algebra for learning.
"""

from fractions import Fraction
from typing import Annotated

import numpy as np
from scipy.interpolate import BarycentricInterpolator
from scipy.signal import fftconvolve

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Width = Annotated[float, Interval(0.5, 6, why="w; beyond, the error is larger than the kernel")]
Distance = Annotated[float, Interval(0.1, 1.5, why="of the charge; farther, derivatives vanish")]

STRONGEST = 3 * np.sqrt(3) / 16
"""The largest force r/(1 + r²)² of a pair of points."""


def nodes_of(count, width, start=0):
    """The p nodes of a box [start, start + w], floats or fractions."""
    return [start + width * Fraction(2 * i + 1, 2 * count) for i in range(count)]


def kernel(x):
    """1/(1 + x²)."""
    return 1 / (1 + x * x)


@observed
def library_error(count, width, charge, at):
    """f(x - z) less its interpolant (k,) at places (k,), by scipy's barycentric interpolation."""
    nodes = np.array(nodes_of(count, Fraction(width)), float)
    interpolant = BarycentricInterpolator(nodes, kernel(nodes - charge), random_state=0)
    return kernel(at - charge) - interpolant(at)


@observed
def interpolated(count, width, start, charge, at):
    """The interpolant of f(x - z) on the box [start, start + w] at one place, in fractions."""
    nodes = nodes_of(count, width, start)
    total = Fraction(0)
    for i, node in enumerate(nodes):
        weight = Fraction(1)
        for j, other in enumerate(nodes):
            if i != j:
                weight *= (at - other) / (node - other)
        total += weight * kernel(node - charge)
    return total


@observed
def error_at_end(count, width):
    """The absolute error at the end of a box for a charge in its middle, in fractions."""
    width = Fraction(width)
    middle = width / 2
    return float(abs(kernel(middle) - interpolated(count, width, 0, middle, Fraction(0))))


@observed
def jump(count, width, charge):
    """The interpolant of the box [0, w] less that of [-w, 0] at 0, in fractions."""
    width = Fraction(width)
    charge = Fraction(charge)
    right, left = (interpolated(count, width, at, charge, Fraction(0)) for at in (0, -width))
    return float(right - left)


@observed
def worst_error(count, width, power, steps=8):
    """The largest error of (1 + r²)^-power over a grid of pairs of points in one box of the plane,
    whose two coordinates and both points are interpolated by scipy.
    """
    nodes = np.array(nodes_of(count, Fraction(width)), float)
    places = np.linspace(0, width, steps + 1)
    basis = BarycentricInterpolator(nodes, np.eye(count), random_state=0)(places)

    def table(at):
        squares = np.subtract.outer(at, at) ** 2
        return (1 + squares[:, :, None, None] + squares[None, None]) ** -power

    found = np.einsum("ai,bj,ijkl,ck,dl->abcd", basis, basis, table(nodes), basis, basis)
    return np.max(np.abs(found - table(places)))


@observed
def repulsion(points, count, boxes, symmetric=True):
    """The forces (n, 2) Σ_j K(y_i - y_j)(y_i - y_j), K = (1 + r²)⁻², of points in [0, 1]² · boxes,
    whose sums over the grid are convolutions; both points of K are interpolated, or the first one
    only.
    """
    grid = np.array(nodes_of(count, Fraction(1)), float)
    places = (np.arange(boxes)[:, None] + grid).ravel()
    weights = np.zeros((2, len(points), len(places)))
    for axis, coordinates in enumerate(points.T):
        inside = np.minimum(coordinates.astype(int), boxes - 1)
        for i, node in enumerate(grid):
            others = np.delete(grid, i)
            local = (coordinates - inside)[:, None]
            weights[axis, np.arange(len(points)), inside * count + i] = np.prod(
                (local - others) / (node - others), axis=1
            )
    charges = np.column_stack([np.ones(len(points)), points])
    if symmetric:
        steps = np.arange(1 - len(places), len(places)) / count
        table = (1 + np.add.outer(steps**2, steps**2)) ** -2.0
        spread = np.einsum("nx,ny,nc->cxy", weights[0], weights[1], charges)
        fields = np.array([fftconvolve(table, each, mode="valid") for each in spread])
    else:
        squares = [(places[:, None] - points[:, axis]) ** 2 for axis in (0, 1)]
        whole = (1 + squares[0][:, None] + squares[1][None]) ** -2.0
        fields = np.einsum("xyn,nc->cxy", whole, charges)
    potentials = np.einsum("nx,ny,cxy->nc", weights[0], weights[1], fields)
    return potentials[:, :1] * points - potentials[:, 1:]


@predicted
def box_error(count, width, charge, at):
    """ω(x) Im[1/((x - z - i) ω(z + i))] at places (k,)."""
    nodes = np.array(nodes_of(count, Fraction(width)), float)
    omega = np.prod(np.subtract.outer(at, nodes), axis=1)
    at_pole = np.prod(charge + 1j - nodes)
    return omega * (1 / ((at - charge - 1j) * at_pole)).imag


@predicted
def corner_error(width, power, coordinates=2):
    """What three nodes make of 1 = (1 + 0)^-power for two points in one corner of a box, less 1: in
    each coordinate nodes 0, w/3 and 2w/3 apart have the weights 167/32, -180/32 and 45/32.
    """
    squares = np.zeros(1)
    weights = np.ones(1)
    for _ in range(coordinates):
        squares = np.add.outer(squares, np.arange(3) ** 2 * width**2 / 9).ravel()
        weights = np.multiply.outer(weights, np.array([167, -180, 45]) / 32).ravel()
    return weights @ (1 + squares) ** -power - 1


@predicted
def rate(width):
    """R = ½ log(1 + W⁻²) + arctan(W)/W - log 2, W = w/2, by which errors fall a node."""
    half = width / 2
    return np.log1p(half**-2.0) / 2 + np.arctan(half) / half - np.log(2)


@predicted
def runge_error(count, width):
    """√2 e^(-pR)/(1 + W²), times W for odd p."""
    half = width / 2
    return np.sqrt(2) * np.exp(-count * rate(width)) / (1 + half**2) * half ** (count % 2)


@predicted
def end_factor(count):
    """c_p = (2p - 1)!!/(2p)^p, |ω| at the ends of a box of width 1."""
    return np.prod(np.arange(1, 2 * count, 2.0)) / (2.0 * count) ** count


@predicted
def taylor(count, x):
    """f^(p)(x)/p! = (-1)^p Im (x - i)^(-p - 1)."""
    return (-1) ** count * ((np.asarray(x) - 1j) ** (-count - 1)).imag


@predicted
def jump_of_odd(count, width, charge):
    """2 c_p w^p f^(p)(-z)/p! with the sign of the right box less the left one, for odd p."""
    if count % 2 == 0:
        raise ValueError("count must be odd: for even numbers the leading term cancels")
    return 2 * end_factor(count) * taylor(count, -charge) * width**count


@predicted
def order_of_jump(count):
    """The power of w by which jumps fall: p if odd, p + 1 if even."""
    return count + (count + 1) % 2


@predicted
def inside_bound(count, width, charge):
    """c_p max|f^(p)| w^p/p!, the maximum over a box."""
    fine = np.linspace(0, width, 2001)
    return end_factor(count) * width**count * np.max(np.abs(taylor(count, fine - charge)))


@predicted
def net_force():
    """0: the sum of forces of a symmetric kernel."""
    return np.zeros(2)


@claim(
    derived("partial fractions"),
    kind="identity",
    cases=[(3, 1.0, 0.3), (5, 2.5, 1.1), (8, 6.0, -2.0), (2, 0.5, 3.0)],
)
def test_error_of_a_box(
    trial,
    count: Annotated[int, Interval(2, 12, why="p; one node is a constant, many lose digits")],
    width: Width,
    charge: Annotated[float, Interval(-3, 3, why="z; farther, there is hardly a potential")],
):
    """Let $t_i = w (2i - 1)/(2p)$ be $p$ nodes in the box $[0, w]$, $ω(x) = ∏_i (x - t_i)$ and
    $f(x) = 1/(1 + x²)$. The interpolation error of $x -> f(x - z)$ at the nodes is
    $ω(x) Im[1/((x - z - i) ω(z + i))]$ for each charge at $z$.
    """
    at = width * (np.arange(9) + 0.137) / 9
    law = box_error(count, width, charge, at)
    nodes = np.array(nodes_of(count, Fraction(width)), float)
    omega = np.prod(np.subtract.outer(at, nodes), axis=1)
    around = width / 2 * (1 + np.cos(np.pi * (np.arange(count) + 0.5) / count))
    chebyshev = np.prod(np.subtract.outer(at, around), axis=1)
    rivals = {
        "the leading term of Taylor's series": omega * taylor(count, width / 2 - charge),
        "as for Chebyshev's nodes": chebyshev
        * (1 / ((at - charge - 1j) * np.prod(charge + 1j - around))).imag,
    }
    trial.value(
        library_error(count, width, charge, at),
        law,
        error=1e-14 * 2.0**count,
        margin=1e-10 + 2e-14 * 2.0**count,
        scale=np.max(np.abs(law)),
        controls=rivals,
    )


@claim(
    derived("the interpolant where two points meet in a corner"),
    kind="identity",
    cases=[(1.0, 2), (1.0, 1), (0.7, 2), (2.0, 1)],
)
def test_worst_error(
    trial,
    width: Annotated[
        float, Interval(0.6, 2, why="w; narrow boxes err elsewhere, wide ones by more than 1")
    ],
    power: Annotated[int, Interval(1, 2, why="2 for forces, 1 for their normaliser")],
):
    """Let both points of the kernel $(1 + r²)^(-s)$ in the plane be interpolated at three nodes a
    side of a box of width $w$. Of two points in one box, the error is largest where they meet in a
    corner: it is $sum_(a, b) c_a c_b (1 + (a² + b²) w²/9)^(-s) - 1$, $a$ and $b$ in $0, 1, 2$, with
    $c = (167, -180, 45)/32$.
    """
    law = corner_error(width, power)
    on_a_line = corner_error(width, power, coordinates=1)
    trial.value(
        worst_error(3, width, power),
        law,
        error=1e-10,
        margin=1e-3 * law,
        instances="grid",
        controls={
            "as on a line": on_a_line,
            "both coordinates multiply": (1 + on_a_line) ** 2 - 1,
        },
    )


@claim(
    derived("Stirling's formula for $ω$ at the end and at the pole"),
    kind="limit",
    cases=[(64, 3.0), (65, 3.0), (40, 5.0), (31, 1.5), (64, 3.8057)],
)
def test_runge_width(
    trial, count: Annotated[int, Interval(30, 65, why="p; the limit is at infinity")], width: Width
):
    """Let $1/(1 + (x - w/2)²)$ be interpolated at the $p$ nodes $w (2i - 1)/(2p)$ of the box
    $[0, w]$, $W = w/2$ and $R = ½ log(1 + W⁻²) + arctan(W)/W - log 2$. As $p → ∞$, the error at the
    ends of the box times $e^(p R) (1 + W²)/√2$ tends to 1 for even $p$ and to $W$ for odd $p$.
    """
    half = width / 2
    trial.require(abs(half - 1) >= 0.1, "width must be .2 or more off 2, where W is 1")
    law = runge_error(count, width)
    per_node = np.exp(rate(width)) * half / (1 + np.sqrt(1 + half**2))
    trial.value(
        error_at_end(count, width),
        law,
        error=1e-12 * law,
        margin=0.02 * law,
        controls={
            "even as odd numbers of nodes": law * half ** (1 - 2 * (count % 2)),
            "Chebyshev's factor a node": law * per_node**count,
        },
    )


@claim(
    derived("$ω(w) = (-1)^p ω(0)$"),
    kind="limit",
    cases=[(1, 0.05, 0.7), (2, 0.02, 0.3), (3, 0.04, 0.35)],
)
def test_jump_at_edges(
    trial,
    half: Annotated[int, Interval(1, 3, why="(p - 1)/2; more nodes are not used")],
    width: Annotated[float, Interval(0.01, 0.05, why="w; the limit is at 0")],
    charge: Distance,
):
    """Let boxes of width $w$ have $p$ nodes each, half a spacing from their ends, and
    $f(x) = 1/(1 + x²)$. For odd $p$ the interpolated potential $f(x - z)$ of a charge at $z$ jumps
    at 0, where two boxes meet, by $2 c_p f^{(p)}(-z) w^p/p!$ as $w → 0$, where $f^{(p)}$ is the
    derivative and $c_p = (2p - 1)!!/(2p)^p$.
    """
    count = 2 * half + 1
    law = jump_of_odd(count, width, charge)
    trial.require(abs(taylor(count, -charge)) >= 0.1, "the derivative is near 0 at this charge")
    trial.value(
        jump(count, width, charge),
        law,
        error=1e-12 * abs(law),
        margin=0.03 * abs(law),
        controls={
            "no jump": 0.0,
            "the error of one box": law / 2,
            "Chebyshev's nodes": law * 2 * 0.25**count / end_factor(count),
        },
    )


@claim(
    derived("$ω(w) = (-1)^p ω(0)$"),
    cases=[(2, 0.7), (3, 0.7), (4, 0.3), (5, 0.4)],
)
def test_jump_at_edges__order(
    trial,
    count: Annotated[int, Interval(2, 7, why="p; one node is a constant, more are not used")],
    charge: Distance,
):
    """Let boxes of width $w$ have $p$ nodes each, half a spacing from their ends. The interpolated
    potential $1/(1 + (x - z)²)$ of a charge at $z$ jumps where two boxes meet, by an amount that
    falls as $w^p$ for odd $p$ and as $w^(p + 1)$ for even $p$, as $w → 0$.
    """
    boxes = [8, 16, 32, 64, 128]
    jumps = [abs(jump(count, Fraction(1, each), charge)) for each in boxes]
    law = order_of_jump(count)
    trial.require(abs(taylor(law, -charge)) >= 0.1, "the derivative is near 0 at this charge")
    trial.order(
        jumps,
        boxes,
        -float(law),
        rounding=[1e-14 * each for each in jumps],
        margin=0.05,
        controls={"the other parity's order": -float(2 * count + 1 - law)},
        same_instance=True,
    )


@claim(
    derived("the mean value theorem; $|ω|$ is largest at the ends"),
    cases=[(2, 0.1, 1.2), (3, 0.05, 0.5), (4, 0.05, 0.1)],
    not_tight="near a zero of the derivative the next order counts",
)
def test_jump_at_edges__inside(
    trial,
    count: Annotated[int, Interval(2, 4, why="p; one node is a constant, more hardly err")],
    width: Annotated[float, Interval(0.02, 0.1, why="w; in wider boxes the bound is far off")],
    charge: Distance,
):
    """Let $f(x - z)$, $f(x) = 1/(1 + x²)$, be interpolated at $p$ nodes $w (2i - 1)/(2p)$ of the
    box $[0, w]$. The error inside the box is at most $c_p max|f^{(p)}| w^p/p!$, where $f^{(p)}$ is
    the derivative, its maximum is over the box, and $c_p = (2p - 1)!!/(2p)^p$.
    """
    at = [Fraction(width) * Fraction(k, 16) for k in range(17)]
    exact = [kernel(x - Fraction(charge)) for x in at]
    errors = [
        float(abs(value - interpolated(count, Fraction(width), 0, Fraction(charge), x)))
        for value, x in zip(exact, at, strict=True)
    ]
    law = inside_bound(count, width, charge)
    trial.bound(
        np.array(errors),
        law,
        instances="grid",
        # The errors are rounded once, the bound some 30 times. The rest is room, as the imaginary
        # part of a power can be small beside the power.
        ops=100,
        controls={"of Chebyshev's nodes": law * 2 * 0.25**count / end_factor(count)},
    )


@claim(
    derived("the interpolated kernel is symmetric"),
    kind="identity",
    cases=[(60, 3, 6), (100, 2, 3), (80, 2, 10)],
)
def test_no_net_force(
    trial,
    points: Annotated[int, Interval(60, 100, why="few points hardly err; pairs are summed up")],
    count: Annotated[int, Interval(2, 3, why="p; 3 is the default, more hardly err")],
    boxes: Annotated[int, Interval(2, 10, why="a side; in one box there are no edges")],
):
    """If both points of the kernel are interpolated, repulsions in the plane add up to 0, although
    each of them errs.
    """
    clouds = boxes * trial.generator("points").random((230, points, 2))

    def net_forces(symmetric=True):
        each = [repulsion(places, count, boxes, symmetric=symmetric) for places in clouds]
        return np.sum(each, axis=1)

    trial.value(
        net_forces(),
        np.tile(net_force(), (230, 1)),
        error=1e-11 * points,
        margin=1e-9 * points,
        scale=STRONGEST * np.sqrt(points),
        independent=230,
        control_processes={"the first point interpolated": net_forces(symmetric=False)},
    )


@figure("F1", claims=("runge_width",))
def more_nodes(most: int = 24):
    """In wide boxes more nodes make the interpolation worse, and odd numbers do so first.

    The error at the end of a box for a charge in its middle. Marks: lines: limit of many nodes;
    points: interpolation in exact fractions.
    """
    counts = range(2, most + 1)
    lines = {}
    points = {}
    for width in (2.5, 3.0, 3.8057, 5.0):
        name = f"w = {width:g}"
        lines[name] = counts, [runge_error(p, width) for p in counts]
        points[name] = counts, [error_at_end(p, Fraction(width)) for p in counts]
    return chart(
        lines,
        points,
        log="y",
        legend="beside",
        x="nodes p in a box",
        y="error of the kernel, which is at most 1",
    )
