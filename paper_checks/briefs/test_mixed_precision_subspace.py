"""Saxena, Sharify, Roy & Wang 2024, "ResQ: Mixed-Precision Quantization of Large Language Models
with Low-Rank Residuals", arXiv 2412.14363.

For whoever keeps $r$ of $d$ channels at more bits than the rest: the exact error of rotating and
rounding, which subspace to keep, and when the principal one is the wrong choice.

Take away: keep the principal subspace unless it has far more dimensions than the rest and few more
bits. Of 64 activations of a network for digits, the 8 principal ones at five bits and the others at
four leave an error of .13 % of the mean square, and 32 principal ones leave .21 %; if 62 are kept
at five bits, the last 62 are a better choice than the first.

Tokens $x$ have $E x xᵀ = S$. An $r$-dimensional subspace with projection $P$ is kept at $b_H$ bits,
the rest at $b_L$. In each part a random (Haar) rotation is followed by symmetric rounding to
$D round(y/D)$, with $D = max |y_i|/L$ for each token and $L = 2^(b-1) - 1$. $g(d, b)$ is the mean
of $|e|²/|y|²$ for the error $e$ of a uniformly random direction $y$ in $d$ dimensions.

Edges: $g(1, b) = 0$, because the largest entry is exact; for $r = d - 1 > 1$ the rule is therefore
always reversed. At two bits the approximation $(d - 1) D²/12$ with the mean of $D²$ errs by 2 % at
$d = 8$ and by 31 % at $d = 896$; at four bits it is good. A token that is 0 is not rounded.

Paper: it keeps one eighth of the channels of language models at eight bits, by PCA and random
rotations, and measures perplexity. This page gives the mean squared error of one layer's input.

Abstract:

- Statement 1: keeping the subspace of the largest variance at high precision is provably optimal.
  In part: pca_is_optimal, rule_flips, last_is_worst. Where the error per direction does not grow
  with the dimension; else the rule flips.
- Statement 2: random rotations suppress outliers further. Not on trial. They help some tokens and
  harm others.
- Statement 3: language models lose less than by other methods. Not on trial. It needs large models;
  `activations` has those of a small network.

Read: the abstract. Derived here: $g$, the error, both extremes and the flip. Not claimed: that
rotating helps; tokens whose entries all have one size are rounded better without it. Topic: linear
algebra for learning.
"""

import warnings
from functools import cache, partial
from typing import Annotated

import numpy as np
from scipy.stats import norm

from paper_checks.briefs.common import orthonormal
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Bounded

KeptDirections = Annotated[int, Interval(1, 8, why="a random rotation of every token")]
Bits = Annotated[
    int, Interval(2, 8, why="one bit has no positive level; errors of nine and more lose digits")
]
Line = Annotated[int, Interval(1, 2, why="a line or a plane, of which all rotations are tried")]
FewBits = Annotated[
    int, Interval(2, 5, why="one bit has no positive level; finer cells need more angles")
]


def rounded(y, bits):
    """Symmetric rounding of each row, whose largest entry is exact; a row of zeros stays one."""
    step = np.abs(y).max(axis=-1, keepdims=True) / (2 ** (bits - 1) - 1)
    return step * np.round(y / np.where(step > 0, step, 1))


@cache
def activations(width):
    """What the hidden layer of a network that was trained on scikit-learn's digits shows them,
    (1797, width), in the basis of its own principal directions, and their second moments, largest
    first.
    """
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    digits, labels = load_digits(return_X_y=True)
    network = MLPClassifier((width,), solver="lbfgs", max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # nothing here asks for convergence
        network.fit(digits / 16, labels)
    hidden = np.maximum(digits / 16 @ network.coefs_[0] + network.intercepts_[0], 0)
    values, basis = np.linalg.eigh(hidden.T @ hidden / len(hidden))
    return hidden @ basis[:, ::-1], np.maximum(values[::-1], 0)


@predicted
def rounding_error(dim, bits):
    """g(d, b): the largest of d Gaussian entries is M, the others lie in (-M, M), where each cell
    has a closed form. g = (1/d) ∫ 2 d φ(M) (d - 1) (2 Φ(M) - 1)^(d-2) c(M) dM with c(M) = ∫ (t - D
    round(t/D))² φ(t) dt over (-M, M).
    """
    if dim == 1:
        return 0.0
    nodes, weights = np.polynomial.legendre.leggauss(300)
    largest = 5 * (nodes[:, None] + 1)
    levels = 2 ** (bits - 1) - 1
    centres = largest / levels * np.arange(-levels, levels + 1)
    half = largest / levels / 2
    low = np.clip(centres - half, -largest, largest)
    high = np.clip(centres + half, -largest, largest)
    mass = norm.cdf(high) - norm.cdf(low)
    slope = norm.pdf(high) - norm.pdf(low)
    cells = (
        (1 + centres**2) * mass - high * norm.pdf(high) + low * norm.pdf(low) + 2 * centres * slope
    )
    m = largest[:, 0]
    return (
        5
        * weights
        @ (2 * (dim - 1) * norm.pdf(m) * (2 * norm.cdf(m) - 1) ** (dim - 2) * cells.sum(axis=1))
    )


@predicted
def token_error(values, kept, high, low):
    """g(r, b_H) tr(P S) + g(d - r, b_L)(tr S - tr(P S)) for the first r of the directions with
    variances `values`.
    """
    others = len(values) - kept
    return (
        rounding_error(kept, high) * values[:kept].sum()
        + rounding_error(others, low) * values[kept:].sum()
    )


@predicted
def extremes(values, kept, high, low):
    """Errors of the best and the worst subspace; best are the first r directions if g(d - r, b_L) >
    g(r, b_H).
    """
    first = rounding_error(len(values) - kept, low) > rounding_error(kept, high)
    ends = [token_error(order, kept, high, low) for order in (values, values[::-1])]
    return np.array(ends if first else ends[::-1])


@observed
def rotated(generator, y):
    """Every row in a random rotation of its own: a product of random reflections (Stewart 1980)."""
    y = y.copy()
    for k in range(2, y.shape[1] + 1):
        mirror = generator.normal(size=(len(y), k))
        mirror[:, 0] += np.copysign(np.linalg.norm(mirror, axis=1), mirror[:, 0])
        share = np.sum(mirror * y[:, -k:], axis=1) / np.sum(mirror**2, axis=1)
        y[:, -k:] -= 2 * share[:, None] * mirror
    return y


@observed
def measured_errors(generator, n, values, kept, bits):
    """|error|² of n tokens with random signs and sizes: each part is rotated and rounded."""
    size = np.sqrt(generator.choice([0.8, 1.2], size=(n, 1)))
    tokens = size * np.sqrt(values) * generator.choice([-1.0, 1.0], size=(n, len(values)))
    return errors_of(generator, tokens, kept, bits)


@observed
def errors_of(generator, tokens, kept, bits):
    """|error|² of each token, of which the first coordinates are kept apart."""
    parts = (rotated(generator, part) for part in np.split(tokens, [kept], axis=1))
    return sum(np.sum((rounded(y, b) - y) ** 2, axis=1) for y, b in zip(parts, bits, strict=True))


@observed
def relative_errors(generator, n, dim, bits):
    """|error|²/|y|² of n random directions."""
    y = generator.normal(size=(n, dim))
    return np.sum((rounded(y, bits) - y) ** 2, axis=1) / np.sum(y**2, axis=1)


@observed
def plane_errors(y, bits):
    """Means of |error|² over the last but one axis and all rotations of planes, of which a quarter
    turn has each.
    """
    turns = np.exp(0.5j * np.pi * (np.arange(2**12) + 0.5) / 2**12)
    z = np.multiply.outer(y @ [1, 1j], turns)
    y = np.stack([z.real, z.imag], axis=-1)
    return np.mean(np.sum((rounded(y, bits) - y) ** 2, axis=-1), axis=(-1, -2))


@observed
def basis_errors(tokens, bases, kept, bits):
    """Mean |error|² of tokens whose first r coordinates in each basis are kept apart; on a line
    there is no error.
    """
    parts = zip(np.split(tokens @ bases, [kept], axis=-1), bits, strict=True)
    return sum(plane_errors(part, b) for part, b in parts if part.shape[-1] == 2)


def uniform_noise(sizes, dims, bits):
    """The usual theory of the error: D²/12 for each entry, as of uniform noise, where the largest
    entry is √(2 log d) times the root mean square. Summed over parts of mean squared lengths
    `sizes`.
    """
    levels = 2.0 ** (np.asarray(bits) - 1) - 1
    return np.sum(sizes * np.log(dims) / (6 * levels**2))


@claim(
    derived("a rotated token has a uniform direction"),
    kind="identity",
    cases=[(8, 2, 8, 4), (7, 1, 4, 2)],
)
def test_exact_error(
    trial,
    dim: Annotated[
        int,
        Interval(
            6, 16, why="a part of few dimensions needs a million tokens; all of them are rotated"
        ),
    ],
    kept: KeptDirections,
    high: Bits,
    low: Bits,
):
    """Tokens $x$ in $d$ dimensions have $S = E x xᵀ$. Their parts in an $r$-dimensional subspace
    with projection $P$ and beside it are rotated at random and rounded at $b_H$ and $b_L$ bits. The
    mean squared error is $g(r, b_H) tr(P S) + g(d - r, b_L) (tr S - tr(P S))$ for tokens of any
    law, where $g(d, b)$ is the mean of $|e|²/|y|²$ for the error $e$ of a uniformly random
    direction $y$ in $d$ dimensions at $b$ bits.
    """
    trial.require(
        dim - kept >= 5, "five dimensions at least are left: a part of fewer needs a million tokens"
    )
    trial.require(
        high >= low,
        "the subspace is kept at no fewer bits than the rest: high must be at least low",
    )
    values = 0.6 ** np.arange(dim)
    predict = token_error(values, kept, high, low)
    errors = partial(measured_errors, values=values, kept=kept, bits=(high, low))
    dims = np.array([kept, dim - kept])
    levels = 2.0 ** np.array([high - 1, low - 1]) - 1
    sizes = np.array([values[:kept].sum(), values[kept:].sum()])
    joint = rounding_error(dim, high) * sizes[0] + rounding_error(dim, low) * sizes[1]
    # An error is at most half a step in all entries but one; a token has up to 1.2 times its size.
    law = Bounded(0, float(0.3 * sizes @ ((dims - 1) / levels**2)))
    controls = {
        "$D²/12$ with a largest entry $√(2 log d)$": uniform_noise(sizes, dims, [high, low]),
        "$g(d, ·)$ for both parts, as of one rotation": joint,
    }
    options = {"law": law, "margin": 0.01 * predict, "first": 2**13, "most": 10**6}
    trial.mean(sampler=errors, predict=predict, controls=controls, **options)


@claim(
    derived("the error depends on the second moments of the tokens alone"),
    kind="identity",
    cases=[(16, 2, 8, 4)],
    low_power="to 4 %: activations differ in size, so that 1 % takes sixteen times the tokens",
)
def test_activations(
    trial,
    width: Annotated[
        int,
        Interval(13, 32, why="five dimensions at least are left; every token is rotated by itself"),
    ],
    kept: KeptDirections,
    high: Bits,
    low: Bits,
):
    """A network's $d$ activations have second moments with the eigenvalues $λ_1 >= λ_2 >= …$. If
    the $r$ principal directions are rotated at random and rounded at $b_H$ bits, and the others at
    $b_L$, the mean squared error is $g(r, b_H) sum_{i<=r} λ_i + g(d - r, b_L) sum_{i>r} λ_i$, where
    $g(d, b)$ is the mean of $|e|²/|y|²$ for the error $e$ of a uniformly random direction $y$ in
    $d$ dimensions at $b$ bits.
    """
    trial.require(
        high >= low,
        "the subspace is kept at no fewer bits than the rest: high must be at least low",
    )
    tokens, values = activations(width)

    def errors(generator, n):
        drawn = tokens[generator.integers(len(tokens), size=n)]
        return errors_of(generator, drawn, kept, (high, low))

    dims = np.array([kept, width - kept])
    levels = 2.0 ** np.array([high - 1, low - 1]) - 1
    parts = np.array([np.sum(x**2, axis=1) for x in np.split(tokens, [kept], axis=1)])
    most = (dims - 1) / (2 * levels) ** 2 @ parts
    sizes = [values[:kept].sum(), values[kept:].sum()]
    predict = token_error(values, kept, high, low)
    trial.mean(
        sampler=errors,
        predict=predict,
        law=Bounded(0, float(most.max())),
        margin=0.04 * predict,
        controls={
            "any $r$ directions": token_error(np.full(width, values.mean()), kept, high, low),
            "$D²/12$ with a largest entry $√(2 log d)$": uniform_noise(sizes, dims, [high, low]),
        },
        first=2**13,
        most=10**6,
    )


def variances_of_part(trial, kept, rest, high, low):
    """The variances along the principal directions, which fall by .36 from one to the next."""
    trial.require(kept + rest > 2, "two lines are rounded without error: kept or rest must be 2")
    trial.require(high > low, "with as many bits no subspace is better: high must exceed low")
    return 0.36 ** np.arange(kept + rest)


def errors_of_subspaces(generator, values, kept, high, low):
    """Errors of subspaces near the first and the last principal directions and far from them."""
    dim = len(values)
    sizes = np.geomspace(0.05, 5, 12)[:, None, None]
    left = orthonormal(generator, dim)
    right = orthonormal(generator, dim)
    ends = np.array([right, right[:, ::-1]])[:, None]
    bases = np.linalg.qr(ends + sizes * generator.normal(size=(2, 12, dim, dim)))[0]
    tokens = np.sqrt(dim * values) * left @ right.T
    return basis_errors(tokens, bases, kept, (high, low)).ravel()


PLANES = [(2, 2, 4, 3), (1, 2, 3, 2), (2, 1, 5, 4)]


@claim(derived("Ky Fan's inequality, and $g$"), kind="optimality", cases=PLANES)
def test_extremes(trial, kept: Line, rest: Line, high: FewBits, low: FewBits):
    """Of tokens in $d$ dimensions an $r$-dimensional part is rotated at random and rounded at $b_H$
    bits, and the rest at $b_L$. If the part is the first or the last $r$ principal directions, the
    mean squared error is $g(r, b_H) v + g(d - r, b_L) (V - v)$, with the variance $v$ of the part
    and $V$ of all, and $g(d, b)$ the mean of $|e|²/|y|²$ for the error $e$ of a uniformly random
    direction $y$ in $d$ dimensions at $b$ bits.
    """
    values = variances_of_part(trial, kept, rest, high, low)
    dim = kept + rest
    frame = np.eye(dim)
    # Tokens with these moments, in the coordinates of the principal directions.
    tokens = np.sqrt(dim * values) * np.linalg.qr(np.vander(np.arange(1.0, dim + 1)))[0]
    ends = basis_errors(tokens, np.array([frame, frame[:, ::-1]]), kept, (high, low))
    predict = extremes(values, kept, high, low)
    average = token_error(np.full(kept + rest, values.mean()), kept, high, low)
    trial.value(
        np.sort(ends),
        predict,
        error=1e-4 * predict,
        margin=1e-3 * predict,
        controls={"all subspaces are alike": [average, average]},
    )


@claim(
    tried(
        "abstract: a provably optimal mixed precision quantization scheme",
        "the condition on $g$, and the subspace where it fails",
    ),
    kind="optimality",
    cases=PLANES,
)
def test_pca_is_optimal(trial, kept: Line, rest: Line, high: FewBits, low: FewBits):
    """Let $g(d, b)$ be the mean of $|e|²/|y|²$ for the error $e$ if a uniformly random direction
    $y$ in $d$ dimensions is rounded at $b$ bits. If $g(d - r, b_L) > g(r, b_H)$, no $r$-dimensional
    subspace kept at $b_H$ bits beside $b_L$ has a smaller mean squared error than the first $r$
    principal directions; if $g(d - r, b_L) < g(r, b_H)$, none has a smaller one than the last $r$.
    """
    values = variances_of_part(trial, kept, rest, high, low)
    errors = errors_of_subspaces(trial.generator(), values, kept, high, low)
    average = token_error(np.full(kept + rest, values.mean()), kept, high, low)
    trial.bound(
        extremes(values, kept, high, low)[0],
        errors,
        instances="search",
        ops=10,
        control_processes={"a random subspace is as good": average},
    )


@claim(derived("Ky Fan's inequality, and $g$"), kind="optimality", cases=PLANES)
def test_last_is_worst(trial, kept: Line, rest: Line, high: FewBits, low: FewBits):
    """Let $g(d, b)$ be the mean of $|e|²/|y|²$ for the error $e$ if a uniformly random direction
    $y$ in $d$ dimensions is rounded at $b$ bits. If $g(d - r, b_L) > g(r, b_H)$, no $r$-dimensional
    subspace kept at $b_H$ bits beside $b_L$ has a larger mean squared error than the last $r$
    principal directions; if $g(d - r, b_L) < g(r, b_H)$, none has a larger one than the first $r$.
    """
    values = variances_of_part(trial, kept, rest, high, low)
    errors = errors_of_subspaces(trial.generator(), values, kept, high, low)
    average = token_error(np.full(kept + rest, values.mean()), kept, high, low)
    trial.bound(
        errors,
        extremes(values, kept, high, low)[1],
        instances="search",
        ops=10,
        controls={"a random subspace is as bad": average},
    )


@claim(derived("$g$ grows with the dimension"), kind="identity", cases=[(64, 5), (64, 6)])
def test_rule_flips(
    trial,
    many: Annotated[
        int,
        Interval(
            24, 128, why="below, 4 and 5 bits may be equally good; every token is drawn whole"
        ),
    ],
    bits: Annotated[
        int, Interval(5, 8, why="more than the four of the two dimensions beside them")
    ],
):
    """Let $g(d, b)$ be the mean of $|e|²/|y|²$ for the error $e$ if a uniformly random direction
    $y$ in $d$ dimensions is rounded at $b$ bits. Then $g(64, 5) = .0025$ exceeds $g(2, 4) = .0014$,
    so that of 66 channels the 64 with the least variance should have the fifth bit. With a sixth
    bit they should not, as $g(64, 6) = .0006$.
    """
    predict = rounding_error(many, bits)
    trial.mean(
        sampler=partial(relative_errors, dim=many, bits=bits),
        predict=predict,
        law=Bounded(0, many / (2 * (2 ** (bits - 1) - 1)) ** 2),
        margin=0.01 * predict,
        controls={
            "that of the plane at four bits": rounding_error(2, 4),
            "that of the plane at as many": rounding_error(2, bits),
            "$D²/12$ with a largest entry $√(2 log d)$": uniform_noise(1.0, many, bits),
        },
        first=2**11,
        most=10**6,
    )


@claim(derived("one cell after another"), kind="identity", cases=[4, 2, 5])
def test_plane(trial, low: FewBits):
    """Let $y$ be rounded to $D round(y/D)$ at $b$ bits, $D = max |y_i|/(2^(b-1) - 1)$. For a unit
    vector $y$ in the plane the mean squared error over all its rotations is half of that of a
    standard normal $y$: .0014 at four bits.
    """
    trial.value(
        plane_errors(np.array([[1, 0]]), low),
        rounding_error(2, low),
        error=1e-9,
        margin=1e-7,
        controls={
            "$D²/12$ in both entries": (0.5 + 1 / np.pi) / (6 * (2 ** (low - 1) - 1) ** 2),
        },
    )


@figure("F1", claims=("exact_error",))
def subspaces(dim=10, high=5, low=4, tokens=20000):
    """Which subspace deserves the fifth bit depends on how many dimensions it has.

    Mean squared error of ten channels of variances $0.6^i$, $r$ of them at five bits, the others at
    four. At $r = 9$ the last are best. Marks: lines: exact, dashed for $r$ average channels;
    points: 20 000 tokens, 99 % intervals.
    """
    generator = np.random.default_rng(0)
    values = 0.6 ** np.arange(dim)
    ranks = np.arange(1, dim)
    orders = {"first r": values, "last r": values[::-1], "average": np.full(dim, values.mean())}
    lines = {
        name: (ranks, [1e3 * token_error(order, r, high, low) for r in ranks])
        for name, order in orders.items()
    }
    points = {}
    for name in ("first r", "last r"):
        errors = 1e3 * np.array(
            [measured_errors(generator, tokens, orders[name], r, (high, low)) for r in ranks]
        )
        points[name] = ranks, errors.mean(axis=1), 2.576 * errors.std(axis=1) / np.sqrt(tokens)
    x = "dimensions r at five bits, of 10"
    y = "mean squared error  (10⁻³ squared units)"
    return chart(lines, points, dashed=["average"], x=x, y=y)


@figure("F2", claims=("activations",))
def trained_network(width=64, high=5, low=4, tokens=3000):
    """Of a trained network's activations few principal directions deserve the fifth bit: more of
    them make the subspace harder to round.

    Mean squared error over the mean square, for the 64 activations of a network for scikit-learn's
    digits, $r$ directions at five bits, the others at four. Marks: lines: law; points: 3000 digits,
    each rotated at random, 99 % intervals.
    """
    generator = np.random.default_rng(0)
    hidden, values = activations(width)
    total = values.sum()
    ranks = np.arange(1, width)
    at = np.unique(np.geomspace(1, width - 1, 10).astype(int))
    chosen = hidden[generator.integers(len(hidden), size=tokens)]
    orders = {"first r": (values, chosen), "last r": (values[::-1], chosen[:, ::-1])}
    lines = {}
    points = {}
    for name, (order, x) in orders.items():
        lines[name] = ranks, [100 * token_error(order, r, high, low) / total for r in ranks]
        errors = np.array([errors_of(generator, x, r, (high, low)) for r in at]) * 100 / total
        points[name] = at, errors.mean(axis=1), 2.576 * errors.std(axis=1) / np.sqrt(tokens)
    x = "directions r at five bits, of 64"
    return chart(lines, points, log="xy", x=x, y="squared error / mean square  (%)")
