"""von Oswald, Niklasson, Randazzo, Sacramento, Mordvintsev, Zhmoginov & Vladymyrov 2023,
"Transformers Learn In-Context by Gradient Descent", ICML, arXiv 2212.07677.

For whoever asks what a Transformer does with the examples in its prompt: a layer of linear
attention takes one step of gradient descent on them.

Take away: one layer is one step. For $N$ examples with $d$ inputs, uniform on $(-1, 1)$, the best
step is $3 N/(N + d - 1/5)$ and leaves $(d - 1/5)/(N + d - 1/5)$ of the squared error, about half of
it at $N = d$. In longer prompts the rest falls as $d/N$.

A prompt has $N$ examples $(x_i, y_i)$, rows of $X$ $(N, d)$ and $Y$ $(N, k)$, and queries $x$. The
loss of a linear model $W$ $(k, d)$ is $∑_i |W x_i - y_i|²/(2 N)$, and $S$ is $X' X/N$. Tokens $e$
are pairs $(x, y)$ of width $d + k$. A layer adds $P W_V C' C W_K' W_Q e$ to every token, where the
rows of $C$ are the tokens of the examples: attention without softmax. Tasks have $w ~ N(0, 1)$ and
$y = w' x$.

Edges: labels have no noise, except where they are any numbers. A step that is too long diverges, as
everywhere. Queries are not among the keys and the values. The exact loss of one layer has a worse
local minimum: about half of small random starts end there for $d = 2$, and for $d = 3$ from about
16 examples on (of 60 starts none of 14 examples, 25 of 17, 47 of 30). `trained_layer` starts at
$d = 3$.

Paper: it gives the weights, trains Transformers of attention alone on regression, and compares them
with gradient descent.

Abstract:

- Sentence 1: in-context learning is not understood. Not on trial. It is a motive.
- Sentence 2: training on auto-regressive objectives is related to meta-learning by gradients. In
  part: trained_layer, best_layer. Training chooses the step that meta-learning would choose; other
  objectives than regression are not tried.
- Sentence 3: weights are given by which a layer of linear self-attention is a step of gradient
  descent. Holds: single_layer, looped_layer.
- Sentence 4: training finds the weights of the construction, or models like those of gradient
  descent. Holds at a smaller scale: trained_layer. One layer, at most four inputs.
- Sentence 5: trained Transformers learn models by descent in their forward pass. Holds at a smaller
  scale: trained_layer, single_layer. Of one layer.
- Sentence 6: this explains in-context learning of regression. In part: best_layer. All that a
  single layer can do is known; deep stacks are not.
- Sentence 7: layers surpass gradient descent by a correction of curvature, and learn linear models
  on deep representations. In part: curvature, curvature_wins, representations. The correction is
  GD++ with learned numbers; that training finds it is not tried.
- Sentence 8: an induction head is a special case. Holds: induction_head, copying.

Read: the abstract. Recalled: proposition 1 and GD++. Derived here: all the rest. Not claimed:
softmax in the layer that descends, deep trained stacks.

Topic: sequence models and attention.
"""

from typing import Annotated, NamedTuple

import numpy as np
from scipy.optimize import minimize

from theory_on_trial import claim, derived, observed, predicted, recalled, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Examples = Annotated[
    int, Interval(2, 40, why="N; of one example sum and mean are the same, more round more")
]
Inputs = Annotated[int, Interval(1, 10, why="d; rounding grows with the largest eigenvalue of X'X")]
Outputs = Annotated[int, Interval(1, 5, why="k; each output is a regression of its own")]
Step = Annotated[float, Interval(0.1, 1, why="η; longer steps diverge, and with them the rounding")]
Layers = Annotated[int, Interval(2, 8, why="of one layer the first claim speaks; errors may grow")]


class Layer(NamedTuple):
    """The matrices (width, width) of one layer of linear attention."""

    keys: np.ndarray
    queries: np.ndarray
    values: np.ndarray
    projection: np.ndarray


@observed
def attended(tokens, layer, examples):
    """Tokens (…, tokens, width) after a layer, for which the first `examples` of them are keys and
    values.
    """
    shown = tokens[..., :examples, :]
    scores = tokens @ layer.queries.T @ np.swapaxes(shown @ layer.keys.T, -1, -2)
    return tokens + scores @ (shown @ layer.values.T) @ layer.projection.T


@observed
def descent_layer(start, step, examples):
    """The construction: W_K = W_Q = diag(1, 0), W_V = (0, 0; W_0, -1) and P = η/N, for a start W_0
    (k, d).
    """
    outputs, dim = start.shape
    on_inputs = np.diag(np.append(np.ones(dim), np.zeros(outputs)))
    values = np.zeros_like(on_inputs)
    values[dim:, :dim] = start
    values[dim:, dim:] = -np.eye(outputs)
    return Layer(on_inputs, on_inputs, values, step / examples * np.eye(dim + outputs))


@observed
def after_layers(prompt, start, layer, layers, shown):
    """The label parts (N + queries, k) of all tokens after one layer that is applied repeatedly.

    The query x starts with -W_0 x in place of its label; `shown` tokens are keys and values.
    """
    inputs, labels, queries = prompt
    tokens = np.block([[inputs, labels], [queries, -queries @ start.T]])
    for _ in range(layers):
        tokens = attended(tokens, layer, shown)
    return tokens[:, inputs.shape[1] :]


@predicted
def gradient_step(inputs, labels, start, rate):
    """W_0 - ρ Σ (W_0 x_i - y_i) x_i', the step on the sum of the squares for a rate ρ."""
    residuals = labels - inputs @ start.T
    return start + rate * residuals.T @ inputs


@predicted
def label_parts(prompt, start, model):
    """What the tokens of a descent to W hold: y - (W - W_0) x, and -W x for a query."""
    inputs, labels, queries = prompt
    return np.concatenate([labels - inputs @ (model - start).T, -queries @ model.T])


@predicted
def descended(inputs, labels, start, step, steps):
    """W after steps of gradient descent, in the basis of eigenvectors of S: the share of the
    residual that is left along each is (1 - η λ)^steps.
    """
    left, roots, right = np.linalg.svd(inputs / np.sqrt(len(inputs)), full_matrices=False)
    residuals = (labels - inputs @ start.T) / np.sqrt(len(inputs))
    # In this form an eigenvalue 0 needs no case of its own.
    powers = (1 - step * roots**2) ** np.arange(steps)[:, None]
    return start + (left.T @ residuals).T * (step * roots * powers.sum(axis=0)) @ right


def drawn_prompt(trial, examples, dim, outputs):
    """Inputs (N, d), labels (N, k) and three queries of a prompt, and W_0 (k, d)."""
    generator = trial.generator("prompt")
    inputs = generator.normal(size=(examples, dim))
    labels = generator.normal(size=(examples, outputs))
    queries = generator.normal(size=(3, dim))
    return (inputs, labels, queries), generator.normal(size=(outputs, dim))


def size_of(prompt, start, step, layers):
    """A bound on all numbers of a descent."""
    inputs, labels, queries = prompt
    largest = np.linalg.norm(inputs, 2) ** 2 / len(inputs)
    numbers = 1 + np.abs(labels).max() + np.abs(start).sum()
    return (1 + step * largest) ** layers * numbers * (1 + np.abs(queries).max())


@claim(
    recalled("proposition 1"),
    kind="identity",
    cases=[(8, 4, 2, 0.3), (3, 5, 1, 1.0), (40, 10, 5, 0.1)],
)
def test_single_layer(trial, examples: Examples, dim: Inputs, outputs: Outputs, step: Step):
    """A layer of linear attention with $W_K = W_Q = diag(1, 0)$, $W_V = (0, 0; W_0, -1)$ and
    $P = η/N$ turns $y_i$ into $y_i - ΔW x_i$ and $-W_0 x$ into $-(W_0 + ΔW) x$, where $ΔW$ is a
    step of length $η$ of gradient descent on $∑_i |W x_i - y_i|²/(2 N)$ from $W_0$.
    """
    prompt, start = drawn_prompt(trial, examples, dim, outputs)
    layer = descent_layer(start, step, examples)

    def law(rate, origin=start):
        model = start - origin + gradient_step(*prompt[:2], origin, rate)
        return label_parts(prompt, start, model)

    trial.identity(
        after_layers(prompt, start, layer, 1, examples),
        law(step / examples),
        ops=4 * examples * dim,
        scale=size_of(prompt, start, step, 1),
        generic="both sides are polynomials in prompt and weights",
        controls={
            "without 1/2 in the loss": law(2 * step / examples),
            "a sum over the examples": law(step),
            "a gradient at $W = 0$": law(step / examples, 0 * start),
        },
        control_processes={
            "queries are keys and values too": after_layers(
                prompt, start, layer, 1, examples + len(prompt[2])
            )
        },
    )


@claim(
    derived("the labels of the examples become residuals, which the next layer fits"),
    kind="identity",
    cases=[(8, 4, 3, 0.3), (3, 5, 2, 1.0), (40, 10, 8, 0.1)],
)
def test_looped_layer(trial, examples: Examples, dim: Inputs, layers: Layers, step: Step):
    """Let a layer of linear attention have $W_K = W_Q = diag(1, 0)$, $W_V = (0, 0; W_0, -1)$ and
    $P = η/N$. Applied $L$ times, it turns $y_i$ into $y_i - (W_L - W_0) x_i$ and $-W_0 x$ into
    $-W_L x$, where $W_L$ is what $L$ steps of length $η$ of gradient descent on
    $∑_i |W x_i - y_i|²/(2 N)$ from $W_0$ reach.
    """
    prompt, start = drawn_prompt(trial, examples, dim, 2)
    layer = descent_layer(start, step, examples)

    def law(steps, length=step):
        model = descended(*prompt[:2], start, length, steps)
        return label_parts(prompt, start, model)

    trial.identity(
        after_layers(prompt, start, layer, layers, examples),
        law(layers),
        ops=4 * examples * dim * layers,
        scale=size_of(prompt, start, step, layers),
        generic="both sides are polynomials in prompt and weights",
        controls={
            "$L$ layers are $L - 1$ steps": law(layers - 1),
            "one step of length $L η$": law(1, layers * step),
        },
        control_processes={
            "labels of examples are not changed": start_over(prompt, start, layer, layers)
        },
    )


@observed
def start_over(prompt, start, layer, layers):
    """The label parts if every layer sees the labels of the prompt, as L copies of one step do."""
    before = after_layers(prompt, start, layer, 0, len(prompt[0]))
    change = after_layers(prompt, start, layer, 1, len(prompt[0])) - before
    return before + layers * change


@predicted
def best_step(examples, dim, square=1 / 9, fourth=1 / 5):
    """E tr S/E tr S² = 3 N/(N + d - 1/5) for uniform inputs, of which `square` is the squared
    variance and `fourth` the fourth moment; both may be changed.
    """
    spread = fourth / square + dim - 2
    return examples / (np.sqrt(square) * (examples + spread))


@observed
def moments_of_layer(examples, dim, centre=0.0):
    """E S and E S² (d, d) for inputs uniform on (-1, 1) + centre, where S is read off a layer: it
    is what the layer adds to unit queries if the task is each unit vector.

    All nodes of a rule with three nodes for each number, which is exact to the fifth degree.
    """
    nodes, weights = np.polynomial.legendre.leggauss(3)
    grid = np.meshgrid(*[np.arange(3)] * (examples * dim), indexing="ij")
    index = np.stack([axis.ravel() for axis in grid], axis=-1)
    inputs = centre + nodes[index].reshape(-1, examples, dim)
    chances = np.prod(weights[index] / 2, axis=1)
    found = learned_maps(inputs, [1.0], [0.0])
    return np.einsum("n,nij->ij", chances, found), np.einsum("n,nki,nkj->ij", chances, found, found)


@observed
def learned_maps(inputs, steps, contractions):
    """M (…, d, d) of the predictions w' M x after layers with steps η_l and contractions γ_l.

    Each token (x, y) has d labels, those of the d unit vectors as tasks, and the queries are the
    unit vectors, from W_0 = 0.
    """
    examples, dim = inputs.shape[-2:]
    unit = np.broadcast_to(np.eye(dim), (*inputs.shape[:-2], dim, dim))
    tokens = np.concatenate(
        [np.concatenate([inputs, inputs], -1), np.concatenate([unit, 0 * unit], -1)], axis=-2
    )
    for step, contraction in zip(steps, contractions, strict=True):
        layer = descent_layer(np.zeros((dim, dim)), step, examples)
        values = layer.values.copy()
        values[:dim, :dim] = -contraction * examples / step * np.eye(dim)
        tokens = attended(tokens, layer._replace(values=values), examples)
    return -np.swapaxes(tokens[..., examples:, dim:], -1, -2)


FewExamples = Annotated[int, Interval(1, 9, why="N; a mean is a sum of 3^(N d) terms")]
FewInputs = Annotated[int, Interval(1, 4, why="d; a mean is a sum of 3^(N d) terms")]
SMALL = [(2, 3), (4, 2), (9, 1), (2, 4)]


@claim(
    derived(
        "the loss is a quadratic form of $A$; for normal inputs as in Mahankali, Hashimoto & Ma "
        "2023"
    ),
    kind="identity",
    cases=SMALL,
)
def test_best_layer(trial, examples: FewExamples, dim: FewInputs):
    """Of $N$ examples let the inputs $x_i$ be uniform on $(-1, 1)^d$ and the labels $y_i = w' x_i$,
    $w ~ N(0, 1)$. The matrix $A$ of the predictions $∑_i y_i x_i' A x/N$ with the least mean
    squared error is $η$ times the identity, as of a step of gradient descent, with
    $η = 3 N/(N + d - 1/5)$.

    The error that it leaves is 1 - η/3 of that of the prediction 0.
    """
    trial.require(examples * dim <= 9, "a mean is a sum of 3^(N d) terms")
    unit = np.eye(dim)

    def best_matrix(centre):
        mean, square = moments_of_layer(examples, dim, centre)
        return np.linalg.solve(square, mean)

    trial.identity(
        best_matrix(0.0),
        best_step(examples, dim) * unit,
        ops=3 ** (examples * dim),
        scale=3.0,
        controls={
            "3, of infinitely many examples": 3 * unit,
            "of normal inputs of that variance": best_step(examples, dim, fourth=1 / 3) * unit,
        },
        control_processes={"inputs are uniform on (0, 2)": best_matrix(1.0)},
    )


@observed
def trained_layer(generator, dim, examples, tasks=40_000):
    """The last row (d + 1,) of P W_V and W_K' W_Q (d + 1, d), which are all that reaches the
    prediction: before training, at a small random start, and after it by BFGS on tasks.

    At a small start the loss is flat. After one start of some 300 the first steps made one factor a
    million times the other, where BFGS crawled. So they are few, and both factors are given one
    norm before the others: the loss depends on their product alone.
    """
    width = dim + 1
    inputs = generator.uniform(-1, 1, size=(tasks, examples + 1, dim))
    weights = generator.normal(size=(tasks, dim, 1))
    tokens = np.concatenate([inputs, inputs @ weights], axis=-1)
    shown = tokens[:, :-1]
    products = np.swapaxes(shown, 1, 2) @ shown / examples
    features = np.einsum("nab,nc->nabc", products, inputs[:, -1]).reshape(tasks, -1)
    second = features.T @ features / tasks
    cross = features.T @ tokens[:, -1, -1] / tasks

    def parts(numbers):
        return numbers[:width], numbers[width:].reshape(width, dim)

    def loss_and_slope(numbers):
        values, scores = parts(numbers)
        product = np.einsum("a,bc->abc", values, scores).ravel()
        slope = 2 * (second @ product - cross)
        loss = product @ (slope / 2 - cross)
        of_entries = slope.reshape(width, width, dim)
        of_values = np.einsum("abc,bc->a", of_entries, scores)
        of_scores = np.einsum("abc,a->bc", of_entries, values)
        return loss, np.append(of_values, of_scores)

    start = 0.1 * generator.normal(size=width * (1 + dim))
    numbers = start
    for most in (20, 500):
        options = {"maxiter": most}
        end = minimize(loss_and_slope, numbers, jac=True, method="BFGS", options=options).x
        values, scores = parts(end)
        ratio = np.sqrt(np.linalg.norm(scores) / np.linalg.norm(values))
        numbers = np.append(ratio * values, scores / ratio)
    return parts(start), parts(numbers)


def symmetric_products(values, scores):
    """p_a F_bc of the last row p and the form F, the mean with p_b F_ac: all that the prediction
    Σ_i (p · e_i) (e_i' F x) depends on.
    """
    products = values[..., :, None, None] * scores[..., None, :, :]
    return (products + np.swapaxes(products, -3, -2)) / 2


@predicted
def constructed_products(step, dim):
    """`symmetric_products` of the construction: p = (0, η) and F = (1; 0)."""
    return symmetric_products(step * np.eye(dim + 1)[-1], np.eye(dim + 1, dim))


@claim(
    tried(
        "abstract, sentence 4: the weights found by optimization match the construction",
        "the length of the best step, and 5 % in norm",
    ),
    kind="empirical",
    cases=[(3, 6), (4, 10), (3, 12)],
    low_power="a sign test of seven runs a case",
)
def test_trained_layer(
    trial,
    dim: Annotated[
        int, Interval(3, 4, why="d; of two inputs many starts end in a worse minimum of the loss")
    ],
    examples: Annotated[
        int, Interval(4, 12, why="N; from some 16 on many starts end in a worse minimum for d = 3")
    ],
):
    """A layer of linear attention, of which all entries are trained from small random starts on
    tasks with inputs uniform on $(-1, 1)^d$ and $y = w' x$, $w ~ N(0, 1)$, becomes a step of
    gradient descent of the best length $3 N/(N + d - 1/5)$: what its prediction depends on differs
    by at most 5 % in norm.
    """
    runs = [trained_layer(trial.generator(f"run {run}"), dim, examples) for run in range(7)]
    untrained, trained = (
        [symmetric_products(*layer) for layer in layers] for layers in zip(*runs, strict=True)
    )

    def outcomes(found, step):
        law = constructed_products(step, dim)
        return [0.05 - np.linalg.norm(one - law) / np.linalg.norm(law) for one in found]

    step = best_step(examples, dim)
    of_normal = best_step(examples, dim, fourth=1 / 3)
    trial.runs(
        outcomes(trained, step),
        alpha=2.0 ** (1 - len(runs)),
        controls={
            "as before training": outcomes(untrained, step),
            "the step 3, of infinitely many examples": outcomes(trained, 3.0),
            "the best step of normal inputs": outcomes(trained, of_normal),
        },
    )


@predicted
def residual_polynomial(eigenvalues, steps, contractions, power=2):
    """q(μ) at eigenvalues of X'X after the steps ρ_l = η_l/N and contractions γ_l: q becomes q (1 -
    ρ_l μ a²) and a becomes a (1 - γ_l μ a²), from q = a = 1.
    """
    residual = np.ones_like(eigenvalues)
    size = np.ones_like(eigenvalues)
    for rate, contraction in zip(steps, contractions, strict=True):
        curvature = eigenvalues * size**power
        residual = residual * (1 - rate * curvature)
        size = size * (1 - contraction * curvature)
    return residual


def drawn_descent(trial, examples, dim, layers):
    """Inputs (N, d) uniform on (-1, 1), the eigenvalues and eigenvectors of X'X, and steps and
    contractions that are neither too short to be seen nor so long that they diverge.
    """
    generator = trial.generator("descent")
    inputs = generator.uniform(-1, 1, size=(examples, dim))
    eigenvalues, vectors = np.linalg.eigh(inputs.T @ inputs)
    steps = generator.uniform(0.5, 1.5, layers) * examples / eigenvalues[-1]
    contractions = generator.uniform(0.2, 0.8, layers) / eigenvalues[-1]
    return inputs, eigenvalues, vectors, steps, contractions


DESCENTS = [(10, 10, 2), (3, 5, 3), (40, 2, 4)]
FewLayers = Annotated[
    int, Interval(2, 5, why="L; the first layer is plain descent, later ones change little")
]


@claim(
    derived("by the recursion of each eigenvalue under GD++"),
    kind="identity",
    cases=DESCENTS,
)
def test_curvature(trial, examples: Examples, dim: Inputs, layers: FewLayers):
    """If layer $l$ takes a step $η_l$ and also turns each $x$ into $(1 - γ_l X'X) x$ (GD++), the
    predictions are $w' (1 - q(X'X)) x$ with $q = ∏_l (1 - η_l μ a_l²/N)$, $a_1 = 1$ and
    $a_(l+1) = a_l (1 - γ_l μ a_l²)$ for each eigenvalue $μ$ of $X'X$.
    """
    inputs, eigenvalues, vectors, steps, contractions = drawn_descent(trial, examples, dim, layers)

    def law(factor, power=2):
        residual = residual_polynomial(eigenvalues, steps / examples, factor * contractions, power)
        return vectors * (1 - residual) @ vectors.T

    trial.identity(
        learned_maps(inputs, steps, contractions),
        law(1),
        ops=4 * examples * dim * layers,
        scale=2.5**layers,
        generic="both sides are analytic in inputs and steps",
        controls={
            "$a$ for $a²$": law(1, 1),
            "the inputs are not contracted": law(0),
            "the inputs are stretched": law(-1),
        },
    )


@observed
def error_of_maps(maps):
    """The mean squared error of predictions w' M x, from the four corners of a rule that is exact
    for squares: x = ±1/√3 in each entry, and w = ±1.
    """
    return np.sum((maps - np.eye(maps.shape[-1])) ** 2, axis=(-2, -1)) / 3


@predicted
def learned_descent(inputs, contract):
    """The steps (2,) and contractions (2,) of two layers with the least mean of Σ q(μ)² on prompts
    (tasks, N, d), by Nelder and Mead's search in their logarithms. The last contraction has no
    effect.
    """
    examples = inputs.shape[1]
    eigenvalues = np.linalg.eigvalsh(np.swapaxes(inputs, 1, 2) @ inputs)

    def split(logarithms):
        numbers = np.exp(logarithms)
        contraction = numbers[2] / eigenvalues.max() if contract else 0.0
        return examples * numbers[:2] / eigenvalues.max(), np.array([contraction, 0.0])

    def mean_error(logarithms):
        steps, contractions = split(logarithms)
        return np.mean(residual_polynomial(eigenvalues, steps / examples, contractions) ** 2)

    start = np.log([1.0, 8.0, 1.0]) if contract else np.log([1.0, 3.0])
    return split(minimize(mean_error, start, method="Nelder-Mead").x)


def uniform_inputs(generator, count, examples, dim):
    """Prompts (count, N, d) uniform on (-1, 1)."""
    return generator.uniform(-1, 1, size=(count, examples, dim))


@claim(
    tried(
        "abstract, sentence 7: plain gradient descent is surpassed by a correction of curvature",
        "two fitted layers of each, and 99 % of tasks",
    ),
    kind="bound",
    cases=[(10, 10), (8, 10), (10, 12)],
)
def test_curvature_wins(
    trial,
    examples: Annotated[
        int, Interval(8, 12, why="N; with many examples plain descent has less to correct")
    ],
    dim: Annotated[int, Interval(8, 12, why="d; few eigenvalues vary more from task to task")],
):
    """Fit the steps and contractions of two layers of GD++, and the steps of two layers of gradient
    descent, to tasks with inputs uniform on $(-1, 1)^d$, $N$ and $d$ near 10. On 99 % of fresh
    tasks GD++ has a smaller mean squared error.
    """
    fitted = uniform_inputs(np.random.default_rng(0), 300, examples, dim)
    plain = learned_descent(fitted, contract=False)
    contracting = learned_descent(fitted, contract=True)

    def wins(first, second):
        def event(generator, count):
            fresh = uniform_inputs(generator, count, examples, dim)
            errors = [error_of_maps(learned_maps(fresh, *rule)) for rule in (first, second)]
            return errors[0] < errors[1]

        return event

    trial.probability(
        wins(contracting, plain),
        0.99,
        side="at least",
        controls={"it always does": 1.0},
        control_processes={"gradient descent against itself": wins(plain, plain)},
        first=1024,
        most=32_768,
    )


def hidden_layer(points, weights):
    """Features tanh(A x + b) (…, m) of points (…, d), for weights (m, d + 1)."""
    return np.tanh(points @ weights[:, :-1].T + weights[:, -1])


@observed
def perceptron_then_attention(prompt, weights, step, layers):
    """Answers (queries,) of a hidden layer on every token, and then attention layers."""
    inputs, labels, queries = prompt
    start = np.zeros((1, len(weights)))
    features = hidden_layer(inputs, weights), labels, hidden_layer(queries, weights)
    layer = descent_layer(start, step, len(inputs))
    return -after_layers(features, start, layer, layers, len(inputs))[len(inputs) :, 0]


@predicted
def kernel_descent(gram, across, labels, step, steps):
    """The answers k' K⁻¹ (1 - (1 - η K/N)^L) y for kernels K (N, N) and k (queries, N)."""
    values, vectors = np.linalg.eigh(gram)
    # The quotient is a sum of powers, so that an eigenvalue 0 does no harm.
    powers = (1 - step / len(gram) * values) ** np.arange(steps)[:, None]
    shares = step / len(gram) * powers.sum(axis=0)
    return across @ (vectors * shares @ vectors.T @ labels)


@claim(
    tried(
        "abstract, sentence 7: linear models on deep representations are learned",
        "the kernel form of $L$ steps",
    ),
    kind="identity",
    cases=[(8, 20, 2, 1.0), (40, 3, 8, 0.3), (3, 50, 3, 0.1)],
)
def test_representations(
    trial,
    examples: Examples,
    hidden: Annotated[int, Interval(2, 60, why="m; rounding grows with the norms of features")],
    layers: Layers,
    step: Step,
):
    """If a hidden layer $φ$ acts on every token and $L$ layers of linear attention follow, each a
    step $η$ of gradient descent on $N$ examples, the prediction is $k' K⁻¹ (1 - (1 - η K/N)^L) y$,
    where $K$ holds the kernels $φ(x_i)·φ(x_j)$ and $k$ those with the query: $L$ steps on a linear
    model of the features.
    """
    (inputs, labels, queries), _ = drawn_prompt(trial, examples, 2, 1)
    scale = np.sqrt(hidden)
    weights = trial.generator("hidden").normal(size=(hidden, 3))
    features = hidden_layer(inputs, weights)
    gram = features @ features.T
    across = hidden_layer(queries, weights) @ features.T
    length = 2 * step / scale

    def law(steps, kernel=gram, of_queries=across):
        return kernel_descent(kernel, of_queries, labels[:, 0], length, steps)

    trial.identity(
        perceptron_then_attention((inputs, labels, queries), weights, length, layers),
        law(layers),
        ops=4 * examples * hidden * layers,
        scale=hidden * np.abs(labels).max() * (1 + length * hidden) ** layers,
        generic="both sides are analytic in prompt and hidden weights",
        controls={
            "$L$ layers are $L - 1$ steps": law(layers - 1),
            "a linear model of the inputs": law(layers, inputs @ inputs.T, queries @ inputs.T),
        },
    )


@observed
def on_separate_tokens(prompt, step, sharpness):
    """Answers (queries,) from tokens x_1, y_1, x_2, y_2, …: a layer of softmax attention copies to
    each token the inputs of the one before, and a layer of linear attention follows.

    Positions are one-hot codes, and the logit of a token for the one before is the sharpness. Only
    tokens of labels are keys and values of the second layer.
    """
    inputs, labels, queries = prompt
    examples, dim = inputs.shape
    tokens = np.zeros((2 * examples, dim + 1))
    tokens[0::2, :dim] = inputs
    tokens[1::2, dim] = labels[:, 0]
    positions = np.eye(2 * examples)
    before = np.roll(positions, 1, axis=0)
    logits = sharpness * positions @ before
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    tokens[:, :dim] += weights @ tokens[:, :dim]
    start = np.zeros((1, dim))
    joined = tokens[1::2, :dim], tokens[1::2, dim:], queries
    layer = descent_layer(start, step, examples)
    return -after_layers(joined, start, layer, 1, examples)[examples:, 0]


@predicted
def blurred_step(prompt, step, blur):
    """The step from W = 0 on the inputs (1 - δ) x_i + δ m, m = Σ x_i/(2 N), as answers."""
    inputs, labels, queries = prompt
    clean = inputs.T @ labels[:, 0]
    mean = inputs.sum(axis=0) / (2 * len(inputs)) * labels.sum()
    return step / len(inputs) * queries @ ((1 - blur) * clean + blur * mean)


@predicted
def blur(tokens, sharpness):
    """T/(e^β + T - 1)."""
    return tokens / (np.exp(sharpness) + tokens - 1)


@claim(
    derived("softmax attention with one logit $β$ and others 0"),
    kind="identity",
    cases=[(8, 4, 3.0), (3, 2, 0.5), (30, 10, 8.0)],
)
def test_copying(
    trial,
    examples: Examples,
    dim: Inputs,
    sharpness: Annotated[float, Interval(0.5, 12, why="β; below no token is singled out")],
):
    """Let $x_i$ and $y_i$ be separate tokens, $T = 2 N$ in all. A layer of softmax attention with
    the logit $β$ for the token before, and 0 for others, and a layer of linear attention that takes
    a step of gradient descent, together take a step on the inputs $(1 - δ) x_i + δ ∑_j x_j/T$,
    where $δ = T/(e^β + T - 1)$.
    """
    prompt, _ = drawn_prompt(trial, examples, dim, 1)

    def law(share):
        return blurred_step(prompt, 0.5, share)

    tokens = 2 * examples
    trial.identity(
        on_separate_tokens(prompt, 0.5, sharpness),
        law(blur(tokens, sharpness)),
        ops=8 * examples * dim,
        scale=np.abs(law(0.0)).max() + np.abs(law(1.0)).max(),
        generic="both sides are polynomials in the prompt",
        controls={
            "it copies exactly, $δ = 0$": law(0.0),
            "$δ$ is the weight of all other tokens": law(
                (tokens - 1) / (np.exp(sharpness) + tokens - 1)
            ),
            "it averages over all tokens, $δ = 1$": law(1.0),
        },
    )


@observed
def answer_on_words(words, vocabulary, step):
    """The answer (V,) of the construction to the last word, if each word of a text (T,) is an
    example with the next word as its label, both as one-hot codes.
    """
    codes = np.eye(vocabulary)[words]
    start = np.zeros((vocabulary, vocabulary))
    prompt = codes[:-1], codes[1:], codes[-1:]
    layer = descent_layer(start, step, len(words) - 1)
    return -after_layers(prompt, start, layer, 1, len(words) - 1)[-1]


@predicted
def successors(words, vocabulary, lag=1):
    """How often each word follows, at a distance, an earlier copy of the last word."""
    counts = np.zeros(vocabulary)
    for place in range(len(words) - lag):
        if words[place] == words[-1]:
            counts[words[place + lag]] += 1
    return counts


@claim(
    tried(
        "abstract, sentence 8: an induction head is a case of gradient descent",
        "one-hot words and their counts",
    ),
    kind="identity",
    cases=[(30, 5, 1.0), (12, 2, 0.1), (60, 8, 0.5)],
)
def test_induction_head(
    trial,
    length: Annotated[int, Interval(10, 60, why="T; in shorter texts few words come again")],
    vocabulary: Annotated[int, Interval(2, 8, why="V; with more, few words come again")],
    step: Step,
):
    """If words are one-hot codes, and each word of a text of $T$ words is an example with the next
    word as its label, a step of gradient descent from $W = 0$ answers the last word with
    $η/(T - 1)$ times the count of each word after earlier copies of it: an induction head.
    """
    texts = trial.generator("texts").integers(vocabulary, size=(230, length))
    texts[:, :3] = [0, 0, 1]
    texts[:, -1] = 0
    rate = step / (length - 1)
    counts = np.array([successors(words, vocabulary) for words in texts])
    frequencies = np.array([np.bincount(words[1:], minlength=vocabulary) for words in texts])
    copies = np.array([successors(words, vocabulary, 0) for words in texts])
    trial.identity(
        np.array([answer_on_words(words, vocabulary, step) for words in texts]),
        rate * counts,
        ops=4 * length,
        scale=step,
        independent=230,
        controls={
            "shares of the successors": step * counts / counts.sum(axis=1, keepdims=True),
            "frequencies of all words": rate * frequencies,
            "copies of the last word itself": rate * copies,
        },
    )


@figure("F1", claims=("curvature", "curvature_wins"))
def two_layers(contexts=3):
    """Two layers that contract the inputs remove more of the error where eigenvalues are small.

    Share of the error that two layers leave along an eigenvector of $X'X$, for ten examples with
    ten inputs. Steps and contractions are fitted to 300 tasks. Marks: lines: the residual
    polynomials; points: layers on the eigenvectors of three fresh prompts.
    """
    generator = np.random.default_rng(0)
    fitted = uniform_inputs(generator, 300, 10, 10)
    rules = {
        "gradient descent": learned_descent(fitted, contract=False),
        "GD++": learned_descent(fitted, contract=True),
    }
    fine = np.linspace(0, 12, 300)
    lines = {}
    points = {}
    spectra, vectors = np.linalg.eigh(
        [rows.T @ rows for rows in uniform_inputs(generator, contexts, 10, 10)]
    )
    prompts = np.sqrt(spectra)[..., None] * np.swapaxes(vectors, -1, -2)
    for name, (steps, contractions) in rules.items():
        lines[name] = (fine, residual_polynomial(fine, steps / 10, contractions))
        maps = learned_maps(prompts, steps, contractions)
        left = 1 - np.einsum("nia,nij,nja->na", vectors, maps, vectors)
        points[name] = (spectra.ravel(), left.ravel())
    return chart(
        lines,
        points,
        x="eigenvalue μ of X'X",
        y="share of the error left",
    )
