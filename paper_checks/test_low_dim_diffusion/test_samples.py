"""How many samples subspaces need, with noise and without, and when clusters are distinguished."""

from math import factorial
from typing import Annotated

import numpy as np

from paper_checks.test_low_dim_diffusion import random_bases, told_apart
from sims import low_dim_diffusion as observed
from theory import low_dim_diffusion as predicted
from theory_on_trial import claim, derived, tried
from theory_on_trial.contract import Count, Interval, Natural
from theory_on_trial.laws import Asymptotic, Bounded

Groups = Annotated[int, Interval(2, 8, why="all partitions are tried")]
Ambient = Annotated[int, Interval(2, 256, why="larger ones only take longer")]
Extra = Annotated[int, Interval(0, 1, why="with more there is a mean")]
AmbientDimension = Annotated[int, Interval(2, 256)]


def completions(trial, ambient, dim, samples):
    """What E D^2 is, and is not."""
    trial.require(samples < dim < ambient, "samples must be below dim, and dim below ambient")
    predict = predicted.random_completion(ambient, dim, samples)
    rivals = {
        "the worst case": predicted.worst_completion(ambient, dim, samples),
        "$2 (d - N)(n - d) / n$": predict * (ambient - samples) / ambient,
        "sines counted once": predict / 2,
    }
    return predict, {
        "margin": 0.01 * predict,
        "controls": told_apart(predict, 0.01 * predict, rivals),
    }


ORDER = tried(
    "Theorem 4, as a reading of the paper quotes it: the error is of the order of noise over "
    "$sqrt(N) - sqrt(d - 1)$",
    "the mean squared distance with its constants",
)
TAIL = derived("the density of the least singular value near zero, which is that of Edelman 1988")


@claim(
    tried(
        "abstract, sentence 6: the minimal number of samples scales linearly with the intrinsic "
        "dimension",
        "the mean distance that fewer samples leave",
    ),
    kind="distribution",
    cases=[(20, 6, 1), (20, 6, 3), (20, 6, 5), (12, 5, 0)],
)
def test_random_completion(trial, ambient: AmbientDimension, dim: Count, samples: Natural):
    """From $N < d$ samples of a $d$-dimensional subspace of $R^n$ without noise, the learned
    subspace has the mean squared distance $E D^2 = 2 (d - N)(n - d) / (n - N)$ from the true one if
    the rest is random.
    """
    predict, options = completions(trial, ambient, dim, samples)
    trial.mean(
        sampler=lambda generator, n: observed.completion_errors(
            generator, n, ambient, dim, samples
        ),
        predict=predict,
        law=Bounded(0, predicted.worst_completion(ambient, dim, samples) + 1e-9),
        first=1000,
        most=1_000_000,
        **options,
    )


@claim(
    derived("gradient ascent turns with its random start and its samples"),
    kind="distribution",
    cases=[(12, 4, 2)],
)
def test_random_completion__training(
    trial,
    ambient: Annotated[int, Interval(2, 32, why="thousands of runs are trained")],
    dim: Count,
    samples: Natural,
):
    """Gradient ascent on $N < d$ samples of a $d$-dimensional subspace of $R^n$, from a random
    start, also ends at the mean squared distance $E D^2 = 2 (d - N)(n - d) / (n - N)$.
    """
    predict, options = completions(trial, ambient, dim, samples)
    trial.mean(
        sampler=lambda generator, n: observed.trained_errors(generator, n, ambient, dim, samples),
        predict=predict,
        # A run that is still on its way may be farther off than any completion, but no farther than
        # two subspaces.
        law=Bounded(0, predicted.worst_completion(ambient, dim, 0) + 1e-9),
        first=1000,
        most=1_000_000,
        **options,
    )


@claim(
    derived("principal angles of what the samples leave open, each at most 90 degrees"),
    kind="bound",
    cases=[(20, 6, 1), (7, 5, 2)],
)
def test_random_completion__worst(
    trial, ambient: AmbientDimension, dim: Count, samples: Natural, draws: Count = 350
):
    """With $N < d$ samples of a $d$-dimensional subspace of $R^n$, no subspace that contains them
    is further from the true one than $D^2 = 2 min(d - N, n - d)$, and one of them is as far.

    A reading of the paper quotes a lower bound of this form in its Theorem 4.
    """
    trial.require(samples < dim < ambient, "samples must be below dim, and dim below ambient")
    trial.require(draws * ambient * dim <= 10**7, "draws must be at most 10^7 / (n d)")
    axes = np.eye(ambient)
    away = min(dim - samples, ambient - dim)
    true = axes[:, :dim]
    estimate = axes[:, [*range(dim - away), *range(dim, dim + away)]]
    distance = np.sum((true @ true.T - estimate @ estimate.T) ** 2)
    errors = observed.completion_errors(trial.generator("runs"), draws, ambient, dim, samples)
    bound = np.full(draws + 1, predicted.worst_completion(ambient, dim, samples))
    controls = {"$min(d - N, n - d)$": bound / 2, "less by a tenth": 0.9 * bound}
    trial.bound(
        np.append(errors, distance),
        bound,
        instances="draws",
        independent=draws,
        ops=100 * ambient,
        controls=controls,
    )


@claim(
    ORDER,
    kind="limit",
    cases=[(20, 4, 16, 0.01, 1.0), (12, 3, 20, 0.01, 2.0)],
)
def test_noise_law(
    trial,
    ambient: AmbientDimension,
    dim: Count,
    samples: Annotated[int, Interval(11, 64)],
    noise: Annotated[float, Interval(1e-6, 0.1, why="rounding below, the next order in δ^2 above")],
    decay: Annotated[float, Interval(1, 4, why="the least variance is above the noise")] = 1.0,
):
    """PCA of $N > d + 1$ samples of a $d$-dimensional subspace of $R^n$, with normal latents of
    variances $Λ$ and noise of standard deviation $δ$, has
    $E D^2 = 2 δ^2 (n - d) tr Λ^-1 / (N - d - 1)$ to first order in $δ^2$; $D$ is the distance from
    the true subspace.
    """
    trial.require(
        dim < ambient and dim + 8 <= samples, "dim must be below ambient, and 8 below samples"
    )
    spectrum = decay ** -np.arange(float(dim))
    small = noise**2 * (ambient + samples) <= 0.005 * (samples - dim - 1) * spectrum[-1]
    trial.require(small, "noise must be small beside the least variance of the latents")
    predict = predicted.noise_law(ambient, spectrum, samples, noise) / noise**2
    factors = {
        "$d / N$": samples,
        "$d / (N - d)$": samples - dim,
        "$d / (N - d + 1)$": samples - dim + 1,
    }
    rivals = {name: predict * (samples - dim - 1) / divisor for name, divisor in factors.items()}
    rivals |= {
        "sines counted once": predict / 2,
        "the mean variance": 2 * (ambient - dim) * dim / spectrum.mean(),
    }
    rivals["the mean variance"] /= samples - dim - 1
    trial.mean(
        sampler=lambda g, n: (
            observed.steadied_errors(g, n, ambient, spectrum, samples, noise) / noise**2
        ),
        predict=predict,
        law=Asymptotic(),
        margin=0.01 * predict,
        controls=told_apart(predict, 0.01 * predict, rivals),
        first=3000,
        most=200_000,
    )


@claim(
    ORDER,
    kind="limit",
    tier="full",
    cases=[(8, 2, 12, 2), (10, 2, 12, 3)],
)
def test_noise_law__clusters(
    trial,
    ambient: Annotated[int, Interval(8, 20)],
    dim: Annotated[int, Interval(2, 4, why="two lines are at times nearer than a start is")],
    samples: Annotated[int, Interval(9, 40)],
    subspaces: Annotated[
        int, Interval(2, 4, why="one has none to be told from, and each is trained")
    ],
    noise: Annotated[
        float, Interval(1e-4, 0.01, why="more exchanges samples where subspaces come near")
    ] = 0.003,
):
    """$K$ subspaces of dimension $d$ that are trained from a start near them on $N > d + 1$ samples
    of each, with standard normal latents and noise of standard deviation $δ$, have the mean squared
    distance $E D^2 = 2 δ^2 (n - d) d / (N - d - 1)$ to first order in $δ^2$, as long as the samples
    are assigned correctly.
    """
    room = ambient >= 2 * (dim + subspaces)
    trial.require(
        room,
        "ambient must be 2 (dim + subspaces), or two of the drawn ones may be nearer than a start "
        "is",
    )
    trial.require(samples >= 2 * dim + 5, "samples must be 2 dim + 5, or errors have heavy tails")
    law = predicted.noise_law(ambient, np.ones(dim), samples, noise) / noise**2
    counts = {
        "$d / N$": samples,
        "$d / (N - d)$": samples - dim,
        "samples of all subspaces": subspaces * samples - dim - 1,
    }
    rivals = {name: law * (samples - dim - 1) / count for name, count in counts.items()}
    # Beyond the margin
    rivals = {name: rival for name, rival in rivals.items() if abs(rival / law - 1) > 0.035}

    def errors(generator, n):
        few = min(n + 1, 500)
        sets = (generator, few, ambient, dim, samples, subspaces, noise)
        drawn = (
            np.concatenate([observed.clustered_errors(*sets) for _ in range(n // few + 1)])
            / noise**2
        )
        # In one set of some 10^5 two subspaces come so near that labels are wrong.
        return drawn[drawn.max(axis=1) < 50 * law][:n].mean(axis=1)

    options = {"margin": 0.03 * law, "controls": rivals, "first": 2000, "most": 40_000}
    trial.mean(sampler=errors, predict=law, law=Asymptotic(), **options)


@claim(
    TAIL,
    kind="limit",
    cases=[(1, 0), (1, 1), (2, 0), (2, 1)],
)
def test_threshold_tail__exact(
    trial,
    dim: Annotated[int, Interval(1, 2, why="the law of the trace is integrated")],
    extra: Extra,
):
    """Let $A$ be a Gaussian matrix of $d = 1$ or 2 rows and $N = d + m$ columns. Then
    $t^((m + 1) / 2) P(tr (A A')^-1 > t)$ tends to $sqrt(2) G$ for $m = 0$, and to $d / 2$ for
    $m = 1$, with $G = Gamma((d + 1) / 2) / Gamma(d / 2)$.
    """
    power = predicted.tail_exponent(extra)
    limit = predicted.tail_constant(dim, extra)
    thresholds = np.array([1e10, 1e12])
    tails = [
        observed.trace_tail(dim, dim + extra, threshold) * threshold**power
        for threshold in thresholds
    ]
    other = predicted.tail_constant(dim + 1, extra)
    trial.limit(
        tails,
        thresholds,
        limit,
        remainder=thresholds[-1] ** -0.5,
        margin=1e-5,
        controls={"of $d + 1$": other},
    )


@claim(
    TAIL,
    kind="distribution",
    tier="full",
    cases=[(4, 0), (4, 1), (2, 0), (1, 1)],
)
def test_threshold_tail(
    trial,
    dim: Annotated[int, Interval(1, 5, why="rarer events want more draws")],
    extra: Extra,
    reach: Annotated[float, Interval(6, 12, why="rarer events want more draws")] = 6.25,
):
    """For a Gaussian matrix $A$ of $d$ rows and $N = d + m$ columns,
    $P(tr (A A')^-1 > t) ~ C t^(-(m + 1) / 2)$, so that the mean is infinite for $m = 0$ and 1; $C$
    is $sqrt(2) G$ for $m = 0$ and $d / 2$ for $m = 1$, with
    $G = Gamma((d + 1) / 2) / Gamma(d / 2)$.

    Here at one t, which is 100 for d = 4.
    """
    threshold = reach * max(dim, 2 if extra else 4) ** 2
    power = predicted.tail_exponent(extra)
    predict = predicted.tail_constant(dim, extra) * threshold**-power
    margin = (0.04 if extra else 0.015) * predict
    rivals = {
        "exponents exchanged": predict * threshold ** (power - predicted.tail_exponent(1 - extra))
    }
    rivals |= (
        {"$(d + 1) / 2$": (dim + 1) / 2 / threshold}
        if extra
        else {"$sqrt(d)$": (dim / threshold) ** 0.5}
    )
    trial.probability(
        sampler=lambda g, n: (observed.inverse_traces(g, n, dim, dim + extra) > threshold).astype(
            float
        ),
        predict=predict,
        margin=margin,
        controls=told_apart(predict, margin, rivals),
        first=50_000,
        most=4_000_000,
    )


def fitting_partitions(trial, samples, dim, subspaces, ambient):
    """How many partitions of samples of random subspaces have residual 0: counted, and as
    predicted.
    """
    trial.require(dim < ambient, "dim must be below ambient")
    trial.require(samples * subspaces <= 12, "samples must be at most 12 in all")
    trial.require(
        subspaces ** (samples * subspaces) <= 10**5, "samples must have at most 10^5 labellings"
    )
    generator = trial.generator("samples")
    bases = random_bases(generator, ambient, [dim] * subspaces)
    points = np.concatenate(
        [generator.standard_normal((samples, dim)) @ basis.T for basis in bases]
    )
    count, _ = observed.fitting_partitions(points, dim, subspaces)
    return count, predicted.perfect_partitions(dim, samples, subspaces)


@claim(
    derived("any $d$ points lie on a subspace of dimension $d$"),
    kind="identity",
    cases=[(2, 2), (3, 2), (2, 3)],
)
def test_uniqueness(
    trial,
    dim: Annotated[
        int,
        Interval(
            2, 6, why="of lines any sample is enough, of twelve samples all choices are listed"
        ),
    ],
    subspaces: Groups,
    ambient: Ambient = 8,
):
    """Let $N = d >= 2$ samples be standard normal on each of $K >= 2$ random subspaces of dimension
    $d < n$ of $R^n$. For clustering by $K$ subspaces of dimension $d$, $(K d)! / ((d!)^K K!)$
    partitions of the samples have residual 0.
    """
    count, predict = fitting_partitions(trial, dim, dim, subspaces, ambient)
    controls = {"labels distinguished": factorial(subspaces) * predict, "$N = d$ is enough": 1}
    trial.identity(
        count,
        predict,
        ops=0,
        controls=controls,
        generic="ranks are those of almost all points: minors are polynomials",
    )


@claim(
    derived("a subspace through $d + 1$ random points of two others does not exist"),
    kind="identity",
    cases=[(3, 2, 2), (4, 2, 2), (4, 3, 2), (6, 1, 2), (3, 2, 3), (1, 1, 3)],
)
def test_uniqueness__enough(
    trial, samples: Count, dim: Count, subspaces: Groups, ambient: Ambient = 8
):
    """Let $N > d$ samples, or $N = d = 1$, be standard normal on each of $K >= 2$ random subspaces
    of dimension $d < n$ of $R^n$. For clustering by $K$ subspaces of dimension $d$, the true
    partition is the only one with residual 0.
    """
    trial.require(samples > dim or samples == dim == 1, "samples must exceed dim, or both be 1")
    count, predict = fitting_partitions(trial, samples, dim, subspaces, ambient)
    total = factorial(samples * subspaces) // (
        factorial(samples) ** subspaces * factorial(subspaces)
    )
    controls = {"labels distinguished": factorial(subspaces), "two": 2} | (
        {"any partition": total} if total > 1 else {}
    )
    trial.identity(
        count,
        predict,
        ops=0,
        controls=controls,
        generic="ranks are those of almost all points: minors are polynomials",
    )
