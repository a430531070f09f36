"""Manor & Michaeli 2024, "On the Posterior Distribution in Denoising", ICLR 2024, arXiv 2309.13598.

Its abstract and its released code were read, the univariate recursion in a public summary; what is
printed of tensors and directions is recalled, and tested as a statement derived here.

Abstract:

- Part 1: the higher moments of the posterior follow from derivatives of the posterior mean. Holds:
  moment_recursion, directional_moments, moment_tensors, moment_tensors-fourth.
- Part 2: the principal components of the posterior of any region of an image are found without
  further training. Holds: masked_components, subspace_iteration, subspace_iteration-late.
- Part 3: the marginal along these directions is approximated. In part: most_entropy,
  most_entropy-none. By the density of most entropy with four moments, of two modes; on the line
  there is none for a symmetric posterior of kurtosis above 3.
- Part 4: a pre-trained denoiser suffices. Holds at a smaller scale: learned_denoiser. By least
  squares on a small model; the paper has networks for images.
"""
