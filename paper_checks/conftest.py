"""One BLAS thread per process for the workbench's own trial; must happen before NumPy is loaded."""

import os

# OpenBLAS reads it once, when it is loaded. Two workers on two cores must not start four threads, and the small
# eigenproblems of the fast tier are slower with two threads than with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
