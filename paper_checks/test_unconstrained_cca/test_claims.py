"""The claims of the paper; what its letters mean stands in the package."""

from itertools import combinations
from typing import Annotated

import numpy as np

from sims import unconstrained_cca as observed
from sims.unconstrained_cca.domains import Law
from theory import unconstrained_cca as predicted
from theory.unconstrained_cca.domains import Batch, Form
from theory_on_trial import abstract, claim, code, ours
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic, Bounded

SPECTRUM = (3.0, 2.0, 1.2, 0.7, -0.4, -1.5)
RELATED = (0.9, 0.6, 0.3, 0.0, 0.0)
"""Canonical correlations of two views of five dimensions, three of them related."""
UNEVEN = (0.9, 0.8, 0.7, 0.15)
WORLD = ((0.9, 0.6, 0.3), (1.0, 0.7, 0.5))
"""Canonical correlations of two white views, and the weight of each direction in both embeddings."""

NOTHING = "correlations must not be empty: views have a dimension"
HEAVY = "law must have a moderate eighth moment: no sample is large enough"
FADES = "between time / 2 and time W must not all but vanish: |w|^2 must not fall tenfold"
MOVES = "between time / 2 and time the flow must move by 1e-6: earlier nothing has happened, later it is at rest"

Size = Annotated[int, Interval(1, 128, why="problems of this size are solved many times")]
Columns = Annotated[int, Interval(1, 128, why="as many as there are directions, or a few more")]
Few = Annotated[int, Interval(1, 1000, why="each is followed or drawn")]
Enumerated = Annotated[int, Interval(2, 3, why="3^(4 b) batches")]
Kurtosis = Annotated[float, Interval(-2, 100, why="-2 is the least there is, and the formula is linear in it")]
Eigenvalues = tuple[Annotated[float, Interval(-10, 10, why="starts of order one suit them")], ...]
Surplus = Annotated[int, Interval(0, 10, why="columns or dimensions that stay empty: ten show it")]
Visible = Annotated[int, Interval(2, 10_000, why="larger batches hardly shrink")]
Chosen = tuple[Annotated[int, Interval(0, 5, why="indices of the six eigenvalues")], ...]
Time = Annotated[float, Interval(0, 100, "(]", why="in units of the eigenvalues; by then all is at rest")]
Correlations = tuple[Annotated[float, Interval(0, 1, "[)", why="at 1 the pencil is singular")], ...]
Related = tuple[Annotated[float, Interval(0.01, 1, "[)", why="weaker is none; at 1 it is singular")], ...]


def _pencil(rng, eigenvalues):
    """A and B of a random problem with these eigenvalues."""
    root, dim = rng.normal(size=(2 * len(eigenvalues), len(eigenvalues))), len(eigenvalues)
    B = root.T @ root / len(root) + np.eye(dim) / 4
    basis = np.linalg.cholesky(B) @ np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    A = basis * eigenvalues @ basis.T
    return (A + A.T) / 2, B


def _spectrum(trial, eigenvalues):
    """The eigenvalues, the largest first, in a unit that suits starts of order one."""
    trial.require(
        np.max(np.abs(eigenvalues), initial=0) >= 0.1, "the largest |eigenvalue| must be at least .1: A has that unit"
    )
    return np.sort(eigenvalues)[::-1]


def _views(correlations, form, unmatched=0):
    """A and B of white views with these canonical correlations, the second of so many dimensions more."""
    rho = np.array(correlations)
    first, second = (np.eye(len(rho) + more) for more in (0, unmatched))
    return observed.pencil_of_views(first, second, rho[:, None] * np.eye(len(rho), len(second)), form)


def _embedded(correlations, weights, unrelated=False):
    """Covariance of both embeddings, and their loadings on the sources x = s, y = rho s + sqrt(1 - rho^2) s'."""
    rho, w = np.zeros(len(weights)) if unrelated else np.asarray(correlations), np.diag(weights)
    loadings = np.block([[w, 0 * w], [w * rho, w * np.sqrt(1 - rho**2)]])
    return loadings @ loadings.T, loadings


# ------------------------------------------------------------------------------------------------------- the landscape


@claim(ours("expand both squares; the loss is named after it"), kind="identity", cases=[(4, 1), (8, 3), (20, 20)])
def test_eckart_young(trial, dim: Size, n_columns: Columns):
    """With A' = B^(-1/2) A B^(-1/2) and P = B^(1/2) W W^T B^(1/2) the loss is |A' - P|^2 - |A'|^2."""
    rng = trial.generator()
    A, B = _pencil(rng, rng.normal(size=dim))
    every = rng.normal(size=(3, dim, n_columns))  # one loss may be near zero, and then all else is far from it
    values, vectors = np.linalg.eigh(B)
    once_more = vectors / np.sqrt(values) @ vectors.T @ A @ vectors / np.sqrt(values) @ vectors.T
    distances = np.array([predicted.loss_by_distance(A, B, W) for W in every])
    once_more = (once_more + once_more.T) / 2
    trial.identity(
        np.array([observed.ey_loss(A, B, W) for W in every]),
        distances,
        ops=10 * dim,
        scale=np.array([np.sum((W.T @ B @ W) ** 2) for W in every]) + np.sum(A**2) / values[0] ** 2,
        controls={
            "1 for the factor 2": distances + np.array([np.sum(W * (A @ W)) for W in every]),
            "B^-1 for B^(-1/2)": np.array([predicted.loss_by_distance(once_more, B, W) for W in every]),
        },
    )


@claim(
    abstract("a novel unconstrained objective that characterizes the top subspace of GEPs"),
    kind="optimality",
    cases=[(SPECTRUM, 1), (SPECTRUM, 3), (SPECTRUM, 5)],
)
def test_minimum(trial, eigenvalues: Eigenvalues, n_columns: Columns, starts: Few = 6):
    """Every descent ends at min L = - sum of the squares of the K largest eigenvalues, negative ones counted as 0."""
    rng, spectrum = trial.generator(), _spectrum(trial, eigenvalues)
    used, size, least = np.sum(spectrum[:n_columns] > 0), np.sum(spectrum**2), predicted.least_loss(spectrum, n_columns)
    held, missing = spectrum[:used], spectrum[used : used + 1]
    gaps = np.concatenate([held, (held[-1:] if used == n_columns else 0) - missing])
    trial.require(
        used and min(gaps) >= 0.03, "one eigenvalue must be positive, and the K largest .03 off the next and 0"
    )
    A, B = _pencil(rng, eigenvalues)
    found = observed.minimise(A, B, rng.normal(size=(starts, len(spectrum), n_columns)))
    signed = {"negative ones as well": -np.sum(spectrum[:n_columns] ** 2)} if min(spectrum[:n_columns]) < 0 else {}
    trial.value(
        found.losses,
        least,
        error=found.residuals + 1e-12 * size,  # half the digits of B are lost to its condition at worst
        margin=1e-8 * size,
        controls={"1 for the factor 2": least / 4} | signed,
    )
    gram, W = predicted.minimising_gram(A, B, n_columns), found.weights[0]
    trial.value(
        np.diag(W @ W.T),
        np.diag(gram),
        error=1e4 * found.residuals[0] + 1e-11,  # of a minimiser whose least curvature is above 0.1
        margin=1e-8,
        controls={"1 for the factor 2": np.diag(gram) / 2},
    )


@claim(
    ours("the minimum for these eigenvalues"),
    kind="optimality",
    cases=[
        ("off-diagonal", 2, 0),
        ("off-diagonal", 3, 1),
        ("library", 2, 0),
        ("library", 4, 0),
        ("library", 8, 0),
        ("library", 8, 2),
    ],
)
def test_minimum_of_views(
    trial, form: Form, n_columns: Columns, unmatched: Surplus, correlations: Correlations = RELATED
):
    """For CCA min L is - sum of rho_i^2, or - sum of (1 + rho_i)^2 in the library's form, over the K largest."""
    trial.require(len(correlations), "correlations must not be empty")
    related = max(correlations) >= 0.01
    trial.require(form == "library" or related, "a correlation must be at least .01: else only W = 0 is a minimum")
    A, B = _views(correlations, form, unmatched)
    found = observed.minimise(A, B, trial.generator().normal(size=(3, len(A), n_columns)))
    least, other = (
        predicted.least_loss(predicted.eigenvalues_of_views(np.array(correlations), one, unmatched), n_columns)
        for one in (form, "library" if form == "off-diagonal" else "off-diagonal")
    )
    trial.value(
        found.losses,
        least,
        error=found.residuals + 1e-12,
        margin=1e-8,
        controls={"the other form": other, "1 for the factor 2": least / 4},
    )


@claim(ours("a direction without a positive eigenvalue only costs"), kind="identity")
def test_surplus_columns(trial, n_columns: Columns = 4, correlations: Correlations = RELATED):
    """Columns beyond the positive eigenvalues stay empty: the rank of a minimiser is less than K if lambda_K <= 0."""
    rho = np.array(correlations)
    trial.require(len(rho) > 0, NOTHING)
    trial.require(n_columns > np.sum(rho > 0), "n_columns must exceed the related directions: there is no surplus else")
    trial.require((rho == 0) | (rho >= 0.01), "correlations must be 0 or at least .01: a rank has a threshold")
    A, B = _views(correlations, "off-diagonal")
    found = observed.minimise(A, B, trial.generator().normal(size=(2, len(A), n_columns)))
    library = predicted.eigenvalues_of_views(np.array(correlations), "library")
    trial.identity(
        np.array([np.linalg.matrix_rank(W, tol=1e-3) for W in found.weights]),
        predicted.columns_used(predicted.eigenvalues_of_views(np.array(correlations)), n_columns),
        ops=0,
        controls={"as in the library's form": predicted.columns_used(library, n_columns), "all": n_columns},
    )


@claim(ours("Eckart, Young & Mirsky for a positive semidefinite approximation"), kind="bound", cases=[(6, 2), (12, 5)])
def test_floor(trial, dim: Size, n_columns: Columns, draws: Few = 200):
    """No W has a smaller loss: -L(W) <= sum of the squares of the K largest positive eigenvalues."""
    rng, place = trial.generator(), np.arange(dim) / dim
    A, B = _pencil(rng, np.where(place < 2 / 3, 1 - place, -place))  # a third of them negative
    eigenvalues = predicted.generalised_eigenvalues(A, B)
    used = predicted.columns_used(eigenvalues, n_columns)
    best = predicted.critical_point(A, B, tuple(range(used)), n_columns)
    most = -predicted.least_loss(eigenvalues, n_columns)
    drawn = best + rng.normal(size=(draws, *best.shape)) * 10.0 ** rng.uniform(-3, 0, (draws, 1, 1))
    trial.bound(
        np.array([-observed.ey_loss(A, B, W) for W in (best, *drawn)]),
        np.full(draws + 1, most),
        found_by="draws",
        independent=draws,
        ops=10 * dim,
        scale=np.sum(A**2) + np.array([np.sum((W.T @ B @ W) ** 2) for W in (best, *drawn)]),
        controls={"one direction less": np.full(draws + 1, most - eigenvalues[used - 1] ** 2)},
    )


@claim(
    ours("recalled: no spurious minima; values and curvatures derived"),
    kind="identity",
    cases=[
        *((S, more, SPECTRUM) for more in (0, 1) for size in range(1, 5) for S in combinations(range(4), size)),
        ((), 1, SPECTRUM),
        ((0, 1), 1, (2.0, 1.0, 0.0, -0.5)),
        ((0,), 0, (1.0, -1.5)),
    ],
)
def test_critical_points(trial, chosen: Chosen, surplus: Surplus, eigenvalues: Eigenvalues):
    """At W = U_S Lambda_S^(1/2), |S| <= K, L is stationary, - sum of lambda_i^2 over S, and a strict saddle but one."""
    spectrum = _spectrum(trial, eigenvalues)
    positive = spectrum[spectrum > 0]
    trial.require(min(positive, default=0) >= 0.01, "positive eigenvalues must be at least .01, and one must be there")
    chosen = tuple({one for one in chosen if one < len(positive)})  # those that are there, once each
    n_columns = len(chosen) + surplus
    trial.require(n_columns, "chosen and surplus must give W a column")
    A, B = _pencil(trial.generator(), spectrum)
    W = predicted.critical_point(A, B, chosen, n_columns)
    rounding, size = {"ops": 100 * len(eigenvalues)}, np.sum(np.abs(spectrum))
    if chosen:  # W = 0 is stationary, and L = 0 there, whatever the formulas
        steep = np.linalg.norm(A) * np.sqrt(spectrum[0])
        trial.value(
            np.linalg.norm(observed.ey_gradient(A, B, W)),
            0.0,
            error=1e-12 * steep,
            margin=1e-11 * steep,
            scale=steep,
            wrong_processes={"a tenth longer": np.linalg.norm(observed.ey_gradient(A, B, 1.1 * W))},
        )
        loss = predicted.critical_loss(spectrum, chosen)
        trial.identity(
            observed.ey_loss(A, B, W), loss, **rounding, scale=size**2, controls={"1 for the factor 2": loss / 4}
        )
    least = predicted.least_curvature(spectrum, chosen, n_columns)
    wrong = {"half of it": least / 2} if least else {"no flat directions": 4 * spectrum[max(chosen)]}
    if chosen and not surplus and least < 0:
        above = np.delete(spectrum, chosen) - spectrum[list(chosen)].min()
        above = above[above > 1e-6 * size]  # equal ones may differ by rounding
        several = len(above) and np.ptp(above) > 1e-6 * size
        wrong |= {"the nearest missing eigenvalue": -4 * above.min()} if several else {}
    trial.identity(observed.curvatures(A, B, W)[0], least, **rounding, scale=size, controls=wrong)


# ------------------------------------------------------------------------------------------------------------- the flow


@claim(ours("a Riccati equation in W W^T"), kind="identity", cases=[0.2, 0.5, 1.0, 2.0])
def test_flow(trial, time: Time, eigenvalues: Eigenvalues = (1.0, 0.6, 0.2, 0.0, -0.7)):
    """For B = I the flow has W W^T = Y (I + W0^T A^(-1) (exp(8 A t) - I) W0)^(-1) Y^T with Y = exp(4 A t) W0."""
    rng, _ = trial.generator(), _spectrum(trial, eigenvalues)
    # At random but for the first direction, which no coordinate lacks: none of them fades.
    first, others = np.ones((len(eigenvalues), 1)), rng.normal(size=(len(eigenvalues), len(eigenvalues) - 1))
    basis = np.linalg.qr(np.hstack([first, others]))[0]
    A, start = basis * eigenvalues @ basis.T, 0.3 * rng.normal(size=(len(eigenvalues), 3))
    A = (A + A.T) / 2
    ends, half, quarter = (np.diag(predicted.flow_gram(A, start, time / k)) for k in (1, 2, 4))
    trial.require(min(np.max(np.abs(ends - half)), np.max(np.abs(ends - quarter))) >= 1e-6, MOVES)
    trial.require(np.max(np.abs(half / ends - 1)) < 9, FADES)
    W = observed.flow_path(A, start, np.array([time]))[0]
    trial.value(
        np.sum(W**2, axis=1),  # the diagonal, in a basis at random
        ends,
        error=1e-10 * max(1, np.max(ends)),  # ten times the tolerance of the integration
        margin=1e-9 * max(1, np.max(ends)),
        controls={"rate 4": half, "Oja's flow": quarter},
    )


@claim(ours("the flow from one direction"), kind="identity", cases=[(0.9, 0.01), (0.9, 2.0), (0.0, 0.5), (-0.5, 0.5)])
def test_flow_aligned(
    trial,
    eigenvalue: Annotated[float, Interval(-10, 10)],
    start: Annotated[float, Interval(1e-4, 10, why="the integration's least numbers")],
    time: Time = 0.5,
):
    """A column along an eigenvector keeps to it, with x(t) = lambda / (1 + (lambda / x0 - 1) exp(-8 lambda t))."""
    end, half = (predicted.aligned_strength(eigenvalue, start, time / k) for k in (1, 2))
    trial.require(abs(end - half) >= 1e-6, MOVES)
    trial.require(abs(half / end - 1) < 9, FADES)
    W = observed.flow_path(np.diag([eigenvalue, 0.3]), np.array([[start**0.5], [0.0]]), np.array([time]))[0]
    trial.value(
        float(np.sum(W**2)),
        end,
        error=1e-10 * max(1, end),
        margin=1e-9 * max(1, end),
        controls={"rate 4": half},
    )


# --------------------------------------------------------------------------------------------------------- mini-batches


@claim(ours("the two batches are independent"), kind="identity", cases=[(2, 0), (2, 6), (3, -2)])
def test_two_batch_unbiased(trial, batch: Enumerated, kurtosis: Kurtosis):
    """With V' from an independent batch E tr(V V') = tr V^2, for every batch size and every law.

    Exact for every law of independent sources: the mean over all batches of a three-point law with this kurtosis.
    """
    rho, w = WORLD[0][:2], WORLD[1][:2]
    covariance, loadings = _embedded(rho, w)
    truth = predicted.two_batch_penalty(covariance)
    added = predicted.cumulant_bias(loadings, np.full(4, float(kurtosis)), batch)
    trial.identity(
        observed.enumerated_penalties(np.array(rho), np.stack([np.diag(w)] * 2), batch, kurtosis)[1],
        truth,
        ops=3 ** (4 * batch),  # terms of the mean
        controls={
            "one batch": truth + predicted.single_batch_bias(covariance, batch) + added,
            "b for m": truth * ((batch - 1) / batch) ** 2,
        },
    )


@claim(ours("the fourth moments of sample covariances"), kind="identity", cases=[(2, 0), (2, 6), (3, -2)])
def test_single_batch_bias(trial, batch: Enumerated, kurtosis: Kurtosis):
    """One batch in both factors adds (1/m) sum of tr(C C) + (tr C)^2 over pairs of views, and (1/b) sum of cumulants.

    Exact for every law of independent sources: the mean of a polynomial of degree four, over all batches of a
    three-point law with this kurtosis.
    """
    rho, w = WORLD[0][:2], WORLD[1][:2]
    covariance, loadings = _embedded(rho, w)
    normal = predicted.single_batch_bias(covariance, batch)
    added = predicted.cumulant_bias(loadings, np.full(4, float(kurtosis)), batch)
    within = predicted.single_batch_bias(_embedded(rho, w, unrelated=True)[0], batch)
    controls = {
        "2 tr V^2 / m": 2 * predicted.two_batch_penalty(covariance) / (batch - 1) + added,
        "b for m": normal * (batch - 1) / batch + added,
        "covariances between the views left out": within + added,
    } | ({"cumulants left out": normal} if abs(kurtosis) > 1e-3 else {})
    one, two = observed.enumerated_penalties(np.array(rho), np.stack([np.diag(w)] * 2), batch, kurtosis)
    trial.identity(one - two, normal + added, ops=3 ** (4 * batch), scale=one + two, controls=controls)


@claim(
    ours("the same, where views are sampled"),
    kind="identity",
    tier="full",
    cases=[(4, "normal"), (16, "normal"), (16, "exponential"), (16, "sign")],
)
def test_sampled_bias(trial, batch: Batch, law: Law):
    """Over independent batches the mean of tr(V V') is tr V^2, and half that of |V - V'|^2 is that bias."""
    rho, w = WORLD
    covariance, loadings = _embedded(rho, w)
    kurtosis = {"normal": 0.0, "exponential": 6.0, "cubed exponential": 1e4, "sign": -2.0}[law]
    trial.require(law != "cubed exponential", HEAVY)
    normal, truth = predicted.single_batch_bias(covariance, batch), predicted.two_batch_penalty(covariance)
    both = np.array([truth, normal + predicted.cumulant_bias(loadings, np.full(6, kurtosis), batch)])
    heads = np.stack([np.diag(w)] * 2)
    trial.mean(
        lambda key: observed.batch_penalties(key, np.array(rho), heads, batch, 256, law),
        both,
        law=Asymptotic(),
        margin=np.array([0.025, 0.02]) * both,
        controls={"one batch, 2 tr V^2 / m": np.array([both.sum(), 2 * truth / (batch - 1)])},
        first=64,
        vectorised=True,
    )


@claim(
    ours("differentiate -2 tr C + tr(V V')"),
    kind="identity",
    as_printed=code(
        "jameschapman19/cca_zoo",
        "cca_zoo/linear/_gradient/_ey.py, CCA_EY.derivative",
        "7d5d396",
        says="penalties: view.T @ representation @ B / (n - 1) + independent view.T @ independent representation @ "
        "independent B / (n - 1)",
    ),
)
def test_two_batch_gradient(trial, pairs: Batch = 8, dim: Size = 5, n_columns: Columns = 2):
    """The gradient of the two-batch loss multiplies each batch's factor by the *other* batch's V, both centred."""
    rng = trial.generator()
    views, second = rng.normal(size=(2, 2, pairs, dim))
    weights = rng.normal(size=(2, dim, n_columns))
    exact = predicted.two_batch_gradient(views, second, weights)
    trial.identity(
        np.asarray(observed.two_batch_gradient(weights, views, second)),
        exact,
        ops=10 * pairs,
        scale=np.abs(exact).max() + np.sum(weights**2) ** 1.5,
        controls={"not centred": predicted.two_batch_gradient(views, second, weights, centred=False)},
        as_printed=predicted.two_batch_gradient(views, second, weights, "its own"),
    )


@claim(
    ours("the expected loss of a single batch is a quadratic programme in the variances"),
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
    trial, batch: Visible, form: Form, n_columns: Columns, correlations: Correlations = UNEVEN
):
    """With one batch of b normal pairs in both factors, x = argmin x^T Q x - 2 r^T x, x >= 0: uneven, weak ones lost.

    Q = I + [diag(1 + rho^2) + 1 1^T + rho rho^T] / (2 m) of the K largest rho, and r = rho (or 1 + rho: "library").
    """
    rho = np.sort(correlations)[::-1]
    trial.require(n_columns <= len(rho), "n_columns must be at most the directions, which this programme has")
    trial.require(
        np.all(rho[n_columns - 1] - rho[n_columns : n_columns + 1] >= 0.01), "correlations K, K + 1: .01 apart"
    )
    trial.require(rho[0] >= 0.01, "the largest correlation must be at least .01: nothing is left to shrink")
    lone = form == "off-diagonal" or rho[n_columns - 1] >= 1 / batch
    trial.require(lone, "in the library's form correlation K must be 1 / batch, or x - y is a local minimum, too")
    trial.require(rho[0] <= 0.99, "the largest correlation must be at most .99: of one column shrinkage is even at 1")
    found = observed.minimise_expected(rho, n_columns, batch, form)
    strengths = np.sum(found.weights.reshape(-1, 2, len(rho), n_columns) ** 2, axis=(1, 3))
    goal = rho[:n_columns] + (form == "library")

    def related(found):  # and of all directions together: the others have none
        return np.column_stack([found[:, : len(goal)][:, goal >= 0.01], found.sum(axis=1)])

    trial.value(
        related(strengths / (2 if form == "library" else 1)),
        related(predicted.shrunk_strengths(rho[:n_columns], batch, form)[None]),
        error=100 * found.residuals.max() + 1e-12,  # by far the flattest direction has curvature above 0.01
        margin=1e-8,
        controls={
            "no shrinkage": related(goal[None]),
            "an even shrinkage": related(goal[None] / (1 + (n_columns + 1) / (batch - 1))),
        },
    )


@claim(
    ours("where no strength of that programme vanishes"),
    kind="identity",
    cases=[{"correlations": UNEVEN}, {"correlations": (0.95, 0.5, 0.5, 0.1)}, {"correlations": (0.9, 0.8)}],
)
def test_batch_that_keeps(trial, correlations: Related):
    """The least batch without a direction i that is lost: rho_i <= X / (2 m - Y), X = sum of x, Y = sum of rho x."""
    rho = np.array(correlations)
    trial.require(len(rho) > 0, NOTHING)
    least = predicted.batch_that_keeps(rho)
    rough = int(np.ceil((rho.sum() / rho.min() + np.sum(rho**2)) / 2)) + 1
    trial.require(rough != least, "correlations must shrink so much that they and the strengths x give unlike batches")
    seen = predicted.shrunk_strengths(rho, least).min() > 1e-4
    trial.require(seen, "correlations must leave the least strength above 1e-4 at the least batch: it is sought there")
    near = range(max(least - 1, 2), least + 1)
    ends = {b: observed.minimise_expected(rho, len(rho), b, starts=1).weights for b in near}
    keeps = [b for b, W in ends.items() if np.sum(W.reshape(2, len(rho), -1) ** 2, axis=(0, 2)).min() > 1e-6]
    trial.identity(min(keeps), least, ops=0, controls={"rho for x": rough})


@claim(ours("the minima of the expected losses"), kind="limit", tier="full", cases=[1, 2])
def test_descent_shrinks(trial, n_batches: Annotated[int, Interval(1, 2)], batch: Batch = 8):
    """Stochastic gradient descent ends at these strengths if one batch does for both factors, at rho with two batches.

    Of the three strong directions: the mean over the last 2000 of 4000 steps, while the rate falls from 0.01 to 0.003.
    """
    rho = np.array(UNEVEN)
    shrunk = predicted.shrunk_strengths(rho, batch)
    ends, others = (shrunk, rho) if n_batches == 1 else (rho, shrunk)
    trial.mean(
        lambda key: observed.strengths_after_descent(key, rho, batch, n_batches, 4000, 0.01)[:3],
        ends[:3],
        law=Asymptotic(),
        margin=0.03 * ends[:3],
        controls={"as with the other number of batches": others[:3]},
        first=256,
        most=2048,
        vectorised=True,
    )


# ------------------------------------------------------------------------------------------------------ unrelated views


@claim(ours("classical: Pillai's trace of exchangeable rows"), kind="identity", cases=[(5, 2, 2), (8, 4, 3)])
def test_null_level(trial, n_rows: Annotated[int, Interval(4, 8, why="n! of them")], dim_first: Size, dim_second: Size):
    """Any two data sets: the squared canonical correlations sum to d1 d2 / (n - 1), in the mean over pairings of rows.

    So they do, in the mean, for unrelated views with independent rows of any law, of which all pairings are alike.
    """
    trial.require(n_rows > dim_first + dim_second, "n_rows must exceed dim_first + dim_second")
    rng, level = trial.generator(), predicted.null_level(n_rows, dim_first, dim_second)
    smaller = {"the smaller d": level / max(dim_first, dim_second)} if max(dim_first, dim_second) > 1 else {}
    trial.identity(
        observed.every_pairing(rng.normal(size=(n_rows, dim_first)), rng.exponential(size=(n_rows, dim_second))),
        level,
        ops=100 * n_rows,
        controls={"d1 d2 / n": level * (n_rows - 1) / n_rows} | smaller,
    )


@claim(ours("the same, where views are sampled"), kind="identity", tier="full", cases=[(40, 6, 4, "cubed exponential")])
def test_sampled_null_level(
    trial,
    n_rows: Annotated[int, Interval(3, 60, why="a share 1 / n of the level is told, which takes n^2 draws")],
    dim_first: Size,
    dim_second: Size,
    law: Law,
):
    """Unrelated views, rows of any law: the squared canonical correlations sum to d1 d2 / (n - 1) in the mean."""
    trial.require(n_rows > dim_first + dim_second, "n_rows must exceed dim_first + dim_second")
    level, large = predicted.null_level(n_rows, dim_first, dim_second), max(dim_first, dim_second)
    smaller = {"the smaller d": level / large} if large > 1 else {}
    trial.mean(
        lambda key: observed.squared_correlations(key, n_rows, dim_first, dim_second, law),
        level,
        law=Bounded(0, min(dim_first, dim_second)),
        margin=min(0.03, 0.8 / n_rows) * level,
        controls={"d1 d2 / n": level * (n_rows - 1) / n_rows} | smaller,
        first=1024,
        most=200_000,
        vectorised=True,
    )
