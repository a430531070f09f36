"""Yasuda et al. 2023, "Sequential Attention for Feature Selection", ICLR 2023, arXiv 2209.14881.

The abstract and the released code (google-research/google-research, sequential_attention) were read, and no theorem: no
printed formula is corrected here, only what the code takes for the next feature.
"""

MOST_PROGRAMS = 40
"""Ceiling of the programs that the fast tier may ask XLA for in one process."""
MOST_SECONDS = 6.0
"""Ceiling of the seconds that the fast tier may take once its programs are in the cache."""
