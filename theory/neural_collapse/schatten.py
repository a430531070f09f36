"""Weight decay on the factors of a product is a Schatten quasi-norm of the product.

Over all Z = W_M ... W_1 H the decays (1/2)(sum_m λ_Wm |W_m|^2 + λ_H |H|^2) are at least
(L/2) Λ^(1/L) sum_i σ_i(Z)^(2/L), L = M + 1 factors, Λ = λ_H prod_m λ_Wm; at depth one this is
the nuclear norm. Known for products of matrices; the form with unequal decays is derived here.
"""

import numpy as np
from jaxtyping import Float, Int

from theory.neural_collapse.domains import Decay, WeightDecays, Widths
from theory_on_trial.contract import guarded, require


def log_decay_product(weight_decays: Float[np.ndarray, " depth"], feature_decay: float) -> float:
    """Log Λ, the logarithm of the product of all decays, which overflows for no depth."""
    return float(np.sum(np.log(weight_decays)) + np.log(feature_decay))


def factor_balance(
    singular_values: Float[np.ndarray, " directions"],
    weight_decays: Float[np.ndarray, " depth"],
    feature_decay: float,
) -> Float[np.ndarray, " directions"]:
    """τ_i = (Λ σ_i^2)^(1/L), what λ_m times each factor's squared singular value is; zero where σ_i
    is.
    """
    n_factors = weight_decays.size + 1
    with np.errstate(divide="ignore"):
        return np.exp(
            (log_decay_product(weight_decays, feature_decay) + 2 * np.log(singular_values))
            / n_factors
        )


@guarded
def schatten_penalty(
    product: Float[np.ndarray, "rows columns"], weight_decays: WeightDecays, feature_decay: Decay
) -> float:
    """Least decay (L/2) Λ^(1/L) sum_i σ_i^(2/L) of factors whose product is `product`, widths
    permitting.

    σ_i below the largest times the longer side times 2^-52 count as zero: their power would not be
    small.
    """
    decays = np.asarray(weight_decays)
    _, singular_values, _ = _decomposed(product)
    return float(
        (decays.size + 1) / 2 * np.sum(factor_balance(singular_values, decays, feature_decay))
    )


@guarded
def balanced_factorisation(
    product: Float[np.ndarray, "rows columns"],
    weight_decays: WeightDecays,
    feature_decay: Decay,
    widths: Widths | None = None,
) -> tuple[list[Float[np.ndarray, "_ _"]], Float[np.ndarray, "_ columns"]]:
    """Factors ([W_1, ..., W_M], H) with W_M ... W_1 H = `product` that attain `schatten_penalty`.

    λ_m σ_i(factor m)^2 is the same in all. `widths` are d_1, ..., d_M, W_m being d_(m+1) x d_m; by
    default the shorter side of the product. `ValueError` if a width is below its rank.
    """
    decays = np.asarray(weight_decays)
    sizes = np.full(decays.size, min(product.shape)) if widths is None else np.asarray(widths)
    left, singular_values, right = _decomposed(product)
    return balanced_factors(left, singular_values, right, decays, feature_decay, sizes)


def balanced_factors(
    left: Float[np.ndarray, "rows directions"],
    singular_values: Float[np.ndarray, " directions"],
    right: Float[np.ndarray, "columns directions"],
    weight_decays: Float[np.ndarray, " depth"],
    feature_decay: float,
    widths: Int[np.ndarray, " depth"],
) -> tuple[list[Float[np.ndarray, "_ _"]], Float[np.ndarray, "_ columns"]]:
    """Balanced factors of left diag(singular_values) right^T, orthonormal columns. ValueError if a
    width is short.
    """
    alive = singular_values > 0
    rank = int(np.sum(alive))
    require(
        rank <= widths.min(),
        f"widths must be at least the rank {rank} of the product, got {widths.min()}",
    )
    balance = factor_balance(singular_values[alive], weight_decays, feature_decay)
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
