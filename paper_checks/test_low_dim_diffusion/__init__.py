"""Wang et al. 2024, "Diffusion Models Learn Low-Dimensional Distributions via Subspace Clustering",
arXiv 2409.02426.

The abstract was read, and of the theorems what a long reading of the paper quotes. What is on trial
are the abstract's statements with formulas derived here, and what the same derivations say beyond
them. Standing apart: "the training loss" of the abstract is read for two networks, one that is told
the cluster and one that is not.

Abstract:

- Part 1: for data near subspaces the training loss of a diffusion model is that of subspace
  clustering. Holds: loss_is_pca, loss_is_clustering. With hard assignments;
  `soft_is_not_clustering` has the limits.
- Part 2: the number of samples needed is linear in the intrinsic dimension, with a sharp threshold.
  Holds: random_completion, uniqueness, threshold_tail.
- Part 3: directions of the subspaces edit images of real diffusion models. Not on trial. It needs
  pre-trained models.
"""

import numpy as np


def random_bases(generator, ambient, dims):
    """Bases of independent random subspaces."""
    return [np.linalg.qr(generator.standard_normal((ambient, dim)))[0] for dim in dims]


def told_apart(predict, margin, wrong):
    """Those of some wrong predictions that the margin can tell from the true one at these
    settings.
    """
    return {
        name: value
        for name, value in wrong.items()
        if np.any(np.abs(value - predict) > 2.5 * np.asarray(margin))
    }
