"""What a check asks its generator for: how many numbers, and whether these come from a density.

No more instances can be independent than numbers were drawn. An equality of functions that are
analytic in numbers from a density holds almost everywhere or almost nowhere, so that one draw tells
which. A coin or a permutation takes few values, and one draw tells nothing of the others.
"""

from typing import Any

import numpy as np

_OF_FEW_VALUES = (
    "binomial",
    "bytes",
    "choice",
    "geometric",
    "hypergeometric",
    "integers",
    "logseries",
    "multinomial",
    "multivariate_hypergeometric",
    "negative_binomial",
    "permutation",
    "permuted",
    "poisson",
    "shuffle",
    "zipf",
)
"""The methods of a generator whose draws have no density."""


class Drawn:
    """What generators have drawn.

    Attributes:
        numbers: how many.
        without_density: by which methods, where these take few values.
    """

    def __init__(self) -> None:
        self.numbers = 0
        self.without_density: list[str] = []

    def again(self) -> "Drawn":
        """Return what counts the numbers of a stream that is drawn once more: not with these."""
        found = Drawn()
        found.without_density = self.without_density
        return found


class RememberingGenerator(np.random.Generator):
    """NumPy's generator; `drawn` tells what it and its children have drawn."""

    def __init__(self, bits: Any):
        super().__init__(bits)
        self.drawn = Drawn()

    def spawn(self, n_children: int) -> list[np.random.Generator]:
        """Return children that count with this one."""
        children = super().spawn(n_children)
        for child in children:
            child.drawn = self.drawn  # type: ignore[attr-defined]
        return children


def _remembered(name: str) -> Any:
    draw = getattr(np.random.Generator, name)

    def method(self: RememberingGenerator, *given: Any, **named: Any) -> Any:
        found = draw(self, *given, **named)
        self.drawn.numbers += np.size(given[0] if name == "shuffle" and given else found)
        if name in _OF_FEW_VALUES:
            self.drawn.without_density.append(name)
        return found

    method.__name__ = name
    method.__doc__ = f"As NumPy's `{name}`."
    return method


for _name, _method in vars(np.random.Generator).items():
    if not _name.startswith("_") and callable(_method) and _name != "spawn":
        setattr(RememberingGenerator, _name, _remembered(_name))


def generator(seed: Any, drawn: Drawn) -> RememberingGenerator:
    """Return a generator with the stream that `numpy.random.default_rng(seed)` has, which counts
    what it draws with others.
    """
    found = RememberingGenerator(np.random.PCG64(seed))
    found.drawn = drawn
    return found
