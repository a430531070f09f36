"""The papers' figures, redrawn: theory as lines over simulation as points.
`python -m figures --help`.
"""
