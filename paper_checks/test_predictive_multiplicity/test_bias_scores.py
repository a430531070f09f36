"""Fair decisions in a discrete world: thresholds of the bias score are optimal, up to an atom for
each constraint.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np

from paper_checks.test_predictive_multiplicity import over, thresholds
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

NAtoms = Annotated[
    int, Interval(8, 60, why="few atoms have one order; all meetings of two thresholds are tried")
]
"""Values of X."""
NWorlds = Annotated[int, Interval(8, 1000, why="few worlds seldom tell one rule from another")]
Gap = Annotated[float, Interval(1e-3, 0.5, why="a cap, which nothing requires")]
"""δ, how far the groups may be treated apart."""

FEASIBILITY = 1e-9
"""To which the linear programs meet a gap; times its price, the error of their accuracy."""


def worlds(generator, n_worlds, n_atoms=40):
    """Joint distributions of atom, group and label, uniform over all."""
    return generator.dirichlet(np.ones(4 * n_atoms), n_worlds).reshape(n_worlds, n_atoms, 2, 2)


def tilted(joints):
    """Every other world with thirty times the mass of the group that is accepted, or not, by the
    most accurate rule.
    """
    accepted = joints.sum(axis=2)[..., 1] > joints.sum(axis=2)[..., 0]
    joints[1::2] *= np.where(accepted[1::2, :, None, None] == np.arange(2)[:, None], 30, 1)
    return joints / joints.sum(axis=(1, 2, 3), keepdims=True)


def two_atoms(gap):
    """A world of one atom that is accepted and one that is not, whose flips close the same gap at
    the same price.
    """
    groups = np.array([[1 + gap, 1 - gap], [1 - gap, 1 + gap]]) / 4
    return groups[:, :, None] * np.array([[[0.2, 0.8]], [[0.8, 0.2]]])


def accuracy(joint, rule):
    """P(Yhat = Y) of a rule."""
    return float(observed.measure_rule(joint, rule).accuracy)


def accuracy_left(joint, flips):
    """The accuracy that flipping atoms of the most accurate rule leaves, by their prices."""
    base = accuracy(joint, predicted.accurate_rule(joint).astype(float))
    return base - float(predicted.flip_losses(joint) @ flips)


def fractional(rule):
    """Number of atoms whose decision is random; a solver's 0 and 1 are good to 1e-7."""
    return int(np.sum((rule > 1e-7) & (rule < 1 - 1e-7)))


def parity_gap(joint):
    """How far apart the most accurate rule treats the groups."""
    return abs(predicted.parity_gap(joint, predicted.accurate_rule(joint).astype(float)))


class Compared(NamedTuple):
    """Rules of one world that meet the gap, or of several, worlds first.

    Attributes:
        optimal: accuracy of the best rule, by a linear program.
        by_score: accuracy of flipping in the order of f / η.
        by_influence: accuracy of flipping in the order of f.
        price: accuracy that a unit of the gap costs at most.
        random: number of atoms whose decision is random, under the best rule and by score.
    """

    optimal: Any
    by_score: Any
    by_influence: Any
    price: Any
    random: Any


@claim(
    thresholds(
        "In the case of DP and EOp constraints, the modification rule is thresholding a single "
        "bias score"
    ),
    kind="optimality",
    cases=[0.003, 0.01, 0.05],
)
def test_bias__score__dp(
    trial, tolerance: Gap = 0.01, n_atoms: NAtoms = 40, n_worlds: NWorlds = 12
):
    """Flipping in the order of f / η until the gap is δ loses least accuracy; one atom at most is
    random.
    """

    def measure(joint):
        optimal = observed.fair_rule(joint, tolerance)
        flips = predicted.optimal_parity_flips(joint, tolerance)
        influences = predicted.parity_influences(joint) / joint.sum(axis=(1, 2))
        by_influence = accuracy(joint, observed.flip_by_score(joint, influences, tolerance))
        price = np.max(1 / np.abs(predicted.bias_scores(joint)[flips > 0]), initial=0)
        random = [fractional(optimal), fractional(flips)]
        return Compared(
            accuracy(joint, optimal), accuracy_left(joint, flips), by_influence, price, random
        )

    joints = tilted(worlds(trial.generator("worlds"), n_worlds, n_atoms))
    joints[::2, 0] = joints[::2, 0].mean(axis=2, keepdims=True)  # a fair coin, flipped for nothing
    unfair = [parity_gap(joint) > tolerance for joint in joints]
    trial.require(
        any(unfair), "tolerance must be below the gap of some world: at these nothing is flipped"
    )
    answers = Compared(*over(joints[unfair], measure))
    error = 2 * FEASIBILITY * answers.price.max() + 1e-12
    processes = {"in the order of f": answers.by_influence}
    trial.value(
        answers.optimal,
        answers.by_score,
        error=error,
        margin=max(1e-6, 2 * error),
        control_processes=processes,
    )
    ones = np.ones(answers.random.shape)
    count = len(answers.random)
    trial.bound(
        answers.random,
        ones,
        instances="draws",
        independent=count,
        ops=0,
        controls={"none": 0 * ones},
    )


@claim(derived("by rounding the one random atom of the threshold rule up"), kind="bound")
def test_bias__score__whole(
    trial, tolerance: Gap = 0.05, n_atoms: NAtoms = 40, n_worlds: NWorlds = 20
):
    """Where no flip moves the gap by over 2 δ, a rule without chance loses at most the dearest flip
    on top.
    """
    rng = trial.generator("worlds")
    joints = [*worlds(rng, n_worlds, n_atoms), two_atoms(1.002 * tolerance)]
    cases = [
        joint
        for joint in joints
        if np.abs(predicted.parity_influences(joint)).max() <= 2 * tolerance
    ]

    def measure(joint):
        chance, certain = (
            observed.fair_rule(joint, tolerance, deterministic=certain) for certain in (False, True)
        )
        return accuracy(joint, chance) - accuracy(joint, certain), predicted.flip_losses(
            joint
        ).max()

    losses, dearest = over(cases, measure)
    excess = losses - 1e-7  # gaps are met to 1e-9, at prices of up to 100
    controls = {"half of the dearest flip": dearest / 2}
    trial.bound(
        excess, dearest, instances="draws", independent=len(losses), ops=8, controls=controls
    )


@claim(derived("by taking the atom's term out of each sum"), kind="identity")
def test_bias__score__effects(trial, n_atoms: NAtoms = 40, n_worlds: NWorlds = 10):
    """Flipping atom x costs P(x) η(x) of accuracy and takes P(x) f(x) off the gap, as flipping it
    alone shows.
    """

    def measure(joint):
        effects = observed.flip_effects(joint)
        influences = predicted.parity_influences(joint)
        measured = [effects.accuracy, effects.parity_gap, *np.asarray(effects.odds_gaps).T]
        losses = predicted.flip_losses(joint)
        odds = predicted.odds_influences(joint)
        return measured, [losses, influences, *odds], [losses, -influences, *odds]

    measured, exact, posterior = over(worlds(trial.generator("worlds"), n_worlds, n_atoms), measure)
    # Differences of sums of four probabilities an atom, of size at most one (rates divide by a
    # group's).
    controls = {"the sign of f reversed": posterior, "every flip counted in both groups": 2 * exact}
    trial.identity(measured, exact, ops=4 * n_atoms, scale=1.0, controls=controls)


@claim(
    thresholds(
        "in the case of EO constraints we are required to fit a linear modification rule with 2 "
        "parameters"
    ),
    kind="optimality",
    cases=[0.005, 0.02],
)
def test_bias__score__eo(
    trial, tolerance: Gap = 0.02, n_atoms: NAtoms = 40, n_worlds: NWorlds = 12
):
    """For equalised odds the linear rule 1[z_1 f_1 + z_2 f_2 > η] is optimal, with two random atoms
    at most.
    """

    def measure(joint):
        optimal = observed.fair_rule(joint, tolerance, "odds")
        rule = predicted.optimal_odds_flips(joint, tolerance)
        loss = predicted.odds_dual_value(joint, tolerance, rule.multipliers)
        dual = accuracy_left(joint, np.zeros(n_atoms)) - loss
        parity = accuracy_left(joint, predicted.optimal_parity_flips(joint, tolerance))
        answers = accuracy(joint, optimal), [accuracy_left(joint, rule.flips), dual], parity
        return *answers, np.abs(rule.multipliers), [fractional(optimal), fractional(rule.flips)]

    joints = tilted(worlds(trial.generator("worlds"), n_worlds, n_atoms))
    optima, exact, parity, prices, random = over(joints, measure)
    unfair = prices.any(axis=1)
    trial.require(
        np.any(prices.all(axis=1)),
        "tolerance must be met at a price for either label in some world",
    )
    optima = optima[unfair]
    exact = exact[unfair]
    parity = parity[unfair]
    random = random[unfair]
    error = 2 * FEASIBILITY * prices.sum(axis=1).max() + 1e-12
    controls = {"the rule for demographic parity": np.stack(2 * [parity], axis=1)}
    trial.value(
        np.stack(2 * [optima], axis=1),
        exact,
        error=error,
        margin=max(1e-6, 2 * error),
        controls=controls,
    )
    control = {"one, as for demographic parity": np.ones(random.shape)}
    trial.bound(
        random,
        np.full(random.shape, 2),
        instances="draws",
        independent=len(random),
        ops=0,
        controls=control,
    )
