"""From the network to one scalar equation per feature."""

from typing import Annotated

import jax
import numpy as np

from paper_checks.test_jepa_bias import OBJECTIVES, Covariance, Depth, Objective, aligned_network
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval

Dim = Annotated[int, Interval(1, 16, why="seconds")]
"""d, of the views and of every layer."""
Spread = Annotated[
    float, Interval(0.2, 1, why="a tiny network does not move, a large one too fast for the steps")
]
"""Standard deviation of the entries of a random network."""

_gradients = jax.jit(observed.autodiff_gradients, static_argnames=("objective", "stop_gradient"))
_gradients_by_hand = jax.jit(observed.gradients, static_argnames="objective")


def random_views(rng, dim):
    """Covariances Σ_xx, Σ_yx, Σ_yy of a random Gaussian pair of views: nothing commutes."""
    root = rng.standard_normal((2 * dim, 3 * dim)) / np.sqrt(3 * dim)
    joint = root @ root.T
    return joint[:dim, :dim], joint[dim:, :dim], joint[dim:, dim:]


def random_network(rng, dim, depth, spread):
    """A network in no way balanced or aligned."""
    layers = rng.standard_normal((depth, dim, dim))
    predictor = rng.standard_normal((dim, dim))
    return observed.Parameters(spread * layers, spread * predictor)


def residuals(parameters):
    """W_(a+1)^T W_(a+1) - W_a W_a^T of all neighbouring factors."""
    return np.array(
        predicted.balance_residuals(
            list(np.asarray(parameters.layers)), np.asarray(parameters.predictor)
        )
    )


def drift(parameters, slopes):
    """Return the derivative of the residuals: they are quadratic, so whatever step a central
    difference takes is it.
    """
    size = max(
        np.abs(slope).max() for slope in slopes
    )  # of a step as long as the factors least is lost
    ahead, behind = (
        residuals(
            jax.tree.map(
                lambda at, slope, sign=sign: at + sign / size * np.asarray(slope),
                parameters,
                slopes,
            )
        )
        for sign in (1, -1)
    )
    return (ahead - behind) * size / 2


@claim(
    derived("V^T grad_V = grad_(W_L) W_L^T, and in the same way in all pairs of factors"),
    kind="identity",
    cases=OBJECTIVES,
)
def test_balance_conserved(
    trial, objective: Objective, dim: Dim = 4, depth: Depth = 3, spread: Spread = 0.5
):
    """The gradient leaves W_(a+1)^T W_(a+1) - W_a W_a^T and V^T V - W_L W_L^T where they are, for
    any covariances.
    """
    rng = trial.generator("network")
    parameters = random_network(rng, dim, depth, spread)
    views = random_views(rng, dim)
    slopes = jax.tree.map(np.asarray, _gradients(parameters, *views, objective))
    uneven = slopes._replace(layers=slopes.layers * (1.5 + np.arange(depth))[:, None, None])
    processes = {"the layers at rates of their own": drift(parameters, uneven)}
    if objective == "jepa":
        full_slopes = _gradients(parameters, *views, "jepa", stop_gradient=False)
        processes["without the stop-gradient"] = drift(parameters, full_slopes)
    norms = [np.linalg.norm(factor, 2) for factor in (*parameters.layers, parameters.predictor)]
    steepest = max(np.abs(slope).max() for slope in slopes)
    products = np.prod(np.maximum(1, norms)) ** 2 * sum(np.linalg.norm(view) for view in views)
    scale = steepest * (max(norms) + dim) ** 2 + max(norms) * products
    still = np.zeros((depth, dim, dim))
    trial.identity(
        drift(parameters, slopes),
        still,
        ops=2 * dim * (depth + 2),
        scale=scale,
        control_processes=processes,
    )


@claim(
    derived("the gradient conserves them at every point that the flow passes"),
    kind="identity",
    cases=OBJECTIVES,
)
def test_balance_conserved__flow(
    trial,
    objective: Objective,
    dim: Annotated[int, Interval(2, 16, why="one number may hardly move; seconds")] = 2,
    depth: Annotated[int, Interval(1, 4, why="the steps would have to be shorter")] = 2,
    spread: Annotated[float, Interval(0.3, 0.6, why="less hardly moves, more outruns steps")] = 0.5,
):
    """Along the whole flow from a start neither balanced nor aligned the same residuals stay what
    they were.
    """
    rng = trial.generator("network")
    # A network is as fast as its singular values are large, which grow with the root of dim.
    parameters = random_network(rng, dim, depth, spread * (2 / dim) ** 0.5)
    xx, yx, yy = random_views(rng, dim)
    start = residuals(parameters)
    # Some views relax so fast that this step would be too long for them.
    step = min(0.0025, observed.largest_stable_step(xx, yx, depth, objective) / 20)

    def end(factor, **options):
        stride = 500 // factor
        run = observed.gradient_flow(
            parameters, xx, yx, factor * step, 4 * stride, stride, objective, **options
        )
        return np.asarray(run.balance[-1])

    fine = end(1)
    coarse = end(2)
    processes = (
        {"without the stop-gradient": end(2, stop_gradient=False, Sigma_yy=yy)}
        if objective == "jepa"
        else {}
    )
    # A step twice as long has sixteen times the error.
    error = np.abs(fine - coarse).max() + 1e-13
    controls = {"the residuals die out": np.zeros(start.shape)}
    trial.value(
        fine, start, error=error, margin=1e-5, controls=controls, control_processes=processes
    )


@jax.jit
def _encoder_velocity(parameters, slopes):
    return jax.jvp(observed.encoder, (parameters,), (slopes,))


def decide_velocity(trial, objective, depth, dim):
    """Decide that the projected gradient of the whole network is the scalar velocity on the
    diagonal, zero off it.
    """
    rng = trial.generator("state")
    weights, covariance, away = rng.uniform((0.6, 0.5, 0.2), (1.1, 2.0, 0.6), (dim, 3)).T
    still = weights if objective == "jepa" else weights ** (depth + 1)  # at such ρ nothing moves
    regression = still * np.exp(rng.choice((-1, 1), dim) * away)
    parameters, features = aligned_network(rng, weights, depth, objective)
    views = predicted.covariances_of_features(covariance, regression, features)
    slopes = _gradients_by_hand(parameters, *views, objective)
    encoder, encoder_velocity = (np.asarray(part) for part in _encoder_velocity(parameters, slopes))
    measured = -encoder.T @ encoder_velocity
    strength = weights**depth
    rival = "mae" if objective == "jepa" else "jepa"

    def on_diagonal(rule, clock):
        return np.diag(
            strength
            * predicted.velocity(
                strength, depth, covariance, regression, objective=rule, clock=clock
            )
        )

    def on_clocks(flow):
        return np.stack([flow, flow / depth])  # t_paper = L t_flow

    power = (3 if objective == "jepa" else 2) - 2 / depth
    wrong_power = depth * (covariance * strength**power - covariance / regression * strength**3)
    controls = {
        "exponents of the other objective": on_clocks(on_diagonal(rival, "flow")),
        "3 - 2/L and 2 - 2/L": on_clocks(np.diag(strength * wrong_power)),
    }
    if depth > 1:
        controls["the clock's factor L dropped"] = np.stack([on_diagonal(objective, "paper")] * 2)
    # Every term is at most this: depth of them, each a product of two encoders, one predictor and a
    # covariance.
    reach = max(1.0, weights.max()) ** (4 * depth + 2)
    trial.identity(
        on_clocks(features.T @ measured @ features),
        np.stack([on_diagonal(objective, clock) for clock in ("flow", "paper")]),
        ops=dim * (5 * depth + 10),
        scale=depth * reach * (covariance.max() + (covariance / regression).max()),
        controls=controls,
        control_processes={"seen in the coordinates": on_clocks(measured)} if dim > 1 else {},
    )


@claim(
    paper("Equation (7), as a public formalisation quotes it"), kind="identity", cases=(1, 2, 3, 6)
)
def test_ode_jepa(trial, depth: Depth, dim: Dim = 3):
    """On aligned balanced networks JEPA moves every feature as dw/dt = λ w^(3 - 1/L) - (λ / ρ)
    w^3.
    """
    decide_velocity(trial, "jepa", depth, dim)


@claim(
    paper("Equation (8), as a public formalisation quotes it"), kind="identity", cases=(1, 2, 3, 6)
)
def test_ode_mae(trial, depth: Depth, dim: Dim = 3):
    """On aligned balanced networks MAE moves every feature as dw/dt = λ w^(2 - 1/L) - (λ / ρ)
    w^3.
    """
    decide_velocity(trial, "mae", depth, dim)


@claim(
    derived("the right-hand sides of equations (7) and (8) vanish there"),
    kind="identity",
    cases=[(objective, depth) for objective in OBJECTIVES for depth in (2, 3, 6)],
    route="`predicted.end_to_end_asymptote` against `predicted.asymptote`; gradients against zero",
)
def test_fixed_points(
    trial,
    objective: Objective,
    depth: Annotated[int, Interval(2, 8, why="a cap, which nothing requires")],
    covariance: Covariance = 1.3,
):
    """The gradient vanishes at w-bar = ρ^L (JEPA), ρ^(L/(L+1)) (MAE), whatever λ; V w-bar =
    ρ^(L+1), ρ.
    """
    regression = np.array([0.3, 0.7, 1.4])
    rng = trial.generator("bases")

    def network(strength):
        return aligned_network(rng, strength ** (1 / depth), depth, objective)

    def slope(strength):
        parameters, features = network(strength)
        views = predicted.covariances_of_features(np.full(3, covariance), regression, features)
        return np.asarray(_gradients_by_hand(parameters, *views, objective).predictor)

    asymptote = predicted.asymptote(depth, regression, objective=objective)
    scale = 1.4 ** (2 * depth + 1) * covariance / 0.3
    processes = {"rho": slope(regression), "rho^(1/L)": slope(regression ** (1 / depth))}
    trial.identity(
        slope(asymptote),
        np.zeros((3, 3)),
        ops=3 * (4 * depth + 6),
        scale=scale,
        control_processes=processes,
    )
    parameters, _ = network(asymptote)
    spectrum = np.linalg.svd(
        np.asarray(parameters.predictor @ observed.encoder(parameters)), compute_uv=False
    )[::-1]
    jepa_end, mae_end = (
        predicted.end_to_end_asymptote(depth, regression, objective=rule) for rule in OBJECTIVES
    )
    right, rival = (jepa_end, mae_end) if objective == "jepa" else (mae_end, jepa_end)
    trial.identity(
        spectrum,
        right,
        ops=3 * (depth + 10),
        scale=1.4 ** (depth + 1),
        controls={"the other's": rival},
    )
