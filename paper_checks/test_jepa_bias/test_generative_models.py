"""Data models that have such features: two noisy views, two masks, two successive frames."""

import jax.numpy as jnp
import numpy as np
from scipy.linalg import circulant

from paper_checks.test_jepa_bias import DERIVED, rise_times
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, ours
from theory_on_trial.laws import Asymptotic

SOURCE = "kind of model named in public summaries; parametrisation derived here"


def correlated(dim=3):
    """A covariance with unequal variances and correlations."""
    root = np.tril(np.linspace(0.3, 1.2, dim * dim).reshape(dim, dim))
    return root @ root.T + np.diag(np.linspace(0.2, 0.6, dim))


def decide_covariances(trial, views, expected, controls, varies=True, margin=0.05, n_samples=500):
    """Decide both covariances of sampled views, on every entry that varies at all."""
    kept = np.broadcast_to(varies, np.shape(np.stack(expected)))

    def measured(key):
        seen = observed.empirical_covariances(*views(key, n_samples))
        return jnp.stack([seen.Sigma_xx, seen.Sigma_yx])[kept]

    trial.mean(
        measured,
        np.stack(expected)[kept],
        law=Asymptotic(),  # of averages of 500 products: nearly normal, and nothing more is known of them
        margin=margin,
        controls={name: np.stack(wrong)[kept] for name, wrong in controls.items()},
        first=512,
        most=8192,
    )


@claim(ours(SOURCE), kind="distribution", tier="full")
def test_gen_static(trial):
    """Two noisy views of one signal have lambda = sigma_s^2, rho = sigma_s^2 / (sigma_s^2 + sigma_n^2)."""
    signal, noise = np.array([1.5, 1.0, 0.6]), np.array([1.2, 0.3, 0.2])
    features = predicted.static_features(signal, noise)
    expected = [np.diag(features.covariance / features.regression), np.diag(features.covariance)]
    decide_covariances(
        trial,
        lambda key, count: observed.static_views(key, count, signal, noise),
        expected,
        {
            "lambda = sigma_s^2 + sigma_n^2": [expected[0], expected[0]],
            "rho = 1": [expected[1], expected[1]],
        },
    )


@claim(ours(SOURCE), kind="distribution", tier="full")
def test_gen_masking(trial, rate=0.6, target_rate=0.3):
    """Masks have Sigma_xx = q^2 S + q (1-q) D, Sigma_yx = q (1-q)(S - D) (complementary) or q q' S (independent)."""
    S = correlated()
    complement = predicted.complementary_mask_covariances(S, rate)
    decide_covariances(
        trial,
        lambda key, count: observed.masked_views(key, count, S, rate),
        complement,
        {
            "Sigma_yx = q (S - D)": [complement.Sigma_xx, complement.Sigma_yx / (1 - rate)],
            "Sigma_xx = q S": [rate * S, complement.Sigma_yx],
        },
        varies=np.stack([np.ones((3, 3), bool), ~np.eye(3, dtype=bool)]),
    )
    independent = predicted.independent_mask_covariances(S, rate, target_rate)
    decide_covariances(
        trial,
        lambda key, count: observed.masked_views(key, count, S, rate, target_visible=target_rate),
        independent,
        {"Sigma_yx = q^2 S": [independent.Sigma_xx, rate**2 * S]},
    )
    views = observed.masked_views(trial.key("zeros"), 1000, S, rate)
    overlap = np.diag(np.asarray(observed.empirical_covariances(*views).Sigma_yx))
    trial.identity(overlap, np.zeros(3), ops=0, controls={"q (1-q) S": rate * (1 - rate) * np.diag(S)})


@claim(ours(SOURCE), kind="distribution", tier="full")
def test_gen_temporal(trial):
    """Next frame from this one: lambda = gamma v, rho = gamma v / (v + sigma_n^2), v = sigma_u^2 / (1 - gamma^2)."""
    persistence, innovation, noise = np.array([0.9, 0.5, -0.4]), np.array([0.1, 0.6, 0.5]), np.array([0.3, 0.2, 0.4])
    features = predicted.temporal_features(persistence, innovation, noise)
    variance = features.covariance / features.regression
    expected = [np.diag(variance), np.diag(features.covariance)]
    decide_covariances(
        trial,
        lambda key, count: observed.temporal_views(key, count, persistence, innovation, noise),
        expected,
        {
            "without gamma": [expected[0], np.diag(features.covariance / persistence)],
            "v = sigma_u^2": [np.diag(innovation + noise), expected[1]],
        },
    )


def orders(features, depth=5, init=1e-3, fraction=0.8):
    """The orders in which both objectives learn the features that are learned at all, by quadrature."""
    return [
        np.argsort(rise_times(fraction, depth, init, features.covariance, features.regression, objective))
        for objective in ("jepa", "mae")
    ]


@claim(ours(SOURCE), kind="identity")
def test_gen_masking__order(trial, rate=0.5, target_rate=0.5):
    """Under uniform masking lambda and rho have one order, and JEPA and MAE agree: the strongest direction is first.

    A complementary mask has lambda < 0 for directions weaker than one coordinate.
    """
    S = circulant([1.0, 0.55, 0.3, 0.3, 0.55])
    spectrum = np.unique(np.round(np.linalg.eigvalsh(S), 12))
    features = predicted.independent_mask_features(spectrum, 1.0, rate, target_rate)
    joint = predicted.joint_spectrum(*predicted.independent_mask_covariances(S, rate, target_rate))
    sampled = np.unique(np.round(joint.regression, 12))
    trial.identity(
        sampled, features.regression, ops=5 * 5e3, scale=10.0, controls={"rho = q' s / (q s)": np.ones(len(spectrum))}
    )
    kept = predicted.independent_mask_features(spectrum[1:], 1.0, rate, target_rate)
    trial.identity(
        orders(kept, depth=2),
        [np.argsort(-spectrum[1:])] * 2,
        ops=0,
        controls={"JEPA the other way round": [np.argsort(spectrum[1:]), np.argsort(-spectrum[1:])]},
    )
    complement = predicted.complementary_mask_features(spectrum, 1.0, rate)
    views = predicted.complementary_mask_covariances(S, rate)
    signs = np.unique(np.round(np.linalg.eigvalsh(views.Sigma_yx), 12))
    trial.identity(
        np.sign(signs).astype(int),
        np.sign(complement.covariance).astype(int),
        ops=0,
        controls={"all are learned": np.ones(len(spectrum), int)},
    )


@claim(ours(DERIVED), kind="identity")
def test_gen_temporal__order(trial):
    """Of successive frames JEPA learns the slow, weak feature first and MAE last; the fast, strong one inversely."""
    persistence = np.array([0.5, 0.7, 0.95])
    variance = np.array([2.0, 1.35, 0.9])
    features = predicted.temporal_features(persistence, variance * (1 - persistence**2), np.zeros(3))
    trial.identity(
        orders(features),
        [[2, 1, 0], [0, 1, 2]],
        ops=0,
        controls={"both by lambda": [[0, 1, 2]] * 2, "both by rho": [[2, 1, 0]] * 2},
        wrong_processes={
            "one layer": orders(features, depth=1),
            "static views of the same variances": orders(predicted.static_features(variance, np.zeros(3))),
        },
    )
