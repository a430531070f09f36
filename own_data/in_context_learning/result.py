"""What a comparison of a learner with textbook algorithms found."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from theory_on_trial.own_data.answer import Answer
from theory_on_trial.own_data.estimate import Estimate, intervals

_SHOWN = 3


class Match(NamedTuple):
    """How near one algorithm comes.

    Attributes:
        name: of the algorithm, with its number of steps t where it has one.
        parameters: those that come nearest on the user's prompts, by symbol: λ of ridge regression,
            in the inputs' unit squared, step α, in its inverse, momentum β, penalties λ₁ and λ₂,
            width h, temperature T. An interval that starts at 0 or ends at infinity has no end
            within the range that was searched. Where there is a number of
            steps t they are those for this t; other t may do nearly as well.
        distance: mean squared difference of the answers, over the mean square of the labels: 0 for
            the same algorithm.
        apart: the same, over the mean square of the learner's answers.
        distance_scaled: `distance` for the scaled prompts, with the same parameters; NaN where
            these were not compared.
        degree: p where the rule's answers grow as c^p; see `Resemblance`.
    """

    name: str
    parameters: dict[str, Estimate]
    distance: Estimate
    apart: Estimate
    distance_scaled: Estimate
    degree: Estimate


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Resemblance(Answer):
    """What `which_algorithm` found.

    Attributes:
        matches: one for each algorithm, the nearest first.
        matching: the algorithms that answer as the learner does, to within `alike`; none of them,
            if it is empty and the tool can judge.
        nearest: the nearest algorithm, and those that cannot be told from it: the paired difference
            of their distances may be zero, at the confidence asked for in all comparisons together.
        nearest_scaled: the same for the scaled prompts; empty where these were not compared.
        scale: c, by which their inputs and labels are multiplied.
        degree: p where the learner's answers grow as c^p, as far as they go along with the old
            ones. It is 1 for least squares and for neighbours, 3 for a gradient step, mostly
            between them for the rest; NaN where the answers are all zero or change sign.
    """

    asked = "which algorithm answers as this in-context learner does?"
    rests_on = (
        "independent prompts of the law handed in, and the algorithms compared, each at "
        "its best parameters"
    )
    unseen = "algorithms that are not compared, and prompts of another law"
    matches: tuple[Match, ...]
    matching: tuple[str, ...]
    nearest: tuple[str, ...]
    nearest_scaled: tuple[str, ...]
    scale: float | int
    alike: float | int
    degree: Estimate

    def lines(self) -> list[str]:
        """Return the verdict, what is nearest on larger prompts, and the nearest algorithms."""
        within = f"within {self.alike:.3g} of its mean square"
        verdict = (
            " or ".join(self.matching)
            if self.matching
            else f"none of the {len(self.matches)} algorithms"
        )
        return [
            f"your learner matches {verdict}, {within}",
            f"nearest on prompts times {self.scale:g}: "
            f"{' or '.join(self.nearest_scaled[:_SHOWN]) or 'not compared'}; "
            f"the learner's degree: {self.degree}",
            *(self._line(match) for match in self.matches[:_SHOWN]),
        ]

    def to_frame(self) -> Any:
        """Return a row per algorithm, the nearest first: its distances with their intervals."""
        import pandas

        return pandas.DataFrame(
            [
                intervals(
                    **{
                        "distance": match.distance,
                        "distance on scaled prompts": match.distance_scaled,
                        "share of the learner's square": match.apart,
                        "degree": match.degree,
                    }
                )
                for match in self.matches
            ],
            index=pandas.Index([match.name for match in self.matches], name="algorithm"),
        )

    def plot(self, axes: Any = None) -> Any:
        """Draw how far each algorithm is from the learner, on the usual prompts and on the scaled
        ones.
        """
        from matplotlib.pyplot import subplots

        panel = subplots(figsize=(7, 5))[1] if axes is None else axes
        rows = np.arange(len(self.matches))
        for shift, field, label in (
            (-0.12, "distance", "usual"),
            (0.12, "distance_scaled", f"times {self.scale:g}"),
        ):
            values = np.array([getattr(match, field) for match in self.matches])
            values = np.clip(values, 1e-16, 1e16)
            whiskers = np.abs(values[:, 1:] - values[:, :1]).T
            panel.errorbar(
                values[:, 0],
                rows + shift,
                xerr=whiskers,
                fmt="o",
                capsize=2,
                label=f"{label} prompts",
            )
        if self.matches[0].apart.value > 0:
            per = self.matches[0].distance.value / self.matches[0].apart.value
            panel.axvline(
                self.alike * per,
                color="black",
                linestyle="--",
                linewidth=0.8,
                label="a match is left of this",
            )
        panel.set_xscale("log")
        panel.set_yticks(rows, [match.name for match in self.matches])
        panel.invert_yaxis()
        panel.set_xlabel("mean squared difference / mean square of the labels")
        panel.set_ylabel("algorithm, the nearest first")
        panel.legend(fontsize="small")
        return panel

    def _line(self, match: Match) -> str:
        parameters = "".join(f", {symbol} = {value}" for symbol, value in match.parameters.items())
        return (
            f"{match.name}{parameters}: distance {match.distance}, on the scaled "
            f"{match.distance_scaled}"
        )
