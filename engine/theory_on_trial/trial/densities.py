"""Whether the numbers that a check draws come from a density: what it asks its generator for tells.

An equality of functions that are analytic in numbers from a density holds almost everywhere or
almost nowhere, so that one draw tells which. A coin or a permutation takes few values, and one draw
tells nothing of the others.
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


class RememberingGenerator(np.random.Generator):
    """NumPy's generator; `without_density` lists which of its methods have drawn numbers, or
    orders, without a density.
    """

    def __init__(self, bits: Any):
        super().__init__(bits)
        self.without_density: list[str] = []

    def spawn(self, n_children: int) -> list[np.random.Generator]:
        """Return children that write into the same list."""
        children = super().spawn(n_children)
        for child in children:
            child.without_density = self.without_density  # type: ignore[attr-defined]
        return children


def _remembered(name: str) -> Any:
    drawn = getattr(np.random.Generator, name)

    def method(self: RememberingGenerator, *given: Any, **named: Any) -> Any:
        self.without_density.append(name)
        return drawn(self, *given, **named)

    method.__name__ = name
    method.__doc__ = f"As NumPy's `{name}`."
    return method


for _name in _OF_FEW_VALUES:
    setattr(RememberingGenerator, _name, _remembered(_name))


def generator(seed: Any) -> RememberingGenerator:
    """Return a generator with the stream that `numpy.random.default_rng(seed)` has."""
    return RememberingGenerator(np.random.PCG64(seed))
