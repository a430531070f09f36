"""Uzan & Weinberger 2024, "A representation-learning game for classes of prediction tasks", ICLR,
arXiv 2403.06971.

The abstract was read; the setting and the solution for one representation are as public reviews
give them, the mixed solution was recalled and derived here. No printed statement is compared.
Worlds: Σ and S are AA'/d + .1 I with normal A ("drawn"), or Σ is and S gives a spectrum with more
than r + 1 large eigenvalues ("steep").

Abstract:

- Part 1: the game of the best representation has known values in pure strategies. Holds:
  pure_value.
- Part 2: it has known values in mixed strategies. Holds: mixed_value, inclusion.
- Part 3: for general representations and losses an incremental algorithm follows gradients. In
  part: hedge_rate, logistic_loss. A finite linear game and small logits; the algorithm itself is
  not on trial.
"""
