"""Deep linear heads by their definition: decays to draw, and how far the gradient rounds."""

from hypothesis import settings

UNIT_ROUNDOFF = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=40)
