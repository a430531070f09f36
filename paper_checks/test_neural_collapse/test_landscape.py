"""Where descent may end, and the curvature there: local minima, saddles, flat orbits and the
slowest mode.

Proofs of optimality: dual bounds and convex programs at depth one, two-sided enclosures at any
depth.
"""

from typing import Annotated, Literal

import numpy as np

from paper_checks.test_neural_collapse import (
    HESSIAN,
    SPLIT,
    Depth,
    NClasses,
    Sizes,
    Starts,
    Strength,
)
from paper_checks.test_neural_collapse.problems import (
    apart,
    class_outputs,
    dual_from_outputs,
    lowest,
    problem_of,
    reduced_head,
    require_classes,
    require_frame,
    schatten_bound,
    shared_decays,
    value_and_slope,
)
from sims.neural_collapse import optimise
from theory.neural_collapse import cross_entropy, landscape, mean_square
from theory_on_trial import claim, derived, known
from theory_on_trial.contract import Interval, Natural

DeepDepth = Annotated[int, Interval(2, 4, why="at depth one the landscape is benign, see cert_M1")]


def subset_head(problem, alive, widths):
    """Return the critical point, as a head, at which the classes that are `alive` have their
    largest stationary x and all others zero.
    """
    sizes = np.array(problem.class_sizes, float)
    decays = np.array(problem.weight_decays)
    betas = mean_square.mse_optimum(problem.class_sizes, decays, problem.feature_decay).betas
    roots = np.where(alive, mean_square.largest_root(betas, problem.depth), 0)
    logits = np.diag(np.sqrt(sizes) * mean_square.shrinkage(roots, problem.depth))
    weights, features = mean_square.balanced_factorisation(
        logits, decays, problem.feature_decay, widths
    )
    return reduced_head(weights, features / np.sqrt(sizes), None, sizes)


def subsets(trial, problem):
    """Return every set of classes, as K truth values; require that each class has a stationary x
    other than zero, and that there are few classes.
    """
    betas = mean_square.mse_optimum(
        problem.class_sizes, problem.weight_decays, problem.feature_decay
    ).betas
    trial.require(len(betas) <= 6, "class_sizes must be six at most: all sets of them are tried")
    rooted = np.all(betas < 0.99 * mean_square.existence_threshold(problem.depth))
    trial.require(
        rooted, "decays must leave every class a root, below 0.99 of the threshold of existence"
    )
    return [
        np.array([subset >> k & 1 for k in range(len(betas))], bool)  # bit k: is class k alive?
        for subset in range(2 ** len(betas))
    ]


@claim(HESSIAN, kind="distribution", cases=[(2, 60), (1, 10)])
def test_gd_basin(
    trial,
    depth: Depth,
    starts: Starts,
    class_sizes: Sizes = (6, 4, 2, 1),
    strength: Strength = 0.25,
):
    """Under the square loss with widths of at least $K$, if one class is the largest, descent from
    almost every start ends at the value of a local minimum in which the $r$ largest classes
    survive: $r$ may be $0, 1, …$ at depths from two on, and is one number at depth one.
    """
    require_classes(trial, class_sizes)
    decays = shared_decays(class_sizes, depth, strength)
    widths = (2 * len(class_sizes),) * depth
    problem = problem_of(class_sizes, *decays)
    levels = landscape.local_minimum_values(class_sizes, *decays)
    living = mean_square.mse_optimum(
        class_sizes, *decays
    ).betas < 0.99 * mean_square.existence_threshold(depth)
    largest = np.array(class_sizes) == max(class_sizes)
    trial.require(
        sum(largest) == 1 and sum(living) > 1,
        "class_sizes must have one largest class, and two with a root",
    )
    ends = optimise.optima(
        problem, trial.key("starts"), starts, widths=widths, weight_std=0.3, feature_std=0.3
    )
    # A shorter gradient puts the value within 1e-10 of its minimum, of curvature 0.01 and more.
    lows = np.array([end.value for end in ends if end.gradient_norm < 1e-6])

    def farthest(values):
        """The largest distance of a value from the level next to it."""
        return np.abs(np.asarray(values)[:, None] - levels).min(axis=1).max()

    # The critical point without the largest class is none of these.
    saddle, _ = value_and_slope(problem, subset_head(problem, living & ~largest, widths))
    gain = np.abs(levels - 0.5).max()  # over the head of zeros, whose objective is 1/2
    ends_at_saddle = {"one more end, at a saddle": farthest([*lows, saddle])}
    trial.value(
        farthest(lows),
        0.0,
        error=1e-10,
        margin=1e-6,
        scale=gain,
        control_processes=apart(trial, 0.0, 0.005 * gain, ends_at_saddle),
        instances="search",
    )


@claim(HESSIAN, kind="optimality", cases=[2, 3])
def test_gd_basin__subsets(
    trial, depth: DeepDepth, class_sizes: Sizes = (6, 4, 3, 2), strength: Strength = 0.25
):
    """Under the square loss at depths from two on, with widths of at least $K$, let some classes
    survive at the largest stationary points of their scalar problems, and all others be zero. The
    gradient of the objective vanishes there. It is a local minimum if and only if no class at zero
    is larger than a surviving one; otherwise it is a strict saddle.
    """
    require_classes(trial, class_sizes)
    trial.require(
        len(set(class_sizes)) > 1, "class_sizes must differ: otherwise every set is a local minimum"
    )
    sizes = np.array(class_sizes)
    widths = (len(class_sizes) + 1,) * depth
    problem = problem_of(class_sizes, *shared_decays(class_sizes, depth, strength))
    alive = subsets(trial, problem)
    heads = [subset_head(problem, live, widths) for live in alive]
    spectra = np.array([optimise.hessian_spectrum(problem, head) for head in heads])
    slopes = np.array([value_and_slope(problem, head)[1] for head in heads])
    # 1 for a minimum, -1 for a strict saddle, and 0 for a curvature that is neither zero nor
    # clearly negative, or for a slope that is not zero.
    relative = spectra[:, 0] / spectra[:, -1]
    signs = np.where(relative > -1e-9, 1, np.where(relative < -1e-6, -1, 0))
    signs = np.where(slopes < 1e-10 * spectra[:, -1], signs, 0)
    none_left_out = [
        sizes[~live].max(initial=0) <= sizes[live].min(initial=sizes.max()) for live in alive
    ]
    rivals = {
        "every set is a minimum": np.ones(len(alive), int),
        "only the set of all classes is": np.where([live.all() for live in alive], 1, -1),
    }
    trial.identity(signs, np.where(none_left_out, 1, -1), ops=0, controls=rivals)


@claim(HESSIAN, kind="identity", cases=[(1, 3), (1, 5), (2, 3), (2, 5), (3, 4)])
def test_hessian_kernel(
    trial, depth: Depth, width: NClasses, class_sizes: Sizes = (5, 3, 2), strength: Strength = 0.1
):
    """At a global minimum of the square loss in which all $K$ classes survive, with layers of width
    $d$, the Hessian has the eigenvalue zero $sum_m [d(d-1) - (d-K)(d-K-1)] / 2$ times, over the
    layers $m$. This is the dimension of the orbit of rotations between layers.
    """
    problem, optimum = _living(trial, class_sizes, depth, strength, width)
    spectrum = optimise.hessian_spectrum(problem, optimal_head(optimum))
    decay = problem.feature_decay
    exact = landscape.hessian_kernel_dimension([width] * depth, len(class_sizes))
    rotations = depth * width * (width - 1) // 2
    controls = {"no flat direction": np.array([0])}
    if rotations > exact:  # rotations beside the directions of the classes change no parameter
        controls["all rotations of all layers"] = np.array([rotations])
    # Rounding is some 1e-15 of the decay, and the smallest other eigenvalue above 1e-3 of it
    flat = np.sum(np.abs(spectrum) < 1e-6 * decay)
    trial.identity(np.array([flat]), np.array([exact]), ops=0, controls=controls)


def optimal_head(optimum):
    """Return a predicted minimiser as the simulator's head."""
    return reduced_head(*mean_square.optimal_parameters(optimum), optimum.class_sizes)


def _living(trial, class_sizes, depth, strength, width):
    """The pair (problem of equal decays, predicted optimum); require that each class survives."""
    require_classes(trial, class_sizes)
    trial.require(width >= len(class_sizes), "width must be at least the number of classes")
    decays = shared_decays(class_sizes, depth, strength, ratio=1.0)
    optimum = mean_square.mse_optimum(class_sizes, *decays, widths=[width] * depth)
    require_frame(trial, optimum)
    trial.require(np.all(optimum.alive), "strength must leave every class alive")
    return problem_of(class_sizes, *decays), optimum


@claim(HESSIAN, kind="identity", cases=[(1, 0.01), (1, 0.29), (2, 0.1)])
def test_hessian_kernel__slowest(
    trial, depth: Depth, strength: Strength, class_sizes: Sizes = (5, 3, 2)
):
    """If all factors have one decay $λ$ and all layers the width $K$, the smallest Hessian
    eigenvalue beside the kernel at a global minimum of the square loss in which all $K$ classes
    survive is $2 λ min(1, x)$, where $x$ is the root of the smallest class: the largest solution of
    $β = M x^(M-1) / (1 + x^M)^2$. Here $β = M N (N Λ)^(1/M) / n_k$ for the depth $M$, $N$ samples,
    $n_k$ of the class, and the product $Λ$ of all decays. At $M >= 2$ it is $2 λ$.
    """
    width = len(class_sizes)
    problem, optimum = _living(trial, class_sizes, depth, strength, width)
    spectrum = optimise.hessian_spectrum(problem, optimal_head(optimum))
    decay = problem.feature_decay
    kernel = landscape.hessian_kernel_dimension([width] * depth, width)
    least_root = optimum.roots.min(keepdims=True)
    exact = 2 * decay * np.minimum(1, least_root)
    controls = {"$λ$ for $2 λ$": exact / 2}
    if least_root < 0.99:
        controls["$2 λ$ at depth one, too"] = np.array([2 * decay])
    skew_decays = [1.5 * decay] * depth, decay / 1.5**depth  # of the same product
    skew_head = optimal_head(mean_square.mse_optimum(class_sizes, *skew_decays))
    skew_spectrum = optimise.hessian_spectrum(problem_of(class_sizes, *skew_decays), skew_head)
    trial.identity(
        spectrum[kernel : kernel + 1],
        exact,
        ops=3 * len(spectrum),
        scale=spectrum[-1],
        controls=controls,
        control_processes={"unequal decays": skew_spectrum[kernel : kernel + 1]},
    )


@claim(HESSIAN, kind="identity", cases=[(1, 0.01), (1, 0.29), (2, 0.1)])
def test_hessian_kernel__radial(
    trial, depth: Depth, strength: Strength, class_sizes: Sizes = (5, 3, 2)
):
    """If all $M + 1$ factors have one decay $λ$, the Hessian at a global minimum of the square loss
    in which all classes survive has for each class the eigenvalue $λ (2 + (M + 1) (x^M - 1))$,
    where $x$ is the root of the class: the largest solution of $β = M x^(M-1) / (1 + x^M)^2$. Here
    $β = M N (N Λ)^(1/M) / n_k$ for the depth $M$, $N$ samples, $n_k$ of the class, and the product
    $Λ$ of all decays.
    """
    problem, optimum = _living(trial, class_sizes, depth, strength, len(class_sizes))
    spectrum = optimise.hessian_spectrum(problem, optimal_head(optimum))
    decay = problem.feature_decay
    exact = landscape.radial_eigenvalues(optimum.roots, decay, depth)
    # Of each class, the measured eigenvalue next to the stated one.
    nearest = spectrum[np.abs(spectrum[:, None] - exact).argmin(axis=0)]
    trial.identity(
        nearest,
        exact,
        ops=3 * len(spectrum),
        scale=spectrum[-1],
        controls={
            "$M$ for $M + 1$": decay * (2 + depth * (optimum.roots**depth - 1)),
            "without the factor 2 of squares": exact / 2,
        },
    )


CONVEX = derived(
    "at depth one the decays are a nuclear norm of the logits, and the problem in them is convex"
)


@claim(
    known(
        "Zhou et al. 2022, On the optimization landscape of neural collapse under MSE loss: global "
        "minima by the norm of the gradient, and strict saddles",
        within="balanced classes",
    ),
    kind="optimality",
)
def test_cert_M1(trial, class_sizes: Sizes = (6, 4, 3, 2), strength: Strength = 0.06):
    """Under the square loss at depth one, a state with some classes at the stationary points of
    their scalar problems, and the others at zero, is a critical point. If the width exceeds the
    number of living classes, its Hessian has no negative eigenvalue if and only if the gradient of
    the loss in the logits has a spectral norm of at most $sqrt(λ_W λ_H)$, which proves a global
    minimum; $λ_W$ and $λ_H$ are the decays of weights and features.

    Without a unit to spare a state may be a local minimum that fails the bound.
    """
    require_classes(trial, class_sizes)
    (weight_decay,), feature_decay = shared_decays(class_sizes, 1, strength)
    problem = problem_of(class_sizes, [weight_decay], feature_decay)
    widths = (len(class_sizes) + 1,)
    heads = [subset_head(problem, alive, widths) for alive in subsets(trial, problem)]
    spectra = np.array([optimise.hessian_spectrum(problem, head) for head in heads])
    slopes = np.array([value_and_slope(problem, head)[1] for head in heads])
    is_minimum = (spectra[:, 0] > -1e-9 * spectra[:, -1]).astype(int)
    # -1 for a slope that is not zero: no critical point
    is_minimum = np.where(slopes < 1e-10 * spectra[:, -1], is_minimum, -1)
    sizes = np.array(class_sizes, float)
    # Column k stands for the n_k equal columns of its samples, times sqrt(n_k): of one norm.
    gradients = [
        (head.weights[0] @ head.features - np.diag(np.sqrt(sizes))) / sizes.sum() for head in heads
    ]
    passes = np.array(
        [
            int(landscape.is_global_shallow(gradient, weight_decay, feature_decay))
            for gradient in gradients
        ]
    )
    norms = np.array([np.linalg.norm(gradient, 2) for gradient in gradients])
    rivals = {
        "all critical points are minima": np.ones(len(passes), int),
        "the limit $λ_W λ_H$, without the root": (norms <= weight_decay * feature_decay).astype(
            int
        ),
    }
    trial.identity(is_minimum, passes, ops=0, controls=apart(trial, passes, 0.1, rivals))


def convex_value(problem, program):
    """The objective of the convex program at the solver's logits and bias, computed again: an upper
    bound on its least value.
    """
    sizes = np.array(problem.class_sizes, float)
    outputs = program.logits + program.bias[:, None]
    if problem.loss == "mse":
        losses = np.sum((outputs - np.eye(len(sizes))) ** 2, axis=0) / 2
    else:
        losses = np.logaddexp.reduce(outputs, axis=0) - np.diag(outputs)
    nuclear = np.linalg.norm(program.logits * np.sqrt(sizes), "nuc")
    strength = np.sqrt(problem.weight_decays[0] * problem.feature_decay)
    return losses @ sizes / sizes.sum() + strength * nuclear


@claim(
    known(
        "Srebro, Rennie & Jaakkola 2005, Maximum-margin matrix factorization, Lemma 1: the least "
        "decay of two factors is the nuclear norm of their product"
    ),
    kind="optimality",
    cases=[
        ((6, 4, 2, 1), False, "mse"),
        ((6, 4, 2, 1), True, "mse"),
        ((5, 5, 5), True, "mse"),
        ((3, 3, 3, 3), False, "ce"),
        ((2,) * 6, True, "ce"),
    ],
)
def test_cert_cvx(
    trial,
    class_sizes: Sizes,
    bias: bool,
    loss: Literal["mse", "ce"],
    strength: Strength = 0.04,
):
    """At depth one, with a width of at least $K$, the least objective is that of the convex program
    $min_X l(X D^(-1/2)) + sqrt(λ_W λ_H) |X|_*$ over square matrices $X$ and the bias, if there is
    one, with the loss $l$: for the square loss, and for cross-entropy with balanced classes. Column
    $k$ of $X D^(-1/2)$ holds the logits of class $k$, $D$ is the diagonal matrix of the class
    sizes, $|X|_*$ the nuclear norm, and $λ_W$ and $λ_H$ are the decays of weights and features.
    """
    require_classes(trial, class_sizes)
    trial.require(
        sum(class_sizes) <= 1000,
        "class_sizes must add up to 1000 at most: the dual has a column for each",
    )
    trial.require(
        loss == "mse" or len(set(class_sizes)) == 1,
        "class_sizes must be equal for cross-entropy: others have no closed form",
    )
    (weight_decay,), feature_decay = shared_decays(class_sizes, 1, strength)

    def least(sizes, *decays):
        if loss == "ce":
            return cross_entropy.ce_optimum_shallow(len(sizes), sizes[0], *decays).value
        return mean_square.mse_optimum(sizes, decays[:1], decays[1], bias=bias).value

    problem = problem_of(class_sizes, [weight_decay], feature_decay, bias=bias, loss=loss)
    program = optimise.nuclear_norm_optimum(
        class_sizes, weight_decay, feature_decay, loss=loss, bias=bias
    )
    end = optimise.best_of(problem, trial.key("start"), 1, widths=(len(class_sizes),))
    value = least(class_sizes, weight_decay, feature_decay)
    product = weight_decay * feature_decay
    rivals = {
        "$λ_W λ_H$, without the root": least(class_sizes, product, product),
        "without $D$": least((1,) * len(class_sizes), weight_decay, feature_decay),
    }
    trial.gap(
        convex_value(problem, program),
        # The solver's logits, good to 1e-4, would leave a gap of 1e-5.
        dual_from_outputs(problem, class_outputs(problem, end.head)),
        value,
        margin=1e-7,
        scale=1.0,
        # Sums over up to 12 classes and 1,000 samples, which NumPy adds in pairs, and a nuclear
        # norm of order up to 12; all parts are at most 1, or log 12.
        ops=200,
        controls=apart(trial, value, 1e-7, rivals),
        generic="only starts of descents are drawn, and the dual bound certifies their ends",
    )


@claim(SPLIT, kind="bound")
def test_cert_deep_mse(
    trial,
    n_instances: Annotated[
        int, Interval(10, 100, why="some must end at the optimum, and each takes descents")
    ] = 20,
    per_instance: Annotated[int, Interval(1, 20)] = 4,
):
    """Under the square loss, for any depth and widths, with a bias or without, no parameters have
    an objective below $f*$, the theory's least value.
    """
    rng = trial.generator("instances")
    values = []
    least = []
    for index in range(n_instances):
        sizes, weight_decays, feature_decay, depth = _instance(rng)
        bias = bool(index % 2)
        widths = tuple(int(w) for w in rng.integers(1, 7, depth))
        problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
        ends = optimise.optima(problem, trial.key(f"{index}"), per_instance, widths=widths)
        values += [end.value for end in ends]
        for _ in range(per_instance):  # and heads about the first end
            head = ends[0].head
            scale = rng.uniform(0.001, 1)
            factors = [
                np.asarray(f) + scale * rng.standard_normal(f.shape)
                for f in (*head.weights, head.features)
            ]
            probe = reduced_head(
                factors[:-1], factors[-1] / np.sqrt(np.array(sizes, float)), head.bias, sizes
            )
            values.append(value_and_slope(problem, probe)[0])
        optimum = mean_square.mse_optimum(
            sizes, weight_decays, feature_decay, widths=widths, bias=bias
        )
        least += [optimum.value] * (2 * per_instance)
    trial.bound(
        np.array(least),
        np.array(values),
        instances="search",
        # Products of at most 4 factors of order up to 6 and sums of up to 36 squares take some 100
        # roundings; the rest is room.
        ops=200,
        control_processes={"$1.01 f*$": 1.01 * np.array(least)},
    )


def _instance(rng, depths=(1, 2, 3)):
    """Draw (class sizes, weight decays, feature decay, depth) until some class is alive, with a
    bias and without, and each is 3 % or more away from the threshold of its depth.
    """
    while True:
        depth = int(rng.choice(depths))
        sizes = tuple(int(n) for n in rng.integers(1, 9, rng.integers(2, 6)))
        *weight_decays, feature_decay = (10.0 ** rng.uniform(-3, -0.7, depth + 1)).tolist()
        optima = [
            mean_square.mse_optimum(sizes, weight_decays, feature_decay, bias=bias)
            for bias in (False, True)
        ]
        betas = np.concatenate([optimum.betas for optimum in optima])
        away = np.all(np.abs(betas / mean_square.global_threshold(depth) - 1) > 0.03)
        if away and all(np.any(optimum.alive) for optimum in optima):
            return sizes, tuple(weight_decays), feature_decay, depth


@claim(CONVEX, kind="optimality", cases=range(10))
def test_two_sided__shallow(trial, instance: Natural):
    """Under the square loss at depth one, on random instances, a descent from above and the dual
    bound from below meet at the theory's least objective.
    """
    # The instance is the same for every seed; the descent differs.
    sizes, weight_decays, feature_decay, _ = _instance(
        np.random.default_rng([1, instance]), depths=(1,)
    )
    bias = bool(instance % 2)
    problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
    end = optimise.best_of(problem, trial.key("start"), 1, widths=(len(sizes) + 1,))
    value = mean_square.mse_optimum(sizes, weight_decays, feature_decay, bias=bias).value
    heavier = mean_square.mse_optimum(
        sizes, [1.01 * weight_decays[0]], feature_decay, bias=bias
    ).value
    trial.gap(
        end.value,
        dual_from_outputs(problem, class_outputs(problem, end.head)),
        value,
        margin=1e-9,
        scale=1.0,
        # Sums of up to 30 squares and a spectral norm of order up to 5; all parts are at most 1.
        ops=100,
        controls={"weight decay 1 % larger": heavier},
        generic="only starts of descents are drawn, and the dual bound certifies their ends",
    )


@claim(SPLIT, kind="optimality", cases=range(10))
def test_two_sided__deep(trial, instance: Natural):
    """Under the square loss at depths two and three, on random instances, descents from above and a
    search over Schatten quasi-norms from below meet at the theory's least objective.
    """
    # The instance is the same for every seed; the descents differ.
    sizes, weight_decays, feature_decay, depth = _instance(
        np.random.default_rng([2, instance]), depths=(2, 3)
    )
    bias = instance % 4 == 1
    narrow = instance % 4 == 3  # a bottleneck, without a bias
    widths = (*[8] * (depth - 1), 2 if narrow else 8)
    problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
    optimum = mean_square.mse_optimum(sizes, weight_decays, feature_decay, widths=widths, bias=bias)
    more = [1.01 * decay for decay in weight_decays]
    heavier = mean_square.mse_optimum(sizes, more, feature_decay, widths=widths, bias=bias).value
    trial.gap(
        lowest(problem, trial.key("starts"), 2, widths).value,
        schatten_bound(problem, widths),
        optimum.value,
        margin=1e-8,
        scale=1.0,
        # Products of at most 4 factors of order up to 8 and sums of up to 64 squares take some 100
        # roundings.
        ops=100,
        controls={"weight decays 1 % larger": heavier},
        generic="only starts of descents are drawn, and the dual bound certifies their ends",
    )
