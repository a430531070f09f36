"""Doan, Abbana Bennani, Mazoure, Rabusseau & Alquier 2021, "A Theoretical Analysis of Catastrophic Forgetting ...".

The abstract, a third-party note with the main formulas and the released code were read; no theorem is cited by number.
Features and weights are standard normal, labels three times as large, drawn anew under every seed; measured are
weights that were fitted one task after the other.
"""

MOST_PROGRAMS = 0
"""Ceiling of the programs that the fast tier may ask XLA for in one process."""
MOST_SECONDS = 6.0
"""Ceiling of the seconds that the fast tier may take once its programs are in the cache."""
