"""Linear self-attention on joined tokens: the descent that its layers do, its optimum, and where
training takes it.
"""

from functools import partial
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_in_context_learning import SIGNS, draw_prompts, gauss_hermite, level
from sims.in_context_learning import attention_layers, attention_training, baselines
from sims.in_context_learning.prompts import Prompts
from theory.in_context_learning import linear_attention
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Count, Interval

OSWALD = "von Oswald et al. 2023 (arXiv 2212.07677)"
AHN = "Ahn et al. 2023 (arXiv 2306.00297)"
ZHANG = "Zhang, Frei & Bartlett 2024 (arXiv 2306.09927)"
COVARIANCE = np.array([[1.1, 0.4], [0.4, 0.7]])
"""Λ, where a flow runs."""
Context = Annotated[
    int, Interval(2, 50, why="the sum over one is its mean; each takes a column more")
]
"""N, examples."""
Layers = Annotated[int, Interval(2, 6, why="steps that are not short enough grow with each layer")]
CAP = "a cap, which nothing requires"
Side = Annotated[int, Interval(1, 10, why=CAP)]
FewExamples = Annotated[int, Interval(1, 3, why="three nodes or more for each normal number")]
"""Examples over which a mean is a sum over nodes."""

attend = jax.jit(attention_layers.attend, static_argnames="context")


@jax.jit
def predictions(value, form, inputs, labels, queries):
    """The predictions of one layer (W_PV's last entry and W_KQ's input block) for many prompts."""
    width = form.shape[0] + 1
    value_projection = jnp.zeros((width, width)).at[-1, -1].set(value)
    layer = partial(attention_layers.attention_prediction, value_projection, jnp.pad(form, (0, 1)))
    return jax.vmap(layer)(inputs, labels, queries)


def root(covariance):
    """The symmetric root."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(eigenvalues) @ vectors.T


def drawn_covariance(trial, name):
    """A covariance in two dimensions: any axes, variances from 1/2 to 2."""
    rng = trial.generator(name)
    axes = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    return axes * rng.uniform(0.5, 2, 2) @ axes.T


def largest(X):
    """The largest eigenvalue of X^T X / N."""
    return np.linalg.norm(X, 2) ** 2 / len(X)


@claim(paper(f"{OSWALD}, proposition 1"), kind="identity", cases=[(8, 4, 3), (3, 5, 2)])
def test_lsa__gd(
    trial,
    examples: Context,
    dimension: Side,
    layers: Layers,
    asked: Annotated[int, Interval(1, 20, why=CAP)] = 3,
    step: Annotated[
        float, Interval(0.1, 1, why="rounding grows by it in each layer, the low end is a cap")
    ] = 0.3,
):
    """L layers of linear attention with the weights of the construction are L steps of gradient
    descent, on context tokens and on query tokens.
    """
    X, Y, start = (
        array[0] for array in draw_prompts(trial.generator("prompt"), 1, examples, dimension)
    )
    queries = trial.generator("queries").standard_normal((asked, dimension))
    set_weights = attention_layers.descent_layers(start, step, layers, examples)

    def through(weights, context=examples):
        tokens = attention_layers.joined_tokens(X, Y, queries, -queries @ start)
        return np.append(Y, 0 * queries[:, 0]) - np.asarray(attend(weights, tokens, context))[:, -1]

    def law(step, layers):
        estimate = linear_attention.descent_weights(X, Y, step, layers, start)
        return np.append(X @ (estimate - start), queries @ estimate)

    flip = set_weights._replace(
        values=np.asarray(set_weights.values) * np.append(np.ones(dimension), -1.0)
    )
    size = (1 + step * largest(X)) ** layers * (1 + np.abs(Y).max()) * (1 + np.abs(start).sum())
    controls = {
        "a sum over the examples": law(step * examples, layers),
        "one step less": law(step, layers - 1),
    }
    processes = {
        "queries among keys and values": through(set_weights, examples + asked),
        "+1 in W_V": through(flip),
    }
    options = {"ops": 4 * examples * dimension, "scale": size}
    trial.identity(
        through(set_weights),
        law(step, layers),
        **options,
        controls=controls,
        control_processes=processes,
    )


@claim(
    derived(f"by induction over the layers, as lemma 1 of {AHN} but for the transpose"),
    kind="identity",
)
def test_lsa__multilayer(
    trial,
    examples: Context = 6,
    dimension: Annotated[
        int, Interval(2, 10, why="blocks of one number commute; the high end is a cap")
    ] = 3,
    layers: Layers = 3,
):
    """L layers of linear attention with Q_l = -diag(A_l, 0) are L steps of gradient descent, the
    l-th preconditioned by the transpose of A_l.
    """
    rng = trial.generator("prompt")
    X, Y, _ = (array[0] for array in draw_prompts(rng, 1, examples, dimension))
    blocks = 0.5 * rng.standard_normal((layers, dimension, dimension)) / np.sqrt(dimension)
    projections = np.zeros((layers, dimension + 1, dimension + 1))
    projections[:, -1, -1] = 1
    forms = -np.pad(blocks, ((0, 0), (0, 1), (0, 1)))
    queries = jax.vmap(attention_layers.preconditioned_prediction, (None, None, None, None, 0))
    weights = np.asarray(jax.jit(queries)(projections, forms, X, Y, np.eye(dimension)))

    def law(preconditioners):
        return linear_attention.preconditioned_descent_weights(X, Y, preconditioners)

    growth = np.prod([1 + np.linalg.norm(block, 2) * largest(X) for block in blocks])
    size = growth * (1 + np.abs(Y).max())
    controls = {
        "A for its transpose": law(np.swapaxes(blocks, 1, 2)),
        "in reverse order": law(blocks[::-1]),
    }
    trial.identity(
        weights, law(blocks), ops=4 * examples * dimension, scale=size, controls=controls
    )


TASKS = 1000
SIDE = 10
"""Tasks that GD and GD++ learn from, and their d and N, as in von Oswald et al. 2023."""


def learned_descents(layers=2):
    """What GD and GD++ learn from one set of tasks, whatever the seed, so that both are fixed; and
    the tasks.
    """
    spectra = attention_layers.task_spectra(jax.random.key(0), TASKS, SIDE, SIDE)
    fits = [
        attention_layers.learn_descent(spectra, layers, SIDE, contract=contract)
        for contract in (False, True)
    ]
    return *fits, np.asarray(spectra)


def beats(first, second):
    """The event that one learned algorithm has a smaller loss on a fresh task than another."""

    def event(key):
        spectrum = attention_layers.task_spectra(key, 1, SIDE, SIDE)
        one, two = (
            attention_layers.descent_losses(spectrum, f.steps, f.contractions, SIDE)[0]
            for f in (first, second)
        )
        return one < two

    return event


@claim(derived(f"by the recursion of each eigenvalue under GD++ of {OSWALD}"), kind="identity")
def test_gdpp__polynomial(
    trial,
    dimension: Annotated[int, Interval(1, 20, why=CAP)] = SIDE,
    examples: Context = SIDE,
    layers: Layers = 3,
):
    """GD++ multiplies the error along each eigenvector of X^T X by a polynomial of the eigenvalue.
    With learned steps its two layers have a smaller error than those of GD on 99 % of the tasks.
    """
    rng = trial.generator("prompt")
    X = rng.uniform(-1, 1, (examples, dimension))
    queries = rng.uniform(-1, 1, (8, dimension))
    weights = rng.standard_normal(dimension)
    eigenvalues, vectors = np.linalg.eigh(X.T @ X)
    steps = rng.uniform(0.5, 1.5, layers) * examples / eigenvalues[-1]
    contractions = (
        np.append(rng.uniform(0.2, 0.8, layers - 1), 0) / eigenvalues[-1]
    )  # the last has no effect
    stack = attention_layers.contracting_layers(steps, contractions, dimension, examples)
    after = np.asarray(
        attend(
            stack, attention_layers.joined_tokens(X, X @ weights, queries, np.zeros(8)), examples
        )
    )

    def law(contractions, power=2):
        residual = contraction = np.ones(dimension)
        if power == 2:
            residual = linear_attention.residual_polynomial(
                eigenvalues, steps, contractions, examples
            )
        else:
            for step, gamma in zip(steps, contractions, strict=True):
                residual = residual * (1 - step / examples * eigenvalues * contraction**power)
                contraction = contraction * (1 - gamma * eigenvalues * contraction**power)
        return queries @ vectors @ ((weights @ vectors) * (1 - residual))

    size = 2.5**layers * np.abs(weights).sum()
    controls = {
        "a for a^2": law(contractions, 1),
        "GD, which contracts nothing": law(0 * contractions),
    }
    trial.identity(
        -after[-8:, -1],
        law(contractions),
        ops=4 * dimension * examples,
        scale=size,
        controls=controls,
    )
    plain, contracting, spectra = learned_descents()
    losses = [
        linear_attention.gdpp_loss(spectra, fit.steps, fit.contractions, SIDE)
        for fit in (plain, contracting)
    ]
    processes = {"exchanged": np.array([contracting.fitted_loss, plain.fitted_loss])}
    fit_losses = np.array([plain.fitted_loss, contracting.fitted_loss])
    trial.identity(fit_losses, np.array(losses), ops=TASKS, scale=SIDE, control_processes=processes)
    controls = {
        "controls": {"it always does": 1.0},
        "control_processes": {"GD against itself": beats(plain, plain)},
    }
    trial.probability(
        beats(contracting, plain), 0.99, side="at least", **controls, first=1024, most=40_000
    )


def exact_moments(covariance, prior, noise_variance, examples):
    """E b b^T and E w b^T of what a layer adds up, b = (1/N) sum y_i x_i, in two dimensions, and
    how many nodes.
    """
    nodes, probabilities = gauss_hermite(3, 3 * examples + 2)
    inputs = nodes[:, : 2 * examples].reshape(-1, examples, 2) @ root(covariance)
    weights = nodes[:, 2 * examples : 2 * examples + 2] @ root(prior)
    labels = (
        np.einsum("nki,ni->nk", inputs, weights)
        + np.sqrt(noise_variance) * nodes[:, 2 * examples + 2 :]
    )
    units = [np.broadcast_to(unit, weights.shape) for unit in np.eye(2)]
    sums = np.stack(
        [np.asarray(predictions(1.0, np.eye(2), inputs, labels, unit)) for unit in units], axis=1
    )
    return (sums.T * probabilities) @ sums, (weights.T * probabilities) @ sums, len(nodes)


def certified_optimum(covariance, prior, second, cross):
    """The loss of a solver's A from the moments, and a lower bound of the loss of any A."""
    import cvxpy

    variable = cvxpy.Variable((2, 2))
    quadratic = cvxpy.sum_squares(root(covariance) @ variable @ root(second))
    loss = cvxpy.Minimize(quadratic - 2 * cvxpy.trace(covariance @ variable @ cross.T))
    cvxpy.Problem(loss).solve(solver=cvxpy.CLARABEL)
    A = variable.value
    primal = np.trace(covariance @ (A @ second @ A.T - 2 * A @ cross.T + prior))
    slope = 2 * covariance @ (A @ second - cross)
    # A quadratic with Hessian 2 Lambda (x) B lies at most g' H^-1 g / 2 below any of its values.
    below = np.trace(np.linalg.solve(covariance, slope) @ np.linalg.solve(second, slope.T)) / 4
    return primal, primal - below


@claim(
    derived(f"by completing the square in A; contains theorem 1 of {AHN}"),
    kind="optimality",
    cases=[(1, 0.3), (2, 0.3), (3, 0.0)],
)
def test_lsa__optimum(
    trial, examples: FewExamples, noise_variance: Annotated[float, Interval(0, 10, why=CAP)]
):
    """For inputs of covariance Λ, weights of covariance Σ_w, noise of variance σ^2 and N examples,
    the best map of one layer of linear attention is A = Σ_w [(1 + 1/N) Λ Σ_w + (tr(Λ Σ_w) + σ^2)/N
    I]^-1; a certificate proves it.
    """
    covariance = drawn_covariance(trial, "inputs")
    prior = drawn_covariance(trial, "weights")
    second, cross, nodes = exact_moments(covariance, prior, noise_variance, examples)
    primal, dual = certified_optimum(covariance, prior, second, cross)
    signal = covariance @ prior
    law = (covariance, prior, noise_variance, examples)
    strength = np.trace(signal)
    unshrunk = np.linalg.inv(covariance)

    def inverted(matrix, constant):
        return prior @ np.linalg.inv(matrix + constant / examples * np.eye(2))

    rivals = {
        "Lambda^-1": unshrunk,
        "1 for 1 + 1/N": inverted(signal, strength + noise_variance),
        "without the trace": inverted((1 + 1 / examples) * signal, noise_variance),
    }
    losses = {"at Λ^-1": linear_attention.linear_attention_loss(unshrunk, *law)}
    if noise_variance > 1e-3:
        rivals["without noise"] = linear_attention.optimal_map(covariance, prior, 0.0, examples)
        losses["without noise"] = linear_attention.optimal_loss(covariance, prior, 0.0, examples)
    # The moments are sums of as many positive terms as there are nodes.
    scale = np.linalg.cond(second) * np.abs(cross @ np.linalg.inv(second)).max()
    trial.identity(
        cross @ np.linalg.inv(second),
        linear_attention.optimal_map(*law),
        ops=nodes,
        scale=scale,
        controls=rivals,
    )
    best = linear_attention.optimal_loss(*law)
    size = {"scale": strength, "ops": nodes}
    trial.gap(primal, dual, best, margin=1e-9 * strength, **size, controls=losses)


@claim(
    derived(f"by homogeneity, as a remark of {ZHANG} says of large shifts"),
    kind="identity",
    cases=[0.5, 2.0, -1.0],
)
def test_lsa__covshift(
    trial,
    scale: Annotated[float, Interval(-8, 8, why="farther off no other power is near")],
    examples: Context = 6,
    dimension: Side = 2,
    count: Annotated[int, Interval(1, 100, why=CAP)] = 5,
):
    """If the inputs are scaled by c, the ratio of prediction to truth is multiplied by c^2 for
    linear attention, and by 1 for least squares.
    """
    trial.require(
        abs(scale) >= 0.1 and abs(scale - 1) > 0.05, "scale must shift the inputs, and not to zero"
    )
    trial.require(
        examples >= dimension, "examples must be at least dimension: least squares must know w"
    )
    X, _, query = draw_prompts(trial.generator("prompts"), count, examples, dimension)
    weights = trial.generator("weights").standard_normal((count, dimension))
    form = trial.generator("form").standard_normal((dimension, dimension))

    def predict(scale):
        labels = scale * np.einsum("nki,ni->nk", X, weights)
        return np.asarray(predictions(0.7, form, scale * X, labels, scale * query)) / scale

    def powers(of, but):
        return {
            f"c^{p}": scale**p * of
            for p in (0, 1, 2, 3)
            if p != but and abs(scale**p - scale**but) > 0.04 * abs(scale) ** but
        }

    before = predict(1.0)
    ops = 8 * examples * dimension
    sizes = (
        np.linalg.norm(X, axis=(1, 2)) ** 2
        * np.linalg.norm(weights, axis=1)
        * np.linalg.norm(query, axis=1)
    )
    size = scale**2 * sizes * np.linalg.norm(form) / examples
    law = linear_attention.covariate_shift_ratio(scale) * before
    trial.identity(predict(scale), law, ops=ops, scale=size, controls=powers(before, but=2))
    contexts = np.concatenate([scale * X, query[:, None]], axis=1)
    labels = np.einsum("nki,ni->nk", contexts, weights)
    estimates = np.asarray(
        baselines.weights_all(Prompts(contexts, labels, weights), [baselines.ols()])
    )[0, :, -1]
    condition = np.array([np.linalg.cond(inputs) for inputs in X])[:, None] * np.abs(weights).max()
    trial.identity(
        estimates, weights, ops=40 * examples, scale=condition, controls=powers(weights, but=0)
    )


def flow_end(loss, start, rate):
    """Where the gradient flow of a layer ends: after twenty times of the slowest decay it has
    arrived.
    """
    flow = attention_training.gradient_flow(loss, start, np.array([20 / rate]))
    return attention_training.FullWeights(*(entries[0] for entries in flow))


_gradient = jax.jit(lambda loss, weights: jax.grad(loss)(weights))


def what_is_left(loss, end, rate):
    """What the slope at the end leaves (other directions decay faster), and 1e-12 in each of some
    hundred steps.
    """
    slope = float(np.linalg.norm(np.stack(_gradient(loss, end))))
    return 2 * slope / rate + 1e3 * attention_training.RELATIVE_TOLERANCE


def limit_of(gamma):
    """The limit that belongs to a matrix in place of Γ: both matrices of the layer."""
    inverse = np.linalg.inv(gamma)
    return stacked_limit(np.linalg.norm(inverse) ** 0.5, inverse / np.linalg.norm(inverse) ** 0.5)


def stacked_limit(value, form):
    """W_PV with one entry, and W_KQ with one block."""
    return np.stack([np.diag([0.0, 0.0, value]), np.pad(form, (0, 1))])


@claim(paper(f"{ZHANG}, theorem 4.1"), kind="limit")
def test_lsa__flow(
    trial,
    context: Count = 5,
    scale: Annotated[
        float, Interval(0.1, 0.6, why="the theorem asks for a small start; the low end is a cap")
    ] = 0.3,
):
    """Gradient flow on all entries of a layer of linear attention, from a balanced start, ends at
    W_PV = [tr Γ^-2]^(1/4) e e^T and W_KQ = [tr Γ^-2]^(-1/4) Γ^-1, where e is the last unit vector,
    Γ = (1 + 1/N) Λ + tr(Λ)/N I, and Λ the covariance of the inputs.
    """
    gamma = linear_attention.zhang_gamma(COVARIANCE, context)
    loss = attention_training.full_loss(COVARIANCE, context)
    trial.require(
        scale**2 * np.linalg.norm(gamma, 2) * 2**0.5 < 2,
        "scale must be small: s^2 |Gamma| sqrt(d) < 2",
    )
    start = jax.tree.map(np.asarray, attention_training.balanced_start(scale, np.eye(2) / 2**0.25))
    tilted_start = attention_training.FullWeights(2 * start.value_projection, start.key_query / 2)
    everywhere = attention_training.FullWeights(
        start.value_projection + scale / 4, start.key_query + scale / 4
    )
    rate = linear_attention.zhang_rate(COVARIANCE, context)
    final, rival, full = (
        flow_end(loss, weights, rate) for weights in (start, tilted_start, everywhere)
    )
    value, form = linear_attention.zhang_limit(COVARIANCE, context)
    controls = {
        "Lambda^-1": limit_of(COVARIANCE),
        "norms exchanged": stacked_limit(1 / value, form * value**2),
        "without the trace": limit_of((1 + 1 / context) * COVARIANCE),
    }
    processes = {
        "another balance at the start": np.stack(rival),
        "a start in all entries": np.stack(full),
    }
    options = {"error": what_is_left(loss, final, rate), "margin": 1e-7}
    trial.value(
        np.stack(final),
        stacked_limit(value, form),
        **options,
        controls=controls,
        control_processes=processes,
    )
    product, same = (
        float(w.value_projection[-1, -1]) * np.asarray(w.key_query)[:2, :2] for w in (rival, final)
    )
    inverse = np.linalg.inv(COVARIANCE)
    law = np.linalg.inv(gamma)
    options = {"error": 1e-9 + np.abs(same - law).max(), "margin": 1e-7}
    trial.value(product, law, **options, controls={"Lambda^-1": inverse})


@claim(
    derived("by the curvature of the loss in the entries that move, at the limit"),
    kind="identity",
    cases=[1, 2, 3],
)
def test_lsa__rate(
    trial, dimension: Annotated[int, Interval(1, 3, why="a sum over nodes")], context: Count = 5
):
    """Near its limit the gradient flow of a layer of linear attention decays at the least positive
    eigenvalue of the Hessian, which the spectra of Λ and Γ = (1 + 1/N) Λ + tr(Λ)/N I give.
    """
    rng = trial.generator("inputs")
    axes = np.linalg.qr(rng.standard_normal((dimension, dimension)))[0]
    covariance = axes * rng.uniform(0.5, 2, dimension) @ axes.T
    value, form = linear_attention.zhang_limit(covariance, context)
    loss = attention_training.full_loss(covariance, context)

    def of_moving(entries):
        """The loss by the last entry of W_PV and the input block of W_KQ."""
        last = jnp.zeros((dimension + 1, dimension + 1)).at[-1, -1].set(entries[0])
        block = jnp.pad(entries[1:].reshape(dimension, dimension), (0, 1))
        return loss(attention_training.FullWeights(last, block))

    curvature = jax.jit(jax.hessian(of_moving))(np.append(value, form))
    still, *rates = np.linalg.eigvalsh(curvature)
    gamma = linear_attention.zhang_gamma(covariance, context)
    law = np.array([0.0, linear_attention.zhang_rate(covariance, context)])
    slowest = value**2 * np.min(np.linalg.eigvalsh(covariance) ** 2 * np.linalg.eigvalsh(gamma))
    controls = {
        "W_KQ moves alone": np.array([0.0, slowest]),
        "without the 1/2 of the loss": 2 * law,
    }
    trial.identity(
        np.array([still, rates[0]]), law, ops=27**dimension, scale=rates[-1], controls=controls
    )


LABELS = {
    "linear": lambda x: x @ np.array([1.0, -0.5]),
    "cubic": lambda x: x[..., 0] ** 3,
    "mixed": lambda x: x[..., 0] ** 2 * x[..., 1] + x[..., 1],
}
"""Labels of which no noise is known."""


@claim(
    paper(f"{ZHANG}, theorem 4.2"),
    kind="identity",
    cases=[("linear", 6, 2), ("cubic", 6, 2), ("mixed", 6, 2), ("mixed", 3, 1)],
)
def test_lsa__generalise(
    trial, label: Literal["linear", "cubic", "mixed"], training: Count, test: FewExamples
):
    """Linear attention that was trained to the limit of its flow on prompts of N examples, asked
    with M examples of any labels, has a risk that exceeds that of the best linear predictor by S /
    M plus a bias of order 1 / N^2, which does not fall with M.
    """
    covariance = drawn_covariance(trial, "inputs")
    nodes, probabilities = gauss_hermite(5, 2 * test + 2)
    points = nodes.reshape(-1, test + 1, 2) @ root(covariance)
    single, weights = gauss_hermite(5, 2)
    labels = LABELS[label](points)
    layer = linear_attention.zhang_limit(covariance, training)
    outputs = np.asarray(predictions(*layer, points[:, :test], labels[:, :test], points[:, test]))
    risk = probabilities @ (outputs - labels[:, test]) ** 2
    single = single @ root(covariance)
    products = single * LABELS[label](single)[:, None]
    squares = weights @ LABELS[label](single) ** 2
    mean = weights @ products
    slope = np.linalg.solve(covariance, mean)
    moments = slope, (products.T * weights) @ products - np.outer(mean, mean)
    residual = max(float(squares - mean @ slope), 0.0)

    def law(training, test):
        return linear_attention.zhang_risk(*moments, covariance, training, test, residual)

    laws = [law(training, test)]
    if label == "linear":
        moments_of_linear = linear_attention.linear_label_moments(np.array([1.0, -0.5]), covariance)
        laws.append(
            linear_attention.zhang_risk(
                *moments_of_linear[:2], covariance, training, test, moments_of_linear[2]
            )
        )
    controls = {"one example more": law(training, test + 1)}
    if training != test:
        controls["M and N exchanged"] = law(test, training)
    size = {"ops": len(nodes), "scale": 1 + squares + np.array(laws)}
    trial.identity(np.full(len(laws), risk), np.array(laws), **size, controls=controls)


@claim(
    derived(f"by the optimal map, to which theorem 4.1 of {ZHANG} takes gradient flow"),
    kind="empirical",
    tier="full",
    low_power=SIGNS,
)
def test_lsa__train(
    trial,
    dimension: Annotated[int, Interval(1, 4, why=CAP)] = 3,
    context: Annotated[int, Interval(2, 20, why=CAP)] = 8,
    starts: Annotated[int, Interval(6, 50, why="two decisions, each on the signs of all runs")] = 6,
):
    """From a positive start Adam on all entries of a layer of linear attention finds the optimal
    map; the other entries that reach the prediction vanish.
    """
    covariance = np.diag(np.linspace(0.5, 1.5, dimension))
    prior = np.eye(dimension)
    weights = attention_training.train_linear_attention(
        trial.key("starts"),
        starts,
        dimension=dimension,
        context=context,
        input_covariance=covariance,
    )
    maps = np.asarray(attention_training.effective_map(weights.value_projection, weights.key_query))
    value = np.asarray(weights.value_projection)
    form = np.asarray(weights.key_query)

    def distance(length):
        law = linear_attention.optimal_map(covariance, prior, 0.0, length)
        return np.linalg.norm(maps - law, axis=(1, 2)) / np.linalg.norm(law)

    off_blocks = np.maximum(
        np.linalg.norm(value[:, -1, :-1], axis=1) / np.abs(value[:, -1, -1]),
        np.linalg.norm(form[:, -1, :-1], axis=1) / np.linalg.norm(form[:, :-1, :-1], axis=(1, 2)),
    )
    longer = {"ten times the context": 0.03 - distance(10 * context)}
    trial.runs(0.03 - distance(context), alpha=level(starts), controls=longer)
    before = np.full(starts, 0.02 * np.sqrt(dimension) / 0.5)
    trial.runs(0.02 - off_blocks, alpha=level(starts), controls={"as at the start": 0.02 - before})
