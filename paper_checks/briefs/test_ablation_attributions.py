"""Shah, Ilyas & Madry 2024, "Decomposing and Editing Predictions by Modeling Model Computation",
ICML, arXiv 2404.11534.

For whoever attributes an output to components by ablating them at random: what the coefficients
mean, which rate of ablation sees which components, and what a fixed number of ablations loses.

Take away: the rate decides what is seen. A component with one backup shows 5 % of its gain if 5 %
of the components are ablated (best_rate-share), as in the released code, and needs 888 times as
many masks as at 75 % (best_rate-as_released), the best rate. A link of a chain is best seen at 25 %
(best_rate). And $⌈n/2⌉$ rates, weighted by Gauss and Legendre, give Shapley values exactly
(shapley). The attributions predict unseen ablations with the squared correlation
$α(1 - α) ∑ β_i²/Var f$ (banzhaf-correlation).

Setting: a model's output is $f(x)$, $x ∈ {0, 1}^n$, where $x_i = 1$ if component $i$ is kept. Each
component is ablated independently with chance $α$. The attributions $β$ are the coefficients,
beside an intercept, of the least-squares fit of $f$ by a linear function of $x$; $N$ is the number
of masks.

Edges: for $n <= 2$ one fit to masks of all rates gives Shapley values, too; for $n >= 3$ it does
not. If the number $s$ of kept components is fixed, a fit without an intercept still has one
solution, because it takes the mean of $f$ for $(s/n) ∑ β_i$. The code lists all $2^n$ masks, so $n$
is at most 10 here.

Paper: it fits linear models of a network's output to random ablations of its components, predicts
unseen ablations with them, and edits models by ablating components. This page says what such
coefficients are, for any model.

Abstract:

- Statement 1: the goal is to estimate the counterfactual impact of single components. No statement.
- Statement 2: the estimate is scalable and effective. In part: banzhaf, banzhaf-of_sampled_masks,
  banzhaf-correlation, best_rate. It is the impact averaged over ablations of the others, and its
  correlation with unseen ablations, which the paper measures, is exact here for small networks; at
  the rate of the released code components with backups are hard to see.
- Statement 3: attributions enable five edits of models. Not on trial. It needs large models.

Read: the abstract and the released code, `get_mask` and `run.sh`, as notes on the paper quote them.
Derived here: all claims but the Banzhaf value. Not claimed: the lasso of the released code, which
shrinks; how well a linear fit predicts ablations of a large model. Topic: learning.
"""

from itertools import product
from math import factorial
from typing import Annotated

import numpy as np
from scipy.optimize import brentq

from paper_checks.briefs.common import derivative
from theory_on_trial import claim, derived, known, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Components = Annotated[
    int, Interval(3, 10, why="for two the mean over rates is that of one; all masks are listed")
]
Rate = Annotated[float, Interval(0.01, 0.99, why="at 0 or 1 there is one mask")]
Masks = Annotated[int, Interval(20000, 10**7, why="a limit; fewer have some rare masks by chance")]
Kept = Annotated[int, Interval(1, 9, why="with none or all kept there is one mask")]
Copies = Annotated[int, Interval(2, 8, why="one copy has no backup; all masks are listed")]
HIDDEN = 3  # inputs of a network
WEAK = 0.1  # the gain of a group over the noise of an output


def all_masks(components):
    """All x: (2^n, n), 1 where a component is kept."""
    return np.array(list(product([0.0, 1.0], repeat=components)))


def masks_of_size(components, kept):
    """The x with s components kept: (n over s, n)."""
    masks = all_masks(components)
    return masks[masks.sum(axis=1) == kept]


def mask_chances(masks, rate):
    """The chance of each mask, (2^n,), if each component is ablated with chance `rate`."""
    kept = masks.sum(axis=1)
    return (1 - rate) ** kept * rate ** (masks.shape[1] - kept)


def outputs_of_network(generator, components, steps=300):
    """The outputs at all masks, (2^n,), of a trained tanh network 3-n-n-1 at one input, whose
    components are the units of its first layer.
    """
    inputs = generator.normal(size=(60, HIDDEN))
    targets = np.sin(2 * inputs[:, 0]) * inputs[:, 1] + inputs[:, 2] ** 2
    first = generator.normal(size=(HIDDEN, components))
    second = generator.normal(size=(components, components)) * 2 / np.sqrt(components)
    last = generator.normal(size=components) / np.sqrt(components)
    for _ in range(steps):
        low = np.tanh(inputs @ first)
        high = np.tanh(low @ second)
        error = (high @ last - targets) / len(inputs)
        to_high = np.outer(error, last) * (1 - high**2)
        to_low = to_high @ second.T * (1 - low**2)
        last = last - 0.1 * high.T @ error
        second = second - 0.1 * low.T @ to_high
        first = first - 0.1 * inputs.T @ to_low
    units = np.tanh(inputs[0] @ first)
    return np.tanh((all_masks(components) * units) @ second) @ last


def outputs_of_groups(copies):
    """The outputs at all masks of a group of backups, of which one is enough, and of a chain, whose
    links are all needed: (2, 2^m), with gain 1.
    """
    masks = all_masks(copies)
    return np.array([masks.max(axis=1), masks.min(axis=1)])


@observed
def fitted(masks, chances, outputs):
    """Coefficients (n,) of the weighted least-squares fit with an intercept, of least norm if there
    are several.
    """
    weights = np.sqrt(chances)
    design = np.column_stack([np.ones(len(masks)), masks])
    return np.linalg.lstsq(weights[:, None] * design, weights * outputs, rcond=1e-12)[0][1:]


@observed
def fitted_to_all_rates(masks, outputs):
    """Coefficients (n,) of one least-squares fit to masks whose rates are uniform on (0, 1)."""
    n = masks.shape[1]
    sizes = masks.sum(axis=1).astype(int)
    chances = np.array([factorial(k) * factorial(n - k) / factorial(n + 1) for k in sizes])
    return fitted(masks, chances, outputs)


@observed
def mean_fit_over_rates(masks, outputs, rates):
    """The mean of the fits at the rates of Gauss and Legendre, by their weights: (n,)."""
    nodes, weights = np.polynomial.legendre.leggauss(rates)
    fits = [fitted(masks, mask_chances(masks, (1 + node) / 2), outputs) for node in nodes]
    return weights @ np.array(fits) / 2


@observed
def rank_of_design(masks):
    """The rank of the columns of an intercept and of all components."""
    return int(np.linalg.matrix_rank(np.column_stack([np.ones(len(masks)), masks])))


@observed
def sampled_fits(generator, n, masks, chances, outputs, number, noise=0.0):
    """Coefficients (n, components) of n fits to N masks each, and their t-statistics. `noise` is
    the deviation of the noise of each output.
    """
    design = np.column_stack([np.ones(len(masks)), masks])
    width = design.shape[1]
    counts = generator.multinomial(number, chances, size=n)
    sums = counts * outputs + noise * np.sqrt(counts) * generator.normal(size=counts.shape)
    squares = design[:, :, None] * design[:, None, :]
    gram = (counts @ squares.reshape(len(masks), -1)).reshape(n, width, width)
    found = np.linalg.solve(gram, (sums @ design)[:, :, None])[..., 0]
    averages = sums / np.maximum(counts, 1)
    between = np.sum(counts * (averages - found @ design.T) ** 2, axis=1)
    within = noise**2 * generator.chisquare(number - np.sum(counts > 0, axis=1))
    variance = (between + within) / (number - width)
    spread = np.sqrt(variance[:, None] * np.linalg.inv(gram)[:, range(1, width), range(1, width)])
    return found[:, 1:], found[:, 1:] / spread


@observed
def squared_z(masks, outputs, rate, noise):
    """(β_1/sd)² per mask of the least-squares fit, as N → ∞, by the population's moments."""
    chances = mask_chances(masks, rate)
    design = np.column_stack([np.ones(len(masks)), masks])
    bread = np.linalg.inv(design.T @ (chances[:, None] * design))
    found = bread @ (design.T @ (chances * outputs))
    square = (outputs - design @ found) ** 2 + noise**2
    spread = bread @ (design.T @ ((chances * square)[:, None] * design)) @ bread
    return found[1] ** 2 / spread[1, 1]


@observed
def best_rate_found(masks, outputs, noise):
    """The rate of the largest β_1/sd, to rounding."""

    def slope(rate):
        return derivative(lambda a: np.log(squared_z(masks, outputs, a, noise)), rate)

    rates = np.linspace(0.01, 0.99, 99)
    best = np.argmax([squared_z(masks, outputs, rate, noise) for rate in rates])
    return brentq(slope, rates[best] - 0.01, rates[best] + 0.01, xtol=1e-14)


@observed
def squared_correlation(masks, chances, outputs):
    """The squared correlation of f with its least-squares fit over masks of these chances."""
    found = masks @ fitted(masks, chances, outputs)
    covariance = np.cov(found, outputs, aweights=chances)
    return covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1])


@predicted
def explained_by_attributions(masks, rate, outputs):
    """α(1 - α) Σ β_i²/Var f."""
    chances = mask_chances(masks, rate)
    values = banzhaf_value(masks, chances, outputs)
    variance = chances @ (outputs - chances @ outputs) ** 2
    return rate * (1 - rate) * np.sum(values**2) / variance


@predicted
def banzhaf_value(masks, chances, outputs):
    """E[f | x_i = 1] - E[f | x_i = 0] of independent x: (n,)."""
    weighted = chances * outputs
    on = weighted @ masks / (chances @ masks)
    off = weighted @ (1 - masks) / (chances @ (1 - masks))
    return on - off


@predicted
def shapley_value(masks, outputs):
    """Σ over sets of the others of |S|! (n - 1 - |S|)!/n! times the change by component i: (n,)."""
    n = masks.shape[1]
    sizes = masks.sum(axis=1).astype(int)
    order = factorial(n)
    joins = np.array([factorial(k - 1) * factorial(n - k) / order if k else 0.0 for k in sizes])
    lacks = np.array([factorial(k) * factorial(n - 1 - k) / order if k < n else 0 for k in sizes])
    return (joins * outputs) @ masks - (lacks * outputs) @ (1 - masks)


@predicted
def single_ablation(masks, outputs):
    """f(all) - f(all but i): (n,)."""
    n = masks.shape[1]
    without = [np.flatnonzero((masks == 1 - np.eye(n)[i]).all(axis=1))[0] for i in range(n)]
    return outputs[-1] - outputs[without]


@predicted
def squared_errors_of_masks(masks, rate, outputs, adjusted=True):
    """N times the variance of β_i: E[(r (x_i - 1 + α))²]/(α(1 - α))², r the residual, (n,); that of
    a difference of means if not `adjusted` for the other components.
    """
    chances = mask_chances(masks, rate)
    centred = masks - (1 - rate)
    values = banzhaf_value(masks, chances, outputs)
    rest = outputs - chances @ outputs
    residual = rest - centred @ values
    if not adjusted:
        residual = rest[:, None] - centred * values
        return chances @ (residual * centred) ** 2 / (rate * (1 - rate)) ** 2
    return (chances * residual**2) @ centred**2 / (rate * (1 - rate)) ** 2


@predicted
def errors_of_one_size(masks, rate, outputs):
    """E r²/(α(1 - α)), N times the usual square of a standard error."""
    chances = mask_chances(masks, rate)
    values = banzhaf_value(masks, chances, outputs)
    residual = outputs - chances @ outputs - (masks - (1 - rate)) @ values
    return chances @ residual**2 / (rate * (1 - rate)) * np.ones(masks.shape[1])


@predicted
def differences_at_fixed_number(masks, outputs, independent=False):
    """n(n - 1)/(s(n - s)) Cov(x_i, f) less its mean over i, over masks with s kept: (n,); n² for
    n(n - 1), as of independent components, if `independent`.
    """
    n = masks.shape[1]
    kept = masks[0].sum()
    covariances = (outputs - outputs.mean()) @ masks / len(masks)
    scale = (n**2 if independent else n * (n - 1)) / (kept * (n - kept))
    return scale * (covariances - covariances.mean())


@predicted
def known_coefficients(components):
    """How many of the n + 1 coefficients a fixed number of ablations fixes: n."""
    return components


@predicted
def least_norm_of_sum(components, kept):
    """The common coefficient s²/(n + s²)."""
    return kept**2 / (components + kept**2)


@predicted
def share_of_gain(copies, rate):
    """β over the gain: α^(m-1) of a backup and (1 - α)^(m-1) of a link: (2,)."""
    return np.array([rate ** (copies - 1), (1 - rate) ** (copies - 1)])


@predicted
def detection(copies, rate, number):
    """Share of the gain times √(Nα(1 - α)), of a gain as large as the noise: (2,)."""
    return share_of_gain(copies, rate) * np.sqrt(number * rate * (1 - rate))


@predicted
def best_rates(copies):
    """1 - 1/(2m) for backups, 1/(2m) for a chain: (2,)."""
    return np.array([1 - 1 / (2 * copies), 1 / (2 * copies)])


RATES = [(3, 0.5), (10, 0.05), (7, 0.9)]


@claim(
    known(
        "Marichal & Mathonet 2011, weighted Banzhaf values as a weighted least-squares fit; "
        "Hammer & Holzman 1992 at $α = ½$"
    ),
    kind="identity",
    cases=RATES,
)
def test_banzhaf(trial, components: Components, rate: Rate):
    """If each component of a model with the output $f$ is ablated independently with chance $α$,
    $0 < α < 1$, the least-squares fit of $f$ by a linear function has the coefficients
    $β_i = E[f | x_i = 1] - E[f | x_i = 0]$, the weighted Banzhaf values, where $x_i = 1$ if
    component $i$ is kept.
    """
    outputs = outputs_of_network(trial.generator("network"), components)
    masks = all_masks(components)
    chances = mask_chances(masks, rate)
    trial.identity(
        fitted(masks, chances, outputs),
        banzhaf_value(masks, chances, outputs),
        ops=100 / np.sqrt(rate * (1 - rate)),
        scale=np.max(np.abs(outputs)),
        generic="both sides are linear in the outputs, which are analytic in what is drawn",
        controls={
            "Shapley values": shapley_value(masks, outputs),
            "each component is ablated alone": single_ablation(masks, outputs),
        },
    )


@claim(
    tried(
        "abstract, statement 2: the estimate is effective, by the paper's measure, the correlation",
        "its value for every model",
    ),
    kind="identity",
    cases=RATES,
)
def test_banzhaf__correlation(trial, components: Components, rate: Rate):
    """Let each component of a model with the output $f$ be ablated independently with chance $α$,
    $x_i = 1$ if component $i$ is kept. The least-squares fit to all masks has over unseen masks of
    this law the squared correlation $α(1 - α) ∑ β_i²/Var f$ with $f$, where
    $β_i = E[f | x_i = 1] - E[f | x_i = 0]$.
    """
    outputs = outputs_of_network(trial.generator("network"), components)
    masks = all_masks(components)
    chances = mask_chances(masks, rate)
    law = explained_by_attributions(masks, rate, outputs)
    values = banzhaf_value(masks, chances, outputs)
    rivals = {
        "Shapley values": shapley_value(masks, outputs),
        "each component is ablated alone": single_ablation(masks, outputs),
    }
    wrong = {
        name: law * (slopes @ values) ** 2 / (slopes @ slopes) / (values @ values)
        for name, slopes in rivals.items()
    }
    trial.value(
        squared_correlation(masks, chances, outputs),
        law,
        # Variances at the rate .01 are some 1e-5 of the squares that cancel in them.
        error=1e-9,
        margin=1e-6,
        generic="both sides are analytic in the outputs, which are analytic in what is drawn",
        controls={"a linear fit predicts all": 1.0, **wrong},
    )


@claim(
    derived("the sandwich of Huber and White, for independent columns"),
    kind="limit",
    cases=[(2, 0.2, 10**6), (3, 0.05, 10**5), (4, 0.35, 20000)],
)
def test_banzhaf__of_sampled_masks(
    trial,
    components: Annotated[
        int, Interval(2, 4, why="one component is not ablated beside others; many fits")
    ],
    rate: Annotated[
        float, Interval(0.05, 0.35, why="near ½ all errors have one size; near 0 few ablations")
    ],
    number: Masks,
):
    """Let $b$ be the least-squares coefficients of $f$ on $N$ random masks $x$, whose entries are 0
    with chance $α$, and $β$ those of the population, with the residual $r$. As $N → ∞$, $N$ times
    the mean of $sum_i (b_i - β_i)²$ tends to $sum_i E[(r (x_i - 1 + α))²]/(α(1 - α))²$.
    """
    masks = all_masks(components)
    outputs = trial.generator("f").normal(size=len(masks)) + masks.sum(axis=1)
    chances = mask_chances(masks, rate)
    best = fitted(masks, chances, outputs)
    law = squared_errors_of_masks(masks, rate, outputs).sum()

    def squares(generator, n):
        found, _ = sampled_fits(generator, n, masks, chances, outputs, number)
        return number * np.sum((found - best) ** 2, axis=1)

    trial.mean(
        squares,
        law,
        law=Asymptotic(),
        margin=0.02 * law,
        most=1_000_000,
        controls={
            "a difference of means": squared_errors_of_masks(
                masks, rate, outputs, adjusted=False
            ).sum(),
            "residuals of one size": errors_of_one_size(masks, rate, outputs).sum(),
        },
        first=16_384,
    )


@claim(
    derived("$β_i$ is a polynomial of degree $n - 1$ in $α$; its mean is Owen's of 1972"),
    kind="identity",
    cases=[3, 4, 7, 10],
)
def test_shapley(trial, components: Components):
    """Let $β_i$ be the least-squares coefficient of component $i$ of $n$ in the output $f$ if each
    component is ablated with chance $α$. The mean of $β_i$ over the $⌈n/2⌉$ rates $α$ of Gauss and
    Legendre on (0, 1), with their weights, is the Shapley value of component $i$, as is the mean
    over all rates.
    """
    masks = all_masks(components)
    outputs = trial.generator("f").normal(size=len(masks))
    trial.identity(
        mean_fit_over_rates(masks, outputs, (components + 1) // 2),
        shapley_value(masks, outputs),
        # The two sums of Shapley values have 512 terms at n = 10; the fits' condition is below 50.
        ops=1000,
        scale=np.max(np.abs(outputs)),
        generic="both sides are linear in the outputs",
        controls={"Banzhaf values": banzhaf_value(masks, mask_chances(masks, 0.5), outputs)},
        control_processes={
            "one fit to masks of all rates": fitted_to_all_rates(masks, outputs),
            "$⌈n/2⌉ - 1$ rates are enough": mean_fit_over_rates(
                masks, outputs, (components - 1) // 2
            ),
        },
    )


FIXED = [(3, 1), (5, 3), (10, 4), (10, 9)]


@claim(derived("covariances of draws without replacement"), kind="identity", cases=FIXED)
def test_fixed_number(trial, components: Components, kept: Kept):
    """If exactly $s$ of $n$ components are kept at random, $1 <= s < n$, the differences of the
    least-squares coefficients of $f$ are those of $n(n - 1)/(s(n - s)) Cov(x_i, f)$, where
    $x_i = 1$ if component $i$ is kept.
    """
    trial.require(kept < components, "kept must be below components")
    masks = masks_of_size(components, kept)
    outputs = trial.generator("f").normal(size=len(masks)) + masks @ np.arange(components)
    found = fitted(masks, np.ones(len(masks)), outputs)
    trial.identity(
        found - found.mean(),
        differences_at_fixed_number(masks, outputs),
        # Fits to at most 252 masks, whose condition is below 10; covariances of as many terms.
        ops=1000,
        scale=np.max(np.abs(outputs)),
        generic="both sides are linear in the outputs",
        controls={
            "as if they were ablated independently": differences_at_fixed_number(
                masks, outputs, independent=True
            )
        },
    )


@claim(derived("$∑ x_i$ is the intercept's column"), kind="identity", cases=FIXED)
def test_fixed_number__rank(trial, components: Components, kept: Kept):
    """If exactly $s$ of $n$ components are kept, $1 <= s < n$, the design of an intercept and all
    components has rank $n$, one less than its $n + 1$ columns: least squares leave one direction of
    the coefficients open.
    """
    trial.require(kept < components, "kept must be below components")
    trial.identity(
        rank_of_design(masks_of_size(components, kept)),
        known_coefficients(components),
        ops=0,
        controls={"all coefficients are known": components + 1},
    )


@claim(derived("the least of $n a² + b²$ with $s a + b = s$"), kind="identity", cases=FIXED)
def test_fixed_number__least_norm(trial, components: Components, kept: Kept):
    """If exactly $s$ of $n$ components are kept and $f = ∑ x_i$, where $x_i = 1$ if component $i$
    is kept, the least-squares fit of least norm has all coefficients $s²/(n + s²)$ and not 1.
    """
    trial.require(kept < components, "kept must be below components")
    masks = masks_of_size(components, kept)
    trial.identity(
        fitted(masks, np.ones(len(masks)), masks.sum(axis=1)),
        np.full(components, least_norm_of_sum(components, kept)),
        # Fits to at most 252 masks, whose condition is below 10; the rest is room.
        ops=1000,
        controls={
            "the effect of each": np.ones(components),
            "columns are centred first": np.zeros(components),
        },
    )


@claim(derived("$log α^(2m-1) (1 - α)$ is largest there"), kind="limit", cases=[2, 3, 5, 8])
def test_best_rate(trial, copies: Copies):
    """Let an output gain 1 if at least one of $m$ backups is kept, or if all $m$ links of a chain
    are kept, beside independent noise of deviation $v$, and let each component be ablated with
    chance $α$. As $v → ∞$, the ratio of a component's least-squares coefficient to its standard
    error is largest at $α = 1 - 1/(2m)$ for a backup and at $α = 1/(2m)$ for a link.
    """
    masks = all_masks(copies)
    sizes = 2.0 ** np.arange(1, 7)
    found = [
        [best_rate_found(masks, outputs, noise) for outputs in outputs_of_groups(copies)]
        for noise in sizes
    ]
    law = best_rates(copies)
    trial.limit(
        np.array(found),
        sizes,
        law,
        order=2,
        margin=0.005 * law,
        controls={"½ for all": [0.5, 0.5], "$1/m$, one of a group at a time": [1 / copies] * 2},
    )


@claim(
    derived("all others must be out, or in"), kind="identity", cases=[(2, 0.05), (3, 0.5), (8, 0.9)]
)
def test_best_rate__share(trial, copies: Copies, rate: Rate):
    """If each component is ablated with chance $α$, the least-squares coefficient of one of $m$
    backups, of which one is enough, is the share $α^(m-1)$ of the group's gain, and that of one of
    $m$ links, all of which are needed, is the share $(1 - α)^(m-1)$.
    """
    masks = all_masks(copies)
    chances = mask_chances(masks, rate)
    law = share_of_gain(copies, rate)
    controls = {"no share and all, as single ablation": [0.0, 1.0]}
    if copies != 2 or rate != 0.5:  # where both shares are equal
        controls["an equal share, as Shapley's"] = [1 / copies, 1 / copies]
    trial.identity(
        [fitted(masks, chances, outputs)[0] for outputs in outputs_of_groups(copies)],
        law,
        ops=100 / np.sqrt(rate * (1 - rate)),
        scale=1.0,
        controls=controls,
    )


@claim(
    derived("$β/sd$ for a gain that is small beside the noise"),
    kind="limit",
    cases=[(2, 0.75, 10**6), (2, 0.25, 10**7), (3, 0.5, 10**6)],
)
def test_best_rate__detection(
    trial,
    copies: Annotated[int, Interval(2, 3, why="one copy has no backup; more need more masks")],
    rate: Annotated[
        float, Interval(0.2, 0.8, why="at the ends one kind of group is not seen at all")
    ],
    number: Masks,
):
    """Let $N$ masks ablate each component with chance $α$, and let a group of $m$ components add
    the gain $v/10$ to an output with noise of deviation $v$. The $t$-statistic of a component has
    the mean $.1 α^(m-1) √(Nα(1 - α))$ if one of the group is enough, and
    $.1 (1 - α)^(m-1) √(Nα(1 - α))$ if all are needed, to within 1 %.
    """
    masks = all_masks(copies)
    chances = mask_chances(masks, rate)
    law = WEAK * detection(copies, rate, number)
    trial.require(law.min() > 3, "the weaker of both must be seen at all: take more masks")

    def statistics(generator, n):
        fits = [
            sampled_fits(generator, n, masks, chances, WEAK * outputs, number, noise=1.0)[1][:, 0]
            for outputs in outputs_of_groups(copies)
        ]
        return np.stack(fits, axis=1)

    alone = WEAK * detection(1, rate, number)
    trial.mean(
        statistics,
        law,
        law=Asymptotic(),
        margin=0.01 * law,
        controls={"as a component alone": alone},
    )


@claim(
    derived("the square of $β/sd$ at two rates"),
    kind="limit",
    cases=[(2, 0.05), (3, 0.05), (2, 0.025), (4, 0.2)],
)
def test_best_rate__as_released(
    trial,
    copies: Annotated[
        int, Interval(2, 4, why="one copy has no backup; of more a rare rate shows below rounding")
    ],
    rate: Annotated[float, Interval(0.01, 0.2, why="a rate far from the best one for a backup")],
):
    """One of $m$ backups whose gain is small beside the noise needs, at the rate $α$ of ablation,
    $(a/α)^(2m-1) (1 - a)/(1 - α)$ times as many masks as at the best rate $a = 1 - 1/(2m)$: 888
    times for $m = 2$ at the released $α = .05$.
    """
    masks = all_masks(copies)
    backups, _ = outputs_of_groups(copies)
    best = best_rates(copies)[0]
    law = (detection(copies, best, 1)[0] / detection(copies, rate, 1)[0]) ** 2
    alone = (detection(1, 0.5, 1)[0] / detection(1, rate, 1)[0]) ** 2
    noise = 1000.0
    largest = squared_z(masks, backups, best_rate_found(masks, backups, noise), noise)
    trial.value(
        largest / squared_z(masks, backups, rate, noise),
        law,
        error=1e-9 * law,
        margin=1e-3 * law,
        controls={"as a component alone": alone},
    )


@figure("F1", claims=("best_rate", "best_rate-share", "best_rate-detection"))
def which_rate_sees_what(number: int = 4000, fits: int = 400):
    """A low rate of ablation sees links of a chain and hides components with backups.

    Mean $t$-statistic of a component over $√N$, for a gain as large as $v/10$, in units of .1.
    Marks: lines: law; points: mean of sampled fits, with two standard errors.
    """
    fine = np.linspace(0.001, 0.999, 300)
    coarse = np.array([0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9])
    generator = np.random.default_rng(0)
    groups = {"alone": (1, 0), "one backup": (2, 0), "two backups": (3, 0), "chain of two": (2, 1)}
    lines = {}
    points = {}
    for name, (copies, kind) in groups.items():
        masks = all_masks(copies)
        outputs = WEAK * outputs_of_groups(copies)[kind]
        lines[name] = fine, [detection(copies, a, 1)[kind] for a in fine]
        means = []
        errors = []
        for rate in coarse:
            chances = mask_chances(masks, rate)
            drawn = sampled_fits(generator, fits, masks, chances, outputs, number, noise=1.0)[1]
            scaled = drawn[:, 0] / (WEAK * np.sqrt(number))
            means.append(scaled.mean())
            errors.append(2 * scaled.std() / np.sqrt(fits))
        points[name] = coarse, means, errors
    return chart(
        lines,
        points,
        thresholds={"released rate": 0.05},
        legend="beside",
        x="rate of ablation α",
        y="t-statistic / (.1 √N)",
        xlim=(0, 1),
        ylim=(-0.02, 0.55),
    )
