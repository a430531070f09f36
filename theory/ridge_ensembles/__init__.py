"""Ridge ensembles on subsamples: their risks, the penalties that they amount to, and the limits of
cross-validation.

Du, Patil & Kuchibhotla 2023, "Subsample Ridge Ensembles: Equivalences and Generalized
Cross-Validation", ICML, arXiv 2304.13016. There are n points, subsamples of k of them, and p
dimensions, and all laws but `ridgeless_member_risk` are limits for p / n -> φ and p / k -> φ_s.
"""

from theory.ridge_ensembles.level import equivalent_penalty, least_penalty, level, residual_share
from theory.ridge_ensembles.optimum import (
    Optimum,
    isotropic_optimal_subsample_aspect,
    optimal_ridge,
    optimal_ridgeless,
)
from theory.ridge_ensembles.population import Population, autoregressive
from theory.ridge_ensembles.risk import (
    ensemble_risk,
    full_ensemble_risk,
    member_risk,
    ridgeless_member_risk,
    risk_at,
)
from theory.ridge_ensembles.validation import gcv_bias, union_gcv
