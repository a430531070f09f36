"""The gap of a trained head to the global minimum, its distance from collapse, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from own_data.neural_collapse.head import Head, head_of
from own_data.neural_collapse.reference import Reference, ce_reference, mse_reference
from sims.neural_collapse import Problem
from sims.neural_collapse.gradients import value_and_gradient
from sims.neural_collapse.objectives import Loss
from theory import neural_collapse as predicted
from theory.neural_collapse._domains import Normalisation
from theory_on_trial.arrays import AnyArray
from theory_on_trial.contract import NON_NEGATIVE, POSITIVE, Positive, guarded, require

_ROUNDING = 1e-12
"""Of the objective: a smaller gap shows nothing."""


@dataclass(frozen=True, eq=False, repr=False)
class HeadCertificate:
    """What `certify_head` found, in the units of the user's objective.

    Attributes:
        value: f, the objective of the head on its features.
        lower_bound: no head of these widths on any features is below; NaN where no bound is known.
        gap: value - lower_bound, at least zero up to rounding.
        imbalance: the part of the gap that rebalancing the layers would save without changing any logit, at least zero.
        gradient_norm: length of the gradient of f by weights, features and bias together.
        metrics: NC1, NC2 and NC3, zero at collapse.
        missing: sentences on what the head lacks, what the optimum itself lacks, and what could not be decided.
    """

    value: float
    lower_bound: float
    gap: float
    imbalance: float
    gradient_norm: float
    metrics: predicted.CollapseMetrics
    missing: tuple[str, ...]

    def __repr__(self) -> str:
        """Return one line per number and per sentence."""
        lines = [f"{name:<44} {value}" for name, value in self._rows()]
        return "\n".join(lines + [f"missing: {sentence}" for sentence in self.missing])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        rows = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in self._rows())
        return f"<table>{rows}</table><ul>{''.join(f'<li>{sentence}</li>' for sentence in self.missing)}</ul>"

    def _rows(self) -> list[tuple[str, str]]:
        frames = ", ".join(f"{distance:.2g}" for distance in self.metrics.suffix_frames)
        return [
            ("objective", f"{self.value:.10g}"),
            ("lower bound", f"{self.lower_bound:.10g}"),
            ("gap", f"{self.gap:.3g}"),
            ("of it from unbalanced layers", f"{self.imbalance:.3g}"),
            ("length of the gradient", f"{self.gradient_norm:.3g}"),
            ("NC1, spread within classes", f"{self.metrics.within_class:.3g}"),
            ("NC2 of W_M ... W_m, m = 1 .. M", frames),
            ("NC2 of the class means", f"{self.metrics.feature_frame:.2g}"),
            ("NC3 of the logits", f"{self.metrics.logit_frame:.2g}"),
            ("NC3 of the head and the class means", f"{self.metrics.duality:.2g}"),
        ]


@guarded(double=False)  # the precision of the features decides which directions of them are rounding
def certify_head(
    weights: Sequence[Float[AnyArray, "_ _"]],
    features: Float[AnyArray, "samples inputs"],
    labels: Annotated[Int[AnyArray, " samples"], NON_NEGATIVE],
    decays: Annotated[Sequence[float] | Float[np.ndarray, " factors"], POSITIVE],
    *,
    bias: Float[AnyArray, " classes"] | None = None,
    loss: Loss = "mse",
    normalisation: Normalisation | Positive = 1.0,
) -> HeadCertificate:
    """Certify how far a deep linear head and its features are from the global minimum of what they were trained on.

    The objective is f = alpha loss + (1/2)(sum_m lambda_Wm |W_m|^2 + lambda_H |H|^2) over weights, features and bias,
    the bias not decayed; loss is |Z - Y|^2 / (2 N) for "mse" and the mean cross-entropy for "ce". The bound holds for
    whatever network makes the features, and nothing is optimised to find it.

    For "mse" the bound is the minimum itself, at any depth, widths and class sizes. For "ce" at depth one it is the
    minimum for equal classes and widths of at least K - 1, else a dual bound read off this very head, which meets the
    minimum as the head does. For "ce" at larger depth no bound is known. Metrics are distances to the geometry of the
    optimum, for "ce" to the simplex frame; of zeros they are NaN, and `missing` says what has died.

    Args:
        weights: W_1 .. W_M, outputs x inputs as in PyTorch, the last with a row per class.
        features: N rows, what enters W_1 for each sample. Those in single precision have the cut-off of NC1 raised.
        labels: N integers in 0 .. K - 1, each class present.
        decays: lambda_W1 .. lambda_WM and lambda_H, all positive. A decay lambda |W|^2 without the half counts twice.
        bias: K numbers, if the last layer has one.
        loss: "mse" or "ce".
        normalisation: alpha, or for "mse" a name: "half_mean_over_samples" (1), "mean_over_samples" (2),
            "half_mean_over_entries" (1 / K), "mean_over_entries" (2 / K, PyTorch's MSELoss).

    Raises ValueError for shapes that do not fit, labels without a row, an empty class, a single class with a bias or
    "ce", and decays below 1e-100 alpha.

    Source: the frames of Dang et al. 2023, arXiv 2301.00437; bounds and the rest derived here.

    >>> print(certify_head([np.eye(2)], np.eye(2), [0, 1], [0.1, 0.1]).metrics.logit_frame)
    0.0
    """
    named = isinstance(normalisation, str)
    require(loss == "mse" or not named, f'normalisation must be a number for the loss "ce", got {normalisation!r}')
    head, alpha = head_of(weights, features, labels, decays, bias, normalisation)
    require(loss == "mse" or head.n_classes > 1, 'weights must have rows of at least two classes for the loss "ce"')
    value, gradient_norm = _value_and_gradient_norm(head, loss)
    reference = mse_reference(head) if loss == "mse" else ce_reference(head)
    logits = head.logits()
    norms = [np.sum(part**2) for part in (*head.weights, head.features)]
    decay = float(np.dot([*head.weight_decays, head.feature_decay], norms)) / 2
    imbalance = decay - predicted.schatten_penalty(logits, head.weight_decays, head.feature_decay)
    metrics = predicted.nc_metrics(
        head.weights,
        head.features,
        head.labels,
        reference.targets,
        centred=head.bias is not None,
        rcond=head.rcond,
    )
    return HeadCertificate(
        value=alpha * value,
        lower_bound=alpha * reference.lower_bound,
        gap=alpha * (value - reference.lower_bound),
        imbalance=alpha * imbalance,
        gradient_norm=alpha * gradient_norm,
        metrics=metrics,
        missing=(*reference.missing, *_missing(head, logits, reference, value, gradient_norm)),
    )


def _value_and_gradient_norm(head: Head, loss: Loss) -> tuple[float, float]:
    sizes, decays = tuple(head.class_sizes.tolist()), tuple(head.weight_decays.tolist())
    problem = Problem(sizes, decays, head.feature_decay, head.bias is not None, loss=loss)
    parts = [*head.weights, head.features, *([] if head.bias is None else [head.bias])]
    at = value_and_gradient(problem, tuple(head.widths.tolist()), head.labels.size)
    with np.errstate(over="ignore", invalid="ignore"):
        value, gradient = at(np.concatenate([part.ravel() for part in parts]))
    finite = np.isfinite(value) and np.isfinite(gradient).all()
    require(finite, "weights and features must be small enough for a finite objective, got an overflow")
    return value, float(np.linalg.norm(gradient))


def _missing(
    head: Head,
    logits: Float[np.ndarray, "classes samples"],
    reference: Reference,
    value: float,
    gradient_norm: float,
) -> list[str]:
    """What the head itself lacks."""
    sentences = []
    if head.bias is not None:  # the mean of the logits is its task, and zero at the optimum
        logits = logits - logits.mean(axis=1, keepdims=True)
    wanted = np.sort(reference.singular_values[reference.singular_values > 0])[::-1]
    lost = int(np.sum(np.linalg.svd(logits, compute_uv=False)[: wanted.size] < wanted / 2))
    if lost:
        sentences.append(
            f"{lost} of the {wanted.size} directions alive at the optimum: in the logits they have less than half of "
            "their singular value"
        )
    # Where the objective curves at least as much as the least decay, this is all that a descent has left to gain.
    explained = gradient_norm**2 / (2 * min(*head.weight_decays, head.feature_decay))
    if reference.is_minimum and value - reference.lower_bound > explained + _ROUNDING * value:
        sentences.append(
            "a gradient that matches the gap: the head is near a saddle, a flat direction or, from depth 2 on, a local "
            "minimum, and longer training may not help"
        )
    return sentences
