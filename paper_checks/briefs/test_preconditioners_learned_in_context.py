"""Ahn, Cheng, Daneshmand & Sra 2023, "Transformers learn to implement preconditioned gradient
descent for in-context learning", NeurIPS, arXiv 2306.00297.

For whoever asks which algorithm linear attention learns from prompts of linear regression: the best
layer for any covariances and noise, and which points of many layers are critical.

Take away: one layer learns a step of gradient descent that is preconditioned by
$Σ [(1 + 1/N) Λ Σ + ((tr(Λ Σ) + σ²)/N) I]^-1$, and not by $Λ^-1$: for few examples it shrinks the
directions of small variance. Up to $1/N$ the shrinkage is $Λ^-1/N + tr(Λ) Λ^-2/N$ for $Σ = I$
without noise.

A prompt has $N$ examples $x_i ~ N(0, Λ)$ in $R^d$ with labels $y_i = wᵀx_i + e_i$ with noise $e_i$
of variance $σ²$, $w ~ N(0, Σ)$, and a query $x ~ N(0, Λ)$. The columns of $Z$ are $(x_i, y_i)$ and
$(x, 0)$. A layer adds $P Z M Zᵀ Q Z/N$ to $Z$, where $M$ leaves out the query, and the prediction
$ŷ$ is minus the last entry of the last column. The loss is $E (ŷ - wᵀx)²$. $A$ and $B$ are $d × d$
blocks: $P = diag(B, 1)$ and $Q = -diag(A, 0)$ unless other entries are named. $G = ∑_i x_i x_iᵀ$.

Edges: for a singular $Λ$ the best layer is not unique. Critical points need not be minima.

Paper: it proves the global minimum of one layer, and finds critical points of $L$ layers with
$P_l = diag(0, 1)$, and with $P_l = diag(B_l, 1)$, which training is seen to approach.

Abstract:

- Sentence 1: transformers can implement algorithms such as gradient descent, as recent works show.
  No statement.
- Sentence 2: by a choice of weights layers simulate iterations of gradient descent. Holds: layers.
  For linear attention.
- Sentence 3: can transformers learn such algorithms from random instances? No statement.
- Sentence 4: first progress is made on this question by the landscape of the loss. No statement.
- Sentence 5: the global minimum of a layer is one iteration of preconditioned gradient descent.
  Holds: global_minimum, optimum.
- Sentence 6: the preconditioner adapts to the inputs and to the variance by too few data. Holds:
  optimum, few_examples.
- Sentence 7: certain critical points of $L$ layers are $L$ iterations of preconditioned gradient
  descent. In part: gradient_of_layers, critical_points, contracting_layers, learned. Points of few
  layers, at which all gradients vanish, are found; the theorem allows them to be approached only.

Read: the abstract, Theorems 1, 3 and 4, Lemma 1 and section 4.3, in a copy without the displayed
formulas. Derived here: all forms for general $Σ$ and noise, the transpose in Lemma 1, and the
gradients. Not claimed: that training always ends at these points.

Topic: sequence models and attention.
"""

from typing import Annotated, NamedTuple

import numpy as np
from scipy.optimize import minimize

from paper_checks.briefs.common import apart, gradient, normal_nodes, orthonormal, symmetric_root
from theory_on_trial import (
    claim,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

RUNS = 12
SIGNS = "a few runs carry a sign only"

Examples = Annotated[int, Interval(1, 50, why="N; an example is needed; more take longer")]
Side = Annotated[int, Interval(2, 10, why="d; blocks of one number commute; the high end is a cap")]
Layers = Annotated[int, Interval(1, 6, why="L; numbers grow with each layer")]
FewSides = Annotated[int, Interval(1, 3, why="d; all is a sum over 3^d nodes for x and for w")]
Noise = Annotated[float, Interval(0, 3, why="σ; more hides the labels")]
FewLayers = Annotated[int, Interval(1, 2, why="L; the degree of the loss is 4 L")]
FewExamples = Annotated[int, Interval(1, 3, why="N; five nodes for each normal number")]
Size = Annotated[float, Interval(0.2, 2, why="a; with less nothing happens, more diverges")]


def drawn_covariance(trial, dim, name):
    """A covariance with random axes and variances from 1/2 to 2."""
    generator = trial.generator(name)
    axes = orthonormal(generator, dim)
    return axes * generator.uniform(0.5, 2, dim) @ axes.T


class Prompts(NamedTuple):
    """The law of prompts: covariances Λ of inputs and Σ of weights, the deviation σ of noise, N."""

    inputs: np.ndarray
    weights: np.ndarray
    noise: float
    examples: int


@observed
def passed(blocks, outer, inputs, labels, queries):
    """ŷ (…, m) of layers A_l (…, L, d, d) with P_l = diag(B_l, 1) for inputs (…, N, d), labels
    (…, N) and queries (…, m, d).
    """
    answers = np.zeros(queries.shape[:-1])
    for layer in range(blocks.shape[-3]):
        inner = blocks[..., layer, :, :]
        shift = outer[..., layer, :, :]
        keys = inputs @ inner / inputs.shape[-2]
        on_examples, on_queries = (-points @ keys.mT for points in (inputs, queries))
        changes = (
            on_examples @ inputs @ shift.mT,
            on_queries @ inputs @ shift.mT,
            (on_examples @ labels[..., None])[..., 0],
            (on_queries @ labels[..., None])[..., 0],
        )
        inputs = inputs + changes[0]
        queries = queries + changes[1]
        labels = labels + changes[2]
        answers = answers + changes[3]
    return -answers


@observed
def free_moments(prompts):
    """E θ-features of one layer with all entries free: ŷ = -Σ p_a S_ab Q_bc x_c/N with S = Σ (x_i,
    y_i)(x_i, y_i)ᵀ, p the last row of P. Returns the matrix E S S ((d + 1)², (d + 1)²)/N² and
    E S w ((d + 1)², d)/N, by quadrature over w and a pair of examples, which are exchangeable.
    """
    dim = len(prompts.inputs)
    normals, chances = normal_nodes(3, dim + 1)
    inputs = normals[:, :dim] @ symmetric_root(prompts.inputs)
    tasks, of_task = normal_nodes(3, dim)
    tasks = tasks @ symmetric_root(prompts.weights)
    labels = tasks @ inputs.T + prompts.noise * normals[:, dim]
    tokens = np.stack([np.column_stack([inputs, each]) for each in labels])
    products = np.einsum("wxa,wxb->wxab", tokens, tokens).reshape(len(tasks), len(inputs), -1)
    mean = np.einsum("x,wxp->wp", chances, products)
    same = np.einsum("w,x,wxp,wxr->pr", of_task, chances, products, products, optimize=True)
    other = np.einsum("w,wp,wr->pr", of_task, mean, mean)
    count = prompts.examples
    square = (count * same + count * (count - 1) * other) / count**2
    return square, np.einsum("w,wp,wd->pd", of_task, mean, tasks)


@observed
def best_block(prompts):
    """The A of least loss among the layers with P = diag(0, 1) and Q = -diag(A, 0): the loss is a
    quadratic form in A, whose normal equations are solved.
    """
    dim = len(prompts.inputs)
    square, mixed = free_moments(prompts)
    of_labels = [row * (dim + 1) + dim for row in range(dim)]
    second = square[np.ix_(of_labels, of_labels)]
    return np.linalg.solve(second, mixed[of_labels]).T


@observed
def least_of_any_layer(prompts):
    """The least loss of all products θ_abc = p_a Q_bc, whether they are products or not: it is
    convex in θ, so that no layer has less.
    """
    square, mixed = free_moments(prompts)
    best = np.linalg.lstsq(square, mixed, rcond=1e-11)[0]
    return np.trace(prompts.inputs @ (prompts.weights - mixed.T @ best))


@observed
def loss_of_layers(blocks, outer, covariance, examples, nodes):
    """E (ŷ - wᵀx)² (…,) of layers for Σ = Λ^-1 without noise, by quadrature over the inputs; over w
    and x the mean of the square is a trace.
    """
    dim = len(covariance)
    normals, chances = normal_nodes(nodes, dim * examples)
    half = symmetric_root(covariance)
    inverse = np.linalg.inv(half)
    inputs = normals.reshape(-1, examples, dim) @ half
    labels = (inputs @ inverse).swapaxes(-1, -2)
    shape = (len(inputs), dim, *inputs.shape[1:])
    stacked = np.broadcast_to(inputs[:, None], shape)
    queries = np.broadcast_to(half, (len(inputs), dim, dim, dim))
    of_axes = blocks[..., None, None, :, :, :], outer[..., None, None, :, :, :]
    gaps = passed(*of_axes, stacked, labels, queries) - np.eye(dim)
    return np.sum(np.sum(gaps**2, axis=(-2, -1)) * chances, axis=-1)


@observed
def slope_in_blocks(blocks, outer, covariance, examples, nodes):
    """The derivatives (L, d, d) of the loss in A_l, by complex steps."""
    return gradient(lambda bent: loss_of_layers(bent, outer, covariance, examples, nodes), blocks)


@observed
def slope_in_outer(blocks, outer, covariance, examples, nodes):
    """The derivatives (L, d, d) of the loss in B_l, by complex steps; L must be two or more, as B_L
    has no effect.
    """
    return gradient(lambda bent: loss_of_layers(blocks, bent, covariance, examples, nodes), outer)


@observed
def found_blocks(generator, covariance, examples, scale, runs=RUNS):
    """Two blocks A_l (runs, 2, d, d) after training on the exact loss from random starts, with
    P_l = diag(0, 1).
    """
    dim = len(covariance)
    shape = (2, dim, dim)
    none = np.zeros(shape)

    def value_and_slope(entries):
        blocks = entries.reshape(shape)
        value = loss_of_layers(blocks, none, covariance, examples, 5)
        return value, slope_in_blocks(blocks, none, covariance, examples, 5).ravel()

    ends = []
    for _ in range(runs):
        start = scale * generator.normal(size=2 * dim**2)
        end = minimize(value_and_slope, start, jac=True, method="BFGS", options={"gtol": 1e-8})
        ends.append(end.x.reshape(shape))
    return np.array(ends)


@predicted
def descent(inputs, labels, blocks):
    """The weights after the steps w - Aᵀ Xᵀ(X w - Y)/N from 0, one for each A."""
    weights = np.zeros(inputs.shape[1])
    for block in blocks:
        weights = weights - block.T @ inputs.T @ (inputs @ weights - labels) / len(labels)
    return weights


@predicted
def preconditioner(prompts, noise=None):
    """A = Σ [(1 + 1/N) Λ Σ + (tr(Λ Σ) + σ²)/N I]^-1."""
    noise = prompts.noise if noise is None else noise
    signal = prompts.inputs @ prompts.weights
    spread = (np.trace(signal) + noise**2) / prompts.examples
    bracket = (1 + 1 / prompts.examples) * signal + spread * np.eye(len(signal))
    return prompts.weights @ np.linalg.inv(bracket)


@predicted
def least_loss(prompts):
    """Σ_i s_i (s_i + v)/((N + 1) s_i + v) over the eigenvalues s of Λ Σ, v = Σ_i s_i + σ²."""
    half = symmetric_root(prompts.inputs)
    signals = np.linalg.eigvalsh(half @ prompts.weights @ half)
    total = np.sum(signals) + prompts.noise**2
    return np.sum(signals * (signals + total) / ((prompts.examples + 1) * signals + total))


@predicted
def shrinkage(covariance):
    """Λ^-1 + tr(Λ) Λ^-2."""
    inverse = np.linalg.inv(covariance)
    return inverse + np.trace(covariance) * inverse @ inverse


@predicted
def wishart_moments(dim, examples):
    """E tr G^k for k = 0 … 4, x_i ~ N(0, I)."""
    n = examples
    d = dim
    third = n**2 + d**2 + 3 * n * d + 3 * n + 3 * d + 4
    fourth = n**3 + d**3 + 6 * n * d * (n + d) + 6 * n**2 + 6 * d**2 + 17 * n * d
    fourth = fourth + 21 * (n + d) + 20
    return np.array([d, *(n * d * np.array([1, n + d + 1, third, fourth]))])


@predicted
def loss_of_sizes(sizes, dim, examples):
    """E tr Π (I - a_l G/N)² with x_i ~ N(0, I), for at most two a_l."""
    factors = np.array([1.0])
    for size in sizes:
        factors = np.convolve(factors, [1, -size / examples])
    squared = np.convolve(factors, factors)
    return squared @ wishart_moments(dim, examples)[: len(squared)]


@predicted
def slopes_of_sizes(sizes, dim, examples):
    """The derivatives of that loss in each a_l."""
    return gradient(
        lambda bent: np.array([loss_of_sizes(each, dim, examples) for each in bent]), sizes
    )


@predicted
def best_sizes(layers, dim, examples):
    """The a_l of least loss: a critical point of it."""
    start = np.linspace(0.5, 1.5, layers)
    found = minimize(
        loss_of_sizes,
        start,
        args=(dim, examples),
        jac=slopes_of_sizes,
        method="BFGS",
        options={"gtol": 1e-11},
    )
    return found.x


def blocks_of(sizes, matrix):
    """The blocks a_l times a matrix."""
    return sizes[:, None, None] * matrix


def drawn_law(trial, dim, examples, noise):
    """The law of prompts with drawn covariances."""
    covariances = (drawn_covariance(trial, dim, name) for name in ("inputs", "weights"))
    return Prompts(*covariances, noise, examples)


@claim(
    tried("Lemma 1: a forward pass takes steps of gradient descent", "the transpose of $A_l$"),
    kind="identity",
    cases=[(6, 3, 3), (1, 2, 1), (20, 5, 6)],
)
def test_layers(trial, examples: Examples, dim: Side, layers: Layers):
    """Tokens $Z$ are $N$ examples $(x_i, y_i)$ and a query $(x, 0)$, which $M$ leaves out of sums.
    $L$ layers $Z + P_l Z M Zᵀ Q_l Z/N$ with $P_l = diag(0, 1)$ and $Q_l = -diag(A_l, 0)$ predict
    $w_Lᵀx$, where $w_L$ is what the steps $w ← w - A_lᵀ Xᵀ(X w - Y)/N$ of preconditioned gradient
    descent reach from 0, $X$ and $Y$ being the examples and their labels.
    """
    generator = trial.generator("prompt")
    inputs = generator.normal(size=(examples, dim))
    labels = generator.normal(size=examples)
    blocks = 0.5 * generator.normal(size=(layers, dim, dim)) / np.sqrt(dim)
    largest = np.linalg.norm(inputs, 2) ** 2 / examples
    growth = np.prod([1 + np.linalg.norm(block, 2) * largest for block in blocks])
    law = descent(inputs, labels, blocks)
    theories = {
        "$A_l$ for its transpose": descent(inputs, labels, blocks.mT),
        "the last layer's step first": descent(inputs, labels, blocks[::-1]),
        "$Λ^-1$ for $A$": descent(inputs, labels, 0 * blocks + np.eye(dim)),
    }
    trial.identity(
        passed(blocks, 0 * blocks, inputs, labels, np.eye(dim)),
        law,
        ops=8 * examples * dim,
        scale=growth * (1 + np.abs(labels).max()) * dim,
        generic="both sides are polynomials in prompt and weights",
        controls=apart(theories, law, 1e-3),
    )


LAWS = [(1, 0.5, 2), (2, 0.5, 2), (10, 0.0, 3)]


@claim(
    tried(
        "Theorem 1: the global minimum of one layer, for weights of covariance $I$ without noise",
        "any covariance of weights, and noise",
    ),
    kind="optimality",
    cases=LAWS,
)
def test_optimum(trial, examples: Examples, noise: Noise, dim: FewSides):
    """Tokens $Z$ are $N$ examples $(x_i, y_i)$ and a query $(x, 0)$, which $M$ leaves out of sums.
    Inputs have the covariance $Λ$, weights the covariance $Σ$, and noise the variance $σ²$. Of all
    layers $Z + P Z M Zᵀ Q Z/N$ with $P = diag(0, 1)$ and $Q = -diag(A, 0)$ the one with
    $A = Σ [(1 + 1/N) Λ Σ + ((tr(Λ Σ) + σ²)/N) I]^-1$ has the least mean squared error.
    """
    prompts = drawn_law(trial, dim, examples, noise)
    law = preconditioner(prompts)
    signal = prompts.inputs @ prompts.weights
    spread = (np.trace(signal) + noise**2) / examples * np.eye(dim)
    theories = {
        "$Λ^-1$": np.linalg.inv(prompts.inputs),
        "1 for $1 + 1/N$": prompts.weights @ np.linalg.inv(signal + spread),
        "without noise": preconditioner(prompts, 0.0),
        "its transpose": law.T,
    }
    trial.identity(
        best_block(prompts),
        law,
        # Sums of up to 3^7 = 2187 terms; the condition of the equations is about ten at most.
        ops=30_000,
        scale=10,
        generic="both sides are rational in the entries of the covariances",
        controls=apart(theories, law, 1e-3),
    )


@claim(
    tried(
        "Theorem 1: the global minimum of one layer, for weights of covariance $I$ without noise",
        "any covariance of weights, noise, and the least error",
    ),
    kind="optimality",
    cases=LAWS,
)
def test_global_minimum(trial, examples: Examples, noise: Noise, dim: FewSides):
    """Tokens $Z$ are $N$ examples $(x_i, y_i)$ and a query $(x, 0)$, which $M$ leaves out of sums.
    No layer $Z + P Z M Zᵀ Q Z/N$, whatever all entries of $P$ and $Q$ are, has a smaller mean
    squared error than a step of gradient descent preconditioned by
    $A = Σ [(1 + 1/N) Λ Σ + ((tr(Λ Σ) + σ²)/N) I]^-1$. Its error is
    $sum_i s_i (s_i + v)/((N + 1) s_i + v)$ over the eigenvalues $s_i$ of $Λ Σ$, with
    $v = sum_i s_i + σ²$.
    """
    prompts = drawn_law(trial, dim, examples, noise)
    law = least_loss(prompts)
    theories = {
        "of $N + 1$ examples": least_loss(prompts._replace(examples=examples + 1)),
        "without noise": least_loss(prompts._replace(noise=0.0)),
        "of Bayes' rule, which knows all labels": 0.0,
    }
    trial.identity(
        least_of_any_layer(prompts),
        law,
        # Sums of up to 3^7 = 2187 terms; the rest is room for the equations of order 16.
        ops=30_000,
        scale=10 * dim,
        generic="least squares and eigenvalues are analytic in the covariances, where distinct",
        controls=apart(theories, law, 1e-3),
    )


@claim(
    tried(
        "abstract, sentence 6: the preconditioner adapts to too few data",
        "by which term of order $1/N$",
    ),
    kind="limit",
    cases=[2, 1, 3],
)
def test_few_examples(trial, dim: FewSides):
    """A step of gradient descent that is preconditioned by $A$ predicts best for $N$ examples
    without noise, with inputs of covariance $Λ$ and weights of covariance $I$. Then $N (Λ^-1 - A)$
    tends to $Λ^-1 + tr(Λ) Λ^-2$, and $A$ to $Λ^-1$, as $N$ grows.
    """
    covariance = drawn_covariance(trial, dim, "inputs")
    inverse = np.linalg.inv(covariance)
    sizes = 2 ** np.arange(8, 16)
    values = np.array(
        [
            size * (inverse - best_block(Prompts(covariance, np.eye(dim), 0.0, int(size))))
            for size in sizes
        ]
    )
    law = shrinkage(covariance)
    trial.limit(
        values,
        sizes,
        law,
        order=1,
        margin=1e-3 * np.abs(law).max(),
        generic="both sides are rational in the entries of the covariance",
        controls=apart(
            {
                "the mean alone, $Λ^-1$": inverse,
                "the trace alone": law - inverse,
                "$d$ for $tr(Λ)$": inverse + dim * inverse @ inverse,
            },
            law,
            1e-2 * np.abs(law).max(),
        ),
        same_instance=True,
    )


LAYERED = [(2, 2, 1.0), (1, 3, 0.7), (2, 1, 1.5)]


@claim(
    tried(
        "Theorem 3: among $A_l = a_l Λ^-1$ gradients are as small as one likes",
        "the form of the gradient",
    ),
    kind="identity",
    cases=LAYERED,
)
def test_gradient_of_layers(trial, layers: FewLayers, examples: FewExamples, size: Size):
    """Linear attention has $L$ layers with $P_l = diag(0, 1)$ and $Q_l = -diag(A_l, 0)$. For inputs
    of covariance $Λ$ and weights of covariance $Λ^-1$ in $d$ dimensions, without noise and at
    $A_l = a_l Λ^-1$, the gradient of the loss in $A_l$ is $g_l Λ$. Here $d · g_l$ is the derivative
    in $a_l$ of $E tr prod_l (I - a_l G/N)²$ with $G = ∑_i x_i x_iᵀ$ over $N$ inputs of covariance
    $I$.
    """
    dim = 2
    covariance = drawn_covariance(trial, dim, "inputs")
    sizes = size * np.linspace(1.0, 0.6, layers)
    blocks = blocks_of(sizes, np.linalg.inv(covariance))
    found = slope_in_blocks(blocks, 0 * blocks, covariance, examples, 2 * layers + 1)
    law = blocks_of(slopes_of_sizes(sizes, dim, examples), covariance) / dim
    theories = {
        "$g_l I$": blocks_of(slopes_of_sizes(sizes, dim, examples), np.eye(dim)) / dim,
        "$g_l$ without the division by $d$": dim * law,
        "of a fixed $G = N I$": blocks_of(
            -2 * np.prod(1 - sizes) ** 2 / (1 - sizes + 1e-9) + 0 * sizes, covariance
        ),
    }
    scale = 1e3 * (1 + size) ** (2 * layers)
    # NumPy adds 5^6 terms by halves, down to 128 in eight sums: 26 roundings. The rest is room for
    # the layers.
    trial.identity(
        found,
        law,
        ops=2000,
        scale=scale,
        generic="both sides are rational in the entries of the covariance",
        controls=apart(theories, law, 1e-6 * scale),
    )


@claim(
    tried(
        "Theorem 3: among $A_l = a_l Λ^-1$ gradients are as small as one likes",
        "where all gradients vanish",
    ),
    kind="identity",
    cases=[(2, 2), (1, 3), (2, 3)],
)
def test_critical_points(trial, layers: FewLayers, examples: FewExamples):
    """Linear attention has $L$ layers with $P_l = diag(0, 1)$ and $Q_l = -diag(A_l, 0)$. For inputs
    of covariance $Λ$ and weights of covariance $Λ^-1$ without noise, the gradient of the loss in
    all entries of all $A_l$ vanishes at $A_l = a_l Λ^-1$ where the derivatives of
    $E tr prod_l (I - a_l G/N)²$ in $a_l$ vanish, with $G = ∑_i x_i x_iᵀ$ over $N$ inputs of
    covariance $I$.
    """
    dim = 2
    covariance = drawn_covariance(trial, dim, "inputs")
    sizes = best_sizes(layers, dim, examples)

    def slope(matrix):
        blocks = blocks_of(sizes, matrix)
        return slope_in_blocks(blocks, 0 * blocks, covariance, examples, 2 * layers + 1)

    newton = slopes_of_sizes(np.ones(layers), dim, examples)
    trial.value(
        slope(np.linalg.inv(covariance)),
        np.zeros((layers, dim, dim)),
        error=1e-8,
        margin=1e-3,
        scale=np.abs(newton).max(),
        generic="both sides are rational in the entries of the covariance",
        controls={"$a_l = 1$, steps of Newton's method": blocks_of(newton, covariance) / dim},
        control_processes={"$A_l = a_l I$": slope(np.eye(dim))},
    )


@claim(
    tried("Theorem 4: the same with $B_l = b_l I$", "the form of the gradients of two layers"),
    kind="identity",
    cases=[(1, 1.0), (2, 0.5), (2, 1.5)],
)
def test_contracting_layers(
    trial,
    examples: Annotated[int, Interval(1, 2, why="N; nine nodes for each normal number")],
    size: Size,
):
    """Linear attention has two layers with $P_l = diag(b_l I, 1)$ and $Q_l = -diag(A_l, 0)$. For
    inputs of covariance $Λ$ and weights of covariance $Λ^-1$ without noise, at $A_l = a_l Λ^-1$ the
    gradient of the loss is a multiple of $Λ$ in $A_l$, and of $I$ in the block $B_l = b_l I$ of
    $P_l$: where the loss is critical in all $a_l$ and $b_l$, it is so in all entries.
    """
    dim = 2
    covariance = drawn_covariance(trial, dim, "inputs")
    sizes = size * np.array([1.0, 0.6])
    contractions = np.array([0.3, 0.2])

    outer = blocks_of(contractions, np.eye(dim))

    def slopes(matrix):
        """The slopes in A_1, A_2 and B_1, each over its trace; B_2 has no effect."""
        arguments = blocks_of(sizes, matrix), outer, covariance, examples, 9
        found = np.concatenate([slope_in_blocks(*arguments), slope_in_outer(*arguments)[:1]])
        return found / np.trace(found, axis1=1, axis2=2)[:, None, None]

    of_block, of_outer = critical_forms(covariance)
    trial.value(
        slopes(np.linalg.inv(covariance)),
        np.stack([of_block, of_block, of_outer]),
        error=1e-8,
        margin=1e-4,
        generic="both sides are rational in the entries of the covariance",
        controls={"$I$ in $A_l$ and $Λ$ in $B_l$": np.stack([of_outer, of_outer, of_block])},
        control_processes={"$A_l = a_l I$": slopes(np.eye(dim))},
    )


@predicted
def critical_forms(covariance):
    """Λ, of which the slope in A_l is a multiple, and I, of which that in B_l is, over their
    traces.
    """
    return covariance / np.trace(covariance), np.eye(len(covariance)) / len(covariance)


@claim(
    tried("section 4.3: training finds such points", "two layers in two dimensions, to 1 %"),
    kind="empirical",
    tier="full",
    cases=[(1, 0.3), (2, 0.3), (2, 0.1)],
    low_power=SIGNS,
)
def test_learned(
    trial,
    examples: Annotated[int, Interval(1, 2, why="N; five nodes for each number, at each step")],
    scale: Annotated[float, Interval(0.05, 0.5, why="of the start; large ones diverge")],
):
    """Linear attention has two layers with $P_l = diag(0, 1)$ and $Q_l = -diag(A_l, 0)$. For inputs
    of covariance $Λ$ and weights of covariance $Λ^-1$ without noise, training of both $A_l$ on the
    expected loss ends, from most random starts, with $A_l$ within 1 % of $a_l Λ^-1$, where $a_1$
    and $a_2$ minimise $E tr prod_l (I - a_l G/N)²$ with $G = ∑_i x_i x_iᵀ$ over $N$ inputs of
    covariance $I$.
    """
    dim = 2
    covariance = drawn_covariance(trial, dim, "inputs")
    found = found_blocks(trial.generator("starts"), covariance, examples, scale)
    sizes = np.sort(best_sizes(2, dim, examples))

    def nearness(matrix):
        law = blocks_of(sizes, matrix)
        order = np.argsort(np.trace(found @ covariance, axis1=2, axis2=3), axis=1)
        sorted_blocks = np.take_along_axis(found, order[:, :, None, None], axis=1)
        squares = np.sum((sorted_blocks - law) ** 2, axis=(1, 2, 3))
        return 0.01 - np.sqrt(squares / np.sum(law**2))

    trial.runs(
        nearness(np.linalg.inv(covariance)),
        alpha=0.01,
        controls={"plain steps, $A_l = a_l I$": nearness(np.eye(dim)), "the start": -np.ones(RUNS)},
    )


@figure("F1", claims=("optimum", "few_examples"))
def eigenvalues_of_the_preconditioner(variances=(0.25, 1.0, 4.0), noise=0.5):
    """The best preconditioner is far from the inverse covariance until examples are many, above all
    in the directions of small variance.

    Eigenvalues of $A$ times the variance of their direction against the number $N$ of examples, for
    inputs with variances 1/4, 1 and 4, weights $N(0, I)$ and noise of deviation 1/2; $Λ^-1$ has 1.
    Marks: lines: formula; points: normal equations of the exact loss.
    """
    covariance = np.diag(variances)
    fine = np.geomspace(1, 1000, 60)
    some = np.array([1, 3, 10, 30, 100, 300, 1000])
    laws = [
        np.diag(preconditioner(Prompts(covariance, np.eye(3), noise, n))) * variances for n in fine
    ]
    found = [
        np.diag(best_block(Prompts(covariance, np.eye(3), noise, int(n)))) * variances for n in some
    ]
    names = [f"variance {variance:g}" for variance in variances]
    return chart(
        {name: (fine, np.array(laws)[:, row]) for row, name in enumerate(names)},
        {name: (some, np.array(found)[:, row]) for row, name in enumerate(names)},
        levels={"Λ$^{-1}$": 1.0},
        log="x",
        x="examples N",
        y="eigenvalue of A × variance",
        ylim=(0, 1.05),
    )
