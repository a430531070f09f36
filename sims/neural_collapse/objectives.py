"""The regularised objectives of the unconstrained features model with a deep linear head.

Samples are ordered by class. Two forms of one problem: the full form has one column of features per sample; the
class-mean reduction has one column per class, X = H̄ D^(1/2) with D = diag(n_1..n_K), sample weights n_k and the same
decay on X. It is exact, with the same critical values, because the objective is strictly convex in each feature, so
that samples of one class share one feature at every critical point (derived here). Which form a `Head` is in shows in
its number of columns; where every class has one sample the two are the same.
"""

import itertools
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, ScalarLike

from sims.neural_collapse.domain import require_columns, require_head
from sims.neural_collapse.parameters import Head
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_above,
    require_choice,
    require_count,
    require_finite,
    require_in_range,
)

Loss = Literal["mse", "ce"]


@validated(unbounded=("weight_decays", "feature_decay", "bias_decay"))
@dataclass(frozen=True)
class Problem:
    """What is minimised: a loss over the samples plus half of each decay times a squared norm.

    Args:
        class_sizes: n_1..n_K, samples of each class, in any order.
        weight_decays: λ_W1..λ_WM, one per layer, all positive; their number is the depth M.
        feature_decay: λ_H > 0.
        bias: whether the last layer has a bias.
        bias_decay: λ_b >= 0, 0 for an unregularised bias; only with `bias`.
        loss: "mse" (1/(2N) times the squared error) or "ce" (1/N times the cross entropy).

    Decays may be traced, so that a map over them builds the problem inside. Raises ValueError for no class, an empty
    class, no layer, a decay that is not positive and finite, a decay of no bias, or another loss.
    Source: Dang et al. 2023 with the normalisation of its released code; decayed bias and cross entropy: derived here.
    """

    class_sizes: tuple[int, ...]
    weight_decays: tuple[ScalarLike, ...]
    feature_decay: ScalarLike
    bias: bool = False
    bias_decay: ScalarLike = 0.0
    loss: Loss = "mse"

    def __post_init__(self):
        require_count("the number of classes", len(self.class_sizes), 1, "class_sizes lists the samples of each class")
        for size in self.class_sizes:
            require_count("in class_sizes a class size", size, 1, "leave an empty class out")
        require_count("the number of weight decays", len(self.weight_decays), 1, "weight_decays has one per layer")
        for name, decay in [
            *((f"weight_decays[{layer}]", decay) for layer, decay in enumerate(self.weight_decays)),
            ("feature_decay", self.feature_decay),
        ]:
            require_above(name, decay, 0, "no minimiser exists otherwise")
            require_finite(name, decay)
        high = float("inf") if self.bias else 0.0
        require_in_range("bias_decay", self.bias_decay, 0, high, includes_high=not self.bias, why="a decay of the bias")
        require_choice("loss", self.loss, Loss)

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.class_sizes)

    @property
    def n_samples(self) -> int:
        """N, the samples of all classes."""
        return sum(self.class_sizes)

    @property
    def depth(self) -> int:
        """M, the number of linear layers after the features."""
        return len(self.weight_decays)

    @validated
    def columns(self, n_columns: int) -> tuple[tuple[int, ...], Float[np.ndarray, "columns"]]:
        """The class of each column, and its sample weight: 1 in the full form, n_k in the class-mean reduction.

        Raises ValueError where `n_columns` is neither N nor K.
        """
        require_columns("n_columns", n_columns, self.n_samples, self.n_classes)
        if n_columns == self.n_samples:
            return tuple(np.repeat(range(self.n_classes), self.class_sizes).tolist()), np.ones(n_columns)
        return tuple(range(n_columns)), np.array(self.class_sizes, dtype=float)


@validated
def objective(head: Head, problem: Problem) -> Float[Array, ""]:
    """The regularised objective f at `head`, in the full form or the class-mean reduction by its number of columns.

    Where the problem has no bias, that of `head` is ignored. Raises ValueError for layers that do not chain, where
    their number is not that of the decays, that of the outputs not K, or that of the columns neither N nor K.
    """
    require_fit("head", head, problem)
    classes, sample_weights = problem.columns(head.features.shape[1])
    if not problem.bias:
        head = head._replace(bias=jnp.zeros_like(head.bias))
    targets = np.eye(problem.n_classes)[:, np.array(classes)]
    loss = mse_loss if problem.loss == "mse" else ce_loss
    norms = (*head.weights, head.features, head.bias)
    decays = (*problem.weight_decays, problem.feature_decay, problem.bias_decay)
    decay = sum(strength / 2 * jnp.sum(values**2) for strength, values in zip(decays, norms, strict=True))
    return loss(head, targets, sample_weights) + decay


@validated
def mse_loss(
    head: Head, targets: Float[AnyArray, "classes columns"], sample_weights: Float[AnyArray, "columns"]
) -> Float[Array, ""]:
    """1/(2N) Σ_c w_c |z_c - y_c|², N = Σ w_c, of the logits z_c = W_M..W_1 x_c / √w_c + b, without decay.

    Raises ValueError for sizes that do not fit and sample weights that are not positive.
    """
    _require_columns(head, targets, sample_weights)
    squares = jnp.sum((_logits(head, sample_weights) - targets) ** 2, axis=0)
    return jnp.vdot(sample_weights, squares) / (2 * jnp.sum(sample_weights))


@validated
def ce_loss(
    head: Head, targets: Float[AnyArray, "classes columns"], sample_weights: Float[AnyArray, "columns"]
) -> Float[Array, ""]:
    """-1/N Σ_c w_c Σ_k y_kc log softmax(z_c)_k, N = Σ w_c, of the same logits as `mse_loss`, without decay.

    Raises ValueError as `mse_loss`.
    """
    _require_columns(head, targets, sample_weights)
    cross_entropies = -jnp.sum(targets * jax.nn.log_softmax(_logits(head, sample_weights), axis=0), axis=0)
    return jnp.vdot(sample_weights, cross_entropies) / jnp.sum(sample_weights)


@validated
def product(weights: tuple[Float[Array, "_ _"], ...]) -> Float[Array, "outputs inputs"]:
    """W_M..W_m of the given layers in order m..M, multiplied from the K outputs down: the cheapest order.

    Raises ValueError for no layer, or layers that do not chain.
    """
    require_count("the number of weights", len(weights), 1, "the product of no layers has no size")
    shapes = [tuple(layer.shape) for layer in weights]
    if any(before[0] != after[1] for before, after in itertools.pairwise(shapes)):
        raise ValueError(f"weights must chain, each layer taking what the last one gives, got shapes {shapes}")
    *earlier, total = weights
    for layer in reversed(earlier):
        total = total @ layer
    return total


def require_fit(name: str, head: Head, problem: Problem) -> None:
    """Raise `ValueError` unless `head` has the layers, the K outputs and the columns that the problem wants."""
    require_head(name, head, problem.n_classes)
    if len(head.weights) != problem.depth:
        raise ValueError(f"{name} must have {problem.depth} layers, one per weight decay, got {len(head.weights)}")
    require_columns(name, head.features.shape[1], problem.n_samples, problem.n_classes)


def _require_columns(head, targets, sample_weights):
    require_head("head", head)
    needed = (len(head.bias), head.features.shape[1])
    if targets.shape != needed or sample_weights.shape != needed[1:]:
        raise ValueError(f"targets and sample_weights must fit the {needed[0]} outputs and {needed[1]} columns of head")
    if not is_traced(sample_weights) and not (np.asarray(sample_weights) > 0).all():
        raise ValueError(f"sample_weights must be above 0, got a least of {np.min(sample_weights)}")


def _logits(head, sample_weights):
    return product(head.weights) @ (head.features / jnp.sqrt(sample_weights)) + head.bias[:, None]
