"""Alman & Song 2024, "How to Capture Higher-order Correlations? Generalizing Matrix Softmax
Attention to Kronecker Computation", ICLR, arXiv 2310.04064.

For whoever attends to pairs of keys and asks which degree of a polynomial makes the cost linear in
the length, and how many columns and how large weights a head needs to find triples.

Setting: $n$ tokens have queries $Q$, keys $K1$ and $K2$ and values $V1$ and $V2$, all $(n, d)$. The
score of token $i$ and the pair $(j, l)$ is $s = ∑_c Q_{i c} K1_{j c} K2_{l c}$, $|s| <= b$. Weights
are $e^s/∑_{j l} e^s$ over all pairs, and values are the products $V1_j V2_l$, entry by entry.

Take away: features of degree $g$ make attention to all $n²$ pairs linear in $n$ (features), and for
a given degree the best polynomial in relative error is $2^g e^b$ times as exact as Taylor's
(degree_needed, degree_needed-taylor). Three columns suffice to find triples that add up to 0 modulo
$M$ (triples_found), two do not give their cosine (k_columns-fewer), and no head over single keys
finds them (triples_found-not_by_pairs). Logits of about $M² log n/π²$ are enough, and the entries
behind them are half of $(M² log n)^(1/3)$; for sums of $k$ numbers they grow as $(log n)^(1/k)$
(triples_found-of_order_k).

Edges: the law of the least error is a limit for large $g$; the next factor is $1 - b²/(4(g + 3))$.
The rank holds for generic tokens and large $n$ if no coefficient of the polynomial is 0. For small
$M$ most tokens of a drawn word belong to a triple, so that both kinds of error must be counted.

Paper: it bounds the entries for widths $d$ of the order $log n$: below the bound attention to pairs
takes almost linear time, and above it that is impossible under the exponential time hypothesis.
This page tries the polynomial, its features, and a head that finds triples.

Abstract:

- Statement 1: matrix attention detects pairs of tokens and cannot detect triples; attention to
  pairs can. In part: triples_found, triples_found-others, triples_found-not_by_pairs. For one head
  with a linear read-out, any logits and any values; a network behind the head is not here.
- Statement 2: attention to pairs is a softmax over a Kronecker product of keys. Not on trial. It is
  a definition.
- Statement 3: if all entries are of lower order than $(log n)^(1/3)$, it can be approximated in
  almost linear time. In part: features, features-rank, degree_needed. The features and the degree
  that a given bound on scores needs; the limit in $n$ is not here.
- Statement 4: if entries may be as large, no algorithm is faster than $n³$ under the strong
  exponential time hypothesis. Not on trial. It is conditional.
- Statement 5: for tensors of higher order the bounds on the entries are lower. In part: k_columns,
  triples_found-of_order_k. Entries of order $(log n)^(1/k)$ are enough for a head that finds sums
  of $k$ numbers; the hardness and the algorithm are not here.

Read: the abstract, in a copy ("approximate the ``tensor-type'' attention matrix in $n^{1+o(1)}$
time", "detecting triple-wise connections"). Derived here: all claims. Not claimed: that two columns
leave no less than 1 has no proof here, and the second term of the least error is numerical. Topic:
sequence models and attention.
"""

from functools import cache
from itertools import combinations_with_replacement
from math import comb, e, factorial
from typing import Annotated

import mpmath
import numpy as np
from scipy import special
from scipy.optimize import minimize

from theory_on_trial import claim, derived, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Width = Annotated[int, Interval(1, 4, why="wider heads have more features than n here")]
Degree = Annotated[int, Interval(1, 5, why="higher degrees have more features than n here")]
High = Annotated[int, Interval(6, 14, why="law for high degrees; beyond 14 the solver is slow")]
Largest = Annotated[float, Interval(0.2, 2, why="b: law for small b²/g; near 0 all is constant")]
Tokens = Annotated[int, Interval(3, 16, why="all n² pairs of n tokens in 40 words are computed")]
LENGTH = 80
WORDS = 174
OTHER_WORDS = 172
TOKEN_SETS = 172


def relative_error(rising, at):
    """|p(x)/e^x - 1| of a polynomial with rising coefficients, in the digits of mpmath."""
    value = mpmath.mpf(0)
    for one in reversed(rising):
        value = value * at + one
    return abs(value * mpmath.exp(-at) - 1)


@cache
def best_polynomial(largest, degree):
    """Remez's exchange in 60 digits: the polynomial of some degree with the least relative error
    from e^x on [-b, b].

    Returns the coefficients, rising, and the level and the largest error: the least error lies
    between these.
    """
    with mpmath.workdps(60):
        end = mpmath.mpf(largest)
        places = [end * mpmath.cos(mpmath.pi * k / (degree + 1)) for k in range(degree + 2)]
        for _ in range(5):
            rows = [
                [x**power * mpmath.exp(-x) for power in range(degree + 1)] + [(-1) ** k]
                for k, x in enumerate(places)
            ]
            solution = mpmath.lu_solve(mpmath.matrix(rows), mpmath.ones(degree + 2, 1))
            *rising, level = list(solution)
            # The derivative of p e^-x vanishes where p' - p does, and that has degree g.
            slope = [
                (power + 1) * (rising[power + 1] if power < degree else 0) - rising[power]
                for power in range(degree + 1)
            ]
            size = max(map(abs, slope))
            inner = np.polynomial.polynomial.polyroots([float(one / size) for one in slope])
            places = sorted([-end, *map(mpmath.mpf, inner.real), end], reverse=True)
        errors = [relative_error(rising, x) for x in places]
        return np.array(rising, dtype=float), float(abs(level)), float(max(errors))


def exponents(width, degree):
    """The exponents of all monomials of degree 0 … g in d variables."""
    return [
        np.bincount(np.array(chosen, dtype=int), minlength=width)
        for total in range(degree + 1)
        for chosen in combinations_with_replacement(range(width), total)
    ]


def drawn_tokens(generator, length, width, largest):
    """Q, K1 and K2 (3, n, d) of normal law, scaled so that the largest |s| is b."""
    factors = generator.normal(size=(3, length, width))
    scores = np.einsum("ic,jc,lc->ijl", *factors)
    return factors * np.cbrt(largest / np.abs(scores).max())


def two_scores(length, low, high):
    """Tokens of width 1 with the score `low` for one key of n and `high` for others."""
    first = np.full(length, high)
    first[0] = low
    return np.array([np.ones(length), first, np.ones(length)])[..., None]


@observed
def scores_of(factors):
    """s_ijl of Q, K1 and K2 (3, n, d), all of them (n, n, n)."""
    return np.einsum("ic,jc,lc->ijl", *factors)


@observed
def exact_weights(factors):
    """Softmax over all pairs (n, n, n)."""
    raised = np.exp(scores_of(factors))
    return raised / raised.sum(axis=(1, 2), keepdims=True)


@observed
def featured_weights(factors, coefficients):
    """The weights of p(s)/Σ p(s) from features: monomials of the rows of Q, K1 and K2, whose sums
    over keys and over pairs factorise (n, n, n).
    """
    powers = np.array(exponents(factors[0].shape[1], len(coefficients) - 1))
    query, first, second = np.prod(np.expand_dims(factors, 1) ** powers[:, None], axis=-1)
    orders = powers.sum(axis=1)
    ways = special.factorial(orders) / np.prod(special.factorial(powers), axis=1)
    query = (coefficients[orders] * ways)[:, None] * query
    totals = (first.sum(axis=1) * second.sum(axis=1)) @ query
    raised = np.einsum("fi,fj,fl->ijl", query, first, second, optimize=True)
    return raised / totals[:, None, None]


@observed
def rank_of_polynomial(factors, coefficients):
    """The rank of p(s) as a matrix (n, n²), by Horner's rule on the dense tensor."""
    scores = scores_of(factors)
    matrix = np.polyval(coefficients[::-1], scores).reshape(len(scores), -1)
    return np.linalg.matrix_rank(matrix @ matrix.T, tol=1e-13 * np.linalg.norm(matrix) ** 2)


@observed
def least_error(largest, degree):
    """Two numbers with the least relative error of a polynomial from e^x between them."""
    return best_polynomial(largest, degree)[1:]


@observed
def cosine_of_sum(numbers):
    """Return cos(x_1 + … + x_k) of numbers (…, k)."""
    return np.cos(numbers.sum(axis=-1))


@observed
def taylor_error(largest, degree):
    """The largest relative error of Taylor's polynomial on a grid of [-b, b], in 60 digits."""
    with mpmath.workdps(60):
        rising = [1 / mpmath.factorial(power) for power in range(degree + 1)]
        grid = [mpmath.mpf(largest) * k / 50 for k in range(-50, 51)]
        return float(max(relative_error(rising, x) for x in grid))


@observed
def best_columns(generator, columns, starts=6):
    """The least squared distance of the tensor (2, 2, 2) of cos(x + y + z) in the basis cos, sin of
    each to so many columns, by BFGS over all their entries.
    """
    turns = np.arange(2)[:, None, None] + np.arange(2)[:, None] + np.arange(2)
    # cos(x + y + z) is the real part of a product in which cos stands for 1, and sin for i.
    tensor = np.real(1j**turns)

    def loss(entries):
        first, second, third = entries.reshape(3, 2, columns)
        rest = np.einsum("ac,bc,dc->abd", first, second, third) - tensor
        slopes = [
            np.einsum("abd,bc,dc->ac", rest, second, third),
            np.einsum("abd,ac,dc->bc", rest, first, third),
            np.einsum("abd,ac,bc->dc", rest, first, second),
        ]
        return np.sum(rest**2), 2 * np.ravel(slopes)

    searches = [
        minimize(loss, start, jac=True, method="BFGS", options={"maxiter": 1500})
        for start in generator.normal(size=(starts, 6 * columns))
    ]
    return min(search.fun for search in searches)


@observed
def head(word, modulus, sharpness, used=None, order=3):
    """The read-outs y (n,) of a word (n,) of residues modulo M, by columns of cosines over all
    tuples of k - 1 keys; `used` of the k columns, or all.
    """
    used = order if used is None else used
    angles = 2 * np.pi * np.asarray(word) / modulus
    shifts = np.pi * np.arange(used) / order
    size = (2.0 ** (order - 1) * sharpness / order) ** (1 / order)
    columns = size * np.cos(angles[:, None] - shifts)
    scores = columns * (-1.0) ** np.arange(used)
    values = phases = np.exp(1j * angles)
    for key in range(1, order):
        scores = scores[..., None, :] * columns
        values = values if key == 1 else values[..., None] * phases
    scores = scores.sum(axis=-1).reshape(len(angles), -1)
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.real(phases * (raised @ values.ravel()) / raised.sum(axis=1))


@observed
def head_of_pairs(word, modulus, sharpness):
    """The read-outs y (n,) for logits β cos(2π(x_i + x_j)/M), which ignore the second key."""
    angles = 2 * np.pi * np.asarray(word) / modulus
    phases = np.exp(1j * angles)
    scores = sharpness * np.cos(angles[:, None] + angles)
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    output = raised @ phases / raised.sum(axis=1) * phases.mean()
    return np.real(phases * output)


@predicted
def largest_log_ratio(error):
    """Log((1 + ε)/(1 - ε))."""
    if not 0 <= error < 1:
        raise ValueError("error must lie in [0, 1): else weights have no bound")
    return np.log1p(error) - np.log1p(-error)


@predicted
def number_of_features(width, degree):
    """The binomial coefficient of d + g over g."""
    return comb(width + degree, degree)


def check_degree(degree):
    """The degree. Raises ValueError beyond 160, whose factorials have no double."""
    if not 0 <= degree <= 160:
        raise ValueError("degree must lie in [0, 160]: larger factorials exceed all doubles")
    return degree


@predicted
def leading_error(largest, degree):
    """b^(g+1)/(2^g (g + 1)!)."""
    return 2 * (largest / 2) ** (degree + 1) / float(factorial(check_degree(degree) + 1))


@predicted
def next_factor(largest, degree):
    """1 - b²/(4 (g + 3))."""
    return 1 - largest**2 / (4 * (degree + 3))


@predicted
def largest_of_taylor(largest, degree):
    """e^b b^(g+1)/(g + 1)! (1 - b/(g + 2) + b²/((g + 2)(g + 3))), of the remainder at -b."""
    first = e**largest * largest ** (degree + 1) / float(factorial(check_degree(degree) + 1))
    return first * (1 - largest / (degree + 2) * (1 - largest / (degree + 3)))


@predicted
def by_columns(numbers, signed=True):
    """(2^(k-1)/k) Σ_r (-1)^r Π_i cos(x_i - π r/k) for numbers x (…, k)."""
    order = numbers.shape[-1]
    steps = np.arange(order)
    columns = np.prod(np.cos(numbers[..., None] - np.pi * steps / order), axis=-2)
    signs = (-1.0) ** steps if signed else np.ones(order)
    return 2.0 ** (order - 1) / order * columns @ signs


@predicted
def left_by_columns(columns):
    """3, 1 and 0 of the squared norm 4, with one, two and three columns or more."""
    if columns < 1:
        raise ValueError("columns must be at least 1")
    return [3.0, 1.0, 0.0][min(columns, 3) - 1]


@observed
def head_of_single_keys(word, logits, values):
    """The read-out of the first token of a word (n,) of residues, for logits and real values (M,)
    of the residues of single keys.
    """
    raised = np.exp(logits[word] - logits[word].max())
    return raised @ values[word] / raised.sum()


@predicted
def read_with_copies(token, key, logits, values):
    """(e^(l_x) v_x + 2 e^(l_a) v_a)/(e^(l_x) + 2 e^(l_a)) for logits l and values v (count, M)."""
    shares = special.expit(logits[:, token] - logits[:, key] - np.log(2))
    return shares * values[:, token] + (1 - shares) * values[:, key]


@predicted
def sharp_enough(tokens, modulus, order=3):
    """β* = log(n^(k-1) - 1)/(1 - cos(2π/M))."""
    if tokens < 3 or modulus < 2 or order < 2:
        raise ValueError("tokens must be at least 3, and modulus and order at least 2")
    return np.log(tokens ** (order - 1) - 1) / (1 - nearest_cosine(modulus))


@predicted
def nearest_cosine(modulus):
    """Return cos(2π/M), of the residues next to 0."""
    return np.cos(2 * np.pi / modulus)


def hardest_words(tokens):
    """One token of residue 0 among ones, and one of 1 among zeros (2, n)."""
    return np.array([[0] + [1] * (tokens - 1), [1] + [0] * (tokens - 1)])


def words_with_members(generator, tokens, modulus, order=3):
    """Words (WORDS, n), and which tokens (WORDS, n) are in a tuple of k that adds up to 0 modulo M.
    The first two are the hardest words. Every second word has such a tuple of its first k tokens.
    """
    words = generator.integers(modulus, size=(WORDS, tokens))
    words[:2] = hardest_words(tokens)
    words[2::2, order - 1] = -words[2::2, : order - 1].sum(axis=1) % modulus
    sums = words
    for _ in range(order - 1):
        sums = sums[..., None] + np.expand_dims(words, tuple(range(1, sums.ndim)))
    return words, np.any((sums % modulus == 0).reshape(*words.shape, -1), axis=2)


@claim(
    derived("numerator and denominator are off by at most $1 ± ε$"),
    kind="bound",
    cases=[(2, 3, 1.0), (3, 5, 2.0), (1, 1, 0.2), (4, 2, 0.5)],
)
def test_features(trial, width: Width, degree: Degree, largest: Largest):
    """Let $p$ be a polynomial with $|p(s)/e^s - 1| <= ε < 1$ for $|s| <= b$. The weights
    $p(s)/∑ p(s)$ of scores $s$ in $[-b, b]$ are within a factor $(1 + ε)/(1 - ε)$ of those of
    softmax: logarithms of weights differ by at most $log((1 + ε)/(1 - ε))$.
    """
    coefficients, _, error = best_polynomial(largest, degree)
    trial.require(1e-8 < error < 1, "the relative error must be below 1, and above rounding")
    grid = np.linspace(-largest, largest, 2001)
    errors = np.polyval(coefficients[::-1], grid) / np.exp(grid) - 1
    extremes = sorted([grid[np.argmin(errors)], grid[np.argmax(errors)]])
    hardest = two_scores(30, *extremes)
    generator = trial.generator("tokens")
    drawn = [drawn_tokens(generator, 10, width, largest) for _ in range(TOKEN_SETS)]
    off = []
    for factors in (*drawn, hardest):
        weights = featured_weights(factors, coefficients)
        off.append(np.max(np.abs(np.log(weights / exact_weights(factors)))))
    trial.bound(
        np.array(off),
        np.full(len(off), largest_log_ratio(error)),
        instances="draws",
        independent=TOKEN_SETS,
        ops=20 * number_of_features(width, degree),
        scale=1.0,
        controls={"the denominator is exact": np.full(len(off), -np.log1p(-error))},
    )


@claim(
    derived("monomials of degree up to $g$ are independent functions of tokens"),
    kind="identity",
    cases=[(2, 3), (3, 3), (1, 5), (4, 2)],
)
def test_features__rank(trial, width: Width, degree: Degree):
    """Let $p$ be a polynomial of degree $g$ without a coefficient 0, and
    $s_{i,j l} = ∑_c Q_{i c} K_{j c} L_{l c}$ the scores of $n$ generic tokens of width $d$ with
    pairs $(j, l)$ of keys. If $n >= binom(d + g, g)$, the matrix $(n, n²)$ of the $p(s_{i,j l})$
    has the rank $binom(d + g, g)$.
    """
    law = number_of_features(width, degree)
    trial.require(law <= LENGTH // 2, f"features must be at most {LENGTH // 2}, half the tokens")
    factors = drawn_tokens(trial.generator("tokens"), LENGTH, width, 2.0)
    coefficients, _, _ = best_polynomial(2.0, degree)
    wrong = {
        "monomials of degree $g$ alone": comb(width + degree - 1, degree),
        "tensors of degree $g$": width**degree,
        "up to degree $g$ in each": (degree + 1) ** width,
        "full": LENGTH,
    }
    trial.identity(
        rank_of_polynomial(factors / factors.std(axis=(1, 2), keepdims=True), coefficients),
        law,
        ops=0,
        generic="a rank is that of almost all tokens, because minors are polynomials in them",
        controls={name: value for name, value in wrong.items() if value != law},
    )


@claim(
    derived("the weight $e^-x$ has the geometric mean 1; the second term is numerical"),
    kind="rate",
    cases=[(1.0, 8), (2.0, 12), (0.2, 6)],
)
def test_degree_needed(trial, largest: Largest, degree: High):
    """The least relative error of a polynomial of degree $g$ from $e^x$ on $[-b, b]$ is
    $b^(g+1)/(2^g (g + 1)!) (1 - q)$, $q = b²/(4(g + 3))$, to within the share $q² + .001$ of
    $b^(g+1)/(2^g (g + 1)!)$.
    """
    level, error = least_error(largest, degree)
    leading = leading_error(largest, degree)
    factor = next_factor(largest, degree)
    rest = (1 - factor) ** 2
    trial.value(
        (level + error) / 2 / leading,
        factor,
        error=(error - level) / leading + 1e-12,
        slack=rest,
        margin=rest + 0.001,
        controls={
            "with $2^(g+1)$": factor / 2,
            "of the least absolute error": factor * e**largest,
            "Taylor's": largest_of_taylor(largest, degree) / leading,
        },
    )


@claim(
    derived("the series of the remainder at $-b$ alternates"),
    kind="rate",
    cases=[(1.0, 8), (2.0, 12), (0.2, 6)],
)
def test_degree_needed__taylor(trial, largest: Largest, degree: High):
    """On $[-b, b]$ Taylor's polynomial of degree $g$ has the largest relative error
    $e^b b^(g+1)/(g + 1)! (1 - b/(g + 2) + b²/((g + 2)(g + 3)))$ from $e^x$, to within a share
    $b³/((g + 2 - b)(g + 3)(g + 4)) + .001$.
    """
    law = largest_of_taylor(largest, degree)
    rest = largest**3 / ((degree + 2 - largest) * (degree + 3) * (degree + 4))
    trial.value(
        taylor_error(largest, degree) / law,
        1.0,
        error=1e-12,
        slack=rest,
        margin=rest + 0.001,
        controls={
            "the first term left out, $b^(g+1)/(g + 1)!$": largest ** (degree + 1)
            / factorial(degree + 1)
            / law,
            "as the best polynomial": leading_error(largest, degree) / law,
        },
    )


@claim(derived("sums over all roots of unity"), cases=[2, 3, 5, 8])
def test_k_columns(
    trial,
    order: Annotated[
        int, Interval(2, 8, why="one number needs one column; sums of more are alike")
    ],
):
    """The cosine of a sum of $k$ numbers is a sum of $k$ products of one number's cosine each:
    $cos(x_1 + … + x_k) = (2^(k-1)/k) ∑_r (-1)^r prod_i cos(x_i - π r/k)$ over $r = 0, …, k - 1$.
    """
    numbers = trial.generator("numbers").uniform(-np.pi, np.pi, size=(40, order))
    trial.identity(
        cosine_of_sum(numbers),
        by_columns(numbers),
        ops=40 * order,
        scale=2.0**order,
        independent=len(numbers),
        generic="both sides are trigonometric polynomials in the numbers",
        controls={
            "without signs": by_columns(numbers, signed=False),
            "one column": 2.0 ** (order - 1) / order * np.prod(np.cos(numbers), axis=1),
        },
    )


@claim(
    derived("the hyperdeterminant is -4, and by search"),
    kind="optimality",
    cases=[1, 2, 3],
)
def test_k_columns__fewer(
    trial, columns: Annotated[int, Interval(1, 3, why="three columns are exact")]
):
    """Let $cos(x + y + z)$ be written as a sum of products of functions of $x$, $y$ and $z$, in the
    basis $cos$, $sin$ of each. Of its squared norm 4 the best one, two or three products leave 3, 1
    and 0.
    """
    law = left_by_columns(columns)
    wrong = {
        "each product takes 1 of 4": 4.0 - columns,
        "as of complex functions, of which two suffice": max(4.0 - 2 * columns, 0.0),
    }
    trial.value(
        best_columns(trial.generator("starts"), columns),
        law,
        error=1e-6,
        margin=0.01,
        scale=4.0,
        instances="search",
        controls={name: value for name, value in wrong.items() if value != law},
    )


HEADS = [(8, 11), (12, 31), (5, 3), (16, 101)]


@claim(
    derived("$(m - y) e^(β y)$, $m$ the middle of 1 and $c$, rises up to $c$"),
    kind="bound",
    cases=HEADS,
    not_tight="all pairs but one would have to add up to the next residue, as they can modulo 3",
)
def test_triples_found(
    trial,
    tokens: Tokens,
    modulus: Annotated[int, Interval(3, 101, why="modulo 2 a token has one other residue")],
):
    """Let $x_i$ be residues modulo $M >= 2$, $c = cos(2π/M)$, logits $β cos(2π(x_i + x_j + x_l)/M)$
    by three columns, values $e^(2πi(x_j + x_l)/M)$ and $y_i$ the real part of $e^(2πi x_i/M)$ times
    the output. With $β = β* = log(n² - 1)/(1 - c)$ a token that is in a triple of sum 0 has
    $y_i >= (1 + c)/2$.
    """
    words, members = words_with_members(trial.generator("words"), tokens, modulus)
    sharpness = sharp_enough(tokens, modulus)

    def missing(read):
        return 1 - np.array([read(word) for word in words])[members]

    distance = (1 - nearest_cosine(modulus)) / 2
    measured = missing(lambda word: head(word, modulus, sharpness))
    trial.bound(
        measured,
        np.full_like(measured, distance),
        instances="draws",
        independent=WORDS - 2,
        ops=100 * sharpness,
        scale=1.0,
        control_processes={
            "$β$ for $n$ keys, not $n²$ pairs": missing(
                lambda word: head(word, modulus, sharpness / 2)
            ),
            "two of the three columns": missing(lambda word: head(word, modulus, sharpness, 2)),
            "attention to single keys": missing(
                lambda word: head_of_pairs(word, modulus, sharpness)
            ),
        },
    )


@claim(
    tried("abstract: for higher orders the bounds are lower", "entries of a head that finds sums"),
    kind="bound",
    cases=[(4, 8, 23), (2, 8, 11), (5, 5, 7), (3, 8, 31)],
    not_tight="all tuples but one would have to add up to the next residue, as pairs can",
)
def test_triples_found__of_order_k(
    trial,
    order: Annotated[int, Interval(2, 5, why="k; all n^k tuples in 40 words are computed")],
    tokens: Annotated[int, Interval(5, 8, why="n; all n^k tuples are computed")],
    modulus: Annotated[int, Interval(5, 101, why="modulo less most tokens are in a tuple")],
):
    """Let $x_i$ be residues modulo $M$, $c = cos(2π/M)$, $β = log(n^(k-1) - 1)/(1 - c)$, logits
    $β cos(2π(x_i + x_{j_2} + … + x_{j_k})/M)$ by $k$ columns, whose entries are at most
    $(2^(k-1) β/k)^(1/k)$, values $e^(2πi(x_{j_2} + … + x_{j_k})/M)$ and $y_i$ the real part of
    $e^(2πi x_i/M)$ times the output. A token that is in a tuple of $k$ of sum 0 has
    $y_i >= (1 + c)/2$.
    """
    generator = trial.generator("words")
    words, members = words_with_members(generator, tokens, modulus, order)
    sharpness = sharp_enough(tokens, modulus, order)

    def missing(strength, used=None):
        reads = [head(word, modulus, strength, used, order) for word in words]
        return 1 - np.array(reads)[members]

    measured = missing(sharpness)
    trial.bound(
        measured,
        np.full_like(measured, (1 - nearest_cosine(modulus)) / 2),
        instances="draws",
        independent=WORDS - 2,
        ops=100 * sharpness,
        scale=1.0,
        control_processes={
            "a quarter of β": missing(sharpness / 4),
            "one of the k columns less": missing(sharpness, order - 1),
        },
    )


@claim(
    tried(
        "abstract: matrix attention is incapable of detecting triples",
        "one head with a linear read-out",
    ),
    kind="bound",
    cases=[(11, 1, 2), (31, 5, 9), (101, 20, 50)],
)
def test_triples_found__not_by_pairs(
    trial,
    modulus: Annotated[int, Interval(11, 101, why="modulo less few words have no triple")],
    token: Annotated[int, Interval(1, 100, why="x, a residue")],
    key: Annotated[int, Interval(0, 100, why="a, a residue")],
):
    """Let $x + a + b = 0$ modulo $M$, and let the words $(x, a, a)$ and $(x, b, b)$ have no triple
    of sum 0 with $x$. For every head over single keys, with any logits, any values and a linear
    read-out, the read-out of $x$ in the word $(x, a, b)$ is at most the larger one of $x$ in the
    other two: no cut tells the word that has a triple.
    """
    trial.require(max(token, key) < modulus, "residues must be below the modulus")
    other = -(token + key) % modulus
    sums = [token + token, token + key, token + other, 2 * key, 2 * other]
    trial.require(
        all((token + each) % modulus for each in sums),
        "the words (x, a, a) and (x, b, b) must have no triple with x",
    )
    generator = trial.generator("heads")
    logits = 3 * generator.normal(size=(230, modulus))
    values = generator.uniform(0.1, 1, size=(230, modulus))
    word = np.array([token, key, other])
    heads = zip(logits, values, strict=True)
    without = [read_with_copies(token, each, logits, values) for each in (key, other)]
    law = np.maximum(*without)
    sharpness = sharp_enough(3, modulus)
    found, *missed = (
        1 + head([token, *pair], modulus, sharpness)[0]
        for pair in ([key, other], [key, key], [other, other])
    )
    trial.bound(
        np.array([head_of_single_keys(word, *one) for one in heads]),
        law,
        instances="draws",
        independent=len(law),
        ops=20,
        controls={"at most the smaller one": np.minimum(*without)},
        control_processes={"a head over pairs of keys": law * found / max(missed)},
    )


@claim(derived("no cosine exceeds $c$"), kind="bound", cases=[(8, 11), (12, 31), (5, 4), (16, 101)])
def test_triples_found__others(
    trial,
    tokens: Tokens,
    modulus: Annotated[int, Interval(4, 101, why="modulo 3 the words here have all triples")],
):
    """Let $x_i$ be $n$ residues modulo $M >= 2$, $c = cos(2π/M)$, logits
    $β cos(2π(x_i + x_j + x_l)/M)$ for pairs $(j, l)$, values $e^(2πi(x_j + x_l)/M)$, $y_i$ the real
    part of $e^(2πi x_i/M)$ times the output, and $β = log(n² - 1)/(1 - c)$. A token that is in no
    triple of sum 0 modulo $M$ has $y_i <= c$, below the cut $(1 + c)/2$.
    """
    # Of uniform residues hardly any word has such a token: residues around M/3 make some.
    near = trial.generator("residues").integers(2, size=(OTHER_WORDS, tokens))
    words = np.concatenate([hardest_words(tokens), (near + modulus // 3 + 1) % modulus])
    sums = words[:, :, None, None] + words[:, None, :, None] + words[:, None, None, :]
    others = np.all(sums % modulus != 0, axis=(2, 3))
    sharpness = sharp_enough(tokens, modulus)
    measured = np.array([head(word, modulus, sharpness) for word in words])
    # Above -1, so that shares of the bound are those of a positive number. Of a word without such
    # a token nothing is said.
    largest = np.max(1 + measured, axis=1, where=others, initial=0.0)
    trial.bound(
        largest,
        np.full_like(largest, 1 + nearest_cosine(modulus)),
        instances="draws",
        independent=OTHER_WORDS,
        ops=100 * sharpness,
        scale=1.0,
        controls={
            "as if the next residue were free": np.full_like(
                largest, 1 + np.cos(4 * np.pi / modulus)
            ),
        },
    )


@figure("F1", claims=("degree_needed", "degree_needed-taylor"))
def error_against_degree():
    """For relative errors the best polynomial is about $2^g e^b$ times as exact as Taylor's.

    Errors are those from $e^x$ on $[-b, b]$. Marks: lines: leading terms; points: Remez's exchange
    in 60 digits, and Taylor's polynomial on a grid.
    """
    degrees = np.arange(2, 13)
    lines = {}
    points = {}
    for largest in (1.0, 3.0):
        best = f"best, b = {largest:g}"
        taylor = f"Taylor's, b = {largest:g}"
        lines[best] = degrees, [leading_error(largest, g) for g in degrees]
        lines[taylor] = degrees, [largest_of_taylor(largest, g) for g in degrees]
        points[best] = degrees, [least_error(largest, int(g))[1] for g in degrees]
        points[taylor] = degrees, [taylor_error(largest, int(g)) for g in degrees]
    return chart(
        lines,
        points,
        log="y",
        legend="beside",
        x="degree g",
        y="largest relative error",
    )
