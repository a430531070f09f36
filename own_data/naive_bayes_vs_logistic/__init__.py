"""Naive Bayes or logistic regression, on a user's own features?

`assumption_diagnostics` says how far the assumptions of the theory hold, which error naive Bayes
will have in the end, how the number of samples that it needs grows with the features, and from
which number of samples on logistic regression has the smaller error. `learning_curves` returns the
predictions behind that answer. For a known design `theory.naive_bayes_vs_logistic` has
`naive_bayes_samples`, the number of samples that naive Bayes needs.
"""

from own_data.naive_bayes_vs_logistic.diagnostics import (
    AssumptionDiagnostics,
    assumption_diagnostics,
)
from own_data.naive_bayes_vs_logistic.learning_curves import (
    LogisticCurve,
    NaiveBayesCurve,
    learning_curves,
)
