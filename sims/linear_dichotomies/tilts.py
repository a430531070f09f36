"""Searches that tilt many known weights at random at once, and fill a pool with classifiers that
line searches start from.
"""

import numpy as np
from jaxtyping import Float, Int

from sims.linear_dichotomies.deadline import Deadline
from sims.linear_dichotomies.line_search import LineSearch, logistic_fit
from sims.linear_dichotomies.pool import Classifier

_AT_ONCE = 200_000  # predictions
_STEPS = 8  # of Newton's
_ROWS = 8  # whose best classifiers are tilted, for each that disagrees most


class TiltSearch(LineSearch):
    """Line searches, and batches of random tilts. A line meets all classifiers on it; a batch is
    twenty times as fast for each direction, and leaves peaks at which lines stop.
    """

    def batches(self, deadline: Deadline) -> None:
        """Until the deadline, tilt the best classifier, the logistic fits, the classifiers of most
        disagreement, and the best ones that put a row on its other side.

        Half of the tilts are equally likely in all directions. The other half have the law with
        which a fit moves when samples are re-weighted at random.
        """
        n_rows, n_dims = self._design.shape
        fits = np.array([weights for weights, _ in self._fits]).reshape(-1, n_dims)
        shapes = [np.eye(n_dims)] * max(len(fits), 1)
        for _, curvature in self._fits:
            shape = np.linalg.inv(np.linalg.cholesky(curvature))
            shapes.append(shape * (n_dims**0.5 / np.linalg.norm(shape)))
        while not deadline.passed():
            some = self._others()[self._random.integers(n_rows, size=_ROWS * len(self._most))]
            apart = [self._apart_fit() for _ in self._most]
            for fit, most in zip(apart, self._most_weights, strict=True):
                for start in (self.best, most):
                    if np.isfinite(start).all() and np.linalg.norm(fit - start) > 0:
                        self._line(start, fit - start)
            all_most = np.repeat(self._most_weights, _ROWS, axis=0)
            starts = np.concatenate(
                [self.best[None], fits, all_most, some, np.reshape(apart, (-1, n_dims))]
            )
            starts = starts[np.isfinite(starts).all(axis=1)]
            chosen = starts[self._random.integers(len(starts), size=max(_AT_ONCE // n_rows, 1))]
            tilts = (
                self._random.standard_normal(chosen.shape)
                @ shapes[self._random.integers(len(shapes))]
            )
            sizes = 10.0 ** self._random.uniform(-3, 0.5, (len(chosen), 1)) / n_dims**0.5
            self._meet(chosen / np.linalg.norm(chosen, axis=1, keepdims=True) + sizes * tilts)

    def climbs(self, deadline: Deadline) -> None:
        """Until the deadline climb in disagreement from the best classifiers of random rows."""
        while not deadline.passed():
            for which in range(len(self._reaches)):
                start = self._others()[self._random.integers(len(self._baseline))]
                self._climb(start if np.isfinite(start).all() else self.best, which, deadline)

    def chief(self) -> list[Classifier]:
        """Return the best classifier, and those of most disagreement."""
        return self._exact(np.concatenate([self._most_weights, self.best[None]]))

    def of_rows(self, rows: Int[np.ndarray, " some"]) -> list[Classifier]:
        """Return, for each of these rows, the best classifier that predicts it differently from
        h_0.
        """
        return self._exact(self._others()[rows])

    def _others(self) -> Float[np.ndarray, "rows dims"]:
        """Return, for each row, the best known weights that predict it differently from h_0; NaN if
        there are none.
        """
        return self._where[1 - self._baseline.astype(int), np.arange(len(self._baseline))]

    def _apart_fit(self) -> Float[np.ndarray, "dims"]:
        """Return a penalised logistic fit of few errors and much disagreement, at a random price,
        on re-weighted rows.
        """
        cost = self._gain - self._random.uniform() * self._apart
        weight = np.abs(cost) * self._random.exponential(size=len(cost)) ** self._random.uniform()
        penalty = 10.0 ** self._random.uniform(-6, -1)
        fit = logistic_fit(self._design, weight, (cost < 0).astype(float), penalty, steps=_STEPS)
        return self.best if fit is None else fit[0] / np.linalg.norm(fit[0])

    def _meet(self, weights: Float[np.ndarray, "classifiers dims"]) -> None:
        """Remember the best of these, as `_remember` does those of a line."""
        positive = self._design @ weights.T > 0
        errors = self._table.positives.sum() + self._gain @ positive
        disagreement = self._totals[self._baseline].sum() + self._apart @ positive
        part = int(errors.argmin())
        if errors[part] < self._best_errors:
            self._best_errors = errors[part]
            self.best = weights[part]
        for which, reach in enumerate(self._reaches):
            within = np.where(errors <= reach, disagreement, -1.0)
            part = int(within.argmax())
            if within[part] > self._most[which]:
                self._most[which] = within[part]
                self._most_weights[which] = weights[part]
        kept = np.flatnonzero(errors <= self._reaches.max(initial=-np.inf))
        if not len(kept):
            return
        sides = 1 - self._baseline.astype(int)
        rows = np.arange(len(self._baseline))
        fewest = np.where(positive[:, kept] != self._baseline[:, None], errors[kept], np.inf)
        parts = fewest.argmin(axis=1)
        better = np.flatnonzero(fewest[rows, parts] < self.errors[sides, rows])
        self.errors[sides[better], better] = fewest[better, parts[better]]
        self._where[sides[better], better] = weights[kept[parts[better]]]
