"""rustworkx: https://github.com/Qiskit/rustworkx/issues/950 in 0.13.0; 0.18.1 is right.

In the directed graph G(5, p) a node has 4 p outgoing edges on average.
"""

from theory_on_trial.laws import Bounded


def degrees(seed, n):
    import numpy as np
    import rustworkx as rx

    seeds = np.random.default_rng(seed).integers(2**31, size=n)
    graphs = [rx.directed_gnp_random_graph(5, 0.2, seed=int(s)) for s in seeds]
    return [graph.out_degree(2) for graph in graphs]


def test_out_degree(trial, there):
    """Node 2 of five has 0.8 outgoing edges on average."""
    trial.mean(there.sampler(degrees), 0.8, law=Bounded(0, 4), margin=0.15)
