"""Ridge ensembles on subsamples: risks, equivalent penalties, and what cross-validation says of
them.

Du, Patil & Kuchibhotla 2023, "Subsample Ridge Ensembles: Equivalences and Generalized
Cross-Validation", ICML, arXiv 2304.13016. For p / n -> φ and p / k -> φ_s; n points, subsamples of
k of them, p dimensions.
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
