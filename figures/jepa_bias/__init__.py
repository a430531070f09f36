"""The figures of JEPA's implicit bias (Littwin et al. 2024, arXiv 2407.03475), and new ones.

F1 learning curves of the scalar equations, F2 the effect of depth, F3 networks trained on
generative models, F4 phase diagram of the order, F5 displacement, F6 stability of all partial
states, F7 a predicted itinerary. Importing the package registers them.
"""

from figures.jepa_bias import scalar_equations, whole_networks

__all__ = ["scalar_equations", "whole_networks"]
