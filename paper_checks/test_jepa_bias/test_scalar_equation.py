"""From the network to one scalar equation per feature, and that equation solved: when a feature
reaches a given strength, exactly and as ε -> 0.
"""

from itertools import product
from typing import Annotated, Any, Literal

import jax
import mpmath
import numpy as np

from paper_checks.test_jepa_bias import (
    DOUBLINGS,
    OBJECTIVES,
    QUADRATURE_ERROR,
    Depth,
    DepthFromTwo,
    Fraction,
    Objective,
    Regression,
    exact_time,
    random_rotations,
    require_apart,
    require_below,
    rise_times,
)
from sims.jepa_bias import networks, scalar_flow
from theory.jepa_bias import data_models, learning_times
from theory_on_trial import claim, derived, known, recalled
from theory_on_trial.contract import Interval

Dim = Annotated[int, Interval(1, 16, why="larger matrices take seconds")]
"""d, of the views and of every layer."""
Covariance = Annotated[float, Interval(1e-6, 1e6, why="it scales time alone")]
Start = Annotated[
    float, Interval(1e-12, 1, why="times grow like 1 / ε^2, and as many digits cancel in them")
]
Problems = Annotated[int, Interval(1, 500, why="more take minutes")]

_gradients = jax.jit(networks.gradients, static_argnames="objective")


def random_views(rng, dim):
    """Return the covariances Σ_xx, Σ_yx, Σ_yy of a random Gaussian pair of views, which do not
    commute.
    """
    root = rng.standard_normal((2 * dim, 3 * dim)) / np.sqrt(3 * dim)
    joint = root @ root.T
    return joint[:dim, :dim], joint[dim:, :dim], joint[dim:, dim:]


@claim(
    known(
        "Arora, Cohen & Hazan 2018",
        within="for losses of the product of all layers; the stop-gradient changes nothing",
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
    """Let $W_1, …, W_L$ be the layers of a linear encoder and $V$ its predictor or decoder.
    Gradient flow on the loss of JEPA or of a masked autoencoder conserves
    $W_(a+1)^T W_(a+1) - W_a W_a^T$ for all $a < L$, and $V^T V - W_L W_L^T$, for any covariances
    and from any start.

    `spread` is the standard deviation of the entries of a random network.
    """
    rng = trial.generator("network")
    *layers, predictor = spread * rng.standard_normal((depth + 1, dim, dim))
    parameters = networks.Parameters(tuple(layers), predictor)
    xx, yx, yy = random_views(rng, dim)
    slopes = jax.tree.map(np.asarray, _gradients(parameters, xx, yx, objective))

    def drift(slopes):
        """How fast the conserved matrices change if the network moves along these slopes."""
        return np.array(jax.jvp(networks.balance, (parameters,), (slopes,))[1])

    uneven = tuple(slope * (1.5 + a) for a, slope in enumerate(slopes.layers))
    processes = {"the layers at rates of their own": drift(slopes._replace(layers=uneven))}
    if objective == "jepa":
        full_slopes = _gradients(parameters, xx, yx, "jepa", Sigma_yy=yy)
        processes["without the stop-gradient"] = drift(full_slopes)
    # A slope is a sum of products of one covariance and of each factor twice at most.
    norms = [np.linalg.norm(factor, 2) for factor in (*layers, predictor)]
    products = np.prod(np.maximum(1, norms)) ** 2 * sum(map(np.linalg.norm, (xx, yx, yy)))
    trial.identity(
        drift(slopes),
        np.zeros((depth, dim, dim)),
        ops=2 * dim * (depth + 2),
        scale=max(norms) * products,
        control_processes=processes,
        generic="gradients are polynomials in weights and covariances",
    )


def aligned_network(trial, weights, depth, objective):
    """Return a network whose factors are all `weights` on random features, and the features as
    columns. The predictor undoes the encoder's rotation, for MAE in the input space.
    """
    features = random_rotations(trial.generator("features"), len(weights), 1)[0]
    key = trial.key("latent rotations")
    state = networks.diagonal_network(key, weights, weights, depth, objective, basis=features)
    return state, features


@jax.jit
def _encoder_and_change(parameters, slopes):
    """The product of the layers, and its change per unit of a movement along the slopes."""
    return jax.jvp(networks.encoder, (parameters,), (slopes,))


def decide_velocity(trial, objective, depth, dim):
    """Decide that the gradient of the whole network moves the encoder's strength on each feature at
    the velocity of the scalar equation, and moves nothing between two features.
    """
    rng = trial.generator("state")
    # One row for each feature, whose three numbers have ranges of their own.
    weights, covariance, away = rng.uniform((0.6, 0.5, 0.2), (1.1, 2.0, 0.6), (dim, 3)).T
    still = weights if objective == "jepa" else weights ** (depth + 1)  # at such ρ nothing moves
    regression = still * np.exp((-1) ** np.arange(dim) * away)
    parameters, features = aligned_network(trial, weights, depth, objective)
    views = data_models.covariances_of_features(covariance, regression, features)
    slopes = _gradients(parameters, *views, objective)
    encoder, change = map(np.asarray, _encoder_and_change(parameters, slopes))
    # W-bar^T dW-bar/dt does not depend on the latent rotations; descent is against the slopes. Seen
    # in the features it has w dw/dt on its diagonal.
    measured = -encoder.T @ change
    strength = weights**depth

    def on_diagonal(rule):
        """The matrix that the scalar equation of an objective predicts."""
        speed = learning_times.velocity(strength, depth, covariance, regression, objective=rule)
        return np.diag(strength * speed)

    power = (3 if objective == "jepa" else 2) - 2 / depth
    wrong_speed = depth * (covariance * strength**power - covariance / regression * strength**3)
    controls = {
        "exponents of the other objective": on_diagonal("mae" if objective == "jepa" else "jepa"),
        "$2/L$ for $1/L$ in the exponent": np.diag(strength * wrong_speed),
    }
    if depth > 1:
        controls["without the factor $L$"] = on_diagonal(objective) / depth
    # Every term is at most this: depth of them, each a product of two encoders, one predictor and a
    # covariance.
    reach = max(1.0, weights.max()) ** (4 * depth + 2)
    trial.identity(
        features.T @ measured @ features,
        on_diagonal(objective),
        ops=dim * (5 * depth + 10),
        scale=depth * reach * (covariance.max() + (covariance / regression).max()),
        controls=controls,
        control_processes={"the coordinates taken as features": measured} if dim > 1 else {},
        generic="gradients are polynomials in weights and covariances",
    )


@claim(
    recalled("Equation (7), as a public formalisation quotes it"),
    kind="identity",
    cases=(1, 2, 3, 6),
)
def test_ode_jepa(trial, depth: Depth, dim: Dim = 3):
    """Let the $L$ layers of a linear encoder and its predictor be balanced and aligned with the
    features at the start, with positive strengths, and let $w$ be the singular value of the layers'
    product on a feature. In the gradient flow of JEPA,
    $dw/dt = L (λ w^(3 - 1/L) - (λ / ρ) w³)$, where $λ$ is the covariance of the feature's two views
    and $ρ$ its regression coefficient.

    The clock of the paper runs L times as fast.
    """
    decide_velocity(trial, "jepa", depth, dim)


@claim(
    recalled("Equation (8), as a public formalisation quotes it"),
    kind="identity",
    cases=(1, 2, 3, 6),
)
def test_ode_mae(trial, depth: Depth, dim: Dim = 3):
    """Let the $L$ layers of a linear encoder and its decoder be balanced and aligned with the
    features at the start, with positive strengths, and let $w$ be the singular value of the layers'
    product on a feature. In the gradient flow of a masked autoencoder,
    $dw/dt = L (λ w^(2 - 1/L) - (λ / ρ) w³)$, where $λ$ is the covariance of the feature's two views
    and $ρ$ its regression coefficient.

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
    """In a balanced and aligned linear network the gradient of the loss vanishes where the encoder
    of $L$ layers has the strength $ρ^L$ on each feature in JEPA, and $ρ^(L/(L+1))$ in a masked
    autoencoder. Here $ρ$ is the regression coefficient of the feature; the covariance $λ$ of its
    two views does not matter.
    """
    regression = np.array([0.3, 0.7, 1.4])

    def predictor_slope(strength):
        """The gradient in V. Where it vanishes the layers' gradients do, too: V^T times it is the
        gradient in W_L times W_L^T, and so on, and all factors are invertible.
        """
        parameters, features = aligned_network(trial, strength ** (1 / depth), depth, objective)
        views = data_models.covariances_of_features(np.full(3, covariance), regression, features)
        return np.asarray(_gradients(parameters, *views, objective).predictor)

    asymptote = learning_times.asymptote(depth, regression, objective=objective)
    trial.identity(
        predictor_slope(asymptote),
        np.zeros((3, 3)),
        ops=3 * (4 * depth + 6),
        # Powers of the largest ρ, and the variance of the smallest
        scale=1.4 ** (2 * depth + 1) * covariance / 0.3,
        control_processes={
            "the strength $ρ$": predictor_slope(regression),
            "the strength $ρ^(1/L)$": predictor_slope(regression ** (1 / depth)),
        },
        generic="gradients are polynomials in the basis of the features",
    )


def random_problems(rng, count, objective):
    """Return p, ε, L, λ and ρ of random features, five arrays. The features start one to three
    decades below p times their asymptote.
    """
    place = np.arange(count)
    depth = 1 + place % 8
    # At ρ = 1 no power of ρ shows; both sides of it occur at each depth.
    side = (-1) ** (place + place // 8)
    regression = np.exp(side * rng.uniform(0.1, np.log(2), count))
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
    """Return what some slips in the closed form of the time would make of the right `time`, each in
    the shape of `time`.
    """
    if objective == "mae":
        return {"$ρ^(-L/(L+1))$ in front": time * regression ** (-1 / (depth + 1))}
    # Of one layer, as w is in theorem 4.4
    start = init ** (1 / depth)
    end = fraction ** (1 / depth) * regression
    highest = 2.0 * depth - 1

    def term(n):
        """The part of the time that comes from s^(-n) / n; the powers end at 2 L - 1."""
        size = (start**-n - end**-n) / (n * covariance * regression ** (highest - n))
        return np.where(n <= highest, size, 0)

    total = sum(term(n) for n in range(1, 2 * depth.max()))
    return {
        "a sum that ends at $n = 2L - 2$": time - term(highest),
        "$ρ^(2L-n)$ for $ρ^(2L-n-1)$ in the sum": time + (1 / regression - 1) * total,
    }


def decide_solved(trial, objective, count):
    """Decide the closed form of the time against a stiff solver, at four strengths of the rise of
    each of `count` random features.
    """
    problems = random_problems(trial.generator("solved"), count, objective)
    # One row for each feature; the columns below are the four strengths.
    fraction, init, depth, covariance, regression = (entries[:, None] for entries in problems)
    equation = (depth, covariance, regression)
    limit = learning_times.asymptote(depth, regression, objective=objective)
    # From the start to the fraction in equal steps of the logarithm
    shares = fraction * (init / limit / fraction) ** np.array([0.75, 0.5, 0.25, 0.0])
    times = learning_times.critical_time(shares, init, *equation, objective=objective)
    strengths = [
        scalar_flow.simulate_flow(layers, start, lambda_, rho, due, objective=objective)
        for _, start, layers, lambda_, rho, due in zip(*problems, times, strict=True)
    ]
    targets = shares * limit
    # When the solver's strength passes the target: the two differ by so little that one tangent is
    # enough.
    crossing_times = times + (targets - np.array(strengths)) / learning_times.velocity(
        targets, *equation, objective=objective
    )
    quadrature = rise_times(shares, init, *equation, objective)
    # What the solver may be off is seen from the other simulator, which steps through strengths,
    # not time.
    error = np.abs(crossing_times - quadrature) + 2 * QUADRATURE_ERROR * times
    controls = wrong_times(objective, shares, init, *equation, times)
    trial.value(
        crossing_times,
        times,
        error=error,
        margin=1e-8 * times,
        controls=controls,
        generic="times are analytic in λ, ρ and both strengths",
    )


def exact_passage(start, end, depth, covariance, regression, objective):
    """Return the time between two strengths w-bar = w^L on one side of the asymptote, by quadrature
    in 25 digits.
    """
    with mpmath.workdps(25):
        power = 2 - mpmath.mpf(1) / depth - (objective == "mae")

        # dt / d log w-bar, the inverse of equation (7) or (8)
        def pace(log_strength):
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
    """Let $w$ be the strength of each of $L$ encoder layers on a feature of covariance $λ$ and
    regression coefficient $ρ$, with $w' = λ w^(2 L) (1 - w / ρ)$ in JEPA and
    $w' = λ w^L (1 - w^(L+1) / ρ)$ in a masked autoencoder (MAE). On either side of the asymptote
    the closed form of the time from one strength to another is the integral of $dw / w'$ between
    them.
    """
    rng = trial.generator("passages")
    _, _, depth, covariance, regression = random_problems(rng, count, objective)
    limit = learning_times.asymptote(depth, regression, objective=objective)
    above = 1 if side == "falls" else -1
    end = limit * np.exp(above * rng.uniform(0.1, 1, count))
    # Some so near each other that a quotient of theirs would leave few digits of its logarithm.
    start = end * np.exp(above * np.geomspace(1e-5, 2, count))
    problem = (depth, covariance, regression)
    integrals = [
        exact_passage(*passage, objective) for passage in zip(start, end, *problem, strict=True)
    ]
    times = learning_times.time_to_reach(end, start, *problem, objective=objective)
    controls = {
        "one more power of $ρ$": times * regression,
        "no dependence on $λ$": times * covariance,
    }
    trial.value(
        integrals,
        times,
        error=2.0**-52 * times,
        margin=1e-12 * times,
        controls=controls,
        generic="times are analytic in λ, ρ and both strengths",
    )


@claim(recalled("Theorem 4.4, as a public formalisation quotes it"), kind="identity")
def test_exact_time_jepa(trial, n_problems: Problems = 40):
    """Let $w$ be the strength of each of $L$ encoder layers on a feature of covariance $λ$ and
    regression coefficient $ρ$ in JEPA, with $w' = λ w^(2 L) (1 - w / ρ)$ and $w(0) = ε^(1/L)$. Then
    $w$ reaches a value $v$ between $w(0)$ and $ρ$ at the time
    $(F(v / ρ) - F(w(0) / ρ)) / (λ ρ^(2 L - 1))$, where $F(s) = log(s / (1 - s))$ minus the sum of
    $s^(-n) / n$ over $n = 1, …, 2 L - 1$.
    """
    decide_solved(trial, "jepa", n_problems)


@claim(derived("by separating the variables of equation (8)"), kind="identity")
def test_exact_time_mae(trial, n_problems: Problems = 40):
    """Let $w$ be the strength of each of $L$ encoder layers on a feature of covariance $λ$ and
    regression coefficient $ρ$ in a masked autoencoder (MAE), with $w' = λ w^L (1 - w^(L+1) / ρ)$
    and $w(0) = ε^(1/L)$. Then $w$ reaches a value $v$ between $w(0)$ and $ρ^(1/(L+1))$ at the time
    $ρ^(-(L-1)/(L+1)) (G(v r) - G(w(0) r)) / λ$ with $r = ρ^(-1/(L+1))$, where $G(u)$ is an integral
    of $u^{-L} / (1 - u^(L+1))$ over $u$ in closed form.
    """
    decide_solved(trial, "mae", n_problems)


@claim(
    recalled(
        "Theorem 4.5, as a reader's notes quote it",
        within="up to $Θ(1)$, in place of a constant and vanishing terms",
    ),
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
    """Let $w$ be the strength of each of $L$ encoder layers on a feature of covariance $λ$ and
    regression coefficient $ρ$ in JEPA, with $w' = λ w^(2 L) (1 - w / ρ)$ and $w(0) = ε^(1/L)$. As
    $ε$ falls to 0, the time at which $w^L$ reaches $p ρ^L$, minus the sum of
    $1 / (n λ ρ^(2 L - n - 1) ε^(n/L))$ over $n = 1, …, 2 L - 1$, is $log(1/ε) / (L λ ρ^(2 L - 1))$
    plus a constant, up to terms that vanish.

    Tried is a closed form of this difference that holds at every ε: it includes what vanishes.
    """
    require_below(trial, init, fraction, depth, rho, "jepa")
    unit = 1 / (lambda_ * rho ** (2 * depth - 1))
    # The first digits of the time cancel with those of the sum.
    digits = 30 + int(max(0, np.log10(init ** (1 / depth - 2) / (lambda_ * unit))))
    with mpmath.workdps(digits + 5):
        exact_rho = mpmath.mpf(rho)
        # w(0)
        weight = mpmath.mpf(init) ** (mpmath.mpf(1) / depth)
        powers = mpmath.fsum(
            1 / (n * exact_rho ** (2 * depth - n - 1) * weight**n) for n in range(1, 2 * depth)
        )
        time = exact_time(fraction, init, depth, lambda_, rho, "jepa", digits)
        difference = float(time - powers / mpmath.mpf(lambda_))
    remainder = learning_times.jepa_remainder(fraction, init, depth, lambda_, rho)
    controls: dict[str, Any] = {"the sum is the time": 0.0}
    if depth > 1:
        controls["$L$ times the difference"] = depth * remainder
    if init < 0.999:
        controls["twice the logarithm"] = remainder - unit / depth * np.log(init)
    # Its 2L + 3 terms, the largest of them s^(-n) / n with s^L = p or the logarithms, all relative
    # to `unit`.
    terms = 1 + np.abs(np.log(init)) + depth * np.abs(np.log(rho)) + 2 * depth / fraction**2
    trial.identity(difference, remainder, ops=20 * depth, scale=unit * terms, controls=controls)


@claim(
    recalled("Theorem 4.5, as a public formalisation quotes it"),
    cases=[(2, 0.5), (2, 1.5), (3, 0.5), (3, 1.5), (5, 0.5), (8, 0.5)],
    route="times by Gauss-Legendre panels at falling epsilon against the 1 / (2 L - 1) that is "
    "claimed",
    second="test_jepa_bias_simulators.py::test_quadrature_is_as_good_as_the_claims_say",
)
def test_critical_jepa__leading(
    trial,
    depth: DepthFromTwo,
    rho: Regression,
    fraction: Fraction = 0.5,
    lambda_: Covariance = 1.3,
):
    """Let $w$ be the strength of each of $L$ encoder layers on a feature of covariance $λ$ and
    regression coefficient $ρ$ in JEPA, with $w' = λ w^(2 L) (1 - w / ρ)$ and $w(0) = ε^(1/L)$. As
    $ε$ falls to 0, the time at which $w^L$ reaches a share of $ρ^L$, multiplied by
    $ε^((2 L - 1)/L)$, tends to $1 / ((2 L - 1) λ)$, whatever $ρ$ is.

    The times of two features then have the inverse ratio of their λ.
    """
    # w(0) = ε^(1/L)
    weight = 1 / DOUBLINGS
    init = weight**depth
    require_below(trial, init.max(), fraction, depth, rho, "jepa")
    times = rise_times(fraction, init, depth, lambda_, rho, "jepa")
    limit = 1 / (2 * depth - 1)
    margin = 0.001 * limit
    controls = {"proportional to $1 / ρ$": limit / rho, "without $1 / (2L-1)$": 1.0}
    require_apart(trial, limit, margin, controls)
    trial.limit(
        times * lambda_ * weight ** (2 * depth - 1),
        DOUBLINGS,
        limit,
        order=1,
        margin=margin,
        controls=controls,
    )


@claim(
    recalled(
        "Theorem 4.5, as a public formalisation quotes it",
        within="the lead alone; the further terms are found here",
    ),
    kind="limit",
    cases=(2, 3, 5),
)
def test_critical_mae(
    trial,
    depth: DepthFromTwo,
    init: Start = 1e-4,
    fraction: Fraction = 0.5,
    rho: Regression = 0.7,
    lambda_: Covariance = 1.3,
):
    """Let $w$ be the strength of each of $L$ encoder layers on a feature of covariance $λ$ and
    regression coefficient $ρ$ in a masked autoencoder (MAE), with $w' = λ w^L (1 - w^(L+1) / ρ)$
    and $w(0) = ε^(1/L)$. For $L >= 2$ and a small start $ε$, the time at which $w^L$ reaches a
    share of its asymptote is $ε^(-(L-1)/L) / ((L - 1) λ)$, plus a constant that depends on $ρ$,
    minus $ε^(2/L) / (2 λ ρ)$, up to smaller terms.
    """
    require_below(trial, init, fraction, depth, rho, "mae")
    lead = learning_times.mae_leading_time(init, depth, lambda_)
    power = rho ** (-(depth - 1) / (depth + 1))
    constant = power * learning_times.mae_constant(fraction, depth) / lambda_
    third = learning_times.mae_next_term(init, depth, lambda_, rho)
    fourth = 2 / (depth + 3) * init ** ((depth + 1) / depth) / rho * np.abs(third)
    rounding = 50 * 2.0**-53 * (lead + np.abs(constant))
    trial.require(
        fourth < 0.003 * np.abs(third),
        "init must be small: what follows the three terms is 0.3 % of the last or more",
    )
    trial.require(
        rounding < 0.003 * np.abs(third), "init must be larger: the last term is lost in rounding"
    )
    time = lead + constant + third
    integral = float(exact_time(fraction, init, depth, lambda_, rho, "mae"))
    slack = rounding + 1.1 * fourth
    controls = {"the first two terms": lead + constant, "the first term alone": lead}
    if depth > 2:
        controls["first term without $1 / (L-1)$"] = (depth - 1) * lead + constant + third
    trial.value(
        integral,
        time,
        error=2.0**-53 * time,
        slack=slack,
        margin=2 * slack,
        controls=controls,
    )


@claim(derived("by integrating equation (8) at $L = 1$"), kind="limit", cases=(0.5, 1.5))
def test_critical_mae__shallow(
    trial,
    rho: Regression,
    init: Annotated[float, Interval(1e-12, 0.01, why="an expansion in ε")] = 1e-6,
    fraction: Fraction = 0.5,
    lambda_: Covariance = 1.3,
):
    """Let $w$ be the strength of one encoder layer on a feature of covariance $λ$ and regression
    coefficient $ρ$ in a masked autoencoder, with $w' = λ w (1 - w² / ρ)$ and $w(0) = ε$. For small
    $ε$, $w$ reaches the share $p$ of its asymptote at the time
    $(log(1/ε) + log(ρ) / 2 + log p - log(1 - p²) / 2) / λ$.
    """
    require_below(trial, init, fraction, 1, rho, "mae")
    lead = learning_times.mae_leading_time(init, 1, lambda_)
    constant = learning_times.mae_constant(fraction, 1) / lambda_
    shift = np.log(rho) / (2 * lambda_)
    time = lead + constant + shift
    rounding = 50 * 2.0**-53 * (lead + np.abs(constant) + 2 * np.abs(shift))
    # The terms that follow fall faster than a geometric series of the ratio ε² / ρ.
    next_term = -learning_times.mae_next_term(init, 1, lambda_, rho)
    slack = 1.25 * (next_term / (1 - init**2 / rho) + rounding)
    controls = {"a constant without $ρ$": lead + constant, "$log(1/ε) / λ$ alone": lead}
    require_apart(trial, time, 2 * slack, controls)
    integral = float(exact_time(fraction, init, 1, lambda_, rho, "mae"))
    trial.value(integral, time, error=rounding, slack=slack, margin=2 * slack, controls=controls)
