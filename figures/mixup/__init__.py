"""The figures of Mixup and the curse of separability (Oh & Yun 2023, arXiv 2306.00267); the paper's
own were not seen.

F1 learning curves, F2 samples needed against κ, F3 the phases of training without augmentation, F4
boundaries in the plane, F5 efficiencies, F6 the scale of the minimiser, F7 masks, F8 small real
data. Importing the package registers them.
"""

from figures.mixup import boundaries, curves, efficiency, masks, phases, samples, scale, small_data

__all__ = [
    "boundaries",
    "curves",
    "efficiency",
    "masks",
    "phases",
    "samples",
    "scale",
    "small_data",
]
