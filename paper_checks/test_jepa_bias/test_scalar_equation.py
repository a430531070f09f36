"""From the network to one scalar equation per feature."""

import jax
import numpy as np

from paper_checks.test_jepa_bias import DERIVED, FORMALISATION, aligned_network
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, ours

EQUATIONS = {"jepa": "equation (7)", "mae": "equation (8)"}


def random_views(rng, dim):
    """Covariances Sigma_xx, Sigma_yx, Sigma_yy of a random Gaussian pair of views: nothing commutes."""
    root = rng.standard_normal((2 * dim, 3 * dim)) / np.sqrt(3 * dim)
    joint = root @ root.T
    return joint[:dim, :dim], joint[dim:, :dim], joint[dim:, dim:]


def random_network(rng, dim, depth, spread):
    """A network in no way balanced or aligned."""
    return observed.Parameters(
        jax.numpy.asarray(spread * rng.standard_normal((depth, dim, dim))),
        jax.numpy.asarray(spread * rng.standard_normal((dim, dim))),
    )


def residuals(parameters):
    """W_(a+1)^T W_(a+1) - W_a W_a^T of all neighbouring factors."""
    return np.array(predicted.balance_residuals(list(np.asarray(parameters.layers)), np.asarray(parameters.predictor)))


@claim(ours("equations (4) and (5), " + FORMALISATION + "; derived here"), kind="identity")
def test_balance_conserved(trial, dim=4, depth=3, n_networks=5, spread=0.5):
    """Both gradients leave W_(a+1)^T W_(a+1) - W_a W_a^T and V^T V - W_L W_L^T where they are, for any covariances."""
    rng = trial.generator("networks")

    @jax.jit
    def gradients(parameters, xx, yx, yy):
        return [
            observed.autodiff_gradients(parameters, xx, yx, yy, "jepa"),
            observed.autodiff_gradients(parameters, xx, yx, yy, "mae"),
            observed.autodiff_gradients(parameters, xx, yx, yy, "jepa", stop_gradient=False),
        ]

    moves, sizes = [], []
    for _ in range(n_networks):
        parameters, views = random_network(rng, dim, depth, spread), random_views(rng, dim)
        norms = [np.linalg.norm(factor) for factor in (*parameters.layers, parameters.predictor)]
        for slopes in gradients(parameters, *views):
            # The residuals are quadratic: their central difference is their derivative, whatever the step.
            ahead, behind = (
                residuals(jax.tree.map(lambda at, slope, sign=sign: at + sign * slope, parameters, slopes))
                for sign in (1, -1)
            )
            moves.append((ahead - behind) / 2)
            longest = max(norms) + max(np.linalg.norm(slope) for slope in (*slopes.layers, slopes.predictor))
            products = np.prod([max(1.0, norm) for norm in norms]) ** 2 * sum(np.linalg.norm(view) for view in views)
            sizes.append(longest * (longest + products))
    moves, sizes = (np.array(values).reshape(n_networks, 3, *np.shape(values)[1:]) for values in (moves, sizes))
    trial.identity(
        moves[:, :2],
        np.zeros(moves[:, :2].shape),
        ops=2 * dim * (depth + 2),
        scale=sizes[:, :2, None, None, None],
        wrong_processes={"without the stop-gradient": np.repeat(moves[:, 2:], 2, axis=1)},
    )


@claim(ours(DERIVED), kind="identity")
def test_balance_conserved__flow(trial, dim=2, depth=2, spread=0.5, step=0.0025, records=4):
    """Along the whole flow from a start neither balanced nor aligned the same residuals stay what they were."""
    rng = trial.generator("network")
    parameters, (xx, yx, yy) = random_network(rng, dim, depth, spread), random_views(rng, dim)
    start = residuals(parameters)
    # Some views relax so fast that this step would be too long for them.
    step = min(step, *(observed.largest_stable_step(xx, yx, depth, objective) / 20 for objective in ("jepa", "mae")))

    def end(objective, factor, **options):
        every = 500 // factor
        run = observed.gradient_flow(parameters, xx, yx, factor * step, every * records, every, objective, **options)
        return np.asarray(run.balance[-1])

    fine = np.array([end(objective, 1) for objective in ("jepa", "mae")])
    coarse = np.array([end(objective, 2) for objective in ("jepa", "mae")])
    differentiated = end("jepa", 1, stop_gradient=False, Sigma_yy=yy)
    trial.value(
        fine,
        np.array([start, start]),
        # A step twice as long has sixteen times the error.
        error=np.abs(fine - coarse).max() + 1e-13,
        margin=1e-5,
        controls={"the residuals die out": np.zeros((2, *start.shape))},
        wrong_processes={"without the stop-gradient": np.array([differentiated, fine[1]])},
    )


def decide_velocity(trial, objective, depths, dim):
    """Decide that the projected gradient of the whole network is the scalar velocity on the diagonal, zero off it."""
    rng = trial.generator("states")
    measured, expected, sizes = [], [], []
    wrong = {"exponents of the other objective": [], "3 - 2/L and 2 - 2/L": [], "the clock's factor L dropped": []}
    for depth in depths:
        weights, covariance, regression = rng.uniform((0.6, 0.5, 0.4), (1.1, 2.0, 1.6), (dim, 3)).T
        parameters, features = aligned_network(rng, weights, depth, objective)
        views = predicted.covariances_of_features(covariance, regression, features)
        slopes = observed.gradients(parameters, *views, objective)
        encoder, moved = (np.asarray(part) for part in jax.jvp(observed.encoder, (parameters,), (slopes,)))
        measured.append(-features.T @ encoder.T @ moved @ features)
        strength, other = weights**depth, "mae" if objective == "jepa" else "jepa"

        def on_diagonal(velocity, strength=strength):
            return np.diag(strength * velocity)

        args = (strength, depth, covariance, regression)
        expected.append(on_diagonal(predicted.velocity(*args, objective=objective, clock="flow")))
        swapped = predicted.velocity(*args, objective=other, clock="flow")
        paper = predicted.velocity(*args, objective=objective, clock="paper")
        power = (3 if objective == "jepa" else 2) - 2 / depth
        wrong_power = depth * (covariance * strength**power - covariance / regression * strength**3)
        for values, velocity in zip(wrong.values(), (swapped, wrong_power, paper), strict=True):
            values.append(on_diagonal(velocity))
        # Every term is at most this: depth of them, each a product of two encoders, one predictor and a covariance.
        reach = max(1.0, weights.max()) ** (4 * depth + 2)
        sizes.append(np.full((dim, dim), depth * reach * (covariance.max() + (covariance / regression).max())))
    trial.identity(
        np.array(measured), np.array(expected), ops=dim * (5 * max(depths) + 10), scale=np.array(sizes), controls=wrong
    )


@claim(ours(EQUATIONS["jepa"] + ", " + FORMALISATION), kind="identity")
def test_ode_jepa(trial, depths=(1, 2, 3, 6), dim=3):
    """On aligned balanced networks JEPA moves every feature as dw/dt = lambda w^(3 - 1/L) - (lambda / rho) w^3."""
    decide_velocity(trial, "jepa", depths, dim)


@claim(ours(EQUATIONS["mae"] + ", " + FORMALISATION), kind="identity")
def test_ode_mae(trial, depths=(1, 2, 3, 6), dim=3):
    """On aligned balanced networks MAE moves every feature as dw/dt = lambda w^(2 - 1/L) - (lambda / rho) w^3."""
    decide_velocity(trial, "mae", depths, dim)


@claim(ours(DERIVED), kind="identity")
def test_fixed_points(trial, depths=(2, 3, 4, 6), covariance=1.3):
    """Gradients vanish at w-bar = rho^L (JEPA), rho^(L/(L+1)) (MAE), whatever lambda; V w-bar = rho^(L+1), rho."""
    regression = np.array([0.3, 0.7, 1.4])
    strength = np.full(3, covariance)
    rng = trial.generator("bases")
    cells = [(objective, depth) for objective in ("jepa", "mae") for depth in depths]

    def slopes(strength_of):
        found = []
        for objective, depth in cells:
            weights = strength_of(objective, depth) ** (1 / depth)
            parameters, features = aligned_network(rng, weights, depth, objective)
            views = predicted.covariances_of_features(strength, regression, features)
            found.append(np.asarray(observed.gradients(parameters, *views, objective).predictor))
        return np.array(found)

    def asymptote(objective, depth):
        return predicted.asymptote(depth, regression, objective=objective)

    trial.identity(
        slopes(asymptote),
        np.zeros((len(cells), 3, 3)),
        ops=3 * (4 * max(depths) + 6),
        scale=1.4 ** (2 * max(depths) + 1) * covariance / 0.3,
        wrong_processes={
            "rho": slopes(lambda objective, depth: regression),
            "rho^(1/L)": slopes(lambda objective, depth: regression ** (1 / depth)),
            "sqrt(lambda)": slopes(lambda objective, depth: np.sqrt(strength)),
        },
    )
    whole = [predicted.asymptote(d, regression, objective=o) ** (1 + 1 / d) for o, d in cells]
    trial.identity(
        [predicted.end_to_end_asymptote(depth, regression, objective=objective) for objective, depth in cells],
        whole,
        ops=50,
        scale=10.0,
        controls={"the objectives exchanged": np.roll(whole, len(depths), axis=0)},
    )
