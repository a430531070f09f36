"""The global minimum of regularised deep linear nets on free features under the square loss, in
closed form.

Minimised is f = |W_M ... W_1 H + b 1^T - Y|^2 / (2 N) + (1/2)(sum_m λ_Wm |W_m|^2 + λ_H |H|^2 + λ_b
|b|^2) over weights W_m (d_(m+1) x d_m, d_(M+1) = K), features H (d_1 x N) and, if present, the bias
b; Y holds one-hot labels of K classes of sizes n_k, N = sum n_k. Dang et al. 2023 (arXiv
2301.00437) describe these minima as neural collapse to a simplex, an orthogonal or a general
orthogonal frame; values, thresholds, bottlenecks, imbalanced classes with bias and the decayed bias
are derived here.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from theory.neural_collapse.domains import ClassSizes, Decay, WeightDecays, Widths
from theory.neural_collapse.scalar_equation import global_root, regime, scalar_objective, shrinkage
from theory.neural_collapse.schatten import balanced_factors, factor_balance, log_decay_product
from theory.neural_collapse.thresholds import global_threshold
from theory_on_trial.contract import MAY_BE_INFINITE, NonNegative, guarded, require

_TIED_AT_CUT = 1e-12  # relative; betas are known to some 1e-15


@dataclass(frozen=True)
class MseOptimum:
    """The global minimum, direction by direction of the data, and the geometry of every minimiser.

    Directions are the classes, in the order given, without a bias; with a bias that is not decayed
    the K - 1 singular directions of diag(sqrt n)(I - u u^T), u_k = sqrt(n_k / N), strongest first;
    with a decayed one the K - 1 contrasts and then the mean. All arrays of directions have that
    length, whatever the widths; a direction that does not survive holds zeros. Grams and logits are
    unique unless a `regimes` entry is "tie" or `cut_is_tied`; where directions of equal strength
    are cut by a bottleneck, only the subspace they span together is determined.

    value: the minimum f*.
    betas, roots, regimes: β_i, x_i (zero if dead) and the name of the regime of each direction,
    bottleneck aside. alive: whether the direction survives in the minimiser; cut_is_tied: whether a
    bottleneck chose among equals. singular_values: σ_i of W_M ... W_1 H; balances: τ_i = λ_m
    σ_i(W_m)^2 = λ_H σ_i(H)^2. layer_singular_values [M, directions]: those of each W_m.
    left_directions, right_directions: their left and right singular vectors in class coordinates,
    as columns. logits: W_M ... W_1 Hbar, column k the logits of class k without bias; Hbar are the
    class means. product_gram: (W_M ... W_1)(W_M ... W_1)^T; classifier_gram: W_M W_M^T;
    feature_gram: Hbar^T Hbar. bias: the optimal bias, None if there is none.
    """

    class_sizes: Int[np.ndarray, " classes"]
    weight_decays: Float[np.ndarray, " depth"]
    feature_decay: float
    bias_decay: float
    widths: Int[np.ndarray, " depth"]
    value: float
    betas: Float[np.ndarray, " directions"]
    roots: Float[np.ndarray, " directions"]
    regimes: Shaped[np.ndarray, " directions"]
    alive: Bool[np.ndarray, " directions"]
    cut_is_tied: bool
    singular_values: Float[np.ndarray, " directions"]
    balances: Float[np.ndarray, " directions"]
    layer_singular_values: Float[np.ndarray, "depth directions"]
    left_directions: Float[np.ndarray, "classes directions"]
    right_directions: Float[np.ndarray, "classes directions"]
    logits: Float[np.ndarray, "classes classes"]
    product_gram: Float[np.ndarray, "classes classes"]
    classifier_gram: Float[np.ndarray, "classes classes"]
    feature_gram: Float[np.ndarray, "classes classes"]
    bias: Float[np.ndarray, " classes"] | None


@guarded
def mse_optimum(
    class_sizes: ClassSizes,
    weight_decays: WeightDecays,
    feature_decay: Decay,
    *,
    widths: Widths | None = None,
    bias: bool = False,
    bias_decay: NonNegative = 0.0,
) -> MseOptimum:
    """The global minimum for class sizes n_k and decays λ_W1, ..., λ_WM and λ_H; at a tie with
    zero, zero is returned.

    `widths` are d_1, ..., d_M, by default K each: only the min(K, d_1, ..., d_M) strongest
    directions can survive. `bias_decay` is λ_b. `ValueError` for a bias with a single class, for a
    decayed bias with unequal class sizes, which has no closed form, and for decays so small that β
    underflows.

    >>> optimum = mse_optimum([200, 100, 50, 5], [5e-3] * 2, 5e-3)
    >>> round(optimum.value, 4), optimum.alive
    (0.1103, array([ True,  True,  True, False]))
    """
    sizes = np.asarray(class_sizes)
    decays = np.asarray(weight_decays)
    depth = decays.size
    n_classes = sizes.size
    n_samples = int(sizes.sum())
    layer_widths = np.full(depth, n_classes) if widths is None else np.asarray(widths)
    require(bias or bias_decay == 0, f"bias_decay must be 0 without a bias, got {bias_decay}")
    require(
        not bias or n_classes > 1,
        "class_sizes must hold at least 2 classes with a bias (one is fitted by it)",
    )
    require(
        bias_decay == 0 or np.all(sizes == sizes[0]),
        "class_sizes must be equal when the bias is decayed (no closed form otherwise), got "
        f"{sizes.tolist()}",
    )

    left, data_values, right = _data_directions(sizes, bias, bias_decay)
    loss_weights = np.ones(data_values.size)
    if bias_decay > 0:
        loss_weights[-1] = bias_decay / (1 + bias_decay)
    betas = direction_betas(data_values**2, n_samples, decays, feature_decay)
    with np.errstate(over="ignore"):  # a direction that the bias fits almost for free
        betas = betas * loss_weights ** -(1 + 1 / depth)

    rank = min(data_values.size, int(layer_widths.min()))
    strongest_first = np.argsort(betas, kind="stable")
    survivors = np.isin(np.arange(betas.size), strongest_first[:rank])
    roots = np.where(survivors, global_root(betas, depth), 0)
    at_cut = betas[strongest_first[rank - 1 : rank + 1]]
    cut_is_tied = (
        rank < betas.size
        and at_cut[1] <= at_cut[0] * (1 + _TIED_AT_CUT)
        and at_cut[0] < global_threshold(depth)
    )

    costs = loss_weights * data_values**2 / (2 * n_samples) * scalar_objective(roots, betas, depth)
    singular_values = data_values * shrinkage(roots, depth)
    balances = factor_balance(singular_values, decays, feature_decay)
    squared_product = np.zeros(data_values.size)
    np.divide(singular_values**2 * feature_decay, balances, out=squared_product, where=roots > 0)
    class_right = right / np.sqrt(sizes)[:, None]
    return MseOptimum(
        class_sizes=sizes,
        weight_decays=decays,
        feature_decay=float(feature_decay),
        bias_decay=float(bias_decay),
        widths=layer_widths,
        value=float(np.sum(costs)),
        betas=betas,
        roots=roots,
        regimes=regime(betas, depth),
        alive=roots > 0,
        cut_is_tied=bool(cut_is_tied),
        singular_values=singular_values,
        balances=balances,
        layer_singular_values=np.sqrt(balances / decays[:, None]),
        left_directions=left,
        right_directions=right,
        logits=(left * singular_values) @ class_right.T,
        product_gram=(left * squared_product) @ left.T,
        classifier_gram=(left * (balances / decays[-1])) @ left.T,
        feature_gram=(class_right * (balances / feature_decay)) @ class_right.T,
        bias=_optimal_bias(sizes, bias_decay, float(shrinkage(roots, depth)[-1])) if bias else None,
    )


@guarded
def optimal_parameters(
    optimum: Annotated[MseOptimum, MAY_BE_INFINITE],
) -> tuple[
    list[Float[np.ndarray, "_ _"]],
    Float[np.ndarray, "_ classes"],
    Float[np.ndarray, " classes"] | None,
]:
    """One global minimiser ([W_1, ..., W_M], Hbar, bias); sample i of class k has the feature
    Hbar[:, k].

    All minimisers are its rotations between the layers (and those among tied directions).
    """
    weights, scaled_features = balanced_factors(
        optimum.left_directions,
        optimum.singular_values,
        optimum.right_directions,
        optimum.weight_decays,
        optimum.feature_decay,
        optimum.widths,
    )
    return weights, scaled_features / np.sqrt(optimum.class_sizes), optimum.bias


def direction_betas(
    squared_values: Float[np.ndarray, " directions"],
    n_samples: int,
    weight_decays: Float[np.ndarray, " depth"],
    feature_decay: float,
) -> Float[np.ndarray, " directions"]:
    """β_i = M N (N Λ)^(1/M) / y_i^2, y_i the data's singular values; `ValueError` for decays where
    it underflows.
    """
    depth = weight_decays.size
    log_lambda = log_decay_product(weight_decays, feature_decay)
    log_scale = np.log(depth) + np.log(n_samples) + (np.log(n_samples) + log_lambda) / depth
    with np.errstate(over="ignore"):
        betas = np.exp(log_scale - np.log(squared_values))
    small = (
        f"weight_decays {weight_decays} and feature_decay {feature_decay} are so small that "
        "beta is zero"
    )
    require(np.all(betas > 0), small)
    return betas


def _data_directions(
    sizes: Int[np.ndarray, " classes"], bias: bool, bias_decay: float
) -> tuple[
    Float[np.ndarray, "classes directions"],
    Float[np.ndarray, " directions"],
    Float[np.ndarray, "classes directions"],
]:
    """Singular value decomposition of the labels in class coordinates, centred where a bias fits
    their mean.
    """
    scale = np.sqrt(sizes.astype(float))
    if not bias:
        return np.eye(sizes.size), scale, np.eye(sizes.size)
    mean = scale / np.linalg.norm(scale)
    centring = -np.outer(mean, mean)
    np.fill_diagonal(
        centring, (sizes.sum() - sizes) / sizes.sum()
    )  # 1 - n_k / N would lose the digits of a small class
    left, values, right = np.linalg.svd(scale[:, None] * centring)
    contrasts = slice(sizes.size - 1)
    left = left[:, contrasts]
    values = values[contrasts]
    right = right.T[:, contrasts]
    if bias_decay == 0:
        return left, values, right
    return (
        np.column_stack([left, mean]),
        np.append(values, scale[0]),
        np.column_stack([right, mean]),
    )


def _optimal_bias(
    sizes: Int[np.ndarray, " classes"], bias_decay: float, mean_shrinkage: float
) -> Float[np.ndarray, " classes"]:
    frequencies = sizes / sizes.sum()
    return frequencies if bias_decay == 0 else frequencies * (1 - mean_shrinkage) / (1 + bias_decay)
