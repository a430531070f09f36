"""Cai, Huang, Chen, Hao & Zhang 2023, "Causal Discovery with Latent Confounders Based on
Higher-Order Cumulants", ICML, arXiv 2305.19582.

For those who estimate a mixing ratio through a hidden cause: which noise allows it, and with what
error.

Paper: higher cumulants of two observed variables tell how strongly a hidden common cause acts on
each, and whether one of the two causes the other as well. This page gives the ratio, its error, and
the cases in which either question has no answer.

Take away: with a skewed hidden cause the standard error is $√(v/n)/|k_112|$. With a normal one the
estimate follows a Cauchy law around a wrong centre: for $a_2/a_1 = -1.5$ half of the estimates are
outside $[-1.78, -0.30]$ at every $n$. An edge from $x_1$ to $x_2$ is invisible if the noise of
$x_1$ is normal, and also if direct and hidden paths cancel.

$x_1 = a_1 L + e_1$ and $x_2 = a_2 L + e_2 + b x_1$ with independent $L$, $e_1$, $e_2$ of mean 0;
$b = 0$ unless said. The ratio is $r = a_2/a_1$, $k_122$ is the cumulant of $(x_1, x_2, x_2)$, and
so on. The estimates of cumulants from $n$ points are $k$-statistics; that of third order is
$n/((n-1)(n-2))$ times a sum of centred products. $σ_11$, $σ_12$, $σ_22$ are the covariances,
$κ_4(e_1)$ is the fourth cumulant of $e_1$.

Edges: the ratio is 0/0 where $L$ has no third (fourth) cumulant. The estimated ratio has no mean,
so that quantiles are compared. $n$ times the variance of the contrast exceeds $v$ by a term of
order $1/n$, 3 % at $n = 2000$ with Laplace noise.

Abstract:

- Statement 1: with higher cumulants the mixing of one latent component has a closed form. Holds:
  ratio. Not if the component is normal (`gaussian_latent`).
- Statement 2: a testable condition of one latent component identifies latent variables and causal
  orders. In part: one_latent. For two observed variables, if the total effect is not zero and the
  noise of the first is not normal.
- Statement 3: the results extend to several latent components, which are removed one after the
  other. In part: two_latents. Two components of two variables, both ratios at once and from exact
  cumulants; no removal of one after the other is on trial.
- Statement 4: a practical algorithm learns the structure and is right with enough data. Not on
  trial. Two observed variables are tried.

Read: the abstract ("a closed-form solution to OICA in specific cases"). Recalled: that the ratio is
one of joint cumulants. Derived here: its error, its law for a normal cause, the determinant. Not
claimed: means of the estimated ratio, which has none. Topic: learning.
"""

from functools import partial
from itertools import combinations, product
from typing import Annotated

import numpy as np
from scipy import stats

from theory_on_trial import claim, derived, observed, predicted, recalled, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

FirstWeight = Annotated[
    float, Interval(0.3, 3, why="a hidden cause that is weak or drowns the noise takes digits away")
]
SecondWeight = Annotated[
    float,
    Interval(-3, -0.3, why="of a positive ratio x2 is the mirror image; near 0 it has no digits"),
]
Chance = Annotated[
    float, Interval(0.02, 0.1, why="a more even hidden cause has a small third or fourth cumulant")
]
ModerateWeight = Annotated[
    float, Interval(0.5, 2, why="outside, 200 points are too few for the limit")
]


def two_points(chance):
    """Return a law of mean 0 and variance 1 on two points: values and probabilities."""
    values = np.array([np.sqrt((1 - chance) / chance), -np.sqrt(chance / (1 - chance))])
    return values, np.array([chance, 1 - chance])


def enumerated(a1, a2, laws, b=0.0):
    """Return all values of (x1, x2) and their probabilities, for discrete laws of L, e1 and e2."""
    hidden, first, second = np.array(list(product(*(values for values, _ in laws)))).T
    x1 = a1 * hidden + first
    chances = np.prod(list(product(*(chances for _, chances in laws))), axis=1)
    return np.column_stack([x1, a2 * hidden + second + b * x1]), chances


def noises(generator):
    """Draw laws of e1 and e2 on two points, neither of them even."""
    return [two_points(chance) for chance in generator.uniform(0.02, 0.1, 2)]


@observed
def cumulant(points, chances, *indices):
    """A joint cumulant of third or fourth order from the joint moments."""
    errors = points - chances @ points

    def moment(*which):
        return chances @ np.prod(errors[:, which], axis=1)

    if len(indices) == 3:
        return moment(*indices)
    i, j, k, l = indices
    return (
        moment(i, j, k, l)
        - moment(i, j) * moment(k, l)
        - moment(i, k) * moment(j, l)
        - moment(i, l) * moment(j, k)
    )


@predicted
def mixing_ratio(a1, a2):
    """The ratio r = a2/a1: each index 2 in place of a 1 is a factor r where only L joins the
    two.
    """
    return a2 / a1


@claim(
    recalled("the closed form of the One-Latent-Component structure"),
    kind="identity",
    cases=[(1.0, -1.5, 0.05), (3.0, -0.3, 0.1), (0.3, -3.0, 0.02)],
)
def test_ratio(trial, a1: FirstWeight, a2: SecondWeight, chance: Chance):
    """If $x_1 = a_1 L + e_1$ and $x_2 = a_2 L + e_2$ with independent $L$, $e_1$, $e_2$, then
    $a_2/a_1 = k_122/k_112 = k_1222/k_1122 = k_1122/k_1112$, with its sign, for any noise $e$, where
    $k_122$ is the joint cumulant of $(x_1, x_2, x_2)$, and so on, and where $a_1$ and $a_2$ and the
    third and fourth cumulants of $L$ are not 0.
    """
    law = enumerated(a1, a2, [two_points(chance), *noises(trial.generator("noise"))])
    k = {
        word: cumulant(*law, *(int(letter) - 1 for letter in word))
        for word in ("112", "122", "1112", "1122", "1222")
    }
    measured = np.array([k["122"] / k["112"], k["1222"] / k["1122"], k["1122"] / k["1112"]])
    covariance = (law[0].T * law[1]) @ law[0]
    size = (1 + a1**2 + a2**2) ** 2 / min(abs(value) for value in k.values())
    slope = covariance[0, 1] / covariance[0, 0]
    root = np.sqrt(k["1222"] / k["1112"])
    controls = {"least squares": np.full(3, slope), "$√(k_1222/k_1112)$": np.full(3, root)}
    # Moments of fourth order cancel down to a cumulant.
    trial.identity(
        measured,
        np.full(3, mixing_ratio(a1, a2)),
        ops=100,
        scale=50 * size,
        generic="cumulants are polynomials in the chances and the places of the noise",
        controls=controls,
    )


@predicted
def variance_of_contrast(points, chances, ratio):
    """Eψ², ψ = x1x2u - σ22x1 - 2σ12x2 + r(σ11x2 + 2σ12x1), u = x2 - rx1: n Var(k̂_122 - r k̂_112)
    tends to it.
    """
    x1, x2 = points.T
    (s11, s12), (_, s22) = (points.T * chances) @ points
    centring = ratio * (s11 * x2 + 2 * s12 * x1) - s22 * x1 - 2 * s12 * x2
    return chances @ (x1 * x2 * (x2 - ratio * x1) + centring) ** 2


@observed
def of_triples(points):
    """Third k-statistics k̂_112, k̂_122 of all samples of three: 3/2 times a sum of centred
    products.
    """
    grid = np.moveaxis(points[np.indices([len(points)] * 3)], 0, -1)
    x1, x2 = np.moveaxis(grid - grid.mean(axis=-1, keepdims=True), -2, 0)
    return 1.5 * np.stack([np.sum(x1 * x1 * x2, axis=-1), np.sum(x1 * x2 * x2, axis=-1)], axis=-1)


@observed
def shares_in_triples(points, chances):
    """The mean third k-statistics k̂_112, k̂_122 of triples with a given point, (points, 2)."""
    return np.einsum("j,k,ijkl->il", chances, chances, of_triples(points))


MIXTURES = [(1.0, -1.5, 0.1), (2.0, -0.5, 0.02), (0.5, -1.0, 0.05)]


@claim(derived("$U$-statistics"), kind="identity", cases=MIXTURES)
def test_fieller(trial, a1: FirstWeight, a2: SecondWeight, chance: Chance):
    """Let $x_1 = a_1 L + e_1$, $x_2 = a_2 L + e_2$, $r = a_2/a_1$, and $σ$ be their covariances.
    For third $k$-statistics $k̂$ of $n$ points, $n Var(k̂_122 - r k̂_112)$ tends to $Eψ²$ as
    $n → ∞$, where $ψ = x_1 x_2 u - σ_22 x_1 - 2 σ_12 x_2 + r (σ_11 x_2 + 2 σ_12 x_1)$ and
    $u = x_2 - r x_1$.
    """
    points, chances = enumerated(a1, a2, [two_points(chance), *noises(trial.generator("noise"))])
    ratio = mixing_ratio(a1, a2)
    # A k-statistic is the mean of those of all triples: its variance tends to 9/n times that of one
    # point's share.
    shares = shares_in_triples(points, chances)
    law = variance_of_contrast(points, chances, ratio)
    raw = chances @ (points[:, 0] * points[:, 1] * (points @ [-ratio, 1])) ** 2
    trial.identity(
        9 * chances @ ((shares - chances @ shares) @ [-ratio, 1]) ** 2,
        law,
        # Sums over the 8³ triples of eight points.
        ops=8**3,
        scale=2 * law,
        generic="cumulants are polynomials in the chances and the places of the noise",
        controls={"$ψ$ without centring": raw},
    )


@claim(derived("$k$-statistics have no bias"), kind="identity", cases=MIXTURES)
def test_fieller__centre(trial, a1: FirstWeight, a2: SecondWeight, chance: Chance):
    """If $x_1 = a_1 L + e_1$ and $x_2 = a_2 L + e_2$ with independent $L$, $e_1$, $e_2$, the third
    $k$-statistics of $n ≥ 3$ points have the means $E k̂_112 = k_112$ and $E k̂_122 = r k_112$,
    where $r = a_2/a_1$ and $k_112$ is the cumulant of $(x_1, x_1, x_2)$.
    """
    points, chances = enumerated(a1, a2, [two_points(chance), *noises(trial.generator("noise"))])
    third = cumulant(points, chances, 0, 0, 1)
    exact = third * np.array([1, mixing_ratio(a1, a2)])
    trial.identity(
        chances @ shares_in_triples(points, chances),
        exact,
        # Sums over the 8³ triples of eight points.
        ops=8**3,
        scale=variance_of_contrast(points, chances, mixing_ratio(a1, a2)) + np.abs(exact),
        generic="cumulants are polynomials in the chances and the places of the noise",
        controls={"plain third moments of three points": exact * 2 / 9},
    )


@predicted
def limit_of_the_ratio(covariance):
    """Location v12/v11 and scale √(v11v22-v12²)/v11 of a Cauchy law, from n times the covariances
    of k̂_112, k̂_122.
    """
    (s11, s12), (_, s22) = covariance
    v11, v22 = (2 * s**2 * t + 4 * s * s12**2 for s, t in ((s11, s22), (s22, s11)))
    v12 = 4 * s11 * s12 * s22 + 2 * s12**3
    return v12 / v11, np.sqrt(v11 * v22 - v12**2) / v11


@observed
def estimated_ratio(x1, x2):
    """k̂_122/k̂_112 of samples, one in each row."""
    x1, x2 = (x - x.mean(axis=1, keepdims=True) for x in (x1, x2))
    return np.sum(x1 * x2 * x2, axis=1) / np.sum(x1 * x1 * x2, axis=1)


@observed
def sampled_ratios(generator, count, factor, size):
    """Estimated ratios of normal samples whose covariance has this factor."""
    return estimated_ratio(
        *np.moveaxis(generator.standard_normal((count, size, 2)) @ factor.T, -1, 0)
    )


@claim(
    derived("a ratio of two jointly normal limits"),
    kind="distribution",
    cases=[(1.0, 1.5, 1.0, 1.0, 200), (1.0, 1.5, 1.0, 1.0, 400)],
)
def test_gaussian_latent(
    trial,
    a1: ModerateWeight,
    a2: ModerateWeight,
    noise1: ModerateWeight,
    noise2: ModerateWeight,
    size: Annotated[int, Interval(200, 800, why="fewer are far from the limit, more take long")],
):
    """If $x_1$ and $x_2$ are jointly normal with covariances $σ$, the ratio $k̂_122/k̂_112$ of
    third $k$-statistics of $n$ points tends to a Cauchy law, which does not narrow with $n$, of
    centre $v_12/v_11$ and scale $√(v_11 v_22 - v_12²)/v_11$, where
    $v_11 = 2 σ_11² σ_22 + 4 σ_11 σ_12²$, $v_22 = 2 σ_22² σ_11 + 4 σ_22 σ_12²$ and
    $v_12 = 4 σ_11 σ_12 σ_22 + 2 σ_12³$.
    """
    covariance = np.array([[a1**2 + noise1**2, a1 * a2], [a1 * a2, a2**2 + noise2**2]])
    location, scale = limit_of_the_ratio(covariance)
    law = stats.cauchy(location, scale)
    rivals = {
        "normal, of the same quartiles": stats.norm(location, scale / stats.norm.ppf(0.75)),
        "around $r$": stats.cauchy(mixing_ratio(a1, a2), scale),
        "narrows as $1/√n$ from $n = 200$ on": stats.cauchy(location, scale * np.sqrt(200 / size)),
    }
    places = law.ppf(np.linspace(0.01, 0.99, 99))
    distances = {
        name: np.max(np.abs(rival.cdf(places) - law.cdf(places))) for name, rival in rivals.items()
    }
    slack = 1.2 / size  # distances are of order 1/n: up to 1.03/n, measured at n = 50
    margin = 0.025 + slack
    trial.distribution(
        sampler=partial(sampled_ratios, factor=np.linalg.cholesky(covariance), size=size),
        cdf=law.cdf,
        slack=slack,
        margin=margin,
        controls={
            name: rivals[name].cdf for name in rivals if distances[name] > 0.01 + margin + slack
        },
        first=4096,
    )


@observed
def determinant_of_moments(points, chances):
    """k_1112 k_1222 - k_1122², and the size of what cancels in it: fourth moments in a cumulant,
    and products of cumulants.
    """
    words = ((0, 0, 0, 1), (0, 0, 1, 1), (0, 1, 1, 1))
    k1112, k1122, k1222 = (cumulant(points, chances, *word) for word in words)
    largest = np.max(np.abs([k1112, k1122, k1222]))
    return k1112 * k1222 - k1122**2, np.sum(chances @ points**4) * (1 + largest)


@predicted(about="cumulant")
def determinant(a1, a2, b, kurtoses):
    """k_1112 k_1222 - k_1122² = a1 A b a2² κ4(L) κ4(e1), A = a2 + b a1 the total effect."""
    return a1 * (a2 + b * a1) * b * a2**2 * np.prod(kurtoses)


@claim(
    tried(
        "abstract, sentence 4: a testable condition of one latent component",
        "the value of the determinant",
    ),
    kind="identity",
    cases=[(1.0, -1.5, 0.5), (0.5, -0.5, 1.0)],
)
def test_one_latent(
    trial,
    a1: FirstWeight,
    a2: SecondWeight,
    edge: Annotated[float, Interval(0.2, 2, why="a weak edge has a determinant near 0")],
):
    """If $x_1 = a_1 L + e_1$ and $x_2 = a_2 L + b x_1 + e_2$ with independent $L$, $e_1$, $e_2$,
    their joint cumulants have $k_1112 k_1222 - k_1122² = a_1 A b a_2² κ_4(L) κ_4(e_1)$, where
    $A = a_2 + b a_1$ is the total effect and $κ_4$ the fourth cumulant. If $a_1$, $a_2$ and
    $κ_4(L)$ are not 0, an edge $b ≠ 0$ shows, unless $A$ or $κ_4(e_1)$ is 0.
    """
    hidden = two_points(0.05)
    first, second = noises(trial.generator("noise"))
    flat = two_points((1 - np.sqrt(1 / 3)) / 2)  # it has no fourth cumulant, as a normal law
    cancelling = -a2 / a1  # A = 0
    worlds = [
        (edge, first),
        (-edge, first),
        (edge / 2, first),
        (0.0, first),
        (cancelling, first),
        (edge, flat),
    ]
    found = [
        determinant_of_moments(*enumerated(a1, a2, [hidden, noise, second], b))
        for b, noise in worlds
    ]
    measured, size = np.transpose(found)

    def kurtosis(values, chances):
        return chances @ values**4 - 3

    law = np.array(
        [determinant(a1, a2, b, [kurtosis(*hidden), kurtosis(*noise)]) for b, noise in worlds]
    )
    direct = law * [a2 / (a2 + b * a1) if a2 + b * a1 else 1 for b, _ in worlds]
    # A mean and a moment of 8 terms each, and products of four factors.
    trial.identity(
        measured,
        law,
        ops=20,
        scale=size,
        generic="cumulants are polynomials in the chances and the places of the noise",
        controls={"direct effect $a2$ for $A$": direct},
    )


@claim(derived("coefficients of two polynomials"), kind="identity")
def test_one_latent__everywhere(trial):
    """With $x_1 = a_1 L + e_1$ and $x_2 = a_2 L + b x_1 + e_2$, the joint cumulants have
    $k_1112 k_1222 - k_1122² = a_1 A b a_2² κ_4(L) κ_4(e_1)$, $A = a_2 + b a_1$, for all real $a_1$,
    $a_2$, $b$ and fourth cumulants $κ_4$: both sides are polynomials.
    """

    def from_cumulants(a1, a2, b, latent, noise):
        total = a2 + b * a1
        k1112 = a1**3 * total * latent + b * noise
        k1122 = a1**2 * total**2 * latent + b**2 * noise
        k1222 = a1 * total**3 * latent + b**3 * noise
        return k1112 * k1222 - k1122**2

    trial.prove_identity(
        from_cumulants,
        lambda a1, a2, b, latent, noise: determinant(a1, a2, b, [latent, noise]),
        {"a1": 8, "a2": 4, "b": 8, "latent": 2, "noise": 2},
        controls={
            "$A$ for both $a2$": lambda a1, a2, b, latent, noise: (
                a1 * (a2 + b * a1) ** 3 * b * latent * noise
            )
        },
    )


@observed
def fifth_cumulant(points, chances, second):
    """The joint cumulant of fifth order with `second` indices 2 and the others 1."""
    errors = points - chances @ points
    which = [1] * second + [0] * (5 - second)

    def moment(chosen):
        return chances @ np.prod(errors[:, [which[i] for i in chosen]], axis=1)

    pairs = combinations(range(5), 2)
    return moment(range(5)) - sum(
        moment(pair) * moment([i for i in range(5) if i not in pair]) for pair in pairs
    )


@observed
def two_ratios(points, chances):
    """Both ratios, the smaller one first: the roots of r² = c_1 r + c_0, which all four fifth
    cumulants of both variables obey in a row.
    """
    k = [fifth_cumulant(points, chances, second) for second in range(1, 5)]
    following, before = np.linalg.solve([[k[1], k[0]], [k[2], k[1]]], [k[2], k[3]])
    return np.sort(np.roots([1.0, -following, -before]).real)


@claim(
    tried(
        "abstract, statement 3: several latent components",
        "two components at once, from cumulants of fifth order",
    ),
    kind="identity",
    cases=[(1.0, -1.5, 0.8), (2.0, -0.5, 2.5), (0.5, -2.0, 0.4)],
)
def test_two_latents(
    trial,
    a1: FirstWeight,
    a2: SecondWeight,
    other: Annotated[float, Interval(0.3, 3, why="the ratio of the second component, positive")],
):
    """Let $x_i = a_i L + c_i M + e_i$, $i = 1, 2$, with independent $L$, $M$, $e_1$, $e_2$ whose
    fifth cumulants are not 0, and let $κ_q$ be the joint fifth cumulant of $x_1$, $5 - q$ times,
    and $x_2$, $q$ times. Then $a_2/a_1$ and $c_2/c_1$ are the roots of $r² = u r + v$, where $u$
    and $v$ solve $κ_3 = u κ_2 + v κ_1$ and $κ_4 = u κ_3 + v κ_2$.
    """
    generator = trial.generator("noise")
    laws = [two_points(chance) for chance in generator.uniform(0.02, 0.06, 4)]
    draws = np.array(list(product(*(values for values, _ in laws))))
    chances = np.prod(list(product(*(weights for _, weights in laws))), axis=1)
    weights = np.array([[a1, a2], [1.0, other], [1.0, 0.0], [0.0, 1.0]])
    points = draws @ weights
    law = np.array([mixing_ratio(a1, a2), mixing_ratio(1.0, other)])
    single = fifth_cumulant(points, chances, 4) / fifth_cumulant(points, chances, 3)
    trial.value(
        two_ratios(points, chances),
        law,
        error=1e-9,
        margin=1e-8,
        scale=1.0,
        generic="both sides are algebraic in the weights and the chances",
        controls={
            "one component, whose ratio is k_12222/k_11222": [single, single],
            "the signs are lost": np.sort(np.abs(law)),
        },
    )


@figure("F1", claims=("fieller", "gaussian_latent"))
def quartiles_of_the_ratio(runs: int = 1000):
    """A normal hidden cause $L$ gives no estimate: quartiles of the estimated ratio against $n$,
    the true one being -1.5.

    $a_1 = 1$, noises are normal, $L$ is exponential or normal. $N(r, v/(n k_112²))$ has
    $v = 77.125$, $k_112 = -3$. Marks: points: quartiles of 1000 samples, 99 %; lines: normal or
    Cauchy law.
    """
    generator = np.random.default_rng(0)
    sizes = 2 ** np.arange(7, 12)
    quarters = np.array([0.25, 0.5, 0.75])
    cauchy = stats.cauchy(*limit_of_the_ratio(np.array([[2, -1.5], [-1.5, 3.25]])))
    normal = [stats.norm(-1.5, np.sqrt(77.125 / n) / 3).ppf(quarters) for n in sizes]
    reach = stats.norm.ppf(0.995) * np.sqrt(quarters * (1 - quarters) / runs)

    def quartiles(law, n):
        hidden = getattr(generator, law)(size=(runs, n))
        noise = generator.normal(size=(2, runs, n))
        ratios = estimated_ratio(hidden + noise[0], noise[1] - 1.5 * hidden)
        return np.quantile(ratios, [quarters - reach, quarters, quarters + reach])

    lines = {
        "exponential L": (sizes, normal),
        "normal L": (sizes, np.tile(cauchy.ppf(quarters), (5, 1))),
    }
    points = {}
    for name in lines:
        found = np.array([quartiles(name.split()[0], n) for n in sizes])  # size, end, quartile
        low, middle, high = found.swapaxes(0, 1).reshape(3, -1)
        points[name] = np.repeat(sizes, 3), middle, [middle - low, high - middle]
    drawn = chart(
        lines,
        points,
        levels={"true ratio": -1.5},
        legend="upper right",
        log="x",
        x="sample size n",
        y="quartiles of the estimate (dimensionless)",
        ylim=(-2.4, 0.6),
        xticks=sizes,
        xticklabels=[str(n) for n in sizes],
    )
    drawn.axes[0].minorticks_off()
    return drawn
