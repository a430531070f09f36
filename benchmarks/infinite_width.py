"""Compare the recursion of the infinite-width limit with training a very wide linear network.

The network has mean-field scaling, and takes forty steps.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import answers, command, contest, worst

WORKLOADS = [(2_000_000, 5)]  # units, rounds
QUICK = [(20_000, 2)]
STEPS = 40
RATE = 0.15


def series(seed: int):
    """Return inputs of either sign, and targets that are 1.5 times the inputs."""
    x = np.random.default_rng(seed).choice([-1.0, -0.5, 0.5, 1.0], STEPS)
    return x, 1.5 * x


def numpy_network(n: int) -> Callable[[int], float]:
    def last(seed: int) -> float:
        x, y = series(seed)
        generator = np.random.default_rng((seed, 1))
        w, v = generator.standard_normal((2, n))
        for sample, target in zip(x, y, strict=True):
            f = v @ w * sample / n
            kappa = -RATE * (f - target) * sample
            moved = w + kappa * v
            v = v + kappa * w
            w = moved
        return float(f)

    return last


def our_network(n: int) -> Callable[[int], float]:
    from sims.infinite_width import shallow_network, train

    def last(seed: int) -> float:
        network = shallow_network(np.random.default_rng((seed, 1)), 1, n, 0.0, RATE)
        return float(
            train(network, *(values[:, None, None] for values in series(seed)))[1][-1, 0, 0, 0]
        )

    return last


def recursion(n: int) -> Callable[[int], float]:
    from theory.infinite_width import limit_outputs

    return lambda seed: float(limit_outputs(*series(seed), RATE)[-1])


CONTENDERS = {"NumPy network": numpy_network, "our network": our_network, "our limit": recursion}


def exactly(seed: int) -> float:
    """Return the limit of the last output from the moments of the weights, in fractions."""
    from fractions import Fraction

    a = Fraction(1)
    b = Fraction(0)
    c = Fraction(1)
    f = Fraction(0)
    for sample, target in zip(
        *(map(Fraction, values.tolist()) for values in series(seed)), strict=True
    ):
        f = b * sample
        kappa = -Fraction(RATE) * (f - target) * sample
        moments = (
            a + 2 * kappa * b + kappa**2 * c,
            b + kappa * (a + c) + kappa**2 * b,
            c + 2 * kappa * b + kappa**2 * a,
        )
        a, b, c = (moment.limit_denominator(10**18) for moment in moments)
    return float(f)


answer_seed = answers(CONTENDERS, lambda seed, f, _: {"error": abs(f - exactly(seed))})
run = contest(
    "benchmarks.infinite_width",
    f"{{}} units, {STEPS} steps",
    CONTENDERS,
    WORKLOADS,
    QUICK,
    ours=["our network", "our limit"],
    figure="worst error",
    figure_of=worst(),
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
