"""InfoNCE: its bounds on mutual information, its best critic, and what an encoder can hide.

The package says what the letters mean.
"""

from typing import Annotated, Literal

import numpy as np

from sims import contrastive_theory as observed
from theory import contrastive_theory as predicted
from theory_on_trial import claim, derived, known, tried
from theory_on_trial.contract import Count, Interval

Candidates = Annotated[
    int, Interval(2, 64, why="one has no negative; all counts of candidates are summed")
]
Expanded = Annotated[
    int, Interval(12, 16, why="from there on the expansions are followed over four doublings")
]

TABLE = np.array([[20, 6, 4], [5, 18, 7], [6, 8, 26]]) / 100
CRITIC = np.array([[1, 0, -0.5], [-0.3, 0.8, 0.2], [0, 0.4, 1.1]])


def log_ratio(joint):
    """The critic log r."""
    return np.log(joint / joint.sum(axis=0) / joint.sum(axis=1, keepdims=True))


def diagonal(labels):
    """A joint law that nearly gives y away."""
    return (0.999 * np.eye(labels) + 0.001 / labels) / labels


@claim(
    known(
        "van den Oord, Li & Vinyals 2018, Representation learning with contrastive predictive "
        "coding"
    ),
    kind="bound",
    cases=[2, 5],
)
def test_infonce_bounds(
    trial,
    candidates: Annotated[
        int, Interval(2, 5, why="a positive and a negative; all tuples are summed")
    ],
    joints: Count = 100,
):
    """For every critic $f$, InfoNCE with $K$ candidates is $I_K(f) <= min(I, log K)$, where $I$ is
    the mutual information.
    """
    generator = trial.generator("joints")
    tables = [
        0.999 * generator.dirichlet(np.ones(9)).reshape(3, 3) + 0.001 / 9 for _ in range(joints)
    ]
    pairs = [
        (p, log_ratio(p) + generator.exponential() * generator.normal(size=(3, 3))) for p in tables
    ]
    # Log K is attained where y gives x away, and I with many candidates, whose counts are few for
    # two values of y.
    triples = [(*pair, candidates) for pair in pairs]
    two = np.array([[0.4, 0.1], [0.2, 0.3]])
    triples += [
        (p, log_ratio(p), k)
        for p, k in ((TABLE, candidates), (two, 2**17), (diagonal(20), candidates))
    ]
    ceilings = np.array([predicted.infonce_ceiling(p, k) for p, _, k in triples])
    values = [observed.infonce(*triple) for triple in triples]
    processes = {
        "the positive left out": [
            observed.infonce(*triple, leave_out_positive=True) for triple in triples
        ]
    }
    controls = (
        {"$log(K - 1)$": np.minimum(ceilings, np.log(candidates - 1))} if candidates == 2 else {}
    )
    # Roundings decide nothing: the law with 2^17 candidates, which comes nearest to the bound,
    # leaves 5e-7 of the scale.
    bound = {"instances": "search", "ops": 1000, "scale": 1 + ceilings}
    trial.bound(values, ceilings, controls=controls, control_processes=processes, **bound)


@claim(
    known("Poole et al. 2019, On variational bounds of mutual information: the best critic"),
    kind="optimality",
    cases=[2, 5],
    route="BFGS over all critics, bounded by concavity, against the value at log r",
    second="test_contrastive_theory.py::test_infonce_is_that_of_all_candidates",
)
def test_best_critic(trial, candidates: Candidates):
    """For any number $K$ of candidates the best critic of InfoNCE is $log r$, the logarithm of the
    density ratio, up to a function of $x$.
    """
    best = observed.best_critic(TABLE, candidates)
    ratio = log_ratio(TABLE)
    # By concavity; and rounding of 135 terms
    error = abs(np.sum(best.gradient * (ratio - best.critic))) + 1e-13
    critics = {"$log p(x, y)$": np.log(TABLE), "half of $log r$": ratio / 2, "$r$": np.exp(ratio)}
    controls = {
        name: observed.infonce(TABLE, critic, candidates) for name, critic in critics.items()
    }
    predict = observed.infonce(TABLE, ratio, candidates)
    trial.value(best.value, predict, error=error, margin=1e-12, controls=controls)


@claim(derived("second-order expansion of the logarithm of the mean"), kind="rate")
def test_infonce_gap(trial, smallest: Expanded = 16):
    """With the critic $log r$ of finitely many values and $K$ candidates, $K (I - I_K)$ tends to
    $χ^2 / 2$: $I$ is the mutual information, $I_K$ is InfoNCE, and $χ^2$ the variance of the
    density ratio $r$ over independent pairs.
    """
    sizes = (smallest * 2 ** np.arange(5)).tolist()
    information = predicted.mutual_information(TABLE)
    chi2 = predicted.chi_squared(TABLE)
    gaps = [k * (information - observed.infonce(TABLE, log_ratio(TABLE), k)) for k in sizes]
    controls = {"$I$ for $χ^2 / 2$": information, "$χ^2$": chi2, "$I / 2$": information / 2}
    trial.limit(gaps, sizes, chi2 / 2, order=(1, 2), margin=1e-4 * chi2, controls=controls)


@claim(
    known("Pearson 1904, On the theory of contingency: the mean square contingency"),
    kind="identity",
    cases=[0.2, 0.4, 0.6],
)
def test_gaussian_chi_squared(
    trial,
    correlation: Annotated[
        float,
        Interval(0.05, 0.6, why="less is lost in the error of the nodes, which grows with it"),
    ],
):
    """A normal pair of correlation $ρ$ has $χ^2 = ρ^2 / (1 - ρ^2)$."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    x = nodes[:, None]
    y = nodes
    residual = 1 - correlation**2
    ratio = np.exp(
        (2 * correlation * x * y - correlation**2 * (x**2 + y**2)) / (2 * residual)
    ) / np.sqrt(residual)
    chi2 = predicted.gaussian_chi_squared(correlation)
    controls = {"$ρ^2$": correlation**2, "$-log(1 - ρ^2)$": -np.log(residual)}
    value = float(weights @ ratio**2 @ weights) - 1
    trial.value(value, chi2, error=1e-9, margin=1e-6 * chi2, controls=controls)


@claim(
    tried(
        "Lin & Mei 2025, abstract, sentence 4: minimising contrastive losses yields encoders that "
        "are approximately sufficient",
        "the excess as a divergence, in the limit of many candidates",
    ),
    kind="limit",
)
def test_excess_is_kl(trial, smallest: Expanded = 16):
    """For a bounded critic $f$, the mutual information minus InfoNCE tends to
    $E_x KL(p(y | x) | q(y | x))$ as candidates are added, where $q(y | x)$ is proportional to
    $p(y) e^{f(x, y)}$.
    """
    sizes = (smallest * 2 ** np.arange(5)).tolist()
    excess = predicted.limit_excess(TABLE, CRITIC)
    lacking = [
        predicted.mutual_information(TABLE) - observed.infonce(TABLE, CRITIC, k) for k in sizes
    ]
    rows = TABLE.sum(axis=1, keepdims=True)
    q, flat = (
        odds / odds.sum(axis=1, keepdims=True)
        for odds in (np.exp(CRITIC) * TABLE.sum(axis=0), np.exp(CRITIC))
    )
    controls = {
        "KL reversed": float(np.sum(rows * q * np.log(q * rows / TABLE))),
        "$q$ without $p(y)$": float(np.sum(TABLE * np.log(TABLE / rows / flat))),
    }
    trial.limit(lacking, sizes, excess, order=(1, 2), margin=1e-5, controls=controls)


@claim(derived("second-order expansion of the logarithm of the mean"), kind="rate")
def test_excess_is_kl__next_term(trial, smallest: Expanded = 16):
    """Let $q(y | x)$ be proportional to $p(y) e^{f(x, y)}$ for a bounded critic $f$, and
    $t = q / p(y)$. As the number $K$ of candidates grows, $K$ times what InfoNCE is below its limit
    tends to $E_p t - 1 - (E t^2 - 1) / 2$, the last $E$ over $p(x) p(y)$.
    """
    sizes = (smallest * 2 ** np.arange(5)).tolist()
    limit = predicted.mutual_information(TABLE) - predicted.limit_excess(TABLE, CRITIC)
    gaps = [k * (limit - observed.infonce(TABLE, CRITIC, k)) for k in sizes]
    coefficient = predicted.gap_coefficient(TABLE, CRITIC)
    controls = {"$χ^2 / 2$": predicted.chi_squared(TABLE) / 2, "twice": 2 * coefficient}
    trial.limit(gaps, sizes, coefficient, order=(1, 2), margin=1e-4, controls=controls)


@claim(
    tried(
        "Tschannen et al. 2020, abstract, sentence 2: mutual information is invariant under "
        "arbitrary invertible transformations",
        "four values, and the largest InfoNCE beside it",
    ),
    kind="identity",
    cases=["0123", "0213"],
)
def test_encoding_is_not_seen(trial, order: Literal["0123", "0213"]):
    """An invertible code of one of two variables changes neither their mutual information nor the
    largest InfoNCE of any critic; here the variables have four values.
    """
    places = [int(x) for x in order]
    joint = 0.15 * np.eye(4) + 0.025
    recoding = joint[places]
    label = np.stack([joint[:2].sum(axis=0), joint[2:].sum(axis=0)])
    best = [observed.infonce(table, log_ratio(table), 2) for table in (joint, label)]
    predict = np.array([predicted.mutual_information(joint), best[0]])
    controls = {"those of the label": np.array([predicted.mutual_information(label), best[1]])}
    measured = np.array(
        [predicted.mutual_information(recoding), observed.best_critic(recoding, 2).value]
    )
    trial.value(measured, predict, error=1e-12, margin=1e-9, controls=controls)


@claim(
    derived("a threshold separates two sets of values of a code only if they do not interlace"),
    kind="identity",
    cases=["0123", "0213"],
)
def test_encoding_is_not_seen__threshold(trial, order: Literal["0123", "0213"]):
    """If $x$ is uniform on ${0, 1, 2, 3}$, some threshold on $x$ always tells whether $x >= 2$. If
    a code exchanges 1 and 2, the best threshold on the code tells it with probability 3/4.
    """
    accuracy = 1.0 if order == "0123" else 0.75
    is_high = np.array([int(x) for x in order]) >= 2
    agreeing = [np.mean((np.arange(4) >= cut) == is_high) for cut in range(5)]
    best_cut = max(*agreeing, *(1 - share for share in agreeing))
    trial.identity(best_cut, accuracy, ops=4, controls={"that of the other code": 1.75 - accuracy})
