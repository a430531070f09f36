"""Choromanski et al. 2021, "Rethinking Attention with Performers", ICLR, arXiv 2009.14794.

For whoever picks a random-feature map for $exp(q · k)$ and the number of features: the variances of
three estimators, when positive features beat trigonometric ones, and what orthogonal directions
gain.

Take away: positive features beat cosines only if the kernel is below .84, or below .94 for vectors
as short as .3, and a positive feature at $s = 4$ exceeds what it estimates in only one draw of six.
Orthogonal directions reduce the variance by at most 32 % if $m = d$ is large, and by nothing for
large $s$.

$w$ is standard normal in $d$ dimensions, $SM = e^{q · k}$, $c = (|q|² + |k|²)/2$, $s = |q + k|²$. A
feature is $e^{w · (q+k) - c}$ (positive), $e^c cos(w · (q - k))$ (trigonometric) or
$e^{-c} cosh(w · (q + k))$ (hyperbolic); estimates are means of $m$.

Edges: at $q = k$ the trigonometric feature is exact; at $q = -k$ the positive one is, since $s = 0$
there. Orthogonal directions need $m <= d$ and $d >= 2$.

Paper: it makes attention linear in the length by positive orthogonal random features, FAVOR+. This
page computes the variances of its features. The page on learned spectral kernels examines a paper
that learns the law of such features.

Abstract:

- Sentence 1: transformers estimate softmax attention with provable accuracy, in linear space and
  time. In part: unbiased, variances. The accuracy of an entry of the matrix, before its rows are
  normalised.
- Sentence 2: positive orthogonal random features approximate the kernel of softmax. In part:
  unbiased, orthogonal_gain. Each feature is unbiased, and orthogonal directions reduce the variance
  by a known amount.
- Sentence 3: other kernels than that of softmax can be modelled. Not on trial. It is about models.
- Sentence 4: kernels can be compared on large tasks. Not on trial. It needs large models.
- Sentence 5, first part: the estimation of the matrix is unbiased or nearly so. Holds: unbiased.
- Sentence 5, second part: the estimates converge uniformly. Not on trial. Single entries are
  estimated here.
- Sentence 5, third part: the variance is low. In part: variances, small_kernels, crossover,
  rarely_above. Where $|q + k|$ is small: it grows as its exponential.
- Sentence 6: on many tasks the models compete with others. Not on trial. It needs large models.

Read: the abstract; sections 2 and 3 with Lemmas 1 and 2, the sentence after Lemma 2, and Theorem 2,
an inequality, in a copy. Derived here: the crossing, the exact gain, and the law of a feature. The
sentence after Lemma 2 has no condition in print; it is true where $|q + k|$ stays bounded. Not
claimed: sample variances, useless for $s > 2$, where the fourth moment is astronomical. Topic:
sequence models and attention.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq
from scipy.special import hyp1f1, ndtr, roots_genlaguerre, roots_hermitenorm, roots_jacobi

from theory_on_trial import (
    balls,
    claim,
    derived,
    observed,
    paper,
    predicted,
    published,
    tried,
)
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
Spread = Annotated[
    float,
    Interval(0.2, 9, why="s = |q + k|²: below, features are constant; above, none exceeds SM"),
]


def pair(left, right, angle):
    """The vectors q and k in the plane, of given norms and angle."""
    return np.array([left, 0.0]), right * np.array([np.cos(angle), np.sin(angle)])


def stretched(angle, s):
    """The vectors q and k, one half as long as the other, at this angle and with |q + k|² = s."""
    q, k = pair(1.0, 0.5, angle)
    return np.sqrt(s) / np.linalg.norm(q + k) * np.array([q, k])


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
def kernel(q, k):
    """SM = e^{q · k}."""
    return np.exp(q @ k)


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
    """The distribution function of log f, normal with mean -c and variance s > 0."""
    return lambda x: ndtr((x + c) / np.sqrt(s))


@predicted
def chance_above(s):
    """P(f > SM) = 1 - Φ(√s/2)."""
    return ndtr(-np.sqrt(s) / 2)


@observed
def positive_features(q, k):
    """Draws of the positive feature's logarithm."""
    return lambda generator, n: generator.normal(size=(n, len(q))) @ (q + k) - (q @ q + k @ k) / 2


@claim(
    paper("section 2, Lemma 1 and the trigonometric features before it"),
    kind="identity",
    cases=[(1.0, 0.7, 1.2), (2.0, 2.0, 0.1), (0.3, 0.3, 3.04)],
)
def test_unbiased(trial, left: Norm, right: Norm, angle: Angle):
    """Let $w$ be standard normal and $c = (|q|² + |k|²)/2$. The features $e^{w·(q+k) - c}$
    (positive), $e^c cos(w·(q - k))$ (trigonometric) and $e^{-c} cosh(w·(q + k))$ (hyperbolic) all
    have the mean $e^{q·k}$.
    """
    q, k = pair(left, right, angle)
    trial.identity(
        quadrature(q, k, 1),
        np.full(3, kernel(q, k)),
        # Sums of 180 terms; where these are large, exponents are at most some 30.
        ops=400,
        scale=np.exp((q @ q + k @ k) / 2),
        controls={
            "features without $e^{-c}$ and $e^c$": np.exp(
                np.array([(q + k) @ (q + k), -(q - k) @ (q - k), (q + k) @ (q + k)]) / 2
            )
        },
    )


@claim(
    paper("Lemma 2"), kind="identity", cases=[(1.0, 0.7, 1.2), (2.0, 2.0, 0.1), (0.3, 0.3, 3.04)]
)
def test_variances(trial, left: Norm, right: Norm, angle: Angle):
    """Let $w$ be standard normal, $c = (|q|² + |k|²)/2$ and $s = |q + k|²$. The features
    $e^{w·(q+k) - c}$, $e^c cos(w·(q - k))$ and $e^{-c} cosh(w·(q + k))$ have the variances
    $e^{2q·k} (e^s - 1)$, $½ e^{2c} (1 - e^{-|q-k|²})²$ and $½ (1 - e^{-s}) e^{2q·k} (e^s - 1)$.
    """
    q, k = pair(left, right, angle)
    s = (q + k) @ (q + k)
    difference = (q - k) @ (q - k)
    positive, cosine, hyperbolic = predict = variances(q, k)
    controls = {
        "second moments of $e^{w · (q+k) - c}$": [positive + np.exp(2 * q @ k), cosine, hyperbolic],
        "a uniform phase, $½ e^{2c}$": [positive, np.exp(q @ q + k @ k) / 2, hyperbolic],
        "cosh averages two features": [positive, cosine, positive / 2],
    }
    scale = predict * (1 + 1 / np.array([np.sqrt(s), difference, s]))
    # Sums of 180 terms; where these are large, exponents are at most some 45, and squares double
    # their roundings.
    trial.identity(quadrature(q, k), predict, ops=400, scale=scale, controls=controls)


@claim(
    derived("Lemma 2 along a line"),
    kind="identity",
    cases=[4.0, 6.0],
    as_published=published(
        place=paper("section 3, the sentence after Lemma 2"),
        quoted="Thus, for $SM(x,y)→0$ we have: $MSE(SM^trig)→∞$ and $MSE(SM^+)→0$",
        within="no condition stands there; with a bound on $|x + y|$ it is true",
        reach="theorem",
        effect="the sentence needs a bound on $|x + y|$; Lemma 2 and the theorems stand",
        ran="the formula",
    ),
)
def test_small_kernels(
    trial,
    farthest: Annotated[
        float,
        Interval(4, 6, why="t: nearer, the variance is below 1; beyond, quadrature loses digits"),
    ],
):
    """The positive feature $e^{w·(q+k) - (|q|² + |k|²)/2}$, $w$ standard normal, of $q = 1$ and
    $k = -t$ has the variance $e^{-2t} (e^{(t-1)²} - 1)$, which grows without bound with $t$ while
    its mean $e^{-t}$ vanishes.
    """
    pairs = [pair(1.0, t, np.pi) for t in np.linspace(2, farthest, 5)]
    predict = np.array([variances(*x)[0] for x in pairs])
    second = np.array([np.exp((q + k) @ (q + k) + 2 * q @ k) for q, k in pairs])
    trial.identity(
        np.array([quadrature(*x)[0] for x in pairs]),
        predict,
        # Sums of 180 terms; where these are large, exponents are at most some 65, and squares
        # double their roundings.
        ops=400,
        scale=predict,
        controls={"second moments": second},
        as_published=0 * predict,
    )


@claim(derived("from the variances"), kind="identity", cases=[0.5, 1.0, 4.0])
def test_crossover(trial, radius: Radius):
    """For $|q| = |k| = r$ and $u = q·k$ positive random features of $e^u$ and cosines have the same
    variance at $u = u*(r) < 0$, where $½ e^{-4u*} (1 - e^{-2(r² - u*)})² = 1 - e^{-2(r² + u*)}$.
    """
    crossing = meeting(variances, radius)
    controls = {"wherever SM < 1": 0.0}
    if radius < 1.5:  # beyond, it is the crossing
        controls["that of long vectors, -(ln 2)/4"] = -np.log(2) / 4
    trial.value(meeting(quadrature, radius), crossing, error=1e-9, margin=1e-7, controls=controls)


@claim(derived("from the variances"), kind="identity", cases=[0.5, 1.0, 4.0])
def test_at_right_angles(trial, radius: Radius):
    """Let $w$ be standard normal. For $|q| = |k| = r$ and $q ⊥ k$ the trigonometric feature
    $e^{r²} cos(w·(q - k))$ of $e^{q·k}$ has $½ (1 - e^{-2r²})$ times the variance of the positive
    one, $e^{w·(q+k) - r²}$.
    """
    spread = pair(radius, radius, np.pi / 2)
    measured = quadrature(*spread)
    predict = variances(*spread)
    trial.identity(
        measured[1] / measured[0],
        predict[1] / predict[0],
        # Sums of 180 terms. At r = 0.1 cosines deviate by some 1 % from their mean, so that their
        # own roundings count a hundredfold.
        ops=4000,
        controls={"equal at SM = 1": 1.0, "short vectors, $r²$": radius**2},
    )


@claim(
    tried("Theorem 2: orthogonal features have a smaller mean squared error", "the exact gain"),
    kind="identity",
    cases=[(4, 0.6), (64, 9.0), (2, 2.0)],
)
def test_orthogonal_gain(
    trial,
    dimensions: Annotated[
        int, Interval(2, 64, why="in one dimension there is one direction; beyond, powers overflow")
    ],
    s: Spread,
):
    """Let $c = (|q|² + |k|²)/2$ and $s = |q + k|²$. Two positive features $e^{w·(q+k) - c}$ with
    orthogonal directions $w$ in $d$ dimensions have the covariance
    $-e^{-2c} (e^s - ₁F₁(d; d/2; s/2))$. So the mean of $m <= d$ of them has a variance that is less
    by $(1 - 1/m) e^{-2c} (e^s - ₁F₁(d; d/2; s/2))$ than that of independent ones.
    """
    trial.identity(
        np.exp(s) - paired_moment(dimensions, s),
        np.exp(s) - orthogonal_moment(dimensions, s),
        # Two sums of 60 terms and exponents of at most some 30 take up to 150 roundings; the rest
        # is room for SciPy's ₁F₁.
        ops=400,
        scale=np.exp(s),
        controls={"Theorem 2 as an equality": 2 * np.expm1(s / 2) ** 2 / (dimensions + 2)},
    )


@claim(derived("$w · (q + k)$ is normal"), kind="distribution", cases=[(1.2, 1.0), (0.1, 4.0)])
def test_lognormal(trial, angle: Angle, s: Spread):
    """The logarithm of the positive feature $e^{w·(q+k) - c}$, $w$ standard normal and
    $c = (|q|² + |k|²)/2$, is normal with the mean $-c$ and the variance $|q + k|²$.
    """
    q, k = stretched(angle, s)
    trial.distribution(
        cdf=lognormal(s, (q @ q + k @ k) / 2),
        sampler=positive_features(q, k),
        margin=0.02,
        controls={
            "as often above SM as below": lognormal(s, -(q @ k)),
            "directions of fixed length $√d$, here $d = 2$": lambda x: (
                1 - np.arccos(np.clip((x + (q @ q + k @ k) / 2) / np.sqrt(2 * s), -1, 1)) / np.pi
            ),
        },
        first=20000,
        most=200_000,
    )


@claim(derived("from the law"), kind="distribution", cases=[(1.2, 1.0), (0.1, 4.0)])
def test_rarely_above(trial, angle: Angle, s: Spread):
    """The positive feature $e^{w·(q+k) - (|q|² + |k|²)/2}$, $w$ standard normal, exceeds its mean
    $e^{q·k}$ with the chance $1 - Φ(√s/2)$, where $s = |q + k|² > 0$.
    """
    q, k = stretched(angle, s)
    draws = positive_features(q, k)
    share = chance_above(s)  # to 1.2 %: nine million draws would give 1 %

    def above(generator, n):
        return (draws(generator, n) > q @ k).astype(float)

    trial.probability(
        sampler=above,
        predict=share,
        margin=0.012 * share,
        controls={"as often above SM as below": 0.5},
        first=20000,
        most=6_000_000,
    )


@claim(derived("boxes of $r$ and of the cosine, each enclosed"), kind="bound")
def test_crossover__everywhere(trial):
    """Let $w$ be standard normal. For $|q| = |k| = r$ and the cosine $c >= 0$ of their angle the
    trigonometric feature $e^{r²} cos(w·(q - k))$ of $e^{q·k}$ has at most half the variance of the
    positive one, $e^{w·(q+k) - r²}$: $e^{2r²} (1 - e^{-2r²(1 - c)})² <= e^{2c r²} (e^{2r²(1 + c)} -
    1)$, for all $r$ in $[.1, 2]$ and $c$ in $[0, 1]$.
    """

    def positive(radius, cosine):
        u = cosine * radius**2
        return balls.exp(2 * u) * (balls.exp(2 * (radius**2 + u)) - 1)

    def of_cosines(radius, cosine):
        return balls.exp(2 * radius**2) * (1 - balls.exp(-2 * radius**2 * (1 - cosine))) ** 2 / 2

    def on_page(radius, cosine):
        return variances(*pair(radius, radius, np.arccos(cosine)))

    trial.prove(
        of_cosines,
        lambda radius, cosine: positive(radius, cosine) / 2,
        {"radius": (0.1, 2), "cosine": (0, 1)},
        controls={
            "a quarter, as if sine and cosine were two draws": lambda radius, cosine: (
                positive(radius, cosine) / 4
            ),
            "the share at right angles for $r² = 2$, $½ (1 - e^{-4})$": lambda radius, cosine: (
                -balls.expm1(-4) / 2 * positive(radius, cosine)
            ),
        },
        same_as=(lambda r, w: on_page(r, w)[1], lambda r, w: on_page(r, w)[0] / 2),
    )


@figure("F1", claims=("variances", "crossover"))
def deviations(radius=1.0):
    """Positive features win only where the kernel is small.

    Standard deviation of a feature, $|q| = |k| = 1$. Marks: lines: theory; points: quadrature;
    $u*$: where two are equal.
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
