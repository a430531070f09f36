"""Du, Patil & Kuchibhotla 2023, "Subsample Ridge Ensembles: Equivalences and Generalized Cross-Validation"."""

MOST_PROGRAMS = 40
"""Ceiling of the programs that the fast tier may ask XLA for in one process."""
MOST_SECONDS = 6.0
"""Ceiling of the seconds that the fast tier may take once its programs are in the cache."""
