"""Names the released code."""

from functools import partial

from theory_on_trial import code

released = partial(code, "google-research/google-research", commit="1cf0498e")
