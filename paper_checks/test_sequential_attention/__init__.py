"""Yasuda et al. 2023, "Sequential Attention for Feature Selection", ICLR 2023, arXiv 2209.14881.

The abstract and the released code (google-research/google-research, sequential_attention) were
read, and no theorem: no published formula is corrected here, only what the released module selects.

Abstract:

- Sentence 1: what feature selection is. No statement.
- Sentence 2: earlier methods select all features at once and ignore their residual value. No
  statement.
- Sentence 3: the method selects features for neural networks as well as the best known methods. Not
  on trial. The benchmarks are not bundled.
- Sentence 4: it is a forward selection in one pass and takes attention weights at each step for the
  importance of features. In part: coded_first_pick, coded_first_pick-next. By default the first of
  the $k$ features of the released module is random; the other $k - 1$ are chosen by trained
  weights.
- Sentence 5: for linear regression an adaptation is orthogonal matching pursuit and has its
  guarantees. Holds: entry_is_omp, coherence_recovery. The adaptation has a penalty in place of the
  softmax gates; of the guarantees that by coherence was tried, and not weak submodularity.
- Sentence 6: the analyses explain attention and its connection to overparameterisation. In part:
  hadamard_is_l1, softmax_early_law, softmax_late_differs. For linear models; softmax attention
  agrees with the pursuit at first and not after long training.
"""

from functools import partial

from theory_on_trial import code

released = partial(code, "google-research/google-research", commit="1cf0498e")
"""The authors' code, of which a claim names a path."""
