"""What all packages use: types of arrays, precision, many cells in one program, kept compiled
programs, progress.
"""
