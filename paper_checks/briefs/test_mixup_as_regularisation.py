"""Zhang, Deng, Kawaguchi, Ghorbani & Zou 2021, "How Does Mixup Help With Robustness and
Generalization?", ICLR, arXiv 2010.04819.

For whoever trains with Mixup: which penalties its loss adds to the plain one.

Take away: Mixup's loss is the loss without mixing plus two penalties, up to the fourth order in the
spread of the data. For $λ ~ Beta(α, α)$ the first has the factor $α/(2α + 1)$, the second half of
it. For uniform $λ$ they are 1/3 and 1/6; as $α$ grows they tend to 1/2 and 1/4.

Mixup replaces two points by $λ x_i + (1 - λ) x_j$ with the label $λ y_i + (1 - λ) y_j$; its loss is
the mean over all ordered pairs, $i = j$ included, and over $λ$. The loss is $log(1 + e^f) - y f$ of
a score $f$, $σ$ is the logistic function, and $f_i = f(x_i)$.

Edges: as $α → 0$ nothing is mixed and both penalties vanish. The remainder is small for scores that
differ by less than one, and the expansion diverges for scores far apart.

Paper: it reads Mixup as a regulariser that depends on the data, and derives robustness to
adversarial attacks and a generalisation bound. This page derives the form of the loss.

Abstract:

- Sentence 1: Mixup makes convex combinations of examples and labels. No statement.
- Sentence 2: it improves robustness and generalisation. Not on trial. No network is trained here.
- Sentence 5: minimising Mixup's loss nearly minimises an upper bound of the loss under attacks. In
  part: attacks. For linear scores that are right on every point, centred data, and Mixup's loss up
  to the second order.
- Sentence 6: this explains robustness to several attacks. Not on trial. A single attack is tried,
  on no trained network.
- Sentence 7: Mixup is a regularisation that adapts to the data, and reduces overfitting. In part:
  unmixed_labels, moments, expansion. Its form for logistic losses and linear scores, up to the
  fourth order; no bound of a complexity is on trial.

Read: the abstract. Recalled and derived again here: the three terms, and that labels can be left
unmixed. Derived here: that the third order cancels, so that the remainder is of the fourth.
Derived here, as the abstract says and without its proof: that the loss bounds that under attacks.
Not claimed: robustness of networks, the bound on generalisation.

Topic: learning.
"""

from typing import Annotated

import numpy as np

from paper_checks.briefs.common import beta_rule, mixed_pairs
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    recalled,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

NODES = 30

BroadShape = Annotated[
    float, Interval(0.1, 20, why="narrower laws mix next to nothing, or always half and half")
]


def loss(scores, labels):
    """log(1 + e^f) - y f, in nats."""
    return np.logaddexp(0, scores) - labels * scores


def curved_score(points):
    """A score that is not linear."""
    return np.sin(points[..., 0]) + 0.7 * points[..., 0] * points[..., -1] - 0.3


def mixing_law(alpha, n_nodes=NODES):
    """Nodes and weights of λ ~ Beta(α, α)."""
    return beta_rule(alpha, alpha, n_nodes)


@observed
def mixup_loss(points, labels, law, score):
    """Mixup's loss, all pairs at all nodes (λ, weights) of `law` listed."""
    shares, weights = law
    mixtures, mixed_labels = mixed_pairs(points, labels, shares)
    return weights @ loss(score(mixtures), mixed_labels).mean(axis=(1, 2))


@predicted
def unmixed_loss(points, labels, law, score):
    """The mean loss at the mixtures with the label of the first point of each pair."""
    shares, weights = law
    mixtures, _ = mixed_pairs(points, labels, shares)
    return weights @ loss(score(mixtures), labels[:, None]).mean(axis=(1, 2))


@predicted
def unmixed_law(alpha, beta, n_nodes=NODES, first_share=None):
    """(α Beta(α + 1, β) + β Beta(β + 1, α)) / (α + β), or with another share of the first law."""
    share = alpha / (alpha + beta) if first_share is None else first_share
    nodes, weights = zip(
        beta_rule(alpha + 1, beta, n_nodes), beta_rule(beta + 1, alpha, n_nodes), strict=True
    )
    return np.concatenate(nodes), np.concatenate([share * weights[0], (1 - share) * weights[1]])


@observed
def share_of_the_other(law):
    """Mean and mean square of the share of the point whose label is dropped, if the label is that
    of the first point with probability λ, else of the second.
    """
    shares, weights = law
    return np.array(
        [weights @ (shares * (1 - shares) ** k + (1 - shares) * shares**k) for k in (1, 2)]
    )


@predicted
def moments(alpha):
    """α/(2α + 1) and half of it."""
    return alpha / (2 * alpha + 1) * np.array([1.0, 0.5])


@predicted
def penalties(weights, points, labels, alpha):
    """R_1 = α/(2α + 1) mean (σ(f_i) - y_i)(mean f - f_i) and R_2 = α/(2(2α + 1)) / 2 mean σ'(f_i)
    mean_j (f_j - f_i)², for scores f = w . x.
    """
    scores = points @ weights
    chances = 1 / (1 + np.exp(-scores))
    distances = (scores - scores.mean()) ** 2 + scores.var()
    factor = alpha / (2 * alpha + 1)
    first = factor * np.mean((chances - labels) * (scores.mean() - scores))
    return first, factor / 4 * np.mean(chances * (1 - chances) * distances)


def twice(route):
    """What a route gives with NODES nodes, and how far it is off: what twice as many change, and
    rounding.
    """
    value = np.asarray(route(NODES))
    return value, np.abs(value - route(2 * NODES)) + 1000 * 2.0**-53


@claim(
    recalled("Lemma 3.1, the law of $λ$ with which labels stay unmixed"),
    kind="identity",
    cases=[(0.7, 1.9), (3.0, 0.2)],
)
def test_unmixed_labels(
    trial,
    alpha: BroadShape,
    beta: BroadShape,
    n: Annotated[int, Interval(2, 12)] = 7,
    dim: Annotated[int, Interval(1, 6)] = 2,
):
    """Mixup's loss is the mean loss at $λ x_i + (1 - λ) x_j$ with the label $λ y_i + (1 - λ) y_j$,
    over all pairs and $λ ~ Beta(α, β)$. For logistic loss and every score it equals the mean loss
    at $λ x_i + (1 - λ) x_j$ with the label $y_i$, over
    $λ ~ (α Beta(α + 1, β) + β Beta(β + 1, α))/(α + β)$.
    """
    trial.require(
        abs(alpha - beta) > 0.01 * beta,
        "alpha and beta must differ: else any weights of the two laws do",
    )
    points = trial.generator("data").standard_normal((n, dim))
    labels = np.resize([0.0, 1.0], n)

    def unmixed(law):
        return unmixed_loss(points, labels, law, curved_score)

    measured, error = twice(
        lambda nodes: mixup_loss(points, labels, beta_rule(alpha, beta, nodes), curved_score)
    )
    exact, further = twice(lambda nodes: unmixed(unmixed_law(alpha, beta, nodes)))
    trial.value(
        measured,
        exact,
        margin=1e-9,
        error=error + further,
        generic="the loss is analytic in the points",
        controls={
            "both laws have the weight ½": unmixed(unmixed_law(alpha, beta, first_share=0.5)),
            "$Beta(α, β)$, the law of mixing itself": unmixed(beta_rule(alpha, beta, NODES)),
        },
    )


@claim(derived("the moments of $Beta(α + 1, α)$"), kind="identity", cases=[0.2, 1.0, 3.0])
def test_moments(
    trial,
    alpha: Annotated[
        float, Interval(0.01, 100, why="beyond, the rule of Gauss and Jacobi is inexact")
    ],
):
    """Mixup with $λ ~ Beta(α, α)$ has the logistic loss of mixtures $λ x_i + (1 - λ) x_j$ that keep
    the label of $x_i$, with another law of $λ$. In that law $E[1 - λ] = α/(2α + 1)$ and
    $E (1 - λ)² = α/(4α + 2)$.
    """
    measured, error = twice(lambda n_nodes: share_of_the_other(mixing_law(alpha, n_nodes)))
    trial.value(
        measured,
        moments(alpha),
        margin=1e-9,
        error=error,
        controls={
            "$Beta(α, α)$": np.array([0.5, (alpha + 1) / (4 * alpha + 2)]),
            "$2α + 2$ for $2α + 1$": moments(alpha) * (2 * alpha + 1) / (2 * alpha + 2),
        },
    )


@claim(
    tried(
        "Lemma 3.1, its expansion of the loss, as recalled",
        "the closed factors, and a remainder of the fourth order",
    ),
    kind="rate",
    cases=[0.3, 1.0, 5.0],
)
def test_expansion(
    trial,
    alpha: BroadShape,
    n_sets: Annotated[
        int, Interval(6, 1000, why="coefficients of few may be small, and each costs")
    ] = 6,
):
    """Let $f_i$ be the score of point $i$, linear in the point, $f̄$ the mean score, $y_i$ the
    label and $σ$ the logistic function. Mixup with $λ ~ Beta(α, α)$ adds to the logistic loss $a ·
    E_i (σ(f_i) - y_i)(f̄ - f_i) + (a/4) · E_i σ'(f_i) E_j (f_j - f_i)²$ with $a = α/(2α + 1)$, up
    to the fourth order in the spread of the data, where $E_i$ is the mean over points.
    """
    labels = np.resize([0.0, 1.0], 7)
    sizes = 2.0 ** np.arange(3, 8)
    weights = np.array([1.3, 0.8])

    def rest(points):
        plain = np.mean(loss(points @ weights, labels))
        mixed = mixup_loss(points, labels, mixing_law(alpha), lambda x: x @ weights)
        first, second = penalties(weights, points, labels, alpha)
        return mixed - plain - first - second, mixed - plain - first

    # Over many data sets, since the leading coefficient of a single one may be small, and their
    # mirror images, since the next order then cancels in the mean square.
    half = trial.generator("data").standard_normal((n_sets, 7, 2))
    rests = [
        [rest(np.array([0.6, -0.4]) + points / size) for size in sizes]
        for points in np.concatenate([half, -half])
    ]
    remainders, without_second = np.sqrt(np.mean(np.square(rests), axis=0)).T
    trial.order(
        remainders,
        sizes,
        -4.0,
        rounding=1e-15,
        margin=0.03,
        generic="the remainder is analytic in the points, and so is its order",
        controls={"third order": -3.0, "fifth order": -5.0},
        control_processes={"without the second penalty": without_second},
        same_instance=True,
    )


def lawful_points(generator, n, dims):
    """Points, n and their mirror images, on the sphere of radius √dims, a direction θ of length
    1, and labels that θ gets right: (2n, dims), (dims,), (2n,).
    """
    half = generator.normal(size=(n, dims))
    half *= np.sqrt(dims) / np.linalg.norm(half, axis=1, keepdims=True)
    points = np.concatenate([half, -half])
    theta = generator.normal(size=dims)
    theta /= np.linalg.norm(theta)
    return points, theta, (points @ theta > 0).astype(float)


@observed
def attacked_loss(theta, points, labels, radii):
    """The mean loss of the scores θ·x after each point moved by its radius against its label."""
    steps = -(2 * labels - 1) * radii
    moved = points + steps[:, None] * theta / np.linalg.norm(theta)
    return np.mean(loss(moved @ theta, labels))


@claim(
    tried(
        "abstract, sentence 5: an upper bound of the adversarial loss",
        "the strongest attack in closed form, and linear scores",
    ),
    kind="bound",
    cases=[(1.0, 1.0, 5), (0.3, 3.0, 2), (5.0, 0.3, 10)],
)
def test_attacks(
    trial,
    alpha: Annotated[float, Interval(0.1, 20, why="as α tends to 0 no point moves")],
    length: Annotated[float, Interval(0.2, 4, why="|θ|; longer, both losses vanish or diverge")],
    dims: Annotated[int, Interval(2, 10, why="d; in one dimension all points are two")],
):
    """Let scores $θ·x$ be right on all points $x_i$, which have the mean 0 and $|x_i| = √d$. Then
    the mean logistic loss is at most Mixup's for $λ ~ Beta(α, α)$ up to the second order, even if
    each point moves against its label by $E[1 - λ] |cos(θ, x_i)| √d$, with $E[1 - λ] = α/(2α + 1)$.
    """
    generator = trial.generator("points")
    share = moments(alpha)[0]

    def losses():
        """Under attack; Mixup's to second and to first order."""
        points, direction, labels = lawful_points(generator, 8, dims)
        theta = length * direction
        radii = share * np.abs(points @ direction)
        plain = np.mean(loss(points @ theta, labels))
        first, second = penalties(theta, points, labels, alpha)
        return attacked_loss(theta, points, labels, radii), plain + first + second, plain + first

    attacked, to_second, to_first = np.transpose([losses() for _ in range(344)])
    trial.bound(
        attacked,
        to_second,
        instances="draws",
        independent=344,
        ops=100,  # the terms of the longest sum
        controls={"the first order is enough": to_first},
    )


@figure("F1", claims=("expansion",))
def penalties_of_mixup(spread=0.6):
    """Mixup adds two penalties to the loss, and more of both as $λ$ comes nearer to one half.

    Mixup's loss minus the plain one, in nats, against $α$ of $λ ~ Beta(α, α)$, for a linear score
    of thirty random points. Marks: lines: the first penalty, and both; points: all pairs listed.
    """
    generator = np.random.default_rng(0)
    points = spread * generator.standard_normal((30, 2))
    labels = (points[:, 0] + spread * generator.standard_normal(30) > 0).astype(float)
    weights = np.array([1.3, 0.8])
    plain = np.mean(loss(points @ weights, labels))
    grid = np.geomspace(0.05, 20, 60)
    some = np.geomspace(0.05, 20, 12)
    terms = np.array([penalties(weights, points, labels, alpha) for alpha in grid]).T
    mixed = [mixup_loss(points, labels, mixing_law(alpha), lambda x: x @ weights) for alpha in some]
    return chart(
        {"R$_1$": (grid, terms[0]), "R$_1$ + R$_2$": (grid, terms.sum(axis=0))},
        {"Mixup": (some, np.array(mixed) - plain)},
        x="α of λ ~ Beta(α, α)  (dimensionless)",
        y="loss less the plain loss  (nats)",
        log="x",
    )
