"""Softmax attention: early in training its logits rank the features as OMP does. The steps at which
the module picks.

Training starts with a warm-up of a tenth of the T steps; K phases of equal length follow. At step t
let f = (t / T - 1 / 10) / (9 / 10); the phase is i = min(floor(f K), K - 1). A pick is made once i
is at least the number of features chosen.
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
    """Return the logits less their mean after t = `steps` steps of gradient descent: η^2 t (t - 1)
    / 2 (c_j^2 - mean of c^2) / p^2, up to a factor 1 + O(η).

    Descent with `rate` η starts from w = a = 0, on the loss 1 / (2 n) |y - X (w o softmax a)|^2,
    and c = X' y / n. The logits are a, one per column. Source: derived here.
    """
    n, p = X.shape
    squares = (X.T @ y / n) ** 2
    return np.asarray(rate**2 * steps * (steps - 1) / 2 * (squares - squares.mean()) / p**2)


@guarded
def pick_steps(steps: Number, features: Number, at_once: Number) -> tuple[int, ...]:
    """Return the steps t of T at which the module picks m = `at_once` of k features: for i = 0, m,
    2 m, ... below K = k / m, the first t >= T (1 + 9 i / K) / 10.

    Source: the schedule of the code. Raises ValueError unless m divides k and each phase has a
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
    """Return the number m ceil(k / m^2) of features that the code's schedule chooses if k are asked
    for, m = `at_once` in each pick. Raises ValueError unless m divides k.
    """
    require(features % at_once == 0, f"at_once must divide features, got {at_once} and {features}")
    return at_once * -(-features // at_once**2)
