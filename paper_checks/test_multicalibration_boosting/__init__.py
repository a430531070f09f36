"""Globus-Harris et al. 2023, "Multicalibration as Boosting for Regression", ICML 2023, arXiv
2301.13767.

Its abstract and its released code (Declancharrison/Level-Set-Boosting) were read. The definitions
are recalled, and the constants derived here: no theorem is compared as published. All worlds are
finite and all means over them exact.

Abstract:

- Part 1: multicalibration with respect to a class is the same as no swap regret in squared error.
  Holds: step, swap_regret.
- Part 2: an algorithm of repeated regressions reaches it. Holds: halting.
- Part 3: it is accurate under a weak-learning condition, which is necessary and sufficient. Holds
  at a smaller scale: weak_learning, weak_learning-finite. On finitely many points, where the
  condition is a rank; the paper has any class of functions.
- Part 4: experiments agree. Not on trial. Its data are not bundled; two faults of the released code
  are.
"""
