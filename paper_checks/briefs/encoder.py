"""One trained encoder for the pages that look at real representations; it knows no theorem."""

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier


@cache
def digits() -> np.ndarray:
    """The 1797 images of handwritten digits that scikit-learn ships: (1797, 64), pixels from 0 to
    1.
    """
    return load_digits().data / 16


@cache
def encoder(width: int, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """The hidden layer of a classifier of these digits, which is trained in a tenth of a second.

    It takes images (…, 64) to features (…, width) between -1 and 1. The classifier is right for all
    images of its training.
    """
    model = MLPClassifier(
        (width,), activation="tanh", solver="lbfgs", max_iter=60, alpha=1e-2, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # sixty steps are enough here
        model.fit(digits(), load_digits().target)
    weights = model.coefs_[0]
    offset = model.intercepts_[0]
    return lambda images: np.tanh(images @ weights + offset)
