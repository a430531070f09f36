"""Data models that have such features: two noisy views, two masks, two successive frames."""

from itertools import product
from typing import Annotated

import numpy as np

from paper_checks.test_jepa_bias import OBJECTIVES, rise_times
from theory.jepa_bias import data_models, learning_times
from theory_on_trial import claim, derived, recalled
from theory_on_trial.contract import Interval

PARAMETERS = "the model; its parameters and moments are found here"
Rate = Annotated[
    float, Interval(0.2, 0.8, why="what is rarely seen, or rarely hidden, takes many samples")
]
"""q and q', the probabilities with which the masks of the two views keep a coordinate."""
Level = Annotated[float, Interval(0.5, 2)]
"""What all variances of the noise are multiplied by."""


def correlated(dim=3):
    """Return a covariance matrix with unequal variances and correlations."""
    root = np.tril(np.linspace(0.3, 1.2, dim * dim).reshape(dim, dim))
    return root @ root.T + np.diag(np.linspace(0.2, 0.6, dim))


def two_frames(variance, persistence, innovation, noise):
    """Return λ and ρ of the views z + n and γ z + u + n' of each feature, by enumeration: z, u, n
    and n' are each plus or minus the standard deviation.
    """
    # Axes: the 16 choices of signs, the four variables, the features
    signs = np.array(list(product((-1, 1), repeat=4)))[:, :, None]
    values = signs * np.sqrt([variance, innovation, noise, noise])
    z, u, first, second = np.moveaxis(values, 1, 0)
    context = z + first
    target = persistence * z + u + second
    covariance = np.mean(target * context, axis=0)
    return [covariance, covariance / np.mean(context**2, axis=0)]


@claim(
    recalled("the static generative process, as a review names it", within=PARAMETERS),
)
def test_gen_static(trial, noise_level: Level = 1.0):
    """Let two views of a feature be the same signal, of variance $σ_s²$, each with independent
    noise of variance $σ_n²$. Their covariance is $λ = σ_s²$, and the regression coefficient is
    $ρ = σ_s² / (σ_s² + σ_n²)$.

    This holds for any laws of signal and noise.
    """
    signal = np.array([1.5, 1.0, 0.6])
    noise = noise_level * np.array([1.2, 0.3, 0.2])
    features = data_models.static_features(signal, noise)
    controls = {
        "$ρ$ without noise": [features.covariance, np.ones(3)],
        "$λ$ of the view with itself": [signal + noise, features.regression],
    }
    measured = two_frames(signal, np.ones(3), np.zeros(3), noise)
    # Some 22 roundings lead to a mean over 16 signs, of terms up to four times the scale.
    trial.identity(measured, np.array(features), ops=100, scale=2.0, controls=controls)


@claim(
    recalled("the dynamic generative process, as a review names it", within=PARAMETERS),
)
def test_gen_temporal(trial, noise_level: Level = 1.0):
    """Let $s' = γ s + u$ be a feature of two successive frames with innovations $u$ of variance
    $σ_u²$, and let each frame have independent noise of variance $σ_n²$. The covariance of the
    frames is $λ = γ v$, and the regression coefficient is $ρ = γ v / (v + σ_n²)$, where
    $v = σ_u² / (1 - γ²)$.

    This holds for any laws of innovations and noise.
    """
    persistence = np.array([0.9, 0.5, -0.4])
    innovation = np.array([0.1, 0.6, 0.5])
    noise = noise_level * np.array([1.2, 0.3, 0.2])
    features = data_models.temporal_features(persistence, innovation, noise)
    variance = np.array([1.5, 1.0, 0.6])
    for _ in range(400):  # frames until it is stationary
        variance = persistence**2 * variance + innovation
    controls = {
        "$ρ$ without noise": [features.covariance, persistence],
        "without $γ$": [features.covariance / persistence, features.regression],
        "$v = σ_u^2$": [persistence * innovation, persistence * innovation / (innovation + noise)],
    }
    measured = two_frames(variance, persistence, innovation, noise)
    # A frame's roundings last for 1 / (1 - 0.81) frames.
    trial.identity(measured, np.array(features), ops=100, scale=2.0, controls=controls)


def enumerated(S, rate, target_rate=None):
    """Return Σ_xx and Σ_yx of masked views, summed over all masks. Without a `target_rate`, y has
    what the mask of x hides, and otherwise what a mask of its own keeps.
    """
    masks = np.array(list(product((0, 1), repeat=len(S))))

    def chances(kept):
        return np.prod(np.where(masks, kept, 1 - kept), axis=1)

    # The probability that y has each coordinate, for each mask of x
    if target_rate is None:
        targets = 1 - masks
    else:
        targets = np.broadcast_to(chances(target_rate) @ masks, masks.shape)
    weighted = chances(rate)
    return masks.T * weighted @ masks * S, targets.T * weighted @ masks * S


@claim(derived("second moments of masked coordinates"))
def test_gen_masking(trial, rate: Rate = 0.6, target_rate: Rate = 0.3):
    """Let coordinates have the covariance $S$ with the diagonal $D$, and let $x$ keep each of them
    with probability $q$, independently. Then $x$ has the covariance $q² S + q (1 - q) D$. The
    covariance of $y$ and $x$ is $q (1 - q) (S - D)$ if $y$ has the other coordinates, and $q q' S$
    if $y$ keeps each with probability $q'$, independently of $x$.
    """
    trial.require(
        abs(rate - target_rate) > 0.05,
        "target_rate must differ from rate: else nothing distinguishes them",
    )
    S = correlated()
    xx, yx_hidden = data_models.complementary_mask_covariances(S, rate)
    xx_again, yx_own = data_models.independent_mask_covariances(S, rate, target_rate)
    trial.identity(
        [*enumerated(S, rate), *enumerated(S, rate, target_rate)],
        [xx, yx_hidden, xx_again, yx_own],
        # Sums over 2^3 masks, two where the target has its own mask, and chances of three factors.
        ops=3 * 2**3,
        scale=4.0,
        controls={
            "$q (S - D)$ for the other coordinates": [xx, yx_hidden / (1 - rate), xx_again, yx_own],
            "$Σ_xx = q S$": [rate * S, yx_hidden, rate * S, yx_own],
            "$q² S$ for two masks": [xx, yx_hidden, xx_again, rate**2 * S],
        },
    )


def orders(features, depth=5, fraction=0.8):
    """Return the orders in which JEPA and MAE learn the features, two arrays of indices, by
    quadrature from a hundredth of the lowest strength that counts as learned.
    """
    rankings = []
    for objective in OBJECTIVES:
        targets = fraction * learning_times.asymptote(
            depth, features.regression, objective=objective
        )
        init = 0.01 * targets.min()
        times = rise_times(
            fraction, init, depth, features.covariance, features.regression, objective
        )
        rankings.append(np.argsort(times))
    return rankings


@claim(
    derived(
        "with the eigenvalue $s$ of $S$ both $λ = q q' s$ and $ρ = q' s / (q s + (1 - q) c)$ "
        "increase, where $c$ is the variance"
    )
)
def test_gen_masking__order(
    trial,
    rate: Rate = 0.5,
    target_rate: Rate = 0.5,
    depth: Annotated[int, Interval(1, 5, why="deeper encoders are not tried")] = 2,
):
    """Let all coordinates have the same variance, and let both views keep every coordinate with one
    probability, independently. Then the covariance $λ$ of the views and the regression coefficient
    $ρ$ put the features in the same order. JEPA and a masked autoencoder then learn the four
    features of two pairs of coordinates in that order, the direction of the largest variance first.
    """
    S = np.kron([[1.0, 0.5], [0.5, 1.0]], [[1.0, 0.3], [0.3, 1.0]])
    features = data_models.joint_spectrum(
        *data_models.independent_mask_covariances(S, rate, target_rate)
    )
    strongest = np.argsort(-np.diag(features.basis.T @ S @ features.basis))
    trial.identity(
        orders(features, depth),
        [strongest, strongest],
        ops=0,
        controls={"JEPA learns the smallest variance first": [strongest[::-1], strongest]},
    )


@claim(
    derived("without noise $ρ$ is $γ$, which rises from feature to feature here while $λ$ falls")
)
def test_gen_temporal__order(
    trial, depth: Annotated[int, Interval(5, 8, why="shallower, λ still decides")] = 5
):
    """Let three features of successive frames be without noise, have the persistences $γ = .5, .7$
    and $.95$ and the variances 2, 1.35 and .9, so that the slower ones have the smaller covariance
    $λ$ between frames. Then JEPA with five to eight encoder layers learns the slowest, weakest
    feature first and the fastest, strongest one last, and a masked autoencoder the other way round.
    """
    persistence = np.array([0.5, 0.7, 0.95])
    variance = np.array([2.0, 1.35, 0.9])
    features = data_models.temporal_features(
        persistence, variance * (1 - persistence**2), np.zeros(3)
    )
    controls = {"both by $λ$": [[0, 1, 2]] * 2, "both by $ρ$": [[2, 1, 0]] * 2}
    processes = {
        "one layer": orders(features, 1),
        "static views of the same variances": orders(
            data_models.static_features(variance, np.zeros(3)), depth
        ),
    }
    trial.identity(
        orders(features, depth),
        [[2, 1, 0], [0, 1, 2]],
        ops=0,
        controls=controls,
        control_processes=processes,
    )
