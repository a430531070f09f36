"""Fair decisions in a discrete world: optimal rules by linear programming, and rules that flip by a
score, measured.

A world is `joint[x, a, y]` = P(X = x, A = a, Y = y) over atoms x, groups a in {0, 1} and labels y
in {0, 1}; a rule is the chance of acceptance at each atom, the same for both groups. Everything is
measured on the world by its definition; what a flip does is found by flipping. The accurate rule
accepts where Y = 1 is likelier than Y = 0.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Real

from sims.predictive_multiplicity.domains import Chances, Criterion, Joint
from sims.predictive_multiplicity.highs import solve
from sims.predictive_multiplicity.mip import Limits, Program
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import MAY_BE_INFINITE, NonNegative, guarded, require

Scores = Annotated[Real[AnyArray, "atoms"], MAY_BE_INFINITE]
"""By which atoms are ordered."""


class MeasuredRule(NamedTuple):
    """What a rule does to the world.

    accuracy : P(Ŷ = Y).
    parity_gap : P(Ŷ = 1 | A = 0) - P(Ŷ = 1 | A = 1).
    odds_gaps : P(Ŷ = 1 | A = 0, Y = y) - P(Ŷ = 1 | A = 1, Y = y) for y = 0, 1; nan where a group
    lacks a label.
    """

    accuracy: Float[Array, ""]
    parity_gap: Float[Array, ""]
    odds_gaps: Float[Array, "2"]


@guarded(double=False)
@jax.jit
def accurate_rule(joint: Joint) -> Float[Array, "atoms"]:
    """1 where P(x, Y = 1) > P(x, Y = 0), else 0: the most accurate of all rules."""
    by_label = jnp.asarray(joint).sum(axis=1)
    return (by_label[:, 1] > by_label[:, 0]).astype(by_label.dtype)


@guarded(double=False)
def measure_rule(joint: Joint, acceptance: Chances) -> MeasuredRule:
    """Accuracy and both kinds of gap of a rule, from their definitions. Source: Chen et al. 2024
    (arXiv 2310.05725).
    """
    return _measure(joint, acceptance)


@guarded(double=False)
@jax.jit
def flip_effects(joint: Joint) -> MeasuredRule:
    """What flipping the accurate rule at one atom alone takes off accuracy and gaps, for every
    atom: leading axis x.
    """
    base = accurate_rule(joint)
    alone = _measure_many(joint, jnp.abs(base - jnp.eye(len(base), dtype=base.dtype)))
    return jax.tree.map(jnp.subtract, _measure(joint, base), alone)


@guarded(double=False)
def flip_by_score(
    joint: Joint, scores: Scores, tolerance: NonNegative
) -> Float[np.ndarray, "atoms"]:
    """Flip the accurate rule atom by atom, in the order of a score, until the measured parity gap
    is within tolerance.

    The order is that of falling score where the gap is positive, and of rising score where it is
    negative. The last atom is flipped with the chance that lands on the tolerance. Returns the
    chances of acceptance. Ties go by index. Source: the thresholds on bias scores of Chen et al.
    2024 (arXiv 2310.05725), for atoms: derived here.
    """
    base = accurate_rule(joint)
    sign = np.sign(_measure(joint, base).parity_gap)
    order = np.argsort(-sign * np.asarray(scores), kind="stable")
    flips = np.zeros((len(order) + 1, len(order)))
    flips[:, order] = np.tri(len(order) + 1, len(order), -1)
    rules = np.abs(np.asarray(base) - flips)
    gaps = sign * np.asarray(_measure_many(joint, rules).parity_gap)
    # Flipping everything reverses the gap, so the tolerance is always reached.
    cut = int(np.argmax(gaps <= tolerance))
    if cut == 0:
        return rules[0]
    share = (gaps[cut - 1] - tolerance) / (gaps[cut - 1] - gaps[cut])
    return rules[cut - 1] + share * (rules[cut] - rules[cut - 1])


@guarded(double=False)
def fair_rule(
    joint: Joint,
    tolerance: NonNegative,
    criterion: Criterion = "parity",
    *,
    deterministic: bool = False,
) -> Float[np.ndarray, "atoms"]:
    """The most accurate rule whose gap (of both labels, for "odds") is at most `tolerance`, by a
    linear program.

    A basic optimum randomises at most as many atoms as there are gaps. `deterministic` forbids
    that: a mixed-integer program, for which constant rules are always feasible. Gaps are met to
    1e-9. For "odds" both groups must have both labels.
    Source: the problem of Chen et al. 2024 (arXiv 2310.05725), on the rule itself, without scores:
    derived here.
    """
    from scipy.sparse import csr_matrix

    world = np.asarray(joint, float)
    cells = world.sum(axis=0)
    require(
        criterion == "parity" or cells.all(),
        f"joint must have both labels in both groups, got {cells.tolist()}",
    )
    parts = world if criterion == "odds" else world.sum(axis=2, keepdims=True)
    shares = parts / parts.sum(axis=0)
    contrasts = (shares[:, 0] - shares[:, 1]).T
    n_atoms = len(world)
    outcome = solve(
        Program(
            cost=world[:, :, 0].sum(axis=1) - world[:, :, 1].sum(axis=1),
            lower=np.zeros(n_atoms),
            upper=np.ones(n_atoms),
            integral=np.full(n_atoms, deterministic),
            rows=csr_matrix(contrasts),
            row_lower=np.full(len(contrasts), -float(tolerance)),
            row_upper=np.full(len(contrasts), float(tolerance)),
        ),
        limits=Limits(feasibility=1e-9),
    )
    assert outcome.values is not None  # constant rules are feasible
    rule = np.clip(outcome.values, 0.0, 1.0)
    return np.round(rule) if deterministic else rule


@jax.jit
def _measure(joint, acceptance):
    accepted = jnp.einsum("x,xay->ay", acceptance, joint)
    rates = accepted.sum(axis=1) / joint.sum(axis=(0, 2))
    odds = accepted / joint.sum(axis=0)
    right = accepted[:, 1].sum() + (1 - acceptance) @ joint[:, :, 0].sum(axis=1)
    return MeasuredRule(right, rates[0] - rates[1], odds[0] - odds[1])


_measure_many = jax.jit(jax.vmap(_measure, (None, 0)))
