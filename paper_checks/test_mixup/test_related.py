"""Identities of neighbouring papers: what Mixup's loss is, rewritten; and where mixed points contradict each other."""

import jax
import numpy as np
from scipy.special import entr, roots_jacobi

from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, paper

ZHANG = "Zhang et al. 2021 (arXiv 2010.04819)"
CARRATINO = "Carratino et al. 2022 (arXiv 2006.06049)"
GUO = "Guo, Mao & Zhang 2019 (arXiv 1809.02499)"
NODES = 60
POINTS = 7


def data_set(trial, n=POINTS, dim=2):
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


def larger_shares(alpha):
    """Nodes and weights of theta ~ Beta(alpha, alpha) on [1/2, 1]: a Jacobi rule for the singularity at one."""
    nodes, weights = roots_jacobi(NODES, alpha - 1, 0)
    theta = 0.75 + nodes / 4
    weights = weights * theta ** (alpha - 1)
    return theta, weights / weights.sum()


@claim(paper(GUO), kind="identity")
def test_soft_label_linear(trial, n_draws=200, n_classes=4):
    """Cross-entropy is affine in the label, so a mixed label has the mixed loss; the squared loss is not."""
    rng = trial.generator("logits")
    logits = rng.normal(0, 3, (n_draws, n_classes))
    first, second = (np.eye(n_classes)[rng.integers(n_classes, size=n_draws)] for _ in range(2))
    second = np.where((first == second).all(axis=1, keepdims=True), np.roll(first, 1, axis=1), second)
    shares = rng.uniform(0, 1, (n_draws, 1))
    mixed = shares * first + (1 - shares) * second
    losses = [predicted.soft_label_cross_entropy(logits, labels) for labels in (first, second)]
    gaps = np.array([predicted.squared_loss_mixing_gap(float(share), 0, 1) for share in shares[:, 0]])
    # Two coordinates of the label differ.
    affine = shares[:, 0] * losses[0] + (1 - shares[:, 0]) * losses[1]
    trial.identity(
        -np.sum(mixed * np.asarray(jax.nn.log_softmax(logits)), axis=1),
        affine,
        ops=20 * n_classes,
        scale=20.0,
        controls={"short of it like the squared loss": affine - 2 * gaps},
    )
    chances = np.asarray(jax.nn.softmax(logits))
    squares = [np.sum((chances - labels) ** 2, axis=1) for labels in (first, second, mixed)]
    trial.identity(
        shares[:, 0] * squares[0] + (1 - shares[:, 0]) * squares[1] - squares[2],
        2 * gaps,
        ops=20 * n_classes,
        scale=2.0,
        controls={"affine": np.zeros(n_draws)},
    )


@claim(paper(ZHANG), kind="identity")
def test_zhang_lemma(trial, alpha=0.7, beta=1.9):
    """Mixup's loss keeps the label of the first point unmixed if lambda follows a mixture of two Beta laws."""
    points, labels = data_set(trial)
    law = predicted.MixingLaw.beta(alpha, NODES, beta=beta)
    mixed = observed.mixed_rows(points, labels, law.nodes, law.weights, law.nodes)

    def unmixed(law):
        expanded = observed.mixed_rows(points, labels, law.nodes, law.weights, law.nodes)
        own = np.tile(np.repeat(labels, POINTS), len(law.nodes))
        return mean_loss(expanded.rows, own, expanded.weights)

    parts = [
        predicted.MixingLaw.beta(alpha + 1, NODES, beta=beta),
        predicted.MixingLaw.beta(beta + 1, NODES, beta=alpha),
    ]
    trial.identity(
        mean_loss(mixed.rows, mixed.labels, mixed.weights),
        unmixed(predicted.zhang_mixing_law(alpha, beta, NODES)),
        ops=NODES * POINTS**2,
        controls={"equal weights": (unmixed(parts[0]) + unmixed(parts[1])) / 2, "the law itself": unmixed(law)},
    )


@claim(paper(ZHANG), kind="identity")
def test_zhang_moments(trial, alphas=(0.2, 1.0, 3.0)):
    """For equal parameters E[1 - lambda] = alpha / (2 alpha + 1), and the square has half that mean."""
    alpha = np.array(alphas)
    laws = [predicted.zhang_mixing_law(one, one, 8) for one in alphas]
    first = alpha / (2 * alpha + 1)
    moments = [[law.mean(1 - law.nodes) for law in laws], [law.mean((1 - law.nodes) ** 2) for law in laws]]
    trial.identity(
        np.concatenate(moments),
        np.concatenate([first, first / 2]),
        ops=200,
        controls={"Beta(alpha, alpha)": np.concatenate([np.full(len(alpha), 0.5), (alpha + 1) / (4 * alpha + 2)])},
    )


@claim(paper(ZHANG), kind="rate")
def test_zhang_expansion(trial, alpha=1.0, halvings=(3, 4, 5, 6, 7), n_sets=12):
    """Mixup's loss is the standard one plus two regularisers, up to fourth order in the spread of the data.

    The third order cancels between the pairs (i, j) and (j, i).
    """
    rng, labels = trial.generator("data"), np.resize([0.0, 1.0], POINTS)
    base, weights = np.array([0.6, -0.4]), np.array([1.3, 0.8])
    law = predicted.MixingLaw.beta(alpha, 32)
    remainders, without_second = [], []
    half = rng.standard_normal((n_sets // 2, POINTS, 2))
    for directions in np.concatenate([half, -half]):
        for power in halvings:
            points = base + directions / 2**power
            mixed = observed.mixed_rows(points, labels, law.nodes, law.weights, law.nodes)
            scores = mixed.rows @ weights
            loss = mixed.weights @ (np.logaddexp(0, scores) - mixed.labels * scores)
            terms = predicted.zhang_expansion_terms(weights, points, labels, alpha)
            remainders.append(loss - sum(terms))
            without_second.append(loss - terms.standard - terms.first)
    # Over many data sets, since the leading coefficient of a single one may be small, and their mirror images, since
    # the next order then cancels in the mean square.
    typical = [np.sqrt(np.mean(np.square(rest).reshape(n_sets, -1), axis=0)) for rest in (remainders, without_second)]
    trial.order(
        typical[0],
        2.0 ** np.array(halvings),
        -4.0,
        rounding=1e-15,
        margin=0.3,
        controls={"third order": -3.0, "fifth order": -5.0},
        wrong_processes={"without R_2": typical[1]},
        same_instance=True,
    )


@claim(paper(CARRATINO), kind="identity")
def test_carratino(trial, alpha=0.6):
    """Mixup perturbs points and labels that are shrunk by theta_bar about their mean, with noise of mean zero."""
    points, labels = data_set(trial)
    joint = np.column_stack([points, labels])
    theta, weights = larger_shares(alpha)
    mixtures = theta[:, None, None, None] * joint[:, None] + (1 - theta[:, None, None, None]) * joint
    centres = np.einsum("k,kijc->ic", weights, mixtures) / POINTS
    trial.identity(
        centres,
        predicted.carratino_points(joint, alpha),
        ops=NODES * POINTS,
        scale=np.abs(joint).max(),
        controls={"theta_bar = 1/2": (joint + joint.mean(axis=0)) / 2, "no shrinking": joint},
    )
    law = predicted.MixingLaw.beta(alpha, NODES)
    mixed = observed.mixed_rows(points, labels, law.nodes, law.weights, law.nodes)
    flat, every = mixtures.reshape(-1, 3), np.repeat(weights, POINTS**2) / POINTS**2
    shrunk = predicted.carratino_points(joint, alpha)
    trial.identity(
        mean_loss(flat[:, :2], flat[:, 2], every),
        mean_loss(mixed.rows, mixed.labels, mixed.weights),
        ops=NODES * POINTS**2,
        controls={"without noise": mean_loss(shrunk[:, :2], shrunk[:, 2], np.full(POINTS, 1 / POINTS))},
    )


@claim(paper(CARRATINO), kind="identity")
def test_carratino_cov(trial, alpha=0.6):
    """The noise of shrunk point i has covariance (sigma^2 r_i r_i' + gamma^2 mean r r') / theta_bar^2, labels alike."""
    points, labels = data_set(trial)
    joint = np.column_stack([points, labels])
    theta, weights = larger_shares(alpha)
    mixtures = theta[:, None, None, None] * joint[:, None] + (1 - theta[:, None, None, None]) * joint
    noise = mixtures - np.einsum("k,kijc->ic", weights, mixtures)[:, None] / POINTS
    moments = predicted.carratino_moments(alpha)
    scatter = np.cov(joint.T, bias=True)
    closed = predicted.carratino_covariance(joint, alpha)
    # One row per point.
    trial.identity(
        (np.einsum("k,kijc,kije->ice", weights, noise, noise) / POINTS).reshape(POINTS, -1),
        closed.reshape(POINTS, -1),
        ops=NODES * POINTS,
        scale=np.abs(joint).max() ** 2,
        controls={"gamma^2 = sigma^2": (closed - (moments.partner - moments.variance) * scatter).reshape(POINTS, -1)},
    )
    excess = weights @ (theta - 0.5)
    trial.identity(
        np.array([weights @ theta, weights @ (theta - 0.5) ** 2 - excess**2, weights @ (1 - theta) ** 2]),
        np.array(moments),
        ops=NODES,
        controls={"lambda itself": np.array([0.5, 1 / (8 * alpha + 4), (alpha + 1) / (4 * alpha + 2)])},
    )


@claim(paper(GUO), kind="identity")
def test_intrusion(trial, n_sets=12):
    """Over all functions the least Mixup loss exceeds the entropy of the labels by E KL(label | mean label there)."""
    rng = trial.generator("sets")
    shares = np.array([0.0, 0.5, 1.0])
    sets = [(np.array([[0.0], [1.0], [0.5]]), np.array([0.0, 0.0, 1.0]))]
    sets += [(rng.integers(0, 4, (5, 1)).astype(float), np.resize([0.0, 1.0], 5)) for _ in range(n_sets)]
    excess, closed, hard = [], [], []
    for points, labels in sets:
        rows = observed.mixed_rows(points, labels, shares, np.full(3, 1 / 3), shares)
        where = np.unique(rows.rows[:, 0], return_inverse=True)[1]
        mass = np.bincount(where, rows.weights)
        share = np.clip(np.bincount(where, rows.weights * rows.labels) / mass, 0, 1)
        # The best function gives the mean label at every input: its loss is the entropy of that mean.
        excess.append(mass @ (entr(share) + entr(1 - share)) - predicted.label_entropy_floor(labels, shares))
        closed.append(predicted.intrusion_gap(points, labels, shares))
        distinct = np.arange(5.0)[:, None] ** 2
        hard.append(predicted.intrusion_gap(distinct, np.resize(labels, 5), np.array([0.0, 1.0])))
    trial.identity(
        np.array(excess), np.array(closed), ops=400, controls={"functions fit any labels": np.zeros(len(sets))}
    )
    trial.identity(
        np.array(hard), np.zeros(len(sets)), ops=400, controls={"as with mixing": np.full(len(sets), closed[0])}
    )


@claim(paper(GUO), kind="identity")
def test_local_linear(trial, n=6, n_nodes=9):
    """The squared Mixup loss vanishes iff f is affine between the points and hits them; without mixing any do."""
    rng = trial.generator("points")
    points = rng.standard_normal((n, 2))
    affine = 0.5 + points @ np.array([0.1, -0.05])
    bent = affine + 0.2 * (np.arange(n) == 2)
    inside = np.clip(affine, 0, 1), np.clip(bent, 0, 1)
    law = predicted.MixingLaw.beta(1.0, n_nodes)

    def least_loss(labels):
        mixed = observed.mixed_rows(points, labels, law.nodes, law.weights, law.nodes)
        design = np.column_stack([np.ones(len(mixed.rows)), mixed.rows])
        residual = mixed.labels - design @ np.linalg.lstsq(design, mixed.labels)[0]
        return np.sqrt(mixed.weights @ residual**2)

    trial.identity(
        least_loss(inside[0]),
        0.0,
        ops=n_nodes * n**2,
        wrong_processes={"one label moved": least_loss(inside[1])},
    )
    line, labels = np.array([[0.0], [1.0], [3.0]]), np.array([0.0, 1.0, 0.0])
    through = np.polyfit(line[:, 0], labels, 2)

    def loss_through(shares):
        weights = np.full(len(shares), 1 / len(shares))
        mixed = observed.mixed_rows(line, labels, shares, weights, shares)
        return np.sqrt(mixed.weights @ (mixed.labels - np.polyval(through, mixed.rows[:, 0])) ** 2)

    trial.identity(
        loss_through(np.array([0.0, 1.0])),
        0.0,
        ops=200,
        wrong_processes={"with mixing": loss_through(np.array([0.0, 0.5, 1.0]))},
    )
