"""Kini, Vakilian, Behnia, Gill & Thrampoulidis 2024, "Symmetric Neural-Collapse Representations
with Supervised Contrastive Loss: The Impact of ReLU and Batching", ICLR, arXiv 2306.07960.

For whoever trains features by a supervised contrastive loss on unequal classes: which arrangement
is best, and which batches lead to it?

Paper: a ReLU at the last layer makes the best features an orthogonal frame, whatever the sizes of
the classes. Batches must tie all samples of a class together, and each class to each other one. Its
first version has the title "Supervised-Contrastive Loss Learns Orthogonal Frames and Batching
Matters".

Take away: without the ReLU two classes of 2 samples beside one of 50 or more end at one point,
opposite to the large one; with the ReLU all three are at right angles. Two batches that share no
sample fix no frame: a third one with two samples of each, or one fixed sample of each class in all,
does.

Features $h_i$ are unit vectors in $d$ dimensions, one for each of $N$ samples, $n_c$ of them in
class $c$. In a batch a sample $i$ with $p > 0$ others $j$ of its class costs the mean of
$log sum_l exp((h_i·h_l − h_i·h_j)/τ)$ over these $j$, where $l$ runs over all other samples of the
batch; $τ$ is the temperature. The loss is the sum over samples and over batches. A frame has equal
features within each class, and classes at right angles.

Edges: a sample without another one of its class in the batch costs nothing, but others are pushed
away from it. Two single samples push nothing. The frame needs $d ≥ K$ dimensions for $K$ classes;
searches get one more, because they stall without it.

Abstract:

- Sentence 1: the loss often does better than cross entropy. Not on trial. It needs large data.
- Sentence 2: with balanced classes features are symmetric, with unequal ones they are not. Holds at
  a smaller scale: unequal. For three classes and features that are free.
- Sentence 3: a ReLU at the last layer restores the symmetry. Holds at a smaller scale: frame. For
  features that are free up to their signs.
- Sentence 4: the best non-negative features are an orthogonal frame. Holds: least_loss, frame.
- Sentence 5: experiments on several sets of data and architectures agree. Not on trial. No network
  is trained here.
- Sentence 6: the ReLU costs no accuracy. Not on trial. It needs test data.
- Sentence 7: it is the first such result for unequal classes. Not on trial. It is history.
- Sentence 8: how batches are chosen decides which arrangement is best. Holds: batches.
- Sentence 9: conditions on batches are necessary and sufficient for the frame, and fixed samples in
  all batches guarantee them. In part: batches, least_batched. Our conditions are explicit, and may
  differ from those of the paper.

Read: the abstract. The abstract states the frame. Derived here: all values, the equation of three
classes, the conditions on batches. Not claimed: what training finds. Topic: representations.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal, get_args

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.sparse.csgraph import connected_components
from scipy.special import logsumexp, softmax
from sklearn.preprocessing import normalize

from theory_on_trial import claim, derived, observed, paper, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Sizes = tuple[
    Annotated[int, Interval(2, 16, why="the loss needs pairs; features are searched")], ...
]
Temperature = Annotated[
    float, Interval(0.3, 3.0, why="sharper or flatter losses are searched slowly")
]
Batches = Sequence[Sequence[int]]

ULP = 2.0**-52
PAIRS = (0, 0, 0, 0, 1, 1, 1, 1)
HALVES = ((0, 1, 4, 5), (2, 3, 6, 7))
Known = Literal[
    "a batch that joins two",
    "a fixed sample of each class",
    "single samples",
    "a sample without its class",
]
Way = Literal[
    "a batch that joins two",
    "a fixed sample of each class",
    "single samples",
    "a sample without its class",
    "drawn",
]
KNOWN: dict[str, tuple[Sequence[int], Batches, Batches]] = {
    "a batch that joins two": (PAIRS, (*HALVES, (0, 2, 4, 6)), HALVES),
    "a fixed sample of each class": (
        PAIRS,
        ((0, 1, 4, 5), (0, 2, 3, 4, 6, 7)),
        ((0, 1, 4, 5), (0, 2, 3, 6, 7)),
    ),
    "single samples": ((0, 0, 1, 1), ((0, 1, 2), (1, 2, 3)), ((0, 1), (2, 3), (0, 2))),
    "a sample without its class": (
        (0, 0, 0, 1, 1),
        ((0, 1, 3, 4), (0, 2, 3, 4)),
        ((0, 1, 3, 4), (2, 3, 4)),
    ),
    "drawn": (PAIRS, (range(8),), HALVES),
}
"""Labels, batches that enforce the frame, and batches that do not."""


def labels_of(sizes):
    """The class of each sample, in order."""
    return np.repeat(np.arange(len(sizes)), sizes)


@observed
def contrastive_loss(entries, labels, members, temperature):
    """The loss of features (samples, dim) scaled to length 1, and its slope; `members` (batches,
    samples) says who is in which batch.
    """
    rows, lengths = normalize(entries, return_norm=True)
    similar = rows @ rows.T / temperature
    total = 0.0
    pull = np.zeros_like(similar)
    for member in members:
        others = np.outer(member, member) & ~np.eye(len(labels), dtype=bool)
        positives = others & np.equal.outer(labels, labels)
        counts = positives.sum(axis=1)
        anchors = np.flatnonzero(counts)
        levels = np.where(others, similar, -np.inf)[anchors]
        wanted = positives[anchors] / counts[anchors, None]
        total += np.sum(logsumexp(levels, axis=1) - np.sum(wanted * similar[anchors], axis=1))
        pull[anchors] += softmax(levels, axis=1) - wanted
    slope = (pull + pull.T) @ rows / temperature
    slope -= np.sum(slope * rows, axis=1, keepdims=True) * rows
    return total, slope / lengths[:, None]


@observed
def best_features(generator, labels, dim, starts, batches=None, temperature=1.0, nonnegative=True):
    """Losses and Gram matrices at the ends of L-BFGS searches from random features."""
    labels = np.asarray(labels)
    members = np.ones((1, labels.size), bool)
    if batches is not None:
        members = np.array([np.isin(np.arange(labels.size), batch) for batch in batches])

    def loss(entries):
        total, slope = contrastive_loss(
            entries.reshape(labels.size, dim), labels, members, temperature
        )
        return total, slope.ravel()

    bounds = [(0 if nonnegative else None, None)] * (labels.size * dim)
    options = {"maxiter": 5000, "maxfun": 10**5, "ftol": 1e-15, "gtol": 1e-10}
    losses = []
    grams = []
    for _ in range(starts):
        start = generator.normal(size=labels.size * dim)
        found = minimize(
            loss,
            np.abs(start) if nonnegative else start,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options=options,
        )
        rows = normalize(found.x.reshape(labels.size, dim))
        losses.append(found.fun)
        grams.append(rows @ rows.T)
    return np.array(losses), np.array(grams)


@predicted
def frame_loss(sizes, temperature=1.0):
    """Σ n_c log(n_c − 1 + (N − n_c) e^(−1/τ)) over the classes of two samples or more."""
    several = np.asarray(sizes)[np.greater_equal(sizes, 2)]
    far = (np.sum(sizes) - several) * np.exp(-1 / temperature)
    return np.sum(several * np.log(several - 1 + far))


@predicted
def frame_gram(labels):
    """Cosines of a frame: 1 within classes and 0 between them."""
    return np.equal.outer(labels, labels).astype(float)


@predicted
def batched_frame_loss(labels, batches):
    """The sum of the losses of frames over all batches."""
    labels = np.asarray(labels)
    return sum(frame_loss(np.bincount(labels[list(batch)])) for batch in batches)


@predicted
def frame_is_unique(labels, batches):
    """Whether batches that share samples connect each class, and each two classes meet in some
    batch that holds one of them twice.
    """
    labels = np.asarray(labels)
    together = np.zeros((labels.size, labels.size), dtype=bool)
    classes = labels.max() + 1
    joined = np.eye(classes, dtype=bool)
    for batch in batches:
        together[np.ix_(batch, batch)] = True
        sizes = np.bincount(labels[list(batch)], minlength=classes)
        meeting = np.outer(sizes >= 1, sizes >= 2)
        joined |= meeting | meeting.T
    pieces = connected_components(together & np.equal.outer(labels, labels))[0]
    return pieces == classes and bool(joined.all())


@predicted
def angle_to_the_large_class(large, small):
    """The angle α between a class of n samples and each of two of m, all in a plane: the root of
    the slope of the loss divided by sin α, or π if there is none.
    """

    def slope(angle):
        near = np.exp(np.cos(angle) - 1)
        between = np.exp(np.cos(2 * angle) - 1)
        of_large = large * near / (large - 1 + 2 * small * near)
        of_small = (large * near + 4 * small * between * np.cos(angle)) / (
            small - 1 + large * near + small * between
        )
        return of_large + of_small

    return brentq(slope, np.pi / 2, np.pi) if slope(np.pi) < 0 else np.pi


@claim(
    derived("Jensen's inequality, and that cosines of non-negative features are at least 0"),
    kind="optimality",
    cases=[((6, 3, 2), 1.0), ((4, 4), 0.5), ((2, 2, 2, 2), 1.0), ((9, 2), 2.0)],
)
def test_least_loss(trial, sizes: Sizes, temperature: Temperature):
    """The least supervised contrastive loss of non-negative unit features is
    $∑_c n_c log(n_c − 1 + (N − n_c) e^(−1/τ))$, for $N$ samples in $K$ classes of sizes $n_c >= 2$,
    $d >= K$ dimensions and temperature $τ$.
    """
    trial.require(2 <= len(sizes) <= 5, "sizes must be two to five: more are searched slowly")
    search = partial(
        best_features, labels=labels_of(sizes), dim=len(sizes) + 2, temperature=temperature
    )
    least = frame_loss(sizes, temperature)
    samples = sum(sizes)
    trial.value(
        search(trial.generator("starts"), starts=6)[0].min(),
        least,
        error=4 * samples**2 * ULP * least,
        margin=1e-6 * least,
        instances="search",
        controls={"classes at one point": samples * np.log(samples - 1)},
        control_processes={
            "features of both signs": search(trial.generator("free"), starts=2, nonnegative=False)[
                0
            ].min()
        },
    )


@claim(
    paper("abstract, sentence 4"),
    kind="optimality",
    cases=[((6, 3, 2),), ((4, 4),), ((2, 2, 2, 2),), ((16, 2),)],
)
def test_frame(trial, sizes: Sizes):
    """Let $K$ classes have two samples or more each. In $d >= K$ dimensions the non-negative unit
    features of least supervised contrastive loss are an orthogonal frame whatever the sizes of the
    classes are: cosines are 1 within classes and 0 between them.
    """
    trial.require(2 <= len(sizes) <= 5, "sizes must be two to five: more are searched slowly")
    labels = labels_of(sizes)
    losses, grams = best_features(trial.generator("starts"), labels, len(sizes) + 2, 6)
    few = best_features(trial.generator("few"), labels, len(sizes) - 1, 6)
    frame = frame_gram(labels)
    trial.value(
        grams[np.argmin(losses)],
        frame,
        error=1e-5,
        margin=1e-4,
        instances="search",
        controls={
            "simplex": np.where(frame, 1, -1 / (len(sizes) - 1)),
            "samples of a class stay apart, at 60 degrees": np.maximum(
                frame / 2, np.eye(len(labels))
            ),
        },
        control_processes={"in $K - 1$ dimensions": few[1][np.argmin(few[0])]},
    )


@claim(
    derived("the loss of three points in a plane, whose slope vanishes"),
    kind="optimality",
    cases=[(4, 4), (12, 3), (30, 4), (60, 2)],
)
def test_unequal(
    trial,
    large: Annotated[int, Interval(2, 80)],
    small: Annotated[int, Interval(2, 8, why="the loss needs pairs; features are searched")],
):
    """For a class of $n$ samples and two of $m$, unit features of both signs have the least
    supervised contrastive loss, at temperature 1, in a plane at angles $α$, $α$ and $2π − 2α$,
    where $α$ is the root of $[n e^(cos α)] / [n − 1 + 2m e^(cos α − 1)] + [n e^(cos α) + 4m e^(cos
    2α) cos α] / [m − 1 + n e^(cos α − 1) + m e^(cos 2α − 1)]$ between $π/2$ and $π$, or $π$ without
    a root.
    """
    trial.require(small <= large, "small must be at most large")
    labels = labels_of((large, small, small))
    losses, grams = best_features(trial.generator("starts"), labels, 3, 3, nonnegative=False)
    first = [0, large, large + small]
    cosines = grams[np.argmin(losses)][np.ix_(first, first)][np.triu_indices(3, 1)]
    angle = angle_to_the_large_class(large, small)
    rivals = {"orthogonal": np.zeros(3)}
    if large > small:
        rivals["simplex"] = np.full(3, -0.5)
    trial.value(
        cosines,
        np.cos([angle, angle, 2 * angle]),
        error=1e-5,
        margin=2e-4,
        instances="search",
        controls=rivals,
    )


@claim(
    derived("a sum of batches, each of which the frame minimises"),
    kind="optimality",
    cases=get_args(Known),
)
def test_least_batched(trial, way: Known):
    """In $d >= K$ dimensions for $K$ classes the least supervised contrastive loss of non-negative
    unit features, at temperature 1 and summed over batches, is the sum over batches of
    $∑ n_c log(n_c − 1 + (N − n_c)/e)$ over the classes with $n_c ≥ 2$ of the $N$ samples in the
    batch.
    """
    labels, good, poor = KNOWN[way]
    found = [
        best_features(trial.generator("starts"), labels, 4, 4, batches)[0].min()
        for batches in (good, poor)
    ]
    least = np.array([batched_frame_loss(labels, batches) for batches in (good, poor)])
    trial.value(
        found,
        least,
        error=8 * len(labels) ** 2 * ULP * (1 + least),
        margin=1e-6,
        instances="search",
        controls={"of one batch of all": np.full(2, frame_loss(np.bincount(labels)))},
    )


@claim(
    tried(
        "abstract, sentence 9: conditions on batches are necessary and sufficient for the frame",
        "the conditions themselves",
    ),
    kind="optimality",
    cases=get_args(Way),
)
def test_batches(
    trial,
    way: Way,
    n_draws: Annotated[int, Interval(1, 20, why="features are searched for each")] = 5,
):
    """Let the supervised contrastive loss of $K$ classes be summed over batches. Of all
    non-negative unit features in more than $K$ dimensions, orthogonal frames alone have the least
    loss if and only if batches that share samples connect each class, and each two classes meet in
    a batch that holds one of them twice.
    """
    labels, good, poor = KNOWN[way]
    settings = [good, poor]
    generator = trial.generator("batches")
    if way == "drawn":
        settings += [
            [generator.choice(len(labels), 4, replace=False).tolist() for _ in range(3)]
            for _ in range(n_draws)
        ]
    frame = frame_gram(labels)
    alone = []
    for batches in settings:
        losses, grams = best_features(generator, labels, 4, 8, batches)
        best = grams[losses < losses.min() + 1e-6]
        alone.append(bool(np.all(np.abs(best - frame) < 0.01)))
    trial.identity(
        np.array(alone, dtype=int),
        np.array([frame_is_unique(labels, batches) for batches in settings], dtype=int),
        ops=0,
        instances="search",
        controls={
            "all batches enforce the frame": np.ones(len(settings), int),
            "no batches enforce it": np.zeros(len(settings), int),
        },
    )


@figure("F1", claims=("unequal", "frame"))
def angles_of_small_classes(small: int = 2):
    """Without a ReLU small classes approach one another as a third one grows, and meet: angles of
    three classes, two of them of two samples.

    Marks: lines: the equation for features of both signs, and right angles for non-negative ones;
    points: best of three searches.
    """
    grid = np.linspace(2, 60, 400)
    some = np.array([2, 6, 12, 20, 30, 40, 50])
    between: list[float] = []
    kept: list[float] = []
    for large in some:
        labels = labels_of((large, small, small))
        ends = [large, large + small]
        for angles, nonnegative in ((between, False), (kept, True)):
            losses, grams = best_features(
                np.random.default_rng(0), labels, 4, 3, nonnegative=nonnegative
            )
            cosine = grams[np.argmin(losses)][ends[0], ends[1]]
            angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    alphas = np.array([angle_to_the_large_class(large, small) for large in grid])
    return chart(
        {
            "both signs": (grid, np.degrees(2 * np.pi - 2 * alphas)),
            "non-negative": (grid, np.full(grid.size, 90.0)),
        },
        {"both signs": (some, between), "non-negative": (some, kept)},
        legend="lower left",
        x="samples of the large class",
        y="angle of small classes  (degrees)",
    )
