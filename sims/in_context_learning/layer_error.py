"""What one compiled layer can add to the error: remainders, tails, the layer norm, and the rounding of all sums.

Rounding follows the standard model, sums in any order, with a GeLU accurate to GELU_ULPS units. All bounds: derived
here.
"""

from typing import NamedTuple, TypedDict

import numpy as np
from jax import numpy as jnp
from jaxtyping import Float

from sims.in_context_learning.activations import GeluForm
from sims.in_context_learning.compiler import GATE, scales_per_layer
from sims.in_context_learning.domains import Size
from sims.in_context_learning.layer import LayerNormMode
from sims.in_context_learning.magnitudes import LayerBounds, magnitudes_of
from sims.in_context_learning.network import Scales
from sims.in_context_learning.raw import Division, Instruction, State
from theory_on_trial.base.arrays import FloatType
from theory_on_trial.contract import guarded

GELU_ULPS = 4
"""Relative error, in units of rounding, within which a GeLU is evaluated."""

STEEPEST = 1.13
"""No slope of GeLU, in either form, exceeds it."""

REMAINDERS: dict[GeluForm, tuple[float, float]] = {
    "erf": (1 / 12, 1 / 80),
    "tanh": (1 / (3 * np.pi) - 0.044715 / 2, 4 / (15 * np.pi**2) - 0.044715 / np.pi),
}
"""κ and μ of √(π/2) (GeLU(z) - z/2) = z²/2 - κ z⁴ + μ z⁶ - ...

Cut after z² or z⁴, the series is off by at most κ z⁴ or μ z⁶, at every z."""


class Choices(TypedDict, total=False):
    """What `Construction` takes beside scales and precision."""

    layer_norm: LayerNormMode
    form: GeluForm
    balanced: bool
    richardson: bool


class Construction(NamedTuple):
    """How a program is compiled and run: the choices of `compile_program` and `run` that its error depends on.

    `scales` are those of all layers, or of one of them.
    """

    scales: Scales
    dtype: FloatType = np.float64
    layer_norm: LayerNormMode = "ideal"
    form: GeluForm = "erf"
    balanced: bool = True
    richardson: bool = False

    @property
    def unit(self) -> float:
        """The unit of rounding, 2^-53 in float64."""
        return float(jnp.finfo(self.dtype).eps) / 2

    @guarded(double=False)
    def per_layer(self, layers: Size) -> list["Construction"]:
        """The construction of each layer; ValueError for what `compile_program` and `run` refuse."""
        if self.form not in REMAINDERS or self.layer_norm not in ("ideal", "realised"):
            raise ValueError(f"options must be those of run, got form {self.form!r} and layer_norm {self.layer_norm!r}")
        if not isinstance(self.scales, Scales):
            raise TypeError(f"scales must be Scales, got a value of type {type(self.scales).__name__}")
        return [self._replace(scales=scales) for scales in scales_per_layer(self.scales, layers, self.dtype)]


class Leftover(NamedTuple):
    """What a layer leaves outside the registers: rounding in the scratch, and pads that the next layer takes off."""

    scratch: Float[np.ndarray, "*batch positions"]
    pads: Float[np.ndarray, "*batch positions"]


def no_leftover(state: State) -> Leftover:
    """Scratch and pads of a prompt that no layer has seen."""
    return Leftover(np.zeros_like(state[..., 0, :]), np.zeros_like(state[..., 0, :]))


def layer_error(
    instruction: Instruction, sizes: LayerBounds, before: Leftover, construction: Construction
) -> tuple[Float[np.ndarray, "*batch write positions"], Leftover]:
    """A bound on what a layer adds to the error of the rows that it writes, for numbers of the given sizes.

    `construction` has the scales of this layer.
    """
    unit, scales = construction.unit, construction.scales
    norm, pads = _norm(sizes, before, construction)
    if isinstance(instruction, Division):
        error = _passing(sizes.passed, 1, 1, norm, scales, unit) + 3 * unit * sizes.result
        return error, Leftover(before.scratch, pads)
    read_error = _read_error(instruction, sizes, before, scales, unit)
    if instruction.star == "+":
        error = _sum_error(instruction, sizes, read_error, norm, scales, unit)
    else:
        error = _product_error(instruction, sizes, read_error, norm, construction)
    if instruction.only_at is not None:
        # Elsewhere the units are shut, and N is put back by a unit that passes N itself.
        shut = scales.bypass * (8 * unit + norm.relative + 2 * norm.absolute)
        error = np.where(np.arange(error.shape[-1]) == instruction.only_at, error, shut)
    scratch = _passing(sizes.read, 1, 1, norm, scales, unit).max(axis=-2, initial=0)
    return error, Leftover(scratch, pads)


class _Noise(NamedTuple):
    """The layer norm returns v (1 + δ) + η for every row v: bounds on |δ| and |η|, with an axis for the rows."""

    relative: Float[np.ndarray, "*batch 1 positions"]
    absolute: Float[np.ndarray, "*batch 1 positions"]


def _norm(sizes, before, construction):
    """The noise of the layer norm, and the size of the pads that make it."""
    zeros = np.zeros_like(before.pads)[..., None, :]
    if construction.layer_norm == "ideal":
        return _Noise(zeros, zeros), before.pads
    unit, scales = construction.unit, construction.scales
    # The position unit and the one are rows too; the number of rows cancels but for the leading terms.
    total = sizes.before.sum(axis=-2) + sizes.read.sum(axis=-2) + 2
    squares = (sizes.before**2).sum(axis=-2) + (sizes.read**2).sum(axis=-2) + 2
    rows = sizes.before.shape[-2] + sizes.read.shape[-2] + sizes.before.shape[-1] + 3
    largest, least = scales.pad * sizes.divisor, scales.pad * sizes.least_divisor
    with np.errstate(divide="ignore", invalid="ignore"):
        if construction.balanced:
            factor = (total**2 / 4 + squares / 2) / least**2 / 2
            pads = largest + total / 2
        else:
            excess = total / least + (total**2 + squares) / (2 * least**2)
            factor = np.where(excess < 1, np.maximum(1 - excess, 0) ** -0.5 - 1, np.inf)
            pads = largest + total
        # The self head sees a little of the pads elsewhere too.
        elsewhere = _elsewhere(scales, before.pads.shape[-1]) * (pads + before.pads).max(axis=-1, keepdims=True)
        # Two pads, each a sum over all rows, and the mean of all rows: how far their errors shift the mean.
        pad_error = unit * (rows + 3) * (pads + before.pads) + elsewhere
        absolute = (2 * pad_error + unit * (rows + 2) * (2 * pads + total)) / rows / sizes.least_divisor
        relative = factor + 2 * (rows + 8) * unit + 2 * elsewhere / least
    return _Noise(relative[..., None, :], absolute[..., None, :]), pads


def _passing(size, weight_sums, terms, norm, scales, unit, gate=0.0):
    """Error of GeLU(N + x) - N for a sum x of so many terms, |x| <= size, with absolute weights of the given sums."""
    room = scales.bypass - size
    # z (1 - Φ(z)) <= φ(z) for z > 0, for both forms of GeLU; below zero all of z is lost.
    tail = np.where(room > 0, np.exp(-(np.maximum(room, 0) ** 2) / 2) / np.sqrt(2 * np.pi), 0.4 - room)
    rounding = unit * (terms + GELU_ULPS + 6) * (scales.bypass + gate + size)
    return tail + rounding + STEEPEST * (norm.relative * size + norm.absolute * weight_sums)


def _elsewhere(scales, positions):
    """How far a mean over K(i) can be moved by what the softmax leaves on other positions, per size of an entry."""
    return 2 * positions * np.exp(-scales.sharpness)


def _read_error(raw, sizes, before, scales, unit):
    """Error of W_a mean h_j[r]: what the softmax leaves elsewhere, rounding, and what was left in the scratch."""
    positions = sizes.before.shape[-1]
    elsewhere = _elsewhere(scales, positions) * sizes.before.max(axis=(-2, -1))[..., None, None]
    weight_sums = np.abs(raw.read_matrix).sum(axis=1, keepdims=True)
    rounding = unit * (_terms(raw.read_matrix) + positions + 3) * sizes.read
    return elsewhere * weight_sums + rounding + before.scratch[..., None, :]


def _sum_error(raw, sizes, read_error, norm, scales, unit):
    """Error of W_o (p + q) + b - old, which passes in one piece."""
    weights = magnitudes_of(raw)
    own_sums = weights.own_matrix.sum(axis=1, keepdims=True)
    weight_sums = weights.out_matrix @ (1 + own_sums) + weights.bias[:, None] + 1
    terms = _terms(raw.out_matrix) * (2 + _terms(raw.own_matrix)) + 2
    gate = 0.0 if raw.only_at is None else 2 * GATE * scales.bypass
    return weights.out_matrix @ read_error + _passing(sizes.passed, weight_sums, terms, norm, scales, unit, gate)


def _product_error(raw, sizes, read_error, norm, construction):
    """Error of W_o (p * q), three or six GeLUs for each entry, and of b - old, which passes."""
    unit, scales, weights = construction.unit, construction.scales, magnitudes_of(raw)
    own_sums = weights.own_matrix.sum(axis=1, keepdims=True)
    read_error = read_error + norm.relative * sizes.read + norm.absolute
    own_error = unit * _terms(raw.own_matrix) * sizes.own + norm.relative * sizes.own + norm.absolute * own_sums
    inherited = sizes.read * own_error + (sizes.own + own_error) * read_error
    size = sizes.read + sizes.own + read_error + own_error
    fourth, sixth = REMAINDERS[construction.form]
    if construction.richardson:
        remainder = 20 / 3 * sixth * scales.product**4 * size**6
        coefficients, units, largest = 1.5, 6, 2 * scales.product
    else:
        remainder = fourth * scales.product**2 * size**4
        coefficients, units, largest = 1.0, 3, scales.product
    # |GeLU(z)| and |z GeLU'(z)| are at most |z| (1/2 + 0.8 |z|).
    slope = np.minimum(0.5 + 0.8 * largest * size, STEEPEST)
    magnitude = coefficients * np.sqrt(np.pi / 2) / scales.product * 2 * size * slope
    summed = weights.out_matrix @ magnitude + scales.bypass + sizes.passed
    terms = units * _terms(raw.out_matrix) + 2
    rounding = unit * ((terms + GELU_ULPS + 6) * summed + sizes.result)
    old = _passing(sizes.passed, 1 + weights.bias[:, None], 2, norm, scales, unit)
    return weights.out_matrix @ (inherited + remainder) + rounding + old


def _terms(matrix: Float[np.ndarray, "rows columns"]) -> int:
    """The most terms that a row of the matrix adds up."""
    return int(np.count_nonzero(matrix, axis=1).max(initial=0))
