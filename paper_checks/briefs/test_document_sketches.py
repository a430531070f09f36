"""Dhulipala et al. 2024, "MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings", arXiv 2405.19504.

For one who replaces a max-similarity search by inner products of sketches and must choose the number of hyperplanes:
the sketch never overstates a similarity, and with two candidates its mean is a random walk's.

Queries Q and documents P are unit vectors; NCh is the mean over q of the largest <q, p>. k Gaussian hyperplanes cut
space into 2^k cells. The query's sketch holds in each cell the SUM of its vectors there, the document's the MEAN of
its vectors; an empty cell of the document is filled with the mean of its vectors at the least Hamming distance. F is
the inner product of both sketches divided by |Q|. There is one repetition and no inner projection.

Read: the abstract ("high-quality epsilon-approximations"). Derived here: all claims; that F is one-sided shows that an
error above can come from the projection only. Not claimed: the rule for ties of the released code, which may take the
first vector, and a bound for more than two documents, where a union bound says nothing.
Topic: linear algebra for learning.
"""

from typing import Annotated

import numpy as np

from theory_on_trial import abstract, claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Bernoulli, Bounded

Queries = Annotated[int, Interval(1, 8, why="a query has a vector; more are a longer mean")]
Documents = Annotated[int, Interval(2, 12, why="of one document every cell holds the same vector")]
Dim = Annotated[int, Interval(2, 16, why="on a line two unit vectors are the same or opposite")]
Bits = Annotated[int, Interval(1, 5, why="the sketches have 2^bits cells, and no bit makes no cells")]
Copies = Annotated[int, Interval(2, 5, why="one copy repeats nothing")]
Near = Annotated[float, Interval(0, 1.9, why="in radians, nearer than the other document")]
Far = Annotated[float, Interval(0.1, 2, why="in radians; beyond, the nearer one at angle 0 is all that draws find")]
Turn = Annotated[float, Interval(0, np.pi, why="the angle at q between the arcs to both documents")]
Angle = Annotated[float, Interval(0.1, 1, why="in radians; at 0 all bits agree, beyond 1 they do too rarely")]


def unit_vectors(generator, count, dim):
    """Random directions, as rows."""
    vectors = generator.normal(size=(count, dim))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def on_the_sphere(near, far, turn):
    """A query, and two documents at angles near and far from it, in directions that differ by turn."""
    first = [np.cos(near), np.sin(near), 0.0]
    second = [np.cos(far), np.sin(far) * np.cos(turn), np.sin(far) * np.sin(turn)]
    return np.array([[1.0, 0, 0], first, second])


@observed
def cell_numbers(vectors, planes):
    """The cell of each vector under each draw of k hyperplanes, read as a binary number."""
    return (planes @ vectors.T > 0).transpose(0, 2, 1) @ 2 ** np.arange(planes.shape[1])


@observed
def products(queries, documents, query_cells, document_cells, bits, fill=True):
    """F for each row of cell numbers, from both sketches written out: 2^k cells of vectors."""
    cells = np.arange(2**bits)[:, None]
    distances = np.bitwise_count(document_cells[:, None, :] ^ cells)
    held = distances == (distances.min(axis=2, keepdims=True) if fill else 0)
    document = held @ documents / np.maximum(held.sum(axis=2, keepdims=True), 1)
    query = (query_cells[:, None, :] == cells) @ queries
    return np.sum(query * document, axis=(1, 2)) / len(queries)


@observed
def sampled_products(generator, n, vectors, bits, fill=True):
    """F of the first vector with all others, under n draws of hyperplanes; each outcome is written out once."""
    codes = cell_numbers(vectors, generator.normal(size=(n, bits, vectors.shape[1])))
    _, first, outcome = np.unique(codes @ 2 ** (bits * np.arange(len(vectors))), return_index=True, return_inverse=True)
    return products(vectors[:1], vectors[1:], codes[first, :1], codes[first, 1:], bits, fill)[outcome]


@predicted
def chamfer(queries, documents):
    """NCh: the mean of the largest similarities."""
    return np.mean(np.max(queries @ documents.T, axis=1))


@predicted
def chance_of_nearer(vectors, bits, joint=True):
    """P(N1 < N2) + P(N1 = N2) / 2, where N2 - N1 has k steps, +1 with chance a and -1 with chance b."""
    angles = np.arccos(np.clip(vectors @ vectors.T, -1, 1))
    t1, t2, t12 = angles[0, 1], angles[0, 2], angles[1, 2]
    up, down = (t2 + t12 - t1) / (2 * np.pi), (t1 + t12 - t2) / (2 * np.pi)
    if not joint:  # as if each document had hyperplanes of its own
        up, down = t2 / np.pi * (1 - t1 / np.pi), t1 / np.pi * (1 - t2 / np.pi)
    law = np.ones(1)
    for _ in range(bits):
        law = np.convolve(law, [down, 1 - up - down, up])
    return law[bits + 1 :].sum() + law[bits] / 2


@predicted
def chance_of_one_cell(angle, bits):
    """(1 - t / pi)^k."""
    return (1 - angle / np.pi) ** bits


@predicted
def by_hamming_distance(queries, documents, planes):
    """F without sketches: for each query the mean similarity of the documents whose bits differ least."""
    query_bits, bits = (vectors @ planes.transpose(0, 2, 1) > 0 for vectors in (queries, documents))
    distances = np.sum(query_bits[:, :, None] != bits[:, None], axis=3)
    nearest = distances == distances.min(axis=2, keepdims=True)
    return np.mean(np.sum(nearest * (queries @ documents.T), axis=2) / nearest.sum(axis=2), axis=1)


@claim(abstract("high-quality epsilon-approximations"), kind="bound", cases=[(8, 12, 8, 4), (1, 2, 2, 1)])
def test_never_above(trial, queries: Queries, documents: Documents, dim: Dim, bits: Bits):
    """F is at most NCh for every draw of hyperplanes, and equals it for one document."""
    generator, draws = trial.generator("vectors"), 200
    query, document = unit_vectors(generator, queries, dim), unit_vectors(generator, documents, dim)
    planes = generator.normal(size=(draws, bits, dim))
    cells = cell_numbers(query, planes), cell_numbers(document, planes)
    alone = products(query, document[:1], cells[0], cells[1][:, :1], bits)
    measured = np.stack([products(query, document, *cells, bits), alone])
    bounds = np.repeat([[chamfer(query, document)], [chamfer(query, document[:1])]], draws, axis=1)
    wrong = {"mean similarity": 1 + np.minimum(bounds, [[np.mean(query @ document.T)], [np.inf]])}
    options = {"found_by": "draws", "independent": draws, "ops": 10 * (queries + documents), "scale": 1.0}
    trial.bound(1 + measured, 1 + bounds, controls=wrong, **options)  # counted from the least similarity, -1


@claim(ours("derived: a walk"), kind="identity", cases=[(0.8, 1.4, 0.0, 4), (0.8, 1.4, np.pi, 4), (0.3, 0.6, 1.0, 5)])
def test_two_documents(trial, near: Near, far: Far, turn: Turn, bits: Bits):
    """E F = <q, p2> + (<q, p1> - <q, p2>) (P(N1 < N2) + P(N1 = N2) / 2), the N being Hamming distances from q."""
    trial.require(far >= near + 0.1, "far must exceed near by .1: documents equally far have the same similarity")
    vectors = on_the_sphere(near, far, turn)
    low, high = vectors[0] @ vectors[2], vectors[0] @ vectors[1]
    expected, alone = chance_of_nearer(vectors, bits), chance_of_nearer(vectors, bits, joint=False)
    wrong = {"sign of the walk": 1 - expected} | ({"independent": alone} if abs(alone - expected) > 0.03 else {})

    def shares(generator, n):
        return np.clip((sampled_products(generator, n, vectors, bits) - low) / (high - low), 0, 1)

    options = {"margin": 0.008, "first": 4096, "most": 500_000}
    trial.mean(sampler=shares, predict=expected, law=Bounded(0, 1), controls=wrong, **options)


@claim(ours("derived: all k bits must agree"), kind="identity", cases=[(0.6, 4), (1.0, 1), (0.1, 5)])
def test_cost_of_no_fill(trial, angle: Angle, bits: Bits):
    """With one document and empty cells left empty, E F = <q, p> (1 - t / pi)^k."""
    vectors, expected = on_the_sphere(angle, 0, 0)[:2], chance_of_one_cell(angle, bits)
    wrong = {"one bit more": chance_of_one_cell(angle, bits + 1)}

    def whole(generator, n):
        return np.isclose(sampled_products(generator, n, vectors, bits, fill=False), np.cos(angle), rtol=1e-9)

    trial.mean(
        sampler=whole, predict=expected, law=Bernoulli(), margin=0.015 * expected, controls=wrong, most=2_000_000
    )


@claim(ours("derived: a mean forgets copies"), kind="identity", cases=[(8, 12, 8, 4, 3), (1, 2, 2, 1, 2)])
def test_duplicates(trial, queries: Queries, documents: Documents, dim: Dim, bits: Bits, copies: Copies):
    """Repeating every document vector leaves F unchanged; with sums in place of means it would be multiplied."""
    generator = trial.generator("vectors")
    query, document = unit_vectors(generator, queries, dim), unit_vectors(generator, documents, dim)
    planes, repeated = generator.normal(size=(50, bits, dim)), np.repeat(document, copies, axis=0)
    measured = products(query, repeated, cell_numbers(query, planes), cell_numbers(repeated, planes), bits)
    expected = by_hamming_distance(query, document, planes)
    wrong = {"sums of copies": copies * expected}
    trial.identity(measured, expected, ops=10 * copies * (queries + documents), scale=1.0, controls=wrong)


@figure("F1", claims=("two_documents",))
def sketches_of_two_documents(near: float = 0.3, far: float = 0.6, draws: int = 2000):
    """How soon hyperplanes find the nearer of two documents depends on where the other one lies.

    Documents at .3 and .6 radians from the query; the angle at the query between them is 0, 90 or 180 degrees. Lines:
    the theory. Points: means over 2000 draws of hyperplanes with 95 % intervals. Dotted: what is approximated.
    """
    every, some, lines, points = np.arange(1, 41), np.array([1, 2, 4, 6, 8]), {}, {}
    low, high = np.cos(far), np.cos(near)
    for degrees in (0, 90, 180):
        vectors, generator = on_the_sphere(near, far, np.radians(degrees)), np.random.default_rng(0)
        samples = np.array([sampled_products(generator, draws, vectors, k) for k in some])
        lines[f"{degrees}°"] = every, [low + (high - low) * chance_of_nearer(vectors, k) for k in every]
        points[f"{degrees}°"] = some, samples.mean(axis=1), 1.96 * samples.std(axis=1) / np.sqrt(draws)
    level = {"max similarity": high}
    return chart(lines, points, levels=level, x="hyperplanes k", y="mean inner product of sketches F")
