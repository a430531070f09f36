"""Doan, Abbana Bennani, Mazoure, Rabusseau & Alquier 2021, "A Theoretical Analysis of Catastrophic
Forgetting ...".

The abstract, a third-party note with the main formulas and the released code were read; no theorem
is cited by number. Features and weights are standard normal, labels three times as large, drawn
again under every seed; measured are weights that were fitted one task after the other.

Abstract:

- Sentence 1: what continual learning is. No statement.
- Sentence 2: catastrophic forgetting is its recurring problem. No statement.
- Sentence 3: it has been given little theory. No statement.
- Sentence 4: forgetting grows as two tasks align. In part: inverted_u-independent, inverted_u. It
  does at a given residual. For two tasks of one teacher it grows as the angle falls to 45 degrees,
  and falls again.
- Sentence 5: the overlap matrix of two tasks' tangent kernels decides. Holds: overlap_identity,
  chain, principal_angle_bound.
- Sentence 6: projected gradient methods reduce forgetting. In part: pca_ogd-identity. For OGD, the
  memory of full rank; GEM and its relatives are not on trial.
- Sentence 7: a variant of OGD keeps principal components. No statement.
- Sentence 8: experiments support the theory, and the variant reduces forgetting on classical data.
  In part: pca_ogd, lazy_net. Linear models and one small network; the benchmarks of the paper are
  not bundled.
"""

from typing import Annotated, NamedTuple

import numpy as np

from theory_on_trial.contract import Interval

Size = Annotated[
    int, Interval(1, 300, why="matrices of so many rows are squared some twenty times")
]
Ridge = Annotated[
    float,
    Interval(0, 1e6, why="a larger one leaves updates that are lost in the digits of the weights"),
]
Spare = Annotated[
    int, Interval(0, 300, why="matrices of so many rows are squared some twenty times")
]


class TwoTasks(NamedTuple):
    """Two tasks and the weights after the first."""

    features_s: np.ndarray
    features_t: np.ndarray
    weights: np.ndarray
    targets: np.ndarray

    @property
    def residual(self) -> np.ndarray:
        """What these weights leave of the second task's labels."""
        return self.targets - self.features_t @ self.weights

    @property
    def features(self) -> tuple[np.ndarray, np.ndarray]:
        """Of both tasks."""
        return self.features_s, self.features_t


def draw_rows(generator, *shape):
    """Normal features, singular values below a tenth of the largest raised to it: digits are left
    at every size.
    """
    left, values, right = np.linalg.svd(generator.standard_normal(shape), full_matrices=False)
    return left * np.maximum(values, values[..., :1] / 10)[..., None, :] @ right


def two_tasks(generator, n_s, n_t, dim) -> TwoTasks:
    """Normal features and weights, labels three times as large."""
    first, second = (draw_rows(generator, rows, dim) for rows in (n_s, n_t))
    return TwoTasks(
        first, second, generator.standard_normal(dim), 3 * generator.standard_normal(n_t)
    )


def subtracted(features, before, after):
    """The size of what is subtracted in |φ (after - before)|^2."""
    lengths = np.linalg.norm(before) + np.linalg.norm(after)
    return float(
        np.linalg.norm(features, 2) * lengths * np.linalg.norm(features @ (after - before))
    )


def condition(features, ridge, rank=None):
    """By how much an error of a gradient is larger in the weights, beside their own."""
    values = np.linalg.svd(features, compute_uv=False)[:rank]
    return float((values[0] ** 2 + ridge) / (values[-1] ** 2 + ridge))


def meets(trial, measured, truth, controls, ops, scale):
    """An identity of numbers; a wrong theory that says the same at this setting, but for rounding,
    is no control.
    """
    rounding = 44 * ops * 2.0**-53 * scale
    distinct = {
        name: control
        for name, control in controls.items()
        if np.any(np.abs(control - truth) > rounding)
    }
    trial.identity(
        measured,
        truth,
        ops=ops,
        scale=scale,
        controls=distinct,
        generic="forgetting and its laws are analytic in features, targets and weights",
    )
