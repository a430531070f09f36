"""Roberts, Mani, Garg & Lipton 2022, "Unsupervised Learning under Latent Label Shift", NeurIPS,
arXiv 2207.13179.

For whoever groups unlabelled data by how it shifts between domains: how impure anchors change the
classifier and the shift.

Take away: if the label of no input is certain, the recovered classifier is too confident and the
recovered labels shift too little, and no amount of data helps. With two labels whose purest inputs
have their label with probability .7 and .9, three fifths of the shift are left. If anchors are
chosen among more inputs, the corners become worse, not better.

Setting: $K$ labels, $r$ domains of equal weight, inputs in cells $x$. $P$ $(K, r)$ has the entries
$p_d(y)$, $q$ is its mean over domains, and $h(x)$ $(K)$ the pooled $P(y|x)$. So $p(d|x) = h(x)G$,
$G_(y,d) = P_(y,d)/(r q_y)$. Recovery takes the $K$ extreme rows $p(d|x)$ for the labels, $V$
$(K, r)$, and barycentric coordinates for $p̂(y|x)$; $q̂$ solves $q̂V = 1/r$, and
$p̂_d(y) = r q̂_y V_(y,d)$. $H$ $(K, K)$ has the $h$ of the extreme cells as rows. With $H = I$ they
are anchors.

Edges: with fewer domains than labels the coordinates are not unique. With three or more labels the
$h(x)$ may have more corners than labels; then these laws do not apply. The order of the labels
cannot be recovered.

Paper: it shows that labels can be recovered from unlabelled data of several domains whose label
frequencies shift, if each label has inputs of its own, and does so with a trained discriminator of
domains. This page says what such a recovery gives if labels have no such inputs.

Abstract:

- Statement 1: for finitely many inputs the problem is isomorphic to topic modelling. Holds: topics.
  An algorithm for topics recovers the labels.
- Statement 2: if each label has inputs of its own, $p(d|x)$ gives the frequencies and $p_d(y|x)$
  but for the order of labels. Holds: anchors. Without such inputs: impure.
- Statement 3: a discriminator, clusters and a matrix factorisation do it in practice. Not on trial.
  The factorisation is not unique without anchors.
- Statement 4: it beats unsupervised classifiers where inputs alone mislead. Not on trial. It needs
  images.

Read: the abstract ("oracle access to $p(d|x)$ suffices to identify $p_d(y)$ and $p_d(y|x)$ up to
permutation"), and `class_prior_estimation.py` of the released code as notes on the paper quote it.
Derived here: what impure anchors give, and the corners of many cells. Not claimed: anything on
trained discriminators. Topic: learning.
"""

from typing import Annotated

import numpy as np
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import binom

from theory_on_trial import claim, derived, observed, paper, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Labels = Annotated[int, Interval(2, 6, why="of one label there is nothing to find")]
Extra = Annotated[int, Interval(0, 6, why="domains beyond K; with fewer labels are not unique")]
Cells = Annotated[int, Interval(1, 40, why="cells that are no corners")]
Purity = Annotated[
    float, Interval(0.5, 0.95, why="weight of I in H: near 0 there are no corners, at 1 anchors")
]
Low = Annotated[float, Interval(0.05, 0.4, why="a: at 0 the other label is sure")]
High = Annotated[float, Interval(0.6, 0.95, why="b: at 1 the label is sure")]
TWO_LABELS = [(0.3, 0.9, 2, 10), (0.05, 0.95, 1, 1), (0.4, 0.6, 6, 40)]


class World:
    """Cells with pooled posteriors h (cells, K), masses (cells,), and label frequencies P (K, r);
    the first K cells are the corners H.
    """

    def __init__(self, generator, corners, cells, domains):
        labels = len(corners)
        weights = generator.dirichlet(np.ones(labels), cells)
        self.corners = corners
        self.posteriors = np.vstack([corners, weights @ corners])
        rest = generator.dirichlet(np.ones(cells)) / 2
        self.masses = np.append(generator.dirichlet(np.full(labels, 9.0)) / 2, rest)
        self.pooled = self.masses @ self.posteriors
        shift = generator.normal(size=(labels, domains))
        shift -= shift.mean(axis=0)
        shift -= shift.mean(axis=1, keepdims=True)
        shift *= 0.8 * self.pooled.min() / np.abs(shift).max()
        self.frequencies = self.pooled[:, None] + shift

    def table(self):
        """The chances p(x, d), (cells, r): of a label, then of its cell given the label."""
        given_label = self.masses[:, None] * self.posteriors / self.pooled
        return given_label @ self.frequencies / self.frequencies.shape[1]


def two_corners(low, high):
    """H (2, 2) of two labels, the first of which has the chances b and a at the corners."""
    return np.array([[high, 1 - high], [low, 1 - low]])


def impure_corners(generator, labels, purity):
    """H (K, K): each corner has a label with this weight, and a random rest."""
    return purity * np.eye(labels) + (1 - purity) * generator.dirichlet(np.ones(labels), labels)


@observed
def extreme_rows(rows, labels):
    """The indices (K,) of the corners of rows (cells, r), by successive projection."""
    left = np.array(rows)
    found = []
    for _ in range(labels):
        found.append(int(np.argmax(np.sum(left**2, axis=1))))
        direction = left[found[-1]] / np.linalg.norm(left[found[-1]])
        left = left - np.outer(left @ direction, direction)
    return np.sort(found)


@observed
def recovered(table, labels):
    """The p̂(y|x) (cells, K) and p̂_d(y) (K, r) of a table p(x, d), (cells, r)."""
    rows = table / table.sum(axis=1, keepdims=True)
    corners = rows[extreme_rows(rows, labels)]
    posteriors = np.linalg.lstsq(corners.T, rows.T, rcond=None)[0].T
    domains = table.shape[1]
    pooled = np.linalg.lstsq(corners.T, np.full(domains, 1 / domains), rcond=None)[0]
    return posteriors, domains * pooled[:, None] * corners


@observed
def recovered_from_counts(generator, count, world, number, labels):
    """What is recovered, as one array of `both`, from `number` sampled inputs of each domain,
    `count` times: (count, entries).
    """
    table = world.table()
    chances = (table / table.sum(axis=0)).T
    found = []
    for _ in range(count):
        counts = np.array([generator.multinomial(number, column) for column in chances]).T
        found.append(both(*recovered(counts / counts.sum(), labels)))
    return np.array(found)


@observed
def mean_of_largest_share(chance, number, cells):
    """The mean of the largest of m shares of `number` examples, by the exact binomial law."""
    below = binom.cdf(np.arange(number), number, chance)
    return np.sum(1 - below**cells) / number


@predicted
def posteriors_from_corners(posteriors, corners):
    """The h(x) H^-1: (cells, K). Raises ValueError if H is singular."""
    if np.linalg.matrix_rank(corners) < len(corners):
        raise ValueError("corners must have full rank: else coordinates are not unique")
    return np.linalg.solve(corners.T, posteriors.T).T


@predicted
def frequencies_from_corners(frequencies, corners):
    """diag(q̂) H diag(1/q) P with q̂ = H^-T q: (K, r). Raises ValueError if H is singular."""
    if np.linalg.matrix_rank(corners) < len(corners):
        raise ValueError("corners must have full rank: else coordinates are not unique")
    pooled = frequencies.mean(axis=1)
    found = np.linalg.solve(corners.T, pooled)
    return found[:, None] * (corners @ (frequencies / pooled[:, None]))


@predicted
def share_of_shift(low, high, pooled):
    """(q - a)(b - q)/((b - a) q (1 - q)). Raises ValueError unless a < q < b."""
    if not low < pooled < high:
        raise ValueError("pooled must lie between low and high, which it is a mean of")
    return (pooled - low) * (high - pooled) / ((high - low) * pooled * (1 - pooled))


@predicted
def stretched(posterior, low, high):
    """(h - a)/(b - a). Raises ValueError unless a < b."""
    if not low < high:
        raise ValueError("low must be below high")
    return (posterior - low) / (high - low)


@predicted
def mean_of_largest_normal(cells):
    """The mean of the largest of m standard normal numbers."""

    def integrand(x):
        density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
        return x * cells * density * ndtr(x) ** (cells - 1)

    return quad(integrand, -12, 12, epsabs=1e-12, limit=200)[0]


def both(posteriors, frequencies):
    """One array of the entries of p̂(y|x), of cells that are no corners, and of p̂_d(y)."""
    inner = posteriors[posteriors.shape[1] :]
    return np.concatenate([inner.ravel(), frequencies.ravel()])


@claim(
    paper(
        "abstract, sentence 6",
        within="each label's support has a part of its own, like an anchor word",
    ),
    kind="identity",
    cases=[(2, 0, 5), (3, 2, 10), (6, 0, 1), (4, 6, 40)],
)
def test_anchors(trial, labels: Labels, extra: Extra, cells: Cells):
    """Let $K$ labels have shifting frequencies $P$ of rank $K$ in several domains, and cells $x$
    given the label the same law in all. If each label has a cell of its own, the extreme rows
    $p(d|x)$ give the pooled $P(y|x)$ and all label frequencies exactly, up to the order of labels.
    """
    world = World(trial.generator("world"), np.eye(labels), cells, labels + extra)
    posteriors = posteriors_from_corners(world.posteriors, np.eye(labels))
    frequencies = frequencies_from_corners(world.frequencies, np.eye(labels))
    by_cells = frequencies / world.pooled[:, None]
    trial.value(
        both(*recovered(world.table(), labels)),
        both(posteriors, frequencies),
        error=1e-9,
        margin=1e-6,
        scale=1.0,
        generic="the extreme rows are the corners in every world, and the rest is rational",
        controls={
            "labels are equally frequent": both(posteriors, by_cells / labels),
            "corners are frequencies": both(posteriors, by_cells / by_cells.sum(axis=0)),
            "clusters are labels": both(np.round(posteriors), frequencies),
        },
    )


@observed
def topics_of(table, topics):
    """The P(topic|word) (words, K) and the topics of each document (K, documents) by anchor words
    (Arora et al. 2013): the corners of the normalised rows of the co-occurrence of words within a
    document, and least squares. `table` holds the chances of a word and a document.
    """
    words = table / table.sum(axis=0)
    together = words @ words.T / table.shape[1]
    rows = together / together.sum(axis=1, keepdims=True)
    anchors = rows[extreme_rows(rows, topics)]
    of_word = np.linalg.lstsq(anchors.T, rows.T, rcond=None)[0].T
    topic_laws = of_word * together.sum(axis=1, keepdims=True)
    topic_laws /= topic_laws.sum(axis=0)
    return of_word, np.linalg.lstsq(topic_laws, words, rcond=None)[0]


@claim(
    tried(
        "abstract, sentence 5: the problem is isomorphic to topic modelling",
        "an algorithm for topics, with domains as documents and inputs as words",
    ),
    kind="identity",
    cases=[(2, 0, 5), (3, 2, 10), (6, 0, 1), (4, 6, 40)],
)
def test_topics(trial, labels: Labels, extra: Extra, cells: Cells):
    """Let $K$ labels have shifting frequencies of rank $K$ in several domains, cells $x$ given the
    label $y$ the same law in all, and each label a cell of its own. With the domains as documents
    and the cells as words, anchor words find $P(y|x)$ as the topics of a word and the frequencies
    $p_d(y)$ as those of a document.
    """
    world = World(trial.generator("world"), np.eye(labels), cells, labels + extra)
    posteriors = posteriors_from_corners(world.posteriors, np.eye(labels))
    frequencies = frequencies_from_corners(world.frequencies, np.eye(labels))
    of_equal_labels = posteriors / world.pooled
    of_equal_labels /= of_equal_labels.sum(axis=1, keepdims=True)
    unshifted = np.broadcast_to(world.pooled[:, None], frequencies.shape)
    trial.value(
        both(*topics_of(world.table(), labels)),
        both(posteriors, frequencies),
        error=1e-9,
        margin=1e-8,
        scale=1.0,
        generic="the extreme rows are the corners in every world, and the rest is rational",
        controls={
            "topics are equally frequent": both(of_equal_labels, frequencies),
            "all documents have the same topics": both(posteriors, unshifted),
        },
    )


@claim(
    derived("barycentric coordinates do not depend on $G$"),
    kind="identity",
    cases=[(2, 0, 5, 0.5), (3, 2, 10, 0.9), (6, 0, 1, 0.95), (4, 6, 40, 0.7)],
)
def test_impure(trial, labels: Labels, extra: Extra, cells: Cells, purity: Purity):
    """Let $K$ labels have frequencies $P$ $(K, r)$ of rank $K$ in $r$ domains, of mean $q$, and let
    the pooled posteriors $h(x)$ span a simplex whose corners are the rows of $H$, $det H ≠ 0$.
    Recovery from the extreme rows $p(d|x)$ gives $p̂(y|x) = h(x) H^-1$ and, with $q̂ = H^-T q$, the
    label frequencies $diag(q̂) H diag(1/q) P$.
    """
    generator = trial.generator("world")
    world = World(generator, impure_corners(generator, labels, purity), cells, labels + extra)
    posteriors = posteriors_from_corners(world.posteriors, world.corners)
    frequencies = frequencies_from_corners(world.frequencies, world.corners)
    mixed = np.linalg.solve(world.corners.T, world.frequencies)
    trial.value(
        both(*recovered(world.table(), labels)),
        both(posteriors, frequencies),
        error=1e-9,
        margin=1e-6,
        scale=1.0,
        generic="the extreme rows are the corners in every world, and the rest is rational",
        controls={
            "the truth": both(world.posteriors, world.frequencies),
            "frequencies as the posteriors": both(posteriors, mixed),
        },
    )


@claim(
    derived("counts tend to chances"),
    kind="limit",
    cases=[(2, 2, 0.6), (3, 2, 0.85), (4, 4, 0.7)],
)
def test_impure__sampled(
    trial,
    labels: Annotated[
        int, Interval(2, 4, why="of one label there is nothing to find; more need more")
    ],
    spare: Annotated[
        int, Interval(2, 6, why="domains beyond K; with as many labels noise is amplified")
    ],
    purity: Purity,
):
    """Let $K$ labels have frequencies $P$ $(K, r)$ in $r$ domains, of mean $q$, and let pooled
    posteriors $h(x)$ have the corners $H$. As the number of sampled inputs grows, recovery from the
    extreme rows $p(d|x)$ tends to $h(x) H^-1$ and $diag(q̂) H diag(1/q) P$ with $q̂ = H^-T q$, and
    not to the truth: no amount of data helps.
    """
    generator = trial.generator("world")
    world = World(generator, impure_corners(generator, labels, purity), 3, labels + spare)
    law = both(
        posteriors_from_corners(world.posteriors, world.corners),
        frequencies_from_corners(world.frequencies, world.corners),
    )
    trial.mean(
        sampler=lambda rng, n: recovered_from_counts(rng, n, world, 10**11, labels),
        predict=law,
        law=Asymptotic(),
        margin=0.005,
        scale=1.0,
        controls={"the truth": both(world.posteriors, world.frequencies)},
    )


@claim(derived("two corners on a line"), kind="identity", cases=TWO_LABELS)
def test_too_sure(trial, low: Low, high: High, extra: Extra, cells: Cells):
    """Let two labels have pooled posteriors $h$ that range from $a$ to $b$, in domains that differ
    in the labels' frequencies. The recovered posterior is $(h - a)/(b - a)$: too confident, with
    its threshold ½ at $h = (a + b)/2$.
    """
    world = World(trial.generator("world"), two_corners(low, high), cells, 2 + extra)
    posteriors = recovered(world.table(), 2)[0][:, 0]
    truth = world.posteriors[:, 0]
    trial.value(
        posteriors,
        stretched(truth, low, high),
        error=1e-8,
        margin=1e-5,
        scale=1.0,
        generic="the extreme rows are the corners in every world, and the rest is rational",
        controls={"posteriors are kept": truth},
    )


@claim(derived("two corners on a line"), kind="identity", cases=TWO_LABELS)
def test_too_still(trial, low: Low, high: High, extra: Extra, cells: Cells):
    """Let two labels have pooled posteriors that range from $a$ to $b$, a pooled frequency $q$, and
    frequencies that shift between domains. The recovered frequencies shift by the share
    $(q - a)(b - q)/((b - a) q (1 - q))$ of the true shift.
    """
    world = World(trial.generator("world"), two_corners(low, high), cells, 2 + extra)
    frequencies = recovered(world.table(), 2)[1]
    true_shift = world.frequencies[0, 0] - world.frequencies[0, 1]
    trial.value(
        (frequencies[0, 0] - frequencies[0, 1]) / true_shift,
        share_of_shift(low, high, world.pooled[0]),
        error=1e-8,
        margin=1e-5,
        scale=1.0,
        generic="the extreme rows are the corners in every world, and the rest is rational",
        controls={
            "shifts are kept": 1.0,
            "shifts are stretched as posteriors are": 1 / (high - low),
        },
    )


@claim(
    derived("the largest of binomial shares"),
    kind="limit",
    cases=[(0.7, 10), (0.5, 2), (0.2, 100)],
)
def test_overshoot(
    trial,
    chance: Annotated[
        float, Interval(0.2, 0.8, why="near the ends the counts are skewed for longer")
    ],
    cells: Annotated[int, Interval(2, 100, why="m; one cell is no extreme")],
):
    """Let $m$ cells all have $p(d = 1|x) = b$, and $n'$ examples each. As $n' → ∞$, their largest
    estimate exceeds $b$ on average by $√(b(1 - b)/n')$ times the mean of the largest of $m$
    standard normal numbers.
    """
    number = 1_000_000
    spread = np.sqrt(chance * (1 - chance) / number)
    law = mean_of_largest_normal(cells)
    trial.value(
        (mean_of_largest_share(chance, number, cells) - chance) / spread,
        law,
        error=1e-5,
        slack=(2.5 * abs(1 - 2 * chance) + 0.5) / (number * spread),  # skewness, and whole counts
        margin=0.01 * law,
        controls={
            "the largest is unbiased, as one cell is": 0.0,
            "$√(2 log m)$": np.sqrt(2 * np.log(cells)),
        },
    )


@figure("F1", claims=("too_sure", "too_still"))
def too_sure(examples: int = 300000):
    """A classifier that is recovered from impure anchors is too sure of its labels.

    Recovered against true chance of the first label, two labels and two domains, cells with true
    chances between two ends. Marks: lines: law; points: recovered from 300 000 sampled inputs of
    each domain.
    """
    generator = np.random.default_rng(0)
    lines = {"truth": (np.array([0, 1]), np.array([0, 1]))}
    points = {}
    for low, high in ((0.3, 0.9), (0.2, 0.6)):
        name = f"{low:g} to {high:g}"
        world = World(generator, np.array([[high, 1 - high], [low, 1 - low]]), 6, 2)
        world.posteriors = np.linspace(high, low, 8)[[0, 7, 1, 2, 3, 4, 5, 6], None]
        world.posteriors = np.hstack([world.posteriors, 1 - world.posteriors])
        world.masses = np.full(8, 1 / 8)
        world.pooled = world.masses @ world.posteriors
        world.frequencies = world.pooled[:, None] + np.array([[0.25, -0.25], [-0.25, 0.25]])
        chances = 2 * world.table()
        counts = [generator.multinomial(examples, column) for column in chances.T]
        found = recovered(np.transpose(counts) / (2 * examples), 2)[0]
        ends = np.array([low, high])
        lines[name] = ends, stretched(ends, low, high)
        points[name] = world.posteriors[:, 0], found[:, 0]
    return chart(
        lines,
        points,
        dashed=("truth",),
        x="true chance of the label",
        y="recovered chance of the label",
        legend="upper left",
        xlim=(0, 1),
        ylim=(-0.05, 1.05),
    )
