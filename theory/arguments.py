"""What a function of the theory accepts: its annotations, in float64."""

import functools

import arguments

validated = functools.partial(arguments.validated, double=True)
