"""Ridge on subsamples, fitted: members and bags of them, their risks and what cross-validation says
of them.

Of Du, Patil & Kuchibhotla 2023 (arXiv 2304.13016); nothing here uses the laws that the paper
predicts.
"""

from sims.ridge_ensembles.members import bagged_coefficients, data_set, smoothers
from sims.ridge_ensembles.trace_form import (
    TraceForm,
    bag_mean,
    corrected_gcv,
    gcv,
    trace_form,
    traces,
    union_gcv,
)
from sims.ridge_ensembles.zero_means import zero_means
