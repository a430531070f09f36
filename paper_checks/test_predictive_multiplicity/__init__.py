"""Marx, Calmon & Ustun 2020, "Predictive Multiplicity in Classification", ICML 2020, arXiv
1909.06677.

Of the paper its abstract, its introduction, the released code and the public data were read, so
what is on trial are the definitions, Proposition 1 and Figure 1 as recalled, the released
formulations, and sharper statements derived here. E(h) counts errors, E_0 those of the baseline
h_0, n the points, e = floor(ε n) the errors that a competitor may add; counts are integers and are
compared exactly.

Abstract:

- Sentence 1: many problems admit models that are almost equally accurate. Holds: rashomon-cells,
  baseline-ties.
- Sentence 3: such models may disagree on single points, and definitions say how much. Holds:
  xor-figure1, order, steps, parity, saturation, separable, discrepancy-bound, bound-tight,
  ambiguity-bound.
- Sentence 4: integer programs compute the measures exactly for linear classifiers. Holds:
  erm-exact, flip-exact, disc-exact, margin-free-exact, ambiguity-cdf, coverage-certificate,
  two-sided. The released margin is too small for some data (`margin-floor`).
- Sentence 5: they are applied to the prediction of recidivism. In part: compas-table,
  compas-violent, compas-oversampled, compas-race. On COMPAS; two further data sets are not free.
- Sentence 6: real data sets may admit models that disagree on many people. Holds: compas-table,
  compas-held_out, compas-redrawn, compas-who. On the training sample and on held-out people; labels
  that are drawn from a fitted linear model show as much. Women and African-American people sit in
  ambiguous rows more often.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np

from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.solver import Solution
from sims.linear_dichotomies.table import Table
from sims.predictive_multiplicity.domains import Target
from theory_on_trial import Trial, abstract, derived
from theory_on_trial.contract import Interval

EXACTLY = abstract(
    "We introduce formal measures to evaluate the severity of predictive multiplicity and develop "
    "integer programming "
    "tools to compute them exactly for linear classification problems."
)
OPTIMA = derived(
    "optima of this project's own programs, recorded here and proved by their bounds at every run"
)


Dim = Annotated[int, Interval(1, 3, why="all linear classifiers are met")]
NPoints = Annotated[int, Interval(12, 100)]
NSets = Annotated[
    int, Interval(2, 100, why="controls differ on some set only, and each is searched exactly")
]
Copies = Annotated[int, Interval(1, 1000)]

EPSILONS = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)


class Solved(NamedTuple):
    """A COMPAS table with the optimal baseline of largest margin, all flips, and both paths at
    `EPSILONS`.
    """

    table: Table
    baseline: Solution
    flips: observed.FlipErrors
    discrepancy: observed.DiscrepancyPath
    ambiguity: observed.AmbiguityPath


@cache
def solved(target: Target, *, oversampled: bool = False) -> Solved:
    """The exact answers for COMPAS without race, which several claims share."""
    table = observed.compas(target, oversampled=oversampled)
    baseline = observed.co_optimal(table).solutions[0]
    flips = observed.flip_errors(table, baseline)
    path = observed.discrepancy_path(table, baseline, EPSILONS)
    return Solved(
        table, baseline, flips, path, observed.ambiguity_path(table, baseline, flips, EPSILONS)
    )


def counts(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """The counts of both labels, as the theory takes them."""
    return table.positives, table.negatives


def over(items: Iterable[Any], measure: Callable[[Any], tuple[Any, ...]]) -> list[np.ndarray]:
    """Measure each item; return one array for each of the answers, items first."""
    return [np.array(answers) for answers in zip(*map(measure, items), strict=True)]


def apart(trial: Trial, truth: Any, wrong: dict[str, Any]) -> dict[str, Any]:
    """Return the wrong answers that differ from the truth somewhere; require settings at which one
    of them does.
    """
    left = {
        name: value
        for name, value in wrong.items()
        if np.any(np.asarray(value) != np.asarray(truth))
    }
    trial.require(
        left,
        f"settings must tell the claim from {' or '.join(map(repr, wrong))}: at these all are the "
        "same",
    )
    return left


def beyond(trial: Trial, lhs: Any, wrong: dict[str, Any]) -> dict[str, Any]:
    """Return wrong bounds; require settings at which each of them is exceeded somewhere."""
    for name, bound in wrong.items():
        exceeded = np.any(np.asarray(lhs) > bound)
        trial.require(exceeded, f"settings must tell the bound from {name!r}: at these both hold")
    return wrong
