"""Training itself: what gradient descent reaches, how fast, and how it depends on its past.

A network that makes its features: ReLU layers on digits under linear heads.
"""

import functools
import itertools
from functools import partial
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

from paper_checks.test_neural_collapse import UNEQUAL, NClasses, Sizes, Width
from paper_checks.test_neural_collapse.problems import (
    lowest,
    problem_of,
    require_classes,
    shared_decays,
)
from sims.neural_collapse import collapse_metrics, gradient_training, model, optimise, relu_trunk
from theory.neural_collapse import landscape, mean_square
from theory_on_trial import claim, derived, known, tried
from theory_on_trial.base.mapping import quick_map
from theory_on_trial.contract import Interval

STEP = 0.1
MOMENTUM = 0.9
START = 0.1  # the deviation of random starts; all three are those of the released code

RATES = derived("heavy-ball descent near the minimum, by the curvatures of the Hessian there")
Seeds = Annotated[
    int, Interval(7, 100, why="fewer signs carry no level of 1e-6, more take minutes")
]
WeakDecay = Annotated[
    float, Interval(3e-3, 6e-3, why="stronger decay kills such starts, weaker takes longer")
]
"""λ of every factor."""
Steps = Annotated[int, Interval(4000, 10**5, why="fewer leave a level before it rests")]
"""Of descent at each level of a ramp."""
TRAINED = (((10,) * 4, 3, 32), ((20, 10, 5, 5), 2, 32))
"""Class sizes, depth and width."""


def schedule(decay, lengths):
    """The pair (steps of a training that is `lengths` / decay long, steps from one record to the
    next).
    """
    steps = 100 * round(lengths / 100 / decay)
    return steps, steps // 20


class Runs(NamedTuple):
    """What is recorded of many runs, a row each: the steps, and after them the objective, NC1, and
    the M + 3 distances from the predicted frame; and W W^T of W = W_M ... W_1 at the end.

    The distances are NC2 of W_M ... W_m for m = 1, ..., M, NC2 of the class means, NC3 of the
    logits, and NC3 of W with the class means.
    """

    steps: np.ndarray
    objective: np.ndarray
    within_class: np.ndarray
    frame: np.ndarray
    product_gram: np.ndarray


@functools.cache
def trainer(class_sizes, depth, width, decay, steps, every, reduced=True):
    """The pair (function from keys to `Runs`, predicted optimum) for equal decays and the released
    code's step, momentum and start. Features have a column per class if `reduced`, else per sample.
    """
    problem = problem_of(class_sizes, (decay,) * depth, decay)
    optimum = mean_square.mse_optimum(class_sizes, [decay] * depth, decay)
    targets = collapse_metrics.Targets(*mean_square.optimum_targets(optimum))

    def run(key):
        training = gradient_training.train(
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
        metrics = training.collapse
        distances = jnp.stack([metrics.features, metrics.logits, metrics.alignment], axis=-1)
        product = model.product(training.head.weights)
        frame = jnp.concatenate([metrics.weights, distances], axis=-1)
        return training.steps, training.objective, metrics.within_class, frame, product @ product.T

    run_all = quick_map(run)
    return lambda keys: Runs(*map(np.asarray, run_all(keys))), optimum


def decide_reached(trial, n_seeds, trainers):
    """Decide that runs of all `trainers` together end at the predicted geometry and value more
    often than not.
    """
    reached = []
    at_simplex = []
    above_value = []
    for index, (train, optimum) in enumerate(trainers):
        runs = train(jax.random.split(trial.key(str(index)), n_seeds))
        simplex = mean_square.simplex_etf(optimum.class_sizes.size)
        distance = np.maximum(runs.frame[:, -1].max(axis=1), runs.within_class[:, -1])
        to_simplex = [collapse_metrics.gram_distance(gram, simplex) for gram in runs.product_gram]
        # Metrics of a head that has died out are NaN, and 2 is the largest distance.
        distance = np.nan_to_num(distance, nan=2.0)
        to_simplex = np.nan_to_num(to_simplex, nan=2.0)
        gap = np.abs(runs.objective[:, -1] - optimum.value)
        gap_above = np.abs(runs.objective[:, -1] - 1.01 * optimum.value)
        # Positive where both are small: 1e-6 of the geometry, 1e-9 of the value.
        reached.append(1 - np.maximum(distance / 1e-6, gap / 1e-9))
        at_simplex.append(1 - np.maximum(to_simplex / 1e-6, gap / 1e-9))
        above_value.append(1 - np.maximum(distance / 1e-6, gap_above / 1e-9))
    trial.runs(
        np.concatenate(reached),
        alpha=1e-6,
        controls={
            "the simplex frame": np.concatenate(at_simplex),
            "a value 1 % larger": np.concatenate(above_value),
        },
    )


@claim(
    tried(
        "abstract, sentence 9: the theory is validated on synthetic architectures",
        "three small problems and the share of runs",
    ),
    kind="empirical",
    low_power="each of 36 runs carries a sign only: if all succeed, at least 66 % of such runs do",
)
def test_gd_reaches_NC(trial, n_seeds: Seeds = 12, decay: WeakDecay = 5e-3):
    """From most random starts, in three small problems of depths 1, 2 and 3 and widths 16 and 32,
    gradient descent with momentum on the square loss reaches the predicted frame and the global
    minimum.
    """
    trainers = [trainer(*case, decay, *schedule(decay, 20)) for case in TRAINED]
    trainers.append(trainer((10,) * 4, 1, 16, decay, *schedule(decay, 12), reduced=False))
    decide_reached(trial, n_seeds, trainers)


@claim(
    tried(
        "abstract, sentence 9: the theory is validated on synthetic architectures",
        "a program of ours at the settings of the released `synthetic_experiment_imbalanced.py` "
        "and `synthetic_experiment_balanced.py`, and the share of runs",
    ),
    kind="empirical",
    tier="full",
    low_power="each of 28 runs carries a sign only: if all succeed, at least 59 % of such runs do",
)
def test_gd_reaches_NC__official(
    trial,
    n_seeds: Annotated[
        int, Interval(3, 100, why="seven settings; fewer signs carry no level of 1e-6")
    ] = 4,
):
    """At the released settings ($N = 400$ samples, width 64, decay $5e-4$, 30 000 steps) and depths
    1, 3 and 6, the metrics NC1, NC2 and NC3 of collapse vanish at the end of most runs.
    """
    unequal = (200, 100, 50, 50)
    trainers = [
        trainer(sizes, depth, 64, 5e-4, 30_000, 1000)
        for sizes in ((100,) * 4, unequal)
        for depth in (1, 3, 6)
    ]
    trainers.append(trainer(unequal, 1, 64, 5e-4, 30_000, 1000, reduced=False))
    decide_reached(trial, n_seeds, trainers)


def final_rate(steps, metrics, low, high):
    """The pair (rate at which a metric falls, its error), medians over runs, a row of `metrics`
    each. Of the records between the levels `low` and `high` the last third gives the rate, and its
    change from the middle third the error.
    """
    rates = []
    changes = []
    for metric in metrics:
        indices = np.flatnonzero((metric > low) & (metric < high))
        logs = np.log(metric[indices])
        times = steps[indices]
        third = len(indices) // 3
        before = -(logs[2 * third] - logs[third]) / (times[2 * third] - times[third])
        last = -(logs[-1] - logs[2 * third]) / (times[-1] - times[2 * third])
        rates.append(last)
        # Faster modes still fade: the change between windows is larger than what is left of it.
        changes.append(abs(last - before))
    return np.median(rates), np.median(changes)


@claim(RATES, kind="rate", cases=TRAINED)
def test_nc_rate(
    trial,
    class_sizes: Sizes,
    depth: Annotated[
        int,
        Interval(
            2, 3, why="a shallow net has its own claim, deeper ones take longer to leave zero"
        ),
    ],
    width: Annotated[int, Interval(24, 64, why="narrower heads lose classes on the way")],
    n_seeds: Seeds = 12,
    decay: WeakDecay = 5e-3,
):
    """In the last phase of training with the square loss at depths two and three, if all classes
    are alive, NC2 falls at the rate of heavy-ball descent along a curvature of $2 λ$; $λ$ is the
    decay of all factors. NC2 is the distance between the Gram matrix of $W_M … W_1$ and that of the
    predicted frame, both of unit norm.
    """
    require_classes(trial, class_sizes)
    betas = mean_square.mse_optimum(class_sizes, [decay] * depth, decay).betas
    alive = len(betas) > 1 and np.all(betas < 0.6 * mean_square.global_threshold(depth))
    trial.require(
        alive, "class_sizes must be two or more, and well alive: below 0.6 of the threshold"
    )
    trial.require(
        max(class_sizes) <= 100, "class_sizes must be at most 100: with more, runs reach no frame"
    )
    train, _ = trainer(class_sizes, depth, width, decay, *schedule(decay, 20))
    runs = train(jax.random.split(trial.key("seeds"), n_seeds))
    success = runs.frame[:, -1].max(axis=1) < 1e-6
    nc2 = runs.frame[success, :, 0]
    rate, error = final_rate(runs.steps[0], nc2, 1e-12, 1e-3)
    exact = landscape.nc2_rate(decay, STEP, MOMENTUM)
    trial.value(
        rate,
        exact,
        error=error,
        margin=1e-3 * exact,
        controls={
            "curvature $λ$ for $2 λ$": landscape.heavy_ball_rate(decay, STEP, MOMENTUM),
            "proportional to $M$": exact * depth,
        },
        instances="search",
    )


@claim(RATES, kind="rate")
def test_nc_rate__within(trial, n_seeds: Seeds = 12, decay: WeakDecay = 5e-3):
    """In the last phase of training with the square loss, for four classes of ten samples at depth
    one and width 16, NC1 falls at twice the sum of the heavy-ball rates of curvatures $λ$ and
    $2 λ$; $λ$ is the decay of all factors. NC1 is the covariance of features within classes
    relative to that of the class means.
    """
    train, _ = trainer((10,) * 4, 1, 16, decay, *schedule(decay, 12), reduced=False)
    runs = train(jax.random.split(trial.key("seeds"), n_seeds))
    rate, error = final_rate(runs.steps[0], runs.within_class, 1e-24, 1e-8)
    exact = landscape.nc1_rate(decay, STEP, MOMENTUM)
    nc2_rate = landscape.nc2_rate(decay, STEP, MOMENTUM)
    trial.value(
        rate,
        exact,
        error=error,
        margin=1e-3 * exact,
        controls={
            "3.3 times the rate of NC2": 3.3 * nc2_rate,
            "the rate of NC2": nc2_rate,
            "twice the rate of $λ$ alone": 2 * landscape.heavy_ball_rate(decay, STEP, MOMENTUM),
        },
        instances="search",
    )


@claim(
    known(
        "Du, Hu & Lee 2018, Algorithmic regularization in learning deep homogeneous models: layers "
        "are automatically balanced, Theorem 2.2",
        within="no decay; that decays shrink the difference is derived here",
    ),
    kind="identity",
    cases=[((4, 3), "mse", True), ((4,), "ce", False)],
)
def test_imbalance_decay(
    trial,
    widths: tuple[Width, ...],
    loss: Literal["mse", "ce"],
    bias: bool,
    decay: Annotated[float, Interval(0.01, 0.2, why="the flow is followed to time 5")] = 0.05,
    class_sizes: Sizes = (3, 2, 1),
):
    """In gradient flow with the same decay $λ$ of all layers and of the features, each entry of
    $W_(m+1)^T W_(m+1) - W_m W_m^T$ falls as $exp(-2 λ t)$ in the time $t$, under the square loss
    and the cross-entropy; layer 0 are the features.
    """
    require_classes(trial, class_sizes)
    trial.require(len(widths) > 0, "widths must hold at least one layer")
    n_classes = len(class_sizes)
    std = max(widths) ** -0.5
    start = model.initial_head(
        trial.key("start"), widths, n_classes, n_classes, weight_std=std, feature_std=std
    )
    equal = np.full(len(widths) + 1, decay)
    time = 5.0

    def imbalances(head):
        """All entries of W_(m+1)^T W_(m+1) - W_m W_m^T, from the features on."""
        # The features are Hbar diag(sqrt n), a column per class, with the H H^T of all samples.
        factors = [np.asarray(factor) for factor in (head.features, *head.weights)]
        pairs = itertools.pairwise(factors)
        return np.concatenate([(later.T @ later - own @ own.T).ravel() for own, later in pairs])

    def at_end(decays):
        problem = problem_of(class_sizes, decays[:-1], decays[-1], loss=loss, bias=bias)
        return imbalances(flow(problem, start, [time])[0])

    unequal = at_end(equal * np.linspace(0.6, 1.4, len(equal)))
    first = imbalances(start)
    trial.value(
        at_end(equal),
        first * np.exp(-2 * decay * time),
        error=1e-9,  # hundreds of steps, each good to 1e-11
        margin=1e-8,
        controls={"$exp(-λ t)$": first * np.exp(-decay * time)},
        control_processes={"unequal decays": unequal},
        generic="the flow is analytic in its start",
    )


def flow(problem, start, times):
    """The heads at some times of the gradient flow from a start."""
    widths = tuple(layer.shape[1] for layer in start.weights)
    n_columns = start.features.shape[1]
    slope = optimise.value_and_gradient(problem, widths, n_columns)
    path = solve_ivp(
        lambda _, at: -slope(at)[1],
        (0.0, times[-1]),
        optimise.flatten(start, problem),
        "DOP853",
        times,
        rtol=1e-11,
        atol=1e-13,
    )
    return [optimise.unflatten(at, problem, widths, n_columns) for at in path.y.T]


RampedPerClass = Annotated[
    int, Interval(1, 50, why="with more, curvatures are too small for the steps at a level")
]
"""n, the samples of each class."""
LEVELS = {
    1: ([0.3, 0.4, 0.5, 0.6, 0.8, 1.2], [0.8, 0.6, 0.5, 0.4, 0.3]),
    2: ([0.3, 0.4, 0.5, 0.55, 0.6, 0.625, 0.7], [0.6, 0.5, 0.4, 0.3, 0.2]),
}
"""β while the decay is raised, and while it is lowered, by depth; at depth one β_gl and β_ex are 1,
at depth two they are 0.5 and 0.6495.
"""


@claim(
    derived(
        "the non-zero solution stays a local minimum up to $β_ex$, and zero always is one at "
        "depth two and more"
    ),
    kind="empirical",
    cases=[1, 2],
)
def test_hysteresis(
    trial,
    depth: Annotated[int, Interval(1, 2, why="the levels of these depths are chosen")],
    n_classes: NClasses = 3,
    per_class: RampedPerClass = 3,
    steps: Steps = 4000,
):
    """Let $β = M K (N Λ)^(1/M)$ for $K$ balanced classes at depth $M$ under the square loss, $N$
    samples and the product $Λ$ of all decays. While the decays are slowly raised, descent keeps the
    frame up to $β_ex$, where its stationary point ends. At depth two this is beyond $β_gl$, from
    which on zero is the global minimum. When the decays are lowered again, zero remains zero at
    depth two; at depth one the frame returns as it was.
    """
    raised, lowered = LEVELS[depth]
    betas = np.array(raised + lowered)
    existence = mean_square.existence_threshold(depth)
    up = np.arange(len(betas)) < len(raised)
    roots = mean_square.largest_root(np.minimum(betas, existence), depth)
    measured, decays = _ramped(trial, n_classes, per_class, depth, betas, steps)

    def for_classes(per_level):
        """The same number for each class: an array of levels x classes."""
        return np.repeat(np.array(per_level)[:, None], n_classes, axis=1)

    def shares(alive):
        """The share of its label that each class keeps, by whether it is alive at a level."""
        return for_classes(np.where(alive, mean_square.shrinkage(roots, depth), 0))

    has_root = betas < existence
    if depth == 1:
        alive = has_root
        controls = {
            "zero remains zero": shares(up & has_root),
            "$1 - β$ for $1 - sqrt(β)$": for_classes(np.maximum(1 - betas, 0)),
        }
        curvature_at_zero = decays * (1 - betas**-0.5)
    else:
        alive = up & has_root
        controls = {
            "gone at $β_gl$": shares(up & (betas < mean_square.global_threshold(depth))),
            "no memory": shares(has_root),
        }
        curvature_at_zero = decays
    # Where no root is left, the number is not used: nothing is alive there.
    radial = [
        landscape.radial_eigenvalues(np.array([root]), decay, depth)[0] if root > 0 else decay
        for root, decay in zip(roots, decays, strict=True)
    ]
    slowest = np.where(alive, np.minimum(radial, decays), curvature_at_zero)
    # What is left of a displacement after the steps at one level, in its slowest mode. Momentum may
    # stretch it. A frame that comes back grows from noise of 1e-4, of which its direction may hold
    # a hundredth.
    rates = [landscape.heavy_ball_rate(float(mode), STEP, MOMENTUM) for mode in slowest]
    left = 1e6 * np.exp(-steps * np.array(rates))
    trial.require(
        left.max() < 1e-5, "steps must follow each level to rest: more for many classes and samples"
    )
    trial.value(
        measured,
        shares(alive),
        error=for_classes(left) + 1e-9,
        margin=1e-4,
        controls=controls,
        instances="search",
    )


def _ramped(trial, n_classes, per_class, depth, betas, steps):
    """The pair (shares σ / sqrt(n) at the end of each level of β, levels x classes; the decay of
    each level). The ramp starts at the global minimum of the first level.
    """
    sizes = (per_class,) * n_classes
    strengths = betas / mean_square.global_threshold(depth)
    decays = np.array(
        [shared_decays(sizes, depth, strength, ratio=1.0)[1] for strength in strengths]
    )
    problem = problem_of(sizes, (decays[0],) * depth, decays[0])
    head = lowest(problem, trial.key("start"), 2, (n_classes,) * depth).head
    ramp = jax.jit(
        lambda key, head: gradient_training.ramp(
            key,
            head,
            problem,
            jnp.asarray(decays / decays[0]),
            steps=steps,
            learning_rate=STEP,
            momentum=MOMENTUM,
            noise=1e-4,
        )
    )
    return np.asarray(ramp(trial.key("noise"), head)) / np.sqrt(per_class), decays


@claim(
    known(
        "Saxe, McClelland & Ganguli 2014, Exact solutions to the nonlinear dynamics of learning in "
        "deep linear neural networks: aligned starts",
        within="no decay, which is added here",
    ),
    kind="identity",
    cases=[((160, 80, 40, 20), 2e-3), ((30, 30, 5), 0.0005)],
)
def test_collapse_time(
    trial,
    class_sizes: Sizes,
    decay: Annotated[float, Interval(1e-6, 0.05, why="beyond, every class dies at once")],
    start: Annotated[float, Interval(1e-4, 0.5, why="small, and below one")] = 0.01,
):
    """Let gradient flow on the square loss at depth one start at aligned and balanced factors, with
    the same decay $λ$ of weights and features. The logit $s$ of a class of $n_k$ of the $N$ samples
    follows $s' = 2 s ((sqrt(n_k) / N)(1 - s) - λ)$. So, where $λ$ is small, the class collapses in
    a time proportional to $N / sqrt(n_k)$, and not to $1 / n_k$.
    """
    require_classes(trial, class_sizes)
    trial.require(
        max(class_sizes) > min(class_sizes) >= 2, "class_sizes must not all be equal, and 2 or more"
    )
    sizes = np.array(class_sizes)
    problem = problem_of(class_sizes, (decay,), decay)
    rotation = np.linalg.qr(trial.generator().standard_normal((len(sizes), len(sizes))))[0]
    factors = np.diag(np.sqrt(start * np.sqrt(sizes)))  # whose product has the logits `start`
    head = model.Head((factors @ rotation.T,), rotation @ factors, np.zeros(len(sizes)))
    times = np.linspace(0, 6 * sizes.sum() / np.sqrt(sizes.max()), 13)
    heads = flow(problem, head, times)
    logits = np.array([np.diag(at.weights[0] @ at.features) for at in heads]) / np.sqrt(sizes)

    def curves(counts, speed=1.0):
        """The logits, times x classes, were `counts` the class sizes and time faster by `speed`."""
        columns = [
            landscape.collapse_curve(speed * times[1:], start, int(count), int(sizes.sum()), decay)
            for count in counts
        ]
        return np.column_stack(columns)

    squared_sizes = np.maximum(1, sizes**2 // sizes.max())  # whose roots are as n_k
    trial.value(
        logits[1:],
        curves(sizes),
        error=1e-8,  # hundreds of steps, each good to 1e-11
        margin=1e-6,
        scale=1.0,
        controls={
            "one factor alone moves, at half the speed": curves(sizes, 0.5),
            "a time proportional to $1 / n_k$": curves(squared_sizes),
            "one time for every class": curves(np.full(len(sizes), sizes.max())),
        },
        generic="the flow is analytic in the rotation of its start",
    )


TRUNK_SIZES = (80, 40, 20, 10)
TrunkDecay = Annotated[
    float, Interval(2e-3, 8e-3, why="with less, descent is slow; the high end is a cap")
]
"""λ_W; λ_H is a tenth of it."""


@claim(
    tried(
        UNEQUAL,
        "ReLU layers on digits, with decay on the last features, in place of free features",
    ),
    kind="empirical",
    tier="full",
    low_power="each run carries a sign only",
    cases=[1, 3],
)
def test_relu_trunk(
    trial,
    depth: Annotated[int, Interval(1, 3, why="deeper heads leave plateaus after minutes")],
    decay: TrunkDecay = 4e-3,
    n_runs: Annotated[int, Interval(12, 50, why="of fewer, signs carry a poor level")] = 12,
    steps: Annotated[int, Interval(4000, 20_000, why="before, some runs are on their way")] = 4000,
):
    """Let three ReLU layers make the features of digits, 80, 40, 20 and 10 of four classes, with
    decay on the head and on the last features. Most runs collapse to the minimiser for free
    features: the spread within classes (NC1) is below 1 %, lengths of classifiers and class means
    are within 4 % of the minimiser's, and cosines between those of different classes are below .15.
    The level of the test allows 2 of 12 runs to end otherwise.

    With the decay on the trunk's weights, as in practice, or on the head alone the geometry does
    not come: the trunk gives features a common part for nothing, which acts as a bias.
    """
    images, labels = relu_trunk.digit_images(
        TRUNK_SIZES, int(trial.generator("images").integers(2**31))
    )
    targets = np.eye(len(TRUNK_SIZES))[labels]
    optimum = mean_square.mse_optimum(list(TRUNK_SIZES), [decay] * depth, decay / 10)
    lengths = np.sqrt([np.diag(optimum.classifier_gram), np.diag(optimum.feature_gram)])

    def measured(decayed):
        """A number for each run: one less the largest of the three distances from the minimiser,
        each over what is claimed. It is positive where all three are as claimed.
        """
        train = partial(
            relu_trunk.train_trunk,
            images=images,
            targets=targets,
            depth=depth,
            steps=steps,
            weight_decay=decay,
            feature_decay=decay / 10,
            decayed=decayed,
        )
        runs = jax.vmap(train)(jax.random.split(trial.key(decayed), n_runs))
        distances = []
        for last, features in zip(
            np.asarray(runs.head[-1]), np.asarray(runs.features), strict=True
        ):
            if not np.all(np.isfinite(features)):  # a descent that diverges
                distances.append(10.0)
                continue
            means = np.array([features[labels == k].mean(axis=0) for k in range(len(TRUNK_SIZES))])
            vectors = np.stack([last, means])  # of classifiers, and of class means
            own_lengths = np.linalg.norm(vectors, axis=2)
            units = vectors / own_lengths[:, :, None]
            cosines = np.abs(units @ units.swapaxes(1, 2) - np.eye(len(TRUNK_SIZES))).max()
            spread = collapse_metrics.within_class_collapse(
                features.T.astype(float), TRUNK_SIZES, cutoff=1e-6
            )
            distances.append(
                max(np.abs(own_lengths / lengths - 1).max() / 0.04, cosines / 0.15, spread / 0.01)
            )
        return 1 - np.array(distances)

    trial.runs(
        measured("last features"),
        alpha=0.04,
        controls={
            "decay on the trunk": measured("trunk"),
            "decay on the head alone": measured("head alone"),
        },
    )
