"""Yu, Nigmetov, Morozov, Mahoney & Erichson 2024, "Robustifying State-space Models for Long
Sequences via Approximate Diagonalization", ICLR, arXiv 2310.01698.

For whoever must choose between dropping HiPPO's rank one (S4D) and perturbing it until it can be
diagonalised (PTD): the first is wrong by a factor that grows like N² at some frequencies, the
second by less than 2ε/(1 - 2ε) at all.

A and B are HiPPO-LegS with N states, so that A + Aᵀ = -I - B Bᵀ; x(ω) = (iω I - A)⁻¹ B is the
state, and C x(ω) the transfer function G. S4D is (A + B Bᵀ/2, B/2, C), PTD is (A + E, B, C) with a
matrix E of spectral norm ε. What is said of states holds for every C. β = 1 - Bᵀx.

Read: the abstract ("strongly converges", "the S4D/S5 initialization only achieves weak
convergences"). Derived here: all constants. Not claimed: how well conditioned the eigenvectors of A
+ E are. Topic: sequence models and attention.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

States = Annotated[int, Interval(1, 128, why="beyond, dense solves take long and lose digits")]
SeveralStates = Annotated[
    int, Interval(2, 128, why="with one state the S4D error has no turning phase")
]
Ratio = Annotated[
    float,
    Interval(0.1, 100, why="the largest frequency over N: below and above, all states are 1 or 0"),
]
Frequency = Annotated[
    float, Interval(0.01, 1e5, why="at 0 every model answers alike; beyond, all signal is gone")
]
Perturbation = Annotated[
    float, Interval(1e-4, 0.49, why="at 1/2 the bound ends, below 1e-4 rounding is felt")
]


def hippo(states):
    """A and B of HiPPO-LegS."""
    root = np.sqrt(2 * np.arange(states) + 1)
    return -np.tril(np.outer(root, root), -1) - np.diag(np.arange(states) + 1.0), root


@observed
def state(states, frequency, shift=0.0, dropped=0.0):
    """The state of (A + E + d B Bᵀ, (1 - d) B), with E the shift, by elimination: d = 1/2 is
    S4D.
    """
    a, b = hippo(states)
    return np.linalg.solve(
        1j * frequency * np.eye(states) - a - shift - dropped * np.outer(b, b), (1 - dropped) * b
    )


@observed
def worst_error(states, frequency, size, generator):
    """|x_E - x| for the rank-one E of spectral norm ε that moves the state most to first order, and
    for a random E.
    """
    x = state(states, frequency)
    to_state, _, from_state = np.linalg.svd(
        np.linalg.inv(1j * frequency * np.eye(states) - hippo(states)[0])
    )
    direction = from_state[0].conj() * np.exp(-1j * np.angle(np.vdot(x, to_state[:, 0])))
    noise = generator.normal(size=(states, states, 2)) @ (1, 1j)
    perturbations = [
        size * e / np.linalg.norm(e, 2) for e in (np.outer(direction, x.conj()), noise)
    ]
    return [np.linalg.norm(state(states, frequency, e) - x) for e in perturbations]


@predicted
def squared_norm(states, frequency):
    """N²/(ω² + N²)."""
    return states**2 / (frequency**2 + states**2)


@predicted
def beta(states, frequency):
    """β = iω/(iω + N) · Π_{0<n<N} (iω - n)/(iω + n)."""
    n = np.arange(1, states)
    s = 1j * frequency
    return s / (s + states) * np.prod((s - n) / (s + n))


@predicted
def last_turn(states):
    """The largest ω at which the argument of β, atan(N/ω) + 2 Σ_{0<n<N} atan(n/ω), is π; and |β| =
    ω/√(ω² + N²).
    """
    n = np.arange(1, states + 1)
    weights = np.append(np.full(states - 1, 2.0), 1.0)
    omega = brentq(
        lambda w: weights @ np.arctan(n / w) - np.pi, 1e-3, states**2, xtol=1e-14, rtol=1e-15
    )
    return omega, omega / np.hypot(omega, states)


@predicted
def uniform_bound(shape, size):
    """2ε/(1 - 2ε): A's field of values is in Re <= -1/2, the norm of (iω I - A - E)⁻¹ at most
    1/(1/2 - ε), |x| <= 1.
    """
    return np.full(shape, 2 * size / (1 - 2 * size))


@claim(
    derived("derived: |x|² = 1 - |β|²"), kind="identity", cases=[(64, 3.0), (1, 1.0), (17, 30.0)]
)
def test_state_norm(trial, states: States, ratio: Ratio):
    """The state has |x(ω)|² = N²/(ω² + N²), at most 1 although |B| = N."""
    frequencies = states * ratio * np.linspace(0, 1, 9)
    norms = [np.linalg.norm(state(states, w)) ** 2 for w in frequencies]
    predict = squared_norm(states, frequencies)
    controls = {"N/2 for N": squared_norm(states, 2 * frequencies), "its root": np.sqrt(predict)}
    trial.identity(norms, predict, ops=states**2 + 8, controls=controls)


@claim(
    derived("derived by Sherman and Morrison's formula"),
    kind="identity",
    cases=[(16, 1.0), (64, 1303.8), (1, 0.3)],
)
def test_s4d_factor(trial, states: States, frequency: Frequency):
    """S4D's state, and with it every transfer function, is 1/(1 + β) times the true one."""
    x = state(states, frequency)
    s4d = state(states, frequency, dropped=0.5)
    factor = 1 / (1 + beta(states, frequency))
    size = np.abs(s4d).max() * max(1.0, abs(factor))
    predict = (x * factor).view(float)
    opposite = x / (1 - beta(states, frequency))
    controls = {"B not halved": 2 * predict, "-β for β": opposite.view(float)}
    trial.identity(
        s4d.view(float), predict, ops=states**2 + 8 + frequency, scale=size, controls=controls
    )


@claim(derived("derived from |β| → 1 where its argument is π"), kind="rate", cases=[2, 16, 100])
def test_s4d_diverges(trial, states: SeveralStates):
    """Where arg β = π last, S4D errs by |β|/(1 - |β|) ~ 2N²/π² of |x|, over unit C |β|√((1 +
    |β|)/(1 - |β|)) ~ 2N/π.
    """
    sizes = np.array([states, 16, 32, 64, 128])
    errors = []
    for n in sizes:
        omega = last_turn(n)[0]
        truth = state(n, omega)
        error = np.linalg.norm(state(n, omega, dropped=0.5) - truth)
        errors.append([error / np.linalg.norm(truth), error])
    r = last_turn(states)[1]
    predict = np.array([r / (1 - r), r * np.sqrt((1 + r) / (1 - r))])
    controls = {"|β|/(1 + |β|)": predict * (1 - r) / (1 + r), "1/(1 - |β|)": predict / r}
    trial.identity(errors[0], predict, ops=states**4 + 64, scale=predict, controls=controls)
    growth = np.array(errors[1:]) / sizes[1:, None] ** (2, 1)
    controls = {"1/5 and 2/3": [1 / 5, 2 / 3], "π/16 and 1/√e": [np.pi / 16, np.exp(-0.5)]}
    trial.limit(
        growth, sizes[1:], [2 / np.pi**2, 2 / np.pi], order=2, margin=1e-4, controls=controls
    )


@claim(
    derived("derived: A's field of values"),
    kind="bound",
    cases=[(64, 1e-3), (128, 0.05)],
    not_tight="64 states attain 91 %",
)
def test_ptd_uniform(trial, states: SeveralStates, size: Perturbation):
    """However A is perturbed by a matrix of spectral norm ε < 1/2, for all N, ω and C: |G_E - G| <=
    2ε |C|/(1 - 2ε).
    """
    generator = trial.generator()
    frequencies = np.append(0, np.geomspace(0.1, states**2, 6))
    errors = np.array([worst_error(states, w, size, generator) for w in frequencies])
    predict = uniform_bound(errors.shape, size)
    controls = {"half the first order": np.full(errors.shape, size)}
    trial.bound(
        errors, predict, instances="search", ops=states**2 + 8, scale=1.0, controls=controls
    )


@figure("F1", claims=("s4d_factor", "s4d_diverges", "ptd_uniform"))
def transfer_ratio(sizes=(16, 64), size=0.01):
    """S4D is wrong by large factors at high frequencies, a small perturbation is not.

    |G/G'| of S4D does not depend on C; PTD has a perturbation of spectral norm 0.01. Marks: lines:
    1/|1 + β|; points: dense solves.
    """
    lines = {}
    points = {}
    for n in sizes:
        noise = np.random.default_rng(n).normal(size=(n, n))
        noise *= size / np.linalg.norm(noise, 2)
        fine = np.union1d(np.geomspace(1, 1e4, 3000), last_turn(n)[0] + np.linspace(-5, 5, 101))
        coarse = np.append(np.geomspace(1, 1e4, 40), last_turn(n)[0])
        lines[f"S4D, N = {n}"] = fine, [1 / abs(1 + beta(n, w)) for w in fine]
        for name, model in {"S4D": {"dropped": 0.5}, "PTD": {"shift": noise}}.items():
            norms = [np.linalg.norm([state(n, w, **model), state(n, w)], axis=1) for w in coarse]
            points[f"{name}, N = {n}"] = coarse, np.divide(*np.transpose(norms))
    return chart(
        lines,
        points,
        log="xy",
        legend="beside",
        x="frequency ω  (per unit of time)",
        y="ratio to the truth",
    )
