"""How many rounds boosting makes, and what the released class does."""

from fractions import Fraction
from typing import Annotated

import numpy as np

from sims import multicalibration_boosting as observed
from theory import multicalibration_boosting as predicted
from theory_on_trial import claim, code, derived, published, recalled, tried
from theory_on_trial.contract import Count, Interval

Share = Annotated[
    float,
    Interval(1e-9, 0.125, why="smaller gains are lost in rounding, from B / 4 on any f is good"),
]
"""α / B."""
Bound = Annotated[float, Interval(1e-90, 1e90, why="what is squared and divided stays a number")]
"""B, on h^2."""


@claim(
    recalled("the definition of the calibration error $K2$, with $h = 1$"),
    kind="identity",
    cases=[(1, 0.2), (2, 0.25), (9, 0.05)],
    as_published=published(
        place=code(
            "Declancharrison/Level-Set-Boosting",
            "helper_functions.py, MSCE",
            "ac3caf0166c2b320b9bd49beef903bf000d48e69",
        ),
        read="$K2$ of a sample is summed over all levels but that of the largest prediction",
        within="no condition stands there",
        reach="released command",
        effect="the calibration errors that the released notebook prints and draws lack one level; "
        "whether the paper's come from this function is not known",
        ran="its lines, rewritten",
    ),
)
def test_coded_error(
    trial,
    levels: Annotated[int, Interval(1, 200)],
    bias: Annotated[
        float, Interval(0.01, 0.25, why="means of labels stay in [0, 1]; the low end is a cap")
    ],
):
    """$K2$ with $h = 1$ is the sum over all levels $v$, the largest among them, of
    $(n_v / n) (ȳ_v - v)^2$; $n_v$ of the $n$ rows are at level $v$, with the mean label $ȳ_v$.

    The released function itself gives the same numbers as its rewritten lines: 0 for a single
    level, however wrong.
    """
    values = (np.arange(levels) + 0.5) / levels / 2
    biases = bias * (np.arange(levels) + 1) / levels
    predictions = np.tile(values, 4)
    labels = predictions + np.tile(biases, 4) + np.repeat([-1, 1, -1, 1], levels) * predictions / 2
    n = len(labels)
    k2 = predicted.calibration_error(
        np.full(n, 1 / n), predictions, labels - predictions, np.ones(n)
    )
    exact = sum(
        (sum(Fraction(y) - Fraction(value) for y in labels[predictions == value].tolist()) / 4) ** 2
        for value in values.tolist()
    )
    release = observed.released_error(predictions, labels)
    trial.identity(
        float(exact / levels),
        k2,
        ops=20 * n,
        controls={"without the largest": release},
        as_published=release,
    )


def boosted(world, share, bound, **wrong):
    """LSBoost with the rule for α = share B, and K2 of what it returns for all h^2 <= B."""
    basis = observed.affine(world.features)
    options = {
        "grid": predicted.grid(share * bound, bound),
        "tolerance": predicted.tolerance(share * bound, bound),
    } | wrong
    run = observed.lsboost(world.probabilities, world.means, basis, **options)
    return run, bound * observed.worst_error(world.probabilities, run.returned, world.means, basis)


def worlds_of(trial, draws):
    """Small random worlds, and W(0) to W(2)."""
    generator = trial.generator("worlds")
    sizes = [
        (*generator.integers(0, 2**32, 1), *generator.integers((2, 1), (40, 4)))
        for _ in range(draws)
    ]
    return [
        *(observed.random_world(*map(int, size)) for size in sizes),
        *map(observed.random_world, range(3)),
    ]


@claim(
    tried(
        "abstract, sentence 3: an algorithm of regressions boosts and multicalibrates",
        "the bound and its constants; grid and stopping rule are recalled",
    ),
    kind="bound",
    cases=[(0.005, 1.0), (0.002, 4.0), (0.002, 0.1)],
)
def test_halting(
    trial,
    share: Annotated[
        float,
        Interval(
            1e-6, 0.09, why="smaller gains are lost in rounding, on coarser grids 1/m matters"
        ),
    ],
    bound: Bound,
    draws: Count = 8,
):
    """Let boosting fit affine functions within levels, and round them to a grid of
    $m = ⌈2 B/α⌉$ steps, $α <= B$. If it stops at the first round that gains at most $α/(2 B)$, the
    model before that round has $K2 <= B (α/(2 B) + 1/(2 m) + 1/(4 m^2)) <= α$ for all affine $h$
    with $h^2 <= B$.
    """
    rule = predicted.tolerance(share * bound, bound), predicted.grid(share * bound, bound)
    undone = observed.undone_rows(10**12, rule[1], rule[0])
    worst = observed.World(undone.counts / undone.counts.sum(), undone.features, undone.labels)
    errors = [boosted(world, share, bound)[1] for world in (*worlds_of(trial, draws), worst)]
    guarantee = np.full(len(errors), predicted.guaranteed_error(bound, *rule))
    far = observed.two_cells(min(0.45, np.sqrt(0.9 * np.sqrt(share))))
    near = observed.two_cells(0.05)
    rivals = {"stops at $sqrt(α / B)$": boosted(far, share, bound, tolerance=np.sqrt(share))[1]}
    if share < 0.0024:
        rivals["a grid of 4 steps"] = boosted(near, share, bound, grid=4)[1]
        rivals["stops at 10 % of the error"] = boosted(near, share, bound, relative=0.1)[1]
    controls = {"rounding costs nothing": np.full(len(errors), bound * rule[0])}
    if bound > 2.2:
        controls["without $B$"] = guarantee / bound
    processes = {name: np.full(len(errors), error) for name, error in rivals.items()}
    # Sums over up to 60 cells; the rest is room for linear programs, which end at a corner.
    options = {"instances": "search", "ops": 1000}
    trial.bound(errors, guarantee, controls=controls, control_processes=processes, **options)


@claim(
    derived("the error of 1/2 is at most 1/4 above the best"),
    kind="bound",
    cases=[(0.125, 1.0), (0.1, 1.0), (0.08 / 0.95, 4.0), (0.0201, 0.1)],
)
def test_halting__rounds(
    trial,
    share: Annotated[
        float, Interval(0.01, 0.125, why="as many sets of cells as rounds are fitted")
    ],
    bound: Bound,
    draws: Count = 8,
):
    """Boosting with the tolerance $α/(2 B)$ takes at most $⌈B / (2 α)⌉$ rounds, the rejected one
    included: the error starts at 1/4 at most, and each other round lowers it by more than the
    tolerance.
    """
    most = predicted.most_rounds(share * bound, bound)
    m = predicted.grid(share * bound, bound)
    sets = int(np.ceil((1 - 1e-6) / (2 * share))) - 1  # each a round whose gain is 1 / (4 sets)
    slow_world = observed.peeled_world(sets, min(0.01 / m, (1 / (2 * share * sets) - 1) / 4))
    rounds = [boosted(world, share, bound)[0].rounds for world in worlds_of(trial, draws)]
    # 1/2 must be on the grid
    rounds.append(boosted(slow_world, share, bound, grid=m + m % 2)[0].rounds)
    controls = {"one round suffices": 1.0} | ({"one less": most - 1} if rounds[-1] == most else {})
    options = {"instances": "search", "ops": 10}
    trial.bound(rounds, np.full(len(rounds), most), controls=controls, **options)


@claim(derived("two cells that $H$ fits"), kind="identity", cases=[0.125, 0.03, 1e-3, 1e-8])
def test_halting__first_round(trial, share: Share, bound: Bound = 3.0):
    """If the labels have the means $1/2 - δ$ and $1/2 + δ$ at two points of the same chance, and
    the grid is so fine that rounding does not count, the first round of boosting gains $δ^2$, and
    is rejected up to $δ^2 = α / (2 B)$.
    """
    deltas = np.sqrt(share / 2 * np.array([0.999, 1.001]))
    rounds = [
        boosted(observed.two_cells(delta), share, bound, grid=2**50)[0].rounds
        for delta in deltas.tolist()
    ]
    trial.identity(rounds, [1, 2], ops=0, controls={"at $α / B$": [1, 1], "at $α / (4 B)$": [2, 2]})


def released(features, labels, bins, gamma):
    """K2 of the rounded model before the last of the released class, its guarantee, and K2 of what
    is returned.
    """
    basis = observed.affine(features)
    uniform = np.full(len(labels), 1 / len(labels))
    models = observed.released_lsboost(labels, basis, bins, gamma).models
    # Levels of one row
    alone = np.sum(np.unique(models[-3], return_counts=True)[1] == 1) / len(labels)
    error, final = (
        observed.worst_error(uniform, f, labels, basis) for f in (models[-3], models[-1].clip(0, 1))
    )
    return error, predicted.guaranteed_error(1.0, gamma / bins, bins) + alone, final


@claim(
    derived(
        "the proof of the guarantee, with the grid and the stopping rule of "
        "Declancharrison/Level-Set-Boosting's `LSBoost.py`"
    ),
    kind="bound",
    cases=[(8000, 800, 0.1), (10_000, 600, 0.5)],
)
def test_released_class(
    trial,
    rows: Annotated[
        int, Interval(1200, 10**4, why="fewer are fitted as they are, more take memory")
    ],
    bins: Annotated[int, Interval(40, 1000, why="with fewer, terms of the order 1/m matter")],
    gamma: Annotated[float, Interval(0.05, 0.5)],
):
    """The rounded model before the last one of the released class, with its default options, $m$
    bins and tolerance $γ$, has $K2 <= B ((γ + 1/2 + 1/(4 m)) / m + s)$ for all affine $h$ with
    $h^2 <= B$, where $s$ is the share of rows that are alone at their level, and not fitted; the
    class returns another model.

    On rows drawn at random, in ten bins, and on rows whose rounding undoes most of what a round
    gains.
    """
    trial.require(bins % 2 == 0, "bins must be even: 1/2 is then on the grid")
    generator = trial.generator("rows")
    x = generator.uniform(-1, 1, (1500, 2))
    y = (generator.random(len(x)) < 0.5 + 0.2 * np.sin(3 * x[:, 0])).astype(float)
    undone = observed.delayed_rows(rows, bins, gamma / bins)
    features, labels = (
        np.repeat(part, undone.counts, axis=0) for part in (undone.features, undone.labels)
    )
    cases = released(x, y, 10, gamma), released(features, labels, bins, gamma)
    k2, guarantees, final = np.transpose(cases)
    processes = {"what it returns": final}
    controls = {"rounding costs nothing": [gamma / 10, gamma / bins]}
    # Sums over up to 10^4 rows: roundings add up as their root, 100; the rest is room.
    options = {"instances": "search", "ops": 1000}
    trial.bound(k2, guarantees, control_processes=processes, controls=controls, **options)


@claim(derived("boxes of $m α/B - 2$, each enclosed"), kind="bound")
def test_halting__everywhere(trial):
    """$B (α/(2 B) + 1/(2 m) + 1/(4 m²)) <= 13 α/16$ for all grids $m$ from 2 to 200 and all
    $α/B = (2 + u)/m$, $u$ in $[0, 1]$, among them all $α <= B$ with $m = ⌈2 B/α⌉$: $K2$ is
    well below $α$.
    """

    def share_of_alpha(excess, steps):
        rounding = 1 / (2 * (2 + excess)) + 1 / (4 * steps * (2 + excess))
        return Fraction(1, 2) + rounding

    def guaranteed(excess, steps):
        share = (2 + excess) / steps
        return predicted.guaranteed_error(0.5, min(share / 2, 1.0), steps) / share * 2

    trial.prove(
        share_of_alpha,
        lambda excess, steps: Fraction(13, 16),
        {"excess": (0, 1), "steps": range(2, 201)},
        controls={
            "without $1/(4 m²)$": lambda excess, steps: Fraction(3, 4),
        },
        same_as=(guaranteed, None),
    )
