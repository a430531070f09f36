"""A learned feature is unlearned for a preferred one and relearned later: when, and in which cases."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from paper_checks.test_jepa_bias import DERIVED
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, ours

COVARIANCE, REGRESSION = np.array([1.6, 0.8]), np.array([0.5, 1.0])
DEPTH, INIT, FRACTION = 2, 0.005, 0.8
STEP, EVERY, RECORDS = 0.05, 10, 2840
FLOW = {"clock": "flow"}


def views_of(covariance, regression):
    """Covariances whose features are the coordinate axes."""
    return predicted.covariances_of_features(covariance, regression, np.eye(len(covariance)))


def levels_of(regression, depth, objective):
    """The strengths at which features count as learned."""
    return FRACTION * predicted.asymptote(depth, regression, objective=objective)


def due_of(covariance, regression, depth, init, objective):
    """When the scalar equations learn the features."""
    return predicted.critical_time(FRACTION, init, depth, covariance, regression, objective=objective, **FLOW)


def rotated_run(trial, delta, method=observed.gradient_flow, regression=REGRESSION):
    """JEPA from the aligned start with V(0) turned by the angle delta."""
    start = observed.misaligned_init(
        trial.key(), 2, DEPTH, INIT, "jepa", delta, kind="predictor_rotation", rotate_latents=False
    )
    return method(start, *views_of(COVARIANCE, regression), STEP, EVERY * RECORDS, EVERY, "jepa")


def crossings(run, levels):
    """Up-crossings as NumPy arrays."""
    return jax.tree.map(np.asarray, observed.up_crossings(run.times, run.strengths, levels))


def solved_crossing(trial, delta, levels):
    """When the second feature is learned, by SciPy's adaptive solver of order 8 on autodiff through a stop-gradient."""
    from scipy.integrate import solve_ivp

    start = observed.misaligned_init(
        trial.key(), 2, DEPTH, INIT, "jepa", delta, kind="predictor_rotation", rotate_latents=False
    )
    views = (*views_of(COVARIANCE, REGRESSION), np.zeros((2, 2)))
    flat, unravel = ravel_pytree(start)
    slope = jax.jit(lambda at: -ravel_pytree(observed.autodiff_gradients(unravel(at), *views, "jepa"))[0])
    times = np.linspace(0, STEP * EVERY * RECORDS, RECORDS + 1)
    # What is seeded is as small as delta: only relative errors count.
    solution = solve_ivp(
        lambda _, at: np.asarray(slope(at)), times[[0, -1]], np.asarray(flat), "DOP853", times, rtol=1e-9, atol=1e-20
    )
    strengths = np.linalg.norm(jax.vmap(lambda at: observed.encoder(unravel(at)))(jnp.asarray(solution.y.T)), axis=1)
    return float(observed.up_crossings(times, strengths, levels).first[1])


@claim(ours(DERIVED), kind="empirical", tier="full")
def test_displacement(trial, deltas=(1e-10, 1e-6, 1e-3, 0.1)):
    """What lambda puts first is unlearned at about t_1 + log(1/delta) / mu for the larger rho, and relearned later.

    The scalar equations are monotone and cannot show it: they learn the second feature later, by up to a half.
    """
    levels = levels_of(REGRESSION, DEPTH, "jepa")
    due = due_of(COVARIANCE, REGRESSION, DEPTH, INIT, "jepa")
    runs = [rotated_run(trial, delta) for delta in deltas]
    seen = [crossings(run, levels) for run in runs]
    second = np.array([each.first[1] for each in seen])
    scalar = np.full(len(deltas), due[1])
    trial.value(
        second,
        [solved_crossing(trial, delta, levels) for delta in deltas],
        error=0.02,  # interpolation between records half a unit of time apart
        margin=1e-3 * second,
        controls={"the scalar equations": scalar},
        wrong_processes={"aligned": np.full(len(deltas), crossings(rotated_run(trial, 0.0), levels).first[1])},
    )
    trial.value(
        [crossings(rotated_run(trial, delta, observed.gradient_descent), levels).first[1] for delta in deltas],
        second,
        error=0.02,
        margin=0.01 * second,  # descent is late by the order of its step
        controls={"the scalar equations": scalar},
    )
    rate = float(predicted.saddle_rate(DEPTH, COVARIANCE[0], 0.5, COVARIANCE[1], 1.0, objective="jepa", **FLOW))
    small = np.array(deltas[:3])
    wrong_rate = rate * REGRESSION[0]
    trial.value(
        second[:3],
        predicted.displacement_time(due[0], rate, small),
        error=0.02,
        margin=2.5 / rate,  # the offset c is of order one
        controls={
            "the scalar equations": scalar[:3],
            "one more power of rho_j": predicted.displacement_time(due[0], wrong_rate, small),
        },
    )
    exchanged = levels_of(REGRESSION[::-1], DEPTH, "jepa")
    stable = rotated_run(trial, 1e-3, regression=REGRESSION[::-1])

    def falls(run, levels):
        """Whether feature 1, once learned, falls to less than a fifth of its level, and whether it ends above it."""
        strength = np.asarray(run.strengths[:, 0])
        learned = np.argmax(strength >= levels[0])
        return [int(strength[learned:].min() < 0.2 * levels[0]), int(strength[-1] >= levels[0])]

    expected = np.ones((len(deltas), 2), int)
    trial.identity(
        [falls(run, levels) for run in runs],
        expected,
        ops=0,
        controls={"never unlearned": expected * [0, 1], "never relearned": expected * [1, 0]},
        wrong_processes={"rho exchanged": [falls(stable, exchanged)] * len(deltas)},
    )


def events_of(run, levels):
    """Every crossing in order of time, as (feature, +1 up or -1 down)."""
    above = np.asarray(run.strengths) >= levels
    moves = np.diff(above.astype(int), axis=0)
    return [(int(feature), int(moves[time, feature])) for time, feature in np.argwhere(moves)]


@claim(ours(DERIVED), kind="empirical", tier="full")
def test_displacement__itinerary(trial, delta=1e-3):
    """What is learned, unlearned and relearned, and in what order, is as the saddles' rates say, with JEPA and MAE."""
    cases = [("jepa", COVARIANCE, REGRESSION, INIT, 0.0)]
    mae = (np.array([1.2, 1.0]), np.array([0.5, 1.2]), 1e-7)
    offset = predicted.misalignment_offset(
        DEPTH, mae[2], mae[0][0], mae[0][1], objective="mae", kind="rotated predictor"
    )
    cases.append(("mae", *mae, float(offset)))
    for objective, covariance, regression, init, shift in cases:
        levels = levels_of(regression, DEPTH, objective)
        start = observed.misaligned_init(
            trial.key(), 2, DEPTH, init, objective, delta, kind="predictor_rotation", rotate_latents=False
        )
        horizon = 1.05 * due_of(covariance, regression, DEPTH, init, objective).max()
        every = int(np.ceil(horizon / STEP / RECORDS))
        run = observed.gradient_flow(start, *views_of(covariance, regression), STEP, every * RECORDS, every, objective)
        events = predicted.itinerary(
            covariance, regression, DEPTH, init, FRACTION, delta, objective=objective, offset=shift, **FLOW
        )
        expected = [(event.feature, -1 if event.kind == "unlearned" else 1) for event in events]
        scalar = [(0, 1), (1, 1)]
        trial.identity(
            events_of(run, levels),
            expected,
            ops=0,
            controls={
                "the first for good": [(0, 1), (0, -1), (1, 1), (1, -1)],
                "the other way round": [(1, 1), (1, -1), (0, 1), (1, 1)],
            },
        )
        trial.identity([len(events_of(run, levels))], [len(expected)], ops=0, controls={"monotone": [len(scalar)]})


@claim(ours(DERIVED), kind="rate", tier="full")
def test_displacement_law(trial, deltas=(1e-2, 1e-3, 1e-4), step=0.2):
    """With covariances turned by delta the wait on the plateau is [log(1/delta) + O(1)] / mu, mu the saddle's rate."""
    cases = (
        ("jepa", COVARIANCE, REGRESSION, 7e-4),
        ("mae", np.array([1.2, 1.0]), np.array([0.5, 1.2]), 1e-7),
    )
    log_delta = -np.log(np.array(deltas))
    slopes, powers = [], []
    for objective, covariance, regression, init in cases:
        second, cross = views_of(covariance, regression)
        due = due_of(covariance, regression, DEPTH, init, objective)
        steps = int(np.ceil(1.02 * due.max() / step))
        start = observed.aligned_init(None, 2, DEPTH, init, objective)
        times = []
        for delta in deltas:
            turned = observed.rotated_covariance(trial.key(), cross, delta)
            run = observed.gradient_flow(start, second, turned, step, steps, 1, objective)
            times.append(crossings(run, levels_of(regression, DEPTH, objective)).first)
        waits = np.diff(times, axis=1)[:, 0]
        rates = {
            rule: float(
                predicted.saddle_rate(
                    DEPTH, covariance[0], regression[0], covariance[1], regression[1], objective=rule, **FLOW
                )
            )
            for rule in ("jepa", "mae")
        }
        slope = np.polyfit(log_delta, waits, 1)[0]
        slopes.append(rates[objective] * slope)
        wrong = rates[objective] * regression[0] if objective == "jepa" else rates["jepa"]
        powers.append(rates[objective] / wrong)
    trial.value(
        slopes,
        np.ones(2),
        error=rates["mae"] * step / np.ptp(log_delta),  # times are known to within a step, and MAE's rate is the larger
        slack=deltas[0] / 2,  # the tilt itself changes rates and starts at this order
        margin=0.02,
        controls={"one more power of rho_j (JEPA), JEPA's rate (MAE)": powers, "no law": np.zeros(2)},
    )


@claim(ours(DERIVED), kind="rate", tier="full")
def test_displacement_law__offset(trial, delta=1e-3, inits=(1e-7, 1e-8), step=0.2):
    """MAE's offset grows as (1 + lambda_i / lambda_j) log(1/epsilon) / L if V(0) is turned, and not with covariances.

    With a symmetric perturbation of V(0) the sign of the ratio is the other.
    """
    covariance, regression = np.array([1.2, 1.0]), np.array([0.5, 1.2])
    second, cross = views_of(covariance, regression)
    rate = float(
        predicted.saddle_rate(
            DEPTH, covariance[0], regression[0], covariance[1], regression[1], objective="mae", **FLOW
        )
    )
    kinds = {
        "covariance": None,
        "rotated predictor": "predictor_rotation",
        "symmetric predictor": "predictor_symmetric",
    }
    slopes, expected = [], []
    for kind, misalignment in kinds.items():
        offsets = []
        for init in inits:
            due = due_of(covariance, regression, DEPTH, init, "mae")
            steps = int(np.ceil(1.02 * due.max() / step))
            if misalignment is None:
                start = observed.aligned_init(None, 2, DEPTH, init, "mae")
                turned = observed.rotated_covariance(trial.key(), cross, delta)
            else:
                start = observed.misaligned_init(
                    trial.key(), 2, DEPTH, init, "mae", delta, kind=misalignment, rotate_latents=False
                )
                turned = cross
            run = observed.gradient_flow(start, second, turned, step, steps, 1, "mae")
            # Since the feature was learned: a perturbation of V(0) moves that time too.
            first, second_learned = crossings(run, levels_of(regression, DEPTH, "mae")).first
            offsets.append(rate * (second_learned - first) + np.log(delta))
        slopes.append((offsets[1] - offsets[0]) / np.log(inits[0] / inits[1]))
        offset = [predicted.misalignment_offset(DEPTH, init, *covariance, objective="mae", kind=kind) for init in inits]
        expected.append(float(offset[1] - offset[0]) / np.log(inits[0] / inits[1]))
    trial.value(
        slopes,
        expected,
        error=rate * step / np.log(10),  # times are known to within a step
        slack=0.01,  # the rise onto the plateau, of relative order epsilon^((L-1)/L) log(1/epsilon)
        margin=0.05,
        controls={"none": np.zeros(3), "of the covariances too": np.array(expected)[[1, 1, 2]]},
    )
