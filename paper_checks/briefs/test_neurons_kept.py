"""Flynn, Wang, Alvarez, De Sa & Damle 2024, "STAT: Shrinking Transformers After Training", arXiv
2406.00061.

For whoever prunes neurons and repairs the next layer by least squares: what the choice of neurons
costs, and what a repair with few examples costs.

Setting: $A$ $(N, n)$ holds the activations of $n$ neurons on $N$ examples; $λ_1 >= λ_2 >= …$ are
the eigenvalues of $AᵀA$ and $V$ its eigenvectors. A set $S$ of $k$ neurons is kept. The next
layer's weights $W$ become $T W$ with $T = A_S⁺ A$, which makes the error $|(A - A_S T) W|²$ as
small as it can be for $S$.

Take away: if $S$ is drawn with a chance proportional to $det A_SᵀA_S$, the mean error is that of a
soft PCA for every next layer at once: the share $1 - e_k(λ_(-i))/e_k(λ)$ of direction $i$ is kept,
where $λ_(-i)$ is $λ$ without $λ_i$ (`volume_sampling`). Greedy choice by pivoted QR, which STAT is
said to take, errs on 20 neurons of Kahan's 2466 times as much as the best set ($c = .3$;
`greedy_price`). With $k = 256$ neurons and 512 normal examples the error measured on them is half
of the least possible one, and the true error is twice the least: four times what is measured
(`few_examples`).

Edges: $k$ must not exceed the rank of $A$. With fewer examples than neurons some $λ$ are 0. The
neurons of Kahan's matrix are tied at every step of a pivoted QR, which takes the first one.

Paper: it prunes heads and neurons of transformers without fine-tuning, by pivoted QR, and corrects
the next layer. This page studies the correction, the choice, and the number of examples.

Abstract:

- Sentence 1: an algorithm prunes transformers without fine-tuning. No statement.
- Sentence 2: heads and neurons are removed, and a correction of the next layer's weights keeps the
  accuracy. In part: volume_sampling, greedy_price. The correction keeps the output as far as
  principal components allow; accuracy is not on trial.
- Sentence 3: layers are compressed by factorisations that keep their structure. No statement.
- Sentence 4: it takes minutes to a few hours on one GPU. Not on trial. It needs a clock.
- Sentence 5, first half: several hundred examples are enough. In part: few_examples. If far fewer
  neurons are kept, by a formula.
- Sentences 5, second half, and 6: it prunes better than other methods without gradients, and as
  well as some that tune the pruned model. Not on trial. It needs the models.

Read: the abstract, in a stored copy ("calculating a correction to the weights of the next layer",
"several hundred data examples"), and a review that names pivoted QR. Derived here: all formulas;
the trace of the first is due to Deshpande, Rademacher, Vempala & Wang 2006. Not claimed: that
greedy choice errs so on trained neurons.

Topic: linear algebra for learning.
"""

from functools import partial
from itertools import combinations
from typing import Annotated

import numpy as np
from scipy.linalg import qr
from scipy.optimize import brentq

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Kept = Annotated[int, Interval(1, 7, why="without any there is nothing to repair with")]
Coupling = Annotated[float, Interval(0.2, 0.6, why="c; near 0 the columns are orthonormal")]


def kahan(size, coupling):
    """The columns of diag(1, s, …, s^(n-1)) (I - c·strict upper ones), s² = 1 - c²."""
    scales = np.sqrt(1 - coupling**2) ** np.arange(size)
    return scales[:, None] * (np.eye(size) - coupling * np.triu(np.ones((size, size)), 1))


def equicorrelated(size, correlation):
    """The covariance (n, n) of unit variances and one correlation."""
    return (1 - correlation) * np.eye(size) + correlation


@observed
def residual(activations, kept):
    """A - A_S T (N, n), by a least-squares solver."""
    chosen = activations[:, list(kept)]
    return activations - chosen @ np.linalg.lstsq(chosen, activations, rcond=None)[0]


@observed
def mean_gram(activations, keep, by_volume=True):
    """The mean of (A - A_S T)ᵀ(A - A_S T) over all sets S of `keep` neurons, with chances in
    proportion to det A_SᵀA_S, or with equal ones.
    """
    total = 0.0
    weights = 0.0
    for kept in combinations(range(activations.shape[1]), keep):
        chosen = activations[:, list(kept)]
        weight = np.linalg.det(chosen.T @ chosen) if by_volume else 1.0
        rest = residual(activations, kept)
        total = total + weight * rest.T @ rest
        weights += weight
    return total / weights


@observed
def errors_when_one_is_dropped(activations):
    """|A - A_S T|² for S without neuron i, for all i (n,), and that of the set by pivoted QR."""
    size = activations.shape[1]
    errors = [
        np.sum(residual(activations, [j for j in range(size) if j != i]) ** 2) for i in range(size)
    ]
    # Of equal columns the first one is taken: the others are shorter by a hair.
    tied = activations * (1 - 1e-10 * np.arange(size))
    order = qr(tied, pivoting=True, mode="r")[1]
    return np.array(errors), errors[order[-1]]


@observed
def refitted(generator, count, examples, used, factor):
    """The errors (count, 2) on the N examples and on new ones, beside that of the best repair, of
    least squares from k neurons to the rest; `factor` (n, n) takes normal rows to activations.
    """
    covariance = factor.T @ factor
    kept = covariance[:used, :used]
    best = covariance[used:, used:] - covariance[used:, :used] @ np.linalg.solve(
        kept, covariance[:used, used:]
    )
    rows = generator.normal(size=(count, examples, len(factor))) @ factor
    inputs = rows[..., :used]
    targets = rows[..., used:]
    across = np.swapaxes(inputs, 1, 2)
    maps = np.linalg.solve(across @ inputs, across @ targets)
    own = np.sum((targets - inputs @ maps) ** 2, axis=(1, 2)) / examples
    change = np.concatenate(
        [-maps, np.broadcast_to(np.eye(targets.shape[2]), (count, *[targets.shape[2]] * 2))], axis=1
    )
    new = np.sum(change * (covariance @ change), axis=(1, 2))
    return np.stack([own, new], axis=1) / np.trace(best)


@predicted
def elementary(values, order):
    """The elementary symmetric polynomial e_k of numbers."""
    sums = np.zeros(order + 1)
    sums[0] = 1
    for value in values:
        sums[1:] = sums[1:] + value * sums[:-1]
    return sums[order]


@predicted
def lost_shares(values, keep):
    """e_k(λ without λ_i)/e_k(λ) (n,) of eigenvalues λ >= 0, at least k of which are positive."""
    if not 0 <= keep <= np.count_nonzero(values):
        raise ValueError("keep must lie between 0 and the number of positive eigenvalues")
    without = [elementary(np.delete(values, i), keep) for i in range(len(values))]
    return np.array(without) / elementary(values, keep)


@predicted
def soft_gram(activations, shares):
    """V diag(λ_i share_i) Vᵀ, of the eigenvalues λ of AᵀA."""
    _, singular, rows = np.linalg.svd(activations)
    values = np.zeros(len(rows))
    values[: len(singular)] = singular**2
    return (rows.T * (values * shares(values))) @ rows


@predicted
def greedy_ratio(size, coupling):
    """s^(2(n-1)) + c² Σ_(j=1)^(n-1) (1 + c)^(2(j-1)) s^(2(n-1-j)), s² = 1 - c², for 0 <= c < 1;
    ValueError otherwise. It is infinite where it exceeds the largest float.
    """
    if not 0 <= coupling < 1:
        raise ValueError("coupling must lie in [0, 1)")
    square = 1 - coupling**2
    j = np.arange(1, size)
    terms = (1 + coupling) ** (2.0 * (j - 1)) * square ** (size - 1.0 - j)
    return square ** (size - 1.0) + coupling**2 * np.sum(terms)


@predicted
def harmonic_mean_of_errors(activations):
    """The n/tr (AᵀA)^-1 of A with independent columns, (N, n), from its singular values. Raises
    ValueError if columns are dependent.
    """
    neurons = activations.shape[1]
    if np.linalg.matrix_rank(activations) < neurons:
        raise ValueError("activations must have independent columns: else a neuron costs nothing")
    return neurons / np.sum(np.linalg.svd(activations, compute_uv=False) ** -2.0)


@predicted
def errors_by_components(activations):
    """σ_n² and nσ_n²: what n - 1 principal components leave, and k + 1 = n times as much: (2,)."""
    least = np.linalg.svd(activations, compute_uv=False)[-1] ** 2
    return least * np.array([1, activations.shape[1]])


@predicted
def price_of_examples(examples, used):
    """1 - k/N and (N - 1)/(N - k - 1), for N > k + 1."""
    if examples <= used + 1:
        raise ValueError("examples must exceed the number of neurons by two: the mean is infinite")
    return np.array([1 - used / examples, (examples - 1) / (examples - used - 1)])


@predicted
def dropped_given_kept(dropped, keep, correlation):
    """(1 - ρ)(I + ρ/(1 + (k - 1) ρ) 1 1ᵀ), (n - k, n - k)."""
    common = correlation / (1 + (keep - 1) * correlation)
    return (1 - correlation) * (np.eye(dropped) + common)


@claim(
    derived(
        "Cauchy and Binet's formula; the trace is due to Deshpande, Rademacher, Vempala & Wang 2006"
    ),
    kind="identity",
    cases=[(7, 5, 2), (4, 6, 3), (12, 7, 5), (2, 2, 1)],
)
def test_volume_sampling(
    trial,
    examples: Annotated[int, Interval(2, 12, why="rows of A; all sets of neurons are listed")],
    neurons: Annotated[int, Interval(2, 8, why="of one nothing is dropped; all sets are listed")],
    keep: Kept,
):
    """Let $A$ hold the activations of neurons, $AᵀA = V diag(λ) Vᵀ$, and let a set $S$ of $k$
    neurons be drawn with $P(S) ∝ det A_SᵀA_S$. $T = A_S⁺ A$ repairs the next layer. The mean of
    $(A - A_S T)ᵀ(A - A_S T)$ is $V diag(λ_i e_k(λ_(-i))/e_k(λ)) Vᵀ$, where $e_k$ is the elementary
    symmetric polynomial of degree $k$ and $λ_(-i)$ is $λ$ without $λ_i$.
    """
    trial.require(keep < neurons, "keep must be below neurons: else nothing is dropped")
    trial.require(keep < examples, "keep must be below examples: else nothing is lost")
    activations = trial.generator("activations").normal(size=(examples, neurons))
    activations *= 2.0 ** -np.arange(neurons)

    def hard(values):
        return np.arange(len(values)) >= keep

    def ridge(values):
        def excess(penalty):
            return np.sum(values / (values + penalty)) - keep

        penalty = brentq(excess, 1e-12 * values[0], 1e6 * values[0])
        return penalty / (values + penalty)

    controls = {"the first $k$ directions, as PCA": soft_gram(activations, hard)}
    if keep < min(examples, neurons):
        controls["ridge regression that keeps $k$"] = soft_gram(activations, ridge)
    trial.identity(
        mean_gram(activations, keep),
        soft_gram(activations, partial(lost_shares, keep=keep)),
        # Sums over up to 70 sets and least squares on up to 7 neurons take some 300 roundings; the
        # rest is room for the condition of the kept columns.
        ops=2000,
        scale=np.sum(activations**2),
        generic="both sides are rational in the entries of the activations",
        controls=controls,
        control_processes={"all sets alike": mean_gram(activations, keep, by_volume=False)},
    )


@claim(
    derived("null vectors of Kahan's matrix"),
    kind="identity",
    cases=[(5, 0.3), (10, 0.3), (20, 0.3), (12, 0.6)],
)
def test_greedy_price(
    trial,
    size: Annotated[int, Interval(3, 20, why="n of Kahan's matrix; its errors fall to rounding")],
    coupling: Coupling,
):
    """Let the columns of $diag(1, s, …, s^(n-1)) (I - c·U)$, $s² = 1 - c²$ and $U$ strictly upper
    ones, be the activations of $n$ neurons, one of which is dropped and predicted from the others.
    Pivoted QR, which takes the first of equal columns, errs
    $s^(2(n-1)) + c² sum_(j=1)^(n-1) (1 + c)^(2(j-1)) s^(2(n-1-j))$ times as much as the best
    choice.
    """
    errors, greedy = errors_when_one_is_dropped(kahan(size, coupling))
    ratio = greedy / np.min(errors)
    law = greedy_ratio(size, coupling)
    rivals = {
        "within a factor $n$": float(size),
        "the general worst case, $4^k$": 4.0 ** (size - 1),
        "the best set": 1.0,
    }
    trial.value(
        ratio,
        law,
        error=1e-7 * law,
        margin=1e-4 * law,
        controls={name: value for name, value in rivals.items() if abs(value / law - 1) > 0.01},
    )


@claim(
    derived("$det A_SᵀA_S$ times the error is $det AᵀA$ for every $S$"),
    kind="identity",
    cases=[(5, 0.3), (12, 0.3), (12, 0.6), (3, 0.2)],
)
def test_greedy_price__by_volume(
    trial,
    size: Annotated[int, Interval(3, 12, why="n of Kahan's matrix; determinants are rounded")],
    coupling: Coupling,
):
    """Let one of $n$ neurons with activations $A$ be dropped and predicted from the kept set $S$,
    which is drawn with $P(S) ∝ det A_SᵀA_S$. The mean squared error is the harmonic mean of the $n$
    possible errors, $n/tr (AᵀA)⁻¹$, and so at most $n$ times the least of them.
    """
    activations = kahan(size, coupling)
    law = harmonic_mean_of_errors(activations)
    as_components, with_factor = errors_by_components(activations)
    alike = np.trace(mean_gram(activations, size - 1, by_volume=False))
    trial.value(
        np.trace(mean_gram(activations, size - 1)),
        law,
        error=1e-7 * law,
        margin=1e-4 * law,
        controls={"as PCA": as_components, "$k + 1$ times PCA": with_factor},
        control_processes={"all sets alike": alike} if alike > 1.01 * law else {},
    )


@claim(
    tried(
        "abstract: several hundred data examples", "the errors of regressions on normal examples"
    ),
    kind="identity",
    cases=[(20, 6), (12, 1), (60, 20)],
)
def test_few_examples(
    trial,
    examples: Annotated[int, Interval(10, 60, why="N; thousands of regressions are solved")],
    used: Annotated[int, Interval(1, 20, why="k of the regression")],
):
    """Let neurons be centred normal, and let least squares on $N > k + 1$ examples predict the
    dropped ones from $k$ kept ones. In units of the least possible error the mean squared error is
    $1 - k/N$ on these examples and $(N - 1)/(N - k - 1)$ on new ones.
    """
    trial.require(
        examples >= used + 6, "examples must exceed k by 6, for errors of finite variance"
    )
    size = used + 3
    factor = np.eye(size) + trial.generator("factor").normal(size=(size, size)) / np.sqrt(size)
    law = price_of_examples(examples, used)
    controls = {"as on the examples": law[[0, 0]], "as without noise": np.ones(2)}
    fixed = np.array([law[0], 1 + used / examples])
    if law[1] / fixed[1] > 1.05:
        controls["new rows at the old places, $1 + k/N$"] = fixed
    trial.mean(
        sampler=partial(refitted, examples=examples, used=used, factor=factor),
        predict=law,
        law=Asymptotic(),
        margin=0.01 * law,
        controls={
            name: value for name, value in controls.items() if np.max(np.abs(value - law)) > 0.03
        },
        first=8_192,
        most=200_000,
    )


@claim(
    derived("the inverse of $I + a · 1 1ᵀ$"),
    kind="identity",
    cases=[(8, 3, 0.5), (20, 5, 0.9), (2, 1, 0.05), (24, 7, 0.95)],
)
def test_equicorrelated(
    trial,
    units: Annotated[int, Interval(2, 24, why="of one nothing is dropped; n² correlations")],
    keep: Kept,
    correlation: Annotated[
        float, Interval(0.05, 0.95, why="at 0 nothing is repaired, at 1 all is")
    ],
):
    """Let $n$ neurons have variance 1 and correlation $ρ$ with each other, and $k$ of them be kept.
    Given these, the $n - k$ others have the covariance $(1 - ρ)(I + (ρ/(1 + (k - 1) ρ)) 1 1ᵀ)$,
    whichever are kept.
    """
    trial.require(keep < units, "keep must be below units: else nothing is dropped")
    generator = trial.generator("order")
    covariance = equicorrelated(units, correlation)
    root = np.linalg.cholesky(covariance).T

    def left(order):
        """The covariance of the dropped neurons given the kept ones, which come first."""
        rest = residual(root, order[:keep])[:, order[keep:]]
        return rest.T @ rest

    dropped = units - keep
    law = dropped_given_kept(dropped, keep, correlation)
    alone = (1 - correlation) * np.eye(dropped)
    zeroed = equicorrelated(dropped, correlation)
    trial.identity(
        np.array([left(generator.permutation(units)) for _ in range(172)]),
        np.tile(law, (172, 1, 1)),
        # Sums of up to 24 terms and least squares on up to 7 columns, whose condition is below 12.
        ops=1000,
        scale=1.0,
        independent=172,
        controls={
            "zeroed, not repaired": np.tile(zeroed, (172, 1, 1)),
            "as if the common factor were known": np.tile(alone, (172, 1, 1)),
        },
    )


@figure("F1", claims=("greedy_price", "volume_sampling"))
def price_of_greed(sizes: tuple[int, ...] = (3, 5, 7, 9, 11, 13, 15)):
    """Pivoted QR can err by a factor that grows exponentially; sets drawn by volume cannot.

    One neuron of $n$ is dropped, Kahan's matrix: error beside that of the best set. Marks: lines:
    formulas (pivoted QR), $n$ times the best, which bounds volume sampling (dashed); points:
    scipy's pivoted QR, and the mean over all sets by volume.
    """
    fine = np.arange(3, 17)
    lines = {}
    points = {}
    for coupling in (0.3, 0.6):
        name = f"pivoted, c = {coupling:g}"
        lines[name] = fine, [greedy_ratio(n, coupling) for n in fine]
        worst = []
        mean = []
        for size in sizes:
            errors, greedy = errors_when_one_is_dropped(kahan(size, coupling))
            worst.append(greedy / np.min(errors))
            gram = mean_gram(kahan(size, coupling), size - 1)
            mean.append(np.trace(gram) / np.min(errors))
        points[name] = sizes, worst
        points[f"by volume, c = {coupling:g}"] = sizes, mean
    lines["n"] = fine, list(fine)
    return chart(
        lines,
        points,
        log="y",
        dashed=["n"],
        legend="beside",
        x="neurons n, of which one is dropped",
        y="error / least error",
    )
