"""In-context learning as ridge regression and gradient descent: the exact theory.

Akyurek, Schuurmans, Andreas, Ma & Zhou 2023, "What learning algorithm is in-context learning?
Investigations with linear models", ICLR 2023, arXiv 2211.15661, and its neighbours on linear
self-attention. Each import below is one concept in one file.
"""

from theory.in_context_learning.attention_descent import (
    descent_weights,
    gdpp_loss,
    preconditioned_descent_weights,
    residual_polynomial,
)
from theory.in_context_learning.building_blocks import (
    best_pad,
    gelu_bypass_error,
    hard_attention_error,
    layer_norm_division_factor,
    layer_norm_factor,
    layer_norm_leading_error,
)
from theory.in_context_learning.conditional_risk import (
    bayes_prediction_risk,
    bayes_risk_given_inputs,
    linear_rule_risk,
    linear_rule_spd,
    prediction_risk,
    prediction_spd,
    ridge_risk,
    ridge_risk_slope,
    spd_to_bayes,
)
from theory.in_context_learning.counts import (
    ConstructionSize,
    ridge_stack_counts,
    sgd_stack_counts,
    theorem_one_counts,
    theorem_two_counts,
)
from theory.in_context_learning.gelu_product import (
    FOURTH_ORDER,
    SIXTH_ORDER,
    best_product_scale,
    gelu_product_error,
    gelu_product_next_term,
    product_of_gelus,
    richardson_product_error,
    rounding_of_product,
    square_by_relu,
    square_by_tanh,
)
from theory.in_context_learning.gradient_flow import (
    covariate_shift_ratio,
    linear_label_moments,
    zhang_gamma,
    zhang_limit,
    zhang_rate,
    zhang_risk,
)
from theory.in_context_learning.linear_attention import (
    linear_attention_loss,
    loss_gradient,
    loss_hessian,
    optimal_loss,
    optimal_map,
)
from theory.in_context_learning.regression import (
    bayes_rule,
    bayes_weights,
    gradient_step_weights,
    nearest_neighbour_weights,
    ols_weights,
    one_sample_ridge,
    recursive_ridge_weights,
    ridge_rule,
    ridge_weights,
    sgd_weights,
    sherman_morrison,
)
from theory.in_context_learning.ridge_laws import (
    bayes_risk,
    mean_bayes_error,
    ridge_expected_risk,
    spd_ridge_to_bayes,
    spd_ridge_to_ols,
)
from theory.in_context_learning.risk_laws import (
    best_step,
    best_step_risk,
    expected_inverse_trace,
    fourth_moment_factor,
    gradient_step_risk,
    ols_risk,
    sgd_contraction,
    sgd_next_risk,
    sgd_risk,
    sgd_stability_limit,
    spd_gradient_step_to_ols,
    spd_labels,
    spd_sgd_to_ols,
    zero_predictor_risk,
)
from theory.in_context_learning.wishart_functionals import expected_spectral_sum, spectral_density
