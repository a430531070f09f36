"""What the figures simulate. Apart from the drawing, so that a change to a drawing does not throw
its data away.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from sims.random_walk_pca import training
from sims.random_walk_pca.pca import explained_variance_ratio, principal_components
from sims.random_walk_pca.training import digits, train
from sims.random_walk_pca.trajectories import (
    equivalent_gaussian_noise,
    random_projection,
    trajectory,
)

N_SCORES = 5
WINDOWS = ("whole run", "beginning", "middle", "end")


def linear_process(
    key: Key[Array, ""],
    n_points: int,
    dim: int,
    momentum: float = 0.0,
    reversion: float = 0.0,
    decay: float = 0.0,
    averaging: float = 0.0,
    running_mean: float = 0.0,
) -> dict[str, Float[Array, "..."]]:
    """PCA of one trajectory: ℓ_k, ρ̂_k, the leading scores in units of their amplitude sqrt(2 ℓ_k /
    T), and |x_t|.
    """
    points = trajectory(
        equivalent_gaussian_noise(key, n_points, dim),
        momentum=momentum,
        reversion=reversion,
        decay=decay,
        averaging=averaging,
        running_mean=running_mean > 0,
    )
    components = principal_components(points, min(n_points - 1, dim))
    return {
        "variance": components.variances,
        "ratio": components.variances / components.total_variance,
        "score": components.time_courses[:, :N_SCORES] * jnp.sqrt(n_points / 2),
        "distance": jnp.linalg.norm(points, axis=1),
    }


def leading_ratios(key: Key[Array, ""], n_points: int, dim: int) -> Float[Array, "3"]:
    """The three largest ρ̂_k of one walk."""
    return explained_variance_ratio(key, n_points, dim)[:3]


def distance_from_start(
    key: Key[Array, ""], n_points: int, dim: int, reversion: float
) -> Float[Array, "points"]:
    """|x_t| of one Ornstein-Uhlenbeck process that starts at the origin."""
    points = trajectory(equivalent_gaussian_noise(key, n_points, dim), reversion=reversion)
    return jnp.linalg.norm(points, axis=1)


def training_windows(
    key: Key[Array, ""],
    hidden: tuple[int, ...],
    loss: training.Loss,
    batch: int,
    n_steps: int,
    window: int,
    n_components: int,
    target_dim: int | None,
    learning_rate: float,
    momentum: float = 0.0,
) -> dict[str, Float[Array, "..."]]:
    """PCA of four windows (`WINDOWS`) of a run on the digits: ρ̂_k and the scores in units of their
    amplitude.

    The whole run is thinned to the length of a window. The same comes out once more, "projected",
    after a random projection of the parameters to `target_dim` dimensions, if that is given.
    """
    run_key, projection_key = jax.random.split(key)
    run = train(
        run_key,
        *digits(),
        hidden=hidden,
        loss=loss,
        batch=batch,
        n_steps=n_steps,
        learning_rate=learning_rate,
        momentum=momentum,
    )
    middle = (n_steps - window) // 2
    windows = [run.parameters[:: n_steps // window][:window]]
    windows += [run.parameters[start : start + window] for start in (0, middle, n_steps - window)]
    results = {"accuracy": run.accuracy, **_components_of_each(jnp.stack(windows), n_components)}
    if target_dim is not None:
        sketches = jax.lax.map(
            lambda points: random_projection(projection_key, points - points[0], target_dim),
            jnp.stack(windows),
        )
        of_projected = _components_of_each(sketches, n_components)
        results |= {f"projected_{name}": values for name, values in of_projected.items()}
    return results


def _components_of_each(
    trajectories: Float[Array, "trajectories points dim"], count: int
) -> dict[str, Float[Array, "trajectories ..."]]:
    components = jax.lax.map(lambda points: principal_components(points, count), trajectories)
    return {
        "ratio": components.variances / components.total_variance[:, None],
        "score": components.time_courses * jnp.sqrt(trajectories.shape[1] / 2),
    }


def gaussian_regression(
    key: Key[Array, ""],
    n_examples: int,
    n_features: int,
    n_outputs: int,
    n_steps: int,
    learning_rate: float,
) -> dict[str, Float[Array, "..."]]:
    """PCA of a linear model that learns a random linear map from Gaussian inputs by SGD, one
    example per step.

    Returns ρ̂_k, the leading scores in units of their amplitude, and |x_t - x_{t-1}|² for t =
    2..T.
    """
    input_key, teacher_key, run_key = jax.random.split(key, 3)
    inputs = jax.random.normal(input_key, (n_examples, n_features))
    teacher = jax.random.normal(teacher_key, (n_features, n_outputs)) * n_features**-0.5
    run = train(
        run_key, inputs, inputs @ teacher, n_steps=n_steps, batch=1, learning_rate=learning_rate
    )
    components = principal_components(run.parameters, n_steps - 1)
    return {
        "ratio": components.variances / components.total_variance,
        "score": components.time_courses[:, :N_SCORES] * jnp.sqrt(n_steps / 2),
        "squared_step": jnp.sum(jnp.diff(run.parameters, axis=0) ** 2, axis=1),
    }
