"""How the expected error of naive Bayes falls with the sample size, exactly, and the three regimes that follow."""

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_naive_bayes_vs_logistic import ABSTRACT, DERIVED, two_classes
from sims import naive_bayes_vs_logistic as observed
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial import abstract, claim, ours
from theory_on_trial.laws import Bounded


@claim(ours(DERIVED), kind="identity")
def test_nb_exact_law(trial, cells=((1, 2, 1), (5, 4, 4), (200, 40, 9), (20, 8, 40))):
    """With known variances the expected error of naive Bayes is an integral that depends on n, m and Delta only."""
    designs = [(two_classes(n, distance), m) for n, m, distance in cells]
    exact = np.array([predicted.naive_bayes_expected_error(n, m, distance) for n, m, distance in cells])

    def measure(key):
        errors = []
        for i, (means, m) in enumerate(designs):
            noise = jax.random.normal(jax.random.fold_in(key, i), means.shape) * np.sqrt(2 / m)
            ones = np.ones(means.shape[1])
            rule = observed.naive_bayes_rule(means + noise, ones, observed.equal_priors(2))
            errors.append(observed.conditional_error(rule, means, ones))
        return jnp.stack(errors)

    halved = np.array([_coarse_law(n, distance, 2 / m, 1 + 1 / m) for n, m, distance in cells])
    shrunk = np.array([_coarse_law(n, distance, 4 / m, 1) for n, m, distance in cells])
    trial.mean(
        measure,
        exact,
        law=Bounded(0, 1),
        margin=np.maximum(0.03 * exact, 1e-3),
        controls={"tau = sqrt(2 / m)": halved, "without 1 + 1 / m": shrunk},
        first=2048,
        most=60_000,
        vectorised=True,
    )


def _coarse_law(n, squared_distance, tau_squared, midpoint):
    """The integral of the law with its two variances as arguments, on a grid that is good to a few per cent."""
    from scipy.special import ndtr
    from scipy.stats import chi2, norm

    quantiles = (np.arange(200) + 0.5) / 200
    along = np.sqrt(squared_distance) + np.sqrt(tau_squared) * norm.ppf(quantiles)[:, None]
    across = tau_squared * chi2.ppf(quantiles, n - 1) if n > 1 else np.zeros(200)
    cosine = along / np.sqrt(along**2 + across)
    return float(np.mean(ndtr(-np.sqrt(squared_distance / midpoint) / 2 * cosine)))


@claim(ours("Ng & Jordan 2001: parameters are learnt from O(log n) samples; exact form derived here"), kind="rate")
def test_nb_param_lemma(trial, sizes=(10, 1000), decades=6, deviation=0.2, failure=0.1, n_classes=2):
    """All class means are within epsilon of the truth with probability 1 - delta from exactly m* ~ log n samples."""
    needed = np.array([predicted.sup_norm_samples(n, n_classes, deviation, failure) for n in sizes])

    def within(samples):
        def measure(key):
            inside = [
                jnp.max(jnp.abs(jax.random.normal(jax.random.fold_in(key, i), (n_classes * n,))))
                * np.sqrt(n_classes / m)
                <= deviation
                for i, (n, m) in enumerate(zip(sizes, samples, strict=True))
            ]
            return jnp.stack(inside).astype(float)

        return measure

    covered = np.full(len(sizes), 1 - failure)
    asymptotic_half = n_classes / deviation**2 * np.log(np.array(sizes) * n_classes / failure)
    trial.probability(
        within(needed),
        covered,
        margin=0.03,
        controls={"1 - 2 delta": covered - failure},
        wrong_processes={"half the leading term of m*": within(asymptotic_half)},
        first=1024,
        most=60_000,
    )
    design = 10.0 ** np.arange(1, decades + 1)
    law = np.array([predicted.sup_norm_samples(int(n), n_classes, deviation, failure) for n in design])
    trial.growth(
        design,
        law,
        law,
        "log n",
        error=0.0,
        slack_log=0.01,
        guarantee="exact",
        controls=["const", "sqrt n", "n", "n log n"],
    )
    increments, limit = np.diff(law), 2 * n_classes / deviation**2 * np.log(10)
    trial.bound(
        np.concatenate([increments, [limit * 0.9]]),
        np.concatenate([increments[1:], [limit], [increments[0]]]),
        found_by="all",
        ops=100,
        scale=law[-1],
        controls={"square root of log n": np.concatenate([increments[:-1], [increments[-2]], [increments[0]]])},
    )


@claim(
    ours(ABSTRACT), kind="rate", as_printed=abstract("O(log n) samples suffice for naive Bayes, whatever the signal.")
)
def test_nb_linear_when_weak(trial, squared_distance=4.0, excess=0.02, sizes=(50, 100, 200, 400, 800, 1600, 3200)):
    """With a fixed distance between the classes naive Bayes needs a number of samples proportional to n."""
    needed = np.array([predicted.naive_bayes_samples(n, squared_distance, excess) for n in sizes])
    trial.growth(
        sizes,
        needed,
        needed,
        "n",
        error=0.0,
        slack_log=0.01,
        guarantee="exact",
        controls=["const", "sqrt n", "n log n"],
        as_printed="log n",
    )


@claim(ours(DERIVED), kind="limit")
def test_nb_constant_when_dense(trial, densities=(0.04, 0.5, 1.0), samples=(4, 8), sizes=(10, 50, 100, 200, 400, 800)):
    """With Delta^2 = c n the expected error at a fixed number of samples falls to zero: m does not grow with n."""
    curves = np.array(
        [[[predicted.naive_bayes_expected_error(n, m, c * n) for n in sizes] for m in samples] for c in densities]
    )
    fixed = np.array(
        [[[predicted.naive_bayes_expected_error(n, m, 4.0) for n in sizes] for m in samples]] * len(densities)
    )
    trial.bound(
        curves[..., 1:],
        curves[..., :-1],
        found_by="all",
        ops=1e3,
        wrong_processes={"Delta^2 = 4 fixed": fixed[..., 1:]},
        controls={"half of the error before": curves[..., :-1] / 2},
    )
    strong = np.array(densities) >= 0.5
    last = curves[strong][..., -1]
    # The quadrature is good to 1e-7 where an error of 1e-3 is asked for.
    trial.value(
        last,
        np.full(last.shape, 1e-3),
        side="at most",
        error=1e-7,
        controls={"the error at the smallest n": curves[strong][..., 0] * 0},
        wrong_processes={"Delta^2 = 4 fixed": fixed[strong][..., -1]},
    )


@claim(ours(DERIVED), kind="rate")
def test_nb_sample_exponent(trial, exponents=(0.0, 0.2, 0.4, 0.6), excess=0.02, sizes=(10**10, 10**11, 10**12, 10**13)):
    """With Delta^2 = n^a the number of samples grows like n^(1 - 2a), and not at all from a = 1/2 on."""
    needed = np.array([[predicted.naive_bayes_samples_large_n(n, n**a, excess) for n in sizes] for a in exponents])
    slopes = np.diff(np.log(needed), axis=1)[:, -1] / np.log(sizes[-1] / sizes[-2])
    claimed = np.array([predicted.naive_bayes_sample_exponent(a) for a in exponents])
    # The exponent is that of the limit; what is left at n = 1e13 is of the order of 1 / Delta.
    trial.value(
        slopes,
        claimed,
        error=1e-6,
        slack=0.01,
        margin=0.05,
        controls={"1 - a": 1 - np.array(exponents), "1 - 2a for every a": 1 - 2 * np.array(exponents)},
    )


@claim(ours(f"{DERIVED}: a class has to be seen"), kind="rate")
def test_nb_rare_class(trial, sizes=(16, 32, 64, 128, 256, 512), failure=0.1, sampled=(16, 128)):
    """A class of prior 1/n has to be seen first: with such priors the number of samples grows like n."""
    needed = np.array([predicted.rare_class_samples(1 / n, failure) for n in sizes])
    trial.growth(
        sizes, needed, needed, "n", error=0.0, slack_log=0.05, guarantee="exact", controls=["const", "log n", "sqrt n"]
    )

    whole = {n: np.ceil(predicted.rare_class_samples(1 / n, failure)) for n in sampled}

    def absent(scale):
        def measure(key):
            draws = [
                jax.random.uniform(jax.random.fold_in(key, n), (int(np.ceil(scale * whole[n])),)) < 1 / n
                for n in sampled
            ]
            return jnp.stack([~jnp.any(draw) for draw in draws]).astype(float)

        return measure

    exact = np.array([(1 - 1 / n) ** whole[n] for n in sampled])
    trial.probability(
        absent(1.0),
        exact,
        margin=0.03,
        controls={"2 delta": 2 * exact},
        wrong_processes={"half as many": absent(0.5)},
        first=1024,
        most=60_000,
    )
