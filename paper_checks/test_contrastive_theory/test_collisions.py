"""Mean losses of classifiers, and what negatives of the positive's own class cost.

The package says what the letters mean.
"""

from fractions import Fraction
from itertools import product
from typing import Annotated, Literal

import numpy as np

from sims import contrastive_theory as observed
from theory import contrastive_theory as predicted
from theory.contrastive_theory import Loss
from theory_on_trial import balls, claim, derived, tried
from theory_on_trial.contract import Count, Interval, NonNegative
from theory_on_trial.laws import Bounded

World = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Weights of the classes, a law of points per class, and features of the points."""
SeveralNegatives = Annotated[
    int, Interval(2, 2**20, why="with one, controls are the law, too; the high end is a cap")
]

WEIGHTS = np.array([0.5, 0.3, 0.2])
TAU = float(WEIGHTS @ WEIGHTS)
PAIR = np.array([0.5, 0.5])
NEGATIVES = [(1, 1), (2, 1), (4, 1), (16, 1), (64, 1), (4, 2)]


def random_world(generator: np.random.Generator, points: int = 6, length: float = 1.0) -> World:
    """Weights, a Dirichlet law per class, and normal features in the plane."""
    laws = generator.dirichlet(np.ones(points), len(WEIGHTS))
    return WEIGHTS, laws, length * generator.normal(size=(points, 2))


def collapsed_world(length: float) -> World:
    """Three classes that are one point each, of this length and orthogonal."""
    return WEIGHTS, np.eye(3), length * np.eye(3)


def grid_world(low: float, high: float, points: int) -> World:
    """Two classes of one law, uniform on equally spaced numbers."""
    return PAIR, np.full((2, points), 1 / points), np.linspace(low, high, points)[:, None]


def spread_world(variance: float) -> World:
    """Two classes +-1 in the first coordinate, with +-sqrt(variance) in the second, whatever the
    class.
    """
    features = [(sign, other * np.sqrt(variance)) for sign in (1, -1) for other in (1, -1)]
    return PAIR, np.kron(np.eye(2), PAIR), np.array(features)


def certified(world, loss):
    """The loss with one negative that the encoder's own L_sup asks for."""
    return predicted.certificate(world[0], predicted.supervised_loss(*world, loss))


WORLD = random_world(np.random.default_rng(0))


@claim(
    tried(
        "Lemma 4.3, as a review quotes it: $L_sup <= (L_un - τ) / (1 - τ)$",
        "several negatives, and their weight",
    ),
    kind="bound",
    cases=[("hinge", 1), ("logistic", 1), ("logistic", 4)],
)
def test_unsupervised_bounds_supervised(trial, loss: Loss, negatives: Count, worlds: Count = 400):
    """For every encoder the logistic contrastive loss, in bits, is
    $L_un >= E log_2(1 + N) + (1 - τ) w L_sup$: $N$ is how many of the $k$ negatives have the class
    of their positive, $τ$ the chance that one has, $L_sup$ the loss of the mean classifier of two
    classes, and $w$ the weight that `many_negatives` gives. With one negative this is
    $τ + (1 - τ) L_sup$, for the hinge loss, too.
    """
    trial.require(
        loss == "logistic" or negatives == 1, f"negatives must be 1 for the hinge, got {negatives}"
    )
    generator = trial.generator("worlds")
    floor = predicted.collision_floor(WEIGHTS, negatives)
    cases = [random_world(generator, length=generator.exponential(2)) for _ in range(worlds)]
    cases += [collapsed_world(0.7), collapsed_world(5.0)]
    risks = np.array([predicted.supervised_loss(*world, loss) for world in cases])
    least = np.array([predicted.certificate(WEIGHTS, value, negatives) for value in risks])
    processes = {
        "a floor of $1.1 τ$": least + 0.1 * floor * (1 - risks),
        "$1 + τ$ for $1 - τ$": floor + (1 + TAU) * risks,
        "the floor in bits, the losses in nats": least + floor / np.log(2) - floor,
    }
    losses = [observed.contrastive_loss(*world, loss, negatives) for world in cases]
    # Losses that attain the bound sum at most 216 terms; the rest is room for their chances.
    trial.bound(
        least, losses, instances="draws", independent=worlds, ops=1000, control_processes=processes
    )


@claim(
    derived("concavity of log, in the proof of the certificate"),
    kind="identity",
    cases=[(4, 1), (6, 2), (12, 3)],
)
def test_many_negatives(
    trial,
    negatives: Annotated[
        int, Interval(3, 16, why="with two, what holds of one is as good; more take minutes")
    ],
    views: Count,
):
    """With $k$ negatives in groups of $m$, the bound of $L_un$ by $L_sup$ has the weight
    $w = min_c E min(1, n / (1 + N)) / (1 - ρ_c)$: of the negatives $N = m Bin(k / m, ρ_c)$ collide
    with the class $c$, of weight $ρ_c$, and $n$ do not.
    """
    alone = negatives % views == 0 and negatives > views
    trial.require(alone, f"views must divide negatives and be fewer, got {views} and {negatives}")
    weights = []
    for own in (Fraction(1, 2), Fraction(3, 10), Fraction(1, 5)):
        mean = Fraction(0)
        for pattern in product((True, False), repeat=negatives // views):
            chance = own ** sum(pattern) * (1 - own) ** (len(pattern) - sum(pattern))
            colliding = views * sum(pattern)
            mean += chance * min(Fraction(1), Fraction(negatives - colliding, 1 + colliding))
        weights.append(mean / (1 - own))
    controls = {"that of one negative": 1.0, "no collision hides another": 1.25, "$1 - τ$": 0.62}
    weight = predicted.supervised_weight(WEIGHTS, negatives, views)
    # Chances lose the roundings of their logarithms, terms up to 26; 17 chances are summed.
    trial.identity(float(min(weights)), weight, ops=1000, controls=controls)


@claim(
    derived("Jensen's inequality is an equality there"),
    kind="identity",
    cases=[("hinge", "collapsed"), ("logistic", "collapsed"), ("hinge", "short")],
)
def test_equality_cases(trial, loss: Loss, encoder: Literal["collapsed", "short"]):
    """With one negative, $L_un = τ + (1 - τ) L_sup$ if the encoder $f$ is constant on each class,
    or with the hinge as long as no $v = f(x) . (f(x+) - f(x-))$ exceeds 1.
    """
    trial.require(
        loss == "hinge" or encoder == "collapsed", "loss must be the hinge for a short encoder"
    )
    weights, laws, features = WORLD
    short = weights, laws, 0.3 * features
    classwise = WEIGHTS, np.kron(np.eye(3), PAIR), np.repeat(features[:3], 2, axis=0)

    def excess(world, loss):
        return observed.contrastive_loss(*world, loss) - certified(world, loss)

    processes = {
        "for any encoder": excess(WORLD, loss),
        "for any short encoder": excess(short, "logistic"),
    }
    measured = excess(classwise if encoder == "collapsed" else short, loss)
    # Rounding of sums of 216 terms that add up to about one.
    trial.value(measured, 0.0, error=3e-14, margin=6e-14, scale=1.0, control_processes=processes)


@claim(
    tried(
        "Lemma 4.4, as a review quotes it: the loss of collisions exceeds 1 by at most $c' s(f)$",
        "the constant $c'$",
    ),
    kind="bound",
    cases=["hinge", "logistic"],
)
def test_collision_loss(trial, loss: Loss, worlds: Count = 350):
    """Let $s(f) = sum_c (ρ_c^2 / τ) |Cov(f | c)|^(1/2) E[|f| | c]$ be the spread of an encoder $f$
    within the classes $c$ of weights $ρ_c$, $τ$ the sum of their squares, and $L_same$ the loss of
    negatives from the class of the positive. Then $L_same - 1 <= c' s(f)$ with $c' = 1 / sqrt(3)$
    for the hinge and $1 / (sqrt(3) ln 2)$ for the logistic loss in bits.
    """
    generator = trial.generator("worlds")
    cases = [random_world(generator, length=generator.exponential(5)) for _ in range(worlds)]
    cases += [grid_world(-1000, 1000, 9), grid_world(999.8, 1000.2, 9)]
    bound = predicted.collision_constant(loss) * np.array(
        [predicted.spread(*world) for world in cases]
    )
    variance = np.append(bound[:-1], bound[-1] * np.std(cases[-1][2]))
    controls = {"$0.95 c'$": 0.95 * bound, "the variance for its root": variance}
    excess = [observed.pair_loss(*world, loss, "same class") - 1 for world in cases]
    trial.bound(
        excess,
        bound,
        instances="draws",
        independent=worlds,
        # Roundings decide nothing: the grids, which come nearest, reach 99.4 % of the bound.
        ops=1000,
        scale=1 + bound,
        controls=controls,
    )


@claim(
    derived("mean difference and variance of equally spaced numbers"),
    kind="limit",
    cases=[("hinge", 2), ("hinge", 9), ("logistic", 3), ("logistic", 5)],
)
def test_collision_constant_is_best(
    trial,
    loss: Loss,
    points: Annotated[int, Interval(2, 200, why="all triples of points are held")],
):
    """For $m$ equally spaced numbers as features of one class, far apart, $(L_same - 1) / (c' s)$
    is $sqrt(1 - 1 / m^2)$, which tends to 1: no smaller constant $c'$ bounds the loss of collisions
    by the spread $s$.
    """
    reaches = 10.0 ** np.arange(2, 6)
    worlds = [grid_world(-reach, reach, points) for reach in reaches]
    bound = predicted.collision_constant(loss) * np.array(
        [predicted.spread(*world) for world in worlds]
    )
    ratios = (
        np.array([observed.pair_loss(*world, loss, "same class") for world in worlds]) - 1
    ) / bound
    sharp = predicted.grid_sharpness(points)
    controls = {
        "$1 / sqrt(2)$ for $1 / sqrt(3)$": sharp * np.sqrt(3 / 2),
        "any grid attains it": 1.0,
    }
    # What |v| below 1 costs is at most 1.
    trial.limit(ratios, reaches, sharp, remainder=1 / bound[-1], margin=1e-6, controls=controls)


@claim(
    tried(
        "Proposition 6.2, as a review quotes it: "
        "$L_sup <= (L_block - τ) / (1 - τ) <= (L_un - τ) / (1 - τ)$",
        "blocks of twice the size",
    ),
    kind="bound",
    cases=[("hinge", 1), ("hinge", 2), ("logistic", 2)],
)
def test_blocks(
    trial, loss: Loss, block: Annotated[int, Interval(1, 4, why="counts of 2 b points are summed")]
):
    """Let a hinge or logistic loss compare the mean of $b$ positives with that of $b$ negatives of
    one class. Then $L_b >= L_{2b} >= τ + (1 - τ) L_sup$, where $τ$ is the chance that both classes
    are the same.
    """
    worlds = [WORLD, collapsed_world(0.5)]  # the second one attains all of it
    once, twice = (
        np.array([observed.block_loss(*world, loss, b) for world in worlds])
        for b in (block, 2 * block)
    )
    floor = np.array([certified(world, loss) for world in worlds])
    controls = {"the limit of large blocks": np.array([floor, floor])}
    if loss == "logistic":  # the hinge does not notice
        independent = [predicted.independent_block_limit(*world) for world in worlds]
        controls["negatives of independent classes"] = np.array([once, independent])
    trial.bound(
        np.array([twice, floor]),
        np.array([once, twice]),
        instances="grid",
        # Two nested sums of at most 45 terms in the collapsed world, which attains the bound.
        ops=1000,
        controls=controls,
    )


@claim(
    derived("definition of the block loss"),
    kind="distribution",
    cases=[("hinge", 2), ("hinge", 4), ("logistic", 4)],
    route="`observed.sample_block_loss` in JAX against `observed.block_loss`, a sum over all "
    "counts",
)
def test_blocks__sampled(
    trial,
    loss: Loss,
    block: Annotated[int, Interval(2, 4, why="one is no block, larger ones are not needed")],
):
    """Sampled blocks of positives and negatives have the mean loss that enumeration gives; it lies
    between that without blocks and that of large blocks.
    """
    highest = 1 + np.ptp(WORLD[2] @ WORLD[2].T, axis=1).max()  # of log(1 + e^-v) too
    mean = observed.block_loss(*WORLD, loss, block)
    trial.mean(
        lambda key: observed.sample_block_loss(key, *WORLD, loss, block),
        mean,
        law=Bounded(0, highest if loss == "hinge" else highest / np.log(2)),
        margin=0.01 * mean,
        controls={
            "no block": observed.block_loss(*WORLD, loss, 1),
            "large blocks": certified(WORLD, loss),
        },
        first=16384,
        most=1_000_000,
        vectorised=True,
    )


@claim(derived("law of large numbers within a class"), kind="limit", cases=[False, True])
def test_block_limit(
    trial,
    independent: bool,
    smallest: Annotated[
        int, Interval(3, 4, why="with less, the next order is seen; more take minutes")
    ] = 3,
):
    """For blocks of growing size the logistic loss tends to $τ + (1 - τ) L_sup$ if the negatives
    are of one class, and to $E log_2(1 + e^-v)$, $v = f(x) . (μ_c - μ)$, if their classes are
    independent: $μ_c$ is the mean feature of the class $c$ of $x$, and $μ$ that of all classes.
    """
    world = random_world(np.random.default_rng(0), points=3)
    sizes = (smallest * 2 ** np.arange(5)).tolist()
    limits = [certified(world, "logistic"), predicted.independent_block_limit(*world)]
    controls = {"that of the other negatives": limits[not independent]}
    controls["no collisions"] = predicted.supervised_loss(*world, "logistic")
    losses = [
        observed.block_loss(*world, "logistic", block, independent=independent) for block in sizes
    ]
    trial.limit(losses, sizes, limits[independent], order=(1, 2), margin=1e-3, controls=controls)


@claim(
    derived("Jensen's inequality: colliding $v$ have mean 0"), kind="optimality", cases=NEGATIVES
)
def test_collision_floor(trial, negatives: Count, views: Count, worlds: Count = 120):
    """With $k$ negatives, $m$ views of each object, no encoder has a logistic loss below
    $E log_2(1 + m Bin(k / m, ρ_c))$ over the class $c$ of weight $ρ_c$.
    """
    trial.require(
        negatives % views == 0, f"views must divide negatives, got {views} and {negatives}"
    )
    generator = trial.generator("worlds")
    floor = predicted.collision_floor(WEIGHTS, negatives, views=views)
    cases = [
        random_world(generator, points=3, length=generator.exponential(5)) for _ in range(worlds)
    ]
    cases += [collapsed_world(10.0)]
    losses = np.array(
        [observed.contrastive_loss(*world, "logistic", negatives, views) for world in cases]
    )
    processes = {"$log_2(1 + k τ)$": np.full(worlds + 1, np.log2(1 + negatives * TAU))}
    floors = np.full(worlds + 1, floor)
    # With 64 negatives chances lose the roundings of their logarithms, terms up to log 64! = 205.
    trial.bound(
        floors, losses, instances="draws", independent=worlds, ops=1000, control_processes=processes
    )


@claim(
    derived("a negative of another class costs nothing there"), kind="optimality", cases=NEGATIVES
)
def test_collision_floor__approached(trial, negatives: Count, views: Count):
    """Encoders that map each class to one point, far from the others, come arbitrarily near to the
    floor $E log_2(1 + m Bin(k / m, ρ_c))$ of the logistic loss with $k$ negatives, $m$ views of
    each object; $c$ is a class of weight $ρ_c$.
    """
    trial.require(
        negatives % views == 0, f"views must divide negatives, got {views} and {negatives}"
    )
    floor = predicted.collision_floor(WEIGHTS, negatives, views=views)
    controls = {"$log_2(1 + k τ)$": np.log2(1 + negatives * TAU), "no floor": 0.0}
    controls |= {"$k τ$": negatives * TAU} if negatives > 1 else {}
    controls |= (
        {"each view on its own": predicted.collision_floor(WEIGHTS, negatives)} if views > 1 else {}
    )
    loss = observed.contrastive_loss(*collapsed_world(10.0), "logistic", negatives, views)
    # Another class costs k e^-100; of rounding, chances lose some 1e-14 in their logarithms.
    trial.value(loss, floor, error=1e-12 * floor, margin=1e-9 * floor, controls=controls)


@claim(derived("as enumerated"), kind="distribution", cases=[4])
def test_collision_floor__sampled(trial, negatives: SeveralNegatives):
    """If an encoder maps each class to one point, far from the others, sampled logistic losses with
    $k$ negatives have the mean $E log_2(1 + Bin(k, ρ_c))$ over the class $c$ of weight $ρ_c$.
    """
    floor = predicted.collision_floor(WEIGHTS, negatives)
    trial.require(
        np.log2(1 + negatives * TAU) > 1.03 * floor,
        "negatives must be few: of many, log2 is linear",
    )
    trial.mean(
        lambda key: observed.sample_contrastive_loss(key, *collapsed_world(10.0), negatives),
        floor,
        law=Bounded(0, np.log2(1 + negatives) + 1e-9),
        margin=0.01 * floor,
        controls={"$log_2(1 + k τ)$": np.log2(1 + negatives * TAU), "$k τ$": negatives * TAU},
        first=16384,
        most=1_000_000,
        vectorised=True,
    )


@claim(derived("enumeration of four points"), kind="identity", cases=[0.25, 0.5, 1.0, 1.5, 2.0])
def test_good_minimiser_can_lose(trial, variance: NonNegative):
    """For two equally likely classes and features $f = (+-1, +-s)$, the first sign that of the
    class and the second independent, the hinge loss is $L_un = (s^2 + 1/2) / 2$ from $s^2 = 1/2$ on
    and 1/2 below, although $L_sup = 0$ for every $s$.
    """
    world = spread_world(variance)
    rivals = {
        "collisions alone": observed.pair_loss(*world, "hinge", "same class"),
        "that of $f = 0$": 1.0,
    }
    rivals |= {"the same below 1/2": (variance + 0.5) / 2} if variance < 0.5 else {}
    trial.identity(
        [observed.contrastive_loss(*world, "hinge"), predicted.supervised_loss(*world, "hinge")],
        [predicted.spread_loss(variance), 0.0],
        # A sum of 64 terms; the rest is room.
        ops=100,
        controls={name: np.array([value, 1.0]) for name, value in rivals.items()},
    )


@claim(derived("where that loss is 1, which every constant encoder has"), kind="optimality")
def test_useless_encoder_wins(trial, loss: Literal["hinge"] = "hinge"):
    """Beyond $s^2 = 3/2$ the contrastive hinge loss prefers the constant encoder to
    $f = (+-1, +-s)$, whose $L_sup$ is 0.
    """
    from scipy.optimize import brentq

    constant = observed.contrastive_loss(*spread_world(1.0)[:2], np.ones((4, 1)), loss)
    threshold = brentq(
        lambda v: observed.contrastive_loss(*spread_world(v), loss) - constant, 0.5, 4, xtol=1e-13
    )
    predict = brentq(lambda v: predicted.spread_loss(v) - 1, 0.5, 4, xtol=1e-13)
    trial.value(
        threshold, predict, error=1e-12, margin=1e-9, controls={"$s^2 = 1$": 1.0, "$s^2 = 2$": 2.0}
    )


@claim(derived("boxes of $v$, each enclosed"), kind="bound")
def test_collision_loss__everywhere(trial):
    """A negative of the positive's own class costs $log cosh(v/2) <= |v|/2$ more than $v = 0$ does,
    in nats and on average over the sign of $v$, for all $|v|$ in $[0, 400]$: this is the first step
    to $c' = 1 / (sqrt(3) ln 2)$.
    """

    def both_signs(v):
        return (np.logaddexp(0, v) + np.logaddexp(0, -v)) / 2 - np.log(2)

    trial.prove(
        lambda v: balls.log(balls.cosh(v / 2)),
        lambda v: v / 2,
        {"v": (0, 400)},
        controls={"$v²/9$": lambda v: v**2 / 9},
        same_as=(both_signs, None),
    )


@claim(derived("coefficients of polynomials of degree 6"), kind="identity")
def test_collision_constant_is_best__everywhere(trial):
    """For the numbers $1, …, m$, with $A = ∑ |i - j|$ and $B = ∑ (i - j)²$ over all pairs,
    $3 A² = 2 (m² - 1) B$ for all $m$. So Gini's mean difference $A / m²$ is $2 / sqrt(3)$ standard
    deviations times $sqrt(1 - 1 / m²)$.
    """

    def over_pairs(points, term):
        # Twice over the pairs i < j.
        return 2 * balls.total(
            lambda i: balls.total(lambda j: term(j - i), i + 1, points - 1), 0, points - 1
        )

    def law(m):
        return 2 * (m**2 - 1) * over_pairs(m, lambda gap: gap**2)

    trial.prove_identity(
        lambda m: 3 * over_pairs(m, lambda gap: gap) ** 2,
        law,
        {"m": 6},
        controls={
            "$sqrt(1 - 1 / m)$": lambda m: 2 * m * (m - 1) * over_pairs(m, lambda gap: gap**2)
        },
    )


@claim(derived("boxes of $t$, each enclosed"), kind="bound")
def test_many_negatives__everywhere(trial):
    """$log(1 + c t) >= c log(1 + t)$ for all $t$ in $[0, 100]$ and $c = 1/8, 2/8, …, 7/8$: this is
    the concavity behind the weight $w$ of many negatives, with $c = n / (1 + N)$.
    """

    def whole(t, eighths):
        return balls.log1p(Fraction(eighths, 8) * t)

    trial.prove(
        lambda t, eighths: Fraction(eighths, 8) * balls.log1p(t),
        whole,
        {"t": (0, 100), "eighths": range(1, 8)},
        controls={
            "$c²$ for $c$": lambda t, eighths: balls.log1p(Fraction(eighths, 8) ** 2 * t),
        },
    )
