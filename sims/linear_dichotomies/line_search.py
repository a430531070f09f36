"""Exact line searches in the space of weights, which find classifiers with few errors or with large
disagreement and prove nothing.

Along a line w + t v every row changes sides once, at t_u = -<w, u> / <v, u>. Sorted, these values
give every dichotomy of the line with its errors and its disagreement. Running minima from both ends
give, for each row, the fewest errors with the row on either side. One sort serves all rows and
tolerances.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from sims.linear_dichotomies.certificates import many_exact_signs
from sims.linear_dichotomies.deadline import Deadline
from sims.linear_dichotomies.pool import Classifier
from sims.linear_dichotomies.table import Table, from_unit

# of a part of the line between two changes, in units of its length: thinner ones are passed over
_WIDTH = 1e-9
_PENALTIES = (1e-4, 1e-2, 1.0, 1e3)  # weights of the log loss against the norm
_AT_ONCE = 200  # classifiers
_PATIENCE = 4
_FEW = 2  # lines without gain after which a search ends: per dimension, and for one row of many


class _Line(NamedTuple):
    """The parts of a line, from t = -inf to inf: `inside` each, errors (inf where too thin) and
    disagreement.
    """

    start: Float[np.ndarray, "dims"]
    along: Float[np.ndarray, "dims"]
    inside: Float[np.ndarray, "parts"]
    errors: Float[np.ndarray, "parts"]
    disagreement: Float[np.ndarray, "parts"]
    rank: Int[np.ndarray, "rows"]
    first: Bool[np.ndarray, "rows"]


def logistic_fit(
    design: Float[np.ndarray, "rows dims"],
    totals: Float[np.ndarray, "rows"],
    positive: Real[np.ndarray, "rows"],
    penalty: float,
    *,
    steps: int,
) -> tuple[Float[np.ndarray, "dims"], Float[np.ndarray, "dims dims"]] | None:
    """Return the weights of penalised logistic regression after `steps` Newton steps, and the
    curvature there.

    `positive` is the share of positive labels at each row. The result is None if the weights are
    not finite or all zero.
    """
    shares = totals / totals.sum()
    weights = np.zeros(design.shape[1])
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (shares * (chance - positive)) + penalty * weights
        curvature = (design.T * (shares * chance * (1 - chance))) @ design
        curvature = curvature + (penalty + 1e-9) * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-6:
            break
    return (weights, curvature) if np.isfinite(weights).all() and weights.any() else None


class LineSearch:
    """The best classifiers that lines through the space of weights have met so far: overall, and
    for each row and side.

    baseline : h_0, from which disagreement is counted; reaches : for each tolerance, the most
    errors that a competitor may have.
    """

    def __init__(self, table: Table, seed: int = 0):
        self._table = table
        self._random = np.random.default_rng(seed)
        unit = table.unit_design[:, 1:]
        self._centre = unit.mean(axis=0)
        spread = unit.std(axis=0)
        self._scale = spread
        self._design = np.column_stack([np.ones(len(unit)), (unit - self._centre) / spread])
        n_rows, n_dims = self._design.shape
        self._gain = np.asarray(table.negatives - table.positives, float)  # of errors, by b_u = 1
        self._totals = np.asarray(table.totals, float)
        self.errors = np.full((2, n_rows), np.inf)  # fewest known, with b_u = 0 and with b_u = 1
        self._where = np.full((2, n_rows, n_dims), np.nan)
        self.best = np.eye(n_dims)[0]
        self._best_errors = np.inf
        self._fits: list[
            tuple[np.ndarray, np.ndarray]
        ] = []  # logistic weights, and the curvature there
        self.aim(np.zeros(n_rows, int), np.empty(0))

    def aim(
        self, baseline: Int[np.ndarray, "rows"], reaches: Float[np.ndarray, "tolerances"]
    ) -> None:
        """Set the baseline h_0 and the reaches."""
        self._baseline = baseline == 1
        self._reaches = np.asarray(reaches, float)
        # Of disagreement, by b_u = 1
        self._apart = np.where(self._baseline, -self._totals, self._totals)
        self._most = np.full(len(reaches), -1.0)
        self._most_weights = np.full((len(reaches), self._design.shape[1]), np.nan)

    def fewest_errors(self, deadline: Deadline, rounds: int) -> None:
        """Descend in errors from logistic fits, then `rounds` times from a perturbed best
        classifier.
        """
        for penalty in _PENALTIES:
            if deadline.passed():
                return
            self._descend(self._logistic(penalty), deadline)
        for _ in range(rounds):
            if deadline.passed():
                return
            size = np.linalg.norm(self.best) * 10.0 ** self._random.uniform(-2, 0)
            start = (
                self.best
                + size * self._random.standard_normal(len(self.best)) / len(self.best) ** 0.5
            )
            self._descend(start, deadline)

    def tilts(self, deadline: Deadline, rounds: int) -> None:
        """Search lines on which penalised logistic fits move, to first order, as samples are
        re-weighted.

        More weight on one row moves a fit along the inverse curvature times that row, whatever the
        weight: one line for each row and penalty. Then `rounds` lines follow for random weights on
        all rows. These move a fit along a normal vector whose covariance is about the inverse
        curvature.
        """
        for weights, curvature in self._fits:
            moves = np.linalg.solve(curvature, self._design.T).T
            for row in self._random.permutation(len(moves)):
                if deadline.passed():
                    return
                self._line(weights, moves[row])
        for _ in range(rounds):
            for weights, curvature in self._fits:
                if deadline.passed():
                    return
                tilt = np.linalg.solve(
                    np.linalg.cholesky(curvature).T, self._random.standard_normal(len(weights))
                )
                self._line(self.best if self._random.random() < 0.5 else weights, tilt)

    def other_sides(self, deadline: Deadline, passes: int) -> None:
        """Search, for each row, a line that moves it to its other side, then further lines while
        they lower the errors. Rows with the fewest known errors come first.
        """
        sides = 1 - self._baseline.astype(int)
        rows = np.arange(len(self._baseline))
        for _ in range(passes):
            before = self.errors[sides, rows].copy()
            for row in np.argsort(before, kind="stable"):
                if deadline.passed():
                    return
                previous = self._where[sides[row], row]
                start = previous if np.isfinite(previous).all() else self.best
                self._descend(start, deadline, row=int(row), side=int(sides[row]), patience=_FEW)
            if np.array_equal(before, self.errors[sides, rows]):
                return

    def disagreement(self, deadline: Deadline, rounds: int) -> None:
        """For each reach, climb in disagreement among the classifiers with at most so many
        errors.
        """
        for _ in range(rounds):
            for reach in range(len(self._reaches)):
                if deadline.passed():
                    return
                start = self._most_weights[reach]
                self._climb(start if np.isfinite(start).all() else self.best, reach, deadline)

    def classifiers(self) -> list[Classifier]:
        """The classifiers found, each once: the best ones, those of most disagreement, and for each
        row the best one that disagrees with h_0 there.
        """
        sides = self._where[1 - self._baseline.astype(int), np.arange(len(self._baseline))]
        return self._exact(np.concatenate([sides, self._most_weights, self.best[None]]))

    def best_classifiers(self) -> list[Classifier]:
        """The classifier with the fewest errors, in a list."""
        return self._exact(self.best[None])

    def _exact(self, kept: Float[np.ndarray, "found dims"]) -> list[Classifier]:
        kept = np.unique(kept[np.isfinite(kept).all(axis=1)], axis=0)
        slopes = kept[:, 1:] / self._scale
        weights = from_unit(
            self._table, np.column_stack([kept[:, 0] - slopes @ self._centre, slopes])
        )
        weights /= np.abs(weights).sum(axis=1, keepdims=True)
        exact = {}
        for part in np.array_split(
            weights[np.isfinite(weights).all(axis=1)], len(weights) // _AT_ONCE + 1
        ):
            for vector, signs in zip(part, many_exact_signs(self._table, part), strict=True):
                if signs.all():
                    dichotomy = (signs + 1) // 2
                    exact[dichotomy.tobytes()] = Classifier(vector, dichotomy)
        return list(exact.values())

    def start_from(self, weights: Float[np.ndarray, "dims"], deadline: Deadline) -> None:
        """Descend from given weights on the features as given, such as those of a user's
        classifier.
        """
        low = self._table.rows.min(axis=0)
        high = self._table.rows.max(axis=0)
        unit = weights[1:] * (high - low)
        inner = np.concatenate(
            [[weights[0] + weights[1:] @ low + unit @ self._centre], unit * self._scale]
        )
        self._descend(inner / np.linalg.norm(inner), deadline)

    def _logistic(self, penalty: float) -> Float[np.ndarray, "dims"]:
        """Return the weights of penalised logistic regression after a few Newton steps."""
        share = self._table.positives / np.maximum(self._totals, np.finfo(float).tiny)
        fit = logistic_fit(self._design, self._totals, share, penalty, steps=12)
        if fit is None:
            return np.eye(self._design.shape[1])[0]
        self._fits.append(fit)
        return fit[0]

    def _direction(
        self, weights: Float[np.ndarray, "dims"], cost: Float[np.ndarray, "rows"]
    ) -> Float[np.ndarray, "dims"]:
        """Return a direction in which to search: an axis, or the disturbed direction in which the
        cost of the rows within a random distance of the boundary falls.
        """
        n_rows, n_dims = self._design.shape
        if self._random.random() < 0.2:
            return np.eye(n_dims)[self._random.integers(n_dims)]
        scores = self._design @ weights
        near = np.abs(scores) / np.quantile(np.abs(scores), 10.0 ** self._random.uniform(-2, -0.3))
        slope = (
            cost * np.exp(-np.minimum(near, 30.0)) * self._random.exponential(size=n_rows)
        ) @ self._design
        length = np.linalg.norm(slope)
        random = self._random.standard_normal(n_dims) / n_dims**0.5
        return random if length == 0 else slope / length + self._random.uniform(0, 0.5) * random

    def _descend(self, weights, deadline, row=None, side=None, patience=None):
        """Go to a part of fewest errors of one line after the other, with a row on a side if one is
        given.
        """
        best = np.inf
        idle = 0
        direction = self._direction(weights, self._gain) if row is None else self._design[row]
        patience = _PATIENCE * len(weights) if patience is None else patience
        while idle < patience and not deadline.passed():
            line = self._line(weights, direction)
            errors = line.errors
            if row is not None:
                before = np.arange(len(errors)) <= line.rank[row]
                errors = np.where(before == (line.first[row] == side), errors, np.inf)
            part = self._lowest(errors)
            if errors[part] < np.inf:
                weights = self._at(line, part)
            idle = 0 if errors[part] < best else idle + 1
            best = min(best, errors[part])
            direction = self._direction(weights, self._gain)

    def _climb(self, weights, which, deadline):
        best = -1.0
        idle = 0
        while idle < len(weights) and not deadline.passed():
            price = 10.0 ** self._random.uniform(-1.5, 0.5)
            line = self._line(weights, self._direction(weights, self._gain - price * self._apart))
            within = np.where(line.errors <= self._reaches[which], line.disagreement, -1.0)
            part = self._lowest(-within)
            if within[part] >= 0:
                weights = self._at(line, part)
            idle = 0 if within[part] > best else idle + 1
            best = max(best, within[part])

    def _lowest(self, values):
        return int(self._random.choice(np.flatnonzero(values == values.min())))

    def _at(self, line, part):
        weights = line.start + line.inside[part] * line.along
        return weights / np.linalg.norm(weights)

    def _line(self, start, along) -> _Line:
        start = start / np.linalg.norm(start)
        along = along / np.linalg.norm(along)
        scores = self._design @ start
        slopes = self._design @ along
        still = np.abs(slopes) < 1e-12
        changes = np.where(still, np.inf, -scores / np.where(still, 1.0, slopes))
        order = np.argsort(changes)
        sorted_ = changes[order]
        first = np.where(still, scores > 0, slopes < 0)
        moves = np.where(first, -1.0, 1.0)[order]
        finite = np.isfinite(sorted_)
        ends = sorted_[finite] if finite.any() else np.zeros(1)
        # Beyond the last change on either side the line goes on for ever.
        edges = np.concatenate([[ends[0] - 1 - abs(ends[0])], sorted_, [np.inf]])
        edges = np.where(np.isfinite(edges), edges, ends[-1] + 1 + abs(ends[-1]))
        widths = np.diff(edges)
        inside = (edges[1:] + edges[:-1]) / 2
        base_errors = np.where(first, self._table.negatives, self._table.positives).sum()
        differs = first != self._baseline
        signs = np.where(differs, -1.0, 1.0)[order] * self._totals[order]
        errors = base_errors + np.append(0.0, np.cumsum(moves * self._gain[order]))
        disagreement = self._totals[differs].sum() + np.append(0.0, np.cumsum(signs))
        errors = np.where(widths > _WIDTH * (1 + np.abs(inside)), errors, np.inf)
        rank = np.empty(len(order), int)
        rank[order] = np.arange(len(order))
        line = _Line(start, along, inside, errors, disagreement, rank, first)
        self._remember(line)
        return line

    def _remember(self, line: _Line) -> None:
        rows = np.arange(len(line.rank))
        for reverse in (
            False,
            True,
        ):  # before its change a row is on its first side, and after it on the other
            errors = line.errors[::-1] if reverse else line.errors
            least = np.minimum.accumulate(errors)
            records = np.maximum.accumulate(np.where(errors == least, np.arange(len(errors)), 0))
            last = len(rows) - 1 - line.rank if reverse else line.rank
            sides = np.where(line.first, 0, 1) if reverse else np.where(line.first, 1, 0)
            better = np.flatnonzero(least[last] < self.errors[sides, rows])
            if len(better):
                parts = records[last[better]]
                parts = len(errors) - 1 - parts if reverse else parts
                self.errors[sides[better], better] = least[last[better]]
                self._where[sides[better], better] = (
                    line.start + line.inside[parts][:, None] * line.along
                )
        part = int(line.errors.argmin())
        if line.errors[part] < self._best_errors:
            self._best_errors = line.errors[part]
            self.best = self._at(line, part)
        if len(self._reaches):
            within = np.where(line.errors <= self._reaches[:, None], line.disagreement, -1.0)
            parts = within.argmax(axis=1)
            largest = within[np.arange(len(parts)), parts]
            for reach in np.flatnonzero(largest > self._most):
                self._most[reach] = largest[reach]
                self._most_weights[reach] = self._at(line, parts[reach])
