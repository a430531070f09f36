"""Tests of the ridge ensembles."""
