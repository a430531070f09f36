"""The result of `multiplicity`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from own_data.predictive_multiplicity.baseline import Baseline, scores_of
from own_data.predictive_multiplicity.competitors import Competitors
from theory_on_trial.contract import guarded, require
from theory_on_trial.own_data.answer import Answer
from theory_on_trial.own_data.table import Handed, class_numbers, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LINES = 5


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Multiplicity(Answer):
    """The answer of `multiplicity`.

    Shares are shares of the weight of all samples, from 0 to 1. All bounds hold for all linear
    classifiers, without a margin.

    Attributes:
        columns: the names of the features.
        dropped: the names of the features that were left out, because they depend linearly on the
            constant and on the features before them.
        positive: the label that counts as +1.
        baseline: h_0, and what is proved of the best classifier.
        by_tolerance: a row for each tolerance. "admitted" is the number of errors that a competitor
            may make beyond those of the baseline. The discrepancy and the ambiguity are proved to
            lie between "discrepancy", which a known classifier reaches, and "discrepancy at most",
            and between "ambiguity" and "ambiguity at most". "proved" says whether both bounds are
            equal (up to a relative 2e-6 if weights are not whole) and whether the baseline is the
            user's or proved to be optimal. "competitors" is the number of known competitors; there
            may be many more.
        classifiers: a row for each tolerance, on the known competitor that disagrees most with the
            baseline: the intercept and a coefficient for each feature (Σ |w| = 1), and the error
            rate; NaN if no competitor is known.
        people: a row for each sample, in the given order. "prediction" is that of the baseline,
            "conflict from" the least tolerance at which a known competitor predicts otherwise,
            "no conflict below" a tolerance below which no competitor does, by proof.
        conflicts: the number of known competitors that predict otherwise, with a row for each
            sample and a column for each tolerance.
        groups: a row for each group and tolerance: its "share" of the sample, the "ambiguity" and
            "ambiguity at most" within it, and "changed", the share of it whose predictions the
            competitor in `classifiers` changes. None if no groups were given.
        competitors: all known competitors.
        stopped: why the search ended early, "out of time" or "interrupted"; "" if it did not.
    """

    asked = "how many predictions depend on the choice among equally good linear classifiers?"
    rests_on = (
        "these samples alone: what is proved holds of every linear classifier, whatever their law"
    )
    unseen = "other samples (see `held_out`), and classifiers that are not linear in these columns"
    columns: tuple[str, ...]
    dropped: tuple[str, ...]
    positive: Any
    baseline: Baseline
    by_tolerance: pd.DataFrame
    classifiers: pd.DataFrame
    people: pd.DataFrame
    conflicts: pd.DataFrame
    groups: pd.DataFrame | None
    competitors: Competitors
    stopped: str

    @guarded
    def held_out(self, X: Handed, y: Handed) -> pd.DataFrame:
        """Return how the baseline and the known competitors do on other samples, where they are not
        optimal.

        Args:
            X: the features of the other samples, with the columns of the training sample.
            y: their labels.

        The data frame has a row for each tolerance, and its numbers are shares of the samples given
        here. At each tolerance the competitors are those of the training sample. "discrepancy, not
        optimal" is the share of predictions that one of them changes, the one that disagrees most
        with the baseline on the training sample; "error rate" is that of this competitor.
        "ambiguity, not optimal" is the share of predictions that at least one competitor changes.
        "baseline error rate" is that of h_0. A score of exactly 0 predicts -1.

        Raises TypeError for an X without numbers; ValueError for an X that has no rows, is not
        finite or has other columns than the training sample, and for other than one label for each
        row. Source: Marx, Calmon & Ustun 2020, arXiv 1909.06677.
        """
        features, columns, _ = table("X", X)
        codes, classes = class_numbers("y", y)
        positives = np.array([label == self.positive for label in classes], bool)[codes]
        fits = len(features) and columns == self.columns
        require(
            fits,
            f"X must be a table with the columns {', '.join(self.columns)} and at least one row",
        )
        n = len(features)
        require(len(codes) == n, f"y must be {n} labels, one per row of X, got {len(codes)}")
        baseline = scores_of(self.baseline.model)(X) > 0
        predictions = np.array(
            [scores_of(one)(features) > 0 for one in self.competitors.coefficients]
        )
        rows = []
        for admitted in self.by_tolerance["admitted"]:
            competing = self.competitors.errors <= self.competitors.reach(admitted)
            chosen = self.competitors.within(admitted).chosen
            most = baseline if chosen is None else predictions[chosen]
            rows.append(
                {
                    "discrepancy, not optimal": np.mean(most != baseline),
                    "ambiguity, not optimal": np.mean(
                        (predictions[competing] != baseline).any(axis=0)
                    ),
                    "error rate": np.mean(most != positives),
                    "baseline error rate": np.mean(baseline != positives),
                }
            )
        return pd.DataFrame(rows, index=self.by_tolerance.index)

    def lines(self) -> list[str]:
        """Return a line on the sample, one on the baseline, and one on each of the first five
        tolerances.
        """
        shown = self.by_tolerance.iloc[:_MOST_LINES]
        lines = [*self._headline()]
        for tolerance, row in shown.iterrows():
            brackets = ", ".join(
                f"{measure} {_bracket(row[measure], row[measure + ' at most'])}"
                for measure in ("discrepancy", "ambiguity")
            )
            lines.append(
                f"error rate + {tolerance:.4g}: {brackets} "
                f"({'proved' if row['proved'] else 'not proved'})"
            )
        return lines

    def to_do(self) -> str:
        """Return what would narrow the bounds; "" if everything is proved."""
        return (
            ""
            if self.by_tolerance["proved"].all()
            else "give a longer time_limit or fewer rows for narrower bounds"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for each tolerance: the bounds of discrepancy and of
        ambiguity.
        """
        return self.by_tolerance.copy()

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draw discrepancy and ambiguity against the tolerance, and return the axes.

        Points are what known classifiers reach, bars extend to the bounds, and the line is the
        bound of Proposition 1 of the paper.
        """
        from matplotlib.pyplot import subplots

        drawn = subplots()[1] if axes is None else axes
        table = self.by_tolerance
        tolerances = self.by_tolerance.index.to_numpy()
        error = self.competitors.table.errors(self.baseline.dichotomy) / self.competitors.table.n
        for shift, measure in ((-1, "discrepancy"), (1, "ambiguity")):
            known = table[measure].to_numpy()
            most = table[f"{measure} at most"].to_numpy()
            # So that bars do not hide each other
            apart = 0.003 * shift * max(float(np.ptp(tolerances)), 1e-3)
            drawn.errorbar(
                tolerances + apart,
                known,
                [0 * known, most - known],
                fmt="o",
                capsize=3,
                label=measure,
            )
        grid = np.linspace(min(tolerances.min(), 0), max(tolerances.max(), 1e-3), 50)
        drawn.plot(
            grid,
            np.clip(2 * error + grid, 0, 1),
            "k--",
            linewidth=0.8,
            label="discrepancy, Proposition 1",
        )
        drawn.set_xlabel("tolerance of the error rate")
        drawn.set_ylabel("share of the predictions")
        drawn.set_ylim(-0.02, 1.02)
        drawn.legend(fontsize="small")
        return drawn

    def _headline(self) -> tuple[str, str]:
        table = self.competitors.table
        low, high = self.baseline.least_errors
        errors = table.errors(self.baseline.dichotomy)
        least = f"{low:.10g}" if low == high else f"{low:.10g} to {high:.10g}"
        dropped = f", without {', '.join(self.dropped)}" if self.dropped else ""
        if self.baseline.is_own:
            which = "the model given"
        elif low < high:
            which = "the best classifier found"
        elif self.baseline.n_optimal == 1 and self.baseline.knows_all_optimal:
            which = "the optimal classifier"
        elif self.baseline.n_optimal:
            ties = (
                f"{self.baseline.n_optimal}{'' if self.baseline.knows_all_optimal else ' or more'}"
            )
            which = f"one of {ties} optimal classifiers"
        else:
            which = "an optimal classifier"
        return (
            f"{table.n:.10g} samples in {len(table.rows)} distinct rows of {len(table.columns)} "
            "independent features"
            f"{dropped}",
            f"baseline: {which}, {errors:.10g} errors ({errors / table.n:.2%}), least possible "
            f"{least}",
        )


def _bracket(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
