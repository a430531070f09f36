"""What a comparison of a learner with textbook algorithms found."""

from dataclasses import dataclass
from typing import NamedTuple

from sims.in_context_learning import Rule
from theory_on_trial.own_data.estimate import Estimate


class Match(NamedTuple):
    """How near one algorithm comes.

    Attributes:
        name: of the algorithm.
        rule: that was compared.
        parameter: the λ or α that comes nearest on the user's prompts, None where there is none to fit. An interval
            that starts at 0 or ends at infinity has no end within the range that was searched.
        distance: mean squared difference of the answers, over the mean square of the labels: 0 for the same algorithm.
        distance_scaled: the same for the scaled prompts, with the same parameter.
        degree: p where the rule's answers grow as c^p; see `Resemblance`.
    """

    name: str
    rule: Rule
    parameter: Estimate | None
    distance: Estimate
    distance_scaled: Estimate
    degree: Estimate


@dataclass(frozen=True, eq=False, repr=False)
class Resemblance:
    """What `which_algorithm` found.

    Attributes:
        matches: one for each algorithm, the nearest first.
        nearest: the nearest algorithm, and those that cannot be told from it: the paired difference of their distances
            may be zero, at the confidence asked for in all comparisons together.
        nearest_scaled: the same for the scaled prompts.
        scale: c, by which their inputs and labels are multiplied.
        degree: p where the learner's answers grow as c^p, as far as they go along with the old ones. It is 1 for least
            squares and for neighbours, 3 for a gradient step, mostly between them for the rest; NaN where the answers
            are all zero or turn round.
        doubts: sentences about what the numbers cannot carry.
    """

    matches: tuple[Match, ...]
    nearest: tuple[str, ...]
    nearest_scaled: tuple[str, ...]
    scale: float | int
    degree: Estimate
    doubts: tuple[str, ...]

    def __repr__(self) -> str:
        """Return the verdict, one line per algorithm, and the doubts."""
        rows = self._rows()
        widths = [max(len(row[column]) for row in rows) + 2 for column in range(len(rows[0]))]
        lines = ["".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([self._headline(), *lines, *(f"doubt: {doubt}" for doubt in self.doubts)])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in self._rows())
        doubts = "".join(f"<li>{doubt}</li>" for doubt in self.doubts)
        return f"<p>{self._headline()}</p><table>{rows}</table><ul>{doubts}</ul>"

    def _headline(self) -> str:
        return (
            f"nearest: {' or '.join(self.nearest)}; "
            f"on prompts times {self.scale:g}: {' or '.join(self.nearest_scaled)}; "
            f"the learner's degree: {self.degree}"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        head = ("algorithm", "λ or α", "distance", f"distance times {self.scale:g}", "degree")
        return [
            head,
            *(
                (
                    match.name,
                    "" if match.parameter is None else str(match.parameter),
                    str(match.distance),
                    str(match.distance_scaled),
                    f"{match.degree.value:.3g}",
                )
                for match in self.matches
            ),
        ]
