"""The two nonlinearities that the constructions live on: GeLU, which multiplies, and layer norm,
which divides.
"""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, ScalarLike

from sims.in_context_learning.domains import GeluForm
from theory_on_trial.base.arrays import AnyArray, FloatType
from theory_on_trial.contract import ANY_NUMBER, guarded, is_traced

Columns = Annotated[Float[AnyArray, "rows *positions"], ANY_NUMBER]
"""Numbers at every position, a column each, finite or not."""


@guarded(double=False)
def gelu(x: Float[AnyArray, "*shape"], form: GeluForm = "erf") -> Float[Array, "*shape"]:
    """GeLU(x) = x Φ(x), or with `form` = "tanh" (x/2)(1 + tanh(√(2/π)(x + 0.044715 x³))).
    Source: Akyürek et al. 2023 (arXiv 2211.15661), whose proof uses the tanh form.
    """
    return activated(x, form)


def activated(x: Float[AnyArray, "*shape"], form: GeluForm) -> Float[Array, "*shape"]:
    """`gelu` for layers, in which numbers need not be finite."""
    return jax.nn.gelu(x, approximate=form == "tanh")


@guarded(double=False)
def gelu_product(
    x: Float[AnyArray, "*shape"],
    y: Float[AnyArray, "*shape"],
    scale: ScalarLike,
    form: GeluForm = "erf",
    richardson: bool = False,
) -> Float[Array, "*shape"]:
    """The product x y from three GeLUs, m_s = √(π/2) s⁻² [GeLU(s(x+y)) - GeLU(sx) - GeLU(sy)], or
    from six.

    The error of m_s falls as s² until rounding, which grows as 1/s, takes over. With `richardson`
    the result is (4 m_s - m_2s) / 3, whose error falls as s⁴.
    Raises ValueError for a scale below `least_product_scale`.
    Source: Akyürek et al. 2023, Lemma 4 and Figure 7; Richardson's combination: derived here.
    """
    require_product_scale(scale, jnp.result_type(x, y))
    terms = product_terms(scale, richardson)
    return jnp.asarray(
        sum(c * (gelu(a * (x + y), form) - gelu(a * x, form) - gelu(a * y, form)) for a, c in terms)
    )


def product_terms(scale: ScalarLike, richardson: bool) -> list[tuple[ScalarLike, ScalarLike]]:
    """The pairs (a, c) with x y ≈ Σ c [GeLU(a(x+y)) - GeLU(ax) - GeLU(ay)]: one pair, or two with
    `richardson`.
    """
    coefficient = (jnp.pi / 2) ** 0.5 / scale**2
    if richardson:
        return [(scale, 4 / 3 * coefficient), (2 * scale, -coefficient / 12)]
    return [(scale, coefficient)]


@guarded(double=False)
def least_product_scale(dtype: FloatType) -> float:
    """The scale below which rounding leaves less than half of the digits of a product: 1.5e-8 in
    float64.
    """
    return float(jnp.finfo(dtype).eps) ** 0.5


def require_product_scale(scale: Any, dtype: np.dtype) -> None:
    """Raise `ValueError` unless `scale` is finite and at least `least_product_scale`; traced values
    pass.
    """
    if not is_traced(scale) and not least_product_scale(dtype) <= float(scale) < float("inf"):
        raise ValueError(
            f"the product scale must be finite and at least {least_product_scale(dtype):.1e} in "
            f"{np.dtype(dtype)} "
            f"(rounding dominates the GeLU product below), got {float(scale):g}"
        )


@guarded(double=False)
def layer_norm(rows: Columns) -> Float[Array, "rows *positions"]:
    """(v - E v) / √Var v of every column v: population variance, no ε, no gain. NaN for a constant
    or infinite column. Source: Akyürek et al. 2023, the λ of the layer's equations (1)-(6).
    """
    return (jnp.asarray(rows) - rows.mean(axis=0)) / rows.std(axis=0)
