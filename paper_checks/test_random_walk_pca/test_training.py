"""What training adds to a walk: drift, decaying noise, and trained networks themselves."""

from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_random_walk_pca import WITH_DRIFT
from sims.random_walk_pca import infinite_dimension, pca, training, trajectories
from theory.random_walk_pca import drift_and_decay, plain_walk
from theory_on_trial import claim, derived, known
from theory_on_trial.base.mapping import quick_map
from theory_on_trial.contract import Interval

MODELS = {
    "linear": {"learning_rate": 0.02, "batch": 32},
    "one hidden layer": {
        "hidden": (64,),
        "loss": "cross_entropy",
        "learning_rate": 0.1,
        "batch": 64,
    },
    "noisy momentum": {
        "hidden": (64,),
        "loss": "cross_entropy",
        "learning_rate": 0.02,
        "momentum": 0.9,
        "batch": 8,
    },
}
"""Networks for scikit-learn's digits, in place of CIFAR-10 and ImageNet, and how they are trained.
"""
FITTED = 10
"""How many leading ratios a process is fitted to."""
Exponent = Annotated[float, Interval(-1, 1, why="slower limits beyond")]
"""p of the noise variance t^-p."""
EXPONENTS = [0.5, 1.0, -0.5, -1.0]
STURM_LIOUVILLE = known(
    "Deheuvels 2006, Karhunen-Loève expansions of mean-centered Wiener processes, for $p < 1$; on "
    "to $p = 1$ by the same equation"
)
DecayPoints = Annotated[
    int,
    Interval(16_000, 64_000, why="fewer are far from the limit; with more each run is long"),
]
DecayComponents = Annotated[int, Interval(1, 5, why="later components need more points")]
DriftedPoints = Annotated[int, Interval(4, 200, why="hundreds of walks are diagonalised")]
DriftRatio = Annotated[float, Interval(0.001, 2, why="beyond, the drift is all there is")]
"""|μ|², where E[|ξ_t|²] = 1."""


@claim(
    derived(
        "the drift adds a term of rank one that is odd under time reversal, so that even "
        "cosines stay eigenvectors"
    ),
    kind="identity",
    cases=[(60, 0.05), (7, 0.5)],
)
def test_drift_mixing(trial, n_points: DriftedPoints, drift_ratio: DriftRatio):
    """Let $x_t = x_(t-1) + μ + ξ_t$ with a constant drift $μ$ and independent steps $ξ_t$ of
    $E[|ξ_t|²] = 1$ at right angles to $μ$. The covariance over time of $T$ centred points has the
    eigenvalue $λ_k = 1 / (2 - 2 cos(π k / T))$ of the walk without drift for every even $k < T$.
    Its other eigenvalues are the roots $λ$ of $1 = |μ|² sum_(k odd) r_k² / (λ - λ_k)$ with
    $r_k = sqrt(2 / T) sum_t t cos(π k (t - 1/2) / T)$.
    """
    trial.require(
        0.3 <= n_points * drift_ratio <= 10,
        "n_points drift_ratio must lie in [.3, 10]: drift and noise are both seen",
    )
    walk = plain_walk.eigenvalues(n_points)
    # At index k - 1 for mode k, so that odd modes stand at even indices.
    by_mode = drift_and_decay.drift_eigenvalues(n_points, drift_ratio)
    all_shifted = by_mode.copy()
    all_shifted[1::2] += np.mean(by_mode[::2] - walk[::2])
    exact = np.sort(by_mode)[::-1]
    trial.identity(
        infinite_dimension.spectrum(n_points, drift=np.sqrt(drift_ratio)),
        exact,
        ops=3 * n_points,
        scale=exact[0],
        controls={
            "no drift": walk,
            "even modes are shifted, too": np.sort(all_shifted)[::-1],
        },
    )


def spectrum_and_distance(trial, exponent, n_points, count):
    """Return the leading spectrum where the step variance is t^-p, and how far its shares and
    components may be from their limits.
    """
    trial.require(
        abs(exponent) >= 0.25,
        "exponent must be at least 0.25 in size: nearer to 0 both orders are alike",
    )
    # The order of the correction at p = 1, the slowest of these.
    distance = np.log(n_points) / n_points
    return infinite_dimension.leading_spectrum(n_points, count, decay=exponent), distance


@claim(STURM_LIOUVILLE, kind="limit", cases=EXPONENTS)
def test_decay_bessel(
    trial, exponent: Exponent, n_points: DecayPoints = 32_000, count: DecayComponents = 3
):
    """Let $x_t = x_(t-1) + t^(-p/2) ξ_t$, $t = 1, …, T$, with $p < 2$ and independent steps $ξ_t$
    of one law, let $ν = 1 / (2 - p)$, and let $j_1 < j_2 < …$ be the positive zeros of the Bessel
    function $J_ν$. As $T$ grows, the share of principal component $k$ in the total variance of the
    centred points tends to $4 (ν + 1) / j_k²$.
    """
    spectrum, slack = spectrum_and_distance(trial, exponent, n_points, count)
    wrong_order = 1 / (2 + exponent)
    wrong_zeros = drift_and_decay.bessel_zeros(wrong_order, count)
    trial.value(
        spectrum.eigenvalues / spectrum.total_variance,
        drift_and_decay.decaying_noise_explained_variance_ratio(exponent, count),
        error=4 * n_points * 2.0**-53,
        slack=slack,
        margin=5e-4 + slack,
        controls={
            "$ν = 1 / (2 + p)$": 4 * (wrong_order + 1) / wrong_zeros**2,
            "no decay": plain_walk.explained_variance_ratio_limit(count),
        },
    )


@claim(STURM_LIOUVILLE, kind="limit", cases=EXPONENTS)
def test_decay_bessel__modes(
    trial, exponent: Exponent, n_points: DecayPoints = 32_000, count: DecayComponents = 3
):
    """Let $x_t = x_(t-1) + t^(-p/2) ξ_t$, $t = 1, …, T$, with $p < 2$ and independent steps $ξ_t$
    of one law, let $ν = 1 / (2 - p)$, and let $j_1 < j_2 < …$ be the positive zeros of the Bessel
    function $J_ν$. As $T$ grows, principal component $k$ as a function of $s = t / T$ tends to a
    multiple of the derivative of $sqrt(s) J_ν(j_k s^(1/(2 ν)))$.

    At p = 0, where ν = 1/2, these are the cosines of the plain walk.
    """
    spectrum, slack = spectrum_and_distance(trial, exponent, n_points, count)
    times = (np.arange(n_points) + 0.5) / n_points

    def squared_overlaps(modes):
        return np.sum(spectrum.time_courses * modes, axis=0) ** 2 / np.sum(modes**2, axis=0)

    trial.value(
        squared_overlaps(drift_and_decay.decaying_noise_modes(times, exponent, count)),
        np.ones(count),
        error=4 * n_points * 2.0**-53,
        slack=slack,
        margin=5e-4 + slack,
        control_processes={
            "the plain walk's cosines": squared_overlaps(plain_walk.cosine_modes(n_points, count))
        },
    )


def _windows(n_steps, window):
    """Return where windows of a run start: at its beginning, in the middle, and at its end."""
    return {"first": 0, "middle": (n_steps - window) // 2, "last": n_steps - window}


def _blocks(gram, starts, window):
    """Return the Gram matrix of each window by its name."""
    return {
        name: gram[start : start + window, start : start + window] for name, start in starts.items()
    }


def _share_and_cosines(gram):
    """Return the share of the first component of points, and the squared overlaps of the first
    three with cosines of time.
    """
    components = pca.principal_components_of_gram(gram, 3)
    cosines = plain_walk.cosine_modes(gram.shape[0], 3)
    overlaps = pca.squared_overlaps(components.time_courses, cosines)
    return components.variances[0] / components.total_variance, overlaps


def _runs(trial, n_runs, n_steps, window, models=tuple(MODELS)):
    """Train models; return what `_share_and_cosines` has of each part of a run, as two dicts by
    part: arrays of shares (models, runs), and of squared overlaps (models, runs, 3).
    """
    inputs, targets = training.digits()
    starts = _windows(n_steps, window)

    def observe(key, options):
        train, points = jax.random.split(key)
        gram = training.training_gram(
            training.train(train, inputs, targets, n_steps=n_steps, **options)
        )
        parts = _blocks(gram, starts, window)
        parts["whole"] = gram[::4, ::4]
        parts["points shuffled"] = trajectories.shuffle_points(points, parts["last"])
        return {name: _share_and_cosines(part) for name, part in parts.items()}

    runs = [
        quick_map(partial(observe, options=MODELS[name]))(jax.random.split(trial.key(name), n_runs))
        for name in models
    ]
    shares = {part: np.array([model[part][0] for model in runs]) for part in runs[0]}
    overlaps = {part: np.array([model[part][1] for model in runs]) for part in runs[0]}
    return shares, overlaps


Runs = Annotated[int, Interval(15, 100, why="a level of 1e-4 takes so many, and each is trained")]
Steps = Annotated[
    int, Interval(2000, 3000, why="shorter runs do not settle, longer ones are large")
]
Window = Annotated[int, Interval(400, 600, why="a quarter of a run")]


@claim(WITH_DRIFT, kind="empirical", tier="full", low_power="each run carries a sign only")
def test_nn_walk_with_drift(trial, n_runs: Runs = 15, n_steps: Steps = 2000, window: Window = 500):
    """Let a linear model and a network with one hidden layer be trained on scikit-learn's digits
    for 2000 to 3000 steps. In most runs the first principal component over time of the weights
    explains more than 80 % of their variance, as of a walk with drift.

    That of a plain walk explains 61 %. There are three trainings in each run: two without momentum,
    and one with momentum and batches of 8.
    """
    shares, _ = _runs(trial, n_runs, n_steps, window)
    simulate = quick_map(lambda key: pca.explained_variance_ratio(key, window, 1000)[0])
    walks = np.asarray(simulate(jax.random.split(trial.key("plain walks"), n_runs)))
    trial.runs(
        np.min(shares["whole"], axis=0) - 0.8,
        alpha=2.0 ** (1 - n_runs),
        controls={"plain walks": walks - 0.8},
    )


@claim(WITH_DRIFT, kind="empirical", tier="full", low_power="each run carries a sign only")
def test_nn_walk_with_drift__cosine(
    trial, n_runs: Runs = 15, n_steps: Steps = 2000, window: Window = 500
):
    """Let a linear model and a network with one hidden layer be trained on scikit-learn's digits
    for 2000 to 3000 steps. In most runs the first principal component of the weights over time, in
    the whole run and in windows at its beginning, middle and end, has a squared overlap of more
    than .6 with half a cosine of time, as of a walk with drift.
    """
    _, overlaps = _runs(trial, n_runs, n_steps, window)

    def least(parts):
        """The least squared overlap of the first component over parts and models, in each run."""
        return np.min([overlaps[part][..., 0] for part in parts], axis=(0, 1))

    trial.runs(
        least([*_windows(n_steps, window), "whole"]) - 0.6,
        alpha=2.0 ** (1 - n_runs),
        controls={"points in random order": least(["points shuffled"]) - 0.6},
    )


@claim(WITH_DRIFT, kind="empirical", tier="full", low_power="each run carries a sign only")
def test_nn_walk_with_drift__second(
    trial, n_runs: Runs = 15, n_steps: Steps = 2000, window: Window = 500
):
    """Let a linear model and a network with one hidden layer be trained on scikit-learn's digits
    for 2000 to 3000 steps. In most runs the second principal component over time of the weights, in
    windows at the middle and at the end, has a squared overlap with a whole cosine of time whose
    median over networks and windows is above .6.

    Over the whole run it is not above .6, as the drift at the beginning is not straight.
    """
    _, overlaps = _runs(trial, n_runs, n_steps, window)

    def median(parts):
        """The median squared overlap of the second component over parts and models, in each run."""
        return np.median(np.concatenate([overlaps[part][..., 1] for part in parts]), axis=0)

    trial.runs(
        median(["middle", "last"]) - 0.6,
        alpha=2.0 ** (1 - n_runs),
        controls={"the whole run": median(["whole"]) - 0.6},
    )


@claim(WITH_DRIFT, kind="empirical", tier="full", low_power="each run carries a sign only")
def test_nn_walk_with_drift__noisy(
    trial, n_runs: Runs = 15, n_steps: Steps = 2000, window: Window = 500
):
    """Let a network with one hidden layer be trained on scikit-learn's digits for 2000 to 3000
    steps with momentum .9 and batches of 8. In most runs the share of the first principal component
    in the last 400 to 600 steps is within .15 of that of a plain walk.

    So the drift is lost in the end. Over the whole run the share is farther away.
    """
    shares, _ = _runs(trial, n_runs, n_steps, window, models=("noisy momentum",))
    walk = plain_walk.explained_variance_ratio(window)[0]

    def nearness(part):
        """Above 0 in runs where the share is within .15 of the walk's."""
        return 0.15 - np.abs(shares[part][0] - walk)

    trial.runs(
        nearness("last"),
        alpha=2.0 ** (1 - n_runs),
        controls={"the whole run": nearness("whole")},
    )


def _leads(ratios, n_points):
    """By how much a walk with drift fits each row of shares better than the best of three rivals;
    below 0 where a rival fits better.
    """
    leads = []
    for row in np.asarray(ratios):
        misfit = drift_and_decay.process_misfits(row, n_points)
        rivals = (misfit.ornstein_uhlenbeck, misfit.momentum, misfit.decaying_noise)
        leads.append(min(rivals) - misfit.drift)
    return np.array(leads)


@claim(WITH_DRIFT, kind="empirical", tier="full", low_power="each run carries a sign only")
def test_nn_walk_with_drift__fit(
    trial,
    n_runs: Annotated[
        int, Interval(15, 40, why="a level of 1e-4 takes so many, and each is trained")
    ] = 15,
    n_steps: Annotated[
        int, Interval(2000, 3000, why="shorter runs do not settle, longer ones are large")
    ] = 2000,
    window: Annotated[
        int, Interval(400, 500, why="a fifth of a run, or a quarter, that lies after its start")
    ] = 400,
):
    """Let a linear model and a network with one hidden layer be trained on scikit-learn's digits
    for 2000 to 3000 steps without momentum. In most runs, in windows at the middle and at the end,
    the logarithms of the first ten shares of variance are nearer to those of a walk with drift, at
    its best parameter, than to those of an Ornstein-Uhlenbeck process, a walk with momentum and a
    walk with decaying steps, at theirs.

    It is not so over a whole run, nor with momentum and batches of 8.
    """
    inputs, targets = training.digits()
    starts = _windows(n_steps, window)
    del starts["first"]

    def observe(key, options):
        gram = training.training_gram(
            training.train(key, inputs, targets, n_steps=n_steps, **options)
        )
        parts = _blocks(gram, starts, window)
        # As many points as in a window, since a fit depends on their number.
        stride = n_steps // window
        parts["whole"] = gram[::stride, ::stride][:window, :window]
        return {name: pca.variance_ratios_of_gram(part)[:FITTED] for name, part in parts.items()}

    leads = {}
    for name, options in MODELS.items():
        keys = jax.random.split(trial.key(name), n_runs)
        for part, ratios in quick_map(partial(observe, options=options))(keys).items():
            leads[name, part] = _leads(ratios, window)
    without_momentum = ("linear", "one hidden layer")

    def leads_of_walks(name, **process):
        def observe(key):
            return pca.explained_variance_ratio(key, window, 1000, **process)[:FITTED]

        return _leads(quick_map(observe)(jax.random.split(trial.key(name), n_runs)), window)

    trial.runs(
        np.min([leads[name, part] for name in without_momentum for part in starts], axis=0),
        alpha=2.0 ** (1 - n_runs),
        # In a control the largest lead counts, so that a walk with drift has to lose everywhere.
        controls={
            "the whole run": np.max([leads[name, "whole"] for name in without_momentum], axis=0),
            "momentum, batches of 8": np.max(
                [leads["noisy momentum", part] for part in starts], axis=0
            ),
            "walks with momentum": leads_of_walks("momentum", momentum=1 - 4 / window),
            "Ornstein-Uhlenbeck processes": leads_of_walks("reversion", reversion=4 / window),
            "noise that decays as $1 / t$": leads_of_walks("decay", decay=1.0),
        },
    )


SchedulePairs = Annotated[int, Interval(20, 40, why="of so many two may end otherwise")]
Cut = Annotated[
    int, Interval(1000, 1500, why="before, training does not settle; after, runs are large")
]
AboutCut = Annotated[int, Interval(400, 600, why="within the run, about the cut")]


def _with_and_without_cut(trial, n_runs, cut, window):
    """Train four layers on digits with a learning rate of .1 that is cut to a tenth, and from the
    same seeds with one that is not. Return for both, in each run, the share of the first component
    in a window about the cut, and by which factor the mean squared length of steps falls there.
    """
    inputs, targets = training.digits()
    n_steps = cut + window // 2
    keys = jax.random.split(trial.key("networks"), n_runs)

    def observe(key, last_rate):
        run = training.train(
            key,
            inputs,
            targets,
            hidden=(64, 64, 64),
            loss="cross_entropy",
            n_steps=n_steps,
            batch=64,
            learning_rate=jnp.where(jnp.arange(n_steps) <= cut, 0.1, last_rate),
        )
        gram = training.training_gram(run)[-window:, -window:]
        squared_lengths = jnp.diagonal(trajectories.step_gram(gram))
        before = squared_lengths[: window // 2]
        after = squared_lengths[window // 2 :]
        return {
            "share": pca.variance_ratios_of_gram(gram)[0],
            "fall": before.mean() / after.mean(),
        }

    train_all = quick_map(observe)
    return train_all(keys, jnp.full(n_runs, 0.01)), train_all(keys, jnp.full(n_runs, 0.1))


@claim(
    derived("with or without a cut, the drift of training raises the share of the first component"),
    kind="empirical",
    tier="full",
    low_power="each run carries a sign only",
)
def test_nn_schedule(trial, n_runs: SchedulePairs = 20, cut: Cut = 1500, window: AboutCut = 500):
    """Let a network of three hidden layers be trained on scikit-learn's digits, and let its
    learning rate be cut to a tenth after 1000 to 1500 steps, once training has settled. In most
    runs the share of the first principal component of the weights, in a window about the cut, is
    within .1 of that without a cut.

    In a plain walk a tenfold cut of the steps raises this share by .12.
    """
    with_cut, without_cut = _with_and_without_cut(trial, n_runs, cut, window)

    def first_share(noise_gram):
        return pca.variance_ratios_of_gram(trajectories.trajectory_gram(noise_gram))[0]

    def rise(key):
        """By how much a tenfold cut of its steps raises the first share of a plain walk."""
        noise_gram = trajectories.noise_gram(key, window, 4000)
        scales = jnp.where(jnp.arange(window) < window // 2, 1, 0.1)
        return first_share(noise_gram * jnp.outer(scales, scales)) - first_share(noise_gram)

    walks = np.asarray(quick_map(rise)(jax.random.split(trial.key("plain walks"), n_runs)))
    trial.runs(
        0.1 - np.abs(with_cut["share"] - without_cut["share"]),
        alpha=1e-3,
        controls={"plain walks": 0.1 - np.abs(walks)},
    )


@claim(
    derived(
        "a step is the learning rate times a gradient, which consists mostly of the noise of "
        "batches"
    ),
    kind="empirical",
    tier="full",
    low_power="each run carries a sign only",
)
def test_nn_schedule__steps(
    trial, n_runs: SchedulePairs = 20, cut: Cut = 1500, window: AboutCut = 500
):
    """Let a network of three hidden layers be trained on scikit-learn's digits, and let its
    learning rate be cut to a tenth after 1000 to 1500 steps, once training has settled. In most
    runs the mean squared length of the steps falls by more than a factor of 30 at the cut.
    """
    with_cut, without_cut = _with_and_without_cut(trial, n_runs, cut, window)
    trial.runs(
        np.log(with_cut["fall"] / 30),
        alpha=1e-3,
        controls={"a constant learning rate": np.log(without_cut["fall"] / 30)},
    )
