"""Which learner is ahead at which sample size: two regimes, real data, and what the logistic loss
guarantees.
"""

from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr, ndtri

from paper_checks.test_naive_bayes_vs_logistic import equicorrelated, half_informative, two_classes
from paper_checks.test_naive_bayes_vs_logistic.test_consistency import regrets
from sims.naive_bayes_vs_logistic import data, lda, learning_curves, logistic
from theory.naive_bayes_vs_logistic import consistency, expected_error, linear_rules
from theory_on_trial import claim, derived
from theory_on_trial.base.mapping import map_cells, quick_map
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bounded, RatioOfMeans


def lead_of_naive_bayes(correlation, sizes, n_features=20):
    """A simulator of error(logistic) - error(naive Bayes) at every size, on the same training
    sets.
    """
    means = half_informative(n_features)
    sigma = equicorrelated(n_features, correlation)

    def measure(key):
        errors = learning_curves.paired_errors(
            key, sizes, means, sigma, max_samples=sizes[-1], tolerance=1e-6
        )
        return errors[:, 1] - errors[:, 0]

    return measure


FAVOUR = {"naive Bayes": 1, "logistic regression": -1}
"""The sign of the lead of naive Bayes."""


def decide_leads(trial, lead, few, many, control_processes=None, **sampling):
    """Decide who is ahead at few and at many samples, and that it takes both sizes to see it."""
    signs = np.array([FAVOUR[few], FAVOUR[many]])
    processes = {"the larger size both times": lambda key: signs * lead(key)[1]}
    for name, rival in (control_processes or {}).items():
        processes[name] = lambda key, rival=rival: signs * rival(key)
    trial.mean(
        lambda key: signs * lead(key),
        np.zeros(2),
        law=Bounded(-1, 1),
        side="at least",
        scale=0.5,  # leads are measured in the error of guessing
        control_processes=processes,
        **sampling,
    )


@claim(
    derived("the abstract's two regimes, for features that are almost independent"),
    kind="empirical",
    tier="full",
    cases=[0.05, 0.1],
)
def test_two_regimes(
    trial, correlation: Annotated[float, Interval(0.04, 0.12, why="seen between, at these sizes")]
):
    """Let two equally likely Gaussian classes have 20 features of variance one, every two of which
    have a correlation of .04 to .12 within a class, and let the means of ten of them differ by .8.
    Averaged over training sets, the error of naive Bayes is below that of ridge logistic regression
    (C = 1) with 32 samples, and above it with 512.
    """
    sizes = (32, 512)
    decide_leads(
        trial,
        lead_of_naive_bayes(correlation, sizes),
        few="naive Bayes",
        many="logistic regression",
        control_processes={
            "independent features": lead_of_naive_bayes(0.0, sizes),
            "correlation 0.5": lead_of_naive_bayes(0.5, sizes),
        },
        first=128,
        most=40_000,
    )


@claim(
    derived(
        "few samples give bad estimates of variances, on which ridge regression does not depend"
    ),
    kind="empirical",
    not_tight="sampling ends once it is known who is ahead",
)
def test_small_samples(
    trial, n_features: Annotated[int, Interval(16, 40, why="the sizes lie on either side")] = 20
):
    """Let two equally likely Gaussian classes have 16 to 40 independent features of variance one,
    and let the means of half of them differ by .8. Averaged over training sets, the error of naive
    Bayes is above that of ridge logistic regression (C = 1) with 8 samples, and below it with 64.

    So even a learner whose model is right can be behind with few samples.
    """
    decide_leads(
        trial,
        lead_of_naive_bayes(0.0, (8, 64), n_features),
        few="logistic regression",
        many="naive Bayes",
        first=256,
        most=20_000,
    )


@claim(
    derived(
        "the abstract's two regimes, on the raw features of data sets that scikit-learn bundles"
    ),
    kind="empirical",
    tier="full",
    cases=[("wine", 10, 100), ("breast_cancer", 10, 200), ("digits", 20, 100)],
    not_tight="sampling ends once it is known who is ahead",
)
def test_real_two_regimes(
    trial,
    data_set: Literal["wine", "breast_cancer", "digits"],
    few: Annotated[int, Interval(10, 20, why="with more, naive Bayes need not lead")],
    many: Annotated[int, Interval(100, 150, why="wine has 178 samples, some of which must be left")]
    | Literal[200],
):
    """On the wine, breast cancer and digits data sets of scikit-learn, the mean test error of naive
    Bayes is below that of ridge logistic regression (C = 1) with 10 to 20 training samples, and
    above it with 100 to 200.
    """
    from sklearn import datasets

    features, labels = getattr(datasets, f"load_{data_set}")(return_X_y=True)
    n_classes = int(labels.max()) + 1
    floor = 0.03 if data_set == "digits" else 1e-9
    trial.require(
        few >= 2 * n_classes or n_classes < 10, f"few must be at least {2 * n_classes}, got {few}"
    )
    trial.require(
        many < len(labels), f"many must leave some of the {len(labels)} samples, got {many}"
    )

    def lead(key):
        errors = learning_curves.split_errors(
            key,
            features,
            labels,
            n_classes,
            (few, many),
            max_samples=many,
            var_floor=floor,
            tolerance=1e-6,
        )
        return errors[:, 1] - errors[:, 0]

    decide_leads(trial, lead, few="naive Bayes", many="logistic regression", first=128, most=12_000)


def fitted_rules(keys, p, points, sizes, ridges):
    """Return the fits of `ridge_logistic` to labels drawn at random points, flattened over keys and
    settings, and the training loss of each; p is the posterior of the second class.
    """

    def fits(key):
        place_key, label_key = jax.random.split(key)
        places = jax.random.randint(place_key, (max(sizes),), 0, len(points))
        rows = jnp.asarray(points)[places]
        labels = jax.random.bernoulli(label_key, jnp.asarray(p)[places]).astype(int)

        def fit(size, ridge):
            weight = (jnp.arange(max(sizes)) < size).astype(rows.dtype)
            rule = logistic.ridge_logistic(
                rows, labels, 2, sample_weight=weight, inverse_ridge=ridge, tolerance=1e-8
            ).rule
            scores = rule.scores(rows)
            losses = jax.nn.logsumexp(scores, axis=1) - scores[jnp.arange(len(rows)), labels]
            return rule.scores(jnp.asarray(points)), weight @ losses / size

        return map_cells(lambda one: fit(*one), (jnp.array(sizes), jnp.array(ridges)))

    scores, losses = map(np.asarray, quick_map(fits)(keys))
    return scores.reshape(-1, *scores.shape[2:]), losses.ravel()


@claim(
    derived(
        "the bound Ψ(t) >= t^2 / 2 at each point and Jensen's inequality, for any rule, "
        "fitted or not"
    ),
    kind="bound",
)
def test_lr_surrogate_consistency(
    trial,
    n_features: Annotated[int, Interval(1, 2, why="with more, no fit is seen near the bound")] = 2,
    signal: Annotated[float, Interval(0.05, 0.25, why="fits that err are seen")] = 0.2,
    n_runs: Annotated[
        int, Interval(200, 2000, why="few may miss the worst, and each is fitted")
    ] = 200,
):
    """Let the features be one or two independent random signs, and let the class be that of the
    first sign with probability (1 + s) / 2. Every fitted ridge logistic regression has an error of
    at most sqrt(2 r) above the Bayes error, where r is the excess of its mean log loss over the
    least one, in nats.
    """
    cube = 2.0 * (np.arange(2**n_features)[:, None] >> np.arange(n_features) & 1) - 1
    second = (1 + signal * cube[:, 0]) / 2
    posterior = np.stack([1 - second, second], axis=1)
    mass = np.full(len(cube), 1 / len(cube))
    scores, training_losses = fitted_rules(
        jax.random.split(trial.key("runs"), n_runs),
        second,
        cube,
        sizes=np.repeat([20, 50, 200], 2),
        ridges=np.tile([1e-4, 1.0], 3),  # a heavy penalty, and none to speak of
    )
    excess, regret = np.array([regrets(mass, posterior, one) for one in scores]).T
    least_loss = -np.sum(posterior[0] * np.log(posterior[0]))
    of_training = np.maximum(training_losses - least_loss, 0)
    trial.bound(
        excess,
        consistency.zero_one_regret_bound(regret),
        instances="draws",
        independent=n_runs,
        # Sums of 4 terms and log-softmax of two classes take some 30 roundings; the rest is room.
        ops=100,
        scale=1.0,
        controls={"r of the training loss": consistency.zero_one_regret_bound(of_training)},
    )


EFFICIENCY = {
    "random": lambda distance, _: expected_error.logistic_relative_efficiency(distance),
    "balanced": expected_error.logistic_relative_efficiency_balanced,
}
"""ARE(Δ) for n features, by how the labels are drawn."""
Labels = Literal["random", "balanced"]


def other_efficiencies(labels, distance, n_features):
    """Return the efficiency without its factor 1 + Δ² / 4, and that for the other labels."""
    exact = EFFICIENCY[labels](distance, n_features)
    other = {"random": "balanced", "balanced": "random"}[labels]
    return {
        "without 1 + Δ^2 / 4": exact / (1 + distance**2 / 4),
        f"that of {other} labels": EFFICIENCY[other](distance, n_features),
    }


@claim(
    derived("Efron 1975, quoted from memory; for balanced labels derived from it"),
    kind="limit",
    tier="full",
    cases=[("random", 2.0), ("random", 3.0), ("balanced", 2.0), ("balanced", 3.0)],
)
def test_efron_are(
    trial,
    labels: Labels,
    distance: Annotated[
        float, Interval(1.7, 3.2, why="the controls must differ, excesses be seen")
    ],
    n_samples: Annotated[
        int, Interval(2000, 8000, why="a limit of many samples, and more take minutes")
    ] = 2000,
):
    """Let two equally likely classes on the line be N(±Δ/2, 1). As the number of samples grows, the
    mean excess error of linear discriminant analysis, divided by that of maximum-likelihood
    logistic regression, tends to (1 + Δ²/4) A for labels drawn at random and to Δ² / (4 / A - 4)
    for balanced labels, where A = exp(-Δ²/8) E[1 / cosh(Δ X / 2)] for a standard normal X.
    """
    ratio = EFFICIENCY[labels](distance, 1)
    trial.mean(
        lambda key: lda.efron_pair(key, n_samples, distance, 1, labels=labels),
        ratio,
        law=RatioOfMeans(),
        # The next term is of the order 1 / m: at m = 200 about half of this was seen, for either
        # kind of labels.
        slack=ratio * distance**2 / n_samples,
        margin=0.04 * ratio,
        controls=other_efficiencies(labels, distance, 1),
        first=1024,
        most=200_000,
    )


class Plane(NamedTuple):
    """Two normal classes in the plane, on a grid: a trapezoidal rule along, a Gaussian one across.

    `x` is class x point x coordinate, `y` class x point x 1, and `mass` that of each point.
    """

    mass: np.ndarray
    x: np.ndarray
    y: np.ndarray

    def mean_and_covariance(self, values, balanced):
        """Return these of some values of each class and point, for one sample."""
        means = np.einsum("p,cpi->ci", self.mass, values)
        centred = values - (means[:, None] if balanced else means.mean(axis=0))
        covariance = np.einsum("p,cpi,cpj->ij", self.mass, centred, centred) / 2
        return means.mean(axis=0), covariance


def two_classes_in_the_plane(distance, step=0.05):
    """Return two classes of unit covariance at this distance along the first axis."""
    along = np.arange(-12, 12 + step / 2, step)
    across, masses = np.polynomial.hermite_e.hermegauss(6)
    mass = np.outer(np.exp(-(along**2) / 2), masses).ravel()
    noise = np.stack(np.meshgrid(along, across, indexing="ij"), axis=-1).reshape(-1, 2)
    labels = np.array([0.0, 1.0])[:, None, None]
    x = noise + (labels - 0.5) * np.array([distance, 0.0])
    return Plane(mass / mass.sum(), x, np.broadcast_to(labels, (*x.shape[:2], 1)))


def discriminant_covariance(plane, balanced):
    """Return the asymptotic covariance of (intercept, weight along, weight across) of the plug-in
    discriminant: by the delta method, from the means of y, y x, x and the products of x.
    """

    def boundary(moments):
        share = moments[0]
        ones = moments[1:3]
        totals = moments[3:5]
        high = ones / share
        low = (totals - ones) / (1 - share)
        between = share * jnp.outer(high, high) + (1 - share) * jnp.outer(low, low)
        weights = jnp.linalg.solve(moments[5:].reshape(2, 2) - between, high - low)
        intercept = jnp.log(share / (1 - share)) - weights @ (high + low) / 2
        return jnp.append(intercept, weights)

    products = plane.x[..., [0, 0, 1, 1]] * plane.x[..., [0, 1, 0, 1]]
    values = np.concatenate([plane.y, plane.y * plane.x, plane.x, products], axis=-1)
    moments, scatter = plane.mean_and_covariance(values, balanced)
    slopes = np.asarray(jax.jacobian(boundary)(moments))
    return slopes @ scatter @ slopes.T


def regression_covariance(plane, distance, balanced):
    """Return the asymptotic covariance of the same of maximum-likelihood regression."""
    design = np.concatenate([np.ones_like(plane.y), plane.x], axis=-1)
    chance = 1 / (1 + np.exp(-distance * plane.x[..., :1]))
    weighted = chance * (1 - chance) * design
    information = np.einsum("p,cpi,cpj->ij", plane.mass, weighted, design) / 2
    inverse = np.linalg.inv(information)
    return inverse @ plane.mean_and_covariance((plane.y - chance) * design, balanced)[1] @ inverse


@claim(
    derived(
        "Efron 1975, quoted from memory; by the delta method the excess error is proportional"
        " to these variances"
    ),
    kind="identity",
    cases=[("random", 1.0, 1), ("random", 2.0, 3), ("balanced", 2.0, 3), ("balanced", 4.0, 10)],
)
def test_efron_are__variances(
    trial,
    labels: Labels,
    distance: Annotated[
        float, Interval(0.5, 5, why="beyond, regression has next to no information")
    ],
    n_features: Annotated[int, Interval(1, 1000)],
):
    """Let two equally likely classes in n dimensions be N(±d/2, I) with |d| = Δ. Let V be the
    asymptotic variance of the fitted intercept plus those of the n - 1 weights at right angles to
    d. For linear discriminant analysis V is (1 + Δ²/4) A times the V of maximum-likelihood logistic
    regression if labels are drawn at random, and (Δ² + (n - 1) (4 + Δ²)) / (4 n / A - 4) times that
    if they are balanced, where A = exp(-Δ²/8) E[1 / cosh(Δ X / 2)] for a standard normal X.
    """
    plane = two_classes_in_the_plane(distance)
    balanced = labels == "balanced"

    def moved(covariance):
        return covariance[0, 0] + (n_features - 1) * covariance[2, 2]

    exact = EFFICIENCY[labels](distance, n_features)
    trial.value(
        moved(discriminant_covariance(plane, balanced))
        / moved(regression_covariance(plane, distance, balanced)),
        exact,
        margin=1e-9,
        error=1e-12,  # the rules err by 1e-16; three matrices of a condition below 1e4
        controls=other_efficiencies(labels, distance, n_features),
    )


@claim(
    derived(
        "the known limit of discriminant analysis for n and m of one order, quoted from memory"
    ),
    kind="limit",
    tier="full",
    cases=[0.5, 0.4, 0.3],
)
def test_lda_needs_linear(
    trial,
    aspect: Annotated[float, Interval(0.3, 0.6, why="less hides sqrt(1 - y); more is a cap")],
    n_features: Annotated[
        int, Interval(80, 400, why="the law is of large n; matrices are drawn per sample")
    ] = 100,
    squared_distance: Annotated[
        float, Interval(2, 16, why="beyond, 1 / n multiplies more; below, all rules guess")
    ] = 9.0,
):
    """Let linear discriminant analysis use the pooled covariance of m / 2 samples of each of two
    equally likely Gaussian classes in n dimensions, whose Mahalanobis distance is Δ. As n and m
    grow with y = n / m < 1 fixed, its mean error tends to Φ(-Δ² sqrt(1 - y) / (2 sqrt(Δ² + 4 y))).

    So at a fixed distance the number of samples that it needs is proportional to n.
    """
    n_samples = round(n_features / aspect)
    ratio = n_features / n_samples
    exact = linear_rules.lda_expected_error(squared_distance, ratio)
    means = two_classes(n_features, squared_distance)
    counts = data.balanced_counts(n_samples, 2)
    slack = exact / n_features  # the order of the finite-size term
    trial.mean(
        lambda key: lda.lda_error(key, counts, means, np.ones(n_features)),
        exact,
        law=Bounded(0, 1),
        slack=slack,
        margin=0.035 * exact,
        controls={"without sqrt(1 - y)": ndtr(ndtri(exact) / np.sqrt(1 - ratio))},
        first=1024,
        most=60_000,
    )


@claim(
    derived(
        "the boundaries lie half-way between neighbouring means, and each gives two normal tails"
    ),
    kind="identity",
    route="the error of the rule in the design against the tails of neighbouring classes",
    cases=[(3, 0.01), (3, 0.05), (5, 0.01)],
)
def test_unreachable_target(
    trial,
    n_classes: Annotated[int, Interval(3, 7, why="two classes part sooner")],
    level: Annotated[float, Interval(0.001, 0.1, why="designs of n < 200 must cross it")],
):
    """Let K >= 3 equally likely Gaussian classes have the means c_k (1, …, 1), where the c_k are
    the first K of -1, 1, 2, 4, …, and n independent features, with the variance n for the first
    floor(n / 2) of them and 1 for the others (the design of the released code). As n grows, the
    error of naive Bayes with infinitely many samples first falls below a target at the same n as
    (2/K) sum_k Φ(-(c_(k+1) - c_k) sqrt(S) / 2), a sum over k < K, where S is the sum of the inverse
    variances.

    With three classes the target .01 of the released code cannot be reached up to n = 36.
    """
    designs = [linear_rules.official_design(n, n_classes) for n in range(1, 200)]
    errors = np.array([linear_rules.naive_bayes_asymptotic_error(*design) for design in designs])
    tails = np.array(
        [
            linear_rules.collinear_asymptotic_error(means[:, 0], variances)
            for means, variances in designs
        ]
    )
    trial.identity(
        int(np.argmax(errors < level)),
        int(np.argmax(tails < level)),
        ops=0,
        controls={"one tail for every two neighbours": int(np.argmax(tails / 2 < level))},
    )


@claim(
    derived("the means of an inverse Wishart matrix and of its square"),
    kind="limit",
    cases=[(0.5, 9.0), (0.1, 4.0), (0.8, 20.0)],
    route="moments of an inverse Wishart matrix at growing n against a normal tail",
)
def test_lda_needs_linear__moments(
    trial,
    aspect: Annotated[
        float, Interval(0.05, 0.9, why="less hides sqrt(1 - y), and at 1 no inverse has a mean")
    ],
    squared_distance: Annotated[float, Interval(0.1, 50)],
):
    """Let S be the pooled covariance and δ the difference of the class means of m / 2 samples of
    each of two classes N(±d/2, I) in n dimensions, where |d| = Δ. Let w = S^-1 δ be the weights of
    linear discriminant analysis. As n and m grow with y = n / m < 1 fixed, E[d·w] / sqrt(E[w·w])
    tends to Δ² sqrt(1 - y) / sqrt(Δ² + 4 y).

    The error of the rule with this mean and variance of its scores is compared.
    """
    features = 100 * 2.0 ** np.arange(8)
    samples = features / aspect
    freedom = samples - 2
    surplus = freedom - features
    # The means of the inverse covariance and of its square, in units of that of Σ.
    inverse = freedom / (surplus - 1)
    square = freedom**2 * (freedom - 1) / (surplus * (surplus - 1) * (surplus - 3))
    # The mean squared length of the difference of the sample means.
    length = squared_distance + 4 * features / samples
    errors = ndtr(-squared_distance * inverse / (2 * np.sqrt(length * square)))
    exact = linear_rules.lda_expected_error(squared_distance, aspect)
    without_root = -squared_distance / (2 * np.sqrt(squared_distance + 4 * aspect))
    trial.limit(
        errors,
        features,
        exact,
        order=1,
        margin=1e-3 * exact,
        controls={
            "without sqrt(1 - y)": ndtr(without_root),
            "without 4 y": ndtr(-np.sqrt(squared_distance * (1 - aspect)) / 2),
        },
    )
