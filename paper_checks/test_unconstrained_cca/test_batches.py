"""What batches do to the loss, and what views without relation leave of it."""

from typing import Annotated

import numpy as np

from paper_checks.test_unconstrained_cca import NOTHING, Columns, Correlations, Size
from sims import unconstrained_cca as observed
from sims.unconstrained_cca import Law
from theory import unconstrained_cca as predicted
from theory.unconstrained_cca import Batch, Form
from theory_on_trial import claim, code, derived, known, published, recalled
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic, Bounded

UNEVEN = (0.9, 0.8, 0.7, 0.15)
WORLD = ((0.9, 0.6, 0.3), (1.0, 0.7, 0.5))
"""Canonical correlations of two white views, and the weight of each direction in both embeddings.
"""

OWN_FACTORS = published(
    place=code(
        "jameschapman19/cca_zoo", "cca_zoo/linear/_gradient/_ey.py, CCA_EY.derivative", "7d5d396"
    ),
    quoted="view.T @ representation @ B / (n - 1) + independent_view.T @ "
    "independent_representation @ independent_B / (n - 1)",
    within="the penalties of two batches, as the gradient of $tr(B B')$ in `loss`; until v2.6, "
    "rewritten in v3.0",
    reach="default path",
    effect="`CCA_EY` of those versions keeps the bias of a single batch; the paper's deep "
    "experiments differentiate the loss automatically and are not affected",
    ran="its lines, rewritten",
)


def released_derivative(views, second, weights):
    """`CCA_EY.derivative` of cca-zoo 2.6.0, line by line; it returns twice the gradient."""
    representations = views @ weights
    independent = second @ weights
    B, independent_B = (
        np.mean([np.atleast_2d(np.cov(z.T)) for z in pair], axis=0)
        for pair in (representations, independent)
    )
    n = views.shape[1]
    rewards = [2 * view.T @ representations.sum(axis=0) / (n - 1) for view in views]
    penalties = [
        view.T @ own @ B / (n - 1) + other.T @ independent_own @ independent_B / (n - 1)
        for view, own, other, independent_own in zip(
            views, representations, second, independent, strict=True
        )
    ]
    return np.array([2 * (-r + p) for r, p in zip(rewards, penalties, strict=True)])


PILLAI = known(
    "Pillai 1955, Some new test criteria in multivariate analysis: the mean of his trace",
    within="normal rows; that any law has this mean, and any rows in the mean over pairings, is "
    "found here",
)
HEAVY = "law must have a moderate eighth moment: no sample is large enough"
Enumerated = Annotated[int, Interval(2, 3, why="3^(4 b) batches")]
Kurtosis = Annotated[
    float, Interval(-2, 100, why="-2 is the least there is, and the formula is linear in it")
]
Related = tuple[
    Annotated[float, Interval(0.01, 1, "[)", why="weaker is none; at 1 it is singular")], ...
]


def _embedded(correlations, weights, unrelated=False):
    """Covariance of both embeddings, and their loadings on the sources x = s, y = ρ s + sqrt(1 -
    ρ^2) s'.
    """
    rho = np.zeros(len(weights)) if unrelated else np.asarray(correlations)
    w = np.diag(weights)
    loadings = np.block([[w, 0 * w], [w * rho, w * np.sqrt(1 - rho**2)]])
    return loadings @ loadings.T, loadings


@claim(
    recalled("the loss of two independent batches, as the first author's thesis states it"),
    kind="identity",
    cases=[(2, 0), (2, 6), (3, -2)],
)
def test_two_batch_unbiased(trial, batch: Enumerated, kurtosis: Kurtosis):
    """Let $V$ be the sum of the covariances of both views' embeddings in a batch. If $V'$ is
    computed from an independent batch, $E tr(V V') = tr V^2$ for the population's $V$, for batches
    of any size from two on and any law of the data with second moments.

    Exact for every law of independent sources: the mean over all batches of a three-point law with
    this kurtosis.
    """
    rho = WORLD[0][:2]
    w = WORLD[1][:2]
    covariance, loadings = _embedded(rho, w)
    truth = predicted.two_batch_penalty(covariance)
    cumulants = predicted.cumulant_bias(loadings, np.full(4, float(kurtosis)), batch)
    trial.identity(
        observed.enumerated_penalties(np.array(rho), np.stack([np.diag(w)] * 2), batch, kurtosis)[
            1
        ],
        truth,
        ops=3 ** (4 * batch),  # terms of the mean
        controls={
            "one batch": truth + predicted.single_batch_bias(covariance, batch) + cumulants,
            "$b$ for $m$": truth * ((batch - 1) / batch) ** 2,
        },
    )


@claim(
    derived("the fourth moments of sample covariances"),
    kind="identity",
    cases=[(2, 0), (2, 6), (3, -2)],
)
def test_single_batch_bias(trial, batch: Enumerated, kurtosis: Kurtosis):
    """If one batch of $b$ rows is in both factors of the penalty $tr V^2$, $V$ the sum of the
    covariances of both views' embeddings, its mean exceeds the population's $tr V^2$ by a sum over
    the four pairs of views: $(1/(b-1))$ times $tr(C C) + (tr C)^2$ of the covariance $C$ of a pair,
    and $(1/b)$ times the fourth cumulants of its embeddings.

    Exact for every law of independent sources: the mean of a polynomial of degree four, over all
    batches of a three-point law with this kurtosis.
    """
    rho = WORLD[0][:2]
    w = WORLD[1][:2]
    covariance, loadings = _embedded(rho, w)
    normal = predicted.single_batch_bias(covariance, batch)
    cumulants = predicted.cumulant_bias(loadings, np.full(4, float(kurtosis)), batch)
    within = predicted.single_batch_bias(_embedded(rho, w, unrelated=True)[0], batch)
    controls = {
        "$2 tr V^2 / m$": 2 * predicted.two_batch_penalty(covariance) / (batch - 1) + cumulants,
        "$b$ for $m$": normal * (batch - 1) / batch + cumulants,
        "covariances between the views left out": within + cumulants,
    } | ({"cumulants left out": normal} if abs(kurtosis) > 1e-3 else {})
    single, double = observed.enumerated_penalties(
        np.array(rho), np.stack([np.diag(w)] * 2), batch, kurtosis
    )
    trial.identity(
        single - double,
        normal + cumulants,
        ops=3 ** (4 * batch),
        scale=single + double,
        controls=controls,
    )


@claim(
    derived("the same, where views are sampled"),
    kind="identity",
    tier="full",
    cases=[(4, "normal"), (16, "normal"), (16, "exponential"), (16, "sign")],
)
def test_sampled_bias(trial, batch: Batch, law: Law):
    """Let $V$ and $V'$ be the sums of the covariances of both views' embeddings in two independent
    batches. The mean of $tr(V V')$ is $tr V^2$ of the population, and half the mean of $|V - V'|^2$
    is the bias of one batch in both factors.
    """
    rho, w = WORLD
    covariance, loadings = _embedded(rho, w)
    kurtosis = {"normal": 0.0, "exponential": 6.0, "cubed exponential": 1e4, "sign": -2.0}[law]
    trial.require(law != "cubed exponential", HEAVY)
    normal = predicted.single_batch_bias(covariance, batch)
    truth = predicted.two_batch_penalty(covariance)
    means = np.array(
        [truth, normal + predicted.cumulant_bias(loadings, np.full(6, kurtosis), batch)]
    )
    heads = np.stack([np.diag(w)] * 2)
    trial.mean(
        lambda key: observed.batch_penalties(key, np.array(rho), heads, batch, 256, law),
        means,
        law=Asymptotic(),
        margin=np.array([0.025, 0.02]) * means,
        controls={"one batch, $2 tr V^2 / m$": np.array([means.sum(), 2 * truth / (batch - 1)])},
        first=64,
        vectorised=True,
    )


@claim(
    derived("the gradient of the loss of two batches, which the first author's thesis states"),
    kind="identity",
    as_published=OWN_FACTORS,
)
def test_two_batch_gradient(trial, pairs: Batch = 8, dim: Size = 5, n_columns: Columns = 2):
    """Let $V$ be the sum of the covariances of both views' embeddings in a batch. The gradient of
    the loss of two batches multiplies the factor of each batch by the $V$ of the other, with both
    batches centred.
    """
    rng = trial.generator()
    views, second = rng.normal(size=(2, 2, pairs, dim))
    weights = rng.normal(size=(2, dim, n_columns))
    exact = predicted.two_batch_gradient(views, second, weights)
    trial.identity(
        np.asarray(observed.two_batch_gradient(weights, views, second)),
        exact,
        ops=10 * pairs,
        scale=np.abs(exact).max() + np.sum(weights**2) ** 1.5,
        controls={
            "not centred": predicted.two_batch_gradient(views, second, weights, centred=False),
            "each with its own $V$": predicted.two_batch_gradient(
                views, second, weights, "its own"
            ),
        },
        as_published=released_derivative(views, second, weights) / 2,
        generic="gradients are polynomials in views and weights",
    )


@claim(
    derived("the expected loss of a single batch is a quadratic programme in the variances"),
    kind="optimality",
    cases=[
        (8, "off-diagonal", 4),
        (6, "off-diagonal", 4),
        (32, "off-diagonal", 4),
        (8, "off-diagonal", 2),
        (8, "off-diagonal", 1),
        (8, "library", 4),
        (8, "library", 1),
    ],
)
def test_small_batch_shrinks(
    trial,
    batch: Annotated[int, Interval(2, 10_000, why="larger batches hardly shrink")],
    form: Form,
    n_columns: Columns,
    correlations: Correlations = UNEVEN,
):
    """With one batch of $b$ normal pairs in both factors, the strengths $x$ of the canonical
    components minimise $x^T Q x - 2 r^T x$ over $x >= 0$: they shrink unevenly, and weak components
    are lost.

    Q = I + [diag(1 + ρ^2) + 1 1^T + ρ ρ^T] / (2 m) of the K largest ρ, and r = ρ (or 1 + ρ:
    "library").
    """
    rho = np.sort(correlations)[::-1]
    trial.require(
        n_columns <= len(rho), "n_columns must be at most the directions, which this programme has"
    )
    trial.require(
        np.all(rho[n_columns - 1] - rho[n_columns : n_columns + 1] >= 0.01),
        "correlations K, K + 1: .01 apart",
    )
    trial.require(
        rho[0] >= 0.01, "the largest correlation must be at least .01: nothing is left to shrink"
    )
    lone = form == "off-diagonal" or rho[n_columns - 1] >= 1 / batch
    trial.require(
        lone,
        "in the library's form correlation K must be 1 / batch, or x - y is a local minimum, too",
    )
    trial.require(
        rho[0] <= 0.99,
        "the largest correlation must be at most .99: of one column shrinkage is even at 1",
    )
    minimum = observed.minimise_expected(rho, n_columns, batch, form)
    strengths = np.sum(minimum.weights.reshape(-1, 2, len(rho), n_columns) ** 2, axis=(1, 3))
    goal = rho[:n_columns] + (form == "library")

    def related(found):  # and of all directions together: the others have none
        return np.column_stack([found[:, : len(goal)][:, goal >= 0.01], found.sum(axis=1)])

    trial.value(
        related(strengths / (2 if form == "library" else 1)),
        related(predicted.shrunk_strengths(rho[:n_columns], batch, form)[None]),
        error=100 * minimum.residuals.max()
        + 1e-12,  # by far the flattest direction has curvature above 0.01
        margin=1e-8,
        controls={
            "no shrinkage": related(goal[None]),
            "an even shrinkage": related(goal[None] / (1 + (n_columns + 1) / (batch - 1))),
        },
    )


@claim(
    derived("where no strength of that programme vanishes"),
    kind="identity",
    cases=[
        {"correlations": UNEVEN},
        {"correlations": (0.95, 0.5, 0.5, 0.1)},
        {"correlations": (0.9, 0.8)},
    ],
)
def test_batch_that_keeps(trial, correlations: Related):
    """With one batch of $b = m + 1$ normal pairs in both factors of the off-diagonal form,
    direction $i$ is lost if and only if $ρ_i <= X / (2 m - Y)$, where $X$ is the sum of the
    strengths $x$ and $Y$ the sum of $ρ x$. This gives the least batch that keeps it.
    """
    rho = np.array(correlations)
    trial.require(len(rho) > 0, NOTHING)
    least = predicted.batch_that_keeps(rho)
    rough = int(np.ceil((rho.sum() / rho.min() + np.sum(rho**2)) / 2)) + 1
    trial.require(
        rough != least,
        "correlations must shrink so much that they and the strengths x give unlike batches",
    )
    clear = predicted.shrunk_strengths(rho, least).min() > 1e-4
    trial.require(
        clear,
        "correlations must leave the least strength above 1e-4 at the least batch: it is sought "
        "there",
    )
    near = range(max(least - 1, 2), least + 1)
    ends = {b: observed.minimise_expected(rho, len(rho), b, starts=1).weights for b in near}
    keeps = [
        b
        for b, W in ends.items()
        if np.sum(W.reshape(2, len(rho), -1) ** 2, axis=(0, 2)).min() > 1e-6
    ]
    trial.identity(min(keeps), least, ops=0, controls={"$ρ$ for $x$": rough})


@claim(derived("the minima of the expected losses"), kind="limit", tier="full", cases=[1, 2])
def test_descent_shrinks(
    trial, n_batches: Annotated[int, Interval(1, 2, why="shared, or one each")], batch: Batch = 8
):
    """Stochastic gradient descent ends at the strengths that theory gives for small batches if one
    batch is in both factors, and at the canonical correlations $ρ$ if the two batches are
    independent.

    Of the three strong directions: the mean over the last 2000 of 4000 steps, while the rate falls
    from 0.01 to 0.003.
    """
    trial.require(batch >= 5, "batch must be at least 5: on fewer rows steps diverge at times")
    rho = np.array(UNEVEN)
    shrunk = predicted.shrunk_strengths(rho, batch)
    ends, wrong_ends = (shrunk, rho) if n_batches == 1 else (rho, shrunk)
    trial.mean(
        lambda key: observed.strengths_after_descent(key, rho, batch, n_batches, 4000, 0.01)[:3],
        ends[:3],
        law=Asymptotic(),
        margin=0.03 * ends[:3],
        controls={"as with the other number of batches": wrong_ends[:3]},
        first=256,
        most=2048,
        vectorised=True,
    )


@claim(
    PILLAI,
    kind="identity",
    cases=[(5, 2, 2), (8, 4, 3)],
)
def test_null_level(
    trial,
    n_rows: Annotated[int, Interval(4, 8, why="n! of them")],
    dim_first: Size,
    dim_second: Size,
):
    """For two data sets of $n > d1 + d2$ rows and $d1$ and $d2$ columns, of full rank when centred,
    the squared canonical correlations sum to $d1 d2 / (n - 1)$ on average over all pairings of the
    rows.

    So they do, in the mean, for unrelated views with independent rows of any law, of which all
    pairings are alike.
    """
    trial.require(n_rows > dim_first + dim_second, "n_rows must exceed dim_first + dim_second")
    rng = trial.generator()
    level = predicted.null_level(n_rows, dim_first, dim_second)
    smaller = (
        {"the smaller $d$": level / max(dim_first, dim_second)}
        if max(dim_first, dim_second) > 1
        else {}
    )
    trial.identity(
        observed.every_pairing(
            rng.normal(size=(n_rows, dim_first)), rng.exponential(size=(n_rows, dim_second))
        ),
        level,
        ops=100 * n_rows,
        controls={"$d1 d2 / n$": level * (n_rows - 1) / n_rows} | smaller,
        generic="the mean over all pairings is rational in both views",
    )


@claim(
    PILLAI,
    kind="identity",
    tier="full",
    cases=[(40, 6, 4, "cubed exponential")],
)
def test_sampled_null_level(
    trial,
    n_rows: Annotated[
        int, Interval(3, 60, why="a share 1 / n of the level is told, which takes n^2 draws")
    ],
    dim_first: Size,
    dim_second: Size,
    law: Law,
):
    """For unrelated views of $d1$ and $d2$ columns and $n > d1 + d2$ independent rows of any law
    with a density, the squared canonical correlations sum to $d1 d2 / (n - 1)$ on average.
    """
    trial.require(n_rows > dim_first + dim_second, "n_rows must exceed dim_first + dim_second")
    level = predicted.null_level(n_rows, dim_first, dim_second)
    large = max(dim_first, dim_second)
    smaller = {"the smaller $d$": level / large} if large > 1 else {}
    trial.mean(
        lambda key: observed.squared_correlations(key, n_rows, dim_first, dim_second, law),
        level,
        law=Bounded(0, min(dim_first, dim_second)),
        margin=min(0.03, 0.8 / n_rows) * level,
        controls={"$d1 d2 / n$": level * (n_rows - 1) / n_rows} | smaller,
        first=1024,
        most=12_000_000,
        vectorised=True,
    )
