"""Deciding: samples and numbers in, a finding out, with its interval, its controls and the error
that it detects.
"""
