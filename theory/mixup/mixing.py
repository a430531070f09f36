"""The law of the mixing weight λ and the map g from label weight to input weight."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from theory.mixup.domains import Lambdas, Masses, Shape
from theory_on_trial.contract import Size, guarded, require

_NEARLY_HALF = 1e-4  # from here on SciPy's symmetric rule is good to 1e-14 again

InputWeight = Callable[[Float[np.ndarray, " atoms"]], Float[np.ndarray, " atoms"]]


@guarded
@dataclass(frozen=True, eq=False)
class MixingLaw:
    """Mixes inputs as g x_i + (1 - g) x_j and labels as λ y_i + (1 - λ) y_j, λ discrete: Zhang et
    al. 2018, but for g.

    `nodes` are the values of λ, `weights` their probabilities; g = `input_weights` beyond [0, 1]
    extrapolates. Warns when every λ is 0 or 1, because plain Mixup then is empirical risk
    minimisation.

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
        beta: Shape | None = None,
    ) -> "MixingLaw":
        """Beta(α, β), with β = α unless given, as the Gauss-Jacobi rule of `n_nodes` nodes.

        Expectations of polynomials in λ up to degree 2 n_nodes - 1 are exact. g is the identity
        unless given. `ValueError` where α and β are so large that SciPy has no rule.
        """
        from scipy.special import roots_jacobi

        beta = alpha if beta is None else beta
        # SciPy's symmetric rule cancels near 1/2, and beside it divides 0 by 0; its general one, an
        # ulp away, does not.
        nearly_half = alpha == beta and 0 < abs(alpha - 0.5) < _NEARLY_HALF
        with np.errstate(all="ignore"):
            rule = roots_jacobi(
                n_nodes, np.nextafter(beta - 1, 0) if nearly_half else beta - 1, alpha - 1
            )
            abscissas = rule[0]
            weights = rule[1] / rule[1].sum()
        finite = np.all(np.isfinite(abscissas) & np.isfinite(weights))
        require(
            finite,
            f"alpha and beta must be small enough for a Gauss-Jacobi rule, got {alpha} and {beta}",
        )
        return cls.atoms((abscissas + 1) / 2, weights, input_weight)

    @classmethod
    @guarded
    def atoms(
        cls, values: Lambdas, probabilities: Masses, input_weight: InputWeight | None = None
    ) -> "MixingLaw":
        """Law on finitely many `values` of λ; g is the identity unless given."""
        return cls(values, probabilities, values if input_weight is None else input_weight(values))

    @property
    def soft(self) -> Bool[np.ndarray, " atoms"]:
        """Where 0 < λ < 1 with positive probability."""
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
        """2g - 1: the mean of a mixture of the two classes is (2g - 1) μ."""
        return 2 * self.input_weights - 1

    @guarded
    def mean(self, values: Float[np.ndarray, " atoms"]) -> float:
        """Expectation over λ of `values`, one per node."""
        require(
            values.shape == self.weights.shape,
            f"values must be {self.weights.size}, got {values.size}",
        )
        return float(values @ self.weights)
