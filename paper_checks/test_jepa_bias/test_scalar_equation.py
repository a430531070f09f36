"""From the network to one scalar equation per feature, and that equation solved: when a feature
reaches a given strength, exactly and as ε -> 0.
"""

from itertools import product
from typing import Annotated, Literal

import jax
import mpmath
import numpy as np

from paper_checks.test_jepa_bias import (
    HALVINGS,
    OBJECTIVES,
    QUADRATURE_ERROR,
    THEOREM,
    Covariance,
    DeepDepth,
    Depth,
    Fraction,
    Objective,
    Problems,
    Regression,
    Start,
    aligned_network,
    apart,
    exact_time,
    require_below,
    rise_times,
)
from sims.jepa_bias import networks, scalar_flow
from theory.jepa_bias import data_models, learning_order, learning_times
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval

Dim = Annotated[int, Interval(1, 16, why="seconds")]
"""d, of the views and of every layer."""

_gradients = jax.jit(networks.gradients, static_argnames="objective")


def random_views(rng, dim):
    """Covariances Σ_xx, Σ_yx, Σ_yy of a random Gaussian pair of views: nothing commutes."""
    root = rng.standard_normal((2 * dim, 3 * dim)) / np.sqrt(3 * dim)
    joint = root @ root.T
    return joint[:dim, :dim], joint[dim:, :dim], joint[dim:, dim:]


@claim(
    derived("V^T grad_V = grad_(W_L) W_L^T, and in the same way in all pairs of factors"),
    cases=OBJECTIVES,
)
def test_balance_conserved(
    trial,
    objective: Objective,
    dim: Dim = 4,
    depth: Depth = 3,
    spread: Annotated[float, Interval(0.2, 1, why="of order one, like the covariances")] = 0.5,
):
    """Gradient flow conserves W_(a+1)^T W_(a+1) - W_a W_a^T of neighbouring encoder layers, and V^T
    V - W_L W_L^T of predictor and last layer, for any covariances and from any start: the gradient
    has no component that changes them.

    `spread` is the standard deviation of the entries of a random network.
    """
    rng = trial.generator("network")
    *layers, predictor = spread * rng.standard_normal((depth + 1, dim, dim))
    parameters = networks.Parameters(tuple(layers), predictor)
    xx, yx, yy = random_views(rng, dim)
    slopes = jax.tree.map(np.asarray, _gradients(parameters, xx, yx, objective))
    uneven = tuple(slope * (1.5 + a) for a, slope in enumerate(slopes.layers))

    def drift(slopes):
        return np.array(jax.jvp(networks.balance, (parameters,), (slopes,))[1])

    processes = {"the layers at rates of their own": drift(slopes._replace(layers=uneven))}
    if objective == "jepa":
        full_slopes = _gradients(parameters, xx, yx, "jepa", Sigma_yy=yy)
        processes["without the stop-gradient"] = drift(full_slopes)
    norms = [np.linalg.norm(factor, 2) for factor in (*layers, predictor)]
    products = np.prod(np.maximum(1, norms)) ** 2 * sum(map(np.linalg.norm, (xx, yx, yy)))
    trial.identity(
        drift(slopes),
        np.zeros((depth, dim, dim)),
        ops=2 * dim * (depth + 2),
        scale=max(norms) * products,
        control_processes=processes,
    )


@jax.jit
def _encoder_velocity(parameters, slopes):
    return jax.jvp(networks.encoder, (parameters,), (slopes,))


def decide_velocity(trial, objective, depth, dim):
    """Decide that the projected gradient of the whole network is the scalar velocity on the
    diagonal, zero off it.
    """
    rng = trial.generator("state")
    weights, covariance, away = rng.uniform((0.6, 0.5, 0.2), (1.1, 2.0, 0.6), (dim, 3)).T
    still = weights if objective == "jepa" else weights ** (depth + 1)  # at such ρ nothing moves
    regression = still * np.exp(rng.choice((-1, 1), dim) * away)
    parameters, features = aligned_network(trial, weights, depth, objective)
    views = data_models.covariances_of_features(covariance, regression, features)
    slopes = _gradients(parameters, *views, objective)
    encoder, encoder_velocity = (np.asarray(part) for part in _encoder_velocity(parameters, slopes))
    measured = -encoder.T @ encoder_velocity
    strength = weights**depth

    def on_diagonal(rule):
        speed = learning_times.velocity(strength, depth, covariance, regression, objective=rule)
        return np.diag(strength * speed)

    power = (3 if objective == "jepa" else 2) - 2 / depth
    wrong_power = depth * (covariance * strength**power - covariance / regression * strength**3)
    controls = {
        "exponents of the other objective": on_diagonal("mae" if objective == "jepa" else "jepa"),
        "3 - 2/L and 2 - 2/L": np.diag(strength * wrong_power),
    }
    if depth > 1:
        controls["without the factor L"] = on_diagonal(objective) / depth
    # Every term is at most this: depth of them, each a product of two encoders, one predictor and a
    # covariance.
    reach = max(1.0, weights.max()) ** (4 * depth + 2)
    trial.identity(
        features.T @ measured @ features,
        on_diagonal(objective),
        ops=dim * (5 * depth + 10),
        scale=depth * reach * (covariance.max() + (covariance / regression).max()),
        controls=controls,
        control_processes={"seen in the coordinates": measured} if dim > 1 else {},
    )


@claim(
    paper("Equation (7), as a public formalisation quotes it"), kind="identity", cases=(1, 2, 3, 6)
)
def test_ode_jepa(trial, depth: Depth, dim: Dim = 3):
    """From an aligned balanced start, the strength w of a feature in JEPA of L layers follows dw/dt
    = L (λ w^(3 - 1/L) - (λ / ρ) w^3), where λ is the covariance of its two views and ρ its
    regression coefficient; the paper's clock runs L times as fast.
    """
    decide_velocity(trial, "jepa", depth, dim)


@claim(
    paper("Equation (8), as a public formalisation quotes it"), kind="identity", cases=(1, 2, 3, 6)
)
def test_ode_mae(trial, depth: Depth, dim: Dim = 3):
    """From an aligned balanced start, the strength w of a feature in MAE of L layers follows dw/dt
    = L (λ w^(2 - 1/L) - (λ / ρ) w^3), where λ is the covariance of its two views and ρ its
    regression coefficient; the paper's clock runs L times as fast.
    """
    decide_velocity(trial, "mae", depth, dim)


@claim(
    derived("the right-hand sides of equations (7) and (8) vanish there"),
    cases=[(objective, depth) for objective in OBJECTIVES for depth in (2, 3, 6)],
)
def test_fixed_points(
    trial,
    objective: Objective,
    depth: Annotated[int, Interval(2, 8, why="a cap, which nothing requires")],
    covariance: Covariance = 1.3,
):
    """The gradient vanishes where a feature of regression coefficient ρ has the strength ρ^L in
    JEPA of L layers and ρ^(L/(L+1)) in MAE, whatever its covariance λ is.
    """
    regression = np.array([0.3, 0.7, 1.4])

    def slope(strength):
        parameters, features = aligned_network(trial, strength ** (1 / depth), depth, objective)
        views = data_models.covariances_of_features(np.full(3, covariance), regression, features)
        return np.asarray(_gradients(parameters, *views, objective).predictor)

    asymptote = learning_times.asymptote(depth, regression, objective=objective)
    scale = 1.4 ** (2 * depth + 1) * covariance / 0.3
    processes = {"rho": slope(regression), "rho^(1/L)": slope(regression ** (1 / depth))}
    trial.identity(
        slope(asymptote),
        np.zeros((3, 3)),
        ops=3 * (4 * depth + 6),
        scale=scale,
        control_processes=processes,
    )


def random_problems(rng, count, objective):
    """Return p, ε, L, λ and ρ of random features, which start one to three decades below their
    target.
    """
    depth = rng.integers(1, 9, count)
    # At rho = 1 no power shows
    regression = np.exp(rng.choice([-1, 1], count) * rng.uniform(0.1, np.log(2), count))
    covariance = rng.uniform(0.3, 3, count)
    fraction = rng.uniform(0.1, 0.95, count)
    limit = learning_times.asymptote(depth, regression, objective=objective)
    return (
        fraction,
        fraction * limit * 10 ** -rng.uniform(1, 3, count),
        depth,
        covariance,
        regression,
    )


def wrong_times(objective, fraction, init, depth, covariance, regression, time):
    """Return wrong closed forms of the time to a fraction of the asymptote, one problem each."""
    if objective == "mae":
        return {"prefactor ρ^(-L/(L+1))": time * regression ** (-1 / (depth + 1))}
    start = init ** (1 / depth)
    end = fraction ** (1 / depth) * regression
    n = np.arange(1, 2 * depth.max())[:, None]
    powers = np.where(
        n < 2 * depth, (start**-n - end**-n) / (n * regression ** (2 * depth - 1.0 - n)), 0.0
    )
    terms = powers / covariance
    slowest = np.take_along_axis(terms, 2 * depth[None] - 2, axis=0)[0]
    return {
        "no slowest power": time - slowest,
        "ρ^(2L-n) in the sum": time + (1 / regression - 1) * terms.sum(axis=0),
    }


def decide_solved(trial, objective, count):
    """Decide the closed form of the time against a stiff solver, on four strengths of every
    rise.
    """
    fraction, init, depth, covariance, regression = random_problems(
        trial.generator("solved"), count, objective
    )
    start = init / learning_times.asymptote(depth, regression, objective=objective)
    shares = (fraction * (start / fraction) ** np.array([[0.75], [0.5], [0.25], [0.0]])).T.ravel()
    init, *problem = (np.repeat(part, 4) for part in (init, depth, covariance, regression))
    times = learning_times.critical_time(shares, init, *problem, objective=objective)
    strengths = [
        scalar_flow.simulate_flow(
            problem[0][k],
            init[k],
            problem[1][k],
            problem[2][k],
            times[k : k + 4],
            objective=objective,
        )
        for k in range(0, 4 * count, 4)
    ]
    targets = shares * learning_times.asymptote(problem[0], problem[2], objective=objective)
    # When the solver's strength passes the target: the two differ by so little that one tangent is
    # enough.
    crossing_times = times + (targets - np.concatenate(strengths)) / learning_times.velocity(
        targets, *problem, objective=objective
    )
    quadrature = rise_times(shares, problem[0], init, *problem[1:], objective)
    # What the solver may be off is seen from the other simulator, which steps through strengths,
    # not time.
    error = np.abs(crossing_times - quadrature) + 2 * QUADRATURE_ERROR * times
    controls = wrong_times(objective, shares, init, *problem, times)
    trial.value(crossing_times, times, error=error, margin=1e-8 * times, controls=controls)


def exact_passage(start, end, depth, covariance, regression, objective):
    """Return the time between two strengths on one side of the asymptote, by quadrature in 25
    digits.
    """
    with mpmath.workdps(25):
        power = 2 - mpmath.mpf(1) / depth - (objective == "mae")

        def pace(log_strength):  # dt / d log w of equations (7) and (8)
            rise = mpmath.exp(power * log_strength) - mpmath.exp(2 * log_strength) / regression
            return 1 / (rise * covariance * depth)

        panels = mpmath.linspace(mpmath.log(start), mpmath.log(end), 4)
        return float(mpmath.quad(pace, panels, method="gauss-legendre"))


Side = Literal["rises", "falls"]
Passages = Annotated[int, Interval(1, 100, why="each is drawn")]
BOTH_SIDES = list(product(OBJECTIVES, ("rises", "falls")))


def passages(trial, objective, side, count):
    """Return strengths to start from and to reach, the problems, and the times between by
    quadrature.
    """
    rng = trial.generator("passages")
    _, _, depth, covariance, regression = random_problems(rng, count, objective)
    limit = learning_times.asymptote(depth, regression, objective=objective)
    away = limit * np.exp(rng.uniform(0.1, 1, count) * (1 if side == "falls" else -1))
    # Some so near each other that a quotient of theirs would leave few digits of its logarithm.
    start = away * np.exp(np.geomspace(1e-5, 2, count) * (1 if side == "falls" else -1))
    problem = (depth, covariance, regression)
    cells = zip(start, away, *problem, [objective] * count, strict=True)
    return start, away, problem, np.array([exact_passage(*cell) for cell in cells])


@claim(
    derived("the variables of equations (7) and (8) separate on either side of the asymptote"),
    kind="identity",
    cases=BOTH_SIDES,
)
def test_exact_time__passage(trial, objective: Objective, side: Side, count: Passages = 8):
    """The closed form times the passage between any two strengths on one side of the asymptote."""
    start, away, problem, exact = passages(trial, objective, side, count)
    _, covariance, regression = problem
    times = learning_times.time_to_reach(away, start, *problem, objective=objective)
    controls = {"one more power of ρ": times * regression, "whatever λ": times * covariance}
    trial.value(
        exact,
        times,
        error=2.0**-52 * times,
        margin=1e-12 * times,
        controls=controls,
    )


@claim(
    derived("the times of passages, inverted"),
    kind="identity",
    cases=BOTH_SIDES,
)
def test_exact_time__strength(trial, objective: Objective, side: Side, count: Passages = 8):
    """The inverse of the closed form is the strength at a time, on either side of the asymptote."""
    start, away, problem, exact = passages(trial, objective, side, count)
    limit = learning_times.asymptote(problem[0], problem[2], objective=objective)
    pace = np.abs(learning_times.velocity(away, *problem, objective=objective))
    trial.value(
        learning_times.strength_at(exact, start, *problem, objective=objective),
        away,
        error=1e-12 * pace * exact + 2.0**-48 * away,
        margin=1e-11 * away,
        controls={"the asymptote": limit, "the start": start},
    )


@claim(paper("Theorem 4.4, as a public formalisation quotes it"), kind="identity")
def test_exact_time_jepa(trial, n_problems: Problems = 40):
    """The time at which a feature in JEPA of L layers reaches a given strength is a sum of 2L - 1
    powers of 1/w and a logarithm, for every L, ρ, λ and start ε.
    """
    decide_solved(trial, "jepa", n_problems)


@claim(derived("by separating the variables of equation (8)"), kind="identity")
def test_exact_time_mae(trial, n_problems: Problems = 40):
    """The time at which a feature in MAE of L layers reaches a given strength is ρ^(-(L-1)/(L+1))
    [G_L(u) - G_L(u_0)] / λ for every L and start ε. G_L has a closed form, u is a power of the
    strength over its asymptote, and u_0 is u at the start.
    """
    decide_solved(trial, "mae", n_problems)


@claim(
    paper("Theorem 4.5, as a reader's notes quote it; its remainder Θ(1) derived here"),
    kind="limit",
    cases=[(depth, init) for depth in (1, 2, 3, 5) for init in (1e-2, 1e-4, 1e-6)],
)
def test_critical_jepa(
    trial,
    depth: Depth,
    init: Start,
    fraction: Fraction = 0.5,
    rho: Regression = 0.7,
    lambda_: Covariance = 1.3,
):
    """The time at which a feature in JEPA of L layers reaches the share p of its asymptote is a sum
    of powers of the start ε, plus log(1/ε) / (L λ ρ^(2L-1)), plus a constant, up to terms that
    vanish with ε.
    """
    require_below(trial, init, fraction, depth, rho, "jepa")
    unit = 1 / (lambda_ * rho ** (2 * depth - 1))
    # What the powers take away
    digits = 30 + int(max(0, np.log10(init ** (1 / depth - 2) / (lambda_ * unit))))
    with mpmath.workdps(digits + 5):
        ratio = mpmath.mpf(rho)
        root = mpmath.mpf(init) ** (mpmath.mpf(1) / depth)
        powers = mpmath.fsum(
            1 / (n * ratio ** (2 * depth - n - 1) * root**n) for n in range(1, 2 * depth)
        )
        left = float(
            exact_time(fraction, init, depth, lambda_, rho, "jepa", digits)
            - powers / mpmath.mpf(lambda_)
        )
    remainder = learning_times.jepa_remainder(fraction, init, depth, lambda_, rho)
    controls = {
        "nothing left": 0.0,
        **({"without 1 / L": depth * remainder} if depth > 1 else {}),
    }
    if init < 0.999:
        controls["twice the logarithm"] = remainder - unit / depth * np.log(init)
    # Its 2L + 3 terms, the largest of them s^(-n) / n with s^L = p or the logarithms, all relative
    # to `unit`.
    terms = 1 + np.abs(np.log(init)) + depth * np.abs(np.log(rho)) + 2 * depth / fraction**2
    trial.identity(left, remainder, ops=20 * depth, scale=unit * terms, controls=controls)


@claim(
    THEOREM,
    cases=[(2, 0.5), (2, 1.5), (3, 0.5), (3, 1.5), (5, 0.5), (8, 0.5)],
    route="times by Gauss-Legendre panels at falling epsilon against the 1 / (2 L - 1) that is "
    "claimed",
    second="test_jepa_bias_simulators.py::test_quadrature_reaches_every_strength_when_it_should",
)
def test_critical_jepa__leading(
    trial, depth: DeepDepth, rho: Regression, fraction: Fraction = 0.5, lambda_: Covariance = 1.3
):
    """As the start ε falls to 0, the time at which a feature in JEPA of L layers is learned tends
    to ε^(-(2L-1)/L) / ((2L-1) λ), whatever ρ is; the times of two features then have the inverse
    ratio of their λ.
    """
    root = 1 / HALVINGS
    limit = 1 / (2 * depth - 1)
    require_below(trial, root.max() ** depth, fraction, depth, rho, "jepa")
    times = rise_times(fraction, depth, root**depth, lambda_, rho, "jepa")
    margin = 0.001 * limit
    controls = apart(
        trial, limit, margin, {"proportional to 1 / ρ": limit / rho, "without 1 / (2L-1)": 1.0}
    )
    trial.limit(
        times * lambda_ * root ** (2 * depth - 1),
        HALVINGS,
        limit,
        order=1,
        margin=margin,
        controls=controls,
    )


@claim(
    derived("by expanding the hypergeometric function; Theorem 4.5 has the lead only"),
    kind="limit",
    cases=(2, 3, 5),
)
def test_critical_mae(
    trial,
    depth: DeepDepth,
    init: Start = 1e-4,
    fraction: Fraction = 0.5,
    rho: Regression = 0.7,
    lambda_: Covariance = 1.3,
):
    """The time at which a feature in MAE of L layers is learned from a small start ε is
    ε^(-(L-1)/L) / ((L-1) λ), plus a constant that depends on ρ, minus ε^(2/L) / (2 λ ρ).
    """
    require_below(trial, init, fraction, depth, rho, "mae")
    lead = learning_times.mae_leading_time(init, depth, lambda_)
    power = rho ** (-(depth - 1) / (depth + 1))
    constant = power * learning_times.mae_constant(fraction, depth) / lambda_
    last = learning_times.mae_next_term(init, depth, lambda_, rho)
    following = 2 / (depth + 3) * init ** ((depth + 1) / depth) / rho * np.abs(last)
    rounding = 50 * 2.0**-53 * (lead + np.abs(constant))
    trial.require(
        following < 0.003 * np.abs(last),
        "init must be small: what follows the three terms is 0.3 % of the last or more",
    )
    trial.require(
        rounding < 0.003 * np.abs(last), "init must be larger: the last term is lost in rounding"
    )
    time = lead + constant + last
    exact = float(exact_time(fraction, init, depth, lambda_, rho, "mae"))
    slack = rounding + 1.1 * following
    controls = {
        "lead without 1 / (L-1)": (depth - 1) * lead + constant + last,
        "two terms": lead + constant,
        "the lead alone": lead,
    }
    trial.value(
        exact,
        time,
        error=2.0**-53 * time,
        slack=slack,
        margin=2 * slack,
        controls=controls if depth > 2 else {name: controls[name] for name in list(controls)[1:]},
    )


@claim(derived("by integrating equation (8) at L = 1"), kind="limit", cases=(0.5, 1.5))
def test_critical_mae__shallow(
    trial,
    rho: Regression,
    init: Annotated[float, Interval(1e-12, 0.01, why="an expansion in ε")] = 1e-6,
    fraction: Fraction = 0.5,
    lambda_: Covariance = 1.3,
):
    """With one layer, the time at which a feature in MAE reaches the share p of its asymptote from
    a small start ε is [log(1/ε) + log(ρ) / 2 + log p - log(1 - p^2) / 2] / λ.
    """
    require_below(trial, init, fraction, 1, rho, "mae")
    lead = learning_times.mae_leading_time(init, 1, lambda_)
    constant = learning_times.mae_constant(fraction, 1) / lambda_
    shift = np.log(rho) / (2 * lambda_)
    time = lead + constant + shift
    rounding = 50 * 2.0**-53 * (lead + np.abs(constant) + 2 * np.abs(shift))
    next_term = -learning_times.mae_next_term(init, 1, lambda_, rho)
    slack = 1.25 * (next_term / (1 - init**2 / rho) + rounding)
    controls = apart(trial, time, 2 * slack, {"without ρ": lead + constant, "lead alone": lead})
    exact = float(exact_time(fraction, init, 1, lambda_, rho, "mae"))
    trial.value(exact, time, error=rounding, slack=slack, margin=2 * slack, controls=controls)


@claim(
    derived(
        "a feature grows iff its start is below its asymptote, which ρ < 1 lowers layer by layer"
    ),
    cases=[("jepa", 1e-3, 0.5), ("jepa", 0.02, 0.9), ("mae", 0.22, 0.5), ("mae", 0.13, 0.5)],
)
def test_depth_cap(
    trial,
    objective: Objective,
    init: Annotated[float, Interval(1e-4, 0.9, why="times are as 1 / ε^2")],
    fraction: Fraction,
    rho: Annotated[float, Interval(0.1, 0.9, why="at ρ >= 1 there is no cap")] = 0.2,
):
    """A feature of regression coefficient ρ that starts at ε is below the share p of its asymptote
    ρ^L at the start only up to the depth L = ln(p/ε) / ln(1/ρ); beyond the depth for p = 1 it
    decays.
    """
    depths = np.arange(1.0, 9.0)
    caps = [
        float(learning_order.depth_cap(init, p, rho, objective=objective)) for p in (fraction, 1.0)
    ]
    tops = learning_times.asymptote(depths.astype(int), rho, objective=objective)
    ties = np.min(np.abs(np.log(init / np.concatenate([tops, fraction * tops])))) < 1e-3
    trial.require(
        caps[0] < 8 and not ties,
        "init must be above the target from eight layers on, and not on a target",
    )
    # The powers in the time of a rise, 1 / (n rho^(2L-1-n) epsilon^(n/L)) for n < 2L, are at most 1
    # / n times the larger of epsilon^-2 and rho^-2L: in all 1 + 1/2 + ... + 1/(2L-1) < 4 times; the
    # rest is the approach.
    late = 40 / depths * (init**-2 + rho ** (-2 * depths))
    flows = (
        scalar_flow.simulate_flow(L, init, 1.0, rho, t * np.arange(1, 5) / 4, objective=objective)
        for L, t in zip(depths, late, strict=True)
    )
    strength = np.array([flow[-1] for flow in flows])
    measured = [np.where(init < fraction * strength, 1, -1), np.where(strength > init, 1, -1)]
    signs = np.array([np.where(depths <= cap, 1, -1) for cap in caps])
    below = np.where(depths <= caps[0], 1, -1)
    controls = {"one layer more": np.array([np.where(depths <= cap + 1, 1, -1) for cap in caps])}
    if caps[0] < min(caps[1], 8):
        controls["decays as soon as the target is below the start"] = np.array([below, below])
    trial.identity(measured, signs, ops=0, controls=controls)
