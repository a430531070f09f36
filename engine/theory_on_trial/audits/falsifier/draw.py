"""Admissible instances of an inequality: made of random choices that a search can repeat and move."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Int

T = TypeVar("T")


class Draw:
    """The choices behind one instance: made at random, or repeated from `whole` and `latent` of another instance.

    Whole numbers and latent real numbers are kept apart: a local search moves the latter by ascent, where every real
    number is admissible, and the former by steps. What a repetition lacks, because another whole number asks for more,
    is drawn. `values` holds the choices by name.

    Args:
        rng: source of the choices that are not given.
        whole: whole numbers to repeat, in the order in which they are asked for; beyond a range they are clipped to it.
        latent: real numbers to repeat.
    """

    def __init__(self, rng: np.random.Generator, whole: Sequence[int] = (), latent: Sequence[float] = ()):
        self.rng = rng
        self.whole: list[int] = []
        self.latent: list[float] = []
        self.values: dict[str, Any] = {}
        self._given_whole, self._given_latent = list(whole), list(latent)

    def integers(self, name: str, low: int, high: int, n: int) -> Int[np.ndarray, " n"]:
        """Return n whole numbers in low, ..., high."""
        start = len(self.whole)
        given = self._given_whole[start : start + n]
        new = self.rng.integers(low, high + 1, n - len(given)).tolist()
        self.whole += [min(max(int(number), low), high) for number in (*given, *new)]
        return self._named(name, np.array(self.whole[start:], dtype=np.int64))

    def integer(self, name: str, low: int, high: int) -> int:
        """Return a whole number in low, ..., high."""
        return self._named(name, int(self.integers(name, low, high, 1)[0]))

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        """Return one of the options."""
        return self._named(name, options[self.integer(name, 0, len(options) - 1)])

    def reals(self, name: str, low: float, high: float, *shape: int) -> Float[np.ndarray, "..."]:
        """Return numbers in [low, high], both ends included; a latent number runs to and fro between them."""
        n = int(np.prod(shape, dtype=int))
        # How many numbers are drawn at an end is itself random, so that corners of large arrays are met as well.
        position, ends = self.rng.random(n), self.rng.random(n) < self.rng.random() ** 4
        latent = self._latent(np.where(ends, np.round(position), position))
        folded = np.abs((latent + 1) % 2 - 1)
        return self._named(name, (low * (1 - folded) + high * folded).reshape(shape))

    def real(self, name: str, low: float, high: float) -> float:
        """Return a number in [low, high]."""
        return self._named(name, float(self.reals(name, low, high)))

    def scale(self, name: str, low: float, high: float) -> float:
        """Return a number in [low, high], 0 < low, whose logarithm is uniform."""
        return self._named(name, float(np.exp(self.reals(name, np.log(low), np.log(high)))))

    def normal(self, name: str, *shape: int) -> Float[np.ndarray, "..."]:
        """Return standard normal numbers."""
        n = int(np.prod(shape, dtype=int))
        return self._named(name, self._latent(self.rng.standard_normal(n)).reshape(shape))

    def simplex(self, name: str, *shape: int) -> Float[np.ndarray, "... outcomes"]:
        """Return probability vectors along the last axis, zeros included: the squares of unit vectors."""
        squares = self.normal(name, *shape) ** 2 + np.finfo(float).tiny
        return self._named(name, squares / squares.sum(axis=-1, keepdims=True))

    def covariance(self, name: str, dim: int) -> Float[np.ndarray, "dim dim"]:
        """Return a positive definite matrix, from near the identity to a condition number of about 1e4."""
        root = self.normal(f"{name} root", dim, dim)
        ridge = self.scale(f"{name} ridge", 1e-2, 1e2)
        return self._named(name, root @ root.T + ridge * np.eye(dim))

    def _latent(self, drawn: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        start = len(self.latent)
        given = self._given_latent[start : start + len(drawn)]
        numbers = np.array([*given, *drawn[len(given) :]], dtype=float)
        self.latent += numbers.tolist()
        return numbers

    def _named(self, name: str, value: T) -> T:
        self.values[name] = value
        return value
