"""A learned feature is unlearned for a preferred one and relearned later: when, and in which
cases.
"""

from typing import Annotated, Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from paper_checks.test_jepa_bias import OBJECTIVES, Objective, rotation, two_layers
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

UNSTABLE = derived("from the rates at which the linearised flow leaves a partial state")

COVARIANCE = np.array([1.6, 0.8])
REGRESSION = np.array([0.5, 1.0])
DEPTH = 2
INIT = 0.005
FRACTION = 0.8
STEP = 0.05
EVERY = 10
RECORDS = 2840
FLOW: dict[str, Any] = {"clock": "flow"}
MARGINAL = {
    "jepa": (COVARIANCE, REGRESSION, INIT),
    "mae": (np.array([1.2, 1.0]), np.array([0.5, 1.2]), 1e-7),
}
"""Two features and a start for which each objective unlearns the first one: MAE, with its short
plateaus, late only.
"""
Kind = Literal["covariance", "rotated predictor", "symmetric predictor"]


def rate_of(objective, rule=None):
    """Return the saddle's rate at which feature 2 displaces feature 1, by the rule of an
    objective.
    """
    (first, second), (old, new), _ = MARGINAL[objective]
    return float(
        predicted.saddle_rate(DEPTH, first, old, second, new, objective=rule or objective, **FLOW)
    )


def views_of(covariance, regression):
    """Covariances whose features are the coordinate axes."""
    return predicted.covariances_of_features(covariance, regression, np.eye(len(covariance)))


def levels_of(regression, depth, objective):
    """The strengths at which features count as learned."""
    return FRACTION * predicted.asymptote(depth, regression, objective=objective)


def due_of(covariance, regression, depth, init, objective):
    """When the scalar equations learn the features, flow clock."""
    return predicted.critical_time(
        FRACTION, init, depth, covariance, regression, objective=objective, **FLOW
    )


def turned_start(trial, init, objective, delta):
    """The aligned start with V(0) turned by the angle δ."""
    return observed.misaligned_init(
        trial.key(), 2, DEPTH, init, objective, delta, rotate_latents=False
    )


def rotated_run(trial, delta, method=observed.gradient_flow, regression=REGRESSION):
    """JEPA from that start."""
    start = turned_start(trial, INIT, "jepa", delta)
    return method(start, *views_of(COVARIANCE, regression), STEP, EVERY * RECORDS, EVERY, "jepa")


def crossings(run, levels):
    """Up-crossings as NumPy arrays."""
    return jax.tree.map(np.asarray, observed.up_crossings(run.times, run.strengths, levels))


def solved_crossing(trial, delta, levels):
    """When the second feature is learned, by SciPy's adaptive solver of order 8 on autodiff through
    a stop-gradient.
    """
    start = turned_start(trial, INIT, "jepa", delta)
    views = (*views_of(COVARIANCE, REGRESSION), np.zeros((2, 2)))
    flat, unravel = ravel_pytree(start)
    slope = jax.jit(
        lambda at: -ravel_pytree(observed.autodiff_gradients(unravel(at), *views, "jepa"))[0]
    )
    times = np.linspace(0, STEP * EVERY * RECORDS, RECORDS + 1)
    # What is seeded is as small as delta: only relative errors count.
    solution = solve_ivp(
        lambda _, at: np.asarray(slope(at)),
        times[[0, -1]],
        np.asarray(flat),
        "DOP853",
        times,
        rtol=1e-9,
        atol=1e-20,
    )
    strengths = np.linalg.norm(
        jax.vmap(lambda at: observed.encoder(unravel(at)))(jnp.asarray(solution.y.T)), axis=1
    )
    return float(observed.up_crossings(times, strengths, levels).first[1])


def falls(run, levels):
    """Whether feature 1, once learned, falls to less than a fifth of its level, and whether it ends
    above it.
    """
    strength = np.asarray(run.strengths[:, 0])
    start = np.argmax(strength >= levels[0])
    return [int(strength[start:].min() < 0.2 * levels[0]), int(strength[-1] >= levels[0])]


@claim(
    UNSTABLE,
    kind="empirical",
    tier="full",
    cases=(1e-10, 1e-6, 1e-3, 0.1),
    low_power="the misalignment's prefactor, of order one, moves the time by 5 %",
)
def test_displacement(
    trial,
    delta: Annotated[
        float,
        Interval(
            1e-10, 0.2, why="small; with less, the wait is as long as that of the scalar equations"
        ),
    ],
):
    """What λ puts first is unlearned at about t_1 + log(1/δ) / μ for the larger ρ, and relearned
    later.

    The scalar equations are monotone and cannot show it: they learn the second feature later, by up
    to a half.
    """
    levels = levels_of(REGRESSION, DEPTH, "jepa")
    due = due_of(COVARIANCE, REGRESSION, DEPTH, INIT, "jepa")
    run = rotated_run(trial, delta)
    aligned_run = rotated_run(trial, 0.0)
    second = crossings(run, levels).first[1]
    scalar = {"the scalar equations": due[1]}
    trial.value(
        second,
        solved_crossing(trial, delta, levels),
        error=0.02,  # interpolation between records half a unit of time apart
        margin=1e-3 * second,
        controls=scalar,
        control_processes={"aligned": crossings(aligned_run, levels).first[1]},
    )
    descent = crossings(rotated_run(trial, delta, observed.gradient_descent), levels).first[1]
    # Descent is late by the order of its step.
    trial.value(descent, second, error=0.02, margin=0.01 * second, controls=scalar)
    if delta < 0.01:  # beyond, it is no perturbation
        rate = rate_of("jepa")
        slower = predicted.displacement_time(due[0], rate * REGRESSION[0], delta)
        time = predicted.displacement_time(due[0], rate, delta)
        margin = 2 / rate  # the offset c is of order one
        trial.value(
            second,
            time,
            error=0.02,
            margin=margin,
            controls=scalar | {"one more power of ρ_j": slower},
        )
    exchanged_levels = levels_of(REGRESSION[::-1], DEPTH, "jepa")
    stable = falls(rotated_run(trial, delta, regression=REGRESSION[::-1]), exchanged_levels)
    controls = {"never unlearned": [0, 1], "never relearned": [1, 0]}
    trial.identity(
        falls(run, levels),
        [1, 1],
        ops=0,
        controls=controls,
        control_processes={"ρ exchanged": stable},
    )


def solved_run(objective, init, turn, cross=None):
    """When both marginal features are learned first, and all strengths, from V(0) times `turn`, by
    SciPy's LSODA.
    """
    covariance, regression, _ = MARGINAL[objective]
    second, aligned_cross = views_of(covariance, regression)
    times = np.linspace(
        0, 1.05 * due_of(covariance, regression, DEPTH, init, objective).max(), 2001
    )

    def strengths(at):
        factors = at.T.reshape(*at.shape[1:], 3, 2, 2)
        return np.linalg.norm(factors[..., 1, :, :] @ factors[..., 0, :, :], axis=-2)

    excesses = [
        lambda _, at, feature=feature, level=level: strengths(at)[feature] - level
        for feature, level in enumerate(levels_of(regression, DEPTH, objective))
    ]
    slope = two_layers(objective, second, aligned_cross if cross is None else cross)
    # What is seeded is as small as delta: only relative errors count.
    start = init ** (1 / DEPTH) * np.ravel([np.eye(2), np.eye(2), turn])
    path = solve_ivp(
        slope, times[[0, -1]], start, "LSODA", times, events=excesses, rtol=1e-9, atol=1e-20
    )
    return [float(roots[0]) for roots in path.t_events], strengths(path.y)


def events_of(strengths, levels):
    """Every crossing in order of time, as (feature, +1 up or -1 down)."""
    moves = np.diff((np.asarray(strengths) >= levels).astype(int), axis=0)
    return [(int(feature), int(moves[time, feature])) for time, feature in np.argwhere(moves)]


def expected_events(objective, init, delta):
    """The predicted crossings of the marginal features, and the offset of their waits.
    Of JEPA with V(0) turned no offset is known that grows.
    """
    covariance, regression, _ = MARGINAL[objective]
    kind: Kind = "covariance" if objective == "jepa" else "rotated predictor"
    shift = float(
        predicted.misalignment_offset(DEPTH, init, *covariance, objective=objective, kind=kind)
    )
    options: dict[str, Any] = {"objective": objective, "offset": shift, **FLOW}
    events = predicted.itinerary(covariance, regression, DEPTH, init, FRACTION, delta, **options)
    return [(event.feature, -1 if event.kind == "unlearned" else 1) for event in events], shift


@claim(UNSTABLE, kind="empirical", cases=OBJECTIVES)
def test_displacement__solved(
    trial,
    objective: Objective,
    delta: Annotated[
        float, Interval(1e-4, 3e-3, why="small, and a hundredth of it before the scalar time")
    ] = 1e-3,
):
    """The first feature is learned, unlearned for the second and relearned, log(100) / μ later for
    δ / 100.
    """
    covariance, regression, _ = MARGINAL[objective]
    init = 7e-4 if objective == "jepa" else 1e-7  # the plateaus are long
    levels = levels_of(regression, DEPTH, objective)
    rate = rate_of(objective)
    runs = [solved_run(objective, init, rotation(angle)) for angle in (delta, delta / 100)]
    itinerary, shift = expected_events(objective, init, delta)
    events = events_of(runs[0][1], levels)
    trial.identity(
        events, itinerary, ops=0, controls={"exchanged": [(1, 1), (1, -1), (0, 1), (1, 1)]}
    )
    for_good = predicted.permanent_order(covariance, regression, objective=objective)
    last = [feature for feature, move in events if move > 0][-2:]
    trial.identity(last, for_good, ops=0, controls={"by λ": np.argsort(-covariance)})
    earlier, later = (
        predicted.displacement_time(0.0, rate, at, shift) for at in (delta, delta / 100)
    )
    trial.value(
        runs[1][0][1] - runs[0][0][1],
        later - earlier,
        error=1e-4 * (later - earlier),  # of the solver
        slack=delta / rate,  # the tilt itself changes rates and starts at this order
        margin=0.01 * (later - earlier),
        controls={"log(10) / μ": (later - earlier) / 2},
    )


@claim(derived("the amplitude δ e^(μ t - c) is at one"), kind="identity")
def test_displacement__wait(
    trial,
    rate: Annotated[
        float, Interval(1e-3, 50, why="of slower ones the ninth digit is rounding")
    ] = 0.3,
    delta: Annotated[
        float, Interval(1e-12, 0.2, why="a small misalignment, above rounding")
    ] = 1e-3,
    offset: Annotated[float, Interval(0.1, 3, why="of order one")] = 0.7,
):
    """An amplitude that starts at δ e^(-c) and grows at the rate μ is at one by t_j + (log(1/δ) +
    c) / μ.

    At once where it starts at one or above, never where μ <= 0.
    """
    start = 2.5
    above = np.log(delta) - 0.5
    size = delta * np.exp(-offset)
    wait = brentq(
        lambda t: size * np.exp(rate * t) - 1, 0, (1 - np.log(size)) / rate, xtol=1e-12, rtol=1e-14
    )
    times = [predicted.displacement_time(start, rate, delta, shift) for shift in (offset, above)]
    controls = {
        "without c": [start - np.log(delta) / rate, start],
        "before it": [times[0], start - 0.5 / rate],
    }
    trial.value([start + wait, start], times, error=1e-9, margin=1e-8, controls=controls)
    never = np.isinf(predicted.displacement_time(start, rate * np.array([1, 0, -1]), delta, offset))
    trial.identity([False, True, True], never, ops=0, controls={"whatever μ": [False] * 3})


@claim(UNSTABLE, kind="empirical", tier="full", cases=OBJECTIVES)
def test_displacement__itinerary(
    trial,
    objective: Objective,
    delta: Annotated[float, Interval(1e-5, 1e-2, why="smaller ones are late")] = 1e-3,
):
    """What is learned, unlearned and relearned, and in what order, is as the saddles' rates say,
    with JEPA and MAE.
    """
    covariance, regression, init = MARGINAL[objective]
    second, cross = views_of(covariance, regression)
    start = turned_start(trial, init, objective, delta)
    horizon = 1.05 * due_of(covariance, regression, DEPTH, init, objective).max()
    stride = int(np.ceil(horizon / STEP / RECORDS))
    run = observed.gradient_flow(start, second, cross, STEP, stride * RECORDS, stride, objective)
    itinerary, _ = expected_events(objective, init, delta)
    events = events_of(run.strengths, levels_of(regression, DEPTH, objective))
    trial.identity([len(events)], [len(itinerary)], ops=0, controls={"monotone": [2]})
    rivals = {
        "the first for good": [(0, 1), (0, -1), (1, 1), (1, -1)],
        "exchanged": [(1, 1), (1, -1), (0, 1), (1, 1)],
    }
    trial.identity(events, itinerary, ops=0, controls=rivals)


@claim(UNSTABLE, kind="rate", tier="full", cases=[("jepa", 7e-4), ("mae", 1e-7)])
def test_displacement_law(
    trial,
    objective: Objective,
    init: Annotated[float, Interval(1e-8, 1e-3, why="the plateau must be long")],
):
    """With covariances turned by δ the wait on the plateau is [log(1/δ) + O(1)] / μ, μ the saddle's
    rate.
    """
    deltas = (1e-2, 1e-3, 1e-4)
    step = 0.2
    covariance, regression, _ = MARGINAL[objective]
    second, cross = views_of(covariance, regression)
    due = due_of(covariance, regression, DEPTH, init, objective)
    rate = rate_of(objective)
    trial.require(
        np.ptp(due) * rate > -2 * np.log(deltas[-1]),
        "init must leave a plateau of twice the longest wait",
    )
    steps = int(np.ceil(1.02 * due.max() / step))
    trial.require(steps < 10**6, "init must be larger: a million steps take minutes")
    start = observed.aligned_init(None, 2, DEPTH, init, objective)
    times = []
    for delta in deltas:
        tilted_cross = observed.rotated_covariance(trial.key(), cross, delta)
        run = observed.gradient_flow(start, second, tilted_cross, step, steps, 1, objective)
        times.append(crossings(run, levels_of(regression, DEPTH, objective)).first)
    log_delta = -np.log(np.array(deltas))
    rival_rate = rate * regression[0] if objective == "jepa" else rate_of("mae", "jepa")
    trial.value(
        rate * np.polyfit(log_delta, np.diff(times, axis=1)[:, 0], 1)[0],
        1.0,
        error=rate * step / np.ptp(log_delta),  # times are known to within a step
        slack=deltas[0] / 2,  # the tilt itself changes rates and starts at this order
        margin=0.02,
        controls={
            "one more power of ρ_j (JEPA), JEPA's rate (MAE)": rate / rival_rate,
            "no law": 0.0,
        },
    )


@claim(UNSTABLE, kind="rate", cases=get_args(Kind))
def test_displacement_law__offset(
    trial,
    kind: Kind,
    delta: Annotated[float, Interval(1e-6, 3e-3, why="small, and its plateau not too long")] = 1e-3,
):
    """MAE's offset grows as (1 + λ_i / λ_j) log(1/ε) / L if V(0) is turned, and not with
    covariances.

    With a symmetric perturbation of V(0) the sign of the ratio is the other.
    """
    inits = (1e-8, 1e-9)
    covariance, regression, _ = MARGINAL["mae"]
    waits = []
    decade = np.log(inits[0] / inits[1])
    cross = views_of(covariance, regression)[1]
    turn = rotation(delta)
    predictor = np.eye(2)
    if kind == "covariance":
        cross = turn @ cross @ turn.T
    else:
        predictor = turn if kind == "rotated predictor" else np.array([[1, delta], [delta, 1]])
    for init in inits:
        times, _ = solved_run("mae", init, predictor, cross)
        # Since the feature was learned: a perturbation of V(0) moves that time too.
        waits.append(times[1] - times[0])

    def slope(kind):
        offsets = [
            predicted.misalignment_offset(DEPTH, at, *covariance, objective="mae", kind=kind)
            for at in inits
        ]
        return float(offsets[1] - offsets[0]) / decade

    slack = inits[0] ** ((DEPTH - 1) / DEPTH) * -np.log(
        inits[0]
    )  # the rise onto the plateau, relatively
    trial.value(
        rate_of("mae") * (waits[1] - waits[0]) / decade,
        slope(kind),
        error=1e-4,  # of the solver
        slack=slack,
        margin=2 * slack,
        scale=1.0,
        controls={f"as with a {rival}": slope(rival) for rival in get_args(Kind) if rival != kind},
    )
