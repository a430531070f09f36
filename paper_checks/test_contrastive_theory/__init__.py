"""Arora et al. 2019, "Contrastive Unsupervised Representation Learning", ICML 2019, arXiv
1902.09229, and neighbours.

The neighbours are Tschannen et al. 2020 (ICLR, arXiv 1907.13625) and "A Statistical Theory of
Contrastive Learning via Approximate Sufficient Statistics". Abstracts were read and no theorem, so
that no published formula is corrected here: what is on trial are the statements as they are
commonly recalled, with constants and examples derived here.

Abstract:

- Saunshi et al., part 1: under latent classes the contrastive loss bounds the mean loss of
  classification tasks. Holds: unsupervised_bounds_supervised, many_negatives, blocks,
  equality_cases.
- Saunshi et al., part 2: a generalisation bound shows that fewer labels are needed. In part:
  symmetrisation. Its first step, for unlabelled triples; the other inequalities here are those of
  populations.
- Saunshi et al., part 3: experiments on text and images agree. Not on trial. The data are not
  bundled.
- Tschannen et al.: mutual information alone does not explain the success of contrastive learning.
  In part: encoding_is_not_seen, encoding_is_not_seen-threshold, infonce_bounds. The link to metric
  learning is not on trial.
- Oko et al.: minimisers of the loss are approximately sufficient encoders. In part: excess_is_kl.
  For the logarithmic loss; other divergences and the downstream bound are not on trial.
"""
