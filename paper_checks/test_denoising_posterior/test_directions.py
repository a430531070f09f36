"""Principal directions of the posterior: subspace iteration, masked components, and differences of
the denoiser in place of derivatives.
"""

from typing import Annotated, Literal

import numpy as np

from paper_checks.test_denoising_posterior.worlds import (
    LINE,
    SeveralCounts,
    conditioned,
    on_a_line,
    spatial,
)
from sims import denoising_posterior as observed
from theory import denoising_posterior as predicted
from theory.denoising_posterior import Stencil
from theory_on_trial import claim, derived, known, tried
from theory_on_trial.contract import Interval, Natural

REGIONS = tried(
    "abstract, sentence 5: the principal components of the posterior for any desired region of an "
    "image",
    "that they are those of a principal submatrix of $σ^2 J$",
)
ORTHOGONAL_ITERATION = known("Golub & Van Loan 2013, Matrix Computations, section 8.2")
Slope = Literal["forward", "central"]
BUMPS = observed.Mixture(
    np.array([0.5, 0.5]), np.array([[0.3], [0.7]]), np.full((2, 1, 1), 0.05**2)
)


@claim(REGIONS, kind="identity", cases=[(6, 2, 0.7), (6, 5, 0.7), (20, 3, 1.5)])
def test_masked_components(
    trial,
    dim: Annotated[int, Interval(2, 200, why="the Jacobian is taken column by column")],
    kept: Annotated[int, Interval(1, 199, why="below dim, 200 at most")],
    sigma: Annotated[
        float, Interval(0.05, 1e5, why="beyond, the rest of y says nothing of a region")
    ],
    instance: Natural = 0,
):
    """The posterior principal components of a region of pixels are those of the principal submatrix
    of $σ^2 J$, where all of $y$ is given; $J$ is the Jacobian of the posterior mean.
    """
    trial.require(kept < dim, f"kept must be less than dim, got {kept} of {dim}")
    world, y, *_ = spatial(instance, dim)
    mask = np.arange(dim) < kept

    def described(covariance):
        """Its variances, the largest first, and its entries."""
        return np.concatenate([np.linalg.eigvalsh(covariance)[::-1], covariance.ravel()])

    covariance = observed.posterior_covariance(world, y, sigma)
    jacobian = observed.jacobian(world, y, sigma)
    variances, directions = predicted.masked_components(jacobian, sigma, mask)
    crop = observed.Mixture(
        world.weights, world.means[:, :kept], world.covariances[:, :kept, :kept]
    )

    def composed(values):
        """What is described, from these variances along the predicted directions."""
        return np.concatenate([values, ((directions * values) @ directions.T).ravel()])

    of_the_whole = np.linalg.eigvalsh(covariance)[::-1][:kept]
    trial.identity(
        described(covariance[:kept, :kept]),
        composed(variances),
        ops=conditioned(world, sigma),
        scale=np.abs(covariance).max(),
        controls={
            "$y$ cropped to the region": described(
                observed.posterior_covariance(crop, y[:kept], sigma)
            ),
            "variances of the whole": composed(of_the_whole),
        },
    )


Gap = Annotated[
    float, Interval(0.01, 0.99, why="less is lost in rounding, more takes thousands of rounds")
]
Rank = Annotated[int, Interval(1, 50, why="at most dim")]


def iterated(trial, gap, rank, dim, starts=5):
    """Eigenvalues with λ_(r+1) = gap λ_r, and the tangents of the largest angle to the r leading
    directions after each round of subspace iteration, (starts, rounds + 1).
    """
    trial.require(rank + 2 <= dim <= 200, f"dim must be from rank + 2 to 200, got {dim}")
    trial.require(
        gap ** (rank / 2) > 1e-4,
        "rank must leave eigenvalues that stand out from the rounding of the first",
    )
    eigenvalues = np.sqrt(gap) ** np.r_[np.arange(rank), rank + 1 : dim + 1]
    generator = trial.generator()
    frame = np.linalg.qr(generator.normal(size=(dim, dim)))[0]
    matrix = (frame * eigenvalues) @ frame.T
    rounds = int(np.log(1e-8) / np.log(gap))
    tangents = [
        observed.subspace_tangents(
            (matrix + matrix.T) / 2, generator.normal(size=(dim, rank)), rounds
        )
        for _ in range(starts)
    ]
    return eigenvalues, tangents


@claim(
    ORTHOGONAL_ITERATION,
    kind="bound",
    cases=[(1 / 3, 2, 8), (0.5, 1, 3), (0.9, 3, 6)],
)
def test_subspace_iteration(trial, gap: Gap, rank: Rank, dim: SeveralCounts):
    """Let $λ_1 >= λ_2 >= …$ be the posterior variances, with $λ_r > λ_(r+1)$. A round of subspace
    iteration multiplies the tangent of the largest angle to the $r$ leading directions by
    $λ_(r+1) / λ_r$ or less.
    """
    eigenvalues, tangents = iterated(trial, gap, rank, dim)
    before, after = (
        np.concatenate([run[part] for run in tangents]) for part in (slice(-1), slice(1, None))
    )
    factor = predicted.contraction(eigenvalues, rank)
    controls = {
        "that of the eigenvalues, squared": factor**2 * before,
        "$λ_(r+2)$ for $λ_(r+1)$": factor * np.sqrt(gap) * before,
    }
    scale = 1 + before + before**2  # of the solve for tangents
    bound = {
        "instances": "search",
        "ops": 10 * dim,
        "scale": scale * eigenvalues[0],
    }
    trial.bound(after, factor * before, controls=controls, **bound)


@claim(
    ORTHOGONAL_ITERATION,
    kind="rate",
    cases=[(1 / 3, 2, 8), (0.5, 1, 3), (0.9, 3, 6)],
)
def test_subspace_iteration__late(trial, gap: Gap, rank: Rank, dim: SeveralCounts):
    """Let $λ_1 >= λ_2 >= …$ be the posterior variances, with $λ_r > λ_(r+1)$. The factor by which a
    round of subspace iteration from a random start multiplies the tangent of the largest angle to
    the $r$ leading directions tends to $λ_(r+1) / λ_r$.
    """
    eigenvalues, tangents = iterated(trial, gap, rank, dim)
    factor = predicted.contraction(eigenvalues, rank)
    late, last = np.median([(run[-2] / run[-3], run[-1] / run[-2]) for run in tangents], axis=0)
    controls = {
        "that of the eigenvalues, squared": factor**2,
        "$λ_(r+2)$ for $λ_(r+1)$": factor * np.sqrt(gap),
    }
    controls["$λ_2 / λ_1$" if rank > 1 else "its root"] = np.sqrt(gap)
    # Falls by the root of the gap, and rounding
    error = 2 * abs(last - late) / (1 - np.sqrt(gap)) + 1e-6 * gap
    trial.value(
        last,
        factor,
        error=error,
        margin=gap * min(0.01, (1 - np.sqrt(gap)) / 10),
        controls=controls,
        instances="search",
    )


def difference_iteration(world, y, sigma, step, v, stencil):
    """What power iteration on differences of the posterior mean ends at, by passes of the denoiser
    alone.
    """
    length = 0.0
    for _ in range(1000):
        behind, width = (y, step) if stencil == "forward" else (y - step * v, 2 * step)
        ahead = observed.posterior_mean(world, np.array([y + step * v, behind]), sigma)
        product = (ahead[0] - ahead[1]) / width
        before = length
        length = np.linalg.norm(product)
        direction = product / length
        if abs(length - before) <= 1e-12 * length and np.linalg.norm(direction - v) <= 1e-9:
            return sigma**2 * length
        v = direction
    return np.nan


@claim(
    tried(
        "Algorithm 1, as a public review of its source quotes it: power iteration on differences "
        "of the denoiser",
        "the error of the variance to first order in the step",
    ),
    kind="limit",
    cases=[("forward", 6, 0.7), ("central", 6, 0.7), ("forward", 20, 1.5)],
)
def test_difference_iteration(
    trial,
    stencil: Slope,
    dim: Annotated[int, Interval(2, 160, why="one has no second direction, more take seconds")],
    sigma: Annotated[
        float,
        Interval(0.3, 3, why="with less, two directions may be as good; with more, nearly all are"),
    ],
    instance: Natural = 0,
):
    """Power iteration on the differences $(μ_1(y + c v) - μ_1(y)) / c$ of the posterior mean ends
    at a variance whose error is $c κ_3 / (2 σ^2)$ to first order, and on
    $(μ_1(y + c v) - μ_1(y - c v)) / (2c)$ it is $c^2 κ_4 / (6 σ^4)$: $κ_3$ and $κ_4$ are the
    posterior's cumulants along the first principal direction.
    """
    world, y, *_ = spatial(instance, dim)
    variances, directions = predicted.masked_components(
        observed.jacobian(world, y, sigma), sigma, np.ones(dim, bool)
    )
    trial.require(
        variances[1] <= 0.9 * variances[0], "instance must leave a variance that stands out by 10 %"
    )
    v = directions[:, 0]
    # Finer central differences are rounding
    power, first = (1, 8) if stencil == "forward" else (2, 3)
    shares = 2.0 ** np.arange(first, first + 5)
    steps = sigma / shares
    ends = [difference_iteration(world, y, sigma, step, v, stencil) for step in steps]
    off = (np.array(ends) - variances[0]) / (steps / sigma) ** power
    third, fourth = observed.line_moments(world, y, v, sigma, 4)[1:] - [0, 3 * variances[0] ** 2]
    predict = predicted.iteration_error(sigma, third if power == 1 else fourth, sigma, stencil)
    trial.require(
        abs(predict) > 1e-3 * variances[0], "instance must leave a variance that the step moves"
    )
    controls = {
        "a step that costs nothing": 0.0,
        "twice it": 2 * predict,
        "the other sign": -predict,
    }
    trial.limit(off, shares, predict, order=power, margin=0.01 * abs(predict), controls=controls)


@claim(
    derived(
        "an expansion in the step, on the stencils of HilaManor/GaussianDenoisingPosterior's "
        "`moments_calculations.py` and notebook"
    ),
    kind="limit",
    cases=[("central", 25 / 255), ("one-sided", 25 / 255), ("central", 0.2)],
)
def test_difference_step(trial, stencil: Stencil, sigma: Annotated[float, Interval(0.05, 1e3)]):
    """Third differences of step $c$ change $μ_4$ by $σ^6 μ_1^{(5)} c^2 / 8$ if they are central,
    and by $σ^6 μ_1^{(4)} c / 2$ if they are one-sided; $μ_1^{(k)}$ are derivatives of the posterior
    mean.
    """
    width = (0.05**2 + sigma**2) / 0.4  # over which the weights of the two bumps change
    y = 0.5 + width * np.array([-1.0, 0.7])
    exact, derivatives, _ = on_a_line(BUMPS, y[:, None], LINE, sigma, 6)
    power, place, coarsest = (2, 4, 0) if stencil == "central" else (1, 3, 3)
    shares = 2.0 ** np.arange(coarsest, coarsest + 5)
    steps = width / shares
    fourth = np.array(
        [observed.difference_fourth_moment(BUMPS, y, sigma, step, stencil) for step in steps]
    )
    per_step = (fourth - exact[:, 2]) / steps[:, None] ** power
    of_width = [
        predicted.step_error(sigma, derivative, width, stencil)
        for derivative in derivatives[:, place]
    ]
    predict = np.array(of_width) / width**power
    controls = {"a third of it": predict / 3, "that of 0, $c$, $2c$ and $3c$": 3 * predict}
    orders = (2, 4) if stencil == "central" else (1, 2)
    trial.limit(
        per_step, shares, predict, order=orders, margin=0.01 * np.abs(predict), controls=controls
    )


@claim(
    derived("rounding of $μ_1$ by its last digit, and the step's own error"),
    kind="empirical",
    low_power="an order of magnitude",
    tier="full",
    cases=[1e-6, 1e-5, 5e-5, 1e-3, 1e-2],
)
def test_difference_rounding(
    trial,
    step: Annotated[
        float, Interval(1e-6, 1e-2, why="about where both errors are equal; the ends are caps")
    ],
    sigma: Annotated[float, Interval(0.08, 0.15, why="about 25 / 255; the ends are caps")] = 25
    / 255,
):
    """Let $x$ have the even mixture of $N(.3, .05²)$ and $N(.7, .05²)$, and let its fourth moment
    given $y$ be computed from central differences of step $c$, for noise of about $25 / 255$. The
    worst relative error over $y$ in $[.2, .8]$ is that of the step plus half of the rounding
    $8 ε |μ_1| σ^6 / c^3$, relative to the moment and up to a factor of five, where one of the two
    leads by a factor of 30.
    """
    y = np.linspace(0.2, 0.8, 61)
    exact, derivatives, _ = on_a_line(BUMPS, y[:, None], LINE, sigma, 6)
    mean = observed.posterior_mean(BUMPS, y[:, None], sigma)[:, 0]
    fourth = exact[:, 2]
    worst = np.max(
        np.abs(observed.difference_fourth_moment(BUMPS, y, sigma, step, "central") - fourth)
        / fourth
    )
    of_step = np.array(
        [abs(predicted.step_error(sigma, fifth, step, "central")) for fifth in derivatives[:, 4]]
    )
    # Numbers are rounded to the nearest: by half of a last digit at most.
    of_rounding = np.array([predicted.rounding_error(sigma, value, step) / 2 for value in mean])
    largest = [np.max(error / fourth) for error in (of_step, of_rounding)]
    trial.require(
        max(largest) > 30 * min(largest),
        "step must be where one of the two errors leads by a factor of 30",
    )
    total = np.max((of_step + of_rounding) / fourth)
    fine = {
        "smaller is better": largest[0],
        "rounding as of a second difference": step * largest[1],
    }
    rivals = fine if largest[0] < largest[1] else {"rounding alone": largest[1]}
    controls = {name: np.log10(rival / total) for name, rival in rivals.items()}
    trial.value(
        np.log10(worst / total), 0.0, error=0.0, margin=np.log10(5), scale=1.0, controls=controls
    )
