"""Every paper's benchmark: `python -m benchmarks [PAPER …] [--quick]`; see `theory_on_trial.audits.benchmarks`."""

import sys

from theory_on_trial.audits.benchmarks import main

if __name__ == "__main__":
    sys.exit(main())
