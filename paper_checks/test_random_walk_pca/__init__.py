"""Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural network training".

Deterministic claims meet the simulators' population spectra (the recursion run on unit impulses); Monte-Carlo claims
meet sampled trajectories. T is the number of recorded points, d the dimension, s2 = tr Sigma = 1.
"""

MOST_PROGRAMS = 540
"""Ceiling of the programs that the fast tier may ask XLA for in one process: more are seconds for nothing."""
MOST_SECONDS = 30
"""Ceiling of the seconds of the fast tier with its programs in the cache, half above what it takes."""
