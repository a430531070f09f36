"""What a function of the theory accepts: its annotations, in float64."""

import functools

from theory_on_trial import arguments

validated = functools.partial(arguments.validated, double=True)
