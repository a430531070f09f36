"""From two covariances to what is learned when."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from own_data.jepa_bias.features import ROUNDING, SharedFeatures, misalignments, shared_features
from own_data.jepa_bias.result import Displacement, LearningOrder
from theory import jepa_bias as predicted
from theory.jepa_bias._domains import Clock, CrossMoment, Objective, SecondMoment
from theory_on_trial.contract import MOST, Count, Fraction, Interval, Positive, guarded, require

_COMMUTING = 1e-9  # relative norm of the commutator below which the features are exact


@guarded
def learning_order(
    Sigma_xx: SecondMoment,
    Sigma_yx: CrossMoment,
    depth: Count,
    epsilon: Positive,
    objective: Objective,
    *,
    fraction: Fraction = 0.5,
    clock: Clock = "flow",
    n_samples: Annotated[int, Interval(2, MOST)] | None = None,
) -> LearningOrder:
    """Critical times, order and displacements of a deep linear network trained on two views, from an aligned start.

    Where the covariances do not commute, features are those of `shared_features`, and times are exact to first order in
    what is off the diagonals; `end_spectrum` is exact all the same. Displacements are those of each pair by itself:
    the misalignment delta < 1 of `misalignments` (at least float64's rounding) grows from the critical time on at the
    saddle rate mu, and is of order one after log(1 / delta) / mu. Measured on two features at depth 2: within 0.3 / mu
    where Sigma_yx is symmetric, within 0.7 / mu on samples. `events` follow them through the whole run, with the
    misalignment of the pair that is displaced most surely for all.

    Args:
        Sigma_xx: E[x x^T] of the context, in any units.
        Sigma_yx: E[y x^T] of target and context.
        depth: L, layers of the encoder.
        epsilon: strength of every feature in the product of the layers at the start.
        objective: jepa or mae.
        fraction: p, of its final strength at which a feature counts as learned.
        clock: flow, a step counting as its learning rate, or paper, depth times as much.
        n_samples: pairs on which the network is trained, if these are not the covariances of just these pairs: they
            put it out of line by n_samples^(-1/2) at least.

    Also `ValueError` for a Sigma_xx without a positive eigenvalue, where no feature is learned, and where times exceed
    float64. Source: the scalar dynamics of Littwin et al. 2024, arXiv 2407.03475; all else derived here.

    >>> found = learning_order([[3.2, 0.0], [0.0, 0.8]], [[1.6, 0.0], [0.0, 0.8]], 2, 0.005, "jepa")
    >>> found.regression.tolist(), found.times.round(1).tolist()
    ([0.5, 1.0], [746.3, 1321.3])
    """
    restriction = predicted.restrict_to_range(Sigma_xx, Sigma_yx)
    found = shared_features(restriction.Sigma_xx, restriction.Sigma_yx)
    grows = found.covariance > 16 * len(Sigma_xx) * ROUNDING * np.linalg.norm(Sigma_yx)
    require(
        grows.any(),
        f"Sigma_yx must have a feature with positive covariance, got at most {found.covariance.max():.3g}: nothing is "
        "ever learned from a positive aligned start",
    )
    found = found.only(grows)
    below = epsilon < fraction * predicted.asymptote(depth, found.regression, objective=objective)
    require(
        below.any(),
        f"epsilon must be below the fraction {fraction:g} of some feature's final strength, got {epsilon}: reduce "
        "epsilon or depth",
    )
    found = found.only(below)
    times = predicted.critical_time(
        fraction, epsilon, depth, found.covariance, found.regression, objective=objective, clock=clock
    )
    require(np.isfinite(times), f"epsilon must be so large that times do not exceed float64, got {epsilon}")
    order = np.argsort(times, kind="stable")
    found, times = found.only(order), times[order]
    least = ROUNDING if n_samples is None else n_samples**-0.5
    displacements, mixed, misalignment = _displacements(found, times, depth, objective, clock, least)
    events = predicted.itinerary(
        found.covariance,
        found.regression,
        depth,
        epsilon,
        fraction,
        misalignment,
        objective=objective,
        clock=clock,
    )
    matrices = restriction.Sigma_xx, restriction.Sigma_yx
    norm_xx, norm_yx = (float(np.linalg.norm(matrix)) for matrix in matrices)
    commutator = predicted.commutator_norm(*matrices) / (norm_xx * norm_yx)
    asymmetry = float(np.linalg.norm(matrices[1] - matrices[1].T)) / norm_yx
    spectrum = predicted.predictor_eigenvalues(*matrices)
    doubts = (
        (
            max(commutator, asymmetry) > _COMMUTING,
            f"the covariances do not commute (commutator {commutator:.2g}, asymmetry {asymmetry:.2g}, relatively): the "
            "features are those of the nearest common basis, and times hold to first order",
        ),
        (
            objective == "jepa" and np.any(np.abs(spectrum.imag) > 1e-6 * np.abs(spectrum)),
            "the regression matrix has complex eigenvalues: no state in which each unit has one feature exists",
        ),
        (
            mixed > 0,
            f"of {mixed} pairs too close in lambda or rho to be told apart the later is preferred: whether the earlier "
            "is given up for it is not predicted",
        ),
        (
            not below.all(),
            f"features that start above the fraction {fraction:g} of their final strength: {np.sum(~below)}; reduce "
            "epsilon or depth to see them learned",
        ),
        (
            len(Sigma_xx) > len(grows),
            "x has directions without variance (fewer samples than features?): what y has there cannot be learned",
        ),
    )
    return LearningOrder(
        depth=depth,
        epsilon=float(epsilon),
        objective=objective,
        fraction=float(fraction),
        clock=clock,
        basis=restriction.basis @ found.basis,
        covariance=found.covariance,
        regression=found.regression,
        times=times,
        permanent_order=predicted.permanent_order(found.covariance, found.regression, objective=objective),
        displacements=displacements,
        events=tuple(events),
        decaying=int(np.sum(~grows)),
        starting_above=int(np.sum(~below)),
        dropped=len(Sigma_xx) - len(grows),
        commutator=commutator,
        asymmetry=asymmetry,
        end_spectrum=spectrum if objective == "jepa" else predicted.mae_singular_values(*matrices, depth),
        doubts=tuple(sentence for doubtful, sentence in doubts if doubtful),
    )


def _displacements(
    features: SharedFeatures,
    times: Float[np.ndarray, " features"],
    depth: Count,
    objective: Objective,
    clock: Clock,
    least: float,
) -> tuple[tuple[Displacement, ...], int, float]:
    """Pairs that are displaced, how many are too close to tell, and the misalignment of the pair most surely so."""
    covariance, regression = features.covariance, features.regression
    rates = predicted.saddle_rate(
        depth,
        covariance[:, None],
        regression[:, None],
        covariance,
        regression,
        objective=objective,
        clock=clock,
    )
    rates = np.where(times[:, None] < times, rates, 0)
    amplitudes = misalignments(features, objective)
    mixed = (rates > 0) & (amplitudes >= 1)
    amplitudes = np.clip(amplitudes, least, 1 - ROUNDING)
    waits = predicted.displacement_time(times[:, None], rates, amplitudes)
    first, second = np.nonzero((waits < times) & ~mixed)
    found = [
        Displacement(int(j), int(i), float(rates[j, i]), float(amplitudes[j, i]), float(waits[j, i]))
        for j, i in zip(first, second, strict=True)
    ]
    growth = np.where((rates > 0) & ~mixed, rates * (times - times[:, None]) + np.log(amplitudes), -np.inf)
    surest = float(amplitudes.flat[np.argmax(growth)]) if np.isfinite(growth).any() else least
    return tuple(sorted(found, key=lambda one: one.time)), int(np.sum(mixed)), surest
