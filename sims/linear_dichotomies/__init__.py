"""The exact solver of linear dichotomies: it finds the best linear classifiers, with a proof.

A sample is a `Table` of distinct feature rows, with the weights n⁺_u and n⁻_u of the labels at each
row. A classifier counts by its dichotomy b alone: b_u = 1 where it predicts +1. A dichotomy is
linear if some weights give no row the score 0 and have these signs.

`ExactSolver` is the entry point. It takes a `Task`, a linear objective over all linear dichotomies
of the table, perhaps with some predictions fixed or with a cap on the errors:

- `least_errors`: the fewest errors E_0 of any linear classifier;
- `least_errors` with one prediction fixed: the fewest errors E_u of one that changes this row;
- `most_disagreement`: the most samples on which a competitor differs from a baseline;
- `ExactSolver.within`: all linear classifiers of at most so many errors.

What is proved. The answer is a classifier and a bound. The classifier is certified by its weights:
their signs are computed in exact rational arithmetic, and errors and disagreement are counted from
these signs. The bound holds for every linear classifier, without a margin: it follows from rows of
a 0/1 program that every linear dichotomy obeys (`circuits`), each checked in integers, and from
linear programs that HiGHS solves to 1e-9 a row. The status is "optimal" where bound and answer
meet: exactly for counts, to a relative 2e-6 for weights that are not whole.

What ends a search before that, and what is known then: the bound is still valid, and the answer
still certified, but they differ.

- "time limit": the time was over;
- "undecided": a dichotomy turned up that floating point can neither realise nor refute exactly,
  which takes rows that nearly coincide;
- "gave up": HiGHS failed three times, each time from the start.

How it works. `branch_and_cut` solves the 0/1 program: it adds the rows that are violated and
branches on what stays fractional. `certificates` finds weights of the largest margin for a
dichotomy, or circuits against it. `line_search` and `tilts` find good classifiers quickly and prove
nothing. Of points in general position, in few dimensions, `enumerate_paths` meets every dichotomy
once and answers all tasks at all tolerances together.
"""
