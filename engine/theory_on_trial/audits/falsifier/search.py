"""The search for an instance that violates an inequality lhs <= rhs, and for the one that comes nearest to it."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from theory_on_trial.audits.falsifier.draw import Draw
from theory_on_trial.decide.evidence import UNIT_ROUNDOFF

ATTAINED = 1e-6
"""A bound whose ratio comes this close to one is called attained: a search does not tell a maximum from a supremum."""
STARTS = 3
"""How many of the tightest random instances are refined."""


class Sides(NamedTuple):
    """Both sides of an inequality lhs <= rhs at one instance, known up to the rounding 4 ops u `scale`.

    `ops` and `scale` are those of `theory_on_trial.decide.evidence.bound`; `scale` is |lhs| + |rhs| unless given.
    """

    lhs: float
    rhs: float
    ops: float = 100.0
    scale: float | None = None

    @property
    def rounding(self) -> float:
        """What rounding may do to the difference of the sides."""
        return 4 * self.ops * UNIT_ROUNDOFF * (abs(self.lhs) + abs(self.rhs) if self.scale is None else self.scale)

    def tightened(self, factor: float) -> "Sides":
        """The same with `factor` times the right-hand side: below one an attained bound breaks."""
        return self._replace(rhs=factor * self.rhs)

    @property
    def violated(self) -> bool:
        """Whether the left-hand side exceeds the right-hand side by more than rounding."""
        return bool(self.lhs > self.rhs + self.rounding)

    @property
    def ratio(self) -> float:
        """Quotient lhs / rhs, one where it exceeds one by rounding only; -inf where there is none to speak of.

        That is where rhs is not positive, or rounding hides more than `ATTAINED` of it.
        """
        if not (self.rhs > 0 and self.rounding < ATTAINED * self.rhs):
            return -math.inf
        ratio = float(self.lhs / self.rhs)
        return ratio if self.violated else min(ratio, 1.0)


@dataclass(frozen=True)
class Inequality:
    """One inequality that a claim states or decides, with its domain.

    Attributes:
        claim: the claim's id.
        statement: lhs <= rhs in words, with the domain.
        sides: makes an instance by drawing and returns both sides, or None where what was drawn is not admissible.
        draws: random instances to look at.
        steps: further instances for refining the tightest ones.
    """

    claim: str
    statement: str
    sides: Callable[[Draw], Sides | None]
    draws: int = 2000
    steps: int = 2000


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        inequality: the statement searched.
        ratio: the largest lhs / rhs met; None where no right-hand side was positive.
        violated: whether some instance breaks the inequality by more than rounding.
        where: the instance of that ratio, or of the violation.
        instances: how many admissible instances were looked at.
    """

    inequality: Inequality
    ratio: float | None
    violated: bool
    where: str
    instances: int

    @property
    def attained(self) -> bool:
        """Whether the two sides meet, up to `ATTAINED`, without a violation."""
        return self.ratio is not None and not self.violated and self.ratio >= 1 - ATTAINED


INEQUALITIES: list[Inequality] = []
"""All inequalities of the papers whose modules have been loaded, in their order."""
NOT_SEARCHED: dict[str, str] = {}
"""Claims whose inequality is not searched, with the reason."""


def inequality(claim: str, statement: str, *, draws: int = 2000, steps: int = 2000) -> Callable[..., Inequality]:
    """Register a function that draws an instance and returns both sides as an `Inequality` of the claim."""

    def register(sides: Callable[[Draw], Sides | None]) -> Inequality:
        INEQUALITIES.append(Inequality(claim, statement, sides, draws, steps))
        return INEQUALITIES[-1]

    return register


class _Violation(Exception):
    """Ends a search: one violated instance decides."""


class _Spent(Exception):
    """Ends an ascent: it has looked at as many instances as it may."""


class _Search:
    """The state of one search: the tightest instances so far."""

    def __init__(self, inequality: Inequality, rng: np.random.Generator, tighten: float):
        self.inequality, self.rng, self.tighten = inequality, rng, tighten
        self.best: list[tuple[float, Draw]] = []
        self.instances = 0
        self.broken_by: Draw | None = None

    def look(self, draw: Draw) -> float:
        """Return the ratio at one instance; raise `_Violation` where the inequality is broken."""
        sides = self.inequality.sides(draw)
        if sides is None:
            return -math.inf
        self.instances += 1
        sides = sides.tightened(self.tighten)
        if not (math.isfinite(sides.lhs) and math.isfinite(sides.rhs)):
            raise ValueError(f"{self.inequality.claim}: a side is not finite at {describe(draw)}")
        ratio = sides.ratio
        if ratio > -math.inf:
            self.best = sorted([*self.best, (ratio, draw)], key=lambda entry: -entry[0])[:STARTS]
        if sides.violated:
            self.best, self.broken_by = [(ratio, draw)], draw
            raise _Violation
        return ratio

    def step(self, start: Draw, ratio: float, steps: int) -> Draw:
        """Change one or two whole numbers at a time and keep what is not worse."""
        for _ in range(steps if start.whole else 0):
            whole = list(start.whole)
            for place in self.rng.integers(len(whole), size=self.rng.integers(1, 3)):
                whole[place] += int(self.rng.choice([-2, -1, 1, 2]))
            moved = Draw(self.rng, whole, start.latent)
            found = self.look(moved)
            if found >= ratio:
                start, ratio = moved, found
        return start

    def ascend(self, start: Draw, steps: int) -> None:
        """Move the real numbers uphill: by finite differences where the ratio is smooth, then by a simplex."""
        from scipy.optimize import minimize

        if not start.latent:
            return
        best, last = (np.array(start.latent), -math.inf), self.instances + steps

        def descent(latent: np.ndarray) -> float:
            nonlocal best
            if self.instances >= last:
                raise _Spent
            ratio = self.look(Draw(self.rng, start.whole, latent.tolist()))
            if ratio > best[1]:
                best = latent.copy(), ratio
            return -ratio if ratio > -math.inf else 1.0  # inadmissible: worse than any ratio of two positive sides

        with suppress(_Spent):
            minimize(descent, best[0], method="L-BFGS-B", options={"maxfun": steps // 2, "ftol": 0, "gtol": 1e-12})
            minimize(
                descent,
                best[0],
                method="Nelder-Mead",
                options={"maxfev": steps, "adaptive": True, "xatol": 1e-12, "fatol": 1e-15},
            )


def search(inequality: Inequality, seed: int = 0, tighten: float = 1.0) -> Found:
    """Search the inequality's domain for a violation, and report the tightest instance met.

    Random instances first, corners among them; the tightest are refined by steps of their whole numbers and by ascent
    of their real numbers. `tighten` multiplies the right-hand side: the search must break an attained bound that is
    made too tight. The same seed gives the same answer. Runs in float64.
    """
    import jax

    run = _Search(inequality, np.random.default_rng(seed), tighten)
    with jax.enable_x64(True):
        try:
            for _ in range(inequality.draws):
                run.look(Draw(run.rng))
            share = inequality.steps // (2 * STARTS)
            for ratio, start in list(run.best):
                moved = run.step(start, ratio, share)
                run.ascend(moved, share if moved.whole else 2 * share)
        except _Violation:
            pass
    if not run.best:
        return Found(inequality, None, False, "", run.instances)
    ratio, tightest = run.best[0]
    return Found(
        inequality,
        ratio if math.isfinite(ratio) else None,
        run.broken_by is not None,
        describe(tightest),
        run.instances,
    )


def describe(draw: Draw) -> str:
    """Return the choices behind an instance in one line; of long arrays the first entries."""
    return ", ".join(f"{name} = {_brief(value)}" for name, value in draw.values.items())


def _brief(value: Any) -> str:
    if isinstance(value, np.ndarray):
        entries = [_brief(entry) for entry in value.ravel()[:4].tolist()]
        shape = "" if value.size <= 4 else f", … ({' x '.join(map(str, value.shape))})"
        return f"[{', '.join(entries)}{shape}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
