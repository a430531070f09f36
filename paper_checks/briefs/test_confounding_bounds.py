"""Melnychuk, Frauen & Feuerriegel 2024, "Bounds on Representation-Induced Confounding Bias for
Treatment Effect Estimation", ICLR, arXiv 2311.11321.

For someone who conditions on a low-dimensional $φ(x)$ and must say how far $E[Y(1)|φ]$ can be from
the observed mean.

Paper: a representation that drops information may drop confounders, so that effects given the
representation are no longer identified. The paper bounds them by a sensitivity model and estimates
the bounds with networks. This page gives the exact bounds at one value of $φ$.

Take away: for outcomes 0, 1, 2, 5 of mean 2, $π = ½$ and $Γ = 2$ the truth may be anywhere in
[1.675, 2.45], and both ends are reached by a world with two hidden groups. The share of the
outcomes that counts, the top $1/(1 + Γ)$, does not depend on $π$; the width is proportional to
$1 - π$.

At one value of $φ$ the treated have outcomes $y_i$ with probabilities $p_i$ and mean $M$, and
$π = P(A = 1|φ)$. A sensitivity $Γ ≥ 1$ bounds what $φ$ leaves out: for each hidden $u$, the odds of
treatment given $φ$ and $u$ are within a factor $Γ$ of those given $φ$. Then
$dP(Y(1)|φ)/dP(Y|A = 1, φ)$ is a weight $w$ with mean 1 in $[s_-, s_+]$, $s_- = 1-(1-1/Γ)(1-π)$,
$s_+ = 1+(Γ-1)(1-π)$. CVaR is the mean of the top $1/(1+Γ)$ of the mass.

Edges: at $Γ = 1$ both ends are $M$; as $Γ → ∞$ the upper end tends to $π M + (1-π) max y$. If an
outcome lies across the border of the top share, its mass is split.

Abstract:

- Statement 1: a representation of small dimension can lose confounders and so bias effects. Holds:
  attained.
- Statement 2: conditions are established under which effects are not identified given a
  representation. In part: attained. They are not where the odds of treatment vary by a factor
  $Γ > 1$; the paper's conditions were not read.
- Statement 3: the effects are identified in part, between a lower and an upper bound. Holds:
  closed_form, gaussian, contains_truth.
- Statement 4: a neural method estimates these bounds well. Not on trial. Bounds are computed from
  known laws.

Read: the abstract ("partial identification of CATEs"). Derived here: the normal form and the world
that attains the ends; the closed form of this marginal sensitivity model is known. Not claimed:
that both arms attain their ends at once. Topic: learning.
"""

from typing import Annotated

import numpy as np
from scipy import integrate, optimize, sparse, stats

from theory_on_trial import claim, derived, known, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Outcomes = Annotated[
    int,
    Interval(4, 200, why="with three, one may hold half of the mass; beyond, the program is slow"),
]
Propensity = Annotated[
    float, Interval(0.05, 0.95, why="beyond, π hardly enters the weights, or nothing is hidden")
]
Sensitivity = Annotated[float, Interval(1.05, 20, why="at 1 both ends are the observed mean")]
PRECISE = {"epsabs": 1e-13, "epsrel": 1e-12}


def treated_laws(generator, laws, outcomes):
    """Draw outcomes and their probabilities, a row for each law."""
    chances = generator.dirichlet(np.ones(outcomes), laws)
    return generator.standard_normal((laws, outcomes)), chances


def least_and_most(propensity, sensitivity):
    """The ends s-, s+ of the weights."""
    return 1 - (1 - 1 / sensitivity) * (1 - propensity), 1 + (sensitivity - 1) * (1 - propensity)


@predicted
def upper_end(outcomes, chances, propensity, sensitivity):
    """M + (1-π)(1-1/Γ)(CVaR - M), CVaR the mean of the top 1/(1+Γ) of the mass, an atom at its end
    being split.
    """
    order = np.argsort(-outcomes)
    before = np.cumsum(chances[order]) - chances[order]
    level = 1 / (1 + sensitivity)
    top = np.clip(level - before, 0, chances[order]) @ outcomes[order] / level
    mean = outcomes @ chances
    return mean + (1 - propensity) * (1 - 1 / sensitivity) * (top - mean)


@predicted(about="seen_and_true")
def interval(outcomes, chances, propensity, sensitivity):
    """Lower and upper end; the lower one is the upper one of -y."""
    upper, lower = (
        sign * upper_end(sign * outcomes, chances, propensity, sensitivity) for sign in (1, -1)
    )
    return np.array([lower, upper])


@observed
def worst_weights(outcomes, chances, propensity, sensitivity):
    """Both ends (laws, 2) for rows of outcomes and chances, (laws, n) each, by a linear program
    over the weights of all of them.
    """
    sums = sparse.block_diag(list(chances[:, None]))
    parts = outcomes * chances
    box = least_and_most(propensity, sensitivity)
    weights = [
        optimize.linprog(sign * parts.ravel(), A_eq=sums, b_eq=np.ones(len(parts)), bounds=box).x
        for sign in (1, -1)
    ]
    return np.stack([np.sum(w.reshape(parts.shape) * parts, axis=1) for w in weights], axis=1)


@claim(
    known("Dorn & Guo 2023, the sharp bounds of the marginal sensitivity model"),
    kind="optimality",
    cases=[(4, 0.5, 2.0), (30, 0.25, 4.0), (5, 0.5, 1.25)],
)
def test_closed_form(trial, outcomes: Outcomes, propensity: Propensity, sensitivity: Sensitivity):
    """Let the treated given $φ$ have outcomes of mean $M$, let their share be $π$, and let the odds
    of treatment in every hidden group be within a factor $Γ$ of $π/(1-π)$. The largest $E[Y(1)|φ]$
    is $M + (1-π)(1-1/Γ)(CVaR - M)$, where CVaR is the mean of the top $1/(1+Γ)$ of the treated's
    outcomes, and the least is minus the largest one of $-Y$.
    """
    values, chances = treated_laws(trial.generator("laws"), 230, outcomes)
    laws = list(zip(values, chances, strict=True))
    ends = np.array([interval(y, p, propensity, sensitivity) for y, p in laws])
    ratio = np.array([interval(y, p, 0.0, sensitivity) for y, p in laws])
    # The solver's tolerance is 1e-7.
    trial.value(
        worst_weights(values, chances, propensity, sensitivity),
        ends,
        error=1e-6,
        margin=1e-5,
        independent=230,
        controls={"weights in $[1/Γ, Γ]$": ratio},
    )


@predicted
def gaussian_half_width(deviation, propensity, sensitivity):
    """s(1-π)(Γ-1/Γ)φ(Φ^-1(Γ/(1+Γ))), to either side of the mean of a normal law."""
    quantile = stats.norm.ppf(sensitivity / (1 + sensitivity))
    return deviation * (1 - propensity) * (sensitivity - 1 / sensitivity) * stats.norm.pdf(quantile)


@observed
def half_width_by_quadrature(deviation, propensity, sensitivity):
    """Weigh by s- below a threshold and by s+ above; find the one at which the mass is 1, and
    integrate y.
    """
    least, most = least_and_most(propensity, sensitivity)

    def moment(power, threshold):
        def density(z):
            return z**power * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

        halves = (-np.inf, threshold), (threshold, np.inf)
        low, high = (integrate.quad(density, *ends, **PRECISE)[0] for ends in halves)
        return least * low + most * high

    threshold = optimize.brentq(lambda place: moment(0, place) - 1, -5, 5, xtol=1e-13)
    return deviation * moment(1, threshold)


@claim(
    derived("the closed form for a normal law"),
    kind="identity",
    cases=[(1.0, 0.5, 2.0), (2.0, 0.5, 3.0)],
)
def test_gaussian(
    trial,
    deviation: Annotated[
        float, Interval(1e-3, 1e3, why="a law without spread has no bounds but its mean")
    ],
    propensity: Propensity,
    sensitivity: Sensitivity,
):
    """Let the treated given $φ$ have outcomes of the law $N(m, s²)$, let their share be $π$, and
    let the odds of treatment in every hidden group be within a factor $Γ$ of $π/(1-π)$. The least
    and the largest $E[Y(1)|φ]$ are $m ± s(1-π)(Γ-1/Γ)$ times the standard normal density at its
    $Γ/(1+Γ)$ quantile.
    """
    law = gaussian_half_width(deviation, propensity, sensitivity)
    # Quadratures and a threshold to 1e-12, weights below 20.
    error = 1e-9 * deviation
    median = deviation * (1 - propensity) * (sensitivity - 1 / sensitivity) * stats.norm.pdf(0)
    controls = {"weights in $[1/Γ, Γ]$": law / (1 - propensity), "split at the median": median}
    measured = half_width_by_quadrature(deviation, propensity, sensitivity)
    trial.value(measured, law, error=error, margin=1e-5 * law, controls=controls)


def attaining_world(outcomes, chances, propensity, sensitivity):
    """Split the treated at the top 1/(1+Γ): P(u), P(A = 1|u) and the law of Y(1) given u, for the
    top and the rest.
    """
    least, most = least_and_most(propensity, sensitivity)
    order = np.argsort(-outcomes)
    top = 1 / (1 + sensitivity)
    before = np.cumsum(chances[order]) - chances[order]
    inside = np.zeros_like(chances)
    inside[order] = np.clip(top - before, 0, chances[order])
    laws = np.array([inside / top, (chances - inside) / (1 - top)])
    return np.array([most * top, least * (1 - top)]), propensity / np.array([most, least]), laws


def drawn_world(generator, outcomes, strata):
    """P(x), P(A = 1|x) and the law of Y(1) given x, for each of some strata x."""
    shares = generator.dirichlet(np.ones(strata))
    treated = generator.uniform(0.05, 0.95, strata)
    return shares, treated, generator.dirichlet(np.ones(outcomes), strata)


@observed
def seen_and_true(outcomes, strata, treated, laws):
    """Add up a world: the law of the treated, π, the largest odds ratio, and E[Y(1)|φ]."""
    joint = strata * treated
    propensity = np.sum(joint)
    odds = treated / (1 - treated) * (1 - propensity) / propensity
    return joint @ laws / propensity, propensity, np.max([odds, 1 / odds]), strata @ laws @ outcomes


@claim(
    derived("a stratum's weight is $π$ over its propensity, mixed"),
    kind="bound",
    cases=[(3, 4), (2, 10)],
)
def test_contains_truth(
    trial,
    strata: Annotated[int, Interval(2, 10, why="one stratum confounds nothing")],
    outcomes: Outcomes,
):
    """If treatment is random given $x$, with the propensity $π(x)$, then $E[Y(1)|φ(x)]$ lies
    between the ends that hidden groups with odds of treatment within a factor $Γ*$ of those given
    $φ$ allow, where $Γ*$ is the largest odds ratio of $π(x)$ to the propensity $π$ given $φ$.
    """
    generator = trial.generator("worlds")
    values = 1 + generator.uniform(0, 1, (345, outcomes))
    worlds = [drawn_world(generator, outcomes, strata) for _ in values]
    worlds[0] = attaining_world(values[0], worlds[0][2][0], 0.5, 2.0)
    seen = [seen_and_true(y, *world) for y, world in zip(values, worlds, strict=True)]
    truths = np.array([truth for *_, truth in seen])

    def ends(power):
        pairs = zip(values, seen, strict=True)
        return np.transpose(
            [interval(y, law, share, largest**power) for y, (law, share, largest, _) in pairs]
        )

    def distances(lower, upper):
        return np.concatenate([2 - lower, upper])  # of the lower end from 2, the largest outcome

    trial.bound(
        distances(truths, truths),
        distances(*ends(1)),
        instances="draws",
        independent=344,
        ops=100 * outcomes,
        controls={"odds of the groups differ by $Γ*$ in all": distances(*ends(0.5))},
    )


@claim(
    derived("the worst weights as a world"),
    kind="optimality",
    cases=[(4, 0.5, 2.0), (30, 0.25, 4.0)],
)
def test_attained(trial, outcomes: Outcomes, propensity: Propensity, sensitivity: Sensitivity):
    """For every law of the treated's outcomes, share $π$ of the treated and $Γ > 1$ there is a
    world of two hidden groups, the top outcomes and the rest, that shows this law and $π$, whose
    largest odds ratio of treatment is $Γ$, and in which $E[Y(1)]$ is the upper end
    $M + (1-π)(1-1/Γ)(CVaR - M)$, with $M$ the mean and CVaR that of the top $1/(1+Γ)$ of the
    treated's outcomes.
    """
    generator = trial.generator("laws")

    def drawn_world():
        """What a world shows, what it should, and what two wrong theories say."""
        y, chances = (values[0] for values in treated_laws(generator, 1, outcomes))
        strata, odds, laws = attaining_world(y, chances, propensity, sensitivity)

        def world(law, factor):
            end = upper_end(y, chances, propensity, factor)
            return np.array([*law, propensity, factor, end])

        law = world(chances, sensitivity)  # first: the treated may show `chances` to the last digit
        shown, *numbers = seen_and_true(y, strata, odds, laws)
        halved = world(chances, np.sqrt(sensitivity))
        return [*shown, *numbers], law, halved, world(strata @ laws, sensitivity)

    found, law, halved, of_all = np.swapaxes([drawn_world() for _ in range(344)], 0, 1)
    trial.identity(
        found,
        law,
        ops=100 * outcomes,
        independent=344,
        controls={
            "odds of the groups differ by $Γ$ in all": halved,
            "the treated show the law of $Y(1)$": of_all,
        },
    )


@figure("F1", claims=("closed_form", "attained"))
def interval_of_the_mean(propensity: float = 0.5):
    """What a representation may hide: the interval of $E[Y(1)|φ]$ against the sensitivity, and a
    world at its end.

    Outcomes 0, 1, 2 and 5 with probabilities 0.1, 0.4, 0.3 and 0.2 among the treated. The
    world that attains the end: two hidden groups with odds ratios 1/2 and 2. Marks: lines: closed
    form; points: linear programs, the world; shaded: what may be true.
    """
    y = np.array([0.0, 1, 2, 5])
    chances = np.array([0.1, 0.4, 0.3, 0.2])
    line = np.linspace(1, 4, 60)
    few = np.linspace(1.25, 4, 12)
    ends = np.array([interval(y, chances, propensity, factor) for factor in line])
    programs = [worst_weights(y[None], chances[None], propensity, factor) for factor in few]
    _, _, largest, truth = seen_and_true(y, *attaining_world(y, chances, propensity, 2.0))
    drawn = chart(
        {"closed form": (line, ends)},
        {
            "linear program": (np.repeat(few, 2), np.ravel(programs)),
            "a world that attains it": (largest, truth),
        },
        levels={"mean of the treated": y @ chances},
        legend="upper left",
        x="sensitivity Γ  (dimensionless)",
        y="E[Y(1)|φ]  (units of y)",
        ylim=(1.2, 3.4),
    )
    drawn.axes[0].fill_between(line, *ends.T, alpha=0.12, linewidth=0)
    return drawn
