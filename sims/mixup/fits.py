"""Samples of two Gaussian classes, and the minimisers of the empirical losses of Mixup, of masks
and of any affine mixing.

Newton's method fits a linear logistic model without bias and never expands pairs to rows. A second
route expands them: a linear program decides whether there is a minimiser, and a convex program
finds it.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Int, Key, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import (
    LARGEST,
    NON_NEGATIVE,
    PROBABILITIES,
    SMALLEST,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Holds,
    Interval,
    guarded,
    is_traced,
    require,
)

EVALUATIONS = 200  # of gradient and Hessian
TOLERANCE = 1e-9  # relative size of the last Newton step
# a step is halved while the slope at its end exceeds this fraction of the one it started with
OVERSHOOT = 0.5
_USABLE = Interval(SMALLEST, LARGEST, why="squares of others get lost")


def _has_factor(matrix: np.ndarray) -> bool:
    asymmetry = np.abs(matrix - matrix.T).max() if len(matrix) == matrix.shape[1] else np.inf
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return bool(asymmetry <= 8 * len(matrix) * np.finfo(matrix.dtype).eps * np.abs(matrix).max())


def _invertible(factor: np.ndarray) -> bool:
    singular_values = np.linalg.svd(factor, compute_uv=False)
    return bool(singular_values[-1] > len(singular_values) * 2**-52 * singular_values[0])


def _directed(vectors: np.ndarray) -> bool:
    largest = np.abs(vectors).max(axis=-1)
    return bool(np.all(np.isnan(largest) | ((largest >= SMALLEST) & (largest <= LARGEST))))


DIRECTED = Holds(
    "scale", f"have a largest entry from {SMALLEST:g} to {LARGEST:g} in every vector", _directed
)
BINARY = Holds(
    "binary", "have entries 0 and 1 only", lambda values: bool(np.isin(values, (0, 1)).all())
)
# "definite" is the name by which the tests draw: they make positive definite matrices.
Covariance = Annotated[
    Float[AnyArray, "dim dim"],
    Holds(
        "definite", "be symmetric and positive definite (no Bayes direction otherwise)", _has_factor
    ),
    USABLE_SCALE,
]
"""Σ, the noise shape."""
Factor = Annotated[
    Float[AnyArray, "dim dim"],
    Holds(
        "definite", "be invertible (the noise covariance must be positive definite)", _invertible
    ),
    USABLE_SCALE,
]
"""F of Σ = F F'."""
Mean = Annotated[Float[AnyArray, "dim"], DIRECTED]
"""μ."""
Separability = Annotated[ScalarLike, _USABLE]
"""κ: the noise has variance 1 / κ."""
Shape = Annotated[ScalarLike, _USABLE]
"""α of λ ~ Beta(α, α)."""
Points = Annotated[Float[AnyArray, "n dim"], USABLE_SCALE]
"""Points, one per row."""
Labels = Annotated[Float[AnyArray, "n"], UNIT_INTERVAL]
"""y of each point."""
Nodes = Annotated[Float[AnyArray, "atoms"], UNIT_INTERVAL]
"""λ, the weights of the first label."""
Masses = Annotated[Float[AnyArray, "atoms"], PROBABILITIES]
"""The probabilities of atoms."""
InputWeights = Annotated[Float[AnyArray, "atoms"], USABLE_SCALE]
"""g, the weights of the first input; beyond [0, 1] they extrapolate."""
Masks = Annotated[Float[AnyArray, "atoms dim"], BINARY]
"""M, one per row, 1 where the first point is kept."""
Ridge = Annotated[ScalarLike, NON_NEGATIVE]
"""The coefficient of |w|^2 / 2."""
Operators = Annotated[Float[AnyArray, "atoms dim dim"], USABLE_SCALE]
LabelLaw = Literal["balanced", "random"]
Size = Annotated[int, Interval(2, 2**24, why="a point for each class, and all are held at once")]
"""n, the number of points."""


class PairSample(NamedTuple):
    """Points and their labels, 0 or 1 (as floats: mixtures have labels in between)."""

    features: Float[Array, "n dim"]
    labels: Float[Array, "n"]


class Fit(NamedTuple):
    """A minimiser and how well it was found."""

    weights: Float[Array, "dim"]
    """The minimiser w, in inverse units of the features."""
    gradient_norm: Float[Array, ""]
    """|∇L(w)|, in the units of the features."""
    newton_step: Float[Array, ""]
    """|H⁻¹∇L(w)| / (|w| + 1/r), about the relative error of w, where r is the root mean square
    length of the points.

    Infinite where the loss has lost its curvature in some direction, as on the way to a minimiser
    at infinity. NaN, as weights and gradient may be, where a ridge or weights of extreme size
    overflow.
    """
    evaluations: Int[Array, ""]
    """How many gradients and Hessians were computed."""
    converged: Bool[Array, ""]
    """Whether `newton_step` is at most 1e-9; false where there is no finite minimiser."""


@guarded(double=False)
def covariance_factor(covariance: Covariance) -> Float[AnyArray, "dim dim"]:
    """The lower Cholesky factor F of Σ = F Fᵀ; NaN for a traced matrix that is not positive
    definite.
    """
    return (
        jnp.linalg.cholesky(covariance)
        if is_traced(covariance)
        else np.linalg.cholesky(np.asarray(covariance))
    )


@guarded(double=False)
@partial(jax.jit, static_argnames=("n", "labels"))
def pair_sample(
    key: Key[Array, ""],
    n: Size,
    mean: Mean,
    factor: Factor,
    separability: Separability,
    *,
    labels: LabelLaw = "balanced",
) -> PairSample:
    """Draw n points x ~ N((2y-1) μ, Σ/κ), Σ = F Fᵀ with F = `factor`, κ = `separability`.

    Labels are either half ones, then half zeros ("balanced", n even), or n fair coins given that
    both sides come up ("random"). One key gives the same noise for all κ. n and `labels` are
    static, the rest may be traced. Raises ValueError for an odd n with balanced labels.
    Source: the family of distributions of Oh & Yun 2023 (arXiv 2306.00267).
    """
    require_halves(n, labels)
    label_key, noise_key = jax.random.split(key)
    ones = (
        (jnp.arange(n) < n // 2).astype(float)
        if labels == "balanced"
        else _coins_of_both_sides(label_key, n)
    )
    noise = (
        jax.random.normal(noise_key, (n, mean.shape[0]))
        @ jnp.asarray(factor).T
        / jnp.sqrt(separability)
    )
    return PairSample((2 * ones[:, None] - 1) * mean + noise, ones)


def require_halves(n: int, labels: LabelLaw) -> None:
    """Raise `ValueError` for an odd number of points of balanced labels."""
    require(labels != "balanced" or n % 2 == 0, f"n must be even for balanced labels, got {n}")


def warn_of_one_class(labels: Labels) -> None:
    """Warn where all points have the same class. Traced labels are not checked."""
    if is_traced(labels):
        return
    values = np.asarray(labels)
    if np.all(values == values[0]) and values[0] in (0, 1):
        warnings.warn(
            "labels are all equal: mixing cannot bound the weights, and a finite minimiser exists "
            "only if 0 is "
            "interior to the hull of the mixtures",
            stacklevel=4,
        )


@guarded(double=False)
def signed_points(features: Points, labels: Labels) -> Float[AnyArray, "n dim"]:
    """Return the signed points S_i = (2 y_i - 1) x_i, the only part of a sample that enters
    empirical risk minimisation.

    For two classes S_i are independent draws of N(μ, Σ/κ).
    """
    return (2 * labels[:, None] - 1) * features


def _coins_of_both_sides(key, n):
    def toss(state):
        round_, _ = state
        return round_ + 1, jax.random.bernoulli(jax.random.fold_in(key, round_), 0.5, (n,))

    def one_sided(state):
        _, coins = state
        return jnp.all(coins == coins[0])

    return lax.while_loop(one_sided, toss, (0, jnp.zeros(n, bool)))[1].astype(float)


@guarded(double=False)
def fit_mixup(
    features: Points,
    labels: Labels,
    nodes: Nodes,
    weights: Masses,
    input_weights: InputWeights,
    *,
    ridge: Ridge = 0.0,
) -> Fit:
    """Minimise the expected empirical Mixup loss, the mixing weight averaged over its law for every
    ordered pair.

    (1/n²) Σ_ij Σ_k p_k [log(1 + e^z) - ỹ z] + ½ ridge |w|², with z = w·(g_k x_i + (1-g_k) x_j) and
    ỹ = λ_k y_i + (1-λ_k) y_j, the pairs i = j included. The law of the mixing weight is given by
    its `nodes` λ_k, their `weights` p_k and `input_weights` g_k (plain Mixup: g = λ). For a law
    symmetric about ½ with g(1-λ) = 1 - g(λ) the nodes below ½ alone, with doubled weights, give the
    same loss at half the cost.

    Newton with at most 200 gradients and Hessians, each n² nodes logistic functions and n² dim
    products. Where there is no finite minimiser, `converged` is false. With fewer points than
    dimensions the minimiser is not unique; the one of least norm is returned.

    Warns where all labels are equal. Raises TypeError in float32.
    Source: the Mixup loss of Oh & Yun 2023 (arXiv 2306.00267); its factorised derivatives: derived
    here.

    >>> points, labels = [[1.0, 2.0], [3.0, 1.0], [-1.0, 1.0], [0.0, -2.0]], [1.0, 1.0, 0.0, 0.0]
    >>> nodes, weights = [0.1, 0.5, 0.9], [0.25, 0.5, 0.25]
    >>> fit = fit_mixup(points, labels, nodes, weights, nodes)
    >>> [round(float(weight), 4) for weight in fit.weights], bool(fit.converged)
    ([1.2148, 0.6254], True)
    """
    _require_fit(labels)
    return _fit_pairs(features, labels, nodes, weights, input_weights, ridge)


@guarded(double=False)
def fit_mixup_sampled(
    key: Key[Array, ""],
    features: Points,
    labels: Labels,
    draw: Callable[[Array, tuple[int, int]], Array],
) -> Fit:
    """Minimise the empirical Mixup loss with one λ_ij per ordered pair, drawn by
    `draw(key, shape)`. The loss, with g(λ) = λ, the fit and the source are those of `fit_mixup`.
    Raises ValueError for a function that returns another shape, or λ outside [0, 1].
    """
    _require_fit(labels)
    shape = (features.shape[0], features.shape[0])
    mixing = draw(key, shape)
    require(
        jnp.shape(mixing) == shape,
        f"draw must return numbers of the shape {shape}, got {jnp.shape(mixing)}",
    )
    if not is_traced(mixing):
        require(jnp.all((mixing >= 0) & (mixing <= 1)), "draw must return numbers in [0, 1]")
    return _fit_pairs(features, labels, mixing[None], np.ones(1), mixing[None], 0.0)


@guarded(double=False)
def fit_masks(
    features: Points,
    labels: Labels,
    masks: Masks,
    probabilities: Masses,
    mask_labels: Nodes,
    *,
    ridge: Ridge = 0.0,
) -> Fit:
    """Minimise the expected empirical mask loss.

    The score is z = w·(M x_i + (1-M) x_j), and the label is ỹ = λ_M y_i + (1-λ_M) y_j. Masks M have
    `probabilities` and label weights λ_M = `mask_labels` (usually the mean of M). The loss is
    (1/n²) Σ_ij Σ_M p_M [log(1 + e^z) - ỹ z] + ½ ridge |w|²; the fit and what it says is that of
    `fit_mixup`. Source: the masking variants that Oh & Yun 2023 (arXiv 2306.00267) treat; its
    factorised derivatives: derived here.
    """
    _require_fit(labels)
    return _fit_operators(features, labels, (masks, 1 - masks), probabilities, mask_labels, ridge)


@guarded(double=False)
def fit_affine(
    features: Points,
    labels: Labels,
    first: Operators,
    second: Operators,
    probabilities: Masses,
    mixing: Nodes,
) -> Fit:
    """Minimise the expected empirical loss of mixtures A x_i + B x_j, labels λ y_i + (1-λ) y_j,
    otherwise as `fit_masks`. The atoms of the law of (A, B, λ) are `first`, `second` and `mixing`.
    Source: derived here; Mixup is A = g I, B = (1-g) I.
    """
    _require_fit(labels)
    return _fit_operators(features, labels, (first, second), probabilities, mixing, 0.0)


class MixedRows(NamedTuple):
    """All n² K mixtures as plain weighted rows: the expansion that the fits avoid."""

    rows: Float[np.ndarray, "mixtures dim"]
    labels: Float[np.ndarray, "mixtures"]
    weights: Float[np.ndarray, "mixtures"]


@guarded(double=False)
def mixed_rows(
    features: Points, labels: Labels, nodes: Nodes, weights: Masses, input_weights: InputWeights
) -> MixedRows:
    """Return all mixtures g_k x_i + (1-g_k) x_j with their labels and weights p_k / n².

    Warns if all labels are equal.
    """
    warn_of_one_class(labels)
    points = np.asarray(features)
    ones = np.asarray(labels)
    lam = np.asarray(nodes)[:, None, None]
    g = np.asarray(input_weights)[:, None, None]
    n, dim = points.shape
    rows = g[..., None] * points[:, None] + (1 - g[..., None]) * points
    mixed_labels = lam * ones[:, None] + (1 - lam) * ones
    return MixedRows(
        rows.reshape(-1, dim), mixed_labels.ravel(), np.repeat(np.asarray(weights) / n**2, n**2)
    )


@guarded(double=False)
def mixup_program(
    features: Points, labels: Labels, nodes: Nodes, weights: Masses, input_weights: InputWeights
) -> Float[np.ndarray, "dim"]:
    """The minimiser of `fit_mixup`, by CLARABEL on the expanded rows (small samples only).
    Warns where all labels are equal. Raises ValueError for mixed rows whose largest entry is not in
    [0.001, 1000], and where the solver finds no finite minimiser.
    """
    import cvxpy as cp

    mixtures = mixed_rows(features, labels, nodes, weights, input_weights)
    largest = np.abs(mixtures.rows).max()
    require(
        largest == 0 or 1e-3 <= largest <= 1e3,
        "features, mixed by input_weights, must be zero or have a largest entry from 0.001 to 1000 "
        "(the tolerances of the solver are absolute)",
    )
    parameters = cp.Variable(mixtures.rows.shape[1])
    scores = mixtures.rows @ parameters
    loss = mixtures.weights @ (cp.logistic(scores) - cp.multiply(mixtures.labels, scores))
    problem = cp.Problem(cp.Minimize(loss))
    with warnings.catch_warnings():
        # As the status says
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        try:
            problem.solve(solver=cp.CLARABEL)
            status = problem.status
        except cp.SolverError:
            status = "nothing: it failed"
    require(
        status == cp.OPTIMAL,
        f"features must have a loss with a finite minimiser, the solver says {status}",
    )
    return np.asarray(parameters.value)


def _require_fit(labels):
    require_float64("a fit of mixtures")
    warn_of_one_class(labels)


def _fit_pairs(features, labels, mixing, weights, input_weights, ridge):
    whole = jnp.ones((1, features.shape[1]))
    nodes = (mixing, weights, input_weights, 1 - jnp.asarray(input_weights))
    return _fit(features, labels, (whole, None), jax.tree.map(lambda x: x[None], nodes), ridge)


def _fit_operators(features, labels, operators, probabilities, mixing, ridge):
    one = jnp.ones(len(probabilities))
    nodes = (mixing, probabilities, one, one)
    return _fit(features, labels, operators, jax.tree.map(lambda x: x[:, None], nodes), ridge)


@jax.jit
def _fit(features, labels, operators, nodes, ridge):
    """Minimise the mean loss of a A x_i + b B x_j with the label λ y_i + (1 - λ) y_j.

    `operators` are A and B along a leading axis, as matrices or, if diagonal, as their diagonals; B
    is None where it equals A. `nodes` are λ, its weight, a and b along two leading axes: that of
    the operators, and one for all that share these operators. Each is a number or, with an entry
    for each pair of points, an n x n matrix.
    """
    features = jnp.asarray(features, float)
    labels = jnp.asarray(labels, float)
    n, dim = features.shape
    ones = jnp.ones(n)

    def transformed(operator: Array) -> Array:
        return features * operator if operator.ndim == 1 else features @ operator.T

    def derivatives(parameters):
        def add_operators(sums, group):
            (first, second), inner = group
            left = transformed(first)
            right = left if second is None else transformed(second)
            own = left @ parameters
            partner = right @ parameters

            def add_node(slopes, node):
                lam, weight, a, b = node
                # e^-z of scalars is an outer product: n exponentials instead of n².
                if a.ndim == 0:
                    odds = jnp.exp(-a * own)[:, None] * jnp.exp(-b * partner)
                else:
                    odds = jnp.exp(-(a * own[:, None] + b * partner))
                chances = 1 / (1 + odds)
                # σ(z) - ỹ without the cancellation that would turn a loss still falling into one at
                # its minimum.
                mixed = lam * labels[:, None] + (1 - lam) * labels
                mixed_opposite = lam * (1 - labels[:, None]) + (1 - lam) * (1 - labels)
                residuals = weight * chances * (mixed_opposite - odds * mixed)
                curvature = weight * (odds * chances) * chances
                terms = (
                    ((a * residuals) @ ones, (a**2 * curvature) @ ones),
                    (ones @ (b * residuals), ones @ (b**2 * curvature)),
                    a * b * curvature,
                )
                if second is None:  # what is of one point cancels here, before it is rounded
                    of_point = jax.tree.map(jnp.add, *terms[:2])
                    terms = (of_point, jax.tree.map(jnp.zeros_like, of_point), terms[2])
                return jax.tree.map(jnp.add, slopes, terms), None

            start = ((jnp.zeros(n),) * 2, (jnp.zeros(n),) * 2, jnp.zeros((n, n)))
            (of_first, of_second, cross), _ = lax.scan(add_node, start, inner)
            products = left.T @ cross @ right
            within = (left.T * of_first[1]) @ left + (right.T * of_second[1]) @ right
            gradient = left.T @ of_first[0] + right.T @ of_second[0]
            terms = gradient, within + products + products.T
            return jax.tree.map(jnp.add, sums, terms), None

        start = (ridge * parameters, ridge * jnp.eye(dim))
        lam, weights, a, b = nodes
        return lax.scan(add_operators, start, (operators, (lam, weights / n**2, a, b)))[0]

    return minimise(derivatives, features)


def minimise(
    derivatives: Callable[
        [Float[Array, "dim"]], tuple[Float[Array, "dim"], Float[Array, "dim dim"]]
    ],
    points: Float[Array, "n dim"],
) -> Fit:
    """Minimise a convex loss from w = 0, given its gradient and Hessian at w. `points` set its
    dimension and its unit.

    Where the Hessian is singular the steps stay in its range, so that the minimiser of least norm
    is found. The slope along a step tells whether the step was too long: rounding errors do not
    hide it, as they do a difference of losses.
    """
    dim = points.shape[1]
    unit = jnp.sqrt(points.shape[0] / jnp.sum(points**2))

    def unfinished(state):
        *_, newton_step, _, count = state
        return (count < EVALUATIONS) & ~(newton_step <= TOLERANCE)

    def improve(state):
        weights, gradient, direction, size, newton_step, rank, count = state
        trial = weights + size * direction
        trial_gradient, hessian = derivatives(trial)
        accept = direction @ trial_gradient <= OVERSHOOT * jnp.abs(direction @ gradient)
        solution, trial_rank = _pseudo_solve(hessian, trial_gradient)
        # At w = 0 the loss is curved in all directions in which the points differ from 0.
        rank = jnp.where(count == 0, trial_rank, rank)
        relative_step = jnp.linalg.norm(solution) / (jnp.linalg.norm(trial) + unit)
        trial_step = jnp.where(trial_rank < rank, jnp.inf, relative_step)
        move = (trial, trial_gradient, -solution, jnp.ones_like(size), trial_step)
        stay = (weights, gradient, direction, size / 2, newton_step)
        return (
            *(jnp.where(accept, new, old) for new, old in zip(move, stay, strict=True)),
            rank,
            count + 1,
        )

    zero = jnp.zeros(dim, points.dtype)
    one = jnp.ones((), points.dtype)
    weights, gradient, _, _, newton_step, _, count = lax.while_loop(
        unfinished, improve, (zero, zero, zero, one, jnp.inf * one, jnp.array(0), jnp.array(0))
    )
    return Fit(weights, jnp.linalg.norm(gradient), newton_step, count, newton_step <= TOLERANCE)


def _pseudo_solve(matrix, vector):
    values, vectors = jnp.linalg.eigh(matrix)
    floor = 16 * len(vector) * jnp.finfo(values.dtype).eps * values[-1]
    support = values > floor
    return vectors @ (jnp.where(support, 1 / values, 0) * (vectors.T @ vector)), support.sum()
