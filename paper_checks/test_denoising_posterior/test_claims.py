"""The claims of the paper; what its letters mean stands in the package."""

from typing import Annotated, Literal

import numpy as np

from sims import denoising_posterior as observed
from theory import denoising_posterior as predicted
from theory.denoising_posterior.domains import Stencil
from theory_on_trial import abstract, claim, code, derived, paper
from theory_on_trial.contract import MOST, Interval, Natural
from theory_on_trial.laws import Asymptotic

REPOSITORY = "HilaManor/GaussianDenoisingPosterior"
COMMIT = "402fed92b3566363ab45fa73671dd47a4fa4bb5a"
ABSTRACT = abstract(
    "we derive a fundamental relation between the higher-order central moments of the posterior "
    "distribution, and the "
    "higher-order derivatives of the posterior mean"
)
REGIONS = abstract(
    "we show how to efficiently compute the principal components of the posterior distribution "
    "for any desired region "
    "of an image"
)
RESIDUAL = code(
    *(REPOSITORY, "moments_calculations.py", COMMIT),
    says="Where no σ is given, the root of the mean square of y - μ_1(y) is taken for it. (In the "
    "release only a "
    "network that was trained blind comes there, for which this is open; here μ_1 is the "
    "posterior mean.)",
)
WEIGHTS_WITHOUT_VOLUME = code(
    *(REPOSITORY, "GMMExample/GMM_example.ipynb", COMMIT),
    says="Two components of equal weight: p_k = exp(-(y - m_k)' V_k^-1 (y - m_k) / 2) with V_k = "
    "S_k + σ^2.",
)

CLIPPED = code(
    *(REPOSITORY, "main.py", COMMIT),
    says="Of MNIST y is clipped to [0, 1], and variances are those of Gaussian noise at the "
    "clipped y.",
)

Prior = Literal["mixture", "points"]
Level = Annotated[
    float, Interval(0.05, 1e15, why="below, the covariances are ill-conditioned beside it")
]
Dim = Annotated[int, Interval(1, 200, why="the Jacobian is taken column by column")]
SeveralCounts = Annotated[int, Interval(2, MOST, why="one point has no spread")]
Slope = Literal["forward", "central"]
OPS = 30
"""Roundings of sums over the 64 nodes of a circle, and of exponents below a hundred."""

LINE = np.ones(1)
MIXTURE = observed.Mixture(
    np.array([0.5, 0.3, 0.2]),
    np.array([[-1.5], [0.4], [2.0]]),
    np.array([0.3, 0.6, 0.2])[:, None, None] ** 2,
)
WORLDS = {
    "mixture": MIXTURE,
    "points": observed.Mixture(
        np.array([0.5, 0.5]), np.array([[-1.0], [1.0]]), np.zeros((2, 1, 1))
    ),
}
BUMPS = observed.Mixture(
    np.array([0.5, 0.5]), np.array([[0.3], [0.7]]), np.full((2, 1, 1), 0.05**2)
)


def spatial(seed, dim):
    """A mixture of three normal laws in several dimensions, an observation, and two directions."""
    r = np.random.default_rng(seed)
    means = r.normal(size=(3, dim))
    roots = 0.4 * r.normal(size=(3, dim, dim))
    y, v, w = r.normal(size=(3, dim))
    world = observed.Mixture(MIXTURE.weights, means, roots @ np.swapaxes(roots, 1, 2))
    return world, y, v / np.linalg.norm(v), w / np.linalg.norm(w)


def conditioned(world, sigma):
    """Roundings where covariances are inverted with the noise."""
    return OPS * (1 + np.linalg.norm(world.covariances, 2, axis=(1, 2)).max() / sigma**2)


def on_a_line(world, y, v, sigma, order):
    """Moments by sums, derivatives of the mean along v, and the size of what either route
    subtracts, per moment.
    """
    derivatives, units = observed.line_derivatives(world, y, v, sigma, order - 1)
    moments = observed.line_moments(world, y, v, sigma, order)
    powers = np.arange(1, order)
    values = (
        np.abs(observed.posterior_mean(world, y, sigma) @ v).max() + np.abs(world.means @ v).max()
    )
    spread = np.sqrt(moments[..., :1].max())
    return (
        moments,
        derivatives,
        units * sigma ** (2.0 * powers) + values * (powers + 1) * spread**powers,
    )


def along(trial, prior, sigma, order, points):
    """The same at several y of one dimension, up to two standard deviations from 0."""
    visible = prior == "mixture" or sigma >= 0.4
    trial.require(
        visible,
        "sigma must be at least .4 for prior='points': below, most y distinguish the two points",
    )
    world = WORLDS[prior]
    variance = world.weights @ (world.means[:, 0] ** 2 + world.covariances[:, 0, 0])
    y = np.linspace(-2, 2, 2 * points + 1)[:, None] * np.sqrt(variance + sigma**2)
    return (
        *on_a_line(world, y, LINE, sigma, order),
        observed.posterior_mean(world, y, sigma)[:, 0],
    )


def changed(moments, order, by):
    """The moments with one of them off by so much."""
    return np.stack(
        [moment + by * (n == order) for n, moment in enumerate(moments.T, start=2)], axis=-1
    )


CASES = [("mixture", 0.8, 6), ("points", 0.5, 6), ("mixture", 4.0, 5), ("points", 1e9, 4)]


@claim(
    paper("Theorem 1, as a public review of its source quotes it"),
    kind="identity",
    cases=CASES,
)
def test_moment_recursion(
    trial,
    prior: Prior,
    sigma: Annotated[
        float,
        Interval(
            1e-3, 1e15, why="below, moments drown in the rounding of y; above, powers overflow"
        ),
    ],
    order: Annotated[int, Interval(4, 8, why="rounding grows with the factorial of the order")],
    points: Annotated[int, Interval(1, 10**4, why="each takes a circle of 64 points")] = 10,
):
    """For y = x + σ n with normal noise n, the central moments μ_k of x given y follow from the
    posterior mean μ_1(y): μ_2 = σ^2 μ_1', μ_3 = σ^2 μ_2', and μ_(k+1) = σ^2 μ_k' + k μ_(k-1) μ_2
    from k = 3 on.
    """
    moments, derivatives, scale, mean = along(trial, prior, sigma, order, points)
    law = predicted.central_moments(derivatives, sigma)
    square = law[:, 0] ** 2
    controls = {
        "k - 1 for k": changed(law, 4, -square),
        "k + 1 for k": changed(law, 4, square),
        "no product": changed(law, 4, -3 * square),
        "σ 10 % too large": predicted.central_moments(derivatives, 1.1 * sigma),
    }
    if prior == "mixture":  # between two points either the mean or the variance vanishes
        controls["k = 2 with the posterior mean for μ_1"] = changed(law, 3, 2 * mean * law[:, 0])
    trial.identity(moments, law, ops=OPS, scale=scale, controls=controls)


@claim(ABSTRACT, kind="identity", cases=[(6, 0.7), (1, 0.4), (20, 1.5)])
def test_directional_moments(trial, dim: Dim, sigma: Level, instance: Natural = 0):
    """The central moments of v'x given y, along a unit vector v, are μ_2 = σ^2 v'Jv, μ_3 = σ^2 D_v
    μ_2 and μ_4 = σ^2 D_v μ_3 + 3 μ_2^2. J is the Jacobian of the posterior mean, and D_v the
    derivative along v.
    """
    world, y, v, w = spatial(instance, dim)
    moments, derivatives, scale = on_a_line(world, y, v, sigma, 4)
    predict = predicted.central_moments(derivatives, sigma)
    longer = derivatives * 1.1 ** np.arange(2, 5)
    controls = {"v of length 1.1": predicted.central_moments(longer, sigma)}
    if dim > 1:
        across, _ = observed.line_derivatives(world, y, v, sigma, 3, onto=w)
        controls["along v, projected on w"] = predicted.central_moments(across, sigma)
    trial.identity(moments, predict, ops=conditioned(world, sigma), scale=scale, controls=controls)


@claim(ABSTRACT, kind="identity", cases=[(6, 0.7), (1, 0.4), (20, 1.5)])
def test_posterior_covariance(trial, dim: Dim, sigma: Level, instance: Natural = 0):
    """Cov(x | y) = σ^2 J, where J is the Jacobian of the posterior mean; J is therefore symmetric
    and positive semidefinite.
    """
    world, y, *_ = spatial(instance, dim)
    jacobian = observed.jacobian(world, y, sigma)
    covariance = observed.posterior_covariance(world, y, sigma)
    predict = predicted.posterior_covariance(jacobian, sigma)
    controls = {"σ^2 (J - I)": predict - sigma**2 * np.eye(dim)}
    controls["σ 10 % too large"] = predicted.posterior_covariance(jacobian, 1.1 * sigma)
    if abs(sigma - 1) > 0.01:
        controls["σ for σ^2"] = predict / sigma
    scale = np.abs(covariance).max()
    trial.identity(
        covariance, predict, ops=conditioned(world, sigma), scale=scale, controls=controls
    )


@claim(
    paper("Theorem 2, as a public review of its source quotes it"),
    kind="identity",
    cases=[40, 5],
)
def test_moment_tensors(
    trial,
    points: SeveralCounts,
    dim: Annotated[int, Interval(1, 20, why="all entries are summed")] = 3,
    sigma: Level = 0.7,
    instance: Natural = 1,
):
    """The tensors of central moments of x given y are [μ_3]_ijk = σ^2 d_k [μ_2]_ij, and [μ_4] = σ^2
    d [μ_3] plus the three pairings of μ_2 with itself; d are derivatives by y.
    """
    trial.require(
        points * dim**4 <= 10**7, "points and dim must ask for sums of at most 10^7 terms"
    )
    trial.require(
        sigma**2 >= 0.08 * dim, "sigma^2 must be at least .08 dim, or one point is all that is left"
    )
    r = np.random.default_rng(instance)
    x = r.normal(size=(points, dim))
    p = r.random(points)
    y = x.mean(axis=0)
    step = 1e-25 * sigma

    def moment(order, at=y):
        return observed.point_moment(p / p.sum(), x, at, sigma, order)

    def derivative(order):
        return (
            np.stack([moment(order, y + 1j * step * axis).imag for axis in np.eye(dim)], axis=-1)
            / step
        )

    mean = observed.posterior_mean(
        observed.Mixture(p / p.sum(), x, np.zeros((points, dim, dim))), y, sigma
    )
    covariance = moment(2)
    third = predicted.third_moment_tensor(derivative(2), sigma)
    controls = {"the posterior mean for μ_1": third + 2 * np.einsum("ij,k->ijk", covariance, mean)}
    controls["σ 10 % too large"] = predicted.third_moment_tensor(derivative(2), 1.1 * sigma)
    size = np.einsum("iijj", moment(4))  # E|x - mu_1|^4
    trial.identity(
        moment(3), third, ops=OPS, scale=np.sqrt(size * np.trace(covariance)), controls=controls
    )
    fourth = predicted.fourth_moment_tensor(derivative(3), covariance, sigma)
    pairs = np.multiply.outer(covariance, covariance)
    pairings = fourth - predicted.fourth_moment_tensor(derivative(3), 0 * covariance, sigma)
    controls = {"no pairing": fourth - pairings}
    # In one dimension, and between two points, all pairings are alike.
    controls |= (
        {"one pairing, three times": fourth - pairings + 3 * pairs}
        if min(dim, points - 1) > 1
        else {}
    )
    trial.identity(moment(4), fourth, ops=OPS, scale=size, controls=controls)


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
    of σ^2 J, where all of y is given; J is the Jacobian of the posterior mean.
    """
    trial.require(kept < dim, f"kept must be less than dim, got {kept} of {dim}")
    world, y, *_ = spatial(instance, dim)
    mask = np.arange(dim) < kept

    def components(covariance):
        return np.linalg.eigvalsh(covariance)[::-1]

    covariance = observed.posterior_covariance(world, y, sigma)
    jacobian = observed.jacobian(world, y, sigma)
    variances, directions = predicted.masked_components(jacobian, sigma, mask)
    crop = observed.Mixture(
        world.weights, world.means[:, :kept], world.covariances[:, :kept, :kept]
    )
    controls = {
        "y cropped to the region": components(observed.posterior_covariance(crop, y[:kept], sigma)),
        "those of the whole": components(covariance)[:kept],
    }
    rounding = {"ops": conditioned(world, sigma), "scale": np.abs(covariance).max()}
    region = covariance[:kept, :kept]
    trial.identity(components(region), variances, controls=controls, **rounding)
    full = (directions * controls["those of the whole"]) @ directions.T
    product = (directions * variances) @ directions.T
    trial.identity(region, product, controls={"variances of the whole": full}, **rounding)


@claim(
    paper("Algorithm 1, as a public review of its source quotes it; its rate derived here"),
    kind="rate",
    cases=[(1 / 3, 2, 8), (0.5, 1, 3), (0.9, 3, 6)],
)
def test_subspace_iteration(
    trial,
    gap: Annotated[
        float, Interval(0.01, 0.99, why="less is lost in rounding, more takes thousands of rounds")
    ],
    rank: Annotated[int, Interval(1, 50, why="at most dim")],
    dim: SeveralCounts,
):
    """Let λ_1 >= λ_2 >= … be the posterior variances. A round of subspace iteration multiplies the
    tangent of the largest angle to the r leading directions by λ_(r+1) / λ_r or less.

    Late rounds shrink it by that factor.
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
    starts = 5
    tangents = [
        observed.subspace_tangents(
            (matrix + matrix.T) / 2, generator.normal(size=(dim, rank)), rounds
        )
        for _ in range(starts)
    ]
    before, after = (
        np.concatenate([run[part] for run in tangents]) for part in (slice(-1), slice(1, None))
    )
    factor = predicted.contraction(eigenvalues, rank)
    controls = {
        "that of the eigenvalues, squared": factor**2 * before,
        "λ_(r+2) for λ_(r+1)": factor * np.sqrt(gap) * before,
    }
    scale = 1 + before + before**2  # of the solve for tangents
    bound = {
        "instances": "draws",
        "independent": starts,
        "ops": 10 * dim,
        "scale": scale * eigenvalues[0],
    }
    trial.bound(after, factor * before, controls=controls, **bound)
    late, last = np.median([(run[-2] / run[-3], run[-1] / run[-2]) for run in tangents], axis=0)
    controls = {
        "that of the eigenvalues, squared": factor**2,
        "λ_(r+2) for λ_(r+1)": factor * np.sqrt(gap),
    }
    controls["λ_2 / λ_1" if rank > 1 else "its root"] = np.sqrt(gap)
    # Falls by the root of the gap, and rounding
    error = 2 * abs(last - late) / (1 - np.sqrt(gap)) + 1e-6 * gap
    trial.value(
        last,
        factor,
        error=error,
        margin=gap * min(0.01, (1 - np.sqrt(gap)) / 10),
        controls=controls,
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
    paper("Algorithm 1, as a public review of its source quotes it; its bias derived here"),
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
    """Power iteration on the differences (μ_1(y + c v) - μ_1(y)) / c of the posterior mean ends at
    a variance whose error is c κ_3 / (2 σ^2) to first order, where κ_3 is the posterior's third
    cumulant along v.

    On (μ_1(y + c v) - μ_1(y - c v)) / 2c by c^2 κ_4^v / (6 σ^4), v being the first principal
    direction.
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
    derived("Tweedie's formula"),
    kind="identity",
    cases=[2.0, 1.5],
    as_published=WEIGHTS_WITHOUT_VOLUME,
)
def test_mixture_mean(trial, sigma: Annotated[float, Interval(0.2, 10, why="a cap only")]):
    """If x has a mixture of normal laws, component k, of prior weight π_k, has the weight π_k
    det(V_k)^(-1/2) exp(...) in the posterior mean y + σ^2 d log p(y), where V_k is its covariance
    plus σ^2.
    """
    covariances = np.array([[[1.0, 0], [0, 2]], [[2, 1], [1, 1]]])
    world = observed.Mixture(np.array([0.5, 0.5]), np.array([[1.0, 2], [8, 10]]), covariances)
    y = np.array([3.5, 6.35])
    step = 1e-25
    score = observed.log_density(world, y + 1j * step * np.eye(2), sigma).imag / step
    volumes = np.sqrt(np.linalg.det(covariances + sigma**2 * np.eye(2)))

    def weighing(by):
        weights = world.weights * by
        return observed.posterior_mean(world._replace(weights=weights / weights.sum()), y, sigma)

    controls = {"det for its root": weighing(1 / volumes), "no volume at all": weighing(volumes)}
    mean = observed.posterior_mean(world, y, sigma)
    predict = predicted.tweedie_mean(y, score, sigma)
    scale = np.abs(y).max() + np.abs(world.means).max()
    trial.identity(
        mean,
        predict,
        ops=OPS,
        scale=scale,
        controls=controls,
        as_published=controls["no volume at all"],
    )


@claim(
    derived("what σ^2 μ_1' and its successor are the means of"),
    kind="distribution",
    cases=[(0.8, 1.0)],
)
def test_sampled_calibration(
    trial,
    sigma: Annotated[float, Interval(0.6, 1.5, why="a cap, which nothing requires")],
    above: Annotated[float, Interval(-0.5, 1.2, why="a cap only")],
):
    """E[(x - μ_1)^2] = E μ_2(y) and E[(x - μ_1)^3; y > c] = E[μ_3(y); y > c], with the central
    moments μ_2 and μ_3 from derivatives of the posterior mean μ_1.
    """

    def means(level):
        pairs = []
        for k, low in ((0, -1e50), (1, above)):
            y, weights = observed.marginal_nodes(MIXTURE, sigma, low)
            derivatives, _ = observed.line_derivatives(MIXTURE, y[:, None], LINE, sigma, 2)
            moment = predicted.central_moments(derivatives, level)[:, k]
            pairs.append((weights @ moment, weights @ np.abs(moment)))
        return np.array(pairs).T

    def errors(law):
        def few(generator, n):  # of 20,000 at most, which the cache of a processor holds
            x, y = observed.sample_pairs(generator, MIXTURE, sigma, n, law)
            e = (x - observed.posterior_mean(MIXTURE, y, sigma))[:, 0]
            return np.stack([e**2, e**3 * (y[:, 0] > above)], axis=1)

        def draw(generator, n):
            most = 20_000
            return np.concatenate([few(generator, min(most, n - k)) for k in range(0, n, most)])

        return draw

    predict, sizes = means(sigma)
    processes = {"Laplace noise": errors("laplace"), "uniform noise": errors("uniform")}
    options = {
        "margin": np.array([0.01, 0.07]) * sizes,
        "scale": sizes,
        "first": 400_000,
        "most": 4_000_000,
    }
    options["controls"] = {"σ 10 % too small": means(0.9 * sigma)[0]}
    trial.mean(
        sampler=errors("normal"),
        predict=predict,
        law=Asymptotic(),
        control_processes=processes,
        **options,
    )


@claim(
    derived("law of total variance"),
    kind="distribution",
    cases=[(0.5, 0.2), (0.6, 0.3)],
    as_published=CLIPPED,
)
def test_clipping(
    trial,
    sigma: Annotated[float, Interval(0.5, 1, why="elsewhere clipping moves less than the margin")],
    ones: Annotated[float, Interval(0.05, 0.9, why="a cap, which nothing requires")],
):
    """If x is 0 or 1 and y is clipped to c in [0, 1], E (x - μ_1(c))^2 = E μ_2(y) + E (μ_1(y) -
    μ_1(c))^2: the squared error of the posterior mean μ_1 at the clipped value exceeds the mean
    variance by the last term.
    """
    world = observed.Mixture(
        np.array([1 - ones, ones]), np.array([[0.0], [1.0]]), np.zeros((2, 1, 1))
    )

    def squares(generator, n):
        x, y = observed.sample_pairs(generator, world, sigma, n)
        return (x - observed.posterior_mean(world, y.clip(0, 1), sigma))[:, 0] ** 2

    y, weights = observed.marginal_nodes(world, sigma)
    pair = np.array([y, y.clip(0, 1)])[..., None]
    slopes = observed.line_derivatives(world, pair, LINE, sigma, 1)[0]
    variances = predicted.central_moments(slopes, sigma)[..., 0] @ weights
    predict = (
        variances[0]
        + np.diff(observed.posterior_mean(world, pair, sigma), axis=0).ravel() ** 2 @ weights
    )
    trial.require(
        abs(variances[1] - predict) > 0.06 * predict,
        "what is printed must be two margins away from it",
    )
    size = {
        "margin": 0.03 * predict,
        "first": 50_000,
        "most": 2_000_000,
        "controls": {"y not clipped": variances[0]},
    }
    trial.mean(
        sampler=squares, predict=predict, law=Asymptotic(), as_published=variances[1], **size
    )


# Independent coordinates of one law
Copies = Annotated[int, Interval(1, 10**6, why="whose sums keep their digits")]
NOISE = Annotated[float, Interval(0.05, 30, why="beyond, the residual lacks next to nothing")]


def over_y(prior, sigma, *functions):
    """Means over y, with 16 nodes in each panel, and by how much 24 differ from them at most, with
    rounding.
    """
    world = WORLDS[prior]
    means = []
    for nodes in (16, 24):
        y, weights = observed.marginal_nodes(world, sigma, nodes=nodes)
        mean = observed.posterior_mean(world, y[:, None], sigma)[:, 0]
        means.append([float(weights @ function(y, mean)) for function in functions])
    coarse, fine = np.array(means)
    return coarse, np.abs(fine - coarse).max() + 1e-14 * np.abs(coarse).max()


@claim(
    derived("Tweedie's formula and an integration by parts"),
    kind="identity",
    cases=[("points", 0.5, 1), ("mixture", 0.8, 6), ("mixture", 3.0, 100)],
    as_published=RESIDUAL,
)
def test_noise_level(trial, prior: Prior, sigma: NOISE, dim: Copies):
    """The residual of the posterior mean μ_1 in d dimensions has E|y - μ_1|^2 / d = σ^2 (1 - E tr J
    / d), which is less than σ^2 by the mean squared error per dimension; J is the Jacobian of μ_1.
    """

    def slope(y, mean):
        return observed.line_derivatives(WORLDS[prior], y[:, None], LINE, sigma, 1)[0][:, 0]

    (residual, trace), error = over_y(prior, sigma, lambda y, mean: (y - mean) ** 2, slope)
    trial.require(trace > 1e-6, "sigma must be large enough for an error of the mean that shows")
    predict = predicted.residual_variance(sigma, dim * trace, dim)
    margin = 1e-9 * sigma**2
    error = error * (1 + sigma**2)
    larger = predicted.residual_variance(1.1 * sigma, dim * trace, dim)
    controls = {"σ^2 + MMSE": 2 * sigma**2 - predict, "σ 10 % too large": larger}
    trial.value(
        residual, predict, error=error, margin=margin, controls=controls, as_published=sigma**2
    )
    level = predicted.noise_variance(dim * residual, dim * trace, dim)
    trial.value(
        sigma**2,
        level,
        error=error / (1 - trace),
        margin=margin,
        controls={"y - μ_1 alone": residual},
    )


@claim(
    derived("Stein's lemma"),
    kind="identity",
    cases=[("mixture", 0.8, 1.0, 1), ("points", 0.5, 2.0, 7)],
)
def test_noise_level__any_denoiser(
    trial,
    prior: Prior,
    sigma: NOISE,
    gain: Annotated[float, Interval(0.1, 10, why="a cap, which nothing requires")],
    dim: Copies,
):
    """For any denoiser f in d dimensions with the Jacobian J_f, E|y - f|^2 = σ^2 d + E|f - x|^2 - 2
    σ^2 E tr J_f; here f = gain sin(y).
    """
    world = WORLDS[prior]

    def error_of(y, mean):
        return (gain * np.sin(y) - mean) ** 2 + observed.line_moments(
            world, y[:, None], LINE, sigma, 2
        )[:, 0]

    functions = (
        lambda y, mean: (y - gain * np.sin(y)) ** 2,
        error_of,
        lambda y, mean: gain * np.cos(y),
    )
    (residual, squares, trace), error = over_y(prior, sigma, *functions)
    predict = predicted.residual_of_denoiser(sigma, dim * squares, dim * trace, dim) / dim
    once = sigma**2 * trace
    controls = {"the trace once": predict + once, "as if f did not look at y": predict + 2 * once}
    scale = sigma**2 + squares + 2 * abs(once)
    trial.require(abs(once) > 1e-6 * scale, "gain must leave f a mean slope that shows")
    trial.value(
        residual, predict, error=error * (1 + sigma**2), margin=1e-9 * scale, controls=controls
    )


def fitted_readout(y, x, weights, slopes, places, skip):
    """Values and slopes at y of a network of fixed hidden units whose readout, of 1 and maybe y
    too, fits x.
    """
    hidden = np.tanh(slopes * (y[:, None] - places))
    ones = np.ones_like(y)
    zeros = np.zeros_like(y)
    values = np.stack([ones, *[y] * skip, *hidden.T], axis=1)
    derivatives = np.stack([zeros, *[ones] * skip, *(slopes * (1 - hidden**2)).T], axis=1)
    root = np.sqrt(weights)
    readout = np.linalg.lstsq(values * root[:, None], x * root, rcond=1e-12)[0]
    return values @ readout, derivatives @ readout


@claim(
    derived("normal equations and Stein's lemma"),
    kind="identity",
    cases=[("mixture", 0.8, 8), ("points", 0.5, 3)],
)
def test_learned_denoiser(
    trial,
    prior: Prior,
    sigma: Annotated[
        float,
        Interval(0.3, 3, why="beyond, all networks do as well or as badly as their linear part"),
    ],
    units: Annotated[int, Interval(1, 20, why="more units are nearly dependent")],
):
    """If a denoiser is fitted by least squares, the variance σ^2 J that it claims is its own
    squared error on average; J is its Jacobian.

    However far from the posterior mean it is: of any readout of fixed features with y itself among
    them.
    """
    world = WORLDS[prior]
    generator = trial.generator()
    y, weights = observed.marginal_nodes(world, sigma)
    mean = observed.posterior_mean(world, y[:, None], sigma)[:, 0]
    least = float(weights @ observed.line_moments(world, y[:, None], LINE, sigma, 2)[:, 0])
    # Features vary over the range of y: the nodes do not resolve steeper ones.
    slopes = generator.normal(size=units) / max(1.0, sigma)
    places = generator.normal(size=units)

    def judged(skip):
        f, slope = fitted_readout(y, mean, weights, slopes, places, skip)
        return (
            weights @ (f - mean) ** 2 + least,
            sigma**2 * (weights @ slope),
            sigma**2 * (weights @ slope**2),
        )

    error, report, noise = judged(True)
    without = judged(False)
    controls = {
        "the least squared error": least,
        "σ for σ^2": report / sigma,
        "y not among the features": without[1],
    }
    controls["the noise that it lets through, σ^2 J^2"] = noise
    controls = {
        name: value for name, value in controls.items() if abs(value - error) > 1e-7 + 1e-6 * error
    }
    trial.value(
        error,
        predicted.claimed_variance(sigma, report / sigma**2),
        error=1e-9,
        margin=1e-8,
        controls=controls,
    )


@claim(
    derived("Taylor's theorem, on the stencils of the released code"),
    kind="limit",
    cases=[("central", 25 / 255), ("one-sided", 25 / 255), ("central", 0.2)],
)
def test_difference_step(
    trial, stencil: Stencil, sigma: Annotated[float, Interval(0.05, 1e3, why="a cap only")]
):
    """Third differences of step c change μ_4 by σ^6 μ_1^(5) c^2 / 8 if they are central, and by σ^6
    μ_1^(4) c / 2 if they are one-sided; μ_1^(k) are derivatives of the posterior mean.
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
    controls = {"a third of it": predict / 3, "that of 0, c, 2c and 3c": 3 * predict}
    orders = (2, 4) if stencil == "central" else (1, 2)
    trial.limit(
        per_step, shares, predict, order=orders, margin=0.01 * np.abs(predict), controls=controls
    )


@claim(
    derived("rounding of μ_1 by its last digit, and the step's own error"),
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
    """The worst error of the fourth moment over y in [.2, .8] is that of the step c plus half of
    the rounding 8 ε |μ_1| σ^6 / c^3, up to a factor of five.
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
