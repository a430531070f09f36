"""Simulators hold their arguments to kinds, shapes and finite numbers, and nothing at all that is traced."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Float, Key, ScalarLike

from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray

KEY = jax.random.key(0)


@validated
@partial(jax.jit, static_argnames="n")
def shifted(
    key: Key[jax.Array, ""], x: Float[AnyArray, "rows columns"], scale: ScalarLike, *, n: int
) -> Float[jax.Array, "n"]:
    return x.sum() * scale + jax.random.normal(key, (n,), x.dtype)


class Pair(NamedTuple):
    first: Float[AnyArray, "..."]
    second: str


@validated(unbounded=("ridge", "return"))
def ratio(pair: Pair, ridge: float, *rest: float) -> Pair:
    return Pair(pair.first / ridge, pair.second)


def test_what_is_valid_passes_in_its_precision():
    single = shifted(KEY, np.ones((2, 2), np.float32), 1.0, n=3)
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, shifted(KEY, jnp.ones((2, 2), jnp.float32), np.float64(1), n=3))
    np.testing.assert_array_equal(shifted(KEY, [[1, 2]], 2, n=1), shifted(KEY, np.array([[1.0, 2.0]]), 2.0, n=1))


def test_traced_values_pass():
    np.testing.assert_array_equal(
        jax.jit(lambda scale: shifted(KEY, jnp.ones((2, 2)), scale, n=2))(jnp.inf), [jnp.inf, jnp.inf]
    )
    assert jnp.isnan(jax.vmap(lambda x: shifted(KEY, x, 1.0, n=2))(np.full((1, 1, 1), np.nan))).all()


def test_what_may_be_unbounded_passes():
    assert ratio(Pair(np.ones(1), "x"), np.inf).first == 0
    assert np.isinf(ratio(Pair(jnp.full(1, 1e200), "x"), 1e-200, 3.0).first)


@pytest.mark.parametrize(
    ("arguments", "n", "error", "sentence"),
    [
        ((1, np.ones((2, 2)), 1.0), 2, TypeError, "key must be an array of random keys"),
        ((KEY, np.ones(2), 1.0), 2, ValueError, r"x must be an array of numbers with axes \(rows, columns\), got an"),
        ((KEY, np.full((1, 1), np.nan), 1.0), 2, ValueError, "x must be finite, got nan"),
        ((KEY, jnp.ones((1, 1)), -jnp.inf), 2, ValueError, "scale must be finite, got -inf"),
        ((KEY, np.ones((1, 1)), 1j), 2, TypeError, "scale must be a real number"),
        ((KEY, np.full((2, 2), 1e308), 1.0), 2, ValueError, "able to hold what follows from .* inf in the result"),
        ((KEY, np.ones((1, 1)), 1.0), 2**44, ValueError, "n = 17592186044416: RESOURCE_EXHAUSTED"),
        ((KEY, np.ones((1, 1)), 1.0), 10**400, TypeError, "n must be an integer of 64 bits, got an integer of 1329"),
        ((KEY, np.ones((1, 1))), 2, TypeError, "missing"),
    ],
)
def test_anything_else_gets_one_sentence(arguments, n, error, sentence):
    with pytest.raises(error, match=sentence):
        shifted(*arguments, n=n)


def test_numbers_inside_a_record_are_finite_too():
    with pytest.raises(ValueError, match="pair must be finite, got nan"):
        ratio(Pair(np.array([1.0, np.nan]), "x"), 1.0)


def test_further_values_have_a_name_of_their_own():
    with pytest.raises(ValueError, match="rest must be finite, got nan"):
        ratio(Pair(np.ones(1), "x"), 1.0, 2.0, np.nan)


def test_too_little_memory_is_a_sentence_where_infinity_is_not():
    large = validated(lambda n: jax.random.normal(KEY, (n,)), unbounded=("return",))
    with pytest.raises(ValueError, match=r"n = 17592186044416: RESOURCE_EXHAUSTED"):
        large(2**44)


def test_a_type_of_numbers_is_no_array():
    @validated
    def ones(n: int, dtype: object) -> jax.Array:
        return jnp.ones(n, dtype)

    for dtype in (np.float64, jnp.float32, np.dtype(float), "float32"):
        assert ones(2, dtype).dtype == jnp.dtype(dtype)
    with pytest.raises(TypeError, match="n must be an integer of 64 bits, got a value of type type"):
        ones(np.float64, np.float64)


def test_a_scalar_may_be_one_of_several_kinds():
    @validated
    def shown(x: ScalarLike | None, y: ScalarLike | Float[AnyArray, "n"] = 1.0) -> tuple[ScalarLike | None, object]:
        return x, y

    assert shown(None) == (None, 1.0)
    assert shown(np.float32(0.5), [1, 2])[1].tolist() == [1, 2]
    assert shown(2, jnp.arange(2))[1].dtype == jnp.result_type(float)
    for wrong in ("x", 1j, True, [1.0]):
        with pytest.raises((TypeError, ValueError), match="x must be a real number or None"):
            shown(wrong)
