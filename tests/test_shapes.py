"""Shapes and types are checked as the tests run, in functions inside functions too where they speak of shapes."""

import importlib

import numpy as np
import pytest
from jaxtyping import TypeCheckError
from shapes import CALLS, MOST, check_shapes

MODULE = """
import numpy as np
from jaxtyping import Float
Pair = Float[np.ndarray, "2"]

def plain(x: int) -> int:
    return x

def bare(x):
    return x

def outer(x):
    def shaped(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        return x
    return shaped(x)

def named(x):
    def shaped(x: Pair):
        return x
    return shaped(x)

def mypys(x):
    def inner(x: int) -> int:
        return x
    return inner(x)
"""


def test_what_is_checked(tmp_path, monkeypatch):
    (tmp_path / "module_with_shapes.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    check_shapes(["module_with_shapes"])
    module = importlib.import_module("module_with_shapes")
    assert module.plain(1) == 1
    assert module.bare(1.5) == module.mypys(1.5) == 1.5
    assert module.outer(np.ones(3)).shape == (3,)
    assert module.named(np.ones(2)).shape == (2,)
    for check, wrong in ((module.plain, 1.5), (module.outer, np.ones((3, 3))), (module.named, np.ones(3))):
        with pytest.raises(TypeCheckError):
            check(wrong)
    for _ in range(MOST):
        module.outer(np.ones(3))
    assert module.outer(np.ones((3, 3))).shape == (3, 3)  # once all inner calls of a test that are checked are over
    with pytest.raises(TypeCheckError):
        module.plain(1.5)
    CALLS.clear()  # as the next test begins
    with pytest.raises(TypeCheckError):
        module.outer(np.ones((3, 3)))
