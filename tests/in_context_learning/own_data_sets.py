"""Learners for `theory-on-trial audit tools`: what `which_algorithm` says of those in its list, and
of others.

The truth is the learner that was planted, with parameters drawn for each seed, and written here in
other words than the tool's own. A learner of the list is found where its name is, with its number
of steps, and each of its parameters lies in the interval that is given for it. Whatever is named,
for any learner, must answer fresh prompts as the learner does, to within the 1 % that the tool
claims.
"""

import itertools
import re
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import BayesianRidge, ElasticNet, Lasso
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor
from tool_answers import DataSet, Worth

from own_data.in_context_learning import Match, Resemblance, which_algorithm

Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]
Prompts = tuple[np.ndarray, np.ndarray]
Draw = Callable[[np.random.Generator, int], Prompts]
PREFIXES = [3, 6]
ALIKE = 0.01  # the tool's claim of a match: share of the mean square of the answers
FRESH = 2000  # prompts, on which the claim is tested


class Planted(NamedTuple):
    """A learner and its name, whose steps are the parameter t; `off` is its distance to the list,
    where it is known.
    """

    predict: Predict
    parameters: Mapping[str, float] = {}
    off: float = 0.0


Plant = Callable[[np.random.Generator], Planted | Predict]


def prompts(inputs: np.ndarray, rng: np.random.Generator, noise_std: float = 0.3) -> Prompts:
    """Linear labels of weights N(0, I), one draw of them for each prompt, with noise."""
    weights = rng.standard_normal((len(inputs), 1, inputs.shape[2]))
    return inputs, np.sum(inputs * weights, axis=2) + noise_std * rng.standard_normal(
        inputs.shape[:2]
    )


def gaussian(rng: np.random.Generator, count: int, noise_std: float = 0.3) -> Prompts:
    return prompts(rng.standard_normal((count, 7, 2)), rng, noise_std)


def correlated(rng: np.random.Generator, count: int) -> Prompts:
    own = rng.standard_normal((count, 7, 3))
    common = rng.standard_normal((count, 7, 1))
    return prompts(np.sqrt(0.1) * own + np.sqrt(0.9) * common, rng)


def few(rng: np.random.Generator, count: int) -> Prompts:
    return gaussian(rng, 40 if count < FRESH else count)


def exact_labels(rng: np.random.Generator, count: int) -> Prompts:
    return gaussian(rng, count, noise_std=0.01)


def twice(rng: np.random.Generator, count: int) -> Prompts:
    inputs, labels = gaussian(rng, count // 2)
    return np.concatenate([inputs, inputs]), np.concatenate([labels, labels])


def heavy(rng: np.random.Generator, count: int) -> Prompts:
    """Inputs without a variance: Student's t with 1.5 degrees of freedom for the size of each
    prompt.
    """
    return prompts(rng.standard_normal((count, 7, 2)) * rng.standard_t(1.5, (count, 1, 1)), rng)


def heavy_labels(rng: np.random.Generator, count: int) -> Prompts:
    inputs, labels = gaussian(rng, count)
    return inputs, labels + rng.standard_cauchy(labels.shape)


def time_stamps(rng: np.random.Generator, count: int) -> Prompts:
    """Milliseconds since 1970, some days apart, and a second input."""
    inputs, labels = gaussian(rng, count)
    return inputs * [8.64e7, 1] + [1.7e12, 0], labels


def near_constant(rng: np.random.Generator, count: int) -> Prompts:
    inputs, labels = gaussian(rng, count)
    return inputs * [1, 1e-9] + [0, 1], labels


def each(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], Any]) -> Predict:
    return lambda X, Y, queries: np.array(
        [float(answer(*prompt)) for prompt in zip(X, Y, queries, strict=True)]
    )


def of_sklearn(model: Any) -> Predict:
    return each(lambda X, Y, query: model.fit(X, Y).predict(query[None])[0])


def ridge(regulariser: float) -> Predict:
    return each(
        lambda X, Y, x: x @ np.linalg.solve(X.T @ X + regulariser * np.eye(len(x)), X.T @ Y)
    )


def descent(steps: int, step: float, momentum: float = 0.0) -> Predict:
    def predict(X: np.ndarray, Y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        weights = velocity = np.zeros(queries.shape)
        for _ in range(steps):
            errors = np.einsum("pkd,pd->pk", X, weights) - Y
            velocity = momentum * velocity - 2 * step * np.einsum("pkd,pk->pd", X, errors)
            weights = weights + velocity
        return np.sum(weights * queries, axis=1)

    return predict


def one_pass(step: float) -> Predict:
    def answer(X: np.ndarray, Y: np.ndarray, query: np.ndarray) -> float:
        weights = np.zeros(len(query))
        for x, y in zip(X, Y, strict=True):
            weights = weights + 2 * step * (y - weights @ x) * x
        return float(weights @ query)

    return each(answer)


def elastic_net(absolute: float, square: float = 0.0) -> Predict:
    """Brute force over the signs of the weights: the least loss of those that have the signs they
    were solved for.
    """

    def predict(X: np.ndarray, Y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        dimension = queries.shape[1]
        gram = np.einsum("pkd,pke->pde", X, X) + square * np.eye(dimension)
        moments = np.einsum("pkd,pk->pd", X, Y)
        best = np.full(len(X), np.inf)
        answers = np.zeros(len(X))
        for signs in itertools.product((-1, 0, 1), repeat=dimension):
            weights = np.zeros_like(moments)
            active = np.flatnonzero(signs)
            if len(active):
                system = gram[:, active[:, None], active]
                targets = (moments - absolute * np.array(signs))[:, active]
                weights[:, active] = np.linalg.solve(system, targets[..., None])[..., 0]
            losses = 0.5 * np.einsum("pd,pde,pe->p", weights, gram, weights) - np.sum(
                weights * moments, axis=1
            )
            losses += absolute * np.abs(weights).sum(axis=1)
            better = (np.sign(weights) == signs).all(axis=1) & (losses < best)
            best = np.where(better, losses, best)
            answers = np.where(better, np.sum(weights * queries, axis=1), answers)
        return answers

    return predict


def kernel(width: float) -> Predict:
    return each(
        lambda X, Y, x: np.average(
            Y, weights=_exponentials(-np.sum((X - x) ** 2, axis=1) / (2 * width**2))
        )
    )


def attention(temperature: float) -> Predict:
    return each(lambda X, Y, x: np.average(Y, weights=_exponentials(X @ x / temperature)))


def _exponentials(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits - logits.max())


def nearest(count: int, weighted: bool = False) -> Predict:
    def answer(X: np.ndarray, Y: np.ndarray, query: np.ndarray) -> float:
        squares = np.linalg.norm(X - query, axis=1) ** 2
        some = np.argsort(squares)[:count]
        return float(np.average(Y[some], weights=1 / squares[some] if weighted else None))

    return each(answer)


def least_squares(X: np.ndarray, Y: np.ndarray, queries: np.ndarray) -> Any:
    return each(lambda X, Y, x: x @ np.linalg.lstsq(X, Y, rcond=None)[0])(X, Y, queries)


def bayes(X: np.ndarray, Y: np.ndarray, queries: np.ndarray) -> Any:
    """The evidence of Y ~ N(0, s² (I + XXᵀ/λ)) with 1/s² integrated out, on another grid of λ than
    the tool's.
    """
    size = np.linalg.eigvalsh(np.einsum("pkd,pke->pde", X, X)).max()

    def answer(X: np.ndarray, Y: np.ndarray, query: np.ndarray) -> float:
        logs = []
        answers = []
        for regulariser in size * np.geomspace(1e-6, 1e3, 64):
            covariance = np.eye(len(Y)) + X @ X.T / regulariser
            alpha = np.linalg.solve(covariance, Y)
            logs.append(-0.5 * np.linalg.slogdet(covariance)[1] - len(Y) / 2 * np.log(Y @ alpha))
            answers.append(query @ X.T @ alpha / regulariser)
        return float(np.average(answers, weights=_exponentials(np.array(logs))))

    return each(answer)(X, Y, queries)


TEXTBOOK: dict[str, Callable[..., Predict]] = {
    "least squares": lambda: least_squares,
    "always zero": lambda: lambda X, Y, queries: np.zeros(len(queries)),
    "mean label": lambda: lambda X, Y, queries: Y.mean(axis=1),
    "nearest": lambda: nearest(1),
    "3 nearest": lambda: nearest(3),
    "3 nearest, weighted": lambda: nearest(3, weighted=True),
    "Bayesian average": lambda: bayes,
    "ridge": ridge,
    "one gradient step": lambda step: descent(1, step),
    "one pass of SGD": one_pass,
    "gradient steps": descent,
    "gradient steps with momentum": descent,
    "lasso": elastic_net,
    "elastic net": elastic_net,
    "kernel average": kernel,
    "softmax attention": attention,
}
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "ridge": {"λ": (0.03, 30)},
    "one gradient step": {"α": (0.003, 0.1)},
    "one pass of SGD": {"α": (0.003, 0.06)},
    "gradient steps": {"t": (2, 50), "α": (0.002, 0.02)},
    "gradient steps with momentum": {"t": (2, 50), "α": (0.003, 0.02), "β": (0.2, 0.9)},
    "lasso": {"λ₁": (0.1, 3)},
    "elastic net": {"λ₁": (0.1, 2), "λ₂": (0.1, 5)},
    "kernel average": {"h": (0.3, 2)},
    "softmax attention": {"T": (0.5, 5)},
}
"""From where the parameters are drawn, log-uniformly: of inputs of variance 1, and steps that do
not diverge.
"""


def drawn(family: str, rng: np.random.Generator) -> Planted:
    parameters = {
        symbol: float(np.exp(rng.uniform(*np.log(ends))))
        for symbol, ends in RANGES.get(family, {}).items()
    }
    if "t" in parameters:
        parameters["t"] = round(parameters["t"])
    return Planted(TEXTBOOK[family](*parameters.values()), parameters)


def blurred(predict: Predict, share: float) -> Predict:
    """The same with a normal error of its own for each prompt, of this share of the mean square of
    the answers.
    """

    def errors(*prompt: np.ndarray) -> float:
        seed = zlib.crc32(b"".join(np.ascontiguousarray(part).tobytes() for part in prompt))
        return float(np.random.default_rng(seed).standard_normal())

    return lambda X, Y, queries: (
        predict(X, Y, queries) * (1 + np.sqrt(share) * each(errors)(X, Y, queries))
    )


def in_single_precision(predict: Predict) -> Predict:
    return lambda *prompt: predict(*(part.astype(np.float32) for part in prompt)).astype(np.float32)


def steps_of(name: str) -> tuple[str, dict[str, int]]:
    found = re.fullmatch(r"(.*), t = (\d+)", name)
    return (found[1], {"t": int(found[2])}) if found else (name, {})


def is_alike(match: Match, predict: Predict, fresh: Prompts) -> bool:
    """Whether the algorithm that is named answers fresh prompts as the learner does, as far as so
    many can tell.
    """
    family, steps = steps_of(match.name)
    rule = TEXTBOOK[family](
        *steps.values(), *(parameter.value for parameter in match.parameters.values())
    )
    X, Y = fresh
    asked = [(X[:, :k], Y[:, :k], X[:, k]) for k in PREFIXES]
    answers, theirs = (
        np.array([predictor(*prompt) for prompt in asked]) for predictor in (predict, rule)
    )
    apart = np.mean((answers - theirs) ** 2 - ALIKE * answers**2, axis=0)  # of each prompt
    return bool(np.mean(apart) <= 3 * np.std(apart) / np.sqrt(len(apart)))


class Told(NamedTuple):
    answerable: bool
    missing: str
    answer: Resemblance
    planted: Planted
    fresh: Prompts


def judged(told: Told, family: str) -> Worth:
    """Right where the planted family is named with its parameters, or none for one outside the
    list.
    """
    matches = [match for match in told.answer.matches if match.name in told.answer.matching]
    truth = told.planted.parameters
    by_family = {steps_of(match.name)[0]: match for match in matches}
    if family:
        if family not in by_family:
            return "wrong"
        match = by_family[family]
        steps = steps_of(by_family[family].name)[1]
        inside = all(
            one.low <= truth[symbol] <= one.high for symbol, one in match.parameters.items()
        )
        if not inside or any(truth[symbol] != number for symbol, number in steps.items()):
            return "wrong"
    if told.planted.off > ALIKE:  # known exactly: no fresh prompts are needed
        return "wrong" if matches else "right"
    others = [match for name, match in by_family.items() if name != family]
    return (
        "right"
        if all(is_alike(match, told.planted.predict, told.fresh) for match in others)
        else "wrong"
    )


def headline(told: Told) -> str:
    names = []
    for match in told.answer.matches:
        if match.name in told.answer.matching:
            names.append(
                "".join(
                    [match.name, *(f", {symbol} = {v}" for symbol, v in match.parameters.items())]
                )
            )
    return " or ".join(names) or "none"


def learner(
    name: str,
    fits: bool,
    plant: Plant,
    draw: Draw = gaussian,
    *,
    family: str = "",
    draws: int = 200,
    count: int = 120,
) -> DataSet:
    def ask(seed: int) -> Any:
        rng = np.random.default_rng(seed)
        made = plant(rng)
        planted = made if isinstance(made, Planted) else Planted(made)
        answer = which_algorithm(planted.predict, *draw(rng, count), prefixes=PREFIXES)
        return Told(answer.answerable, answer.missing, answer, planted, draw(rng, FRESH))

    # Each interval holds its parameter with 95 %: all of them with at least 1 less 5 % for each.
    continuous = sum(symbol != "t" for symbol in RANGES.get(family, {}))
    return DataSet(
        tool="which_algorithm",
        name=name,
        fits=fits,
        ask=ask,
        truth=f"{family} with what was drawn" if family else "none, or alike on 2000 fresh prompts",
        judge=lambda told: judged(told, family),
        headline=headline,
        draws=draws,
        level=1 - 0.05 * max(continuous, 1) if fits else None,
    )


def listed(
    family: str,
    draw: Draw = gaussian,
    says: str = "",
    change: Callable[[Predict], Predict] | None = None,
    **options: Any,
) -> DataSet:
    """A learner of the list, with parameters drawn from `RANGES`."""

    def plant(rng: np.random.Generator) -> Planted:
        planted = drawn(family, rng)
        return planted if change is None else planted._replace(predict=change(planted.predict))

    return learner(f"{family}{says}", True, plant, draw, family=family, **options)


def other(name: str, plant: Plant, draw: Draw = gaussian, **options: Any) -> DataSet:
    return learner(name, False, plant, draw, draws=options.pop("draws", 12), **options)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def times(factor: float, predict: Predict) -> Predict:
    return lambda *prompt: factor * predict(*prompt)


def noise(X: np.ndarray, Y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    return np.random.default_rng(X.shape[1]).standard_normal(len(X))


def with_squares(regulariser: float) -> Predict:
    """Ridge regression on all products of inputs, and a constant."""

    def lifted(X: np.ndarray) -> np.ndarray:
        pairs = np.triu_indices(X.shape[-1])
        return np.concatenate(
            [np.ones((*X.shape[:-1], 1)), X, (X[..., :, None] * X[..., None, :])[..., *pairs]],
            axis=-1,
        )

    return lambda X, Y, queries: ridge(regulariser)(lifted(X), Y, lifted(queries))


def by_sign(steps: int, step: float) -> Predict:
    def answer(X: np.ndarray, Y: np.ndarray, query: np.ndarray) -> float:
        weights = np.zeros(len(query))
        for _ in range(steps):
            weights = weights - step * np.sign(X.T @ (X @ weights - Y))
        return float(weights @ query)

    return each(answer)


OFF = 0.0025  # of the answers' mean square: within what the tool calls alike


def slightly_off(predict: Predict) -> Predict:
    return blurred(predict, OFF)


def far_off(family: str, share: float) -> Callable[[np.random.Generator], Planted]:
    def plant(rng: np.random.Generator) -> Planted:
        return Planted(blurred(drawn(family, rng).predict, share), off=share)

    return plant


SETS = [
    listed("ridge", says=", answers 5 % off", change=slightly_off, count=60),
    listed("one gradient step", says=", answers 5 % off", change=slightly_off, count=60),
    listed("kernel average", says=", answers 5 % off", change=slightly_off, count=60),
    listed("ridge", few, ", 40 prompts, answers 5 % off", slightly_off),
    listed("ridge", twice, ", each prompt twice, answers 5 % off", slightly_off),
    listed("ridge", correlated, ", correlated inputs"),
    listed("ridge", says=", single precision", change=in_single_precision),
    listed("ridge", heavy, ", heavy tails"),
    listed("least squares", exact_labels, ", hardly any noise", draws=20),
    listed("one pass of SGD"),
    listed("gradient steps"),
    listed("gradient steps", few, ", 40 prompts"),
    listed("gradient steps with momentum"),
    listed("gradient steps with momentum", correlated, ", correlated inputs"),
    listed("lasso"),
    listed("elastic net"),
    listed("lasso", correlated, ", correlated inputs"),
    listed("softmax attention"),
    listed("Bayesian average", draws=20),
    listed("mean label", draws=20),
    listed("nearest", draws=20),
    listed("3 nearest", draws=20),
    listed("3 nearest, weighted", draws=20),
    listed("always zero", draws=20),
    other(
        "ridge times 1.5 to 10",
        lambda rng: times(log_uniform(rng, 1.5, 10), ridge(log_uniform(rng, 0.1, 3))),
    ),
    other("minus ridge", lambda rng: times(-1, ridge(log_uniform(rng, 0.1, 10)))),
    other("ridge, answers 20 % off", far_off("ridge", 0.04)),
    other("ridge, answers 12 % off", far_off("ridge", 0.0144)),
    other("ridge, answers 12 % off, 40 prompts", far_off("ridge", 0.0144), few),
    other("ridge, answers 12 % off, heavy tails", far_off("ridge", 0.0144), heavy),
    other(
        "one gradient step, answers 12 % off, heavy tails",
        far_off("one gradient step", 0.0144),
        heavy,
    ),
    other("noise", lambda rng: times(log_uniform(rng, 0.1, 3), noise)),
    other(
        "squared labels",
        lambda rng: times(log_uniform(rng, 0.1, 2), lambda X, Y, x: np.sum(Y**2, axis=1)),
    ),
    other(
        "a tree",
        lambda rng: of_sklearn(
            DecisionTreeRegressor(max_depth=int(rng.integers(1, 5)), random_state=0)
        ),
    ),
    other(
        "support vectors",
        lambda rng: of_sklearn(SVR(C=log_uniform(rng, 0.1, 10), gamma=log_uniform(rng, 0.1, 3))),
    ),
    other("lasso with an intercept", lambda rng: of_sklearn(Lasso(log_uniform(rng, 0.05, 0.5)))),
    other(
        "elastic net with an intercept",
        lambda rng: of_sklearn(ElasticNet(log_uniform(rng, 0.05, 1))),
    ),
    other("ridge on products of inputs", lambda rng: with_squares(log_uniform(rng, 0.03, 3))),
    other(
        "steps along signs",
        lambda rng: by_sign(int(rng.integers(2, 20)), log_uniform(rng, 0.02, 0.3)),
    ),
    other("λ by evidence, with an intercept", lambda rng: of_sklearn(BayesianRidge()), draws=5),
    other(
        "the median label, heavy tails",
        lambda rng: lambda X, Y, x: np.median(Y, axis=1),
        heavy,
        draws=5,
    ),
    other("5 nearest, Cauchy labels", lambda rng: nearest(5), heavy_labels, draws=5),
    learner(
        "ridge, time stamps of 1.7e12",
        False,
        partial(drawn, "ridge"),
        time_stamps,
        family="ridge",
        draws=12,
    ),
    other(
        "twice ridge, near-constant column",
        lambda rng: times(2, ridge(log_uniform(rng, 0.1, 10))),
        near_constant,
    ),
    other(
        "steps along signs, each prompt twice",
        lambda rng: by_sign(3, log_uniform(rng, 0.02, 0.3)),
        twice,
    ),
]
