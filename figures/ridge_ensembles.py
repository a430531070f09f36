"""The figures of the ridge ensembles."""
