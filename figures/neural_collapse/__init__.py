"""The figures of neural collapse in deep linear networks (Dang et al. 2023, arXiv 2301.00437), and
new ones.

F1 the direct experiment with balanced classes, F2 with imbalanced ones, F3 phases of weight decay,
F4 low rank under cross-entropy, F5 hysteresis in weight decay, F6 ten imbalanced classes. Importing
the package registers them.
"""

from figures.neural_collapse import landscape, mean_square

__all__ = ["landscape", "mean_square"]
