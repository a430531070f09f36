"""Training itself: what gradient descent reaches, how fast, and how it depends on its past."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_neural_collapse import ABSTRACT, DERIVED, lowest, problem_of
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours
from theory_on_trial.mapping import map_cells

STEP, MOMENTUM, START = 0.1, 0.9, 0.1  # of the released code


@functools.cache
def trainer(class_sizes, depth, width, decay, steps, every, reduced=True):
    """The compiled training of many seeds with equal decays and the released code's step, momentum and start."""
    problem = problem_of(class_sizes, (decay,) * depth, decay)
    optimum = predicted.mse_optimum(class_sizes, [decay] * depth, decay)
    frames = predicted.optimum_targets(optimum)
    targets = observed.Targets(frames.suffix_grams, frames.feature_gram, frames.logits, frames.duality)

    def run(key):
        trained = observed.train(
            key,
            problem,
            (width,) * depth,
            learning_rate=STEP,
            momentum=MOMENTUM,
            steps=steps,
            every=every,
            weight_std=START,
            feature_std=START,
            reduced=reduced,
            targets=targets,
        )
        metrics = trained.collapse
        others = jnp.stack([metrics.features, metrics.logits, metrics.alignment], axis=-1)
        whole = observed.product(trained.head.weights)
        frame = jnp.concatenate([metrics.weights, others], axis=-1)
        return trained.steps, trained.objective, metrics.within_class, frame, whole @ whole.T

    return jax.jit(lambda keys: map_cells(run, keys)), optimum


def decide_reached(trial, n_seeds, settings):
    """Decide that runs end at the predicted geometry and value more often than not; the wrong frame must fail."""
    distances, to_simplex, gaps, gaps_above = [], [], [], []
    for index, (arguments, options) in enumerate(settings):
        run, optimum = trainer(*arguments, **options)
        keys = jax.random.split(trial.key(str(index)), n_seeds)
        _, objective, within, frame, whole = (np.asarray(x) for x in run(keys))
        # NaN is what metrics of a head that has died out are.
        distances.append(np.nan_to_num(np.maximum(frame[:, -1].max(axis=1), within[:, -1]), nan=2.0))
        simplex = predicted.simplex_etf(optimum.class_sizes.size)
        to_simplex.append([predicted.frame_distance(gram, simplex) for gram in whole])
        gaps.append(np.abs(objective[:, -1] - optimum.value))
        gaps_above.append(np.abs(objective[:, -1] - 1.01 * optimum.value))
    metrics = {"simplex frame": 1e-6 - np.concatenate(to_simplex)}
    trial.runs(1e-6 - np.concatenate(distances), alpha=1e-6, controls=metrics)
    values = {"1 % more": 1e-9 - np.concatenate(gaps_above)}
    trial.runs(1e-9 - np.concatenate(gaps), alpha=1e-6, controls=values)


@claim(ours(ABSTRACT), kind="empirical")
def test_gd_reaches_NC(trial, n_seeds=12, decay=5e-3):
    """From random starts of enough width gradient descent reaches the predicted frame and the global minimum."""
    settings: list = [
        (((10,) * 4, 3, 32, decay, 4000, 200), {}),
        (((20, 10, 5, 5), 2, 32, decay, 4000, 200), {}),
        (((10,) * 4, 1, 16, decay, 2400, 100), {"reduced": False}),
    ]
    decide_reached(trial, n_seeds, settings)


@claim(ours("direct experiments of the released code"), kind="empirical", tier="full")
def test_gd_reaches_NC__official(trial, n_seeds=4, decay=5e-4, steps=30_000, depths=(1, 3, 6)):
    """At the released settings (N = 400, width 64, decay 5e-4, 30 000 steps) NC1, NC2 and NC3 vanish, M = 1, 3, 6."""
    unequal = (200, 100, 50, 50)
    settings: list = [
        ((sizes, depth, 64, decay, steps, 1000), {}) for sizes in ((100,) * 4, unequal) for depth in depths
    ]
    decide_reached(trial, n_seeds, [*settings, ((unequal, 1, 64, decay, steps, 1000), {"reduced": False})])


def final_rate(steps, metric, low, high):
    """The rate of a falling metric over its last window between two levels, and the change from the one before."""
    kept = np.flatnonzero((metric > low) & (metric < high))
    logs, times = np.log(metric[kept]), steps[kept]
    third = len(kept) // 3
    rates = [
        -(logs[end] - logs[start]) / (times[end] - times[start]) for start, end in ((third, 2 * third), (2 * third, -1))
    ]
    return rates[1], abs(rates[1] - rates[0])


@claim(ours(DERIVED), kind="rate")
def test_nc_rate(trial, n_seeds=12, decay=5e-3, steps=4000, every=200):
    """The last phase of NC2 has the heavy-ball rate of curvature 2 lambda, whatever the depth."""
    exact = predicted.nc2_rate(decay, STEP, MOMENTUM)
    found, errors = [], []
    for sizes, depth, width in (((10,) * 4, 3, 32), ((20, 10, 5, 5), 2, 32)):
        run, _ = trainer(sizes, depth, width, decay, steps, every)
        times, _, _, frame, _ = (np.asarray(x) for x in run(jax.random.split(trial.key(str(depth)), n_seeds)))
        reached = frame[:, -1].max(axis=1) < 1e-6
        rates = [final_rate(times[0], seen[:, 0], 1e-12, 1e-3) for seen in frame[reached]]
        found.append(np.median([rate for rate, _ in rates]))
        # Faster modes still fade: the change between windows is larger than what is left of it.
        errors.append(np.median([change for _, change in rates]))
    trial.value(
        found,
        np.full(len(found), exact),
        error=np.array(errors),
        margin=0.03 * exact,
        controls={
            "curvature lambda": np.full(len(found), predicted.heavy_ball_rate(decay, STEP, MOMENTUM)),
            "proportional to M": exact * np.array([3.0, 2.0]),
        },
    )


@claim(ours(DERIVED), kind="rate")
def test_nc_rate__within(trial, n_seeds=12, decay=5e-3, steps=2400, every=100):
    """NC1 falls at twice the rates of curvatures lambda and 2 lambda together."""
    run, _ = trainer((10,) * 4, 1, 16, decay, steps, every, reduced=False)
    times, _, within, *_ = (np.asarray(x) for x in run(jax.random.split(trial.key("seeds"), n_seeds)))
    rates = [final_rate(times[0], seen, 1e-24, 1e-8) for seen in within]
    exact = predicted.nc1_rate(decay, STEP, MOMENTUM)
    trial.value(
        np.median([rate for rate, _ in rates]),
        exact,
        error=np.median([change for _, change in rates]),
        margin=0.03 * exact,
        controls={
            "three times NC2": 3.3 * predicted.nc2_rate(decay, STEP, MOMENTUM),
            "that of NC2": predicted.nc2_rate(decay, STEP, MOMENTUM),
            "without the misalignment": 2 * predicted.heavy_ball_rate(decay, STEP, MOMENTUM),
        },
    )


@claim(ours(DERIVED), kind="identity")
def test_imbalance_decay(trial, decay=0.05, time=5.0, steps=1000, class_sizes=(3, 2, 1)):
    """In gradient flow with equal decays W_(m+1)^T W_(m+1) - W_m W_m^T falls as exp(-2 lambda t), for any loss."""
    for name, widths, options in (("mse", (4, 3), {"bias": True}), ("ce", (4,), {"loss": "ce"})):
        depth = len(widths)
        start = observed.initial_head(trial.key(name), widths, len(class_sizes), 3, weight_std=0.5, feature_std=0.5)

        @jax.jit
        def flow(start, decays, time_step, options=options):
            problem = observed.Problem(class_sizes, tuple(decays[:-1]), decays[-1], **options)
            followed = observed.gradient_flow(start, problem, time_step=time_step, steps=steps, every=steps // 2)
            return jnp.concatenate([matrix.reshape(len(matrix), -1) for matrix in followed.imbalances], axis=1)

        equal = jnp.full(depth + 1, decay)
        fine = np.asarray(flow(start, equal, time / steps))  # records at 0, time / 2, time
        coarse = np.asarray(flow(start, equal, 2 * time / steps))[1]
        unequal = np.asarray(flow(start, equal * jnp.linspace(0.6, 1.4, depth + 1), time / steps))
        factor = predicted.imbalance_factor(decay, time)
        trial.value(
            fine[2],
            fine[0] * factor,
            # A step twice as long has sixteen times the error.
            error=np.abs(fine[2] - coarse).max() + 1e-13,
            margin=1e-8,
            controls={"exp(-lambda t)": fine[0] * np.sqrt(factor)},
            wrong_processes={"unequal decays": unequal[2]},
        )


@claim(ours(DERIVED), kind="empirical")
def test_hysteresis(trial, n_classes=3, per_class=3, start=0.3, steps=4000):
    """M = 2: slowly raised decay keeps the frame up to beta_ex, beyond beta_gl; lowered again, zero remains zero."""
    depth, n_samples = 2, n_classes * per_class
    decay = ((start / (depth * n_classes)) ** depth / n_samples) ** (1 / (depth + 1))
    sizes = (per_class,) * n_classes
    existence = predicted.existence_threshold(depth)
    rising = np.array([0.3, 0.4, 0.5, 0.55, 0.6, 0.625, 0.7])
    falling = np.array([0.6, 0.5, 0.4, 0.3, 0.2])
    betas = np.concatenate([rising, falling])
    found = _ramped(trial, sizes, depth, decay, betas / start, steps)

    def shares(alive):
        roots = predicted.largest_root(np.minimum(betas, existence), depth)
        return np.repeat(np.where(alive, predicted.shrinkage(roots, depth), 0)[:, None], n_classes, axis=1)

    up = np.arange(len(betas)) < len(rising)
    decays = decay * (betas / start) ** (depth / (depth + 1))
    modes = []
    for beta, level in zip(betas, decays, strict=True):
        root = predicted.largest_root(min(beta, existence), depth)
        radial = float(predicted.radial_eigenvalues(np.array([root]), level, depth)[0])
        modes.append(min(radial, level) if beta < existence else level)
    # What is left of a unit displacement after the steps at one level, in its slowest mode.
    left = np.exp([-steps * predicted.heavy_ball_rate(mode, STEP, MOMENTUM) for mode in modes])
    trial.value(
        found,
        shares(up & (betas < existence)),
        error=np.repeat(left[:, None], n_classes, axis=1) + 1e-9,
        margin=0.01,
        controls={
            "gone at beta_gl": shares(up & (betas < predicted.global_threshold(depth))),
            "no memory": shares(betas < existence),
        },
    )


@claim(ours(DERIVED), kind="empirical")
def test_hysteresis__shallow(trial, n_classes=3, per_class=3, start=0.3, steps=4000):
    """M = 1: no hysteresis, the frame is the same on the way up and down."""
    n_samples = n_classes * per_class
    decay = (start / (n_classes * n_samples)) ** 0.5
    rising = np.array([0.3, 0.4, 0.5, 0.6, 0.8, 1.2])
    betas = np.concatenate([rising, rising[-2::-1]])
    found = _ramped(trial, (per_class,) * n_classes, 1, decay, betas / start, steps)
    shares = np.where(betas < 1, 1 - np.sqrt(betas), 0)
    # The slowest curvatures: 2 lambda min(1, x) where the frame lives, lambda (1 - beta^(-1/2)) at zero.
    slowest = (
        decay * np.sqrt(betas / start) * np.where(betas < 1, np.minimum(2, 2 * (betas**-0.5 - 1)), 1 - betas**-0.5)
    )
    left = np.exp([-steps * predicted.heavy_ball_rate(float(mode), STEP, MOMENTUM) for mode in slowest])
    stays = np.where(np.arange(len(betas)) < len(rising), shares, 0)
    trial.value(
        found,
        np.repeat(shares[:, None], n_classes, axis=1),
        error=np.repeat(left[:, None], n_classes, axis=1) + 1e-9,
        margin=1e-3,
        controls={"zero remains zero": np.repeat(stays[:, None], n_classes, axis=1)},
    )


def _ramped(trial, sizes, depth, decay, ratios, steps):
    """The shares sigma / sqrt(n) at the end of each level of beta, from the global minimum of the first."""
    problem = problem_of(sizes, (decay,) * depth, decay)
    head = lowest(problem, trial.key("start"), 2, (len(sizes),) * depth).head
    factors = jnp.asarray(ratios ** (depth / (depth + 1)))
    ramp = jax.jit(
        lambda key, head: (
            observed.ramp(
                key, head, problem, factors, steps=steps, learning_rate=STEP, momentum=MOMENTUM, noise=1e-4
            ).singular_values
        )
    )
    return np.asarray(ramp(trial.key("noise"), head)) / np.sqrt(sizes[0])
