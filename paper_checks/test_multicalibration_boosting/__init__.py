"""Globus-Harris et al. 2023, "Multicalibration as Boosting for Regression", ICML 2023, arXiv 2301.13767.

Its abstract and its released code (Declancharrison/Level-Set-Boosting) were read. The definitions are recalled, and the
constants derived here: no theorem is compared as printed. All worlds are finite and all means over them exact.
"""

MOST_PROGRAMS = 40
"""Ceiling of the programs that the fast tier may ask XLA for in one process."""
MOST_SECONDS = 6.0
"""Ceiling of the seconds that the fast tier may take once its programs are in the cache."""
