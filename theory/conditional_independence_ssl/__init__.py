"""Predicting one part of the input from another, and what a linear head on the prediction then
needs in labels.

Lee, Lei, Saunshi & Zhuo 2021, "Predicting what you already know helps: provable self-supervised
learning", arXiv 2008.01064. What the abstract says in words is derived here in closed form: exactly
how far the head can get (`means`), in jointly normal variables (`gaussian`), and after so many
labels and unlabelled pairs (`labels`).
"""

from theory.conditional_independence_ssl.gaussian import SharedCause, shared_cause
from theory.conditional_independence_ssl.labels import (
    break_even,
    class_cost,
    excess_risk,
    learned_pretext_error,
    pretext_noise,
)
from theory.conditional_independence_ssl.means import (
    approximation_error,
    canonical_functions_error,
    posterior,
    violation_bounds,
)
