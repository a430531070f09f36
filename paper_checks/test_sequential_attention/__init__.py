"""Yasuda et al. 2023, "Sequential Attention for Feature Selection", ICLR 2023, arXiv 2209.14881.

The abstract and the released code (google-research/google-research, sequential_attention) were
read, and no theorem: no published formula is corrected here, only what the code takes for the next
feature.
"""
