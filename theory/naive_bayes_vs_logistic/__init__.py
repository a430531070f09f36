"""Naive Bayes against logistic regression: the exact theory.

Zheng, Wu, Bao, Cao, Li & Zhu 2023, "Revisiting Discriminative vs. Generative Classifiers: Theory
and Implications", arXiv 2302.02334, its ancestor Ng & Jordan 2001, and the exact laws behind their
bounds. `linear_rules` has the errors of linear rules and of naive Bayes with infinite data,
`expected_error` those at finitely many samples, `sample_complexity` the samples that suffice, by
exact laws and by the theorems' bounds. `consistency` leads from the logistic loss to the error,
and `binary_features` has naive Bayes on binary features.
"""
