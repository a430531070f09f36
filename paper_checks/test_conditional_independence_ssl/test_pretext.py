"""What a linear head on the pretext can say of the target, under conditional independence."""

from typing import Annotated

import numpy as np

from paper_checks.test_conditional_independence_ssl.worlds import (
    OPS,
    SeveralCounts,
    Size,
    Violation,
    errors,
    normal,
    normal_error,
    tables,
)
from sims import conditional_independence_ssl as observed
from theory import conditional_independence_ssl as predicted
from theory_on_trial import claim, derived, recalled, tried
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic


def trace(moments):
    """Of each world."""
    return np.trace(moments, axis1=1, axis2=2)


def independent_views(trial, n_first, n_second, n_classes, dim):
    """The statistics of a random world with views that are independent given the class, M = E[p p']
    there, and the statistics of another world, with views that depend on each other.
    """
    trial.require(min(n_second, dim) >= n_classes, "n_second and dim must be at least n_classes")
    trial.require(
        n_first > min(n_second, dim),
        "n_first must exceed n_second or dim, or a head fits any label",
    )
    sizes = n_first, n_second, n_classes, dim
    _, table, moment = tables(trial, *sizes)
    _, dependent, _ = tables(trial, *sizes, violation=1.0)
    return table, moment, dependent


@claim(
    recalled("the posterior as a linear map of $E[X2 | X1]$, as slides on the paper state it"),
    kind="identity",
    cases=[(12, 9, 3, 5), (30, 20, 5, 8)],
)
def test_posterior_is_linear(
    trial, n_first: Size, n_second: Size, n_classes: SeveralCounts, dim: Size
):
    """Let $X1$ and $X2$ be independent given the class $Y$, $A = (E[X2 | Y = 1], ...)$ have full
    column rank, and $p$ be the posterior of the classes given $X1$. Then $p = A^+ E[X2 | X1]$.
    """
    table, _, _ = independent_views(trial, n_first, n_second, n_classes, dim)
    means = table.class_means[0]
    pretext = table.pretext[0]
    leading = predicted.posterior(means[:, :-1], pretext)
    head = np.linalg.norm(np.linalg.pinv(means)) * np.max(np.linalg.norm(pretext, axis=1))
    trial.identity(
        table.posterior[0],
        predicted.posterior(means, pretext),
        ops=n_second * n_classes,
        scale=head,
        controls={
            "without the last mean": np.column_stack([leading, 1 - leading.sum(axis=1)]),
        },
        generic="tables and errors are analytic in the drawn chances",
    )


@claim(
    tried(
        "abstract, sentence 4: approximate independence given the label lets a linear layer solve "
        "the task",
        "finite tables and exact independence",
    ),
    kind="identity",
    cases=[(12, 9, 3, 5), (30, 20, 5, 8)],
)
def test_posterior_is_linear__error(
    trial, n_first: Size, n_second: Size, n_classes: SeveralCounts, dim: Size
):
    """If $X1$ and $X2$ are independent given the class, and the class means of $X2$ are linearly
    independent, a linear head on the pretext $E[X2 | X1]$ predicts the posterior of the classes
    given $X1$ without error.
    """
    table, moment, dependent = independent_views(trial, n_first, n_second, n_classes, dim)
    total = trace(moment)  # of which the head explains all
    trial.identity(
        total - errors(table),
        total,
        ops=OPS,
        control_processes={"dependent given $Y$": total - errors(dependent)},
        generic="tables and errors are analytic in the drawn chances",
    )


@claim(
    derived("the projection of $T p$ on the rows of $A$, in the metric of $M$"),
    kind="identity",
    cases=[(2, 2), (5, 2), (5, 1)],
)
def test_rank_deficient(trial, dim: Size, rank: Size, n_classes: SeveralCounts = 3):
    """Let $X1$ and $X2$ be independent given the class, with posterior $p$ of the classes and
    $A = (E[X2 | Y = 1], ...)$. If $A$ has a rank below the number of classes, a linear head on the
    pretext has the approximation error $tr M - tr M A'(A M A')^+ A M$ with $M = E[p p']$.
    """
    trial.require(rank <= dim, "rank must be at most dim")
    trial.require(
        rank < n_classes <= 9, "rank must be below n_classes, which 9 values of X2 must distinguish"
    )
    _, table, (moment,) = tables(trial, 12, 9, n_classes, dim, rank=rank)
    means = table.class_means[0]
    evenly = np.full_like(table.weights, 1 / 12)
    controls = {
        "class priors for $M$": predicted.approximation_error(np.diag(table.priors[0]), means),
        "$M$ with equal weights of $x1$": predicted.approximation_error(
            observed.second_moment(table.posterior, evenly)[0], means
        ),
    }
    error = predicted.approximation_error(moment, means)
    trial.identity(
        errors(table)[0],
        error,
        ops=OPS,
        scale=np.trace(moment),
        controls=controls,
        generic="tables and errors are analytic in the drawn chances",
    )


@claim(
    tried(
        "abstract, sentence 6: nonlinear CCA has similar guarantees",
        "the span, and the error with fewer functions, for finite tables",
    ),
    kind="identity",
    cases=[(12, 9, 3, 3), (12, 9, 3, 2), (30, 20, 5, 5), (30, 20, 5, 2)],
)
def test_cca_span(trial, n_first: Size, n_second: Size, n_classes: SeveralCounts, kept: Size):
    """If $X1$ and $X2$ are independent given $k$ classes, $E[Y | X1]$ lies in the span of the $k$
    leading canonical functions of $x1$. With the first $j$ of them the approximation error is the
    sum of $|M^(1/2) w_i|^2$ over $i > j$: $M = E[p p']$ and $M_2$ are the second moments of the
    posteriors given $X1$ and given $X2$, and $w_i$ the eigenvectors of $M^(1/2) N M^(1/2)$ in
    falling order, $N$ being $M_2$ with each entry divided by the weights of both classes.
    """
    trial.require(
        kept <= min(n_second, n_classes),
        "kept must be at most n_second and n_classes, the rank of the table",
    )
    trial.require(kept < n_first, "n_first must exceed kept, or any functions of x1 fit")
    world, table, (moment,) = tables(trial, n_first, n_second, n_classes, 1)
    second = observed.second_moment(table.second_posterior, table.second_weights)[0]
    least = np.linalg.eigvalsh(moment)[: max(n_classes - kept, 1)].sum()

    def measured(as_functions):
        functions = observed.canonical_functions(world, kept, as_functions=as_functions)
        return observed.approximation_error(table.posterior, functions, table.weights)[0]

    trial.identity(
        measured(True),
        predicted.canonical_functions_error(moment, second, table.priors[0], kept),
        ops=OPS,
        scale=np.trace(moment),
        controls={"the least eigenvalues of $M$": least},
        control_processes={"vectors not divided by the root of $p(x1)$": measured(False)},
        generic="tables and errors are analytic in the drawn chances",
    )


@claim(
    derived("`rank_deficient` with $(Y, Z)$ in place of $Y$"),
    kind="identity",
    cases=[8, 6, 5, 4, 3],
)
def test_latent_variables(
    trial, dim: Size, n_classes: SeveralCounts = 3, n_latent: SeveralCounts = 2
):
    """Let $X1$ and $X2$ be independent given a class $Y$ of $k$ values and a latent $Z$ of $m$
    values, $M = E[p p']$ for the posterior $p$ of $(Y, Z)$ given $X1$, $A$ the means of $X2$ given
    $(Y, Z)$, and $T$ the sum over $Z$. The pretext has the approximation error
    $tr T M T' - tr T M A'(A M A')^+ A M T'$, which is 0 if $A$ has rank $k m$.
    """
    cells = n_classes * n_latent
    trial.require(cells <= 12, "n_classes n_latent must be at most the 12 values of X2")
    _, table, (moment,) = tables(trial, 15, 12, cells, dim)
    merger = np.kron(np.eye(n_classes), np.ones(n_latent))
    labels = table.posterior @ merger.T
    means = table.class_means[0]
    of_classes = (means * table.priors) @ merger.T / (merger @ table.priors[0])
    total = np.trace(merger @ moment @ merger.T)  # E|p|^2, of which the head explains all but a
    if n_classes <= dim < cells:
        controls = {
            "$k + m$ means suffice" if dim >= n_classes + n_latent else "$k$ means suffice": total
        }
    else:
        head = table.pretext @ np.linalg.pinv(of_classes, rcond=1e-10).T
        met, size = (np.sum(table.weights[..., None] * head * array) for array in (labels, head))
        controls = {"$A_Y^+ ψ$, $Z$ ignored, at its best scale": met**2 / size}
    trial.identity(
        total - observed.approximation_error(labels, table.pretext, table.weights)[0],
        total - predicted.approximation_error(moment, means, merger),
        # With six cells and dim = 6 conditions are some hundreds, above the hundred of OPS.
        ops=10 * OPS,
        controls=controls,
        generic="tables and errors are analytic in the drawn chances",
    )


@claim(
    recalled("$k + m$ in place of $k$, as reading notes on the paper state it"),
    kind="identity",
    cases=[6, 5, 4],
)
def test_latent_variables__gaussian(
    trial, second_dim: Size, n_classes: Size = 2, n_latent: Size = 3
):
    """If $X1$ and $X2$ are independent given $k$ normal causes $Y$ and $m$ normal latents $Z$, the
    pretext has the rank $min(k + m, d2)$, and no approximation error if $X2$ has $d2 >= k + m$
    dimensions.
    """
    n_causes = n_classes + n_latent
    trial.require(
        n_classes < second_dim and n_causes <= 10,
        "second_dim must exceed n_classes, and 10 n_causes",
    )
    laws, theory, _ = normal(0.0, second_dim=second_dim, n_causes=n_causes)
    means = observed.gaussian_world(0.0, 10, second_dim, n_causes).second
    merger = np.eye(n_causes)[:n_classes]
    error = predicted.approximation_error(theory.target_moment, means, merger)
    trial.identity(
        np.array([normal_error(laws, n_classes), np.linalg.matrix_rank(laws.pretext, tol=1e-10)]),
        np.array([error, min(n_causes, second_dim)]),
        ops=OPS,
        controls={"rank $k$, $Z$ ignored": np.array([error, n_classes])},
    )


@claim(
    tried(
        "abstract, sentence 5: the linear layer drastically reduces the number of labels",
        "the excess risk to first order, for classes and finite tables",
    ),
    kind="limit",
    cases=[(12, 9, 3, 5), (30, 20, 2, 2)],
)
def test_classes_needed(
    trial,
    n_first: Size,
    n_second: Size,
    n_classes: SeveralCounts,
    dim: Size,
    n_labels: Annotated[int, Interval(4000, 10**6, why="to first order in 1 / n")] = 8000,
):
    """Least squares on $n$ labels of $k$ classes and the pretext's $k$ features $φ$ has the excess
    risk $tr G^-1 E[(1 - |P|^2) φ φ'] / n$ to first order, with the posterior $P$ and $G = E[φ φ']$.

    If all values of X1 are distinguished, it is sum (1 - |P|^2) / n over these, some n_first / k
    times as much.
    """
    trial.require(min(n_second, dim) >= n_classes, "n_second and dim must be at least n_classes")
    trial.require(n_first >= 2 * n_classes, "n_first must be twice n_classes, or little is saved")
    _, table, _ = tables(trial, n_first, n_second, n_classes, dim)
    posterior = table.posterior[0]
    weights = table.weights[0]
    features = np.linalg.svd(table.pretext[0], full_matrices=False)[0][:, :n_classes]
    noises = 1 - np.sum(posterior**2, axis=1)
    second = features.T @ (weights[:, None] * features)

    def excess(generator, n):  # the mean over labels is exact, given the drawn x1
        counts = generator.multinomial(n_labels, weights, n)[..., None]
        inverse = np.linalg.inv(features.T @ (counts * features))
        noise = inverse @ (features.T @ (counts * noises[:, None] * features)) @ inverse
        return n_labels * np.einsum("nij,ji->n", noise, second)

    cost = predicted.class_cost(posterior, weights, features)
    controls = {
        "all values of $X1$": noises.sum(),
        "k": n_classes,
        "$k$ mean variances": n_classes * (weights @ noises),
    }
    controls = {name: value for name, value in controls.items() if abs(value - cost) > 0.06 * cost}
    options = {"margin": 0.02 * cost, "controls": controls, "first": 500, "most": 20_000}
    trial.mean(sampler=excess, predict=cost, law=Asymptotic(), **options)


@claim(derived("$1 - |P|^2$ is at most $1 - 1/k$"), kind="bound")
def test_classes_needed__at_most(
    trial, n_first: Size = 12, n_classes: SeveralCounts = 3, worlds: SeveralCounts = 24
):
    """To first order least squares on the pretext with $n$ labels of $k$ classes has an excess risk
    of at most $(k - 1) / n$, however many values $X1$ has.
    """
    trial.require(n_first > n_classes, "n_first must exceed n_classes")
    count = 29 * worlds
    _, table, _ = tables(trial, n_first, n_classes, n_classes, n_classes, worlds=count)
    costs = []
    bound = np.full((count, 2), n_classes - 1.0)
    for posterior, weights in zip(table.posterior, table.weights, strict=True):
        # Once with all that classes differ in, and once with a hundredth of it.
        mixed = [share * posterior + (1 - share) / n_classes for share in (1.0, 0.01)]
        costs.append([predicted.class_cost(p, weights, p) for p in mixed])
    controls = {"$(k - 1) / 2$": bound / 2} | (
        {"1, as of two classes": bound**0} if n_classes > 2 else {}
    )
    trial.bound(
        np.array(costs), bound, instances="draws", independent=count, ops=1e6, controls=controls
    )


@claim(
    derived("Bayes' rule for normal variables; $E[Y | X1]$ discards the second view"),
    kind="identity",
    cases=[0.0, 0.3],
)
def test_second_view_discarded(trial, violation: Violation):
    """The target of the pretext is $E[Y | X1]$. In the normal world $Y$ has the precision
    $I + A1'A1$ given $X1$, and given $X2$ as well the precision $I + A1'A1 + B'B$ with
    $B = A2 - L A1$, where $A1$ and $A2$ are the loadings of the views and $L$ what $X2$ copies of
    $X1$'s noise: what $X2$ would explain is lost.
    """
    laws, theory, _ = normal(violation)
    trial.identity(
        np.array([laws.noise, laws.noise_of_both]),
        np.array([theory.noise, theory.noise_of_both]),
        ops=OPS,
        controls={
            "$X2$ adds nothing": np.full(2, theory.noise),
            "$X1$ says all": np.full(2, theory.noise_of_both),
        },
    )
