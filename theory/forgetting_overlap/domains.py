"""The domains of this paper's arguments, in its words."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import USABLE_SCALE, Interval, Natural, NonNegative, Positive

FirstFeatures = Annotated[Float[np.ndarray, "first dim"], USABLE_SCALE]
"""φ_S, a row per input of the first task; for a network its gradients at initialisation."""
SecondFeatures = Annotated[Float[np.ndarray, "second dim"], USABLE_SCALE]
"""φ_T, a row per input of the task that is trained next."""
Residual = Annotated[Float[np.ndarray, " second"], USABLE_SCALE]
"""y_T - φ_T w_S, what the first task's weights leave of the second one's labels; in the labels'
unit.
"""
Residuals = Annotated[Float[np.ndarray, "*batch second"], USABLE_SCALE]
"""One residual, or many at once."""
LaterFeatures = Annotated[Float[np.ndarray, "tasks second dim"], USABLE_SCALE]
"""φ_1, ..., φ_m of the tasks that follow, equally many inputs each."""
LaterResiduals = Annotated[Float[np.ndarray, "tasks second"], USABLE_SCALE]
"""y_k - φ_k w_S, all against the weights after the first task."""
Weights = Annotated[Float[np.ndarray, " dim"], USABLE_SCALE]
"""w_S, the weights after the first task."""
Directions = Annotated[Float[np.ndarray, "kept dim"], USABLE_SCALE]
"""What a projection memory keeps, an orthonormal row per direction."""
Ridge = NonNegative
"""λ of |φ_T w - y_T|^2 + λ |w - w_S|^2, sums of squares; 0 for the limit, the least-norm update."""
Memory = Natural
"""k, how many of the first task's leading right singular vectors the second task may not use."""
Rate = Positive
"""η, of gradient descent on half the sum of squares."""
Steps = Natural
"""m, of gradient descent."""
Angle = Annotated[float, Interval()]
"""θ, between two subspaces all of whose principal angles are equal; in radians."""
