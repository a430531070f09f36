"""What `learning_order` returns, in numbers and in words."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Complex, Float

from theory.jepa_bias import Event
from theory.jepa_bias.domains import Clock, Objective
from theory_on_trial.own_data.answer import Answer, axes_for

SHOWN = 8  # entries of a list that are printed


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LearningOrder(Answer):
    """What `learning_order` predicts. Features are numbered from 0 in the order in which they are
    first learned.

    Attributes:
        clock: of all times.
        basis: the features that are learned, as orthonormal columns.
        covariance: λ, in squared units of the data.
        regression: ρ.
        times: when each is first learned.
        aligned_times: when the scalar equations say so, true where the covariances commute; NaN
            where never.
        events: what is learned, unlearned and relearned, and when; complete up to `horizon`.
        horizon: up to when the network was followed; infinite where the scalar equations are exact.
        unlearned: how many more features are not learned by then.
        starting_above: how many more start above the fraction p of their final strength: reduce
            epsilon or depth.
        dropped: how many directions have no variance in x, so that what y has there cannot be
            learned.
        commutator: norm of Σ_xx Σ_yx - Σ_yx Σ_xx over the product of the norms.
        asymmetry: norm of Σ_yx - Σ_yx^T over that of Σ_yx.
        integration_error: of the times, relative, by the steps of the flow; 0 where the scalar
            equations are exact.
        end_spectrum: of the state in which all is learned: eigenvalues of JEPA's predictor, or
            singular values of MAE's encoder.
    """

    asked: ClassVar[str] = "which features does a deep linear network learn, and when?"
    rests_on: ClassVar[str] = "gradient flow from equal, aligned layers of strength epsilon"
    unseen: ClassVar[str] = "what nonlinear layers, noise of batches and other starts do"

    depth: int
    epsilon: float
    objective: Objective
    fraction: float
    clock: Clock
    basis: Float[np.ndarray, "dim features"]
    covariance: Float[np.ndarray, " features"]
    regression: Float[np.ndarray, " features"]
    times: Float[np.ndarray, " features"]
    aligned_times: Float[np.ndarray, " features"]
    events: tuple[Event, ...]
    horizon: float
    unlearned: int
    starting_above: int
    dropped: int
    commutator: float
    asymmetry: float
    integration_error: float
    end_spectrum: Complex[np.ndarray, " rank"] | Float[np.ndarray, " rank"]

    @property
    def displaced(self) -> list[int]:
        """Features that are unlearned at some time, for a better one."""
        return sorted({event.feature for event in self.events if event.kind == "unlearned"})

    @property
    def lasting_order(self) -> list[int]:
        """The order in which features are learned for good, as far as they are by the horizon."""
        last = {event.feature: event for event in self.events}
        return [event.feature for event in sorted(last.values()) if event.kind != "unlearned"]

    def lines(self) -> list[str]:
        """Return how many features are learned, the first of them, the lasting order and the
        events.
        """
        return [
            self.headline(),
            "learned first: " + listed([f"{i} at {time:.5g}" for i, time in enumerate(self.times)]),
            "lambda: " + listed([f"{value:.4g}" for value in self.covariance]),
            "rho: " + listed([f"{value:.4g}" for value in self.regression]),
            self.course(),
        ]

    def headline(self) -> str:
        """Return what was asked and how much of it is learned."""
        by = f" by t = {self.horizon:.4g}" if np.isfinite(self.horizon) else ""
        counts = {
            f"not learned{by}": self.unlearned,
            "start above": self.starting_above,
            "without variance": self.dropped,
        }
        rest = "".join(f", {count} {what}" for what, count in counts.items() if count)
        return (
            f"{self.objective.upper()}, depth {self.depth}, epsilon {self.epsilon:g}: "
            f"{len(self.times)} of "
            f"{len(self.basis)} features are learned{rest}"
        )

    def course(self) -> str:
        """Return the lasting order, and what happens after features are first learned."""
        later = [
            f"{event.feature} {event.kind} at {event.time:.5g}"
            for event in self.events
            if event.kind != "learned"
        ]
        return f"for good in the order {listed(self.lasting_order)}; then: {listed(later)}"

    def plot(self, axes: Any = None) -> Any:
        """Draw when each feature is learned (bars), and what the scalar equations say (line);
        return the axes.
        """
        axes = axes_for(axes)
        stop = 1.1 * max(event.time for event in self.events) if self.events else 1.0
        for feature in range(len(self.times)):
            own = [event for event in self.events if event.feature == feature]
            for start, lost in zip(own[::2], [*own[1::2], None], strict=False):
                until = stop if lost is None else lost.time
                axes.barh(
                    feature, until - start.time, left=start.time, height=0.3, color="C0", alpha=0.4
                )
        axes.plot(self.times, range(len(self.times)), "o", color="C0", label="first learned")
        axes.plot(
            self.aligned_times, range(len(self.times)), "--", color="C1", label="scalar equations"
        )
        axes.set(xlabel=f"time ({self.clock} clock)", ylabel="feature", xlim=(0, stop))
        axes.set_yticks(range(len(self.times)))
        axes.invert_yaxis()
        axes.legend()
        return axes


def listed(entries: list[Any]) -> str:
    """The first of them, and how many more."""
    more = f", and {len(entries) - SHOWN} more" if len(entries) > SHOWN else ""
    return ", ".join(map(str, entries[:SHOWN])) + more if entries else "nothing"
