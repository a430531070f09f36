"""The inequality among the conditions of stability, for the falsifier: both sides at any admissible instance."""

import numpy as np

from theory import infinite_width as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality


@inequality(
    "infinite_width.conditions",
    "1/2 <= a + b - 1/2 where features are learnt, any exponents, up to four hidden layers",
    draws=1000,
)
def silent_start(draw: Draw) -> Sides | None:
    """Any stable exponents with r = 0: c follows from the others, what is unstable is left out."""
    hidden = draw.integer("L", 1, 4)
    a = np.array([draw.real(f"a_{layer}", -1, 1.5) for layer in range(1, hidden + 2)])
    b = np.append(0.5 - a[:-1], draw.real("b", -1, 1.5))
    b[0] = -a[0]
    mover = float(predicted.first_step_exponent(a, b, 0.0)) - a[-1] - b[-1]  # the rest of r, but for c
    c = max(-mover - a[-1] - b[-1], -mover / 2 - a[-1])
    if not predicted.stability(a, b, c).all() or abs(float(predicted.feature_exponent(a, b, c))) > 1e-12:
        return None
    return Sides(0.5, -float(predicted.output_exponent(a, b)), ops=1e7)  # conditions hold to 1e-9
