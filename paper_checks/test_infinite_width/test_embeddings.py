"""Two embeddings under one softmax, as in Word2Vec: the limit of maximal updates."""

from typing import Annotated

import numpy as np
from scipy.special import log_softmax, softmax

from theory import infinite_width as predicted
from theory_on_trial import claim, tried
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic

WORDS = 8
RATE = 1.0
STEPS = 60


def counted(rng):
    """How often each word stands beside each, a law on pairs."""
    scores = rng.normal(size=(WORDS, 2)) @ rng.normal(size=(2, WORDS))
    law = np.exp(1.2 * scores)
    return law / law.sum()


def trained_losses(rng, law, width, nets):
    """The loss of networks f = U V' / n after descent with the rate n, in both embeddings."""
    first, second = rng.normal(size=(2, nets, WORDS, width))
    for _ in range(STEPS):
        outputs = first @ second.swapaxes(1, 2) / width
        errors = softmax(outputs, axis=2) * law.sum(axis=1)[:, None] - law
        moved = first - RATE * errors @ second
        second = second - RATE * errors.swapaxes(1, 2) @ first
        first = moved
    outputs = first @ second.swapaxes(1, 2) / width
    return -np.sum(law * log_softmax(outputs, axis=2), axis=(1, 2))


@claim(
    tried(
        "abstract, sentences 4 to 6: limits with explicit formulas beat tangent kernels on "
        "Word2Vec",
        "two linear embeddings of eight words, and their training loss",
    ),
    kind="limit",
    cases=[1024, 256],
)
def test_embeddings(
    trial,
    width: Annotated[
        int, Interval(64, 2048, why="below, the bias 1 / n is seen; above, nets take seconds each")
    ],
):
    """Let $f = U V' / n$ be the logits of 8 words, where the embeddings $U$ and $V$ start as
    standard normal numbers and learn at $n$ times a rate, as under maximal updates. As $n$ grows,
    the training loss after 60 steps tends to that of a recursion of four 8 × 8 matrices, which is
    below the loss of descent with the kernel of the start.

    The order that the abstract reports, limit before finite network before kernel, in training;
    analogies are not on trial.
    """
    law = counted(trial.generator("law"))
    factors = law.sum(axis=1), law / law.sum(axis=1, keepdims=True)
    limit = -np.sum(law * log_softmax(predicted.embedding_limit(*factors, RATE, STEPS), axis=1))
    outputs = np.zeros((WORDS, WORDS))
    for _ in range(STEPS):
        errors = softmax(outputs, axis=1) * law.sum(axis=1)[:, None] - law
        outputs = outputs - 2 * RATE * errors
    kernel = -np.sum(law * log_softmax(outputs, axis=1))
    trial.mean(
        sampler=lambda generator, n: trained_losses(generator, law, width, n),
        predict=limit,
        law=Asymptotic(),
        slack=0.5 / width,
        margin=0.2 * (kernel - limit) + 0.5 / width,
        controls={"the kernel of the start": kernel, "no training": np.log(WORDS)},
        first=8,
        most=4000,
    )
