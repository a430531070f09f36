"""What every room stands on: kinds of arrays, precision, many cells in one program, kept programs,
progress.
"""
