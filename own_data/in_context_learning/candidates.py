"""The textbook algorithms with which a learner is compared, in NumPy, for all prompts and prefixes
at once.

Let X be the first k inputs of a prompt, Y their labels and x the query, and let G = XᵀX and b =
XᵀY. An algorithm that descends on the sum of squares from zero answers Σ_j f(s_j) (v_jᵀb)(v_jᵀx),
with the eigenvalues s_j and eigenvectors v_j of G. Its filter f is 1/s for least squares and 1/(s +
λ) for ridge regression.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

NULL = 1e-12  # of the largest eigenvalue: smaller ones are zero
_TURNS = 8
_NEARLY = 1e-14
_AT_ONCE = 10_000  # numbers, which a processor keeps at hand
MOST_STEPS = 50

Answers = Float[np.ndarray, "prompts prefixes"]


class Examples:
    """The first k examples of each prompt for each prefix k, with the quantities that the
    algorithms share.
    """

    def __init__(
        self,
        inputs: Float[np.ndarray, "prompts n d"],
        labels: Float[np.ndarray, "prompts n"],
        prefixes: list[int],
    ):
        self.inputs = inputs
        self.labels = labels
        self.prefixes = prefixes
        self.queries = inputs[:, prefixes]
        products = np.einsum("pni,pnj->pnij", inputs, inputs).cumsum(axis=1)
        self.gram = products[:, [k - 1 for k in prefixes]]
        self.moments = (inputs * labels[..., None]).cumsum(axis=1)[:, [k - 1 for k in prefixes]]

    @cached_property
    def spectrum(
        self,
    ) -> tuple[Float[np.ndarray, "prompts prefixes d"], Float[np.ndarray, "prompts prefixes d"]]:
        """The eigenvalues s_j of G, and the products (v_jᵀb)(v_jᵀx)."""
        values, vectors = np.linalg.eigh(self.gram)
        along = [np.einsum("pkij,pki->pkj", vectors, of) for of in (self.moments, self.queries)]
        return np.maximum(values, 0.0), along[0] * along[1]

    @cached_property
    def centred(
        self,
    ) -> tuple[
        Float[np.ndarray, "prompts prefixes"],
        Float[np.ndarray, "prompts prefixes d"],
        Float[np.ndarray, "prompts prefixes d"],
    ]:
        """The mean label, and the `spectrum` of inputs, labels and queries from which the means of
        the examples are subtracted, as a fit with an intercept that is not penalised has them.
        """
        at = [k - 1 for k in self.prefixes]
        count = np.array(self.prefixes, float)
        label = self.labels.cumsum(axis=1)[:, at] / count
        mean = self.inputs.cumsum(axis=1)[:, at] / count[:, None]
        gram = self.gram - count[:, None, None] * mean[..., :, None] * mean[..., None, :]
        moments = self.moments - count[:, None] * mean * label[..., None]
        values, vectors = np.linalg.eigh(gram)
        along = [np.einsum("pkij,pki->pkj", vectors, of) for of in (moments, self.queries - mean)]
        # Of one example the difference is rounding.
        size = np.einsum("pkii->pk", self.gram)[..., None]
        return label, np.where(values > NULL * size, values, 0.0), along[0] * along[1]

    @cached_property
    def distances(self) -> Float[np.ndarray, "prompts prefixes n"]:
        """The squared distances between queries and examples, infinite for examples that come
        later.
        """
        squares = ((self.queries[:, :, None] - self.inputs[:, None]) ** 2).sum(axis=3)
        return np.where(self._shown, squares, np.inf)

    @cached_property
    def products(self) -> Float[np.ndarray, "prompts prefixes n"]:
        """The inner products of queries and examples, minus infinity for examples that come
        later.
        """
        return np.where(self._shown, np.einsum("pki,pni->pkn", self.queries, self.inputs), -np.inf)

    @property
    def _shown(self) -> Any:
        return np.arange(self.inputs.shape[1]) < np.array(self.prefixes)[:, None]

    def filtered(self, values: Float[np.ndarray, "prompts prefixes d"]) -> Answers:
        """Return the answers of the algorithm with the filter values f(s_j)."""
        return np.einsum("pkj,pkj->pk", values, self.spectrum[1])

    def averaged(self, logits: Float[np.ndarray, "prompts prefixes n"]) -> Answers:
        """Return the averages of the labels with the weights exp(logits)."""
        weights = np.exp(logits - logits.max(axis=2, keepdims=True))
        return np.einsum("pkn,pn->pk", weights, self.labels) / weights.sum(axis=2)


class Family(NamedTuple):
    """A family of algorithms with parameters, which are searched on a logarithmic scale.

    Attributes:
        name: the name of the algorithm.
        answers: the function from prompts and parameters to the answers. If there are `choices`, it
            also takes some of them, and returns the answers for each.
        symbols: the symbols of the parameters.
        ranges: the decades in which each parameter is searched, in its unit.
        units: the name of the unit of each parameter.
        choices: the values of a parameter that is a whole number; empty if there is none.
    """

    name: str
    answers: Callable[..., Any]
    symbols: tuple[str, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()
    units: tuple[str, ...] = ()
    choices: tuple[int, ...] = ()


def _inverse(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    mask = values > NULL * values.max(axis=-1, keepdims=True)
    return np.where(mask, 1 / np.where(mask, values, 1.0), 0.0)


def least_squares(shown: Examples) -> Answers:
    """Return the answers of least squares of the least norm."""
    return shown.filtered(_inverse(shown.spectrum[0]))


def ridge(shown: Examples, regulariser: float) -> Answers:
    """Return the answers of ridge regression, whose weights are (XᵀX + λI)⁻¹ XᵀY."""
    return shown.filtered(1 / (shown.spectrum[0] + regulariser))


def affine_least_squares(shown: Examples) -> Answers:
    """Return the answers of least squares with an intercept, with slopes of the least norm."""
    label, values, along = shown.centred
    return label + np.einsum("pkj,pkj->pk", _inverse(values), along)


def affine_ridge(shown: Examples, regulariser: float) -> Answers:
    """Return the answers of ridge regression with an intercept that is not penalised."""
    label, values, along = shown.centred
    return label + np.einsum("pkj,pkj->pk", 1 / (values + regulariser), along)


def gradient_step(shown: Examples, step: float) -> Answers:
    """Return the answers after one gradient step on the sum of squares, from zero weights."""
    return 2 * step * np.einsum("pki,pki->pk", shown.moments, shown.queries)


def gradient_steps(
    shown: Examples, step: Any, choices: Any
) -> Float[np.ndarray, "steps prompts prefixes"]:
    """Return the answers after each number t of gradient steps on all examples, from zero weights.

    `step` is one number for all t, or one for each.
    """
    values, along = shown.spectrum
    left = 1 - 2 * np.reshape(step, (-1, 1, 1, 1)) * values
    left = left ** np.reshape(choices, (-1, 1, 1, 1))
    return np.einsum("tpkj,pkj->tpk", 1 - left, _inverse(values) * along)


def momentum_steps(
    shown: Examples, step: Any, momentum: Any, choices: Any
) -> Float[np.ndarray, "steps prompts prefixes"]:
    """Return the answers as `gradient_steps`, but with heavy-ball momentum.

    `momentum` is one number for all t, or one for each.
    """
    values, along = shown.spectrum
    times = np.asarray(choices)
    residuals = np.empty((len(choices), *values.shape))  # along each eigenvector
    pairs = np.stack(np.broadcast_arrays(np.ravel(step), np.ravel(momentum)))[..., None, None, None]
    one = pairs.shape[1] == 1
    order = np.argsort(times)
    size = len(order) if one else 1 + _AT_ONCE // values.size
    for rows in np.split(order, range(size, len(order), size)):
        steps, momenta = pairs if one else pairs[:, rows]
        factor = 1 + momenta - 2 * steps * values
        before = left = np.ones_like(factor)
        for t in range(1, times[rows].max() + 1):
            next_left = factor * left - momenta * before
            before = left
            left = next_left
            residuals[rows[times[rows] == t]] = left if one else left[times[rows] == t]
    return np.einsum("tpkj,pkj->tpk", 1 - residuals, _inverse(values) * along)


def sgd(shown: Examples, step: float) -> Answers:
    """Return the answers after one pass of stochastic gradient descent over the examples."""
    weights = np.zeros((len(shown.inputs), shown.inputs.shape[2]))
    answers = {}
    for k in range(max(shown.prefixes)):
        x = shown.inputs[:, k]
        weights = (
            weights - 2 * step * x * (np.sum(x * weights, axis=1) - shown.labels[:, k])[:, None]
        )
        answers[k + 1] = weights
    return np.stack(
        [np.sum(answers[k] * shown.inputs[:, k], axis=1) for k in shown.prefixes], axis=1
    )


def elastic_net(shown: Examples, absolute: float, square: float = 0.0) -> Answers:
    """Return the answers of the elastic net, which minimises ½ |Y - Xw|² + λ₁ |w|₁ + ½ λ₂ |w|².

    The path of w consists of line segments; it is followed as λ₁ falls from where w = 0. Between
    two levels at which a weight comes or goes w = u - λ₁ v, and Xᵀ(Y - Xw) - λ₂ w = p + λ₁
    q (the lasso's path of Osborne, Presnell & Turlach 2000, for all prompts at once).
    """
    dimension = shown.moments.shape[-1]
    gram = shown.gram.reshape(-1, dimension, dimension) + square * np.eye(dimension)
    moments = shown.moments.reshape(-1, dimension)
    left = np.flatnonzero((level := np.abs(moments).max(axis=1)) > absolute)
    solution = np.zeros(moments.shape)
    signs = np.zeros(moments.shape)
    diagonal = np.arange(dimension)
    first = np.abs(moments[left]).argmax(axis=1)
    signs[left, first] = np.sign(moments[left, first])
    for _ in range(_TURNS * dimension):
        if not len(left):
            break
        own = signs[left]
        rows = np.arange(len(left))
        active = own != 0
        system = np.where(active[:, :, None] & active[:, None], gram[left], 0.0)
        # A singular system has many solutions: any of them will do.
        largest = system[:, diagonal, diagonal].max(axis=1, keepdims=True)
        system[:, diagonal, diagonal] += np.where(active, _NEARLY * dimension * largest, 1.0)
        parts = np.linalg.solve(
            system, np.stack([np.where(active, moments[left], 0.0), own], axis=2)
        )
        along = gram[left] @ parts
        u, v = parts.transpose(2, 0, 1)
        p = moments[left] - along[..., 0]
        q = along[..., 1]
        side = np.sign(p)
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.where(
                active, np.where(own * u < 0, u / v, 0.0), np.abs(p) / np.maximum(1 - q * side, 0.0)
            )
        which = ends.argmax(axis=1)
        level[left] = np.minimum(ends[rows, which], level[left])
        solution[left] = u - absolute * v
        signs[left, which] = np.where(active, 0.0, side)[rows, which]
        left = left[level[left] > absolute]
    return np.sum(solution.reshape(shown.moments.shape) * shown.queries, axis=2)


def neighbours(shown: Examples, count: int, weighted: bool = False) -> Answers:
    """Return the mean label of the nearest examples, with equal weights or with the inverse squares
    of the distances as weights.
    """
    order = np.argsort(shown.distances, axis=2, kind="stable")[:, :, :count]
    squares = np.take_along_axis(shown.distances, order, axis=2)
    labels = np.take_along_axis(
        np.broadcast_to(shown.labels[:, None], shown.distances.shape), order, axis=2
    )
    finite = np.isfinite(squares)
    if weighted:
        touching = finite & (squares == 0)
        inverse = squares.min(axis=2, keepdims=True) / np.where(squares > 0, squares, 1.0)
        shares = np.where(
            touching.any(axis=2, keepdims=True), touching, np.where(finite, inverse, 0.0)
        )
    else:
        shares = finite.astype(float)
    return (shares * labels).sum(axis=2) / shares.sum(axis=2)


def kernel_average(shown: Examples, width: float) -> Answers:
    """Return the average of the labels with the weights exp(-|x - x_i|² / 2h²) of Nadaraya and
    Watson.
    """
    return shown.averaged(-shown.distances / (2 * width**2))


def softmax_attention(shown: Examples, temperature: float) -> Answers:
    """Return the average of the labels with the weights exp(xᵀx_i / T)."""
    return shown.averaged(shown.products / temperature)


def bayesian_average(shown: Examples) -> Answers:
    """Return the answers of ridge regression, averaged over λ by its evidence.

    λ is log-uniform over nine decades, and the size of weights and noise is integrated out.
    """
    values, _ = shown.spectrum
    size = values.max(initial=np.finfo(float).tiny)
    sums = (shown.labels**2).cumsum(axis=1)[:, [k - 1 for k in shown.prefixes]]
    vectors = np.linalg.eigh(shown.gram)[1]
    along = np.einsum("pkij,pki->pkj", vectors, shown.moments) ** 2
    count = np.array(shown.prefixes)
    logs = []
    answers = []
    for regulariser in size * np.geomspace(1e-6, 1e3, 37):
        fit = (along / (values + regulariser)).sum(axis=2)
        residual = np.maximum(sums - fit, 1e-12 * np.maximum(sums, np.finfo(float).tiny))
        logs.append(
            -0.5 * np.log1p(values / regulariser).sum(axis=2) - 0.5 * count * np.log(residual)
        )
        answers.append(ridge(shown, regulariser))
    weights = np.exp(np.array(logs) - np.max(logs, axis=0))
    return (weights * np.array(answers)).sum(axis=0) / weights.sum(axis=0)


STEPS = (-5.0, 3.0)
FAMILIES = (
    Family("least squares", least_squares),
    Family("always zero", lambda shown: np.zeros(shown.queries.shape[:2])),
    Family("mean label", lambda shown: neighbours(shown, shown.inputs.shape[1])),
    Family("nearest", lambda shown: neighbours(shown, 1)),
    Family("3 nearest", lambda shown: neighbours(shown, 3)),
    Family("3 nearest, weighted", lambda shown: neighbours(shown, 3, weighted=True)),
    Family("Bayesian average", bayesian_average),
    Family("ridge", ridge, ("λ",), ((-5.0, 3.0),), ("size",)),
    Family("least squares with an intercept", affine_least_squares),
    Family("ridge with an intercept", affine_ridge, ("λ",), ((-5.0, 3.0),), ("size",)),
    Family("one gradient step", gradient_step, ("α",), (STEPS,), ("step",)),
    Family("one pass of SGD", sgd, ("α",), (STEPS,), ("step",)),
    Family(
        "gradient steps",
        gradient_steps,
        ("α",),
        ((-4.0, 1.0),),
        ("step",),
        choices=tuple(range(2, MOST_STEPS + 1)),
    ),
    Family(
        "gradient steps with momentum",
        momentum_steps,
        ("α", "β"),
        ((-4.0, 1.0), (-1.3, -0.01)),
        ("step", "one"),
        choices=tuple(range(2, MOST_STEPS + 1)),
    ),
    Family("lasso", elastic_net, ("λ₁",), ((-4.0, 1.0),), ("label",)),
    Family("elastic net", elastic_net, ("λ₁", "λ₂"), ((-3.0, 1.0), (-3.0, 1.0)), ("label", "size")),
    Family("kernel average", kernel_average, ("h",), ((-1.5, 1.5),), ("length",)),
    Family("softmax attention", softmax_attention, ("T",), ((-2.0, 3.0),), ("size",)),
)
