"""Dhulipala, Hadian, Jayaram, Lee & Mirrokni 2024, "MUVERA: Multi-Vector Retrieval via Fixed
Dimensional Encodings", NeurIPS, arXiv 2405.19504.

For one who replaces a max-similarity search by inner products of sketches and must choose the
number of hyperplanes: the sketch never overstates a similarity, and a random walk gives its mean
for two candidates.

Paper: a set of vectors is written into one long vector, so that an inner product approximates the
sum of largest similarities between two sets. This page studies the hashing part, without the final
projection and with one repetition.

Take away: near ties make hashing slow. To find the nearer of two documents at .3 and .6 radians
with a chance of .9, where a tie does not count, takes 23 hyperplanes if both lie on one side of the
query and 60 if they lie on opposite sides; at .3 and .4 radians it takes 72 and 390.

Queries $Q$ and documents $P$ are unit vectors; NCh is the mean over $q$ of the largest $<q, p>$.
$k$ Gaussian hyperplanes cut space into $2^k$ cells. The query's sketch holds in each cell the SUM
of its vectors there, the document's the MEAN of its vectors; an empty cell of the document is
filled with the mean of its vectors at the least Hamming distance. $F$ is the inner product of both
sketches divided by $|Q|$. $N_1$ and $N_2$ are the Hamming distances of documents $p_1$, $p_2$ from
$q$.

Edges: with one document $F$ equals NCh. If all documents are equally far from a query, $F$ equals
their common similarity.

Abstract:

- Statement 1: the search among sets of vectors becomes one among single vectors, for which there
  are fast solvers. No statement.
- Statement 2: inner products of the fixed encodings approximate the similarity of two sets of
  vectors. In part: two_documents, never_above. The mean for two documents and one side; without the
  final projection and with one repetition.
- Statement 3: the approximation is proved to be within any $ε$ of it. In part: never_above,
  cost_of_no_fill. One side holds for every draw; the final projection is not tried.
- Statement 4: it recalls as much as other heuristics with fewer candidates, and in the end more
  with less delay. Not on trial. It needs an index of a search engine.

Read: the abstract ("high-quality $ε$-approximations"). Derived here: all claims; that $F$ is
one-sided shows that an error above can come from the projection only. Not claimed: the rule for
ties of the released code, which may take the first vector, and a bound for more than two documents,
where a union bound says nothing. Topic: linear algebra for learning.
"""

from functools import partial
from typing import Annotated

import numpy as np
from numpy.polynomial.polynomial import polypow

from paper_checks.briefs.common import apart
from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Bernoulli, Bounded

Queries = Annotated[int, Interval(1, 8, why="a query has a vector; more are a longer mean")]
Documents = Annotated[
    int, Interval(2, 12, why="with one document every cell holds the same vector")
]
Dim = Annotated[int, Interval(2, 16, why="on a line two unit vectors are the same or opposite")]
Bits = Annotated[
    int, Interval(1, 5, why="the sketches have 2^bits cells, and no bit makes no cells")
]
SETS = 344  # of vectors in each of two cases, so that fewer than 1 % of all can fail


def unit(vectors):
    """Vectors (…, d) at unit length."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def drawn_directions(generator, number, dim):
    """Uniform unit vectors (SETS, number, d)."""
    return unit(generator.normal(size=(SETS, number, dim)))


def on_the_sphere(near, far, turn):
    """A query, two documents at angles near and far from it, in directions that differ by turn; the
    angle of both.
    """
    second = [np.cos(far), np.sin(far) * np.cos(turn), np.sin(far) * np.sin(turn)]
    vectors = np.array([[1.0, 0, 0], [np.cos(near), np.sin(near), 0], second])
    return vectors, np.arccos(np.clip(vectors[1] @ vectors[2], -1, 1))


@observed
def products(queries, documents, planes, fill=True):
    """F for each draw of hyperplanes, from both sketches written out: 2^k cells of vectors. Sets of
    vectors are (…, vectors, d), one for all draws or one for each.
    """
    cells = np.indices((2,) * planes.shape[1]).reshape(planes.shape[1], -1).T[..., None]
    to_query, to_document = (
        np.sum((planes @ v.mT > 0)[:, None] != cells, axis=2) for v in (queries, documents)
    )
    in_cell = to_document == (to_document.min(axis=2, keepdims=True) if fill else 0)
    document = in_cell @ documents / np.maximum(in_cell.sum(axis=2, keepdims=True), 1)
    return np.sum(((to_query == 0) @ queries) * document, axis=(1, 2)) / queries.shape[-2]


@observed
def sampled_shares(generator, n, vectors, bits, fill=True):
    """F of the first vector with all others from its least value, 0 without fill, to its largest as
    from 0 to 1.
    """
    planes = generator.normal(size=(n, bits, vectors.shape[1]))
    similarities = vectors[1:] @ vectors[0]
    signs = (planes @ vectors.T > 0).reshape(n, -1)
    # Sketches of equal signs are equal: each is written out once.
    _, first, outcome = np.unique(signs, axis=0, return_index=True, return_inverse=True)
    low = fill * similarities.min()
    high = similarities.max()
    return np.round(
        (products(vectors[:1], vectors[1:], planes[first], fill) - low) / (high - low), 9
    )[outcome]


@predicted
def chamfer(queries, documents):
    """NCh: the mean of the largest similarities."""
    return np.mean(np.max(queries @ documents.mT, axis=-1), axis=-1)


@predicted
def chance_of_nearer(near, far, between, bits):
    """P(N1 < N2) + P(N1 = N2) / 2, where N2 - N1 has k steps, +1 with chance a and -1 with chance
    b.
    """
    up = (far + between - near) / (2 * np.pi)
    down = (near + between - far) / (2 * np.pi)
    law = polypow([down, 1 - up - down, up], bits)
    return law[bits + 1 :].sum() + law[bits] / 2


@predicted
def chance_of_one_cell(angle, bits):
    """(1 - t / π)^k."""
    return (1 - angle / np.pi) ** bits


@predicted
def by_hamming_distance(queries, documents, planes):
    """F without sketches: for each query the mean similarity of the documents whose bits differ
    least.
    """
    query_bits, bits = (vectors @ planes.transpose(0, 2, 1) > 0 for vectors in (queries, documents))
    distances = np.sum(query_bits[:, :, None] != bits[:, None], axis=3)
    nearest = distances == distances.min(axis=2, keepdims=True)
    return np.mean(np.sum(nearest * (queries @ documents.mT), axis=2) / nearest.sum(axis=2), axis=1)


@claim(
    derived("$F$ is a mean of $<q, p>$ over some $p$"),
    kind="bound",
    cases=[(8, 12, 8, 4), (1, 2, 2, 1)],
)
def test_never_above(trial, queries: Queries, documents: Documents, dim: Dim, bits: Bits):
    """Let $F$ be the inner product of the sketches of query vectors (sums over cells of random
    hyperplanes, divided by the number of vectors) and of document vectors (means over cells, empty
    cells filled). $F$ is at most the mean over query vectors of the largest inner product with a
    document vector, for every draw of hyperplanes.
    """
    generator = trial.generator("vectors")
    query, document = (drawn_directions(generator, n, dim) for n in (queries, documents))
    planes = generator.normal(size=(SETS, bits, dim))
    # The first query is .5 from one document and π/2 - .5 from another: draws find either.
    first, beside = document[:, 0], document[:, 1]
    beside = unit(beside - np.sum(first * beside, axis=1, keepdims=True) * first)
    document[:, 1] = beside
    query[:, 0] = np.cos(0.5) * first + np.sin(0.5) * beside
    sets = (document, document[:, :1])
    measured = np.stack([products(query, some, planes) for some in sets], axis=1)
    bounds = np.stack([chamfer(query, some) for some in sets], axis=1)
    similarities = [np.mean(query @ some.mT, axis=(1, 2)) for some in sets]
    controls = {"mean similarity": 1 + np.stack(similarities, axis=1)}
    # All are counted from the least value, -1.
    trial.bound(
        1 + measured,
        1 + bounds,
        instances="draws",
        independent=SETS,
        ops=200,
        scale=1.0,
        controls=controls,
    )


@claim(
    derived("a walk"),
    kind="identity",
    cases=[(0.8, 1.4, 0.0, 4), (0.8, 1.4, np.pi, 4), (0.3, 0.6, 1.0, 5)],
)
def test_two_documents(
    trial,
    near: Annotated[float, Interval(0, 1.9, why="in radians, nearer than the other document")],
    far: Annotated[
        float,
        Interval(
            0.1, 2, why="in radians; beyond, the nearer one at angle 0 is all that draws find"
        ),
    ],
    turn: Annotated[
        float, Interval(0, np.pi, why="the angle at q between the arcs to both documents")
    ],
    bits: Bits,
):
    """Let $k$ random hyperplanes cut space into cells. Let $F$ be the inner product of the sketches
    of a query $q$ and of two documents $p_1$, $p_2$, where an empty cell holds the mean of the
    nearest documents. Then $E F = <q, p_2> + (<q, p_1> - <q, p_2>) (P(N > 0) + P(N = 0)/2)$, where
    $N$ is a walk of $k$ steps, +1 with chance $(t_2 + t_12 - t_1)/2π$ and -1 with chance
    $(t_1 + t_12 - t_2)/2π$, and $t_1$, $t_2$, $t_12$ are the angles of $q$ and $p_1$, $q$ and
    $p_2$, $p_1$ and $p_2$.
    """
    trial.require(
        far >= near + 0.1,
        "far must exceed near by .1: documents equally far have the same similarity",
    )
    vectors, between = on_the_sphere(near, far, turn)
    mean, alone = (
        chance_of_nearer(near, far, t, bits) for t in (between, near + far - 2 * near * far / np.pi)
    )
    rivals = {
        "the nearer is always found": 1.0,
        "no better than chance": 0.5,
        "independent bits": alone,
    }
    controls = apart(rivals, mean, 0.03)
    trial.mean(
        sampler=partial(sampled_shares, vectors=vectors, bits=bits),
        predict=mean,
        law=Bounded(0, 1),
        margin=0.007,
        controls=controls,
        first=4096,
        most=500_000,
    )


@claim(derived("all $k$ bits must agree"), kind="identity", cases=[(0.6, 4), (1.0, 1), (0.1, 5)])
def test_cost_of_no_fill(
    trial,
    angle: Annotated[
        float, Interval(0.1, 1, why="in radians; at 0 all bits agree, beyond 1 they do too rarely")
    ],
    bits: Bits,
):
    """A query vector $q$ and one document vector $p$ have the angle $t$. If empty cells of $k$
    random hyperplanes stay empty, the inner product of their sketches has the mean
    $<q, p> (1 - t / π)^k$.
    """
    law = chance_of_one_cell(angle, bits)
    controls = {
        "as if the cell were filled": 1.0,
        "bits agree with chance $(1 + cos t)/2$": ((1 + np.cos(angle)) / 2) ** bits,
    }
    vectors = on_the_sphere(angle, 0, 0)[0][:2]
    trial.mean(
        sampler=partial(sampled_shares, vectors=vectors, bits=bits, fill=False),
        predict=law,
        law=Bernoulli(),
        margin=0.015 * law,  # 1 % would take a million draws
        controls=controls,
        most=2**21,
    )


@claim(
    derived("a mean forgets copies"),
    kind="identity",
    cases=[(8, 12, 8, 4, 3), (1, 2, 2, 1, 2)],
)
def test_duplicates(
    trial,
    queries: Queries,
    documents: Documents,
    dim: Dim,
    bits: Bits,
    copies: Annotated[int, Interval(2, 5, why="one copy repeats nothing")],
):
    """Repeating every document vector leaves the inner product of the sketches unchanged, because a
    document's cell holds a mean; with sums it would be multiplied.
    """
    generator = trial.generator("vectors")
    query, document = (drawn_directions(generator, n, dim) for n in (queries, documents))
    planes = generator.normal(size=(SETS, bits, dim))
    copied = np.repeat(document, copies, axis=1)
    measured = products(query, copied, planes)
    law = by_hamming_distance(query, document, planes)
    trial.identity(
        measured,
        law,
        # Sums of at most 512 terms (16 coordinates of 2^5 cells), which hold sums of at most 60
        # documents and of 8 queries.
        ops=1000,
        scale=1.0,
        independent=SETS,
        controls={"sums of vectors, as for queries": copies * law},
    )


@figure("F1", claims=("two_documents",))
def sketches_of_two_documents(near: float = 0.3, far: float = 0.6, draws: int = 2000):
    """How soon hyperplanes find the nearer of two documents depends on where the other one lies.

    Documents at .3 and .6 radians from the query, where the angle between them is 0, 90 or 180
    degrees; $F$ is 0 if it is the lower similarity, 1 if the higher. Marks: lines: theory; points:
    means of 2000 draws, 95 % intervals.
    """
    all_k = np.arange(1, 11)
    some = np.array([1, 2, 4, 6, 8, 10])
    lines = {}
    points = {}
    for degrees in (0, 90, 180):
        vectors, between = on_the_sphere(near, far, np.radians(degrees))
        generator = np.random.default_rng(0)
        shares = np.array([sampled_shares(generator, draws, vectors, k) for k in some])
        lines[f"{degrees}°"] = all_k, [chance_of_nearer(near, far, between, k) for k in all_k]
        points[f"{degrees}°"] = (
            some,
            shares.mean(axis=1),
            1.96 * shares.std(axis=1) / np.sqrt(draws),
        )
    return chart(
        lines,
        points,
        x="hyperplanes k",
        y="mean F in units of its range",
    )
