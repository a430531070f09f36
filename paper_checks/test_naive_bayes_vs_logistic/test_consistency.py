"""From the logistic loss to the 0-1 loss: the transform Ψ, its multiclass form, and where bounded
logits break it.

The regret of a prediction is its mean loss less the least mean loss, at a point or over all points.
At a point the 0-1 regret is the probability of the best class less that of the predicted one.
"""

from fractions import Fraction
from typing import Annotated, Literal

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax, xlogy

from theory.naive_bayes_vs_logistic import consistency, expected_error
from theory_on_trial import balls, claim, derived, known, tried
from theory_on_trial.contract import Count, Interval

HAIR = 1e-13
"""By how much a wrong class wins a tie; this changes a regret by less than 10 HAIR."""

Classes = Annotated[int, Interval(2, 1000, why="every draw has an entry per class")]
ManyClasses = Annotated[int, Interval(3, 100, why="two classes tie at t = 0 only")]
Draws = Annotated[int, Interval(1, 100_000, why="all draws are held at once")]


def kl_divergence(p, logits):
    """Return KL(p || softmax(logits)) of every row, the log-loss regret at this point."""
    return np.sum(xlogy(p, p) - p * log_softmax(logits, axis=1), axis=1)


def zero_one_regret(p, logits):
    """Return the 0-1 regret of the class of the largest logit, of every row."""
    chosen = p[np.arange(len(p)), np.argmax(logits, axis=1)]
    return np.max(p, axis=1) - chosen


def two_of(n_classes, gaps):
    """Return a row for each gap t: the probabilities ((1 - t) / 2, (1 + t) / 2, 0, …)."""
    p = np.zeros((len(gaps), n_classes))
    p[:, 0] = (1 - gaps) / 2
    p[:, 1] = (1 + gaps) / 2
    return p


LogitBound = Annotated[
    float, Interval(0.01, 2.5, why="above, 2 Λ for Λ would hardly change Ψ(t) up to t = .99")
]
Points = Annotated[
    int, Interval(2, 2000, why="the first, t = .01, does not reach the bound on logits")
]


@claim(
    known("Awasthi, Mao, Mohri & Zhong 2022, the transform of the logistic loss for two classes"),
    kind="identity",
    cases=[0.5, 1.0, 2.0, 20],  # tanh(20) = 1 in float64: a larger logit is never the best
)
def test_psi_conjugate(trial, logit_bound: LogitBound | Literal[20], n_points: Points = 60):
    """For $0 <= t < 1$, the supremum $Ψ(t)$ of $λ t - log cosh λ$ over $0 <= λ <= Λ$ is its value
    at $λ = min(artanh t, Λ)$.

    This is ((1+t) log(1+t) + (1-t) log(1-t)) / 2 if t <= tanh Λ. Ψ(t) is the least log-loss regret
    of two classes with logits in [-Λ, Λ] whose 0-1 regret is t. The case Λ = 20 stands for logits
    without a bound.
    """
    ts = np.linspace(0.01, 0.99, n_points)
    bound = np.inf if logit_bound == 20 else logit_bound
    exact = consistency.consistency_transform(ts, bound)
    controls = {"without the factor 1/2": 2 * exact}
    if logit_bound < 20:
        controls["logits in $[-2 Λ, 2 Λ]$"] = consistency.consistency_transform(ts, 2 * logit_bound)
    trial.value(
        np.array([_conjugate(t, logit_bound) for t in ts]),
        exact,
        # log cosh has a curvature of at most 1: a maximiser that is known to 1e-7 leaves 1e-14, and
        # roundings leave less than 40 times 2^-52.
        error=1e-12,
        margin=1e-9,
        controls=controls,
    )


def _conjugate(t, limit):
    """Return the largest x t - log cosh x for 0 <= x <= `limit`, by search."""

    def negative(x):
        return np.logaddexp(x, -x) - np.log(2) - x * t

    best = minimize_scalar(negative, bounds=(0, limit), method="bounded", options={"xatol": 1e-9})
    # The search stays inside the interval: its end is compared too.
    return max(-best.fun, -negative(limit))


def drawn_distributions(rng, n_draws, n_classes):
    """Return probabilities p, from all but certain to all but even, and logits of any size. Both
    have a row for each draw.
    """
    concentration = np.exp(rng.uniform(np.log(0.05), np.log(5), (n_draws, 1)))
    masses = rng.standard_gamma(np.broadcast_to(concentration, (n_draws, n_classes))) + 1e-12
    logits = rng.standard_normal(masses.shape) * np.exp(rng.uniform(-4, 2, (n_draws, 1)))
    return masses / masses.sum(axis=1, keepdims=True), logits


def bound_regret(trial, p, logits, n_draws):
    """Decide that KL(p || q) is at least its bound in every row, where q is the softmax of the
    logits. The first `n_draws` rows are drawn.
    """
    regret = kl_divergence(p, logits)
    size_of_terms = np.sum(np.abs(xlogy(p, p)) + np.abs(p * log_softmax(logits, axis=1)), axis=1)
    trial.bound(
        consistency.top_two_kl_bound(p, softmax(logits, axis=1)),
        regret + 10 * HAIR,
        instances="draws",
        independent=n_draws,
        ops=8 * p.shape[1],
        scale=size_of_terms,
        # Twice the bound is at most the regret: both sides are halved.
        controls={"$Ψ$ without its factor 1/2": regret / 2},
    )


@claim(
    tried(
        "abstract, sentence 7: an explicit bound for logistic loss",
        "the bound at each point, sharp in the two probabilities",
    ),
    kind="bound",
    cases=[2, 3, 5, 10],
    route="divergences of drawn distributions by SciPy",
)
def test_hcons_multiclass(trial, n_classes: Classes, n_draws: Draws = 50_000):
    """Let $p$ be the true and $q$ the predicted distribution of the class at a point, and let $j$
    and $k$ be the most probable classes under $p$ and $q$. The log-loss regret $KL(p‖q)$ is at
    least $(p_j + p_k) Ψ((p_j - p_k) / (p_j + p_k))$, where
    $Ψ(t) = ((1+t) log(1+t) + (1-t) log(1-t)) / 2$.

    This holds for any number of classes.
    """
    trial.require(
        n_draws * n_classes <= 2**24,
        "n_draws * n_classes must be at most 2^24: all are held at once",
    )
    p, logits = drawn_distributions(trial.generator("draws"), n_draws, n_classes)
    # The bound is attained where only two classes have a probability, q gives both the same, and
    # the wrong one wins by a hair.
    extreme = two_of(n_classes, np.linspace(0.02, 0.98, 49))
    tie = np.full((49, n_classes), -800.0)
    tie[:, 0] = HAIR
    tie[:, 1] = 0.0
    bound_regret(trial, np.concatenate([p, extreme]), np.concatenate([logits, tie]), n_draws)


@claim(
    known("Pinsker's inequality, for plug-in rules as in Devroye, Györfi & Lugosi 1996"),
    kind="bound",
    route="divergences of drawn problems by SciPy",
)
def test_hcons_sqrt2(trial, n_problems: Count = 4000, most_points: Count = 50):
    """Under a joint distribution of points and classes of finite support, let predicted class
    probabilities have the log-loss regret $r$, in nats. If at each point the class of the largest
    one is predicted, the 0-1 regret is at most $sqrt(2 r)$.
    """
    rng = trial.generator("problems")

    def regrets(mass, p, logits):
        """Return the 0-1 and the log-loss regret over points of the probabilities `mass`."""
        log_regret = max(mass @ kl_divergence(p, logits), 0.0)
        return mass @ zero_one_regret(p, logits), log_regret

    def drawn():
        n_points = int(rng.integers(1, most_points + 1))
        n_classes = int(rng.integers(2, 8))
        p = rng.dirichlet(np.ones(n_classes), n_points)
        noise = rng.standard_normal(p.shape) * np.exp(rng.uniform(np.log(1e-2), np.log(10)))
        # Half of all predictions are near the truth, and half know nothing of it.
        centre = np.log(p) if rng.random() < 0.5 else 0
        return regrets(rng.dirichlet(np.ones(n_points)), p, centre + noise)

    def extremal(t):
        # One point of two classes, an even prediction, and the wrong class wins by a hair.
        p = two_of(2, np.array([t]))
        return regrets(np.ones(1), p, np.array([[1e-9, 0.0]]))

    pairs = [drawn() for _ in range(n_problems)] + [extremal(t) for t in np.linspace(0.02, 0.6, 30)]
    excess, regret = np.array(pairs).T
    trial.bound(
        excess,
        consistency.zero_one_regret_bound(regret),
        instances="draws",
        independent=n_problems,
        ops=8 * most_points,
        controls={"$sqrt(r)$, without the factor 2": np.sqrt(regret)},
    )


Box = Annotated[
    float,
    Interval(0.05, 2.5, why="a conic solver must find regrets of the order exp(-4 Λ)"),
]
"""Λ, the bound on logits."""


@claim(
    derived("up to this $t$ the logits $(Λ, Λ, -Λ, …)$ meet the Karush-Kuhn-Tucker conditions"),
    kind="identity",
    cases=[(3, 0.5), (3, 1.0), (4, 0.5), (6, 1.0)],
    route="a divergence of two classes, the first and all others",
)
def test_hcons_bounded_fails(trial, n_classes: ManyClasses, logit_bound: Box):
    """Let $K >= 3$ classes have logits in $[-Λ, Λ]$, and at a point the probabilities
    $((1 - t)/2, (1 + t)/2, 0, …)$. The logits $(Λ, Λ, -Λ, …)$ have the least log loss of all
    exactly for $t <= ρ / (2 + ρ)$, where $ρ = (K - 2) exp(-2 Λ)$.

    The first of two tied classes may win, though the second is more probable: the log-loss regret
    can vanish where the 0-1 regret is t.
    """
    shrink = np.exp(-2 * logit_bound)
    threshold = consistency.box_tie_threshold(n_classes, logit_bound)
    # From the threshold to this gap, the best logit of the first class is inside the box.
    last = (1 + (n_classes - 3) * shrink) / (1 + (n_classes - 1) * shrink)
    above = last - threshold
    gaps = np.array(
        [0.3 * threshold, 0.9 * threshold, threshold + 0.1 * above, threshold + 0.5 * above]
    )
    p = two_of(n_classes, gaps)
    corner = np.full(p.shape, -logit_bound)
    corner[:, :2] = logit_bound
    # There the best logits differ from the corner in the first class only. The best softmax of this
    # class is its probability, and that of the corner is `share`. So the losses differ by a
    # divergence of two classes, the first and all others.
    share = 1 / (2 + (n_classes - 2) * shrink)
    first_or_not = np.stack([p[:, 0], 1 - p[:, 0]], axis=1)
    beyond = kl_divergence(first_or_not, np.log([[share, 1 - share]] * len(gaps)))
    trial.identity(
        np.where(gaps > threshold, beyond, 0.0),
        consistency.conditional_regret(corner, p, logit_bound),
        # NumPy adds at most 100 classes in pairs, in 18 roundings: twice for a loss, and ten more.
        ops=50,
        scale=1 + np.log(n_classes),
        controls={
            "the least regret of two classes": consistency.consistency_transform(gaps, logit_bound)
        },
    )


@claim(
    derived("the Karush-Kuhn-Tucker conditions of the minimum over the box"),
    kind="optimality",
    cases=[(3, 0.5), (4, 1.0), (6, 1.0)],
)
def test_hcons_bounded_fails__minimum(
    trial, n_classes: ManyClasses, logit_bound: Box, n_draws: Draws = 8
):
    """Let $p$ be a distribution over $K$ classes. Of all logits $h$ in $[-Λ, Λ]$ those with
    $h_k = log p_k + L$, clipped to $[-Λ, Λ]$, have the least log loss
    $-sum_k p_k log(exp(h_k) / sum_j exp(h_j))$, where $L$ is such that $sum_k exp(h_k) = exp(L)$.

    A conic solver gives a loss, and the gradient there a lower bound: they enclose the least loss.
    """
    rng = trial.generator("posteriors")
    drawn = softmax(3 * logit_bound * rng.standard_normal((n_draws, n_classes)), axis=1)
    p = np.concatenate([two_of(n_classes, np.array([0.02, 0.2, 0.6])), drawn])
    loss, lower_bound = np.array([_conic_minimum(row, logit_bound) for row in p]).T
    with np.errstate(divide="ignore"):
        log_p = np.log(p)
    # Shifted by -Λ, which the softmax does not see.
    largest_at_bound = np.clip(log_p - log_p.max(axis=1, keepdims=True), -2 * logit_bound, 0)
    trial.gap(
        loss,
        lower_bound,
        consistency.box_minimiser(p, logit_bound).loss,
        margin=1e-4,
        scale=1.0,
        # Some sums over the classes; the margin is 1e9 times as wide as all these roundings.
        ops=50,
        controls={
            "the entropy of $p$, as without a bound on logits": -np.sum(xlogy(p, p), axis=1),
            "$L$ such that the largest logit is $Λ$": -np.sum(
                p * log_softmax(largest_at_bound, axis=1), axis=1
            ),
        },
        instances="search",
    )


def _conic_minimum(p, limit):
    """Return a conic solver's least log loss over logits in [-limit, limit], and a lower bound on
    the least.
    """
    import cvxpy as cp

    logits = cp.Variable(len(p))
    problem = cp.Problem(
        cp.Minimize(cp.log_sum_exp(logits) - p @ logits), [logits <= limit, logits >= -limit]
    )
    problem.solve(solver=cp.CLARABEL)
    inside = np.clip(logits.value, -limit, limit)
    slopes = np.exp(log_softmax(inside)) - p
    loss = -p @ log_softmax(inside)
    # The loss is convex, so it is nowhere below its tangent plane, whose least value in the box is
    # at a corner.
    return loss, loss - slopes @ inside - limit * np.sum(np.abs(slopes))


@claim(
    derived("under this condition some logits in $[-Λ, Λ]$ have the softmax $p$"),
    kind="bound",
    cases=[3, 4, 7],
    route="divergences of drawn distributions by SciPy",
)
def test_hcons_bounded_repaired(
    trial,
    n_classes: Classes,
    logit_bound: Annotated[
        float, Interval(0.1, 300, why="posteriors are floats, regrets above rounding")
    ] = 1.0,
    n_draws: Draws = 20_000,
):
    """Let $p$ be the true distribution of the class at a point, of which no entry exceeds another
    by more than the factor $exp(2 Λ)$, and let $q$ be the softmax of logits in $[-Λ, Λ]$. The
    log-loss regret $KL(p‖q)$ is at least $(p_j + p_k) Ψ((p_j - p_k) / (p_j + p_k))$, where $j$ and
    $k$ are the most probable classes under $p$ and $q$, and
    $Ψ(t) = ((1+t) log(1+t) + (1-t) log(1-t)) / 2$.

    Under the condition some logits in [-Λ, Λ] reach p, so that the regret among all of them is the
    divergence. Without it the regret is less than the divergence, and the bound on it fails for
    three classes and more.
    """
    trial.require(
        n_draws * n_classes <= 2**24,
        "n_draws * n_classes must be at most 2^24: all are held at once",
    )
    rng = trial.generator("draws")
    logits_of_p = logit_bound * rng.uniform(-1, 1, (n_draws, n_classes))
    logits = logit_bound * rng.uniform(-1, 1, (n_draws, n_classes))
    # The bound is attained where q gives the first two classes the same, the wrong one wins by a
    # hair, and all others have the same probability under p and q.
    t = min(np.tanh(logit_bound), 0.98) * np.linspace(0.02, 1, 49)
    extreme = np.full((49, n_classes), -logit_bound)
    extreme[:, 0] = np.log1p(-t)
    extreme[:, 1] = np.log1p(t)
    tie = extreme.copy()
    tie[:, 0] = HAIR
    tie[:, 1] = 0.0
    p = softmax(np.concatenate([logits_of_p, extreme]), axis=1)
    bound_regret(trial, p, np.concatenate([logits, tie]), n_draws)


@claim(
    derived(
        "two logits in $[-Λ, Λ]$ differ by at most $2 Λ$, and logits that differ by no more can "
        "be shifted into it"
    ),
    kind="identity",
    cases=[(3, 1.5), (6, 0.4), (4, 1.0)],
)
def test_hcons_ratio_condition(
    trial,
    n_classes: ManyClasses,
    logit_bound: Annotated[
        float, Interval(0.01, 2, why="above, the search is too coarse to tell what a box costs")
    ],
    n_draws: Annotated[
        int, Interval(8, 1000, why="each of four ranges of log p is tried twice at least")
    ] = 24,
):
    """A distribution $p$ is the softmax of some logits in $[-Λ, Λ]$ if and only if no entry of $p$
    exceeds another by more than the factor $exp(2 Λ)$.

    A search over the logits finds where the least divergence from p is 0.
    """
    uniform = trial.generator("posteriors").uniform(0, 1, (n_draws, n_classes))
    from_zero = uniform - uniform.min(axis=1, keepdims=True)
    # How far the entries of log p lie apart, in units of 2 Λ: above 1 no logits reach p.
    ranges = np.resize([0.5, 0.9, 1.1, 1.6], n_draws)[:, None]
    log_ratios = 2 * logit_bound * ranges * from_zero / np.ptp(uniform, axis=1)[:, None]
    p = softmax(log_ratios, axis=1)
    least = kl_divergence(p, np.array([_best_in_box(row, logit_bound) for row in p]))
    # What is zero is judged beside the divergence with a third of Λ. Where p is out of reach, with
    # a range of 1.1 or 1.6, the least divergence is more than 1e-5 of it.
    third = consistency.box_minimiser(p, logit_bound / 3).logits
    reached = least < 1e-6 * kl_divergence(p, third)
    trial.identity(
        reached.astype(int),
        consistency.ratio_condition(p, logit_bound).astype(int),
        ops=0,
        controls={
            "the factor $exp(Λ)$": consistency.ratio_condition(p, logit_bound / 2).astype(int),
            "no condition on $p$": np.ones(n_draws, int),
        },
        instances="search",
    )


def _best_in_box(p, limit):
    """Return the logits of the least log loss in [-limit, limit], by truncated Newton steps:
    quasi-Newton ones may stop at a bound.
    """
    return minimize(
        lambda h: logsumexp(h) - p @ h,
        np.zeros(len(p)),
        jac=lambda h: softmax(h) - p,
        method="TNC",
        bounds=[(-limit, limit)] * len(p),
        options={"ftol": 1e-15, "gtol": 1e-10, "xtol": 1e-12, "maxfun": 1000},
    ).x


@claim(
    derived("the log odds of the true class are normal, and their mean is half of their variance"),
    kind="identity",
    cases=[0.25, 4.0, 30.0],
    route="an entropy by a trapezoidal rule over the plane against a mean over one variable",
)
def test_bayes_log_loss(
    trial, squared_distance: Annotated[float, Interval(0.1, 50, why="the grid shows the rest")]
):
    """Let two equally likely classes be $N(±d/2, Σ)$, and let $Δ² = d^T Σ^-1 d$. The least mean log
    loss of any rule is $E[log(1 + exp(-Z))]$, where $Z$ is normal with the mean $Δ²/2$ and the
    variance $Δ²$.
    """
    sigma = np.array([[1.0, 0.6], [0.6, 2.0]])
    precision = np.linalg.inv(sigma)
    root = np.linalg.cholesky(sigma)
    along = np.array([1.0, 0.3])
    # The means are ±half, at the distance Δ.
    half = along * np.sqrt(squared_distance / (along @ np.linalg.solve(sigma, along))) / 2

    def log_density(x, centre):
        """Return the log density of N(centre, Σ) at every row of x, up to a constant."""
        return -np.einsum("pi,ij,pj->p", x - centre, precision, x - centre) / 2

    def mean_log_loss(step):
        """Return the mean of -log P(y | x), by the trapezoidal rule in the plane."""
        nodes = np.arange(-9, 9 + step / 2, step)
        noise = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
        masses = np.exp(-(noise**2).sum(axis=1) / 2)
        losses = []
        for centre in (half, -half):
            x = centre + noise @ root.T
            losses.append(np.logaddexp(0, log_density(x, -centre) - log_density(x, centre)))
        return np.mean(losses, axis=0) @ masses / masses.sum()

    coarse = mean_log_loss(0.2)
    fine = mean_log_loss(0.1)
    means = np.stack([-half, half])
    exact = expected_error.bayes_log_loss(means, sigma)
    # The control's expectation, over a standard normal variable.
    nodes = np.arange(-9, 9.05, 0.1)
    masses = np.exp(-(nodes**2) / 2)
    with_quarter = np.logaddexp(0, -squared_distance / 4 - np.sqrt(squared_distance) * nodes)
    trial.value(
        fine,
        exact,
        margin=1e-8 * exact,
        error=abs(fine - coarse) + 1e-12 * exact,
        controls={
            "correlations ignored": expected_error.bayes_log_loss(means, np.diag(sigma)),
            "the mean $Δ² / 4$": with_quarter @ masses / masses.sum(),
        },
    )


def psi(t):
    """Return Ψ(t), without a bound on logits, of a float or of a ball."""
    return ((1 + t) * balls.log1p(t) + (1 - t) * balls.log1p(-t)) / 2


@claim(known("Pinsker's inequality, for two outcomes"), kind="bound")
def test_psi_conjugate__everywhere(trial):
    """Let $Ψ(t) = ((1+t) log(1+t) + (1-t) log(1-t)) / 2$. Then $Ψ(t) >= t²/2 - 1e-15$ for all $t$
    in $[0, .999]$.
    """
    trial.prove(
        lambda t: t**2 / 2,
        psi,
        {"t": (0, 0.999)},
        tolerance=1e-15,
        # t² is at most Ψ(t): both sides are halved.
        controls={"$t²$ for $t² / 2$": lambda t: psi(t) / 2},
        # On floats, the theory computes the same Ψ.
        same_as=(None, consistency.consistency_transform),
    )


@claim(derived("by convexity; ball arithmetic encloses both sides"), kind="bound")
def test_hcons_multiclass__everywhere(trial):
    """Let $Ψ(t) = ((1+t) log(1+t) + (1-t) log(1-t)) / 2$. Then $s Ψ(t) >= Ψ(s t) - 1e-12$ for all
    $t$ in $[0, .99]$ and $s = 1/8, 2/8, …, 1$.

    For s = p_j + p_k and t = (p_j - p_k) / s this weakens the bound for several classes to Ψ(p_j -
    p_k).
    """
    # s is a number of eighths.
    trial.prove(
        lambda t, eighths: psi(Fraction(eighths, 8) * t),
        lambda t, eighths: Fraction(eighths, 8) * psi(t),
        {"t": (0, 0.99), "eighths": range(1, 9)},
        tolerance=1e-12,
        controls={
            "$s³ Ψ(t)$ for $s Ψ(t)$": lambda t, eighths: Fraction(eighths, 8) ** 3 * psi(t),
        },
        # On floats, the theory computes the same Ψ.
        same_as=(
            lambda t, eighths: consistency.consistency_transform(eighths / 8 * t),
            lambda t, eighths: eighths / 8 * consistency.consistency_transform(t),
        ),
    )


def excess_in_set(rng, inputs, norm):
    """Draw probabilities of three classes at every input. Of all linear scores whose coefficients
    are of bounded norm, take those of the least log risk, and those of the least 0-1 risk that a
    search finds. Return by how much the 0-1 risk of the former is larger.
    """
    n_points, dim = inputs.shape
    p = rng.dirichlet(np.full(3, 0.7), n_points)

    def log_risk_and_slope(flat):
        scores = inputs @ flat.reshape(dim, 3)
        slope = inputs.T @ (softmax(scores, axis=1) - p) / n_points
        return np.mean(-np.sum(p * log_softmax(scores, axis=1), axis=1)), slope.ravel()

    found = minimize(
        log_risk_and_slope,
        np.zeros(3 * dim),
        jac=True,
        method="SLSQP",
        constraints=[{"type": "ineq", "fun": lambda w: norm**2 - w @ w, "jac": lambda w: -2 * w}],
        options={"ftol": 1e-13, "maxiter": 500},
    )

    def zero_one_excess(choice):
        """Return by how much the 0-1 risk of chosen classes, one for each input on the last axis,
        is above that of the Bayes rule.
        """
        return np.mean(p.max(axis=1) - p[np.arange(n_points), choice], axis=-1)

    # A positive factor of all scores changes no choice, so that any direction is in the set.
    directions = rng.standard_normal((5000, dim, 3))
    choices = np.einsum("nd,sdk->snk", inputs, directions).argmax(axis=2)
    of_minimiser = zero_one_excess(np.argmax(inputs @ found.x.reshape(dim, 3), axis=1))
    return of_minimiser - min(of_minimiser, zero_one_excess(choices).min())


@claim(
    derived(
        "the minimiser of the log risk in $H$ has no excess log risk in $H$, but may have "
        "excess 0-1 risk"
    ),
    kind="empirical",
    route="log losses and errors of linear scores of bounded norm, by SciPy",
    low_power="each law carries a sign only",
)
def test_hcons_gap(
    trial,
    n_laws: Annotated[int, Interval(160, 500, why="fewer may not tell most of the laws")] = 160,
    norm: Annotated[float, Interval(0.5, 4, why="with more, scores reach every posterior")] = 2.0,
):
    """Draw six equally likely points of the plane and their probabilities of three classes at
    random, and let $H$ hold the affine scores whose coefficients have a norm of at most $B$. Under
    most such laws the minimiser of the log risk in $H$ does not have the least 0-1 risk of $H$.

    The excess of its log risk in H is 0. A bound on the excess 0-1 risk by the excess log risk
    therefore needs the minimisability gaps. With them both sides are means over points of what is
    claimed point by point.
    """
    rng = trial.generator("laws")
    # The coordinates of six points, and a one for the intercept.
    inputs = np.concatenate([rng.standard_normal((n_laws, 6, 2)), np.ones((n_laws, 6, 1))], axis=2)
    excess = np.array([excess_in_set(rng, points, norm) for points in inputs])
    # An input of its own for each point, and a large norm, leave all scores free.
    free = np.array([excess_in_set(rng, np.eye(6), 60.0) for _ in range(n_laws)])
    # What is below 1e-6 counts as no excess.
    trial.runs(excess - 1e-6, alpha=0.001, controls={"$H$ holds all scores": free - 1e-6})


@claim(
    derived("at a given $t$ the least regret is that of two classes whose scores tie"),
    kind="bound",
    cases=[2, 3, 5],
    route="losses of drawn distributions by NumPy",
)
def test_hcons_root_loss(trial, n_classes: Classes, n_draws: Draws = 20_000):
    """Let $p$ be the true and $q$ the predicted distribution of the class $y$ at a point, and let
    $t$ be the 0-1 regret of the most probable class under $q$. The regret of the generalised cross
    entropy $2 (1 - sqrt(q_y))$ is at least $sqrt(2) (sqrt(1 + t²) - 1)$.

    This holds for any number of classes, and two classes attain it.
    """
    p, logits = drawn_distributions(trial.generator("draws"), n_draws, n_classes)
    # The bound is attained where only two classes have a probability, q gives both the same, and
    # the wrong one wins by a hair. Here it is the second.
    extreme = two_of(n_classes, -np.linspace(0.02, 0.98, 49))
    tie = np.zeros((49, n_classes))
    tie[:, 0] = 0.5 - HAIR
    tie[:, 1] = 0.5 + HAIR
    p = np.concatenate([p, extreme])
    q = np.concatenate([softmax(logits, axis=1), tie])
    # The least mean loss is 2 (1 - |p|), at q_y proportional to p_y².
    regret = 2 * (np.linalg.norm(p, axis=1) - np.sum(p * np.sqrt(q), axis=1))
    t = zero_one_regret(p, q)
    bound = np.sqrt(2) * (np.sqrt(1 + t**2) - 1)
    trial.bound(
        bound,
        regret + 10 * HAIR,
        instances="draws",
        independent=n_draws,
        ops=8 * n_classes,
        scale=1.0,
        # The bound with 2 is at most the regret: both sides are divided by sqrt(2).
        controls={"2 for $sqrt(2)$": regret / np.sqrt(2)},
    )
