"""The claims of the paper; what its letters mean stands in the package."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from sims import conditional_independence_ssl as observed
from theory import conditional_independence_ssl as predicted
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import MOST, Interval
from theory_on_trial.laws import Asymptotic

Violation = Annotated[float, Interval(0, 1, why="with more, the samples that tell take minutes")]
Violated = Annotated[float, Interval(0.2, 1, why="a smaller violation is not told from none")]
SeveralCounts = Annotated[
    int, Interval(2, 24, why="one leaves nothing to learn, more are not needed")
]
Size = Annotated[int, Interval(1, 128, why="worlds of this size are decomposed in a moment")]
Features = Literal["pretext", "all"]
Labels = Annotated[
    int,
    Interval(25, 50, why="below risks have heavy tails, above r / (n - r) is as good a formula"),
]
Pairs = Annotated[
    int,
    Interval(2000, MOST, why="the error of a learned pretext is known to first order in 1 / n1"),
]
OPS = 1000
"""Roundings of a few decompositions of order 30, whose conditions here are below a hundred."""


def tables(trial, *sizes, worlds=1, stream="worlds", **options):
    """Random discrete worlds of this claim, their statistics, and M = E[p p'] of each."""
    world = observed.discrete_worlds(trial.generator(stream), worlds, *sizes, **options)
    table = observed.table_statistics(world)
    return world, table, observed.second_moment(table.posterior, table.weights)


def trace(moments):
    """Of each world."""
    return np.trace(moments, axis1=1, axis2=2)


def errors(table):
    """The a of each world."""
    return observed.approximation_error(table.posterior, table.pretext, table.weights)


def normal(violation, **sizes):
    """A deterministic normal world: conditioned by solving, its theory, and a basis of what its
    pretext shows.
    """
    world = observed.gaussian_world(violation, **sizes)
    theory = predicted.shared_cause(*world)
    dim, n_causes = world.first.shape
    laws = observed.conditionals(world.covariance, dim, n_causes)
    return laws, theory, np.linalg.svd(laws.pretext)[2][: theory.rank]


def normal_error(found, outputs=None):
    """The a of a normal world by least squares in white coordinates."""
    dim = found.pretext.shape[1]
    target = found.target[None, :outputs].swapaxes(1, 2)
    pretext = found.pretext.T[None]
    return observed.approximation_error(target, pretext, np.ones((1, dim)))[0]


@claim(
    paper("the posterior as a linear map of E[X2 | X1], as slides on the paper state it"),
    kind="identity",
    cases=[(12, 9, 3, 5), (30, 20, 5, 8)],
)
def test_posterior_is_linear(
    trial, n_first: Size, n_second: Size, n_classes: SeveralCounts, dim: Size
):
    """Let X1 and X2 be independent given the class Y, A = (E[X2 | Y = 1], ...) have full rank, and
    p be the posterior of the classes given X1. Then p = A^+ E[X2 | X1], so that a linear head on
    the pretext E[X2 | X1] has no approximation error.
    """
    trial.require(min(n_second, dim) >= n_classes, "n_second and dim must be at least n_classes")
    trial.require(
        n_first > min(n_second, dim),
        "n_first must exceed n_second or dim, or a head fits any label",
    )
    sizes = n_first, n_second, n_classes, dim
    _, table, moment = tables(trial, *sizes)
    _, dependent, _ = tables(trial, *sizes, violation=1.0)
    means = table.class_means[0]
    pretext = table.pretext[0]
    leading = predicted.posterior(means[:, :-1], pretext)
    last = np.column_stack([leading, 1 - leading.sum(axis=1)])
    exact, control = (
        observed.second_moment(p[None], table.weights)
        for p in (predicted.posterior(means, pretext), last)
    )
    head = np.linalg.norm(np.linalg.pinv(means)) * np.max(np.linalg.norm(pretext, axis=1))
    trial.identity(
        moment,
        exact,
        ops=n_second * n_classes,
        scale=head,
        controls={"without the last mean": control},
    )
    total = trace(moment)  # of which the head explains all
    trial.identity(
        total - errors(table),
        total,
        ops=OPS,
        control_processes={"dependent given Y": total - errors(dependent)},
    )


@claim(
    derived("the projection of T p on the rows of A, in the metric of M"),
    kind="identity",
    cases=[(2, 2), (5, 2), (5, 1)],
)
def test_rank_deficient(trial, dim: Size, rank: Size, n_classes: SeveralCounts = 3):
    """Let X1 and X2 be independent given the class, with posterior p of the classes and A = (E[X2 |
    Y = 1], ...). If A has a rank below the number of classes, a linear head on the pretext has the
    approximation error tr M - tr M A'(A M A')^+ A M with M = E[p p'].
    """
    trial.require(rank <= dim, "rank must be at most dim")
    trial.require(
        rank < n_classes <= 9, "rank must be below n_classes, which 9 values of X2 must distinguish"
    )
    _, table, (moment,) = tables(trial, 12, 9, n_classes, dim, rank=rank)
    means = table.class_means[0]
    evenly = np.full_like(table.weights, 1 / 12)
    controls = {
        "class priors for M": predicted.approximation_error(np.diag(table.priors[0]), means),
        "M with equal weights of x1": predicted.approximation_error(
            observed.second_moment(table.posterior, evenly)[0], means
        ),
    }
    error = predicted.approximation_error(moment, means)
    trial.identity(errors(table)[0], error, ops=OPS, scale=np.trace(moment), controls=controls)


@claim(
    derived(
        "the singular functions of p(y) p(x1 | y) p(x2 | y); that nonlinear CCA fits is in the "
        "abstract"
    ),
    kind="identity",
    cases=[(12, 9, 3, 3), (12, 9, 3, 2), (30, 20, 5, 5), (30, 20, 5, 2)],
)
def test_cca_span(trial, n_first: Size, n_second: Size, n_classes: SeveralCounts, kept: Size):
    """If X1 and X2 are independent given k classes, E[Y | X1] lies in the span of the k leading
    canonical functions u_i of x1. With fewer of them the approximation error is the sum of |M^(1/2)
    u_i|^2 over the others, M = E[p p'] for the posterior p.
    """
    trial.require(
        kept <= min(n_second, n_classes),
        "kept must be at most n_second and n_classes, the rank of the table",
    )
    trial.require(kept < n_first, "n_first must exceed kept, or any functions of x1 fit")
    world, table, (moment,) = tables(trial, n_first, n_second, n_classes, 1)
    second = observed.second_moment(table.second_posterior, table.second_weights)[0]
    least = np.linalg.eigvalsh(moment)[: max(n_classes - kept, 1)].sum()

    def measured(as_functions):
        functions = observed.canonical_functions(world, kept, as_functions=as_functions)
        return observed.approximation_error(table.posterior, functions, table.weights)[0]

    trial.identity(
        measured(True),
        predicted.canonical_functions_error(moment, second, table.priors[0], kept),
        ops=OPS,
        scale=np.trace(moment),
        controls={"the least eigenvalues of M": least},
        control_processes={"vectors not divided by the root of p(x1)": measured(False)},
    )


@claim(
    derived("B = A^+ as a head; the shape of the outer bound is recalled from the paper's theorem"),
    kind="bound",
)
def test_violated_ci_bound(
    trial,
    violation: Annotated[
        float,
        Interval(
            1e-3, 2, why="less is lost in rounding, more makes class means linearly dependent"
        ),
    ] = 1.0,
    worlds: Annotated[
        int, Interval(2000, 10**4, why="in fewer none may attain a bound, more take seconds")
    ] = 2000,
):
    """Let δ = E[X2 | X1] - A p be the violation of conditional independence, with A = (E[X2 | Y =
    1], ...) and the posterior p of the classes. The approximation error of a linear head on the
    pretext is at most E|A^+ δ|^2 <= E|δ|^2 / σ_min(A)^2.
    """
    _, table, _ = tables(trial, 3, 2, 2, 2, worlds=worlds, violation=violation)
    residual = table.pretext - table.posterior @ table.class_means.swapaxes(1, 2)
    moment = observed.second_moment(residual, table.weights)
    inner, outer = predicted.violation_bounds(table.class_means, moment)
    singular = np.linalg.svd(table.class_means, compute_uv=False)
    totals = np.trace(moment, axis1=1, axis2=2)
    controls = {
        "σ_max for σ_min": outer * (singular[:, -1] / singular[:, 0]) ** 2,
        "half": outer / 2,
    }
    controls |= {"no σ_min": totals, "ε^4 for ε^2": outer * totals}
    # A head that is far too large for nearly equal means loses digits by their condition.
    options = {
        "ops": 100 * np.max(singular[:, 0] / singular[:, -1]),
        "instances": "draws",
        "independent": worlds,
    }
    trial.bound(errors(table), inner, controls={"half": inner / 2}, **options)
    trial.bound(errors(table), outer, controls=controls, **options)


@claim(derived("δ is linear in the leak, and a in δ δ'"), kind="limit")
def test_violation_is_quadratic(
    trial,
    smallest: Annotated[
        float,
        Interval(1e-4, 0.02, why="less is lost in rounding; with more the next order is seen"),
    ] = 0.01,
):
    """In the normal world the approximation error of the pretext grows with the square of the
    violation c of conditional independence.
    """
    leaks = smallest * 2.0 ** np.arange(6)
    risks = np.array([normal_error(normal(leak)[0]) for leak in leaks])
    trial.order(
        risks[::-1],
        1 / leaks[::-1],
        -2.0,
        rounding=OPS * 2.0**-53,
        margin=0.015,
        controls={"linear": -1.0, "to the fourth": -4.0},
    )


@claim(
    derived("(Y, Z) in place of Y; for Gaussian Z the notes say that k + m replaces k"),
    kind="identity",
    cases=[8, 6, 5, 4, 3],
)
def test_latent_variables(
    trial, dim: Size, n_classes: SeveralCounts = 3, n_latent: SeveralCounts = 2
):
    """If X1 and X2 are independent given a class Y of k values and a latent Z of m values, the
    pretext has no approximation error if the means of X2 given (Y, Z) have rank k m; for a smaller
    rank a formula gives the error.
    """
    cells = n_classes * n_latent
    trial.require(cells <= 12, "n_classes n_latent must be at most the 12 values of X2")
    _, table, (moment,) = tables(trial, 15, 12, cells, dim)
    merger = np.kron(np.eye(n_classes), np.ones(n_latent))
    labels = table.posterior @ merger.T
    means = table.class_means[0]
    of_classes = (means * table.priors) @ merger.T / (merger @ table.priors[0])
    total = np.trace(merger @ moment @ merger.T)  # E|p|^2, of which the head explains all but a
    if n_classes <= dim < cells:
        controls = {
            "k + m means suffice" if dim >= n_classes + n_latent else "k means suffice": total
        }
    else:
        head = table.pretext @ np.linalg.pinv(of_classes, rcond=1e-10).T
        met, size = (np.sum(table.weights[..., None] * head * array) for array in (labels, head))
        controls = {"A_Y^+ ψ, Z ignored, at its best scale": met**2 / size}
    trial.identity(
        total - observed.approximation_error(labels, table.pretext, table.weights)[0],
        total - predicted.approximation_error(moment, means, merger),
        ops=10 * OPS,
        controls=controls,
    )


@claim(
    paper("k + m in place of k, as reading notes on the paper state it; proved here"),
    kind="identity",
    cases=[6, 5, 4],
)
def test_latent_variables__gaussian(
    trial, second_dim: Size, n_classes: Size = 2, n_latent: Size = 3
):
    """If X1 and X2 are independent given k normal causes Y and m normal latents Z, the pretext has
    rank min(k + m, d2), and no approximation error if X2 has d2 >= k + m dimensions.
    """
    n_causes = n_classes + n_latent
    trial.require(
        n_classes < second_dim and n_causes <= 10,
        "second_dim must exceed n_classes, and 10 n_causes",
    )
    laws, theory, _ = normal(0.0, second_dim=second_dim, n_causes=n_causes)
    means = observed.gaussian_world(0.0, 10, second_dim, n_causes).second
    merger = np.eye(n_causes)[:n_classes]
    error = predicted.approximation_error(theory.target_moment, means, merger)
    trial.identity(
        np.array([normal_error(laws, n_classes), np.linalg.matrix_rank(laws.pretext, tol=1e-10)]),
        np.array([error, min(n_causes, second_dim)]),
        ops=OPS,
        controls={"rank k, Z ignored": np.array([error, n_classes])},
    )


@claim(
    derived("the mean of an inverse Wishart matrix; that few labels suffice is in the abstract"),
    kind="limit",
    cases=[(0.0, "pretext"), (0.6, "pretext"), (0.3, "all")],
)
def test_labels_needed(trial, violation: Violation, features: Features, n_labels: Labels = 50):
    """Least squares on r normal features with n labels has the mean excess risk a + (σ^2 + a) r /
    (n - r - 1): a is the approximation error, 0 for all of X1, and σ^2 the variance of Y given X1.
    """
    laws, theory, head, rank, error = read_by(features, violation)

    def risk(spread, noise=theory.noise + error):
        return error + noise * spread

    right = predicted.excess_risk(n_labels, rank, theory.noise, error)
    controls = {"r / n": risk(rank / n_labels), "r / (n - r)": risk(rank / (n_labels - rank))}
    if rank < len(laws.pretext):
        controls["the width d2 for r"] = risk(6 / (n_labels - 7))
    elif error and violation > 0.25:  # below it is too near to be distinguished
        controls["σ^2 for σ^2 + a"] = risk(rank / (n_labels - rank - 1), theory.noise)
    # One hundredth of what labels cost: of all of it, a large a would hide r / (n - r), 1 / (n - r)
    # of that cost away.
    trial.mean(
        risk_of(laws, head, n_labels),
        right,
        margin=0.01 * (right - error),
        controls=controls,
        **SAMPLES,
    )


SAMPLES = {"law": Asymptotic(), "first": 1024, "most": 30_000}


def read_by(features, violation):
    """A normal world, and the head that its labels meet, with the head's rank and error."""
    laws, theory, basis = normal(violation)
    error = theory.approximation_error
    head = (
        (basis, theory.rank, error)
        if features == "pretext"
        else (np.eye(basis.shape[1]), basis.shape[1], 0.0)
    )
    return laws, theory, *head


def risk_of(found, head, n_labels, **options):
    """One draw of the excess risk on what a head reads."""
    setting = n_labels, found.target, head, found.noise
    return lambda key: observed.excess_risk(key, *setting, steadied=True, **options)


@claim(
    derived("labels_needed of centred samples, and the error of their mean"),
    kind="limit",
    cases=["pretext", "all"],
)
def test_labels_needed__intercept(
    trial, features: Features, n_labels: Labels = 40, violation: Violated = 0.3
):
    """With an intercept, least squares on r normal features with n labels has the mean excess risk
    (σ^2 + a)(1 + 1/n)(n - 2)/(n - r - 2) - σ^2: a is the approximation error, and σ^2 the variance
    of Y given X1.
    """
    laws, theory, head, rank, error = read_by(features, violation)
    risk, control = (
        predicted.excess_risk(n_labels, rank, theory.noise, error, intercept=intercept)
        for intercept in (True, False)
    )
    measure = risk_of(laws, head, n_labels, intercept=True)
    trial.mean(
        measure, risk, margin=0.01 * risk, controls={"without the intercept": control}, **SAMPLES
    )


@claim(
    derived("delta method for indicators of classes; the abstract has that labels are saved"),
    kind="limit",
    cases=[(12, 9, 3, 5), (30, 20, 2, 2)],
)
def test_classes_needed(
    trial,
    n_first: Size,
    n_second: Size,
    n_classes: SeveralCounts,
    dim: Size,
    n_labels: Annotated[int, Interval(4000, 10**6, why="to first order in 1 / n")] = 8000,
):
    """Least squares on n labels of k classes and the pretext's k features φ has the excess risk tr
    G^-1 E[(1 - |P|^2) φ φ'] / n to first order, with the posterior P and G = E[φ φ'].

    If all values of X1 are distinguished, it is sum (1 - |P|^2) / n over these, some n_first / k
    times as much.
    """
    trial.require(min(n_second, dim) >= n_classes, "n_second and dim must be at least n_classes")
    trial.require(n_first >= 2 * n_classes, "n_first must be twice n_classes, or little is saved")
    _, table, _ = tables(trial, n_first, n_second, n_classes, dim)
    posterior = table.posterior[0]
    weights = table.weights[0]
    features = np.linalg.svd(table.pretext[0], full_matrices=False)[0][:, :n_classes]
    noises = 1 - np.sum(posterior**2, axis=1)
    second = features.T @ (weights[:, None] * features)

    def excess(generator, n):  # the mean over labels is exact, given the drawn x1
        counts = generator.multinomial(n_labels, weights, n)[..., None]
        inverse = np.linalg.inv(features.T @ (counts * features))
        noise = inverse @ (features.T @ (counts * noises[:, None] * features)) @ inverse
        return n_labels * np.einsum("nij,ji->n", noise, second)

    cost = predicted.class_cost(posterior, weights, features)
    controls = {
        "all values of X1": noises.sum(),
        "k": n_classes,
        "k mean variances": n_classes * (weights @ noises),
    }
    controls = {name: value for name, value in controls.items() if abs(value - cost) > 0.06 * cost}
    options = {"margin": 0.02 * cost, "controls": controls, "first": 500, "most": 20_000}
    trial.mean(sampler=excess, predict=cost, law=Asymptotic(), **options)


@claim(derived("1 - |P|^2 is at most 1 - 1/k"), kind="bound")
def test_classes_needed__at_most(
    trial, n_first: Size = 12, n_classes: SeveralCounts = 3, worlds: SeveralCounts = 20
):
    """To first order least squares on the pretext with n labels of k classes has an excess risk of
    at most (k - 1) / n, however many values X1 has.
    """
    trial.require(n_first > n_classes, "n_first must exceed n_classes")
    _, table, _ = tables(trial, n_first, n_classes, n_classes, n_classes, worlds=worlds)
    costs = []
    bound = np.full(2 * worlds, n_classes - 1.0)
    for posterior, weights in zip(table.posterior, table.weights, strict=True):
        for share in (1.0, 0.01):  # of what classes differ in
            p = share * posterior + (1 - share) / n_classes
            costs.append(predicted.class_cost(p, weights, p))
    controls = {"(k - 1) / 2": bound / 2} | (
        {"1, as of two classes": bound**0} if n_classes > 2 else {}
    )
    trial.bound(
        np.array(costs), bound, instances="draws", independent=worlds, ops=1e6, controls=controls
    )


@claim(
    derived("labels_needed on both sides: n* = d1 + 1 + σ^2 (d1 - r) / a"),
    kind="limit",
    cases=[(35, 0.2), (120, 0.3), (35, 0.0)],
)
def test_break_even(
    trial, n_labels: Annotated[int, Interval(30, 150, why="about n*; caps")], violation: Violation
):
    """If conditional independence is violated (c = 0.3), the pretext beats the raw input below n* =
    62.2 labels, and loses above.
    """
    trial.require(
        violation == 0 or violation >= 0.2, "violation must be 0 or at least 0.2, where it is seen"
    )
    laws, theory, basis = normal(violation)
    rank = theory.rank
    error = theory.approximation_error if violation else 0.0
    crossing = predicted.break_even(10, rank, theory.noise, error)
    trial.require(
        abs(n_labels - crossing) > 10,
        "n_labels must be 10 away from n*, where the heads are as good",
    )

    def measure(key):  # both on the same labels
        return risk_of(laws, basis, n_labels)(key) - risk_of(laws, np.eye(10), n_labels)(key)

    def paired(rank, error):
        raw = predicted.excess_risk(n_labels, 10, theory.noise)
        return predicted.excess_risk(n_labels, rank, theory.noise, error) - raw

    risk = paired(rank, error)
    controls = (
        {"always helps": paired(rank, 0.0)} if violation else {"the width d2 for r": paired(6, 0.0)}
    )
    # Positive if n* is on the side of n that the risks say
    margin = 0.01 * risk * np.sign(n_labels - crossing)
    trial.mean(
        measure,
        risk,
        margin=margin,
        controls=controls | {"never helps": paired(10, error)},
        **SAMPLES,
    )


@claim(
    derived("total risks (σ^2 + a) / (n - r - 1) and σ^2 / (n - d1 - 1) set equal"),
    kind="identity",
    cases=[(0.3, False), (0.6, True)],
)
def test_break_even__exactly(trial, violation: Violated, intercept: bool):
    """At n* labels with 1 + a / σ^2 = (n* - r - 1) / (n* - d1 - 1), and one more with an intercept,
    least squares on the r-dimensional pretext and on the d1 raw features have the same excess risk:
    a is the pretext's approximation error, and σ^2 the variance of Y given X1.
    """
    laws, theory, _ = normal(violation)

    def ratio(n_labels):
        return (n_labels - theory.rank - 1 - intercept) / (n_labels - 11 - intercept)

    options = {"intercept": intercept}
    crossing = predicted.break_even(
        10, theory.rank, theory.noise, theory.approximation_error, **options
    )
    controls = {
        "d1 + σ^2 (d1 - r) / a": ratio(crossing - 1),
        "d1 + 1 + σ^2 / a": ratio(11 + (crossing - 11) / 4),
    }
    trial.identity(1 + normal_error(laws) / laws.noise, ratio(crossing), ops=OPS, controls=controls)


def learned(n_pairs):
    """The normal world without violation, the directions that n1 pairs teach, τ, and a root of its
    noise.
    """
    laws, theory, _ = normal(0.0)
    root = np.linalg.cholesky(laws.residual)
    tau = predicted.pretext_noise(theory.target, theory.pretext, theory.residual)

    def directions(key):
        return observed.leading_directions(
            observed.learned_pretext(key, n_pairs, laws.pretext, root), 6
        )

    return laws, theory, directions, tau, root


@claim(derived("first-order perturbation of the row space of the pretext"), kind="limit")
def test_learned_pretext(trial, n_pairs: Pairs = 6400):
    """A pretext that is learned from n1 pairs of normal views and cut to its k leading directions
    has the approximation error (d1 - k) τ / (n1 - d1 - 1), up to 1 % or 64 / n1; X1 has d1
    dimensions, and τ is the variance of the pretext's noise as the best head passes it to the
    label.
    """
    laws, theory, directions, tau, root = learned(n_pairs)
    left, singular, right = np.linalg.svd(laws.pretext)
    signal = right[:2]
    no_signal = left[:, 2:].T
    head = laws.target @ signal.T / singular[:2] @ left[:, :2].T / n_pairs**0.5
    # Head and no_signal see independent noise
    mean_of_noise = np.sum((head @ root) ** 2) * np.array([8, 4])

    def errors_of(key):  # less what its noise would leave by itself, plus the mean of that
        noise = observed.pretext_noise(key, root, 10)
        full = directions(key)
        estimate = observed.leading_directions(jnp.concatenate([signal, no_signal @ noise]), 6)
        errors = [observed.head_error(laws.target, rows) for rows in (full[:2], full)]
        of_noise = [observed.head_error(head @ noise, rows) for rows in (signal, estimate)]
        return jnp.stack(errors) - jnp.stack(of_noise) + mean_of_noise

    def formula(noise):
        return np.array(
            [predicted.learned_pretext_error(n_pairs, 10, rank, noise) for rank in (2, 6)]
        )

    all_noise = theory.residual + theory.pretext @ theory.pretext.T
    total = predicted.pretext_noise(theory.target, theory.pretext, all_noise)
    risk = formula(tau)
    controls = {
        "d1 for d1 - k": np.full(2, 10 * tau / (n_pairs - 11)),
        "all variance of X2": formula(total),
    }
    trial.mean(errors_of, risk, margin=max(0.01, 64 / n_pairs) * risk, controls=controls, **SAMPLES)


@claim(derived("the mean of an inverse Wishart matrix"), kind="limit", cases=[30, 60])
def test_learned_pretext__true_head(
    trial,
    n_pairs: Annotated[
        int,
        Interval(30, 800, why="below risks have heavy tails, above d1 τ / n1 is as good a formula"),
    ],
):
    """Under the best head of the true pretext, one that is learned from n1 pairs of normal views
    errs by d1 τ / (n1 - d1 - 1) at any n1; X1 has d1 dimensions, and τ is the variance of the
    pretext's noise as the head passes it to the label.
    """
    laws, _, _, tau, root = learned(n_pairs)
    head = laws.target @ np.linalg.pinv(laws.pretext, rcond=1e-10)
    noise = np.sum((head @ root) ** 2)

    def error_of(key):  # that head of a regression of X2 on x1 is the regression of that head of X2
        return observed.excess_risk(
            key, n_pairs, head @ laws.pretext, np.eye(10), noise, steadied=True
        )

    risk = predicted.learned_pretext_error(n_pairs, 10, 0, tau)
    controls = {"d1 τ / n1": 10 * tau / n_pairs}
    if n_pairs <= 60:  # beyond it is too near to be distinguished
        controls["d1 τ / (n1 - d1)"] = 10 * tau / (n_pairs - 10)
    trial.mean(error_of, risk, margin=0.01 * risk, controls=controls, **SAMPLES)


@claim(
    derived("learned_pretext put into labels_needed with r = k"),
    kind="limit",
    tier="full",
    cases=[20, 40, 80],
)
def test_learned_pretext__labels(
    trial,
    n_labels: Annotated[int, Interval(20, 80, why="a cap, which nothing requires")],
    n_pairs: Pairs = 2000,
):
    """A learned pretext costs labels for the coefficients that are kept of it: for k if it is cut
    to k directions, and for all d2 if it is not.
    """
    laws, theory, directions, tau, _ = learned(n_pairs)

    def measure(key):
        pairs, labels = jax.random.split(key)
        full = directions(pairs)
        heads = full[:2], full
        return jnp.stack(
            [
                observed.excess_risk(labels, n_labels, laws.target, head, laws.noise)
                for head in heads
            ]
        )

    def risks(ranks):
        left = [predicted.learned_pretext_error(n_pairs, 10, rank, tau) for rank in (2, 6)]
        pairs = zip(ranks, left, strict=True)
        return np.array(
            [predicted.excess_risk(n_labels, rank, theory.noise, error) for rank, error in pairs]
        )

    risk = risks((2, 6))
    controls = {"k, uncut too": risks((2, 2)), "d2, cut too": risks((6, 6))}
    trial.mean(measure, risk, margin=0.05 * risk, controls=controls, **SAMPLES)


@claim(derived("an invertible map of x1 changes no least-squares prediction"), kind="identity")
def test_no_gain_if_wide(
    trial,
    dim: SeveralCounts = 6,
    second_dim: SeveralCounts = 8,
    n_labels: Annotated[int, Interval(2, 300, why="as many are drawn")] = 30,
):
    """If X2 has at least as many dimensions as X1 and there are more pairs and at least as many
    labels as these, d1, then a head on the uncut learned pretext predicts as one on x1 does:
    nothing is saved.
    """
    trial.require(
        second_dim >= dim > 2,
        "second_dim must be at least dim, above the two directions of the control",
    )
    trial.require(n_labels >= dim, "n_labels must be at least dim")
    generator = trial.generator()
    world = observed.gaussian_world(0.0, dim, second_dim)

    def drawn():
        first, second, labels = observed.draw(generator, world, 300)
        pretext = np.linalg.lstsq(first[100:], second[100:], rcond=None)[0]
        return (
            first,
            labels,
            pretext,
            np.linalg.svd(first[:n_labels] @ pretext, compute_uv=False)[[0, dim - 1]],
        )

    # True of any data, so that it is asked of those of which rounding leaves most.
    first, labels, pretext, (most, least) = max(
        (drawn() for _ in range(20)), key=lambda data: data[-1][1]
    )
    cut = np.linalg.svd(pretext)[0][:, :2]

    def says(through, count=n_labels):
        return observed.head_predictions(
            first[:count] @ through, labels[:count], first[50:100] @ through
        )

    raw = says(np.eye(dim))
    few = dim - 1
    longest = np.linalg.norm(first[50:100] @ pretext, axis=1).max()
    trial.identity(
        says(pretext),
        raw,
        # Weights of length |y| / least, in which an error of the design grows by its condition.
        ops=10 * n_labels * most / least * max(longest / least, 1.0),
        scale=np.max(np.abs(labels)),
        control_processes={
            "cut to two directions": says(cut),
            "least norm, n < d1": raw + says(pretext, few) - says(np.eye(dim), few),
        },
    )


@claim(
    derived("any function linear in x1 is one of an invertible map of x1"),
    kind="identity",
    cases=[(6, 8, 0.5)],
)
def test_ci_not_necessary(trial, dim: Size, second_dim: Size, violation: Violated):
    """If the pretext has the rank d1 of X1, it has no approximation error for any dependence of X1
    and X2 given Y: conditional independence gives a small rank, and not this.
    """
    trial.require(second_dim >= dim > 2, "second_dim must be at least dim, above the 2 causes")
    laws, theory, _ = normal(violation, dim=dim, second_dim=second_dim)
    means = observed.gaussian_world(violation, dim, second_dim).second
    delta = theory.pretext - means @ theory.target
    inner, _ = predicted.violation_bounds(means, delta @ delta.T)
    trial.identity(
        np.array([normal_error(laws), np.linalg.matrix_rank(laws.pretext, tol=1e-10)]),
        np.array([theory.approximation_error, theory.rank]),
        ops=OPS,
        controls={
            "a > 0 as independence fails": np.array([inner, dim]),
            "rank k": np.array([0.0, 2]),
        },
    )


@claim(
    derived("Bayes' rule for normal variables; E[Y | X1] discards the second view"),
    kind="identity",
    cases=[0.0, 0.3],
)
def test_second_view_discarded(trial, violation: Violation):
    """The target of the pretext is E[Y | X1]. In the normal world X2 would explain more of Y: its
    precision grows by B'B with B = A2 - L A1, where A1 and A2 are the loadings of the views and L
    what X2 copies of X1's noise.
    """
    laws, theory, _ = normal(violation)
    trial.identity(
        np.array([laws.noise, laws.noise_of_both]),
        np.array([theory.noise, theory.noise_of_both]),
        ops=OPS,
        controls={
            "X2 adds nothing": np.full(2, theory.noise),
            "X1 says all": np.full(2, theory.noise_of_both),
        },
    )


@claim(derived("exact values of polynomials of low degree"), kind="identity")
def test_break_even__everywhere(trial):
    """At n* = d1 + 1 + σ² (d1 - r) / a labels, (σ² + a) (n* - d1 - 1) = σ² (n* - r - 1) for all σ²,
    a, d1 and r, so that heads on r and on d1 features are equally good.
    """

    def beyond(noise, dim, rank):
        return noise * (dim - rank)  # a (n* - d1 - 1)

    trial.prove_identity(
        lambda noise, error, dim, rank: (noise + error) * beyond(noise, dim, rank),
        lambda noise, error, dim, rank: noise * (beyond(noise, dim, rank) + error * (dim - rank)),
        {"noise": 2, "error": 1, "dim": 1, "rank": 1},
        controls={
            "n* without the noise": lambda noise, error, dim, rank: noise * error * (dim - rank)
        },
    )
