"""Gu, Johnson, Goel, Saab, Dao, Rudra & Ré 2021, "Combining Recurrent, Convolutional, and
Continuous-time Models with Linear State-Space Layers", NeurIPS, arXiv 2110.13985.

For whoever picks a step size or a discretisation for a state-space model: the layer warps
frequencies, its order is one or two depending on how the input is sampled, and its gates are
implicit Euler steps.

Take away: if a smooth input is sampled at the ends of the steps, the bilinear layer is of order one
only; if it is averaged over each step, the layer is of order two. A gate $σ(z)$ is one implicit
Euler step of size $e^z$, which lags behind the flow by .20 at most.

The model is $x' = A x + B u$, $y = C x$; $A$ $(N, N)$ has a negative definite symmetric part here.
The layer is the bilinear rule $x_k = Ā x_{k-1} + B̄ u_k$, $x_0 = 0$, with
$Ā = (I - Δ A/2)⁻¹ (I + Δ A/2)$ and $B̄ = (I - Δ A/2)⁻¹ Δ B$: the input is that of the step's end.
$H(s) = C (s I - A)⁻¹ B$, $T = n Δ$, and $σ$ is the logistic function.

Edges: at $ω Δ = π$ the amplification is infinite. If $iω$ is an eigenvalue of $A$, there is no
steady state. For small $ω Δ$ all rules agree.

Paper: it shows that linear state-space layers contain recurrences, convolutions and gates, and
trains them. This page studies the discretisation and the gates.

Abstract:

- Sentence 1: recurrences, convolutions and differential equations each have their strengths. Not on
  trial. It is about practice.
- Sentences 2 and 3: a layer simulates a linear system with inputs and outputs. No statement.
- Sentence 4: such layers are closely related to the three families. In part: warped_response,
  order_of_error. What the discrete layer makes of the continuous system.
- Sentence 5: they generalise convolutions, explain heuristics of recurrent networks, and adapt
  their time scale. In part: gate_is_backward_euler, gate_lags, gate_against_flow. The heuristic of
  gates.
- Sentence 6: structured matrices $A$ that can be trained give a long memory. Not on trial. No
  matrix $A$ is chosen here.
- Sentences 7 and 8: they do well on long sequences. Not on trial. Nothing is trained here.

Read: the abstract and Lemma 3.1 (the gate). Derived here: the response, the errors, how far a gate
is from the flow. Not claimed: anything about trained layers or about the choice of $A$. Topic:
sequence models and attention.
"""

from fractions import Fraction
from typing import Annotated, Literal

import numpy as np
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.special import expit, lambertw

from theory_on_trial import (
    balls,
    claim,
    derived,
    observed,
    paper,
    predicted,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

States = Annotated[int, Interval(1, 32, why="beyond, thousands of steps of the layer take seconds")]
Inputs = Literal["constant", "averaged", "sampled"]
Farthest = Annotated[
    float,
    Interval(3, 700, why="the largest gap is at 2.51; beyond 700 both steps are at their end"),
]

CONSTANT = np.zeros((1, 1)), np.ones(1)  # u' = 0, u(0) = 1
SINE = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([0.0, 1.0])  # u'' = -u, u(0) = 0, u'(0) = 1


def system(generator, states):
    """A (N, N), damped rotations that are coupled and not normal, with symmetric part below zero,
    and B, C (N,).
    """
    coupling = np.triu(generator.uniform(-1, 1, (states, states)), 2)
    a = -np.diag(np.linspace(0.6, 1.4, states)) + 0.5 * coupling / max(
        1.0, np.linalg.norm(coupling, 2)
    )
    for k in range(states // 2):
        frequency = 0.5 + 2 * k / states
        a[2 * k, 2 * k + 1] = frequency
        a[2 * k + 1, 2 * k] = -frequency
    b, c = generator.normal(size=(2, states))
    return a, b / np.linalg.norm(b), c


def driven(a, forcing, signal, start, time):
    """x(T) of x' = A x + F w, w' = S w, x(0) = 0, w(0) = `start`, by the exponential of the
    augmented matrix.
    """
    matrix = np.block([[a, forcing], [np.zeros((len(signal), len(a))), signal]])
    return expm(matrix * time)[: len(a), len(a) :] @ start


@observed
def transition(a, b, step):
    """Ā and B̄."""
    implicit = np.linalg.inv(np.eye(len(a)) - step / 2 * a)
    return implicit @ (np.eye(len(a)) + step / 2 * a), step * implicit @ b


@observed
def layer(a, b, step, inputs):
    """The last state of the layer, one for each column of inputs (n, columns)."""
    matrix, vector = transition(a, b, step)
    state = np.zeros((len(a), inputs.shape[1]), inputs.dtype)
    for u in inputs:
        state = matrix @ state + np.outer(vector, u)
    return state


@observed
def steady_response(a, b, c, turns, step):
    """The output over the input exp(i ω k Δ) once 1e-17 of the start is left, and the number of
    roundings in it.
    """
    loss = 1 - np.linalg.norm(transition(a, b, step)[0], 2)
    inputs = np.exp(1j * turns * np.arange(1 + int(40 / loss))[:, None])
    return c @ layer(a, b, step, inputs) / inputs[-1], (len(a) + 4 + 40 * turns.max()) / loss


@predicted
def warped_response(a, b, c, turns, step, warped=True):
    """H at the frequency (2/Δ) tan(ω Δ/2), half a sample early and amplified by 1/cos(ω Δ/2); or
    H(i ω), not warped.
    """
    frequencies = 2 / step * np.tan(turns / 2) if warped else turns / step
    values = [c @ np.linalg.solve(1j * omega * np.eye(len(a)) - a, b) for omega in frequencies]
    return np.array(values) * (np.exp(0.5j * turns) / np.cos(turns / 2) if warped else 1)


@predicted
def errors_of_layer(a, b, signal, start, time, step):
    """(Δ/2) ∫ e^{A(T-s)} B u'(s) ds of sampling, (Δ²/12) ∫ e^{A(T-s)} x'''(s) ds of the rule, and
    what they leave. Of u = 1 the second is (T Δ²/12) A² e^{AT} B. The rest: next terms, as |B| = 1,
    |e^{At}| <= 1 and |u^(j)| <= 1.
    """
    forcing = np.outer(b, np.eye(len(signal))[0])
    joint = np.block([[a, forcing], [np.zeros((len(signal), len(a))), signal]])
    third = np.linalg.matrix_power(joint, 3)[: len(a)]
    sampling = step / 2 * driven(a, forcing @ signal, signal, start, time)
    rule = step**2 / 12 * driven(a, third, joint, np.append(np.zeros(len(a)), start), time)
    norm = np.linalg.norm(a, 2)
    sizes = [time]  # of x and its derivatives
    for _ in range(5):
        sizes.append(norm * sizes[-1] + 1)
    bend = norm * (norm * time + 1) * sizes[3] + sizes[4]
    after_rule = step**4 * time / 12 * (norm * bend / 12 + sizes[5] / 60)
    return sampling, rule, after_rule, step**3 * time / 24 * norm * (norm * (norm * time + 1) + 1)


@observed
def implicit_step(x, u, step):
    """The root y of y = x + Δ (u - y)."""
    return brentq(
        lambda y: y - x - step * (u - y), min(x, u) - 1, max(x, u) + 1, xtol=1e-15, rtol=1e-15
    )


@predicted
def gate(x, u, score):
    """(1 - σ(z)) x + σ(z) u."""
    return expit(-score) * x + expit(score) * u


@predicted
def flow_after(step):
    """1 - e^{-Δ}."""
    return -np.expm1(-step)


@predicted
def largest_gap():
    """Where (1 - e^{-Δ}) - Δ/(1 + Δ) is largest, Δ = -1 - 2 W₋₁(-e^{-1/2}/2), and its value
    there.
    """
    step = -1 - 2 * lambertw(-np.exp(-0.5) / 2, -1).real
    return step, -np.expm1(-step) - step / (1 + step)


@claim(
    derived("Tustin's warped frequency, and half a step for inputs of the step's end"),
    kind="identity",
    cases=[(4, 0.5, 1.5), (1, 0.1, 0.1), (31, 0.05, 3.0)],
)
def test_warped_response(
    trial,
    states: States,
    step: Annotated[
        float,
        Interval(0.01, 4, why="a smaller step keeps its transient for tens of thousands of steps"),
    ],
    turn: Annotated[
        float,
        Interval(0.02, 3, why="ω Δ: near 0 all rules agree, at π the amplification is infinite"),
    ],
):
    """The bilinear layer with step $Δ$ of $x' = A x + B u$, $y = C x$ takes the input of each
    step's end. In its steady state it answers the input $exp(i ω k Δ)$ with
    $(e^{iωΔ/2}/cos(ωΔ/2)) H(i (2/Δ) tan(ωΔ/2))$ times it, where $H(s) = C (s I - A)⁻¹ B$.
    """
    a, b, c = system(trial.generator(), states)
    turns = turn * np.array([0.5, 0.7, 1.0])
    measured, ops = steady_response(a, b, c, turns, step)
    predict = warped_response(a, b, c, turns, step)
    plain = warped_response(a, b, c, turns, step, warped=False)
    late = predict * np.exp(-0.5j * turns)
    controls = {"not warped": plain.view(float), "not early": late.view(float)}
    scale = 2 * np.linalg.norm(c)
    trial.identity(
        measured.view(float),
        predict.view(float),
        ops=ops,
        scale=scale,
        generic="both sides are rational in the entries of the system",
        controls=controls,
    )


@claim(
    derived("by Euler's and Maclaurin's formula"),
    kind="rate",
    cases=[
        (4, 2.0, "constant"),
        (1, 0.5, "averaged"),
        (32, 3.0, "sampled"),
        (4, 2.0, "sampled"),
    ],
)
def test_order_of_error(
    trial,
    states: States,
    horizon: Annotated[
        float,
        Interval(
            0.5, 3, why="the error is followed over some time constants, then all has decayed"
        ),
    ],
    inputs: Inputs,
):
    """The bilinear layer with step $Δ$ errs at a time $T$ from the flow of $x' = A x + B u$ by
    $(Δ²/12) ∫ e^{A(T-s)} x'''(s) ds$, to leading order, if $u$ is constant or averaged over each
    step. If $u$ is sampled at the steps' ends, $(Δ/2) ∫ e^{A(T-s)} B u'(s) ds$ is added.
    """
    a, b, _ = system(trial.generator(), states)
    steps = round(2048 * horizon)
    step = horizon / steps
    sine = np.sin(np.linspace(0, horizon, steps + 1))
    u = {"constant": np.ones(steps), "averaged": (sine[1:] + sine[:-1]) / 2, "sampled": sine[1:]}
    signal, start = CONSTANT if inputs == "constant" else SINE
    flow = driven(a, np.outer(b, np.eye(len(signal))[0]), signal, start, horizon)
    sampling, rule, slack, beyond = errors_of_layer(a, b, signal, start, horizon, step)
    controls = {
        "the midpoint rule's, $-Δ²/24$": -rule / 2,
        "Euler's error of order one": rule - step / 2 * expm(a * horizon) @ b,
    }
    predict = rule
    if inputs == "sampled":
        controls["of order two"] = rule
        predict = rule + sampling
        slack = slack + beyond
    rounding = steps * (states + 4) * 2.0**-53
    trial.value(
        layer(a, b, step, u[inputs][:, None])[:, 0] - flow,
        predict,
        slack=slack,
        error=rounding,
        margin=slack + 2 * rounding,
        generic="matrix exponentials and powers are analytic in the system's entries",
        controls=controls,
    )


@claim(paper("Lemma 3.1"), kind="identity", cases=[0.0, 2.0, -10.0, 20.0])
def test_gate_is_backward_euler(
    trial,
    score: Annotated[
        float,
        Interval(
            -10, 20, why="below, all rules agree; above, the flow is at its end to nine digits"
        ),
    ],
):
    """The gated update $(1 - σ(z)) x + σ(z) u$, $σ$ the logistic function, is one implicit Euler
    step of $x' = u - x$ of size $e^z$.
    """
    x, u = trial.generator().normal(size=(2, 32))
    step = np.exp(score)
    shares = {
        "explicit Euler": step,
        "bilinear": step / (1 + step / 2),
        "the flow": -np.expm1(-step),
    }
    controls = {name: x + share * (u - x) for name, share in shares.items()}
    roots = [implicit_step(*pair, step) for pair in zip(x, u, strict=True)]
    trial.identity(
        roots,
        gate(x, u, score),
        ops=8,
        generic="both sides are linear in x and u",
        controls=controls,
    )


def gate_and_flow(farthest):
    """Step sizes Δ, and where the gate and the flow of x' = u - x are after each, from 0 to 1."""
    steps = np.sort(np.concatenate([np.geomspace(1e-3, farthest, 100), np.linspace(2, 3, 501)]))
    flow = [driven(-np.eye(1), np.eye(1), *CONSTANT, step)[0] for step in steps]
    return steps, np.array([implicit_step(0.0, 1.0, step) for step in steps]), np.array(flow)


@claim(
    derived("$e^Δ >= 1 + Δ$"), kind="bound", cases=[3.0, 50.0], not_tight="equal at $Δ = 0$ only"
)
def test_gate_lags(trial, farthest: Farthest):
    """A gate $σ(log Δ)$ opens by $Δ/(1 + Δ)$, which is at most the share $1 - e^{-Δ}$ that the flow
    of $x' = u - x$ moves in the time $Δ$.
    """
    steps, gates, _ = gate_and_flow(farthest)
    trial.bound(
        gates,
        flow_after(steps),
        instances="grid",
        # A root is good to 2e-15, 18 roundings of 1, and the sides differ by 4e-7 or more.
        ops=16,
        controls={"second order, $Δ - Δ²/2$": steps - steps**2 / 2},
    )


@claim(derived("by setting the derivative to zero"), kind="bound", cases=[3.0, 50.0])
def test_gate_against_flow(trial, farthest: Farthest):
    """A gate $σ(log Δ)$ opens by $Δ/(1 + Δ)$, at most .2036 less than the share $1 - e^{-Δ}$ that
    the flow of $x' = u - x$ moves in the time $Δ$.
    """
    _, gates, flow = gate_and_flow(farthest)
    trial.bound(
        flow - gates,
        largest_gap()[1],
        instances="grid",
        ops=8,
        scale=1.0,
        controls={"largest where the gate is half open": 0.5 - np.exp(-1)},
    )


@claim(derived("by setting the derivative to zero"), kind="identity", cases=[3.0, 50.0])
def test_largest_lag(trial, farthest: Farthest):
    """A gate $σ(log Δ)$ lags most behind the flow of $x' = u - x$ in the time $Δ$,
    $1 - e^{-Δ} - Δ/(1 + Δ)$, at $Δ = -1 - 2 W₋₁(-e^{-1/2}/2) = 2.513$, with Lambert's $W₋₁$.
    """
    steps, gates, flow = gate_and_flow(farthest)
    trial.value(
        steps[np.argmax(flow - gates)],
        largest_gap()[0],
        error=0.002,
        margin=0.05,
        controls={"where the gate is half open": 1.0},
    )


@claim(derived("boxes of $Δ$, each enclosed"), kind="bound")
def test_gate_against_flow__everywhere(trial):
    """A gate $σ(log Δ)$ lags behind the flow of $x' = u - x$ in the time $Δ$ by
    $1 - e^{-Δ} - Δ/(1 + Δ)$, which is at most .2036, its value at $Δ = -1 - 2 W₋₁(-e^{-1/2}/2)$, to
    $1e-9$, for all $Δ$ in $[0, 100]$.
    """
    most = Fraction(float(largest_gap()[1]))

    def simulated(step):
        flow = driven(-np.eye(1), np.eye(1), *CONSTANT, step)[0]
        return flow - (gate(0.0, 1.0, np.log(step)) if step else 0.0)

    trial.prove(
        lambda step: 1 - balls.exp(-step) - step / (1 + step),
        lambda step: most,
        {"step": (0, 100)},
        tolerance=1e-9,
        controls={"the gap where the gate is half open": lambda step: 0.5 - balls.exp(-1)},
        same_as=(simulated, None),
    )


@claim(derived("boxes of $Δ$, each enclosed"), kind="bound")
def test_gate_opens_less__everywhere(trial):
    """A gate $σ(log Δ)$ opens by $Δ/(1 + Δ) <= 1 - e^{-Δ}$, what the flow of $x' = u - x$ moves in
    the time $Δ$, for all $Δ$ in $[0, 100]$.
    """
    trial.prove(
        lambda step: step / (1 + step),
        lambda step: 1 - balls.exp(-step),
        {"step": (0, 100)},
        controls={
            "the flow to second order, $Δ - Δ²/2$": lambda step: step - step**2 / 2,
            "the gate of half a step": lambda step: step / (2 + step),
        },
        same_as=(
            lambda step: gate(0.0, 1.0, np.log(step)) if step else 0.0,
            lambda t: -np.expm1(-t),
        ),
    )


@figure("F1", claims=("warped_response",))
def size_of_response(step=1.0, states=4):
    """A bilinear layer answers at a warped frequency.

    Size of the response to $exp(i ω t)$: four states, their layer of step $Δ = 1$ by the closed
    form, and its recurrence.
    """
    import matplotlib.pyplot as plt

    a, b, c = system(np.random.default_rng(3), states)
    turns = np.linspace(0.1, 3, 30)
    fig, axes = plt.subplots(figsize=(5.4, 3.4))
    model, law = (abs(warped_response(a, b, c, turns, step, warped)) for warped in (False, True))
    axes.plot(turns / step, model, "--", color=COLOURS[6], label="model, |H(iω)|")
    axes.plot(turns / step, law, color=COLOURS[0], label="layer, closed form")
    run, _ = steady_response(a, b, c, turns, step)
    axes.plot(turns / step, abs(run), "o", color=COLOURS[1], label="layer, recurrence")
    axes.set(
        xlabel="frequency ω  (radians per unit of time)",
        ylabel="size of the response  (dimensionless)",
        ylim=0,
    )
    axes.legend()
    return fig
