"""PCA of high-dimensional random walks: the exact theory. A law that names no source is derived
here.

Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural
network training", arXiv 1806.08805. `plain_walk` has the spectrum and components of the walk,
`linear_processes` those of any process with a response, of momentum and of averaged iterates,
`ornstein_uhlenbeck` those of a walk that is pulled back, and `drift_and_decay` what training adds:
drift, and noise that varies. `finite_dimension` says what finitely many dimensions do to single
components, `whole_spectrum` what they do to all of them together.
"""
