"""What the scalar equations cannot see: a learned feature is unstable against every one that the
objective prefers.
"""

from itertools import product
from typing import Annotated

import numpy as np
from scipy.linalg import eig

from paper_checks.test_jepa_bias import (
    OBJECTIVES,
    Objective,
    random_rotations,
)
from sims.jepa_bias import matrix_flow, networks
from theory.jepa_bias import data_models, partial_states
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

COVARIANCE = np.array([1.69, 1.0, 1.3])
REGRESSION = np.array([0.6, 0.9, 1.35])  # lambda rho increases too, neither in the order of lambda
LINEARISED = derived(
    "the gradient flow is linearised at a state with some features learned, where only "
    "pairs of features interact"
)
FewLayers = Annotated[int, Interval(2, 5, why="a dense Jacobian of all parameters is taken")]
"""L; with one layer the unlearned features grow by themselves."""
Learned = tuple[Annotated[int, Interval(0, 2, why="three features are numbered")], ...]
"""S, of three features."""


def partial_state(trial, learned, regression, depth, objective):
    """The network in random bases that has learned some features and nothing of the others, and the
    features.
    """
    name = f"{objective}, {depth} layers, {learned}"
    basis = random_rotations(trial.generator(name), len(regression), 1)[0]
    key = trial.key(name)
    state = networks.saddle_state(key, learned, regression, depth, objective, basis=basis)
    return state, basis


def growth_rates(trial, learned, depth, objective):
    """Eigenvalues of the flow at a partial state, by decreasing real part, and the bound on the
    error of each. To first order a simple eigenvalue is off by the rounding of the matrix over the
    cosine between its two eigenvectors.
    """
    state, basis = partial_state(trial, learned, REGRESSION, depth, objective)
    views = data_models.covariances_of_features(COVARIANCE, REGRESSION, basis)
    jacobian = np.asarray(matrix_flow.flow_jacobian(state, *views, objective))
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
def test_saddle_eig(trial, objective: Objective, depth: FewLayers, learned: Learned):
    """Let feature k have the covariance λ_k between its two views, the variance σ_k² and the
    regression coefficient ρ_k = λ_k / σ_k². Linearise the gradient flow with L >= 2 encoder layers
    at a state in which feature j is learned and i is not. Then i replaces j at the rate ρ_j^(2 L -
    1) σ_i² (ρ_i - ρ_j) in JEPA, and in a masked autoencoder at the larger root ν of ν² + ω^L (σ_i²
    + σ_j²) ν = ω^(L-1) σ_i² (λ_i ρ_i - λ_j ρ_j), where ω = ρ_j^(2/(L+1)).

    To first order nothing else grows.
    """
    members = np.isin(np.arange(3), learned)
    rates, rival_rates = (
        partial_states.saddle_rates(members, COVARIANCE, REGRESSION, depth, objective=rule)
        for rule in (objective, "mae" if objective == "jepa" else "jepa")
    )
    pairs = sorted(map(tuple, np.argwhere(rates > 0)), key=lambda pair: -rates[pair])
    trial.require(
        len(pairs) > 0,
        "learned must leave out a feature that is preferred to one in it: else nothing grows",
    )
    values, errors = growth_rates(trial, learned, depth, objective)
    count = len(pairs)
    # Zero is a multiple eigenvalue with Jordan blocks of up to three: it comes out to the cube root
    # of the rounding.
    blur = 3 * (3 * len(values) * 2.0**-53) ** (1 / 3)
    trial.value(
        values[: count + 1].real,
        [*(rates[pair] for pair in pairs), 0.0],
        error=[*errors[:count], blur],
        margin=[*[1e-8] * count, 2 * blur],
        scale=values[0].real,
        controls={
            "one more power of ρ_j": [*(REGRESSION[pair[0]] * rates[pair] for pair in pairs), 0.0],
            "the other objective's rate": [*(rival_rates[pair] for pair in pairs), 0.0],
            "one rate more": [*(rates[pair] for pair in pairs), values[0].real],
        },
    )


@claim(LINEARISED, cases=OBJECTIVES)
def test_saddle_eig__map(trial, objective: Objective, depth: FewLayers = 2):
    """Of the 2^d states in which some of d features are learned, the gradient flow leaves all but
    those in which no feature outside is preferred to one that is learned. JEPA prefers the larger
    regression coefficient ρ, and a masked autoencoder the larger λ ρ, where λ is the covariance of
    the two views of a feature.
    """
    chart = partial_states.stability_map(COVARIANCE, REGRESSION, depth, objective=objective)
    sorted_rho = REGRESSION[np.argsort(np.argsort(COVARIANCE))]
    by_covariance = partial_states.stability_map(COVARIANCE, sorted_rho, depth, objective=objective)
    blur = 3 * (3 * 9 * (depth + 1) * 2.0**-53) ** (1 / 3)
    trial.require(
        np.min(chart.largest_rate[~chart.stable]) > 2 * blur,
        "depth must leave rates above rounding",
    )
    states = [tuple(np.flatnonzero(row).tolist()) for row in chart.learned]
    grows = [growth_rates(trial, state, depth, objective)[0][0].real > blur for state in states]
    controls = {
        "by λ": ~by_covariance.stable,
        "as the scalar equations: only the full state": ~chart.learned.all(axis=1),
        "every one is": np.zeros(8, bool),
    }
    trial.identity(grows, ~chart.stable, ops=0, controls=controls)


@claim(LINEARISED, kind="identity")
def test_saddle_eig__shallow(trial):
    """With one encoder layer, the linearised flow of a masked autoencoder leaves every state in
    which a feature i is not learned: that feature grows at the rate λ_i, the covariance of its two
    views.
    """
    chart = partial_states.stability_map(COVARIANCE, REGRESSION, 1, objective="mae")
    partial = chart.learned[~chart.learned.all(axis=1)]
    states = [tuple(np.flatnonzero(row).tolist()) for row in partial]
    leading = [growth_rates(trial, state, 1, "mae")[0][0].real for state in states]
    saddles = [
        partial_states.saddle_rates(row, COVARIANCE, REGRESSION, 1, objective="mae")
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
def test_saddle_eig__full(trial, depth: FewLayers, objective: Objective):
    """Let feature k have the covariance λ_k between its two views, the variance σ_k² and the
    regression coefficient ρ_k = λ_k / σ_k². At the state in which all features are learned, the
    linearised flow with L encoder layers decays along each pair (i, j) at the rate σ_j² (ρ_i^(2 L +
    1) + ρ_j^(2 L + 1)) / (ρ_i + ρ_j) in JEPA, and σ_j² sum_(k=0)^L ρ_i^(2 (L - k)/(L + 1)) ρ_j^(2
    k/(L + 1)) in a masked autoencoder.
    """
    values, errors = growth_rates(trial, (0, 1, 2), depth, objective)
    rates = partial_states.full_fixed_point_rates(
        COVARIANCE, REGRESSION, depth, objective=objective
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


@claim(LINEARISED, kind="rate", cases=list(product(OBJECTIVES, ("flow", "descent"))))
def test_saddle_eig__growth(
    trial,
    objective: Objective,
    method: matrix_flow.Method,
    depth: Annotated[
        int, Interval(2, 4, why="the rates of deeper JEPA take minutes to be seen")
    ] = 2,
    step: Annotated[
        float, Interval(0.01, 0.15, why="of deeper nets longer steps are unstable")
    ] = 0.1,
):
    """Let a latent unit have learned feature j, and let feature i be preferred to it. Near this
    state the unit's weight on i grows like exp(μ t) in gradient flow, where μ is the rate of the
    linearised flow, and by the factor 1 + η μ in a step η of gradient descent.
    """
    covariance = np.array([1.6, 0.8])
    regression = np.array([0.5, 1.2])
    size = 1e-10
    rate = float(partial_states.saddle_rate(depth, 1.6, 0.5, 0.8, 1.2, objective=objective))
    every = int(np.ceil(3 / (rate * step)))
    window = every * step
    state, basis = partial_state(trial, (0,), regression, depth, objective)
    # A seed of feature 2 in the unit that holds feature 1.
    unit = state.layers[0] @ basis[:, 0]
    first = state.layers[0] + size * np.outer(unit / np.linalg.norm(unit), basis[:, 1])
    views = data_models.covariances_of_features(covariance, regression, basis)
    run = matrix_flow.train(
        state._replace(layers=(first, *state.layers[1:])),
        *views,
        step,
        4 * every,
        every,
        objective,
        basis=basis,
        method=method,
    )
    before, after = np.asarray(run.strengths[-2:, 1])
    # What has been read acts back at second order; what the seed is not of the growing mode has
    # died out.
    error = (size * np.exp(4 * rate * window)) ** 2 + 1e-12
    controls = {"none, as in the scalar equations": 0.0, "one more power of ρ_j": 0.5 * rate}
    if method == "descent":
        controls["e^(μ t)"] = rate
    trial.value(
        np.log(after / before) / window,
        rate if method == "flow" else np.log1p(step * rate) / step,
        error=error,
        slack=(step * rate) ** 4 if method == "flow" else 0.0,  # of the method
        margin=1e-6 * rate,
        controls=controls,
    )
