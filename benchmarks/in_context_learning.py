"""Compare our in-context learners and their training with NumPy and with PyTorch.

`python -m benchmarks.in_context_learning [--quick]` prints the tables.

Rules: nine textbook learners (least squares, ridge twice, a gradient step twice, a pass of SGD
twice, 3 nearest neighbours twice) predict every label of 64 prompts of 40 examples at d = 8. They
predict it from the 1, ..., 39 examples before it. NumPy does all prompts of a prefix at once.

Training: a loop of PyTorch on the CPU has the same decoder (pre-LN, un-normalised residual, exact
GeLU) with the same law of start and prompts, and the same Adam and schedule. The loss is the mean
over the last tenth of the steps, then over all rounds.

Processes, turns and seconds are those of `benchmarks.side_by_side`.
"""

import statistics
from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import Response, command, compare, timed
from sims.in_context_learning import baselines
from sims.in_context_learning.prompts import Prompts
from theory.in_context_learning import regression

OURS = "ours"
NUMPY = "NumPy, prefix by prefix"
TORCH = "PyTorch loop"
PROMPTS = 64
EXAMPLES = 40
DIMENSION = 8
NEIGHBOURS = 3
REGULARISERS = (0.0, 0.1, 0.5)
STEPS_GD = (0.01, 0.02)
STEPS_SGD = (0.01, 0.03)
SIZES = {"dimension": 1, "examples": 6, "layers": 2, "width": 16, "heads": 2}
BATCH = 64
NOISE = 0.5
RATE = 5e-3
WARM_UP = 0.1


def draw(seed: int, count: int):
    """Return the inputs and noisy labels of `count` prompts."""
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((count, EXAMPLES, DIMENSION))
    weights = rng.standard_normal((count, DIMENSION))
    return inputs, np.einsum("pnd,pd->pn", inputs, weights) + 0.5 * rng.standard_normal(
        (count, EXAMPLES)
    )


def ours():
    import jax

    jax.config.update("jax_enable_x64", True)
    rules = [
        *(baselines.ridge(regulariser) for regulariser in REGULARISERS),
        *(baselines.gradient_step(step) for step in STEPS_GD),
        *(baselines.sgd(step) for step in STEPS_SGD),
        *(
            baselines.nearest_neighbours(NEIGHBOURS, weighted=weighted)
            for weighted in (False, True)
        ),
    ]

    def predict(inputs, labels):
        prompts = Prompts(inputs, labels, np.zeros((len(inputs), DIMENSION)))
        return np.asarray(baselines.predict_all(prompts, rules))[:, :, 1:]

    return predict


def in_numpy():
    def predict(inputs, labels):
        answers = np.empty((9, *labels.shape))
        passes = np.zeros((2, len(inputs), DIMENSION))
        for k in range(1, EXAMPLES):
            X = inputs[:, :k]
            Y = labels[:, :k]
            query = inputs[:, k]
            sums = np.einsum("pkd,pk->pd", X, Y)
            gram = X.transpose(0, 2, 1) @ X
            weights = [np.einsum("pdk,pk->pd", np.linalg.pinv(X), Y)]
            weights += [
                np.linalg.solve(gram + r * np.eye(DIMENSION), sums[..., None])[..., 0]
                for r in REGULARISERS[1:]
            ]
            weights += [2 * step * sums for step in STEPS_GD]
            residuals = np.einsum("spd,pd->sp", passes, X[:, -1]) - Y[:, -1]
            passes -= 2 * np.array(STEPS_SGD)[:, None, None] * residuals[..., None] * X[:, -1]
            answers[:7, :, k] = np.einsum("rpd,pd->rp", np.array([*weights, *passes]), query)
            distances = np.sum((X - query[:, None]) ** 2, axis=2)
            nearest = np.argsort(distances, axis=1)[:, :NEIGHBOURS]
            near = np.take_along_axis(Y, nearest, axis=1)
            shares = 1 / np.take_along_axis(distances, nearest, axis=1)
            answers[7:, :, k] = (
                near.mean(axis=1),
                np.sum(shares * near, axis=1) / shares.sum(axis=1),
            )
        return answers[:, :, 1:]

    return predict


def reference(inputs, labels):
    """Return the answers of all rules to one prompt, by the theory."""
    answers = []
    for k in range(1, EXAMPLES):
        X = inputs[:k]
        Y = labels[:k]
        query = inputs[k]
        weights = [regression.ridge_weights(X, Y, regulariser) for regulariser in REGULARISERS]
        weights += [regression.gradient_step_weights(X, Y, step) for step in STEPS_GD]
        weights += [regression.sgd_weights(X, Y, step) for step in STEPS_SGD]
        near = [
            regression.nearest_neighbour_weights(X, query, NEIGHBOURS, kind) @ Y
            for kind in (False, True)
        ]
        answers.append([*(w @ query for w in weights), *near])
    return np.array(answers).T


def answer_rules(name: str) -> Callable[[int], Response]:
    """Return a function of a seed that gives the processor seconds of a round, and the largest
    error of the first prompt.
    """
    predict = ours() if name == OURS else in_numpy()

    def answer(seed: int) -> Response:
        inputs, labels = draw(seed, PROMPTS)
        seconds, answers = timed(predict, inputs, labels)
        error = np.abs(answers[:, 0] - reference(inputs[0], labels[0])).max()
        return {"seconds": seconds, "error": float(error)}

    return answer


def train_ours(seed: int, steps: int):
    import jax

    from sims.in_context_learning.training import TrainingSettings, train

    settings = TrainingSettings(
        **SIZES, steps=steps, learning_rate=RATE, batch=BATCH, noise_std=NOISE, warm_up=WARM_UP
    )
    return train(jax.random.key(seed), settings, progress=False).losses


def torch_decoder():
    import torch
    from torch import nn

    width = SIZES["width"]
    heads = SIZES["heads"]
    positions = 2 * SIZES["examples"]

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
            self.project = nn.Linear(width, 3 * width)
            self.out = nn.Linear(width, width)
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )

        def forward(self, hidden):
            qkv = self.project(self.norms[0](hidden)).view(len(hidden), positions, 3, heads, -1)
            output = nn.functional.scaled_dot_product_attention(
                *qkv.permute(2, 0, 3, 1, 4), is_causal=True
            )
            hidden = hidden + self.out(output.transpose(1, 2).reshape(hidden.shape))
            return hidden + self.mlp(self.norms[1](hidden))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Linear(SIZES["dimension"] + 1, width)
            self.readout = nn.Linear(width, 1)
            self.positions = nn.Parameter(0.02 * torch.randn(positions, width))
            self.layers = nn.Sequential(*(Layer() for _ in range(SIZES["layers"])))

        def forward(self, tokens):
            return self.readout(self.layers(self.embedding(tokens) + self.positions)[:, ::2])[
                ..., 0
            ]

    return Decoder()


def train_torch(seed: int, steps: int):
    import math

    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = torch_decoder()
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, betas=(0.9, 0.98), eps=1e-9)
    rising = int(WARM_UP * steps)

    def share(step):
        return (
            step / rising
            if step < rising
            else (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2
        )

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    examples = SIZES["examples"]
    dimension = SIZES["dimension"]
    losses = []
    for _ in range(steps):
        inputs = torch.randn(BATCH, examples, dimension)
        labels = (inputs @ torch.randn(BATCH, dimension, 1))[..., 0] + NOISE * torch.randn(
            BATCH, examples
        )
        tokens = torch.zeros(BATCH, 2 * examples, dimension + 1)
        tokens[:, ::2, 1:] = inputs
        tokens[:, 1::2, 0] = labels
        optimiser.zero_grad()
        loss = torch.mean((model(tokens) - labels) ** 2)
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.detach())
    return torch.stack(losses).numpy()


def answer_training(name: str, steps: int) -> Callable[[int], Response]:
    """Return a function of a seed that gives the processor seconds of a training, and the mean loss
    in its last tenth.
    """
    train = train_ours if name == OURS else train_torch

    def answer(seed: int) -> Response:
        seconds, losses = timed(train, seed, steps)
        return {"seconds": seconds, "loss": float(losses[-(steps // 10) :].mean())}

    return answer


def run(quick: bool) -> None:
    compare(
        "benchmarks.in_context_learning",
        f"9 rules, {PROMPTS} prompts x {EXAMPLES - 1} prefixes, d = {DIMENSION}",
        {name: ("rules", name, 0) for name in (OURS, NUMPY)},
        1 if quick else 7,
        ours=[OURS],
        figure="worst error",
        figure_of=lambda name, answers: f"{max(answer['error'] for answer in answers):.1e}",
    )
    steps = 200 if quick else 2000

    def losses(name, answers):
        ends = [answer["loss"] for answer in answers]
        return f"{statistics.mean(ends):.3f} ({min(ends):.3f} to {max(ends):.3f})"

    sizes = "d = {dimension}, n = {examples}, L = {layers}, H = {width}, M = {heads}".format(
        **SIZES
    )
    compare(
        "benchmarks.in_context_learning",
        f"Training, {sizes}, batch {BATCH}, {steps} steps",
        {name: ("training", name, steps) for name in (OURS, TORCH)},
        1 if quick else 3,
        ours=[OURS],
        figure="loss at the end",
        figure_of=losses,
        unit="ms per step",
        per_unit=lambda name, answers: 1e3 / steps,
    )


if __name__ == "__main__":
    command(
        __doc__,
        run,
        lambda of, name, steps: (
            answer_rules(name) if of == "rules" else answer_training(name, steps)
        ),
    )
