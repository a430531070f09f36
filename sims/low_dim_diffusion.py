"""The simulators of diffusion models on low-dimensional data.

`denoising` has denoisers of mixtures of low-rank Gaussians, `optima` has minimisers of training and
clustering losses, and `subspaces` has errors of subspaces that are learned from few or from noisy
samples.

Notation: points lie in R^n, and a subspace of dimension d is given by a basis of n x d with
orthonormal columns. A noisy point is x_t = s x0 + γ ε with x0 clean, ε standard normal, s the
signal level and γ the noise level.
"""

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.contract import (
    ORTHONORMAL,
    POSITIVE,
    PROBABILITIES,
    USABLE_SCALE,
    Interval,
    NonNegative,
    guarded,
    require,
    require_room,
)

Level = Annotated[float, Interval(1e-9, 1e9, why="covariances s^2 P + gamma^2 I are inverted")]
"""s or γ."""
Bases = Sequence[Annotated[Float[np.ndarray, "_ _"], ORTHONORMAL]]
Weights = Annotated[Float[np.ndarray, " subspaces"], PROBABILITIES]
Points = Annotated[Float[np.ndarray, "points n"], USABLE_SCALE]
Nodes = Annotated[Float[np.ndarray, "nodes n"], USABLE_SCALE]
NodeWeights = Annotated[Float[np.ndarray, " nodes"], PROBABILITIES]
PointWeights = Annotated[Float[np.ndarray, " points"], PROBABILITIES]
Order = Annotated[int, Interval(2, 200, why="all its products are nodes")]
Dim = Annotated[int, Interval(1, 2**12, why="matrices are decomposed")]
Natural = Annotated[int, Interval(0, 2**12, why="matrices are decomposed")]
Draws = Annotated[int, Interval(1, 2**24, why="so many are drawn at once")]
Rule = Literal["soft", "clean", "noisy"]
"""What chooses the subspace: weights at x_t, the clean point alone, or the largest projection of
x_t alone.
"""


_CACHED = 4096
"""The number of points per batch: all that is computed for them stays in the processor's cache."""


@guarded
def gauss_hermite(
    dim: Dim, order: Order
) -> tuple[Float[np.ndarray, "nodes dim"], Float[np.ndarray, " nodes"]]:
    """Return nodes and weights for the mean over a standard normal vector, with `order` nodes per
    axis.

    They are exact for polynomials of degree up to 2 order - 1 in each coordinate.
    """
    require_room("dim and order", dim * order**dim)
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    grid = np.stack(np.meshgrid(*[nodes] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    product = np.stack(
        np.meshgrid(*[weights / weights.sum()] * dim, indexing="ij"), axis=-1
    ).reshape(-1, dim)
    return grid, product.prod(axis=1)


@guarded
def cubature(dim: Dim) -> tuple[Float[np.ndarray, "nodes dim"], Float[np.ndarray, " nodes"]]:
    """Return the nodes ±√dim e_i, all of weight 1 / (2 dim).

    Their mean is that over a standard normal
    vector for every polynomial of degree up to three.
    """
    nodes = np.sqrt(dim) * np.concatenate([np.eye(dim), -np.eye(dim)])
    return nodes, np.full(2 * dim, 0.5 / dim)


@guarded
def denoising_loss(
    points: Points,
    bases: Bases,
    weights: Weights,
    signal: Level,
    noise: Level,
    nodes: Nodes,
    node_weights: NodeWeights,
    rule: Rule = "soft",
    point_weights: PointWeights | None = None,
) -> float:
    """Return the mean of |D(s x0 + γ ε) - x0|^2 over clean points x0 and noise ε.

    `nodes` and `node_weights` stand for the law of ε; `point_weights` are those of the points,
    equal by default. The denoiser D weighs the posterior means of the components N(0, U_k U_k') of
    a mixture. The rule "soft" takes their posterior probabilities as weights. The rule "clean"
    takes only the component whose subspace holds most of the clean point, and "noisy" the one that
    holds most of the noisy point. Raises ValueError unless the bases and the points lie in one R^n.
    """
    require(
        all(basis.shape[0] == points.shape[1] for basis in bases),
        "bases must have one row for each column of points",
    )
    block = max(1, _CACHED // len(nodes))
    of_points = np.empty(len(points))
    for start in range(0, len(points), block):
        part = points[start : start + block]
        clean = np.repeat(part, len(nodes), axis=0)
        x = (signal * part[:, None] + noise * nodes).reshape(clean.shape)
        errors = _lengths(_denoised(x, clean, bases, weights, signal, noise, rule) - clean)
        of_points[start : start + block] = errors.reshape(len(part), -1) @ node_weights
    return float(of_points.mean() if point_weights is None else of_points @ point_weights)


@guarded
def posterior_moments(
    x: Points, bases: Bases, weights: Weights, signal: Level, noise: Level, order: Order = 80
) -> tuple[Float[np.ndarray, "points n"], Float[np.ndarray, " points"]]:
    """Return the posterior mean of x0 given x_t, [points, n], and the posterior variance
    E[|x0|^2 | x_t] - |E[x0 | x_t]|^2, [points].

    They follow by Bayes' rule on Gauss-Hermite nodes of the latents of each subspace. They are
    valid only where the noise is at least as wide as the nodes are apart. Raises ValueError for
    more than 2^36 nodes.
    """
    clean = []
    chances = []
    for basis, weight in zip(bases, weights, strict=True):
        nodes, node_weights = gauss_hermite(basis.shape[1], order)
        clean.append(nodes @ basis.T)
        chances.append(weight * node_weights)
    x0 = np.concatenate(clean)
    prior = np.concatenate(chances)
    centres = signal * x0
    distances = np.array([_lengths(point - centres) for point in x]) / (2 * noise**2)
    likelihood = prior * np.exp(distances.min(axis=1, keepdims=True) - distances)
    posterior = likelihood / likelihood.sum(axis=1, keepdims=True)
    mean = posterior @ x0
    return mean, posterior @ np.sum(x0**2, axis=1) - np.sum(mean**2, axis=1)


@guarded
def sampled_losses(
    generator: np.random.Generator,
    draws: Draws,
    bases: Bases,
    signal: Level,
    noise: Level,
    rules: Sequence[Rule] = ("clean", "soft"),
) -> Float[np.ndarray, "draws rules"]:
    """Return the loss |D(x_t) - x0|^2 at random points of a mixture with equal weights, for the
    denoiser D of each rule.

    All rules see the same draws.
    """
    labels = generator.integers(len(bases), size=draws)
    clean = np.empty((draws, len(bases[0])))
    for k, basis in enumerate(bases):
        clean[labels == k] = (
            generator.standard_normal((np.count_nonzero(labels == k), basis.shape[1])) @ basis.T
        )
    x = signal * clean + noise * generator.standard_normal(clean.shape)
    weights = np.full(len(bases), 1 / len(bases))
    losses = np.empty((draws, len(rules)))
    for start in range(0, draws, _CACHED):
        part = slice(start, start + _CACHED)
        for column, rule in enumerate(rules):
            losses[part, column] = _lengths(
                _denoised(x[part], clean[part], bases, weights, signal, noise, rule) - clean[part]
            )
    return losses


def _lengths(points: Points) -> Float[np.ndarray, " points"]:
    """Return the squared length of each point, far faster than a sum along a short axis does."""
    return np.asarray(np.einsum("pn,pn->p", points, points))


def _denoised(
    x: Points,
    clean: Points,
    bases: Bases,
    weights: Weights,
    signal: Level,
    noise: Level,
    rule: Rule,
) -> Float[np.ndarray, "points n"]:
    """Return the means of the Gaussian components N(0, s^2 P + γ^2 I) from which x may come,
    weighted as the rule says.
    """
    covariances = [signal**2 * basis @ basis.T + noise**2 * np.eye(len(basis)) for basis in bases]
    precisions = [np.linalg.inv(covariance) for covariance in covariances]
    if rule == "soft":
        with np.errstate(divide="ignore"):  # a weight of zero
            logarithms = np.log(weights) - np.linalg.slogdet(covariances)[1] / 2
        distances = [np.einsum("pn,pn->p", x, x @ precision) for precision in precisions]
        densities = logarithms[:, None] - np.array(distances) / 2
        shares = np.exp(densities - densities.max(axis=0))
        shares /= shares.sum(axis=0)
    else:
        evidence = clean if rule == "clean" else x
        squares = [_lengths(evidence @ basis) for basis in bases]
        shares = np.eye(len(bases))[:, np.argmax(squares, axis=0)]
    latents = np.hstack(
        [signal * (precision @ basis) for precision, basis in zip(precisions, bases, strict=True)]
    )
    latent_shares = np.repeat(shares, [basis.shape[1] for basis in bases], axis=0).T
    return (x @ latents * latent_shares) @ np.hstack(bases).T


Plane = Annotated[Float[np.ndarray, "points 2"], USABLE_SCALE]
Levels = Annotated[Float[np.ndarray, " levels"], Interval(1e-9, 1e9)]
LevelWeights = Annotated[Float[np.ndarray, " levels"], PROBABILITIES]
Groups = Annotated[int, Interval(1, 8, why="all partitions are tried")]
Starts = Annotated[int, Interval(1, 10**4)]


@guarded
def best_angles(
    points: Plane,
    start: tuple[float, float],
    noise: Level,
    order: Order = 40,
    point_weights: PointWeights | None = None,
) -> tuple[Float[np.ndarray, "2"], float]:
    """Fit two lines through zero of the plane to the points, by descent from the angles `start`.

    Returns their angles and the loss, which is that of the soft denoiser with s = 1. All angles are
    in degrees. The minimum is a local one.
    """
    from scipy.optimize import minimize

    nodes = gauss_hermite(2, order)
    equal = np.array([0.5, 0.5])

    def loss(angles: Float[np.ndarray, "2"]) -> float:
        lines = [np.array([[np.cos(angle)], [np.sin(angle)]]) for angle in angles]
        return denoising_loss(points, lines, equal, 1.0, noise, *nodes, "soft", point_weights)

    minimum = minimize(loss, np.radians(start), method="BFGS", options={"gtol": 1e-7})
    return np.degrees(minimum.x), float(minimum.fun)


@guarded
def best_subspace(
    generator: np.random.Generator,
    points: Points,
    dim: Dim,
    signal: Level,
    noises: Levels,
    level_weights: LevelWeights,
) -> tuple[Float[np.ndarray, "n dim"], float]:
    """The basis of one subspace that minimises the training loss averaged over noise levels, and
    that loss. BFGS finds it from a random start. Raises ValueError for dim > n.
    """
    from scipy.optimize import minimize

    ambient = points.shape[1]
    require(dim <= ambient, f"dim must be at most the {ambient} columns of points, got {dim}")
    nodes = cubature(ambient)

    def basis_of(flat: Float[np.ndarray, " entries"]) -> Float[np.ndarray, "n dim"]:
        return np.linalg.qr(flat.reshape(ambient, dim))[0]

    def loss(flat: Float[np.ndarray, " entries"]) -> float:
        basis = [basis_of(flat)]
        losses = [
            denoising_loss(points, basis, np.ones(1), signal, noise, *nodes) for noise in noises
        ]
        return float(np.dot(level_weights, losses))

    minimum = minimize(
        loss, generator.standard_normal(ambient * dim), method="BFGS", options={"gtol": 1e-7}
    )
    return basis_of(minimum.x), float(minimum.fun)


@guarded
def fitting_partitions(points: Points, dim: Dim, groups: Groups) -> tuple[int, int]:
    """Count partitions of the points into at most `groups` groups: those that fit subspaces, and
    all.

    A partition fits where each group lies on a subspace through zero of dimension `dim`: its
    singular values beyond the first `dim` are at most 1e-9 of the first. Raises ValueError for more
    than 10^5 labellings.
    """
    n = len(points)
    require(
        groups**n <= 10**5,
        f"points and groups must ask for at most 10^5 labellings, got {groups}^{n}",
    )
    fits = np.array(
        [_fits(points[[i for i in range(n) if subset >> i & 1]], dim) for subset in range(2**n)]
    )
    bits = 2 ** np.arange(n)
    fitting = 0
    partitions = 0
    for tail in product(range(groups), repeat=n - 1):
        labels = np.array((0, *tail))
        if any(
            np.diff(np.maximum.accumulate(labels)) > 1
        ):  # another name for a partition that was met before
            continue
        partitions += 1
        fitting += all(fits[bits @ (labels == k)] for k in range(groups))
    return fitting, partitions


@guarded
def k_subspaces(
    generator: np.random.Generator, points: Points, dim: Dim, groups: Groups, starts: Starts = 10
) -> tuple[Int[np.ndarray, " points"], float]:
    """Cluster points around subspaces through zero by Lloyd's steps, and keep the best of all
    `starts`.

    Returns the label of each point and the sum of squared residuals. Raises ValueError for dim > n.
    """
    ambient = points.shape[1]
    require(dim <= ambient, f"dim must be at most the {ambient} columns of points, got {dim}")
    best: tuple[Int[np.ndarray, " points"], float] = np.zeros(len(points), int), np.inf
    total = float(np.sum(points**2))
    for _ in range(starts):
        bases = [np.linalg.qr(generator.standard_normal((ambient, dim)))[0] for _ in range(groups)]
        previous = np.inf
        while True:
            squares = np.array([np.sum((points @ basis) ** 2, axis=1) for basis in bases])
            residual = total - float(squares.max(axis=0).sum())
            if not residual < previous:  # labels may still change for ever, by rounding among ties
                break
            labels = squares.argmax(axis=0)
            previous = residual
            # Left out are groups that have no point: they keep their subspace.
            for k in set(labels.tolist()):
                right = np.linalg.svd(points[labels == k])[2]
                bases[k] = right[:dim].T
        if previous < best[1]:
            best = labels, previous
    return best


def _fits(points: Points, dim: int) -> bool:
    if len(points) <= dim or points.shape[1] <= dim:
        return True
    singular = np.linalg.svd(points, compute_uv=False)
    return bool(singular[dim] <= 1e-9 * singular[0])


Spectrum = Annotated[Float[np.ndarray, " d"], POSITIVE, USABLE_SCALE]
Steps = Annotated[int, Interval(1, 10**4)]


@guarded
def completion_errors(
    generator: np.random.Generator, draws: Draws, ambient: Dim, dim: Dim, samples: Natural
) -> Float[np.ndarray, " draws"]:
    """Return D^2 of subspaces that contain all N noiseless samples and are random in the other d -
    N directions.

    D^2 is the squared distance of the projections. Raises ValueError unless N <= d <= n.
    """
    points = _points(generator, draws, ambient, dim, samples)
    complement = generator.standard_normal((draws, ambient, dim - samples))
    return _squared_distance(np.linalg.qr(np.concatenate([points, complement], axis=2))[0], dim)


@guarded
def trained_errors(
    generator: np.random.Generator,
    draws: Draws,
    ambient: Dim,
    dim: Dim,
    samples: Natural,
    steps: Steps = 15,
) -> Float[np.ndarray, " draws"]:
    """Return D^2 of subspaces trained on N noiseless samples X by large gradient steps on
    |V'X|_F^2.

    Each step is followed by a QR decomposition, and the start is random. Raises ValueError unless N
    <= d <= n.
    """
    points = _points(generator, draws, ambient, dim, samples)
    basis = np.linalg.qr(generator.standard_normal((draws, ambient, dim)))[0]
    # Weak directions end, too
    step = 1e8 / np.maximum(np.sum(points**2, axis=(1, 2), keepdims=True), 1e-300)
    for _ in range(steps):
        basis = np.linalg.qr(basis + step * points @ (np.swapaxes(points, 1, 2) @ basis))[0]
    return _squared_distance(basis, dim)


@guarded
def noisy_errors(
    generator: np.random.Generator,
    draws: Draws,
    ambient: Dim,
    spectrum: Spectrum,
    samples: Dim,
    noise: NonNegative,
) -> Float[np.ndarray, " draws"]:
    """Return D^2 of principal component analysis, without centring, on N noisy samples.

    The latents have the variances `spectrum`, one per dimension of the subspace. The noise has the
    standard deviation `noise` in each of the n coordinates. The components are the eigenvectors of
    the smaller Gram matrix. Raises ValueError unless d <= min(n, N).
    """
    return _noisy(generator, draws, ambient, spectrum, samples, noise)[0]


@guarded
def steadied_errors(
    generator: np.random.Generator,
    draws: Draws,
    ambient: Dim,
    spectrum: Spectrum,
    samples: Dim,
    noise: NonNegative,
) -> Float[np.ndarray, " draws"]:
    """Return draws as `noisy_errors` does, with the same mean and, by control variates, a smaller
    variance.

    The control variates are numbers whose mean is known to be zero: the squared lengths and the log
    determinant of the latents A, each less its mean, and the squared noise outside the true
    subspace that the inverse of A lets in, less its mean over the noise. A regression on a thousand
    other draws gives their slopes. These draws are the same in every call, so that two calls share
    nothing random. Raises ValueError as `noisy_errors`.
    """
    arguments = ambient, spectrum, samples, noise
    errors, variates = _noisy(np.random.default_rng(0), 1000, *arguments)
    slopes = np.linalg.lstsq(variates - variates.mean(axis=0), errors - errors.mean())[0]
    errors, variates = _noisy(generator, draws, *arguments)
    return np.asarray(errors - variates @ slopes)


def _noisy(
    generator: np.random.Generator,
    draws: int,
    ambient: int,
    spectrum: Float[np.ndarray, " d"],
    samples: int,
    noise: float,
) -> tuple[Float[np.ndarray, " draws"], Float[np.ndarray, "draws known"]]:
    """Return the errors, and numbers of mean zero that are correlated with them."""
    from scipy.special import digamma

    dim = len(spectrum)
    fits = dim <= min(ambient, samples)
    require(
        fits,
        f"spectrum must have at most ambient and samples entries, got {dim} for {ambient} and "
        f"{samples}",
    )
    require_room("draws, ambient and samples", draws * ambient * samples)
    x = noise * generator.standard_normal((draws, ambient, samples))
    outside = x[:, dim:].copy()
    latents = generator.standard_normal((draws, dim, samples))
    x[:, :dim] += np.sqrt(spectrum)[:, None] * latents
    if samples > ambient:
        left = np.linalg.eigh(x @ np.swapaxes(x, 1, 2))[1][:, :, -dim:]
    else:
        squares, right = np.linalg.eigh(np.swapaxes(x, 1, 2) @ x)
        left = x @ (right[:, :, -dim:] / np.sqrt(squares[:, None, -dim:]))
    gram = latents @ np.swapaxes(latents, 1, 2)
    inverse = np.swapaxes(np.linalg.solve(gram, latents), 1, 2) / np.sqrt(spectrum)
    leak = np.sum((outside @ inverse) ** 2, axis=(1, 2))
    mean_leak = noise**2 * np.sum(inverse**2, axis=(1, 2))
    volume = np.linalg.slogdet(gram)[1] - np.sum(
        digamma((samples - np.arange(dim)) / 2) + np.log(2)
    )
    lengths = np.einsum("ijj->ij", gram) - samples
    variates = np.column_stack([leak - (ambient - dim) * mean_leak, volume, lengths])
    return _squared_distance(left, dim), variates


@guarded
def clustered_errors(
    generator: np.random.Generator,
    draws: Draws,
    ambient: Dim,
    dim: Dim,
    samples: Dim,
    subspaces: Annotated[int, Interval(1, 64)],
    noise: NonNegative,
) -> Float[np.ndarray, "draws subspaces"]:
    """Return D^2 of each of K subspaces that are learned together from N noisy samples each,
    without labels.

    The descent on the K-subspaces loss starts some 17 degrees from the truth. It takes twelve
    rounds: each sample goes to the subspace that contains most of it, and each subspace becomes
    that of the leading principal components of its samples. Raises ValueError for d > n.
    """
    require(dim <= ambient, f"dim must be at most ambient, got {dim} and {ambient}")
    require_room(
        "draws, subspaces, ambient and samples",
        draws * subspaces * ambient * (subspaces * samples + ambient),
    )
    true = np.linalg.qr(generator.normal(size=(draws, subspaces, ambient, dim)))[0]
    points = true @ generator.normal(size=(draws, subspaces, dim, samples))
    points += noise * generator.normal(size=points.shape)
    points = np.swapaxes(points, 1, 2).reshape(draws, ambient, subspaces * samples)
    estimates = np.linalg.qr(true + 0.3 / np.sqrt(ambient) * generator.normal(size=true.shape))[0]
    for _ in range(12):
        squares = np.sum((np.swapaxes(estimates, 2, 3) @ points[:, None]) ** 2, axis=2)
        membership = squares.argmax(axis=1)[:, None] == np.arange(subspaces)[:, None]
        moments = (points[:, None] * membership[:, :, None]) @ np.swapaxes(points, 1, 2)[:, None]
        estimates = np.linalg.eigh(moments)[1][..., -dim:]
    return 2 * dim - 2 * np.sum((np.swapaxes(true, 2, 3) @ estimates) ** 2, axis=(2, 3))


@guarded
def trace_tail(
    dim: Annotated[int, Interval(1, 2)],
    samples: Dim,
    threshold: Annotated[float, Interval(1e-9, 1e15)],
) -> float:
    """Return P(tr (AA')^-1 > t) by quadrature, for a d x N matrix A of independent standard normal
    entries and d = 1 or 2.

    With two rows A = L Q with L = (a, 0; b, c), and the trace exceeds t where c^2 (t a^2 - 1) < a^2
    + b^2. Here c^2 is chi-square with N - 1 degrees of freedom, a^2 + b^2 = r^2, a = r sin(φ), and
    r and φ are independent. Raises ValueError for fewer samples than rows.
    """
    from scipy.stats import chi2

    require(dim <= samples, f"dim must be at most samples, got {dim} and {samples}")
    if dim == 1:
        return float(chi2(samples).cdf(1 / threshold))
    nodes, weights = np.polynomial.legendre.leggauss(400)
    sines = np.sin(np.pi / 2 * ((nodes + 1) / 2) ** 3)
    polar = weights * (nodes + 1) ** 2
    chances = polar * sines ** (samples - 1)
    radii = chi2(samples + 1).ppf((nodes + 1) / 2)
    left = threshold * sines[:, None] ** 2 - 1 / radii
    beyond = np.where(left > 0, chi2(samples - 1).cdf(1 / np.where(left > 0, left, 1.0)), 1.0)
    return float(chances @ beyond @ weights / chances.sum() / 2)


@guarded
def inverse_traces(
    generator: np.random.Generator, draws: Draws, dim: Dim, samples: Dim
) -> Float[np.ndarray, " draws"]:
    """Return draws of tr (AA')^-1 for d x N matrices A of independent standard normal entries.

    Raises ValueError unless d <= N.
    """
    require(dim <= samples, f"dim must be at most samples, got {dim} and {samples}")
    require_room("draws, dim and samples", draws * dim * samples)
    latents = generator.standard_normal((draws, dim, samples))
    return np.sum(np.linalg.svd(latents, compute_uv=False) ** -2, axis=1)


def _points(
    generator: np.random.Generator, draws: int, ambient: int, dim: int, samples: int
) -> Float[np.ndarray, "draws n samples"]:
    fits = samples <= dim <= ambient
    require(
        fits,
        f"samples must be at most dim, and dim at most ambient, got {samples}, {dim} and {ambient}",
    )
    require_room("draws, ambient and dim", draws * ambient * dim)
    points = np.zeros((draws, ambient, samples))
    points[:, :dim] = generator.standard_normal((draws, dim, samples))
    return points


def _squared_distance(
    basis: Float[np.ndarray, "draws n d"], dim: int
) -> Float[np.ndarray, " draws"]:
    return 2 * np.sum(basis[:, dim:] ** 2, axis=(1, 2))
