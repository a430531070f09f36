"""Drawn points. Statistical bounds: Hoeffding's inequality at 1e-9 per comparison."""

import jax
import numpy as np

from sims.predictive_multiplicity import gaussian_set

KEY = jax.random.key(4)
N_SAMPLES = 6172
HOEFFDING = np.sqrt(np.log(2e9) / (2 * N_SAMPLES))


def test_gaussian_sets_are_wrong_as_often_as_told():
    for noise, wrong in ((0.0, 0.0), (1.0, 1.0), (0.25, 0.25)):
        features, labels = map(np.asarray, gaussian_set(KEY, N_SAMPLES, dim=2, noise=noise))
        share = np.mean((features.sum(axis=1) > 0) != (labels == 1))
        assert abs(share - wrong) <= HOEFFDING * (0 < noise < 1)
    assert len(np.unique(features, axis=0)) == N_SAMPLES
