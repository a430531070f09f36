"""Data for `posterior_uncertainty`: denoisers that are posterior means, told of their noise or of
another.
"""

from typing import Any

import numpy as np
from tool_answers import DataSet, held

from own_data.denoising_posterior import posterior_uncertainty
from paper_checks.test_denoising_posterior.test_claims import spatial
from sims import denoising_posterior as observed
from sims.denoising_posterior.mixtures import posterior_parts, solved

WORLD = spatial(0, 6)[0]
SPECTRUM = np.geomspace(1, 1e-4, 32)


def denoiser(world: Any, sigma: float) -> Any:
    """The posterior mean in NumPy, which JAX cannot trace."""
    known = solved(world, sigma)
    return lambda y: np.einsum("k,ki->i", *posterior_parts(world, known, np.asarray(y))[1:])


PRIORS: dict[str, Any] = {
    "mixture": (lambda r: observed.sample_pairs(r, WORLD, 0.7, 1)[0][0], denoiser(WORLD, 0.7)),
    "normal": (
        lambda r: np.sqrt(SPECTRUM) * r.normal(size=32),
        lambda z: SPECTRUM / (SPECTRUM + 0.49) * np.asarray(z),
    ),
    "signs": (lambda r: r.choice([-1.0, 1.0], size=32), lambda z: np.tanh(np.asarray(z) / 0.49)),
    "three": (
        lambda r: 1.5 * r.choice([-1.0, 1.0], size=3),
        lambda z: 1.5 * np.tanh(1.5 * np.asarray(z) / 0.49),
    ),
}


def asked(prior: str, quantity: str, told: float = 0.7) -> DataSet:
    """A denoiser for noise of .7: what is said of x itself, of that noise, or of the variance, off
    by its square.
    """
    signal, denoise = PRIORS[prior]

    def ask(seed: int) -> Any:
        r = np.random.default_rng(seed)
        x = signal(r)
        y = x + 0.7 * r.normal(size=x.size)
        return posterior_uncertainty(lambda z: np.asarray(denoise(z)), y, told, n_components=1), x

    def judge(answer: Any, x: Any) -> Any:
        part = answer.components[0]
        seen = answer.sigma_seen
        if quantity == "the noise":
            return held(seen, 0.7, answer, "") if seen else "none"
        if quantity == "the variance":
            return (
                "doubted"
                if any(doubt.unit in ("of each variance", "") for doubt in answer.doubts)
                else "wrong"
            )
        return held(part.interval, x @ part.direction, answer, "")

    fits = told == 0.7
    level = 0.99 if quantity == "the noise" else 0.9
    return DataSet(
        tool="posterior_uncertainty",
        name=f"{prior}, noise of .7, told {told}: {quantity}",
        fits=fits,
        ask=ask,
        truth={"the noise": "0.7", "the variance": f"{0.49 / told**2:.3f} of it"}.get(
            quantity, "of the draw"
        ),
        judge=judge,
        headline=lambda answer: answer.lines()[0],
        level=level if fits else None,
    )


SETS = [
    *(asked(prior, quantity) for prior in PRIORS for quantity in ("x", "the noise")),
    *(asked(prior, "the variance", told) for prior in PRIORS for told in (0.4, 1.0)),
]
