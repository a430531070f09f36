"""JAX: https://github.com/jax-ml/jax/issues/25498, open in 0.10.2.

What has probability 0 is never drawn. The cumulated probabilities are sums in single precision that
are not added in their order, so one may exceed the next, and an entry of probability 0 has a share
of the numbers. Of a million entries, every other of them 0 on average, it is about 1 in 6,400.
"""


def of_jax(seed, n):
    import jax
    import numpy as np

    u, v = np.random.default_rng(0).random((2, 10**6))
    p = np.where(u < 0.5, 0, v) / np.sum(np.where(u < 0.5, 0, v))
    drawn = jax.random.choice(jax.random.key(seed), 10**6, (n,), p=jax.numpy.asarray(p))
    return p[np.asarray(drawn)] == 0


def of_numpy(seed, n):
    import numpy as np

    u, v = np.random.default_rng(0).random((2, 10**6))
    p = np.where(u < 0.5, 0, v) / np.sum(np.where(u < 0.5, 0, v))
    return p[np.random.default_rng(seed).choice(10**6, n, p=p)] == 0


SELDOM = {"side": "at most", "slack": 5e-5, "first": 2**17, "most": 10**6}


def test_entries_of_probability_0(trial, there):
    """Entries of probability 0 are drawn at most once in 20,000 times, of a million entries."""
    trial.probability(there.sampler(of_jax), 0.0, **SELDOM)


def test_entries_of_probability_0_with_numpy(trial, there):
    """The same of NumPy's choice."""
    trial.probability(there.sampler(of_numpy), 0.0, **SELDOM)
