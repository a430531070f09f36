"""Data that nobody prepared, for the test of random walks. What is a walk and what is none is known
by construction.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from tool_answers import DataSet, Worth

from own_data.random_walk_pca import WalkTest, random_walk_test

STRICT = 0.01
LOOSE = 0.05  # levels: of the headline, and of the table's count for true walks

Steps = Callable[[np.random.Generator], np.ndarray]


def walk(steps: Steps) -> Callable[[int], WalkTest]:
    return lambda seed: random_walk_test(
        np.cumsum(steps(np.random.default_rng(seed)), axis=0), n_components=2
    )


def path(points: Steps) -> Callable[[int], WalkTest]:
    return lambda seed: random_walk_test(points(np.random.default_rng(seed)), n_components=2)


def normal(rng: np.random.Generator, n: int = 200, d: int = 100) -> np.ndarray:
    return rng.standard_normal((n, d))


def anisotropic(rng: np.random.Generator) -> np.ndarray:
    """Variances 1/i in 2000 dimensions."""
    return normal(rng, 200, 2000) / np.sqrt(np.arange(1, 2001))


def correlated(rng: np.random.Generator, memory: float) -> np.ndarray:
    """As steps, momentum; as points, an Ornstein-Uhlenbeck process of rate 1 - memory."""
    steps = normal(rng)
    for t in range(1, len(steps)):
        steps[t] += memory * steps[t - 1]
    return steps


def volatile(rng: np.random.Generator) -> np.ndarray:
    """Stochastic volatility: the logarithm of the variance is autoregressive."""
    steps = normal(rng, 300, 20)
    log_variance = 0.0
    for t in range(len(steps)):
        log_variance = 0.95 * log_variance + 0.3 * rng.standard_normal()
        steps[t] *= np.exp(log_variance / 2)
    return steps


def garch(rng: np.random.Generator) -> np.ndarray:
    """GARCH(1, 1) with .15 and .8; of 300 steps one walk in twelve varies too little to be told at
    the 1 % level.
    """
    steps = normal(rng, 600, 20)
    variance = 1.0
    for t in range(len(steps)):
        steps[t] *= np.sqrt(variance)
        variance = 0.05 + 0.15 * np.mean(steps[t] ** 2) + 0.8 * variance
    return steps


def seasonal(rng: np.random.Generator, period: float, n: int = 300, d: int = 20) -> np.ndarray:
    """A standard deviation that swings by a half."""
    return normal(rng, n, d) * (1 + 0.5 * np.sin(2 * np.pi * np.arange(n) / period))[:, None]


def switched(rng: np.random.Generator) -> np.ndarray:
    """Half of the coordinates are three times as noisy; from the middle on the other half."""
    steps = normal(rng, 300, 20) * np.where(np.arange(20) < 10, 3.0, 1.0)
    steps[150:] = steps[150:, ::-1]
    return steps


def jumping(rng: np.random.Generator) -> np.ndarray:
    """One step with 8 standard deviations more in one coordinate."""
    steps = normal(rng, 300, 20)
    steps[100, 0] += 8
    return steps


def trained(seed: int) -> WalkTest:
    """The weights of scikit-learn's network on digits, with momentum .9, over 120 batches."""
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    pixels, digits = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    network = MLPClassifier(
        (16,), solver="sgd", momentum=0.9, learning_rate_init=0.01, random_state=seed
    )
    points = []
    for _ in range(120):
        batch = rng.integers(0, len(pixels), 64)
        network.partial_fit(pixels[batch] / 16, digits[batch], classes=np.arange(10))
        points.append(np.concatenate([part.ravel() for part in network.coefs_]))
    return random_walk_test(np.array(points), n_components=2)


def accepts(answer: WalkTest) -> Worth:
    """Of a true walk: wrong where its p-value is below 5 %."""
    return "right" if answer.p_value > LOOSE else "wrong"


def doubts_a_jump(answer: WalkTest) -> Worth:
    """One jump and heavy tails are alike: a walk must be doubted."""
    seen = any("one jump" in doubt.reason for doubt in answer.doubts)
    return "doubted" if seen else rejects(answer)


def changes(answer: WalkTest) -> Worth:
    """Of a variance that changes: wrong where it is called a walk, or drift, momentum and decay are
    named.
    """
    return rejects(answer) if not answer.causes else "wrong"


def rejects(answer: WalkTest, cause: str = "") -> Worth:
    """Of what is none: wrong where the headline calls it a walk, or does not name the cause."""
    named = not cause or cause in answer.causes
    return "right" if answer.p_value <= STRICT and named else "wrong"


def headline(answer: WalkTest) -> str:
    return answer.lines()[0].split(": ", 1)[1]


def a_walk(name: str, steps: Steps) -> DataSet:
    return DataSet(
        tool="random_walk_test",
        name=name,
        fits=True,
        ask=walk(steps),
        truth="a random walk",
        judge=accepts,
        headline=headline,
        level=1 - LOOSE,
    )


def no_walk(
    name: str,
    ask: Callable[[int], WalkTest],
    truth: str,
    cause: str = "",
    draws: int = 40,
    judge: Any = None,
) -> DataSet:
    return DataSet(
        tool="random_walk_test",
        name=name,
        fits=False,
        ask=ask,
        truth=truth,
        judge=judge or partial(rejects, cause=cause),
        headline=headline,
        draws=draws,
    )


def curve(noise: float) -> Steps:
    """A circle in four dimensions, run through twice."""
    angle = np.linspace(0, 4 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle, 0 * angle], axis=1)
    return lambda rng: circle + noise * rng.standard_normal(circle.shape)


def line(rng: np.random.Generator) -> np.ndarray:
    return np.outer(np.arange(200.0), rng.standard_normal(5))


def repeated(rng: np.random.Generator) -> np.ndarray:
    """A walk recorded twice at each step."""
    return np.repeat(np.cumsum(normal(rng, 100), axis=0), 2, axis=0)


MOMENTUM = "momentum"
DRIFT = "drift over noise"
BACK = "reversion"
DECAY = "decay of the noise"
SETS: list[Any] = [
    a_walk("200 normal steps, d = 100", normal),
    a_walk("normal steps of variance 1/i, d = 2000", anisotropic),
    a_walk("Student steps of 3 degrees", lambda rng: rng.standard_t(3, (200, 100))),
    a_walk("steps of one sign each", lambda rng: rng.choice([-1.0, 1.0], (200, 30))),
    a_walk("20 points", partial(normal, n=20)),
    a_walk("1000 points", partial(normal, n=1000, d=50)),
    a_walk("one dimension and a half", lambda rng: normal(rng, 200, 3) * [1.0, 0.5, 0.1]),
    a_walk("steps of size 1e9", lambda rng: 1e9 * normal(rng)),
    a_walk(
        "few coordinates move at a time", lambda rng: normal(rng) * (rng.random((200, 100)) < 0.05)
    ),
    a_walk("one column", partial(normal, d=1)),
    no_walk("stochastic volatility", walk(volatile), "memory of the variance", judge=changes),
    no_walk("GARCH", walk(garch), "memory of the variance", judge=changes),
    no_walk(
        "seasons of 30 steps",
        walk(partial(seasonal, period=30)),
        "seasonal variance",
        judge=changes,
    ),
    no_walk(
        "seasons of 7 steps", walk(partial(seasonal, period=7)), "seasonal variance", judge=changes
    ),
    no_walk(
        "seasons of 7 steps in one column",
        walk(partial(seasonal, period=7, n=600, d=1)),
        "seasonal variance",
    ),
    no_walk(
        "a covariance that switches half-way", walk(switched), "change of covariance", judge=changes
    ),
    no_walk("one jump of 8 standard deviations", walk(jumping), "one jump", judge=doubts_a_jump),
    no_walk("momentum .5", walk(partial(correlated, memory=0.5)), "momentum", MOMENTUM),
    no_walk("drift", walk(lambda rng: normal(rng) + 0.5), "drift", DRIFT),
    no_walk(
        "drift of 7 standard errors in one column",
        walk(lambda rng: normal(rng, d=1) + 0.5),
        "drift",
        DRIFT,
    ),
    no_walk("a pull to the minimum, .2", path(partial(correlated, memory=0.8)), "reversion", BACK),
    no_walk(
        "noise that decays as t^-1",
        walk(lambda rng: normal(rng) / np.sqrt(np.arange(1, 201))[:, None]),
        "decay",
        DECAY,
    ),
    no_walk("a straight line", path(line), "no noise at all"),
    no_walk("a circle without noise", path(curve(0.0)), "no noise at all"),
    no_walk("a noisy circle", path(curve(0.01)), "a curve"),
    no_walk("every point recorded twice", path(repeated), "steps of zero between others"),
    no_walk(
        "momentum in 4 dimensions",
        walk(lambda rng: correlated(rng, 0.8)[:, :4]),
        "momentum",
        MOMENTUM,
    ),
    no_walk("drift in 4 dimensions", walk(lambda rng: normal(rng, d=4) + 0.3), "drift", DRIFT),
    no_walk(
        "a pull in 4 dimensions", path(lambda rng: correlated(rng, 0.5)[:, :4]), "reversion", BACK
    ),
    no_walk("a network on digits, momentum .9", trained, "momentum and drift", draws=8),
]
