"""The observed side: simulators in JAX (a key and parameters in, arrays out) and the sweep that
maps them.
"""

import os

# Diffrax's errors at run time are calls back to Python, and JAX keeps no program with such a call
# on disk. The solvers here are told not to raise, and give NaN.
os.environ.setdefault("EQX_ON_ERROR", "nan")
