"""What `learning_order` returns, in numbers and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from theory.jepa_bias import Event
from theory.jepa_bias._domains import Clock, Objective

SHOWN = 8  # entries of a list that are printed


class Displacement(NamedTuple):
    """A feature that is given up for a better one before that one is due."""

    learned: int
    """The feature that is given up."""
    new: int
    """The feature that its latent unit reads instead."""
    rate: float
    """mu, at which the misalignment grows."""
    misalignment: float
    """delta, from which it starts to grow when the feature is learned."""
    time: float
    """When it is of order one."""


@dataclass(frozen=True, eq=False, repr=False)
class LearningOrder:
    """What `learning_order` predicts. Features are numbered from 0 in the order of their critical times.

    Attributes:
        depth: L.
        epsilon: strength of every feature at the start.
        objective: jepa or mae.
        fraction: p, of its final strength at which a feature counts as learned.
        clock: of all times and rates.
        basis: the features that are learned, as orthonormal columns.
        covariance: lambda, positive.
        regression: rho.
        times: when each is learned, if nothing is displaced.
        permanent_order: in which they are learned for good as epsilon -> 0 with any misalignment.
        displacements: pairs of which the first is given up for the second, by the time at which it is.
        events: what is learned, unlearned and relearned, and when.
        decaying: how many more features there are with zero or negative covariance, which are never learned.
        starting_above: how many more start above the fraction p of their final strength, their rho being too small.
        dropped: how many directions have no variance in x.
        commutator: norm of Sigma_xx Sigma_yx - Sigma_yx Sigma_xx over the product of the norms.
        asymmetry: norm of Sigma_yx - Sigma_yx^T over that of Sigma_yx.
        end_spectrum: of the end state, whether the covariances commute or not: eigenvalues of JEPA's predictor, or
            singular values of MAE's encoder.
        doubts: sentences on what in this result is not to be trusted, and why.
    """

    depth: int
    epsilon: float
    objective: Objective
    fraction: float
    clock: Clock
    basis: Float[np.ndarray, "dim features"]
    covariance: Float[np.ndarray, " features"]
    regression: Float[np.ndarray, " features"]
    times: Float[np.ndarray, " features"]
    permanent_order: Int[np.ndarray, " features"]
    displacements: tuple[Displacement, ...]
    events: tuple[Event, ...]
    decaying: int
    starting_above: int
    dropped: int
    commutator: float
    asymmetry: float
    end_spectrum: Complex[np.ndarray, " rank"] | Float[np.ndarray, " rank"]
    doubts: tuple[str, ...]

    def __repr__(self) -> str:
        """Return the first features and events, and the doubts."""
        dim, n_features = self.basis.shape
        lines = [
            f"{self.objective.upper()}, depth {self.depth}, epsilon {self.epsilon:g}: {n_features} of {dim} features "
            f"are learned; {self.decaying} decay, {self.starting_above} start above, {self.dropped} have no variance",
            f"  {'feature':>8} {'lambda':>10} {'rho':>10} {'time':>12}",
        ]
        rows = enumerate(zip(self.covariance, self.regression, self.times, strict=True))
        lines += [f"  {i:>8} {row[0]:>10.4g} {row[1]:>10.4g} {row[2]:>12.6g}" for i, row in rows if i < SHOWN]
        lines += [f"  for good in the order {_listed(self.permanent_order.tolist())}"]
        lines += [
            f"  displaced: {_listed([f'{one.learned} for {one.new} at {one.time:.6g}' for one in self.displacements])}"
        ]
        lines += [f"  events: {_listed([f'{one.feature} {one.kind} at {one.time:.6g}' for one in self.events])}"]
        return "\n".join(lines + [f"  doubt: {doubt}" for doubt in self.doubts])


def _listed(entries: Sequence[object]) -> str:
    more = f", and {len(entries) - SHOWN} more" if len(entries) > SHOWN else ""
    return ", ".join(map(str, entries[:SHOWN])) + more if entries else "none"
