"""What the scalar equations cannot see: a learned feature is unstable against every one that the
objective prefers.
"""

from itertools import product
from typing import Annotated

import numpy as np

from paper_checks.test_jepa_bias import OBJECTIVES, Objective, eigenvalues, random_rotations
from sims.jepa_bias import matrix_flow, networks
from theory.jepa_bias import data_models, partial_states
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

COVARIANCE = np.array([1.69, 1.0, 1.3])
# λ ρ increases with ρ; the order of λ is another.
REGRESSION = np.array([0.6, 0.9, 1.35])
LINEARISED = derived(
    "the gradient flow is linearised at a state with some features learned, where only "
    "pairs of features interact"
)
FewLayers = Annotated[int, Interval(2, 5, why="a dense Jacobian of all parameters is taken")]
"""L; with one layer the unlearned features grow by themselves."""
Learned = tuple[Annotated[int, Interval(0, 2, why="three features are numbered")], ...]
"""The features that a state has learned, of three."""


def growth_rates(trial, learned, depth, objective):
    """Return the eigenvalues of the flow where some features are learned, by decreasing real part,
    and bounds on their errors, two arrays. The network is in random bases.
    """
    name = f"{objective}, {depth} layers, {learned}"
    basis = random_rotations(trial.generator(name), 3, 1)[0]
    state = networks.saddle_state(
        trial.key(name), learned, REGRESSION, depth, objective, basis=basis
    )
    views = data_models.covariances_of_features(COVARIANCE, REGRESSION, basis)
    return eigenvalues(matrix_flow.flow_jacobian(state, *views, objective))


def blur_of_zero(count):
    """Return how far from 0 the eigenvalue 0 of `count` parameters may come out. It is a multiple
    one with Jordan blocks of up to three, and so it is off by the cube root of the rounding.
    """
    return 3 * (3 * count * 2.0**-53) ** (1 / 3)


@claim(
    LINEARISED,
    kind="identity",
    cases=[*product(OBJECTIVES, (2, 3), ((0,), (0, 1))), *product(OBJECTIVES, (4,), ((0,), (1,)))],
)
def test_saddle_eig(trial, objective: Objective, depth: FewLayers, learned: Learned):
    """Let feature $k$ have the covariance $λ_k$ between its two views, the variance $σ_k²$ and the
    regression coefficient $ρ_k = λ_k / σ_k²$. Linearise the gradient flow with $L >= 2$ encoder
    layers at a state in which feature $j$ is learned and $i$ is not. Then $i$ replaces $j$ at the
    rate $ρ_j^(2 L - 1) σ_i² (ρ_i - ρ_j)$ in JEPA, and in a masked autoencoder at the larger root
    $ν$ of $ν² + ω^L (σ_i² + σ_j²) ν = ω^(L-1) σ_i² (λ_i ρ_i - λ_j ρ_j)$, where $ω = ρ_j^(2/(L+1))$.

    To first order nothing else grows.
    """
    members = np.isin(np.arange(3), learned)
    other_objective: Objective = "mae" if objective == "jepa" else "jepa"
    # Entry (j, i) is the rate at which i replaces j, NaN unless j is learned and i is not.
    rates, other_rates = (
        partial_states.saddle_rates(members, COVARIANCE, REGRESSION, depth, objective=rule)
        for rule in (objective, other_objective)
    )
    pairs = sorted(map(tuple, np.argwhere(rates > 0)), key=lambda pair: -rates[pair])
    trial.require(
        len(pairs) > 0,
        "learned must leave out a feature that is preferred to one in it: else nothing grows",
    )
    values, errors = growth_rates(trial, learned, depth, objective)
    growing = [rates[pair] for pair in pairs]
    count = len(growing)
    blur = blur_of_zero(len(values))
    trial.value(
        values[: count + 1].real,
        # The next one is 0: nothing else grows.
        [*growing, 0.0],
        error=[*errors[:count], blur],
        margin=[*[1e-8] * count, 2 * blur],
        scale=values[0].real,
        controls={
            "one more power of $ρ_j$": [*(REGRESSION[j] * rates[j, i] for j, i in pairs), 0.0],
            "the other objective's rate": [*(other_rates[pair] for pair in pairs), 0.0],
            "one more direction grows": [*growing, values[0].real],
        },
        generic="eigenvalues are analytic in the rotations, and do not depend on them",
    )


@claim(LINEARISED, cases=OBJECTIVES)
def test_saddle_eig__map(trial, objective: Objective, depth: FewLayers = 2):
    """With $L >= 2$ encoder layers, the linearised gradient flow leaves, of the $2^d$ states in
    which some of $d$ features are learned, all but those in which no feature outside is preferred
    to one that is learned. JEPA prefers the larger regression coefficient $ρ$, and a masked
    autoencoder the larger $λ ρ$, where $λ$ is the covariance of the two views of a feature.
    """
    chart = partial_states.stability_map(COVARIANCE, REGRESSION, depth, objective=objective)
    # The same ρ, given in the order of λ, make both objectives prefer the larger λ.
    rho_by_covariance = REGRESSION[np.argsort(np.argsort(COVARIANCE))]
    by_covariance = partial_states.stability_map(
        COVARIANCE, rho_by_covariance, depth, objective=objective
    )
    blur = blur_of_zero(9 * (depth + 1))
    trial.require(
        np.min(chart.largest_rate[~chart.stable]) > 2 * blur,
        "depth must leave rates above rounding",
    )
    states = [tuple(np.flatnonzero(row).tolist()) for row in chart.learned]
    grows = [growth_rates(trial, state, depth, objective)[0][0].real > blur for state in states]
    controls = {
        "the larger $λ$ is preferred": ~by_covariance.stable,
        "only the full state is not left, as in the scalar equations": ~chart.learned.all(axis=1),
        "no state is left": np.zeros(8, bool),
    }
    trial.identity(
        grows,
        ~chart.stable,
        ops=0,
        controls=controls,
        generic="eigenvalues are analytic in the rotations, and do not depend on them",
    )


@claim(LINEARISED, kind="identity")
def test_saddle_eig__shallow(trial):
    """With one encoder layer, the linearised flow of a masked autoencoder leaves every state in
    which some feature is not learned. The fastest growth there has the rate $λ$, the covariance of
    its two views, of the feature that has the largest $λ$ of those not learned.
    """
    chart = partial_states.stability_map(COVARIANCE, REGRESSION, 1, objective="mae")
    is_partial = ~chart.learned.all(axis=1)
    partial = chart.learned[is_partial]
    states = [tuple(np.flatnonzero(row).tolist()) for row in partial]
    leading = [growth_rates(trial, state, 1, "mae")[0][0].real for state in states]
    saddles = partial_states.saddle_rates(partial, COVARIANCE, REGRESSION, 1, objective="mae")
    trial.value(
        leading,
        chart.largest_rate[is_partial],
        error=1e-12,  # the Jacobian is symmetric, a Hessian
        margin=1e-8,
        controls={
            "the rates of replacement alone, as with more layers": np.nan_to_num(saddles).max(
                axis=(1, 2)
            )
        },
        generic="eigenvalues are analytic in the rotations, and do not depend on them",
    )
