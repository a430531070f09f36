"""Luo, Yang, Sun, Deng, Yao, Shen, Zhang & Chen 2025, "Rethinking Diverse Human Preference Learning
through Principal Component Analysis", Findings of ACL, arXiv 2502.13131.

For whoever builds reward heads from principal components of chosen minus rejected embeddings: what
of them comes from preferences.

Take away: the labels enter the components by a single direction, their mean. Without centring the
components do not depend on the labels at all (`label_blind`). With centring the labels reduce the
variance along this mean: of pairs without a preferred direction the component of a taste has the
least variance (`last_component`), the less the clearer the taste, down to 36 % of the others'
(`last_component-without_errors`). A crowd that is half of one taste and half of its opposite looks
like coin tosses along it (`crowd-of_opposites`). Two comparisons by the same user give the second
moments of the users' own means, directions included, which one comparison does not show
(`two_comparisons`).

Setting: the difference of a pair of embeddings is $z ∈ R^d$, in an order that is free of the label;
$y = 1$ if the first was chosen, else $-1$, and $D = y z$. Over $n$ pairs $S$ is the mean of $z z'$,
$m$ is the mean of $D$, and $C$ is the mean of $D D'$ minus $m m'$. A user with the taste $w$
chooses by $P(y = 1 | z) = 1/(1 + e^(-w·z))$, and $κ(s) = E 2σ'(s g)$ with $g ~ N(0, 1)$ and $σ$ the
logistic function.

Edges: the equation for $C$ assumes that $S$ has distinct eigenvalues, and eigenvectors $u_j$ with
$u_j·m ≠ 0$. A pooled data set shows $P(y = 1 | z)$ only; its higher moments may show more of a
crowd whose tastes do not cancel.

Paper: it takes principal components of chosen minus rejected embeddings as reward heads, each with
both signs, and fits their mixture to a new user. This page says what such components can reveal.

Abstract:

- Statement 1: diverse preferences are extracted from binary comparisons without further labels. In
  part: crowd, two_comparisons. Pooled, the labels enter by one direction; two comparisons of a user
  tell the second moments of the users' own means.
- Statement 2: principal components of differences are directions of distinct aspects of preference.
  In part: label_blind, last_component. They are directions of the pairs, whatever the labels.
- Statement 3: mixtures of such rewards fit users without training. Not on trial. It needs users.
- Statement 4: components mean helpfulness, safety or humour. Not on trial. It needs a model.

Read: the abstract, and `generate_head.py` of the released code as notes on the paper quote it.
Derived here: all claims. Not claimed: that directions of pairs are of no use to a mixture that is
fitted later. Topic: learning.
"""

from typing import Annotated

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit

from paper_checks.briefs.common import orthonormal
from theory_on_trial import claim, derived, known, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic

Pairs = Annotated[int, Interval(30, 400, why="more than entries; a decomposition of all")]
Dims = Annotated[int, Interval(2, 12, why="in one dimension there is one component")]
FewDims = Annotated[int, Interval(2, 3, why="in one dimension is one component; a grid of pairs")]
Tastes = Annotated[int, Interval(2, 4, why="one taste is no crowd; more cancel")]


def drawn_pairs(generator, pairs, dims):
    """Differences z with unlike variances in random directions: (n, d)."""
    spread = np.geomspace(1, 3, dims)
    return generator.normal(size=(pairs, dims)) * spread @ orthonormal(generator, dims)


def drawn_tastes(generator, tastes, dims):
    """Tastes of length 1 to 4: (tastes, d), which do not cancel."""
    directions = generator.normal(size=(tastes, dims))
    directions[:, 0] = np.abs(directions[:, 0])
    lengths = np.linspace(1, 4, tastes)
    return lengths[:, None] * directions / np.linalg.norm(directions, axis=1, keepdims=True)


@observed
def chosen(generator, pairs, taste):
    """D of choices between pairs (…, d) by Bradley and Terry with tastes (…, d)."""
    likes = generator.random(pairs.shape[:-1]) < expit(np.sum(pairs * taste, axis=-1))
    return np.where(likes, 1.0, -1.0)[..., None] * pairs


@observed
def spectrum(differences, centred):
    """The variances (d,) of principal components of D, rising, by singular values."""
    if centred:
        differences = differences - differences.mean(axis=0)
    return np.linalg.svd(differences, compute_uv=False)[::-1] ** 2 / len(differences)


@observed
def covariance_over_all_pairs(tastes, factor):
    """C (d, d) of the choices of users with tastes (K, d), one as frequent as another, by a sum
    over a grid of all pairs: z are normal rows times `factor` (d, d).
    """
    places = np.arange(-8, 8.01, 0.2)
    axes = np.meshgrid(*[places] * len(factor), indexing="ij")
    points = np.stack([axis.ravel() for axis in axes], axis=1)
    weights = np.exp(-np.sum(points**2, axis=1) / 2)
    weights /= weights.sum()
    pairs = points @ factor
    chances = expit(pairs @ np.transpose(tastes)).mean(axis=1)
    mean = (weights * (2 * chances - 1)) @ pairs
    return (weights[:, None] * pairs).T @ pairs - np.outer(mean, mean)


@observed
def corrected_moments(generator, n, repeats, tastes):
    """N users' draws of (r m̂ m̂' - Ŝ)/(r - 1), of r comparisons each, z ~ N(0, I): the entries on
    and above the diagonal, (N, d (d + 1)/2).
    """
    pairs = generator.normal(size=(n, repeats, tastes.shape[1]))
    users = generator.integers(len(tastes), size=n)
    found = chosen(generator, pairs, tastes[users][:, None, :])
    sums = found.sum(axis=1)
    own = np.swapaxes(found, 1, 2) @ found
    moments = (sums[:, :, None] * sums[:, None] - own) / (repeats * (repeats - 1))
    return moments[:, *np.triu_indices(tastes.shape[1])]


@observed
def squares_along_sure_taste(generator, n, dims):
    """N draws of (D_1 - D_1')²/2, whose mean is a variance, for a taste of length 1e4 along the
    first axis.
    """
    first, second = chosen(generator, generator.normal(size=(2, n, dims)), 1e4 * np.eye(dims)[0])
    return (first[:, 0] - second[:, 0]) ** 2 / 2


@predicted
def secular_roots(second, mean):
    """The eigenvalues of S - mm', rising: the roots of Σ (u_j·m)²/(l_j - μ) = 1, one up to each
    eigenvalue l_j of S; u_j are its eigenvectors.
    """
    values, vectors = np.linalg.eigh(second)
    squares = (vectors.T @ mean) ** 2

    def excess(root):
        return np.sum(squares / (values - root)) - 1

    roots = []
    for low, high in zip(np.append(0, values), values, strict=False):
        step = 1e-13 * high
        roots.append(
            brentq(excess, low + step, high - step, xtol=1e-15)
            if excess(low + step) < 0 < excess(high - step)
            else (low if excess(low + step) > 0 else high)
        )
    return np.array(roots)


@predicted
def label_blind_spectrum(pairs):
    """The eigenvalues of S, rising: (d,)."""
    return np.linalg.eigvalsh(pairs.T @ pairs / len(pairs))


@predicted
def slope_of_choice(strength):
    """κ(s) = E 2σ'(sg), g ~ N(0, 1): the mean of y (w·z)/s is κ s."""

    def integrand(g):
        chance = expit(strength * g)
        return 2 * chance * (1 - chance) * np.exp(-(g**2) / 2) / np.sqrt(2 * np.pi)

    return quad(integrand, -12, 12, epsabs=1e-12)[0]


@predicted
def variance_along_taste(strength):
    """1 - κ(|w|)² |w|², for Σ = I."""
    return 1 - (slope_of_choice(strength) * strength) ** 2


@predicted
def variance_of_sure_taste():
    """1 - 2/π, the limit of a taste without errors."""
    return 1 - 2 / np.pi


@predicted
def mean_choice(covariance, taste):
    """M = κ(s) Σw, s² = w'Σw, of one user: (d,)."""
    return slope_of_choice(np.sqrt(taste @ covariance @ taste)) * (covariance @ taste)


@predicted
def covariance_of_crowd(covariance, tastes):
    """C = Σ - mm', m the mean over users of κ(s) Σw: (d, d)."""
    mean = np.mean([mean_choice(covariance, taste) for taste in tastes], axis=0)
    return covariance - np.outer(mean, mean)


@predicted
def moment_of_tastes(tastes):
    """The mean over users of m_u m_u', for Σ = I: (d, d)."""
    means = np.array([mean_choice(np.eye(tastes.shape[1]), taste) for taste in tastes])
    return means.T @ means / len(means)


@predicted
def law_along_taste(strength):
    """The cdf of w·D/|w| of one taste: its density is 2 φ(x) σ(|w| x)."""
    places = np.linspace(-8, 8, 4001)
    density = 2 * np.exp(-(places**2) / 2) / np.sqrt(2 * np.pi) * expit(strength * places)
    sums = np.append(0, np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(places)))
    return lambda x: np.interp(x, places, sums)


@predicted
def law_of_coins():
    """The cdf of w·D/|w| of coin tosses: N(0, 1)."""
    return law_along_taste(0.0)


DATA = [(60, 5), (30, 2), (400, 12)]


@claim(derived("$y² = 1$"), kind="identity", cases=DATA)
def test_label_blind(trial, pairs: Pairs, dims: Dims):
    """Let $z$ be the differences of pairs of embeddings, and $D = z$ or $-z$, chosen minus
    rejected. For any pairs and any labels the mean of $D D'$ is the mean $S$ of $z z'$: the
    components of uncentred differences are those of the pairs, whether the labels are choices, coin
    tosses or all equal.
    """
    generator = trial.generator("pairs")
    z = drawn_pairs(generator, pairs, dims)
    tastes = generator.normal(size=dims)
    labelled = [chosen(generator, z, tastes), chosen(generator, z, 0 * tastes), z]
    law = label_blind_spectrum(z)
    mean = labelled[0].mean(axis=0)
    stretched = np.linalg.eigvalsh(z.T @ z / pairs + np.outer(mean, mean))
    trial.identity(
        [spectrum(differences, centred=False) for differences in labelled],
        np.array([law] * 3),
        ops=pairs + 50,
        scale=law.max(),
        generic="a label turns a difference round, whose law is symmetric; the rest is analytic",
        controls={"choices add variance along their mean": np.array([stretched] * 3)},
    )


@claim(known("Golub 1973, the secular equation of a rank-one change"), kind="identity", cases=DATA)
def test_label_blind__centred(trial, pairs: Pairs, dims: Dims):
    """Let $S$, the mean of $z z'$ over pairs of embeddings with the differences $z$, have the
    distinct eigenvalues $l_j$ and eigenvectors $u_j$, none of them at right angles to $m$, where
    $m$ is the mean of $D = ±z$, chosen minus rejected. The variances of centred components,
    eigenvalues of $C = S - m m'$, are the roots $μ$ of $sum_j (u_j·m)²/(l_j - μ) = 1$: one up to
    each $l_j$.
    """
    generator = trial.generator("pairs")
    z = drawn_pairs(generator, pairs, dims)
    differences = chosen(generator, z, generator.normal(size=dims))
    blind = label_blind_spectrum(z)
    mean = differences.mean(axis=0)
    trial.identity(
        spectrum(differences, centred=True),
        secular_roots(z.T @ z / pairs, mean),
        ops=10 * pairs + 500,
        scale=blind.max(),
        generic="a label turns a difference round, whose law is symmetric; the rest is analytic",
        controls={
            "as without centring": blind,
            "$|m|²$ is taken off the first": blind - mean @ mean * np.eye(dims)[-1],
        },
    )


@claim(derived("Stein's identity"), kind="identity", cases=[(3, 1.0), (2, 4.0), (2, 0.5)])
def test_last_component(
    trial,
    dims: FewDims,
    strength: Annotated[
        float, Interval(0.5, 4, why="|w|: weak tastes are coins, strong ones make no errors")
    ],
):
    """Let $z ~ N(0, I)$ be the difference of a pair, chosen with the chance $1/(1 + e^(-w·z))$. The
    difference of chosen and rejected has the variance $1 - κ(|w|)² |w|²$ along the taste $w$ and 1
    across, where $κ(s) = E 2σ'(s g)$, $g ~ N(0, 1)$, and $σ$ is the logistic function.
    """
    direction = orthonormal(trial.generator("taste"), dims, 1)[:, 0]
    law = np.ones(dims)
    law[0] = variance_along_taste(strength)
    first = np.ones(dims)
    first[-1] = 2 - law[0]
    probit = np.ones(dims)
    probit[0] = 1 - 2 / np.pi / (1 + 8 / (np.pi * strength**2))
    sure = np.ones(dims)
    sure[0] = variance_of_sure_taste()
    trial.value(
        np.linalg.eigvalsh(covariance_over_all_pairs([strength * direction], np.eye(dims))),
        law,
        error=1e-8,
        margin=1e-6,
        generic="both sides are analytic in the direction",
        controls={
            "the taste is the first component": first,
            "as of a taste without errors": sure,
            "a probit choice of like slope": probit,
        },
    )


@claim(derived("$κ(s) s$ tends to $E |g|$"), kind="limit")
def test_last_component__without_errors(trial):
    """Let $z ~ N(0, I)$ be the difference of a pair, chosen with the chance $1/(1 + e^(-w·z))$. As
    $|w| → ∞$ the variance of chosen minus rejected along $w$ falls to $1 - 2/π = .363$.
    """
    law = variance_of_sure_taste()
    trial.mean(
        lambda rng, n: squares_along_sure_taste(rng, n, 3),
        law,
        law=Asymptotic(),
        margin=0.02 * law,
        most=2_000_000,
        controls={
            "a sure taste has no variance": 0.0,
            "as of $|w| = 4$": variance_along_taste(4.0),
        },
        first=32_768,
    )


@claim(
    derived("a mean over users, less its square"),
    kind="identity",
    cases=[(3, 3), (2, 2), (2, 4), (3, 2)],
)
def test_crowd(trial, dims: FewDims, tastes: Tastes):
    """Let $z ~ N(0, Σ)$ be the differences of pairs, and users with tastes $w_u$ choose with the
    chance $1/(1 + e^(-w_u·z))$. Pooled, chosen minus rejected has the covariance $C = Σ - m m'$,
    where $m$ is $Σ$ times the mean of $κ(s_u) w_u$ over users, $s_u² = w_u'Σw_u$,
    $κ(s) = E 2σ'(s g)$, $g ~ N(0, 1)$, and $σ$ is the logistic function: $C$ shows one direction,
    however many tastes there are.
    """
    generator = trial.generator("crowd")
    factor = orthonormal(generator, dims) * np.geomspace(0.7, 1.4, dims)
    covariance = factor.T @ factor
    crowd = drawn_tastes(generator, tastes, dims)
    of_each = np.mean([covariance_of_crowd(covariance, [taste]) for taste in crowd], axis=0)
    trial.value(
        covariance_over_all_pairs(crowd, factor),
        covariance_of_crowd(covariance, crowd),
        error=1e-7,
        margin=1e-5,
        scale=1.0,
        generic="the integrals are analytic in the factor and the tastes",
        controls={
            "the mean of the users' $C$": of_each,
            "as of the mean taste": covariance_of_crowd(covariance, [np.mean(crowd, axis=0)]),
            "without labels": covariance,
        },
    )


@claim(derived("$σ(x) + σ(-x) = 1$"), kind="distribution", cases=[(2, 1.0), (3, 2.0), (2, 4.0)])
def test_crowd__of_opposites(
    trial,
    dims: FewDims,
    strength: Annotated[float, Interval(1, 4, why="|w|: weak tastes look like coins anyway")],
):
    """If half of the users have the taste $w$ and half $-w$, and the differences of pairs are
    $z ~ N(0, I)$, chosen minus rejected has along $w$ the law of $z$ itself, $N(0, 1)$, as with
    coin tosses.
    """
    taste = np.zeros(dims)
    taste[0] = strength

    def along(generator, n):
        signs = generator.choice([-1.0, 1.0], size=n)
        pairs = generator.normal(size=(n, dims))
        return chosen(generator, pairs, signs[:, None] * taste)[:, 0]

    trial.distribution(
        along,
        law_of_coins(),
        margin=0.02,
        controls={"of one taste": law_along_taste(strength)},
        first=8_192,
    )


@claim(
    derived("comparisons of a user are independent given the user"),
    kind="distribution",
    cases=[(3, 3, 2), (2, 2, 5), (3, 4, 6)],
    low_power="entries vary as those of pairs do, and are small beside them",
)
def test_two_comparisons(
    trial,
    dims: FewDims,
    tastes: Tastes,
    repeats: Annotated[int, Interval(2, 6, why="one comparison of a user tells no users apart")],
):
    """Let $D$ be chosen minus rejected, and each user make $r >= 2$ comparisons of pairs with
    differences $z ~ N(0, I)$. Then $(r m̂ m̂' - Ŝ)/(r - 1)$ has the mean over users of
    $(E D)(E D)'$, where $E D$ is a user's own expected $D$, $m̂$ a user's mean of $D$ and $Ŝ$ that
    of $D D'$.
    """
    crowd = drawn_tastes(trial.generator("crowd"), tastes, dims)
    moment = moment_of_tastes(crowd)
    one = np.eye(dims)
    upper = np.triu_indices(dims)
    trial.mean(
        lambda rng, n: corrected_moments(rng, n, repeats, crowd),
        moment[upper],
        law=Asymptotic(),
        margin=0.1 * np.trace(moment),
        scale=np.trace(moment),
        most=1_000_000,
        controls={
            "the users' means as they are": (moment + (one - moment) / repeats)[upper],
            "as of one comparison each": (one - covariance_of_crowd(one, crowd))[upper],
            "their length alone, in all directions": (np.trace(moment) / dims * one)[upper],
        },
        first=16_384,
    )


@figure("F1", claims=("last_component", "last_component-without_errors"))
def rank_of_a_taste(pairs: int = 40000, dims: int = 3):
    """The clearer a taste, the less variance its component has: it is ranked last.

    Variances of the principal components of chosen minus rejected, three dimensions, of pairs with
    variance 1 in all directions. Marks: lines: law; points: singular values of simulated choices,
    with two standard errors.
    """
    fine = np.linspace(0, 8, 81)
    coarse = np.array([0.5, 1, 2, 3, 4, 6, 8])
    generator = np.random.default_rng(0)
    spectra = []
    for strength in coarse:
        z = generator.normal(size=(pairs, dims))
        spectra.append(spectrum(chosen(generator, z, strength * np.eye(dims)[0]), centred=True))
    last, *_, first = np.array(spectra).T
    width = 2 * np.sqrt(2 / pairs)
    return chart(
        {
            "along the taste": (fine, [variance_along_taste(s) for s in fine]),
            "across": (np.array([0, 8]), 1.0),
        },
        {
            "along the taste": (coarse, last, width * last),
            "across": (coarse, first, width * first),
        },
        levels={"taste without errors": variance_of_sure_taste()},
        x="strength |w| of the taste",
        y="variance of a component",
        ylim=(0, 1.1),
        legend="lower left",
    )
