"""How far is a trained linear head, on its features, from the global optimum that collapse
promises?

What that optimum is for given class sizes, depth, widths and decays, and the largest decay at which
every class lives, say `theory.neural_collapse.mse_optimum`, `ce_optimum_shallow` and
`largest_common_decay`.
"""

from own_data.neural_collapse.certificate import HeadCertificate, certify_head
