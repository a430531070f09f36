"""The loss: its minima for two views and for more, its critical points, and the flow down it."""

from itertools import combinations
from typing import Annotated

import numpy as np

from paper_checks.test_unconstrained_cca import NOTHING, Columns, Correlations, FewColumns, Size
from sims import unconstrained_cca as observed
from theory import unconstrained_cca as predicted
from theory.unconstrained_cca import Form
from theory_on_trial import claim, derived, known, recalled, tried
from theory_on_trial.contract import Interval

SPECTRUM = (3.0, 2.0, 1.2, 0.7, -0.4, -1.5)
RELATED = (0.9, 0.6, 0.3, 0.0, 0.0)
"""Canonical correlations of two views of five dimensions, three of them related."""
FADES = "between time / 2 and time W must not all but vanish: |w|^2 must not fall tenfold"
MOVES = (
    "between time / 2 and time the flow must move by 1e-6: earlier nothing has happened, "
    "later it is at rest"
)

Eigenvalues = tuple[Annotated[float, Interval(-10, 10, why="starts of order one suit them")], ...]
Surplus = Annotated[int, Interval(0, 10, why="columns or dimensions that stay empty: ten show it")]
Chosen = tuple[Annotated[int, Interval(0, 5, why="indices of the six eigenvalues")], ...]
Time = Annotated[
    float, Interval(0, 100, "(]", why="in units of the eigenvalues; by then all is at rest")
]


def _pencil(rng, eigenvalues):
    """A and B of a random problem with these eigenvalues."""
    root = rng.normal(size=(2 * len(eigenvalues), len(eigenvalues)))
    dim = len(eigenvalues)
    B = root.T @ root / len(root) + np.eye(dim) / 4
    basis = np.linalg.cholesky(B) @ np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    A = basis * eigenvalues @ basis.T
    return (A + A.T) / 2, B


def _spectrum(trial, eigenvalues):
    """The eigenvalues, the largest first, in a unit that suits starts of order one."""
    trial.require(
        np.max(np.abs(eigenvalues), initial=0) >= 0.1,
        "the largest |eigenvalue| must be at least .1: A has that unit",
    )
    return np.sort(eigenvalues)[::-1]


def _views(correlations, form, unmatched=0):
    """A and B of white views with these canonical correlations, the second of so many dimensions
    more.
    """
    rho = np.array(correlations)
    first, second = (np.eye(len(rho) + more) for more in (0, unmatched))
    return observed.pencil_of_views(
        first, second, rho[:, None] * np.eye(len(rho), len(second)), form
    )


@claim(
    recalled("Proposition EY-charac, as the first author's thesis proves it"),
    kind="identity",
    cases=[(4, 1), (8, 3), (20, 20)],
)
def test_eckart_young(trial, dim: Size, n_columns: Columns):
    """With $A' = B^(-1/2) A B^(-1/2)$ and $P = B^(1/2) W W^T B^(1/2)$, the loss $-2 tr(W^T A W) +
    tr((W^T B W)^2)$ is $|A' - P|^2 - |A'|^2$.
    """
    rng = trial.generator()
    A, B = _pencil(rng, rng.normal(size=dim))
    # One loss may be near zero, and then all else is far from it
    matrices = rng.normal(size=(3, dim, n_columns))
    values, vectors = np.linalg.eigh(B)
    once_more = vectors / np.sqrt(values) @ vectors.T @ A @ vectors / np.sqrt(values) @ vectors.T
    distances = np.array([predicted.loss_by_distance(A, B, W) for W in matrices])
    once_more = (once_more + once_more.T) / 2
    trial.identity(
        np.array([observed.ey_loss(A, B, W) for W in matrices]),
        distances,
        ops=10 * dim,
        scale=np.array([np.sum((W.T @ B @ W) ** 2) for W in matrices])
        + np.sum(A**2) / values[0] ** 2,
        controls={
            "1 for the factor 2": distances + np.array([np.sum(W * (A @ W)) for W in matrices]),
            "$B^-1$ for $B^(-1/2)$": np.array(
                [predicted.loss_by_distance(once_more, B, W) for W in matrices]
            ),
        },
        generic="both sides are analytic in pencil and weights",
    )


Starts = Annotated[int, Interval(1, 100)]


def _descents(trial, eigenvalues, n_columns, starts):
    """A and B of a random problem, its spectrum, and where descents on its loss end."""
    rng = trial.generator()
    spectrum = _spectrum(trial, eigenvalues)
    rank = np.sum(spectrum[:n_columns] > 0)
    top = spectrum[:rank]
    missing = spectrum[rank : rank + 1]
    gaps = np.concatenate([top, (top[-1:] if rank == n_columns else 0) - missing])
    trial.require(
        rank and min(gaps) >= 0.03,
        "one eigenvalue must be positive, and the K largest .03 off the next and 0",
    )
    A, B = _pencil(rng, eigenvalues)
    minima = observed.minimise(A, B, rng.normal(size=(starts, len(spectrum), n_columns)))
    return A, B, spectrum, minima


@claim(
    tried(
        "abstract, sentence 5: an unconstrained objective characterises the top subspace of GEPs",
        "the weights in closed form, also with fewer positive eigenvalues than columns",
    ),
    kind="optimality",
    cases=[(SPECTRUM, 1), (SPECTRUM, 3), (SPECTRUM, 5)],
)
def test_minimum(trial, eigenvalues: Eigenvalues, n_columns: FewColumns, starts: Starts = 6):
    """From almost every start descent on the loss with $K$ columns ends at weights $W$ with
    $W W^T = ∑_i λ_i u_i u_i^T$ over the positive ones among the $K$ largest eigenvalues $λ_i$ of
    $A v = λ B v$, where the $u_i$ are the eigenvectors with $u_i^T B u_i = 1$, if the $K$-th is no
    tie with the next.
    """
    A, B, _, minima = _descents(trial, eigenvalues, n_columns, starts)
    gram = predicted.minimising_gram(A, B, n_columns)
    W = minima.weights[0]
    trial.value(
        W @ W.T,
        gram,
        error=1e4 * minima.residuals[0]
        + 1e-11,  # of a minimiser whose least curvature is above 0.1
        margin=1e-8,
        controls={"1 for the factor 2": gram / 2},
        instances="search",
    )


@claim(
    recalled(
        "Proposition EY-charac, its minimum, as the first author's thesis states it",
        within="that negative eigenvalues count as 0, and where descents end, is found here",
    ),
    kind="optimality",
    cases=[(SPECTRUM, 1), (SPECTRUM, 3), (SPECTRUM, 5)],
)
def test_minimum__value(trial, eigenvalues: Eigenvalues, n_columns: FewColumns, starts: Starts = 6):
    """From almost every start descent on the loss with $K$ columns ends at its minimum, minus the
    sum of the squares of the $K$ largest eigenvalues of $A v = λ B v$, where negative ones count as
    0.
    """
    _, _, spectrum, minima = _descents(trial, eigenvalues, n_columns, starts)
    size = np.sum(spectrum**2)
    least = predicted.least_loss(spectrum, n_columns)
    negative = (
        {"negative ones as well": -np.sum(spectrum[:n_columns] ** 2)}
        if min(spectrum[:n_columns]) < 0
        else {}
    )
    trial.value(
        minima.losses,
        least,
        error=minima.residuals
        + 1e-12 * size,  # half the digits of B are lost to its condition at worst
        margin=1e-8 * size,
        controls={"1 for the factor 2": least / 4} | negative,
        instances="search",
    )


@claim(
    recalled("Proposition EY-charac, whose minimum it is, as the first author's thesis states it"),
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
    trial,
    form: Form,
    n_columns: FewColumns,
    unmatched: Surplus,
    correlations: Correlations = RELATED,
):
    """For two views with canonical correlations $ρ_i$, the least loss with $K$ columns is
    $-∑_i ρ_i^2$ over the $K$ largest. In the form of the authors' library it is $-∑_i λ_i^2$ over
    the $K$ largest of the $1 + ρ_i$, the $1 - ρ_i$, and a 1 for each dimension that one view has
    more than the other.
    """
    trial.require(len(correlations), "correlations must not be empty")
    relation = max(correlations) >= 0.01
    trial.require(
        form == "library" or relation,
        "a correlation must be at least .01: else only W = 0 is a minimum",
    )
    A, B = _views(correlations, form, unmatched)
    minima = observed.minimise(A, B, trial.generator().normal(size=(3, len(A), n_columns)))
    least, other = (
        predicted.least_loss(
            predicted.eigenvalues_of_views(np.array(correlations), kind, unmatched), n_columns
        )
        for kind in (form, "library" if form == "off-diagonal" else "off-diagonal")
    )
    trial.value(
        minima.losses,
        least,
        error=minima.residuals + 1e-12,
        margin=1e-8,
        controls={"the other form": other, "1 for the factor 2": least / 4},
        instances="search",
    )


def _many_views(rng, correlations, views, form):
    """A and B of views of which each two have these correlations, each in coordinates of its
    own.
    """
    rho = np.diag(correlations)
    dim = len(correlations)
    turns = rng.normal(size=(views, dim, dim)) / 4 + np.eye(dim)
    T = np.zeros((views * dim, views * dim))
    for k, turn in enumerate(turns):
        T[k * dim : (k + 1) * dim, k * dim : (k + 1) * dim] = turn
    A = T @ np.kron(1 - np.eye(views), rho) @ T.T
    B = T @ T.T
    return (A + B if form == "library" else A), B


def _least_of_views(trial, views, form, n_columns, correlations, wrong):
    """The decision on the minimum of the loss for so many views."""
    trial.require(
        min(np.abs(correlations), default=0) >= 0.03,
        "correlations must be .03 off 0: there the loss is flat",
    )
    A, B = _many_views(trial.generator(), correlations, views, form)
    trial.require(
        np.linalg.cond(B) < 1e4, "seed must leave views whose covariances are not near singular"
    )
    minima = observed.minimise(A, B, trial.generator("starts").normal(size=(3, len(A), n_columns)))
    least, *losses = (predicted.least_loss(spectrum, n_columns) for spectrum in wrong)
    controls = {"1 for the factor 2": least / 4} | dict(
        zip(("as of two views", "no sign"), losses, strict=False)
    )
    size = float(np.sum(wrong[0] ** 2))
    controls = {name: loss for name, loss in controls.items() if abs(loss - least) > 1e-4 * size}
    error = minima.residuals + 1e-12 * size
    trial.value(
        minima.losses, least, error=error, margin=1e-8 * size, controls=controls, instances="search"
    )


@claim(
    derived("the spectrum in the loss of several views, which the first author's thesis states"),
    kind="optimality",
    cases=[(3, "off-diagonal", 2), (4, "off-diagonal", 4), (3, "library", 2), (5, "library", 3)],
)
def test_more_views(
    trial,
    views: Annotated[int, Interval(2, 12, why="all coordinates of all views are descended on")],
    form: Form,
    n_columns: Columns,
    correlations: Correlations = (0.9, 0.6, 0.3),
):
    """For $V$ views with the same positive canonical correlations $ρ_i$, along the same directions,
    between each two, the least loss with $K$ columns is $-∑_i ((V - 1) ρ_i)^2$ over the $K$
    largest.

    In the library's form - sum of (1 + (V - 1) ρ_i)^2, as long as K directions are related.
    """
    trial.require(
        0 < n_columns <= views * len(correlations),
        "n_columns must be at most all dimensions of all views",
    )
    rho = np.array(correlations)
    eigenvalues = predicted.eigenvalues_of_many_views
    _least_of_views(
        trial,
        views,
        form,
        n_columns,
        rho,
        [eigenvalues(rho, views, form), eigenvalues(rho, 2, form)],
    )


@claim(
    derived("$-ρ$ is an eigenvalue $V - 1$ times"),
    kind="optimality",
    cases=[(3, 2), (3, 4), (5, 3)],
)
def test_more_views__negative(
    trial,
    views: Annotated[
        int,
        Interval(
            3, 12, why="two views may turn one of them around; more are descended on for long"
        ),
    ],
    n_columns: Columns,
    share: Annotated[
        float, Interval(0.1, 0.9, why="at 1 the views are linearly dependent; the low end is a cap")
    ] = 0.5,
):
    """For three or more views a negative correlation $ρ$ is worth less than a positive one: $V - 1$
    columns of $ρ^2$ each.

    Two views may turn one of them around; more cannot all be turned against each other.
    """
    trial.require(
        0 < n_columns <= 2 * views, "n_columns must be at most all dimensions of all views"
    )
    rho = np.array([0.2, -share / (views - 1)])
    eigenvalues = predicted.eigenvalues_of_many_views
    spectra = [
        eigenvalues(values, v, "off-diagonal")
        for values, v in ((rho, views), (rho, 2), (np.abs(rho), views))
    ]
    _least_of_views(trial, views, "off-diagonal", n_columns, rho, spectra)


@claim(derived("a direction without a positive eigenvalue only costs"), kind="identity")
def test_surplus_columns(trial, n_columns: FewColumns = 4, correlations: Correlations = RELATED):
    """Columns beyond the positive eigenvalues stay empty: if the $K$-th eigenvalue $λ_K$ is not
    positive, a minimiser with $K$ columns has a rank below $K$.
    """
    rho = np.array(correlations)
    trial.require(len(rho) > 0, NOTHING)
    trial.require(
        n_columns > np.sum(rho > 0),
        "n_columns must exceed the related directions: there is no surplus else",
    )
    trial.require(
        (rho == 0) | (rho >= 0.01), "correlations must be 0 or at least .01: a rank has a threshold"
    )
    A, B = _views(correlations, "off-diagonal")
    minima = observed.minimise(A, B, trial.generator().normal(size=(2, len(A), n_columns)))
    library = predicted.eigenvalues_of_views(np.array(correlations), "library")
    trial.identity(
        np.array([np.linalg.matrix_rank(W, tol=1e-3) for W in minima.weights]),
        predicted.columns_used(predicted.eigenvalues_of_views(np.array(correlations)), n_columns),
        ops=0,
        controls={
            "as in the library's form": predicted.columns_used(library, n_columns),
            "all": n_columns,
        },
        instances="search",
    )


@claim(
    recalled(
        "Proposition EY-charac, its minimum, as the first author's thesis states it",
        within="that negative eigenvalues count as 0 is found here",
    ),
    kind="bound",
    cases=[(6, 2), (12, 5)],
)
def test_floor(
    trial,
    dim: Size,
    n_columns: Columns,
    draws: Annotated[int, Interval(1, 1000)] = 350,
):
    """For every $W$ with $K$ columns, the loss is at least minus the sum of the squares of the $K$
    largest positive eigenvalues of $A v = λ B v$.
    """
    rng = trial.generator()
    place = np.arange(dim) / dim
    A, B = _pencil(rng, np.where(place < 2 / 3, 1 - place, -place))  # a third of them negative
    eigenvalues = predicted.generalised_eigenvalues(A, B)
    rank = predicted.columns_used(eigenvalues, n_columns)
    best = predicted.critical_point(A, B, tuple(range(rank)), n_columns)
    most = -predicted.least_loss(eigenvalues, n_columns)
    sample = best + rng.normal(size=(draws, *best.shape)) * 10.0 ** rng.uniform(
        -3, 0, (draws, 1, 1)
    )
    trial.bound(
        np.array([-observed.ey_loss(A, B, W) for W in (best, *sample)]),
        np.full(draws + 1, most),
        instances="draws",
        independent=draws,
        ops=10 * dim,
        scale=np.sum(A**2) + np.array([np.sum((W.T @ B @ W) ** 2) for W in (best, *sample)]),
        controls={"one direction less": np.full(draws + 1, most - eigenvalues[rank - 1] ** 2)},
    )


SETS = [
    *(
        (S, more, SPECTRUM)
        for more in (0, 1)
        for size in range(1, 5)
        for S in combinations(range(4), size)
    ),
    ((0, 1), 1, (2.0, 1.0, 0.0, -0.5)),
    ((0,), 0, (1.0, -1.5)),
]


def _critical(trial, chosen, surplus, eigenvalues):
    """A and B of a random problem, its spectrum, which of its positive eigenvalues are chosen, once
    each, and the critical point of these.
    """
    spectrum = _spectrum(trial, eigenvalues)
    positive = spectrum[spectrum > 0]
    trial.require(
        min(positive, default=0) >= 0.01,
        "positive eigenvalues must be at least .01, and one must be there",
    )
    chosen = tuple({index for index in chosen if index < len(positive)})
    n_columns = len(chosen) + surplus
    trial.require(n_columns, "chosen and surplus must give W a column")
    A, B = _pencil(trial.generator(), spectrum)
    return A, B, spectrum, chosen, predicted.critical_point(A, B, chosen, n_columns)


@claim(derived("the gradient $-4 A W + 4 B W W^T B W$ vanishes"), kind="identity", cases=SETS)
def test_critical_points__stationary(
    trial, chosen: Chosen, surplus: Surplus, eigenvalues: Eigenvalues
):
    """For every set $S$ of at most $K$ positive eigenvalues of $A v = λ B v$ the loss of $K$
    columns is stationary at $W = U_S Λ_S^(1/2)$, where $U_S$ are the eigenvectors with
    $U_S^T B U_S = I$ and $Λ_S$ the eigenvalues.
    """
    A, B, spectrum, chosen, W = _critical(trial, chosen, surplus, eigenvalues)
    trial.require(
        len(chosen) > 0, "chosen must not be empty: W = 0 is stationary whatever the formula"
    )
    steep = np.linalg.norm(A) * np.sqrt(spectrum[0])
    rivals = {"1 for the factor 2": W / np.sqrt(2)}
    if np.max(np.abs(spectrum[list(chosen)] - 1)) > 0.1:
        lengths = np.sqrt(np.sum(W * (B @ W), axis=0))
        rivals["eigenvectors without their values"] = W / np.maximum(lengths, 1e-300)
    trial.value(
        np.linalg.norm(observed.ey_gradient(A, B, W)),
        0.0,
        error=1e-12 * steep,
        margin=1e-11 * steep,
        scale=steep,
        control_processes={
            name: np.linalg.norm(observed.ey_gradient(A, B, rival))
            for name, rival in rivals.items()
        },
        generic="gradients are analytic in the pencil",
    )


@claim(derived("$W^T A W = Λ_S^2$ and $W^T B W = Λ_S$"), kind="identity", cases=SETS)
def test_critical_points__value(trial, chosen: Chosen, surplus: Surplus, eigenvalues: Eigenvalues):
    """Let $S$ be a set of positive eigenvalues $λ_i$ of $A v = λ B v$, $Λ_S$ these eigenvalues, and
    $U_S$ their eigenvectors with $U_S^T B U_S = I$. At $W = U_S Λ_S^(1/2)$ the loss is
    $-∑_(i ∈ S) λ_i^2$.
    """
    A, B, spectrum, chosen, W = _critical(trial, chosen, surplus, eigenvalues)
    trial.require(
        len(chosen) > 0, "chosen must not be empty: at W = 0 the loss is 0 whatever the formula"
    )
    loss = predicted.critical_loss(spectrum, chosen)
    trial.identity(
        observed.ey_loss(A, B, W),
        loss,
        ops=100 * len(eigenvalues),
        scale=np.sum(np.abs(spectrum)) ** 2,
        controls={"1 for the factor 2": loss / 4},
        generic="losses are analytic in the pencil",
    )


@claim(
    tried(
        "there are no spurious local minima, as the first author's thesis states it",
        "the least curvature at each stationary point",
    ),
    kind="identity",
    cases=[*SETS, ((), 1, SPECTRUM)],
)
def test_critical_points(trial, chosen: Chosen, surplus: Surplus, eigenvalues: Eigenvalues):
    """Let $S$ be a set of positive eigenvalues of $A v = λ B v$, and $m$ the largest eigenvalue
    outside of $S$. Where the loss of $K$ columns is stationary with the eigenvalues $S$, its least
    curvature in the metric of $B$ is $-4 m$ if $S$ has fewer than $K$ members and $-4 (m - min S)$
    if it has $K$, provided that this is negative: all stationary points but the minimum are strict
    saddles.
    """
    A, B, spectrum, chosen, W = _critical(trial, chosen, surplus, eigenvalues)
    n_columns = W.shape[1]
    size = np.sum(np.abs(spectrum))
    least = predicted.least_curvature(spectrum, chosen, n_columns)
    controls = (
        {"half of it": least / 2} if least else {"no flat directions": 4 * spectrum[max(chosen)]}
    )
    if chosen and not surplus and least < 0:
        above = np.delete(spectrum, chosen) - spectrum[list(chosen)].min()
        above = above[above > 1e-6 * size]  # equal ones may differ by rounding
        several = len(above) and np.ptp(above) > 1e-6 * size
        controls |= {"the nearest missing eigenvalue": -4 * above.min()} if several else {}
    trial.identity(
        observed.curvatures(A, B, W)[0],
        least,
        ops=100 * len(eigenvalues),
        scale=size,
        controls=controls,
        generic="curvatures are analytic in the pencil",
    )


@claim(
    known("Tarmoun, França, Haeffele & Vidal 2021, by a Riccati equation in $W W^T$"),
    kind="identity",
    cases=[0.2, 0.5, 1.0, 2.0],
)
def test_flow(trial, time: Time, eigenvalues: Eigenvalues = (1.0, 0.6, 0.2, 0.0, -0.7)):
    """For $B = I$, gradient flow of the loss from $W0$ has
    $W W^T = Y (I + W0^T A^(-1) (exp(8 A t) - I) W0)^(-1) Y^T$ with $Y = exp(4 A t) W0$, where
    $A^(-1) (exp(8 A t) - I)$ is $8 t$ in the kernel of $A$.
    """
    rng = trial.generator()
    largest = _spectrum(trial, eigenvalues)[0]
    length = time * np.max(np.abs(eigenvalues))
    trial.require(length >= 1e-4, "time * |A| must be at least 1e-4: earlier nothing has happened")
    trial.require(
        largest * time > -0.5, "time times the largest eigenvalue must exceed -1/2: W fades else"
    )
    basis = np.linalg.qr(rng.normal(size=(len(eigenvalues), len(eigenvalues))))[0]
    A = basis * eigenvalues @ basis.T
    A = (A + A.T) / 2
    start = 0.3 * rng.normal(size=(len(eigenvalues), 3))
    ends = predicted.flow_gram(A, start, time)
    size = max(1, np.max(ends))
    # Each step is right to 1e-11, and a stiff flow takes some twenty in each unit of |A| t.
    error = 1e-11 * (10 + 20 * length) * size
    rivals = {
        "rate 4": predicted.flow_gram(A, start, time / 2),
        "Oja's flow": predicted.flow_gram(A, start, time / 4),
        "$A$ for $2 A$ in the loss": predicted.flow_gram(A / 2, start, time),
    }
    W = observed.flow_path(A, start, np.array([time]))[0]
    trial.value(
        W @ W.T,
        ends,
        error=error,
        margin=10 * error,
        scale=min(size, 10 * np.max(np.abs(ends))),
        # At rest the rate is not seen.
        controls={
            name: rival
            for name, rival in rivals.items()
            if np.max(np.abs(rival - ends)) > 20 * error
        },
        generic="the flow is analytic in A and its start",
    )


@claim(
    derived("the flow from one direction"),
    kind="identity",
    cases=[(0.9, 0.01), (0.9, 2.0), (0.0, 0.5), (-0.5, 0.5)],
)
def test_flow_aligned(
    trial,
    eigenvalue: Annotated[float, Interval(-10, 10)],
    start: Annotated[float, Interval(1e-4, 10, why="the integration's least numbers")],
    time: Time = 0.5,
):
    """For $B = I$, a column that starts along an eigenvector of eigenvalue $λ$ stays along it under
    gradient flow of the loss, and its squared length is
    $x(t) = λ / (1 + (λ / x0 - 1) exp(-8 λ t))$, or $x0 / (1 + 8 x0 t)$ for $λ = 0$.
    """
    end, half = (predicted.aligned_strength(eigenvalue, start, time / k) for k in (1, 2))
    trial.require(abs(end - half) >= 1e-6, MOVES)
    trial.require(abs(half / end - 1) < 9, FADES)
    W = observed.flow_path(
        np.diag([eigenvalue, 0.3]), np.array([[start**0.5], [0.0]]), np.array([time])
    )[0]
    trial.value(
        float(np.sum(W**2)),
        end,
        error=1e-10 * max(1, end),
        margin=1e-9 * max(1, end),
        controls={"rate 4": half},
    )
