"""Globus-Harris et al. 2023, "Multicalibration as Boosting for Regression", ICML 2023, arXiv
2301.13767.

Its abstract and its released code (Declancharrison/Level-Set-Boosting) were read. The definitions
are recalled, and the constants derived here: no theorem is compared as published. All worlds are
finite and all means over them exact.

Abstract:

- Sentence 1: multicalibration and boosting for regression are connected. No statement.
- Sentence 2: multicalibration with respect to a class is the same as no swap regret in squared
  error. Holds at a smaller scale: step, converse, swap_regret. For linear classes.
- Sentence 3: a simple algorithm of repeated regressions boosts and multicalibrates. Holds at a
  smaller scale: halting, halting-rounds. For affine functions on finitely many points.
- Sentence 4: a weak-learning assumption makes it converge to the Bayes predictor, which need not be
  in the class. In part: weak_learning. For parities, which lie in the class that learns them; a
  Bayes predictor outside of the class is not on trial.
- Sentence 5: the assumption is necessary and sufficient for multicalibration to imply Bayes
  optimality. Holds at a smaller scale: weak_learning, weak_learning-finite. On finitely many
  points, where the condition is a rank; the paper has any class of functions.
- Sentence 6: if a class is a weak learner relative to another one, multicalibration for the first
  implies it for the second. In part: weak_learning-relative. For linear classes, of which the
  second contains the means of the labels.
- Sentence 7: the performance of the algorithm is investigated. No statement.
"""
