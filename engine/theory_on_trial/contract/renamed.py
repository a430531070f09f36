"""Old names of arguments, which warn for one release."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def renamed(**names: str) -> Callable[[F], F]:
    """Let a function take arguments by their old names, `@renamed(old="new")`, with a warning.

    Raises `TypeError` at a call that gives an argument by both names.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            for old in names.keys() & given.keys():
                new = names[old]
                if new in given:
                    raise TypeError(f"{function.__name__}() got {new}= and its old name {old}=")
                warnings.warn(
                    f"{old}= is now {new}=; the old name goes with the next release",
                    DeprecationWarning,
                    stacklevel=2,
                )
                given[new] = given.pop(old)
            return function(*args, **given)

        return call  # type: ignore[return-value]

    return decorate
