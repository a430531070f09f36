"""What a head is held against: the global minimum where it is known, else a bound and a frame."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from own_data.neural_collapse.head import Head
from own_data.neural_collapse.solve import concave_bound, solve
from theory import neural_collapse as predicted

_SLOPES = 80
_SLOPES_SOLVED = 8  # of the programs behind a bound, in closed form and solved


@dataclass(frozen=True, eq=False)
class Reference:
    """Target geometry and bound of a head.

    The minimum is between `lower_bound` and `upper_bound`, of a configuration that is known,
    infinite where none is; `targets` are what metrics are distances to; `singular_values` those of
    the optimal logits of all samples, empty where unknown; `remarks` hold sentences on what stands
    between the head and a bound or a frame, whatever it does.
    """

    lower_bound: float
    upper_bound: float
    targets: predicted.CollapseTargets
    singular_values: Float[np.ndarray, " directions"]
    remarks: tuple[str, ...]

    @property
    def is_minimum(self) -> bool:
        """Whether the two bounds are the minimum, to a billionth and rounding."""
        return bool(self.upper_bound - self.lower_bound <= 2e-9 * self.lower_bound + 1e-14)


def mse_reference(head: Head) -> Reference:
    """The global minimum under the square loss."""
    optimum = predicted.mse_optimum(
        head.class_sizes,
        head.weight_decays,
        head.feature_decay,
        widths=head.widths,
        bias=head.bias is not None,
    )
    remarks = []
    rank = int(np.sum(optimum.alive))
    directions = optimum.alive.size
    if rank < directions:
        dead = (
            f", not those of classes {np.flatnonzero(~optimum.alive).tolist()}"
            if head.bias is None
            else ""
        )
        smallest = predicted.critical_class_size(
            len(head.labels), head.weight_decays, head.feature_decay
        )
        remarks.append(
            f"the optimum itself keeps {rank} of {directions} directions{dead}: the narrowest "
            "width is "
            f"{min(head.widths)}, and these decays kill what weighs less than {smallest:.4g} "
            "samples"
        )
    if rank == 0:
        remarks.append(
            "all is zero at the optimum: it has no frame, and distances to frames are undefined"
        )
    if optimum.cut_is_tied or "tie" in optimum.regimes:
        remarks.append(
            "the optimum is not unique (a tie): distances are those to one of its geometries"
        )
    targets = predicted.optimum_targets(optimum)
    return Reference(optimum.value, optimum.value, targets, optimum.singular_values, tuple(remarks))


def ce_reference(head: Head) -> Reference:
    """The global minimum under cross-entropy at depth one, between two bounds from depth two on."""
    n_classes = head.n_classes
    sizes = head.class_sizes
    depth = len(head.weights)
    if depth > 1:
        return _deep_ce_reference(head)
    targets = predicted.frame_targets(predicted.simplex_etf(n_classes), depth)
    wide_enough = bool(head.widths[0] >= n_classes - 1)
    narrow = (
        f"a width of at least {n_classes - 1}, for the optimum of free features: the gap is an "
        "upper bound that stays "
        "above 0"
    )
    if np.ptp(sizes) > 0:
        slope = float(np.sqrt(head.weight_decays[0]) * np.sqrt(head.feature_decay))
        program = solve(sizes, slope, head.bias is not None, 1e-9)
        remarks = ["classes are unequal: distances are those to the simplex frame of equal classes"]
        upper = program.upper if wide_enough else np.inf
        singular_values = np.linalg.svd(program.logits * np.sqrt(sizes), compute_uv=False)
        alive = singular_values[singular_values > 1e-4 * singular_values[0]]
        if not wide_enough:
            remarks.append(narrow)
        return Reference(
            program.lower,
            float(upper),
            targets,
            alive if wide_enough else np.zeros(0),
            tuple(remarks),
        )
    per_class = int(sizes[0])
    optimum = predicted.ce_optimum_shallow(
        n_classes, per_class, head.weight_decays[0], head.feature_decay
    )
    singular_values = np.full(n_classes - 1, optimum.scale * np.sqrt(per_class))
    is_attained = wide_enough or optimum.trivial
    remarks = [] if is_attained else [narrow]
    if optimum.trivial:
        remarks.append(
            "all is zero at the optimum: it has no frame, and distances to frames are undefined"
        )
        targets = predicted.frame_targets(np.zeros((n_classes, n_classes)), depth)
    upper = optimum.value if is_attained else np.inf
    return Reference(optimum.value, upper, targets, singular_values, tuple(remarks))


def _deep_ce_reference(head: Head) -> Reference:
    """Bounds by concavity of the penalty in the nuclear norm of the logits, which the decays are at
    least.
    """
    n_classes = head.n_classes
    sizes = head.class_sizes
    depth = len(head.weights)
    decays = head.weight_decays
    per_class = int(sizes[0])
    width = int(min(head.widths))
    factor = predicted.schatten_penalty(np.eye(1), decays, head.feature_decay)
    table = {"all zero": float(np.log(n_classes))}
    steepest = float(np.sqrt(sizes.max())) / len(head.labels)  # from here on all is zero
    if np.ptp(sizes) == 0:
        slopes = steepest * np.geomspace(1e-6, 1, _SLOPES)
        values = [
            predicted.ce_optimum_shallow(n_classes, per_class, slope, slope).value
            for slope in slopes
        ]
        etf, antipodal = (
            find(n_classes, per_class, decays, head.feature_decay)[1]
            for find in (predicted.etf_stationary, predicted.cross_polytope_stationary)
        )
        table |= {"the simplex frame": etf} if width >= n_classes - 1 else {}
        table |= {"antipodal pairs of classes": antipodal} if width >= (n_classes + 1) // 2 else {}
    else:
        slopes = steepest * np.geomspace(1e-3, 1, _SLOPES_SOLVED)
        programs = [solve(sizes, float(slope), head.bias is not None, 0.05) for slope in slopes]
        values = [program.lower for program in programs]
        for program, slope in zip(programs, slopes, strict=True):
            norms = np.linalg.svd(program.logits * np.sqrt(sizes), compute_uv=False)
            penalty = predicted.schatten_penalty(
                program.logits * np.sqrt(sizes), decays, head.feature_decay
            )
            if np.sum(norms > 1e-9 * norms[0]) <= width:
                value = program.upper - slope * norms.sum() + penalty
                table["a shrunk head"] = min(table.get("a shrunk head", np.inf), value)
    lower = concave_bound(np.array(values), slopes, factor, 2 / (depth + 1))
    name = min(table, key=lambda one: table[one])
    listing = ", ".join(
        f"{key} {value:.4g}" for key, value in table.items() if key != "all zero" or name == key
    )
    remark = (
        "from depth 2 on the minimum of cross-entropy is not known, only bounds; known "
        f"configurations: {listing}; "
        "distances are those to the simplex frame"
    )
    targets = predicted.frame_targets(predicted.simplex_etf(n_classes), depth)
    return Reference(lower, float(table[name]), targets, np.zeros(0), (remark,))
