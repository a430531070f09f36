"""von Oswald, Niklasson, Randazzo, Sacramento, Mordvintsev, Zhmoginov & Vladymyrov 2023,
"Transformers Learn In-Context by Gradient Descent", ICML, arXiv 2212.07677.

For whoever asks how a model learns from examples in its prompt: which weights make a layer of
linear attention a step of gradient descent, whether training finds them, and what more layers do.

Take away: a layer of linear attention does one step of gradient descent on the least-squares loss
of its context, and training finds this layer with the best step, η = 15 N/(5 (N + d) - 1) for N
examples in d dimensions whose entries are uniform on (-1, 1). Two layers that also contract the
inputs (GD++) have a smaller error than two steps of descent on 99 % of fresh tasks.

A task has w ~ N(0, I) in R^d, N examples x_i and a query x with independent entries uniform on (-1,
1), and labels y_i = wᵀx_i. Tokens are e_i = (x_i, y_i) and (x, 0). A layer adds P W_V Σ_i e_i
(W_K e_i)ᵀ W_Q e to each token e; the sum runs over the context. With W_K = W_Q = diag(I, 0), W_V =
[0, 0; w_0, -1] and P = (η/N) I it is a step from w_0. The last entry of a context token is then its
label less the prediction's change, and that of the query is minus the prediction. GD++ also
multiplies the inputs x of all tokens by I - γ Σ x_i x_iᵀ. G = Σ x_i x_iᵀ has the eigenvalues μ_j.

Edges: for η μ_1/N > 2 descent diverges, and the identities hold as they stand. The last
contraction of GD++ has no effect. Training has a local minimum in two dimensions, and in three from
about 16 examples on: there about half of the random starts end at a layer of 2.5 times the least
error or more. Of the starts below, one in sixty stops elsewhere.

Paper: it gives the construction, and sees by experiment that trained layers are near it, that
deeper ones follow GD++, and that layers behind an MLP solve nonlinear problems.

Abstract:

- Statement 1: training on auto-regressive objectives is closely related to meta-learning by
  gradients. In part: trained. One layer learns to learn by one step.
- Statement 2: a simple construction makes a layer of linear attention a step of gradient descent.
  Holds: one_step.
- Statement 3: trained models and models learned by descent are similar, or the weights match the
  construction. Holds at a smaller scale: trained, best_step. For one layer in three to five
  dimensions, whose weights match.
- Statement 4: trained transformers learn models by gradient descent in their forward pass. Holds at
  a smaller scale: trained, one_step. For one layer, which is a step.
- Statement 5: they surpass plain descent by a correction of the curvature. Holds: curvature,
  error_of_a_task, curvature_helps.
- Statement 6: they learn linear models on deep representations. In part: on_features. By
  construction, with a random network in front of the layer.
- Statement 7: an induction head can be understood as a case of this. In part: copying. By
  construction: one head of softmax attention joins x_i and y_i of neighbouring tokens.

Read: the abstract. Recalled: proposition 1 and GD++. Derived here: all else. Not claimed: trained
models of several layers, and softmax attention that learns.

Topic: sequence models and attention.
"""

from typing import Annotated, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

from paper_checks.briefs.common import apart
from theory_on_trial import abstract, claim, derived, observed, paper, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

PAPER = "von Oswald et al. 2023"
RUNS = 20
SIGNS = "a few runs carry a sign only"
SIDE = 10
"""d and N of the paper's tasks."""

Examples = Annotated[int, Interval(1, 50, why="N; an example is needed; more take longer")]
Side = Annotated[int, Interval(1, 10, why="d; the high end is a cap")]
Layers = Annotated[int, Interval(2, 6, why="steps that are too long grow with each layer")]
Step = Annotated[float, Interval(0.1, 1, why="η; rounding grows by longer steps in each layer")]
LearnedFrom = Annotated[int, Interval(500, 5000, why="tasks; of few GD++ learns the sample")]
AnySide = Annotated[int, Interval(1, 4, why="d; the loss is a sum over 9^d nodes")]
TrainedSide = Annotated[int, Interval(3, 5, why="d; in two there is a local minimum")]
TrainedExamples = Annotated[int, Interval(1, 14, why="N; for many there is a local minimum")]


class Layer(NamedTuple):
    """The matrices (d + 1, d + 1) of a layer of linear attention."""

    keys: np.ndarray
    queries: np.ndarray
    values: np.ndarray
    projection: np.ndarray


def tokens_of(inputs, labels, queries):
    """The tokens (N + m, d + 1) of N examples and of m queries whose last entry is 0."""
    examples = np.column_stack([inputs, labels])
    return np.concatenate([examples, np.pad(queries, ((0, 0), (0, 1)))])


def construction(start, step, examples):
    """The layer of proposition 1, from w_0 = `start`, for the step η."""
    width = len(start) + 1
    inputs_only = np.diag(np.append(np.ones(width - 1), 0.0))
    values = np.zeros((width, width))
    values[-1] = np.append(start, -1)
    return Layer(inputs_only, inputs_only, values, step / examples * np.eye(width))


def contracting(step, contraction, dim, examples):
    """The layer of GD++ with the step η and the contraction γ, from w_0 = 0."""
    inputs_only = np.diag(np.append(np.ones(dim), 0.0))
    values = -np.diag(np.append(np.full(dim, contraction), step / examples))
    return Layer(inputs_only, inputs_only, values, np.eye(dim + 1))


def drawn_gram(generator, tasks, examples, dim):
    """The eigenvalues μ (tasks, d) of G for drawn tasks."""
    inputs = generator.uniform(-1, 1, (tasks, examples, dim))
    return np.maximum(np.linalg.eigvalsh(inputs.mT @ inputs), 0)


@observed
def attend(layers, tokens, context):
    """The tokens after all layers; the first `context` of them are keys and values."""
    for layer in layers:
        shown = tokens[:context]
        scores = tokens @ layer.queries.T @ layer.keys @ shown.T
        tokens = tokens + scores @ shown @ layer.values.T @ layer.projection.T
    return tokens


@observed
def map_of(layers, inputs):
    """A (d, d) for which the layers predict xᵀ A w: by the labels and queries of unit vectors."""
    examples, dim = inputs.shape
    columns = [
        -attend(layers, tokens_of(inputs, inputs @ unit, np.eye(dim)), examples)[examples:, -1]
        for unit in np.eye(dim)
    ]
    return np.array(columns).T


@observed
def errors_of_layers(spectra, layers, examples):
    """E (ŷ - wᵀx)² over w and x of each task, (tasks,), for layers of GD++ as (steps,
    contractions). Each eigendirection of G is a task of one dimension with the input √μ.
    """
    inputs = np.sqrt(spectra)
    labels = np.sqrt(spectra)
    query = np.ones_like(spectra)
    answer = np.zeros_like(spectra)
    for step, contraction in zip(*layers, strict=True):
        answer = answer - step / examples * labels * inputs * query
        labels = labels * (1 - step / examples * inputs**2)
        query = query * (1 - contraction * inputs**2)
        inputs = inputs * (1 - contraction * inputs**2)
    return np.sum((1 + answer) ** 2, axis=1) / 3


def nodes_of(nodes, weights, variables):
    """The tensor rule for independent variables: nodes (n, variables) and chances (n,)."""
    grid = np.meshgrid(*[nodes] * variables, indexing="ij")
    chances = np.meshgrid(*[weights / weights.sum()] * variables, indexing="ij")
    return np.reshape(grid, (variables, -1)).T, np.prod(chances, axis=0).ravel()


class Loss(NamedTuple):
    """The expected loss E (ŷ - wᵀx)² as θᵀ Q θ - 2 mᵀ θ + d/3 of the products θ_abc = p_a K_bc, for
    the last row p of P W_V and the first d columns K of W_Kᵀ W_Q.
    """

    quadratic: np.ndarray
    linear: np.ndarray
    dim: int

    def value_and_slope(self, entries):
        """The loss and its gradient at the entries (p, K), flattened."""
        width = self.dim + 1
        row = entries[:width]
        block = entries[width:].reshape(width, self.dim)
        products = np.einsum("a,bc->abc", row, block).ravel()
        inner = 2 * (self.quadratic @ products - self.linear)
        value = (inner / 2 - self.linear) @ products + self.dim / 3
        inner = inner.reshape(width, width, self.dim)
        of_row = np.einsum("abc,bc->a", inner, block)
        return value, np.append(of_row, np.einsum("abc,a->bc", inner, row).ravel())


@observed
def expected_loss(dim, examples):
    """The loss of one layer over tasks, by quadrature over w, the query and a pair of examples: the
    examples are exchangeable.
    """
    inputs, chances = nodes_of(*np.polynomial.legendre.leggauss(3), dim)
    tasks, of_task = nodes_of(*np.polynomial.hermite_e.hermegauss(3), dim)
    tokens = np.stack([np.column_stack([inputs, inputs @ task]) for task in tasks])
    products = np.einsum("wxa,wxb->wxab", tokens, tokens).reshape(len(tasks), len(inputs), -1)
    mean = np.einsum("x,wxp->wp", chances, products)
    same = np.einsum("w,x,wxp,wxr->pr", of_task, chances, products, products, optimize=True)
    other = np.einsum("w,wp,wr->pr", of_task, mean, mean)
    square = examples * same + examples * (examples - 1) * other
    of_query = (inputs.T * chances) @ inputs
    linear = examples * np.einsum("w,wp,wd->pd", of_task, mean, tasks) @ of_query
    return Loss(np.kron(square, of_query), linear.ravel(), dim)


@observed
def least_of_any_products(loss):
    """The least loss of all θ, products or not: it is convex in θ, so that no layer has less."""
    best = np.linalg.lstsq(loss.quadratic, loss.linear, rcond=1e-11)[0]
    return best @ loss.quadratic @ best - 2 * loss.linear @ best + loss.dim / 3


@observed
def trained_products(generator, dim, examples, runs=RUNS):
    """What training of all entries from small random starts finds, (runs, (d + 1)², d): the
    products p_a K_bc, halved and added to those with a and b exchanged, on which alone ŷ depends.
    """
    loss = expected_loss(dim, examples)
    width = dim + 1
    found = []
    for _ in range(runs):
        start = 0.2 * generator.normal(size=width + width * dim)
        end = minimize(
            loss.value_and_slope,
            start,
            jac=True,
            method="BFGS",
            options={"maxiter": 5000, "gtol": 1e-9},
        ).x
        products = np.einsum("a,bc->abc", end[:width], end[width:].reshape(width, dim))
        found.append((products + products.swapaxes(0, 1)) / 2)
    return np.array(found)


@observed
def with_copied_inputs(inputs, labels, query, sharpness):
    """The tokens (2 N + 1, d + 1) after a head of softmax attention that joins neighbours. Before
    it x_i and y_i stand in tokens of their own, and positions are one-hot codes.
    """
    examples, dim = inputs.shape
    tokens = np.zeros((2 * examples + 1, dim + 1))
    tokens[:-1:2, :dim] = inputs
    tokens[1::2, -1] = labels
    tokens[-1, :dim] = query
    positions = np.eye(len(tokens))
    asks_for_previous = np.eye(len(tokens), k=-1)
    weights = softmax(sharpness * positions @ asks_for_previous @ positions.T, axis=1)
    is_label = (np.arange(len(tokens)) % 2 == 1)[:, None]
    only_inputs = tokens * np.append(np.ones(dim), 0)
    return tokens + is_label * (weights @ only_inputs)


@predicted
def descent(inputs, labels, step, layers, start):
    """The weights after `layers` steps w - (η/N) Xᵀ(X w - Y) from a start."""
    weights = start
    for _ in range(layers):
        weights = weights - step / len(labels) * inputs.T @ (inputs @ weights - labels)
    return weights


@predicted
def residual(values, steps, contractions, examples, power=2):
    """q_L(μ) with q ← q (1 - η μ a²/N) and a ← a (1 - γ μ a²), from q = a = 1."""
    error = np.ones_like(values)
    contraction = np.ones_like(values)
    for step, gamma in zip(steps, contractions, strict=True):
        curvature = values * contraction**power
        error = error * (1 - step / examples * curvature)
        contraction = contraction * (1 - gamma * curvature)
    return error


@predicted
def learned(spectra, layers, contract, examples=SIDE):
    """The steps and contractions of some layers for which q_L(μ)² is least on average over the
    tasks, by L-BFGS. A fit starts from that of a layer less, with a step and a contraction eight
    times as large: contracted inputs need longer ones. The last contraction has no effect.
    """
    steps = np.array([examples * np.sum(spectra) / np.sum(spectra**2)])
    contractions = np.zeros(1)
    for depth in range(2, layers + 1):
        first = 8 * contractions[-2] if depth > 2 else np.sum(spectra) / np.sum(spectra**2)
        start = np.append(steps, 8 * steps[-1])
        if contract:
            start = np.concatenate([start, contractions[:-1], [first]])

        def layers_of(logarithms, depth=depth):
            numbers = np.exp(logarithms)
            return numbers[:depth], np.pad(numbers[depth:], (0, 2 * depth - len(numbers)))

        found = minimize(
            lambda logarithms, of=layers_of: np.mean(
                residual(spectra, *of(logarithms), examples) ** 2
            ),
            np.log(start),
            method="L-BFGS-B",
            options={"ftol": 1e-14},
        )
        steps, contractions = layers_of(found.x)
    return steps, contractions


@predicted
def best_single_step(examples, dim):
    """η = 15 N/(5 (N + d) - 1)."""
    return 15 * examples / (5 * (examples + dim) - 1)


@predicted
def error_of_single_step(step, examples, dim):
    """(d - 2 η E tr G/N + η² E tr G²/N²)/3 = d (1 - 2 η/3 + η² (5 (N + d) - 1)/(45 N))/3."""
    square = (5 * (examples + dim) - 1) / (45 * examples)
    return dim / 3 * (1 - 2 * step / 3 + step**2 * square)


@predicted
def products_of_step(step, dim, examples):
    """The products of the construction from w_0 = 0, halved and added to their mirror image, for
    the sign of ŷ = + last entry.
    """
    products = np.zeros((dim + 1, dim + 1, dim))
    products[-1, :dim] = step / examples * np.eye(dim)
    return (products + products.swapaxes(0, 1)) / 2


@predicted
def kernel_descent(kernel, labels, across, step, layers):
    """The predictions (m,) of `layers` steps of descent from 0 in the space of a kernel: with the
    kernel matrix (N, N) of the examples and `across` (m, N), residuals are (I - η K/N)^l y.
    """
    answer = np.zeros(len(across))
    left = labels
    for _ in range(layers):
        answer = answer + step / len(labels) * across @ left
        left = left - step / len(labels) * kernel @ left
    return answer


def drawn_task(trial, examples, dim, queries):
    """Inputs (N, d), labels (N,) and queries (m, d): normal numbers, as any will do."""
    generator = trial.generator("task")
    inputs = generator.normal(size=(examples, dim))
    labels = np.sqrt(dim) * generator.normal(size=examples)
    return inputs, labels, generator.normal(size=(queries, dim))


def growth_of(inputs, labels, step, layers):
    """A bound on what layers make of the numbers of a task."""
    largest = np.linalg.norm(inputs, 2) ** 2 / len(labels)
    return (1 + step * largest) ** layers * (1 + np.abs(labels).max()) * (1 + np.abs(inputs).max())


@claim(paper(f"{PAPER}, proposition 1"), kind="identity", cases=[(8, 4, 3), (3, 5, 2), (1, 1, 6)])
def test_one_step(trial, examples: Examples, dim: Side, layers: Layers, step: Step = 0.3):
    """L layers of linear attention with W_K = W_Q = diag(I, 0), W_V = [0, 0; w_0, -1] and P = (η/N)
    I are L steps w ← w - (η/N) Σ (wᵀx_i - y_i) x_i from w_0: they subtract (w_L - w_0)ᵀx_i from the
    label of each example, and add -(w_L - w_0)ᵀx to a query's last entry -w_0ᵀx.
    """
    inputs, labels, queries = drawn_task(trial, examples, dim, 3)
    start = trial.generator("start").normal(size=dim)
    before = tokens_of(inputs, labels, queries)
    before[examples:, -1] = -queries @ start
    layer = construction(start, step, examples)

    def last_entries(layer, context=examples):
        return attend([layer] * layers, before, context)[:, -1]

    def law(step, layers):
        change = descent(inputs, labels, step, layers, start) - start
        return before[:, -1] - before[:, :-1] @ change

    plus = layer._replace(values=layer.values * np.append(np.ones(dim), -1.0))
    trial.identity(
        last_entries(layer),
        law(step, layers),
        ops=8 * examples * dim,
        scale=growth_of(inputs, labels, step, layers) * (1 + np.abs(start).sum()) * dim,
        controls={
            "a step less": law(step, layers - 1),
            **({"a sum over the examples": law(step * examples, layers)} if examples > 1 else {}),
        },
        control_processes={
            "queries among keys and values": last_entries(layer, len(before)),
            "+1 in W_V": last_entries(plus),
        },
    )


@claim(
    derived("E tr G = N d/3 and E tr G² = N d (5 (N + d) - 1)/45"),
    kind="optimality",
    cases=[(2, 10), (3, 4), (1, 1)],
)
def test_best_step(trial, dim: AnySide, examples: Examples):
    """The least expected squared error of any layer of linear attention is (d/3) (5 d - 1)/(5 (N +
    d) - 1), that of one step of gradient descent from 0 with η = 15 N/(5 (N + d) - 1), for
    w ~ N(0, I) and N inputs in d dimensions with entries uniform on (-1, 1).
    """
    loss = expected_loss(dim, examples)
    law = error_of_single_step(best_single_step(examples, dim), examples, dim)
    theories = {
        "η = 3, best for many examples": error_of_single_step(3.0, examples, dim),
        "for normal inputs, d (d + 1)/(3 (N + d + 1))": dim * (dim + 1) / (examples + dim + 1) / 3,
        "of least squares": max(dim - examples, 0) / 3,
    }
    trial.identity(
        least_of_any_products(loss),
        law,
        ops=10_000,
        scale=10 * dim,
        controls=apart(theories, law, 1e-3 * law),
    )


@claim(
    abstract("the weights found by optimization match the construction"),
    kind="empirical",
    cases=[(3, 4), (4, 10), (5, 1)],
    low_power=SIGNS,
)
def test_trained(trial, dim: TrainedSide, examples: TrainedExamples):
    """From most small random starts, training of all entries of a layer of linear attention on the
    expected loss ends within 1 % of one step of gradient descent from 0 with
    η = 15 N/(5 (N + d) - 1), for N examples with d inputs that are uniform on (-1, 1).
    """
    found = trained_products(trial.generator("starts"), dim, examples)
    law = best_single_step(examples, dim)

    def nearness(step):
        products = products_of_step(step, dim, examples)
        squares = np.sum((found - products) ** 2, axis=(1, 2, 3))
        return 0.01 - np.sqrt(squares / np.sum(products**2))

    trial.runs(
        nearness(law),
        alpha=1e-3,
        controls={
            "for normal inputs, N/(N + d + 1)": nearness(examples / (examples + dim + 1)),
            "the start": np.full(RUNS, -0.99),
        },
    )


@claim(
    derived(f"recalled from {PAPER}, GD++: a recursion for each eigenvalue"),
    kind="identity",
    cases=[(10, 10, 3), (4, 2, 2), (30, 5, 6)],
)
def test_curvature(trial, examples: Examples, dim: Side, layers: Layers):
    """Layers that do a step η_l and multiply all inputs by I - γ_l Σ x_i x_iᵀ (GD++) predict
    wᵀ (I - q(G)) x, where G = Σ x_i x_iᵀ at the start and q is built by q ← q (1 - η_l μ a²/N) and
    a ← a (1 - γ_l μ a²) for each eigenvalue μ, from q = a = 1.
    """
    generator = trial.generator("task")
    inputs = generator.uniform(-1, 1, (examples, dim))
    values, vectors = np.linalg.eigh(inputs.T @ inputs)
    steps = generator.uniform(0.5, 1.5, layers) * examples / values[-1]
    contractions = generator.uniform(0.2, 0.8, layers) / values[-1]
    stack = [
        contracting(step, gamma, dim, examples)
        for step, gamma in zip(steps, contractions, strict=True)
    ]

    def law(contractions, power=2):
        kept = 1 - residual(values, steps, contractions, examples, power)
        return vectors * kept @ vectors.T

    trial.identity(
        map_of(stack, inputs),
        law(contractions),
        ops=8 * dim * examples,
        scale=2.5**layers,
        controls={
            "a for a²": law(contractions, 1),
            "GD, which contracts nothing": law(0 * contractions),
        },
    )


@claim(
    derived("the mean over w and x of a square is a trace"),
    kind="identity",
    cases=[(10, 10), (4, 2), (2, 5)],
)
def test_error_of_a_task(trial, examples: Examples, dim: Side):
    """Two layers of GD++ have the mean squared error Σ_j q(μ_j)²/3 on a task over w ~ N(0, I) and
    queries uniform on (-1, 1)^d, where μ_j are the eigenvalues of Σ x_i x_iᵀ and q(μ) = (1 - η_1
    μ/N)(1 - η_2 μ (1 - γ μ)²/N).
    """
    generator = trial.generator("task")
    inputs = generator.uniform(-1, 1, (examples, dim))
    values = np.linalg.eigvalsh(inputs.T @ inputs)
    steps = np.array([1.5, 4.0]) * examples / values[-1] / 4
    contractions = np.array([0.3 / values[-1], 0.0])
    stack = [
        contracting(step, gamma, dim, examples)
        for step, gamma in zip(steps, contractions, strict=True)
    ]
    gap = map_of(stack, inputs) - np.eye(dim)

    def law(contractions):
        return np.sum(residual(values, steps, contractions, examples) ** 2) / 3

    trial.identity(
        np.sum(gap**2) / 3,
        law(contractions),
        ops=20 * dim * examples,
        scale=10 * dim,
        controls={
            "queries that are not contracted": np.sum(
                (1 - steps[0] / examples * values) ** 2
                * (1 - steps[1] / examples * values * (1 - contractions[0] * values)) ** 2
            )
            / 3,
            "GD, which contracts nothing": law(0 * contractions),
        },
    )


@claim(
    abstract(
        "Transformers surpass the performance of plain gradient descent by learning an iterative "
        "curvature correction"
    ),
    kind="empirical",
    cases=[1000, 500, 4000],
)
def test_curvature_helps(trial, tasks: LearnedFrom):
    """With steps and contractions that are best on average over 500 tasks or more of ten examples
    in ten dimensions, two layers of GD++ have a smaller error than two layers of GD on at least 99
    % of fresh tasks.
    """
    spectra = drawn_gram(trial.generator("learned from"), tasks, SIDE, SIDE)
    plain, contracting_fit = (learned(spectra, 2, contract) for contract in (False, True))

    def beats(first, second):
        def event(generator, count):
            fresh = drawn_gram(generator, count, SIDE, SIDE)
            one, two = (errors_of_layers(fresh, fit, SIDE) for fit in (first, second))
            return one < two

        return event

    trial.probability(
        beats(contracting_fit, plain),
        0.99,
        side="at least",
        controls={"it always does": 1.0},
        control_processes={"GD against GD": beats(plain, plain)},
        first=1024,
        most=40_000,
    )


def hidden_units(trial, inputs, units):
    """Features tanh(V x + b) (n, units) of a random network."""
    generator = trial.generator("network")
    weights = generator.normal(size=(inputs.shape[1], units))
    return np.tanh(inputs @ weights + generator.normal(size=units))


@claim(
    abstract(
        "learn linear models on deep data representations to solve non-linear regression tasks"
    ),
    kind="identity",
    cases=[(8, 3, 2), (20, 50, 4), (3, 1, 1)],
)
def test_on_features(
    trial,
    examples: Examples,
    units: Annotated[int, Interval(1, 100, why="the high end is a cap")],
    layers: Annotated[int, Interval(1, 6, why="as of the layers above")],
    step: Step = 0.5,
):
    """L layers of linear attention behind an MLP φ, with the weights of the construction from 0,
    are L steps of kernel regression with k(x, x') = φ(x)ᵀφ(x'): the residuals are (I - η K/N)^l y.
    """
    generator = trial.generator("task")
    inputs = generator.uniform(-2, 2, (examples, 1))
    queries = np.array([[-1.5], [0.2], [1.1]])
    labels = np.sin(2 * inputs[:, 0])
    step = step / units
    features, asked = (hidden_units(trial, points, units) for points in (inputs, queries))
    stack = [construction(np.zeros(units), step, examples)] * layers
    found = -attend(stack, tokens_of(features, labels, asked), examples)[examples:, -1]
    law = kernel_descent(features @ features.T, labels, asked @ features.T, step, layers)
    trial.identity(
        found,
        law,
        ops=8 * examples * units,
        scale=2.0**layers * units,
        controls=apart(
            {
                "a linear model of x": kernel_descent(
                    inputs @ inputs.T, labels, queries @ inputs.T, step, layers
                ),
                "a layer more": kernel_descent(
                    features @ features.T, labels, asked @ features.T, step, layers + 1
                ),
            },
            law,
            1e-6,
        ),
    )


@claim(
    abstract(
        "it could be understood as a specific case of in-context learning by gradient descent "
        "learning within Transformers"
    ),
    kind="identity",
    cases=[(8, 4), (3, 5), (2, 1)],
)
def test_copying(
    trial,
    examples: Annotated[int, Interval(2, 50, why="one example has no other neighbour")],
    dim: Side,
    step: Step = 0.3,
):
    """If x_i and y_i stand in neighbouring tokens, a head of softmax attention to the token before
    (an induction head's first half) joins them, and a layer of linear attention behind it predicts
    by one step of gradient descent from 0, in the limit of sharp attention.
    """
    inputs, labels, queries = drawn_task(trial, examples, dim, 1)
    layer = construction(np.zeros(dim), step, examples)

    def answer(sharpness):
        tokens = with_copied_inputs(inputs, labels, queries[0], sharpness)
        return -attend([layer], tokens, 2 * examples)[-1, -1]

    def law(inputs):
        return queries[0] @ descent(inputs, labels, step, 1, np.zeros(dim))

    sharp = 60.0
    left = 2 * examples * np.exp(-sharp)
    size = growth_of(inputs, labels, step, 1) * dim * (1 + np.abs(queries).max())
    trial.value(
        answer(sharp),
        law(inputs),
        error=size * (1e-13 + left),
        margin=1e-9 * size,
        controls=apart(
            {"joined with the next input": law(np.roll(inputs, -1, axis=0)), "no step": 0.0},
            law(inputs),
            1e-6 * size,
        ),
        control_processes={"attention to all tokens alike": answer(0.0)},
    )


@figure("F1", claims=("curvature", "error_of_a_task", "curvature_helps"))
def errors_by_layer(layers=4, tasks=1000, drawn=100):
    """Layers that contract their inputs (GD++) reduce the error faster than as many steps of
    gradient descent.

    Mean squared error over the variance of the label on tasks of 10 examples in 10 dimensions, with
    the best steps η_l and contractions γ_l. Marks: lines: polynomials of the eigenvalues, 1000
    tasks; points: layers of linear attention on 100 other tasks, with two standard errors.
    """
    generator = np.random.default_rng(0)
    spectra = drawn_gram(generator, tasks, SIDE, SIDE)
    fresh = generator.uniform(-1, 1, (drawn, SIDE, SIDE))
    depths = np.arange(1, layers + 1)
    lines = {}
    points = {}
    for name, contract in (("GD", False), ("GD++", True)):
        fits = [learned(spectra, depth, contract) for depth in depths]
        laws = [np.mean(residual(spectra, *fit, SIDE) ** 2) for fit in fits]
        errors = []
        for fit in fits:
            stack = [contracting(*numbers, SIDE, SIDE) for numbers in zip(*fit, strict=True)]
            errors.append([np.sum((map_of(stack, task) - np.eye(SIDE)) ** 2) for task in fresh])
        widths = 2 * np.std(errors, axis=1) / np.sqrt(drawn)
        lines[name] = (depths, np.array(laws))
        points[name] = (depths, np.mean(errors, axis=1) / SIDE, widths / SIDE)
    return chart(
        lines,
        points,
        x="layers",
        y="error / variance of the label",
        xticks=list(depths),
        ylim=(0, 0.55),
    )
