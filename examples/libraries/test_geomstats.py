"""geomstats: https://github.com/geomstats/geomstats/issues/1598, open in 2.8.0.

The angle t of a rotation of space has the density (1 - cos t) / pi under the uniform (Haar)
measure, and so cos t is -1/2 on average. The documentation of 2.8.0 says that it does not draw
from this measure; the name of the method is `random_uniform`.
"""

from theory_on_trial.laws import Bounded


def of_geomstats(seed, n):
    import numpy as np
    from geomstats.geometry.special_orthogonal import SpecialOrthogonal

    np.random.seed(seed)
    vectors = SpecialOrthogonal(n=3, point_type="vector").random_uniform(n_samples=n)
    return np.cos(np.linalg.norm(np.reshape(vectors, (n, 3)), axis=1))


def of_scipy(seed, n):
    import numpy as np
    from scipy.spatial.transform import Rotation

    return np.cos(Rotation.random(n, random_state=seed).magnitude())


def test_uniform_rotations(trial, there):
    """The cosine of the angle of a uniform rotation is -1/2 on average."""
    trial.mean(there.sampler(of_geomstats), -0.5, law=Bounded(-1, 1), margin=0.1)


def test_uniform_rotations_of_scipy(trial, there):
    """The same of the rotations that SciPy draws."""
    trial.mean(there.sampler(of_scipy), -0.5, law=Bounded(-1, 1), margin=0.1)
