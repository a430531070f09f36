"""The gradient flow of objective 1, from a start to where it comes to rest."""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from sims.cosine_similarity.domains import Factor, Ratings
from sims.cosine_similarity.fits import gradient
from theory_on_trial.contract import Interval, Positive, guarded, require

Accuracy = Annotated[float, Interval(1e-13, 1e-2)]

_MOST_CALLS = 200_000
_REST = 0.1  # times the accuracy, of the gradient at the start


class Rest(NamedTuple):
    """Where a flow came to rest."""

    a: Float[np.ndarray, "items k"]
    b: Float[np.ndarray, "items k"]


@guarded
def flow(x: Ratings, a: Factor, b: Factor, penalty: Positive, accuracy: Accuracy = 1e-11) -> Rest:
    """Follow the gradient flow A' = -dL/dA, B' = -dL/dB until it rests, by LSODA at this relative
    accuracy.

    The flow counts as at rest where the gradient is at most a tenth of the accuracy times the
    gradient at the start. Raises ValueError where 200 000 gradients do not reach that.
    """
    from scipy.integrate import LSODA

    shape = a.shape
    gram = x.T @ x
    calls = 0

    def velocity(_: float, state: Float[np.ndarray, " numbers"]) -> Float[np.ndarray, " numbers"]:
        nonlocal calls
        calls += 1
        require(
            calls <= _MOST_CALLS,
            f"a and b must come to rest within {_MOST_CALLS} gradients at penalty {penalty}",
        )
        first, second = state.reshape(2, *shape)
        by_a, by_b = gradient(gram, first, second, penalty, "product")
        return -np.concatenate([by_a.ravel(), by_b.ravel()])

    start = np.concatenate([a.ravel(), b.ravel()])
    least = _REST * accuracy * float(np.linalg.norm(velocity(0, start)))

    unit = 1 / float(np.trace(gram) + penalty)
    path = LSODA(
        velocity, 0, start, 1e6 * unit, rtol=accuracy, atol=accuracy * float(np.abs(start).max())
    )
    while path.status == "running" and np.linalg.norm(velocity(path.t, path.y)) > least:
        path.step()
    at_rest = np.linalg.norm(velocity(path.t, path.y)) <= least
    require(at_rest, f"a and b must come to rest in the time given, at penalty {penalty}")
    first, second = path.y.reshape(2, *shape)
    return Rest(first, second)
