"""The audits: measured tables that say how far the verdicts of a repository are to be trusted.

`theory-on-trial audit NAME` runs one and keeps its table in the repository's folder `records`; `theory-on-trial audit`
runs them all. The core of the engine imports none of them.
"""

import importlib
import sys
from collections.abc import Sequence

AUDITS = {
    "benchmarks": "side by side with what people would otherwise run",
    "calibration": "how often is a verdict wrong, over many seeds?",
    "falsify": "how near does anything come to breaking a bound?",
    "fast_tier": "where does the time of the fast tier go?",
    "independence": "does the measured side of a claim share code with the predicted side?",
    "mutants": "does anything notice when the code is wrong?",
    "platforms": "do other platforms and versions say the same?",
    "scaling": "what does a figure cost at a hundred times its size, on one worker and on many?",
}
"""Name and question of every audit, each a module of this package with a function `main(arguments)`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the audit that is named first with the arguments that follow, or all of them; return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] and given[0].replace("-", "_") in AUDITS:
        return int(importlib.import_module(f"{__name__}.{given[0].replace('-', '_')}").main(given[1:]) or 0)
    if given:
        print("usage: theory-on-trial audit [NAME [OPTION …]]; without a name all of them, one after the other")
        for name, question in AUDITS.items():
            print(f"  {name.replace('_', '-'):14} {question}")
        return 0 if given[0] in ("-h", "--help") else 2
    return max(int(importlib.import_module(f"{__name__}.{name}").main([]) or 0) for name in AUDITS)
