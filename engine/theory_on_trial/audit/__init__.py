"""One audit with a budget: it draws claims at random, and a check for each of them at random.

`theory-on-trial audit --minutes 30` measures how often the verdicts of a repository are wrong: the
number of fresh runs of each check, the number of failures, and the 95 % upper bound on the share of
failures. Nothing is stored that would have to be renewed.

`drawing` draws, `checks` says what is done in one run, `mistaken` and `mutants` make a prediction
and the code wrong, `processes` runs them, `report` counts.
"""
