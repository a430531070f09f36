"""Leng, Tan, Liu, Cubuk, Shi, Cheng & Anguelov 2022, "PolyLoss: A Polynomial Expansion Perspective
of Classification Loss Functions", ICLR, arXiv 2204.12511.

For whoever swaps cross entropy for Poly-1 or for a truncated series: what happens to early training
and to the probabilities.

Take away: at the start of training the first 69 terms of the series give half of cross entropy's
gradient for 100 classes, and the first 693 for 1000; two terms give .2 % of it. Poly-1 with $ε = 2$
makes a classifier overconfident: on two principal components of scikit-learn's digits its
confidence is 74 % and its accuracy 65 %. The normalised $q/(1 + ε q)$ reduces the confidence to 66
%.

$P$ is the softmax probability of the label, $Q = 1 - P$. $L_J$ is the sum of $Q^j / j$,
$j = 1, …, J$; the focal loss with exponent $γ$ is $-Q^γ log P$; Poly-1 is $-log P + ε Q$. $K$ is
the number of classes, $p$ the true posterior, and $q$ what a model fits.

Edges: as $P → 0$, $L_J$ tends to the harmonic number of $J$, and cross entropy to infinity. At
$ε = 0$ Poly-1 is cross entropy, $q = p$. Below $ε = -1$ the loss increases in $P$ near $P = 1$,
larger posteriors may get smaller probabilities, and the correction needs all $1 + ε q_k$ to have
one sign.

Paper: it expands losses in powers of $Q$, changes the first coefficient (Poly-1), and trains image
models. This page says what the change does to gradients and probabilities.

Abstract:

- Sentences 2 and 3: losses should be fitted to tasks, and are seen as sums of polynomials. No
  statement.
- Sentence 4: the weights of the polynomials can be changed, with cross entropy and focal loss as
  special cases. Holds: series, tail_above, tail_below.
- Sentence 5: the best choice depends on the task and the data. Not on trial. No task is compared;
  `gradient`, `poly1_calibration` and `correction` say what a choice does.
- Sentence 6: one more number in one line of code improves many tasks. Not on trial. It needs large
  models; `digits` has a small one.

Read: the abstract ("naturally subsuming" cross entropy and focal loss "as special cases").
Recalled: the coefficients of the focal loss. Derived here: all else. Poly-1 is convex on the
simplex for every $ε$, so that a stationary point is the minimiser. Not claimed: that the correction
holds for a model that cannot fit the posterior.

Topic: learning.
"""

from fractions import Fraction
from functools import cache, partial
from typing import Annotated

import numpy as np
import scipy.special
from scipy.optimize import brentq, minimize

from paper_checks.briefs.common import gradient
from theory_on_trial import (
    balls,
    claim,
    derived,
    observed,
    predicted,
    recalled,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Terms = Annotated[
    int,
    Interval(1, 60, why="a series has a term; beyond, all but the smallest P have no tail left"),
]
Classes = Annotated[int, Interval(2, 8, why="one class has no loss; more are more of the same")]
Epsilon = Annotated[
    float, Interval(-1, 8, why="below -1 larger posteriors may get smaller probabilities")
]
PROBABILITIES = np.array([0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99])
softmax = partial(scipy.special.softmax, axis=-1)


def poly1(probability, epsilon):
    """-log P + ε (1 - P)."""
    return -np.log(probability) + epsilon * (1 - probability)


def truncated(probability, terms):
    """L_J, the sum of Q^j / j."""
    return sum((1 - probability) ** j / j for j in range(1, terms + 1))


@observed
def tail_by_quadrature(terms):
    """What J terms leave of -log P: the integral of t^J / (1 - t) from 0 to Q, by 200 nodes of
    Gauss and Legendre.
    """
    nodes, weights = np.polynomial.legendre.leggauss(200)
    t = (1 - PROBABILITIES[:, None]) * (nodes + 1) / 2
    return (t**terms / (1 - t)) @ weights * (1 - PROBABILITIES) / 2


@observed
def slope_of_series(logits, label, terms):
    """The gradient of L_J in the logits, by complex steps."""
    return gradient(lambda z: truncated(softmax(z)[..., label], terms), logits)


@observed
def terms_for_half(classes):
    """The fewest terms of the series whose slope at P = 1/K, by a complex step, is half of that of
    -log P.
    """
    powers = np.cumprod(np.full(2 * classes, 1 - 1 / classes - 1e-30j))
    slopes = np.cumsum(powers / np.arange(1, len(powers) + 1)).imag / 1e-30
    return int(np.argmax(-slopes >= classes / 2)) + 1


@observed
def fitted(features, labels, epsilon):
    """The weights (features, 10) of a softmax regression with least mean Poly-1 and a small
    penalty.
    """
    truth = np.eye(10)[labels]
    shape = features.shape[1], 10

    def objective(entries):
        weights = entries.reshape(shape)
        q = softmax(features @ weights)
        p = np.sum(q * truth, axis=1)
        slope = features.T @ ((1 + epsilon * p)[:, None] * (q - truth)) / len(labels)
        value = np.mean(poly1(p, epsilon)) + 5e-5 * entries @ entries
        return value, (slope + 1e-4 * weights).ravel()

    options = {"jac": True, "method": "L-BFGS-B", "options": {"maxiter": 60}}
    return minimize(objective, np.zeros(np.prod(shape)), **options).x.reshape(shape)


@observed
def overconfidence(probabilities, labels):
    """Mean probability of the likeliest class less the share that is right, in absolute terms."""
    right = np.argmax(probabilities, axis=1) == labels
    return abs(np.mean(np.max(probabilities, axis=1)) - np.mean(right))


@cache
def two_components():
    """All cubic polynomials of the first two principal components of scikit-learn's digits, (1797,
    10), and the labels.
    """
    from sklearn.datasets import load_digits

    digits, labels = load_digits(return_X_y=True)
    centred = digits - digits.mean(axis=0)
    x, y = np.linalg.svd(centred, full_matrices=False)[0][:, :2].T * np.sqrt(len(digits))
    return np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=1), labels


@observed
def minimiser(posterior, epsilon):
    """The probabilities of least expected Poly-1 by search over logits, and the length of the
    gradient there.
    """

    def expected_loss(logits):
        return poly1(softmax(logits), epsilon) @ posterior

    def slope(logits):
        return gradient(expected_loss, logits)

    search = minimize(
        lambda z: expected_loss(z).real, np.log(posterior), jac=slope, method="BFGS", tol=1e-12
    )
    return softmax(search.x), np.linalg.norm(slope(search.x))


@observed
def best_probability(epsilon):
    """Where the slope of Poly-1, by a complex step, ceases to be negative, or 1."""

    def slope(probability):
        return poly1(probability + 1e-30j, epsilon).imag

    return 1.0 if slope(1.0) <= 0 else brentq(slope, 1e-3, 1, xtol=1e-14)


@predicted
def focal(gamma):
    """-Q^γ log P."""
    return -((1 - PROBABILITIES) ** gamma) * np.log(PROBABILITIES)


@predicted
def tail_bounds(terms, probabilities=PROBABILITIES):
    """Q^(J+1) / ((J+1) (1 - Q (J+1) / (J+2))), and Q^(J+1) / ((J+1) P)."""
    q = 1 - probabilities
    first = q ** (terms + 1) / (terms + 1)
    return first / (1 - q * (terms + 1) / (terms + 2)), first / probabilities


@predicted
def share_of_cross_entropy(probabilities, label, power):
    """(1 - Q^J) (softmax - label)."""
    return (1 - (1 - probabilities[label]) ** power) * (
        probabilities - np.eye(len(probabilities))[label]
    )


@predicted
def sharpened(posterior, epsilon):
    """q_k = p_k / (μ - ε p_k), with μ such that the q_k sum to one."""
    least = np.max(epsilon * posterior)
    mu = brentq(
        lambda m: np.sum(posterior / (m - epsilon * posterior)) - 1,
        least + 1e-9,
        least + 1.01,
        xtol=1e-15,
    )
    return posterior / (mu - epsilon * posterior)


@predicted(about="minimiser")
def corrected(probabilities, epsilon):
    """The posterior: q_k / (1 + ε q_k), normalised."""
    weights = probabilities / (1 + epsilon * probabilities)
    return weights / weights.sum()


@predicted
def terms_predicted(classes):
    """log(1/2) / log(1 - 1/K), rounded up."""
    return int(np.ceil(np.log(0.5) / np.log1p(-1 / classes)))


@predicted
def least_of_poly1(epsilon):
    """1 for ε >= -1, else -1 / ε."""
    return 1.0 if epsilon >= -1 else -1 / epsilon


@claim(
    recalled("its expansion of the focal loss, as a review quotes it"),
    kind="identity",
    cases=[(3, 2.0), (1, 0.1), (60, 5.0)],
)
def test_series(
    trial,
    terms: Terms,
    focus: Annotated[
        float,
        Interval(
            0.1, 5, why="towards 0 the focal loss is cross entropy; larger ones leave no loss"
        ),
    ],
):
    """For the probability $P$ of the label and $Q = 1 - P$ the focal loss $-Q^γ log P$ is the sum
    of $Q^(j + γ)/j$ over all $j >= 1$.
    """
    total = truncated(PROBABILITIES, terms) + tail_by_quadrature(terms)
    trial.identity(
        (1 - PROBABILITIES) ** focus * total,
        focal(focus),
        # Sums of 60 and of 200 terms; t^J / (1 - t) multiplies some four roundings of t by 160.
        ops=1000,
        controls={"powers not shifted": focal(0)},
    )


@claim(derived("a geometric series"), kind="bound", cases=[3, 1, 60])
def test_tail_above(trial, terms: Terms):
    """For $0 < P < 1$ and $Q = 1 - P$ the series $-log P = ∑_j Q^j/j$, cut after $J$ terms, lacks
    at most $Q^(J+1)/((J+1) P)$.
    """
    upper = tail_bounds(terms)[1]
    trial.bound(
        tail_by_quadrature(terms),
        upper,
        instances="grid",
        # Roundings decide nothing: the two sides differ by at least 1e-4 of themselves.
        ops=100,
        controls={"the first omitted term alone": upper * PROBABILITIES},
    )


@claim(derived("ratios of terms rise"), kind="bound", cases=[3, 1, 60])
def test_tail_below(trial, terms: Terms):
    """For $0 < P < 1$ and $Q = 1 - P$ the series $-log P = ∑_j Q^j/j$, cut after $J$ terms, lacks
    at least $Q^(J+1)/((J+1)(1 - Q (J+1)/(J+2)))$.
    """
    lower, upper = tail_bounds(terms)
    trial.bound(
        1 / tail_by_quadrature(terms),
        1 / lower,
        instances="grid",
        # Roundings decide nothing: the two sides differ by at least 2e-8 of themselves.
        ops=100,
        controls={"the geometric series": 1 / upper},
    )


@claim(derived("the sum of $Q^(j-1) P$"), kind="identity", cases=[(5, 2), (2, 1), (8, 12)])
def test_gradient(
    trial,
    classes: Classes,
    terms: Annotated[
        int,
        Interval(
            1, 12, why="a series has a term; beyond, it has all of the gradient at these logits"
        ),
    ],
):
    """For the softmax probability $P$ of the label and $Q = 1 - P$ the gradient of
    $sum_{j<=J} Q^j/j$ in the logits is $1 - Q^J$ times that of cross entropy, $-log P$.
    """
    logits = trial.generator("logits").normal(0, 0.3, classes)
    label = classes - 1
    measured = slope_of_series(logits, label, terms)
    law = share_of_cross_entropy(softmax(logits), label, terms)
    controls = {
        f"$1 - Q^(J{n:+d})$": share_of_cross_entropy(softmax(logits), label, terms + n)
        for n in (-1, 1)
    }
    # Powers up to the twelfth multiply the dozen roundings of a softmax: some 200 in all.
    # The rest is room.
    trial.identity(
        measured,
        law,
        ops=1000,
        generic="softmax and powers are analytic in the logits",
        controls=controls,
    )


@claim(derived("$1 - Q^J$ at $P = 1/K$"), kind="identity", cases=[100, 1000, 10])
def test_terms_for_half(
    trial,
    classes: Annotated[
        int, Interval(10, 2000, why="few classes need few terms; all terms are added one by one")
    ],
):
    """At $P = 1/K$ for $K$ classes the series of cross entropy, $-log P = ∑_j (1 - P)^j/j$, has
    half of its gradient in the first $log(1/2)/log(1 - 1/K)$ terms, rounded up: 69 for 100 classes,
    693 for 1000.
    """
    trial.identity(
        terms_for_half(classes),
        terms_predicted(classes),
        ops=0,
        controls={"each term adds $1/K$ of the gradient": classes // 2},
    )


def true_posterior(trial, classes, epsilon):
    """A posterior of unlike entries."""
    trial.require(
        abs(epsilon) >= 0.1, "ε must be .1 off 0, where Poly-1 is cross entropy and q = p"
    )
    weights = 1 + np.arange(classes) + trial.generator("posterior").uniform(0, 0.5, classes)
    return weights / weights.sum()


POSTERIORS = [(3, 2.0), (2, -1.0), (8, 8.0)]


@claim(derived("the stationary point on the simplex"), kind="optimality", cases=POSTERIORS)
def test_poly1_calibration(trial, classes: Classes, epsilon: Epsilon):
    """Of all probabilities $q$ those with the least expected Poly-1, the mean of
    $-log q_k + ε (1 - q_k)$ under $p$, are $q_k = p_k/(μ - ε p_k)$, with $μ$ such that they sum to
    one.
    """
    posterior = true_posterior(trial, classes, epsilon)
    measured, slope = minimiser(posterior, epsilon)
    controls = {"$q = p$, as of cross entropy": posterior}
    if epsilon > -0.9:  # at -1 it is uniform
        controls["a temperature, $q ∝ p^(1 + ε)$"] = posterior ** (1 + epsilon) / np.sum(
            posterior ** (1 + epsilon)
        )
    trial.value(
        measured,
        sharpened(posterior, epsilon),
        error=100 * slope + 1e-13,  # a curvature of .01 or more
        margin=1e-5,
        generic="the minimum of a strictly convex analytic loss is analytic in the posterior",
        controls=controls,
    )


@claim(derived("the law, solved for $p$"), kind="identity", cases=POSTERIORS)
def test_correction(trial, classes: Classes, epsilon: Epsilon):
    """If $q$ has the least expected Poly-1, the mean of $-log q_k + ε (1 - q_k)$ under $p$, all
    $p_k > 0$ and $ε >= -1$, then $p_k$ is proportional to $q_k/(1 + ε q_k)$.
    """
    posterior = true_posterior(trial, classes, epsilon)
    measured, slope = minimiser(posterior, epsilon)
    controls = {"$q$ itself": measured}
    if epsilon > -0.9:
        cooled = measured ** (1 / (1 + epsilon))
        controls["a temperature, $p ∝ q^(1/(1 + ε))$"] = cooled / cooled.sum()
    trial.value(
        corrected(measured, epsilon),
        posterior,
        error=1000 * slope + 1e-12,
        margin=1e-4,
        generic="the minimum of a strictly convex analytic loss is analytic in the posterior",
        controls=controls,
    )


@claim(
    derived("seven splits of one data set"),
    kind="empirical",
    cases=[3.0],
    low_power="a sign test of seven splits: it says which is nearer, not by how much",
)
def test_digits(
    trial,
    epsilon: Annotated[
        float, Interval(2, 5, why="a smaller ε is hardly seen; larger ones train slowly")
    ],
):
    """A softmax regression is trained with Poly-1, $-log P + ε (1 - P)$, on cubic polynomials of
    two principal components of scikit-learn's digits. Its confidence is nearer to its accuracy once
    its probabilities $q$ are replaced by $q/(1 + ε q)$, normalised.
    """
    features, labels = two_components()
    gains = []
    by_temperature = []
    for split in range(7):
        order = trial.generator(f"split {split}").permutation(len(labels))
        train = order[:900]
        test = order[900:]
        q = softmax(features[test] @ fitted(features[train], labels[train], epsilon))
        before = overconfidence(q, labels[test])
        fair = np.array([corrected(row, epsilon) for row in q])
        cooled = q ** (1 / (1 + epsilon))
        cooled /= cooled.sum(axis=1, keepdims=True)
        gains.append(before - overconfidence(fair, labels[test]))
        by_temperature.append(before - overconfidence(cooled, labels[test]))
    trial.runs(gains, alpha=2.0**-6, controls={"a temperature of $1 + ε$": by_temperature})


@claim(
    derived("the slope is $-1 / P - ε$"),
    kind="identity",
    cases=[(-2.0, -1.0), (-8.0, 8.0), (-1.05, 0.0)],
)
def test_monotone(
    trial,
    below: Annotated[
        float, Interval(-8, -1.05, why="where the least loss is at P below 1, and not just below")
    ],
    above: Annotated[float, Interval(-1, 8, why="where Poly-1 falls up to P = 1")],
):
    """Poly-1, $-log P + ε (1 - P)$, falls in $P$ up to $P = 1$ if $ε >= -1$, and is least at
    $P = -1/ε$ if $ε < -1$.
    """
    trial.identity(
        [best_probability(below), best_probability(above)],
        [least_of_poly1(below), least_of_poly1(above)],
        # The search stops within 1e-14 of the root, and 1e-14 is 90 units of rounding.
        ops=100,
        controls={"always at 1": [1.0, 1.0]},
    )


def tail(probability, terms):
    """What J terms leave of -log P."""
    return -balls.log(probability) - truncated(probability, terms)


@claim(derived("boxes of $P$, each enclosed"), kind="bound")
def test_tail_above__everywhere(trial):
    """With $Q = 1 - P$ the series $-log P = ∑_j Q^j/j$, cut after $J$ terms, lacks at most
    $Q^(J+1)/((J+1) P)$, for all $P$ in $[.01, .95]$ and $J$ from 1 to 6.
    """

    def geometric(probability, terms):
        return (1 - probability) ** (terms + 1) / ((terms + 1) * probability)

    trial.prove(
        tail,
        geometric,
        {"probability": (0.01, 0.95), "terms": range(1, 7)},
        controls={
            "the first omitted term alone": lambda probability, terms: (
                probability * geometric(probability, terms)
            ),
        },
        same_as=(None, lambda probability, terms: tail_bounds(terms, probability)[1]),
    )


@claim(derived("boxes of $P$, each enclosed"), kind="bound")
def test_tail_below__everywhere(trial):
    """With $Q = 1 - P$ the series $-log P = ∑_j Q^j/j$, cut after $J$ terms, lacks at least
    $Q^(J+1)/((J+1)(1 - Q (J+1)/(J+2)))$, for all $P$ in $[.01, .95]$ and $J$ from 1 to 6.
    """

    def lower(probability, terms):
        q = 1 - probability
        return q ** (terms + 1) / ((terms + 1) * (1 - q * Fraction(terms + 1, terms + 2)))

    trial.prove(
        lower,
        tail,
        {"probability": (0.01, 0.95), "terms": range(1, 7)},
        controls={
            "the term $J + 1$ counted among the kept": lambda probability, terms: tail(
                probability, terms + 1
            ),
        },
        same_as=(lambda probability, terms: tail_bounds(terms, probability)[0], None),
    )


@figure("F1", claims=("poly1_calibration",))
def reliability(epsilons: tuple[float, ...] = (-1.0, 1.0, 2.0, 5.0)):
    """A network trained on Poly-1 is overconfident for positive $ε$ and too cautious for negative
    $ε$.

    Two classes: fitted probability against the true posterior. Marks: lines: law; points:
    minimisers by search over logits.
    """
    fine, coarse = (
        np.linspace(0.02, 0.98, points)[:, None] * [1, -1] + [0, 1] for points in (97, 13)
    )
    lines = {"calibrated": (np.array([0, 1]), np.array([0, 1]))}
    fits = {}
    for epsilon in epsilons:
        lines[f"ε = {epsilon:g}"] = fine[:, 0], np.array([sharpened(p, epsilon)[0] for p in fine])
        fits[f"ε = {epsilon:g}"] = coarse[:, 0], [minimiser(p, epsilon)[0][0] for p in coarse]
    return chart(
        lines,
        fits,
        dashed=["calibrated"],
        legend="beside",
        x="true probability of the class",
        y="fitted probability",
    )
