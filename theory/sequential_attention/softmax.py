"""Softmax attention early in training: its logits rank the features as OMP's first round does."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.sequential_attention._domains import Features, Responses
from theory_on_trial.contract import Interval, guarded

Rate = Annotated[float, Interval(1e-50, 1)]
Steps = Annotated[int, Interval(1, 2**20)]


@guarded
def early_logits(X: Features, y: Responses, rate: Rate, steps: Steps) -> Float[np.ndarray, " p"]:
    """Logits less their mean after t steps: eta^2 t (t - 1) / 2 (c_j^2 - mean of c^2) / p^2, to a factor 1 + O(eta).

    Of gradient descent from w = a = 0 on 1 / (2 n) |y - X (w o softmax a)|^2, c = X' y / n: weights grow in proportion
    to t c, and logits with their product. Source: derived here.
    """
    n, p = X.shape
    squares = (X.T @ y / n) ** 2
    return np.asarray(rate**2 * steps * (steps - 1) / 2 * (squares - squares.mean()) / p**2)
