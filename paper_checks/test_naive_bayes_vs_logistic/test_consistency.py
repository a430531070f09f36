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
    derived("Legendre: the maximiser is artanh t, or the bound if larger"),
    kind="identity",
    cases=[0.5, 1.0, 2.0, 20],  # tanh(20) = 1 in float64: a larger logit is never the best
)
def test_psi_conjugate(trial, logit_bound: LogitBound | Literal[20], n_points: Points = 60):
    """The least log-loss regret of two classes of 0-1 regret t with logits in [-Λ, Λ] is the
    conjugate Ψ(t) = sup_{0 <= λ <= Λ} (λ t - log cosh λ); without a bound, from Λ = 20 on, it is
    ((1+t) log(1+t) + (1-t) log(1-t)) / 2.
    """
    ts = np.linspace(0.01, 0.99, n_points)
    bound = np.inf if logit_bound == 20 else logit_bound
    exact = consistency.consistency_transform(ts, bound)
    controls = {"1/2 dropped": 2 * exact}
    if logit_bound < 20:
        controls["2 Λ"] = consistency.consistency_transform(ts, 2 * logit_bound)
    trial.value(
        np.array([_conjugate(t, logit_bound) for t in ts]),
        exact,
        # log cosh has curvature <= 1: a maximiser known to 1e-7 leaves 1e-14, rounding less than 40
        # eps
        error=1e-12,
        margin=1e-9,
        controls=controls,
    )


@claim(
    derived("Ψ rises, so that its inverse bounds the 0-1 regret"),
    kind="identity",
    cases=[0.5, 1.0, 2.0],
    route="the conjugate by search, at the inverse",
)
def test_psi_conjugate__inverse(trial, logit_bound: LogitBound, n_points: Points = 60):
    """Γ(z), the largest t with Ψ(t) <= z, is the t at which the conjugate of log cosh on [0, Λ],
    found by search, is z.
    """
    ts = np.linspace(0.01, 0.99, n_points)
    regrets = np.array([_conjugate(t, logit_bound) for t in ts])
    trial.value(
        ts,
        consistency.consistency_transform_inverse(regrets, logit_bound),
        error=1e-10,  # Ψ is as flat as t² / 2: an error of 1e-12 grows by 1 / t <= 100
        margin=1e-9,
        controls={"sqrt(2 z), from Ψ >= t² / 2": np.sqrt(2 * regrets)},
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
        controls={"twice Ψ": regret / 2},
    )


@claim(
    derived("the least KL(p || q) with q_a <= q_b"),
    kind="bound",
    cases=[2, 3, 5, 10],
    route="divergences of drawn distributions by SciPy",
)
def test_hcons_multiclass(trial, n_classes: Classes, n_draws: Draws = 50_000):
    """For any number of classes the log-loss regret KL(p || q) is at least
    (p_a + p_b) Ψ((p_a - p_b) / (p_a + p_b)), a the most probable class of p and b that of q.
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
    derived("Ψ(t) >= t^2 / 2, and Jensen"),
    kind="bound",
    route="divergences of drawn problems by SciPy",
)
def test_hcons_sqrt2(trial, n_problems: Count = 4000, most_points: Count = 50):
    """The 0-1 regret is at most the square root of twice the logistic regret, on any distribution
    of finite support.
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
        controls={"without the factor 2": np.sqrt(regret)},
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
    derived("the corner (Λ, Λ, -Λ, …) meets the Karush-Kuhn-Tucker conditions up to the threshold"),
    kind="identity",
    cases=[(3, 0.5), (3, 1.0), (4, 0.5), (6, 1.0)],
    route="the loss of the best split of two classes, by a divergence",
)
def test_hcons_bounded_fails(trial, n_classes: ManyClasses, logit_bound: Box):
    """With K >= 3 classes and logits in [-Λ, Λ] the log-loss regret can vanish where the 0-1 regret
    t does not: of the posterior ((1 - t)/2, (1 + t)/2, 0, …) the corner (Λ, Λ, -Λ, …), where the
    wrong class wins the tie, has regret 0 up to t = ρ / (2 + ρ), ρ = (K - 2) exp(-2 Λ).
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
        ops=50,
        scale=1 + np.log(n_classes),
        controls={
            "Ψ_Λ(t), as for two classes": consistency.consistency_transform(gaps, logit_bound)
        },
    )


@claim(
    derived("Karush-Kuhn-Tucker: log p_k plus a constant, clipped to the box"),
    kind="optimality",
    cases=[(3, 0.5), (4, 1.0), (6, 1.0)],
)
def test_hcons_bounded_fails__minimum(
    trial, n_classes: ManyClasses, logit_bound: Box, n_draws: Draws = 8
):
    """The least log loss with logits h in [-Λ, Λ] is that of h_k = log p_k + L, clipped to the box,
    where Σ_k exp(h_k) = exp(L): a conic solver and a lower bound from its gradient enclose it.
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
        ops=50,
        controls={
            "logits unbounded": -np.sum(xlogy(p, p), axis=1),
            "clipped from the largest": -np.sum(p * log_softmax(unclipped, axis=1), axis=1),
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
    derived("within the ratio condition bounded logits reach the posterior"),
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
    """Where no posteriors differ by more than the factor exp(2 Λ) the bound holds for bounded
    logits, any K.
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
    derived("logits of a box differ by at most 2 Λ, all such fit"),
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
    """Logits in [-Λ, Λ] reach a posterior exactly where no entry exceeds another by more than the
    factor exp(2 Λ): there, and nowhere else, a search in the box finds a divergence of 0.
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
            "any posterior": np.ones(n_draws, int),
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
    derived("log odds of normal classes are normal, mean half the variance"),
    kind="identity",
    cases=[0.25, 4.0, 30.0],
    route="an entropy by a trapezoidal rule over the plane against a mean over one variable",
)
def test_bayes_log_loss(
    trial, squared_distance: Annotated[float, Interval(0.1, 50, why="the grid shows the rest")]
):
    """The least log loss of two Gaussian classes is the entropy of the class at a point, a mean
    over Δ alone.
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
    controls = {
        "variances alone": expected_error.bayes_log_loss(means, np.diag(sigma)),
        "a quarter of the variance as mean": float(
            expected_error.expected_log_loss(squared_distance / 4, float(np.sqrt(squared_distance)))
        ),
    }
    trial.value(
        fine,
        exact,
        margin=1e-8 * exact,
        error=abs(fine - coarse) + 1e-12 * exact,
        controls=controls,
    )


@claim(derived("boxes of t, each enclosed"), kind="bound")
def test_psi_conjugate__everywhere(trial):
    """Ψ(t) = ((1+t) log(1+t) + (1-t) log(1-t)) / 2 >= t²/2 for all t in [0, .999], to 1e-15."""
    trial.prove(
        lambda t: t**2 / 2,
        psi,
        {"t": (0, 0.999)},
        tolerance=1e-15,
        controls={"t² for t² / 2": lambda t: psi(t) / 2},
        same_as=(None, consistency.consistency_transform),
    )


@claim(derived("boxes of t, each enclosed"), kind="bound")
def test_hcons_multiclass__everywhere(trial):
    """(p_a + p_b) Ψ((p_a - p_b) / (p_a + p_b)) >= Ψ(p_a - p_b) for all t = (p_a - p_b) / (p_a +
    p_b) in [0, .99] and p_a + p_b = 1/8, 2/8, …, 1, to 1e-12.
    """

    def middle(t, eighths):
        return Fraction(eighths, 8) * psi(t)

    trial.prove(
        lambda t, eighths: psi(Fraction(eighths, 8) * t),
        middle,
        {"t": (0, 0.99), "eighths": range(1, 9)},
        tolerance=1e-12,
        controls={
            "the cube of the mass": lambda t, eighths: Fraction(eighths, 8) ** 3 * psi(t),
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
    derived("at the minimiser of the log risk in the set its excess is 0"),
    kind="empirical",
    route="log losses and errors of linear scores of bounded norm, by SciPy",
    low_power="each law carries a sign only",
)
def test_hcons_gap(
    trial,
    n_laws: Annotated[int, Interval(160, 500, why="fewer may not tell most of the laws")] = 160,
    norm: Annotated[float, Interval(0.5, 4, why="with more, scores reach every posterior")] = 2.0,
):
    """A bound on the 0-1 risk by the log risk, both beyond the least of a set of hypotheses, needs
    the minimisability gaps: for linear scores of bounded norm on six points of the plane the log
    loss' minimiser, whose excess is 0, does not have the least 0-1 risk of the set under most laws.

    With the gaps both sides are means over points of what is claimed point by point.
    """
    rng = trial.generator("laws")
    planes = np.concatenate([rng.standard_normal((n_laws, 6, 2)), np.ones((n_laws, 6, 1))], axis=2)
    excess = np.array([excess_in_set(rng, plane, norm) for plane in planes])
    free = np.array([excess_in_set(rng, np.eye(6), 60.0) for _ in range(n_laws)])
    trial.runs(excess - 1e-6, alpha=0.001, controls={"scores of any kind": free - 1e-6})


@claim(
    derived("the closest pair is two classes, whose scores tie"),
    kind="bound",
    cases=[2, 3, 5],
    route="losses of drawn distributions by NumPy",
)
def test_hcons_root_loss(trial, n_classes: Classes, n_draws: Draws = 20_000):
    """For the generalised cross entropy 2 (1 - sqrt(q_y)) the regret is at least sqrt(2) (sqrt(1 +
    t²) - 1), t the 0-1 regret, for any number of classes, and two classes attain it.
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
