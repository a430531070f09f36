"""Softmax attention: its logits early in training rank the features as OMP does; the steps at which
the module picks.

A warm-up of a tenth of the steps comes first, then phases of equal length: with f = (t / T - 1 /
10) / (9 / 10) and K of them, phase i = min(floor(f K), K - 1). A pick falls due once i is at least
the number of features chosen.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.sequential_attention.domains import Features, Responses
from theory_on_trial.contract import Interval, guarded, require

Rate = Annotated[float, Interval(1e-50, 1)]
Number = Annotated[int, Interval(1, 2**20)]


@guarded
def early_logits(X: Features, y: Responses, rate: Rate, steps: Number) -> Float[np.ndarray, " p"]:
    """Logits less their mean after t steps: η^2 t (t - 1) / 2 (c_j^2 - mean of c^2) / p^2, to a
    factor 1 + O(η).

    Of descent from w = a = 0 on 1 / (2 n) |y - X (w o softmax a)|^2, c = X' y / n. Source: derived
    here.
    """
    n, p = X.shape
    squares = (X.T @ y / n) ** 2
    return np.asarray(rate**2 * steps * (steps - 1) / 2 * (squares - squares.mean()) / p**2)


@guarded
def pick_steps(steps: Number, features: Number, at_once: Number) -> tuple[int, ...]:
    """The steps t of T at which m of k features are picked: the first t >= T (1 + 9 i / K) / 10, i
    = 0, m, 2 m, ...

    By the code's schedule, i < K = k / m. Raises ValueError unless m divides k and each phase has a
    step.

    >>> pick_steps(1000, 4, 1)
    (100, 325, 550, 775)
    """
    require(features % at_once == 0, f"at_once must divide features, got {at_once} and {features}")
    phases = features // at_once
    require(
        9 * steps >= 10 * phases, f"steps must give each of the {phases} phases one, got {steps}"
    )
    return tuple(-(-steps * (phases + 9 * i) // (10 * phases)) for i in range(0, phases, at_once))


@guarded
def features_chosen(features: Number, at_once: Number) -> int:
    """How many of k features are chosen, m ceil(k / m^2), by the code's schedule. ValueError unless
    m divides k.
    """
    require(features % at_once == 0, f"at_once must divide features, got {at_once} and {features}")
    return at_once * -(-features // at_once**2)
