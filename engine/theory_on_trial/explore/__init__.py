"""Where does a claim hold? Settings drawn from its domain, searches for one that breaks it, and
maps over a grid.
"""
