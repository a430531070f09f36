"""Naive Bayes or logistic regression, on a user's own features?

`assumption_diagnostics` says how far the assumptions of the theory hold, what naive Bayes will err
by in the end, how its need of samples grows with the features, and from which size on logistic
regression is ahead; `learning_curves` are the predictions behind that answer. How many samples
naive Bayes needs in a known design is `theory.naive_bayes_vs_logistic.naive_bayes_samples`.
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
