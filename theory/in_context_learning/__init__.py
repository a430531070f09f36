"""In-context learning as ridge regression and gradient descent: the exact theory.

Akyurek, Schuurmans, Andreas, Ma & Zhou 2023, "What learning algorithm is in-context learning?
Investigations with linear models", ICLR 2023, arXiv 2211.15661. `regression` has the textbook
learners at one prompt and their risks given its inputs, `risk_laws` the risks over all prompts, and
`constructions` the errors and sizes of the built transformers.
"""
