"""Brings pytest's plugins in, for what is imported by its name alone: the server that forks the
judges of mutants.
"""

from theory_on_trial.testing.warm_python import import_plugins

import_plugins()
