"""Products by GeLU, by tanh and by extrapolation, and the scale that rounds least."""

from functools import partial
from typing import Annotated

import jax
import mpmath
import numpy as np

from paper_checks.test_in_context_learning import UNIT
from paper_checks.test_in_context_learning.blocks import Eps, Factor, Form, Points, least
from sims.in_context_learning import network
from theory.in_context_learning import constructions
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval


@partial(jax.jit, static_argnames=("form", "richardson"))
def products(x, y, scales, form="erf", richardson=False):
    """The product of x and y at every scale."""
    return jax.vmap(partial(network.gelu_product, x, y, form=form, richardson=richardson))(scales)


def factors_and_scales(trial, count, largest, scales):
    """Factors x and y, uniform on [-`largest`, `largest`], and the roundings of their products at
    the scales. The theory's bound counts two roundings in a GeLU, where the library's erf has up to
    four.
    """
    x, y = trial.generator("factors").uniform(-largest, largest, (2, count))
    rounding = [2 * constructions.rounding_of_product(s, largest, 2 * UNIT) for s in scales]
    return x, y, np.array(rounding)


@claim(
    paper("Lemma 4; its remainder, which is smaller than printed, derived here"),
    kind="limit",
    cases=["erf", "tanh"],
)
def test_gelu__mul(trial, form: Form, n_points: Points = 200):
    """For x and y in [-2, 2] the product √(π/2) s^-2 [GeLU(s(x + y)) - GeLU(s x) - GeLU(s y)] of
    Lemma 4 is below x y by κ s^2 [(x + y)^4 - x^4 - y^4] with κ = 1/12, up to a remainder of fourth
    order in s.
    """
    scales = np.array([1e-2, 1e-3])
    x, y, rounding = factors_and_scales(trial, n_points, 2, scales)
    law = np.array([x * y + constructions.gelu_product_error(x, y, s, form) for s in scales])
    # Terms after the next one are smaller by s^2 (x + y)^2 < .002.
    unseen = 1.01 * np.abs([constructions.gelu_product_next_term(x, y, s, form) for s in scales])
    ramps = (np.maximum(x + y, 0) - np.maximum(x, 0) - np.maximum(y, 0)) / scales[:, None]
    trial.value(
        np.asarray(products(x, y, scales, form)),
        law,
        error=rounding[:, None],
        slack=unseen,
        margin=unseen + 3 * rounding[:, None],
        controls={
            "sqrt(2/π) for sqrt(π/2)": law * 2 / np.pi,
            "no error": np.broadcast_to(x * y, law.shape),
        },
        control_processes={"ReLU": np.sqrt(np.pi / 2) * ramps},
    )


@claim(paper("Lemma 4"), kind="limit", cases=["erf", "tanh"])
def test_gelu__mul__order(trial, form: Form, n_points: Points = 200):
    """The root mean square over x and y in [-2, 2] of the error of Lemma 4's product √(π/2) s^-2
    [GeLU(s(x + y)) - GeLU(s x) - GeLU(s y)] of x and y falls as s^2.
    """
    scales = 2.0 ** -np.arange(4, 11)
    x, y, rounding = factors_and_scales(trial, n_points, 2, scales)
    errors = np.asarray(products(x, y, scales, form)) - x * y
    trial.order(
        np.sqrt(np.mean(errors**2, axis=1)),
        1 / scales,
        -2.0,
        rounding=rounding,
        margin=0.02,
        same_instance=True,
        controls={"third order": -1.0, "fifth order": -3.0},
    )


@claim(derived("by Richardson's extrapolation of Lemma 4's product in s^2"), kind="limit")
def test_richardson__mul(trial, n_points: Points = 200):
    """Let m_s be Lemma 4's product of x and y at the scale s. The root mean square over x and y in
    [-1, 1] of the error of (4 m_s - m_2s) / 3 falls as s^4.
    """
    scales = 2.0 ** -np.arange(2, 8)
    x, y, rounding = factors_and_scales(trial, n_points, 1, scales)
    size, of_one = (
        np.sqrt(np.mean((products(x, y, scales, richardson=flag) - x * y) ** 2, axis=1))
        for flag in (True, False)
    )
    trial.order(
        size,
        1 / scales,
        -4.0,
        rounding=1.5 * rounding,
        margin=0.02,
        same_instance=True,
        controls={"s^2": -2.0, "s^3": -3.0},
        control_processes={"one product": of_one},
    )


@claim(derived("by Richardson's extrapolation of Lemma 4's product in s^2"), kind="limit")
def test_richardson__mul__leading(
    trial,
    scale: Annotated[
        float, Interval(2**-7, 2**-5, why="rounding below, higher orders above hide the term")
    ] = 2**-6,
    n_points: Points = 200,
):
    """Let m_s be Lemma 4's product of x and y in [-1, 1] at the scale s. The error of (4 m_s -
    m_2s) / 3 is -4 κ_6 s^4 [(x + y)^6 - x^6 - y^6] with κ_6 = 1/80, up to higher orders in s.
    """
    x, y, rounding = factors_and_scales(trial, n_points, 1, np.array([scale]))
    combination = np.asarray(products(x, y, np.array([scale]), richardson=True))[0]
    leading = constructions.richardson_product_error(x, y, scale)
    # The series of erf goes on with z^8 / 672; the combination multiplies it by (4 - 2^6) / 3 =
    # -20.
    eighth = 20 / 672 * scale**6 * ((np.abs(x) + np.abs(y)) ** 8)
    trial.value(
        combination - x * y,
        leading,
        error=1.5 * rounding[0],
        slack=eighth,
        margin=eighth + 4.5 * rounding[0],
        controls={"of the other sign": -leading},
    )


def direct_tanh(x, shift):
    """x^2 by six tanh units, as it is written: the second difference of their pairs over their
    curvature at 0.
    """
    pairs = np.tanh(np.multiply.outer((2, 1, 0), x) + shift) - np.tanh(
        np.multiply.outer((2, 1, 0), x) - shift
    )
    return (pairs[0] - 2 * pairs[1] + pairs[2]) / (-4 * np.tanh(shift) * (1 - np.tanh(shift) ** 2))


@claim(
    paper("Appendix G, squares by three GeLUs; its curve derived here"),
    kind="identity",
    cases=["erf", "tanh"],
)
def test_squares(trial, form: Form, n_points: Points = 200):
    """Three GeLUs at the scale s square x up to an error that an even function of x gives exactly,
    the GeLU being x Φ(x) or its form with tanh.
    """
    x = trial.generator("entries").uniform(-2, 2, n_points)
    scales = 2.0 ** np.arange(-6, 3)
    curves = {
        name: np.array([constructions.product_of_gelus(x, s, name) for s in scales])
        for name in ("erf", "tanh")
    }
    rival = "tanh" if form == "erf" else "erf"
    # Three GeLUs of arguments up to 4 s, over s^2.
    controls = {
        "x^2": np.broadcast_to(x**2, curves[form].shape),
        f"the {rival} form": curves[rival],
    }
    trial.identity(
        products(x, x, scales, form),
        curves[form],
        # Two roundings lead to an argument, up to ten to its GeLU, and four to the product.
        ops=16,
        scale=4 / scales[:, None],
        controls=controls,
    )


@claim(
    paper("Appendix G, squares by six tanh units; its curve derived here"),
    kind="identity",
    cases=[0.5, 0.05, 3.0],
)
def test_squares__tanh(
    trial,
    shift: Annotated[
        float, Interval(0.05, 3, why="beyond, the closed form rounds more than the differences do")
    ],
    n_points: Points = 200,
):
    """The second difference of tanh(k x + b) - tanh(k x - b) over k = 2, 1, 0, divided by its
    curvature at 0, squares x up to an error that an even function of x gives exactly; b is the
    shift of the six units.
    """
    x = trial.generator("entries").uniform(-2, 2, n_points)
    law = constructions.square_by_tanh(x, shift)
    curve = np.cosh(shift) ** 2
    # Of the differences, and of 1 - tanh^2 in the closed form
    size = max(curve / np.tanh(shift), curve**2 / 8)
    controls = {"cosh for its square": law / np.cosh(shift), "x^2": x**2}
    trial.identity(direct_tanh(x, shift), law, ops=16, scale=size, controls=controls)


@claim(
    derived("by the balance of rounding and the leading error"),
    kind="optimality",
    cases=[(2**-52, False), (2**-52, True), (2**-23, False)],
)
def test_best__scale(trial, eps: Eps, richardson: bool, magnitude: Factor = 2.0):
    """Lemma 4's product of two factors of size B has an error that grows with the scale s and a
    rounding that falls with it: their sum is least at s of about ε^(1/3) / B, ε being the unit of
    rounding.

    With Richardson's combination of two products it is about ε^(1/5) / B.
    """
    with mpmath.workdps(60):
        B = mpmath.mpf(magnitude)
        # Over s: what rounding leaves of one product
        unit = 4 * mpmath.sqrt(mpmath.pi / 2) * eps * B

        def product(s):
            gelu = [u * mpmath.ncdf(u) for u in (2 * s * B, s * B)]
            return mpmath.sqrt(mpmath.pi / 2) / s**2 * (gelu[0] - 2 * gelu[1])

        def total(s):
            if richardson:
                return abs((4 * product(s) - product(2 * s)) / 3 - B**2) + unit / s * (
                    4 / 3 + 1 / 6
                )
            return abs(product(s) - B**2) + unit / s

        optimum = float(
            least(total, mpmath.mpf(eps) ** (mpmath.mpf(1) / (5 if richardson else 3)) / B)
        )
    law = constructions.best_product_scale(magnitude, eps, richardson)
    unseen = (
        law * magnitude
    ) ** 2  # of the next term of the series, whose share in the slope is smaller
    rival = constructions.best_product_scale(magnitude, eps / 2, richardson)
    options = {"error": 1e-12 * law, "slack": unseen * law, "margin": max(1e-8, 2 * unseen) * law}
    trial.value(optimum, law, **options, controls={"ε / 2 for ε": rival})
