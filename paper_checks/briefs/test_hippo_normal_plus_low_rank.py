"""Gu, Goel & Ré 2022, "Efficiently Modeling Long Sequences with Structured State Spaces", ICLR,
arXiv 2111.00396.

For whoever asks why the HiPPO matrix is not simply diagonalised: a rank-one correction makes it
normal and gives its convolution as Cauchy sums, while its own eigenvectors have a condition that
grows like 5.83 to the power of its size.

Paper: its layer S4 computes a long convolution with the HiPPO matrix, which it writes as a normal
matrix plus one of rank one, because diagonalising it directly would be unstable. This page tries
that decomposition and the convolution, and says how unstable the direct way is.

Take away: the worst eigenvalue condition is 36 at $N = 4$ states, $2·10⁴$ at 8, $1.2·10¹⁰$ at 16
and $1.1·10²²$ at 32, so that double precision is lost from $N = 16$ or so on.

HiPPO-LegS has $A_{n k} = -√((2n+1)(2k+1))$ below the diagonal, $A_{n n} = -(n + 1)$ and
$B_n = √(2n+1)$, $n < N$. The bilinear rule of step $Δ$ gives $Ā = (I - Δ A/2)⁻¹ (I + Δ A/2)$,
$B̄ = (I - Δ A/2)⁻¹ Δ B$ and the kernel $C Ā^i B̄$, $i < L$. $P_n = √(n + 1/2)$. The condition $κ$
of a simple eigenvalue is $|u| |v|/|u·v|$, for its left eigenvector $u$ and its right one $v$; no
matrix of eigenvectors has a smaller.

Edges: at $ζ = -1$ the Cauchy formula needs its limit; $L$ is odd here, so that $ζ = -1$ does not
occur. In double precision the computed conditions saturate near $10¹⁹$, so that this page uses
exact fractions. With one state the matrix is normal.

Abstract:

- Statement 1: with a correction of low rank the matrix can be diagonalised stably. Holds:
  normal_plus_rank_one, normal_plus_rank_one-spectrum.
- Statement 2: the layer reduces to a Cauchy kernel. Holds: cauchy_kernel.
- Statement 3: it is computed much more efficiently than state spaces before it. Not on trial.
  Nothing is timed here.
- Statement 4: it is the best on tasks of long range, and near the best on images and language. Not
  on trial. It needs benchmarks.

Read: Theorem 1 (this $P$ stands in its proof), Lemma 3.2 and the abstract. Recalled: the formula
with a Cauchy kernel. Derived here: the conditions, their growth. Not claimed: the condition of the
best matrix of eigenvectors. Lemma 3.2 prints $V_{i j} = (i+j choose i-j)$; its proof adds "up to
sign and conjugation by a diagonal matrix", and with that it is right: a slip of the statement, on
which nothing rests. Topic: sequence models and attention.
"""

import math
from fractions import Fraction
from typing import Annotated

import numpy as np

from theory_on_trial import claim, derived, observed, paper, predicted, published, recalled
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

States = Annotated[
    int, Interval(2, 128, why="one number is a normal matrix; beyond, eigenvalues take seconds")
]
ExactStates = Annotated[
    int, Interval(2, 48, why="one eigenvalue has condition 1; beyond, fractions take seconds")
]
LargeSize = Annotated[
    int, Interval(256, 1024, why="below, terms of order 1/N hide the limit; larger take seconds")
]


def hippo(states):
    """A and B of HiPPO-LegS."""
    root = np.sqrt(2 * np.arange(states) + 1)
    return -np.tril(np.outer(root, root), -1) - np.diag(np.arange(states) + 1.0), root


@predicted
def correction(states):
    """P, for which A + P Pᵀ is -1/2 plus a skew-symmetric matrix."""
    return np.sqrt(np.arange(states) + 0.5)


@observed
def departure(matrix):
    """The commutator of a matrix with its transpose over its square, in Frobenius norms: 0 if it is
    normal.
    """
    return np.linalg.norm(matrix @ matrix.T - matrix.T @ matrix) / np.linalg.norm(matrix) ** 2


@observed
def real_parts(matrix):
    """The real parts of the eigenvalues."""
    return np.linalg.eigvals(matrix).real


@predicted
def common_real_part(states):
    """-1/2 for each eigenvalue of A + P Pᵀ, whose symmetric part is -I/2."""
    return np.full(states, -0.5)


@observed
def transformed_kernel(states, length, step, c):
    """The discrete Fourier transform of C Ā^i B̄, i < L, from the powers, and C - C Ā^L."""
    a, b = hippo(states)
    unit = np.eye(states)
    implicit = np.linalg.inv(unit - step / 2 * a)
    matrix = implicit @ (unit + step / 2 * a)
    powers = [step * implicit @ b]
    for _ in range(length - 1):
        powers.append(matrix @ powers[-1])
    return np.fft.fft(np.array(powers) @ c), c - c @ np.linalg.matrix_power(matrix, length)


@predicted(about="transformed_kernel")
def cauchy_kernel(states, length, step, c, rank_one=True):
    """2/(1+ζ) (k_cb - k_cp k_pb/(1 + k_pp)) with k_xy the Cauchy sums Σ x_j y_j/(g - λ_j), g =
    (2/Δ)(1-ζ)/(1+ζ).
    """
    a, b = hippo(states)
    p = correction(states)
    frequencies, basis = np.linalg.eigh(-1j * (a + np.outer(p, p) + np.eye(states) / 2))
    zeta = np.exp(-2j * np.pi * np.arange(length) / length)
    poles = 1 / ((2 / step * (1 - zeta) / (1 + zeta))[:, None] - (-0.5 + 1j * frequencies))
    rights = [basis.conj().T @ x for x in (b, p)]
    lefts = [x @ basis for x in (c, p)]
    (cb, cp), (pb, pp) = [[poles @ (left * right) for right in rights] for left in lefts]
    return 2 / (1 + zeta) * (cb - rank_one * cp * pb / (1 + pp))


@observed
def eigenvectors(states, j):
    """Exact right and left eigenvectors for -(j+1) of A with √(2n+1) scaled out: -(2k+1) below its
    diagonal.
    """
    right = [Fraction(0)] * states
    left = [Fraction(0)] * states
    right[j] = left[j] = Fraction(1)
    total = Fraction(2 * j + 1)
    for n in range(j + 1, states):
        right[n] = total / (j - n)
        total += (2 * n + 1) * right[n]
    total = Fraction(1)
    for k in range(j - 1, -1, -1):
        left[k] = (2 * k + 1) * total / (j - k)
        total += left[k]
    return right, left


@observed
def log_condition(states, j):
    """The logarithm of the condition of the eigenvalue -(j + 1); left · right is 1."""
    right, left = eigenvectors(states, j)
    squares = [(2 * n + 1) * x * x for n, x in enumerate(right)]
    square = sum(squares) * sum(y * y / (2 * n + 1) for n, y in enumerate(left))
    return (math.log(square.numerator) - math.log(square.denominator)) / 2


@predicted
def condition(states, j):
    """κ_j = (N - j)/(2j + 1) · (N + j)!/((N - j)! j!²), into which both sums of squares
    telescope.
    """
    return (states - j) * math.comb(states + j, 2 * j) * math.comb(2 * j, j) / (2 * j + 1)


@predicted
def eigenvector_entry(i, j):
    """(-1)^{i-j} √((2i+1)/(2j+1)) (i+j choose i-j), of the column that is 1 on the diagonal."""
    return (-1) ** (i - j) * math.sqrt((2 * i + 1) / (2 * j + 1)) * math.comb(i + j, i - j)


@predicted
def leading_condition():
    """Where κ_j is largest over N, 1/√2, its base (1+√2)² and the limit 1/(2π√2) of N κ_j over
    base^N: Stirling.
    """
    return 1 / math.sqrt(2), (1 + math.sqrt(2)) ** 2, 1 / (2 * math.pi * math.sqrt(2))


@claim(paper("Theorem 1"), kind="identity", cases=[2, 9, 64])
def test_normal_plus_rank_one(trial, states: States):
    """Let $A$ be the HiPPO-LegS matrix, $A_{n k} = -√((2n+1)(2k+1))$ below the diagonal and
    $A_{n n} = -(n + 1)$, and $P_n = √(n + 1/2)$. $A + P Pᵀ$ is normal, although $A$ is not.
    """
    a, _ = hippo(states)
    p = correction(states)
    vectors = {
        "no correction": 0 * p,
        "$P = √(n+1)$": np.sqrt(p**2 + 0.5),
        "$P = √(2n+1)$": np.sqrt(2) * p,
    }
    trial.identity(
        departure(a + np.outer(p, p)),
        0.0,
        ops=2 * states,
        scale=1.0,
        control_processes={name: departure(a + np.outer(x, x)) for name, x in vectors.items()},
    )


@claim(
    derived("$A + P Pᵀ$ is $-I/2$ plus an antisymmetric matrix"), kind="identity", cases=[2, 9, 64]
)
def test_normal_plus_rank_one__spectrum(trial, states: States):
    """All eigenvalues of $A + P Pᵀ$, the HiPPO-LegS matrix plus $P_n = √(n + 1/2)$, have the real
    part $-1/2$.
    """
    a, _ = hippo(states)
    p = correction(states)
    normal = a + np.outer(p, p)
    line = common_real_part(states)
    trial.identity(
        real_parts(normal),
        line,
        ops=3 * states,
        scale=np.linalg.norm(normal, 2),
        controls={
            "those of $A$": -np.arange(states) - 1.0,
            "-1, the symmetric part without its half": 2 * line,
        },
    )


@claim(
    recalled("the algorithm for the convolution kernel of S4"),
    kind="identity",
    cases=[(4, 63, 0.1), (16, 127, 0.05)],
)
def test_cauchy_kernel(
    trial,
    modes: Annotated[int, Interval(1, 64, why="beyond, powers of a dense matrix take long")],
    length: Annotated[
        int, Interval(3, 255, why="two entries have the root of unity -1; beyond, powers take long")
    ],
    step: Annotated[float, Interval(0.001, 1, why="the unit of time is that of the slowest state")],
):
    """The bilinear rule of step $Δ$ turns a HiPPO-LegS system $(A, B, C)$ into the kernel
    $C Ā^i B̄$, $i < L$. At the $L$-th roots of unity $ζ$ its discrete Fourier transform is
    $2/(1+ζ) (k_{c b} - k_{c p} k_{p b}/(1 + k_{p p}))$. Here $k_{x y} = ∑_j x_j y_j/(g - λ_j)$,
    $g = (2/Δ)(1-ζ)/(1+ζ)$, in the unitary eigenbasis of $A + P Pᵀ$ with the eigenvalues $λ_j$, and
    $c$ stands for $C (I - Ā^L)$.
    """
    trial.require(length % 2 == 1, "length must be odd: at ζ = -1 the formula needs its limit")
    trial.require(
        length * step <= 12,
        "length * step must be at most 12: beyond, what wraps around has decayed",
    )
    c = trial.generator().normal(size=modes)
    measured, cut = transformed_kernel(modes, length, step, c)
    alias = cauchy_kernel(modes, length, step, c)
    bare = cauchy_kernel(modes, length, step, cut, rank_one=False)
    controls = {
        "$C$ for $C (I - Ā^L)$": alias.view(float),
        "without the rank one": bare.view(float),
    }
    predict = cauchy_kernel(modes, length, step, cut).view(float)
    ops = (length + modes) * (1 + step * modes**2)
    trial.identity(
        measured.view(float),
        predict,
        ops=ops,
        scale=np.linalg.norm(c) * modes,
        generic="both sides are linear in c",
        controls=controls,
    )


@claim(derived("both sums of squares telescope"), kind="identity", cases=[2, 16])
def test_eigenvalue_conditions(trial, states: ExactStates):
    """The eigenvalue $-(j+1)$ of the HiPPO-LegS matrix of order $N$ has the condition number
    $|u| |v|/|u·v| = (N-j)/(2j+1) · (N+j)!/((N-j)! j!²)$, where $u$ and $v$ are its left and its
    right eigenvector.
    """
    largest = [
        max(math.log(math.comb(i + j, i - j)) for i in range(j, states)) for j in range(states)
    ]
    trial.identity(
        [log_condition(states, j) for j in range(states)],
        np.log([condition(states, j) for j in range(states)]),
        # At most two logarithms and their difference on a side; the rest is room.
        ops=16,
        controls={"the largest entry of $V$'s column": largest},
    )


@claim(
    paper("proof of Lemma 3.2", within="up to sign and conjugation by a diagonal matrix"),
    kind="identity",
    cases=[2, 16],
    as_published=published(
        place=paper("Lemma 3.2"),
        quoted="diagonalized by the matrix $V_{i j} = (i+j choose i-j)$",
        within="its proof adds: up to sign and conjugation by a diagonal matrix",
        reach="slip",
        effect="nothing published",
        ran="the formula",
    ),
)
def test_eigenvalue_conditions__vectors(trial, states: ExactStates):
    """$V_{i j} = (-1)^{i-j} √(2i+1) (i+j choose i-j)$, $i >= j$, are the entries of the eigenvector
    of the HiPPO-LegS matrix for the eigenvalue $-(j+1)$, up to its length. The lemma prints them
    without sign and root.
    """
    size = min(states, 8)
    pairs = [(i, j) for j in range(size) for i in range(j, size)]
    law = [eigenvector_entry(i, j) for i, j in pairs]
    trial.identity(
        [float(eigenvectors(8, j)[0][i]) * math.sqrt((2 * i + 1) / (2 * j + 1)) for i, j in pairs],
        law,
        ops=8,
        controls={"no signs": np.abs(law)},
        as_published=[math.comb(i + j, i - j) for i, j in pairs],
    )


def around_the_worst(size):
    """The nine indices j around N/√2."""
    place, *_ = leading_condition()
    return np.arange(round(place * size) - 4, round(place * size) + 5)


@claim(derived("by Stirling's formula"), kind="rate", cases=[1024])
def test_growth(trial, size: LargeSize):
    """Let $κ$ be the largest condition number of an eigenvalue of the HiPPO-LegS matrix of order
    $N$. Then $N κ/(1+√2)^{2N}$ tends to $1/(2π√2) = .1125$.
    """
    _, base, limit = leading_condition()
    logs = [log_condition(size, int(j)) - size * math.log(base) for j in around_the_worst(size)]
    # Stirling's terms and the prefactor's slope add .41/N, the rounding of j takes up to .71/N.
    slack = limit / size
    lemma = size * math.exp(size * (4 / 3 * math.log(2) - math.log(base)))
    trial.value(
        size * math.exp(max(logs)),
        limit,
        error=1e-10,
        slack=slack,
        margin=2 * slack,
        controls={"the lemma's $2^{4N/3}$": lemma},
    )


@claim(derived("by Stirling's formula"), kind="rate", cases=[1024])
def test_growth__place(trial, size: LargeSize):
    """Of the eigenvalues $-(j+1)$ of the HiPPO-LegS matrix of order $N$, the one with the largest
    condition number has an index $j$ within 3 of $N/√2$.
    """
    place, *_ = leading_condition()
    window = around_the_worst(size)
    logs = [log_condition(size, int(j)) for j in window]
    near = 1.5 / size  # the prefactor's slope moves it by .75, rounding by .5
    trial.value(
        window[np.argmax(logs)] / size,
        place,
        error=0.0,
        slack=near,
        margin=2 * near,
        controls={"where the entries of $V$ are largest": 1 / math.sqrt(5)},
    )


@figure("F1", claims=("eigenvalue_conditions", "growth"))
def conditions(sizes=(8, 16, 32)):
    """How badly conditioned the eigenvalues of the HiPPO matrix are.

    Condition of the eigenvalue $−(j + 1)$. Marks: points: exact eigenvectors; lines: closed form;
    dotted: leading term of the largest.
    """
    _, base, limit = leading_condition()
    names = {size: f"N = {size}" for size in sizes}
    exact = {size: np.exp([log_condition(size, j) for j in range(size)]) for size in sizes}
    lines = {
        name: (range(size), [condition(size, j) for j in range(size)])
        for size, name in names.items()
    }
    points = {name: (range(size), exact[size]) for size, name in names.items()}
    levels = {name: limit * base**size / size for size, name in names.items()}
    x = "index j  (dimensionless)"
    y = "condition  (dimensionless)"
    return chart(lines, points, levels=levels, legend="beside", x=x, y=y, log="y")
