"""Wang et al. 2024, "Diffusion Models Learn Low-Dimensional Distributions via Subspace Clustering",
arXiv 2409.02426.

The abstract was read, and of the theorems what a long reading of the paper quotes. What is on trial
are the abstract's statements with formulas derived here, and what the same derivations say beyond
them. Standing apart: "the training loss" of the abstract is read for two networks, one that is told
the cluster and one that is not.

Abstract:

- Sentence 1: diffusion models learn the distribution of images. No statement.
- Sentence 2: they do so from few samples in spite of a large dimension. Not on trial. No network is
  trained.
- Sentence 3: images are of low dimension, in a union of manifolds, and trained denoisers of low
  rank. Not on trial. These are observations on images.
- Sentence 4: a mixture of low-rank Gaussians and a low-rank denoiser are assumed. No statement.
- Sentence 5: in this setting the training loss of a diffusion model is that of subspace clustering.
  Holds: loss_is_pca, loss_is_pca-minimiser, loss_is_clustering. For a denoiser that is told the
  cluster; `soft_is_not_clustering` is about another one.
- Sentence 6: the number of samples needed is linear in the intrinsic dimension. Holds:
  random_completion, noise_law, uniqueness-enough.
- Sentence 7: this explains the phase transition in learning distributions. In part: threshold_tail,
  uniqueness. In this model, at $N = d$ and $d + 1$; no trained network is compared.
- Sentence 8: directions of the subspaces have meanings and edit images. Not on trial. It needs
  pre-trained models.
- Sentence 9: simulations and image data agree. Not on trial. The image data are not bundled.
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
