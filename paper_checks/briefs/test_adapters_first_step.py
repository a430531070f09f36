"""Meng, Wang & Zhang 2024, "PiSSA: Principal Singular Values and Singular Vectors Adaptation of
Large Language Models", NeurIPS, arXiv 2404.02948.

For whoever chooses how to start a low-rank adapter: what the singular vectors of the weights gain
at the first step, and what they cost at the end of training.

Setting: a weight matrix $W$ $(m, n)$ gets an adapter $B A$ of rank $r <= min(m, n)$, and $G$
$(m, n)$ is the gradient of the loss in $W$. LoRA starts at $B = 0$ with $r$ rows $A$. PiSSA starts
at $B = U √S$, $A = √S Vᵀ$, from $r$ singular pairs $U$, $S$, $V$ of $W$, and freezes the rest of
$W$. The entries of $G$ are independent normal numbers, and $G$ is independent of $W$.

Take away: which $r$ singular pairs are trained, the first or the last, does not matter for the
first step. The change of $W$ has a squared cosine of about $2r/(n + r)$ with the gradient, twice
that of LoRA (`first_step`); if the singular values alone are trained, as in SVFit, it has $1/(m n)$
for each (`first_step-singular_values`). Under Adam PiSSA's first step lowers the loss $2√3$ times
the mean root of its singular values as much as LoRA's (`adam_first_step-ratio`): a matter of the
learning rate. The pairs matter at the end, where PiSSA is worse. It learns about half as much as
LoRA can of a small change that is independent of $W$: $2 + 1/θ²$ against 4 parts in $n$ for each
pair, where $θ$ is the pair's singular value divided by $√n$ times the standard deviation of the
change's entries (`half_removed`, `half_removed-lora`).

Edges: at $m = n = r$ the adapter can be any matrix and the cosine is 1. PiSSA learns a change in
the tangent space of its pairs, of rank $2r$ at most, up to second order; this page is about changes
that are independent of $W$. Below $θ = 1$ the noise covers a pair, and PiSSA learns $4 - θ²$ parts
(`half_removed-covered`).

Paper: it starts adapters at the principal singular vectors and reports faster training and better
models. This page computes the first step under gradient descent and Adam, and the best end point.

Abstract:

- Statement 1: training comes nearer to that of all weights at the beginning, as the essential parts
  change and the noisy ones are frozen. In part: first_step, flatness. It comes nearer, but for
  gradients that know nothing of the weights the last pairs do as well.
- Statement 2: training is faster so. In part: first_step, first_step-lora, adam_first_step,
  adam_first_step-lora, adam_first_step-ratio. The first step is better aligned, and under Adam
  longer.
- Statement 3: training ends better so. In part: end_of_training, end_of_training-lora. Not for
  changes that know nothing of the weights, where the usual start can learn more.
- Statement 4: language models gain, also quantized ones, and the start takes seconds. Not on trial.
  It needs the models.

Read: two versions of the abstract, in stored copies ("changing the essential parts" stands in the
earlier one). Recalled: SVFit (Sun et al. 2024), which trains singular values. Derived here: the
formulas of the first step; $g$ follows from the known law of spiked singular values. Not claimed:
anything about gradients of trained models.

Topic: linear algebra for learning.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy.optimize import minimize
from scipy.stats import beta

from paper_checks.briefs.common import orthonormal
from theory_on_trial import claim, derived, known, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic, Bounded, RatioOfMeans

Rows = Annotated[int, Interval(3, 24, why="fewer are all in the adapter; many gradients are drawn")]
Columns = Annotated[int, Interval(3, 24, why="fewer are all in the adapter; many are drawn")]
Rank = Annotated[int, Interval(1, 8, why="an adapter has a rank, and a low one")]
Decay = Annotated[float, Interval(0.3, 1, why="the ratio of singular values; less leaves one")]
Spread = Annotated[
    float, Interval(0.02, 0.5, why="of the change, beside singular values from .3 to 3")
]
Size = Annotated[int, Interval(48, 96, why="the limit is at infinity; hundreds are decomposed")]


def singular_values(rank, decay):
    """1, decay, decay², … (rank,)."""
    return decay ** np.arange(rank, dtype=float)


def drawn_weights(generator, rows, columns, spread):
    """W (m, n) with singular values from 3 down to .3, and a change Δ of independent entries."""
    count = min(rows, columns)
    left = orthonormal(generator, rows, count) * np.linspace(3, 0.3, count)
    weights = left @ orthonormal(generator, columns, count).T
    return weights, spread * generator.normal(size=(rows, columns))


@observed
def first_changes(gradients, before, after, steps=lambda gradient: gradient):
    """The changes (k, m, n) of BA per learning rate in the first step, by a step forth and one
    back, whose difference is exact for a product; the loss is linear, with the gradients (k, m, n).

    `before` is B (m, r), `after` A (r, n) or (k, r, n); `steps` maps a gradient of B or A to the
    step, such as `np.sign` for Adam's first one.
    """
    down = steps(gradients @ np.swapaxes(after, -1, -2))
    across = steps(before.T @ gradients)
    forth = (before - down) @ (after - across)
    back = (before + down) @ (after + across)
    return (forth - back) / 2


@observed
def pissa_start(generator, rows, columns, values):
    """B (m, r) and A (r, n) for singular values (r,) whose singular vectors are random."""
    roots = np.sqrt(values)
    left = orthonormal(generator, rows, len(values)) * roots
    return left, (orthonormal(generator, columns, len(values)) * roots).T


@observed
def last_pairs(generator, rows, columns, rank):
    """B (m, r) and A (r, n) from the last r singular pairs of a random W, all s made 1."""
    left, _, right = np.linalg.svd(generator.normal(size=(rows, columns)))
    last = min(rows, columns) - rank
    return left[:, last : last + rank], right[last : last + rank]


@observed
def inner(first, second):
    """The inner products (k,) of matrices (k, m, n)."""
    return np.einsum("kmn,kmn->k", first, second)


@observed
def squared_cosines(generator, count, before, after):
    """The squared cosines (count,) of random gradients and the first changes from B and A."""
    gradients = generator.normal(size=(count, len(before), after.shape[1]))
    changes = first_changes(gradients, before, after)
    return inner(changes, gradients) ** 2 / (inner(changes, changes) * inner(gradients, gradients))


@observed
def cosines_of_values(generator, count, left, right):
    """The squared cosines (count,) of random gradients and the first changes if singular values
    alone are trained, of pairs left (m, r) and right (r, n).
    """
    gradients = generator.normal(size=(count, len(left), right.shape[1]))
    steps = np.einsum("mi,kmn,in->ki", left, gradients, right, optimize=True)
    changes = (left * -steps[:, None]) @ right
    return inner(changes, gradients) ** 2 / (inner(changes, changes) * inner(gradients, gradients))


@observed
def lengths_apart(generator, count, rows, columns, start):
    """Pairs (count, 2) whose means are (E⟨ΔW, G⟩)² and E|ΔW|² E|G|²: both factors of a product
    come from independent gradients; `start` returns B and A for a generator and a count.
    """
    along = []
    lengths = []
    for _ in range(2):
        gradients = generator.normal(size=(count, rows, columns))
        changes = first_changes(gradients, *start(generator, count))
        along.append(inner(changes, gradients))
        lengths.append((inner(changes, changes), inner(gradients, gradients)))
    return np.stack([along[0] * along[1], lengths[0][0] * lengths[1][1]], axis=1)


@observed
def falls_under_adam(generator, count, before, after):
    """By how much (count,) the linear loss falls per learning rate in Adam's first step, signs."""
    gradients = generator.normal(size=(count, len(before), after.shape[1]))
    return -inner(first_changes(gradients, before, after, steps=np.sign), gradients)


@observed
def falls_of_both(generator, count, before, after):
    """The falls (count, 2) of PiSSA from B (n, r) and A (r, n), and of LoRA from rows of entries
    that are uniform in ±1/√n, as in the library PEFT.
    """
    rank, size = after.shape
    gradients = generator.normal(size=(count, size, size))
    rows = generator.uniform(-1, 1, (count, rank, size)) / np.sqrt(size)
    starts = ((before, after), (0 * before, rows))
    changes = [first_changes(gradients, *start, steps=np.sign) for start in starts]
    return np.stack([-inner(change, gradients) for change in changes], axis=1)


@observed
def trained(before, after, target):
    """|target - BA|² and the largest entry of its gradient after training from B (m, r) and A (r,
    n) by L-BFGS.
    """
    rows, rank = before.shape

    def objective(entries):
        left = entries[: rows * rank].reshape(rows, rank)
        right = entries[rows * rank :].reshape(rank, -1)
        rest = left @ right - target
        slope = np.concatenate([(rest @ right.T).ravel(), (left.T @ rest).ravel()])
        return np.sum(rest**2), 2 * slope

    start = np.concatenate([before.ravel(), after.ravel()])
    tight = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 0.0, "gtol": 1e-10}
    end = minimize(objective, start, jac=True, method="L-BFGS-B", options=tight)
    return end.fun, np.max(np.abs(end.jac))


@observed
def trained_pissa(weights, change, rank):
    """|W + Δ - W'|² at the end of PiSSA's training, and the largest entry of the gradient there."""
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    before = left[:, :rank] * np.sqrt(values[:rank])
    after = np.sqrt(values[:rank])[:, None] * right[:rank]
    return trained(before, after, before @ after + change)


@observed
def trained_lora(generator, change, rank):
    """|W + Δ - W'|² at the end of LoRA's training, and the largest entry of the gradient there: the
    best of eight starts, because training from one may end at a saddle.
    """
    rows, columns = change.shape
    starts = generator.normal(size=(8, rank, columns)) / np.sqrt(columns)
    return min(trained(np.zeros((rows, rank)), start, change) for start in starts)


@observed
def removed(generator, count, size, strength):
    """The shares (count,), times n, of |Δ|² that PiSSA with one pair of singular value θ√n can
    remove of square changes of independent standard normal entries; LoRA with one row at θ = 0.
    """
    changes = generator.normal(size=(count, size, size))
    total = np.sum(changes**2, axis=(1, 2))
    changes[:, 0, 0] += strength * np.sqrt(size)
    left = np.sum(np.linalg.svd(changes, compute_uv=False)[:, 1:] ** 2, axis=1)
    return size * (1 - left / total)


@predicted
def squared_cosine(rows, columns, rank):
    """PiSSA's r (m + n - r)/(mn) E[(1 + Z)²/(1 + 3Z)], Z ~ Beta(r²/2, r (m + n - 2r)/2)."""
    if not 1 <= rank <= min(rows, columns):
        raise ValueError("rank must lie in [1, min(rows, columns)]")
    first = rank**2 / 2
    second = rank * (rows + columns - 2 * rank) / 2
    # (1 + Z)²/(1 + 3Z) = Z/3 + 5/9 + (4/9)/(1 + 3Z), the last by a series in 3/4.
    k = np.arange(300)
    series = 1 + np.sum(np.cumprod(0.75 * (second + k) / (first + second + k)))
    mean = first / (first + second) / 3 + 5 / 9 + series / 9
    return rank * (rows + columns - rank) / (rows * columns) * mean


@predicted
def share_of_coordinates(rank, coordinates):
    """The mean r/n of a direction's squared part in r of n coordinates; r at most n."""
    if not 1 <= rank <= coordinates:
        raise ValueError("rank must lie in [1, coordinates]")
    return rank / coordinates


@predicted
def law_of_values(rows, columns, rank):
    """The law Beta(r/2, (m n - r)/2) of r of m n squared coordinates of a direction, r < m n."""
    if not 1 <= rank < rows * columns:
        raise ValueError("rank must lie in [1, rows * columns)")
    return beta(rank / 2, (rows * columns - rank) / 2)


@predicted
def flatness(rows, columns, values):
    """PiSSA's (m + n)² ρ/(mn (m + n + 2ρ)), ρ = (Σs)²/Σs² of singular values s > 0."""
    rho = np.sum(values) ** 2 / np.sum(np.square(values))
    both = rows + columns
    return both**2 * rho / (rows * columns * (both + 2 * rho))


@predicted
def adam_falls(rows, columns, before, after):
    """√(2/π) (m Σ|a_i| + n Σ|b_i|), given the lengths of the columns b_i of B and rows a_i of A."""
    return np.sqrt(2 / np.pi) * (rows * np.sum(after) + columns * np.sum(before))


@predicted
def ratio_under_adam(values):
    """2 √3 times the mean of √s, the limit for many rows and as many columns."""
    return 2 * np.sqrt(3) * np.mean(np.sqrt(values))


@predicted
def tail(matrix, rank):
    """Σ_(i>r) σ_i², what the best matrix of rank r leaves."""
    return np.sum(np.linalg.svd(matrix, compute_uv=False)[rank:] ** 2)


@predicted
def first_part(weights, rank):
    """W_r, the part of W of its first r singular pairs."""
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    return (left[:, :rank] * values[:rank]) @ right[:rank]


@predicted
def removed_parts(strength):
    """g(θ): 2 + 1/θ² for θ >= 1, 4 - θ² for 0 <= θ <= 1; ValueError for θ < 0."""
    strength = np.asarray(strength, float)
    if np.any(strength < 0):
        raise ValueError("strength must not be negative: singular values are not")
    return np.where(strength >= 1, 2 + np.maximum(strength, 1) ** -2, 4 - strength**2)


@predicted
def largest_square(size):
    """n⁻¹ E σ_1² of a standard normal matrix (n, n), 4 - 3.04 n^(-2/3) + …, by the mean -1.2065 of
    Tracy and Widom's law and Johnstone's centre and scale.
    """
    sides = np.sqrt(size - 1) + np.sqrt(size)
    scale = sides * (1 / np.sqrt(size - 1) + 1 / np.sqrt(size)) ** (1 / 3)
    return (sides**2 - 1.2065335745820 * scale) / size


@claim(
    derived("the block that both projections keep counts twice"),
    kind="identity",
    cases=[(12, 9, 3), (5, 8, 5), (6, 6, 1)],
    route="the adapters' own first step, for drawn gradients",
    low_power="many gradients are drawn for 1 %",
)
def test_first_step(trial, rows: Rows, columns: Columns, rank: Rank):
    """Let an adapter start as $B A$ from $r$ singular pairs, with equal singular values, of a
    weight matrix $(m, n)$, and let the gradient $G$ have independent normal entries. The first
    change $ΔW$ of $B A$ by gradient descent has
    $E cos²(ΔW, G) = r (m + n - r)/(m n) E[(1 + Z)²/(1 + 3Z)]$, where
    $Z ~ Beta(r²/2, r (m + n - 2r)/2)$.
    """
    trial.require(rank <= min(rows, columns), "the rank must not exceed rows or columns")
    trial.require(rank < columns, "rank must be below columns: else LoRA holds all")
    law = squared_cosine(rows, columns, rank)
    rivals = {
        "as LoRA": rank / columns,
        "the projection onto the tangent space": rank * (rows + columns - rank) / (rows * columns),
        "the limit $2r/(n + r)$ of square matrices": 2 * rank / (columns + rank),
    }
    # The last pairs, since which ones are taken does not matter.
    before, after = last_pairs(trial.generator("W"), rows, columns, rank)
    trial.mean(
        sampler=partial(squared_cosines, before=before, after=after),
        predict=law,
        law=Bounded(0, 1),
        margin=0.03 * law,
        controls={name: v for name, v in rivals.items() if abs(v / law - 1) > 0.06},
        first=2000,
        most=300_000,
    )


@claim(
    derived("$r$ of $n$ squared coordinates of a direction"),
    kind="identity",
    cases=[(12, 9, 3), (5, 8, 5), (6, 6, 1)],
    low_power="many gradients are drawn for 1 %",
)
def test_first_step__lora(trial, rows: Rows, columns: Columns, rank: Rank):
    """LoRA starts at $B = 0$ with $r$ orthonormal rows $A$ of length $n$. For a gradient $G$ of
    independent normal entries its first change $ΔW$ has $E cos²(ΔW, G) = r/n$.
    """
    trial.require(rank < columns, "rank must be below columns: else LoRA holds all")
    law = share_of_coordinates(rank, columns)
    rivals = {
        "all that $r$ columns and rows reach": min(
            1.0, rank * (rows + columns - rank) / (rows * columns)
        ),
        "entries of an adapter among those of $W$": rank * (rows + columns) / (rows * columns),
    }
    after = orthonormal(trial.generator("A"), columns, rank).T
    trial.mean(
        sampler=partial(squared_cosines, before=np.zeros((rows, rank)), after=after),
        predict=law,
        law=Bounded(0, 1),
        margin=0.03 * law,
        controls={name: v for name, v in rivals.items() if abs(v / law - 1) > 0.06},
        first=2000,
        most=300_000,
    )


@claim(
    derived("$r$ of $m n$ squared coordinates of a direction"),
    kind="distribution",
    cases=[(12, 9, 3), (5, 8, 5), (6, 6, 1)],
)
def test_first_step__singular_values(trial, rows: Rows, columns: Columns, rank: Rank):
    """Let $r$ singular values of a weight matrix $(m, n)$ be trained, and nothing else. For a
    gradient $G$ of independent normal entries the squared cosine of $G$ and the first change of the
    weights has the law $Beta(r/2, (m n - r)/2)$, of mean $r/(m n)$.
    """
    trial.require(rank <= min(rows, columns), "the rank must not exceed rows or columns")
    generator = trial.generator("W")
    left = orthonormal(generator, rows, rank)
    right = orthonormal(generator, columns, rank).T
    trial.distribution(
        partial(cosines_of_values, left=left, right=right),
        law_of_values(rows, columns, rank).cdf,
        margin=0.03,
        controls={
            "as LoRA, r of n coordinates": law_of_values(1, columns + 1, rank).cdf,
            "all cosines alike": lambda x: (x >= rank / (rows * columns)).astype(float),
        },
        first=2_048,
    )


@claim(
    derived("second moments of the three blocks"),
    kind="identity",
    cases=[(15, 10, 3, 0.4), (12, 9, 3, 1.0), (4, 7, 2, 0.3)],
    low_power="a product of four lengths varies much",
)
def test_flatness(trial, rows: Rows, columns: Columns, rank: Rank, decay: Decay):
    """PiSSA with $r$ singular values $s$ of a weight matrix $(m, n)$ has
    $(E⟨ΔW, G⟩)²/(E|ΔW|² E|G|²) = (m + n)² ρ/(m n (m + n + 2ρ))$ for its first change $ΔW$ and a
    gradient $G$ of independent normal entries, where $ρ = (∑s)²/∑s²$.
    """
    trial.require(rank <= min(rows, columns), "the rank must not exceed rows or columns")
    values = singular_values(rank, decay)
    law = flatness(rows, columns, values)
    rivals = {
        "as LoRA": rank / columns,
        "$ρ = r$: all pairs count alike": flatness(rows, columns, np.ones(rank)),
    }
    start = pissa_start(trial.generator("W"), rows, columns, values)
    trial.mean(
        sampler=partial(lengths_apart, rows=rows, columns=columns, start=lambda *_: start),
        predict=law,
        law=RatioOfMeans(),
        margin=0.04 * law,
        controls={name: v for name, v in rivals.items() if abs(v / law - 1) > 0.09},
        first=1000,
        most=300_000,
    )


@claim(
    derived("the mean size of a normal number"),
    kind="identity",
    cases=[(20, 15, 4, 0.4), (5, 12, 3, 1.0), (24, 24, 1, 0.5)],
)
def test_adam_first_step(trial, rows: Rows, columns: Columns, rank: Rank, decay: Decay):
    """Let the gradient of a weight matrix $(m, n)$ have independent standard normal entries. If
    both factors of PiSSA move by $η$ times the signs of their gradients, as in Adam's first step,
    the loss falls by $η √(2/π) (m + n) ∑√s_i$ on average, to first order in $η$, where $s_i$ are
    the singular values that the factors hold.
    """
    trial.require(rank <= min(rows, columns), "the rank must not exceed rows or columns")
    values = 9 * singular_values(rank, decay)  # not 1, where s and √s agree
    law = adam_falls(rows, columns, np.sqrt(values), np.sqrt(values))
    before, after = pissa_start(trial.generator("W"), rows, columns, values)
    trial.mean(
        sampler=partial(falls_under_adam, before=before, after=after),
        predict=law,
        law=Asymptotic(),
        margin=0.01 * law,
        controls={
            "entries of their root mean square": law * np.sqrt(np.pi / 2),
            "one factor moves": adam_falls(rows, columns, np.zeros(rank), np.sqrt(values)),
        },
        first=2_048,
        most=300_000,
    )


@claim(
    derived("the mean size of a normal number; LoRA's $A$ as in the library PEFT"),
    kind="identity",
    cases=[(20, 15, 4), (5, 12, 3), (24, 24, 1)],
)
def test_adam_first_step__lora(trial, rows: Rows, columns: Columns, rank: Rank):
    """Let the gradient of a weight matrix $(m, n)$ have independent standard normal entries. LoRA
    with $B = 0$ and $r$ rows $a_i$ of $A$ lowers the loss by $η √(2/π) m ∑|a_i|$ on average in
    Adam's first step of size $η$.
    """
    after = trial.generator("A").uniform(-1, 1, (rank, columns)) / np.sqrt(columns)
    lengths = np.linalg.norm(after, axis=1)
    law = adam_falls(rows, columns, np.zeros(rank), lengths)
    trial.mean(
        sampler=partial(falls_under_adam, before=np.zeros((rows, rank)), after=after),
        predict=law,
        law=Asymptotic(),
        margin=0.01 * law,
        controls={
            "entries of their root mean square": law * np.sqrt(np.pi / 2),
            "both factors move, as PiSSA's do": adam_falls(rows, columns, lengths, lengths),
        },
        first=4_096,
        most=300_000,
    )


@claim(
    derived("the mean sizes of both factors' rows"),
    kind="limit",
    cases=[(64, 4, 0.4), (48, 1, 1.0), (96, 3, 0.7)],
)
def test_adam_first_step__ratio(trial, size: Size, rank: Rank, decay: Decay):
    """Let the gradient of a weight matrix $(n, n)$ have independent normal entries. In Adam's first
    step, signs of the gradients, PiSSA lowers the loss by $(2 √3/r) ∑_i √s_i$ times as much as LoRA
    of the same rank $r$ as $n → ∞$, where $s_i$ are PiSSA's singular values, and the entries of
    LoRA's $A$ are uniform in $±1/√n$.
    """
    values = 9 * singular_values(rank, decay)  # not 1, where s and √s agree
    law = ratio_under_adam(values)
    before, after = pissa_start(trial.generator("W"), size, size, values)
    trial.mean(
        sampler=partial(falls_of_both, before=before, after=after),
        predict=law,
        law=RatioOfMeans(),
        margin=0.02 * law,
        slack=0.2 / size * law,
        controls={
            "one factor moves": law / 2,
            "the values for their roots": 2 * np.sqrt(3) * np.mean(values),
        },
        first=256,
    )


def ends_at(trial, loss, slope, total, law, rivals):
    """Decide that training with a last slope left a share of the whole loss that is the law's."""
    trial.value(
        loss / total,
        law,
        error=100 * slope**2 / total + 1e-8,
        margin=1e-5,
        generic="the least loss is analytic in the weights; all other ends of descent are saddles",
        controls={name: v for name, v in rivals.items() if abs(v - law) > 1e-4},
    )


@claim(
    known("Eckart & Young 1936, for what PiSSA freezes"),
    kind="optimality",
    cases=[(12, 9, 3, 0.02), (12, 9, 3, 0.5), (5, 8, 1, 0.1)],
)
def test_end_of_training(trial, rows: Rows, columns: Columns, rank: Rank, spread: Spread):
    """If PiSSA of rank $r$ is trained to the end on the loss $|W + Δ - W'|²$ of the adapted weights
    $W'$, it leaves $sum_(i>r) σ_i(W_r + Δ)²$, where $W_r$ is the part of $W$ of its first $r$
    singular pairs and $σ_i$ are singular values in falling order.
    """
    trial.require(rank < min(rows, columns), "the rank must be below rows and columns")
    weights, change = drawn_weights(trial.generator("weights"), rows, columns, spread)
    total = np.sum(change**2)
    tangent = (1 - rank / rows) * (1 - rank / columns)
    law = tail(first_part(weights, rank) + change, rank) / total
    loss, slope = trained_pissa(weights, change, rank)
    rivals = {
        "as much as LoRA": tail(change, rank) / total,
        "what the tangent space leaves on average": tangent,
    }
    ends_at(trial, loss, slope, total, law, rivals)


@claim(
    known("Eckart & Young 1936"),
    kind="optimality",
    cases=[(12, 9, 3, 0.02), (9, 12, 4, 0.5), (5, 8, 1, 0.1)],
)
def test_end_of_training__lora(trial, rows: Rows, columns: Columns, rank: Rank, spread: Spread):
    """If LoRA of rank $r$ is trained to the end on the loss $|W + Δ - W'|²$ of the adapted weights
    $W'$, it leaves $sum_(i>r) σ_i(Δ)²$ whatever $W$ is, where $σ_i$ are singular values in falling
    order.
    """
    trial.require(rank < min(rows, columns), "the rank must be below rows and columns")
    generator = trial.generator("weights")
    weights, change = drawn_weights(generator, rows, columns, spread)
    total = np.sum(change**2)
    law = tail(change, rank) / total
    loss, slope = trained_lora(generator, change, rank)
    rivals = {
        "as much as PiSSA": tail(first_part(weights, rank) + change, rank) / total,
        "all directions alike": 1 - rank / min(rows, columns),
    }
    ends_at(trial, loss, slope, total, law, rivals)


@claim(
    derived("spiked singular values, as in Benaych-Georges & Nadakuditi 2012"),
    kind="limit",
    cases=[(64, 2.0), (48, 8.0), (64, 1.5)],
    low_power="a sample is a singular value decomposition",
)
def test_half_removed(
    trial,
    size: Size,
    strength: Annotated[
        float,
        Interval(1.5, 8, why="θ; near 1 small matrices are far from the limit, beyond g is 2"),
    ],
):
    """Let a change of a weight matrix $(n, n)$ have independent entries of deviation $τ$. PiSSA
    with one pair, of singular value $θ τ √n$, $θ >= 1$, removes at best the share $g/n$ of the
    change's squared norm, where $g$ tends to $2 + 1/θ²$ as $n → ∞$.
    """
    law = float(removed_parts(strength))
    controls = {"as much as LoRA, 4": 4.0}
    if strength < 2:
        controls["$g = 2$ at every $θ$"] = 2.0
    trial.mean(
        sampler=partial(removed, size=size, strength=strength),
        predict=law,
        law=Asymptotic(),
        margin=0.05 * law,
        slack=2 / size,
        controls=controls,
        first=64,
        most=4000,
    )


@claim(
    known("Johnstone 2001, Theorem 1.1, and Tracy & Widom 1996: the largest singular value"),
    kind="limit",
    cases=[64, 48, 56],
)
def test_half_removed__lora(trial, size: Size):
    """Of a change of independent entries in a weight matrix $(n, n)$, LoRA with one row removes the
    share $(4 - 3.04 n^(-2/3))/n$ at best as $n → ∞$, but for terms of order $1/n$.
    """
    law = largest_square(size)
    trial.mean(
        sampler=partial(removed, size=size, strength=0.0),
        predict=law,
        law=Asymptotic(),
        margin=0.02 * law,
        slack=0.01,
        controls={"its limit 4": 4.0, "as PiSSA": 2.0},
        first=64,
        most=4000,
    )


@claim(
    derived("spiked singular values, as in Benaych-Georges & Nadakuditi 2012"),
    kind="limit",
    cases=[(64, 0.5), (96, 0.6), (48, 0.45)],
)
def test_half_removed__covered(
    trial,
    size: Size,
    strength: Annotated[
        float, Interval(0.4, 0.6, why="θ; near 1 the limit is far, near 0 PiSSA is as LoRA")
    ],
):
    """Let a change of a weight matrix $(n, n)$ have independent entries of deviation $τ$. PiSSA
    with one pair, of singular value $θ τ √n$, $θ < 1$, removes at best the share
    $(4 - θ² - 3.04 n^(-2/3))/n$ of the change's squared norm as $n → ∞$, but for terms of order
    $1/n$.
    """
    law = largest_square(size) - strength**2
    trial.mean(
        sampler=partial(removed, size=size, strength=strength),
        predict=law,
        law=Asymptotic(),
        margin=0.03 * law,
        slack=2 / size,
        controls={"the limit of large n": float(removed_parts(strength)), "as LoRA": 4.0},
        first=64,
        most=4000,
    )


@figure("F1", claims=("half_removed", "half_removed-lora"))
def learned_at_the_end(size: int = 200, draws: int = 12):
    """Started at PiSSA's principal pairs, an adapter learns half as much of an unrelated change of
    $W$.

    The share of the loss that one singular pair can remove, times $n$, against the pair's singular
    value $θ$ in units of $√n$ times the spread of the change. Marks: lines: limit (PiSSA), law at
    $n = 200$ (LoRA); points: 12 random changes (200, 200), two standard errors.
    """
    generator = np.random.default_rng(0)
    fine = np.linspace(0, 5, 200)
    at = np.array([0.25, 0.5, 1, 1.5, 2, 3, 4.5])
    points = {}
    for name, strengths in (("PiSSA", at), ("LoRA", 0 * at)):
        samples = np.array([removed(generator, draws, size, theta) for theta in strengths])
        errors = samples.std(axis=1) / np.sqrt(draws)
        points[name] = at, samples.mean(axis=1), 2 * errors
    return chart(
        {"PiSSA": (fine, removed_parts(fine)), "LoRA": (fine, largest_square(size))},
        points,
        x="singular value θ of the trained pair",
        y="n × share of the loss removed",
        ylim=(0, 4.6),
    )
