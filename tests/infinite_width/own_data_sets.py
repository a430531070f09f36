"""Data for `width_exponent`: networks of known powers, scatter about laws of the width, and laws
without a power.
"""

from functools import partial
from typing import Any

import numpy as np
from tool_answers import DataSet, Worth, held

from own_data.infinite_width import width_exponent
from sims import infinite_width as observed
from theory.infinite_width import named_scaling

POINTS = np.random.default_rng(0).standard_normal((4, 3))
VALUES = 0.5 + np.sin(POINTS[:, :1])
SHORT = [128, 256, 512]
LADDER = [128, 256, 512, 1024]
NTK = np.array([0.0, 0.5]), np.zeros(2), 0.0


def movements(
    scaling: Any, steps: int, seeds: int, widths: Any = LADDER, seed: int = 0, rate: float = 1.0
) -> Any:
    """Movement of features in full-batch descent, seeds x widths."""
    generator = np.random.default_rng(seed)
    changes = []
    for width in widths:
        network = observed.draw_network(generator, seeds, width, *scaling, inputs=3, rate=rate)
        trained, _ = observed.train(network, np.stack([POINTS] * steps), np.stack([VALUES] * steps))
        change = observed.features(trained, POINTS) - observed.features(network, POINTS)
        changes.append(np.sqrt(np.mean(change**2, axis=(1, 2))))
    return np.array(changes).T


def asked(
    name: str,
    widths: Any,
    draw: Any,
    judge: Any,
    truth: Any,
    level: float | None,
    told: float = 0.95,
) -> DataSet:
    return DataSet(
        tool="width_exponent",
        name=name,
        fits=level is not None,
        truth=str(truth),
        level=level,
        ask=lambda seed: width_exponent(widths, draw(seed), level=told),
        judge=judge or (lambda answer: held(answer.exponent, truth, answer, "of the exponent")),
        headline=lambda answer: f"{answer.verdict}, {answer.exponent}",
    )


def networks(scaling: Any, truth: str) -> DataSet:
    """Of 20 seeds, after four steps: the verdict is right, or open."""

    def judge(answer: Any) -> Worth:
        return (
            "right"
            if answer.verdict == truth
            else "none"
            if answer.verdict == "undecided"
            else "wrong"
        )

    draw = partial(movements, named_scaling(scaling), 4, 20, LADDER)
    return asked(f"{scaling}, four steps", LADDER, draw, judge, truth, 0.99)


def scattered(law: Any, widths: Any, seeds: int, scatter: Any) -> Any:
    return lambda seed: (
        law * np.random.default_rng(seed).lognormal(0, scatter, (seeds, len(widths)))
    )


def of_power(power: float, widths: Any, seeds: int, scatter: Any, name: str = "") -> DataSet:
    law = np.array(widths) ** power
    name = f"n^{power:g} at {len(widths)} widths, {seeds} seeds, scatter {name or scatter}"
    return asked(name, widths, scattered(law, widths, seeds, scatter), None, power, 0.95)


def growing(power: float, widths: Any, seeds: int, scatter: float) -> DataSet:
    """Whether it is said to grow: of scatter by chance in one of two tails of 1 %."""

    def judge(answer: Any) -> Worth:
        grows = any("the rate is unstable" in doubt.reason for doubt in answer.doubts)
        return "right" if grows == (power > 0) else "none" if power > 0 else "wrong"

    name = f"n^{power:g}, {seeds} seeds, scatter {scatter}: whether it grows"
    law = np.array(widths) ** power
    return asked(name, widths, scattered(law, widths, seeds, scatter), judge, power, 0.995, 0.5)


def bent(name: str, law: Any, widths: Any, seeds: int, scatter: float, last: float = 0) -> DataSet:
    """The exponent there, by the law's derivative, is within the interval and its doubt; or, of a
    law that levels off before the largest width, nobody says that features move less and less.
    """

    def levels(answer: Any) -> Worth:
        return (
            "wrong"
            if answer.verdict == "features move less and less" and not answer.doubts
            else "none"
        )

    draw = scattered(law(np.array(widths) / widths[0]), widths, seeds, scatter)
    name = f"{name}, {len(widths)} widths, {seeds} seeds, scatter {scatter}"
    return asked(name, widths, draw, None if last else levels, last or "levels off", None)


SETS = [
    *(
        asked(
            f"NTK, a small step, at {level:.0%}",
            [256, 512, 1024],
            lambda seed: movements(NTK, 1, 6, [256, 512, 1024], seed, 0.1),
            None,
            -0.5,
            level,
            level,
        )
        for level in (0.8, 0.95)
    ),
    networks("muP", "features move alike"),
    networks("standard", "features move less and less"),
    of_power(0.0, SHORT, 3, 0.8),
    of_power(-0.5, SHORT, 3, 0.05),
    of_power(0.5, LADDER, 8, 0.3),
    of_power(-0.5, LADDER, 5, [0.4, 0.2, 0.1, 0.05], "falling with n"),
    growing(0.0, SHORT, 3, 0.8),
    growing(0.0, LADDER, 8, 0.8),
    growing(0.5, SHORT, 3, 0.05),
    bent(
        "a bend in the logarithms",
        lambda n: np.exp(-0.1 * np.log(n) ** 2),
        LADDER,
        8,
        1e-3,
        -0.2 * np.log(8),
    ),
    *(
        bent("1 / n^3 and a constant", lambda n: n**-3.0 + 1, widths, seeds, scatter)
        for widths, seeds, scatter in (
            (SHORT, 3, 0.03),
            (SHORT, 3, 0.1),
            (SHORT, 8, 0.1),
            (LADDER, 3, 0.1),
        )
    ),
]
