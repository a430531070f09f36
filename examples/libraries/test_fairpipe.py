"""fairpipe: https://github.com/JobCollins/fairness_pipeline_dev_toolkit/issues/23 in 0.11.0.

The bootstrap interval of level 0.95 for the mean of 30 normal numbers contains it a little less
often than 95 times in 100, and far more often than 85 times.
"""


def covers(seed, n):
    import numpy as np
    from fairpipe.stats.bootstrap import bca_ci

    rng = np.random.default_rng(seed)

    def covered(x):
        means = rng.choice(x, size=(400, 30)).mean(axis=1)
        low, high = bca_ci(x, np.mean, means, level=0.95)
        return low <= 0 <= high

    return [covered(x) for x in rng.normal(size=(n, 30))]


def test_coverage(trial, there):
    """The BCa interval of level 0.95 contains the mean of 30 normals at least 85 times in 100."""
    trial.probability(there.sampler(covers), 0.85, side="at least")
