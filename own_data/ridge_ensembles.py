"""How large a subsample, which penalty, how many members? This module answers for a bag of ridge
fits without fitting one.

From Du, Patil & Kuchibhotla 2023 (arXiv 2304.13016): the full ensemble of a setting is ridge on all
points with another penalty, which the spectra of a few subsamples give; cross-validation of that
ridge, and of a few single members, gives the risk of a bag of any size. Everything below is derived
here, in quantities of the data alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import Interval, guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.arrays import require_memory
from theory_on_trial.own_data.estimate import Estimate, intervals
from theory_on_trial.own_data.neighbours import beside
from theory_on_trial.own_data.table import Handed, column, table

Rows = Float[np.ndarray, "n dim"]
Responses = Float[np.ndarray, " n"]
Vector = Float[np.ndarray, " n"]

_LEAST_POINTS = 30
_LEAST_LEFT = 10  # in all; outside a member that has no residual on its own
_NEAR = 5  # least squares is undefined where k = p, and diverges on either side
_ALIKE = 0.2
_UNEVEN = (
    0.15  # relative: what of the risk may depend on a row's nearest ones, and on unequal leverages
)
_FAR = 3.5
_EXPECTED = (
    2.0  # standard errors, which a correlation of independent rows passes once in 2000, in 20
)
_SHOWN = 5  # settings in the summary
_NEIGHBOURS = 4
_SHARES = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0)  # of the rows, sizes that are asked of by default
_FACTORS = (0.001, 0.01, 0.1, 1.0, 10.0)
_HEAVIEST = 0.25  # rows; share of the risk


class Setting(NamedTuple):
    """The predictions for a bag of ridge fits of one subsample size and one penalty.

    A risk is the mean squared error at a new point, in squared units of y.

    Attributes:
        size: k, the number of rows in each subsample.
        penalty: λ, which is scikit-learn's `alpha` divided by k.
        equivalent_penalty: λ', the penalty with which one ridge fit on all n rows has the risk of
            a bag of infinitely many members.
        risk_full: the risk of a bag of infinitely many members.
        gcv_naive: the estimate of the bag's risk by ordinary generalised cross-validation.
        risk: the risk of the bag, averaged over its random subsamples, with a 95 % interval for
            these data.
        excess: the bag's risk minus that of the best setting, with the 95 % interval of the paired
            difference.
    """

    size: int
    penalty: float
    equivalent_penalty: float
    risk_full: float
    gcv_naive: float
    risk: Estimate
    excess: Estimate


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Table(Answer):
    """The answer of `choose_subsample`: the predicted risk of each setting, and the doubts.

    Attributes:
        members: the number of ridge fits in the bag.
        settings: the predictions for each subsample size and penalty, the smallest risk first.
    """

    asked = "which subsample size and penalty for a bag of ridge fits?"
    rests_on = "independent rows whose coordinates mix many independent ones"
    unseen = "points of another law than these, and a few per cent of bias at a hundred features"
    level: float | None = 0.95
    members: int
    settings: tuple[Setting, ...]

    def lines(self) -> list[str]:
        """Return one line for each of the five best settings, and how many others there are."""
        lines = [
            f"max_samples {row.size}, penalty {row.penalty:.3g}: risk of {self.members} members "
            f"{row.risk}, of ever more "
            f"{row.risk_full:.4g}; above the best {row.excess}"
            for row in self.settings[:_SHOWN]
        ]
        rest = len(self.settings) - _SHOWN
        return lines + [f"{rest} more in .settings"] * (rest > 0)

    def to_do(self) -> str:
        """Return which setting to take, and how many others may be as good."""
        best, *others = self.settings
        count = sum(setting.excess.low <= 0 for setting in others)
        also = f"; {count} others may be as good" if count else ""
        return f"take subsamples of {best.size} at penalty {best.penalty:.3g}{also}"

    def to_frame(self) -> Any:
        """Return a data frame with a row for each setting, the best first.

        Each end of an interval has a column of its own.
        """
        import pandas

        names = ("risk", "excess")
        rows = [
            {
                **{key: value for key, value in row._asdict().items() if key not in names},
                **intervals(risk=row.risk, excess=row.excess),
            }
            for row in self.settings
        ]
        return pandas.DataFrame(rows).rename(columns={"size": "max_samples"})

    def plot(self, axes: Any = None) -> Any:
        """Draw the risk of each setting with its interval against the subsample size, in one
        colour for each penalty, and return the axes.
        """
        axes = axes_for(axes)
        for penalty in sorted({row.penalty for row in self.settings}):
            own = sorted(
                (row for row in self.settings if row.penalty == penalty), key=lambda one: one.size
            )
            value, low, high = np.array([row.risk for row in own]).T
            axes.errorbar(
                [row.size for row in own],
                value,
                [value - low, high - value],
                marker="o",
                label=f"λ = {penalty:.3g}",
            )
        axes.set(xlabel="subsample size k", ylabel=f"risk of {self.members} members")
        axes.legend()
        return axes


@guarded
def choose_subsample(
    X: Handed,
    y: Handed,
    max_samples: Sequence[Annotated[int, Interval(2, 2**20)]] | None = None,
    penalties: Sequence[Annotated[float, Interval(-1e12, 1e12)]] | None = None,
    n_estimators: Annotated[int, Interval(1, 2**53)] = 100,
    *,
    fit_intercept: bool = True,
    subsets: Annotated[int, Interval(1, 100)] = 4,
    random_state: Annotated[int, Interval(0, 2**63 - 1)] = 0,
) -> Table:
    """Predict the mean squared error of bagged ridge regression at a new point, for each subsample
    size and penalty.

    The function fits no bag. It returns the settings in the order of their errors, the smallest
    first. The prediction is exact in the limit in which n and p grow together, for independent
    rows with many independent features; at p = 100 a bias of a few per cent is left.

    Args:
        X: n rows of p features, a data frame or an array.
        y: n responses, which must not all be equal.
        max_samples: subsample sizes k, from 2 to n; the default is six sizes from n / 10 to n.
        penalties: λ, which is scikit-learn's `alpha` divided by k; the default is five penalties,
            from 0.001 to 10 times the mean nonzero eigenvalue of X'X / n.
        n_estimators: the number of members of the bag.
        fit_intercept: whether to centre X and y first.
        subsets: how many random subsamples of each size to examine.
        random_state: the seed of these subsamples.

    Raises ValueError for fewer than 30 rows, a constant y, a k above n, and a penalty at which the
    risk diverges. Source: Du, Patil & Kuchibhotla 2023, arXiv 2304.13016; the estimates from data
    were derived here.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 40))
    >>> choose_subsample(X, X[:, 0] + rng.normal(size=200)).to_frame().shape
    (30, 11)
    """
    x = table("X", X).values
    y = column("y", y, rows=len(x))
    if fit_intercept and len(x):
        x = x - x.mean(axis=0)
        y = y - y.mean() if np.ptp(y) else y
    sizes = _sizes(x) if max_samples is None else max_samples
    penalties = _penalties(x) if penalties is None else penalties
    members = n_estimators
    n, dim = x.shape
    require(n >= _LEAST_POINTS, f"X must have at least {_LEAST_POINTS} rows, got {n}")
    require(np.ptp(y) > 0, f"y must hold different numbers, got {y[0]} throughout")
    require(len(sizes) * len(penalties) > 0, "max_samples and penalties must not be empty")
    require(max(sizes) <= n, f"max_samples must be at most the {n} rows of X, got {max(sizes)}")
    too_near = [k for k in sizes if 0 in penalties and abs(k - dim) < _NEAR]
    require(
        not too_near,
        f"max_samples must differ from the {dim} columns of X by at least {_NEAR} at penalty 0, "
        f"where the risk diverges, got {too_near}",
    )
    interpolating = [k for k in sizes if 0 in penalties and k < dim and n - k < _LEAST_LEFT]
    require(
        not interpolating,
        f"max_samples must leave at least {_LEAST_LEFT} rows out at penalty 0, got {interpolating} "
        f"of {n} rows",
    )
    require_memory("X", 7 * n**2 + 2 * subsets * n * min(max(sizes), dim))
    data = _Whole(x, y)
    rng = np.random.default_rng(random_state)
    ranking = []
    for k in sizes:
        parts = [_Part(x, y, np.sort(rng.choice(n, k, replace=False))) for _ in range(subsets)]
        for penalty in penalties:
            least = min(float(part.eigenvalues[0]) for part in parts)
            require(
                penalty + least > data.rounding,
                "penalties must exceed minus the least eigenvalue of each subsample's Gram matrix, "
                f"{-least:.6g} at size {k}, got {penalty:.6g}",
            )
            ranking.append(_judge(data, parts, k, penalty, members))
    ranking.sort(key=lambda one: float(one.shares.mean()))
    best = ranking[0]
    settings = tuple(
        Setting(**row.known, risk=row.above(), excess=row.above(best)) for row in ranking
    )
    doubts = data.doubts(best.known["equivalent_penalty"])
    return Table(
        members=members,
        settings=settings,
        doubts=tuple(Doubt(reason, np.inf, "of each risk") for reason in doubts),
    )


def _sizes(x: Rows) -> list[int]:
    return sorted({max(2, round(share * len(x))) for share in _SHARES})


def _penalties(x: Rows) -> list[float]:
    """Return five penalties around the mean of the nonzero eigenvalues of X'X / n."""
    mean = float(np.sum(x**2)) / max(1, len(x) * min(x.shape))
    return [mean * factor for factor in _FACTORS]


def _judge(
    whole: "_Whole", parts: list["_Part"], k: int, penalty: float, members: int
) -> "_Judged":
    share = k / len(whole.y)
    d = float(np.mean([part.residual_share(penalty) for part in parts]))
    equivalent = whole.penalty_with(float(np.mean([part.inverse_level(penalty) for part in parts])))
    full = whole.generalised_squares(equivalent)
    squares = np.mean([part.residuals(penalty) ** 2 for part in parts], axis=0)
    # In this order: at k = n d^2 may be below a rounding of 1
    single = squares / (share * d**2 + (1 - share))
    shares = single / members + (1 - 1 / members) * full
    factor = (1 - share) + share * d
    naive = shares.mean() + share * (1 - share) * (1 - d) ** 2 / factor**2 * single.mean() / members
    facts = {
        "size": k,
        "penalty": penalty,
        "equivalent_penalty": equivalent,
        "risk_full": float(full.mean()),
    }
    of_one = single.mean() / members / shares.mean()
    scatter = of_one * np.mean([_scatter(_kept(part.every, penalty)) for part in parts])
    scatter += (1 - of_one) * _scatter(_kept(whole.eigenvalues, equivalent))
    return _Judged(facts | {"gcv_naive": float(naive)}, shares, float(scatter))


@dataclass(frozen=True)
class _Judged:
    """One setting before it is compared with others.

    Attributes:
        known: the numbers of the setting that need no comparison.
        shares: the contribution of each row to the risk, whose mean over the rows is the risk.
        scatter: n times the variance of this mean, in units of the variance of `shares`.
    """

    known: dict[str, Any]
    shares: Vector
    scatter: float

    def above(self, other: "_Judged | None" = None) -> Estimate:
        """Return the risk, or its difference from the risk of another setting, with a 95 %
        interval.
        """
        shares = self.shares - other.shares if other else self.shares
        scatter = max(self.scatter, other.scatter if other else 0.0)
        half_width = 1.96 * float(shares.std(ddof=1)) * np.sqrt(scatter / len(shares))
        mean = float(shares.mean())
        if other:
            return Estimate(mean, mean - half_width, mean + half_width)
        # A mean square is skewed, its logarithm hardly
        factor = float(np.exp(half_width / mean)) if mean else 1.0
        return Estimate(mean, mean / factor, mean * factor)


def _kept(eigenvalues: Vector, penalty: float) -> Vector:
    """Return λ / (e + λ) for each eigenvalue e of a Gram matrix, with a common factor left out
    where every value would be zero.
    """
    if penalty == 0:
        null = eigenvalues == 0
        return null.astype(float) if null.any() else 1 / eigenvalues
    return penalty / (eigenvalues + penalty)


def _scatter(kept: Vector) -> float:
    """Return the variance of an estimated risk about the risk for these data, in units of the
    variance of independent errors.

    It is 1 / (1 - t) + t: the first term is that of residuals in fewer directions than points, the
    second that of the fitted coefficients.
    """
    kept_share = float(kept.mean() ** 2 / np.mean(kept**2))
    return 1 / kept_share + 1 - kept_share


class _Whole:
    """All rows, in the coordinates of the eigenvectors of XX' / n, in which ridge regression of any
    penalty is diagonal.
    """

    def __init__(self, x: Float[np.ndarray, "n dim"], y: Vector):
        n, dim = x.shape
        self.x = x
        self.y = y
        self.eigenvalues, self.vectors = np.linalg.eigh(x @ x.T / n)
        self.rounding = n * 2.0**-52 * float(self.eigenvalues[-1])
        self.null = np.arange(n) < n - dim  # directions that no coefficient reaches
        self.eigenvalues = np.where(self.null, 0.0, self.eigenvalues)
        self.coordinates = self.vectors.T @ y

    def penalty_with(self, inverse_level: float) -> float:
        """Return the penalty λ' at which the mean of 1 / (e + λ') over the eigenvalues e equals the
        given level of the subsamples.
        """
        from scipy.optimize import brentq

        if np.isinf(inverse_level):
            return 0.0

        def excess(penalty: float) -> float:
            if self.null.any():  # multiplied by the penalty, so that 0 is no pole and no root
                return float(penalty * inverse_level - _kept(self.eigenvalues, penalty).mean())
            return float(inverse_level - np.mean(1 / (self.eigenvalues + penalty)))

        least = -float(self.eigenvalues[~self.null].min())
        low, high = (
            (least, 0.0)
            if inverse_level < 0
            else (0.0 if self.null.any() else least, 1 / inverse_level)
        )
        if inverse_level > 0 and excess(high) <= 1e-14 * (1 if self.null.any() else inverse_level):
            return float(high)  # beside such a penalty the data are nothing
        inside = self.rounding + 1e-9 * abs(low)
        if excess(low + inside) * excess(high) >= 0:  # all points, or as good as all
            return float(low)
        return float(brentq(excess, low + inside, high, xtol=1e-300, rtol=1e-14, maxiter=2000))

    def generalised_squares(self, penalty: float) -> Vector:
        """Return the squared residuals over (1 - df / n)^2, whose mean is generalised
        cross-validation.
        """
        weights = _kept(self.eigenvalues, penalty)
        return (self.vectors @ (weights * self.coordinates) / weights.mean()) ** 2

    def doubts(self, penalty: float) -> tuple[str, ...]:
        """Return the reasons why leave-one-out errors may differ from the error at a new point."""
        maker = (self.vectors * _kept(self.eigenvalues, penalty)) @ self.vectors.T
        without_intercept = float(np.mean((maker @ self.y / np.diag(maker)) ** 2))
        pull = maker.sum(axis=0)
        if pull.sum() > 1e-12 * np.trace(
            maker
        ):  # a free intercept, or a mean of y would look like rows in groups
            maker -= np.outer(pull, pull) / pull.sum()
        residuals = maker @ self.y
        leverage = np.diag(maker)
        left_out = (residuals / leverage) ** 2
        squares = np.sum(self.x**2, axis=1)
        distances = squares[:, None] + squares - 2 * self.x @ self.x.T
        np.fill_diagonal(distances, np.inf)
        nearest = np.argsort(distances, axis=1)[:, :_NEIGHBOURS]
        index = np.arange(len(squares))
        copies = int(np.sum(distances.min(axis=1) <= 1e-9 * squares.mean()))
        if copies:
            return (
                f"{copies} rows are duplicated, so that leaving one out leaves its copy in the fit",
            )

        def without(
            others: np.ndarray,
        ) -> float:  # the mean square once these rows are left out too
            block = np.column_stack([index, others])
            within = maker[block[:, :, None], block[:, None, :]]
            return float(
                np.mean(np.linalg.solve(within, residuals[block][:, :, None])[:, 0, 0] ** 2)
            )

        shift = (index[:, None] + np.arange(1, _NEIGHBOURS + 1)) % len(index)
        rise = (without(nearest) - without(shift)) / left_out.mean()
        uneven = float(np.mean(residuals**2) / leverage.mean() ** 2 / left_out.mean() - 1)
        gain = 1 - left_out.mean() / without_intercept
        # Errors alike by chance are no rarity; in rows that follow each other they are what is to
        # be expected.
        following = beside(
            (residuals / leverage)[:, None], chance=_EXPECTED if beside(self.x) else _FAR
        )
        lines = []
        if gain > _ALIKE:
            lines.append(
                f"an intercept would lower the error of a row left out by {gain:.0%}: centre X "
                "and y, or set fit_intercept=True"
            )
        if following:
            lines.append(
                f"errors of neighbouring rows are alike (correlation {following:.2f}): there are "
                "fewer independent rows"
            )
        if rise > _ALIKE:
            lines.append(
                "rows come in groups: the error of a row rises by "
                f"{rise:.0%} if its nearest rows are left out with it"
            )
        if (
            abs(uneven) > _UNEVEN or squares.std() > squares.mean()
        ):  # of many mixed coordinates they are nearly alike
            lines.append(
                f"rows differ in scale: cross-validation is {uneven:+.0%} off leave-one-out"
            )
        if left_out.max() > _HEAVIEST * left_out.sum():
            share = left_out.max() / left_out.sum()
            lines.append(
                f"row {left_out.argmax()} alone makes {share:.0%} of the risk, and the intervals "
                "depend on it"
            )
        return tuple(lines)


class _Part:
    """One subsample: the eigenvalues of the smaller of its two Gram matrices, those of the k by k
    matrix of its rows, and its ridge fits.
    """

    def __init__(self, x: Float[np.ndarray, "n dim"], y: Vector, rows: np.ndarray):
        self.y = y
        self.rows = rows
        self.size = len(rows)
        sample = x[rows]
        self.tall = self.size > x.shape[1]
        gram = sample.T @ sample if self.tall else sample @ sample.T
        self.eigenvalues, self.vectors = np.linalg.eigh(gram / self.size)
        self.every = np.concatenate([np.zeros(self.size - len(gram)), self.eigenvalues])
        right = sample.T @ y[rows] if self.tall else y[rows]
        self.coordinates = self.vectors.T @ right / self.size
        self.predictions = x @ self.vectors if self.tall else x @ (sample.T @ self.vectors)

    def residual_share(self, penalty: float) -> float:
        """Return 1 - df / k, with df the degrees of freedom of the fit to the k rows."""
        if penalty == 0:
            return 1 - len(self.eigenvalues) / self.size
        left = penalty * float(np.sum(1 / (self.eigenvalues + penalty)))
        return (self.size - len(self.eigenvalues) + left) / self.size

    def inverse_level(self, penalty: float) -> float:
        """Return 1 / μ, the mean of 1 / (e + penalty) over the eigenvalues e of the k by k matrix;
        it may be infinite.
        """
        if self.tall:
            return self.residual_share(penalty) / penalty if penalty else np.inf
        return float(np.mean(1 / (self.eigenvalues + penalty)))

    def residuals(self, penalty: float) -> Vector:
        """Return the residuals of this member at all rows, those outside the subsample too."""
        dual = self.coordinates / (self.eigenvalues + penalty)
        left = self.y - self.predictions @ dual
        if not self.tall:  # where it almost interpolates, no difference of larger numbers
            left[self.rows] = penalty * self.size * (self.vectors @ dual)
        return left
