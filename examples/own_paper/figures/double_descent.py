"""The risk of least squares over the number of features: `python -m figures.double_descent` draws
it.
"""

import numpy as np

from theory.regression import risk


def curve(n, most):
    """Numbers of features 1 … most where the risk is finite, and the risks there."""
    features = np.array([d for d in range(1, most + 1) if abs(d - n) > 1])
    return features, np.array([risk(n, d) for d in features])


if __name__ == "__main__":
    import matplotlib.pyplot as plt

    plt.semilogy(*curve(40, 120))
    plt.xlabel("features")
    plt.ylabel("risk")
    plt.savefig("double_descent.png")
