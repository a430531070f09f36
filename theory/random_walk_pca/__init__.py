"""The exact theory of PCA on high-dimensional random walks. A law that names no source is derived
here.

Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural
network training", arXiv 1806.08805. `plain_walk` has the spectrum and components of the walk,
`linear_processes` those of any process with a response, of momentum and of averaged iterates, and
`ornstein_uhlenbeck` those of a walk that is pulled back. `drift_and_decay` has what training adds:
drift, and noise that varies. `finite_dimension` has the effects of finitely many dimensions.
"""
