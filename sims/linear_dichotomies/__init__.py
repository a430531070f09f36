"""An exact solver that finds the best linear classifiers of a sample and proves that they are best.

A sample is a `Table` of distinct feature rows u, with the weights n⁺_u and n⁻_u of the labels at
each row. A classifier counts by its dichotomy b alone: b_u = 1 where it predicts +1, else 0. A
dichotomy is linear if some weights give no row the score 0 and predict b.

`ExactSolver` is the entry point. It takes a `Task`, a linear objective over all linear dichotomies
of the table, perhaps with some predictions fixed or with a limit on the errors:

- `least_errors`: the fewest errors E_0 of any linear classifier;
- `least_errors` with one prediction fixed: the fewest errors E_u of a classifier that changes it;
- `most_disagreement`: the most samples on which a competitor differs from a baseline;
- `ExactSolver.within`: all linear classifiers with at most so many errors.

What is proved. The answer is a classifier and a bound. The classifier's weights certify it: their
signs are computed in exact rational arithmetic, and its errors and its disagreement are counted
from these signs. The bound holds for every linear classifier, whatever its margin. It follows from
rows of a 0/1 program that every linear dichotomy satisfies (`circuits`), each checked in integers,
and from linear programs that HiGHS solves to 1e-9 a row. The status is "optimal" where the bound
meets the answer: exactly for counts, to a relative 2e-6 for weights that are not whole.

Three things end a search earlier. The bound is then still valid and the answer still certified, but
they differ.

- "time limit": no time was left;
- "undecided": a dichotomy turned up that floating point can neither realise nor refute exactly,
  which takes rows that nearly coincide;
- "gave up": HiGHS failed three times, each time from the start.

How it works. `branch_and_cut` solves the 0/1 program: it adds rows that are violated and branches
on values that stay fractional. `certificates` finds weights of the largest margin for a dichotomy,
or circuits that refute it. `line_search` and `tilts` find good classifiers quickly and prove
nothing. For points in general position in few dimensions `enumerate_paths` visits every dichotomy
once and solves all tasks at all tolerances together.
"""
