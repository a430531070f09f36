"""Every paper's benchmark: `python -m benchmarks [PAPER …] [--quick]`; see `audits.benchmarks`."""

import sys

from audits.benchmarks import main

if __name__ == "__main__":
    sys.exit(main())
