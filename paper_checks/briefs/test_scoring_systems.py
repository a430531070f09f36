"""Ustun & Rudin 2016, "Supersparse Linear Integer Models for Optimized Medical Scoring Systems",
Machine Learning 102, arXiv 1502.04269.

For whoever learns a score of small whole numbers, as medicine uses them: what the integer program
guarantees, and how small its penalties must be.

Take away: $C_0 < 1/(N P)$ costs no accuracy. A $C_1$ below $min(1/N, C_0)/∑_j Λ_j$ gives Pareto
optimal scores; a $C_1$ that breaks ties only must be smaller. The released big $M$ may lose the
optimum if the box is not symmetric about zero.

Setting: $N$ points $x_i$ with labels $y_i = ±1$, and integer coefficients $λ$ in a box; a point
counts as an error unless $y <λ, x> > 0$. SLIM minimises $e + N C_0 |λ|_0 + N C_1 |λ|_1$, where $e$
counts the errors and $|λ|_0$ the $P$ coefficients that are not zero.

Edges: a score of zero is an error for both labels. Penalties are exact fractions, because a rounded
penalty would break ties on which the guarantees depend. The programs distinguish objectives that
differ by $1e-6$ of a point.

Paper: it learns scoring systems by integer programs, with constraints that doctors ask for, and
shows one for sleep apnea. This page studies the program, its penalties, data reduction and both
bounds.

Abstract:

- Sentence 1: scoring systems ask for a few additions and multiplications. No statement.
- Sentence 3: a method to learn them is presented. No statement.
- Sentence 4: an integer program encodes accuracy and sparsity directly. Holds: exact, c0. The
  released code's big $M$ fails in some boxes (`big_m`).
- Sentence 4, end: coefficients are coprime. Holds: coprime. In boxes about zero.
- Sentence 5, first half: many constraints of users can be added to the program. Not on trial. None
  is added here.
- Sentence 5, second half: models are acceptable without tuning of parameters. In part: c0, pareto,
  ties. Penalties below these bounds are safe; that models are acceptable is not on trial.
- Sentence 6, first half: training and test accuracy are bounded. Holds: resolution, occam.
- Sentence 6, second half: a data reduction drops part of the training data. In part: reduction.
  What is dropped does not change the optimum; how much is dropped is not on trial.
- Sentence 7: a score for sleep apnea is used in a hospital. Not on trial. The data are not free.

Read: the abstract and the released code, the Python version of the program. Its function itself,
run with CPLEX in the settings of `big_m`, errs on all 11, 4 and 26 points, and on one of them with
an $M$ that is large enough. Recalled: the $C_0$ that costs no accuracy, the bound on test accuracy,
the resolution of rounding, data reduction. Derived here: the other bounds on penalties, and the
proofs. Not claimed: that doctors can read the scores.

Topic: decisions about people.
"""

from fractions import Fraction
from itertools import islice
from math import floor, gcd, inf, log, sqrt
from typing import Annotated, NamedTuple

import numpy as np
from scipy.optimize import LinearConstraint, milp

from theory_on_trial import (
    claim,
    code,
    derived,
    observed,
    predicted,
    published,
    recalled,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

PerTerm = Annotated[int, Interval(1, 200, why="programs tell objectives apart by 1e-6 of a point")]
"""1 / C_0."""
PerUnit = Annotated[
    int, Interval(100, 2000, why="programs tell objectives apart by 1e-6 of a point")
]
"""1 / C_1."""
Thousandths = Annotated[int, Interval(5, 200, why="dearer terms leave none")]
"""1000 C_0."""
NPoints = Annotated[int, Interval(8, 24, why="all coefficients of the box are tried")]
"""N."""
NCoefficients = Annotated[int, Interval(2, 4, why="all coefficients of the box are tried")]
"""P."""
NSets = Annotated[int, Interval(3, 100, why="controls differ on some set only")]

MARGIN = 1e-3
"""ε, the least score of the integer program that counts as right; scores of whole features are 0 or
at least 1."""


class Points(NamedTuple):
    """A training set and a box.

    features : x_i, (N, P), whole numbers. labels : y_i, (N,). lower, upper : the box of λ, (P,).
    """

    features: np.ndarray
    labels: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def errors(self, vectors):
        """The number of errors of each λ of `vectors` (many, P)."""
        return np.sum(vectors @ self.features.T * self.labels <= 0, axis=1)

    def box(self):
        """All λ of the box, (many, P)."""
        axes = [np.arange(low, high + 1) for low, high in zip(self.lower, self.upper, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def drawn(generator, n_points=16, n_coefficients=3, bound=3):
    """Features in -2, …, 2 with noisy labels of a linear rule, and a box about zero."""
    features = generator.integers(-2, 3, (n_points, n_coefficients)).astype(float)
    rule = generator.integers(-2, 3, n_coefficients)
    labels = np.where(features @ rule + generator.normal(size=n_points) > 0, 1, -1)
    box = np.full(n_coefficients, bound)
    return Points(features, labels, -box, box)


def counts(points, vector):
    """Errors, terms and size of one λ: #errors, |λ|_0 and |λ|_1."""
    errors = int(points.errors(vector[None])[0])
    return errors, int(np.count_nonzero(vector)), int(np.abs(vector).sum())


def cost(points, vector, sparsity, size):
    """The objective of λ, a fraction."""
    errors, terms, length = counts(points, vector)
    return errors + len(points.labels) * (terms * Fraction(sparsity) + length * Fraction(size))


def smallest_scores(points, rule="valid"):
    """M_i of y_i <λ, x_i> >= ε - M_i z_i: what lets all λ of the box err, or what is released."""
    products = points.labels[:, None] * points.features
    corners = np.stack([products * points.lower, products * points.upper])
    if rule == "valid":
        return MARGIN - corners.min(axis=0).sum(axis=1)
    return 1.05 * MARGIN + corners.max(axis=0).sum(axis=1)


@observed
def program(points, sparsity, size, *, rule="valid", least=0, most=1, whole=True):
    """Minimise the objective over λ, an error z_i for each point, a_j >= 1[λ_j ≠ 0] and |λ_j|: the
    λ (P,) and the objective. `least` and `most` bound the z_i, (N,) or a number. With `whole` false
    the linear relaxation. (None, inf) if nothing is left.
    """
    n_points, n_coefficients = points.features.shape
    one = np.eye(n_coefficients)
    none = np.zeros((n_coefficients, n_points))
    zero = np.zeros((n_coefficients, n_coefficients))
    errors_count = np.hstack(
        [
            points.labels[:, None] * points.features,
            np.diag(smallest_scores(points, rule)),
            np.zeros((n_points, 2 * n_coefficients)),
        ]
    )
    coefficients_count = np.block(
        [
            [-one, none, np.diag(points.upper), zero],
            [one, none, np.diag(-points.lower), zero],
            [-one, none, zero, one],
            [one, none, zero, one],
        ]
    )
    largest = np.maximum(np.abs(points.lower), np.abs(points.upper))
    prices = n_points * np.repeat([float(sparsity), float(size)], n_coefficients)
    low = [points.lower, np.broadcast_to(least, n_points), np.zeros(2 * n_coefficients)]
    high = [points.upper, np.broadcast_to(most, n_points), np.ones(n_coefficients), largest]
    n_whole = n_points + 2 * n_coefficients
    solved = milp(
        np.concatenate([np.zeros(n_coefficients), np.ones(n_points), prices]),
        integrality=whole * (np.arange(n_whole + n_coefficients) < n_whole),
        bounds=(np.concatenate(low), np.concatenate(high)),
        constraints=[
            LinearConstraint(errors_count, MARGIN, np.inf),
            LinearConstraint(coefficients_count, 0, np.inf),
        ],
        options={"mip_rel_gap": 0.0},
    )
    if solved.status == 2:
        return None, inf
    if solved.x is None:
        raise RuntimeError(f"the solver gave up: {solved.message}")
    return np.rint(solved.x[:n_coefficients]).astype(int), solved.fun


@observed
def solution(points, sparsity, size, **options):
    """The optimal λ of the integer program, (P,)."""
    return program(points, sparsity, size, **options)[0]


@observed
def settled(points, sparsity, size, attained):
    """Data reduction: 0 for points that every optimum gets right, 1 for those it gets wrong, and -1
    where that is open, (N,): forced to be otherwise, the linear relaxation exceeds `attained`.
    """
    n_points = len(points.labels)
    decisions = np.full(n_points, -1)
    for point in range(n_points):
        for value in (0, 1):
            least = np.zeros(n_points)
            most = np.ones(n_points)
            least[point] = value
            most[point] = value
            _, bound = program(points, sparsity, size, least=least, most=most, whole=False)
            if bound > attained + 1e-6 * n_points:
                decisions[point] = 1 - value
    return decisions


@observed
def distinct_classifiers(bound):
    """How many classifiers there are of three coefficients in -Λ, …, Λ = `bound`, without the one
    of zero scores: their signs, listed.
    """
    vectors = np.indices(3 * (2 * bound + 1,)).reshape(3, -1).T - bound
    # Vectors v, v' of two rays differ on v or on the cross product of v and an axis, whose entries
    # are those of v.
    scores = vectors @ vectors.T
    signs = np.packbits(np.concatenate([scores > 0, scores < 0], axis=1), axis=1)
    return len(np.unique(signs, axis=0)) - 1


@observed
def changed_by_rounding(features, direction, scale):
    """How many points Λ ρ/|ρ|, rounded, with Λ = `scale`, classifies otherwise than ρ."""
    rounded = np.rint(scale * direction / np.linalg.norm(direction))
    return int(np.sum((features @ rounded > 0) != (features @ direction > 0)))


@observed
def largest_excesses(generator, n, n_points, masses, errors):
    """The largest R - R_N over classifiers with `errors` (classifiers, kinds of points) on each of
    n samples of `n_points` from the law `masses` (kinds,), (n,).
    """
    shares = generator.multinomial(n_points, masses, n) / n_points
    return np.max(errors @ masses - shares @ errors.T, axis=1)


@predicted
def best_of_the_box(points, sparsity, size):
    """The least objective, a fraction, and all λ (many, P) that attain it, by trying each."""
    vectors = points.box()
    parts = np.stack(
        [points.errors(vectors), (vectors != 0).sum(axis=1), np.abs(vectors).sum(axis=1)], axis=1
    )
    distinct, index = np.unique(parts, axis=0, return_inverse=True)
    n = len(points.labels)
    prices = n * Fraction(sparsity), n * Fraction(size)
    objectives = [a + prices[0] * b + prices[1] * c for a, b, c in distinct.tolist()]
    least = min(objectives)
    optimal = np.array([value == least for value in objectives])[index.ravel()]
    return least, vectors[optimal]


@predicted
def accuracy_preserving(n_points, n_coefficients):
    """1/(N P): any smaller C_0 costs no accuracy."""
    return Fraction(1, n_points * n_coefficients)


@predicted
def pareto(n_points, sparsity, bounds):
    """min(1/N, C_0)/Σ_j Λ_j, for |λ_j| <= Λ_j of `bounds`."""
    return min(Fraction(1, n_points), Fraction(sparsity)) / sum(bounds)


@predicted
def tie_breaking(n_points, sparsity, bounds):
    """The least positive |a + N C_0 b| over whole |a| <= N and |b| <= P, over N Σ_j Λ_j."""
    step = n_points * Fraction(sparsity)
    gaps = [
        abs(step * b - min(floor(step * b) + above, n_points))
        for b in range(len(bounds) + 1)
        for above in (0, 1)
    ]
    return min(gap for gap in gaps if gap > 0) / (n_points * sum(bounds))


@predicted
def resolution(features, direction):
    """X √P/(2 γ) with X = max_i |x_i| and γ = min_i |<ρ, x_i>|/|ρ|, infinite if γ = 0."""
    margin = np.abs(features @ direction).min() / np.linalg.norm(direction)
    largest = np.linalg.norm(features, axis=1).max()
    return largest * sqrt(len(direction)) / (2 * margin) if margin > 0 else inf


@predicted
def coprime(bound, n_coefficients):
    """How many integer vectors with entries in -Λ, …, Λ = `bound` have the greatest common divisor
    1, by inclusion and exclusion.
    """
    numbers: dict[int, int] = {}
    for divisor in range(bound, 0, -1):
        multiples = (2 * (bound // divisor) + 1) ** n_coefficients - 1
        larger = range(2 * divisor, bound + 1, divisor)
        numbers[divisor] = multiples - sum(numbers[k] for k in larger)
    return numbers[1]


@predicted
def occam(n_classifiers, n_points, failure):
    """√((log |L| + log(1/δ))/(2 N)) for |L| = `n_classifiers` and δ = `failure`."""
    return sqrt((log(n_classifiers) - log(failure)) / (2 * n_points))


@claim(
    tried(
        "abstract, sentence 4: an integer program encodes accuracy and sparsity",
        "that its optimum is the best of the box",
    ),
    kind="optimality",
    cases=[(64, 1024), (100, 2000), (8, 100)],
)
def test_exact(
    trial, per_term: PerTerm, per_unit: PerUnit, n_points: NPoints = 16, n_sets: NSets = 3
):
    """Integer coefficients $λ$ in a box score $N$ points. If $C_0$ and $C_1$ are one over whole
    numbers, SLIM's integer program attains the least $e + N C_0 |λ|_0 + N C_1 |λ|_1$ over the box,
    where $e$ counts the points on the wrong side and $|λ|_0$ the $λ_j ≠ 0$.
    """
    penalties = Fraction(1, per_term), Fraction(1, per_unit)
    generator = trial.generator("sets")
    sets = [drawn(generator, n_points, 4) for _ in range(n_sets)]
    exact = [best_of_the_box(points, *penalties)[0] for points in sets]
    free = [best_of_the_box(points, penalties[0], 0)[0] for points in sets]
    trial.require(free != exact, "settings must make the l1 term cost something in some set")
    trial.identity(
        [cost(points, solution(points, *penalties), *penalties) for points in sets],
        exact,
        ops=0,
        instances="search",
        controls={"without the $l1$ term": free},
    )


def one_feature(positive, most):
    """Points x = 1, all but one of them positive, and λ = 0, 1, …, `most`."""
    labels = np.append(np.ones(positive, int), -1)
    return Points(np.ones((positive + 1, 1)), labels, np.array([0]), np.array([most]))


@claim(
    derived("the row of a point must hold for every $λ$ of the box once it counts as an error"),
    kind="optimality",
    cases=[(10, 5), (3, 1), (25, 20)],
    as_published=published(
        place=code("ustunb/slim-python", "slim_python/create_slim_IP.py", "204c7db"),
        read="the row of a point has $M = 1.05 ε + max_λ y <λ, x>$, whatever the box of $λ$ is",
        within="no condition stands there; in a box symmetric about zero this $M$ is large enough",
        reach="released command",
        effect="nothing published: in the newest demo $M$ is too small by 2 for 444 of 683 points",
        ran="its lines, rewritten",
    ),
)
def test_big_m(
    trial,
    positive: Annotated[
        int, Interval(2, 50, why="of one, the released M loses none; the high end is a cap")
    ],
    most: Annotated[int, Interval(1, 50, why="all coefficients are tried")],
):
    """SLIM's integer program asks for $y <λ, x> >= ε$ of each point $x$ of label $y$, or for
    $ε - M$ if the point counts as an error. With $M = ε - min_λ y <λ, x>$ over the box of $λ$ its
    optimum is the best $λ$ of the box.
    """
    points = one_feature(positive, most)
    penalty = Fraction(1, 1024)
    best = best_of_the_box(points, penalty, 0)[1]
    errors = counts(points, solution(points, penalty, 0, rule="valid"))[0]
    released = counts(points, solution(points, penalty, 0, rule="released"))[0]
    trial.identity(
        errors,
        counts(points, best[0])[0],
        ops=0,
        control_processes={"the released $M$": released},
        as_published=released,
    )


@claim(
    recalled("the $C_0$ that costs no accuracy"),
    kind="optimality",
    cases=[2, 3],
)
def test_c0(trial, n_coefficients: NCoefficients, n_points: NPoints = 16, n_sets: NSets = 8):
    """Integer coefficients $λ$ in a box score $N$ points by $P$ features. If $C_0 < 1/(N P)$, the
    $λ$ of least $e + N C_0 |λ|_0$ has the fewest errors $e$ of all $λ$, and the fewest terms
    $|λ|_0$ among those.
    """
    safe = accuracy_preserving(n_points, n_coefficients) * Fraction(99, 100)
    generator = trial.generator("sets")
    sets = [drawn(generator, n_points, n_coefficients) for _ in range(n_sets)]
    free = [best_of_the_box(points, 0, 0)[1] for points in sets]
    exact = [
        (counts(points, vectors[0])[0], int((vectors != 0).sum(axis=1).min()))
        for points, vectors in zip(sets, free, strict=True)
    ]

    def found(penalty):
        return [counts(points, solution(points, penalty, 0))[:2] for points in sets]

    dear = found(Fraction(26, 10 * n_points))
    trial.require(dear != exact, "settings must make terms at C_0 = 2.6/N cost some accuracy")
    trial.identity(
        found(safe),
        exact,
        ops=0,
        instances="search",
        control_processes={"a term for two errors, $C_0 = 2.6/N$": dear},
    )


@claim(
    tried(
        "abstract, sentence 4: coefficients are coprime integers",
        "boxes about zero, and every $C_1 > 0$",
    ),
    kind="optimality",
)
def test_coprime(
    trial,
    thousandths: Thousandths = 95,
    per_unit: PerUnit = 1024,
    n_points: NPoints = 10,
    n_sets: NSets = 8,
):
    """Integer coefficients $|λ_j| <= Λ_j$ score $N$ points. For every $C_1 > 0$ the $λ$ of least
    $e + N C_0 |λ|_0 + N C_1 |λ|_1$, with $e$ errors, has coprime entries, or is 0.
    """
    generator = trial.generator("sets")
    # Every multiple of the best λ is as good where the size is free.
    line = Points(
        np.array([[1.0], [-1.0], [2.0]]), np.array([1, -1, 1]), np.array([-4]), np.array([4])
    )
    sets = [line, *(drawn(generator, n_points) for _ in range(n_sets))]
    prices = Fraction(thousandths, 1000), Fraction(1, per_unit)
    vectors = [solution(points, *prices) for points in sets]
    divisors = [gcd(*vector.tolist()) for vector in vectors if vector.any()]
    trial.require(
        bool(divisors), "thousandths and per_unit must leave some coefficients: all are too dear"
    )
    free = best_of_the_box(line, Fraction(1, 100), 0)[1]
    processes = {"$C_1 = 0$": np.resize(np.sort(free.ravel())[::-1], len(divisors))}
    trial.identity(
        divisors,
        np.ones(len(divisors), int),
        ops=0,
        instances="search",
        control_processes=processes,
    )


@claim(derived("the size costs less than one error, and less than one term"), kind="optimality")
def test_pareto(trial, thousandths: Thousandths = 95, n_points: NPoints = 10, n_sets: NSets = 8):
    """Integer coefficients $|λ_j| <= Λ_j$ score $N$ points. If $C_1 < min(1/N, C_0)/∑_j Λ_j$, the
    $λ$ of least $e + N C_0 |λ|_0 + N C_1 |λ|_1$, with $e$ errors, is Pareto optimal: no other has
    fewer errors and no more terms $|λ|_0$, nor fewer terms and no more errors.
    """
    generator = trial.generator("sets")
    sets = [drawn(generator, n_points) for _ in range(n_sets)]
    penalty = Fraction(thousandths, 1000)
    small = pareto(n_points, penalty, [3, 3, 3]) * Fraction(99, 100)

    def rounded(points):
        fit = np.linalg.lstsq(points.features, points.labels, rcond=None)[0]
        return np.rint(3 * fit / np.abs(fit).max()).astype(int)

    def beaten(points, vector):
        box = points.box()
        grid = np.stack([points.errors(box), (box != 0).sum(axis=1)], axis=1)
        point = counts(points, vector)[:2]
        return int(np.any(np.all(grid <= point, axis=1) & np.any(grid < point, axis=1)))

    fits = [beaten(points, rounded(points)) for points in sets]
    trial.require(any(fits), "n_sets must be more: least squares finds the front in so few")
    trial.identity(
        [beaten(points, solution(points, penalty, small)) for points in sets],
        np.zeros(n_sets, int),
        ops=0,
        instances="search",
        control_processes={"a fit by least squares, rounded": fits},
    )


@claim(
    derived("the size costs less than the least difference of what it is added to"),
    kind="optimality",
)
def test_ties(trial, thousandths: Thousandths = 95, n_points: NPoints = 10, n_sets: NSets = 12):
    """Integer coefficients $|λ_j| <= Λ_j$ score $N$ points by $P$ features. If $N C_1 ∑_j Λ_j$ is
    below the least positive $|a + N C_0 b|$ over whole $|a| <= N$ and $|b| <= P$, the $λ$ of least
    $e + N C_0 |λ|_0 + N C_1 |λ|_1$, with $e$ errors, has the least $e + N C_0 |λ|_0$ of all.
    """
    generator = trial.generator("sets")
    sets = [drawn(generator, n_points) for _ in range(n_sets)]
    penalty = Fraction(thousandths, 1000)
    exact = [best_of_the_box(points, penalty, 0)[0] for points in sets]

    def left(size):
        return [cost(points, solution(points, penalty, size), penalty, 0) for points in sets]

    small = tie_breaking(n_points, penalty, [3, 3, 3]) * Fraction(99, 100)
    large = left(Fraction(1, n_points))
    trial.require(large != exact, "settings must make C_1 = 1/N decide more than ties")
    trial.identity(
        left(small),
        exact,
        ops=0,
        instances="search",
        control_processes={"a unit of size for an error, $C_1 = 1/N$": large},
    )


@claim(
    recalled("the bound on the resolution of coefficients"),
    kind="identity",
    cases=[2, 3, 6],
)
def test_resolution(
    trial,
    n_coefficients: Annotated[
        int, Interval(2, 8, why="one keeps its sign at any scale; the high end is a cap")
    ],
    n_points: Annotated[int, Interval(4, 100)] = 12,
    n_sets: Annotated[int, Interval(50, 10_000, why="a small scale seldom fails")] = 230,
):
    """Real coefficients $ρ$ of $P$ features are scaled to length $Λ$ and rounded to whole numbers.
    They classify every point $x_i$ as before if $Λ > X √P/(2 γ)$, with $X = max_i |x_i|$ and
    $γ = min_i |<ρ, x_i>|/|ρ|$.
    """
    generator = trial.generator("sets")

    safe = []
    usual = []
    for _ in range(n_sets):
        features = generator.standard_normal((n_points, n_coefficients))
        direction = generator.standard_normal(n_coefficients)
        scale = floor(resolution(features, direction)) + 1
        safe.append(changed_by_rounding(features, direction, scale))
        usual.append(changed_by_rounding(features, direction, 5))
    trial.identity(
        safe,
        np.zeros(n_sets, int),
        ops=0,
        independent=n_sets,
        control_processes={"rounding to whole points from -5 to 5": usual},
    )


def world_of_places(generator, bound):
    """Chances (54,) of 27 places, three features of -1, 0 or 1, with either label, and which of
    them each vector of three coefficients up to `bound` gets wrong, (vectors, 54).
    """
    places = np.indices((3, 3, 3)).reshape(3, 27).T - 1
    vectors = np.indices(3 * (2 * bound + 1,)).reshape(3, -1).T - bound
    scores = vectors @ places.T
    wrong = np.concatenate([scores <= 0, scores >= 0], axis=1).astype(float)
    return generator.dirichlet(np.ones(54)), wrong


@claim(
    recalled("the bound on the test error, by Hoeffding's inequality and a union"),
    kind="bound",
    not_tight="Hoeffding's inequality and a union over classifiers: best known ratio .68, two "
    "points and two classifiers",
)
def test_occam(
    trial,
    n_points: Annotated[int, Interval(20, 200)] = 50,
    bound: Annotated[int, Interval(1, 3, why="all vectors are tried")] = 2,
    failure: Annotated[
        float, Interval(0.01, 0.3, why="without log |L| it fails more often than it may")
    ] = 0.2,
):
    """With a chance of at least $1 - δ$ over $N$ random points all classifiers of a finite set $L$
    have $R <= R_N + √((log |L| + log(1/δ))/(2 N))$, where $R$ is the chance of an error and $R_N$
    the share of errors on the points.
    """
    chances, wrong = world_of_places(trial.generator("world"), bound)
    # One feature and labels by a fair coin: of two points both have one label as often as not.
    coin = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    worlds = [
        (n_points, failure, chances, wrong, len(wrong)),
        (2, 0.74, np.array([0.5, 0.5]), coin, 2),
    ]

    def exceeds(one_classifier):
        def events(generator, n):
            return np.stack(
                [
                    largest_excesses(generator, n, size, masses, errors)
                    > occam(1 if one_classifier else n_classifiers, size, delta)
                    for size, delta, masses, errors, n_classifiers in worlds
                ],
                axis=1,
            )

        return events

    trial.probability(
        exceeds(False),
        [failure, 0.74],
        side="at most",
        control_processes={"without $log |L|$": exceeds(True)},
        first=256,
        most=4096,
    )


@claim(
    derived("one vector of each ray is enough: the others classify alike"),
    kind="identity",
    cases=[1, 2, 3],
)
def test_classifiers(trial, bound: Annotated[int, Interval(1, 6, why="all vectors are listed")]):
    """Integer vectors of three coefficients in $-Λ, …, Λ$, the zero vector left out, give as many
    different linear classifiers as there are coprime ones among them, by inclusion and exclusion
    over common divisors.
    """
    trial.identity(
        distinct_classifiers(bound),
        coprime(bound, 3),
        ops=0,
        controls={"all vectors": (2 * bound + 1) ** 3},
    )


@claim(
    recalled("the data reduction"),
    kind="optimality",
)
def test_reduction(
    trial,
    n_points: NPoints = 16,
    n_sets: Annotated[int, Interval(1, 20)] = 2,
    most_drawn: Annotated[
        int, Interval(100, 10_000, why="of many sets none is settled, and each is solved")
    ] = 100,
):
    """If deciding a point otherwise makes the linear relaxation of SLIM's integer program exceed a
    value that is attained, the program in which the point's decision is fixed has the same optimum.
    """
    generator = trial.generator("sets")
    prices = Fraction(1, 64), Fraction(1, 1024)

    def prepared(points):
        attained, optima = best_of_the_box(points, *prices)
        always_wrong = np.all(points.labels[:, None] * (points.features @ optima.T) <= 0, axis=1)
        wrong = np.flatnonzero(always_wrong & points.features.any(axis=1))
        if not wrong.size:
            return None
        decisions = settled(points, *prices, float(attained))
        return (points, attained, decisions, wrong) if max(decisions) >= 0 else None

    found = (prepared(drawn(generator, n_points)) for _ in range(most_drawn))
    sets = list(islice((each for each in found if each), n_sets))
    trial.require(bool(sets), "most_drawn must be larger: no drawn set settles any point")
    fixed = []
    contrary = []
    for points, _, decisions, wrong in sets:
        least = (decisions == 1).astype(float)
        most = (decisions != 0).astype(float)
        fixed.append(program(points, *prices, least=least, most=most)[1])
        # A point that every optimum gets wrong is asked to be right.
        demanded = np.ones(n_points)
        demanded[wrong[0]] = 0
        contrary.append(program(points, *prices, most=demanded)[1])
    trial.value(
        fixed,
        np.array([float(attained) for _, attained, *_ in sets]),
        error=1e-6,
        margin=1e-3,
        instances="search",
        control_processes={"a point that every optimum errs on, asked to be right": contrary},
    )


@figure("F1", claims=("c0", "exact"))
def price_of_terms():
    """Below $1/(N P)$ the price of terms costs no accuracy.

    Errors and terms of the optimum against $C_0$, on 24 points with four features. Marks: lines:
    all vectors tried; points: integer programs.
    """
    points = drawn(np.random.default_rng(4), 24, 4)
    fine = np.geomspace(1e-3, 0.5, 500)
    some = np.geomspace(1.3e-3, 0.4, 12)

    def of(vectors):
        return np.array([counts(points, vector)[:2] for vector in vectors]).T

    exact = of(
        [best_of_the_box(points, Fraction(value), Fraction(1, 10**6))[1][0] for value in fine]
    )
    found = of([solution(points, value, 1e-6) for value in some])
    names = ("errors", "terms")
    return chart(
        {name: (fine, row) for name, row in zip(names, exact, strict=True)},
        {name: (some, row) for name, row in zip(names, found, strict=True)},
        x="price of a term C_0  (share of the points)",
        y="errors and terms  (number)",
        log="x",
        thresholds={"1/(N P)": float(accuracy_preserving(24, 4))},
    )
