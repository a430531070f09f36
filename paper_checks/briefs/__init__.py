"""Papers on one page: setting, what is predicted, what happens, claims and a figure in one module
each.
"""
