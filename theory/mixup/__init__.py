"""Mixup and the curse of separability: the exact theory.

Oh & Yun 2023, "Provable Benefit of Mixup for Finding Optimal Decision Boundaries", arXiv
2306.00267. `classes` has the two Gaussian classes and the law of mixing, `population` the expected
losses and their minimisers, `rates` how close n samples come.
"""
