"""PINTS: https://github.com/pints-team/pints/issues/1325 in 0.3.0; 0.6.1 is right.

Walkers that begin in the law that is sampled stay in it, whatever the number of moves. A standard
normal number lies in [-1, 1] with probability 0.6827.
"""


def within_one(seed, n):
    import numpy as np
    import pints

    np.random.seed(seed)

    def last_of_a_walker():
        walkers = pints.EmceeHammerMCMC(6, np.random.normal(size=(6, 1)))
        for _ in range(13):  # the first call asks for all walkers, each later one for one
            asked = walkers.ask()
            told = walkers.tell(np.array([-0.5 * x[0] ** 2 for x in asked]))
        return (told[0] if isinstance(told, tuple) else told)[0, 0]

    return [abs(last_of_a_walker()) <= 1 for _ in range(n)]


def test_walkers_stay_in_their_law(trial, there):
    """After two moves a walker from the standard normal law lies in [-1, 1] as often as before."""
    trial.probability(there.sampler(within_one), 0.6827, margin=0.05)
