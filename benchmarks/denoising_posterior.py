"""Compare derivatives with importance samples for the posterior moments of x given one y.

The moments are the second, third and fourth about the mean. Samples with importance weights are the
usual way.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import answers, command, contest, worst

WORKLOADS = [(10_000, 5), (1_000_000, 3)]  # samples, rounds
QUICK = [(10_000, 2)]
SIGMA = 0.8


def world():
    """Return the prior, a mixture of three bumps."""
    from sims.denoising_posterior import Mixture

    deviations = np.array([0.3, 0.6, 0.2])[:, None, None]
    return Mixture(np.array([0.5, 0.3, 0.2]), np.array([[-1.5], [0.4], [2.0]]), deviations**2)


def importance(n: int) -> Callable[[int], list[float]]:
    def moments(seed: int) -> list[float]:
        prior = world()
        y = 0.1 + 0.2 * (seed % 5)
        generator = np.random.default_rng(seed)
        parts = generator.choice(3, n, p=prior.weights)
        x = prior.means[parts, 0] + np.sqrt(prior.covariances[parts, 0, 0]) * generator.normal(
            size=n
        )
        weights = np.exp(-((y - x) ** 2) / (2 * SIGMA**2))
        weights /= weights.sum()
        errors = x - weights @ x
        return [float(weights @ errors**k) for k in (2, 3, 4)]

    return moments


def derivatives(n: int) -> Callable[[int], list[float]]:
    from sims.denoising_posterior import line_derivatives
    from theory.denoising_posterior import central_moments

    prior = world()

    def moments(seed: int) -> list[float]:
        slopes, _ = line_derivatives(
            prior, np.array([0.1 + 0.2 * (seed % 5)]), np.ones(1), SIGMA, 3
        )
        return [float(moment) for moment in central_moments(slopes, SIGMA)]

    return moments


CONTENDERS = {"NumPy, importance samples": importance, "ours, derivatives": derivatives}


def exactly(seed: int) -> list[float]:
    """Return the moments as integrals over the posterior. The fine rule is exact for functions that
    vanish at both ends.
    """
    prior = world()
    y = 0.1 + 0.2 * (seed % 5)
    x = np.linspace(-8, 8, 20_001)
    spreads = np.sqrt(prior.covariances[:, 0, 0])
    bumps = np.exp(-(((x[:, None] - prior.means[:, 0]) / spreads) ** 2) / 2) / spreads
    density = bumps @ prior.weights * np.exp(-((y - x) ** 2) / (2 * SIGMA**2))
    density /= density.sum()
    return [float(density @ (x - density @ x) ** k) for k in (2, 3, 4)]


def apart(seed: int, found: list[float], _: int) -> dict[str, float]:
    """Return the larger of the relative errors of the second and of the fourth moment."""
    truth = exactly(seed)
    return {"error": max(abs(found[k] / truth[k] - 1) for k in (0, 2))}


answer_seed = answers(CONTENDERS, apart)
run = contest(
    "benchmarks.denoising_posterior",
    "{} samples",
    CONTENDERS,
    WORKLOADS,
    QUICK,
    ours=["ours, derivatives"],
    figure="worst relative error",
    figure_of=worst(),
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
