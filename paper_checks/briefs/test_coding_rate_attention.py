"""Yu, Buchanan, Pai, Chu, Wu, Tong, Haeffele & Ma 2023, "White-Box Transformers via Sparse Rate
Reduction" (CRATE), NeurIPS, arXiv 2306.01129.

For whoever reads attention as a gradient step on a coding rate: how good is the step that the
network really takes?

Paper: it derives the layers of a transformer: attention is a gradient step that compresses tokens
towards subspaces, and the other half of a layer is a step of sparse coding. This page compares each
step with what it approximates, for one layer and any tokens.

Take away: the attention step replaces $(I + X)⁻¹$ by $I - X$. It compresses directions with
$x = βσ² < 1$ and expands those with $x > 1$: at $x = 2$ a step of $h = .1$ raises the rate by .066
where the true step lowers it by .022. Layer-normed tokens have $x$ near $p/ε²$: 1000 random ones in
64 dimensions have $x$ from 27 to 38 at $p = 8$ and $ε = .5$.

Tokens $Z$ are a $d × N$ matrix, the heads $U_k$ are $d × p$ with orthonormal columns and orthogonal
to each other. With $β = p/(N ε²)$ and $α = d/(N ε²)$, the rates are $R = ½ log det(I + α ZᵀZ)$ and
$R_c = sum_k ½ log det(I + β G_k)$, where $G_k = (U_kᵀZ)ᵀ(U_kᵀZ)$. For a singular value $σ$ of some
$U_kᵀZ$ write $x = β σ²$. The exact gradient has the factor $(I + β G_k)⁻¹$, for which the network
puts its first order $I − β G_k$. A sparse code $A ≥ 0$ of $Z = D A$ is improved by
$A⁺ = ReLU(A + η Dᵀ(Z − D A) − η λ)$, a step on $F(A) = ½ ‖Z − D A‖² + λ ∑ A$.

Edges: at $x = 1$ the first-order step changes nothing in the direction of $σ$. The step may
increase $F$ for a code with negative entries. From $η = 2/‖D‖²$ on no decrease is guaranteed.

Abstract:

- Statement 1: the objective of representation learning is to compress tokens to a mixture of
  Gaussians on subspaces, as measured by the sparse rate reduction. No statement.
- Statement 2: attention is a gradient step that compresses tokens towards subspaces. In part:
  gradient_and_error, step_turns_round. An approximate step, where tokens are few or small; else the
  step expands.
- Statement 3: the other half of a layer attempts to sparsify the tokens. Holds: ista_descent.
- Statement 4: trained networks of such layers compress and sparsify, and do about as well as
  transformers on large data. Not on trial. It needs large data.

Read: equations 67 and 68, and Appendix A.3. Derived here: the error of the first order, where it
turns compression into expansion, and the whole Hessian. Not claimed: trained networks. Topic:
sequence models and attention.
"""

from typing import Annotated

import numpy as np

from paper_checks.briefs.common import gradient as complex_gradient
from paper_checks.briefs.common import orthonormal
from theory_on_trial import claim, derived, known, observed, paper, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

ONE_BY_ONE = "the gradient is taken entry by entry"
Tokens = Annotated[int, Interval(1, 24, why=ONE_BY_ONE)]
Width = Annotated[int, Interval(1, 6, why=ONE_BY_ONE)]
Heads = Annotated[int, Interval(1, 3, why=ONE_BY_ONE)]
Size = Annotated[
    float,
    Interval(0.1, 10, why="largest σ √β: the error of less drowns in rounding, of more is all"),
]
Side = Annotated[int, Interval(1, 5, why="the Hessian has (d N)² entries")]


def tokens_and_heads(generator, width, heads, tokens, size):
    """Heads as columns of one orthogonal matrix (d = heads · p + 1), and tokens, of largest σ
    `size`; β = 1.
    """
    dim = heads * width + 1
    basis = orthonormal(generator, dim, dim - 1)
    z = generator.normal(size=(dim, tokens))
    u = basis.reshape(dim, heads, width).transpose(1, 0, 2)
    return z * size / np.linalg.norm(u.transpose(0, 2, 1) @ z, 2, axis=(1, 2)).max(), u


def first_order(z, heads):
    """Equation 68: the gradient with I − G_k for (I + G_k)⁻¹, at β = 1."""
    parts = heads.transpose(0, 2, 1) @ z
    return np.sum(heads @ (parts - parts @ parts.transpose(0, 2, 1) @ parts), axis=0)


@observed
def rate(z, heads):
    """R_c by determinants, at β = 1, of one or many token matrices, complex ones too."""
    parts = heads.transpose(0, 2, 1) @ z[..., None, :, :]
    return (
        np.sum(
            np.log(np.linalg.det(np.eye(parts.shape[-2]) + parts @ np.swapaxes(parts, -1, -2))),
            axis=-1,
        )
        / 2
    )


@observed
def gradient(z, heads):
    """The derivative of the rate along every entry."""
    return complex_gradient(lambda bent: rate(bent, heads), z)


@predicted
def closed_gradient(z, heads, scale=1.0):
    """Equation 67: β Σ U_k U_kᵀ Z (I + β G_k)⁻¹ at β = scale."""
    parts = heads.transpose(0, 2, 1) @ z
    inverses = np.linalg.inv(np.eye(z.shape[1]) + scale * parts.transpose(0, 2, 1) @ parts)
    return scale * np.sum(heads @ parts @ inverses, axis=0)


@predicted
def first_order_error(sigma):
    """√Σ (σ x²/(1 + x))², over all singular values of all heads."""
    x = sigma**2
    return np.sqrt(np.sum((sigma * x**2 / (1 + x)) ** 2))


@predicted
def moved(sigma, h):
    """What true and first-order steps make of σ: σ (1 − h/(1 + x)) and σ |1 − h + h x|."""
    return np.array([sigma * (1 - h / (1 + sigma**2)), sigma * np.abs(1 - h + h * sigma**2)])


def rounding_of_gradient(z, sigma):
    """Operations behind an entry of the gradient, times the condition of the inverse."""
    return 40 * (z.size + (1 + sigma.max() ** 2) * len(z))


@claim(
    paper("equation 67"),
    kind="identity",
    cases=[(3, 2, 20, 0.3), (3, 2, 20, 3.0)],
)
def test_gradient_and_error(trial, width: Width, heads: Heads, tokens: Tokens, size: Size):
    """The coding rate $R_c = sum_k ½ log det(I + β G_k)$ of tokens $Z$, with
    $G_k = (U_kᵀZ)ᵀ(U_kᵀZ)$ and heads $U_k$ of orthonormal columns, has the gradient
    $β ∑ U_k U_kᵀ Z (I + β G_k)⁻¹$.
    """
    z, u = tokens_and_heads(trial.generator(), width, heads, tokens, size)
    sigma = np.linalg.svd(u.transpose(0, 2, 1) @ z, compute_uv=False)
    trial.identity(
        gradient(z, u),
        closed_gradient(z, u),
        ops=rounding_of_gradient(z, sigma),
        scale=np.max(np.abs(z)),
        generic="both sides are rational in tokens and heads",
        controls={
            "first order": first_order(z, u),
            "one scale $d/(N ε²)$ for both rates": closed_gradient(z, u, scale=len(z) / width),
        },
    )


@claim(
    derived("equation 68 is the first order; its error is that of each singular value"),
    kind="identity",
    cases=[(3, 2, 20, 0.3), (3, 2, 20, 3.0)],
)
def test_gradient_and_error__first_order(
    trial, width: Width, heads: Heads, tokens: Tokens, size: Size
):
    """If $I − β G_k$ replaces $(I + β G_k)⁻¹$ in the gradient of the rate
    $sum_k ½ log det(I + β G_k)$, $G_k = (U_kᵀZ)ᵀ(U_kᵀZ)$, it errs by $√∑ (β σ x²/(1 + x))²$ in
    norm, where $σ$ are the singular values of all $U_kᵀZ$ and $x = β σ²$.
    """
    z, u = tokens_and_heads(trial.generator(), width, heads, tokens, size)
    sigma = np.linalg.svd(u.transpose(0, 2, 1) @ z, compute_uv=False)
    trial.identity(
        np.linalg.norm(gradient(z, u) - first_order(z, u)),
        first_order_error(sigma),
        ops=rounding_of_gradient(z, sigma),
        scale=np.linalg.norm(sigma + sigma**3),
        generic="norms and singular values are analytic where they are not 0 or equal",
        controls={
            "$σ x²$, as for $x → 0$": np.linalg.norm(sigma**5),
            "$σ x$, as for $x → ∞$": np.linalg.norm(sigma**3),
        },
    )


@claim(
    derived("steps keep the singular vectors of $U_kᵀZ$"),
    kind="identity",
    cases=[(2, 2, 6, 0.1), (1, 1, 1, 0.9), (3, 2, 4, 0.5)],
)
def test_step_turns_round(
    trial,
    width: Width,
    heads: Heads,
    tokens: Tokens,
    step: Annotated[
        float, Interval(0.01, 0.9, why="h = κβ; a step of 1 could turn a direction round")
    ],
):
    """A step $h/β$ against the gradient of the rate $sum_k ½ log det(I + β (U_kᵀZ)ᵀ(U_kᵀZ))$ takes
    a singular value $σ$ of $U_kᵀZ$ to $σ (1 − h/(1 + x))$, where $x = β σ²$. A step of its first
    order in $x$ takes it to $σ |1 − h + h x|$, larger than $σ$ once $x > 1$.
    """
    generator = trial.generator()

    def values_after_a_step():
        """The singular values after steps of both kinds on drawn tokens, and what the law says."""
        z, u = tokens_and_heads(generator, width, heads, tokens, 2.0)
        sigma = np.linalg.svd(u.transpose(0, 2, 1) @ z, compute_uv=False)
        slopes = gradient(z, u), first_order(z, u)
        after = [u.transpose(0, 2, 1) @ (z - step * slope) for slope in slopes]
        values = np.linalg.svd(np.array(after), compute_uv=False)
        return values, np.sort(moved(sigma, step), axis=-1)[..., ::-1]

    # Of 690 draws in all fewer than 1 % can fail.
    values, law = np.swapaxes([values_after_a_step() for _ in range(230)], 0, 1)
    trial.identity(
        values,
        law,
        ops=40 * (tokens * (heads * width + 1) + 4 * width),
        independent=230,
        controls={"first order always compresses": law[:, [0, 0]]},
    )


@observed
def hessian_eigenvalues(instances):
    """Of R at α = 1 and each of several Z, in increasing order: complex steps of the gradient Z (I
    + ZᵀZ)⁻¹.
    """
    spectra = []
    for z in instances:
        slopes = complex_gradient(
            lambda bent: bent @ np.linalg.inv(np.eye(bent.shape[2]) + bent.mT @ bent), z
        )
        spectra.append(np.linalg.eigvalsh(slopes.reshape(z.size, -1)))
    return np.array(spectra)


@predicted
def hessian_law(z, sign=1.0):
    """(1 ± √(x_i x_j))/((1 + x_i)(1 + x_j)) for i < j, (1 − x_i)/(1 + x_i)², and 1/(1 + x_i), |d −
    N| times each.
    """
    x = np.linalg.svd(z, compute_uv=False) ** 2
    i, j = np.triu_indices(x.size, 1)
    pairs = [(1 + s * np.sqrt(x[i] * x[j])) / ((1 + x[i]) * (1 + x[j])) for s in (1, -1)]
    own = [(1 - sign * x) / (1 + x) ** 2, np.repeat(1 / (1 + x), abs(z.shape[0] - z.shape[1]))]
    return np.sort(np.concatenate(pairs + own))


@claim(
    derived("second-order terms along pairs of singular directions"),
    kind="identity",
    cases=[(3, 3), (3, 5), (1, 1)],
)
def test_hessian_spectrum(trial, dim: Side, tokens: Side):
    """The rate $R = ½ log det(I + α ZᵀZ)$ of tokens $Z$ $(d, N)$ has a Hessian with the eigenvalues
    $α (1 ± √(x_i x_j))/((1 + x_i)(1 + x_j))$ for $i < j$, $α (1 − x_i)/(1 + x_i)²$, and
    $α/(1 + x_i)$, $|d − N|$ times each, where $x_i = α σ_i(Z)²$.
    """
    flat = np.sqrt(3) * np.eye(dim, tokens)
    instances = np.array([trial.generator().normal(size=(dim, tokens)), flat, 0 * flat])
    law = np.array([hessian_law(z) for z in instances])
    trial.identity(
        hessian_eigenvalues(instances),
        law,
        ops=60 * dim * tokens,
        generic="eigenvalues are analytic in the tokens where they are distinct",
        controls={
            "convex along $σ$": np.array([hessian_law(z, -1) for z in instances]),
            "as of its first order $α |Z|²/2$": np.ones_like(law),
        },
    )


@claim(
    derived("$(1 − x)/(1 + x)²$ is least at $x = 3$"),
    kind="identity",
    cases=[(3, 3), (3, 5), (1, 1)],
)
def test_hessian_spectrum__ends(trial, dim: Side, tokens: Side):
    """The Hessian of the rate $½ log det(I + α ZᵀZ)$ in $Z$ lies in $[−α/8, α]$; the lower end is
    attained where all $x_i = α σ_i(Z)²$ are 3, the upper one at $Z = 0$.
    """
    flat = np.sqrt(3) * np.eye(dim, tokens)
    lowest, highest = hessian_eigenvalues(np.array([flat, 0 * flat]))
    trial.identity(
        [lowest.min(), highest.max()],
        hessian_range(),
        ops=60 * dim * tokens,
        controls={
            "as if the bound 9/4 of A.3, which is true, were attained": np.array([-9 / 4, 9 / 4]),
            "$R$ is convex": np.array([0.0, 1.0]),
        },
    )


@predicted
def hessian_range():
    """The ends of the Hessian's spectrum over all Z at α = 1: (1 − x)/(1 + x)² at x = 3, and 1."""
    return np.array([-1 / 8, 1.0])


@observed
def ista_steps(d, z, a, step, penalty):
    """The squared lengths (many,) of steps of these lengths, how far each lowers F, and F before
    it, for dictionaries (many, d, d), tokens and codes (many, d).
    """

    def rest(codes):
        return z - np.einsum("nij,nj->ni", d, codes)

    slopes = penalty - np.einsum("nji,nj->ni", d, rest(a))
    after = np.maximum(a - step[:, None] * slopes, 0)
    before, now = (
        np.sum(rest(x) ** 2, axis=1) / 2 + penalty * np.sum(x, axis=1) for x in (a, after)
    )
    return np.sum((after - a) ** 2, axis=1), before - now, before


@predicted
def longest_per_descent(step, norm):
    """1/(1/η − ‖D‖²/2): the most of ‖A⁺ − A‖² for a unit of descent."""
    return 1 / (1 / step - norm**2 / 2)


@claim(
    known("Beck 2017, Lemma 10.4: the sufficient decrease of a proximal gradient step"),
    kind="bound",
    cases=[(8, 0.3), (8, 0.94), (1, 0.5)],
)
def test_ista_descent(
    trial,
    atoms: Annotated[int, Interval(1, 32, why="a square dictionary is solved with")],
    share: Annotated[
        float,
        Interval(
            0.05, 0.94, why="of the longest step 2/‖D‖², with which nothing descends for sure"
        ),
    ],
):
    """Let $F(A) = ½ ‖Z − D A‖² + λ ∑ A$. From $A ≥ 0$ the step $A⁺ = ReLU(A + η Dᵀ(Z − D A) − η λ)$
    of $0 < η < 2/‖D‖²$ lowers $F$ by at least $(1/η − ‖D‖²/2) ‖A⁺ − A‖²$; equality is possible.
    """
    generator = trial.generator()
    penalty = 0.1
    d = generator.normal(size=(231, atoms, atoms))
    norm = np.linalg.norm(d, 2, axis=(1, 2))
    top = np.linalg.svd(d[0])[2][0]
    a = np.maximum(generator.normal(size=(231, atoms)), 0)
    z = generator.normal(size=(231, atoms))
    # Equality: the gradient is the top singular vector, of either sign, and no entry comes near 0.
    a[0] = 10 + 1 / norm[0] ** 2
    z[0] = d[0] @ a[0] - np.linalg.solve(d[0].T, top / 10 - penalty)
    step = 2 * share / norm**2
    most = longest_per_descent(step, norm)
    squares, descent, before = ista_steps(d, z, a, step, penalty)
    controls = {"as at small steps, $η ‖D‖² → 0$": step * descent}
    trial.bound(
        squares,
        most * descent,
        ops=10 * atoms,
        scale=most * before,
        instances="draws",
        independent=230,
        controls=controls,
    )


@figure("F1", claims=("step_turns_round",))
def change_of_rate(step: float = 0.1, most: float = 5.0):
    """A first-order attention step expands what it should compress: change of the coding rate $R_c$
    against $x = βσ²$.

    One head, one direction, step $h = κβ = 0.1$. The true gradient step lowers $R_c$ everywhere;
    the step of first order raises it beyond $x = 1$. Marks: lines: laws; points: rates by
    determinants before and after a step.
    """
    x = np.linspace(0.05, most, 100)
    at = np.linspace(0.25, most, 20)
    u = np.array([[[1.0], [0.0]]])
    tokens = [np.array([[np.sqrt(y)], [0.3]]) for y in at]
    slopes = {"true gradient": gradient, "first order": first_order}
    after = moved(np.sqrt(x), step)
    changes = np.log((1 + after**2) / (1 + x)) / 2
    return chart(
        {name: (x, change) for name, change in zip(slopes, changes, strict=True)},
        {
            name: (at, [rate(z - step * slope(z, u), u) - rate(z, u) for z in tokens])
            for name, slope in slopes.items()
        },
        levels={"no change": 0.0},
        x="x = βσ² (dimensionless)",
        y="change of R_c (nats)",
    )
