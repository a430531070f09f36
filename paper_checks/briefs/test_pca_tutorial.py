"""Shlens 2014, "A Tutorial on Principal Component Analysis", arXiv 1404.1100.

For whoever replaces data by principal components: how they are computed, what is lost without the
other components, and which structures a covariance cannot show.

Paper: it derives PCA as the rotation of data after which no two coordinates covary, shows the way
by a singular value decomposition, and ends with data for which PCA is the wrong tool. This page
tries both ways of computing it, the tutorial's spring, its two failures and their exact sizes.

Take away: of two independent sources along axes that are not at right angles PCA finds neither: the
first component lies between them, half-way if they are equally strong. On a circle each axis is as
good as another, and the scores are uncorrelated although one determines the other up to its sign.
The divisor $n$ or $n - 1$ changes all variances by one factor, and neither axes nor shares.

$X$ $(n, d)$ holds $n$ points, and $C = XᵀX/n$ is their covariance after centring, with eigenvalues
$λ_1 >= λ_2 >= …$. A score is the coordinate of a point on an axis.

Edges: equal eigenvalues do not determine their axes, as on the circle. The squared coordinates of
four riders on a wheel may have no covariance. No moment distinguishes two normal sources after
mixing.

Abstract:

- Sentences 2 and 3: the tutorial builds an intuition of PCA. No statement.
- Sentence 4: it derives the mathematics of PCA from simple intuitions. No statement.
- Sentences 5 and 6: readers are to learn when, how and why PCA is applied. No statement.

Read: the abstract. Recalled: the algorithm that takes one direction after another, the spring with
three cameras, the wheel and the axes that are not at right angles. Derived here: all formulas. Not
claimed: that directions of large variance matter.

Topic: linear algebra for learning.
"""

from itertools import product
from typing import Annotated, Literal

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import minimize

from paper_checks.briefs.common import apart, orthonormal
from theory_on_trial import (
    claim,
    derived,
    known,
    observed,
    predicted,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Samples = Annotated[
    int, Interval(4, 10_000, why="fewer have no second component; dense matrices are decomposed")
]
Radius = Annotated[float, Interval(0.01, 100, why="the unit of the data; beyond, nothing changes")]
Riders = Annotated[int, Interval(3, 1000, why="two are on a line; all of them are listed")]
Sources = Literal["two values", "nine values", "rare spikes"]
Strength = Annotated[
    float, Interval(0.01, 100, why="the variance of one source over the other; else one is noise")
]
Angle = Annotated[float, Interval(0.05, 3.09, why="at 0 and π there is one axis, and no second")]
LATTICES = {
    "two values": np.array([-1.0, 1.0]),
    "nine values": np.arange(-4.0, 5),
    "rare spikes": np.array([-1.0, *np.zeros(8), 1.0]),
}
"""Values of a source, all equally likely."""


def cloud(trial, n_samples, dim):
    """Points (n, d) of unequal spread along axes that are no coordinates, about (1, …, 1)."""
    trial.require(n_samples > dim, f"n_samples must be above dim = {dim}, got {n_samples}")
    generator = trial.generator("points")
    normals = generator.standard_normal((n_samples, dim))
    return normals * np.logspace(0, -0.5, dim) @ orthonormal(generator, dim).T + 1.0


def centred(points):
    """Points (n, d) less their mean."""
    return points - points.mean(axis=0)


def covariance(points):
    """C = XᵀX/n of the centred points (n, d)."""
    deviations = centred(points)
    return deviations.T @ deviations / len(points)


def oblique(first, second, share, angle):
    """All pairs of values of two sources (levels,), of variances 1 and t = `share`, as points of
    the plane along axes at an angle φ, (pairs, 2).
    """
    axes = np.array([[1, 0], np.sqrt(share) * np.array([np.cos(angle), np.sin(angle)])])
    pairs = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
    return pairs / pairs.std(axis=0) @ axes


def wheel(riders, phase):
    """Riders on a unit circle, equally far apart, (n, 2)."""
    angles = phase + 2 * np.pi * np.arange(riders) / riders
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@observed
def one_after_another(generator, points, count):
    """The largest variances of points (n, d) along unit vectors, each at right angles to those that
    were found before, (count,): by L-BFGS from three starts; and the largest slope that is left.
    """
    basis = np.eye(points.shape[1])
    variances = []
    slopes = []
    for _ in range(count):
        scores = points @ basis

        def loss_and_slope(w, scores=scores):
            along = scores @ w
            square = w @ w
            share = np.mean(along**2) / square
            return -share, 2 * (share * w - scores.T @ along / len(scores)) / square

        starts = generator.normal(size=(3, scores.shape[1]))
        search = {"jac": True, "method": "L-BFGS-B", "options": {"ftol": 0, "gtol": 1e-11}}
        ends = [minimize(loss_and_slope, start, **search) for start in starts]
        best = min(ends, key=lambda end: end.fun)
        basis = basis @ null_space(best.x[None])
        variances.append(-best.fun)
        slopes.append(np.linalg.norm(best.jac) * np.linalg.norm(best.x))
    return np.array(variances), max(slopes)


@observed
def singular_variances(points):
    """Squared singular values of the centred points over √n, decreasing, (d,)."""
    return np.linalg.svd(centred(points) / np.sqrt(len(points)), compute_uv=False) ** 2


@observed
def first_axis(points):
    """The first right singular vector of the centred points, (d,)."""
    return np.linalg.svd(centred(points), full_matrices=False)[2][0]


@observed
def losses(points, bases):
    """Mean squared distances of the centred points from the spans of orthonormal bases (many, d,
    k), (many,).
    """
    deviations = centred(points)
    return np.array(
        [np.mean(np.sum((deviations - deviations @ b @ b.T) ** 2, axis=1)) for b in bases]
    )


@observed
def mean_over_samples(points, size, about_mean):
    """The mean of XᵀX/n over all samples of n = `size` points, drawn with replacement; about the
    sample's own mean, or about that of all points. (d, d)
    """
    deviations = centred(points)
    matrices = []
    for chosen in product(range(len(points)), repeat=size):
        sample = deviations[list(chosen)]
        rows = centred(sample) if about_mean else sample
        matrices.append(rows.T @ rows / size)
    return np.mean(matrices, axis=0)


@observed
def recorded(motion, line, cameras, noise):
    """The pictures that cameras (m, 2, 3) take of a motion (n,) along a line (3,), with noise (n, 2
    m), (n, 2 m).
    """
    places = np.outer(motion, line)
    pictures = [places @ camera.T for camera in cameras]
    return np.hstack(pictures) + noise


@observed
def covariance_of_squares(points, angle):
    """The covariance of the squared scores of points (n, 2) on two axes at right angles."""
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    squares = (centred(points) @ axes) ** 2
    return np.mean(squares[:, 0] * squares[:, 1]) - np.prod(squares.mean(axis=0))


@observed
def extreme_kurtoses(points):
    """Of points (n, 2) whose variance is made one along every axis by PCA, the excess kurtosis that
    is farthest from zero along an axis, and that nearest to zero.
    """
    left = np.linalg.svd(centred(points), full_matrices=False)[0]
    angles = np.pi * np.arange(8) / 8
    scores = np.sqrt(len(points)) * left @ np.stack([np.cos(angles), np.sin(angles)])
    excess = np.mean(scores**4, axis=0) - 3
    # Fourth moments along an axis have the frequencies 0, 2 and 4: eight axes fix them.
    waves = np.fft.rfft(excess) / len(angles)
    fine = np.linspace(0, np.pi, 3001)
    wave = np.real(waves[0] + 2 * sum(waves[k] * np.exp(2j * k * fine) for k in (1, 2, 3)))
    return wave[[np.argmax(np.abs(wave)), np.argmin(np.abs(wave))]]


@predicted
def eigenvalues(points):
    """λ_1 >= λ_2 >= … of C, (d,)."""
    return np.linalg.eigvalsh(covariance(points))[::-1]


@predicted
def least_loss(points, kept):
    """λ_(k+1) + … + λ_d."""
    return np.sum(eigenvalues(points)[kept:])


@predicted
def expected_covariance(points, size):
    """(n - 1)/n C, of n = `size` draws."""
    return (1 - 1 / size) * covariance(points)


@predicted
def spring_variances(variance, line, optical_axes, noise):
    """s² Σ_i (1 - (c_i . e)²) + σ², and σ² for all others, (2 m,)."""
    seen = variance * np.sum(1 - (optical_axes @ line) ** 2)
    return seen * (np.arange(2 * len(optical_axes)) == 0) + noise


@predicted
def wheel_variance(radius):
    """r²/2, along every axis."""
    return radius**2 / 2


@predicted
def wheel_dependence(radius):
    """-r⁴/8, the covariance of squared scores."""
    return -(radius**4) / 8


@predicted
def kurtosis_range(levels):
    """κ and κ/2, with κ the excess kurtosis of equally likely values."""
    excess = np.mean(levels**4) / np.mean(levels**2) ** 2 - 3
    return excess * np.array([1, 0.5])


@predicted
def doubled_axis(share, angle):
    """(cos 2θ, sin 2θ) of the first axis: the direction of 1 + t e^(2iφ)."""
    total = 1 + share * np.exp(2j * angle)
    return np.array([total.real, total.imag]) / abs(total)


@claim(
    known("Fischer 1905 and Courant 1920, the principle of minimum and maximum"),
    kind="optimality",
    cases=[(200, 8, 4), (20, 3, 2), (1000, 12, 3)],
)
def test_one_by_one(
    trial,
    n_samples: Samples,
    dim: Annotated[int, Interval(3, 12, why="in the plane the second axis is given; searches")],
    kept: Annotated[int, Interval(2, 4, why="the first is no sequence; small ones lose digits")],
):
    """Let each direction be at right angles to the earlier ones and have the largest variance of
    the data that is then possible. The variance along the $k$-th direction is the $k$-th largest
    eigenvalue of the covariance.
    """
    trial.require(kept < dim, f"kept must be below dim = {dim}: the last axis is given")
    points = cloud(trial, n_samples, dim)
    variances, slope = one_after_another(trial.generator("starts"), centred(points), kept)
    law = eigenvalues(points)[:kept]
    raw = np.sort(np.diag(covariance(points)))[::-1][:kept]
    trial.value(
        variances,
        law,
        error=slope + 1e-13,
        margin=1e-3 * law,
        generic="eigenvalues are analytic in the data where they are distinct",
        controls={
            "variances of the raw coordinates": raw,
            "$λ_1$ each time": np.full(kept, law[0]),
        },
        control_processes={
            "not centred": one_after_another(trial.generator("starts"), points, kept)[0]
        },
    )


@claim(
    known("Gauss 1823, the divisor that is named after Bessel"),
    kind="identity",
    cases=[(4, 3), (2, 2), (3, 6)],
)
def test_divisor(
    trial,
    n_points: Annotated[int, Interval(2, 4, why="of one point nothing varies; all are drawn")],
    size: Annotated[int, Interval(2, 6, why="of one draw nothing varies; all samples are listed")],
):
    """Samples of $n$ points are drawn with replacement from a population with covariance $C$. The
    scatter of a sample about its own mean, divided by $n$, has the mean $C (n - 1)/n$.
    """
    points = trial.generator("points").normal(size=(n_points, 2))
    law = expected_covariance(points, size)
    trial.identity(
        mean_over_samples(points, size, about_mean=True),
        law,
        ops=n_points**size + 20,
        scale=np.mean(points**2) * 4,
        generic="both sides are quadratic in the points",
        controls={"the divisor $n$ is unbiased": law * size / (size - 1)},
        control_processes={"about a known mean": mean_over_samples(points, size, about_mean=False)},
    )


@claim(
    known("Eckart & Young 1936"),
    kind="bound",
    cases=[(100, 8, 3), (4, 2, 1), (60, 30, 29)],
)
def test_optimal(
    trial,
    n_samples: Annotated[int, Interval(4, 1000, why="every subspace gets all points")],
    dim: Annotated[int, Interval(2, 30, why="a subspace near the best one is drawn")],
    kept: Annotated[int, Interval(1, 29, why="below dim, 30 at most")],
    n_subspaces: Annotated[int, Interval(10, 5000, why="few may miss a better one")] = 2000,
):
    """No projection of centred points to $k$ dimensions has a mean squared error below
    $λ_(k+1) + … + λ_d$, that of the projection on the first $k$ principal axes, where
    $λ_1 >= … >= λ_d$ are the eigenvalues of their covariance.
    """
    trial.require(kept < dim, f"kept must be below dim = {dim}: else nothing is lost")
    points = cloud(trial, n_samples, dim)
    bases = trial.generator("subspaces").standard_normal((n_subspaces, dim, kept))
    best = np.linalg.svd(centred(points), full_matrices=False)[2][:kept].T
    # Half of the subspaces lie close to the optimum, where a violation would show first.
    bases[::2] = best + 0.01 * bases[::2]
    bases[0] = best
    raw = np.sort(np.diag(covariance(points)))[: dim - kept].sum()
    trial.bound(
        np.full(n_subspaces, least_loss(points, kept)),
        losses(points, np.linalg.qr(bases)[0]),
        instances="draws",
        independent=n_subspaces - 1,  # the first one is the optimum itself
        ops=n_samples + 3 * dim,
        scale=np.trace(covariance(points)),
        control_processes={"variances of the raw coordinates": np.full(n_subspaces, raw)},
    )


@claim(
    derived("a camera with the optical axis $c$ sees $1 - (c . e)²$ of a motion along $e$"),
    kind="identity",
    cases=[(3, 0.1), (1, 0.5), (8, 0.001)],
)
def test_spring(
    trial,
    n_cameras: Annotated[int, Interval(1, 20, why="each has two coordinates")],
    noise: Annotated[float, Interval(1e-3, 0.5, why="beyond, it hides the motion of one camera")],
    n_samples: Annotated[int, Interval(50, 1000, why="noise uncorrelated with the motion")] = 100,
):
    """A motion of variance $s²$ along a unit vector $e$ is filmed by $m$ cameras with optical axes
    $c_i$ of length one, and uncorrelated noise of variance $σ²$ is added to each of the $2 m$
    coordinates. Their covariance has the eigenvalue $s² sum_i (1 - (c_i·e)²) + σ²$, and all its
    other eigenvalues are $σ²$.
    """
    generator = trial.generator("scene")
    frames = np.array([orthonormal(generator, 3) for _ in range(n_cameras)])
    line = orthonormal(generator, 3, 1)[:, 0]
    # Columns that are centred and do not covary: the first is the motion, the others are noise.
    columns = generator.normal(size=(n_samples, 1 + 2 * n_cameras))
    columns = np.sqrt(n_samples) * np.linalg.qr(centred(columns))[0]
    motion = 2 * columns[:, 0]
    pictures = recorded(motion, line, frames[:, :2], noise * columns[:, 1:])
    law = spring_variances(4.0, line, frames[:, 2], noise**2)
    one = np.where(np.arange(len(law)) == 0, (law[0] - noise**2) / 2, 0) + noise**2
    raw = np.sort(np.diag(covariance(pictures)))[::-1]
    trial.identity(
        singular_variances(pictures),
        law,
        ops=n_samples + 60 * n_cameras,
        scale=law[0],
        generic="eigenvalues are analytic in cameras, line and noise where they are distinct",
        controls={"spread over two axes": one, "one axis for each coordinate": raw},
    )


@claim(derived("the mean of $cos²$ over equal steps"), kind="identity", cases=[3, 4, 25, 1000])
def test_ferris_wheel(trial, riders: Riders, radius: Radius = 2.0):
    """Riders at equal distances on a wheel of radius $r$, three or more, have the variance $r²/2$
    along every axis.
    """
    points = radius * wheel(riders, 0.3)
    angles = np.linspace(0, np.pi, 19)
    bases = np.stack([np.cos(angles), np.sin(angles)], axis=1)[..., None]
    law = np.full(len(angles), wheel_variance(radius))
    trial.identity(
        losses(points, bases),
        law,
        ops=riders + 8,
        scale=radius**2,
        controls={"as on a disc": law / 2},
        control_processes={"two riders": losses(radius * wheel(2, 0.3), bases)},
    )


@claim(
    derived("$cos²$ and $sin²$ add up to one; four riders have the wave that others lack"),
    kind="identity",
    cases=[3, 5, 26, 1000],
)
def test_ferris_wheel__dependent(
    trial,
    riders: Riders,
    radius: Radius = 2.0,
    angle: Annotated[float, Interval(0, 3.15, why="a turn of the axes")] = 0.7,
):
    """The squared coordinates of riders at equal distances on a wheel of radius $r$, along any two
    axes at right angles, have the covariance $-r⁴/8$, for every number of riders from three on but
    four.
    """
    trial.require(riders != 4, "riders must not be 4: their squares need not vary")
    law = wheel_dependence(radius)
    trial.identity(
        covariance_of_squares(radius * wheel(riders, 0.3), angle),
        law,
        ops=riders + 20,
        scale=radius**4,
        controls={"independent": 0.0, "as on a disc": law / 6},
    )


def two_sources(trial, first: Sources, second: Sources, share, angle):
    """Points of two sources along oblique axes, whose first principal axis is one."""
    gap = abs(1 + share * np.exp(2j * angle)) / (1 + share)
    trial.require(
        gap >= 0.01, f"share and angle must not make both variances equal, their gap is {gap:.2g}"
    )
    return oblique(LATTICES[first], LATTICES[second], share, angle), 1 / gap


OBLIQUE = [
    ("two values", "nine values", 1.0, 1.0),
    ("nine values", "rare spikes", 0.3, 2.5),
    ("rare spikes", "two values", 20.0, 0.4),
]


@claim(
    derived("the double of an angle turns a tensor into a vector"), kind="identity", cases=OBLIQUE
)
def test_oblique_axes(trial, first: Sources, second: Sources, share: Strength, angle: Angle):
    """Two independent sources of variances 1 and $t$ have axes at an angle $φ$, and are not both
    equally strong and at right angles. The first principal axis of their sum is at the angle
    $arg(1 + t e^(2iφ))/2$ to the axis of the first source.
    """
    points, condition = two_sources(trial, first, second, share, angle)
    x, y = first_axis(points)
    law = doubled_axis(share, angle)
    sources = {"the axis of the first source": 0.0, "the axis of the second source": angle}
    sources["the vector sum of both"] = np.angle(1 + np.sqrt(share) * np.exp(1j * angle))
    axes = {name: np.array([np.cos(2 * at), np.sin(2 * at)]) for name, at in sources.items()}
    trial.identity(
        [x**2 - y**2, 2 * x * y],
        law,
        ops=len(points) + 20,
        scale=condition,
        controls=apart(axes, law, 0.01),
    )


@claim(
    derived("cumulants of independent sources add up, with fourth powers of the weights"),
    kind="identity",
    cases=[("two values", 1.0, 1.0), ("nine values", 0.3, 2.5), ("rare spikes", 20.0, 0.4)],
)
def test_whitened_sources(trial, source: Sources, share: Strength, angle: Angle):
    """Two mixed independent sources, each of excess kurtosis $κ ≠ 0$, are whitened, so that their
    variance is 1 along all axes. The excess kurtosis along an axis is then farthest from zero along
    the sources, $κ$, and nearest half-way between them, $κ/2$.
    """
    levels = LATTICES[source]
    points, condition = two_sources(trial, source, source, share, angle)
    law = kurtosis_range(levels)
    excess = law[0]
    trial.value(
        extreme_kurtoses(points),
        law,
        error=1e-5 * abs(excess) + 1e-12 * condition,  # between axes of the scan
        margin=1e-3 * abs(excess),
        controls={"the same along all axes": [excess, excess], "as of normal sources": [0.0, 0.0]},
    )


@figure("F1", claims=("oblique_axes",))
def between_the_sources():
    """The first component lies between two sources that are not at right angles.

    Angle of the first principal axis to the first of two independent sources, against the angle of
    the second, for three variances $t$ of the second, where that of the first is 1. Marks: lines:
    $arg(1 + t e^(2iφ))/2$; dashed: the second source itself; points: singular vectors of all pairs
    of nine values.
    """
    shares = (1.0, 0.5, 0.1)
    grid = np.linspace(0.02, np.pi / 2 - 0.02, 200)
    some = np.linspace(0.05, np.pi / 2 - 0.05, 14)
    lines = {}
    points = {}
    for share in shares:
        doubled = np.array([doubled_axis(share, angle) for angle in grid])
        lines[f"t = {share}"] = (grid, np.arctan2(doubled[:, 1], doubled[:, 0]) / 2)
        levels = LATTICES["nine values"]
        axes = np.array([first_axis(oblique(levels, levels, share, angle)) for angle in some])
        points[f"t = {share}"] = (some, np.arctan(axes[:, 1] / axes[:, 0]))
    ticks = [0, np.pi / 4, np.pi / 2]
    return chart(
        lines | {"second source": (grid, grid)},
        points,
        dashed=["second source"],
        x="angle φ between the sources  (radians)",
        y="angle θ of the first axis  (radians)",
        xticks=ticks,
        xticklabels=["0", "π/4", "π/2"],
        yticks=ticks,
        yticklabels=["0", "π/4", "π/2"],
    )
