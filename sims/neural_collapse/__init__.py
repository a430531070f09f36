"""The simulators of neural collapse in deep linear networks: descent on the unconstrained features
model. A function without a source is derived here.

`model` has problems (class sizes, decays, bias, loss) and heads (weights, free features, bias),
with one column of features per sample or in the exact class-mean reduction. `optimise` finds their
minima, `gradient_training` follows descent, and `collapse_metrics` measures the geometry.
`relu_trunk` trains a network that makes its features.
"""
