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
_PROBES = 300  # rows of a large table whose nearest ones are sought


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
        fit_intercept: whether each ridge fit has an intercept.
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
    n, dim = x.shape
    require(n >= _LEAST_POINTS, f"X must have at least {_LEAST_POINTS} rows, got {n}")
    require(np.ptp(y) > 0, f"y must hold different numbers, got {y[0]} throughout")
    require_memory("X", 4 * n * dim + 3 * n * min(n, dim) + 3 * min(n, dim) ** 2)
    if fit_intercept:  # each fit centres its own rows; this only keeps their digits
        x = x - x.mean(axis=0)
        y = y - y.mean()
    whole = _Fit(x, y, np.arange(n), fit_intercept)
    sizes = _sizes(x) if max_samples is None else max_samples
    penalties = _penalties(x, whole) if penalties is None else penalties
    _require_settings(whole, dim, sizes, penalties)
    rng = np.random.default_rng(random_state)
    ranking = []
    for k in sizes:
        drawn = [np.sort(rng.choice(n, k, replace=False)) for _ in range(subsets)]
        if k == n:
            drawn = drawn[:1]
        looks: list[list[_Look]] = [[] for _ in penalties]
        for rows in drawn:
            part = _Fit(x, y, rows, fit_intercept)
            least = part.least / k
            for seen, penalty in zip(looks, penalties, strict=True):
                require(
                    penalty >= 0 or penalty + least > whole.rounding / n,
                    "penalties must exceed minus the least eigenvalue of each subsample's Gram "
                    f"matrix, {-least:.6g} at size {k}, got {penalty:.6g}",
                )
                seen.append(part.look(penalty * k))
        ranking += [
            _judge(whole, seen, k, penalty, n_estimators)
            for seen, penalty in zip(looks, penalties, strict=True)
        ]
    ranking.sort(key=lambda one: float(one.shares.mean()))
    best = ranking[0]
    settings = tuple(
        Setting(**row.known, risk=row.above(), excess=row.above(best)) for row in ranking
    )
    doubts = _doubts(whole, best.known["equivalent_penalty"] * n)
    return Table(
        members=n_estimators,
        settings=settings,
        doubts=tuple(Doubt(reason, np.inf, "of each risk") for reason in doubts),
    )


def _sizes(x: Rows) -> list[int]:
    return sorted({max(2, round(share * len(x))) for share in _SHARES})


def _penalties(x: Rows, whole: "_Fit") -> list[float]:
    """Return five penalties around the mean of the nonzero eigenvalues of X'X / n."""
    mean = float(whole.squares.mean()) / len(x) if len(whole.squares) else 1.0
    return [mean * factor for factor in _FACTORS]


def _require_settings(
    whole: "_Fit", dim: int, sizes: Sequence[int], penalties: Sequence[float]
) -> None:
    n = len(whole.y)
    require(len(sizes) * len(penalties) > 0, "max_samples and penalties must not be empty")
    require(max(sizes) <= n, f"max_samples must be at most the {n} rows of X, got {max(sizes)}")
    columns = len(whole.squares) if whole.empty else dim
    too_near = [k for k in sizes if 0 in penalties and abs(k - whole.means - columns) < _NEAR]
    require(
        not too_near,
        f"max_samples must differ from the {columns} independent columns of X by at least {_NEAR} "
        f"at penalty 0, where the risk diverges, got {too_near}",
    )
    interpolating = [k for k in sizes if 0 in penalties and k < columns and n - k < _LEAST_LEFT]
    require(
        not interpolating,
        f"max_samples must leave at least {_LEAST_LEFT} rows out at penalty 0, got {interpolating} "
        f"of {n} rows",
    )


def _judge(whole: "_Fit", looks: list["_Look"], k: int, penalty: float, members: int) -> "_Judged":
    n = len(whole.y)
    share = k / n
    d = float(np.mean([look.residual_share for look in looks]))
    alpha = whole.penalty_with(float(np.mean([look.inverse_level for look in looks])))
    full = whole.generalised_squares(alpha)
    squares = np.mean([look.squares for look in looks], axis=0)
    # In this order: at k = n d^2 may be below a rounding of 1
    single = squares / (share * d**2 + (1 - share))
    shares = single / members + (1 - 1 / members) * full
    factor = (1 - share) + share * d
    naive = shares.mean() + share * (1 - share) * (1 - d) ** 2 / factor**2 * single.mean() / members
    facts = {
        "size": k,
        "penalty": penalty,
        "equivalent_penalty": alpha / n,
        "risk_full": float(full.mean()),
        "gcv_naive": float(naive),
    }
    of_one = single.mean() / members / shares.mean()
    scatter = of_one * np.mean([look.scatter for look in looks])
    scatter += (1 - of_one) * whole.scatter(alpha)
    return _Judged(facts, shares, float(scatter))


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


class _Look(NamedTuple):
    """What one subsample says of one penalty.

    Attributes:
        residual_share: 1 - df / k, where df counts the intercept, too.
        inverse_level: 1 / μ, the trace of (XX' + α)^-1 over the directions that the mean leaves;
            it may be infinite.
        squares: the squared residuals of its fit at all rows, those outside the subsample too.
        scatter: see `_Fit.scatter`.
    """

    residual_share: float
    inverse_level: float
    squares: Vector
    scatter: float


class _Fit:
    """Ridge regression on some rows for all penalties α = kλ, with an intercept if `means` is 1.

    With their mean taken out, k rows have k - means directions. X = U S V' reaches rank many of
    them, and leaves the others `empty`. A fit keeps α / (s^2 + α) of y in the direction of s, all
    of it in an empty direction, and nothing in that of the mean.
    """

    def __init__(self, x: Rows, y: Responses, rows: np.ndarray, intercept: bool):
        self.x, self.y, self.rows = x, y, rows
        self.means = int(intercept)
        self.x_mean = x[rows].mean(axis=0) * self.means
        self.y_mean = float(y[rows].mean()) * self.means
        sample = x[rows] - self.x_mean
        self.response = y[rows] - self.y_mean
        self.tall = len(rows) > x.shape[1]
        squares, vectors = np.linalg.eigh(sample.T @ sample if self.tall else sample @ sample.T)
        self.rounding = len(rows) * 2.0**-52 * float(squares[-1])
        kept = squares > max(self.rounding, 0.0)
        if not self.tall:
            kept[: self.means] = False  # the direction of the mean
        self.squares = squares[kept]
        self.vectors = vectors[:, kept]
        right = sample.T @ self.response if self.tall else self.response
        self.coordinates = self.vectors.T @ right
        self.right = self.vectors if self.tall else sample.T @ self.vectors
        self.empty = len(rows) - self.means - len(self.squares)
        self.least = float(self.squares[0]) if len(self.squares) else 0.0

    def kept(self, alpha: float) -> Vector:
        """Return α / (s^2 + α) for each s, without the factor α where every direction has it."""
        kept: Vector = 1 / (self.squares + alpha)
        return alpha * kept if self.empty else kept

    def total(self, alpha: float) -> float:
        """Return k - df, without the factor α as `kept`."""
        return float(self.kept(alpha).sum()) + self.empty

    def left_of(self, rows: np.ndarray) -> Float[np.ndarray, "rows rank"]:
        """Return these rows of U, for a fit to all rows."""
        if not self.tall:
            return self.vectors[rows]
        scaled: Float[np.ndarray, "rows rank"] = (self.x[rows] - self.x_mean) @ (
            self.vectors / np.sqrt(self.squares)
        )
        return scaled

    def residuals(self, alpha: float) -> Vector:
        """Return the residuals at all rows, those outside the subsample too."""
        dual = self.coordinates / (self.squares + alpha)
        slopes = self.right @ dual
        left = self.y - self.y_mean - (self.x @ slopes - self.x_mean @ slopes)
        if not self.empty:  # where it almost interpolates, no difference of larger numbers
            left[self.rows] = alpha * (self.vectors @ dual)
        return left

    def relative(self, alpha: float) -> Vector:
        """Return the residuals of a fit to all rows, without the factor α as `kept`."""
        if self.empty:
            return self.residuals(alpha)
        left: Vector = self.vectors @ (self.coordinates / (self.squares + alpha))
        return left

    def scatter(self, alpha: float) -> float:
        """Return the variance of an estimated risk about the risk for these data, in units of the
        variance of independent errors.

        It is 1 / (1 - t) + t: the first term is that of residuals in fewer directions than points,
        the second that of the fitted coefficients.
        """
        kept = np.append(self.kept(alpha), np.ones(self.empty))
        kept /= kept.max()
        kept_share = float(kept.mean() ** 2 / np.mean(kept**2))
        return 1 / kept_share + 1 - kept_share

    def look(self, alpha: float) -> _Look:
        """Return what these rows, if they are a subsample, say of a penalty."""
        level = float(np.sum(1 / (self.squares + alpha)))
        if self.empty:
            level = level + self.empty / alpha if alpha else np.inf
        return _Look(
            (1.0 if self.empty else alpha) * self.total(alpha) / len(self.rows),
            level,
            self.residuals(alpha) ** 2,
            self.scatter(alpha),
        )

    def generalised_squares(self, alpha: float) -> Vector:
        """Return the squared residuals over (1 - df / n)^2, whose mean is generalised
        cross-validation.
        """
        return (self.relative(alpha) * (len(self.rows) / self.total(alpha))) ** 2

    def penalty_with(self, inverse_level: float) -> float:
        """Return the α at which the trace of (XX' + α)^-1 equals that of the subsamples."""
        from scipy.optimize import brentq

        if np.isinf(inverse_level):
            return 0.0

        def excess(alpha: float) -> float:
            if self.empty:  # multiplied by the penalty, so that 0 is no pole and no root
                return alpha * inverse_level - self.total(alpha)
            return inverse_level - self.total(alpha)

        directions = len(self.squares) + self.empty
        low, high = (
            (-self.least, 0.0)
            if inverse_level < 0
            else (0.0 if self.empty else -self.least, directions / inverse_level)
        )
        scale = directions if self.empty else inverse_level
        if inverse_level > 0 and excess(high) <= 1e-14 * scale:
            return float(high)  # beside such a penalty the data are nothing
        inside = self.rounding + 1e-9 * abs(low)
        if excess(low + inside) * excess(high) >= 0:  # all points, or as good as all
            return float(low)
        return float(brentq(excess, low + inside, high, xtol=1e-300, rtol=1e-14, maxiter=2000))


class _Maker:
    """The matrix that turns y into the residuals of a fit to all rows, with an intercept whether or
    not the fit has one: a mean of y would look like rows in groups.

    It is c I + U diag(weights) U' - q q', without the factor α as `_Fit.kept`; c is 1 if the fit
    leaves directions empty, else 0.
    """

    def __init__(self, fit: _Fit, alpha: float):
        n = len(fit.y)
        self.fit = fit
        self.own = 1.0 if fit.empty else 0.0
        self.weights = fit.kept(alpha) - self.own
        sums = np.zeros(len(self.weights))
        for rows in _chunks(n, len(self.weights)):
            sums += fit.left_of(rows).sum(axis=0)
        self.plain, pull = np.empty(n), np.empty(n)
        for rows in _chunks(n, len(self.weights)):
            left = fit.left_of(rows) * self.weights
            self.plain[rows] = self.own + np.einsum("ij,ij->i", left, fit.left_of(rows))
            pull[rows] = self.own + left @ sums
        total = float(pull.sum())
        self.pull = pull / np.sqrt(total) if total > 1e-12 * self.plain.sum() else np.zeros(n)
        self.leverage = self.plain - self.pull**2
        self.residuals = fit.relative(alpha)
        self.without = float(np.mean((self.residuals / self.plain) ** 2))
        self.residuals = self.residuals - self.pull * float(self.pull @ fit.response)

    def left_out(self, blocks: np.ndarray) -> float:
        """Return the mean squared error at the first row of each block, with the block left out of
        the fit.
        """
        left = self.fit.left_of(blocks.ravel()).reshape(*blocks.shape, -1)
        within = (left * self.weights) @ left.transpose(0, 2, 1)
        within += self.own * np.eye(blocks.shape[1])
        within -= self.pull[blocks][:, :, None] * self.pull[blocks][:, None, :]
        errors = np.linalg.solve(within, self.residuals[blocks][:, :, None])[:, 0, 0]
        return float(np.mean(errors**2))


def _chunks(n: int, width: int) -> list[np.ndarray]:
    """Cut the rows into pieces of about a million numbers."""
    return np.array_split(np.arange(n), -(-n * max(1, width) // 2**20))


def _nearest(x: Rows, probes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest other rows of some rows, and the squared distance of the first."""
    squares = np.einsum("ij,ij->i", x, x)
    found, first = [], []
    for some in np.array_split(probes, -(-len(probes) * len(x) // 2**22)):
        distances = squares[some, None] + squares - 2 * x[some] @ x.T
        distances[np.arange(len(some)), some] = np.inf
        near = np.argpartition(distances, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
        found.append(near)
        first.append(np.take_along_axis(distances, near, axis=1).min(axis=1))
    return np.concatenate(found), np.concatenate(first)


def _doubts(whole: _Fit, alpha: float) -> tuple[str, ...]:
    """Return the reasons why leave-one-out errors may differ from the error at a new point.

    Neighbours are sought for all rows of a small table, and for some hundreds of a large one.
    """
    n = len(whole.y)
    squares = np.einsum("ij,ij->i", whole.x, whole.x)
    probes = np.random.default_rng(0).permutation(n)[: max(_PROBES, 2**21 // n)]
    nearest, distances = _nearest(whole.x, probes)
    copies = int(np.sum(distances <= 1e-9 * squares.mean()))
    if copies:
        of = "" if len(probes) == n else f" of {len(probes)}"
        return (
            f"{copies}{of} rows are duplicated, so that leaving one out leaves its copy in the fit",
        )
    maker = _Maker(whole, alpha)
    errors = maker.residuals / maker.leverage
    left_out = errors**2
    shift = (probes[:, None] + np.arange(1, _NEIGHBOURS + 1)) % n
    rise = (
        maker.left_out(np.column_stack([probes, nearest]))
        - maker.left_out(np.column_stack([probes, shift]))
    ) / left_out[probes].mean()
    uneven = float(np.mean(maker.residuals**2) / maker.leverage.mean() ** 2 / left_out.mean() - 1)
    gain = 0.0 if whole.means else 1 - float(left_out.mean()) / maker.without
    # Errors alike by chance are no rarity; in rows that follow each other they are what is to be
    # expected.
    following = beside(errors[:, None], chance=_EXPECTED if beside(whole.x) else _FAR)
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
        lines.append(f"rows differ in scale: cross-validation is {uneven:+.0%} off leave-one-out")
    if left_out.max() > _HEAVIEST * left_out.sum():
        share = left_out.max() / left_out.sum()
        lines.append(
            f"row {left_out.argmax()} alone makes {share:.0%} of the risk, and the intervals "
            "depend on it"
        )
    return tuple(lines)
