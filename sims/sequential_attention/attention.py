"""Gates softmax(a) on the features of a linear model, trained by gradient descent, and the schedule
of the released module.
"""

from fractions import Fraction
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, Key, ScalarLike

from sims.sequential_attention.domains import Count, Features, Responses
from theory_on_trial.contract import Interval, guarded, require

Size = Annotated[int, Interval(1, 2**20)]
Steps = Annotated[int, Interval(1, 2**20)]
Rate = Annotated[ScalarLike, Interval(0, 1)]
_LOGIT_SPREAD = 1e-5  # of logits that are drawn again


@guarded
def softmax_descent(
    X: Features, y: Responses, rate: Annotated[float, Interval(0, 1)], steps: Steps
) -> np.ndarray:
    """The logits a, [p], after `steps` steps of gradient descent on 1 / (2 n) |y - X (w o softmax
    a)|^2.

    The descent starts from w = a = 0 and has one rate for both.
    """
    n, p = X.shape
    w = np.zeros(p)
    a = np.zeros(p)
    for _ in range(steps):
        gates = np.exp(a - a.max())
        gates /= gates.sum()
        slopes = -(X.T @ (y - X @ (w * gates))) / n
        through = gates * slopes * w
        w = w - rate * slopes * gates
        a = a - rate * (through - gates * through.sum())
    return a


@guarded(double=False)
def softmax_agreement(
    key: Key[Array, ""],
    n: Size,
    p: Size,
    correlation: ScalarLike,
    rate: Rate,
    steps: tuple[Steps, ...],
) -> Float[Array, "steps 2"]:
    """Return with which features the largest logit of gradient descent agrees after each number of
    steps.

    Column 0 is 1 where the largest logit belongs to the feature most correlated with y, else 0;
    column 1 is 1 where it belongs to the largest least-squares weight. `steps` are rising numbers
    of steps from w = a = 0. The problem is random: the n rows of X are correlated standard normal
    numbers, whose columns are not scaled, and y = X β + noise with β and the noise standard normal.
    """
    at_shared, at_own, at_weights, at_noise = jax.random.split(key, 4)
    common = jax.random.normal(at_shared, (n, 1))
    noise = jax.random.normal(at_own, (n, p))
    X = jnp.sqrt(correlation) * common + jnp.sqrt(1 - correlation) * noise
    y = X @ jax.random.normal(at_weights, (p,)) + jax.random.normal(at_noise, (n,))
    gram = X.T @ X / n
    c = X.T @ y / n

    def step(_: ScalarLike, state: tuple[Array, Array]) -> tuple[Array, Array]:
        w, a = state
        gates = jax.nn.softmax(a)
        slopes = (gram * (w * gates)).sum(
            axis=1
        ) - c  # batched products of small matrices are slow on a CPU
        through = gates * slopes * w
        return w - rate * slopes * gates, a - rate * (through - gates * through.sum())

    targets = jnp.stack([jnp.argmax(jnp.abs(c)), jnp.argmax(jnp.abs(jnp.linalg.solve(gram, c)))])
    state = (jnp.zeros(p), jnp.zeros(p))
    hits = []
    start = 0
    for until in steps:
        state = jax.lax.fori_loop(0, until - start, step, state)
        hits.append(jnp.argmax(state[1]) == targets)
        start = until
    return jnp.stack(hits).astype(float)


@guarded
def coded_schedule(
    steps: Steps, features: Count, at_once: Count = 1
) -> tuple[tuple[int, ...], int]:
    """The steps at which the released module picks features, and how many features it has in the
    end. `at_once` is the number of features per pick. Raises ValueError unless it divides
    `features`.
    """
    require(features % at_once == 0, f"at_once must divide features, got {at_once} and {features}")
    phases = features // at_once
    count = 0
    picks = []
    for t in range(steps):
        share = (Fraction(t, steps) - Fraction(1, 10)) / Fraction(9, 10)
        phase = min(share * phases // 1, phases - 1)
        if phase >= count:
            picks.append(t)
            count += at_once
    return tuple(picks), count


@guarded(double=False)
def coded_picks(
    key: Key[Array, ""],
    n: Size,
    p: Size,
    rate: Rate,
    picks: tuple[Steps, ...],
    *,
    trained_first: bool = False,
) -> Int[Array, " picks"]:
    """The features that a linear model with the module's gates picks after each number of steps.

    `picks` are rising numbers of steps. The gates are softmax(a) over the unchosen features and 1
    on the chosen ones. Before the first pick, in the warm-up, all gates are 1, unless
    `trained_first`. A pick takes the largest logit; then the logits are drawn again, and w is kept.

    The problem is random: y = 5 x_4 + 2 x_8 + noise of standard deviation 0.1, features counted
    from 0. Where there are fewer features the last one takes the place of a missing one.
    """
    at_features, at_noise, at_weights, at_logits = jax.random.split(key, 4)
    X = jax.random.normal(at_features, (n, p))
    y = 5 * X[:, min(4, p - 1)] + 2 * X[:, min(8, p - 1)] + 0.1 * jax.random.normal(at_noise, (n,))
    gram = X.T @ X / n
    c = X.T @ y / n
    logits = _LOGIT_SPREAD * jax.random.normal(at_logits, (len(picks) + 1, p))
    w = jax.random.normal(at_weights, (p,)) / jnp.sqrt(p)
    mask = jnp.zeros(p, bool)
    features = []
    start = 0
    for place, until in enumerate(picks):
        warm = place == 0 and not trained_first
        w, a = jax.lax.fori_loop(
            0, until - start, _step(gram, c, mask, rate, warm), (w, logits[place])
        )
        features.append(jnp.argmax(jnp.where(mask, -jnp.inf, a)))
        mask = mask.at[features[-1]].set(True)
        start = until
    return jnp.stack(features)


def _step(gram: Array, c: Array, chosen: Bool[Array, " p"], rate: ScalarLike, warm: bool):  # type: ignore[no-untyped-def]
    """A step of gradient descent on weights and logits, with the gates of a phase."""

    def loss(w: Array, a: Array) -> Array:
        gates = jnp.where(chosen, 1.0, jax.nn.softmax(jnp.where(chosen, -jnp.inf, a)))
        effective = w * (jnp.ones_like(w) if warm else gates)
        return effective @ gram @ effective / 2 - c @ effective

    def step(_: ScalarLike, state: tuple[Array, Array]) -> tuple[Array, Array]:
        slopes = jax.grad(loss, (0, 1))(*state)
        return state[0] - rate * slopes[0], state[1] - rate * slopes[1]

    return step
