"""The inequalities of the ridge ensembles, for the falsifier."""
