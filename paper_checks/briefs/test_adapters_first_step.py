"""Meng, Wang & Zhang 2024, "PiSSA: Principal Singular Values and Singular Vectors Adaptation of
Large Language Models", NeurIPS, arXiv 2404.02948; Sun et al. 2024, "SVFit", arXiv 2409.05926.

For whoever chooses how to start a low-rank adapter: what the singular vectors of the weights give
at the first step, and what they cost at the last.

Setting: a weight matrix W (m, n) gets an adapter BA of rank r <= min(m, n), and G (m, n) is the
gradient of the loss in W. LoRA starts at B = 0 with r rows A. PiSSA starts at B = U √S, A = √S Vᵀ,
from r singular pairs U, S, V of W, and freezes the rest of W. SVFit trains S alone. The entries of
G are independent normal numbers, so that G knows nothing of W.

Take away: which r singular pairs are trained, the first or the last, does not matter for the first
step. The change of W has a squared cosine of about 2r/(n + r) with the gradient, twice that of
LoRA. The pairs matter at the end, and the other way round: of a small change that knows nothing of
W, PiSSA learns about half as much as LoRA can, 2 + 1/θ² against 4 parts in n for each pair, where θ
is the pair's singular value beside √n times the spread of the change.

Edges: at m = n = r the adapter holds all matrices and the cosine is 1. A change that lies in the
tangent space of PiSSA's pairs, of rank 2r at most, is learned to second order; all of this is about
changes that know nothing of W. Below θ = 1 the noise covers a pair, and g = 4 - θ².

Paper: it starts adapters at the principal singular vectors and reports faster training and better
models. Here are the first step under gradient descent and Adam, and the best end.

Abstract:

- Statement 1: the principal components of the weights are their essential parts, so that adapters
  should start there. In part: first_step, flatness, half_removed. Not for gradients that know
  nothing of the weights, where the last pairs do as well.
- Statement 2: training is faster so. In part: first_step, adam_first_step. The first step is better
  aligned, and under Adam longer.
- Statement 3: training ends better so. In part: end_of_training. Not for changes that know nothing
  of the weights, where the usual start can learn more.
- Statement 4: language models gain, also quantized ones. Not on trial. It needs the models.

Read: the abstracts ("changing the essential parts"). Derived here: all formulas; g is the known law
of spiked singular values. Not claimed: anything about gradients of trained models.

Topic: linear algebra for learning.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy.optimize import minimize
from scipy.stats import beta, expon

from paper_checks.briefs.common import orthonormal
from theory_on_trial import abstract, claim, derived, observed, predicted
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
Strength = Annotated[
    float, Interval(1.5, 8, why="θ; near 1 small matrices are far from the limit, beyond g is 2")
]
Size = Annotated[int, Interval(48, 96, why="the limit is at infinity; hundreds are decomposed")]


def singular_values(rank, decay):
    """1, decay, decay², … (rank,)."""
    return decay ** np.arange(rank, dtype=float)


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
def squared_cosines(generator, count, rows, columns, rank):
    """The squared cosines (count, 2) of gradient and first change, for LoRA with orthonormal rows
    and for PiSSA with the last pairs of a random W, all singular values made equal.
    """
    gradients = generator.normal(size=(count, rows, columns))
    left, _, right = np.linalg.svd(generator.normal(size=(rows, columns)))
    last = min(rows, columns) - rank
    starts = [
        (np.zeros((rows, rank)), orthonormal(generator, columns, rank).T),
        (left[:, last : last + rank], right[last : last + rank]),
    ]
    cosines = []
    for before, after in starts:
        changes = first_changes(gradients, before, after)
        along = np.sum(changes * gradients, axis=(1, 2))
        lengths = np.sum(changes**2, axis=(1, 2)) * np.sum(gradients**2, axis=(1, 2))
        cosines.append(along**2 / lengths)
    return np.stack(cosines, axis=1)


@observed
def cosines_of_svfit(generator, count, rows, columns, rank):
    """The squared cosines (count,) of gradient and first change if only singular values move."""
    left = orthonormal(generator, rows, rank)
    right = orthonormal(generator, columns, rank)
    gradients = generator.normal(size=(count, rows, columns))
    slopes = np.einsum("mi,kmn,ni->ki", left, gradients, right, optimize=True)
    changes = np.einsum("mi,ki,ni->kmn", left, slopes, right, optimize=True)
    along = np.sum(changes * gradients, axis=(1, 2))
    return along**2 / (np.sum(changes**2, axis=(1, 2)) * np.sum(gradients**2, axis=(1, 2)))


@observed
def products_of_lengths(generator, count, rows, columns, values):
    """Pairs (count, 2, 2) whose means are (E⟨ΔW, G⟩)² and E|ΔW|² E|G|², for PiSSA with singular
    values (r,) and for LoRA with a normal A; both factors come from independent gradients.
    """
    rank = len(values)
    left = orthonormal(generator, rows, rank)
    right = orthonormal(generator, columns, rank)
    pairs = []
    for adapter in ("PiSSA", "LoRA"):
        along = []
        lengths = []
        for _ in range(2):
            gradients = generator.normal(size=(count, rows, columns))
            if adapter == "PiSSA":
                before, after = left * np.sqrt(values), (right * np.sqrt(values)).T
            else:
                before, after = (
                    np.zeros((rows, rank)),
                    generator.normal(size=(count, rank, columns)),
                )
            changes = first_changes(gradients, before, after)
            along.append(np.sum(changes * gradients, axis=(1, 2)))
            lengths.append([np.sum(x**2, axis=(1, 2)) for x in (changes, gradients)])
        pairs.append(np.stack([along[0] * along[1], lengths[0][0] * lengths[1][1]], axis=1))
    return np.stack(pairs, axis=1)


@observed
def falls_under_adam(generator, count, rows, columns, values, uniform):
    """By how much (count, 2) the linear loss falls per learning rate in Adam's first step, which
    are signs: for PiSSA, and for LoRA with the rows `uniform`.
    """
    rank = len(values)
    gradients = generator.normal(size=(count, rows, columns))
    left = orthonormal(generator, rows, rank) * np.sqrt(values)
    right = orthonormal(generator, columns, rank) * np.sqrt(values)
    starts = [(left, right.T), (np.zeros((rows, rank)), uniform)]
    return np.stack(
        [
            -np.sum(first_changes(gradients, *start, steps=np.sign) * gradients, axis=(1, 2))
            for start in starts
        ],
        axis=1,
    )


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
def trained_losses(generator, weights, change, rank):
    """|W + Δ - W'|² (3,) for PiSSA, LoRA and SVFit at the end of training, and the largest entry of
    the gradients there. LoRA has eight starts: from one, training may end at a saddle.
    """
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    left, values, right = left[:, :rank], values[:rank], right[:rank]
    roots = np.sqrt(values)
    pissa = trained(left * roots, roots[:, None] * right, (left * values) @ right + change)
    lora = min(
        trained(
            np.zeros((len(weights), rank)),
            generator.normal(size=(rank, weights.shape[1])) / np.sqrt(weights.shape[1]),
            change,
        )
        for _ in range(8)
    )
    basis = np.stack([np.outer(left[:, i], right[i]).ravel() for i in range(rank)], axis=1)
    rest = change.ravel() - basis @ np.linalg.lstsq(basis, change.ravel(), rcond=None)[0]
    return np.array([pissa[0], lora[0], rest @ rest]), max(pissa[1], lora[1])


@observed
def removed(generator, count, size, strength):
    """The shares (count, 2), times n, of |Δ|² that PiSSA with one pair of singular value θ√n and
    LoRA with one row can remove, of square changes of independent standard normal entries.
    """
    changes = generator.normal(size=(count, size, size))
    total = np.sum(changes**2, axis=(1, 2))
    lora = np.linalg.svd(changes, compute_uv=False)[:, 0] ** 2
    changes[:, 0, 0] += strength * np.sqrt(size)
    rest = np.sum(np.linalg.svd(changes, compute_uv=False)[:, 1:] ** 2, axis=1)
    return size * np.stack([total - rest, lora], axis=1) / total[:, None]


@predicted
def squared_cosine(rows, columns, rank):
    """PiSSA's r (m + n - r)/(mn) E[(1 + B)²/(1 + 3B)], B ~ Beta(r²/2, r (m + n - 2r)/2)."""
    if not 1 <= rank <= min(rows, columns):
        raise ValueError("rank must lie in [1, min(rows, columns)]")
    first = rank**2 / 2
    second = rank * (rows + columns - 2 * rank) / 2
    # (1 + B)²/(1 + 3B) = B/3 + 5/9 + (4/9)/(1 + 3B), the last by a series in 3/4.
    k = np.arange(300)
    series = 1 + np.sum(np.cumprod(0.75 * (second + k) / (first + second + k)))
    mean = first / (first + second) / 3 + 5 / 9 + series / 9
    return rank * (rows + columns - rank) / (rows * columns) * mean


@predicted
def flatness(rows, columns, values):
    """(m + n)² ρ/(mn (m + n + 2ρ)), ρ = (Σs)²/Σs² of singular values s > 0, and r/(n + r + 1)."""
    rho = np.sum(values) ** 2 / np.sum(np.square(values))
    both = rows + columns
    return np.array(
        [
            both**2 * rho / (rows * columns * (both + 2 * rho)),
            len(values) / (columns + len(values) + 1),
        ]
    )


@predicted
def adam_falls(rows, columns, before, after):
    """√(2/π) (m Σ|a_i| + n Σ|b_i|), given the lengths of the columns b_i of B and rows a_i of A."""
    return np.sqrt(2 / np.pi) * (rows * np.sum(after) + columns * np.sum(before))


@predicted
def losses_left(weights, change, rank):
    """What is left of |Δ|²: Σ_(i>r) σ_i(W_r + Δ)² (PiSSA), Σ_(i>r) σ_i(Δ)² (LoRA), |Δ|² -
    Σ(u_i·Δ v_i)² (SVFit), where W_r is the part of W of the first r pairs u_i, v_i.
    """
    left, values, right = np.linalg.svd(weights, full_matrices=False)
    first = (left[:, :rank] * values[:rank]) @ right[:rank]
    tails = [
        np.sum(np.linalg.svd(x, compute_uv=False)[rank:] ** 2) for x in (first + change, change)
    ]
    own = np.sum((left[:, :rank].T @ change) * right[:rank], axis=1)
    return np.array([*tails, np.sum(change**2) - np.sum(own**2)])


@predicted
def removed_parts(strength):
    """g(θ): 2 + 1/θ² for θ >= 1, 4 - θ² for 0 <= θ <= 1."""
    strength = np.asarray(strength, float)
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
    abstract("changing the essential parts"),
    kind="identity",
    cases=[(12, 9, 3), (16, 10, 4), (5, 8, 5), (6, 6, 1)],
    route="the adapters' own first step, for drawn gradients",
    low_power="many gradients are drawn for 1 %",
)
def test_first_step(trial, rows: Rows, columns: Columns, rank: Rank):
    """For a gradient G of independent normal entries the first change ΔW has E cos²(ΔW, G) = r/n
    for LoRA with orthonormal rows, and r (m + n - r)/(mn) E[(1 + B)²/(1 + 3B)], B ~ Beta(r²/2, r (m
    + n - 2r)/2), for PiSSA with equal singular values, here of the LAST r pairs of W. If only
    singular values are trained, as in SVFit, cos² has the law Beta(r/2, (mn - r)/2).
    """
    trial.require(rank <= min(rows, columns), "the rank must not exceed rows or columns")
    trial.require(rank < columns, "rank must be below columns: else LoRA holds all")
    law = np.array([rank / columns, squared_cosine(rows, columns, rank)])
    rivals = {
        "PiSSA as LoRA": rank / columns,
        "the projection onto the tangent space": rank * (rows + columns - rank) / (rows * columns),
        "the limit 2r/(n + r) of square matrices": 2 * rank / (columns + rank),
    }
    controls = {
        name: np.array([law[0], value])
        for name, value in rivals.items()
        if abs(value / law[1] - 1) > 0.06
    }
    trial.mean(
        sampler=partial(squared_cosines, rows=rows, columns=columns, rank=rank),
        predict=law,
        law=Bounded(0, 1),
        margin=0.03 * law,
        controls=controls,
        first=2000,
        most=300_000,
    )
    if rank == 2:
        wrong = {"all r² entries move": beta(2, (rows * columns - 4) / 2).cdf}
    else:
        wrong = {"exponential": expon(scale=rank / (rows * columns)).cdf}
    trial.distribution(
        sampler=partial(cosines_of_svfit, rows=rows, columns=columns, rank=rank),
        cdf=beta(rank / 2, (rows * columns - rank) / 2).cdf,
        margin=0.03,
        controls=wrong,
    )


@claim(
    derived("derived: second moments of the three blocks"),
    kind="identity",
    cases=[(15, 10, 3, 0.4), (12, 9, 3, 1.0), (4, 7, 2, 0.3)],
    low_power="a product of four lengths varies much",
)
def test_flatness(trial, rows: Rows, columns: Columns, rank: Rank, decay: Decay):
    """PiSSA with singular values s has (E⟨ΔW, G⟩)²/(E|ΔW|² E|G|²) = (m + n)² ρ/(mn (m + n + 2ρ)),
    with ρ = (Σs)²/Σs² in place of r: unequal pairs count for fewer. LoRA with a normal A has r/(n +
    r + 1).
    """
    trial.require(rank <= min(rows, columns), "the rank must not exceed rows or columns")
    values = singular_values(rank, decay)
    law = flatness(rows, columns, values)
    rivals = {
        "LoRA's r/n for both": np.array([rank / columns] * 2),
        "ρ = r: all pairs count alike": flatness(rows, columns, np.ones(rank)),
        "orthonormal rows in LoRA": np.array([law[0], rank / columns]),
    }
    controls = {
        name: value for name, value in rivals.items() if np.max(np.abs(value / law - 1)) > 0.09
    }
    trial.mean(
        sampler=partial(products_of_lengths, rows=rows, columns=columns, values=values),
        predict=law,
        law=RatioOfMeans(),
        margin=0.04 * law,
        controls=controls,
        first=2000,
        most=300_000,
    )


@claim(
    derived("derived: the mean size of a normal number; LoRA's A as in the library PEFT"),
    kind="identity",
    cases=[(20, 15, 4, 0.4), (5, 12, 3, 1.0), (24, 24, 1, 0.5)],
)
def test_adam_first_step(trial, rows: Rows, columns: Columns, rank: Rank, decay: Decay):
    """If G has independent standard normal entries and A and B move by η times the signs of their
    gradients, the loss falls by η √(2/π) (m Σ|a_i| + n Σ|b_i|) on average, to first order in η,
    where a_i are the rows of A and b_i the columns of B. For PiSSA both lengths are √s_i, s_i up to
    9 here; LoRA has B = 0 and entries of A uniform in ±1/√n.
    """
    trial.require(rank <= min(rows, columns), "the rank must not exceed rows or columns")
    values = 9 * singular_values(rank, decay)
    uniform = trial.generator("A").uniform(-1, 1, (rank, columns)) / np.sqrt(columns)
    lengths = np.linalg.norm(uniform, axis=1)
    pissa = adam_falls(rows, columns, np.sqrt(values), np.sqrt(values))
    lora = adam_falls(rows, columns, np.zeros(rank), lengths)
    law = np.array([pissa, lora])
    root = np.sqrt(np.pi / 2)
    trial.mean(
        sampler=partial(
            falls_under_adam, rows=rows, columns=columns, values=values, uniform=uniform
        ),
        predict=law,
        law=Asymptotic(),
        margin=0.01 * law,
        controls={
            "entries of their root mean square": law * root,
            "one factor moves in PiSSA, too": np.array(
                [adam_falls(rows, columns, np.zeros(rank), np.sqrt(values)), lora]
            ),
        },
        first=1000,
        most=300_000,
    )


@claim(
    derived("derived: Eckart and Young"),
    kind="optimality",
    cases=[(12, 9, 3, 0.02), (12, 9, 3, 0.5), (5, 8, 1, 0.1)],
)
def test_end_of_training(trial, rows: Rows, columns: Columns, rank: Rank, spread: Spread):
    """Trained to the end for the target W + Δ, adapters leave of the loss Σ_(i>r) σ_i(W_r + Δ)²
    (PiSSA, W_r the part of W of the first r pairs), Σ_(i>r) σ_i(Δ)² (LoRA) and |Δ|² - Σ(u_i·Δ v_i)²
    (SVFit), where σ_i are singular values and u_i, v_i the singular vectors of W.
    """
    trial.require(rank < min(rows, columns), "the rank must be below rows and columns")
    generator = trial.generator("weights")
    count = min(rows, columns)
    values = np.linspace(3, 0.3, count)
    weights = (orthonormal(generator, rows, count) * values) @ orthonormal(
        generator, columns, count
    ).T
    change = spread * generator.normal(size=(rows, columns))
    measured, slope = trained_losses(generator, weights, change, rank)
    law = losses_left(weights, change, rank)
    total = np.sum(change**2)
    tangent = total * (1 - rank / rows) * (1 - rank / columns)
    trial.value(
        measured / total,
        law / total,
        error=100 * slope**2 / total + 1e-8,
        margin=1e-5,
        controls={
            "PiSSA and LoRA reach the same": law[[1, 1, 2]] / total,
            "what the tangent space leaves on average": np.array([tangent, *law[1:]]) / total,
        },
    )


@claim(
    derived("the known law of spiked singular values; LoRA's finite size by Tracy and Widom"),
    kind="limit",
    cases=[(64, 2.0), (48, 8.0), (80, 1.5)],
    low_power="a sample is two singular value decompositions",
)
def test_half_removed(trial, size: Size, strength: Strength):
    """Of a change of independent entries with spread τ, PiSSA with a pair of singular value θ τ √n
    removes the share g(θ)/n at best, g = 2 + 1/θ² for θ >= 1, and LoRA 4/n, as m = n → ∞: at finite
    n up to 2/n less than g, and 4 - 3.04 n^(-2/3) in place of 4.
    """
    law = np.array([removed_parts(strength), largest_square(size)])
    controls = {"PiSSA removes as much as LoRA": law[[1, 1]]}
    if strength < 2:
        controls["g = 2 at every θ"] = np.array([2.0, law[1]])
    trial.mean(
        sampler=partial(removed, size=size, strength=strength),
        predict=law,
        law=Asymptotic(),
        margin=np.array([0.05, 0.02]) * law,
        slack=np.array([2 / size, 0.01]),
        controls=controls,
        first=100,
        most=4000,
    )


@figure("F1", claims=("half_removed", "end_of_training"))
def learned_at_the_end(size: int = 200, draws: int = 12):
    """PiSSA's principal pairs cost half of what an adapter can learn of a change that is unlike W.

    The share of the loss that one singular pair can remove, times n, against the pair's singular
    value θ in units of √n times the spread of the change. Marks: line: limit; points: 12 random
    changes (200, 200), two standard errors.
    """
    generator = np.random.default_rng(0)
    fine = np.linspace(0, 5, 200)
    at = np.array([0.25, 0.5, 1, 1.5, 2, 3, 4.5])
    samples = np.array([removed(generator, draws, size, theta) for theta in at])
    names = ("PiSSA", "LoRA")
    points = {
        name: (
            at,
            samples[:, :, k].mean(axis=1),
            2 * samples[:, :, k].std(axis=1) / np.sqrt(draws),
        )
        for k, name in enumerate(names)
    }
    return chart(
        {"PiSSA": (fine, removed_parts(fine)), "LoRA": (fine, 4.0)},
        points,
        x="singular value θ of the trained pair",
        y="n × share of the loss removed",
        ylim=(0, 4.6),
    )
