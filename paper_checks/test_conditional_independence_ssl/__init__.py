"""Lee, Lei, Saunshi & Zhuo 2021, "Predicting what you already know helps" (arXiv 2008.01064).

Of the paper only the abstract was read, and of its theorems two reading notes.

The normal world: Y ~ N(0, I_2), X1 = A1 Y + e1 in R^10 and X2 = A2 Y + c H e1 + e2 in R^6, with
standard normal e1 and e2, the rows (cos j, sin j) of A1 and (cos 2i, sin 3i) of A2, and H_ij =
cos(i j + 1) / sqrt(10), i and j from 0. At c = 0 the views are independent given Y.

Abstract:

- Sentence 1: what self-supervised learning and its pretext tasks are. No statement.
- Sentence 2: pretext tasks use the inputs alone, and yet help. No statement.
- Sentence 3: a mechanism is posited by which reconstruction learns a good representation. No
  statement.
- Sentence 4: if the views are approximately independent given label and latents, a linear layer on
  the representation solves the task. Holds: posterior_is_linear, posterior_is_linear-error,
  latent_variables, latent_variables-gaussian, rank_deficient, violated_ci_bound. In finite and
  normal worlds.
- Sentence 5, first half: the linear layer has a small approximation error even for complex targets.
  Holds: violated_ci_bound, violation_is_quadratic. In finite worlds, where targets are arbitrary
  functions of $X1$, and in normal ones.
- Sentence 5, second half: far fewer labels are needed. In part: labels_needed, classes_needed,
  break_even, learned_pretext, no_gain_if_wide. For least squares in such worlds; a learned
  representation as wide as the input saves none unless it is cut.
- Sentence 6: a modified method is nonlinear CCA, with the same guarantees, and is like SimSiam. In
  part: cca_span. For CCA; SimSiam and pretexts that a nonlinear model learns are not on trial.
"""
