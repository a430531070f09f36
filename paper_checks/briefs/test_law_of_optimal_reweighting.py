"""Gu, Dong, Hao, Dong, Huang & Wei 2024, "Towards Optimal Learning of Language Models", arXiv
2402.17759.

For whoever reweights data by how well an example's gradient agrees with that of a target loss: this
is the greedy rule, not the optimal one, and it has a price.

Take away: the Learning Law is refuted as stated, and true where gradients commute. On the best
course two examples that are both in use agree unequally with the target's gradient; they agree
equally with the costate, the gradient of all that is still to come. Two examples that obey the law
all the way cost up to $(1 + √κ)²/(4 √κ)$ times the least, $κ$ the condition number: 1.8 times at
$κ = 25$, 3.03 times at $κ = 100$, and nothing if their difference is an eigenvector of the
curvature.

Setting: $θ_(t+1) = θ_t - η sum_n γ_(n,t) ∇l_n(θ_t)$ for $t = 0, …, T - 1$, with weights
$γ_(n,t) >= 0$ that sum to one at each $t$. Examples have losses $l_n = ½ (θ - c_n)'A (θ - c_n)$,
$n = 1, …, N$, the target has $L = ½ (θ - c)'M (θ - c)$, $A$ and $M$ positive definite, $d$
dimensions. $J = sum_(t=1)^T L(θ_t)$ is to be least; it is convex in the weights. The costate is
$λ_(T+1) = 0$, $λ_t = M (θ_t - c) + (I - ηA) λ_(t+1)$, and $σ_(n,t) = λ_(t+1)·∇l_n(θ_t)$. An example
is active at $t$ if $γ_(n,t) > 0$.

Edges: the law holds where the gradient fields of active examples commute along the course: in one
dimension, for $A = I$, and if $c_1 - c_2$ is an eigenvector of $A$. It is empty where a single
example is active. The price assumes that the centres are so far apart that both weights stay
positive, and that the horizon is so long that the last loss is negligible. $ηλ_max(A)$ must be
below 1.

Paper: it defines the best learning as the least area under the loss, derives $a$ "Learning Law" for
it, and trains a perceptron and small transformers along optimised weights. This page treats
quadratic losses, for which a convex program gives the best course and the law can be tried to the
letter.

Abstract:

- Statement 1: a theorem gives the properties of optimal training dynamics. Fails as published:
  defect-of_small_steps, defect, costate-at_the_optimum, price-of_small_steps, price-at_most. It
  holds with the costate in the place of the target's gradient, and as it stands where gradients
  commute.
- Statement 2: it is validated on a linear task and on a language task. In part: perceptron. On
  our perceptrons of eight inputs the law fails at the optimum, where agreement with the costate is
  equal. Neither a perceptron of the paper's size nor the language task is on trial.
- Statement 3: the gain is one of a coefficient of the scaling law. Not on trial. It needs large
  models.

Read: the abstract, Theorem 3.1 with its proof (which lets weights act through the present gradient
only), section 3.2, which says that the maximum principle solves the problem, and
`opt_policy_trainer.py` of the released code. Equal agreement with the costate is that principle;
the same authors print it for constant weights in "Data Selection via Optimal Control for Language
Models", ICLR 2025, arXiv 2410.07064, which was seen in notes only. Derived here: the defect, the
bound on the excess, the price, and how far small perceptrons are from the law. Not claimed: laws of
losses that are not quadratic, noise of gradients.
Topic: learning.
"""

from functools import cache
from typing import Annotated

import numpy as np
from scipy.linalg import solve_discrete_are
from scipy.optimize import minimize
from scipy.special import expit, softmax

from paper_checks.briefs.common import orthonormal
from theory_on_trial import claim, derived, known, observed, paper, predicted, published, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Dims = Annotated[int, Interval(2, 6, why="in one dimension there is nothing to choose")]
Examples = Annotated[int, Interval(2, 6, why="one example has no weights; programs grow")]
Steps = Annotated[int, Interval(4, 60, why="one step has no costate; programs grow")]
Condition = Annotated[
    float, Interval(1.5, 100, why="at 1 there is no price; beyond, horizons are long")
]
Angle = Annotated[
    float, Interval(5, 60, why="degrees: at 0 there is no price; beyond 60 horizons are long")
]
Step = Annotated[
    float, Interval(0.1, 0.5, why="of 1/λ_max: at 1 a step is a jump; small ones take long")
]
ManyExamples = Annotated[
    int, Interval(48, 96, why="fewer leave one example active at nearly all steps; programs grow")
]
COURSES = 6
PERCEPTRONS = 12
INPUTS = 8
PERCEPTRON_STEPS = 40
PERCEPTRON_RATE = 0.5
ACTIVE = 1e-4
IN_USE = 1e-3  # a weight that descent over softmax weights has not sent to 0
FAR = 10.0  # times κ, so that both weights stay positive


class Course:
    """What weights act on: A, M, the centres (N, d) and their target (d,), θ_0 - c (d,), η."""

    def __init__(self, hessian, target, centres, start, step):
        self.hessian = hessian
        self.target = target
        self.centres = centres  # as seen from c
        self.start = start
        self.step = step

    def roll_out(self, weights):
        """All θ_t - c, t = 0..T: (T + 1, d), of weights (T, N)."""
        places = [self.start]
        for row in weights:
            gradient = self.hessian @ (places[-1] - row @ self.centres)
            places.append(places[-1] - self.step * gradient)
        return np.array(places)

    def cost(self, weights):
        """J, the sum of L from t = 1 on."""
        places = self.roll_out(weights)[1:]
        return np.sum(places @ self.target * places) / 2


def drawn_course(generator, dims, examples):
    """A course with random curvatures, whose target lies off the centres."""
    curvatures = np.geomspace(0.1, 1, dims)

    def turned():
        basis = orthonormal(generator, dims)
        return (basis * curvatures) @ basis.T

    hessian = turned()
    target = turned()
    centres = generator.normal(size=(examples, dims)) * 3
    centres -= 0.9 * centres.mean(axis=0)
    return Course(hessian, target, centres, generator.normal(size=dims) * 2, 0.5)


def course_in_the_plane(condition, angle, step):
    """Two far examples with the target between them, M = A = diag(1, κ), and A (c_1 - c_2) at
    `angle` degrees to the first axis, with ηλ_max = `step`. It starts at the unit normal q of this
    direction.
    """
    curvatures = np.array([1.0, condition])
    along, across = directions(angle)
    half = FAR * condition * along / curvatures
    hessian = np.diag(curvatures)
    return Course(hessian, hessian, np.array([half, -half]), across, step / condition)


def directions(angle):
    """Unit vectors e, along A (c_1 - c_2), and q, its normal: (2, 2)."""
    radians = np.deg2rad(angle)
    return np.array([[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]])


@observed
def optimum(course, steps, along=None):
    """The weights (T, N) of least J and the start, by a convex program over weights and places. If
    `along` (d,) is given, the start may move along it, and its loss counts.
    """
    import cvxpy as cp

    examples, dims = course.centres.shape
    places = cp.Variable((steps + 1, dims))
    weights = cp.Variable((steps, examples), nonneg=True)
    shift = 0 if along is None else cp.Variable() * along
    counted = places[1:] if along is None else places
    pull = course.step * (weights @ (course.centres @ course.hessian))
    contraction = np.eye(dims) - course.step * course.hessian
    rules = [
        places[0] == course.start + shift,
        places[1:] == places[:-1] @ contraction + pull,
        cp.sum(weights, axis=1) == 1,
    ]
    loss = cp.sum_squares(counted @ np.linalg.cholesky(course.target))
    tight = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-13}
    cp.Problem(cp.Minimize(loss), rules).solve("CLARABEL", **tight)
    best = np.maximum(weights.value, 0)
    return best / best.sum(axis=1, keepdims=True), places.value[0]


@observed
def contributions(course, weights):
    """∇L·∇l_n at θ_t for t = 0..T-1, (T, N): what an example's step takes off the present loss."""
    places = course.roll_out(weights)[:-1]
    gradients = (places[:, None] - course.centres) @ course.hessian
    return np.einsum("td,tnd->tn", places @ course.target, gradients)


@predicted(about="optimum")
def costates(course, weights, counted=1):
    """λ_1..λ_T: (T, d), backwards from λ_(T+1) = 0; L(θ_T) is multiplied by `counted`."""
    places = course.roll_out(weights)[1:]
    slopes = places @ course.target
    slopes[-1] *= counted
    costate = np.zeros(len(course.start))
    found = []
    for slope in slopes[::-1]:
        costate = slope + costate - course.step * (course.hessian @ costate)
        found.append(costate)
    return np.array(found[::-1])


@predicted(about="optimum")
def slopes_of_the_moment(course, weights):
    """∇L at θ_0..θ_(T-1): (T, d), what the printed law has in the place of the costates."""
    return course.roll_out(weights)[:-1] @ course.target


@predicted(about="optimum")
def certificate(course, weights, costate):
    """η Σ_(t,n) γ_(n,t) (max_m σ_(m,t) - σ_(n,t)), with λ_(t+1) in row t of `costate`, (T, d)."""
    places = course.roll_out(weights)[:-1]
    gradients = (places[:, None] - course.centres) @ course.hessian
    sigma = np.einsum("td,tnd->tn", costate, gradients)
    return course.step * np.sum(weights * (sigma.max(axis=1, keepdims=True) - sigma))


@predicted(about="optimum")
def difference_of_contributions(course, weights, t, m, n, delay=1):
    """-ηλ_(t+1)·A² (c_m - c_n), for t >= 1; with λ_(t+delay) in its place if `delay` is given."""
    costate = costates(course, weights)[t + delay - 1]
    bent = course.hessian @ course.hessian @ (course.centres[m] - course.centres[n])
    return -course.step * costate @ bent


def active_pairs(weights):
    """All (t, m, n), m < n, with both examples active at t - 1 and at t."""
    active = weights > ACTIVE
    both = active[1:] & active[:-1]
    return [
        (t + 1, m, n)
        for t, row in enumerate(both)
        for m in np.flatnonzero(row)
        for n in np.flatnonzero(row)
        if m < n
    ]


def greedy_weights(course, steps):
    """The example that agrees most with the target's gradient gets all weight at each step."""
    place = course.start
    chosen = []
    for _ in range(steps):
        gradients = (place - course.centres) @ course.hessian
        best = np.argmax(gradients @ course.target @ place)
        chosen.append(np.eye(len(gradients))[best])
        place = place - course.step * gradients[best]
    return np.array(chosen)


CASES = [(2, 2, 40), (3, 5, 30), (6, 4, 4)]


@claim(derived("convexity of $J$, whose gradient in $γ$ is $-ησ$"), kind="bound", cases=CASES)
def test_costate(trial, dims: Dims, examples: Examples, steps: Steps):
    """A course $θ_(t+1) = θ_t - η sum_n γ_(n,t) ∇l_n(θ_t)$ of quadratic losses has the costates
    $λ_t = ∇L(θ_t) + (I - ηA) λ_(t+1)$ of the target's loss $L$, and $σ_(n,t) = λ_(t+1)·∇l_n(θ_t)$.
    No weights $γ$ make $sum_(t>=1) L(θ_t)$ exceed its least value by more than
    $η sum_(t,n) γ_(n,t) (max_m σ_(m,t) - σ_(n,t))$.
    """
    generator = trial.generator("courses")
    rows = []
    for instance in range(COURSES):
        course = drawn_course(generator, dims, examples)
        if instance == 0:  # the farther the target, the nearer to linear is J
            course.centres = course.centres + 1000
            course.start = course.start + 1000
        best = course.cost(optimum(course, steps)[0])
        for weights in (
            generator.dirichlet(np.ones(examples), steps),
            greedy_weights(course, steps),
        ):
            theories = (
                costates(course, weights),
                slopes_of_the_moment(course, weights),
                costates(course, weights, counted=0),
            )
            bounds = [certificate(course, weights, costate) for costate in theories]
            cost = course.cost(weights)
            rows.append([cost, cost - best, *bounds])
    costs, excess, bounds, greedy, last_forgotten = np.transpose(rows)
    trial.bound(
        excess,
        bounds,
        instances="search",
        ops=1e4,
        scale=costs,
        controls={
            "agreement with the present gradient": greedy,
            "$λ_T = 0$, the last loss forgotten": last_forgotten,
        },
    )


MAXIMUM_PRINCIPLE = known(
    "Pontryagin et al. 1962, maximum principle; for weights that do not change Gu et al. 2024, "
    "arXiv 2410.07064, Theorem 2.1, as notes on it quote it"
)


@claim(MAXIMUM_PRINCIPLE, kind="optimality", cases=CASES)
def test_costate__at_the_optimum(trial, dims: Dims, examples: Examples, steps: Steps):
    """Let the weights $γ_(n,t)$ of quadratic losses $l_n$ make $sum_(t>=1) L(θ_t)$ least, and let
    $λ_t$ be the costates. Then at each $t$ all examples of positive weight have the largest
    $σ_(n,t) = λ_(t+1)·∇l_n(θ_t)$: $η sum_(t,n) γ_(n,t) (max_m σ_(m,t) - σ_(n,t)) = 0$.
    """
    generator = trial.generator("courses")
    unequal = []
    of_the_moment = []
    for _ in range(COURSES):
        course = drawn_course(generator, dims, examples)
        weights, _ = optimum(course, steps)
        first = course.start @ course.target @ course.start / 2
        slopes = slopes_of_the_moment(course, weights)
        unequal.append(certificate(course, weights, costates(course, weights)) / first)
        of_the_moment.append(certificate(course, weights, slopes) / first)
    trial.value(
        unequal,
        np.zeros(COURSES),
        error=1e-9,
        margin=1e-6,
        scale=1.0,
        instances="search",
        control_processes={"agreement with the present gradient": of_the_moment},
    )


@observed
def found_difference(course, weights, t, m, n):
    """∇L·(∇l_m - ∇l_n) at θ_t."""
    agreement = contributions(course, weights)[t]
    return agreement[m] - agreement[n]


def most_unequal(course, weights):
    """The step t and the examples m and n, active at t - 1 and t, whose contributions differ most;
    None if none differ by more than 0.01.
    """
    pairs = active_pairs(weights)
    gaps = [abs(found_difference(course, weights, *pair)) for pair in pairs]
    return pairs[np.argmax(gaps)] if np.max(gaps, initial=0) > 0.01 else None


@claim(derived("two costates in a row are orthogonal to $A δ$"), kind="identity", cases=CASES)
def test_defect(trial, dims: Dims, examples: Examples, steps: Steps):
    """Let the weights of quadratic losses $l_n = ½ (θ - c_n)'A (θ - c_n)$ make $sum_(t>=1) L(θ_t)$
    least, and let examples $m$ and $n$ have positive weight at $t - 1$ and $t$. Then
    $∇L·(∇l_m - ∇l_n) = -ηλ_(t+1)·A²(c_m - c_n)$ at $θ_t$, with the costate $λ_(t+1)$. It is 0 if
    $c_m - c_n$ is an eigenvector of $A$.
    """
    generator = trial.generator("courses")
    courses = [drawn_course(generator, dims, examples) for _ in range(COURSES)]
    runs = [(course, optimum(course, steps)[0]) for course in courses]
    # The target may be met: nothing is left to learn.
    unequal = [
        (course, weights, *place)
        for course, weights in runs
        if (place := most_unequal(course, weights)) is not None
    ]
    found = len(unequal) > 0
    trial.require(found, "no two examples were active at two steps in a row: take more steps")

    def predict(delay):
        return np.array(
            [
                difference_of_contributions(course, weights, t, m, n, delay=delay)
                for course, weights, t, m, n in unequal
            ]
        )

    law = predict(1)
    trial.value(
        np.array([found_difference(*place) for place in unequal]),
        law,
        error=1e-6,
        margin=1e-3 * np.abs(law),
        instances="search",
        controls={
            "the costate of the present, $λ_t$": predict(0),
            "equal contributions": np.zeros(len(law)),
        },
    )


def drawn_perceptron(generator, examples):
    """Inputs y x of the training examples, (N, 8), whose labels are noisy, and of 256 examples
    of the target, whose labels are a teacher's.
    """
    teacher = generator.normal(size=INPUTS)

    def signed(count, noise):
        inputs = generator.normal(size=(count, INPUTS))
        scores = inputs @ teacher + noise * generator.normal(size=count)
        return inputs * np.sign(scores)[:, None]

    return signed(examples, 1.0), signed(256, 0.0)


@cache
def area_and_slope():
    """Σ_(t>=1) L(θ_t) from θ_0 = 0 under log loss, a function of the logarithms of the weights
    (T, N), of `training` and `target`, and its derivatives by JAX through all steps.
    """
    import jax
    import jax.numpy as jnp

    def area(logits, training, target):
        def step(place, row):
            pull = (row * jax.nn.sigmoid(-training @ place)) @ training
            place = place + PERCEPTRON_RATE * pull
            return place, jnp.mean(jax.nn.softplus(-target @ place))

        rows = jax.nn.softmax(logits, axis=1)
        return jnp.sum(jax.lax.scan(step, jnp.zeros(INPUTS), rows)[1])

    return jax.jit(jax.value_and_grad(area))


@observed
def weights_of_least_area(training, target):
    """Weights (T, N) of least Σ_(t>=1) L(θ_t), by L-BFGS on their logarithms."""
    shape = PERCEPTRON_STEPS, len(training)

    def area(logits):
        value, slope = area_and_slope()(logits.reshape(shape), training, target)
        return float(value), np.asarray(slope).ravel()

    found = minimize(
        area,
        np.zeros(np.prod(shape)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 2000, "maxfun": 3000, "ftol": 0, "gtol": 1e-9, "maxcor": 30},
    )
    return softmax(found.x.reshape(shape), axis=1)


def course_of_perceptron(training, weights):
    """All θ_t, t = 0..T, under log loss: (T + 1, 8)."""
    places = [np.zeros(INPUTS)]
    for row in weights:
        pull = (row * expit(-training @ places[-1])) @ training
        places.append(places[-1] + PERCEPTRON_RATE * pull)
    return np.array(places)


def target_slopes(places, target):
    """∇L of the log loss at places (t, 8)."""
    return -expit(-places @ target.T) @ target / len(target)


@predicted(about="weights_of_least_area")
def costates_of_perceptron(training, target, weights):
    """λ_1..λ_T, (T, 8): λ_t = ∇L(θ_t) + (I - η Σ_n γ_(n,t) ∇²l_n(θ_t)) λ_(t+1), λ_(T+1) = 0."""
    places = course_of_perceptron(training, weights)[1:]
    slopes = target_slopes(places, target)
    found = [slopes[-1]]
    for place, row, slope in zip(places[-2::-1], weights[:0:-1], slopes[-2::-1], strict=True):
        chances = expit(training @ place)
        along = (row * chances * (1 - chances) * (training @ found[-1])) @ training
        found.append(slope + found[-1] - PERCEPTRON_RATE * along)
    return np.array(found[::-1])


def relative_spreads(directions_of_course, gradients, weights, least):
    """At each step with two or more weights above `least`: the range of direction·∇l_n over these
    examples n, over its largest modulus. `gradients` is (T, N, d).
    """
    agreement = np.einsum("td,tnd->tn", directions_of_course, gradients)
    rows = [row[active] for row, active in zip(agreement, weights > least, strict=True)]
    return np.array([np.ptp(row) / np.max(np.abs(row)) for row in rows if len(row) > 1])


def spreads_of_perceptron(generator, examples):
    """Of one drawn perceptron on its best course: the spreads of agreement with ∇L(θ_t), and those
    of agreement with λ_(t+1).
    """
    training, target = drawn_perceptron(generator, examples)
    weights = weights_of_least_area(training, target)
    places = course_of_perceptron(training, weights)[:-1]
    gradients = -expit(-places @ training.T)[..., None] * training
    costate = costates_of_perceptron(training, target, weights)
    with_slope, with_costate = (
        relative_spreads(direction, gradients, weights, IN_USE)
        for direction in (target_slopes(places, target), costate)
    )
    return with_slope, with_costate


@claim(
    tried(
        "abstract, statement 2: the law is validated on a linear classification",
        "perceptrons of eight inputs, 48 to 96 examples and 40 steps",
    ),
    cases=[48, 96],
    tier="full",
    low_power="12 runs carry a sign only",
)
def test_perceptron(trial, examples: ManyExamples):
    """Let the weights $γ_(n,t)$ of $N$ examples of a perceptron with eight inputs and log losses
    $l_n$ make $sum_(t>=1) L(θ_t)$ least over 40 steps, $L$ the log loss on a teacher's labels. In
    more perceptrons than not $∇L·∇l_n$ differs by 20 % of the largest or more between examples in
    use, $γ_(n,t) > 10^-3$, at half of the steps with two or more of these.
    """
    generator = trial.generator("perceptrons")
    spreads = [spreads_of_perceptron(generator, examples) for _ in range(PERCEPTRONS)]
    trial.runs(
        [np.median(with_slope) - 0.2 for with_slope, _ in spreads],
        alpha=1e-3,
        controls={
            "agreement with the costate is unequal, too": [
                np.median(with_costate) - 0.2 for _, with_costate in spreads
            ],
        },
    )


@predicted
def price(condition, angle, step):
    """Least η Σ_(t>=0) L for y = 1, and that on the law: P/2 and 1/(2 (2 - ηbρ²)).

    `angle` is that of A (c_1 - c_2) to the eigenvector of the least eigenvalue, in degrees; A =
    diag(1, κ). Raises ValueError unless κ >= 1 and 0 < ηκ < 1.
    """
    if condition < 1 or not 0 < step * condition < 1:
        raise ValueError("condition must be at least 1 and step lie between 0 and 1/condition")
    along, across = directions(angle)
    curvatures = np.array([1.0, condition])
    a = along @ (curvatures * along)
    b = across @ (curvatures * across)
    mixed = along @ (curvatures * across)
    determinant = a * b - mixed**2
    root = np.sqrt((2 - step * b) ** 2 + 4 * mixed**2 / determinant)
    least = 2 / (2 - step * b + root)
    return np.array([least / 2, 1 / (2 * (2 - step * determinant / a))])


def mixed_curvature(condition, angle):
    """β = e·Aq = (κ - 1) sin(2 angle)/2, of A = diag(1, κ)."""
    return (condition - 1) * np.sin(2 * np.deg2rad(angle)) / 2


def rho_of_flow(condition, angle):
    """ρ = √(det A/(ab)) = 1/√(1 + β²/κ)."""
    return 1 / np.sqrt(1 + mixed_curvature(condition, angle) ** 2 / condition)


@predicted
def price_of_flow(condition, angle):
    """(1 + ρ)/(2ρ) with ρ² = det A/(ab)."""
    rho = rho_of_flow(condition, angle)
    return (1 + rho) / (2 * rho)


@predicted
def difference_in_the_flow(condition, angle):
    """-βρ/(1 + ρ): ∇L·(∇l_1 - ∇l_2) over y |A (c_1 - c_2)|."""
    rho = rho_of_flow(condition, angle)
    return -mixed_curvature(condition, angle) * rho / (1 + rho)


@predicted
def largest_price(condition):
    """(1 + √κ)²/(4 √κ)."""
    return (1 + np.sqrt(condition)) ** 2 / (4 * np.sqrt(condition))


def slowest_rate(course, along):
    """The rate ηbρ² per step at which a course on the law approaches the target, in the plane."""
    return course.step * np.linalg.det(course.hessian) / (along @ course.hessian @ along)


@observed
def cost_on_the_law(course, angle, steps):
    """η Σ_(t>=0) L from y = 1 along weights that keep ∇L·∇l_1 = ∇L·∇l_2 at every step."""
    along, across = directions(angle)
    aim = course.hessian @ along  # orthogonal to it, both contributions agree
    place = across - along * (aim @ across) / (aim @ along)
    total = 0.0
    for _ in range(steps):
        total += course.step * place @ course.target @ place / 2
        free = place - course.step * (course.hessian @ place)
        pull = course.step * (course.hessian @ course.centres[0])
        lean = -(aim @ free) / (aim @ pull)  # the difference of the two weights
        if not -1 <= lean <= 1:
            raise ValueError("the centres are too near for the law to be obeyed")
        place = free + lean * pull
    return total


@observed
def cost_to_go(condition, angle, step):
    """The matrix V (2, 2), in the basis e, q, of the least η Σ_(t>=0) L = ½ v'Vv from a start v."""
    basis = directions(angle)
    hessian = np.diag([1.0, condition])
    contraction = np.eye(2) - step * hessian
    push = basis[0][:, None]
    value = step * solve_discrete_are(contraction, push, hessian, np.zeros((1, 1)))
    return basis @ value @ basis.T


@observed
def difference_by_riccati(condition, angle, step):
    """∇L·(∇l_1 - ∇l_2) over y |A (c_1 - c_2)| on the best course, which every step takes to the
    place of least cost to go at its distance y: the same at all t.
    """
    along, across = directions(angle)
    quadratic = cost_to_go(condition, angle, step)
    place = across - along * quadratic[0, 1] / quadratic[0, 0]
    gradient = place * np.array([1.0, condition])
    return -gradient @ along


@observed
def prices_by_riccati(condition, angle, step):
    """Least η Σ_(t>=0) L for y = 1 over all courses, from Riccati's equation, and the sum on the
    law, from powers of its map.
    """
    along, across = directions(angle)
    hessian = np.diag([1.0, condition])
    contraction = np.eye(2) - step * hessian
    quadratic = cost_to_go(condition, angle, step)
    least = (quadratic[1, 1] - quadratic[0, 1] ** 2 / quadratic[0, 0]) / 2
    aim = hessian @ along
    kept = np.eye(2) - np.outer(along, aim) / (aim @ along)
    start = kept @ across
    ratio = (across @ kept @ contraction @ start) / (across @ start)  # a line is mapped to itself
    return least, step * (start @ hessian @ start) / (2 * (1 - ratio**2))


PLANE = [(4.0, 45.0, 0.2), (25.0, 22.5, 0.25), (100.0, 45.0, 0.2)]


@claim(derived("a Riccati equation in the plane"), kind="optimality", cases=PLANE)
def test_price(trial, condition: Condition, angle: Angle, step: Step):
    """Let two far examples in the plane have quadratic losses of curvature $A$, and the target,
    between them, the same curvature. From a distance $y$ off their line the least
    $η sum_(t>=0) L(θ_t)$ is $½ P y²$, $P = 2/(2 - ηb + √((2 - ηb)² + 4β²/D))$.

    Here e is the direction of A (c_1 - c_2) and q its normal, a = e·Ae, b = q·Aq, β = e·Aq and D =
    ab - β². The start is θ_0 - c = y (q + xe) with the best x. Settings: the condition number of A,
    the angle of e in degrees, ηλ_max.
    """
    course = course_in_the_plane(condition, angle, step)
    along = directions(angle)[0]
    steps = int(np.ceil(15 / np.sqrt(slowest_rate(course, along) * course.step)))
    weights, course.start = optimum(course, steps, along)
    first = course.start @ course.target @ course.start / 2
    least, on_the_law = price(condition, angle, course.step)
    trial.value(
        course.step * (course.cost(weights) + first),
        least,
        error=1e-8,
        margin=1e-5 * least,
        controls={"the law is optimal": on_the_law},
    )


@claim(derived("on the law a line is mapped to itself"), kind="identity", cases=PLANE)
def test_price__on_the_law(trial, condition: Condition, angle: Angle, step: Step):
    """Let two far examples in the plane have quadratic losses of curvature $A$, and the target,
    between them, the same curvature. From a distance $y$ off their line a course on which both
    examples agree equally with $∇L$ at every step has $η sum_(t>=0) L(θ_t) = y²/(2 (2 - ηbρ²))$.

    Here e is the direction of A (c_1 - c_2) and q its normal, a = e·Ae, b = q·Aq and ρ² = det
    A/(ab). Settings: the condition number of A, the angle of e in degrees, ηλ_max.
    """
    course = course_in_the_plane(condition, angle, step)
    steps = int(np.ceil(15 / slowest_rate(course, directions(angle)[0])))
    least, on_the_law = price(condition, angle, course.step)
    trial.value(
        cost_on_the_law(course, angle, steps),
        on_the_law,
        error=1e-8,
        margin=1e-5 * on_the_law,
        controls={
            "the law is optimal": least,
            "as small steps": least * price_of_flow(condition, angle),
        },
    )


FLOWS = [(4.0, 45.0), (25.0, 22.5), (100.0, 60.0)]


@claim(
    derived("on the best course the costate is along $q$, and $A e$ is not"),
    kind="limit",
    cases=FLOWS,
    as_published=published(
        place=paper("Theorem 3.1"),
        quoted="the following condition holds for $0 < t ≤ T$ and any $m$, $n$ such that "
        "$γ_m(t) > 0$, $γ_n(t) > 0$: $∇L · ∇l_m = ∇L · ∇l_n = Const$",
        within="in the gradient flow, whose weights minimise the area under the desired loss",
        reach="theorem",
        effect="the condition is necessary where gradients commute; in general that of the costate "
        "is, as in the maximum principle that section 3.2 names",
        ran="the formula",
    ),
)
def test_defect__of_small_steps(trial, condition: Condition, angle: Angle):
    """Let two far examples in the plane have quadratic losses of curvature $A$, and the target,
    between them, the same curvature. As $η → 0$, $∇L·(∇l_1 - ∇l_2)$ on the best course tends to
    $-y |A (c_1 - c_2)| βρ/(1 + ρ)$ at the distance $y$ from their line, with both weights positive.

    Here e is the direction of A (c_1 - c_2) and q its normal, β = e·Aq and ρ² = det A/((e·Ae)
    (q·Aq)). This is 0 if c_1 - c_2 is an eigenvector of A alone. As published, it is 0.
    """
    sizes = 2.0 ** np.arange(4, 10)
    found = [difference_by_riccati(condition, angle, 1 / (n * condition)) for n in sizes]
    law = difference_in_the_flow(condition, angle)
    trial.limit(
        found,
        sizes,
        law,
        order=1,
        margin=0.01 * abs(law),
        controls={
            "the place nearest to the target, $θ - c = y q$": law
            * (1 + 1 / rho_of_flow(condition, angle))
        },
        as_published=0.0,
    )


@claim(derived("the price as $η → 0$"), kind="limit", cases=FLOWS)
def test_price__of_small_steps(trial, condition: Condition, angle: Angle):
    """Let two far examples in the plane have quadratic losses of curvature $A$, and the target,
    between them, the same curvature. As $η → 0$, courses on which both agree equally with $∇L$ cost
    $(1 + ρ)/(2ρ)$ times the least, where $ρ² = det A/((e·A e)(q·A q))$, $e$ is the direction of
    $A (c_1 - c_2)$ and $q$ its normal.
    """
    sizes = 2.0 ** np.arange(4, 10)
    costs = np.array([prices_by_riccati(condition, angle, 1 / (n * condition)) for n in sizes])
    law = price_of_flow(condition, angle)
    of_difference = np.rad2deg(np.arctan(np.tan(np.deg2rad(angle)) / condition))
    trial.limit(
        costs[:, 1] / costs[:, 0],
        sizes,
        law,
        order=1,
        margin=0.01 * (law - 1),
        controls={
            "the law is optimal": 1.0,
            "$ρ$ in the direction of $c_1 - c_2$": price_of_flow(condition, of_difference),
        },
    )


@claim(derived("the price in the worst direction"), kind="bound", cases=[4.0, 25.0, 100.0])
def test_price__at_most(trial, condition: Condition):
    """Let two far examples in the plane have quadratic losses of curvature $A$, with the condition
    number $κ$, and the target, between them, the same curvature. With small steps, courses on which
    both agree equally with $∇L$ cost at most $(1 + √κ)²/(4 √κ)$ times the least, in whichever
    direction $c_1 - c_2$ lies.
    """
    angles = np.linspace(0.5, 89.5, 90)
    costs = np.array([prices_by_riccati(condition, t, 1e-3 / condition) for t in angles])
    trial.bound(
        costs[:, 1] / costs[:, 0],
        np.full(len(angles), largest_price(condition)),
        instances="grid",
        ops=1e5,
        attained=0.99,
        controls={"the law is optimal": np.ones(len(angles))},
    )


@figure("F1", claims=("price", "price-on_the_law", "price-of_small_steps"))
def price_of_the_law(step: float = 0.1):
    """Weights that keep both examples in equal agreement with the target's gradient cost more, the
    larger the condition number is.

    Cost on the printed law over the least cost, two examples in the plane, at two angles of
    $A (c_1 - c_2)$ to an eigenvector, $ηλ_max =$ `step`. Marks: lines: law; points: convex program
    and roll-out.
    """
    fine = np.geomspace(1, 100, 60)
    coarse = np.array([2, 4, 8, 16, 32, 64])
    lines = {}
    points = {}
    for angle in (45.0, 22.5, 5.0):
        name = f"{angle:g}°"
        laws = [price(k, angle, step / k) for k in fine]
        lines[name] = fine, [law[1] / law[0] for law in laws]
        ratios = []
        for k in coarse:
            course = course_in_the_plane(k, angle, step)
            steps = int(40 * k / step**0.5)
            weights, course.start = optimum(course, steps, along=directions(angle)[0])
            start = course.start
            least = course.cost(weights) + start @ course.target @ start / 2
            ratios.append(cost_on_the_law(course, angle, steps) / course.step / least)
        points[name] = coarse, ratios
    return chart(
        lines,
        points,
        log="x",
        x="condition number κ of the examples' curvature",
        y="cost on the law / least cost",
        ylim=(0.9, 3.2),
    )
