"""Tsai et al. 2023, "Representer Point Selection for Explaining Regularized High-dimensional
Models", ICML, arXiv 2305.20002.

For one who explains a prediction of a sparse or low-rank model by its training samples: which sum
of contributions is exact, and which part of it is arbitrary.

Take away: the sum of contributions is exact at the optimum, and a contribution is not what leaving
the sample out would change: in five logistic fits of 40 samples the two correlate by .28 to .93. In
a low-rank model each single contribution depends on a free exponent and may change its sign with
it.

A matrix $θ$ minimises $(1/n) ∑_i l(y_i, <X_i, θ>) + λ |θ|$, here with the logistic loss, where
$|θ|$ is the sum of the absolute entries, of the norms of the rows (the group lasso), or of the
singular values (the nuclear norm; $θ = U D V'$ is the thin decomposition). At the optimum
$a_i = -l'_i / (n λ)$, $l'_i$ being the slope of the loss in the score $<X_i, θ>$, and
$Γ = ∑_i a_i X_i$ is a subgradient of the norm.

Edges: the statements hold at the optimum only; if a solver stops early, the sum is not exact. Above
the least $λ$ that makes $θ$ zero there is nothing to explain. An intercept without penalty adds a
constant.

Paper: it explains predictions of sparse and low-rank models, such as recommenders, by training
samples. This page computes the sums of contributions, and shows what they are not.

Abstract:

- Sentence 1: explanations by samples are introduced for regularised models. No statement.
- Sentence 2, first half: a theorem for regularised models decomposes the prediction into
  contributions of training samples. In part: l1_sum, nuclear_sum, group_sum, total_weight. For
  three norms.
- Sentence 2, second half: positive contributions belong to samples with a positive impact. In part:
  not_leave_one_out. They add up to the score; they are not what leaving a sample out would change.
- Sentence 3: it has consequences for sparse models and for low-rank ones. Holds: l1_sum,
  nuclear_sum, vanishing_penalty. With a free exponent for low-rank ones.
- Sentences 4 to 6: it explains recommenders, and does well on data. Not on trial. The data are not
  bundled.

Read: the abstract. Derived here: all identities, from the subgradient (on the support $Γ$ is the
sign of an entry, the direction of a row, or $U V'$ between the singular spaces). Not claimed:
anything away from the optimum. Topic: linear algebra for learning.
"""

from typing import Annotated, Literal

import numpy as np

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Samples = Annotated[
    int,
    Interval(10, 60, why="with fewer the optimum may fit all labels; beyond, the solver is slow"),
]
Size = Annotated[
    int,
    Interval(
        2, 6, why="with one row or column two of the norms are one; beyond, the solver is slow"
    ),
]
Share = Annotated[
    float, Interval(0.1, 0.9, why="of the least λ that makes θ 0; nearer to 0 the solver is slow")
]
Norm = Literal["entries", "rows", "singular values"]
TEMPERS = (0.0, 0.25, 0.5, 1.0)  # exponents c


def training_set(generator, samples, rows, columns):
    """Gaussian features X_i and labels -1 or 1, of which some are noise."""
    features = generator.normal(size=(samples, rows, columns))
    scores = np.tensordot(features, generator.normal(size=(rows, columns)))
    return features, np.where(scores + 2 * generator.normal(size=samples) > 0, 1.0, -1.0)


def slopes(labels, scores):
    """The derivative of log(1 + exp(-y f)) in f."""
    return -labels / (1 + np.exp(labels * scores))


@observed
def shrunk(theta, amount, norm):
    """The proximal step: what minimises |z - θ|^2 / 2 + amount |z|."""
    if norm == "entries":
        return np.sign(theta) * np.maximum(np.abs(theta) - amount, 0)
    if norm == "rows":
        lengths = np.linalg.norm(theta, axis=1, keepdims=True)
        return theta * np.maximum(1 - amount / np.maximum(lengths, amount), 0)
    left, values, right = np.linalg.svd(theta, full_matrices=False)
    return (left * np.maximum(values - amount, 0)) @ right


@observed
def minimiser(features, labels, lam, norm, most=20_000):
    """The optimum by accelerated proximal steps that restart, and how far it is from stationary, in
    units of Γ.
    """
    step = 4 * len(labels) / np.linalg.norm(features.reshape(len(labels), -1), 2) ** 2
    theta = np.zeros(features.shape[1:])
    ahead = np.full(features.shape[1:], 0.1)
    momentum = 1.0
    for _ in range(most):
        gradient = np.tensordot(slopes(labels, np.tensordot(features, ahead)), features, 1) / len(
            labels
        )
        new = shrunk(ahead - step * gradient, step * lam, norm)
        residual = np.abs(new - ahead).max() / (step * lam)
        if residual < 1e-13:
            break
        momentum = 1.0 if np.sum((ahead - new) * (new - theta)) > 0 else momentum
        before = momentum
        momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (before - 1) / momentum * (new - theta)
        theta = new
    return new, residual


@observed
def norm_of(theta, norm):
    """The norm itself: the sum of absolute entries, of lengths of rows, of singular values."""
    if norm == "entries":
        return np.abs(theta).sum()
    return np.linalg.norm(theta, axis=1).sum() if norm == "rows" else np.linalg.norm(theta, "nuc")


@observed
def vanishing_penalty(features, labels, norm):
    """Both ends of a bracket of the least λ at which the minimiser is 0."""
    low = 0.0
    high = np.linalg.norm(features, axis=(1, 2)).mean()
    while high - low > 0.005 * high:
        middle = (low + high) / 2
        if np.any(minimiser(features, labels, middle, norm, 300)[0]):
            low = middle
        else:
            high = middle
    return low, high


@predicted(about="minimiser")
def coefficients(features, labels, theta, lam):
    """The a_i = -l'_i / (n λ)."""
    return -slopes(labels, np.tensordot(features, theta)) / (len(labels) * lam)


@predicted(about="minimiser")
def weighted(theta, x, norm, temper=0.5):
    """What x is replaced by before its inner products with all a_i X_i are summed."""
    if norm == "entries":
        return np.abs(theta) * x
    if norm == "rows":
        return np.linalg.norm(theta, axis=1)[:, None] * x
    left, values, right = np.linalg.svd(theta, full_matrices=False)
    large = values > 1e-9 * values[0]
    left = left[:, large]
    values = values[large]
    right = right[large]
    return (left * values**temper) @ left.T @ x @ (right.T * values ** (1 - temper)) @ right


@predicted
def least_vanishing_penalty(features, labels, norm):
    """The dual norm of sum of l'_i(0) X_i, divided by n: the largest entry, row or singular
    value.
    """
    gradient = np.tensordot(slopes(labels, np.zeros(len(labels))), features, 1) / len(labels)
    lengths = {"entries": np.abs(gradient), "rows": np.linalg.norm(gradient, axis=1)}
    return np.max(lengths.get(norm, np.linalg.norm(gradient, 2)))


def fitted(trial, samples, rows, columns, norm, share):
    """A training set, λ, the optimum with its error in the norm of θ, the a_i, and Γ."""
    features, labels = training_set(trial.generator("training set"), samples, rows, columns)
    lam = share * least_vanishing_penalty(features, labels, norm)
    theta, residual = minimiser(features, labels, lam, norm)
    error = (rows * columns * residual + 1e-13) * np.linalg.norm(theta)
    parts = coefficients(features, labels, theta, lam)
    return features, labels, lam, theta, error, parts, np.tensordot(parts, features, 1)


def judge_sum(trial, samples, rows, columns, norm, share, tempers=(0.5,)):
    """Compare the scores of twenty new points with the sums of contributions, and with sums of
    wrong ones.
    """
    *_, theta, error, _, gamma = fitted(trial, samples, rows, columns, norm, share)
    news = np.repeat(
        trial.generator("new points").normal(size=(20, rows, columns)), len(tempers), axis=0
    )
    sums = [
        np.sum(gamma * weighted(theta, x, norm, c))
        for x, c in zip(news, np.tile(tempers, 20), strict=True)
    ]
    controls = {"weights of a squared norm": gamma}
    if norm == "entries":
        controls["the support without sizes"] = gamma * (theta != 0)
    else:
        controls["sizes of entries, as for their sum"] = gamma * np.abs(theta)
    controls = {name: np.tensordot(news, w) for name, w in controls.items()}
    sizes = np.linalg.norm(news, axis=(1, 2))
    margin = 1e-8 * np.linalg.norm(theta)
    trial.value(
        np.tensordot(news, theta),
        sums,
        error=error * sizes,
        margin=margin * sizes,
        instances="search",
        controls=controls,
    )


@claim(
    tried(
        "abstract, sentences 2 and 3: contributions of samples, for sparse and low-rank models",
        "the weights for sums of entries",
    ),
    kind="identity",
    cases=[(40, 3, 5, 0.3), (10, 2, 2, 0.8)],
)
def test_l1_sum(trial, samples: Samples, rows: Size, columns: Size, share: Share):
    """$θ$ minimises $(1/n) ∑_i l_i(<X_i, θ>) + λ |θ|$ with $|θ|$ the sum of absolute entries, and
    $a_i = -l_i'/(n λ)$ with the slopes $l_i'$ at the optimum. Then
    $<θ, x> = sum_i sum_j a_i |θ_j| X_{i j} x_j$ for every $x$.
    """
    judge_sum(trial, samples, rows, columns, "entries", share)


@claim(
    tried(
        "abstract, sentences 2 and 3: contributions of samples, for sparse and low-rank models",
        "a free exponent",
    ),
    kind="identity",
    cases=[(40, 5, 4, 0.4), (10, 2, 3, 0.8)],
)
def test_nuclear_sum(trial, samples: Samples, rows: Size, columns: Size, share: Share):
    """$θ$ minimises $(1/n) ∑_i l_i(<X_i, θ>) + λ |θ|$ with the nuclear norm $|θ|$, $θ = U D Vᵀ$,
    and $a_i = -l_i'/(n λ)$ with the slopes $l_i'$ at the optimum. Then
    $θ = (U D^c Uᵀ) ∑_i a_i X_i (V D^(1-c) Vᵀ)$ for every $c$ from 0 to 1.
    """
    judge_sum(trial, samples, rows, columns, "singular values", share, TEMPERS)


@claim(
    derived("$Γ$ is the direction of a row"),
    kind="identity",
    cases=[(40, 5, 4, 0.3), (10, 2, 2, 0.8)],
)
def test_group_sum(trial, samples: Samples, rows: Size, columns: Size, share: Share):
    """$θ$ minimises $(1/n) ∑_i l_i(<X_i, θ>) + λ |θ|$ with $|θ|$ the sum of the lengths of the rows
    of $θ$, and $a_i = -l_i'/(n λ)$ with the slopes $l_i'$ at the optimum. Then
    $<θ, x> = sum_i sum_j a_i |θ_{r(j)}| X_{i j} x_j$ for every $x$, where $θ_{r(j)}$ is the row
    that holds entry $j$.
    """
    judge_sum(trial, samples, rows, columns, "rows", share)


NORMS = [(40, 3, 5, 0.3, "entries"), (40, 5, 4, 0.4, "rows"), (30, 4, 5, 0.6, "singular values")]


@claim(derived("from the subgradient at $θ$"), kind="identity", cases=NORMS)
def test_total_weight(trial, samples: Samples, rows: Size, columns: Size, share: Share, norm: Norm):
    """$θ$ minimises $(1/n) ∑_i l_i(<X_i, θ>) + λ |θ|$ for a norm $|θ|$, and $a_i = -l_i'/(n λ)$
    with the slopes $l_i'$ at the optimum. Then $∑_i a_i <X_i, θ> = |θ|$.
    """
    features, _, lam, theta, error, parts, _ = fitted(trial, samples, rows, columns, norm, share)
    total = parts @ np.tensordot(features, theta)
    size = norm_of(theta, norm)
    trial.value(
        size,
        total,
        error=rows * columns * error,
        margin=1e-8 * size,
        instances="search",
        controls={"$λ$ forgotten": lam * total, "as of a squared norm": np.sum(theta**2)},
    )


@claim(derived("from the subgradient at 0"), kind="identity", cases=NORMS)
def test_vanishing_penalty(
    trial, samples: Samples, rows: Size, columns: Size, share: Share, norm: Norm
):
    """For convex losses $l_i$, $θ = 0$ minimises $(1/n) ∑_i l_i(<X_i, θ>) + λ |θ|$ if and only if
    $λ$ is at least the dual norm of $∑_i l_i'(0) X_i/n$: the largest entry, row length or singular
    value for sums of entries, row lengths or singular values.
    """
    features, labels, *_ = fitted(trial, samples, rows, columns, norm, share)
    low, high = vanishing_penalty(features, labels, norm)
    least = least_vanishing_penalty(features, labels, norm)
    trial.value(
        (low + high) / 2,
        least,
        error=(high - low) / 2,
        margin=0.01 * least,
        instances="search",
        controls={"slope 1 at 0, as of the hinge": 2 * least},
    )


@observed
def leave_one_out(features, labels, lam, norm, x):
    """By how much the score of x falls if a sample is left out and the model is fitted again, of
    each sample; λ n stays.
    """
    n = len(labels)
    score = np.sum(minimiser(features, labels, lam, norm)[0] * x)
    changes = []
    for i in range(n):
        rest = np.arange(n) != i
        theta = minimiser(features[rest], labels[rest], lam * n / (n - 1), norm)[0]
        changes.append(score - np.sum(theta * x))
    return np.array(changes)


@claim(
    derived("compared with a fit without each sample"),
    kind="identity",
    cases=[(20, 3, 2, 0.3), (12, 2, 2, 0.5)],
)
def test_not_leave_one_out(
    trial,
    samples: Annotated[
        int,
        Interval(12, 24, why="with fewer the optimum may fit all labels; a fit for each is slow"),
    ],
    rows: Size,
    columns: Size,
    share: Share,
):
    """$θ$ minimises $(1/n) ∑_i l_i(<X_i, θ>) + λ |θ|$, $|θ|$ the sum of absolute entries. The
    contributions $a_i sum_j |θ_j| X_{i j} x_j$, $a_i = -l_i'/(n λ)$, add up to $<θ, x>$, and not
    the changes of $<θ, x>$ when single samples are left out.
    """
    features, labels, lam, theta, error, _, gamma = fitted(
        trial, samples, rows, columns, "entries", share
    )
    x = trial.generator("new point").normal(size=(rows, columns))
    size = np.linalg.norm(x)
    score = np.abs(np.sum(theta * x))
    trial.require(score > 0.2 * np.linalg.norm(theta), "beside a score near 0 all rivals are far")
    changes = leave_one_out(features, labels, lam, "entries", x)
    trial.value(
        np.sum(theta * x),
        np.sum(gamma * weighted(theta, x, "entries")),
        error=error * size,
        margin=1e-6 * np.linalg.norm(theta) * size,
        instances="search",
        controls={
            "the changes of leaving out add up": changes.sum(),
            "weights of a squared norm": np.sum(gamma * x),
        },
    )


@figure("F1", claims=("nuclear_sum",))
def contributions_are_a_choice(samples: int = 40, rows: int = 5, columns: int = 4):
    """Of a low-rank model the sum of contributions is the prediction, and each single one is a
    choice.

    Marks: points: contributions of 40 training samples to one score; line: those at $c = 0$.
    """
    import matplotlib.pyplot as plt

    generator = np.random.default_rng(0)
    norm = "singular values"
    features, labels = training_set(generator, samples, rows, columns)
    lam = 0.4 * least_vanishing_penalty(features, labels, norm)
    theta = minimiser(features, labels, lam, norm)[0]
    x = generator.normal(size=(rows, columns))
    parts = coefficients(features, labels, theta, lam)
    base, half, full = (
        parts * np.tensordot(features, weighted(theta, x, norm, c)) for c in (0, 0.5, 1)
    )
    fig, axes = plt.subplots(figsize=(5.4, 3.4))
    axes.plot(base, half, "o", color=COLOURS[0], label=f"c = 1/2: sum {half.sum():.4f}")
    axes.plot(base, full, "x", color=COLOURS[1], label=f"c = 1: sum {full.sum():.4f}")
    axes.axline((0, 0), slope=1, color=COLOURS[6], label=f"c = 0: sum {base.sum():.4f}")
    axes.set(xlabel="contribution to the score, c = 0", ylabel="contribution, another c")
    axes.legend()
    return fig
