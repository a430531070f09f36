"""From the logistic loss to the 0-1 loss: the transform Ψ, its multiclass form, and where bounded
logits break it.
"""

from fractions import Fraction
from typing import Annotated, Literal

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax, xlogy

from theory.naive_bayes_vs_logistic import consistency, expected_error
from theory_on_trial import balls, claim, derived
from theory_on_trial.contract import Count, Interval

HAIR = 1e-13
"""By which a wrong class wins a tie; the regret grows by less."""

Classes = Annotated[int, Interval(2, 1000, why="every draw has an entry per class")]
ManyClasses = Annotated[int, Interval(3, 100, why="two classes have no such gap")]
Draws = Annotated[int, Interval(1, 100_000, why="all draws are held at once")]


def kl_divergence(p, logits):
    """KL(p || softmax(logits)) per row and the size of the terms that were subtracted."""
    self_terms = xlogy(p, p)
    cross_terms = p * log_softmax(logits, axis=1)
    return np.sum(self_terms - cross_terms, axis=1), np.sum(
        np.abs(self_terms) + np.abs(cross_terms), axis=1
    )


def top_two(p, logits):
    """The probabilities of the best class a and of the class b that the logits choose."""
    rows = np.arange(len(p))
    return np.max(p, axis=1), p[rows, np.argmax(logits, axis=1)]


def regrets(mass, p, logits):
    """0-1 and log-loss regret on points of probabilities `mass` and posteriors p."""
    best, choice = top_two(p, logits)
    return mass @ (best - choice), max(mass @ kl_divergence(p, logits)[0], 0.0)


LogitBound = Annotated[float, Interval(0.01, 2.5, why="its double differs from it at t = .99")]
Points = Annotated[int, Interval(2, 2000, why="one point shows no factor, and more take minutes")]


@claim(
    derived("the derivative t - tanh λ vanishes at λ = artanh t, which may lie beyond Λ"),
    kind="identity",
    cases=[0.5, 1.0, 2.0, 20],  # tanh(20) = 1 in float64: a larger logit is never the best
)
def test_psi_conjugate(trial, logit_bound: LogitBound | Literal[20], n_points: Points = 60):
    """For 0 <= t < 1, the supremum Ψ(t) of λ t - log cosh λ over 0 <= λ <= Λ is its value at λ =
    min(artanh t, Λ), which is ((1+t) log(1+t) + (1-t) log(1-t)) / 2 if t <= tanh Λ.

    Ψ(t) is the least log-loss regret of two classes with logits in [-Λ, Λ] whose 0-1 regret is t.
    The case Λ = 20 stands for logits without a bound.
    """
    ts = np.linspace(0.01, 0.99, n_points)
    bound = np.inf if logit_bound == 20 else logit_bound
    exact = consistency.consistency_transform(ts, bound)
    controls = {"without the factor 1/2": 2 * exact}
    if logit_bound < 20:
        controls["logits in [-2 Λ, 2 Λ]"] = consistency.consistency_transform(ts, 2 * logit_bound)
    trial.value(
        np.array([_conjugate(t, logit_bound) for t in ts]),
        exact,
        # log cosh has curvature <= 1: a maximiser known to 1e-7 leaves 1e-14, rounding less than 40
        # eps
        error=1e-12,
        margin=1e-9,
        controls=controls,
    )


def _conjugate(t, limit):
    """The largest x t - log cosh x up to the limit, by search."""

    def negative(x):
        return np.logaddexp(x, -x) - np.log(2) - x * t

    best = minimize_scalar(negative, bounds=(0, limit), method="bounded", options={"xatol": 1e-9})
    # The search stays inside the interval: its end is compared too.
    return max(-best.fun, -negative(limit))


def drawn_distributions(rng, n_draws, n_classes):
    """Return distributions from all but certain to all but even, and logits of any size."""
    concentration = np.exp(rng.uniform(np.log(0.05), np.log(5), (n_draws, 1)))
    masses = rng.standard_gamma(np.broadcast_to(concentration, (n_draws, n_classes))) + 1e-12
    logits = rng.standard_normal(masses.shape) * np.exp(rng.uniform(-4, 2, (n_draws, 1)))
    return masses / masses.sum(axis=1, keepdims=True), logits


def bound_regret(trial, p, logits, n_draws):
    """Decide that the log-loss regret of the logits, the first `n_draws` of which are drawn, is at
    least its bound where the posteriors are p.
    """
    regret, scale = kl_divergence(p, logits)
    trial.bound(
        consistency.top_two_kl_bound(p, softmax(logits, axis=1)),
        regret + 10 * HAIR,
        instances="draws",
        independent=n_draws,
        ops=8 * p.shape[1],
        scale=scale,
        controls={"Ψ without its factor 1/2": regret / 2},
    )


@claim(
    derived("KL(p || q) is minimised over all q with q_j <= q_k"),
    kind="bound",
    cases=[2, 3, 5, 10],
    route="divergences of drawn distributions by SciPy",
)
def test_hcons_multiclass(trial, n_classes: Classes, n_draws: Draws = 50_000):
    """Let p be the true and q the predicted distribution of the class at a point, and let j and k
    be the most probable classes under p and q. The log-loss regret KL(p || q) is at least (p_j +
    p_k) Ψ((p_j - p_k) / (p_j + p_k)), where Ψ(t) = ((1+t) log(1+t) + (1-t) log(1-t)) / 2.

    This holds for any number of classes.
    """
    trial.require(
        n_draws * n_classes <= 2**24,
        "n_draws * n_classes must be at most 2^24: all are held at once",
    )
    p, logits = drawn_distributions(trial.generator("draws"), n_draws, n_classes)
    # The extremal pair: the two best classes share their mass evenly, the wrong one wins the tie by
    # a hair.
    t = np.linspace(0.02, 0.98, 49)
    extreme = np.zeros((49, n_classes))
    extreme[:, 0] = (1 - t) / 2
    extreme[:, 1] = (1 + t) / 2
    tie = np.full((49, n_classes), -800.0)
    tie[:, 0] = HAIR
    tie[:, 1] = 0.0
    bound_regret(trial, np.concatenate([p, extreme]), np.concatenate([logits, tie]), n_draws)


@claim(
    derived("the bound Ψ(t) >= t^2 / 2 at each point, and Jensen's inequality"),
    kind="bound",
    route="divergences of drawn problems by SciPy",
)
def test_hcons_sqrt2(trial, n_problems: Count = 4000, most_points: Count = 50):
    """Under a joint distribution of points and classes of finite support, let predicted class
    probabilities have the log-loss regret r, in nats. The 0-1 regret of the most probable predicted
    class is at most sqrt(2 r).
    """
    rng = trial.generator("problems")

    def drawn():
        n_points = int(rng.integers(1, most_points + 1))
        n_classes = int(rng.integers(2, 8))
        p = rng.dirichlet(np.ones(n_classes), n_points)
        noise = rng.standard_normal(p.shape) * np.exp(rng.uniform(np.log(1e-2), np.log(10)))
        centre = np.log(p) if rng.random() < 0.5 else 0
        return regrets(rng.dirichlet(np.ones(n_points)), p, centre + noise)

    def extremal(t):  # one point, an even split, the wrong class chosen by a hair
        return regrets(np.ones(1), np.array([[(1 - t) / 2, (1 + t) / 2]]), np.array([[1e-9, 0.0]]))

    pairs = [drawn() for _ in range(n_problems)] + [extremal(t) for t in np.linspace(0.02, 0.6, 30)]
    excess, regret = np.array(pairs).T
    trial.bound(
        excess,
        consistency.zero_one_regret_bound(regret),
        instances="draws",
        independent=n_problems,
        ops=8 * most_points,
        controls={"sqrt(r), without the factor 2": np.sqrt(regret)},
    )


Box = Annotated[
    float,
    Interval(0.05, 2.5, why="regrets are of the order exp(-4 Λ), which a conic solver must meet"),
]


def two_of(n_classes, gaps):
    """Return posteriors of which two classes have all the mass, the second by a gap t more."""
    p = np.zeros((len(gaps), n_classes))
    p[:, 0] = (1 - gaps) / 2
    p[:, 1] = (1 + gaps) / 2
    return p


@claim(
    derived("up to this t the logits (Λ, Λ, -Λ, …) meet the Karush-Kuhn-Tucker conditions"),
    kind="identity",
    cases=[(3, 0.5), (3, 1.0), (4, 0.5), (6, 1.0)],
    route="the loss of the best split of two classes, by a divergence",
)
def test_hcons_bounded_fails(trial, n_classes: ManyClasses, logit_bound: Box):
    """Let K >= 3 classes have logits in [-Λ, Λ], and at a point the probabilities ((1 - t)/2, (1 +
    t)/2, 0, …). The logits (Λ, Λ, -Λ, …) have the least log loss of all exactly for t <= ρ / (2 +
    ρ), where ρ = (K - 2) exp(-2 Λ).

    The wrong first class may win their tie: the log-loss regret can vanish where the 0-1 regret is
    t.
    """
    spill = np.exp(-2 * logit_bound)
    tie = consistency.box_tie_threshold(n_classes, logit_bound)
    # Up to this gap the best logit of the second class is inside the box.
    last = (1 + (n_classes - 3) * spill) / (1 + (n_classes - 1) * spill)
    gaps = np.array([0.3 * tie, 0.9 * tie, tie + 0.1 * (last - tie), tie + 0.5 * (last - tie)])
    p = two_of(n_classes, gaps)
    corner = np.full(p.shape, -logit_bound)
    corner[:, :2] = logit_bound
    # Beyond the threshold: the best class has Λ, the others share what is left.
    share = 1 / (2 + (n_classes - 2) * spill)
    second = np.stack([p[:, 0], 1 - p[:, 0]], axis=1)
    beyond = kl_divergence(second, np.log([[share, 1 - share]] * len(gaps)))[0]
    trial.identity(
        np.where(gaps > tie, beyond, 0.0),
        consistency.conditional_regret(corner, p, logit_bound),
        # NumPy adds at most 100 classes in pairs, in 18 roundings: twice for a loss, and ten more.
        ops=50,
        scale=1 + np.log(n_classes),
        controls={
            "Ψ_Λ(t), as for two classes": consistency.consistency_transform(gaps, logit_bound)
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
    """Let p be a distribution over K classes. Of all logits h in [-Λ, Λ] those with h_k = log p_k +
    L, clipped to [-Λ, Λ], have the least log loss -sum_k p_k log(exp(h_k) / sum_j exp(h_j)), where
    L is such that sum_k exp(h_k) = exp(L).

    A conic solver and a lower bound from its gradient enclose the least loss.
    """
    rng = trial.generator("posteriors")
    drawn = softmax(3 * logit_bound * rng.standard_normal((n_draws, n_classes)), axis=1)
    p = np.concatenate([two_of(n_classes, np.array([0.02, 0.2, 0.6])), drawn])
    primal, dual = np.array([_conic_minimum(row, logit_bound) for row in p]).T
    with np.errstate(divide="ignore"):
        log_p = np.log(p)
    unclipped = np.clip(log_p - log_p.max(axis=1, keepdims=True), -2 * logit_bound, 0)
    trial.gap(
        primal,
        dual,
        consistency.box_minimiser(p, logit_bound).loss,
        margin=1e-4,
        scale=1.0,
        # Some sums over the classes; the margin is 1e9 times as wide as all these roundings.
        ops=50,
        controls={
            "the entropy of p, as without a bound on logits": -np.sum(xlogy(p, p), axis=1),
            "L such that the largest logit is Λ": -np.sum(
                p * log_softmax(unclipped, axis=1), axis=1
            ),
        },
    )


def _conic_minimum(p, limit):
    """A conic solver's least log loss in the box, and a lower bound on it: the best that the
    gradient there allows.
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
    return loss, loss - slopes @ inside - limit * np.sum(np.abs(slopes))


@claim(
    derived("under this condition some logits in [-Λ, Λ] have the softmax p"),
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
    """Let p be the true distribution of the class at a point, of which no entry exceeds another by
    more than the factor exp(2 Λ), and let q be the softmax of logits in [-Λ, Λ]. The log-loss
    regret KL(p || q) is at least (p_j + p_k) Ψ((p_j - p_k) / (p_j + p_k)), where j and k are the
    most probable classes under p and q, and Ψ(t) = ((1+t) log(1+t) + (1-t) log(1-t)) / 2.

    Without the condition on p this fails for three classes and more.
    """
    trial.require(
        n_draws * n_classes <= 2**24,
        "n_draws * n_classes must be at most 2^24: all are held at once",
    )
    rng = trial.generator("draws")
    log_p, logits = logit_bound * rng.uniform(-1, 1, (2, n_draws, n_classes))
    # The extremal pair: the two best classes share their mass evenly, all others get what they
    # should.
    t = min(np.tanh(logit_bound), 0.98) * np.linspace(0.02, 1, 49)
    extreme = np.full((49, n_classes), -logit_bound)
    extreme[:, 0] = np.log1p(-t)
    extreme[:, 1] = np.log1p(t)
    tie = extreme.copy()
    tie[:, 0] = HAIR
    tie[:, 1] = 0.0
    p = softmax(np.concatenate([log_p, extreme]), axis=1)
    bound_regret(trial, p, np.concatenate([logits, tie]), n_draws)


@claim(
    derived(
        "two logits in [-Λ, Λ] differ by at most 2 Λ, and logits that differ by no more can "
        "be shifted into it"
    ),
    kind="identity",
    cases=[(3, 1.5), (6, 0.4), (4, 1.0)],
)
def test_hcons_ratio_condition(
    trial,
    n_classes: ManyClasses,
    logit_bound: Annotated[
        float, Interval(0.01, 2, why="beyond, the search's gap shows beside what a box costs")
    ],
    n_draws: Annotated[
        int, Interval(8, 1000, why="four ranges, twice at least; each is searched")
    ] = 24,
):
    """A distribution p is the softmax of some logits in [-Λ, Λ] if and only if no entry of p
    exceeds another by more than the factor exp(2 Λ).

    A search over the logits finds where the least divergence from p is 0.
    """
    uniform = trial.generator("posteriors").uniform(0, 1, (n_draws, n_classes))
    from_zero = uniform - uniform.min(axis=1, keepdims=True)
    shares_of_range = np.resize([0.5, 0.9, 1.1, 1.6], n_draws)[:, None]
    log_ratios = 2 * logit_bound * shares_of_range * from_zero / np.ptp(uniform, axis=1)[:, None]
    p = softmax(log_ratios, axis=1)
    least = kl_divergence(p, np.array([_best_in_box(row, logit_bound) for row in p]))[0]
    # A tenth of the range beyond the box costs more than 1e-5 of what a third of Λ costs.
    third = consistency.box_minimiser(p, logit_bound / 3).logits
    reached = least < 1e-6 * kl_divergence(p, third)[0]
    trial.identity(
        reached.astype(int),
        consistency.ratio_condition(p, logit_bound).astype(int),
        ops=0,
        controls={
            "the factor exp(Λ)": consistency.ratio_condition(p, logit_bound / 2).astype(int),
            "no condition on p": np.ones(n_draws, int),
        },
    )


def _best_in_box(p, limit):
    """The logits of the least log loss in the box, by truncated Newton steps: quasi-Newton ones may
    stop at a bound.
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
    """Let two equally likely classes be N(±d/2, Σ), and let Δ² = d^T Σ^-1 d. The least mean log
    loss of any rule is E[log(1 + exp(-Z))], where Z is normal with the mean Δ²/2 and the variance
    Δ².
    """
    sigma = np.array([[1.0, 0.6], [0.6, 2.0]])
    along = np.array([1.0, 0.3])
    half = along * np.sqrt(squared_distance / (along @ np.linalg.solve(sigma, along))) / 2
    precision = np.linalg.inv(sigma)
    root = np.linalg.cholesky(sigma)

    def entropy(step):
        """The mean over the plane of -log P(y | x), by the trapezoidal rule in each class."""
        nodes = np.arange(-9, 9 + step / 2, step)
        noise = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
        masses = np.exp(-(noise**2).sum(axis=1) / 2)

        def log_density(x, centre):
            return -np.einsum("pi,ij,pj->p", x - centre, precision, x - centre) / 2

        losses = []
        for centre in (half, -half):
            x = centre + noise @ root.T
            losses.append(np.logaddexp(0, log_density(x, -centre) - log_density(x, centre)))
        return np.mean(losses, axis=0) @ masses / masses.sum()

    coarse = entropy(0.2)
    fine = entropy(0.1)
    means = np.stack([-half, half])
    exact = expected_error.bayes_log_loss(means, sigma)
    nodes = np.arange(-9, 9.05, 0.1)
    masses = np.exp(-(nodes**2) / 2)
    of_quarter = np.logaddexp(0, -squared_distance / 4 - np.sqrt(squared_distance) * nodes)
    trial.value(
        fine,
        exact,
        margin=1e-8 * exact,
        error=abs(fine - coarse) + 1e-12 * exact,
        controls={
            "correlations ignored": expected_error.bayes_log_loss(means, np.diag(sigma)),
            "the mean Δ² / 4": of_quarter @ masses / masses.sum(),
        },
    )


@claim(derived("ball arithmetic encloses both sides on small intervals of t"), kind="bound")
def test_psi_conjugate__everywhere(trial):
    """Let Ψ(t) = ((1+t) log(1+t) + (1-t) log(1-t)) / 2. Then Ψ(t) >= t²/2 - 1e-15 for all t in
    [0, .999].
    """
    trial.prove(
        lambda t: t**2 / 2,
        psi,
        {"t": (0, 0.999)},
        tolerance=1e-15,
        controls={"t² for t² / 2": lambda t: psi(t) / 2},
        same_as=(None, consistency.consistency_transform),
    )


@claim(derived("ball arithmetic encloses both sides on small intervals of t"), kind="bound")
def test_hcons_multiclass__everywhere(trial):
    """Let Ψ(t) = ((1+t) log(1+t) + (1-t) log(1-t)) / 2. Then s Ψ(t) >= Ψ(s t) - 1e-12 for all t in
    [0, .99] and s = 1/8, 2/8, …, 1.

    For s = p_j + p_k and t = (p_j - p_k) / s this weakens the bound for several classes to Ψ(p_j -
    p_k).
    """

    def middle(t, eighths):
        return Fraction(eighths, 8) * psi(t)

    trial.prove(
        lambda t, eighths: psi(Fraction(eighths, 8) * t),
        middle,
        {"t": (0, 0.99), "eighths": range(1, 9)},
        tolerance=1e-12,
        controls={
            "s³ Ψ(t) for s Ψ(t)": lambda t, eighths: Fraction(eighths, 8) ** 3 * psi(t),
        },
        same_as=(
            lambda t, eighths: consistency.consistency_transform(eighths / 8 * t),
            lambda t, eighths: eighths / 8 * consistency.consistency_transform(t),
        ),
    )


def psi(t):
    """The transform Ψ, of floats and of balls."""
    return ((1 + t) * balls.log1p(t) + (1 - t) * balls.log1p(-t)) / 2


def excess_in_set(rng, inputs, norm):
    """By how much the 0-1 risk of the log loss' minimiser, among linear scores of bounded norm,
    exceeds the least of the set that a search finds, under a drawn law of three classes.
    """
    n_points, dim = inputs.shape
    p = rng.dirichlet(np.full(3, 0.7), n_points)

    def risk(flat):
        scores = inputs @ flat.reshape(dim, 3)
        slope = inputs.T @ (softmax(scores, axis=1) - p) / n_points
        return np.mean(-np.sum(p * log_softmax(scores, axis=1), axis=1)), slope.ravel()

    ball = {"type": "ineq", "fun": lambda w: norm**2 - w @ w, "jac": lambda w: -2 * w}
    options = {"ftol": 1e-13, "maxiter": 500}
    found = minimize(
        risk, np.zeros(3 * dim), jac=True, method="SLSQP", constraints=[ball], options=options
    )

    def error(choice):
        return np.mean(p.max(axis=1) - p[np.arange(n_points), choice], axis=-1)

    # 0-1 risks do not know the norm: any direction is in the set.
    others = np.einsum("nd,sdk->snk", inputs, rng.standard_normal((5000, dim, 3)))
    mine = error(np.argmax(inputs @ found.x.reshape(dim, 3), axis=1))
    return mine - min(mine, error(others.argmax(axis=2)).min())


@claim(
    derived(
        "the minimiser of the log risk in H has no excess log risk in H, but may have excess "
        "0-1 risk"
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
    random, and let H hold the affine scores whose coefficients have a norm of at most B. Under most
    such laws the minimiser of the log risk in H does not have the least 0-1 risk of H.

    The excess of its log risk in H is 0. A bound on the excess 0-1 risk by the excess log risk
    therefore needs the minimisability gaps. With them both sides are means over points of what is
    claimed point by point.
    """
    rng = trial.generator("laws")
    planes = np.concatenate([rng.standard_normal((n_laws, 6, 2)), np.ones((n_laws, 6, 1))], axis=2)
    excess = np.array([excess_in_set(rng, plane, norm) for plane in planes])
    free = np.array([excess_in_set(rng, np.eye(6), 60.0) for _ in range(n_laws)])
    trial.runs(excess - 1e-6, alpha=0.001, controls={"H holds all scores": free - 1e-6})


@claim(
    derived("at a given t the least regret is that of two classes whose scores tie"),
    kind="bound",
    cases=[2, 3, 5],
    route="losses of drawn distributions by NumPy",
)
def test_hcons_root_loss(trial, n_classes: Classes, n_draws: Draws = 20_000):
    """Let p be the true and q the predicted distribution of the class y at a point, and let t be
    the 0-1 regret of the most probable class under q. The regret of the generalised cross entropy 2
    (1 - sqrt(q_y)) is at least sqrt(2) (sqrt(1 + t²) - 1).

    This holds for any number of classes, and two classes attain it.
    """
    p, logits = drawn_distributions(trial.generator("draws"), n_draws, n_classes)
    t = np.linspace(0.02, 0.98, 49)
    extreme = two_of(n_classes, -t)
    tie = np.zeros((49, n_classes))
    tie[:, :2] = 0.5 - HAIR, 0.5 + HAIR
    p = np.concatenate([p, extreme])
    q = np.concatenate([softmax(logits, axis=1), tie])
    regret = 2 * (np.linalg.norm(p, axis=1) - np.sum(p * np.sqrt(q), axis=1))
    best, choice = top_two(p, q)
    gap = best - choice
    bound = np.sqrt(2) * (np.sqrt(1 + gap**2) - 1)
    trial.bound(
        bound,
        regret + 10 * HAIR,
        instances="draws",
        independent=n_draws,
        ops=8 * n_classes,
        scale=1.0,
        controls={"2 for sqrt(2)": regret / np.sqrt(2)},
    )
