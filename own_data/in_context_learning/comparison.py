"""Which textbook algorithm answers as a user's in-context learner does?"""

from typing import Annotated, Any

import numpy as np
from jaxtyping import Float

from own_data.in_context_learning.asking import (
    Asked,
    Predictor,
    ask,
    checked_prefixes,
    checked_prompts,
    which_prompt,
)
from own_data.in_context_learning.candidates import FAMILIES, NULL, Examples
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
from own_data.in_context_learning.result import Match, Resemblance
from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Fraction, Positive, guarded, require
from theory_on_trial.own_data.answer import Doubt
from theory_on_trial.own_data.jackknife import at_least, stratified_groups

_HEAVIEST = 0.25
_DIVERGES = 10.0  # times the labels' mean square
_HALVES = 2
_SHOWN = 3
_CUT = 10.0  # medians
Handed = Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]
"""What a user has: arrays, lists or data frames, judged entry by entry with the place of what is
wrong.
"""


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
    """Compare an in-context predictor with textbook algorithms, on a user's prompts and on the same
    ones scaled.

    The learner and each algorithm answer the query x_{k+1} from the first k examples, for each k in
    `prefixes`. Parameters (λ, steps, widths: one for all k) are those that come nearest. An
    algorithm *matches* if its answers are proved, at the confidence asked for, to differ by at most
    `alike` of the learner's mean square; if that is excluded for all algorithms, the learner
    matches none; else the prompts are too few to say. Then inputs and labels are multiplied by
    `scale`, as they would be if the inputs were larger and the weights the same, and all are asked
    again, with the same parameters. Least squares then answers c times as much and a gradient step
    c³ times as much: what looked alike on the usual prompts is distinguished.

    Distances are taken on prompts that the parameters were not fitted to: those of one half with
    the other half's. Intervals of distances are those of the grouped jackknife (20 random groups of
    prompts, fixed seed) with Student's quantile: asymptotic in the number of prompts, which must be
    independent; copies of a prompt count as one. Intervals of parameters come from the prompts'
    scores, and hold for few prompts too where the learner's differences from the algorithm are
    symmetric about zero and small. With noise in the labels least squares has no mean square where
    k is within one of d: leave these k out to compare with it, or see a doubt.

    Args:
        predict: takes NumPy arrays, the inputs [prompts, k, d] and labels [prompts, k] of the
            examples and the queries [prompts, d], and returns a number for each prompt. It is
            called once for each k and each scale.
        inputs: x, [prompts, n, d] with at least 40 prompts that differ and n >= 2 examples.
        labels: y, [prompts, n]. The last one of a prompt is never shown.
        prefixes: different k from 1 to n - 1; all of these if not given.
        scale: c, not 1.
        alike: share of the mean square of the learner's answers by which a match may differ.
        confidence: of each interval.

    Raises TypeError for what is not real numbers; ValueError for shapes that do not fit, entries or
    answers that are not finite or beyond 1e150, inputs or labels that are all zero, and arguments
    out of range.

    Source: the squared prediction difference and the algorithms are those of Akyürek et al. 2023
    (arXiv 2211.15661); larger inputs as in Zhang, Frei & Bartlett 2024 (arXiv 2306.09927); the rest
    was derived here.
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
    """What each algorithm answers, on each half of the prompts with the parameters that are nearest
    on the other.
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
    """What is wrong with inputs of which some are so small beside others that rounding hides them
    in XᵀX.
    """
    sizes = np.sqrt(np.mean((inputs / np.abs(inputs).max()) ** 2, axis=(0, 1)))
    sizes = sizes[sizes > 0]
    if sizes.min() ** 2 >= NULL * sizes.max() ** 2:
        return ""
    return (
        f"one of the inputs is {sizes.max() / sizes.min():.2g} times as large as another, which "
        "rounding hides from "
        "least squares and its like; give inputs of like size, such as times from the first one on"
    )


def _missing(nearest: list[Match], alike: float, count: int) -> str:
    """What would be needed where a match of the nearest is neither shown nor excluded; empty if all
    are excluded.
    """
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
    """Doubts about distances that overflow, and about those of the nearest that depend on a single
    prompt.
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
