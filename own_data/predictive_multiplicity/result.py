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
    """The answer of `multiplicity`. Shares are of the weight of the samples, from 0 to 1; tables
    have a row per tolerance.

    All bounds hold for all linear classifiers, without a margin.

    Attributes:
        columns: names of the features.
        dropped: those left out because they depend linearly on the constant and the ones before
            them.
        positive: the label that counts as +1.
        baseline: h_0, and what was proved of the best classifier.
        by_tolerance: "admitted", the errors beyond the baseline's; "discrepancy" and "ambiguity",
            each proved to lie between this number, which known classifiers reach, and "… at most";
            "proved": the two are equal (up to a relative 2e-6 where weights are not whole), and the
            baseline is the user's or proved to be optimal; "competitors", how many are known (there
            may be many more).
        classifiers: of the known competitor that disagrees most with the baseline: the intercept, a
            coefficient per feature (Σ |w| = 1) and the error rate. Missing where no competitor is
            known.
        people: per sample, in the order given: the baseline's "prediction"; "conflict from", the
            least tolerance at which a known competitor predicts otherwise; "no conflict below", a
            tolerance below which provably none does.
        conflicts: per sample and tolerance, how many of the known competitors predict otherwise.
        groups: per group and tolerance, its "share" of the sample, the "ambiguity" and "ambiguity
            at most" within it, and "changed", what the one of `classifiers` changes of it. None
            without groups.
        competitors: all known competitors.
        stopped: "", "out of time" or "interrupted".
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
        """The errors of the baseline and the known competitors on other samples; they are not
        optimal there.

        The classifiers are those of the training sample, and so are the tolerances. Of the samples
        given here, "discrepancy, not optimal" is the share that the most disagreeing of them there
        changes, "ambiguity, not optimal" that which some of them changes, "error rate" and
        "baseline error rate" what the former and h_0 get wrong. A score of exactly 0 predicts -1.
        Raises TypeError for an X without numbers; ValueError for an X that has no rows, is not
        finite or has other columns than the training sample, and for other than one label for each
        row. Source: arXiv 1909.06677.
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
        """Return the sample with its baseline, and a line for each of the first tolerances."""
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
        """Return what would close the brackets, where there are any."""
        return (
            ""
            if self.by_tolerance["proved"].all()
            else "for narrower brackets give a longer time_limit, or fewer rows"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the bounds of discrepancy and ambiguity, a row per tolerance."""
        return self.by_tolerance.copy()

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draw discrepancy and ambiguity by tolerance, known as points, bounds as bars, Proposition
        1 as a line.
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
