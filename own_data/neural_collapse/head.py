"""What a user hands in, ordered by class and brought to the units of the theory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from theory import neural_collapse as predicted
from theory.neural_collapse.domains import Normalisation, require_chain
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import require

_LEAST_DECAY = 1e-100  # powers and products of the decays of all layers must not vanish in float64


@dataclass(frozen=True, eq=False)
class Head:
    """A head and the features entering it, a column per sample, ordered by class; decays are those
    that go with |.|^2 / (2 N) or the mean cross-entropy.
    """

    weights: list[Float[np.ndarray, "_ _"]]
    features: Float[np.ndarray, "inputs samples"]
    labels: Int[np.ndarray, " samples"]
    class_sizes: Int[np.ndarray, " classes"]
    weight_decays: Float[np.ndarray, " layers"]
    feature_decay: float
    bias: Float[np.ndarray, " classes"] | None

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.class_sizes)

    @property
    def widths(self) -> Int[np.ndarray, " layers"]:
        """d_1 .. d_M, the inputs of each layer."""
        return np.array([layer.shape[1] for layer in self.weights])

    def logits(self) -> Float[np.ndarray, "classes samples"]:
        """W_M ... W_1 H, without the bias."""
        outputs = self.features
        for layer in self.weights:
            outputs = layer @ outputs
        return outputs


def head_of(
    weights: Sequence[Float[AnyArray, "_ _"]],
    features: Float[np.ndarray, "samples inputs"],
    labels: Int[AnyArray, " samples"],
    decays: Sequence[float] | Float[np.ndarray, " factors"],
    bias: Float[AnyArray, " classes"] | None,
    normalisation: Normalisation | float,
) -> tuple[Head, float]:
    """The head, and α. Raises as `certify_head`."""
    layers = [np.asarray(layer, float) for layer in weights]
    rows = features
    classes = np.asarray(labels)
    require_chain(layers, rows.T)
    n_classes = len(layers[-1])
    n_factors = len(layers) + 1
    require(
        classes.max() < n_classes, f"labels must be in 0 .. {n_classes - 1}, got {classes.max()}"
    )
    sizes = np.bincount(classes, minlength=n_classes)
    require(
        np.all(sizes),
        f"labels must have samples of every class, got none of class {sizes.argmin()}",
    )
    require(
        len(decays) == n_factors, f"decays must be {n_factors}, of each layer and of the features"
    )
    require(
        bias is None or len(bias) == n_classes, f"bias must be {n_classes} numbers, one per class"
    )
    require(
        bias is None or n_classes > 1,
        "bias must be None for a single class, which it would fit alone",
    )
    alpha = 1 / predicted.decay_in_half_mean_square(1.0, n_classes, normalisation)
    strengths = np.asarray(decays, float) / alpha
    least = strengths[strengths > 0].min(initial=np.inf)
    require(
        least >= _LEAST_DECAY,
        f"decays over the normalisation must be 0 or at least {_LEAST_DECAY:g}, got {least}",
    )
    order = np.argsort(classes, kind="stable")
    head = Head(
        weights=layers,
        features=rows[order].T,
        labels=classes[order],
        class_sizes=sizes,
        weight_decays=strengths[:-1],
        feature_decay=float(strengths[-1]),
        bias=None if bias is None else np.asarray(bias, float),
    )
    return head, alpha
