"""Naive Bayes against logistic regression: the exact theory."""
