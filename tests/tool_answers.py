"""What do the tools say of data that nobody prepared?

A paper's data sets stand in `tests/<paper>/own_data_sets.py`, as a list `SETS` of `DataSet`: some
that the assumptions of a tool fit and some that they do not, each with a truth by another route than
the tool's own. An answer is right, or doubted (wrong by no more than a doubt that it states), or
none (a refusal, or not answerable), or wrong. Where the assumptions fit, the share of right
answers is held against the level that the tool promises; where they do not, none may be wrong.
`pytest tests/test_tools.py -m audit` asks them, many times.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scipy.stats import binomtest

from theory_on_trial.own_data.answer import Answer
from theory_on_trial.own_data.estimate import Estimate

Worth = Literal["right", "doubted", "none", "wrong"]
COLUMNS = (
    "paper",
    "tool",
    "data",
    "fits",
    "truth",
    "answer",
    "draws",
    "right",
    "doubted",
    "none",
    "wrong",
    "level",
)
_SURE = 0.999  # two-sided, of the verdict that a promised level is not held


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One kind of data, drawn again for each seed.

    Attributes:
        tool: that is asked.
        name: of the data, in a few words.
        fits: whether the tool's assumptions do.
        ask: draws the data of a seed, returns the answer, or it and this draw's truth; Value- or
            TypeErrors refuse.
        truth: by a route of its own, as it is printed.
        judge: what an answer is, given the truth (that of the draw, if `ask` returns one, as its
            second argument); `held` makes one from an interval.
        headline: the number that the answer leads with, as it is printed.
        draws: how many seeds.
        level: share of right answers that the tool promises; None where it gives no interval.
    """

    tool: str
    name: str
    fits: bool
    ask: Callable[[int], Any]
    truth: str
    judge: Callable[..., Worth]
    headline: Callable[[Any], str] = str
    draws: int = 200
    level: float | None = None


def held(estimate: Estimate, truth: float, answer: Answer, unit: str) -> Worth:
    """Right where the interval holds the truth, doubted where a doubt in this unit or none is as
    large as the rest.
    """
    low, _, high = sorted(estimate)
    off = max(low - truth, truth - high, 0.0)
    if not off:
        return "right"
    return (
        "doubted"
        if any(doubt.size >= off for doubt in answer.doubts if doubt.unit in (unit, ""))
        else "wrong"
    )


def worth(data: DataSet, seed: int) -> tuple[Worth, str]:
    """Ask once: what the answer is worth, and what it says."""
    try:
        reply = data.ask(seed)
    except (ValueError, TypeError) as refusal:
        return "none", str(refusal)
    answer, *truth = reply if type(reply) is tuple else (reply,)  # a named one is an answer
    return (
        (data.judge(answer, *truth), data.headline(answer))
        if answer.answerable
        else ("none", answer.missing)
    )


def line(paper: str, data: DataSet, most: int) -> list[Any]:
    """The line of the table for one kind of data, see `COLUMNS`."""
    draws = min(most, data.draws)
    outcomes = [worth(data, seed) for seed in range(draws)]
    counts = Counter(what for what, _ in outcomes)
    shares = [counts[what] for what in ("right", "doubted", "none", "wrong")]
    fits = "yes" if data.fits else "no"
    return [
        paper,
        data.tool,
        data.name,
        fits,
        data.truth,
        outcomes[0][1],
        draws,
        *shares,
        data.level,
    ]


def complaint(row: dict[str, Any]) -> str:
    """What is against the tool in a line: a wrong answer, or fewer right ones than it promises;
    empty if nothing.
    """
    paper, tool, name, fits, right, doubted, wrong, level = (
        row[title]
        for title in ("paper", "tool", "data", "fits", "right", "doubted", "wrong", "level")
    )
    if fits == "no" or level is None:
        return f"{paper}: {tool} was wrong {wrong} times on {name}" if wrong else ""
    answered = right + doubted + wrong
    if answered and binomtest(right, answered, level, alternative="less").pvalue < (1 - _SURE) / 2:
        return (
            f"{paper}: {tool} promises {level:.0%} and was right in {right} of {answered} "
            f"answers on {name}"
        )
    return "" if answered else f"{paper}: {tool} gave no answer on {name}, which fits it"


def papers() -> dict[str, str]:
    """Return the papers that have data sets, and the module of each."""
    tests = Path(__file__).parent
    return {
        path.parent.name: f"tests.{path.parent.name}.own_data_sets"
        for path in sorted(tests.glob("*/own_data_sets.py"))
    }
