"""Meng, Tang, Jiang & Zhang 2024, "CLOVER: Constrained Learning with Orthonormal Vectors for
Eliminating Redundancy", arXiv 2411.17426; at ICML 2025 with the title "Cross-Layer Orthogonal
Vectors Pruning and Fine-Tuning".

For whoever rotates, orthogonalises or merges attention heads and must know which changes of basis
are free once there is rotary position embedding.

Setting: a head has the weights $W_Q$ and $W_K$, $(D, d)$ with $D >= d$ and generic, and the logits
$x_iᵀ W_Q R_m W_Kᵀ x_j$ of the offset $m = i - j$ from 0 to $T - 1$. $R_m$ turns planes $f$ of the
head by $m θ_f$ and leaves $n₀$ coordinates alone. $κ_m = tr R_m / d$. Weights that have the same
logits for all tokens form a manifold, and its dimension counts the free changes of basis.

Take away: without rotary embedding all $d²$ changes of basis are free; with it and unlike angles
$d$ are free, a rotation and a scale for each plane (gauge_dimension). A random rotation of queries
and keys leaves the logits of offset 0 alone and changes those of offset $m$ by $2 (1 - κ_m²)$ of
their mean square (any_rotation). The singular value decomposition of a drawn rotary head of small
width $d$ costs as much (any_rotation-decomposed): it is not free.

Edges: planes that share their angle, up to its sign and modulo $2π$, may be mixed; planes with
angle 0 count as coordinates without rotation, and planes with angle $π$ may be mixed in any way. If
$D < d$, more changes are free. It does not matter whether singular values are moved into $W_Q$ or
$W_K$.

Paper: it takes the product of two weight matrices of a head apart by a singular value
decomposition, prunes the small values and trains those that are left. This page says where the
decomposition is free.

Abstract:

- Statement 1: query, key, value and output weights can be made orthogonal without further matrices.
  In part: gauge_dimension, any_rotation, any_rotation-decomposed. Without rotary embedding, which
  value and output weights never have; with it the decomposition of a drawn head is not free.
- Statement 2: an encoder keeps its results with 46 % fewer parameters, without training. Not on
  trial. It is a measurement of a large model.
- Statement 3: to prune 70 % of the pairs of query and key vectors costs a large model as little as
  8 % cost without the decomposition. Not on trial. It is a measurement.
- Statement 4: to train the singular values alone is an update of full rank, and does better than
  low-rank adapters. Not on trial. It is a measurement of large models.

Read: the abstract of both versions, in copies ("enabling their orthogonalization without the need
for transfer matrices"). Derived here: all claims. Not claimed: anything on what pruning costs.
Topic: sequence models and attention.
"""

from typing import Annotated, Any

import numpy as np

from paper_checks.briefs.common import gradient
from theory_on_trial import claim, derived, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Asymptotic, Bounded

SMALL = "more are more of the same; the Jacobian of all logits grows as its square"
Unlike = Annotated[int, Interval(0, 2, why=SMALL)]
Alike = Annotated[int, Interval(0, 2, why=SMALL)]
Still = Annotated[int, Interval(0, 2, why=SMALL)]
Alone = Annotated[int, Interval(0, 3, why=SMALL)]
Angle = Annotated[float, Interval(0.1, 3.0, why="a plane that is turned, by less than a half turn")]
Offset = Annotated[int, Interval(1, 4096, why="at offset 0 nothing is turned")]


def angles_of(unlike, alike, half=0, still=0):
    """The angles of planes: `unlike` of their own, `alike` of 2 (written in several ways), `half`
    of π and `still` of 0.
    """
    own = [0.9 / 3**f for f in range(unlike)]
    shared = [2.0, 2 * np.pi - 2.0, -2.0][:alike]
    return np.array([*own, *shared, *half * [np.pi], *still * [0.0]])


def rotation(angles, alone=0, offset=1):
    """R_m, (d, d): planes turned by m θ, and coordinates left alone."""
    size = 2 * len(angles) + alone
    matrix = np.eye(size)
    for f, angle in enumerate(angles):
        cosine = np.cos(offset * angle)
        sine = np.sin(offset * angle)
        matrix[2 * f : 2 * f + 2, 2 * f : 2 * f + 2] = [[cosine, -sine], [sine, cosine]]
    return matrix


def rotary_angles(planes, base=1e4):
    """base^(-f / planes), the angles of rotary embedding."""
    return base ** (-np.arange(planes) / planes)


@observed
def directions_lost(function, weights):
    """In how many directions of the weights a function, analytic, does not change: the dimension of
    the kernel of its Jacobian by complex steps.
    """
    jacobian = gradient(function, weights).reshape(weights.size, -1)
    values = np.linalg.svd(jacobian, compute_uv=False)
    return weights.size - np.sum(values > 1e-7 * values[0])


@observed
def free_directions(weights, rotations):
    """In how many directions of the weights no logit changes. The weights (g + 1, D, d) are those
    of g query heads and of one key head, the rotations (T, d, d).
    """

    def logits(stack):
        queries = stack[:, :-1, None]
        keys = stack[:, -1:, None]
        return queries @ rotations @ keys.swapaxes(-1, -2)

    return directions_lost(logits, weights)


@observed
def free_directions_of_rows(weights, rotations, tokens):
    """In how many directions of weights and biases no attention row changes, by the rows'
    logarithms. The last row of the weights (2, D + 1, d) are biases; tokens (sequences, T, D).
    """
    sequences, length, _ = tokens.shape
    extended = np.concatenate([tokens, np.ones((sequences, length, 1))], axis=2)

    def rows(stack):
        queries, keys = np.einsum("nla,...kab->k...nlb", extended, stack)
        turned_queries = np.einsum("lab,...nlb->...nla", rotations, queries)
        turned_keys = np.einsum("lab,...nlb->...nla", rotations, keys)
        logits = turned_queries @ turned_keys.swapaxes(-1, -2)
        shifted = logits - logits.real.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))

    return directions_lost(rows, weights)


@observed
def error_of_all_units(change, rotated):
    """The sum of the squared errors of qᵀ R_m k over all unit vectors q and k, if both go through a
    change of basis: the mean for white q and k.
    """
    units = np.eye(len(change))
    turned = units @ change
    return np.sum((turned @ rotated @ turned.T - units @ rotated @ units.T) ** 2)


@observed
def errors_of_rotations(generator, count, rotated):
    """The errors of all unit vectors over d for `count` rotations of uniform law, (count,)."""
    normal = generator.normal(size=(count, *rotated.shape))
    bases, triangles = np.linalg.qr(normal)
    # Without the signs the law is that of Householder's reflections, not uniform.
    bases *= np.sign(np.diagonal(triangles, axis1=1, axis2=2))[:, None, :]
    change = bases @ rotated @ bases.swapaxes(1, 2) - rotated
    return np.sum(change**2, axis=(1, 2)) / len(rotated)


@observed
def errors_of_decompositions(generator, count, inputs, rotated):
    """The relative squared errors (count,) of the logits of drawn heads (D, d), normal, if the
    singular value decomposition U S Vᵀ of W_Q W_Kᵀ gives the new weights U √S and V √S.

    The triangles of the QR decompositions of the weights are drawn in place of these (Bartlett): D
    may be large.
    """
    size = len(rotated)
    queries, keys = np.triu(generator.normal(size=(2, count, size, size)), 1)
    for triangle in (queries, keys):
        diagonal = np.sqrt(generator.chisquare(inputs - np.arange(size), size=(count, size)))
        triangle[:, range(size), range(size)] = diagonal
    left, values, right = np.linalg.svd(queries @ keys.swapaxes(1, 2))
    root = np.sqrt(values)
    after = (left * root[:, None, :]) @ rotated @ (root[:, :, None] * right)
    before = queries @ rotated @ keys.swapaxes(1, 2)
    return np.sum((after - before) ** 2, axis=(1, 2)) / np.sum(before**2, axis=(1, 2))


@observed
def decomposed(queries, keys):
    """The singular value decomposition of W_Q W_Kᵀ as new weights U √S and V √S, each (D, d)."""
    rank = queries.shape[1]
    left, values, right = np.linalg.svd(queries @ keys.T, full_matrices=False)
    return left[:, :rank] * np.sqrt(values[:rank]), right[:rank].T * np.sqrt(values[:rank])


@predicted
def gauge_dimension(angles, alone, length):
    """n₀² + Σ 2 μ² over angles that μ planes share, with (n₀ + 2 μ)² for planes of angle 0 and
    (2 μ)² for π; d² of one offset.
    """
    if length < 1:
        raise ValueError("length must be at least 1: without an offset there are no logits")
    if length == 1:
        return (2 * len(angles) + alone) ** 2
    folded = np.round(np.abs((np.asarray(angles) + np.pi) % (2 * np.pi) - np.pi), 9)
    kinds, counts = np.unique(folded, return_counts=True)
    total = alone
    mixed = 0
    for kind, planes in zip(kinds, counts, strict=True):
        if kind == 0:
            total += 2 * planes
        elif kind == np.round(np.pi, 9):
            mixed += (2 * planes) ** 2
        else:
            mixed += 2 * planes**2
    return int(total**2 + mixed)


@predicted
def free_biases(angles, alone):
    """By how many biases of the keys softmax is not changed: the coordinates that no R_m turns."""
    return alone + 2 * int(np.sum(np.asarray(angles) == 0))


@predicted
def error_of_two_axes(first, second, offset, turn):
    """2 (cos m θ₁ - cos m θ₂)² sin² α + 4 (1 - cos α)(sin² m θ₁ + sin² m θ₂)."""
    angles = offset * np.array([first, second])
    between = np.subtract(*np.cos(angles))
    return 2 * between**2 * np.sin(turn) ** 2 + 4 * (1 - np.cos(turn)) * np.sum(np.sin(angles) ** 2)


@predicted
def error_of_rotation(rotated):
    """2 (1 - κ²), κ = tr R_m / d."""
    return 2 * (1 - (np.trace(rotated) / len(rotated)) ** 2)


def rivals(law, **wrong):
    """The controls that differ from the law."""
    controls = {name.replace("_", " "): value for name, value in wrong.items() if value != law}
    return {"controls": controls, "ops": 0}


KINDS = [
    (2, 0, 0, 0, 0, 2),
    (1, 1, 0, 0, 1, 1),
    (0, 2, 0, 0, 0, 4),
    (1, 2, 0, 0, 0, 3),
    (1, 1, 0, 0, 2, 2),
    (1, 0, 1, 0, 0, 2),
    (1, 0, 2, 1, 3, 2),
    (0, 0, 0, 2, 1, 2),
    (0, 0, 0, 0, 1, 1),
]


@claim(derived("a change of basis commutes with $R_1$"), cases=KINDS)
def test_gauge_dimension(
    trial,
    unlike: Unlike,
    alike: Alike,
    half: Annotated[int, Interval(0, 2, why=SMALL)],
    still: Still,
    alone: Alone,
    length: Annotated[
        int, Interval(1, 4, why="with two offsets all is said; more only add logits")
    ],
):
    """A head with rotary embedding has generic weights $W_Q$ and $W_K$, $(D, d)$ with $D >= d$, and
    the logits $W_Q R_m W_Kᵀ$ of the offsets $m < T$. $R_m$ turns planes by multiples of their
    angles and leaves $n₀$ coordinates alone. The weights with the same logits form a manifold of
    dimension $n₀² + ∑_μ 2 μ²$ for $T >= 2$, with one term for each angle that $μ$ planes share up
    to its sign and whole turns, and of dimension $d²$ for $T = 1$. Planes of angle 0 count as
    coordinates left alone, and the term of the angle $π$ is $(2 μ)²$.
    """
    angles = angles_of(unlike, alike, half, still)
    size = 2 * len(angles) + alone
    trial.require(size > 0, "a head needs a plane or a coordinate that is left alone")
    weights = trial.generator("weights").normal(size=(2, size + 1, size))
    rotations = np.array([rotation(angles, alone, m) for m in range(length)])
    law = gauge_dimension(angles, alone, length)
    trial.identity(
        free_directions(weights, rotations),
        law,
        generic="a rank is that of almost all weights, because minors are analytic in them",
        **rivals(
            law,
            all_changes_of_basis=size**2,
            every_plane_on_its_own=2 * len(angles) + alone**2,
            a_rotation_for_each_plane=len(angles) + alone * (alone - 1) // 2,
        ),
    )


@claim(
    derived("one change of basis serves all query heads"),
    cases=[(0, 0, 3, 3), (2, 0, 0, 2), (1, 2, 1, 4)],
)
def test_shared_and_biased(
    trial,
    unlike: Unlike,
    alike: Alike,
    alone: Alone,
    heads: Annotated[int, Interval(2, 4, why="one query head has no other to share with")],
):
    """Let $g$ query heads share one key head. The weights with given logits form a manifold; its
    dimension is that of a single head, for every $g$.
    """
    angles = angles_of(unlike, alike)
    size = 2 * len(angles) + alone
    trial.require(size > 0, "a head needs a plane or a coordinate that is left alone")
    weights = trial.generator("weights").normal(size=(heads + 1, size + 1, size))
    rotations = np.array([rotation(angles, alone, m) for m in range(2)])
    law = gauge_dimension(angles, alone, 2)
    trial.identity(
        free_directions(weights, rotations),
        law,
        generic="a rank is that of almost all weights, because minors are analytic in them",
        **rivals(law, one_for_each_query_head=heads * law, all_changes_of_basis=size**2),
    )


@claim(
    derived("softmax ignores what a row shares"),
    cases=[(0, 0, 0, 3), (2, 0, 0, 0), (1, 0, 0, 1), (0, 2, 1, 2)],
)
def test_shared_and_biased__biases(trial, unlike: Unlike, alike: Alike, still: Still, alone: Alone):
    """Let queries and keys have biases. The weights and biases with the same attention rows, after
    softmax, form a manifold. Its dimension exceeds that of equal logits without biases by the
    number of coordinates that no $R_m$ turns: by $d$ without rotary embedding, by $n₀$ if no angle
    is 0.
    """
    angles = angles_of(unlike, alike, 0, still)
    size = 2 * len(angles) + alone
    trial.require(size > 0, "a head needs a plane or a coordinate that is left alone")
    generator = trial.generator("weights and tokens")
    weights = generator.normal(size=(2, size + 2, size)) / np.sqrt(size)
    tokens = generator.normal(size=(4 * size + 8, 3, size + 1))
    rotations = np.array([rotation(angles, alone, m) for m in range(3)])
    one_head = gauge_dimension(angles, alone, 3)
    law = one_head + free_biases(angles, alone)
    trial.identity(
        free_directions_of_rows(weights, rotations, tokens),
        law,
        generic="a rank is that of almost all weights, because minors are analytic in them",
        **rivals(
            law,
            no_bias_is_free=one_head,
            the_bias_of_the_keys_is_free=one_head + size,
        ),
    )


@claim(
    derived("expand the square"),
    cases=[(1.0, 0.1, 1, 0.3), (1.0, 0.1, 5, np.pi / 2), (3.0, 0.1, 4096, 0.05)],
)
def test_two_axes(
    trial,
    first: Angle,
    second: Angle,
    offset: Offset,
    turn: Annotated[float, Interval(0.05, np.pi, why="without a turn there is no error")],
):
    """Let $R_m$ turn two planes by $m θ₁$ and $m θ₂$. If the first axes of both planes are turned
    into each other by $α$ in queries and keys, the squared error of the logits has, for white
    queries and keys, the mean $2 (cos m θ₁ - cos m θ₂)² sin² α + 4 (1 - cos α)(sin² m θ₁ + sin² m
    θ₂)$.
    """
    change = np.eye(4)
    change[np.ix_([0, 2], [0, 2])] = rotation([turn])
    rotated = rotation([first, second], offset=offset)
    law = error_of_two_axes(first, second, offset, turn)
    cosines = np.cos(offset * np.array([first, second]))
    trial.identity(
        error_of_all_units(change, rotated),
        law,
        # Products of 4 × 4 matrices and a sum of 16 squares: some 30 roundings; the rest is room.
        ops=100,
        scale=8.0,
        controls={
            "rotations of the head are free": 0.0,
            "only the cosines of the planes differ": 2 * np.ptp(cosines) ** 2 * np.sin(turn) ** 2,
        },
    )


@claim(derived("$E A X Aᵀ = (tr X / d) I$"), cases=[(4, 1), (5, 8), (2, 3), (8, 64)])
def test_any_rotation(
    trial,
    planes: Annotated[int, Interval(2, 12, why="rotations of more planes take long to draw")],
    offset: Offset,
):
    """If a rotation $A$ of uniform law turns queries and keys of a head of width $d$, white queries
    and keys have logits of offset $m$ with the relative mean squared error
    $E ‖A R_m Aᵀ - R_m‖²/d = 2 (1 - κ_m²)$, $κ_m = tr R_m / d$.
    """
    rotated = rotation(rotary_angles(planes), offset=offset)
    law = error_of_rotation(rotated)
    # By the triangle inequality no rotation does more than twice what leaving out R_m does.
    largest = 4 * np.sum((rotated - np.eye(2 * planes)) ** 2) / (2 * planes)
    controls = {"$1 - κ²$, the distance from their mean $κ I$": law / 2}
    linear = 2 * (1 - np.trace(rotated) / len(rotated))
    if abs(linear - law) > 0.05 * law:
        controls["$2 (1 - κ)$"] = linear
    trial.mean(
        sampler=lambda generator, count: errors_of_rotations(generator, count, rotated),
        predict=law,
        law=Bounded(0, largest),
        margin=0.01 * law,
        controls=controls,
    )


@claim(
    tried(
        "abstract: orthogonalised without the need for transfer matrices",
        "what the decomposition of a rotary head costs",
    ),
    kind="limit",
    cases=[(4, 8, 10**6), (2, 3, 10**7), (8, 64, 10**7)],
)
def test_any_rotation__decomposed(
    trial,
    planes: Annotated[int, Interval(2, 8, why="wider heads need a larger D for the limit")],
    offset: Offset,
    inputs: Annotated[int, Interval(10**6, 10**8, why="D, a limit: at 2048 the error is 4 % more")],
):
    """A head of width $d$ has normal weights $W_Q$ and $W_K$, $(D, d)$, and rotary embedding $R_m$.
    The singular value decomposition $U S Vᵀ$ of $W_Q W_Kᵀ$ gives the new weights $U √S$ and $V √S$.
    As $D/d → ∞$, the mean squared error of its logits $W_Q R_m W_Kᵀ$ of offset $m$, relative to
    their mean square, tends to $2 (1 - κ_m²)$, $κ_m = tr R_m / d$.
    """
    rotated = rotation(rotary_angles(planes), offset=offset)
    law = error_of_rotation(rotated)
    trial.mean(
        sampler=lambda generator, count: errors_of_decompositions(
            generator, count, inputs, rotated
        ),
        predict=law,
        law=Asymptotic(),
        margin=0.02 * law,
        controls={"it is free": 0.0, "1 - κ²": law / 2},
    )


@figure("F1", claims=("any_rotation", "any_rotation-decomposed"))
def error_against_offset(planes: int = 32, draws: int = 10):
    """A random rotation of a rotary head changes its logits but at offset 0; so does a singular
    value decomposition, in drawn heads.

    Squared logit error in the mean square of the logits, heads of width 64. Marks: line:
    $2 (1 - κ²)$; points: drawn rotations, and decompositions of drawn heads of $D = 256$, with bars
    from the 5 % to the 95 % quantile.
    """
    generator = np.random.default_rng(0)
    angles = rotary_angles(planes)
    fine = np.unique(np.geomspace(1, 4096, 200).astype(int))
    law = [error_of_rotation(rotation(angles, offset=m)) for m in fine]
    offsets = 4 ** np.arange(7)
    points: dict[str, list[Any]] = {"random rotations": [], "decomposed heads": []}
    for m in offsets:
        rotated = rotation(angles, offset=m)
        points["random rotations"].append(errors_of_rotations(generator, draws, rotated))
        errors = []
        for head in generator.normal(size=(draws, 2, 256, 2 * planes)):
            before, after = (q @ rotated @ k.T for q, k in (head, decomposed(*head)))
            errors.append(np.sum((after - before) ** 2) / np.sum(before**2))
        points["decomposed heads"].append(errors)
    drawn = {}
    for name, values in points.items():
        means = np.mean(values, axis=1)
        ends = np.quantile(values, [0.05, 0.95], axis=1)
        drawn[name] = offsets, means, np.abs(ends - means)
    return chart(
        {"2 (1 − κ²)": (fine, law)},
        drawn,
        log="x",
        ylim=0,
        x="offset  (tokens)",
        y="relative squared error",
    )
