"""The calculator of sample sizes: invariances, limits, simulated and planted truths, hostile input."""

import jax
import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from theory_instances import CONDITION, ROUNDING, UNIFORM, gaussian_pairs, random_covariance, reference_pair

from own_data.mixup import AngleCurves, SampleSizes, samples_needed, samples_needed_on
from own_data.mixup.calculator import count
from sims import mixup as observed
from theory import mixup as predicted
from theory.mixup import GaussianPair, MixingLaw
from theory_on_trial.testing import check_readable

few = settings(deadline=None, derandomize=True, max_examples=10)
COARSE = MixingLaw.beta(1.0, 6)
TARGETS = st.floats(0.8, 0.999)
ROOT = 2e-12  # roots are found to 1e-12 in log n


@few
@given(gaussian_pairs(), TARGETS, st.sampled_from(["expected", "sampled"]), st.booleans())
def test_sizes_are_where_the_curves_meet_the_target(pair, cosine, mode, balanced):
    sizes = samples_needed(pair, COARSE, cosine, mode=mode, balanced=balanced)
    curves, target = AngleCurves(pair, COARSE, mode, balanced), 1 - cosine
    if sizes.log_erm > np.log(2):
        assert curves.erm(sizes.log_erm - ROOT) >= target >= curves.erm(sizes.log_erm + ROOT)
    for beyond in (0.1, 1.0, 10.0):
        assert curves.erm(max(sizes.log_erm, curves.log_consistent) + beyond) < target
    for log_size, curve in ((sizes.log_mixup, curves.mixup), (sizes.log_lda, curves.lda)):
        spare = np.exp(log_size) - pair.dim - 2
        # Adding d + 2 and taking it off again costs the rounding of the sum.
        error = spare * ROOT + 10 * ROUNDING * np.exp(log_size)
        assert curve(np.exp(log_size) - error) >= target >= curve(np.exp(log_size) + error)


@few
@given(gaussian_pairs(), st.floats(1.1, 100))
def test_mixup_costs_more_than_discriminant_analysis_and_sampling_more_than_averaging(pair, factor):
    n = factor * (pair.dim + 2)
    averaged, sampled = AngleCurves(pair, COARSE), AngleCurves(pair, COARSE, "sampled")
    deficits = [
        averaged.lda(n),
        averaged.mixup(n),
        sampled.mixup(n),
        AngleCurves(pair, COARSE, "sampled", False).mixup(n),
    ]
    assert 0 < deficits[0] < deficits[1] < deficits[2] < deficits[3] < 1
    assert averaged.lda(2 * n) < deficits[0]
    assert averaged.mixup(2 * n) < deficits[1]
    assert averaged.erm(np.log(n)) == sampled.erm(np.log(n))


@few
@given(gaussian_pairs(), st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 2**32 - 1))
def test_units_and_rotations_do_not_matter(pair, log_scale, log_noise, seed):
    """Solves lose the condition number in accuracy, twice where a resolvent is squared."""
    scale, noise = 10.0**log_scale, 10.0**log_noise
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((pair.dim, pair.dim)))[0]
    covariance = scale**2 * noise * rotation @ pair.covariance @ rotation.T
    changed = GaussianPair(scale * rotation @ pair.mean, (covariance + covariance.T) / 2, noise * pair.separability)
    curves, others = AngleCurves(pair, COARSE), AngleCurves(changed, COARSE)
    tolerance = 1e2 * CONDITION**2 * pair.dim * ROUNDING
    for n in (pair.dim + 3, 100, 10**6):
        assert others.erm(np.log(n)) == pytest.approx(curves.erm(np.log(n)), rel=tolerance, abs=tolerance)
        assert others.mixup(n) == pytest.approx(curves.mixup(n), rel=tolerance)
        assert others.lda(n) == pytest.approx(curves.lda(n), rel=tolerance)


@few
@given(gaussian_pairs())
def test_curves_have_the_limits_of_the_theory(pair):
    """Beyond 1e12 samples x is the angle rate over n, up to its square and to (d + 2) / n."""
    curves, n = AngleCurves(pair, COARSE, "sampled", False), 1e12 * np.exp(AngleCurves(pair, COARSE).log_consistent)
    efficiencies = {
        curves.erm(np.log(n)): predicted.erm_efficiency(pair.effective_separability),
        curves.mixup(n): predicted.mixup_efficiency(pair.effective_separability, COARSE),
        curves.lda(n): predicted.lda_efficiency(pair.effective_separability),
    }
    for found, efficiency in efficiencies.items():
        limit = predicted.angle_rate(pair, efficiency) / n
        extra = (
            pair.separability
            / n
            * (predicted.imbalance_coefficient(pair, COARSE) + predicted.sampled_lambda_coefficient(pair, COARSE))
            / (n * limit)
        )
        # The logarithm of n is rounded, and the Bayes direction is found again to rounding.
        rounding = 1e3 * CONDITION * ROUNDING * (1 + np.log(n)) + (CONDITION * pair.dim * ROUNDING) ** 2 / limit
        assert abs(found / limit - 1) <= 2 * limit + 2 * (pair.dim + 2) / n + extra + rounding


def test_plain_training_is_exponential_and_mixup_is_not():
    """What separates log n from the theory's -log Q tends to a constant: its change is of order 1 / kappa."""
    separabilities = (1e2, 1e3, 1e4)
    sizes = [samples_needed(reference_pair(kappa), UNIFORM, 0.95) for kappa in separabilities]
    laws = [predicted.erm_samples(reference_pair(kappa), 0.05) for kappa in separabilities]
    above = np.array([size.log_erm for size in sizes]) - laws
    assert abs(above[2] - above[1]) < 0.2 * abs(above[1] - above[0]) < 0.2 * 0.2
    assert laws[2] > 50 * laws[0]
    assert sizes[2].log_mixup < sizes[0].log_mixup
    sampled = [samples_needed(reference_pair(kappa), UNIFORM, 0.95, mode="sampled") for kappa in (1e10, 1e14)]
    n = np.exp(sampled[0].log_mixup)
    neglected = predicted.lda_rate(reference_pair(1.0)) / (0.05 * n)
    assert abs((sampled[1].log_mixup - sampled[0].log_mixup) / np.log(1e4) - 0.5) <= neglected


def test_isotropic_noise_knows_no_curse():
    """A single point supports the margin, and noise alone turns it away: two samples do, or e^(a/2) of them."""
    pair = GaussianPair(np.array([1.0, 0.0]), np.eye(2), 1000)
    plateau = predicted.isotropic_angle(pair)
    assert samples_needed(pair, UNIFORM, 1 - 2 * plateau).log_erm == np.log(2)
    assert samples_needed(pair, UNIFORM, 1 - plateau / 2).log_erm > 400
    assert AngleCurves(pair, UNIFORM).erm(np.log(100)) == pytest.approx(plateau, rel=3 * plateau)


def test_without_soft_labels_mixup_is_plain_training_in_the_end():
    with pytest.warns(UserWarning, match="labels are not mixed"):
        hard = MixingLaw.atoms(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    pair = reference_pair(0.5)
    curves, n = AngleCurves(pair, hard), 1e9
    # The sandwich of quadratures over 2 a nodes agrees with the information to their rounding.
    assert curves.mixup(n) == pytest.approx(curves.erm(np.log(n)), rel=2 * (pair.dim + 2) / n + 1e-9)
    with pytest.raises(ValueError, match="law must mix labels"):
        AngleCurves(pair, hard, balanced=False).mixup(100)


def simulated(pair, n, learner, *arguments):
    """Mean of 1 - cos over 200 runs, and five standard errors."""
    keys = jax.random.split(jax.random.key(0), 200)
    deficits = np.asarray(
        observed.angle_curve(
            keys,
            np.full(200, float(pair.separability)),
            pair.mean,
            observed.covariance_factor(pair.covariance),
            pair.bayes_direction,
            *arguments,
            n=n,
            learner=learner,
        )
    )
    return deficits.mean(), 5 * deficits.std() / np.sqrt(200)


def many_dimensions():
    rng = np.random.default_rng(5)
    covariance, mean = random_covariance(rng, 6), rng.standard_normal(6)
    return GaussianPair(mean / np.sqrt(mean @ np.linalg.solve(covariance, mean)), covariance, 8.0)


@pytest.mark.parametrize("pair", [reference_pair(4.0), many_dimensions()], ids=["plane", "six dimensions"])
def test_plain_training_as_simulated(pair):
    """Within the factors that the docstring states, and the noise of the mean; the bias alone is refuted."""
    mean, error = simulated(pair, 128, observed.erm_weights)
    law = AngleCurves(pair, UNIFORM).erm(np.log(128))
    assert 0.5 * law <= mean + error
    assert mean - error <= 1.7 * law
    assert mean - error > pair.misalignment(predicted.erm_direction_at(pair, 128))


def test_mixup_as_simulated():
    """Within the factors that the docstring states, and the noise of the mean."""
    pair = many_dimensions()
    mean, error = simulated(pair, 64, observed.mixup_weights, COARSE.nodes, COARSE.weights, COARSE.input_weights)
    law = AngleCurves(pair, UNIFORM).mixup(64)
    assert 0.86 * law <= mean + error
    assert mean - error <= 1.05 * law


def drawn(seed, pair, n):
    labels = np.arange(n) % 2
    noise = np.random.default_rng(seed).standard_normal((n, pair.dim)) @ np.linalg.cholesky(pair.covariance).T
    return (2 * labels[:, None] - 1) * pair.mean + noise / np.sqrt(pair.separability), labels


PLANTED = GaussianPair(np.array([0.9, 0.54, -0.72, 0.36, 0.18]), np.diag([1.1, 0.6, 0.4, 1.6, 1.1]), 1)


def test_planted_sizes_are_in_their_intervals():
    """At confidence 1 - 1e-4 all four intervals must hold the truth, and at this n they must tell something."""
    features, labels = drawn(1, PLANTED, 1500)
    found = samples_needed_on(features + 5.0, labels, COARSE, 0.95, confidence=0.9999)
    truth = samples_needed(PLANTED, COARSE, 0.95)
    for estimate, size in zip((found.log_erm, found.log_mixup, found.log_lda), truth, strict=True):
        assert estimate.low <= size <= estimate.high
        assert estimate.high - estimate.low < 2
    assert found.bayes_error.low <= PLANTED.bayes_error <= found.bayes_error.high
    assert found.doubts == ()
    assert found.missing == ""
    assert found.classes == (0, 1)


def test_sizes_hold_where_plain_training_really_arrives():
    """Simulated fits, no law: the mean 1 - cos at the ends of the interval is on both sides of the target."""
    features, labels = drawn(3, PLANTED, 1500)
    found = samples_needed_on(features, labels, COARSE, 0.95)
    for log_n, sign in ((found.log_erm.low, 1), (found.log_erm.high, -1)):
        mean, error = simulated(PLANTED, 2 * round(np.exp(log_n) / 2), observed.erm_weights)
        assert sign * (mean - 0.05) + error > 0


def uniform_classes(n):
    """Two classes of uniform noise with the covariance of the reference pair at kappa = 12."""
    labels = np.arange(n) % 2
    noise = np.random.default_rng(0).uniform(-np.sqrt(3), np.sqrt(3), (n, 2)) * np.sqrt(np.array([0.2, 1.8]) / 12)
    return (2 * labels[:, None] - 1) * np.array([1.0, 1.0]) + noise, labels


def test_uniform_noise_is_no_answer():
    """Plain training never comes below .084 there; once 42 629 [18 192, 99 893] samples were said without a doubt."""
    found = samples_needed_on(*uniform_classes(400), UNIFORM, 0.95)
    assert not found.answerable
    assert "tails that are not Gaussian" in str(found)
    assert "needs" not in str(found)


def test_no_size_beyond_the_tails_of_the_sample():
    pair = reference_pair(12.0)
    features, labels = drawn(0, pair, 200)
    found = samples_needed_on(features, labels, COARSE, 0.97)
    assert samples_needed(pair, COARSE, 0.97).log_erm > np.log(200)
    assert found.answerable
    assert found.log_erm.value == found.log_erm.high == np.inf
    assert found.log_erm.low <= np.log(200)
    assert "plain training needs more than" in str(found)


def test_containers_and_labels_do_not_matter():
    features, labels = drawn(2, PLANTED, 60)
    result = samples_needed_on(features, labels, COARSE, 0.9)
    frame, names = pd.DataFrame(features, columns=list("vwxyz")), np.array(["ape", "bee"])[labels]
    other = samples_needed_on(frame, pd.Series(names, dtype="category"), COARSE, 0.9)
    assert str(other) == str(result)
    assert other.classes == ("ape", "bee")


def test_an_answer_is_short_and_plain():
    matplotlib.use("Agg")
    for result in (
        samples_needed_on(*drawn(2, PLANTED, 60), COARSE, 0.9),
        samples_needed_on(*uniform_classes(60), COARSE, 0.9),
    ):
        assert check_readable(result)["n_features"] == result.n_features


def test_what_is_not_gaussian_is_no_answer():
    """A class in two clouds on both sides of the other: a line is wrong on a cloud, Gaussian classes say otherwise."""
    normals, labels = np.random.default_rng(0).standard_normal((400, 2)), np.arange(400) % 2
    clouds = np.where(labels == 0, np.where(np.arange(400) % 4 < 2, -3.0, 3.0), 1.0)
    apart = np.column_stack([clouds + 0.1 * normals[:, 0], normals[:, 1]])
    wide = normals * np.where(labels, 3.0, 1.0)[:, None] + labels[:, None]
    for features in (apart, wide, np.exp(normals + 0.5 * labels[:, None])):
        assert samples_needed_on(features, labels, COARSE, 0.95).missing.startswith("all three laws assume Gaussian")
    assert samples_needed_on(normals, labels, COARSE, 0.95).missing.startswith("no signal")


def test_doubts():
    features, labels = drawn(2, PLANTED, 60)
    low, high = (samples_needed_on(features, labels, COARSE, cosine).doubts for cosine in (0.2, 0.99999))
    assert any("its law is rough" in doubt.reason for doubt in low)
    assert any("not known as well as the target asks" in doubt.reason for doubt in high)
    assert any("60 rows are too few" in doubt.reason for doubt in low)


def test_sizes_are_readable():
    assert str(SampleSizes(np.log(2), np.log(17.2), np.log(16))) == (
        "plain training needs 2 samples, Mixup 18, discriminant analysis 16"
    )
    assert count(1000 * np.log(10)) == "1.0e+1000"
    assert count(float(np.log(9.96e23))) == "1.0e+24"


def test_laws_that_do_not_reach_there_are_refused():
    with pytest.raises(ValueError, match="pair must be of at least two dimensions"):
        samples_needed(GaussianPair(np.ones(1), np.eye(1), 1.0), COARSE, 0.9)
    with pytest.raises(ValueError, match=r"n must be above dim \+ 2 = 7, got 7"):
        AngleCurves(PLANTED, COARSE).mixup(7)


FEATURES, LABELS = drawn(0, PLANTED, 60)


@pytest.mark.parametrize(
    ("X", "y", "error", "sentence"),
    [
        (FEATURES, np.arange(60) % 3, ValueError, "y must hold 2 classes, got 3"),
        (FEATURES, 0 * LABELS, ValueError, "y must hold at least 2 classes, got 1"),
        (FEATURES, LABELS[:-1], ValueError, "a label for each of the 60 rows of X, got 59"),
        (FEATURES, LABELS.astype(float), TypeError, "y must hold labels"),
        (np.where(FEATURES > 1, np.nan, FEATURES), LABELS, ValueError, "X must have no missing entries"),
        (FEATURES * [1, 0, 0, 0, 0], LABELS, ValueError, "at least 2 columns that vary"),
        (FEATURES[:, [0, 1, 0]], LABELS, ValueError, "linearly independent within the classes"),
        (np.tile(FEATURES, 12), LABELS, ValueError, "at least .* rows for 60 features and 2 classes, got 60"),
        (np.repeat(FEATURES[:30], 2, axis=0), LABELS, ValueError, "X must have classes with different means"),
    ],
)
def test_hostile_data(X, y, error, sentence):
    with pytest.raises(error, match=sentence):
        samples_needed_on(X, y, COARSE, 0.9)
