"""Revisiting discriminative vs. generative classifiers: the simulators.

`data` draws labels, data and sufficient statistics; `rules` has linear rules with their exact
errors, naive Bayes and linear discriminant analysis among them, and `logistic` ridge logistic
regression. `learning_curves` puts them together, one key per seed, with the protocol of the paper's
released code.
"""
