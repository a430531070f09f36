"""Guo, Mao & Zhang 2019, "MixUp as Locally Linear Out-Of-Manifold Regularization", AAAI, arXiv
1809.02499.

For whoever mixes inputs or labels: what a model is asked to do between the points, and when that
cannot be done.

Take away: for cross entropy a mixed label costs what the mixture of both losses costs; a squared
loss is smaller than that mixture by $λ(1 - λ)(y_i - y_j)²$. Where two mixtures meet with different
labels, no function fits both: of the points 0, 1/2 and 1 with the labels 0, 1 and 0, mixed half and
half, the middle one is asked for 0 and for 1.

Mixup trains on $λ x_i + (1 - λ) x_j$ with the label $λ y_i + (1 - λ) y_j$, over all ordered pairs
and equally likely $λ$. Losses and entropies are in nats; KL is the divergence between two coins.

Edges: if $λ$ is 0 or 1 only, nothing is mixed, and mixtures meet only where points coincide. Exact
rational arithmetic decides whether two mixtures coincide.

Paper: it calls such meetings "manifold intrusion", and learns the policy of mixing in order to
avoid them. This page says what intrusion costs.

Abstract:

- Sentence 1: Mixup mixes pairs of examples and their labels. No statement.
- Sentence 2: training with mixed data improves accuracy. Not on trial. No network is trained here.
- Sentence 4: Mixup asks for local linearity beyond the data. In part: local_linear. What it asks of
  affine functions, by a squared loss.
- Sentence 6: where labels of mixed examples conflict with those of the data, Mixup under-fits.
  Holds: intrusion. With what this costs.
- Sentence 7: this happens where the policy of mixing is not tuned to the data. Not on trial. No
  policy is tuned here.
- Sentence 8: policies of mixing that are learned avoid this. Not on trial. No network is trained
  here.
- Sentences 9 and 10: networks trained with them classify better. Not on trial. No network is
  trained here.

Read: the abstract. Recalled: the phenomenon. Derived here: the size of the gap, the squared
losses. Not claimed: the learned policies.

Topic: learning.
"""

from collections import defaultdict
from fractions import Fraction
from typing import Annotated, Literal

import numpy as np
from scipy.special import entr, log_softmax, logsumexp, rel_entr, softmax

from paper_checks.briefs.common import mixed_pairs
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

SHARES = np.array([0.0, 0.5, 1.0])
UNMIXED = np.array([0.0, 1.0])

Draws = Annotated[int, Interval(1, 10**4, why="all logits are held at once")]
Classes = Annotated[int, Interval(2, 1000, why="labels of two are mixed; all logits are held")]


def mixed_labels(trial, count, n_classes):
    """Random logits, smoothed labels of two different classes, and mixing weights."""
    rng = trial.generator("logits")
    first = rng.integers(n_classes, size=count)
    second = (first + rng.integers(1, n_classes, size=count)) % n_classes
    labels = [0.1 / n_classes + 0.9 * np.eye(n_classes)[classes] for classes in (first, second)]
    return rng.normal(0, 3, (count, n_classes)), labels, rng.uniform(0.01, 0.99, count)


@observed
def entropies(logits, labels, shares):
    """Cross entropy at the mixed labels, by a log-softmax."""
    mixtures = shares[:, None] * labels[0] + (1 - shares[:, None]) * labels[1]
    return -np.sum(mixtures * log_softmax(logits, axis=1), axis=1)


@predicted
def mixed_entropies(logits, labels, shares):
    """The mixture of the cross entropies log Σ e^f - y . f at both labels."""

    def entropy(targets):
        return logsumexp(logits, axis=1) - np.sum(targets * logits, axis=1)

    return shares * entropy(labels[0]) + (1 - shares) * entropy(labels[1])


@observed
def lacking_square(logits, labels, shares):
    """The mixture of the squared losses at both labels, less that at the mixed label."""
    chances = softmax(logits, axis=1)
    mixture = shares[:, None] * labels[0] + (1 - shares[:, None]) * labels[1]

    def squared_loss(targets):
        return np.sum((chances - targets) ** 2, axis=1)

    losses = [squared_loss(label) for label in labels]
    return np.sum([shares, 1 - shares] * np.array(losses), axis=0) - squared_loss(mixture)


@predicted
def square_gap(labels, shares):
    """λ(1 - λ) |y_i - y_j|²."""
    return shares * (1 - shares) * np.sum((labels[0] - labels[1]) ** 2, axis=1)


@observed
def least_loss(points, labels, shares):
    """The least mean cross entropy over all functions of a mixed input, points on a line: they give
    the mean label there.
    """
    mixtures, targets = mixed_pairs(points[:, None], labels, shares)
    where = np.unique(mixtures, return_inverse=True)[1].ravel()
    count = np.bincount(where)
    share = np.clip(np.bincount(where, targets.ravel()) / count, 0, 1)
    return count @ (entr(share) + entr(1 - share)) / count.sum()


@observed
def label_entropy(points, labels, shares):
    """The mean entropy of the mixed labels, below which no loss is."""
    targets = mixed_pairs(points[:, None], labels, shares)[1]
    return np.mean(entr(targets) + entr(1 - targets))


@predicted
def intrusion_gap(points, labels, shares):
    """The mean KL(y | mean of y at that input) over all mixtures, meetings found by fractions."""
    at_input = defaultdict(list)
    for share in map(Fraction, shares):
        for x, y in zip(points, labels, strict=True):
            for other_x, other_y in zip(points, labels, strict=True):
                place = share * Fraction(x) + (1 - share) * Fraction(other_x)
                at_input[place].append(float(share * Fraction(y) + (1 - share) * Fraction(other_y)))
    total = 0.0
    for targets in map(np.array, at_input.values()):
        centre = targets.mean()
        total += np.sum(rel_entr(targets, centre) + rel_entr(1 - targets, 1 - centre))
    return total / (len(shares) * len(points) ** 2)


@observed
def residual_of_plane(points, labels, shares):
    """Root mean squared error of the affine function that fits all mixtures best."""
    mixtures, targets = mixed_pairs(points, labels, shares)
    design = np.column_stack([np.ones(targets.size), mixtures.reshape(targets.size, -1)])
    fit = np.linalg.lstsq(design, targets.ravel())[0]
    return np.sqrt(np.mean((targets.ravel() - design @ fit) ** 2))


@predicted
def residual_beside_the_plane(points, labels, shares):
    """√E[λ² + (1 - λ)²] times the root mean squared residual of least squares without mixing."""
    design = np.column_stack([np.ones(len(labels)), points])
    basis = np.linalg.qr(design)[0]
    residuals = labels - basis @ (basis.T @ labels)
    return np.sqrt(np.mean(shares**2 + (1 - shares) ** 2) * np.mean(residuals**2))


@claim(derived("the variance of a label that is $y_i$ or $y_j$"), kind="identity")
def test_squared_loss_gap(trial, n_draws: Draws = 700, n_classes: Classes = 4):
    """The squared loss of any prediction at the mixed label $λ y_i + (1 - λ) y_j$ is smaller by
    $λ(1 - λ) |y_i - y_j|²$ than $λ$ times that at $y_i$ plus $1 - λ$ times that at $y_j$.
    """
    logits, labels, shares = mixed_labels(trial, n_draws, n_classes)
    trial.identity(
        lacking_square(logits, labels, shares),
        square_gap(labels, shares),
        ops=20 * n_classes,
        scale=2.0,
        independent=n_draws,
        controls={"affine, as cross entropy is": np.zeros(n_draws)},
    )


@claim(
    tried(
        "abstract: manifold intrusion is under-fitting, by labels that conflict",
        "what it costs in cross entropy",
    ),
    kind="identity",
    cases=[("mixed", 3), ("unmixed", 3), ("mixed", 5), ("unmixed", 5)],
)
def test_intrusion(
    trial,
    way: Literal["mixed", "unmixed"],
    n_points: Annotated[int, Interval(3, 5, why="two hardly meet; sums of fractions take long")],
):
    """Mixup trains on $λ x_i + (1 - λ) x_j$ with the label $λ y_i + (1 - λ) y_j$. The least cross
    entropy of all functions exceeds the mean entropy of the mixed labels by the mean divergence of
    the label from the mean label of all mixtures at the same input.
    """
    shares = SHARES if way == "mixed" else UNMIXED
    # Of 688 sets in all cases, most of them of few points, fewer than 1 % can fail.
    count = 340 if n_points == 3 else 4
    places = trial.generator("sets").integers(0, n_points + 1, (count, n_points)).astype(float)
    labels = np.resize([0.0, 1.0], n_points)
    sets = [(points, labels) for points in places]
    excess = np.array([least_loss(*s, shares) - label_entropy(*s, shares) for s in sets])
    exact = np.array([intrusion_gap(*one, shares) for one in sets])
    other = np.array([intrusion_gap(*one, UNMIXED if way == "mixed" else SHARES) for one in sets])
    controls = {"as without mixing" if way == "mixed" else "as with mixing": other}
    if way == "mixed":
        controls["functions fit any labels"] = np.zeros(len(sets))
    # Means of up to 75 labels and of their 75 entropies take up to 200 roundings on each side.
    trial.identity(excess, exact, ops=400, scale=1.0, independent=count, controls=controls)


@claim(
    tried(
        "abstract: local linearity beyond the data",
        "the factor of the squared loss of affine functions",
    ),
    kind="identity",
)
def test_local_linear(
    trial,
    n: Annotated[int, Interval(4, 30, why="three points are on a plane; all pairs are listed")] = 6,
):
    """Mixup trains on $λ x_i + (1 - λ) x_j$ with the label $λ y_i + (1 - λ) y_j$, over all ordered
    pairs. Its least squared loss over affine functions is $E[λ² + (1 - λ)²]$ times the least one
    without mixing.
    """
    rng = trial.generator("points")
    points = rng.standard_normal((n, 2))
    on_plane = 0.5 + points @ np.array([0.4, -0.2])
    sets = [(points, on_plane), (points, on_plane + 0.1 * rng.standard_normal(n))]
    shares = np.linspace(0, 1, 9)
    exact = np.array([residual_beside_the_plane(*one, shares) for one in sets])
    trial.value(
        np.array([residual_of_plane(*one, shares) for one in sets]),
        exact,
        margin=1e-10,
        error=36 * n**2 * 2.0**-53,
        scale=exact.max(),
        generic="least squares are rational in the points",
        controls={"as without mixing": exact / np.sqrt(np.mean(shares**2 + (1 - shares) ** 2))},
    )


@figure("F1", claims=("squared_loss_gap",))
def losses_of_mixed_labels():
    """Mixing labels mixes cross entropies, but not squared losses.

    Loss of one prediction, of probability .7 for the first of two classes, at the label $λ$ of that
    class. Marks: lines: mixtures of the losses at both labels, minus $λ(1 - λ)|y_i - y_j|²$ for the
    squared loss; points: the loss at the mixed label.
    """
    logits = np.log([[0.7, 0.3]])
    labels = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])]
    grid = np.linspace(0, 1, 41)
    some = np.linspace(0, 1, 11)
    chances = softmax(logits, axis=1)
    ends = [np.sum((chances - label) ** 2) for label in labels]
    mixture = grid * ends[0] + (1 - grid) * ends[1] - square_gap(labels, grid)
    mixed = some[:, None] * labels[0] + (1 - some[:, None]) * labels[1]
    return chart(
        {
            "cross entropy": (grid, mixed_entropies(logits, labels, grid)),
            "squared loss": (grid, mixture),
        },
        {
            "cross entropy": (some, entropies(logits, labels, some)),
            "squared loss": (some, np.sum((chances - mixed) ** 2, axis=1)),
        },
        x="label λ of the first class  (dimensionless)",
        y="loss  (nats; squared: dimensionless)",
    )
