"""Predictive multiplicity: exact solvers, enumeration, ad-hoc pools, and integer-programming neighbours."""
