"""networkx: https://github.com/networkx/networkx/issues/3389 in 2.6.3; 3.6.1 is right.

In the directed graph G(4, p) each of the twelve edges is there with probability p.
"""


def edge(seed, n):
    import networkx as nx
    import numpy as np

    seeds = np.random.default_rng(seed).integers(2**31, size=n)
    graphs = [nx.fast_gnp_random_graph(4, 0.2, seed=int(s), directed=True) for s in seeds]
    return [graph.has_edge(0, 1) for graph in graphs]


def test_edge(trial, there):
    """The edge from node 0 to node 1 is there with probability 0.2."""
    trial.probability(there.sampler(edge), 0.2, margin=0.05)
