"""From the mean loss to that of a sample: the Rademacher step, with all samples enumerated."""

from itertools import product
from typing import Annotated

import numpy as np

from theory_on_trial import claim, known
from theory_on_trial.contract import Interval


def hinge_losses(features):
    """Hinge loss of every triple of four points in two classes, [encoders, triples]; the negative
    is of a class that is drawn independently.
    """
    classes = [(0, 1), (2, 3)]
    triples = [
        (anchor, positive, negative)
        for kind in classes
        for anchor, positive in product(kind, repeat=2)
        for negative in range(4)
    ]
    anchor, positive, negative = np.array(triples).T
    margins = features[:, anchor] * (features[:, positive] - features[:, negative])
    return np.maximum(0, 1 - margins)


def mean_largest(values, n_triples):
    """The mean, over all samples of so many triples, of the largest sum over a sample."""
    total = values
    for _ in range(n_triples - 1):
        total = (total[:, :, None] + values[:, None]).reshape(len(values), -1)
    return total.max(axis=0).mean() / n_triples


@claim(
    known(
        "Bartlett & Mendelson 2002, Rademacher and Gaussian complexities: the symmetrisation in "
        "Theorem 8"
    ),
    kind="bound",
    cases=[1, 2],
    not_tight="drawing signs costs a factor: losses have means beside their scatter",
)
def test_symmetrisation(
    trial,
    n_triples: Annotated[int, Interval(1, 2, why="of three the bound without the 2 holds, too")],
    length: Annotated[
        float,
        Interval(0.9, 2, why="of shorter features all losses are near 1, and any bound holds"),
    ] = 1.0,
):
    """The loss of a sample of triples is below its mean by at most twice the Rademacher complexity
    of the losses: on average over samples, and at the worst of 17 encoders that map four points to
    plus or minus a length, or to 0.

    It counts unlabelled triples: what it says of labels needs the bound on the mean classifier.
    """
    signs = np.array(list(product((-1.0, 1.0), repeat=4)))
    losses = hinge_losses(length * np.vstack([signs, np.zeros(4)]))
    gaps = losses.mean(axis=1, keepdims=True) - losses
    largest = mean_largest(gaps, n_triples)
    signed = np.concatenate([losses, -losses], axis=1)
    complexity = mean_largest(signed, n_triples)
    trial.bound(
        np.array([largest]),
        np.array([2 * complexity]),
        instances="all",
        ops=10 * n_triples,
        controls={"without the 2": np.array([complexity])},
    )
