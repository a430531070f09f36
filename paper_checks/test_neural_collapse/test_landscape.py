"""Where descent may end, and the curvature there: local minima, saddles, flat orbits and the slowest mode."""

import numpy as np

from paper_checks.test_neural_collapse import DERIVED, problem_of, reduced_head, value_and_slope
from paper_checks.test_neural_collapse.test_certificates import subset_head
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours


@claim(ours(DERIVED), kind="distribution")
def test_gd_basin(trial, class_sizes=(6, 4, 2, 1), weight_decays=(0.05, 0.03), feature_decay=0.04, starts=60):
    """M >= 2: descents end at the r largest classes, r = 0, 1, ..., whatever the start; at M = 1 at one value only."""
    problem = problem_of(class_sizes, weight_decays, feature_decay)
    values = predicted.local_minimum_values(class_sizes, weight_decays, feature_decay)

    def ends_from(which, widths, std, count):
        ends = observed.optima(
            which, trial.key(f"{len(widths)}"), count, widths=widths, weight_std=std, feature_std=std
        )
        # A shorter gradient puts the value within 1e-10 of its minimum, of curvature 0.01 and more.
        return np.array([end.value for end in ends if end.gradient_norm < 1e-6])

    def distances(found, allowed):
        return np.abs(found[:, None] - allowed).min(axis=1).max()

    found = ends_from(problem, (8, 8), 0.3, starts)
    places = np.abs(found[:, None] - values).argmin(axis=1)
    counts = np.bincount(places, minlength=len(values))
    counts[np.argmin(values)] = 0
    thinned = np.delete(values, np.argmax(counts))
    options = {"error": 1e-10, "margin": 1e-6}
    trial.value(
        distances(found, values),
        0.0,
        wrong_processes={"a local minimum left out": distances(found, thinned)},
        **options,
    )
    shallow = problem_of(class_sizes, (0.03,), 0.04)
    single = predicted.local_minimum_values(class_sizes, (0.03,), 0.04)
    partial = ends_from(shallow, (5,), 0.3, 10)
    truncated = value_and_slope(shallow, subset_head(class_sizes, np.arange(4) < 2, [0.03], 0.04, [5]))[0]
    trial.identity(np.array([len(single)]), np.array([1]), ops=0, controls={"as deep": np.array([len(values)])})
    trial.value(
        distances(partial, single),
        0.0,
        wrong_processes={"a partial collapse": distances(np.array([truncated]), single)},
        **options,
    )


@claim(ours(DERIVED), kind="optimality")
def test_gd_basin__subsets(trial, class_sizes=(6, 4, 3, 2), weight_decays=(0.02, 0.03, 0.02), feature_decay=0.03):
    """M >= 2: a set of surviving classes is a local minimum iff no dead class is larger; others are strict saddles."""
    depth, n_classes = len(weight_decays), len(class_sizes)
    problem = problem_of(class_sizes, weight_decays, feature_decay)
    lowest, slopes, top = [], [], []
    for subset in range(2**n_classes):
        alive = np.array([subset >> k & 1 for k in range(n_classes)], bool)
        head = subset_head(class_sizes, alive, weight_decays, feature_decay, [n_classes + 1] * depth)
        lowest.append(observed.hessian_spectrum(problem, head)[0])
        slopes.append(value_and_slope(problem, head)[1])
        top.append(bool(np.all(alive[: alive.sum()])))
    measured = np.array([eigenvalue > -1e-9 for eigenvalue in lowest]).astype(int)
    trial.identity(
        measured,
        np.array(top).astype(int),
        ops=0,
        controls={"every subset": np.ones(len(top), int), "the global one": (np.arange(len(top)) == 15).astype(int)},
    )
    saddles = np.array(lowest)[~np.array(top)]
    trial.value(
        saddles,
        np.full(len(saddles), -1e-3),
        error=1e-12,
        side="at most",
        wrong_processes={"top sets": np.array(lowest)[np.array(top)].max() * np.ones(len(saddles))},
    )
    trial.value(
        slopes,
        np.zeros(len(slopes)),
        error=1e-14,
        margin=1e-12,
        wrong_processes={"not critical": np.ones(len(slopes))},
    )


@claim(ours(DERIVED), kind="optimality")
def test_gd_basin__origin(trial, class_sizes=(5, 3), weight_decays=(0.001, 0.002), feature_decay=0.003):
    """M >= 2: zero is a strict local minimum at every decay, with the decays as curvatures; at M = 1 it is a saddle."""
    widths, zero = (3, 4), np.zeros
    deep = problem_of(class_sizes, weight_decays, feature_decay)
    head = reduced_head([zero((4, 3)), zero((2, 4))], zero((3, 2)), None, class_sizes)
    spectrum = observed.hessian_spectrum(deep, head)
    exact = np.sort(np.repeat([*weight_decays, feature_decay], [12, 8, 6]))
    trial.identity(spectrum, exact, ops=3 * len(exact), scale=1.0, controls={"twice": 2 * exact})
    shallow = problem_of(class_sizes, weight_decays[:1], feature_decay)
    flat = reduced_head([zero((2, widths[0]))], zero((3, 2)), None, class_sizes)
    lowest = observed.hessian_spectrum(shallow, flat)[0]
    trial.value(lowest, 0.0, error=1e-14, side="at most", wrong_processes={"depth two": spectrum[0]})


@claim(ours(DERIVED), kind="identity")
def test_hessian_kernel(trial, class_sizes=(5, 3, 2), decay=0.01, settings=((1, 3), (1, 5), (2, 3), (2, 5), (3, 4))):
    """At the global minimum the Hessian's kernel is the orbit of rotations, sum_m [d(d-1) - (d-K)(d-K-1)] / 2."""
    n_classes = len(class_sizes)
    counts, exact, none, full = [], [], [], []
    for depth, width in settings:
        problem = problem_of(class_sizes, (decay,) * depth, decay)
        spectrum = observed.hessian_spectrum(problem, _optimal_head(class_sizes, depth, decay, width))
        counts.append(int(np.sum(np.abs(spectrum) < 1e-9)))
        exact.append(predicted.hessian_kernel_dimension([width] * depth, n_classes))
        none.append(0)
        full.append(depth * width * (width - 1) // 2)
    trial.identity(
        np.array(counts),
        np.array(exact),
        ops=0,
        controls={"none": np.array(none), "all rotations": np.array(full)},
    )


def _optimal_head(class_sizes, depth, decay, width):
    optimum = predicted.mse_optimum(class_sizes, [decay] * depth, decay, widths=[width] * depth)
    return reduced_head(*predicted.optimal_parameters(optimum), class_sizes)


@claim(ours(DERIVED), kind="identity")
def test_hessian_kernel__slowest(trial, class_sizes=(5, 3, 2), settings=((1, 3, 0.01), (1, 3, 0.12), (2, 3, 0.01))):
    """With equal decays the slowest mode beside the orbit is 2 lambda min(1, x_K), and 2 lambda at M >= 2."""
    for depth, width, decay in settings:
        problem = problem_of(class_sizes, (decay,) * depth, decay)
        spectrum = observed.hessian_spectrum(problem, _optimal_head(class_sizes, depth, decay, width))
        roots = predicted.mse_optimum(class_sizes, [decay] * depth, decay).roots
        kernel = predicted.hessian_kernel_dimension([width] * depth, len(class_sizes))
        slowest = np.array([spectrum[kernel]])
        options = {"ops": 3 * len(spectrum), "scale": spectrum[-1]}
        exact = 2 * decay * np.minimum(1, roots.min(keepdims=True))
        wrong = {"lambda": exact / 2} | ({"2 lambda": np.array([2 * decay])} if roots.min() < 1 else {})
        unequal = predicted.mse_optimum(class_sizes, [1.5 * decay] * depth, 0.5 * decay, widths=[width] * depth)
        head = reduced_head(*predicted.optimal_parameters(unequal), class_sizes)
        uneven = observed.hessian_spectrum(problem_of(class_sizes, (1.5 * decay,) * depth, 0.5 * decay), head)
        processes = {"unequal decays": uneven[kernel : kernel + 1]}
        trial.identity(slowest, exact, controls=wrong, wrong_processes=processes, **options)
        radial = predicted.radial_eigenvalues(roots, decay, depth)
        nearest = spectrum[np.abs(spectrum[:, None] - radial).argmin(axis=0)]
        more = decay * (2 + depth * (roots**depth - 1))
        trial.identity(nearest, radial, controls={"M for M + 1": more}, **options)
        if depth == 1:
            whole = predicted.shallow_spectrum(roots, decay)
            trial.identity(spectrum, whole, controls={"no kernel": np.maximum(whole, 2 * decay)}, **options)
