"""Neural collapse: what arguments owe to each other is said in one sentence."""

import numpy as np
import pytest

from own_data.neural_collapse import certify_head
from theory import neural_collapse as predicted

EYE, LABELS, TWICE = np.eye(2), np.array([0, 1]), np.array([0, 0, 1, 1])
TARGETS = predicted.frame_targets(EYE, 1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.nc2_rate(1e-200, 0.1, 0.0, 1e-200), r"decay \* smallest_root must not underflow"),
        (lambda: predicted.hessian_kernel_dimension([2], 3), "widths must be at least n_directions = 3, got 2"),
        (lambda: predicted.local_minimum_values([2], [0.1], 0.1, [2, 2]), "widths must have one entry for each of the"),
        (lambda: predicted.balanced_factorisation(EYE, [0.1], 0.1, [1]), "widths must be at least the rank 2 of the"),
        (lambda: predicted.frame_value(np.eye(1), 1, [0.1], 0.1), "pattern must have at least two classes, got one"),
        (lambda: predicted.frame_value(-EYE, 1, [0.1], 0.1), "pattern must have the largest entry of every column"),
        (lambda: predicted.general_orthogonal_frame(np.zeros(2)), "lengths must not all be zero"),
        (lambda: predicted.within_class_collapse(EYE, LABELS * 2), r"labels must be 0, ..., K - 1, each present, got"),
        (lambda: predicted.nc_metrics([], EYE, LABELS, TARGETS), "weights must hold at least one layer, got none"),
        (lambda: predicted.nc_metrics([np.eye(3)], EYE, LABELS, TARGETS), "must have chaining shapes"),
        (lambda: predicted.nc_metrics([np.ones((3, 2))], EYE, LABELS, TARGETS), "must agree on depth and classes"),
        (lambda: predicted.nc_metrics([EYE] * 2, EYE, LABELS, TARGETS), "must agree on depth and classes"),
        (lambda: predicted.mse_optimum([3], [1e-200], 1e-200), "are so small that beta is zero"),
        (lambda: predicted.mse_optimum([3], [0.1], 0.1, bias=True), "at least 2 classes with a bias"),
        (lambda: predicted.mse_optimum([3, 3], [0.1], 0.1, bias_decay=0.1), "bias_decay must be 0 without a bias"),
        (
            lambda: predicted.mse_optimum([3, 2], [0.1], 0.1, bias=True, bias_decay=0.1),
            r"class_sizes must be equal when the bias is decayed .*\[3, 2\]",
        ),
        (lambda: predicted.mse_objective([], EYE, LABELS, [0.1], 0.1), "weights must hold at least one layer"),
        (lambda: predicted.mse_objective([np.eye(3)], EYE, LABELS, [0.1], 0.1), "must have chaining shapes"),
        (lambda: predicted.mse_objective([EYE], EYE, LABELS + 1, [0.1], 0.1), "labels must be below the 2 rows"),
        (lambda: predicted.mse_objective([EYE], EYE, LABELS, [0.1, 0.1], 0.1), "must be 1, one per layer, got 2"),
        (lambda: predicted.mse_objective([EYE], EYE, LABELS, [0.1], 0.1, np.ones(3)), "bias must hold 2 numbers"),
        (lambda: predicted.dual_bound(0 * EYE, LABELS + 1, 0.1, 0.1), "labels must be below the 2 rows of dual, got 2"),
        (lambda: predicted.scl_batch_minimum(TWICE, []), "batches must hold at least one batch, got none"),
        (lambda: predicted.batch_conditions(TWICE, [[0, 4]]), r"batches must hold distinct indices in 0, ..., 3"),
        (lambda: predicted.batch_conditions(TWICE, [[-1]]), r"batches must hold distinct indices in 0, ..., 3"),
        (lambda: predicted.batch_conditions(TWICE, [[1, 1]]), r"batches must hold distinct indices in 0, ..., 3"),
        (lambda: predicted.batch_conditions(TWICE + 1, [[0]]), "labels must be 0, ..., K - 1, each present"),
    ],
)
def test_theory(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


LAYERS, FEATURES, CLASSES = [np.ones((3, 2)), np.ones((2, 3))], np.ones((4, 2)), np.array([0, 1, 0, 1])
LONELY = {"weights": [np.ones((1, 2))], "labels": 0 * CLASSES, "decays": [1, 1]}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"weights": []}, "weights must hold at least one layer, got none"),
        ({"weights": [np.ones((3, 2)), np.ones((2, 4))]}, "features and weights .* must have chaining shapes"),
        ({"weights": [np.ones((3, 4)), np.ones((2, 3))]}, "features and weights .* must have chaining shapes"),
        ({"weights": [1e200 * layer for layer in LAYERS]}, "small enough for a finite objective"),
        (
            {"weights": [np.diag([1e200, 1.0])], "features": 1e200 * FEATURES, "decays": [1, 1], "loss": "ce"},
            "small enough for a finite objective",
        ),
        ({"features": FEATURES.T}, "labels must have one entry for each of the 2 samples, got 4"),
        ({"labels": CLASSES + 1}, "labels must be in 0 .. 1, got 2"),
        ({"labels": 0 * CLASSES}, "labels must have samples of every class, got none of class 1"),
        ({"decays": [0.1, 0.1]}, "decays must be 3, of each layer and of the features"),
        ({"decays": [0.1, 1e-101, 0.1]}, "decays over the normalisation must be at least 1e-100, got 1e-101"),
        ({"bias": np.ones(3)}, "bias must be 2 numbers, one per class"),
        (LONELY | {"bias": [0.0]}, "bias must be None for a single class"),
        (LONELY | {"loss": "ce"}, 'at least two classes for the loss "ce"'),
        ({"loss": "ce", "normalisation": "mean_over_entries"}, 'a number for the loss "ce"'),
    ],
)
def test_own_data(changed, sentence):
    head = {"weights": LAYERS, "features": FEATURES, "labels": CLASSES, "decays": [0.1, 0.1, 0.1]}
    with pytest.raises(ValueError, match=sentence):
        certify_head(**(head | changed))
