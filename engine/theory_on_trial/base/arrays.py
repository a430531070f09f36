"""Types of arrays and of their entries, for annotations of simulators."""

from typing import Annotated, Any

import jax
import numpy as np

from theory_on_trial.contract import FLOAT_TYPE

AnyArray = jax.Array | np.ndarray
"""An array of JAX or of NumPy."""
FloatType = Annotated[Any, FLOAT_TYPE]
"""A type of floating-point numbers, as NumPy and JAX take it: its name, its class or its dtype."""
