"""Manor & Michaeli 2024, "On the Posterior Distribution in Denoising", ICLR 2024, arXiv 2309.13598.

Its abstract and its released code were read, and the recursions as public summaries quote them.

Abstract:

- Sentence 1: denoisers are used in many applications. No statement.
- Sentence 2: Tweedie's formula links the posterior mean with the score. Holds: mixture_mean.
- Sentence 3: the higher moments of the posterior follow from derivatives of the posterior mean.
  Holds: moment_recursion, directional_moments, moment_tensors, moment_tensors-fourth.
- Sentence 4: this serves to quantify the uncertainty of pre-trained denoisers. No statement.
- Sentence 5, first half: the principal components of the posterior of any region of an image are
  computed efficiently. Holds: masked_components, subspace_iteration, subspace_iteration-late. The
  posteriors here are Gaussian mixtures.
- Sentence 5, second half: the full marginal along these directions is approximated. In part:
  most_entropy, most_entropy-none. By the density of most entropy with four moments, of two modes;
  on the line there is none for a symmetric posterior of kurtosis above 3.
- Sentence 6: the method is fast, stores no moment tensor, and the denoiser needs no training or
  tuning. In part: directional_moments, learned_denoiser. Derivatives along one direction suffice;
  the fitted denoiser is a small model, and time and memory are not on trial.
"""
