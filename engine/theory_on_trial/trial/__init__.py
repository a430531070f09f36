"""Claims and their trials: who states a claim, its domain and its cases, its registration, and its
decisions.
"""
