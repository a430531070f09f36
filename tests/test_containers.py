"""Every tool with what people hold their data in: an answer, or one sentence.

A container is made of a table, of labels, of numbers or of groups; each argument of each tool is
handed in each container of its kind, the others as plain arrays. What a container cannot change is
asked as well: the answer is that of the plain array, where the container holds the same numbers.
"""

import warnings
from decimal import Decimal
from functools import cache

import numpy as np
import pandas as pd
import pytest
from test_hostile_input import TOOLS

from theory_on_trial.testing.suite import check_readable


class Tensor:
    """As a tensor of torch that needs no gradient: it has its own methods, and NumPy's protocol."""

    def __init__(self, value):
        self._array = np.array(value)
        self.shape = self._array.shape
        self.device = "cpu"

    def __array__(self, dtype=None, copy=None):
        return self._array.astype(dtype) if dtype else self._array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()

    def __len__(self):
        return len(self._array)

    def __getitem__(self, index):
        return Tensor(self._array[index])

    def __bool__(self):
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")


class TensorWithGradient(Tensor):
    """As a tensor of torch that needs a gradient: NumPy may not have it."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    def __dlpack__(self, **options):
        raise BufferError("Can't export tensors that require gradient")


def optional(module, make):
    """A container of a library that need not be installed."""

    def made(value):
        return make(pytest.importorskip(module), value)

    return made


def frame(value, **kind):
    value = np.asarray(value)
    if value.ndim > 2:
        return value
    if value.ndim == 2:
        return pd.DataFrame(value, columns=[f"c{i}" for i in range(value.shape[1])], **kind)
    return pd.Series(value, name="target", **kind)


def as_objects(value):
    return np.array([Decimal(repr(float(v))) for v in np.ravel(value)], object).reshape(
        np.shape(value)
    )


def tabular(value):
    """At most two axes, as a frame has."""
    value = np.asarray(value)
    return value if value.ndim <= 2 else value.reshape(len(value), -1)


def split(value):
    """A dictionary of columns, or a vector."""
    value = tabular(value)
    return value if value.ndim == 1 else {f"c{i}": part for i, part in enumerate(value.T)}


def with_a_gap(series):
    """A missing value in the second row."""
    return series.mask(
        series.notna() & (np.arange(len(series)) == 1)[(..., *[None] * (series.ndim - 1))]
    )


def polars_of(library, value):
    columns = split(value)
    return library.DataFrame(columns) if isinstance(columns, dict) else library.Series(columns)


def arrow_of(library, value):
    columns = split(value)
    return library.table(columns) if isinstance(columns, dict) else library.chunked_array([columns])


SAME = {  # the numbers as they are
    "float64": lambda value: np.asarray(value, float),
    "column order": lambda value: np.asfortranarray(np.asarray(value, float)),
    "read-only": lambda value: np.broadcast_to(np.asarray(value, float), np.shape(value)),
    "view": lambda value: np.repeat(np.asarray(value, float), 2, axis=0)[::2],
    "big-endian": lambda value: np.asarray(value, ">f8"),
    "long double": lambda value: np.asarray(value, np.longdouble),
    "object floats": lambda value: np.asarray(value, object),
    "list": lambda value: np.asarray(value).tolist(),
    "tuple": lambda value: tuple(np.asarray(value).tolist()),
    "list of arrays": lambda value: list(np.asarray(value, float)),
    "pandas": frame,
    "pandas Float64": lambda value: frame(np.asarray(value, float), dtype="Float64"),
    "pandas object": lambda value: frame(value, dtype=object),
    "pandas with an index": lambda value: (
        frame(value).set_axis([f"r{i}" for i in range(len(value))])
        if np.ndim(value) <= 2
        else value
    ),
    "JAX": optional("jax.numpy", lambda jnp, value: jnp.asarray(value)),
    "polars": optional("polars", polars_of),
    "pyarrow": optional("pyarrow", arrow_of),
    "a tensor": Tensor,
    "torch": optional("torch", lambda torch, value: torch.asarray(np.array(value))),
}
OTHER = {  # other numbers, or none
    "bool": lambda value: np.asarray(value) > np.median(np.asarray(value)),
    "int8": lambda value: np.clip(np.round(np.asarray(value)), -9, 9).astype(np.int8),
    "uint64": lambda value: np.abs(np.round(np.asarray(value))).astype(np.uint64),
    "float16": lambda value: np.asarray(value, np.float16),
    "bfloat16": optional("jax.numpy", lambda jnp, value: jnp.asarray(value, jnp.bfloat16)),
    "Decimal": as_objects,
    "(n, 1)": lambda value: np.reshape(value, (len(value), -1))[:, :1],
    "one axis": lambda value: np.reshape(value, (len(value), -1))[:, 0],
    "pandas bool": lambda value: frame(np.asarray(value) > 0),
    "pandas Int64": lambda value: (
        frame(np.round(np.asarray(value))).astype("Int64") if np.ndim(value) <= 2 else value
    ),
    "pandas boolean with NA": lambda value: with_a_gap(frame(tabular(value) > 0).astype("boolean")),
    "pandas Int64 with NA": lambda value: with_a_gap(
        frame(np.round(tabular(np.asarray(value, float)))).astype("Int64")
    ),
    "pandas category": lambda value: frame(tabular(np.asarray(value) > 0)).astype("category"),
    "pandas strings": lambda value: frame(np.where(tabular(value) > 0, "yes", "no")),
    "pandas strings with None": lambda value: frame(
        np.where(tabular(value) > 0, "yes", None).astype(object)
    ),
    "pandas get_dummies": lambda value: pd.get_dummies(
        pd.Series(np.where(np.reshape(value, (len(value), -1))[:, 0] > 0, "yes", "no"))
    ),
    "time stamps": lambda value: frame(
        (1e3 * tabular(np.asarray(value, float))).astype("datetime64[s]")
    ),
    "scipy sparse": optional(
        "scipy.sparse", lambda sparse, value: sparse.csr_array(np.atleast_2d(tabular(value)))
    ),
    "a dictionary": split,
    "a tensor with gradient": TensorWithGradient,
    "a generator": lambda value: (row for row in np.asarray(value)),
}
ARGUMENTS = [(tool, name) for tool, (_, arguments, _) in TOOLS.items() for name in arguments]


def asked(tool, **change):
    """The answer, or the sentence."""
    ask, arguments, beside = TOOLS[tool]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            answer = ask(**arguments | change, **beside)
        except (TypeError, ValueError) as error:
            return str(error)
    check_readable(answer)
    return answer


@cache
def plainly(tool):
    """The answer to plain arrays."""
    return asked(tool)


@pytest.mark.parametrize("container", [*SAME, *OTHER])
@pytest.mark.parametrize(("tool", "name"), ARGUMENTS, ids=[f"{t}-{n}" for t, n in ARGUMENTS])
def test_a_container_is_answered_or_refused_in_one_sentence(tool, name, container):
    arguments = TOOLS[tool][1]
    given = (SAME | OTHER)[container](arguments[name])
    found = asked(tool, **{name: given})
    if isinstance(found, str):
        assert any(argument in found for argument in arguments), found
        assert "\n" not in found, found
        assert len(found) <= 400, found
        assert container not in SAME or np.ndim(arguments[name]) > 2, found
    if container in ("pandas boolean with NA", "pandas Int64 with NA", "pandas strings with None"):
        assert isinstance(found, str)


@pytest.mark.parametrize(("tool", "name"), [("assumption_diagnostics", "y"), ("multiplicity", "y")])
@pytest.mark.parametrize(
    "container",
    [
        lambda y: y.astype(float),
        lambda y: y[:, None],
        lambda y: y == 1,
        lambda y: np.where(y == 1, "yes", "no"),
        lambda y: pd.Series(np.where(y == 1, "yes", "no"), dtype="category"),
        lambda y: pd.Series(y, dtype="Int64"),
        lambda y: pd.DataFrame({"label": y}),
        lambda y: y.astype(object),
        lambda y: y.tolist(),
    ],
    ids=["0.0/1.0", "(n, 1)", "bool", "str", "category", "Int64", "frame", "object", "list"],
)
def test_labels_mean_the_same_in_all_containers(tool, name, container):
    found = asked(tool, **{name: container(TOOLS[tool][1][name])})
    pd.testing.assert_frame_equal(plainly(tool).to_frame(), found.to_frame())


@pytest.mark.parametrize(
    "container",
    [
        lambda g: g[:, 1],
        lambda g: np.where(g[:, 1], "b", "a"),
        lambda g: pd.Series(np.where(g[:, 1], "b", "a"), dtype="category"),
        lambda g: np.where(g[:, 1], "b", "a")[:, None],
        lambda g: pd.DataFrame(g, columns=["a", "b"]),
    ],
    ids=["one-dimensional", "str", "category", "(n, 1) str", "frame"],
)
def test_groups_mean_the_same_in_all_containers(container):
    groups = TOOLS["multicalibration_audit"][1]["groups"]
    plain = plainly("multicalibration_audit")
    found = asked("multicalibration_audit", groups=container(groups))
    biases = [
        {
            (c.level, c.rows): c.bias.value
            for c in answer.cells
            if answer.names[c.group][-1:] in last
        }
        for answer, last in ((plain, "1"), (found, "1b") if len(found.names) > 1 else (found, "e"))
    ]
    assert biases[0] == pytest.approx(biases[1])


def test_names_come_out_in_the_answers():
    groups = pd.DataFrame({"old": np.arange(400) % 2 == 0, "young": np.arange(400) % 2 == 1})
    assert "worst group" in str(audit := asked("multicalibration_audit", groups=groups))
    assert audit.names == ("old", "young")
    words = pd.DataFrame(TOOLS["cosine_range"][1]["B"], index=[f"word{i}" for i in range(20)])
    answer = asked("cosine_range", B=words, pairs=[["word3", "word9"]])
    assert "rows word3 and word9" in str(answer)
    assert answer.to_frame().index.tolist() == [("word3", "word9")]
    table = frame(TOOLS["selection_audit"][1]["X"])
    assert set(asked("selection_audit", X=table).names) <= set(table.columns)
