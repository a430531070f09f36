"""How far a readout that starts small moves the features once it has learned: the limit, and what a
finite width adds.

One hidden layer of tanh, a = (0, 1/2), b = (0, b), c = 0, rate 1, full batches of m samples. The
readout learns weights of the order n^(-1/2), with which features of the size one move by 1 / n, and
outputs follow the kernel of the start.

Derivation. With v = c'h / n^(1/2) the readout that descent from zero has learned (h the unit's
activations, c minus the sum of the errors e over m), f = K c and e = K c - y. A unit's sums u move
in one step by -G (e o v d) / (m n^(1/2)), G = x x', d = 1 - h^2; to first order d and h are those
of the start, so that over all steps they move by G (d o M'h) / n, M minus the sum of c e' over m:
`limit` is the mean square of d times that. What is left is of the next order. Feeding the moved h
and d back into readout and sums gives `fed_back`. Of n drawn units K is off by the mean of their
own kernels h h' - K, of order n^(-1/2) and mean zero; M, c, e expanded to its second order,
averaged over units, give `drawn`. A readout v_0 of order n^(-b) adds v_0 times G (d o s), s the sum
of e over m, and by symmetry of v_0 only its square: `start`.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import PROBABILITIES, USABLE_SCALE, Interval, guarded

Units = Annotated[Float[np.ndarray, "units inputs"], USABLE_SCALE]
"""Incoming weights."""
Chances = Annotated[Float[np.ndarray, " units"], PROBABILITIES]
Samples = Annotated[Float[np.ndarray, "samples inputs"], USABLE_SCALE]
Values = Annotated[Float[np.ndarray, " samples"], USABLE_SCALE]
Steps = Annotated[int, Interval(1, 2**12)]
Array = Float[np.ndarray, "..."]


class LateMovement(NamedTuple):
    """Mean square movement times n^2, to first order: limit + (fed_back + drawn) / n + start n^(1 -
    2 b).
    """

    limit: float
    fed_back: float
    drawn: float
    start: float


@guarded
def normal_units(
    inputs: Annotated[int, Interval(1, 4)], nodes: Annotated[int, Interval(1, 40)]
) -> tuple[Float[np.ndarray, "units inputs"], Float[np.ndarray, " units"]]:
    """Return Gauss's nodes for standard normal incoming weights, and their chances. Source:
    textbook.
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
    """Return how far features move when the incoming weights of each unit are one of `units`, with
    these chances.

    By the module's derivation, `drawn` by the delta method in the share of one unit, `fed_back` to
    first order of the same steps. Raises ValueError for sizes beyond 1e50. Source: derived here.
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
