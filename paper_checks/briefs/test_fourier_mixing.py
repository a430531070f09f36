"""Lee-Thorp, Ainslie, Eckstein & Ontañón 2022, "FNet: Mixing Tokens with Fourier Transforms",
NAACL, arXiv 2105.03824.

For whoever replaces attention by the real part of a Fourier transform and asks what a layer throws
away, and how to scale it.

Setting: $X$ has $N$ tokens (rows) of width $d$, and a layer is $F(X) = Re fft_2(X)$, not
normalised. $X^r$ turns the order of tokens and of features round at once,
$X^r(n, j) = X(-n mod N, -j mod d)$; the even and the odd part of $X$ are $(X ± X^r)/2$.
$s = s_N s_d$, $s_n = 2$ for even $n$ and 1 for odd $n$, counts the entries that $X^r$ leaves in
place.

Take away: a layer does not see the odd half of its input (`half_is_lost-odd_part`); only the
residual connection carries it. With `norm="ortho"` the residual block $X + F(X)/√(N d)$ is
singular: it loses a quarter of its input, 98305 of 393216 dimensions for 512 tokens of width 768
(`residual-ortho`). $Re - Im$ in place of $Re$ loses nothing (`which_real_part-hartley`).

Edges: if $N$ and $d$ are at most 2, there is no odd part. In each block the even half grows
$√(N d)$ times as fast as the odd one: in float32 bare blocks of 64 × 48 have lost the odd half
after five blocks. This page leaves out layer norm and feed-forward layers, which the model has in
between.

Paper: it replaces the attention of an encoder by this unparameterised layer, and finds little loss
of accuracy and much gain in speed. This page studies the layer as a linear map.

Abstract:

- Statement 1: encoders with simple linear mixers in place of attention are faster, and lose little
  accuracy. Not on trial. These are measurements of large models.
- Statement 2: standard feed-forward layers make linear mixers competent at semantic relations. Not
  on trial. Competence needs trained models; `residual` says what a mixer keeps of its input.
- Statement 3: with a Fourier transform, accuracy is 92 to 97 % of BERT's, and training takes little
  more than half of the time. Not on trial. These are measurements of large models.
- Statement 4: on long inputs it is as accurate as the most accurate efficient transformers, and
  faster than the fastest. Not on trial. These are measurements.
- Statement 5: it needs little memory, and small models of this kind do better than transformers at
  the same cost. Not on trial. These are measurements.

Read: the abstract, in a copy, and the authors' code (`f_net/models.py` and `layers.py`). Derived
here: all claims. Not claimed: anything on what is learned. Topic: sequence models and attention.
"""

from typing import Annotated

import numpy as np

from theory_on_trial import claim, derived, known, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

WHY = "along two places nothing is turned round; all N d impulses are tried"
Tokens = Annotated[int, Interval(3, 16, why=WHY)]
Width = Annotated[int, Interval(3, 16, why=WHY)]
SIZES = [(4, 5), (5, 5), (3, 4), (6, 9), (13, 11), (3, 3)]
GAUSS = [1 - 1j, 1, 0, -1j]
"""Of n mod 4: the trace of the n-point Fourier matrix over √n."""


def impulses(tokens, width):
    """All inputs with a single one (N d, N, d)."""
    return np.eye(tokens * width).reshape(-1, tokens, width)


def reversed_both(inputs):
    """X^r, of an X of any leading shape: the two last axes are turned round."""
    return np.roll(inputs[..., ::-1, ::-1], 1, axis=(-2, -1))


@observed
def layer(inputs):
    """Re fft2 over the last two axes, tokens and features; of the shape of the inputs."""
    return np.fft.fft2(inputs).real


@observed
def layer_axis_by_axis(inputs):
    """The real part after the transform of each axis."""
    return np.fft.fft(np.fft.fft(inputs, axis=-1).real, axis=-2).real


@observed
def hartley(inputs):
    """Re - Im of fft2: Hartley's transform."""
    spectrum = np.fft.fft2(inputs)
    return spectrum.real - spectrum.imag


@observed
def matrix_of(mix, tokens, width):
    """The matrix (N d, N d) of a linear layer, a row for each impulse."""
    return mix(impulses(tokens, width)).reshape(tokens * width, -1)


@observed
def rank_of(mix, tokens, width):
    """The rank of a layer, whose singular values are of the size √(N d) or none."""
    return np.linalg.matrix_rank(matrix_of(mix, tokens, width), tol=1e-6)


@observed
def share_read_out(tokens, width):
    """R² of the best linear read-out of X from F(X): least squares over all impulses, which have
    the second moments of a white X.
    """
    outputs = matrix_of(layer, tokens, width)
    inputs = np.eye(tokens * width)
    fitted = outputs @ np.linalg.lstsq(outputs, inputs, rcond=1e-8)[0]
    return 1 - np.mean((inputs - fitted) ** 2) * tokens * width


@observed
def block(tokens, width, scale=1.0):
    """The matrix of X + scale F(X)."""
    return np.eye(tokens * width) + scale * matrix_of(layer, tokens, width)


@observed
def halves_after(inputs, blocks, scale=1.0):
    """Root mean squares of the even and the odd half of X after 0, 1, … blocks X + scale F(X), in
    those of the input (2, blocks + 1).
    """
    states = [inputs]
    for _ in range(blocks):
        states.append(states[-1] + scale * layer(states[-1]))
    halves = np.array([[x + sign * reversed_both(x) for x in states] for sign in (1, -1)])
    sizes = np.sqrt(np.mean(halves**2, axis=(2, 3, 4)))
    return sizes / sizes[:, :1]


@predicted
def fixed_entries(tokens, width):
    """s: how many entries the reversal of both axes leaves in place."""
    return (2 - tokens % 2) * (2 - width % 2)


@predicted
def even_dimension(tokens, width):
    """(N d + s)/2, the dimension of the even X."""
    return (tokens * width + fixed_entries(tokens, width)) // 2


@predicted
def even_half(inputs):
    """(X + X^r)/2, of the shape of the inputs."""
    return (inputs + reversed_both(inputs)) / 2


@predicted
def multiplicities(tokens, width):
    """How many eigenvalues are √(N d), -√(N d) and 0: ½((N d + s)/2 ± g) and the rest."""
    gauss = round((GAUSS[tokens % 4] * GAUSS[width % 4]).real)
    even = even_dimension(tokens, width)
    return (even + gauss) // 2, (even - gauss) // 2, tokens * width - even


@predicted
def eigenvalues(tokens, width):
    """All eigenvalues of F, rising (N d,)."""
    above, below, none = multiplicities(tokens, width)
    root = np.sqrt(tokens * width)
    return np.repeat([-root, 0.0, root], [below, none, above])


@predicted
def residual_factors(tokens, width):
    """The factors 1, |1 - √(N d)| and 1 + √(N d) of X + F(X), falling (N d,)."""
    return np.sort(np.abs(1 + eigenvalues(tokens, width)))[::-1]


@predicted
def axis_wise_dimension(tokens, width):
    """(⌊N/2⌋ + 1)(⌊d/2⌋ + 1)."""
    return (tokens // 2 + 1) * (width // 2 + 1)


@predicted
def growth_of_halves(tokens, width, blocks, scale=1.0):
    """By what factor the root mean square of the even half of a white X grows over some blocks
    X + scale F(X), blocks (n,); the odd half stays.
    """
    above, below, _ = multiplicities(tokens, width)
    step = scale * np.sqrt(tokens * width)
    squares = above * (1 + step) ** (2 * blocks) + below * (1 - step) ** (2 * blocks)
    return np.sqrt(squares / (above + below))


@claim(derived("the real part of a transform is that of the even half"), cases=SIZES)
def test_half_is_lost(trial, tokens: Tokens, width: Width):
    """Let $F(X) = Re fft_2(X)$ for $X$ with $N$ tokens of width $d$, and let $s = s_N s_d$,
    $s_n = 2$ for even $n$ and 1 for odd $n$. $F$ has the rank $(N d + s)/2$.
    """
    trial.identity(
        rank_of(layer, tokens, width),
        even_dimension(tokens, width),
        ops=0,
        controls={
            "nothing is lost": tokens * width,
            "no entry stays in place": tokens * width // 2,
            "tokens alone are turned round": (tokens + 2 - tokens % 2) * width // 2,
        },
    )


@claim(derived("cosines are even"), cases=SIZES)
def test_half_is_lost__odd_part(trial, tokens: Tokens, width: Width):
    """$Re fft_2(X)$ is that of the mean of $X$ and of $X^r(n, j) = X(-n mod N, -j mod d)$, the $N$
    tokens of width $d$ of $X$ with both orders reversed at once.
    """
    inputs = trial.generator("input").normal(size=(tokens, width))
    tokens_back = np.roll(inputs[::-1], 1, axis=0)
    trial.identity(
        layer(inputs),
        layer(even_half(inputs)),
        ops=10 * (tokens + width),
        generic="both sides are linear in the input",
        controls={
            "even in the order of tokens": layer((inputs + tokens_back) / 2),
            "turned round without a first place": layer((inputs + inputs[::-1, ::-1]) / 2),
        },
    )


@claim(derived("the share of dimensions that are even"), cases=SIZES)
def test_half_is_lost__read_out(trial, tokens: Tokens, width: Width):
    """The best linear read-out from $Re fft_2(X)$ explains $R² = (1 + s/(N d))/2$ of the variance
    of a white $X$ with $N$ tokens of width $d$, $s = s_N s_d$, $s_n = 2$ for even $n$ and 1 for odd
    $n$.
    """
    share = even_dimension(tokens, width) / (tokens * width)
    trial.identity(
        share_read_out(tokens, width),
        share,
        ops=10 * tokens * width,
        controls={"all of it": 1.0, "one half": 0.5},
    )


@claim(derived("the trace is a product of two Gauss sums"), cases=SIZES)
def test_gauss_signs(trial, tokens: Tokens, width: Width):
    """The linear map from $N$ tokens $X$ of width $d$ to $Re fft_2(X)$ has the eigenvalues $√(N d)$
    and $-√(N d)$, $½((N d + s)/2 ± g)$ times each, and 0, where $s = s_N s_d$, $s_n = 2$ for even
    $n$ and 1 for odd $n$, $g$ is the real part of $γ_N γ_d$, and $γ_n = 1 - i, 1, 0, -i$ for
    $n = 0, 1, 2, 3$ modulo 4.
    """
    above, below, none = multiplicities(tokens, width)
    law = eigenvalues(tokens, width)
    root = np.sqrt(tokens * width)
    controls = {"$F$ has an inverse": np.repeat([-root, root], [below, above + none])}
    if above != below:
        controls["the other sign is more frequent"] = -law[::-1]
    trial.identity(
        np.linalg.eigvalsh(matrix_of(layer, tokens, width)),
        law,
        ops=3 * tokens * width,
        controls=controls,
    )


@claim(derived("the eigenvalues of $F$, plus 1"), cases=SIZES)
def test_residual(trial, tokens: Tokens, width: Width):
    """The block $X + Re fft_2(X)$ on $N$ tokens of width $d$ multiplies the part of $X$ that
    changes sign if both orders are reversed by 1, and the rest by $1 + √(N d)$ or $1 - √(N d)$, as
    many dimensions as $F$ has eigenvalues $√(N d)$ or $-√(N d)$. Its condition number is
    $√(N d) + 1$.
    """
    root = np.sqrt(tokens * width)
    above, below, none = multiplicities(tokens, width)
    trial.identity(
        np.linalg.svd(block(tokens, width), compute_uv=False),
        residual_factors(tokens, width),
        ops=10 * tokens * width,
        controls={
            "the even half by $1 + √(N d)$ alone": np.repeat([1 + root, 1], [above + below, none]),
            "$F$ has an inverse": np.repeat([1 + root, root - 1], [above + none, below]),
            "without the residual": np.repeat([root, 0], [above + below, none]),
        },
    )


@claim(derived("the eigenvalue $-1$ of $F/√(N d)$"), cases=SIZES)
def test_residual__ortho(trial, tokens: Tokens, width: Width):
    """The block $X + Re fft_2(X)/√(N d)$ on $N$ tokens of width $d$ maps a space of dimension
    $½((N d + s)/2 - g)$ to zero, where $s = s_N s_d$, $s_n = 2$ for even $n$ and 1 for odd $n$, $g$
    is the real part of $γ_N γ_d$, and $γ_n = 1 - i, 1, 0, -i$ for $n = 0, 1, 2, 3$ modulo 4.
    """
    matrix = block(tokens, width, scale=1 / np.sqrt(tokens * width))
    trial.identity(
        tokens * width - np.linalg.matrix_rank(matrix, tol=1e-6),
        multiplicities(tokens, width)[1],
        ops=0,
        controls={
            "the residual restores all": 0,
            "the odd half": tokens * width - even_dimension(tokens, width),
        },
    )


@claim(
    derived("powers of the eigenvalues"),
    cases=[(4, 5, 3), (5, 5, 1), (6, 9, 6), (3, 3, 2)],
)
def test_residual__in_blocks(
    trial,
    tokens: Tokens,
    width: Width,
    blocks: Annotated[int, Interval(1, 6, why="none changes nothing; beyond, digits are lost")],
):
    """Over $L$ blocks $X + c F(X)$, $F(X) = Re fft_2(X)$, the part of a white $X$ that keeps its
    sign if the orders of $N$ tokens and of $d$ features are reversed grows, in mean square, by
    $(n₊ (1 + c √(N d))^(2L) + n₋ (1 - c √(N d))^(2L))/(n₊ + n₋)$, where $n±$ count the eigenvalues
    $±√(N d)$ of $F$. The part that changes its sign stays.

    c is 1, and 1/√(N d) as with norm="ortho".
    """
    root = np.sqrt(tokens * width)
    counts = np.arange(blocks + 1)
    measured = []
    law = []
    for scale in (1.0, 1 / root):
        measured.append(halves_after(impulses(tokens, width), blocks, scale))
        law.append([growth_of_halves(tokens, width, counts, scale), np.ones(blocks + 1)])
    bare = np.array([[root**counts, 0.0**counts], [1.0**counts, 0.0**counts]])
    rounding = [[np.ones(blocks + 1), even] for even, _ in law]  # that of the even half is in both
    trial.identity(
        np.array(measured) / np.array(law),
        np.ones((2, 2, blocks + 1)),
        ops=10 * blocks * (tokens + width),
        scale=np.array(rounding),
        controls={"as without the residual": bare / np.array(law)},
    )


@claim(derived("each axis keeps its even half"), cases=SIZES)
def test_which_real_part(trial, tokens: Tokens, width: Width):
    """If the real part is taken after the transform along each axis, Fourier mixing of $N$ tokens
    of width $d$ has the rank $(⌊N/2⌋ + 1)(⌊d/2⌋ + 1)$, about a quarter of $N d$.
    """
    trial.identity(
        rank_of(layer_axis_by_axis, tokens, width),
        axis_wise_dimension(tokens, width),
        ops=0,
        controls={
            "as with one real part": even_dimension(tokens, width),
            "a quarter": tokens * width // 4,
        },
    )


@claim(known("Bracewell 1983, the discrete Hartley transform"), cases=SIZES)
def test_which_real_part__hartley(trial, tokens: Tokens, width: Width):
    """With the real part minus the imaginary part in place of the real part, all singular values of
    Fourier mixing of $N$ tokens of width $d$ are $√(N d)$: nothing is lost.
    """
    root = np.sqrt(tokens * width)
    trial.identity(
        np.linalg.svd(matrix_of(hartley, tokens, width), compute_uv=False),
        np.full(tokens * width, root),
        ops=3 * tokens * width,
        controls={"those of Re": np.sort(np.abs(eigenvalues(tokens, width)))[::-1]},
    )


@figure("F1", claims=("residual-in_blocks",))
def halves_over_blocks(tokens: int = 16, width: int = 12, depth: int = 6):
    """Residual Fourier blocks leave the odd half of their input as it is and blow up the even half.

    Root mean square of each half after some blocks without layer norm or feed-forward layers,
    16 tokens of width 12, white input. Marks: lines: law from the eigenvalues; points: fast Fourier
    transforms of 200 inputs.
    """
    blocks = np.arange(depth + 1)
    inputs = np.random.default_rng(0).normal(size=(200, tokens, width))
    lines = {"odd half": (blocks, np.ones(depth + 1))}
    points = {}
    scales = {"even half": 1.0, 'even half, norm="ortho"': 1 / np.sqrt(tokens * width)}
    for name, scale in scales.items():
        even, odd = halves_after(inputs, depth, scale)
        lines[name] = blocks, growth_of_halves(tokens, width, blocks, scale)
        points[name] = blocks, even
        points["odd half"] = blocks, odd
    return chart(
        lines, points, log="y", x="residual blocks", y="root mean square  (that of the input = 1)"
    )
