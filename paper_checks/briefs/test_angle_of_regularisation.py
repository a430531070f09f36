"""Tanay & Griffin 2018, "A New Angle on L2 Regularization", arXiv 1806.11186.

For whoever tunes the weight decay of a linear classifier: which direction it approaches at either
end; this is not always $δ$, the difference of the class means.

Paper: it asks why weight decay turns a linear classifier towards the line that joins the means of
the classes. This page says how it turns, for ridge regression and for the hinge loss.

Take away: ridge turns from Fisher's discriminant to the nearest centroid, and $λ$ times the tangent
of what is left tends to the spread of the scatter along $δ$. A hinge classifier arrives at a finite
$λ$, and with unequal classes it arrives elsewhere: in the figure 20 points against 10 stay 5
degrees off $δ$ at every $λ$ from 2.4 on.

Two classes have $n_+$ and $n₋$ points, $n$ in all; $δ$ is the difference of the means, $S$ the
within-class scatter divided by $n$, with eigenpairs $s_i$, $u_i$, and $c_i = (u_i δ)^2 / |δ|^2$;
$m_k = ∑_i c_i (s_i + λ)^-k$. Ridge minimises the mean of $(y - w x - b)^2 + λ |w|^2$, the hinge
classifier that of $(1 - y (w x + b))_+ + λ |w|^2$, $b$ free.

Edges: as $λ → 0$ ridge approaches the direction $S^-1 δ$ (within the range of $S$ if $S$ is
singular); as $λ → ∞$ it approaches $δ$. If the mean of the smaller class lies in the reduced hull
of the larger one, $u = 0$ and the hinge classifier is constant at all large $λ$.

Abstract:

- Sentences 1 and 2: take the angle between the line of the centroids and the normal of a separating
  plane. No statement.
- Sentence 3: in linear classification this angle depends on the strength of weight decay. Holds:
  angle, ends, hinge_balanced, hinge_unbalanced.
- Sentence 4: can you explain why? No statement.

Read: the abstract ("this angle depends on the level of L2 regularization used"). Derived here: the
laws of ridge and the values of the hinge loss; its first classifiers are known. Not claimed: the
direction at $λ_0$ itself, and of a constant classifier $(u = 0)$. Topic: learning.
"""

from fractions import Fraction
from typing import Annotated

import clarabel
import numpy as np
from scipy import sparse

from paper_checks.briefs.common import derivative
from theory_on_trial import claim, derived, known, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Class = Annotated[
    int, Interval(2, 30, why="one point has no scatter; with more, programs are slow")
]
Dim = Annotated[
    int, Interval(2, 6, why="on a line there is no angle; with more, programs are slow")
]
Penalty = Annotated[
    float,
    Interval(1e-3, 100, why="in squared units of the data; beyond, the angle is 0 to rounding"),
]
Above = Annotated[float, Interval(1.01, 20, why="λ as a multiple of where the law begins")]


def points_of_classes(generator, positives, negatives, dim):
    """Gaussian classes with means five apart, of unequal spread along the axes, and labels 1 and
    -1.
    """
    labels = np.repeat([1.0, -1.0], [positives, negatives])
    points = generator.normal(size=(len(labels), dim)) * np.linspace(0.6, 1.4, dim)
    points[:, : dim // 2 + 1] += 5 * labels[:, None] / 2 / np.sqrt(dim // 2 + 1)
    return points, labels


def sets_of_classes(generator, positives, negatives, dim):
    """Sets of points (sets, n, d) as of `points_of_classes`, and labels (n,): 340 of few points, 10
    of many, 690 in three cases together, so that fewer than 1 % of all can fail.
    """
    sets = 340 if positives + negatives <= 12 else 10
    drawn = [points_of_classes(generator, positives, negatives, dim) for _ in range(sets)]
    return np.array([points for points, _ in drawn]), drawn[0][1]


def difference_of_means(points, labels):
    """The vector δ (…, d), for one or many sets of points (…, n, d)."""
    return points[..., labels > 0, :].mean(axis=-2) - points[..., labels < 0, :].mean(axis=-2)


def box_programs(quadratics, linear, rows, total, most):
    """The a (sets, n) of least a'Qa / 2 + q'a with 0 <= a <= most and row a = total in each set, by
    an interior-point method for all of them at once.
    """
    settings = clarabel.DefaultSettings()
    sets = len(linear)
    size = linear.size
    settings.verbose = False
    settings.tol_gap_abs = 1e-13
    settings.tol_gap_rel = 1e-13
    settings.tol_feas = 1e-13
    sums = sparse.block_diag(list(rows[:, None]))
    constraints = sparse.vstack([sums, -sparse.eye(size), sparse.eye(size)], format="csc")
    limits = np.repeat([total, 0, most], [sets, size, size])
    cones = [clarabel.ZeroConeT(sets), clarabel.NonnegativeConeT(2 * size)]
    quadratic = sparse.triu(sparse.block_diag(list(quadratics)), format="csc")
    program = quadratic, linear.ravel(), constraints, limits, cones, settings
    solved = clarabel.DefaultSolver(*program).solve().x
    return np.clip(np.reshape(solved, linear.shape), 0, most)


@observed
def ridge_classifier(points, labels, penalty):
    """The w of ridge from the normal equations of the data; the penalty may be complex."""
    rows = points - points.mean(axis=0)
    decay = len(labels) * penalty * np.eye(rows.shape[1])
    return np.linalg.solve(rows.T @ rows + decay, rows.T @ labels)


@observed
def ridge_angle(points, labels, penalty):
    """Cosine of w and δ, and d log cos / d λ."""
    delta = difference_of_means(points, labels)

    def log_cosine(decay):
        w = ridge_classifier(points, labels, decay)
        return np.log(w @ delta / np.sqrt(w @ w) / np.linalg.norm(delta))

    return np.exp(log_cosine(penalty)), derivative(log_cosine, penalty)


@observed
def ridge_tangent(points, labels, penalty):
    """The tangent of the angle between w and δ, from what is left of w after projection."""
    delta = difference_of_means(points, labels)
    w = ridge_classifier(points, labels, penalty)
    along = (w @ delta) / (delta @ delta) * delta
    return np.linalg.norm(w - along) / np.linalg.norm(along)


@observed
def sines(spectra, deltas, penalty):
    """Sines of the angles between δ and (S + λ)^-1 δ, S diagonal, from what is left after
    projection.
    """
    w = deltas / (spectra + penalty)
    along = deltas / np.linalg.norm(deltas, axis=1, keepdims=True)
    return np.linalg.norm(
        w - np.sum(w * along, axis=1, keepdims=True) * along, axis=1
    ) / np.linalg.norm(w, axis=1)


@observed
def hinge_classifiers(points, labels, penalties):
    """The w (sets, d) of the hinge classifier of each set of points (sets, n, d), from its dual
    program, its value there, and a lower bound of the least value, (sets,) each.
    """
    rows = labels[:, None] * points
    count = len(labels)
    grams = rows @ rows.mT / (2 * penalties[:, None, None])
    ones = np.ones(rows.shape[:2])
    dual = box_programs(grams, -ones, labels * ones, 0.0, 1 / count)
    sums = np.array([dual[:, labels > 0].sum(axis=1), dual[:, labels < 0].sum(axis=1)])
    shares = sums.min(axis=0) / sums  # the sums must be equal
    dual = dual * np.where(labels > 0, shares[0][:, None], shares[1][:, None])
    w = np.einsum("sn,snd->sd", dual, rows) / (2 * penalties[:, None])
    scores = np.einsum("snd,sd->sn", points, w)
    biases = labels - scores  # at one of which the loss is least
    misses = np.maximum(1 - labels * (scores[:, None] + biases[..., None]), 0)
    decay = penalties * np.sum(w**2, axis=1)
    return w, misses.mean(axis=2).min(axis=1) + decay, dual.sum(axis=1) - decay


@predicted
def shares_of_scatter(points, labels):
    """The eigenvalues s_i of S and the shares c_i of δ."""
    delta = difference_of_means(points, labels)
    means = [points[labels == sign].mean(axis=0) for sign in (1, -1)]
    within = points - np.where(labels[:, None] > 0, *means)
    values, vectors = np.linalg.eigh(within.T @ within / len(labels))
    return values, (vectors.T @ delta) ** 2 / (delta @ delta)


@predicted
def moments(points, labels, penalty):
    """The cosine m_1 / sqrt(m_2), and d log cos / d λ = m_3 / m_2 - m_2 / m_1, which is not
    negative.
    """
    values, shares = shares_of_scatter(points, labels)
    m1, m2, m3 = (shares @ (values + penalty) ** -k for k in (1.0, 2.0, 3.0))
    return m1 / np.sqrt(m2), m3 / m2 - m2 / m1


@predicted
def spread_along(points, labels):
    """The standard deviation of s_i under c_i, and half of their range, which is the most it can
    be.
    """
    values, shares = shares_of_scatter(points, labels)
    return np.sqrt(shares @ (values - shares @ values) ** 2), np.ptp(values) / 2


@predicted
def largest_sines(spectra, penalty, power=1.0):
    """(κ^power - 1) / (κ^power + 1), κ = (s_max + λ) / (s_min + λ)."""
    kappa = ((spectra.max(axis=1) + penalty) / (spectra.min(axis=1) + penalty)) ** power
    return (kappa - 1) / (kappa + 1)


@predicted
def balanced_thresholds(points, labels):
    """λ_0 (sets,), an eighth of the largest δ·x of positives less the least δ·x of negatives."""
    along = np.einsum("snd,sd->sn", points, difference_of_means(points, labels))
    return (along[:, labels > 0].max(axis=1) - along[:, labels < 0].min(axis=1)) / 8


@predicted
def reduced_hulls(points, labels):
    """The u (sets, d), the shortest vector from the mean of negatives to the hull of the positives
    with weights up to 1/n₋, and λ_1 (sets,).
    """
    positives = points[:, labels > 0]
    negatives = points[:, labels < 0]
    offsets = positives - negatives.mean(axis=1, keepdims=True)
    few = negatives.shape[1]
    ones = np.ones(offsets.shape[:2])
    weights = box_programs(offsets @ offsets.mT, 0 * ones, ones, 1.0, 1 / few)
    u = np.einsum("sp,spd->sd", weights, offsets) / weights.sum(axis=1, keepdims=True)
    along = np.einsum("spd,sd->sp", positives, u)
    least = np.einsum("snd,sd->sn", negatives, u).min(axis=1)
    reach = np.where(weights > 1e-6 / few, along, -np.inf).max(axis=1) - least
    return u, few * reach / (4 * len(labels))


@predicted
def hinge_values(directions, penalties, few, count):
    """2 n₋/n - n₋² |u|²/(4 λ n²), where w = n₋ u/(2 λ n), of each set: (sets,)."""
    return 2 * few / count - few**2 * np.sum(directions**2, axis=1) / (4 * penalties * count**2)


def least_eigenvalue(points, labels, penalty):
    """The least eigenvalue of S + λ."""
    within = points - labels[:, None] * difference_of_means(points, labels) / 2
    return np.linalg.eigvalsh(np.cov(within.T, bias=True))[0] + penalty


def condition(points, labels, penalty):
    """By how much the normal equations can multiply rounding."""
    return 1 + np.sum(points.var(axis=0)) / least_eigenvalue(points, labels, penalty)


@claim(
    derived("$w$ is along $(S + λ)^-1 δ$"),
    kind="identity",
    cases=[(30, 20, 5, 1.0), (2, 2, 2, 1e-3)],
)
def test_angle(trial, positives: Class, negatives: Class, dim: Dim, penalty: Penalty):
    """Let $δ$ be the difference of the class means, $s_i$ the eigenvalues of the within-class
    scatter, $c_i$ the shares of $|δ|²$ along its eigenvectors, and $m_k = ∑ c_i (s_i + λ)^-k$. The
    classifier $w$ of ridge regression with the penalty $λ$ has $cos(w, δ) = m_1/√m_2$.
    """
    points, labels = points_of_classes(trial.generator("points"), positives, negatives, dim)
    trial.identity(
        ridge_angle(points, labels, penalty)[0],
        moments(points, labels, penalty)[0],
        ops=10 * len(labels),
        scale=condition(points, labels, penalty),
        generic="both sides are analytic in the points where the scatter has full rank",
        controls={"scatter not divided by $n$": moments(points, labels, penalty / len(labels))[0]},
    )


@claim(
    derived("the slope of $log m_1 - ½ log m_2$"),
    kind="identity",
    cases=[(30, 20, 5, 1.0), (2, 2, 2, 1e-3)],
)
def test_angle__slope(trial, positives: Class, negatives: Class, dim: Dim, penalty: Penalty):
    """Let $δ$ be the difference of the class means, $s_i$ the eigenvalues of the within-class
    scatter, $c_i$ the shares of $|δ|²$ along its eigenvectors, and $m_k = ∑ c_i (s_i + λ)^-k$. The
    classifier $w$ of ridge regression with the penalty $λ$ has
    $d log cos(w, δ)/dλ = m_3/m_2 - m_2/m_1$.
    """
    points, labels = points_of_classes(trial.generator("points"), positives, negatives, dim)
    trial.identity(
        ridge_angle(points, labels, penalty)[1],
        moments(points, labels, penalty)[1],
        ops=10 * len(labels),
        scale=condition(points, labels, penalty) / least_eigenvalue(points, labels, penalty),
        generic="both sides are analytic in the points where the scatter has full rank",
        controls={"scatter not divided by $n$": moments(points, labels, penalty / len(labels))[1]},
    )


@claim(
    derived("$w$ is $δ / λ - S δ / λ² + …$"),
    kind="limit",
    cases=[(30, 20, 5), (2, 2, 3), (12, 9, 4)],
)
def test_ends(
    trial,
    positives: Class,
    negatives: Class,
    dim: Annotated[
        int,
        Interval(
            3, 6, why="in the plane δ is the worst direction here; with more, programs are slow"
        ),
    ],
):
    """The tangent of the angle between the ridge classifier $w$ of penalty $λ$ and the difference
    $δ$ of the class means falls as $1/λ$: $λ tan(w, δ)$ tends to the standard deviation of the
    eigenvalues $s_i$ of the within-class scatter as $λ → ∞$, with the shares $c_i$ of $|δ|²$ along
    its eigenvectors as weights.
    """
    generator = trial.generator("points")
    law = widest = 0.0
    while widest < 1.02 * law or not law:  # δ may be by chance the worst direction of all
        points, labels = points_of_classes(generator, positives, negatives, dim)
        law, widest = spread_along(points, labels)
    penalties = 2.0 ** np.arange(8, 14)
    values = [penalty * ridge_tangent(points, labels, penalty) for penalty in penalties]
    trial.limit(
        values,
        penalties,
        law,
        order=1,
        margin=4e-3 * law,
        generic="tangents are analytic in the points, and so is their limit",
        controls={"half of the range of the $s_i$, the largest that it can be": widest},
        same_instance=True,
    )


@claim(known("Kantorovich 1948, his inequality"), kind="bound", cases=[(5, 1.0), (2, 1e-3)])
def test_floor(trial, dim: Dim, penalty: Penalty):
    """The sine of the angle between the ridge classifier and the difference of the class means is
    at most $(κ - 1) / (κ + 1)$, and this is attained, where $κ = (s_max + λ) / (s_min + λ)$, $λ$ is
    the penalty and $s$ are the eigenvalues of the within-class scatter.
    """
    generator = trial.generator("spectra")
    spectra = np.sort(generator.uniform(0.2, 5, (345, dim)))
    deltas = generator.normal(size=(345, dim))
    # The case of equality: δ is along the first and the last eigenvector.
    deltas[0] = np.sqrt(spectra[0] + penalty) * (np.arange(dim) % (dim - 1) == 0)
    bounds = largest_sines(spectra, penalty)
    measured = sines(spectra, deltas, penalty)
    rounding = {"ops": 10 * dim, "scale": 10.0}
    trial.bound(
        measured,
        bounds,
        instances="draws",
        independent=344,
        controls={
            "$√κ$ for $κ$, as in the rate of conjugate gradients": largest_sines(
                spectra, penalty, power=0.5
            )
        },
        **rounding,
    )


def judge_hinge_value(trial, points, labels, penalties, directions):
    """Compare least values with the theory, each between a value and a lower bound."""
    few = np.sum(labels < 0)
    count = len(labels)
    _, values, bounds = hinge_classifiers(points, labels, penalties)
    law = hinge_values(directions, penalties, few, count)
    trial.gap(
        values,
        bounds,
        law,
        margin=1e-3 * (2 * few / count - law),
        scale=1.0,
        ops=100 * count,
        independent=len(points),
        controls={"of a constant classifier": np.full(len(law), 2 * few / count)},
    )


def judge_hinge(trial, points, labels, above, starts, directions, wrong):
    """Compare 2 λ n w/n₋ of hinge classifiers w with the theory, which must fail for λ below their
    starts.
    """
    scales = 2 * len(labels) / np.sum(labels < 0) * starts[:, None]
    w, values, bounds = hinge_classifiers(points, labels, above * starts)
    before, _, _ = hinge_classifiers(points, labels, 0.9 * starts)
    changes = np.sqrt(np.maximum(values - bounds, 1e-15) / (above * starts))  # most w may be off
    trial.value(
        above * scales * w,
        directions,
        error=above * scales * changes[:, None],
        margin=1e-3 * np.linalg.norm(directions, axis=1, keepdims=True),
        independent=len(points),
        controls=wrong,
        control_processes={"$λ$ is less than where the law begins": 0.9 * scales * before},
    )


BALANCED = [(20, 5, 1.01), (2, 2, 20.0), (6, 3, 2.0)]
START = known("Hastie, Rosset, Tibshirani & Zhu 2004, the start of the path of the penalty")


@claim(START, kind="optimality", cases=BALANCED)
def test_hinge_balanced(trial, negatives: Class, dim: Dim, above: Above):
    """For $n/2$ points $x$ in each class the $w$ that minimises the mean hinge loss plus $λ |w|²$
    is $δ/(4 λ)$ for all $λ >= λ_0$, where $δ$ is the difference of the class means, and $8 λ_0$ is
    the largest $δ·x$ of the positive class minus the least $δ·x$ of the negative class.
    """
    points, labels = sets_of_classes(trial.generator("points"), negatives, negatives, dim)
    deltas = difference_of_means(points, labels)
    starts = balanced_thresholds(points, labels)
    judge_hinge(trial, points, labels, above, starts, deltas, {"$δ/(2 λ)$": 2 * deltas})


@claim(derived("every dual variable is at its limit"), kind="optimality", cases=BALANCED)
def test_hinge_balanced__value(trial, negatives: Class, dim: Dim, above: Above):
    """For $n/2$ points $x$ in each class the least value of the mean hinge loss plus $λ |w|²$ is
    $1 - |δ|²/(16 λ)$ for all $λ >= λ_0$, where $δ$ is the difference of the class means, and
    $8 λ_0$ is the largest $δ·x$ of the positive class minus the least $δ·x$ of the negative class.
    """
    points, labels = sets_of_classes(trial.generator("points"), negatives, negatives, dim)
    deltas = difference_of_means(points, labels)
    penalties = above * balanced_thresholds(points, labels)
    judge_hinge_value(trial, points, labels, penalties, deltas)


MorePositives = Annotated[
    int, Interval(1, 30, why="by how much one class is larger; with more, programs are slow")
]
UNBALANCED = [(10, 10, 5, 1.01), (2, 1, 2, 20.0), (4, 3, 3, 2.0)]


@claim(START, kind="optimality", cases=UNBALANCED)
def test_hinge_unbalanced(trial, negatives: Class, more: MorePositives, dim: Dim, above: Above):
    """Let $n₋$ of $n$ points $x$ be negative and more be positive. Let $u$ be the shortest vector
    from the mean of the negatives to a sum of positives with weights in $[0, 1/n₋]$ that add up to
    1. The $w$ that minimises the mean hinge loss plus $λ |w|²$ is $n₋ u/(2 λ n)$ for all
    $λ >= λ_1$, where $4 n λ_1/n₋$ is the largest $u·x$ of the positives of weight above 0 minus the
    least $u·x$ of the negatives.
    """
    points, labels = sets_of_classes(trial.generator("points"), negatives + more, negatives, dim)
    u, starts = reduced_hulls(points, labels)
    control = {"along $δ$": difference_of_means(points, labels)}
    judge_hinge(trial, points, labels, above, starts, u, control)


@claim(derived("the dual, negatives at their limit"), kind="optimality", cases=UNBALANCED)
def test_hinge_unbalanced__value(
    trial, negatives: Class, more: MorePositives, dim: Dim, above: Above
):
    """Let $n₋$ of $n$ points $x$ be negative and more be positive. Let $u$ be the shortest vector
    from the mean of the negatives to a sum of positives with weights in $[0, 1/n₋]$ that add up to
    1. The least mean hinge loss plus $λ |w|²$ is $2 n₋/n - n₋² |u|²/(4 λ n²)$ for all $λ >= λ_1$,
    where $4 n λ_1/n₋$ is the largest $u·x$ of the positives of weight above 0 minus the least $u·x$
    of the negatives.
    """
    points, labels = sets_of_classes(trial.generator("points"), negatives + more, negatives, dim)
    u, starts = reduced_hulls(points, labels)
    judge_hinge_value(trial, points, labels, above * starts, u)


@claim(known("Kantorovich 1948, his inequality"), kind="bound")
def test_floor__everywhere(trial):
    """For two eigenvalues of the ridge matrix $S + λ$ in the ratio $κ$, and the shares $p$ and
    $1 - p$ of $|δ|²$ along their eigenvectors, the squared sine
    $p (1 - p) (1 - 1/κ)² / (p + (1 - p)/κ²)$ of the angle between the classifier and $δ$ is at most
    $((κ - 1)/(κ + 1))²$, for all $p$ in [0, 1] and $κ = 2, 3, 5, 10, 100$, to $1e-12$.
    """

    def law(share, kappa):
        return Fraction(kappa - 1, kappa + 1) ** 2

    def squared_sine(share, kappa):
        leak = share * (1 - share) * (1 - Fraction(1, kappa)) ** 2
        return leak / (share + (1 - share) / kappa**2)

    trial.prove(
        squared_sine,
        law,
        {"share": (0, 1), "kappa": [2, 3, 5, 10, 100]},
        tolerance=1e-12,
        controls={
            "even shares are the worst": lambda share, kappa: squared_sine(Fraction(1, 2), kappa),
        },
        same_as=(
            lambda share, kappa: (
                sines(np.array([[1, kappa]]), np.sqrt([[share, 1 - share]]), 0.0)[0] ** 2
            ),
            lambda share, kappa: largest_sines(np.array([[1, kappa]]), 0.0)[0] ** 2,
        ),
    )


@figure("F1", claims=("angle", "ends", "hinge_balanced", "hinge_unbalanced"))
def turning_angles(positives: int = 20, dim: int = 5):
    """Weight decay turns a classifier to the difference of the means, but not a hinge classifier of
    unequal classes.

    20 points against 20 or 10. $δ$: difference of the means. Marks: lines: theory (hinge: from
    $λ_0$ or $λ_1$ on); points: dual programs, normal equations.
    """
    penalties = np.geomspace(0.01, 10, 25)
    lines = {}
    fans = {}
    for negatives in (20, 10):
        name = f"hinge, {positives} and {negatives} points"
        points, labels = points_of_classes(np.random.default_rng(0), positives, negatives, dim)
        delta = difference_of_means(points, labels)
        (u,), (start,) = reduced_hulls(points[None], labels)
        same = np.broadcast_to(points, (len(penalties), *points.shape))
        fits = np.vstack([u, hinge_classifiers(same, labels, penalties)[0]])
        cosines = fits @ delta / np.linalg.norm(fits, axis=1) / np.linalg.norm(delta)
        angles = np.degrees(np.arccos(np.minimum(cosines, 1)))  # that of u first
        lines[name] = np.array([start, 10]), angles[0]
        fans[name] = penalties, angles[1:]
    name = f"ridge, {positives} and 10 points"
    law = np.arccos([moments(points, labels, penalty)[0] for penalty in penalties])
    lines[name] = penalties, np.degrees(law)
    tangents = [ridge_tangent(points, labels, penalty) for penalty in penalties[::2]]
    fans[name] = penalties[::2], np.degrees(np.arctan(tangents))
    return chart(
        lines,
        fans,
        log="x",
        x="weight decay λ (squared unit of the data)",
        y="angle to δ (degrees)",
    )
