"""Finds the textbook algorithm that answers as a user's in-context learner does: it checks the
prompts, collects the answers of the learner and the algorithms, and compares them.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from own_data.in_context_learning.candidates import FAMILIES, NULL, Answers, Examples
from own_data.in_context_learning.fits import (
    ROUNDING,
    Fit,
    Groups,
    degree,
    fit,
    interval,
    not_told_apart,
    ratio,
    without_groups,
)
from theory_on_trial.contract import Fraction, Positive, guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt
from theory_on_trial.own_data.arrays import entries, numbers
from theory_on_trial.own_data.estimate import Estimate, intervals
from theory_on_trial.own_data.jackknife import GROUPS, at_least, stratified_groups
from theory_on_trial.own_data.table import Handed

_LARGEST = 1e150  # its square is still a number
_ASKED = 6  # prefixes, by default
_USABLE = 1e70  # fourth powers too, and those of one over it

Predictor = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]
"""A function from inputs [prompts, k, d], labels [prompts, k] and queries [prompts, d] to answers
[prompts].
"""


@dataclass(frozen=True, eq=False)
class Asked:
    """Prompts, and the answers of a learner to the query after each prefix."""

    shown: Examples
    answers: Answers

    @property
    def power(self) -> float:
        """The mean square of the labels of all queries."""
        return float(np.mean(self.shown.labels[:, self.shown.prefixes] ** 2))

    def distances(
        self, answers: Float[np.ndarray, "rules prompts prefixes"]
    ) -> Float[np.ndarray, "rules prompts"]:
        """Return, for each rule and prompt, the mean squared difference from the learner over the
        prefixes, divided by `power`; infinite on overflow.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # a pass of SGD may diverge
            squares = np.mean((answers - self.answers) ** 2, axis=2) / self.power
        return np.nan_to_num(squares, nan=np.inf, posinf=np.inf)


def ask(predict: Predictor, shown: Examples) -> Asked:
    """Return the prompts with the answers of the learner to them.

    Raises TypeError for answers that are not real numbers; ValueError unless there is one finite
    answer to each prompt.
    """
    columns = []
    for k in shown.prefixes:
        reply = predict(
            shown.inputs[:, :k].copy(), shown.labels[:, :k].copy(), shown.inputs[:, k].copy()
        )
        answers = entries("what predict returns", reply)
        if answers.shape == (len(shown.inputs), 1):
            answers = answers[:, 0]
        after = f"after {k} example{'s' if k > 1 else ''}"
        if answers.dtype.kind not in "biuf":
            what = {"c": "complex numbers", "U": "strings", "S": "strings"}.get(
                answers.dtype.kind, "something else"
            )
            raise TypeError(f"predict must return real numbers, got {what} {after}")
        if answers.shape != (len(shown.inputs),):
            raise ValueError(
                f"predict must return a number for each of the {len(shown.inputs)} prompts, "
                f"got the shape {answers.shape} {after}"
            )
        outliers = answers[~(np.abs(answers.astype(float)) < _LARGEST)]
        if len(outliers):
            raise ValueError(
                f"predict must return finite numbers below {_LARGEST:g}, got {outliers[0]} "
                f"{after}: "
                "your learner diverges on these prompts"
            )
        columns.append(answers.astype(float))
    return Asked(shown, np.stack(columns, axis=1))


def checked_prompts(inputs: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the user's prompts in float64; raises as `which_algorithm`."""
    arrays = []
    for name, values, shape in (
        ("inputs", inputs, "[prompts, n, d]"),
        ("labels", labels, "[prompts, n]"),
    ):
        array = numbers(name, values)
        if array.ndim != shape.count(",") + 1:
            raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
        if not np.isfinite(array).all():
            place = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
            raise ValueError(f"{name} must be finite, got {array[place]} at {place}")
        largest = np.abs(array).max(axis=-1, initial=0.0)
        lost = largest[(largest > 0) & ~((largest > 1 / _USABLE) & (largest < _USABLE))]
        if lost.size:
            raise ValueError(
                f"{name} must be in units whose fourth powers a float holds: the largest number of "
                f"a row is {lost[0]:.3g}"
            )
        arrays.append(array)
    of_inputs, of_labels = arrays
    count, examples, dimension = of_inputs.shape
    if of_labels.shape != (count, examples):
        raise ValueError(
            f"labels must have the shape {(count, examples)} of the inputs, got {of_labels.shape}"
        )
    if count < 2 * GROUPS:
        raise ValueError(f"inputs must hold at least {2 * GROUPS} prompts, got {count}")
    if examples < 2 or dimension < 1:
        raise ValueError(
            "inputs must hold at least 2 examples of 1 number in each prompt, got "
            f"{of_inputs.shape[1:]}"
        )
    if not of_inputs.any():
        raise ValueError("inputs must not all be zero")
    if (different := int(which_prompt(of_inputs, of_labels).max()) + 1) < 2 * GROUPS:
        raise ValueError(
            f"inputs must hold at least {2 * GROUPS} prompts that differ, got {different}"
        )
    return of_inputs, of_labels


def which_prompt(
    inputs: Float[np.ndarray, "prompts n d"], labels: Float[np.ndarray, "prompts n"]
) -> Int[np.ndarray, " prompts"]:
    """Return the number of each prompt among the different prompts, in their order, because copies
    of a prompt add no information.
    """
    rows = np.column_stack([inputs.reshape(len(inputs), -1), labels])
    _, first, index = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[index.ravel()]


def checked_prefixes(prefixes: Any, labels: Float[np.ndarray, "prompts examples"]) -> list[int]:
    """Return the prefixes after which to ask, six that are spread evenly for None; raises as
    `which_algorithm`.
    """
    most = labels.shape[1] - 1
    try:
        chosen = (
            np.unique(np.linspace(1, most, _ASKED).round().astype(int)).tolist()
            if prefixes is None
            else [operator.index(k) for k in prefixes]
        )
    except TypeError:
        raise TypeError(f"prefixes must be whole numbers, got {prefixes!r}") from None
    if not chosen or len(set(chosen)) < len(chosen) or not all(1 <= k <= most for k in chosen):
        raise ValueError(f"prefixes must be different numbers from 1 to {most}, got {chosen}")
    if not labels[:, chosen].any():
        raise ValueError("labels must not all be zero at the queries")
    return chosen


_SHOWN = 3


class Match(NamedTuple):
    """The distance of one algorithm from the learner.

    Attributes:
        name: the name of the algorithm, with its number of steps t if it has one.
        parameters: the parameters with which the algorithm comes nearest on the user's prompts, by
            symbol: λ of ridge regression, in the squared unit of the inputs; the step α, in the
            inverse of this; the momentum β; the penalties λ₁ and λ₂; the width h; the temperature
            T. An interval that starts at 0 or ends at infinity has no such end within the range
            that was searched. If there is a number of steps t, the parameters are those for this t;
            other t may do nearly as well.
        distance: the mean squared difference of the answers, divided by the mean square of the
            labels; it is 0 for the same algorithm.
        apart: the mean squared difference of the answers, divided by the mean square of the
            learner's answers.
        distance_scaled: `distance` on the scaled prompts, with the same parameters; NaN if these
            were not compared.
        degree: the power p of c with which the answers of the algorithm grow; see `Resemblance`.
    """

    name: str
    parameters: dict[str, Estimate]
    distance: Estimate
    apart: Estimate
    distance_scaled: Estimate
    degree: Estimate


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Resemblance(Answer):
    """The answer of `which_algorithm`.

    Attributes:
        matches: the distance of each algorithm, the nearest first.
        matching: the names of the algorithms that answer as the learner does, to within `alike`. If
            it is empty and the tool can judge, no algorithm does.
        nearest: the names of the nearest algorithm and of those that cannot be told from it,
            because the paired difference of their distances may be zero. All comparisons together
            have the given confidence.
        nearest_scaled: the same for the scaled prompts; empty if these were not compared.
        scale: c, the factor by which the inputs and labels of the scaled prompts are multiplied.
        alike: the largest share of the learner's mean square by which a match may differ.
        degree: the power p of c with which the learner's answers grow, measured along the answers
            to the usual prompts. It is 1 for least squares and for neighbours, 3 for a gradient
            step, and mostly between them for the rest; NaN if the answers are all zero or change
            sign.
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
        """Return the lines on the verdict, on the nearest algorithms on the scaled prompts, and on
        the three nearest algorithms.
        """
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
        """Return a data frame with a row for each algorithm, the nearest first: its distances and
        its degree, with their intervals.
        """
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
        """Draw the distance of each algorithm from the learner, on the usual prompts and on the
        scaled ones, and return the axes.
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


_HEAVIEST = 0.25
_DIVERGES = 10.0  # times the labels' mean square
_HALVES = 2
_SHOWN = 3
_CUT = 10.0  # medians


@guarded
def which_algorithm(
    predict: Predictor,
    inputs: Handed,
    labels: Handed,
    *,
    prefixes: Any = None,
    scale: Positive = 2.0,
    alike: Fraction = 0.01,
    confidence: Fraction = 0.95,
) -> Resemblance:
    """Return the textbook algorithms whose answers are those of an in-context learner, on prompts
    and on the same prompts scaled.

    An algorithm matches if the mean squared difference of the answers is at most the share `alike`
    of the mean square of the learner's answers. If inputs and labels are multiplied by c, the
    answer of least squares is multiplied by c, and that of a gradient step by c³.

    Args:
        predict: the learner, a function that takes three arrays, the inputs [prompts, k, d] and
            labels [prompts, k] of examples and the queries [prompts, d], and returns a number for
            each prompt.
        inputs: the inputs x of the prompts, [prompts, n, d], for at least 40 different prompts.
        labels: the labels y, [prompts, n].
        prefixes: the numbers k of examples after which to ask, from 1 to n - 1; the default is six
            numbers that are spread evenly.
        scale: c, a positive number other than 1, by which inputs and labels are multiplied.
        alike: the share, between 0 and 1, by which a match may differ.
        confidence: the confidence of each interval.

    Raises TypeError or ValueError, with a sentence that names the argument. Source: Akyürek et al.
    2023 (arXiv 2211.15661); Zhang, Frei & Bartlett 2024 (arXiv 2306.09927); the intervals were
    derived here.

    >>> x = np.random.default_rng(0).normal(size=(60, 7, 2))
    >>> learner = lambda x, y, q: np.einsum("pkd,pk,pd->p", x, y, q) / 10
    >>> which_algorithm(learner, x, x[:, :, 0], prefixes=[4]).matching
    ('one gradient step',)
    """
    require(scale != 1, f"scale must not be 1, got {scale}")
    of_inputs, of_labels = checked_prompts(inputs, labels)
    chosen = checked_prefixes(prefixes, of_labels)
    usual = ask(predict, Examples(of_inputs, of_labels, chosen))
    doubts = []
    try:
        scaled = ask(predict, Examples(scale * of_inputs, scale * of_labels, chosen))
    except ValueError as error:
        scaled = None
        doubts.append(
            Doubt(
                f"prompts times {scale:g} could not be compared: {error}", np.inf, "of the distance"
            )
        )
    prompts = which_prompt(of_inputs, of_labels)
    groups = stratified_groups(np.zeros(prompts.max() + 1, int))[prompts]  # copies go together
    fits = [fit(family, usual.shown, usual.answers, prompts, confidence) for family in FAMILIES]
    answers, answers_scaled = _on_the_other_half(usual, scaled, fits, prompts, groups, confidence)
    distances = usual.distances(answers)
    distances_scaled = (
        np.full_like(distances, np.nan) if scaled is None else scaled.distances(answers_scaled)
    )
    own = np.mean(usual.answers**2, axis=1)
    power = usual.power
    matches = []
    for i, rule in enumerate(fits):
        squares = without_groups(distances[i], groups)
        with np.errstate(divide="ignore", invalid="ignore"):
            # What a few prompts add makes a mean larger only: cut, it still bounds it from below.
            cut = np.minimum(distances[i], _CUT * np.median(distances[i]))
            least = interval(
                without_groups(cut, groups) * power / without_groups(own, groups), confidence
            ).low
            gap = ratio(distances[i] * power, own, prompts, confidence)
        matches.append(
            Match(
                name=rule.family.name
                if rule.choice is None
                else f"{rule.family.name}, t = {rule.choice}",
                parameters=rule.parameters,
                distance=at_least(interval(squares, confidence), 0.0),
                apart=at_least(gap, max(least, 0.0)),
                distance_scaled=at_least(
                    interval(without_groups(distances_scaled[i], groups), confidence), 0.0
                ),
                degree=degree(answers[i], answers_scaled[i], scale, groups, confidence),
            )
        )
    names = [match.name for match in matches]
    if (size := float(np.mean(own) / power)) > _DIVERGES:
        doubts.append(
            Doubt(
                f"your learner diverges on these prompts: its answers have {size:.3g} times the "
                "labels' mean square",
                size,
                "of the labels' mean square",
            )
        )
    near = np.argsort(distances.mean(axis=1), kind="stable")[:_SHOWN].tolist()
    doubts += _heavy(names, distances, near, "the usual prompts")
    nearest = not_told_apart(names, distances, groups, confidence)
    nearest_scaled: tuple[str, ...] = ()
    if scaled is not None:
        doubts += _heavy(names, distances_scaled, near, f"prompts times {scale:g}")
        nearest_scaled = not_told_apart(names, distances_scaled, groups, confidence)
    if lost := _lost(of_inputs):
        doubts.append(Doubt(lost, np.inf, "of the distance"))
    ranking = tuple(sorted(matches, key=lambda match: match.distance.value))
    matching = tuple(
        match.name for match in ranking if match.apart.high <= alike and match.name in nearest
    )
    return Resemblance(
        matches=ranking,
        matching=matching,
        nearest=nearest,
        nearest_scaled=nearest_scaled,
        scale=scale,
        alike=alike,
        degree=degree(usual.answers, (scaled or usual).answers, scale, groups, confidence),
        level=confidence,
        doubts=tuple(doubts),
        missing=""
        if matching
        else lost
        or _missing(
            [match for match in ranking if match.name in nearest], alike, len(usual.answers)
        ),
    )


def _on_the_other_half(
    usual: Asked,
    scaled: Asked | None,
    fits: list[Fit],
    which: Groups,
    groups: Groups,
    confidence: float,
) -> tuple[
    Float[np.ndarray, "rules prompts prefixes"], Float[np.ndarray, "rules prompts prefixes"]
]:
    """Return the answers of each algorithm on each half of the prompts, with the parameters that
    come nearest on the other half.
    """
    answers = np.empty((len(fits), *usual.answers.shape))
    answers_scaled = np.full_like(answers, np.nan)
    examples = usual.shown
    for half in range(_HALVES):
        here = groups % _HALVES == half
        rest = Examples(examples.inputs[~here], examples.labels[~here], examples.prefixes)
        for i, rule in enumerate(fits):
            if not rule.family.symbols:
                refit = rule
            else:
                refit = fit(
                    rule.family, rest, usual.answers[~here], which[~here], confidence, start=rule
                )
            with np.errstate(over="ignore", invalid="ignore"):
                for source, into in ((usual, answers), (scaled, answers_scaled)):
                    if source is not None:
                        some = Examples(
                            source.shown.inputs[here], source.shown.labels[here], examples.prefixes
                        )
                        into[i, here] = refit.answers(some)
    return answers, answers_scaled


def _lost(inputs: Float[np.ndarray, "prompts n d"]) -> str:
    """Return a sentence if rounding hides some inputs in XᵀX because others are far larger; else
    "".
    """
    sizes = np.sqrt(np.mean((inputs / np.abs(inputs).max()) ** 2, axis=(0, 1)))
    sizes = sizes[sizes > 0]
    if sizes.min() ** 2 >= NULL * sizes.max() ** 2:
        return ""
    return (
        f"one of the inputs is {sizes.max() / sizes.min():.2g} times as large as another, which "
        "rounding hides from least squares and similar algorithms; give inputs of similar size, "
        "such as times from the first one on"
    )


def _missing(nearest: list[Match], alike: float, count: int) -> str:
    """Return what is needed to decide whether the nearest algorithms match; "" if none can."""
    open_matches = [match for match in nearest if not match.apart.low > alike]
    if not open_matches:
        return ""
    first = open_matches[0]
    within = f"to within {alike:.3g} of its mean square"
    return (
        f"whether {first.name} answers as your learner does {within} is open: they differ by "
        f"{first.apart} of it; "
        f"give more than {count} prompts, or another `alike`"
    )


def _heavy(
    names: list[str], distances: Float[np.ndarray, "rules prompts"], near: list[int], where: str
) -> list[Doubt]:
    """Return doubts about distances that overflow, and about distances of the nearest algorithms
    that depend on a single prompt.
    """
    doubts = []
    for i, (name, of_prompts) in enumerate(zip(names, distances, strict=True)):
        if np.isinf(of_prompts).any():
            doubts.append(Doubt(f"{name} diverges on {where}", np.inf, "of the distance"))
        elif (
            i in near
            and of_prompts.mean() > ROUNDING
            and of_prompts.max() > _HEAVIEST * of_prompts.sum()
        ):
            share = of_prompts.max() / of_prompts.sum()
            reason = (
                f"one prompt makes {share:.0%} of the distance to {name} on {where}: "
                "distrust its interval"
            )
            doubts.append(
                Doubt(reason, float(of_prompts.max() / len(of_prompts)), "of the distance")
            )
    return doubts
