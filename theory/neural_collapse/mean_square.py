"""The global minimum of regularised deep linear nets on free features under the square loss, in
closed form.

The objective is f = |W_M ... W_1 H + b 1^T - Y|^2 / (2 N) + (1/2)(sum_m λ_Wm |W_m|^2 + λ_H |H|^2 +
λ_b |b|^2), that of Dang et al. 2023 (arXiv 2301.00437). It is minimised over weights W_m (d_(m+1) x
d_m, d_(M+1) = K), features H (d_1 x N) and, if present, the bias b. Y holds one-hot labels of K
classes of sizes n_k, with N = sum n_k. Dang et al. describe these minima as neural collapse to a
simplex, an orthogonal or a general orthogonal frame. Values, thresholds, bottlenecks, imbalanced
classes with bias and the decayed bias are derived here.

Every direction of the data reduces to a scalar problem: minimise 1 / (1 + x^M) + β x over x >= 0,
with M the depth. The singular value of the fitted matrix is a fraction x^M / (1 + x^M) of that of
the data. `beta` is the strength of decay that the direction feels, β = M N (N Λ)^(1/M) / n, with Λ
the product of all decays and n the size of the class, or the squared singular value of the data. It
is infinite for a direction without data. Results have the shape of the argument, zero-dimensional
for a scalar.

Stationary points solve β = M x^(M-1) / (1 + x^M)^2, which is the equation that the code published
with Dang et al. 2023 solves; the choice between them is derived here. β has two critical values. Up
to `existence_threshold` a direction may live, and below `global_threshold` it does. The published
code takes the existence of a root for its global optimality, which is right at depth one only.

Weight decay on the factors of a product is a Schatten quasi-norm of the product. Over all Z = W_M
... W_1 H the decays (1/2)(sum_m λ_Wm |W_m|^2 + λ_H |H|^2) are at least (L/2) Λ^(1/L) sum_i
σ_i(Z)^(2/L), with L = M + 1 factors and Λ = λ_H prod_m λ_Wm. At depth one this is the nuclear norm.
It is known for products of matrices; the form with unequal decays is derived here.

A frame is given by its Gram matrix. The targets to which a head collapses are those of the code
published with Dang et al. 2023: one frame everywhere for balanced classes, and the geometry of the
optimum for imbalanced ones.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from theory.neural_collapse.domains import (
    Classes,
    ClassSizes,
    Decay,
    Depth,
    Root,
    SeveralClasses,
    Strength,
    WeightDecays,
    Widths,
)
from theory_on_trial.contract import MAY_BE_INFINITE, NonNegative, guarded, require


@guarded
def global_threshold(depth: Depth) -> float:
    """Return the threshold β_gl = (M - 1)^((M - 1)/M) / M below which the solution that is not zero
    is the global minimiser. At β_gl zero ties with it; β_gl is 1 at M = 1.
    """
    from scipy.special import xlogy

    return float(np.exp(xlogy(1 - 1 / depth, depth - 1) - np.log(depth)))


@guarded
def existence_threshold(depth: Depth) -> float:
    """Return the threshold β_ex = (M + 1)^2 / (4 M) ((M - 1)/(M + 1))^((M - 1)/M) beyond which zero
    is the only stationary point.
    """
    from scipy.special import xlog1py

    return float((depth + 1) ** 2 / (4 * depth) * np.exp(xlog1py(1 - 1 / depth, -2 / (depth + 1))))


_HALVINGS = 64  # a bracket of log(x^M), below 2^11 wide, shrinks below its last place


@guarded
def largest_root(beta: Strength, depth: Depth) -> Float[np.ndarray, "*directions"]:
    """Return the largest non-negative root x of β = M x^(M-1) / (1 + x^M)^2, or NaN beyond
    `existence_threshold`, where there is no root.

    It is found by bisection in log(x^M), beyond the peak x^M = (M-1)/(M+1) of the right side.

    >>> largest_root([0.25, 0.5, 0.7], 2).round(4)
    array([1.6085, 1.    ,    nan])
    """
    strength = np.asarray(beta)
    exists = strength <= existence_threshold(depth)
    log_beta = np.log(np.where(exists, strength, 1))
    if depth == 1:
        return np.asarray(np.where(exists, np.expm1(-log_beta / 2), np.nan))
    lower = np.full(strength.shape, np.log((depth - 1) / (depth + 1)))
    upper = np.maximum(lower, (np.log(depth) - log_beta) / (1 + 1 / depth))
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        root_is_above = (
            np.log(depth) + (1 - 1 / depth) * middle - 2 * np.logaddexp(0, middle) > log_beta
        )
        lower = np.where(root_is_above, middle, lower)
        upper = np.where(root_is_above, upper, middle)
    return np.asarray(np.where(exists, np.exp((lower + upper) / (2 * depth)), np.nan))


@guarded
def global_root(beta: Strength, depth: Depth) -> Float[np.ndarray, "*directions"]:
    """Return the global minimiser x of the scalar objective: `largest_root` below
    `global_threshold`, and zero from there on.
    """
    strength = np.asarray(beta)
    alive = strength < global_threshold(depth)
    return np.asarray(np.where(alive, largest_root(np.where(alive, strength, 1), depth), 0))


@guarded
def shrinkage(root: Root, depth: Depth) -> Float[np.ndarray, "*directions"]:
    """Return the fraction x^M / (1 + x^M), in [0, 1), of the data's singular value that the fit
    keeps, for a root x >= 0.
    """
    from scipy.special import expit

    return np.asarray(expit(depth * _log_of_root(root)))


@guarded
def scalar_objective(x: Root, beta: Strength, depth: Depth) -> Float[np.ndarray, "*directions"]:
    """Return the scalar objective 1 / (1 + x^M) + β x at x >= 0, which is one at x = 0.

    It is the loss and the decays of a direction, in units of n / (2 N).
    """
    from scipy.special import expit

    decay = np.multiply(beta, x, out=np.zeros(np.broadcast(beta, x).shape), where=np.asarray(x) > 0)
    return np.asarray(expit(-depth * _log_of_root(x)) + decay)


def _log_of_root(root: Root) -> Float[np.ndarray, "*directions"]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(root))


def _log_decay_product(weight_decays: Float[np.ndarray, " depth"], feature_decay: float) -> float:
    """Return log Λ, the logarithm of the product of all decays, which overflows for no depth."""
    return float(np.sum(np.log(weight_decays)) + np.log(feature_decay))


def _factor_balance(
    singular_values: Float[np.ndarray, " directions"],
    weight_decays: Float[np.ndarray, " depth"],
    feature_decay: float,
) -> Float[np.ndarray, " directions"]:
    """Return τ_i = (Λ σ_i^2)^(1/L), which is λ_m times the squared singular value i of every factor
    m; it is zero where σ_i is.
    """
    n_factors = weight_decays.size + 1
    with np.errstate(divide="ignore"):
        return np.exp(
            (_log_decay_product(weight_decays, feature_decay) + 2 * np.log(singular_values))
            / n_factors
        )


@guarded
def schatten_penalty(
    product: Float[np.ndarray, "rows columns"], weight_decays: WeightDecays, feature_decay: Decay
) -> float:
    """Return the least sum of the decays of factors whose product is `product`, if widths permit:
    (L/2) Λ^(1/L) sum_i σ_i^(2/L), with σ_i the singular values of the product.

    A σ_i below the largest times the longer side times 2^-52 counts as zero, since its power would
    not be small.
    """
    decays = np.asarray(weight_decays)
    _, singular_values, _ = _decomposed(product)
    return float(
        (decays.size + 1) / 2 * np.sum(_factor_balance(singular_values, decays, feature_decay))
    )


@guarded
def balanced_factorisation(
    product: Float[np.ndarray, "rows columns"],
    weight_decays: WeightDecays,
    feature_decay: Decay,
    widths: Widths | None = None,
) -> tuple[list[Float[np.ndarray, "_ _"]], Float[np.ndarray, "_ columns"]]:
    """Return the factors ([W_1, ..., W_M], H) with W_M ... W_1 H = `product` that attain
    `schatten_penalty`.

    λ_m σ_i(factor m)^2 is the same in all factors. `widths` are d_1, ..., d_M, where W_m is d_(m+1)
    x d_m; by default they are the shorter side of the product. Raises ValueError if a width is
    below the product's rank.
    """
    decays = np.asarray(weight_decays)
    sizes = np.full(decays.size, min(product.shape)) if widths is None else np.asarray(widths)
    left, singular_values, right = _decomposed(product)
    return _balanced_factors(left, singular_values, right, decays, feature_decay, sizes)


def _balanced_factors(
    left: Float[np.ndarray, "rows directions"],
    singular_values: Float[np.ndarray, " directions"],
    right: Float[np.ndarray, "columns directions"],
    weight_decays: Float[np.ndarray, " depth"],
    feature_decay: float,
    widths: Int[np.ndarray, " depth"],
) -> tuple[list[Float[np.ndarray, "_ _"]], Float[np.ndarray, "_ columns"]]:
    """Return balanced factors of left diag(singular_values) right^T, where left and right have
    orthonormal columns. Raises ValueError if a width is below the rank.
    """
    alive = singular_values > 0
    rank = int(np.sum(alive))
    require(
        rank <= widths.min(),
        f"widths must be at least the rank {rank} of the product, got {widths.min()}",
    )
    balance = _factor_balance(singular_values[alive], weight_decays, feature_decay)
    features = np.zeros((widths[0], right.shape[0]))
    features[:rank] = np.sqrt(balance / feature_decay)[:, None] * right[:, alive].T
    weights = [
        (np.eye(outputs, rank) * np.sqrt(balance / decay)) @ np.eye(rank, inputs)
        for decay, outputs, inputs in zip(weight_decays[:-1], widths[1:], widths[:-1], strict=True)
    ]
    last = (left[:, alive] * np.sqrt(balance / weight_decays[-1])) @ np.eye(rank, widths[-1])
    return [*weights, last], features


def _decomposed(
    product: Float[np.ndarray, "rows columns"],
) -> tuple[
    Float[np.ndarray, "rows directions"],
    Float[np.ndarray, " directions"],
    Float[np.ndarray, "columns directions"],
]:
    left, singular_values, right = np.linalg.svd(product, full_matrices=False)
    null = singular_values <= singular_values[0] * max(product.shape) * np.finfo(float).eps
    return left, np.where(null, 0, singular_values), right.T


_TIED_AT_CUT = 1e-12  # relative; betas are known to some 1e-15


@dataclass(frozen=True)
class MseOptimum:
    """The global minimum, direction by direction of the data, and the geometry of every minimiser.

    Without a bias the directions are the classes, in the order given. With a bias that is not
    decayed they are the K - 1 singular directions of diag(sqrt n)(I - u u^T) with u_k = sqrt(n_k /
    N), strongest first. With a decayed bias they are the K - 1 contrasts and then the mean. All
    arrays of directions have that length, whatever the widths; a direction that does not survive
    holds zeros. Grams and logits are unique unless some β_i is the `global_threshold` or
    `cut_is_tied`; where a bottleneck cuts directions of equal strength, only the subspace that they
    span together is determined.

    `value` is the minimum f*. `betas` and `roots` hold β_i and x_i (zero if dead) of each
    direction. `alive` says whether the direction survives in the minimiser, and `cut_is_tied`
    whether a bottleneck chose among equals.
    `singular_values` are σ_i of W_M ... W_1 H, and `balances` are τ_i = λ_m σ_i(W_m)^2 = λ_H
    σ_i(H)^2. `layer_singular_values` [M, directions] are those of each W_m. `left_directions` and
    `right_directions` are the left and right singular vectors of W_M ... W_1 H in class
    coordinates, as columns. `logits` is W_M ... W_1 Hbar, where Hbar are the class means; its
    column k holds the logits of class k without bias. `product_gram` is (W_M ... W_1)(W_M ...
    W_1)^T, `classifier_gram` is W_M W_M^T and `feature_gram` is Hbar^T Hbar. `bias` is the optimal
    bias, or None if there is none.
    """

    class_sizes: Int[np.ndarray, " classes"]
    weight_decays: Float[np.ndarray, " depth"]
    feature_decay: float
    bias_decay: float
    widths: Int[np.ndarray, " depth"]
    value: float
    betas: Float[np.ndarray, " directions"]
    roots: Float[np.ndarray, " directions"]
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
    """Return the global minimum for class sizes n_k and decays λ_W1, ..., λ_WM and λ_H. In a
    direction where zero ties with the other solution, zero is returned.

    `widths` are d_1, ..., d_M, by default K each; only the min(K, d_1, ..., d_M) strongest
    directions can survive. `bias_decay` is λ_b. Raises ValueError for a bias with a single class,
    for a decayed bias with unequal class sizes, which has no closed form, and for decays so small
    that β underflows.

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
        "class_sizes must hold at least 2 classes if there is a bias, which fits a single class",
    )
    require(
        bias_decay == 0 or np.all(sizes == sizes[0]),
        "class_sizes must be equal if the bias is decayed, since no closed form is known "
        f"otherwise, got {sizes.tolist()}",
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
    balances = _factor_balance(singular_values, decays, feature_decay)
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
    """Return one global minimiser ([W_1, ..., W_M], Hbar, bias). Every sample of class k has the
    feature Hbar[:, k].

    All minimisers are its rotations between the layers, and among directions that tie.
    """
    weights, scaled_features = _balanced_factors(
        optimum.left_directions,
        optimum.singular_values,
        optimum.right_directions,
        optimum.weight_decays,
        optimum.feature_decay,
        optimum.widths,
    )
    return weights, scaled_features / np.sqrt(optimum.class_sizes), optimum.bias


@guarded
def simplex_etf(n_classes: SeveralClasses) -> Float[np.ndarray, "classes classes"]:
    """Return the Gram matrix (I - 1 1^T / K) / sqrt(K - 1) of the simplex equiangular tight frame
    of K classes, of unit Frobenius norm.
    """
    return (np.eye(n_classes) - 1 / n_classes) / np.sqrt(n_classes - 1)


@guarded
def orthogonal_frame(n_classes: Classes) -> Float[np.ndarray, "classes classes"]:
    """Return the Gram matrix I / sqrt(K) of K orthogonal vectors of equal length, of unit Frobenius
    norm.
    """
    return np.eye(n_classes) / np.sqrt(n_classes)


class CollapseTargets(NamedTuple):
    """The matrices to which a head of weights W_1, ..., W_M and its class means Hbar should
    collapse, each up to scale.

    `suffix_grams` [M, K, K] holds the Gram matrix V V^T of V = W_M ... W_m for m = 1, ..., M.
    `feature_gram` is Hbar^T Hbar, `logits` is W_M ... W_1 Hbar, and `duality` is the matrix T in
    W_M ... W_1 = T Hbar^T.
    """

    suffix_grams: Float[np.ndarray, "depth classes classes"]
    feature_gram: Float[np.ndarray, "classes classes"]
    logits: Float[np.ndarray, "classes classes"]
    duality: Float[np.ndarray, "classes classes"]


@guarded
def optimum_targets(optimum: Annotated[MseOptimum, MAY_BE_INFINITE]) -> CollapseTargets:
    """Return the targets of a head under the square loss: the geometry of its global minimum.
    Classes may be balanced or not, with or without a bias.

    W_M ... W_m has the squared singular values prod_(j >= m) τ_i / λ_Wj, where τ_i are the balances
    of the optimum. Without a bias the duality is W = (W W^T + N λ_H I) Hbar^T for W = W_M ... W_1,
    since the features are a ridge regression on the weights. A bias that is not decayed centres the
    class means by their plain average; a decayed bias β 1 divides by I - β 1 1^T.
    """
    squares = np.cumprod((optimum.layer_singular_values**2)[::-1], axis=0)[::-1]
    suffix_grams = np.stack(
        [(optimum.left_directions * square) @ optimum.left_directions.T for square in squares]
    )
    n_classes = optimum.class_sizes.size
    ridge = optimum.product_gram + optimum.class_sizes.sum() * optimum.feature_decay * np.eye(
        n_classes
    )
    if optimum.bias is None:
        centring = np.eye(n_classes)
    elif optimum.bias_decay == 0:
        centring = np.eye(n_classes) - 1 / n_classes
    else:
        centring = np.linalg.inv(np.eye(n_classes) - optimum.bias[0])
    return CollapseTargets(suffix_grams, optimum.feature_gram, optimum.logits, ridge @ centring)


def direction_betas(
    squared_values: Float[np.ndarray, " directions"],
    n_samples: int,
    weight_decays: Float[np.ndarray, " depth"],
    feature_decay: float,
) -> Float[np.ndarray, " directions"]:
    """Return the strength of decay β_i = M N (N Λ)^(1/M) / y_i^2 of each direction, where y_i^2 =
    `squared_values` are the squared singular values of the data. Raises ValueError for decays so
    small that β underflows.
    """
    depth = weight_decays.size
    log_lambda = _log_decay_product(weight_decays, feature_decay)
    log_scale = np.log(depth) + np.log(n_samples) + (np.log(n_samples) + log_lambda) / depth
    with np.errstate(over="ignore"):
        betas = np.exp(log_scale - np.log(squared_values))
    small = (
        "weight_decays and feature_decay must be so large that beta does not underflow, got "
        f"{weight_decays} and {feature_decay}"
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
    """Return the singular value decomposition of the labels in class coordinates, centred where a
    bias fits their mean.
    """
    scale = np.sqrt(sizes.astype(float))
    if not bias:
        return np.eye(sizes.size), scale, np.eye(sizes.size)
    mean = scale / np.linalg.norm(scale)
    centring = -np.outer(mean, mean)
    # 1 - n_k / N would lose the digits of a small class
    np.fill_diagonal(centring, (sizes.sum() - sizes) / sizes.sum())
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
