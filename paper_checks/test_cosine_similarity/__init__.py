"""Steck, Ekanadham & Kallus 2024, "Is Cosine-Similarity of Embeddings Really About Similarity?",
arXiv 2403.05440.

WWW 2024 Companion. The abstract was read and no theorem, so that no published formula is corrected
here: on trial are the optima as they are commonly recalled, and what was derived here about gauges.
"""
