"""Which textbook algorithm answers as a user's in-context learner does?"""

from typing import Annotated, Any

import numpy as np
from jaxtyping import Float

from own_data.in_context_learning.asking import Predictor, ask, checked_prefixes, checked_prompts
from own_data.in_context_learning.fits import (
    FITTED,
    ROUNDING,
    degree,
    interval,
    nearest_parameters,
    not_told_apart,
    without_groups,
)
from own_data.in_context_learning.result import Match, Resemblance
from sims import in_context_learning as observed
from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Fraction, Positive, guarded, require
from theory_on_trial.own_data.jackknife import at_least, stratified_groups

_FIXED = {
    "least squares": observed.ols(),
    "3 nearest": observed.nearest_neighbours(3),
    "3 nearest, weighted": observed.nearest_neighbours(3, weighted=True),
    "always zero": observed.gradient_step(0.0),
}
_HEAVIEST = 0.25
Handed = Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]
"""What a user has: arrays, lists or data frames, judged entry by entry with the place of what is wrong."""


@guarded
def which_algorithm(
    predict: Predictor,
    inputs: Handed,
    labels: Handed,
    *,
    prefixes: Any = None,
    scale: Positive = 2.0,
    confidence: Fraction = 0.95,
) -> Resemblance:
    """Compare an in-context predictor with textbook algorithms, on a user's prompts and on the same ones scaled.

    The learner and each algorithm answer the query x_{k+1} from the first k examples, for each k in `prefixes`. Of
    ridge regression, of one step of gradient descent and of one pass of SGD (both from zero) that λ or α is taken, one
    for all k, which comes nearest. Then inputs and labels are multiplied by `scale`, as they would be if the inputs
    were larger and the weights the same, and all are asked again, with the same λ and α. Least squares then answers c
    times as much and a gradient step c³ times as much: what looked alike on the usual prompts is told apart.

    Intervals are those of the grouped jackknife (20 random groups of prompts, fixed seed) with Student's quantile:
    asymptotic in the number of prompts, which must be independent. With noise in the labels least squares has no mean
    square where k is within one of d: leave these k out to compare with it, or see a doubt.

    Args:
        predict: takes NumPy arrays, the inputs [prompts, k, d] and labels [prompts, k] of the examples and the queries
            [prompts, d], and returns a number for each prompt. It is called once for each k and each scale.
        inputs: x, [prompts, n, d] with at least 40 prompts and n >= 2 examples.
        labels: y, [prompts, n]. The last one of a prompt is never shown.
        prefixes: different k from 1 to n - 1; all of these if not given.
        scale: c, not 1.
        confidence: of each interval.

    Raises TypeError for what is not numbers and without float64; ValueError for shapes that do not fit, entries or
    answers that are not finite, inputs or labels that are all zero, and arguments out of range.

    Source: the squared prediction difference and the algorithms are those of Akyürek et al. 2023, arXiv 2211.15661;
    larger inputs as in Zhang, Frei & Bartlett 2024, arXiv 2306.09927; the rest derived here.
    """
    require(scale != 1, f"scale must not be 1, got {scale}")
    prompts = checked_prompts(inputs, labels)
    chosen = checked_prefixes(prefixes, np.asarray(prompts.labels))
    usual = ask(predict, prompts, chosen)
    scaled = ask(predict, prompts._replace(inputs=scale * prompts.inputs, labels=scale * prompts.labels), chosen)
    groups = stratified_groups(np.zeros(len(usual.answers), int))
    parameters = nearest_parameters(usual, groups, confidence)
    rules = _FIXED | {name: make(parameters[name].value) for name, make in FITTED.items()}
    answers, answers_scaled = (asked.answers_of(list(rules.values())) for asked in (usual, scaled))
    distances, distances_scaled = usual.distances(answers), scaled.distances(answers_scaled)
    matches = [
        Match(
            name=name,
            rule=rule,
            parameter=parameters.get(name),
            distance=at_least(interval(without_groups(distances[i], groups), confidence), 0.0),
            distance_scaled=at_least(interval(without_groups(distances_scaled[i], groups), confidence), 0.0),
            degree=degree(answers[i], answers_scaled[i], scale, groups, confidence),
        )
        for i, (name, rule) in enumerate(rules.items())
    ]
    names = list(rules)
    return Resemblance(
        matches=tuple(sorted(matches, key=lambda match: match.distance.value)),
        nearest=not_told_apart(names, distances, groups, confidence),
        nearest_scaled=not_told_apart(names, distances_scaled, groups, confidence),
        scale=scale,
        degree=degree(usual.answers, scaled.answers, scale, groups, confidence),
        doubts=(
            *_heavy(names, distances, "the usual prompts"),
            *_heavy(names, distances_scaled, f"prompts times {scale:g}"),
        ),
    )


def _heavy(names: list[str], distances: Float[np.ndarray, "rules prompts"], where: str) -> list[str]:
    """Sentences about distances that hang on a single prompt, or that overflow."""
    sentences = []
    for name, of_prompts in zip(names, distances, strict=True):
        if np.isinf(of_prompts).any():
            sentences.append(f"{name} diverges on {where}")
        elif of_prompts.mean() > ROUNDING and of_prompts.max() > _HEAVIEST * of_prompts.sum():
            share = of_prompts.max() / of_prompts.sum()
            sentences.append(
                f"one prompt makes {share:.0%} of the distance to {name} on {where}: distrust its interval"
            )
    return sentences
