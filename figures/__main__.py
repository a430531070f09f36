"""Redraw the figures: `python -m figures [PAPER[.FIGURE] …]`; see
`theory_on_trial.figures.command`.
"""

import sys

from theory_on_trial.figures.command import main

if __name__ == "__main__":
    sys.exit(main())
