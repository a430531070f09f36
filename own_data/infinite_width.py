"""Do features keep moving when a network is widened?

`width_exponent` answers from runs at a few widths. `theory.infinite_width.feature_exponent` answers
from the exponents of a scaling, before anything is trained.

After Yang & Hu 2021 (arXiv 2011.14522).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import Fraction, guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.table import Handed, column, table

_NEAR = 0.1  # exponents nearer to zero are not distinguished from it
_SIGNIFICANT = 0.01
_ROUNDING = 1e-6
_FEWEST_WIDTHS = 3
_SHORTEST = 4
_FEWEST_SEEDS = 3


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class WidthExponent(Answer):
    """The answer of `width_exponent`: how the movement of features depends on the width.

    Attributes:
        widths: the widths n, increasing.
        typical: the geometric mean of the movement over the seeds at each width, in the unit of the
            movement.
        exponent: the slope of the logarithm of the movement in the logarithm of n, with an
            interval; the theory calls it -r.
        curvature: the coefficient of the squared natural logarithm of n, with an interval; it is 0
            for a power law.
        verdict: "features move alike", "features move less and less" or "undecided", for the given
            widths.
    """

    asked: ClassVar[str] = "do features keep moving when the network is widened?"
    rests_on: ClassVar[str] = (
        "seeds that are independent, and one layer and the same steps at all widths"
    )
    unseen: ClassVar[str] = "widths beyond those given: another power may follow, or none"

    widths: Float[np.ndarray, " widths"]
    typical: Float[np.ndarray, " widths"]
    exponent: Estimate
    curvature: Estimate
    verdict: str

    def lines(self) -> list[str]:
        """Return a line on the verdict, and one on the exponent and the curvature."""
        meant = {
            "features move alike": f", and rivals up to n^+-{_NEAR} would look the same",
            "features move less and less": f", as n^{self.exponent.value:.2f}; a rival that "
            "levels off later would too",
            "undecided": f": anything from n^{self.exponent.low:.2f} to n^{self.exponent.high:.2f}",
        }
        return [
            f"from width {self.widths[0]:g} to {self.widths[-1]:g} "
            f"{self.verdict}{meant[self.verdict]}",
            f"exponent of the movement {self.exponent}, curvature {self.curvature}",
        ]

    def to_frame(self) -> Any:
        """Return a data frame with a row for the exponent and one for the curvature, each with its
        interval.
        """
        import pandas

        rows = {"exponent": self.exponent, "curvature": self.curvature}
        return pandas.DataFrame.from_dict(rows, orient="index", columns=list(Estimate._fields))

    def plot(self, axes: Any = None) -> Any:
        """Draw the movement against the width with its power law on logarithmic axes, and return
        the axes.
        """
        axes = axes_for(axes)
        logs = np.log(self.widths)
        line = np.log(self.typical).mean() + self.exponent.value * (logs - logs.mean())
        axes.plot(
            self.widths,
            np.exp(line),
            "-",
            color="#0072B2",
            label=f"n$^{{{self.exponent.value:.2f}}}$",
        )
        axes.plot(
            self.widths, self.typical, "o", color="#D55E00", label="geometric mean of the seeds"
        )
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="width n (units)",
            ylabel="movement (unit of the activations)",
        )
        axes.legend(frameon=False)
        return axes


@guarded
def width_exponent(widths: Handed, movement: Handed, *, level: Fraction = 0.95) -> WidthExponent:
    """Estimate with which power of the width features move, from runs of several seeds at several
    widths.

    Each seed gives a slope by least squares; the mean of the slopes has Student's interval over the
    seeds.

    Args:
        widths: the width n of each column of `movement`, three or more, the largest at least four
            times the smallest.
        movement: the root mean square change of the activations of one fixed layer, for the same
            data after the same number of steps, in any unit; a row for each seed (three or more)
            and a column for each width.
        level: the confidence of the intervals, between 0 and 1.

    Features move alike if the whole interval of the exponent is within 0.1 of zero. They move less
    and less if the whole interval is below -0.1, and with it that of the slope at the largest width
    of a parabola. Raises TypeError or ValueError, with a sentence that names the argument. Source:
    the exponent is -r of `theory.infinite_width.feature_exponent`; the intervals were derived here.

    >>> widths, rng = np.array([128, 256, 512, 1024]), np.random.default_rng(0)
    >>> answer = width_exponent(widths, widths**-0.5 * rng.lognormal(0, 0.05, (6, 4)))
    >>> answer.verdict, round(answer.exponent.value, 2)
    ('features move less and less', -0.48)
    """
    widths = column("widths", widths)
    movement = table("movement", movement, scaled=False).values
    count = len(widths)
    seeds = len(movement)
    require((widths >= 1).all(), f"widths must be at least 1, got {widths.min(initial=1):g}")
    require(
        movement.shape[1] == count,
        f"movement must have a column for each of the {count} widths, got {movement.shape[1]}",
    )
    require(
        (movement > 0).all(), "movement must be positive: where nothing moves, the step is zero"
    )
    require(
        count >= _FEWEST_WIDTHS and widths.max() >= _SHORTEST * widths.min(),
        f"widths must be three or more, the largest at least {_SHORTEST} times the smallest, got "
        f"{widths.tolist()[:9]}",
    )
    order = np.argsort(widths)
    logs = np.log(widths[order])
    require(
        np.diff(logs) > _ROUNDING,
        "widths must differ from each other by more than a millionth",
    )
    require(
        seeds >= _FEWEST_SEEDS,
        f"movement must have at least {_FEWEST_SEEDS} rows, one for each seed, got {seeds}",
    )
    require(
        len(np.unique(movement, axis=0)) == seeds,
        "movement must not hold the same row twice, because seeds must differ",
    )
    log_moves = np.log(movement[:, order])
    powers = np.vander(logs - logs.mean(), 3, increasing=True)
    slopes = np.linalg.lstsq(powers[:, :2], log_moves.T)[0][1]
    _, inclines, bends = np.linalg.lstsq(powers, log_moves.T)[0]
    last = _mean(inclines + 2 * bends * powers[-1, 1], level)
    exponent = _mean(slopes, level)
    curvature = _mean(bends, level)
    doubts = []
    reach = 0.0
    test = _mean(bends, 1 - _SIGNIFICANT)
    if max(test.low, -test.high) > _ROUNDING:
        reach = max(-test.low, test.high) * float(np.ptp(logs))
        bent = (
            "the movement is not yet a power law of the width: drop the smallest width or "
            "train longer"
        )
        doubts.append(Doubt(bent, reach, "of the exponent"))
    if exponent.value > _NEAR and _mean(slopes, 1 - _SIGNIFICANT).low > 0:
        grows = (
            "the movement grows with the width: the rate is unstable, and wider networks will "
            "diverge"
        )
        doubts.append(Doubt(grows, np.inf, "of the exponent"))
    low = exponent.low - reach
    high = exponent.high + reach
    moves = low > -_NEAR and high < _NEAR
    less = max(high, last.high) < -_NEAR
    verdict = (
        "features move alike" if moves else "features move less and less" if less else "undecided"
    )
    typical = np.exp(log_moves.mean(axis=0))
    return WidthExponent(
        widths=widths[order],
        typical=typical,
        exponent=exponent,
        curvature=curvature,
        verdict=verdict,
        doubts=tuple(doubts),
        level=level,
    )


def _mean(values: Float[np.ndarray, " seeds"], level: float) -> Estimate:
    """Return the mean over the seeds with Student's interval."""
    from scipy.stats import t

    half = t.isf((1 - level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Estimate(float(values.mean()), float(values.mean() - half), float(values.mean() + half))
