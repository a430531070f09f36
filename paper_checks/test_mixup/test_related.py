"""Identities of neighbouring papers: what Mixup's loss is, rewritten; and where mixed points
contradict each other.

The papers' texts could not be read: what is recalled of them is derived again here.
"""

from typing import Annotated

import numpy as np
from scipy.special import entr, log_softmax, roots_jacobi, softmax

from paper_checks.test_mixup import Alpha, Few
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

ZHANG = "recalled from Zhang et al. 2021 (arXiv 2010.04819)"
CARRATINO = "recalled from Carratino et al. 2022 (arXiv 2006.06049)"
GUO = "recalled from Guo, Mao & Zhang 2019 (arXiv 1809.02499)"
NODES = 30

Nodes = Annotated[int, Interval(1, 100, why="all pairs at all nodes are listed")]
Pairs = Annotated[int, Interval(6, 1000, why="coefficients of few may be small, and each costs")]
Draws = Annotated[int, Interval(1, 10**4, why="all logits are held at once")]
Classes = Annotated[
    int, Interval(2, 1000, why="labels of two are mixed; all logits are held at once")
]
Broad = Annotated[
    float, Interval(0.1, 20, why="narrower laws mix next to nothing, or always half and half")
]
"""α or β of a Beta law."""
Small = Annotated[int, Interval(1, 6, why="all masks are listed")]


def data_set(trial, n, dim):
    """Random points with labels 0 and 1, both present."""
    rng = trial.generator("data")
    return rng.standard_normal((n, dim)), np.resize([0.0, 1.0], n)


def curved_score(points):
    """A score that is not linear."""
    return np.sin(points[..., 0]) + 0.7 * points[..., 0] * points[..., -1] - 0.3


def mean_loss(rows, labels, weights):
    """Weighted logistic loss of `curved_score`."""
    scores = curved_score(rows)
    return weights @ (np.logaddexp(0, scores) - labels * scores)


def mixup_loss(points, labels, law):
    """Mixup's loss of `curved_score`."""
    mixtures = observed.mixed_rows(points, labels, law.nodes, law.weights, law.nodes)
    return mean_loss(mixtures.rows, mixtures.labels, mixtures.weights)


def unmixed_loss(points, labels, law):
    """The same with the label of the first point of each pair."""
    mixtures = observed.mixed_rows(points, labels, law.nodes, law.weights, law.nodes)
    first_labels = np.tile(np.repeat(labels, len(labels)), len(law.nodes))
    return mean_loss(mixtures.rows, first_labels, mixtures.weights)


def quadrature(route, scale=1.0):
    """What `route` gives with a number of nodes, and how far it is off: what twice as many change,
    and rounding.
    """
    value = np.asarray(route(NODES))
    return value, np.abs(value - route(2 * NODES)) + 1000 * 2.0**-53 * scale


def larger_shares(alpha, n_nodes):
    """Nodes and weights of θ ~ Beta(α, α) on [1/2, 1]: a Jacobi rule for the singularity at one."""
    nodes, weights = roots_jacobi(n_nodes, alpha - 1, 0)
    theta = 0.75 + nodes / 4
    weights = weights * theta ** (alpha - 1)
    return theta, weights / weights.sum()


def larger_mixtures(joint, alpha, n_nodes):
    """Mixtures [nodes, own point, partner] of points and labels, the larger share with the own
    point, and weights.
    """
    theta, weights = larger_shares(alpha, n_nodes)
    shares = theta[:, None, None, None]
    return shares * joint[:, None] + (1 - shares) * joint, weights


def centres(mixtures, weights):
    """The mean mixture of each point, over shares and partners."""
    return np.einsum("k,kijc->ic", weights, mixtures) / mixtures.shape[2]


def folded_moments(alpha, n_nodes):
    """Mean and variance of θ, and the mean square of 1 - θ."""
    theta, weights = larger_shares(alpha, n_nodes)
    excess = weights @ (theta - 0.5)
    return np.array(
        [weights @ theta, weights @ (theta - 0.5) ** 2 - excess**2, weights @ (1 - theta) ** 2]
    )


@claim(
    derived(f"{GUO}: the loss is log-sum-exp minus a linear function of the label"),
    kind="identity",
    route="cross-entropy at mixed labels by JAX's log-softmax",
)
def test_soft_label_linear(trial, n_draws: Draws = 200, n_classes: Classes = 4):
    """Cross-entropy is affine in the label, so a mixed label has the mixed loss; the squared loss
    is not.
    """
    rng = trial.generator("logits")
    logits = rng.normal(0, 3, (n_draws, n_classes))
    first = rng.integers(n_classes, size=n_draws)
    second = (first + rng.integers(1, n_classes, size=n_draws)) % n_classes
    low = 0.1 / n_classes
    high = 0.9 + 0.1 / n_classes  # smoothed labels
    first, second = (low + (high - low) * np.eye(n_classes)[classes] for classes in (first, second))
    shares = rng.uniform(0.01, 0.99, (n_draws, 1))
    mixtures = shares * first + (1 - shares) * second
    lambdas = shares[:, 0]
    losses = [predicted.soft_label_cross_entropy(logits, labels) for labels in (first, second)]
    affine = lambdas * losses[0] + (1 - lambdas) * losses[1]
    # Two coordinates of the label differ.
    gaps = 2 * np.array(
        [predicted.squared_loss_mixing_gap(float(share), low, high) for share in lambdas]
    )
    entropies = -np.sum(mixtures * log_softmax(logits, axis=1), axis=1)
    controls = {"short of it like the squared loss": affine - gaps}
    trial.identity(entropies, affine, ops=20 * n_classes, scale=20.0, controls=controls)
    chances = softmax(logits, axis=1)
    squares = [np.sum((chances - labels) ** 2, axis=1) for labels in (first, second, mixtures)]
    lacking = lambdas * squares[0] + (1 - lambdas) * squares[1] - squares[2]
    trial.identity(
        lacking, gaps, ops=20 * n_classes, scale=2.0, controls={"affine": np.zeros(n_draws)}
    )


@claim(
    derived(f"{ZHANG}: labels change places with their points"),
    kind="identity",
    cases=[(0.7, 1.9), (3.0, 0.2)],
)
def test_zhang_lemma(trial, alpha: Broad, beta: Broad, n: Few = 7, dim: Small = 2):
    """Mixup's loss keeps the label of the first point unmixed if λ follows a mixture of two Beta
    laws.
    """
    trial.require(
        abs(alpha - beta) > 0.01 * beta,
        "alpha and beta must differ: else any weights of the two laws do",
    )
    points, labels = data_set(trial, n, dim)

    def unmixed(law):
        return unmixed_loss(points, labels, law)

    def beta_law(n_nodes, first=alpha, second=beta):
        return predicted.MixingLaw.beta(first, n_nodes, beta=second)

    loss, error = quadrature(lambda n_nodes: mixup_loss(points, labels, beta_law(n_nodes)))
    exact, further = quadrature(
        lambda n_nodes: unmixed(predicted.zhang_mixing_law(alpha, beta, n_nodes))
    )
    controls = {
        "equal weights": (
            unmixed(beta_law(NODES, alpha + 1, beta)) + unmixed(beta_law(NODES, beta + 1, alpha))
        )
        / 2,
        "the law itself": unmixed(beta_law(NODES)),
    }
    trial.value(loss, exact, margin=1e-9, error=error + further, controls=controls)


@claim(
    derived(f"{ZHANG}: the moments of Beta(α + 1, α)"),
    kind="identity",
    cases=[0.2, 1.0, 3.0],
    route="fractions in alpha against nodes of a mixture of Beta laws",
)
def test_zhang_moments(trial, alpha: Alpha):
    """For equal parameters E[1 - λ] = α / (2 α + 1), and the square has half that mean."""

    def moments(n_nodes):
        law = predicted.zhang_mixing_law(alpha, alpha, n_nodes)
        return np.array([law.mean(1 - law.nodes), law.mean((1 - law.nodes) ** 2)])

    values, error = quadrature(moments)
    halves = np.array([1.0, 0.5])
    first = alpha / (2 * alpha + 1)
    controls = {
        "Beta(α, α)": np.array([0.5, (alpha + 1) / (4 * alpha + 2)]),
        "2 α + 2": alpha / (2 * alpha + 2) * halves,
    }
    trial.value(values, first * halves, margin=1e-9, error=error, controls=controls)


@claim(
    derived(f"{ZHANG}; the third order cancels between (i, j) and (j, i)"),
    kind="rate",
    cases=[0.3, 1.0, 5.0],
)
def test_zhang_expansion(trial, alpha: Broad, n_pairs: Pairs = 6):
    """Mixup's loss is the standard one plus two regularisers, up to fourth order in the spread of
    the data.
    """
    rng = trial.generator("data")
    labels = np.resize([0.0, 1.0], 7)
    sizes = 2.0 ** np.arange(3, 8)
    base = np.array([0.6, -0.4])
    weights = np.array([1.3, 0.8])
    law = predicted.MixingLaw.beta(alpha, 32)

    def rest(points):
        mixtures = observed.mixed_rows(points, labels, law.nodes, law.weights, law.nodes)
        scores = mixtures.rows @ weights
        loss = mixtures.weights @ (np.logaddexp(0, scores) - mixtures.labels * scores)
        terms = predicted.zhang_expansion_terms(weights, points, labels, alpha)
        return loss - sum(terms), loss - terms.standard - terms.first

    # Over many data sets, since the leading coefficient of a single one may be small, and their
    # mirror images, since the next order then cancels in the mean square.
    half = rng.standard_normal((n_pairs, 7, 2))
    rests = [
        [rest(base + points / size) for size in sizes] for points in np.concatenate([half, -half])
    ]
    remainders, without_second = np.sqrt(np.mean(np.square(rests), axis=0)).T
    trial.order(
        remainders,
        sizes,
        -4.0,
        rounding=1e-15,
        margin=0.03,
        controls={"third order": -3.0, "fifth order": -5.0},
        control_processes={"without R_2": without_second},
        same_instance=True,
    )


@claim(
    derived(f"{CARRATINO}: θ is the larger of λ and 1 - λ, by exchanging the pair"),
    kind="identity",
    cases=[
        (0.6, 7, 2),
        (0.05, 4, 3),
        (0.50001, 3, 1),
    ],  # beside 1/2 SciPy's symmetric rule divides 0 by 0
)
def test_carratino(trial, alpha: Alpha, n: Few, dim: Small):
    """Mixup perturbs points and labels that are shrunk by θ_bar about their mean, with noise of
    mean zero.
    """
    points, labels = data_set(trial, n, dim)
    joint = np.column_stack([points, labels])
    shrunk = predicted.carratino_points(joint, alpha)

    measured, error = quadrature(
        lambda n_nodes: centres(*larger_mixtures(joint, alpha, n_nodes)), np.abs(joint).max()
    )
    controls = {"θ_bar = 1/2": (joint + joint.mean(axis=0)) / 2, "no shrinking": joint}
    trial.value(measured, shrunk, margin=1e-9, error=error, controls=controls)

    def perturbed(n_nodes):
        mixtures, weights = larger_mixtures(joint, alpha, n_nodes)
        flat = mixtures.reshape(-1, dim + 1)
        return mean_loss(flat[:, :dim], flat[:, dim], np.repeat(weights, n**2) / n**2)

    measured, error = quadrature(perturbed)
    plain, further = quadrature(
        lambda n_nodes: mixup_loss(points, labels, predicted.MixingLaw.beta(alpha, n_nodes))
    )
    noiseless = mean_loss(shrunk[:, :dim], shrunk[:, dim], np.full(n, 1 / n))
    trial.value(
        measured, plain, margin=1e-9, error=error + further, controls={"without noise": noiseless}
    )


@claim(
    derived(f"{CARRATINO}: moments of θ and the partner"),
    kind="identity",
    cases=[(0.6, 7, 2), (0.05, 4, 3)],
)
def test_carratino_cov(trial, alpha: Alpha, n: Few, dim: Small):
    """The noise of shrunk point i has covariance (σ^2 r_i r_i' + γ^2 mean r r') / θ_bar^2, labels
    alike.
    """
    joint = np.column_stack(data_set(trial, n, dim))
    moments = predicted.carratino_moments(alpha)
    covariance = predicted.carratino_covariance(joint, alpha)

    def covariances(n_nodes):
        mixtures, weights = larger_mixtures(joint, alpha, n_nodes)
        noise = mixtures - centres(mixtures, weights)[:, None]
        return np.einsum("k,kijc,kije->ice", weights, noise, noise) / n

    measured, error = quadrature(covariances, np.abs(joint).max() ** 2)
    without = covariance - (moments.partner - moments.variance) * np.cov(joint.T, bias=True)
    trial.value(measured, covariance, margin=1e-9, error=error, controls={"γ^2 = σ^2": without})

    measured, error = quadrature(lambda n_nodes: folded_moments(alpha, n_nodes))
    raw_moments = np.array([0.5, 1 / (8 * alpha + 4), (alpha + 1) / (4 * alpha + 2)])
    trial.value(
        measured, np.array(moments), margin=1e-9, error=error, controls={"λ itself": raw_moments}
    )


def least_excess(points, labels, shares):
    """The least Mixup loss over all functions, which give the mean label at every input, above the
    labels' entropy.
    """
    rows = observed.mixed_rows(
        points, labels, shares, np.full(len(shares), 1 / len(shares)), shares
    )
    where = np.unique(rows.rows[:, 0], return_inverse=True)[1]
    mass = np.bincount(where, rows.weights)
    share = np.clip(np.bincount(where, rows.weights * rows.labels) / mass, 0, 1)
    return mass @ (entr(share) + entr(1 - share)) - predicted.label_entropy_floor(labels, shares)


@claim(
    derived(f"{GUO}, of the phenomenon; the gap: by the best function at every mixed input"),
    kind="identity",
    route="entropies of meeting labels less `theory.mixup.label_entropy_floor` against "
    "`predicted.intrusion_gap`",
)
def test_intrusion(trial, n_sets: Annotated[int, Interval(1, 1000, why="each is drawn")] = 12):
    """Over all functions the least Mixup loss exceeds the entropy of the labels by E KL(label |
    mean label there).
    """
    rng = trial.generator("sets")
    shares = np.array([0.0, 0.5, 1.0])
    hard = np.array([0.0, 1.0])
    sets = [(np.array([[0.0], [1.0], [0.5]]), np.array([0.0, 0.0, 1.0]))]
    sets += [
        (rng.integers(0, 4, (5, 1)).astype(float), np.resize([0.0, 1.0], 5)) for _ in range(n_sets)
    ]
    excesses = np.array([least_excess(*data, shares) for data in sets])
    exact = np.array([predicted.intrusion_gap(*data, shares) for data in sets])
    trial.identity(
        excesses,
        exact,
        ops=400,
        scale=1.0,
        controls={"functions fit any labels": np.zeros(len(sets))},
    )
    distinct_sets = [
        (np.arange(len(labels))[:, None] ** 2.0, labels) for _, labels in sets
    ]  # no two points coincide
    plain_gaps = np.array([least_excess(*data, hard) for data in distinct_sets])
    exact = np.array([predicted.intrusion_gap(*data, hard) for data in distinct_sets])
    mixed_gaps = np.array([predicted.intrusion_gap(*data, shares) for data in sets])
    controls = {"as with mixing": np.maximum(mixed_gaps, mixed_gaps[0])}
    trial.value(
        plain_gaps, exact, margin=1e-10, error=1600 * 2.0**-53, scale=1.0, controls=controls
    )


@claim(derived(f"{GUO}: a squared loss vanishes where its residual does"), kind="identity")
def test_local_linear(
    trial, n: Annotated[int, Interval(4, 30, why="three are affine")] = 6, n_nodes: Nodes = 9
):
    """The squared Mixup loss vanishes iff f is affine between the points and hits them; without
    mixing any do.
    """
    points = trial.generator("points").standard_normal((n, 2))
    slopes = points @ np.array([1.0, -0.5])
    affine = 0.5 + 0.4 * slopes / np.abs(slopes).max()
    law = predicted.MixingLaw.beta(1.0, n_nodes)

    def least_loss(labels):
        mixtures = observed.mixed_rows(points, labels, law.nodes, law.weights, law.nodes)
        design = np.column_stack([np.ones(len(mixtures.rows)), mixtures.rows])
        residual = mixtures.labels - design @ np.linalg.lstsq(design, mixtures.labels)[0]
        return np.sqrt(mixtures.weights @ residual**2)

    # The label that can be followed least: one far from all others is nearly hit by tilting the
    # plane.
    leverage = np.sum(np.linalg.qr(np.column_stack([np.ones(n), points]))[0] ** 2, axis=1)
    outlier = {"one label moved": least_loss(affine + 0.1 * (np.arange(n) == leverage.argmin()))}
    rounding = 4 * n_nodes * n**2 * 2.0**-53
    trial.value(
        least_loss(affine), 0.0, margin=1e-10, error=rounding, scale=1.0, control_processes=outlier
    )
    line = np.array([[0.0], [1.0], [3.0]])
    labels = np.array([0.0, 1.0, 0.0])
    through = np.polyfit(line[:, 0], labels, 2)

    def loss_through(shares):
        mixtures = observed.mixed_rows(
            line, labels, shares, np.full(len(shares), 1 / len(shares)), shares
        )
        return np.sqrt(
            mixtures.weights @ (mixtures.labels - np.polyval(through, mixtures.rows[:, 0])) ** 2
        )

    endpoints = np.array([0.0, 1.0])
    mixing = np.array([0.0, 0.5, 1.0])
    processes = {"with mixing": loss_through(mixing)}
    trial.value(
        loss_through(endpoints),
        0.0,
        margin=1e-10,
        error=800 * 2.0**-53,
        scale=1.0,
        control_processes=processes,
    )
