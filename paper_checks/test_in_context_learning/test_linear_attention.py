"""Linear self-attention on joined tokens: the descent that its layers do, its optimum, and where training takes it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_in_context_learning import AHN, DERIVED, OSWALD, ZHANG, draw_prompts, gauss_hermite
from sims.in_context_learning import attention_flow, attention_training, baselines, learned_descent
from sims.in_context_learning import linear_attention as observed
from sims.in_context_learning.prompts import Prompts
from theory import in_context_learning as predicted
from theory_on_trial import claim, ours, paper

COVARIANCE = np.array([[1.1, 0.4], [0.4, 0.7]])
PRIOR = np.array([[0.6, -0.3], [-0.3, 1.5]])

attend = jax.jit(observed.attend, static_argnames="context")


@jax.jit
def predictions(value, form, inputs, labels, queries):
    """The predictions of one layer (W_PV's last entry and W_KQ's input block) for many prompts."""
    width = form.shape[0] + 1
    value_projection = jnp.zeros((width, width)).at[-1, -1].set(value)
    layer = partial(observed.attention_prediction, value_projection, jnp.pad(form, (0, 1)))
    return jax.vmap(layer)(inputs, labels, queries)


def root(covariance):
    """The symmetric root."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(eigenvalues) @ vectors.T


@claim(paper(f"{OSWALD}, proposition 1"), kind="identity")
def test_lsa__gd(trial, examples=8, dimension=4, asked=3, layers=3, step=0.3):
    """L layers of linear attention with set weights are L steps of gradient descent, on context and query tokens."""
    X, Y, start = (array[0] for array in draw_prompts(trial.generator("prompt"), 1, examples, dimension))
    queries = trial.generator("queries").standard_normal((asked, dimension))
    set_weights = observed.descent_layers(start, step, layers, examples)

    def through(weights, context=examples):
        tokens = observed.joined_tokens(X, Y, queries, -queries @ start)
        after = np.asarray(attend(weights, tokens, context))
        return np.append(Y, 0 * queries[:, 0]) - after[:, -1]

    def law(descended):
        return np.append(X @ (descended - start), queries @ descended)

    weights = predicted.descent_weights(X, Y, step, layers, start)
    flipped = set_weights._replace(values=np.asarray(set_weights.values) * np.append(np.ones(dimension), -1.0))
    size = 1 + np.abs(X).max() ** 2
    trial.identity(
        through(set_weights),
        law(weights),
        ops=4 * examples * dimension,
        scale=(1 + step * size) ** layers * (1 + np.abs(Y).max()),
        controls={
            "a sum over the examples": law(predicted.descent_weights(X, Y, step * examples, layers, start)),
            "one step less": law(predicted.descent_weights(X, Y, step, layers - 1, start)),
        },
        wrong_processes={
            "queries among keys and values": through(set_weights, examples + asked),
            "+1 in W_V": through(flipped),
        },
    )


@claim(ours(f"{AHN}, lemma 1; transpose derived"), kind="identity")
def test_lsa__multilayer(trial, examples=6, dimension=3, layers=3):
    """L layers with Q_l = -diag(A_l, 0) are L steps of descent, the l-th preconditioned by the transpose of A_l."""
    rng = trial.generator("prompt")
    X, Y, query = (array[0] for array in draw_prompts(rng, 1, examples, dimension))
    blocks = 0.3 * rng.standard_normal((layers, dimension, dimension))
    projections = np.zeros((layers, dimension + 1, dimension + 1))
    projections[:, -1, -1] = 1
    forms = -np.pad(blocks, ((0, 0), (0, 1), (0, 1)))
    value = jax.jit(observed.preconditioned_prediction)(projections, forms, X, Y, query)

    def law(preconditioners):
        return predicted.preconditioned_descent_weights(X, Y, preconditioners) @ query

    size = (1 + np.abs(blocks).sum(axis=(1, 2)).max() * np.abs(X).max() ** 2) ** layers
    trial.identity(
        float(value),
        law(blocks),
        ops=4 * examples * dimension,
        scale=size * (1 + np.abs(Y).max()) * np.abs(query).sum(),
        controls={"A for its transpose": law(np.swapaxes(blocks, 1, 2)), "in reverse order": law(blocks[::-1])},
    )


@claim(ours(f"GD++ of {OSWALD}; polynomial derived"), kind="identity")
def test_gdpp__polynomial(trial, dimension=10, examples=10, tasks=1000, layers=2):
    """GD++ multiplies the error along each eigenvector of X^T X by a polynomial; two layers beat GD on 99 % of
    tasks.
    """
    rng = trial.generator("prompt")
    X, query = rng.uniform(-1, 1, (examples, dimension)), rng.uniform(-1, 1, dimension)
    weights = rng.standard_normal(dimension)
    steps, contractions = np.array([0.83, 6.1, 52.0]), np.array([0.068, 0.61, 0.0])
    stacked = observed.contracting_layers(steps, contractions, dimension, examples)
    after = attend(stacked, observed.joined_tokens(X, X @ weights, query[None], np.zeros(1)), examples)
    eigenvalues, vectors = np.linalg.eigh(X.T @ X)

    def law(residual):
        return (weights @ vectors) * (1 - residual) @ (query @ vectors)

    def recursion(power):
        residual, contraction = np.ones(dimension), np.ones(dimension)
        for step, gamma in zip(steps, contractions, strict=True):
            residual = residual * (1 - step / examples * eigenvalues * contraction**power)
            contraction = contraction * (1 - gamma * eigenvalues * contraction**power)
        return law(residual)

    growth = np.prod(1 + steps / examples * eigenvalues[-1])
    trial.identity(
        -float(after[-1, -1]),
        law(predicted.residual_polynomial(eigenvalues, steps, contractions, examples)),
        ops=4 * dimension,
        scale=growth * np.abs(weights).sum(),
        controls={"a for a^2": recursion(1)},
        wrong_processes={
            "a query that is not contracted": law(
                np.asarray(predicted.residual_polynomial(eigenvalues, steps, 0 * contractions, examples))
            )
        },
    )
    # One training set whatever the seed: what is learnt from it is a fixed pair of algorithms.
    spectra = learned_descent.task_spectra(jax.random.key(0), tasks, dimension, examples)
    plain, contracting = (
        learned_descent.learn_descent(spectra, layers, examples, contract=contract) for contract in (False, True)
    )
    trial.identity(
        np.array([fit.fitted_loss for fit in (plain, contracting)]),
        np.array(
            [
                predicted.gdpp_loss(np.asarray(spectra), fit.steps, fit.contractions, examples)
                for fit in (plain, contracting)
            ]
        ),
        ops=tasks,
        scale=dimension,
        wrong_processes={"exchanged": np.array([fit.fitted_loss for fit in (contracting, plain)])},
    )

    def beats(first, second):
        def event(key):
            spectrum = learned_descent.task_spectra(key, 1, dimension, examples)
            one, other = (
                learned_descent.descent_losses(spectrum, f.steps, f.contractions, examples)[0] for f in (first, second)
            )
            return one < other

        return event

    trial.probability(
        beats(contracting, plain),
        0.99,
        side="at least",
        controls={"it always does": 1.0},
        wrong_processes={"GD against itself": beats(plain, plain)},
        first=1024,
        most=40_000,
    )


def exact_moments(noise_variance):
    """E b b^T and E w b^T of what a layer adds up, b = (1/N) sum y_i x_i, for two examples in two dimensions."""
    nodes, probabilities = gauss_hermite(3, 8)
    inputs = nodes[:, :4].reshape(-1, 2, 2) @ root(COVARIANCE)
    weights = nodes[:, 4:6] @ root(PRIOR)
    labels = np.einsum("nki,ni->nk", inputs, weights) + np.sqrt(noise_variance) * nodes[:, 6:]
    sums = np.stack(
        [
            np.asarray(predictions(1.0, np.eye(2), inputs, labels, np.broadcast_to(unit, weights.shape)))
            for unit in np.eye(2)
        ],
        axis=1,
    )
    return (sums.T * probabilities) @ sums, (weights.T * probabilities) @ sums


@claim(ours(f"{DERIVED}; contains theorem 1 of {AHN}"), kind="optimality")
def test_lsa__optimum(trial, noise_variance=0.3, examples=2):
    """The best A is Sigma_w [(1 + 1/N) Lambda Sigma_w + (tr(Lambda Sigma_w) + sigma^2)/N I]^-1, with a certificate."""
    import cvxpy

    second, cross = exact_moments(noise_variance)
    signal = COVARIANCE @ PRIOR
    bracket = (1 + 1 / examples) * signal
    law = (COVARIANCE, PRIOR, noise_variance, examples)
    trial.identity(
        cross @ np.linalg.inv(second),
        predicted.optimal_map(*law),
        # A sum of 3^8 positive terms, and a 2 x 2 inverse.
        ops=3**8,
        scale=np.linalg.cond(second) * np.abs(cross).max(),
        controls={
            "Lambda^-1": np.linalg.inv(COVARIANCE),
            "without the trace": PRIOR @ np.linalg.inv(bracket + noise_variance / examples * np.eye(2)),
            "without noise": predicted.optimal_map(COVARIANCE, PRIOR, 0.0, examples),
            "1 for 1 + 1/N": PRIOR @ np.linalg.inv(signal + (np.trace(signal) + noise_variance) / examples * np.eye(2)),
        },
    )
    variable = cvxpy.Variable((2, 2))
    quadratic = cvxpy.sum_squares(root(COVARIANCE) @ variable @ root(second))
    cvxpy.Problem(cvxpy.Minimize(quadratic - 2 * cvxpy.trace(COVARIANCE @ variable @ cross.T))).solve(
        solver=cvxpy.CLARABEL
    )
    A = variable.value
    primal = np.trace(COVARIANCE @ (A @ second @ A.T - 2 * A @ cross.T + PRIOR))
    slope = 2 * COVARIANCE @ (A @ second - cross)
    # A quadratic with Hessian 2 Lambda (x) B lies at most g' H^-1 g / 2 below any of its values.
    below = np.trace(np.linalg.solve(COVARIANCE, slope) @ np.linalg.solve(second, slope.T)) / 4
    trial.gap(
        primal,
        primal - below,
        predicted.optimal_loss(*law),
        margin=1e-9,
        scale=np.trace(signal),
        ops=3**8,
        controls={
            "without noise": predicted.optimal_loss(COVARIANCE, PRIOR, 0.0, examples),
            "at Lambda^-1": predicted.linear_attention_loss(np.linalg.inv(COVARIANCE), *law),
        },
    )
    aside = A + 0.1
    gradients = [predicted.loss_gradient(matrix, *law) for matrix in (aside, np.linalg.inv(COVARIANCE))]
    trial.identity(
        2 * COVARIANCE @ (aside @ second - cross),
        gradients[0],
        ops=3**8,
        scale=np.trace(signal),
        controls={"at Lambda^-1": gradients[1]},
    )


@claim(ours(f"{ZHANG}, remark on covariate shift; factor derived"), kind="identity")
def test_lsa__covshift(trial, scales=(0.5, 2.0, -1.0), examples=6, dimension=2, count=5):
    """Inputs scaled by c multiply prediction over truth by c^2 for linear attention, by 1 for least squares."""
    X, _, query = draw_prompts(trial.generator("prompts"), count, examples, dimension)
    weights = trial.generator("weights").standard_normal((count, dimension))
    form = trial.generator("form").standard_normal((dimension, dimension))

    def predict(scale):
        labels = scale * np.einsum("nki,ni->nk", X, weights)
        return np.asarray(predictions(0.7, form, scale * X, labels, scale * query)) / scale

    def fit(scale):
        shown = np.concatenate([scale * X, query[:, None]], axis=1)
        labels = np.einsum("nki,ni->nk", shown, weights)
        return np.asarray(baselines.weights_all(Prompts(shown, labels, weights), [baselines.ols()]))[0, :, -1]

    before = predict(1.0)
    law = np.array([predicted.covariate_shift_ratio(scale) for scale in scales])[:, None] * before
    trial.identity(
        np.array([predict(scale) for scale in scales]),
        law,
        ops=4 * examples * dimension,
        scale=np.abs(X).max() ** 4 * np.abs(form).sum() * np.abs(weights).max() * 4,
        controls={"c": np.array(scales)[:, None] * before, "1": np.ones((len(scales), 1)) * before},
    )
    condition = np.array([np.linalg.cond(inputs) for inputs in X])[:, None]
    trial.identity(
        np.array([fit(scale) for scale in scales]),
        np.broadcast_to(weights, (len(scales), *weights.shape)),
        ops=20 * examples,
        scale=condition * np.abs(weights).max(),
        controls={"c^2": np.array(scales)[:, None, None] ** 2 * weights},
    )


@claim(paper(f"{ZHANG}, theorem 4.1"), kind="limit")
def test_lsa__flow(trial, context=5, scale=0.3, decays=20.0):
    """Gradient flow of all entries ends at W_PV = [tr Gamma^-2]^(1/4) e e^T, W_KQ = [tr Gamma^-2]^(-1/4) Gamma^-1."""
    loss = attention_flow.full_loss(COVARIANCE, context)
    start = attention_flow.balanced_start(scale, np.eye(2) / 2**0.25)
    tilted = attention_flow.FullWeights(2 * start.value_projection, start.key_query / 2)
    full = attention_flow.FullWeights(start.value_projection + scale / 4, start.key_query + scale / 4)
    rate = predicted.zhang_rate(COVARIANCE, context)

    def end(start):
        flow = attention_flow.gradient_flow(loss, start, np.array([decays / rate]))
        return attention_flow.FullWeights(*(entries[0] for entries in flow))

    def limit(value, form):
        return np.stack([np.diag([0.0, 0.0, value]), np.pad(form, (0, 1))])

    final, other = end(start), end(tilted)
    slope = jax.grad(loss)(final)
    value, form = predicted.zhang_limit(COVARIANCE, context)
    inverse = np.linalg.inv(COVARIANCE)
    root_norm = np.sqrt(np.linalg.norm(inverse))
    trial.value(
        np.stack(final),
        limit(value, form),
        # What the slope leaves (all other directions decay faster), and 1e-12 in each of some hundred steps.
        error=2 * float(np.linalg.norm(np.stack(slope))) / rate + 1e3 * attention_flow.RELATIVE_TOLERANCE,
        margin=1e-7,
        controls={
            "Lambda^-1": limit(root_norm, inverse / root_norm),
            "norms exchanged": limit(1 / value, form * value**2),
            "without the trace": limit(*_limit_of((1 + 1 / context) * COVARIANCE)),
        },
        wrong_processes={
            "another balance at the start": np.stack(other),
            "a start in all entries": np.stack(end(full)),
        },
    )
    product, other_product = (
        float(w.value_projection[-1, -1]) * np.asarray(w.key_query)[:2, :2] for w in (final, other)
    )
    trial.value(
        other_product,
        np.linalg.inv(predicted.zhang_gamma(COVARIANCE, context)),
        error=1e-9 + np.abs(product - np.linalg.inv(predicted.zhang_gamma(COVARIANCE, context))).max(),
        margin=1e-7,
        controls={"Lambda^-1": inverse},
    )


def _limit_of(gamma):
    inverse = np.linalg.inv(gamma)
    value = np.linalg.norm(inverse) ** 0.5
    return value, inverse / value


@claim(paper(f"{ZHANG}, theorem 4.2"), kind="identity")
def test_lsa__generalise(trial, training=6, test=2):
    """The risk of the limit on prompts of M examples, of any labels: S / M plus a bias that stays at 1 / N^2."""
    nodes, probabilities = gauss_hermite(5, 6)
    points = nodes.reshape(-1, 3, 2) @ root(COVARIANCE)
    value, form = predicted.zhang_limit(COVARIANCE, training)
    single, weights = gauss_hermite(5, 2)
    single = single @ root(COVARIANCE)
    tasks = {
        "linear": lambda x: x @ np.array([1.0, -0.5]),
        "cubic": lambda x: x[..., 0] ** 3,
        "mixed": lambda x: x[..., 0] ** 2 * x[..., 1] + x[..., 1],
    }
    risks, laws, swapped = [], [], []
    for label in tasks.values():
        labels = label(points)
        found = np.asarray(predictions(value, form, points[:, :test], labels[:, :test], points[:, test]))
        risks.append(probabilities @ (found - labels[:, test]) ** 2)
        products = single * label(single)[:, None]
        mean = weights @ products
        slope = np.linalg.solve(COVARIANCE, mean)
        covariance = (products.T * weights) @ products - np.outer(mean, mean)
        unexplained = max(float(weights @ label(single) ** 2 - mean @ slope), 0.0)
        laws.append(predicted.zhang_risk(slope, covariance, COVARIANCE, training, test, unexplained))
        swapped.append(predicted.zhang_risk(slope, covariance, COVARIANCE, test, training, unexplained))
    moments = predicted.linear_label_moments(np.array([1.0, -0.5]), COVARIANCE)
    closed = predicted.zhang_risk(moments[0], moments[1], COVARIANCE, training, test, moments[2])
    trial.identity(
        np.array([*risks, risks[0]]),
        np.array([*laws, closed]),
        ops=5**6,
        scale=1 + np.array([*laws, closed]),
        controls={"M and N exchanged": np.array([*swapped, swapped[0]])},
    )


@claim(ours(f"{DERIVED}: Adam on all entries, cf. theorem 4.1 of {ZHANG}"), kind="empirical", tier="full")
def test_lsa__train(trial, dimension=3, context=8, starts=5):
    """From a positive start Adam on all entries of a layer finds the optimal map; the other blocks that act vanish."""
    covariance = np.diag(np.linspace(0.5, 1.5, dimension))
    found = attention_training.train_linear_attention(
        trial.key("starts"), starts, dimension=dimension, context=context, input_covariance=covariance
    )
    maps = np.asarray(attention_training.effective_map(found.value_projection, found.key_query))
    value, form = np.asarray(found.value_projection), np.asarray(found.key_query)
    prior = np.eye(dimension)

    def distance(length):
        law = predicted.optimal_map(covariance, prior, 0.0, length)
        return np.linalg.norm(maps - law, axis=(1, 2)) / np.linalg.norm(law)

    off_blocks = np.maximum(
        np.linalg.norm(value[:, -1, :-1], axis=1) / np.abs(value[:, -1, -1]),
        np.linalg.norm(form[:, -1, :-1], axis=1) / np.linalg.norm(form[:, :-1, :-1], axis=(1, 2)),
    )
    # Five equal signs: 2^-5 by chance, twice that for the two-sided interval of the ledger.
    alpha = 2.0 ** (1 - starts)
    trial.runs(0.03 - distance(context), alpha=alpha, controls={"ten times the context": 0.03 - distance(10 * context)})
    before = np.full(starts, 0.02 * np.sqrt(dimension) / 0.5)
    trial.runs(0.02 - off_blocks, alpha=alpha, controls={"as at the start": 0.02 - before})
