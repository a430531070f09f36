"""The uncertainty of a restored pixel or region, from the denoiser alone: `posterior_uncertainty`.

The derivatives of a denoiser of least squared error give the moments of its posterior (Manor &
Michaeli 2024, arXiv 2309.13598). The tool checks properties that such a denoiser must have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from theory import denoising_posterior as predicted
from theory_on_trial.contract import SMALLEST, USABLE_SCALE, Interval, guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.estimate import Estimate

Signal = Annotated[Float[np.ndarray, "..."], USABLE_SCALE]
Signals = Annotated[Float[np.ndarray, "pairs ..."], USABLE_SCALE]
Seed = Annotated[int, Interval(0, 2**63 - 1)]
Denoiser = Callable[[Any], Any]
Vector = Float[np.ndarray, " dim"]

_COVERED = 0.9  # of the posterior, at least, whatever its shape
_STEPS = 0.02 * 2.0 ** np.arange(6)  # of sigma, for differences along one direction
_STEP = 0.02
_STEP_SINGLE = 0.1  # of sigma, and its double, for products of J
_PROBES = 32  # directions in which J is looked at; up to so many coordinates it is known
_ROUNDS = 10
_SETTLED = (
    1e-3  # restarts of Lanczos, and the residual that is small enough, of the largest eigenvalue
)
_ASYMMETRIC = 0.1
_IMPRECISE = 0.1
_SATURATED = 0.8  # of d, above which tr J leaves too little of y - mu_1 to tell the noise by
_SURELY = 4.0  # standard errors
_LEVEL = 0.99  # of the noise that the residual allows
_VAGUE = 2**0.5  # times the noise as told: beyond it variances are off by a factor of two
_PAIRS = 50
_ROUNDED = (
    f"the denoiser does not react to steps of {_STEP} sigma, or jumps: rounded outputs "
    "have no derivatives"
)
_UNTOLD = "the denoiser keeps nearly all of y, so that the noise level cannot be checked"
_CLIPPED = 0.02  # of the entries, equal to the least or the largest one


class Component(NamedTuple):
    """The posterior along one direction v, in the unit of y; undefined numbers are NaN.

    Attributes:
        eigenvalue: v'Jv, the variance in units of σ^2.
        residual: |Jv - v'Jv v|, an error bound of the eigenvalue if J is symmetric.
        deviation: standard deviation of v'x given y.
        skewness: μ_3 / μ_2^(3/2); NaN where the order is 2, or differences leave it off by more
            than 0.1.
        excess_kurtosis: μ_4 / μ_2^2 - 3; NaN in the same way, and where the order is 3.
        interval: v'mu_1, with an interval that contains v'x with a probability of at least 90 %, by
            Chebyshev's inequality.
        share: of the variance of all coordinates looked at.
        direction: v, of the shape of y, 0 outside the mask, its largest entry positive.
    """

    eigenvalue: float
    residual: float
    deviation: float
    skewness: float
    excess_kurtosis: float
    interval: Estimate
    share: float
    direction: Float[np.ndarray, "..."]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PosteriorUncertainty(Answer):
    """What `posterior_uncertainty` found.

    Attributes:
        components: the main directions of uncertainty, the largest variance first; none where the
            tool cannot judge.
        sigma: the given standard deviation of the noise.
        sigma_seen: its estimate from |y - μ_1|^2 / (d - tr J), with a 99 % interval; None if tr J
            exceeds 0.8 d.
        trace: tr J over all coordinates; estimated from 33 coordinates on.
        asymmetry: |J - J'| / |J| in Frobenius norms; 0 for a posterior mean.
        derivative_error: relative error of the reported moments; 0 if derivatives are exact in
            double precision.
        z_scores: of the mean squared and cubed errors of clean pairs, compared with the predicted
            moments; None without clean pairs.
    """

    asked: ClassVar[str] = "how is x distributed about denoise(y), if y is x and normal noise?"
    rests_on: ClassVar[str] = "the denoiser being the mean of x given y, for the noise as told"
    unseen: ClassVar[str] = (
        "a symmetric denoiser that is no posterior mean (clean pairs would show it)"
    )

    components: tuple[Component, ...]
    sigma: float
    sigma_seen: Estimate | None
    trace: float
    asymmetry: float
    derivative_error: float
    z_scores: tuple[float, float] | None

    def lines(self) -> list[str]:
        """Return the main directions, the noise, and how well the denoiser passes for a posterior
        mean.
        """
        check = (
            "unseen"
            if self.sigma_seen is None
            else f"{self.sigma_seen} by the residual, at {_LEVEL:.0%}"
        )
        lines = [f"noise {self.sigma:.4g} as told, {check}; asymmetry of J {self.asymmetry:.2g}"]
        for component in self.components[:4]:
            shape = ""
            if np.isfinite(component.skewness):
                shape = f", skewness {component.skewness:.3g}"
            if np.isfinite(component.excess_kurtosis):
                shape += f", excess kurtosis {component.excess_kurtosis:.3g}"
            share = (
                f" ({component.share:.0%} of the variance)" if np.isfinite(component.share) else ""
            )
            lines.append(f"standard deviation {component.deviation:.4g}{share}{shape}")
        if self.derivative_error:
            lines.append(
                "derivatives by differences or in single precision, moments to "
                f"{self.derivative_error:.1g}"
            )
        if self.z_scores is not None:
            lines.append(
                "clean pairs: squared errors z = {:.2g}, cubed ones z = {:.2g}".format(
                    *self.z_scores
                )
            )
        return lines

    def plot(self, axes: Any = None) -> Any:
        """Draw the standard deviation along each component (thick), and the interval of 90 % at
        least (thin).
        """
        axes = axes_for(axes)
        places = np.arange(1, len(self.components) + 1)
        halves = [
            component.interval.high - component.interval.value for component in self.components
        ]
        deviations = [component.deviation for component in self.components]
        axes.errorbar(
            places,
            0 * places,
            halves,
            fmt="none",
            color="C0",
            capsize=4,
            label="at least 90 % of x",
        )
        axes.errorbar(
            places,
            0 * places,
            deviations,
            fmt="o",
            color="C1",
            elinewidth=4,
            label="standard deviation",
        )
        axes.set(
            xlabel="component", ylabel="distance from the restored value (unit of y)", xticks=places
        )
        axes.legend()
        return axes


@guarded
def posterior_uncertainty(
    denoise: Denoiser,
    y: Signal,
    sigma: Annotated[float, Interval(1e-50, 1e50)],
    *,
    n_components: Annotated[int, Interval(1, 1000)] = 3,
    mask: Bool[np.ndarray, "..."] | None = None,
    order: Annotated[int, Interval(2, 4, why="moments of second to fourth order")] = 4,
    seed: Seed = 0,
    clean: tuple[Signals, Signals] | None = None,
) -> PosteriorUncertainty:
    """Return how x is distributed around denoise(y), for y = x + sigma n with normal n, from the
    derivatives of the denoiser.

    Args:
        denoise: takes and returns an array of the shape of y. If JAX can trace it, derivatives are
            exact (jax.jit it once, and later calls compile nothing). If not, they are finite
            differences with the steps from 0.02 to 0.64 sigma that agree best.
        y: the observation.
        sigma: standard deviation of the noise, in the unit of y.
        n_components: number of main directions of uncertainty.
        mask: the coordinates that the directions may involve, of the shape of y. The posterior is
            conditional on all of y in any case.
        order: the highest moment.
        seed: of the random directions that sample J from 33 coordinates on.
        clean: n pairs (x, y) with the same noise, as arrays with n along the first axis, to check
            the moments.

    The tool reports no moments if J is asymmetric by more than 0.1, if an eigenvalue is negative
    beyond its error, if no law has these moments, if variances by differences disagree by more than
    10 %, or if a denoiser in NumPy jumps or does not react to small steps. From 33 coordinates on
    it computes only the n_components + 4 largest eigenvalues, by Lanczos' method
    (`scipy.sparse.linalg.eigsh`), so it may miss negative ones. Raises ValueError for an output of
    another shape or not finite, a mask of another shape or of nothing, and fewer than 50 pairs.
    """
    line = _Line(denoise, y, sigma)
    dim = y.size
    support = np.ones(dim, bool) if mask is None else mask.ravel()
    require(
        support.size == dim and (mask is None or mask.shape == y.shape),
        f"mask must have the shape {y.shape} of y",
    )
    require(support.any(), "mask must select at least one coordinate")
    generator = np.random.default_rng(seed)
    is_known = dim <= _PROBES
    probes = np.eye(dim) if is_known else generator.choice([-1.0, 1.0], size=(dim, _PROBES))
    products, imprecision = line.products(probes)
    trace, region, size, asymmetry = _looked_at(probes, products, support, is_known)
    if is_known:
        values, vectors = _falling(products[np.ix_(support, support)])
        directions = _embedded(vectors, support)
        residuals = np.zeros(len(values))
    else:
        values, directions, residuals = _leading(line, support, n_components, generator)
        region = max(region, float(values.sum()))  # an estimate until here, and part of it is known
    rounding = (1e-9 if line.double else 1e-3) + imprecision
    negative = values + residuals < -rounding * np.abs(values).max(initial=1e-300)
    residual = float(np.sum((y.ravel() - line.mean) ** 2))
    sigma_seen = None if trace > _SATURATED * dim else _noise(residual, trace, size, dim)
    components = []
    worst = imprecision
    impossible = False
    chosen = np.argsort(-values, kind="stable")[:n_components]
    for k in chosen:
        v = directions[:, k] * np.copysign(1.0, directions[np.abs(directions[:, k]).argmax(), k])
        component, error, possible = _component(line, v, residuals[k], sigma, order, region)
        components.append(component)
        worst = max(worst, error)
        impossible = impossible or not possible
    missing = (
        _ROUNDED if line.rounded else _missing(asymmetry, bool(negative.any()), impossible, worst)
    )
    scores = None
    doubts = _doubts(y, sigma, sigma_seen, residuals[chosen], values)
    if clean is not None and not missing:
        scores, more = _calibrated(denoise, *clean, y, support, sigma, generator, line.double)
        doubts += more
    facts: dict[str, Any] = {
        "components": () if missing else tuple(components),
        "doubts": () if missing else doubts,
    }
    facts |= {
        "sigma": sigma,
        "sigma_seen": sigma_seen,
        "trace": trace,
        "asymmetry": asymmetry,
        "z_scores": scores,
    }
    return PosteriorUncertainty(**facts, derivative_error=worst, missing=missing, level=_COVERED)


class _Line:
    """Derivatives of a denoiser at one y: exact ones if JAX can trace it, or differences."""

    def __init__(self, denoise: Denoiser, y: np.ndarray, sigma: float, *, often: bool = False):
        import jax
        import jax.numpy as jnp

        def copying(
            at: Any,
        ) -> np.ndarray:  # it may work in place, or return one array again and again
            with np.errstate(all="ignore"):  # what is not finite is refused
                answer = denoise(np.array(at))
            return np.array(answer.detach().cpu() if hasattr(answer, "detach") else answer)

        self.y = y
        self.sigma = sigma
        self.rounded = False
        try:
            self.exact = jax.eval_shape(denoise, jnp.asarray(y)).shape is not None
        except Exception:  # whatever keeps JAX from tracing it, NumPy may run it
            self.exact = False
        self.denoise = denoise if self.exact else copying
        # Compiling takes longer than one answer, and what the denoiser closes over may change
        # before the next.
        jit = jax.jit if often else lambda function: function
        self._forward = jit(denoise) if self.exact else copying
        values = np.asarray(self._forward(jnp.asarray(y) if self.exact else y))
        require(
            values.shape == y.shape,
            f"denoise must return the shape {y.shape} of y, got {values.shape}",
        )
        require(
            values.dtype.kind in "fiu" and np.isfinite(values).all(),
            "denoise must return finite numbers",
        )
        self.mean = values.ravel().astype(float)
        self.double = values.dtype.itemsize >= 8
        if (
            self.double and not self.exact and values.dtype.kind == "f"
        ):  # it may have been made double at the end
            with np.errstate(over="ignore", under="ignore"):
                self.double = not np.array_equal(values, values.astype(np.float32))
        self.step = (_STEP if self.double else _STEP_SINGLE) * sigma
        enough = self.exact or self.step > (1e-9 if self.double else 1e-5) * float(
            np.abs(y).max(initial=0)
        )
        require(
            enough,
            "sigma must be larger beside y where differences are taken: JAX cannot trace the "
            "denoiser",
        )
        if self.exact:
            self._push = jax.linearize(denoise, jnp.asarray(y))[1]
            self._along = jit(self._derivatives)

    def value(self, at: np.ndarray) -> np.ndarray:
        """What the denoiser makes of another y."""
        import jax.numpy as jnp

        return _finite(self._forward(jnp.asarray(at) if self.exact else at))

    def _derivatives(self, at: Any, v: Any) -> Any:
        import jax
        import jax.numpy as jnp

        functions = [lambda t: jnp.vdot(v, self.denoise(at + t * v))]
        for _ in range(3):
            functions.append(jax.jacfwd(functions[-1]))
        return jnp.stack([function(jnp.zeros((), at.dtype)) for function in functions[1:]])

    def _values(self, v: np.ndarray, multiples: Any, at: np.ndarray) -> np.ndarray:
        """The denoiser at these multiples of v from `at`, a row each."""
        steps = [at + k * v.reshape(at.shape) for k in multiples]
        return _finite([np.asarray(self.denoise(step), float).ravel() for step in steps])

    def products(self, vectors: np.ndarray) -> tuple[np.ndarray, float]:
        """J V, and its error relative to its size."""
        if self.exact:
            import jax.numpy as jnp

            at = jnp.asarray(self.y)
            columns = [
                self._push(jnp.asarray(v.reshape(self.y.shape), at.dtype)) for v in vectors.T
            ]
            return _finite([np.asarray(column, float).ravel() for column in columns]).T, 0.0
        # Steps are of one length, whatever that of a vector is.
        lengths = np.linalg.norm(vectors, axis=0)
        steps = self.step * np.array([1, -1, 2, -2])
        values = np.array([self._values(v, steps, self.y) for v in (vectors / lengths).T])
        near = (values[:, 0] - values[:, 1]) / 2
        far = (values[:, 2] - values[:, 3]) / 4
        size = np.linalg.norm(near)
        gap = np.linalg.norm(far - near)
        least = 1e-12 * np.abs(values).max()
        error = min(1.0, float(gap / max(size, least))) if max(size, gap) > least else 0.0
        moves = np.abs(values - self.mean)
        moving = moves.max(axis=1) > 1e-3 * moves.max(axis=(1, 2))[:, None]
        ties = (
            (moves[:, :2].min(axis=1) == 0)
            | (values[:, 0] == values[:, 2])
            | (values[:, 1] == values[:, 3])
        )
        self.rounded |= not moving.any() or bool(np.mean(ties[moving]) > 0.5)
        return ((4 * near - far) / (3 * self.step) * lengths[:, None]).T, error

    def central(self, v: np.ndarray) -> np.ndarray:
        """J v by two values, as near as a search for directions needs it."""
        if self.exact:
            return self.products(v[:, None])[0][:, 0]
        length = float(np.linalg.norm(v))
        ahead, behind = self._values(v / length, (self.step, -self.step), self.y)
        return (ahead - behind) * (length / (2 * self.step))

    def derivatives(self, v: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first three derivatives of v'mu_1(at + t v), and the error of each, in units of
        sigma.
        """
        units = self.sigma ** np.arange(3.0)
        if self.exact:
            import jax.numpy as jnp

            place = jnp.asarray(at)
            way = jnp.asarray(v.reshape(at.shape), place.dtype)
            values = _finite(self._along(place, way)) * units
            if self.double:
                return values, np.zeros(3)
            shorter = (
                _finite(self._along(place, 0.7 * way)) * units / 0.7 ** np.arange(2, 5)
            )  # its rounding is another
            return values, np.abs(values - shorter)
        h = self.sigma * _STEPS
        middle, *around = self._values(v, [0.0, *h, *-h], at) @ v
        plus, minus = np.reshape(around, (2, len(h)))
        odd = (plus - minus) / 2
        even = (plus + minus) / 2 - middle
        differences = (odd / h, 2 * even / h**2, (odd[1:] - 2 * odd[:-1]) / h[:-1] ** 3)
        values, errors = np.transpose([_agreed(row) for row in differences])
        return values * units, errors * units


def _agreed(differences: np.ndarray) -> tuple[float, float]:
    """Of differences by steps that double, without their errors of second order, the one nearest to
    both neighbours.
    """
    estimates = (4 * differences[:-1] - differences[1:]) / 3
    gaps = np.abs(np.diff(estimates))
    worse = np.maximum(gaps[:-1], gaps[1:])
    best = int(worse.argmin())
    return float(estimates[best + 1]), float(worse[best])


def _finite(values: Any) -> np.ndarray:
    array = np.asarray(values, float)
    require(
        np.isfinite(array).all(),
        "denoise must return finite numbers near y, with finite derivatives",
    )
    return array


def _looked_at(
    probes: np.ndarray, products: np.ndarray, kept: np.ndarray, known: bool
) -> tuple[float, ...]:
    """The trace of J, that of the region, |J|^2, and the asymmetry, from J itself or by random
    signs.
    """
    diagonal = probes * products
    count = 1 if known else probes.shape[1]
    between = probes.T @ products
    skew = between - between.T
    if known:
        size = np.sum(products**2)
        odd = np.sum(skew**2)
    else:  # of independent signs g and h, (g'Kh)^2 has the mean |K|^2, and |Jg|^2 the mean |J|^2
        size = np.mean(np.sum(products**2, axis=0))
        odd = np.sum(skew**2) / (count * (count - 1))
    asymmetry = float(np.sqrt(odd / size)) if size > 0 else 0.0
    return (
        float(diagonal.sum() / count),
        float(diagonal[kept].sum() / count),
        float(size),
        asymmetry,
    )


def _falling(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of the symmetric part, falling in size, and its eigenvectors."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    falling = np.argsort(-np.abs(values), kind="stable")
    return values[falling], vectors[:, falling]


def _embedded(vectors: np.ndarray, kept: np.ndarray) -> np.ndarray:
    embedding = np.zeros((len(kept), vectors.shape[1]))
    embedding[kept] = vectors
    return embedding


def _leading(
    line: _Line, kept: np.ndarray, wanted: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues of J on the region that lead in size, and a few more, with directions and
    residuals, by Lanczos.
    """
    from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

    def product(v: np.ndarray) -> np.ndarray:
        return line.central(_embedded(v.reshape(size, 1), kept)[:, 0])[kept]

    size = int(kept.sum())
    count = min(size, wanted + 4)
    if 2 * count >= size:
        basis = np.eye(size)
    else:
        operator = LinearOperator((size, size), matvec=product, dtype=float)
        start = generator.normal(size=size)
        more = min(size, max(3 * count, 24))
        try:
            basis = eigsh(operator, count, v0=start, ncv=more, maxiter=_ROUNDS, tol=_SETTLED)[1]
        except ArpackError as stopped:  # of a J that is zero it finds none
            found = getattr(stopped, "eigenvectors", np.empty((size, 0)))
            draws = generator.normal(size=(size, count - found.shape[1]))
            basis = np.linalg.qr(np.hstack([found, draws]))[0]
    images = line.products(_embedded(basis, kept))[0][kept]
    values, vectors = _falling(basis.T @ images)
    residuals = np.linalg.norm(images @ vectors - basis @ vectors * values, axis=0)
    return values, _embedded(basis @ vectors, kept), residuals


def _component(
    line: _Line, v: np.ndarray, residual: float, sigma: float, order: int, region: float
) -> tuple[Component, float, bool]:
    """The posterior along v, the relative error of its moments, and whether a law may have them."""
    derivatives, errors = line.derivatives(v, line.y)
    moments = _moments(derivatives[: order - 1])
    errors = errors[: order - 1]
    variance = float(moments[0])
    value = float(line.mean @ v)
    deviation = float(np.sqrt(max(variance, 0.0)))
    skewness = kurtosis = np.nan
    half = deviation / np.sqrt(1 - _COVERED)
    error = 0.0
    possible = True
    if deviation > 1e-6:
        parts = errors / deviation ** np.arange(2.0, order + 1)
        mask = parts <= _IMPRECISE
        error = float(max(parts[0], parts[mask].max(initial=0.0)))
        skewness = float(moments[1] / deviation**3) if order > 2 and mask[1] else np.nan
        kurtosis = float(moments[2] / deviation**4 - 3) if order > 3 and mask[2] else np.nan
    if np.isfinite(kurtosis):
        possible = np.isnan(skewness) or kurtosis + 2 >= skewness**2 - 1e-6 - 10 * error
        half = min(half, float(max(moments[2], 0.0) / (1 - _COVERED)) ** 0.25) if possible else half
    share = variance / region if region > 0 else np.nan
    interval = Estimate(value, value - sigma * half, value + sigma * half)
    image = v.reshape(line.y.shape)
    component = Component(
        variance, float(residual), sigma * deviation, skewness, kurtosis, interval, share, image
    )
    return component, error, possible


def _moments(derivatives: np.ndarray) -> np.ndarray:
    """Of derivatives in units of sigma, those that are next to nothing being none."""
    return predicted.central_moments(
        np.where(np.abs(derivatives) > SMALLEST, derivatives, 0.0), 1.0
    )


def _missing(asymmetry: float, negative: bool, impossible: bool, imprecision: float) -> str:
    never = "this is not the posterior mean of any Gaussian-noise model; moments are not reported"
    if imprecision > _IMPRECISE:
        return (
            f"differences of the denoiser disagree by {imprecision:.0%}: a denoiser that JAX "
            "can trace is needed"
        )
    if asymmetry > _ASYMMETRIC:
        return f"the Jacobian is asymmetric by {asymmetry:.2g}: {never}"
    if negative:
        return f"an eigenvalue of the Jacobian is negative: {never}"
    return f"skewness and kurtosis are those of no law: {never}" if impossible else ""


def _noise(residual: float, trace: float, size: float, dim: int) -> Estimate:
    """What |y - μ_1|^2 says of σ, its mean being σ^2 tr(I - J) for a linear denoiser; `size` is
    |J|^2.
    """
    from scipy.stats import chi2

    value = float(np.sqrt(predicted.noise_variance(residual, trace, dim)))
    freedom = (dim - trace) ** 2 / max(dim - 2 * trace + size, 1e-300)
    low, high = (
        value * float(np.sqrt(freedom / chi2(freedom).ppf(q)))
        for q in ((1 + _LEVEL) / 2, (1 - _LEVEL) / 2)
    )
    return Estimate(value, low, high)


def _doubts(
    y: np.ndarray, sigma: float, seen: Estimate | None, residuals: np.ndarray, values: np.ndarray
) -> tuple[Doubt, ...]:
    """What speaks against the noise as told, against its law, and against the directions found."""
    doubts = []
    if seen is None:
        doubts.append(Doubt(_UNTOLD, np.inf, ""))
    else:
        size = max(abs(end**2 / sigma**2 - 1) for end in (seen.low, seen.high))
        if not seen.low <= sigma <= seen.high:
            reason = f"the residual speaks for a noise of {seen.value:.3g}, not {sigma:.3g}"
            doubts.append(Doubt(reason, size, "of each variance"))
        elif sigma > _VAGUE * seen.low or seen.high > _VAGUE * sigma:
            reason = (
                f"{y.size} coordinates check the noise little: it may be anything from "
                f"{seen.low:.3g} to"
            )
            doubts.append(Doubt(f"{reason} {seen.high:.3g}", size, "of each variance"))
    edge = max(np.mean(y == y.min()), np.mean(y == y.max()))
    if y.size >= 2 / _CLIPPED and edge > _CLIPPED:
        doubts.append(
            Doubt(
                f"{edge:.0%} of y lies on one value, as after clipping: not Gaussian noise",
                np.inf,
                "",
            )
        )
    largest = np.abs(values).max(initial=1e-300)
    if residuals.max(initial=0) > 10 * _SETTLED * largest:
        size = float(residuals.max() / largest)
        doubts.append(
            Doubt(
                "directions of nearly equal variance are not distinguished",
                size,
                "of the largest variance",
            )
        )
    return tuple(doubts)


def _calibrated(
    denoise: Denoiser,
    x: np.ndarray,
    noisy: np.ndarray,
    y: np.ndarray,
    kept: np.ndarray,
    sigma: float,
    generator: np.random.Generator,
    double: bool,
) -> tuple[tuple[float, float], tuple[Doubt, ...]]:
    """z-scores of squared and cubed errors along random directions of clean pairs, with what they
    say against them.
    """
    require(
        x.shape == noisy.shape and x.shape[1:] == y.shape,
        "clean must be two arrays of pairs, each like y",
    )
    require(len(x) >= _PAIRS, f"clean must hold at least {_PAIRS} pairs, got {len(x)}")
    line = _Line(denoise, noisy[0], sigma, often=True)
    off = []
    for signal, observed in zip(x, noisy, strict=True):
        v = np.where(kept, generator.normal(size=kept.size), 0.0)
        v /= np.linalg.norm(v)
        second, third = _moments(line.derivatives(v, observed)[0][:2])
        error = float(v @ (signal - line.value(observed)).ravel()) / sigma
        off.append([error**2 - second, error**3 - third, second])
    deviations = np.array(off)
    errors = deviations[:, :2].std(axis=0, ddof=1) / np.sqrt(len(x))
    scores = deviations[:, :2].mean(axis=0) / np.maximum(errors, 1e-300)
    doubts = []
    if abs(scores[0]) > _SURELY:
        size = float(abs(deviations[:, 0].mean()) / max(abs(deviations[:, 2].mean()), 1e-300))
        doubts.append(
            Doubt("clean pairs have other squared errors than predicted", size, "of each variance")
        )
    if double and abs(scores[1]) > _SURELY:
        doubts.append(Doubt("clean pairs have other cubed errors than predicted", np.inf, ""))
    return (float(scores[0]), float(scores[1])), tuple(doubts)
