"""Networks of any width and parametrisation, trained by stochastic gradient descent, many at a
time.
"""

from sims.infinite_width.drawing import deep_nodes, draw_network, reduced_nodes, shallow_network
from sims.infinite_width.training import Network, features, kernel_descent, outputs, sgd_step, train
