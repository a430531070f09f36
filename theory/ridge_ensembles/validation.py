"""The limit of generalised cross-validation (GCV) for a bag of M members: R_M plus a bias of order
1 / M.

It is derived here from one fact: a training point's residual is d times its leave-one-out residual.
The paper's abstract states consistency for the full ensemble. At M = 2, over the union of the
subsamples, the law is that of the authors' code (`comp_theoretic_gcv_inf`).
"""

import numpy as np

from theory.ridge_ensembles.level import require_subsample, residual_share
from theory.ridge_ensembles.population import Aspect, Members, Penalty, Population
from theory.ridge_ensembles.risk import full_ensemble_risk, member_risk
from theory_on_trial.contract import guarded, require


@guarded
def gcv_bias(
    population: Population,
    penalty: Penalty,
    aspect: Aspect,
    subsample_aspect: Aspect,
    members: Members,
) -> float:
    """Return the limit of GCV over all n points less the risk R_M: q R1 / M, in squared units of y,
    which is never negative.

    q = w (1 - w) (1 - d)^2 / (1 - w + w d)^2, where w = k / n and d is the `residual_share`. Raises
    ValueError as `full_ensemble_risk`, and at k = n with d = 0, where GCV is 0 / 0.
    """
    require_subsample(aspect, subsample_aspect)
    share = aspect / subsample_aspect
    d = residual_share(population, penalty, subsample_aspect)
    left = (1 - share) + share * d
    require(
        abs(left) > 1e-12,
        "penalty must not make 1 - w + w d vanish, as 0 does at k = n: GCV is 0 / 0 there",
    )
    return (
        share
        * (1 - share)
        * (1 - d) ** 2
        / left**2
        * member_risk(population, penalty, subsample_aspect)
        / members
    )


@guarded
def union_gcv(
    population: Population,
    penalty: Penalty,
    aspect: Aspect,
    subsample_aspect: Aspect,
    members: Members,
) -> float:
    """Return the limit of GCV over the points that any member has seen, which are a share u = 1 -
    (1 - w)^M of all n; w = k / n. It is in squared units of y.

    It is the mean squared residual of the seen points, divided by (1 - w (1 - d) / u)^2, where d is
    the `residual_share`. Raises ValueError as `full_ensemble_risk`, and at M = 1 with d = 0, where
    it is 0 / 0.
    """
    require_subsample(aspect, subsample_aspect)
    w = aspect / subsample_aspect
    d = residual_share(population, penalty, subsample_aspect)
    by_others = -(1 - w) * np.expm1((members - 1) * np.log1p(-w)) if w < 1 else 0.0
    # Shares of the seen, to all digits where k / n is small
    own, others = np.array([w, by_others]) / (w + by_others)
    left = float(others + own * d)
    require(
        abs(left) > 1e-12 * abs(d),
        "penalty must not make 1 - w (1 - d) / u vanish, as 0 does at M = 1: GCV is 0 / 0 there",
    )
    single = member_risk(population, penalty, subsample_aspect) / members
    pairs = (1 - 1 / members) * full_ensemble_risk(population, penalty, aspect, subsample_aspect)
    # Less the share (1 - w)^M of the unseen, whose residuals are the bag's risk.
    pair_weight = others - own * (1 - w) + own * d * (2 * (1 - w) + w * d)
    return float((own * d**2 + others) * single + pair_weight * pairs) / left**2
