"""How far is the subspace of one's own samples from the true one, and how many samples would bring
it near enough? The subspace is that of uncentred principal components, which a denoiser of matching
form learns from one cluster of samples.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float

from theory import low_dim_diffusion as predicted
from theory_on_trial.contract import LONGEST, Interval, NonNegative, guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.copies import without_copies
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.table import Handed, table

Rows = Float[np.ndarray, "samples n"]
Dim = Annotated[int, Interval(1, LONGEST)]
Wanted = Annotated[float, Interval(1e-12, 1e9, why="a squared distance")]

_SMALL = 0.1  # what the next order in delta^2 may add, as a share of the error
_GAP = 1.5  # by which the last kept singular value must exceed the edge of the noise
_KNOWN = 1e12  # degrees of freedom of what is known
_FAR = 4.0  # standard deviations, with which data that fit are hardly ever doubted


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SubspaceError(Answer):
    """The answer of `subspace_error`.

    The error is D^2 = |UU' - VV'|_F^2, for orthonormal bases U of the true subspace and V of the
    principal one. It lies between 0 and 2 min(d, n - d).

    Attributes:
        n_samples: N, the number of rows of X.
        columns: the names of the n columns of X.
        dim: d, the dimension of the subspace.
        chosen: whether the tool chose d, as the number of singular values that stand out.
        subspace: V, n x d with orthonormal columns: the d leading right singular vectors of X,
            which is not centred.
        singular: all singular values of X, in the unit of X.
        noise: δ, the standard deviation of the noise in each coordinate, in the unit of X, with a
            95 % interval; if the user gave it, the value and both ends are that number.
        error: D^2 of these samples, with a 95 % interval.
        wanted: the mean D^2 that the user wants; None if the user gave none.
        needed: the number of samples N at which the mean D^2 is `wanted`, with a 95 % interval;
            None if the user gave no `wanted`.
    """

    asked = "how far is the principal subspace from the one the samples lie on?"
    rests_on = (
        "independent samples about a subspace through the origin, noise alike in all coordinates"
    )
    unseen = "a manifold that is curved, or several subspaces that span these dimensions together"
    n_samples: int
    columns: tuple[str, ...]
    dim: int
    chosen: bool
    subspace: Float[np.ndarray, "n d"]
    singular: Float[np.ndarray, " values"]
    noise: Estimate
    error: Estimate
    wanted: float | None = None
    needed: Estimate | None = None

    @property
    def ambient(self) -> int:
        """n, the number of columns of X."""
        return len(self.columns)

    def lines(self) -> list[str]:
        """Return a line on the error, one on the noise, and one on the samples needed if the user
        gave `wanted`.
        """
        dim = f"{self.dim} (the singular values that stand out)" if self.chosen else f"{self.dim}"
        lines = [
            f"{self.n_samples} samples of dimension {dim} in {self.ambient}: D^2 = "
            f"{self.error} of at most "
            f"{2 * min(self.dim, self.ambient - self.dim)} (uncentred)",
            f"noise per coordinate {self.noise}",
        ]
        if self.needed is not None:
            lines.append(f"samples for a mean D^2 of {self.wanted:.4g}: {self.needed}")
        return lines

    def to_frame(self) -> Any:
        """Return a data frame with a row for D^2, one for the noise and one for the samples needed,
        each with its interval.
        """
        import pandas

        rows = {"D^2": self.error, "noise": self.noise}
        if self.needed is not None:
            rows["samples needed"] = self.needed
        return pandas.DataFrame.from_dict(rows, orient="index", columns=Estimate._fields)

    def plot(self, axes: Any = None) -> Any:
        """Draw the singular values, kept and discarded ones in two colours, with the edge of white
        noise, and return the axes.
        """
        axes = axes_for(axes)
        order = np.arange(1, len(self.singular) + 1)
        dim = self.dim
        axes.plot(order[:dim], self.singular[:dim], "o", color="#0072B2", label="kept")
        axes.plot(order[dim:], self.singular[dim:], "s", color="#D55E00", label="discarded")
        edge = self.noise.value * (np.sqrt(self.n_samples - dim) + np.sqrt(self.ambient - dim))
        axes.axhline(edge, color="0.4", linestyle="--", label="edge of white noise")
        axes.set(xlabel="index j", ylabel="singular value σ$_j$  (unit of X)", ylim=(0, None))
        axes.legend(frameon=False)
        return axes


@guarded
def subspace_error(
    X: Handed,
    n_components: Dim | None = None,
    *,
    noise: NonNegative | None = None,
    wanted: Wanted | None = None,
) -> SubspaceError:
    """Estimate how far the principal subspace of noisy samples is from the subspace on which they
    would lie without noise, and how many samples would bring it near enough.

    Args:
        X: N independent rows of n columns. The mean is not subtracted, and counts as a direction.
        n_components: d, the dimension of the subspace, from 1 to n - 1; the default is the number
            of singular values that stand out of the noise and exceed its edge by half.
        noise: δ, the standard deviation of the noise in each coordinate, in the unit of X, if the
            user knows it.
        wanted: the mean D^2, below 2 min(d, n - d), for which to compute the number of samples.

    The tool gives no number if no direction is visible, if a direction that the user keeps is not,
    or if rows are copies. Raises ValueError for N < d + 2, for d >= n, and for a wanted D^2 of
    2 min(d, n - d) or more. Source: `theory.low_dim_diffusion.noise_law`.

    >>> x = np.random.default_rng(0).standard_normal((40, 30)) * ([1.0] * 3 + [0.05] * 27)
    >>> subspace_error(x).lines()[1]
    'noise per coordinate 0.04804 [0.04602, 0.05024]'
    """
    read = table("X", X)
    x = read.values
    given = noise
    require(min(x.shape) > 1, f"X must have at least two rows and columns, got shape {x.shape}")
    n, ambient = x.shape
    largest = float(np.abs(x).max())
    require(largest > 0, "X must not be zero throughout")
    left, singular, right = np.linalg.svd(x / largest, full_matrices=False)
    known = None if given is None else float(given / largest)
    standing = _standing_out(singular, n, ambient) if n_components is None else int(n_components)
    dim = standing
    while n_components is None and dim and not _visible(singular, n, ambient, dim, known):
        dim -= 1
    require(
        n >= dim + 2,
        f"X must have at least n_components + 2 = {dim + 2} rows, because the mean error of fewer "
        f"is infinite, got {n}",
    )
    require(dim < ambient, f"n_components must be below the {ambient} columns of X, got {dim}")
    most = 2.0 * min(dim, ambient - dim)
    require(
        wanted is None or wanted < most,
        f"wanted must be below {most:g}, the largest possible D^2, got {wanted}",
    )
    freedom = (n - dim) * (ambient - dim)
    estimate = _variance(singular, n, ambient, dim)
    variance = estimate if known is None else known**2
    dof = freedom if known is None else _KNOWN
    missing = ""
    error = Estimate(*[np.nan] * 3)
    needed = None
    doubts = []
    if len(without_copies(x)) < n:
        missing = "X has rows that are copies of others and tell nothing new, so keep each row once"
    elif dim == 0:
        missing = (
            f"no singular value stands out of the noise to {_GAP:g} times its edge, so that no "
            "subspace is visible"
        )
    elif not _visible(singular, n, ambient, dim, known):
        missing = (
            f"d = {dim} is not visible, as singular value {dim} lies within the noise, so "
            "take a smaller d"
        )
    else:
        squares, sines = _without_noise(
            singular[:dim] ** 2, variance * n, variance * (ambient - dim)
        )
        width = np.sum(1 / squares) ** 2 / np.sum(1 / squares**2)  # by how many directions
        error = Estimate(
            *(min(most, end) for end in _around(2 * np.sum(sines), (ambient - dim) * width, dof))
        )
        doubts = _doubts(singular, n, ambient, dim, variance)
        if dim < standing:
            weak = (
                f"{standing - dim} more singular values stand out of the noise, too little to "
                "judge: the subspace may have their dimensions, too"
            )
            # A direction of the noise adds to the error in proportion to its variance
            beyond = float(np.sum(singular[dim:standing] ** 2)) / (variance * n * (ambient - dim))
            doubts.append(Doubt(weak, beyond, "of the error"))
        if abs(variance - estimate) > _FAR * np.sqrt(2 / freedom) * max(variance, estimate):
            doubts.append(
                Doubt(
                    "the discarded directions show another noise than the one that was given",
                    np.inf,
                    "",
                )
            )
        if wanted is not None:
            mean = (
                predicted.noise_law(ambient, squares / (n - dim - 1), dim + 2, np.sqrt(variance))
                / wanted
            )
            few = n - dim - 3  # from one on the inverse Wishart matrix has a variance
            extras = mean, 0.0, np.inf
            if (
                few > 0
                # its trace has this relative variance, which of an inverse chi-square is 2 / (above
                # - 4)
            ):
                above = 4 + width * (n - dim) * few / (n - 1)
                factors = _around(1.0, above, dof)[1:]
                wider = _wider(left[:, :dim])
                extras = (
                    mean,
                    *(mean * (factor * above / (above - 2)) ** wider for factor in factors),
                )
            needed = Estimate(*(dim + 1 + extra for extra in extras))
            doubts += _doubts_of_number(left[:, :dim], needed, few)
    return SubspaceError(
        n_samples=n,
        columns=read.columns,
        dim=dim,
        chosen=n_components is None,
        subspace=right[:dim].T,
        singular=largest * singular,
        noise=Estimate(*(largest * np.sqrt(end) for end in _around(variance, _KNOWN, dof))),
        error=error,
        wanted=wanted,
        needed=needed,
        doubts=tuple(doubts),
        missing=missing,
    )


def _standing_out(singular: Float[np.ndarray, " values"], n: int, ambient: int) -> int:
    """Return how many singular values exceed the threshold of Gavish & Donoho 2014 for unknown
    noise.
    """
    aspect = min(n, ambient) / max(n, ambient)
    threshold = 0.56 * aspect**3 - 0.95 * aspect**2 + 1.82 * aspect + 1.43
    count = int(np.sum(singular > threshold * np.median(singular)))
    return min(count, n - 2, ambient - 1)


def _variance(singular: Float[np.ndarray, " values"], n: int, ambient: int, dim: int) -> float:
    """Return the variance of the noise in each coordinate, from the discarded singular values."""
    variance = float(np.sum(singular[dim:] ** 2)) / ((n - dim) * (ambient - dim))
    return 0.0 if variance < 1e-26 else variance  # rounding


def _visible(
    singular: Float[np.ndarray, " values"], n: int, ambient: int, dim: int, noise: float | None
) -> bool:
    """Tell whether the last of so many directions exceeds the noise enough for its error to be
    known.
    """
    noise = np.sqrt(_variance(singular, n, ambient, dim)) if noise is None else noise
    edge = noise * (np.sqrt(n) + np.sqrt(ambient))
    rounding = (1e-12 if noise else 1e-6) * singular[0]  # is noise too
    return bool(singular[dim - 1] > max(_GAP * edge, rounding))


def _without_noise(
    squares: Float[np.ndarray, " d"], along: float, across: float
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
    """Return the squares that the singular values would have without noise, and the squared sines
    of the angles by which the noise turned their directions.

    Source: Benaych-Georges & Nadakuditi 2012.
    """
    rest = squares - along - across
    clean = (rest + np.sqrt(np.maximum(rest**2 - 4 * along * across, 0))) / 2
    return clean, across / clean * (clean + along) / (clean + across)


def _around(mean: float, above: float, below: float) -> tuple[float, float, float]:
    """Return a mean, and its product with the 95 % interval of an F-distributed number.

    `above` and `below` are the degrees of freedom of the numerator and of the denominator.
    """
    from scipy.stats import f

    low, high = (
        f(above, below).ppf([0.025, 0.975]) if above < below or below < _KNOWN else (1.0, 1.0)
    )
    return float(mean), float(mean * low), float(mean * high)


def _doubts(
    singular: Float[np.ndarray, " values"], n: int, ambient: int, dim: int, variance: float
) -> list[Doubt]:
    if variance == 0:
        return []
    doubts = []
    higher = variance * (n + ambient) / float(singular[dim - 1]) ** 2
    if higher > _SMALL:
        doubts.append(
            Doubt("the noise is not small beside the weakest latent", higher, "of the error")
        )
    # White noise beside the subspace is white noise of N - d rows and n - d columns: the sphericity
    # test of Ledoit and Wolf 2002. Samples that hang together and columns of unlike noise both
    # spread its spectrum.
    rows = n - dim
    columns = ambient - dim
    rest = singular[dim:] ** 2
    uneven = (
        (rows * (columns * float(np.sum(rest**2) / rest.sum() ** 2) - 1) - columns - 1) / 2
        if rest.any()
        else 0.0
    )
    if abs(uneven) > _FAR:
        what = (
            "the discarded spectrum is not that of white noise "
            f"({uneven:+.0f} standard deviations off)"
        )
        causes = "d is too small, or the noise is coloured, dependent or heavy-tailed"
        doubts.append(Doubt(f"{what}: {causes}", np.inf, ""))
    return doubts


def _wider(left: Float[np.ndarray, "samples d"]) -> float:
    """Return the standard deviation of squared latents, which is ((κ - 1) / 2)^(1/2) for kurtosis
    κ, in units of that of normal ones; at least 1.
    """
    kurtosis = (len(left) + 2) * float(np.mean(np.sum(left**4, axis=0)))
    return max(1.0, (kurtosis - 1) / 2) ** 0.5


def _doubts_of_number(
    left: Float[np.ndarray, "samples d"], needed: Estimate, few: int
) -> list[Doubt]:
    n, dim = left.shape
    doubts = []
    if np.sum(left.sum(axis=0) ** 2) > dim + _FAR * np.sqrt(2 * dim) + _FAR**2 / 2:
        doubts.append(
            Doubt(
                "the latents have a mean, which the number of samples needed leaves out",
                np.inf,
                "",
            )
        )
    lagged = n * np.sum((left[1:].T @ left[:-1]) ** 2)  # of independent samples a chi-square
    if lagged > dim**2 + _FAR * np.sqrt(2) * dim + _FAR**2 / 2:
        doubts.append(
            Doubt(
                "latents of neighbouring rows are alike: there are fewer independent samples",
                np.inf,
                "",
            )
        )
    lengths = np.log(np.maximum(np.sum(left**2, axis=1), 1e-300))
    if lengths.std() and abs(np.corrcoef(lengths, np.arange(n))[0, 1]) > _FAR / np.sqrt(n):
        doubts.append(
            Doubt("the latents grow or shrink from the first row to the last", np.inf, "")
        )
    fourth = n * np.sum(np.sum(left**2, axis=1) ** 2) - dim * (dim + 2) * n / (n + 2)
    if abs(fourth) > 1.25 * _FAR * np.sqrt(8 * dim * (dim + 2) / n):
        doubts.append(Doubt("the latents are not normal", np.inf, ""))
    if few <= 0 or needed.value < dim + 4:
        reason = "with so few samples the error has a mean and no variance"
        doubts.append(Doubt(reason, np.inf, ""))
    return doubts
