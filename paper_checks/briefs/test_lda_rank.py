"""Thilak, Huang, Saremi, Dinh, Goh, Nakkiran, Susskind & Littwin 2024, "LiDAR", ICLR, arXiv
2312.04000.

For whoever picks a checkpoint by LiDAR and must choose q, the number of augmented views of an
image.

Of n images there are q views each, z_iv in d dimensions. Σ_b is the covariance of the n means over
views (with 1/n), Σ_w the pooled covariance within images (with 1/(n q)). LiDAR is exp(−Σ p log p),
where p are the eigenvalues of Σ_w^(−1/2) Σ_b Σ_w^(−1/2), divided by their sum, without the small
multiple of I that the paper adds to Σ_w. In the planted model z_iv = s_i + ε_iv, where ε is N(0, I)
and s is N(0, diag(a_1, …, a_r, 0, …, 0)) with m zeros, d = r + m.

Read: the abstract. Derived here: the invariance, what noise dimensions count for, and a mean at
finite n. Not claimed: anything of trained encoders, whose views are not normal.
Topic: representations.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy.linalg import eigh
from scipy.stats import entropy, wishart

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Images = Annotated[
    int, Interval(10, 60, why="few images scatter much, and many thousands of data sets are drawn")
]
Views = Annotated[
    int, Interval(2, 30, why="one view has no spread; of very many the noise hardly counts")
]
Dim = Annotated[int, Interval(2, 32, why="in one dimension the rank is 1")]
Condition = Annotated[
    float, Interval(1, 100, why="of the map; its square multiplies rounding errors")
]
Signals = Annotated[
    int, Interval(1, 8, why="the weakest of many would drown in the noise of the others")
]
Noise = Annotated[
    int, Interval(1, 56, why="without noise dimensions there is nothing to count; many take long")
]
FewViews = Annotated[int, Interval(2, 4, why="with more, n is hardly finite any more")]
FewNoise = Annotated[int, Interval(1, 12, why="thousands of data sets are drawn")]
Decay = Annotated[
    float, Interval(0.25, 1, why="of the signals' variances 4, 4 × decay, …, none of which is lost")
]


def scatters(views):
    """Σ_b and Σ_w of views, shape (…, n, q, d)."""
    means = views.mean(axis=-2)
    between = means - means.mean(axis=-2, keepdims=True)
    inner = views - means[..., None, :]
    inner = inner.reshape(*views.shape[:-3], -1, views.shape[-1])
    return tuple(np.swapaxes(x, -1, -2) @ x / x.shape[-2] for x in (between, inner))


def entropy_rank(values):
    """The rank exp(−Σ p log p) of p proportional to the values."""
    return np.exp(entropy(np.maximum(values, 0), axis=-1))


@observed
def whitened_rank(between, within):
    """LiDAR of one or many pairs, from L⁻¹ Σ_b L⁻ᵀ with Σ_w = L Lᵀ, which has the same
    eigenvalues.
    """
    root = np.linalg.inv(np.linalg.cholesky(within))
    return entropy_rank(np.linalg.eigvalsh(root @ between @ np.swapaxes(root, -1, -2)))


@observed
def planted_ranks(generator, count, freedoms, variances):
    """LiDAR of data sets whose Σ_b and Σ_w are Wishart matrices with means diag(variances) and
    I.
    """
    pairs = zip(freedoms, (variances, np.ones_like(variances)), strict=True)
    return whitened_rank(
        *(wishart(n, np.diag(law / n)).rvs(count, random_state=generator) for n, law in pairs)
    )


@observed
def drawn_trace(generator, count, images, views, variances):
    """tr(Σ_w⁻¹ Σ_b) of data sets that are drawn view by view."""
    between, within = scatters(drawn_views(generator, count, images, views, variances))
    return np.trace(np.linalg.solve(within, between), axis1=-2, axis2=-1)


@predicted
def pencil_rank(between, within):
    """LiDAR from the eigenvalues of the pencil Σ_b − λ Σ_w, which a map z → A z + b leaves
    alone.
    """
    return entropy_rank(eigh(between, within, eigvals_only=True))


@observed
def drawn_views(generator, count, images, views, variances):
    """Data sets of the planted model, shape (count, n, q, d)."""
    signals = np.sqrt(variances) * generator.normal(size=(count, images, 1, len(variances)))
    return generator.normal(signals, size=(count, images, views, len(variances)))


@predicted
def limit_rank(variances, views):
    """The rank exp H of p proportional to a_i + 1/q and, m times, 1/q: a mean of q views keeps
    noise of 1/q.
    """
    return entropy_rank(variances + 1 / views)


@predicted
def mean_trace(images, views, total, dim):
    """The product (n − 1)/n · n q/(n (q − 1) − d − 1) · (Σ a + d/q): an inverse Wishart mean times
    tr E Σ_b.
    """
    return (images - 1) * views / (images * (views - 1) - dim - 1) * (total + dim / views)


@claim(
    derived("Σ_b and Σ_w go to A Σ Aᵀ"),
    kind="identity",
    cases=[(20, 3, 5, 10.0), (10, 20, 2, 1.0), (60, 2, 8, 100.0)],
)
def test_affine_invariance(trial, images: Images, views: Views, dim: Dim, condition: Condition):
    """LiDAR is unchanged by every invertible affine map z → A z + b, where no multiple of I is
    added to Σ_w.
    """
    trial.require(
        images * (views - 1) >= 2 * dim,
        "Σ_w must be invertible: images * (views - 1) is below 2 dim",
    )
    generator = trial.generator()
    z = drawn_views(generator, 1, images, views, 4.0 * np.eye(dim)[0])[0]
    left, right = np.linalg.qr(generator.normal(size=(2, dim, dim)))[0]
    image = z @ (left * np.geomspace(1, condition, dim)) @ right + generator.normal(size=dim)
    between, within = scatters(z)
    singular = np.linalg.svd(z.reshape(-1, dim), compute_uv=False)
    controls = {
        "RankMe": entropy_rank(singular),
        "rank of Σ_b": entropy_rank(np.linalg.eigvalsh(between)),
    }
    ops = 20 * dim * np.linalg.cond(within) * condition**2
    trial.identity(
        whitened_rank(*scatters(image)), pencil_rank(between, within), ops=ops, controls=controls
    )


@claim(
    derived("Σ_b tends to diag(a) + I/q, Σ_w to (1 − 1/q) I"),
    kind="limit",
    cases=[(4, 1.0, 12, 10), (4, 0.5, 12, 30)],
)
def test_view_floor(trial, signals: Signals, decay: Decay, noise: Noise, views: Views):
    """As n → ∞, LiDAR tends to exp H of p ∝ (a_i + 1/q; m times 1/q): a noise dimension counts as a
    signal of 1/q.
    """
    a = np.append(4 * decay ** np.arange(signals), np.zeros(noise))
    law = limit_rank(a, views)
    freedoms = (100_000 - 1, 100_000 * (views - 1))
    draw = partial(planted_ranks, freedoms=freedoms, variances=a + 1 / views)
    controls = {"noise is ignored": entropy_rank(a), "noise counts in full": limit_rank(a, 1)}
    trial.mean(
        sampler=draw,
        predict=law,
        law=Asymptotic(),
        margin=0.005 * law,
        controls=controls,
        first=64,
        most=1024,
    )


@claim(
    derived("mean of an inverse Wishart matrix"),
    kind="identity",
    cases=[(20, 3, 2, 0.25, 3), (12, 3, 2, 0.5, 2)],
)
def test_trace(
    trial, images: Images, views: FewViews, signals: Signals, decay: Decay, noise: FewNoise
):
    """E tr(Σ_w⁻¹ Σ_b) = (n − 1)/n · n q/(n (q − 1) − d − 1) · (Σ a + d/q), as Σ_b and Σ_w are
    independent.
    """
    a = np.append(4 * decay ** np.arange(signals), np.zeros(noise))
    dim = signals + noise
    within = images * (views - 1)
    trial.require(
        within >= dim + 12, "images * (views - 1) must exceed d by 12: the tails are heavy"
    )
    trial.require(
        within <= 20 * (dim + 1),
        "images * (views - 1) must be at most 20 (d + 1): else n is hardly finite",
    )
    trial.require(
        images * views * dim <= 2500,
        "images * views * (signals + noise) must be at most 2500: it takes long",
    )
    draw = partial(drawn_trace, images=images, views=views, variances=a)
    law = mean_trace(images, views, a.sum(), dim)
    laws = {"noise counts in full": mean_trace(images, views, a.sum() + dim - dim / views, dim)}
    laws["Σ_w at its mean"] = law * (1 - (dim + 1) / images / (views - 1))
    trial.mean(
        sampler=draw,
        predict=law,
        law=Asymptotic(),
        margin=0.01 * law,
        controls=laws,
        first=1000,
        most=400_000,
    )


@figure("F1", claims=("view_floor",))
def rank_against_views(signals: int = 4, images: int = 2000):
    """Few views let noise count as signal: LiDAR against the number of views q, for 0, 12 and 60
    noise dimensions.

    Four signals of variance 4. Marks: lines: limit of many images; points: means of 20 draws, 99 %
    intervals.
    """
    generator = np.random.default_rng(0)
    wide = np.geomspace(2, 1000, 60)
    at = np.geomspace(2, 1000, 8).astype(int)
    kinds = {
        f"{m} noise dimensions": np.append(np.full(signals, 4.0), np.zeros(m)) for m in (60, 12, 0)
    }
    lines = {}
    points = {}
    for name, a in kinds.items():
        lines[name] = wide, [limit_rank(a, q) for q in wide]
        ranks = np.array(
            [planted_ranks(generator, 20, (images - 1, images * (q - 1)), a + 1 / q) for q in at]
        )
        points[name] = (
            at,
            ranks.mean(axis=1),
            2.86 * ranks.std(axis=1, ddof=1) / np.sqrt(20),
        )  # Student's, 99 %
    return chart(
        lines,
        points,
        levels={"signals": signals},
        log="xy",
        x="views per image q",
        y="LiDAR (dimensionless)",
    )
