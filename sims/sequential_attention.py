"""The simulators of sequential attention: problems with a penalty solved by descent, features
chosen by refitting, and attention trained by gradient descent.

Notation, here and in the modules: X is n x p with one feature per column, y has n responses, S is
the set of chosen features, and w o β is the vector of the products w_j β_j.
"""

from fractions import Fraction
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, Key, ScalarLike

from sims.on_cpu import on_cpu
from theory_on_trial.contract import (
    POSITIVE,
    USABLE_SCALE,
    Interval,
    guarded,
    require,
    require_room,
)

Features = Annotated[Float[np.ndarray, "n p"], USABLE_SCALE]
"""X, a row per observation."""
Responses = Annotated[Float[np.ndarray, " n"], USABLE_SCALE]
"""y."""
Chosen = tuple[Annotated[int, Interval(0, 2**20)], ...]
"""S, the columns whose weights are not penalised."""
Count = Annotated[int, Interval(1, 2**20)]
Correlation = Annotated[float, Interval(0, 1, "[)")]
"""ρ, between any two columns before they are scaled."""


Size = Annotated[int, Interval(1, 2**20)]
Steps = Annotated[int, Interval(1, 2**20)]
Rate = Annotated[ScalarLike, Interval(0, 1)]
_LOGIT_SPREAD = 1e-5  # of logits that are drawn again


@guarded
def softmax_descent(
    X: Features, y: Responses, rate: Annotated[float, Interval(0, 1)], steps: Steps
) -> np.ndarray:
    """The logits a, [p], after `steps` steps of gradient descent on 1 / (2 n) |y - X (w o softmax
    a)|^2.

    The descent starts from w = a = 0 and has one rate for both.
    """
    n, p = X.shape
    w = np.zeros(p)
    a = np.zeros(p)
    for _ in range(steps):
        gates = np.exp(a - a.max())
        gates /= gates.sum()
        slopes = -(X.T @ (y - X @ (w * gates))) / n
        through = gates * slopes * w
        w = w - rate * slopes * gates
        a = a - rate * (through - gates * through.sum())
    return a


@guarded(double=False)
def softmax_agreement(
    key: Key[Array, ""],
    n: Size,
    p: Size,
    correlation: ScalarLike,
    rate: Rate,
    steps: tuple[Steps, ...],
) -> Float[Array, "steps 2"]:
    """Return with which features the largest logit of gradient descent agrees after each number of
    steps.

    Column 0 is 1 where the largest logit belongs to the feature most correlated with y, else 0;
    column 1 is 1 where it belongs to the largest least-squares weight. `steps` are rising numbers
    of steps from w = a = 0. The problem is random: the n rows of X are correlated standard normal
    numbers, whose columns are not scaled, and y = X β + noise with β and the noise standard normal.
    """
    at_shared, at_own, at_weights, at_noise = jax.random.split(key, 4)
    common = jax.random.normal(at_shared, (n, 1))
    noise = jax.random.normal(at_own, (n, p))
    X = jnp.sqrt(correlation) * common + jnp.sqrt(1 - correlation) * noise
    y = X @ jax.random.normal(at_weights, (p,)) + jax.random.normal(at_noise, (n,))
    gram = X.T @ X / n
    c = X.T @ y / n

    def step(_: ScalarLike, state: tuple[Array, Array]) -> tuple[Array, Array]:
        w, a = state
        gates = jax.nn.softmax(a)
        slopes = (gram * (w * gates)).sum(
            axis=1
        ) - c  # batched products of small matrices are slow on a CPU
        through = gates * slopes * w
        return w - rate * slopes * gates, a - rate * (through - gates * through.sum())

    targets = jnp.stack([jnp.argmax(jnp.abs(c)), jnp.argmax(jnp.abs(jnp.linalg.solve(gram, c)))])
    state = (jnp.zeros(p), jnp.zeros(p))
    hits = []
    start = 0
    for until in steps:
        state = jax.lax.fori_loop(0, until - start, step, state)
        hits.append(jnp.argmax(state[1]) == targets)
        start = until
    return jnp.stack(hits).astype(float)


@guarded
def coded_schedule(
    steps: Steps, features: Count, at_once: Count = 1
) -> tuple[tuple[int, ...], int]:
    """The steps at which the released module picks features, and how many features it has in the
    end. `at_once` is the number of features per pick. Raises ValueError unless it divides
    `features`.
    """
    require(features % at_once == 0, f"at_once must divide features, got {at_once} and {features}")
    phases = features // at_once
    count = 0
    picks = []
    for t in range(steps):
        share = (Fraction(t, steps) - Fraction(1, 10)) / Fraction(9, 10)
        phase = min(share * phases // 1, phases - 1)
        if phase >= count:
            picks.append(t)
            count += at_once
    return tuple(picks), count


@guarded(double=False)
def coded_picks(
    key: Key[Array, ""],
    n: Size,
    p: Size,
    rate: Rate,
    picks: tuple[Steps, ...],
    *,
    trained_first: bool = False,
) -> Int[Array, " picks"]:
    """The features that a linear model with the module's gates picks after each number of steps.

    `picks` are rising numbers of steps. The gates are softmax(a) over the unchosen features and 1
    on the chosen ones. Before the first pick, in the warm-up, all gates are 1, unless
    `trained_first`. A pick takes the largest logit; then the logits are drawn again, and w is kept.

    The problem is random: y = 5 x_4 + 2 x_8 + noise of standard deviation 0.1, features counted
    from 0. Where there are fewer features the last one takes the place of a missing one.
    """
    at_features, at_noise, at_weights, at_logits = jax.random.split(key, 4)
    X = jax.random.normal(at_features, (n, p))
    y = 5 * X[:, min(4, p - 1)] + 2 * X[:, min(8, p - 1)] + 0.1 * jax.random.normal(at_noise, (n,))
    gram = X.T @ X / n
    c = X.T @ y / n
    logits = _LOGIT_SPREAD * jax.random.normal(at_logits, (len(picks) + 1, p))
    w = jax.random.normal(at_weights, (p,)) / jnp.sqrt(p)
    mask = jnp.zeros(p, bool)
    features = []
    start = 0
    for place, until in enumerate(picks):
        warm = place == 0 and not trained_first
        w, a = jax.lax.fori_loop(
            0, until - start, _step(gram, c, mask, rate, warm), (w, logits[place])
        )
        features.append(jnp.argmax(jnp.where(mask, -jnp.inf, a)))
        mask = mask.at[features[-1]].set(True)
        start = until
    return jnp.stack(features)


def _step(gram: Array, c: Array, chosen: Bool[Array, " p"], rate: ScalarLike, warm: bool):  # type: ignore[no-untyped-def]
    """A step of gradient descent on weights and logits, with the gates of a phase."""

    def loss(w: Array, a: Array) -> Array:
        gates = jnp.where(chosen, 1.0, jax.nn.softmax(jnp.where(chosen, -jnp.inf, a)))
        effective = w * (jnp.ones_like(w) if warm else gates)
        return effective @ gram @ effective / 2 - c @ effective

    def step(_: ScalarLike, state: tuple[Array, Array]) -> tuple[Array, Array]:
        slopes = jax.grad(loss, (0, 1))(*state)
        return state[0] - rate * slopes[0], state[1] - rate * slopes[1]

    return step


class Hadamard(NamedTuple):
    """The best minimum of several searches: its value and its weights w o β."""

    value: float
    weights: Float[np.ndarray, " p"]
    """w o β."""


@guarded
def hadamard_minimum(
    generator: np.random.Generator,
    X: Features,
    y: Responses,
    chosen: Chosen,
    level: Annotated[float, Interval(0, 1e100, "(]", why="beyond, the search overflows")],
    starts: Count = 5,
    *,
    all_cost: bool = False,
) -> Hadamard:
    """Minimise 1/2 |y - X (w o β)|^2 + λ / 2 (|w|^2 + |β|^2) by searches from random starts.

    λ is `level`. Only the factors of unchosen features are penalised; with `all_cost` those of the
    chosen ones are penalised too. The search scales columns to length one and weighs the penalty
    accordingly, so that the minimum is that of the given problem. Raises ValueError for indices in
    `chosen` beyond the columns, for a column of zeros, and for y = 0.
    """
    from scipy.optimize import minimize

    p = X.shape[1]
    lengths = np.linalg.norm(X, axis=0)
    require(max(chosen, default=0) < p, f"chosen must name some of the {p} columns, got {chosen}")
    require(
        (lengths > 0).all() and np.any(y),
        "X must have no column of zeros, and y must have an entry other than zero",
    )
    unit = X / lengths
    size = np.linalg.norm(y)
    target = y / size
    costs: Bool[np.ndarray, " p"] = np.ones(p, bool)
    costs[list(chosen)] = all_cost
    penalties = np.where(costs, level / lengths / size, 0.0)

    def objective(
        both: Float[np.ndarray, " factors"],
    ) -> tuple[float, Float[np.ndarray, " factors"]]:
        w = both[:p]
        beta = both[p:]
        residual = target - unit @ (w * beta)
        value = residual @ residual / 2 + penalties @ (w**2 + beta**2) / 2
        slope = -(unit.T @ residual)
        return float(value), np.concatenate(
            [slope * beta + penalties * w, slope * w + penalties * beta]
        )

    options = {"maxiter": 10**4, "maxfun": 10**5, "ftol": 0.0, "gtol": 1e-13, "maxcor": 2 * p}
    begun = generator.normal(size=(starts, 2 * p))
    minima = [
        minimize(objective, one, jac=True, method="L-BFGS-B", options=options) for one in begun
    ]
    best = min(minima, key=lambda one: float(one.fun))
    return Hadamard(float(best.fun * size**2), best.x[:p] * best.x[p:] * size / lengths)


Levels = Annotated[Float[np.ndarray, " levels"], POSITIVE]
"""λ, as given; falling ones are solved fastest, each from the one before."""

_STILL = 2e-15  # of the correlations: the change of a fit that is rounding
_SWEEPS = 20_000
_GRID = 128
_ZOOMS = 6
_LEAST = 1e-6  # of the largest |x_j| |y|: no entry is looked for below


class Bracket(NamedTuple):
    """Two levels λ of the penalty, low and high, between which one more weight becomes nonzero."""

    low: Float[np.ndarray, " problems"]
    high: Float[np.ndarray, " problems"]

    @property
    def middle(self) -> Float[np.ndarray, " problems"]:
        """The mean of both levels."""
        return (self.low + self.high) / 2


class Entry(NamedTuple):
    """Two levels λ, low and high, between which one more weight becomes nonzero. `weights` are
    those at `low`, `seen` tells which weights have been nonzero at some level down to it, and
    `found` tells whether there are such levels.
    """

    low: Array
    high: Array
    weights: Array
    seen: Array
    found: Array


@guarded
@on_cpu
def weights(
    X: Features, y: Responses, chosen: Chosen, levels: Levels
) -> Float[np.ndarray, "levels p"]:
    """Return the weights that minimise the penalised problem at each level λ, [levels, p].

    The columns must be linearly independent; otherwise the minimum has other weights, too. Raises
    ValueError for a column of zeros, for indices in `chosen` beyond the columns, and where `chosen`
    names all columns.
    """
    gram, c, lengths, penalties = _prepared(X, y, chosen)
    return np.asarray(_path(gram, c, penalties, levels, np.zeros_like(c))) / lengths


@guarded
def active_counts(
    X: Features, y: Responses, chosen: Chosen, levels: Levels
) -> Int[np.ndarray, " levels"]:
    """Return how many unchosen weights are not zero at each level; raises as `weights`."""
    path = weights(X, y, chosen, levels)
    return np.asarray((np.delete(path, chosen, axis=1) != 0).sum(axis=1))


@guarded
@on_cpu
def entry(X: Features, y: Responses, rounds: tuple[Chosen, ...], active: Count = 1) -> Bracket:
    """The level λ at which the `active`-th unchosen weight first becomes nonzero, for each set in
    `rounds`.

    Where there is no such level down to a millionth of the largest |x_j| |y|, the bracket begins at
    0. Raises ValueError as `weights`.
    """
    problems = [_prepared(X, y, subset) for subset in rounds]
    gram, c, lengths, _ = problems[0]
    top = 1.01 * float(np.linalg.norm(y) * lengths.max())
    low, high = _entries(gram, c, np.stack([problem[3] for problem in problems]), active, top)
    return Bracket(np.asarray(low), np.asarray(high))


def _prepared(X: Features, y: Responses, chosen: Chosen) -> tuple[np.ndarray, ...]:
    """Return the Gram matrix and the correlations of columns of length one, the lengths, and what a
    unit of each weight costs.
    """
    there = max(chosen, default=0) < X.shape[1] and len(set(chosen)) < X.shape[1]
    require(there, f"chosen must name some but not all of the {X.shape[1]} columns, got {chosen}")
    lengths = np.linalg.norm(X, axis=0)
    require((lengths > 0).all(), "X must have no column of zeros")
    unit = X / lengths
    penalties = 1 / lengths
    penalties[list(chosen)] = 0.0
    return unit.T @ unit, unit.T @ y, lengths, penalties


@jax.jit
def _path(gram: Array, c: Array, penalties: Array, levels: Array, begun: Array) -> Array:
    p = len(c)
    still = _STILL * jnp.linalg.norm(c)

    def coordinate(j: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        beta, residual, level = state
        fit = residual[j] + gram[j, j] * beta[j]
        new = jnp.sign(fit) * jnp.maximum(jnp.abs(fit) - level * penalties[j], 0) / gram[j, j]
        return beta.at[j].set(new), residual - gram[:, j] * (new - beta[j]), level

    def solved(beta: Array, level: Array) -> tuple[Array, Array]:
        def sweep(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            before, _, sweeps = state
            after, _, _ = jax.lax.fori_loop(0, p, coordinate, (before, c - gram @ before, level))
            return after, jnp.abs(after - before).max(), sweeps + 1

        start = beta, jnp.asarray(jnp.inf), jnp.asarray(0)
        beta, _, _ = jax.lax.while_loop(
            lambda state: (state[1] > still) & (state[2] < _SWEEPS), sweep, start
        )
        return beta, beta

    return jax.lax.scan(solved, begun, levels)[1]


@jax.jit
def _entries(gram: Array, c: Array, every: Array, active: Array, top: Array) -> tuple[Array, Array]:
    def one(penalties: Array) -> tuple[Array, Array]:
        def entered(order: Array, at: Entry) -> Entry:
            """The entry that follows `order` others, of which `at` is the last; one weight may
            follow it at once.
            """

            def zoom(state: tuple[Array, Array, Array, Array, Array], _: None) -> tuple[Any, Array]:
                low, high, begun, before = state[:4]
                levels = high * (low / high) ** (jnp.arange(1, _GRID + 1) / _GRID)
                betas = _path(gram, c, penalties, levels, begun)
                # Of a weight that leaves before the next level is tried, another that came in
                # meanwhile still tells.
                seen = before | (jnp.cumsum((betas != 0) & (penalties > 0), axis=0) > 0)
                reached = seen.sum(axis=1) > order
                place = jnp.argmax(reached)
                above = jnp.where(place == 0, high, levels[place - 1])
                found = reached.any()
                ends = jnp.where(found, jnp.stack([levels[place], above]), low)
                before = jnp.where((place > 0) & found, seen[place - 1], before)
                return (ends[0], ends[1], betas[place], before, seen[place]), found

            start = _LEAST * top, at.low, at.weights, at.seen, at.seen
            ends, found = jax.lax.scan(zoom, start, None, length=_ZOOMS)
            low, high, begun, _, seen = ends
            after = Entry(low, high, begun, seen, found[0])
            with_it = at.seen.sum() > order
            return jax.tree.map(partial(jnp.where, with_it), at, after)

        nothing = Entry(top, top, jnp.zeros_like(c), jnp.zeros(len(c), bool), jnp.asarray(True))
        last = jax.lax.fori_loop(0, active, entered, nothing)
        return jnp.where(last.found, last.low, 0.0), last.high

    return jax.lax.map(one, every)


_COLUMN_SPREAD = 0.7


@guarded
def problems(
    generator: np.random.Generator,
    count: Count,
    n: Count,
    p: Count,
    correlation: Correlation = 0.0,
    *,
    scaled: bool = False,
) -> tuple[Float[np.ndarray, "count n p"], Float[np.ndarray, "count n"]]:
    """Draw `count` problems X_ij = √ρ g_i + √(1 - ρ) G_ij, y = X β + noise with correlation ρ.

    g, G, β and the noise are standard normal. Each column of X is then scaled to length √n; if
    `scaled`, it is multiplied by a random e^(0.7 z) with standard normal z instead.
    """
    require_room("count, n and p", count * n * p)
    common = generator.normal(size=(count, n, 1))
    noise = generator.normal(size=(count, n, p))
    X = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * noise
    if scaled:
        X = X * np.exp(_COLUMN_SPREAD * generator.normal(size=(count, 1, p)))
    else:
        X = X / np.sqrt(np.mean(X**2, axis=1, keepdims=True))
    y = np.einsum("bnp,bp->bn", X, generator.normal(size=(count, p))) + generator.normal(
        size=(count, n)
    )
    return X, y


@guarded
def sparse_problem(
    generator: np.random.Generator, n: Count, p: Count
) -> tuple[Float[np.ndarray, "n p"], Float[np.ndarray, " n"]]:
    """A problem whose y depends on the first three features, or on all where there are fewer.

    The columns of X differ in scale and have the correlation 1/2 with each other. The weights are
    standard normal, and the noise has the standard deviation 0.5.
    """
    ((X,), _) = problems(generator, 1, n, p, 0.5, scaled=True)
    n_terms = min(3, p)
    y = X[:, :n_terms] @ generator.normal(size=n_terms) + 0.5 * generator.normal(size=n)
    return X, y


class Course(NamedTuple):
    """The features in the order of their choice, and the largest |gradient| before each choice. The
    gradient is that of half the squared error with respect to the weight of an unchosen feature.
    """

    picks: Int[np.ndarray, "count rounds"]
    levels: Float[np.ndarray, "count rounds"]


@guarded
def refitted(
    X: Annotated[Float[np.ndarray, "count n p"], Interval(-1e50, 1e50)],
    y: Annotated[Float[np.ndarray, "count n"], Interval(-1e50, 1e50)],
    rounds: Count,
    rule: Literal["largest gradient", "best fit"],
) -> Course:
    """Choose `rounds` features one by one, with a least-squares refit of the chosen ones in each
    round.

    The rule "largest gradient" takes the feature whose weight has the largest gradient after the
    refit. The rule "best fit" takes the feature that leaves the least error once it is fitted, too.
    Raises ValueError for more rounds than rows or columns, and where chosen features are linearly
    dependent.
    """
    require(
        rounds <= min(X.shape[1:]),
        f"rounds must be at most the smaller side of X {X.shape[1:]}, got {rounds}",
    )
    gram = np.swapaxes(X, 1, 2) @ X
    c = np.einsum("bnp,bn->bp", X, y)
    index = np.arange(len(X))
    p = X.shape[2]
    picks = np.zeros((len(X), 0), int)
    levels = []
    for _ in range(rounds):
        slopes = np.abs(
            c
            - np.einsum(
                "bps,bs->bp", gram[index[:, None], :, picks].swapaxes(1, 2), _fit(gram, c, picks)
            )
        )
        mask = np.zeros((len(X), p), bool)
        mask[index[:, None], picks] = True
        levels.append(np.where(mask, -1.0, slopes).max(axis=1))
        scores = slopes
        if rule == "best fit":
            free = np.broadcast_to(np.arange(p), (len(X), p))[~mask].reshape(len(X), -1)
            scores = np.zeros((len(X), p))
            for j in free.T:
                subset = np.column_stack([picks, j])
                scores[index, j] = np.einsum(
                    "bs,bs->b", _fit(gram, c, subset), c[index[:, None], subset]
                )
        picks = np.column_stack([picks, np.argmax(np.where(mask, -1.0, scores), axis=1)])
    return Course(picks, np.stack(levels, axis=1))


def _fit(
    gram: Float[np.ndarray, "b p p"], c: Float[np.ndarray, "b p"], subset: Int[np.ndarray, "b s"]
) -> np.ndarray:
    """Return the least-squares weights of each problem's subset."""
    rows = np.arange(len(c))[:, None]
    inner = gram[rows[:, :, None], subset[:, :, None], subset[:, None, :]]
    return np.asarray(np.linalg.solve(inner, c[rows, subset][:, :, None])[:, :, 0])


@guarded
def outside_ratio(X: Features, support: Chosen, weights: Float[np.ndarray, " size"]) -> float:
    """The largest |x_j . y| outside the support, divided by the largest one inside, for the
    response y = X_support weights.

    Columns are scaled to length one first. Raises ValueError where `support` names no column, all
    columns or a missing one, where it has another number of weights, for a column of zeros, and for
    y = 0.
    """
    fits = (
        len(support) == len(weights)
        and len(set(support)) < X.shape[1]
        and max(support, default=0) < X.shape[1]
    )
    require(
        fits and len(support) > 0,
        f"support must name some but not all columns, with one weight for each, got {support}",
    )
    lengths = np.linalg.norm(X, axis=0)
    require((lengths > 0).all(), "X must have no column of zeros")
    unit = X / lengths
    sizes = np.abs(unit.T @ (unit[:, support] @ weights))
    inside = float(sizes[list(support)].max())
    require(inside > 0, "weights must give a response other than zero")
    return float(np.delete(sizes, support).max() / inside)


@guarded
def equicorrelated(
    size: Count, mu: Annotated[float, Interval(0, 1, "[)")]
) -> Float[np.ndarray, "rows rows"]:
    """Return a square matrix of columns of length one: the first `size` have the cosine -μ with
    each other, and the last one has the cosine μ with each of them.

    Raises ValueError for size
    μ > 1, where no such columns exist, and may do so for size μ = 1, where they are linearly
    dependent.
    """
    gram = np.eye(size + 1) - mu * (1 - np.eye(size + 1))
    gram[-1, :-1] = gram[:-1, -1] = mu
    return np.asarray(np.linalg.cholesky(gram).T)
