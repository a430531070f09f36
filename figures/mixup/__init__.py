"""The figures of Mixup and the curse of separability (Oh & Yun 2023, arXiv 2306.00267); the paper's
own were not seen.

Importing the package registers F1 to F8.
"""

from figures.mixup import directions, sizes, small_data

__all__ = ["directions", "sizes", "small_data"]
