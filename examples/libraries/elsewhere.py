"""Calls functions in another interpreter, which may be older and has packages of its own.

`Interpreter(python).call(function, *arguments)` sends the source of a function, once, and then its
arguments as JSON, over a pipe. The function imports what it needs; it returns numbers, or an array
of numbers. The other interpreter needs Python 3 and NumPy, but not theory-on-trial.
"""

import inspect
import json
import subprocess

import numpy as np

_CHILD = """
import json, sys
import numpy as np
answers = sys.stdout
sys.stdout = sys.stderr  # what a package prints is no answer
for line in sys.stdin:
    name, source, arguments = json.loads(line)
    exec(source, globals())
    answers.write(json.dumps(np.asarray(globals()[name](*arguments)).tolist()) + "\\n")
    answers.flush()
"""


class Interpreter:
    """Another Python; `python` is the path of its program."""

    def __init__(self, python):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([python, "-W", "ignore", "-c", _CHILD], **pipes)
        self._sent = set()

    def call(self, function, *arguments):
        """Return what a function of a module's top level returns there, as an array."""
        source = "" if function in self._sent else inspect.getsource(function)
        self._sent.add(function)
        print(json.dumps([function.__name__, source, arguments]), file=self._process.stdin)
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{function.__name__} raised in the other interpreter, see above")
        return np.array(json.loads(answer))

    def sampler(self, function):
        """Make `function(seed, n)`, which draws n samples there, a sampler of `(rng, n)` here."""
        return lambda rng, n: self.call(function, int(rng.integers(2**32)), n)

    def close(self):
        """End the other interpreter."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
