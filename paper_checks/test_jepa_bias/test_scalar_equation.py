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
from theory.jepa_bias import data_models, learning_times
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
    derived(
        "V^T times the gradient in V equals the gradient in W_L times W_L^T, and so for all "
        "neighbouring factors"
    ),
    cases=OBJECTIVES,
)
def test_balance_conserved(
    trial,
    objective: Objective,
    dim: Dim = 4,
    depth: Depth = 3,
    spread: Annotated[float, Interval(0.2, 1, why="of order one, like the covariances")] = 0.5,
):
    """Let W_1, …, W_L be the layers of a linear encoder and V its predictor or decoder. Gradient
    flow on the loss of JEPA or of a masked autoencoder conserves W_(a+1)^T W_(a+1) - W_a W_a^T for
    all a < L, and V^T V - W_L W_L^T, for any covariances and from any start.

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
    """Let the L layers of a linear encoder be balanced and aligned with the features at the start,
    and let w be the singular value of their product on a feature. In the gradient flow of JEPA,
    dw/dt = L (λ w^(3 - 1/L) - (λ / ρ) w³), where λ is the covariance of the feature's two views and
    ρ its regression coefficient.

    The clock of the paper runs L times as fast.
    """
    decide_velocity(trial, "jepa", depth, dim)


@claim(
    paper("Equation (8), as a public formalisation quotes it"), kind="identity", cases=(1, 2, 3, 6)
)
def test_ode_mae(trial, depth: Depth, dim: Dim = 3):
    """Let the L layers of a linear encoder be balanced and aligned with the features at the start,
    and let w be the singular value of their product on a feature. In the gradient flow of a masked
    autoencoder, dw/dt = L (λ w^(2 - 1/L) - (λ / ρ) w³), where λ is the covariance of the feature's
    two views and ρ its regression coefficient.

    The clock of the paper runs L times as fast.
    """
    decide_velocity(trial, "mae", depth, dim)


@claim(
    derived("the right-hand sides of equations (7) and (8) vanish there"),
    cases=[(objective, depth) for objective in OBJECTIVES for depth in (2, 3, 6)],
)
def test_fixed_points(
    trial,
    objective: Objective,
    depth: Annotated[int, Interval(2, 8)],
    covariance: Covariance = 1.3,
):
    """The gradient of the loss vanishes where a linear encoder of L layers has the strength ρ^L on
    a feature in JEPA, and ρ^(L/(L+1)) in a masked autoencoder. Here ρ is the regression coefficient
    of the feature; the covariance λ of its two views does not matter.
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
    slowest = 2.0 * depth - 1

    def term(n):
        size = (start**-n - end**-n) / (n * covariance * regression ** (slowest - n))
        return np.where(n <= slowest, size, 0)

    total = sum(term(n) for n in range(1, 2 * depth.max()))
    return {
        "no slowest power": time - term(slowest),
        "ρ^(2L-n) in the sum": time + (1 / regression - 1) * total,
    }


def decide_solved(trial, objective, count):
    """Decide the closed form of the time against a stiff solver, on four strengths of every
    rise.
    """
    problems = random_problems(trial.generator("solved"), count, objective)
    fraction, init, *rest = (column[:, None] for column in problems)
    limit = learning_times.asymptote(rest[0], rest[2], objective=objective)
    shares = fraction * (init / limit / fraction) ** np.array([0.75, 0.5, 0.25, 0.0])
    times = learning_times.critical_time(shares, init, *rest, objective=objective)
    strengths = [
        scalar_flow.simulate_flow(depth, start, *feature, at, objective=objective)
        for _, start, depth, *feature, at in zip(*problems, times, strict=True)
    ]
    targets = shares * limit
    # When the solver's strength passes the target: the two differ by so little that one tangent is
    # enough.
    crossing_times = times + (targets - np.array(strengths)) / learning_times.velocity(
        targets, *rest, objective=objective
    )
    quadrature = rise_times(shares, init, *rest, objective)
    # What the solver may be off is seen from the other simulator, which steps through strengths,
    # not time.
    error = np.abs(crossing_times - quadrature) + 2 * QUADRATURE_ERROR * times
    controls = wrong_times(objective, shares, init, *rest, times)
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


@claim(
    derived("the variables of equations (7) and (8) separate on either side of the asymptote"),
    kind="identity",
    cases=list(product(OBJECTIVES, ("rises", "falls"))),
)
def test_exact_time__passage(
    trial,
    objective: Objective,
    side: Literal["rises", "falls"],
    count: Annotated[int, Interval(1, 100)] = 8,
):
    """Let w be the strength of each of L encoder layers on a feature of covariance λ and regression
    coefficient ρ, with w' = λ w^(2 L) (1 - w / ρ) in JEPA and w' = λ w^L (1 - w^(L+1) / ρ) in a
    masked autoencoder (MAE). On either side of the asymptote the closed form of the time from one
    strength to another is the integral of dw / w' between them.
    """
    rng = trial.generator("passages")
    _, _, depth, covariance, regression = random_problems(rng, count, objective)
    limit = learning_times.asymptote(depth, regression, objective=objective)
    above = 1 if side == "falls" else -1
    end = limit * np.exp(above * rng.uniform(0.1, 1, count))
    # Some so near each other that a quotient of theirs would leave few digits of its logarithm.
    start = end * np.exp(above * np.geomspace(1e-5, 2, count))
    problem = (depth, covariance, regression)
    exact = [
        exact_passage(*passage, objective) for passage in zip(start, end, *problem, strict=True)
    ]
    times = learning_times.time_to_reach(end, start, *problem, objective=objective)
    controls = {"ρ times the time": times * regression, "the time at λ = 1": times * covariance}
    trial.value(exact, times, error=2.0**-52 * times, margin=1e-12 * times, controls=controls)


@claim(paper("Theorem 4.4, as a public formalisation quotes it"), kind="identity")
def test_exact_time_jepa(trial, n_problems: Problems = 40):
    """Let w be the strength of each of L encoder layers on a feature of covariance λ and regression
    coefficient ρ in JEPA, with w' = λ w^(2 L) (1 - w / ρ) and w(0) = ε^(1/L). Then w reaches a
    value v between w(0) and ρ at the time (F(v / ρ) - F(w(0) / ρ)) / (λ ρ^(2 L - 1)), where F(s) =
    log(s / (1 - s)) minus the sum of s^(-n) / n over n = 1, …, 2 L - 1.
    """
    decide_solved(trial, "jepa", n_problems)


@claim(derived("by separating the variables of equation (8)"), kind="identity")
def test_exact_time_mae(trial, n_problems: Problems = 40):
    """Let w be the strength of each of L encoder layers on a feature of covariance λ and regression
    coefficient ρ in a masked autoencoder (MAE), with w' = λ w^L (1 - w^(L+1) / ρ) and w(0) =
    ε^(1/L). Then w reaches a value v between w(0) and ρ^(1/(L+1)) at the time ρ^(-(L-1)/(L+1)) (G(v
    r) - G(w(0) r)) / λ with r = ρ^(-1/(L+1)), where G(u) is an integral of u^-L / (1 - u^(L+1))
    over u in closed form.
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
    """Let w be the strength of each of L encoder layers on a feature of covariance λ and regression
    coefficient ρ in JEPA, with w' = λ w^(2 L) (1 - w / ρ) and w(0) = ε^(1/L). As ε falls to 0, the
    time at which w^L reaches p ρ^L, less the sum of 1 / (n λ ρ^(2 L - n - 1) ε^(n/L)) over n = 1,
    …, 2 L - 1, is log(1/ε) / (L λ ρ^(2 L - 1)) plus a constant, up to terms that vanish.
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
    second="test_jepa_bias_simulators.py::test_quadrature_is_as_good_as_the_claims_say",
)
def test_critical_jepa__leading(
    trial, depth: DeepDepth, rho: Regression, fraction: Fraction = 0.5, lambda_: Covariance = 1.3
):
    """Let w be the strength of each of L encoder layers on a feature of covariance λ and regression
    coefficient ρ in JEPA, with w' = λ w^(2 L) (1 - w / ρ) and w(0) = ε^(1/L). As ε falls to 0, the
    time at which w^L reaches a share of ρ^L, multiplied by ε^((2 L - 1)/L), tends to 1 / ((2 L - 1)
    λ), whatever ρ is.

    The times of two features then have the inverse ratio of their λ.
    """
    root = 1 / HALVINGS
    limit = 1 / (2 * depth - 1)
    require_below(trial, root.max() ** depth, fraction, depth, rho, "jepa")
    times = rise_times(fraction, root**depth, depth, lambda_, rho, "jepa")
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
    """Let w be the strength of each of L encoder layers on a feature of covariance λ and regression
    coefficient ρ in a masked autoencoder (MAE), with w' = λ w^L (1 - w^(L+1) / ρ) and w(0) =
    ε^(1/L). For L >= 2 and a small start ε, the time at which w^L reaches a share of its asymptote
    is ε^(-(L-1)/L) / ((L - 1) λ), plus a constant that depends on ρ, minus ε^(2/L) / (2 λ ρ), up to
    smaller terms.
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
    """Let w be the strength of one encoder layer on a feature of covariance λ and regression
    coefficient ρ in a masked autoencoder, with w' = λ w (1 - w² / ρ) and w(0) = ε. For small ε, w
    reaches the share p of its asymptote at the time (log(1/ε) + log(ρ) / 2 + log p - log(1 - p²) /
    2) / λ.
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
