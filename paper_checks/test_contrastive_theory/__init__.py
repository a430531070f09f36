"""Arora et al. 2019, "Contrastive Unsupervised Representation Learning", ICML 2019, arXiv
1902.09229, and neighbours.

The neighbours are Tschannen et al. 2020 (ICLR, arXiv 1907.13625) and Lin & Mei 2025, "A Statistical
Theory of Contrastive Learning via Approximate Sufficient Statistics" (arXiv 2503.17538). Abstracts
were read, and of the first paper's theorems what a review quotes, so that no published formula is
corrected here.

Abstract:

- Arora et al., sentence 1: unlabelled data have served to learn representations. No statement.
- Arora et al., sentence 2: similar pairs are given larger inner products than negative samples. No
  statement.
- Arora et al., sentence 3: latent classes are the framework. No statement.
- Arora et al., sentence 4: under latent classes there are guarantees on the average classification
  task. Holds: unsupervised_bounds_supervised, many_negatives, blocks, equality_cases. For mean
  losses of any encoder, and the mean classifier of two classes.
- Arora et al., sentence 5: a generalisation bound shows that fewer labels are needed. Not on trial.
  `symmetrisation` is its first step, for unlabelled triples; no claim counts labels.
- Arora et al., sentence 6: experiments on text and images agree. Not on trial. The data are not
  bundled.
- Tschannen et al., sentence 1: representations are learned by maximising estimates of mutual
  information. No statement.
- Tschannen et al., sentence 2: mutual information is hard to estimate, and invariant under
  invertible maps, so that representations may be entangled. Holds at a smaller scale:
  encoding_is_not_seen, encoding_is_not_seen-threshold, infonce_bounds. On four values, and for
  InfoNCE.
- Tschannen et al., sentence 3: the methods excel in practice. No statement.
- Tschannen et al., sentence 4: their success cannot be attributed to mutual information alone. Not
  on trial. No network is trained.
- Tschannen et al., sentence 5: they are connected to deep metric learning. Not on trial. No such
  loss is compared.
- Lin & Mei, sentence 1: contrastive learning has driven progress. No statement.
- Lin & Mei, sentences 2 and 3: a framework is built on approximate sufficient statistics. No
  statement.
- Lin & Mei, sentence 4: minimisers of contrastive losses are approximately sufficient encoders. In
  part: excess_is_kl. By the Kullback-Leibler divergence; other divergences are not on trial.
- Lin & Mei, sentence 5: such encoders adapt to later tasks, up to their sufficiency and the error
  of the augmentation. Not on trial. No augmentation is modelled.
- Lin & Mei, sentence 6: linear regression and topics are examples. Not on trial. Neither is built.
"""
