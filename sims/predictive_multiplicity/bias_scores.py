"""Fair decisions in a discrete world: optimal rules by linear programming, and rules that flip by a score, measured.

A world is `joint[x, a, y]` = P(X = x, A = a, Y = y) over atoms x, groups a in {0, 1} and labels y in {0, 1}; a rule is
the chance of acceptance at each atom, the same for both groups. Everything is measured on the world by its definition;
what a flip does is found by flipping. The accurate rule accepts where Y = 1 is likelier than Y = 0.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, Real

from sims.predictive_multiplicity.mip import Limits, Program
from sims.predictive_multiplicity.solvers import solve
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_choice,
    require_count,
    require_in_range,
    require_size,
)

Criterion = Literal["parity", "odds"]


class MeasuredRule(NamedTuple):
    """What a rule does to the world.

    accuracy : P(Ŷ = Y).
    parity_gap : P(Ŷ = 1 | A = 0) - P(Ŷ = 1 | A = 1).
    odds_gaps : P(Ŷ = 1 | A = 0, Y = y) - P(Ŷ = 1 | A = 1, Y = y) for y = 0, 1; nan where a group lacks a label.
    """

    accuracy: Float[Array, ""]
    parity_gap: Float[Array, ""]
    odds_gaps: Float[Array, "2"]


@validated
def random_world(key: Key[Array, ""], n_atoms: int) -> Float[Array, "{n_atoms} 2 2"]:
    """A world drawn uniformly from all joint distributions.

    Raises ValueError for fewer than one atom or more than 2^36 numbers.
    """
    require_count("n_atoms", n_atoms, 1, "a world has something in it")
    require_size("n_atoms", 4 * n_atoms)
    masses = jax.random.exponential(key, (n_atoms, 2, 2))
    return masses / masses.sum()


@validated(unbounded=("joint",))
def accurate_rule(joint: Float[AnyArray, "atoms 2 2"]) -> Float[Array, "atoms"]:
    """1 where P(x, Y = 1) > P(x, Y = 0), else 0. Raises ValueError as `measure_rule`."""
    _require_world(joint)
    by_label = jnp.asarray(joint).sum(axis=1)
    return (by_label[:, 1] > by_label[:, 0]).astype(by_label.dtype)


@validated(unbounded=("joint", "acceptance", "return"))
def measure_rule(joint: Float[AnyArray, "atoms 2 2"], acceptance: Float[AnyArray, "atoms"]) -> MeasuredRule:
    """Accuracy and both kinds of gap of a rule, from their definitions.

    Raises ValueError for a world that is not a joint distribution in which both groups occur, or a rule that is not one
    chance in [0, 1] per atom.
    """
    _require_world(joint)
    if acceptance.shape != joint.shape[:1]:
        raise ValueError(f"acceptance must have one chance per atom, got {acceptance.shape} for {joint.shape[0]} atoms")
    if not is_traced(acceptance) and not ((np.asarray(acceptance) >= 0) & (np.asarray(acceptance) <= 1)).all():
        raise ValueError(f"acceptance must be in [0, 1], got values from {np.min(acceptance)} to {np.max(acceptance)}")
    return _measure(joint, acceptance)


@validated(unbounded=("joint", "return"))
def flip_effects(joint: Float[AnyArray, "atoms 2 2"]) -> MeasuredRule:
    """What flipping the accurate rule at one atom alone takes off accuracy and gaps, for every atom: leading axis x.

    The price and the effects behind the bias score, found by flipping. Raises ValueError as `measure_rule`.
    """
    base = accurate_rule(joint)
    alone = _measure_many(joint, jnp.abs(base - jnp.eye(len(base), dtype=base.dtype)))
    return jax.tree.map(jnp.subtract, _measure(joint, base), alone)


@validated(unbounded=("joint", "scores", "tolerance"))
def flip_by_score(
    joint: Float[AnyArray, "atoms 2 2"], scores: Real[AnyArray, "atoms"], tolerance: float | int
) -> Float[np.ndarray, "atoms"]:
    """Flip the accurate rule atom by atom, in the order of a score, until the measured parity gap is within tolerance.

    The order is that of falling score where the gap is positive, and of rising score where it is negative. The last
    atom is flipped with the chance that lands on the tolerance. Returns the chances of acceptance. Ties go by index.
    Raises ValueError as `measure_rule`, for a negative tolerance or scores that are nan.
    Source: the thresholds on bias scores of Chen et al. 2024 (arXiv 2310.05725), for atoms: derived here.
    """
    require_in_range("tolerance", tolerance, 0, np.inf, includes_high=True)
    if np.isnan(np.asarray(scores)).any():
        raise ValueError("scores must be numbers, got nan")
    base = accurate_rule(joint)
    sign = np.sign(_measure(joint, base).parity_gap)
    order = np.argsort(-sign * np.asarray(scores), kind="stable")
    flips = np.zeros((len(order) + 1, len(order)))
    flips[:, order] = np.tri(len(order) + 1, len(order), -1)
    rules = np.abs(np.asarray(base) - flips)
    gaps = sign * np.asarray(_measure_many(joint, rules).parity_gap)
    # Flipping everything reverses the gap, so the tolerance is always reached.
    reached = int(np.argmax(gaps <= tolerance))
    if reached == 0:
        return rules[0]
    share = (gaps[reached - 1] - tolerance) / (gaps[reached - 1] - gaps[reached])
    return rules[reached - 1] + share * (rules[reached] - rules[reached - 1])


@validated(unbounded=("joint", "tolerance"))
def fair_rule(
    joint: Float[AnyArray, "atoms 2 2"],
    tolerance: float | int,
    criterion: Criterion = "parity",
    *,
    deterministic: bool = False,
) -> Float[np.ndarray, "atoms"]:
    """The most accurate rule whose gap (of both labels, for "odds") is at most `tolerance`, by a linear program.

    A basic optimum randomises at most as many atoms as there are gaps. `deterministic` forbids that: a mixed-integer
    program, for which constant rules are always feasible. Gaps are met to 1e-9.
    Raises ValueError as `measure_rule`, for a negative tolerance, another criterion, or, for "odds", a group without
    one of the labels.
    Source: the problem of Chen et al. 2024 (arXiv 2310.05725), on the rule itself, without scores: derived here.
    """
    from scipy.sparse import csr_matrix

    require_choice("criterion", criterion, Criterion)
    require_in_range("tolerance", tolerance, 0, np.inf, includes_high=True)
    _require_world(joint)
    world = np.asarray(joint, float)
    if criterion == "odds" and not world.sum(axis=0).all():
        raise ValueError(f"joint must have both labels in both groups for odds, got {world.sum(axis=0).tolist()}")
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


def _require_world(joint):
    if joint.ndim != 3 or joint.shape[1:] != (2, 2) or not len(joint):
        raise ValueError(f"joint must be [atoms, 2 groups, 2 labels], got the shape {joint.shape}")
    if is_traced(joint):
        return
    world = np.asarray(joint)
    if not ((world >= 0).all() and abs(world.sum() - 1) <= 1e-6):
        raise ValueError(f"joint must not be negative and sum to 1, got a least of {world.min()}, sum {world.sum()}")
    if not world.sum(axis=(0, 2)).all():
        raise ValueError(f"joint must have both groups, got probabilities {world.sum(axis=(0, 2)).tolist()}")
