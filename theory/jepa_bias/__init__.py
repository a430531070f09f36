"""How JEPA orders features: the exact theory.

Littwin, Saremi, Advani, Thilak, Nakkiran, Huang & Susskind 2024, "How JEPA Avoids Noisy Features:
The Implicit Bias of Deep Linear Self Distillation Networks", arXiv 2407.03475. `learning_times` has
the scalar equations and when a feature is learned, `learning_order` which of two comes first,
`partial_states` what the whole network unlearns for another feature, `data_models` where features
come from, and `variants` other starts, targets and predictors.

MAE with an encoder of L layers is a deep linear network of L + 1 layers, whose dynamics are those
of Saxe et al. 2014 (the page `deep_linear_learning`). JEPA is none, for any number of layers.
"""
