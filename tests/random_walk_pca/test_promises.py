"""What every public function of random walks owes to whoever calls it."""

from theory import random_walk_pca as predicted
from theory_on_trial.audits.promises import Case, promises

WARNS = Case(warns="the dimension is small, or the components are many")
SHARE = Case(within=(-1e-12, 1 + 1e-12))

(
    test_front_doors,
    test_refusals,
    test_answers,
    test_extremes,
) = promises(
    [predicted],
    {
        "momentum_crossover_index": Case(infinite="at no momentum"),
        **dict.fromkeys(["explained_variance_ratio_std", "mean_explained_variance_ratio", "overlap_deficit"], WARNS),
    },
)
