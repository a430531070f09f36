"""Uzan & Weinberger 2024, "A representation-learning game for classes of prediction tasks", ICLR,
arXiv 2403.06971.

The abstract was read; the setting and the solution for one representation are as public reviews
give them, the mixed solution was recalled, and derived again here. No printed statement is
compared.
Worlds: Σ and S are AA'/d + .1 I with normal A ("drawn"), or Σ is and S gives a spectrum with more
than r + 1 large eigenvalues ("steep").

Abstract:

- Sentence 1: representations are learned in a game, from prior knowledge of tasks. No statement.
- Sentence 2: one player chooses a representation, then an adversary a task. No statement.
- Sentence 3: they play for the regret, the loss beyond that of all features. No statement.
- Sentence 4: representation, response and predictors are linear, the loss is the squared error. No
  statement.
- Sentence 5, first half: the optimal representation in pure strategies shows that the prior
  knowledge is effective. Holds: pure_value, pure_value-any_representation.
- Sentence 5, second half: the optimal regret in mixed strategies shows that it is useful to
  randomise. Holds: mixed_value, inclusion, no_representation_beats.
- Sentence 6: an efficient algorithm is proposed for general representations and losses. No
  statement.
- Sentence 7: it needs gradients alone and adds one representation after the other to a mixture. Not
  on trial. The algorithm is not run; `hedge_rate` is about a finite linear game, and
  `logistic_loss` about small logits.
"""
