"""Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural network training".

Deterministic claims meet the simulators' population spectra (the recursion run on unit impulses); Monte-Carlo claims
meet sampled trajectories. T is the number of recorded points, d the dimension, s2 = tr Sigma = 1.
"""
