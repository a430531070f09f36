"""What `multiplicity` returns."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from own_data.predictive_multiplicity.baseline import Baseline, scores_of
from own_data.predictive_multiplicity.competitors import Competitors
from own_data.predictive_multiplicity.inputs import names_of
from sims.predictive_multiplicity._domains import Labels, Samples
from theory_on_trial.contract import guarded, require
from theory_on_trial.own_data.arrays import numbers


@dataclass(frozen=True, eq=False, repr=False)
class Multiplicity:
    """What `multiplicity` found. Shares are of the weight of the samples, from 0 to 1; tables have a row per tolerance.

    Attributes:
        columns: names of the features.
        dropped: those left out because they depend linearly on the constant and the ones before them.
        baseline: h_0, and what was proved of the best classifier.
        summary: "admitted", the errors beyond the baseline's; "discrepancy" and "ambiguity", each of them proved to lie
            between this number, which known classifiers reach, and "… at most" ("proved": the two are equal, up to a
            relative 2e-6 where weights are not whole); "certificate", the classifiers that the upper bounds hold for,
            "exact" for all linear ones; "competitors", how many are known (there may be many more).
        classifiers: of the known competitor that disagrees most with the baseline: the intercept, a coefficient per
            feature (Σ |w| = 1) and the error rate. Missing where no competitor is known.
        people: per sample, in the order given: the baseline's "prediction"; "conflict from", the least tolerance at
            which a known competitor predicts otherwise; "no conflict below", a tolerance below which provably none
            does.
        conflicts: per sample and tolerance, how many of the known competitors predict otherwise.
        groups: per group and tolerance, its "share" of the sample, the "ambiguity" and "ambiguity at most" within it,
            and "changed", what the one of `classifiers` changes of it. None without groups.
        competitors: all known competitors.

    >>> from own_data.predictive_multiplicity import multiplicity
    >>> line = [[0], [1], [2], [3]]
    >>> found = multiplicity(line, [-1, -1, 1, -1], epsilons=[0.25], progress=False)
    >>> found.people["conflict from"].tolist()
    [0.25, 0.25, 0.0, 0.0]
    """

    columns: tuple[str, ...]
    dropped: tuple[str, ...]
    baseline: Baseline
    summary: pd.DataFrame
    classifiers: pd.DataFrame
    people: pd.DataFrame
    conflicts: pd.DataFrame
    groups: pd.DataFrame | None
    competitors: Competitors

    @guarded
    def held_out(self, X: Samples, y: Labels) -> pd.DataFrame:
        """How the baseline and the known competitors do on other samples; nothing of it is optimal there.

        The classifiers are those of the training sample, and so are the tolerances. Of the samples given here,
        "discrepancy, not optimal" is the share that the most disagreeing of them there changes, "ambiguity, not
        optimal" that which some of them changes, "error rate" and "baseline error rate" what the former and h_0 get
        wrong. A score of exactly 0 predicts -1.
        Raises TypeError for an X without numbers; ValueError for an X that has no rows, is not finite or has other
        columns than the training sample, and for other than one label for each row. Source: arXiv 1909.06677.
        """
        features, labels = numbers("X", X), np.asarray(y)
        fits = features.ndim == 2 and len(features) and names_of(X, features.shape[1]) == self.columns
        require(fits, f"X must be a table with the columns {', '.join(self.columns)} and at least one row")
        if not np.isfinite(features).all():
            raise ValueError(f"X must be finite, got {features[~np.isfinite(features)][0]}")
        n = len(features)
        require(len(labels) == n, f"y must be {n} labels -1 or +1, one per row of X, got {len(labels)}")
        baseline = scores_of(self.baseline.model)(X) > 0
        predictions = np.array([scores_of(one)(features) > 0 for one in self.competitors.coefficients])
        rows = []
        for admitted in self.summary["admitted"]:
            competing = self.competitors.errors <= self.competitors.reach(admitted)
            chosen = self.competitors.within(admitted).chosen
            most = baseline if chosen is None else predictions[chosen]
            rows.append(
                {
                    "discrepancy, not optimal": np.mean(most != baseline),
                    "ambiguity, not optimal": np.mean((predictions[competing] != baseline).any(axis=0)),
                    "error rate": np.mean(most != (labels == 1)),
                    "baseline error rate": np.mean(baseline != (labels == 1)),
                }
            )
        return pd.DataFrame(rows, index=self.summary.index)

    def __repr__(self) -> str:
        """Return the sample, the baseline and the summary."""
        return f"{self._headline()}\n{self.summary.to_string(float_format='%.4g')}"

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        return f"<p>{self._headline()}</p>{self.summary.to_html(float_format='%.4g')}"

    def _headline(self) -> str:
        table, low, high = self.competitors.table, *self.baseline.least_errors
        errors = table.errors(self.competitors.baseline)
        least = f"{low:.10g}" if low == high else f"{low:.10g} to {high:.10g}"
        sample = (
            f"{table.n:.10g} samples in {len(table.rows)} distinct rows of {len(table.columns)} independent features"
        )
        if self.baseline.is_own:
            which = "the model given"
        elif low < high:
            which = "the best classifier found"
        elif self.baseline.n_optimal == 1 and self.baseline.knows_all_optimal:
            which = "the optimal classifier"
        else:
            ties = f"{self.baseline.n_optimal}{'' if self.baseline.knows_all_optimal else ' or more'}"
            which = f"one of {ties} optimal classifiers"
        return (
            f"{sample}; baseline: {which}, {errors:.10g} errors ({errors / table.n:.2%}), least possible {least} "
            f"({self.baseline.certificate})"
        )
