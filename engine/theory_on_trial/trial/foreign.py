"""Whether a check draws numbers that its seed does not decide: from NumPy's or Python's own
generator, or from one of NumPy that nobody gave a seed. Such numbers differ from run to run, so
that a verdict on them cannot be repeated.
"""

import random
import sys
from typing import Any, NamedTuple

import numpy as np
import numpy.random.bit_generator as entropy
import numpy.random.mtrand as legacy

_IMPORT = "<frozen importlib._bootstrap>"
_unseeded = 0
"""How many seeds NumPy has taken from the operating system, other than while a module was imported:
SciPy draws examples for its documentation then.
"""


def _counting(function: Any) -> Any:
    def counted(bits: int) -> int:
        global _unseeded
        frame: Any = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != _IMPORT:
            frame = frame.f_back
        _unseeded += frame is None
        return int(function(bits))

    return counted


def _not_counting(kind: type) -> type:
    """A stand-in for a type, which makes the type's instances and counts no seed for them."""

    class Quiet(type):
        def __call__(cls, *given: Any) -> Any:
            global _unseeded
            before = _unseeded
            found = kind(*given)
            _unseeded = before
            return found

        def __instancecheck__(cls, instance: Any) -> bool:  # NumPy asks this when it is seeded
            return isinstance(instance, kind)

    return Quiet(kind.__name__, (), {})


if hasattr(entropy, "randbits"):  # by which NumPy makes the seed of `default_rng()`
    entropy.randbits = _counting(entropy.randbits)
if hasattr(legacy, "_MT19937"):  # of RandomState, which draws a seed even where it is given one
    legacy._MT19937 = _not_counting(legacy._MT19937)


class Marks(NamedTuple):
    """What changes as soon as a number is drawn that no seed of a trial decides."""

    unseeded: int
    of_numpy: tuple[Any, ...]
    of_python: int
    modules: int  # how many are imported, some of which draw from these generators meanwhile


def marks() -> Marks:
    """Return the present marks."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - the old one is what is asked about
    own = (state["state"]["key"].tobytes(), state["state"]["pos"], state["has_gauss"])
    return Marks(_unseeded, own, hash(random.getstate()), len(sys.modules))


def drawn_since(before: Marks) -> bool:
    """Tell whether something else than a trial's stream was drawn from since some marks."""
    now = marks()
    have_drawn = (now.of_numpy, now.of_python) != (before.of_numpy, before.of_python)
    return now.unseeded != before.unseeded or (have_drawn and now.modules == before.modules)
