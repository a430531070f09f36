"""The result of `multiplicity`, and its tables: by tolerance, by sample and by group."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Real

from own_data.predictive_multiplicity.inputs import scores_of
from own_data.predictive_multiplicity.search import Search
from sims.linear_dichotomies.table import Table
from sims.linear_dichotomies.tasks import reach_of
from theory_on_trial.contract import guarded, require
from theory_on_trial.own_data.answer import Answer
from theory_on_trial.own_data.table import Handed, class_numbers, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LINES = 5


@dataclass(frozen=True, eq=False)
class Baseline:
    """The baseline h_0 with which competitors are compared, and what is proved of the best
    classifier.

    Attributes:
        dichotomy: for each row of the table, 1 if h_0 predicts the positive class and 0 if not.
        model: the user's model as it was given, or the coefficients w of the best classifier, the
            intercept first, with Σ |w| = 1.
        least_errors: a lower and an upper bound of E_0, the smallest weight of samples that a
            linear classifier gets wrong; the two are equal if E_0 is proved.
        is_own: whether h_0 is the user's model. If not, h_0 is an optimal classifier if E_0 is
            proved, and otherwise the best one found.
        n_optimal: the number of optimal classifiers that were counted (in low dimension) or found
            (at most 100); h_0 has the largest margin of those found.
        knows_all_optimal: whether these are all optimal classifiers. The search does not look for
            them if h_0 is the user's model or if E_0 is not proved.
    """

    dichotomy: Int[np.ndarray, " rows"]
    model: Any
    least_errors: tuple[int | float, int | float]
    is_own: bool
    n_optimal: int
    knows_all_optimal: bool


class Affected(NamedTuple):
    """The rows whose predictions the known competitors within a tolerance change.

    Attributes:
        some: whether some competitor predicts the row differently from the baseline.
        most: whether the competitor that disagrees most with the baseline does.
        chosen: the number of that competitor; None if there is no competitor.
        counts: the number of competitors that predict the row differently.
        known: the number of known competitors within the tolerance.
    """

    some: Bool[np.ndarray, " rows"]
    most: Bool[np.ndarray, " rows"]
    chosen: int | None
    counts: Int[np.ndarray, " rows"]
    known: int


@dataclass(frozen=True, eq=False)
class Competitors:
    """The known classifiers other than the baseline.

    Attributes:
        table: the sample, with equal rows merged.
        baseline: the dichotomy of the baseline h_0.
        dichotomies: for each classifier and row, 1 if it predicts +1 and 0 if not.
        coefficients: w of each classifier, the intercept first, then one for each of the user's
            features, with Σ |w| = 1.
        errors: the weight of the samples that each classifier gets wrong.
    """

    table: Table
    baseline: Int[np.ndarray, " rows"]
    dichotomies: Int[np.ndarray, "classifiers rows"]
    coefficients: Float[np.ndarray, "classifiers coefficients"]
    errors: Real[np.ndarray, " classifiers"]

    def reach(self, admitted: int | float) -> float:
        """Return the largest number of errors that a competitor may make."""
        return reach_of(self.table, self.baseline, admitted)

    def within(self, admitted: int | float) -> Affected:
        """Return what the classifiers change that make at most `admitted` errors more than the
        baseline.
        """
        competing = np.flatnonzero(self.errors <= self.reach(admitted))
        differs = self.dichotomies[competing] != self.baseline
        chosen = None
        most = np.zeros(len(self.baseline), bool)
        if len(competing):
            largest = int((differs @ self.table.totals).argmax())
            chosen = int(competing[largest])
            most = differs[largest]
        return Affected(differs.any(axis=0), most, chosen, differs.sum(axis=0), len(competing))

    def least_errors(self) -> Real[np.ndarray, " rows"]:
        """Return, for each row, the smallest number of errors of a known classifier that predicts
        it differently from the baseline; infinite if none does.
        """
        errors = np.where(self.dichotomies != self.baseline, self.errors[:, None], np.inf)
        return errors.min(axis=0, initial=np.inf)


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


class Views:
    """Tables of what is known of the competitors, and of what the search has proved."""

    def __init__(
        self,
        competitors: Competitors,
        search: Search,
        tolerances: Float[np.ndarray, " tolerances"],
        admitted: list[int | float],
    ):
        self._competitors = competitors
        self._search = search
        self._admitted = admitted
        self._table = competitors.table
        self._affected = [competitors.within(one) for one in admitted]
        self._index = pd.Index(tolerances, name="tolerance")

    @cached_property
    def _maybe_ambiguous(self) -> list[Bool[np.ndarray, " rows"]]:
        """The rows that a competitor may change because nothing proves the contrary."""
        low, _ = self._search.flips()
        pairs = zip(self._admitted, self._affected, strict=True)
        return [
            affected.some | (low <= self._search.reach(admitted)) for admitted, affected in pairs
        ]

    def by_tolerance(self) -> pd.DataFrame:
        """Return `Multiplicity.by_tolerance`: discrepancy and ambiguity at each tolerance."""
        search = self._search
        totals = self._table.totals
        n = self._table.n
        ambiguity, discrepancy = (
            np.array([totals[getattr(affected, name)].sum() for affected in self._affected])
            for name in ("some", "most")
        )
        ambiguity_bounds = np.array([totals[rows].sum() for rows in self._maybe_ambiguous])
        caps = np.array([search.cap(admitted) for admitted in self._admitted])
        # Weights that are not whole are proved to a relative 2e-6.
        discrepancy_bounds = np.where(caps <= discrepancy + search.slack, discrepancy, caps)
        gaps = np.maximum(discrepancy_bounds - discrepancy, ambiguity_bounds - ambiguity)
        is_fixed = self._search.proved_least or search.has_own
        return pd.DataFrame(
            {
                "admitted": self._admitted,
                "discrepancy": discrepancy / n,
                "discrepancy at most": discrepancy_bounds / n,
                "ambiguity": ambiguity / n,
                "ambiguity at most": ambiguity_bounds / n,
                "proved": (gaps <= search.slack) & is_fixed,
                "competitors": [affected.known for affected in self._affected],
            },
            index=self._index,
        )

    def classifiers(self, columns: tuple[str, ...]) -> pd.DataFrame:
        """Return `Multiplicity.classifiers`: the competitor that disagrees most at each
        tolerance.
        """
        known = np.column_stack(
            [self._competitors.coefficients, self._competitors.errors / self._table.n]
        )
        numbers = [
            np.full(known.shape[1], np.nan) if affected.chosen is None else known[affected.chosen]
            for affected in self._affected
        ]
        return pd.DataFrame(numbers, self._index, ["intercept", *columns, "error rate"])

    def people(self, index: Any) -> pd.DataFrame:
        """Return `Multiplicity.people`: the baseline's prediction for each sample, and the
        tolerances from which on competitors change it.
        """
        errors = self._table.errors(self._competitors.baseline)
        limits = {
            "conflict from": self._competitors.least_errors(),
            "no conflict below": self._search.flips()[0],
        }
        by_row = {"prediction": 2 * self._competitors.baseline - 1}
        by_row |= {
            name: np.maximum(limit - errors, 0) / self._table.n for name, limit in limits.items()
        }
        return pd.DataFrame(
            {name: values[self._table.row_of_sample] for name, values in by_row.items()}, index
        )

    def conflicts(self, index: Any) -> pd.DataFrame:
        """Return `Multiplicity.conflicts`: how many known competitors predict each sample otherwise
        at each tolerance.
        """
        counts = np.stack([affected.counts for affected in self._affected], axis=1)
        return pd.DataFrame(counts[self._table.row_of_sample], index, self._index)

    def groups(
        self,
        group_of: Int[np.ndarray, " samples"],
        names: pd.Index,
        weights: Float[np.ndarray, " samples"],
    ) -> pd.DataFrame:
        """Return `Multiplicity.groups`: how strongly each group is affected at each tolerance."""
        sizes = np.bincount(group_of, weights)

        def shares(rows: Bool[np.ndarray, " rows"]) -> Float[np.ndarray, " groups"]:
            return (
                np.bincount(group_of, weights * rows[self._table.row_of_sample], len(names)) / sizes
            )

        parts = [
            pd.DataFrame(
                {
                    "share": sizes / sizes.sum(),
                    "ambiguity": shares(affected.some),
                    "ambiguity at most": shares(maybe),
                    "changed": shares(affected.most),
                },
                names,
            )
            for affected, maybe in zip(self._affected, self._maybe_ambiguous, strict=True)
        ]
        by_tolerance = pd.concat(parts, keys=self._index, names=["tolerance", "group"]).swaplevel()
        return by_tolerance.iloc[np.arange(len(by_tolerance)).reshape(len(parts), -1).T.ravel()]
