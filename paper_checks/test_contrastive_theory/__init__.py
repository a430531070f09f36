"""Arora et al. 2019, "Contrastive Unsupervised Representation Learning", ICML 2019, arXiv
1902.09229, and neighbours.

The neighbours are Tschannen et al. 2020 (ICLR, arXiv 1907.13625) and "A Statistical Theory of
Contrastive Learning via Approximate Sufficient Statistics". Abstracts were read and no theorem, so
that no published formula is corrected here: what is on trial are the statements as they are
commonly recalled, with constants and examples derived here.
"""
