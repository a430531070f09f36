"""Du, Patil & Kuchibhotla 2023, "Subsample Ridge Ensembles: Equivalences and Generalized Cross-Validation", ICML.

Measured are traces: noise and coefficients are averaged exactly given rows and subsets, so that few data sets decide.
Half the eigenvalues of Sigma are .5 and half 4, a fifth of the signal |beta|^2 = 1 is in the former, sigma^2 = .25.
"""

MOST_PROGRAMS = 40
"""Ceiling of the programs that the fast tier may ask XLA for in one process."""
MOST_SECONDS = 6.0
"""Ceiling of the seconds that the fast tier may take once its programs are in the cache."""
