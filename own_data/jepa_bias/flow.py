"""The gradient flow of a whole network from an aligned start, and when its features cross their
levels.

Steps are those of a stabilised explicit method: once a feature is learned it relaxes a million
times faster than the next one grows, and no Jacobian of (L + 1) d^2 unknowns has to be solved.
"""

from collections.abc import Callable
from functools import cache, partial, reduce
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from own_data.jepa_bias.features import ROUNDING
from theory.jepa_bias import Event
from theory.jepa_bias.domains import Objective

Matrices = Float[np.ndarray, "*batch dim dim"]
Factors = Float[np.ndarray, "factors batch dim dim"]

_MOST_WORK = 1e10
_MOST_EVALUATIONS = 60_000  # multiplications, and velocities times factors where calls cost more
_FEWEST_EVALUATIONS = 100  # with which a start can be left
# distance to the end state, relative, from which on nothing is learned or lost: at most 1 - p
_SETTLED = 0.01
_MOST_STAGES = 2000
_RADIUS_STEPS = 10  # between two looks at the fastest rate


class Track(NamedTuple):
    """Strengths |W-bar q| of all features along flows that are stepped together, a row per step."""

    times: Float[np.ndarray, " steps"]
    log_strengths: Float[np.ndarray, "steps batch features"]
    slopes: Float[np.ndarray, "steps batch features"]
    """Their derivatives by time."""


def end_state(Sigma_xx: Matrices, Sigma_yx: Matrices, depth: int, objective: Objective) -> Matrices:
    """A = W-bar^T W-bar once all is learned, for balanced factors; features q have strength
    sqrt(q^T A q). With R = Σ_yx Σ_xx^(-1), JEPA's solves A^(1 + 1/L) = R^T A R, found by a
    contraction of factor L / (L + 1) in Thompson's metric; MAE's is (R^T R)^(L / (L + 1)). Derived
    here.
    """
    regression = np.linalg.solve(Sigma_xx, Sigma_yx.mT)
    power = depth / (depth + 1)
    if objective == "mae":
        return _power(regression @ regression.mT, power)
    end = np.broadcast_to(np.eye(Sigma_xx.shape[-1]), Sigma_xx.shape)
    for _ in range(60 * (depth + 1)):
        before = end
        end = _power(regression @ end @ regression.mT, power)
        if np.abs(end - before).max() <= 16 * ROUNDING * np.abs(end).max():
            break
    return end


def follow(
    Sigma_xx: Float[np.ndarray, "batch dim dim"],
    Sigma_yx: Float[np.ndarray, "batch dim dim"],
    end: Float[np.ndarray, "batch features features"],
    depth: int,
    epsilon: float,
    objective: Objective,
    fraction: float,
    horizon: float,
    tolerance: float,
) -> Track:
    """The flows from factors epsilon^(1/L) I until the end states, the horizon, or the most that a
    run may cost, in a basis whose first vectors are the features. `tolerance` is relative, of every
    entry in a step.
    """
    batch = len(end)
    dim = Sigma_xx.shape[-1]
    n_features = end.shape[-1]
    lengths = np.sqrt(np.diagonal(end, axis1=1, axis2=2))
    near = min(_SETTLED, 1 - fraction) * lengths[:, :, None] * lengths[:, None]
    evaluations = min(
        _MOST_EVALUATIONS / (depth + 1), _MOST_WORK / ((4 * depth + 2) * batch * dim**3)
    )
    if evaluations < _FEWEST_EVALUATIONS:
        start = np.full((1, batch, n_features), np.log(epsilon))
        return Track(np.zeros(1), start, 0 * start)

    velocity = partial(_velocity, Sigma_xx=Sigma_xx, Sigma_yx=Sigma_yx, objective=objective)

    state = np.broadcast_to(epsilon ** (1 / depth) * np.eye(dim), (depth + 1, batch, dim, dim))
    least = 1e-12 * state.max()
    now = 0.0
    slope = velocity(state)
    step = 0.01 * float(np.linalg.norm(state) / np.linalg.norm(slope))
    direction = np.random.default_rng(0).standard_normal(state.shape)
    radius = 0.0
    count = 0
    cost = 0.0
    rows = [_row(now, state, slope, n_features)]
    while now < horizon and cost < evaluations:
        if count % _RADIUS_STEPS == 0:
            radius, direction = _spectral_radius(velocity, state, slope, direction)
            cost += 4
        step = min(step, horizon - now, 0.65 * _MOST_STAGES**2 / radius)
        if now + step <= now:
            break
        stages = max(2, 1 + int(np.sqrt(1 + 1.54 * step * radius)))
        cost += stages
        with np.errstate(over="ignore", invalid="ignore"):
            after = _chebyshev_step(velocity, state, slope, step, stages)
            slope_after = velocity(after)
            error = 0.8 * (state - after) + 0.4 * step * (slope + slope_after)
            error /= tolerance * np.maximum(np.abs(state), np.abs(after)) + least
            size = float(np.mean(error**4) ** 0.25)
        if size <= 1:
            now = now + step
            state = after
            slope = slope_after
            count = count + 1
            rows.append(_row(now, state, slope, n_features))
            encoder = _encoder(state)[:, :, :n_features]
            if (np.abs(encoder.mT @ encoder - end) <= near).all():
                break
        else:
            count = 0  # the fastest rate may have grown
        step *= min(5.0, max(0.1, 0.8 * max(size, 1e-9) ** (-1 / 3))) if np.isfinite(size) else 0.1
    return Track(*(np.array(part) for part in zip(*rows, strict=True)))


def crossings(track: Track, which: int, levels: Float[np.ndarray, " features"]) -> list[Event]:
    """What rises and falls through its level in one of the flows, by time, interpolated by cubics
    of the logarithm.
    """
    from scipy.interpolate import CubicHermiteSpline

    events = []
    for feature, level in enumerate(levels):
        over = track.log_strengths[:, which, feature] - np.log(max(level, 1e-300))
        if over[0] >= 0:
            continue
        kind: Literal["learned", "relearned"] = "learned"
        for index in np.flatnonzero((over[1:] >= 0) != (over[:-1] >= 0)):
            pair = slice(index, index + 2)
            cubic = CubicHermiteSpline(
                track.times[pair], over[pair], track.slopes[pair, which, feature]
            )
            time = float(next(iter(cubic.roots(extrapolate=False)), track.times[index + 1]))
            if over[index] < 0:
                events.append(Event(time, feature, kind))
                kind = "relearned"
            else:
                events.append(Event(time, feature, "unlearned"))
    return sorted(events)


def _velocity(
    factors: Factors, Sigma_xx: Matrices, Sigma_yx: Matrices, objective: Objective
) -> Factors:
    """Minus the gradients by W_1 .. W_L and V, JEPA's target held fixed."""
    prefixes = [factors[0]]
    for layer in factors[1:-1]:
        prefixes.append(layer @ prefixes[-1])
    encoder = prefixes[-1]
    predictor = factors[-1]
    residual = (
        encoder @ Sigma_yx if objective == "jepa" else Sigma_yx
    ) - predictor @ encoder @ Sigma_xx
    velocity = np.empty_like(factors)
    velocity[-1] = residual @ encoder.mT
    for layer in range(len(factors) - 2, -1, -1):
        residual = factors[layer + 1].mT @ residual
        velocity[layer] = residual @ prefixes[layer - 1].mT if layer else residual
    return velocity


def _encoder(factors: Factors) -> Matrices:
    return reduce(lambda product, layer: layer @ product, factors[:-1])


def _row(
    now: float, state: Factors, slope: Factors, n_features: int
) -> tuple[float, Float[np.ndarray, "batch features"], Float[np.ndarray, "batch features"]]:
    product = state[0]
    moving = slope[0]
    for layer, change in zip(state[1:-1], slope[1:-1], strict=True):
        product, moving = layer @ product, change @ product + layer @ moving
    squares = np.maximum(np.sum(product**2, axis=-2), 1e-300)
    slopes = np.sum(product * moving, axis=-2) / squares
    return now, np.log(squares[:, :n_features]) / 2, slopes[:, :n_features]


def _power(matrix: Matrices, power: float) -> Matrices:
    values, vectors = np.linalg.eigh((matrix + matrix.mT) / 2)
    return vectors * np.maximum(values, 0)[..., None, :] ** power @ vectors.mT


def _spectral_radius(
    velocity: Callable[[Factors], Factors], state: Factors, slope: Factors, direction: Factors
) -> tuple[float, Factors]:
    """Largest |eigenvalue| of the Jacobian by four power iterations on differences, and where to
    start the next.
    """
    size = float(np.linalg.norm(state))
    radius = 0.0
    for _ in range(4):
        direction = direction / np.linalg.norm(direction)
        image = (velocity(state + 1e-7 * size * direction) - slope) / (1e-7 * size)
        radius = float(np.linalg.norm(image))
        direction = image
    return 1.2 * radius, direction / radius + 1e-3 * state / size


@cache
def _coefficients(stages: int) -> tuple[list[float], ...]:
    """μ, ν, μ-tilde and γ-tilde of the stages 1 .. s."""
    w0 = 1 + 2 / 13 / stages**2
    values, first, second = (np.zeros(stages + 1) for _ in range(3))
    values[:2], first[1] = (1, w0), 1
    for j in range(2, stages + 1):
        values[j] = 2 * w0 * values[j - 1] - values[j - 2]
        first[j] = 2 * values[j - 1] + 2 * w0 * first[j - 1] - first[j - 2]
        second[j] = 4 * first[j - 1] + 2 * w0 * second[j - 1] - second[j - 2]
    w1 = first[-1] / second[-1]
    b = np.empty(stages + 1)
    b[2:] = second[2:] / first[2:] ** 2
    b[:2] = b[2]
    mu, nu, tilde, gamma = (np.zeros(stages + 1) for _ in range(4))
    tilde[1] = b[1] * w1
    mu[2:], nu[2:], tilde[2:] = 2 * w0 * b[2:] / b[1:-1], -b[2:] / b[:-2], 2 * w1 * b[2:] / b[1:-1]
    gamma[2:] = (b * values - 1)[1:-1] * tilde[2:]
    return mu.tolist(), nu.tolist(), tilde.tolist(), gamma.tolist()


def _chebyshev_step(
    velocity: Callable[[Factors], Factors], state: Factors, slope: Factors, step: float, stages: int
) -> Factors:
    """One step of order two, stable up to 0.65 stages^2 over the fastest rate (Sommeijer, Shampine
    & Verwer 1997).
    """
    mu, nu, tilde, gamma = _coefficients(stages)
    older = state
    old = state + tilde[1] * step * slope
    for j in range(2, stages + 1):
        new = (1 - mu[j] - nu[j]) * state + mu[j] * old + nu[j] * older
        new += step * (tilde[j] * velocity(old) + gamma[j] * slope)
        older = old
        old = new
    return old
