"""Axes of arrays as jaxtyping names them: whether a shape fits them, and how long each is."""

import functools
from typing import Any


@functools.lru_cache(maxsize=2**14)
def fits(dim_str: str, shape: tuple[int, ...]) -> bool:
    """Whether a shape fits the axes of a jaxtyping annotation: fixed sizes, one size per name."""
    tokens = dim_str.split()
    several = any(is_variadic(token) for token in tokens)
    if len(shape) < len(tokens) - 1 if several else len(shape) != len(tokens):
        return False
    sizes: dict[str, Any] = {}
    same = all(
        size == sizes.setdefault(name, size)
        for name, size in named_axes(dim_str, shape)
        if not name.startswith("#")
    )
    return same and (
        several
        or all(
            size == int(token) for token, size in zip(tokens, shape, strict=True) if token.isdigit()
        )
    )


@functools.lru_cache(maxsize=2**14)
def named_axes(dim_str: str, shape: tuple[int, ...]) -> list[tuple[str, Any]]:
    """The name of each axis with its size, and that of leading axes of any number with all their
    sizes.
    """
    position = 0
    axes = []
    tokens = dim_str.split()
    for token in tokens:
        length = len(shape) - len(tokens) + 1 if is_variadic(token) else 1
        size = shape[position : position + length]
        position += length
        name = token.strip("*")
        if name.removeprefix("#").isidentifier() and name != "_":
            axes.append((name, size if is_variadic(token) else size[0]))
    return axes


def is_variadic(token: str) -> bool:
    """Whether an axis stands for any number of them."""
    return token == "..." or "*" in token
