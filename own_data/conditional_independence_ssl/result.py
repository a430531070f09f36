"""What `labels_saved` returns, in numbers and in words."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.own_data.estimate import Estimate


class Risks(NamedTuple):
    """Expected excess risks over the best predictor that is linear in X1, for one number of labels."""

    n_labels: int
    raw: float
    """Of least squares on X1; infinite where it is undefined."""
    pretext: float
    """Of least squares on the whole learned pretext."""
    truncated: float
    """Of least squares on its leading directions."""
    saved: Estimate
    """`raw` - `truncated`; infinite where the raw risk is."""


@dataclass(frozen=True, eq=False, repr=False)
class LabelsSaved:
    """What a pretext task saves in labels. Risks and errors are in squared units of the label.

    Attributes:
        table: risks for each number of labels asked for.
        break_even: from how many labels on the raw input is as good as the truncated pretext; infinite for never.
        rank: directions kept, those that predict new rows of X2 best unless they were given.
        effective_rank: those that do predict best.
        singular_values: of the pretext in white coordinates of X1.
        noise: sigma^2, the variance that X1 leaves of the label, linearly.
        approximation_error: a of the truncated pretext, what it can never reach, learning it included.
        error_of_pretext: a of the whole pretext.
        n_pairs, n_labelled: unlabelled and labelled rows.
        doubts: sentences on what in this result is not to be trusted, and why.
    """

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
    doubts: tuple[str, ...]

    def __repr__(self) -> str:
        """Return the table, the break-even point and the doubts."""
        lines = [
            f"{self.n_pairs} pairs, {self.n_labelled} labels: {self.rank} directions kept",
            f"  noise {self.noise}, approximation error {self.approximation_error}",
            f"  {'labels':>8} {'raw':>10} {'pretext':>10} {'truncated':>10}  saved",
        ]
        for n_labels, raw, pretext, truncated, saved in self.table:
            shown = (f"{risk:10.4g}" if math.isfinite(risk) else f"{'-':>10}" for risk in (raw, pretext, truncated))
            lines.append(f"  {n_labels:8d} {' '.join(shown)}  {saved if math.isfinite(raw) else '-'}")
        crossing = f"from n = {self.break_even}"
        if math.isinf(self.break_even.value):
            crossing = f"at no n, or from {self.break_even.low:.4g} at the earliest"
        lines.append(f"  raw input as good {crossing}")
        return "\n".join(lines + [f"  doubt: {doubt}" for doubt in self.doubts])
