"""Uzan & Weinberger 2024, "A representation-learning game for classes of prediction tasks", ICLR,
arXiv 2403.06971.

The abstract was read; the setting and the solution for one representation are as public reviews
give them, the mixed solution was recalled and derived here. No printed statement is compared.
Worlds: Σ and S are AA'/d + .1 I with normal A ("drawn"), or Σ is and S gives a spectrum with more
than r + 1 large eigenvalues ("steep").
"""
