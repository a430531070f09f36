"""Checks on the traced program of a measurement, before it is compiled, that its samples depend on
its key.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxprs_in_params

_SMALL = 300
"""A program of fewer constants and steps is traced in a few milliseconds."""
# How far an array depends on the key: not at all, in part (an array that was put together), wholly.
_NOT, _PARTLY, _WHOLLY = range(3)
_PUT_TOGETHER = ("concatenate", "stack")
_RANDOM_BITS = ("random_bits", "threefry2x32", "rng_bit_generator")
_AS_IT_IS = (
    "broadcast_in_dim",
    "convert_element_type",
    "copy",
    "expand_dims",
    "reshape",
    "squeeze",
    "transpose",
)


def check_measurement(measure: Any, key: Any, what: str) -> bool:
    """Trace a jitted measurement twice or more, without running it; `what` names it in a refusal.

    Raises `ValueError` unless it is one array of real numbers, all of which depend on the key, and
    the constants in the program are the same each time. A small program is traced four times,
    because a coin that NumPy throws during tracing falls the same way half of the time. Returns
    whether the program calls back to Python, which may draw numbers of its own.
    """
    before = _global_states()
    trace = measure.trace(key)
    if _global_states() != before:
        raise ValueError(
            f"{what} draws from NumPy's or Python's own generator while it is traced: draw with "
            "the key"
        )
    leaves = jax.tree.leaves(trace.out_info)
    if not jax.tree_util.all_leaves([trace.out_info]):
        raise ValueError(
            f"{what} must be one array, got a {type(trace.out_info).__name__} of {len(leaves)}: "
            "stack them"
        )
    shape = leaves[0].shape
    dtype = leaves[0].dtype
    if 0 in shape:
        raise ValueError(f"{what} must have a coordinate, got an array of shape {shape}")
    if not any(jnp.issubdtype(dtype, kind) for kind in (np.floating, np.integer, np.bool_)):
        raise ValueError(f"{what} must be real numbers, got {dtype}")
    reach = _reached(trace.jaxpr.jaxpr, [_WHOLLY])[0]
    if reach != _WHOLLY:
        part = "in part " if reach == _PARTLY else ""
        raise ValueError(
            f"{what} does {part}not depend on its key: draw with that key and no other, and not "
            "with NumPy (for which "
            "there is sampler=)"
        )
    # The trace does not depend on the device, but under another one JAX does not take it from its
    # caches, where a jitted function within the measurement keeps what NumPy drew the first time.
    device = None if jax.config.jax_default_device is not None else jax.local_devices()[0]  # type: ignore[attr-defined]
    if any(
        step.primitive.name == "random_seed" and isinstance(step.invars[0], Literal)
        for step in steps(trace.jaxpr)
    ):
        raise ValueError(
            f"{what} makes a key of its own inside: draw with the key that it is given, and what "
            "is the same for all "
            "samples (a design, a start) before, outside"
        )
    if _draws_with_another_key(trace.jaxpr.jaxpr, [True]):
        raise ValueError(
            f"{what} draws random bits with a key that does not depend on its own, so that they "
            "are the same for all samples: draw with the key that it is given, and what is the "
            "same for all samples (a design, a start) before, outside"
        )
    constants = list(_constants(trace.jaxpr))
    for _ in range(3 if len(constants) < _SMALL else 1):
        with jax.default_device(device):
            # A new function is traced again
            again = jax.jit(lambda key: measure.__wrapped__(key)).trace(key)
        if _alike(constants, list(_constants(again.jaxpr))):
            continue
        raise ValueError(
            f"{what} holds other constants when it is traced again: NumPy, say, drew them once "
            "for all samples; draw "
            "with the key (or give sampler=)"
        )
    return any("callback" in step.primitive.name for step in steps(trace.jaxpr))


def steps(program: ClosedJaxpr | Jaxpr) -> Iterator[Any]:
    """Yield the steps of a traced program, those of the programs within it too."""
    for equation in (program.jaxpr if isinstance(program, ClosedJaxpr) else program).eqns:
        yield equation
        for inner in jaxprs_in_params(equation.params):
            yield from steps(inner)


def _draws_with_another_key(program: Jaxpr, given: Sequence[bool]) -> bool:
    """Tell whether random bits are drawn with a key that does not depend on any of the `given`
    inputs.

    Where a step's programs do not take its inputs one for one, what one depends on all do.
    """
    depends = dict(zip(program.invars, given, strict=True))

    def of(variable: Any) -> bool:
        return not isinstance(variable, Literal) and depends.get(variable, False)

    for equation in program.eqns:
        inputs = [of(variable) for variable in equation.invars]
        if equation.primitive.name in _RANDOM_BITS and not inputs[0]:
            return True
        for inner in jaxprs_in_params(equation.params):
            same = len(inner.invars) == len(inputs)
            if _draws_with_another_key(
                inner, inputs if same else [any(inputs)] * len(inner.invars)
            ):
                return True
        depends |= dict.fromkeys(equation.outvars, any(inputs))
    return False


def _global_states() -> tuple[Any, str, bytes]:
    """Return the states of the global generators, which are no arguments."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - the old one is what is asked about
    return random.getstate(), str(state), state["state"]["key"].tobytes()


def _reached(program: Jaxpr, given: Sequence[int]) -> list[int]:
    """Return how far each output of a program depends on the key, given how far its inputs do."""
    reach = dict(zip(program.invars, given, strict=True))

    def of(variable: Any) -> int:
        return _NOT if isinstance(variable, Literal) else reach.get(variable, _NOT)

    for equation in program.eqns:
        through = _through(equation, [of(variable) for variable in equation.invars])
        reach |= zip(equation.outvars, through, strict=True)
    return [of(variable) for variable in program.outvars]


def _through(equation: Any, inputs: list[int]) -> list[int]:
    """Return how far the outputs of one step depend on the key; those of a branch or a `while` as
    its inputs do.
    """
    name = equation.primitive.name
    inner = list(jaxprs_in_params(equation.params))
    if not any(inputs):
        return [_NOT] * len(equation.outvars)
    if name in _PUT_TOGETHER:
        return [inputs[0] if len(set(inputs)) == 1 else _PARTLY]
    if name in _AS_IT_IS:
        return [inputs[0]]
    if name == "scan":
        return _through_scan(inner[0], inputs, *_parts_of_scan(equation, inner[0]))
    if len(inner) == 1 and (len(inner[0].invars), len(inner[0].outvars)) == (
        len(inputs),
        len(equation.outvars),
    ):
        return _reached(inner[0], inputs)
    return [_WHOLLY] * len(equation.outvars)


def _parts_of_scan(equation: Any, body: Jaxpr) -> tuple[int, int]:
    """Return how many inputs of a scan are constants, and how many are carried.

    What is scanned has one axis less inside. The parameters that count them are not the same in
    every release of JAX.
    """

    def kept(outside: Sequence[Any], inside: Sequence[Any]) -> int:
        return sum(
            outer.aval.shape == inner.aval.shape
            for outer, inner in zip(outside, inside, strict=True)
        )

    carries = kept(equation.outvars, body.outvars)
    return kept(equation.invars, body.invars) - carries, carries


def _through_scan(body: Jaxpr, inputs: list[int], constants: int, carried: int) -> list[int]:
    inputs = [_WHOLLY if level else _NOT for level in inputs]
    while True:  # what is carried spreads, at most once for each carried array
        outputs = [_WHOLLY if level else _NOT for level in _reached(body, inputs)]
        carry = list(map(max, inputs[constants : constants + carried], outputs))
        if inputs[constants : constants + carried] == carry:
            return outputs
        inputs[constants : constants + carried] = carry


def _constants(program: ClosedJaxpr | Jaxpr) -> Iterator[Any]:
    """Yield what a traced program has embedded: constants, literal numbers, and the numbers among
    its parameters.
    """
    if isinstance(program, ClosedJaxpr):
        yield from program.consts
        program = program.jaxpr
    for equation in program.eqns:
        yield equation.primitive.name
        yield from (variable.val for variable in equation.invars if isinstance(variable, Literal))
        for value in equation.params.values():
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, ClosedJaxpr | Jaxpr):
                    yield from _constants(part)
                elif isinstance(part, bool | int | float | np.ndarray | np.generic):
                    yield part


def _alike(ones: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(ones) == len(others) and all(map(_equal, ones, others))


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    kinds = (getattr(array, "dtype", None) for array in (one, other))
    keys = [jax.dtypes.issubdtype(kind, jax.dtypes.prng_key) for kind in kinds]  # type: ignore[attr-defined]
    if all(keys):
        one = jax.random.key_data(one)
        other = jax.random.key_data(other)
    elif any(keys):
        return False
    one = np.asarray(one)
    other = np.asarray(other)
    return bool(
        np.array_equal(one, other, equal_nan=one.dtype.kind == "f" and other.dtype.kind == "f")
    )
