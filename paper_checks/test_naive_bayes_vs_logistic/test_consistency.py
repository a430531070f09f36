"""From the logistic loss to the 0-1 loss: the transform Psi, its multiclass form, and where bounded logits break it."""

import numpy as np

from paper_checks.test_naive_bayes_vs_logistic import ABSTRACT, DERIVED
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial import claim, ours


def kl_divergence(p, logits):
    """KL(p || softmax(logits)) per row and the size of the terms that were subtracted."""
    from scipy.special import log_softmax, xlogy

    own, other = xlogy(p, p), p * log_softmax(logits, axis=1)
    return np.sum(own - other, axis=1), np.sum(np.abs(own) + np.abs(other), axis=1)


def top_two(p, logits):
    """The probabilities of the best class a and of the class b that the logits choose."""
    rows = np.arange(len(p))
    return np.max(p, axis=1), p[rows, np.argmax(logits, axis=1)]


@claim(ours(ABSTRACT), kind="identity")
def test_psi_conjugate(trial, n_points=60, bounds=(0.5, 1.0, 2.0)):
    """Psi(t) = ((1+t) log(1+t) + (1-t) log(1-t)) / 2 is the conjugate of log cosh, also with bounded logits."""
    from scipy.optimize import minimize_scalar

    ts = np.linspace(0.01, 0.99, n_points)
    limits = np.array([*bounds, 20.0])  # tanh(20) = 1 in float64: no logit beyond is ever the best

    def conjugate(t, limit):
        best = minimize_scalar(
            lambda x: np.logaddexp(x, -x) - np.log(2) - x * t,
            bounds=(0, limit),
            method="bounded",
            options={"xatol": 1e-9},
        )
        # The search stays inside the interval: its ends are compared too.
        return max(-best.fun, limit * t - np.logaddexp(limit, -limit) + np.log(2))

    found = np.array([[conjugate(t, limit) for t in ts] for limit in limits])
    psi = np.stack([predicted.consistency_transform(ts, limit) for limit in (*bounds, np.inf)])
    trial.value(
        found,
        psi,
        error=1e-12,  # log cosh has curvature <= 1: a maximiser known to 1e-7 leaves 1e-14, rounding less than 40 eps
        margin=1e-9,
        controls={
            "1/2 dropped": 2 * psi,
            "2 Lambda": np.stack([predicted.consistency_transform(ts, limit) for limit in (*2 * limits[:-1], np.inf)]),
        },
    )
    inverse = np.stack(
        [predicted.consistency_transform_inverse(row, limit) for row, limit in zip(psi, (*bounds, np.inf), strict=True)]
    )
    # Psi is as flat as t^2 / 2, so that an error of Psi grows by 1 / t <= 100 in t.
    trial.value(inverse, np.broadcast_to(ts, inverse.shape), error=1e-12, margin=1e-9, controls={"t / 2": ts / 2})
    trial.bound(ts**2 / 2, psi[-1], found_by="search", ops=10, controls={"half of Psi": psi[-1] / 2})


@claim(ours(ABSTRACT), kind="bound")
def test_hcons_multiclass(trial, class_counts=(2, 3, 5, 10), n_draws=50_000):
    """The logistic regret is at least (p_a + p_b) Psi((p_a - p_b) / (p_a + p_b)) >= Psi(p_a - p_b), for any K."""
    from scipy.special import softmax

    rng = trial.generator("draws")
    for n_classes in class_counts:
        concentration = np.exp(rng.uniform(np.log(0.05), np.log(5), (n_draws, 1)))
        gammas = rng.standard_gamma(np.broadcast_to(concentration, (n_draws, n_classes))) + 1e-12
        p = gammas / gammas.sum(axis=1, keepdims=True)
        logits = rng.standard_normal(p.shape) * np.exp(rng.uniform(-4, 2, (n_draws, 1)))
        # The extremal pair: the two best classes share their mass evenly, the wrong one wins the tie by a hair.
        t = np.linspace(0.02, 0.98, 49)
        extreme = np.zeros((49, n_classes))
        extreme[:, 0], extreme[:, 1] = (1 - t) / 2, (1 + t) / 2
        split = np.full((49, n_classes), -800.0)
        split[:, 0], split[:, 1] = 1e-13, 0.0
        p, logits = np.concatenate([p, extreme]), np.concatenate([logits, split])
        regret, scale = kl_divergence(p, logits)
        best, chosen = top_two(p, logits)
        middle = predicted.top_two_kl_bound(p, softmax(logits, axis=1))
        weakest = predicted.consistency_transform(best - chosen)
        options = {"found_by": "draws", "ops": 8 * n_classes, "scale": scale}
        # The hair of 1e-13 in the logits costs as much in the regret.
        trial.bound(middle, regret + 1e-12, controls={"twice Psi": regret / 2}, **options)
        trial.bound(weakest, middle, controls={"twice Psi": middle / 2}, **options)


@claim(ours(ABSTRACT), kind="bound")
def test_hcons_sqrt2(trial, n_problems=4000, most_points=50):
    """The 0-1 regret is at most the square root of twice the logistic regret, on any distribution of finite support."""
    rng = trial.generator("problems")
    excess, bound, narrow = [], [], []

    def judge(mass, p, logits):
        regret = float(mass @ kl_divergence(p, logits)[0])
        best, chosen = top_two(p, logits)
        excess.append(float(mass @ (best - chosen)))
        bound.append(float(predicted.zero_one_regret_bound(max(regret, 0.0))))
        narrow.append(np.sqrt(max(regret, 0.0)))

    for _ in range(n_problems):
        shape = (int(rng.integers(1, most_points + 1)), int(rng.integers(2, 8)))
        p = rng.dirichlet(np.ones(shape[1]), shape[0])
        noise = rng.standard_normal(shape) * np.exp(rng.uniform(np.log(1e-2), np.log(10)))
        judge(rng.dirichlet(np.ones(shape[0])), p, noise + (np.log(p) if rng.random() < 0.5 else 0))
    for t in np.linspace(0.02, 0.6, 30):  # one point, an even split, the wrong class chosen by a hair
        judge(np.ones(1), np.array([[(1 - t) / 2, (1 + t) / 2]]), np.array([[1e-9, 0.0]]))
    trial.bound(excess, bound, found_by="draws", ops=8 * most_points, controls={"constant 1": np.array(narrow)})


@claim(ours(f"{DERIVED}: the condition that a bound for bounded logits needs"), kind="optimality")
def test_hcons_bounded_fails(trial, settings=((3, 0.5), (3, 1.0), (4, 0.5), (6, 1.0)), beyond=1.05):
    """With K >= 3 classes and logits in a box the logistic regret can vanish where the 0-1 regret does not."""
    import cvxpy as cp

    shares, solved, closed, free = [], [], [], []
    for n_classes, limit in settings:
        for share in (0.3, 0.9, beyond):
            t = share * predicted.box_tie_threshold(n_classes, limit)
            p = np.zeros(n_classes)
            p[:2] = (1 - t) / 2, (1 + t) / 2
            logits = cp.Variable(n_classes)
            loss = cp.log_sum_exp(logits) - p @ logits
            problem = cp.Problem(cp.Minimize(loss), [logits <= limit, logits >= -limit])
            problem.solve(solver=cp.CLARABEL)
            shares.append((n_classes, limit, t, p))
            solved.append(problem.value)
            closed.append(predicted.box_minimiser(p, limit).loss)
            free.append(float(-np.sum(p[:2] * np.log(p[:2]))))
    # A conic solver asked for 1e-8 delivers a duality gap of that size.
    trial.value(
        np.array(solved), np.array(closed), error=5e-8, margin=1e-6, controls={"logits unbounded": np.array(free)}
    )

    # The wrong class wins by the tie at the corner (Lambda, Lambda, -Lambda, ...): its regret, in float64.
    regrets, transform = [], []
    for n_classes, limit, t, p in shares:
        corner = np.full(n_classes, -limit)
        corner[:2] = limit
        regrets.append(float(predicted.conditional_regret(corner, p, limit)))
        transform.append(float(predicted.consistency_transform(t, limit)))
    tied = np.array([t < predicted.box_tie_threshold(k, limit) for k, limit, t, _ in shares])
    trial.identity(
        np.array(regrets)[tied], np.zeros(tied.sum()), ops=50, controls={"Psi_Lambda(t)": np.array(transform)[tied]}
    )
    # Beyond the threshold the tie is no minimiser, but its regret stays far below what the transform asks for.
    trial.bound(
        np.full((~tied).sum(), 1e-7),
        np.array(regrets)[~tied],
        found_by="all",
        ops=50,
        scale=1.0,
        controls={"no regret": np.zeros((~tied).sum())},
    )
    # Two classes: the same construction costs exactly Psi_Lambda(t).
    ts = np.linspace(0.05, 0.95, 19)
    pairs = np.stack([(1 - ts) / 2, (1 + ts) / 2], axis=1)
    cost = np.array([float(predicted.conditional_regret(np.full(2, 0.5), pair, 0.5)) for pair in pairs])
    exact = predicted.consistency_transform(ts, 0.5)
    trial.identity(
        cost, exact, ops=50, controls={"no regret": np.zeros(19), "Psi": predicted.consistency_transform(ts)}
    )


@claim(ours(f"{DERIVED}: the ratio condition"), kind="bound")
def test_hcons_bounded_repaired(trial, class_counts=(3, 4, 7), limit=1.0, n_draws=20_000):
    """Where no posteriors differ by more than the factor exp(2 Lambda) the bound holds for bounded logits, any K."""
    from scipy.special import softmax

    rng = trial.generator("draws")
    for n_classes in class_counts:
        log_p = limit * rng.uniform(-1, 1, (n_draws, n_classes))
        logits = limit * rng.uniform(-1, 1, (n_draws, n_classes))
        # The extremal pair: the two best classes share their mass evenly, all others get what they should.
        t = np.linspace(0.02, np.tanh(limit), 49)
        extreme = np.full((49, n_classes), -limit)
        extreme[:, 0], extreme[:, 1] = np.log1p(-t), np.log1p(t)
        split = extreme.copy()
        split[:, 0], split[:, 1] = 1e-13, 0.0
        log_p, logits = np.concatenate([log_p, extreme]), np.concatenate([logits, split])
        p = np.exp(log_p) / np.sum(np.exp(log_p), axis=1, keepdims=True)
        if not np.all(predicted.ratio_condition(p[:n_draws], limit)):
            raise ValueError("the drawn posteriors must satisfy the ratio condition")
        regret, scale = kl_divergence(p, logits)
        trial.bound(
            predicted.top_two_kl_bound(p, softmax(logits, axis=1)),
            regret + 1e-12,
            found_by="draws",
            ops=8 * n_classes,
            scale=scale,
            controls={"twice Psi": regret / 2},
        )
