"""Compare the tools for own data with the bare linear algebra that gives the same answers.

The tables give seconds and memory of both.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import log_softmax

from benchmarks.side_by_side import Response, command, contest, timed
from own_data.conditional_independence_ssl import labels_saved
from own_data.contrastive_theory import infonce_bias
from own_data.cosine_similarity import cosine_range
from own_data.multicalibration_boosting import multicalibration_audit
from own_data.sequential_attention import selection_audit
from own_data.unconstrained_cca import ey_certificate

CONDITIONS = (1.5, 4.0, 25.0)
CHOSEN = 10
CANDIDATES = 32
LEVELS = 10


def table(seed: int, rows: int, columns: int):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, columns))
    return x, x[:, :CHOSEN].sum(axis=1) + generator.normal(size=rows)


def bare_range(x, y):
    """Compute the cosines of all pairs from one Gram matrix, and the lower ends of their ranges for
    three condition numbers. Return the least end.
    """
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[np.triu_indices(len(x), 1)]
    ends = [
        ((1 + cosines) - k * (1 - cosines)) / ((1 + cosines) + k * (1 - cosines))
        for k in CONDITIONS
    ]
    return float(ends[-1].min())


def bare_pursuit(x, y):
    """Compute the coherence of the columns and select features by scikit-learn's orthogonal
    matching pursuit. Return a number that depends on both.
    """
    from sklearn.linear_model import orthogonal_mp

    unit = x / np.linalg.norm(x, axis=0)
    return float((unit.T @ unit - np.eye(x.shape[1])).max()) + float(
        orthogonal_mp(x, y, n_nonzero_coefs=CHOSEN)[0]
    )


def views(x, y):
    """Return two views, the second with half as many columns, and labels of the first quarter of
    the rows.
    """
    half = x.shape[1] // 2
    return x, x[:, :half] + 0.5 * x[:, half : 2 * half], y[: len(y) // 4]


def bare_labels(x, y):
    """Fit by least squares one view to the other, and the label to the view and to its prediction.
    Return the squared error of the label on the view.
    """
    first, second, labels = views(x, y)
    n = len(labels)
    pretext = np.linalg.lstsq(first[n:], second[n:])[0]
    errors = [
        np.linalg.lstsq(own, labels)[1] for own in (first[:n], first[:n] @ pretext[:, :CHOSEN])
    ]
    return float(np.sum(errors[0]))


def halves(x):
    """Return two related views with equally many columns."""
    half = x.shape[1] // 2
    return x[:, :half], 0.5 * x[:, :half] + x[:, half:]


def bare_correlations(x, y):
    """Compute canonical correlations by two QR factorisations and a singular value decomposition.
    Return their sum.
    """
    first, second = (np.linalg.qr(view - view.mean(axis=0))[0] for view in halves(x))
    return float(np.linalg.svd(first.T @ second, compute_uv=False).sum())


def scores(x):
    return x + 2 * np.eye(len(x))


def bare_infonce(x, y):
    """Return log n plus the mean of the diagonal of the log softmax; all n rows are candidates."""
    return float(np.mean(np.diag(log_softmax(scores(x), axis=1))) + np.log(len(x)))


def audited(x, y):
    """Return predictions, outcomes, and overlapping groups."""
    predictions = 1 / (1 + np.exp(-x[:, 0]))
    return (
        predictions,
        (predictions > np.random.default_rng(0).random(len(y))).astype(float),
        x[:, 1:] > 0,
    )


def bare_means(x, y):
    """Compute the mean residual of each group at each level, and fit the residuals to the groups by
    least squares on half the rows. Return a number that depends on both.
    """
    predictions, outcomes, groups = audited(x, y)
    level = np.minimum((predictions * LEVELS).astype(int), LEVELS - 1)
    means = []
    for group in groups.T:
        counts = np.bincount(level[group], minlength=LEVELS)
        means.append(
            np.bincount(level[group], (outcomes - predictions)[group], LEVELS)
            / np.maximum(counts, 1)
        )
    first = np.arange(len(outcomes)) % 2 == 0
    basis = np.column_stack([np.ones(len(outcomes)), groups])
    fits = []
    for index in range(LEVELS):
        rows = first & (level == index)
        fits.append(np.linalg.lstsq(basis[rows], (outcomes - predictions)[rows])[0])
    return float(np.abs(means).max() + np.abs(fits).max())


TOOLS = {  # rows, columns, the tool, its bare algebra
    "cosine_range": (2000, 768, lambda x, y: cosine_range(x), bare_range),
    "selection_audit": (
        4000,
        600,
        lambda x, y: selection_audit(x, y, CHOSEN, standardise=False),
        bare_pursuit,
    ),
    "labels_saved": (20_000, 100, lambda x, y: labels_saved(*views(x, y)), bare_labels),
    "ey_certificate": (
        50_000,
        256,
        lambda x, y: ey_certificate(*halves(x), held_out=True),
        bare_correlations,
    ),
    "infonce_bias": (
        4000,
        4000,
        lambda x, y: infonce_bias(scores(x), CANDIDATES, held_out=True),
        bare_infonce,
    ),
    "multicalibration_audit": (
        100_000,
        20,
        lambda x, y: multicalibration_audit(*audited(x, y), held_out=True),
        bare_means,
    ),
}


def contender(name: str, tool: str, rows: int, columns: int) -> Callable[[int], Response]:
    *_, ours, bare = TOOLS[tool]

    def answer(seed: int) -> Response:
        seconds, _ = timed(ours if name == "ours" else bare, *table(seed, rows, columns))
        return {"seconds": seconds, "numbers": rows * columns}

    return answer


run = contest(
    "benchmarks.bare_algebra",
    "{}, {} x {}",
    ("ours", "bare"),
    [(tool, rows, columns, 5) for tool, (rows, columns, *_) in TOOLS.items()],
    [(tool, -(-rows // 4), columns // 4, 2) for tool, (rows, columns, *_) in TOOLS.items()],
    ours=["ours"],
    figure="numbers read",
    figure_of=lambda name, answers: str(answers[0]["numbers"]),
)


if __name__ == "__main__":
    command(__doc__, run, contender)
