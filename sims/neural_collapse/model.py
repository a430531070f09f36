"""The regularised objectives of the unconstrained features model with a deep linear head, and the
quantities that are trained: layers of weights, free features, and a bias.

Samples are ordered by class. A problem has two forms. The full form has one column of features per
sample. The class-mean reduction has one column per class, X = H̄ D^(1/2) with D = diag(n_1..n_K),
sample weights n_k and the same decay on X. The reduction is exact, with the same critical values:
the objective is strictly convex in each feature, so that samples of one class share one feature at
every critical point (derived here). The number of columns of a `Head` tells its form; where every
class has one sample, both are the same.
"""

import itertools
import math
import operator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.neural_collapse.domains import MOST_NUMBERS, ClassSizes, Decay, Deviation, Loss, Widths
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import NON_NEGATIVE, Count, Size, guarded, require


class Head(NamedTuple):
    """A deep linear head and the free features that it reads.
    `weights` are W_1..W_M, W_m of d_{m+1} x d_m with d_{M+1} = K; `features` are H (d_1 x columns:
    one per sample, or per class in the class-mean reduction); `bias` is b (K numbers).
    """

    weights: tuple[Float[AnyArray, "outputs inputs"], ...]
    features: Float[AnyArray, "dim columns"]
    bias: Float[AnyArray, "classes"]


@guarded(double=False)
@partial(jax.jit, static_argnames=("widths", "n_classes", "n_columns"))
def initial_head(
    key: Key[Array, ""],
    widths: Widths,
    n_classes: Size,
    n_columns: Size,
    *,
    weight_std: Deviation,
    feature_std: Deviation,
) -> Head:
    """Return a random start: independent normal weights and features of mean 0, and a zero bias.

    The layers have d_1..d_M = `widths` inputs. The mean of n_k normal columns times √n_k is again
    one normal column of the same variance: `n_columns` = K is the same law in the class-mean
    reduction as `n_columns` = N without it. Raises ValueError for no layer, or more than 2²⁸
    numbers in all. Source: the initialisation of the code released with Dang et al. 2023 (both
    deviations 0.1).
    """
    require(len(widths) > 0, "widths must hold at least one layer, got none")
    require_memory(widths, n_classes, n_columns)
    shapes = [*zip((*widths[1:], n_classes), widths, strict=True), (widths[0], n_columns)]
    # One draw for all of them: each draw of its own costs half a second of compilation.
    normals = jax.random.normal(key, (sum(map(math.prod, shapes)),))
    ends = itertools.accumulate(map(math.prod, shapes))
    *weights, features = (
        normals[end - math.prod(shape) : end].reshape(shape)
        for end, shape in zip(ends, shapes, strict=True)
    )
    return Head(
        weights=tuple(weight_std * layer for layer in weights),
        features=feature_std * features,
        bias=jnp.zeros(n_classes),
    )


def require_memory(widths: tuple[int, ...], n_classes: int, n_columns: int) -> None:
    """Raise `ValueError` for a head of more than 2²⁸ numbers."""
    numbers = widths[0] * n_columns + sum(map(operator.mul, widths, (*widths[1:], n_classes)))
    require(
        numbers <= MOST_NUMBERS,
        f"widths must make a head of at most 2^28 numbers, got {numbers:.3g}",
    )


def _require_head(name: str, head: Head, n_classes: int) -> None:
    """Raise `ValueError` unless a `Head` holds layers of numbers that chain from its features up to
    its K biases.
    """
    layers = head.weights if isinstance(head.weights, list | tuple) else ()
    parts = [head.features, *layers, head.bias]
    real = all(jnp.issubdtype(getattr(part, "dtype", bool), jnp.floating) for part in parts)
    require(
        bool(layers) and real,
        f"{name} must hold a tuple of layers, features and a bias, arrays of real numbers",
    )
    *shapes, bias = [tuple(part.shape) for part in parts]
    chain = all(len(shape) == 2 for shape in shapes) and bias == (shapes[-1][0],) == (n_classes,)
    chain = chain and all(before[0] == after[1] for before, after in itertools.pairwise(shapes))
    require(
        chain,
        f"{name} must chain K = {n_classes} outputs down to its features, got shapes "
        f"{[*shapes, bias]}",
    )


@guarded(double=False)
@dataclass(frozen=True)
class Problem:
    """The objective: a loss over the samples plus half of each decay times a squared norm.

    Args:
        class_sizes: n_1..n_K, samples of each class, in any order.
        weight_decays: λ_W1..λ_WM, one per layer; their number is the depth M.
        feature_decay: λ_H.
        bias: whether the last layer has a bias.
        bias_decay: λ_b, 0 for an unregularised bias; only with `bias`.
        loss: "mse" (1/(2N) times the squared error) or "ce" (1/N times the cross entropy).

    Decays may be traced, so that a map over them builds the problem inside. Raises ValueError for
    no class, no layer, and a decay of no bias.
    Source: Dang et al. 2023 with the normalisation of its released code; decayed bias and cross
    entropy were derived here.
    """

    class_sizes: ClassSizes
    weight_decays: tuple[Decay, ...]
    feature_decay: Decay
    bias: bool = False
    bias_decay: Annotated[ScalarLike, NON_NEGATIVE] = 0.0
    loss: Loss = "mse"

    def __post_init__(self):
        require(len(self.class_sizes) > 0, "class_sizes must hold at least one class, got none")
        require(len(self.weight_decays) > 0, "weight_decays must hold at least one layer, got none")
        if not self.bias:
            require(
                self.bias_decay == 0, f"bias_decay must be 0 without a bias, got {self.bias_decay}"
            )

    @property
    def n_classes(self) -> int:
        """K, the number of classes."""
        return len(self.class_sizes)

    @property
    def n_samples(self) -> int:
        """N, the number of samples of all classes."""
        return sum(self.class_sizes)

    @property
    def depth(self) -> int:
        """M, the number of linear layers after the features."""
        return len(self.weight_decays)

    @guarded(double=False)
    def columns(self, n_columns: Count) -> tuple[tuple[int, ...], Float[np.ndarray, "columns"]]:
        """The class and the weight (1, or n_k) of each column. Raises ValueError where `n_columns`
        is neither N nor K.
        """
        self._require_columns("n_columns", n_columns)
        if n_columns == self.n_samples:
            return tuple(np.repeat(range(self.n_classes), self.class_sizes).tolist()), np.ones(
                n_columns
            )
        return tuple(range(n_columns)), np.array(self.class_sizes, dtype=float)

    def _require_columns(self, name: str, n_columns: int) -> None:
        """Raise `ValueError` unless there is a column of features for every sample, or for every
        class.
        """
        forms = f"N = {self.n_samples}, or K = {self.n_classes} in the class-mean reduction"
        require(
            n_columns in (self.n_samples, self.n_classes),
            f"{name} must be {forms}, got {n_columns}",
        )


@guarded(double=False)
def objective(head: Head, problem: Problem) -> Float[Array, ""]:
    """The regularised objective f at `head`, in the full form or the class-mean reduction, as its
    number of columns says.

    Where the problem has no bias, that of `head` is ignored. Raises ValueError for layers that do
    not chain, and unless there is one layer per decay, one output per class, and N or K columns.
    """
    require_fit("head", head, problem)
    classes, sample_weights = problem.columns(head.features.shape[1])
    if not problem.bias:
        head = head._replace(bias=jnp.zeros_like(head.bias))
    targets = np.eye(problem.n_classes)[:, np.array(classes)]
    # Of the sample of column x_c and of weight w_c: the logits are those of x_c / √w_c.
    logits = product(head.weights) @ (head.features / jnp.sqrt(sample_weights)) + head.bias[:, None]
    if problem.loss == "mse":
        losses = jnp.sum((logits - targets) ** 2, axis=0) / 2
    else:
        losses = -jnp.sum(targets * jax.nn.log_softmax(logits, axis=0), axis=0)
    norms = (*head.weights, head.features, head.bias)
    decays = (*problem.weight_decays, problem.feature_decay, problem.bias_decay)
    decay = sum(
        strength / 2 * jnp.sum(values**2) for strength, values in zip(decays, norms, strict=True)
    )
    return jnp.vdot(sample_weights, losses) / jnp.sum(sample_weights) + decay


@guarded(double=False)
def product(weights: tuple[Float[AnyArray, "_ _"], ...]) -> Float[AnyArray, "outputs inputs"]:
    """Return the product W_M..W_m of the given layers in order m..M.

    Raises ValueError for no layer, or layers that do not chain.
    """
    require(len(weights) > 0, "weights must hold at least one layer, got none")
    shapes = [tuple(layer.shape) for layer in weights]
    chain = all(before[0] == after[1] for before, after in itertools.pairwise(shapes))
    require(
        chain, f"weights must chain, each layer taking what the last one gives, got shapes {shapes}"
    )
    *earlier, total = weights
    for layer in reversed(earlier):
        total = total @ layer
    return total


def require_fit(name: str, head: Head, problem: Problem) -> None:
    """Raise `ValueError` unless `head` has the layers, the K outputs and the columns that the
    problem wants.
    """
    _require_head(name, head, problem.n_classes)
    depth = problem.depth
    require(
        len(head.weights) == depth,
        f"{name} must have {depth} layers, one per decay, got {len(head.weights)}",
    )
    problem._require_columns(f"the columns of {name}", head.features.shape[1])
