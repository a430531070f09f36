"""Zhang, Frei & Bartlett 2024, "Trained Transformers Learn Linear Models In-Context", JMLR 25(49),
arXiv 2306.09927.

For whoever lets a model learn from the examples in its prompt: what training makes of a layer of
linear attention, and which change of its inputs breaks it.

Take away: a relative squared error $ε$ in $d$ dimensions takes $(d + 1)/ε$ examples in the prompt,
where least squares takes $d$. It also takes about $(d + 1)/√ε$ examples in each training prompt:
those of fewer leave a bias that no longer prompt removes. If the inputs are twice as large as in
training, predictions are four times the truth. Training on prompts of many variances does not cure
this: if the variances are exponential, a long prompt of mean variance is answered by a third of the
truth.

A prompt has examples $x_i ~ N(0, Λ)$ in $R^d$ with labels $y_i = wᵀx_i$, $w ~ N(0, I)$, and a query
$x$. Its tokens are $(x_i, y_i)$ and $(x, 0)$, the columns of $E$. A layer adds
$W_{P V} E (Eᵀ W_{K Q} E)/N$ to $E$, and its prediction $ŷ$ is the last entry of the last column.
Training prompts have $N$ examples, and test prompts $M$. The risk is $E (ŷ - wᵀx)²$, and the loss
$L$ is half of it. Only the last row $p$ of $W_{P V}$ and the first $d$ columns $K$ of $W_{K Q}$
reach $ŷ$: nothing else moves. The last entry of $p$ is $u$, and the first $d$ rows of $K$ are $U$.
$Γ = (1 + 1/N) Λ + (tr(Λ)/N) I$. A start is balanced if $u = σ$ and $U = σ Θ Θᵀ$ with $|Θ Θᵀ| = 1$,
and all other entries are 0. The trained layer has $u U = Γ^-1$ and no other entries. Norms are
those of Frobenius.

Edges: the theorem asks for $σ² √d$ times the largest eigenvalue of $Γ$ below 2. At zero weights
nothing moves. The theory is of one layer without softmax.

Paper: it proves where gradient flow ends and what the trained layer does on other prompts, and
trains large transformers on prompts with and without covariate shift.

Abstract:

- Sentence 1: transformers answer prompts of unseen tasks without updates of parameters. In part:
  risk. For one layer of linear attention.
- Sentence 2: on prompts of labelled data they behave like supervised learning algorithms. In part:
  risk, least_squares. For one layer, which is not least squares.
- Sentence 3: transformers that are trained on linear regression mimic least squares. In part:
  least_squares, scaled_inputs. One layer does so if all prompts are long and their inputs alike.
- Sentence 4: the dynamics of one linear layer under gradient flow are investigated. No statement.
- Sentence 5: gradient flow finds a global minimum, despite non-convexity, from a suitable random
  start. Holds: flow, global_minimum. From balanced starts; `rate` and `adam` say how fast, and
  without balance.
- Sentence 6: its error there is competitive with that of the best linear predictor. In part: risk,
  least_squares. Up to a bias of order $1/N²$, which longer test prompts leave.
- Sentence 7: a number of shifts are tolerated, covariate shifts are not. In part: risk,
  covariate_shift, scaled_inputs. Other labels are tolerated and other inputs are not; queries of
  another law are not tried.
- Sentence 8: covariate distributions may vary across prompts. No statement.
- Sentence 9: gradient flow still finds a global minimum, and the layer is brittle under mild
  covariate shifts. Holds: random_covariances, global_minimum, brittle.
- Sentence 10: large nonlinear transformers are more robust. Not on trial. They need training at
  that size.

Read: the abstract, and section 4 up to its second part, with Theorems 4.1 and 4.2 and Corollary
4.3, in a copy. Recalled: Theorem 4.5, the limit for random covariances. Derived here: all else. Not
claimed: softmax attention, and several layers.

Topic: sequence models and attention.
"""

from functools import partial
from typing import Annotated, Literal, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import roots_genlaguerre

from paper_checks.briefs.common import apart, gradient, normal_nodes, orthonormal, symmetric_root
from theory_on_trial import (
    claim,
    derived,
    observed,
    paper,
    predicted,
    recalled,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

RUNS = 7

LABELS = {
    "linear": lambda x: x @ np.array([1.0, -0.5]),
    "cubic": lambda x: x[..., 0] ** 3,
    "mixed": lambda x: x[..., 0] ** 2 * x[..., 1] + x[..., 1],
}
"""Labels of inputs (…, 2)."""

Training = Annotated[int, Interval(1, 60, why="N; an example is needed; of more, Γ is near Λ")]
FewExamples = Annotated[int, Interval(1, 2, why="M; three nodes or more for each normal number")]
Start = Annotated[
    float, Interval(0.1, 0.6, why="σ; the theorem asks for a small one; a tiny one waits long")
]


class Loss(NamedTuple):
    """L = θᵀ Q θ/2 - mᵀ θ + c, where θ (…, (d + 1)² d) are the products of an entry of p with one
    of K.
    """

    quadratic: np.ndarray
    linear: np.ndarray
    constant: float
    dim: int


def drawn_covariance(trial, dim=2, name="inputs"):
    """A covariance with random axes and variances from 1/2 to 2."""
    generator = trial.generator(name)
    axes = orthonormal(generator, dim)
    return axes * generator.uniform(0.5, 2, dim) @ axes.T


def entries_of(row, block):
    """The entries that reach ŷ, (…, (d + 1)²), of p (…, d + 1) and K (…, d + 1, d)."""
    return np.concatenate([row, block.reshape(*block.shape[:-2], -1)], axis=-1)


def layer_of(value, form):
    """The entries of a layer with only u and U."""
    row = np.append(np.zeros(len(form)), value)
    return entries_of(row, np.vstack([form, np.zeros(len(form))]))


def drawn_start(trial, scale, ratio=1.0):
    """The entries of a start u = r σ, U = σ Θ Θᵀ/r with a random Θ, balanced for r = 1."""
    factor = trial.generator("start").normal(size=(2, 2))
    block = factor @ factor.T
    return layer_of(ratio * scale, scale / ratio * block / np.linalg.norm(block))


@observed
def answers(entries, inputs, labels, query):
    """ŷ (…) of a layer for prompts with inputs (…, n, d), labels (…, n) and queries (…, d)."""
    width = inputs.shape[-1] + 1
    row = entries[:width]
    block = entries[width:].reshape(width, width - 1)
    examples = np.concatenate([inputs, labels[..., None]], axis=-1)
    asked = np.concatenate([query, np.zeros_like(query[..., :1])], axis=-1)
    tokens = np.concatenate([examples, asked[..., None, :]], axis=-2)
    scores = np.einsum("...ta,ab,...b->...t", tokens, block, query)
    return np.einsum("a,...ta,...t->...", row, tokens, scores) / inputs.shape[-2]


@observed
def expected_loss(covariances, examples, chances=(1.0,)):
    """L for prompts whose Λ is one of k covariances, with chances (k,), by quadrature over w, the
    query and a pair of examples: the N examples are exchangeable.
    """
    dim = len(covariances[0])
    normals, of_input = normal_nodes(4, dim)
    tasks, of_task = normal_nodes(3, dim)
    quadratic = 0
    linear = 0
    for covariance, chance in zip(covariances, chances, strict=True):
        inputs = normals @ symmetric_root(covariance)
        targets = tasks @ inputs.T
        tokens = np.stack([np.column_stack([inputs, labels]) for labels in targets])
        products = np.einsum("wxa,wxb->wxab", tokens, tokens).reshape(*targets.shape, -1)
        queries = np.pad(inputs, ((0, 0), (0, 1)))
        asked = np.einsum("xa,xb->xab", queries, queries).reshape(len(inputs), -1)
        mean = np.einsum("x,wxp->wp", of_input, products)
        same = np.einsum("x,wxp,wxr->wpr", of_input, products, products, optimize=True)
        other = np.einsum("wp,wr->wpr", mean, mean)
        mixed = np.einsum("wp,xr->wxpr", mean, asked)
        inner = ((same + (examples - 1) * other) / examples)[:, None]
        inner = inner + (mixed + np.swapaxes(mixed, -1, -2)) / examples
        inner = inner + np.einsum("xp,xr->xpr", asked, asked) / examples**2
        weight = chance * of_task[:, None] * of_input
        quadratic += np.einsum("wx,wxpr,xc,xe->pcre", weight, inner, inputs, inputs, optimize=True)
        # The query's own token has no part in it, as w has mean 0.
        linear += np.einsum("wx,wp,xc,wx->pc", weight, mean, inputs, targets, optimize=True)
    variance = np.dot(chances, np.trace(covariances, axis1=1, axis2=2))
    return Loss(quadratic.reshape(linear.size, -1), linear.ravel(), variance / 2, dim)


@observed
def value_of(loss, products):
    """L at products θ."""
    return products @ loss.quadratic @ products / 2 - loss.linear @ products + loss.constant


@observed
def parts(loss, entries):
    """The row p (…, d + 1), K (…, d + 1, d) and their products θ (…, (d + 1)² d)."""
    width = loss.dim + 1
    row = entries[..., :width]
    block = entries[..., width:].reshape(*entries.shape[:-1], width, loss.dim)
    products = np.einsum("...a,...bc->...abc", row, block)
    return row, block, products.reshape(*entries.shape[:-1], -1)


@observed
def slope(loss, entries):
    """The gradient of L in the entries (…, (d + 1)²)."""
    row, block, products = parts(loss, entries)
    inner = (products @ loss.quadratic - loss.linear).reshape(*row.shape, *block.shape[-2:])
    of_row = np.einsum("...abc,...bc->...a", inner, block)
    return entries_of(of_row, np.einsum("...abc,...a->...bc", inner, row))


@observed
def curvature(loss, entries):
    """The Hessian of L in the entries, by complex steps."""
    return gradient(partial(slope, loss), entries)


@observed
def flow_end(loss, start, time=150.0):
    """The entries after twice a time of gradient flow, and a bound on their distance to the limit:
    what moved in the second half, as the flow ends exponentially fast, and the solver's error.
    """
    ends = [start]
    for _ in range(2):
        run = solve_ivp(
            lambda _, at: -slope(loss, at), (0, time), ends[-1], "DOP853", rtol=1e-11, atol=1e-13
        )
        ends.append(run.y[:, -1])
    return ends[2], np.abs(ends[2] - ends[1]).max() + 1e-9


@observed
def least_of_any_products(loss):
    """The least L of all θ, products or not: L is convex in θ."""
    best = np.linalg.lstsq(loss.quadratic, loss.linear, rcond=1e-12)[0]
    return value_of(loss, best)


@observed
def sampled_loss(generator, covariance, examples, batch=256):
    """L as the mean over drawn prompts."""
    dim = len(covariance)
    inputs = generator.normal(size=(batch, examples + 1, dim)) @ symmetric_root(covariance)
    labels = np.einsum("btd,bd->bt", inputs, generator.normal(size=(batch, dim)))
    targets = labels[:, -1].copy()
    labels[:, -1] = 0
    tokens = np.concatenate([inputs, labels[..., None]], axis=-1)
    products = tokens.mT @ tokens / examples
    features = np.einsum("bij,bc->bijc", products, inputs[:, -1]).reshape(batch, -1)
    quadratic = features.T @ features / batch
    return Loss(quadratic, features.T @ targets / batch, targets @ targets / (2 * batch), dim)


@observed
def adam_entries(generator, covariance, examples, steps=800):
    """The entries after Adam on fresh prompts in each step, from u = 1/2 and U = I/(2 √d) with
    N(0, .02²) added to all entries. Its rate falls from .01 to 0 along a cosine.
    """
    dim = len(covariance)
    start = layer_of(0.5, 0.5 * np.eye(dim) / np.sqrt(dim))
    entries = start + 0.02 * generator.normal(size=start.size)
    first = np.zeros_like(entries)
    second = np.zeros_like(entries)
    for step in range(1, steps + 1):
        change = slope(sampled_loss(generator, covariance, examples), entries)
        first = 0.9 * first + 0.1 * change
        second = 0.999 * second + 0.001 * change**2
        rate = 0.005 * (1 + np.cos(np.pi * step / steps))
        size = np.sqrt(second / (1 - 0.999**step)) + 1e-8
        entries = entries - rate * first / (1 - 0.9**step) / size
    return entries


@predicted
def gamma(covariance, examples):
    """(1 + 1/N) Λ + tr(Λ)/N I."""
    return covariance + (covariance + np.trace(covariance) * np.eye(len(covariance))) / examples


@predicted
def limit_of_flow(product):
    """The entries with u = |A|^½ and U = A/u, for u U = A."""
    value = np.sqrt(np.linalg.norm(product))
    return layer_of(value, product / value)


@predicted
def trained(covariance, examples):
    """The entries with u U = Γ^-1."""
    return limit_of_flow(np.linalg.inv(gamma(covariance, examples)))


@predicted
def best_product(covariances, examples, chances):
    """(E Γ Λ²)^-1 E Λ² for diagonal covariances (k, d, d)."""
    weighted = [gamma(each, examples) @ each @ each for each in covariances]
    squares = np.tensordot(chances, covariances @ covariances, axes=1)
    return np.linalg.solve(np.tensordot(chances, weighted, axes=1), squares)


@predicted
def loss_of(product, covariances, examples, chances=(1.0,)):
    """E [tr(Λ A Γ Λ Aᵀ) - 2 tr(Λ A Λ) + tr Λ]/2."""
    total = 0
    for covariance, chance in zip(covariances, chances, strict=True):
        quadratic = product @ gamma(covariance, examples) @ covariance @ product.T
        inner = quadratic - 2 * product @ covariance + np.eye(len(product))
        total += chance * np.trace(covariance @ inner) / 2
    return total


@predicted
def rates_of_flow(covariance, examples):
    """All u² λ_i λ_j γ_j, i ≠ j, and eigenvalues of (u² I + s sᵀ) diag(λ_i² γ_i), in order."""
    variances = np.linalg.eigvalsh(covariance)
    values = np.linalg.eigvalsh(gamma(covariance, examples))
    squared = np.linalg.norm(1 / values)
    across = squared * np.outer(variances, variances * values)
    matrix = squared * np.eye(len(values)) + np.outer(1 / values, 1 / values) / squared
    along = np.linalg.eigvals(matrix * variances**2 * values).real
    return np.sort([*along, *across[~np.eye(len(values), dtype=bool)]])


@predicted
def risk_terms(label, covariance, training, test):
    """The terms min_w E (wᵀx - y)², tr(Σ Γ^-2 Λ)/M and aᵀ (Λ + tr(Λ) I)² Γ^-2 Λ a/N²."""
    normals, chances = normal_nodes(6, 2)
    inputs = normals @ symmetric_root(covariance)
    labels = LABELS[label](inputs)
    products = inputs * labels[:, None]
    mean = chances @ products
    best = np.linalg.solve(covariance, mean)
    scatter = (products.T * chances) @ products - np.outer(mean, mean)
    inverse = np.linalg.inv(gamma(covariance, training))
    shift = inverse @ (covariance @ best + np.trace(covariance) * best) / training
    return np.array(
        [
            chances @ (inputs @ best - labels) ** 2,
            np.trace(scatter @ inverse @ inverse @ covariance) / test,
            shift @ covariance @ shift,
        ]
    )


@predicted
def price_of_one_step(covariance):
    """(d + 1) tr Λ."""
    return (len(covariance) + 1) * np.trace(covariance)


@predicted
def shrunk_factor(shape):
    """E Λ²/E Λ³ = k/(k + 2) for a gamma law of shape k and mean 1."""
    return shape / (shape + 2)


@claim(paper("Theorem 4.1"), kind="limit", cases=[(5, 0.3), (1, 0.1), (40, 0.6)])
def test_flow(trial, training: Training, scale: Start):
    """A layer of linear attention answers a query $x$ by $ŷ = u ∑_i y_i x_iᵀ U x/N$ and terms of
    other entries. It is trained on $N$ examples with inputs $x_i$ of covariance $Λ$ and labels
    $y_i = wᵀx_i$, $w ~ N(0, I)$. Gradient flow on all entries from $u = σ$, $U = σ Θ Θᵀ$,
    $|Θ Θᵀ| = 1$, and zeros, with $σ² √d$ times the largest eigenvalue of $Γ$ below 2, ends at
    $u = [tr Γ^-2]^¼$, $U = [tr Γ^-2]^(-¼) Γ^-1$, and zeros, where $Γ = (1 + 1/N) Λ + (tr(Λ)/N) I$.
    """
    covariance = drawn_covariance(trial)
    exact = gamma(covariance, training)
    trial.require(scale**2 * np.linalg.norm(exact, 2) * 2**0.5 < 2, "σ² |Γ|_op √d must be below 2")
    loss = expected_loss([covariance], training)
    start = drawn_start(trial, scale)
    end, error = flow_end(loss, start)
    law = trained(covariance, training)
    inverse = np.linalg.inv(exact)
    norm = np.linalg.norm(inverse) ** 0.5
    trial.value(
        end,
        law,
        error=error,
        margin=1e-7,
        generic="the end of the flow and the law are analytic in covariance and start",
        controls={
            "$Λ^-1$ for $Γ^-1$": limit_of_flow(np.linalg.inv(covariance)),
            "$Γ$ without the trace": limit_of_flow(np.linalg.inv((1 + 1 / training) * covariance)),
            "$u = [tr Γ^-2]^(-¼)$": layer_of(1 / norm, norm * inverse),
        },
        control_processes={
            "another balance at the start": flow_end(loss, drawn_start(trial, scale, 2.0))[0],
            "a start in all entries": flow_end(loss, start + scale / 4)[0],
        },
    )


def drawn_diagonals(trial, count):
    """Diagonal covariances (count, 2, 2) with variances from 1/2 to 2, and their chances."""
    generator = trial.generator("covariances")
    variances = generator.uniform(0.5, 2, (count, 2))
    chances = generator.uniform(0.2, 0.8, count)
    return np.stack([np.diag(row) for row in variances]), chances / chances.sum()


Covariances = Annotated[int, Interval(1, 4, why="k; all are summed over; one is theorem 4.1")]


@claim(
    tried("abstract, sentence 9: a global minimum where covariances vary", "its loss"),
    kind="optimality",
    cases=[(5, 1), (1, 2), (20, 4)],
)
def test_global_minimum(trial, training: Training, count: Covariances):
    """A layer of linear attention with the weights $u$ and $U$ is trained on prompts of $N$
    examples of linear regression, each with one of $k$ diagonal covariances $Λ$ of its inputs.
    Gradient flow from a small $u = |U|$ with $U = Θ Θᵀ$ ends at the least loss of all weights,
    $E [tr(Λ A Γ Λ A) - 2 tr(Λ A Λ) + tr Λ]/2$ at $A = (E Γ Λ²)^-1 E Λ²$, with
    $Γ = (1 + 1/N) Λ + (tr(Λ)/N) I$.
    """
    covariances, chances = drawn_diagonals(trial, count)
    loss = expected_loss(covariances, training, chances)
    end, _ = flow_end(loss, drawn_start(trial, 0.3))
    at = (covariances, training, chances)
    mean = np.tensordot(chances, covariances, axes=1)
    rivals = {
        "at $Λ^-1$ of the mean $Λ$": loss_of(np.linalg.inv(mean), *at),
        "at $Γ^-1$ of the mean $Λ$": loss_of(np.linalg.inv(gamma(mean, training)), *at),
        "at zero weights": loss_of(0 * mean, *at),
    }
    law = loss_of(best_product(*at), *at)
    trial.gap(
        value_of(loss, parts(loss, end)[2]),
        least_of_any_products(loss),
        law,
        margin=1e-8,
        scale=1 + np.trace(mean),
        ops=1e4,
        generic="the loss is a polynomial in the weights, with drawn covariances as coefficients",
        controls=apart(rivals, law, 1e-6),
    )


@claim(
    derived("by the curvature of $L$ in $u$ and $U$ at the limit"),
    kind="identity",
    cases=[(1, 5), (2, 1), (3, 20)],
)
def test_rate(
    trial, dim: Annotated[int, Interval(1, 3, why="d; the nodes are 12^d")], training: Training
):
    """A layer of linear attention with the weights $u$ and $U$ is trained on prompts of $N$
    examples with inputs of covariance $Λ$. Near its limit, where $u U = Γ^-1$ and
    $Γ = (1 + 1/N) Λ + (tr(Λ)/N) I$, the least positive eigenvalue of the Hessian of the loss in $u$
    and $U$ is the least of $u² λ_i λ_j γ_j$, $i ≠ j$, and of the eigenvalues of
    $(u² I + s sᵀ) diag(λ_i² γ_i)$, with the eigenvalues $λ$ of $Λ$ and $γ$ of $Γ$, $u² = |Γ^-1|$
    and $s_i = 1/(u γ_i)$.
    """
    covariance = drawn_covariance(trial, dim)
    loss = expected_loss([covariance], training)
    end = trained(covariance, training)
    moving = layer_of(1.0, np.ones((dim, dim))) > 0
    hessian = curvature(loss, end)[np.ix_(moving, moving)]
    # One eigenvalue is 0, since u U stays as it is if one grows as the other falls.
    rates = np.linalg.eigvalsh(hessian)[1:]
    law = rates_of_flow(covariance, training)
    values = np.linalg.eigvalsh(gamma(covariance, training))
    alone = np.linalg.norm(1 / values) * np.min(np.linalg.eigvalsh(covariance) ** 2 * values)
    moved = np.append(alone, law[1:])
    trial.identity(
        rates,
        law,
        ops=100 * 12**dim,
        scale=rates[-1],
        generic="symmetric functions of all rates are rational in the covariance, and fix them",
        controls=apart({"$W_KQ$ moves alone": moved, "$L$ without 1/2": 2 * law}, law, 1e-3),
    )


@claim(
    tried(
        "Theorem 4.1: where gradient flow ends", "Adam on drawn prompts, from near a balanced start"
    ),
    kind="empirical",
    cases=[6, 8, 12],
    low_power="a few runs carry a sign only",
)
def test_adam(
    trial, training: Annotated[int, Interval(4, 12, why="N; of fewer, batches scatter more")]
):
    """If Adam trains a layer of linear attention on drawn prompts of $N$ examples with inputs of
    covariance $Λ$, the products of its weights come within 4 % of those of the limit of gradient
    flow, in norm.
    """
    covariance = np.diag([0.5, 1.5])
    exact = gamma(covariance, training)
    loss = expected_loss([covariance], training)
    layers = [
        adam_entries(trial.generator(f"run {run}"), covariance, training) for run in range(RUNS)
    ]
    found = np.array([parts(loss, entries)[2] for entries in layers])

    def nearness(product):
        law = parts(loss, limit_of_flow(product))[2]
        return 0.04 - np.linalg.norm(found - law, axis=1) / np.linalg.norm(law)

    trial.runs(
        nearness(np.linalg.inv(exact)),
        alpha=2.0 ** (1 - RUNS),
        controls={
            "$Λ^-1$ for $Γ^-1$": nearness(np.linalg.inv(covariance)),
            "1 for $1 + 1/N$": nearness(np.linalg.inv(exact - covariance / training)),
        },
    )


@claim(
    paper("Theorem 4.2"),
    kind="identity",
    cases=[("linear", 6, 2), ("cubic", 6, 2), ("mixed", 3, 1)],
)
def test_risk(
    trial, label: Literal["linear", "cubic", "mixed"], training: Training, test: FewExamples
):
    """Linear attention that was trained on prompts of $N$ examples, with inputs of covariance $Λ$,
    answers a query $x$ by $ŷ = ∑_i y_i x_iᵀ Γ^-1 x/M$ for $M$ examples $(x_i, y_i)$, with
    $Γ = (1 + 1/N) Λ + (tr(Λ)/N) I$. For any labels $y$ its risk $E (ŷ - y)²$ is that of the best
    linear predictor, plus $tr(Σ Γ^-2 Λ)/M$, plus $aᵀ (Λ + tr(Λ) I)² Γ^-2 Λ a/N²$, where
    $a = Λ^-1 E[x y]$ and $Σ = Cov(x y)$.
    """
    covariance = drawn_covariance(trial)
    normals, chances = normal_nodes(5, 2 * test + 2)
    points = normals.reshape(-1, test + 1, 2) @ symmetric_root(covariance)
    labels = LABELS[label](points)
    layer = trained(covariance, training)
    outputs = answers(layer, points[:, :test], labels[:, :test], points[:, test])
    terms = risk_terms(label, covariance, training, test)
    law = terms.sum()
    theories = {
        "the best linear predictor": terms[0],
        "without the bias": terms[0] + terms[1],
        "trained on $M$, tested on $N$": risk_terms(label, covariance, test, training).sum(),
    }
    trial.identity(
        chances @ (outputs - labels[:, test]) ** 2,
        law,
        ops=len(normals),
        scale=10 * law,
        generic="both sides are rational in the entries of the covariance",
        controls=apart(theories, law, 1e-3 * law),
    )


def growing(function):
    """A function of numbers of examples that double, and these numbers."""
    sizes = 2 ** np.arange(5, 11)
    return np.array([function(int(size)) for size in sizes]), sizes


@claim(
    tried("Corollary 4.3: $M >= (d + 1) tr Λ/ε$ examples suffice", "the limit for $M = N → ∞$"),
    kind="limit",
    cases=[2, 1, 3],
)
def test_least_squares(trial, dim: Annotated[int, Interval(1, 3, why="d; the nodes are 12^d")]):
    """Linear attention that was trained on prompts of $M$ examples, with inputs of covariance $Λ$
    in $d$ dimensions and weights of covariance $I$, answers a query $x$ by
    $ŷ = ∑_i y_i x_iᵀ Γ^-1 x/M$ for $M$ examples $(x_i, y_i)$, with $Γ = (1 + 1/M) Λ + (tr(Λ)/M) I$.
    $M$ times its risk tends to $(d + 1) tr Λ$ as $M → ∞$.
    """
    covariance = drawn_covariance(trial, dim)

    def scaled_risk(examples):
        loss = expected_loss([covariance], examples)
        return 2 * examples * value_of(loss, parts(loss, trained(covariance, examples))[2])

    values, sizes = growing(scaled_risk)
    law = price_of_one_step(covariance)
    trial.limit(
        values,
        sizes,
        law,
        order=1,
        margin=0.004 * law,
        generic="the risk is rational in the entries of the covariance, and so is its limit",
        controls={"as least squares": 0.0, "$d tr Λ$": dim * np.trace(covariance)},
        same_instance=True,
    )


@claim(
    tried("section 4.2: covariate shifts cannot be fully tolerated", "the limit of the risk"),
    kind="limit",
    cases=[6, 1, 60],
)
def test_covariate_shift(trial, training: Training):
    """Linear attention that was trained on prompts of $N$ examples, with inputs of covariance $Λ$,
    answers a query $x$ by $ŷ = ∑_i y_i x_iᵀ Γ^-1 x/M$ for $M$ examples $(x_i, y_i)$, with
    $Γ = (1 + 1/N) Λ + (tr(Λ)/N) I$. If the inputs of the test prompt have a covariance $Λ'$ in
    place of $Λ$, its risk tends to $|Λ'^½ (Γ^-1 Λ' - I)|²$ as $M → ∞$, for labels $wᵀx_i$ with
    $w ~ N(0, I)$.
    """
    before = drawn_covariance(trial)
    after = drawn_covariance(trial, name="shifted inputs")
    products = np.linalg.inv(gamma(before, training))

    def risk(examples):
        loss = expected_loss([after], examples)
        return 2 * value_of(loss, parts(loss, trained(before, training))[2])

    def law(product, covariance=after):
        return 2 * loss_of(product, [covariance], np.inf)

    exact = law(products)
    theories = {
        "0, as of other shifts": 0.0,
        "as without a shift": law(products, before),
        "the layer trained on $Λ'$": law(np.linalg.inv(gamma(after, training))),
        "$Λ^-1$ for $Γ^-1$": law(np.linalg.inv(before)),
    }
    values, sizes = growing(risk)
    trial.limit(
        values,
        sizes,
        exact,
        order=1,
        margin=1e-4 * exact,
        generic="the risk is rational in the entries of both covariances, and so is its limit",
        controls=apart(theories, exact, 1e-3 * exact),
        same_instance=True,
    )


@claim(
    tried("section 4.2: inputs that are scaled by a constant", "exact at every length"),
    kind="identity",
    cases=[0.5, 2.0, -1.5],
)
def test_scaled_inputs(
    trial,
    scale: Annotated[float, Interval(-4, 4, why="c; farther off all is of the order c³")],
):
    """Linear attention answers a query $x$ by $ŷ = ∑_i y_i x_iᵀ A x/M$ for $M$ examples with labels
    $y_i = wᵀx_i$. If all inputs of the prompt are multiplied by $c$, $ŷ$ is multiplied by $c³$, and
    the truth $wᵀx$ by $c$ only.
    """
    trial.require(abs(scale) >= 0.1, "|c| must be at least .1: all is near 0 otherwise")
    trial.require(abs(scale**2 - 1) >= 0.05, "c² must differ from 1: nothing changes otherwise")
    generator = trial.generator("prompts")
    inputs = generator.normal(size=(20, 10, 2))
    query = generator.normal(size=(20, 2))
    weights = generator.normal(size=2)

    def predictions(factor):
        labels = factor * inputs @ weights
        return answers(trained(np.eye(2), 6), factor * inputs, labels, factor * query)

    def least_squares(factor):
        labels = factor * inputs @ weights
        fits = [np.linalg.lstsq(factor * x, y)[0] for x, y in zip(inputs, labels, strict=True)]
        return np.sum(factor * query * fits, axis=1)

    before = predictions(1.0)
    size = float(100 * np.linalg.norm(weights) * abs(scale) ** 3)
    theories = {"$c$": scale * before, "$c²$": scale**2 * before}
    trial.identity(
        predictions(scale),
        scale**3 * before,
        # Sums of 33 and of 6 products: some 45 roundings; the rest is room.
        ops=200,
        scale=size,
        independent=20,
        generic="both sides are polynomials in the inputs, weights and queries",
        controls=apart(theories, scale**3 * before, 0.01 * abs(scale) ** 3),
        control_processes={"least squares": least_squares(scale)},
    )


@claim(
    recalled("Theorem 4.5, the limit where covariances vary"),
    kind="limit",
    cases=[(5, 2), (1, 3), (40, 4)],
)
def test_random_covariances(
    trial,
    training: Training,
    count: Annotated[int, Interval(2, 4, why="k; all are summed over; one is theorem 4.1")],
):
    """A layer of linear attention with the weights $u$ and $U$ is trained on prompts of $N$
    examples of linear regression, each with one of $k$ diagonal covariances $Λ$ of its inputs.
    Gradient flow from a small $u = |U|$ with $U = Θ Θᵀ$ ends at $u = |A|^½$ and $U = A/u$ with
    $A = (E Γ Λ²)^-1 E Λ²$ and $Γ = (1 + 1/N) Λ + (tr(Λ)/N) I$.
    """
    covariances, chances = drawn_diagonals(trial, count)
    loss = expected_loss(covariances, training, chances)
    start = drawn_start(trial, 0.3)
    end, error = flow_end(loss, start)
    law = limit_of_flow(best_product(covariances, training, chances))
    inverses = np.array([np.linalg.inv(gamma(each, training)) for each in covariances])
    theories = {
        "$Γ$ of the mean $Λ$": trained(np.tensordot(chances, covariances, axes=1), training),
        "the mean of $Γ^-1$": limit_of_flow(np.tensordot(chances, inverses, axes=1)),
    }
    trial.value(
        end,
        law,
        error=error,
        margin=1e-7,
        generic="the end of the flow and the law are analytic in covariances and start",
        controls=apart(theories, law, 1e-5),
        control_processes={"a start in all entries": flow_end(loss, start + 0.075)[0]},
    )


@claim(
    tried(
        "abstract, sentence 9: brittle under mild covariate shifts", "one dimension, and the factor"
    ),
    kind="limit",
    cases=[(1.0, 1.0), (4.0, 1.5), (0.5, 0.5)],
)
def test_brittle(
    trial,
    shape: Annotated[float, Interval(0.5, 8, why="k; the variance of Λ is 1/k, hardly any later")],
    variance: Annotated[float, Interval(0.1, 10, why="Λ'; the factor is linear in it")],
):
    """A layer of linear attention is trained on prompts of $N → ∞$ examples in one dimension, over
    which the variance $Λ$ of the inputs has a density in proportion to $Λ^(k - 1) e^(-k Λ)$. It
    answers a long prompt of variance $Λ'$ with $Λ' k/(k + 2)$ times the truth: with a third for
    exponential variances and $Λ' = 1$.
    """
    nodes, weights = roots_genlaguerre(4, shape - 1)
    variances = nodes[:, None, None] / shape
    # The mean of y x over a long prompt is Λ' w, as of one example at √Λ'.
    prompt = np.full((1, 1), variance**0.5)

    def factor(training):
        loss = expected_loss(variances, training, weights / weights.sum())
        end, _ = flow_end(loss, layer_of(0.3, np.full((1, 1), 0.3)))
        return answers(end, prompt, prompt[:, 0], np.ones(1))

    values, sizes = growing(factor)
    law = variance * shrunk_factor(shape)
    theories = {
        "1, as least squares": 1.0,
        "all training prompts at the mean": variance,
        "$E Λ/E Λ²$": variance * shape / (shape + 1),
    }
    trial.limit(
        values,
        sizes,
        law,
        order=1,
        margin=0.01 * law,
        controls=apart(theories, law, 0.03 * law),
    )


@figure("F1", claims=("risk", "covariate_shift", "adam"))
def long_prompts(shift=1.2, sampled=4000):
    """Longer prompts help a layer of linear attention until the bias of its training remains, and
    far less if inputs are a fifth larger than in training.

    Risk over the variance of the labels against the number $M$ of test examples, mean over $w$,
    $d = 2$, $Λ = diag(.5, 1.5)$, no noise. Marks: lines: theory; points: layers that Adam has
    trained, means of 4000 prompts with two standard errors.
    """
    covariance = np.diag([0.5, 1.5])
    generator = np.random.default_rng(0)
    fine = np.unique(np.geomspace(1, 1000, 40).round())
    some = np.array([1, 3, 10, 30, 100, 300, 1000])
    lines = {}
    points = {}
    for name, training, factor in (
        ("N = 10", 10, 1.0),
        ("N = 40", 40, 1.0),
        (f"N = 40, inputs × {shift:g}", 40, shift),
    ):
        after = factor**2 * covariance
        product = np.linalg.inv(gamma(covariance, training))
        risks = [2 * loss_of(product, [after], test) for test in fine]
        lines[name] = (fine, risks / np.trace(after))
        layer = adam_entries(generator, covariance, training)
        errors = []
        for test in some:
            inputs = generator.normal(size=(sampled, test + 1, 2)) @ symmetric_root(after)
            labels = np.einsum("ntd,nd->nt", inputs, generator.normal(size=(sampled, 2)))
            outputs = answers(layer, inputs[:, :-1], labels[:, :-1], inputs[:, -1])
            errors.append((outputs - labels[:, -1]) ** 2 / np.trace(after))
        widths = 2 * np.std(errors, axis=1) / np.sqrt(sampled)
        points[name] = (some, np.mean(errors, axis=1), widths)
    return chart(
        lines,
        points,
        x="examples M in the test prompt",
        y="risk / variance of labels",
        log="xy",
    )
