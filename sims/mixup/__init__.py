"""The simulators of Mixup and the curse of separability: how well do minimisers of a training loss
find the Bayes direction?

`fits` draws samples and minimises the losses of Mixup and of masks. `margins` minimises the loss
without augmentation, for samples of up to e^600 points. `angles` measures the angles of minimisers
to the Bayes direction, and `alignment` tests any affine augmentation.
"""
