"""How far a readout that starts small moves the features once it has learned: the limit of large
width and the corrections of a finite one.

The network has one hidden layer of n tanh units and the exponents a = (0, 1/2), b = (0, b), c = 0.
It learns at the rate 1 from full batches of m samples. The readout learns weights of the order
n^(-1/2), through which features of order one move by the order 1 / n. The outputs follow the kernel
of the start.

Derivation. Let h be the activations of a unit on the m samples, d = 1 - h^2, G = x x' the Gram
matrix of the inputs, K the mean of h h' over units, e = f - y the errors, and o the product of
entries.

- Descent from zero gives the unit the readout v = c'h / n^(1/2), where c is minus the sum of e over
  the steps so far, over m. Hence f = K c and e = K c - y.
- In one step the sums u that enter the unit's tanh move by -G (e o v d) / (m n^(1/2)). To first
  order d and h are those of the start. Over all steps u then moves by G (d o M'h) / n, where M is
  minus the sum of c e' over the steps, over m. `limit` is the mean square of d times this movement
  times n. All other terms are of the next order.
- `fed_back` results when the moved h and d are put back into the readout and the sums.
- With n drawn units K is off by the mean of their own deviations h h' - K, which is of order
  n^(-1/2) and has mean zero. `drawn` results when M, c and e are expanded to second order in it and
  averaged over the units.
- A readout v_0 of order n^(-b) at the start adds v_0 times G (d o s) / n^(1/2) to the movement of u
  in size, where s is the sum of e over the steps, over m. Since v_0 has a symmetric law, only its
  square contributes: `start`.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import PROBABILITIES, USABLE_SCALE, Interval, guarded

Units = Annotated[Float[np.ndarray, "units inputs"], USABLE_SCALE]
"""The incoming weights, one row for each unit."""
Chances = Annotated[Float[np.ndarray, " units"], PROBABILITIES]
Samples = Annotated[Float[np.ndarray, "samples inputs"], USABLE_SCALE]
Values = Annotated[Float[np.ndarray, " samples"], USABLE_SCALE]
Steps = Annotated[int, Interval(1, 2**12)]
Array = Float[np.ndarray, "..."]


class LateMovement(NamedTuple):
    """The terms of the mean square movement of the features times n^2, to first order in 1 / n.

    The movement is limit + (fed_back + drawn) / n + start n^(1 - 2 b). The mean is over units and
    samples.
    """

    limit: float
    fed_back: float
    drawn: float
    start: float


@guarded
def normal_units(
    inputs: Annotated[int, Interval(1, 4)], nodes: Annotated[int, Interval(1, 40)]
) -> tuple[Float[np.ndarray, "units inputs"], Float[np.ndarray, " units"]]:
    """Return the nodes of the product of Gauss-Hermite rules for standard normal incoming weights,
    and their probabilities.

    `inputs` is the number of weights of a unit and `nodes` the number of nodes for each weight.
    There are nodes^inputs units, one in each row. Source: textbook.
    """
    axis, weights = np.polynomial.hermite_e.hermegauss(nodes)
    units, chances = (
        np.stack(np.meshgrid(*[rule] * inputs), axis=-1).reshape(-1, inputs)
        for rule in (axis, weights)
    )
    return units, chances.prod(axis=1) / chances.prod(axis=1).sum()


@guarded
def late_movement(
    units: Units, chances: Chances, x: Samples, y: Values, steps: Steps
) -> LateMovement:
    """Return how far the features move in training when each unit has one of the rows of `units` as
    its incoming weights, with these `chances`.

    `x` and `y` are the m samples and targets, and `steps` is the number of full-batch steps at the
    rate 1. The module gives the derivation: `drawn` comes from the delta method in the share of
    each kind of unit, `fed_back` from the first-order change in the same steps. Raises ValueError
    if shapes disagree or if a size exceeds 1e50. Source: derived here.
    """
    m = len(x)
    h = np.tanh(units @ x.T)
    gram = x @ x.T
    d = 1 - h**2
    kernel = (h.T * chances) @ h
    deviation = h[:, :, None] * h[:, None, :] - kernel  # the kernel of one unit, from that of all

    def moved(M: Array) -> Array:
        return (
            d * np.einsum("jb,...jba->...ja", h, M)
        ) @ gram  # the sums of a unit, by an M of its own or of all

    def mean(one: Array, other: Array) -> float:
        return float(chances @ np.mean(one * other, axis=1))

    e = -y
    c = np.zeros(m)
    M = np.zeros((m, m))
    e1 = np.zeros_like(h)
    c1 = np.zeros_like(h)
    M1 = np.zeros_like(deviation)  # first order in the share of each unit
    e2 = np.zeros(m)
    c2 = np.zeros(m)
    M2 = np.zeros((m, m))  # second order, the mean over units
    readout = np.zeros(len(h))
    sums = np.zeros_like(h)
    error_sum = np.zeros(m)  # first order in moved features
    for _ in range(steps):
        sums_moved = moved(M[None])
        late = chances @ (readout[:, None] * h + (h @ c)[:, None] * d * sums_moved)  # of errors
        back = readout[:, None] * d * e + (h @ c)[:, None] * d * (late - 2 * h * sums_moved * e)
        sums -= back @ gram / m
        readout -= (h @ late + (d * sums_moved) @ e) / m
        error_sum += e / m
        M -= np.outer(c, e) / m
        M1 -= (c[:, None] * e1[:, None, :] + c1[:, :, None] * e) / m
        M2 -= (np.outer(c, e2) + (c1.T * chances) @ e1 + np.outer(c2, e)) / m
        c = c - e / m
        c1 = c1 - e1 / m
        c2 = c2 - e2 / m
        e = kernel @ c - y
        e1 = c1 @ kernel + deviation @ c
        e2 = kernel @ c2 + np.einsum("j,jab,jb->a", chances, deviation, c1)
    change = moved(M[None])
    basis = d * moved(np.eye(m * m).reshape(-1, 1, m, m))  # of each entry of an M for all
    quadratic = np.einsum("fja,gja,j->fg", basis, basis, chances, optimize=True) / m
    flat = M1.reshape(-1, m * m)
    fluctuation = (
        np.sum(quadratic * ((flat.T * chances) @ flat)) + 2 * M.ravel() @ quadratic @ M2.ravel()
    )
    return LateMovement(
        mean(d * change, d * change),
        2 * mean(d * change, d * sums - d * h * change**2),
        float(fluctuation + 2 * mean(d * change, d * moved(M1))),
        mean(d * ((d * error_sum) @ gram), d * ((d * error_sum) @ gram)),
    )
