"""The answer of `labels_saved`, in numbers and in words."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.own_data.answer import Answer, axes_for, listed
from theory_on_trial.own_data.estimate import Estimate, intervals


class Risks(NamedTuple):
    """The expected excess risks over the best predictor that is linear in X1, for one number of
    labels, in squared units of the label.
    """

    n_labels: int
    """The number of labels."""
    raw: float
    """The risk of least squares on X1; infinite if it is undefined."""
    pretext: float
    """The risk of least squares on the whole learned pretext."""
    truncated: float
    """The risk of least squares on the leading directions of the pretext."""
    saved: Estimate
    """`raw` - `truncated`; infinite if the raw risk is."""


_LINES = 7  # of the answer


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LabelsSaved(Answer):
    """The answer of `labels_saved`: how many labels a pretext task saves.

    The pretext is the prediction of X2 from X1; the truncated pretext keeps its leading directions
    only. Risks and errors are in squared units of the label.

    Attributes:
        table: the risks for each number of labels.
        break_even: the number of labels from which on the raw input is as good as the truncated
            pretext; infinite if it never is.
        rank: the number of directions of the pretext that are kept.
        effective_rank: the number of directions that predict new rows of X2 best, which `rank` is
            unless the user gave it.
        singular_values: the singular values of the pretext in white coordinates of X1, the largest
            first.
        noise: σ^2, the variance of the label that no linear function of X1 explains.
        approximation_error: a, the excess risk of the truncated pretext with infinitely many
            labels.
        error_of_pretext: the excess risk of the whole pretext with infinitely many labels.
        n_pairs: the number of rows without a label.
        n_labelled: the number of rows with a label.
        n_features: the number of columns of X1 without those left out, and the most directions
            that can be kept.
        left_out: the columns of X1 that are constant or linear functions of others.
    """

    asked = "how many labels does predicting X2 from X1 first save, by least squares?"
    rests_on = (
        "independent rows (or groups of labels, if named), and noise of y that is the same "
        "whatever X1"
    )
    unseen = (
        "what is not linear in X1, predictors that see both views, and noise that labels "
        "share far from each other"
    )
    level: float | None = 0.95
    table: tuple[Risks, ...]
    break_even: Estimate
    rank: int
    effective_rank: int
    singular_values: Float[np.ndarray, " directions"]
    noise: Estimate
    approximation_error: Estimate
    error_of_pretext: Estimate
    n_pairs: int
    n_labelled: int
    n_features: int
    left_out: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the lines on the number of labels from which on the raw input is as good, on the
        noise, on what was left out, and on the risks at up to five numbers of labels.
        """
        crossing = f"from n = {self.break_even}"
        if math.isinf(self.break_even.value):
            crossing = f"at no n, or from {self.break_even.low:.4g} at the earliest"
        lines = [
            f"{self.n_pairs} pairs, {self.n_labelled} labels, {self.rank} directions: raw input "
            f"as good {crossing}",
            f"noise {self.noise}, approximation error {self.approximation_error}",
        ]
        if self.left_out:
            lines.append(
                f"left out: columns of X1 that are constant or follow from others: "
                f"{listed(self.left_out)}"
            )
        for n_labels, raw, _, truncated, saved in self.table[: _LINES - len(lines)]:
            if math.isfinite(raw):
                lines.append(
                    f"{n_labels} labels: excess risk {raw:.4g} raw, {truncated:.4g} on the "
                    f"pretext; saved {saved}"
                )
            elif math.isfinite(truncated):
                lines.append(
                    f"{n_labels} labels: excess risk undefined raw, {truncated:.4g} on the pretext"
                )
            else:
                lines.append(f"{n_labels} labels: too few for the raw input and for the pretext")
        return lines

    def to_do(self) -> str:
        """Return whether to learn the pretext first, or to use the raw input."""
        if self.rank == self.n_features:
            return "use the raw input: predicting X2 first keeps all directions of X1"
        saves = [row.n_labels for row in self.table if row.saved.low > 0]
        if saves:
            return f"with up to {max(saves)} labels predict X2 first"
        if any(row.saved.high > 0 for row in self.table):
            return (
                "use the raw input, or predict X2 first: at none of these numbers of labels does "
                "it surely save"
            )
        return "use the raw input: at none of these numbers of labels does predicting X2 first save"

    def to_frame(self) -> Any:
        """Return a data frame with a row for each number of labels: the risks, and the risk that
        the truncated pretext saves with its interval.
        """
        import pandas

        rows = [{**row._asdict(), **intervals(saved=row.saved)} for row in self.table]
        return pandas.DataFrame(rows).set_index("n_labels")

    def plot(self, axes: Any = None) -> Any:
        """Draw the risks against the number of labels, and return the axes."""
        axes = axes_for(axes)
        sizes = [row.n_labels for row in self.table]
        for name, marker in (("raw", "o"), ("pretext", "s"), ("truncated", "^")):
            axes.plot(sizes, [getattr(row, name) for row in self.table], marker, label=name)
        axes.set(xscale="log", xlabel="labels", ylabel="excess risk")
        axes.legend()
        return axes
