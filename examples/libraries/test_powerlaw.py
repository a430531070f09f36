"""powerlaw: https://github.com/powerlaw-devs/powerlaw/issues/118 in 1.5; 2.0.0 is right.

A law that is cut at xmax has no number beyond it. The density x^(-3/2) on [1, 10] gives numbers
above 5 the probability (5^(-1/2) - 10^(-1/2)) / (1 - 10^(-1/2)) = 0.19161.
"""


def above_five(seed, n):
    import numpy as np
    import powerlaw

    np.random.seed(seed)
    law = powerlaw.Power_Law(xmin=1, xmax=10, parameters=[1.5])
    return np.asarray(law.generate_random(n)) > 5


def test_cut_law(trial, there):
    """A number of the law x^(-3/2) on [1, 10] is above 5 with probability 0.1916."""
    cut = 10**-0.5
    trial.probability(there.sampler(above_five), (5**-0.5 - cut) / (1 - cut), margin=0.05)
