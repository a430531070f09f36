"""Choromanski et al. 2021, "Rethinking Attention with Performers", ICLR, arXiv 2009.14794.

For whoever picks a random-feature map for exp(q · k) and the number of features: the variances of
three estimators, when positive features beat trigonometric ones, and what orthogonal directions
gain.

w is standard normal in d dimensions, SM = e^{q · k}, c = (|q|² + |k|²)/2, s = |q + k|². A feature
is e^{w · (q+k) - c} (positive), e^c cos(w · (q - k)) (trigonometric) or e^{-c} cosh(w · (q + k))
(hyperbolic); estimates are means of m.

Read: Lemma 2 with the sentence after it, and Theorem 2, an inequality. Derived here: the crossing,
the exact gain, and the law of a feature. Not claimed: sample variances, useless for s > 2, where
the fourth moment is astronomical. Topic: sequence models and attention.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq
from scipy.special import hyp1f1, ndtr, roots_genlaguerre, roots_hermitenorm, roots_jacobi

from theory_on_trial import claim, derived, observed, paper, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Norm = Annotated[
    float, Interval(0.3, 2, why="below, all variances vanish; above, quadrature needs more points")
]
Angle = Annotated[
    float, Interval(0.1, 3.04, why="between q and k: at 0 or π one of the estimators is exact")
]
Radius = Annotated[
    float, Interval(0.1, 4, why="below, the crossing is nearly at 0; above, it is at -(ln 2)/4")
]
Dimensions = Annotated[
    int, Interval(2, 64, why="in one dimension there is one direction; beyond, powers overflow")
]
Spread = Annotated[
    float,
    Interval(0.2, 9, why="s = |q + k|²: below, features are constant; above, none exceeds SM"),
]


def pair(left, right, angle):
    """The vectors q and k in the plane, of given norms and angle."""
    return np.array([left, 0.0]), right * np.array([np.cos(angle), np.sin(angle)])


@observed
def quadrature(q, k, order=2):
    """The variance, or else the mean, of each feature by Gauss and Hermite's quadrature over w · (q
    ± k).
    """
    points, weights = roots_hermitenorm(180)
    c = (q @ q + k @ k) / 2
    total = np.linalg.norm(q + k) * points
    difference = np.linalg.norm(q - k) * points
    features = np.array(
        [np.exp(total - c), np.exp(c) * np.cos(difference), np.exp(-c) * np.cosh(total)]
    )
    means = features @ weights / weights.sum()
    return means if order == 1 else (features - means[:, None]) ** 2 @ weights / weights.sum()


def meeting(spreads, radius):
    """Where the first two of these meet: ½ e^{-4u} (1 - e^{-2(r² - u)})² = 1 - e^{-2(r² + u)} at u
    = q · k.
    """
    angle = brentq(
        lambda t: np.diff(np.log(spreads(*pair(radius, radius, t))[:2]))[0],
        np.pi / 2,
        3.09,
        xtol=1e-14,
    )
    return radius**2 * np.cos(angle)


@predicted
def variances(q, k):
    """SM² (e^s - 1), ½ e^{2c} (1 - e^{-|q-k|²})² and ½ (1 - e^{-s}) SM² (e^s - 1)."""
    s = (q + k) @ (q + k)
    c = (q @ q + k @ k) / 2
    positive = np.exp(2 * q @ k) * np.expm1(s)
    return np.array(
        [
            positive,
            np.exp(2 * c) * np.expm1(-(q - k) @ (q - k)) ** 2 / 2,
            -np.expm1(-s) * positive / 2,
        ]
    )


@observed
def paired_moment(dimensions, s):
    """E e^{(w + w') · z}, |z|² = s, of orthogonal directions: w + w' has a χ norm of 2d degrees, by
    two quadratures.
    """
    halves, radial = roots_genlaguerre(60, dimensions - 1)
    cosines, angular = roots_jacobi(60, (dimensions - 3) / 2, (dimensions - 3) / 2)
    values = np.exp(np.sqrt(2 * s * halves)[:, None] * cosines)
    return radial @ values @ angular / (radial.sum() * angular.sum())


@predicted
def orthogonal_moment(dimensions, s):
    """₁F₁(d; d/2; s/2)."""
    return hyp1f1(dimensions, dimensions / 2, s / 2)


@predicted
def lognormal(s, c):
    """The distribution function of log f, normal with mean -c and variance s, and P(f > SM) = 1 -
    Φ(√s/2).
    """
    return (lambda x: ndtr((x + c) / np.sqrt(s))), ndtr(-np.sqrt(s) / 2)


@observed
def positive_features(q, k):
    """Draws of the positive feature's logarithm."""
    return lambda generator, n: generator.normal(size=(n, len(q))) @ (q + k) - (q @ q + k @ k) / 2


@claim(
    paper("Lemma 2"),
    kind="identity",
    cases=[(1.0, 0.7, 1.2), (2.0, 2.0, 0.1), (0.3, 0.3, 3.04)],
    as_published=paper(
        "after Lemma 2", says="for SM(x,y)→0 we have: MSE(SM^trig)→∞ and MSE(SM^+)→0"
    ),
)
def test_variances(trial, left: Norm, right: Norm, angle: Angle):
    """Features have means SM, variances SM² (e^s - 1), ½ e^{2c} (1 - e^{-|q-k|²})² and ½ (1 -
    e^{-s}) SM² (e^s - 1).
    """
    q, k = pair(left, right, angle)
    s = (q + k) @ (q + k)
    difference = (q - k) @ (q - k)
    predict = variances(q, k)
    mean = np.full(3, np.exp(q @ k))
    size = np.exp((q @ q + k @ k) / 2)
    trial.identity(
        quadrature(q, k, 1), mean, ops=400, scale=size, controls={"cosh without its half": 2 * mean}
    )
    scale = predict * (1 + 1 / np.array([np.sqrt(s), difference, s]))
    controls = {"without - 1": predict + np.array([np.exp(2 * q @ k), 0, 0]), "twice": 2 * predict}
    trial.identity(quadrature(q, k), predict, ops=400, scale=scale, controls=controls)
    growing = [pair(1.0, float(t), np.pi) for t in range(2, 7)]
    measured, predict = (np.array([of(*x)[0] for x in growing]) for of in (quadrature, variances))
    trial.identity(
        measured,
        predict,
        ops=400,
        scale=predict,
        controls={"half": predict / 2},
        as_published=0 * predict,
    )


@claim(derived("derived from the variances"), kind="identity", cases=[0.5, 1.0, 4.0])
def test_crossover(trial, radius: Radius):
    """For |q| = |k| = r positive features beat cosines if q · k < u* < 0 only; at 0 the ratio is
    2/(1 - e^{-2r²}).
    """
    crossing, law = (meeting(spreads, radius) for spreads in (quadrature, variances))
    trial.value(crossing, law, error=1e-9, margin=1e-7, controls={"wherever SM < 1": 0.0})
    measured, predict = (
        spreads(*pair(radius, radius, np.pi / 2)) for spreads in (quadrature, variances)
    )
    share = predict[1] / predict[0]
    trial.identity(measured[1] / measured[0], share, ops=4000, controls={"1 - e^{-2r²}": 2 * share})


@claim(
    derived("derived; Theorem 2 is the inequality"),
    kind="identity",
    cases=[(4, 0.6), (64, 9.0), (2, 2.0)],
)
def test_orthogonal_gain(trial, dimensions: Dimensions, s: Spread):
    """Orthogonal directions take e^{-2c} (m - 1) (e^s - ₁F₁(d; d/2; s/2)) off m times the variance,
    above Theorem 2.
    """
    gain = np.exp(s) - orthogonal_moment(dimensions, s)
    controls = {"Theorem 2 as an equality": 2 * np.expm1(s / 2) ** 2 / (dimensions + 2)}
    trial.identity(
        np.exp(s) - paired_moment(dimensions, s), gain, ops=400, scale=np.exp(s), controls=controls
    )


@claim(
    derived("derived: w · (q + k) is normal"), kind="distribution", cases=[(1.2, 1.0), (0.1, 4.0)]
)
def test_lognormal(trial, angle: Angle, s: Spread):
    """The log of a positive feature is normal of mean -c and variance s: it exceeds SM with chance
    1 - Φ(√s/2) only.
    """
    q, k = pair(1.0, 0.5, angle)
    q, k = np.sqrt(s) / np.linalg.norm(q + k) * np.array([q, k])
    c = (q @ q + k @ k) / 2
    draws = positive_features(q, k)
    cdf, share = lognormal(s, c)  # to 1.2 %: nine million draws would give 1 %
    controls = {
        "mean 0 of log(f/SM)": lognormal(s, -(q @ k))[0],
        "variance 2s": lognormal(2 * s, c)[0],
    }
    trial.distribution(
        cdf=cdf, sampler=draws, margin=0.02, controls=controls, first=20000, most=200_000
    )
    events = lambda generator, n: (draws(generator, n) > q @ k).astype(float)  # noqa: E731
    rare = {"1 - Φ(√s)": ndtr(-np.sqrt(s))}
    trial.probability(
        sampler=events,
        predict=share,
        margin=0.012 * share,
        controls=rare,
        first=20000,
        most=6_000_000,
    )


@figure("F1", claims=("variances", "crossover"))
def deviations(radius=1.0):
    """Positive features win only where the kernel is small.

    Standard deviation of a feature, |q| = |k| = 1. Marks: lines: theory; points: quadrature; u*:
    where two are equal.
    """
    products = np.linspace(-0.98, 0.98, 25)
    names = ("positive", "trigonometric", "hyperbolic")
    pairs = [pair(radius, radius, np.arccos(u)) for u in products]
    laws, exact = (np.sqrt([spreads(*x) for x in pairs]).T for spreads in (variances, quadrature))
    lines, points = (
        {name: (products, row) for name, row in zip(names, of, strict=True)} for of in (laws, exact)
    )
    thresholds = {"u*": meeting(variances, radius)}
    labels = {"x": "q · k", "y": "standard deviation  (dimensionless)"}
    return chart(lines, points, log="y", thresholds=thresholds, legend="beside", **labels)
