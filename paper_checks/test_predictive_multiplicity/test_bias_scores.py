"""Fair decisions in a discrete world: thresholds of the bias score are optimal, up to an atom for each constraint."""

import numpy as np

from paper_checks.test_predictive_multiplicity import BIAS
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, ours

FEASIBILITY = 1e-9
"""To which the linear programs meet a gap; times its price, the error of their accuracy."""


def worlds(generator, n_worlds, n_atoms=40):
    """Joint distributions of atom, group and label, uniform over all."""
    return generator.dirichlet(np.ones(4 * n_atoms), n_worlds).reshape(n_worlds, n_atoms, 2, 2)


def accuracy(joint, rule):
    """P(Yhat = Y) of a rule."""
    return float(observed.measure_rule(joint, rule).accuracy)


def fractional(rule):
    """Number of atoms whose decision is random; a solver's 0 and 1 are good to 1e-7."""
    return int(np.sum((rule > 1e-7) & (rule < 1 - 1e-7)))


@claim(
    ours(BIAS), kind="optimality", loose="worst case over where in an atom the tolerance is met: best known ratio .13"
)
def test_bias__score__dp(trial, n_worlds=20, tolerance=0.01):
    """Flipping in the order of f / eta until the gap is delta loses least accuracy; one atom at most is random."""
    measured, exact, by_influence, prices, random_atoms, losses, atoms = [], [], [], [], [], [], []
    for joint in worlds(trial.generator("worlds"), n_worlds):
        optimal = observed.fair_rule(joint, tolerance)
        flips = predicted.optimal_parity_flips(joint, tolerance)
        base = accuracy(joint, predicted.accurate_rule(joint).astype(float))
        measured.append(accuracy(joint, optimal))
        exact.append(base - float(predicted.flip_losses(joint) @ flips))
        masses = joint.sum(axis=(1, 2))
        by_influence.append(
            accuracy(joint, observed.flip_by_score(joint, predicted.parity_influences(joint) / masses, tolerance))
        )
        prices.append(np.max(1 / np.abs(predicted.bias_scores(joint)[flips > 0]), initial=0))
        random_atoms += [fractional(optimal), fractional(flips)]
        losses.append(measured[-1] - accuracy(joint, observed.fair_rule(joint, tolerance, deterministic=True)))
        atoms.append(predicted.flip_losses(joint).max())
    error = 2 * FEASIBILITY * max(prices) + 1e-12
    trial.value(measured, exact, error=error, margin=1e-6, wrong_processes={"in the order of f": by_influence})
    trial.bound(
        random_atoms,
        np.ones(2 * n_worlds),
        found_by="draws",
        independent=n_worlds,
        ops=0,
        controls={"none": np.zeros(2 * n_worlds)},
    )
    trial.bound(
        losses,
        np.array(atoms) + error,
        found_by="draws",
        independent=n_worlds,
        ops=8,
        controls={"a rule without chance loses nothing": np.full(n_worlds, error)},
        wrong_processes={"the dearest atom flipped on top": np.array(losses) + np.array(atoms)},
    )


@claim(ours(BIAS), kind="identity")
def test_bias__score__effects(trial, n_worlds=10):
    """Flipping atom x costs P(x) eta(x) of accuracy and takes P(x) f(x) off the gap, as flipping it alone shows."""
    found, exact, posterior = [], [], []
    for joint in worlds(trial.generator("worlds"), n_worlds):
        effects = observed.flip_effects(joint)
        found.append([effects.accuracy, effects.parity_gap, *np.asarray(effects.odds_gaps).T])
        influences = predicted.parity_influences(joint)
        exact.append([predicted.flip_losses(joint), influences, *predicted.odds_influences(joint)])
        posterior.append([predicted.flip_losses(joint), -influences, *predicted.odds_influences(joint)])
    # Differences of sums of 160 probabilities of size at most one (rates divide by a group's).
    twice = 2 * np.array(exact)
    trial.identity(
        found,
        exact,
        ops=160,
        scale=1.0,
        controls={"the sign of f reversed": posterior, "every flip counted in both groups": twice},
    )


@claim(ours(BIAS), kind="optimality")
def test_bias__score__eo(trial, n_worlds=12, tolerance=0.02):
    """For equalised odds the linear rule 1[z_1 f_1 + z_2 f_2 > eta] is optimal, with two random atoms at most."""
    measured, exact, dual, random_atoms, parity, sizes = [], [], [], [], [], []
    for joint in worlds(trial.generator("worlds"), n_worlds):
        optimal = observed.fair_rule(joint, tolerance, "odds")
        rule = predicted.optimal_odds_flips(joint, tolerance)
        base = accuracy(joint, predicted.accurate_rule(joint).astype(float))
        measured.append(accuracy(joint, optimal))
        exact.append(base - float(predicted.flip_losses(joint) @ rule.flips))
        dual.append(base - predicted.odds_dual_value(joint, tolerance, rule.multipliers))
        random_atoms += [fractional(optimal), fractional(rule.flips)]
        parity.append(base - float(predicted.flip_losses(joint) @ predicted.optimal_parity_flips(joint, tolerance)))
        sizes.append(np.abs(rule.multipliers).sum())
    error = 2 * FEASIBILITY * max(sizes) + 1e-12
    controls = {"the rule for demographic parity": parity}
    trial.value(measured, exact, error=error, margin=1e-6, controls=controls)
    trial.value(measured, dual, error=error, margin=1e-6, controls=controls)
    trial.bound(
        random_atoms,
        np.full(2 * n_worlds, 2),
        found_by="draws",
        independent=n_worlds,
        ops=0,
        controls={"none": np.zeros(2 * n_worlds)},
    )
