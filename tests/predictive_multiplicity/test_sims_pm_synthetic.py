"""Drawn data sets: layout, shares, refusals. Statistical bounds: Hoeffding's inequality at 1e-9 per comparison."""

from functools import partial

import jax
import numpy as np
import pytest

from sims.predictive_multiplicity import synthetic

KEY = jax.random.key(4)
N_SAMPLES = 6172
HOEFFDING = np.sqrt(np.log(2e9) / (2 * N_SAMPLES))


stand_in = partial(jax.jit(lambda key, rate: synthetic.stand_in(key, N_SAMPLES, base_rate=rate)), KEY)


def test_the_stand_in_has_the_layout_and_shares_of_the_records():
    features, labels = map(np.asarray, stand_in(0.455))
    column = dict(zip(synthetic.COLUMNS, features.T, strict=True))
    assert features.shape == (N_SAMPLES, 17)
    assert set(np.unique(features)) == {0, 1}
    assert set(np.unique(labels)) == {-1, 1}
    np.testing.assert_array_equal(column["age_leq_25"] + column["age_25_to_45"] + column["age_geq_46"], 1)
    for name in ("n_priors", "n_juvenile_misdemeanors", "n_juvenile_felonies"):
        np.testing.assert_array_equal(column[f"{name}_eq_0"] + column[f"{name}_geq_1"], 1)
        assert (column[f"{name}_geq_5"] <= column[f"{name}_geq_2"]).all()
        assert (column[f"{name}_geq_2"] <= column[f"{name}_geq_1"]).all()
    shares = {
        "age_leq_25": 0.218, "age_geq_46": 0.195, "female": 0.190, "charge_degree_eq_M": 0.357,
        "n_priors_eq_0": 0.338, "n_priors_geq_2": 0.479, "n_priors_geq_5": 0.242,
        "n_juvenile_misdemeanors_geq_1": 0.057, "n_juvenile_misdemeanors_geq_2": 0.017,
        "n_juvenile_felonies_geq_1": 0.034, "n_juvenile_felonies_geq_2": 0.011,
    }  # fmt: skip
    for name, share in shares.items():
        assert abs(column[name].mean() - share) <= HOEFFDING
    assert abs((labels == 1).mean() - 0.455) <= HOEFFDING
    assert np.linalg.matrix_rank(np.column_stack([np.ones(N_SAMPLES), features])) == 14
    rows, which = np.unique(features, axis=0, return_inverse=True)
    positives, totals = np.bincount(which.ravel(), labels == 1), np.bincount(which.ravel())
    assert 137 < len(rows) < 400
    # No classifier at all is near perfect.
    assert np.minimum(positives, totals - positives).sum() > 0.25 * N_SAMPLES


def test_the_base_rate_is_met():
    for rate in (0.11, 0.9):
        assert abs(np.mean(np.asarray(stand_in(rate).labels) == 1) - rate) <= HOEFFDING


def test_lattice_sets():
    features, labels = map(np.asarray, synthetic.grid_set(KEY, N_SAMPLES, dim=3, side=4))
    assert features.shape == (N_SAMPLES, 3)
    for value in range(4):
        assert (np.abs((features == value).mean(axis=0) - 0.25) <= HOEFFDING).all()
    assert set(np.unique(features)) == {0, 1, 2, 3}
    assert set(np.unique(labels)) == {-1, 1}
    assert abs(labels.mean()) <= 2 * HOEFFDING


def test_gaussian_sets_are_wrong_as_often_as_told():
    for noise, wrong in ((0.0, 0.0), (1.0, 1.0), (0.25, 0.25)):
        features, labels = map(np.asarray, synthetic.gaussian_set(KEY, N_SAMPLES, dim=2, noise=noise))
        share = np.mean((features.sum(axis=1) > 0) != (labels == 1))
        assert abs(share - wrong) <= HOEFFDING * (0 < noise < 1)
    assert len(np.unique(features, axis=0)) == N_SAMPLES


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: synthetic.stand_in(KEY, 0), "n_samples must be at least 1"),
        (lambda: synthetic.stand_in(KEY, 5, base_rate=1.0), "base_rate must be in .*both labels must be possible"),
        (lambda: synthetic.grid_set(KEY, 0), "n_samples must be at least 1"),
        (lambda: synthetic.grid_set(KEY, 5, dim=0), "dim must be at least 1"),
        (lambda: synthetic.grid_set(KEY, 5, side=1), "side must be at least 2"),
        (lambda: synthetic.gaussian_set(KEY, 0), "n_samples must be at least 1"),
        (lambda: synthetic.gaussian_set(KEY, 5, dim=0), "dim must be at least 1"),
        (lambda: synthetic.gaussian_set(KEY, 5, noise=float("nan")), r"noise must be in \[0, 1\], got nan"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
