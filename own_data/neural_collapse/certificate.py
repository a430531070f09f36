"""The gap of a trained head to the global minimum, its distance from collapse, and what is
missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int

from own_data.neural_collapse.head import Head, head_of
from own_data.neural_collapse.reference import Reference, ce_reference, mse_reference
from sims.neural_collapse import Problem
from sims.neural_collapse.gradients import value_and_gradient
from sims.neural_collapse.objectives import Loss
from theory import neural_collapse as predicted
from theory.neural_collapse.domains import Normalisation
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    ANY_NUMBER,
    MAY_BE_EMPTY,
    NON_NEGATIVE,
    Positive,
    guarded,
    require,
)
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.table import features as read_features

_SINGLE = (
    1e-6  # the same, relative to the largest, at which features in single precision may be rounding
)
_STATIONARY = 0.1  # misfit up to which the gap at implied decays is told
_ROUNDING = 1e-12
"""Of the objective: a smaller gap shows nothing."""


# of the least spread that a living direction has at the optimum: below it is as good as dead
_SPREAD = 0.01


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class HeadCertificate(Answer):
    """What `certify_head` found, in the units of the user's objective.

    Attributes:
        value: f, the objective of the head on its features.
        lower_bound: no head of these widths on any features is below.
        upper_bound: what the best known head has, that bound itself where it is the minimum;
            infinite if none is known.
        gap: value - lower_bound: the distance to the minimum, or where that is not known a bound on
            it.
        least_gap: value - upper_bound, at least zero: the head is as much above the minimum at
            least.
        imbalance: the part of the gap that rebalancing the layers would save without changing any
            logit, at least zero.
        gradient_norm: length of the gradient of f by weights, features and bias together.
        metrics: NC1, NC2 and NC3, zero at collapse.
        remarks: sentences on what the head lacks, what the optimum itself lacks, and what could not
            be decided.
        implied_decays: of ordinary training, where a decay is zero: those at which the head is
            nearest to stationary; empty otherwise, or if there are none.
        misfit: length of the gradient at these decays over that of the decays' part of it.
    """

    asked = "how far is this linear head from the best head on free features?"
    rests_on = (
        "the objective as it is handed in: features as free as the weights, these decays, "
        "no law of the data"
    )
    unseen = "what the features could not become in the network, and errors on other data"
    value: float
    lower_bound: float
    upper_bound: float
    gap: float
    least_gap: float
    imbalance: float
    gradient_norm: float
    metrics: predicted.CollapseMetrics
    remarks: tuple[str, ...]
    implied_decays: tuple[float, ...] = ()
    misfit: float = float("nan")

    def lines(self) -> list[str]:
        """Return the gap, where it comes from, the distances from collapse, and what is missing."""
        share = f"{self.gap:.3g}, {self.gap / (abs(self.value) or 1.0):.2g} of the objective"
        if self.is_minimum:
            verdict = (
                f"objective {self.value:.10g}, global minimum {self.lower_bound:.10g} "
                f"(proved): gap {share}"
            )
        else:
            remark = f", at least {self.least_gap:.3g}" if self.least_gap > 0 else ""
            below = f"at least {self.lower_bound:.10g}"
            best = (
                f"{below} and at most {self.upper_bound:.10g}"
                if np.isfinite(self.upper_bound)
                else below
            )
            verdict = (
                f"objective {self.value:.10g}, global minimum {best} (proved): gap at most "
                f"{share}{remark}"
            )
        frames = ", ".join(f"{distance:.2g}" for distance in self.metrics.suffix_frames)
        distances = [
            f"NC1, spread within classes {self.metrics.within_class:.3g} (at collapse 0, as NC2 "
            "and NC3)",
            f"NC2 of W_M ... W_m, m = 1 .. M: {frames}; of the class means "
            f"{self.metrics.feature_frame:.2g}",
            f"NC3 of the logits {self.metrics.logit_frame:.2g}; of head and class means "
            f"{self.metrics.duality:.2g}",
        ]
        return [
            verdict,
            f"of the gap from unbalanced layers {self.imbalance:.3g}; length of the gradient "
            f"{self.gradient_norm:.3g}",
            *[line.replace("nan", "undefined") for line in distances],
            *[f"note: {sentence}" for sentence in self.remarks[:2]],
        ]

    @property
    def is_minimum(self) -> bool:
        """Whether the two bounds are the global minimum, to a billionth and rounding."""
        return bool(self.upper_bound - self.lower_bound <= 2e-9 * self.lower_bound + 1e-14)

    def plot(self, axes: Any = None) -> Any:
        """Draw the objective (point) over where the global minimum is (line); return the axes."""
        axes = axes_for(axes)
        upper = self.upper_bound if np.isfinite(self.upper_bound) else self.value
        axes.axhspan(
            self.lower_bound, upper, color="C1", alpha=0.3, label="where the global minimum is"
        )
        axes.axhline(self.lower_bound, color="C1", label="proved lower bound")
        names = ["this head", "rebalanced"]
        axes.plot(
            names, [self.value, self.value - self.imbalance], "o", color="C0", label="objective"
        )
        axes.set(xlabel="head", ylabel="objective", xlim=(-0.5, 1.5))
        axes.legend()
        return axes


@guarded(
    double=False
)  # the precision of the features decides which directions of them are rounding
def certify_head(
    weights: Sequence[Float[AnyArray, "_ _"]],
    features: Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY],
    labels: Annotated[Int[AnyArray, " samples"], NON_NEGATIVE],
    decays: Annotated[Sequence[float] | Float[np.ndarray, " factors"], NON_NEGATIVE],
    *,
    bias: Float[AnyArray, " classes"] | None = None,
    loss: Loss = "mse",
    normalisation: Normalisation | Positive = 1.0,
) -> HeadCertificate:
    """Certify how far a deep linear head and its features are from the global minimum of what they
    were trained on.

    The objective is f = α loss + (1/2)(sum_m λ_Wm |W_m|^2 + λ_H |H|^2) over weights, features and
    bias, the bias not decayed; loss is |Z - Y|^2 / (2 N) for "mse" and the mean cross-entropy for
    "ce". The bound holds for whatever network makes the features.

    For "mse" the bounds are the minimum itself, at any depth, widths and class sizes. For "ce" at
    depth one they meet at it too, in closed form for equal classes, else by a convex program, to a
    billionth if time allows; widths below K - 1 leave the lower only. For "ce" at larger depth the
    minimum is not known, and they bracket it: the lower one bounds the decays by a power of the
    nuclear norm of the logits, the upper one is of the best configuration known. Metrics are
    distances to the geometry of the optimum, for "ce" to the simplex frame; of zeros they are NaN,
    and `remarks` say what has died. NC1 leaves out directions whose spread between classes is below
    a hundredth of the least that a living direction has at the optimum.

    With a decay of zero, as in ordinary training, the infimum is zero whatever the head does, and
    the answer is not a gap: it says for which decays the head is nearest to stationary (equal
    shares for all factors), or why for none.

    Args:
        weights: W_1 .. W_M, outputs x inputs as in PyTorch, the last with a row per class.
        features: N rows, what enters W_1 for each sample; an array or a data frame.
        labels: N integers in 0 .. K - 1, each class present.
        decays: λ_W1 .. λ_WM and λ_H. A decay λ |W|^2 without the half counts twice.
        bias: K numbers, if the last layer has one.
        loss: "mse" or "ce".
        normalisation: α, or for "mse" a name: "half_mean_over_samples" (1), "mean_over_samples"
            (2), "half_mean_over_entries" (1 / K), "mean_over_entries" (2 / K, PyTorch's MSELoss).

    Raises ValueError for shapes that do not fit, labels without a row, an empty class, a single
    class with a bias or "ce", and decays below 1e-100 α.

    Source: the frames of Dang et al. 2023, arXiv 2301.00437; bounds and the rest derived here.

    >>> print(certify_head([np.eye(2)], np.eye(2), [0, 1], [0.1, 0.1]).metrics.logit_frame)
    0.0
    """
    is_named = isinstance(normalisation, str)
    require(
        loss == "mse" or not is_named,
        f'normalisation must be a number for the loss "ce", got {normalisation!r}',
    )
    table = read_features("features", features)
    n_samples = len(table.values)
    require(
        len(labels) == n_samples,
        f"labels must have one entry for each of the {len(table.values)} samples, got "
        f"{len(labels)}",
    )
    head, alpha = head_of(weights, table.values, labels, decays, bias, normalisation)
    require(
        loss == "mse" or head.n_classes > 1,
        'weights must have rows of at least two classes for the loss "ce"',
    )
    if min(*head.weight_decays, head.feature_decay) == 0:
        return _undecayed(head, alpha, loss)
    return _certificate(head, alpha, loss)


def _certificate(head: Head, alpha: float, loss: Loss) -> HeadCertificate:
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
        rcond=max(
            _SINGLE, _SPREAD * _least_spread(reference.targets.feature_gram, head.class_sizes)
        ),
    )
    gap = value - reference.lower_bound
    inside = bool(head.features.min() >= 0) and gap > 1e-6 * value
    relu = Doubt(
        "no feature is negative (a ReLU?): the minimum may be out of reach",
        alpha * gap,
        "of the gap",
    )
    return HeadCertificate(
        value=alpha * value,
        lower_bound=alpha * reference.lower_bound,
        upper_bound=alpha * reference.upper_bound,
        gap=alpha * gap,
        least_gap=alpha * max(0.0, value - max(reference.upper_bound, reference.lower_bound)),
        imbalance=alpha * imbalance,
        gradient_norm=alpha * gradient_norm,
        metrics=metrics,
        remarks=(*reference.remarks, *_missing(head, logits, reference, value, gradient_norm)),
        doubts=(relu,) if inside else (),
    )


def _undecayed(head: Head, alpha: float, loss: Loss) -> HeadCertificate:
    """Decays at which the head is nearest to stationary: each factor's gradient has the same
    product with it.
    """
    from scipy.special import softmax

    value, gradient_norm = _value_and_gradient_norm(head, loss)
    logits = head.logits()
    one_hot = np.eye(head.n_classes)[:, head.labels]
    outputs = logits if head.bias is None else logits + head.bias[:, None]
    slope = ((outputs if loss == "mse" else softmax(outputs, axis=0)) - one_hot) / len(head.labels)
    gain = -float(np.sum(slope * logits))
    norms = np.array([np.sum(part**2) for part in (*head.weights, head.features)])
    sentence = "none fits this head: larger logits do not lower its loss"
    misfit = float("nan")
    decays: tuple[float, ...] = ()
    if gain > 1e-12 * value and norms.min() > 0:
        strengths = gain / norms
        at = replace(head, weight_decays=strengths[:-1], feature_decay=float(strengths[-1]))
        misfit = _value_and_gradient_norm(at, loss)[1] / float(
            np.sqrt(np.sum(strengths**2 * norms))
        )
        decays = tuple((alpha * strengths).tolist())
        text = ", ".join(f"{decay:.3g}" for decay in decays)
        sentence = f"the head is nearest to stationary, to {misfit:.0%}, at the decays {text}"
        if misfit < _STATIONARY:
            sentence += f", where its gap is at most {_certificate(at, alpha, loss).gap:.3g}"
        else:
            sentence += ", and optimal for none"
    nan = float("nan")
    frames = np.full(len(head.weights), nan)
    return HeadCertificate(
        value=alpha * value,
        lower_bound=0.0,
        upper_bound=nan,
        gap=nan,
        least_gap=nan,
        imbalance=nan,
        gradient_norm=alpha * gradient_norm,
        metrics=predicted.CollapseMetrics(nan, frames, nan, nan, nan),
        remarks=(),
        implied_decays=decays,
        misfit=misfit,
        missing="a positive decay of every factor, as without one the infimum is 0 for any data; "
        f"{sentence}",
    )


def _least_spread(
    gram: Float[np.ndarray, "classes classes"], sizes: Int[np.ndarray, " classes"]
) -> float:
    """Least squared spread of the class means about the mean of all samples over the largest, of
    living directions.
    """
    centring = np.eye(len(sizes)) - (sizes / sizes.sum())[:, None]
    spreads = np.linalg.eigvalsh(centring.T @ gram @ centring)
    alive = spreads[spreads > 1e-9 * max(spreads[-1], 1e-300)]
    return float(alive[0] / alive[-1]) if alive.size else 0.0


def _value_and_gradient_norm(head: Head, loss: Loss) -> tuple[float, float]:
    sizes = tuple(head.class_sizes.tolist())
    decays = tuple(head.weight_decays.tolist())
    problem = Problem(sizes, decays, head.feature_decay, head.bias is not None, loss=loss)
    parts = [*head.weights, head.features, *([] if head.bias is None else [head.bias])]
    at = value_and_gradient(problem, tuple(head.widths.tolist()), head.labels.size)
    with np.errstate(over="ignore", invalid="ignore"):
        value, gradient = at(np.concatenate([part.ravel() for part in parts]))
    finite = np.isfinite(value) and np.isfinite(gradient).all()
    require(
        finite, "weights and features must be small enough for a finite objective, got an overflow"
    )
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
    targets = np.sort(reference.singular_values[reference.singular_values > 0])[::-1]
    lost = int(np.sum(np.linalg.svd(logits, compute_uv=False)[: targets.size] < targets / 2))
    if lost:
        sentences.append(
            f"{lost} of the {targets.size} directions alive at the optimum: in the logits they "
            "have less than half of "
            "their singular value"
        )
    # Where the objective curves at least as much as the least decay, this is all that a descent has
    # left to gain.
    slack = gradient_norm**2 / (2 * min(*head.weight_decays, head.feature_decay))
    if reference.is_minimum and value - reference.lower_bound > slack + _ROUNDING * value:
        sentences.append(
            "a gradient that matches the gap: the head is near a saddle, a flat direction or, "
            "from depth 2 on, a local "
            "minimum, and longer training may not help"
        )
    return sentences
