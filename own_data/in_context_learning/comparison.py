"""Which textbook algorithm answers as a user's in-context learner does?"""

from typing import Any

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
from theory_on_trial.contract import Fraction, Positive, guarded, require
from theory_on_trial.own_data.answer import Doubt
from theory_on_trial.own_data.jackknife import at_least, stratified_groups
from theory_on_trial.own_data.table import Handed

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
    """Say which textbook algorithm an in-context learner runs: compare its answers with theirs, on
    prompts and on the same ones scaled.

    An algorithm matches if its answers differ by at most `alike` of the learner's mean square.
    Least squares answers c times as much to prompts times c, a gradient step c³ times.

    Args:
        predict: takes arrays, inputs [prompts, k, d] and labels [prompts, k] of examples, and
            queries [prompts, d]; returns a number for each prompt.
        inputs: x, [prompts, n, d], 40 prompts or more.
        labels: y, [prompts, n].
        prefixes: numbers k of examples shown, below n; six that are spread evenly if not given.
        scale: c, not 1.
        alike: the share by which a match may differ.
        confidence: of each interval.

    Raises TypeError and ValueError. Source: Akyürek et al. 2023 (arXiv 2211.15661);
    Zhang, Frei & Bartlett 2024 (arXiv 2306.09927); the intervals were derived here.

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
