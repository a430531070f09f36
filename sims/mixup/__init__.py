"""Mixup and the curse of separability, simulated: how well do training-loss minimisers find the
Bayes direction?

`fits` draws samples and minimises the losses of Mixup and masks, `margins` those without
augmentation, for up to e^600 points. `angles` has their angles to the Bayes direction, and
`alignment` a test of any affine mixing.
"""
