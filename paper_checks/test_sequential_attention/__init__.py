"""Yasuda et al. 2023, "Sequential Attention for Feature Selection", ICLR 2023, arXiv 2209.14881.

The abstract and the released code (google-research/google-research, sequential_attention) were
read, and no theorem: no published formula is corrected here, only what the code takes for the next
feature.

Abstract:

- Part 1: for linear regression the method is orthogonal matching pursuit and has its guarantees.
  Holds: entry_is_omp, coherence_recovery. Weak submodularity is not on trial.
- Part 2: it selects features for neural networks as well as the best known methods. Not on trial.
  The benchmarks are not bundled.
- Part 3: the role of attention and overparameterisation is explained. Holds: hadamard_is_l1,
  softmax_early_law.
"""

from functools import partial

from theory_on_trial import code

released = partial(code, "google-research/google-research", commit="1cf0498e")
"""The authors' code, of which a claim names a path and quotes a sentence."""
