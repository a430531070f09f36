"""Denoisers: the posterior mean, what its losses are minimised by, and what not being told the
cluster costs.
"""

from typing import Annotated

import numpy as np

from paper_checks.test_low_dim_diffusion import random_bases, told_apart
from sims import low_dim_diffusion as observed
from sims.low_dim_diffusion import Level
from theory import low_dim_diffusion as predicted
from theory_on_trial import claim, derived, recalled, tried
from theory_on_trial.contract import Count, Interval
from theory_on_trial.laws import Asymptotic

EQUIVALENCE = tried(
    "abstract, sentence 5: optimizing the training loss is equivalent to subspace clustering over "
    "the training samples",
    "the loss in closed form",
)
Dims = tuple[Annotated[int, Interval(1, 2, why="nodes for each latent are multiplied")], ...]
"""d_1, ..., d_K."""
SeveralDimensions = Annotated[int, Interval(2, 128, why="as many nodes stand around each point")]
Angle = Annotated[
    float, Interval(20, 40, why="in degrees; other lines are nearly one, or nearly orthogonal")
]


def rising_weights(dims):
    """Weights in the ratio 1 : 2 : ... : K."""
    return np.arange(1, len(dims) + 1) / (len(dims) * (len(dims) + 1) / 2)


def require_visible(trial, signal, noise, low=0.01, high=100.0):
    """The noise must leave something to be told, and something to be asked."""
    trial.require(low <= noise / signal <= high, f"noise must be {low:g} to {high:g} times signal")


def two_lines(angle):
    """Twelve points without noise on two lines at plus and minus an angle."""
    amplitudes = np.array([[-1.8, -1, -0.3, 0.4, 0.9, 1.6], [-1.5, -0.8, -0.2, 0.6, 1.2, 2]])
    return on_lines(angle, amplitudes)


def on_lines(angle, amplitudes):
    """Points on two lines at plus and minus an angle, by their distances from zero."""
    directions = [(np.cos(np.radians(angle)), sign * np.sin(np.radians(angle))) for sign in (1, -1)]
    return np.concatenate(
        [np.outer(a, direction) for a, direction in zip(amplitudes, directions, strict=True)]
    )


def mixture(trial, dims, signal, noise):
    """A mixture of random subspaces, thirty points x_t of each, and what wrong weights would make
    of them.
    """
    trial.require(2 <= len(dims) <= 4, "dims must be those of 2 to 4 subspaces")
    require_visible(trial, signal, noise, 0.5, 10.0)
    generator = trial.generator("mixture")
    bases = random_bases(generator, 6, dims)
    weights = rising_weights(dims)
    clean = np.concatenate(
        [generator.standard_normal((30, basis.shape[1])) @ basis.T for basis in bases]
    )
    x = signal * clean + noise * generator.standard_normal(clean.shape)
    projections = np.array([x @ basis @ basis.T for basis in bases])
    squares = np.sum(projections**2, axis=2)

    def weighted(phi, power=0.5, prior=weights):
        evidence = phi * squares - power * np.log1p((signal / noise) ** 2) * np.array(dims)[:, None]
        chances = prior[:, None] * np.exp(evidence - evidence.max(axis=0))
        return predicted.shrinkage(signal, noise) * np.einsum(
            "kp,kpn->pn", chances / chances.sum(axis=0), projections
        )

    phi = (signal / noise) ** 2 / (signal**2 + noise**2) / 2
    rivals = {"$φ = s^2 / (2 γ^4)$": weighted((signal / noise**2) ** 2 / 2)}
    rivals["$π$ left out"] = weighted(phi, prior=np.ones(len(dims)))
    if len(set(dims)) > 1:
        rivals["without $(1 + s^2 / γ^2)^(-d / 2)$"] = weighted(phi, 0.0)
    return x, (bases, weights, signal, noise), rivals


MIXTURES = [((1, 2, 2), 1.0, 0.7), ((2, 2), 0.5, 0.5), ((1, 2), 2.0, 5.0)]


@claim(
    tried(
        "Lemma 1, as a reading of the paper quotes it: the posterior mean",
        "subspaces of unequal dimensions and chances",
    ),
    kind="identity",
    cases=MIXTURES,
)
def test_posterior_mean(trial, dims: Dims, signal: Level, noise: Level):
    """Let a clean point be $x0 = U_k z$ with the probability $π_k$, where $U_k$ has $d_k$
    orthonormal columns, $P_k = U_k U_k'$ and $z$ is standard normal, and let $x_t = s x0 + γ ε$
    with standard normal $ε$. Then $E[x0 | x_t] = c ∑_k w_k P_k x_t$ with $c = s / (s^2 + γ^2)$ and
    weights $w_k ~ π_k (1 + s^2/γ^2)^(-d_k/2) exp(φ |U_k'x_t|^2)$, $φ = s^2 / (2 γ^2 (s^2 + γ^2))$.
    """
    x, law, controls = mixture(trial, dims, signal, noise)
    mean, _ = observed.posterior_moments(x, *law)
    # Of up to 25,600 nodes some 500 of each subspace hold nearly all of the weight: 2,000 terms at
    # most, whose roundings differ in sign.
    trial.identity(
        mean,
        predicted.posterior_mean(x, *law),
        ops=1000,
        controls=controls,
        generic="posterior moments are analytic in points and bases",
    )


@claim(
    derived("law of total variance over the subspaces, given $x_t$"),
    kind="identity",
    cases=MIXTURES,
)
def test_posterior_mean__variance(trial, dims: Dims, signal: Level, noise: Level):
    """Let clean points $x0$ be standard normal on subspaces with projections $P_k$ and dimensions
    $d_k$, and $x_t = s x0 + γ ε$ with standard normal $ε$. Then $E[|x0 - E[x0 | x_t]|^2 | x_t] =
    (γ^2 / (s^2 + γ^2)) ∑_k w_k d_k + c^2 (∑_k w_k |P_k x_t|^2 - |∑_k w_k P_k x_t|^2)$, with the
    posterior weights $w_k$ and $c = s / (s^2 + γ^2)$.
    """
    x, law, _ = mixture(trial, dims, signal, noise)
    _, variance = observed.posterior_moments(x, *law)
    predict = predicted.posterior_variance(x, *law)
    length = np.sum(predicted.posterior_mean(x, *law) ** 2, axis=1)
    controls = {"$|∑_i w_i P x_i|^2$ not subtracted": predict + length}
    controls["the mean dimension"] = (
        predict + (np.mean(dims) - max(dims)) * (noise / np.hypot(signal, noise)) ** 2
    )
    if len(set(dims)) == 1:
        del controls["the mean dimension"]
    # Of up to 25,600 nodes some 500 of each subspace hold nearly all of the weight: 2,000 terms at
    # most, whose roundings differ in sign.
    trial.identity(
        variance,
        predict,
        ops=1000,
        scale=np.max(predict + length),
        controls=controls,
        generic="posterior moments are analytic in points and bases",
    )


def written_out(points, projected, dims, signal, noise):
    """Losses with wrong constants, for mean squares of points and of their projections."""
    c = predicted.shrinkage(signal, noise)
    total = np.mean(np.sum(points**2, axis=1))
    return {
        "$2 c s$ for $B$": total - 2 * c * signal * projected + (c * noise) ** 2 * dims,
        "no noise": total - c * signal * (2 - c * signal) * projected,
        "$1 / s$ for $c$": total - projected + (noise / signal) ** 2 * dims,
    }


@claim(
    tried(
        "Theorem 1, as a reading of the paper quotes it: with one subspace, training is PCA",
        "the loss in closed form",
    ),
    kind="identity",
    cases=[(5, 2, 0.7), (8, 3, 0.2), (3, 1, 5.0), (2, 2, 0.01)],
)
def test_loss_is_pca(
    trial, ambient: SeveralDimensions, dim: Count, noise: Level, signal: Level = 1.0
):
    """Let $D(x_t) = c U U'x_t$ with $c = s / (s^2 + γ^2)$ be the denoiser of one subspace $U$ of
    dimension $d$, where $x_t = s x + γ ε$. Its mean loss $E|D(x_t) - x|^2$ is
    $|x|^2 - B |U'x|^2 + c^2 γ^2 d$, with $B = c s (2 - c s) > 0$ at every noise level: it is that
    of PCA without centring.
    """
    trial.require(dim <= ambient, "dim must be at most ambient")
    require_visible(trial, signal, noise)
    generator = trial.generator("points")
    points = 1 + generator.standard_normal((20, ambient))
    (basis,) = random_bases(generator, ambient, [dim])
    loss = observed.denoising_loss(
        points, [basis], np.ones(1), signal, noise, *observed.cubature(ambient)
    )
    square = np.mean(np.sum((points @ basis) ** 2, axis=1))
    scale = np.mean(np.sum(points**2, axis=1))
    predict = predicted.clustering_loss(points, [basis], signal, noise)
    controls = told_apart(
        predict, 1e-12 * ambient * scale, written_out(points, square, dim, signal, noise)
    )
    trial.identity(
        loss,
        predict,
        ops=200 * ambient,
        scale=scale,
        controls=controls,
        generic="both losses are polynomials in points and basis",
    )


@claim(
    recalled("Theorem 1, as a reading of the paper quotes it"),
    kind="optimality",
    cases=[(5, 1), (3, 2)],
)
def test_loss_is_pca__minimiser(
    trial,
    ambient: Annotated[int, Interval(2, 6, why="derivatives in n d entries are numerical")],
    dim: Count,
    signal: Annotated[
        float, Interval(0.2, 25, why="with less, numerical derivatives leave few digits")
    ] = 1.0,
):
    """Averaged over noise levels, the denoising loss of one subspace is least for the leading right
    singular vectors of the points, whose mean is not subtracted.
    """
    trial.require(dim < ambient, "dim must be below ambient")
    generator = trial.generator("points")
    levels = (np.array([0.3, 2.0]), np.array([0.6, 0.4]))
    points = generator.standard_normal((40, ambient)) * ([1.0] * (ambient - 1) + [0.1])
    points[:, -1] += 2 - points[:, -1].mean()  # the mean lies on the weakest axis
    minima = sorted(
        observed.best_subspace(generator, points, dim, signal, *levels)[1] for _ in range(6)
    )
    predict = predicted.least_loss(points, dim, signal, *levels)
    basis = np.linalg.svd(points - points.mean(axis=0))[2][:dim].T
    losses = [predicted.clustering_loss(points, [basis], signal, noise) for noise in levels[0]]
    controls = {"centred PCA": np.dot(levels[1], losses)}
    if dim > 1:
        controls["one direction fewer"] = predicted.least_loss(points, dim - 1, signal, *levels)
    error = minima[1] - minima[0] + 1e-9 * predict
    trial.value(
        minima[0],
        predict,
        error=error,
        margin=1e-6 * predict,
        controls=controls,
        generic="the least loss is analytic in points whose eigenvalues differ",
    )


@claim(
    EQUIVALENCE,
    kind="identity",
    cases=[
        (2, (1, 1), 0.7),
        (6, (2, 2, 2), 0.3),
        (5, (1, 2), 2.0),
        (2, (2, 1), 0.02),
        (2, (2, 2), 1.0),
    ],
)
def test_loss_is_clustering(
    trial, ambient: SeveralDimensions, dims: Dims, noise: Level, signal: Level = 1.0
):
    """If the clean point $x$ tells the denoiser $c U_k U_k'x_t$ its cluster, the one of the largest
    $|U_k'x|$, the loss is the mean of $|x|^2 - B max_k |U_k'x|^2 + c^2 γ^2 d_k$, where $d_k$ is the
    dimension of the chosen $U_k$, $x_t = s x + γ ε$, $c = s / (s^2 + γ^2)$ and
    $B = c s (2 - c s) > 0$: that of clustering by subspaces.
    """
    trial.require(2 <= len(dims) <= 8, "dims must be those of 2 to 8 subspaces")
    require_visible(trial, signal, noise)
    generator = trial.generator("points")
    points = generator.standard_normal((12, ambient))
    bases = random_bases(generator, ambient, dims)
    squares = np.array([np.sum((points @ basis) ** 2, axis=1) for basis in bases])
    mean_dim = np.mean(np.array(dims)[squares.argmax(axis=0)])
    predict = predicted.clustering_loss(points, bases, signal, noise)
    of_all = [predicted.clustering_loss(points, [basis], signal, noise) for basis in bases]
    controls = {"clusters drawn, not chosen": np.mean(of_all)} if min(dims) < ambient else {}
    scale = np.mean(np.sum(points**2, axis=1))
    wrong = written_out(points, squares.max(axis=0).mean(), mean_dim, signal, noise)
    controls |= told_apart(predict, 1e-12 * ambient * scale, wrong)
    nodes = observed.gauss_hermite(2, 40) if ambient == 2 else observed.cubature(ambient)
    setting = points, bases, rising_weights(dims), signal, noise, *nodes
    loss, noisy = (observed.denoising_loss(*setting, rule) for rule in ("clean", "noisy"))
    # Where no node moves a point to another cluster, this is no other process.
    processes = {"argmax at $x_t$": noisy} if abs(noisy - loss) > 1e-3 * loss else {}
    trial.identity(
        loss,
        predict,
        ops=200 * ambient,
        scale=scale,
        controls=controls,
        control_processes=processes,
        generic="within its cluster a point enters both sides as a polynomial",
    )


def wrong_price(trial, dim, subspaces, signal, noise):
    """The loss with c^2 E sum_k (1 - max w) |P_k x_t|^2 for the price, from draws of |P_k
    x_t|^2.
    """
    squares = noise**2 * trial.generator("squares").chisquare(dim, (40_000, subspaces))
    squares[:, 0] *= 1 + (signal / noise) ** 2
    evidence = squares * (signal / noise) ** 2 / (signal**2 + noise**2) / 2
    largest = 1 / np.exp(evidence - evidence.max(axis=1, keepdims=True)).sum(axis=1)
    price = predicted.shrinkage(signal, noise) ** 2 * np.mean((1 - largest) * squares.sum(axis=1))
    return predicted.genie_loss(dim, signal, noise) + price


PRICE = derived("law of total variance; the least mean square error is that of the posterior mean")
FewDimensions = Annotated[int, Interval(1, 16, why="hundreds of thousands of points are drawn")]


ORDERS = {1: (60, 50), 2: (60, 50), 3: (22, 18), 4: (18, 16)}


@claim(
    PRICE,
    kind="identity",
    cases=[(0.5, 1, 2, 1.0), (3.0, 2, 2, 2.0), (1.0, 1, 3, 1.0), (3.0, 2, 1, 1.0)],
)
def test_price_of_assignment(
    trial,
    noise: Level,
    dim: Annotated[int, Interval(1, 4, why="nodes for each dimension are multiplied")],
    subspaces: Annotated[int, Interval(1, 4, why="nodes for each dimension are multiplied")],
    signal: Level,
):
    """For points $x0$ that are standard normal on orthogonal subspaces of dimension $d$ with
    projections $P_k$, the least mean squared error at $x_t = s x0 + γ ε$ is
    $d γ^2 / (s^2 + γ^2) + c^2 E ∑_k w_k (1 - w_k) |P_k x_t|^2$, with the posterior weights $w_k$
    and $c = s / (s^2 + γ^2)$.

    Told the cluster by x0, a denoiser has the first term alone, which no function of x_t attains.
    """
    from scipy.special import roots_genlaguerre

    ambient = dim * subspaces
    trial.require(ambient <= 4, "dim times subspaces must be at most 4")
    require_visible(trial, signal, noise, 0.5, 10.0)
    bases = [np.eye(ambient)[:, dim * k : dim * (k + 1)] for k in range(subspaces)]

    def losses(
        order, *rules
    ):  # of a point on the first axis, which rotations within its subspace make of any
        squares, weights = roots_genlaguerre(order, dim / 2 - 1)
        points = np.outer(np.sqrt(2 * squares), np.eye(ambient)[0])
        world = (
            points,
            bases,
            np.full(subspaces, 1 / subspaces),
            signal,
            noise,
            *observed.gauss_hermite(ambient, order),
        )
        return np.array(
            [observed.denoising_loss(*world, rule, weights / weights.sum()) for rule in rules]
        )

    measured, rough = (losses(order, "clean", "soft") for order in ORDERS[ambient])
    predict = np.array(
        [predicted.genie_loss(dim, signal, noise), predicted.mmse(dim, subspaces, signal, noise)]
    )
    laws = {"$γ^2 / s^2$": predict * [1 + (noise / signal) ** 2, 1]}
    processes = {}
    # Or, where noise is large, the mean
    laws["$x_t$ itself"] = np.full(2, dim * min(noise, signal) ** 2)
    if subspaces > 1:
        laws["soft = told"] = np.full(2, predict[0])
        laws["$1 - max w$ for $w_k (1 - w_k)$"] = np.array(
            [predict[0], wrong_price(trial, dim, subspaces, signal, noise)]
        )
        processes = {"argmax at $x_t$": np.append(rough[0], losses(ORDERS[ambient][1], "noisy"))}
    error = np.abs(measured - rough) + 1e-9 * predict
    options = {
        "controls": told_apart(predict, 1e-4 * predict, laws),
        "control_processes": processes,
    }
    trial.value(
        measured,
        predict,
        error=error,
        margin=1e-4 * predict,
        **options,
        generic="neither side is drawn, only what one control is integrated at",
    )


@claim(
    PRICE,
    kind="identity",
    tier="full",
    cases=[(0.2, 2, 3), (1.0, 3, 4), (0.5, 2, 3), (2.0, 2, 3), (0.7, 3, 5)],
)
def test_price_of_assignment__sampled(
    trial, noise: Level, dim: FewDimensions, subspaces: FewDimensions, signal: Level = 1.0
):
    """On samples $x_t = s x0 + γ ε$ from orthogonal subspaces with projections $P_k$, a denoiser
    that does not know the cluster loses $c^2 E ∑_k w_k (1 - w_k) |P_k x_t|^2$ more than one that
    does, with the posterior weights $w_k$ and $c = s / (s^2 + γ^2)$.
    """
    require_visible(trial, signal, noise)
    losses = np.array(
        [predicted.genie_loss(dim, signal, noise), predicted.mmse(dim, subspaces, signal, noise)]
    )
    trial.require(
        losses[0] < 0.95 * losses[1],
        "not being told the cluster must cost 5 % of the loss, to be noticed",
    )
    ambient = dim * subspaces + 2
    rotation = random_bases(trial.generator("rotation"), ambient, [ambient])[0]
    bases = [rotation[:, dim * k : dim * (k + 1)] for k in range(subspaces)]

    def sampled(*rules):
        return lambda generator, n: observed.sampled_losses(
            generator, n, bases, signal, noise, rules
        )

    rivals = {
        "soft = told": np.full(2, losses[0]),
        "$1 - max w$ for $w_k (1 - w_k)$": np.array(
            [losses[0], wrong_price(trial, dim, subspaces, signal, noise)]
        ),
        "$γ^2 / s^2$": losses * [1 + (noise / signal) ** 2, 1],
    }
    trial.mean(
        sampler=sampled("clean", "soft"),
        predict=losses,
        law=Asymptotic(),
        margin=0.01 * losses,
        controls=told_apart(losses, 0.01 * losses, rivals),
        control_processes={"argmax at $x_t$": sampled("clean", "noisy")},
        first=50_000,
        most=1_200_000,
    )


@claim(
    derived("the posterior mean as a denoiser, which is not told the cluster, on twelve points"),
    kind="optimality",
    cases=[1.0, 0.5],
)
def test_soft_is_not_clustering(
    trial,
    noise: Annotated[
        float,
        Interval(0.5, 2, why="with less, clustering says nearly the same, more scatters more"),
    ],
    angle: Angle = 30.0,
):
    """Let twelve points lie on lines at ±30 degrees, at $(-1.8, -1, -.3, .4, .9, 1.6)$ on one and
    $(-1.5, -.8, -.2, .6, 1.2, 2)$ on the other. The loss of the soft denoiser, the posterior mean
    that is not told the line, has its minimum at other angles, at $γ = 1$ by 2 degrees.

    K subspaces have theirs there, and there alone. The minimum is predicted from x_t alone, by
    Stein's lemma. The abstract's setting is a denoiser that is told the cluster.
    """
    points = two_lines(angle)
    start = (angle, -angle)
    angles = observed.best_angles(points, start, noise, 40)[0]
    predict = predicted.soft_angles(points, start, noise, 40)
    rough = observed.best_angles(points, tuple(angles), noise, 28)[0]
    less = predicted.soft_angles(points, tuple(predict), noise, 28)
    trial.value(
        angles,
        predict,
        error=np.abs(angles - rough) + 1e-4,
        slack=np.max(np.abs(predict - less)),
        margin=0.05,
        controls={"that of clustering": np.array(start)},
    )


@claim(
    derived("Stein's lemma, with the variance as a divergence"),
    kind="identity",
    cases=[(1.0, 1.5), (2.0, 2.0)],
)
def test_soft_is_not_clustering__implicit(trial, signal: Level, noise: Level):
    """For given points $x0$ the loss of the soft denoiser $D$ is
    $E[|D|^2 - 2 D . x_t / s + 2 Var(x0 | x_t)] + E|x0|^2$, an expectation of functions of $x_t$
    alone.
    """
    require_visible(trial, signal, noise, 1.0, 10.0)
    generator = trial.generator("points")
    points = generator.standard_normal((5, 2))
    weights = np.array([0.3, 0.7])
    setting = points, random_bases(generator, 2, [1, 1]), weights, signal, noise
    rules = [observed.gauss_hermite(2, order) for order in (60, 40)]
    loss, rough = (observed.denoising_loss(*setting, *nodes) for nodes in rules)
    predict, less = (predicted.implicit_loss(*setting, *nodes) for nodes in rules)
    x = signal * points[:, None] + noise * rules[0][0]
    variance = (
        predicted.posterior_variance(x.reshape(-1, 2), *setting[1:]).reshape(len(points), -1)
        @ rules[0][1]
    )
    trial.value(
        loss,
        predict,
        error=abs(loss - rough) + 1e-12,
        slack=abs(predict - less),
        margin=1e-3 * predict,
        controls={
            "the variance once": predict - variance.mean(),
            "no variance": predict - 2 * variance.mean(),
        },
        generic="both losses are analytic in points and bases",
    )


@claim(derived("no noise moves a point to the other line"), kind="optimality", cases=[0.02, 0.01])
def test_soft_is_not_clustering__limit(
    trial,
    noise: Annotated[float, Interval(1e-3, 0.03, why="a limit, which at a tenth is not yet there")],
    angle: Angle = 30.0,
):
    """As the noise $γ$ vanishes, the loss of the soft denoiser for points on two lines, none of
    them at zero, has its minimum where clustering by $K$ subspaces has its own.
    """
    points = two_lines(angle)
    start = np.array([angle, -angle])
    angles = observed.best_angles(points, (angle + 1, -angle - 2), noise, 24)[0]
    controls = {"as at $γ = 1$": predicted.soft_angles(points, tuple(start), 1.0, 24)}
    trial.value(angles, start, error=1e-4, margin=0.01, controls=controls)


@claim(
    derived("the soft denoiser is the posterior mean, which no other beats"),
    kind="optimality",
    cases=[1.0, 2.0],
)
def test_soft_is_not_clustering__population(
    trial,
    noise: Annotated[
        float, Interval(0.7, 10, why="with less, the bias is nearly that of twelve points")
    ],
    angle: Angle = 30.0,
):
    """For Gaussian amplitudes on two lines, the loss of the soft denoiser has its minimum at the
    lines themselves.
    """
    nodes, weights = observed.gauss_hermite(1, 24)
    points = on_lines(angle, [nodes[:, 0]] * 2)
    start = np.array([angle, -angle])
    chances = np.tile(weights / 2, 2)
    angles = observed.best_angles(points, (angle + 4, 7 - angle), noise, 32, chances)[0]
    rough = observed.best_angles(points, tuple(angles), noise, 24, chances)[0]
    controls = {
        "biased as by twelve points": predicted.soft_angles(
            two_lines(angle), tuple(start), noise, 24
        )
    }
    trial.value(angles, start, error=np.abs(angles - rough) + 1e-3, margin=0.05, controls=controls)
