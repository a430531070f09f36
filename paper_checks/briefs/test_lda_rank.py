"""Thilak, Huang, Saremi, Dinh, Goh, Nakkiran, Susskind & Littwin 2024, "LiDAR: Sensing Linear
Probing Performance in Joint Embedding SSL Architectures", ICLR, arXiv 2312.04000.

For whoever picks a checkpoint by LiDAR and must choose $q$, the number of augmented views of an
image.

Paper: LiDAR is the effective rank of the means over views, measured in units of the scatter of the
views as in linear discriminant analysis (LDA). It is meant to predict without labels how well a
linear probe will do. This page says what it measures: which maps do not change it, and how much too
few views raise it.

Take away: a noise dimension counts as a signal of variance $1/q$. With four signals of variance 1
among 60 noise dimensions LiDAR is 37.7 at $q = 10$, 8.3 at $q = 100$ and 4.5 at $q = 1000$. For an
encoder trained on digits it is about 12 at $q = 2$ and 10 in the limit.

Of $n$ images there are $q$ views each, $z_{i v}$ in $d$ dimensions. $Σ_b$ is the covariance of the
$n$ means over views (with $1/n$), $Σ_w$ the pooled covariance within images (with $1/(n q)$). LiDAR
is $exp(−∑_i p_i log p_i)$, where $p_i$ are the eigenvalues of $Σ_w^(−1/2) Σ_b Σ_w^(−1/2)$, divided
by their sum, without the small multiple of $I$ that the paper adds to $Σ_w$. In the planted model
$z_{i v} = s_i + ε_{i v}$, where $ε$ is $N(0, I)$ and $s$ is $N(0, diag(a_1, …, a_r, 0, …, 0))$ with
$m$ zeros, $d = r + m$.

Edges: with $n$ images LiDAR is at most $n − 1$. If $n (q − 1) <= d + 1$, the mean trace is
infinite, and `mean_trace` raises an error. If a multiple $δ$ of $I$ is added to $Σ_w$, the
invariance is lost: as the features shrink, LiDAR tends to the entropy rank of $Σ_b$. The relative
error of the limit law at $n$ images is about $(d + 1)/(2n) · q/(q − 1)$.

Abstract:

- Statement 1: LiDAR is a rank as of discriminant analysis, computed from views. No statement.
- Statement 2: it tells informative from uninformative features. In part: view_floor,
  affine_invariance, trained_encoder. With $q$ views a feature that is noise counts as a signal of
  variance $1/q$.
- Statement 3: it tells better than other ranks which hyperparameters are best. Not on trial. One
  encoder is trained here; ranks are not compared with probes.

Read: the abstract. Derived here: the invariance, what noise dimensions count for, the law of an
encoder, and a mean at finite $n$. Not claimed: that a high rank makes a good probe. Topic:
representations.
"""

from functools import partial
from typing import Annotated

import numpy as np
from scipy.linalg import eigh
from scipy.stats import entropy

from paper_checks.briefs.common import orthonormal
from paper_checks.briefs.encoder import digits, encoder
from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Images = Annotated[
    int, Interval(10, 60, why="few images scatter much, and many thousands of data sets are drawn")
]
Signals = Annotated[
    int, Interval(1, 8, why="the weakest of many would drown in the noise of the others")
]
Decay = Annotated[
    float, Interval(0.25, 1, why="of the signals' variances 4, 4 × decay, …, none of which is lost")
]
WIDTH = 16  # features of the trained encoder


def planted_variances(signals, decay, noise):
    """The variances 4, 4 × decay, … of the signals, and the zeros of the noise dimensions."""
    return np.append(4 * decay ** np.arange(signals), np.zeros(noise))


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


def encoded_views(generator, seed, views, pixel_noise):
    """Features of all digits, shape (n, q, d), each image with fresh pixel noise in every view."""
    images = digits()[:, None]
    noise = generator.normal(size=(len(images), views, images.shape[-1]))
    return encoder(WIDTH, seed)(images + pixel_noise * noise)


@observed
def drawn_views(generator, count, images, views, variances):
    """Data sets of the planted model, shape (count, n, q, d)."""
    signals = np.sqrt(variances) * generator.normal(size=(count, images, 1, len(variances)))
    return generator.normal(signals, size=(count, images, views, len(variances)))


@observed
def whitened_rank(between, within):
    """LiDAR of one or many pairs, from L⁻¹ Σ_b L⁻ᵀ with Σ_w = L Lᵀ, which has the same
    eigenvalues.
    """
    root = np.linalg.inv(np.linalg.cholesky(within))
    return entropy_rank(np.linalg.eigvalsh(root @ between @ np.swapaxes(root, -1, -2)))


@observed
def drawn_ranks(generator, count, images, views, variances):
    """LiDAR of data sets of the planted model, which are drawn one by one, view by view."""
    sets = (drawn_views(generator, 1, images, views, variances)[0] for _ in range(count))
    return np.array([whitened_rank(*scatters(views)) for views in sets])


@observed
def encoder_ranks(generator, count, seed, views, pixel_noise):
    """LiDAR of the trained encoder, from fresh views of all digits."""
    sets = (encoded_views(generator, seed, views, pixel_noise) for _ in range(count))
    return np.array([whitened_rank(*scatters(views)) for views in sets])


@observed
def drawn_trace(generator, count, images, views, variances):
    """tr(Σ_w⁻¹ Σ_b) of data sets that are drawn view by view."""
    between, within = scatters(drawn_views(generator, count, images, views, variances))
    return np.trace(np.linalg.solve(within, between), axis1=-2, axis2=-1)


@predicted
def pencil_rank(between, within):
    """LiDAR from the eigenvalues of the pencil Σ_b − λ Σ_w."""
    return entropy_rank(eigh(between, within, eigvals_only=True))


@predicted
def limit_rank(signals, views):
    """The rank exp H of p proportional to ρ_i + 1/q, for signals ρ_i in units of the noise.

    A mean of q views keeps 1/q of the noise's variance.
    """
    return entropy_rank(signals + 1 / views)


@predicted
def finite_n(images, views, dim):
    """The relative error (d + 1)/(2n) · q/(q − 1) of the limit, to leading order in 1/n."""
    return (dim + 1) / (2 * images) * views / (views - 1)


@predicted
def encoder_signals(views):
    """The ρ_i of an encoder: eigenvalues of S − ρ W, where Σ_w estimates (1 − 1/q) W and Σ_b
    estimates S + W/q.
    """
    between, within = scatters(views)
    q = views.shape[1]
    noise = within * q / (q - 1)
    return eigh(between - noise / q, noise, eigvals_only=True)


@predicted
def mean_trace(images, views, total, dim):
    """(n − 1)/n · n q/(n (q − 1) − d − 1) · (Σ a + d/q): an inverse Wishart mean times tr E Σ_b."""
    freedoms = images * (views - 1) - dim - 1
    if freedoms <= 0:
        raise ValueError("the mean trace is infinite: images * (views - 1) must exceed dim + 1")
    return (images - 1) * views / freedoms * (total + dim / views)


@claim(
    derived("$Σ_b$ and $Σ_w$ go to $A Σ Aᵀ$"),
    kind="identity",
    cases=[(20, 3, 5, 10.0), (10, 20, 2, 1.0), (60, 2, 8, 100.0)],
)
def test_affine_invariance(
    trial,
    images: Images,
    views: Annotated[
        int, Interval(2, 30, why="one view has no spread; of very many the noise hardly counts")
    ],
    dim: Annotated[int, Interval(2, 32, why="in one dimension the rank is 1")],
    condition: Annotated[
        float, Interval(1, 100, why="of the map; its square multiplies rounding errors")
    ],
):
    """LiDAR is the effective rank of the covariance $Σ_b$ of the images' mean features, in units of
    the covariance $Σ_w$ of the views of an image, which is invertible. It is the same after every
    invertible affine map $z → A z + b$ of the features.
    """
    trial.require(
        images * (views - 1) >= 2 * dim,
        "Σ_w must be invertible: images * (views - 1) is below 2 dim",
    )
    generator = trial.generator()
    z = drawn_views(generator, 1, images, views, 4.0 * np.eye(dim)[0])[0]
    stretched = orthonormal(generator, dim) * np.geomspace(1, condition, dim)
    image = z @ stretched @ orthonormal(generator, dim) + generator.normal(size=dim)
    between, within = scatters(z)
    singular = np.linalg.svd(z.reshape(-1, dim), compute_uv=False)
    trial.identity(
        whitened_rank(*scatters(image)),
        pencil_rank(between, within),
        ops=20 * dim * np.linalg.cond(within) * condition**2,
        generic="eigenvalues and entropies are analytic in features and map",
        controls={
            "RankMe": entropy_rank(singular),
            "rank of $Σ_b$": entropy_rank(np.linalg.eigvalsh(between)),
        },
    )


@claim(
    derived("$Σ_b$ tends to $diag(a) + I/q$, $Σ_w$ to $(1 − 1/q) I$"),
    kind="limit",
    cases=[(4, 1.0, 12, 10), (4, 0.5, 12, 3)],
)
def test_view_floor(
    trial,
    signals: Signals,
    decay: Decay,
    noise: Annotated[
        int, Interval(8, 28, why="fewer hardly change the rank of eight signals, more take long")
    ],
    views: Annotated[
        int, Interval(2, 10, why="one view has no spread; with many views the noise hardly counts")
    ],
):
    """Let $n$ images have independent normal signals of variances $a_i$, in units of the noise of a
    view, and $m$ dimensions without a signal, and let each image have $q$ views. As $n → ∞$, LiDAR
    tends to $exp H(p)$, the entropy rank, where $p$ is proportional to $a_i + 1/q$ for each signal
    and $1/q$ for each of the $m$ other dimensions.
    """
    variances = planted_variances(signals, decay, noise)
    dim = signals + noise
    images = 80 * dim
    law = limit_rank(variances, views)
    slack = finite_n(images, views, dim) * law
    trial.mean(
        sampler=partial(drawn_ranks, images=images, views=views, variances=variances),
        predict=law,
        law=Asymptotic(),
        slack=slack,
        margin=slack + 0.015 * law,
        controls={
            "noise is ignored": entropy_rank(variances),
            "noise counts in full": limit_rank(variances, 1),
            "noise counts by its standard deviation": limit_rank(variances, np.sqrt(views)),
        },
        first=16,
        most=1024,
    )


@claim(
    derived("the limit needs second moments only: $Σ_b → S + W/q$, $Σ_w → (1 − 1/q) W$"),
    kind="limit",
    cases=[(2, 0.3), (4, 0.4)],
)
def test_trained_encoder(
    trial,
    views: Annotated[int, Interval(2, 4, why="with more views the noise hardly counts")],
    pixel_noise: Annotated[
        float,
        Interval(0.3, 0.45, why="standard deviation; less hardly counts, more hides the digits"),
    ],
):
    """Let an encoder be trained on digits, let $S$ be the covariance of the images' mean features
    and $W$ that of the features of an image under pixel noise, and let $S − ρ_i W$ be singular.
    With $q$ noisy views of each image LiDAR is $exp H(p)$, where $p$ is proportional to
    $ρ_i + 1/q$.
    """
    seed = int(trial.generator("seed").integers(1000))
    signals = encoder_signals(encoded_views(trial.generator("many"), seed, 24, pixel_noise))
    law = limit_rank(signals, views)
    # Its features are not normal: fourth moments may double what normal ones leave at finite n.
    slack = 2 * finite_n(len(digits()), views, WIDTH) * law
    trial.mean(
        sampler=partial(encoder_ranks, seed=seed, views=views, pixel_noise=pixel_noise),
        predict=law,
        law=Asymptotic(),
        slack=slack,
        margin=slack + 0.01 * law,
        controls={
            "noise is ignored": entropy_rank(signals),
            "noise counts in full": limit_rank(signals, 1),
        },
        first=16,
        most=512,
    )


@claim(
    derived("mean of an inverse Wishart matrix"),
    kind="identity",
    cases=[(20, 3, 2, 0.25, 3), (12, 3, 2, 0.5, 2)],
)
def test_trace(
    trial,
    images: Images,
    views: Annotated[int, Interval(2, 4, why="with more, n is hardly finite any more")],
    signals: Signals,
    decay: Decay,
    noise: Annotated[int, Interval(1, 12, why="thousands of data sets are drawn")],
):
    """Let $n$ images have $q$ views each in $d$ dimensions, with independent normal signals of
    variances $a_i$ in units of the noise, and covariances $Σ_b$ of the means over views and $Σ_w$
    within images. Then $E tr(Σ_w⁻¹ Σ_b) = (n − 1)/n · n q/(n (q − 1) − d − 1) · (∑_i a_i + d/q)$.
    """
    variances = planted_variances(signals, decay, noise)
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
    total = variances.sum()
    law = mean_trace(images, views, total, dim)
    trial.mean(
        sampler=partial(drawn_trace, images=images, views=views, variances=variances),
        predict=law,
        law=Asymptotic(),
        margin=0.01 * law,
        controls={
            "noise counts in full": mean_trace(images, views, total + dim - dim / views, dim),
            "$Σ_w$ at its mean": law * (1 - (dim + 1) / within),
        },
        first=1000,
        most=400_000,
    )


@figure("F1", claims=("view_floor", "trained_encoder"))
def rank_against_views(signals: int = 4, images: int = 1000):
    """Few views let noise count as signal: LiDAR against the number of views $q$, for 0, 12 and 60
    noise dimensions beside four signals, and for an encoder trained on digits.

    The signals have variance 4; the encoder has 16 features, and its views have pixel noise 0.3.
    Marks: lines: limit of many images; points: LiDAR of 1000 images (of 1797 digits), drawn view by
    view.
    """
    generator = np.random.default_rng(0)
    wide = np.geomspace(2, 200, 60)
    at = np.geomspace(2, 200, 7).astype(int)
    lines = {}
    points = {}
    for noise in (60, 12, 0):
        variances = planted_variances(signals, 1.0, noise)
        name = f"{noise} noise dimensions"
        lines[name] = wide, [limit_rank(variances, q) for q in wide]
        points[name] = at, [drawn_ranks(generator, 1, images, q, variances)[0] for q in at]
    rho = encoder_signals(encoded_views(generator, 0, 64, 0.3))
    lines["digits' encoder"] = wide, [limit_rank(rho, q) for q in wide]
    points["digits' encoder"] = at, [encoder_ranks(generator, 1, 0, q, 0.3)[0] for q in at]
    ticks = [4, 8, 16, 32, 64]
    drawn = chart(
        lines,
        points,
        levels={"signals": signals},
        log="xy",
        x="views per image q",
        y="LiDAR (dimensionless)",
        yticks=ticks,
        yticklabels=[str(tick) for tick in ticks],
        ylim=(3.5, 70),
    )
    drawn.axes[0].minorticks_off()
    return drawn
