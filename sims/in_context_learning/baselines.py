"""The textbook learners that an in-context learner may resemble. One pass gives their answers at
every prefix of every prompt.

For any learner the module also finds the weights behind its answers to test inputs.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from sims.in_context_learning.domains import require_prompts, require_representable_squares
from sims.in_context_learning.prompts import Prompts
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import Count, Natural, NonNegative, guarded, is_traced, require

Kind = Literal["ridge", "gradient_step", "sgd", "nearest_neighbours", "weighted_neighbours"]


class Rule(NamedTuple):
    """A learner and its one number: the penalty λ, the step α, or the number of neighbours. The
    functions below make rules.
    """

    kind: Kind
    parameter: float


def ols() -> Rule:
    """Return the rule of ordinary least squares, with the solution of least norm if the examples do
    not determine it.
    """
    return Rule("ridge", 0.0)


@guarded(double=False)
def ridge(regulariser: NonNegative) -> Rule:
    """Return the rule of ridge regression, w = argmin Σ (wᵀx_i - y_i)² + λ|w|².

    Source: equations 9 and 10 of Akyürek et al. 2023.
    """
    return Rule("ridge", regulariser)


@guarded(double=False)
def gradient_step(step: float) -> Rule:
    """Return the rule of one gradient step from 0 on the sum of squares, w = 2α Σ x_i y_i.

    Source: GD(α) of Akyürek et al. 2023.
    """
    return Rule("gradient_step", step)


@guarded(double=False)
def sgd(step: float) -> Rule:
    """Return the rule of one pass of stochastic gradient descent from 0, w ← w - 2α x_i (wᵀx_i -
    y_i).

    Source: SGD(α) of Akyürek et al. 2023.
    """
    return Rule("sgd", step)


@guarded(double=False)
def nearest_neighbours(neighbours: Count = 3, *, weighted: bool = False) -> Rule:
    """The mean label of the nearest examples, or their mean with weights |x_i - x|⁻²; examples at
    distance 0 share the weight.

    If there are fewer examples than `neighbours`, all are used; without examples the answer is 0.
    Source: the 3-nearest-neighbour baselines of Akyürek et al. 2023.
    """
    return Rule("weighted_neighbours" if weighted else "nearest_neighbours", neighbours)


@guarded(double=False)
def predict_all(prompts: Prompts, rules: list[Rule]) -> Float[Array, "rules count prefixes"]:
    """The prediction of each rule for every example of every prompt from the examples before it.

    `prompts` have one leading axis. Infinite or NaN where a rule diverges because its steps are too
    long for the inputs. Raises TypeError in float32 and for rules that the functions above did not
    make. Raises ValueError for prompts without that axis, for inputs whose squares leave float64,
    and for rules with a parameter out of range.
    """
    inputs, labels = _require_prompts(prompts, rules)
    return _apply(inputs, labels, *_split(rules))


@guarded(double=False)
def weights_all(
    prompts: Prompts, rules: list[Rule]
) -> Float[Array, "rules count prefixes dimension"]:
    """The weights ŵ of each linear rule after k = 0, ..., n - 1 examples, so that it predicts ŵᵀx.
    Raises as `predict_all`, and ValueError for neighbours, which have no weights.
    """
    inputs, labels = _require_prompts(prompts, rules)
    for rule in rules:
        if rule.kind not in _WEIGHTS:
            raise ValueError(f"rules must be linear in the query to have weights, got {rule}")
    return _apply(inputs, labels, *_split(rules), of_weights=True)


@guarded(double=False)
def label_weights(
    inputs: Float[AnyArray, "count examples dimension"], rules: list[Rule]
) -> Float[Array, "rules count prefixes examples"]:
    """The vector a with which each rule predicts aᵀY after k examples; its entries from k on are 0.

    All rules are linear in the labels, so that the risk of a prediction is exact given the inputs.
    Raises TypeError and ValueError as `predict_all`.
    """
    labels = np.zeros(inputs.shape[:2])
    weights = np.zeros((inputs.shape[0], inputs.shape[2]))
    inputs, _ = _require_prompts(Prompts(inputs, labels, weights), rules, "inputs")
    return _label_weights(inputs, *_split(rules))


def _least_squares(inputs, labels, regulariser):
    """Return the ridge weights for every prefix, or those of least squares of least norm for a
    regulariser of 0, by Givens rotations in an orthonormal basis of the rows' span.

    No Gram matrix is formed, so that the recursion is as accurate as a factorisation of each
    prefix.
    """
    examples, dimension = inputs.shape
    tolerance = 8 * dimension * jnp.finfo(inputs.dtype).eps
    column = jnp.arange(dimension)

    def add(state, example):
        basis, rank, triangle = state
        row, label = example
        residual = row - (basis @ row) @ basis
        # The first leaves rounding errors inside the span
        residual = residual - (basis @ residual) @ basis
        length = jnp.linalg.norm(residual)
        is_new = (length > tolerance * jnp.linalg.norm(row)) & (rank < dimension)
        direction = residual / jnp.where(is_new, length, 1)
        basis = jnp.where(is_new & (column == rank)[:, None], direction, basis)

        def rotate(incoming, row):
            at, own = row
            radius = jnp.hypot(own[at], incoming[at])
            safe = jnp.where(radius > 0, radius, 1)
            cosine = jnp.where(radius > 0, own[at] / safe, 1)
            sine = incoming[at] / safe
            return cosine * incoming - sine * own, cosine * own + sine * incoming

        _, triangle = lax.scan(rotate, jnp.append(basis @ row, label), (column, triangle))
        return (basis, rank + is_new, triangle), (state[0], state[2])

    triangle = jnp.pad(jnp.sqrt(regulariser) * jnp.eye(dimension), ((0, 0), (0, 1)))
    start = (jnp.zeros((dimension, dimension)), 0, triangle)
    _, (bases, triangles) = lax.scan(add, start, (inputs, labels))

    def substitute(index, coordinates):
        at = dimension - 1 - index
        pivot = triangles[:, at, at]
        rest = triangles[:, at, -1] - jnp.sum(triangles[:, at, :-1] * coordinates, axis=1)
        return coordinates.at[:, at].set(rest / jnp.where(pivot > 0, pivot, 1))

    coordinates = lax.fori_loop(0, dimension, substitute, jnp.zeros((examples, dimension)))
    return jnp.sum(coordinates[:, :, None] * bases, axis=1)


def _gradient_step(inputs, labels, step):
    return _before(2 * step * jnp.cumsum(inputs * labels[:, None], axis=0))


def _sgd(inputs, labels, step):
    def descend(weights, example):
        row, label = example
        return weights - 2 * step * row * (jnp.sum(row * weights) - label), weights

    return lax.scan(descend, jnp.zeros(inputs.shape[1]), (inputs, labels))[1]


def _neighbours(inputs, labels, neighbours, weighted):
    positions = jnp.arange(len(labels))
    is_before = positions < positions[:, None]
    distances = jnp.where(is_before, jnp.sum((inputs[:, None] - inputs) ** 2, axis=-1), jnp.inf)

    def choose_next(_, chosen):
        nearest = jnp.argmin(jnp.where(chosen, jnp.inf, distances), axis=1)
        return chosen | (is_before & (positions == nearest[:, None]))

    rounds = jnp.minimum(neighbours, len(labels)).astype(int)  # fewer examples are all used
    chosen = lax.fori_loop(0, rounds, choose_next, jnp.zeros_like(is_before))
    if weighted:
        least = jnp.min(distances, axis=1, keepdims=True)
        ratios = least / jnp.where(chosen & (distances > 0), distances, 1)
        shares = jnp.where(chosen, jnp.where(least > 0, ratios, distances == 0), 0)
    else:
        shares = chosen.astype(inputs.dtype)
    total = jnp.sum(shares, axis=1)
    return jnp.sum(shares * labels, axis=1) / jnp.where(total > 0, total, 1)


def _before(after_each):
    return jnp.concatenate([jnp.zeros_like(after_each[:1]), after_each[:-1]])


def _linear(weights):
    return lambda inputs, labels, parameter: jnp.sum(
        weights(inputs, labels, parameter) * inputs, axis=-1
    )


_WEIGHTS = {"ridge": _least_squares, "gradient_step": _gradient_step, "sgd": _sgd}
_PREDICTIONS = {kind: _linear(weights) for kind, weights in _WEIGHTS.items()} | {
    "nearest_neighbours": partial(_neighbours, weighted=False),
    "weighted_neighbours": partial(_neighbours, weighted=True),
}


def _require_prompts(prompts, rules, name="prompts.inputs"):
    require_float64("the comparison with textbook learners")
    if not rules:
        raise ValueError("rules must hold at least one rule, got none")
    for rule in rules:
        _require_rule(rule)
    require_prompts(prompts)
    require_representable_squares(name, prompts.inputs)
    return jnp.asarray(prompts.inputs, float), jnp.asarray(prompts.labels, float)


def _require_rule(rule):
    """Raise unless it is a rule of a known kind (`TypeError`) with a parameter of its range
    (`ValueError`).
    """
    if not isinstance(rule, Rule) or rule.kind not in get_args(Kind):
        raise TypeError(
            "rules must be made by ols, ridge, gradient_step, sgd or nearest_neighbours, got "
            f"{rule!r}"
        )
    if is_traced(rule.parameter):
        return
    if np.asarray(rule.parameter).dtype.kind not in "fiu" or np.ndim(rule.parameter):
        raise TypeError(f"rules must have a number each, got {rule!r}")
    least = {"ridge": 0, "gradient_step": -np.inf, "sgd": -np.inf}.get(rule.kind, 1)
    if not (np.isfinite(rule.parameter) and rule.parameter >= least):
        raise ValueError(
            f"rules must have a finite parameter in the range of their kind, got {rule!r}"
        )


def _split(rules):
    return tuple(rule.kind for rule in rules), [rule.parameter for rule in rules]


@partial(jax.jit, static_argnames=("kinds", "of_weights"))
def _apply(inputs, labels, kinds, parameters, of_weights=False):
    """Return the results of rules in their order; the rules of one kind are one program over their
    parameters.
    """
    functions = _WEIGHTS if of_weights else _PREDICTIONS
    parameters = jnp.array(parameters, float)

    def of_prompt(inputs, labels):
        of_rule: dict[int, Array] = {}
        for kind in dict.fromkeys(kinds):
            members = [index for index, name in enumerate(kinds) if name == kind]
            outputs = jax.vmap(partial(functions[kind], inputs, labels))(
                parameters[np.array(members)]
            )
            of_rule |= dict(zip(members, outputs, strict=True))
        return jnp.stack([of_rule[index] for index in range(len(kinds))])

    return jax.vmap(of_prompt, out_axes=1)(inputs, labels)


@partial(jax.jit, static_argnames="kinds")
def _label_weights(inputs, kinds, parameters):
    def with_label(unit):
        labels = jnp.broadcast_to(unit, inputs.shape[:2])
        return _apply(inputs, labels, kinds, parameters)

    return jax.vmap(with_label, out_axes=-1)(jnp.eye(inputs.shape[1]))


Predictor = Callable[[Prompts], AnyArray]
"""From prompts of n examples, one leading axis, to predictions [count, n]: the label of each from
those before it.
"""


class LinearFit(NamedTuple):
    """The best linear fit to a learner for each prompt: its weights, and the share of the learner's
    outputs that it explains.
    """

    weights: Float[Array, "count dimension"]
    r_squared: Float[Array, "count"]


@guarded(double=False)
def implicit_fit(
    predict: Predictor,
    prompts: Prompts,
    prefix: Natural,
    test_inputs: Float[AnyArray, "tests dimension"],
) -> LinearFit:
    """The weights by which a learner acts after `prefix` examples: a least-squares fit to its
    answers to test inputs.

    R² = 1 - Σ (ŷ' - ŵᵀx')² / Σ ŷ'², without subtracting a mean. It is 1 for a learner that is
    linear in the query, and for one that always answers 0. `predict` is given prompts of k + 1
    examples, k = `prefix`, the last one with label 0. There are at least d test inputs x', and they
    have rank d. Raises ValueError for a prefix beyond the examples, for prompts without exactly one
    leading axis, for test inputs of another dimension or of lower rank, and unless `predict` gives
    one answer for each example of each prompt. Source: equation 16 of Akyürek et al. 2023, and the
    R² of its figure 6.
    """
    require_prompts(prompts)
    _, examples, dimension = prompts.inputs.shape
    tests, of_tests = test_inputs.shape
    require(
        tests >= of_tests,
        f"test_inputs must be at least as many as the {of_tests} dimensions, got {tests}",
    )
    require(prefix <= examples, f"prefix must be at most the {examples} examples, got {prefix}")
    require(
        of_tests == dimension,
        f"test_inputs must have the {dimension} dimensions of prompts, got {of_tests}",
    )
    asked = _asked(prompts, prefix, test_inputs)
    answers = jnp.asarray(predict(asked))
    if answers.shape != asked.labels.shape:
        raise ValueError(
            f"predict must give answers of shape {asked.labels.shape}, got {answers.shape}"
        )
    fit, rank = _linear_fit(answers, test_inputs)
    require(
        rank >= dimension,
        f"test_inputs must span all {dimension} dimensions, got a matrix of rank {rank}",
    )
    return fit


@partial(jax.jit, static_argnames="prefix")
def _asked(prompts, prefix, test_inputs):
    """A prompt for each test input after the first examples of each prompt."""
    tests = len(test_inputs)
    count = len(prompts.inputs)
    inputs = jnp.repeat(jnp.asarray(prompts.inputs[:, :prefix]), tests, axis=0)
    labels = jnp.repeat(jnp.asarray(prompts.labels[:, :prefix]), tests, axis=0)
    queries = jnp.tile(test_inputs, (count, 1))[:, None]
    return Prompts(
        jnp.concatenate([inputs, queries], axis=1),
        jnp.pad(labels, ((0, 0), (0, 1))),
        jnp.repeat(jnp.asarray(prompts.weights), tests, axis=0),
    )


@jax.jit
def _linear_fit(answers, test_inputs):
    """The fit to the last answer to each prompt, and the rank of the test inputs."""
    answers = answers[:, -1].reshape(-1, len(test_inputs))
    weights, _, rank, _ = jnp.linalg.lstsq(jnp.asarray(test_inputs), answers.T)
    residuals = jnp.sum((answers - weights.T @ test_inputs.T) ** 2, axis=1)
    total = jnp.sum(answers**2, axis=1)
    return LinearFit(weights.T, 1 - residuals / jnp.where(total > 0, total, 1)), rank
