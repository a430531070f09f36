import numpy as np


def gaps_on_huber(steps, thresholds, smoothness=1.0, radius=1.0):
    """f(x_N) - f* for Huber functions of the given thresholds on the line; shape [steps,
    thresholds].
    """
    thresholds = np.asarray(thresholds)
    points = np.full(len(thresholds), radius)
    found = {}
    for step in range(1, max(steps) + 1):
        points = points - np.clip(points, -thresholds, thresholds)  # the gradient is L times this
        size = np.abs(points)
        inside = size**2 / 2
        outside = thresholds * size - thresholds**2 / 2
        found[step] = smoothness * np.where(size <= thresholds, inside, outside)
    return np.array([found[step] for step in steps])
