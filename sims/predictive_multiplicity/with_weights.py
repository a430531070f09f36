"""Formulations that have the weights in them: solved by a mixed-integer solver, then recounted."""

import numpy as np

from sims.predictive_multiplicity.big_m import BigM
from sims.predictive_multiplicity.certificates import GordanProgram, margin_certificate
from sims.predictive_multiplicity.highs import solve
from sims.predictive_multiplicity.incumbents import Incumbents
from sims.predictive_multiplicity.mip import Deadline, Limits
from sims.predictive_multiplicity.published import Published
from sims.predictive_multiplicity.tasks import Task

_GAP = 0.99  # optimal whole numbers are less than one apart
_RECOUNT = 1e-6  # relative to n: by how much a solver's objective may be below the recount


class WithWeights:
    """Solves the programs of a formulation. The margin is that of the features as given: it depends
    on their scale.
    """

    def __init__(self, formulation: BigM | Published, gordan: GordanProgram, margin: float):
        self._formulation = formulation
        self._gordan = gordan
        self._margin = margin

    def solve(self, task: Task, incumbents: Incumbents, deadline: Deadline) -> tuple[float, str]:
        """As `MarginFree.solve`; a start whose margin is too small is left to the solver to ignore.
        Raises RuntimeError if no weights have the signs of the solver's answer, or if it is worse
        than the solver says.
        """
        program, constant = self._formulation.program(task)
        incumbent = incumbents.best(task)
        start = (
            None
            if incumbent is None
            else self._formulation.start(task, incumbent[0], incumbent[1].weights)
        )

        scale = max(1.0, abs(task.constant))
        limits = Limits(deadline.left(), gap=_GAP if task.integral else _RECOUNT * scale)
        outcome = solve(program, limits, start)
        if outcome.values is not None:
            dichotomy = self._formulation.dichotomy(outcome.values)
            weights = self._gordan.weights(dichotomy)
            report = program.cost @ outcome.values + constant
            recount = task.value(dichotomy).item()
            if weights is None or recount > report + _RECOUNT * scale:
                reason = "no weights have its signs" if weights is None else f"it is {recount:g}"
                raise RuntimeError(
                    f"the solver's answer {report:g} does not recount, {reason}: raise the margin"
                )
            incumbents.add(dichotomy, weights)
        best = incumbents.best_value(task)
        bound = (
            np.inf
            if outcome.status == "infeasible"
            else max(outcome.bound + constant, task.box_bound)
        )
        return best if task.closes(bound, best) else task.proved(bound), margin_certificate(
            self._margin
        )
