"""Ayonrinde 2024, "Adaptive Sparse Allocation with Mutual Choice & Feature Choice Sparse
Autoencoders", arXiv 2411.02124.

For whoever spends $k$ active features on each token, $m$ tokens on each feature, or one budget on
all: what does each kind of budget lose?

Take away: a budget for each token loses what distinguishes the tokens' scales, and a budget for
each feature the features'. With Laplace codes one budget for all keeps as much with 70 codes in a
thousand as a budget for each token does with 125. Even without scales a budget for each token loses
the constant $p (1 − p) q/(2 φ(q))$ of a token's energy, however wide the dictionary is.

Codes of $n$ tokens and $M$ features are $x_{i j} = s_i t_j z_{i j}$ with scales $s_i$ of tokens,
$t_j$ of features, and standard normal $z_{i j}$. A budget keeps some entries, and the share kept is
theirs of $∑ x_{i j}²$. The token budget keeps the $k$ largest $|x|$ of each row, the feature budget
the $m$ largest of each column, and the shared budget the $n k$ largest of all; $p = k/M = m/n$,
$q = Φ⁻¹(1 − p/2)$, and $φ$ is the normal density.

Edges: $m = n k/M$ must be a whole number. With heavy-tailed scales the share varies from matrix to
matrix. For $p → 0$ the gain $ℓ/g$ grows slowly, as $log(1/p)/4$. Ranking by $|x|$ is optimal for
orthogonal decoders only.

Paper: sparse autoencoders whose budget is shared among tokens, or given to features, reconstruct
better and have fewer dead features. This page says what share of codes of known law the three
budgets keep.

Abstract:

- Sentences 1 and 2: sparse autoencoders give sparse features. No statement.
- Sentences 3 and 4: their sparsity is an allocation of features to tokens. No statement.
- Sentence 5: a fixed number of features for each token ignores that some tokens are more difficult.
  In part: gaussian_and_laplace-laplace, which_budget_costs, which_budget_costs-exactly,
  fewer_codes. What this loses of codes whose tokens have scales of their own.
- Sentences 6 to 8: two budgets allow the number for a token to vary, one for each feature and one
  that is free. No statement.
- Sentence 9: an auxiliary loss revives dead features. Not on trial. It needs training.
- Sentence 10: reconstruction is better at equal sparsity, and fewer features are dead. In part:
  which_budget_costs-feature, which_budget_costs-feature_scales, gaussian_and_laplace, finite_width,
  fewer_codes. For given codes: the free budget keeps more, a budget for each feature pays with the
  features' scales.

Read: the abstract. Derived here: all forms. Not claimed: that trained codes are of this law.
Topic: representations.
"""

from typing import Annotated

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import binom, norm

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Kept = Annotated[int, Interval(1, 24, why="k of 64 features; kept by all budgets from half on")]
Few = Annotated[int, Interval(1, 8, why="k of 32 features; at half or more scales matter less")]
LONG = 2048
SHORT = 32
VERY_LONG = 4096
VERY_SHORT = 8
MATRICES = 4096


def scales(generator, count):
    """Scales (count,) whose squares have the exponential law."""
    return np.sqrt(generator.standard_exponential(count, dtype=np.float32))


def check_share(share):
    """Raises ValueError unless shares lie in (0, 1]."""
    if not (np.all(share > 0) and np.all(share <= 1)):
        raise ValueError("share must lie in (0, 1]: of no codes nothing is kept")


@predicted
def kept_of_gaussian(share):
    """Return g(p) = p + 2 q φ(q)."""
    check_share(share)
    level = norm.isf(share / 2)
    return share + 2 * level * norm.pdf(level)


@predicted
def kept_of_laplace(share):
    """Return ℓ(p) = p (1 + λ + λ²/2), λ = ln(1/p)."""
    check_share(share)
    depth = np.log(1 / share)
    return share * (1 + depth + depth**2 / 2)


@predicted
def kept_of_token(width, count):
    """M times ∫ Φ⁻¹(1 − u/2)² P(Bin(M − 1, u) < k) du over [0, 1], over M: the mean share that a
    token budget keeps at finite width.
    """
    if not 1 <= count <= width:
        raise ValueError("count must lie in [1, width]: a token has no more codes")

    def density(u):
        return norm.isf(u / 2) ** 2 * binom.cdf(count - 1, width - 1, u)

    end = min(1.0, count / width + 12 * np.sqrt(count) / width)
    parts = [(0, end / 100), (end / 100, end / 2), (end / 2, end)]
    return sum(quad(density, *part, epsabs=1e-12, limit=200)[0] for part in parts)


@predicted
def constant_loss(share, batch):
    """Return p (1 − p) q/(2 n φ(q))."""
    check_share(share)
    level = norm.isf(share / 2)
    return share * (1 - share) * level / (2 * batch * norm.pdf(level))


@predicted
def share_needed(share):
    """The p' with ℓ(p') = g(p)."""
    aim = kept_of_gaussian(share)
    return brentq(lambda p: kept_of_laplace(p) - aim, share / 1000, share, xtol=1e-15 * share)


@observed
def kept_by_rows(codes, count):
    """The share (…,) of Σ x² in the `count` largest |x| of each row of codes (…, n, M)."""
    squares = codes**2
    largest = np.partition(squares, -count, axis=-1)[..., -count:]
    return largest.sum(axis=(-2, -1)) / squares.sum(axis=(-2, -1))


@observed
def kept_by_all(codes, count):
    """The share of Σ x² in the n k largest |x| of all codes (n, M)."""
    return kept_by_rows(codes.reshape(1, -1), count * len(codes))


@observed
def kept_by_columns(codes, count):
    """The share of Σ x² in the `count` largest |x| of each column of codes (n, M)."""
    return kept_by_rows(np.ascontiguousarray(codes.T), count)


def normal_codes(generator, shape):
    """Codes z of a shape; single precision resolves all shares."""
    return generator.standard_normal(shape, dtype=np.float32)


@observed
def drawn_shares(generator, matrices, shape, rule, count, tokens=False, features=False):
    """The shares (matrices,) that a rule keeps of drawn codes (n, M), with scales of tokens and of
    features or without.
    """
    shares = []
    for _ in range(matrices):
        codes = normal_codes(generator, shape)
        if tokens:
            codes *= scales(generator, shape[0])[:, None]
        if features:
            codes *= scales(generator, shape[1])
        shares.append(rule(codes, count))
    return np.array(shares)


@observed
def lost_at_width(width, count, batch):
    """The energy for each token that a budget of n k codes for n tokens loses against a threshold
    on |z| that lets as many through on average, by Gauss and Legendre's rule on both sides of it.

    The codes u = P(|z'| > |z|) are uniform, and one is kept if fewer than n k others are smaller.
    """
    share = count / width
    spread = np.sqrt(share * (1 - share) / (batch * width))
    nodes, weights = np.polynomial.legendre.leggauss(120)
    total = 0.0
    for low, high in ((max(0.0, share - 9 * spread), share), (share, min(1.0, share + 9 * spread))):
        u = (low + high) / 2 + (high - low) / 2 * nodes
        chance = binom.cdf(batch * count - 1, batch * width - 1, u)
        lost = (u < share) - chance
        total += (high - low) / 2 * np.sum(weights * lost * norm.isf(u / 2) ** 2)
    return width * total


@observed
def codes_on_grid(laplace):
    """For thresholds on |x|, falling: the mass of larger codes and their share of Σ x², for normal
    codes or their mixture over exponential squared scales.
    """
    z = (np.arange(4000) + 0.5) / 400
    mass = norm.pdf(z) / norm.pdf(z).sum()
    squares, chances = np.polynomial.laguerre.laggauss(80) if laplace else (np.ones(1), np.ones(1))
    energy = (z**2 * squares[:, None]).ravel()
    weight = (mass * chances[:, None]).ravel()
    order = np.argsort(-energy)
    above = np.cumsum(weight[order])
    kept = np.cumsum((weight * energy)[order])
    return above, kept / kept[-1]


@observed
def matching_share(share):
    """The share of mixed codes that keeps as much as a share of normal codes does."""
    above, kept = codes_on_grid(laplace=False)
    aim = np.interp(share, above, kept)
    above, kept = codes_on_grid(laplace=True)
    return np.interp(aim, kept, above)


@claim(
    derived("the squares above the threshold"),
    kind="limit",
    cases=[8, 1, 24],
)
def test_gaussian_and_laplace(trial, count: Kept):
    """Of the standard normal codes of $n$ tokens and $M$ features the share $p$ that is largest in
    size holds the share $p + 2 q φ(q)$ of $∑ x_{i j}²$ for $n, M → ∞$, where $q = Φ⁻¹(1 − p/2)$ and
    $φ$ is the normal density.
    """
    share = count / 64
    law = kept_of_gaussian(share)

    def sampler(generator, matrices):
        return drawn_shares(generator, matrices, (SHORT, LONG), kept_by_all, count * LONG // 64)

    trial.mean(
        sampler=sampler,
        predict=law,
        law=Asymptotic(),
        most=MATRICES,
        margin=0.008 * law,
        controls={
            "as Laplace codes": kept_of_laplace(share),
            "as uniform codes, $1 − (1 − p)³$": 1 - (1 - share) ** 3,
        },
    )


@claim(
    tried("abstract, sentence 5: some tokens are more difficult than others", "exponential scales"),
    kind="limit",
    cases=[4, 1, 8],
)
def test_gaussian_and_laplace__laplace(trial, count: Few):
    """Codes $s_i z_{i j}$ of $n$ tokens $i$ and $M$ features have normal $z$, and $s²$ has an
    exponential law. The share $p$ of all codes that is largest in size holds the share
    $p (1 + λ + λ²/2)$ of $∑ x_{i j}²$ for $n, M → ∞$, $λ = ln(1/p)$.
    """
    share = count / 32
    law = kept_of_laplace(share)

    def sampler(generator, matrices):
        return drawn_shares(generator, matrices, (LONG, SHORT), kept_by_all, count, tokens=True)

    def by_token(generator, matrices):
        return drawn_shares(generator, matrices, (LONG, SHORT), kept_by_rows, count, tokens=True)

    trial.mean(
        sampler=sampler,
        predict=law,
        law=Asymptotic(),
        most=MATRICES,
        margin=0.009 * law,
        controls={"as without scales, $g(p)$": kept_of_gaussian(share)},
        control_processes={"a budget for each token": by_token},
    )


@claim(
    derived("a row's largest entries are those of the row over its scale"),
    kind="limit",
    cases=[4, 1, 8],
)
def test_which_budget_costs(trial, count: Few):
    """Codes $s_i t_j z_{i j}$ of tokens $i$ and $M$ features $j$ have normal $z$, and $s²$ and $t²$
    have exponential laws. The share $p$ of each token's codes that is largest in size holds the
    share $p (1 + λ + λ²/2)$ of $∑ x_{i j}²$ for $M → ∞$, $λ = ln(1/p)$.
    """
    share = count / 32
    law = kept_of_laplace(share)
    wide = count * VERY_LONG // 32
    shape = (VERY_SHORT, VERY_LONG)

    def sampler(generator, matrices):
        return drawn_shares(generator, matrices, shape, kept_by_rows, wide, True, True)

    def shared(generator, matrices):
        return drawn_shares(generator, matrices, shape, kept_by_all, wide, True, True)

    trial.mean(
        sampler=sampler,
        predict=law,
        law=Asymptotic(),
        most=MATRICES,
        slack=0.0018 / count * law,  # so much less is kept of rows of 4,096
        margin=0.0062 * law,
        controls={"no scale is used, $g(p)$": kept_of_gaussian(share)},
        control_processes={"the shared budget": shared},
    )


def shares_by_feature(generator, matrices, count, **scaled):
    """The shares (matrices,) that a budget for each feature keeps of many tokens' codes, `count` of
    32 each.
    """
    shape = (VERY_LONG, VERY_SHORT)
    tall = count * VERY_LONG // 32
    return drawn_shares(generator, matrices, shape, kept_by_columns, tall, **scaled)


@claim(
    derived("features without scales of their own share those of the tokens"),
    kind="limit",
    cases=[4, 1, 8],
)
def test_which_budget_costs__feature(trial, count: Few):
    """Codes $s_i z_{i j}$ of $n$ tokens $i$ and features $j$ have normal $z$, and $s²$ has an
    exponential law. The share $p$ of each feature's codes that is largest in size holds the share
    $p (1 + λ + λ²/2)$ of $∑ x_{i j}²$ for $n → ∞$, $λ = ln(1/p)$.
    """
    share = count / 32
    law = kept_of_laplace(share)

    def sampler(generator, matrices):
        return shares_by_feature(generator, matrices, count, tokens=True)

    trial.mean(
        sampler=sampler,
        predict=law,
        law=Asymptotic(),
        most=MATRICES,
        slack=0.0018 / count * law,  # so much less is kept of columns of 4,096
        margin=0.0062 * law,
        controls={"it loses the scales of tokens, $g(p)$": kept_of_gaussian(share)},
    )


@claim(
    derived("a column's largest entries are those of the column over its scale"),
    kind="limit",
    cases=[4, 1, 8],
)
def test_which_budget_costs__feature_scales(trial, count: Few):
    """Codes $t_j z_{i j}$ of $n$ tokens $i$ and features $j$ have normal $z$, and $t²$ has an
    exponential law. The share $p$ of each feature's codes that is largest in size holds only the
    share $p + 2 q φ(q)$ of $∑ x_{i j}²$ for $n → ∞$, where $q = Φ⁻¹(1 − p/2)$ and $φ$ is the normal
    density.
    """
    share = count / 32
    law = kept_of_gaussian(share)

    def sampler(generator, matrices):
        return shares_by_feature(generator, matrices, count, features=True)

    trial.mean(
        sampler=sampler,
        predict=law,
        law=Asymptotic(),
        most=MATRICES,
        slack=0.0018 / count * law,  # so much less is kept of columns of 4,096
        margin=0.0062 * law,
        controls={"it loses no scales, $ℓ(p)$": kept_of_laplace(share)},
    )


@claim(
    derived("a row's share does not depend on its scale, and scales are independent of $z$"),
    kind="identity",
    cases=[(64, 8), (16, 4), (40, 2)],
)
def test_which_budget_costs__exactly(
    trial,
    width: Annotated[int, Interval(16, 64, why="M; the mean at finite width is compared")],
    count: Few,
):
    """Codes $s_i z_{i j}$ of tokens $i$ and $M$ features have normal $z$ and any scales $s > 0$
    that are independent of $z$. The $k$ codes of each token that are largest in size hold the mean
    share $∫_0^1 Φ⁻¹(1 − u/2)² P(Bin(M − 1, u) < k) du$ of $∑ x_{i j}²$.
    """
    trial.require(2 * count <= width, "count must be at most half of width: all is kept at last")

    def sampler(generator, matrices):
        codes = generator.normal(size=(matrices, 3, width))
        heavy = np.minimum(generator.standard_cauchy(size=(matrices, 3, 1)) ** 2, 1000)
        return kept_by_rows(heavy * codes, count)

    law = kept_of_token(width, count)
    trial.mean(
        sampler=sampler,
        predict=law,
        law=Asymptotic(),
        margin=0.009 * law,
        controls={
            "as for $M → ∞$": kept_of_gaussian(count / width),
            "as Laplace codes": kept_of_laplace(count / width),
        },
    )


@claim(
    derived("the number above the threshold has variance $M p (1 − p)$"),
    kind="limit",
    cases=[(8, 1), (1, 1), (4, 16), (24, 4)],
)
def test_finite_width(
    trial, count: Kept, batch: Annotated[int, Interval(1, 16, why="n, tokens that share a budget")]
):
    """A budget for $n$ tokens together keeps the share $p$ of their normal codes of $M$ features
    that is largest in size. For $M → ∞$ it loses $p (1 − p) q/(2 n φ(q))$ of a token's energy more
    than the same share of the codes of all tokens, where $q = Φ⁻¹(1 − p/2)$ and $φ$ is the normal
    density.
    """
    share = count / 64
    law = constant_loss(share, batch)
    factors = 2.0 ** np.arange(1, 7)
    lost = [lost_at_width(int(64 * f), int(count * f), batch) for f in factors]
    controls = {"a Poisson number, $p q/(2 n φ(q))$": law / (1 - share)}
    if batch > 1:
        controls["as $n$ budgets of one token"] = batch * law
    trial.limit(np.array(lost), 64 * factors, law, order=1, margin=0.003 * law, controls=controls)


@claim(
    derived("$ℓ(p') = g(p)$"),
    kind="identity",
    cases=[0.5, 0.125, 0.03, 0.01],
)
def test_fewer_codes(
    trial, share: Annotated[float, Interval(0.01, 0.5, why="p; the grid of codes resolves no less")]
):
    """Codes $s_i z_{i j}$ of tokens $i$ have normal $z$, and $s²$ has an exponential law. The
    largest share $p'$ of all codes keeps as much of $∑ x_{i j}²$ as the largest share $p$ of each
    token's codes if $p' (1 + λ + λ²/2) = p + 2 q φ(q)$, $λ = ln(1/p')$ and $q = Φ⁻¹(1 − p/2)$: for
    $p = 1/8$, $p'$ is 44 % smaller.
    """
    law = share_needed(share)
    trial.value(
        matching_share(share),
        law,
        error=2e-3 * law,
        margin=8e-3 * law,
        controls={
            "in proportion to what is kept, $p g/ℓ$": share
            * kept_of_gaussian(share)
            / kept_of_laplace(share),
            "none is saved": share,
        },
    )


@figure("F1", claims=("gaussian_and_laplace", "gaussian_and_laplace-laplace"))
def kept_against_share(matrices: int = 3):
    """A budget for each token keeps the same share of Laplace codes as of normal codes; a shared
    budget keeps more of them.

    Share of $∑ x_{i j}²$ against the share of codes, tokens of unlike scale. Marks: lines: law;
    points: drawn codes of 1024 tokens and 512 features, means of 3 matrices.
    """
    fine = np.geomspace(0.012, 0.6, 60)
    counts = np.array([8, 16, 32, 64, 128, 256])
    generator = np.random.default_rng(0)
    found = [
        [
            np.mean(drawn_shares(generator, matrices, (1024, 512), rule, int(c), tokens=True))
            for c in counts
        ]
        for rule in (kept_by_all, kept_by_rows)
    ]
    names = ("shared budget", "token budget")
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5]
    drawn = chart(
        {names[0]: (fine, kept_of_laplace(fine)), names[1]: (fine, kept_of_gaussian(fine))},
        {name: (counts / 512, shares) for name, shares in zip(names, found, strict=True)},
        log="x",
        x="share p of the codes",
        y="share kept of the energy",
        ylim=(0, 1.02),
        xticks=ticks,
        xticklabels=[str(tick) for tick in ticks],
    )
    drawn.axes[0].minorticks_off()
    return drawn


@figure("F2", claims=("finite_width",))
def loss_against_width(counts: tuple[int, ...] = (1, 8, 24)):
    """What a token budget loses at equal scales does not grow with the dictionary.

    Lost energy of a token, of variance one for each feature, against the number of features, for
    three shares $p$. Marks: lines: limit; points: order statistics by quadrature.
    """
    factors = 2 ** np.arange(0, 8)
    lines = {}
    points = {}
    for count in counts:
        name = f"p = {count}/64"
        lines[name] = 64 * factors, np.full(len(factors), constant_loss(count / 64, 1))
        lost = [lost_at_width(int(64 * f), int(count * f), 1) for f in factors]
        points[name] = 64 * factors, lost
    return chart(
        lines, points, log="x", x="features M", y="energy lost for each token", ylim=(0, 1.1)
    )
