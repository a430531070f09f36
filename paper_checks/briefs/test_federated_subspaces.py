"""Nguyen, He, Le, Bao & Tran 2022, "Federated PCA on Grassmann Manifold for Anomaly Detection in
IoT Networks", arXiv 2212.12121; extended in arXiv 2407.07421.

For whoever averages the principal components of clients: when that is biased, when it beats
pooling, and what the published code computes.

Setting: client $i$ has $n_i$ rows with covariance $C_i$, eigenvalues $λ_{1 i} > λ_{2 i} >= …$, top
direction $u_i$ (at the angle $θ_i$ in the plane) and the gap $g_i = λ_{1 i} - λ_{2 i}$. One-shot
averaging takes the top direction of $∑_i w_i u_i u_iᵀ$, pooling that of $∑_i n_i C_i$, and the mean
of bases is $∑_i w_i U_i$.

Take away: the three ways weight clients differently: by $w_i$ (`direction_of_the_mean`); by $n_i$
times the gap (`direction_of_the_mean-pooled`); by $w_i$, but with signs that matter. Two clients
$δ$ apart are merged up to 45° apart by the first two, however little their gaps differ, as $δ$
tends to 90° (`direction_of_the_mean-apart`). Where clients have the same directions, one-shot
averaging with weights $n_i/τ_i$ errs less than pooling in the plane (`three_prices-best`), and may
err more in three dimensions if their second directions differ (`three_prices-more_dimensions`). The
published code of FedPG returns, with many rows, the mean of the bases of local PCAs, which has a
length below 1 (`code_averages_once-length`). With few rows its clients do not agree, because its
dual term is no Frobenius product; with that product they agree on the direction of all rows
(`dual_term`).

Edges: if $∑_i w_i e^(2iθ_i) = 0$, no direction is defined. The prices are limits; at $n = 300$ they
err by 7 %. The code divides loss, penalty and dual by the rows of a client, as it may; with many
rows penalty and dual therefore vanish beside the loss within the rounds of a run.

Paper: it finds anomalies by federated PCA with the alternating direction method on the Grassmann
manifold. This page gives the directions that averaging yields, their price, and the limit of its
code.

Abstract:

- Statement 1: clients' profiles are aggregated to a joint profile. In part: direction_of_the_mean,
  direction_of_the_mean-pooled, code_averages_once, code_averages_once-length, dual_term. What the
  code aggregates is the mean of local bases; with another dual term it is the principal component
  of all rows.
- Statement 2: gradient steps on the Grassmann manifold train fast and with little computing. Not on
  trial. It needs a clock.
- Statement 3: it finds anomalies in networks of small devices better than other methods. Not on
  trial. It needs the recordings.

Read: the abstract of the first paper, in a stored copy ("aggregate a joint profile"), and the code,
`dual-grp/FedPCA_AnomalyDetection`, `FLAlgorithms/users/userADMM2.py` and
`FLAlgorithms/servers/serverbase2.py`. Derived here: all formulas. Not claimed: anything about
detection.

Topic: linear algebra for learning.
"""

from functools import partial
from typing import Annotated

import numpy as np

from theory_on_trial import claim, code, derived, observed, predicted, published
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic, Bounded, RatioOfMeans

Clients = Annotated[int, Interval(2, 8, why="one client is no average; all are decomposed")]
Few = Annotated[int, Interval(2, 4, why="of one client there is one way; thousands are drawn")]
Dimension = Annotated[int, Interval(2, 4, why="in one dimension there is no direction")]
Turn = Annotated[float, Interval(0.1, 0.7, why="half of the angle between clients, in radians")]
Penalty = Annotated[
    float, Interval(0.2, 2, why="ρ; at 0 nothing is averaged, then rows must be more")
]
"""The code of the Grassmann variant, FedPG."""


def direction(angle):
    """(cos θ, sin θ), (…, 2)."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def covariances(angles, first, second):
    """Covariances (m, 2, 2) with eigenvalues λ_1 and λ_2 (m,), the first at the angles (m,)."""
    top = direction(angles)
    side = direction(angles + np.pi / 2)
    outer = top[:, :, None] * top[:, None], side[:, :, None] * side[:, None]
    return first[:, None, None] * outer[0] + second[:, None, None] * outer[1]


def drawn_clients(generator, clients):
    """Angles, both eigenvalues and numbers of rows (4, m)."""
    angles = generator.uniform(0, 1.2, clients)
    second = generator.uniform(0.3, 2, clients)
    first = second + generator.uniform(0.3, 6, clients)
    return angles, first, second, generator.uniform(50, 300, clients)


def drawn_spectra(generator, clients, dimension):
    """Eigenvalues (m, d), with ratios of 2 or more between the first two, and rows (m,)."""
    values = generator.uniform(0.5, 2, (clients, dimension))
    values[:, 0] = generator.uniform(4, 12, clients)
    return values, generator.integers(3000, 9000, clients)


@observed
def top_direction(matrix):
    """The top eigenvector (…, d) of symmetric matrices (…, d, d)."""
    return np.linalg.eigh(matrix)[1][..., -1]


@observed
def axis(vector):
    """(cos 2θ, sin 2θ) of a unit vector of the plane, which does not see its sign."""
    x, y = vector
    return np.array([x**2 - y**2, 2 * x * y])


@observed
def one_shot(angles, weights):
    """The top direction (2,) of Σ w u uᵀ, with u top eigenvectors of the clients' covariances."""
    ones = np.ones(len(angles))
    tops = top_direction(covariances(angles, 2 * ones, ones))
    return top_direction(np.einsum("i,ij,ik->jk", weights, tops, tops))


@observed
def pooled(angles, first, second, rows):
    """The top direction (2,) of Σ n C."""
    return top_direction(np.tensordot(rows, covariances(angles, first, second), 1))


@observed
def squared_sines(generator, count, values, rows, weights=None):
    """sin² (count,) of the angle between the first axis and the top direction of Σ w u uᵀ, with u
    from Wishart matrices of n_i normal rows, or of their sum if there are no weights.
    """
    clients, dimension = values.shape
    factors = np.tril(generator.normal(size=(count, clients, dimension, dimension)), -1)
    freedoms = rows[:, None] - np.arange(dimension)
    diagonal = np.sqrt(generator.chisquare(freedoms, (count, clients, dimension)))
    factors += diagonal[..., None] * np.eye(dimension)
    factors *= np.sqrt(values)[..., None]
    scatters = factors @ np.swapaxes(factors, -1, -2)
    if weights is None:
        summed = scatters.sum(axis=1)
    else:
        tops = top_direction(scatters)
        summed = np.einsum("i,kij,kil->kjl", weights, tops, tops)
    return 1 - top_direction(summed)[:, 0] ** 2


@observed
def mean_lengths(generator, count, bases, columns):
    """|mean|² (count,) of m bases of one subspace, orthonormal (k, k), turned by Haar's law."""
    turns, triangles = np.linalg.qr(generator.normal(size=(count, bases, columns, columns)))
    signs = np.sign(np.diagonal(triangles, axis1=-2, axis2=-1))
    return np.sum((turns * signs[..., None, :]).mean(axis=1) ** 2, axis=(1, 2))


@observed
def released(
    angles, first, second, rows, penalty, start, rounds=60, local_steps=20, rate=0.02, product=False
):
    """Z (s, 2) of the released loop for one direction, with s numbers of rows (s, m) at once: each
    round the dual moves, every client takes local steps along the gradient, which is projected and
    retracted by QR, and the server averages the clients. With `product` the dual term is the
    Frobenius product of Y and U - Z, and not the sum of all entries of Y (U - Z)ᵀ.
    """
    matrices = covariances(angles, first, second)
    local = np.tile(start, (*rows.shape, 1))
    common = np.tile(start, (len(rows), 1))
    dual = local.copy()
    weights = rows / rows.sum(axis=1, keepdims=True)
    for _ in range(rounds):
        dual = dual + penalty * (local - common[:, None])
        for _ in range(local_steps):
            turned = np.einsum("ijk,sik->sij", matrices, local)
            square = np.sum(local**2, axis=2, keepdims=True)
            along = np.sum(local * turned, axis=2, keepdims=True)
            slope = -4 * turned + 2 * square * turned + 2 * along * local
            pull = dual if product else dual.sum(axis=2, keepdims=True)
            extra = pull + penalty * (local - common[:, None])
            slope = slope + extra / rows[..., None]
            slope = slope - local * np.sum(local * slope, axis=2, keepdims=True)
            local = np.linalg.qr((local - rate * slope)[..., None])[0][..., 0]
        common = np.einsum("si,sij->sj", weights, local)
    return common


@predicted
def mean_axis(angles, weights):
    """(cos, sin) of arg Σ w e^(2iθ), for Σ w e^(2iθ) ≠ 0."""
    total = np.sum(weights * np.exp(2j * np.asarray(angles)))
    if abs(total) < 1e-9 * np.sum(np.abs(weights)):
        raise ValueError("angles and weights must not cancel: there is no direction")
    return np.array([total.real, total.imag]) / abs(total)


@predicted
def angle_between_means(apart, ratio):
    """δ/2 - ½ atan2(sin 2δ, ρ + cos 2δ), for δ in (0, π/2)."""
    return apart / 2 - np.arctan2(np.sin(2 * apart), ratio + np.cos(2 * apart)) / 2


@predicted
def prices(values):
    """τ (m,): Σ_(j>1) λ_1 λ_j/(λ_1 - λ_j)² of the eigenvalues (m, d)."""
    first = values[:, :1]
    others = values[:, 1:]
    return np.sum(first * others / (first - others) ** 2, axis=1)


@predicted
def one_shot_price(values, rows, weights):
    """Σ w² τ/n, for weights that sum to 1."""
    return np.sum(weights**2 * prices(values) / rows)


@predicted
def best_weights(values, rows):
    """(n/τ)/Σ(n/τ), (m,)."""
    inverse = rows / prices(values)
    return inverse / inverse.sum()


@predicted
def pooled_price(values, rows):
    """Σ_j [Σ_i n λ_1 λ_j]/[Σ_i n (λ_1 - λ_j)]²."""
    first = values[:, :1]
    others = values[:, 1:]
    top = np.sum(rows[:, None] * first * others, axis=0)
    gaps = np.sum(rows[:, None] * (first - others), axis=0)
    return np.sum(top / gaps**2)


@predicted
def length_of_mean(bases, columns):
    """k/m."""
    return columns / bases


@predicted
def angle_of_bases(angles, weights):
    """The angle arg Σ w e^(iθ), of bases that point to one half of the plane."""
    return np.angle(np.sum(weights * np.exp(1j * np.asarray(angles))))


@predicted
def length_of_bases(angles, weights):
    """The length |Σ w e^(iθ)| of the mean of unit vectors, for weights that sum to 1."""
    return abs(np.sum(weights * np.exp(1j * np.asarray(angles))))


@claim(
    derived("$u uᵀ$ sees an angle twice"),
    kind="identity",
    cases=[3, 2, 8],
)
def test_direction_of_the_mean(trial, clients: Clients):
    """Unit vectors $u_i$ in the plane have the angles $θ_i$. The top direction of
    $∑_i w_i u_i u_iᵀ$ has half of the angle $arg ∑_i w_i e^(2iθ_i)$.
    """
    generator = trial.generator("clients")
    angles, first, second, rows = drawn_clients(generator, clients)
    weights = rows / rows.sum()
    bases = 2 * angle_of_bases(angles, weights)
    trial.identity(
        axis(one_shot(angles, weights)),
        mean_axis(angles, weights),
        ops=1e4,
        scale=1.0,
        generic="top directions are analytic in angles and weights where they are single",
        controls={
            "the mean of the angles": direction(2 * weights @ angles),
            "the mean of the bases": direction(bases),
            "as pooling": mean_axis(angles, rows * (first - second)),
        },
    )


@claim(
    derived("$C = λ_2 I + g u uᵀ$"),
    kind="identity",
    cases=[3, 2, 8],
)
def test_direction_of_the_mean__pooled(trial, clients: Clients):
    """Clients in the plane have $n_i$ rows whose covariances $C_i$ have top directions at the
    angles $θ_i$ and gaps $g_i$ between their eigenvalues. The top direction of $∑_i n_i C_i$ has
    half of the angle $arg ∑_i n_i g_i e^(2iθ_i)$: rows count by the gap of their client.
    """
    angles, first, second, rows = drawn_clients(trial.generator("clients"), clients)
    trial.identity(
        axis(pooled(angles, first, second, rows)),
        mean_axis(angles, rows * (first - second)),
        ops=1e4,
        scale=1.0,
        generic="top directions are analytic in angles and rows where they are single",
        controls={
            "rows count alike": mean_axis(angles, rows),
            "by their top eigenvalue": mean_axis(angles, rows * first),
        },
    )


@claim(
    derived("both formulas"),
    kind="identity",
    cases=[(0.785, 2.0), (1.55, 10.0), (0.1, 0.05), (1.4, 1.2)],
)
def test_direction_of_the_mean__apart(
    trial,
    apart: Annotated[float, Interval(0.1, 1.55, why="δ in radians; at π/2 there is no direction")],
    ratio: Annotated[float, Interval(0.05, 20, why="ρ; beyond, one client is alone")],
):
    """Two clients have as many rows, top directions that are $δ$ apart, and gaps between their
    eigenvalues in the ratio $ρ$. The top directions of $∑_i u_i u_iᵀ$, one-shot averaging with
    equal weights, and of $∑_i C_i$, pooling, are $δ/2 - ½ arctan_2(sin 2δ, ρ + cos 2δ)$ apart.
    """
    trial.require(abs(ratio - 1) >= 0.1, "ratio must be .1 or more off 1, where both agree")
    angles = np.array([0, apart])
    ones = np.ones(2)
    tops = [one_shot(angles, ones / 2), pooled(angles, ones + np.array([ratio, 1]), ones, ones)]
    cross = tops[1][0] * tops[0][1] - tops[1][1] * tops[0][0]
    law = angle_between_means(apart, ratio)
    rivals = {
        "the mean angle by gaps": apart / 2 - apart / (1 + ratio),
        "pooling follows the larger gap": apart / 2 * np.sign(ratio - 1),
    }
    trial.value(
        np.arcsin(cross * np.sign(tops[0] @ tops[1])),
        law,
        error=1e-12,
        margin=1e-9,
        controls={n: v for n, v in rivals.items() if abs(v - law) > 1e-6},
    )


def errs_by(trial, law, rivals, **spectra):
    """Decide that the mean of sin² of a direction from sampled clients is the law's."""
    controls = {n: v for n, v in rivals.items() if abs(v / law - 1) > 0.25}
    trial.require(bool(controls), "clients or dimension must be more: else all prices are alike")
    trial.mean(
        sampler=partial(squared_sines, **spectra),
        predict=law,
        law=Asymptotic(),
        margin=0.08 * law,
        slack=0.01 * law,
        controls=controls,
        first=4000,
        most=300_000,
    )


@claim(
    derived("the first-order error of a Gaussian eigenvector"),
    kind="limit",
    cases=[(3, 2), (2, 3)],
    low_power="$sin²$ of the error varies more than its mean",
)
def test_three_prices(trial, clients: Few, dimension: Dimension):
    """For normal clients $i$ with $n_i$ rows, the same eigenvectors and eigenvalues $λ_{j i}$, the
    top direction of $∑_i w_i u_i u_iᵀ$, $∑_i w_i = 1$, of the clients' own top directions $u_i$
    errs by $E sin² = ∑_i w_i² τ_i/n_i$ to leading order as $n → ∞$, where
    $τ_i = sum_j λ_{1 i} λ_{j i}/(λ_{1 i} - λ_{j i})²$ over $j > 1$.

    The weights are equal.
    """
    values, rows = drawn_spectra(trial.generator("clients"), clients, dimension)
    equal = np.ones(clients) / clients
    law = one_shot_price(values, rows, equal)
    rivals = {
        "as pooling": pooled_price(values, rows),
        "the mean price of a client": np.mean(prices(values) / rows),
        "with the best weights": one_shot_price(values, rows, best_weights(values, rows)),
    }
    errs_by(trial, law, rivals, values=values, rows=rows, weights=equal)


@claim(
    derived("the first-order error of a Gaussian eigenvector"),
    kind="limit",
    cases=[(3, 2), (2, 3)],
    low_power="$sin²$ of the error varies more than its mean",
)
def test_three_prices__pooled(trial, clients: Few, dimension: Dimension):
    """For normal clients $i$ with $n_i$ rows, the same eigenvectors and eigenvalues $λ_{j i}$, the
    top direction of all their rows together errs by $E sin² = sum_j [sum_i n_i λ_{1 i} λ_{j
    i}]/[sum_i n_i (λ_{1 i} - λ_{j i})]²$ over $j > 1$, to leading order as $n → ∞$.
    """
    values, rows = drawn_spectra(trial.generator("clients"), clients, dimension)
    # Scales of the clients differ: pooling then follows the largest.
    values = values * np.geomspace(1, 10, clients)[:, None]
    law = pooled_price(values, rows)
    best = best_weights(values, rows)
    mixed = rows @ values / rows.sum()
    rivals = {
        "pooling is best": one_shot_price(values, rows, best),
        "as one client of all rows": prices(mixed[None])[0] / rows.sum(),
    }
    errs_by(trial, law, rivals, values=values, rows=rows)


@claim(
    derived("weights that minimise $∑_i w_i² τ_i/n_i$"),
    kind="limit",
    cases=[(3, 2), (2, 3)],
    low_power="$sin²$ of the error varies more than its mean",
)
def test_three_prices__best(trial, clients: Few, dimension: Dimension):
    """For normal clients $i$ with $n_i$ rows, the same eigenvectors and eigenvalues $λ_{j i}$, the
    top direction of $∑_i w_i u_i u_iᵀ$ with weights in proportion to $n_i/τ_i$ errs by
    $E sin² = 1/∑_i (n_i/τ_i)$, to leading order as $n → ∞$, where
    $τ_i = sum_j λ_{1 i} λ_{j i}/(λ_{1 i} - λ_{j i})²$ over $j > 1$.
    """
    values, rows = drawn_spectra(trial.generator("clients"), clients, dimension)
    values = values * np.geomspace(1, 10, clients)[:, None]
    best = best_weights(values, rows)
    law = one_shot_price(values, rows, best)
    rivals = {
        "as pooling": pooled_price(values, rows),
        "weights by rows": one_shot_price(values, rows, rows / rows.sum()),
        "as the best client alone": np.min(prices(values) / rows),
    }
    errs_by(trial, law, rivals, values=values, rows=rows, weights=best)


@claim(
    derived("pooling weighs every direction by its own gap"),
    kind="limit",
    cases=[3.5, 3.0, 4.0],
    low_power="$sin²$ of the error varies more than its mean",
)
def test_three_prices__more_dimensions(
    trial,
    side: Annotated[
        float, Interval(2.8, 4.2, why="s; near 2 both err alike, near 6 there is no gap")
    ],
):
    """Let two clients have as many normal rows, the same eigenvectors, and the eigenvalues
    $6, s, 1$ and $6, 1, s$, $2 < s < 5$. As $n → ∞$, $E sin²$ of the top direction of all rows,
    over that of the best one-shot average, which weighs both alike, tends to the ratio of $sum_j
    [sum_i n_i λ_{1 i} λ_{j i}]/[sum_i n_i (λ_{1 i} - λ_{j i})]²$ to $1/∑_i (n_i/τ_i)$,
    $τ_i = sum_j λ_{1 i} λ_{j i}/(λ_{1 i} - λ_{j i})²$, $j > 1$. This is below 1.
    """
    values = np.array([[6, side, 1], [6, 1, side]])
    rows = np.array([6000, 6000])
    equal = np.ones(2) / 2
    law = pooled_price(values, rows) / one_shot_price(values, rows, best_weights(values, rows))
    in_plane = pooled_price(values[:, :2], rows) / np.sum(1 / np.sum(rows / prices(values[:, :2])))

    def pairs(generator, count):
        errors = [squared_sines(generator, count, values, rows, w) for w in (None, equal)]
        return np.stack(errors, axis=1)

    trial.mean(
        sampler=pairs,
        predict=law,
        law=RatioOfMeans(),
        margin=0.12 * law,
        slack=0.01 * law,
        controls={"pooling is never better": 1.0, "as in the plane of both first": in_plane},
        first=4000,
        most=300_000,
    )


@claim(
    derived("Haar turns are uncorrelated"),
    kind="identity",
    cases=[(4, 3), (2, 1), (8, 2)],
)
def test_bases_cancel(
    trial,
    bases: Clients,
    columns: Annotated[int, Interval(1, 4, why="k; of many columns nothing more is seen")],
):
    """If $m$ bases of one $k$-dimensional subspace are each turned at random by Haar's law, their
    mean $M$ has $E|M|² = k/m$, out of $k$: what is averaged is the basis, not the subspace.
    """
    law = length_of_mean(bases, columns)
    rivals = {
        "the subspace stays": float(columns),
        "$1/m$ for any $k$": 1 / bases,
        "$k/√m$": columns / np.sqrt(bases),
    }
    trial.mean(
        sampler=partial(mean_lengths, bases=bases, columns=columns),
        predict=law,
        law=Bounded(0, columns),
        margin=0.04 * law,
        controls={name: v for name, v in rivals.items() if v != law},
        first=2000,
        most=200_000,
    )


@claim(
    derived("the loop of `dual-grp/FedPCA_AnomalyDetection`'s `userADMM2.py` for many rows"),
    kind="limit",
    cases=[(0.3, 1.0), (0.6, 0.5), (0.2, 2.0)],
)
def test_code_averages_once(trial, turn: Turn, penalty: Penalty):
    """The released FedPG averages local directions that it never replaces, and divides loss,
    penalty and dual by $n_i$, as it may for losses that are sums over rows. As $n_i → ∞$ with a
    given number of rounds, penalty and dual vanish beside the loss, and the direction of its $Z$
    tends to that of the mean $∑_i n_i u_i$ of the clients' own top directions $u_i$, with an error
    of order $1/n$, whatever the gaps between their eigenvalues are.
    """
    angles = 0.6 + turn * np.array([-1, 1])
    first = np.array([6.0, 2.0])
    second = np.array([1.0, 1.0])
    shares = np.array([0.4, 0.6])
    sizes = 2000 * 2.0 ** np.arange(5)
    start = trial.generator("start").uniform(0.1, 1, 2)
    found = released(angles, first, second, sizes[:, None] * shares, penalty, start)
    # QR leaves unit vectors with a negative first entry.
    law = angle_of_bases(angles, shares)
    gaps = shares * (first - second)
    pooling = np.arctan2(*mean_axis(angles, gaps)[::-1]) / 2
    averaged = np.arctan2(*mean_axis(angles, shares)[::-1]) / 2
    rivals = {"pooling": pooling, "the subspaces' mean": averaged}
    trial.limit(
        np.arctan2(-found[:, 1], -found[:, 0]),
        sizes,
        law,
        order=1,
        margin=1e-3,
        generic="the released loop is analytic in its start, and so is its limit",
        controls={n: v for n, v in rivals.items() if abs(v - law) > 2e-3},
        same_instance=True,
    )


@claim(
    derived("the loop of `dual-grp/FedPCA_AnomalyDetection`'s `userADMM2.py` for many rows"),
    kind="limit",
    cases=[(0.3, 1.0), (0.6, 0.5), (0.2, 2.0)],
)
def test_code_averages_once__length(trial, turn: Turn, penalty: Penalty):
    """As $n_i → ∞$ with a given number of rounds, the $Z$ of the released FedPG for one direction
    in the plane tends to a mean of unit vectors at the clients' angles $θ_i$, of the length
    $|∑_i w_i e^(iθ_i)|$ with $w_i = n_i/∑_i n_i$.
    """
    angles = 0.6 + turn * np.array([-1, 1])
    shares = np.array([0.4, 0.6])
    sizes = 2000 * 2.0 ** np.arange(5)
    start = trial.generator("start").uniform(0.1, 1, 2)
    gaps = np.array([5.0, 1.0])
    ones = np.ones(2)
    found = released(angles, gaps + ones, ones, sizes[:, None] * shares, penalty, start)
    law = length_of_bases(angles, shares)
    trial.limit(
        np.linalg.norm(found, axis=1),
        sizes,
        law,
        order=1,
        margin=1e-3,
        generic="the released loop is analytic in its start, and so is its limit",
        controls={
            "a unit vector": 1.0,
            "with equal weights": length_of_bases(angles, ones / 2),
            "of double angles": length_of_bases(2 * angles, shares),
        }
        if turn > 0.25
        else {"a unit vector": 1.0, "of double angles": length_of_bases(2 * angles, shares)},
        same_instance=True,
    )


@claim(
    derived("consensus of the alternating direction method"),
    kind="limit",
    cases=[(0.3, 20.0), (0.6, 30.0), (0.2, 10.0), (0.45, 25.0)],
    as_published=published(
        place=code(
            "dual-grp/FedPCA_AnomalyDetection", "FLAlgorithms/users/userADMM2.py", "c49b0fd"
        ),
        read="`frobenius_inner`, the sum of all entries of $Y (U - Z)ᵀ$, is the Frobenius "
        "product of $Y$ and $U - Z$, by which clients come to agree.",
        within="few rows and many rounds; over $n_i$ it vanishes beside the loss",
        reach="released command",
        effect="with many rows little; whether a printed number changes was not tried",
        ran="its lines, rewritten",
    ),
)
def test_dual_term(
    trial,
    turn: Turn,
    penalty: Annotated[float, Interval(8, 40, why="ρ; smaller ones take more rounds")],
):
    """Let two clients in the plane have 100 rows each. If the dual term of FedPG is the Frobenius
    product $∑_{i j} Y_{i j} (U - Z)_{i j}$, its loop for one direction brings the clients to agree
    on the top direction of all rows: $|Z|$ tends to 1, and $Z$ to this direction, up to the order
    of $1/n$, by which the start of $Y$ moves it.

    As published the term is the sum of all entries of Y (U - Z)ᵀ. The rounds are 400 here.
    """
    angles = 0.6 + turn * np.array([-1, 1])
    first = np.array([6.0, 2.0])
    ones = np.ones(2)
    rows = np.full((1, 2), 100.0)
    start = np.array([0.4, 0.7])

    def reached(product):
        common = -released(angles, first, ones, rows, penalty, start, rounds=400, product=product)[
            0
        ]
        return np.array([np.arctan2(common[1], common[0]), np.linalg.norm(common)])

    together = np.arctan2(*mean_axis(angles, first - ones)[::-1]) / 2
    trial.value(
        reached(True),
        np.array([together, 1.0]),
        error=2e-3,
        margin=5e-3,
        controls={
            "the mean of the clients' directions": np.array(
                [angle_of_bases(angles, ones / 2), length_of_bases(angles, ones / 2)]
            )
        },
        as_published=reached(False),
    )


@figure("F1", claims=("direction_of_the_mean", "direction_of_the_mean-pooled"))
def directions_of_means(ratio: float = 10.0):
    """Pooling follows the client with the larger gap; averages of subspaces and bases do not.

    Two clients whose directions differ by $δ$ have equally many rows, and gaps in the ratio 10 : 1.
    The angle is that of the pooled direction to the first client's. Marks: lines: formulas; points:
    eigenvectors, and the released code, which averages bases.
    """
    fine = np.linspace(2, 88, 100)
    at = np.linspace(5, 85, 9)
    ones = np.ones(2)
    first = ones + np.array([ratio, 1])
    names = ("averaged subspaces", "pooled rows", "released code")
    lines = {names[0]: (fine, fine / 2)}
    lines[names[1]] = (
        fine,
        fine / 2 - np.degrees(angle_between_means(np.radians(fine), ratio)),
    )
    found: dict[str, list[float]] = {name: [] for name in names}
    for degrees in at:
        angles = np.radians([0, degrees])
        rows = np.full((1, 2), 20_000.0)
        code_result = released(angles, first, ones, rows, 1.0, np.array([0.6, 0.3]))[0]
        tops = [one_shot(angles, ones / 2), pooled(angles, first, ones, ones)]
        for name, top in zip(names, tops, strict=False):
            found[name].append(np.degrees(np.arctan2(*(top * np.sign(top[0]))[::-1])))
        found[names[2]].append(np.degrees(np.arctan2(-code_result[1], -code_result[0])))
    return chart(
        lines,
        {name: (at, values) for name, values in found.items()},
        x="angle δ between the clients (degrees)",
        y="common direction (degrees)",
    )
