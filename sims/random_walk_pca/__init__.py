"""High-dimensional random walks, their relatives, and training runs, seen through principal
component analysis. What names no source is derived here.

`trajectories` draws steps and runs a process on them, on their Gram matrix (whose memory does not
grow with the dimension), or on a few columns that are exact in law. `pca` has the components of
points, of a Gram matrix and, without any trajectory, of a sample in the basis of the population's.
`infinite_dimension` runs a process on unit impulses, so that no randomness is left. `training`
trains small networks.
"""
