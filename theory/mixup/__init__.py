"""The exact theory of Mixup and the curse of separability.

Oh & Yun 2023, "Provable Benefit of Mixup for Finding Optimal Decision Boundaries", arXiv
2306.00267. `classes` has the two Gaussian classes and the law of mixing, `population` has the
expected losses and their minimisers, and `rates` tells how close n samples come.
"""
