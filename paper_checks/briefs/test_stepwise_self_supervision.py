"""Simon, Knutins, Ziyin, Geisz, Fetterman & Albrecht 2023, "On the Stepwise Nature of
Self-Supervised Learning", ICML, arXiv 2303.15438.

For whoever trains joint embeddings, or stops early: which directions are learned, when, and what
the embedding is in the end.

Take away: training learns one eigenvector at a time, each at the time $-ln(s² γ)/(8 γ)$, until all
outputs are used. It ends at kernel PCA with a kernel of pairs, whitened. The direction of the next
eigenvalue $γ'$, below the last learned one $γ$, is mixed in as the scale of the start to the power
$1 - γ'/γ$: if $γ'$ is near $γ$, no start is small enough.

Pairs of views $x_i$, $x_i'$ have features $φ(x)$ in $R^m$, and $Γ$ is the mean of
$(φ(x) φ(x')ᵀ + φ(x') φ(x)ᵀ) /2$ over them, with eigenvalues $γ_1 > γ_2 > …$ and eigenvectors $q_j$.
The embedding is $W φ(x)$ with $d$ outputs, and $W$ follows the gradient flow of $|W Γ Wᵀ - 1|²$,
Barlow Twins without standardisation, in which all entries weigh the same. A start is aligned if
$W(0) = U diag(s_j(0)) [q_1, …, q_d]ᵀ$ with a rotation $U$. $K$ is the kernel matrix of all $2n$
views, and $Z$ the matrix of the pairs: $1/(2n)$ where two views are one pair, else 0.

Edges: at $s = 0$ nothing is learned, and modes with $γ <= 0$ are never learned. From random starts
the steps are separate in the limit of small weights only. Views are not centred.

Paper: it solves the linear model and its kernel form, and sees the same steps in ResNets that are
trained with Barlow Twins, SimCLR and VICReg.

Abstract:

- Sentence 1: a simple picture of training by joint embeddings is presented. No statement.
- Sentence 2: embeddings are learned one dimension at a time, in separate steps. Holds at a smaller
  scale: trajectory, critical_times, staircase. By the linear model, from aligned starts.
- Sentence 3: this follows from a linearised model of Barlow Twins, which networks of infinite width
  obey. In part: trajectory, kernel_modes, kernel, wide_networks. For any fixed kernel; and networks
  of one hidden layer of 1024 units or more step at the times of theirs.
- Sentence 4, first half: from small starts the model learns the top eigenmodes of a contrastive
  kernel step by step. Holds: row_space, kernel_modes, too_few_modes.
- Sentence 4, second half: the final representation has a closed form. Holds: representation,
  kernel.
- Sentence 5: ResNets take the same steps with three losses. Not on trial. They need images.
- Sentence 6: kernel PCA is a model of self-supervised learning. Holds at a smaller scale:
  kernel_pca. Exactly so where both views are the same.

Read: the abstract. Recalled: the trajectory, the critical times, the closed form and the
contrastive kernel. Derived here: the exponents of a random start, and what happens with too few
modes. Not claimed: deep networks.

Topic: representations.
"""

from functools import cache
from itertools import pairwise
from typing import Annotated

import numpy as np
from scipy.integrate import solve_ivp

from paper_checks.briefs.common import apart, orthonormal
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

SOLVER_ERROR = 2e-9
"""Steps are accurate to 1e-11, take less than a hundred, and all that follows at most doubles what
they leave.
"""

PAIRS_OF_NETWORK = 8
RATE = 0.02
STEPS_OF_NETWORK = 1500

Outputs = Annotated[int, Interval(1, 5, why="d; an output is needed, and views have six features")]
Init = Annotated[
    float, Interval(1e-5, 0.05, why="s(0); with less the wait is all, with more steps overlap")
]
Following = Annotated[
    float, Interval(0.2, 0.75, why="γ_(d+1), where γ_d = 0.9; nearer ones need smaller starts")
]


def moment(first, second):
    """Γ of features (n, m) of both views."""
    cross = first.T @ second / len(first)
    return (cross + cross.T) / 2


def loss(embedding, gamma):
    """|W Γ Wᵀ - 1|² of W (…, d, m)."""
    gram = embedding @ gamma @ np.swapaxes(embedding, -1, -2)
    return np.sum((gram - np.eye(gram.shape[-1])) ** 2, axis=(-2, -1))


@observed
def flow(start, gamma, times):
    """W (times, d, m) under the gradient flow of the loss, by Runge-Kutta steps of order 8."""

    def slope(_, at):
        embedding = at.reshape(start.shape)
        forward = embedding @ gamma
        return 4 * np.ravel(forward - forward @ embedding.T @ forward)

    path = [start]
    for begin, end in pairwise([0.0, *times]):
        absolute = 1e-13 * np.max(np.abs(path[-1]))
        run = solve_ivp(slope, (begin, end), path[-1].ravel(), "DOP853", rtol=1e-11, atol=absolute)
        path.append(run.y[:, -1].reshape(start.shape))
    return np.array(path[1:])


@observed
def embedded(start, first, second, points, time):
    """The Gram matrix of embeddings of points, by features, of W trained on pairs from a start."""
    learned = flow(start, moment(first, second), [time])[0]
    embeddings = points @ learned.T
    return embeddings @ embeddings.T


@observed
def feature_modes(first, second, count):
    """The largest eigenvalues of Γ, features listed."""
    return np.linalg.eigvalsh(moment(first, second))[: -count - 1 : -1]


@predicted
def singular_values(times, first, gamma):
    """s(t) = e^(4 γ t) / sqrt(s(0)^(-2) + (e^(8 γ t) - 1) γ)."""
    shrunk = np.exp(-8 * gamma * times)
    return (shrunk / first**2 + gamma * (1 - shrunk)) ** -0.5


@predicted
def critical_time(first, gamma):
    """τ = -ln(s(0)² γ)/(8 γ)."""
    return -np.log(first**2 * gamma) / (8 * gamma)


@predicted
def share_at_critical_time(first, gamma):
    """1/(2 - s(0)² γ)."""
    return 1 / (2 - first**2 * gamma)


@predicted
def staircase(times, first, gamma):
    """The sum of (1 - γ_j s_j(t)²)² over the modes, at times (n,)."""
    strengths = singular_values(np.asarray(times)[:, None], first, gamma)
    return np.sum((1 - gamma * strengths**2) ** 2, axis=1)


@predicted
def power_of_scale(last, following):
    """2 (1 - γ_(d+1)/γ_d)."""
    return 2 * (1 - following / last)


@predicted
def final_gram(gamma, vectors, outputs):
    """WᵀW = Σ q_j q_jᵀ/γ_j over the d largest eigenvalues."""
    order = np.argsort(gamma)[::-1][:outputs]
    return (vectors[:, order] / gamma[order]) @ vectors[:, order].T


@predicted
def lost_outputs(gamma, outputs):
    """The number of outputs beyond that of positive eigenvalues, max(d - k, 0)."""
    return float(max(outputs - np.sum(gamma > 0), 0))


@predicted
def contrastive_kernel(kernel):
    """K^½ Z K^½ and K^(-½), pseudo-inverted, of the kernel matrix (2n, 2n)."""
    values, vectors = np.linalg.eigh(kernel)
    kept = values > 1e-10 * values[-1]
    root = np.sqrt(values[kept])
    pairs = len(kernel) // 2
    swap = np.kron([[0, 1], [1, 0]], np.eye(pairs)) / (2 * pairs)
    half = vectors[:, kept] * root @ vectors[:, kept].T
    return half @ swap @ half, vectors[:, kept] / root @ vectors[:, kept].T


@predicted
def kernel_spectrum(kernel, count):
    """The largest eigenvalues of K^½ Z K^½."""
    return np.linalg.eigvalsh(contrastive_kernel(kernel)[0])[::-1][:count]


@predicted
def kernel_embedding(kernel, new, outputs):
    """The Gram matrix of embeddings of new points, Σ_j g_j g_jᵀ/γ_j with g_j = k K^(-½) b_j and b_j
    the top eigenvectors of K^½ Z K^½, from their kernels (p, 2n) with the views.
    """
    contrastive, root = contrastive_kernel(kernel)
    values, vectors = np.linalg.eigh(contrastive)
    projected = new @ root @ vectors[:, -outputs:]
    return projected / values[-outputs:] @ projected.T


@predicted
def kernel_components(kernel, outputs):
    """The projection, times n, on the top eigenvectors of the kernel matrix (n, n)."""
    top = np.linalg.eigh(kernel)[1][:, -outputs:]
    return len(kernel) * top @ top.T


def views(generator, pairs=40, dim=6):
    """Two views (n, m) of drawn signals whose spectrum decreases."""
    signal = generator.normal(size=(pairs, dim)) * np.linspace(1.3, 0.5, dim)
    return [signal + 0.3 * generator.normal(size=(pairs, dim)) for _ in range(2)]


def aligned_start(trial, outputs, init):
    """Γ of drawn views, its largest eigenvalues (d,) and their vectors (m, d), the singular values
    (d,) of an aligned start and its rotation.
    """
    generator = trial.generator("views")
    gamma = moment(*views(generator))
    values, vectors = (part[..., ::-1] for part in np.linalg.eigh(gamma))
    trial.require(values[outputs - 1] > 0, "all d modes must be positive")
    first = init * np.linspace(1, 2, outputs)
    return gamma, values[:outputs], vectors, first, orthonormal(generator, outputs)


def diagonals(rows):
    """Diagonal matrices, one for each row."""
    return np.stack([np.diag(row) for row in rows])


ALIGNED = [(3, 1e-3), (1, 1e-5), (5, 0.05)]


@claim(recalled("the solution from aligned starts"), kind="identity", cases=ALIGNED)
def test_trajectory(trial, outputs: Outputs, init: Init):
    """Let $Γ$ have the eigenvalues $γ_j$ and eigenvectors $q_j$, and $W$ start with singular values
    $s_j(0)$ along $q_1, …, q_d$. Under the gradient flow of $|W Γ Wᵀ - 1|²$ they are
    $s_j(t) = e^(4 γ_j t)/sqrt(s_j(0)^(-2) + (e^(8 γ_j t) - 1) γ_j)$, and $W$ keeps its singular
    vectors.
    """
    gamma, top, vectors, first, turn = aligned_start(trial, outputs, init)
    times = np.array([0.5, 0.75, 1.0, 2.0]) * critical_time(first, top).max()

    def run(basis):
        embeddings = flow(turn * first @ basis.T, gamma, times)
        return turn.T @ embeddings @ vectors[:, :outputs]

    exact = singular_values(times[:, None], first, top)
    slower = singular_values(times[:, None] / 2, first, top)
    trial.value(
        run(vectors[:, :outputs]),
        diagonals(exact),
        error=SOLVER_ERROR,
        margin=1e-8,
        generic="the flow is analytic in its start, and so is the law",
        controls={
            "2 for 4 in the exponent": diagonals(slower),
            "at the limit $1/√γ_j$ all the time": diagonals(
                np.broadcast_to(top**-0.5, exact.shape)
            ),
        },
        control_processes={"a start along the last eigenvectors": run(vectors[:, -outputs:])},
    )


@claim(recalled("the critical times"), kind="identity", cases=ALIGNED)
def test_critical_times(trial, outputs: Outputs, init: Init):
    """Let $Γ$ have the eigenvalues $γ_j$ and eigenvectors $q_j$, and $W$ start with singular values
    $s_j(0)$ along $q_1, …, q_d$. Under the gradient flow of $|W Γ Wᵀ - 1|²$, $γ_j s_j²$ is
    $1/(2 - s_j(0)² γ_j)$ at the time $-ln(s_j(0)² γ_j)/(8 γ_j)$: about half of its limit 1.
    """
    gamma, top, vectors, first, turn = aligned_start(trial, outputs, init)
    tau = critical_time(first, top)
    order = np.argsort(tau)
    embeddings = flow(turn * first @ vectors[:, :outputs].T, gamma, tau[order])
    strengths = np.diagonal(turn.T @ embeddings @ vectors[:, :outputs], axis1=1, axis2=2)
    law = share_at_critical_time(first, top)[order]
    late = top * singular_values(2 * tau, first, top) ** 2
    trial.value(
        (top * strengths**2)[np.arange(outputs), order],
        law,
        error=2 * SOLVER_ERROR,
        margin=1e-8,
        generic="the flow is analytic in its start, and so is the law",
        controls={"$τ$ with $4 γ$ for $8 γ$": late[order], "all is learned": np.ones(outputs)},
    )


@claim(
    tried(
        "abstract, sentence 2: one dimension at a time, in separate steps",
        "the loss from aligned starts",
    ),
    kind="identity",
    cases=ALIGNED,
)
def test_staircase(trial, outputs: Outputs, init: Init):
    """Let $Γ$ have the eigenvalues $γ_j$ and eigenvectors $q_j$, and $W$ start with singular values
    $s_j(0)$ along $q_1, …, q_d$. Under the gradient flow of $|W Γ Wᵀ - 1|²$ this loss is
    $∑_j (1 - γ_j s_j(t)²)²$, $d$ minus one for each mode that is learned.
    """
    gamma, top, vectors, first, turn = aligned_start(trial, outputs, init)
    times = np.sort([*critical_time(first, top), 2 * critical_time(first, top).max()])
    embeddings = flow(turn * first @ vectors[:, :outputs].T, gamma, times)
    missing = 1 - top * singular_values(times[:, None], first, top) ** 2
    controls = {"not squared, $∑_j (1 - γ_j s_j²)$": np.sum(missing, axis=1)}
    if outputs > 1:
        controls["all modes with the last one"] = outputs * missing[:, -1] ** 2
    trial.value(
        loss(embeddings, gamma),
        staircase(times, first, top),
        error=10 * SOLVER_ERROR,
        margin=1e-7,
        generic="the flow is analytic in its start, and so is the law",
        controls=controls,
    )


def random_starts(trial, gamma, basis, outputs, scales):
    """W at the end for a Γ of given eigenvalues and eigenvectors, from small starts of one random
    direction.

    Of twenty directions the one whose row space is farthest from missing the d-th mode or the next:
    others bend later.
    """
    generator = trial.generator("starts")
    drawn = generator.normal(size=(20, outputs, len(gamma)))
    lead = list(range(outputs - 1))
    minors = [np.abs(np.linalg.det(drawn[:, :, [*lead, mode]])) for mode in (outputs - 1, outputs)]
    direction = drawn[np.argmax(np.minimum(*minors))]
    form = basis * gamma @ basis.T
    return [
        flow(scale * direction @ basis.T, form, [5 * critical_time(scale, gamma[outputs - 1])])[0]
        for scale in scales
    ]


SCALES = np.array([1e-10, 1e-12, 1e-14])


@claim(
    derived("each mode grows as $e^(4 γ t)$ until the modes before it have filled the outputs"),
    kind="rate",
    cases=[0.6, 0.2, 0.75],
)
def test_row_space(trial, following: Following):
    """Let $Γ$ have the eigenvalues $γ_1 > γ_2 > …$ and eigenvectors $q_j$, and $W$ of $d$ rows
    start at random with the scale $ε$. After the gradient flow of $|W Γ Wᵀ - 1|²$ the part of $q_d$
    off the row space of $W$ has a squared length of the order $ε^(2 (1 - γ_(d+1)/γ_d))$.
    """
    gamma = np.array([2.0, 1.4, 0.9, following, 0.02, 0.01])
    misses = []
    for learned in random_starts(trial, gamma, np.eye(6), 3, SCALES):
        rows = np.linalg.svd(learned, full_matrices=False)[2]
        last = np.eye(len(gamma))[2]
        misses.append(np.sum((last - rows.T @ (rows @ last)) ** 2))
    slopes = np.diff(np.log(misses)) / np.diff(np.log(SCALES))
    law = power_of_scale(0.9, following)
    # Two things bend the line, and fall by such shares from scale to scale: what is missed of the
    # mode after the next, and what the d-th mode still lacks; the slack is the solver's error,
    # relative to what is missed.
    share = 1e-4 ** (min(following - gamma[4], gamma[2] - following) / gamma[2])
    trial.value(
        slopes[-1],
        law,
        error=np.abs(slopes[1] - slopes[0]) * share / (1 - share),
        slack=1e-3,
        margin=0.009 * law,
        generic="the end of the flow is analytic in its start, and so is its order",
        controls={"the power of the length, not of its square": law / 2, "any subspace": 0.0},
    )


@claim(
    recalled("the closed form of the final representations"),
    kind="limit",
    cases=[(3, 0.4), (1, 0.2), (5, 0.5)],
)
def test_representation(
    trial,
    outputs: Outputs,
    ratio: Annotated[
        float, Interval(0.1, 0.5, why="γ_(d+1)/γ_d; nearer ones need starts below 1e-12")
    ],
):
    """Let $Γ$ have the eigenvalues $γ_1 > γ_2 > …$ and eigenvectors $q_j$, and $W$ of $d$ rows
    start at random with a scale that tends to 0. The gradient flow of $|W Γ Wᵀ - 1|²$ ends at
    $WᵀW = sum_{j<=d} q_j q_jᵀ/γ_j$.
    """
    gamma = np.append(np.linspace(2, 1, outputs), ratio * np.linspace(1, 0.5, 6 - outputs))
    vectors = orthonormal(trial.generator("basis"), 6)
    ends = random_starts(trial, gamma, vectors, outputs, [1e-10, 1e-12])
    found, before = (learned.T @ learned for learned in ends[::-1])
    law = final_gram(gamma, vectors, outputs)
    trial.value(
        found,
        law,
        error=np.abs(found - before).max() + 1e-9,
        margin=1e-3,
        generic="the end of the flow is analytic in the start, and so is the law",
        controls={
            "a mode more": final_gram(gamma, vectors, outputs + 1),
            "not whitened": law @ (vectors * gamma) @ vectors.T,
        },
    )


@claim(
    derived("$W Γ Wᵀ$ has no more positive eigenvalues than $Γ$"),
    kind="limit",
    cases=[(3, 1), (5, 4), (2, 2)],
)
def test_too_few_modes(
    trial,
    outputs: Annotated[int, Interval(2, 5, why="d; of one output none is left over")],
    positive: Annotated[int, Interval(1, 5, why="positive eigenvalues; of six")],
):
    """Let $Γ$ have $k$ positive eigenvalues, and $W$ of $d$ rows start at random, with any scale.
    The gradient flow of $|W Γ Wᵀ - 1|²$ ends at the loss $d - k$, or at 0 for $k >= d$.
    """
    gamma = np.append(np.linspace(2, 1, positive), -np.linspace(0.5, 1, 6 - positive))
    generator = trial.generator("start")
    basis = orthonormal(generator, 6)
    start = 0.1 * generator.normal(size=(outputs, 6))
    form = basis * gamma @ basis.T
    law = lost_outputs(gamma, outputs)
    theories = {"all outputs are used": 0.0, "the strongest mode alone": outputs - 1.0}
    trial.value(
        loss(flow(start, form, [20.0]), form)[0],
        law,
        error=1e-6,
        margin=1e-5,
        scale=1.0,
        generic="the end of the flow is analytic in basis and start",
        controls=apart(theories, law, 0.1),
    )


def cubic(points):
    """The features (…, 10) of the kernel (1 + x · y)³ in the plane."""
    x = points[..., 0]
    y = points[..., 1]
    powers = [(i, j) for i in range(4) for j in range(4 - i)]
    weights = {0: 1, 1: 3, 2: 6, 3: 6}
    factorial = (1, 1, 2, 6)
    columns = [
        np.sqrt(weights[i + j] / (factorial[i] * factorial[j])) * x**i * y**j for i, j in powers
    ]
    return np.stack(columns, axis=-1)


def cubic_kernel(first, second):
    """(1 + x · y)³ between points (n, 2) and (p, 2)."""
    return (1 + first @ second.T) ** 3


PAIRS = Annotated[int, Interval(8, 30, why="n; fewer pairs leave few modes, more take longer")]
FewOutputs = Annotated[int, Interval(1, 3, why="d; later modes of this kernel take long")]


def unlike_sides(generator, pairs, noise):
    """Two views (n, 2) of points in a rectangle of sides 1 and 1/2, the second with noise."""
    points = generator.uniform(-0.5, 0.5, size=(pairs, 2)) * [1, 0.5]
    return points, points + noise * generator.normal(size=(pairs, 2)) * [0.5, 0.25]


def pairs_in_the_plane(trial, pairs, outputs, noise):
    """Two views (n, 2) of points in a rectangle, of which the modes d and d + 1 are apart."""
    generator = trial.generator("views")
    points, second = unlike_sides(generator, pairs, noise)
    gamma = np.linalg.eigvalsh(moment(cubic(points), cubic(second)))[::-1]
    trial.require(
        gamma[outputs] < 0.5 * gamma[outputs - 1],
        "γ_(d+1) must be below γ_d/2: else the start must be smaller",
    )
    return generator, points, second, gamma


@claim(
    recalled("the contrastive kernel and its modes"),
    kind="identity",
    cases=[(12, 0.3), (8, 0.0), (30, 1.0)],
)
def test_kernel_modes(
    trial,
    pairs: PAIRS,
    noise: Annotated[float, Interval(0, 1, why="of the second view; with more, views are unlike")],
):
    """Let $K$ be the kernel matrix of all $2n$ views of $n$ pairs, $k(x, x') = φ(x)·φ(x')$, and $Z$
    the matrix with $1/(2n)$ where two views are one pair, else 0. The nonzero eigenvalues of the
    mean of $(φ(x) φ(x')ᵀ + φ(x') φ(x)ᵀ)/2$ over the pairs are those of $K^½ Z K^½$.
    """
    generator = trial.generator("views")
    first, second = unlike_sides(generator, pairs, noise)
    both = np.concatenate([first, second])
    kernel = cubic_kernel(both, both)
    law = kernel_spectrum(kernel, 4)
    alone = np.linalg.eigvalsh(kernel)[:-5:-1] / (2 * pairs)
    theories = {"without the ½ of $Γ$": 2 * law, "$K/2n$, as if no view had a partner": alone}
    trial.identity(
        feature_modes(cubic(first), cubic(second), 4),
        law,
        # Two eigendecompositions of order 60 and two products of this order take some 500
        # roundings; the rest is room for K^½.
        ops=1000,
        scale=law.max(),
        generic="the eigenvalues are analytic in the views, where they are distinct",
        controls=apart(theories, law, 1e-3 * law.max()),
    )


@claim(
    recalled("the final representations of a kernel"),
    kind="limit",
    cases=[(12, 2, 0.3), (8, 1, 0.1), (30, 3, 0.5)],
)
def test_kernel(
    trial,
    pairs: PAIRS,
    outputs: FewOutputs,
    noise: Annotated[
        float, Interval(0.1, 0.5, why="of the second view; without, it is kernel PCA")
    ],
):
    """Barlow Twins, $|W Γ Wᵀ - 1|²$ on the features of a kernel, is trained from a vanishing random
    start. Let $γ_j$ and $b_j$ be the $d$ top eigenpairs of $K^½ Z K^½$, where $K$ holds the kernels
    of all $2n$ views and $Z$ is $1/(2n)$ for pairs. Points with kernels $k$ to the views get
    embeddings with the Gram matrix $∑_j g_j g_jᵀ/γ_j$, $g_j = k K^(-½) b_j$.
    """
    generator, first, second, gamma = pairs_in_the_plane(trial, pairs, outputs, noise)
    points = unlike_sides(generator, 4, 0.0)[0]
    direction = generator.normal(size=(outputs, 10))

    def gram(scale):
        time = 4 * critical_time(scale, gamma[outputs - 1])
        features = [cubic(part) for part in (first, second, points)]
        return embedded(scale * direction, *features, time)

    both = np.concatenate([first, second])
    kernel = cubic_kernel(both, both)
    across = cubic_kernel(points, both)
    law = kernel_embedding(kernel, across, outputs)
    same = np.kron(np.ones((2, 2)), cubic_kernel(first, first))
    found = gram(1e-20)
    trial.value(
        found,
        law,
        error=np.abs(found - gram(1e-18)).max() + 1e-8 * law.max(),
        margin=1e-6 * law.max(),
        generic="the flow is analytic in views and start, the law where eigenvalues are distinct",
        controls={
            "kernel PCA of the first views": kernel_embedding(
                same, np.tile(cubic_kernel(points, first), 2), outputs
            ),
            "a mode more": kernel_embedding(kernel, across, outputs + 1),
        },
    )


@claim(
    tried("abstract, sentence 6: kernel PCA is a model of self-supervised learning", "equal views"),
    kind="limit",
    cases=[(12, 2), (8, 1), (30, 3)],
)
def test_kernel_pca(trial, pairs: PAIRS, outputs: FewOutputs):
    """Barlow Twins, $|W Γ Wᵀ - 1|²$ on the features of a kernel, is trained with $d$ outputs from a
    vanishing random start. If both views of each of $n$ points are the same, the embeddings get the
    Gram matrix $n ∑_j u_j u_jᵀ$ over the top $d$ eigenvectors $u_j$ of the kernel matrix.
    """
    generator, points, _, gamma = pairs_in_the_plane(trial, pairs, outputs, 0.0)
    direction = generator.normal(size=(outputs, 10))

    def gram(scale):
        time = 4 * critical_time(scale, gamma[outputs - 1])
        return embedded(scale * direction, *3 * [cubic(points)], time)

    kernel = cubic_kernel(points, points)
    law = kernel_components(kernel, outputs)
    centred = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
    found = gram(1e-20)
    trial.value(
        found,
        law,
        error=np.abs(found - gram(1e-18)).max() + 1e-8 * law.max(),
        margin=1e-6 * law.max(),
        generic="the flow is analytic in points and start, the law where eigenvalues are distinct",
        controls={
            "centred": kernel_components(centred, outputs),
            "not whitened": law @ kernel @ law / pairs**2,
        },
    )


class Network:
    """One hidden layer of `width` ReLUs with two outputs, eight pairs of views of four features,
    (16, 4), and the outputs at the start, (16, 2), which are added to what is learned.
    """

    def __init__(self, generator, width):
        points = generator.normal(size=(PAIRS_OF_NETWORK, 4))
        noise = 0.3 * generator.normal(size=(2 * PAIRS_OF_NETWORK, 4))
        self.views = np.concatenate([points, points]) + noise
        self.start = 0.05 * generator.normal(size=(2 * PAIRS_OF_NETWORK, 2))
        self.hidden = generator.normal(size=(width, 4)) / np.sqrt(2)
        self.outer = generator.normal(size=(2, width)) / np.sqrt(width)


@cache
def losses_of_descent():
    """The Barlow twins losses (steps,) of a network's descent on both layers, by JAX."""
    import jax
    import jax.numpy as jnp

    def outputs(hidden, outer, views):
        return jax.nn.relu(views @ hidden.T) @ outer.T

    @jax.jit
    def trained(layers, views, start):
        width = len(layers[0])
        origin = outputs(*layers, views)

        def lost(layers):
            learned = outputs(*layers, views) - origin + start
            first, second = learned[:PAIRS_OF_NETWORK], learned[PAIRS_OF_NETWORK:]
            cross = first.T @ second / PAIRS_OF_NETWORK
            return jnp.sum(((cross + cross.T) / 2 - jnp.eye(2)) ** 2)

        def step(layers, _):
            value, slopes = jax.value_and_grad(lost)(layers)
            rates = RATE / 2, RATE / width  # each layer then changes the outputs as much
            moved = [w - rate * slope for w, rate, slope in zip(layers, rates, slopes, strict=True)]
            return moved, value

        return jax.lax.scan(step, list(layers), None, STEPS_OF_NETWORK)[1]

    return trained


@observed
def steps_of_network(network):
    """When the loss 2 of a network has fallen to 1.5 and to 0.5: (2,), in units of time."""
    losses = losses_of_descent()((network.hidden, network.outer), network.views, network.start)
    return crossings(np.asarray(losses))


def crossings(losses):
    """When the losses (steps,) first fall to 1.5 and to 0.5, between steps: (2,); inf if never."""
    found = []
    for level in (1.5, 0.5):
        below = losses < level
        after = np.argmax(below)
        part = (losses[after - 1] - level) / (losses[after - 1] - losses[after])
        found.append(RATE * (after - 1 + part) if below.any() else np.inf)
    return np.array(found)


@predicted
def tangent_kernel(network):
    """The derivatives of the outputs by all weights, multiplied, (32, 32), an output of a point a
    row: of the outer weights, and of the hidden ones.
    """
    rates = 1 / len(network.hidden), 0.5
    units = np.maximum(network.views @ network.hidden.T, 0)
    active = (units > 0).astype(float)
    inner = network.views @ network.views.T
    of_outer = np.kron(units @ units.T, np.eye(2))
    weighed = np.einsum("ik,ak->iak", active, network.outer).reshape(len(of_outer), -1)
    of_hidden = (weighed @ weighed.T) * np.kron(inner, np.ones((2, 2)))
    return rates[0] * of_outer + rates[1] * of_hidden


@predicted
def steps_of_kernel(kernel, start):
    """When the loss of outputs that move by a fixed kernel has fallen to 1.5 and to 0.5: (2,)."""
    outputs = start
    losses = []
    for _ in range(STEPS_OF_NETWORK):
        first, second = outputs[:PAIRS_OF_NETWORK], outputs[PAIRS_OF_NETWORK:]
        cross = first.T @ second / PAIRS_OF_NETWORK
        missing = (cross + cross.T) / 2 - np.eye(2)
        losses.append(np.sum(missing**2))
        slope = 2 / PAIRS_OF_NETWORK * np.concatenate([second @ missing, first @ missing])
        outputs = outputs - RATE * (kernel @ slope.ravel()).reshape(outputs.shape)
    return crossings(np.array(losses))


@claim(
    tried(
        "abstract, sentence 3: networks of infinite width obey the linearised model",
        "networks of one hidden layer of 1024 to 4096 ReLUs, both layers trained",
    ),
    cases=[1024, 2048],
    tier="full",
    low_power="12 runs carry a sign only",
)
def test_wide_networks(
    trial,
    width: Annotated[int, Interval(1024, 4096, why="the limit is of wide layers; descent costs")],
):
    """A network of one hidden layer of 1024 to 4096 ReLUs with two outputs learns eight pairs of
    views by descent on the Barlow twins loss. In more networks than not the loss falls to 1.5 and
    to 0.5 of its first value 2 within 3 % of the times at which it does if outputs move by the
    network's tangent kernel at the start.
    """
    generator = trial.generator("networks")
    networks = [Network(generator, width) for _ in range(12)]
    times = np.array([steps_of_network(network) for network in networks])

    def leads(kernel_of):
        """3 % less the largest relative error of each network's times."""
        laws = [steps_of_kernel(kernel_of(network), network.start) for network in networks]
        return 0.03 - np.max(np.abs(times / laws - 1), axis=1)

    def linear_kernel(network):
        """That of linear features, with the trace of the tangent kernel."""
        kernel = np.kron(network.views @ network.views.T, np.eye(2))
        return kernel * np.trace(tangent_kernel(network)) / np.trace(kernel)

    trial.runs(
        leads(tangent_kernel),
        alpha=1e-3,
        controls={"the kernel of linear features": leads(linear_kernel)},
    )


@figure("F1", claims=("staircase", "critical_times", "row_space"))
def steps(scale=1e-4):
    """The loss descends a staircase, by one for each eigenvector that is learned.

    Loss of a linear embedding with three outputs; $Γ$ has the eigenvalues 2, 1.2, 0.7, 0.3 and 0.1.
    Marks: line: theory of the aligned start; points: flow of $W$; $τ$: its predicted times.
    """
    gamma = np.array([2.0, 1.2, 0.7, 0.3, 0.1])
    form = np.diag(gamma)
    fine = np.linspace(0, 5, 500)
    coarse = np.linspace(0, 5, 46)[1:]
    starts = {
        "aligned start": scale * np.eye(3, 5),
        "random start": scale * np.random.default_rng(5).normal(size=(3, 5)),
    }
    learned = gamma[:3]
    times = critical_time(scale, learned)
    return chart(
        {"aligned start": (fine, staircase(fine, np.full(3, scale), learned))},
        {name: (coarse, loss(flow(start, form, coarse), form)) for name, start in starts.items()},
        thresholds={f"τ$_{mode + 1}$": time for mode, time in enumerate(times)},
        x="time of the gradient flow",
        y="loss |W Γ Wᵀ - 1|²  (dimensionless)",
    )
