"""Costa, Fel, Lubana, Tolooshams & Ba 2025, "From Flat to Hierarchical: Extracting Sparse
Representations with Matching Pursuit", NeurIPS, arXiv 2506.03093; with the k-sparse codes of
Makhzani & Frey, arXiv 1312.5663.

For whoever chooses between a one-pass top-$k$ encoder and a pursuit: which active atoms does each
of them find for sure?

Take away: the guarantee of the pursuit depends on the number of atoms, that of the one-pass code
also on their sizes. At coherence 1/8 a pursuit finds any four atoms whatever their sizes. The
one-pass code is sure to find four atoms with sizes in equal steps only if the largest is at most
1.25 times the smallest; of drawn codes with sizes over six decades it reads some 2 % rightly. A
ReLU inside the pursuit voids its guarantee with two atoms already.

The dictionary has $M$ unit atoms $d_i$ in $R^d$ and the coherence $μ$, the largest $|d_i·d_j|$ of
two atoms. The input is $x = ∑_i z_i d_i$ over a support $S$ of $k < M$ atoms, $d > k$; $z_min$ and
$z_max$ are the extreme $|z_i|$, $‖z‖₁$ is their sum. The one-pass encoder, tied to the dictionary,
picks the $k$ largest $|d_i·x|$. Orthogonal matching pursuit picks the largest $|d_i·r|$ in each of
$k$ steps, $r$ being the residual after least squares on what was picked; plain matching pursuit
subtracts $(d_i·r) d_i$ alone.

Edges: at the threshold there are ties. If the atoms are linearly independent, $M <= d$, an untied
encoder, the pseudo-inverse, reads them without error. For two atoms with $c < 0$ the released loop
stops after three steps, with a residual of length $c² √(1 − c²) z_2$.

Paper: a sparse autoencoder whose encoder is a matching pursuit finds hierarchical and nonlinear
features that others miss. This page says what either kind of encoder guarantees at a given
coherence.

Abstract:

- Sentence 1: sparse autoencoders are motivated by the hypothesis that features are linearly
  accessible and nearly orthogonal. No statement.
- Sentence 2: representations have features that are hierarchical, nonlinear or of several
  dimensions. Not on trial. It is about trained networks.
- Sentence 3: do sparse autoencoders represent such features? No statement.
- Sentence 5: an encoder of residual-guided steps captures features that are not linearly
  accessible. In part: one_shot, one_shot-threshold, pursuit, pursuit-every_code, relu_sticks. It
  finds active atoms up to a coherence; the released loop, with a ReLU, stops before.
- Sentence 6, first part: hierarchical concepts make features conditionally orthogonal, and other
  autoencoders miss them. Not on trial. It needs trained autoencoders.
- Sentence 6, second part: the steps find meaningful features across modalities. Not on trial. It
  needs large models.
- Sentence 7: sparsity can be adapted at inference. In part: energy, energy-step. Each step takes
  off a known part of the energy.

Read: the abstract, and the authors' code (mpsae/MP-SAE, `sae.py`). Derived here: the one-pass code,
the ties of the pursuit, the energy, where the ReLU stops. Recalled: Tropp 2004, the energy law of
Mallat & Zhang 1993, and what a step leaves (Gribonval & Vandergheynst 2006). Not claimed: that
trained dictionaries are as bad as the worst. Topic: representations.
"""

from typing import Annotated

import numpy as np
from scipy.linalg import hadamard
from scipy.optimize import brentq

from theory_on_trial import (
    claim,
    code,
    derived,
    known,
    observed,
    predicted,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Atoms = Annotated[
    int, Interval(2, 6, why="k; a single atom is always found; the Gram matrix has k")
]
Range = Annotated[float, Interval(1.2, 20, why="z_max/z_min: at 1 every theory says 1/(2 k − 1)")]
Product = Annotated[float, Interval(0.1, 0.95, why="d_1·d_2: at 0 nothing is to be lost, 1 is one")]


def sizes(atoms, ratio):
    """Coefficients (k,) from 1 to z_max/z_min in equal steps."""
    return np.linspace(1.0, ratio, atoms)


def gram(coherence, atoms):
    """The Gram matrix (k + 1, k + 1) of k atoms with products −μ and one with products μ to all."""
    products = np.full((atoms + 1, atoms + 1), -coherence)
    products[-1] = products[:, -1] = coherence
    np.fill_diagonal(products, 1.0)
    return products


def dictionary(products):
    """Atoms, the columns, with some Gram matrix."""
    values, vectors = np.linalg.eigh(products)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T


def spikes_and_waves():
    """The 64 unit vectors and 64 Hadamard vectors, (64, 128), of coherence 1/8."""
    return np.hstack([np.eye(64), hadamard(64) / 8])


@predicted
def most_taken(coefficients, coherence):
    """μ (2 ‖z‖₁ − z_min)."""
    sizes = np.abs(coefficients)
    return coherence * (2 * np.sum(sizes) - np.min(sizes))


@predicted
def one_shot_threshold(coefficients):
    """1/(2 ‖z‖₁/z_min − 1), z_min = min |z_i| > 0."""
    sizes = np.abs(coefficients)
    if np.min(sizes) == 0:
        raise ValueError("coefficients must not be 0: such atoms are not in the support")
    return 1 / (2 * np.sum(sizes) / np.min(sizes) - 1)


@predicted
def pursuit_threshold(atoms):
    """1/(2 k − 1)."""
    return 1 / (2 * atoms - 1)


@predicted
def surely_right(atoms, coherence):
    """1 if (2 k − 1) μ < 1, so that the pursuit reads every code, else 0."""
    return int((2 * atoms - 1) * coherence < 1)


@predicted
def whole_energy(signal):
    """|x|²."""
    return np.sum(signal**2)


@predicted
def most_kept(atoms, coherence):
    """1 − (1 − (k − 1) μ)/k."""
    return 1 - (1 - (atoms - 1) * coherence) / atoms


@predicted
def stuck(first, second, product):
    """The code (z_1 + c z_2, (1 − c²) z_2) and the length c √(1 − c²) z_2 of its residual."""
    rest = (1 - product**2) * second
    return np.array([first + product * second, rest, product * np.sqrt(rest * second)])


@predicted
def signed_residual(second, product, steps):
    """c^(t − 1) √(1 − c²) z_2."""
    return product ** (steps - 1) * np.sqrt(1 - product**2) * second


@observed
def worst_dictionary(coefficients, coherence):
    """The most that the margin of the one-pass encoder loses over all Gram matrices of k atoms and
    an outsider with coherence at most μ, by a semidefinite program. The weakest atom and the
    outsider decide; the outsider's sign is free.
    """
    import cvxpy as cp

    atoms = len(coefficients)
    products = cp.Variable((atoms + 1, atoms + 1), PSD=True)
    code = np.append(coefficients, 0.0)
    weakest = int(np.argmin(coefficients))
    off = ~np.eye(atoms + 1, dtype=bool)
    rules = [cp.diag(products) == 1, cp.abs(products[off]) <= coherence]
    margin = products[weakest] @ code - products[atoms] @ code
    cp.Problem(cp.Minimize(margin), rules).solve(cp.CLARABEL)
    return taken_by(dictionary(products.value), coefficients)


@observed
def taken_by(atoms, coefficients):
    """z_min less the margin: the least |d_i·x| inside the support, the first atoms, less the
    largest outside.
    """
    count = len(coefficients)
    found = np.abs(atoms.T @ (atoms[:, :count] @ coefficients))
    return np.min(coefficients) - (found[:count].min() - found[count:].max())


@observed
def one_shot(atoms, signal, count):
    """The k atoms of the largest |d_i·x|, in ascending order."""
    return np.sort(np.argsort(-np.abs(atoms.T @ signal), kind="stable")[:count])


@observed
def pursuit(atoms, signal, count, refit=True):
    """The atoms that matching pursuit picks in k steps, their correlations, and the residual."""
    residual = signal
    picked: list[int] = []
    taken = []
    for _ in range(count):
        found = atoms.T @ residual
        best = int(np.argmax(np.abs(found)))
        picked.append(best)
        taken.append(found[best])
        if refit:
            chosen = atoms[:, picked]
            residual = signal - chosen @ np.linalg.lstsq(chosen, signal, rcond=None)[0]
        else:
            residual = residual - found[best] * atoms[:, best]
    return np.array(picked), np.array(taken), residual


@observed
def threshold_of(encoder, coefficients):
    """The coherence from which an encoder misreads k atoms with products −μ beside one with
    products μ to all, by bisection.
    """
    count = len(coefficients)

    def misread(coherence):
        atoms = dictionary(gram(coherence, count))
        picked = encoder(atoms, atoms[:, :count] @ coefficients, count)
        return 1.0 if count in picked else -1.0

    return brentq(misread, 1e-6, 0.99 / count, xtol=1e-12)


@observed
def released_loop(atoms, signal):
    """The released encoder: pick the largest ReLU(d_i·r), add it to the code and subtract it, until
    the support repeats. Returns the code (M,) and the residual.
    """
    residual = signal
    total = np.zeros(atoms.shape[1])
    support = np.zeros(atoms.shape[1], dtype=bool)
    while True:
        found = np.maximum(atoms.T @ residual, 0)
        best = np.argmax(found)
        total[best] += found[best]
        residual = residual - found[best] * atoms[:, best]
        if np.array_equal(total != 0, support):
            return total, residual
        support = total != 0


@observed
def draw_codes(generator, atoms, decades, draws):
    """Supports (draws, k) in spikes and waves, coefficients of random sign whose sizes span some
    decades, both ends taken.
    """
    supports = np.array([generator.permutation(128)[:atoms] for _ in range(draws)])
    exponents = generator.uniform(0, decades, (draws, atoms))
    exponents[:, 0] = 0
    exponents[:, 1] = decades
    return supports, 10**exponents * generator.choice([-1.0, 1.0], (draws, atoms))


@observed
def rightly_read(supports, coefficients):
    """Which codes in spikes and waves the one-pass encoder and the pursuit read right, (2, draws),
    as numbers 0 and 1.
    """
    atoms = spikes_and_waves()
    count = supports.shape[1]
    right = []
    for support, values in zip(supports, coefficients, strict=True):
        signal = atoms[:, support] @ values
        true = np.sort(support)
        passed = np.array_equal(one_shot(atoms, signal, count), true)
        pursued = np.array_equal(np.sort(pursuit(atoms, signal, count)[0]), true)
        right.append((passed, pursued))
    return np.transpose(right).astype(int)


@claim(
    derived("$z_min − μ (‖z‖₁ − z_min)$ inside against $μ ‖z‖₁$ outside"),
    kind="optimality",
    cases=[(2, 3.0, 0.99), (3, 4.0, 0.5), (5, 2.0, 1.2), (6, 12.0, 0.9)],
)
def test_one_shot(
    trial,
    atoms: Atoms,
    ratio: Range,
    share: Annotated[
        float, Interval(0.2, 1.4, why="of the threshold; from 1.5 on the Gram matrix may not exist")
    ],
):
    """The margin of an input $x = ∑_i z_i d_i$ is the least $|d_i·x|$ of its unit atoms $d_i$ minus
    the largest of all others. Over all dictionaries with $|d_i·d_j| <= μ$ its least value is
    $z_min − μ (2 ‖z‖₁ − z_min)$, with $z_min$ the least $|z_i|$, for all $μ$ up to 1.4 times the
    one at which this is 0.
    """
    coefficients = sizes(atoms, ratio)
    coherence = share * one_shot_threshold(coefficients)
    law = most_taken(coefficients, coherence)
    trial.value(
        worst_dictionary(coefficients, coherence),
        law,
        error=1e-5 * law,
        margin=1e-3 * law,
        controls={
            "$k$ counts, $(2 k − 1) μ$": (2 * atoms - 1) * coherence,
            "all as large as the largest": (2 * atoms * ratio - 1) * coherence,
        },
    )


@claim(
    derived("the margin's sign"),
    kind="identity",
    cases=[(2, 3.0), (3, 4.0), (4, 10.0), (6, 1.2)],
)
def test_one_shot__threshold(trial, atoms: Atoms, ratio: Range):
    """A one-pass encoder picks the $k$ largest $|d_i·x|$ for an input $x = ∑_i z_i d_i$ of $k$ of
    more unit atoms, in more than $k$ dimensions. It picks these $k$ for every dictionary with
    $|d_i·d_j| <= μ$ if and only if $(2 ‖z‖₁/z_min − 1) μ < 1$, where $z_min$ is the least $|z_i|$.
    """
    coefficients = sizes(atoms, ratio)
    law = one_shot_threshold(coefficients)
    trial.value(
        threshold_of(one_shot, coefficients),
        law,
        error=1e-9,
        margin=1e-4 * law,
        controls={
            "$1/(2 k − 1)$, whatever $z$": 1 / (2 * atoms - 1),
            "$1/((2 k − 1) z_max/z_min)$": 1 / ((2 * atoms - 1) * ratio),
        },
    )


@claim(
    derived("the worst case is over all dictionaries"),
    kind="bound",
    cases=[(2, 3.0), (4, 2.0), (6, 10.0)],
)
def test_one_shot__drawn(trial, atoms: Atoms, ratio: Range):
    """The margin of an input $x = ∑_i z_i d_i$ is the least $|d_i·x|$ of its unit atoms $d_i$ minus
    the largest of all others. In every dictionary it is at least $z_min − μ (2 ‖z‖₁ − z_min)$, with
    the coherence $μ$, the largest $|d_i·d_j|$, and the least $|z_i|$, $z_min$.
    """
    generator = trial.generator("dictionaries")
    coefficients = sizes(atoms, ratio)
    drawn = [dictionary(gram(0.9 * one_shot_threshold(coefficients), atoms))]
    for _ in range(300):
        columns = generator.normal(size=(atoms + 20, atoms + 3))
        drawn.append(columns / np.linalg.norm(columns, axis=0))
    coherences = np.array([np.max(np.abs(d.T @ d - np.eye(d.shape[1]))) for d in drawn])
    trial.bound(
        np.array([taken_by(d, coefficients) for d in drawn]),
        most_taken(coefficients, coherences),
        instances="draws",
        independent=300,
        ops=1e4,
        attained=0.999,
        controls={"$k$ counts, $(2 k − 1) μ$": (2 * atoms - 1) * coherences},
    )


@claim(
    derived("Tropp's condition where it is least true: at the tie and on both sides of it"),
    kind="identity",
    cases=[2, 3, 4, 6],
)
def test_pursuit(trial, atoms: Atoms):
    """Let $x = ∑_i d_i$ be the sum of $k$ unit atoms with products $−μ$ to each other, and let
    another atom have the product $μ$ with each of them. Orthogonal matching pursuit picks one of
    the $k$ first for $(2 k − 1) μ < 1$ and the other one for $(2 k − 1) μ > 1$.
    """
    law = pursuit_threshold(atoms)

    def first_steps(columns, signal, count):
        return pursuit(columns, signal, count)[0]

    trial.value(
        threshold_of(first_steps, np.ones(atoms)),
        law,
        error=1e-9,
        margin=1e-4 * law,
        controls={
            "$1/k$, no loss inside the support": 1 / atoms,
            "$1/(2 k)$, an atom loses to itself": 1 / (2 * atoms),
        },
    )


@claim(
    known("Tropp 2004, the condition $(2 k − 1) μ < 1$"),
    kind="identity",
    cases=[(2, 6.0), (3, 1.0), (4, 6.0)],
)
def test_pursuit__every_code(
    trial,
    atoms: Annotated[int, Interval(2, 4, why="k; (2 k − 1)/8 < 1 up to four atoms")],
    decades: Annotated[
        float, Interval(1, 6, why="log₁₀ z_max/z_min; sixteen digits must hold both")
    ],
):
    """If $(2 k − 1) μ < 1$, where the coherence $μ$ is the largest $|d_i·d_j|$ of two unit atoms,
    orthogonal matching pursuit finds the $k$ atoms of every $x = ∑_i z_i d_i$, whatever the sizes
    and signs of the $z_i$.
    """
    supports, codes = draw_codes(trial.generator("codes"), atoms, decades, 230)
    passed, pursued = rightly_read(supports, codes)
    weights = np.sum(np.abs(codes), axis=1) / np.min(np.abs(codes), axis=1)
    trial.identity(
        pursued,
        np.full(len(codes), surely_right(atoms, 1 / 8)),
        ops=0,
        independent=len(codes),
        controls={"where $(2 ‖z‖₁/z_min − 1) μ < 1$": (2 * weights - 1 < 8).astype(int)},
        control_processes={"the one-pass encoder": passed},
    )


@claim(
    known("Mallat & Zhang 1993, the energy of a pursuit"),
    kind="identity",
    cases=[(2, 3.0), (4, 5.0), (6, 1.2)],
)
def test_energy(trial, atoms: Atoms, ratio: Range):
    """Plain matching pursuit takes the correlation $a_t$ with an atom off the input $x$ in step
    $t$. After $T$ steps the residual $r_T$ has $|x|² = ∑_t a_t² + |r_T|²$.
    """
    drawn = trial.generator("dictionaries").normal(size=(230, atoms + 2, 2 * atoms))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    signals = drawn[:, :, :atoms] @ sizes(atoms, ratio)

    def energies(refit):
        """Of the correlations and of the residual, for each drawn dictionary."""
        runs = [pursuit(*pair, atoms, refit) for pair in zip(drawn, signals, strict=True)]
        return np.array([[np.sum(taken**2), np.sum(rest**2)] for _, taken, rest in runs])

    parts = energies(refit=False)
    trial.identity(
        parts.sum(axis=1),
        np.array([whole_energy(signal) for signal in signals]),
        ops=1e3,
        independent=len(signals),
        controls={"the correlations alone": parts[:, 0]},
        control_processes={"with orthogonal refits": energies(refit=True).sum(axis=1)},
    )


def drawn_products(generator, atoms, coherence):
    """Products (atoms, atoms) of unit atoms, the largest of two atoms being the coherence."""
    noise = generator.normal(size=(atoms, atoms))
    noise = noise + noise.T
    np.fill_diagonal(noise, 0)
    return np.eye(atoms) + coherence * noise / np.abs(noise).max()


@observed
def kept_by_step(columns, code):
    """The share of the squared length of columns @ code that a step of matching pursuit leaves."""
    signal = columns @ code
    residual = pursuit(columns, signal, 1, refit=False)[2]
    return np.sum(residual**2) / np.sum(signal**2)


@claim(
    known("Gribonval & Vandergheynst 2006, the decay of pursuits at low coherence"),
    kind="bound",
    cases=[(2, 0.3), (3, 0.4), (5, 0.4), (6, 0.95)],
)
def test_energy__step(
    trial,
    atoms: Atoms,
    part: Annotated[
        float, Interval(0.1, 0.95, why="of 1/(k − 1), where the atoms become dependent")
    ],
):
    """A step of matching pursuit leaves at most the share $1 − (1 − (k − 1) μ)/k$ of the squared
    length of a residual in the span of $k$ unit atoms, where $μ$ is the largest $|d_i·d_j|$.
    """
    coherence = part / (atoms - 1)
    generator = trial.generator("dictionaries")
    worst = dictionary(gram(coherence, atoms)[:-1, :-1])
    kept = [kept_by_step(worst, np.ones(atoms))]
    for _ in range(200):
        drawn = dictionary(drawn_products(generator, atoms, coherence))
        kept.append(kept_by_step(drawn, generator.normal(size=atoms)))
    trial.bound(
        np.array(kept),
        np.full(len(kept), most_kept(atoms, coherence)),
        instances="draws",
        independent=200,
        ops=1e4,
        attained=0.999,
        controls={"$1 − 1/k$, as for orthogonal atoms": np.full(len(kept), 1 - 1 / atoms)},
    )


RELEASED = code(
    "mpsae/MP-SAE",
    "sae.py",
    "acce7a2801e56ef64162d3eef3832a02025c5164",
)


def pair(product):
    """Two unit vectors, the columns, with a given product."""
    return np.array([[1.0, product], [0.0, np.sqrt(1 - product**2)]])


@claim(RELEASED, kind="identity", cases=[(2.0, 0.5), (1.1, 0.1), (10.0, 0.95), (1.5, 0.8)])
def test_relu_sticks(
    trial,
    first: Annotated[float, Interval(1.1, 10, why="z_1/z_2: the larger atom is picked first")],
    product: Product,
):
    """The released matching pursuit adds in each step the largest $relu(d_i·r)$ to the code, $r$
    being the residual, and stops when the set of its atoms repeats. For two unit atoms with the
    product $c > 0$ and $x = z_1 d_1 + z_2 d_2$ with $z_1 > z_2 > 0$ it ends with the code
    $(z_1 + c z_2, (1 − c²) z_2)$ and a residual of length $c √(1 − c²) z_2$.
    """
    atoms = pair(product)
    found, residual = released_loop(atoms, atoms @ np.array([first, 1.0]))
    signed = product**5 * np.sqrt(1 - product**2)
    trial.identity(
        np.append(found, np.linalg.norm(residual)),
        stuck(first, 1.0, product),
        # Three steps in the plane, of at most ten roundings each; the rest is room.
        ops=100,
        scale=first + 1,
        controls={
            "it reads $z$": np.array([first, 1.0, 0.0]),
            "as with signs, after six steps": np.array([first, 1.0, signed]),
        },
    )


@claim(
    derived("each step multiplies the residual by $c$"),
    kind="identity",
    cases=[(0.5, 1), (0.5, 4), (0.95, 6), (0.1, 3)],
)
def test_relu_sticks__signed(
    trial,
    product: Product,
    steps: Annotated[
        int, Interval(1, 6, why="the residual falls as c^t, and must exceed rounding")
    ],
):
    """Two unit atoms have the product $c > 0$, and $x = z_1 d_1 + z_2 d_2$ with $z_1 > z_2 > 0$.
    Matching pursuit without a ReLU leaves a residual of length $c^(t − 1) √(1 − c²) z_2$ after $t$
    steps.
    """
    atoms = pair(product)
    signal = atoms @ np.array([2.0, 1.0])
    law = signed_residual(1.0, product, steps)
    residual = pursuit(atoms, signal, steps, refit=False)[2]
    trial.identity(
        np.linalg.norm(residual),
        law,
        # At most six steps in the plane, of at most ten roundings each; the rest is room.
        ops=100,
        scale=3.0,
        controls={
            "$c^t$": law * product,
            "as the bound for one step, with $k = 2$": np.linalg.norm(signal)
            * np.sqrt((1 + product) / 2) ** steps,
        },
    )


@figure("F1", claims=("pursuit-every_code", "one_shot-threshold"))
def share_right(atoms: int = 4, draws: int = 300):
    """The one-pass code finds four atoms only if they are alike, and the pursuit always.

    Share of right supports against the range of sizes, for spikes and waves in 64 dimensions.
    Marks: line: sure by theory; dotted: up to there the one-pass code is sure, too; points: 300
    drawn codes with 99 % intervals.
    """
    generator = np.random.default_rng(0)
    places = np.geomspace(1, 1e6, 13)
    shares = []
    for place in places:
        supports, codes = draw_codes(generator, atoms, np.log10(place), draws)
        shares.append(rightly_read(supports, codes).mean(axis=1))
    passed, pursued = np.array(shares).T
    width = 2.6 * np.sqrt(passed * (1 - passed) / draws)
    last = brentq(lambda ratio: one_shot_threshold(sizes(atoms, ratio)) - 1 / 8, 1.0, 20.0)
    return chart(
        {"pursuit": (places, surely_right(atoms, 1 / 8))},
        {"pursuit": (places, pursued), "one pass": (places, passed, width)},
        thresholds={"one pass sure up to here": last},
        log="x",
        x="largest over smallest coefficient",
        y="share of right supports",
        ylim=(-0.03, 1.05),
        legend="center right",
    )
