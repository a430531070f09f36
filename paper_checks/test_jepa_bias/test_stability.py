"""What the scalar equations cannot see: a learned feature is unstable against every one that the
objective prefers.
"""

from itertools import product
from math import factorial
from typing import Annotated, Any

import numpy as np
from scipy.linalg import eig
from scipy.optimize import brentq

from paper_checks.test_jepa_bias import OBJECTIVES, Objective, aligned_network
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

COVARIANCE = np.array([1.69, 1.0, 1.3])
REGRESSION = np.array([0.6, 0.9, 1.35])  # lambda rho increases too, neither in the order of lambda

LINEARISED = derived(
    "by linearising the matrix flow at a partial state, where only pairs of features couple"
)
DeepDepth = Annotated[int, Interval(2, 5, why="a dense Jacobian of all parameters is taken")]
"""L; with one layer the unlearned features grow by themselves."""
Learned = tuple[Annotated[int, Interval(0, 2, why="three features are numbered")], ...]
"""S, of three features."""


def partial_state(rng, learned, regression, depth, objective):
    """The network in random bases that has learned some features and nothing of the others, and the
    features.
    """
    weights = predicted.asymptote(depth, regression, objective=objective) ** (1 / depth)
    weights = np.where(np.isin(np.arange(len(regression)), learned), weights, 0)
    return aligned_network(rng, weights, depth, objective)


def growth_rates(trial, learned, depth, objective):
    """Eigenvalues of the flow at a partial state, by decreasing real part, and the bound on the
    error of each. To first order a simple eigenvalue is off by the rounding of the matrix over the
    cosine between its two eigenvectors.
    """
    rng = trial.generator(f"{objective}, {depth} layers, {learned}")
    state, basis = partial_state(rng, learned, REGRESSION, depth, objective)
    views = predicted.covariances_of_features(COVARIANCE, REGRESSION, basis)
    jacobian = np.asarray(observed.flow_jacobian(state, *views, objective))
    values, left, right = eig(jacobian, left=True, right=True)
    cosines = np.abs(np.sum(left.conj() * right, axis=0))
    with np.errstate(divide="ignore"):
        errors = 3 * len(jacobian) * 2.0**-53 * np.linalg.norm(jacobian) / cosines
    order = np.argsort(-values.real)
    return values[order], errors[order]


@claim(
    LINEARISED,
    kind="identity",
    cases=[*product(OBJECTIVES, (2, 3), ((0,), (0, 1))), *product(OBJECTIVES, (4,), ((0,), (1,)))],
)
def test_saddle_eig(trial, objective: Objective, depth: DeepDepth, learned: Learned):
    """Out of a partial state i displaces j at the rate ρ_j^(2L-1) σ_i^2 (ρ_i - ρ_j) (JEPA), all
    else stays.

    MAE: the larger root ν of ν^2 + ω^L (σ_i^2 + σ_j^2) ν = ω^(L-1) σ_i^2 (λ_i ρ_i -
    λ_j ρ_j), ω = ρ_j^(2/(L+1)). On the paper's clock both are divided by L.
    """
    members = np.isin(np.arange(3), learned)
    rates, rival_rates = (
        predicted.saddle_rates(
            members, COVARIANCE, REGRESSION, depth, objective=rule, clock="paper"
        )
        for rule in (objective, "mae" if objective == "jepa" else "jepa")
    )
    pairs = sorted(map(tuple, np.argwhere(rates > 0)), key=lambda pair: -rates[pair])
    trial.require(
        len(pairs) > 0,
        "learned must leave out a feature that is preferred to one in it: else nothing grows",
    )
    # L units of the paper's clock are one of the flow's.
    values, errors = (
        np.asarray(part) / depth for part in growth_rates(trial, learned, depth, objective)
    )
    count = len(pairs)
    laws = {
        "one more power of ρ_j": [REGRESSION[pair[0]] * rates[pair] for pair in pairs],
        "the other objective's rate": [rival_rates[pair] for pair in pairs],
    }
    trial.value(
        values[:count].real,
        [rates[pair] for pair in pairs],
        error=errors[:count],
        margin=1e-8,
        controls=laws,
    )
    # Zero is a multiple eigenvalue with Jordan blocks of up to three: it comes out to the cube root
    # of the rounding.
    blur = 3 * (3 * len(values) * 2.0**-53) ** (1 / 3) / depth
    leading = values[0].real
    laws = {"one rate more": leading}
    trial.value(
        values[count].real, 0.0, error=blur, margin=2 * blur, scale=leading, control_processes=laws
    )


STATES = [tuple(np.flatnonzero(state).tolist()) for state in product([False, True], repeat=3)]


def unstable(chart):
    """Return which of the states a chart holds for unstable, as 0 and 1."""
    rows = [np.all(chart.learned == np.isin(np.arange(3), state), axis=1) for state in STATES]
    return [int(not chart.stable[row][0]) for row in rows]


@claim(LINEARISED, kind="identity", cases=OBJECTIVES)
def test_saddle_eig__map(trial, objective: Objective, depth: DeepDepth = 2):
    """Of 2^d partial states only those of the most preferred features are stable, by ρ (JEPA) or λ
    ρ (MAE).
    """
    chart = predicted.stability_map(COVARIANCE, REGRESSION, depth, objective=objective)
    sorted_rho = REGRESSION[np.argsort(np.argsort(COVARIANCE))]
    by_covariance = predicted.stability_map(COVARIANCE, sorted_rho, depth, objective=objective)
    blur = 3 * (3 * 9 * (depth + 1) * 2.0**-53) ** (1 / 3)
    trial.require(
        np.min(chart.largest_rate[~chart.stable]) > 2 * blur,
        "depth must leave rates above rounding",
    )
    grows = [growth_rates(trial, state, depth, objective)[0][0].real > blur for state in STATES]
    controls = {
        "by λ": unstable(by_covariance),
        "as the scalar equations: only the full state": [int(len(state) < 3) for state in STATES],
        "every one is": np.zeros(8, int),
    }
    trial.identity(np.array(grows, int), unstable(chart), ops=0, controls=controls)
    rows = [
        not predicted.is_stable(row, COVARIANCE, REGRESSION, depth, objective=objective)
        for row in chart.learned
    ]
    trial.identity(~chart.stable, rows, ops=0, controls={"every one is": np.zeros(8, bool)})


@claim(LINEARISED, kind="identity")
def test_saddle_eig__shallow(trial):
    """With one layer MAE leaves every state but the full one: what is not learned grows by itself,
    at λ_i.
    """
    chart = predicted.stability_map(COVARIANCE, REGRESSION, 1, objective="mae")
    partial = chart.learned[~chart.learned.all(axis=1)]
    leading = [growth_rates(trial, np.flatnonzero(state), 1, "mae")[0][0].real for state in partial]
    saddles = [
        predicted.saddle_rates(row, COVARIANCE, REGRESSION, 1, objective="mae", clock="flow")
        for row in partial
    ]
    trial.value(
        leading,
        chart.largest_rate[~chart.learned.all(axis=1)],
        error=1e-12,  # the Jacobian is symmetric, a Hessian
        margin=1e-8,
        controls={"as with more layers": np.nanmax(np.nan_to_num(saddles), axis=(1, 2))},
    )


@claim(LINEARISED, kind="identity", cases=list(product((2, 3), OBJECTIVES)))
def test_saddle_eig__full(trial, depth: DeepDepth, objective: Objective):
    """All learned, JEPA relaxes at σ_j^2 (ρ_i^(2L+1) + ρ_j^(2L+1)) / (ρ_i + ρ_j), MAE at its own
    rates.
    """
    values, errors = growth_rates(trial, (0, 1, 2), depth, objective)
    values = values / depth
    errors = errors / depth  # L units of the paper's clock are one of the flow's
    rates = predicted.full_fixed_point_rates(
        COVARIANCE, REGRESSION, depth, objective=objective, clock="paper"
    )
    # As if every entry (i, j) relaxed like the diagonal one of j.
    one_term = np.sort(np.repeat(np.diag(rates), 3))
    measured = values.real[::-1][:9]
    exact = np.sort(rates.ravel())
    trial.value(
        measured,
        exact,
        error=errors[::-1][:9],
        margin=1e-8,
        controls={"the scalar rates": one_term},
    )


@claim(LINEARISED, kind="identity", cases=list(product((2, 3), OBJECTIVES)))
def test_saddle_eig__step(trial, depth: DeepDepth, objective: Objective):
    """All learned, descent stays up to the step 2 over the largest rate, Runge and Kutta's method
    up to 2.785.
    """
    values, errors = growth_rates(trial, (0, 1, 2), depth, objective)
    # A step multiplies a mode by so many terms of the exponential series.
    reach = np.array(
        [
            brentq(
                lambda z, last=last: (
                    sum((-z) ** k / factorial(k) for k in range(last + 1)) ** 2 - 1
                ),
                1.9,
                2.9,
            )
            for last in (1, 4)
        ]
    )
    options: dict[str, Any] = {"objective": objective, "clock": "flow"}
    euler = predicted.largest_stable_step(COVARIANCE, REGRESSION, depth, method="euler", **options)
    rk4 = predicted.largest_stable_step(COVARIANCE, REGRESSION, depth, method="rk4", **options)
    steps = reach / -values[-1].real
    scalar = np.diag(predicted.full_fixed_point_rates(COVARIANCE, REGRESSION, depth, **options))
    error = steps * (errors[-1] / np.abs(values[-1]) + 1e-11)  # of the root-finder
    controls = {"the scalar rates": reach / -scalar.min(), "one over the rate": steps / 2}
    trial.value(steps, [euler, rk4], error=error, margin=1e-8, controls=controls)


def grown(trial, method, objective, depth, regression, every, step, size):
    """Return by what power of e a seed of feature 2 in the unit that holds feature 1 grows over the
    last window.
    """
    covariance = np.array([1.6, 0.8])
    state, basis = partial_state(trial.generator("state"), (0,), regression, depth, objective)
    views = predicted.covariances_of_features(covariance, regression, basis)
    layers = np.array(state.layers)
    unit = layers[0] @ basis[:, 0]
    layers[0] += size * np.outer(unit / np.linalg.norm(unit), basis[:, 1])
    seed_state = state._replace(layers=layers)
    run = method(seed_state, *views, step, 4 * every, every, objective, basis=basis)
    before, after = np.asarray(run.strengths[-2:, 1])
    return np.log(after / before)


@claim(LINEARISED, kind="rate", cases=OBJECTIVES)
def test_saddle_eig__growth(
    trial,
    objective: Objective,
    depth: Annotated[
        int, Interval(2, 4, why="the rates of deeper JEPA take minutes to be seen")
    ] = 2,
    step: Annotated[
        float, Interval(0.01, 0.15, why="of deeper nets longer steps are unstable")
    ] = 0.1,
):
    """On the plateau what a latent unit reads of a preferred feature grows as e^(μ t), in the flow
    and in descent.
    """
    regression = np.array([0.5, 1.2])
    size = 1e-10
    rate = float(
        predicted.saddle_rate(depth, 1.6, 0.5, 0.8, 1.2, objective=objective, clock="flow")
    )
    stride = int(np.ceil(3 / (rate * step)))
    window = stride * step
    args = objective, depth, regression, stride, step, size
    # What has been read acts back at second order; what the seed is not of the growing mode has
    # died out.
    error = (size * np.exp(4 * rate * window)) ** 2 + 1e-12
    controls = {"none, as in the scalar equations": 0.0, "one more power of ρ_j": 0.5 * rate}
    growth = grown(trial, observed.gradient_flow, *args) / window
    slack = (step * rate) ** 4  # of the method
    trial.value(growth, rate, error=error, slack=slack, margin=1e-6 * rate, controls=controls)
    # A step of descent multiplies by 1 + eta mu.
    growth = grown(trial, observed.gradient_descent, *args) / window
    exact = np.log1p(step * rate) / step
    trial.value(
        growth, exact, error=error, margin=1e-6 * rate, controls=controls | {"e^(μ t)": rate}
    )
