"""One audit with a budget: claims drawn at random, each put to a check that is drawn at random.

`theory-on-trial audit --minutes 30` says how far the verdicts of a repository are to be trusted:
how many fresh runs of which kind there were, how many went wrong, and the 95 % upper bound on the
share that would. Nothing is kept to be renewed: whoever doubts a verdict draws again.

`drawing` draws, `checks` says what is done in one run, `mistaken` and `mutants` make a prediction
and the code wrong, `processes` runs them, `report` counts.
"""
