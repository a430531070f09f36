"""The scalings of a network with its width under which it learns features, and the limit of a
linear network that does.

Yang & Hu 2021, "Feature Learning in Infinite-Width Neural Networks" (Tensor Programs IV), ICML
2021, arXiv 2011.14522. The abstract, the released code, and notes that quote the theorems were
read. The exponents are the paper's; everything else was derived here.
"""

from theory.infinite_width.limit import (
    FiniteWidth,
    embedding_limit,
    finite_width,
    kernel_limit_outputs,
    limit_outputs,
    small_start,
    tanh_limit_outputs,
)
from theory.infinite_width.readout import LateMovement, late_movement, normal_units
from theory.infinite_width.scaling import (
    CONDITIONS,
    Scaling,
    departure_exponent,
    feature_exponent,
    first_step_exponent,
    is_nontrivial,
    named_scaling,
    output_exponent,
    shifted,
    stability,
)
