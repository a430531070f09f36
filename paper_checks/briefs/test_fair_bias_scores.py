"""Chen, Klochkov & Liu 2024, "Post-hoc Bias Scoring Is Optimal for Fair Classification", ICLR 2024,
arXiv 2310.05725.

For whoever must make an accurate classifier treat two groups alike, and asks which decisions to
change.

Take away: under one constraint a single number decides for each person: how much a changed decision
closes the gap, divided by what it costs. Only one kind of person needs a random decision; equalised
odds need two.

Setting: a world of finitely many kinds of people $x$, atoms, with $P(x, a, y)$ for groups $a$ and
labels $y$, both 0 or 1. The rule to mend accepts where $Y = 1$ is likelier. It does not see the
group. Flipping it at $x$ costs the accuracy $P(x) η(x)$ and takes $P(x) f(x)$ off the gap;
$s = f/η$ is the bias score.

Edges: if both labels are equally likely at $x$, a flip costs nothing and the score is infinite. If
the gap is already small enough, nothing is flipped.

Paper: it finds the most accurate classifier under demographic parity, equal opportunity or
equalised odds, and fits it to data. This page computes the optimal rule in worlds of finitely many
atoms.

Abstract:

- Statement 1: a simple change of the unconstrained classifier is optimal under fairness. Holds at a
  smaller scale: dp, eo. In worlds of finitely many atoms.
- Statement 2: the change is a linear rule on bias scores. Holds at a smaller scale: eo, effects. In
  worlds of finitely many atoms.
- Statement 3: for demographic parity and equal opportunity it is a threshold on one score. In part:
  dp, dp_random. For demographic parity in worlds of finitely many atoms, where atoms at the
  threshold need chance.
- Statement 4: for equalised odds it is a linear rule with two parameters. Holds at a smaller scale:
  eo, eo_random. In worlds of finitely many atoms.
- Statement 5: criteria of several attributes can be met, too. Not on trial. Two groups are tried.
- Statement 6: the accuracy stays high on data, and the group is not needed for a decision. Not on
  trial. No data set is fitted.

Read: the abstract. Recalled: $f$, $η$ and the score. Derived here: that one random atom suffices,
and two for equalised odds; the price of a rule without chance. Not claimed: that scores are
estimated well.

Topic: decisions about people.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import LinearConstraint, linprog, milp

from theory_on_trial import claim, derived, observed, predicted, recalled, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

NAtoms = Annotated[
    int, Interval(8, 60, why="few atoms have one order; all meetings of two thresholds are tried")
]
"""Values of X."""
NWorlds = Annotated[int, Interval(8, 1000, why="few worlds seldom tell one rule from another")]
Gap = Annotated[float, Interval(1e-3, 0.5)]
"""δ, how far the groups may be treated apart."""

SOLVED = 1e-9
"""How far the accuracy of a linear program may be off. 864 programs over the whole domain were off
by 5e-16 at most."""

TIE = 1e-9
"""Relative distance to the boundary of the linear rule within which an atom lies on it."""


def worlds(trial, n_worlds, n_atoms):
    """Joint laws P(x, a, y), (worlds, atoms, 2, 2). In every second one on average the group that
    the most accurate rule accepts, or not, has thirty times the mass.
    """
    generator = trial.generator("worlds")
    joints = generator.dirichlet(np.ones(4 * n_atoms), n_worlds)
    joints = joints.reshape(n_worlds, n_atoms, 2, 2)
    by_label = joints.sum(axis=2)
    accepted = by_label[..., 1] > by_label[..., 0]
    heavy = accepted[..., None, None] == np.arange(2)[:, None]
    unequal_groups = generator.integers(2, size=n_worlds)[:, None, None, None]
    joints *= np.where(heavy & (unequal_groups == 1), 30, 1)
    return joints / joints.sum(axis=(1, 2, 3), keepdims=True)


def accurate(joint):
    """Accept where Y = 1 is likelier than Y = 0: 1 or 0 for each atom."""
    by_label = joint.sum(axis=1)
    return (by_label[:, 1] > by_label[:, 0]).astype(float)


@observed
def measure(joint, rule):
    """What a rule, the chance of acceptance (…, atoms), does to the world, by counting: P(Ŷ = Y),
    the gap P(Ŷ = 1 | A = 0) - P(Ŷ = 1 | A = 1), and this gap within Y = 0 and within Y = 1,
    (…, 4).
    """
    accepted = np.tensordot(rule, joint, 1)
    refused = np.tensordot(1 - rule, joint, 1)
    rates = accepted.sum(axis=-1) / joint.sum(axis=(0, 2))
    odds = accepted / joint.sum(axis=0)
    right = accepted[..., 1].sum(axis=-1) + refused[..., 0].sum(axis=-1)
    gaps = [rates[..., 0] - rates[..., 1], *np.moveaxis(odds[..., 0, :] - odds[..., 1, :], -1, 0)]
    return np.stack([right, *gaps], axis=-1)


@observed
def fairest(joint, tolerance, gaps=(1,), whole=False):
    """The most accurate rule whose gaps, counted as in `measure`, are at most `tolerance`: a linear
    program over rules (atoms,), or with `whole` an integer program over rules without chance.
    """
    effects = measure(joint, np.eye(len(joint))).T
    solved = milp(
        -(effects[0] - measure(joint, np.zeros(len(joint)))[0]),
        integrality=np.full(len(joint), int(whole)),
        bounds=(0, 1),
        constraints=LinearConstraint(effects[list(gaps)], -tolerance, tolerance),
        options={"mip_rel_gap": 0.0},
    )
    return np.round(solved.x) if whole else np.clip(solved.x, 0, 1)


@observed
def flip_effects(joint):
    """What flipping the accurate rule at one atom alone takes off `measure`, (4, atoms)."""
    base = accurate(joint)
    alone = np.abs(base - np.eye(len(base)))
    return (measure(joint, base) - measure(joint, alone)).T


@observed
def flip_in_order(joint, scores, tolerance):
    """The accuracy of flipping the accurate rule atom by atom, in the order of a score, until the
    gap between the groups is at most `tolerance`; the last one with the chance that lands on it.
    """
    rule = accurate(joint)
    gap = measure(joint, rule)[1]
    for atom in np.argsort(-np.sign(gap) * scores, kind="stable"):
        if abs(gap) <= tolerance:
            break
        flipped = rule.copy()
        flipped[atom] = 1 - rule[atom]
        moved = np.sign(gap) * (gap - measure(joint, flipped)[1])
        share = min((abs(gap) - tolerance) / moved, 1) if moved > 0 else 1
        rule[atom] += share * (flipped[atom] - rule[atom])
        gap = measure(joint, rule)[1]
    return measure(joint, rule)[0]


def random_atoms(rule):
    """How many atoms are decided by chance."""
    return int(np.sum((rule > 1e-6) & (rule < 1 - 1e-6)))


@predicted
def losses(joint):
    """P(x) η(x) = |P(x, Y = 1) - P(x, Y = 0)|, (atoms,)."""
    by_label = joint.sum(axis=1)
    return np.abs(by_label[:, 1] - by_label[:, 0])


@predicted
def influences(joint):
    """P(x) f(x) for the gap and for the gaps within Y = 0 and Y = 1, (3, atoms):
    (2 Ŷ - 1)(P(x | A = 0) - P(x | A = 1)), given Y for the other two.
    """
    groups = joint.sum(axis=2)
    shares = groups / groups.sum(axis=0)
    cells = joint / joint.sum(axis=0)
    contrasts = [shares[:, 0] - shares[:, 1], *(cells[:, 0] - cells[:, 1]).T]
    return (2 * accurate(joint) - 1) * contrasts


@predicted
def gaps_of(joint):
    """The three gaps of the accurate rule, (3,)."""
    signs = 2 * accurate(joint) - 1
    return (signs * influences(joint)) @ accurate(joint)


def best_accuracy(joint):
    """The accuracy of the accurate rule."""
    return joint.sum(axis=1).max(axis=1).sum()


@predicted
def parity_accuracy(joint, tolerance):
    """The accuracy that the best flips leave: in the falling order of |f/η| among the atoms that
    close the gap, until it is δ = `tolerance`, the last one in part.
    """
    gap = gaps_of(joint)[0]
    helps = np.sign(gap) * influences(joint)[0]
    cost = losses(joint)
    flips = np.zeros(len(joint))
    excess = abs(gap) - tolerance
    candidates = np.flatnonzero(helps > 0)
    for atom in candidates[np.argsort(cost[candidates] / helps[candidates], kind="stable")]:
        if excess <= 0:
            break
        flips[atom] = min(excess / helps[atom], 1)
        excess -= helps[atom]
    return best_accuracy(joint) - cost @ flips


def dual_values(joint, tolerance, multipliers):
    """The accuracy that any rule with both gaps at most δ must lose, for each z of `multipliers`
    (many, 2): z · gap - δ |z|_1 - Σ_x max(z · P f - P η, 0).
    """
    paid = np.maximum(multipliers @ influences(joint)[1:] - losses(joint), 0).sum(axis=1)
    allowed = tolerance * np.abs(multipliers).sum(axis=1)
    return multipliers @ gaps_of(joint)[1:] - allowed - paid


@predicted
def odds_multipliers(joint, tolerance):
    """The z of the best linear rule 1[z · f > η], (2,): the dual is concave and piecewise linear,
    so it is largest where two of the lines z · P f = P η and of the axes meet, and all meetings are
    tried.
    """
    normals = np.hstack([influences(joint)[1:], np.eye(2)])
    offsets = np.append(losses(joint), [0.0, 0.0])
    first, second = np.triu_indices(len(offsets), 1)
    a, b = normals[:, first]
    c, d = normals[:, second]
    determinant = a * d - b * c
    meet = determinant != 0
    above = offsets[first] * d - offsets[second] * b
    right = a * offsets[second] - c * offsets[first]
    meetings = np.stack([above, right], axis=1)[meet] / determinant[meet, None]
    return meetings[np.argmax(dual_values(joint, tolerance, meetings))]


@predicted
def odds_accuracy(joint, tolerance):
    """The accuracy that flips by the linear rule leave; a linear program gives the atoms on its
    boundary the chances that complete it.
    """
    multipliers = odds_multipliers(joint, tolerance)
    three = influences(joint)[1:]
    net = multipliers @ three - losses(joint)
    ties = np.abs(net) <= TIE * (losses(joint) + np.abs(multipliers) @ np.abs(three))
    flips = np.where(ties, 0.0, net > 0)
    if ties.any():
        left = gaps_of(joint)[1:] - three @ flips
        within = three[:, ties]
        flips[ties] = linprog(
            losses(joint)[ties],
            A_ub=np.vstack([within, -within]),
            b_ub=tolerance + np.append(left, -left),
            bounds=(0, 1),
        ).x
    return best_accuracy(joint) - losses(joint) @ flips


def unfair(trial, joints, tolerance):
    """The worlds whose accurate rule has a larger gap between the groups than is allowed."""
    found = [joint for joint in joints if abs(gaps_of(joint)[0]) > tolerance]
    trial.require(
        bool(found), "tolerance must be below the gap of some world: at these nothing is flipped"
    )
    return found


def unequal(trial, joints, tolerance):
    """The worlds that need a price for both labels to have gaps that are allowed."""
    found = [joint for joint in joints if odds_multipliers(joint, tolerance).all()]
    trial.require(bool(found), "tolerance must be met at a price for either label in some world")
    return found


WORLDS = "worlds of finitely many kinds of people, and the order of the flips"
THRESHOLD = tried("abstract, sentence 5: for DP the rule is a threshold on one bias score", WORLDS)
LINEAR = tried("abstract, sentence 5: for EO it is a linear rule with 2 parameters", WORLDS)


@claim(THRESHOLD, kind="optimality", cases=[0.003, 0.01, 0.05])
def test_dp(trial, tolerance: Gap = 0.01, n_atoms: NAtoms = 40, n_worlds: NWorlds = 12):
    """The rule that accepts where $Y = 1$ is likelier has the bias score $f/η$ at $x$: flipping it
    there takes $P(x) f(x)$ off the gap of acceptance rates and $P(x) η(x)$ off the accuracy. Of all
    rules with a gap of at most $δ$, the most accurate one flips it in the falling order of $|f/η|$
    until the gap is $δ$.
    """
    joints = unfair(trial, worlds(trial, n_worlds, n_atoms), tolerance)
    optimal = [measure(joint, fairest(joint, tolerance))[0] for joint in joints]
    exact = np.array([parity_accuracy(joint, tolerance) for joint in joints])
    by_effect = [flip_in_order(joint, flip_effects(joint)[1], tolerance) for joint in joints]
    trial.value(
        optimal,
        exact,
        error=SOLVED,
        margin=1e-6,
        instances="search",
        control_processes={"in the order of $f$, whatever it costs": by_effect},
    )


@claim(derived("a basic optimum has a fraction for each constraint at most"), kind="bound")
def test_dp_random(trial, tolerance: Gap = 0.01, n_atoms: NAtoms = 20, n_worlds: NWorlds = 750):
    """Of all rules whose acceptance rates of two groups differ by at most $δ$, the most accurate
    one leaves at most one kind of people to chance.
    """
    joints = unfair(trial, worlds(trial, n_worlds, n_atoms), tolerance)
    counts = np.array([random_atoms(fairest(joint, tolerance)) for joint in joints])
    trial.bound(
        counts,
        np.ones(len(counts)),
        instances="draws",
        independent=len(counts),
        ops=0,
        controls={"no chance is needed": np.zeros(len(counts))},
    )


@claim(derived("by rounding the one random atom of the threshold rule up"), kind="bound")
def test_whole(trial, tolerance: Gap = 0.05, n_atoms: NAtoms = 40, n_worlds: NWorlds = 20):
    """If no flip at one kind of people moves the gap of acceptance rates by more than $2 δ$, the
    best rule without chance is less accurate than the best rule with it by at most the accuracy of
    the dearest flip.
    """
    close = np.array([[1 + 1.002 * tolerance, 1 - 1.002 * tolerance]])
    groups = np.concatenate([close, close[:, ::-1]]) / 4
    # One atom is accepted and one is not; their flips close the same gap at the same price.
    pair = groups[:, :, None] * np.array([[[0.2, 0.8]], [[0.8, 0.2]]])
    joints = [
        joint
        for joint in [pair, *worlds(trial, n_worlds, n_atoms)]
        if np.abs(influences(joint)[0]).max() <= 2 * tolerance
    ]
    rules = [
        [fairest(joint, tolerance, whole=whole) for whole in (False, True)] for joint in joints
    ]
    lost = [
        measure(joint, chance)[0] - measure(joint, certain)[0]
        for joint, (chance, certain) in zip(joints, rules, strict=True)
    ]
    trial.bound(
        np.array(lost) - 2e-6,  # a whole rule may miss the gap by a solver's rounding
        np.array([losses(joint).max() for joint in joints]),
        instances="search",
        ops=8,
        controls={"chance is worth nothing": np.zeros(len(joints))},
    )


@claim(recalled("the bias scores of demographic parity and of equalised odds"), kind="identity")
def test_effects(trial, n_atoms: NAtoms = 20, n_worlds: NWorlds = 700):
    """Let $Ŷ$ be the rule that accepts, $Ŷ = 1$, where $Y = 1$ is likelier. Flipping it at $x$
    costs the accuracy $|P(x, Y = 1) - P(x, Y = 0)|$, and takes
    $(2 Ŷ - 1)(P(x | A = 0) - P(x | A = 1))$ off the gap of acceptance rates between two groups $A$;
    off the gap within a label $y$ it takes the same with the chances of $x$ given $A$ and $Y = y$.
    """
    joints = worlds(trial, n_worlds, n_atoms)
    exact = np.array([[losses(joint), *influences(joint)] for joint in joints])
    accepts = np.array([2 * accurate(joint) - 1 for joint in joints])[:, None]
    of_gaps = np.arange(4)[:, None] > 0
    all_of_it = np.array([joint.sum(axis=(1, 2)) for joint in joints])[:, None]
    rivals = {
        "a flip costs all of $P(x)$": np.concatenate([all_of_it, exact[:, 1:]], axis=1),
        "a flip accepts, wherever it is": np.where(of_gaps, accepts * exact, exact),
        "a flip refuses, wherever it is": np.where(of_gaps, -accepts * exact, exact),
    }
    # Differences of sums of four chances an atom, of at most one.
    trial.identity(
        [flip_effects(joint) for joint in joints],
        exact,
        ops=8 * n_atoms,
        scale=1.0,
        independent=n_worlds,
        controls=rivals,
    )


@claim(LINEAR, kind="optimality", cases=[0.005, 0.02])
def test_eo(trial, tolerance: Gap = 0.02, n_atoms: NAtoms = 40, n_worlds: NWorlds = 12):
    """Let flipping the most accurate rule at $x$ cost the accuracy $P(x) η$ and take $P(x) f_y$ off
    the gap of acceptance rates of two groups within the label $y$. Of the rules whose gaps within
    both labels are at most $δ$, the most accurate one flips that rule where
    $z_0 f_0 + z_1 f_1 > η$, for two numbers $z$.
    """
    joints = unequal(trial, worlds(trial, n_worlds, n_atoms), tolerance)
    optimal = [measure(joint, fairest(joint, tolerance, gaps=(2, 3)))[0] for joint in joints]
    parity = [parity_accuracy(joint, tolerance) for joint in joints]
    trial.value(
        optimal,
        np.array([odds_accuracy(joint, tolerance) for joint in joints]),
        error=SOLVED,
        margin=1e-6,
        instances="search",
        controls={"the rule for demographic parity": np.array(parity)},
    )


@claim(derived("weak duality, and equality where two kinks of the dual meet"), kind="optimality")
def test_eo_dual(trial, tolerance: Gap = 0.02, n_atoms: NAtoms = 40, n_worlds: NWorlds = 12):
    """Let flipping the most accurate rule at $x$ cost the accuracy $P(x) η(x)$ and take
    $P(x) f_y(x)$ off the gap of acceptance rates of two groups within the label $y$. To keep both
    gaps within $δ$ costs the accuracy $max_z [z · γ - δ |z|_1 - ∑_x max(z · P(x) f(x) - P(x) η(x),
    0)]$, where $z = (z_0, z_1)$ and $γ$ holds both gaps.
    """
    joints = unequal(trial, worlds(trial, n_worlds, n_atoms), tolerance)
    rules = [fairest(joint, tolerance, gaps=(2, 3)) for joint in joints]
    lost = [
        measure(joint, accurate(joint))[0] - measure(joint, rule)[0]
        for joint, rule in zip(joints, rules, strict=True)
    ]
    best = [odds_multipliers(joint, tolerance)[None] for joint in joints]
    one = [multipliers * [0, 1] for multipliers in best]

    def values(multipliers):
        pairs = zip(joints, multipliers, strict=True)
        return np.array([dual_values(joint, tolerance, each)[0] for joint, each in pairs])

    trial.value(
        lost,
        values(best),
        error=SOLVED,
        margin=1e-6,
        instances="search",
        controls={"a price for $Y = 1$ alone": values(one)},
    )


@claim(derived("a basic optimum has a fraction for each constraint at most"), kind="bound")
def test_eo_random(trial, tolerance: Gap = 0.02, n_atoms: NAtoms = 20, n_worlds: NWorlds = 1000):
    """Of all rules whose acceptance rates of two groups differ by at most $δ$ within either label,
    the most accurate one leaves at most two kinds of people to chance.
    """
    joints = unequal(trial, worlds(trial, n_worlds, n_atoms), tolerance)
    counts = [random_atoms(fairest(joint, tolerance, gaps=(2, 3))) for joint in joints]
    trial.bound(
        np.array(counts),
        np.full(len(counts), 2),
        instances="draws",
        independent=len(counts),
        ops=0,
        controls={"one, as for demographic parity": np.ones(len(counts))},
    )


@figure("F1", claims=("dp", "eo"))
def price_of_fairness():
    """Fairness within each label costs more than fairness between the groups.

    The accuracy against the allowed gap $δ$, in one world of forty atoms. Marks: lines: thresholds
    on bias scores; points: linear programs.
    """
    generator = np.random.default_rng(5)
    joint = generator.dirichlet(np.ones(160)).reshape(40, 2, 2)
    joint[:20, 0] *= 3
    joint /= joint.sum()
    fine = np.linspace(0.0, 0.3, 61)
    some = np.linspace(0.0, 0.3, 11)
    parity = [parity_accuracy(joint, gap) for gap in fine]
    odds = [odds_accuracy(joint, gap) for gap in fine]
    names = ("between the groups", "within each label")
    return chart(
        {names[0]: (fine, np.array(parity)), names[1]: (fine, np.array(odds))},
        {
            name: (some, np.array([measure(joint, fairest(joint, gap, gaps))[0] for gap in some]))
            for name, gaps in zip(names, ((1,), (2, 3)), strict=True)
        },
        x="allowed gap δ of acceptance rates  (share of a group)",
        y="accuracy  (share of people)",
    )
