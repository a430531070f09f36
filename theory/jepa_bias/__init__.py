"""The exact theory of the order in which JEPA learns features.

Littwin, Saremi, Advani, Thilak, Nakkiran, Huang & Susskind 2024, "How JEPA Avoids Noisy Features:
The Implicit Bias of Deep Linear Self Distillation Networks", arXiv 2407.03475. `learning_times` has
the scalar equations and the time at which a feature is learned, and `learning_order` tells which of
two features comes first. `partial_states` describes which feature the whole network unlearns for
another one. `data_models` derives features from models of the data. `variants` treats other starts,
targets and predictors.

MAE with an encoder of L layers is a deep linear network of L + 1 layers, whose dynamics are those
of Saxe et al. 2014 (the page `deep_linear_learning`). The dynamics of JEPA are not those of a deep
linear network, whatever the number of layers.
"""
