"""Stepwise self-supervised learning (Simon et al. 2023): F6."""

from collections.abc import Sequence

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.jepa_bias.panels import FEATURE_COLOURS
from sims.jepa_bias import neighbour_flows, networks
from theory.jepa_bias import neighbours
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters


@figure(
    "F6",
    quick={"records": 60},
    claims=("sec_simon_traj", "sec_simon_tau", "sec_simon_random"),
    marks="(b) lines: exact; points: flow of the matrix; dashed: predicted times",
)
def staircases(
    eigenvalues: Sequence[float] = (2.0, 1.2, 0.7, 0.3, 0.1),
    outputs: int = 3,
    init: float = 1e-3,
    random_scale: float = 1e-5,
    records: int = 200,
) -> Figure:
    """Linear Barlow Twins learns one eigenvector at a time: its loss descends a staircase of unit
    steps.

    Gradient flow of ‖WΓWᵀ - I‖² for a Γ with the given `eigenvalues` in a random basis and an
    embedding of `outputs` dimensions. (a) The loss from an aligned start (s_j(0) = `init`) and from
    a random one of size `random_scale`; dashed: the predicted times τ_j = -ln(s_j(0)² γ_j) / 8γ_j
    at which a mode is half learned. (b) Singular values of W from the aligned start. Lines: exact
    solution. Points: adaptive Runge-Kutta of order 8 on the whole matrix. After Simon et al. 2023.
    """
    spectrum = np.array(eigenvalues)
    horizon = 1.35 * float(neighbours.stepwise_critical_time(random_scale, spectrum[outputs - 1]))
    times = np.linspace(0, horizon, records)
    basis = np.asarray(networks.random_rotation(jax.random.key(2), len(spectrum)))
    moment = (basis * spectrum) @ basis.T
    strengths = np.full(outputs, init)
    runs = {
        "aligned start": init * basis[:, :outputs].T,
        "random start": random_scale
        * np.asarray(jax.random.normal(jax.random.key(5), (outputs, len(spectrum)))),
    }
    paths = {
        name: neighbour_flows.stepwise_flow(start, moment, times) for name, start in runs.items()
    }
    losses = {
        name: np.asarray(jax.vmap(lambda W: neighbour_flows.stepwise_loss(W, moment))(path))
        for name, path in paths.items()
    }
    values = np.linalg.norm(np.asarray(paths["aligned start"]) @ basis, axis=1)
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    fine = np.linspace(0, horizon, 600)
    exact = [neighbours.stepwise_loss(time, strengths, spectrum[:outputs]) for time in fine]
    thin = slice(None, None, max(1, records // 50))
    left.plot(fine, exact, color=COLOURS[6], label="exact, aligned start")
    for (name, loss), colour, marker in zip(
        losses.items(), (COLOURS[0], COLOURS[1]), "os", strict=True
    ):
        left.plot(times[thin], loss[thin], marker, color=colour, label=name, linestyle="")
    for mode in range(outputs):
        half_learned = float(neighbours.stepwise_critical_time(init, spectrum[mode]))
        left.axvline(half_learned, color="0.6", linestyle="--", linewidth=0.7)
        right.axvline(half_learned, color="0.6", linestyle="--", linewidth=0.7)
        colour = FEATURE_COLOURS[mode % len(FEATURE_COLOURS)]
        curve = neighbours.stepwise_singular_value(fine, init, spectrum[mode])
        right.plot(fine, curve, color=colour, label=f"γ = {spectrum[mode]:g}")
        right.plot(times[thin], values[thin, mode], "o", color=colour)
    left.set(xlabel="time of the gradient flow", ylabel="loss  ‖WΓWᵀ - I‖²")
    right.set(xlabel="time of the gradient flow", ylabel="singular value of W along an eigenvector")
    left.legend()
    right.legend()
    letters((left, right))
    return fig
