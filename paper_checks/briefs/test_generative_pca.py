"""Liu, Liu, Ghosh, Han & Scarlett 2022, "Generative Principal Component Analysis", ICLR, arXiv
2203.09693.

For whoever knows that a principal component lies in the range of a generative model: how many
samples this saves, and what its number of inputs and its Lipschitz constant cost.

Paper: the first component is sought among the outputs of a generator with $k$ inputs, in place of
all directions. Its error is of the order $√(k log L / m)$, where $L$ is the generator's Lipschitz
constant, and a power method with a projection attains it. This page gives the constants behind this
order.

Take away: near the truth the error depends on the number of directions of the range there, $k - 1$,
and not on the dimension $d$. The logarithm of $L$ comes from directions far away: to find the right
one of $N = L^k$ orthogonal directions takes about $2 k log L/(β - log(1 + β))$ samples. With phase
retrieval the squared error is five times that of a spiked covariance of the same strength.

Samples are $m$ normal vectors $x_i$ of $d$ entries with covariance $I + β v vᵀ$, $|v| = 1$, and
$S = ∑_i x_i x_iᵀ/m$. Or, in phase retrieval, they are $a_i ~ N(0, I)$ with $y_i = (a_i . v)²$, and
$S = ∑_i y_i a_i a_iᵀ/m$ has the mean $I + 2 v vᵀ$. The quadratic estimator $v̂$ has the largest
$wᵀ S w$ of all unit vectors $w$ of the range. The projected power method replaces $w$ by the point
of the range that is nearest to $(S - I) w$, or $S w$ for a linear range, at unit length. An error
is $|v̂ - v|$, for the better sign of $v̂$ if the range has both.

Edges: with $k = 1$ the direction is known. Near the kinks of a rectifier the first order fails if
errors exceed the distance to many of them.

Abstract:

- Sentence 1: the model covers spiked matrices and phase retrieval. No statement.
- Sentence 2: the signal lies near the range of a Lipschitz generator of few inputs. No statement.
- Sentence 3: a quadratic estimator has an error of the order $√(k log L/m)$. In part: rate, relu,
  phase_retrieval, code, code-samples. For ranges that are subspaces, cones or codes.
- Sentence 4: no algorithm does much better. In part: code-likeliest, code-samples. For one code, of
  which no algorithm needs fewer samples.
- Sentence 5: a power method projects on the range at each step. No statement.
- Sentence 6: it converges exponentially fast to a point with this error. In part: power_method,
  relu. For subspaces, and near the truth for a rectifier.
- Sentence 7: it beats other power methods on images. Not on trial. No image is used here.

Read: the abstract of arXiv's second version; that of ICLR has no lower bound, and says that the
rate is conjectured to be the best. Derived here: all constants and the code. Not claimed: the rate
for every Lipschitz generator.

Topic: linear algebra for learning.
"""

from typing import Annotated

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import chi2, multivariate_normal

from theory_on_trial import claim, derived, known, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Samples = Annotated[
    int, Interval(500, 20_000, why="later orders in k/m are small; no more are needed")
]
Latent = Annotated[int, Interval(4, 30, why="at 1 nothing is to be found; few errors scatter")]
"""k, the inputs of the generator."""
Ambient = Annotated[int, Interval(8, 100, why="without the generator, all of it counts")]
"""d, the entries of a sample."""
Spike = Annotated[
    float, Interval(0.5, 8, why="weaker ones ask for more samples, stronger ones are plain")
]
"""β."""
Words = Annotated[int, Interval(4, 128, why="of few, chance finds one; all of them are drawn")]
"""N, the directions of a code."""
FewSamples = Annotated[int, Interval(4, 60, why="with more, errors are rare")]


def enough(trial, n_samples, latent_dim, spike):
    """Require that later orders are small, and return their size: of the squared error over its
    first order.
    """
    later = latent_dim * (1 + spike) / (n_samples * spike**2)
    trial.require(
        later <= 0.04,
        f"2 (1 + β) k/(β² m) must be at most .04, the later orders; it is {later:.2g}",
    )
    return later


def unit(vectors):
    """Vectors (…, d) at unit length."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def scatters(generator, signals, n_samples, spike):
    """S (n, d, d) of m samples about signals v (n, d), by Bartlett's triangular factors."""
    count, dim = signals.shape
    factors = np.tril(generator.normal(size=(count, dim, dim)), -1)
    freedoms = n_samples - np.arange(dim)
    factors += np.sqrt(generator.chisquare(freedoms, (count, dim)))[..., None] * np.eye(dim)
    along = np.einsum("ni,nij->nj", signals, factors)
    factors += (np.sqrt(1 + spike) - 1) * signals[..., None] * along[:, None]
    return factors @ factors.mT / n_samples


def squared_distance(estimates, signals):
    """|v̂ - v|² (n,) for the better sign."""
    return 2 - 2 * np.abs(np.sum(estimates * signals, axis=-1))


@observed
def linear_errors(generator, n, n_samples, dim, latent_dim, spike):
    """Squared errors (n,) of the projected power method, from a random start, for the range of a
    random orthonormal (d, k). With k = d nothing is projected.
    """
    basis = np.linalg.qr(generator.normal(size=(n, dim, latent_dim)))[0]
    truth = unit(generator.normal(size=(n, latent_dim)))
    signals = np.einsum("ndk,nk->nd", basis, truth)
    matrices = scatters(generator, signals, n_samples, spike)
    inside = basis.mT @ matrices @ basis
    estimates = unit(generator.normal(size=(n, latent_dim)))
    for _ in range(50):
        estimates = unit(np.einsum("nij,nj->ni", inside, estimates))
    return squared_distance(estimates, truth)


@observed
def rectifier_errors(generator, n, n_samples, dim, latent_dim, spike, rounds=5):
    """Squared errors (n,) of the projected power method for the outputs max(W z, 0) of a random W
    (d, k), from a start whose inputs are off by half of their length. The nearest output is found
    by least squares on the entries that are positive, again for each set of them.
    """
    weights = generator.normal(size=(n, dim, latent_dim))
    truth = unit(generator.normal(size=(n, latent_dim)))
    signals = unit(np.maximum(np.einsum("ndk,nk->nd", weights, truth), 0))
    matrices = scatters(generator, signals, n_samples, spike) - np.eye(dim)
    inputs = truth + unit(generator.normal(size=(n, latent_dim))) / 2
    for _ in range(rounds):
        outputs = unit(np.maximum(np.einsum("ndk,nk->nd", weights, inputs), 0))
        images = np.einsum("nij,nj->ni", matrices, outputs)
        for _ in range(2):
            active = weights * (np.einsum("ndk,nk->nd", weights, inputs) > 0)[..., None]
            right = np.einsum("ndk,nd->nk", active, images)
            inputs = np.linalg.solve(active.mT @ active, right[..., None])[..., 0]
    outputs = unit(np.maximum(np.einsum("ndk,nk->nd", weights, inputs), 0))
    return np.sum((outputs - signals) ** 2, axis=1)


@observed
def phase_errors(generator, n, n_samples, latent_dim):
    """Squared errors (n,) of the quadratic estimator from squared inner products, within the
    coordinates of a linear range. The first one is the signal.
    """
    estimates = np.empty((n, latent_dim))
    for index in range(n):
        vectors = generator.normal(size=(n_samples, latent_dim))
        squares = vectors[:, 0] ** 2
        matrix = (vectors * squares[:, None]).T @ vectors
        estimates[index] = np.linalg.eigh(matrix)[1][:, -1]
    return squared_distance(estimates, np.eye(latent_dim)[0])


@observed
def wrong_words(generator, n, n_samples, words, spike):
    """Whether the quadratic estimator takes another of N directions at right angles, (n,)."""
    samples = generator.normal(size=(n, n_samples, words))
    samples[..., 0] *= np.sqrt(1 + spike)
    return np.argmax(np.sum(samples**2, axis=1), axis=1) != 0


@observed
def likelihoods(samples, words, spike):
    """The logarithms of the densities of samples (m, d) for each direction (words, d), less that
    for the first.
    """
    identity = np.eye(samples.shape[1])
    laws = [multivariate_normal(cov=identity + spike * np.outer(w, w)) for w in words]
    sums = np.array([np.sum(law.logpdf(samples)) for law in laws])
    return sums - sums[0]


@observed
def even_chance(logarithm, spike):
    """The number of samples, not a whole one, at which the right one of N directions at right
    angles is found with chance 1/2, for log(N - 1) = `logarithm`.
    """

    def surplus(n_samples):
        reach = 12 * np.sqrt(2 * n_samples) + 50
        x = np.linspace(max(1e-9, n_samples - reach), n_samples + reach, 8001)
        larger = np.exp(logarithm + chi2.logsf((1 + spike) * x, n_samples))
        return np.trapezoid(chi2.pdf(x, n_samples) * np.exp(-larger), x) - 0.5

    rough = logarithm / (spike - np.log1p(spike))
    return brentq(surplus, 0.5 * rough, 4 * rough, xtol=1e-9)


@observed
def angles_to_the_limit(matrices, starts, steps):
    """Tangents of the angles of power iterates to the top eigenvectors of matrices (n, d, d), from
    starts (n, d): (n, steps + 1).
    """
    tops = np.linalg.eigh(matrices)[1][..., -1]
    iterates = unit(starts)
    tangents = []
    for _ in range(steps + 1):
        along = np.sum(iterates * tops, axis=1, keepdims=True)
        beside = np.linalg.norm(iterates - along * tops, axis=1)
        tangents.append(beside / np.abs(along[:, 0]))
        iterates = unit(np.einsum("nij,nj->ni", matrices, iterates))
    return np.stack(tangents, axis=1)


@predicted
def spiked_error(directions, n_samples, spike):
    """(1 + β) r/(β² m), for r directions of the range at right angles to v."""
    return (1 + spike) * directions / (spike**2 * n_samples)


@predicted
def phase_error(directions, n_samples):
    """15 r/(4 m), for r directions of the range at right angles to v."""
    return 15 * directions / (4 * n_samples)


@predicted
def wrong_chance(n_samples, words, spike):
    """1 - E F((1 + β) X)^(N - 1) with X of the chi-square law F of m degrees."""

    def right(p):
        return chi2.cdf((1 + spike) * chi2.ppf(p, n_samples), n_samples) ** (words - 1)

    return 1 - quad(right, 0, 1, epsabs=1e-9, limit=200)[0]


@predicted
def likelihood_ratios(samples, words, spike):
    """(β/(2 (1 + β))) Σ ((x_i . w)² - (x_i . w_1)²) for directions w (words, d) and the first."""
    quadratic = np.sum((samples @ words.T) ** 2, axis=0)
    return spike / (2 * (1 + spike)) * (quadratic - quadratic[0])


@predicted
def samples_per_logarithm(spike):
    """2/(β - log(1 + β))."""
    return 2 / (spike - np.log1p(spike))


@predicted
def contraction(matrices, steps):
    """(λ_2/λ_1)^t for t = 0, 1, …, of matrices (n, d, d): (n, steps + 1)."""
    values = np.linalg.eigvalsh(matrices)
    return (values[:, -2:-1] / values[:, -1:]) ** np.arange(steps + 1)


@claim(
    tried(
        "abstract, sentence 3: an error of the order $√(k log L/m)$",
        "the constant, for a known subspace",
    ),
    kind="rate",
    cases=[(1600, 8, 20, 1.0), (1600, 8, 30, 2.0), (4800, 12, 30, 1.0)],
)
def test_rate(trial, n_samples: Samples, latent_dim: Latent, dim: Ambient, spike: Spike):
    """Samples are $m$ normal vectors of covariance $I + β v vᵀ$, $|v| = 1$, and $v$ lies in a known
    subspace of $k$ dimensions. To first order in $k/m$, the mean squared error of the projected
    power method is $(1 + β)(k - 1)/(β² m)$, whatever the dimension $d$ of the samples.
    """
    trial.require(latent_dim <= dim / 2, "latent_dim must be at most dim/2: else little is known")
    trial.require(n_samples >= 2 * dim, "n_samples must be at least 2 dim: factors are triangular")
    later = enough(trial, n_samples, latent_dim, spike)
    law = spiked_error(latent_dim - 1, n_samples, spike)
    trial.mean(
        sampler=lambda rng, n: linear_errors(rng, n, n_samples, dim, latent_dim, spike),
        predict=law,
        law=Asymptotic(),
        slack=later * law,
        margin=(0.03 + later) * law,
        controls={
            "without $1 + β$": law / (1 + spike),
            "of PCA": law * (dim - 1) / (latent_dim - 1),
        },
        control_processes={
            "without the generator": lambda rng, n: linear_errors(
                rng, n, n_samples, dim, dim, spike
            )
        },
        first=512,
        most=100_000,
    )


@claim(
    tried(
        "abstract, sentence 3: an error of the order $√(k log L/m)$",
        "the constant, for a rectifier near the truth",
    ),
    kind="rate",
    cases=[(40_000, 12, 72, 1.0), (20_000, 10, 60, 2.0)],
)
def test_relu(
    trial,
    n_samples: Annotated[
        int, Interval(5000, 10**6, why="errors are small beside the distance to many kinks")
    ],
    latent_dim: Latent,
    dim: Ambient,
    spike: Spike,
):
    """Samples are $m$ normal vectors of covariance $I + β v vᵀ$, where $v$ is $max(W z, 0)$ at unit
    length for a known random $W$ and $k$ unknown inputs $z$. To first order in $k/m$, the mean
    squared error of the projected power method from a start nearby is $(1 + β)(k - 1)/(β² m)$, as
    in a subspace of $k$ dimensions.
    """
    trial.require(dim >= 6 * latent_dim, "dim must be at least 6 latent_dim: half is zero")
    # The range turns within the error: this adds some 25 k/m of it at β = 1.
    turning = 15 * latent_dim * (1 + spike) / (n_samples * spike**2)
    trial.require(
        turning <= 0.015,
        f"15 (1 + β) k/(β² m) must be at most .015, for kinks: it is {turning:.2g}",
    )
    law = spiked_error(latent_dim - 1, n_samples, spike)
    trial.mean(
        sampler=lambda rng, n: rectifier_errors(rng, n, n_samples, dim, latent_dim, spike),
        predict=law,
        law=Asymptotic(),
        slack=turning * law,
        margin=(0.035 + turning) * law,
        controls={
            "half the entries are zero, half the $k$": law / 2,
            "without $1 + β$": law / (1 + spike),
        },
        control_processes={
            "without the generator": lambda rng, n: linear_errors(
                rng, n, n_samples, dim, dim, spike
            )
        },
        first=512,
        most=100_000,
    )


@claim(
    tried(
        "abstract, sentence 3: an error of the order $√(k log L/m)$",
        "the constant, for squared inner products",
    ),
    kind="rate",
    cases=[(3000, 12), (3000, 15)],
)
def test_phase_retrieval(trial, n_samples: Samples, latent_dim: Latent):
    """Let $a_i$ be $m$ normal vectors and $v$ a unit vector in a known subspace of $k$ dimensions.
    From the squares $(a_i · v)²$ the quadratic estimator, the $w$ of largest
    $∑_i (a_i · v)² (a_i · w)²$, has the mean squared error $15 (k - 1)/(4 m)$, to first order in
    $k/m$.
    """
    later = 4 * latent_dim / n_samples
    trial.require(later <= 0.02, f"4 latent_dim/n_samples must be at most .02, it is {later:.2g}")
    trial.require(
        n_samples * latent_dim <= 60_000,
        "n_samples * latent_dim must be at most 60000: thousands of sets are drawn",
    )
    law = phase_error(latent_dim - 1, n_samples)
    trial.mean(
        sampler=lambda rng, n: phase_errors(rng, n, n_samples, latent_dim),
        predict=law,
        law=Asymptotic(),
        slack=later * law,
        margin=min(0.05, 0.034 + later) * law,
        controls={
            "a spike of $β = 2$": spiked_error(latent_dim - 1, n_samples, 2.0),
            "$E g⁴$ for $E g⁶$": law / 5,
        },
        first=512,
        most=100_000,
    )


@claim(
    derived("sums of squares along directions at right angles are independent chi-squares"),
    kind="distribution",
    cases=[(64, 20, 1.0), (16, 30, 0.5), (128, 8, 3.0)],
)
def test_code(trial, words: Words, n_samples: FewSamples, spike: Spike):
    """Samples $x_i$ are $m$ normal vectors of covariance $I + β v vᵀ$, where $v$ is one of $N$
    orthonormal directions. The direction $w$ of largest $∑_i (x_i · w)²$ is a wrong one with the
    chance $1 - E F((1 + β) X)^(N - 1)$, where $X$ has the chi-square law $F$ of $m$ degrees of
    freedom.
    """
    law = wrong_chance(n_samples, words, spike)
    trial.require(0.1 <= law <= 0.9, f"errors must be neither rare nor the rule, here {law:.2g}")
    trial.probability(
        sampler=lambda rng, n: wrong_words(rng, n, n_samples, words, spike),
        predict=law,
        margin=min(0.02, 0.04 * law),
        controls={
            "one other direction alone": wrong_chance(n_samples, 2, spike),
            "the spike's sum is its mean": 1
            - chi2.cdf((1 + spike) * n_samples, n_samples) ** (words - 1),
            "at random": 1 - 1 / words,
        },
    )


@claim(
    derived("the large deviations of a chi-square law"),
    kind="limit",
    cases=[1.0, 0.5, 8.0],
)
def test_code__samples(trial, spike: Spike):
    """Let $m$ be the number of normal samples $x_i$ of covariance $I + β v vᵀ$ at which the
    direction $w$ of largest $∑_i (x_i · w)²$ is, of $N$ orthonormal ones, the right one with chance
    1/2. As $N$ grows, $m/log N$ tends to $2/(β - log(1 + β))$. (An $L$-Lipschitz generator of $k$
    inputs may have $log N = k log L$.)
    """
    bits = 8 * 2 ** np.arange(6)
    logarithms = np.log(2) * bits
    needed = np.array([even_chance(logarithm, spike) for logarithm in logarithms])
    law = samples_per_logarithm(spike)
    trial.limit(
        np.diff(needed) / logarithms[:-1],
        bits[:-1],
        law,
        order=1,
        margin=0.02 * law,
        controls={
            "Fano's bound attained": 2 * (1 + spike) / spike**2,
            "$2/β$, without the logarithm": 2 / spike,
        },
    )


@claim(
    derived(
        "the inverse of $I + β w wᵀ$ is $I - (β/(1 + β)) w wᵀ$, and its determinant is $1 + β$"
    ),
    kind="identity",
    cases=[(64, 20, 1.0), (4, 4, 0.5), (16, 60, 8.0)],
)
def test_code__likeliest(trial, words: Words, n_samples: FewSamples, spike: Spike):
    """Samples are $m$ normal vectors of covariance $I + β w wᵀ$, $|w| = 1$, with the second moments
    $S$. The log-likelihood of a direction $w$ is $(m β/(2 (1 + β))) wᵀ S w$, up to a number that is
    the same for all $w$.
    """
    generator = trial.generator("samples")
    samples = generator.normal(size=(n_samples, words))
    samples[:, 0] *= np.sqrt(1 + spike)
    directions = unit(generator.normal(size=(8, words)))
    law = likelihood_ratios(samples, directions, spike)
    trial.identity(
        likelihoods(samples, directions, spike),
        law,
        ops=n_samples * words,
        scale=np.sum(samples**2),
        generic="both sides are analytic in samples and directions",
        controls={"without $1 + β$": law * (1 + spike), "without the half": 2 * law},
    )


@claim(
    known("von Mises & Pollaczek-Geiringer 1929, the power method"),
    kind="bound",
    cases=[(1600, 8, 1.0), (500, 4, 8.0), (5000, 30, 0.5)],
)
def test_power_method(trial, n_samples: Samples, latent_dim: Latent, spike: Spike, steps: int = 12):
    """The power method on a matrix $S$ with eigenvalues $λ_1 > λ_2 >= … > 0$ has, after $t$ steps,
    an angle to the first eigenvector whose tangent is at most $(λ_2/λ_1)^t$ times that at the
    start.
    """
    generator = trial.generator("samples")
    signals = unit(generator.normal(size=(231, latent_dim)))
    matrices = scatters(generator, signals, n_samples, spike)
    vectors = np.linalg.eigh(matrices[0])[1]
    starts = generator.normal(size=(231, latent_dim))
    starts[0] = vectors[:, -1] + vectors[:, -2]  # no start is slower
    tangents = angles_to_the_limit(matrices, starts, steps)
    law = contraction(matrices, steps) * tangents[:, :1]
    shifted = contraction(matrices - np.eye(latent_dim), steps) * tangents[:, :1]
    trial.bound(
        tangents,
        law,
        instances="draws",
        independent=len(starts) - 1,
        ops=20 * latent_dim,
        scale=1 + law,
        controls={
            "the ratio of $S - I$": shifted,
            "$1/(1 + β)$, as of infinitely many samples": (1 + spike) ** -np.arange(steps + 1.0)
            * tangents[:, :1],
        },
    )


@figure("F1", claims=("rate", "relu", "phase_retrieval"))
def directions_count(n_sets=1000):
    """The error counts the directions of the range at the truth, $k - 1$, for three models.

    Mean squared error of the quadratic estimator times the number of samples, against the inputs
    $k$ of the generator, in 80 dimensions. Spikes have $β = 2$, and squared inner products the same
    strength. Marks: lines: first order; points: means of 1000 sets of 4000 samples, 40,000 for the
    rectifier, with two standard errors.
    """
    generator = np.random.default_rng(0)
    grid = np.arange(2, 14)
    some = np.array([3, 5, 7, 10, 13])
    sizes = {"subspace": 4000, "rectifier": 40_000, "phase retrieval": 4000}
    errors = {
        "subspace": [linear_errors(generator, n_sets, 4000, 80, k, 2.0) for k in some],
        "rectifier": [rectifier_errors(generator, n_sets, 40_000, 80, k, 2.0) for k in some],
        "phase retrieval": [phase_errors(generator, n_sets, 4000, k) for k in some],
    }
    points = {}
    for name, m in sizes.items():
        scaled = m * np.array(errors[name])
        points[name] = (some, scaled.mean(axis=1), 2 * scaled.std(axis=1) / np.sqrt(n_sets))
    return chart(
        {
            "subspace": (grid, spiked_error(grid - 1, 1, 2.0)),
            "phase retrieval": (grid, phase_error(grid - 1, 1)),
        },
        points,
        log="y",
        x="inputs k of the generator",
        y="samples × squared error",
    )
