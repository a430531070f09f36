"""Yu, Nigmetov, Morozov, Mahoney & Erichson 2024, "Robustifying State-space Models for Long Sequences via Approximate
Diagonalization", ICLR, arXiv 2310.01698.

For whoever must choose between dropping HiPPO's rank one (S4D) and perturbing it until it can be diagonalised (PTD):
the first is wrong by a factor that grows like N² at some frequencies, the second by less than 2ε/(1 - 2ε) at all.

A and B are HiPPO-LegS with N states, so that A + Aᵀ = -I - B Bᵀ; x(ω) = (iω I - A)⁻¹ B is the state, and C x(ω)
the transfer function G. S4D is (A + B Bᵀ/2, B/2, C), PTD is (A + E, B, C) with a matrix E of spectral norm ε. What is
said of states holds for every C. β = 1 - Bᵀx.

Read: the abstract ("strongly converges", "the S4D/S5 initialization only achieves weak convergences"). Derived here:
all constants. Not claimed: how well conditioned the eigenvectors of A + E are.
Topic: sequence models and attention.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq

from theory_on_trial import claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

States = Annotated[int, Interval(1, 128, why="beyond, dense solves take long and lose digits")]
SeveralStates = Annotated[int, Interval(2, 128, why="with one state the S4D error has no turning phase")]
Ratio = Annotated[float, Interval(0.1, 100, why="the largest frequency over N: below and above, all states are 1 or 0")]
Frequency = Annotated[float, Interval(0.01, 1e5, why="at 0 every model answers alike; beyond, all signal is gone")]
Perturbation = Annotated[float, Interval(1e-4, 0.49, why="at 1/2 the bound ends, below 1e-4 rounding is felt")]


def hippo(states):
    """A and B of HiPPO-LegS."""
    root = np.sqrt(2 * np.arange(states) + 1)
    return -np.tril(np.outer(root, root), -1) - np.diag(np.arange(states) + 1.0), root


@observed
def state(system, frequency):
    """(iω I - A)⁻¹ B of a pair A, B by elimination."""
    a, b = system
    return np.linalg.solve(1j * frequency * np.eye(len(a)) - a, b)


@observed
def diagonal_state(states, frequency):
    """The state of S4D."""
    a, b = hippo(states)
    return state((a + np.outer(b, b) / 2, b / 2), frequency)


@observed
def worst_error(states, frequency, size, generator):
    """|x_E - x| for the rank-one E of spectral norm ε that moves the state most to first order, and for a random E."""
    a, b = hippo(states)
    unperturbed = state((a, b), frequency)
    to_state, _, from_state = np.linalg.svd(np.linalg.inv(1j * frequency * np.eye(states) - a))
    aligned = np.vdot(unperturbed, to_state[:, 0]) or 1.0
    direction = from_state[0].conj() * np.conj(aligned) / abs(aligned)
    noise = generator.normal(size=(2, states, states))
    worst = np.outer(direction, unperturbed.conj())
    return [
        np.linalg.norm(state((a + size * e / np.linalg.norm(e, 2), b), frequency) - unperturbed)
        for e in (worst, noise[0] + 1j * noise[1])
    ]


@predicted
def squared_norm(states, frequency):
    """N²/(ω² + N²)."""
    return states**2 / (frequency**2 + states**2)


@predicted
def beta(states, frequency):
    """β = iω/(iω + N) · Π_{0<n<N} (iω - n)/(iω + n)."""
    n, s = np.arange(1, states), 1j * frequency
    return s / (s + states) * np.prod((s - n) / (s + n))


@predicted
def last_turn(states):
    """The largest ω at which the argument of β, atan(N/ω) + 2 Σ_{0<n<N} atan(n/ω), is π; and |β| = ω/√(ω² + N²)."""
    n, weights = np.arange(1, states + 1), np.append(np.full(states - 1, 2.0), 1.0)
    omega = brentq(lambda w: weights @ np.arctan(n / w) - np.pi, 1e-3, states**2, xtol=1e-14, rtol=1e-15)
    return omega, omega / np.hypot(omega, states)


@predicted
def uniform_bound(size):
    """2ε/(1 - 2ε): the resolvent of A + E is at most 1/(1/2 - ε) in norm, and |x| at most 1."""
    return 2 * size / (1 - 2 * size)


@claim(ours("derived: |x|² = 1 - |β|²"), kind="identity", cases=[(64, 3.0), (1, 1.0), (17, 30.0)])
def test_state_norm(trial, states: States, ratio: Ratio):
    """The state has |x(ω)|² = N²/(ω² + N²), at most 1 although |B| = N."""
    frequencies = states * ratio * np.linspace(0, 1, 9)
    norms = [np.linalg.norm(state(hippo(states), w)) ** 2 for w in frequencies]
    predict = squared_norm(states, frequencies)
    wrong = {"N/2 for N": squared_norm(states, 2 * frequencies), "its root": np.sqrt(predict)}
    trial.identity(norms, predict, ops=states**2 + 8, controls=wrong)


@claim(ours("derived by Sherman and Morrison's formula"), kind="identity", cases=[(16, 1.0), (64, 1303.8), (1, 0.3)])
def test_s4d_factor(trial, states: States, frequency: Frequency):
    """S4D's state, and with it every transfer function, is 1/(1 + β) times the true one."""
    x, s4d = state(hippo(states), frequency), diagonal_state(states, frequency)
    factor = 1 / (1 + beta(states, frequency))
    size = np.abs(s4d).max() * max(1.0, abs(factor))
    wrong = {"B not halved": 2 * x * factor, "-β for β": x / (1 - beta(states, frequency))}
    wrong = {name: value.view(float) for name, value in wrong.items()}
    ops = states**2 + 8 + frequency
    trial.identity(s4d.view(float), (x * factor).view(float), ops=ops, scale=size, controls=wrong)


@claim(ours("derived from |β| → 1 where its argument is π"), kind="rate", cases=[2, 16, 100])
def test_s4d_diverges(trial, states: SeveralStates):
    """Where the argument of β is π last, the relative error of S4D is |β|/(1 - |β|), which grows like 2N²/π², and the
    largest error over unit C is |β|√((1 + |β|)/(1 - |β|)), like 2N/π.
    """
    sizes = (states, 16, 32, 64, 128)
    turns = [last_turn(n) for n in sizes]
    truths = [state(hippo(n), omega) for n, (omega, _) in zip(sizes, turns, strict=True)]
    pairs = zip(sizes, turns, truths, strict=True)
    errors = [np.linalg.norm(diagonal_state(n, omega) - x) for n, (omega, _), x in pairs]
    relative = [error / np.linalg.norm(x) for error, x in zip(errors, truths, strict=True)]
    r = turns[0][1]
    predict = np.array([r / (1 - r), r * np.sqrt((1 + r) / (1 - r))])
    wrong = {"|β|/(1 + |β|)": predict * (1 - r) / (1 + r), "1/(1 - |β|)": predict / r}
    measured = np.array([relative[0], errors[0]])
    trial.identity(measured, predict, ops=states**4 + 64, scale=predict, controls=wrong)
    growth = np.array([relative, errors]).T[1:] / np.array([[n**2, n] for n in sizes[1:]])
    wrong = {"1/5 and 2/3": [1 / 5, 2 / 3], "π/16 and 1/√e": [np.pi / 16, np.exp(-0.5)]}
    trial.limit(growth, sizes[1:], [2 / np.pi**2, 2 / np.pi], order=2, margin=1e-4, controls=wrong)


@claim(
    ours("derived: the field of values of A lies in Re <= -1/2, and |x| <= 1"),
    kind="bound",
    cases=[(64, 1e-3), (128, 0.05)],
    loose="the resolvent comes near 2 for many states only; with 64 the bound is attained to 91 %",
)
def test_ptd_uniform(trial, states: SeveralStates, size: Perturbation):
    """However A is perturbed by a matrix of spectral norm ε < 1/2, for all N, ω and C: |G_E - G| <= 2ε |C|/(1 - 2ε)."""
    generator, frequencies = trial.generator(), np.append(0, np.geomspace(0.1, states**2, 6))
    errors = np.array([worst_error(states, w, size, generator) for w in frequencies])
    predict = np.full(errors.shape, uniform_bound(size))
    wrong = {"half the first order": np.full(errors.shape, size)}
    trial.bound(errors, predict, found_by="search", ops=states**2 + 8, scale=1.0, controls=wrong)


@figure("F1", claims=("s4d_factor", "s4d_diverges", "ptd_uniform"))
def transfer_ratio(sizes=(16, 64), size=0.01):
    """S4D is wrong by large factors at high frequencies, a small perturbation is not.

    |G_S4D/G|, which does not depend on C: 1/|1 + β| (lines) and dense solves (points); and |x_E|/|x| of one random
    perturbation of spectral norm 0.01 (crosses).
    """
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(figsize=(5.4, 3.4))
    for n, colour in zip(sizes, COLOURS, strict=False):
        a, b = hippo(n)
        noise = np.random.default_rng(n).normal(size=a.shape)
        perturbed = a + size * noise / np.linalg.norm(noise, 2)
        fine = np.union1d(np.geomspace(1, 1e4, 3000), last_turn(n)[0] + np.linspace(-5, 5, 101))
        coarse = np.append(np.geomspace(1, 1e4, 40), last_turn(n)[0])
        axes.plot(fine, [1 / abs(1 + beta(n, w)) for w in fine], color=colour, label=f"S4D, N = {n}, 1/|1 + β|")
        norms = np.array([[np.linalg.norm(x) for x in (state((a, b), w), diagonal_state(n, w))] for w in coarse])
        axes.plot(coarse, norms[:, 1] / norms[:, 0], "o", color=colour, label=f"S4D, N = {n}, solves")
        moved = [np.linalg.norm(state((perturbed, b), w)) for w in coarse]
        axes.plot(coarse, moved / norms[:, 0], "x", color=colour, label=f"PTD, N = {n}, ε = {size:g}")
    axes.set(
        xlabel="frequency ω  (per unit of time)",
        ylabel="ratio to the truth  (dimensionless)",
        xscale="log",
        yscale="log",
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn
