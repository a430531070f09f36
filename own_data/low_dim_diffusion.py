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
    """The answer of `subspace_error`. D^2 = |UU' - VV'|_F^2 lies between 0 and 2 min(d, n - d).

    Attributes:
        columns: the names of the n columns of X.
        dim: d, of the subspace.
        chosen: whether d was chosen here, as the number of singular values that stand out.
        subspace: V, n x d with orthonormal columns: the leading right singular vectors of X,
            without centring.
        singular: all singular values of X, in its unit.
        noise: δ, per coordinate, in the unit of X, with its 95 % interval; as given, where it was.
        error: D^2 of this very sample, with the 95 % interval in which it falls.
        wanted: the mean D^2 that is asked for; None where none is.
        needed: N at which the mean D^2 is that, with a 95 % interval; None where none is asked for.
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
        """How many columns X has."""
        return len(self.columns)

    def lines(self) -> list[str]:
        """Return the error, the noise, and the samples needed if they were asked for."""
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
        """Return D^2, the noise and the samples needed, a row each, with their intervals."""
        import pandas

        rows = {"D^2": self.error, "noise": self.noise}
        if self.needed is not None:
            rows["samples needed"] = self.needed
        return pandas.DataFrame.from_dict(rows, orient="index", columns=Estimate._fields)

    def plot(self, axes: Any = None) -> Any:
        """Draw the singular values, those kept apart from those discarded, and the edge of white
        noise; return axes.
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
    """Say how far the principal subspace of noisy samples is from the one on which they would lie
    without noise, and how many samples would bring it near enough.


    Args:
        X: N rows of n columns, independent but for their subspace; their mean is not subtracted,
            and counts as a direction.
        n_components: d, of the subspace; as many as stand out of the noise if left out.
        noise: δ if it is known, in the unit of X.
        wanted: the mean D^2 for which the number of samples is asked.

    The tool cannot judge where the discarded directions are as strong as the kept ones, or where
    rows are copies. Raises ValueError for N < d + 2, for d >= n, and for a wanted D^2 of
    2 min(d, n - d) or more. Source: `theory.low_dim_diffusion.noise_law`.

    >>> x = np.random.default_rng(0).standard_normal((40, 30)) * ([1.0] * 3 + [0.05] * 27)
    >>> subspace_error(x).lines()[1]
    'noise per coordinate 0.04804 [0.04602, 0.05024]'
    """
    read = table("X", X)
    x = read.values
    given = noise
    require(min(x.shape) > 1, f"X must have at least two rows and columns, got shape {x.shape}")
    dim = _standing_out(x) if n_components is None else int(n_components)
    n, ambient = x.shape
    require(
        n >= dim + 2,
        f"X must have at least n_components + 2 rows (the mean error is infinite below), got {n} "
        f"for {dim}",
    )
    require(dim < ambient, f"n_components must be below the {ambient} columns of X, got {dim}")
    most = 2.0 * min(dim, ambient - dim)
    require(
        wanted is None or wanted < most,
        f"wanted must be below {most:g}, which no D^2 exceeds, got {wanted}",
    )
    largest = float(np.abs(x).max())
    require(largest > 0, "X must not be zero throughout")
    left, singular, right = np.linalg.svd(x / largest, full_matrices=False)
    freedom = (n - dim) * (ambient - dim)
    estimate = float(np.sum(singular[dim:] ** 2)) / freedom
    estimate = 0.0 if estimate < 1e-26 else estimate  # rounding
    variance = estimate if given is None else float(given / largest) ** 2
    dof = freedom if given is None else _KNOWN
    edge = np.sqrt(variance) * (np.sqrt(n) + np.sqrt(ambient))
    missing = ""
    error = Estimate(*[np.nan] * 3)
    needed = None
    doubts = []
    if len(without_copies(x)) < n:
        missing = "rows that are copies tell nothing new, so leave each in once"
    elif dim == 0:
        missing = "no singular value stands out of the noise, so there is no subspace to see"
    elif singular[dim - 1] <= max(
        _GAP * edge, (1e-12 if variance else 1e-6) * singular[0]
    ):  # rounding is noise too
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
        if abs(variance - estimate) > _FAR * np.sqrt(2 / freedom) * max(variance, estimate):
            doubts.append(
                Doubt(
                    "the noise that was given is not that of the discarded directions", np.inf, ""
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


def _standing_out(x: Rows) -> int:
    """How many singular values exceed the threshold of Gavish & Donoho 2014 for unknown noise."""
    singular = np.linalg.svd(x, compute_uv=False)
    aspect = min(x.shape) / max(x.shape)
    threshold = 0.56 * aspect**3 - 0.95 * aspect**2 + 1.82 * aspect + 1.43
    count = int(np.sum(singular > threshold * np.median(singular)))
    return min(count, len(x) - 2, x.shape[1] - 1)


def _without_noise(
    squares: Float[np.ndarray, " d"], along: float, across: float
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
    """Squares of the singular values that noise has not raised, and squared sines of the angles
    that it has caused. Source: Benaych-Georges & Nadakuditi 2012.
    """
    rest = squares - along - across
    clean = (rest + np.sqrt(np.maximum(rest**2 - 4 * along * across, 0))) / 2
    return clean, across / clean * (clean + along) / (clean + across)


def _around(mean: float, above: float, below: float) -> tuple[float, float, float]:
    """A mean, and its product with the 95 % interval of a quotient of two chi-squares, each over
    its degrees of freedom.
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
            Doubt("the noise is not small beside the least of the latents", higher, "of the error")
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
        what = f"the discarded spectrum is not that of white noise ({uneven:+.0f} deviations off)"
        doubts.append(
            Doubt(f"{what}: d too small, or noise that is coloured, dependent or heavy", np.inf, "")
        )
    return doubts


def _wider(left: Float[np.ndarray, "samples d"]) -> float:
    """The ratio of the scatter of squared latents with kurtosis κ to that of normal ones, of
    variance (κ - 1) / 2; at least 1.
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
                "the latents have a mean, which the number of samples needed does not know",
                np.inf,
                "",
            )
        )
    lagged = n * np.sum((left[1:].T @ left[:-1]) ** 2)  # of independent samples a chi-square
    if lagged > dim**2 + _FAR * np.sqrt(2) * dim + _FAR**2 / 2:
        doubts.append(
            Doubt(
                "latents of neighbouring samples are alike: there are fewer independent ones",
                np.inf,
                "",
            )
        )
    lengths = np.log(np.maximum(np.sum(left**2, axis=1), 1e-300))
    if lengths.std() and abs(np.corrcoef(lengths, np.arange(n))[0, 1]) > _FAR / np.sqrt(n):
        doubts.append(Doubt("the latents grow or fall from sample to sample", np.inf, ""))
    fourth = n * np.sum(np.sum(left**2, axis=1) ** 2) - dim * (dim + 2) * n / (n + 2)
    if abs(fourth) > 1.25 * _FAR * np.sqrt(8 * dim * (dim + 2) / n):
        doubts.append(Doubt("the latents are not normal", np.inf, ""))
    if few <= 0 or needed.value < dim + 4:
        doubts.append(Doubt("errors at so few samples have a mean and no variance", np.inf, ""))
    return doubts
