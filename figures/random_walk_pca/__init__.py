"""The figures of PCA of high-dimensional random walks (Antognini & Sohl-Dickstein 2018, arXiv
1806.08805), and new ones.

F1 walk, F2 its spectrum, F3 momentum, F4 Ornstein-Uhlenbeck, F5 averaged iterates, F6 and F7
trained networks, F8 decaying noise, F9 the circulant formula put to the test, F10 finite dimension.
Importing the package registers them.
"""

from figures.random_walk_pca import plain_walk, processes, training

__all__ = ["plain_walk", "processes", "training"]
