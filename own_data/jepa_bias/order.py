"""From two covariances to what is learned when."""

import numpy as np
from jaxtyping import Bool, Float

from own_data.jepa_bias.features import ROUNDING, SharedFeatures, shared_features
from own_data.jepa_bias.flow import Track, crossings, end_state, follow
from own_data.jepa_bias.result import LearningOrder
from theory import jepa_bias as predicted
from theory.jepa_bias import Event
from theory.jepa_bias.domains import Clock, CrossMoment, Objective, SecondMoment
from theory_on_trial.contract import Count, Fraction, Positive, guarded, require
from theory_on_trial.own_data.answer import Doubt

_COMMUTING = 1e-12  # relative norm of the commutator below which the scalar equations are exact
_NEGATIVE = 1e-10  # relative size of what may be rounding
_FINE = 1e-3
COARSE = 1e-2  # tolerances of the integration, whose difference measures its error
_INEXACT = 0.02  # of a time: more is a doubt
_LONG = 10  # of the slowest scalar times
_NEARLY_ALIGNED = 0.1  # a larger misalignment is no mere imperfection of a start


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
) -> LearningOrder:
    """What a deep linear network learns, unlearns and relearns, and when, from an aligned start
    with these covariances.

    Features are those of `shared_features`. Where the covariances commute each follows its scalar
    equation, and times are exact. Elsewhere the gradient flow of the whole network, all of its L +
    1 factors epsilon^(1/L) I, is integrated in seconds; twice, so that the error of the times is
    measured and doubted. A feature q counts as learned while
    |W-bar q| is at least the fraction p of what it is in the end state in which everything is
    learned.

    The integration ends at that state, after ten times the slowest scalar time (what is reached
    then is final), or where it would become too long: at `horizon`, of which the answer says so. It
    is not answerable if nothing is learned by then.

    Args:
        Sigma_xx: E[x x^T] of the context, in any units.
        Sigma_yx: E[y x^T] of target and context.
        depth: L, layers of the encoder.
        epsilon: strength of every feature in the product of the layers at the start.
        objective: jepa or mae.
        fraction: p, of its final strength at which a feature counts as learned.
        clock: flow, a step counting as its learning rate, or paper, depth times as much.

    Also `ValueError` for a Σ_xx with negative eigenvalues or without a positive one, where no
    feature is learned,
    and where times exceed float64. Source: the dynamics of Littwin et al. 2024, arXiv 2407.03475;
        else derived here.

    >>> found = learning_order([[3.2, 0.0], [0.0, 0.8]], [[1.6, 0.0], [0.0, 0.8]], 2, 0.005, "jepa")
    >>> found.regression.tolist(), found.times.round(1).tolist()
    ([0.5, 1.0], [746.3, 1321.3])
    """
    restriction = predicted.restrict_to_range(Sigma_xx, Sigma_yx)
    least = float(np.linalg.eigvalsh(Sigma_xx)[0])
    require(
        least >= -_NEGATIVE * np.linalg.norm(Sigma_xx),
        f"Sigma_xx must have no negative eigenvalue, as covariances have none, got {least:.3g}",
    )
    modes = shared_features(restriction.Sigma_xx, restriction.Sigma_yx)
    basis = restriction.basis @ modes.basis
    norm_xx = float(np.linalg.norm(Sigma_xx))
    norm_yx = float(np.linalg.norm(Sigma_yx))
    commutator = predicted.commutator_norm(Sigma_xx, Sigma_yx) / (norm_xx * norm_yx or 1.0)
    asymmetry = float(np.linalg.norm(Sigma_yx - Sigma_yx.T)) / (norm_yx or 1.0)
    exact = max(commutator, asymmetry) <= _COMMUTING
    grows = modes.covariance > 16 * len(Sigma_xx) * ROUNDING * norm_yx
    require(
        grows.any(),
        "Sigma_yx must have a feature with positive covariance, got at most "
        f"{modes.covariance.max():.3g}: nothing is "
        "learned from a positive aligned start",
    )
    end = end_state(modes.Sigma_xx, modes.Sigma_yx, depth, objective)
    strengths = np.sqrt(np.diag(end))
    if exact:
        strengths = np.where(
            grows, predicted.asymptote(depth, abs(modes.regression), objective=objective), np.inf
        )
    below = epsilon < fraction * strengths
    require(
        (grows & below).any(),
        f"epsilon must be below the fraction {fraction:g} of some feature's final strength, got "
        f"{epsilon}: reduce "
        "epsilon or depth",
    )
    times = _aligned_times(modes, grows, fraction, epsilon, depth, objective)
    require(
        ~np.isinf(times),
        f"epsilon must be so large that times do not exceed float64, got {epsilon}",
    )
    doubts: tuple[Doubt, ...] = ()
    error = 0.0
    if exact:
        horizon = np.inf
        indices = np.flatnonzero(grows & below)
        events = sorted(Event(float(times[i]), int(i), "learned") for i in indices)
        doubts = _of_alignment(modes.only(indices), times[indices], depth, objective)
    else:
        coarse_steps = (
            f"fraction must be at most {1 - _FINE} where the covariances do not "
            f"commute, got {fraction}"
        )
        require(fraction <= 1 - _FINE, coarse_steps)
        power = 1 / depth if objective == "jepa" else (depth + 1) / depth
        ends = modes._replace(
            Sigma_xx=np.diag(modes.covariance / np.where(below, strengths, 1) ** power)
        )
        slowest = np.max(
            _aligned_times(ends, grows & below, fraction, epsilon, depth, objective),
            initial=0,
            where=grows & below,
        )
        run = depth, epsilon, objective, fraction, _LONG * slowest
        fine, coarse = (
            integrated(Sigma_xx[None], Sigma_yx[None], basis, *run, tolerance)
            for tolerance in (_FINE, COARSE)
        )
        of_fine, of_coarse = (
            crossings(track, 0, fraction * finals[0]) for track, finals in (fine, coarse)
        )
        events, horizon, error = _agreed(of_fine, of_coarse, fine[0], coarse[0])
        if error > _INEXACT and events:
            doubts = (
                Doubt(f"steps of the integration move times by {error:.1%}", error, "of each time"),
            )
        is_settled = np.allclose(fine[0].log_strengths[-1, 0], np.log(strengths), atol=0.01)
        if (
            is_settled and np.linalg.slogdet(modes.Sigma_yx)[0] < 0
        ):  # no determinant of an aligned layer changes sign
            reason = (
                "Sigma_yx has a negative determinant: only rounding leaves the saddle before "
                "the end state"
            )
            doubts += (Doubt(reason, np.inf, "of each time"),)
    factor = depth if clock == "paper" else 1
    first = {event.feature: event.time for event in reversed(events)}
    order = np.array(sorted(first, key=lambda feature: first[feature]), int)
    position = {int(feature): index for index, feature in enumerate(order)}
    subset = modes.only(order)
    return LearningOrder(
        depth=depth,
        epsilon=float(epsilon),
        objective=objective,
        fraction=float(fraction),
        clock=clock,
        basis=restriction.basis @ subset.basis,
        covariance=subset.covariance,
        regression=subset.regression,
        times=factor * np.array([first[int(feature)] for feature in order]),
        aligned_times=factor * times[order],
        events=tuple(
            Event(factor * event.time, position[event.feature], event.kind) for event in events
        ),
        horizon=factor * horizon,
        unlearned=int(np.sum(below)) - len(order),
        starting_above=int(np.sum(~below)),
        dropped=len(Sigma_xx) - len(grows),
        commutator=commutator,
        asymmetry=asymmetry,
        end_spectrum=predicted.predictor_eigenvalues(restriction.Sigma_xx, restriction.Sigma_yx)
        if objective == "jepa"
        else predicted.mae_singular_values(restriction.Sigma_xx, restriction.Sigma_yx, depth),
        integration_error=error,
        doubts=doubts,
        missing=""
        if events
        else "a larger epsilon or fewer features, as nothing is learned by t = "
        f"{factor * horizon:.3g}, and to follow "
        "the flow any further would take too long",
    )


def integrated(
    Sigma_xx: Float[np.ndarray, "batch dim dim"],
    Sigma_yx: Float[np.ndarray, "batch dim dim"],
    basis: Float[np.ndarray, "dim features"],
    depth: int,
    epsilon: float,
    objective: Objective,
    fraction: float,
    horizon: float,
    tolerance: float,
) -> tuple[Track, Float[np.ndarray, "batch features"]]:
    """The flows of pairs of covariances at once, on the features of one, and final strengths; times
    are the flow's.
    """
    rotation = np.linalg.svd(basis, full_matrices=True)[0]
    rotation[:, : basis.shape[1]] = basis
    xx, yx = (rotation.T @ matrices @ rotation for matrices in (Sigma_xx, Sigma_yx))
    inner = (slice(None), slice(basis.shape[1]), slice(basis.shape[1]))
    end = end_state(xx[inner], yx[inner], depth, objective)
    track = follow(xx, yx, end, depth, epsilon, objective, fraction, horizon, tolerance)
    if track.times[-1] >= horizon * (
        1 - 1e-9
    ):  # a direction of negative regression keeps the end state out of reach
        return track, np.exp(track.log_strengths[-1])
    return track, np.sqrt(np.diagonal(end, axis1=1, axis2=2))


def _aligned_times(
    features: SharedFeatures,
    grows: Bool[np.ndarray, " features"],
    fraction: float,
    epsilon: float,
    depth: int,
    objective: Objective,
) -> Float[np.ndarray, " features"]:
    """Scalar critical times on the clock of the flow; NaN for a feature that decays or starts
    above.
    """
    times = predicted.critical_time(
        fraction,
        epsilon,
        depth,
        np.where(grows, features.covariance, 1),
        np.where(grows, features.regression, 1),
        objective=objective,
        clock="flow",
    )
    return np.where(grows & (times > 0), times, np.nan)


def _agreed(
    fine: list[Event], coarse: list[Event], *tracks: Track
) -> tuple[list[Event], float, float]:
    """Events on which the two integrations agree, up to when they do, and how far their times are
    apart, relatively.
    """
    horizon = min(track.times[-1] for track in tracks)
    error = 0.0
    for feature in {event.feature for event in [*fine, *coarse]}:
        of_fine, of_coarse = (
            [event.time for event in events if event.feature == feature]
            for events in (fine, coarse)
        )
        common = min(len(of_fine), len(of_coarse))
        for later in (*of_fine[common:], *of_coarse[common:]):
            horizon = min(horizon, later * (1 - 1e-9))
        error = max([error, *(abs(a - b) / a for a, b in zip(of_fine, of_coarse, strict=False))])
    return [event for event in fine if event.time <= horizon], float(horizon), error


def _of_alignment(
    features: SharedFeatures,
    times: Float[np.ndarray, " features"],
    depth: int,
    objective: Objective,
) -> tuple[Doubt, ...]:
    """The least misalignment, of start or data, with which a feature is given up early for a better
    one.
    """
    covariance = features.covariance
    regression = features.regression
    rates = predicted.saddle_rate(
        depth,
        covariance[:, None],
        regression[:, None],
        covariance,
        regression,
        objective=objective,
        clock="flow",
    )
    waits = times - times[:, None]
    growth = np.where((waits > 0) & (rates > 0), rates * waits, 0)
    if np.exp(-growth.max()) > _NEARLY_ALIGNED:
        return ()
    earliest = np.max(np.where(np.exp(-growth) <= _NEARLY_ALIGNED, waits / times, 0))
    reason = (
        f"start and data must be aligned to {np.exp(-growth.max()):.1g}, or a feature is "
        "unlearned for another"
    )
    return (Doubt(reason, float(earliest), "of each time"),)
