"""Lee, Lei, Saunshi & Zhuo 2021, "Predicting what you already know helps" (arXiv 2008.01064).

Every statement is derived here: of the paper only the abstract was read, and of its theorems two
reading notes.

Abstract:

- Part 1: if two views are independent given label and latents, a linear layer on the pretext's
  representation solves the task. Holds: posterior_is_linear, posterior_is_linear-error,
  latent_variables, latent_variables-gaussian, rank_deficient.
- Part 2: the error stays small if independence holds approximately. Holds: violated_ci_bound,
  violation_is_quadratic. In finite and Gaussian worlds.
- Part 3: far fewer labels are needed. Holds: labels_needed, classes_needed, break_even,
  learned_pretext. Not if the representation is as wide as the input (`no_gain_if_wide`).
- Part 4: a modified objective is nonlinear CCA, with the same guarantees, and is like SimSiam. In
  part: cca_span. For CCA; SimSiam and pretexts that a nonlinear model learns are not on trial.
"""
