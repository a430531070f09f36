"""What test suites of a workbench share: import it in a conftest.

It turns on float64, has programs compiled quickly, gives Hypothesis's examples any time (profile
`patient`) and draws them whatever else is imported, registers the profile `thorough`, and has a
fixture that gives back the programs of a module.
"""

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import pytest
from beartype import BeartypeConf, beartype
from hypothesis import settings
from hypothesis.internal.conjecture import providers

if TYPE_CHECKING:  # this module is imported to check the types of that one
    from theory_on_trial.own_data.answer import Answer

jax.config.update("jax_enable_x64", True)

# Tests compile thousands of programs that run once: in one piece and with little optimisation it
# takes half the time. XLA reads these when its first device starts, and ends at an option that a
# jaxlib no longer has.
_QUICK = {"--xla_backend_optimization_level": "1", "--xla_cpu_parallel_codegen_split_count": "1"}
if jax.version.__version_info__ < (0, 11):
    _QUICK["--xla_cpu_use_fusion_emitters"] = "false"
for _option, _value in _QUICK.items():
    if _option not in os.environ.get(
        "XLA_FLAGS", ""
    ):  # a worker has its parent's, and the same kept programs
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_option}={_value}".strip()

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an integer is a real number too
_checked: dict[tuple[Any, ...], Any] = {}


def typechecker(function: Any) -> Any:
    """Check what a function is called with; for jaxtyping's import hook, so that shapes and types
    are checked as the tests run.

    What it gets is a signature without a body. That of a function within a function comes again at
    each call of the outer one, and making its check takes milliseconds: equal signatures share one.
    """
    code = function.__code__
    kinds = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    annotations = tuple(function.__annotations__.items())
    name = (function.__module__, function.__qualname__)
    optional = (function.__defaults__ is None, tuple(function.__kwdefaults__ or ()))
    key = (*name, kinds, code.co_varnames, annotations, optional)
    try:
        if key not in _checked:
            _checked[key] = _check(function)
    except TypeError:  # an annotation that cannot be hashed
        return _check(function)
    return _checked[key]


# Hypothesis also draws constants that it finds in the source of whatever modules are imported, so
# that what a test tries would depend on the tests that are selected beside it.
if hasattr(providers, "_get_local_constants"):
    providers._get_local_constants = lambda: providers._local_constants

# An example may compile, or run beside other processes. `pytest --hypothesis-profile=thorough`
# gives the solvers, which cost seconds an example, 200 examples too.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
settings.register_profile("thorough", max_examples=200, deadline=None)


def check_readable(answer: "Answer") -> dict[str, Any]:
    """A tool's answer has all its parts, is short, goes through JSON and draws; return what JSON
    keeps of it.
    """
    import matplotlib.pyplot as plt

    assert all((answer.asked, answer.rests_on, answer.unseen))
    assert len(answer.summary().splitlines()) <= 12
    assert not answer.answerable or len(answer.lines()) <= 7
    assert len(answer.to_frame()) or not answer.answerable
    content: dict[str, Any] = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert content["answerable"] == answer.answerable
    axes = answer.plot()
    assert answer.plot(axes) is axes
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    plt.close(axes.figure)
    return content


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_module() -> Iterator[None]:
    """Forget a module's compiled programs: thousands of them exhaust the memory maps that Linux
    gives a process.
    """
    yield
    jax.clear_caches()
