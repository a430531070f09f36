"""Revisiting discriminative vs. generative classifiers: the simulators.

`data` draws labels, data and sufficient statistics; `rules` has fitted linear rules, naive Bayes
among them, with their exact errors, `logistic` ridge logistic regression, and `lda` linear
discriminant analysis, which is generative without being naive. `learning_curves` puts them
together, one key per seed, with the protocol of the paper's released code.
"""
