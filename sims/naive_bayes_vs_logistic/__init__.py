"""Revisiting discriminative vs. generative classifiers: the simulators."""
