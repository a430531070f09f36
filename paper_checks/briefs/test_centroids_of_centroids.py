"""Vo, Khalidov, Darcet et al. 2024, "Automatic Data Curation for Self-Supervised Learning: A
Clustering-Based Approach", TMLR, arXiv 2405.15613.

For whoever balances data by hierarchical $k$-means: how many levels flatten a given imbalance?

Take away: in one dimension a level takes the cube root of the imbalance, so that 100:1 becomes
4.6:1, and 1.7:1 after two levels (allocation, levels; for many centres). The seeds of $k$-means++
do this before any Lloyd step (seeds), and in $d$ dimensions they raise the imbalance to the power
$d/(d + 2)$ (seeds-in_space). Lloyd's steps move no centre from one cell to another, so that from
seeds drawn at random, of which each cell holds some, no level helps (seeds-by_mass).

The data fill two unit cells uniformly, far apart (a gap of 10), a dense one of mass $ρ$ and a
sparse one of mass 1. Of $k$ centres $k_1$ lie in the dense cell and $k_2 = k − k_1$ in the sparse
one. Level 1 clusters the data, level 2 the centroids of level 1, of which each counts once, and so
on. The authors' resampling takes the $r$ points nearest to each centroid ("closest") or $r$ random
points of each cluster, and clusters these again.

Edges: at a very large $ρ$ the best two centres both lie in the dense cell. A finite $k$ biases the
share of all seeds by a part of order $1/k$, but not that of their second half. If a cell gets no
seed, a centre moves into it during Lloyd's steps.

Paper: pools of images and texts are balanced by $k$-means on $k$-means, and features trained on
them are better. This page says how the centroids of each level divide between the cells in one
dimension, and the seeds of a level in several.

Abstract:

- Statement 1: successive $k$-means give clusters that distribute uniformly over concepts. In part:
  allocation, levels, seeds, seeds-in_space, seeds-by_mass, seeds-price. Each level takes a root of
  the imbalance; with random seeds nothing happens. In several dimensions only the seeds are tried.
- Statement 2: a balanced sampling from these clusters follows. In part: closest_is_no_op,
  closest_is_no_op-threshold. How the resampling between levels acts on the split is tried, not the
  sampling of data.
- Statement 3: features trained on curated data are better than on raw data. Not on trial. It needs
  large networks.

Read: the abstract, and the authors' code (facebookresearch/ssl-data-curation,
`src/hierarchical_kmeans_gpu.py`). Derived here: all claims; what is said of the code follows from
its seeding and resampling. That "closest" changes nothing was seen by an exact solver, and is not
proved. Recalled: Zador's exponents. Not claimed: anything on the best clusters in two or more
dimensions.
Topic: representations.
"""

from typing import Annotated

import numpy as np

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Imbalance = Annotated[
    float, Interval(3, 300, why="ρ; near 1 all theories agree, and the sparse cell needs centres")
]
Centres = Annotated[int, Interval(12, 60, why="k; the exact solver has 840 places in each cell")]
Sparse = Annotated[int, Interval(2, 4, why="k_2; one cluster alone has nobody to join")]
Ratio = Annotated[int, Interval(3, 12, why="k_1/k_2; at 1 nothing is to be flattened")]
Many = Annotated[int, Interval(120, 300, why="k, for the limit; more take long to draw")]
PLACES = 840
GAP = 10.0
TIE = 0.002


def cells():
    """The bounds (2 PLACES + 1,) of pieces of equal length in both cells, the gap being no piece,
    and the cell of each piece.
    """
    unit = np.arange(PLACES) / PLACES
    return np.append(unit, 1 + GAP + unit), np.repeat([0, 1], PLACES)


@predicted
def best_split(ratio, centres):
    """Return argmin over k_1 of ρ/k_1² + 1/(k − k_1)²."""
    if centres < 2:
        raise ValueError("centres must be at least 2: each cell takes one")
    first = np.arange(1, centres)
    return int(first[np.argmin(ratio / first**2 + 1 / (centres - first) ** 2)])


@predicted
def loss_of_centroids(count, centres):
    """W(n, a)/n² of n centroids, equally spaced in a unit cell, in a clusters of ⌊n/a⌋ or more."""
    size, larger = divmod(count, centres)
    smaller = (centres - larger) * size * (size**2 - 1)
    return (smaller + larger * (size + 1) * ((size + 1) ** 2 - 1)) / (12 * count**2)


@predicted
def next_split(first, second, centres):
    """Return argmin over a of W(n_1, a)/n_1² + W(n_2, k − a)/n_2²."""
    if not (first >= 1 and second >= 1 and 2 <= centres <= first + second):
        raise ValueError("centres must lie in [2, first + second], and both cells need centroids")
    possible = range(max(1, centres - second), min(first, centres - 1) + 1)
    losses = [
        loss_of_centroids(first, a) + loss_of_centroids(second, centres - a) for a in possible
    ]
    return possible[int(np.argmin(losses))]


@predicted
def ratio_after(ratio, levels, dim):
    """ρ^((d/(d + 2))^T)."""
    return ratio ** ((dim / (dim + 2)) ** levels)


@predicted
def seeded_share(ratio, dim=1):
    """ρ^a/(1 + ρ^a), a = d/(d + 2)."""
    after = ratio_after(ratio, 1, dim)
    return after / (1 + after)


@predicted
def price_of_mass(ratio):
    """(1 + ρ)³/(ρ (1 + ρ^(1/3))³)."""
    return (1 + ratio) ** 3 / (ratio * (1 + ratio ** (1 / 3)) ** 3)


@predicted
def largest_sample(first, second):
    """√8 k_2/k_1."""
    return np.sqrt(8) * second / first


@observed
def optimal_clusters(places, masses, spreads, centres, longest):
    """The number of pieces in each cluster of the best k-means of pieces of mass on a line, by a
    dynamic programme over all cuts between them, (k,), and the least distortion.

    `places` are the middles, `spreads` the pieces' own sums of squares; a cluster has at most
    `longest` pieces.
    """
    count = len(places)
    sums = np.stack([masses, masses * places, masses * places**2 + spreads])
    mass, first, second = np.concatenate([np.zeros((3, 1)), np.cumsum(sums, axis=1)], axis=1)
    ends = np.arange(count + 1)[:, None]
    starts = ends - np.arange(1, longest + 1)
    inside = np.maximum(starts, 0)
    weight = mass[ends] - mass[inside]
    with np.errstate(invalid="ignore", divide="ignore"):
        cost = second[ends] - second[inside] - (first[ends] - first[inside]) ** 2 / weight
    cost[starts < 0] = np.inf
    best = np.full(count + 1, np.inf)
    best[0] = 0
    chosen = []
    for _ in range(centres):
        totals = best[inside] + cost
        chosen.append(np.argmin(totals, axis=1))
        best = np.min(totals, axis=1)
    sizes = []
    end = count
    for choice in reversed(chosen):
        sizes.append(choice[end] + 1)
        end -= sizes[-1]
    if max(sizes) == longest < count:
        raise ValueError("longest must exceed the largest cluster of the best k-means")
    return np.array(sizes[::-1]), best[-1]


@observed
def cluster_cells(ratio, centres):
    """The centroids (k,) of the best k-means of the two cells, and the distortion. Raises
    ValueError if k is so large, or ρ so far from 1, that a cluster has six times the mean length.
    """
    bounds, cell = cells()
    masses = np.where(cell == 0, ratio, 1.0) / PLACES
    middles = bounds + 0.5 / PLACES
    longest = min(2 * PLACES, 12 * PLACES // centres)
    sizes, loss = optimal_clusters(middles, masses, masses / (12 * PLACES**2), centres, longest)
    starts = np.cumsum(sizes) - sizes
    return np.add.reduceat(masses * middles, starts) / np.add.reduceat(masses, starts), loss


@observed
def cluster_points(points, centres):
    """The means (k,) of the best k-means of points on a line, each of weight one."""
    sizes = optimal_clusters(points, np.ones(len(points)), 0, centres, len(points))[0]
    ends = np.cumsum(sizes)
    return np.array([points[a:b].mean() for a, b in zip(ends - sizes, ends, strict=True)])


@observed
def in_dense(centroids):
    """How many centroids lie in the dense cell."""
    return int(np.sum(centroids < 1 + GAP / 2))


@observed
def seeds(generator, runs, ratio, centres, trials):
    """The seeds of k-means++ in the two cells: which of the k seeds after the first two lie in the
    dense cell, (runs, k).

    A seed falls in a gap with a chance as its mass times squared distance, and there at a distance
    of the cube root of a uniform number from the nearer seed; of several trials the one that takes
    most off is kept. Each cell begins with one seed, since the other is far.
    """
    width = centres + 2
    rows = np.arange(runs)
    first = generator.uniform(size=(runs, 2))
    state = np.zeros((4, runs, width))
    gaps, inners, factors, losses = state
    gaps[:, :4] = np.stack([first[:, 0], 1 - first[:, 0], first[:, 1], 1 - first[:, 1]], axis=1)
    # A gap's loss is its cubed length times a twelfth of its density between two seeds, and times a
    # third of it with a seed at one end.
    inners[:, :4] = np.array([ratio, ratio, 1, 1]) / 12
    factors[:, :4] = 4 * inners[:, :4]
    losses[:, :4] = factors[:, :4] * gaps[:, :4] ** 3
    by_gap = state.reshape(4, -1)
    levels = generator.uniform(size=(centres, trials, runs)) + rows
    roots = np.cbrt(generator.uniform(size=(centres, trials, runs)))

    for made in range(4, width):  # gaps
        weights = np.cumsum(losses[:, :made], axis=1)
        chances = (weights / weights[:, -1:] + rows[:, None]).ravel()  # row r rises from r to r + 1
        at = np.searchsorted(chances, levels[made - 4], side="right") + rows * (width - made)
        length, inner, factor, before = by_gap[:, at]
        from_seed = roots[made - 4] * length * np.where(factor > inner, 1, 0.5)  # the nearer seed
        rest = length - from_seed
        between = from_seed * from_seed * from_seed * inner
        beyond = rest * rest * rest * factor
        best = np.argmax(before - between - beyond, axis=0), rows
        by_gap[0, at[best]] = rest[best]
        by_gap[3, at[best]] = beyond[best]
        state[:, :, made] = from_seed[best], inner[best], inner[best], between[best]
    return inners[:, 4:] == ratio / 12


@observed
def chances_in_space(generator, runs, ratio, centres, dim, points=2000):
    """The seeds of k-means++ on as many points drawn in each of two tori of unit length: the chance
    of each of the k seeds after the first two to fall in the dense torus, (runs, k).
    """
    chances = np.empty((runs, centres))
    for run in chances:
        places = generator.uniform(size=(2, dim, points))
        squares = np.full((2, points), np.inf)
        cells = [0, 1]  # each torus begins with one seed, since the other is far
        levels = generator.uniform(size=(centres + 2, 2))
        for made, level in enumerate(levels):
            if made >= 2:
                dense, sparse = squares.sum(axis=1)
                run[made - 2] = ratio * dense / (ratio * dense + sparse)
                cells.append(int(level[0] > run[made - 2]))
            cell = cells[made]
            rising = np.cumsum(squares[cell])
            at = np.searchsorted(rising, level[1] * rising[-1], side="right") if made >= 2 else 0
            away = places[cell] - places[cell, :, at, None]
            away -= np.rint(away)
            np.minimum(squares[cell], np.einsum("dn,dn->n", away, away), out=squares[cell])
    return chances


@observed
def lloyd(centres, ratio, steps, gap=GAP):
    """Rising centres (…, k) after Lloyd's steps on the two cells, with exact means of mass."""
    ends = np.full((*centres.shape[:-1], 1), 3 + gap)

    def moments(x):
        inside = np.clip(x, 0, 1)
        beyond = np.clip(x, 1 + gap, 2 + gap) - (1 + gap)
        first = ratio * inside**2 / 2 + beyond**2 / 2 + (1 + gap) * beyond
        return ratio * inside + beyond, first

    for _ in range(steps):
        middles = (centres[..., 1:] + centres[..., :-1]) / 2
        cuts = np.concatenate([0 * ends - 1, middles, ends], axis=-1)
        mass, first = moments(cuts)
        centres = np.diff(first) / np.diff(mass)
    return centres


@observed
def distortion(centres, ratio):
    """Σ of mass times squared distance to the nearest centre, by the midpoint rule."""
    bounds, cell = cells()
    fine = bounds[:, None] + (np.arange(4) + 0.5) / (4 * PLACES)
    cuts = (centres[1:] + centres[:-1]) / 2
    nearest = centres[np.searchsorted(cuts, fine)]
    masses = np.where(cell == 0, ratio, 1.0)[:, None] / (4 * PLACES)
    return np.sum(masses * ((fine - nearest) ** 2 + 1 / (12 * (4 * PLACES) ** 2)))


@observed
def resampled(first, second, share, points=8, generator=None):
    """How many of k_1 + k_2 centroids lie in the dense cell after the best k-means of r sampled
    points of each cluster: those nearest to the centroid, a share f of a sparse cluster and a tiny
    one of a dense cluster, or with a generator random points of the whole cluster.
    """
    offsets = (np.arange(points) + 0.5) / points - 0.5
    sampled = []
    for start, count, width in ((0.0, first, 1e-3), (1 + GAP, second, share)):
        centroids = start + (np.arange(count) + 0.5) / count
        for centroid in centroids:
            spread = offsets * width if generator is None else generator.uniform(-0.5, 0.5, points)
            sampled.append(centroid + spread / count)
    return in_dense(cluster_points(np.sort(np.concatenate(sampled)), first + second))


@claim(
    derived(
        "the distortion of $k$ equal parts of an interval falls as $1/k²$; the root is Zador's"
    ),
    kind="optimality",
    cases=[(64.0, 50), (27.0, 40), (8.0, 30), (100.0, 45)],
)
def test_allocation(trial, ratio: Imbalance, centres: Centres):
    """Let data fill two unit intervals far apart, with the masses $ρ$ and 1. The best $k$-means
    puts $k_1 = argmin (ρ/k_1² + 1/(k − k_1)²)$ of its $k$ centres in the dense one, so that
    $k_1/k_2$ tends to $ρ^(1/3)$: not to 1, as for uniform clusters, nor to $ρ$.
    """
    law = best_split(ratio, centres)
    first = np.arange(1, centres)
    losses = np.sort(ratio / first**2 + 1 / (centres - first) ** 2)
    trial.require(losses[1] > (1 + TIE) * losses[0], "ratio and centres must leave no near tie")
    trial.identity(
        in_dense(cluster_cells(ratio, centres)[0]),
        law,
        ops=0,
        controls={
            "by mass": round(centres * ratio / (1 + ratio)),
            "uniform": centres // 2,
        },
    )


@claim(
    derived("equally spaced centroids; a level takes a cube root"),
    kind="optimality",
    cases=[(64.0, 60, 4), (27.0, 60, 5), (70.0, 53, 7)],
)
def test_levels(trial, ratio: Imbalance, centres: Centres, fewer: Ratio):
    """Let $n_1$ and $n_2$ centroids lie evenly in two unit intervals far apart. The best $k$-means
    on them, $k >= 2$, puts $argmin_a (W(n_1, a)/n_1² + W(n_2, k − a)/n_2²)$ of its $k$ centres in
    the first, where $W(n, a) = ((a − b) q (q² − 1) + b (q + 1) ((q + 1)² − 1))/12$, $q = ⌊n/a⌋$ and
    $b = n mod a$.
    """
    first = best_split(ratio, centres)
    left = centres // fewer
    trial.require(left >= 2, "centres must be at least twice fewer: each cell takes one")
    law = next_split(first, centres - first, left)
    losses = [
        loss_of_centroids(first, a) + loss_of_centroids(centres - first, left - a)
        for a in range(max(1, left - centres + first), min(first, left - 1) + 1)
    ]
    tie = len(losses) > 1 and np.sort(losses)[1] < (1 + 10 * TIE) * np.min(losses)
    trial.require(not tie and law != left // 2, "ratio and centres must leave no near tie")
    centroids = cluster_cells(ratio, centres)[0]
    trial.require(in_dense(centroids) == first, "ratio and centres must leave no near tie")
    as_before = round(left * first / centres)
    trial.require(as_before != law, "ratio and centres must be large enough to tell both levels")
    trial.identity(
        in_dense(cluster_points(centroids, left)),
        law,
        ops=0,
        controls={
            "the ratio of level 1": as_before,
            "uniform": left // 2,
        },
    )


@claim(
    derived(
        "the rate is the mass times $D²$, for the seeds of facebookresearch/ssl-data-curation's "
        "`src/hierarchical_kmeans_gpu.py`"
    ),
    kind="limit",
    cases=[(100.0, 120, 4), (3.0, 120, 1)],
)
def test_seeds(
    trial,
    ratio: Imbalance,
    centres: Many,
    trials: Annotated[int, Interval(1, 8, why="seeds tried in a step; the authors try 2 + ⌊ln k⌋")],
):
    """Let data fill two unit intervals far apart, with the masses $ρ$ and 1. For $k → ∞$ a share
    $ρ^(1/3)/(1 + ρ^(1/3))$ of the $k$ seeds of $k$-means++ lies in the dense one, before any Lloyd
    step, with one trial for each seed or several. The second half of the seeds is counted.
    """

    def share(generator, runs):
        return seeds(generator, runs, ratio, centres, trials)[:, centres // 2 :].mean(axis=1)

    law = seeded_share(ratio)
    trial.mean(
        sampler=share,
        predict=law,
        law=Asymptotic(),
        margin=0.01 * law,
        first=1024,
        most=2**15,
        controls={
            "by mass, $ρ/(1 + ρ)$": ratio / (1 + ratio),
            "as mass times distance, $√ρ$": np.sqrt(ratio) / (1 + np.sqrt(ratio)),
        },
    )


@claim(
    derived("$D²$ of a cell with $k_1$ seeds falls as $k_1^(-2/d)$"),
    kind="limit",
    tier="full",
    cases=[(16.0, 120, 2), (16.0, 120, 3), (100.0, 160, 5)],
)
def test_seeds__in_space(
    trial,
    ratio: Imbalance,
    centres: Many,
    dim: Annotated[int, Interval(2, 5, why="d; more need more points")],
):
    """Let data fill two unit tori of $d$ dimensions far apart, with the masses $ρ$ and 1. For
    $k → ∞$ a share $ρ^a/(1 + ρ^a)$, $a = d/(d + 2)$, of the $k$ seeds of $k$-means++ lies in the
    dense one. The chances of the second half of the seeds are averaged.
    """

    def chance(generator, runs):
        chances = chances_in_space(generator, runs, ratio, centres, dim)
        return chances[:, centres // 2 :].mean(axis=1)

    law = seeded_share(ratio, dim)
    root = ratio ** (dim / (dim + 4))
    trial.mean(
        sampler=chance,
        predict=law,
        law=Asymptotic(),
        margin=0.02 * law,
        first=64,
        controls={
            "as in one dimension": seeded_share(ratio),
            "the power d/(d + 4)": root / (1 + root),
            "by mass, ρ/(1 + ρ)": ratio / (1 + ratio),
        },
    )


@claim(
    derived("no mean leaves its cell, and no point is nearer to the other cell"),
    kind="identity",
    cases=[(16.0, 40), (3.0, 12), (300.0, 60)],
)
def test_seeds__by_mass(trial, ratio: Imbalance, centres: Centres):
    """If data fill two cells far apart and each cell holds a seed, Lloyd's steps of $k$-means never
    change how many centres the cells have.
    """
    generator = trial.generator("seeds")
    held = np.clip(generator.binomial(centres, ratio / (1 + ratio), 230), 1, centres - 1)
    inside = generator.uniform(0, 1, (230, centres))
    sparse = np.arange(centres) >= held[:, None]

    def dense_at_end(gap):
        starts = np.sort(inside + (1 + gap) * sparse, axis=1)
        return np.sum(lloyd(starts, ratio, 100, gap=gap) < 1 + gap / 2, axis=1)

    touching = dense_at_end(0.001)
    trial.require(np.any(touching != held), "centres must be more: else no cell can take one over")
    trial.identity(
        dense_at_end(GAP),
        held,
        ops=0,
        independent=230,
        controls={"they end with the best split": np.full(230, best_split(ratio, centres))},
        control_processes={"cells that touch": touching},
    )


@claim(
    derived("distortion $ρ/k_1² + 1/k_2²$ at both splits"),
    kind="identity",
    low_power="the best split is rounded to whole centres",
    cases=[(16, 3), (5, 4), (30, 2)],
)
def test_seeds__price(
    trial,
    ratio: Annotated[int, Interval(3, 30, why="ρ, a whole number, so that masses fix the split")],
    sparse: Sparse,
):
    """If data fill two unit intervals far apart, with the masses $ρ$ and 1, centres that are split
    by mass cost $(1 + ρ)³/(ρ (1 + ρ^(1/3))³)$ times the least distortion, up to the rounding of the
    best split to whole centres.
    """
    centres = (1 + ratio) * sparse
    # Lloyd's steps undo these displacements, which change sign from one centre to the next.
    dense = (np.arange(ratio * sparse) + 0.5 + 0.4 * (-1.0) ** np.arange(ratio * sparse)) / (
        ratio * sparse
    )
    far = np.arange(1, sparse + 1) / (sparse + 2)
    ended = lloyd(np.append(dense, 1 + GAP + far), ratio, 1000)
    law = price_of_mass(ratio)
    exact = centres * ratio ** (1 / 3) / (1 + ratio ** (1 / 3))
    second = centres - exact
    curved = 3 * (ratio / exact**4 + 1 / second**4) / 4 / (ratio / exact**2 + 1 / second**2)
    trial.value(
        distortion(ended, ratio) / cluster_cells(ratio, centres)[1],
        law,
        error=1e-3 * law,
        slack=curved * law,
        margin=(0.005 + curved) * law,
        controls={
            "of the sparse cell alone": ((1 + ratio) / (1 + ratio ** (1 / 3))) ** 2,
            "$√ρ$ for $ρ^(1/3)$, the root in two dimensions": (1 + ratio) ** 3
            / (ratio * (1 + np.sqrt(ratio)) ** 3),
        },
    )


@claim(
    derived(
        "a join costs more than a split gains, for the resampling of "
        "facebookresearch/ssl-data-curation's `src/hierarchical_kmeans_gpu.py`"
    ),
    kind="identity",
    cases=[(3, 2, 0.5), (5, 3, 0.3), (12, 2, 0.2), (4, 4, 0.5)],
)
def test_closest_is_no_op(
    trial,
    ratio: Ratio,
    sparse: Sparse,
    share: Annotated[
        float, Interval(0.05, 0.5, why="f, of a sparse cluster; beyond it other moves may pay")
    ],
):
    """Let $k_1$ clusters lie in a dense interval and $k_2$ in a sparse one, and let resampling take
    the $r$ points nearest to each centroid, as by default in the released code. It leaves the split
    of centres as it is if $r$ is a share $f <= ½$ of the points of a sparse cluster and
    $k_1/k_2 < √8/f$.
    """
    trial.require(ratio * share < 0.98 * np.sqrt(8), "ratio times share must be below √8")
    first = ratio * sparse
    # A control needs no draws of the trial's.
    flattened = resampled(first, sparse, share, generator=np.random.default_rng(first))
    trial.require(flattened != first, "share must be larger: else random points move no centre")
    trial.identity(
        resampled(first, sparse, share),
        first,
        ops=0,
        controls={
            "it takes a cube root": best_split(ratio, first + sparse),
            "it makes the cells equal": (first + sparse) // 2,
        },
        control_processes={"$r$ random points of each cluster": flattened},
    )


@claim(
    derived("to join dense clumps costs $r w_1²/2$, to split a sparse one gains $r f² w_2²/16$"),
    kind="identity",
    cases=[(6, 2), (8, 2), (12, 3), (6, 4)],
)
def test_closest_is_no_op__threshold(trial, ratio: Ratio, sparse: Sparse):
    """Let $k_1$ clusters lie in a dense interval and $k_2$ in a sparse one, and let resampling take
    the share $f$ of a sparse cluster's points that are nearest to its centroid, and as many points
    of a dense one. It changes the split of centres from $f = √8 k_2/k_1$ on.
    """
    trial.require(ratio >= 6, "ratio must be 6 at least: f is a half at most")
    first = ratio * sparse
    low = 0.05
    high = 1.0
    for _ in range(14):
        middle = (low + high) / 2
        kept = resampled(first, sparse, middle) == first
        low, high = (middle, high) if kept else (low, middle)
    law = largest_sample(first, sparse)
    trial.value(
        (low + high) / 2,
        law,
        error=1e-3 * law,
        margin=5e-3 * law,
        controls={
            "a cut removes all of the variance, $√6 k_2/k_1$": np.sqrt(6) * sparse / first,
            "as wide as the dense clusters' distance, $2 k_2/k_1$": 2 * sparse / first,
        },
    )


@figure("F1", claims=("allocation", "levels", "seeds-by_mass"))
def ratio_by_level(ratio: float = 100.0, dims: tuple[int, ...] = (1, 2, 8, 20)):
    """Each level takes a root of the imbalance, and a weak one in many dimensions; with random
    seeds no level helps.

    Ratio of the numbers of centroids in two cells, 100:1 at first. Marks: lines: cube roots, and
    for $d > 1$ what Zador's exponents would give; points: exact $k$-means of 60, 15 and 6 centres
    in one dimension, and Lloyd's steps from random seeds.
    """
    levels = np.arange(5)
    lines = {f"d = {dim}": (levels, ratio_after(ratio, levels, dim)) for dim in dims}
    centroids = cluster_cells(ratio, 60)[0]
    found = [ratio]
    for centres in (60, 15, 6):
        centroids = centroids if centres == 60 else cluster_points(centroids, centres)
        found.append(in_dense(centroids) / (centres - in_dense(centroids)))
    generator = np.random.default_rng(0)
    centres = lloyd(
        np.append(np.sort(generator.uniform(0, 1, 400)), 1 + GAP + np.linspace(0.1, 0.9, 4)),
        ratio,
        400,
    )
    kept = in_dense(centres) / (len(centres) - in_dense(centres))
    lines["random seeds"] = levels, np.full(5, ratio)
    return chart(
        lines,
        {"d = 1": (np.arange(4), found), "random seeds": (np.array([1]), np.array([kept]))},
        log="y",
        x="level",
        y="dense over sparse centroids",
        xticks=levels,
        ylim=(0.8, 140),
        legend="beside",
    )
