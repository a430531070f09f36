"""Networks of any width and parametrisation, trained by stochastic gradient descent, many at a time."""

from sims.infinite_width.drawing import draw_network, reduced_network, shallow_network
from sims.infinite_width.training import Network, features, kernel_descent, outputs, sgd_step, train

__all__ = [
    "Network",
    "draw_network",
    "features",
    "kernel_descent",
    "outputs",
    "reduced_network",
    "sgd_step",
    "shallow_network",
    "train",
]
