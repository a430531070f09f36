"""The exact theory of naive Bayes against logistic regression.

Zheng, Wu, Bao, Cao, Li & Zhu 2023, "Revisiting Discriminative vs. Generative Classifiers: Theory
and Implications", arXiv 2302.02334; its ancestor Ng & Jordan 2001; and the exact laws behind their
bounds. `linear_rules` has the errors of linear rules and of naive Bayes with infinite data.
`expected_error` has the mean errors after finitely many samples. `sample_complexity` has the
numbers of samples that suffice, by exact laws and by the bounds of the theorems. `consistency`
leads from the logistic loss to the error, and `binary_features` treats naive Bayes on binary
features.
"""
