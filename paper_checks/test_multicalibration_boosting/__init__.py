"""Globus-Harris et al. 2023, "Multicalibration as Boosting for Regression", ICML 2023, arXiv
2301.13767.

Its abstract and its released code (Declancharrison/Level-Set-Boosting) were read. The definitions
are recalled, and the constants derived here: no theorem is compared as published. All worlds are
finite and all means over them exact.
"""
