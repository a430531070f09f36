"""How many labels and unlabelled pairs the head needs."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_conditional_independence_ssl.worlds import (
    SAMPLES,
    SeveralCounts,
    Violated,
    Violation,
    normal,
    risk_of,
)
from sims import conditional_independence_ssl as observed
from theory import conditional_independence_ssl as predicted
from theory_on_trial import claim, derived, known
from theory_on_trial.contract import MOST, Interval

Features = Literal["pretext", "all"]
Labels = Annotated[
    int,
    Interval(25, 50, why="below risks have heavy tails, above r / (n - r) is as good a formula"),
]
Pairs = Annotated[
    int,
    Interval(2000, MOST, why="the error of a learned pretext is known to first order in 1 / n1"),
]


@claim(
    known(
        "Breiman & Freedman 1983, for normal variables",
        within="what the best fit leaves counts as noise",
    ),
    kind="limit",
    cases=[(0.0, "pretext"), (0.6, "pretext"), (0.3, "all")],
)
def test_labels_needed(trial, violation: Violation, features: Features, n_labels: Labels = 50):
    """If $X1$ and $Y$ are jointly normal, least squares on $r$ features that are linear in $X1$ has
    the mean excess risk $a + (σ^2 + a) r / (n - r - 1)$ with $n > r + 1$ labels: $a$ is the
    approximation error, 0 for all of $X1$, and $σ^2$ the variance of $Y$ given $X1$.
    """
    laws, theory, head, rank, error = read_by(features, violation)

    def risk(spread, noise=theory.noise + error):
        return error + noise * spread

    right = predicted.excess_risk(n_labels, rank, theory.noise, error)
    controls = {"$r / n$": risk(rank / n_labels), "$r / (n - r)$": risk(rank / (n_labels - rank))}
    if rank < len(laws.pretext):
        controls["the width $d2$ for $r$"] = risk(6 / (n_labels - 7))
    elif error and violation > 0.25:  # below it is too near to be distinguished
        controls["$σ^2$ for $σ^2 + a$"] = risk(rank / (n_labels - rank - 1), theory.noise)
    # One hundredth of what labels cost: of all of it, a large a would hide r / (n - r), 1 / (n - r)
    # of that cost away.
    trial.mean(
        risk_of(laws, head, n_labels),
        right,
        margin=0.01 * (right - error),
        controls=controls,
        **SAMPLES,
    )


def read_by(features, violation):
    """A normal world, and the head that its labels meet, with the head's rank and error."""
    laws, theory, basis = normal(violation)
    error = theory.approximation_error
    head = (
        (basis, theory.rank, error)
        if features == "pretext"
        else (np.eye(basis.shape[1]), basis.shape[1], 0.0)
    )
    return laws, theory, *head


@claim(
    known(
        "Stein 1960, Multiple regression, for normal variables",
        within="what the best fit leaves counts as noise",
    ),
    kind="limit",
    cases=["pretext", "all"],
)
def test_labels_needed__intercept(
    trial, features: Features, n_labels: Labels = 40, violation: Violated = 0.3
):
    """If $X1$ and $Y$ are jointly normal, least squares with an intercept on $r$ features that are
    linear in $X1$ has the mean excess risk $(σ^2 + a)(1 + 1/n)(n - 2)/(n - r - 2) - σ^2$ with
    $n > r + 2$ labels: $a$ is the approximation error, and $σ^2$ the variance of $Y$ given $X1$.
    """
    laws, theory, head, rank, error = read_by(features, violation)
    risk, control = (
        predicted.excess_risk(n_labels, rank, theory.noise, error, intercept=intercept)
        for intercept in (True, False)
    )
    measure = risk_of(laws, head, n_labels, intercept=True)
    trial.mean(
        measure, risk, margin=0.01 * risk, controls={"without the intercept": control}, **SAMPLES
    )


def learned(n_pairs):
    """The normal world without violation, the directions that n1 pairs teach, τ, and a root of its
    noise.
    """
    laws, theory, _ = normal(0.0)
    root = np.linalg.cholesky(laws.residual)
    tau = predicted.pretext_noise(theory.target, theory.pretext, theory.residual)

    def directions(key):
        return observed.leading_directions(
            observed.learned_pretext(key, n_pairs, laws.pretext, root), 6
        )

    return laws, theory, directions, tau, root


@claim(derived("first-order perturbation of the row space of the pretext"), kind="limit")
def test_learned_pretext(trial, n_pairs: Pairs = 6400):
    """A pretext that is learned from $n1$ pairs of normal views, independent given the label, and
    cut to its $k$ leading directions, as many as the label has or all of them, has the mean
    approximation error $(d1 - k) τ / (n1 - d1 - 1)$, up to 1 % or $64 / n1$; $X1$ has $d1$
    dimensions, and $τ$ is the variance of the pretext's noise as the best head passes it to the
    label.
    """
    laws, theory, directions, tau, root = learned(n_pairs)
    left, singular, right = np.linalg.svd(laws.pretext)
    signal = right[:2]
    no_signal = left[:, 2:].T
    head = laws.target @ signal.T / singular[:2] @ left[:, :2].T / n_pairs**0.5
    # Head and no_signal see independent noise
    mean_of_noise = np.sum((head @ root) ** 2) * np.array([8, 4])

    def errors_of(key):  # less what its noise would leave by itself, plus the mean of that
        noise = observed.pretext_noise(key, root, 10)
        full = directions(key)
        estimate = observed.leading_directions(jnp.concatenate([signal, no_signal @ noise]), 6)
        errors = [observed.head_error(laws.target, rows) for rows in (full[:2], full)]
        of_noise = [observed.head_error(head @ noise, rows) for rows in (signal, estimate)]
        return jnp.stack(errors) - jnp.stack(of_noise) + mean_of_noise

    def formula(noise):
        return np.array(
            [predicted.learned_pretext_error(n_pairs, 10, rank, noise) for rank in (2, 6)]
        )

    all_noise = theory.residual + theory.pretext @ theory.pretext.T
    total = predicted.pretext_noise(theory.target, theory.pretext, all_noise)
    risk = formula(tau)
    controls = {
        "$d1$ for $d1 - k$": np.full(2, 10 * tau / (n_pairs - 11)),
        "all variance of $X2$": formula(total),
    }
    trial.mean(errors_of, risk, margin=max(0.01, 64 / n_pairs) * risk, controls=controls, **SAMPLES)


@claim(derived("the mean of an inverse Wishart matrix"), kind="limit", cases=[30, 60])
def test_learned_pretext__true_head(
    trial,
    n_pairs: Annotated[
        int,
        Interval(30, 800, why="below risks have heavy tails, above d1 τ / n1 is as good a formula"),
    ],
):
    """Under the best head of the true pretext, one that is learned from $n1$ pairs of normal views
    errs by $d1 τ / (n1 - d1 - 1)$ at each $n1 > d1 + 1$; $X1$ has $d1$ dimensions, and $τ$ is the
    variance of the pretext's noise as the head passes it to the label.
    """
    laws, _, _, tau, root = learned(n_pairs)
    head = laws.target @ np.linalg.pinv(laws.pretext, rcond=1e-10)
    noise = np.sum((head @ root) ** 2)

    def error_of(key):  # that head of a regression of X2 on x1 is the regression of that head of X2
        return observed.excess_risk(
            key, n_pairs, head @ laws.pretext, np.eye(10), noise, steadied=True
        )

    risk = predicted.learned_pretext_error(n_pairs, 10, 0, tau)
    controls = {"$d1 τ / n1$": 10 * tau / n_pairs}
    if n_pairs <= 60:  # beyond it is too near to be distinguished
        controls["$d1 τ / (n1 - d1)$"] = 10 * tau / (n_pairs - 10)
    trial.mean(error_of, risk, margin=0.01 * risk, controls=controls, **SAMPLES)


@claim(
    derived("`learned_pretext` put into `labels_needed` with $r = k$"),
    kind="limit",
    tier="full",
    cases=[20, 40, 80],
)
def test_learned_pretext__labels(
    trial,
    n_labels: Annotated[int, Interval(20, 80)],
    n_pairs: Pairs = 2000,
):
    """A pretext that is learned from $n1$ pairs of normal views has the mean excess risk
    $a + (σ^2 + a) r / (n - r - 1)$ after $n$ labels, where $a$ is its approximation error, $σ^2$
    the variance of $Y$ given $X1$, and $r$ the number of coefficients that are kept of it: $k$ if
    it is cut to $k$ directions, and all $d2$ if it is not.
    """
    laws, theory, directions, tau, _ = learned(n_pairs)

    def measure(key):
        pairs, labels = jax.random.split(key)
        full = directions(pairs)
        heads = full[:2], full
        return jnp.stack(
            [
                observed.excess_risk(labels, n_labels, laws.target, head, laws.noise)
                for head in heads
            ]
        )

    def risks(ranks):
        left = [predicted.learned_pretext_error(n_pairs, 10, rank, tau) for rank in (2, 6)]
        pairs = zip(ranks, left, strict=True)
        return np.array(
            [predicted.excess_risk(n_labels, rank, theory.noise, error) for rank, error in pairs]
        )

    risk = risks((2, 6))
    controls = {"$k$, uncut too": risks((2, 2)), "$d2$, cut too": risks((6, 6))}
    trial.mean(measure, risk, margin=0.05 * risk, controls=controls, **SAMPLES)


@claim(derived("an invertible map of $x1$ changes no least-squares prediction"), kind="identity")
def test_no_gain_if_wide(
    trial,
    dim: SeveralCounts = 6,
    second_dim: SeveralCounts = 8,
    n_labels: Annotated[int, Interval(2, 300, why="as many are drawn")] = 30,
):
    """If $X2$ has at least as many dimensions as $X1$ and there are more pairs and at least as many
    labels as these, $d1$, then a head on the uncut learned pretext predicts as one on $x1$ does:
    nothing is saved.
    """
    trial.require(
        second_dim >= dim > 2,
        "second_dim must be at least dim, above the two directions of the control",
    )
    trial.require(n_labels >= dim, "n_labels must be at least dim")
    generator = trial.generator()
    world = observed.gaussian_world(0.0, dim, second_dim)

    def drawn():
        first, second, labels = observed.draw(generator, world, 300)
        pretext = np.linalg.lstsq(first[100:], second[100:], rcond=None)[0]
        return (
            first,
            labels,
            pretext,
            np.linalg.svd(first[:n_labels] @ pretext, compute_uv=False)[[0, dim - 1]],
        )

    # True of any data, so that it is asked of those of which rounding leaves most.
    first, labels, pretext, (most, least) = max(
        (drawn() for _ in range(20)), key=lambda data: data[-1][1]
    )
    cut = np.linalg.svd(pretext)[0][:, :2]

    def says(through, count=n_labels):
        return observed.head_predictions(
            first[:count] @ through, labels[:count], first[50:100] @ through
        )

    raw = says(np.eye(dim))
    few = dim - 1
    longest = np.linalg.norm(first[50:100] @ pretext, axis=1).max()
    trial.identity(
        says(pretext),
        raw,
        # Weights of length |y| / least, in which an error of the design grows by its condition.
        ops=10 * n_labels * most / least * max(longest / least, 1.0),
        scale=np.max(np.abs(labels)),
        control_processes={
            "cut to two directions": says(cut),
            "least norm, $n < d1$": raw + says(pretext, few) - says(np.eye(dim), few),
        },
        instances="search",
    )
