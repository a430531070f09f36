"""How the expected error of naive Bayes falls with the sample size, exactly, and how the number of
samples that it needs then grows with the number of features n: like n, like log n, or not at all.
"""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr
from scipy.stats import chi2, norm

from paper_checks.test_naive_bayes_vs_logistic import two_classes
from sims.naive_bayes_vs_logistic import data, rules
from theory.naive_bayes_vs_logistic import expected_error, sample_complexity
from theory_on_trial import claim, derived, known
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bounded

Samples = Annotated[
    float, Interval(2, 1e9, why="one sample per class; at 1e9 the error has long been its limit")
]
"""m, the number of training samples of both classes."""
SquaredDistance = Annotated[
    float, Interval(0.01, 50, why="nearer classes cannot be told apart; farther ones never err")
]
"""Δ²."""
Excess = Annotated[
    float, Interval(0.01, 0.05, why="a much smaller one hardly shows beside the Bayes error")
]
"""ε, how far the expected error is above the Bayes error."""


@claim(
    derived(
        "the error is the chance that two independent normal vectors have a negative inner product"
    ),
    kind="identity",
    cases=[(1, 4, 1), (5, 4, 4), (50, 10, 4), (200, 20, 9)],
)
def test_nb_exact_law(
    trial,
    n_features: Annotated[int, Interval(1, 2000, why="every sample holds as many numbers")],
    n_samples: Samples,
    squared_distance: SquaredDistance,
):
    """Let two equally likely Gaussian classes at the Mahalanobis distance $Δ$ have $n$ independent
    features of known variances. The expected error of naive Bayes, trained on $m / 2$ samples of
    each class, is $E[Φ(-a (Δ + τ z) / sqrt((Δ + τ z)² + τ² r))]$, where $a = Δ / (2 sqrt(1 +
    1/m))$, $τ = 2 / sqrt(m)$, $z$ is standard normal and $r$ is an independent chi-square of $n -
    1$ degrees of freedom.
    """
    n = n_features
    m = n_samples
    exact = expected_error.naive_bayes_expected_error(n, m, squared_distance)
    trial.require(
        exact >= 0.02,
        "squared_distance must leave an error of 2 %: rarer ones take millions of samples",
    )
    margin = 0.009 * exact
    rivals = {
        "$τ = sqrt(2 / m)$": _coarse_law(n, squared_distance, noise=2 / m, factor=1 + 1 / m),
        "without $1 + 1 / m$": _coarse_law(n, squared_distance, noise=4 / m, factor=1),
    }
    # With many samples a rival may be too near to be told from the law.
    controls = {name: rival for name, rival in rivals.items() if abs(rival - exact) > 3 * margin}
    trial.require(
        controls, f"n_samples must be so small that the error is not yet its limit, got {m}"
    )
    means = two_classes(n, squared_distance)
    ones = np.ones(n)

    def measure(key):
        # A mean of m / 2 samples of variance one has the variance 2 / m.
        estimates = means + jax.random.normal(key, means.shape) * np.sqrt(2 / m)
        rule = rules.naive_bayes_rule(estimates, ones, data.equal_priors(2))
        return rules.conditional_error(rule, means, ones)

    trial.mean(
        measure,
        exact,
        law=Bounded(0, 1),
        margin=margin,
        controls=controls,
        first=2048,
        most=4_000_000,
        vectorised=True,
    )


def _coarse_law(n, squared_distance, *, noise, factor):
    """Return the law's expectation with τ² = `noise` and `factor` in place of 1 + 1 / m, good to a
    few per cent: its mean over a grid of quantiles of z, in rows, and of r, in columns.
    """
    quantiles = (np.arange(200) + 0.5) / 200
    along = np.sqrt(squared_distance) + np.sqrt(noise) * norm.ppf(quantiles)[:, None]
    across = noise * chi2.ppf(quantiles, n - 1) if n > 1 else np.zeros(200)
    cosine = along / np.sqrt(along**2 + across)
    return float(np.mean(ndtr(-np.sqrt(squared_distance / factor) / 2 * cosine)))


LEMMA = known(
    "Ng & Jordan 2001, Lemma 3, as public notes quote it",
    within="that $O(log n)$ samples are enough, for two classes; for normal means no fewer are",
)
Deviation = Annotated[float, Interval(0.001, 10)]
"""ε, the most by which an estimated mean may be off."""
Failure = Annotated[
    float, Interval(0.01, 0.3, why="with a rarer failure, 1 - 2 δ is too near to 1 - δ")
]
"""δ, the probability that some estimate is farther off."""
Classes = Annotated[int, Interval(2, 50, why="every sample holds the means of all classes")]


@claim(
    derived(
        "the estimates are independent normal variables; Ng & Jordan 2001, Lemma 3, bounds the "
        "samples up to a factor"
    ),
    kind="identity",
    cases=[10, 30, 100],
)
def test_nb_param_lemma(
    trial,
    n_features: Annotated[int, Interval(10, 1000, why="every sample holds all means")],
    deviation: Deviation = 0.2,
    failure: Failure = 0.1,
    n_classes: Classes = 2,
):
    """Let $m / K$ samples of each of $K$ classes estimate the class means of $n$ independent
    Gaussian features of variance one. All $n K$ estimates are within $ε$ of the truth with
    probability $(2 Φ(ε sqrt(m / K)) - 1)^(n K)$.

    It is tried at the m where this is 1 - δ.
    """
    n_means = n_features * n_classes
    trial.require(n_means <= 10_000, "n_features * n_classes must be at most 10000: all are drawn")

    def all_within(samples):
        """Return a simulator of whether all estimates from so many samples are within ε."""

        def measure(key):
            farthest = jnp.max(jnp.abs(jax.random.normal(key, (n_means,))))
            return (farthest * np.sqrt(n_classes / samples) <= deviation).astype(float)

        return measure

    needed = sample_complexity.sup_norm_samples(n_features, n_classes, deviation, failure)
    # Half of what the leading term for small δ / (n K) says.
    too_few = n_classes / deviation**2 * np.log(n_means / failure)
    trial.probability(
        all_within(needed),
        1 - failure,
        margin=0.009 * (1 - failure),
        controls={"$1 - 2 δ$": 1 - 2 * failure},
        control_processes={"$(K / ε²) log(n K / δ)$ samples": all_within(too_few)},
        first=4096,
        most=400_000,
        vectorised=True,
    )


@claim(
    LEMMA,
    kind="rate",
    cases=[10, 30, 100],
    route="sizes of the exact law at growing n against the growth that is claimed",
    second="test_naive_bayes_vs_logistic_laws.py::test_the_bounds_at_round_numbers",
    low_power="the next term, $log log n$, still shows at $10^15$ features",
)
def test_nb_param_lemma__growth(
    trial,
    n_features: Annotated[int, Interval(10, 1000, why="the law is that of large n")],
    deviation: Deviation = 0.2,
    failure: Failure = 0.1,
    n_classes: Classes = 2,
):
    """Let $m$ samples, $m / K$ of each of $K$ classes, be needed to estimate all class means of $n$
    independent Gaussian features of variance one within $ε$ with probability $1 - δ$. As $n$ grows,
    $m$ grows like $log n$. The power of the logarithm is known to 20 %.
    """
    sizes = np.geomspace(n_features, 2.0**53, 6).astype(int)
    needed = np.array(
        [sample_complexity.sup_norm_samples(int(n), n_classes, deviation, failure) for n in sizes]
    )
    # The slope of m in log n grows with n up to this one.
    last_slope = 2 * n_classes / deviation**2
    first_slope = (needed[1] - needed[0]) / np.log(sizes[1] / sizes[0])
    # So a line of the mean slope is off by at most half of what they differ by, for each unit.
    slack = (last_slope - first_slope) / 2 / first_slope
    trial.growth(
        sizes,
        needed,
        needed,
        "log n",
        slack_log=slack,
        margin=0.2,
        error=0.0,
        guarantee="exact",
        controls=["const", "sqrt n", "n"],
    )


@claim(
    known(
        "Raudys 1967, for the Euclidean distance classifier",
        within="$m / n$ fixed; the case of fixed $m$ is found here, by the same concentration",
    ),
    kind="limit",
    cases=[("m / n", 4.0), ("m", 10.0), ("m", 40.0)],
    route="a contour integral against `naive_bayes_expected_error_large_n`",
)
def test_nb_large_n(
    trial,
    fixed: Literal["m / n", "m"],
    n_samples: Annotated[
        float,
        Interval(4, 100, why="m at 50 features, where errors are neither 1/2 nor the Bayes error"),
    ],
):
    """Let naive Bayes know the variances of $n$ independent Gaussian features and be trained on
    $m / 2$ samples of each of two classes at the Mahalanobis distance $Δ$. As $n$ grows, the ratio
    of its expected error to $Φ(-Δ² / (2 sqrt((Δ² + 4 n / m) (1 + 1 / m))))$ tends to 1 if $m / n$
    and $Δ²$ are fixed, and if $m$ is fixed and $Δ²$ is proportional to $sqrt(n)$.
    """
    exponent = {"m / n": 0.0, "m": 0.5}[fixed]  # of Δ² in n
    sizes = 3200 * 2 ** np.arange(7)

    def design(n):
        """Return n, m and Δ², where m is `n_samples` and Δ² is 4 at n = 50."""
        gap = 4 * (n / 50) ** exponent
        return (n, n_samples * (n / 50), gap) if fixed == "m / n" else (n, n_samples, gap)

    designs = [design(n) for n in sizes.tolist()]
    exact = np.array([expected_error.naive_bayes_expected_error(*design) for design in designs])
    formula = np.array(
        [expected_error.naive_bayes_expected_error_large_n(*design) for design in designs]
    )
    n, m, gap = designs[-1]
    # Wrong forms of what stands under the root.
    wrong = {"$n / m$ for $4 n / m$": (gap + n / m) * (1 + 1 / m)}
    if fixed == "m":
        wrong["without $1 + 1 / m$"] = gap + 4 * n / m
    else:
        wrong["$4 n / m$ for $Δ² + 4 n / m$"] = 4 * n / m * (1 + 1 / m)
    trial.limit(
        exact / formula,
        sizes,
        1.0,
        order=1 - exponent,
        margin=5e-3,
        controls={
            name: ndtr(-gap / (2 * np.sqrt(noise))) / formula[-1] for name, noise in wrong.items()
        },
    )


@claim(
    derived("the exact law of the expected error, solved for the number of samples"),
    kind="rate",
    route="sizes of the exact law at growing n against the growth that is claimed",
    second="test_naive_bayes_vs_logistic_laws.py::test_reference_values_of_an_independent_two_dimensional_quadrature",
)
def test_nb_linear_when_weak(
    trial,
    squared_distance: Annotated[
        float, Interval(0.5, 16, why="float64 resolves the excess beside an error")
    ] = 4.0,
    excess: Excess = 0.02,
    first: Annotated[int, Interval(50, 10_000, why="the law is that of large n")] = 50,
):
    """Let two equally likely Gaussian classes at the Mahalanobis distance $Δ$ have $n$ independent
    features of known variances. As $n$ grows with $Δ$ fixed, the number of samples with which naive
    Bayes has an expected error of $ε$ above the Bayes error grows like $n$.
    """
    sizes = first * 2 ** np.arange(7)
    needed = np.array(
        [sample_complexity.naive_bayes_samples(int(n), squared_distance, excess) for n in sizes]
    )
    trial.growth(
        sizes,
        needed,
        needed,
        "n",
        slack_log=0.01,
        error=0.0,
        guarantee="exact",
        controls=["const", "log n", "sqrt n", "n log n"],
    )


@claim(
    derived("the exact law of the expected error at $Δ^2 = c n$"),
    kind="limit",
    cases=[(0.04, 4), (0.04, 8), (0.5, 4), (1.0, 8)],
    route="the exact law at growing n against the limit that is claimed",
    second="test_naive_bayes_vs_logistic_laws.py::test_reference_values_of_an_independent_two_dimensional_quadrature",
)
def test_nb_constant_when_dense(
    trial,
    density: Annotated[float, Interval(0.01, 10, why="weaker signals need more features")],
    n_samples: Samples,
):
    """Let two equally likely Gaussian classes at the Mahalanobis distance $Δ$ have $n$ independent
    features of known variances. As $n$ grows with $Δ² = c n$, the expected error of naive Bayes
    tends to 0 for any fixed number of training samples.

    So the number of samples that a given error needs does not grow with n.
    """
    sizes = 100 * 4 ** np.arange(8)
    errors = np.array(
        [expected_error.naive_bayes_expected_error(int(n), n_samples, density * n) for n in sizes]
    )
    trial.limit(
        errors,
        sizes,
        0.0,
        remainder=errors[-1],  # errors fall, and are never negative
        margin=1e-3,
        scale=0.5,
        controls={
            "$Δ² = 4$ for all $n$": expected_error.naive_bayes_expected_error(
                int(sizes[-1]), n_samples, 4.0
            )
        },
    )


@claim(
    derived("the number of samples is about $16 n z^2 / Δ^4$ for a normal quantile $z$"),
    kind="rate",
    cases=[0.0, 0.25, 0.4, 0.6],
    route="slopes of `sample_complexity.naive_bayes_samples` against "
    "`sample_complexity.naive_bayes_sample_exponent`",
)
def test_nb_sample_exponent(
    trial,
    signal_exponent: Annotated[float, Interval(0, 1, why="the number is constant from 1/2 on")],
    excess: Excess = 0.02,
):
    """Let two equally likely Gaussian classes at the Mahalanobis distance $Δ$ have $n$ independent
    features of known variances. As $n$ grows with $Δ² = n^a$ and $0 <= a <= 1$, the number of
    samples with which naive Bayes has an expected error of $ε$ above the Bayes error grows like
    $n^b$ with $b = max(0, 1 - 2 a)$.
    """
    a = signal_exponent
    trial.require(
        (a == 0 or a >= 0.24) and abs(a - 0.5) > 0.09,
        "signal_exponent must be 0 or at least 0.24, and more than 0.09 from 1/2: otherwise other "
        f"powers of n fade slowly, got {a}",
    )
    sizes = 2.0 ** np.arange(32, 53, 5)
    needed = np.array([sample_complexity.naive_bayes_samples(int(n), n**a, excess) for n in sizes])
    rivals = {
        "$b = 1 - a$": 1 - a,
        "$b = 1 - 2 a$ for every $a$": 1 - 2 * a,
        "$log n$ samples": 0.0,
    }
    exponent = sample_complexity.naive_bayes_sample_exponent(a)
    controls = {name: rival for name, rival in rivals.items() if abs(rival - exponent) > 0.03}
    trial.order(
        needed,
        sizes,
        exponent,
        rounding=1e-9 * needed,
        margin=0.009 * (exponent or 1),
        controls=controls,
    )


@claim(
    derived(
        "the exact law of the expected error at $Δ^2 = sqrt(n / log n)$, solved for the number of "
        "samples"
    ),
    kind="rate",
    route="sizes of the exact law at growing n against the growth that is claimed",
    second="test_naive_bayes_vs_logistic_laws.py::test_reference_values_of_an_independent_two_dimensional_quadrature",
)
def test_nb_growth_log(
    trial,
    excess: Annotated[
        float, Interval(0.02, 0.1, why="with less, the growth is log n beyond n = 10^15 only")
    ] = 0.02,
):
    """Let two equally likely Gaussian classes at the Mahalanobis distance $Δ$ have $n$ independent
    features of known variances. As $n$ grows with $Δ² = sqrt(n / log n)$, the number of samples
    with which naive Bayes has an expected error of $ε$ above the Bayes error grows like $log n$.

    The rate of the abstract is attained here, though outside its assumptions.
    """
    # At 10^8 the samples are 1 % above the law, at 10^10 less than .1 %.
    sizes = np.geomspace(1e10, 2.0**53, 8).astype(int)
    needed = np.array(
        [
            sample_complexity.naive_bayes_samples(int(n), float(np.sqrt(n / np.log(n))), excess)
            for n in sizes
        ]
    )
    trial.growth(
        sizes,
        needed,
        needed,
        "log n",
        slack_log=3e-4,
        error=0.0,
        guarantee="exact",
        controls={
            "const": "const",
            "$n^(.1)$": lambda n: n**0.1,
            "$log² n$": lambda n: np.log(n) ** 2,
        },
    )
