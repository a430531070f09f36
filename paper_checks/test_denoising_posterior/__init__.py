"""Manor & Michaeli 2024, "On the Posterior Distribution in Denoising", ICLR 2024, arXiv 2309.13598.

Its abstract and its released code were read, the univariate recursion in a public summary; what is
printed of tensors and directions is recalled, and tested as a statement derived here.
"""

MOST_PROGRAMS = 8
"""Ceiling of the programs that the fast tier may ask XLA for in one process: there are none."""
