"""The simulators of ridge ensembles: ridge regressions on subsamples are fitted and averaged to
bags, and their risks are measured and estimated by cross-validation.

Source: Du, Patil & Kuchibhotla 2023 (arXiv 2304.13016). Nothing here uses the limits that the paper
predicts. Notation: n points of dimension p, k points in a subsample, M members in a bag, penalty λ.
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
