"""In-context learning as ridge regression and gradient descent: the exact theory.

Akyurek, Schuurmans, Andreas, Ma & Zhou 2023, "What learning algorithm is in-context learning?
Investigations with linear models", ICLR 2023, arXiv 2211.15661, and its neighbours on linear
self-attention. `regression` has the textbook learners at one prompt and their risks given its
inputs, `risk_laws` the risks over all prompts, `constructions` the errors and sizes of the built
transformers, and `linear_attention` what its layers compute and where training takes them.
"""
