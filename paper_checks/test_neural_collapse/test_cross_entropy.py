"""Cross-entropy with balanced classes: the simplex frame is optimal at depth one, and beaten from depth two on."""

import numpy as np

from paper_checks.test_neural_collapse import (
    DERIVED,
    gram_error,
    grams,
    problem_of,
    reduced_head,
    value_and_slope,
)
from paper_checks.test_neural_collapse.test_certificates import convex_value
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours, paper


def pattern_head(pattern, scale, per_class, weight_decays, feature_decay, widths):
    """The head whose class logits are `scale` times a pattern, factorised at the least decay."""
    sizes = (per_class,) * len(pattern)
    logits = scale * np.sqrt(per_class) * pattern
    weights, features = predicted.balanced_factorisation(logits, weight_decays, feature_decay, widths)
    return reduced_head(weights, features / np.sqrt(per_class), None, sizes)


def etf_head(n_classes, per_class, weight_decays, feature_decay, widths, stretch=1.0):
    """The simplex frame at `stretch` times its largest stationary scale."""
    scale, _ = predicted.etf_stationary(n_classes, per_class, weight_decays, feature_decay)
    pattern = np.eye(n_classes) - 1 / n_classes
    return pattern_head(pattern, stretch * scale, per_class, weight_decays, feature_decay, widths)


def antipodal_head(n_classes, per_class, weight_decays, feature_decay, widths):
    """Antipodal pairs of classes at their largest stationary scale."""
    scale, _ = predicted.cross_polytope_stationary(n_classes, per_class, weight_decays, feature_decay)
    pattern = predicted.cross_polytope_pattern(n_classes)
    return pattern_head(pattern, scale, per_class, weight_decays, feature_decay, widths)


@claim(ours("abstract, cross-entropy at depth one; closed form derived here"), kind="optimality")
def test_ce_M1(trial, settings=((3, 4, 0.03), (4, 3, 0.03), (6, 2, 0.05), (4, 3, 0.162)), starts=3):
    """CE at depth one: logits sigma* (I - 1 1^T / K), sigma* = log(1 / sqrt(n lambda_W lambda_H) - (K - 1))."""
    columns: dict[str, list] = {name: [] for name in ("descent", "solver", "dual", "value", "N for n", "1/(K - 1)")}
    for index, (n_classes, per_class, decay) in enumerate(settings):
        for bias in (False, True):
            sizes, weight_decay, feature_decay = (per_class,) * n_classes, decay / 2, decay * 2
            problem = problem_of(sizes, (weight_decay,), feature_decay, bias=bias, loss="ce")
            end = observed.best_of(problem, trial.key(f"{index} {bias}"), starts, widths=(n_classes - 1,))
            optimum = predicted.ce_optimum_shallow(n_classes, per_class, weight_decay, feature_decay)
            logits = grams(problem, end.head)["logits"] + np.asarray(end.head.bias)[:, None] * bias
            columns["descent"].append(end.value)
            columns["value"].append(optimum.value)
            solved = observed.nuclear_norm_optimum(sizes, weight_decay, feature_decay, loss="ce", bias=bias)
            columns["solver"].append(convex_value(solved, sizes, weight_decay, feature_decay, "ce"))
            softmax = np.exp(logits - np.logaddexp.reduce(logits, axis=0))
            residual = np.repeat(np.eye(n_classes) - softmax, per_class, axis=1)
            feasible = predicted.rescaled_dual(residual, weight_decay, feature_decay, bias=bias)
            labels = np.repeat(np.arange(n_classes), per_class)
            columns["dual"].append(
                predicted.dual_bound(feasible, labels, weight_decay, feature_decay, loss="ce", bias=bias)
            )
            strength = np.sqrt(per_class) * decay
            many = predicted.ce_optimum_shallow(n_classes, per_class * n_classes, weight_decay, feature_decay)
            columns["N for n"].append(many.value)
            # Where K - 1 classes would still be alive the scale formula gives a negative scale: the loss beyond zero.
            scale = np.log(1 / strength - (n_classes - 1)) if strength < 1 / (n_classes - 1) else 0.0
            shifted = np.log1p((n_classes - 1) * np.exp(-scale)) + (n_classes - 1) * strength * abs(scale)
            columns["1/(K - 1)"].append(shifted)
            if not optimum.trivial:
                centred = logits - logits.mean(axis=0)
                simplex = optimum.scale * (np.eye(n_classes) - 1 / n_classes)
                trial.value(
                    centred,
                    simplex,
                    error=gram_error(problem, end),
                    margin=1e-4,
                    controls={"orthogonal frame": optimum.scale * np.eye(n_classes)},
                )
    found = {name: np.array(column) for name, column in columns.items()}
    options = {
        "scale": 1.0,
        "ops": 200,
        "controls": {name: found[name] for name in ("N for n", "1/(K - 1)")},
    }
    trial.gap(found["descent"], found["dual"], found["value"], margin=1e-8, **options)
    trial.gap(found["solver"], found["dual"], found["value"], margin=1e-7, **options)


@claim(ours(DERIVED), kind="identity")
def test_ce_deep_ETF_critical(trial, n_classes=6, per_class=4, decay=1e-3, width=7):
    """CE at depth two: the simplex frame at its stationary scale is a critical point and a local minimum."""
    decays, sizes, widths = (decay, decay), (per_class,) * n_classes, (width, width)
    problem = problem_of(sizes, decays, decay, loss="ce")
    head = etf_head(n_classes, per_class, decays, decay, widths)
    stretched = etf_head(n_classes, per_class, decays, decay, widths, stretch=1.001)
    trial.value(
        value_and_slope(problem, head)[1],
        0.0,
        error=1e-13,  # a few hundred roundings of gradients below one
        margin=1e-10,
        wrong_processes={"0.1 % longer": value_and_slope(problem, stretched)[1]},
    )
    spectrum = observed.hessian_spectrum(problem, head)
    rounding = 100 * len(spectrum) * 2.0**-53 * spectrum[-1]
    trial.value(
        spectrum[0], 0.0, error=rounding, margin=1e-10, side="at least", wrong_processes={"descending": -spectrum[-1]}
    )
    trial.identity(
        np.array([np.sum(np.abs(spectrum) < 1e-9)]),
        np.array([predicted.hessian_kernel_dimension(widths, n_classes - 1)]),
        ops=0,
        controls={"K directions": np.array([predicted.hessian_kernel_dimension(widths, n_classes)])},
    )


@claim(
    ours("abstract, cross-entropy; refuted here, in agreement with Garrod & Keating 2025"),
    kind="optimality",
    as_printed=paper(
        "abstract, cross-entropy",
        says="The global minimisers of CE are simplex frames at every depth: nothing has a lower objective.",
    ),
)
def test_ce_deep_global(trial, settings=((6, 2), (4, 3)), per_class=4, decay=1e-3):
    """CE from depth two on: antipodal pairs of classes beat the simplex frame, (K, M) = (6, 2) and (4, 3)."""
    gains, errors, value = [], [], []
    for n_classes, depth in settings:
        decays, sizes, widths = (decay,) * depth, (per_class,) * n_classes, (n_classes,) * depth
        problem = problem_of(sizes, decays, decay, loss="ce")
        values, slopes = zip(
            *(
                value_and_slope(problem, build(n_classes, per_class, decays, decay, widths))
                for build in (etf_head, antipodal_head)
            ),
            strict=True,
        )
        gains.append(values[0] - values[1])
        # Both are minima along their scales, of curvature above the decay: the gradient tells how far below.
        errors.append(sum(slope**2 for slope in slopes) / decay + 1e-14)
        frame = predicted.etf_stationary(n_classes, per_class, decays, decay)[1]
        value.append(frame - predicted.cross_polytope_stationary(n_classes, per_class, decays, decay)[1])
    trial.value(
        gains,
        value,
        error=np.array(errors),
        margin=1e-6,
        controls={"roles exchanged": -np.array(value)},
        as_printed=np.zeros(len(settings)),
    )


@claim(ours("cross-entropy at depth one and for few classes; derived here"), kind="optimality")
def test_ce_deep_global__holds(trial, settings=((4, 2), (4, 1), (6, 1), (10, 1)), per_class=4, decay=1e-3):
    """The simplex frame beats antipodal pairs at depth one, and for K = 4 at depth two."""

    def gain(n_classes, depth):
        decays, sizes, widths = (decay,) * depth, (per_class,) * n_classes, (n_classes,) * depth
        problem = problem_of(sizes, decays, decay, loss="ce")
        arguments = (n_classes, per_class, decays, decay, widths)
        return (
            value_and_slope(problem, etf_head(*arguments))[0] - value_and_slope(problem, antipodal_head(*arguments))[0]
        )

    trial.value(
        [gain(*setting) for setting in settings],
        np.zeros(len(settings)),
        error=1e-13,
        side="at most",
        wrong_processes={"K = 6 at depth two": [gain(6, 2)] * len(settings)},
    )


@claim(ours("size of the classes that fail, in the limit of small decays; derived here"), kind="limit")
def test_ce_deep_global__rule(trial, classes=(3, 4, 5, 6, 7, 8, 10), depths=(1, 2, 3, 4), decay=1e-14):
    """As decays vanish antipodal pairs win iff floor(K/2) 2^(2/L) + (K mod 2) < K - 1, L = M + 1."""

    def wins(n_classes, depth):
        decays, sizes, widths = (decay,) * depth, (1,) * n_classes, (n_classes,) * depth
        problem = problem_of(sizes, decays, decay, loss="ce")
        arguments = (n_classes, 1, decays, decay, widths)
        return (
            value_and_slope(problem, antipodal_head(*arguments))[0] < value_and_slope(problem, etf_head(*arguments))[0]
        )

    cases = [(n_classes, depth) for n_classes in classes for depth in depths]
    trial.identity(
        np.array([wins(*case) for case in cases]).astype(int),
        np.array([predicted.etf_beaten_by_cross_polytope(*case) for case in cases]).astype(int),
        ops=0,
        controls={
            "never": np.zeros(len(cases), int),
            "from depth two on": np.array([depth > 1 for _, depth in cases]).astype(int),
            "2^(1/L)": np.array([k // 2 * 2 ** (1 / (m + 1)) + k % 2 < k - 1 for k, m in cases]).astype(int),
        },
    )


@claim(ours("search for better configurations; agrees with Garrod & Keating 2025"), kind="optimality")
def test_ce_deep_global__search(trial, n_classes=6, per_class=4, decay=1e-3, width=8, starts=8):
    """K = 6, M = 2: descents from random starts end below the simplex frame, the best of them at rank three."""
    decays, sizes = (decay, decay), (per_class,) * n_classes
    problem = problem_of(sizes, decays, decay, loss="ce")
    found = observed.best_configuration(problem, trial.key("starts"), starts, widths=(width, width))
    _, frame = predicted.etf_stationary(n_classes, per_class, decays, decay)
    _, pairs = predicted.cross_polytope_stationary(n_classes, per_class, decays, decay)
    trial.value(
        found.best.value,
        pairs,
        error=found.best.gradient_norm**2 / decay + 1e-13,
        margin=1e-6,
        controls={"simplex frame": frame},
    )
    trial.identity(np.array([found.rank]), np.array([n_classes // 2]), ops=0, controls={"K - 1": np.array([5])})


@claim(ours("map of better configurations over K, M and the decay; derived here"), kind="optimality", tier="full")
def test_ce_lowrank(trial, classes=(4, 6, 8, 10, 20), depths=(1, 2, 3, 4, 6), decays=(1e-2, 1e-3, 1e-4, 1e-6)):
    """With n = 4 antipodal pairs win at M >= 2, except K = 4, M = 2 at decays of 1e-3 and below; never at M = 1."""

    def wins(n_classes, depth, decay):
        layers, sizes, widths = (decay,) * depth, (4,) * n_classes, (n_classes,) * depth
        problem = problem_of(sizes, layers, decay, loss="ce")
        arguments = (n_classes, 4, layers, decay, widths)
        pairs, frame = (value_and_slope(problem, build(*arguments))[0] for build in (antipodal_head, etf_head))
        return pairs < frame - 1e-12  # a collapsed pattern has the same value, log K, in both

    cases = [(k, depth, decay) for k in classes for depth in depths for decay in decays]
    expected = [depth > 1 and not (k == 4 and depth == 2 and decay <= 1e-3) for k, depth, decay in cases]
    rule = [predicted.etf_beaten_by_cross_polytope(k, depth) for k, depth, _ in cases]
    measured = np.array([wins(*case) for case in cases]).astype(int)
    trial.identity(
        measured,
        np.array(expected).astype(int),
        ops=0,
        controls={"the limit of small decay": np.array(rule).astype(int)},
    )


@claim(ours("search for better configurations; agrees with Garrod & Keating 2025"), kind="optimality", tier="full")
def test_ce_deep_global__search_more(trial, settings=((4, 3, 4), (5, 2, 4), (7, 2, 4), (10, 2, 2)), starts=24):
    """(K, M) = (4, 3), (5, 2), (7, 2), (10, 2): some descent ends below the simplex frame; never so for K = 3."""
    decay, found, frames = 1e-3, [], []
    for n_classes, depth, per_class in (*settings, (3, 2, 4)):
        decays, sizes, widths = (decay,) * depth, (per_class,) * n_classes, (max(8, n_classes + 2),) * depth
        problem = problem_of(sizes, decays, decay, loss="ce")
        search = observed.best_configuration(problem, trial.key(f"{n_classes} {depth}"), starts, widths=widths)
        found.append(search.best.value)
        frames.append(predicted.etf_stationary(n_classes, per_class, decays, decay)[1])
    beaten = np.array(frames[:-1])
    trial.value(
        found[:-1],
        beaten - 1e-4,
        error=1e-9,
        side="at most",
        wrong_processes={"simplex frames": beaten},
    )
    trial.value(found[-1], frames[-1], error=1e-9, margin=1e-7, controls={"1e-4 less": frames[-1] - 1e-4})
