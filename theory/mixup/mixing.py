"""The law of the mixing weight lambda and the map g from label weight to input weight."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from theory.mixup._validation import check_dimension, check_in_unit_interval, check_probabilities
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least, check_finite, check_positive

_NEARLY_HALF = 1e-4  # from here on SciPy's symmetric rule is good to 1e-14 again

InputWeight = Callable[[Float[np.ndarray, " atoms"]], Float[np.ndarray, " atoms"]]


@validated
@dataclass(frozen=True, eq=False)
class MixingLaw:
    """Mixes inputs as g x_i + (1 - g) x_j and labels as lambda y_i + (1 - lambda) y_j, lambda discrete.

    `nodes` are the lambdas [atoms] in [0, 1], `weights` their probabilities [atoms], `input_weights` g(lambda) [atoms]
    (beyond [0, 1] they extrapolate). `ValueError` if a lambda is outside [0, 1], the weights are no probabilities or
    lengths differ. Warns when every lambda is 0 or 1, because plain Mixup then is empirical risk minimisation.
    """

    nodes: Float[np.ndarray, " nodes"]
    weights: Float[np.ndarray, " weights"]
    input_weights: Float[np.ndarray, " shares"]

    def __post_init__(self) -> None:
        check_in_unit_interval("nodes, the values of lambda", self.nodes)
        check_finite("input_weights, the input weights g(lambda),", self.input_weights)
        if not self.nodes.shape == self.weights.shape == self.input_weights.shape:
            shapes = (self.nodes.shape, self.weights.shape, self.input_weights.shape)
            raise ValueError(f"nodes, weights and input_weights must have the same shape, got {shapes}")
        check_probabilities("weights, the probabilities of lambda", self.weights)
        if not np.any(self.soft):
            warnings.warn(
                "every lambda is 0 or 1: labels are not mixed, and plain Mixup is empirical risk minimisation",
                stacklevel=4,
            )

    @classmethod
    @validated
    def beta(
        cls,
        alpha: float | int,
        n_nodes: int = 32,
        input_weight: InputWeight | None = None,
        beta: float | int | None = None,
    ) -> "MixingLaw":
        """Beta(alpha, beta), with beta = alpha unless given, as the Gauss-Jacobi rule of `n_nodes` nodes.

        Expectations of polynomials in lambda up to degree 2 n_nodes - 1 are exact. g is the identity unless given.
        `ValueError` if a parameter of the law is not positive, or so large that SciPy has no rule, or `n_nodes` < 1.
        """
        from scipy.special import roots_jacobi

        beta = alpha if beta is None else beta
        check_positive("alpha", alpha)
        check_positive("beta", beta)
        check_at_least("n_nodes", n_nodes, 1)
        # SciPy's symmetric rule cancels near 1/2, and beside it divides 0 by 0; its general one, an ulp away, does not.
        nearly_half = alpha == beta and 0 < abs(alpha - 0.5) < _NEARLY_HALF
        abscissas, weights = roots_jacobi(n_nodes, np.nextafter(beta - 1, 0) if nearly_half else beta - 1, alpha - 1)
        if not np.all(np.isfinite(abscissas)):
            raise ValueError(f"alpha and beta must be small enough for a Gauss-Jacobi rule, got {alpha} and {beta}")
        return cls.atoms((abscissas + 1) / 2, weights / weights.sum(), input_weight)

    @classmethod
    @validated
    def atoms(
        cls,
        values: Float[np.ndarray, " atoms"],
        probabilities: Float[np.ndarray, " atoms"],
        input_weight: InputWeight | None = None,
    ) -> "MixingLaw":
        """Law on finitely many `values` of lambda; g is the identity unless given."""
        return cls(values, probabilities, values if input_weight is None else input_weight(values))

    @property
    def soft(self) -> Bool[np.ndarray, " atoms"]:
        """Where 0 < lambda < 1 with positive probability."""
        return (self.nodes > 0) & (self.nodes < 1) & (self.weights > 0)

    @property
    def noise_factors(self) -> Float[np.ndarray, " atoms"]:
        """g^2 + (1 - g)^2: the variance of a mixture in units of that of a point."""
        return self.input_weights**2 + (1 - self.input_weights) ** 2

    @property
    def second_moment(self) -> float:
        """E[c_g] = E[g^2 + (1 - g)^2]."""
        return self.mean(self.noise_factors)

    @property
    def contrasts(self) -> Float[np.ndarray, " atoms"]:
        """2g - 1: the mean of a mixture of the two classes is (2g - 1) mu."""
        return 2 * self.input_weights - 1

    @validated
    def mean(self, values: Float[np.ndarray, " atoms"]) -> float:
        """Expectation over lambda of `values`, one per node."""
        check_finite("values", values)
        check_dimension("values", len(values), len(self.weights))
        return float(values @ self.weights)
