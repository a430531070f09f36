"""Two Gaussian classes, their Bayes rule, and the laws by which Mixup mixes points of them.

Oh & Yun 2023, "Provable Benefit of Mixup for Finding Optimal Decision Boundaries", arXiv
2306.00267, study linear classification of a family of laws with a separability constant κ. Here the
label y is a fair coin, and x given y is N((2y - 1) μ, Σ / κ). Linear scores w . x have no bias.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float

from theory_on_trial.contract import (
    PROBABILITIES,
    UNIT_INTERVAL,
    Holds,
    Interval,
    Positive,
    Size,
    guarded,
    require,
)

# Eigenvalues of the correlations below this many times the dimension are rounding.
_SINGULAR = 2.0**-49
# Asymmetry of a covariance, relative to its largest entry, that passes as rounding.
_SYMMETRY = 1e-12
_NEARLY_HALF = 1e-4  # from here on SciPy's symmetric rule is good to 1e-14 again

Direction = Annotated[
    Float[np.ndarray, " dim"],
    Holds("nonzero", "have an entry other than zero", lambda values: bool(np.any(values))),
]
"""A vector of which only the direction matters, such as the weights w of the rule 1[w . x > 0]."""
LogSampleSize = Annotated[float, Interval(math.log(2), why="of two samples")]
"""The natural logarithm of n, for sample sizes n beyond the range of floats."""
Shape = Annotated[
    float, Interval(1e-15, 1e50, why="beyond, nothing is left of a density in float64")
]
"""The shape α of the law Beta(α, α) of λ."""
Mode = Literal["expected", "sampled"]
"""Whether λ is averaged within each pair ("expected") or drawn once per ordered pair ("sampled").
"""
Lambdas = Annotated[Float[np.ndarray, " atoms"], UNIT_INTERVAL]
"""The values of λ, the weight of the first label."""
Masses = Annotated[Float[np.ndarray, " atoms"], PROBABILITIES]
"""The probabilities of the atoms."""
Masks = Bool[np.ndarray, "atoms dim"]
"""The masks M, one in each row, true where the first point is kept."""

InputWeight = Callable[[Float[np.ndarray, " atoms"]], Float[np.ndarray, " atoms"]]


def _has_bayes_direction(covariance: np.ndarray) -> bool:
    # Of the correlations, so that coordinates may have any units.
    deviations = np.sqrt(np.maximum(np.diag(covariance), 0))
    asymmetry = (
        np.abs(covariance - covariance.T).max()
        if len(covariance) == covariance.shape[1]
        else np.inf
    )
    if asymmetry > _SYMMETRY * np.abs(covariance).max() or not np.all(deviations > 0):
        return False
    with np.errstate(over="ignore"):
        correlations = covariance / deviations / deviations[:, None]
    return bool(
        np.all(np.abs(correlations) < 2)
        and np.linalg.eigvalsh(correlations)[0] > _SINGULAR * len(covariance)
    )


Covariance = Annotated[
    Float[np.ndarray, "dim dim"],
    # The name by which the tests draw: positive definite matrices.
    Holds(
        "definite",
        "be symmetric and positive definite (no Bayes direction otherwise)",
        _has_bayes_direction,
    ),
]
"""The covariance Σ, which gives the shape of the noise."""


@guarded
@dataclass(frozen=True, eq=False)
class GaussianPair:
    """The two classes N(-μ, Σ / κ) and N(μ, Σ / κ) of equal probability.

    `mean` is μ, `covariance` is Σ in squared units of μ, and `separability` is κ.

    >>> pair = GaussianPair([1.0, 1.0], [[0.2, 0.0], [0.0, 1.8]], separability=1.0)
    >>> round(pair.signal, 4), round(pair.bayes_error, 4), round(pair.misalignment(pair.mean), 4)
    (5.5556, 0.0092, 0.2191)
    """

    mean: Direction
    covariance: Covariance
    separability: Positive

    @property
    def dim(self) -> int:
        """The number of coordinates d."""
        return self.mean.size

    @cached_property
    def bayes_direction(self) -> Float[np.ndarray, " dim"]:
        """The direction b = Σ^-1 μ of the Bayes rule 1[b . x > 0], the same for every κ."""
        from scipy.linalg import cho_factor, cho_solve

        return cho_solve(cho_factor(self.covariance), self.mean)

    @cached_property
    def signal(self) -> float:
        """The squared length m^2 = μ' Σ^-1 μ > 0 of the class mean in the metric of Σ^-1."""
        return float(self.mean @ self.bayes_direction)

    @property
    def effective_separability(self) -> float:
        """The number a = κ m^2, the only parameter of every law of the scale along b."""
        return self.separability * self.signal

    @cached_property
    def projected_precision_trace(self) -> float:
        """The precision T = tr(Σ^-1) - b' Σ^-1 b / |b|^2 of the noise across b, which is zero in
        one dimension.
        """
        precision = np.linalg.inv(self.covariance)
        unit = self.bayes_direction / np.linalg.norm(self.bayes_direction)
        across = np.eye(self.dim) - np.outer(unit, unit)
        return float(np.trace(across @ precision @ across))

    @property
    def bayes_error(self) -> float:
        """The smallest test error of any rule, Φ(-sqrt(a)), where Φ is the standard normal
        distribution function.
        """
        from scipy.special import ndtr

        return float(ndtr(-np.sqrt(self.effective_separability)))

    @guarded
    def error(self, weights: Direction) -> float:
        """Return the test error of the rule 1[w . x > 0].

        It is Φ(-sqrt(κ) w . μ / sqrt(w' Σ w)), where Φ is the standard normal distribution
        function. Raises ValueError unless w has d coordinates. Source: derived here.
        """
        from scipy.special import ndtr

        self._require_coordinates(weights)
        spread = np.sqrt(weights @ self.covariance @ weights)
        return float(ndtr(-np.sqrt(self.separability) * (weights @ self.mean) / spread))

    @guarded
    def misalignment(self, weights: Direction) -> float:
        """Return 1 - cos of the angle between w and the Bayes direction b, a number in [0, 2].

        It is the figure of merit of this paper. Raises ValueError unless w has d coordinates.
        """
        self._require_coordinates(weights)
        return one_minus_cosine(weights, self.bayes_direction)

    def _require_coordinates(self, weights: Direction) -> None:
        """Raise ValueError unless w has d coordinates."""
        require(
            weights.size == self.dim,
            f"weights must have {self.dim} coordinates, got {weights.size}",
        )


@guarded
def one_minus_cosine(first: Direction, second: Direction) -> float:
    """Return 1 - cos of the angle between two vectors, as half the squared distance of their unit
    vectors; this avoids cancellation near zero.
    """
    chord = first / np.linalg.norm(first) - second / np.linalg.norm(second)
    return float(chord @ chord / 2)


@guarded
@dataclass(frozen=True, eq=False)
class MixingLaw:
    """The law of mixing inputs as g x_i + (1 - g) x_j and labels as λ y_i + (1 - λ) y_j, where λ is
    discrete.

    `nodes` are the values of λ, `weights` are their probabilities, and `input_weights` are the
    values of g that go with them. Values of g outside [0, 1] extrapolate. With g = λ it is the
    Mixup of Zhang et al. 2018. A warning is given if every λ is 0 or 1, because plain Mixup then is
    empirical risk minimisation.

    >>> law = MixingLaw.beta(1.0)  # lambda uniform, g = lambda
    >>> round(law.second_moment, 12)
    0.666666666667
    """

    nodes: Lambdas
    weights: Masses
    input_weights: Float[np.ndarray, " atoms"]

    def __post_init__(self) -> None:
        if not np.any(self.soft):
            warnings.warn(
                "every lambda is 0 or 1: labels are not mixed, and plain Mixup is empirical risk "
                "minimisation",
                stacklevel=4,
            )

    @classmethod
    @guarded
    def beta(
        cls,
        alpha: Shape,
        n_nodes: Size = 32,
        input_weight: InputWeight | None = None,
    ) -> "MixingLaw":
        """Return the law of λ ~ Beta(α, α) as the Gauss-Jacobi rule with `n_nodes` nodes.

        g is λ unless `input_weight` gives it as a function of λ. Expectations of polynomials in λ
        up to degree 2 n_nodes - 1 are exact. Raises ValueError if α is so large that SciPy has no
        rule.
        """
        from scipy.special import roots_jacobi

        power = alpha - 1
        # SciPy's symmetric rule cancels near 1/2, and beside it divides 0 by 0; its general one, an
        # ulp away, does not.
        nearly_half = 0 < abs(alpha - 0.5) < _NEARLY_HALF
        with np.errstate(all="ignore"):
            rule = roots_jacobi(n_nodes, np.nextafter(power, 0) if nearly_half else power, power)
            abscissas = np.clip(rule[0], -1.0, 1.0)  # nodes of tiny shapes may lie an ulp outside
            masses = np.maximum(rule[1], 0.0)  # for tiny shapes SciPy's may be negative by rounding
            weights = masses / masses.sum()
        finite = np.all(np.isfinite(abscissas) & np.isfinite(weights))
        require(
            finite,
            f"alpha must be small enough for a Gauss-Jacobi rule, got {alpha}",
        )
        return cls.atoms((abscissas + 1) / 2, weights, input_weight)

    @classmethod
    @guarded
    def atoms(
        cls, values: Lambdas, probabilities: Masses, input_weight: InputWeight | None = None
    ) -> "MixingLaw":
        """Return the law on finitely many `values` of λ with these `probabilities`; g is λ unless
        `input_weight` gives it as a function of λ.
        """
        return cls(values, probabilities, values if input_weight is None else input_weight(values))

    @property
    def lower_half(
        self,
    ) -> tuple[Float[np.ndarray, " half"], Float[np.ndarray, " half"], Float[np.ndarray, " half"]]:
        """Nodes, doubled weights and input weights of the atoms with λ < 1/2.

        The loss of a law that is symmetric about 1/2, without an atom there and with g(1 - λ) = 1 -
        g(λ), is that of this half, at half the cost.
        """
        half = self.nodes < 0.5
        return self.nodes[half], 2 * self.weights[half], self.input_weights[half]

    @property
    def soft(self) -> Bool[np.ndarray, " atoms"]:
        """Whether each atom has positive probability and 0 < λ < 1."""
        return (self.nodes > 0) & (self.nodes < 1) & (self.weights > 0)

    @property
    def noise_factors(self) -> Float[np.ndarray, " atoms"]:
        """The factors c_g = g^2 + (1 - g)^2: the variance of a mixture over that of a point."""
        return self.input_weights**2 + (1 - self.input_weights) ** 2

    @property
    def second_moment(self) -> float:
        """The expectation E[c_g] = E[g^2 + (1 - g)^2] over the law."""
        return self.mean(self.noise_factors)

    @property
    def contrasts(self) -> Float[np.ndarray, " atoms"]:
        """The factors 2g - 1: a mixture of the two classes has the mean (2g - 1) μ."""
        return 2 * self.input_weights - 1

    @guarded
    def mean(self, values: Float[np.ndarray, " atoms"]) -> float:
        """Return the expectation over λ of `values`, which has one entry for each node.

        Raises ValueError for another number of entries.
        """
        require(
            values.shape == self.weights.shape,
            f"values must have one entry for each of the {self.weights.size} nodes, "
            f"got {values.size}",
        )
        return float(values @ self.weights)
